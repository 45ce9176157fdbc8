/* WebSocket framing. libwebsockets could do it, and did; its client looks at each byte of a message in turn, some eighty instructions
 * a byte, which was more than all the rest of what is done with a chat message before it is stored. Here a message that lies
 * in one read is handed on where it lies.
 *
 * Strict where it protects: no extension was asked for, so a reserved bit is an error; a server does not mask; control frames are
 * short and whole; a message is begun once and continued by nothing else. */
#include "bot/frame.h"

#include <openssl/evp.h>
#include <string.h>
#include <strings.h>

enum { ACCEPT_SIZE = 29, SHA1_SIZE = 20 };

/* ---- reading ---- */

static bool is_control(unsigned kind)
{
    return kind >= FRAME_CLOSE;
}

static size_t head_size(unsigned char second)
{
    unsigned n = second & 0x7f;
    return n == 127 ? 10 : n == 126 ? 4 : 2;
}

/* True when the head is complete. */
static bool head_gather(struct frame_reader *r, struct span *bytes)
{
    size_t want = r->n_head < 2 ? 2 : head_size(r->head[1]);
    while (bytes->n && r->n_head < want) {
        r->head[r->n_head++] = (unsigned char)*bytes->p++;
        bytes->n--;
        if (r->n_head == 2)
            want = head_size(r->head[1]);
    }
    return r->n_head == want;
}

static uint64_t length_of(const unsigned char head[10])
{
    unsigned n = head[1] & 0x7f;
    uint64_t length = 0;
    if (n < 126)
        return n;
    for (size_t i = 2; i < head_size(head[1]); i++)
        length = length << 8 | head[i];
    return length;
}

static const char *head_wrong(const struct frame_reader *r, unsigned kind, bool final, uint64_t length)
{
    if (r->head[0] & 0x70)
        return "a reserved bit is set";
    if (r->head[1] & 0x80)
        return "a server may not mask";
    if (length >> 63)
        return "an impossible length";
    if (is_control(kind))
        return kind > FRAME_PONG ? "an unknown kind of frame" : !final || length > FRAME_CONTROL_MOST ? "a control frame is too long" : NULL;
    if (kind > FRAME_BINARY)
        return "an unknown kind of frame";
    if ((kind == 0) != (r->message != 0))
        return kind ? "a message begins inside another" : "nothing is there to be continued";
    return NULL;
}

static int head_take(struct frame_reader *r, struct err *e)
{
    bool final = r->head[0] & 0x80;
    unsigned kind = r->head[0] & 0x0f;
    uint64_t length = length_of(r->head);
    const char *wrong = head_wrong(r, kind, final, length);
    if (wrong)
        return err_set(e, ERR_INVALID, "%s", wrong);
    r->kind = kind;
    r->final = final;
    r->left = length;
    r->inside = true;
    r->n_control = 0;
    if (!is_control(kind) && kind) {
        r->message = kind;
        r->begun = false;
    }
    return 0;
}

static void frame_end(struct frame_reader *r)
{
    r->inside = false;
    r->n_head = 0;
    if (r->final && !is_control(r->kind))
        r->message = 0;
}

static struct span bytes_take(struct frame_reader *r, struct span *bytes)
{
    struct span taken = {.p = bytes->p, .n = bytes->n < r->left ? bytes->n : (size_t)r->left};
    bytes->p += taken.n;
    bytes->n -= taken.n;
    r->left -= taken.n;
    return taken;
}

/* Whole or not yet. */
static bool control_read(struct frame_reader *r, struct span *bytes, struct frame_piece *out)
{
    struct span taken = bytes_take(r, bytes);
    if (taken.n)
        memcpy(r->control + r->n_control, taken.p, taken.n);
    r->n_control += taken.n;
    if (r->left)
        return false;
    *out = (struct frame_piece){.kind = (enum frame_kind)r->kind, .first = true, .last = true, .bytes = {.p = r->control, .n = r->n_control}};
    frame_end(r);
    return true;
}

static bool data_read(struct frame_reader *r, struct span *bytes, struct frame_piece *out)
{
    struct span taken = bytes_take(r, bytes);
    if (!taken.n && r->left)
        return false;
    *out = (struct frame_piece){.kind = (enum frame_kind)r->message, .first = !r->begun, .last = r->final && !r->left, .bytes = taken};
    r->begun = true;
    if (!r->left)
        frame_end(r);
    return true;
}

