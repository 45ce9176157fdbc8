/* The out thread against peers made of raw sockets: what the end of a call means, above all whether it may have happened. */
#include "bot/metrics.h"
#include "tests/unit/out_rig.h"

/* --- a peer that does what the test tells it, one connection after the other --- */

struct peer {
    int listener, port;
    pthread_t thread;
    _Atomic(const char *) answer; /* bytes to send after a request; NULL: cut after reading it */
    atomic_int delay_ms;
    atomic_int most; /* requests on one connection before it is closed; 0: any number */
    atomic_int requests, open, most_open;
    char last[70000]; /* the last request, head and body */
    pthread_mutex_t lock; /* guards last */
    atomic_bool stop;
};

static size_t read_request(int fd, char *out, size_t size)
{
    size_t n = 0, length = 0;
    memset(out, 0, size);
    while (!strstr(out, "\r\n\r\n"))
        if (n + 1 >= size || !rig_read(fd, out + n++, 1))
            return 0;
    const char *l = strcasestr(out, "content-length:");
    if (l)
        length = strtoul(l + 15, NULL, 10);
    if (length && (n + length >= size || !rig_read(fd, out + n, length)))
        return 0;
    return n + length;
}

struct visit {
    struct peer *peer;
    int fd;
};

static void *peer_visit(void *arg)
{
    struct visit v = *(struct visit *)arg;
    struct peer *p = v.peer;
    char *request = mem_alloc(sizeof p->last);
    free(arg);
    int now = atomic_fetch_add(&p->open, 1) + 1, most = atomic_load(&p->most_open);
    while (now > most && !atomic_compare_exchange_weak(&p->most_open, &most, now))
        continue;
    for (int i = 0; !p->most || i < p->most; i++) {
        if (!read_request(v.fd, request, sizeof p->last))
            break;
        pthread_mutex_lock(&p->lock);
        memcpy(p->last, request, sizeof p->last);
        pthread_mutex_unlock(&p->lock);
        atomic_fetch_add(&p->requests, 1);
        if (p->delay_ms)
            rig_sleep(p->delay_ms);
        const char *answer = p->answer;
        if (!answer)
            break;
        rig_sends(v.fd, answer);
    }
    atomic_fetch_sub(&p->open, 1);
    close(v.fd);
    free(request);
    return NULL;
}

static void *peer_main(void *arg)
{
    struct peer *p = arg;
    pthread_t visits[64];
    size_t n = 0;
    for (;;) {
        int fd = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0 || atomic_load(&p->stop) || n == 64) {
            if (fd >= 0)
                close(fd);
            break;
        }
        struct timeval t = {.tv_sec = RIG_PATIENCE_MS / 1000};
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
        struct visit *v = mem_alloc(sizeof *v);
        *v = (struct visit){.peer = p, .fd = fd};
        pthread_create(&visits[n++], NULL, peer_visit, v);
    }
    for (size_t i = 0; i < n; i++)
        pthread_join(visits[i], NULL);
    return NULL;
}

static void peer_open(struct peer *p, const char *answer)
{
    memset(p, 0, sizeof *p);
    p->answer = answer;
    pthread_mutex_init(&p->lock, NULL);
    p->listener = listen_somewhere(&p->port);
    pthread_create(&p->thread, NULL, peer_main, p);
}

static const char *last_request(struct peer *p)
{
    static char copy[sizeof p->last];
    pthread_mutex_lock(&p->lock);
    memcpy(copy, p->last, sizeof copy);
    pthread_mutex_unlock(&p->lock);
    return copy;
}

static void peer_close(struct peer *p)
{
    atomic_store(&p->stop, true);
    close(rig_connect(p->port));
    pthread_join(p->thread, NULL);
    close(p->listener);
    pthread_mutex_destroy(&p->lock);
}

static char *at(const struct peer *p, const char *path)
{
    return str_fmt("http://127.0.0.1:%d%s", p->port, path);
}

#define ANSWER(head, body) "HTTP/1.1 " head "\r\n\r\n" body

