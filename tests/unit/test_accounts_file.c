/* accounts.csv: what spreadsheets write, and every way a row can be bad without taking others with it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "adapters/adapter.h"
#include "adapters/crm/file.h"
#include "engine/when.h"

#define HEAD "account,name,billing,billing_id"

static struct book *parse_n(const char *text, size_t n, struct problems *p)
{
    *p = (struct problems){0};
    return accounts_parse((struct span){.p = text, .n = n}, "accounts.csv", 5000, p);
}

static struct book *parse(const char *text, struct problems *p)
{
    return parse_n(text, strlen(text), p);
}

static const char *column(const struct account *a, const char *name)
{
    return json_str(a->facts, name, "-");
}

static void template_is_valid(void **state)
{
    (void)state;
    struct problems p = {0};
    struct book *b = accounts_file_load("templates/demo/accounts.csv", 7000, &p);
    assert_int_equal(p.n, 0);
    assert_int_equal(book_count(b), 40);
    assert_string_equal(book_source(b), "accounts.csv");
    assert_int_equal(book_as_of_ms(b), 7000);
    const struct account *a = book_by_key(b, "northwind");
    char text[WHEN_TEXT_SIZE];
    assert_string_equal(a->name, "Northwind Traders Ltd");
    assert_string_equal(a->tier, "strategic");
    assert_int_equal(a->value.minor, 41200000);
    assert_string_equal(a->value.currency, "USD");
    assert_string_equal(when_iso_day(text, a->renewal_ms, NULL), "2027-03-12");
    assert_string_equal(a->ae, "ae1");
    assert_string_equal(a->billing_id, "sbx_northwind");
    assert_string_equal(column(a, "sentiment"), "-0.4");
    assert_string_equal(column(a, "open_tickets"), "2");
    assert_string_equal(column(a, "top_priority"), "1");
    assert_string_equal(column(a, "name"), "-");
    struct err e;
    assert_int_equal(book_find(&a, b, "acme", &e), ERR_AMBIGUOUS);
    assert_int_equal(book_find(&a, b, "smith", &e), 0);
    assert_string_equal(a->name, "Smith <!channel> & Sons");
    book_free(b);
}

/* A byte order mark, CR LF, quotes with commas, quotes and line breaks, columns in another order, odd headings. */
static void what_spreadsheets_write(void **state)
{
    (void)state;
    struct problems p;
    struct book *b = parse("\xef\xbb\xbf\"Billing ID\", Name ,billing,ACCOUNT,Health score!\r\n"
                           "c1,\"Smith, \"\"Bob\"\" & Co\",stripe,a-1,  7 \r\n"
                           "\r\n"
                           "c2,\"two\r\nlines\",stripe,a-2,\"\"\r\n"
                           "c3,,stripe,a-3,high",
                           &p);
    assert_int_equal(p.n, 0);
    assert_int_equal(book_count(b), 3);
    assert_string_equal(book_at(b, 0)->name, "Smith, \"Bob\" & Co");
    assert_string_equal(column(book_at(b, 0), "health_score"), "7");
    assert_string_equal(book_at(b, 1)->name, "two  lines");
    assert_string_equal(column(book_at(b, 1), "health_score"), "-");
    assert_string_equal(book_at(b, 2)->name, "a-3");
    assert_string_equal(book_at(b, 2)->value.currency, "");
    book_free(b);
}

static void only_carriage_returns(void **state)
{
    (void)state;
    struct problems p;
    struct book *b = parse(HEAD "\ra,A,stripe,c1\rb,B,stripe\r", &p);
    assert_int_equal(book_count(b), 1);
    assert_int_equal(p.n, 1);
    assert_string_equal(p.lines[0], "accounts.csv:3: the row has 3 fields and the first row 4");
    problems_free(&p);
    book_free(b);
}

/* The bad row stands between two good ones: those are loaded, and the one problem names line 3. */
static void one_bad_row(const char *more_columns, const char *good, const char *bad, const char *words)
{
    struct problems p;
    AUTO_STR text =
        str_fmt(HEAD "%s\ng1,Good One,stripe,c1%s\n%s\ng2,Good Two,stripe,c2%s\n", more_columns, good, bad, good);
    struct book *b = parse(text, &p);
    if (!b || book_count(b) != 2 || p.n != 1 || strncmp(p.lines[0], "accounts.csv:3: ", 16) != 0 ||
        !strstr(p.lines[0], words))
        fail_msg("%s: %zu rows, %zu problems, the first: %s", bad, b ? book_count(b) : 0, p.n,
                 p.n ? p.lines[0] : "-");
    assert_non_null(book_by_key(b, "g2"));
    book_free(b);
    problems_free(&p);
}

