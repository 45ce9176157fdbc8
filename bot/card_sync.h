/* How a card comes to stand where it should, and what is said beneath it. Used by cards.c only; engine thread, inside a turn. */
#ifndef DW_BOT_CARD_SYNC_H
#define DW_BOT_CARD_SYNC_H

#include "bot/cards.h"
#include "bot/messages.h"

/* Where a card belongs (card_places.c). site NULL: nowhere. */
struct place {
    const struct chat_site *site;
    const char *channel, *mention;
    const struct chat_site *instead; /* of this one, which could not be reached since */
    int64_t since_ms;
};
struct place place_of_case(struct engine *e, const struct recovery *r);
struct place place_of_request(struct engine *e, const struct chat_site *site);

/* What is to stand there. */
struct showing {
    const char *ref;
    json_t *card;          /* borrowed */
    const char *substance; /* what is asked, as a hash; "" where nobody is asked now */
    int64_t revision;      /* of the request; 0 for a case */
};
/* Posts, edits, moves or leaves alone, by what was last sent. r NULL: it is about no case. */
void card_sync(struct engine *e, const struct recovery *r, const struct showing *s, const struct place *to);
/* The card stands on `site` from now on: what stands elsewhere says so. */
void card_leave(struct engine *e, const struct recovery *r, const char *ref, const struct chat_site *site);

/* "Slack" of "slack". */
const char *site_title(const struct chat_site *site, char out[PLATFORM_SIZE]);

/* One tap on a platform with reactions (card_taps.c). */
bool tap_enough(struct engine *e, const struct proposal *p); /* small enough, and can be undone */
/* Reactions of ours under the card while a tap decides, none afterwards. */
void taps_refresh(struct engine *e, const struct message *m, const struct proposal *p);

/* Lines in the threads (card_thread.c): each once for ever, and each where the card stands. */
void reply_unreachable(struct engine *e, const struct message *m, const struct message *stuck, const struct proposal *p);
void reply_all(struct engine *e, const struct recovery *r, const struct message *m, const struct proposal *p);
void reply_closed(struct engine *e, const struct recovery *r, const struct message *m);
void reply_owner_asked(struct engine *e, const struct recovery *r, const struct message *m);
void reply_hands(struct engine *e, const struct recovery *r, const struct message *m); /* what waits for somebody's hand */
void reply_chargebacks(struct engine *e, const struct recovery *r, const struct message *m); /* how a dispute at the bank ended */

#endif
