/* Configuration text: the values, their lines, and the sentences for what is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/doc.h"

static struct doc *must_parse(const char *text)
{
    struct doc *d = NULL;
    struct err e = {0};
    if (doc_parse(&d, span_of(text), "a.yaml", &e) != 0)
        fail_msg("%s", e.text);
    return d;
}

static void scalars_keep_their_type(void **state)
{
    (void)state;
    struct doc *d =
        must_parse("i: 7\nn: -3\nr: 1.5\nt: true\nf: False\nz: 007\nu: 1_000\nyes: yes\nq: \"5\"\ns: 'true'\n"
                   "tilde: ~\nempty:\nnull: null\nbig: 99999999999999999999\nhuge: 1e999\nday: 2027-01-05\n"
                   "b: |\n  one\n  two\nlist: [a, 1, {k: v}]\nurl: https://example.com/x\n");
    AUTO_STR text = json_text(doc_root(d));
    assert_string_equal(
        text,
        "{\"b\":\"one\\ntwo\\n\",\"big\":\"99999999999999999999\",\"day\":\"2027-01-05\",\"empty\":null,\"f\":false,"
        "\"huge\":\"1e999\",\"i\":7,\"list\":[\"a\",1,{\"k\":\"v\"}],\"n\":-3,\"null\":null,\"q\":\"5\",\"r\":1.5,"
        "\"s\":\"true\",\"t\":true,\"tilde\":null,\"u\":\"1_000\",\"url\":\"https://example.com/x\","
        "\"yes\":\"yes\",\"z\":\"007\"}");
    assert_string_equal(doc_name(d), "a.yaml");
    doc_free(d);
}

static void every_value_has_its_line(void **state)
{
    (void)state;
    struct doc *d = must_parse(
        "# a comment\nmode: live\n\nchat:\n  slack:\n    on: true\n    off: true\nlist:\n  - 1\n  - {a: 1}\n  - - x\n"
        "  -\n    b: 2\n  - []\nflow: {p: 1,\n  q: 2}\n");
    const json_t *root = doc_root(d), *slack = json_at(root, "chat.slack"), *list = json_at(root, "list");
    assert_int_equal(doc_line(d, root, "mode"), 2);
    assert_int_equal(doc_line(d, root, "chat"), 4);
    assert_int_equal(doc_line(d, slack, "on"), 6); /* jansson has one true for both */
    assert_int_equal(doc_line(d, slack, "off"), 7);
    assert_int_equal(doc_item_line(d, list, 0), 9);
    assert_int_equal(doc_item_line(d, list, 1), 10);
    assert_int_equal(doc_item_line(d, list, 2), 11);
    assert_int_equal(doc_item_line(d, list, 3), 13);
    assert_int_equal(doc_line(d, json_at(root, "flow"), "q"), 16);
    assert_int_equal(doc_line(d, root, "absent"), 0);
    assert_int_equal(doc_line(d, list, "x"), 0);
    assert_int_equal(doc_line(d, NULL, "x"), 0);
    assert_int_equal(doc_item_line(d, list, 99), 0);
    assert_int_equal(doc_item_line(d, root, 0), 0);
    doc_free(d);
}

static void what_is_wrong_is_said_with_its_line(void **state)
{
    (void)state;
    static const struct {
        struct span text;
        const char *says;
    } cases[] = {
#define TEXT(t) {(t), sizeof(t) - 1}
        {TEXT("a: 1\nb: 2\na: 3\n"), "a.yaml:3: the key \"a\" stands there twice"},
        {TEXT("x:\n  b: 1\n  \"b\": 2\n"), "a.yaml:3: the key \"b\" stands there twice"},
        {TEXT("a: 1\n b: 2\n"), "a.yaml:1: not YAML"},
        {TEXT("a: [1, 2\n"), "not YAML"},
        {TEXT("a: &x 1\nb: *x\n"), "a.yaml:2: aliases"},
        {TEXT("a: 1\nb: !!str 1\n"), "a.yaml:2: tags"},
        {TEXT("a: 1\n---\nb: 2\n"), "second document"},
        {TEXT("a: \"\\0\"\n"), "NUL"},
        {TEXT("\"a\\0\": 1\n"), "NUL"},
        {TEXT("a: 1\nb: \xFF\n"), "a.yaml:2: this is not UTF-8"},
        {TEXT("a: \0\n"), "a.yaml:1: a control character"},
        {TEXT("a: \x1b\n"), "a.yaml:1: a control character"},
        {TEXT("? [a, b]\n: 1\n"), "a key must be plain text"},
        {TEXT("\"\": 1\n"), "a key is empty"},
        {TEXT("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["), "a.yaml:1: "},
#undef TEXT
    };
    for (size_t i = 0; i < DW_ARRAY_LEN(cases); i++) {
        struct doc *d = NULL;
        struct err e = {0};
        assert_int_equal(doc_parse(&d, cases[i].text, "a.yaml", &e), ERR_INVALID);
        assert_null(d);
        if (!strstr(e.text, cases[i].says))
            fail_msg("%s", e.text);
    }
}

