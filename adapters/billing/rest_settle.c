/* Credit, write-off and note for the drivers that step by rest.h.
 *
 * credit: the invoice is read (is it the approved one, is enough left), our credit is sought, made, found, and the invoice is read
 * again. A credit is never made after a search that could not be made. note: the same without the invoice. write_off: the invoice
 * is read, what is left must be what was approved, it is given up, and read again; where giving up makes a thing (a tag), that is
 * sought, made and found as a credit is.
 *
 * At some vendors a credit is the account's and has to be put on the invoice by a second call, which takes all that the account has to
 * give. So it is made only while the account has nothing else to give, and put on the invoice while that is exactly ours; that call
 * may be repeated, for what was taken is no longer there.
 *
 * After an answer that leaves open what happened there is only looking; a look that finds nothing is repeated some seconds later,
 * because the first call may still be running over there, and only then it counts as "did not happen". */
#include "adapters/billing/rest_settle.h"

#include <string.h>
#include <strings.h>

#include "engine/when.h"

enum { SAID_MAX = 160, LOOKS_MAX = 3 };

#define LOOK_AGAIN_MS (12 * MS_SECOND)
#define SHOWN_AGAIN_MS (3 * MS_SECOND)

static bool is_note(const struct rest_call *c)
{
    return str_eq(c->job->op, "note");
}

static bool is_credit(const struct rest_call *c)
{
    return str_eq(c->job->op, "credit");
}

static const struct rest_once *once_of(const struct rest_call *c)
{
    const struct rest_settle *s = c->vendor->settle;
    return is_note(c) ? &s->note : is_credit(c) ? &s->credit : &s->write_off;
}

static int64_t amount_of(const struct rest_call *c)
{
    return json_i64(c->args, "amount", 0);
}

/* --- what a vendor may use ------------------------------------------------------------------------------------------ */

const char *rest_amount(const struct rest_call *c, char out[MONEY_TEXT_SIZE])
{
    return money_decimal(out, money_of(amount_of(c), json_str(c->args, "currency", "")));
}

/* --- the invoice before --------------------------------------------------------------------------------------------- */

static void settle_begin(struct rest_call *c)
{
    if (!*rest_invoice(c) || !*json_str(c->args, "customer", ""))
        rest_refuse(c, "an invoice and a customer are needed");
    else if (amount_of(c) <= 0 || !*json_str(c->args, "currency", ""))
        rest_refuse(c, "the amount must be a positive number of minor units, with its currency");
}

static void note_begin(struct rest_call *c)
{
    if (!*json_str(c->args, "customer", "") || !*json_str(c->args, "text", ""))
        rest_refuse(c, "a customer and a text are needed");
}

static void invoice_send(struct rest_call *c)
{
    c->vendor->settle->invoice_send(c);
}

/* False, and refused, when this is not the invoice that was approved. */
static bool invoice_fits(struct rest_call *c, struct rest_invoice *inv)
{
    const char *currency = json_str(c->args, "currency", "");
    if (c->vendor->settle->invoice(c, inv) < 0)
        rest_refuse(c, "what %s says of invoice %.80s cannot be read", c->vendor->title, rest_invoice(c));
    else if (!inv->is_it)
        rest_refuse(c, "%s answered with another invoice than %.80s", c->vendor->title, rest_invoice(c));
    else if (!str_eq(inv->customer, json_str(c->args, "customer", "")))
        rest_refuse(c, "invoice %.80s belongs to another customer", rest_invoice(c));
    else if (strcasecmp(currency, inv->currency) != 0)
        rest_refuse(c, "invoice %.80s is in %.3s, not in %.3s", rest_invoice(c), inv->currency, currency);
    return !c->ended;
}

/* Refuses what may not be done with an invoice that is so. `status` is said where it is not open. */
static void check_amount(struct rest_call *c, bool open, const char *status)
{
    char wanted[MONEY_TEXT_SIZE], rest[MONEY_TEXT_SIZE];
    const char *currency = json_str(c->args, "currency", "");
    int64_t left = json_i64(c->stage, "left", 0);
    money_text(wanted, money_of(amount_of(c), currency));
    money_text(rest, money_of(left, currency));
    if (!open)
        rest_refuse(c, "invoice %.80s is %.40s: there is nothing to %s", rest_invoice(c), *status ? status : "of unknown status", is_credit(c) ? "credit" : "give up");
    else if (is_credit(c) && amount_of(c) > left)
        rest_refuse(c, "%s is more than the %s that is left of invoice %.80s", wanted, rest, rest_invoice(c));
    else if (!is_credit(c) && amount_of(c) != left)
        rest_refuse(c, "%s is left of invoice %.80s, and %s was approved: look at it again", rest, rest_invoice(c), wanted);
}

