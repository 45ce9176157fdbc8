/* What the files of the Slack driver share: configuration, text, blocks, frames. Nobody outside of slack*.c and the
 * tests includes this. All functions are pure and may be called by any thread.
 *
 * Slack's limits count characters; UTF-16 units are counted here, the strictest reading. A text that is too long ends
 * in an ellipsis, cut between characters; a text without anything to see becomes a dash, because Slack refuses a
 * whole card for one empty string. Sources: docs.slack.dev Block Kit reference, "Formatting text for app surfaces",
 * Socket Mode. */
#ifndef DW_ADAPTERS_CHAT_SLACK_H
#define DW_ADAPTERS_CHAT_SLACK_H

#include "adapters/adapter.h"

struct slack_config {
    struct driver_config base;
    char *api_url;               /* https://slack.com/api/ */
    char *app_token, *bot_token; /* secret */
    json_t *channels;            /* {"approvals": "C...", "collections": "C..."} */
};

/* slack_text.c. A text under construction; take or free it with slack_text_take. */
struct slack_text {
    struct buf out;
    size_t units, limit; /* UTF-16 */
    size_t safe;         /* bytes that leave room for the ellipsis */
    bool full, visible;
};
void slack_text_init(struct slack_text *t, size_t limit);
void slack_text_raw(struct slack_text *t, const char *ascii);                 /* our own markup: ASCII, unescaped */
void slack_text_plain(struct slack_text *t, const char *text, bool one_line); /* moments as UTC; nothing escaped */
void slack_text_markup(struct slack_text *t,
                       const char *text); /* foreign text for mrkdwn: escaped, cannot style, moments live */
void slack_text_escaped(struct slack_text *t, const char *text); /* only & < > escaped, moments as UTC: for `text` */
char *slack_text_take(struct slack_text *t);                     /* the caller frees */

bool slack_is_blank(const char *text);                /* Slack refuses such an id or value */
bool slack_has_moment(const char *text);              /* holds a {ms:..} or {ago:..} */
json_t *slack_plain(const char *text, size_t limit);  /* plain_text object, one line */
json_t *slack_object(const char *text, size_t limit); /* plain_text, or mrkdwn when there is a moment to show */
json_t *slack_mrkdwn(struct slack_text *take);        /* mrkdwn object */
/* What Slack put into a text a person typed, taken out: entities, <@U1|bob> -> U1, <#C1|x> -> #x, <url|label> -> url.
 * In place. */
void slack_unescape(char *text);

/* slack_card.c */
#define SLACK_MENU_ID "more" /* action_id of the menu; its value is "ACTION|VALUE" */
enum { SLACK_TEXT_LIMIT = 3000, SLACK_FALLBACK_LIMIT = 2900 };
json_t *slack_section(const char *text);
json_t *slack_card_blocks(const json_t *card, bool with_actions); /* list of blocks */
char *slack_card_text(const json_t *card);                        /* the fallback: notification and screen reader */
json_t *slack_text_blocks(const char *text);                      /* a plain answer, in sections */
/* {"text": ..., "blocks": [...]}; the card wins when both are given */
json_t *slack_message(const json_t *card, const char *text, bool with_actions);

/* slack_form.c */
json_t *slack_view(const json_t *form);
json_t *slack_answer_view(const json_t *card,
                          const char *text); /* what a submitted form turns into when there is an answer */

/* slack_call.c: a Web API call, and what its answer means */
enum slack_said {
    SLACK_OK,
    SLACK_NO,    /* refused for good: error, and a sentence for people in why */
    SLACK_LATER, /* certainly did not happen; may after wait_ms */
    SLACK_LOST,  /* may have happened */
};
struct slack_answer {
    enum slack_said said;
    json_t *body;   /* NULL when none could be read */
    char error[64]; /* Slack's name for it, "" when none */
    char why[300];
    int64_t wait_ms; /* LATER and LOST */
};
void slack_call(struct step *out, const struct slack_config *c, const char *method, const char *token);
void slack_form_json(struct http_request *r, const char *name, const json_t *value);
void slack_form_message(struct http_request *r, const json_t *args); /* text and blocks of args' card or text */
void slack_answer_read(struct slack_answer *a, const struct job *job, const struct http_response *previous);
void slack_answer_fini(struct slack_answer *a);
/* Is it our token that Slack refuses? */
bool slack_denies(const struct slack_answer *a);
/* True for OK. Else ends the step: NO is refused, the others are tried again, which is right for what may be
 * repeated. */
bool slack_settle(const struct slack_answer *a, const struct job *job, struct step *out);
bool slack_is_user(const char *id); /* U... or W...: a person, not a channel; nothing else can be in it */

/* slack_post.c */
void slack_post(const struct slack_config *c, const struct job *job, const struct http_response *previous,
                struct step *out);

/* slack_frame.c */
int slack_frame(const void *config, struct span text, struct chat_input *out, struct err *e);
void slack_ack(const void *config, const struct chat_input *in, const struct chat_answer *answer, struct buf *out);

#endif
