/* Invoice after invoice: what the drivers share that hold, release, defer and plan by invoice.
 *
 * All invoices are read before the first is written, so a wrong id changes nothing; then each is written and read back before the next. What
 * each vendor reads and writes is its own; here is only which invoice is in work and what was reached. */
#include "adapters/billing/rest_items.h"

#include "engine/when.h"

enum { INVOICES_MAX = 100 };

bool rest_is(const struct rest_call *c, const char *op)
{
    return str_eq(c->job->op, op);
}

json_t *rest_item(const struct rest_call *c)
{
    return json_array_get(json_at(c->stage, "list"), (size_t)json_i64(c->stage, "i", 0));
}

const char *rest_item_id(const struct rest_call *c)
{
    return json_str(rest_item(c), "id", "");
}

/* A defer is a hold of one invoice. */
bool rest_items_begin(struct rest_call *c)
{
    json_auto_t *one = json_pack("[s]", json_str(c->args, "invoice", ""));
    const json_t *ids = rest_is(c, "defer") ? one : json_at(c->args, "invoices"), *id;
    json_t *list = json_array();
    size_t i;
    json_array_foreach(ids, i, id)
        if (json_is_string(id) && *json_string_value(id))
            json_array_append_new(list, json_pack("{s:O}", "id", id));
    json_put_new(c->stage, "list", list);
    json_put_i64(c->stage, "i", 0);
    if (json_array_size(list) == 0 || json_array_size(list) != json_array_size(ids) || json_array_size(list) > INVOICES_MAX)
        rest_refuse(c, "between 1 and %d invoice ids are needed", INVOICES_MAX);
    return !c->ended;
}

bool rest_items_on(struct rest_call *c)
{
    int64_t i = json_i64(c->stage, "i", 0) + 1;
    json_put_i64(c->stage, "i", i);
    return (size_t)i < json_array_size(json_at(c->stage, "list"));
}

bool rest_items_todo(struct rest_call *c)
{
    const json_t *list = json_at(c->stage, "list"), *item;
    size_t i;
    json_put_i64(c->stage, "writes", 0);
    json_put_i64(c->stage, "looks", 0);
    json_put_new(c->stage, "why", json_null());
    json_array_foreach(list, i, item)
        if (json_flag(item, "todo", false)) {
            json_put_i64(c->stage, "i", (int64_t)i);
            return true;
        }
    return false;
}

static json_t *prior_of(const json_t *item)
{
    const json_t *prior = json_object_get(item, "prior");
    return json_is_boolean(prior) ? json_pack("{s:b}", "auto_advance", json_is_true(prior)) : json_deep_copy(prior);
}

json_t *rest_items_result(const struct rest_call *c)
{
    bool release = rest_is(c, "release");
    json_t *reached = json_array(), *other = release ? json_array() : json_object();
    const json_t *list = json_at(c->stage, "list"), *item;
    size_t i;
    json_array_foreach(list, i, item) {
        const char *id = json_str(item, "id", "");
        bool done = json_flag(item, "done", false);
        if (done)
            json_array_append_new(reached, json_string(id));
        if (release && json_flag(item, "gone", false))
            json_array_append_new(other, json_string(id));
        else if (!release && done && json_object_get(item, "prior"))
            json_put_new(other, id, prior_of(item));
    }
    json_t *result = json_object();
    json_put_new(result, release ? "released" : "held", reached);
    json_put_new(result, release ? "missing" : "prior", other);
    return result;
}

void rest_instalments(const struct rest_call *c, struct buf *out)
{
    const json_t *list = json_at(c->args, "instalments"), *row;
    const char *currency = json_str(c->args, "currency", "");
    size_t i;
    json_array_foreach(list, i, row) {
        char day[WHEN_TEXT_SIZE], amount[MONEY_TEXT_SIZE];
        if (json_str(row, "date", NULL))
            str_copy(day, sizeof day, json_str(row, "date", ""));
        else
            when_iso_day(day, json_i64(row, "date", json_i64(row, "date_ms", 0)), NULL);
        money_decimal(amount, money_of(json_i64(row, "amount", 0), currency));
        AUTO_STR first = i == 0 ? str_fmt("%zux from %.40s:", json_array_size(list), day) : str_dup("");
        AUTO_STR piece = str_fmt("%s%s %.40s %.40s %.3s", first, i ? "," : "", day, amount, currency);
        buf_adds(out, piece);
    }
}
