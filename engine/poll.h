/* The endless effects: one for each chat that has no socket and is asked what people do (op "poll", lane "NAME:poll"). */
#ifndef DW_ENGINE_POLL_H
#define DW_ENGINE_POLL_H

#include "engine/engine.h"

/* At a start: these chats are polled, others no longer are. What was known of where to go on is kept. */
void polls_set(struct engine *e, const char *const *drivers, size_t n);

/* At a start: a chat that brings what people do by HTTP is asked for what it holds back (op "ping"). */
void chat_awaken(struct engine *e, const char *driver);

#endif
