/* What the reads of all vendors do alike: gather invoices, payments and methods over several answers, and put them together at the end. */
#include "adapters/billing/rest_read.h"

#include "adapters/billing/attempts.h"

void rest_read_begin(struct rest_call *c)
{
    static const char *const lists[] = {"invoices", "methods", "payments", "attempts"};
    for (size_t i = 0; i < DW_ARRAY_LEN(lists); i++)
        json_put_new(c->stage, lists[i], json_array());
    if (!*rest_customer(c))
        rest_refuse(c, "a customer is needed");
}

json_t *rest_read_invoice(const struct rest_call *c, const char *id)
{
    json_t *list = rest_part(c, "invoices"), *row;
    size_t i;
    json_array_foreach(list, i, row)
        if (str_eq(json_str(row, "id", ""), id))
            return row;
    return NULL;
}

const char *rest_read_subscription(const struct rest_call *c)
{
    const json_t *invoices = rest_part(c, "invoices"), *row;
    const char *found = "";
    size_t i;
    json_array_foreach(invoices, i, row) {
        const char *id = json_str(row, "subscription", "");
        if (*id && (!*found || str_eq(json_str(row, "id", ""), rest_invoice(c))))
            found = id;
    }
    return found;
}

void rest_read_done(struct rest_call *c, json_t *take_subscription)
{
    static const char *const parts[] = {"account", "invoices", "payments", "methods"};
    json_t *result = json_object(), *read = rest_part(c, "subscription");
    json_t *network = attempts_count(rest_part(c, "attempts"), rest_part(c, "methods"), c->job->now_ms);
    for (size_t i = 0; i < DW_ARRAY_LEN(parts); i++)
        json_put_new(result, parts[i], json_incref(rest_part(c, parts[i])));
    json_put_new(result, "subscription", take_subscription ? take_subscription : read ? json_incref(read) : json_null());
    json_put_new(result, "network", network);
    rest_done(c, result);
}
