/* `dunwell demo`: a folder with the embedded examples, the bot on it, and a keyboard.
 *
 * The bot is the real one. The demo stands where Slack and Stripe would: it pushes typed lines as chat inputs, gives
 * orders to the sandbox ("a payment fails now") and reads what is shown. Nothing waits for a fixed time: the story
 * goes on when the words it expects have been shown. */
#include "bot/demo.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "adapters/chat/console.h"
#include "bot/cmdline.h"
#include "bot/embedded.h"
#include "bot/log.h"

#define SAID_MOST (4u << 20)

int64_t demo_now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- what is shown ---- */

/* Frames of boxes and line breaks become one blank, so that words are found however they were broken. */
static void remember(struct demo *d, struct span text)
{
    if (d->said.n + text.n + 1 > SAID_MOST) {
        buf_clear(&d->said);
        d->mark = 0;
    }
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        bool frame = c == 0xE2 && i + 2 < text.n &&
                     ((unsigned char)text.p[i + 1] == 0x94 || (unsigned char)text.p[i + 1] == 0x95);
        bool blank = frame || c == ' ' || c == '\n' || c == '\r';
        if (frame)
            i += 2;
        if (!blank)
            buf_addc(&d->said, (char)c);
        else if (d->said.n && d->said.p[d->said.n - 1] != ' ')
            buf_addc(&d->said, ' ');
    }
}

static void prompt_again(const struct demo *d)
{
    if (d->at_terminal && !d->over)
        printf("%s> ", d->persona);
}

void demo_show(struct demo *d, struct span text)
{
    pthread_mutex_lock(&d->lock);
    if (d->at_terminal)
        fputs("\r\033[K", stdout);
    fwrite(text.p, 1, text.n, stdout);
    remember(d, text);
    demo_hint(d);
    prompt_again(d);
    fflush(stdout);
    pthread_cond_broadcast(&d->heard);
    pthread_mutex_unlock(&d->lock);
}

static void show_card(void *ctx, struct span text)
{
    demo_show(ctx, text);
}

static void show_answer(void *ctx, struct span frame)
{
    AUTO_BUF text = BUF(JSON_MAX_BYTES);
    console_answer_text(frame, demo_now_ms(), &text);
    if (text.n)
        demo_show(ctx, (struct span){text.p, text.n});
}

void demo_say(struct demo *d, const char *fmt, ...)
{
    char line[2000];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    pthread_mutex_lock(&d->lock);
    if (d->at_terminal)
        fputs("\r\033[K", stdout);
    fputs(line, stdout);
    prompt_again(d);
    fflush(stdout);
    pthread_mutex_unlock(&d->lock);
}

void demo_listen(struct demo *d)
{
    pthread_mutex_lock(&d->lock);
    d->mark = d->said.n;
    pthread_mutex_unlock(&d->lock);
}

static const char *find_said(struct demo *d, const char *words)
{
    return d->said.n > d->mark ? strstr(d->said.p + d->mark, words) : NULL;
}

bool demo_hear(struct demo *d, const char *words, int seconds)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += seconds;
    pthread_mutex_lock(&d->lock);
    const char *at = find_said(d, words);
    while (!at && !d->over && pthread_cond_timedwait(&d->heard, &d->lock, &until) != ETIMEDOUT)
        at = find_said(d, words);
    at = at ? at : find_said(d, words);
    pthread_mutex_unlock(&d->lock);
    return at != NULL;
}

bool demo_is_over(struct demo *d)
{
    pthread_mutex_lock(&d->lock);
    bool over = d->over;
    pthread_mutex_unlock(&d->lock);
    return over;
}

void demo_heard_word(struct demo *d, const char *words, char *out, size_t size)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-";
    pthread_mutex_lock(&d->lock);
    const char *at = find_said(d, words);
    AUTO_STR word = at ? str_ndup(at + strlen(words), strspn(at + strlen(words), letters)) : str_dup("");
    str_copy(out, size, word);
    pthread_mutex_unlock(&d->lock);
}

/* ---- what is done ---- */

void demo_type(struct demo *d, const char *who, const char *line)
{
    AUTO_STR id = str_fmt("%lld-%lld", (long long)d->started_ms, (long long)++d->typed);
    AUTO_JSON words = json_text_safe(line);
    AUTO_JSON frame = json_pack("{s:s, s:s, s:O}", "id", id, "user", who, "text", words);
    AUTO_STR text = json_text(frame);
    struct input in = {.kind = INPUT_CHAT, .from = {.slot = BOT_LOCAL}, .chat_driver = d->console};
    struct err e;
    chat_input_init(&in.chat);
    if (d->console->driver->frame(d->console, span_of(text), &in.chat, &e) != 0) {
        demo_say(d, "That line cannot be sent: %s\n", e.text);
        chat_input_fini(&in.chat);
        return;
    }
    if (!bot_push(d->bot, &in))
        demo_say(d, "Dunwell is busy; please type it again.\n");
}

