/* Releasing an account at Zuora: what the hold found is put back, and nothing else.
 *
 * The profile is put back only while the muted one is still there: if somebody has chosen another since, theirs stands.
 * autoPay is only ever switched on, and only if it was on before. An account that was in a cycle of Configurable Payment
 * Retry goes back into it by its last refused payment, where the invoice is still open; CPR then switches autoPay off by
 * itself, so that is read back before. Where CPR had switched it off and the invoice has been paid since, nobody knows what
 * was meant before the cycle: it stays off, and the result says so in a note, for a person.
 *
 * A retry cycle that cannot be entered again does not fail the release, for notices and autoPay run again by then; it is
 * noted as well. */
#include "adapters/billing/zuora.h"

#include "engine/when.h"

enum { WRITES_MAX = 3, LOOKS_MAX = 3, SAID_MAX = 160 };

#define LOOK_AGAIN_MS (4 * MS_SECOND)

static const json_t *prior(const struct zuora_call *c)
{
    return json_at(c->args, "prior.account");
}

static const char *cycle_invoice(const struct zuora_call *c)
{
    const json_t *row = json_array_get(json_object_get(prior(c), "cycles"), (size_t)json_i64(c->stage, "i", 0));
    return json_str(row, "invoice", "");
}

static void release_begin(struct zuora_call *c)
{
    json_put_i64(c->stage, "i", 0);
    if (!*zuora_arg(c, "customer"))
        zuora_refuse(c, "a customer is needed");
}

static void release_finish(struct zuora_call *c, bool missing)
{
    const char *note = json_str(c->stage, "note", NULL);
    json_t *ids = json_object_get(c->args, "invoices");
    json_t *result = json_object();
    json_put_new(result, "released", json_is_array(ids) ? json_copy(ids) : json_array());
    if (missing)
        json_put_new(result, "missing", json_pack("[s]", zuora_arg(c, "customer")));
    if (note)
        json_put(result, "note", note);
    zuora_done(c, result);
}

static void add_note(struct zuora_call *c, const char *text)
{
    const char *before = json_str(c->stage, "note", NULL);
    AUTO_STR both = str_fmt("%s%s%s", before ? before : "", before ? "; " : "", text);
    json_put(c->stage, "note", both);
}

/* --- the account --- */

static bool auto_pay(const struct zuora_call *c)
{
    return json_flag(c->body, "billingAndPayment.autoPay", false);
}

static bool muted(const struct zuora_call *c)
{
    const char *wanted = json_str(prior(c), "profile", ""), *is = json_str(c->body, "basicInfo.communicationProfileId", "");
    return c->config->muted_profile && str_eq(is, c->config->muted_profile) && !str_eq(is, wanted);
}

/* What is still to be put back on the account. False: nothing. */
static bool wanting(const struct zuora_call *c, bool *profile, bool *pays)
{
    *profile = muted(c);
    *pays = json_flag(prior(c), "auto_pay", false) && !auto_pay(c);
    return *profile || *pays;
}

static void cycles_begin(struct zuora_call *c)
{
    bool any = json_array_size(json_object_get(prior(c), "cycles")) > 0;
    json_put_i64(c->stage, "i", 0);
    json_put_i64(c->stage, "looks", 0);
    if (any && zuora_has_cpr(c)) {
        zuora_go(c, "invoice");
        return;
    }
    if (any)
        add_note(c, "the account was in a retry cycle, and Configurable Payment Retry is not configured any more: submit it there by hand");
    release_finish(c, false);
}

static void account_take(struct zuora_call *c)
{
    bool profile, pays;
    json_put(c->stage, "id", json_str(c->body, "basicInfo.id", ""));
    bool works = wanting(c, &profile, &pays);
    json_put_new(c->stage, "profile", json_boolean(profile));
    json_put_new(c->stage, "pays", json_boolean(pays));
    if (profile && !*json_str(prior(c), "profile", ""))
        zuora_refuse(c, "the account is on the muted profile, and which one it had before is not known: choose it in Zuora");
    else if (works)
        zuora_go(c, "set");
    else
        cycles_begin(c);
}

/* What is gone cannot be held: the release must not hang on it for ever. */
static bool account_trouble(struct zuora_call *c)
{
    if (!zuora_not_found(c))
        return false;
    release_finish(c, true);
    return true;
}

static void set_send(struct zuora_call *c)
{
    bool profile = json_flag(c->stage, "profile", false), pays = json_flag(c->stage, "pays", false);
    AUTO_BUF body = BUF(4096);
    buf_adds(&body, "{");
    if (profile) {
        buf_adds(&body, "\"communicationProfileId\":");
        zuora_add_string(&body, json_str(prior(c), "profile", ""));
    }
    if (pays)
        buf_addf(&body, "%s\"autoPay\":true", profile ? "," : "");
    buf_adds(&body, "}");
    zuora_put(c, "v1/accounts/", json_str(c->stage, "id", ""), "", buf_text(&body));
}

static void set_take(struct zuora_call *c)
{
    json_put_i64(c->stage, "looks", 0);
    zuora_go(c, "back");
}

static void back_take(struct zuora_call *c)
{
    bool profile, pays;
    int64_t looks = json_i64(c->stage, "looks", 0) + 1, writes = json_i64(c->stage, "writes", 0);
    if (!wanting(c, &profile, &pays)) {
        cycles_begin(c);
        return;
    }
    json_put_i64(c->stage, "looks", looks);
    if (looks < LOOKS_MAX) {
        zuora_unknown(c, "back", LOOK_AGAIN_MS, "Zuora does not show the change yet; looking once more");
        return;
    }
    json_put_i64(c->stage, "looks", 0);
    json_put_i64(c->stage, "writes", ++writes);
    if (writes < WRITES_MAX)
        zuora_go(c, "set");
    else
        zuora_refuse(c, "read back: the account was not changed at Zuora");
}