static void test_answer(void **state)
{
    (void)state;
    struct site s;
    struct peer p;
    peer_open(&p, ANSWER("402 Payment Required\r\nContent-Length: 7\r\nRequest-Id: req_1\r\nStripe-Should-Retry: false\r\nRetry-After: 7", "no luck"));
    site_open(&s);
    struct call c = call_of("far", 5, "POST", at(&p, "/v1/pay"), "amount=1");
    http_request_header(&c.request, "Authorization", "Bearer sk_test_fake");
    http_request_header(&c.request, "Content-Type", "application/x-www-form-urlencoded");
    const struct http_response *r = one(&s, c);
    assert_int_equal(r->transport, TRANSPORT_OK);
    assert_int_equal(r->status, 402);
    assert_string_equal(buf_text(&r->body), "no luck");
    assert_string_equal(r->request_id, "req_1");
    assert_true(r->never_retry);
    assert_int_equal(r->retry_after_ms, 7000);
    assert_int_equal(s.ids[0], 5);
    assert_memory_equal(last_request(&p), "POST /v1/pay HTTP/1.1\r\n", 23);
    assert_non_null(strstr(last_request(&p), "User-Agent: Dunwell/1.0\r\n"));
    assert_non_null(strstr(last_request(&p), "Authorization: Bearer sk_test_fake\r\n"));
    assert_null(strstr(last_request(&p), "Expect:"));
    assert_non_null(strstr(last_request(&p), "\r\n\r\namount=1"));
    site_close(&s);
    peer_close(&p);
}

static void test_methods(void **state)
{
    (void)state;
    struct site s;
    struct peer p;
    static const char *const lines[] = {"GET /a ", "POST /a ", "PUT /a ", "DELETE /a "};
    static const char *const methods[] = {"GET", "POST", "PUT", "DELETE"};
    peer_open(&p, ANSWER("302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0", ""));
    site_open(&s);
    for (size_t i = 0; i < 4; i++)
        for (int with_body = 0; with_body < 2; with_body++) {
            const struct http_response *r = one(&s, call_of("far", 1, methods[i], at(&p, "/a"), with_body ? "b=1" : NULL));
            assert_int_equal(r->status, 302); /* not followed */
            assert_memory_equal(last_request(&p), lines[i], strlen(lines[i]));
            assert_true(!with_body || strstr(last_request(&p), "\r\n\r\nb=1"));
        }
    assert_int_equal(s.responses[0].retry_after_ms, -1);
    site_close(&s);
    peer_close(&p);
}

static void test_retry_after_date(void **state)
{
    (void)state;
    struct site s;
    struct peer p;
    char answer[200], date[64];
    time_t then = (time_t)(rig_wall_ms(NULL) / 1000) + 60;
    struct tm tm;
    gmtime_r(&then, &tm);
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    snprintf(answer, sizeof answer, "HTTP/1.1 429 Slow\r\nRetry-After: %s\r\nContent-Length: 0\r\n\r\n", date);
    peer_open(&p, answer);
    site_open(&s);
    const struct http_response *r = one(&s, call_of("far", 1, "GET", at(&p, "/"), NULL));
    assert_in_range(r->retry_after_ms, 50000, 61000);
    site_close(&s);
    peer_close(&p);
}

/* Recurly says it in its own words. */
static void test_not_again(void **state)
{
    (void)state;
    struct site s;
    struct peer p;
    peer_open(&p, ANSWER("409 Conflict\r\nRecurly-Should-Retry: true\r\nRetry-After: 3\r\nContent-Length: 0", ""));
    site_open(&s);
    const struct http_response *r = one(&s, call_of("far", 1, "PUT", at(&p, "/"), "a"));
    assert_false(r->never_retry);
    assert_int_equal(r->retry_after_ms, 3000);
    p.answer = ANSWER("409 Conflict\r\nrecurly-should-retry: False\r\nContent-Length: 0", "");
    assert_true(one(&s, call_of("far", 2, "PUT", at(&p, "/"), "a"))->never_retry);
    site_close(&s);
    peer_close(&p);
}

