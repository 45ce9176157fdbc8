/* Text for Matrix: plain for `body`, escaped for `formatted_body`.
 *
 * Clients show HTML, and what stands on a card is mostly foreign, so the five characters that mean something there are escaped and
 * characters that nobody sees are replaced. A text is built piece by piece, and a piece that does not fit ends it with an
 * ellipsis: no entity is cut, and our own markup around it is added whatever is full, so that tags stay closed. Matrix has no
 * live dates; a moment is written out in UTC. */
#include "adapters/chat/matrix.h"

#include <string.h>

#include "adapters/chat/text.h"
#include "engine/when.h"

#define ELLIPSIS "\xE2\x80\xA6"
#define REPLACEMENT "\xEF\xBF\xBD"
enum { MARKUP_ROOM = 12000 };

void matrix_text_init(struct matrix_text *t, size_t limit, bool html)
{
    *t = (struct matrix_text){.limit = limit, .html = html};
    buf_init(&t->out, limit + MARKUP_ROOM);
}

void matrix_text_raw(struct matrix_text *t, const char *markup)
{
    buf_adds(&t->out, markup);
}

static void piece(struct matrix_text *t, const char *p, size_t n)
{
    if (t->full)
        return;
    t->full = t->out.n + n > t->limit;
    buf_add(&t->out, t->full ? ELLIPSIS : p, t->full ? strlen(ELLIPSIS) : n);
}

static const char *entity(char c)
{
    switch (c) {
    case '&': return "&amp;";
    case '<': return "&lt;";
    case '>': return "&gt;";
    case '"': return "&quot;";
    case '\'': return "&#39;";
    default: return NULL;
    }
}

static void character(struct matrix_text *t, const char *p, size_t n, bool one_line)
{
    const char *other = NULL;
    if (n == 0 || chat_deceives(p, n))
        other = REPLACEMENT;
    else if (*p == '\n' && !one_line)
        other = t->html ? "<br>" : "\n";
    else if ((unsigned char)*p < 0x20 || *p == 0x7f)
        other = " ";
    else if (t->html)
        other = entity(*p);
    piece(t, other ? other : p, other ? strlen(other) : n);
}

void matrix_text_add(struct matrix_text *t, const char *foreign, bool one_line)
{
    size_t left = foreign ? strlen(foreign) : 0;
    for (const char *p = foreign; left > 0 && !t->full;) {
        char day[WHEN_TEXT_SIZE];
        int64_t at_ms;
        bool ago;
        size_t n = *p == '{' ? chat_moment(p, &at_ms, &ago) : 0;
        if (n) {
            when_text(day, at_ms, "UTC");
            piece(t, day, strlen(day));
        } else {
            n = utf8_length(p, left);
            character(t, p, n, one_line);
            n = n ? n : 1;
        }
        p += n;
        left -= n;
    }
}

char *matrix_text_take(struct matrix_text *t)
{
    return buf_take(&t->out);
}