/* What is made is sought before anything is refused: it may be what closed the invoice. */
static void before_take(struct rest_call *c)
{
    struct rest_invoice inv = {0};
    if (!invoice_fits(c, &inv))
        return;
    json_put_i64(c->stage, "left", inv.left);
    json_put(c->stage, "closed", inv.open ? NULL : inv.status);
    if (is_credit(c) || !c->vendor->settle->write_off_send)
        rest_go(c, "seek");
    else if (inv.given_up)
        rest_done(c, json_pack("{s:s, s:s}", "id", rest_invoice(c), "status", inv.status));
    else {
        rest_go(c, "give_up");
        check_amount(c, inv.open, inv.status);
    }
}

/* --- made once ------------------------------------------------------------------------------------------------------- */

static void seek_send(struct rest_call *c)
{
    once_of(c)->seek_send(c);
}

static void found(struct rest_call *c, const char *id)
{
    json_put(c->stage, "id", id);
    if (is_note(c))
        rest_done(c, json_pack("{s:s}", "id", id));
    else
        rest_go(c, is_credit(c) && c->vendor->settle->purse_send ? "purse" : "after");
}

static void seek_take(struct rest_call *c)
{
    const char *id = once_of(c)->seek_id(c), *closed = json_str(c->stage, "closed", NULL);
    if (c->ended)
        return;
    if (id) {
        json_put_new(c->stage, "had", json_true()); /* what was left before shows it already */
        found(c, id);
        return;
    }
    rest_go(c, is_credit(c) && c->vendor->settle->purse_send ? "room" : "make");
    if (!is_note(c))
        check_amount(c, !closed, closed ? closed : "");
}

static void make_send(struct rest_call *c)
{
    once_of(c)->make_send(c);
}

static void make_take(struct rest_call *c)
{
    json_put_new(c->stage, "answered", json_true());
    rest_go(c, "find");
}

/* A look that finds nothing: again a little later, then it did not happen. */
static void not_found(struct rest_call *c, const char *look)
{
    const char *why = json_str(c->stage, "why", NULL);
    int64_t looks = json_i64(c->stage, "looks", 0) + 1;
    json_put_i64(c->stage, "looks", looks);
    if (why)
        rest_refuse(c, "%s refuses: %s", c->vendor->title, why);
    else if (looks < LOOKS_MAX)
        rest_unknown(c, look, json_flag(c->stage, "answered", false) ? SHOWN_AGAIN_MS : LOOK_AGAIN_MS, "not seen at %s so far; looking once more",
                     c->vendor->title);
    else
        rest_refuse(c, "read back: it did not happen");
}

static void find_take(struct rest_call *c)
{
    const char *id = once_of(c)->seek_id(c);
    if (id)
        found(c, id);
    else
        not_found(c, "find");
}

/* --- the account's credit --------------------------------------------------------------------------------------------- */

static void purse_send(struct rest_call *c)
{
    c->vendor->settle->purse_send(c);
}

static bool purse_read(struct rest_call *c, int64_t *minor)
{
    if (c->vendor->settle->purse(c, minor) == 0)
        return true;
    rest_refuse(c, "what %s says of the credit of account %.80s cannot be read", c->vendor->title, json_str(c->args, "customer", ""));
    return false;
}

/* Ours would take the other credit along. */
static void room_take(struct rest_call *c)
{
    char has[MONEY_TEXT_SIZE], wanted[MONEY_TEXT_SIZE];
    const char *currency = json_str(c->args, "currency", "");
    int64_t minor = 0;
    if (!purse_read(c, &minor))
        return;
    rest_go(c, "make");
    if (minor != 0)
        rest_refuse(c, "account %.80s has %s of other credit, which %s would put on the invoice as well: in the %s console add a credit of %s and apply just that to "
                       "invoice %.80s",
                    json_str(c->args, "customer", ""), money_text(has, money_of(minor, currency)), c->vendor->title, c->vendor->title,
                    money_text(wanted, money_of(amount_of(c), currency)), rest_invoice(c));
}

static void purse_take(struct rest_call *c)
{
    char wanted[MONEY_TEXT_SIZE];
    int64_t minor = 0;
    if (!purse_read(c, &minor))
        return;
    if (minor == amount_of(c))
        rest_go(c, "apply");
    else if (minor == 0)
        rest_go(c, "after"); /* it is on the invoice already, or the books are late: the invoice tells */
    else
        rest_refuse(c, "a credit of %s was made for account %.80s, but the account has other credit by now: apply it to invoice %.80s in the %s console",
                    money_text(wanted, money_of(amount_of(c), json_str(c->args, "currency", ""))), json_str(c->args, "customer", ""), rest_invoice(c),
                    c->vendor->title);
}

static void apply_send(struct rest_call *c)
{
    c->vendor->settle->apply_send(c);
}

static void apply_take(struct rest_call *c)
{
    rest_go(c, "after");
}

