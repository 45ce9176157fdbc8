/* The mail that takes a link to the customer, and what became of it. Engine thread, inside a turn. */
#ifndef DW_ENGINE_LINK_MAIL_H
#define DW_ENGINE_LINK_MAIL_H

#include "engine/proposal.h"

/* p: a link that billing has made. Without a mail server, an address or a text it is left to a collector, and the case says so. */
void link_mail_send(struct engine *e, struct recovery *r, const struct proposal *p, const char *url);
void link_mail_ended(struct engine *e, int64_t case_id, bool sent, const char *reason); /* the effect of link_mail_send */

enum link_mail { LINK_MAIL_NONE, LINK_MAIL_UNDER_WAY, LINK_MAIL_SENT, LINK_MAIL_FAILED };
/* why: of LINK_MAIL_FAILED, else "". */
enum link_mail link_mail_state(const struct engine *e, const struct proposal *p, char *why, size_t size);

#endif
