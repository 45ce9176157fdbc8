/* The chat session against a WebSocket peer: overlap, silence, refusals, odd frames, a full queue. */
#include "tests/unit/socket_rig.h"

static void test_message_and_ack(void **state)
{
    (void)state;
    struct site s;
    int ticket;
    site_open(&s, 100, quick());
    int fd = peer_hello(&s, &ticket);
    wait_live(&s, 1);
    peer_text(fd, "{\"type\":\"command\",\"id\":\"e1\",\"text\":\"status\"}");
    take(&s, 1);
    assert_string_equal(s.list[0].chat.text, "status");
    ack(&s, 1);
    assert_true(peer_read(fd, 1, frame, sizeof frame) > 0);
    assert_string_equal(frame, "{\"ack\":\"e1\"}");
    close(fd);
    site_close(&s);
}

static void test_address_by_steps(void **state)
{
    (void)state;
    struct site s;
    int ticket;
    site_open(&s, 100, quick());
    int fd = peer_hello(&s, &ticket);
    wait_live(&s, 1);
    atomic_store(&ask_first, true);
    close(fd);
    for (int i = 0; i < 500 && !atomic_load(&s.asked); i++)
        rig_sleep(10);
    rig_do(&s.rig, site_reply, &s);
    fd = peer_hello(&s, &ticket);
    wait_live(&s, 1);
    close(fd);
    site_close(&s);
}

static void test_many_acks_at_once(void **state)
{
    (void)state;
    enum { MANY = 300 };
    struct site s;
    int ticket;
    site_open(&s, 1000, quick());
    int fd = peer_hello(&s, &ticket);
    for (int i = 0; i < MANY; i++) {
        char text[80];
        snprintf(text, sizeof text, "{\"type\":\"command\",\"id\":\"e%d\"}", i);
        peer_text(fd, text);
    }
    take(&s, MANY);
    ack(&s, MANY);
    for (int i = 0; i < MANY; i++) {
        char want[40];
        snprintf(want, sizeof want, "{\"ack\":\"e%d\"}", i);
        assert_true(peer_read(fd, 1, frame, sizeof frame) > 0);
        assert_string_equal(frame, want);
    }
    close(fd);
    site_close(&s);
}

/* The new link says hello before the old one is let go, what still comes by the old one is taken, and what it is owed goes out on it. */
static void test_refresh_overlaps(void **state)
{
    (void)state;
    struct site s;
    int one, two;
    site_open(&s, 100, quick());
    int old = peer_hello(&s, &one);
    peer_text(old, "{\"type\":\"command\",\"id\":\"owed\"}");
    take(&s, 1);
    peer_text(old, "{\"type\":\"disconnect\",\"reason\":\"refresh_requested\"}");
    int fresh = peer_accept(&s, &two);
    assert_int_not_equal(one, two);
    struct input owed = s.list[0];
    peer_text(old, "{\"type\":\"command\",\"id\":\"late\"}"); /* it still works */
    take(&s, 1);
    ack(&s, 1);
    assert_true(peer_read(old, 1, frame, sizeof frame) > 0);
    assert_string_equal(frame, "{\"ack\":\"late\"}");
    peer_text(fresh, "{\"type\":\"hello\"}");
    wait_live(&s, 1);
    rig_sleep(50);
    peer_text(old, "{\"type\":\"command\",\"id\":\"sent before they knew\"}");
    take(&s, 1);
    ack(&s, 1);
    assert_true(peer_read(old, 1, frame, sizeof frame) > 0);
    assert_string_equal(frame, "{\"ack\":\"sent before they knew\"}");
    s.list[0] = owed;
    ack(&s, 1);
    assert_true(peer_read(old, 1, frame, sizeof frame) > 0);
    assert_string_equal(frame, "{\"ack\":\"owed\"}");
    assert_int_equal(peer_read(old, 8, frame, sizeof frame), 2); /* then the close frame, with 1000 */
    assert_int_equal((unsigned char)frame[0] << 8 | (unsigned char)frame[1], 1000);
    close(old);
    close(fresh);
    site_close(&s);
}

