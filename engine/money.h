/* Money: int64 minor units and an ISO 4217 currency, checked arithmetic, never a double. Plain values, any thread. */
#ifndef DW_ENGINE_MONEY_H
#define DW_ENGINE_MONEY_H

#include "engine/err.h"

struct money {
    int64_t minor;
    char currency[4]; /* upper case; "" when there is none */
};

#define MONEY_TEXT_SIZE 48

int money_exponent(const char *currency); /* 2, 0 for JPY, 3 for KWD, ...; -1 for a currency that is not in ISO 4217 */
struct money money_of(int64_t minor, const char *currency); /* any letter case; an unknown currency gives "" */

/* "1234.50", "1,234.50", "10k", "1.5m", "$10k", "USD 10", "10 eur". With no currency in the text, `currency` is meant.
 * Refuses negatives, more decimals than the currency has, several currencies, nonsense, overflow; says which. */
int money_parse(struct money *out, const char *text, const char *currency, struct err *e) DW_MUST_CHECK;
/* A vendor's decimal text ("120.50", "-3", "1e3" refused), to minor units; negatives allowed. */
int money_parse_decimal(int64_t *minor, const char *text, const char *currency, struct err *e) DW_MUST_CHECK;

/* "$48,200.00", "€1,234.50", "CHF 12.00", "¥500": for people. Returns out. */
const char *money_text(char out[MONEY_TEXT_SIZE], struct money m);
/* "48200.00": for files and machines. Returns out. */
const char *money_decimal(char out[MONEY_TEXT_SIZE], struct money m);

int money_add(int64_t *out, int64_t a, int64_t b) DW_MUST_CHECK; /* ERR_LIMIT on overflow */
/* Splits into n parts that add up exactly: the remainder goes on the first ones, one minor unit each. n >= 1. */
void money_split(int64_t total, int n, int64_t *parts);
/* What parts of this total have to be multiples of, so that they can be charged: cards know no third decimal and no part of an ariary.
 * A total that has such parts itself cannot be split without them: 1. */
int64_t money_step_paid(struct money total);
/* Splits into n such parts; some are nothing where the total has fewer steps than n. */
void money_split_paid(struct money total, int n, int64_t *parts);

#endif
