/* What a chat platform's connection may carry: however the bytes are cut, the same messages come out and the same verdict, and no
 * piece lies outside of what was given. The first byte says how they are cut; the rest is also read as a handshake's answer. */
#include <string.h>

#include "bot/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST = 1 << 20 };

static int read_cut(struct span all, size_t step, struct buf *said)
{
    struct frame_reader r = {0};
    struct err e = {0};
    while (all.n) {
        struct span part = {.p = all.p, .n = all.n < step ? all.n : step};
        all.p += part.n;
        all.n -= part.n;
        struct frame_piece piece;
        bool found = true;
        while (found) {
            int rc = frame_read(&r, &part, &piece, &found, &e);
            if (rc) {
                assert(e.code == rc && e.text[0]);
                return rc;
            }
            if (!found)
                break;
            assert(piece.kind < FRAME_CLOSE || (piece.first && piece.last && piece.bytes.n <= FRAME_CONTROL_MOST));
            if (piece.kind >= FRAME_CLOSE)
                continue; /* where a message's pieces lie beside it depends on the cut */
            buf_add(said, piece.bytes.p, piece.bytes.n);
            buf_adds(said, piece.last ? "|" : "");
        }
        assert(part.n == 0);
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char key[] = "dGhlIHNhbXBsZSBub25jZQ==";
    if (size < 1)
        return 0;
    AUTO_STR copy = str_ndup((const char *)data + 1, size - 1);
    struct span all = {.p = copy, .n = size - 1};
    AUTO_BUF at_once = BUF(MOST);
    AUTO_BUF cut = BUF(MOST);
    int one = read_cut(all, all.n ? all.n : 1, &at_once), other = read_cut(all, data[0] % 16 + 1, &cut);
    assert(one == other);
    assert(at_once.n == cut.n && memcmp(buf_text(&at_once), buf_text(&cut), cut.n) == 0);
    (void)frame_refusal(all, key);
    return 0;
}
