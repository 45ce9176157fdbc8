/* Getting a fresh chat connection.
 *
 * An attempt has three legs: ask the platform for an address (the driver's "connect" steps, carried by the out thread),
 * resolve the name (a thread of its own), open the link and wait for the hello. There is never more than one attempt, and
 * one deadline over all legs is the only truth about whether it got anywhere, whatever the libraries report or forget to.
 *
 * Between attempts there is a pause: full jitter below a bound that doubles from half a second to thirty, so that a platform
 * that comes back is not met by everybody at once. The count goes back to zero only after a link has lived for a minute: a
 * platform that accepts and drops us at once is not hammered either. Whoever knows better (Retry-After, a refusal that
 * a person must mend) asks for a longer pause.
 *
 * Addresses and tickets are secrets and are never logged; the host's name is not. */
#include "bot/dial.h"

#include <curl/curl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "bot/config_driver.h"
#include "bot/metrics.h"

#define MAX_STEPS 10

void dial_init(struct dial *d, struct io *io, const struct driver_config *driver, const struct dial_hooks *hooks,
               const struct dial_limits *limits)
{
    *d = (struct dial){.io = io, .driver = driver, .hooks = *hooks, .limits = *limits};
    str_copy(d->problem, sizeof d->problem, "connecting");
}

/* Lets go of everything the attempt held; a late answer finds another number. */
static void dial_rest(struct dial *d)
{
    lookup_free(STEAL(d->lookup));
    json_decref(STEAL(d->stage));
    json_decref(STEAL(d->result));
    free(d->target.path);
    memset(&d->target, 0, sizeof d->target);
    d->phase = DIAL_REST;
    d->attempt++;
}

void dial_fini(struct dial *d)
{
    dial_rest(d);
}

static int64_t backoff(struct dial *d)
{
    int doublings = d->failures - 1 < 10 ? d->failures - 1 : 10;
    int64_t bound = d->limits.first << doublings;
    if (bound > d->limits.most)
        bound = d->limits.most;
    return (int64_t)(d->hooks.random(d->hooks.ctx) % (uint64_t)(bound + 1));
}

void dial_failed(struct dial *d, enum log_level level, int64_t pause_ms, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(d->problem, sizeof d->problem, fmt, args);
    va_end(args);
    dial_rest(d);
    d->failures++;
    int64_t wait = backoff(d);
    if (wait < pause_ms)
        wait = pause_ms;
    d->not_before_ms = io_now_ms() + wait;
    log_line(level, "chat.not_connected", "%s: %s; trying again in %.1f s", d->driver->name, d->problem, (double)wait / 1000);
}

void dial_live(struct dial *d)
{
    dial_rest(d);
    d->problem[0] = '\0';
}

void dial_steady(struct dial *d)
{
    d->failures = 0;
}

/* --- the address --- */

static bool url_part(CURLU *u, CURLUPart part, unsigned flags, char **out)
{
    char *text = NULL;
    if (curl_url_get(u, part, &text, flags) != CURLUE_OK)
        return false;
    *out = str_dup(text);
    curl_free(text);
    return true;
}

static bool target_from(struct link_target *t, CURLU *u)
{
    AUTO_STR scheme = NULL;
    AUTO_STR host = NULL;
    AUTO_STR port = NULL;
    AUTO_STR path = NULL;
    AUTO_STR query = NULL;
    if (!url_part(u, CURLUPART_SCHEME, 0, &scheme) || !url_part(u, CURLUPART_HOST, 0, &host) || !url_part(u, CURLUPART_PATH, 0, &path))
        return false;
    t->tls = strcmp(scheme, "wss") == 0;
    if (!t->tls && strcmp(scheme, "ws") != 0)
        return false;
    t->port = t->tls ? 443 : 80;
    if (url_part(u, CURLUPART_PORT, 0, &port))
        t->port = (int)strtol(port, NULL, 10);
    size_t n = strlen(host);
    bool brackets = n > 2 && host[0] == '[' && host[n - 1] == ']';
    if (n >= sizeof t->host)
        return false;
    AUTO_STR bare = brackets ? str_ndup(host + 1, n - 2) : str_dup(host);
    str_copy(t->host, sizeof t->host, bare);
    bool any = url_part(u, CURLUPART_QUERY, 0, &query);
    t->path = any ? str_fmt("%s?%s", path, query) : str_dup(path);
    return true;
}