/* An acknowledgement that never comes does not keep the old link for ever; a peer that does not close is cut. */
static void test_drain_has_an_end(void **state)
{
    (void)state;
    struct site s;
    int ticket;
    site_open(&s, 100, quick());
    int old = peer_hello(&s, &ticket);
    peer_text(old, "{\"type\":\"command\",\"id\":\"never\"}");
    take(&s, 1);
    peer_text(old, "{\"type\":\"disconnect\",\"reason\":\"warning\"}");
    int fresh = peer_hello(&s, &ticket);
    assert_int_equal(peer_read(old, 8, frame, sizeof frame), 2);
    assert_int_equal(peer_read(old, 1, frame, sizeof frame), -1); /* we never answered its close */
    ack(&s, 1); /* the link is gone: the frame is dropped */
    peer_text(fresh, "{\"type\":\"command\",\"id\":\"next\"}");
    take(&s, 1);
    ack(&s, 1);
    assert_true(peer_read(fresh, 1, frame, sizeof frame) > 0);
    assert_string_equal(frame, "{\"ack\":\"next\"}");
    close(old);
    close(fresh);
    site_close(&s);
}

/* A platform that asks again and again does not use up the places: the link that was replaced first gives way. */
static void test_many_refreshes(void **state)
{
    (void)state;
    struct site s;
    struct socket_limits patient = quick();
    patient.linger = 60000;
    int ticket, links[9];
    site_open(&s, 100, patient);
    links[0] = peer_hello(&s, &ticket);
    for (int i = 1; i < 9; i++) {
        wait_live(&s, 1);
        peer_text(links[i - 1], "{\"type\":\"disconnect\",\"reason\":\"refresh_requested\"}");
        links[i] = peer_hello(&s, &ticket);
        assert_int_equal(ticket, i + 1);
    }
    assert_int_equal(peer_read(links[0], 8, frame, sizeof frame), -1);
    peer_text(links[7], "{\"type\":\"command\",\"id\":\"still\"}");
    take(&s, 1);
    drop(&s, 1);
    for (int i = 0; i < 9; i++)
        close(links[i]);
    site_close(&s);
}

/* A platform that sends away every link that has just come is not asked in a tight loop. */
static void test_brief_lives_are_failures(void **state)
{
    (void)state;
    struct site s;
    struct socket_limits wary = quick();
    wary.brief = wary.first = wary.most = wary.linger = 60000;
    int ticket, links[4];
    site_open(&s, 100, wary);
    for (int i = 0; i < 4; i++) {
        links[i] = peer_hello(&s, &ticket);
        wait_live(&s, 1);
        assert_int_equal(ticket, i + 1);
        peer_text(links[i], "{\"type\":\"disconnect\",\"reason\":\"refresh_requested\"}");
    }
    assert_true(quiet(&s, 300));
    peer_text(links[3], "{\"type\":\"command\",\"id\":\"still\"}"); /* which works on */
    take(&s, 1);
    drop(&s, 1);
    for (int i = 0; i < 4; i++)
        close(links[i]);
    site_close(&s);
}

static void test_refresh_by_the_clock(void **state)
{
    (void)state;
    struct site s;
    int ticket;
    site_open(&s, 100, quick());
    int old = peer_accept(&s, &ticket);
    peer_text(old, "{\"type\":\"hello\",\"seconds\":1,\"open\":7}");
    int fresh = peer_hello(&s, &ticket); /* after 0.9 s, unasked */
    assert_int_equal(peer_read(old, 8, frame, sizeof frame), 2);
    close(old);
    close(fresh);
    site_close(&s);
}

static void test_lost_and_found(void **state)
{
    (void)state;
    struct site s;
    int ticket;
    site_open(&s, 100, quick());
    for (int i = 0; i < 4; i++) {
        int fd = peer_hello(&s, &ticket);
        assert_int_equal(ticket, i + 1); /* a fresh address each time, and never two attempts at once */
        wait_live(&s, 1);
        close(fd);
    }
    close(peer_hello(&s, &ticket));
    site_close(&s);
}

