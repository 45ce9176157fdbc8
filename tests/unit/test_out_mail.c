/* Mail through the out thread, against an SMTP server that does what the test tells it: sent, refused, or nobody knows. */
#include "tests/unit/out_rig.h"

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
    http_response_fini(&r);
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
    assert_string_equal(buf_text(&r.body), "550 no such person\r\n"); /* whoever has to find another way is told why */
    http_response_fini(&r);
    r = mail(&later, "ann@example.org", "off");
    assert_true(r.transport == TRANSPORT_OK && r.status == 451);
    http_response_fini(&r);
    r = mail(&content, "ann@example.org", "off");
    assert_true(r.transport == TRANSPORT_OK && r.status == 554);
    http_response_fini(&r);
}

static void test_mail_broken(void **state)
{
    (void)state;
    struct smtp before = {FINE}, after = {FINE}, plain = {FINE}, unused = {FINE};
    before.to_rcpt = NULL;
    after.to_end = NULL;
    struct http_response r = mail(&before, "ann@example.org", "off");
    assert_int_equal(r.transport, TRANSPORT_NOT_SENT); /* cut before the message */
    http_response_fini(&r);
    r = mail(&after, "ann@example.org", "off");
    assert_int_equal(r.transport, TRANSPORT_LOST); /* cut after it: nobody knows */
    http_response_fini(&r);
    r = mail(&plain, "ann@example.org", "required");
    assert_int_equal(r.transport, TRANSPORT_NOT_SENT);
    assert_non_null(strstr(r.problem, "STARTTLS"));
    assert_null(strstr(plain.seen, "MAIL FROM"));
    http_response_fini(&r);
    r = mail(&unused, "ann@example.org> NOTIFY=NEVER", "off");
    assert_int_equal(r.transport, TRANSPORT_NOT_SENT);
    http_response_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mail_sent),
        cmocka_unit_test(test_mail_refused),
        cmocka_unit_test(test_mail_broken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
