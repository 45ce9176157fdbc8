/* A form as a modal, and the modal that a form turns into once it has an answer.
 *
 * An input's block and its element both carry the input's id: errors come back keyed by block, values by block and
 * element. While a form is loading it has no submit button, and Slack refuses inputs without one, so only its notes
 * are shown then. Slack keeps what a person typed into an input of the same id over an update, which is what a form
 * that recomputes its notes on each change needs. */
#include "adapters/chat/slack.h"

#include <string.h>

enum {
    TITLE_LIMIT = 24,
    ID_LIMIT = 255,
    LABEL_LIMIT = 2000,
    OPTION_TEXT_LIMIT = 75,
    OPTION_VALUE_LIMIT = 75,
    OPTIONS_MAX = 100,
    INPUT_MAX_LENGTH = 3000,
    NOTES_MAX = 40,
    INPUTS_MAX = 40,
    METADATA_LIMIT = 3000,
};

static json_t *option_of(const json_t *o)
{
    json_t *out = json_object();
    json_put_new(out, "text", slack_plain(json_str(o, "label", json_str(o, "value", "")), OPTION_TEXT_LIMIT));
    json_put(out, "value", json_str(o, "value", ""));
    return out;
}

/* A value that is empty, too long or there already would cost the whole form. */
static bool option_fits(const json_t *options, const json_t *o)
{
    const char *value = json_str(o, "value", "");
    for (size_t i = 0; i < json_array_size(options); i++)
        if (str_eq(json_str(json_array_get(options, i), "value", ""), value))
            return false;
    return !slack_is_blank(value) && strlen(value) <= OPTION_VALUE_LIMIT;
}

static json_t *select_of(const json_t *input)
{
    const json_t *all = json_at(input, "options");
    json_t *options = json_array(), *first = NULL;
    for (size_t i = 0; i < json_array_size(all) && json_array_size(options) < OPTIONS_MAX; i++) {
        const json_t *o = json_array_get(all, i);
        if (!option_fits(options, o))
            continue;
        json_array_append_new(options, option_of(o));
        if (!first && str_eq(json_str(o, "value", ""), json_str(input, "value", NULL)))
            first = json_deep_copy(json_array_get(options, json_array_size(options) - 1));
    }
    if (json_array_size(options) == 0) {
        json_decref(options);
        return NULL;
    }
    json_t *e = json_object();
    json_put(e, "type", "static_select");
    json_put_new(e, "options", options);
    if (first)
        json_put_new(e, "initial_option", first);
    return e;
}

/* Slack refuses a whole view for a date that is not shaped like one. */
static bool is_day(const char *text)
{
    static const char shape[] = "dddd-dd-dd";
    for (size_t i = 0; i < sizeof shape; i++) {
        bool digit = text[i] >= '0' && text[i] <= '9';
        if (shape[i] == 'd' ? !digit : text[i] != shape[i])
            return false;
    }
    return true;
}

static json_t *date_of(const json_t *input)
{
    json_t *e = json_object();
    json_put(e, "type", "datepicker");
    const char *value = json_str(input, "value", "");
    if (is_day(value))
        json_put(e, "initial_date", value);
    return e;
}

static json_t *text_of(const json_t *input)
{
    json_t *e = json_object();
    json_put(e, "type", "plain_text_input");
    json_put_i64(e, "max_length", INPUT_MAX_LENGTH);
    if (json_flag(input, "live", false)) /* else it tells only of Enter */
        json_put_new(e, "dispatch_action_config", json_pack("{s:[s]}", "trigger_actions_on", "on_character_entered"));
    const char *value = json_str(input, "value", "");
    if (*value) {
        struct slack_text t;
        slack_text_init(&t, INPUT_MAX_LENGTH);
        slack_text_plain(&t, value, true);
        AUTO_STR text = slack_text_take(&t);
        json_put(e, "initial_value", text);
    }
    return e;
}

/* NULL when there is nothing to choose from. */
static json_t *input_of(const json_t *input)
{
    const char *kind = json_str(input, "kind", "text"), *id = json_str(input, "id", "");
    json_t *e = str_eq(kind, "select") ? select_of(input) : str_eq(kind, "date") ? date_of(input) : text_of(input);
    if (!e)
        return NULL;
    json_put(e, "action_id", id);
    json_t *b = json_object();
    json_put(b, "type", "input");
    json_put(b, "block_id", id);
    json_put_new(b, "label", slack_plain(json_str(input, "label", ""), LABEL_LIMIT));
    json_put_new(b, "element", e);
    json_put_new(b, "optional", json_boolean(json_flag(input, "optional", false)));
    json_put_new(b, "dispatch_action", json_boolean(json_flag(input, "live", false)));
    return b;
}

static bool id_is_new(const json_t *blocks, const char *id)
{
    for (size_t i = 0; i < json_array_size(blocks); i++)
        if (str_eq(json_str(json_array_get(blocks, i), "block_id", NULL), id))
            return false;
    return !slack_is_blank(id) && strlen(id) <= ID_LIMIT;
}

static void add_inputs(json_t *blocks, const json_t *inputs)
{
    for (size_t i = 0; i < json_array_size(inputs) && i < INPUTS_MAX; i++) {
        const json_t *input = json_array_get(inputs, i);
        json_t *b = id_is_new(blocks, json_str(input, "id", "")) ? input_of(input) : NULL;
        if (!b) { /* said, because a form that lacks an input in silence cannot be understood */
            AUTO_STR text = str_fmt("%s: there is nothing to choose from.", json_str(input, "label", ""));
            b = slack_section(text);
        }
        json_array_append_new(blocks, b);
    }
}

static json_t *modal(const char *title, const char *close)
{
    json_t *v = json_object();
    json_put(v, "type", "modal");
    json_put_new(v, "title", slack_plain(title, TITLE_LIMIT));
    json_put_new(v, "close", slack_plain(close, TITLE_LIMIT));
    return v;
}

json_t *slack_view(const json_t *form)
{
    const char *submit = json_str(form, "submit", NULL), *id = json_str(form, "id", "");
    const char *ref = json_str(form, "ref", "");
    const json_t *notes = json_at(form, "notes");
    json_t *v = modal(json_str(form, "title", ""), "Cancel"), *blocks = json_array();
    for (size_t i = 0; i < json_array_size(notes) && i < NOTES_MAX; i++)
        json_array_append_new(blocks, slack_section(json_string_value(json_array_get(notes, i))));
    if (submit)
        add_inputs(blocks, json_at(form, "inputs"));
    if (json_array_size(blocks) == 0)
        json_array_append_new(blocks, slack_section("One moment\xE2\x80\xA6"));
    json_put_new(v, "blocks", blocks);
    if (submit)
        json_put_new(v, "submit", slack_plain(submit, TITLE_LIMIT));
    if (!slack_is_blank(id) && strlen(id) <= ID_LIMIT)
        json_put(v, "callback_id", id);
    if (*ref && strlen(ref) <= METADATA_LIMIT)
        json_put(v, "private_metadata", ref);
    return v;
}

json_t *slack_answer_view(const json_t *card, const char *text)
{
    json_t *v = modal("Dunwell", "Close");
    json_put_new(v, "blocks", json_is_object(card) ? slack_card_blocks(card, false) : slack_text_blocks(text));
    return v;
}
