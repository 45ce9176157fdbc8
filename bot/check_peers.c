/* Who answers? Each configured driver is asked for its "check" step by step, as the engine would, but the calls are
 * made here, one after the other, with a curl handle of their own: nothing of the running program is needed, and
 * nothing is stored. A chat that keeps a socket is also asked for a fresh address ("connect"), because that uses
 * another token. Mail gets a greeting and a NOOP, with the encryption and the log-in that sending would use; no
 * message is sent.
 *
 * The same rules hold as for real calls: certificates and host names are verified, redirects are not followed, time
 * and size are bounded, and nothing a peer says is printed without its control characters taken out. */
#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "bot/check.h"
#include "bot/transfer.h"

#define STEPS_MAX 8

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void call_http(const struct config *c, struct http_request *take, struct http_response *response)
{
    struct transfer t;
    CURL *curl = curl_easy_init();
    if (transfer_begin(&t, curl, take, c->ca_file) == 0)
        transfer_end(&t, curl_easy_perform(curl));
    transfer_take_response(&t, response);
    transfer_fini(&t);
    curl_easy_cleanup(curl);
}

static void call(const struct config *c, const struct driver_config *d, void *memory, struct http_request *take,
                 struct http_response *response)
{
    if (d->driver->serve != NULL)
        d->driver->serve(memory, take, now_ms(), response);
    else
        call_http(c, take, response);
}

/* "https://api.stripe.com" of a longer address: the part that may be shown. */
static void origin_of(const char *url, char *out, size_t size)
{
    const char *rest = strstr(url, "://");
    size_t n = rest != NULL ? (size_t)(rest - url) + 3 + strcspn(rest + 3, "/?#") : 0;
    str_copy(out, n + 1 < size ? n + 1 : size, url);
}

/* Steps one operation to its end. A wait that the driver asks for is not waited: for a check it is a "not now". */
static void walk(const struct config *c, const struct driver_config *d, void *memory, const char *op, const json_t *args,
                 struct step *last)
{
    AUTO_JSON stage = NULL;
    AUTO_JSON kept = NULL;
    char origin[120] = "";
    struct http_response response;
    struct http_response *previous = NULL;
    http_response_init(&response);
    for (int i = 0; i < STEPS_MAX; i++) {
        struct job job = {.id = 1,
                          .driver = d->name,
                          .op = op,
                          .key = "check",
                          .args = args,
                          .stage = stage,
                          .kept = kept,
                          .attempts = i,
                          .now_ms = now_ms(),
                          .random = 1};
        step_fini(last);
        step_init(last);
        d->driver->step(d, &job, previous, last);
        if (last->outcome != STEP_HTTP)
            break;
        if (last->stage != NULL) {
            json_decref(stage);
            stage = json_incref(last->stage);
        }
        if (last->keep != NULL) { /* for the steps that follow; not stored */
            json_decref(kept);
            kept = json_incref(last->keep);
        }
        origin_of(last->request.url != NULL ? last->request.url : "", origin, sizeof origin);
        http_response_fini(&response);
        http_response_init(&response);
        call(c, d, memory, &last->request, &response);
        previous = &response;
    }
    if (last->outcome != STEP_DONE && response.transport != TRANSPORT_OK && response.problem[0] != '\0')
        snprintf(last->reason, sizeof last->reason, "%s: %s", origin, response.problem);
    http_response_fini(&response);
}

static void check_op(const struct config *c, const struct driver_config *d, void *memory, const char *op,
                     const char *name, struct check_tally *t)
{
    struct step last;
    step_init(&last);
    AUTO_JSON nothing = json_object();
    walk(c, d, memory, op, nothing, &last);
    if (last.outcome == STEP_DONE)
        check_say(t, CHECK_OK, name, "%s",
                  strcmp(op, "connect") == 0 ? "a connection is offered" : json_str(last.result, "who", "answers"));
    else
        check_say(t, CHECK_FAIL, name, "%s", last.reason[0] != '\0' ? last.reason : "no usable answer");
    step_fini(&last);
}

static size_t ignore(char *p DW_UNUSED, size_t size, size_t n, void *ctx DW_UNUSED)
{
    return size * n;
}

