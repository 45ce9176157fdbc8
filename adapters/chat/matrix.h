/* What the files of the Matrix driver share. Nobody outside of matrix*.c and the tests includes this. All functions are pure.
 *
 * KEPT (struct step.keep), for the session and what is known of rooms:
 *   {"at": homeserver and "as": user it belongs to, "user_id", "device_id", "token", "refresh", "expires_ms", "filter", "filter_of",
 *    "forced_ms": when the server was last seen to encrypt a room of our own making, "making": {person: {"at", "mark"}},
 *    "rooms": {room we are in: {"n": people in it or invited, "enc": 1 encrypted, "told": 1, "with": whom alone we read to be there, "with_ms"}}, "direct": {person: room},
 *    "resume": {"since", "gaps"} to go on from should the stage be lost}
 * STAGE of "poll": {"phase", "who", "since", "gaps": [{"room", "from", "to", "in": bool, "pages"}], "limit", "fails", "again"}
 *
 * Ids are opaque: a person's begins with @ and has a server's name, a room's begins with !, since room version 12 without one. */
#ifndef DW_ADAPTERS_CHAT_MATRIX_H
#define DW_ADAPTERS_CHAT_MATRIX_H

#include "adapters/adapter.h"

struct matrix_config {
    struct driver_config base;
    char *homeserver, *user, *device_id, *allowed_servers;
    char *password, *token, *as_token, *hs_token; /* secret */
    json_t *rooms;          /* {"approvals": "!..", "collections": "!.."} */
};

/* One step under way. */
struct matrix_work {
    const struct matrix_config *c;
    const struct job *job;
    struct step *out;
    json_t *stage;     /* what will be stored; an object */
    const json_t *was; /* what is kept and belongs to this configuration, or NULL */
    json_t *kept;      /* a changed copy of it, or NULL */
};
void matrix_begin(struct matrix_work *w, const struct matrix_config *c, const struct job *job, struct step *out);
void matrix_end(struct matrix_work *w); /* hands stage and kept over to the step */
const json_t *matrix_kept(const struct matrix_work *w);
json_t *matrix_keep(struct matrix_work *w); /* to be changed */

/* matrix_call.c */
enum matrix_said {
    MATRIX_OK,
    MATRIX_NO,         /* refused for good: code, and a sentence in why */
    MATRIX_LATER,      /* certainly did not happen; may after wait_ms */
    MATRIX_LOST,       /* may have happened */
    MATRIX_SIGNED_OUT, /* the token is not taken any more */
};
struct matrix_answer {
    enum matrix_said said;
    int status;
    json_t *body; /* NULL when none could be read */
    size_t unread; /* values in it that could not be read and are null */
    bool too_large, soft; /* soft: signing in again is expected */
    char code[64];
    char why[300];
    int64_t wait_ms;
};
/* depth: how deep in the answer one unreadable value is skipped alone (matrix_json_read). */
void matrix_answer_read(struct matrix_answer *a, const struct job *job, const struct http_response *previous, int depth);
void matrix_answer_fini(struct matrix_answer *a);
/* A path below /_matrix/client/; each % is the next text, percent-encoded. New string. */
char *matrix_path(const char *pattern, ...);
/* The next request, as `token` (NULL: nobody); stage.phase becomes `phase`. body NULL: none. */
void matrix_call(struct matrix_work *w, const char *phase, const char *method, char *take_path, const char *token, const json_t *body);
/* True for OK. Else ends the step as is right for what may be repeated. */
bool matrix_settle(struct matrix_work *w, const struct matrix_answer *a);

/* matrix_json.c. What a homeserver sent; never more of it is lost than one value `depth` levels down, which becomes null and is
 * counted. NULL when the text is not even shaped like JSON. */
json_t *matrix_json_read(struct span text, int depth, size_t *unread);

/* matrix_session.c */
const char *matrix_token(const struct matrix_work *w); /* NULL: not signed in */
const char *matrix_me(const struct matrix_work *w);    /* our own id; "" while it is not known */
void matrix_session_open(struct matrix_work *w);
/* An answer in one of the session's phases (login, whoami, refresh, filter). True: it stands, go on. */
bool matrix_session_answer(struct matrix_work *w, const struct matrix_answer *a);
bool matrix_session_phase(const char *phase);
void matrix_session_lost(struct matrix_work *w, const struct matrix_answer *a);
bool matrix_session_renew(struct matrix_work *w); /* true: the token is about to end, and the request for another is made */
char *matrix_filter(int limit);
/* The answer to a log-in or whoami: is it the account of the configuration? Else the step has ended. */
bool matrix_session_is_ours(struct matrix_work *w, const struct matrix_answer *a);

