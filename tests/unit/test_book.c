/* The account book: adding, the three ways a machine asks, and what people type. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "engine/book.h"

static struct account *row(const char *key, const char *name, const char *billing, const char *id)
{
    struct account *a = mem_alloc(sizeof(*a));
    a->key = str_dup(key);
    a->name = str_dup(name);
    a->billing = str_dup(billing);
    a->billing_id = str_dup(id);
    return a;
}

static void add(struct book *b, const char *key, const char *name, const char *id)
{
    assert_int_equal(book_add(b, row(key, name, "stripe", id), NULL), 0);
}

static struct book *sample(void)
{
    struct book *b = book_new("accounts.csv", 1000);
    add(b, "northwind", "Northwind Traders Ltd", "cus_1");
    add(b, "acme-1", "Acme Logistics GmbH", "cus_2");
    add(b, "acme-2", "Acme Labs, Inc.", "cus_3");
    add(b, "smith", "Smith <!channel> & Sons", "cus_4");
    add(b, "muller", "M\xc3\xbcller & S\xc3\xb6hne", "cus_5");
    add(b, "labs", "Zeta Labs", "cus_6");
    add(b, "tanaka", "\xe7\x94\xb0\xe4\xb8\xad\xe8\xa3\xbd\xe4\xbd\x9c\xe6\x89\x80", "cus_7");
    add(b, "dup-a", "Twin Peaks", "cus_8");
    add(b, "dup-b", "Twin Peaks", "cus_9");
    add(b, "prefix", "North", "cus_10");
    add(b, "punct", "!!!", "cus_11");
    add(b, "caf\x65", "Caf\x65\xcc\x81 Noir", "cus_12"); /* e + combining acute */
    assert_int_equal(book_add(b, row("other", "Other Biller", "sandbox", "cus_1"), NULL), 0);
    book_seal(b);
    return b;
}

static void finds(const struct book *b, const char *typed, const char *key)
{
    const struct account *a = NULL;
    struct err e = {0};
    int rc = book_find(&a, b, typed, &e);
    if (rc != 0 || strcmp(a->key, key) != 0)
        fail_msg("\"%s\": wanted %s, got %d %s %s", typed, key, rc, a ? a->key : "-", e.text);
}

static void refuses(const struct book *b, const char *typed, int code, const char *words)
{
    const struct account *a = NULL;
    struct err e = {0};
    int rc = book_find(&a, b, typed, &e);
    if (rc != code || a || !strstr(e.text, words))
        fail_msg("\"%s\": wanted %d with \"%s\", got %d %s", typed, code, words, rc, e.text);
}

static void machines_ask(void **state)
{
    (void)state;
    struct book *b = sample();
    assert_int_equal(book_count(b), 13);
    assert_string_equal(book_at(b, 0)->key, "northwind");
    assert_null(book_at(b, 13));
    assert_string_equal(book_source(b), "accounts.csv");
    assert_int_equal(book_as_of_ms(b), 1000);
    assert_string_equal(book_by_key(b, "acme-2")->billing_id, "cus_3");
    assert_null(book_by_key(b, "ACME-2"));
    assert_null(book_by_key(b, ""));
    assert_string_equal(book_by_billing(b, "stripe", "cus_1")->key, "northwind");
    assert_string_equal(book_by_billing(b, "sandbox", "cus_1")->key, "other");
    assert_null(book_by_billing(b, "sandbox", "cus_2"));
    assert_null(book_by_billing(b, "stripe", ""));
    assert_string_equal(book_at(b, 0)->tier, "");
    assert_non_null(book_at(b, 0)->facts);
    book_free(b);
}

static void doubles_are_refused(void **state)
{
    (void)state;
    struct book *b = book_new("x", 0);
    struct err e = {0};
    add(b, "a", "A", "1");
    assert_int_equal(book_add(b, row("a", "B", "stripe", "2"), &e), ERR_CONFLICT);
    assert_non_null(strstr(e.text, "\"a\""));
    assert_int_equal(book_add(b, row("b", "B", "stripe", "1"), &e), ERR_CONFLICT);
    assert_non_null(strstr(e.text, "belongs to account \"a\""));
    assert_int_equal(book_add(b, row("b", "B", "sandbox", "1"), &e), 0);
    assert_int_equal(book_add(b, row("c", "C", "", ""), &e), 0);
    assert_int_equal(book_add(b, row("d", "D", "", ""), &e), 0);
    assert_int_equal(book_count(b), 4);
    book_seal(b);
    book_free(b);
}

