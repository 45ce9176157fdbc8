/* Attention is money too. A person's calls of the last hour are counted from the rows themselves, by an index that ends an
 * hour back, so it costs the same with ten open requests and with a hundred thousand. What has to wait has a durable timer of
 * its own; the first one that comes takes along everything that waits for the same person, and what meanwhile was decided,
 * paid or withdrawn is dropped from it: nobody is called for what is over. */
#include "engine/ping.h"

#include <stdio.h>
#include <string.h>

#include "engine/buf.h"
#include "engine/delegation.h"
#include "engine/effect.h"
#include "engine/policy_attention.h"
#include "engine/policy_request.h"
#include "engine/timer.h"
#include "engine/when.h"

enum { BUNDLE_MOST = 10, WAITING_MOST = 100, STATE_WAITS = 0, STATE_SENT = 1, STATE_BUNDLED = 2, STATE_DROPPED = 3 };

/* ---- when ---- */

static const char *zone_of(const struct person *who)
{
    return who->zone && who->zone[0] ? who->zone : "UTC";
}

/* When somebody with hours of their own is at work again: the first start of a working day that lies ahead. */
static int64_t work_from(const struct person *who, int64_t now_ms)
{
    int64_t start = now_ms;
    for (int ahead = 0; ahead <= 7 && start <= now_ms; ahead++) {
        struct civil c = when_civil(when_add_days(now_ms, ahead, zone_of(who)), zone_of(who));
        c.hour = who->hours.from / 60;
        c.minute = who->hours.from % 60;
        if (who->hours.days & (1u << c.weekday))
            start = when_of_civil(c, zone_of(who));
    }
    return start;
}

int64_t ping_quiet_until(const struct engine *e, const struct person *who)
{
    int from, to;
    if (who->hours.days)
        return person_at_work(who, e->now_ms) ? 0 : work_from(who, e->now_ms);
    if (!policy_quiet(e->policy, &from, &to))
        return 0;
    struct civil c = when_civil(e->now_ms, zone_of(who));
    int minute = c.hour * 60 + c.minute;
    bool quiet = from < to ? minute >= from && minute < to : minute >= from || minute < to;
    if (!quiet)
        return 0;
    int64_t day = minute < to ? e->now_ms : when_add_days(e->now_ms, 1, zone_of(who));
    c = when_civil(day, zone_of(who));
    c.hour = to / 60;
    c.minute = to % 60;
    int64_t end = when_of_civil(c, zone_of(who));
    return end > e->now_ms ? end : e->now_ms + MS_MINUTE;
}

/* When the hour has room for one more: now, or as soon as the oldest that fills it is an hour old. */
static int64_t room_from(struct engine *e, const char *person)
{
    int64_t at = store_i64(e->store, 0, "SELECT at_ms FROM pings WHERE person = ?1 AND state = 1 AND at_ms > ?2 ORDER BY at_ms DESC LIMIT 1 OFFSET ?3", "tii",
                           person, e->now_ms - MS_HOUR, (int64_t)policy_pings_per_hour(e->policy) - 1);
    return at ? at + MS_HOUR : e->now_ms;
}

static int64_t free_from(struct engine *e, const struct person *who)
{
    char deputy[APPROVAL_WORD];
    int64_t quiet = ping_quiet_until(e, who), room = room_from(e, who->key), away = away_until(e, who->key, deputy);
    quiet = away > quiet ? away : quiet;
    return quiet > room ? quiet : room;
}

static int64_t store_ping(struct engine *e, const struct ping *p, int state)
{
    store_run(e->store, "INSERT INTO pings (person, at_ms, case_id, ref, why, state) VALUES (?1,?2,?3,?4,?5,?6)", "tiitti", p->person, e->now_ms, p->case_id, p->ref,
              p->why, (int64_t)state);
    return store_last_id(e->store);
}

bool ping_take(struct engine *e, const struct ping *p)
{
    const struct person *who = people_by_key(e->people, p->person);
    int64_t from = who && !p->emergency ? free_from(e, who) : e->now_ms;
    bool now = from <= e->now_ms;
    int64_t id = store_ping(e, p, now ? STATE_SENT : STATE_WAITS);
    if (!now)
        timer_add(e, "ping", p->case_id, id, from);
    return now;
}