/* Zuora says in how many seconds its window begins anew; Retry-After outranks it, whichever comes first. */
static void test_ratelimit_reset(void **state)
{
    (void)state;
    static const struct {
        const char *head;
        int64_t ms;
    } rows[] = {{"ratelimit-reset: 42", 42000}, {"RateLimit-Reset: 42\r\nRetry-After: 7", 7000}, {"Retry-After: 7\r\nratelimit-reset: 42", 7000},
                {"ratelimit-reset: soon", -1}, {"x-ratelimit-reset: 42", -1}, {"ratelimit-remaining: 0\r\nratelimit-reset: 42", 42000},
                /* too many at once is another limit, of which the window says nothing */
                {"ratelimit-remaining: 40000\r\nratelimit-reset: 42", 1000}, {"Concurrency-Limit-Remaining: 0\r\nratelimit-reset: 42", 1000},
                {"Concurrency-Limit-Remaining: 0\r\nratelimit-remaining: 0\r\nratelimit-reset: 42", 42000}, {"Concurrency-Limit-Remaining: 3\r\nratelimit-reset: 42", 42000},
                {"Concurrency-Limit-Remaining: 0\r\nRetry-After: 7", 7000}};
    for (size_t i = 0; i < DW_ARRAY_LEN(rows); i++) {
        struct site s;
        struct peer p;
        AUTO_STR answer = str_fmt("HTTP/1.1 429 Slow\r\n%s\r\nZuora-Request-Id: zr-1\r\nContent-Length: 0\r\n\r\n", rows[i].head);
        peer_open(&p, answer);
        site_open(&s);
        const struct http_response *r = one(&s, call_of("far", 1, "GET", at(&p, "/"), NULL));
        assert_int_equal(r->retry_after_ms, rows[i].ms);
        assert_string_equal(r->request_id, "zr-1");
        site_close(&s);
        peer_close(&p);
    }
}

/* Recurly says when its window begins anew, on each answer; only a refusal to work now waits for it. */
static void test_ratelimit_moment(void **state)
{
    (void)state;
    static const struct {
        const char *status, *more;
        int ahead_s;
        int64_t least_ms, most_ms;
    } rows[] = {{"429 Slow", "", 50, 40000, 50000}, {"429 Slow", "Retry-After: 7\r\n", 50, 7000, 7000}, {"429 Slow", "", -50, 0, 0}, {"200 OK", "", 50, -1, -1},
                {"503 Down", "", 50, -1, -1}};
    for (size_t i = 0; i < DW_ARRAY_LEN(rows); i++) {
        struct site s;
        struct peer p;
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        AUTO_STR answer = str_fmt("HTTP/1.1 %s\r\n%sX-RateLimit-Reset: %lld\r\nContent-Length: 0\r\n\r\n", rows[i].status, rows[i].more,
                                  (long long)now.tv_sec + rows[i].ahead_s);
        peer_open(&p, answer);
        site_open(&s);
        const struct http_response *r = one(&s, call_of("far", 1, "GET", at(&p, "/"), NULL));
        if (r->retry_after_ms < rows[i].least_ms || r->retry_after_ms > rows[i].most_ms)
            fail_msg("row %zu: %lld", i, (long long)r->retry_after_ms);
        site_close(&s);
        peer_close(&p);
    }
}

