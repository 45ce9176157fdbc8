/* accounts.csv from memory: what accounts_file_load (adapters/adapter.h) does with the bytes of the file. Any thread.
 *
 * Columns, in any order, named in the first row:
 *   account,name,tier,annual_value,currency,renewal,region,plan,ae,sentiment,open_tickets,top_priority,csat,billing,
 *   billing_id,email,timezone,language
 * account, billing and billing_id are required; every other column becomes the fact account.COLUMN. A later row with the same
 * account and nothing but billing and billing_id links a further billing system: one customer, one case. */
#ifndef DW_ADAPTERS_CRM_FILE_H
#define DW_ADAPTERS_CRM_FILE_H

#include "engine/book.h"
#include "engine/doc.h"

/* `name` is the source shown with each fact. NULL when no row could be used; a row with a problem is left out
 * whole. */
struct book *accounts_parse(struct span text, const char *name, int64_t now_ms, struct problems *p);

#endif
