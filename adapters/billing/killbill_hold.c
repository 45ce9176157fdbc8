/* Kill Bill's operations that set a state: hold, release, defer and plan. A defer is a hold: Kill Bill cannot put off one invoice.
 *
 * Kill Bill is quiet by tags on the account: OVERDUE_ENFORCEMENT_OFF stops the overdue states and so their notices, AUTO_PAY_OFF
 * stops charges, retries that are already scheduled included. So a hold is of the account, whichever invoice it is about. What was
 * tagged before is learned first and kept; a release takes off only what the hold put on. Taking AUTO_PAY_OFF off makes
 * Kill Bill pay what is open at once: that is what "resume" means there, and the capability says so.
 *
 * A plan is the same, and a custom field on the account tells people in Kill Bill's console what was agreed; such a field holds
 * 255 characters, and Kill Bill would happily add it twice, so it is looked for first.
 *
 * Setting a tag twice is the same as once and taking one off twice is a 404 that says it is off. So after an answer that
 * leaves things open the tags are read, and what is missing is written again, three times at most. */
#include "adapters/billing/killbill.h"
#include "adapters/billing/rest_items.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "engine/when.h"

enum { INVOICES_MAX = 100, WRITES_MAX = 3, LOOKS_MAX = 3, SAID_MAX = 160, NOTE_MAX = 255 };

#define NOTE_NAME "dunwell_plan"
#define LOOK_AGAIN_MS (12 * MS_SECOND)

/* In the order they are taken off: paying comes first, so that the overdue state is computed with the payment. */
static const struct {
    const char *id, *name;
} tags[] = {
    {"00000000-0000-0000-0000-000000000001", "auto_pay_off"},
    {"00000000-0000-0000-0000-000000000003", "overdue_enforcement_off"},
};

/* What the account was like before the hold; NULL when nobody knows. */
static const json_t *prior_of(const struct rest_call *c)
{
    const json_t *all = rest_is(c, "release") ? json_object_get(c->args, "prior") : json_object_get(c->stage, "prior");
    return json_object_get(all, rest_customer(c));
}

static void set_begin(struct rest_call *c)
{
    const json_t *given = json_at(c->args, "invoices"), *id;
    json_t *ids = rest_is(c, "defer") ? json_pack("[s]", json_str(c->args, "invoice", "")) : given ? json_deep_copy(given) : json_array();
    size_t n = json_array_size(ids), texts = 0, i;
    json_put_new(c->stage, "ids", ids);
    json_array_foreach(ids, i, id)
        texts += json_is_string(id) && *json_string_value(id);
    if (!*rest_customer(c))
        rest_refuse(c, "a customer is needed");
    else if (n == 0 || n != texts || n > INVOICES_MAX)
        rest_refuse(c, "between 1 and %d invoice ids are needed", INVOICES_MAX);
    else if (rest_is(c, "defer") && json_i64(c->args, "until_ms", 0) <= c->job->now_ms)
        rest_refuse(c, "a moment to come is needed");
    else if (rest_is(c, "release") && !json_is_object(prior_of(c)))
        rest_refuse(c, "what account %.80s was like before the hold is not known; take its tags AUTO_PAY_OFF and "
                        "OVERDUE_ENFORCEMENT_OFF off by hand", rest_customer(c));
    else if (rest_is(c, "release"))
        rest_go(c, "tags");
}

/* --- which invoices are still open --- */

static void open_send(struct rest_call *c)
{
    killbill_get(c, "accounts", rest_customer(c), "/invoices?unpaidInvoicesOnly=true");
}

static void open_take(struct rest_call *c)
{
    const json_t *ids = json_at(c->stage, "ids"), *id;
    json_t *held = json_array();
    size_t i;
    json_array_foreach(ids, i, id)
        if (killbill_row(killbill_list(c), "invoiceId", json_string_value(id)))
            json_array_append_new(held, json_string(json_string_value(id)));
    json_put_new(c->stage, "held", held);
    rest_go(c, "tags");
    if (json_array_size(held) == 0)
        rest_refuse(c, "nothing is open any more");
}

