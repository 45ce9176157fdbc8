/* Runs one operation of a driver against a server, over real HTTP, and prints how it went. Compiled once for each
 * driver (-DDRIVER=stripe_driver; build_drive in lib.sh), with that driver's objects only.
 *
 *   NAME_drive [-4] [-l] [-w] [-a SECONDS] [-n REQUESTS] [-c CONFIG] [-s STAGE] [-d FOLDER] BASE_URL OP KEY ARGS
 *
 * Each request is a line "POST /v1/invoices/in_1 200"; the last line is "done {...}", "refused REASON {...}", "retry REASON" or
 * "unknown REASON". Waiting is not waited: the clock of the job jumps to the time asked for, at most RETRIES_MAX times. Exit 0
 * after done, 1 after anything else; with -4 also 2 as soon as the server answers 400 to 499: it did not understand
 * a request. With -n it stops after so many requests and exits 0 (the end is then printed as "stopped"). CONFIG: options as
 * JSON; a required one that is not there is fake. STAGE: begins in the middle, as after a restart. FOLDER: what the driver keeps is
 * in its file `kept`, and the stage in one named after KEY, so that the next run goes on as a restarted program would; with -l the call
 * that was out is lost, as it is for one that was killed. With -w waiting is waited. With -a the clock is so much ahead. What people did (struct step.inputs) is printed as "input {...}". */
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "adapters/adapter.h"
#include "tests/peers/options.h"
#include "tests/peers/perform.h"

enum { RETRIES_MAX = 8, REQUESTS_MAX = 100 };

/* What came of an operation that is over, as the last line. */
static int report(const struct step *s)
{
    static const char *const words[] = {"http", "done", "retry", "refused", "unknown"};
    AUTO_STR result = s->result ? json_text(s->result) : str_dup("");
    printf("%s %s%s%s\n", words[s->outcome], s->reason, *s->reason && *result ? " " : "", result);
    return s->outcome == STEP_DONE ? 0 : 1;
}

struct run {
    struct job job;
    const void *config;
    json_t *stage, *kept;
    CURL *curl;
    const char *folder;
    bool strict, lost, waits;
    int left;
    int64_t ahead_ms;
};

static json_t *load(const struct run *r, const char *name)
{
    AUTO_STR path = str_fmt("%s/%s", r->folder ? r->folder : "", name);
    return r->folder ? json_load_file(path, JSON_DECODE_ANY, NULL) : NULL;
}

static void save(const struct run *r, const char *name, const json_t *value)
{
    AUTO_STR path = str_fmt("%s/%s", r->folder ? r->folder : "", name);
    if (r->folder && json_dump_file(value, path, JSON_ENCODE_ANY) != 0)
        printf("%s cannot be written\n", path);
}

static void print_input(const struct chat_input *in)
{
    static const char *const kinds[] = {[CHAT_COMMAND] = "command", [CHAT_REACTION] = "reaction", [CHAT_UNREACT] = "unreact",
                                        [CHAT_INVITE] = "invite", [CHAT_ENCRYPTED] = "encrypted", [CHAT_WARNING] = "warning"};
    AUTO_JSON o = json_object();
    json_put(o, "kind", (size_t)in->kind < DW_ARRAY_LEN(kinds) && kinds[in->kind] ? kinds[in->kind] : "other");
    json_put(o, "user", in->user);
    json_put(o, "channel", in->channel);
    json_put(o, "text", in->text);
    json_put(o, "dedupe", in->dedupe);
    json_put(o, "message", in->message);
    json_put(o, "thread", in->thread);
    json_put_new(o, "late", json_boolean(in->late));
    json_put_new(o, "encrypted", json_boolean(in->encrypted));
    AUTO_STR text = json_text(o);
    printf("input %s\n", text);
}

/* What the engine would store in the transaction of this step. */
static void commit(struct run *r, struct step *s)
{
    for (size_t i = 0; i < s->n_inputs; i++)
        print_input(&s->inputs[i]);
    if (s->keep) {
        json_decref(r->kept);
        r->kept = STEAL(s->keep);
        r->job.kept = r->kept;
        save(r, "kept", r->kept);
    }
    if (s->stage) {
        json_decref(r->stage);
        r->stage = STEAL(s->stage);
        save(r, r->job.key, r->stage);
    }
    r->job.stage = r->stage;
    fflush(stdout);
}