/* --- the retry cycle --- */

static void cycle_next(struct zuora_call *c)
{
    json_put_i64(c->stage, "i", json_i64(c->stage, "i", 0) + 1);
    json_put_i64(c->stage, "looks", 0);
    zuora_go(c, "invoice");
    if (!*cycle_invoice(c))
        release_finish(c, false);
}

static void invoice_send(struct zuora_call *c)
{
    zuora_get(c, "v1/invoices/", cycle_invoice(c), "");
}

static void invoice_take(struct zuora_call *c)
{
    char currency[4];
    zuora_currency(currency, c->body, "currency");
    int64_t due = zuora_amount(c->body, "balance", currency);
    json_put_i64(c->stage, "due", due);
    if (str_eq(json_str(c->body, "status", ""), "Posted") && due > 0) {
        zuora_go(c, "cpr_cycle");
        return;
    }
    if (!json_flag(prior(c), "auto_pay", false))
        add_note(c, "autoPay stays off: the retry cycle had switched it off, and the invoice is paid; switch it on in Zuora if it is wanted");
    cycle_next(c);
}

static bool invoice_trouble(struct zuora_call *c)
{
    if (!zuora_not_found(c))
        return false;
    cycle_next(c);
    return true;
}

static void cycle_send(struct zuora_call *c)
{
    zuora_cpr(c, "GET", "api/v1/payments/active_invoice_cycle_information/", cycle_invoice(c), NULL);
}

static void cycle_take(struct zuora_call *c)
{
    if (json_array_size(json_object_get(c->body, "cycles")) > 0)
        cycle_next(c);
    else
        zuora_go(c, "failed");
}

static bool cycle_trouble(struct zuora_call *c)
{
    if (!zuora_not_found(c))
        return false;
    zuora_go(c, "failed");
    return true;
}

static void not_again(struct zuora_call *c, const char *why)
{
    AUTO_STR note = str_fmt("invoice %.60s could not be put back in its retry cycle: %.160s", cycle_invoice(c), why);
    add_note(c, note);
    cycle_next(c);
}

static void failed_send(struct zuora_call *c)
{
    AUTO_BUF path = BUF(1024);
    buf_adds(&path, "v1/payments?accountId=");
    buf_add_url(&path, json_str(c->stage, "id", ""));
    buf_adds(&path, "&status=Error&pageSize=40");
    zuora_get(c, buf_text(&path), NULL, "");
}

/* The latest refused payment of just what is due, else the latest at all. */
static void failed_take(struct zuora_call *c)
{
    const json_t *row, *best = NULL;
    int64_t best_ms = -1, due = json_i64(c->stage, "due", 0);
    bool best_fits = false;
    size_t i;
    json_array_foreach(json_object_get(c->body, "payments"), i, row) {
        char currency[4];
        zuora_currency(currency, row, "currency");
        bool fits = zuora_amount(row, "amount", currency) == due;
        int64_t at = zuora_ms(json_str(row, "createdDate", ""), NULL);
        if ((fits && !best_fits) || (fits == best_fits && at > best_ms)) {
            best = row;
            best_ms = at;
            best_fits = fits;
        }
    }
    json_put(c->stage, "payment", json_str(best, "id", ""));
    zuora_go(c, "cpr_submit");
    if (!*json_str(best, "id", ""))
        not_again(c, "there is no refused payment of it");
}

static void submit_send(struct zuora_call *c)
{
    AUTO_BUF body = BUF(1024);
    buf_adds(&body, "{\"payment_id\":");
    zuora_add_string(&body, json_str(c->stage, "payment", ""));
    buf_adds(&body, "}");
    zuora_cpr(c, "POST", "api/v1/payments/submit_failed_payment", NULL, buf_text(&body));
}

static void submit_take(struct zuora_call *c)
{
    zuora_go(c, "cpr_in");
}

static bool submit_trouble(struct zuora_call *c)
{
    char said[SAID_MAX];
    zuora_said(c, said, sizeof said);
    not_again(c, *said ? said : "Configurable Payment Retry refuses it");
    return true;
}

/* Submitting is no state: an answer that was lost is looked at, and never submitted again. */
static void in_take(struct zuora_call *c)
{
    int64_t looks = json_i64(c->stage, "looks", 0) + 1;
    json_put_i64(c->stage, "looks", looks);
    if (json_array_size(json_object_get(c->body, "cycles")) > 0)
        cycle_next(c);
    else if (looks < LOOKS_MAX)
        zuora_unknown(c, "cpr_in", LOOK_AGAIN_MS, "the retry cycle is not to be seen yet; looking once more");
    else
        not_again(c, "read back, the cycle is not there");
}

static bool in_trouble(struct zuora_call *c)
{
    if (!zuora_not_found(c))
        return false;
    in_take(c);
    return true;
}

static const struct zuora_state states[] = {
    {"account", zuora_account_send, account_take, account_trouble, NULL},
    {"set", set_send, set_take, NULL, "back"},
    {"back", zuora_account_send, back_take, NULL, NULL},
    {"invoice", invoice_send, invoice_take, invoice_trouble, NULL},
    {"cpr_cycle", cycle_send, cycle_take, cycle_trouble, NULL},
    {"failed", failed_send, failed_take, NULL, NULL},
    {"cpr_submit", submit_send, submit_take, submit_trouble, "cpr_in"},
    {"cpr_in", cycle_send, in_take, in_trouble, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

const struct zuora_op zuora_release = {"release", release_begin, states, NULL};
