/* Whoever can change the policy alone can do alone everything that it guards. So where it says `changes: asked`, a changed file
 * is only a draft: somebody proposes it, the difference and what it would have decided in the last 90 days are shown, and only
 * with the votes that the rules for `policy` demand (never the proposer's) does it come into force.
 *
 * What is in force is the text in the store, not the file: the file may be edited while nobody looks, or while Dunwell is
 * stopped. Coming into force is one row in the transaction of the last vote; the process then uses what the store says, after
 * the commit and at each start, so there is nothing that could be done twice or half. */
#include "engine/policy_request.h"

#include <stdio.h>
#include <string.h>

#include "engine/journal.h"
#include "engine/notice.h"
#include "engine/ping.h"
#include "engine/policy_change.h"
#include "engine/policy_request_internal.h"
#include "engine/receipt.h"
#include "engine/step_up.h"
#include "engine/timer.h"
#include "engine/when.h"

enum { REPLAY_DAYS = 90, REPLAY_MOST = 4000 /* decisions in a turn; `dunwell policy diff` looks at all */, WORDS_MOST = 6000 };

/* ---- rows ---- */

struct policy_request *policy_request_load(struct engine *e, int64_t id)
{
    struct query *q = store_query(e->store,
                                  "SELECT id, created_ms, decided_ms, revision, state, requester, reason, before, version, text, difference, effect, outcome, reminded, "
                                  "escalated, asked_also FROM policy_requests WHERE id = ?1",
                                  "i", id);
    if (!query_next(q))
        return NULL;
    struct policy_request *p = mem_alloc(sizeof *p);
    *p = (struct policy_request){.id = query_i64(q, 0), .created_ms = query_i64(q, 1), .decided_ms = query_i64(q, 2), .revision = query_i64(q, 3),
                                 .requester = str_dup(query_text(q, 5)), .reason = str_dup(query_text(q, 6)), .before = str_dup(query_text(q, 7)),
                                 .version = str_dup(query_text(q, 8)), .text = str_dup(query_text(q, 9)), .difference = str_dup(query_text(q, 10)),
                                 .effect = str_dup(query_text(q, 11)), .outcome = str_dup(query_text(q, 12)),
                                 .waiting = {.reminded = query_i64(q, 13), .escalated = query_i64(q, 14), .asked = query_json(q, 15)}};
    str_copy(p->state, sizeof p->state, query_text(q, 4));
    query_end(q);
    return p;
}

void policy_request_free(struct policy_request *p)
{
    if (!p)
        return;
    char *texts[] = {p->requester, p->reason, p->before, p->version, p->text, p->difference, p->effect, p->outcome};
    for (size_t i = 0; i < DW_ARRAY_LEN(texts); i++)
        free(texts[i]);
    waiting_fini(&p->waiting);
    free(p);
}

size_t policy_requests_open(struct engine *e, int64_t *ids, size_t most)
{
    size_t n = 0;
    struct query *q = store_query(e->store, "SELECT id FROM policy_requests WHERE state = 'asked' ORDER BY id DESC LIMIT ?1", "i", (int64_t)most);
    while (query_next(q))
        ids[n++] = query_i64(q, 0);
    return n;
}

/* What became of it, to whoever proposed it and may read no approvals channel; and what they can do now. */
static void tell_proposer(struct engine *e, const struct policy_request *p, const struct actor *who, const char *ref)
{
    const struct person *to = people_by_key(e->people, p->requester);
    if (!to || to == who->person)
        return;
    AUTO_STR next = str_eq(p->state, "parked")      ? str_fmt(" Ask again: reopen %s", ref)
                    : str_eq(p->state, "in_force") ? str_dup(" It counts for every case from now on.")
                    : str_eq(p->state, "reopened") ? str_dup("")
                                                   : str_dup(" The policy stays as it is; change the file and propose it anew: policy propose why <reason>");
    AUTO_STR key = str_fmt("policy-%s-%s", ref, p->state);
    size_t n = strlen(p->outcome);
    AUTO_STR text = str_fmt("Your change of policy %s: %s%s%s", ref, p->outcome, n && p->outcome[n - 1] == '.' ? "" : ".", next);
    notice_send(e, to, &(struct notice){.key = key, .text = text});
}

