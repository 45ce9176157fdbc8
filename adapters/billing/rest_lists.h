/* What happened since, and what is overdue: lists that the drivers of all billing systems give in the same shape. Any thread. */
#ifndef DW_ADAPTERS_BILLING_REST_LISTS_H
#define DW_ADAPTERS_BILLING_REST_LISTS_H

#include "adapters/adapter.h"

/* A row of catch_up's `events`. The event is what the driver's own `event` makes of it, so a webhook of the same event that comes
 * later has the same id and time. */
void lists_add_event(json_t *events, const struct billing_event *event);
/* A row of overdue's `invoices`, when there is something due and it was due before. */
void lists_add_overdue(json_t *invoices, const json_t *args, const char *customer, const char *invoice, int64_t due, const char *currency,
                       int64_t due_at_ms);
/* The other way round. */
void lists_reverse(json_t *list);
/* {name: list, cursor?}. The list is taken; cursor "" or NULL: that was all. New. */
json_t *lists_result(const char *name, json_t *take_list, const char *cursor);

#endif
