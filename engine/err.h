/* Errors: a code and a sentence for a person. Plain value, owned by the caller, any thread.
 *
 * A function that can fail returns 0 or a negative ERR_* and fills *e (which may be NULL). The sentence says what is
 * wrong and what to do; it never holds a secret. */
#ifndef DW_ENGINE_ERR_H
#define DW_ENGINE_ERR_H

#include "engine/base.h"

enum err_code {
    ERR_INVALID = -1,     /* the input is not what it must be */
    ERR_NOT_FOUND = -2,
    ERR_AMBIGUOUS = -3,   /* more than one thing fits */
    ERR_DENIED = -4,      /* a person or a signature without the right */
    ERR_CONFLICT = -5,    /* already decided, already running, a second process */
    ERR_LIMIT = -6,       /* too large, too many, too deep */
    ERR_IO = -7,          /* disk or network */
    ERR_VERSION = -8,     /* a store from a newer program */
    ERR_STALE = -9,       /* the world moved since this was shown */
    ERR_UNSUPPORTED = -10,
};

struct err {
    int code;
    char text[512];
};

int err_set(struct err *e, int code, const char *fmt, ...) DW_PRINTF(3, 4);  /* returns code */
int err_wrap(struct err *e, int code, const char *fmt, ...) DW_PRINTF(3, 4); /* puts "context: " before the text */
const char *err_name(int code);

#endif
