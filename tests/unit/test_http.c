/* The HTTP server against raw sockets: every well-meant request is served after its commit, and every hostile one is answered,
 * never left hanging. */
#include "tests/unit/loop_rig.h"

#include "bot/http.h"
#include "bot/queue.h"

/* --- a billing driver that is easy to please --- */

static int fake_verify(const void *config, const struct webhook *hook, int64_t now_ms, struct err *e)
{
    (void)config;
    assert_true(now_ms > 0 && hook->now_ms == now_ms);
    const char *key = hook->header(hook->ctx, "x-fake-key");
    const char *word = hook->query(hook->ctx, "secret");
    if (word)
        return strcmp(word, "a b") == 0 ? 0 : err_set(e, ERR_DENIED, "the word is wrong");
    return key && strcmp(key, "open sesame") == 0 ? 0 : err_set(e, ERR_DENIED, "the key is wrong");
}

static int fake_event(const void *config, struct span body, struct billing_event *out, struct err *e)
{
    (void)config;
    if (body.n < 2 || body.p[0] != '{')
        return err_set(e, ERR_INVALID, "the body is not JSON");
    str_copy(out->id, sizeof out->id, "evt_1");
    return 0;
}

static const struct driver fake_driver = {.name = "fake", .kind = DRIVER_BILLING, .verify = fake_verify, .event = fake_event};
static const struct driver fake_chat = {.name = "talk", .kind = DRIVER_CHAT};

/* One that asks for a password, and whose events are named by a header. */
static const char *asks_challenge(const void *config)
{
    (void)config;
    return "Basic realm=\"x\"";
}

static int asks_event_of(const void *config, const struct webhook *hook, struct billing_event *out, struct err *e)
{
    (void)config;
    const char *id = hook->header(hook->ctx, "x-id");
    if (!id)
        return err_set(e, ERR_INVALID, "the id is missing");
    str_copy(out->id, sizeof out->id, id);
    return 0;
}

static const struct driver asks_driver = {.name = "asks", .kind = DRIVER_BILLING, .verify = fake_verify, .event = fake_event,
                                          .event_of = asks_event_of, .challenge = asks_challenge};
static struct driver_config pay = {.driver = &fake_driver, .name = "pay"}, talk = {.driver = &fake_chat, .name = "talk"},
                            asks = {.driver = &asks_driver, .name = "asks"};
static struct driver_config *configured[] = {&pay, &talk, &asks};

/* --- the server under test --- */

struct site {
    struct rig rig;
    struct config config;
    struct http *http;
    struct queue *queue;
    int port;
    atomic_int waiting;
    bool ready;
};

static bool site_push(void *ctx, struct input *take)
{
    struct site *s = ctx;
    return queue_push(s->queue, take);
}

static void site_pushed(void *ctx)
{
    struct site *s = ctx;
    queue_wake(s->queue);
}

static bool site_not_ready(void *ctx, char *why, size_t size)
{
    struct site *s = ctx;
    str_copy(why, size, "talk: connecting");
    return !s->ready;
}

