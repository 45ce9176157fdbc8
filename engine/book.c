/* The account book in memory. 100,000 rows must load in a second and answer in microseconds, on the engine thread, between
 * two turns; so: two hash tables for what machines ask (key, billing id), sorted arrays for what people type.
 *
 * People's text and names are folded alike (Unicode NFKC case folding, punctuation to blanks), so "smith & sons", "SMITH
 * SONS" are one. The array of words has an entry for each word of each name, pointing at the rest of the folded name from
 * there on: an exact name, a prefix and a whole word are then each one contiguous range, found by binary search. A range of
 * one account is an answer; of more, a short list, never a guess. */
#include "engine/book.h"

#include <stdio.h>
#include <string.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>

#include "engine/buf.h"
#include "engine/nearest.h"

enum { FOLD_MAX = 256, LISTED = 5, NEIGHBOURS = 256 };

/* Open addressing over row numbers; what a row's key is, the two users say. */
struct table {
    size_t *slots; /* row + 1; 0 is free */
    size_t size;   /* a power of two */
};

struct entry {
    const char *text; /* folded; of a word: from there to the end of the name */
    size_t row;
};

struct sorted {
    struct entry *at;
    size_t n;
};

struct book {
    char *source;
    int64_t as_of_ms;
    struct account **rows;
    size_t n, cap;
    char **folded_names, **folded_keys;
    struct table by_key, by_billing;
    size_t *by_id; /* rows by billing_id, for those who type only that */
    struct sorted keys, names, words;
    bool sealed;
};

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
    char *texts[] = {a->key, a->name, a->tier, a->ae, a->billing, a->billing_id, a->email, a->zone, a->language, a->region, a->plan};
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

