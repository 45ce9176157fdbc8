/* Declines, by table. The letters are the vocabulary of the policy; the lists are Stripe's decline codes, Visa's response
 * code categories (Core Rules, table 7-2) and Mastercard's merchant advice codes.
 *
 * The tables err to the safe side: a code that is not here is "?", which no rule retries by itself. Generic refusals
 * (do_not_honor, generic_decline, call_issuer) are soft by the networks' rules although they seldom succeed; the policy
 * caps them. Tables are searched in line: a few dozen short words, a few times for each case. */
#include "adapters/billing/declines.h"

#include <string.h>
#include <strings.h>

#define HOUR_MS INT64_C(3600000)
#define ROWS_APART ", "

struct code_row {
    const char *code, *class;
};

static const struct code_row codes[] = {
    {"lost_card", "H"},
    {"stolen_card", "H"},
    {"pickup_card", "H"},
    {"revocation_of_authorization", "H"},
    {"revocation_of_all_authorizations", "H"},
    {"stop_payment_order", "H"},
    {"fraudulent", "H"},
    {"merchant_blacklist", "H"},
    {"do_not_try_again", "H"},
    {"restricted_card", "H"},
    {"security_violation", "H"},
    {"transaction_not_allowed", "H"},
    {"not_permitted", "H"},
    {"service_not_allowed", "H"},
    {"highest_risk_level", "H"},
    {"expired_card", "N"},
    {"incorrect_number", "N"},
    {"invalid_number", "N"},
    {"invalid_account", "N"},
    {"new_account_information_available", "N"},
    {"incorrect_cvc", "N"},
    {"invalid_cvc", "N"},
    {"invalid_expiry_month", "N"},
    {"invalid_expiry_year", "N"},
    {"incorrect_zip", "N"},
    {"incorrect_address", "N"},
    {"incorrect_pin", "N"},
    {"invalid_pin", "N"},
    {"pin_try_exceeded", "N"},
    {"card_not_supported", "N"},
    {"currency_not_supported", "N"},
    {"authentication_required", "A"},
    {"authentication_not_handled", "A"},
    {"mobile_device_authentication_required", "A"},
    {"offline_pin_required", "A"},
    {"online_or_offline_pin_required", "A"},
    {"insufficient_funds", "S"},
    {"card_velocity_exceeded", "S"},
    {"withdrawal_count_limit_exceeded", "S"},
    {"try_again_later", "S"},
    {"issuer_not_available", "S"},
    {"processing_error", "S"},
    {"reenter_transaction", "S"},
    {"approve_with_id", "S"},
    {"no_action_taken", "S"},
    {"call_issuer", "S"},
    {"do_not_honor", "S"},
    {"generic_decline", "S"},
    {"duplicate_transaction", "M"},
    {"invalid_amount", "M"},
    {"testmode_decline", "M"},
    /* how Stripe words a missing authentication when an invoice, not a payment intent, is paid */
    {"invoice_payment_intent_requires_action", "A"},
    {"subscription_payment_intent_requires_action", "A"},
    {"payment_intent_authentication_failure", "A"},
};

static const struct code_row advices[] = {
    {"do_not_try_again", "H"},
    {"try_again_later", "S"},
    {"confirm_card_data", "N"},
};

/* Mastercard's merchant advice codes; wait codes carry their hours. */
static const struct {
    const char *code, *class;
    int hours;
} merchant_advices[] = {
    {"01", "N", 0},   {"02", "S", 0},  {"03", "H", 0},  {"04", "N", 0},  {"05", "S", 0},  {"21", "H", 0},
    {"22", "M", 0},   {"24", "S", 1},  {"25", "S", 24}, {"26", "S", 48}, {"27", "S", 96}, {"28", "S", 144},
    {"29", "S", 192}, {"30", "S", 240}, {"40", "N", 0},  {"41", "N", 0},  {"42", "H", 0},  {"43", "N", 0},
};

static const char *const visa_never[] = {"04", "07", "12", "14", "15", "41", "43", "46", "57", "R0", "R1", "R3"};
static const char *const visa_later[] = {"03", "19", "39", "51", "52", "53", "59", "61", "62", "65", "75",
                                         "78", "83", "86", "91", "93", "96", "5C", "9G", "N3", "N4", "Z5"};