void demo_order(struct demo *d, const char *what, json_t *take_body)
{
    struct http_request r;
    http_request_init(&r);
    AUTO_STR text = json_text(take_body);
    json_decref(take_body);
    str_copy(r.method, sizeof r.method, "POST");
    r.url = str_fmt("sandbox:///_control/%s", what);
    buf_adds(&r.body, text);
    bot_serve(d->bot, d->biller, &r);
    http_request_fini(&r);
}

void demo_fail(struct demo *d, const struct account *a, const char *code, int64_t amount)
{
    json_t *body = json_pack("{s:s, s:s}", "customer", a->billing_id, "code", code);
    if (*a->value.currency)
        json_put(body, "currency", a->value.currency);
    if (amount <= 0)
        amount = a->value.minor / 1200 * 100;
    if (amount > 0)
        json_put_i64(body, "amount", amount);
    demo_order(d, "fail", body);
}

/* ---- the folder ---- */

static bool write_file(const char *folder, const char *name, const char *text, size_t n)
{
    AUTO_STR path = str_fmt("%s/%s", folder, name);
    FILE *f = fopen(path, "wxe");
    if (!f)
        return errno == EEXIST; /* a kept folder is played on */
    bool ok = fwrite(text, 1, n, f) == n;
    return fclose(f) == 0 && ok;
}

/* A port of this machine that is free now. */
static int free_port(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), port = 8080;
    if (fd >= 0 && bind(fd, (struct sockaddr *)&at, n) == 0 && getsockname(fd, (struct sockaddr *)&at, &n) == 0)
        port = ntohs(at.sin_port);
    if (fd >= 0)
        close(fd);
    return port;
}

static char *replaced(const struct embedded *f, const char *old, const char *fresh)
{
    const char *text = (const char *)f->p, *at = strstr(text, old);
    if (!at)
        return str_dup(text);
    return str_fmt("%.*s%s%s", (int)(at - text), text, fresh, at + strlen(old));
}

/* A template as the demo needs it: a free port, and less time to undo than people need who read mails in between. */
static char *for_demo(const struct embedded *f)
{
    AUTO_STR port = str_fmt("127.0.0.1:%d", free_port());
    return str_eq(f->name, "policy.yaml") ? replaced(f, "undo_seconds: 20", "undo_seconds: 3") : replaced(f, "127.0.0.1:8080", port);
}

static bool folder_fill(const char *folder)
{
    static const char *const plain[] = {"demo/accounts.csv", "people.yaml"}, *const changed[] = {"policy.yaml", "demo/dunwell.yaml"};
    size_t written = 0;
    for (const struct embedded *f = embedded_all; f->name; f++) {
        const char *name = strncmp(f->name, "demo/", 5) == 0 ? f->name + 5 : f->name;
        for (size_t i = 0; i < DW_ARRAY_LEN(plain); i++)
            if (str_eq(plain[i], f->name))
                written += write_file(folder, name, (const char *)f->p, f->n);
        for (size_t i = 0; i < DW_ARRAY_LEN(changed); i++)
            if (str_eq(changed[i], f->name)) {
                AUTO_STR text = for_demo(f);
                AUTO_STR path = str_fmt("%s/%s", folder, name);
                if (str_eq(name, "dunwell.yaml"))
                    unlink(path); /* the port of last time may be taken */
                written += write_file(folder, name, text, strlen(text));
            }
    }
    return written == DW_ARRAY_LEN(plain) + DW_ARRAY_LEN(changed);
}

static char *folder_make(const char *keep)
{
    if (keep) {
        if (mkdir(keep, 0700) != 0 && errno != EEXIST)
            return NULL;
        return str_dup(keep);
    }
    const char *base = getenv("TMPDIR");
    char *path = str_fmt("%s/dunwell-demo-XXXXXX", base && *base ? base : "/tmp");
    if (mkdtemp(path))
        return path;
    free(path);
    return NULL;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
    (void)st;
    (void)kind;
    (void)where;
    return remove(path);
}

static void folder_remove(const char *folder)
{
    nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* ---- running ---- */

static struct bot *running; /* for the signal handler */

static void on_signal(int number)
{
    (void)number;
    if (running)
        bot_stop(running);
}

static void catch_signals(void)
{
    struct sigaction stop = {.sa_handler = on_signal};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGINT, &stop, NULL);
    sigaction(SIGTERM, &stop, NULL);
    sigaction(SIGPIPE, &ignore, NULL);
}

