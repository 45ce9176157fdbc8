/* Errors are sentences for the person who has to do something about them, with a code for the caller.
 *
 * Each level may put its context in front ("policy.yaml: ..."), so the text that reaches the log or the chat
 * reads from the large to the small. The text is built aside first: the arguments may point into the very error
 * that is filled. */
#include "engine/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int err_set(struct err *e, int code, const char *fmt, ...)
{
    if (!e)
        return code;
    char text[sizeof(e->text) + 4];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    e->code = code;
    str_copy(e->text, sizeof(e->text), n < 0 ? "" : text);
    return code;
}

int err_wrap(struct err *e, int code, const char *fmt, ...)
{
    if (!e)
        return code;
    char context[sizeof(e->text)], text[2 * sizeof(e->text) + 4];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(context, sizeof(context), fmt, args);
    va_end(args);
    snprintf(text, sizeof(text), "%s: %s", n < 0 ? "" : context, e->text);
    e->code = code;
    str_copy(e->text, sizeof(e->text), text);
    return code;
}

const char *err_name(int code)
{
    static const struct {
        int code;
        const char *name;
    } names[] = {
        {0, "ok"},
        {ERR_INVALID, "invalid"},
        {ERR_NOT_FOUND, "not found"},
        {ERR_AMBIGUOUS, "ambiguous"},
        {ERR_DENIED, "denied"},
        {ERR_CONFLICT, "conflict"},
        {ERR_LIMIT, "limit"},
        {ERR_IO, "io"},
        {ERR_VERSION, "version"},
        {ERR_STALE, "stale"},
        {ERR_UNSUPPORTED, "unsupported"},
    };
    for (size_t i = 0; i < DW_ARRAY_LEN(names); i++) {
        if (names[i].code == code)
            return names[i].name;
    }
    return "unknown";
}
