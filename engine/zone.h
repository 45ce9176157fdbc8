/* Time zones by IANA name, read from the system's tz database. Any thread. */
#ifndef DW_ENGINE_ZONE_H
#define DW_ENGINE_ZONE_H

#include "engine/base.h"

bool zone_known(const char *name);
/* How far its clocks are ahead of UTC at a moment; 0 for a zone that is not known. */
int64_t zone_offset_ms(const char *name, int64_t at_ms);
/* Days since 1970-01-01 of a day in the proleptic Gregorian calendar; month and day count from 1. */
int64_t zone_days_of(int year, int month, int day);

#endif
