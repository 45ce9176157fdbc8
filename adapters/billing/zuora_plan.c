/* Instalments at Zuora: its own payment schedule, and cancelling it.
 *
 * Before the schedule is made the account is quiet (zuora_hold.c), or a payment run would charge the whole invoice beside
 * the instalments. The schedule gets a number of our own making, from the job's key and the account, so after an answer
 * that was lost it is asked for by that number, and a second one under it is refused by Zuora. What is read back must hold
 * our dates and amounts: a stranger's schedule under the same number is not ours.
 *
 * Amounts are written as decimal text into the JSON, dates as the plan says them, which are the account's own days. */
#include "adapters/billing/zuora.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "engine/when.h"

enum { ITEMS_MAX = 240, LOOKS_MAX = 3, WRITES_MAX = 3, SAID_MAX = 160 };

#define LOOK_AGAIN_MS (4 * MS_SECOND)

static json_t *instalments(const struct zuora_call *c)
{
    return json_object_get(c->args, "instalments");
}

/* The invoice that a row is for; a row that names none is for the only one. */
static const char *row_invoice(const struct zuora_call *c, const json_t *row)
{
    return json_str(row, "invoice", json_str(c->args, "invoices.0", ""));
}

static bool row_good(const struct zuora_call *c, const json_t *row)
{
    int64_t day;
    return json_i64(row, "amount", 0) > 0 && when_parse_day(&day, json_str(row, "date", ""), NULL, NULL) == 0 && *row_invoice(c, row);
}

static void plan_begin(struct zuora_call *c)
{
    const json_t *row;
    size_t i, n = json_array_size(instalments(c));
    zuora_quiet_begin(c);
    if (c->ended)
        return;
    if (n == 0 || n > ITEMS_MAX)
        zuora_refuse(c, "between 1 and %d instalments are needed", ITEMS_MAX);
    else if (money_exponent(zuora_arg(c, "currency")) < 0)
        zuora_refuse(c, "a plan needs a currency");
    json_array_foreach(instalments(c), i, row)
        if (!c->ended && !row_good(c, row))
            zuora_refuse(c, "instalment %zu has no date, amount or invoice that can be used", i + 1);
}

/* --- what fits --- */

/* Is each row's invoice open, in this currency, and due for at least what the plan takes of it? */
static bool plan_fits(struct zuora_call *c)
{
    const json_t *invoice, *row;
    size_t i, k;
    int64_t planned = 0, all = 0;
    json_array_foreach(instalments(c), k, row)
        all += json_i64(row, "amount", 0);
    json_array_foreach(json_object_get(c->stage, "list"), i, invoice) {
        const char *id = json_str(invoice, "id", "");
        int64_t sum = 0;
        json_array_foreach(instalments(c), k, row)
            sum += str_eq(row_invoice(c, row), id) ? json_i64(row, "amount", 0) : 0;
        planned += sum;
        AUTO_STR late = NULL;
        if (sum > 0 && !json_flag(invoice, "open", false))
            late = str_fmt("invoice %.60s is not open any more", id);
        else if (sum > json_i64(invoice, "due", 0) && sum > 0)
            late = str_fmt("the plan takes more of invoice %.60s than is due", id);
        else if (sum > 0 && !str_eq(json_str(invoice, "currency", ""), zuora_arg(c, "currency")))
            late = str_fmt("invoice %.60s is in %.3s, not in %.3s", id, json_str(invoice, "currency", ""), zuora_arg(c, "currency"));
        if (late) {
            zuora_quiet_fail(c, late);
            return false;
        }
    }
    if (planned == all)
        return true;
    zuora_quiet_fail(c, "an instalment is for an invoice that the plan does not name");
    return false;
}

/* "DW-dunwell-p5-1a2b3c4d5e6f": ours alone, and the same however often it is made. */
static void schedule_number(const struct zuora_call *c, char *out, size_t size)
{
    unsigned char digest[32];
    AUTO_STR text = str_fmt("%s\n%s", c->job->key, json_str(c->stage, "id", ""));
    int ok = EVP_Digest(text, strlen(text), digest, NULL, EVP_sha256(), NULL);
    assert(ok == 1);
    snprintf(out, size, "DW-%.40s-%02x%02x%02x%02x%02x%02x", c->job->key, digest[0], digest[1], digest[2], digest[3], digest[4], digest[5]);
}

void zuora_plan_next(struct zuora_call *c)
{
    char number[80];
    schedule_number(c, number, sizeof number);
    json_put(c->stage, "number", number);
    json_put_i64(c->stage, "looks", 0);
    json_put_i64(c->stage, "writes", 0);
    zuora_go(c, "create");
    plan_fits(c);
}

