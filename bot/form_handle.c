/* From a button to a form and from a form to the same engine calls that a command makes.
 *
 * A trigger lives three seconds, so a form is opened empty at once and filled by an update when it is there
 * (forms_opened). While a person changes inputs, each change asks for one more update; one that has not left yet
 * is dropped for the newer, and the lane of the view keeps the rest in order, so the newest always wins. A filling that is
 * refused for good is replaced by a plain sentence, once, and when that is refused too, it is said beside the form. What is
 * wrong with a submission is said at the input it belongs to; what no input can mend (the case is closed, no
 * right) replaces the form. */
#include <string.h>

#include "bot/cards.h"
#include "bot/commands.h"
#include "bot/form_kinds.h"
#include "bot/form_parts.h"
#include "bot/words.h"
#include "engine/effect.h"
#include "engine/when.h"

enum { OPEN_MS = 3000, UPDATE_MS = 60000, STALE_MOST = 8, REF_SIZE = 32 };

/* ---- which forms there are ---- */

bool form_known(const char *action)
{
    return form_kind_of(action) != NULL;
}

bool form_wanted(struct request *rq, const char *action, const char *ref)
{
    if (ref[0] == 'P')
        return form_policy_wanted(rq->engine, action);
    if (!str_eq(action, "approve"))
        return form_known(action);
    struct proposal *p = proposal_load(rq->engine, parse_ref(span_of(ref), 'A'));
    bool wanted = p && p->state == PROPOSAL_ASKED && proposal_takes_code(rq->engine, p, rq->who.person);
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
    if (ref[0] == 'P')
        return form_policy(e, k->verb, ref);
    struct recovery *r = case_of(e, k, plain, &p);
    if (!r || r->state == RECOVERY_CLOSED || (k->of_request && p->state != PROPOSAL_ASKED)) {
        f = form_new(k->verb, ref, k->title, NULL);
        form_note(f, "This has been settled meanwhile: there is nothing left to do here.");
    } else if (str_eq(k->verb, "plan")) {
        f = form_plan(e, r, values);
    } else if (str_eq(k->verb, "settle")) {
        f = form_settle(e, r, values);
    } else if (str_eq(k->verb, "credit")) {
        f = form_credit(e, r, values);
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

static int case_over(const struct recovery *r, struct err *e)
{
    return err_set(e, ERR_CONFLICT, "The case of %.100s is closed (%.60s): there is nothing to do any more.", r->name, r->outcome);
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
        rc = case_over(r, e);
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

/* A counter-offer to a credit or a settlement is an amount, not a number of instalments. */
static bool is_about_amount(struct engine *e, const struct form_kind *k, const char *ref)
{
    struct proposal *p = str_eq(k->verb, "counter") ? proposal_load(e, parse_ref(span_of(ref), 'A')) : NULL;
    bool amount = p && p->verb != VERB_PLAN;
    proposal_free(p);
    return amount;
}

static const char *typed_for(struct engine *e, const struct form_kind *k, const char *ref)
{
    return is_about_amount(e, k, ref) ? "counter %s 500" : k->typed;
}

int form_open(struct request *rq, const char *form, const char *ref, int64_t revision, struct err *e)
{
    const struct chat_input *in = rq->in;
    const struct form_kind *k = form_kind_of(form);
    int rc = ref[0] == 'P' ? form_policy_may_open(rq, k->verb, ref, e) : may_open(rq, k, ref, e);
    if (rc)
        return rc;
    if (!in->trigger || !in->dedupe) {
        const char *typed = typed_for(rq->engine, k, ref), *gap = strstr(typed, "%s");
        request_say(rq, "Forms cannot be opened here. Type it instead, for example: %.*s%s%s", (int)(gap - typed), typed, ref, gap + 2);
        return 0;
    }
    AUTO_STR seen = str_fmt("%s@%lld", ref, (long long)revision);
    AUTO_STR lane = str_fmt("form:%s", in->trigger);
    AUTO_STR key = str_fmt("form-%s-%s", in->platform, in->dedupe);
    json_t *args = json_object();
    json_put(args, "trigger", in->trigger);
    json_put(args, "asker", in->user); /* who waits for it, and where */
    if (in->channel)
        json_put(args, "asked_in", in->channel);
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

/* Whose form it is stands with it, for when it cannot be shown. */
struct filling {
    const char *platform, *view, *once, *asker, *asked_in;
    bool plain; /* what else could be shown was refused */
    json_t *take_form;
};

static void form_update(struct engine *e, const struct filling *f)
{
    AUTO_STR lane = str_fmt("form:%s", f->view);
    AUTO_STR key = str_fmt("view-%s-%s", f->view, f->once);
    json_t *args = json_object();
    json_put(args, "view", f->view);
    json_put(args, "asker", f->asker);
    if (f->asked_in)
        json_put(args, "asked_in", f->asked_in);
    if (f->plain)
        json_put_new(args, "plain", json_true());
    json_put_new(args, "form", f->take_form);
    drop_older(e, lane);
    effect_add(e, &(struct effect_spec){.lane = lane,
                                        .driver = f->platform,
                                        .op = "update_form",
                                        .key = key,
                                        .take_args = args,
                                        .purpose = "view",
                                        .deadline_ms = e->now_ms + UPDATE_MS});
}

/* What happened, and the command that does without the form. The caller frees. */
static char *typed_instead(struct engine *e, const struct chat_end *end, const struct form_kind *k, const char *what)
{
    char ref[REF_SIZE];
    parse_revision(ref, sizeof ref, json_str(end->args, "form.ref", ""));
    const char *typed = typed_for(e, k, ref), *gap = strstr(typed, "%s");
    return str_fmt("%s, or type it instead, for example: %.*s%s%s", what, (int)(gap - typed), typed, ref, gap + 2);
}

static void tell_asker(struct engine *e, const struct chat_end *end, const char *text)
{
    const char *asker = json_str(end->args, "asker", "");
    if (asker[0])
        chat_whisper(e, end->platform, asker, json_str(end->args, "asked_in", NULL), end->key, text);
}

/* Whoever clicked sees nothing happen, or, when the answer to the first try was lost, a form that will never be filled. */
static void not_opened(struct engine *e, const struct chat_end *end, const struct form_kind *k)
{
    AUTO_STR text = typed_instead(e, end, k, "The form did not open, and nothing was changed. Please click again (close the form first, if an empty one stands there)");
    tell_asker(e, end, text);
}

void forms_filled(struct engine *e, const struct chat_end *end)
{
    const struct form_kind *k = form_kind_of(json_str(end->args, "form.id", ""));
    if (!k || end->result)
        return;
    AUTO_STR text = typed_instead(e, end, k, "The form cannot be shown, and nothing was changed. Please close it and click again");
    if (json_flag(end->args, "plain", false)) {
        tell_asker(e, end, text);
        return;
    }
    json_t *plain = form_new(k->verb, json_str(end->args, "form.ref", ""), k->title, NULL);
    form_note(plain, text);
    form_update(e, &(struct filling){.platform = end->platform, .view = json_str(end->args, "view", ""), .once = end->key, .plain = true, .take_form = plain,
                                     .asker = json_str(end->args, "asker", ""), .asked_in = json_str(end->args, "asked_in", NULL)});
}

void forms_opened(struct engine *e, const struct chat_end *end)
{
    const char *view = json_str(end->result, "view", "");
    const struct form_kind *k = form_kind_of(json_str(end->args, "form.id", ""));
    if (k && !end->result)
        not_opened(e, end, k);
    else if (k && view[0])
        form_update(e, &(struct filling){.platform = end->platform, .view = view, .once = "opened", .asker = json_str(end->args, "asker", ""),
                                         .asked_in = json_str(end->args, "asked_in", NULL),
                                         .take_form = form_fill(e, k, json_str(end->args, "form.ref", ""), NULL)});
}

/* Another offer was chosen than the one whose form this is: it becomes that one's, if this person may ask for it. */
static const struct form_kind *kind_chosen(const struct request *rq)
{
    const struct form_kind *k = form_kind_of(rq->in->form), *other = form_kind_of(form_value(rq->in->values, "offer", ""));
    const struct command *c = other ? command_find(span_of(other->verb)) : NULL;
    return c && other->offer && command_allowed(c, rq->who.person) ? other : k;
}

int form_change(struct request *rq, struct err *e)
{
    const struct chat_input *in = rq->in;
    const struct form_kind *k = kind_chosen(rq);
    (void)e;
    if (k && in->view && in->dedupe)
        form_update(rq->engine, &(struct filling){.platform = in->platform, .view = in->view, .once = in->dedupe, .asker = in->user, .asked_in = in->channel,
                                                  .take_form = form_fill(rq->engine, k, in->ref, in->values)});
    return 0;
}

int form_submit(struct request *rq, struct err *e)
{
    char ref[REF_SIZE];
    const struct form_kind *k = form_kind_of(rq->in->form);
    struct proposal *p = NULL;
    rq->revision = parse_revision(ref, sizeof ref, rq->in->ref);
    if (ref[0] == 'P')
        return form_policy_submit(rq, k->verb, ref, e);
    struct recovery *r = case_of(rq->engine, k, ref, &p);
    const char *why = form_filled(rq, "why");
    int rc =
        r ? 0 : err_set(e, ERR_NOT_FOUND, "I do not find %s any more.", ref[0] ? ref : "what this form was about");
    if (!rc && !k->of_request && r->state == RECOVERY_CLOSED) /* paid while the form was open, and no input can mend that */
        rc = case_over(r, e);
    else if (!rc && parse_check(why, e))
        form_at_input(rq, "why", e->text);
    else if (!rc && k != kind_chosen(rq))
        form_at_input(rq, "offer", "The form is still changing to what you chose. Please look at it and send it again.");
    else if (!rc)
        rc = k->submit(rq, r, ref, e);
    proposal_free(p);
    recovery_free(r);
    return rc;
}
