/* Inbound events, stored once before they are acknowledged, worked on afterwards. */
#ifndef DW_ENGINE_INBOX_H
#define DW_ENGINE_INBOX_H

#include "engine/engine.h"

/* The kinds an event can have; the same numbers as adapters' billing_event.kind. Stored: never renumber. */
enum { INBOX_OTHER, INBOX_PAYMENT_FAILED, INBOX_PAID, INBOX_CHANGED };

/* True when it is new. The unique key begins with the sender's time (created_ms). */
bool inbox_put(struct engine *e, const char *source, const char *ext_id, int64_t created_ms, const char *type, int kind,
               const char *customer, const char *invoice, struct span body);
/* Works on up to `budget` rows; true when more is waiting. */
bool inbox_work(struct engine *e, int budget);
/* A finished "resolve" effect: the event is worked on, or ignored with the reason. result NULL: refused. With {disputed: {...}}
 * in it, billing says how a payment stands that is or was disputed at a bank (chargeback.h). */
void inbox_resolved(struct engine *e, const json_t *args, const json_t *result, const char *reason);
int64_t inbox_next_due_ms(struct engine *e); /* now when rows wait, else INT64_MAX */
/* A click or command, once: true the first time this key is seen (kept for two days). */
bool chat_first_time(struct engine *e, const char *platform, const char *key);
/* What a platform sent and nobody can read: its beginning is kept in the table "unreadable". Returns how many bytes. */
size_t chat_quarantine(struct engine *e, const char *platform, struct span body);

#endif
