/* Chargebee's operations that set a state: hold, release, defer and plan.
 *
 * Dunning is paused for one invoice at a time, until a date that must be given (expected_payment_date). All invoices are read
 * before the first is written, so a wrong id changes nothing; each write is read back and compared. An invoice whose dunning
 * is over or was never begun is quiet by itself and counts as held. What is paid or void by then needs nothing.
 *
 * What Chargebee promises of a pause: retries and reminders stop; on the date it tries to collect by itself, and if the
 * invoice's dunning period is over by then, its final action follows. Only an invoice that is not paused can be paused, so
 * another date is first asked for directly and then, when that is refused, by resuming and pausing again. Chargebee has no
 * plan with free dates that it does not also collect by itself, so a plan is a pause until two days after the last
 * instalment, and Dunwell collects each part. */
#include "adapters/billing/chargebee.h"
#include "adapters/billing/rest_items.h"

#include <string.h>

#include "engine/when.h"

enum { WRITES_MAX = 3, LOOKS_MAX = 3, SAID_MAX = 160, COMMENT_MAX = 300, REASON_MAX = 120 };

#define AFTER_PLAN_MS (2 * MS_DAY)
#define LOOK_AGAIN_MS (4 * MS_SECOND)
#define DATE_PLAY_MS MS_DAY /* a site may keep only the day of the date */

/* The list of rest_items.h, and besides: goal_ms, paused until then (0: not paused); early, nothing to pause yet. */

static void mark(struct rest_call *c, const char *name, bool value)
{
    json_put_new(rest_item(c), name, json_boolean(value));
}

/* How long it must be quiet: told for a hold; for a plan, some days after the last instalment. 0 when nobody says. */
static int64_t until_ms(const struct rest_call *c)
{
    const json_t *list = json_at(c->args, "instalments"), *row;
    int64_t last = 0;
    size_t i;
    if (!rest_is(c, "plan"))
        return json_i64(c->args, "until_ms", 0);
    json_array_foreach(list, i, row) {
        int64_t at = json_i64(row, "date_ms", 0);
        if (!at && when_parse_day(&at, json_str(row, "date", ""), NULL, NULL) < 0)
            at = 0;
        last = at > last ? at : last;
    }
    return last ? last + AFTER_PLAN_MS : 0;
}

static void set_begin(struct rest_call *c)
{
    if (rest_items_begin(c) && !rest_is(c, "release") && until_ms(c) <= c->job->now_ms)
        rest_refuse(c, "Chargebee pauses dunning until a date, and the one given is not in the future");
}

/* What was reached, and for a hold which invoices it came too early for. */
static json_t *set_result(const struct rest_call *c)
{
    json_t *result = rest_items_result(c), *early = json_array();
    const json_t *list = json_at(c->stage, "list"), *item;
    size_t i;
    json_array_foreach(list, i, item)
        if (json_flag(item, "early", false))
            json_array_append(early, json_object_get(item, "id"));
    if (json_array_size(early))
        json_put_new(result, "early", early);
    else
        json_decref(early);
    return result;
}

static void set_finish(struct rest_call *c)
{
    json_t *result = set_result(c);
    const json_t *held = json_at(result, "held"), *early = json_at(result, "early");
    if (rest_is(c, "release")) {
        rest_done(c, result);
    } else if (json_array_size(held) == 0) {
        bool waits = json_array_size(early) > 0;
        json_decref(result);
        rest_refuse(c, "%s", waits ? "nothing is overdue yet, and Chargebee pauses only dunning that has begun" : "nothing is open any more");
    } else {
        json_put(result, "id", json_string_value(json_array_get(held, 0)));
        if (rest_is(c, "plan"))
            json_put(result, "mode", "held_by_dunwell");
        if (rest_is(c, "defer")) {
            json_put(result, "mode", "native");
            json_put(result, "invoice", json_str(c->args, "invoice", ""));
            json_put_i64(result, "until_ms", until_ms(c));
        }
        rest_done(c, result);
    }
}

static void set_next(struct rest_call *c)
{
    if (rest_items_todo(c))
        rest_go(c, json_i64(rest_item(c), "goal_ms", 0) ? "pause" : "resume");
    else
        set_finish(c);
}

/* --- what is so now ----------------------------------------------------------------------------------------------- */

static void learn_send(struct rest_call *c)
{
    AUTO_STR path = rest_path("invoices/%", rest_item_id(c), NULL);
    rest_get(c, path);
}

static bool open_now(const struct rest_call *c)
{
    return str_eq(chargebee_status(json_str(c->body, "invoice.status", "")), "open");
}

