/* One person of people.yaml. Who may approve money is decided by this file alone, so it is read strictly: an unknown key, a
 * misspelt role or one chat id given to two people is a problem with its line, and a person with a problem is still listed, so
 * that `check` reports everything in one go. */
#include <stdio.h>
#include <string.h>

#include "engine/limits.h"
#include "engine/nearest.h"
#include "engine/people_parts.h"
#include "engine/when.h"

enum { CHAT_ID_MAX = 128, NAME_MAX_BYTES = 200 };

static const char *const role_words[] = {"ae", "collector", "manager", "finance", "operator", NULL};
static const char *const platforms[] = {"slack", "matrix", "console", NULL};
static const char *const person_keys[] = {"name",    "email",   "slack",    "matrix", "console", "roles",       "limit",
                                          "regions", "accounts", "timezone", "hours",  "break_glass", NULL};

bool people_key_well_formed(const char *key)
{
    size_t n = strlen(key);
    return n > 0 && n <= PEOPLE_KEY_MAX && strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789._-") == n;
}

void people_complain(const struct people_reader *r, const char *field, const char *sentence)
{
    problems_add(r->p, doc_name(r->d), doc_line(r->d, r->row, field), "people.%s.%s %s", r->key, field, sentence);
}

/* A text field: a new string, or NULL when it is absent or wrong. */
static char *read_text(const struct people_reader *r, const char *field, size_t max)
{
    const json_t *v = json_object_get(r->row, field);
    if (!v)
        return NULL;
    if (!json_is_string(v) || json_string_length(v) == 0 || json_string_length(v) > max) {
        people_complain(r, field, "must be a text that is neither empty nor very long; quote it if it looks like a number");
        return NULL;
    }
    return str_dup(json_string_value(v));
}

static unsigned read_role(const struct people_reader *r, const char *word)
{
    unsigned role = role_of(word);
    if (role)
        return role;
    const char *near = text_nearest(word, role_words);
    problems_add(r->p, doc_name(r->d), doc_line(r->d, r->row, "roles"),
                 "people.%s.roles: \"%.40s\" is not a role%s%s; roles are ae, collector, manager, finance, operator",
                 r->key, word, near ? "; did you mean " : "", near ? near : "");
    return 0;
}

static unsigned read_roles(const struct people_reader *r)
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

static json_t *read_chat(const struct people_reader *r, const struct people *all)
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

static void read_limits(const struct people_reader *r, struct person *who)
{
    char where[PEOPLE_KEY_MAX + 32];
    snprintf(where, sizeof(where), "people.%.40s.limit", r->key);
    who->n_limits = limits_read(r->d, r->row, "limit", where, &who->limits, r->p);
    if (who->n_limits && !person_has(who, ROLE_MANAGER | ROLE_FINANCE))
        people_complain(r, "limit", "has no effect: only managers and finance approve; add the role or remove the limit");
}

/* Where somebody decides: in these regions and for these accounts, else everywhere. */
static void read_territory(const struct people_reader *r, struct person *who)
{
    who->regions = people_read_list(r, "regions", "[emea]");
    who->accounts = people_read_list(r, "accounts", "[northwind]");
    const char *said = json_array_size(who->regions) ? "regions" : json_array_size(who->accounts) ? "accounts" : NULL;
    if (said && !person_has(who, ROLE_MANAGER | ROLE_FINANCE))
        people_complain(r, said, "has no effect: it says where a manager or finance decides; add the role or remove it");
}

static bool read_flag(const struct people_reader *r, const char *field)
{
    const json_t *v = json_object_get(r->row, field);
    if (v && !json_is_boolean(v))
        people_complain(r, field, "must be true or false");
    return json_is_true(v);
}

void people_read_one(const struct doc *d, const json_t *map, const char *key, struct people *all, struct problems *p)
{
    struct people_reader r = {.d = d, .p = p, .map = map, .row = json_object_get(map, key), .key = key};
    if (!people_key_well_formed(key)) {
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
    read_territory(&r, &who);
    people_read_hours(&r, &who);
    who.break_glass = read_flag(&r, "break_glass");
    if (who.email && (!strchr(who.email, '@') || strpbrk(who.email, " \t\r\n<>,;")))
        people_complain(&r, "email", "is not an e-mail address");
    if (who.zone && !when_zone_known(who.zone)) {
        people_complain(&r, "timezone", "is not a time zone; write an IANA name such as Europe/Berlin");
        free(STEAL(who.zone));
    }
    if (!json_object_get(who.chat, "console") && people_by_chat(all, "console", key))
        problems_add(p, doc_name(d), doc_line(d, map, key), "people.%s: somebody else's console id is this key", key);
    who.name = who.name ? who.name : str_dup(key);
    who.email = who.email ? who.email : str_dup("");
    who.zone = who.zone ? who.zone : str_dup("UTC");
    all->rows[all->n++] = who;
}
