/* A remark at the billing system about what people decided here: whoever looks at an invoice there sees who agreed to what, and
 * why. It is a courtesy and never in the way: it goes in a lane of its own, so that it holds nothing up, once for each decision,
 * and when it fails that is written down and nothing else changes. Only billing systems that take remarks by themselves get one. */
#include "engine/billing_note.h"

#include <stdio.h>

#include "engine/approval.h"
#include "engine/buf.h"
#include "engine/effect.h"
#include "engine/journal.h"
#include "engine/readings.h"

/* People decided it: asked for it, or said yes to it. The machine's own steps need no explanation at billing. */
static bool is_wanted(const struct engine *e, const struct proposal *p)
{
    bool kind = p->verb == VERB_PLAN || p->verb == VERB_HOLD || p->verb == VERB_EXTEND || p->verb == VERB_CREDIT || p->verb == VERB_WRITE_OFF || p->verb == VERB_SETTLE;
    bool by_people = !str_eq(p->requester, "policy") || p->decider[0];
    return kind && by_people && !e->shadow && policy_notes_to_billing(e->policy);
}

static const char *invoice_of(const struct recovery *r, const struct proposal *p)
{
    const char *first = json_str(json_array_get(json_at(p->terms, "parts"), 0), "invoice", "");
    return first[0] ? first : recovery_invoice(r);
}

/* "Dunwell A-17: credit $200.00 on invoice 1002. Asked by Otto Executive: downtime. Approved by Mara Manager: agreed." */
static void note_words(struct engine *e, const struct proposal *p, struct buf *out)
{
    char words[300], ref[32];
    struct tally t;
    snprintf(ref, sizeof ref, "A-%lld", (long long)p->id);
    proposal_words(p, words, sizeof words);
    buf_addf(out, "Dunwell %s: %s.", ref, words);
    if (!str_eq(p->requester, "policy"))
        buf_addf(out, " Asked by %s%s%.300s.", person_name_of(e->people, p->requester), p->reason[0] ? ": " : "", p->reason);
    votes_of(e, ref, &t);
    for (size_t i = 0; i < t.n; i++)
        buf_addf(out, "%s%s%s%.200s%s", i ? ", " : " Approved by ", person_name_of(e->people, t.votes[i].person), t.votes[i].reason[0] ? ": " : "", t.votes[i].reason,
                 i + 1 < t.n ? "" : ".");
}

void billing_note(struct engine *e, const struct recovery *r, const struct proposal *p)
{
    const char *how = "", *invoice = invoice_of(r, p);
    struct billed at = recovery_billed_of(r, invoice);
    if (!is_wanted(e, p) || !str_eq(e->world.capability(e->world.ctx, at.biller, "note", &how), "native"))
        return;
    AUTO_BUF text = BUF(2000);
    AUTO_STR lane = str_fmt("%s:%s:note", at.biller, at.customer);
    AUTO_STR key = str_fmt("dunwell-note-p%lld", (long long)p->id);
    note_words(e, p, &text);
    json_t *args = json_object();
    json_put(args, "customer", at.customer);
    if (invoice[0])
        json_put(args, "invoice", invoice);
    json_put(args, "text", buf_text(&text));
    json_put_new(args, "case", json_sprintf("N-%lld", (long long)r->id));
    json_put_new(args, "ref", json_sprintf("A-%lld", (long long)p->id));
    effect_add(e, &(struct effect_spec){.lane = lane, .driver = at.biller, .op = "note", .key = key, .take_args = args, .case_id = r->id, .purpose = "note"});
}

void billing_note_ended(struct engine *e, int64_t case_id, const char *biller, const json_t *args, bool done, const char *reason)
{
    struct recovery *r = recovery_load(e, case_id);
    if (!r)
        return;
    const char *ref = json_str(args, "ref", "");
    journal_add(e, &(struct actor){.name = biller}, done ? "note.left" : "note.failed", r->id, r->account, ref, NULL, done ? "%s keeps a remark about %s%s" : "%s took no remark about %s: %s",
                biller, ref, done ? "" : reason);
    recovery_free(r);
}
