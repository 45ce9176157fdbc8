/* The driver contract. A driver knows one outside system and nothing else: it never touches a socket, clock, thread or
 * database. It is asked what to send next and told what came back, so the same code runs under libcurl, recorded scenario
 * files, the simulator and the fuzzer. Adding a system: one file, one row in table.c, one folder of scenario files.
 *
 * Threads: step, event and ack run on the engine thread; verify and frame on the io thread; serve on the out thread. A
 * driver's configuration is read-only after it is loaded, so none of them needs a lock.
 *
 * BILLING operations (args -> result). Money is {"amount": minor, "currency": "USD"}; times are ms.
 *   read    {customer, invoice?}  -> {account:{id,name,email,currency,default_method}, invoices:[{id,number,currency,total,due,
 *           due_at_ms,created_ms,status:"open|paid|void|uncollectible|draft",attempts,next_attempt_ms,auto_advance,collection:"auto|manual",url,
 *           subscription}], payments:[{id,invoice,amount,currency,status:"failed|succeeded|pending|needs_action",at_ms,code,
 *           network_code,advice,class:"H|N|A|S|M|?",method,text}], methods:[{id,brand,last4,exp_month,exp_year,attempts_window,attempts_day}],
 *           subscription:{id,status}|null, network:{attempts_window,attempts_day}}   invoices: all open ones, and `invoice` itself; attempts
 *           that were refused, by anybody, in 30 days and in one: on the method's card, and on the one that failed last (attempts.h)
 *   hold    {customer, invoices:[id], until_ms, reason, case} -> {id, held:[id], prior:{id:{auto_advance:bool}}}
 *           both notices and retries of these open invoices stop; read back before DONE
 *   release {invoices:[id], prior:{...}} -> {released:[id]}   puts back what was; a paid or void invoice counts as released
 *   plan    {customer, invoices:[id], plan, instalments:[{n,date,amount}], currency} -> {id, mode:"native|held_by_dunwell"}
 *   collect {customer, invoice, amount?, currency, method?} -> {outcome:"paid|partially_paid|pending|needs_action", payment,
 *           due (what is left), status, after_ms?}   amount absent: all of it. A decline is REFUSED with result {decline:{code,class,advice,text}}.
 *           after_ms: pending, without the payment's name; it is one that began after that moment, what began before has ended
 *   unplan  {id, customer, invoices} -> {}   a plan of mode "native" is cancelled at the vendor; the hold on the invoices stays
 *   link    {customer, invoice, purpose:"pay|update_method"} -> {url, expires_at_ms?}   a secret: for mail, never for a channel
 *   resolve {invoice} -> {customer, invoice}   only where capabilities list it. Whose is what an event named without a customer? `invoice` is
 *           billing_event.invoice as it came, perhaps a payment's name; the result's is an invoice's id, "" when there is none.
 *           disputed:{payment, amount, currency, state:"open|won|lost|dropped"} besides, where a bank took this payment back, or asked about it
 *   credit  {customer, invoice, amount, currency, reason, case} -> {id, due}   a credit note or adjustment lowers what is owed; due: what is left
 *   write_off {customer, invoice, amount, currency, reason, case} -> {id, status}   the rest of the invoice is given up
 *   defer   {customer, invoice, until_ms, case} -> {invoice, until_ms}   billing's next own attempt (or due date) is not before that moment
 *   note    {customer, invoice?, text, case} -> {id}   a remark in the vendor's own system, for people who look there
 *   catch_up {since_ms, cursor?} -> {events:[{id, type, kind:"failed|paid|changed|other", customer, invoice, created_ms}], cursor?, until_ms}   what
 *           happened since, oldest first, a page at a time (cursor: there is more). id: as the webhook of the same event has it, where the vendor says it
 *   overdue {before_ms, cursor?} -> {invoices:[{customer, invoice, due, currency, due_at_ms}], cursor?}   open invoices that were due before
 * CHAT operations:
 *   post    {channel (or a person's id: direct message), card | text, thread?} -> {channel, message}   key is found again after an unknown outcome
 *   update  {channel, message, card} -> {channel, message}
 *   whisper {channel, user, card | text, response_url?} -> {}          private to one person
 *   open_form {trigger, form} -> {view}     update_form {view, hash?, form} -> {view}
 *   whois {user} -> {email}: of a full member whose address is confirmed, else "" (platforms with TRAIT_EMAILS)
 *   connect {} -> {url (secret), headers?}    a fresh address for the platform's socket; REFUSED: stop and tell the operator
 *   poll {} -> never done   platforms without a socket: one endless effect that waits for what people do (struct step.inputs)
 *   react {channel, message, key} -> {message}   a reaction of ours: the one-tap buttons of platforms without buttons; there already is DONE
 *   unreact {channel, message} -> {}          takes one of ours back; message: what react gave. Gone already is DONE
 *   join {channel} -> {}   leave {channel, reason?} -> {}   an invitation accepted or turned down; not invited any more is REFUSED
 *   explain {channel} -> {}                   says in an encrypted room, once and in the driver's own words only, that we do not work there
 *   reread {cards:[{ref,channel,message}], asked_ms} -> {cards:[{ref,reactions:[id],whole:bool}]}   what people did on them, once more, as struct
 *           step.inputs; the result says which reactions stand, whole: all of them are named
 *   ping {} -> {}                             appservice: asks the server to send what it holds back for us
 *   check {} -> {who}                         CHAT and BILLING: reaches the peer, changes nothing (`dunwell check`)
 * MAIL operation:
 *   mail    {to, subject, text, message_id} -> {queued}
 */
