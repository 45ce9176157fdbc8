/* Replacement of {{name}} in texts for people. */
#include "engine/template.h"

#include <string.h>

static void value_add(struct buf *out, const char *value)
{
    for (const unsigned char *c = (const unsigned char *)value; *c; c++)
        if (*c >= 0x20 && *c != 0x7f)
            buf_addc(out, (char)*c);
}

int template_render(const char *text, const json_t *values, struct buf *out, struct err *e)
{
    const char *p = text;
    for (;;) {
        const char *open = strstr(p, "{{");
        if (!open) {
            buf_adds(out, p);
            return out->over ? err_set(e, ERR_LIMIT, "the text grows too long") : 0;
        }
        const char *close = strstr(open, "}}");
        if (!close || close - open > 64)
            return err_set(e, ERR_INVALID, "a {{ is never closed: \"%.20s\"", open);
        char name[64];
        size_t n = (size_t)(close - open) - 2;
        memcpy(name, open + 2, n);
        name[n] = '\0';
        const json_t *value = json_object_get(values, name);
        if (!json_is_string(value))
            return err_set(e, ERR_INVALID, "nothing is known by the name {{%s}}", name);
        buf_add(out, p, (size_t)(open - p));
        value_add(out, json_string_value(value));
        p = close + 2;
    }
}