static void people_type(void **state)
{
    (void)state;
    struct book *b = sample();
    finds(b, "northwind", "northwind");
    finds(b, "NORTHWIND", "northwind");
    finds(b, "cus_2", "acme-1");
    finds(b, "stripe:cus_1", "northwind");
    finds(b, "sandbox:cus_1", "other");
    finds(b, "  northwind   TRADERS ltd ", "northwind");
    finds(b, "acme labs inc", "acme-2");
    finds(b, "Acme Lo", "acme-1");
    finds(b, "acme lab", "acme-2");
    finds(b, "logistics", "acme-1");
    finds(b, "traders ltd", "northwind");
    finds(b, "smith &", "smith");
    finds(b, "SONS", "smith");
    finds(b, "Smith <!channel> & Sons", "smith");
    finds(b, "northwind\xe2\x80\x99" "traders ltd", "northwind"); /* as telephones write an apostrophe */
    finds(b, "M\xc3\x9cLLER", "muller");
    finds(b, "caf\xc3\xa9 noir", "cafe");
    finds(b, "\xe7\x94\xb0\xe4\xb8\xad", "tanaka");
    finds(b, "north", "prefix"); /* an exact name comes before a longer one */
    finds(b, "dup-b", "dup-b");
    book_free(b);
}

static void ambiguous_and_unknown(void **state)
{
    (void)state;
    struct book *b = sample();
    refuses(b, "acme", ERR_AMBIGUOUS, "acme-2 (Acme Labs, Inc.) or acme-1 (Acme Logistics GmbH)");
    refuses(b, "twin peaks", ERR_AMBIGUOUS, "dup-a (Twin Peaks) or dup-b (Twin Peaks)");
    refuses(b, "cus_1", ERR_AMBIGUOUS, "northwind");
    refuses(b, "nortwind", ERR_NOT_FOUND, "Did you mean northwind (Northwind Traders Ltd)");
    refuses(b, "logistic", ERR_NOT_FOUND, "acme-1");
    refuses(b, "smith & sons", ERR_NOT_FOUND, "Did you mean smith (Smith <!channel> & Sons)");
    refuses(b, "wind", ERR_NOT_FOUND, "No account fits");
    refuses(b, "", ERR_NOT_FOUND, "Type its key");
    refuses(b, "!!!", ERR_NOT_FOUND, "No account");
    refuses(b, "qqqqqqqqqqqqqqqqqq", ERR_NOT_FOUND, "Type its key");
    refuses(b, "a\nb\x1b[31m", ERR_NOT_FOUND, "\"a b [31m\"");
    book_free(b);
}

static void long_text_is_bounded(void **state)
{
    (void)state;
    struct book *b = sample();
    char *text = mem_alloc(50001);
    memset(text, 'x', 50000);
    refuses(b, text, ERR_NOT_FOUND, "No account fits");
    memset(text, '\xc3', 50000);
    refuses(b, text, ERR_NOT_FOUND, "No account fits");
    free(text);
    book_free(b);
}

static void a_long_list_is_cut(void **state)
{
    (void)state;
    struct book *b = book_new("x", 0);
    for (int i = 0; i < 3000; i++) {
        AUTO_STR key = str_fmt("k%d", i);
        AUTO_STR name = str_fmt("Same %d Ltd", i);
        add(b, key, name, key);
    }
    add(b, "ltd-itself", "Ltd", "x");
    book_seal(b);
    refuses(b, "same", ERR_AMBIGUOUS, "and more");
    finds(b, "ltd", "ltd-itself");
    finds(b, "same 2999", "k2999");
    book_free(b);
}

static void an_empty_book(void **state)
{
    (void)state;
    struct book *b = book_new("x", 0);
    book_seal(b);
    assert_null(book_by_key(b, "a"));
    assert_null(book_by_billing(b, "a", "b"));
    refuses(b, "a", ERR_NOT_FOUND, "No account");
    book_free(b);
}

static void a_hundred_thousand_rows(void **state)
{
    (void)state;
    struct book *b = book_new("x", 0);
    char key[32], name[64];
    for (int i = 0; i < 100000; i++) {
        snprintf(key, sizeof(key), "acct-%06d", i);
        snprintf(name, sizeof(name), "Company %06d Holdings", i);
        add(b, key, name, key);
    }
    book_seal(b);
    for (int i = 0; i < 100000; i += 997) {
        snprintf(key, sizeof(key), "acct-%06d", i);
        snprintf(name, sizeof(name), "company %06d", i);
        assert_string_equal(book_by_key(b, key)->billing_id, key);
        assert_ptr_equal(book_by_billing(b, "stripe", key), book_by_key(b, key));
        finds(b, name, key);
        refuses(b, "holdings", ERR_AMBIGUOUS, "and more");
    }
    book_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(machines_ask),         cmocka_unit_test(doubles_are_refused),
        cmocka_unit_test(people_type),          cmocka_unit_test(ambiguous_and_unknown),
        cmocka_unit_test(long_text_is_bounded), cmocka_unit_test(a_long_list_is_cut),
        cmocka_unit_test(an_empty_book),        cmocka_unit_test(a_hundred_thousand_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
