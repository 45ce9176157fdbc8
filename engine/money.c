/* Money as whole minor units. A double holds 0.10 only nearly, and a plan of three parts must add up to the last
 * cent.
 *
 * Text from people is read generously in form ("$10k", "10 eur", "1,234.50") and strictly in meaning: whatever
 * could be read in two ways is refused with the form that is wanted. "1,50" is one and a half to some readers and
 * nonsense to others, so it is nobody's. "$" is the dollar of the account when its currency is a dollar, else the
 * US dollar.
 *
 * The exponents are those of ISO 4217. A vendor that counts a currency otherwise converts in its own driver. */
#include "engine/money.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Code and exponent, sorted. The active list, less the codes that are no money one pays with (metals, funds, tests);
 * ANG and BGN, withdrawn lately, stay: open invoices still hold them. */
static const char currencies[][5] = {
    "AED2", "AFN2", "ALL2", "AMD2", "ANG2", "AOA2", "ARS2", "AUD2", "AWG2", "AZN2", "BAM2", "BBD2", "BDT2", "BGN2",
    "BHD3", "BIF0", "BMD2", "BND2", "BOB2", "BOV2", "BRL2", "BSD2", "BTN2", "BWP2", "BYN2", "BZD2", "CAD2", "CDF2",
    "CHE2", "CHF2", "CHW2", "CLF4", "CLP0", "CNY2", "COP2", "COU2", "CRC2", "CUP2", "CVE2", "CZK2", "DJF0", "DKK2",
    "DOP2", "DZD2", "EGP2", "ERN2", "ETB2", "EUR2", "FJD2", "FKP2", "GBP2", "GEL2", "GHS2", "GIP2", "GMD2", "GNF0",
    "GTQ2", "GYD2", "HKD2", "HNL2", "HTG2", "HUF2", "IDR2", "ILS2", "INR2", "IQD3", "IRR2", "ISK0", "JMD2", "JOD3",
    "JPY0", "KES2", "KGS2", "KHR2", "KMF0", "KPW2", "KRW0", "KWD3", "KYD2", "KZT2", "LAK2", "LBP2", "LKR2", "LRD2",
    "LSL2", "LYD3", "MAD2", "MDL2", "MGA2", "MKD2", "MMK2", "MNT2", "MOP2", "MRU2", "MUR2", "MVR2", "MWK2", "MXN2",
    "MXV2", "MYR2", "MZN2", "NAD2", "NGN2", "NIO2", "NOK2", "NPR2", "NZD2", "OMR3", "PAB2", "PEN2", "PGK2", "PHP2",
    "PKR2", "PLN2", "PYG0", "QAR2", "RON2", "RSD2", "RUB2", "RWF0", "SAR2", "SBD2", "SCR2", "SDG2", "SEK2", "SGD2",
    "SHP2", "SLE2", "SOS2", "SRD2", "SSP2", "STN2", "SVC2", "SYP2", "SZL2", "THB2", "TJS2", "TMT2", "TND3", "TOP2",
    "TRY2", "TTD2", "TWD2", "TZS2", "UAH2", "UGX0", "USD2", "USN2", "UYI0", "UYU2", "UYW4", "UZS2", "VED2", "VES2",
    "VND0", "VUV0", "WST2", "XAD2", "XAF0", "XCD2", "XCG2", "XOF0", "XPF0", "YER2", "ZAR2", "ZMW2", "ZWG2",
};

/* A sign and what it may stand for: the first of `may` unless the account or the text says another of them. "" first:
 * it never stands for one by itself. Longer signs come before those they contain. */
static const struct symbol {
    const char *text, *alone, *may;
} symbols[] = {
    {"US$", "USD", "USD"}, {"CA$", "CAD", "CAD"}, {"AU$", "AUD", "AUD"}, {"NZ$", "NZD", "NZD"}, {"HK$", "HKD", "HKD"},
    {"MX$", "MXN", "MXN"}, {"C$", "CAD", "CAD"},  {"A$", "AUD", "AUD"},  {"S$", "SGD", "SGD"},  {"R$", "BRL", "BRL"},
    {"$", "USD", "USD CAD AUD NZD SGD HKD MXN ARS CLP COP TWD BMD BSD BBD KYD JMD TTD XCD FJD BND LRD NAD SRD"},
    {"€", "EUR", "EUR"},   {"£", "GBP", "GBP EGP FKP GIP SHP LBP"},      {"¥", "JPY", "JPY CNY"},
    {"₹", "INR", "INR"},   {"₩", "KRW", "KRW"},   {"₪", "ILS", "ILS"},   {"₺", "TRY", "TRY"},   {"₴", "UAH", "UAH"},
    {"₫", "VND", "VND"},   {"₱", "PHP", "PHP"},   {"₦", "NGN", "NGN"},   {"฿", "THB", "THB"},   {"zł", "PLN", "PLN"},
    {"kr", "", "SEK NOK DKK ISK"},
};

