/* accounts.csv: any bytes give a book and problems, never a crash; and what was loaded can be found again by its
 * key. */
#include <stdint.h>
#include <string.h>

#include "adapters/crm/file.h"

static void check_row(const struct book *b, const struct account *a)
{
    const struct account *found = NULL;
    assert(a->key[0] && a->billing[0] && a->billing_id[0] && a->name[0]);
    assert(strlen(a->key) <= 64 && a->value.minor >= 0);
    assert(book_by_key(b, a->key) == a);
    assert(book_by_billing(b, a->billing, a->billing_id) == a);
    assert(book_find(&found, b, a->key, NULL) == 0 && found == a);
    int rc = book_find(&found, b, a->name, NULL);
    assert(rc == 0 || rc == ERR_AMBIGUOUS || rc == ERR_NOT_FOUND);
    for (const char *p = a->name; *p; p++)
        assert((unsigned char)*p >= 0x20 && *p != 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct problems p = {0};
    struct book *b = accounts_parse((struct span){.p = (const char *)data, .n = size}, "accounts.csv", 1, &p);
    assert(b || p.n > 0);
    for (size_t i = 0; b && i < book_count(b); i++)
        check_row(b, book_at(b, i));
    char typed[64] = "";
    memcpy(typed, data, size < sizeof(typed) - 1 ? size : sizeof(typed) - 1);
    const struct account *found;
    struct err e = {0};
    if (b && book_find(&found, b, typed, &e) < 0)
        assert(e.text[0]);
    book_free(b);
    problems_free(&p);
    return 0;
}
