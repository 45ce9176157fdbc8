/* What was posted where: one row for each card and platform, and the effects that post, edit and answer it. Used by the
 * cards' own files only. Engine thread, inside a turn. */
#ifndef DW_BOT_MESSAGES_H
#define DW_BOT_MESSAGES_H

#include "engine/effect.h"

enum { REF_SIZE = 32, PLATFORM_SIZE = 32, MESSAGES_MOST = 8 /* platforms of one card */ };

/* message is "CHANNEL ID" as the platform answered, because later edits need the channel it really became; NULL: not there yet.
 * channel is where it was sent to (a person's id for a direct message). state: "posting" -> "posted"; "fallback:CHANNEL" when the
 * person there could not be reached and collections got the card instead; "lost" when the platform refused it, so that the next
 * change posts anew; "left" when the card stands on another platform now. */
struct message {
    char ref[REF_SIZE], platform[PLATFORM_SIZE];
    int64_t case_id, revision, shown, since_ms;
    char *channel, *message, *hash, *state, *substance;
};

void message_fini(struct message *m);
bool message_load(struct engine *e, const char *ref, const char *platform, struct message *m);
/* Every platform's, oldest first. */
size_t messages_of(struct engine *e, const char *ref, struct message list[MESSAGES_MOST]);
/* The card that stands where somebody did something: platform, channel and message must all fit, and it must not be void. */
bool message_find(struct engine *e, const char *platform, const char *channel, const char *message, struct message *m);
void messages_free(struct message *list, size_t n);
/* Not taken by its platform yet: from now on counted, until message_taken. */
void message_waits(struct engine *e, struct message *m);
void message_taken(struct message *m);
/* For so long that it has to be said elsewhere. */
bool message_stuck(const struct engine *e, const struct message *m);
void message_save(struct engine *e, const struct message *m);
void message_set(char **slot, const char *text); /* text may be what stands there */
bool message_left(const struct message *m);

/* Effects (message_send.c). Keys: "card-A-17-3@slack" a post, "card-A-17-r4@slack" an edit. */
char *message_key(const struct message *m, const char *kind, int64_t n);
/* One that has not left yet is dropped, for another to take its place. False when it has; *wait_ms keeps a delay the platform
 * asked for. */
bool message_unsend(struct engine *e, const char *key, int64_t *wait_ms);
void message_post(struct engine *e, const struct message *m, json_t *card, const char *mention, int64_t wait_ms);
void message_edit(struct engine *e, const struct message *m, json_t *card, const char *key, const char *purpose, int64_t wait_ms);
/* One line in the thread of a card; nothing where the card does not stand. Once for ever by its key: of a request on each
 * platform, of a case, which stands in one place, once at all. */
void message_reply(struct engine *e, const struct message *m, const char *key, const char *text);

#endif
