/* The engine thread.
 *
 * Each round takes everything that is queued and hands it to one turn, which is one transaction; what arrives meanwhile is
 * the next round. So the commit is shared by all who came while the last one was being written (group commit), and there
 * is no hold: a lone request waits for its own commit and nothing else.
 *
 * A turn that fails has changed nothing and nothing of it may be acknowledged as done. Its webhooks and deliveries are answered 503, so
 * that their senders come again; its chat inputs are not acknowledged, so that the platform or the person comes again, but where
 * the acknowledgement carries an answer the person reads that nothing was done, and a form stays open with what was typed; its
 * responses cannot come again, so they are kept and given to the next turn. The next turn is tried after a pause, the trouble is
 * logged once, and /readyz shows it until a turn succeeds.
 *
 * At the end nothing new is sent, but answers of calls under way are waited for and committed, for a few seconds. */
#include "bot/turner.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "bot/log.h"

#define RETRY_MS 200
#define LONGEST_WAIT_MS 1000 /* a stepped wall clock is noticed within this */
#define SLOW_TURN_MS 10000
#define FINISH_MS 2500 /* for answers that are still to come when it stops */
#define NOTHING_DONE "I cannot write anything down at the moment, so nothing was done. Try again in a few minutes; if it stays so, tell whoever runs Dunwell: its log says why."

struct turner {
    struct queue *queue;
    struct turner_hooks hooks;
    pthread_t thread;
    atomic_bool done;
    _Atomic int64_t turn_began_ms; /* monotonic; 0 between turns */
    pthread_mutex_t lock;          /* guards problem */
    char problem[300];
    struct input *inputs; /* of this round: kept responses first */
    size_t n, cap;
    struct input *taken;
    size_t taken_cap;
    struct outputs outputs;
};

static int64_t monotonic_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

bool turner_problem(struct turner *t, char *out, size_t size)
{
    int64_t began = atomic_load(&t->turn_began_ms);
    if (began && monotonic_ms() - began > SLOW_TURN_MS) {
        str_copy(out, size, "the store has not answered for more than 10 s");
        return true;
    }
    pthread_mutex_lock(&t->lock);
    bool any = t->problem[0] != '\0';
    if (any)
        str_copy(out, size, t->problem);
    pthread_mutex_unlock(&t->lock);
    return any;
}

static void set_problem(struct turner *t, const char *text)
{
    pthread_mutex_lock(&t->lock);
    bool was = t->problem[0] != '\0';
    str_copy(t->problem, sizeof t->problem, text);
    pthread_mutex_unlock(&t->lock);
    if (text[0] && !was)
        log_line(LOG_ERROR, "turn.failed", "%s; nothing is taken until this is over, trying again", text);
    else if (!text[0] && was)
        log_line(LOG_INFO, "turn.recovered", "turns are committed again");
}

static struct output *output_add(struct outputs *o)
{
    if (o->n == o->cap) {
        o->cap = o->cap ? o->cap * 2 : 64;
        o->list = mem_grow(o->list, o->cap * sizeof *o->list);
    }
    struct output *out = &o->list[o->n++];
    *out = (struct output){.kind = OUTPUT_ANSWER};
    return out;
}

/* The answer in place of what was asked for. Not for what the platform delivers again by itself: that is not over yet. */
static void say_nothing_done(struct turner *t, const struct input *in)
{
    const struct chat_input *chat = &in->chat;
    const char *field = json_object_iter_key(json_object_iter(chat->values));
    if (!chat->envelope || !chat->takes_answer || !in->chat_driver->driver->ack || (chat->kind == CHAT_FORM_SUBMIT && !field))
        return;
    struct chat_answer answer;
    chat_answer_init(&answer);
    if (chat->kind == CHAT_FORM_SUBMIT)
        answer.form_errors = json_pack("{s:s}", field, NOTHING_DONE);
    else
        answer.text = str_dup(NOTHING_DONE);
    struct output *o = output_add(&t->outputs);
    o->kind = OUTPUT_ACK;
    o->to = in->from;
    buf_init(&o->text, JSON_MAX_BYTES);
    in->chat_driver->driver->ack(in->chat_driver, chat, &answer, &o->text);
    chat_answer_fini(&answer);
}

/* After a failed turn: 503 for webhooks, no "done" for chat, responses stay for the next turn. */
static void give_back(struct turner *t)
{
    size_t kept = 0;
    outputs_clear(&t->outputs);
    for (size_t i = 0; i < t->n; i++) {
        struct input *in = &t->inputs[i];
        if (in->kind == INPUT_RESPONSE) {
            t->inputs[kept++] = *in;
            continue;
        }
        if (in->kind == INPUT_WEBHOOK || in->kind == INPUT_PUSH) {
            struct output *o = output_add(&t->outputs);
            o->to = in->from;
            o->status = 503;
        } else {
            say_nothing_done(t, in);
        }
        input_fini(in);
    }
    t->n = kept;
}

