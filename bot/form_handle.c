/* From a button to a form and from a form to the same engine calls that a command makes.
 *
 * A trigger lives three seconds, so a form is opened empty at once and filled by an update when it is there
 * (forms_opened). While a person changes inputs, each change asks for one more update; one that has not left yet
 * is dropped for the newer, and the lane of the view keeps the rest in order, so the newest always wins. What is
 * wrong with a submission is said at the input it belongs to; what no input can mend (the case is closed, no
 * right) replaces the form. */
#include <string.h>

#include "bot/cards.h"
#include "bot/commands.h"
#include "bot/form_parts.h"
#include "bot/words.h"
#include "engine/effect.h"
#include "engine/step_up.h"
#include "engine/when.h"

enum { OPEN_MS = 3000, UPDATE_MS = 60000, STALE_MOST = 8, REF_SIZE = 32, DUE_HOUR = 9, END_HOUR = 17 };

struct form_kind {
    const char *verb, *title;
    bool of_request; /* about A-17, not about a case */
    const char *first_input; /* where an error goes that names no input */
    const char *typed; /* what to type where forms cannot be opened */
    int (*submit)(struct request *rq, struct recovery *r, const char *ref, struct err *e);
};

/* ---- submissions ---- */

/* Says at an input what is wrong; the form stays open. */
static int at_input(struct request *rq, const char *input, const char *text)
{
    if (!rq->answer->form_errors)
        rq->answer->form_errors = json_object();
    json_put(rq->answer->form_errors, input, text);
    return 0;
}

/* The engine's answer: done, or at an input when other values could mend it, or instead of the form. */
static int answered(struct request *rq, int rc, const char *said, const char *input, struct err *e)
{
    if (rc == ERR_INVALID)
        return at_input(rq, input, e->text);
    if (rc == 0)
        request_say(rq, "%s", said);
    return rc;
}

static const char *filled(const struct request *rq, const char *id)
{
    return parse_trim(form_value(rq->in->values, id, ""));
}

/* What stands in the form's field for a one-time code, also as "123 456". False when it is none. */
static bool code_filled(const struct request *rq, char code[PARSE_CODE])
{
    AUTO_STR typed = str_fmt("code %.20s", filled(rq, "code"));
    parse_take_code(typed, code);
    return code[0] != '\0';
}

static bool day_of(struct request *rq, const char *input, const char *zone, int hour, int64_t *at_ms)
{
    struct err e = {0};
    if (request_day(rq, filled(rq, input), zone, hour, at_ms, &e) == 0)
        return true;
    at_input(rq, input, e.text[0] ? e.text : "Choose a day.");
    return false;
}

/* Terms that policy refuses, or that need a reason, are caught here, where the person can still change them. */
static bool terms_fit(struct request *rq, const struct recovery *r, int count, int64_t first_ms)
{
    char why[300] = "";
    json_auto_t *terms = plan_terms_make(rq->engine->policy, r, count, first_ms, case_zone(r));
    enum bound b = terms ? plan_bound(rq->engine, r, terms, why, sizeof why) : BOUND_REFUSED;
    AUTO_STR refused = str_fmt("Not allowed: %s", terms ? why : "what is unpaid cannot be split like this");
    AUTO_STR reason = str_fmt("This needs a manager: %s Say why it is worth it.", why);
    if (b == BOUND_REFUSED)
        at_input(rq, "instalments", refused);
    else if (b == BOUND_MANAGER && !filled(rq, "why")[0])
        at_input(rq, "why", reason);
    else
        return true;
    return false;
}

static int submit_plan(struct request *rq, struct recovery *r, const char *ref, struct err *e)
{
    char said[SAID_SIZE] = "";
    int64_t first_ms = 0;
    int count = parse_count(filled(rq, "instalments"));
    (void)ref;
    if (count <= 0)
        return at_input(rq, "instalments", "Choose how many.");
    if (!day_of(rq, "first", case_zone(r), DUE_HOUR, &first_ms) || !terms_fit(rq, r, count, first_ms))
        return 0;
    int rc = proposal_plan(rq->engine, r, &rq->who, count, first_ms, filled(rq, "why"), said, sizeof said, e);
    return answered(rq, rc, said, "instalments", e);
}

