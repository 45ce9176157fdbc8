/* Counters and gauges, read by GET /metrics. Any thread: each is one atomic. The table is in metrics.c. */
#ifndef DW_BOT_METRICS_H
#define DW_BOT_METRICS_H

#include "engine/buf.h"

enum metric {
    METRIC_TURNS, METRIC_COMMITS, METRIC_COMMIT_FAILURES, METRIC_COMMIT_US, METRIC_WEBHOOKS_STORED, METRIC_WEBHOOKS_DUPLICATE,
    METRIC_WEBHOOKS_REFUSED, METRIC_CHAT_INPUTS, METRIC_CHAT_DUPLICATES, METRIC_CALLS, METRIC_CALLS_LOST, METRIC_CALLS_WAITING, METRIC_QUEUE_FULL,
    METRIC_CHAT_LINKS, METRIC_CHAT_RECONNECTS, METRIC_EFFECTS_UNKNOWN, METRIC_WEBHOOKS_MISSED,
    METRIC_POLLS_ANSWERED, METRIC_POLLS_FAILED, METRIC_CHAT_WARNINGS, METRIC_COUNT
};
void metric_add(enum metric m, int64_t n);
void metric_set(enum metric m, int64_t value);
int64_t metric_get(enum metric m);
void metrics_print(struct buf *out); /* Prometheus text */

#endif
