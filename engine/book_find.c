/* What people type, to an account. Their text and the names are folded alike, so "smith & sons" and "SMITH SONS"
 * are one; then the key, the billing id, the exact name, a prefix and a whole word are tried, in this order. The
 * first of these that fits one account is the answer; if it fits more, a short list is. There is no guess: what
 * comes nearest is offered in the error, and the person says which.
 *
 * The work is bounded whatever is typed: five hits end a search, and "did you mean" looks at the neighbours in the
 * index. */
#include <stdio.h>
#include <string.h>
#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>

#include "engine/book_parts.h"
#include "engine/buf.h"
#include "engine/nearest.h"

enum { LISTED = 5, NEIGHBOURS = 256 };

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

static bool fold_ascii(char out[BOOK_FOLD_SIZE], const char *text)
{
    size_t n = 0;
    for (; text[n] && n < BOOK_FOLD_SIZE - 1; n++) {
        unsigned char c = (unsigned char)text[n];
        if (c >= 0x80)
            return false;
        out[n] = (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
    }
    out[n] = '\0';
    return true;
}

/* Characters that are not seen (soft hyphens, joiners) do not count; punctuation of any script is a blank, as it is in ASCII,
 * because telephones write the apostrophe of O'Brien in another way. In place. */
static size_t drop_unseen(uint8_t *text, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n;) {
        ucs4_t c;
        size_t length = (size_t)u8_mbtouc(&c, text + i, n - i);
        if (c >= 0x80 && uc_is_general_category(c, UC_CATEGORY_P)) {
            text[kept++] = ' ';
        } else if (!uc_is_property_default_ignorable_code_point(c)) {
            memmove(text + kept, text + i, length);
            kept += length;
        }
        i += length;
    }
    return kept;
}

/* What cannot be folded (broken UTF-8, too long) folds to nothing: it is then found by key only. Composed before and after,
 * because some characters stand for others that have a case. */
static void fold_unicode(char out[BOOK_FOLD_SIZE], const char *text)
{
    char cut[BOOK_FOLD_SIZE / 2];
    str_copy(cut, sizeof(cut), text);
    uint8_t *bytes = (uint8_t *)cut, *plain = NULL, *folded = NULL;
    size_t n = strlen(cut), n_plain = 0, n_folded = 0;
    out[0] = '\0';
    if (!u8_check(bytes, n)) {
        n = drop_unseen(bytes, n);
        plain = u8_normalize(UNINORM_NFKC, bytes, n, NULL, &n_plain);
        folded = plain ? u8_casefold(plain, n_plain, NULL, UNINORM_NFKC, NULL, &n_folded) : NULL;
    }
    if (folded && n_folded < BOOK_FOLD_SIZE) {
        memcpy(out, folded, n_folded);
        out[n_folded] = '\0';
    }
    free(plain);
    free(folded);
}

void book_fold(char out[BOOK_FOLD_SIZE], const char *text)
{
    if (!fold_ascii(out, text))
        fold_unicode(out, text);
    squeeze(out);
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

/* What fits stands together: a blank sorts before everything else that can follow a word. So this stops after a
 * few. */
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
    char cut[BOOK_FOLD_SIZE];
    size_t n = 0;
    for (; rest[n] && n < BOOK_FOLD_SIZE - 1 && (rest[n] != ' ' || spaces > 0); n++)
        spaces -= rest[n] == ' ';
    memcpy(cut, rest, n);
    cut[n] = '\0';
    return text_distance(text, cut, most);
}

static size_t count_spaces(const char *text)
{
    size_t n = 0;
    for (; *text; text++)
        n += *text == ' ';
    return n;
}

/* The nearest names among the neighbours in the index: bounded, and in a small book simply all. */
static void hits_near(struct hits *h, const struct book *b, const char *text)
{
    const struct sorted *w = &b->words;
    size_t at = sorted_from(w, text), from = at > NEIGHBOURS ? at - NEIGHBOURS : 0;
    size_t to = at + NEIGHBOURS < w->n ? at + NEIGHBOURS : w->n, spaces = count_spaces(text);
    int most = (int)strnlen(text, 30) / 4 + 1;
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
    size_t low = 0, high = b->n_ids;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (strcmp(b->ids[b->by_id[mid]].id, text) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    for (; low < b->n_ids && !h->more && str_eq(b->ids[b->by_id[low]].id, text); low++)
        hits_add(h, b->ids[b->by_id[low]].row);
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
    char folded[BOOK_FOLD_SIZE], typed[64];
    typed_copy(typed, text);
    const struct account *a = strnlen(text, BOOK_FOLD_SIZE) < BOOK_FOLD_SIZE ? by_reference(b, text) : NULL;
    if (a) {
        *out = a;
        return 0;
    }
    book_fold(folded, text);
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
