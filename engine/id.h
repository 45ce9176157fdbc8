/* Identifiers. ULIDs (26 characters, time first) from the world's clock and randomness, so the simulator repeats them. */
#ifndef DW_ENGINE_ID_H
#define DW_ENGINE_ID_H

#include "engine/base.h"

#define ULID_SIZE 27
void id_ulid(char out[ULID_SIZE], int64_t now_ms, uint64_t random_hi, uint64_t random_lo);

/* "A-17" or "a17" or "17" with the letter wanted; 0 when it is none. */
int64_t id_number(const char *text, char letter);

#endif
