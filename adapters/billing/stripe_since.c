/* What happened at Stripe since a moment, and which invoices are overdue.
 *
 * Stripe lists events newest first and keeps them for 30 days; what is wanted is oldest first, a page at a time. So a page of ours is a
 * window of time that is read to its end, from its newest event to its oldest, and then turned round. A window with too much in it is
 * halved and begun again; the next one begins where it ended. The last minute is left for the next time: an event may show up a
 * little after its own time. Each event goes through the same reader as a webhook, so it has the same id and time.
 *
 * Overdue: an invoice that is sent has a due date; one that is charged by itself has none and was due when it was made. */
#include <string.h>

#include "adapters/billing/rest_lists.h"
#include "adapters/billing/stripe.h"
#include "engine/when.h"

enum { PAGES_MAX = 10 };

#define LAG_MS MS_MINUTE
#define KEPT_MS (30 * MS_DAY)
#define SMALLEST_MS (2 * MS_SECOND)

/* --- catch_up -------------------------------------------------------------------------------------------------------- */

/* The window [from, to) in ms, both whole seconds. */
static void window_set(struct rest_call *c, int64_t from_ms, int64_t to_ms)
{
    json_put_i64(c->stage, "from", from_ms / MS_SECOND * MS_SECOND);
    json_put_i64(c->stage, "to", to_ms / MS_SECOND * MS_SECOND);
    json_put_i64(c->stage, "pages", 0);
    json_put(c->stage, "after", "");
    json_put_new(c->stage, "events", json_array());
}

static void catch_up_begin(struct rest_call *c)
{
    const char *cursor = json_str(c->args, "cursor", "");
    char *end = NULL;
    int64_t now_ms = c->job->now_ms, since_ms = *cursor ? strtoll(cursor, &end, 10) : json_i64(c->args, "since_ms", 0);
    if ((*cursor && *end) || since_ms <= 0) {
        rest_refuse(c, "a time to begin at is needed");
        return;
    }
    if (since_ms < now_ms - KEPT_MS)
        since_ms = now_ms - KEPT_MS;
    json_put_i64(c->stage, "end", now_ms - LAG_MS);
    window_set(c, since_ms, now_ms - LAG_MS);
    if (json_i64(c->stage, "from", 0) >= json_i64(c->stage, "to", 0))
        rest_done(c, json_pack("{s:[], s:I}", "events", "until_ms", (json_int_t)since_ms));
}

static void events_send(struct rest_call *c)
{
    const char *after = json_str(c->stage, "after", "");
    AUTO_BUF query = BUF(4096);
    buf_addf(&query, "?created%%5Bgte%%5D=%lld&created%%5Blt%%5D=%lld", (long long)(json_i64(c->stage, "from", 0) / MS_SECOND),
             (long long)(json_i64(c->stage, "to", 0) / MS_SECOND));
    buf_adds(&query, "&limit=40"); /* an event brings its whole invoice along */
    for (size_t i = 0; stripe_event_type(i); i++) {
        buf_adds(&query, "&types%5B%5D=");
        buf_add_url(&query, stripe_event_type(i));
    }
    if (*after) {
        buf_adds(&query, "&starting_after=");
        buf_add_url(&query, after);
    }
    stripe_get(c, "events", NULL, buf_text(&query));
}

static void add_event(struct rest_call *c, const json_t *theirs)
{
    struct billing_event event;
    AUTO_STR text = json_text(theirs);
    if (stripe_driver.event(c->config, span_of(text), &event, NULL) == 0)
        lists_add_event(json_object_get(c->stage, "events"), &event);
}

static void window_end(struct rest_call *c)
{
    int64_t to_ms = json_i64(c->stage, "to", 0), end_ms = json_i64(c->stage, "end", 0);
    json_t *events = json_incref(json_object_get(c->stage, "events"));
    char cursor[24] = "";
    lists_reverse(events);
    if (to_ms < end_ms / MS_SECOND * MS_SECOND)
        snprintf(cursor, sizeof cursor, "%lld", (long long)to_ms);
    json_t *result = lists_result("events", events, cursor);
    json_put_i64(result, "until_ms", to_ms);
    rest_done(c, result);
}

static void events_take(struct rest_call *c)
{
    const json_t *list = json_object_get(c->body, "data"), *row;
    int64_t from_ms = json_i64(c->stage, "from", 0), to_ms = json_i64(c->stage, "to", 0), pages = json_i64(c->stage, "pages", 0) + 1;
    const char *last = "";
    size_t i;
    json_array_foreach(list, i, row) {
        last = json_str(row, "id", "");
        add_event(c, row);
    }
    json_put_i64(c->stage, "pages", pages);
    if (!json_flag(c->body, "has_more", false) || !*last)
        window_end(c);
    else if (pages >= PAGES_MAX && to_ms - from_ms > SMALLEST_MS)
        window_set(c, from_ms, from_ms + (to_ms - from_ms) / 2);
    else
        json_put(c->stage, "after", last);
}

static const struct rest_state catch_up_states[] = {
    {"events", events_send, events_take, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

/* --- overdue --------------------------------------------------------------------------------------------------------- */

static void overdue_send(struct rest_call *c)
{
    const char *after = json_str(c->args, "cursor", "");
    AUTO_BUF query = BUF(1024);
    buf_addf(&query, "?status=open&limit=20&created%%5Blt%%5D=%lld", (long long)(json_i64(c->args, "before_ms", 0) / MS_SECOND));
    if (*after) {
        buf_adds(&query, "&starting_after=");
        buf_add_url(&query, after);
    }
    stripe_get(c, "invoices", NULL, buf_text(&query));
}

static void overdue_take(struct rest_call *c)
{
    const json_t *list = json_object_get(c->body, "data"), *row;
    json_t *invoices = json_array();
    const char *last = "";
    size_t i;
    json_array_foreach(list, i, row) {
        int64_t due_ms = stripe_ms(row, "due_date");
        last = json_str(row, "id", "");
        lists_add_overdue(invoices, c->args, stripe_id(row, "customer"), last, stripe_left(row), json_str(row, "currency", ""),
                          due_ms ? due_ms : stripe_ms(row, "created"));
    }
    rest_done(c, lists_result("invoices", invoices, json_flag(c->body, "has_more", false) ? last : ""));
}

static const struct rest_state overdue_states[] = {
    {"invoices", overdue_send, overdue_take, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

const struct rest_op stripe_catch_up = {"catch_up", catch_up_begin, catch_up_states}, stripe_overdue = {"overdue", NULL, overdue_states};
