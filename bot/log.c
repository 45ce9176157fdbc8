/* The log: one line, one write(2), so that lines of three threads never mix.
 *
 * People at a terminal get plain text; everything else gets one JSON object a line, which journald, containers and log
 * shippers all understand, with the <N> priority in front when journald reads us. The text is made safe here, once: control
 * characters and broken UTF-8 cannot leave, whoever wrote the sentence. */
#include "bot/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine/buf.h"
#include "engine/json.h"
#include "engine/when.h"

#define LOG_MAX 1000 /* longer sentences are cut */

static atomic_int log_most = LOG_INFO;

void log_level_set(enum log_level most)
{
    atomic_store(&log_most, (int)most);
}

static const char *level_name(enum log_level level)
{
    switch (level) {
    case LOG_ERROR:
        return "error";
    case LOG_WARN:
        return "warn";
    case LOG_INFO:
        return "info";
    case LOG_DEBUG:
        return "debug";
    }
    return "info";
}

static int64_t log_now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void log_plain(struct buf *out, enum log_level level, const char *event, const char *text, const char *at)
{
    AUTO_JSON safe = json_text_safe(text);
    buf_addf(out, "%.8s %-5s %s: ", at + 11, level_name(level), event);
    for (const char *p = json_string_value(safe); *p; p++)
        buf_addc(out, *p == '\n' || *p == '\t' ? ' ' : *p);
    buf_addc(out, '\n');
}

static void log_json(struct buf *out, enum log_level level, const char *event, const char *text, const char *at)
{
    AUTO_JSON line = json_object();
    json_put(line, "ts", at);
    json_put(line, "level", level_name(level));
    json_put(line, "event", event);
    json_put_new(line, "text", json_text_safe(text));
    AUTO_STR dump = json_dumps(line, JSON_COMPACT | JSON_PRESERVE_ORDER);
    if (getenv("JOURNAL_STREAM"))
        buf_addf(out, "<%d>", (int)level);
    buf_adds(out, dump);
    buf_addc(out, '\n');
}

void log_line(enum log_level level, const char *event, const char *fmt, ...)
{
    if ((int)level > atomic_load(&log_most))
        return;
    char text[LOG_MAX], at[WHEN_TEXT_SIZE];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    when_rfc3339(at, log_now_ms());
    AUTO_BUF out = BUF(16u << 10);
    if (isatty(STDERR_FILENO))
        log_plain(&out, level, event, text, at);
    else
        log_json(&out, level, event, text, at);
    const char *p = buf_text(&out);
    size_t left = out.n;
    while (left) {
        ssize_t n = write(STDERR_FILENO, p, left);
        if (n <= 0)
            return; /* nobody to tell */
        p += n;
        left -= (size_t)n;
    }
}
