/* What people type, taken apart without guessing.
 *
 * Account names have several words, some of them numbers or "by", so the grammar reads from the right: the reason
 * is what follows the first "why", the date what follows the last "from", "until" or "by" before it, the number of
 * instalments the last "3x", and whatever is left in front is the account. Quotes settle every doubt. Everything
 * is found by pointers into the text of the command, which has been checked once for length and control
 * characters; the few parts that others need as strings are copied into the order, bounded. */
#include "bot/parse.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "engine/id.h"
#include "engine/money.h"

enum { WORDS_MAX = 48, COUNT_DIGITS = 4 };

struct word {
    struct span text;
    bool quoted, used;
};

struct words {
    struct word list[WORDS_MAX];
    size_t n;
};

/* White space as phones write it: also the no-break space. The number of bytes, 0 for none. */
static size_t space_length(const char *p)
{
    if (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r')
        return 1;
    return strncmp(p, "\xC2\xA0", 2) == 0 ? 2 : 0;
}

const char *parse_trim(const char *text)
{
    size_t n;
    while ((n = space_length(text)) > 0)
        text += n;
    return text;
}

/* " or one of the typographic double quotes; the number of bytes, 0 for none. A single quote is an apostrophe:
 * O'Brien. */
static size_t quote_length(const char *p)
{
    static const char *const marks[] = {"\"", "\xE2\x80\x9C", "\xE2\x80\x9D", "\xE2\x80\x9E", "\xC2\xAB", "\xC2\xBB"};
    for (size_t i = 0; i < DW_ARRAY_LEN(marks); i++)
        if (strncmp(p, marks[i], strlen(marks[i])) == 0)
            return strlen(marks[i]);
    return 0;
}

static size_t dash_length(const char *p)
{
    static const char *const marks[] = {"-", "\xE2\x80\x90", "\xE2\x80\x91", "\xE2\x80\x93", "\xE2\x80\x94"};
    for (size_t i = 0; i < DW_ARRAY_LEN(marks); i++)
        if (strncmp(p, marks[i], strlen(marks[i])) == 0)
            return strlen(marks[i]);
    return 0;
}

int parse_check(const char *text, struct err *e)
{
    size_t size = strlen(text);
    if (size > PARSE_MAX)
        return err_set(e, ERR_LIMIT,
                       "That is too long for me: %zu bytes, and I read %d at most. Please say it shorter.", size,
                       PARSE_MAX);
    for (const char *p = text, *end = text + size; p < end;) {
        size_t n = utf8_length(p, (size_t)(end - p));
        unsigned char c = (unsigned char)*p;
        bool control = (c < 0x20 && c != '\n' && c != '\t' && c != '\r') || c == 0x7F;
        if (n == 0 || control)
            return err_set(e, ERR_INVALID,
                           "There are characters in your message that I cannot read. Please type it again as plain "
                           "text.");
        p += n;
    }
    return 0;
}

static bool word_next(struct word *out, const char **rest)
{
    const char *p = parse_trim(*rest);
    size_t quote = quote_length(p);
    const char *start = p + quote;
    const char *end = start;
    while (*end && (quote ? quote_length(end) == 0 : space_length(end) == 0))
        end++;
    *out = (struct word){.text = {.p = start, .n = (size_t)(end - start)}, .quoted = quote > 0, .used = false};
    *rest = end + (quote && *end ? quote_length(end) : 0);
    return quote > 0 || out->text.n > 0;
}

struct span parse_word(const char **rest)
{
    struct word w;
    word_next(&w, rest);
    return w.text;
}

/* The word itself, in any case, a colon behind it allowed ("why: ..."); never what stood in quotes. */
static bool word_is(const struct word *w, const char *text)
{
    size_t n = w->text.n;
    if (n > 0 && w->text.p[n - 1] == ':')
        n--;
    return !w->quoted && n == strlen(text) && strncasecmp(w->text.p, text, n) == 0;
}

static bool word_is_why(const struct word *w)
{
    return word_is(w, "why") || word_is(w, "because") || word_is(w, "reason");
}

const char *parse_skip_why(const char *text)
{
    const char *rest = text;
    struct word w;
    return word_next(&w, &rest) && word_is_why(&w) ? parse_trim(rest) : parse_trim(text);
}

static int words_split(struct words *out, const char **why, const char *args, unsigned wants, struct err *e)
{
    out->n = 0;
    *why = "";
    const char *rest = args;
    struct word w;
    while (word_next(&w, &rest)) {
        if ((wants & WANT_WHY) && out->n > 0 && word_is_why(&w)) {
            *why = parse_trim(rest);
            return 0;
        }
        if (out->n == WORDS_MAX)
            return err_set(e, ERR_LIMIT,
                           "That is more words than I can make sense of. Put the account's name in quotes, and what "
                           "you want to explain behind \"why\".");
        out->list[out->n++] = w;
    }
    return 0;
}

static int digits_value(const char *p, size_t n)
{
    int value = 0;
    if (n == 0 || n > COUNT_DIGITS)
        return 0;
    for (size_t i = 0; i < n; i++) {
        if (!isdigit((unsigned char)p[i]))
            return 0;
        value = value * 10 + (p[i] - '0');
    }
    return value;
}

/* "3x" or "x3"; 0 when the word is neither. The multiplication sign of phones counts as x. */
static int count_marked(struct span s)
{
    static const char cross[] = "\xC3\x97";
    if (s.n < 2)
        return 0;
    if (s.p[s.n - 1] == 'x' || s.p[s.n - 1] == 'X')
        return digits_value(s.p, s.n - 1);
    if (s.p[0] == 'x' || s.p[0] == 'X')
        return digits_value(s.p + 1, s.n - 1);
    return s.n > 2 && memcmp(s.p + s.n - 2, cross, 2) == 0 ? digits_value(s.p, s.n - 2) : 0;
}

int parse_count(const char *text)
{
    struct span s = span_of(parse_trim(text));
    while (s.n > 0 && s.p[s.n - 1] == ' ')
        s.n--;
    int marked = count_marked(s);
    return marked ? marked : digits_value(s.p, s.n);
}

static bool word_counts(const struct word *w)
{
    static const char *const names[] = {"x",           "times",    "instalments", "instalment", "installments",
                                        "installment", "payments", "parts",       "\xC3\x97"};
    for (size_t i = 0; i < DW_ARRAY_LEN(names); i++)
        if (word_is(w, names[i]))
            return true;
    return false;
}

/* Does the word at i begin the date? "for" only before a number ("for 7 days"): it is common in names. */
static bool word_is_clause(const struct words *all, size_t i, unsigned wants)
{
    const struct word *w = &all->list[i];
    if ((wants & WANT_UNTIL) && word_is(w, "for"))
        return i + 1 < all->n && isdigit((unsigned char)all->list[i + 1].text.p[0]);
    return ((wants & WANT_FROM) && word_is(w, "from")) || ((wants & WANT_BY) && word_is(w, "by")) ||
           ((wants & WANT_UNTIL) && (word_is(w, "until") || word_is(w, "till")));
}

/* "-3x", "0x", "1000x": meant as instalments, and none that anybody could pay; never part of a name. */
static bool count_absurd(const struct word *w)
{
    const char *p = w->text.p;
    size_t n = w->text.n, digits = 0;
    bool minus = n > 0 && *p == '-';
    while (minus + digits < n && isdigit((unsigned char)p[minus + digits]))
        digits++;
    return !w->quoted && digits > 0 && minus + digits + 1 == n && (p[n - 1] == 'x' || p[n - 1] == 'X') &&
           count_marked(w->text) == 0;
}

/* Instalments: the last "3x", "3 x" or "3 instalments" anywhere behind the first word; else a bare number that
 * stands right before the date or at the end, where no date can be meant. */
static int take_count(struct words *all, unsigned wants)
{
    size_t bare = 0, clause = all->n;
    for (size_t i = all->n; i-- > 0;)
        if (word_is_clause(all, i, wants))
            clause = i;
    for (size_t i = all->n; i-- > 0;) {
        struct word *w = &all->list[i];
        if (w->quoted)
            continue;
        int marked = count_marked(w->text);
        int plain = digits_value(w->text.p, w->text.n);
        if (plain && i + 1 < all->n && word_counts(&all->list[i + 1])) {
            all->list[i + 1].used = w->used = true;
            return plain;
        }
        if (marked) {
            w->used = true;
            return marked;
        }
        if (plain && i > 0 && i + 1 == clause)
            bare = i;
    }
    if (!bare)
        return 0;
    all->list[bare].used = true;
    return digits_value(all->list[bare].text.p, all->list[bare].text.n);
}

static int join(char *out, size_t size, struct words *all, size_t from, size_t to, struct err *e)
{
    size_t n = 0;
    out[0] = '\0';
    for (size_t i = from; i < to; i++) {
        struct word *w = &all->list[i];
        if (w->used)
            continue;
        if (n + (n > 0) + w->text.n + 1 > size)
            return err_set(e, ERR_LIMIT, "\"%.40s...\" is too long for a name or a date.", out[0] ? out : w->text.p);
        if (n > 0)
            out[n++] = ' ';
        memcpy(out + n, w->text.p, w->text.n);
        n += w->text.n;
        out[n] = '\0';
        w->used = true;
    }
    return 0;
}

/* The date clause runs from its keyword to the end. The last keyword counts: "Ride by Night by Friday". */
static int take_date(struct order *o, struct words *all, unsigned wants, struct err *e)
{
    for (size_t i = all->n; i-- > 0;) {
        struct word *w = &all->list[i];
        if (!word_is_clause(all, i, wants) || (i == 0 && all->n > 1))
            continue;
        bool span = word_is(w, "for");
        char value[PARSE_NAME];
        w->used = true;
        int rc = join(value, sizeof value - 4, all, i + 1, all->n, e);
        if (rc)
            return rc;
        if (!value[0])
            return err_set(e, ERR_INVALID,
                           "When? After \"%.*s\" I need a day, for example 2027-01-05, friday or in 7 days.",
                           (int)w->text.n, w->text.p);
        size_t lead = span && isdigit((unsigned char)value[0]) ? 3 : 0;
        memcpy(o->date, "in ", lead);
        str_copy(o->date + lead, sizeof o->date - lead, value);
        all->n = i;
        return 0;
    }
    return 0;
}

/* Does it look like money? A digit, a sign or a currency symbol in front; money_parse has the last word. */
static bool word_is_amount(const struct word *w)
{
    static const char *const marks[] = {"$", "\xE2\x82\xAC", "\xC2\xA3", "\xC2\xA5", "-$", "-\xE2\x82\xAC"};
    if (w->quoted || w->used || w->text.n == 0)
        return false;
    const char *p = w->text.p;
    for (size_t i = 0; i < DW_ARRAY_LEN(marks); i++)
        if (w->text.n > strlen(marks[i]) && strncmp(p, marks[i], strlen(marks[i])) == 0)
            return true;
    return isdigit((unsigned char)p[0]) ||
           ((p[0] == '-' || p[0] == '+') && w->text.n > 1 && isdigit((unsigned char)p[1]));
}

static bool word_is_currency(const struct word *w)
{
    char code[4] = "";
    if (w->quoted || w->used || w->text.n != 3)
        return false;
    for (size_t i = 0; i < 3; i++)
        code[i] = (char)toupper((unsigned char)w->text.p[i]);
    return money_exponent(code) >= 0;
}

/* The last word, or the last two with a currency in front or behind; never the first word, which is the account. */
static int take_amount(struct order *o, struct words *all, struct err *e)
{
    size_t n = all->n;
    size_t first = n;
    if (n >= 2 && word_is_amount(&all->list[n - 1]))
        first = n >= 3 && word_is_currency(&all->list[n - 2]) ? n - 2 : n - 1;
    else if (n >= 3 && word_is_currency(&all->list[n - 1]) && word_is_amount(&all->list[n - 2]))
        first = n - 2;
    if (first == n)
        return 0;
    int rc = join(o->amount, sizeof o->amount, all, first, n, e);
    all->n = first;
    return rc;
}

/* "invoice INV-1", the last such pair behind the first word; what an account is called may hold the word as well. */
static int take_invoice(struct order *o, struct words *all, struct err *e)
{
    for (size_t i = all->n; i-- > 1;)
        if (word_is(&all->list[i], "invoice") && i + 2 == all->n) {
            int rc = join(o->invoice, sizeof o->invoice, all, i + 1, i + 2, e);
            all->n = i;
            return rc;
        }
    return 0;
}

static int take_account(struct order *o, struct words *all, struct err *e)
{
    if (all->n > 0 && all->list[0].quoted) {
        for (size_t i = 1; i < all->n; i++)
            if (!all->list[i].used)
                return err_set(e, ERR_INVALID,
                               "I do not understand \"%.*s\" here. Type help to see how this command goes.",
                               (int)(all->list[i].text.n > 60 ? 60 : all->list[i].text.n), all->list[i].text.p);
    }
    return join(o->account, sizeof o->account, all, 0, all->n, e);
}

int parse_order(struct order *out, const char *args, unsigned wants, struct err *e)
{
    struct words all;
    *out = (struct order){.why = ""};
    int rc = words_split(&all, &out->why, args, wants, e);
    if (rc)
        return rc;
    if (wants & WANT_COUNT)
        out->count = take_count(&all, wants);
    for (size_t i = 1; (wants & WANT_COUNT) && i < all.n; i++)
        if (count_absurd(&all.list[i]))
            return err_set(e, ERR_INVALID, "Instalments are written 2x, 3x and so on, at most 120x.");
    rc = take_date(out, &all, wants, e);
    if (!rc && (wants & WANT_INVOICE))
        rc = take_invoice(out, &all, e);
    if (!rc && (wants & WANT_AMOUNT))
        rc = take_amount(out, &all, e);
    if (!rc)
        rc = take_account(out, &all, e);
    if (rc)
        return rc;
    str_copy(out->subject, sizeof out->subject, out->account);
    size_t n = strlen(out->subject);
    if (out->amount[0] && n + strlen(out->amount) + 2 <= sizeof out->subject) {
        out->subject[n] = ' ';
        str_copy(out->subject + n + 1, sizeof out->subject - n - 1, out->amount);
    }
    return 0;
}

/* Copies a reference in the form id_number reads: no leading '#', a plain dash. False when it is too long to be
 * one. */
static bool ref_plain(char out[32], struct span word)
{
    size_t n = 0;
    for (size_t i = 0; i < word.n;) {
        size_t dash = dash_length(word.p + i);
        if (n == 31)
            return false;
        if (!(i == 0 && word.p[0] == '#'))
            out[n++] = dash ? '-' : word.p[i];
        i += dash ? dash : 1;
    }
    while (n > 0 && strchr(".,:;!?", out[n - 1]))
        n--;
    out[n] = '\0';
    return n > 0;
}

int64_t parse_ref(struct span word, char letter)
{
    char plain[32];
    return ref_plain(plain, word) ? id_number(plain, letter) : 0;
}

int64_t parse_any_ref(struct span word, const char *letters, char *letter)
{
    char plain[32];
    if (!ref_plain(plain, word) || !isalpha((unsigned char)plain[0]))
        return 0;
    char upper = (char)toupper((unsigned char)plain[0]);
    if (!strchr(letters, upper))
        return 0;
    *letter = upper;
    return id_number(plain, upper);
}

int64_t parse_revision(char *ref, size_t size, const char *value)
{
    const char *at = value ? strchr(value, '@') : NULL;
    size_t n = at ? (size_t)(at - value) : value ? strlen(value) : 0;
    char copy[32];
    str_copy(copy, n + 1 < sizeof copy ? n + 1 : sizeof copy, value ? value : "");
    str_copy(ref, size, copy);
    int64_t revision = 0;
    for (const char *p = at ? at + 1 : ""; isdigit((unsigned char)*p) && p - at < 16; p++)
        revision = revision * 10 + (*p - '0');
    return revision;
}
