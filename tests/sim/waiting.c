/* What must hold of requests that wait for people: each mark is said once, nothing is said of what is over, nobody's call is
 * forgotten, and what decides is what the journal says. */
#include "engine/receipt.h"
#include "tests/sim/sim.h"

static void no_row(struct sim *s, const char *sql, const char *what)
{
    sim_check(s, store_i64(s->store, -1, sql, "") == 0, what);
}

void invariants_of_waiting(struct sim *s)
{
    no_row(s, "SELECT count(*) FROM proposals p WHERE state = 2 AND NOT EXISTS (SELECT 1 FROM timers t WHERE t.kind = 'expire' AND t.ref = p.id)",
           "a request that is asked has its end ahead");
    no_row(s, "SELECT count(*) FROM (SELECT ref FROM journal WHERE verb = 'request.escalated' GROUP BY ref HAVING count(*) > 1) AS twice",
           "a step of escalation is taken once");
    no_row(s, "SELECT count(*) FROM (SELECT ref FROM journal WHERE verb = 'request.reminded' GROUP BY ref HAVING count(*) > 3) AS often",
           "a mark is reminded of once");
    no_row(s,
           "SELECT count(*) FROM journal j WHERE verb IN ('request.reminded', 'request.escalated') AND EXISTS (SELECT 1 FROM journal d WHERE d.ref = j.ref AND "
           "d.seq < j.seq AND (d.verb LIKE '%.parked' OR d.verb LIKE '%.withdrawn' OR d.verb LIKE '%.voided' OR d.verb LIKE '%.queued' OR d.verb LIKE '%.declined'))",
           "nobody is reminded of what is over");
    no_row(s,
           "SELECT count(*) FROM pings g WHERE state = 0 AND NOT EXISTS (SELECT 1 FROM timers t WHERE t.kind = 'ping' AND t.ref = g.id) AND EXISTS (SELECT 1 FROM "
           "recoveries r WHERE r.id = g.case_id AND r.is_open = 1)",
           "a call that waits goes out some time");
    no_row(s, "SELECT count(*) FROM waiting w JOIN proposals p ON p.id = w.reopens WHERE p.state <> 5", "what is asked again was parked");
}

void invariants_of_seals(struct sim *s)
{
    struct err e = {0};
    sim_check(s, seals_verify(s->store, &e) == 0, e.text);
}
