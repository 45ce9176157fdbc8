/* One-time codes by time (TOTP, RFC 6238, on HOTP, RFC 4226) and the base32 text of their secrets (RFC 4648). Pure
 * functions on bytes; any thread. */
#ifndef DW_ENGINE_TOTP_H
#define DW_ENGINE_TOTP_H

#include "engine/err.h"

enum totp_hash { TOTP_SHA1, TOTP_SHA256, TOTP_SHA512 };

enum {
    TOTP_SECRET = 20,    /* bytes of a secret of ours: as long as SHA-1's output (RFC 4226, 4) */
    TOTP_SECRET_MAX = 64,
    TOTP_STEP_MS = 30000,
    TOTP_DIGITS = 6,
    TOTP_BASE32 = 2 * TOTP_SECRET_MAX, /* room for a secret's text and its NUL */
};

int64_t totp_step(int64_t at_ms); /* which 30 s window a moment lies in; 0 before 1970 */
/* The code of a step, with leading zeros; digits 6 to 8. */
void totp_code(char out[9], enum totp_hash hash, struct span secret, int64_t step, int digits);

/* Does the text hold the code (SHA-1, 6 digits) of now, of the window before or of the one after? *step says of which.
 * A step not above `used` never matches: what was typed once is spent. The time taken does not depend on the code. */
bool totp_matches(struct span secret, int64_t now_ms, const char *code, int64_t used, int64_t *step);

void base32_text(char out[TOTP_BASE32], struct span bytes); /* upper case, no padding; at most TOTP_SECRET_MAX bytes */
/* Upper or lower case, padding allowed. How many bytes; 0 when the text is not base32 or the bytes do not fit. */
size_t base32_bytes(unsigned char *out, size_t size, const char *text);

#endif
