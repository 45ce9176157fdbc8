/* Every write of every billing system, at every request: the answer lost after it was done, the request lost before, a 5xx either way, a
 * limit, "your first request still runs", the program killed on either side of the call, a day between, a request that arrives late.
 *
 *   walk BASE_URL SCENES.json SYSTEM [--all] [--only WORD] [--seed N] [--seeds N]
 *
 * Each operation first runs undisturbed; what the server's books say then is what "exactly once" means. Then it runs again with one
 * fault at its first request, its second, and so on until there is no further one; and with several faults at requests chosen by seed.
 * Whatever happened: an operation that ends as it did undisturbed must leave the same books and the same result; one that ends in
 * "it did not happen" must leave the books untouched, and may only do so where the request did not get there; and each must end. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/walk/walk.h"

enum { SEEDS = 2, SHOWN = 360 };

static const struct fault faults[] = {
    {.name = "lost before it was done", .transport = TRANSPORT_LOST, .may_refuse = true, .often = true},
    {.name = "lost after it was done", .done = true, .transport = TRANSPORT_LOST, .writes_only = true},
    {.name = "it arrives late", .late = true, .transport = TRANSPORT_LOST, .writes_only = true},
    {.name = "lost after it was done, reads lag", .done = true, .lag = true, .transport = TRANSPORT_LOST, .writes_only = true},
    {.name = "500 before", .status = 500, .may_refuse = true},
    {.name = "500 after", .done = true, .status = 500, .writes_only = true},
    {.name = "503 before", .status = 503, .may_refuse = true, .writes_only = true},
    {.name = "no JSON, after", .done = true, .status = 200, .writes_only = true},
    {.name = "429", .status = 429},
    {.name = "not sent", .transport = TRANSPORT_NOT_SENT, .writes_only = true},
    {.name = "busy, nothing done", .busy = true, .writes_only = true},
    {.name = "busy, and the first one did it", .busy = true, .done = true, .writes_only = true},
    {.name = "busy, the first one did it, and a day goes by", .busy = true, .done = true, .day = true, .writes_only = true},
    {.name = "not sent, and a day goes by", .transport = TRANSPORT_NOT_SENT, .day = true, .may_refuse = true, .writes_only = true},
    {.name = "killed before it left", .dies = true, .may_refuse = true, .often = true},
    {.name = "killed after it was done", .dies = true, .done = true, .writes_only = true},
    {.name = "killed before it left, started a day later", .dies = true, .day = true, .may_refuse = true, .writes_only = true},
    {.name = "killed after it was done, started a day later", .dies = true, .done = true, .day = true, .writes_only = true},
    {.name = "killed, and it arrives late", .dies = true, .late = true, .writes_only = true},
};

struct walk {
    struct rig *rig;
    const json_t *system, *operation;
    const char *title;
    struct run usual; /* the operation undisturbed */
    bool all;
    int runs, writes, failed, seeds;
    int64_t seed;
};

/* --- what must come of it --- */

static void say_differs(const char *what, const char *is, const char *ought)
{
    size_t at = 0;
    while (is[at] && is[at] == ought[at])
        at++;
    at = at > 60 ? at - 60 : 0;
    printf("    %s: ..%.*s\n    undisturbed: ..%.*s\n", what, SHOWN, is + at, SHOWN, ought + at);
}

/* What an operation tells of itself, without links, remarks and mere words. */
static char *told(const struct run *r)
{
    AUTO_JSON copy = r->result ? json_deep_copy(r->result) : json_null();
    json_t *decline = json_object_get(copy, "decline");
    static const char *const passing[] = {"note", "url", "expires_at_ms", "text", "advice", "network_code"};
    for (size_t i = 0; i < DW_ARRAY_LEN(passing); i++) {
        json_object_del(copy, passing[i]);
        json_object_del(decline, passing[i]); /* its code and class decide; where it is read tells more words, or fewer */
    }
    return books_text(copy);
}

static bool once(const struct walk *w, const struct run *r)
{
    AUTO_STR is = told(r);
    AUTO_STR ought = told(&w->usual);
    bool same = str_eq(r->after, w->usual.after) && str_eq(is, ought);
    if (!same && !str_eq(r->after, w->usual.after))
        say_differs("the books", r->after, w->usual.after);
    if (!same && !str_eq(is, ought))
        say_differs("the result", is, ought);
    return same;
}