#ifndef DW_ADAPTERS_ADAPTER_H
#define DW_ADAPTERS_ADAPTER_H

#include "engine/book.h"
#include "engine/chat.h"
#include "engine/doc.h"
#include "engine/job.h"

enum driver_kind { DRIVER_CHAT, DRIVER_BILLING, DRIVER_NOTIFY };

enum option_type { OPTION_TEXT, OPTION_URL, OPTION_SECRET, OPTION_CHANNELS, OPTION_DECLINES, OPTION_EMAIL };

/* One row gives parsing, validation, defaults, `check` and the manual page. The value is a char * at `offset` in the
 * driver's configuration (for OPTION_CHANNELS a json_t * {"approvals": "C..", "collections": "C.."}). OPTION_DECLINES: a map of billing/declines.h. */
struct option {
    const char *name;
    enum option_type type;
    size_t offset;
    const char *otherwise; /* default; NULL: none */
    bool required;
    const char *help; /* one sentence */
};

struct capability {
    const char *op, *how; /* "native", "emulated", "manual", "none" */
    const char *note;     /* one sentence for the approver */
};

/* A webhook as it arrived. Borrowed. header() gives a value or NULL; names are matched without case. query() gives a value of
 * the address, decoded, or NULL; it may itself be NULL. */
struct webhook {
    const char *(*header)(const void *ctx, const char *name);
    const char *(*query)(const void *ctx, const char *name);
    const void *ctx;
    struct span body;
    int64_t now_ms; /* when it arrived */
};

/* What the hot path needs of a billing event; fixed sizes, no allocation. */
struct billing_event {
    char id[128], type[64], customer[128], invoice[128];
    int64_t created_ms; /* the sender's time, the same on each redelivery; 0 when the sender has none */
    enum { EVENT_OTHER, EVENT_PAYMENT_FAILED, EVENT_PAID, EVENT_CHANGED } kind; /* CHANGED: read the account again if it has a case */
};

struct driver {
    const char *name; /* "stripe": what `kind:` says */
    enum driver_kind kind;
    const char *summary;
    const struct option *options; /* ends with a row without name */
    size_t config_size;           /* zeroed, then options filled in; begins with struct driver_config */
    const struct capability *capabilities; /* billing; ends with a row without op */
    const char *webhook_hint;     /* which header carries the signature, for messages */

