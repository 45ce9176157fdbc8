/* Stripe's operations that set a state: hold, release, defer and plan. A defer is a hold of one invoice: Stripe has no "try again
 * on that day", so its own advancing stops and the day is kept by Dunwell, and noted in the metadata.
 *
 * They set auto_advance and metadata on invoices. All invoices are read before the first is written, so a wrong id changes
 * nothing; each write is read back and compared. An invoice that is paid or void by then needs nothing. Setting a state
 * twice is the same as once, so here a look that finds nothing may write again, with the same idempotency key, three times
 * at most. What was reached before a refusal is part of the refusal's result, so that nothing held is forgotten. */
#include "adapters/billing/stripe.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "engine/when.h"

enum { INVOICES_MAX = 100, WRITES_MAX = 3, SAID_MAX = 160, NOTE_MAX = 500 };

/* The stage's list: [{id, status, prior, done}], one for each invoice asked for; "i" is the one in work. */

static json_t *list_item(const struct rest_call *c)
{
    return json_array_get(json_at(c->stage, "list"), (size_t)json_i64(c->stage, "i", 0));
}

static const char *item_id(const struct rest_call *c)
{
    return json_str(list_item(c), "id", "");
}

static bool is_release(const struct rest_call *c)
{
    return str_eq(c->job->op, "release");
}

static bool is_plan(const struct rest_call *c)
{
    return str_eq(c->job->op, "plan");
}

static bool is_defer(const struct rest_call *c)
{
    return str_eq(c->job->op, "defer");
}

/* A reference of ours, text or number, as Stripe's metadata keeps it. False when there is none. */
static bool argument_text(const struct rest_call *c, const char *name, char *out, size_t size)
{
    const json_t *v = json_object_get(c->args, name);
    if (json_is_integer(v))
        snprintf(out, size, "%" PRId64, (int64_t)json_integer_value(v));
    else
        str_copy(out, size, json_is_string(v) ? json_string_value(v) : "");
    return *out != '\0';
}

static void set_begin(struct rest_call *c)
{
    json_auto_t *one = json_pack("[s]", json_str(c->args, "invoice", ""));
    const json_t *ids = is_defer(c) ? one : json_at(c->args, "invoices"), *id;
    json_t *list = json_array();
    size_t i;
    json_array_foreach(ids, i, id)
        if (json_is_string(id) && *json_string_value(id))
            json_array_append_new(list, json_pack("{s:O}", "id", id));
    json_put_new(c->stage, "list", list);
    json_put_i64(c->stage, "i", 0);
    if (json_array_size(list) == 0 || json_array_size(list) != json_array_size(ids) || json_array_size(list) > INVOICES_MAX)
        rest_refuse(c, "between 1 and %d invoice ids are needed", INVOICES_MAX);
    else if (is_defer(c) && json_i64(c->args, "until_ms", 0) <= c->job->now_ms)
        rest_refuse(c, "a moment to come is needed");
}

/* {held, prior} or {released}: what was reached so far; also said when the rest was refused, so nothing is forgotten. */
static json_t *set_result(const struct rest_call *c)
{
    json_t *reached = json_array(), *prior = json_object(), *missing = json_array(), *item;
    const json_t *list = json_at(c->stage, "list");
    size_t i;
    json_array_foreach(list, i, item) {
        const char *id = json_str(item, "id", "");
        if (json_flag(item, "gone", false))
            json_array_append_new(missing, json_string(id));
        if (!json_flag(item, "done", false))
            continue;
        json_array_append_new(reached, json_string(id));
        if (json_at(item, "prior"))
            json_put_new(prior, id, json_pack("{s:b}", "auto_advance", json_flag(item, "prior", false)));
    }
    json_t *result = json_object();
    json_put_new(result, is_release(c) ? "released" : "held", reached);
    if (is_release(c)) {
        json_decref(prior);
        json_put_new(result, "missing", missing);
    } else {
        json_put_new(result, "prior", prior);
        json_decref(missing);
    }
    return result;
}

static void set_refuse(struct rest_call *c, const char *why)
{
    rest_refuse_with(c, set_result(c), "%s", why);
}

