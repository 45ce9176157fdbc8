/* A driver's section of dunwell.yaml, read from the driver's option table.
 *
 * The table says where in the driver's own struct each value goes, so this file knows no driver by name. Three things
 * are decided here for all of them: a secret is a reference ({env: NAME} or {file: PATH}) and never a value; a URL
 * without TLS is accepted for this machine only; and a value that cannot be right is a problem at its line, which
 * never repeats a secret. Secrets are wiped when the configuration is freed. */
#include "bot/config_driver.h"

#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapters/billing/declines.h"
#include "adapters/notify/smtp.h"

#define SECRET_MAX 4096
#define OPTIONS_MAX 32 /* of one driver */
#define ROW_SHOWN 40

static const char *const secret_keys[] = {"env", "file", NULL};
static const char *const channel_keys[] = {"approvals", "collections", "shadow", NULL};

static char **text_at(struct driver_config *d, const struct option *o)
{
    return (char **)(void *)((char *)d + o->offset);
}

static json_t **channels_at(struct driver_config *d, const struct option *o)
{
    return (json_t **)(void *)((char *)d + o->offset);
}

static const void *value_at(const struct driver_config *d, const struct option *o)
{
    return *(const void *const *)(const void *)((const char *)d + o->offset);
}

static bool printable(const char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return false;
    return true;
}

/* The name to propose for {env: ...}: "slack" and "app_token" give SLACK_APP_TOKEN. */
static void env_name(char out[96], const char *name, const char *option)
{
    AUTO_STR both = str_fmt("%s_%s", name, option);
    str_copy(out, 96, both);
    for (char *p = out; *p != '\0'; p++)
        *p = isalnum((unsigned char)*p) ? (char)toupper((unsigned char)*p) : '_';
}

struct place { /* of the option being read, for messages */
    struct config_reader *r;
    const json_t *parent, *object; /* the section stands at parent[name] */
    const struct option *option;
    const char *where, *name;
};

static void bad(const struct place *at, const char *fmt, ...) DW_PRINTF(2, 3);
static void bad(const struct place *at, const char *fmt, ...)
{
    char text[400];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    config_problem(at->r, at->object, at->option->name, "%s.%s: %s", at->where, at->option->name, text);
}

/* One line of text from a file; wiped from the stack. NULL after a problem. */
static char *read_secret_file(const struct place *at, const char *path)
{
    char text[SECRET_MAX + 2];
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        bad(at, "cannot read %s: %s", path, fd < 0 ? strerror(errno) : "not a file");
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    if ((st.st_mode & S_IROTH) != 0)
        config_warning(at->r, at->object, at->option->name,
                       "%s.%s: everybody on this machine can read %s; chmod 600 it", at->where, at->option->name,
                       path);
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    char *out = NULL;
    if (n < 0) {
        bad(at, "cannot read %s: %s", path, strerror(errno));
    } else if (n > SECRET_MAX) {
        bad(at, "%s is too large for a secret", path);
    } else {
        while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
            n--;
        if (memchr(text, '\0', (size_t)n) != NULL)
            bad(at, "%s does not hold text", path);
        else
            out = str_ndup(text, (size_t)n);
    }
    explicit_bzero(text, sizeof text);
    return out;
}

static void wipe(char *text)
{
    if (text != NULL)
        explicit_bzero(text, strlen(text));
    free(text);
}

/* NAMES_LIKE_THIS are repeated; anything else may be the secret itself, written where its name belongs. */
static bool is_env_name(const char *name)
{
    return name[0] != '\0' && strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == strlen(name);
}

static char *read_secret_text(const struct place *at, const json_t *value, const char *suggested)
{
    const char *env = json_string_value(json_object_get(value, "env"));
    const char *file = json_string_value(json_object_get(value, "file"));
    if (env != NULL) {
        const char *text = getenv(env), *folder = getenv("CREDENTIALS_DIRECTORY");
        if (text == NULL && folder != NULL && !strchr(env, '/')) { /* systemd's LoadCredential=NAME:... */
            AUTO_STR path = str_fmt("%s/%s", folder, env);
            if (is_env_name(env) || access(path, F_OK) == 0)
                return read_secret_file(at, path);
        }
        if (text == NULL && is_env_name(env))
            bad(at, "the environment variable %.80s is not set", env);
        else if (text == NULL)
            bad(at, "no environment variable has the name after env:, which is not repeated here because it may be the secret itself; "
                    "write a name in capitals, such as {env: %s}", suggested);
        return str_dup(text);
    }
    AUTO_STR path = config_resolve(at->r, file);
    return read_secret_file(at, path);
}

