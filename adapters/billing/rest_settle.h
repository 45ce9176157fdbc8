/* Lowering what is owed, and remarks: the operations credit, write_off and note of the drivers that step by rest.h.
 *
 * What is made anew (a credit, a remark) is made once: it is sought before it is made, whatever became of earlier tries, and
 * found again after, so it depends on no idempotency key. What is set (an invoice given up) is read before and after. The order
 * of it, the checks and the words are here; a vendor says only how its requests look and where its answers say what. */
#ifndef DW_ADAPTERS_BILLING_REST_SETTLE_H
#define DW_ADAPTERS_BILLING_REST_SETTLE_H

#include "adapters/billing/rest.h"

/* An invoice as far as settling needs it. The texts are borrowed from c->body. */
struct rest_invoice {
    const char *customer, *status, *currency;
    int64_t left;  /* minor units */
    bool is_it;    /* the answer is about the invoice that was asked for */
    bool open;     /* something may still be credited, given up, paid */
    bool given_up; /* written off already */
};

/* Makes one thing. The functions look at c->args, c->body and c->stage, nothing else. */
struct rest_once {
    void (*seek_send)(struct rest_call *c);         /* asks for where ours would be */
    const char *(*seek_id)(struct rest_call *c);    /* our thing in the answer to that, borrowed; NULL: it is not there; may refuse */
    void (*make_send)(struct rest_call *c);
};

struct rest_settle {
    void (*invoice_send)(struct rest_call *c);
    int (*invoice)(struct rest_call *c, struct rest_invoice *out); /* from c->body; negative: it cannot be read */
    struct rest_once credit, note;
    /* Where a credit is the account's first and then put on the invoice: what the account has to give (asked, and read from c->body), and the
     * call that puts all of it on the invoice. NULL: a credit is the invoice's own. */
    void (*purse_send)(struct rest_call *c);
    int (*purse)(struct rest_call *c, int64_t *minor);
    void (*apply_send)(struct rest_call *c);
    /* One of them: where the invoice itself shows that it was given up, or where a thing is made that says so. */
    void (*write_off_send)(struct rest_call *c);
    struct rest_once write_off;
};

extern const struct rest_op rest_credit, rest_write_off, rest_note; /* for vendors with `settle` */

/* --- for the vendor's functions --- */

/* "12.50": the job's amount as a decimal. */
const char *rest_amount(const struct rest_call *c, char out[MONEY_TEXT_SIZE]);

#endif
