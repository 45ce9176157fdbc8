/* The pieces a card is put together from. Each keeps the format of engine/chat.h by itself, so the builders read
 * like the card looks: first what is said, then what can be done, at most three buttons and five entries of the
 * menu. */
#include <stdio.h>
#include <string.h>

#include "bot/cards.h"

enum { ACTIONS_MOST = 3, MORE_MOST = 5, FIELDS_MOST = 10 };

static json_t *list_of(json_t *card, const char *name)
{
    json_t *list = json_object_get(card, name);
    if (!list) {
        json_put_new(card, name, json_array());
        list = json_object_get(card, name);
    }
    return list;
}

static json_t *append(json_t *list, json_t *take_item)
{
    int rc = json_array_append_new(list, take_item);
    assert(rc == 0);
    (void)rc;
    return json_array_get(list, json_array_size(list) - 1);
}

json_t *card_new(const struct engine *e, const char *title, const char *severity, const char *summary)
{
    json_t *card = json_object();
    json_put(card, "title", title);
    json_put(card, "severity", severity);
    json_put(card, "tag", e->shadow ? "SHADOW" : "");
    json_put(card, "mention", "");
    json_put(card, "summary", summary);
    static const char *const lists[] = {"paragraphs", "fields", "facts", "actions", "more"};
    for (size_t i = 0; i < DW_ARRAY_LEN(lists); i++)
        list_of(card, lists[i]);
    json_put(card, "footer", "");
    return card;
}

void card_paragraph(json_t *card, const char *text)
{
    if (text[0])
        append(list_of(card, "paragraphs"), json_text_safe(text));
}

void card_field(json_t *card, const char *label, const char *value)
{
    json_t *list = list_of(card, "fields");
    if (!value[0] || json_array_size(list) >= FIELDS_MOST)
        return;
    json_t *field = append(list, json_object());
    json_put(field, "label", label);
    json_put(field, "value", value);
}

void card_fact(json_t *card, const struct engine *e, const struct facts *f, const char *name)
{
    if (!facts_get(f, name) || (json_is_string(facts_get(f, name)) && !facts_str(f, name)[0]))
        return;
    AUTO_STR words = fact_words(f, name);
    json_t *fact = append(list_of(card, "facts"), json_object());
    json_put(fact, "name", fact_label(name));
    json_put(fact, "value", words);
    json_put(fact, "source", facts_source(f, name));
    json_put_i64(fact, "as_of_ms", facts_as_of(f, name));
    json_put_new(fact, "stale", json_boolean(fact_stale(f, name, e->now_ms)));
}

/* What follows the reference where a command needs more than that. */
static const char *command_rest(const char *id)
{
    static const char *const rests[][2] = {{"plan", " 3x from <date>"},        {"hold", " until <date>"},
                                           {"promise", " <amount> by <date>"}, {"dispute", " why <reason>"},
                                           {"decline", " <reason>"},           {"counter", " 3x"},
                                           {"credit", " <amount> why <reason>"},
                                           {"settle", " <amount> by <date> why <reason>"}};
    for (size_t i = 0; i < DW_ARRAY_LEN(rests); i++)
        if (str_eq(rests[i][0], id))
            return rests[i][1];
    return "";
}

static void action_common(json_t *action, const char *id, const char *label, const char *ref, int64_t revision)
{
    char value[64], command[96];
    snprintf(value, sizeof value, "%s@%lld", ref, (long long)revision);
    snprintf(command, sizeof command, "%s %s%s", id, ref, command_rest(id));
    json_put(action, "id", id);
    json_put(action, "label", label);
    json_put(action, "value", value);
    json_put(action, "command", command);
}

json_t *card_action(json_t *card, const char *id, const char *label, const char *style, const char *ref,
                    int64_t revision)
{
    json_t *list = list_of(card, "actions");
    assert(json_array_size(list) < ACTIONS_MOST);
    json_t *action = append(list, json_object());
    action_common(action, id, label, ref, revision);
    json_put(action, "style", style);
    return action;
}

void card_more(json_t *card, const char *id, const char *label, const char *ref, int64_t revision)
{
    json_t *list = list_of(card, "more");
    assert(json_array_size(list) < MORE_MOST);
    action_common(append(list, json_object()), id, label, ref, revision);
}

void card_footer(json_t *card, const char *text)
{
    json_put(card, "footer", text);
}
