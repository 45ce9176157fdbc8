/* Work by hand at one of two billers (two_billers.h): what people say, and what is held. */
#ifndef DW_TESTS_BY_HAND_H
#define DW_TESTS_BY_HAND_H

#include "tests/unit/two_billers.h"

DW_UNUSED static void the_books_are_sealed(struct office *o)
{
    struct err e = {0};
    if (seals_verify(o->store, &e) != 0)
        fail_msg("%s", e.text);
}

DW_UNUSED static void say(struct office *o, const char *user, const char *command, const char *piece)
{
    AUTO_STR said = office_say(o, user, command);
    assert_says(said, piece);
    the_books_are_sealed(o);
}

enum whose_hands { AT_ZUORA, AT_BOTH };

/* Northwind is strategic: held by policy, which somebody does by hand where no machine can. */
DW_UNUSED static void open_by_hand(struct office *o, enum whose_hands at)
{
    open_two(o);
    zuora_by_hand = true;
    stripe_by_hand = at == AT_BOTH;
    office_event_of(o, 1);
}

/* And that is ticked off. */
DW_UNUSED static void open_ticked(struct office *o, enum whose_hands at)
{
    open_by_hand(o, at);
    say(o, "U0AE1", "done A-1", "is done");
}

/* One more invoice at a biller (0 stripe, 1 zuora) like the first there. Borrowed. */
DW_UNUSED static json_t *owes_more(struct office *o, int biller, const char *id)
{
    json_t *invoices = json_at(o->read[biller], "invoices"), *another = json_deep_copy(json_array_get(invoices, 0));
    json_put(another, "id", id);
    json_array_append_new(invoices, another);
    return another;
}

/* Readings in which nothing is new. */
DW_UNUSED static void read_again(struct office *o)
{
    for (int i = 0; i < 3; i++) {
        office_event_of(o, 1);
        office_later(o, MS_MINUTE);
    }
    the_books_are_sealed(o);
}

DW_UNUSED static void holds(struct office *o, enum hold_state state, const char *invoices)
{
    struct query *q = store_query(o->store, "SELECT state, invoices FROM holds ORDER BY id DESC LIMIT 1", "");
    assert_true(query_next(q));
    assert_int_equal(query_i64(q, 0), state);
    assert_string_equal(query_text(q, 1), invoices);
    query_end(q);
}

#endif
