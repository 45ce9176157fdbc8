/* Mail: what is sent byte for byte, what is never let through, and what each answer of a server means. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "adapters/adapter.h"
#include "engine/when.h"

#define NOW INT64_C(1798880400000) /* Sat, 02 Jan 2027 09:00:00 UTC */

static void *mail_config(const char *url, const char *from, const char *user, const char *password, const char *tls)
{
    char *c = mem_alloc(smtp_driver.config_size);
    const char *const names[] = {"url", "from", "username", "password", "tls"};
    const char *const values[] = {url, from, user, password, tls};
    for (const struct option *o = smtp_driver.options; o->name; o++)
        for (size_t i = 0; i < DW_ARRAY_LEN(names); i++)
            if (str_eq(names[i], o->name)) {
                char *copy = str_dup(values[i]);
                memcpy(c + o->offset, &copy, sizeof copy);
            }
    return c;
}

static void mail_config_free(void *c)
{
    for (const struct option *o = smtp_driver.options; o->name; o++) {
        char *value;
        memcpy(&value, (char *)c + o->offset, sizeof value);
        free(value);
    }
    free(c);
}

static json_t *mail(const char *to, const char *subject, const char *text)
{
    return json_pack("{s:s, s:s, s:s, s:s}", "to", to, "subject", subject, "text", text, "message_id",
                     "<case-12.1@example.com>");
}

static void step_once(const void *c, const json_t *args, const json_t *stage, const struct http_response *previous,
                      int attempts, struct step *out)
{
    struct job job = {.id = 1,
                      .driver = "smtp",
                      .op = "mail",
                      .key = "mail:12:1",
                      .args = args,
                      .stage = stage,
                      .attempts = attempts,
                      .now_ms = NOW,
                      .random = 3};
    step_fini(out);
    smtp_driver.step(c, &job, previous, out);
}

static void the_message_is_complete(void **state)
{
    (void)state;
    void *c = mail_config("smtp://mail.example.com:587/bot.example.com", "billing@example.com", "mailer",
                          "not-a-real-password", NULL);
    AUTO_JSON args = mail("ap@northwind.example", "Your payment of $48,200.00",
                          "Good morning,\n\n.a line\nwith = and caf\u00e9 \nbye");
    struct step s;
    step_init(&s);
    step_once(c, args, NULL, NULL, 0, &s);
    assert_int_equal(s.outcome, STEP_HTTP);
    assert_string_equal(s.request.method, "MAIL");
    assert_true(s.request.write);
    assert_string_equal(s.request.url, "smtp://mail.example.com:587/bot.example.com");
    assert_string_equal(buf_text(&s.request.headers),
                        "X-Mail-From: billing@example.com\nX-Mail-To: ap@northwind.example\nX-Mail-Tls: required\n"
                        "X-Mail-User: mailer\nX-Mail-Password: not-a-real-password\n");
    assert_string_equal(
        buf_text(&s.request.body),
        "From: <billing@example.com>\r\nTo: <ap@northwind.example>\r\nSubject: Your payment of $48,200.00\r\n"
        "Date: Sat, 02 Jan 2027 09:00:00 +0000\r\nMessage-ID: <case-12.1@example.com>\r\n"
        "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
        "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
        "Good morning,\r\n\r\n.a line\r\nwith =3D and caf=C3=A9=20\r\nbye\r\n");
    step_fini(&s);
    mail_config_free(c);
}

