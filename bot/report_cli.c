/* dunwell report approvals: the figures of engine/report.h as a table for people or one JSON object for machines. */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bot/cmdline.h"
#include "bot/config.h"
#include "engine/report.h"
#include "engine/when.h"

struct report_options {
    const char *config, *store, *since;
    bool json;
};

/* "30d", "12h", "4w"; 0 when it is none. */
static int64_t span_of_text(const char *text)
{
    char *end = NULL;
    long n = strtol(text, &end, 10);
    int64_t unit = str_eq(end, "h") ? MS_HOUR : str_eq(end, "d") ? MS_DAY : str_eq(end, "w") ? 7 * MS_DAY : 0;
    return isdigit((unsigned char)text[0]) && n > 0 && n <= 100000 ? n * unit : 0;
}

static const char *span_words(char out[WHEN_TEXT_SIZE], const json_t *row, const char *name)
{
    int64_t ms = json_i64(row, name, -1);
    return ms < 0 ? "-" : when_age(out, ms);
}

static void print_rows(const json_t *rows)
{
    static const char *const heads[] = {"asked", "decided", "yes", "no", "other", "emergency", "overturned", "<5s unread", "kept", "broken"};
    static const char *const names[] = {"asked", "decided", "approved", "declined", "countered", "emergency", "overturned", "hasty", "kept", "broken"};
    printf("%-16s %-11s", "person", "kind");
    for (size_t i = 0; i < DW_ARRAY_LEN(heads); i++)
        printf(" %s", heads[i]);
    printf("  %8s %8s\n", "median", "9 of 10");
    for (size_t n = 0; n < json_array_size(rows); n++) {
        const json_t *row = json_array_get(rows, n);
        char median[WHEN_TEXT_SIZE], p90[WHEN_TEXT_SIZE];
        printf("%-16s %-11s", json_str(row, "person", ""), json_str(row, "kind", ""));
        for (size_t i = 0; i < DW_ARRAY_LEN(names); i++)
            printf(" %*" PRId64, (int)strlen(heads[i]), json_i64(row, names[i], 0));
        printf("  %8s %8s\n", span_words(median, row, "median_ms"), span_words(p90, row, "p90_ms"));
    }
    if (json_array_size(rows) == 0)
        printf("nobody was asked and nobody decided\n");
}

static void print_kinds(const json_t *kinds)
{
    printf("\n%-11s asked parked reopened withdrawn\n", "kind");
    for (size_t i = 0; i < json_array_size(kinds); i++) {
        const json_t *row = json_array_get(kinds, i);
        printf("%-11s %5" PRId64 " %6" PRId64 " %8" PRId64 " %9" PRId64 "\n", json_str(row, "kind", ""), json_i64(row, "asked", 0), json_i64(row, "parked", 0),
               json_i64(row, "reopened", 0), json_i64(row, "withdrawn", 0));
    }
}

static void print_emergencies(const json_t *list)
{
    char at[WHEN_TEXT_SIZE];
    printf("\nThe emergency right was used %zu time%s\n", json_array_size(list), json_array_size(list) == 1 ? "" : "s");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *row = json_array_get(list, i);
        printf("  %s  %s  %s  %s  ", when_rfc3339(at, json_i64(row, "at_ms", 0)), json_str(row, "person", ""), json_str(row, "ref", ""), json_str(row, "receipt", ""));
        print_safe(stdout, json_str(row, "reason", ""));
        putchar('\n');
    }
}

static void print_report(const json_t *report, bool json)
{
    char from[WHEN_TEXT_SIZE], to[WHEN_TEXT_SIZE];
    if (json) {
        AUTO_STR text = json_text(report);
        printf("%s\n", text);
        return;
    }
    printf("Approvals from %s to %s\n\n", when_rfc3339(from, json_i64(report, "from_ms", 0)), when_rfc3339(to, json_i64(report, "to_ms", 0)));
    print_rows(json_object_get(report, "rows"));
    print_kinds(json_object_get(report, "kinds"));
    print_emergencies(json_object_get(report, "emergencies"));
}

static int work(const char *url, int64_t span_ms, bool json)
{
    struct store *s = NULL;
    struct err e = {0};
    struct timespec now;
    int rc = store_open(&s, url, true, &e);
    if (rc != 0) {
        fprintf(stderr, "dunwell: %s\n", e.text);
        return rc == ERR_VERSION ? EXIT_NEWER : EXIT_UNREACHABLE;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t now_ms = (int64_t)now.tv_sec * MS_SECOND + MS_SECOND;
    json_auto_t *report = report_approvals(s, now_ms - span_ms, now_ms);
    rc = store_failed(s, &e);
    if (rc == 0)
        print_report(report, json);
    else
        fprintf(stderr, "dunwell: %s\n", e.text);
    store_close(s);
    return rc == 0 ? EXIT_FINE : EXIT_UNREACHABLE;
}

static int with_config(const struct report_options *o, int64_t span_ms)
{
    struct problems p = {0};
    struct config *c = config_load(o->config != NULL ? o->config : "dunwell.yaml", &p);
    int code = EXIT_PROBLEMS;
    if (c != NULL)
        code = work(c->store, span_ms, o->json);
    for (size_t i = 0; c == NULL && i < p.n; i++)
        fprintf(stderr, "%s\n", p.lines[i]);
    if (c == NULL)
        fprintf(stderr, "dunwell: name the store: --store sqlite:PATH, or a configuration: --config FILE\n");
    config_free(c);
    problems_free(&p);
    return code;
}

int report_main(const struct subcommand *self, int argc, char **argv)
{
    struct report_options o = {.since = "30d"};
    const char *what = NULL;
    const struct flag flags[] = {{"since", 0, &o.since, NULL}, {"config", 'c', &o.config, NULL}, {"store", 's', &o.store, NULL}, {"json", 'j', NULL, &o.json}, {0}};
    int code = cmdline_read(self, argc, argv, flags, &what, 1);
    if (code != CMDLINE_GO_ON)
        return code;
    if (what == NULL || strcmp(what, "approvals") != 0)
        return cmdline_misused(self, "say which report: report approvals");
    int64_t span_ms = span_of_text(o.since);
    if (span_ms == 0)
        return cmdline_misused(self, "--since is a span such as 30d, 12h or 4w");
    return o.store != NULL ? work(o.store, span_ms, o.json) : with_config(&o, span_ms);
}
