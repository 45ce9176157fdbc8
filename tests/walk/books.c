/* Two runs leave the same books when nothing was lost and nothing was done twice. What may differ is taken out first: when
 * something was written, counters, the ids that the server made up. Rows under such ids become a sorted list, so one row more or
 * less still shows. */
#include <string.h>

#include "tests/walk/walk.h"

static json_t *comparable(const json_t *v);

/* Not of the books: what was asked for and told, and clocks. */
static bool passing(const char *key)
{
    static const char *const names[] = {"created", "createdDate", "updatedDate", "date", "at", "effectiveDate",
                                        "next_payment_attempt", "next_attempt", "minted", "violations", "hooks", "log", "latest_charge", "transaction_id",
                                        "charge", "payment_intent", "uuid"};
    for (size_t i = 0; i < DW_ARRAY_LEN(names); i++)
        if (str_eq(names[i], key))
            return true;
    size_t n = strlen(key);
    return n > 3 && str_eq(key + n - 3, "_at") && !str_eq(key, "due_at");
}

/* "pi_000012", "pay-00000003", 32 digits: made up by the server. The part before the number is kept. */
static size_t made_up(const char *text)
{
    size_t n = strlen(text), digits = 0;
    while (digits < n && text[n - digits - 1] >= '0' && text[n - digits - 1] <= '9')
        digits++;
    return digits >= 6 ? n - digits + 1 : 0;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static json_t *sorted(json_t *take_rows)
{
    size_t n = json_array_size(take_rows);
    char **texts = mem_alloc((n + 1) * sizeof *texts);
    json_t *out = json_array();
    for (size_t i = 0; i < n; i++)
        texts[i] = json_text(json_array_get(take_rows, i));
    qsort(texts, n, sizeof *texts, by_text);
    for (size_t i = 0; i < n; i++) {
        json_array_append_new(out, json_string(texts[i]));
        free(texts[i]);
    }
    free(texts);
    json_decref(take_rows);
    return out;
}

static json_t *object(const json_t *v)
{
    json_t *out = json_object(), *rows = json_array(), *value;
    const char *key;
    json_object_foreach((json_t *)(uintptr_t)v, key, value) {
        if (passing(key))
            continue;
        if (made_up(key))
            json_array_append_new(rows, comparable(value));
        else
            json_object_set_new(out, key, comparable(value));
    }
    if (json_array_size(rows))
        json_object_set_new(out, "*", sorted(rows));
    else
        json_decref(rows);
    return out;
}

static json_t *comparable(const json_t *v)
{
    if (json_is_object(v))
        return object(v);
    if (json_is_array(v)) {
        json_t *out = json_array(), *value;
        size_t i;
        json_array_foreach(v, i, value)
            json_array_append_new(out, comparable(value));
        return out;
    }
    size_t cut = json_is_string(v) ? made_up(json_string_value(v)) : 0;
    return cut ? json_stringn(json_string_value(v), cut - 1) : json_deep_copy(v);
}

char *books_text(const json_t *state)
{
    AUTO_JSON copy = state ? comparable(state) : json_null();
    json_object_del(copy, "number");
    return json_text(copy);
}