static void read_secret(const struct place *at, const json_t *value, char **out)
{
    char suggested[96];
    env_name(suggested, at->name, at->option->name);
    if (!json_is_object(value)) {
        bad(at, "a secret is never written into this file; write {env: %s} or {file: PATH}", suggested);
        return;
    }
    AUTO_STR where = str_fmt("%s.%s", at->where, at->option->name);
    doc_known_keys(at->r->doc, value, where, secret_keys, at->r->problems);
    bool env = json_is_string(json_object_get(value, "env")), file = json_is_string(json_object_get(value, "file"));
    if (env == file) {
        bad(at, "write either {env: %s} or {file: PATH}", suggested);
        return;
    }
    char *text = read_secret_text(at, value, suggested);
    if (text == NULL)
        return;
    if (text[0] == '\0')
        bad(at, "the secret is empty");
    else if (!printable(text))
        bad(at, "the secret holds a line break or another control character");
    else
        *out = STEAL(text);
    wipe(text);
}

static bool scheme_safe(const char *scheme)
{
    return strcmp(scheme, "https") == 0 || strcmp(scheme, "wss") == 0 || strcmp(scheme, "smtps") == 0;
}

static bool scheme_fits(const struct driver *driver, const char *scheme)
{
    if (driver->kind == DRIVER_NOTIFY)
        return strcmp(scheme, "smtp") == 0 || strcmp(scheme, "smtps") == 0;
    return strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0 || strcmp(scheme, "ws") == 0 ||
           strcmp(scheme, "wss") == 0;
}

static bool url_part(CURLU *u, CURLUPart part, char *out, size_t size)
{
    char *text = NULL;
    bool there = curl_url_get(u, part, &text, 0) == CURLUE_OK;
    str_copy(out, size, there ? text : "");
    curl_free(text);
    return there;
}

