/* Calls for a person's attention: counted, capped by the hour, held back in quiet hours, and then bundled.
 *
 * Everything that taps a person on the shoulder (an alert, a request, an escalation, a hold about to end) asks here first.
 * Beyond attention.pings_per_hour, and in a person's quiet or free hours, the call waits, and all that waits goes out as one
 * direct message. An emergency never waits. Engine thread, inside a turn. */
#ifndef DW_ENGINE_PING_H
#define DW_ENGINE_PING_H

#include "engine/proposal.h"

struct ping {
    int64_t case_id;
    const char *person, *ref; /* a people key; "A-17", "N-12" or "P-3" (of no case) */
    const char *why;          /* of you: "finance is asked after 24 h": for the card and the message */
    bool emergency;
};

/* May this person be disturbed now? True: counted as sent, and the caller sends it. False: it waits and goes out by itself. */
bool ping_take(struct engine *e, const struct ping *p);
/* The same, and when it may go out now it goes as a direct message of its own. */
void ping_send(struct engine *e, const struct ping *p);
void ping_due(struct engine *e, int64_t id); /* the timer `ping` */

/* Until when this person is left alone; 0 when not now. Whoever has `hours` in people.yaml is left alone outside of them,
 * everybody else in attention.quiet of policy.yaml. */
int64_t ping_quiet_until(const struct engine *e, const struct person *who);
/* "A-17 Northwind Ltd: 6 x about $8,033.33 from 5 Jan 2027, $48,200.00, asked by Ana, open until ..." */
void ping_line(struct engine *e, const struct recovery *r, const struct proposal *p, char *out, size_t size);
struct policy_request;
void ping_policy_line(struct engine *e, const struct policy_request *p, char *out, size_t size); /* the same of a change of the policy */
/* "5 requests wait for you, 3 under $1,000.00" */
struct ping_sum {
    int requests, small;
    struct money limit; /* of "small", in the one currency they have; no currency when they have several */
};
void ping_sum_add(const struct engine *e, struct ping_sum *sum, struct money amount);
void ping_sum_words(const struct ping_sum *sum, char *out, size_t size);
/* Why this person was asked about ref, the newest; "" when they were not. The caller frees. */
char *ping_why(struct engine *e, const char *person, const char *ref);

#endif
