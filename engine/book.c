/* The account book in memory. 100,000 rows must load in a second or so and answer in microseconds, on the engine
 * thread, between two turns; so: two hash tables for what machines ask (key, billing id), sorted arrays for what
 * people type, all built once, before anybody asks.
 *
 * The array of words has an entry for each word of each name, pointing at the rest of the folded name from there
 * on: an exact name, a prefix and a whole word are then each one contiguous range, found by binary search
 * (book_find.c). */
#include <string.h>

#include "engine/book_parts.h"

struct book *book_new(const char *source, int64_t as_of_ms)
{
    struct book *b = mem_alloc(sizeof(*b));
    b->source = str_dup(source);
    b->as_of_ms = as_of_ms;
    return b;
}

void account_free(struct account *a)
{
    if (!a)
        return;
    char *texts[] = {a->key,   a->name, a->tier,     a->ae,     a->billing, a->billing_id,
                     a->email, a->zone, a->language, a->region, a->plan};
    for (size_t i = 0; i < DW_ARRAY_LEN(texts); i++)
        free(texts[i]);
    json_decref(a->facts);
    free(a);
}

void book_free(struct book *b)
{
    if (!b)
        return;
    for (size_t i = 0; i < b->n; i++) {
        account_free(b->rows[i]);
        if (b->sealed) {
            free(b->folded_names[i]);
            free(b->folded_keys[i]);
        }
    }
    free(b->rows);
    free(b->folded_names);
    free(b->folded_keys);
    free(b->by_key.slots);
    free(b->by_billing.slots);
    free(b->by_id);
    free(b->keys.at);
    free(b->names.at);
    free(b->words.at);
    free(b->source);
    free(b);
}

/* --- hash tables --- */

static uint64_t hash_text(uint64_t h, const char *text)
{
    for (; *text; text++)
        h = (h ^ (unsigned char)*text) * UINT64_C(1099511628211);
    return h ^ (h >> 29);
}

static uint64_t key_hash(const struct account *a)
{
    return hash_text(UINT64_C(14695981039346656037), a->key);
}

static uint64_t billing_hash(const struct account *a)
{
    return hash_text(hash_text(UINT64_C(14695981039346656037), a->billing), a->billing_id);
}

static bool key_same(const struct account *a, const struct account *b)
{
    return str_eq(a->key, b->key);
}

static bool billing_same(const struct account *a, const struct account *b)
{
    return str_eq(a->billing_id, b->billing_id) && str_eq(a->billing, b->billing);
}

struct hashing {
    uint64_t (*hash)(const struct account *a);
    bool (*same)(const struct account *a, const struct account *b);
};
static const struct hashing by_key = {key_hash, key_same}, by_billing = {billing_hash, billing_same};

/* The slot that holds the like of `a`, or the free one where it belongs. */
static size_t *table_slot(const struct book *b, const struct table *t, struct hashing how, const struct account *a)
{
    size_t i = (size_t)how.hash(a) & (t->size - 1);
    while (t->slots[i] && !how.same(b->rows[t->slots[i] - 1], a))
        i = (i + 1) & (t->size - 1);
    return &t->slots[i];
}

static const struct account *table_get(const struct book *b, const struct table *t, struct hashing how,
                                       const struct account *a)
{
    size_t row = t->size ? *table_slot(b, t, how, a) : 0;
    return row ? b->rows[row - 1] : NULL;
}

static void table_grow(const struct book *b, struct table *t, struct hashing how, size_t size)
{
    free(t->slots);
    t->slots = mem_alloc(size * sizeof(*t->slots));
    t->size = size;
    for (size_t i = 0; i < b->n; i++)
        *table_slot(b, t, how, b->rows[i]) = i + 1;
}

/* --- building --- */

static void text_default(char **text)
{
    if (!*text)
        *text = str_dup("");
}

static void account_complete(struct account *a)
{
    char **texts[] = {&a->key,   &a->name, &a->tier,     &a->ae,     &a->billing, &a->billing_id,
                      &a->email, &a->zone, &a->language, &a->region, &a->plan};
    for (size_t i = 0; i < DW_ARRAY_LEN(texts); i++)
        text_default(texts[i]);
    if (!a->facts)
        a->facts = json_object();
}

static void book_reserve(struct book *b)
{
    if (b->n < b->cap)
        return;
    b->cap = b->cap ? 2 * b->cap : 64;
    b->rows = mem_grow(b->rows, b->cap * sizeof(struct account *));
    table_grow(b, &b->by_key, by_key, 2 * b->cap);
    table_grow(b, &b->by_billing, by_billing, 2 * b->cap);
}

