/* Inside the book: book.c keeps rows and their indexes, book_find.c answers what people type. Nobody else includes
 * this. */
#ifndef DW_ENGINE_BOOK_PARTS_H
#define DW_ENGINE_BOOK_PARTS_H

#include "engine/book.h"

#define BOOK_FOLD_SIZE 256

/* Open addressing over positions in an array; what a key is there, the two users say. */
struct table {
    size_t *slots; /* position + 1; 0 is free */
    size_t size;   /* a power of two */
};

/* One name of a row at a billing system; the texts are the row's. */
struct known_as {
    const char *billing, *id;
    size_t row;
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
    struct known_as *ids;
    size_t n_ids, cap_ids;
    struct table by_key, by_billing; /* over rows; over ids */
    size_t *by_id; /* positions in ids by billing id, for those who type only that */
    struct sorted keys, names, words;
    bool sealed;
};

/* Text as it is compared: Unicode NFKC case folding, punctuation as single blanks. "" when nothing is left of it. */
void book_fold(char out[BOOK_FOLD_SIZE], const char *text);

#endif