/* One row of the journal with each move, as everywhere. */
void policy_request_move(struct engine *e, struct policy_request *p, const struct actor *who, const char *state, const char *outcome)
{
    char ref[24];
    snprintf(ref, sizeof ref, "P-%lld", (long long)p->id);
    p->revision++;
    str_copy(p->state, sizeof p->state, state);
    free(p->outcome);
    p->outcome = str_dup(outcome);
    if (!str_eq(state, "asked"))
        p->decided_ms = e->now_ms;
    store_run(e->store, "UPDATE policy_requests SET state = ?2, outcome = ?3, decided_ms = ?4, revision = ?5 WHERE id = ?1", "ittii", p->id, p->state, p->outcome,
              p->decided_ms, p->revision);
    AUTO_STR verb = str_fmt("policy.%s", state);
    json_auto_t *detail = json_pack("{s:s, s:s, s:s, s:s}", "before", p->before, "version", p->version, "difference", p->difference, "reason", p->reason);
    char seal[65];
    if (seal_of(e->store, ref, seal))
        json_put(detail, "seal", seal);
    journal_add(e, who, verb, 0, "", ref, detail, "Policy %s instead of %s: %s", p->version, p->before, outcome);
    if (!str_eq(state, "asked")) {
        shown_settle(e, ref);
        tell_proposer(e, p, who, ref);
    }
    engine_dirty(e, 0);
}

struct policy *policy_of_text(const char *text, struct problems *p)
{
    struct doc *d = NULL;
    struct err e = {0};
    if (doc_parse(&d, span_of(text), "policy.yaml", &e) < 0) {
        problems_add(p, NULL, 0, "%s", e.text);
        return NULL;
    }
    struct policy *policy = policy_parse(d, p);
    doc_free(d);
    return policy;
}

/* ---- proposing ---- */

static int row_add(struct engine *e, const struct actor *who, const struct policy *after, const char *text, const char *reason, const char *difference,
                   const char *effect)
{
    return store_run(e->store,
                     "INSERT INTO policy_requests (state, requester, reason, before, version, text, difference, effect, created_ms, decided_ms, revision, outcome) "
                     "VALUES ('asked',?1,?2,?3,?4,?5,?6,?7,?8,0,0,'')",
                     "ttttttti", actor_key(who), reason, policy_version(e->policy), policy_version(after), text, difference, effect, e->now_ms) == 1;
}

/* Those whom the rules name are told one by one; everybody else finds the card in the approvals channel. */
static void call_asked(struct engine *e, const struct subject *s, const struct approval *a)
{
    json_t *asked, *others;
    AUTO_BUF why = BUF(300);
    for (size_t i = 0; i < json_array_size(a->rules); i++)
        buf_addf(&why, "%s%s", i ? ", " : "the rule ", json_string_value(json_array_get(a->rules, i)));
    buf_adds(&why, " asks you");
    approval_people(e, s, a, &asked, &others);
    for (size_t i = 0; i < json_array_size(asked); i++)
        ping_send(e, &(struct ping){.person = json_string_value(json_array_get(asked, i)), .ref = s->ref, .why = buf_text(&why)});
    json_decref(asked);
    json_decref(others);
}

int64_t policy_request_until(const struct engine *e, const struct policy_request *p)
{
    return p->created_ms + policy_approval_hours(e->policy) * MS_HOUR;
}

int policy_request_propose(struct engine *e, const struct actor *who, const struct policy *after, const char *text, const char *reason, char *said, size_t size,
                   struct err *err)
{
    AUTO_BUF difference = BUF(WORDS_MOST), effect = BUF(WORDS_MOST);
    struct policy_replay replay;
    if (policy_diff(e->policy, after, &difference) == 0)
        return err_set(err, ERR_INVALID, "The policy file says nothing but what is in force already.");
    policy_replay(e->store, after, e->now_ms - REPLAY_DAYS * MS_DAY, REPLAY_MOST, &replay);
    policy_replay_words(&replay, &effect);
    policy_replay_fini(&replay);
    row_add(e, who, after, text, reason, buf_text(&difference), buf_text(&effect));
    struct policy_request *p = policy_request_load(e, store_last_id(e->store));
    if (!p)
        return err_set(err, ERR_IO, "The change could not be stored.");
    struct subject s = policy_request_subject(p);
    struct approval a;
    policy_approval(e->policy, &s, &a);
    int rc = approval_possible(e, &s, &a, err);
    if (rc == 0) {
        policy_request_move(e, p, who, "asked", reason[0] ? reason : "proposed");
        timer_add(e, "policy", 0, p->id, policy_request_until(e, p));
        policy_waiting_begin(e, p);
        call_asked(e, &s, &a);
        snprintf(said, size, "Proposed: P-%lld. %s\nNothing changes until it is approved by somebody else.", (long long)p->id, buf_text(&difference));
    } else {
        policy_request_move(e, p, who, "declined", "nobody else could approve it");
    }
    approval_fini(&a);
    policy_request_free(p);
    return rc;
}