static void a_second_row_links_a_billing_system(void **state)
{
    (void)state;
    struct problems p = {0};
    struct book *b = parse("account,name,billing,billing_id\na1,Acme,stripe,c1\na1,,zuora,Z-1\na1,,recurly,r1\na1,,zuora,Z-1\na2,,zuora,Z-9\n", &p);
    assert_non_null(b);
    assert_int_equal(book_count(b), 2);
    const struct account *a = book_by_key(b, "a1");
    assert_int_equal(a->n_also, 2);
    assert_ptr_equal(book_by_billing(b, "stripe", "c1"), a);
    assert_ptr_equal(book_by_billing(b, "zuora", "Z-1"), a);
    assert_ptr_equal(book_by_billing(b, "recurly", "r1"), a);
    assert_null(book_by_billing(b, "stripe", "Z-1"));
    assert_string_equal(a->also[0].billing, "zuora");
    assert_string_equal(book_by_key(b, "a2")->billing_id, "Z-9"); /* a first row may leave out the rest as well */
    const struct account *found = NULL;
    assert_int_equal(book_find(&found, b, "Z-1", NULL), 0); /* what people type finds it too */
    assert_ptr_equal(found, a);
    assert_int_equal(p.n, 1);
    assert_non_null(strstr(p.lines[0], "zuora Z-1 belongs to account \"a1\""));
    book_free(b);
    problems_free(&p);
}

static void bad_rows(void **state)
{
    (void)state;
    one_bad_row("", "", ",X,stripe,c9", "account is missing");
    one_bad_row("", "", "x y,X,stripe,c9", "account must be");
    one_bad_row("", "", "x,X,,c9", "billing must name");
    one_bad_row("", "", "x,X,stripe,", "billing_id is missing");
    one_bad_row("", "", "x,X,stripe,c 9", "billing_id must");
    one_bad_row("", "", "g1,X,stripe,c9", "\"g1\" is there already");
    one_bad_row("", "", "x,X,stripe,c1", "belongs to account \"g1\"");
    one_bad_row("", "", "x,X,stripe", "3 fields");
    one_bad_row("", "", "x,X,stripe,c9,more", "5 fields");
    one_bad_row("", "", "x,\xff\xfe,stripe,c9", "UTF-8");
    one_bad_row("", "", "x,X \"Y\" Z,stripe,c9", "quote inside a field");
    one_bad_row("", "", "x,\"X\"Y,stripe,c9", "text after a closing quote");
    one_bad_row("", "", "x,\"X,stripe,c9", "a quoted field does not end");
    one_bad_row(",tier", ",", "x,X,stripe,c9,gold", "strategic, standard, low");
    one_bad_row(",annual_value,currency", ",1,USD", "x,X,stripe,c9,5,XXQ", "currency must be an ISO 4217");
    one_bad_row(",annual_value,currency", ",,", "x,X,stripe,c9,5,", "currency is missing");
    one_bad_row(",annual_value,currency", ",,USD", "x,X,stripe,c9,-5,USD", "annual_value is not an amount");
    one_bad_row(",annual_value,currency", ",,USD", "x,X,stripe,c9,5.005,USD", "annual_value is not an amount");
    one_bad_row(",annual_value,currency", ",,USD", "x,X,stripe,c9,EUR 5,USD", "annual_value");
    one_bad_row(",annual_value,currency", ",,USD", "x,X,stripe,c9,99999999999999999999,USD",
                "annual_value is not an amount");
    one_bad_row(",renewal", ",2027-02-28", "x,X,stripe,c9,2027-02-29", "renewal must be a day");
    one_bad_row(",renewal", ",", "x,X,stripe,c9,12/03/2027", "renewal must be a day");
    one_bad_row(",sentiment", ",-1", "x,X,stripe,c9,1.01", "from -1 to 1");
    one_bad_row(",sentiment", ",0", "x,X,stripe,c9,-1.01", "from -1 to 1");
    one_bad_row(",sentiment", ",1.0", "x,X,stripe,c9,nan", "from -1 to 1");
    one_bad_row(",sentiment", ",", "x,X,stripe,c9,0x1", "from -1 to 1");
    one_bad_row(",open_tickets", ",0", "x,X,stripe,c9,-1", "open_tickets must be a whole number");
    one_bad_row(",top_priority", ",3", "x,X,stripe,c9,1.5", "top_priority must be a whole number");
    one_bad_row(",csat", ",4.5", "x,X,stripe,c9,good", "csat must be");
    one_bad_row(",email", ",a@b.example", "x,X,stripe,c9,a@b@c", "e-mail");
    one_bad_row(",email", ",", "x,X,stripe,c9,a b@c.example", "e-mail");
    one_bad_row(",timezone", ",Asia/Tokyo", "x,X,stripe,c9,Tokyo/Asia", "IANA");
    one_bad_row(",language", ",pt-BR", "x,X,stripe,c9,<b>", "language");
    one_bad_row(",ae", ",ae1", "x,X,stripe,c9,Ada Engel", "people.yaml");
}

static void bad_files(void **state)
{
    (void)state;
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"", "empty"},
        {"name,billing,billing_id\nA,stripe,c1\n", "account, billing and billing_id"},
        {"account;billing;billing_id\na;stripe;c1\n", "not separated by commas"},
        {"\xff\xfe"
         "a,b",
         "UTF-16"},
        {HEAD "\n", "no account could be read"},
        {"\"account", "does not end"},
    };
    for (size_t i = 0; i < DW_ARRAY_LEN(cases); i++) {
        struct problems p;
        struct book *b = parse(cases[i].text, &p);
        assert_null(b);
        assert_true(p.n >= 1);
        if (!strstr(p.lines[0], cases[i].words))
            fail_msg("case %zu: %s", i, p.lines[0]);
        problems_free(&p);
    }
}

