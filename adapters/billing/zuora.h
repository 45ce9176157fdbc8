/* Between the files of the Zuora driver: zuora.c (table, webhooks), zuora_call.c (how an operation steps, how an
 * answer is judged), zuora_token.c (access), zuora_facts.c (declines, dates, decimals), zuora_read.c, zuora_hold.c (hold), zuora_release.c,
 * zuora_plan.c (plan, unplan), zuora_collect.c, zuora_link.c (link, check), zuora_settle.c (credit, write_off, note), zuora_since.c
 * (catch_up, overdue, defer).
 *
 * An operation is a table of states. Each state sends one request and takes its answer; the stage, a small JSON object with
 * the state's name in "at", is stored by the engine before the request leaves, so a restart goes on in the same state.
 * States whose name begins with "cpr_" speak to Configurable Payment Retry, which has another address and password. */
#ifndef DW_ADAPTERS_BILLING_ZUORA_H
#define DW_ADAPTERS_BILLING_ZUORA_H

#include "adapters/adapter.h"

struct zuora_config {
    struct driver_config base;
    char *base_url, *client_id, *client_secret, *api_version, *muted_profile, *decline_codes;
    char *cpr_url, *cpr_user, *cpr_token;
    char *webhook_user, *webhook_password, *webhook_secret, *webhook_header;
};

/* One step in progress. Everything borrowed but `stage` and `own_token`. */
struct zuora_call {
    const struct zuora_config *config;
    const struct job *job;
    const json_t *args;
    json_t *stage;                      /* owned; handed to out at the end */
    const struct http_response *answer; /* NULL: nothing came */
    const json_t *body;                 /* the answer's object, decimals as text; or NULL */
    int code;                           /* of reasons[0] when the body says success:false; else 0 */
    char *own_token;                    /* the token just minted, where no session keeps it */
    struct step *out;
    bool ended; /* out holds the outcome of this step */
};

struct zuora_state {
    const char *name;
    void (*send)(struct zuora_call *c);
    void (*take)(struct zuora_call *c); /* an answer that is good: 2xx, an object, no success:false */
    /* A clear no: true when it was dealt with (by going on, or ending); NULL: the usual words. */
    bool (*trouble)(struct zuora_call *c);
    const char *look; /* the state that finds out, after an answer that left everything open; NULL: just ask again */
};

struct zuora_op {
    const char *name;
    void (*begin)(struct zuora_call *c);      /* checks the arguments; may end */
    const struct zuora_state *states, *more;  /* the first of `states` is where it starts; `more` may be NULL */
};

extern const struct zuora_op zuora_read, zuora_hold, zuora_release, zuora_plan, zuora_unplan, zuora_collect, zuora_link, zuora_check,
    zuora_credit, zuora_write_off, zuora_note, zuora_catch_up, zuora_overdue, zuora_defer;

void zuora_step(const void *config, const struct job *job, const struct http_response *previous, struct step *out);
void *zuora_open_session(const void *config);
void zuora_close_session(void *session);

/* --- for states (zuora_call.c) --- */

void zuora_go(struct zuora_call *c, const char *state);
bool zuora_at(const struct zuora_call *c, const char *state);
/* "<before><id><after>", the id percent-encoded. Body: JSON text or NULL. The key of a POST is the job's with "-suffix". */
void zuora_get(struct zuora_call *c, const char *before, const char *id, const char *after);
void zuora_put(struct zuora_call *c, const char *before, const char *id, const char *after, const char *body);
void zuora_post(struct zuora_call *c, const char *path, const char *suffix, const char *body);
/* The same at Configurable Payment Retry. */
void zuora_cpr(struct zuora_call *c, const char *method, const char *before, const char *id, const char *body);
bool zuora_has_cpr(const struct zuora_call *c);
void zuora_done(struct zuora_call *c, json_t *take_result);
void zuora_refuse(struct zuora_call *c, const char *fmt, ...) DW_PRINTF(2, 3);
/* It did not happen and may be asked again later: `fmt` says why. */
void zuora_again(struct zuora_call *c, const char *fmt, ...) DW_PRINTF(2, 3);
/* Nobody knows, or it cannot be seen yet: state `look` is stepped after wait_ms. */
void zuora_unknown(struct zuora_call *c, const char *look, int64_t wait_ms, const char *fmt, ...) DW_PRINTF(4, 5);
/* What Zuora said of the trouble: bounded, never a secret; "" when it said nothing. */
const char *zuora_said(const struct zuora_call *c, char *out, size_t size);
bool zuora_not_found(const struct zuora_call *c); /* a clear no that says: there is no such thing */
void zuora_usual_trouble(struct zuora_call *c);
/* States that most operations have: the account, the invoice of the job, and the refusal when Zuora knows no such thing. */
void zuora_account_send(struct zuora_call *c);
bool zuora_account_trouble(struct zuora_call *c);
void zuora_invoice_send(struct zuora_call *c);
bool zuora_invoice_trouble(struct zuora_call *c);
const char *zuora_arg(const struct zuora_call *c, const char *name); /* a text argument, "" when absent */

/* Ends the step with a wait. While it is open what happened, the outcome says so, however often we wait. */
void zuora_wait(struct zuora_call *c, int64_t at_ms, const char *text);

/* --- access (zuora_token.c) --- */

enum { ZUORA_GARBLED_MAX = 5 };
/* The token to use now, NULL when one must be minted. Borrowed. */
const char *zuora_token(const struct zuora_call *c);
void zuora_token_note(struct zuora_call *c);    /* which token goes out with this request */
void zuora_token_refused(struct zuora_call *c); /* 401, or the code that says the same */
void zuora_mint(struct zuora_call *c);
void zuora_minted(struct zuora_call *c); /* the answer of the token endpoint */

/* --- what answers mean (zuora_facts.c) --- */

/* "2026-11-20", "2026-11-20 09:00:00", "2026-11-20T09:00:00.000-07:00" to ms; a bare day begins in `zone`. 0: it is no time. */
int64_t zuora_ms(const char *text, const char *zone);
/* {code, class, text} of a payment that was refused. `said` is the gateway's text, or Zuora's reason. */
json_t *zuora_decline(const struct zuora_config *config, const char *gateway, const char *code, const char *said);
void zuora_put_text(json_t *object, const char *key, const char *text); /* foreign text, bounded; NULL: null */
void zuora_add_string(struct buf *json, const char *text);              /* quoted and escaped */
int64_t zuora_amount(const json_t *owner, const char *path, const char *currency); /* 0 when it is none */
const char *zuora_currency(char out[4], const json_t *owner, const char *path);

/* --- quiet: the part of a hold that a plan needs as well (zuora_hold.c) --- */

extern const struct zuora_state zuora_quiet_states[]; /* "account", ...; when all is quiet: zuora_quiet(c) */
void zuora_quiet_begin(struct zuora_call *c);
void zuora_quiet(struct zuora_call *c);
/* {id, held, prior}. New. */
json_t *zuora_quiet_result(const struct zuora_call *c);
/* Refuses, after putting back what this job changed. */
void zuora_quiet_fail(struct zuora_call *c, const char *why);
void zuora_plan_next(struct zuora_call *c);

#endif