/* Refused, perhaps because the invoice was paid a moment ago. */
static bool apply_trouble(struct rest_call *c)
{
    char said[SAID_MAX], wanted[MONEY_TEXT_SIZE];
    int status = c->answer->status;
    if (status != 400 && status != 404 && status != 422)
        return false;
    rest_said(c, said, sizeof said);
    rest_refuse(c, "a credit of %s was made for account %.80s, but could not be applied to invoice %.80s (%s): it stays on the account until "
                   "somebody takes it back there",
                money_text(wanted, money_of(amount_of(c), json_str(c->args, "currency", ""))), json_str(c->args, "customer", ""), rest_invoice(c),
                *said ? said : "no reason given");
    return true;
}

/* --- given up -------------------------------------------------------------------------------------------------------- */

static void give_up_send(struct rest_call *c)
{
    c->vendor->settle->write_off_send(c);
}

static void give_up_take(struct rest_call *c)
{
    json_put_new(c->stage, "answered", json_true());
    rest_go(c, "after");
}

/* Refused, perhaps because somebody paid a moment ago: the invoice tells. */
static bool give_up_trouble(struct rest_call *c)
{
    char said[SAID_MAX];
    int status = c->answer->status;
    if (status != 400 && status != 404 && status != 409 && status != 422)
        return false;
    rest_said(c, said, sizeof said);
    json_put_new(c->stage, "why", json_text_safe(*said ? said : "no reason given"));
    rest_go(c, "after");
    return true;
}

/* --- the invoice after ----------------------------------------------------------------------------------------------- */

static void credited(struct rest_call *c, const struct rest_invoice *inv)
{
    int64_t looks = json_i64(c->stage, "shown", 0) + 1;
    bool shown = json_flag(c->stage, "had", false) || inv->left <= json_i64(c->stage, "left", 0) - amount_of(c);
    json_put_i64(c->stage, "shown", looks);
    if (!shown && looks < LOOKS_MAX) {
        rest_unknown(c, c->vendor->settle->purse_send ? "purse" : "after", SHOWN_AGAIN_MS, "the credit is made, but the invoice does not show it yet");
        return;
    }
    json_t *result = json_pack("{s:s, s:I, s:s}", "id", json_str(c->stage, "id", ""), "due", (json_int_t)inv->left, "status", inv->status);
    if (!shown)
        json_put(result, "note", "the credit is made, but the invoice does not show it: look whether it was applied");
    rest_done(c, result);
}

static void after_take(struct rest_call *c)
{
    struct rest_invoice inv = {0};
    if (c->vendor->settle->invoice(c, &inv) < 0 || !inv.is_it)
        rest_unknown(c, "after", LOOK_AGAIN_MS, "%s answered with something else than invoice %.80s", c->vendor->title, rest_invoice(c));
    else if (is_credit(c))
        credited(c, &inv);
    else if (!c->vendor->settle->write_off_send)
        rest_done(c, json_pack("{s:s, s:s, s:I}", "id", json_str(c->stage, "id", ""), "status", "uncollectible", "due", (json_int_t)inv.left));
    else if (inv.given_up)
        rest_done(c, json_pack("{s:s, s:s}", "id", rest_invoice(c), "status", inv.status));
    else if (!inv.open)
        rest_refuse(c, "invoice %.80s is %.40s meanwhile: nothing was given up", rest_invoice(c), inv.status);
    else
        not_found(c, "after");
}

/* --- the operations -------------------------------------------------------------------------------------------------- */

static const struct rest_state credit_states[] = {
    {"before", invoice_send, before_take, rest_no_invoice, NULL},
    {"seek", seek_send, seek_take, NULL, NULL},
    {"make", make_send, make_take, NULL, "find"},
    {"find", seek_send, find_take, NULL, NULL},
    {"room", purse_send, room_take, NULL, NULL},
    {"purse", purse_send, purse_take, NULL, NULL},
    {"apply", apply_send, apply_take, apply_trouble, "purse"},
    {"after", invoice_send, after_take, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static const struct rest_state write_off_states[] = {
    {"before", invoice_send, before_take, rest_no_invoice, NULL},
    {"give_up", give_up_send, give_up_take, give_up_trouble, "after"},
    {"seek", seek_send, seek_take, NULL, NULL},
    {"make", make_send, make_take, NULL, "find"},
    {"find", seek_send, find_take, NULL, NULL},
    {"after", invoice_send, after_take, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static const struct rest_state note_states[] = {
    {"seek", seek_send, seek_take, NULL, NULL},
    {"make", make_send, make_take, NULL, "find"},
    {"find", seek_send, find_take, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

const struct rest_op rest_credit = {"credit", settle_begin, credit_states}, rest_write_off = {"write_off", settle_begin, write_off_states},
                     rest_note = {"note", note_begin, note_states};
