/* From a form that was sent to the same engine calls that a command makes. What is wrong is said at the input it belongs to, so that
 * nothing has to be typed twice; what no input can mend replaces the form. */
#include <string.h>

#include "bot/form_kinds.h"
#include "bot/form_parts.h"
#include "engine/policy_request.h"
#include "engine/when.h"

enum { DUE_HOUR = 9, END_HOUR = 17, PAID_HOUR = 17 };

/* Says at an input what is wrong; the form stays open. */
int form_at_input(struct request *rq, const char *input, const char *text)
{
    if (!rq->answer->form_errors)
        rq->answer->form_errors = json_object();
    json_put(rq->answer->form_errors, input, text);
    return 0;
}

/* The engine's answer: done, or at an input when other values could mend it, or instead of the form. */
int form_answered(struct request *rq, int rc, const char *said, const char *input, struct err *e)
{
    if (rc == ERR_INVALID)
        return form_at_input(rq, input, e->text);
    if (rc == 0)
        request_say(rq, "%s", said);
    return rc;
}

const char *form_filled(const struct request *rq, const char *id)
{
    return parse_trim(form_value(rq->in->values, id, ""));
}

/* What stands in the form's field for a one-time code, also as "123 456". False when it is none. */
bool form_code(const struct request *rq, char code[PARSE_CODE])
{
    AUTO_STR typed = str_fmt("code %.20s", form_filled(rq, "code"));
    parse_take_code(typed, code);
    return code[0] != '\0';
}

static bool day_of(struct request *rq, const char *input, const char *zone, int hour, int64_t *at_ms)
{
    struct err e = {0};
    if (request_day(rq, form_filled(rq, input), zone, hour, at_ms, &e) == 0)
        return true;
    form_at_input(rq, input, e.text[0] ? e.text : "Choose a day.");
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
        form_at_input(rq, "instalments", refused);
    else if (b == BOUND_MANAGER && !form_filled(rq, "why")[0])
        form_at_input(rq, "why", reason);
    else
        return true;
    return false;
}

static int submit_plan(struct request *rq, struct recovery *r, const char *ref, struct err *e)
{
    char said[SAID_SIZE] = "";
    int64_t first_ms = 0;
    int count = parse_count(form_filled(rq, "instalments"));
    (void)ref;
    if (count <= 0)
        return form_at_input(rq, "instalments", "Choose how many.");
    if (!day_of(rq, "first", case_zone(r), DUE_HOUR, &first_ms) || !terms_fit(rq, r, count, first_ms))
        return 0;
    int rc = proposal_plan(rq->engine, r, &rq->who, count, first_ms, form_filled(rq, "why"), said, sizeof said, e);
    return form_answered(rq, rc, said, "instalments", e);
}

/* Money that is given up is always asked, so it always takes a reason. */
static bool reason_given(struct request *rq)
{
    if (form_filled(rq, "why")[0])
        return true;
    form_at_input(rq, "why", "Say why: money that is given up always needs somebody's approval, and they will read it.");
    return false;
}

static bool amount_of(struct request *rq, const struct recovery *r, const char *input, struct money *out)
{
    struct err e = {0};
    if (!form_filled(rq, input)[0])
        return form_at_input(rq, input, "How much? For example: 500"), false;
    if (money_parse(out, form_filled(rq, input), r->due.currency, &e) != 0)
        return form_at_input(rq, input, e.text), false;
    return true;
}

static int counter_plan(struct request *rq, struct recovery *r, int64_t id, char *said, size_t size, struct err *e)
{
    int64_t first_ms = 0;
    int count = parse_count(form_filled(rq, "instalments"));
    if (count <= 0)
        return form_at_input(rq, "instalments", "Choose how many.");
    if (!day_of(rq, "first", case_zone(r), DUE_HOUR, &first_ms))
        return 0;
    return proposal_counter(rq->engine, id, &rq->who, count, first_ms, form_filled(rq, "why"), said, size, e);
}

