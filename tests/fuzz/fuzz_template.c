/* Templates from arbitrary bytes: rendering ends, stays in its bounds, leaves no unfilled {{name}} of the text behind and lets
 * no value write a line of its own. The text before the first empty line is the template, the rest is the value. */
#include <string.h>

#include "engine/template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t lines(const char *text)
{
    size_t n = 0;
    for (; *text; text++)
        n += *text == '\n';
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_STR text = str_ndup((const char *)data, size); /* ends at the first NUL, as a file's text would */
    char *gap = strstr(text, "\n\n");
    AUTO_JSON values = json_object();
    if (gap)
        *gap = '\0';
    json_put(values, "name", gap ? gap + 2 : "");
    json_put(values, "link", "https://pay.example/x");
    json_put_i64(values, "amount", 3);
    struct err e = {0};
    AUTO_BUF out = BUF(16 << 10);
    if (template_render(text, values, &out, &e) != 0) {
        assert(e.text[0]);
        return 0;
    }
    assert(out.n <= 16 << 10);
    assert(lines(buf_text(&out)) == lines(text));
    return 0;
}
