/* One outgoing call under libcurl: a request in, a response out. Belongs to one thread at a time. See transfer.c. */
#ifndef DW_BOT_TRANSFER_H
#define DW_BOT_TRANSFER_H

#include <curl/curl.h>

#include "bot/room.h"
#include "engine/job.h"

struct transfer {
    CURL *easy;                  /* borrowed */
    struct curl_slist *headers;  /* HTTP: what is sent; SMTP: the recipient */
    struct http_request request; /* owned */
    struct http_response response;
    struct buf upload; /* SMTP: the message with CRLF */
    size_t uploaded;
    bool too_large;
    bool spent;          /* the server says that nothing is left of what we may ask of it now */
    bool left;           /* or that something is */
    bool told;           /* it says when to ask again */
    int64_t in_reset_ms; /* after which there is again; -1: it does not say */
    struct room_word word;
    char problem[CURL_ERROR_SIZE];
};

/* Takes the request and sets the handle up. On failure the response says why (NOT_SENT) and the transfer is finished. */
int transfer_begin(struct transfer *t, CURL *easy, struct http_request *take, const char *ca_file) DW_MUST_CHECK;
/* After the handle is done: fills t->response. */
void transfer_end(struct transfer *t, CURLcode code);
void transfer_fini(struct transfer *t); /* the response too; take it out before (transfer_take_response) */
/* What this server says of how much may be asked of it, by whomever. */
struct room_word transfer_word(const struct transfer *t);
void transfer_take_response(struct transfer *t, struct http_response *out);

/* transfer_mail.c: the same for method MAIL. */
int transfer_mail_begin(struct transfer *t) DW_MUST_CHECK;
void transfer_mail_end(struct transfer *t, CURLcode code);

/* Shared by both halves. */
int transfer_refuse(struct transfer *t, const char *why); /* NOT_SENT with a sentence; returns ERR_INVALID */
bool transfer_nothing_left(CURL *easy, CURLcode code);    /* certain that no byte of the request has left */

#endif
