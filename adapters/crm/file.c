/* The account book from a file: accounts.csv, as a CRM or a spreadsheet exports it. The simplest CRM driver there
 * is, and the one that every other can be replaced by.
 *
 * A row is used whole or left out: half an account - a value without its currency, a sentiment of 40 - would lead
 * to a decision on something nobody said. Each row that is left out is a problem with its line and what to write
 * instead; the others are loaded. The file is foreign text: bounded, UTF-8, control characters turned into blanks. */
#include "adapters/crm/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapters/adapter.h"
#include "adapters/crm/csv.h"
#include "engine/when.h"

enum {
    FILE_MAX_BYTES = 256 << 20,
    FIELD_MAX = 4096,
    COLUMN_NAME_MAX = 64,
    KEY_MAX = 64,
    ID_MAX = 120,
    PROBLEMS_SHOWN = 200,
    BROKEN_MAX = 1000,
};

enum column {
    COL_ACCOUNT,
    COL_NAME,
    COL_TIER,
    COL_ANNUAL_VALUE,
    COL_CURRENCY,
    COL_RENEWAL,
    COL_REGION,
    COL_PLAN,
    COL_AE,
    COL_BILLING,
    COL_BILLING_ID,
    COL_EMAIL,
    COL_TIMEZONE,
    COL_LANGUAGE,
    COL_SENTIMENT,
    COL_OPEN_TICKETS,
    COL_TOP_PRIORITY,
    COL_CSAT,
    COL_COUNT
};
static const char *const column_names[COL_COUNT] = {
    "account",  "name",     "tier",      "annual_value", "currency",     "renewal",
    "region",   "plan",     "ae",        "billing",      "billing_id",   "email",
    "timezone", "language", "sentiment", "open_tickets", "top_priority", "csat"};

struct loading {
    struct csv csv;
    struct book *book;
    struct problems *p;
    const char *name;
    size_t n_columns, n_problems, n_broken;
    char headings[CSV_FIELDS_MAX][COLUMN_NAME_MAX + 1]; /* "" for a column that is not used */
    int at[COL_COUNT];                                  /* where a known column stands; -1 when it is not there */
};

/* Says it, up to a number; always false, so a check can end with it. */
static bool complain(struct loading *l, int line, const char *text)
{
    if (l->n_problems++ < PROBLEMS_SHOWN)
        problems_add(l->p, l->name, line, "%s", text);
    return false;
}

static bool bad_row(struct loading *l, const char *column, const char *sentence)
{
    AUTO_STR text = str_fmt("%s %s", column, sentence);
    return complain(l, l->csv.record_line, text);
}

/* --- text --- */

