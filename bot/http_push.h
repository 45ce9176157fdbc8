/* A chat platform that brings what people do by HTTP (a Matrix appservice): its addresses, and who may use them. io thread. */
#ifndef DW_BOT_HTTP_PUSH_H
#define DW_BOT_HTTP_PUSH_H

#include "bot/config.h"
#include "bot/http_reply.h"

#define PUSH_MAX_BODY (16u << 20)

enum push_path {
    PUSH_NO,          /* none of its addresses */
    PUSH_TRANSACTION, /* PUT: events */
    PUSH_PING,        /* POST: are you there? */
    PUSH_OTHER,       /* whether a user or room exists: none does */
};
enum push_path push_path_of(const char *url);

/* Whose it is, by the secret it shows in "Authorization: Bearer ..." or, from older servers, ?access_token=; NULL: nobody's. */
const struct driver_config *push_owner(const struct config *c, const char *authorization, const char *token);

/* The verdict before the body is read: REPLY_NONE when it is wanted. */
enum reply push_verdict(enum push_path path, const char *method, bool known);

#endif