static bool not_at_all(const struct run *r, bool allowed)
{
    if (!str_eq(r->after, r->before))
        say_differs("refused, but the books changed", r->after, r->before);
    else if (!allowed)
        printf("    refused, although it can be known that it is done\n");
    return allowed && str_eq(r->after, r->before);
}

static bool as_it_must(const struct walk *w, const struct run *r, bool may_refuse)
{
    if (r->violations)
        printf("    what was sent was wrong: %.300s\n", r->violations);
    else if (!r->ended)
        printf("    it does not end (%d requests)\n", r->requests);
    else if (r->done && may_refuse && json_flag(w->operation, "noted", false) && json_str(r->result, "note", NULL))
        return true; /* it says what a person has to do */
    else if (r->done == w->usual.done && (r->done || str_eq(r->after, w->usual.after)))
        return once(w, r);
    else if (!r->done)
        return not_at_all(r, may_refuse);
    else
        printf("    done, although undisturbed it is refused\n");
    return false;
}

static void disturbed(struct walk *w, const struct planned *plan, size_t n, const char *how)
{
    struct run r;
    bool may_refuse = false;
    for (size_t i = 0; i < n; i++) /* done, and the books are as before: it was refused there, so to say no is right */
        may_refuse |= plan[i].fault->may_refuse || plan[i].fault->done || plan[i].fault->late;
    rig_run(w->rig, w->operation, plan, n, &r);
    w->runs++;
    if (!as_it_must(w, &r, may_refuse)) {
        w->failed++;
        printf("FAIL  %s%s:", w->title, how);
        for (size_t i = 0; i < n; i++)
            printf(" %s at request %d (%s);", plan[i].fault->name, plan[i].at, plan[i].at <= r.requests ? r.path[plan[i].at] : "not reached");
        printf(" it ended: %s %s\n", !r.ended ? "never" : r.done ? "done" : "refused", r.reason);
    }
    run_fini(&r);
}

/* --- which faults, where --- */

static bool fits(const struct walk *w, const struct fault *f, bool write)
{
    if (f->busy && !json_at(w->system, "busy"))
        return false; /* a vendor without keys has no such word */
    if (f->lag && !json_flag(w->system, "lag", false))
        return false;
    return write || (!f->writes_only && (f->often || w->all));
}

static void one_by_one(struct walk *w)
{
    for (int at = 1; at <= w->usual.requests; at++)
        for (size_t i = 0; i < DW_ARRAY_LEN(faults); i++)
            if (fits(w, &faults[i], w->usual.write[at]))
                disturbed(w, &(struct planned){at, &faults[i]}, 1, "");
}