static const char *const visa_data[] = {"54", "55", "82", "6P", "N7"};

static const char *row_class(const struct code_row *rows, size_t n, const char *code)
{
    for (size_t i = 0; code && i < n; i++)
        if (str_eq(rows[i].code, code))
            return rows[i].class;
    return "?";
}

static bool among(const char *const *list, size_t n, const char *code)
{
    for (size_t i = 0; i < n; i++)
        if (strcasecmp(list[i], code) == 0)
            return true;
    return false;
}

static bool brand_is(const struct decline *d, const char *brand)
{
    return d->brand && strcasecmp(d->brand, brand) == 0;
}

const char *decline_code_class(const char *code)
{
    return row_class(codes, DW_ARRAY_LEN(codes), code);
}

/* "code=S" or "gateway/code=S"; NULL when it is no row. */
static const char *row_of_map(const char *row, size_t n)
{
    static const char *const classes[] = {"H", "N", "A", "S", "M"};
    for (size_t i = 0; n > 2 && row[n - 2] == '=' && i < DW_ARRAY_LEN(classes); i++)
        if (row[n - 1] == classes[i][0])
            return classes[i];
    return NULL;
}

static bool is_row(const char *row, size_t n, const char *gateway, const char *code)
{
    size_t g = strlen(gateway), k = strlen(code), before = g ? g + 1 : 0;
    return k > 0 && n == before + k + 2 && strncmp(row, gateway, g) == 0 && (!g || row[g] == '/') && strncmp(row + before, code, k) == 0;
}

const char *decline_mapped(const char *map, const char *gateway, const char *code)
{
    const char *of_any = "?";
    for (const char *p = map ? map : ""; *p;) {
        p += strspn(p, ROWS_APART);
        size_t n = strcspn(p, ROWS_APART);
        const char *class = row_of_map(p, n);
        if (class && gateway && *gateway && is_row(p, n, gateway, code))
            return class;
        if (class && is_row(p, n, "", code))
            of_any = class;
        p += n;
    }
    return of_any;
}

bool decline_map_fits(const char *map, struct span *wrong)
{
    for (const char *p = map; *p;) {
        p += strspn(p, ROWS_APART);
        size_t n = strcspn(p, ROWS_APART);
        *wrong = (struct span){.p = p, .n = n};
        if (n && !row_of_map(p, n))
            return false;
        p += n;
    }
    return true;
}

int decline_visa_category(const char *network_code)
{
    if (!network_code || !*network_code)
        return 0;
    if (among(visa_never, DW_ARRAY_LEN(visa_never), network_code))
        return 1;
    if (among(visa_later, DW_ARRAY_LEN(visa_later), network_code))
        return 2;
    return among(visa_data, DW_ARRAY_LEN(visa_data), network_code) ? 3 : 4;
}

static const char *network_class(const struct decline *d)
{
    static const char *const by_category[] = {"?", "H", "S", "N", "S"};
    if (brand_is(d, "visa"))
        return by_category[decline_visa_category(d->network_code)];
    if (brand_is(d, "mastercard"))
        for (size_t i = 0; i < DW_ARRAY_LEN(merchant_advices); i++)
            if (str_eq(merchant_advices[i].code, d->network_advice))
                return merchant_advices[i].class;
    return "?";
}

const char *decline_class(const struct decline *d)
{
    const char *network = network_class(d);
    if (*network == 'H')
        return network;
    const char *advice = row_class(advices, DW_ARRAY_LEN(advices), d->advice);
    if (*advice != '?')
        return advice;
    const char *code = decline_code_class(d->code);
    return *code != '?' ? code : network;
}

int64_t decline_wait_ms(const struct decline *d)
{
    if (!brand_is(d, "mastercard"))
        return 0;
    for (size_t i = 0; i < DW_ARRAY_LEN(merchant_advices); i++)
        if (str_eq(merchant_advices[i].code, d->network_advice))
            return merchant_advices[i].hours * HOUR_MS;
    return 0;
}
