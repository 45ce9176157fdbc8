/* A chat that brings what people do by HTTP: only with its secret, answered after the commit, each event once whatever delivery
 * it comes in, and nothing that cannot be read holds up the rest. */
#include "tests/unit/loop_rig.h"

#include "bot/http.h"
#include "bot/http_push.h"
#include "bot/log.h"
#include "bot/metrics.h"
#include "bot/queue.h"

/* --- a chat whose deliveries are lines: each names an event and what Mara says in it --- */

static int pushes, polls, awakened;

static const char *line_secret(const void *config)
{
    (void)config;
    return "hs-secret";
}

static int line_push(const void *config, const json_t *kept, struct span body, int64_t now_ms, struct step *out, struct err *e)
{
    (void)config;
    assert_true(now_ms > 0);
    assert_true(pushes == 0 || str_eq(json_str(kept, "seen", ""), "yes")); /* what was kept the last time is there */
    pushes++;
    if (body.n == 0 || body.p[0] == '?')
        return err_set(e, ERR_INVALID, "no JSON");
    AUTO_STR text = str_ndup(body.p, body.n);
    for (char *line = text; *line;) {
        size_t n = strcspn(line, "\n");
        struct chat_input *in = step_input_add(out);
        in->kind = CHAT_COMMAND;
        in->user = str_dup("mara");
        in->channel = str_dup("room");
        in->dedupe = str_ndup(line, strcspn(line, " "));
        in->text = str_ndup(line + strcspn(line, " ") + 1, n - strcspn(line, " ") - 1);
        line += n + (line[n] == '\n');
    }
    out->keep = json_object();
    json_put(out->keep, "seen", "yes");
    return 0;
}

static void line_step(const void *config, const struct job *job, const struct http_response *previous, struct step *out)
{
    (void)config;
    (void)previous;
    polls += str_eq(job->op, "poll");
    awakened += str_eq(job->op, "ping");
    step_done(out, json_object());
}

static const struct option no_options[] = {{.name = NULL}};
static const struct driver line_driver = {.name = "matrix", .kind = DRIVER_CHAT, .options = no_options, .step = line_step, .traits = TRAIT_POLLS,
                                          .push_secret = line_secret, .push = line_push};
static struct driver_config lines = {.driver = &line_driver, .name = "matrix"};
static struct driver_config *configured[] = {&lines};

/* --- the server --- */

struct site {
    struct rig rig;
    struct config config;
    struct http *http;
    struct queue *queue;
    int port;
};

static bool site_push(void *ctx, struct input *take)
{
    return queue_push(((struct site *)ctx)->queue, take);
}

static void site_pushed(void *ctx)
{
    queue_wake(((struct site *)ctx)->queue);
}

static bool site_not_ready(void *ctx, char *why, size_t size)
{
    (void)ctx;
    (void)why;
    (void)size;
    return false;
}

static void site_open(struct site *s)
{
    struct err e = {0};
    memset(s, 0, sizeof *s);
    s->config = (struct config){.listen_host = str_dup("127.0.0.1"), .drivers = configured, .n_drivers = 1};
    s->queue = queue_new(10, 64 << 20);
    rig_open(&s->rig);
    struct http_hooks hooks = {.ctx = s, .now_ms = rig_wall_ms, .push = site_push, .pushed = site_pushed, .not_ready = site_not_ready};
    assert_int_equal(http_open(&s->http, s->rig.io, &s->config, &hooks, &(struct http_limits){0}, &e), 0);
    s->port = http_port(s->http);
    rig_run(&s->rig);
}

static void site_close(struct site *s)
{
    rig_stop(&s->rig);
    http_close(s->http);
    rig_close(&s->rig);
    queue_free(s->queue);
    free(s->config.listen_host);
}

static char text[4000];

/* The status of one answer; `text` is all of it. */
static int answer_on(int fd)
{
    size_t n = 0;
    memset(text, 0, sizeof text);
    while (n + 1 < sizeof text && !strstr(text, "\r\n\r\n"))
        if (!rig_read(fd, text + n++, 1))
            return 0;
    const char *l = strcasestr(text, "content-length:");
    if (l && !rig_read(fd, text + n, strtoul(l + 15, NULL, 10)))
        return 0;
    return (int)strtol(text + 9, NULL, 10);
}

static int ask(struct site *s, const char *request)
{
    int fd = rig_connect(s->port);
    rig_sends(fd, request);
    int status = answer_on(fd);
    close(fd);
    return status;
}

struct given {
    struct site *site;
    struct handle to;
    int status;
};

static void give(void *ctx)
{
    struct given *g = ctx;
    http_answer(g->site->http, g->to, g->status);
    http_flush(g->site->http);
}