/* Everything that is queued, behind what was kept. Mostly nothing was kept, and then the arrays just change hands. */
static bool gather(struct turner *t)
{
    bool turned_away = false;
    if (t->n == 0) {
        t->n = queue_take(t->queue, &t->inputs, &t->cap, &turned_away);
        return turned_away;
    }
    size_t more = queue_take(t->queue, &t->taken, &t->taken_cap, &turned_away);
    if (t->n + more > t->cap) {
        t->cap = t->n + more;
        t->inputs = mem_grow(t->inputs, t->cap * sizeof *t->inputs);
    }
    if (more)
        memcpy(t->inputs + t->n, t->taken, more * sizeof *t->inputs);
    t->n += more;
    return turned_away;
}

/* True when it was committed. */
static bool turn_once(struct turner *t)
{
    struct err e = {0};
    bool room = gather(t);
    atomic_store(&t->turn_began_ms, monotonic_ms());
    int rc = t->hooks.run(t->hooks.turn, t->inputs, t->n, &t->outputs, &e);
    atomic_store(&t->turn_began_ms, 0);
    if (rc) {
        set_problem(t, e.text[0] ? e.text : "the store refused the turn");
        give_back(t);
    } else {
        set_problem(t, "");
        for (size_t i = 0; i < t->n; i++)
            input_fini(&t->inputs[i]);
        t->n = 0;
    }
    t->hooks.deliver(t->hooks.ctx, &t->outputs, room);
    outputs_clear(&t->outputs);
    return rc == 0;
}

static int64_t wait_for(struct turner *t)
{
    int64_t due = t->hooks.due_ms(t->hooks.turn), now = t->hooks.now_ms(t->hooks.ctx);
    if (due <= now)
        return 0;
    return due - now < LONGEST_WAIT_MS ? due - now : LONGEST_WAIT_MS;
}

/* Waits for the next reason to turn; false when only the waiting time was over. */
static bool something_to_do(struct turner *t)
{
    int64_t ms = wait_for(t);
    if (ms > 0)
        queue_wait(t->queue, ms);
    return ms == 0 || !queue_empty(t->queue) || wait_for(t) == 0;
}

static void pause_after_failure(void)
{
    struct timespec t = {.tv_sec = 0, .tv_nsec = RETRY_MS * 1000000L};
    while (nanosleep(&t, &t) && errno == EINTR)
        continue;
}

/* After the close: what was accepted before it, and the answers that are still to come. An answer that nobody waits for
 * makes an unknown outcome of a known one, and for a mail there is nobody to ask later. */
static void finish(struct turner *t)
{
    int64_t until = monotonic_ms() + FINISH_MS;
    bool fine = turn_once(t);
    for (int64_t left; (left = until - monotonic_ms()) > 0;) {
        bool owed = t->hooks.owed(t->hooks.ctx); /* asked first: an answer is queued before it counts as given */
        if (!owed && fine && queue_empty(t->queue))
            break;
        if (!fine)
            pause_after_failure();
        else
            queue_wait(t->queue, left);
        fine = turn_once(t);
    }
}

static void *turner_main(void *arg)
{
    struct turner *t = arg;
    bool fine = turn_once(t); /* what was due while we were away */
    while (!queue_closed(t->queue)) {
        if (!fine)
            pause_after_failure();
        else if (!something_to_do(t))
            continue;
        fine = turn_once(t);
    }
    finish(t);
    atomic_store(&t->done, true);
    struct outputs none = {0};
    t->hooks.deliver(t->hooks.ctx, &none, false);
    return NULL;
}

struct turner *turner_start(struct queue *q, const struct turner_hooks *hooks)
{
    struct turner *t = mem_alloc(sizeof *t);
    t->queue = q;
    t->hooks = *hooks;
    pthread_mutex_init(&t->lock, NULL);
    if (pthread_create(&t->thread, NULL, turner_main, t))
        abort(); /* no thread is as fatal as no memory */
    return t;
}

bool turner_done(struct turner *t)
{
    return atomic_load(&t->done);
}

bool turner_join(struct turner *t, int64_t wait_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    int64_t ns = until.tv_nsec + wait_ms % 1000 * 1000000;
    until.tv_sec += (time_t)(wait_ms / 1000 + ns / 1000000000);
    until.tv_nsec = (long)(ns % 1000000000);
    return pthread_timedjoin_np(t->thread, NULL, &until) == 0;
}

void turner_free(struct turner *t)
{
    for (size_t i = 0; i < t->n; i++)
        input_fini(&t->inputs[i]);
    free(t->inputs);
    free(t->taken);
    outputs_free(&t->outputs);
    pthread_mutex_destroy(&t->lock);
    free(t);
}
