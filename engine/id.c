/* Identifiers: ours, sortable by time, and the short ones that people type.
 *
 * Clock and randomness come in from outside, so a simulated world repeats its ids to the letter. */
#include "engine/id.h"

void id_ulid(char out[ULID_SIZE], int64_t now_ms, uint64_t random_hi, uint64_t random_lo)
{
    static const char letters[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"; /* Crockford: no I, L, O, U */
    uint64_t time = now_ms < 0 ? 0 : (uint64_t)now_ms & ((UINT64_C(1) << 48) - 1);
    for (int i = 9; i >= 0; i--, time >>= 5)
        out[i] = letters[time & 31];
    /* 80 random bits, 40 of each word. */
    for (int i = 17; i >= 10; i--, random_hi >>= 5)
        out[i] = letters[random_hi & 31];
    for (int i = 25; i >= 18; i--, random_lo >>= 5)
        out[i] = letters[random_lo & 31];
    out[26] = '\0';
}

int64_t id_number(const char *text, char letter)
{
    const char *p = text ? text : "";
    char lower = (char)(letter >= 'A' && letter <= 'Z' ? letter - 'A' + 'a' : letter);
    if (*p && (*p | 32) == lower) {
        p++;
        p += *p == '-';
    }
    int64_t n = 0;
    int digits = 0;
    for (; *p >= '0' && *p <= '9'; p++, digits++) {
        if (digits == 18)
            return 0;
        n = n * 10 + (*p - '0');
    }
    return digits && !*p ? n : 0;
}