static int submit_counter(struct request *rq, struct recovery *r, const char *ref, struct err *e)
{
    char said[SAID_SIZE] = "", code[PARSE_CODE] = "";
    int64_t first_ms = 0, id = parse_ref(span_of(ref), 'A');
    int count = parse_count(filled(rq, "instalments"));
    struct proposal *p = proposal_load(rq->engine, id);
    bool stale = p && rq->revision && p->revision != rq->revision && p->state == PROPOSAL_ASKED;
    proposal_free(p);
    if (stale)
        return err_set(e, ERR_STALE, "%s has changed since you opened this. Please look at its newest card.", ref);
    if (count <= 0)
        return at_input(rq, "instalments", "Choose how many.");
    if (!day_of(rq, "first", case_zone(r), DUE_HOUR, &first_ms))
        return 0;
    code_filled(rq, code);
    rq->who.code = code;
    int rc = proposal_counter(rq->engine, id, &rq->who, count, first_ms, filled(rq, "why"), said, sizeof said, e);
    rq->who.code = NULL;
    return answered(rq, rc, said, json_object_get(rq->in->values, "code") ? "code" : "instalments", e);
}

static int submit_hold(struct request *rq, struct recovery *r, const char *ref, struct err *e)
{
    char said[SAID_SIZE] = "", why[300] = "";
    int64_t end_ms = 0;
    (void)ref;
    if (!day_of(rq, "until", request_zone(rq), END_HOUR, &end_ms))
        return 0;
    struct hold *h = hold_of_case(rq->engine, r->id);
    enum bound b = policy_hold(rq->engine->policy, h ? h->start_ms : rq->engine->now_ms, end_ms, why, sizeof why);
    hold_free(h);
    if (b == BOUND_MANAGER && !filled(rq, "why")[0]) {
        AUTO_STR text = str_fmt("This needs a manager: %s Say why it is worth it.", why);
        return at_input(rq, "why", text);
    }
    int rc = proposal_hold(rq->engine, r, &rq->who, end_ms, filled(rq, "why"), said, sizeof said, e);
    return answered(rq, rc, said, "until", e);
}

static int submit_promise(struct request *rq, struct recovery *r, const char *ref, struct err *e)
{
    char said[SAID_SIZE] = "";
    int64_t by_ms = 0;
    struct money amount;
    (void)ref;
    if (money_parse(&amount, filled(rq, "amount"), r->due.currency, e))
        return at_input(rq, "amount", e->text);
    if (!day_of(rq, "by", case_zone(r), END_HOUR, &by_ms))
        return 0;
    int rc = recovery_promise(rq->engine, r, &rq->who, amount, by_ms, said, sizeof said, e);
    return answered(rq, rc, said, "amount", e);
}

static int submit_dispute(struct request *rq, struct recovery *r, const char *ref, struct err *e)
{
    char said[SAID_SIZE] = "";
    (void)ref;
    if (!filled(rq, "why")[0])
        return at_input(rq, "why", "Say what they dispute.");
    return answered(rq, recovery_dispute(rq->engine, r, &rq->who, filled(rq, "why"), said, sizeof said, e), said,
                    "why", e);
}

static int submit_decline(struct request *rq, struct recovery *r, const char *ref, struct err *e)
{
    char said[SAID_SIZE] = "";
    int64_t id = parse_ref(span_of(ref), 'A');
    (void)r;
    if (!filled(rq, "why")[0])
        return at_input(rq, "why", "Say why not: whoever asked will want to know.");
    int rc = proposal_decline(rq->engine, id, &rq->who, rq->revision, filled(rq, "why"), said, sizeof said, e);
    return answered(rq, rc, said, "why", e);
}

static int submit_emergency(struct request *rq, struct recovery *r, const char *ref, struct err *e)
{
    char said[SAID_SIZE] = "", code[PARSE_CODE] = "";
    (void)r;
    if (!filled(rq, "why")[0])
        return at_input(rq, "why", "Say why it cannot wait: every approver will read it.");
    code_filled(rq, code);
    rq->who.code = code;
    int rc = proposal_emergency(rq->engine, parse_ref(span_of(ref), 'A'), &rq->who, rq->revision, filled(rq, "why"), said, sizeof said, e);
    rq->who.code = NULL;
    return answered(rq, rc, said, json_object_get(rq->in->values, "code") ? "code" : "why", e);
}

/* A yes that takes a one-time code. The code is bound to the request and the revision that the form was opened on. */
static int submit_approve(struct request *rq, struct recovery *r, const char *ref, struct err *e)
{
    char said[SAID_SIZE] = "", code[PARSE_CODE] = "";
    int64_t id = parse_ref(span_of(ref), 'A');
    (void)r;
    if (!code_filled(rq, code))
        return at_input(rq, "code", "Type the six digits your authenticator shows now.");
    rq->who.code = code;
    int rc = proposal_approve(rq->engine, id, &rq->who, rq->revision, filled(rq, "why"), said, sizeof said, e);
    rq->who.code = NULL;
    return answered(rq, rc, said, "code", e);
}

static bool approve_wanted(const struct engine *e, const struct proposal *p)
{
    return p->state == PROPOSAL_ASKED && step_up_wanted(e, p->amount);
}

