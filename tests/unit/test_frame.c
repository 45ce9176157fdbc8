/* WebSocket frames, as RFC 6455 has them: its own example of a handshake, every length's form, messages in pieces with control frames
 * between them, however the bytes were cut; and each thing that a server may not do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "bot/frame.h"

#define HEAD "HTTP/1.1 101 Switching Protocols\r\n"
#define UPGRADE "Upgrade: WebSocket\r\nConnection: Upgrade\r\n"
#define ACCEPT "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"

static const char key[] = "dGhlIHNhbXBsZSBub25jZQ==";

static void test_handshake(void **state)
{
    (void)state;
    char made[FRAME_KEY];
    frame_key(made, (const unsigned char *)"the sample nonce");
    assert_string_equal(made, key);
    assert_null(frame_refusal(span_of(HEAD UPGRADE ACCEPT "\r\n"), key));
    assert_null(frame_refusal(span_of(HEAD "server: x\r\nupgrade:websocket\r\nsec-websocket-accept:  s3pPLMBiTxaQ9kYGzzhZRbK+xOo= \r\n\r\n"), key));
    static const char *const bad[] = {
        "",
        "HTTP/1.1 101",
        "HTTP/1.1 200 OK\r\n" UPGRADE ACCEPT "\r\n",
        "HTTP/1.1 403 Forbidden\r\n\r\n",
        HEAD ACCEPT "\r\n",
        HEAD UPGRADE "\r\n",
        HEAD UPGRADE "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOO=\r\n\r\n",
        HEAD UPGRADE "Sec-WebSocket-Accept: S3PPLMBITXAQ9KYGZZHZRBK+XOO=\r\n\r\n",
        HEAD UPGRADE "X-Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
        HEAD UPGRADE ACCEPT "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
        HEAD UPGRADE ACCEPT "Sec-WebSocket-Protocol: chat\r\n\r\n",
    };
    for (size_t i = 0; i < DW_ARRAY_LEN(bad); i++)
        assert_non_null(frame_refusal(span_of(bad[i]), key));
}

/* ---- reading ---- */

/* What was read, as text: kind, payload, | between pieces of different frames is not seen: a message's pieces are joined. */
static int read_all(const void *bytes, size_t n, size_t step, struct buf *said, struct err *e)
{
    struct frame_reader r = {0};
    const char *p = bytes;
    bool open = false;
    for (size_t at = 0; at < n; at += step) {
        struct span part = {.p = p + at, .n = n - at < step ? n - at : step};
        for (;;) {
            struct frame_piece piece;
            bool found = false;
            int rc = frame_read(&r, &part, &piece, &found, e);
            if (rc)
                return rc;
            if (!found)
                break;
            bool data = piece.kind < FRAME_CLOSE;
            assert_true(!data || piece.first != open); /* begun once */
            open = data ? !piece.last : open;
            if (piece.first)
                buf_addf(said, "%s%u:", data || !open ? "" : "<", piece.kind);
            buf_add(said, piece.bytes.p, piece.bytes.n);
            if (piece.last)
                buf_addc(said, data || !open ? ';' : '>');
        }
        assert_int_equal(part.n, 0);
    }
    return 0;
}

static void reads(const void *bytes, size_t n, const char *whole)
{
    for (size_t step = 1; step <= n; step += step < 20 ? 1 : 997) {
        AUTO_BUF said = BUF(1 << 20);
        struct err e = {0};
        assert_int_equal(read_all(bytes, n, step, &said, &e), 0);
        assert_string_equal(buf_text(&said), whole);
    }
}

#define READS(bytes, whole) reads(bytes, sizeof bytes - 1, whole)

static void test_messages(void **state)
{
    (void)state;
    READS("\x81\x05" "Hello", "1:Hello;");
    READS("\x81\x00" "\x81\x01" "x", "1:;1:x;");
    READS("\x82\x02" "ab" "\x81\x02" "cd", "2:ab;1:cd;");
    READS("\x89\x02" "hi" "\x8a\x00" "\x88\x02\x03\xe8", "9:hi;10:;8:\x03\xe8;");
    READS("\x81\x7e\x00\x03" "abc", "1:abc;"); /* longer than it need be, and clear */
}

