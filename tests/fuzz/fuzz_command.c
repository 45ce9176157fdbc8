/* The command grammar. What must hold: whatever is typed, the parts that come back are terminated, bounded and
 * taken from the text, an account that was found stays found when it is put in quotes, and references are never
 * negative. */
#include <stdint.h>
#include <string.h>

#include "bot/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_order(const char *args, unsigned wants)
{
    struct order o, again;
    struct err e = {0};
    if (parse_order(&o, args, wants, &e) != 0) {
        assert(e.text[0]);
        return;
    }
    assert(memchr(o.account, '\0', sizeof o.account) && memchr(o.subject, '\0', sizeof o.subject));
    assert(memchr(o.amount, '\0', sizeof o.amount) && memchr(o.date, '\0', sizeof o.date));
    assert(o.count >= 0 && o.count <= 9999);
    assert(strlen(o.account) <= strlen(args) && strlen(o.why) <= strlen(args));
    assert(strncmp(o.subject, o.account, strlen(o.account)) == 0);
    if (!o.account[0] || strpbrk(o.account, "\"\xE2\xC2"))
        return;
    AUTO_STR quoted = str_fmt("\"%s\"", o.account);
    assert(parse_order(&again, quoted, wants, &e) == 0);
    assert(str_eq(again.account, o.account) && again.count == 0 && !again.date[0] && !again.amount[0]);
}

/* A code is six digits and gone from the text; what is left is text as before and holds no further one. */
static void check_code(const char *typed)
{
    char code[PARSE_CODE], again[PARSE_CODE];
    struct err e = {0};
    AUTO_STR text = str_dup(typed);
    parse_take_code(text, code);
    assert(strlen(code) == 0 || (strlen(code) == 6 && strspn(code, "0123456789") == 6));
    assert(strlen(text) + strlen(code) <= strlen(typed) && parse_check(text, &e) == 0);
    assert(code[0] || str_eq(text, typed));
    parse_take_code(text, again);
    assert(code[0] || !again[0]);
}

static void check_lend(const char *typed)
{
    struct lend o;
    struct err e = {0};
    if (parse_lend(&o, typed, &e) != 0) {
        assert(e.text[0]);
        return;
    }
    const char *const parts[] = {o.person, o.amount, o.date, o.kind};
    for (size_t i = 0; i < DW_ARRAY_LEN(parts); i++)
        assert(memchr(parts[i], '\0', PARSE_NAME) && strlen(parts[i]) <= strlen(typed));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const unsigned wants[] = {0, WANT_COUNT | WANT_FROM | WANT_WHY, WANT_UNTIL | WANT_WHY,
                                     WANT_AMOUNT | WANT_BY | WANT_WHY};
    struct err e = {0};
    char ref[32], letter = 0;
    AUTO_STR text = str_ndup((const char *)data, size);
    int rc = parse_check(text, &e);
    assert(rc == 0 || e.text[0]);
    assert(parse_revision(ref, sizeof ref, text) >= 0 && strlen(ref) < sizeof ref);
    if (rc)
        return 0;
    for (size_t i = 0; i < DW_ARRAY_LEN(wants); i++)
        check_order(text, wants[i]);
    check_code(text);
    check_lend(text);
    const char *rest = text;
    for (struct span w = parse_word(&rest); w.n > 0; w = parse_word(&rest)) {
        assert(w.p >= text && w.p + w.n <= text + strlen(text));
        assert(parse_ref(w, 'A') >= 0 && parse_any_ref(w, "NAH", &letter) >= 0);
    }
    assert(parse_count(text) >= 0 && parse_skip_why(text) >= text);
    return 0;
}
