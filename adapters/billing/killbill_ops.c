/* How the driver speaks to Kill Bill; values as Kill Bill writes them; and the two small operations, check and link.
 *
 * Kill Bill has no idempotency keys, so a write whose answer is lost is never simply sent again: each write names a state that
 * reads back. The same goes for every 5xx, because Kill Bill answers 502, 503 and 504 after the payment plugin was called.
 *
 * Each write carries three headers that Kill Bill keeps in its audit log (50, 255 and 255 characters wide; more is an SQL error
 * there): who, the case, and the approval with its reason. So the billing system can tell the same story as the journal. */
#include "adapters/billing/killbill.h"

#include "adapters/billing/declines.h"
#include "adapters/billing/rest_settle.h"

#include <string.h>

#include "engine/when.h"

enum { AUDIT_MAX = 255, LINK_MAX = 4096 };

static const struct killbill_config *config_of(const struct rest_call *c)
{
    return c->config;
}

/* --- requests --- */

static void add_headers(const struct rest_call *c, struct http_request *r)
{
    AUTO_STR basic = rest_basic(config_of(c)->username, config_of(c)->password);
    http_request_header(r, "Authorization", basic);
    http_request_header(r, "X-Killbill-ApiKey", config_of(c)->api_key);
    http_request_header(r, "X-Killbill-ApiSecret", config_of(c)->api_secret);
    http_request_header(r, "Accept", "application/json");
}

static const char *base_url(const struct rest_call *c, struct buf *room)
{
    (void)room;
    return config_of(c)->base_url;
}

/* Tomcat's own pages are HTML; they and anything else that is no JSON count as no answer. */
static json_t *read_body(struct span body)
{
    if (body.n == 0)
        return json_object();
    json_t *value = json_read_decimals(body, NULL);
    return json_is_array(value) ? json_pack("{s:o}", "list", value) : value;
}

static char *path_of(const char *collection, const char *id, const char *rest)
{
    AUTO_BUF path = BUF(4096);
    buf_addf(&path, "1.0/kb/%s", collection);
    if (id) {
        buf_addc(&path, '/');
        buf_add_url(&path, id);
    }
    buf_adds(&path, rest);
    return buf_take(&path);
}

void killbill_get(struct rest_call *c, const char *collection, const char *id, const char *rest)
{
    AUTO_STR path = path_of(collection, id, rest);
    rest_get(c, path);
}

/* A header takes ASCII, the audit log 255 characters. */
static void audit_header(struct http_request *r, const char *name, const char *value)
{
    char text[AUDIT_MAX + 1];
    str_copy(text, sizeof text, value);
    for (char *p = text; *p; p++)
        if ((unsigned char)*p >= 0x80)
            *p = '?';
    if (*text)
        http_request_header(r, name, text);
}

void killbill_write(struct rest_call *c, const char *method, const char *collection, const char *id, const char *rest, const char *body)
{
    AUTO_STR path = path_of(collection, id, rest);
    const char *reason = json_str(c->args, "reason", "");
    AUTO_STR comment = str_fmt("%s%s%s", c->job->key, *reason ? ": " : "", reason);
    rest_get(c, path);
    int timeout_ms = c->out->request.timeout_ms;
    step_json(c->out, method, config_of(c)->base_url, path, body);
    struct http_request *r = &c->out->request;
    r->timeout_ms = timeout_ms;
    add_headers(c, r);
    if (!body) /* without it Kill Bill answers 415, to a DELETE as well */
        http_request_header(r, "Content-Type", "application/json");
    http_request_header(r, "X-Killbill-CreatedBy", "dunwell");
    audit_header(r, "X-Killbill-Reason", json_str(c->args, "case", ""));
    audit_header(r, "X-Killbill-Comment", comment);
}

/* --- values --- */

const json_t *killbill_list(const struct rest_call *c)
{
    return json_object_get(c->body, "list");
}

const json_t *killbill_row(const json_t *list, const char *path, const char *text)
{
    const json_t *row;
    size_t i;
    json_array_foreach(list, i, row)
        if (str_eq(json_str(row, path, ""), text))
            return row;
    return NULL;
}

int64_t killbill_money(const json_t *owner, const char *path, const char *currency)
{
    int64_t minor = 0;
    return money_at(&minor, owner, path, currency, NULL) == 0 ? minor : 0;
}

int64_t killbill_ms(const char *iso, const char *zone)
{
    int64_t at_ms = 0;
    if (strlen(iso) != 10)
        return when_of_rfc3339(iso);
    return when_parse_day(&at_ms, iso, zone && when_zone_known(zone) ? zone : NULL, NULL) == 0 && at_ms > 0 ? at_ms : 0;
}

const char *killbill_class(const struct rest_call *c, const char *plugin, const char *code)
{
    return decline_mapped(config_of(c)->declines, plugin, code);
}

