/* Signatures of webhooks, by OpenSSL. The time is signed as it was sent, so it is taken as text and never printed anew. */
#include "adapters/billing/signature.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <string.h>

/* Looking an algorithm up costs more than the hash of a webhook, so a thread keeps the contexts of the secrets it last met. */
struct kept {
    char *secret;
    EVP_MAC_CTX *ctx;
};

static EVP_MAC_CTX *keyed(const char *secret)
{
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0), OSSL_PARAM_construct_end()};
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *ctx = mac ? EVP_MAC_CTX_new(mac) : NULL;
    EVP_MAC_free(mac); /* the context holds it */
    if (ctx && EVP_MAC_init(ctx, (const unsigned char *)secret, strlen(secret), params) == 1)
        return ctx;
    EVP_MAC_CTX_free(ctx);
    return NULL;
}

static EVP_MAC_CTX *context_of(const char *secret)
{
    static _Thread_local struct kept kept[4];
    static _Thread_local size_t oldest;
    for (size_t i = 0; i < DW_ARRAY_LEN(kept); i++)
        if (str_eq(kept[i].secret, secret))
            return EVP_MAC_init(kept[i].ctx, NULL, 0, NULL) == 1 ? kept[i].ctx : NULL;
    struct kept fresh = {.ctx = keyed(secret)};
    if (!fresh.ctx)
        return NULL;
    fresh.secret = str_dup(secret);
    struct kept *k = &kept[oldest++ % DW_ARRAY_LEN(kept)];
    EVP_MAC_CTX_free(k->ctx);
    free(k->secret);
    *k = fresh;
    return k->ctx;
}

bool signature_of(const char *secret, struct span time, struct span body, unsigned char out[SIGNATURE_SIZE])
{
    EVP_MAC_CTX *ctx = secret && *secret ? context_of(secret) : NULL;
    size_t n = 0;
    return ctx && EVP_MAC_update(ctx, (const unsigned char *)time.p, time.n) == 1 &&
           EVP_MAC_update(ctx, (const unsigned char *)".", 1) == 1 &&
           EVP_MAC_update(ctx, (const unsigned char *)body.p, body.n) == 1 &&
           EVP_MAC_final(ctx, out, &n, SIGNATURE_SIZE) == 1 && n == SIGNATURE_SIZE;
}

/* One more than the digit's value, 0 for what is none. A table, because no processor can guess the digits of a hash. */
static const unsigned char hex_digits[256] = {['0'] = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, ['a'] = 11, 12, 13, 14, 15, 16};

bool signature_read(struct span hex, unsigned char out[SIGNATURE_SIZE])
{
    if (hex.n != SIGNATURE_SIZE * 2)
        return false;
    for (size_t i = 0; i < SIGNATURE_SIZE; i++) {
        int high = hex_digits[(unsigned char)hex.p[2 * i]] - 1, low = hex_digits[(unsigned char)hex.p[2 * i + 1]] - 1;
        if (high < 0 || low < 0)
            return false;
        out[i] = (unsigned char)(high << 4 | low);
    }
    return true;
}

bool signature_same(const unsigned char a[SIGNATURE_SIZE], const unsigned char b[SIGNATURE_SIZE])
{
    return CRYPTO_memcmp(a, b, SIGNATURE_SIZE) == 0;
}
