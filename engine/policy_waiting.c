/* A change of the policy waits for people as a request about money does: reminders in its thread, then others are asked as well,
 * then it is parked, and may be asked again. Whoever proposed it is no member of the approvals channel perhaps, so what became of
 * it is told to them directly; so is, to everybody who agreed, that the file does not say yet what is in force. */
#include <stdio.h>
#include <string.h>

#include "engine/journal.h"
#include "engine/notice.h"
#include "engine/policy_request_internal.h"
#include "engine/timer.h"

/* ---- reminders ---- */

static void next_look(struct engine *e, const struct policy_request *p)
{
    const struct waits on = {.created_ms = p->created_ms, .expires_ms = policy_request_until(e, p)};
    int64_t due = waits_next_ms(e, &on, &p->waiting);
    if (due)
        timer_add(e, "policy_remind", 0, p->id, due);
}

void policy_waiting_begin(struct engine *e, const struct policy_request *p)
{
    next_look(e, p);
}

static void look(struct engine *e, struct policy_request *p)
{
    struct subject s = policy_request_subject(p);
    struct approval a;
    const struct waits on = {.ref = s.ref, .account = "", .created_ms = p->created_ms, .expires_ms = policy_request_until(e, p), .subject = &s, .approval = &a};
    policy_approval(e->policy, &s, &a);
    waits_look(e, &on, &p->waiting);
    store_run(e->store, "UPDATE policy_requests SET reminded = ?2, escalated = ?3, asked_also = ?4 WHERE id = ?1", "iiij", p->id, p->waiting.reminded,
              p->waiting.escalated, p->waiting.asked);
    next_look(e, p);
    engine_dirty(e, 0);
    approval_fini(&a);
}

void policy_waiting_look(struct engine *e, int64_t id)
{
    struct policy_request *p = policy_request_load(e, id);
    if (p && str_eq(p->state, "asked") && policy_request_until(e, p) > e->now_ms)
        look(e, p);
    policy_request_free(p);
}

/* ---- asked again ---- */

static int may_reopen(struct engine *e, const struct policy_request *p, const struct actor *who, struct err *err)
{
    struct subject s = policy_request_subject(p);
    struct approval a;
    struct right right;
    policy_approval(e->policy, &s, &a);
    bool may = str_eq(p->requester, who->person->key) || approval_may(e, &s, &a, who->person, &right, NULL) == 0;
    approval_fini(&a);
    return may ? 0 : err_set(err, ERR_DENIED, "P-%lld can be asked again by %s, who proposed it, or by anybody who may decide on it.", (long long)p->id,
                             person_name_of(e->people, p->requester));
}

static int reopen(struct engine *e, struct policy_request *p, const struct actor *who, char *said, size_t size, struct err *err)
{
    const struct person *first = people_by_key(e->people, p->requester);
    const struct actor asker = {.person = first ? first : who->person};
    AUTO_STR text = str_dup(p->text);
    AUTO_STR reason = str_dup(p->reason);
    int rc = policy_request_new(e, &asker, text, reason, said, size, err);
    if (rc != 0)
        return rc;
    AUTO_STR outcome = str_fmt("nobody decided in time; %s asks it again, as P-%lld", actor_name(who), (long long)store_i64(e->store, 0, "SELECT max(id) FROM policy_requests", ""));
    policy_request_move(e, p, who, "reopened", outcome);
    return 0;
}

int policy_request_reopen(struct engine *e, int64_t id, const struct actor *who, int64_t revision, const char *reason, char *said, size_t size,
                          struct err *err)
{
    (void)revision; /* what is asked again is the text, whatever card it was clicked on */
    (void)reason;
    struct policy_request *p = policy_request_load(e, id);
    int rc = 0;
    if (!p || !str_eq(p->state, "parked"))
        rc = err_set(err, ERR_CONFLICT, "Only a parked change can be asked again; %sP-%lld%s%s. Nothing was changed.", p ? "" : "there is no ", (long long)id, p ? " is " : "",
                     !p ? "" : str_eq(p->state, "in_force") ? "in force" : p->state);
    else if (!policy_changes_asked(e->policy))
        rc = err_set(err, ERR_CONFLICT, "The policy in force takes its file as it is: a change needs nobody's yes.");
    else
        rc = may_reopen(e, p, who, err);
    if (rc == 0)
        rc = reopen(e, p, who, said, size, err);
    policy_request_free(p);
    return rc;
}

/* ---- the file ---- */

static struct policy_request *in_force(struct engine *e)
{
    return policy_request_load(e, store_i64(e->store, 0, "SELECT id FROM policy_requests WHERE state = 'in_force' ORDER BY decided_ms DESC, id DESC LIMIT 1", ""));
}

/* Whoever proposed it, and whoever agreed. */
static void tell_all(struct engine *e, const struct policy_request *p, const struct notice *n)
{
    struct tally t;
    const struct person *first = people_by_key(e->people, p->requester);
    struct subject s = policy_request_subject(p);
    votes_of(e, s.ref, &t);
    if (first)
        notice_send(e, first, n);
    for (size_t i = 0; i < t.n; i++) {
        const struct person *who = people_by_key(e->people, t.votes[i].person);
        if (who && who != first)
            notice_send(e, who, n);
    }
}

static void file_said(struct engine *e, const struct policy_request *p, bool written, const char *said, const char *text)
{
    struct subject s = policy_request_subject(p);
    AUTO_STR key = str_fmt("policy-%s-%s", written ? "written" : "unwritten", s.ref);
    store_run(e->store, "UPDATE policy_requests SET unwritten = ?2 WHERE id = ?1", "ii", p->id, (int64_t)!written);
    journal_add(e, &(struct actor){.name = "file"}, written ? "policy.written" : "policy.not_written", 0, "", s.ref, NULL, "%s", said);
    tell_all(e, p, &(struct notice){.key = key, .text = text});
}

void policy_request_file_failed(struct engine *e, const char *path, const char *why)
{
    struct policy_request *p = in_force(e);
    if (!p)
        return;
    AUTO_STR said = str_fmt("%s could not be written (%s); the policy that was agreed on is in force all the same", path, why);
    AUTO_STR text = str_fmt("P-%lld is in force, but its file could not be written: %s (%s). Dunwell goes by what was agreed%s; only the file still says something else. Next: an operator "
                            "lets Dunwell write there, the file and its folder; then it is written by itself within a minute.",
                            (long long)p->id, path, why, policy_changes_asked(e->policy) ? ", also after a restart" : "");
    file_said(e, p, false, said, text);
    policy_request_free(p);
}

void policy_request_file_written(struct engine *e, const char *path)
{
    struct policy_request *p = in_force(e);
    if (!p)
        return;
    AUTO_STR said = str_fmt("%s says now what was agreed on, policy %s", path, p->version);
    AUTO_STR text = str_fmt("P-%lld: its file is written now. Nothing is left to do.", (long long)p->id);
    file_said(e, p, true, said, text);
    policy_request_free(p);
}
