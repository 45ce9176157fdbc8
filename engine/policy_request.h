/* A change of the policy itself, decided like money: one person proposes, others agree. Shown as P-3. See policy_request.c. Engine
 * thread, inside a turn.
 *
 * asked -> in_force (agreed, loaded) | declined | withdrawn | parked (nobody decided in time) | overtaken (another one came into force)
 * parked -> reopened (asked again as another one) */
#ifndef DW_ENGINE_POLICY_REQUEST_H
#define DW_ENGINE_POLICY_REQUEST_H

#include "engine/approval.h"
#include "engine/waiting.h"

struct policy_request {
    int64_t id, created_ms, decided_ms, revision;
    char state[16];
    char *requester, *reason;     /* a person's key, "file" for what was there at first */
    char *before, *version, *text; /* versions; the whole new file */
    char *difference, *effect;    /* in words: what changes, and what would have been decided differently */
    char *outcome;
    struct waiting waiting; /* reminders and escalations so far */
};

struct policy_request *policy_request_load(struct engine *e, int64_t id); /* NULL: there is none; the caller frees */
void policy_request_free(struct policy_request *p);
/* Those that are asked, newest first. */
size_t policy_requests_open(struct engine *e, int64_t *ids, size_t most);

/* The file on the disk as a request. ERR_INVALID: it has problems (the first is named), or says nothing new. */
int policy_request_new(struct engine *e, const struct actor *who, const char *text, const char *reason, char *said, size_t size, struct err *err);
/* As of proposals: revision 0 for a command. */
int policy_request_approve(struct engine *e, int64_t id, const struct actor *who, int64_t revision, const char *reason, char *said, size_t size,
                           struct err *err);
/* Would a yes (or a no) of this person count, but for the code? For what is asked before a form is opened. */
int policy_request_may(struct engine *e, int64_t id, const struct actor *who, int64_t revision, bool yes, struct err *err) DW_MUST_CHECK;
int policy_request_decline(struct engine *e, int64_t id, const struct actor *who, int64_t revision, const char *reason, char *said, size_t size,
                           struct err *err);
int policy_request_unvote(struct engine *e, int64_t id, const struct actor *who, int64_t revision, const char *reason, char *said, size_t size,
                          struct err *err);
int policy_request_withdraw(struct engine *e, int64_t id, const struct actor *who, int64_t revision, const char *reason, char *said, size_t size,
                            struct err *err);
void policy_request_expire(struct engine *e, int64_t id); /* its timer: parked, which is neither yes nor no */
/* A parked one is proposed again: the same text against the policy of today. By whoever proposed it or anybody who may decide; the
 * first proposer stays the proposer, so nobody gains a right by it. */
int policy_request_reopen(struct engine *e, int64_t id, const struct actor *who, int64_t revision, const char *reason, char *said, size_t size,
                          struct err *err);
/* The timer `policy_remind`: says in the thread that it waits, asks the next group, sets the next look. */
void policy_waiting_look(struct engine *e, int64_t id);
/* What came into force is in the store and not in the file, which could not be written: whoever proposed it and whoever agreed
 * are told, and what to do. */
void policy_request_file_failed(struct engine *e, const char *path, const char *why);
void policy_request_file_written(struct engine *e, const char *path); /* it could be after all */
int64_t policy_request_until(const struct engine *e, const struct policy_request *p);
struct subject policy_request_subject(const struct policy_request *p);

/* The text that is in force by agreement; NULL when changes need none, or none was recorded. The caller frees. */
char *policy_text_in_force(struct store *s, char version[16]);
/* Is it known that the file could not be written? And what was in force before. */
bool policy_unwritten(struct store *s, char before[16]);
/* At a start: what the file says is recorded as the first to be in force. */
void policy_baseline(struct engine *e, const char *text);
/* A policy from its text; problems as policy_load. */
struct policy *policy_of_text(const char *text, struct problems *p);

#endif
