/* The sandbox's two halves know this much of each other: the options, and the functions of the peer in this process.
 *
 * Wire (JSON both ways; money in minor units, times in ms):
 *   GET  sandbox:///v1/check                     -> {who}
 *   GET  sandbox:///v1/customers/ID[?invoice=ID] -> what the operation "read" gives (adapters/adapter.h)
 *   GET  sandbox:///v1/invoices?ids=ID,ID        -> {invoices: those that exist}
 *   POST sandbox:///v1/invoices/ID               {auto_advance, reason?} -> the invoice
 *   POST sandbox:///v1/invoices/ID/pay           {amount?, method?} -> {payment, invoice}; 402 {error, decline}
 *   POST sandbox:///v1/entries                   {kind: credit|write_off|defer|note, customer, invoice?, amount?, until_ms?,
 *                                                reason?, text?} -> {entry, invoice|null}
 *   GET  sandbox:///v1/entries?key=KEY           -> {entry|null, invoice|null}
 *   GET  sandbox:///v1/payments?key=KEY          -> {payment|null, invoice|null}: the attempt made under that
 * idempotency key POST sandbox:///v1/plans                     {customer, plan, currency, invoices, instalments} ->
 * {id, ...} GET  sandbox:///v1/plans?key=KEY             -> {plan|null} POST sandbox:///v1/links {customer, invoice,
 * purpose} -> {url, expires_at_ms} Writes below /v1 carry Idempotency-Key. Errors are {error: words}. Control, for
 * the demo and for tests: POST sandbox:///_control/fail  {customer, code?, amount?, currency?, invoice?, again?}  a
 * payment fails; `again` further attempts fail too (-1: all of them, the default of a hard decline) POST
 * sandbox:///_control/pay   {customer, amount?}         the customer pays what is open, or so much of it POST
 * sandbox:///_control/time  {forward_ms?}               moves the book's clock; then what is due is done POST
 * sandbox:///_control/fault {kind, times?, code?}       the next writes: lose (answer lost after the effect), cut
 * (never arrives), busy (429), error (500 before the effect), decline (the next payments) */
#ifndef DW_ADAPTERS_BILLING_SANDBOX_H
#define DW_ADAPTERS_BILLING_SANDBOX_H

#include "adapters/adapter.h"

struct sandbox_config {
    struct driver_config base;
    char *file;     /* NULL: the book lives in memory only */
    char *currency; /* of customers the book meets for the first time */
    char *faults;   /* "lose:1,decline:2"; NULL: none */
};

void *sandbox_open(const void *config);
void sandbox_close(void *memory);
void sandbox_serve(void *memory, const struct http_request *request, int64_t now_ms, struct http_response *out);
bool sandbox_next_event(void *memory, struct buf *body);

/* sandbox_book.c: the book itself, a JSON document. Borrowed results; the peer's thread only. */
struct sandbox {
    json_t *book; /* {customers, invoices, payments, plans, entries, keys, events, faults, next, offset_ms} */
    char *file, *currency;
    int64_t now_ms;  /* of the request, by the book's clock */
    bool changed;    /* since it was last written */
    bool unreadable; /* the file is there but is no book: nothing is served, so nothing is overwritten */
};
void book_open(struct sandbox *s);
void book_save(struct sandbox *s);
json_t *book_part(struct sandbox *s, const char *name);
int64_t book_number(struct sandbox *s); /* the next one, for ids */
json_t *book_customer(struct sandbox *s, const char *id,
                      const char *currency); /* made on first use; NULL: the book is full */
json_t *book_invoice_new(struct sandbox *s, const char *customer, int64_t amount, const char *currency);
json_t *book_pay(struct sandbox *s, json_t *invoice, int64_t amount, const char *method,
                 const char *key); /* succeeds */
json_t *book_decline(struct sandbox *s, json_t *invoice, int64_t amount, const char *method, const char *code,
                     const char *key);
/* Tries a card: succeeds or is declined as the customer's state and the faults say. */
json_t *book_attempt(struct sandbox *s, json_t *invoice, int64_t amount, const char *method, const char *key);
void book_event(struct sandbox *s, const char *type, const json_t *invoice);
void book_advance(struct sandbox *s); /* the biller's own retries that are due; only where auto_advance is true */
bool book_fault_take(struct sandbox *s, const char *kind, char *code, size_t size);
void book_fault_add(struct sandbox *s, const char *kind, int64_t times, const char *code);
/* sandbox_entries.c: a credit, write-off, deferral or note; NULL, and *refused says why, when it is nonsense. */
json_t *book_entry(struct sandbox *s, const json_t *body, const char *key, const char **refused);
json_t *book_read(struct sandbox *s, const char *customer, const char *invoice); /* new: the answer of "read" */
bool book_code_known(const char *code);
const char *book_code_class(const char *code); /* "H", "N", "A", "S" */
int64_t book_amount_of(const char *customer);  /* a plausible one, the same each time */

#endif
