/* People and their rights, from people.yaml. Read-only after loading; the engine thread owns the current one.
 *
 * people: {manager1: {name: Manager One, email: m@example.com, slack: U0MANAGER1, roles: [manager], limit: {USD: 50000},
 *          timezone: Europe/Berlin, hours: {days: mon-fri, from: "09:00", to: "17:30"}, regions: [emea], accounts: [northwind],
 *          break_glass: true}, ...}
 * groups: {eu-managers: [manager1, ...]}        for approvals.rules of policy.yaml
 * regions and accounts are where a manager or finance decides; with neither, everywhere. break_glass: may decide alone in an
 * emergency, with a reason that all approvers are told.
 * match_by_email: true                           somebody without an id on a platform is known there by a confirmed address
 * Chat ids are explicit: `slack` today; any other known platform name likewise (`matrix`, `console`). Without that switch nothing
 * is granted by an e-mail match. A person without a console id is known at the console by the key. */
#ifndef DW_ENGINE_PEOPLE_H
#define DW_ENGINE_PEOPLE_H

#include "engine/doc.h"
#include "engine/money.h"

enum role { ROLE_AE = 1, ROLE_COLLECTOR = 2, ROLE_MANAGER = 4, ROLE_FINANCE = 8, ROLE_OPERATOR = 16 };

struct work_hours {
    unsigned days; /* bit 0 is Sunday; 0: none are set, always at work */
    int from, to;  /* minutes of the day in the person's zone */
};

struct person {
    char *key, *name, *email, *zone;
    unsigned roles; /* enum role, or-ed */
    json_t *chat;   /* {"slack": "U0..."} */
    struct money *limits;
    size_t n_limits;
    json_t *regions, *accounts; /* arrays of texts, empty when not set */
    struct work_hours hours;
    bool break_glass;
};

struct people;

/* Adds every problem it finds; NULL only if the file cannot be read or parsed at all (that too is a problem). */
struct people *people_load(const char *path, struct problems *p);
struct people *people_parse(const struct doc *d, struct problems *p);
void people_free(struct people *all);
size_t people_count(const struct people *all);
const struct person *people_at(const struct people *all, size_t i);
const struct person *people_by_key(const struct people *all, const char *key);
const struct person *people_by_chat(const struct people *all, const char *platform, const char *id);
bool people_match_by_email(const struct people *all);
/* Whose address it is, in any letter case: one person's alone, who has no id on that platform. NULL also while that is not switched on. */
const struct person *people_by_email(const struct people *all, const char *platform, const char *email);
const char *person_chat_id(const struct person *p, const char *platform); /* NULL when not mapped */
bool person_has(const struct person *p, unsigned roles); /* any of them */
bool person_may_decide(const struct person *p, struct money amount); /* manager or finance, and a limit in that currency */
const char *person_name_of(const struct people *all, const char *key); /* the name; the key itself when nobody has it */
bool person_covers(const struct person *p, const char *region, const char *account); /* decides there (and everywhere when nothing is set) */
bool person_at_work(const struct person *p, int64_t now_ms);
bool people_in_group(const struct people *all, const char *group, const char *key);
bool people_group_known(const struct people *all, const char *group);
unsigned role_of(const char *word); /* "manager"; 0 when it is no role */
const char *role_names(unsigned roles, char *out, size_t size); /* "ae, manager" */

#endif
