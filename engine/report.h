/* Figures about approvals: who was asked and decided, how fast, and how it ended. Reads only; works on a store that was opened
 * for reading, beside a running Dunwell. */
#ifndef DW_ENGINE_REPORT_H
#define DW_ENGINE_REPORT_H

#include "engine/engine.h"

/* Of decisions between two moments, for each person and kind, in the order of keys: {"from_ms", "to_ms", "rows": [{"person",
 * "kind", "asked", "decided", "approved", "declined", "countered", "emergency", "hasty", "overturned", "median_ms", "p90_ms",
 * "kept", "broken"}...], "kinds": [{"kind", "asked", "parked", "reopened", "withdrawn"}...], "emergencies": [{"person", "ref",
 * "reason", "at_ms", "receipt"}...]}. New.
 *   asked      requests this person was asked for by name     hasty  within 5 s of being asked, with the details unopened
 *   overturned approved, and then failed, void, withdrawn or undone         kept, broken  plans they approved that have ended */
json_t *report_approvals(struct store *s, int64_t from_ms, int64_t to_ms);

/* Posts the week's summary when its time has come (policy: reports.weekly), once a week, whatever restarts in between. */
void report_look(struct engine *e);
void report_weekly(struct engine *e);

#endif
