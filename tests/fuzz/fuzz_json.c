/* The quick reader of JSON against jansson: what it gives is what jansson gives, and it gives nothing where jansson refuses. What both
 * of our own printers and readers do is undone by each other. */
#include <string.h>

#include "engine/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void reads_back(const json_t *value)
{
    AUTO_STR text = json_text(value);
    json_auto_t *again = json_read(span_of(text), NULL);
    assert(json_equal(value, again));
    AUTO_STR same = json_text(again);
    assert(strcmp(text, same) == 0);
}

/* Of an object that is plain, the members one by one are the whole. */
static void members_are_the_whole(struct span text, const json_t *whole)
{
    struct json_member some[64];
    size_t n;
    if (!json_quick_members(text, some, 64, &n) || !json_is_object(whole))
        return;
    assert(n == json_object_size(whole));
    for (size_t i = 0; i < n; i++) {
        json_auto_t *value = json_quick(some[i].value);
        assert(json_equal(value, json_object_getn(whole, some[i].key.p, some[i].key.n)));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = {.p = (const char *)data, .n = size};
    json_auto_t *quick = json_quick(text), *strict = json_read(text, NULL);
    json_auto_t *theirs = size ? json_loadb(text.p, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL) : NULL;
    members_are_the_whole(text, quick);
    if (quick)
        assert(theirs && json_equal(quick, theirs) && !memchr(text.p, '\0', size));
    if (strict) {
        assert(theirs && json_equal(strict, theirs));
        reads_back(strict);
    }
    return 0;
}
