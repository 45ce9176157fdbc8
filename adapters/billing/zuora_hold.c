/* Holding an account at Zuora: nobody writes, nobody charges.
 *
 * Three engines act on an overdue account by themselves, and a hold has to stop all of them: notices go by the account's
 * communication profile, payment runs by autoPay, and Configurable Payment Retry (CPR) by its own cycle, which neither of
 * the two touches. So the account is put on the muted profile with autoPay off, then every retry cycle is left, and all of
 * it is read back. The unit is the account: its other invoices are quiet as well.
 *
 * What was before is in result.prior.account = {profile, auto_pay, cycles:[{invoice}]}. CPR switches autoPay off when a
 * cycle begins, so an "off" that is found inside a cycle is CPR's, not the customer's wish: after the cycle was left the
 * account is read once more, and if CPR has put autoPay on again, then "on" is what was before (and it is set off again).
 *
 * Everything is read before anything is written, so a wrong id changes nothing. A write sets a state and may be repeated,
 * three times at most, each time after a look that found it missing; a look is repeated before, because Zuora's reads may
 * lag. If the second half cannot be done, the first half is put back: a half hold that nobody knows of would never end. */
#include "adapters/billing/zuora.h"

#include <strings.h>

#include "engine/when.h"

enum { INVOICES_MAX = 100, WRITES_MAX = 3, LOOKS_MAX = 3, SAID_MAX = 160 };

#define LOOK_AGAIN_MS (4 * MS_SECOND)

/* The stage: list: [{id, open, cycle}], i; id (the account's), profile, auto_pay (as found); prior {profile, auto_pay};
 * touched: this job may have changed the account; left: the cycles were left; why: then it is being put back. */

static json_t *item(const struct zuora_call *c)
{
    return json_array_get(json_object_get(c->stage, "list"), (size_t)json_i64(c->stage, "i", 0));
}

static const char *item_id(const struct zuora_call *c)
{
    return json_str(item(c), "id", "");
}

/* The next invoice from `from` on that is open (and in a cycle). False when there is none. */
static bool item_seek(struct zuora_call *c, int64_t from, bool in_cycle)
{
    json_put_i64(c->stage, "i", from);
    while (item(c)) {
        if (json_flag(item(c), "open", false) && (!in_cycle || json_flag(item(c), "cycle", false)))
            return true;
        json_put_i64(c->stage, "i", ++from);
    }
    return false;
}

void zuora_quiet_begin(struct zuora_call *c)
{
    const json_t *ids = json_object_get(c->args, "invoices"), *id;
    const char *name = c->config->base.name ? c->config->base.name : "zuora";
    json_t *list = json_array();
    size_t i;
    json_array_foreach(ids, i, id)
        if (json_is_string(id) && *json_string_value(id))
            json_array_append_new(list, json_pack("{s:O}", "id", id));
    json_put_new(c->stage, "list", list);
    json_put_i64(c->stage, "i", 0);
    if (json_array_size(list) == 0 || json_array_size(list) != json_array_size(ids) || json_array_size(list) > INVOICES_MAX)
        zuora_refuse(c, "between 1 and %d invoice ids are needed", INVOICES_MAX);
    else if (!*zuora_arg(c, "customer"))
        zuora_refuse(c, "a customer is needed");
    else if (!c->config->muted_profile || !*c->config->muted_profile)
        zuora_refuse(c, "Zuora's notices can only be stopped with billing.%s.muted_profile, and that is not configured", name);
}

json_t *zuora_quiet_result(const struct zuora_call *c)
{
    json_t *held = json_array(), *cycles = json_array(), *row;
    size_t i;
    json_array_foreach(json_object_get(c->stage, "list"), i, row) {
        if (json_flag(row, "open", false))
            json_array_append(held, json_object_get(row, "id"));
        if (json_flag(row, "cycle", false))
            json_array_append_new(cycles, json_pack("{s:O}", "invoice", json_object_get(row, "id")));
    }
    json_t *account = json_object();
    json_put(account, "profile", json_str(c->stage, "prior.profile", ""));
    json_put_new(account, "auto_pay", json_boolean(json_flag(c->stage, "prior.auto_pay", false)));
    json_put_new(account, "cycles", cycles);
    json_t *result = json_object(), *prior = json_object();
    json_put_new(prior, "account", account);
    json_put(result, "id", json_str(c->stage, "id", ""));
    json_put_new(result, "held", held);
    json_put_new(result, "prior", prior);
    return result;
}

