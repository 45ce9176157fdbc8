/* HMAC-SHA256 over "time.body", as several vendors sign their webhooks. Any thread. */
#ifndef DW_ADAPTERS_BILLING_SIGNATURE_H
#define DW_ADAPTERS_BILLING_SIGNATURE_H

#include "engine/base.h"

enum { SIGNATURE_SIZE = 32 };

/* False when there is no secret, or the library fails. */
bool signature_of(const char *secret, struct span time, struct span body, unsigned char out[SIGNATURE_SIZE]);
/* 64 lower-case hex digits; false for anything else. */
bool signature_read(struct span hex, unsigned char out[SIGNATURE_SIZE]);
/* In constant time. */
bool signature_same(const unsigned char a[SIGNATURE_SIZE], const unsigned char b[SIGNATURE_SIZE]);

#endif
