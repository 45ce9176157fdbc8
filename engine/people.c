/* People and their rights. Who may approve money is decided by this file alone, so it is read strictly: an unknown
 * key, a misspelt role or one chat id given to two people is a problem with its line, and a person with a problem
 * is still listed (so `check` reports everything in one go) but `dunwell run` does not start with a file that has
 * any.
 *
 * A right is never derived: not from an e-mail address, not from a display name. A person is found by an id that
 * the chat platform itself vouches for, or at the console, where there is no platform, by the key. */
#include "engine/people.h"

#include <stdio.h>
#include <string.h>

#include "engine/limits.h"
#include "engine/nearest.h"
#include "engine/when.h"

enum { PEOPLE_MAX = 10000, KEY_MAX = 40, CHAT_ID_MAX = 128, NAME_MAX_BYTES = 200 };

struct people {
    struct person *rows;
    size_t n;
};

static const struct {
    const char *name;
    unsigned role;
} roles_all[] = {
    {"ae", ROLE_AE},           {"collector", ROLE_COLLECTOR}, {"manager", ROLE_MANAGER},
    {"finance", ROLE_FINANCE}, {"operator", ROLE_OPERATOR},
};
static const char *const role_words[] = {"ae", "collector", "manager", "finance", "operator", NULL};
static const char *const platforms[] = {"slack", "matrix", "console", NULL};
static const char *const person_keys[] = {"name",  "email", "slack",    "matrix", "console",
                                          "roles", "limit", "timezone", NULL};

/* Where we are in the file. */
struct reader {
    const struct doc *d;
    struct problems *p;
    const json_t *map; /* everybody */
    const json_t *row; /* this person's map */
    const char *key;
};

static bool key_well_formed(const char *key)
{
    size_t n = strlen(key);
    return n > 0 && n <= KEY_MAX && strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789._-") == n;
}

static void complain(const struct reader *r, const char *field, const char *sentence)
{
    problems_add(r->p, doc_name(r->d), doc_line(r->d, r->row, field), "people.%s.%s %s", r->key, field, sentence);
}

/* A text field: a new string, or NULL when it is absent or wrong. */
static char *read_text(const struct reader *r, const char *field, size_t max)
{
    const json_t *v = json_object_get(r->row, field);
    if (!v)
        return NULL;
    if (!json_is_string(v) || json_string_length(v) == 0 || json_string_length(v) > max) {
        complain(r, field, "must be a text that is neither empty nor very long; quote it if it looks like a number");
        return NULL;
    }
    return str_dup(json_string_value(v));
}

static unsigned read_role(const struct reader *r, const char *word)
{
    for (size_t i = 0; i < DW_ARRAY_LEN(roles_all); i++)
        if (str_eq(word, roles_all[i].name))
            return roles_all[i].role;
    const char *near = text_nearest(word, role_words);
    problems_add(r->p, doc_name(r->d), doc_line(r->d, r->row, "roles"),
                 "people.%s.roles: \"%.40s\" is not a role%s%s; roles are ae, collector, manager, finance, operator",
                 r->key, word, near ? "; did you mean " : "", near ? near : "");
    return 0;
}

static unsigned read_roles(const struct reader *r)
{
    const json_t *list = json_object_get(r->row, "roles");
    if (!json_is_array(list) || json_array_size(list) == 0) {
        problems_add(r->p, doc_name(r->d), list ? doc_line(r->d, r->row, "roles") : doc_line(r->d, r->map, r->key),
                     "people.%s has no list of roles; write roles: [ae], or collector, manager, finance, operator",
                     r->key);
        return 0;
    }
    unsigned roles = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *word = json_string_value(json_array_get(list, i));
        roles |= read_role(r, word ? word : "?");
    }
    return roles;
}

static json_t *read_chat(const struct reader *r, const struct people *all)
{
    json_t *chat = json_object();
    for (const char *const *platform = platforms; *platform; platform++) {
        AUTO_STR id = read_text(r, *platform, CHAT_ID_MAX);
        if (!id)
            continue;
        const struct person *other = people_by_chat(all, *platform, id);
        if (other)
            problems_add(r->p, doc_name(r->d), doc_line(r->d, r->row, *platform),
                         "people.%s.%s is already the id of %s; one id belongs to one person", r->key, *platform,
                         other->key);
        else
            json_put(chat, *platform, id);
    }
    return chat;
}

static void read_limits(const struct reader *r, struct person *who)
{
    char where[KEY_MAX + 32];
    snprintf(where, sizeof(where), "people.%.40s.limit", r->key);
    who->n_limits = limits_read(r->d, r->row, "limit", where, &who->limits, r->p);
    if (who->n_limits && !person_has(who, ROLE_MANAGER | ROLE_FINANCE))
        complain(r, "limit", "has no effect: only managers and finance approve; add the role or remove the limit");
}

