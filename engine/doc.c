/* Configuration files: YAML for the people who write it, jansson values for the code, and a line for every
 * complaint.
 *
 * libfyaml parses; its tree is walked once into JSON and thrown away. Only what configuration needs is taken over:
 * mappings with text keys, sequences and scalars. Aliases, tags and several documents in one file are refused with
 * a plain sentence: they make a file that reads differently from what it means (and a small file that becomes a
 * large tree). A plain scalar is a number only if it is one in JSON, so that 007 and 1_000 stay the text they were
 * typed as.
 *
 * Lines are remembered by place (parent and key, or parent and index), because jansson shares its true, false
 * and null. */
#include "engine/doc.h"

#include <errno.h>
#include <libfyaml.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "engine/buf.h"

enum { DOC_MAX_BYTES = 1 << 20, NAME_MAX_LENGTH = 64 };

struct place {
    const json_t *parent;
    const char *key; /* borrowed from the object; NULL for an element of an array */
    size_t index;
    int line;
};

struct doc {
    char *name;
    json_t *root;
    struct place *places; /* sorted once the document is read */
    size_t n, cap;
    int line; /* the last one seen: an empty mapping has no token of its own */
};

/* --- lines
 * -------------------------------------------------------------------------------------------------------- */

static int place_order(const void *va, const void *vb)
{
    const struct place *a = va, *b = vb;
    if (a->parent != b->parent)
        return (uintptr_t)a->parent < (uintptr_t)b->parent ? -1 : 1;
    if (!a->key || !b->key)
        return a->index < b->index ? -1 : a->index > b->index;
    return strcmp(a->key, b->key);
}

static void place_note(struct doc *d, struct place at)
{
    if (d->n == d->cap) {
        d->cap = d->cap ? 2 * d->cap : 32;
        d->places = mem_grow(d->places, d->cap * sizeof(*d->places));
    }
    d->places[d->n++] = at;
}

static int place_line(const struct doc *d, const struct place *wanted)
{
    const struct place *found = d->n ? bsearch(wanted, d->places, d->n, sizeof(*wanted), place_order) : NULL;
    return found ? found->line : 0;
}

int doc_line(const struct doc *d, const json_t *parent, const char *key)
{
    return json_is_object(parent) && key ? place_line(d, &(struct place){.parent = parent, .key = key}) : 0;
}

int doc_item_line(const struct doc *d, const json_t *array, size_t index)
{
    return json_is_array(array) ? place_line(d, &(struct place){.parent = array, .index = index}) : 0;
}

/* --- from libfyaml's tree
 * ----------------------------------------------------------------------------------------- */

static int node_to_json(struct doc *d, struct fy_node *node, int depth, json_t **out, struct err *e);

static int refuse(const struct doc *d, int code, const char *what, struct err *e)
{
    return err_set(e, code, "%s:%d: %s", d->name, d->line, what);
}

static void see_token(struct doc *d, struct fy_token *token)
{
    const struct fy_mark *mark = token ? fy_token_start_mark(token) : NULL;
    if (mark)
        d->line = mark->line + 1;
}

/* A plain scalar: null, a truth value, a number as JSON writes it, else text. */
static json_t *plain_value(const char *text, size_t n)
{
    struct span s = {.p = text, .n = n};
    if (n == 0 || span_is(s, "~") || span_is(s, "null") || span_is(s, "Null") || span_is(s, "NULL"))
        return json_null();
    if (span_is(s, "true") || span_is(s, "True") || span_is(s, "TRUE"))
        return json_true();
    if (span_is(s, "false") || span_is(s, "False") || span_is(s, "FALSE"))
        return json_false();
    json_t *number =
        *text == '-' || (*text >= '0' && *text <= '9') ? json_loadb(text, n, JSON_DECODE_ANY, NULL) : NULL;
    return number ? number : json_stringn(text, n);
}

static int scalar_to_json(struct doc *d, struct fy_node *node, json_t **out, struct err *e)
{
    size_t n = 0;
    const char *text = fy_node_get_scalar(node, &n);
    bool plain = fy_node_get_style(node) == FYNS_PLAIN || fy_node_get_style(node) == FYNS_ANY;
    text = text ? text : "";
    *out = plain ? plain_value(text, n) : json_stringn(text, n);
    if (!*out || (json_is_string(*out) && strlen(json_string_value(*out)) != n)) {
        json_decref(*out);
        *out = NULL;
        return refuse(d, ERR_INVALID, "this text is not valid UTF-8, or holds a NUL", e);
    }
    return 0;
}

