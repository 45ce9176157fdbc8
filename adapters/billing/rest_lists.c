/* Rows of catch_up and overdue.
 *
 * A webhook that was missed and then found by catch_up may still arrive (vendors go on trying for days), and must then be known. So
 * the id and the time of a row are never made up here: they are those of the driver's own `event`. */
#include "adapters/billing/rest_lists.h"

void lists_add_event(json_t *events, const struct billing_event *event)
{
    static const char *const kinds[] = {[EVENT_OTHER] = "other", [EVENT_PAYMENT_FAILED] = "failed", [EVENT_PAID] = "paid", [EVENT_CHANGED] = "changed"};
    json_t *row = json_object();
    json_put_new(row, "id", json_text_safe(event->id));
    json_put_new(row, "type", json_text_safe(event->type));
    json_put(row, "kind", kinds[event->kind]);
    json_put_new(row, "customer", json_text_safe(event->customer));
    json_put_new(row, "invoice", json_text_safe(event->invoice));
    json_put_i64(row, "created_ms", event->created_ms);
    json_array_append_new(events, row);
}

void lists_add_overdue(json_t *invoices, const json_t *args, const char *customer, const char *invoice, int64_t due, const char *currency,
                       int64_t due_at_ms)
{
    if (due <= 0 || !*customer || !*invoice || due_at_ms <= 0 || due_at_ms >= json_i64(args, "before_ms", 0))
        return;
    json_t *row = json_object();
    json_put_new(row, "customer", json_text_safe(customer));
    json_put_new(row, "invoice", json_text_safe(invoice));
    json_put_i64(row, "due", due);
    json_put(row, "currency", money_of(0, currency).currency);
    json_put_i64(row, "due_at_ms", due_at_ms);
    json_array_append_new(invoices, row);
}

void lists_reverse(json_t *list)
{
    size_t n = json_array_size(list);
    for (size_t i = 0; i + 1 < n; i++) {
        json_t *last = json_incref(json_array_get(list, n - 1));
        json_array_remove(list, n - 1);
        json_array_insert_new(list, i, last);
    }
}

json_t *lists_result(const char *name, json_t *take_list, const char *cursor)
{
    json_t *result = json_object();
    json_put_new(result, name, take_list);
    if (cursor && *cursor)
        json_put_new(result, "cursor", json_text_safe(cursor));
    return result;
}