/* An acknowledgement belongs to the link its message came by; the next one in the same place must not get it. */
static void test_ack_of_a_lost_link(void **state)
{
    (void)state;
    struct site s;
    int ticket;
    site_open(&s, 100, quick());
    int fd = peer_hello(&s, &ticket);
    peer_text(fd, "{\"type\":\"command\",\"id\":\"old\"}");
    take(&s, 1);
    close(fd);
    fd = peer_hello(&s, &ticket);
    wait_live(&s, 1);
    ack(&s, 1);
    peer_text(fd, "{\"type\":\"command\",\"id\":\"new\"}");
    take(&s, 1);
    ack(&s, 1);
    assert_true(peer_read(fd, 1, frame, sizeof frame) > 0);
    assert_string_equal(frame, "{\"ack\":\"new\"}");
    close(fd);
    site_close(&s);
}

static void test_fragments(void **state)
{
    (void)state;
    struct site s;
    int ticket;
    struct buf big;
    site_open(&s, 100, quick());
    int fd = peer_hello(&s, &ticket);
    peer_frame(fd, 0x01, "{\"type\":\"comm", 13);
    peer_frame(fd, 0x89, "are you there", 13);
    peer_frame(fd, 0x00, "and\",\"id\":\"fr\",", 15);
    rig_sleep(30);
    peer_frame(fd, 0x80, "\"text\":\"whole\"}", 15);
    take(&s, 1);
    assert_string_equal(s.list[0].chat.text, "whole");
    drop(&s, 1);
    assert_int_equal(peer_read(fd, 10, frame, sizeof frame), 13); /* the pong */
    buf_init(&big, 1 << 21);
    buf_adds(&big, "{\"type\":\"command\",\"id\":\"big\",\"text\":\"");
    while (big.n < 900000)
        buf_addc(&big, 'b');
    buf_adds(&big, "\"}");
    peer_frame(fd, 0x81, big.p, big.n);
    take(&s, 1);
    assert_true(strlen(s.list[0].chat.text) > 899000);
    drop(&s, 1);
    buf_fini(&big);
    close(fd);
    site_close(&s);
}

/* What cannot be a message is dropped, and the link lives on. */
static void test_odd_messages(void **state)
{
    (void)state;
    struct site s;
    int ticket;
    char *junk = mem_alloc(3 << 20);
    memset(junk, ' ', 3 << 20);
    site_open(&s, 100, quick());
    int fd = peer_hello(&s, &ticket);
    peer_text(fd, "not json");
    peer_text(fd, "");
    peer_frame(fd, 0x82, "{\"type\":\"command\",\"id\":\"binary\"}", 32);
    peer_frame(fd, 0x81, junk, 3 << 20);
    peer_frame(fd, 0x01, junk, 600000);
    peer_frame(fd, 0x80, junk, 600000);
    peer_text(fd, "{\"type\":\"command\",\"id\":\"good\"}");
    take(&s, 1);
    assert_string_equal(s.list[0].chat.envelope, "good");
    ack(&s, 1);
    assert_true(peer_read(fd, 1, frame, sizeof frame) > 0);
    close(fd);
    free(junk);
    site_close(&s);
}

static void give_room(void *ctx)
{
    struct site *s = ctx;
    socket_room(s->socket);
}

/* A full queue stops the reading; nothing is lost and the order holds. */
static void test_full_queue(void **state)
{
    (void)state;
    enum { MANY = 400 };
    struct site s;
    int ticket;
    struct input *got = NULL;
    size_t cap = 0;
    int seen = 0;
    site_open(&s, 7, quick());
    int fd = peer_hello(&s, &ticket);
    for (int i = 0; i < MANY; i++) {
        char text[4200];
        snprintf(text, sizeof text, "{\"type\":\"command\",\"id\":\"%d\",\"text\":\"%*s\"}", i, 4000, "x");
        peer_text(fd, text);
    }
    for (int64_t end = io_now_ms() + RIG_PATIENCE_MS; seen < MANY && io_now_ms() < end;) {
        bool away;
        queue_wait(s.queue, 20);
        size_t n = queue_take(s.queue, &got, &cap, &away);
        assert_true(n <= 7);
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(strtol(got[i].chat.envelope, NULL, 10), seen++);
            input_fini(&got[i]);
        }
        if (away)
            rig_do(&s.rig, give_room, &s);
    }
    assert_int_equal(seen, MANY);
    free(got);
    close(fd);
    site_close(&s);
}

