/* What people do to a case beyond proposals: claim it, hand it on, write down a promise or a dispute, have a link sent. Each is
 * durable with the turn and leaves a journal row in the person's name. */
#include <stdio.h>
#include <string.h>

#include "engine/hold.h"
#include "engine/journal.h"
#include "engine/plan.h"
#include "engine/sm.h"
#include "engine/timer.h"
#include "engine/when.h"

bool recovery_may_work(const struct engine *e, const struct recovery *r, const struct person *p)
{
    const struct account *a = book_by_key(e->book, r->account);
    if (person_has(p, ROLE_COLLECTOR | ROLE_MANAGER | ROLE_FINANCE))
        return true;
    return person_has(p, ROLE_AE) && (str_eq(r->owner, p->key) || (a && str_eq(a->ae, p->key)));
}

static int may_act(const struct engine *e, const struct recovery *r, const struct actor *who, struct err *err)
{
    if (r->state == RECOVERY_CLOSED)
        return err_set(err, ERR_CONFLICT, "The case of %s is closed (%s); there is nothing to do.", r->name, r->outcome);
    if (!recovery_may_work(e, r, who->person))
        return err_set(err, ERR_DENIED, "This is for the account's AE, a collector or a manager. Ask %s.", r->owner[0] ? person_name_of(e->people, r->owner) : "the collections channel");
    return 0;
}

static void write_down(struct engine *e, const struct recovery *r, const struct actor *who, const char *verb, const char *text)
{
    AUTO_STR ref = str_fmt("N-%lld", (long long)r->id);
    journal_add(e, who, verb, r->id, r->account, ref, NULL, "%s %s", actor_name(who), text);
}

int recovery_claim(struct engine *e, struct recovery *r, const struct actor *who, char *said, size_t size, struct err *err)
{
    if (r->state == RECOVERY_CLOSED)
        return err_set(err, ERR_CONFLICT, "The case of %s is closed (%s); there is nothing to claim.", r->name, r->outcome);
    if (!person_has(who->person, ROLE_AE | ROLE_COLLECTOR | ROLE_MANAGER | ROLE_FINANCE))
        return err_set(err, ERR_DENIED, "Claiming is for AEs, collectors and managers.");
    if (r->claimed && !str_eq(r->owner, who->person->key))
        return err_set(err, ERR_CONFLICT, "%s has it already. Ask them to hand it on with: notmine %s", person_name_of(e->people, r->owner), r->account);
    bool again = r->claimed;
    free(r->owner);
    r->owner = str_dup(who->person->key);
    r->claimed = true;
    if (!again) {
        store_run(e->store, "UPDATE holds SET owner = ?2 WHERE case_id = ?1 AND is_live = 1", "it", r->id, r->owner);
        write_down(e, r, who, "case.claimed", "handles it");
        recovery_save(e, r);
    }
    snprintf(said, size, again ? "You have %s already. Next: %s" : "%s is yours. Next if you do nothing: %s", r->name, r->next_step);
    return 0;
}

int recovery_not_mine(struct engine *e, struct recovery *r, const struct actor *who, char *said, size_t size, struct err *err)
{
    char runs[160];
    int rc = may_act(e, r, who, err);
    if (rc != 0)
        return rc;
    if (store_i64(e->store, 0, "SELECT count(*) FROM proposals WHERE case_id = ?1 AND verb = ?2 AND is_live = 1", "ii", r->id, SM_ID(VERB_REASSIGN)))
        return err_set(err, ERR_CONFLICT, "%s is being handed on already.", r->name);
    int64_t id = policy_undo_ms(e->policy) && !e->shadow ? proposal_by(e, r, who, VERB_REASSIGN, json_object(), "not theirs") : 0;
    struct proposal *p = id ? proposal_load(e, id) : NULL;
    if (p)
        snprintf(said, size, "Thank you. %s goes to the collections channel. %s", r->name, proposal_runs_words(e, p, runs, sizeof runs));
    else
        recovery_handed_on(e, r, actor_key(who));
    if (!p)
        snprintf(said, size, "Thank you. %s went to the collections channel; nothing else changed.", r->name);
    proposal_free(p);
    return 0;
}

void recovery_handed_on(struct engine *e, struct recovery *r, const char *by)
{
    free(r->owner);
    r->owner = str_dup("");
    r->claimed = false;
    write_down(e, r, &(struct actor){.person = people_by_key(e->people, by), .name = by}, "case.handed_on", "says it is not theirs; the collections channel has it");
    recovery_save(e, r);
}

