/* The whole of Dunwell in one thread under a virtual clock, with a peer that misbehaves by seed.
 *
 * The real turn, engine, commands, cards and drivers run; the sandbox billing peer keeps its own memory through every crash, as
 * a vendor would. Between a call and its answer anything may happen: it never arrives, the answer is lost after the effect,
 * it comes late, twice, out of order, or the process dies with calls in flight. People click at random, twice, late, without
 * the right. After every turn the invariants (invariants.c) are checked; a failure prints the seed.
 *
 *   sim --seeds N [--first SEED] [--steps N]      sim --seed SEED --trace */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapters/chat/console.h"
#include "bot/log.h"
#include "engine/when.h"
#include "tests/sim/sim.h"

static bool tracing;

uint64_t sim_random(struct sim *s)
{
    s->rng ^= s->rng << 13; /* xorshift64 */
    s->rng ^= s->rng >> 7;
    s->rng ^= s->rng << 17;
    return s->rng;
}

static int pick(struct sim *s, int n)
{
    return (int)(sim_random(s) % (uint64_t)n);
}

static bool chance(struct sim *s, int percent)
{
    return pick(s, 100) < percent;
}

static void trace(struct sim *s, const char *what, const char *detail)
{
    char at[WHEN_TEXT_SIZE];
    if (tracing)
        printf("%s  %-12s %s\n", when_rfc3339(at, s->now_ms), what, detail);
}

static int64_t clock_now(void *ctx)
{
    return ((struct sim *)ctx)->now_ms;
}

static uint64_t clock_random(void *ctx)
{
    return sim_random(ctx);
}

/* ---- process ---- */

static void process_start(struct sim *s)
{
    struct err e;
    struct problems p = {0};
    struct world clock = {.ctx = s, .now_ms = clock_now, .random = clock_random};
    AUTO_STR url = str_fmt("sqlite:%s/store.db", s->folder);
    sim_check(s, store_open(&s->store, url, false, &e) == 0, "the store opens again");
    s->turn = turn_new(s->config, s->store, &clock, &p);
    sim_check(s, s->turn != NULL, p.n ? p.lines[0] : "the turn starts");
    problems_free(&p);
}

static void process_stop(struct sim *s)
{
    turn_free(s->turn);
    store_close(s->store);
    s->turn = NULL;
    s->store = NULL;
}

/* Calls that were out may or may not reach the peer; what they answer nobody hears. */
static void process_crash(struct sim *s)
{
    trace(s, "CRASH", "");
    for (size_t i = 0; i < s->n_flights; i++)
        if (!s->flights[i].executed && chance(s, 50))
            sim_execute(s, &s->flights[i]);
    for (size_t i = 0; i < s->n_flights; i++)
        flight_fini(&s->flights[i]);
    s->n_flights = 0;
    process_stop(s);
    process_start(s);
}

/* ---- the wire ---- */

void flight_fini(struct flight *f)
{
    http_request_fini(&f->request);
    http_response_fini(&f->response);
}

void sim_execute(struct sim *s, struct flight *f)
{
    const struct driver_config *d = config_driver(s->config, f->driver);
    f->executed = true;
    d->driver->serve(str_eq(f->driver, "sandbox") ? s->sandbox : s->console, &f->request, s->now_ms, &f->response);
    if (tracing)
        printf("%*s%s %s -> %d\n", 28, "", f->request.method, f->request.url, f->response.status);
}

static void fly(struct sim *s, struct call *call)
{
    sim_check(s, s->n_flights < DW_ARRAY_LEN(s->flights), "calls in flight are bounded");
    struct flight *f = &s->flights[s->n_flights++];
    *f = (struct flight){.effect_id = call->effect_id, .request = call->request, .executes_ms = s->now_ms + pick(s, 900)};
    str_copy(f->driver, sizeof f->driver, call->driver);
    http_request_init(&call->request);
    http_response_init(&f->response);
    invariant_on_call(s, f);
    f->answers_ms = f->executes_ms + pick(s, 1500);
    int fate = s->calm ? 99 : pick(s, 100);
    f->fate = fate < 5 ? FATE_NOT_SENT : fate < 10 ? FATE_LOST_BEFORE : fate < 18 ? FATE_LOST_AFTER : fate < 22 ? FATE_BUSY : fate < 26 ? FATE_TWICE : FATE_GOOD;
}