static void test_fragments(void **state)
{
    (void)state;
    READS("\x01\x03" "Hel" "\x80\x02" "lo", "1:Hello;");
    READS("\x01\x00" "\x00\x01" "a" "\x80\x00", "1:a;");
    struct frame_reader r = {0};
    struct span bytes = {.p = "\x01\x01" "a" "\x89\x01" "p" "\x80\x01" "b", .n = 9};
    struct frame_piece piece;
    bool found = false;
    static const struct { enum frame_kind kind; bool first, last; char byte; } want[] = {
        {FRAME_TEXT, true, false, 'a'}, {FRAME_PING, true, true, 'p'}, {FRAME_TEXT, false, true, 'b'}};
    for (size_t i = 0; i < DW_ARRAY_LEN(want); i++) {
        assert_int_equal(frame_read(&r, &bytes, &piece, &found, NULL), 0);
        assert_true(found && piece.kind == want[i].kind && piece.first == want[i].first && piece.last == want[i].last);
        assert_true(piece.bytes.n == 1 && piece.bytes.p[0] == want[i].byte);
    }
    assert_int_equal(frame_read(&r, &bytes, &piece, &found, NULL), 0);
    assert_false(found);
}

static void test_what_a_server_may_not(void **state)
{
    (void)state;
#define BYTES(b) {.p = b, .n = sizeof b - 1}
    static const struct span bad[] = {
        BYTES("\xc1\x00"), BYTES("\xa1\x00"), BYTES("\x91\x00"),                /* reserved bits */
        BYTES("\x81\x80"), BYTES("\x81\x85" "abcdHello"),                        /* masked */
        BYTES("\x83\x00"), BYTES("\x87\x00"), BYTES("\x8b\x00"), BYTES("\x8f\x00"), /* no such kinds */
        BYTES("\x80\x00"), BYTES("\x00\x00"),                                   /* goes on with nothing */
        BYTES("\x01\x01" "a" "\x81\x01" "b"), BYTES("\x01\x01" "a" "\x02\x01" "b"), /* one inside another */
        BYTES("\x81\x01" "a" "\x80\x01" "b"),                                   /* goes on after the end */
        BYTES("\x09\x00"), BYTES("\x08\x00"),                                   /* a control frame in pieces */
        BYTES("\x89\x7e\x00\x7e"), BYTES("\x88\x7f\x00\x00\x00\x00\x00\x00\x00\x7e"), /* and a long one */
        BYTES("\x81\x7f\x80\x00\x00\x00\x00\x00\x00\x00"),                      /* more than there is */
    };
    for (size_t i = 0; i < DW_ARRAY_LEN(bad); i++)
        for (size_t step = 1; step <= bad[i].n; step++) {
            AUTO_BUF said = BUF(1000);
            struct err e = {0};
            assert_int_equal(read_all(bad[i].p, bad[i].n, step, &said, &e), ERR_INVALID);
            assert_true(e.text[0] != '\0');
        }
}

/* ---- writing ---- */

/* As a server would read it. */
static void unmask(struct buf *frame, size_t head)
{
    unsigned char mask[FRAME_MASK];
    memcpy(mask, frame->p + head, sizeof mask);
    memmove(frame->p + head, frame->p + head + FRAME_MASK, frame->n - head - FRAME_MASK);
    frame->n -= FRAME_MASK;
    for (size_t i = 0; i < frame->n - head; i++)
        frame->p[head + i] = (char)(frame->p[head + i] ^ (char)mask[i % FRAME_MASK]);
    assert_true(frame->p[1] & 0x80);
    frame->p[1] &= 0x7f;
}

static void test_what_is_written_is_read(void **state)
{
    (void)state;
    static const unsigned char mask[FRAME_MASK] = {0x37, 0xfa, 0x21, 0x3d};
    static const size_t sizes[] = {0, 1, 7, 8, 9, 125, 126, 127, 65535, 65536, 70001};
    for (size_t i = 0; i < DW_ARRAY_LEN(sizes); i++) {
        size_t n = sizes[i], head = n < 126 ? 2 : n < 65536 ? 4 : 10;
        AUTO_STR text = mem_alloc(n + 1);
        for (size_t k = 0; k < n; k++)
            text[k] = (char)('a' + k % 26);
        AUTO_BUF frame = BUF(1 << 20);
        frame_write(&frame, FRAME_TEXT, (struct span){.p = text, .n = n}, mask);
        assert_int_equal(frame.n, head + FRAME_MASK + n);
        unmask(&frame, head);
        AUTO_STR whole = str_fmt("1:%s;", text);
        reads(frame.p, frame.n, whole);
    }
    AUTO_BUF small = BUF(20); /* the whole frame or nothing of it */
    frame_write(&small, FRAME_TEXT, span_of("15 bytes are it"), mask);
    assert_int_equal(small.n, 0);
    frame_write(&small, FRAME_PING, span_of("14 bytes fit .") , mask);
    assert_int_equal(small.n, 20);
    assert_false(small.over);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_handshake), cmocka_unit_test(test_messages), cmocka_unit_test(test_fragments),
        cmocka_unit_test(test_what_a_server_may_not), cmocka_unit_test(test_what_is_written_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