static void set_finish(struct rest_call *c)
{
    json_t *result = set_result(c);
    const json_t *held = json_at(result, "held");
    if (is_release(c)) {
        rest_done(c, result);
        return;
    }
    if (json_array_size(held) == 0) {
        json_decref(result);
        rest_refuse(c, "nothing is open any more");
        return;
    }
    json_put(result, "id", json_string_value(json_array_get(held, 0)));
    if (is_defer(c)) {
        json_put(result, "invoice", json_str(c->args, "invoice", ""));
        json_put_i64(result, "until_ms", json_i64(c->args, "until_ms", 0));
    }
    if (is_plan(c) || is_defer(c))
        json_put(result, "mode", "held_by_dunwell");
    rest_done(c, result);
}

/* The next invoice that is open and not yet done, or the end. */
static void set_next(struct rest_call *c)
{
    json_t *item;
    const json_t *list = json_at(c->stage, "list");
    size_t i;
    json_put_i64(c->stage, "writes", 0);
    json_put_new(c->stage, "why", json_null());
    json_array_foreach(list, i, item)
        if (json_flag(item, "todo", false)) {
            json_put_i64(c->stage, "i", (int64_t)i);
            rest_go(c, "set");
            return;
        }
    set_finish(c);
}

static void learn_send(struct rest_call *c)
{
    stripe_get(c, "invoices", item_id(c), "");
}

/* Was this invoice advancing by itself before Dunwell held it? */
static bool prior_was_on(const struct rest_call *c, const char *id)
{
    return json_is_true(json_object_get(json_object_get(json_object_get(c->args, "prior"), id), "auto_advance"));
}

static void learn_next(struct rest_call *c)
{
    int64_t i = json_i64(c->stage, "i", 0) + 1;
    json_put_i64(c->stage, "i", i);
    if ((size_t)i >= json_array_size(json_at(c->stage, "list")))
        set_next(c);
}

static void learn_take(struct rest_call *c)
{
    json_t *item = list_item(c);
    const char *status = json_str(c->body, "status", ""), *customer = json_str(c->args, "customer", "");
    if (!str_eq(json_str(c->body, "id", ""), item_id(c))) {
        rest_refuse(c, "Stripe answered with another invoice than %.80s", item_id(c));
        return;
    }
    if (*customer && !str_eq(stripe_id(c->body, "customer"), customer)) {
        rest_refuse(c, "invoice %.80s belongs to another customer", item_id(c));
        return;
    }
    bool open = str_eq(status, "open");
    bool on = json_flag(c->body, "auto_advance", false);
    if (is_release(c)) {
        bool todo = open && prior_was_on(c, item_id(c)) && !on;
        json_put_new(item, "todo", json_boolean(todo));
        json_put_new(item, "done", json_boolean(!todo));
    } else {
        json_put_new(item, "todo", json_boolean(open));
        if (open)
            json_put_new(item, "prior", json_boolean(on));
    }
    learn_next(c);
}

static bool learn_trouble(struct rest_call *c)
{
    if (c->answer->status != 404)
        return false;
    if (is_release(c)) {
        /* What is gone cannot be held: the release must not hang on it for ever. */
        json_put_new(list_item(c), "done", json_true());
        json_put_new(list_item(c), "gone", json_true());
        learn_next(c);
    } else {
        rest_refuse(c, "Stripe does not know invoice %.80s", item_id(c));
    }
    return true;
}

/* "3x from 2027-01-05: 2027-01-05 401.67, ..." as far as Stripe's 500 characters reach. */
static char *instalments_text(const struct rest_call *c)
{
    const json_t *list = json_at(c->args, "instalments"), *row;
    const char *currency = json_str(c->args, "currency", "");
    AUTO_BUF text = BUF(NOTE_MAX);
    size_t i;
    json_array_foreach(list, i, row) {
        char day[WHEN_TEXT_SIZE], amount[MONEY_TEXT_SIZE], piece[160];
        if (json_str(row, "date", NULL))
            str_copy(day, sizeof day, json_str(row, "date", ""));
        else
            when_iso_day(day, json_i64(row, "date", json_i64(row, "date_ms", 0)), NULL);
        money_decimal(amount, money_of(json_i64(row, "amount", 0), currency));
        if (i == 0)
            buf_addf(&text, "%zux from %.40s:", json_array_size(list), day);
        snprintf(piece, sizeof piece, "%s %.40s %s %.3s", i ? "," : "", day, amount, currency);
        buf_adds(&text, piece);
    }
    return buf_take(&text);
}