/* What is asked of a system that wants nothing more waits, all of it; what is asked of others, and of a chat, does not. */
static void test_limit(void **state)
{
    (void)state;
    static const struct {
        const char *driver, *head;
        bool waits;
    } rows[] = {{"far", "429 Slow\r\nRetry-After: 30", true},
                {"far", "200 OK\r\nratelimit-remaining: 0\r\nratelimit-reset: 30", true},
                {"far", "200 OK\r\nratelimit-reset: 30\r\nRateLimit-Remaining: 1", false},
                {"far", "200 OK\r\nX-RateLimit-Remaining: 0\r\nX-RateLimit-Reset: 4000000000", true},
                {"far", "200 OK\r\nX-RateLimit-Remaining: 10\r\nX-RateLimit-Reset: 4000000000", false},
                {"far", "429 Slow\r\nRetry-After: 0", false},
                {"far", "503 Down\r\nRetry-After: 30", false},
                {"far", "429 Slow\r\nratelimit-remaining: 0\r\nratelimit-reset: 30\r\nConcurrency-Limit-Remaining: 40", true},
                {"far", "200 OK\r\nConcurrency-Limit-Limit: 40\r\nConcurrency-Limit-Remaining: 1", false},
                {"far", "200 OK\r\nConcurrency-Limit-Remaining: none", false},
                {"talk", "429 Slow\r\nRetry-After: 30", false}};
    for (size_t i = 0; i < DW_ARRAY_LEN(rows); i++) {
        struct site s;
        struct peer full, p;
        AUTO_STR answer = str_fmt("HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n", rows[i].head);
        peer_open(&full, answer);
        peer_open(&p, ANSWER("200 OK\r\nContent-Length: 0", ""));
        site_open(&s);
        one(&s, call_of(rows[i].driver, 1, "GET", at(&full, "/"), NULL));
        struct call both[] = {call_of(rows[i].driver, 2, "GET", at(&p, "/"), NULL), call_of("other", 3, "GET", at(&p, "/"), NULL)};
        out_submit(s.out, both, 2);
        site_wait_for(&s, 3); /* the first one was begun before it, or it waits */
        out_finish(s.out);    /* what waits is answered: it was not sent */
        site_wait(&s, 3);
        size_t of_next = s.ids[1] == 2 ? 1 : 2;
        if ((s.responses[of_next].transport == TRANSPORT_NOT_SENT) != rows[i].waits)
            fail_msg("%s: after \"%s\" the next call %s", rows[i].driver, rows[i].head, rows[i].waits ? "does not wait" : "waits");
        site_close(&s);
        peer_close(&p);
        peer_close(&full);
    }
}

static void test_limit_is_over(void **state)
{
    (void)state;
    struct site s;
    struct peer full, p;
    peer_open(&full, ANSWER("429 Slow\r\nContent-Length: 0", "")); /* it does not say for how long */
    peer_open(&p, ANSWER("200 OK\r\nContent-Length: 0", ""));
    site_open(&s);
    one(&s, call_of("far", 1, "GET", at(&full, "/"), NULL));
    assert_int_equal(one(&s, call_of("far", 2, "GET", at(&p, "/"), NULL))->status, 200);
    site_close(&s);
    peer_close(&p);
    peer_close(&full);
}

/* The peer has read the request and says nothing: it may have happened. */
static void test_lost(void **state)
{
    (void)state;
    struct site s;
    struct peer p;
    peer_open(&p, NULL);
    site_open(&s);
    const struct http_response *r = one(&s, call_of("far", 1, "POST", at(&p, "/"), "a=1"));
    assert_int_equal(r->transport, TRANSPORT_LOST);
    assert_true(r->problem[0] != '\0');
    p.delay_ms = 700;
    p.answer = ANSWER("200 OK\r\nContent-Length: 0", "");
    struct call slow = call_of("far", 2, "POST", at(&p, "/"), "a=1");
    slow.request.timeout_ms = 200;
    assert_int_equal(one(&s, slow)->transport, TRANSPORT_LOST);
    p.delay_ms = 0;
    p.most = 1;
    p.answer = ANSWER("200 OK\r\nContent-Length: 100", "cut off");
    assert_int_equal(one(&s, call_of("far", 3, "POST", at(&p, "/"), "a=1"))->transport, TRANSPORT_LOST);
    site_close(&s);
    peer_close(&p);
}

