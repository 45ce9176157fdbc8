/* One-time codes. The arithmetic is the RFC's to the letter; what matters here is how a code is compared: all three
 * windows are always worked out and compared without a branch on their digits, so the time it takes tells nothing, and
 * a window that was used before is no candidate, so a code that was read over a shoulder is worth nothing.
 *
 * One window either side (RFC 6238, 5.2): a telephone's clock may be half a minute off, and a code takes a few seconds
 * to type. */
#include "engine/totp.h"

#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <string.h>

enum { WINDOWS = 1 };

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

int64_t totp_step(int64_t at_ms)
{
    return at_ms > 0 ? at_ms / TOTP_STEP_MS : 0;
}

static const EVP_MD *md_of(enum totp_hash hash)
{
    switch (hash) {
    case TOTP_SHA1: return EVP_sha1();
    case TOTP_SHA256: return EVP_sha256();
    case TOTP_SHA512: return EVP_sha512();
    }
    return NULL;
}

void totp_code(char out[9], enum totp_hash hash, struct span secret, int64_t step, int digits)
{
    static const uint32_t powers[] = {1000000, 10000000, 100000000};
    unsigned char counter[8], mac[EVP_MAX_MD_SIZE];
    unsigned int n = 0;
    assert(digits >= 6 && digits <= 8 && secret.n > 0 && secret.n <= TOTP_SECRET_MAX);
    for (int i = 0; i < 8; i++)
        counter[i] = (unsigned char)((uint64_t)step >> (56 - 8 * i));
    if (!HMAC(md_of(hash), secret.p, (int)secret.n, counter, sizeof counter, mac, &n))
        abort(); /* only out of memory */
    const unsigned char *at = mac + (mac[n - 1] & 15);
    uint32_t value = (uint32_t)(at[0] & 0x7f) << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
    value %= powers[digits - 6];
    for (int i = digits; i-- > 0; value /= 10)
        out[i] = (char)('0' + value % 10);
    out[digits] = '\0';
    OPENSSL_cleanse(mac, sizeof mac);
}

bool totp_matches(struct span secret, int64_t now_ms, const char *code, int64_t used, int64_t *step)
{
    char wanted[9], given[TOTP_DIGITS + 1] = "";
    int64_t now = totp_step(now_ms), found = -1;
    bool six = strlen(code) == TOTP_DIGITS;
    memcpy(given, code, six ? TOTP_DIGITS : 0);
    for (int64_t at = now - WINDOWS; at <= now + WINDOWS; at++) {
        totp_code(wanted, TOTP_SHA1, secret, at, TOTP_DIGITS);
        bool same = CRYPTO_memcmp(wanted, given, TOTP_DIGITS) == 0;
        found = (same & (at > used) & (found < 0)) ? at : found;
    }
    OPENSSL_cleanse(wanted, sizeof wanted);
    OPENSSL_cleanse(given, sizeof given);
    if (!six || found < 0)
        return false;
    *step = found;
    return true;
}

void base32_text(char out[TOTP_BASE32], struct span bytes)
{
    size_t n = 0;
    unsigned int held = 0, bits = 0;
    assert(bytes.n <= TOTP_SECRET_MAX);
    for (size_t i = 0; i < bytes.n; i++) {
        held = held << 8 | (unsigned char)bytes.p[i];
        for (bits += 8; bits >= 5; bits -= 5)
            out[n++] = alphabet[held >> (bits - 5) & 31];
        held &= (1u << bits) - 1;
    }
    if (bits > 0)
        out[n++] = alphabet[held << (5 - bits) & 31];
    out[n] = '\0';
}

static int letter_value(char c)
{
    char upper = (char)(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    const char *at = upper ? strchr(alphabet, upper) : NULL;
    return at ? (int)(at - alphabet) : -1;
}

size_t base32_bytes(unsigned char *out, size_t size, const char *text)
{
    size_t n = 0;
    unsigned int held = 0, bits = 0;
    for (; *text && *text != '='; text++) {
        int value = letter_value(*text);
        if (value < 0)
            return 0;
        held = held << 5 | (unsigned int)value;
        bits += 5;
        if (bits < 8)
            continue;
        bits -= 8;
        if (n == size)
            return 0;
        out[n++] = (unsigned char)(held >> bits);
        held &= (1u << bits) - 1;
    }
    return text[strspn(text, "=")] == '\0' && held == 0 ? n : 0;
}