void zuora_quiet(struct zuora_call *c)
{
    if (str_eq(c->job->op, "plan"))
        zuora_plan_next(c);
    else
        zuora_done(c, zuora_quiet_result(c));
}

void zuora_quiet_fail(struct zuora_call *c, const char *why)
{
    if (!json_flag(c->stage, "touched", false)) {
        zuora_refuse(c, "%s", why);
        return;
    }
    json_put_new(c->stage, "why", json_text_safe(why));
    json_put_i64(c->stage, "writes", 0);
    json_put_i64(c->stage, "looks", 0);
    zuora_go(c, "undo");
}

/* --- before --- */

static bool auto_pay(const struct zuora_call *c)
{
    return json_flag(c->body, "billingAndPayment.autoPay", false);
}

static void account_take(struct zuora_call *c)
{
    const char *profile = json_str(c->body, "basicInfo.communicationProfileId", "");
    json_t *prior = json_object();
    json_put(c->stage, "id", json_str(c->body, "basicInfo.id", ""));
    json_put(c->stage, "method", json_str(c->body, "billingAndPayment.defaultPaymentMethodId", ""));
    json_put(prior, "profile", profile);
    json_put_new(prior, "auto_pay", json_boolean(auto_pay(c)));
    json_put_new(c->stage, "prior", prior);
    bool quiet = str_eq(profile, c->config->muted_profile) && !auto_pay(c);
    json_put_new(c->stage, "quiet", json_boolean(quiet));
    zuora_go(c, "invoice");
    if (!*json_str(c->stage, "id", ""))
        zuora_refuse(c, "Zuora shows an account without an id");
    else if (!*profile)
        zuora_refuse(c, "Zuora shows no communication profile for the account, so it could not be put back after the hold");
}

static void invoice_send(struct zuora_call *c)
{
    zuora_get(c, "v1/invoices/", item_id(c), "");
}

static void set_next(struct zuora_call *c)
{
    zuora_go(c, json_flag(c->stage, "quiet", false) ? "back" : "set");
}

static void learned(struct zuora_call *c)
{
    if (!item_seek(c, 0, false))
        zuora_refuse(c, "nothing is open any more");
    else if (zuora_has_cpr(c))
        zuora_go(c, "cpr_cycle");
    else
        set_next(c);
}

static void invoice_take(struct zuora_call *c)
{
    char currency[4];
    if (!str_eq(json_str(c->body, "accountId", ""), json_str(c->stage, "id", ""))) {
        zuora_refuse(c, "invoice %.80s belongs to another customer", item_id(c));
        return;
    }
    zuora_currency(currency, c->body, "currency");
    int64_t due = zuora_amount(c->body, "balance", currency);
    bool open = str_eq(json_str(c->body, "status", ""), "Posted") && due > 0;
    json_put_new(item(c), "open", json_boolean(open));
    json_put_i64(item(c), "due", due);
    json_put(item(c), "currency", currency);
    json_put_i64(c->stage, "i", json_i64(c->stage, "i", 0) + 1);
    if (!item(c))
        learned(c);
}

static bool invoice_trouble(struct zuora_call *c)
{
    if (!zuora_not_found(c))
        return false;
    zuora_refuse(c, "Zuora does not know invoice %.80s", item_id(c));
    return true;
}

static void cycle_send(struct zuora_call *c)
{
    zuora_cpr(c, "GET", "api/v1/payments/active_invoice_cycle_information/", item_id(c), NULL);
}

