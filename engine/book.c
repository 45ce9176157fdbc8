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
    for (size_t i = 0; i < a->n_also; i++) {
        free(a->also[i].billing);
        free(a->also[i].id);
    }
    free(a->also);
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
    free(b->ids);
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

/* What is looked for: a key, or a name at a billing system. */
struct wanted {
    const char *first, *second;
};

struct hashing {
    struct wanted (*of)(const struct book *b, size_t at); /* of the entry at that position */
};

static struct wanted key_of(const struct book *b, size_t at)
{
    return (struct wanted){.first = b->rows[at]->key, .second = ""};
}

static struct wanted identity_of(const struct book *b, size_t at)
{
    return (struct wanted){.first = b->ids[at].billing, .second = b->ids[at].id};
}

static const struct hashing by_key = {key_of}, by_billing = {identity_of};

/* The slot that holds what is wanted, or the free one where it belongs. */
static size_t *table_slot(const struct book *b, const struct table *t, struct hashing how, struct wanted w)
{
    uint64_t hash = hash_text(hash_text(UINT64_C(14695981039346656037), w.first), w.second);
    size_t i = (size_t)hash & (t->size - 1);
    for (; t->slots[i]; i = (i + 1) & (t->size - 1)) {
        struct wanted there = how.of(b, t->slots[i] - 1);
        if (str_eq(there.first, w.first) && str_eq(there.second, w.second))
            break;
    }
    return &t->slots[i];
}

/* The position + 1; 0 when it is not there. */
static size_t table_get(const struct book *b, const struct table *t, struct hashing how, struct wanted w)
{
    return t->size ? *table_slot(b, t, how, w) : 0;
}

static void table_grow(const struct book *b, struct table *t, struct hashing how, size_t size, size_t n)
{
    free(t->slots);
    t->slots = mem_alloc(size * sizeof(*t->slots));
    t->size = size;
    for (size_t i = 0; i < n; i++)
        *table_slot(b, t, how, how.of(b, i)) = i + 1;
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
    table_grow(b, &b->by_key, by_key, 2 * b->cap, b->n);
}

static void ids_reserve(struct book *b)
{
    if (b->n_ids < b->cap_ids)
        return;
    b->cap_ids = b->cap_ids ? 2 * b->cap_ids : 64;
    b->ids = mem_grow(b->ids, b->cap_ids * sizeof(*b->ids));
    table_grow(b, &b->by_billing, by_billing, 2 * b->cap_ids, b->n_ids);
}

static int identity_free(const struct book *b, const char *billing, const char *id, struct err *e)
{
    size_t at = table_get(b, &b->by_billing, by_billing, (struct wanted){billing, id});
    if (!at)
        return 0;
    return err_set(e, ERR_CONFLICT, "%.64s %.128s belongs to account \"%.64s\" already; give each billing id to one account", billing, id,
                   b->rows[b->ids[at - 1].row]->key);
}

static void identity_add(struct book *b, size_t row, const char *billing, const char *id)
{
    ids_reserve(b);
    b->ids[b->n_ids++] = (struct known_as){.billing = billing, .id = id, .row = row};
    *table_slot(b, &b->by_billing, by_billing, (struct wanted){billing, id}) = b->n_ids;
}

int book_add(struct book *b, struct account *take_row, struct err *e)
{
    struct account *a = take_row;
    assert(!b->sealed);
    account_complete(a);
    int rc = a->billing_id[0] ? identity_free(b, a->billing, a->billing_id, e) : 0;
    if (book_by_key(b, a->key))
        rc = err_set(e, ERR_CONFLICT, "account \"%.64s\" is there already; a second row of an account only adds a billing system: leave its other columns empty",
                     a->key);
    if (rc < 0) {
        account_free(a);
        return rc;
    }
    book_reserve(b);
    b->rows[b->n++] = a;
    *table_slot(b, &b->by_key, by_key, (struct wanted){a->key, ""}) = b->n;
    if (a->billing_id[0])
        identity_add(b, b->n - 1, a->billing, a->billing_id);
    return 0;
}

int book_link(struct book *b, const char *key, const char *billing, const char *id, int line, struct err *e)
{
    assert(!b->sealed);
    size_t at = table_get(b, &b->by_key, by_key, (struct wanted){key, ""});
    if (!at)
        return err_set(e, ERR_NOT_FOUND, "there is no account \"%.64s\" to add a billing system to", key);
    int rc = identity_free(b, billing, id, e);
    if (rc < 0)
        return rc;
    struct account *a = b->rows[at - 1];
    a->also = mem_grow(a->also, (a->n_also + 1) * sizeof *a->also);
    struct identity *added = &a->also[a->n_also++];
    *added = (struct identity){.billing = str_dup(billing), .id = str_dup(id), .line = line};
    identity_add(b, at - 1, added->billing, added->id);
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
    int c = strcmp(bk->ids[x].id, bk->ids[y].id);
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
    b->by_id = mem_alloc(b->n_ids * sizeof(*b->by_id));
    b->keys.at = mem_alloc(b->n * sizeof(struct entry));
    b->names.at = mem_alloc(b->n * sizeof(struct entry));
    for (size_t i = 0; i < b->n; i++) {
        b->folded_names[i] = fold_dup(b->rows[i]->name);
        b->folded_keys[i] = fold_dup(b->rows[i]->key);
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
    for (size_t i = 0; i < b->n_ids; i++)
        b->by_id[i] = i;
    if (b->n_ids)
        qsort_r(b->by_id, b->n_ids, sizeof(*b->by_id), id_cmp, b);
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
    size_t at = table_get(b, &b->by_key, by_key, (struct wanted){key, ""});
    return at ? b->rows[at - 1] : NULL;
}

const struct account *book_by_billing(const struct book *b, const char *billing, const char *billing_id)
{
    if (!billing || !billing_id || !billing_id[0])
        return NULL;
    size_t at = table_get(b, &b->by_billing, by_billing, (struct wanted){billing, billing_id});
    return at ? b->rows[b->ids[at - 1].row] : NULL;
}