static void every_line_of_the_message_is_short(void **state)
{
    (void)state;
    void *c = mail_config("smtp://mail.example.com:587", "billing@example.com", NULL, NULL, NULL);
    AUTO_BUF subject = BUF(4096), text = BUF(8192);
    for (int i = 0; i < 60; i++)
        buf_adds(&subject, "\u00fc\u20ac");
    for (int i = 0; i < 500; i++)
        buf_adds(&text, "\u00e9a ");
    AUTO_JSON args = mail("ap@northwind.example", buf_text(&subject), buf_text(&text));
    struct step s;
    step_init(&s);
    step_once(c, args, NULL, NULL, 0, &s);
    assert_int_equal(s.outcome, STEP_HTTP);
    assert_null(strstr(buf_text(&s.request.headers), "X-Mail-User"));
    for (const char *line = buf_text(&s.request.body); *line;) {
        const char *end = strstr(line, "\r\n");
        assert_non_null(end);
        assert_true(end - line <= 78);
        for (const char *p = line; p < end; p++)
            assert_true(*p >= ' ' && *p < 127);
        line = end + 2;
    }
    assert_non_null(
        strstr(buf_text(&s.request.body),
               "Subject: =?UTF-8?B?w7zigqzDvOKCrMO84oKsw7zigqzDvOKCrMO84oKsw7zigqzDvOKCrMO8?=\r\n =?UTF-8?B?"));
    step_fini(&s);
    mail_config_free(c);
}

static void injection_is_refused(void **state)
{
    (void)state;
    void *c = mail_config("smtp://mail.example.com:587", "billing@example.com", NULL, NULL, NULL);
    static const char *const bad_to[] = {"",
                                         "ap",
                                         "@example.com",
                                         "a@",
                                         "a b@example.com",
                                         "a@exa mple.com",
                                         "a@example.com\r\nRCPT TO:<x@example.org>",
                                         "a@example.com\nBcc: x@example.org",
                                         "<a@example.com>",
                                         "a@example.com,b@example.com",
                                         "a..b@example.com",
                                         ".a@example.com",
                                         "a@-example.com",
                                         "a@example..com",
                                         "a@example.com.",
                                         "\"a\"@example.com",
                                         "a@b@example.com;",
                                         "caf\u00e9@example.com",
                                         "a@[127.0.0.1]"};
    struct step s;
    step_init(&s);
    for (size_t i = 0; i < DW_ARRAY_LEN(bad_to); i++) {
        AUTO_JSON args = mail(bad_to[i], "Hello", "text");
        step_once(c, args, NULL, NULL, 0, &s);
        assert_int_equal(s.outcome, STEP_REFUSED);
        assert_null(strstr(s.reason, "example.org"));
    }
    static const char *const bad_subject[] = {"", "Hello\r\nBcc: x@example.org", "a\tb", "a\x7f"};
    for (size_t i = 0; i < DW_ARRAY_LEN(bad_subject); i++) {
        AUTO_JSON args = mail("a@example.com", bad_subject[i], "text");
        step_once(c, args, NULL, NULL, 0, &s);
        assert_int_equal(s.outcome, STEP_REFUSED);
    }
    AUTO_JSON args = mail("a@example.com", "Hello", "text");
    json_put(args, "message_id", "<a@b>\r\nBcc: <x@example.org>");
    step_once(c, args, NULL, NULL, 0, &s);
    assert_int_equal(s.outcome, STEP_REFUSED);
    step_fini(&s);
    mail_config_free(c);
}

static void good_addresses_pass_and_ids_are_made(void **state)
{
    (void)state;
    void *c = mail_config("smtp://127.0.0.1:2525", "billing@example.com", NULL, NULL, NULL);
    static const char *const good[] = {"a@example.com", "first.last+tag@sub.example.co", "o'neil@x-y.example",
                                       "root@localhost"};
    struct step s;
    step_init(&s);
    for (size_t i = 0; i < DW_ARRAY_LEN(good); i++) {
        AUTO_JSON args = mail(good[i], "Hello", "text");
        json_object_del(args, "message_id");
        step_once(c, args, NULL, NULL, 0, &s);
        assert_int_equal(s.outcome, STEP_HTTP);
        assert_non_null(strstr(buf_text(&s.request.body), "Message-ID: <mail-12-1@example.com>\r\n"));
        assert_non_null(strstr(buf_text(&s.request.headers), "X-Mail-Tls: off\n"));
    }
    AUTO_JSON args = mail("a@example.com", "Hello", "text");
    json_put(args, "message_id", "p3.1798880400000");
    step_once(c, args, NULL, NULL, 0, &s);
    assert_non_null(strstr(buf_text(&s.request.body), "Message-ID: <p3.1798880400000@example.com>\r\n"));
    step_fini(&s);
    mail_config_free(c);
}