/* The next delivery, committed. Returns its length. */
static size_t commit(struct site *s, int status)
{
    struct input *list = NULL;
    size_t cap = 0, got = 0, bytes = 0;
    bool away;
    for (int64_t end = io_now_ms() + RIG_PATIENCE_MS; got == 0 && io_now_ms() < end;) {
        queue_wait(s->queue, 50);
        got = queue_take(s->queue, &list, &cap, &away);
    }
    assert_int_equal(got, 1);
    assert_int_equal(list[0].kind, INPUT_PUSH);
    assert_ptr_equal(list[0].chat_driver, &lines);
    struct given g = {.site = s, .to = list[0].from, .status = status};
    bytes = list[0].body.n;
    rig_do(&s->rig, give, &g);
    input_fini(&list[0]);
    free(list);
    return bytes;
}

#define PUT "PUT /_matrix/app/v1/transactions/35 HTTP/1.1\r\nHost: x\r\n"
#define KEY "Authorization: Bearer hs-secret\r\n"

static void test_secret(void **state)
{
    (void)state;
    struct site s;
    site_open(&s);
    static const char *const bad[] = {
        PUT "Content-Length: 2\r\n\r\n{}",
        PUT "Authorization: Bearer hs-secret2\r\nContent-Length: 2\r\n\r\n{}",
        PUT "Authorization: Bearer \r\nContent-Length: 2\r\n\r\n{}",
        PUT "Authorization: Basic hs-secret\r\nContent-Length: 2\r\n\r\n{}",
        "PUT /transactions/1?access_token=nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}",
        "POST /_matrix/app/v1/ping HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}",
        "GET /_matrix/app/v1/users/x HTTP/1.1\r\nHost: x\r\n\r\n",
    };
    for (size_t i = 0; i < DW_ARRAY_LEN(bad); i++) {
        assert_int_equal(ask(&s, bad[i]), 403);
        assert_non_null(strstr(text, "M_FORBIDDEN"));
        assert_null(strstr(text, "hs-secret"));
    }
    assert_true(queue_empty(s.queue));
    site_close(&s);
}

static void test_delivery(void **state)
{
    (void)state;
    struct site s;
    char c;
    site_open(&s);
    int fd = rig_connect(s.port);
    rig_sends(fd, PUT KEY "Content-Length: 2\r\n\r\n{}");
    rig_sleep(30);
    assert_int_equal(recv(fd, &c, 1, MSG_DONTWAIT), -1); /* nothing before the commit */
    assert_int_equal(commit(&s, 200), 2);
    assert_int_equal(answer_on(fd), 200);
    assert_non_null(strstr(text, "application/json"));
    assert_string_equal(strstr(text, "\r\n\r\n"), "\r\n\r\n{}");
    rig_sends(fd, "PUT /transactions/36?access_token=hs-secret HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}");
    commit(&s, 503);
    assert_int_equal(answer_on(fd), 503); /* it comes again */
    close(fd);
    assert_int_equal(ask(&s, "POST /_matrix/app/v1/ping HTTP/1.1\r\nHost: x\r\n" KEY "Content-Length: 2\r\n\r\n{}"), 200);
    assert_non_null(strstr(text, "{}"));
    assert_int_equal(ask(&s, "GET /_matrix/app/v1/users/x HTTP/1.1\r\nHost: x\r\n" KEY "\r\n"), 404);
    assert_int_equal(ask(&s, "GET /_matrix/app/v1/transactions/1 HTTP/1.1\r\nHost: x\r\n" KEY "\r\n"), 405);
    assert_int_equal(ask(&s, PUT KEY "Content-Length: 17000000\r\nExpect: 100-continue\r\n\r\n"), 413);
    site_close(&s);
}

static void test_large(void **state)
{
    (void)state;
    struct site s;
    const size_t n = 7 << 20; /* far more than a webhook may have */
    char *body = mem_alloc(n + 1);
    memset(body, ' ', n);
    site_open(&s);
    int fd = rig_connect(s.port);
    AUTO_STR head = str_fmt(PUT KEY "Content-Length: %zu\r\n\r\n", n);
    rig_sends(fd, head);
    rig_sends(fd, body);
    assert_int_equal(commit(&s, 200), n);
    assert_int_equal(answer_on(fd), 200);
    close(fd);
    free(body);
    site_close(&s);
}

/* --- the turn --- */

static int64_t clock_now(void *ctx)
{
    (void)ctx;
    return INT64_C(1798000000000);
}

static uint64_t clock_random(void *ctx)
{
    (void)ctx;
    return 5;
}