/* Unencrypted links are for peers on this machine only. */
static bool target_parse(struct link_target *t, const char *url)
{
    CURLU *u = curl_url();
    bool fine = url && curl_url_set(u, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK && target_from(t, u);
    curl_url_cleanup(u);
    return fine && (t->tls || config_loopback(t->host));
}

static void address_known(struct dial *d, json_t *take_result)
{
    d->result = take_result;
    if (!target_parse(&d->target, json_str(d->result, "url", NULL))) {
        dial_failed(d, LOG_ERROR, d->limits.disabled, "the platform gave an address that cannot be used (wss is needed)");
        return;
    }
    d->target.headers = json_object_get(d->result, "headers");
    d->phase = DIAL_LOOKUP;
    d->lookup = lookup_start(d->target.host, io_wake_fd(d->io));
}

static void dial_step(struct dial *d, const struct http_response *previous)
{
    int64_t now_ms = d->hooks.now_ms(d->hooks.ctx);
    char key[40];
    snprintf(key, sizeof key, "connect-%lld", (long long)d->attempt);
    AUTO_JSON args = json_object();
    struct job job = {.driver = d->driver->name, .op = "connect", .key = key, .args = args, .stage = d->stage,
                      .attempts = d->failures, .now_ms = now_ms, .random = d->hooks.random(d->hooks.ctx)};
    struct step s;
    step_init(&s);
    d->driver->driver->step(d->driver, &job, previous, &s);
    enum outcome outcome = ++d->steps > MAX_STEPS ? STEP_REFUSED : s.outcome;
    switch (outcome) {
    case STEP_HTTP:
        if (s.stage) {
            json_decref(d->stage);
            d->stage = STEAL(s.stage);
        }
        d->hooks.ask(d->hooks.ctx, d->driver->name, d->attempt, &s.request);
        break;
    case STEP_DONE:
        address_known(d, STEAL(s.result));
        break;
    case STEP_RETRY:
    case STEP_UNKNOWN:
        dial_failed(d, LOG_WARN, s.retry_at_ms - now_ms, "%s", s.reason[0] ? s.reason : "no address was given");
        break;
    case STEP_REFUSED:
        dial_failed(d, LOG_ERROR, d->limits.disabled, "%s", s.reason[0] ? s.reason : "the platform refuses to connect");
        break;
    }
    step_fini(&s);
}

void dial_want(struct dial *d)
{
    if (d->phase != DIAL_REST || io_now_ms() < d->not_before_ms)
        return;
    d->phase = DIAL_ASK;
    d->attempt++;
    d->steps = 0;
    d->deadline_ms = io_now_ms() + d->limits.live;
    metric_add(METRIC_CHAT_RECONNECTS, 1);
    dial_step(d, NULL);
}

void dial_response(struct dial *d, int64_t attempt, struct http_response *take)
{
    if (d->phase == DIAL_ASK && attempt == d->attempt)
        dial_step(d, take);
    http_response_fini(take);
}

static void name_known(struct dial *d)
{
    const char *address = lookup_address(d->lookup, (unsigned)d->failures); /* the next one after each failure */
    if (!address) {
        dial_failed(d, LOG_WARN, 0, "the name %s could not be resolved", d->target.host);
        return;
    }
    str_copy(d->target.address, sizeof d->target.address, address);
    lookup_free(STEAL(d->lookup));
    d->phase = DIAL_OPEN;
    d->hooks.open(d->hooks.ctx, &d->target);
}

void dial_poll(struct dial *d)
{
    if (d->phase == DIAL_LOOKUP && lookup_done(d->lookup))
        name_known(d);
    if (d->phase != DIAL_REST && io_now_ms() > d->deadline_ms)
        dial_failed(d, LOG_WARN, 0, "not connected within %lld s", (long long)(d->limits.live / 1000));
}