int policy_request_new(struct engine *e, const struct actor *who, const char *text, const char *reason, char *said, size_t size, struct err *err)
{
    struct problems problems = {0};
    int64_t open;
    struct policy *after = policy_of_text(text, &problems);
    int rc = 0;
    if (!after || problems.n)
        rc = err_set(err, ERR_INVALID, "The policy file cannot be used: %s", problems.n ? problems.lines[0] : "it cannot be read");
    else if (policy_requests_open(e, &open, 1))
        rc = err_set(err, ERR_CONFLICT, "P-%lld is still open. Withdraw it or wait for its end: there is one change at a time.", (long long)open);
    else
        rc = policy_request_propose(e, who, after, text, reason, said, size, err);
    policy_free(after);
    problems_free(&problems);
    return rc;
}

struct subject policy_request_subject(const struct policy_request *p)
{
    struct subject s = {.kind = "policy", .tier = "", .region = "", .account = "", .requester = p->requester, .owner = "", .executive = "", .acceptor = ""};
    snprintf(s.ref, sizeof s.ref, "P-%lld", (long long)p->id);
    return s;
}

/* ---- deciding ---- */

struct deciding {
    struct policy_request *p;
    struct subject subject;
    struct approval approval;
    struct right right;
};

static void deciding_fini(struct deciding *d)
{
    approval_fini(&d->approval);
    policy_request_free(d->p);
}

static int begin(struct engine *e, struct deciding *d, int64_t id, const struct actor *who, int64_t revision, struct err *err)
{
    *d = (struct deciding){.p = policy_request_load(e, id)};
    if (!d->p)
        return err_set(err, ERR_NOT_FOUND, "There is no change of policy P-%lld.", (long long)id);
    if (!str_eq(d->p->state, "asked"))
        return err_set(err, ERR_CONFLICT, "P-%lld is not open any more: it is %s. Nothing was changed.", (long long)id, str_eq(d->p->state, "in_force") ? "in force" : d->p->state);
    d->subject = policy_request_subject(d->p);
    policy_approval(e->policy, &d->subject, &d->approval);
    int rc = approval_may(e, &d->subject, &d->approval, who->person, &d->right, err);
    if (rc == 0 && revision && revision != d->p->revision)
        rc = err_set(err, ERR_STALE, "That card is older than the change: look at the newest card of P-%lld and decide there. Nothing was changed.", (long long)id);
    if (rc == 0 && !str_eq(d->p->before, policy_version(e->policy)))
        rc = err_set(err, ERR_STALE, "P-%lld was proposed against another policy than the one in force. It has to be proposed anew.", (long long)id);
    return rc;
}

static bool vote(struct engine *e, struct deciding *d, const struct actor *who, const char *word, const char *reason, int64_t revision)
{
    struct vote v;
    vote_fill(&v, e, who, &d->right, word, reason, revision);
    if (!vote_add(e, &d->subject, &v))
        return false;
    AUTO_STR verb = str_fmt("decision.%s", word);
    json_auto_t *detail = json_pack("{s:s, s:s, s:I, s:s, s:s}", "right", v.right, "holder", v.holder, "revision", (json_int_t)revision, "version", d->p->version, "reason",
                                    v.reason);
    receipt_detail(e, d->subject.ref, who, revision, detail);
    journal_add(e, who, verb, 0, "", d->subject.ref, detail, "%s said %s to %s by right: %s%s%s", actor_name(who), word, d->subject.ref, v.right, v.reason[0] ? "; " : "",
                v.reason);
    receipt_add(e, d->subject.ref, detail);
    engine_dirty(e, 0);
    return true;
}

/* Others that are asked were written against a policy that is no more. */
static void overtake(struct engine *e, int64_t by)
{
    int64_t ids[16];
    size_t n = policy_requests_open(e, ids, DW_ARRAY_LEN(ids));
    for (size_t i = 0; i < n; i++) {
        struct policy_request *p = policy_request_load(e, ids[i]);
        if (p && p->id != by)
            policy_request_move(e, p, &(struct actor){.name = "policy"}, "overtaken", "another change came into force");
        policy_request_free(p);
    }
}