static void odd_headings(void **state)
{
    (void)state;
    struct problems p;
    struct book *b = parse(HEAD ",Name,\xe2\x82\xac\nA1,A,stripe,c1,second,euro\n", &p);
    assert_int_equal(p.n, 2);
    assert_non_null(strstr(p.lines[0], "accounts.csv:1: column \"name\" is there twice"));
    assert_non_null(strstr(p.lines[1], "column 6 has no name"));
    assert_string_equal(book_at(b, 0)->name, "A");
    assert_int_equal(json_object_size(book_at(b, 0)->facts), 0);
    problems_free(&p);
    book_free(b);
}

static void a_nul_costs_one_row(void **state)
{
    (void)state;
    static const char text[] = HEAD "\na,A\0B,stripe,c1\nb,\"B\0\",stripe,c2\nc,C,stripe,c3\n";
    struct problems p;
    struct book *b = parse_n(text, sizeof(text) - 1, &p);
    assert_int_equal(book_count(b), 1);
    assert_int_equal(p.n, 2);
    assert_non_null(strstr(p.lines[1], "accounts.csv:3: the row holds a NUL"));
    problems_free(&p);
    book_free(b);
}

static void control_characters_become_blanks(void **state)
{
    (void)state;
    struct problems p;
    struct book *b = parse(HEAD "\na,\x1b[31mA\tB\x7f,stripe,c1\n", &p);
    assert_int_equal(p.n, 0);
    assert_string_equal(book_at(b, 0)->name, "[31mA B");
    book_free(b);
}

/* A quote that never closes must not read the rest of a big file again and again, nor fill the memory with
 * problems. */
static void broken_files_are_bounded(void **state)
{
    (void)state;
    struct buf text = BUF(8u << 20);
    buf_adds(&text, HEAD "\ng,G,stripe,c0\n");
    for (int i = 0; i < 20000; i++)
        buf_addf(&text, "\"%d,x\n", i);
    struct problems p;
    struct book *b = parse_n(text.p, text.n, &p);
    assert_int_equal(book_count(b), 1);
    assert_true(p.n > 1 && p.n < 300);
    assert_non_null(strstr(p.lines[p.n - 2], "too many broken rows"));
    assert_non_null(strstr(p.lines[p.n - 1], "more problems like these"));
    problems_free(&p);
    book_free(b);
    buf_fini(&text);
}

static void a_hundred_thousand_rows(void **state)
{
    (void)state;
    struct buf text = BUF(64u << 20);
    buf_adds(&text, "account,name,tier,annual_value,currency,renewal,ae,sentiment,billing,billing_id\n");
    for (int i = 0; i < 100000; i++)
        buf_addf(&text, "a%d,Company %d,,%d,USD,2027-03-12,ae1,0.5,stripe,cus_%d\n", i, i, i, i);
    struct problems p;
    struct book *b = parse_n(text.p, text.n, &p);
    assert_int_equal(p.n, 0);
    assert_int_equal(book_count(b), 100000);
    assert_int_equal(book_by_key(b, "a99999")->value.minor, 9999900);
    book_free(b);
    buf_fini(&text);
}

/* A pipe is refused at once: who opens one waits for a writer, and a reader that waits cannot be ended. */
static void a_pipe_is_no_file(void **state)
{
    (void)state;
    AUTO_STR path = str_fmt("/tmp/dunwell-pipe-%d.csv", (int)getpid());
    struct problems p = {0};
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    alarm(30); /* ends the test where it would wait for ever */
    assert_null(accounts_file_load(path, 0, &p));
    alarm(0);
    assert_int_equal(p.n, 1);
    assert_non_null(strstr(p.lines[0], "the account book cannot be opened: this is not a file"));
    unlink(path);
    problems_free(&p);
}

static void a_missing_file(void **state)
{
    (void)state;
    struct problems p = {0};
    assert_null(accounts_file_load("no/such/accounts.csv", 0, &p));
    assert_int_equal(p.n, 1);
    assert_non_null(strstr(p.lines[0], "no/such/accounts.csv"));
    problems_free(&p);
    assert_null(accounts_file_load("templates", 0, &p));
    assert_int_equal(p.n, 1);
    problems_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(template_is_valid),
        cmocka_unit_test(what_spreadsheets_write),
        cmocka_unit_test(only_carriage_returns),
        cmocka_unit_test(a_second_row_links_a_billing_system), cmocka_unit_test(bad_rows),
        cmocka_unit_test(bad_files),
        cmocka_unit_test(odd_headings),
        cmocka_unit_test(a_nul_costs_one_row),
        cmocka_unit_test(control_characters_become_blanks),
        cmocka_unit_test(broken_files_are_bounded),
        cmocka_unit_test(a_hundred_thousand_rows),
        cmocka_unit_test(a_pipe_is_no_file),
        cmocka_unit_test(a_missing_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