static void site_open(struct site *s, size_t queue_max, struct http_limits limits)
{
    struct err e = {0};
    char host[] = "127.0.0.1";
    memset(s, 0, sizeof *s);
    s->config = (struct config){.listen_host = str_dup(host), .drivers = configured, .n_drivers = 3};
    s->queue = queue_new(queue_max, 1 << 24);
    s->ready = true;
    rig_open(&s->rig);
    struct http_hooks hooks = {.ctx = s, .now_ms = rig_wall_ms, .push = site_push, .pushed = site_pushed, .not_ready = site_not_ready};
    assert_int_equal(http_open(&s->http, s->rig.io, &s->config, &hooks, &limits, &e), 0);
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

struct answers {
    struct site *site;
    struct input *list;
    size_t n;
    int status;
};

static void give_answers(void *ctx)
{
    struct answers *a = ctx;
    for (size_t i = 0; i < a->n; i++)
        http_answer(a->site->http, a->list[i].from, a->status);
    http_flush(a->site->http);
}

/* Plays the engine for the next n webhooks. Returns the first one's body length. */
static size_t commit(struct site *s, size_t n, int status)
{
    struct input *list = NULL;
    size_t cap = 0, done = 0, bytes = 0;
    bool away;
    for (int64_t end = io_now_ms() + RIG_PATIENCE_MS; done < n && io_now_ms() < end;) {
        queue_wait(s->queue, 50);
        size_t got = queue_take(s->queue, &list, &cap, &away);
        struct answers a = {.site = s, .list = list, .n = got, .status = status};
        if (got && !done)
            bytes = list[0].body.n;
        rig_do(&s->rig, give_answers, &a);
        for (size_t i = 0; i < got; i++)
            input_fini(&list[i]);
        done += got;
    }
    free(list);
    assert_int_equal(done, n);
    return bytes;
}

/* --- raw requests --- */

/* Reads one answer: head and body. Returns the status, 0 when the connection ended before. */
static int read_answer(int fd, char *out, size_t size)
{
    size_t n = 0, length = 0;
    memset(out, 0, size);
    while (n + 1 < size && !strstr(out, "\r\n\r\n"))
        if (!rig_read(fd, out + n++, 1))
            return 0;
    const char *l = strcasestr(out, "content-length:");
    if (l)
        length = strtoul(l + 15, NULL, 10);
    if (length && n + length < size && !rig_read(fd, out + n, length))
        return 0;
    return (int)strtol(out + 9, NULL, 10);
}

static char text[70000];

static int ask(int fd, const char *request)
{
    rig_sends(fd, request);
    return read_answer(fd, text, sizeof text);
}

static int ask_alone(struct site *s, const char *request)
{
    int fd = rig_connect(s->port);
    int status = ask(fd, request);
    close(fd);
    return status;
}

static bool ended(int fd)
{
    char c;
    return recv(fd, &c, 1, 0) <= 0;
}

#define GOOD "POST /hooks/pay HTTP/1.1\r\nHost: x\r\nX-Fake-Key: open sesame\r\n"
#define JSON_OK "Content-Length: 8\r\n\r\n{\"a\": 1}"

static void test_answered_after_commit(void **state)
{
    (void)state;
    struct site s;
    char c;
    site_open(&s, 100, (struct http_limits){0});
    int fd = rig_connect(s.port);
    for (int i = 0; i < 3; i++) { /* the connection is kept */
        rig_sends(fd, GOOD JSON_OK);
        rig_sleep(30);
        assert_int_equal(recv(fd, &c, 1, MSG_DONTWAIT), -1); /* nothing before the commit */
        assert_int_equal(commit(&s, 1, 200), 8);
        assert_int_equal(read_answer(fd, text, sizeof text), 200);
    }
    rig_sends(fd, GOOD JSON_OK);
    commit(&s, 1, 503);
    assert_int_equal(read_answer(fd, text, sizeof text), 503);
    assert_non_null(strcasestr(text, "retry-after:"));
    close(fd);
    site_close(&s);
}

static void test_verdicts(void **state)
{
    (void)state;
    static const struct {
        const char *request;
        int status;
        const char *says;
    } cases[] = {
        {"POST /hooks/pay HTTP/1.1\r\nHost: x\r\n" JSON_OK, 401, "the key is wrong"},
        {GOOD "Content-Length: 5\r\n\r\nhello", 400, "not JSON"},
        {"POST /hooks/pay?secret=a%20bc HTTP/1.1\r\nHost: x\r\n" JSON_OK, 401, "the word is wrong"},
        {"POST /hooks/asks?secret=a%20b HTTP/1.1\r\nHost: x\r\n" JSON_OK, 400, "the id is missing"},
        {"POST /hooks/asks HTTP/1.1\r\nHost: x\r\n" JSON_OK, 401, "WWW-Authenticate: Basic realm=\"x\""},
        {"POST /hooks/asks HTTP/1.1\r\nHost: x\r\nX-Fake-Key: open sesame\r\n" JSON_OK, 400, "the id is missing"},
        {"POST /hooks/none HTTP/1.1\r\nHost: x\r\n" JSON_OK, 404, "No billing system"},
        {"POST /hooks/talk HTTP/1.1\r\nHost: x\r\n" JSON_OK, 404, "No billing system"},
        {"POST /hooks/ HTTP/1.1\r\nHost: x\r\n" JSON_OK, 404, "No billing system"},
        {"GET /hooks/pay HTTP/1.1\r\nHost: x\r\n\r\n", 405, "Allow: POST"},
        {"PUT /hooks/pay HTTP/1.1\r\nHost: x\r\n" JSON_OK, 405, "Allow: POST"},
        {"DELETE /metrics HTTP/1.1\r\nHost: x\r\n\r\n", 405, "Allow: GET"},
        {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 404, "Nothing is here"},
        {"POST /else HTTP/1.1\r\nHost: x\r\n" JSON_OK, 404, "Nothing is here"},
        {"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", 200, "ok"},
        {"GET /healthz HTTP/1.0\r\n\r\n", 200, "ok"},
        {"GET http://127.0.0.1:8080/healthz HTTP/1.1\r\nHost: x\r\n\r\n", 200, "ok"},
        {"POST HTTPS://x/hooks/pay HTTP/1.1\r\nHost: x\r\n" JSON_OK, 401, "the key is wrong"},
        {"GET /healthz%00/x?a=b HTTP/1.1\r\nHost: x\r\n\r\n", 404, "Nothing is here"},
        {"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n", 200, "ok"},
        {"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", 200, "# TYPE dunwell_turns_total counter"},
    };
    struct site s;
    site_open(&s, 100, (struct http_limits){0});
    for (size_t i = 0; i < DW_ARRAY_LEN(cases); i++) {
        assert_int_equal(ask_alone(&s, cases[i].request), cases[i].status);
        assert_non_null(strstr(text, cases[i].says));
    }
    assert_true(queue_empty(s.queue)); /* none of them got in */
    site_close(&s);
}

static void test_not_ready(void **state)
{
    (void)state;
    struct site s;
    site_open(&s, 100, (struct http_limits){0});
    s.ready = false;
    assert_int_equal(ask_alone(&s, "GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n"), 503);
    assert_non_null(strstr(text, "talk: connecting"));
    assert_int_equal(ask_alone(&s, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"), 200);
    site_close(&s);
}

static void test_chunked(void **state)
{
    (void)state;
    struct site s;
    site_open(&s, 100, (struct http_limits){0});
    int fd = rig_connect(s.port);
    rig_sends(fd, GOOD "Transfer-Encoding: chunked\r\n\r\n4;name=v\r\n{\"a\"\r\n");
    rig_sleep(30);
    rig_sends(fd, "1\r\n:\r\n3\r\n 1}\r\n0\r\nX-Trailer: yes\r\n\r\n");
    assert_int_equal(commit(&s, 1, 200), 8);
    assert_int_equal(read_answer(fd, text, sizeof text), 200);
    close(fd);
    site_close(&s);
}

static void test_pipelined(void **state)
{
    (void)state;
    struct site s;
    site_open(&s, 100, (struct http_limits){0});
    int fd = rig_connect(s.port);
    rig_sends(fd, GOOD JSON_OK GOOD JSON_OK "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" GOOD JSON_OK);
    commit(&s, 1, 200);
    commit(&s, 1, 200);
    commit(&s, 1, 200);
    for (int i = 0; i < 4; i++)
        assert_int_equal(read_answer(fd, text, sizeof text), 200);
    close(fd);
    site_close(&s);
}

static void test_odd_headers(void **state)
{
    (void)state;
    struct site s;
    site_open(&s, 100, (struct http_limits){0});
    int fd = rig_connect(s.port);
    rig_sends(fd, GOOD "X-Auth: 1\r\nContent: a\r\nHos: b\r\nX:\r\n!#$: 5\r\nX-F\xc3\xa4: 1\r\n" JSON_OK);
    commit(&s, 1, 200);
    assert_int_equal(read_answer(fd, text, sizeof text), 200);
    close(fd);
    site_close(&s);
}

static void test_framing(void **state)
{
    (void)state;
    static const struct {
        const char *request;
        int status;
    } cases[] = {
        {GOOD "\r\n{\"a\": 1}", 411},
        {GOOD "\r\n", 411},
        {GOOD "Transfer-Encoding: gzip\r\n\r\nabc", 501},
        {GOOD "Transfer-Encoding: chunked\r\n" JSON_OK, 400},
        {GOOD "Content-Length: 4\r\n" JSON_OK, 400},
        {GOOD "Content-Length: -4\r\n\r\n", 400},
        {GOOD "Content-Length: 8 bytes\r\n\r\n", 400},
        {GOOD "Content-Length: 99999999999999999999999999\r\n\r\n", 413},
        {GOOD "Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n", 400},
        {GOOD "Expect: 100-continue\r\nContent-Length: 5000000\r\n\r\n", 413},
        {GOOD "Content-Length: 50000000\r\n\r\nxxxx", 413},
        {GOOD "no colon\r\n" JSON_OK, 400},
    };
    struct site s;
    site_open(&s, 100, (struct http_limits){0});
    for (size_t i = 0; i < DW_ARRAY_LEN(cases); i++) {
        int fd = rig_connect(s.port);
        assert_int_equal(ask(fd, cases[i].request), cases[i].status);
        while (!ended(fd)) /* nothing after it can be trusted */
            continue;
        close(fd);
    }
    assert_true(queue_empty(s.queue));
    site_close(&s);
}

static void test_too_large(void **state)
{
    (void)state;
    struct site s;
    struct buf big;
    buf_init(&big, 8 << 20);
    buf_adds(&big, GOOD "Content-Length: 5000000\r\n\r\n");
    while (big.n < 5000000 + strlen(GOOD "Content-Length: 5000000\r\n\r\n"))
        buf_addc(&big, 'x');
    site_open(&s, 100, (struct http_limits){0});
    int fd = rig_connect(s.port);
    rig_send(fd, big.p, big.n);
    assert_int_equal(read_answer(fd, text, sizeof text), 413);
    assert_true(ended(fd));
    close(fd);
    buf_clear(&big); /* the same without a length, endless */
    buf_adds(&big, GOOD "Transfer-Encoding: chunked\r\n\r\n");
    rig_send(fd = rig_connect(s.port), big.p, big.n);
    buf_clear(&big);
    buf_adds(&big, "10000\r\n");
    for (int i = 0; i < 65536; i++)
        buf_addc(&big, 'y');
    buf_adds(&big, "\r\n");
    for (int i = 0; i < 400; i++)
        rig_send(fd, big.p, big.n);
    int status = read_answer(fd, text, sizeof text);
    assert_true(status == 413 || status == 0); /* sent; a reset may overtake it, because the peer never stopped sending */
    close(fd);
    buf_fini(&big);
    site_close(&s);
}

static void test_large_headers(void **state)
{
    (void)state;
    struct site s;
    struct buf r;
    site_open(&s, 100, (struct http_limits){0});
    buf_init(&r, 1 << 20);
    buf_adds(&r, GOOD "X-Big: ");
    for (int i = 0; i < 40000; i++)
        buf_addc(&r, 'a');
    buf_adds(&r, "\r\n" JSON_OK);
    assert_int_equal(ask_alone(&s, buf_text(&r)), 431);
    buf_clear(&r);
    buf_adds(&r, "GET /");
    for (int i = 0; i < 40000; i++)
        buf_addc(&r, 'a');
    buf_adds(&r, " HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(ask_alone(&s, buf_text(&r)), 414);
    buf_fini(&r);
    site_close(&s);
}

/* A sender that never finishes is told so and cut off, however busily it drips. */
static void drip(struct site *s, const char *first, int status)
{
    int fd = rig_connect(s->port);
    rig_sends(fd, first);
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int rounds = 0;
    while (poll(&p, 1, 100) == 0 && rounds++ < 40)
        rig_sends(fd, "a");
    assert_true(rounds < 40);
    assert_int_equal(read_answer(fd, text, sizeof text), status);
    close(fd);
}

static void test_slow_senders(void **state)
{
    (void)state;
    struct site s;
    site_open(&s, 100, (struct http_limits){.request_ms = 300, .idle_ms = 60000});
    drip(&s, "POST /hoo", 408);
    drip(&s, GOOD "X-Slow: ", 408);
    drip(&s, GOOD "Content-Length: 1000\r\n\r\n", 408);
    drip(&s, "\x01\x02", 408);
    site_close(&s);
}

static void test_an_id_that_only_a_header_has(void **state)
{
    (void)state;
    struct site s;
    struct input *list = NULL;
    size_t cap = 0;
    bool away;
    site_open(&s, 100, (struct http_limits){0});
    int fd = rig_connect(s.port);
    rig_sends(fd, "POST /hooks/asks HTTP/1.1\r\nHost: x\r\nX-Fake-Key: open sesame\r\nX-Id: n-7\r\n" JSON_OK);
    rig_sleep(50);
    assert_int_equal(queue_take(s.queue, &list, &cap, &away), 1);
    assert_string_equal(list[0].event.id, "n-7");
    struct answers right = {.site = &s, .list = list, .n = 1, .status = 200};
    rig_do(&s.rig, give_answers, &right);
    assert_int_equal(read_answer(fd, text, sizeof text), 200);
    input_fini(&list[0]);
    free(list);
    close(fd);
    site_close(&s);
}

static void test_commit_that_never_comes(void **state)
{
    (void)state;
    struct site s;
    site_open(&s, 100, (struct http_limits){.wait_ms = 1000});
    int fd = rig_connect(s.port);
    rig_sends(fd, GOOD JSON_OK);
    assert_int_equal(read_answer(fd, text, sizeof text), 503);
    rig_sends(fd, GOOD JSON_OK);
    rig_sleep(50);
    struct input *list = NULL;
    size_t cap = 0;
    bool away;
    assert_int_equal(queue_take(s.queue, &list, &cap, &away), 2);
    struct answers late = {.site = &s, .list = list, .n = 1, .status = 422}, right = {.site = &s, .list = list + 1, .n = 1, .status = 200};
    rig_do(&s.rig, give_answers, &late); /* too late, and must not be taken for the second one's */
    rig_do(&s.rig, give_answers, &right);
    assert_int_equal(read_answer(fd, text, sizeof text), 200);
    input_fini(&list[0]);
    input_fini(&list[1]);
    free(list);
    close(fd);
    site_close(&s);
}

static void test_peer_gone_meanwhile(void **state)
{
    (void)state;
    struct site s;
    site_open(&s, 100, (struct http_limits){0});
    for (int i = 0; i < 20; i++) {
        int fd = rig_connect(s.port);
        rig_sends(fd, GOOD JSON_OK);
        if (i % 2)
            rig_sleep(5);
        close(fd);
    }
    commit(&s, 20, 200); /* answers to nobody */
    int fd = rig_connect(s.port);
    rig_sends(fd, GOOD JSON_OK);
    commit(&s, 1, 200);
    assert_int_equal(read_answer(fd, text, sizeof text), 200);
    close(fd);
    site_close(&s);
}

static void test_queue_full(void **state)
{
    (void)state;
    struct site s;
    site_open(&s, 2, (struct http_limits){0});
    int fd[3];
    for (int i = 0; i < 3; i++) {
        rig_sends(fd[i] = rig_connect(s.port), GOOD JSON_OK);
        rig_sleep(20);
    }
    assert_int_equal(read_answer(fd[2], text, sizeof text), 503);
    assert_non_null(strcasestr(text, "retry-after: 2"));
    commit(&s, 2, 200);
    assert_int_equal(read_answer(fd[0], text, sizeof text), 200);
    assert_int_equal(read_answer(fd[1], text, sizeof text), 200);
    rig_sends(fd[2], GOOD JSON_OK); /* the connection it was turned away on is still good */
    commit(&s, 1, 200);
    assert_int_equal(read_answer(fd[2], text, sizeof text), 200);
    for (int i = 0; i < 3; i++)
        close(fd[i]);
    site_close(&s);
}

static void test_many_connections(void **state)
{
    (void)state;
    enum { MANY = 300 };
    struct site s;
    int fd[MANY];
    site_open(&s, 1000, (struct http_limits){0});
    for (int i = 0; i < MANY; i++)
        rig_sends(fd[i] = rig_connect(s.port), GOOD JSON_OK);
    commit(&s, MANY, 200);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(read_answer(fd[i], text, sizeof text), 200);
        close(fd[i]);
    }
    site_close(&s);
}

static void stop_it(void *ctx)
{
    struct site *s = ctx;
    http_stop(s->http);
    atomic_store(&s->waiting, (int)http_waiting(s->http));
}

static void test_stop(void **state)
{
    (void)state;
    struct site s;
    site_open(&s, 100, (struct http_limits){0});
    int waits = rig_connect(s.port), left = rig_connect(s.port), kept = rig_connect(s.port);
    assert_int_equal(ask(kept, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"), 200);
    rig_sends(waits, GOOD JSON_OK);
    rig_sleep(20);
    rig_do(&s.rig, stop_it, &s);
    assert_int_equal(atomic_load(&s.waiting), 1);
    assert_int_equal(ask(kept, GOOD JSON_OK), 503); /* no new input */
    commit(&s, 1, 200);
    assert_int_equal(read_answer(waits, text, sizeof text), 200); /* but what was accepted is answered */
    site_close(&s);
    assert_true(ended(left));
    close(waits);
    close(left);
    close(kept);
}

static void test_closed_while_waiting(void **state)
{
    (void)state;
    struct site s;
    site_open(&s, 100, (struct http_limits){0});
    int fd = rig_connect(s.port);
    rig_sends(fd, GOOD JSON_OK);
    rig_sleep(30);
    site_close(&s);
    assert_int_equal(read_answer(fd, text, sizeof text), 503);
    close(fd);
}

static void test_port_taken(void **state)
{
    (void)state;
    struct site s;
    struct http *second = NULL;
    struct err e = {0};
    site_open(&s, 100, (struct http_limits){0});
    struct config c = s.config;
    struct http_hooks none = {0};
    c.listen_port = s.port;
    assert_int_equal(http_open(&second, s.rig.io, &c, &none, NULL, &e), ERR_CONFLICT);
    assert_non_null(strstr(e.text, "is taken"));
    site_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answered_after_commit), cmocka_unit_test(test_verdicts), cmocka_unit_test(test_not_ready),
        cmocka_unit_test(test_chunked), cmocka_unit_test(test_pipelined), cmocka_unit_test(test_odd_headers),
        cmocka_unit_test(test_framing), cmocka_unit_test(test_too_large), cmocka_unit_test(test_large_headers),
        cmocka_unit_test(test_slow_senders), cmocka_unit_test(test_an_id_that_only_a_header_has),
        cmocka_unit_test(test_commit_that_never_comes), cmocka_unit_test(test_peer_gone_meanwhile),
        cmocka_unit_test(test_queue_full), cmocka_unit_test(test_many_connections), cmocka_unit_test(test_stop),
        cmocka_unit_test(test_closed_while_waiting), cmocka_unit_test(test_port_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