static void answer(struct http_response *r, enum transport transport, int status, const char *body)
{
    http_response_fini(r);
    r->transport = transport;
    r->status = status;
    buf_adds(&r->body, body);
}

static void each_answer_means_one_thing(void **state)
{
    (void)state;
    void *c = mail_config("smtp://mail.example.com:587", "billing@example.com", NULL, NULL, NULL);
    AUTO_JSON args = mail("a@example.com", "Hello", "text");
    struct http_response r;
    struct step s;
    http_response_init(&r);
    step_init(&s);
    AUTO_JSON sent = json_pack("{s:s}", "at", "sent");

    answer(&r, TRANSPORT_OK, 250, "250-hello\r\n250 2.0.0 OK queued as 4QX1\r\n");
    step_once(c, args, sent, &r, 1, &s);
    assert_int_equal(s.outcome, STEP_DONE);
    assert_string_equal(json_str(s.result, "queued", ""), "250 2.0.0 OK queued as 4QX1");

    answer(&r, TRANSPORT_OK, 451, "451 4.7.1 Greylisted\r\n");
    step_once(c, args, sent, &r, 1, &s);
    assert_int_equal(s.outcome, STEP_RETRY);
    assert_true(s.retry_at_ms >= NOW + 30 * MS_SECOND);
    AUTO_JSON again = json_incref(s.stage);
    step_once(c, args, again, NULL, 1, &s);
    assert_int_equal(s.outcome, STEP_HTTP);
    step_once(c, args, sent, &r, 12, &s);
    assert_int_equal(s.outcome, STEP_REFUSED);

    answer(&r, TRANSPORT_LOST, 550, "550 5.1.1 no such \x1b[31muser\r\n");
    step_once(c, args, sent, &r, 1, &s);
    assert_int_equal(s.outcome, STEP_REFUSED);
    assert_non_null(strstr(s.reason, "550 5.1.1 no such"));
    assert_null(strchr(s.reason, '\x1b'));

    answer(&r, TRANSPORT_NOT_SENT, 0, "");
    step_once(c, args, sent, &r, 1, &s);
    assert_int_equal(s.outcome, STEP_RETRY);
    http_response_fini(&r);
    step_fini(&s);
    mail_config_free(c);
}

static void a_lost_answer_is_never_sent_again(void **state)
{
    (void)state;
    void *c = mail_config("smtp://mail.example.com:587", "billing@example.com", NULL, NULL, NULL);
    AUTO_JSON args = mail("a@example.com", "Hello", "text");
    AUTO_JSON sent = json_pack("{s:s}", "at", "sent");
    struct http_response r;
    struct step s;
    http_response_init(&r);
    step_init(&s);
    answer(&r, TRANSPORT_LOST, 250, "250 earlier\r\n");
    step_once(c, args, sent, &r, 1, &s);
    assert_int_equal(s.outcome, STEP_UNKNOWN);
    AUTO_JSON lost = json_incref(s.stage);
    step_once(c, args, lost, NULL, 1, &s);
    assert_int_equal(s.outcome, STEP_REFUSED);
    assert_non_null(strstr(s.reason, "may have been sent; not sent again"));
    http_response_fini(&r);
    step_fini(&s);
    mail_config_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_message_is_complete),     cmocka_unit_test(every_line_of_the_message_is_short),
        cmocka_unit_test(injection_is_refused),        cmocka_unit_test(good_addresses_pass_and_ids_are_made),
        cmocka_unit_test(each_answer_means_one_thing), cmocka_unit_test(a_lost_answer_is_never_sent_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
