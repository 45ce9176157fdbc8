/* The ground that every module stands on.
 *
 * Running out of memory ends the process: a half-done operation cannot be told from a whole one once an allocation
 * failed in its middle, whereas the store brings the process back to its last commit. So nobody checks allocations,
 * and nobody has an untested path for them. Text is cut only between UTF-8 characters, because what is cut here ends
 * up in JSON, in chat and in the journal, and each of them refuses half a character. */
#include "engine/base.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct span span_of(const char *text)
{
    return (struct span){.p = text, .n = text ? strlen(text) : 0};
}

bool span_is(struct span s, const char *text)
{
    return text && s.n == strlen(text) && (s.n == 0 || memcmp(s.p, text, s.n) == 0);
}

void *mem_alloc(size_t n)
{
    void *p = calloc(1, n ? n : 1);
    if (!p)
        abort();
    return p;
}

void *mem_grow(void *p, size_t n)
{
    void *grown = realloc(p, n ? n : 1);
    if (!grown)
        abort();
    return grown;
}

char *str_ndup(const char *p, size_t n)
{
    char *copy = mem_alloc(n + 1);
    if (n)
        memcpy(copy, p, n);
    return copy;
}

char *str_dup(const char *text)
{
    return text ? str_ndup(text, strlen(text)) : NULL;
}

char *str_fmt(const char *fmt, ...)
{
    va_list args;
    char *text = NULL;
    va_start(args, fmt);
    int n = vasprintf(&text, fmt, args);
    va_end(args);
    if (n < 0)
        abort();
    return text;
}

size_t utf8_length(const char *p, size_t n)
{
    const unsigned char *u = (const unsigned char *)p;
    if (n == 0)
        return 0;
    if (u[0] < 0x80)
        return 1;
    size_t want = u[0] >= 0xF0 ? 4 : u[0] >= 0xE0 ? 3 : 2;
    if (u[0] < 0xC2 || u[0] > 0xF4 || n < want)
        return 0;
    for (size_t i = 1; i < want; i++) {
        if ((u[i] & 0xC0) != 0x80)
            return 0;
    }
    bool overlong = (u[0] == 0xE0 && u[1] < 0xA0) || (u[0] == 0xF0 && u[1] < 0x90);
    bool surrogate = u[0] == 0xED && u[1] > 0x9F;
    bool beyond = u[0] == 0xF4 && u[1] > 0x8F;
    return overlong || surrogate || beyond ? 0 : want;
}

void str_copy(char *out, size_t size, const char *text)
{
    assert(size > 0);
    size_t n = text ? strnlen(text, size) : 0;
    if (n == size) {
        /* Step back over the continuation bytes of the character that does not fit, at most three. */
        n = size - 1;
        for (int i = 0; i < 3 && n > 0 && ((unsigned char)text[n] & 0xC0) == 0x80; i++)
            n--;
    }
    if (n)
        memmove(out, text, n);
    out[n] = '\0';
}

bool str_eq(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

void auto_free(void *pp)
{
    void *p;
    memcpy(&p, pp, sizeof(p));
    free(p);
}