/* Only active cycles are listed there; one that says it is over is not believed to be. */
static bool cycle_runs(const struct zuora_call *c)
{
    static const char *const over[] = {"completed", "canceled", "cancelled", "stopped", "removed"};
    const json_t *row;
    size_t i;
    json_array_foreach(json_object_get(c->body, "cycles"), i, row) {
        bool runs = true;
        for (size_t k = 0; k < DW_ARRAY_LEN(over); k++)
            runs = runs && strcasecmp(json_str(row, "status", ""), over[k]) != 0;
        if (runs)
            return true;
    }
    return false;
}

static void cycle_next(struct zuora_call *c)
{
    if (!item_seek(c, json_i64(c->stage, "i", 0) + 1, false))
        set_next(c);
}

static void cycle_take(struct zuora_call *c)
{
    json_put_new(item(c), "cycle", json_boolean(cycle_runs(c)));
    cycle_next(c);
}

static bool cycle_trouble(struct zuora_call *c)
{
    if (!zuora_not_found(c))
        return false;
    cycle_next(c);
    return true;
}

/* --- the account --- */

static void account_put(struct zuora_call *c, const char *profile, bool pays)
{
    AUTO_BUF body = BUF(4096);
    buf_adds(&body, "{\"communicationProfileId\":");
    zuora_add_string(&body, profile);
    buf_addf(&body, ",\"autoPay\":%s}", pays ? "true" : "false");
    zuora_put(c, "v1/accounts/", json_str(c->stage, "id", ""), "", buf_text(&body));
}

static void set_send(struct zuora_call *c)
{
    json_put_new(c->stage, "touched", json_true());
    account_put(c, c->config->muted_profile, false);
}

static void set_take(struct zuora_call *c)
{
    json_put_i64(c->stage, "looks", 0);
    zuora_go(c, "back");
}

static bool set_trouble(struct zuora_call *c)
{
    char said[SAID_MAX];
    bool first = json_i64(c->stage, "writes", 0) == 0 && !json_flag(c->stage, "open", false);
    zuora_said(c, said, sizeof said);
    AUTO_STR why = str_fmt("Zuora refuses to change the account: %s", *said ? said : "no reason given");
    if (first && !json_flag(c->stage, "left", false))
        json_object_del(c->stage, "touched"); /* a clear no to the only write */
    zuora_quiet_fail(c, why);
    return true;
}

/* Not (yet) as it should be: look again, then write again, then give up. */
static void not_there(struct zuora_call *c, const char *look, const char *write, const char *why)
{
    int64_t looks = json_i64(c->stage, "looks", 0) + 1, writes = json_i64(c->stage, "writes", 0);
    json_put_i64(c->stage, "looks", looks);
    if (looks < LOOKS_MAX) {
        zuora_unknown(c, look, LOOK_AGAIN_MS, "Zuora does not show the change yet; looking once more");
        return;
    }
    json_put_i64(c->stage, "looks", 0);
    json_put_i64(c->stage, "writes", ++writes);
    if (writes < WRITES_MAX)
        zuora_go(c, write);
    else
        zuora_quiet_fail(c, why);
}

static void back_take(struct zuora_call *c)
{
    bool muted = str_eq(json_str(c->body, "basicInfo.communicationProfileId", ""), c->config->muted_profile);
    bool leave = !json_flag(c->stage, "left", false) && item_seek(c, 0, true);
    if (!muted || auto_pay(c)) {
        not_there(c, "back", "set", "read back: the account was not changed at Zuora");
        return;
    }
    json_put_i64(c->stage, "looks", 0);
    json_put_i64(c->stage, "writes", 0);
    if (leave)
        zuora_go(c, "cpr_leave");
    else
        zuora_quiet(c);
}

/* --- the retry cycle --- */

static void leave_send(struct zuora_call *c)
{
    zuora_cpr(c, "PUT", "api/v1/payments/remove_account_from_retry_cycle/", json_str(c->stage, "id", ""), NULL);
}

static void leave_take(struct zuora_call *c)
{
    item_seek(c, 0, true);
    zuora_go(c, "cpr_left");
}