static void answer_as(struct flight *f, enum transport transport, int status)
{
    http_response_fini(&f->response);
    http_response_init(&f->response);
    f->response.transport = transport;
    f->response.status = status;
    f->response.retry_after_ms = status == 429 ? 2000 : -1;
}

static void deliver_webhooks(struct sim *s);

/* What has arrived by now: peers act, answers come back. */
static size_t arrivals(struct sim *s, struct input *inputs, size_t most)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n_flights; i++) {
        struct flight *f = &s->flights[i];
        bool reaches = f->fate == FATE_GOOD || f->fate == FATE_LOST_AFTER || f->fate == FATE_TWICE;
        if (!f->executed && reaches && f->executes_ms <= s->now_ms)
            sim_execute(s, f);
    }
    for (size_t i = 0; i < s->n_flights && n < most;) {
        struct flight *f = &s->flights[i];
        if (f->answers_ms > s->now_ms) {
            i++;
            continue;
        }
        if (f->fate == FATE_NOT_SENT)
            answer_as(f, TRANSPORT_NOT_SENT, 0);
        else if (f->fate == FATE_LOST_BEFORE || f->fate == FATE_LOST_AFTER)
            answer_as(f, TRANSPORT_LOST, 0);
        else if (f->fate == FATE_BUSY)
            answer_as(f, TRANSPORT_OK, 429);
        invariant_on_answer(s, f);
        inputs[n] = (struct input){.kind = INPUT_RESPONSE, .effect_id = f->effect_id, .response = f->response};
        http_response_init(&f->response);
        n++;
        flight_fini(f);
        s->flights[i] = s->flights[--s->n_flights];
    }
    return n;
}

static void run_turn(struct sim *s, struct input *inputs, size_t n)
{
    struct err e;
    struct outputs out = {0};
    int rc = turn_run(s->turn, inputs, n, &out, &e);
    sim_check(s, rc == 0, "a turn commits");
    for (size_t i = 0; i < n; i++)
        input_fini(&inputs[i]);
    for (size_t i = 0; i < out.n; i++) {
        struct output *o = &out.list[i];
        if (o->kind == OUTPUT_CALL)
            fly(s, &o->call);
        else if (o->kind == OUTPUT_ANSWER)
            s->acknowledged += o->status == 200;
        else if (tracing)
            printf("%*s%.*s\n", 28, "", (int)(o->text.n < 200 ? o->text.n : 200), buf_text(&o->text));
    }
    outputs_free(&out);
    invariants_after_turn(s);
}

static void turn_with_arrivals(struct sim *s)
{
    struct input inputs[64];
    size_t n = arrivals(s, inputs, DW_ARRAY_LEN(inputs));
    deliver_webhooks(s);
    run_turn(s, inputs, n);
}

/* ---- what the world does ---- */

static void webhook(struct sim *s, struct span body, bool again)
{
    struct err e;
    struct input in = {.kind = INPUT_WEBHOOK, .biller = config_driver(s->config, "sandbox")};
    buf_init(&in.body, 1 << 20);
    buf_add(&in.body, body.p, body.n);
    sim_check(s, in.biller->driver->event(in.biller, body, &in.event, &e) == 0, "the sandbox's event parses");
    trace(s, again ? "webhook x2" : "webhook", in.event.type);
    invariant_on_webhook(s, in.event.id);
    run_turn(s, &in, 1);
}