/* ---- what is said ---- */

void ping_line(struct engine *e, const struct recovery *r, const struct proposal *p, char *out, size_t size)
{
    char words[300], amount[MONEY_TEXT_SIZE];
    proposal_words(p, words, sizeof words);
    snprintf(out, size, "A-%lld %.80s: %s, %s, asked by %s, open until {ms:%lld}", (long long)p->id, r->name, words, money_text(amount, p->amount),
             person_name_of(e->people, p->requester), (long long)p->expires_ms);
}

void ping_sum_add(const struct engine *e, struct ping_sum *sum, struct money amount)
{
    struct money limit = {0};
    bool known = policy_small(e->policy, amount.currency, &limit);
    if (sum->requests++ == 0)
        sum->limit = limit;
    else if (!known || !str_eq(limit.currency, sum->limit.currency))
        sum->limit = (struct money){0};
    if (known && amount.minor < limit.minor)
        sum->small++;
}

void ping_sum_words(const struct ping_sum *sum, char *out, size_t size)
{
    char limit[MONEY_TEXT_SIZE];
    int n = snprintf(out, size, "%d request%s for you", sum->requests, sum->requests == 1 ? " waits" : "s wait");
    if (sum->small > 0 && sum->limit.currency[0] && n > 0 && (size_t)n < size)
        snprintf(out + n, size - (size_t)n, ", %d under %s", sum->small, money_text(limit, sum->limit));
}

static void send(struct engine *e, const char *person, int64_t case_id, int64_t ping_id, const char *text)
{
    const struct person *who = people_by_key(e->people, person);
    const struct chat_site *chat = who ? engine_chat_of(e, who) : NULL;
    if (!chat)
        return;
    const char *to = person_chat_id(who, chat->name);
    json_t *args = json_object();
    json_put(args, "channel", to);
    json_put(args, "text", text);
    AUTO_STR lane = str_fmt("%s:%s", chat->name, to);
    AUTO_STR key = str_fmt("ping-%lld", (long long)ping_id);
    effect_add(e, &(struct effect_spec){.lane = lane, .driver = chat->name, .op = "post", .key = key, .take_args = args, .case_id = case_id, .purpose = "ping"});
}

void ping_policy_line(struct engine *e, const struct policy_request *p, char *out, size_t size)
{
    snprintf(out, size, "P-%lld change of policy to %s, asked by %s, open until {ms:%lld}", (long long)p->id, p->version, person_name_of(e->people, p->requester),
             (long long)policy_request_until(e, p));
}

static bool policy_line(struct engine *e, const char *ref, struct ping_sum *sum, char *out, size_t size)
{
    struct policy_request *p = policy_request_load(e, strtoll(ref + 2, NULL, 10));
    bool waits = p && str_eq(p->state, "asked");
    if (waits) {
        ping_policy_line(e, p, out, size);
        sum->requests++;
    }
    policy_request_free(p);
    return waits;
}

/* One line about what waits; false when nobody has to look at it any more. */
static bool line_of(struct engine *e, const char *ref, int64_t case_id, struct ping_sum *sum, char *out, size_t size)
{
    if (ref[0] == 'P')
        return policy_line(e, ref, sum, out, size);
    struct recovery *r = recovery_load(e, case_id);
    struct proposal *p = r && ref[0] == 'A' ? proposal_load(e, strtoll(ref + 2, NULL, 10)) : NULL;
    bool waits = r && (ref[0] == 'A' ? p && p->state == PROPOSAL_ASKED : r->state != RECOVERY_CLOSED);
    if (waits && p) {
        ping_line(e, r, p, out, size);
        ping_sum_add(e, sum, p->amount);
    } else if (waits) {
        snprintf(out, size, "%s %.80s: %s", ref, r->name, r->next_step);
    }
    proposal_free(p);
    recovery_free(r);
    return waits;
}