static bool account_trouble(struct rest_call *c)
{
    if (c->answer->status != 404)
        return false;
    if (rest_is(c, "release")) /* what is gone cannot be held: the release must not hang on it for ever */
        rest_done(c, json_pack("{s:O, s:O}", "released", json_at(c->args, "invoices"), "missing", json_at(c->args, "invoices")));
    else
        rest_refuse(c, "Kill Bill does not know account %.80s", rest_customer(c));
    return true;
}

/* --- tags --- */

static void tags_send(struct rest_call *c)
{
    killbill_get(c, "accounts", rest_customer(c), "/tags");
}

/* Is there something to write for this tag, seeing whether the account has it? */
static bool tag_wrong(const struct rest_call *c, size_t tag, bool there)
{
    return rest_is(c, "release") ? there && !json_flag(prior_of(c), tags[tag].name, true) : !there;
}

static json_t *held_result(const struct rest_call *c)
{
    const json_t *held = json_at(c->stage, "held");
    json_t *result = json_pack("{s:O, s:O, s:O}", "id", json_array_get(held, 0), "held", held, "prior", json_at(c->stage, "prior"));
    if (rest_is(c, "plan") || rest_is(c, "defer"))
        json_put(result, "mode", "held_by_dunwell");
    if (rest_is(c, "defer")) {
        json_put(result, "invoice", json_str(c->args, "invoice", ""));
        json_put_i64(result, "until_ms", json_i64(c->args, "until_ms", 0));
    }
    return result;
}

static void tags_over(struct rest_call *c)
{
    if (rest_is(c, "release"))
        rest_done(c, json_pack("{s:O}", "released", json_at(c->args, "invoices")));
    else if (rest_is(c, "plan"))
        rest_go(c, "notes");
    else
        rest_done(c, held_result(c));
}

/* Half a hold is a hold that must be undone: the refusal tells what was there before, so nothing is forgotten. */
static void tags_refused(struct rest_call *c)
{
    const char *why = json_str(c->stage, "why", NULL);
    rest_refuse_with(c, rest_is(c, "release") ? NULL : held_result(c), "read back: the tags of account %.80s were not changed%s%.160s", rest_customer(c),
                     why ? ": " : "", why ? why : "");
}

/* What the account has now: {"auto_pay_off": true, ...}. The tags to write go to the stage's "wrong". */
static json_t *tags_now(struct rest_call *c)
{
    json_t *wrong = json_array(), *now = json_object();
    for (size_t i = 0; i < DW_ARRAY_LEN(tags); i++) {
        bool there = killbill_row(killbill_list(c), "tagDefinitionId", tags[i].id) != NULL;
        json_put_new(now, tags[i].name, json_boolean(there));
        if (tag_wrong(c, i, there))
            json_array_append_new(wrong, json_string(tags[i].id));
    }
    json_put_new(c->stage, "wrong", wrong);
    return now;
}

/* A release writes one tag after the other, so only writes of the same tag are counted together. */
static void tags_take(struct rest_call *c)
{
    json_auto_t *now = tags_now(c);
    if (!rest_is(c, "release") && !json_object_get(c->stage, "prior"))
        json_put_new(c->stage, "prior", json_pack("{s:O}", rest_customer(c), now));
    const char *tag = json_str(c->stage, "wrong.0", "");
    bool same = str_eq(json_str(c->stage, "written", ""), tag);
    int64_t writes = same ? json_i64(c->stage, "writes", 0) : 0;
    json_put(c->stage, "written", tag);
    json_put_i64(c->stage, "writes", writes + 1);
    if (!*tag)
        tags_over(c);
    else if (writes >= WRITES_MAX || json_str(c->stage, "why", NULL))
        tags_refused(c);
    else
        rest_go(c, "set");
}

