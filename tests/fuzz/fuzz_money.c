/* Money text from people and vendors: what is accepted must be a known currency and not negative, must read back
 * as the same amount from both of our own forms, and must add up after a split. */
#include <string.h>

#include "engine/money.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void reads_back(struct money m)
{
    char text[MONEY_TEXT_SIZE];
    struct money again;
    int64_t minor;
    int rc = money_parse(&again, money_text(text, m), m.currency, NULL);
    assert(rc == 0 && again.minor == m.minor && strcmp(again.currency, m.currency) == 0);
    rc = money_parse_decimal(&minor, money_decimal(text, m), m.currency, NULL);
    assert(rc == 0 && minor == m.minor);
}

static void adds_up(int64_t total, int n)
{
    int64_t parts[13], sum = 0;
    money_split(total, n, parts);
    for (int i = 0; i < n; i++) {
        int rc = money_add(&sum, sum, parts[i]);
        assert(rc == 0 && parts[0] - parts[i] <= 1 && parts[0] - parts[i] >= -1);
    }
    assert(sum == total);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const defaults[] = {"USD", "JPY", "KWD", "CLF", "SEK", "", "cad", "XYZ"};
    if (size < 1)
        return 0;
    const char *currency = defaults[data[0] % DW_ARRAY_LEN(defaults)];
    AUTO_STR text = str_ndup((const char *)data + 1, size - 1);
    struct money m = {.minor = -7};
    struct err e = {0};
    int64_t minor = -7;
    int rc = money_parse(&m, text, currency, &e);
    assert(rc == 0 ? m.minor >= 0 && money_exponent(m.currency) >= 0 : m.minor == -7 && e.code == rc && e.text[0]);
    if (rc == 0) {
        reads_back(m);
        adds_up(m.minor, data[0] % 13 + 1);
    }
    e.code = 0;
    rc = money_parse_decimal(&minor, text, currency, &e);
    assert(rc == 0 || (minor == -7 && e.code == rc));
    if (rc == 0) {
        char out[MONEY_TEXT_SIZE];
        int64_t again;
        rc = money_parse_decimal(&again, money_decimal(out, money_of(minor, currency)), currency, NULL);
        assert(rc == 0 && again == minor);
        adds_up(minor, data[0] % 13 + 1);
    }
    return 0;
}
