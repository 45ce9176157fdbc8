/* The decline tables: each row of the facts, the order in which sources outrank each other, and what is not known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "adapters/billing/declines.h"

static void each_code_has_its_class(void **state)
{
    (void)state;
    static const struct {
        const char *class, *codes[24];
    } rows[] = {
        {"H",
         {"lost_card", "stolen_card", "pickup_card", "revocation_of_authorization", "revocation_of_all_authorizations", "stop_payment_order",
          "fraudulent", "merchant_blacklist", "do_not_try_again", "restricted_card", "security_violation", "transaction_not_allowed",
          "not_permitted", "service_not_allowed", "highest_risk_level"}},
        {"N",
         {"expired_card", "incorrect_number", "invalid_number", "invalid_account", "new_account_information_available", "incorrect_cvc",
          "invalid_cvc", "invalid_expiry_month", "invalid_expiry_year", "incorrect_zip", "incorrect_address", "incorrect_pin",
          "invalid_pin", "pin_try_exceeded", "card_not_supported", "currency_not_supported"}},
        {"A",
         {"authentication_required", "authentication_not_handled", "mobile_device_authentication_required", "offline_pin_required",
          "online_or_offline_pin_required"}},
        {"S",
         {"insufficient_funds", "card_velocity_exceeded", "withdrawal_count_limit_exceeded", "try_again_later", "issuer_not_available",
          "processing_error", "reenter_transaction", "approve_with_id", "no_action_taken", "call_issuer", "do_not_honor",
          "generic_decline"}},
        {"M", {"duplicate_transaction", "invalid_amount", "testmode_decline"}},
        {"?", {"card_declined", "", "Lost_Card", "lost_card ", "something_new"}},
    };
    for (size_t i = 0; i < DW_ARRAY_LEN(rows); i++)
        for (size_t k = 0; k < DW_ARRAY_LEN(rows[i].codes) && rows[i].codes[k]; k++)
            assert_string_equal(decline_code_class(rows[i].codes[k]), rows[i].class);
    assert_string_equal(decline_code_class(NULL), "?");
}

static void advice_outranks_the_code(void **state)
{
    (void)state;
    assert_string_equal(decline_class(&(struct decline){.code = "insufficient_funds", .advice = "do_not_try_again"}), "H");
    assert_string_equal(decline_class(&(struct decline){.code = "lost_card", .advice = "try_again_later"}), "S");
    assert_string_equal(decline_class(&(struct decline){.code = "do_not_honor", .advice = "confirm_card_data"}), "N");
    assert_string_equal(decline_class(&(struct decline){.code = "do_not_honor", .advice = "something_new"}), "S");
    assert_string_equal(decline_class(&(struct decline){.advice = NULL}), "?");
}

static void a_network_never_is_never(void **state)
{
    (void)state;
    static const char *const never[] = {"04", "07", "12", "14", "15", "41", "43", "46", "57", "R0", "R1", "R3", "r0"};
    for (size_t i = 0; i < DW_ARRAY_LEN(never); i++) {
        struct decline d = {.code = "generic_decline", .advice = "try_again_later", .brand = "visa", .network_code = never[i]};
        assert_string_equal(decline_class(&d), "H");
        d.brand = "mastercard"; /* the list is Visa's alone */
        assert_string_equal(decline_class(&d), "S");
    }
    struct decline mac = {.code = "insufficient_funds", .brand = "MasterCard", .network_advice = "03"};
    assert_string_equal(decline_class(&mac), "H");
    mac.network_advice = "21";
    assert_string_equal(decline_class(&mac), "H");
    mac.brand = "visa"; /* no other brand has merchant advice codes */
    assert_string_equal(decline_class(&mac), "S");
}

static void the_network_helps_where_the_code_says_nothing(void **state)
{
    (void)state;
    assert_string_equal(decline_class(&(struct decline){.code = "card_declined", .brand = "visa", .network_code = "51"}), "S");
    assert_string_equal(decline_class(&(struct decline){.code = "card_declined", .brand = "visa", .network_code = "54"}), "N");
    assert_string_equal(decline_class(&(struct decline){.code = "card_declined", .brand = "visa", .network_code = "05"}), "S");
    assert_string_equal(decline_class(&(struct decline){.code = "card_declined", .brand = "visa"}), "?");
    assert_string_equal(decline_class(&(struct decline){.code = "card_declined", .brand = "amex", .network_code = "51"}), "?");
    assert_string_equal(decline_class(&(struct decline){.code = "expired_card", .brand = "visa", .network_code = "51"}), "N");
}