static void write_file(const char *dir, const char *name, const char *content)
{
    AUTO_STR path = str_fmt("%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(content, f);
    fclose(f);
}

static void deliver(struct turn *t, const char *body)
{
    struct outputs out = {0};
    struct err e = {0};
    struct input in = {.kind = INPUT_PUSH, .from = {.slot = 3, .generation = 9}, .chat_driver = &lines};
    buf_init(&in.body, 1 << 20);
    buf_adds(&in.body, body);
    if (turn_run(t, &in, 1, &out, &e))
        fail_msg("%s", e.text);
    assert_true(out.n >= 1);
    assert_int_equal(out.list[0].kind, OUTPUT_ANSWER);
    assert_int_equal(out.list[0].status, 200);
    assert_int_equal(out.list[0].to.slot, 3);
    outputs_free(&out);
    input_fini(&in);
}

static int64_t seen(struct store *s)
{
    return store_i64(s, -1, "SELECT count(*) FROM chat_seen", "");
}

static void test_turn(void **state)
{
    (void)state;
    char dir[] = "/tmp/dunwell-push-XXXXXX";
    struct problems p = {0};
    struct store *store = NULL;
    assert_non_null(mkdtemp(dir));
    log_level_set(LOG_ERROR);
    write_file(dir, "people.yaml", "people:\n  mara: {name: Mara, email: m@example.com, matrix: mara, roles: [manager], limit: {USD: 50000}}\n");
    write_file(dir, "policy.yaml", "tiers: [{tier: low}]\nrules: [{name: otherwise, why: A collector looks at it, do: [{queue: {}}]}]\n"
                                   "plans: {inside: {instalments: 3, days: 95, amount: {USD: 25000}}}\nholds: {inside: {days: 14}}\n"
                                   "retries: {per_invoice: 8, other: {attempts: 15, days: 30}}\napprovals: {expire_hours: 48}\n");
    write_file(dir, "accounts.csv", "account,name,annual_value,currency,ae,billing,billing_id,email\nacme,Acme Corp,1200,USD,mara,sandbox,sbx_acme,a@example.com\n");
    AUTO_STR people = str_fmt("%s/people.yaml", dir);
    AUTO_STR policy = str_fmt("%s/policy.yaml", dir);
    AUTO_STR accounts = str_fmt("%s/accounts.csv", dir);
    AUTO_STR url = str_fmt("sqlite:%s/turn.db", dir);
    struct config c = {.people_file = people, .policy_file = policy, .accounts_file = accounts, .drivers = configured, .n_drivers = 1};
    struct world clock = {.now_ms = clock_now, .random = clock_random};
    assert_int_equal(store_open(&store, url, false, NULL), 0);
    struct turn *t = turn_new(&c, store, &clock, &p);
    if (!t)
        fail_msg("%s", p.n ? p.lines[0] : "no turn");
    deliver(t, "$1 help\n$2 note acme called them\n");
    assert_int_equal(seen(store), 2);
    deliver(t, "$2 note acme called them\n$3 whoami\n"); /* the server put one into another delivery */
    assert_int_equal(seen(store), 3);
    assert_int_equal(store_i64(store, -1, "SELECT count(*) FROM effects WHERE purpose = 'whisper'", ""), 3);
    assert_int_equal(store_i64(store, -1, "SELECT count(*) FROM notes", ""), 1);
    int64_t warned = metric_get(METRIC_CHAT_WARNINGS);
    deliver(t, "? rubbish"); /* answered, or it would be sent for ever */
    assert_int_equal(metric_get(METRIC_CHAT_WARNINGS), warned + 1);
    assert_int_equal(store_i64(store, -1, "SELECT count(*) FROM unreadable WHERE platform = 'matrix' AND bytes = 9 AND CAST(body AS TEXT) = '? rubbish'", ""), 1);
    char *much = mem_alloc(100 << 10);
    memset(much, '?', (100 << 10) - 1);
    for (int i = 0; i < 40; i++)
        deliver(t, much);
    free(much);
    assert_int_equal(store_i64(store, -1, "SELECT count(*) FROM unreadable WHERE length(body) = 65536 AND bytes > 102000", ""), 32); /* and no more */
    assert_int_equal(polls, 0);     /* what is brought is not asked for */
    assert_int_equal(awakened, 1);
    turn_free(t);
    t = turn_new(&c, store, &clock, &p);
    assert_non_null(t);
    deliver(t, "$4 help\n");
    assert_int_equal(awakened, 2); /* at each start: what the server holds back then comes at once */
    turn_free(t);
    store_close(store);
    AUTO_STR remove = str_fmt("rm -rf %s", dir);
    assert_int_equal(system(remove), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_secret), cmocka_unit_test(test_delivery), cmocka_unit_test(test_large), cmocka_unit_test(test_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