/* The key's text, borrowed from the tree for now. */
static int key_text(struct doc *d, struct fy_node *key, struct span *out, struct err *e)
{
    if (!key || !fy_node_is_scalar(key) || fy_node_is_alias(key) || fy_node_get_tag_token(key))
        return refuse(d, ERR_INVALID, "a key must be plain text", e);
    see_token(d, fy_node_get_scalar_token(key));
    out->p = fy_node_get_scalar(key, &out->n);
    if (!out->p || out->n == 0)
        return refuse(d, ERR_INVALID, "a key is empty", e);
    if (memchr(out->p, '\0', out->n))
        return refuse(d, ERR_INVALID, "a key holds a NUL", e);
    return 0;
}

static int pair_to_json(struct doc *d, struct fy_node_pair *pair, int depth, json_t *object, struct err *e)
{
    struct span key = {0};
    json_t *value = NULL;
    int rc = key_text(d, fy_node_pair_key(pair), &key, e);
    if (rc != 0)
        return rc;
    int line = d->line;
    AUTO_STR name = str_ndup(key.p, key.n);
    if (json_object_get(object, name))
        return err_set(e, ERR_INVALID, "%s:%d: the key \"%.60s\" stands there twice", d->name, d->line, name);
    if ((rc = node_to_json(d, fy_node_pair_value(pair), depth, &value, e)) != 0)
        return rc;
    if (json_object_set_new(object, name, value) != 0) {
        d->line = line;
        return refuse(d, ERR_INVALID, "this key is not valid UTF-8", e);
    }
    const char *kept = json_object_iter_key(json_object_iter_at(object, name));
    place_note(d, (struct place){.parent = object, .key = kept, .line = line});
    return 0;
}

static int mapping_to_json(struct doc *d, struct fy_node *node, int depth, json_t **out, struct err *e)
{
    json_auto_t *object = json_object();
    void *at = NULL;
    struct fy_node_pair *pair;
    while ((pair = fy_node_mapping_iterate(node, &at)) != NULL) {
        int rc = pair_to_json(d, pair, depth, object, e);
        if (rc != 0)
            return rc;
    }
    *out = STEAL(object);
    return 0;
}

/* The line on which a node begins: that of its first scalar. */
static void see_start(struct doc *d, struct fy_node *node)
{
    for (int i = 0; node && i < JSON_MAX_DEPTH; i++) {
        void *at = NULL;
        if (fy_node_is_scalar(node)) {
            see_token(d, fy_node_get_scalar_token(node));
            return;
        }
        if (fy_node_is_mapping(node)) {
            struct fy_node_pair *pair = fy_node_mapping_iterate(node, &at);
            node = pair ? fy_node_pair_key(pair) : NULL;
        } else {
            node = fy_node_sequence_iterate(node, &at);
        }
    }
}

static int sequence_to_json(struct doc *d, struct fy_node *node, int depth, json_t **out, struct err *e)
{
    json_auto_t *array = json_array();
    void *at = NULL;
    struct fy_node *item;
    while ((item = fy_node_sequence_iterate(node, &at)) != NULL) {
        json_t *value = NULL;
        see_start(d, item);
        int line = d->line, rc = node_to_json(d, item, depth, &value, e);
        if (rc != 0)
            return rc;
        place_note(d, (struct place){.parent = array, .index = json_array_size(array), .line = line});
        json_array_append_new(array, value);
    }
    *out = STEAL(array);
    return 0;
}

static int node_to_json(struct doc *d, struct fy_node *node, int depth, json_t **out, struct err *e)
{
    if (!node) {
        *out = json_null();
        return 0;
    }
    if (fy_node_is_scalar(node))
        see_token(d, fy_node_get_scalar_token(node));
    if (fy_node_is_alias(node))
        return refuse(d, ERR_INVALID, "aliases (*name) are not read here, write the value out", e);
    if (fy_node_get_tag_token(node))
        return refuse(d, ERR_INVALID, "tags (!name) are not read here", e);
    if (fy_node_is_scalar(node))
        return scalar_to_json(d, node, out, e);
    if (depth == JSON_MAX_DEPTH)
        return refuse(d, ERR_LIMIT, "this is nested too deep", e);
    return fy_node_is_mapping(node) ? mapping_to_json(d, node, depth + 1, out, e)
                                    : sequence_to_json(d, node, depth + 1, out, e);
}

