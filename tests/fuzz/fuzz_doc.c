/* Configuration text: any bytes are either refused with a place and a sentence, or become a tree in which every value
 * has its line and which survives being written and read again. */
#include <string.h>

#include "engine/doc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* libfyaml 0.7.12 loses 4 KiB when a single-quoted scalar holds more than some sixty quotes, right or wrong. */
const char *__lsan_default_suppressions(void)
{
    return "leak:libfyaml";
}

static void lines_known(const struct doc *d, json_t *v, int last)
{
    const char *key;
    json_t *child;
    size_t i;
    json_object_foreach(v, key, child) {
        int line = doc_line(d, v, key);
        assert(line >= 1 && line <= last);
        lines_known(d, child, last);
    }
    json_array_foreach(v, i, child) {
        int line = doc_item_line(d, v, i);
        assert(line >= 1 && line <= last);
        lines_known(d, child, last);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const known[] = {"listen", "store", "mode", "chat", "billing", NULL};
    struct span text = {.p = (const char *)data, .n = size};
    struct doc *d = NULL;
    struct err e = {0};
    int rc = doc_parse(&d, text, "fuzz.yaml", &e);
    if (rc != 0) {
        assert(!d && e.code == rc && strncmp(e.text, "fuzz.yaml", 9) == 0);
        return 0;
    }
    int last = 1;
    for (size_t i = 0; i < size; i++)
        last += data[i] == '\n' || data[i] == '\r' || data[i] == 0xC2 || data[i] == 0xE2;
    json_t *root = json_at(doc_root(d), "");
    lines_known(d, root, last);
    char *once = json_text(root);
    json_t *again = json_read(span_of(once), &e);
    assert(again && json_equal(again, root));
    json_decref(again);
    free(once);
    struct problems p = {0};
    doc_known_keys(d, root, "the file", known, &p);
    assert(p.n <= json_object_size(root));
    problems_free(&p);
    doc_free(d);
    return 0;
}