static void test_silence_is_death(void **state)
{
    (void)state;
    struct site s;
    int ticket;
    struct socket_limits l = quick();
    l.ping = 100;
    l.dead = 350;
    site_open(&s, 100, l);
    int fd = peer_hello(&s, &ticket);
    wait_live(&s, 1);
    for (int i = 0; i < 6; i++) /* answers pings: stays */
        assert_int_equal(peer_read(fd, 9, frame, sizeof frame), 0), peer_frame(fd, 0x8a, "", 0);
    assert_true(quiet(&s, 0));
    int64_t began = io_now_ms();
    int next = peer_hello(&s, &ticket); /* nothing is said on fd any more */
    assert_true(io_now_ms() - began < 2000);
    struct pollfd p = {.fd = fd, .events = POLLIN};
    char c;
    while (poll(&p, 1, 1000) == 1 && recv(fd, &c, 1, 0) > 0)
        continue;
    assert_int_equal(recv(fd, &c, 1, 0) <= 0, 1);
    close(fd);
    close(next);
    site_close(&s);
}

/* A link that is merely slow has a successor before anybody cuts it, and what it brings late still counts. */
static void test_silence_is_not_death_yet(void **state)
{
    (void)state;
    struct site s;
    int ticket;
    struct socket_limits l = quick();
    l.ping = 50;
    l.quiet = 150;
    l.linger = 5000;
    site_open(&s, 100, l);
    int slow = peer_hello(&s, &ticket);
    wait_live(&s, 1);
    int next = peer_hello(&s, &ticket);
    assert_int_equal(ticket, 2);
    wait_live(&s, 1);
    peer_text(slow, "{\"type\":\"command\",\"id\":\"late\"}");
    take(&s, 1);
    ack(&s, 1);
    assert_true(peer_read(slow, 1, frame, sizeof frame) > 0);
    assert_string_equal(frame, "{\"ack\":\"late\"}");
    close(slow);
    close(next);
    site_close(&s);
}

static void test_no_hello(void **state)
{
    (void)state;
    struct site s;
    int ticket;
    struct socket_limits l = quick();
    l.live = 300;
    site_open(&s, 100, l);
    int mute = peer_accept(&s, &ticket);
    int fd = peer_hello(&s, &ticket);
    assert_int_equal(ticket, 2);
    assert_int_equal(peer_read(mute, 1, frame, sizeof frame), -1);
    wait_live(&s, 1);
    close(mute);
    close(fd);
    site_close(&s);
}

static void problem_of(void *ctx)
{
    struct site *s = ctx;
    if (!socket_problem(s->socket, frame, sizeof frame))
        frame[0] = '\0';
}

static void test_too_many(void **state)
{
    (void)state;
    struct site s;
    int ticket;
    site_open(&s, 100, quick());
    int fd = peer_accept(&s, &ticket);
    peer_text(fd, "{\"type\":\"disconnect\",\"reason\":\"too_many_websockets\"}");
    assert_int_equal(peer_read(fd, 1, frame, sizeof frame), -1);
    assert_true(quiet(&s, 300)); /* keeps away */
    rig_do(&s.rig, problem_of, &s);
    assert_non_null(strstr(frame, "too many"));
    int again = peer_hello(&s, &ticket);
    wait_live(&s, 1);
    rig_do(&s.rig, problem_of, &s);
    assert_string_equal(frame, "");
    close(fd);
    close(again);
    site_close(&s);
}

static void test_link_disabled(void **state)
{
    (void)state;
    struct site s;
    int ticket;
    site_open(&s, 100, quick());
    int fd = peer_hello(&s, &ticket);
    peer_text(fd, "{\"type\":\"disconnect\",\"reason\":\"link_disabled\"}");
    assert_int_equal(peer_read(fd, 1, frame, sizeof frame), -1);
    assert_true(quiet(&s, 300));
    rig_do(&s.rig, problem_of, &s);
    assert_non_null(strstr(frame, "switched"));
    int again = peer_hello(&s, &ticket);
    wait_live(&s, 1);
    close(fd);
    close(again);
    site_close(&s);
}