static void an_empty_file_is_null(void **state)
{
    (void)state;
    struct doc *d = must_parse("");
    assert_true(json_is_null(doc_root(d)));
    doc_free(d);
    d = must_parse("# nothing\n");
    assert_true(json_is_null(doc_root(d)));
    doc_free(d);
}

static void files_are_loaded_within_bounds(void **state)
{
    (void)state;
    char path[] = "/tmp/dunwell-test-doc-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    FILE *f = fdopen(fd, "w");
    fputs("a: 1\nb: [x\n", f);
    fflush(f);
    struct doc *d = NULL;
    struct err e = {0};
    assert_int_equal(doc_load(&d, path, &e), ERR_INVALID);
    assert_true(strncmp(e.text, path, strlen(path)) == 0);
    fputs("  ]\n", f);
    fflush(f);
    assert_int_equal(doc_load(&d, path, &e), 0);
    assert_int_equal(json_i64(doc_root(d), "a", 0), 1);
    doc_free(d);
    for (int i = 0; i < 1 << 17; i++)
        fputs("#       \n", f);
    fclose(f);
    assert_int_equal(doc_load(&d, path, &e), ERR_LIMIT);
    unlink(path);
    assert_int_equal(doc_load(&d, path, &e), ERR_NOT_FOUND);
    assert_int_equal(doc_load(&d, "/tmp", &e), ERR_IO);
}

static void unknown_keys_get_a_hint(void **state)
{
    (void)state;
    static const char *const known[] = {"listen", "store", "mode", "chat", "tls", NULL};
    struct doc *d = must_parse("listen: x\nstroe: y\nmodes: z\nquark: 1\ntsl: 1\n\"ch\\x1bat\": 1\n");
    struct problems p = {0};
    doc_known_keys(d, doc_root(d), "billing.stripe", known, &p);
    assert_int_equal(p.n, 5);
    AUTO_STR all = str_fmt("%s\n%s\n%s\n%s\n%s", p.lines[0], p.lines[1], p.lines[2], p.lines[3], p.lines[4]);
    assert_non_null(strstr(all, "a.yaml:3: unknown key \"modes\" in billing.stripe (did you mean \"mode\"?)"));
    assert_non_null(strstr(
        all, "a.yaml:4: unknown key \"quark\" in billing.stripe (known here: listen, store, mode, chat, tls)"));
    assert_non_null(strstr(all, "a.yaml:2: unknown key \"stroe\" in billing.stripe (did you mean \"store\"?)"));
    assert_non_null(strstr(all, "a.yaml:5: unknown key \"tsl\" in billing.stripe (did you mean \"tls\"?)"));
    assert_non_null(strstr(all, "a.yaml:6: unknown key \"ch?at\" in billing.stripe (did you mean \"chat\"?)"));
    problems_free(&p);
    doc_known_keys(d, json_at(doc_root(d), "listen"), "", known, &p); /* not an object: nothing to say */
    doc_known_keys(d, NULL, "", known, &p);
    assert_int_equal(p.n, 0);
    doc_free(d);
}

static void problems_are_one_line_each(void **state)
{
    (void)state;
    struct problems p = {0};
    problems_add(&p, "a.yaml", 3, "%s", "bad\nvalue\x1b[0m");
    problems_add(&p, "a.yaml", 0, "missing");
    problems_add(&p, NULL, 9, "plain");
    assert_string_equal(p.lines[0], "a.yaml:3: bad?value?[0m");
    assert_string_equal(p.lines[1], "a.yaml: missing");
    assert_string_equal(p.lines[2], "plain");
    problems_free(&p);
    problems_free(&p);
    assert_int_equal(p.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scalars_keep_their_type),             cmocka_unit_test(every_value_has_its_line),
        cmocka_unit_test(what_is_wrong_is_said_with_its_line), cmocka_unit_test(an_empty_file_is_null),
        cmocka_unit_test(files_are_loaded_within_bounds),      cmocka_unit_test(unknown_keys_get_a_hint),
        cmocka_unit_test(problems_are_one_line_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