int book_add(struct book *b, struct account *take_row, struct err *e)
{
    struct account *a = take_row;
    assert(!b->sealed);
    account_complete(a);
    book_reserve(b);
    size_t *key_slot = table_slot(b, &b->by_key, by_key, a),
           *billing_slot = table_slot(b, &b->by_billing, by_billing, a);
    int rc = 0;
    if (*key_slot)
        rc = err_set(e, ERR_CONFLICT, "account \"%.64s\" is there already; give each account one row", a->key);
    else if (a->billing_id[0] && *billing_slot)
        rc = err_set(e, ERR_CONFLICT,
                     "%.64s %.128s belongs to account \"%.64s\" already; give each billing id to one account",
                     a->billing, a->billing_id, b->rows[*billing_slot - 1]->key);
    if (rc < 0) {
        account_free(a);
        return rc;
    }
    b->rows[b->n++] = a;
    *key_slot = b->n;
    if (a->billing_id[0])
        *billing_slot = b->n;
    return 0;
}

/* --- the sorted arrays --- */

static int entry_cmp(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    int c = strcmp(x->text, y->text);
    return c ? c : (x->row > y->row) - (x->row < y->row);
}

static int id_cmp(const void *a, const void *b, void *book)
{
    const struct book *bk = book;
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    int c = strcmp(bk->rows[x]->billing_id, bk->rows[y]->billing_id);
    return c ? c : (x > y) - (x < y);
}

static size_t count_words(const char *folded)
{
    size_t n = folded[0] != '\0';
    for (; *folded; folded++)
        n += *folded == ' ';
    return n;
}

static void sorted_add(struct sorted *s, const char *text, size_t row)
{
    if (text[0])
        s->at[s->n++] = (struct entry){.text = text, .row = row};
}

static void sorted_finish(struct sorted *s)
{
    qsort(s->at, s->n, sizeof(*s->at), entry_cmp);
}

static void add_words(struct book *b, size_t row)
{
    for (const char *p = b->folded_names[row]; p; p = strchr(p, ' ')) {
        p += *p == ' ';
        sorted_add(&b->words, p, row);
    }
}

static char *fold_dup(const char *text)
{
    char folded[BOOK_FOLD_SIZE];
    book_fold(folded, text);
    return str_dup(folded);
}

void book_seal(struct book *b)
{
    size_t words = 0;
    assert(!b->sealed);
    b->folded_names = mem_alloc(b->n * sizeof(char *));
    b->folded_keys = mem_alloc(b->n * sizeof(char *));
    b->by_id = mem_alloc(b->n * sizeof(*b->by_id));
    b->keys.at = mem_alloc(b->n * sizeof(struct entry));
    b->names.at = mem_alloc(b->n * sizeof(struct entry));
    for (size_t i = 0; i < b->n; i++) {
        b->folded_names[i] = fold_dup(b->rows[i]->name);
        b->folded_keys[i] = fold_dup(b->rows[i]->key);
        b->by_id[i] = i;
        sorted_add(&b->keys, b->folded_keys[i], i);
        sorted_add(&b->names, b->folded_names[i], i);
        words += count_words(b->folded_names[i]);
    }
    b->words.at = mem_alloc(words * sizeof(struct entry));
    for (size_t i = 0; i < b->n; i++)
        add_words(b, i);
    sorted_finish(&b->keys);
    sorted_finish(&b->names);
    sorted_finish(&b->words);
    if (b->n)
        qsort_r(b->by_id, b->n, sizeof(*b->by_id), id_cmp, b);
    b->sealed = true;
}

/* --- asking --- */

size_t book_count(const struct book *b)
{
    return b->n;
}

const struct account *book_at(const struct book *b, size_t i)
{
    return i < b->n ? b->rows[i] : NULL;
}

const char *book_source(const struct book *b)
{
    return b->source;
}

int64_t book_as_of_ms(const struct book *b)
{
    return b->as_of_ms;
}

const struct account *book_by_key(const struct book *b, const char *key)
{
    if (!key)
        return NULL;
    AUTO_STR copy = str_dup(key);
    return table_get(b, &b->by_key, by_key, &(struct account){.key = copy});
}

const struct account *book_by_billing(const struct book *b, const char *billing, const char *billing_id)
{
    if (!billing || !billing_id || !billing_id[0])
        return NULL;
    AUTO_STR name = str_dup(billing);
    AUTO_STR id = str_dup(billing_id);
    return table_get(b, &b->by_billing, by_billing, &(struct account){.billing = name, .billing_id = id});
}