static void visa_categories(void **state)
{
    (void)state;
    static const char *const later[] = {"03", "19", "39", "51", "52", "53", "59", "61", "62", "65", "75",
                                        "78", "83", "86", "91", "93", "96", "5C", "9G", "N3", "N4", "Z5"};
    static const char *const data[] = {"54", "55", "82", "6P", "N7"}, *const generic[] = {"01", "05", "13", "58", "63", "70", "1A", "XX"};
    for (size_t i = 0; i < DW_ARRAY_LEN(later); i++)
        assert_int_equal(decline_visa_category(later[i]), 2);
    for (size_t i = 0; i < DW_ARRAY_LEN(data); i++)
        assert_int_equal(decline_visa_category(data[i]), 3);
    for (size_t i = 0; i < DW_ARRAY_LEN(generic); i++)
        assert_int_equal(decline_visa_category(generic[i]), 4);
    assert_int_equal(decline_visa_category("41"), 1);
    assert_int_equal(decline_visa_category(""), 0);
    assert_int_equal(decline_visa_category(NULL), 0);
}

static void mastercard_says_how_long(void **state)
{
    (void)state;
    static const struct {
        const char *code;
        int64_t hours;
    } rows[] = {{"24", 1}, {"25", 24}, {"26", 48}, {"27", 96}, {"28", 144}, {"29", 192}, {"30", 240}, {"02", 0}, {"03", 0}, {"99", 0}};
    for (size_t i = 0; i < DW_ARRAY_LEN(rows); i++) {
        struct decline d = {.code = "insufficient_funds", .brand = "mastercard", .network_advice = rows[i].code};
        assert_int_equal(decline_wait_ms(&d), rows[i].hours * 3600 * 1000);
        d.brand = "visa";
        assert_int_equal(decline_wait_ms(&d), 0);
    }
    assert_int_equal(decline_wait_ms(&(struct decline){.brand = "mastercard"}), 0);
}

static void a_map_of_the_gateways_own_codes(void **state)
{
    (void)state;
    static const char map[] = "51=S,54=N  braintree/51=H stripe/x/y=A 2001=M, ,9=Q =S";
    static const struct {
        const char *gateway, *code, *class;
    } rows[] = {{NULL, "51", "S"}, {"adyen", "51", "S"}, {"braintree", "51", "H"}, {"braintree", "54", "N"}, {"", "54", "N"}, {"stripe", "x/y", "A"}, {"stripe", "y", "?"},
                {"brain", "51", "S"}, {NULL, "5", "?"}, {NULL, "9", "?"}, {NULL, "", "?"}, {"braintree", "", "?"}, {NULL, "2001", "M"}};
    for (size_t i = 0; i < DW_ARRAY_LEN(rows); i++)
        assert_string_equal(decline_mapped(map, rows[i].gateway, rows[i].code), rows[i].class);
    assert_string_equal(decline_mapped(NULL, NULL, "51"), "?");
    struct span wrong = {0};
    assert_true(decline_map_fits("51=S, braintree/51=H", &wrong));
    assert_true(decline_map_fits("", &wrong));
    assert_false(decline_map_fits("51=S 54=X", &wrong));
    assert_true(span_is(wrong, "54=X"));
    assert_false(decline_map_fits("51=S,S", &wrong));
    assert_true(span_is(wrong, "S"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_code_has_its_class),
        cmocka_unit_test(advice_outranks_the_code),
        cmocka_unit_test(a_network_never_is_never),
        cmocka_unit_test(the_network_helps_where_the_code_says_nothing),
        cmocka_unit_test(visa_categories),
        cmocka_unit_test(a_map_of_the_gateways_own_codes),
        cmocka_unit_test(mastercard_says_how_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