/* A kept connection that dies under a write must not be replaced silently: that would be a second attempt. */
static void test_no_silent_repetition(void **state)
{
    (void)state;
    struct site s;
    struct peer p;
    peer_open(&p, ANSWER("200 OK\r\nContent-Length: 0", ""));
    site_open(&s);
    assert_int_equal(one(&s, call_of("far", 1, "POST", at(&p, "/"), "a=1"))->transport, TRANSPORT_OK);
    p.answer = NULL; /* the second request on the same connection is read, then cut */
    assert_int_equal(one(&s, call_of("far", 2, "POST", at(&p, "/"), "a=2"))->transport, TRANSPORT_LOST);
    p.answer = ANSWER("200 OK\r\nContent-Length: 0", "");
    assert_int_equal(one(&s, call_of("far", 3, "POST", at(&p, "/"), "a=3"))->transport, TRANSPORT_OK);
    p.answer = NULL; /* the same for a write without a body */
    assert_int_equal(one(&s, call_of("far", 4, "POST", at(&p, "/"), NULL))->transport, TRANSPORT_LOST);
    assert_int_equal(atomic_load(&p.requests), 4);
    site_close(&s);
    peer_close(&p);
}

static void test_not_sent(void **state)
{
    (void)state;
    struct site s;
    int port, closed = listen_somewhere(&port);
    close(closed);
    site_open(&s);
    const struct http_response *r = one(&s, call_of("far", 1, "POST", str_fmt("http://127.0.0.1:%d/", port), "a=1"));
    assert_int_equal(r->transport, TRANSPORT_NOT_SENT);
    assert_null(strstr(r->problem, "127.0.0.1")); /* addresses may hold secrets */
    assert_int_equal(one(&s, call_of("far", 2, "POST", str_dup("http://no-such-host.invalid/"), "a=1"))->transport, TRANSPORT_NOT_SENT);
    assert_int_equal(one(&s, call_of("far", 3, "GET", str_dup("file:///etc/passwd"), NULL))->transport, TRANSPORT_NOT_SENT);
    assert_int_equal(one(&s, call_of("far", 4, "GET", str_dup("http://["), NULL))->transport, TRANSPORT_NOT_SENT);
    assert_int_equal(one(&s, call_of("nobody", 5, "GET", str_dup("http://127.0.0.1/"), NULL))->transport, TRANSPORT_NOT_SENT);
    site_close(&s);
}

/* TLS to something that does not speak it: the handshake fails, nothing was sent. */
static void test_tls_refused(void **state)
{
    (void)state;
    struct site s;
    struct peer p;
    peer_open(&p, NULL);
    p.most = 0;
    site_open(&s);
    struct call c = call_of("far", 1, "POST", str_fmt("https://127.0.0.1:%d/", p.port), "a=1");
    c.request.timeout_ms = 500;
    assert_int_equal(one(&s, c)->transport, TRANSPORT_NOT_SENT);
    site_close(&s);
    peer_close(&p);
}

static void test_body_cap(void **state)
{
    (void)state;
    struct site s;
    struct peer p;
    struct buf big;
    buf_init(&big, 6 << 20);
    buf_adds(&big, "HTTP/1.1 200 OK\r\nContent-Length: 5000000\r\n\r\n");
    while (big.n < 5000000 + 44)
        buf_addc(&big, 'x');
    peer_open(&p, buf_text(&big));
    site_open(&s);
    const struct http_response *r = one(&s, call_of("far", 1, "GET", at(&p, "/"), NULL));
    assert_int_equal(r->transport, TRANSPORT_LOST);
    assert_non_null(strstr(r->problem, "4 MiB"));
    struct call larger = call_of("far", 2, "GET", at(&p, "/"), NULL);
    larger.request.answer_most = 6 << 20; /* who knows that more may come says so */
    assert_int_equal(one(&s, larger)->transport, TRANSPORT_OK);
    site_close(&s);
    peer_close(&p);
    buf_fini(&big);
}