/* --- parsing
 * ------------------------------------------------------------------------------------------------------ */

static int parse_failed(const struct doc *d, struct fy_diag *diag, struct err *e)
{
    void *at = NULL;
    const struct fy_diag_error *why = fy_diag_errors_iterate(diag, &at);
    if (!why || !why->msg)
        return err_set(e, ERR_INVALID, "%s: not YAML", d->name);
    return err_set(e, ERR_INVALID, "%s:%d: not YAML: %s", d->name, why->line, why->msg);
}

static int parse_stream(struct doc *d, struct fy_parser *parser, struct fy_diag *diag, struct err *e)
{
    struct fy_document *first = fy_parse_load_document(parser);
    if (!first && fy_parser_get_stream_error(parser))
        return parse_failed(d, diag, e);
    int rc = first ? node_to_json(d, fy_document_root(first), 0, &d->root, e) : 0;
    fy_parse_document_destroy(parser, first);
    if (rc != 0)
        return rc;
    struct fy_document *second = fy_parse_load_document(parser);
    fy_parse_document_destroy(parser, second);
    if (second)
        return refuse(d, ERR_INVALID, "a second document follows (after ---); one file holds one", e);
    return fy_parser_get_stream_error(parser) ? parse_failed(d, diag, e) : 0;
}

static int check_text(const struct doc *d, struct span text, struct err *e)
{
    int line = 1;
    if (text.n > DOC_MAX_BYTES)
        return err_set(e, ERR_LIMIT, "%s: larger than 1 MiB", d->name);
    for (size_t i = 0; i < text.n;) {
        size_t n = utf8_length(text.p + i, text.n - i);
        unsigned char c = (unsigned char)text.p[i];
        line += c == '\n';
        if (n == 0 || (c < 0x20 && c != '\n' && c != '\t' && c != '\r') || c == 0x7F)
            return err_set(e, ERR_INVALID, "%s:%d: %s", d->name, line,
                           n ? "a control character stands here" : "this is not UTF-8 text");
        i += n;
    }
    return 0;
}

static int parse_text(struct doc *d, struct span text, struct err *e)
{
    int rc = check_text(d, text, e);
    if (rc != 0)
        return rc;
    struct fy_diag_cfg quiet;
    fy_diag_cfg_default(&quiet);
    quiet.fp = NULL;
    struct fy_diag *diag = fy_diag_create(&quiet);
    if (!diag)
        abort();
    fy_diag_set_collect_errors(diag, true);
    /* Duplicate keys are found by our own hash: libfyaml compares each with each. */
    struct fy_parse_cfg cfg = {.flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG | FYPCF_ALLOW_DUPLICATE_KEYS, .diag = diag};
    struct fy_parser *parser = fy_parser_create(&cfg);
    if (!parser || fy_parser_set_string(parser, text.n ? text.p : "", text.n) != 0)
        rc = err_set(e, ERR_INVALID, "%s: the YAML parser could not be started", d->name);
    else
        rc = parse_stream(d, parser, diag, e);
    fy_parser_destroy(parser);
    fy_diag_destroy(diag);
    return rc;
}

int doc_parse(struct doc **out, struct span text, const char *name, struct err *e)
{
    struct doc *d = mem_alloc(sizeof(*d));
    d->name = str_dup(name);
    d->line = 1;
    int rc = parse_text(d, text, e);
    if (rc != 0) {
        doc_free(d);
        return rc;
    }
    if (!d->root)
        d->root = json_null();
    if (d->n)
        qsort(d->places, d->n, sizeof(*d->places), place_order);
    *out = d;
    return 0;
}