/* Is the invoice in the body as we want it? An invoice that has left dunning is as quiet as a paused one. */
static bool is_there(const struct rest_call *c, int64_t goal_ms)
{
    const json_t *invoice = json_object_get(c->body, "invoice");
    int64_t paused = chargebee_paused_ms(invoice, c->job->now_ms);
    if (!goal_ms)
        return !paused;
    return !chargebee_in_dunning(invoice) || (paused && paused > goal_ms - DATE_PLAY_MS && paused < goal_ms + DATE_PLAY_MS);
}

/* A pause that a person made and that lasts longer is left alone; one that ends too early is moved. */
static void learn_for_hold(struct rest_call *c)
{
    const json_t *invoice = json_object_get(c->body, "invoice");
    int64_t paused = chargebee_paused_ms(invoice, c->job->now_ms), goal = until_ms(c);
    bool runs = chargebee_in_dunning(invoice);
    if (!open_now(c)) {
        const char *status = json_str(invoice, "status", "");
        mark(c, "early", str_eq(status, "posted") || str_eq(status, "pending"));
        return;
    }
    json_t *prior = json_object();
    json_put_new(prior, "auto_advance", json_boolean(runs && !paused));
    if (runs && paused)
        json_put_i64(prior, "paused_until_ms", paused);
    json_put_new(rest_item(c), "prior", prior);
    json_put_i64(rest_item(c), "goal_ms", goal);
    mark(c, "todo", runs && (!paused || paused <= goal - DATE_PLAY_MS));
    mark(c, "done", !json_flag(rest_item(c), "todo", false));
}

static void learn_for_release(struct rest_call *c)
{
    const json_t *before = json_object_get(json_object_get(c->args, "prior"), rest_item_id(c));
    int64_t was = json_i64(before, "paused_until_ms", 0), goal = was > c->job->now_ms ? was : 0;
    bool ours = json_flag(before, "auto_advance", false) || was;
    bool todo = ours && open_now(c) && !is_there(c, goal);
    json_put_i64(rest_item(c), "goal_ms", goal);
    mark(c, "todo", todo);
    mark(c, "done", !todo);
}

static void learn_next(struct rest_call *c)
{
    if (!rest_items_on(c))
        set_next(c);
}

static void learn_take(struct rest_call *c)
{
    if (!chargebee_is_invoice(c, rest_item_id(c)))
        return;
    if (rest_is(c, "release"))
        learn_for_release(c);
    else
        learn_for_hold(c);
    learn_next(c);
}

static bool learn_trouble(struct rest_call *c)
{
    if (c->answer->status != 404)
        return false;
    if (rest_is(c, "release")) {
        /* What is gone cannot be held: the release must not hang on it for ever. */
        mark(c, "done", true);
        mark(c, "gone", true);
        learn_next(c);
    } else {
        rest_refuse(c, "Chargebee does not know invoice %.80s", rest_item_id(c));
    }
    return true;
}

/* --- writing ------------------------------------------------------------------------------------------------------ */

static void add_comment(struct rest_call *c, const char *what)
{
    char reason[REASON_MAX], day[WHEN_TEXT_SIZE], text[COMMENT_MAX];
    int64_t goal = json_i64(rest_item(c), "goal_ms", 0);
    str_copy(reason, sizeof reason, json_str(c->args, "reason", ""));
    AUTO_STR whole = str_fmt("Dunwell %.40s%s%.40s: %s%s%s%s", json_str(c->args, "case", ""), rest_is(c, "plan") ? ", plan " : "",
                             rest_is(c, "plan") ? json_str(c->args, "plan", "") : "", what, goal ? when_iso_day(day, goal, json_str(c->args, "zone", NULL)) : "",
                             *reason ? ", " : "", reason);
    str_copy(text, sizeof text, whole);
    form_add(&c->out->request, "comment", text);
}

/* A key remembers a refusal as well; after a resume the pause is another request and needs another key. */
static void pause_send(struct rest_call *c)
{
    bool again = json_flag(rest_item(c), "resumed", false);
    AUTO_STR path = rest_path("invoices/%/pause_dunning", rest_item_id(c), NULL);
    AUTO_STR suffix = str_fmt("%s-pause%s", rest_item_id(c), again ? "2" : "");
    rest_post(c, path, suffix);
    form_add_i64(&c->out->request, "expected_payment_date", (json_i64(rest_item(c), "goal_ms", 0) + MS_SECOND - 1) / MS_SECOND);
    add_comment(c, "notices and retries paused until ");
}