int frame_read(struct frame_reader *r, struct span *bytes, struct frame_piece *out, bool *found, struct err *e)
{
    *found = false;
    if (!r->inside) {
        if (!head_gather(r, bytes))
            return 0;
        int rc = head_take(r, e);
        if (rc)
            return rc;
    }
    *found = is_control(r->kind) ? control_read(r, bytes, out) : data_read(r, bytes, out);
    return 0;
}

/* ---- writing ---- */

static void mask_bytes(char *p, size_t n, const unsigned char mask[FRAME_MASK])
{
    uint64_t word, eight;
    memcpy(&word, mask, FRAME_MASK);
    memcpy((char *)&word + FRAME_MASK, mask, FRAME_MASK);
    size_t i = 0;
    for (; i + sizeof eight <= n; i += sizeof eight) {
        memcpy(&eight, p + i, sizeof eight);
        eight ^= word;
        memcpy(p + i, &eight, sizeof eight);
    }
    for (; i < n; i++)
        p[i] = (char)(p[i] ^ (char)mask[i % FRAME_MASK]);
}

void frame_write(struct buf *out, enum frame_kind kind, struct span payload, const unsigned char mask[FRAME_MASK])
{
    unsigned char head[14] = {(unsigned char)(0x80 | kind)};
    size_t n = 2, extra = payload.n < 126 ? 0 : payload.n < 65536 ? 2 : 8;
    head[1] = (unsigned char)(0x80 | (extra == 0 ? payload.n : extra == 2 ? 126 : 127));
    for (size_t i = extra; i > 0; i--)
        head[n++] = (unsigned char)((uint64_t)payload.n >> (8 * (i - 1)));
    memcpy(head + n, mask, FRAME_MASK);
    n += FRAME_MASK;
    if (out->over || n + payload.n > out->max - out->n)
        return; /* whole or not at all; the caller looks at the room before */
    buf_add(out, head, n);
    buf_add(out, payload.p, payload.n);
    mask_bytes(out->p + out->n - payload.n, payload.n, mask);
}

/* ---- the handshake ---- */

void frame_key(char out[FRAME_KEY], const unsigned char random[FRAME_KEY_BYTES])
{
    EVP_EncodeBlock((unsigned char *)out, random, FRAME_KEY_BYTES);
}

static void accept_of(char out[ACCEPT_SIZE], const char *key)
{
    char whole[FRAME_KEY + 40];
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    int n = snprintf(whole, sizeof whole, "%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key);
    int ok = EVP_Digest(whole, (size_t)n, digest, &size, EVP_sha1(), NULL);
    assert(ok == 1 && size == SHA1_SIZE);
    EVP_EncodeBlock((unsigned char *)out, digest, SHA1_SIZE);
}

/* The value of a header, without the blanks around it; p NULL: it is not there. */
static struct span header_value(struct span head, const char *name)
{
    const char *p = head.p, *end = head.p + head.n;
    size_t n = strlen(name);
    while (p < end) {
        const char *line_end = memchr(p, '\n', (size_t)(end - p));
        if (!line_end)
            break;
        if ((size_t)(line_end - p) > n && p[n] == ':' && strncasecmp(p, name, n) == 0) {
            const char *from = p + n + 1, *to = line_end;
            while (from < to && (*from == ' ' || *from == '\t'))
                from++;
            while (to > from && (to[-1] == '\r' || to[-1] == ' ' || to[-1] == '\t'))
                to--;
            return (struct span){.p = from, .n = (size_t)(to - from)};
        }
        p = line_end + 1;
    }
    return (struct span){0};
}

static bool value_is(struct span value, const char *text)
{
    return value.p && value.n == strlen(text) && strncasecmp(value.p, text, value.n) == 0;
}

const char *frame_refusal(struct span head, const char *key)
{
    static const char line[] = "HTTP/1.1 101";
    char accept[ACCEPT_SIZE];
    if (head.n < sizeof line || memcmp(head.p, line, sizeof line - 1) != 0)
        return "the server does not speak WebSocket here";
    accept_of(accept, key);
    struct span said = header_value(head, "Sec-WebSocket-Accept");
    if (!value_is(header_value(head, "Upgrade"), "websocket") || said.n != strlen(accept) || memcmp(said.p, accept, said.n) != 0)
        return "the server's handshake is not an answer to ours";
    if (header_value(head, "Sec-WebSocket-Extensions").p || header_value(head, "Sec-WebSocket-Protocol").p)
        return "the server wants an extension that nobody asked for";
    return NULL;
}