/* ---- which forms there are ---- */

static const struct form_kind kinds[] = {
    {"plan", "Offer a plan", false, "instalments", "plan %s 3x from 2027-01-05 why renewal in flight", submit_plan},
    {"hold", "Hold notices", false, "until", "hold %s until friday why waiting for their new card", submit_hold},
    {"promise", "Promise to pay", false, "amount", "promise %s 500 by friday", submit_promise},
    {"dispute", "Dispute", false, "why", "dispute %s why billed twice", submit_dispute},
    {"decline", "Decline", true, "why", "decline %s too long for this account", submit_decline},
    {"emergency", "Emergency decision", true, "why", "emergency %s why the customer's service ends today", submit_emergency},
    {"approve", "Approve", true, "code", "approve %s code 123456", submit_approve},
    {"counter", "Counter-offer", true, "instalments", "counter %s 3x", submit_counter},
};

static const struct form_kind *kind_of(const char *verb)
{
    for (size_t i = 0; i < DW_ARRAY_LEN(kinds); i++)
        if (str_eq(kinds[i].verb, verb))
            return &kinds[i];
    return NULL;
}

bool form_known(const char *action)
{
    return kind_of(action) != NULL;
}

bool form_wanted(struct request *rq, const char *action, const char *ref)
{
    if (!str_eq(action, "approve"))
        return form_known(action);
    struct proposal *p = proposal_load(rq->engine, parse_ref(span_of(ref), 'A'));
    bool wanted = p && approve_wanted(rq->engine, p);
    proposal_free(p);
    return wanted;
}

/* The case behind a form's reference, if there is still something to do. */
static struct recovery *case_of(struct engine *e, const struct form_kind *k, const char *ref, struct proposal **p)
{
    int64_t id = parse_ref(span_of(ref), k->of_request ? 'A' : 'N');
    *p = k->of_request && id > 0 ? proposal_load(e, id) : NULL;
    if (k->of_request)
        return *p ? recovery_load(e, (*p)->case_id) : NULL;
    return id > 0 ? recovery_load(e, id) : NULL;
}

static json_t *form_fill(struct engine *e, const struct form_kind *k, const char *ref, const json_t *values)
{
    struct proposal *p = NULL;
    json_t *f = NULL;
    char plain[REF_SIZE];
    parse_revision(plain, sizeof plain, ref);
    struct recovery *r = case_of(e, k, plain, &p);
    if (!r || r->state == RECOVERY_CLOSED || (k->of_request && p->state != PROPOSAL_ASKED)) {
        f = form_new(k->verb, ref, k->title, NULL);
        form_note(f, "This has been settled meanwhile: there is nothing left to do here.");
    } else if (str_eq(k->verb, "plan")) {
        f = form_plan(e, r, values);
    } else if (str_eq(k->verb, "counter")) {
        f = form_counter(e, r, p, values);
    } else if (str_eq(k->verb, "hold")) {
        f = form_hold(e, r);
    } else if (str_eq(k->verb, "promise")) {
        f = form_promise(e, r);
    } else if (str_eq(k->verb, "approve")) {
        f = form_approve(e, r, p);
    } else if (str_eq(k->verb, "decline")) {
        f = form_reason("decline", ref, k->title, "Why not? Whoever asked will read it.");
    } else if (str_eq(k->verb, "emergency")) {
        f = form_reason("emergency", ref, k->title, "Why can it not wait for the others? Every approver will read it.");
        form_wants_code(f, e, p);
    } else {
        f = form_reason("dispute", ref, k->title, "What do they dispute?");
    }
    json_put(f, "ref", ref); /* what was seen when the button was pressed stays what is decided on */
    proposal_free(p);
    recovery_free(r);
    return f;
}

/* ---- opening and keeping up to date ---- */

static bool is_yes(const struct form_kind *k)
{
    return str_eq(k->verb, "approve") || str_eq(k->verb, "counter");
}

/* May this person do it at all? Said before a form is opened, not after it is filled in. */
static int may_open(struct request *rq, const struct form_kind *k, const char *ref, struct err *e)
{
    struct proposal *p = NULL;
    struct recovery *r = case_of(rq->engine, k, ref, &p);
    int rc = 0;
    if (!r)
        rc = err_set(e, ERR_NOT_FOUND, "I do not find %s any more.", ref);
    else if (r->state == RECOVERY_CLOSED)
        rc = err_set(e, ERR_CONFLICT, "The case of %.100s is closed (%.60s): there is nothing to do any more.",
                     r->name, r->outcome);
    else if (k->of_request && p->state != PROPOSAL_ASKED)
        rc = err_set(e, ERR_CONFLICT, "%s is not open any more: it is %s.", ref, proposal_state_name(p->state));
    else if (k->of_request && rq->revision && rq->revision != p->revision)
        rc = err_set(e, ERR_STALE, "%s has changed since that card was made. Please look at its newest card.", ref);
    else if (!k->of_request && !recovery_may_work(rq->engine, r, rq->who.person))
        rc = err_set(e, ERR_DENIED, "This is for the account's AE, a collector or a manager. %s owns it.",
                     words_person(rq->engine, r->owner));
    else if (k->of_request && is_yes(k))
        rc = proposal_may_approve(rq->engine, p->id, &rq->who, rq->revision, e);
    proposal_free(p);
    recovery_free(r);
    return rc;
}