/* --- the schedule --- */

static void create_send(struct zuora_call *c)
{
    const char *currency = zuora_arg(c, "currency");
    const json_t *row;
    size_t i;
    AUTO_BUF body = BUF(256u << 10);
    buf_adds(&body, "{\"accountId\":");
    zuora_add_string(&body, json_str(c->stage, "id", ""));
    buf_adds(&body, ",\"paymentScheduleNumber\":");
    zuora_add_string(&body, json_str(c->stage, "number", ""));
    buf_adds(&body, ",\"items\":[");
    json_array_foreach(instalments(c), i, row) {
        char amount[MONEY_TEXT_SIZE];
        money_decimal(amount, money_of(json_i64(row, "amount", 0), currency));
        buf_adds(&body, i ? ",{\"scheduledDate\":" : "{\"scheduledDate\":");
        zuora_add_string(&body, json_str(row, "date", ""));
        buf_addf(&body, ",\"amount\":%s,\"currency\":", amount);
        zuora_add_string(&body, currency);
        buf_adds(&body, ",\"billingDocument\":{\"type\":\"Invoice\",\"id\":");
        zuora_add_string(&body, row_invoice(c, row));
        buf_adds(&body, "}}");
    }
    buf_adds(&body, "]}");
    zuora_post(c, "v1/payment-schedules", "schedule", buf_text(&body));
}

static void create_take(struct zuora_call *c)
{
    json_put_i64(c->stage, "looks", 0);
    json_put_new(c->stage, "made", json_true());
    zuora_go(c, "schedule");
}

/* Refused: perhaps because it is there already, by an answer that was lost. Reading back tells. */
static bool create_trouble(struct zuora_call *c)
{
    char said[SAID_MAX];
    zuora_said(c, said, sizeof said);
    json_put_new(c->stage, "refusal", json_text_safe(*said ? said : "no reason given"));
    json_put_i64(c->stage, "looks", LOOKS_MAX - 1);
    json_put_i64(c->stage, "writes", WRITES_MAX);
    zuora_go(c, "schedule");
    return true;
}

static void schedule_send(struct zuora_call *c)
{
    zuora_get(c, "v1/payment-schedules/", json_str(c->stage, "number", ""), "");
}

/* How often this date, amount and invoice stand in their list. */
static size_t count_theirs(const struct zuora_call *c, const json_t *ours)
{
    const char *currency = zuora_arg(c, "currency");
    const json_t *row;
    size_t i, n = 0;
    json_array_foreach(json_object_get(c->body, "items"), i, row) {
        const char *invoice = json_str(row, "billingDocument.id", row_invoice(c, ours));
        n += str_eq(json_str(row, "scheduledDate", ""), json_str(ours, "date", "")) && str_eq(invoice, row_invoice(c, ours)) &&
             zuora_amount(row, "amount", currency) == json_i64(ours, "amount", 0);
    }
    return n;
}

static size_t count_ours(const struct zuora_call *c, const json_t *wanted)
{
    const json_t *row;
    size_t i, n = 0;
    json_array_foreach(instalments(c), i, row)
        n += str_eq(json_str(row, "date", ""), json_str(wanted, "date", "")) && str_eq(row_invoice(c, row), row_invoice(c, wanted)) &&
             json_i64(row, "amount", 0) == json_i64(wanted, "amount", 0);
    return n;
}

static bool schedule_is_ours(const struct zuora_call *c)
{
    const json_t *row;
    size_t i;
    if (json_array_size(json_object_get(c->body, "items")) != json_array_size(instalments(c)))
        return false;
    json_array_foreach(instalments(c), i, row)
        if (count_theirs(c, row) != count_ours(c, row))
            return false;
    return true;
}

static void schedule_take(struct zuora_call *c)
{
    if (!schedule_is_ours(c)) {
        /* It may collect: the account stays quiet, so that nothing else collects beside it. */
        c->out->result = zuora_quiet_result(c);
        zuora_refuse(c, "read back: payment schedule %.60s at Zuora has other instalments than were asked for; look at it there",
                     json_str(c->stage, "number", ""));
        return;
    }
    if (str_eq(json_str(c->body, "status", ""), "Canceled")) {
        zuora_quiet_fail(c, "the payment schedule was cancelled at Zuora");
        return;
    }
    json_t *result = zuora_quiet_result(c);
    json_put(result, "id", json_str(c->body, "paymentScheduleNumber", json_str(c->stage, "number", "")));
    json_put(result, "mode", "native");
    zuora_done(c, result);
}

