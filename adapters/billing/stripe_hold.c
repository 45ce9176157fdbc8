/* Stripe's operations that set a state: hold, release, defer and plan. A defer is a hold of one invoice: Stripe has no "try again
 * on that day", so its own advancing stops and the day is kept by Dunwell, and noted in the metadata.
 *
 * They set auto_advance and metadata on invoices. All invoices are read before the first is written, so a wrong id changes
 * nothing; each write is read back and compared. An invoice that is paid or void by then needs nothing. Setting a state
 * twice is the same as once, so here a look that finds nothing may write again, with the same idempotency key, three times
 * at most. What was reached before a refusal is part of the refusal's result, so that nothing held is forgotten. */
#include "adapters/billing/rest_items.h"
#include "adapters/billing/stripe.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "engine/when.h"

enum { WRITES_MAX = 3, NOTE_MAX = 500 };

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
    if (rest_items_begin(c) && rest_is(c, "defer") && json_i64(c->args, "until_ms", 0) <= c->job->now_ms)
        rest_refuse(c, "a moment to come is needed");
}

static void set_refuse(struct rest_call *c, const char *why)
{
    rest_refuse_with(c, rest_items_result(c), "%s", why);
}

static void set_finish(struct rest_call *c)
{
    json_t *result = rest_items_result(c);
    const json_t *held = json_at(result, "held");
    if (rest_is(c, "release")) {
        rest_done(c, result);
        return;
    }
    if (json_array_size(held) == 0) {
        json_decref(result);
        rest_refuse(c, "nothing is open any more");
        return;
    }
    json_put(result, "id", json_string_value(json_array_get(held, 0)));
    if (rest_is(c, "defer")) {
        json_put(result, "invoice", json_str(c->args, "invoice", ""));
        json_put_i64(result, "until_ms", json_i64(c->args, "until_ms", 0));
    }
    if (rest_is(c, "plan") || rest_is(c, "defer"))
        json_put(result, "mode", "held_by_dunwell");
    rest_done(c, result);
}

static void set_next(struct rest_call *c)
{
    if (rest_items_todo(c))
        rest_go(c, "set");
    else
        set_finish(c);
}

static void learn_send(struct rest_call *c)
{
    stripe_get(c, "invoices", rest_item_id(c), "");
}

/* Was this invoice advancing by itself before Dunwell held it? */
static bool prior_was_on(const struct rest_call *c, const char *id)
{
    return json_is_true(json_object_get(json_object_get(json_object_get(c->args, "prior"), id), "auto_advance"));
}

static void learn_next(struct rest_call *c)
{
    if (!rest_items_on(c))
        set_next(c);
}

static void learn_take(struct rest_call *c)
{
    json_t *item = rest_item(c);
    const char *status = json_str(c->body, "status", ""), *customer = json_str(c->args, "customer", "");
    if (!str_eq(json_str(c->body, "id", ""), rest_item_id(c))) {
        rest_refuse(c, "Stripe answered with another invoice than %.80s", rest_item_id(c));
        return;
    }
    if (*customer && !str_eq(stripe_id(c->body, "customer"), customer)) {
        rest_refuse(c, "invoice %.80s belongs to another customer", rest_item_id(c));
        return;
    }
    bool open = str_eq(status, "open");
    bool on = json_flag(c->body, "auto_advance", false);
    if (rest_is(c, "release")) {
        bool todo = open && prior_was_on(c, rest_item_id(c)) && !on;
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
    if (rest_is(c, "release")) {
        /* What is gone cannot be held: the release must not hang on it for ever. */
        json_put_new(rest_item(c), "done", json_true());
        json_put_new(rest_item(c), "gone", json_true());
        learn_next(c);
    } else {
        rest_refuse(c, "Stripe does not know invoice %.80s", rest_item_id(c));
    }
    return true;
}

static void set_send(struct rest_call *c)
{
    stripe_post(c, "invoices", rest_item_id(c), "", rest_item_id(c));
    struct http_request *r = &c->out->request;
    form_add(r, "auto_advance", rest_is(c, "release") ? "true" : "false");
    if (rest_is(c, "release"))
        return;
    char note[NOTE_MAX + 1];
    if (argument_text(c, "case", note, sizeof note))
        form_add(r, "metadata[dunwell_case]", note);
    if (rest_is(c, "defer")) {
        char day[WHEN_TEXT_SIZE];
        form_add(r, "metadata[dunwell_until]", when_iso_day(day, json_i64(c->args, "until_ms", 0), json_str(c->args, "zone", NULL)));
    }
    if (rest_is(c, "plan")) {
        AUTO_BUF text = BUF(NOTE_MAX);
        rest_instalments(c, &text);
        argument_text(c, "plan", note, sizeof note);
        form_add(r, "metadata[dunwell_plan]", note);
        form_add(r, "metadata[dunwell_instalments]", buf_text(&text));
    }
}

static void set_take(struct rest_call *c)
{
    rest_go(c, "back");
}

/* Refused by Stripe: perhaps because the invoice was paid a moment ago. Reading back tells. */
static bool set_trouble(struct rest_call *c)
{
    return stripe_refused_so(c, "back");
}

static bool note_is_there(const struct rest_call *c, const char *argument, const char *path)
{
    char wanted[NOTE_MAX + 1];
    return !argument_text(c, argument, wanted, sizeof wanted) || str_eq(json_str(c->body, path, ""), wanted);
}

/* Does Stripe show what we meant? */
static bool set_is_there(const struct rest_call *c)
{
    if (rest_is(c, "release"))
        return json_flag(c->body, "auto_advance", false);
    if (json_flag(c->body, "auto_advance", true) || !note_is_there(c, "case", "metadata.dunwell_case"))
        return false;
    return !rest_is(c, "plan") || note_is_there(c, "plan", "metadata.dunwell_plan");
}

static void back_take(struct rest_call *c)
{
    json_t *item = rest_item(c);
    const char *why = json_str(c->stage, "why", NULL);
    bool open = str_eq(json_str(c->body, "status", ""), "open");
    int64_t writes = json_i64(c->stage, "writes", 0) + 1;
    if (!str_eq(json_str(c->body, "id", ""), rest_item_id(c))) {
        AUTO_STR text = str_fmt("read back: Stripe answered with another invoice than %.80s", rest_item_id(c));
        set_refuse(c, text);
    } else if (!open) {
        json_put_new(item, "todo", json_false());
        json_put_new(item, "done", json_boolean(rest_is(c, "release")));
        set_next(c);
    } else if (set_is_there(c)) {
        json_put_new(item, "todo", json_false());
        json_put_new(item, "done", json_true());
        set_next(c);
    } else if (why || json_flag(c->stage, "final", false) || writes >= WRITES_MAX) {
        AUTO_STR text = str_fmt("read back: invoice %.80s was not changed%s%.160s", rest_item_id(c), why ? ": " : "", why ? why : "");
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
    json_put_new(rest_item(c), "todo", json_false());
    json_put_new(rest_item(c), "gone", json_true());
    if (rest_is(c, "release")) {
        json_put_new(rest_item(c), "done", json_true());
        set_next(c);
    } else {
        AUTO_STR text = str_fmt("Stripe does not know invoice %.80s any more", rest_item_id(c));
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