static void comes_into_force(struct engine *e, struct deciding *d, const struct actor *who)
{
    AUTO_STR outcome = str_fmt("in force by the word of %s", actor_name(who));
    policy_request_move(e, d->p, who, "in_force", outcome);
    overtake(e, d->p->id);
    if (e->world.policy_agreed)
        e->world.policy_agreed(e->world.ctx, d->p->text);
}

/* What comes into force is the text whose difference was shown, and one that this program can read: the row may have been edited,
 * and the program may be another one than the one that was asked. */
static int still_as_proposed(const struct policy_request *p, struct err *err)
{
    struct problems problems = {0};
    struct policy *after = policy_of_text(p->text, &problems);
    int rc = 0;
    if (!after || problems.n)
        rc = err_set(err, ERR_STALE, "P-%lld cannot be used any more: %s. It has to be proposed anew.", (long long)p->id, problems.n ? problems.lines[0] : "it cannot be read");
    else if (!str_eq(policy_version(after), p->version))
        rc = err_set(err, ERR_STALE, "What the store holds for P-%lld is not what was shown: it is policy %s, and %s was proposed. Nothing was changed. Please tell an operator: "
                     "dunwell journal verify", (long long)p->id, policy_version(after), p->version);
    policy_free(after);
    problems_free(&problems);
    return rc;
}

/* A change of policy moves any amount there will ever be, so where codes are in use at all, a yes to it takes one. */
static int code_taken(struct engine *e, const struct deciding *d, const struct actor *who, bool take, struct err *err)
{
    const struct step_up what = {.ref = d->subject.ref, .account = "", .about = "changes the policy", .facts_hash = d->p->version};
    if (!take && !step_up_wanted(e, d->subject.amount))
        return 0;
    return take ? step_up_take(e, who, &what, err) : step_up_ready(e, who, &what, err);
}

/* The right, the text, and that this person has not voted yet. */
static int may_say_yes(struct engine *e, const struct deciding *d, const struct actor *who, struct err *err)
{
    if (vote_given(e, &d->subject, who->person->key, "yes"))
        return err_set(err, ERR_CONFLICT, "You have said yes to %s already. Nothing was changed.", d->subject.ref);
    return still_as_proposed(d->p, err);
}

int policy_request_may(struct engine *e, int64_t id, const struct actor *who, int64_t revision, bool yes, struct err *err)
{
    struct deciding d;
    int rc = begin(e, &d, id, who, revision, err);
    if (rc == 0 && yes)
        rc = may_say_yes(e, &d, who, err);
    if (rc == 0 && yes)
        rc = code_taken(e, &d, who, false, err);
    deciding_fini(&d);
    return rc;
}

int policy_request_approve(struct engine *e, int64_t id, const struct actor *who, int64_t revision, const char *reason, char *said, size_t size,
                           struct err *err)
{
    struct deciding d;
    struct tally t;
    int rc = begin(e, &d, id, who, revision, err);
    if (rc == 0)
        rc = may_say_yes(e, &d, who, err);
    if (rc == 0)
        rc = code_taken(e, &d, who, true, err);
    if (rc == 0 && vote(e, &d, who, "yes", reason, revision)) {
        approval_tally(e, &d.subject, &d.approval, &t);
        if (t.complete) {
            comes_into_force(e, &d, who);
            snprintf(said, size, "Approved: P-%lld, policy %s is in force.", (long long)id, d.p->version);
        } else {
            snprintf(said, size, "Your yes to P-%lld counts: %d of %d, needs %s. You can take it back until then: unvote P-%lld", (long long)id, t.have, t.want, t.missing,
                     (long long)id);
        }
    }
    deciding_fini(&d);
    return rc;
}

int policy_request_decline(struct engine *e, int64_t id, const struct actor *who, int64_t revision, const char *reason, char *said, size_t size,
                           struct err *err)
{
    struct deciding d;
    int rc = begin(e, &d, id, who, revision, err);
    if (rc == 0 && (!reason || !reason[0]))
        rc = err_set(err, ERR_INVALID, "Say why, so that %s knows what to change: decline P-%lld <reason>", person_name_of(e->people, d.p->requester), (long long)id);
    if (rc == 0) {
        vote_remove(e, &d.subject, who->person->key);
        vote(e, &d, who, "no", reason, revision);
        AUTO_STR outcome = str_fmt("declined by %s: %s", actor_name(who), reason);
        policy_request_move(e, d.p, who, "declined", outcome);
        snprintf(said, size, "Declined: P-%lld. The policy stays as it is.", (long long)id);
    }
    deciding_fini(&d);
    return rc;
}

