/* Money is whole minor units here, as ISO 4217 counts them. Where a billing system counts a currency otherwise (Stripe takes 500 for
 * five kronur, Chargebee 153 for 1.530 dinars), an answer is put right once, when it is read, so nothing behind it can mistake
 * twelve thousand for a hundred and twenty; and what is sent is put back. An amount that they cannot say is never rounded into one
 * that nobody approved: it is refused. */
#include "adapters/billing/units.h"

#include <strings.h>

static const char *const amounts[] = {"amount", "amount_due", "amount_paid", "amount_remaining", "amount_to_collect", "total", "write_off_amount"};

static int shift_of(const struct units *t, const char *currency)
{
    for (; currency && t->currency[0]; t++)
        if (strcasecmp(t->currency, currency) == 0)
            return money_exponent(t->currency) - t->exponent;
    return 0;
}

static int64_t ten_to(int power)
{
    int64_t n = 1;
    for (; power > 0; power--)
        n *= 10;
    return n;
}

/* shift > 0: theirs is the coarser one. What is too large for a number here stays too large for any limit. */
static int64_t to_ours(int64_t theirs, int shift)
{
    int64_t factor = ten_to(shift < 0 ? -shift : shift);
    if (shift < 0)
        return theirs / factor;
    if (theirs > INT64_MAX / factor || theirs < INT64_MIN / factor)
        return theirs < 0 ? INT64_MIN : INT64_MAX;
    return theirs * factor;
}

static void put_right(json_t *object, int shift)
{
    for (size_t i = 0; i < DW_ARRAY_LEN(amounts); i++) {
        json_t *v = json_object_get(object, amounts[i]);
        if (json_is_integer(v))
            json_object_set_new(object, amounts[i], json_integer(to_ours(json_integer_value(v), shift)));
    }
}

static void walk(const struct units *t, const char *member, json_t *v, int shift)
{
    const char *name;
    json_t *each;
    size_t i;
    if (json_is_object(v)) {
        const char *currency = json_string_value(json_object_get(v, member));
        shift = currency ? shift_of(t, currency) : shift; /* what says none is part of what does */
        if (shift)
            put_right(v, shift);
        json_object_foreach(v, name, each)
            walk(t, member, each, shift);
    } else if (json_is_array(v)) {
        json_array_foreach(v, i, each)
            walk(t, member, each, shift);
    }
}

void units_read(const struct units *t, const char *member, json_t *answer)
{
    walk(t, member, answer, 0); /* as deep as JSON may be that was read: json.h bounds it */
}

int64_t units_step(const struct units *t, const char *currency)
{
    return ten_to(shift_of(t, currency));
}

int64_t units_write(const struct units *t, const char *currency, int64_t minor)
{
    int shift = shift_of(t, currency);
    return shift < 0 ? minor * ten_to(-shift) : minor / ten_to(shift);
}

bool units_fit(struct rest_call *c, const char *currency, int64_t minor, int64_t step)
{
    char amount[MONEY_TEXT_SIZE], each[MONEY_TEXT_SIZE];
    if (minor % step == 0)
        return true;
    rest_refuse(c, "%s takes amounts in %.3s in steps of %s, and %s is between two of them; choose another amount", c->vendor->title,
                money_of(0, currency).currency, money_text(each, money_of(step, currency)), money_text(amount, money_of(minor, currency)));
    return false;
}