/* 8 of one driver at most; others, and the link's call, do not wait behind them. */
static void test_caps(void **state)
{
    (void)state;
    struct site s;
    struct peer p, q;
    struct call calls[40];
    peer_open(&p, ANSWER("200 OK\r\nContent-Length: 0", ""));
    peer_open(&q, ANSWER("200 OK\r\nContent-Length: 0", ""));
    p.delay_ms = q.delay_ms = 60;
    site_open(&s);
    for (int i = 0; i < 40; i++)
        calls[i] = call_of(i < 20 ? "far" : "other", i, "GET", at(i < 20 ? &p : &q, "/"), NULL);
    out_submit(s.out, calls, 40);
    struct call link = call_of("far", 0, "GET", at(&p, "/link"), NULL);
    out_submit_link(s.out, "far", 9, &link.request);
    while (!metric_get(METRIC_CALLS_WAITING) && atomic_load(&p.most_open) < 8)
        usleep(1000);
    assert_true(metric_get(METRIC_CALLS_WAITING) > 0); /* a backlog is seen */
    site_wait(&s, 40);
    assert_int_equal(metric_get(METRIC_CALLS_WAITING), 0);
    pthread_mutex_lock(&s.lock);
    assert_int_equal(s.link, 9);
    pthread_mutex_unlock(&s.lock);
    assert_in_range(atomic_load(&p.most_open), 7, 9); /* 8, and the link's */
    assert_in_range(atomic_load(&q.most_open), 7, 8);
    for (size_t i = 0; i < 40; i++)
        assert_int_equal(s.responses[i].status, 200);
    site_close(&s);
    peer_close(&p);
    peer_close(&q);
}

/* Zuora counts calls at the same time, and says how many more it takes: no more are begun, and all come through. */
static void test_caps_that_are_said(void **state)
{
    (void)state;
    struct site s;
    struct peer p;
    struct call calls[20];
    peer_open(&p, ANSWER("200 OK\r\nConcurrency-Limit-Type: default\r\nConcurrency-Limit-Limit: 40\r\nConcurrency-Limit-Remaining: 1\r\nContent-Length: 0", ""));
    site_open(&s);
    one(&s, call_of("far", 0, "GET", at(&p, "/"), NULL));
    p.answer = ANSWER("200 OK\r\nConcurrency-Limit-Limit: 2\r\nConcurrency-Limit-Remaining: 5\r\nContent-Length: 0", "");
    p.delay_ms = 20;
    for (int i = 0; i < 20; i++)
        calls[i] = call_of("far", i + 1, "GET", at(&p, "/"), NULL);
    out_submit(s.out, calls, 20);
    site_wait(&s, 21);
    assert_in_range(atomic_load(&p.most_open), 1, 4); /* two, and a guess or so when this machine is slow */
    site_close(&s);
    peer_close(&p);
}

/* Nothing of ours is under way, so nothing can end and make room: one call tries it all the same. */
static void test_no_dead_stop(void **state)
{
    (void)state;
    struct site s;
    struct peer p;
    peer_open(&p, ANSWER("200 OK\r\nConcurrency-Limit-Remaining: 0\r\nContent-Length: 0", ""));
    site_open(&s);
    one(&s, call_of("far", 1, "GET", at(&p, "/"), NULL));
    int64_t began = io_now_ms();
    assert_int_equal(one(&s, call_of("far", 2, "GET", at(&p, "/"), NULL))->status, 200);
    assert_true(io_now_ms() - began >= 900); /* not at once */
    site_close(&s);
    peer_close(&p);
}

/* Calls that wait for something to happen: they hold no vendor's place, and stopping does not wait for them. */
static void test_waiting(void **state)
{
    (void)state;
    struct site s;
    struct peer slow, p;
    struct call calls[24];
    peer_open(&slow, ANSWER("200 OK\r\nContent-Length: 0", ""));
    peer_open(&p, ANSWER("200 OK\r\nContent-Length: 0", ""));
    slow.delay_ms = 1500;
    p.delay_ms = 60;
    site_open(&s);
    for (int i = 0; i < 24; i++)
        calls[i] = call_of("far", i, "GET", at(i < 4 ? &slow : &p, "/"), NULL);
    for (int i = 0; i < 4; i++) {
        calls[i].waits = true;
        calls[i].request.timeout_ms = 30000;
    }
    out_submit(s.out, calls, 24);
    site_wait(&s, 20);
    assert_in_range(atomic_load(&p.most_open), 7, 8); /* all eight, as without them */
    int64_t began = io_now_ms();
    site_close(&s);
    assert_true(io_now_ms() - began < 300);
    peer_close(&p);
    peer_close(&slow);
}

