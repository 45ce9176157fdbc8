/* The console chat: cards as text on this process's standard output, commands as JSON lines.
 *
 * Wire of the peer in this process:
 *   POST console:///v1/post    {key, channel, card | text, thread?} -> {channel, message}; message is the key, so a
 * restart names no other message with it GET  console:///v1/posts?key=KEY                                -> {channel,
 * message} or {} POST console:///v1/update  {channel, message, card}             -> {channel, message} POST
 * console:///v1/whisper {channel, user, card | text}         -> {} POST console:///v1/form    {form} -> {view} A
 * person's input, for frame(): {"id": "17", "user": "manager1", "text": "approve A-1"}; id is unique for ever. An
 * acknowledgement, from ack(): {"id", "user", "text"?, "card"?}; console_answer_text makes it readable. */
#ifndef DW_ADAPTERS_CHAT_CONSOLE_H
#define DW_ADAPTERS_CHAT_CONSOLE_H

#include "adapters/adapter.h"

struct console_config {
    struct driver_config base;
    json_t *channels;
};

/* Who gets what is printed; NULL: standard output. One for the process, as there is one standard output: set it
 * before the bot starts. `print` is called on the out thread with whole lines, borrowed for the call. */
void console_output(void (*print)(void *ctx, struct span text), void *ctx);
/* Any thread. An acknowledgement as text for the person; "" when it carries nothing. */
void console_answer_text(struct span frame, int64_t now_ms, struct buf *out);

/* console_text.c: a card as lines, and lines as text of at most CONSOLE_WIDTH columns. Any thread. */
#define CONSOLE_WIDTH 100

enum console_style { CONSOLE_PLAIN, CONSOLE_TITLE, CONSOLE_DIM, CONSOLE_ACTION, CONSOLE_ALERT };

struct console_line {
    char *key;  /* what a change is told by: the text without its age */
    char *text; /* as written: foreign, with {ms:} and {ago:} */
    enum console_style style;
    int indent; /* of the lines it is broken into, but the first */
};
struct console_lines {
    struct console_line *list;
    size_t n, cap;
};
void console_lines_add(struct console_lines *l, enum console_style style, int indent, const char *key,
                       char *take_text);
void console_lines_fini(struct console_lines *l);
void console_lines_of_card(struct console_lines *l, const json_t *card);
void console_lines_of_commands(struct console_lines *l, const json_t *card); /* what can be typed, in one line */
const char *console_card_ref(const json_t *card, char out[32]); /* "N-12"; "" when no button says it */

/* Appends the lines in a box (heading NULL: no box, indented) as they stand at now_ms. */
void console_box(struct buf *out, const char *heading, const struct console_lines *l, int64_t now_ms, bool colour);
/* Foreign text made harmless: tokens rendered, control and reordering characters replaced; '\n' kept. New string. */
char *console_clean(const char *text, int64_t now_ms);
int console_columns(const char *clean, size_t n);

#endif