static int counter_amount(struct request *rq, struct recovery *r, int64_t id, char *said, size_t size, struct err *e)
{
    struct money amount;
    if (!amount_of(rq, r, "amount", &amount))
        return 0;
    return proposal_counter_amount(rq->engine, id, &rq->who, amount, form_filled(rq, "why"), said, size, e);
}

static int submit_counter(struct request *rq, struct recovery *r, const char *ref, struct err *e)
{
    char said[SAID_SIZE] = "", code[PARSE_CODE] = "";
    int64_t id = parse_ref(span_of(ref), 'A');
    struct proposal *p = proposal_load(rq->engine, id);
    bool stale = p && rq->revision && p->revision != rq->revision && p->state == PROPOSAL_ASKED, plan = !p || p->verb == VERB_PLAN;
    proposal_free(p);
    if (stale)
        return err_set(e, ERR_STALE, "%s has changed since you opened this. Please look at its newest card.", ref);
    form_code(rq, code);
    rq->who.code = code;
    int rc = (plan ? counter_plan : counter_amount)(rq, r, id, said, sizeof said, e);
    rq->who.code = NULL;
    if (rc == 0 && !said[0])
        return 0; /* said at an input */
    return form_answered(rq, rc, said, json_object_get(rq->in->values, "code") ? "code" : plan ? "instalments" : "amount", e);
}

static int submit_credit(struct request *rq, struct recovery *r, const char *ref, struct err *e)
{
    char said[SAID_SIZE] = "";
    struct money amount;
    (void)ref;
    if (!amount_of(rq, r, "amount", &amount) || !reason_given(rq))
        return 0;
    int rc = proposal_credit(rq->engine, r, &rq->who, amount, form_filled(rq, "invoice"), form_filled(rq, "why"), said, sizeof said, e);
    return form_answered(rq, rc, said, "amount", e);
}

static int submit_settle(struct request *rq, struct recovery *r, const char *ref, struct err *e)
{
    char said[SAID_SIZE] = "";
    int64_t by_ms = 0;
    struct money pays;
    (void)ref;
    if (!amount_of(rq, r, "pays", &pays) || !day_of(rq, "by", case_zone(r), PAID_HOUR, &by_ms) || !reason_given(rq))
        return 0;
    int rc = proposal_settlement(rq->engine, r, &rq->who, pays, by_ms, form_filled(rq, "why"), said, sizeof said, e);
    return form_answered(rq, rc, said, "pays", e);
}

static int submit_hold(struct request *rq, struct recovery *r, const char *ref, struct err *e)
{
    char said[SAID_SIZE] = "", why[300] = "";
    int64_t end_ms = 0;
    (void)ref;
    if (!day_of(rq, "until", request_zone(rq), END_HOUR, &end_ms))
        return 0;
    struct hold *h = hold_of_case(rq->engine, r->id);
    enum bound b = policy_hold(rq->engine->policy, hold_counts(h) ? h->start_ms : rq->engine->now_ms, end_ms, request_zone(rq), why, sizeof why);
    hold_free(h);
    if (b == BOUND_MANAGER && !form_filled(rq, "why")[0]) {
        AUTO_STR text = str_fmt("This needs a manager: %s Say why it is worth it.", why);
        return form_at_input(rq, "why", text);
    }
    int rc = proposal_hold(rq->engine, r, &rq->who, end_ms, form_filled(rq, "why"), said, sizeof said, e);
    return form_answered(rq, rc, said, "until", e);
}

static int submit_promise(struct request *rq, struct recovery *r, const char *ref, struct err *e)
{
    char said[SAID_SIZE] = "";
    int64_t by_ms = 0;
    struct money amount;
    (void)ref;
    if (money_parse(&amount, form_filled(rq, "amount"), r->due.currency, e))
        return form_at_input(rq, "amount", e->text);
    if (!day_of(rq, "by", case_zone(r), END_HOUR, &by_ms))
        return 0;
    int rc = recovery_promise(rq->engine, r, &rq->who, amount, by_ms, said, sizeof said, e);
    return form_answered(rq, rc, said, "amount", e);
}