/* Whoever voted may take that back, whatever their right is by now. */
int policy_request_unvote(struct engine *e, int64_t id, const struct actor *who, int64_t revision, const char *reason, char *said, size_t size,
                          struct err *err)
{
    struct deciding d = {.p = policy_request_load(e, id)};
    struct tally t;
    int rc = 0;
    (void)revision; /* as of proposals: a vote is its giver's own */
    (void)reason;
    if (!d.p || !str_eq(d.p->state, "asked")) {
        rc = err_set(err, ERR_CONFLICT, "P-%lld is not open. Nothing was changed.", (long long)id);
    } else {
        d.subject = policy_request_subject(d.p);
        policy_approval(e->policy, &d.subject, &d.approval);
        if (!vote_remove(e, &d.subject, who->person->key))
            rc = err_set(err, ERR_CONFLICT, "You have not voted on P-%lld, so there is nothing to take back.", (long long)id);
    }
    if (rc == 0) {
        approval_tally(e, &d.subject, &d.approval, &t);
        journal_add(e, who, "decision.unvote", 0, "", d.subject.ref, NULL, "%s took the yes to %s back", actor_name(who), d.subject.ref);
        engine_dirty(e, 0);
        snprintf(said, size, "Your yes to P-%lld is taken back: %d of %d, needs %s.", (long long)id, t.have, t.want, t.missing);
    }
    deciding_fini(&d);
    return rc;
}

int policy_request_withdraw(struct engine *e, int64_t id, const struct actor *who, int64_t revision, const char *reason, char *said, size_t size,
                            struct err *err)
{
    (void)revision; /* whatever it says by now, it is taken back */
    struct policy_request *p = policy_request_load(e, id);
    int rc = 0;
    if (!p || !str_eq(p->state, "asked"))
        rc = err_set(err, ERR_CONFLICT, "P-%lld is not open. Nothing was changed.", (long long)id);
    else if (!str_eq(p->requester, who->person->key))
        rc = err_set(err, ERR_DENIED, "P-%lld was proposed by %s; only they can withdraw it.", (long long)id, person_name_of(e->people, p->requester));
    if (rc == 0) {
        AUTO_STR outcome = str_fmt("withdrawn by %s%s%s", actor_name(who), reason[0] ? ": " : "", reason);
        policy_request_move(e, p, who, "withdrawn", outcome);
        snprintf(said, size, "Withdrawn: P-%lld. The policy stays as it is.", (long long)id);
    }
    policy_request_free(p);
    return rc;
}

void policy_request_expire(struct engine *e, int64_t id)
{
    struct policy_request *p = policy_request_load(e, id);
    if (p && str_eq(p->state, "asked"))
        policy_request_move(e, p, &(struct actor){.name = "policy"}, "parked", "nobody decided in time; nothing was changed, and it can be asked again");
    policy_request_free(p);
}

/* ---- what is in force ---- */

char *policy_text_in_force(struct store *s, char version[16])
{
    struct query *q = store_query(s, "SELECT text, version FROM policy_requests WHERE state = 'in_force' ORDER BY decided_ms DESC, id DESC LIMIT 1", "");
    if (!query_next(q))
        return NULL;
    char *text = str_dup(query_text(q, 0));
    str_copy(version, 16, query_text(q, 1));
    query_end(q);
    return text;
}

bool policy_unwritten(struct store *s, char before[16])
{
    struct query *q = store_query(s, "SELECT before, unwritten FROM policy_requests WHERE state = 'in_force' ORDER BY decided_ms DESC, id DESC LIMIT 1", "");
    bool found = query_next(q), unwritten = found && query_i64(q, 1) != 0;
    if (found)
        str_copy(before, 16, query_text(q, 0));
    query_end(q);
    return unwritten;
}

void policy_baseline(struct engine *e, const char *text)
{
    const struct actor file = {.name = "file"};
    row_add(e, &file, e->policy, text, "", "", "");
    struct policy_request *p = policy_request_load(e, store_last_id(e->store));
    if (p)
        policy_request_move(e, p, &file, "in_force", "the file that was there when changes began to be asked");
    policy_request_free(p);
}
