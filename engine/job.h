/* What passes between the engine, a driver and whatever makes the calls: plain values, no sockets. Owned by their holder. */
#ifndef DW_ENGINE_JOB_H
#define DW_ENGINE_JOB_H

#include "engine/buf.h"
#include "engine/chat.h"
#include "engine/json.h"

enum transport {
    TRANSPORT_OK,       /* an answer came: status and body are set */
    TRANSPORT_NOT_SENT, /* it certainly did not reach the peer: name not found, connection refused, TLS refused, limit */
    TRANSPORT_LOST,     /* the request left, or may have: time-out, reset, a crash of ours */
};

struct http_request {
    char method[8];       /* GET, POST, PUT, DELETE; MAIL for SMTP (url smtp://, from and to in the headers, body the message) */
    char *url;            /* may hold a secret: never logged */
    struct buf headers;   /* "Name: value\n" lines; may hold secrets: never logged */
    struct buf body;
    int timeout_ms;       /* whole call; 0 means 10 s */
    size_t answer_most;   /* bytes of the answer's body; 0 means 4 MiB. Past it the call counts as LOST */
    bool write;           /* changes something at the peer: a LOST answer is unknown, not a failure */
};

struct http_response {
    enum transport transport;
    int status;           /* HTTP or SMTP code; 0 when none */
    struct buf body;      /* capped, request.answer_most; past it the call counts as LOST */
    int64_t retry_after_ms; /* from Retry-After (seconds or date), as a span; -1 when absent */
    bool never_retry;     /* Stripe-Should-Retry or Recurly-Should-Retry: false */
    bool too_large;       /* why it counts as LOST: the body passed the cap */
    char request_id[80];  /* the vendor's, for the journal */
    char problem[160];    /* words for transport trouble, no secrets */
};

void http_request_init(struct http_request *r);
void http_request_fini(struct http_request *r);
void http_response_init(struct http_response *r);
void http_response_fini(struct http_response *r);
/* Adds "name: value"; control characters in the value are refused by replacing them with '?'. */
void http_request_header(struct http_request *r, const char *name, const char *value);

/* One operation for a driver. Borrowed during step(). */
struct job {
    int64_t id;
    const char *driver;  /* configured name, e.g. "stripe", "slack" */
    const char *op;      /* "read", "hold", "post", ... */
    const char *key;     /* idempotency key: unique, stable for ever */
    const json_t *args;
    const json_t *stage; /* what the driver kept from the previous step; NULL at first */
    const json_t *kept;  /* the driver's own, of `struct step.keep`; NULL when there is none */
    int attempts;        /* calls already made for this job; of a poll: those that failed since the last answer */
    int64_t now_ms;
    uint64_t random;     /* for jitter */
};

enum outcome {
    STEP_HTTP,    /* send `request`; come back with the response. `stage` is stored before it leaves */
    STEP_DONE,    /* happened and was read back; `result` */
    STEP_RETRY,   /* did not happen, may be tried again at retry_at_ms (stage kept) */
    STEP_REFUSED, /* did not happen and will not: `reason` for people, `result` may hold details such as the decline */
    STEP_UNKNOWN, /* nobody knows yet: call again at retry_at_ms with no response; the stage says "look first" */
};

struct step {
    enum outcome outcome;
    struct http_request request;
    json_t *stage;  /* owned; NULL keeps the old one */
    json_t *result; /* owned */
    int64_t retry_at_ms;
    char reason[300]; /* plain words, no secrets */
    bool denied;      /* with REFUSED: it is our credentials that are refused, so nothing else will be taken before they are mended */
    /* What people did, as a chat platform told it in the response (op "poll"): handled in the transaction that stores `stage`,
     * in this order, each once for ever by its `dedupe`. Owned. */
    struct chat_input *inputs;
    size_t n_inputs;
    /* What the driver must know again after a restart and nobody may read elsewhere, such as a session's token: kept in the
     * table `sessions` under the driver's name. Owned; NULL: as before. job->kept is what was stored last. */
    json_t *keep;
};

void step_init(struct step *s);
void step_fini(struct step *s);
/* A new, empty input at the end of the list; borrowed until the next call. */
struct chat_input *step_input_add(struct step *s);

#endif