static void deliver_webhooks(struct sim *s)
{
    AUTO_BUF body = BUF(1 << 20);
    while (buf_clear(&body), sandbox_driver.next_event(s->sandbox, &body)) {
        struct span text = {.p = body.p, .n = body.n};
        if (chance(s, 3) && !s->calm)
            continue; /* lost on the way: the account is read again anyway by the next one */
        webhook(s, text, false);
        if (chance(s, 15))
            webhook(s, text, true);
    }
}

static void control(struct sim *s, const char *path, json_t *take_body)
{
    struct http_request request;
    struct http_response response;
    http_request_init(&request);
    http_response_init(&response);
    str_copy(request.method, sizeof request.method, "POST");
    request.url = str_fmt("sandbox:///_control/%s", path);
    AUTO_STR text = json_text(take_body);
    json_decref(take_body);
    buf_adds(&request.body, text);
    trace(s, path, text);
    sandbox_driver.serve(s->sandbox, &request, s->now_ms, &response);
    http_request_fini(&request);
    http_response_fini(&response);
}

static const char *const people[] = {"ae1", "ae2", "collector1", "manager1", "manager2", "finance1", "operator1", "stranger"};
static const char *const accounts[] = {"northwind", "small", "mid", "yen", "nobook"};

static void say(struct sim *s, const char *who, const char *text, const char *dedupe)
{
    struct input in = {.kind = INPUT_CHAT, .chat_driver = config_driver(s->config, "console")};
    chat_input_init(&in.chat);
    in.chat.kind = CHAT_COMMAND;
    in.chat.platform = str_dup("console");
    in.chat.envelope = str_dup(dedupe);
    in.chat.dedupe = str_dup(dedupe);
    in.chat.user = str_dup(who);
    in.chat.channel = str_dup("console");
    in.chat.text = str_dup(text);
    in.chat.takes_answer = true;
    AUTO_STR line = str_fmt("%s: %s", who, text);
    trace(s, "says", line);
    run_turn(s, &in, 1);
}

static void command(struct sim *s)
{
    const char *account = accounts[pick(s, DW_ARRAY_LEN(accounts))], *who = people[pick(s, DW_ARRAY_LEN(people))];
    int64_t a = 1 + pick(s, (int)store_i64(s->store, 0, "SELECT coalesce(max(id), 0) FROM proposals", "") + 2);
    int64_t last = store_i64(s->store, 0, "SELECT coalesce(max(id), 1) FROM proposals WHERE state = 2", "");
    int64_t newest = store_i64(s->store, 1, "SELECT max(id) FROM proposals WHERE state = 8", "");
    char day[WHEN_TEXT_SIZE];
    when_iso_day(day, s->now_ms + (1 + pick(s, 40)) * MS_DAY, NULL);
    AUTO_STR texts[] = {str_fmt("claim %s", account),
                        str_fmt("plan %s %dx from %s why renewal in flight", account, 1 + pick(s, 8), day),
                        str_fmt("plan %s %dx from %s why renewal in flight", account, 1 + pick(s, 3), day),
                        str_fmt("approve A-%lld", (long long)a),
                        str_fmt("approve A-%lld", (long long)a),
                        str_fmt("decline A-%lld not now", (long long)a),
                        str_fmt("counter A-%lld %dx", (long long)a, 1 + pick(s, 5)),
                        str_fmt("withdraw A-%lld", (long long)a),
                        str_fmt("reopen A-%lld", (long long)a),
                        str_fmt("reopen A-%lld", (long long)a),
                        str_dup("inbox"),
                        str_fmt("approvals %s", who),
                        str_fmt("undo A-%lld", (long long)newest),
                        str_fmt("undo A-%lld", (long long)newest),
                        str_fmt("hold %s until %s why call them first", account, day),
                        str_fmt("promise %s %d by %s", account, 1 + pick(s, 500), day),
                        str_fmt("dispute %s wrong amount", account),
                        str_fmt("link %s", account),
                        str_fmt("retry %s", account),
                        str_fmt("resume %s", account),
                        str_fmt("credit %s %d why two days of downtime", account, 1 + pick(s, 900)),
                        str_fmt("writeoff %s why they are bankrupt", account),
                        str_fmt("settle %s %d by %s why they are closing down", account, 100 + pick(s, 5000), day),
                        str_fmt("defer %s until %s why they get paid then", account, day),
                        str_fmt("approve A-%lld", (long long)last),
                        str_fmt("approve A-%lld", (long long)last),
                        str_fmt("notmine %s", account),
                        str_fmt("note %s they pay on friday", account),
                        str_fmt("status %s", account),
                        str_fmt("history %s", account),
                        str_dup("queue"),
                        str_dup("holds")};
    const char *text = texts[pick(s, DW_ARRAY_LEN(texts))];
    AUTO_STR dedupe = str_fmt("click-%d", s->clicks++);
    say(s, who, text, dedupe);
    if (chance(s, 15))
        say(s, who, text, dedupe); /* redelivered */
    if (chance(s, 10)) {
        AUTO_STR twice = str_fmt("click-%d", s->clicks++);
        say(s, who, text, twice); /* clicked twice */
    }
    for (size_t i = 1; i < DW_ARRAY_LEN(texts); i++)
        free(STEAL(texts[i])); /* the attribute frees the first only */
}

