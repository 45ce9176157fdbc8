/* Idempotency by system.
 *
 * A key makes it safe to ask again at once: after a refusal to work now (429), after a connection that never came about. It is
 * no way to find out what happened, because it lives for minutes at one vendor and a day at another, and because a vendor may
 * keep a 500 under it and repeat that for ever. So each write also names what finds it again (a look), and once the key may have
 * been forgotten the look comes first. Sources: the vendors' own API descriptions and documentation, see adapters/README.md. */
#include "adapters/billing/idempotency.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "engine/when.h"

enum { MARK_MAX = 200 };

static const struct idempotency table[] = {
    {"stripe", "Idempotency-Key", 255, MS_DAY, "Idempotent-Replayed: true", "409", "400 of type idempotency_error",
     "the payment intent, credit note or metadata that carries the key"},
    {"zuora", "Idempotency-Key", 255, MS_DAY, NULL, "409", "422", "the comment of the payment or memo; a PUT takes no key and is read back"},
    {"chargebee", "chargebee-idempotency-key", 100, 30 * MS_MINUTE, "chargebee-idempotency-replayed: true", "409", "422",
     "the comment of the payment or credit note"},
    {"recurly", "Idempotency-Key", 255, MS_HOUR, "Idempotency-Prior: true", "409 with Retry-After", "422", "the transactions not seen before, the notes and credits that carry the key"},
    {"killbill", NULL, 255, 0, NULL, NULL, NULL, "external keys of payments, tags, descriptions: each is looked for before it is written"},
};

const struct idempotency *idempotency_of(const char *driver)
{
    for (size_t i = 0; i < DW_ARRAY_LEN(table); i++)
        if (str_eq(table[i].driver, driver))
            return &table[i];
    return NULL;
}

void idempotency_add(const struct idempotency *how, struct http_request *r, const char *key, const char *suffix)
{
    AUTO_STR whole = str_fmt("%s%s%s", key, suffix && *suffix ? "-" : "", suffix ? suffix : "");
    unsigned char digest[32];
    char hex[65];
    if (!how || !how->header)
        return;
    if (strlen(whole) <= how->key_max) {
        http_request_header(r, how->header, whole);
        return;
    }
    int ok = EVP_Digest(whole, strlen(whole), digest, NULL, EVP_sha256(), NULL);
    assert(ok == 1);
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    http_request_header(r, how->header, hex);
}

bool idempotency_over(const struct idempotency *how, int64_t sent_ms, int64_t now_ms)
{
    return how && how->header && now_ms - sent_ms >= how->lifetime_ms - how->lifetime_ms / 10;
}

static const char *mark_of(const struct job *job, char out[MARK_MAX])
{
    const char *reference = json_str(job->args, "case", "");
    snprintf(out, MARK_MAX, "[%.60s%s%.120s]", reference, *reference ? " " : "", job->key);
    return out;
}

const char *idempotency_mark(const struct job *job, const char *name, char *out, size_t size)
{
    char mark[MARK_MAX];
    size_t n = strlen(mark_of(job, mark)) + 1;
    assert(n < size);
    str_copy(out, size - n, json_str(job->args, name, ""));
    size_t used = strlen(out);
    if (used)
        out[used++] = ' ';
    str_copy(out + used, size - used, mark);
    return out;
}

bool idempotency_marked(const struct job *job, const char *text)
{
    char mark[MARK_MAX];
    return strstr(text, mark_of(job, mark)) != NULL;
}

void idempotency_words(const struct idempotency *how, struct buf *out)
{
    if (!how->header) {
        buf_addf(out, "no keys; instead: %s", how->instead);
        return;
    }
    int64_t minutes = how->lifetime_ms / MS_MINUTE;
    buf_addf(out, "%s, at most %zu characters, kept for ", how->header, how->key_max);
    if (minutes >= 120)
        buf_addf(out, "%lld hours", (long long)(minutes / 60));
    else
        buf_addf(out, "%lld minutes", (long long)minutes);
    buf_addf(out, ";\n  answer while the first one still runs: %s; when it was used for something else: %s; a kept answer says: %s;\n"
                  "  when it may be forgotten, it is looked for first: %s", how->busy, how->reused,
             how->replay ? how->replay : "nothing", how->instead);
}