static void resume_send(struct rest_call *c)
{
    AUTO_STR path = rest_path("invoices/%/resume_dunning", rest_item_id(c), NULL);
    AUTO_STR suffix = str_fmt("%s-resume", rest_item_id(c));
    rest_post(c, path, suffix);
    add_comment(c, json_i64(rest_item(c), "goal_ms", 0) ? "paused again until " : "notices and retries resumed");
}

static void written(struct rest_call *c)
{
    json_put_new(c->stage, "answered", json_true());
    rest_go(c, "back");
}

/* Back in dunning for a moment, so that it can be paused until the other date. */
static void resume_take(struct rest_call *c)
{
    if (json_i64(rest_item(c), "goal_ms", 0))
        rest_go(c, "pause");
    else
        written(c);
}

/* Refused: perhaps because the invoice was paid a moment ago, or is paused already. Reading back tells. */
static bool write_trouble(struct rest_call *c)
{
    char said[SAID_MAX];
    if (c->answer->status != 400 && c->answer->status != 404 && c->answer->status != 409)
        return false;
    rest_said(c, said, sizeof said);
    json_put_new(c->stage, "why", json_text_safe(*said ? said : "refused without a reason"));
    rest_go(c, "back");
    return true;
}

/* --- reading back ------------------------------------------------------------------------------------------------- */

static void item_over(struct rest_call *c, bool done)
{
    mark(c, "todo", false);
    mark(c, "done", done);
    json_put_new(c->stage, "answered", json_false());
    set_next(c);
}

static void not_changed(struct rest_call *c)
{
    const char *why = json_str(c->stage, "why", NULL);
    int64_t paused = chargebee_paused_ms(json_object_get(c->body, "invoice"), c->job->now_ms);
    char day[WHEN_TEXT_SIZE];
    rest_refuse_with(c, set_result(c), "read back: invoice %.80s was not changed, its dunning is %s%s%s%.160s", rest_item_id(c),
                     paused ? "paused until " : "not paused", paused ? when_iso_day(day, paused, json_str(c->args, "zone", NULL)) : "", why ? ": " : "", why ? why : "");
}

/* A read may be a little behind the write, so what is not seen yet is looked at again before anything is written twice. */
static void not_there(struct rest_call *c)
{
    int64_t goal = json_i64(rest_item(c), "goal_ms", 0), looks = json_i64(c->stage, "looks", 0) + 1;
    int64_t writes = json_i64(c->stage, "writes", 0) + 1;
    bool refused = json_str(c->stage, "why", NULL), paused = chargebee_paused_ms(json_object_get(c->body, "invoice"), c->job->now_ms) > 0;
    if (refused && goal && paused && !json_flag(rest_item(c), "resumed", false)) {
        mark(c, "resumed", true);
        json_put_new(c->stage, "why", json_null());
        rest_go(c, "resume");
    } else if (refused) {
        not_changed(c);
    } else if (looks < LOOKS_MAX) {
        json_put_i64(c->stage, "looks", looks);
        rest_unknown(c, "back", LOOK_AGAIN_MS, "Chargebee does not show it yet; looking again");
    } else if (json_flag(c->stage, "answered", false) || writes >= WRITES_MAX) {
        not_changed(c);
    } else {
        json_put_i64(c->stage, "looks", 0);
        json_put_i64(c->stage, "writes", writes);
        rest_go(c, goal ? "pause" : "resume");
    }
}

static void back_take(struct rest_call *c)
{
    if (!chargebee_is_invoice(c, rest_item_id(c)))
        return;
    if (!open_now(c))
        item_over(c, rest_is(c, "release"));
    else if (is_there(c, json_i64(rest_item(c), "goal_ms", 0)))
        item_over(c, true);
    else
        not_there(c);
}

static bool back_trouble(struct rest_call *c)
{
    if (c->answer->status != 404)
        return false;
    mark(c, "gone", true);
    if (rest_is(c, "release"))
        item_over(c, true);
    else
        rest_refuse_with(c, set_result(c), "Chargebee does not know invoice %.80s any more", rest_item_id(c));
    return true;
}

static const struct rest_state set_states[] = {
    {"learn", learn_send, learn_take, learn_trouble, NULL},
    {"pause", pause_send, written, write_trouble, "back"},
    {"resume", resume_send, resume_take, write_trouble, "back"},
    {"back", learn_send, back_take, back_trouble, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

const struct rest_op chargebee_hold = {"hold", set_begin, set_states}, chargebee_release = {"release", set_begin, set_states},
                     chargebee_plan = {"plan", set_begin, set_states}, chargebee_defer = {"defer", set_begin, set_states};
