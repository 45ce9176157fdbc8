/* The people file as a whole, and what others ask of it: who is it, which roles, which group, at work now.
 *
 * A right is never derived from a display name, and from an e-mail address only where the file says so. A person is found by an id that the chat
 * platform itself vouches for, or at the console, where there is no platform, by the key. `dunwell run` does not start with a
 * file that has any problem. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "engine/people_parts.h"
#include "engine/when.h"

enum { PEOPLE_MAX = 10000 };

static const struct {
    const char *name;
    unsigned role;
} roles_all[] = {
    {"ae", ROLE_AE},           {"collector", ROLE_COLLECTOR}, {"manager", ROLE_MANAGER},
    {"finance", ROLE_FINANCE}, {"operator", ROLE_OPERATOR},
};

unsigned role_of(const char *word)
{
    for (size_t i = 0; i < DW_ARRAY_LEN(roles_all); i++)
        if (str_eq(word, roles_all[i].name))
            return roles_all[i].role;
    return 0;
}

struct people *people_parse(const struct doc *d, struct problems *p)
{
    static const char *const top[] = {"people", "groups", "match_by_email", NULL};
    const json_t *root = doc_root(d), *map = json_object_get(root, "people");
    if (!json_is_object(map) || json_object_size(map) == 0 || json_object_size(map) > PEOPLE_MAX) {
        problems_add(p, doc_name(d), doc_line(d, root, "people"),
                     "there are no people here; write people: {ae1: {name: .., roles: [ae]}, ...}");
        return NULL;
    }
    doc_known_keys(d, root, "", top, p);
    struct people *all = mem_alloc(sizeof(*all));
    all->rows = mem_alloc(json_object_size(map) * sizeof(*all->rows));
    const json_t *match = json_object_get(root, "match_by_email");
    all->match_by_email = json_is_true(match);
    if (match && !json_is_boolean(match))
        problems_add(p, doc_name(d), doc_line(d, root, "match_by_email"), "match_by_email must be true or false");
    json_t *walk = json_object_get(root, "people");
    for (void *it = json_object_iter(walk); it; it = json_object_iter_next(walk, it))
        people_read_one(d, map, json_object_iter_key(it), all, p);
    people_read_groups(d, root, all, p);
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
        json_decref(who->regions);
        json_decref(who->accounts);
    }
    json_decref(all->groups);
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

bool people_match_by_email(const struct people *all)
{
    return all->match_by_email;
}

const struct person *people_by_email(const struct people *all, const char *platform, const char *email)
{
    const struct person *found = NULL;
    if (!all->match_by_email || !email || !email[0])
        return NULL;
    for (size_t i = 0; i < all->n; i++) {
        if (strcasecmp(all->rows[i].email, email) != 0)
            continue;
        if (found)
            return NULL; /* an address that two share is nobody's */
        found = &all->rows[i];
    }
    return found && !person_chat_id(found, platform) ? found : NULL; /* the id that the file names is who they are there */
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

static bool list_has(const json_t *list, const char *text)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (strcasecmp(json_string_value(json_array_get(list, i)), text) == 0)
            return true;
    return false;
}

bool person_covers(const struct person *p, const char *region, const char *account)
{
    bool everywhere = json_array_size(p->regions) == 0 && json_array_size(p->accounts) == 0;
    return everywhere || list_has(p->regions, region) || list_has(p->accounts, account);
}

bool person_at_work(const struct person *p, int64_t now_ms)
{
    if (p->hours.days == 0)
        return true;
    struct civil c = when_civil(now_ms, p->zone);
    int minute = c.hour * 60 + c.minute;
    return (p->hours.days & (1u << c.weekday)) && minute >= p->hours.from && minute < p->hours.to;
}

bool people_in_group(const struct people *all, const char *group, const char *key)
{
    return list_has(json_object_get(all->groups, group), key);
}

bool people_group_known(const struct people *all, const char *group)
{
    return json_object_get(all->groups, group) != NULL;
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