/* The options a mail would be sent with, but the command is NOOP. */
static void set_mail(CURL *curl, const struct config *c, const struct driver_config *d, char problem[CURL_ERROR_SIZE])
{
    const char *user = config_option(d, "username"), *password = config_option(d, "password"),
               *url = config_option(d, "url");
    const char *tls = config_option(d, "tls");
    bool plain = tls != NULL ? strcmp(tls, "off") == 0 : config_url_is_here(url);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, "NOOP");
    curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, 5000L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, 10000L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(curl, CURLOPT_USE_SSL, plain ? (long)CURLUSESSL_NONE : (long)CURLUSESSL_ALL);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, ignore);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, problem);
    if (c->ca_file != NULL)
        curl_easy_setopt(curl, CURLOPT_CAINFO, c->ca_file);
    if (user != NULL)
        curl_easy_setopt(curl, CURLOPT_USERNAME, user);
    if (user != NULL && password != NULL)
        curl_easy_setopt(curl, CURLOPT_PASSWORD, password);
}

static void check_mail(const struct config *c, const struct driver_config *d, struct check_tally *t)
{
    char problem[CURL_ERROR_SIZE] = "";
    CURL *curl = curl_easy_init();
    set_mail(curl, c, d, problem);
    CURLcode rc = curl_easy_perform(curl);
    if (rc == CURLE_OK)
        check_say(t, CHECK_OK, d->name, "the mail server answers");
    else
        check_say(t, CHECK_FAIL, d->name, "%s", problem[0] != '\0' ? problem : curl_easy_strerror(rc));
    curl_easy_cleanup(curl);
}

static void check_driver(const struct config *c, const struct driver_config *d, struct check_tally *t)
{
    if (!config_complete(d)) {
        check_say(t, CHECK_SKIP, d->name, "its configuration is not complete or has a mistake, see above");
        return;
    }
    if (d->driver->kind == DRIVER_NOTIFY) {
        check_mail(c, d, t);
        return;
    }
    void *memory = d->driver->open_memory != NULL ? d->driver->open_memory(d) : NULL;
    check_op(c, d, memory, "check", d->name, t);
    if (d->driver->kind == DRIVER_CHAT && d->driver->frame != NULL && d->driver->serve == NULL) {
        AUTO_STR name = str_fmt("%s socket", d->name);
        check_op(c, d, memory, "connect", name, t);
    }
    if (d->driver->close_memory != NULL)
        d->driver->close_memory(memory);
}

static bool can(const struct driver *d, const char *op)
{
    for (const struct capability *r = d->capabilities; r != NULL && r->op != NULL; r++)
        if (strcmp(r->op, op) == 0)
            return strcmp(r->how, "native") == 0 || strcmp(r->how, "emulated") == 0;
    return false;
}

/* One of the two lists that only read: it shows what a key may see before anything depends on it. */
static void check_list(const struct config *c, const struct driver_config *d, void *memory, const char *op,
                       struct check_tally *t)
{
    bool gap = strcmp(op, "catch_up") == 0;
    AUTO_STR name = str_fmt("%s %s", d->name, gap ? "events" : "overdue");
    AUTO_JSON args = json_object();
    struct step last;
    if (!can(d->driver, op))
        return;
    json_object_set_new(args, gap ? "since_ms" : "before_ms", json_integer(gap ? now_ms() - 3600000 : now_ms()));
    step_init(&last);
    walk(c, d, memory, op, args, &last);
    size_t n = json_array_size(json_object_get(last.result, gap ? "events" : "invoices"));
    const char *more = json_str(last.result, "cursor", NULL) != NULL ? " and more" : "";
    if (last.outcome == STEP_DONE)
        check_say(t, CHECK_OK, name, gap ? "%zu%s in the last hour" : "%zu%s invoices", n, more);
    else
        check_say(t, CHECK_FAIL, name, "%s", last.reason[0] != '\0' ? last.reason : "no usable answer");
    step_fini(&last);
}

bool check_biller(const struct config *c, const char *name, struct check_tally *t)
{
    const struct driver_config *d = config_driver(c, name);
    if (d == NULL || d->driver->kind != DRIVER_BILLING)
        return false;
    if (!config_complete(d)) {
        check_say(t, CHECK_SKIP, d->name, "its configuration is not complete or has a mistake, see above");
        return true;
    }
    curl_global_init(CURL_GLOBAL_DEFAULT);
    void *memory = d->driver->open_memory != NULL ? d->driver->open_memory(d) : NULL;
    check_op(c, d, memory, "check", d->name, t);
    check_list(c, d, memory, "catch_up", t);
    check_list(c, d, memory, "overdue", t);
    if (d->driver->close_memory != NULL)
        d->driver->close_memory(memory);
    curl_global_cleanup();
    return true;
}

void check_peers(const struct config *c, struct check_tally *t)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
    for (size_t i = 0; i < c->n_drivers; i++)
        check_driver(c, c->drivers[i], t);
    curl_global_cleanup();
}
