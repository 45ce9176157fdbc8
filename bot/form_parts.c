/* The pieces of a form, each keeping the format of engine/chat.h by itself. */
#include "bot/form_parts.h"

json_t *form_new(const char *form, const char *ref, const char *title, const char *submit)
{
    json_t *f = json_object();
    json_put(f, "id", form);
    json_put(f, "ref", ref);
    json_put(f, "title", title);
    json_put(f, "submit", submit);
    json_put_new(f, "notes", json_array());
    json_put_new(f, "inputs", json_array());
    return f;
}

static json_t *push(json_t *list, json_t *take_item)
{
    int rc = json_array_append_new(list, take_item);
    assert(rc == 0);
    (void)rc;
    return json_array_get(list, json_array_size(list) - 1);
}

void form_note(json_t *form, const char *text)
{
    if (text[0])
        push(json_object_get(form, "notes"), json_text_safe(text));
}

json_t *form_input(json_t *form, const char *id, const char *kind, const char *label, const char *value)
{
    json_t *input = push(json_object_get(form, "inputs"), json_object());
    json_put(input, "id", id);
    json_put(input, "kind", kind);
    json_put(input, "label", label);
    json_put(input, "value", value);
    json_put_new(input, "optional", json_false());
    json_put_new(input, "live", json_false());
    return input;
}

void form_option(json_t *input, const char *value, const char *label)
{
    if (!json_object_get(input, "options"))
        json_put_new(input, "options", json_array());
    json_t *option = push(json_object_get(input, "options"), json_object());
    json_put(option, "value", value);
    json_put(option, "label", label);
}

const char *form_value(const json_t *values, const char *id, const char *otherwise)
{
    const char *text = json_string_value(json_object_get(values, id));
    return text && text[0] ? text : otherwise;
}