/* Perhaps because no cycle runs any more: reading back tells. */
static bool leave_trouble(struct zuora_call *c)
{
    char said[SAID_MAX];
    if (c->answer->status == 401 || c->answer->status == 403) {
        zuora_quiet_fail(c, "Configurable Payment Retry does not accept cpr_user and cpr_token");
        return true;
    }
    zuora_said(c, said, sizeof said);
    json_put_new(c->stage, "cpr_said", json_text_safe(*said ? said : "no reason given"));
    json_put_i64(c->stage, "writes", WRITES_MAX);
    leave_take(c);
    return true;
}

static void left_next(struct zuora_call *c)
{
    json_put_i64(c->stage, "looks", 0);
    if (item_seek(c, json_i64(c->stage, "i", 0) + 1, true))
        return;
    json_put_new(c->stage, "left", json_true());
    json_put_i64(c->stage, "writes", 0);
    zuora_go(c, "after");
}

static void left_take(struct zuora_call *c)
{
    const char *said = json_str(c->stage, "cpr_said", "the cycle goes on");
    if (!cycle_runs(c)) {
        left_next(c);
        return;
    }
    AUTO_STR why = str_fmt("Configurable Payment Retry does not let go of invoice %.60s: %.100s", item_id(c), said);
    not_there(c, "cpr_left", "cpr_leave", why);
}

static bool left_trouble(struct zuora_call *c)
{
    if (!zuora_not_found(c))
        return false;
    left_next(c);
    return true;
}

/* Has leaving the cycle put autoPay on again? Then that is what was before, and it goes off once more. */
static void after_take(struct zuora_call *c)
{
    if (auto_pay(c)) {
        json_put_new(json_object_get(c->stage, "prior"), "auto_pay", json_true());
        zuora_go(c, "set");
    } else {
        zuora_quiet(c);
    }
}

/* --- putting back what was half done --- */

static void undo_send(struct zuora_call *c)
{
    account_put(c, json_str(c->stage, "prior.profile", ""), json_flag(c->stage, "prior.auto_pay", false));
}

static void undo_end(struct zuora_call *c, bool good)
{
    const char *why = json_str(c->stage, "why", "the hold failed");
    json_decref(c->out->result);
    c->out->result = good ? NULL : zuora_quiet_result(c);
    zuora_refuse(c, good ? "%.200s" : "%.160s; and the account could not be put back: look at it in Zuora", why);
}

static void undo_take(struct zuora_call *c)
{
    json_put_i64(c->stage, "looks", 0);
    zuora_go(c, "undone");
}

static bool undo_trouble(struct zuora_call *c)
{
    undo_end(c, false);
    return true;
}

static void undone_take(struct zuora_call *c)
{
    const char *profile = json_str(c->body, "basicInfo.communicationProfileId", "");
    int64_t looks = json_i64(c->stage, "looks", 0) + 1;
    bool good = str_eq(profile, json_str(c->stage, "prior.profile", "")) && auto_pay(c) == json_flag(c->stage, "prior.auto_pay", false);
    json_put_i64(c->stage, "looks", looks);
    if (good || looks >= LOOKS_MAX)
        undo_end(c, good);
    else
        zuora_unknown(c, "undone", LOOK_AGAIN_MS, "the hold failed; looking whether the account is as before");
}

const struct zuora_state zuora_quiet_states[] = {
    {"account", zuora_account_send, account_take, zuora_account_trouble, NULL},
    {"invoice", invoice_send, invoice_take, invoice_trouble, NULL},
    {"cpr_cycle", cycle_send, cycle_take, cycle_trouble, NULL},
    {"set", set_send, set_take, set_trouble, "back"},
    {"back", zuora_account_send, back_take, NULL, NULL},
    {"cpr_leave", leave_send, leave_take, leave_trouble, "cpr_left"},
    {"cpr_left", cycle_send, left_take, left_trouble, NULL},
    {"after", zuora_account_send, after_take, NULL, NULL},
    {"undo", undo_send, undo_take, undo_trouble, "undone"},
    {"undone", zuora_account_send, undone_take, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

const struct zuora_op zuora_hold = {"hold", zuora_quiet_begin, zuora_quiet_states, NULL};
