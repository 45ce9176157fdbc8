/* What Zuora's values mean: times, amounts, and why a payment was refused.
 *
 * Zuora passes on what the gateway said, in the gateway's own code and words, and there are dozens of gateways. So what a
 * code means is configuration (decline_codes: "51=S, 54=N"), and a code nobody has explained is "?", which a person looks
 * at. One connector is known to say more: the one to Stripe writes "402 - [card_error/card_declined/insufficient_funds]"
 * into the text, and the last word in such brackets is Stripe's own decline code.
 *
 * Amounts are decimals in major units. They are read as the text that was sent, and written as text into the request, so
 * none ever passes through a double. */
#include <string.h>

#include "adapters/billing/declines.h"
#include "adapters/billing/zuora.h"
#include "engine/when.h"

enum { TEXT_MAX = 200, WORD_MAX = 64 };

/* Two or four digits at p, -1 when they are not. */
static int number_at(const char *p, int digits)
{
    int n = 0;
    for (int i = 0; i < digits; i++) {
        if (p[i] < '0' || p[i] > '9')
            return -1;
        n = n * 10 + (p[i] - '0');
    }
    return n;
}

/* "Z", "-07:00", "+0800" or nothing (Zuora's times without one are taken as UTC). In minutes. */
static int offset_at(const char *p)
{
    int hours = *p == '+' || *p == '-' ? number_at(p + 1, 2) : -1;
    int minutes = hours >= 0 ? number_at(p + 3 + (p[3] == ':'), 2) : -1;
    if (minutes < 0 || hours > 18 || minutes > 59)
        return 0;
    return (*p == '-' ? -1 : 1) * (hours * 60 + minutes);
}

int64_t zuora_ms(const char *text, const char *zone)
{
    int64_t day;
    char date[11] = "";
    size_t n = text ? strnlen(text, 40) : 0;
    if (n < 10 || n >= 40)
        return 0;
    memcpy(date, text, 10);
    bool timed = n >= 19 && (text[10] == 'T' || text[10] == ' ') && text[13] == ':' && text[16] == ':';
    if (when_parse_day(&day, date, timed ? NULL : zone, NULL) != 0)
        return 0;
    if (!timed)
        return day;
    int hour = number_at(text + 11, 2), minute = number_at(text + 14, 2), second = number_at(text + 17, 2);
    if (hour < 0 || minute < 0 || second < 0 || hour > 24 || minute > 59 || second > 60)
        return 0;
    const char *rest = text + 19;
    if (*rest == '.')
        rest += 1 + strspn(rest + 1, "0123456789");
    int64_t at = hour * MS_HOUR + minute * MS_MINUTE + second * MS_SECOND - offset_at(rest + (*rest == ' ')) * MS_MINUTE;
    return day + at;
}

/* The last word of "[a/b/c]" in the text. False when there is none. */
static bool bracket_code(char *out, size_t size, const char *said)
{
    const char *open = strchr(said, '['), *close = open ? strchr(open, ']') : NULL;
    if (!close)
        return false;
    const char *word = close;
    while (word > open + 1 && word[-1] != '/')
        word--;
    size_t n = (size_t)(close - word);
    if (n == 0 || n >= size || word == open + 1)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!((word[i] >= 'a' && word[i] <= 'z') || word[i] == '_' || (word[i] >= '0' && word[i] <= '9')))
            return false;
    memcpy(out, word, n);
    out[n] = '\0';
    return true;
}

json_t *zuora_decline(const struct zuora_config *config, const char *gateway, const char *code, const char *said)
{
    char word[WORD_MAX];
    bool named = bracket_code(word, sizeof word, said);
    const char *class = decline_mapped(config->decline_codes, gateway, code);
    if (*class == '?' && named)
        class = decline_mapped(config->decline_codes, gateway, word);
    if (*class == '?')
        class = decline_code_class(named ? word : code);
    json_t *decline = json_object();
    zuora_put_text(decline, "code", named ? word : code);
    json_put(decline, "class", class);
    json_put(decline, "advice", NULL);
    zuora_put_text(decline, "text", said);
    return decline;
}

void zuora_put_text(json_t *object, const char *key, const char *text)
{
    char cut[TEXT_MAX + 1];
    str_copy(cut, sizeof cut, text ? text : "");
    json_put_new(object, key, text ? json_text_safe(cut) : json_null());
}

void zuora_add_string(struct buf *json, const char *text)
{
    AUTO_JSON value = json_text_safe(text);
    AUTO_STR quoted = json_text(value);
    buf_adds(json, quoted);
}

int64_t zuora_amount(const json_t *owner, const char *path, const char *currency)
{
    int64_t minor = 0;
    return money_at(&minor, owner, path, currency, NULL) == 0 ? minor : 0;
}

const char *zuora_currency(char out[4], const json_t *owner, const char *path)
{
    struct money m = money_of(0, json_str(owner, path, ""));
    memcpy(out, m.currency, 4);
    return out;
}