/* Blanks for control characters, none at the ends. In place; returns the start. */
static char *clean(char *text)
{
    for (char *p = text; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = ' ';
    while (*text == ' ')
        text++;
    size_t n = strlen(text);
    while (n > 0 && text[n - 1] == ' ')
        text[--n] = '\0';
    return text;
}

/* Whether jansson takes it as a string: valid UTF-8. */
static bool is_utf8(const char *text)
{
    AUTO_JSON v = json_string(text);
    return v != NULL;
}

static bool made_of(const char *text, const char *more)
{
    for (; *text; text++) {
        bool plain =
            (*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z') || (*text >= '0' && *text <= '9');
        if (!plain && !strchr(more, *text))
            return false;
    }
    return true;
}

/* A field of the present record, cleaned; "" when the column is not there. */
static const char *field(const struct loading *l, enum column c)
{
    return l->at[c] < 0 ? "" : l->csv.fields[l->at[c]];
}

/* --- the first row --- */

/* "Annual Value " -> "annual_value"; what is no letter or digit becomes one underscore. */
static void heading_name(char out[COLUMN_NAME_MAX + 1], const char *text)
{
    size_t n = 0;
    for (; *text && n < COLUMN_NAME_MAX; text++) {
        char c = *text >= 'A' && *text <= 'Z' ? (char)(*text - 'A' + 'a') : *text;
        bool solid = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (solid)
            out[n++] = c;
        else if (n > 0 && out[n - 1] != '_')
            out[n++] = '_';
    }
    while (n > 0 && out[n - 1] == '_')
        n--;
    out[n] = '\0';
}

static bool heading_taken(const struct loading *l, size_t before, const char *name)
{
    for (size_t i = 0; i < before; i++)
        if (str_eq(l->headings[i], name))
            return true;
    return false;
}

static void read_heading(struct loading *l, size_t i, const char *text)
{
    char name[COLUMN_NAME_MAX + 1];
    heading_name(name, text);
    l->headings[i][0] = '\0';
    if (!name[0] || heading_taken(l, i, name)) {
        AUTO_STR why = name[0] ? str_fmt("column \"%s\" is there twice; the second one is not used", name)
                               : str_fmt("column %zu has no name of a-z and 0-9; it is not used", i + 1);
        complain(l, l->csv.record_line, why);
        return;
    }
    str_copy(l->headings[i], sizeof(l->headings[i]), name);
    for (int c = 0; c < COL_COUNT; c++)
        if (str_eq(column_names[c], name))
            l->at[c] = (int)i;
}

static bool read_headings(struct loading *l)
{
    const char *problem = NULL;
    for (int c = 0; c < COL_COUNT; c++)
        l->at[c] = -1;
    enum csv_result got = csv_next(&l->csv, &problem);
    if (got != CSV_RECORD)
        return complain(l, l->csv.record_line,
                        got == CSV_BAD ? problem : "the file is empty; the first row names the columns");
    l->n_columns = l->csv.n;
    for (size_t i = 0; i < l->n_columns; i++)
        read_heading(l, i, l->csv.fields[i]);
    if (l->at[COL_ACCOUNT] >= 0 && l->at[COL_BILLING] >= 0 && l->at[COL_BILLING_ID] >= 0)
        return true;
    if (l->n_columns == 1 && strpbrk(l->csv.fields[0], ";\t"))
        return complain(l, l->csv.record_line,
                        "the columns are not separated by commas; save the file as comma-separated UTF-8");
    return complain(l, l->csv.record_line,
                    "the first row must name the columns account, billing and billing_id, and may name: name, tier, "
                    "annual_value, currency, renewal, region, plan, ae, sentiment, open_tickets, top_priority, csat, "
                    "email, timezone, language");
}

/* --- one row --- */

static bool check_names(struct loading *l)
{
    const char *key = field(l, COL_ACCOUNT), *billing = field(l, COL_BILLING), *id = field(l, COL_BILLING_ID);
    const char *ae = field(l, COL_AE);
    if (!key[0])
        return bad_row(l, "account", "is missing");
    if (strlen(key) > KEY_MAX || !made_of(key, "._-"))
        return bad_row(l, "account", "must be up to 64 letters, digits, dots, dashes or underscores");
    if (!billing[0] || !made_of(billing, "_-") || strlen(billing) > KEY_MAX)
        return bad_row(l, "billing", "must name a billing system of dunwell.yaml");
    if (!id[0])
        return bad_row(l, "billing_id", "is missing");
    if (strlen(id) > ID_MAX || !made_of(id, "._-:/@+="))
        return bad_row(l, "billing_id", "must be up to 120 letters, digits or ._-:/@+=");
    if (strlen(ae) > KEY_MAX || !made_of(ae, "._-"))
        return bad_row(l, "ae", "must be a key of people.yaml");
    return true;
}

static bool check_tier(struct loading *l)
{
    const char *tier = field(l, COL_TIER);
    if (!tier[0] || str_eq(tier, "strategic") || str_eq(tier, "standard") || str_eq(tier, "low"))
        return true;
    return bad_row(l, "tier", "must be strategic, standard, low or empty");
}

static bool check_contact(struct loading *l)
{
    const char *email = field(l, COL_EMAIL), *at = strchr(email, '@'), *zone = field(l, COL_TIMEZONE);
    const char *language = field(l, COL_LANGUAGE);
    if (email[0] && (!at || at == email || !at[1] || strchr(at + 1, '@') || strpbrk(email, " <>,;:\"()\\") ||
                     strlen(email) > 254))
        return bad_row(l, "email", "is not an e-mail address");
    if (zone[0] && !when_zone_known(zone))
        return bad_row(l, "timezone", "must be an IANA name such as Europe/Berlin");
    if (strlen(language) > 16 || !made_of(language, "-_"))
        return bad_row(l, "language", "must be a tag such as en or pt-BR");
    return true;
}

/* [-]digits[.digits], and nothing else. */
static bool is_decimal(const char *text, double *value)
{
    const char *p = text + (*text == '-');
    size_t whole = strspn(p, "0123456789"), decimals = p[whole] == '.' ? strspn(p + whole + 1, "0123456789") : 0;
    if (whole == 0 || whole > 12 || decimals > 12 || p[whole + (decimals ? decimals + 1 : 0)] != '\0')
        return false;
    *value = strtod(text, NULL);
    return true;
}

static bool check_numbers(struct loading *l)
{
    static const enum column counts[] = {COL_OPEN_TICKETS, COL_TOP_PRIORITY};
    const char *sentiment = field(l, COL_SENTIMENT), *csat = field(l, COL_CSAT);
    double v = 0;
    if (sentiment[0] && (!is_decimal(sentiment, &v) || v < -1.0 || v > 1.0))
        return bad_row(l, "sentiment", "must be a number from -1 to 1");
    if (csat[0] && (!is_decimal(csat, &v) || v < 0.0))
        return bad_row(l, "csat", "must be a number that is not negative");
    for (size_t i = 0; i < DW_ARRAY_LEN(counts); i++) {
        const char *text = field(l, counts[i]);
        if (strlen(text) > 9 || strspn(text, "0123456789") != strlen(text))
            return bad_row(l, column_names[counts[i]], "must be a whole number");
    }
    return true;
}

/* An annual value needs its currency; without a value there is nothing to know. */
static bool read_value(struct loading *l, struct money *out)
{
    const char *value = field(l, COL_ANNUAL_VALUE), *currency = field(l, COL_CURRENCY);
    struct err e = {0};
    *out = (struct money){0};
    if (currency[0] && money_exponent(money_of(0, currency).currency) < 0)
        return bad_row(l, "currency", "must be an ISO 4217 code such as USD");
    if (!value[0])
        return true;
    if (!currency[0])
        return bad_row(l, "currency", "is missing; an annual_value needs one");
    if (money_parse(out, value, money_of(0, currency).currency, &e) < 0) {
        AUTO_STR text = str_fmt("is not an amount (%s)", e.text);
        return bad_row(l, "annual_value", text);
    }
    return str_eq(out->currency, money_of(0, currency).currency) ||
           bad_row(l, "annual_value", "is not in the row's currency");
}

static bool read_renewal(struct loading *l, int64_t *out)
{
    const char *text = field(l, COL_RENEWAL);
    *out = 0;
    if (text[0] && when_parse_day(out, text, NULL, NULL) < 0)
        return bad_row(l, "renewal", "must be a day that exists, written 2027-03-12");
    return true;
}

/* Every column that struct account has no field for. */
static json_t *other_columns(const struct loading *l)
{
    json_t *facts = json_object();
    for (size_t i = 0; i < l->n_columns; i++) {
        bool own_field = false;
        for (int c = 0; c < COL_SENTIMENT; c++)
            own_field = own_field || l->at[c] == (int)i;
        if (!own_field && l->headings[i][0] && l->csv.fields[i][0])
            json_object_set_new(facts, l->headings[i], json_string(l->csv.fields[i]));
    }
    return facts;
}

static struct account *make_account(const struct loading *l, struct money value, int64_t renewal_ms)
{
    struct account *a = mem_alloc(sizeof(*a));
    const char *name = field(l, COL_NAME);
    a->key = str_dup(field(l, COL_ACCOUNT));
    a->name = str_dup(name[0] ? name : a->key);
    a->tier = str_dup(field(l, COL_TIER));
    a->value = value;
    a->ae = str_dup(field(l, COL_AE));
    a->billing = str_dup(field(l, COL_BILLING));
    a->billing_id = str_dup(field(l, COL_BILLING_ID));
    a->email = str_dup(field(l, COL_EMAIL));
    a->zone = str_dup(field(l, COL_TIMEZONE));
    a->language = str_dup(field(l, COL_LANGUAGE));
    a->region = str_dup(field(l, COL_REGION));
    a->plan = str_dup(field(l, COL_PLAN));
    a->renewal_ms = renewal_ms;
    a->line = l->csv.record_line;
    a->facts = other_columns(l);
    return a;
}

/* Cleans the fields in place; false for a row that is not made like the first one. */
static bool check_shape(struct loading *l)
{
    if (l->csv.n != l->n_columns) {
        AUTO_STR text =
            str_fmt("the row has %zu fields and the first row %zu", l->csv.n, l->n_columns);
        return complain(l, l->csv.record_line, text);
    }
    for (size_t i = 0; i < l->csv.n; i++) {
        const char *name = l->headings[i][0] ? l->headings[i] : "a field";
        if (strlen(l->csv.fields[i]) > FIELD_MAX)
            return bad_row(l, name, "is longer than 4096 bytes");
        if (!is_utf8(l->csv.fields[i]))
            return bad_row(l, name, "is not UTF-8; save the file as UTF-8");
        l->csv.fields[i] = clean(l->csv.bytes.p + (l->csv.fields[i] - l->csv.bytes.p));
    }
    return true;
}

/* A row that says nothing but where an account is billed too. */
static bool only_links(const struct loading *l)
{
    for (size_t i = 0; i < l->n_columns; i++) {
        bool names = l->at[COL_ACCOUNT] == (int)i || l->at[COL_BILLING] == (int)i || l->at[COL_BILLING_ID] == (int)i;
        if (!names && l->csv.fields[i][0])
            return false;
    }
    return book_by_key(l->book, field(l, COL_ACCOUNT)) != NULL;
}

static void read_row(struct loading *l)
{
    struct money value;
    int64_t renewal_ms;
    struct err e = {0};
    if (!check_shape(l) || !check_names(l) || !check_tier(l) || !check_contact(l) || !check_numbers(l) ||
        !read_value(l, &value) || !read_renewal(l, &renewal_ms))
        return;
    int rc = only_links(l) ? book_link(l->book, field(l, COL_ACCOUNT), field(l, COL_BILLING), field(l, COL_BILLING_ID), l->csv.record_line, &e)
                           : book_add(l->book, make_account(l, value, renewal_ms), &e);
    if (rc < 0)
        complain(l, l->csv.record_line, e.text);
}

static void read_rows(struct loading *l)
{
    const char *problem = NULL;
    for (;;) {
        enum csv_result got = csv_next(&l->csv, &problem);
        if (got == CSV_END)
            return;
        if (got == CSV_RECORD) {
            read_row(l);
            continue;
        }
        complain(l, l->csv.record_line, problem);
        if (++l->n_broken == BROKEN_MAX) {
            problems_add(l->p, l->name, l->csv.line, "too many broken rows; the rest of the file is not read");
            return;
        }
    }
}

struct book *accounts_parse(struct span text, const char *name, int64_t now_ms, struct problems *p)
{
    struct loading *l = mem_alloc(sizeof(*l));
    l->p = p;
    l->name = name;
    l->book = book_new(name, now_ms);
    csv_init(&l->csv, text);
    if (text.n >= 2 && (memcmp(text.p, "\xff\xfe", 2) == 0 || memcmp(text.p, "\xfe\xff", 2) == 0))
        complain(l, 1, "the file is UTF-16; save it as UTF-8");
    else if (read_headings(l))
        read_rows(l);
    if (l->n_problems > PROBLEMS_SHOWN)
        problems_add(p, name, 0, "and %zu more problems like these", l->n_problems - PROBLEMS_SHOWN);
    struct book *book = l->book;
    csv_fini(&l->csv);
    free(l);
    if (book_count(book) == 0) {
        problems_add(p, name, 0, "no account could be read from this file");
        book_free(book);
        return NULL;
    }
    book_seal(book);
    return book;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* Only a file is opened: a pipe would hold up the thread that reads the book, and the end of the process with it. */
static FILE *open_file(const char *path, const char **why)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    bool is_file = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    FILE *f = is_file ? fdopen(fd, "rb") : NULL;
    *why = fd < 0 ? strerrordesc_np(errno) : "this is not a file";
    if (fd >= 0 && !f)
        close(fd);
    return f;
}

/* The whole file; false with a problem. */
static bool read_file(const char *path, struct buf *out, struct problems *p)
{
    char piece[65536];
    size_t n;
    const char *why;
    FILE *f = open_file(path, &why);
    if (!f) {
        problems_add(p, path, 0, "the account book cannot be opened: %s", why);
        return false;
    }
    while ((n = fread(piece, 1, sizeof(piece), f)) > 0 && !out->over)
        buf_add(out, piece, n);
    bool broken = ferror(f) != 0;
    fclose(f);
    if (broken || out->over)
        problems_add(p, path, 0,
                     broken ? "the account book cannot be read: input or output error"
                            : "the account book is larger than 256 MiB");
    return !broken && !out->over;
}

struct book *accounts_file_load(const char *path, int64_t now_ms, struct problems *p)
{
    AUTO_BUF text = BUF(FILE_MAX_BYTES);
    if (!read_file(path, &text, p))
        return NULL;
    return accounts_parse((struct span){.p = buf_text(&text), .n = text.n}, base_name(path), now_ms, p);
}