int form_open(struct request *rq, const char *form, const char *ref, int64_t revision, struct err *e)
{
    const struct chat_input *in = rq->in;
    const struct form_kind *k = kind_of(form);
    int rc = may_open(rq, k, ref, e);
    if (rc)
        return rc;
    if (!in->trigger || !in->dedupe) {
        const char *gap = strstr(k->typed, "%s");
        request_say(rq, "Forms cannot be opened here. Type it instead, for example: %.*s%s%s", (int)(gap - k->typed),
                    k->typed, ref, gap + 2);
        return 0;
    }
    AUTO_STR seen = str_fmt("%s@%lld", ref, (long long)revision);
    AUTO_STR lane = str_fmt("form:%s", in->trigger);
    AUTO_STR key = str_fmt("form-%s-%s", in->platform, in->dedupe);
    json_t *args = json_object();
    json_put(args, "trigger", in->trigger);
    json_put_new(args, "form", form_loading(form, seen, k->title));
    effect_add(rq->engine, &(struct effect_spec){.lane = lane,
                                                 .driver = in->platform,
                                                 .op = "open_form",
                                                 .key = key,
                                                 .take_args = args,
                                                 .purpose = "form",
                                                 .deadline_ms = rq->engine->now_ms + OPEN_MS});
    return 0;
}

static void drop_older(struct engine *e, const char *lane)
{
    int64_t ids[STALE_MOST];
    size_t n = 0;
    struct query *q =
        store_query(e->store,
                    "SELECT id FROM effects WHERE lane = ?1 AND is_live = 1 AND state = ?2 ORDER BY id LIMIT ?3",
                    "tii", lane, (int64_t)EFFECT_QUEUED, (int64_t)STALE_MOST);
    while (query_next(q))
        ids[n++] = query_i64(q, 0);
    for (size_t i = 0; i < n; i++)
        effect_cancel(e, ids[i]);
}

static void form_update(struct engine *e, const char *platform, const char *view, const char *once, json_t *take_form)
{
    AUTO_STR lane = str_fmt("form:%s", view);
    AUTO_STR key = str_fmt("view-%s-%s", view, once);
    json_t *args = json_object();
    json_put(args, "view", view);
    json_put_new(args, "form", take_form);
    drop_older(e, lane);
    effect_add(e, &(struct effect_spec){.lane = lane,
                                        .driver = platform,
                                        .op = "update_form",
                                        .key = key,
                                        .take_args = args,
                                        .purpose = "view",
                                        .deadline_ms = e->now_ms + UPDATE_MS});
}

void forms_opened(struct engine *e, const struct chat_end *end)
{
    const char *view = json_str(end->result, "view", "");
    const struct form_kind *k = kind_of(json_str(end->args, "form.id", ""));
    if (k && view[0])
        form_update(e, end->platform, view, "opened", form_fill(e, k, json_str(end->args, "form.ref", ""), NULL));
}

int form_change(struct request *rq, struct err *e)
{
    const struct chat_input *in = rq->in;
    const struct form_kind *k = kind_of(in->form);
    (void)e;
    if (k && in->view && in->dedupe)
        form_update(rq->engine, in->platform, in->view, in->dedupe, form_fill(rq->engine, k, in->ref, in->values));
    return 0;
}

int form_submit(struct request *rq, struct err *e)
{
    char ref[REF_SIZE];
    const struct form_kind *k = kind_of(rq->in->form);
    struct proposal *p = NULL;
    rq->revision = parse_revision(ref, sizeof ref, rq->in->ref);
    struct recovery *r = case_of(rq->engine, k, ref, &p);
    const char *why = filled(rq, "why");
    int rc =
        r ? 0 : err_set(e, ERR_NOT_FOUND, "I do not find %s any more.", ref[0] ? ref : "what this form was about");
    if (!rc && parse_check(why, e))
        at_input(rq, "why", e->text);
    else if (!rc)
        rc = k->submit(rq, r, ref, e);
    proposal_free(p);
    recovery_free(r);
    return rc;
}
