/* The command grammar: what stands after the verb, taken apart. Pure text, no allocation; any thread.
 *   <account words or "quoted"> [<N>x] [<amount>] [invoice <number>] [from|until|by <date>] [why <reason to the end>]
 *
 * Lenient where people type on phones (case, "3 x", typographic quotes and dashes, "because"), strict where a
 * guess could cost money: what does not fit is an error with an example, never skipped. */
#ifndef DW_BOT_PARSE_H
#define DW_BOT_PARSE_H

#include "engine/err.h"

enum {
    PARSE_MAX = 4000, /* bytes of a whole command; a longer one is refused */
    PARSE_NAME = 200, /* of an account as typed, of a date, of an amount */
};

enum parse_want { WANT_COUNT = 1, WANT_AMOUNT = 2, WANT_FROM = 4, WANT_UNTIL = 8, WANT_BY = 16, WANT_WHY = 32, WANT_INVOICE = 64 };

struct order {
    char account[PARSE_NAME]; /* as typed, without quotes, single spaces; "" when none */
    char subject[PARSE_NAME]; /* account and amount together: an account may end in a number */
    char amount[PARSE_NAME];  /* "" when none */
    char date[PARSE_NAME];    /* after from, until or by; "in 7 days" for "for 7 days"; "" when none */
    char invoice[PARSE_NAME]; /* after invoice; "" when none */
    int count;                /* instalments; 0 when none */
    const char *why;          /* into the parsed text, to its end; "" when none */
};

struct lend { /* delegate, away: each "" when it was not said */
    char person[PARSE_NAME], amount[PARSE_NAME], date[PARSE_NAME], kind[PARSE_NAME];
};
/* [to|deputy] <person> [up to <amount>] [until <date> | for <days>] [for <kind>] */
int parse_lend(struct lend *out, const char *args, struct err *e) DW_MUST_CHECK;

/* Bounded, valid UTF-8 and free of control characters (but line breaks and tabs), or a sentence that says what to
 * do. */
int parse_check(const char *text, struct err *e) DW_MUST_CHECK;
/* wants: enum parse_want, or-ed. Other words belong to the account. Absent parts are left empty: the command
 * decides. */
int parse_order(struct order *out, const char *args, unsigned wants, struct err *e) DW_MUST_CHECK;

/* The next word, or what stands in quotes; *rest moves on. Empty (n 0) at the end. */
struct span parse_word(const char **rest);
const char *parse_trim(const char *text);    /* past leading white space */
const char *parse_skip_why(const char *text); /* past a leading "why", "because" or "reason" */
/* "A-17", "a17", "#17" or "17" with 'A'; 0 when the word is none. */
int64_t parse_ref(struct span word, char letter);
/* "N-12": any letter of `letters`, which must be there. 0 when the word is none; *letter is upper case. */
int64_t parse_any_ref(struct span word, const char *letters, char *letter);
/* "N-12@4": the reference and the card revision behind it (0 when there is none), copied apart. */
int64_t parse_revision(char *ref, size_t size, const char *value);
/* A one-time code in what was typed ("code 123456", "code 123 456", or six digits as the second word) is cut out of the text, all
 * of them; the first goes to code, which is "" when there is none. So a code is in no reason, refusal or echo. */
enum { PARSE_CODE = 8 };
void parse_take_code(char *text, char code[PARSE_CODE]);
/* "3x", "x3", "3": 0 when it is no sensible number. */
int parse_count(const char *text);

#endif
