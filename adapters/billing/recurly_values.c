/* Recurly's values: decimals, times, states, declines.
 *
 * Amounts are JSON numbers in major units ("balance": 120.5). A JSON parser makes doubles of them, and money is never a double
 * here; so before the body is parsed, every number with a fraction or an exponent is put in quotes, and the text is read exactly
 * later, in the invoice's currency. What cannot be read is an error, never a zero. */
#include "adapters/billing/recurly.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "engine/when.h"

enum { AMOUNT_MAX = 40 };

/* The length of the number at p; `decimal`: it is more than an integer. */
static size_t number_at(const char *p, const char *end, bool *decimal)
{
    size_t n = 0;
    *decimal = false;
    for (; p + n < end && strchr("0123456789+-.eE", p[n]) && p[n]; n++)
        *decimal = *decimal || strchr(".eE", p[n]);
    return n;
}

/* The end of the string that begins at p with a quote. */
static const char *string_end(const char *p, const char *end)
{
    for (p++; p < end && *p != '"'; p++)
        if (*p == '\\' && p + 1 < end)
            p++;
    return p < end ? p + 1 : end;
}

json_t *recurly_json(struct span body)
{
    AUTO_BUF text = BUF(2 * (size_t)JSON_MAX_BYTES);
    const char *p = body.p, *end = body.p + body.n;
    while (p < end) {
        bool decimal = false;
        size_t n = *p == '"' ? (size_t)(string_end(p, end) - p) : *p == '-' || (*p >= '0' && *p <= '9') ? number_at(p, end, &decimal) : 1;
        if (decimal)
            buf_addc(&text, '"');
        buf_add(&text, p, n);
        if (decimal)
            buf_addc(&text, '"');
        p += n;
    }
    return text.over ? NULL : json_read((struct span){.p = buf_text(&text), .n = text.n}, NULL);
}

int recurly_minor(int64_t *out, const json_t *owner, const char *path, const char *currency)
{
    const json_t *v = json_at(owner, path);
    char text[AMOUNT_MAX];
    if (!v || json_is_null(v))
        return ERR_NOT_FOUND;
    if (json_is_integer(v))
        snprintf(text, sizeof text, "%" PRId64, (int64_t)json_integer_value(v));
    else if (json_is_string(v) && strlen(json_string_value(v)) < sizeof text)
        str_copy(text, sizeof text, json_string_value(v));
    else
        return ERR_INVALID;
    return money_parse_decimal(out, text, currency, NULL) == 0 ? 0 : ERR_INVALID;
}

int64_t recurly_ms(const json_t *owner, const char *path)
{
    int64_t at = when_of_rfc3339(json_str(owner, path, ""));
    return at > 0 ? at : 0;
}

struct pair {
    const char *from, *to;
};

static const char *look_up(const struct pair *rows, size_t n, const char *word, const char *otherwise)
{
    for (size_t i = 0; word && i < n; i++)
        if (str_eq(rows[i].from, word))
            return rows[i].to;
    return otherwise;
}

/* A pending invoice is not due yet; of a processing one the money is under way: nobody is to be asked for either. */
const char *recurly_status(const char *state)
{
    static const struct pair rows[] = {{"past_due", "open"}, {"open", "open"},   {"paid", "paid"},  {"closed", "paid"},
                                       {"voided", "void"},   {"failed", "uncollectible"}, {"pending", "draft"}, {"processing", "draft"}};
    return look_up(rows, DW_ARRAY_LEN(rows), state, "draft");
}

static const struct pair codes[] = {
    {"account_closed", "H"},          {"cardholder_requested_stop", "H"},  {"do_not_try_again", "H"}, {"fraudulent", "H"},
    {"invalid_transaction", "H"},     {"lost_card", "H"},                  {"pickup_card", "H"},      {"restricted_card", "H"},
    {"restricted_card_chargeback", "H"}, {"security_decline", "H"},        {"stolen_card", "H"},      {"fraud_stolen_card", "H"},
    {"card_not_activated", "N"},      {"card_not_supported", "N"},         {"card_type_not_accepted", "N"}, {"currency_not_supported", "N"},
    {"expired_card", "N"},            {"declined_expiration_date", "N"},   {"incorrect_address", "N"}, {"incorrect_security_code", "N"},
    {"declined_security_code", "N"},  {"declined_card_number", "N"},       {"invalid_number", "N"},   {"lifecycle_decline", "N"},
    {"update_cardholder_data", "N"},  {"call_issuer_update_cardholder_data", "N"}, {"requires_3d_secure", "A"}, {"three_d_secure_required", "A"},
    {"call_issuer", "S"},             {"declined", "S"},                   {"do_not_honor", "S"},     {"exceeds_daily_limit", "S"},
    {"generic_decline", "S"},         {"insufficient_funds", "S"},         {"issuer_unavailable", "S"}, {"try_again", "S"},
    {"gateway_timeout", "S"},         {"duplicate_transaction", "M"},      {"invalid_amount", "M"},
};

static const struct pair categories[] = {
    {"soft", "S"},          {"referral", "S"},      {"communication", "S"}, {"hard", "H"},
    {"fraud", "H"},         {"invalid", "N"},       {"configuration", "M"}, {"api_error", "M"},
    {"not_enabled", "M"},   {"not_supported", "M"}, {"duplicate", "M"},     {"three_d_secure_required", "A"},
    {"three_d_secure_action_required", "A"},
};

/* The most exact word counts; but what Recurly calls hard or fraud is never softened by it. */
const char *recurly_class(const char *decline_code, const char *code, const char *category)
{
    const char *by_category = look_up(categories, DW_ARRAY_LEN(categories), category, "?");
    const char *by_code = look_up(codes, DW_ARRAY_LEN(codes), decline_code, look_up(codes, DW_ARRAY_LEN(codes), code, "?"));
    if (*by_category == 'H' && *by_code == 'S')
        return by_category;
    return *by_code != '?' ? by_code : by_category;
}