enum { MOST_TEXT = 64 };

static int by_code(const void *code, const void *row)
{
    return strncasecmp(code, row, 3);
}

/* The row of a three-letter code in any case, "" or NULL excluded; NULL when ISO does not have it. */
static const char *currency_row(const char *code)
{
    if (!code || strlen(code) != 3)
        return NULL;
    return bsearch(code, currencies, DW_ARRAY_LEN(currencies), sizeof(currencies[0]), by_code);
}

int money_exponent(const char *currency)
{
    const char *row = currency_row(currency);
    return row ? row[3] - '0' : -1;
}

struct money money_of(int64_t minor, const char *currency)
{
    struct money m = {.minor = minor};
    const char *row = currency_row(currency);
    if (row)
        memcpy(m.currency, row, 3);
    return m;
}

/* --- reading
 * ------------------------------------------------------------------------------------------------------ */

struct mark { /* a currency as somebody wrote it: a code, a sign, or neither */
    const char *row;
    const struct symbol *symbol;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static size_t letters(const char *p)
{
    size_t n = 0;
    while ((p[n] >= 'a' && p[n] <= 'z') || (p[n] >= 'A' && p[n] <= 'Z'))
        n++;
    return n;
}

static const char *skip_spaces(const char *p)
{
    return p + strspn(p, " \t");
}

static const char *code_at(const char *p)
{
    char code[4] = {p[0], p[1], p[2], '\0'};
    return currency_row(code);
}

/* Reads a currency at *at if there is one. ERR_INVALID for a three-letter word that is none. */
static int read_mark(const char **at, struct mark *m, struct err *e)
{
    const char *p = *at;
    for (size_t i = 0; i < DW_ARRAY_LEN(symbols); i++) {
        size_t n = strlen(symbols[i].text);
        /* "kr" must be the whole word: "KRW" begins with it too. */
        if (strncasecmp(p, symbols[i].text, n) == 0 && (letters(p) < n || letters(p) == n)) {
            m->symbol = &symbols[i];
            *at = p + n;
            return 0;
        }
    }
    if (letters(p) != 3)
        return 0;
    m->row = code_at(p);
    if (!m->row)
        return err_set(e, ERR_INVALID, "%.3s is not a currency (write a code of three letters such as USD or EUR)",
                       p);
    *at = p + 3;
    return 0;
}

/* All digits as one number, and how many of them stood behind the point. Commas only where thousands end. */
static int read_digits(const char **at, int64_t *value, int *decimals, struct err *e)
{
    const char *p = *at, *start = p;
    int64_t sum = 0;
    int group = 0, places = 0;
    bool grouped = false, point = false;
    for (;; p++) {
        if (is_digit(*p)) {
            if (__builtin_mul_overflow(sum, 10, &sum) || __builtin_add_overflow(sum, *p - '0', &sum))
                return err_set(e, ERR_LIMIT, "the amount is too large");
            group++;
            places += point;
        } else if (*p == ',' && !point && group > 0 && group <= 3 && (!grouped || group == 3) && is_digit(p[1])) {
            grouped = true;
            group = 0;
        } else if (*p == '.' && !point && group > 0 && is_digit(p[1])) {
            point = true;
            if (grouped && group != 3)
                break;
            grouped = false;
        } else {
            break;
        }
    }
    if (p == start)
        return err_set(e, ERR_INVALID, "that is not an amount (write it like 1234.50, 10k or EUR 99)");
    if (*p == ',' || *p == '.' || (grouped && group != 3))
        return err_set(e, ERR_INVALID, "the amount can be read in two ways (write it like 1234.50 or 1,234.50)");
    *value = sum;
    *decimals = places;
    *at = p;
    return 0;
}

/* "k" or "m" behind the number, alone or before a currency's code: the power of ten it stands for, and *at moves
 * on. */
static int read_multiplier(const char **at)
{
    const char *p = *at;
    size_t n = letters(p);
    bool alone = n == 1 || (n == 4 && code_at(p + 1));
    int power = !alone ? 0 : *p == 'k' || *p == 'K' ? 3 : *p == 'm' || *p == 'M' ? 6 : 0;
    *at = power ? p + 1 : p;
    return power;
}

static int resolve(const char **row, const struct mark *before, const struct mark *after, const char *currency,
                   struct err *e)
{
    const char *code = before->row ? before->row : after->row;
    if (before->row && after->row && before->row != after->row)
        return err_set(e, ERR_INVALID, "the amount names two currencies, %.3s and %.3s", before->row, after->row);
    const char *fallback = currency_row(currency), *found = code;
    const struct symbol *signs[] = {before->symbol, after->symbol};
    for (size_t i = 0; i < DW_ARRAY_LEN(signs); i++) {
        if (!signs[i])
            continue;
        const char *meant = found ? found : fallback;
        char name[4] = {0};
        if (meant)
            memcpy(name, meant, 3);
        if (!meant || !strstr(signs[i]->may, name))
            meant = found ? NULL : currency_row(signs[i]->alone);
        if (!meant && found)
            return err_set(e, ERR_INVALID, "the amount names two currencies, %s and %.3s", signs[i]->text, found);
        if (!meant)
            return err_set(e, ERR_INVALID, "%s may be several currencies (write the code, such as SEK)",
                           signs[i]->text);
        found = meant;
    }
    found = found ? found : fallback;
    if (!found)
        return err_set(e, ERR_INVALID, "the amount needs a currency (write a code of three letters such as USD)");
    *row = found;
    return 0;
}

/* value x 10^power in minor units of a currency with this exponent; the power is that of k and m less the
 * decimals. */
static int to_minor(int64_t *minor, int64_t value, int power, int exponent, const char *row, struct err *e)
{
    int shift = power + exponent;
    if (shift < 0 && exponent == 0)
        return err_set(e, ERR_INVALID, "%.3s has no decimals", row);
    if (shift < 0)
        return err_set(e, ERR_INVALID, "%.3s has %d decimals, not more", row, exponent);
    for (; shift > 0; shift--) {
        if (__builtin_mul_overflow(value, 10, &value))
            return err_set(e, ERR_LIMIT, "the amount is too large");
    }
    *minor = value;
    return 0;
}

static bool is_minus(const char *p)
{
    return *p == '-' || strncmp(p, "−", strlen("−")) == 0;
}

int money_parse(struct money *out, const char *text, const char *currency, struct err *e)
{
    if (!text || strnlen(text, MOST_TEXT + 1) > MOST_TEXT)
        return err_set(e, ERR_INVALID, "that is not an amount (write it like 1234.50, 10k or EUR 99)");
    struct mark before = {0}, after = {0};
    int64_t value = 0, minor = 0;
    int decimals = 0;
    const char *row = NULL, *p = skip_spaces(text);
    bool negative = is_minus(p);
    int rc = negative ? 0 : read_mark(&p, &before, e);
    if (rc != 0)
        return rc;
    p = skip_spaces(p);
    if (negative || is_minus(p))
        return err_set(e, ERR_INVALID, "the amount must not be negative");
    if ((rc = read_digits(&p, &value, &decimals, e)) != 0)
        return rc;
    int power = read_multiplier(&p);
    p = skip_spaces(p);
    if (*p && (rc = read_mark(&p, &after, e)) != 0)
        return rc;
    if (*skip_spaces(p))
        return err_set(e, ERR_INVALID, "that is not an amount (write it like 1234.50, 10k or EUR 99)");
    if ((rc = resolve(&row, &before, &after, currency, e)) != 0)
        return rc;
    if ((rc = to_minor(&minor, value, power - decimals, row[3] - '0', row, e)) != 0)
        return rc;
    *out = money_of(minor, (const char[]){row[0], row[1], row[2], '\0'});
    return 0;
}

int money_parse_decimal(int64_t *minor, const char *text, const char *currency, struct err *e)
{
    const char *row = currency_row(currency);
    if (!row)
        return err_set(e, ERR_INVALID, "the amount has no currency that ISO 4217 knows");
    int exponent = row[3] - '0', places = -1;
    const char *p = text ? text : "";
    bool negative = *p == '-';
    p += negative;
    int64_t sum = 0;
    if (!is_digit(*p))
        return err_set(e, ERR_INVALID, "the amount is not a decimal number");
    for (; *p; p++) {
        if (*p == '.' && places < 0 && is_digit(p[1])) {
            places = 0;
            continue;
        }
        if (!is_digit(*p))
            return err_set(e, ERR_INVALID, "the amount is not a decimal number");
        if (places == exponent) {
            /* "120.5000" is 120.50: zeros past the last place say nothing, anything else is not this currency. */
            if (*p != '0')
                return err_set(e, ERR_INVALID, "the amount has more decimals than %.3s has", row);
            continue;
        }
        places += places >= 0;
        int digit = negative ? '0' - *p : *p - '0';
        if (__builtin_mul_overflow(sum, 10, &sum) || __builtin_add_overflow(sum, digit, &sum))
            return err_set(e, ERR_LIMIT, "the amount is too large");
    }
    return to_minor(minor, sum, places > 0 ? -places : 0, exponent, row, e);
}

/* --- writing
 * ------------------------------------------------------------------------------------------------------ */

static void write_amount(char out[MONEY_TEXT_SIZE], const char *before, struct money m, bool grouped)
{
    uint64_t rest = m.minor < 0 ? 0 - (uint64_t)m.minor : (uint64_t)m.minor;
    int exponent = money_exponent(m.currency), places = 0;
    char reversed[MONEY_TEXT_SIZE];
    size_t n = 0;
    do {
        if (exponent > 0 && places == exponent)
            reversed[n++] = '.';
        else if (grouped && places > exponent && (places - (exponent > 0 ? exponent : 0)) % 3 == 0 && places > 0)
            reversed[n++] = ',';
        reversed[n++] = (char)('0' + rest % 10);
        rest /= 10;
        places++;
    } while (rest > 0 || places <= exponent);
    size_t used = (size_t)snprintf(out, MONEY_TEXT_SIZE, "%s%s", m.minor < 0 ? "-" : "", before);
    while (n > 0 && used < MONEY_TEXT_SIZE - 1)
        out[used++] = reversed[--n];
    out[used] = '\0';
}

const char *money_text(char out[MONEY_TEXT_SIZE], struct money m)
{
    static const struct {
        const char *currency, *before;
    } signs[] = {{"USD", "$"}, {"EUR", "€"}, {"GBP", "£"}, {"JPY", "¥"}, {"INR", "₹"}};
    char before[8];
    snprintf(before, sizeof(before), "%s%s", m.currency, m.currency[0] ? " " : "");
    for (size_t i = 0; i < DW_ARRAY_LEN(signs); i++) {
        if (strcmp(m.currency, signs[i].currency) == 0)
            snprintf(before, sizeof(before), "%s", signs[i].before);
    }
    write_amount(out, before, m, true);
    return out;
}

const char *money_decimal(char out[MONEY_TEXT_SIZE], struct money m)
{
    write_amount(out, "", m, false);
    return out;
}

int money_add(int64_t *out, int64_t a, int64_t b)
{
    int64_t sum;
    if (__builtin_add_overflow(a, b, &sum))
        return ERR_LIMIT;
    *out = sum;
    return 0;
}

void money_split(int64_t total, int n, int64_t *parts)
{
    assert(n >= 1);
    int64_t each = total / n, left = total % n, step = left < 0 ? -1 : 1;
    for (int i = 0; i < n; i++) {
        parts[i] = each + (left != 0 ? step : 0);
        left -= left != 0 ? step : 0;
    }
}

int64_t money_step_paid(struct money total)
{
    int64_t step = money_exponent(total.currency) == 3 ? 10 : str_eq(total.currency, "MGA") ? 100 : 1;
    return total.minor % step == 0 ? step : 1;
}

void money_split_paid(struct money total, int n, int64_t *parts)
{
    int64_t step = money_step_paid(total);
    money_split(total.minor / step, n, parts);
    for (int i = 0; i < n; i++)
        parts[i] *= step;
}