static void test_inside_peer(void **state)
{
    (void)state;
    struct site s;
    site_open(&s);
    assert_non_null(out_memory(s.out, "inside"));
    assert_null(out_memory(s.out, "far"));
    const struct http_response *r = one(&s, call_of("inside", 3, "POST", str_dup("inside:///x"), "hello"));
    assert_int_equal(r->status, 207);
    assert_string_equal(buf_text(&r->body), "hello");
    struct call c = call_of("inside", 0, "POST", str_dup("inside:///y"), "again");
    out_serve(s.out, "inside", &c.request);
    http_request_fini(&c.request);
    one(&s, call_of("inside", 4, "POST", str_dup("inside:///z"), NULL));
    pthread_mutex_lock(&s.lock);
    assert_memory_equal(s.events, "inside: event 2; inside: event 1; inside: event 2; inside: event 1; ", 67);
    pthread_mutex_unlock(&s.lock);
    site_close(&s);
}

static void test_stop_with_calls(void **state)
{
    (void)state;
    struct site s;
    struct peer p;
    struct call calls[30];
    peer_open(&p, ANSWER("200 OK\r\nContent-Length: 0", ""));
    p.delay_ms = 400;
    site_open(&s);
    for (int i = 0; i < 30; i++)
        calls[i] = call_of("far", i, "POST", at(&p, "/"), "a=1");
    out_submit(s.out, calls, 30);
    rig_sleep(50);
    int64_t began = io_now_ms();
    site_close(&s);
    assert_true(io_now_ms() - began < 300); /* does not wait for answers */
    peer_close(&p);
}

/* Finishing: what is under way may end, what waits for a place is answered as not sent, and then it is quiet. */
static void test_finish(void **state)
{
    (void)state;
    struct site s;
    struct peer p;
    struct call calls[12];
    peer_open(&p, ANSWER("200 OK\r\nContent-Length: 0", ""));
    p.delay_ms = 200;
    site_open(&s);
    for (int i = 0; i < 12; i++)
        calls[i] = call_of("far", i, "POST", at(&p, "/"), "a=1");
    out_submit(s.out, calls, 12);
    for (int i = 0; i < 500 && !last_request(&p)[0]; i++)
        rig_sleep(1);
    assert_false(out_quiet(s.out));
    out_finish(s.out);
    site_wait(&s, 12);
    struct call late = call_of("far", 99, "POST", at(&p, "/"), "a=1");
    out_submit(s.out, &late, 1);
    site_wait(&s, 13);
    while (!out_quiet(s.out))
        rig_sleep(1);
    size_t sent = 0;
    for (size_t i = 0; i < s.n; i++) {
        sent += s.responses[i].transport == TRANSPORT_OK;
        assert_int_equal(s.responses[i].transport, s.ids[i] < ROOM_MOST ? TRANSPORT_OK : TRANSPORT_NOT_SENT);
    }
    assert_int_equal(sent, ROOM_MOST);
    site_close(&s);
    peer_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answer), cmocka_unit_test(test_methods), cmocka_unit_test(test_retry_after_date), cmocka_unit_test(test_ratelimit_reset), cmocka_unit_test(test_ratelimit_moment),
        cmocka_unit_test(test_limit), cmocka_unit_test(test_limit_is_over), cmocka_unit_test(test_lost), cmocka_unit_test(test_no_silent_repetition), cmocka_unit_test(test_not_sent),
        cmocka_unit_test(test_tls_refused), cmocka_unit_test(test_body_cap), cmocka_unit_test(test_caps), cmocka_unit_test(test_not_again),
        cmocka_unit_test(test_caps_that_are_said),
        cmocka_unit_test(test_no_dead_stop), cmocka_unit_test(test_waiting),
        cmocka_unit_test(test_inside_peer), cmocka_unit_test(test_stop_with_calls), cmocka_unit_test(test_finish),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
