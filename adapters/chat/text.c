/* Moments written into texts, and characters that may not stand in any. See text.h. */
#include "adapters/chat/text.h"

#include <string.h>

enum { MOMENT_DIGITS_MAX = 15 };

size_t chat_moment(const char *p, int64_t *at_ms, bool *ago)
{
    size_t i = 0;
    if (strncmp(p, "{ms:", 4) == 0)
        i = 4;
    else if (strncmp(p, "{ago:", 5) == 0)
        i = 5;
    else
        return 0;
    size_t first = i;
    int64_t value = 0;
    for (; p[i] >= '0' && p[i] <= '9' && i - first < MOMENT_DIGITS_MAX; i++)
        value = value * 10 + (p[i] - '0');
    if (i == first || p[i] != '}')
        return 0;
    *at_ms = value;
    *ago = first == 5;
    return i + 1;
}

bool chat_deceives(const char *p, size_t n)
{
    if (n != 3 || (unsigned char)p[0] != 0xE2)
        return false;
    unsigned char b = (unsigned char)p[1], c = (unsigned char)p[2];
    return (b == 0x80 && ((c >= 0xAA && c <= 0xAE) || c == 0x8E || c == 0x8F)) ||
           (b == 0x81 && c >= 0xA6 && c <= 0xA9);
}
