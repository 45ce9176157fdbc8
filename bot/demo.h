/* `dunwell demo`: the whole loop at one keyboard, or as a story that plays itself.
 *
 * demo.c makes the folder, starts the bot and carries words in both directions; demo_story.c plays, demo_prompt.c
 * listens to a person. The bot runs as it always does; only the sandbox and the console are other ends than a
 * vendor's.
 *
 * Threads: main runs the io loop; the player (story or prompt) is a thread of its own; what is shown comes from the
 * out thread (cards) and from the engine's outputs (answers). `lock` guards everything below it. */
#ifndef DW_BOT_DEMO_H
#define DW_BOT_DEMO_H

#include <pthread.h>

#include "bot/run.h"

struct demo {
    struct bot *bot;
    const struct config *config;
    const struct driver_config *console;
    const char *biller; /* the sandbox's configured name */
    struct book *book;  /* copies of our own: the engine's belong to its thread */
    struct people *people;
    int64_t started_ms;
    double speed; /* of the story: 0 without pauses */
    bool at_terminal;
    int wake[2]; /* read end becomes ready when the player must end */

    pthread_mutex_t lock;
    pthread_cond_t heard;
    struct buf said; /* all that was shown, boxes and line breaks taken out; begins anew when it is full */
    size_t mark;     /* demo_hear and demo_hint look from here on */
    bool over;       /* the bot has ended */
    int64_t typed;   /* inputs so far */
    char persona[64];
    char account[128]; /* the last that failed, for hints */
    int hint;          /* the next one to give */
};

/* Any thread: prints, and remembers for demo_hear. */
void demo_show(struct demo *d, struct span text);
void demo_say(struct demo *d, const char *fmt, ...) DW_PRINTF(2, 3);
/* Types a line as somebody. */
void demo_type(struct demo *d, const char *who, const char *line);
/* An order to the sandbox: "fail", "pay". Takes the body. */
void demo_order(struct demo *d, const char *what, json_t *take_body);
/* A payment of the account fails; amount 0: a month of its annual value. */
void demo_fail(struct demo *d, const struct account *a, const char *code, int64_t amount);
void demo_listen(struct demo *d); /* demo_hear looks at what is shown from now on */
/* Waits until the words were shown; false after the time, or at the end. */
bool demo_hear(struct demo *d, const char *words, int seconds);
bool demo_is_over(struct demo *d); /* the bot has ended */
/* Copies the letters, digits and '-' that stand behind words that were heard. */
void demo_heard_word(struct demo *d, const char *words, char *out, size_t size);
int64_t demo_now_ms(void);

int demo_story(struct demo *d);  /* the exit code */
int demo_prompt(struct demo *d); /* the exit code */
void demo_hint(struct demo *d);  /* prompt only: what to type next, when something new was heard. lock is held */

#endif
