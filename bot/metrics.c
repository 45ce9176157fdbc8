/* Counters and gauges in Prometheus' text format. One table row a metric, one relaxed atomic a value: counting must never
 * cost a lock on the hot path, and a scrape that is a few increments behind is as good as any other. */
#include "bot/metrics.h"

#include <stdatomic.h>

struct row {
    const char *name, *type, *help;
};

static const struct row rows[METRIC_COUNT] = {
    [METRIC_TURNS] = {"dunwell_turns_total", "counter", "Turns of the engine."},
    [METRIC_COMMITS] = {"dunwell_commits_total", "counter", "Transactions that were committed."},
    [METRIC_COMMIT_FAILURES] = {"dunwell_commit_failures_total", "counter", "Turns that could not be committed."},
    [METRIC_COMMIT_US] = {"dunwell_commit_microseconds_total", "counter", "Time spent in commits."},
    [METRIC_WEBHOOKS_STORED] = {"dunwell_webhooks_stored_total", "counter", "Billing events stored."},
    [METRIC_WEBHOOKS_DUPLICATE] = {"dunwell_webhooks_duplicate_total", "counter", "Billing events that came again."},
    [METRIC_WEBHOOKS_REFUSED] = {"dunwell_webhooks_refused_total", "counter", "Webhooks with a wrong signature or content."},
    [METRIC_CHAT_INPUTS] = {"dunwell_chat_inputs_total", "counter", "Commands, clicks and forms taken from chat."},
    [METRIC_CHAT_DUPLICATES] = {"dunwell_chat_duplicates_total", "counter", "Chat inputs that came again."},
    [METRIC_CALLS] = {"dunwell_calls_total", "counter", "Outgoing calls that ended."},
    [METRIC_CALLS_LOST] = {"dunwell_calls_lost_total", "counter", "Outgoing calls whose effect is not known."},
    [METRIC_CALLS_WAITING] = {"dunwell_calls_waiting", "gauge", "Outgoing calls that wait for a place: a backlog where it stays above 0."},
    [METRIC_QUEUE_FULL] = {"dunwell_queue_full_total", "counter", "Inputs turned away or kept waiting by a full queue."},
    [METRIC_CHAT_LINKS] = {"dunwell_chat_links", "gauge", "Live connections to the chat platform."},
    [METRIC_CHAT_RECONNECTS] = {"dunwell_chat_reconnects_total", "counter", "Attempts to open a chat connection."},
    [METRIC_EFFECTS_UNKNOWN] = {"dunwell_effects_unknown_total", "counter", "Effects that had to be looked up afterwards."},
    [METRIC_WEBHOOKS_MISSED] = {"dunwell_webhooks_missed_total", "counter", "Billing events that never came as webhooks and were asked for."},
    [METRIC_POLLS_ANSWERED] = {"dunwell_polls_answered_total", "counter", "Answers of chats that are polled, with or without news."},
    [METRIC_CHAT_WARNINGS] = {"dunwell_chat_warnings_total", "counter", "Times a chat brought what cannot be read or what an operator should mend; the log says it."},
    [METRIC_POLLS_FAILED] = {"dunwell_polls_failed_total", "counter", "Polls of a chat that failed and were tried again."},
};

static _Atomic int64_t values[METRIC_COUNT];

void metric_add(enum metric m, int64_t n)
{
    assert(m < METRIC_COUNT);
    atomic_fetch_add_explicit(&values[m], n, memory_order_relaxed);
}

void metric_set(enum metric m, int64_t value)
{
    assert(m < METRIC_COUNT);
    atomic_store_explicit(&values[m], value, memory_order_relaxed);
}

int64_t metric_get(enum metric m)
{
    assert(m < METRIC_COUNT);
    return atomic_load_explicit(&values[m], memory_order_relaxed);
}

void metrics_print(struct buf *out)
{
    for (size_t i = 0; i < METRIC_COUNT; i++) {
        const struct row *r = &rows[i];
        buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n%s %lld\n", r->name, r->help, r->name, r->type, r->name,
                 (long long)metric_get((enum metric)i));
    }
}