bool killbill_asks_plugin(const struct rest_call *c)
{
    return strchr(config_of(c)->declines, '/') != NULL;
}

/* A plugin failure is a fault of the gateway or of the way there; without a code of its own it gets that name. */
void killbill_put_decline(const struct rest_call *c, json_t *out, const json_t *transaction)
{
    bool plugin = str_eq(json_str(transaction, "status", ""), "PLUGIN_FAILURE");
    const char *code = json_str(transaction, "gatewayErrorCode", "");
    rest_put_text(out, "code", *code ? code : plugin ? "plugin_failure" : NULL);
    json_put(out, "class", killbill_class(c, NULL, json_str(out, "code", "")));
    rest_put_text(out, "text", json_str(transaction, "gatewayErrorMsg", plugin ? "the gateway or its plugin failed" : NULL));
}

/* --- link --- */

static void link_begin(struct rest_call *c)
{
    if (!*json_str(c->args, "customer", ""))
        rest_refuse(c, "a link needs a customer");
}

static void form_send(struct rest_call *c)
{
    killbill_write(c, "POST", "paymentGateways/hosted/form", json_str(c->args, "customer", ""), "", "{\"formFields\":[]}");
}

/* Only a form that opens by a plain address can be mailed; a form that must be posted cannot. */
static void form_take(struct rest_call *c)
{
    const char *url = json_str(c->body, "formUrl", ""), *name;
    json_t *value;
    if (!str_eq(json_str(c->body, "formMethod", ""), "GET") || strncmp(url, "https://", 8) != 0) {
        rest_refuse(c, "Kill Bill's payment plugin has no page that opens by a link");
        return;
    }
    AUTO_BUF link = BUF(LINK_MAX);
    buf_adds(&link, url);
    json_object_foreach(json_object_get(c->body, "formFields"), name, value) {
        if (!json_is_string(value))
            continue;
        buf_addc(&link, strchr(buf_text(&link), '?') ? '&' : '?');
        buf_add_url(&link, name);
        buf_addc(&link, '=');
        buf_add_url(&link, json_string_value(value));
    }
    if (link.over)
        rest_refuse(c, "the address of the payment plugin's page is too long");
    else
        rest_done(c, json_pack("{s:s}", "url", buf_text(&link)));
}

/* A plugin without such a page answers with an exception of its own, 400 or 500. */
static bool form_trouble(struct rest_call *c)
{
    int status = c->answer->status;
    if (status != 400 && status != 404 && status != 500 && status != 501)
        return false;
    rest_refuse(c, "Kill Bill's payment plugin offers no page for paying or for a new card");
    return true;
}

static const struct rest_state link_states[] = {
    {"form", form_send, form_take, form_trouble, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

/* --- check --- */

static void check_send(struct rest_call *c)
{
    killbill_get(c, "accounts/pagination", NULL, "?limit=1");
}

static void check_take(struct rest_call *c)
{
    if (!killbill_list(c)) {
        rest_refuse(c, "what answers there does not speak Kill Bill's API: look at base_url");
        return;
    }
    AUTO_STR who = str_fmt("tenant %.60s as %.60s", config_of(c)->api_key, config_of(c)->username);
    json_t *result = json_object();
    json_put_new(result, "who", json_text_safe(who));
    rest_done(c, result);
}

static const struct rest_state check_states[] = {
    {"accounts", check_send, check_take, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

/* --- the vendor --- */

static bool never(const struct rest_call *c)
{
    (void)c;
    return false;
}

static bool holds(const char *text, const char *secret)
{
    return secret && *secret && strstr(text, secret);
}

static bool leaks(const struct rest_call *c, const char *text)
{
    return holds(text, config_of(c)->password) || holds(text, config_of(c)->api_secret) || holds(text, config_of(c)->webhook_secret);
}

static const struct rest_op killbill_link = {"link", link_begin, link_states}, killbill_check = {"check", NULL, check_states};

static const struct rest_op *const ops[] = {&killbill_read, &killbill_hold,  &killbill_release, &killbill_defer, &killbill_plan,  &killbill_collect,
                                            &rest_credit,   &rest_write_off, &rest_note,        &killbill_catch_up, &killbill_overdue, &killbill_link, &killbill_check, NULL};

static const struct rest_vendor vendor = {
    .title = "Kill Bill",
    .ops = ops,
    .said = "message",
    .key_hint = "username, password, api_key and api_secret",
    .idempotency = "killbill",
    .headers = add_headers,
    .base_url = base_url,
    .read = read_body,
    .later = never,
    .reused = never,
    .is_decline = never,
    .leaks = leaks,
    .settle = &killbill_settle,
};

void killbill_step(const void *config, const struct job *job, const struct http_response *previous, struct step *out)
{
    rest_step(&vendor, config, job, previous, out);
}