int recovery_promise(struct engine *e, struct recovery *r, const struct actor *who, struct money amount, int64_t date_ms, char *said, size_t size,
                     struct err *err)
{
    char text[MONEY_TEXT_SIZE], due[MONEY_TEXT_SIZE], day[WHEN_TEXT_SIZE];
    const char *zone = facts_str(&r->facts, "account.timezone");
    int rc = may_act(e, r, who, err);
    if (rc != 0)
        return rc;
    if (!str_eq(amount.currency, r->due.currency))
        return err_set(err, ERR_INVALID, "%s owes in %s; say the promise in %s.", r->name, r->due.currency, r->due.currency);
    if (amount.minor <= 0 || amount.minor > r->due.minor)
        return err_set(err, ERR_INVALID, "A promise is more than nothing and at most what is due: %s.", money_text(due, r->due));
    if (date_ms <= e->now_ms)
        return err_set(err, ERR_INVALID, "A promise is for a day to come; %s is past.", when_day(day, date_ms, zone));
    if (date_ms > e->now_ms + 366 * MS_DAY)
        return err_set(err, ERR_INVALID, "That is more than a year away; make it a plan.");
    store_run(e->store, "UPDATE promises SET state = 'replaced' WHERE case_id = ?1 AND state = 'open'", "i", r->id);
    store_run(e->store, "INSERT INTO promises (case_id, person, amount, currency, date_ms, state) VALUES (?1,?2,?3,?4,?5,'open')", "ititi", r->id,
              who->person->key, amount.minor, amount.currency, date_ms);
    timer_add(e, "promise", r->id, store_last_id(e->store), date_ms + MS_DAY);
    AUTO_STR words = str_fmt("wrote down a promise: %s by %s", money_text(text, amount), when_day(day, date_ms, zone));
    write_down(e, r, who, "promise", words);
    AUTO_STR next = str_fmt("The customer promised %s by %s; if it is not there the day after, a collector takes it", text, day);
    recovery_move(e, r, who, RECOVERY_PROMISED, next, date_ms + MS_DAY);
    snprintf(said, size, "Noted: %s promised %s by %s. I look on the day after and tell you.", r->name, text, day);
    return 0;
}

/* Nothing goes out and nothing is charged until a person has settled it. */
void recovery_dispute_begin(struct engine *e, struct recovery *r, const struct actor *who, const char *because, const char *now)
{
    timer_cancel(e, "retry", r->id, r->id);
    plan_stop(e, r, because);
    proposals_withdraw(e, r, SM_BIT(VERB_RETRY) | SM_BIT(VERB_INSTALMENT), because);
    struct hold *h = hold_of_case(e, r->id);
    int64_t end = when_business_hour(when_add_days(e->now_ms, 14, NULL), 9, facts_str(&r->facts, "account.timezone"));
    if (hold_counts(h) && h->end_ms > end)
        end = h->end_ms;
    AUTO_STR next = str_fmt("%s; no notice and no retry runs until {ms:%lld}", now, (long long)end);
    recovery_move(e, r, who, RECOVERY_DISPUTED, next, end);
    proposals_disputed(e, r);
    if (hold_counts(h) && h->end_ms < end && !e->shadow)
        hold_set_end(e, r, h, end, "resume", because);
    else if (!hold_counts(h) && !e->shadow)
        proposal_auto(e, r, VERB_HOLD, hold_terms(r, end, end - MS_DAY, "resume", because), "a disputed invoice is not dunned");
    hold_free(h);
}

int recovery_dispute(struct engine *e, struct recovery *r, const struct actor *who, const char *why, char *said, size_t size, struct err *err)
{
    int rc = may_act(e, r, who, err);
    if (rc != 0)
        return rc;
    if (!why || !why[0])
        return err_set(err, ERR_INVALID, "Say what is disputed: dispute %s <what the customer says>", r->account);
    AUTO_STR words = str_fmt("wrote down a dispute: %s", why);
    write_down(e, r, who, "dispute", words);
    recovery_dispute_begin(e, r, who, "the invoice is disputed", "Somebody settles the dispute with the customer");
    snprintf(said, size, "Noted: %s disputes the invoice. Notices and retries are stopped for it; settle it, then: resume %s", r->name, r->account);
    return 0;
}

int recovery_send_link(struct engine *e, struct recovery *r, const struct actor *who, char *said, size_t size, struct err *err)
{
    int rc = may_act(e, r, who, err);
    if (rc != 0)
        return rc;
    if (store_i64(e->store, 0, "SELECT count(*) FROM proposals WHERE case_id = ?1 AND verb = ?2 AND is_live = 1", "ii", r->id, SM_ID(VERB_LINK)))
        return err_set(err, ERR_CONFLICT, "A link is being sent already.");
    const char *class = facts_str(&r->facts, "payment.class");
    json_t *terms = json_object();
    json_put(terms, "purpose", str_eq(class, "H") || str_eq(class, "N") ? "update_method" : "pay");
    json_put(terms, "invoice", recovery_invoice(r));
    write_down(e, r, who, "link.asked", "asks to send the customer a link");
    AUTO_STR why = str_fmt("%s asked for it", actor_name(who));
    struct proposal *p = proposal_load(e, proposal_by(e, r, who, VERB_LINK, terms, why));
    snprintf(said, size, e->shadow ? "Shadow mode: recorded, nothing is sent." : e->mail ? "The link goes to the account's e-mail address; the card, and \"history %s\", say whether it was delivered to the mail server." : "No mail server is set up here, so the link has to be sent by hand, from the invoice in the billing system. \"history %s\" keeps the record.", r->account);
    size_t n = strlen(said);
    if (p && proposal_undoable(e, p) && n + 2 < size) {
        said[n] = ' ';
        proposal_runs_words(e, p, said + n + 1, size - n - 1);
    }
    proposal_free(p);
    return 0;
}
