/* Slack's driver against a platform that answers anything.
 *
 * It must come to an end or wait, never loop; what it calls posted has a channel and a message id that an answer named; a
 * message whose fate nobody knows is looked for before it is sent again; and no token is ever in a URL or a reason. */
#include "adapters/chat/slack.h"
#include "tests/fuzz/step_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char app_token[] = "xapp-fake", bot_token[] = "xoxb-fake";

struct slack_watcher {
    struct watcher base;
    const char *op;
    bool open_fate, ok_seen;
};

static bool posts(const struct http_request *r)
{
    return strstr(r->url, "/chat.postMessage") != NULL;
}

static void sent(struct watcher *base, const struct http_request *r)
{
    struct slack_watcher *w = (struct slack_watcher *)base;
    assert(!strstr(r->url, app_token) && !strstr(r->url, bot_token));
    assert(!posts(r) || !w->open_fate);
    if (!r->write)
        w->open_fate = false; /* a look */
}

static void heard(struct watcher *base, const struct http_request *asked, const struct http_response *r, const json_t *body)
{
    struct slack_watcher *w = (struct slack_watcher *)base;
    bool lost = r->transport == TRANSPORT_LOST || (r->transport == TRANSPORT_OK && (r->status >= 500 || r->status < 200 || (r->status == 200 && !json_is_object(body))));
    if (posts(asked))
        w->open_fate = lost;
    w->ok_seen |= r->transport == TRANSPORT_OK && r->status == 200 && json_flag(body, "ok", false);
}

static void ended(struct watcher *base, const struct step *s)
{
    struct slack_watcher *w = (struct slack_watcher *)base;
    assert(!strstr(s->reason, app_token) && !strstr(s->reason, bot_token));
    if (s->outcome != STEP_DONE)
        return;
    assert(w->ok_seen || str_eq(w->op, "whisper"));
    if (str_eq(w->op, "post") || str_eq(w->op, "update"))
        assert(json_str(s->result, "channel", "")[0] && json_str(s->result, "message", "")[0]);
    if (str_eq(w->op, "connect"))
        assert(json_str(s->result, "url", "")[0]);
    if (str_eq(w->op, "open_form"))
        assert(json_str(s->result, "view", "")[0]);
}

static json_t *arguments(const char *op)
{
    json_t *args = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "channel", strchr(op, '+') ? "U1" : "C1", "message", "17.1", "user", "U1", "text", "Hello <!channel>",
                             "trigger", "t.1", "view", "V1");
    json_put_new(args, "form", json_pack("{s:s, s:s, s:s, s:s, s:[], s:[]}", "id", "plan", "ref", "N-1@1", "title", "Plan", "submit", "Offer", "notes", "inputs"));
    return args;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char url[] = "https://slack.test/api/";
    const struct slack_config config = {.base = {.driver = &slack_driver, .name = "slack"}, .api_url = url, .app_token = app_token, .bot_token = bot_token};
    struct answers answers;
    AUTO_STR op = answers_begin(&answers, data, size);
    AUTO_JSON args = arguments(op);
    op[strcspn(op, "+")] = '\0';
    if (strstr(op, "fake"))
        return 0; /* operations are our own words: no token is in them */
    struct slack_watcher w = {.base = {.sent = sent, .heard = heard, .ended = ended}, .op = op};
    struct job job = {.id = 1, .driver = "slack", .op = op, .key = "card-1-1", .args = args, .now_ms = INT64_C(1793000000000), .random = 7};
    run_steps(&slack_driver, &config, &job, &answers, &w.base);
    return 0;
}