/* xorshift: the same faults for the same seed, everywhere. */
static uint64_t dice(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* Two or three faults, also after the requests of an undisturbed run: while it is being looked. */
static void several(struct walk *w, int64_t seed)
{
    struct planned plan[PLAN_MAX];
    uint64_t state = (uint64_t)seed * UINT64_C(0x9E3779B97F4A7C15) + 1;
    for (const char *p = w->title; *p; p++)
        state = (state ^ (unsigned char)*p) * UINT64_C(0x100000001B3);
    size_t n = 2 + dice(&state) % 2, have = 0;
    while (have < n) {
        int at = 1 + (int)(dice(&state) % (uint64_t)(w->usual.requests + 3));
        const struct fault *f = &faults[dice(&state) % DW_ARRAY_LEN(faults)];
        bool free_place = true; /* and one delay is enough: what comes late and is seen later still is beyond any patience */
        for (size_t i = 0; i < have; i++)
            free_place &= plan[i].at != at && !((plan[i].fault->late || plan[i].fault->lag) && (f->late || f->lag));
        if (free_place && fits(w, f, true))
            plan[have++] = (struct planned){at, f};
    }
    AUTO_STR how = str_fmt(" (seed %lld)", (long long)seed);
    disturbed(w, plan, n, how);
}

/* --- the operations of a system --- */

static void walk_operation(struct walk *w, const json_t *operation, bool by_seed_only)
{
    AUTO_STR title = str_fmt("%s %s", json_str(w->system, "driver", ""), json_str(operation, "name", ""));
    int runs = w->runs, writes = 0;
    w->operation = operation;
    w->title = title;
    rig_run(w->rig, operation, NULL, 0, &w->usual);
    for (int i = 1; i <= w->usual.requests; i++)
        writes += w->usual.write[i];
    bool wanted = json_flag(operation, "refused", false) ? !w->usual.done : w->usual.done;
    if (!w->usual.ended || !wanted || w->usual.violations || writes == 0) {
        printf("FAIL  %s, undisturbed: %s %s, %d writes %s\n", title, w->usual.done ? "done" : "refused", w->usual.reason, writes,
               w->usual.violations ? w->usual.violations : "");
        w->failed++;
    } else {
        if (!by_seed_only)
            one_by_one(w);
        for (int64_t seed = w->seed; seed < w->seed + w->seeds; seed++)
            several(w, seed);
    }
    w->writes += writes;
    printf("%-34s %2d requests, %d writes, %4d runs\n", title, w->usual.requests, writes, w->runs - runs);
    fflush(stdout);
    run_fini(&w->usual);
}

/* Every writing operation that the driver declares must be among the scenes: a new one cannot be forgotten. */
static void all_there(struct walk *w, const json_t *operations)
{
    static const char *const writing[] = {"hold", "release", "plan", "unplan", "collect", "link", "credit", "write_off", "defer", "note"};
    const struct driver *d = driver_find(DRIVER_BILLING, json_str(w->system, "driver", ""));
    for (const struct capability *c = d ? d->capabilities : NULL; c && c->op; c++)
        for (size_t i = 0; i < DW_ARRAY_LEN(writing); i++) {
            const json_t *row, *without = json_object_get(w->system, "without_writes");
            bool there = !str_eq(c->op, writing[i]) || str_eq(c->how, "manual") || str_eq(c->how, "none") || json_object_get(without, c->op);
            size_t k;
            json_array_foreach(operations, k, row)
                there |= str_eq(json_str(row, "op", ""), c->op);
            if (!there) {
                printf("FAIL  %s: no scene for %s, which the driver declares %s\n", d->name, c->op, c->how);
                w->failed++;
            }
        }
}

static void walk_system(struct walk *w, const char *only, bool by_seed_only)
{
    const json_t *operations = json_object_get(w->system, "operations"), *operation;
    size_t i;
    if (!only)
        all_there(w, operations);
    json_array_foreach(operations, i, operation)
        if (!only || str_eq(only, json_str(operation, "name", "")))
            walk_operation(w, operation, by_seed_only);
    if (w->runs == 0)
        w->failed++;
}

static void remove_folder(const char *folder)
{
    static const char *const files[] = {"walk.db", "walk.db-wal", "walk.db-shm", "walk.db.lock", "walk.db-journal"};
    for (size_t i = 0; i < DW_ARRAY_LEN(files); i++) {
        AUTO_STR path = str_fmt("%s/%s", folder, files[i]);
        unlink(path);
    }
    rmdir(folder);
}

int main(int argc, char **argv)
{
    struct walk w = {.seeds = SEEDS, .seed = 1};
    const char *only = NULL;
    bool by_seed_only = false;
    if (argc < 4) {
        fprintf(stderr, "usage: walk BASE_URL SCENES.json SYSTEM [--all] [--only NAME] [--seed N] [--seeds N]\n");
        return 2;
    }
    for (int i = 4; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        w.all |= str_eq(argv[i], "--all");
        only = str_eq(argv[i], "--only") ? value : only;
        w.seeds = str_eq(argv[i], "--seeds") ? (int)strtol(value, NULL, 10) : w.seeds;
        if (str_eq(argv[i], "--seed")) {
            w.seed = strtoll(value, NULL, 10);
            w.seeds = 1;
            by_seed_only = true;
        }
    }
    AUTO_JSON scenes = json_load_file(argv[2], 0, NULL);
    struct stat st;
    AUTO_STR folder = str_fmt("%s/dunwell-walk-XXXXXX", stat("/dev/shm", &st) == 0 && access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    w.system = json_object_get(scenes, argv[3]);
    if (!w.system || !mkdtemp(folder)) {
        fprintf(stderr, "no scenes for %s\n", argv[3]);
        return 2;
    }
    curl_global_init(CURL_GLOBAL_DEFAULT);
    w.rig = rig_new(argv[1], w.system, folder);
    walk_system(&w, only, by_seed_only);
    rig_free(w.rig);
    curl_global_cleanup();
    remove_folder(folder);
    printf("%s: %d runs, %d failed\n", argv[3], w.runs, w.failed);
    return w.failed ? 1 : 0;
}