void ping_send(struct engine *e, const struct ping *p)
{
    char line[700];
    struct ping_sum sum = {0};
    if (e->shadow || !ping_take(e, p) || !line_of(e, p->ref, p->case_id, &sum, line, sizeof line))
        return;
    AUTO_STR text = str_fmt("%s waits for you: %s.\nWhy you: %s. %s%s shows all of it; inbox lists everything that waits for you.", p->ref, line, p->why,
                            p->ref[0] == 'A' ? "The card with its buttons is in the approvals channel; status " : p->ref[0] == 'P' ? "The card of " : "status ", p->ref);
    send(e, p->person, p->case_id, store_i64(e->store, 0, "SELECT max(id) FROM pings WHERE person = ?1 AND state = 1", "t", p->person), text);
}

/* ---- bundles ---- */

struct bundle {
    struct buf text;
    struct ping_sum sum;
    int lines, others;
};

static void bundle_add(struct engine *e, struct bundle *b, int64_t id, const char *ref, int64_t case_id)
{
    char line[700];
    bool waits = line_of(e, ref, case_id, &b->sum, line, sizeof line);
    store_run(e->store, "UPDATE pings SET state = ?2, at_ms = ?3 WHERE id = ?1", "iii", id, (int64_t)(waits ? STATE_BUNDLED : STATE_DROPPED), e->now_ms);
    if (!waits)
        return;
    b->others += ref[0] != 'A' && ref[0] != 'P';
    if (b->lines++ < BUNDLE_MOST)
        buf_addf(&b->text, "\n%s", line);
}

static void collect(struct engine *e, struct bundle *b, const char *person)
{
    struct {
        int64_t id, case_id;
        char ref[32];
    } rows[WAITING_MOST];
    size_t n = 0;
    struct query *q = store_query(e->store, "SELECT id, case_id, ref FROM pings WHERE person = ?1 AND state = 0 ORDER BY id LIMIT ?2", "ti", person,
                                  (int64_t)WAITING_MOST);
    for (; query_next(q); n++) {
        rows[n].id = query_i64(q, 0);
        rows[n].case_id = query_i64(q, 1);
        str_copy(rows[n].ref, sizeof rows[n].ref, query_text(q, 2));
    }
    for (size_t i = 0; i < n; i++)
        bundle_add(e, b, rows[i].id, rows[i].ref, rows[i].case_id);
}

static void bundle_send(struct engine *e, const struct bundle *b, int64_t id, int64_t case_id, const char *person)
{
    char head[160] = "";
    if (b->sum.requests > 0)
        ping_sum_words(&b->sum, head, sizeof head);
    AUTO_STR also = b->others ? str_fmt("%s%d of your cases ask%s for a word", head[0] ? ", and " : "", b->others, b->others == 1 ? "s" : "") : str_dup("");
    AUTO_STR more = b->lines > BUNDLE_MOST ? str_fmt("\n... and %d more", b->lines - BUNDLE_MOST) : str_dup("");
    AUTO_STR text = str_fmt("%s%s%s%s%s\ninbox lists what waits for you at any time.", head, also, b->lines > 1 ? ": review together." : ":", buf_text(&b->text), more);
    store_run(e->store, "UPDATE pings SET state = ?2 WHERE id = ?1", "ii", id, (int64_t)STATE_SENT);
    send(e, person, case_id, id, text);
}

void ping_due(struct engine *e, int64_t id)
{
    struct query *q = store_query(e->store, "SELECT person, case_id, state FROM pings WHERE id = ?1", "i", id);
    if (!query_next(q))
        return;
    AUTO_STR person = str_dup(query_text(q, 0));
    int64_t case_id = query_i64(q, 1), state = query_i64(q, 2);
    query_end(q);
    const struct person *who = people_by_key(e->people, person);
    if (state != STATE_WAITS || !who)
        return;
    int64_t from = free_from(e, who);
    if (from > e->now_ms) {
        timer_add(e, "ping", case_id, id, from);
        return;
    }
    struct bundle b = {.text = BUF(16 << 10)};
    collect(e, &b, person);
    if (b.lines > 0)
        bundle_send(e, &b, id, case_id, person);
    buf_fini(&b.text);
}

char *ping_why(struct engine *e, const char *person, const char *ref)
{
    struct query *q = store_query(e->store, "SELECT why FROM pings WHERE ref = ?2 AND person = ?1 ORDER BY id DESC LIMIT 1", "tt", person, ref);
    char *why = str_dup(query_next(q) ? query_text(q, 0) : "");
    query_end(q);
    return why;
}
