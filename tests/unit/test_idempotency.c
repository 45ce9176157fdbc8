/* The table of idempotency keys: every billing driver has its row, long keys become short and stay different, and a key protects
 * nothing any more shortly before the vendor forgets it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "adapters/adapter.h"
#include "adapters/billing/idempotency.h"
#include "engine/when.h"

static void every_driver_has_a_row(void **state)
{
    (void)state;
    for (const struct driver *const *d = drivers_all; *d; d++)
        if ((*d)->kind == DRIVER_BILLING && !(*d)->serve)
            assert_non_null(idempotency_of((*d)->name));
    assert_null(idempotency_of("slack"));
}

static void long_keys_are_hashed(void **state)
{
    (void)state;
    char key[256];
    struct http_request a, b;
    http_request_init(&a);
    http_request_init(&b);
    memset(key, 'k', sizeof key);
    key[100] = '\0';
    idempotency_add(idempotency_of("chargebee"), &a, key, "");
    assert_non_null(strstr(buf_text(&a.headers), key));
    key[100] = 'k', key[101] = '\0';
    idempotency_add(idempotency_of("chargebee"), &b, key, "");
    assert_null(strstr(buf_text(&b.headers), "kkkk"));
    assert_int_equal(strlen(buf_text(&b.headers)), strlen("chargebee-idempotency-key: \n") + 64);
    http_request_fini(&a);
    http_request_init(&a);
    idempotency_add(idempotency_of("chargebee"), &a, key, "note");
    assert_string_not_equal(buf_text(&a.headers), buf_text(&b.headers));
    http_request_fini(&a);
    http_request_fini(&b);
}

static void no_key_where_none_is_taken(void **state)
{
    (void)state;
    struct http_request r;
    http_request_init(&r);
    idempotency_add(idempotency_of("killbill"), &r, "p12", "");
    idempotency_add(NULL, &r, "p12", "");
    assert_int_equal(r.headers.n, 0);
    http_request_fini(&r);
}

static void a_key_is_over_before_it_is_forgotten(void **state)
{
    (void)state;
    const struct idempotency *recurly = idempotency_of("recurly");
    assert_false(idempotency_over(recurly, 0, 53 * MS_MINUTE));
    assert_true(idempotency_over(recurly, 0, 54 * MS_MINUTE));
    assert_false(idempotency_over(idempotency_of("stripe"), 0, 20 * MS_HOUR));
    assert_false(idempotency_over(idempotency_of("killbill"), 0, 20 * MS_DAY));
    assert_false(idempotency_over(NULL, 0, 20 * MS_DAY));
}

static void words_fit_people(void **state)
{
    (void)state;
    AUTO_BUF text = BUF(1024);
    idempotency_words(idempotency_of("recurly"), &text);
    assert_non_null(strstr(buf_text(&text), "kept for 60 minutes"));
    assert_non_null(strstr(buf_text(&text), "Idempotency-Prior: true"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_driver_has_a_row),     cmocka_unit_test(long_keys_are_hashed), cmocka_unit_test(no_key_where_none_is_taken),
        cmocka_unit_test(a_key_is_over_before_it_is_forgotten), cmocka_unit_test(words_fit_people),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
