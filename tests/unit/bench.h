/* A bench for the engine's parts: an engine on a store of its own, a clock that is set by hand, and one driver whose steps
 * are written down beforehand. What the driver was asked, and what it was told, is counted. */
#ifndef DW_TESTS_BENCH_H
#define DW_TESTS_BENCH_H

#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "engine/effect.h"
#include "engine/inbox.h"
#include "engine/journal.h"
#include "engine/when.h"

#define BENCH_NOW INT64_C(1798000000000)

struct bench {
    struct engine e;
    struct store *store;
    char dir[64];
    int64_t now_ms;
    enum outcome next;      /* what the driver answers to the next step */
    int64_t retry_at_ms;
    int steps, lost_seen, told; /* asked; asked with a lost answer; ends that were told */
    char last_key[64], ended[64];
    bool ended_well, writes;
};

static int64_t bench_now(void *ctx)
{
    return ((struct bench *)ctx)->now_ms;
}

static uint64_t bench_random(void *ctx)
{
    (void)ctx;
    return 7;
}

static void bench_step(void *ctx, const struct job *job, const struct http_response *previous, struct step *out)
{
    struct bench *b = ctx;
    b->steps++;
    b->lost_seen += previous && previous->transport == TRANSPORT_LOST;
    str_copy(b->last_key, sizeof b->last_key, job->key);
    out->outcome = b->next;
    out->retry_at_ms = b->retry_at_ms;
    str_copy(out->reason, sizeof out->reason, "so the driver says");
    if (b->next == STEP_HTTP) {
        out->request.write = b->writes;
        out->stage = json_object();
        json_put_i64(out->stage, "step", b->steps);
    } else if (b->next == STEP_DONE) {
        out->result = json_object();
    }
}

static void bench_ended(void *ctx, struct engine *e, const struct chat_end *end)
{
    struct bench *b = ctx;
    (void)e;
    b->told++;
    b->ended_well = end->result != NULL;
    str_copy(b->ended, sizeof b->ended, end->reason);
}

/* "thin" is a biller whose events name no customer. */
static const char *bench_capability(void *ctx, const char *biller, const char *op, const char **note)
{
    (void)ctx;
    *note = "";
    return str_eq(op, "resolve") && !str_eq(biller, "thin") ? "none" : "native";
}

DW_UNUSED static void bench_start(struct bench *b)
{
    AUTO_STR url = str_fmt("sqlite:%s/bench.db", b->dir);
    const struct world world = {.ctx = b, .now_ms = bench_now, .random = bench_random, .step = bench_step, .capability = bench_capability, .chat_ended = bench_ended};
    struct err e = {0};
    if (store_open(&b->store, url, false, &e) != 0)
        fail_msg("%s", e.text);
    engine_init(&b->e, b->store, &world);
}

DW_UNUSED static void bench_stop(struct bench *b)
{
    engine_fini(&b->e);
    store_close(b->store);
}

DW_UNUSED static void bench_open(struct bench *b)
{
    *b = (struct bench){.now_ms = BENCH_NOW, .next = STEP_DONE};
    str_copy(b->dir, sizeof b->dir, "/tmp/dunwell-bench-XXXXXX");
    assert_non_null(mkdtemp(b->dir));
    bench_start(b);
}

DW_UNUSED static void bench_remove(const struct bench *b)
{
    static const char *const files[] = {"bench.db", "bench.db-wal", "bench.db-shm", "bench.db.lock", "bench.db-journal"};
    for (size_t i = 0; i < DW_ARRAY_LEN(files); i++) {
        AUTO_STR path = str_fmt("%s/%s", b->dir, files[i]);
        unlink(path);
    }
    rmdir(b->dir);
}

DW_UNUSED static void bench_close(struct bench *b)
{
    bench_stop(b);
    bench_remove(b);
}

DW_UNUSED static void bench_begin(struct bench *b)
{
    store_begin(b->store);
    engine_begin(&b->e);
}

DW_UNUSED static void bench_commit(struct bench *b)
{
    struct err e = {0};
    if (store_commit(b->store, &e) != 0)
        fail_msg("%s", e.text);
}

DW_UNUSED static int64_t bench_add(struct bench *b, const char *lane, const char *key)
{
    bench_begin(b);
    int64_t id = effect_add(&b->e, &(struct effect_spec){.lane = lane, .driver = "peer", .op = "post", .key = key});
    bench_commit(b);
    return id;
}

/* One turn of the outbox; how many calls are to leave. */
DW_UNUSED static size_t bench_run(struct bench *b)
{
    struct calls calls = {0};
    bench_begin(b);
    effects_start(&b->e, &calls, 64);
    bench_commit(b);
    size_t n = calls.n;
    calls_free(&calls);
    return n;
}

DW_UNUSED static size_t bench_answer(struct bench *b, int64_t id, enum transport transport, int status)
{
    struct calls calls = {0};
    struct http_response r;
    http_response_init(&r);
    r.transport = transport;
    r.status = status;
    bench_begin(b);
    effect_answered(&b->e, id, &r, &calls);
    bench_commit(b);
    size_t n = calls.n;
    calls_free(&calls);
    http_response_fini(&r);
    return n;
}

DW_UNUSED static int64_t bench_state(struct bench *b, int64_t id)
{
    return store_i64(b->store, -1, "SELECT state FROM effects WHERE id = ?1", "i", id);
}

/* SQL that no part of the engine runs: what a vandal, or an older time, might have left. */
DW_UNUSED static void bench_sql(struct bench *b, const char *sql)
{
    AUTO_STR path = str_fmt("%s/bench.db", b->dir);
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 2000);
    char *why = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
        fail_msg("%s: %s", sql, why);
    sqlite3_close(db);
}

#endif
