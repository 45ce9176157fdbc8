/* Comma-separated values (RFC 4180), one record at a time, from memory. Accepts CR LF, LF and CR as line ends, a
 * UTF-8 byte order mark, quoted fields with "" and line breaks. One thread; the text must outlive the reader. */
#ifndef DW_ADAPTERS_CRM_CSV_H
#define DW_ADAPTERS_CRM_CSV_H

#include "engine/buf.h"

#define CSV_FIELDS_MAX 128
#define CSV_RECORD_MAX 65536

struct csv {
    struct span text;
    size_t at;
    int line;             /* of the next record */
    int record_line;      /* where the last record began */
    struct buf bytes;     /* of the last record: its fields, each ended by NUL */
    const char *fields[CSV_FIELDS_MAX];
    size_t n;
};

void csv_init(struct csv *c, struct span text);
void csv_fini(struct csv *c);

/* The next record that is not an empty line. A bad one is skipped up to the line after its first, so one stray
 * quote costs one row and not the rest of the file; then `problem` says what is wrong. */
enum csv_result { CSV_RECORD, CSV_BAD, CSV_END };
enum csv_result csv_next(struct csv *c, const char **problem);

#endif