/* What a customer who settles does: a part of one invoice, as it comes. */
static void pay_part(struct sim *s)
{
    AUTO_STR customer = str_fmt("sbx_%s", accounts[pick(s, DW_ARRAY_LEN(accounts))]);
    control(s, "pay", json_pack("{s:s, s:i}", "customer", customer, "amount", 10000 + pick(s, 200000)));
}

static void some_turns(struct sim *s, int most)
{
    for (int k = pick(s, most); k > 0; k--) {
        s->now_ms += pick(s, 1500);
        turn_with_arrivals(s);
    }
}

static void say_once(struct sim *s, const char *who, const char *text)
{
    AUTO_STR dedupe = str_fmt("click-%d", s->clicks++);
    say(s, who, text, dedupe);
}

/* People who mean it: a collector asks for what can be asked of an open case, with the facts read again if need be, and somebody who
 * may decides. Whatever the world does in between is up to the seed. */
static void deal(struct sim *s)
{
    int64_t cases = store_i64(s->store, 0, "SELECT count(*) FROM recoveries WHERE is_open = 1 AND due > 0", "");
    struct query *q = store_query(s->store, "SELECT id, due, currency, customer FROM recoveries WHERE is_open = 1 AND due > 0 ORDER BY id LIMIT 1 OFFSET ?1", "i",
                                  cases ? (int64_t)pick(s, (int)cases) : 0);
    if (!query_next(q))
        return;
    int64_t id = query_i64(q, 0);
    struct money due = money_of(query_i64(q, 1), query_text(q, 2)), part = due;
    AUTO_STR customer = str_dup(query_text(q, 3));
    query_end(q);
    char amount[MONEY_TEXT_SIZE], day[WHEN_TEXT_SIZE];
    part.minor = due.minor / 100 * (5 + pick(s, 90)) + 1;
    money_decimal(amount, part);
    when_iso_day(day, s->now_ms + (1 + pick(s, 20)) * MS_DAY, NULL);
    AUTO_STR credit = str_fmt("credit N-%lld %s why two days of downtime", (long long)id, amount);
    AUTO_STR settle = str_fmt("settle N-%lld %s by %s why they are closing down", (long long)id, amount, day);
    AUTO_STR all = str_fmt("writeoff N-%lld why they are bankrupt", (long long)id);
    AUTO_STR defer = str_fmt("defer N-%lld until %s why they get paid then", (long long)id, day);
    const char *texts[] = {credit, settle, settle, all, defer};
    const char *text = texts[pick(s, DW_ARRAY_LEN(texts))];
    say_once(s, "collector1", text);
    some_turns(s, 12);
    say_once(s, "collector1", text);
    some_turns(s, 12);
    AUTO_STR yes = str_fmt("approve A-%lld", (long long)store_i64(s->store, 1, "SELECT max(id) FROM proposals WHERE state = 2", ""));
    bool manager_first = chance(s, 50);
    say_once(s, manager_first ? "manager2" : "finance1", yes);
    some_turns(s, 12);
    if (chance(s, 60)) {
        say_once(s, manager_first ? "finance1" : "manager2", yes); /* some take both */
        some_turns(s, 12);
    }
    if (text == settle && chance(s, 70))
        control(s, "pay", json_pack("{s:s, s:I}", "customer", customer, "amount", (json_int_t)part.minor));
}