/* What is wrong with a URL, or NULL. */
static const char *url_problem(const struct driver *driver, const char *text, bool upgraded)
{
    char scheme[16], host[256], rest[64];
    CURLU *u = curl_url();
    const char *wrong = NULL;
    if (!printable(text) || curl_url_set(u, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK)
        wrong = "is not a URL";
    else if (!url_part(u, CURLUPART_SCHEME, scheme, sizeof scheme) || !url_part(u, CURLUPART_HOST, host, sizeof host))
        wrong = "is not a URL";
    else if (!scheme_fits(driver, scheme))
        wrong = driver->kind == DRIVER_NOTIFY ? "begins with smtp:// or smtps://"
                                              : "begins with https:// (or http:// on this machine)";
    else if (url_part(u, CURLUPART_USER, rest, sizeof rest) || url_part(u, CURLUPART_PASSWORD, rest, sizeof rest))
        wrong = "must not hold a user or password";
    else if (url_part(u, CURLUPART_QUERY, rest, sizeof rest) || url_part(u, CURLUPART_FRAGMENT, rest, sizeof rest))
        wrong = "must not hold a ? or # part";
    else if (!scheme_safe(scheme) && !upgraded && !config_loopback(host))
        wrong = "is not encrypted; without TLS only this machine (127.0.0.1, ::1, localhost) is accepted";
    curl_url_cleanup(u);
    return wrong;
}

static void read_channels(const struct place *at, const json_t *value, json_t **out)
{
    if (!json_is_object(value)) {
        bad(at, "write {approvals: ID, collections: ID}");
        return;
    }
    AUTO_STR where = str_fmt("%s.%s", at->where, at->option->name);
    doc_known_keys(at->r->doc, value, where, channel_keys, at->r->problems);
    for (size_t i = 0; channel_keys[i] != NULL; i++) {
        const json_t *id = json_object_get(value, channel_keys[i]);
        bool optional = strcmp(channel_keys[i], "shadow") == 0;
        if (id == NULL && !optional)
            config_problem(at->r, at->object, at->option->name, "%s.%s is missing", where, channel_keys[i]);
        else if (id != NULL &&
                 (!json_is_string(id) || json_string_length(id) == 0 || !printable(json_string_value(id))))
            config_problem(at->r, value, channel_keys[i], "%s.%s: write the channel's id as text", where,
                           channel_keys[i]);
    }
    *out = json_deep_copy(value);
}

static void read_option(const struct place *at, struct driver_config *d)
{
    const struct option *o = at->option;
    const json_t *value = json_object_get(at->object, o->name);
    const char *text = json_string_value(value);
    if (value == NULL) {
        if (o->required && o->otherwise == NULL)
            config_problem(at->r, at->parent, at->name, "%s.%s is missing: %s", at->where, o->name, o->help);
        else if (o->otherwise != NULL && o->type != OPTION_CHANNELS)
            *text_at(d, o) = str_dup(o->otherwise);
        return;
    }
    switch (o->type) {
    case OPTION_SECRET:
        read_secret(at, value, text_at(d, o));
        return;
    case OPTION_CHANNELS:
        read_channels(at, value, channels_at(d, o));
        return;
    case OPTION_TEXT:
    case OPTION_URL:
    case OPTION_DECLINES:
    case OPTION_EMAIL:
        break;
    }
    struct span row;
    if (text == NULL)
        bad(at, "write text, in quotes if it looks like a number");
    else if (text[0] == '\0' || !printable(text))
        bad(at, text[0] == '\0' ? "is empty; leave it out instead" : "holds a control character");
    else if (o->type == OPTION_EMAIL && !smtp_address_fits(text))
        bad(at, "is not an e-mail address; write the address alone, such as billing@example.com");
    else if (o->type == OPTION_DECLINES && !decline_map_fits(text, &row))
        bad(at, "\"%.*s\" is no row: write CODE=CLASS or GATEWAY/CODE=CLASS, with a class of H, N, A, S or M, such as 51=S", (int)(row.n < ROW_SHOWN ? row.n : ROW_SHOWN), row.p);
    else if (o->type == OPTION_TEXT && strcmp(o->name, "file") == 0)
        *text_at(d, o) = config_resolve(at->r, text); /* in every driver an option of this name is a path */
    else
        *text_at(d, o) = str_dup(text);
}

/* After all options, because what an address may be depends on another option of the same section: a mail server
 * encrypts after the greeting unless `tls` is off, so its smtp:// may lead to other machines. */
static void check_urls(struct place at, struct driver_config *d)
{
    bool upgraded = d->driver->kind == DRIVER_NOTIFY && !str_eq(config_option(d, "tls"), "off");
    for (const struct option *o = d->driver->options; o->name != NULL; o++) {
        const char *text = o->type == OPTION_URL ? value_at(d, o) : NULL;
        const char *wrong = text != NULL ? url_problem(d->driver, text, upgraded) : NULL;
        at.option = o;
        if (wrong != NULL)
            bad(&at, "this address %s", wrong); /* not repeated: it may hold a password */
    }
}

void config_add_driver(struct config_reader *r, const struct driver *driver, const char *where, const json_t *parent,
                       const char *name, bool kind_allowed)
{
    const char *known[OPTIONS_MAX + 2];
    size_t n = 0, before = r->problems->n;
    struct driver_config *d = mem_alloc(driver->config_size);
    d->driver = driver;
    d->name = str_dup(name);
    const json_t *object = json_object_get(parent, name);
    struct place at = {.r = r, .parent = parent, .object = object, .where = where, .name = name};
    for (const struct option *o = driver->options; o->name != NULL; o++) {
        assert(n < OPTIONS_MAX);
        known[n++] = o->name;
        at.option = o;
        read_option(&at, d);
    }
    if (kind_allowed)
        known[n++] = "kind";
    known[n] = NULL;
    doc_known_keys(r->doc, object, where, known, r->problems);
    check_urls(at, d);
    d->refused = r->problems->n > before;
    struct config *c = r->config;
    c->drivers = mem_grow(c->drivers, (c->n_drivers + 1) * sizeof(struct driver_config *));
    c->drivers[c->n_drivers++] = d;
}

void config_free_driver(struct driver_config *d)
{
    for (const struct option *o = d->driver->options; o->name != NULL; o++) {
        if (o->type == OPTION_CHANNELS)
            json_decref(*channels_at(d, o));
        else if (o->type == OPTION_SECRET)
            wipe(*text_at(d, o));
        else
            free(*text_at(d, o));
    }
    free((char *)(uintptr_t)d->name);
    free(d);
}

bool config_url_is_here(const char *url)
{
    char host[256];
    CURLU *u = curl_url();
    bool here = curl_url_set(u, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK &&
                url_part(u, CURLUPART_HOST, host, sizeof host) && config_loopback(host);
    curl_url_cleanup(u);
    return here;
}

bool config_complete(const struct driver_config *d)
{
    if (d->refused)
        return false;
    for (const struct option *o = d->driver->options; o->name != NULL; o++)
        if (o->required && value_at(d, o) == NULL)
            return false;
    return true;
}

const char *config_option(const struct driver_config *d, const char *name)
{
    for (const struct option *o = d->driver->options; o->name != NULL; o++)
        if (o->type != OPTION_CHANNELS && strcmp(o->name, name) == 0)
            return value_at(d, o);
    return NULL;
}

const char *config_channel(const struct driver_config *d, const char *name)
{
    for (const struct option *o = d->driver->options; o->name != NULL; o++)
        if (o->type == OPTION_CHANNELS)
            return json_string_value(json_object_get(value_at(d, o), name));
    return NULL;
}
