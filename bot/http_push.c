/* Addresses of the Matrix application service API (v1.12, "/_matrix/app/v1/..."; servers older than 1.4 of it send without that
 * prefix). The secret is looked at before a byte of the body is kept, and compared in a time that does not tell how much of it
 * was right. */
#include "bot/http_push.h"

#include <openssl/crypto.h>
#include <string.h>
#include <strings.h>

#include "engine/facts.h"

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

enum push_path push_path_of(const char *url)
{
    static const char prefix[] = "/_matrix/app/v1/";
    bool full = begins(url, prefix);
    const char *rest = full ? url + sizeof prefix - 1 : url + 1;
    if (!full && url[0] != '/')
        return PUSH_NO;
    if (begins(rest, "transactions/") && rest[strlen("transactions/")])
        return PUSH_TRANSACTION;
    if (full && str_eq(rest, "ping"))
        return PUSH_PING;
    return full ? PUSH_OTHER : PUSH_NO;
}

static bool same_secret(const char *a, const char *b)
{
    char x[65], y[65];
    text_sha256(x, a);
    text_sha256(y, b);
    return CRYPTO_memcmp(x, y, 64) == 0;
}

const struct driver_config *push_owner(const struct config *c, const char *authorization, const char *token)
{
    const char *shown = token;
    if (authorization)
        shown = strncasecmp(authorization, "Bearer ", 7) == 0 ? authorization + 7 : NULL;
    for (size_t i = 0; shown && i < c->n_drivers; i++) {
        const struct driver *d = c->drivers[i]->driver;
        const char *secret = d->push && d->push_secret ? d->push_secret(c->drivers[i]) : NULL;
        if (secret && secret[0] && same_secret(secret, shown))
            return c->drivers[i];
    }
    return NULL;
}

enum reply push_verdict(enum push_path path, const char *method, bool known)
{
    if (!known)
        return REPLY_FORBIDDEN;
    if (path == PUSH_TRANSACTION)
        return strcmp(method, "PUT") == 0 ? REPLY_NONE : REPLY_UNRECOGNIZED;
    if (path == PUSH_PING)
        return strcmp(method, "POST") == 0 ? REPLY_EMPTY : REPLY_UNRECOGNIZED;
    return REPLY_NOT_FOUND;
}