static void fail_payment(struct sim *s)
{
    static const char *const codes[] = {"insufficient_funds", "do_not_honor", "expired_card", "lost_card", "authentication_required"};
    AUTO_STR customer = str_fmt("sbx_%s", accounts[pick(s, DW_ARRAY_LEN(accounts))]);
    control(s, "fail", json_pack("{s:s, s:s, s:i}", "customer", customer, "code", codes[pick(s, DW_ARRAY_LEN(codes))], "again", pick(s, 3)));
}

/* While Dunwell is down somebody sets the clock right; what it was about to say is not said twice. */
static void clock_set_back(struct sim *s)
{
    s->now_ms -= pick(s, 180) * MS_MINUTE;
    process_crash(s);
}

static void something_happens(struct sim *s)
{
    int what = pick(s, 100);
    if (what < 14)
        fail_payment(s);
    else if (what < 19)
        control(s, "pay", json_pack("{s:o}", "customer", json_sprintf("sbx_%s", accounts[pick(s, DW_ARRAY_LEN(accounts))])));
    else if (what < 23)
        pay_part(s);
    else if (what < 31)
        deal(s);
    else if (what < 70)
        command(s);
    else if (what < 73)
        process_crash(s);
    else if (what < 74)
        clock_set_back(s);
    else if (what < 90)
        s->now_ms += pick(s, 20) * MS_HOUR;
    else
        s->now_ms += pick(s, 6) * MS_DAY;
}

/* To the next moment at which something waits. False when nothing does. */
static bool step_clock(struct sim *s, int64_t horizon_ms)
{
    int64_t next = turn_next_due_ms(s->turn);
    int64_t due = engine_next_due_ms(turn_engine(s->turn));
    if (due > horizon_ms && s->n_flights == 0)
        return false;
    next = due < next ? due : next;
    for (size_t i = 0; i < s->n_flights; i++) {
        const struct flight *f = &s->flights[i];
        int64_t at = f->executed || f->fate == FATE_LOST_BEFORE || f->fate == FATE_NOT_SENT || f->fate == FATE_BUSY ? f->answers_ms : f->executes_ms;
        next = at < next ? at : next;
    }
    if (next > s->now_ms)
        s->now_ms = next;
    return true;
}

static void settle(struct sim *s, int64_t span_ms)
{
    for (int i = 0; i < 20000; i++) {
        if (!step_clock(s, s->now_ms + span_ms)) {
            invariants_at_rest(s);
            return;
        }
        turn_with_arrivals(s);
    }
    AUTO_STR what = str_fmt("the engine comes to rest (now %lld, due %lld, turn due %lld, %zu calls in flight)", (long long)s->now_ms,
                            (long long)engine_next_due_ms(turn_engine(s->turn)), (long long)turn_next_due_ms(s->turn), s->n_flights);
    sim_check(s, false, what);
}

/* ---- one seed ---- */

static void swallow(void *ctx, struct span text)
{
    (void)ctx;
    (void)text;
}