/* A hold puts on all that is missing with one call; a release takes off one after the other. */
static void set_send(struct rest_call *c)
{
    const json_t *wrong = json_at(c->stage, "wrong");
    if (rest_is(c, "release")) {
        AUTO_STR rest = str_fmt("/tags?tagDef=%s", json_string_value(json_array_get(wrong, 0)));
        killbill_write(c, "DELETE", "accounts", rest_customer(c), rest, NULL);
        return;
    }
    AUTO_STR body = json_text(wrong);
    killbill_write(c, "POST", "accounts", rest_customer(c), "/tags", body);
}

static void set_take(struct rest_call *c)
{
    rest_go(c, "tags");
}

static bool set_trouble(struct rest_call *c)
{
    char said[SAID_MAX];
    rest_said(c, said, sizeof said);
    if (!(rest_is(c, "release") && c->answer->status == 404)) /* "the tag does not exist": somebody was quicker */
        json_put_new(c->stage, "why", json_text_safe(*said ? said : "refused without a reason"));
    rest_go(c, "tags");
    return true;
}

/* --- what people see of a plan --- */

/* "A-12: 3x from 2027-01-05: ..." as far as Kill Bill's 255 characters reach. */
static char *note_text(const struct rest_call *c)
{
    AUTO_BUF text = BUF(NOTE_MAX);
    buf_addf(&text, "%.40s: ", json_str(c->args, "plan", "plan"));
    rest_instalments(c, &text);
    return buf_take(&text);
}

static void notes_send(struct rest_call *c)
{
    killbill_get(c, "accounts", rest_customer(c), "/customFields");
}

static void notes_take(struct rest_call *c)
{
    AUTO_STR text = note_text(c);
    const json_t *list = killbill_list(c), *row;
    int64_t writes = json_i64(c->stage, "notes", 0) + 1, looks = json_i64(c->stage, "looks", 0) + 1;
    size_t i;
    json_array_foreach(list, i, row)
        if (str_eq(json_str(row, "name", ""), NOTE_NAME) && str_eq(json_str(row, "value", ""), text)) {
            rest_done(c, held_result(c));
            return;
        }
    if (writes > 1 && looks < LOOKS_MAX) { /* what was written may still be on its way, and Kill Bill would take it twice */
        json_put_i64(c->stage, "looks", looks);
        rest_unknown(c, "notes", LOOK_AGAIN_MS, "Kill Bill does not show the note about the plan yet; looking once more");
        return;
    }
    json_put_i64(c->stage, "looks", 0);
    json_put_i64(c->stage, "notes", writes);
    if (writes <= WRITES_MAX) {
        rest_go(c, "note");
        return;
    }
    json_t *result = held_result(c); /* the plan is kept by Dunwell; the note is a courtesy */
    json_put(result, "note", "Kill Bill did not take the note about the plan");
    rest_done(c, result);
}

static void note_send(struct rest_call *c)
{
    AUTO_STR text = note_text(c);
    json_auto_t *fields = json_pack("[{s:s, s:s, s:s}]", "objectType", "ACCOUNT", "name", NOTE_NAME, "value", text);
    AUTO_STR body = json_text(fields);
    killbill_write(c, "POST", "accounts", rest_customer(c), "/customFields", body);
}

static void note_take(struct rest_call *c)
{
    rest_go(c, "notes");
}

/* Refused: reading them counts, and in the end the plan goes without its note. */
static bool note_trouble(struct rest_call *c)
{
    json_put_i64(c->stage, "looks", LOOKS_MAX); /* it is not on its way */
    rest_go(c, "notes");
    return true;
}

static const struct rest_state set_states[] = {
    {"open", open_send, open_take, account_trouble, NULL},
    {"tags", tags_send, tags_take, account_trouble, NULL},
    {"set", set_send, set_take, set_trouble, "tags"},
    {"notes", notes_send, notes_take, NULL, NULL},
    {"note", note_send, note_take, note_trouble, "notes"},
    {NULL, NULL, NULL, NULL, NULL},
};

const struct rest_op killbill_hold = {"hold", set_begin, set_states}, killbill_release = {"release", set_begin, set_states},
                         killbill_plan = {"plan", set_begin, set_states}, killbill_defer = {"defer", set_begin, set_states};