static void set_send(struct rest_call *c)
{
    stripe_post(c, "invoices", item_id(c), "", item_id(c));
    struct http_request *r = &c->out->request;
    form_add(r, "auto_advance", is_release(c) ? "true" : "false");
    if (is_release(c))
        return;
    char note[NOTE_MAX + 1];
    if (argument_text(c, "case", note, sizeof note))
        form_add(r, "metadata[dunwell_case]", note);
    if (is_defer(c)) {
        char day[WHEN_TEXT_SIZE];
        form_add(r, "metadata[dunwell_until]", when_iso_day(day, json_i64(c->args, "until_ms", 0), NULL));
    }
    if (is_plan(c)) {
        AUTO_STR text = instalments_text(c);
        argument_text(c, "plan", note, sizeof note);
        form_add(r, "metadata[dunwell_plan]", note);
        form_add(r, "metadata[dunwell_instalments]", text);
    }
}

static void set_take(struct rest_call *c)
{
    rest_go(c, "back");
}

/* Refused by Stripe: perhaps because the invoice was paid a moment ago. Reading back tells. */
static bool set_trouble(struct rest_call *c)
{
    char said[SAID_MAX];
    if ((c->answer->status != 400 && c->answer->status != 404) ||
        str_eq(json_str(c->body, "error.type", ""), "idempotency_error") ||
        str_eq(json_str(c->body, "error.code", ""), "lock_timeout"))
        return false;
    rest_said(c, said, sizeof said);
    json_put_new(c->stage, "why", json_text_safe(*said ? said : "refused without a reason"));
    rest_go(c, "back");
    return true;
}

static bool note_is_there(const struct rest_call *c, const char *argument, const char *path)
{
    char wanted[NOTE_MAX + 1];
    return !argument_text(c, argument, wanted, sizeof wanted) || str_eq(json_str(c->body, path, ""), wanted);
}

/* Does Stripe show what we meant? */
static bool set_is_there(const struct rest_call *c)
{
    if (is_release(c))
        return json_flag(c->body, "auto_advance", false);
    if (json_flag(c->body, "auto_advance", true) || !note_is_there(c, "case", "metadata.dunwell_case"))
        return false;
    return !is_plan(c) || note_is_there(c, "plan", "metadata.dunwell_plan");
}

static void back_take(struct rest_call *c)
{
    json_t *item = list_item(c);
    const char *why = json_str(c->stage, "why", NULL);
    bool open = str_eq(json_str(c->body, "status", ""), "open");
    int64_t writes = json_i64(c->stage, "writes", 0) + 1;
    if (!str_eq(json_str(c->body, "id", ""), item_id(c))) {
        AUTO_STR text = str_fmt("read back: Stripe answered with another invoice than %.80s", item_id(c));
        set_refuse(c, text);
    } else if (!open) {
        json_put_new(item, "todo", json_false());
        json_put_new(item, "done", json_boolean(is_release(c)));
        set_next(c);
    } else if (set_is_there(c)) {
        json_put_new(item, "todo", json_false());
        json_put_new(item, "done", json_true());
        set_next(c);
    } else if (why || json_flag(c->stage, "final", false) || writes >= WRITES_MAX) {
        AUTO_STR text = str_fmt("read back: invoice %.80s was not changed%s%.160s", item_id(c), why ? ": " : "", why ? why : "");
        set_refuse(c, text);
    } else {
        json_put_i64(c->stage, "writes", writes);
        rest_go(c, "set");
    }
}

static bool back_trouble(struct rest_call *c)
{
    if (c->answer->status != 404)
        return false;
    json_put_new(list_item(c), "todo", json_false());
    json_put_new(list_item(c), "gone", json_true());
    if (is_release(c)) {
        json_put_new(list_item(c), "done", json_true());
        set_next(c);
    } else {
        AUTO_STR text = str_fmt("Stripe does not know invoice %.80s any more", item_id(c));
        set_refuse(c, text);
    }
    return true;
}

static const struct rest_state set_states[] = {
    {"learn", learn_send, learn_take, learn_trouble, NULL},
    {"set", set_send, set_take, set_trouble, "back"},
    {"back", learn_send, back_take, back_trouble, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

const struct rest_op stripe_hold = {"hold", set_begin, set_states}, stripe_release = {"release", set_begin, set_states},
                       stripe_plan = {"plan", set_begin, set_states}, stripe_defer = {"defer", set_begin, set_states};
