/* Signatures of webhooks, by OpenSSL. The time is signed as it was sent, so it is taken as text and never printed anew. */
#include "adapters/billing/signature.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <string.h>

bool signature_of(const char *secret, struct span time, struct span body, unsigned char out[SIGNATURE_SIZE])
{
    if (!secret || !*secret)
        return false;
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0), OSSL_PARAM_construct_end()};
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *ctx = mac ? EVP_MAC_CTX_new(mac) : NULL;
    size_t n = 0;
    bool ok = ctx && EVP_MAC_init(ctx, (const unsigned char *)secret, strlen(secret), params) == 1 &&
              EVP_MAC_update(ctx, (const unsigned char *)time.p, time.n) == 1 &&
              EVP_MAC_update(ctx, (const unsigned char *)".", 1) == 1 &&
              EVP_MAC_update(ctx, (const unsigned char *)body.p, body.n) == 1 &&
              EVP_MAC_final(ctx, out, &n, SIGNATURE_SIZE) == 1 && n == SIGNATURE_SIZE;
    EVP_MAC_CTX_free(ctx);
    EVP_MAC_free(mac);
    return ok;
}

static int hex_value(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool signature_read(struct span hex, unsigned char out[SIGNATURE_SIZE])
{
    if (hex.n != SIGNATURE_SIZE * 2)
        return false;
    for (size_t i = 0; i < SIGNATURE_SIZE; i++) {
        int high = hex_value(hex.p[2 * i]), low = hex_value(hex.p[2 * i + 1]);
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
