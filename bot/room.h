/* How much a billing system lets us ask of it now, by what its answers say. Belongs to the out thread; times are of the machine's clock. */
#ifndef DW_BOT_ROOM_H
#define DW_BOT_ROOM_H

#include "engine/base.h"

#define ROOM_MOST 8 /* calls under way, whatever it says */

struct room {
    int64_t paused_ms; /* until when it wants nothing more of us */
    size_t most;       /* calls under way */
    int64_t said_ms;   /* when that was said, or last guessed */
};

/* What an answer says; from transfer.c. */
struct room_word {
    int64_t pause_ms;          /* leave it alone for so long; 0: no need */
    int64_t limit, remaining; /* of calls under way, ours and others'; -1: it does not say */
};

void room_init(struct room *r);
/* An answer has come, and `calls` of ours are still under way. */
void room_hear(struct room *r, const struct room_word *w, size_t calls, int64_t now_ms);
/* May one more begin? Time alone gives room again, little by little. */
bool room_is_there(struct room *r, size_t calls, int64_t now_ms);
int64_t room_look_ms(const struct room *r); /* when to ask again, if nothing is heard before */

#endif