struct player {
    struct demo *demo;
    int (*play)(struct demo *d);
    int result;
};

static void *player_run(void *ctx)
{
    struct player *p = ctx;
    p->result = p->play(p->demo);
    bot_stop(p->demo->bot);
    return NULL;
}

static void end_player(struct demo *d)
{
    pthread_mutex_lock(&d->lock);
    d->over = true;
    pthread_cond_broadcast(&d->heard);
    pthread_mutex_unlock(&d->lock);
    close(d->wake[1]);
}

static int play(struct demo *d)
{
    struct player player = {.demo = d, .play = d->at_terminal ? demo_prompt : demo_story, .result = EXIT_STOPPED};
    pthread_t thread;
    if (pipe2(d->wake, O_CLOEXEC) != 0 || pthread_create(&thread, NULL, player_run, &player) != 0) {
        fputs("dunwell: no thread can be started\n", stderr);
        return EXIT_UNREACHABLE;
    }
    int rc = bot_loop(d->bot);
    end_player(d);
    pthread_join(thread, NULL);
    close(d->wake[0]);
    return rc ? EXIT_STOPPED : player.result;
}

static int complain(const struct problems *p)
{
    for (size_t i = 0; i < p->n; i++)
        fprintf(stderr, "%s\n", p->lines[i]);
    return EXIT_PROBLEMS;
}

static void demo_init(struct demo *d, const struct config *c, double speed, bool at_terminal)
{
    pthread_condattr_t monotonic;
    *d = (struct demo){
        .config = c, .started_ms = demo_now_ms(), .speed = speed, .at_terminal = at_terminal, .said = BUF(SAID_MOST)};
    pthread_mutex_init(&d->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&d->heard, &monotonic);
    pthread_condattr_destroy(&monotonic);
    d->console = config_first(c, DRIVER_CHAT);
    d->biller = config_first(c, DRIVER_BILLING)->name;
    str_copy(d->persona, sizeof d->persona, "ae1");
    str_copy(d->account, sizeof d->account, "northwind");
}

static void demo_fini(struct demo *d)
{
    book_free(d->book);
    people_free(d->people);
    pthread_cond_destroy(&d->heard);
    pthread_mutex_destroy(&d->lock);
    buf_fini(&d->said);
}

static int start_and_play(struct demo *d, struct problems *p)
{
    struct err e;
    d->book = accounts_file_load(d->config->accounts_file, d->started_ms, p);
    d->people = people_load(d->config->people_file, p);
    if (p->n || !d->book || !d->people)
        return complain(p);
    console_output(show_card, d);
    if (bot_start(&d->bot, d->config, &e) != 0) {
        fprintf(stderr, "dunwell: %s\n", e.text);
        return exit_for_error(e.code);
    }
    bot_on_ack(d->bot, show_answer, d);
    running = d->bot;
    catch_signals();
    int result = play(d);
    running = NULL;
    bot_free(d->bot);
    return result;
}

static int run_in(const char *folder, double speed, bool at_terminal)
{
    struct problems p = {.n = 0};
    AUTO_STR path = str_fmt("%s/dunwell.yaml", folder);
    struct config *c = config_load(path, &p);
    int result = EXIT_PROBLEMS;
    if (c && p.n == 0) {
        struct demo d;
        demo_init(&d, c, speed, at_terminal);
        result = start_and_play(&d, &p);
        demo_fini(&d);
    } else {
        complain(&p);
    }
    config_free(c);
    problems_free(&p);
    return result;
}

int demo_main(const struct subcommand *self, int argc, char **argv)
{
    const char *keep = NULL, *speed = NULL;
    bool story = false;
    const struct flag flags[] = {
        {"keep", 'k', &keep, NULL}, {"speed", 's', &speed, NULL}, {"story", 0, NULL, &story}, {0}};
    int code = cmdline_read(self, argc, argv, flags, NULL, 0);
    if (code != CMDLINE_GO_ON)
        return code;
    char *end = NULL;
    double pace = speed ? strtod(speed, &end) : 0;
    if (speed && (end == speed || *end || !(pace >= 0 && pace <= 100)))
        return cmdline_misused(self, "--speed takes a number from 0 to 100");
    AUTO_STR folder = folder_make(keep);
    if (!folder || !folder_fill(folder)) {
        fprintf(stderr, "dunwell: the demo's folder cannot be written: %s\n", strerror(errno));
        return EXIT_UNREACHABLE;
    }
    log_level_set(LOG_WARN);
    code = run_in(folder, pace, isatty(STDIN_FILENO) == 1 && !story);
    if (keep)
        printf("Everything is kept in %s; for example: dunwell journal verify --config %s/dunwell.yaml\n", folder,
               folder);
    else
        folder_remove(folder);
    return code;
}