    void (*step)(const void *config, const struct job *job, const struct http_response *previous, struct step *out);
    /* billing: 0, or ERR_DENIED with a sentence that holds no secret */
    int (*verify)(const void *config, const struct webhook *hook, int64_t now_ms, struct err *e);
    int (*event)(const void *config, struct span body, struct billing_event *out, struct err *e);
    /* Called instead of event where the event's id, or anything else of it, is only in a header. NULL: event is enough. */
    int (*event_of)(const void *config, const struct webhook *hook, struct billing_event *out, struct err *e);
    /* The WWW-Authenticate of a 401, for senders that show a password only when asked. NULL, or a NULL from it: none. */
    const char *(*challenge)(const void *config);
    /* chat: text frame in; ERR_INVALID for what is not JSON (keep the link). The acknowledgement is appended to out */
    int (*frame)(const void *config, struct span text, struct chat_input *out, struct err *e);
    void (*ack)(const void *config, const struct chat_input *in, const struct chat_answer *answer, struct buf *out);
    /* A peer that lives in this process (sandbox, console) instead of behind a URL: answers a request. memory from open_memory */
    void (*serve)(void *memory, const struct http_request *request, int64_t now_ms, struct http_response *out);
    void *(*open_memory)(const void *config);
    void (*close_memory)(void *memory);
    /* The next webhook body such a peer wants to send; asked after each serve. False when there is none. */
    bool (*next_event)(void *memory, struct buf *body);
    /* What a driver must remember between steps and may never store: an access token. Made when a turn opens, freed with
     * it, and reached as driver_config.session; step must do without (it is NULL where nobody opened one). NULL: none. */
    void *(*open_session)(const void *config);
    void (*close_session)(void *session);
    unsigned traits; /* chat: enum chat_trait, or-ed */
    /* chat: where the platform brings what people do by HTTP instead (an appservice), the secret it must show; NULL from it:
     * this configuration does not, so we poll. NULL: the platform never does. io thread. */
    const char *(*push_secret)(const void *config);
    /* The body of such a delivery: out->inputs, and out->keep. kept: as in struct job. Engine thread. ERR_INVALID: no JSON object */
    int (*push)(const void *config, const json_t *kept, struct span body, int64_t now_ms, struct step *out, struct err *e);
    /* The registration that the platform's administrator installs, for `dunwell matrix registration`; it holds secrets. NULL: none */
    int (*registration)(const void *config, const char *url, struct buf *out, struct err *e);
};

/* Every driver's configuration begins with this. */
struct driver_config {
    const struct driver *driver;
    const char *name; /* as configured: "stripe", "slack"; owned by bot/config */
    void *session;    /* of open_session; the engine thread's alone */
    bool refused;     /* its section has a problem: nothing is sent where it leads to */
};

extern const struct driver slack_driver, matrix_driver, console_driver, stripe_driver, chargebee_driver, recurly_driver, zuora_driver, killbill_driver, sandbox_driver, smtp_driver;
extern const struct driver *const drivers_all[]; /* table.c; ends with NULL */
const struct driver *driver_find(enum driver_kind kind, const char *name);

/* adapters/crm/file.c: accounts.csv -> book. Adds every problem with its line; NULL when nothing could be used. */
struct book *accounts_file_load(const char *path, int64_t now_ms, struct problems *p);

/* Helpers shared by HTTP drivers (adapters/common.c). */
void step_get(struct step *out, const char *base, const char *path);
void step_post(struct step *out, const char *base, const char *path); /* form-encoded, write = true; append with form_add */
/* Any method; everything but GET is a write. The body is JSON text, or NULL for none. */
void step_json(struct step *out, const char *method, const char *base, const char *path, const char *body);
void form_add(struct http_request *r, const char *name, const char *value);
void form_add_i64(struct http_request *r, const char *name, int64_t value);
/* An amount in major units as vendors write it, from a document of json_read_decimals: whole number or decimal text, an
 * exponent allowed. ERR_INVALID when it is absent, no number, or finer than the currency. */
int money_at(int64_t *minor, const json_t *root, const char *path, const char *currency, struct err *e) DW_MUST_CHECK;
void step_done(struct step *out, json_t *take_result);
void step_refused(struct step *out, const char *fmt, ...) DW_PRINTF(2, 3);
void step_retry(struct step *out, int64_t at_ms, const char *fmt, ...) DW_PRINTF(3, 4);
void step_unknown(struct step *out, int64_t at_ms, json_t *take_stage, const char *fmt, ...) DW_PRINTF(4, 5);
int64_t backoff_ms(const struct job *job, int64_t first_ms, int64_t most_ms); /* full jitter over doubling, from job->attempts and random */

#endif
