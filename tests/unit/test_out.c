/* The out thread against peers made of raw sockets: what the end of a call means, above all whether it may have happened. */
#include "tests/unit/loop_rig.h"

#include "bot/out.h"

/* --- a peer that does what the test tells it, one connection after the other ------------------------------------------- */

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

static int listen_somewhere(int *port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, n), 0);
    assert_int_equal(listen(fd, 64), 0);
    getsockname(fd, (struct sockaddr *)&a, &n);
    *port = ntohs(a.sin_port);
    return fd;
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

/* --- the thread under test ------------------------------------------------------------------------------------------- */

static void inside_serve(void *memory, const struct http_request *request, int64_t now_ms, struct http_response *out)
{
    int *events = memory;
    assert_true(now_ms > 0);
    out->status = 207;
    buf_add(&out->body, buf_text(&request->body), request->body.n);
    *events = 2;
}

static bool inside_next(void *memory, struct buf *body)
{
    int *events = memory;
    if (*events == 0)
        return false;
    buf_addf(body, "event %d", (*events)--);
    return true;
}

static void *inside_open(const void *config)
{
    (void)config;
    return mem_alloc(sizeof(int));
}

static const struct driver far_driver = {.name = "far", .kind = DRIVER_BILLING};
static const struct driver inside_driver = {.name = "inside", .kind = DRIVER_BILLING, .serve = inside_serve,
                                            .open_memory = inside_open, .close_memory = free, .next_event = inside_next};
static struct driver_config far_away = {.driver = &far_driver, .name = "far"}, other = {.driver = &far_driver, .name = "other"},
                            inside = {.driver = &inside_driver, .name = "inside"};
static struct driver_config *configured[] = {&far_away, &other, &inside};
static const struct config config = {.drivers = configured, .n_drivers = 3};

struct site {
    struct out *out;
    pthread_mutex_t lock;
    pthread_cond_t came;
    struct http_response responses[64];
    int64_t ids[64];
    size_t n;
    int64_t link;
    char events[200];
};

static void on_response(void *ctx, int64_t id, struct http_response *take)
{
    struct site *s = ctx;
    pthread_mutex_lock(&s->lock);
    assert(s->n < 64);
    s->ids[s->n] = id;
    s->responses[s->n++] = *take;
    pthread_cond_broadcast(&s->came);
    pthread_mutex_unlock(&s->lock);
}

static void on_link(void *ctx, int64_t attempt, struct http_response *take)
{
    struct site *s = ctx;
    pthread_mutex_lock(&s->lock);
    s->link = attempt;
    pthread_cond_broadcast(&s->came);
    pthread_mutex_unlock(&s->lock);
    http_response_fini(take);
}

static void on_event(void *ctx, const struct driver_config *from, struct buf *take_body)
{
    struct site *s = ctx;
    pthread_mutex_lock(&s->lock);
    snprintf(s->events + strlen(s->events), sizeof s->events - strlen(s->events), "%s: %s; ", from->name, buf_text(take_body));
    pthread_mutex_unlock(&s->lock);
    buf_fini(take_body);
}

static void site_open(struct site *s)
{
    memset(s, 0, sizeof *s);
    signal(SIGPIPE, SIG_IGN);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->came, NULL);
    struct out_hooks hooks = {.ctx = s, .now_ms = rig_wall_ms, .response = on_response, .link_response = on_link, .event = on_event};
    s->out = out_start(&config, &hooks);
}

static void site_close(struct site *s)
{
    out_stop(s->out);
    out_free(s->out);
    for (size_t i = 0; i < s->n; i++)
        http_response_fini(&s->responses[i]);
    pthread_cond_destroy(&s->came);
    pthread_mutex_destroy(&s->lock);
}

static void site_wait(struct site *s, size_t n)
{
    struct timespec limit;
    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += 2 * RIG_PATIENCE_MS / 1000;
    pthread_mutex_lock(&s->lock);
    while (s->n < n && !pthread_cond_timedwait(&s->came, &s->lock, &limit))
        continue;
    size_t have = s->n;
    pthread_mutex_unlock(&s->lock);
    assert_int_equal(have, n);
}

static struct call call_of(const char *driver, int64_t id, const char *method, char *take_url, const char *body)
{
    struct call c = {.effect_id = id};
    http_request_init(&c.request);
    str_copy(c.driver, sizeof c.driver, driver);
    str_copy(c.request.method, sizeof c.request.method, method);
    c.request.url = take_url;
    buf_adds(&c.request.body, body ? body : "");
    c.request.write = strcmp(method, "GET") != 0;
    c.request.timeout_ms = 3000;
    return c;
}

static const struct http_response *one(struct site *s, struct call c)
{
    size_t n = s->n + 1;
    out_submit(s->out, &c, 1);
    site_wait(s, n);
    return &s->responses[n - 1];
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
    assert_int_equal(one(&s, call_of("far", 3, "POST", at(&p, "/"), NULL))->transport, TRANSPORT_LOST);
    assert_int_equal(atomic_load(&p.requests), 3);
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
    site_close(&s);
    peer_close(&p);
    buf_fini(&big);
}

/* 8 of one driver, 16 in all; the link's call does not wait behind them. */
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
    site_wait(&s, 40);
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

/* --- mail ------------------------------------------------------------------------------------------------------------- */

struct smtp {
    int listener, port;
    pthread_t thread;
    const char *to_mail, *to_rcpt, *to_data, *to_end; /* answers; NULL: cut */
    char seen[4000];
};