static bool schedule_trouble(struct zuora_call *c)
{
    const char *refusal = json_str(c->stage, "refusal", NULL);
    int64_t looks = json_i64(c->stage, "looks", 0) + 1, writes = json_i64(c->stage, "writes", 0) + 1;
    if (!zuora_not_found(c))
        return false;
    json_put_i64(c->stage, "looks", looks);
    if (looks < LOOKS_MAX) {
        zuora_unknown(c, "schedule", LOOK_AGAIN_MS, "the payment schedule is not to be seen yet; looking once more");
    } else if (refusal || writes >= WRITES_MAX || json_flag(c->stage, "made", false)) {
        AUTO_STR why = str_fmt(refusal ? "Zuora refuses the payment schedule: %.160s" : "read back: there is no payment schedule at Zuora%s",
                               refusal ? refusal : "");
        zuora_quiet_fail(c, why);
    } else {
        /* The same key and the same number: twice would still be one. */
        json_put_i64(c->stage, "looks", 0);
        json_put_i64(c->stage, "writes", writes);
        zuora_go(c, "create");
    }
    return true;
}

static const struct zuora_state plan_states[] = {
    {"create", create_send, create_take, create_trouble, "schedule"},
    {"schedule", schedule_send, schedule_take, schedule_trouble, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

const struct zuora_op zuora_plan = {"plan", plan_begin, zuora_quiet_states, plan_states};

/* --- unplan --- */

static void unplan_begin(struct zuora_call *c)
{
    if (!*zuora_arg(c, "id"))
        zuora_refuse(c, "the number of the payment schedule is needed");
}

static void existing_send(struct zuora_call *c)
{
    zuora_get(c, "v1/payment-schedules/", zuora_arg(c, "id"), "");
}

static bool still_pending(const struct zuora_call *c)
{
    const json_t *row;
    size_t i;
    if (!str_eq(json_str(c->body, "status", ""), "Active"))
        return false;
    json_array_foreach(json_object_get(c->body, "items"), i, row)
        if (str_eq(json_str(row, "status", "Pending"), "Pending"))
            return true;
    return json_array_size(json_object_get(c->body, "items")) == 0;
}

static void existing_take(struct zuora_call *c)
{
    if (still_pending(c))
        zuora_go(c, "cancel");
    else
        zuora_done(c, json_object());
}

static bool existing_trouble(struct zuora_call *c)
{
    if (!zuora_not_found(c))
        return false;
    zuora_done(c, json_object()); /* what is gone collects nothing */
    return true;
}

static void cancel_send(struct zuora_call *c)
{
    char day[WHEN_TEXT_SIZE];
    AUTO_STR body = str_fmt("{\"cancelDate\":\"%s\"}", when_iso_day(day, c->job->now_ms, json_str(c->args, "zone", NULL)));
    zuora_put(c, "v1/payment-schedules/", zuora_arg(c, "id"), "/cancel", body);
}

static void cancel_take(struct zuora_call *c)
{
    json_put_i64(c->stage, "looks", 0);
    zuora_go(c, "gone");
}

static bool cancel_trouble(struct zuora_call *c)
{
    char said[SAID_MAX];
    zuora_said(c, said, sizeof said);
    json_put_new(c->stage, "refusal", json_text_safe(*said ? said : "no reason given"));
    json_put_i64(c->stage, "looks", LOOKS_MAX);
    zuora_go(c, "gone");
    return true;
}

static void gone_take(struct zuora_call *c)
{
    const char *refusal = json_str(c->stage, "refusal", NULL);
    int64_t looks = json_i64(c->stage, "looks", 0) + 1, writes = json_i64(c->stage, "writes", 0) + 1;
    json_put_i64(c->stage, "looks", looks);
    if (!still_pending(c)) {
        zuora_done(c, json_object());
    } else if (refusal || writes >= WRITES_MAX) {
        zuora_refuse(c, "read back: the payment schedule still runs%s%.160s", refusal ? ": " : "", refusal ? refusal : "");
    } else if (looks < LOOKS_MAX) {
        zuora_unknown(c, "gone", LOOK_AGAIN_MS, "Zuora does not show the change yet; looking once more");
    } else {
        json_put_i64(c->stage, "writes", writes);
        zuora_go(c, "cancel");
    }
}

static const struct zuora_state unplan_states[] = {
    {"existing", existing_send, existing_take, existing_trouble, NULL},
    {"cancel", cancel_send, cancel_take, cancel_trouble, "gone"},
    {"gone", existing_send, gone_take, existing_trouble, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

const struct zuora_op zuora_unplan = {"unplan", unplan_begin, unplan_states, NULL};