/* matrix_check.c */
void matrix_check(struct matrix_work *w, const struct http_response *previous);

/* matrix_rooms.c */
bool matrix_is_room(const char *id);
bool matrix_is_person(const char *id);
const json_t *matrix_room(const struct matrix_work *w, const char *room); /* NULL: we are not known to be in it */
json_t *matrix_room_change(struct matrix_work *w, const char *room);      /* made when it is new; NULL: too many */
void matrix_room_left(struct matrix_work *w, const char *room);
void matrix_room_set(struct matrix_work *w, const char *room, const char *what, int64_t value);
bool matrix_room_encrypted(const struct matrix_work *w, const char *room);
bool matrix_room_is_ours(const struct matrix_work *w, const char *room);    /* one of the configuration */
bool matrix_room_is_private(const struct matrix_work *w, const char *room); /* a person and we, nobody else */
const char *matrix_direct(const struct matrix_work *w, const char *user);   /* the private room with somebody; NULL: none */
void matrix_direct_set(struct matrix_work *w, const char *user, const char *room, bool replace);
bool matrix_server_allowed(const struct matrix_work *w, const char *user);

/* matrix_event.c */
struct chat_input *matrix_input(struct matrix_work *w, enum chat_kind kind, const char *room, const char *dedupe);
void matrix_warn(struct matrix_work *w, const char *room, const char *dedupe, const char *fmt, ...) DW_PRINTF(4, 5);
/* One event of a room's history. run: what people say counts. False: after it we are not in the room any more (or not yet). */
bool matrix_event(struct matrix_work *w, const char *room, const json_t *event, bool in, bool run);
bool matrix_event_is_own_join(const struct matrix_work *w, const json_t *event);
void matrix_invite(struct matrix_work *w, const char *room, const json_t *events, const char *until);
/* What a message asks of us, NULL: nothing; "" when it is a file without words. card: the message it answers with a bare word. */
char *matrix_command(const struct matrix_work *w, const char *room, const json_t *content, const char **card, bool *file);

/* matrix_sync.c, matrix_gap.c */
void matrix_poll(struct matrix_work *w, const struct http_response *previous);
void matrix_poll_next(struct matrix_work *w);
void matrix_poll_failed(struct matrix_work *w, const struct matrix_answer *a);
void matrix_gap_add(struct matrix_work *w, const char *room, const char *from, const char *to, bool in);
bool matrix_gap_ask(struct matrix_work *w); /* false: there is no gap */
void matrix_gap_answer(struct matrix_work *w, const struct matrix_answer *a);

/* matrix_send.c: post, update, whisper; matrix_small.c: react, unreact, join, leave, explain */
void matrix_send(struct matrix_work *w, const struct http_response *previous);
void matrix_small(struct matrix_work *w, const struct http_response *previous);
char *matrix_txn(const struct job *job); /* the transaction id of what a job sends, once for ever */

/* The room is chosen; what is said goes there unless it is encrypted. */
void matrix_send_into(struct matrix_work *w, const char *room);

/* matrix_reread.c */
void matrix_reread(struct matrix_work *w, const struct http_response *previous);

/* matrix_person.c: the private room of what is sent to one person; ends in matrix_send_into */
const char *matrix_person(const struct matrix_work *w); /* to whom */
void matrix_to_person(struct matrix_work *w);
void matrix_person_done(struct matrix_work *w); /* whether we may write in the room that this job made is known: others need not wait */
bool matrix_person_phase(const char *phase);
void matrix_person_answer(struct matrix_work *w, const struct matrix_answer *a, const char *phase);

/* matrix_push.c */
const char *matrix_push_secret(const void *config);
int matrix_push(const void *config, const json_t *kept, struct span body, int64_t now_ms, struct step *out, struct err *e);
int matrix_registration(const void *config, const char *url, struct buf *out, struct err *e);
void matrix_ping(struct matrix_work *w, const struct http_response *previous);

/* matrix_text.c, matrix_card.c */
enum { MATRIX_PLAIN_MAX = 9000, MATRIX_HTML_MAX = 20000 };
struct matrix_text {
    struct buf out;
    size_t limit;
    bool html, full;
};
void matrix_text_init(struct matrix_text *t, size_t limit, bool html);
void matrix_text_raw(struct matrix_text *t, const char *markup); /* our own */
void matrix_text_add(struct matrix_text *t, const char *foreign, bool one_line);
char *matrix_text_take(struct matrix_text *t);
json_t *matrix_content(const struct job *job); /* of args' card or text */
json_t *matrix_edit(const struct job *job);
json_t *matrix_form_content(const json_t *form);

#endif