int doc_load(struct doc **out, const char *path, struct err *e)
{
    AUTO_BUF text = BUF(DOC_MAX_BYTES + 1);
    FILE *f = fopen(path, "rbe");
    if (!f)
        return err_set(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s: %s", path, strerrordesc_np(errno));
    char part[4096];
    size_t n;
    while ((n = fread(part, 1, sizeof(part), f)) > 0 && !text.over)
        buf_add(&text, part, n);
    int failed = ferror(f) ? errno : 0;
    fclose(f);
    if (failed)
        return err_set(e, ERR_IO, "%s: %s", path, strerrordesc_np(failed));
    if (text.over)
        return err_set(e, ERR_LIMIT, "%s: larger than 1 MiB", path);
    return doc_parse(out, (struct span){.p = buf_text(&text), .n = text.n}, path, e);
}

void doc_free(struct doc *d)
{
    if (!d)
        return;
    json_decref(d->root);
    free(d->places);
    free(d->name);
    free(d);
}

const json_t *doc_root(const struct doc *d)
{
    return d->root;
}

const char *doc_name(const struct doc *d)
{
    return d->name;
}

/* --- problems
 * ----------------------------------------------------------------------------------------------------- */

void problems_add(struct problems *p, const char *file, int line, const char *fmt, ...)
{
    char text[1024];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    p->lines = mem_grow(p->lines, (p->n + 1) * sizeof(*p->lines));
    const char *said = n < 0 ? "" : text;
    if (file && line > 0)
        p->lines[p->n++] = str_fmt("%s:%d: %s", file, line, said);
    else
        p->lines[p->n++] = file ? str_fmt("%s: %s", file, said) : str_dup(said);
    /* The lines end on a terminal, and an escaped control character of the file may have come along. */
    for (char *c = p->lines[p->n - 1]; *c; c++)
        *c = (unsigned char)*c < 0x20 || *c == 0x7F ? '?' : *c;
}

void problems_free(struct problems *p)
{
    for (size_t i = 0; i < p->n; i++)
        free(p->lines[i]);
    free(p->lines);
    *p = (struct problems){.lines = NULL};
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

/* How many letters must be added, dropped, changed or swapped with their neighbour to make one name of the other. */
static int distance(const char *a, const char *b)
{
    int rows[3][NAME_MAX_LENGTH + 1];
    size_t n = strlen(b), m = strlen(a);
    if (n > NAME_MAX_LENGTH || m > NAME_MAX_LENGTH)
        return NAME_MAX_LENGTH;
    for (size_t i = 0; i <= m; i++) {
        int *row = rows[i % 3], *above = rows[(i + 2) % 3], *higher = rows[(i + 1) % 3];
        for (size_t j = 0; j <= n; j++) {
            if (i == 0 || j == 0) {
                row[j] = (int)(i + j);
                continue;
            }
            row[j] = least(above[j - 1] + (a[i - 1] != b[j - 1]), 1 + least(above[j], row[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = least(row[j], higher[j - 2] + 1);
        }
    }
    return rows[m % 3][n];
}

static const char *nearest(const char *key, const char *const *known)
{
    const char *best = NULL;
    int most = strlen(key) < 4 ? 1 : (int)strlen(key) / 3, found = most + 1;
    for (size_t i = 0; known[i]; i++) {
        int away = distance(key, known[i]);
        if (away < found) {
            found = away;
            best = known[i];
        }
    }
    return best;
}

void doc_known_keys(const struct doc *d, const json_t *object, const char *where, const char *const *known,
                    struct problems *p)
{
    AUTO_BUF list = BUF(400);
    for (size_t i = 0; known[i]; i++)
        buf_addf(&list, "%s%s", i ? ", " : "", known[i]);
    json_t *all = json_at(object, ""); /* jansson's iteration takes no const, and changes nothing */
    for (void *it = json_object_iter(all); it; it = json_object_iter_next(all, it)) {
        const char *key = json_object_iter_key(it), *in = where && where[0] ? " in " : "";
        bool found = false;
        for (size_t i = 0; known[i] && !found; i++)
            found = strcmp(known[i], key) == 0;
        if (found)
            continue;
        char shown[NAME_MAX_LENGTH];
        str_copy(shown, sizeof(shown), key);
        const char *near = nearest(key, known);
        AUTO_STR hint = near ? str_fmt("did you mean \"%s\"?", near) : str_fmt("known here: %s", buf_text(&list));
        problems_add(p, d->name, doc_line(d, object, key), "unknown key \"%s\"%s%s (%s)", shown, in,
                     where ? where : "", hint);
    }
}