static const struct account *table_get(const struct book *b, const struct table *t, struct hashing how, const struct account *a)
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
    char **texts[] = {&a->key,        &a->name,  &a->tier, &a->ae,       &a->billing, &a->billing_id,
                      &a->email,      &a->zone,  &a->language, &a->region, &a->plan};
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
    size_t *key_slot = table_slot(b, &b->by_key, by_key, a), *billing_slot = table_slot(b, &b->by_billing, by_billing, a);
    int rc = 0;
    if (*key_slot)
        rc = err_set(e, ERR_CONFLICT, "account \"%.64s\" is there already; give each account one row", a->key);
    else if (a->billing_id[0] && *billing_slot)
        rc = err_set(e, ERR_CONFLICT, "%.64s %.128s belongs to account \"%.64s\" already; give each billing id to one account",
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

/* --- folding --- */

/* Blanks for ASCII punctuation and control characters, single ones, none at the ends. In place. */
static void squeeze(char *text)
{
    char *out = text;
    bool gap = false;
    for (const char *p = text; *p; p++) {
        unsigned char c = (unsigned char)*p;
        bool solid = c >= 0x80 || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (solid && gap && out > text)
            *out++ = ' ';
        if (solid)
            *out++ = *p;
        gap = !solid;
    }
    *out = '\0';
}

static bool fold_ascii(char out[FOLD_MAX], const char *text)
{
    size_t n = 0;
    for (; text[n] && n < FOLD_MAX - 1; n++) {
        unsigned char c = (unsigned char)text[n];
        if (c >= 0x80)
            return false;
        out[n] = (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
    }
    out[n] = '\0';
    return true;
}

/* What ICU cannot fold (broken UTF-8, too long) folds to nothing: it is then found by key only. */
static void fold_unicode(char out[FOLD_MAX], const char *text)
{
    UErrorCode status = U_ZERO_ERROR;
    UChar wide[FOLD_MAX], folded[FOLD_MAX];
    int32_t n = 0;
    const UNormalizer2 *fold = unorm2_getNFKCCasefoldInstance(&status);
    char cut[FOLD_MAX / 2];
    str_copy(cut, sizeof(cut), text);
    u_strFromUTF8(wide, FOLD_MAX, &n, cut, -1, &status);
    n = unorm2_normalize(fold, wide, n, folded, FOLD_MAX, &status);
    u_strToUTF8(out, FOLD_MAX - 1, NULL, folded, n, &status);
    out[FOLD_MAX - 1] = '\0';
    if (U_FAILURE(status))
        out[0] = '\0';
}

static void fold(char out[FOLD_MAX], const char *text)
{
    if (!fold_ascii(out, text))
        fold_unicode(out, text);
    squeeze(out);
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
    char folded[FOLD_MAX];
    fold(folded, text);
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

/* The first entry that is not before `text`. */
static size_t sorted_from(const struct sorted *s, const char *text)
{
    size_t low = 0, high = s->n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (strcmp(s->at[mid].text, text) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* Up to LISTED different rows, and whether there are more. */
struct hits {
    size_t rows[LISTED];
    size_t n;
    bool more;
};

static void hits_add(struct hits *h, size_t row)
{
    for (size_t i = 0; i < h->n; i++)
        if (h->rows[i] == row)
            return;
    if (h->n < LISTED)
        h->rows[h->n++] = row;
    else
        h->more = true;
}

enum fit { FIT_KEY, FIT_NAME, FIT_PREFIX, FIT_WORD };

static bool fits(const char *after, enum fit how)
{
    return how == FIT_PREFIX || *after == '\0' || (how == FIT_WORD && *after == ' ');
}

/* What fits stands together: a blank sorts before everything else that can follow a word. So this stops after a few. */
static void hits_find(struct hits *h, const struct book *b, const char *text, enum fit how)
{
    const struct sorted *s = how == FIT_KEY ? &b->keys : how == FIT_WORD ? &b->words : &b->names;
    size_t n = strlen(text);
    for (size_t i = sorted_from(s, text); i < s->n && !h->more; i++) {
        if (strncmp(s->at[i].text, text, n) != 0 || !fits(s->at[i].text + n, how))
            return;
        hits_add(h, s->at[i].row);
    }
}

/* A name for an error sentence: foreign text, on one line and short. */
static void add_listed(struct buf *out, const struct account *a, bool last)
{
    char name[32];
    str_copy(name, sizeof(name), a->name);
    for (char *p = name; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = ' ';
    buf_addf(out, "%s%.64s (%s)", out->n == 0 ? "" : last ? " or " : ", ", a->key, name);
}

static int ambiguous(const struct book *b, const struct hits *h, const char *typed, struct err *e)
{
    AUTO_BUF list = BUF(600);
    size_t i = 0;
    for (; i < h->n && list.n < 260; i++)
        add_listed(&list, b->rows[h->rows[i]], i + 1 == h->n && !h->more);
    return err_set(e, ERR_AMBIGUOUS, "\"%s\" fits several accounts: %s%s. Use the key in front of the name.", typed,
                   buf_text(&list), h->more || i < h->n ? " and more" : "");
}

/* How far the folded text is from the same number of words of an entry. */
static int word_distance(const char *text, size_t spaces, const char *rest, int most)
{
    char cut[FOLD_MAX];
    size_t n = 0;
    for (; rest[n] && n < FOLD_MAX - 1 && (rest[n] != ' ' || spaces > 0); n++)
        spaces -= rest[n] == ' ';
    memcpy(cut, rest, n);
    cut[n] = '\0';
    return text_distance(text, cut, most);
}

/* The nearest names among the neighbours in the index: bounded, and in a small book simply all. */
static void hits_near(struct hits *h, const struct book *b, const char *text)
{
    const struct sorted *w = &b->words;
    size_t at = sorted_from(w, text), from = at > NEIGHBOURS ? at - NEIGHBOURS : 0;
    size_t to = at + NEIGHBOURS < w->n ? at + NEIGHBOURS : w->n, spaces = count_words(text) - 1;
    int most = (int)strnlen(text, 30) / 3 + 1;
    for (int d = 1; text[0] && d <= most && h->n < 3; d++)
        for (size_t i = from; i < to; i++)
            if (word_distance(text, spaces, w->at[i].text, most) == d)
                hits_add(h, w->at[i].row);
}

/* Names that share a whole word with what was typed. */
static void hits_sharing(struct hits *h, const struct book *b, const char *text)
{
    while (*text && h->n < 3) {
        size_t n = strcspn(text, " ");
        AUTO_STR word = str_ndup(text, n);
        if (n > 2)
            hits_find(h, b, word, FIT_WORD);
        text += n + (text[n] == ' ');
    }
}

static int not_found(const struct book *b, const char *text, const char *typed, struct err *e)
{
    struct hits h = {.n = 0};
    hits_near(&h, b, text);
    if (h.n == 0)
        hits_sharing(&h, b, text);
    AUTO_BUF list = BUF(600);
    for (size_t i = 0; i < h.n && i < 3; i++)
        add_listed(&list, b->rows[h.rows[i]], i == 2 || i + 1 == h.n);
    if (h.n)
        return err_set(e, ERR_NOT_FOUND, "No account fits \"%s\". Did you mean %s?", typed, buf_text(&list));
    return err_set(e, ERR_NOT_FOUND, "No account fits \"%s\". Type its key, its billing id or its name.", typed);
}

/* By billing id alone, or by "billing:id". Several billers may use one id. */
static void hits_by_id(struct hits *h, const struct book *b, const char *text)
{
    size_t low = 0, high = b->n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (strcmp(b->rows[b->by_id[mid]]->billing_id, text) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    for (; low < b->n && !h->more && str_eq(b->rows[b->by_id[low]]->billing_id, text); low++)
        hits_add(h, b->by_id[low]);
}

static const struct account *by_reference(const struct book *b, const char *text)
{
    const struct account *a = book_by_key(b, text);
    const char *colon = a ? NULL : strchr(text, ':');
    if (!colon)
        return a;
    AUTO_STR billing = str_ndup(text, (size_t)(colon - text));
    return book_by_billing(b, billing, colon + 1);
}

/* For the error sentences: one line, no control characters. */
static void typed_copy(char out[64], const char *text)
{
    str_copy(out, 64, text);
    for (char *p = out; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f || *p == '"')
            *p = ' ';
}

int book_find(const struct account **out, const struct book *b, const char *text, struct err *e)
{
    char folded[FOLD_MAX], typed[64];
    typed_copy(typed, text);
    const struct account *a = strnlen(text, FOLD_MAX) < FOLD_MAX ? by_reference(b, text) : NULL;
    if (a) {
        *out = a;
        return 0;
    }
    fold(folded, text);
    struct hits h = {.n = 0};
    hits_by_id(&h, b, text);
    for (enum fit how = FIT_KEY; folded[0] && h.n == 0 && how <= FIT_WORD; how++)
        hits_find(&h, b, folded, how);
    if (h.n > 1 || h.more)
        return ambiguous(b, &h, typed, e);
    if (h.n == 0)
        return not_found(b, folded, typed, e);
    *out = b->rows[h.rows[0]];
    return 0;
}