/* The policy that comes with Dunwell, and a rule by which a credit takes two. */
static void write_policy(struct sim *s)
{
    static const char after[] = "  undo_seconds: 20\n";
    char text[1 << 15];
    AUTO_STR path = str_fmt("%s/policy.yaml", s->folder);
    FILE *from = fopen("templates/policy.yaml", "r"), *to = fopen(path, "w");
    sim_check(s, from && to, "the policy can be read and written");
    text[fread(text, 1, sizeof text - 1, from)] = '\0';
    const char *at = strstr(text, after);
    sim_check(s, at != NULL, "the policy has a window to undo");
    at += sizeof after - 1;
    fprintf(to, "%.*s  rules:\n    - {name: two-for-credits, when: {kinds: [credit, write_off]}, need: [{count: 1, of: manager}, {count: 1, of: finance}]}\n%s",
            (int)(at - text), text, at);
    fclose(from);
    sim_check(s, fclose(to) == 0, "the policy is written");
}

static void sim_run(uint64_t seed, int steps)
{
    struct sim s = {.seed = seed, .rng = seed * UINT64_C(0x9e3779b97f4a7c15) + 1, .now_ms = INT64_C(1795392000000)};
    struct problems p = {0};
    char folder[] = "/tmp/dunwell-sim-XXXXXX";
    sim_check(&s, mkdtemp(folder) != NULL, "a folder for the store");
    s.folder = folder;
    AUTO_STR store = str_fmt("%s/store.db", folder);
    AUTO_STR text = str_fmt("listen: 127.0.0.1:8080\nstore: sqlite:%s\nmode: live\nchat:\n  console: {channels: {approvals: approvals, collections: collections}}\n"
                            "billing:\n  sandbox: {kind: sandbox}\naccounts: {file: accounts.csv}\npeople: {file: ../../templates/people.yaml}\npolicy: {file: %s/policy.yaml}\n",
                            store, folder);
    write_policy(&s);
    s.config = config_parse(span_of(text), "tests/sim/sim.yaml", &p);
    sim_check(&s, s.config && !p.n, p.n ? p.lines[0] : "the configuration parses");
    problems_free(&p);
    console_output(swallow, NULL);
    s.sandbox = sandbox_driver.open_memory(config_driver(s.config, "sandbox"));
    s.console = console_driver.open_memory(config_driver(s.config, "console"));
    process_start(&s);
    for (int i = 0; i < steps; i++) {
        something_happens(&s);
        for (int k = pick(&s, 12); k > 0; k--) {
            step_clock(&s, INT64_MAX - 1);
            turn_with_arrivals(&s);
        }
    }
    s.calm = true;
    settle(&s, MS_HOUR);
    process_crash(&s);
    settle(&s, MS_HOUR);
    invariants_at_end(&s);
    process_stop(&s);
    sandbox_driver.close_memory(s.sandbox);
    console_driver.close_memory(s.console);
    config_free(s.config);
    invariants_fini(&s);
    AUTO_STR remove = str_fmt("rm -rf %s", folder);
    sim_check(&s, system(remove) == 0, "the folder goes away");
}

static bool option_number(const char *arg, const char *value, const char *name, long *out)
{
    if (!value || strcmp(arg, name) != 0)
        return false;
    *out = strtol(value, NULL, 10);
    return true;
}

int main(int argc, char **argv)
{
    long seeds = 20, steps = 150, first = 1, one = 0;
    log_level_set(LOG_ERROR);
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(argv[i], "--trace") == 0)
            tracing = true;
        else if (option_number(argv[i], value, "--seeds", &seeds) || option_number(argv[i], value, "--first", &first) ||
                 option_number(argv[i], value, "--seed", &one) || option_number(argv[i], value, "--steps", &steps))
            i++;
        else
            return fprintf(stderr, "usage: sim [--seeds N] [--first SEED] [--steps N] [--seed SEED] [--trace]\n"), 2;
    }
    if (one) {
        first = one;
        seeds = 1;
    }
    for (long seed = first; seed < first + seeds; seed++)
        sim_run((uint64_t)seed, (int)steps);
    printf("sim: seeds %ld to %ld, %ld steps each: every invariant held\n", first, first + seeds - 1, steps);
    return 0;
}
