/* Access to Zuora.
 *
 * The access token lives in the session, in memory, and nowhere else. A state that needs one and finds none first sends the
 * job to the token endpoint and then goes on where it was. One job mints, the others wait a second. A 401 drops the token
 * that was used, if it is still the same, and the call is made once more. */
#include <openssl/crypto.h>
#include <string.h>

#include "adapters/billing/zuora.h"
#include "engine/when.h"

enum { TOKEN_MAX = 4096 };

#define MINT_TIMEOUT_MS 20000
#define MINT_PATIENCE_MS (45 * MS_SECOND) /* then whoever was minting is gone */
#define MINT_WAIT_MS MS_SECOND
#define EXPIRY_MARGIN_MS (60 * MS_SECOND)
#define NO_ACCESS_MS (5 * MS_MINUTE)

struct session {
    char *token;
    int64_t minted_ms, expires_ms;
    int64_t minter, minting_until_ms; /* the job that asks for a token now; 0: none */
};

void *zuora_open_session(const void *config)
{
    (void)config;
    struct session *s = mem_alloc(sizeof *s);
    return s;
}

static void token_drop(struct session *s)
{
    if (s->token)
        OPENSSL_cleanse(s->token, strlen(s->token));
    free(s->token);
    s->token = NULL;
}

void zuora_close_session(void *session)
{
    if (session)
        token_drop(session);
    free(session);
}

static struct session *session_of(const struct zuora_call *c)
{
    return c->config->base.session;
}

const char *zuora_token(const struct zuora_call *c)
{
    const struct session *s = session_of(c);
    if (c->own_token)
        return c->own_token;
    return s && s->token && c->job->now_ms < s->expires_ms - EXPIRY_MARGIN_MS ? s->token : NULL;
}

/* What cannot go on for want of access. While something is open it must not end in "it did not happen". */
static void no_access(struct zuora_call *c)
{
    const char *name = c->config->base.name ? c->config->base.name : "zuora";
    AUTO_STR text = str_fmt("Zuora does not accept client_id and client_secret of billing.%s", name);
    if (json_flag(c->stage, "open", false))
        zuora_wait(c, c->job->now_ms + NO_ACCESS_MS, text);
    else
        zuora_refuse(c, "%s", text);
}

void zuora_mint(struct zuora_call *c)
{
    struct session *s = session_of(c);
    if (s && s->minter && s->minter != c->job->id && c->job->now_ms < s->minting_until_ms) {
        zuora_wait(c, c->job->now_ms + MINT_WAIT_MS, "another call is fetching an access token");
        return;
    }
    if (s) {
        s->minter = c->job->id;
        s->minting_until_ms = c->job->now_ms + MINT_PATIENCE_MS;
    }
    json_put_new(c->stage, "mint", json_true());
    step_post(c->out, c->config->base_url, "oauth/token");
    struct http_request *r = &c->out->request;
    r->write = false; /* a token more or less changes nothing */
    r->timeout_ms = MINT_TIMEOUT_MS;
    form_add(r, "client_id", c->config->client_id);
    form_add(r, "client_secret", c->config->client_secret);
    form_add(r, "grant_type", "client_credentials");
}

static bool token_usable(const char *token)
{
    size_t n = strnlen(token, TOKEN_MAX + 1);
    for (size_t i = 0; i < n; i++)
        if (token[i] <= ' ' || token[i] > '~')
            return false;
    return n > 0 && n <= TOKEN_MAX;
}

static void token_keep(struct zuora_call *c, const char *token, int64_t life_ms)
{
    struct session *s = session_of(c);
    json_put_i64(c->stage, "minted_ms", c->job->now_ms);
    free(c->own_token);
    c->own_token = str_dup(token); /* good for this step, even where its life is shorter than the margin */
    if (!s)
        return;
    token_drop(s);
    s->token = str_dup(token);
    s->minted_ms = c->job->now_ms;
    s->expires_ms = c->job->now_ms + life_ms;
}

void zuora_minted(struct zuora_call *c)
{
    const struct http_response *a = c->answer;
    struct session *s = session_of(c);
    const char *token = json_str(c->body, "access_token", "");
    int64_t life_s = json_i64(c->body, "expires_in", 3600);
    if (s && s->minter == c->job->id)
        s->minter = 0;
    if (a->transport == TRANSPORT_OK && a->status == 200 && token_usable(token))
        token_keep(c, token, (life_s > 0 && life_s < 86400 ? life_s : 3600) * MS_SECOND);
    else if (a->transport == TRANSPORT_OK && (a->status == 400 || a->status == 401 || a->status == 403))
        no_access(c);
    else if (a->transport == TRANSPORT_OK && a->status == 200 && json_i64(c->stage, "tries", 0) >= ZUORA_GARBLED_MAX &&
             !json_flag(c->stage, "open", false))
        zuora_refuse(c, "what answers there does not speak Zuora's API: look at base_url");
    else
        zuora_again(c, "no access token from Zuora (%s)", a->transport != TRANSPORT_OK && *a->problem ? a->problem : "no usable answer");
}

/* The token may have been renewed by another job since: then only ask again. */
void zuora_token_refused(struct zuora_call *c)
{
    struct session *s = session_of(c);
    if (s && s->minted_ms == json_i64(c->stage, "minted_ms", 0))
        token_drop(s);
    if (json_flag(c->stage, "renewed", false))
        no_access(c);
    json_put_new(c->stage, "renewed", json_true());
}

void zuora_token_note(struct zuora_call *c)
{
    if (session_of(c) && !c->own_token)
        json_put_i64(c->stage, "minted_ms", session_of(c)->minted_ms);
}
