/* Counting attempts by card.
 *
 * A customer has several methods, a method may be stored twice, and the one that failed last need not be the one that is charged
 * next. So each method gets its own count: that of its card. Only Stripe names the card behind a method (a fingerprint); for the
 * others brand and last four digits must do. The card networks' limits are about reattempts after a refusal: what went through
 * does not count. */
#include "adapters/billing/attempts.h"

#include <stdio.h>
#include <string.h>

#include "engine/when.h"

enum { CARD_MAX = 160 };

#define WINDOW_MS (30 * MS_DAY)

void attempts_add(json_t *list, int64_t at_ms, const char *card)
{
    json_t *row = json_object();
    json_put_i64(row, "at_ms", at_ms);
    json_put_new(row, "card", json_text_safe(card ? card : ""));
    json_array_append_new(list, row);
}

static const char *card_of_method(const json_t *method, char out[CARD_MAX])
{
    const char *fingerprint = json_str(method, "fingerprint", ""), *last4 = json_str(method, "last4", "");
    if (*fingerprint || !*last4)
        snprintf(out, CARD_MAX, "%.150s", *fingerprint ? fingerprint : json_str(method, "id", ""));
    else
        snprintf(out, CARD_MAX, "%.60s %.20s", json_str(method, "brand", ""), last4);
    return out;
}

/* A refusal names a card, or a method that is one. */
static const char *card_of(const json_t *attempt, const json_t *methods, char out[CARD_MAX])
{
    const char *name = json_str(attempt, "card", "");
    const json_t *method;
    size_t i;
    json_array_foreach(methods, i, method)
        if (*name && str_eq(json_str(method, "id", ""), name))
            return card_of_method(method, out);
    snprintf(out, CARD_MAX, "%.150s", name);
    return out;
}

static int64_t count_since(const json_t *list, const json_t *methods, const char *card, int64_t since_ms)
{
    const json_t *row;
    char its[CARD_MAX];
    int64_t n = 0;
    size_t i;
    json_array_foreach(list, i, row) {
        if (json_i64(row, "at_ms", 0) <= since_ms)
            continue;
        card_of(row, methods, its);
        n += !*its || !*card || str_eq(its, card);
    }
    return n;
}

static void put_counts(json_t *to, const json_t *list, const json_t *methods, const char *card, int64_t now_ms)
{
    json_put_i64(to, "attempts_window", count_since(list, methods, card, now_ms - WINDOW_MS));
    json_put_i64(to, "attempts_day", count_since(list, methods, card, now_ms - MS_DAY));
}

json_t *attempts_count(const json_t *list, json_t *methods, int64_t now_ms)
{
    json_t *last = json_object(), *method;
    const json_t *row;
    char card[CARD_MAX] = "";
    int64_t newest = 0;
    size_t i;
    json_array_foreach(list, i, row)
        if (json_i64(row, "at_ms", 0) > newest) {
            newest = json_i64(row, "at_ms", 0);
            card_of(row, methods, card);
        }
    put_counts(last, list, methods, card, now_ms);
    json_array_foreach(methods, i, method)
        put_counts(method, list, methods, card_of_method(method, card), now_ms);
    json_array_foreach(methods, i, method)
        json_object_del(method, "fingerprint");
    return last;
}