static int submit_dispute(struct request *rq, struct recovery *r, const char *ref, struct err *e)
{
    char said[SAID_SIZE] = "";
    (void)ref;
    if (!form_filled(rq, "why")[0])
        return form_at_input(rq, "why", "Say what they dispute.");
    return form_answered(rq, recovery_dispute(rq->engine, r, &rq->who, form_filled(rq, "why"), said, sizeof said, e), said,
                    "why", e);
}

static int submit_decline(struct request *rq, struct recovery *r, const char *ref, struct err *e)
{
    char said[SAID_SIZE] = "";
    int64_t id = parse_ref(span_of(ref), 'A');
    (void)r;
    if (!form_filled(rq, "why")[0])
        return form_at_input(rq, "why", "Say why not: whoever asked will want to know.");
    int rc = proposal_decline(rq->engine, id, &rq->who, rq->revision, form_filled(rq, "why"), said, sizeof said, e);
    return form_answered(rq, rc, said, "why", e);
}

static int submit_emergency(struct request *rq, struct recovery *r, const char *ref, struct err *e)
{
    char said[SAID_SIZE] = "", code[PARSE_CODE] = "";
    (void)r;
    if (!form_filled(rq, "why")[0])
        return form_at_input(rq, "why", "Say why it cannot wait: every approver will read it.");
    form_code(rq, code);
    rq->who.code = code;
    int rc = proposal_emergency(rq->engine, parse_ref(span_of(ref), 'A'), &rq->who, rq->revision, form_filled(rq, "why"), said, sizeof said, e);
    rq->who.code = NULL;
    return form_answered(rq, rc, said, json_object_get(rq->in->values, "code") ? "code" : "why", e);
}

/* A yes that takes a one-time code. The code is bound to the request and the revision that the form was opened on. */
static int submit_approve(struct request *rq, struct recovery *r, const char *ref, struct err *e)
{
    char said[SAID_SIZE] = "", code[PARSE_CODE] = "";
    int64_t id = parse_ref(span_of(ref), 'A');
    (void)r;
    if (!form_code(rq, code))
        return form_at_input(rq, "code", "Type the six digits your authenticator shows now.");
    rq->who.code = code;
    int rc = proposal_approve(rq->engine, id, &rq->who, rq->revision, form_filled(rq, "why"), said, sizeof said, e);
    rq->who.code = NULL;
    return form_answered(rq, rc, said, "code", e);
}

/* ---- which forms there are ---- */

static const struct form_kind kinds[] = {
    {"plan", "Offer terms", false, "instalments", "plan %s 3x from 2027-01-05 why renewal in flight", true, submit_plan},
    {"settle", "Offer a settlement", false, "pays", "settle %s 800 by 2027-01-15 why they are closing down", true, submit_settle},
    {"credit", "Give a credit", false, "amount", "credit %s 500 why two days of downtime", true, submit_credit},
    {"hold", "Hold notices", false, "until", "hold %s until friday why waiting for their new card", false, submit_hold},
    {"promise", "Promise to pay", false, "amount", "promise %s 500 by friday", false, submit_promise},
    {"dispute", "Dispute", false, "why", "dispute %s why billed twice", false, submit_dispute},
    {"decline", "Decline", true, "why", "decline %s too long for this account", false, submit_decline},
    {"emergency", "Emergency decision", true, "why", "emergency %s why the customer's service ends today", false, submit_emergency},
    {"approve", "Approve", true, "code", "approve %s code 123456", false, submit_approve},
    {"counter", "Counter-offer", true, "instalments", "counter %s 3x", false, submit_counter},
};

const struct form_kind *form_kind_of(const char *verb)
{
    for (size_t i = 0; i < DW_ARRAY_LEN(kinds); i++)
        if (str_eq(kinds[i].verb, verb))
            return &kinds[i];
    return NULL;
}