static bool smtp_line(int fd, char *out, size_t size)
{
    size_t n = 0;
    while (n + 1 < size && rig_read(fd, out + n, 1))
        if (out[n++] == '\n') {
            out[n] = '\0';
            return true;
        }
    return false;
}

static const char *smtp_reply(const struct smtp *m, const char *line, bool *in_data)
{
    if (*in_data) {
        *in_data = strcmp(line, ".\r\n") != 0;
        return *in_data ? "" : m->to_end;
    }
    if (strncmp(line, "EHLO", 4) == 0)
        return "250-fake\r\n250 8BITMIME\r\n";
    if (strncmp(line, "MAIL", 4) == 0)
        return m->to_mail;
    if (strncmp(line, "RCPT", 4) == 0)
        return m->to_rcpt;
    if (strncmp(line, "DATA", 4) == 0) {
        *in_data = m->to_data && m->to_data[0] == '3';
        return m->to_data;
    }
    return "250 ok\r\n";
}

static void *smtp_main(void *arg)
{
    struct smtp *m = arg;
    char line[1000];
    bool in_data = false;
    int fd = accept4(m->listener, NULL, NULL, SOCK_CLOEXEC);
    rig_sends(fd, "220 fake\r\n");
    while (smtp_line(fd, line, sizeof line)) {
        strncat(m->seen, line, sizeof m->seen - strlen(m->seen) - 1);
        const char *reply = smtp_reply(m, line, &in_data);
        if (!reply || strncmp(line, "QUIT", 4) == 0)
            break;
        rig_sends(fd, reply);
    }
    close(fd);
    return NULL;
}

static struct http_response mail(struct smtp *m, const char *to, const char *tls)
{
    struct site s;
    m->listener = listen_somewhere(&m->port);
    pthread_create(&m->thread, NULL, smtp_main, m);
    site_open(&s);
    struct call c = call_of("far", 1, "MAIL", str_fmt("smtp://127.0.0.1:%d", m->port), "Subject: hi\n\n.dot\nend\n");
    http_request_header(&c.request, "X-Mail-From", "billing@example.com");
    http_request_header(&c.request, "X-Mail-To", to);
    http_request_header(&c.request, "X-Mail-Tls", tls);
    struct http_response r = *one(&s, c);
    s.n = 0;
    site_close(&s);
    close(rig_connect(m->port)); /* in case nobody came */
    pthread_join(m->thread, NULL);
    close(m->listener);
    return r;
}

#define FINE .to_mail = "250 ok\r\n", .to_rcpt = "250 ok\r\n", .to_data = "354 go\r\n", .to_end = "250 queued\r\n"

static void test_mail_sent(void **state)
{
    (void)state;
    struct smtp m = {FINE};
    struct http_response r = mail(&m, "ann@example.org", "off");
    assert_int_equal(r.transport, TRANSPORT_OK);
    assert_int_equal(r.status, 250);
    assert_non_null(strstr(m.seen, "MAIL FROM:<billing@example.com>"));
    assert_non_null(strstr(m.seen, "RCPT TO:<ann@example.org>"));
    assert_non_null(strstr(m.seen, "Subject: hi\r\n\r\n..dot\r\nend\r\n.\r\n"));
    assert_null(strstr(m.seen, "X-Mail"));
}

static void test_mail_refused(void **state)
{
    (void)state;
    struct smtp gone = {FINE}, later = {FINE}, content = {FINE};
    gone.to_rcpt = "550 no such person\r\n";
    later.to_mail = "451 try later\r\n";
    content.to_end = "554 spam\r\n";
    struct http_response r = mail(&gone, "ann@example.org", "off");
    assert_true(r.transport == TRANSPORT_OK && r.status == 550);
    r = mail(&later, "ann@example.org", "off");
    assert_true(r.transport == TRANSPORT_OK && r.status == 451);
    r = mail(&content, "ann@example.org", "off");
    assert_true(r.transport == TRANSPORT_OK && r.status == 554);
}

static void test_mail_broken(void **state)
{
    (void)state;
    struct smtp before = {FINE}, after = {FINE}, plain = {FINE}, unused = {FINE};
    before.to_rcpt = NULL;
    after.to_end = NULL;
    struct http_response r = mail(&before, "ann@example.org", "off");
    assert_int_equal(r.transport, TRANSPORT_NOT_SENT); /* cut before the message */
    r = mail(&after, "ann@example.org", "off");
    assert_int_equal(r.transport, TRANSPORT_LOST); /* cut after it: nobody knows */
    r = mail(&plain, "ann@example.org", "required");
    assert_int_equal(r.transport, TRANSPORT_NOT_SENT);
    assert_non_null(strstr(r.problem, "STARTTLS"));
    assert_null(strstr(plain.seen, "MAIL FROM"));
    r = mail(&unused, "ann@example.org> NOTIFY=NEVER", "off");
    assert_int_equal(r.transport, TRANSPORT_NOT_SENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answer), cmocka_unit_test(test_methods), cmocka_unit_test(test_retry_after_date),
        cmocka_unit_test(test_lost), cmocka_unit_test(test_no_silent_repetition), cmocka_unit_test(test_not_sent),
        cmocka_unit_test(test_tls_refused), cmocka_unit_test(test_body_cap), cmocka_unit_test(test_caps),
        cmocka_unit_test(test_inside_peer), cmocka_unit_test(test_stop_with_calls), cmocka_unit_test(test_mail_sent),
        cmocka_unit_test(test_mail_refused), cmocka_unit_test(test_mail_broken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