static void read_person(const struct doc *d, const json_t *map, const char *key, struct people *all,
                        struct problems *p)
{
    struct reader r = {.d = d, .p = p, .map = map, .row = json_object_get(map, key), .key = key};
    if (!key_well_formed(key)) {
        problems_add(p, doc_name(d), doc_line(d, map, key),
                     "\"%.40s\" cannot name a person; use up to 40 of a-z, 0-9, dot, dash and underscore", key);
        return;
    }
    if (!json_is_object(r.row)) {
        problems_add(p, doc_name(d), doc_line(d, map, key), "people.%s must be a map such as {name: .., roles: [ae]}",
                     key);
        return;
    }
    doc_known_keys(d, r.row, "people", person_keys, p);
    struct person who = {.key = str_dup(key)};
    who.name = read_text(&r, "name", NAME_MAX_BYTES);
    who.email = read_text(&r, "email", NAME_MAX_BYTES);
    who.zone = read_text(&r, "timezone", 64);
    who.roles = read_roles(&r);
    who.chat = read_chat(&r, all);
    read_limits(&r, &who);
    if (who.email && (!strchr(who.email, '@') || strpbrk(who.email, " \t\r\n<>,;")))
        complain(&r, "email", "is not an e-mail address");
    if (who.zone && !when_zone_known(who.zone)) {
        complain(&r, "timezone", "is not a time zone; write an IANA name such as Europe/Berlin");
        free(STEAL(who.zone));
    }
    if (!json_object_get(who.chat, "console") && people_by_chat(all, "console", key))
        problems_add(p, doc_name(d), doc_line(d, map, key), "people.%s: somebody else's console id is this key", key);
    who.name = who.name ? who.name : str_dup(key);
    who.email = who.email ? who.email : str_dup("");
    who.zone = who.zone ? who.zone : str_dup("UTC");
    all->rows[all->n++] = who;
}

struct people *people_parse(const struct doc *d, struct problems *p)
{
    static const char *const top[] = {"people", NULL};
    const json_t *root = doc_root(d), *map = json_object_get(root, "people");
    if (!json_is_object(map) || json_object_size(map) == 0 || json_object_size(map) > PEOPLE_MAX) {
        problems_add(p, doc_name(d), doc_line(d, root, "people"),
                     "there are no people here; write people: {ae1: {name: .., roles: [ae]}, ...}");
        return NULL;
    }
    doc_known_keys(d, root, "", top, p);
    struct people *all = mem_alloc(sizeof(*all));
    all->rows = mem_alloc(json_object_size(map) * sizeof(*all->rows));
    json_t *walk = json_object_get(root, "people");
    for (void *it = json_object_iter(walk); it; it = json_object_iter_next(walk, it))
        read_person(d, map, json_object_iter_key(it), all, p);
    return all;
}

struct people *people_load(const char *path, struct problems *p)
{
    struct doc *d;
    struct err e = {0};
    if (doc_load(&d, path, &e) < 0) {
        problems_add(p, NULL, 0, "%s", e.text);
        return NULL;
    }
    struct people *all = people_parse(d, p);
    doc_free(d);
    return all;
}

void people_free(struct people *all)
{
    if (!all)
        return;
    for (size_t i = 0; i < all->n; i++) {
        struct person *who = &all->rows[i];
        free(who->key);
        free(who->name);
        free(who->email);
        free(who->zone);
        free(who->limits);
        json_decref(who->chat);
    }
    free(all->rows);
    free(all);
}

size_t people_count(const struct people *all)
{
    return all->n;
}

const struct person *people_at(const struct people *all, size_t i)
{
    return i < all->n ? &all->rows[i] : NULL;
}

const struct person *people_by_key(const struct people *all, const char *key)
{
    for (size_t i = 0; key && i < all->n; i++)
        if (str_eq(all->rows[i].key, key))
            return &all->rows[i];
    return NULL;
}

const struct person *people_by_chat(const struct people *all, const char *platform, const char *id)
{
    if (!platform || !id || !id[0])
        return NULL;
    for (size_t i = 0; i < all->n; i++) {
        const char *theirs = person_chat_id(&all->rows[i], platform);
        if (theirs && str_eq(theirs, id))
            return &all->rows[i];
    }
    return NULL;
}

const char *person_chat_id(const struct person *p, const char *platform)
{
    const char *id = json_string_value(json_object_get(p->chat, platform));
    return !id && str_eq(platform, "console") ? p->key : id;
}

bool person_has(const struct person *p, unsigned roles)
{
    return (p->roles & roles) != 0;
}

bool person_may_decide(const struct person *p, struct money amount)
{
    if (!person_has(p, ROLE_MANAGER | ROLE_FINANCE) || amount.minor < 0 || !amount.currency[0])
        return false;
    for (size_t i = 0; i < p->n_limits; i++)
        if (str_eq(p->limits[i].currency, amount.currency))
            return amount.minor <= p->limits[i].minor;
    return false;
}

const char *role_names(unsigned roles, char *out, size_t size)
{
    size_t n = 0;
    out[0] = '\0';
    for (size_t i = 0; i < DW_ARRAY_LEN(roles_all) && n < size; i++)
        if (roles & roles_all[i].role) {
            int wrote = snprintf(out + n, size - n, "%s%s", n ? ", " : "", roles_all[i].name);
            n += wrote > 0 ? (size_t)wrote : 0;
        }
    return out;
}

const char *person_name_of(const struct people *all, const char *key)
{
    const struct person *p = people_by_key(all, key);
    return p ? p->name : key;
}