/* One request after the other. False when the server did not understand one (strict), or enough were sent. */
static bool exchange(struct run *r, struct step *s, int *rc)
{
    struct http_response answer;
    http_response_init(&answer);
    perform(r->curl, &s->request, &answer);
    const char *host = strstr(s->request.url, "//"), *path = host ? strchr(host + 2, '/') : NULL;
    printf("%s %s %d%s%s\n", s->request.method, path ? path : s->request.url, answer.status, *answer.problem ? " " : "", answer.problem);
    r->job.attempts++;
    bool wrong = r->strict && answer.status >= 400 && answer.status < 500;
    if (wrong) {
        printf("not understood: %.500s\n  sent: %.500s\n", buf_text(&answer.body), buf_text(&s->request.body));
        *rc = 2;
    } else if (--r->left == 0) {
        printf("stopped\n");
        *rc = 0;
    } else {
        step_fini(s);
        DRIVER.step(r->config, &r->job, &answer, s);
        commit(r, s);
    }
    http_response_fini(&answer);
    return !wrong && r->left > 0;
}

static int run(struct run *r)
{
    struct step s;
    struct http_response lost;
    int rc = 1;
    step_init(&s);
    http_response_init(&lost);
    lost.transport = TRANSPORT_LOST;
    DRIVER.step(r->config, &r->job, r->lost && r->stage ? &lost : NULL, &s);
    commit(r, &s);
    for (int waits = 0; s.outcome != STEP_DONE && s.outcome != STEP_REFUSED;) {
        if (s.outcome == STEP_HTTP) {
            if (exchange(r, &s, &rc))
                continue;
            step_fini(&s);
            return rc;
        }
        if (waits++ == RETRIES_MAX)
            break;
        printf("... %s\n", s.reason);
        fflush(stdout);
        if (r->waits && s.retry_at_ms > r->job.now_ms)
            usleep((useconds_t)(s.retry_at_ms - r->job.now_ms) * 1000);
        r->job.now_ms = s.retry_at_ms;
        step_fini(&s);
        DRIVER.step(r->config, &r->job, NULL, &s);
        commit(r, &s);
    }
    rc = report(&s);
    step_fini(&s);
    return rc;
}

int main(int argc, char **argv)
{
    struct run r = {.left = REQUESTS_MAX};
    const char *options_text = "{}", *stage_text = NULL;
    struct err e;
    int c;
    while ((c = getopt(argc, argv, "4lwa:n:c:s:d:")) != -1) {
        if (c == '4')
            r.strict = true;
        else if (c == 'a')
            r.ahead_ms = strtoll(optarg, NULL, 10) * MS_SECOND;
        else if (c == 'n')
            r.left = (int)strtol(optarg, NULL, 10);
        else if (c == 'c')
            options_text = optarg;
        else if (c == 's')
            stage_text = optarg;
        else if (c == 'd')
            r.folder = optarg;
        else if (c == 'l')
            r.lost = true;
        else if (c == 'w')
            r.waits = true;
        else
            return 2;
    }
    if (argc - optind != 4) {
        fprintf(stderr, "usage: %s [-4] [-l] [-w] [-a SECONDS] [-n REQUESTS] [-c CONFIG] [-s STAGE] [-d FOLDER] BASE_URL OP KEY ARGS\n", argv[0]);
        return 2;
    }
    json_t *options = json_read(span_of(options_text), &e), *args = options ? json_read(span_of(argv[optind + 3]), &e) : NULL;
    r.stage = args && stage_text ? json_read(span_of(stage_text), &e) : NULL;
    if (!args || (stage_text && !r.stage)) {
        fprintf(stderr, "%s\n", e.text);
        json_decref(options);
        json_decref(args);
        return 2;
    }
    void *config = config_new(options, argv[optind]);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    r.config = config;
    r.job = (struct job){.id = 1, .driver = DRIVER.name, .op = argv[optind + 1], .key = argv[optind + 2], .args = args,
                         .now_ms = now.tv_sec * MS_SECOND + r.ahead_ms, .random = 4242};
    curl_global_init(CURL_GLOBAL_DEFAULT);
    r.curl = curl_easy_init();
    r.kept = load(&r, "kept");
    if (!r.stage)
        r.stage = load(&r, r.job.key);
    r.job.kept = r.kept;
    r.job.stage = r.stage;
    int rc = run(&r);
    curl_easy_cleanup(r.curl);
    curl_global_cleanup();
    json_decref(r.stage);
    json_decref(r.kept);
    json_decref(args);
    json_decref(options);
    config_free(config);
    return rc;
}