static void test_refused_address(void **state)
{
    (void)state;
    struct site s;
    int ticket;
    site_open(&s, 100, quick());
    close(peer_hello(&s, &ticket));
    atomic_store(&refusal, "the token has been revoked");
    rig_sleep(200);
    rig_do(&s.rig, problem_of, &s);
    assert_string_equal(frame, "talk: the token has been revoked");
    atomic_store(&refusal, NULL);
    int fd = peer_hello(&s, &ticket);
    wait_live(&s, 1);
    close(fd);
    site_close(&s);
}

static void test_two_connections(void **state)
{
    (void)state;
    struct site s;
    int ticket;
    struct socket_limits l = quick();
    l.connections = 2;
    site_open(&s, 100, l);
    int a = peer_hello(&s, &ticket), b = peer_hello(&s, &ticket);
    wait_live(&s, 2);
    assert_true(quiet(&s, 200));
    peer_text(a, "{\"type\":\"command\",\"id\":\"a\"}");
    take(&s, 1);
    ack(&s, 1);
    assert_true(peer_read(a, 1, frame, sizeof frame) > 0);
    peer_text(b, "{\"type\":\"command\",\"id\":\"b\"}");
    take(&s, 1);
    ack(&s, 1);
    assert_true(peer_read(b, 1, frame, sizeof frame) > 0);
    assert_string_equal(frame, "{\"ack\":\"b\"}");
    close(a);
    close(b);
    site_close(&s);
}

static void stop_it(void *ctx)
{
    struct site *s = ctx;
    socket_stop(s->socket);
}

static void get_stopped(void *ctx)
{
    struct site *s = ctx;
    s->cap = socket_stopped(s->socket);
}

static void test_stop(void **state)
{
    (void)state;
    struct site s;
    int ticket;
    site_open(&s, 100, quick());
    int fd = peer_hello(&s, &ticket);
    peer_text(fd, "{\"type\":\"command\",\"id\":\"last\"}");
    take(&s, 1);
    rig_do(&s.rig, stop_it, &s);
    peer_text(fd, "{\"type\":\"command\",\"id\":\"too late\"}");
    rig_sleep(50);
    assert_true(queue_empty(s.queue));
    ack(&s, 1);
    assert_true(peer_read(fd, 1, frame, sizeof frame) > 0);
    assert_int_equal(peer_read(fd, 8, frame, sizeof frame), 2);
    close(fd);
    for (int i = 0; i < 200 && !s.cap; i++) {
        rig_sleep(10);
        rig_do(&s.rig, get_stopped, &s);
    }
    assert_true(s.cap);
    assert_true(quiet(&s, 100)); /* no new one */
    site_close(&s);
}

static void test_nobody_there(void **state)
{
    (void)state;
    struct site s;
    site_open(&s, 100, quick());
    close(peer_accept(&s, &(int){0}));
    close(s.listener);
    rig_sleep(300);
    rig_do(&s.rig, problem_of, &s);
    assert_non_null(strstr(frame, "talk: "));
    s.listener = socket(AF_INET, SOCK_STREAM, 0);
    site_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_message_and_ack), cmocka_unit_test(test_address_by_steps), cmocka_unit_test(test_many_acks_at_once),
        cmocka_unit_test(test_refresh_overlaps), cmocka_unit_test(test_drain_has_an_end), cmocka_unit_test(test_many_refreshes),
        cmocka_unit_test(test_brief_lives_are_failures), cmocka_unit_test(test_refresh_by_the_clock),
        cmocka_unit_test(test_lost_and_found), cmocka_unit_test(test_ack_of_a_lost_link), cmocka_unit_test(test_fragments), cmocka_unit_test(test_odd_messages),
        cmocka_unit_test(test_full_queue), cmocka_unit_test(test_silence_is_death), cmocka_unit_test(test_silence_is_not_death_yet),
        cmocka_unit_test(test_no_hello),
        cmocka_unit_test(test_too_many), cmocka_unit_test(test_link_disabled), cmocka_unit_test(test_refused_address),
        cmocka_unit_test(test_two_connections), cmocka_unit_test(test_stop), cmocka_unit_test(test_nobody_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
