/* One-time codes: every vector of RFC 6238 (appendix B), RFC 4226 (appendix D) and RFC 4648 (10), the window, what is
 * spent, and the same codes as an implementation that nobody here wrote (oathtool). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "engine/totp.h"

static const char seed[] = "1234567890123456789012345678901234567890123456789012345678901234";
static const size_t seed_size[] = {[TOTP_SHA1] = 20, [TOTP_SHA256] = 32, [TOTP_SHA512] = 64};

static void vectors_of_rfc_6238(void **state)
{
    (void)state;
    static const struct {
        int64_t seconds;
        const char *code[3];
    } rows[] = {
        {59, {"94287082", "46119246", "90693936"}},          {1111111109, {"07081804", "68084774", "25091201"}},
        {1111111111, {"14050471", "67062674", "99943326"}},  {1234567890, {"89005924", "91819424", "93441116"}},
        {2000000000, {"69279037", "90698825", "38618901"}},  {20000000000, {"65353130", "77737706", "47863826"}},
    };
    for (size_t i = 0; i < DW_ARRAY_LEN(rows); i++)
        for (int h = TOTP_SHA1; h <= TOTP_SHA512; h++) {
            char code[9];
            totp_code(code, (enum totp_hash)h, (struct span){seed, seed_size[h]}, totp_step(rows[i].seconds * 1000), 8);
            assert_string_equal(code, rows[i].code[h]);
        }
}

static void vectors_of_rfc_4226(void **state)
{
    (void)state;
    static const char *const codes[] = {"755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"};
    for (size_t i = 0; i < DW_ARRAY_LEN(codes); i++) {
        char code[9];
        totp_code(code, TOTP_SHA1, (struct span){seed, 20}, (int64_t)i, 6);
        assert_string_equal(code, codes[i]);
    }
}

static void vectors_of_base32(void **state)
{
    (void)state;
    static const char *const rows[][2] = {{"", ""},           {"f", "MY"},           {"fo", "MZXQ"},         {"foo", "MZXW6"},
                                          {"foob", "MZXW6YQ"}, {"fooba", "MZXW6YTB"}, {"foobar", "MZXW6YTBOI"}};
    for (size_t i = 0; i < DW_ARRAY_LEN(rows); i++) {
        char text[TOTP_BASE32];
        unsigned char bytes[8] = "";
        base32_text(text, span_of(rows[i][0]));
        assert_string_equal(text, rows[i][1]);
        assert_int_equal(base32_bytes(bytes, sizeof bytes, text), strlen(rows[i][0]));
        assert_string_equal((char *)bytes, rows[i][0]);
    }
    unsigned char bytes[4];
    assert_int_equal(base32_bytes(bytes, sizeof bytes, "mzxw6==="), 3);
    assert_int_equal(base32_bytes(bytes, sizeof bytes, "MZXW6YTB"), 0); /* does not fit */
    assert_int_equal(base32_bytes(bytes, sizeof bytes, "MZ1W6"), 0);
    assert_int_equal(base32_bytes(bytes, sizeof bytes, "MZ=W6"), 0);
    assert_int_equal(base32_bytes(bytes, sizeof bytes, "MZXW7"), 0); /* bits that no byte holds */
    char longest[TOTP_BASE32];
    base32_text(longest, (struct span){seed, TOTP_SECRET_MAX});
    assert_int_equal(strlen(longest), 103);
}

static bool matches(int64_t now_ms, const char *code, int64_t used, int64_t *step)
{
    return totp_matches((struct span){seed, 20}, now_ms, code, used, step);
}

/* 287082 is the code of step 1: 30 s to 60 s. */
static void one_window_either_side(void **state)
{
    (void)state;
    int64_t step = -1;
    assert_true(matches(59999, "287082", 0, &step));
    assert_int_equal(step, 1);
    assert_true(matches(0, "287082", 0, &step));
    assert_int_equal(step, 1);
    assert_true(matches(89999, "287082", 0, &step));
    assert_false(matches(90000, "287082", 0, &step));
    assert_false(matches(-1, "x", 0, &step));
    assert_true(matches(120000, "969429", 2, &step));
    assert_false(matches(150000, "969429", 3, &step));
}

static void what_was_used_is_spent(void **state)
{
    (void)state;
    int64_t step = 77;
    assert_false(matches(45000, "287082", 1, &step));
    assert_int_equal(step, 77);
    assert_true(matches(45000, "359152", 1, &step)); /* the next one counts */
    assert_int_equal(step, 2);
    assert_false(matches(45000, "287082", 2, &step)); /* and an older one then no more */
}

static void only_six_digits_are_a_code(void **state)
{
    (void)state;
    static const char *const wrong[] = {"", "28708", "2870820", "287083", "187082", "28708x", "      ", "94287082", "28708 "};
    int64_t step;
    for (size_t i = 0; i < DW_ARRAY_LEN(wrong); i++)
        assert_false(matches(45000, wrong[i], 0, &step));
}

/* One call of oathtool for each key: a window of 20 codes. */
static void the_same_as_oathtool(void **state)
{
    (void)state;
    if (system("command -v oathtool >/dev/null") != 0)
        fail_msg("oathtool is missing; tests/setup.sh check installs it");
    uint64_t random = 88172645463325252u;
    for (int key = 0; key < 40; key++) {
        unsigned char secret[TOTP_SECRET];
        for (size_t i = 0; i < sizeof secret; i++) {
            random ^= random << 13, random ^= random >> 7, random ^= random << 17;
            secret[i] = (unsigned char)(random >> 32);
        }
        struct span s = {(const char *)secret, sizeof secret};
        char text[TOTP_BASE32], line[32], ours[9], command[300];
        int64_t at = (int64_t)(random % 4000000000u);
        base32_text(text, s);
        snprintf(command, sizeof command, "oathtool --totp -b -w 19 --now \"$(date -u -d @%lld '+%%F %%T UTC')\" %s", (long long)at, text);
        FILE *peer = popen(command, "r");
        assert_non_null(peer);
        for (int i = 0; i < 20; i++) {
            assert_non_null(fgets(line, sizeof line, peer));
            totp_code(ours, TOTP_SHA1, s, totp_step(at * 1000) + i, TOTP_DIGITS);
            assert_memory_equal(line, ours, TOTP_DIGITS);
        }
        assert_int_equal(pclose(peer), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_of_rfc_6238),    cmocka_unit_test(vectors_of_rfc_4226),    cmocka_unit_test(vectors_of_base32),
        cmocka_unit_test(one_window_either_side), cmocka_unit_test(what_was_used_is_spent), cmocka_unit_test(only_six_digits_are_a_code),
        cmocka_unit_test(the_same_as_oathtool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
