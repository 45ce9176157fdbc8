/* dunwell.yaml.
 *
 * A person who sets this up should see everything that is wrong at once, each with its line and with what to write
 * instead; so nothing here stops at the first problem, and what could be read is returned even then (`check` goes on
 * with it, `run` does not). What belongs to a driver is read from the driver's own option table, in config_driver.c:
 * adding a driver adds its section, its validation and its manual entry without a line here.
 *
 * Promised: unknown keys are problems, never ignored (a misspelt limit must not pass for no limit); relative paths
 * start at the folder of the configuration, so it does not matter where the program is started; no secret stands in
 * the file. */
#include "bot/config.h"

#include <errno.h>
#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bot/ca_file.h"
#include "bot/config_driver.h"

static const char *const top_keys[] = {"listen", "store",  "mode", "chat", "billing", "accounts",
                                       "people", "policy", "smtp", "tls",  "catch_up", NULL};
static const char *const catch_up_keys[] = {"minutes", NULL};
#define FAILOVER "failover_minutes" /* stands beside the chats */
static const char *const file_keys[] = {"file", NULL};
static const char *const tls_keys[] = {"ca_file", NULL};

/* Names and values of the file are quoted in messages; what they hold must not act on a terminal or fake a second
 * line. */
static void make_safe(char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            *text = '?';
}

static void add_problem(struct config_reader *r, struct problems *to, int line, const char *prefix, const char *fmt,
                        va_list ap) DW_PRINTF(5, 0);
static void add_problem(struct config_reader *r, struct problems *to, int line, const char *prefix, const char *fmt,
                        va_list ap)
{
    char text[768];
    vsnprintf(text, sizeof text, fmt, ap);
    make_safe(text);
    problems_add(to, doc_name(r->doc), line, "%s%s", prefix, text);
}

void config_problem(struct config_reader *r, const json_t *parent, const char *key, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    add_problem(r, r->problems, doc_line(r->doc, parent, key), "", fmt, ap);
    va_end(ap);
}

void config_warning(struct config_reader *r, const json_t *parent, const char *key, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    add_problem(r, &r->config->warnings, doc_line(r->doc, parent, key), "warning: ", fmt, ap);
    va_end(ap);
}

char *config_resolve(const struct config_reader *r, const char *path)
{
    if (path[0] == '/' || r->folder[0] == '\0')
        return str_dup(path);
    return str_fmt("%s/%s", r->folder, path);
}

/* Only what certainly stays on this machine: other names may resolve to anything. */
bool config_loopback(const char *host)
{
    struct in_addr v4;
    struct in6_addr v6;
    if (strcasecmp(host, "localhost") == 0)
        return true;
    if (inet_pton(AF_INET, host, &v4) == 1)
        return (ntohl(v4.s_addr) >> 24) == 127;
    size_t n = strlen(host);
    char bare[64];
    if (n > 2 && n - 2 < sizeof bare && host[0] == '[' && host[n - 1] == ']') {
        str_copy(bare, n - 1, host + 1);
        host = bare;
    }
    return inet_pton(AF_INET6, host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

static bool parse_port(const char *text, int *port)
{
    char *end = NULL;
    if (text[0] < '0' || text[0] > '9' || strlen(text) > 5)
        return false;
    long value = strtol(text, &end, 10);
    if (*end != '\0' || value < 1 || value > 65535)
        return false;
    *port = (int)value;
    return true;
}

static bool is_address(const char *host)
{
    struct in6_addr any;
    return strcasecmp(host, "localhost") == 0 || inet_pton(AF_INET, host, &any) == 1 ||
           inet_pton(AF_INET6, host, &any) == 1;
}

static void read_listen(struct config_reader *r, const json_t *root)
{
    struct config *c = r->config;
    const json_t *value = json_object_get(root, "listen");
    c->listen_host = str_dup("127.0.0.1");
    c->listen_port = 8080;
    if (value == NULL)
        return;
    const char *text = json_string_value(value);
    const char *colon = text != NULL ? strrchr(text, ':') : NULL;
    if (colon == NULL || colon == text) {
        config_problem(r, root, "listen", "listen: write ADDRESS:PORT, for example 127.0.0.1:8080");
        return;
    }
    if (!parse_port(colon + 1, &c->listen_port))
        config_problem(r, root, "listen", "listen: \"%.40s\" is not a port; write a number from 1 to 65535",
                       colon + 1);
    AUTO_STR host = str_ndup(text, (size_t)(colon - text));
    size_t n = strlen(host);
    if (n > 2 && host[0] == '[' && host[n - 1] == ']') {
        char *inner = str_ndup(host + 1, n - 2);
        free(STEAL(host));
        host = inner;
    }
    if (!is_address(host)) {
        config_problem(r, root, "listen",
                       "listen: \"%.80s\" is not an address; write 127.0.0.1, [::1], 0.0.0.0 or the like", host);
        return;
    }
    if (!config_loopback(host))
        config_warning(r, root, "listen",
                       "listen: %s can be reached from other machines without encryption; put a proxy "
                       "that does TLS in front and listen on 127.0.0.1",
                       host);
    free(c->listen_host);
    c->listen_host = str_dup(strcasecmp(host, "localhost") == 0 ? "127.0.0.1" : host);
}

static void read_store(struct config_reader *r, const json_t *root)
{
    const json_t *value = json_object_get(root, "store");
    const char *text = value == NULL ? "sqlite:var/dunwell.db" : json_string_value(value);
    static const char scheme[] = "sqlite:";
    const char *path = NULL;
    if (text != NULL && strncmp(text, scheme, sizeof scheme - 1) == 0)
        path = text + sizeof scheme - 1;
    if (path == NULL || path[0] == '\0' || path[0] == ':' || path[strlen(path) - 1] == '/') {
        config_problem(r, root, "store", "store: write sqlite:PATH, for example sqlite:var/dunwell.db");
        path = "var/dunwell.db";
    }
    AUTO_STR full = config_resolve(r, path);
    r->config->store = str_fmt("sqlite:%s", full);
}

static void read_mode(struct config_reader *r, const json_t *root)
{
    const json_t *value = json_object_get(root, "mode");
    const char *text = json_string_value(value);
    r->config->shadow = true; /* nothing is executed unless the file says so */
    if (value == NULL)
        config_warning(
            r, root, NULL,
            "mode is not set: shadow is assumed, nothing will be executed; write mode: live or mode: shadow");
    else if (text != NULL && strcmp(text, "live") == 0)
        r->config->shadow = false;
    else if (text == NULL || strcmp(text, "shadow") != 0)
        config_problem(r, root, "mode", "mode: write live or shadow");
}

/* A mapping at root[key], or NULL with a problem when it is something else (or missing and needed). */
static const json_t *section(struct config_reader *r, const json_t *root, const char *key, const char *needed)
{
    const json_t *value = json_object_get(root, key);
    if (json_is_object(value) && (json_object_size(value) > 0 || needed == NULL))
        return value;
    if (value == NULL && needed != NULL)
        config_problem(r, root, NULL, "%s is missing; write %s", key, needed);
    else if (value != NULL)
        config_problem(r, root, key, "%s: write it as a mapping%s%s", key, needed != NULL ? ": " : "",
                       needed != NULL ? needed : "");
    return NULL;
}

/* accounts, people, policy: {file: PATH}. A file that cannot be read is found here, where the line is known. */
static char *read_file_section(struct config_reader *r, const json_t *root, const char *key, const char *example)
{
    const json_t *object = section(r, root, key, example);
    if (object == NULL)
        return NULL;
    doc_known_keys(r->doc, object, key, file_keys, r->problems);
    const char *text = json_string_value(json_object_get(object, "file"));
    if (text == NULL || text[0] == '\0') {
        config_problem(r, root, key, "%s: write %s", key, example);
        return NULL;
    }
    char *path = config_resolve(r, text);
    if (access(path, R_OK) == 0)
        return path;
    config_problem(r, object, "file", "%s.file: cannot read %s: %s", key, path, strerror(errno));
    free(path);
    return NULL;
}

/* Hourly at least: what is missed waits that long. Not faster than a vendor's limits bear. */
static void read_catch_up(struct config_reader *r, const json_t *root)
{
    const json_t *object = section(r, root, "catch_up", NULL);
    r->config->catch_up_ms = 15 * INT64_C(60000);
    if (object == NULL)
        return;
    doc_known_keys(r->doc, object, "catch_up", catch_up_keys, r->problems);
    const json_t *value = json_object_get(object, "minutes");
    int64_t minutes = json_is_integer(value) ? json_integer_value(value) : 0;
    if (minutes < 1 || minutes > 60)
        config_problem(r, object, "minutes", "catch_up.minutes: write how often billing is asked for what no webhook told, a number from 1 to 60");
    else
        r->config->catch_up_ms = minutes * INT64_C(60000);
}

/* How long a card waits for a chat that cannot be reached before it goes to another. */
static void read_failover(struct config_reader *r, const json_t *root)
{
    const json_t *chats = json_object_get(root, "chat"), *value = json_object_get(chats, FAILOVER);
    int64_t minutes = json_is_integer(value) ? json_integer_value(value) : 0;
    r->config->failover_ms = 5 * INT64_C(60000);
    if (value == NULL)
        return;
    if (minutes < 1 || minutes > 1440)
        config_problem(r, chats, FAILOVER, "chat.failover_minutes: write a number from 1 to 1440: so long a card waits for a chat that cannot be "
                       "reached before it goes to another");
    else
        r->config->failover_ms = minutes * INT64_C(60000);
}

static void read_tls(struct config_reader *r, const json_t *root)
{
    const json_t *object = section(r, root, "tls", NULL);
    if (object == NULL)
        return;
    doc_known_keys(r->doc, object, "tls", tls_keys, r->problems);
    const json_t *value = json_object_get(object, "ca_file");
    if (value == NULL)
        return;
    const char *text = json_string_value(value);
    if (text == NULL || text[0] == '\0') {
        config_problem(r, object, "ca_file", "tls.ca_file: write the path of a file with certificates");
        return;
    }
    r->config->ca_file = config_resolve(r, text);
    struct err e = {0};
    if (ca_file_check(r->config->ca_file, &e) != 0)
        config_problem(r, object, "ca_file", "tls.ca_file: %s", e.text);
}

static void known_drivers(enum driver_kind kind, struct buf *out)
{
    for (size_t i = 0; drivers_all[i] != NULL; i++)
        if (drivers_all[i]->kind == kind)
            buf_addf(out, "%s%s", out->n > 0 ? ", " : "", drivers_all[i]->name);
}

/* Names end in URLs (/hooks/NAME), in lanes and in the journal. */
static bool name_ok(const char *name)
{
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-");
    return n > 0 && n <= 31 && name[n] == '\0';
}

static void read_drivers(struct config_reader *r, const json_t *root, const char *key, enum driver_kind kind,
                         const char *example)
{
    const json_t *all = section(r, root, key, example);
    if (all == NULL)
        return;
    const char *name;
    json_t *object;
    json_object_foreach((json_t *)(uintptr_t)all, name, object)
    {
        if (kind == DRIVER_CHAT && strcmp(name, FAILOVER) == 0)
            continue; /* of all chats: read_failover */
        AUTO_BUF known = BUF(256);
        known_drivers(kind, &known);
        const json_t *given = kind == DRIVER_BILLING ? json_object_get(object, "kind") : NULL;
        const char *wanted = given != NULL ? json_string_value(given) : name;
        const struct driver *driver = wanted != NULL ? driver_find(kind, wanted) : NULL;
        AUTO_STR where = str_fmt("%s.%.60s", key, name);
        if (!name_ok(name))
            config_problem(r, all, name, "%s: a name has 1 to 31 of a-z, 0-9, - and _", where);
        else if (!json_is_object(object))
            config_problem(r, all, name, "%s: write it as a mapping: %s", where, example);
        else if (driver == NULL && given != NULL)
            config_problem(r, object, "kind", "%s.kind: \"%.60s\" is not known here; known: %s", where,
                           wanted != NULL ? wanted : "?", buf_text(&known));
        else if (driver == NULL && kind == DRIVER_BILLING)
            config_problem(r, all, name, "%s.kind is missing; known: %s", where, buf_text(&known));
        else if (driver == NULL)
            config_problem(r, all, name, "%s: there is no such chat; known: %s", where, buf_text(&known));
        else if (config_driver(r->config, name) != NULL || strcmp(name, "smtp") == 0)
            config_problem(r, all, name, "%s: the name \"%s\" is already taken by another section", where, name);
        else
            config_add_driver(r, driver, where, all, name, kind == DRIVER_BILLING);
    }
}

static void read_smtp(struct config_reader *r, const json_t *root)
{
    if (section(r, root, "smtp", NULL) != NULL)
        config_add_driver(r, &smtp_driver, "smtp", root, "smtp", false);
}

static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        return str_dup("");
    return slash == path ? str_dup("/") : str_ndup(path, (size_t)(slash - path));
}

static struct config *config_read(const struct doc *d, const char *path, struct problems *p)
{
    struct config *c = mem_alloc(sizeof *c);
    struct config_reader r = {.doc = d, .folder = folder_of(path), .config = c, .problems = p};
    const json_t *root = doc_root(d);
    AUTO_JSON empty = json_object();
    c->path = str_dup(path);
    if (!json_is_object(root)) {
        problems_add(p, doc_name(d), 1, "the configuration is a mapping of keys; dunwell.yaml(5) shows one");
        root = empty;
    } else {
        doc_known_keys(d, root, "", top_keys, p);
    }
    read_listen(&r, root);
    read_store(&r, root);
    c->codes_file = str_fmt("%s.codes", config_store_path(c));
    read_mode(&r, root);
    read_drivers(&r, root, "chat", DRIVER_CHAT, "{slack: {...}}");
    read_drivers(&r, root, "billing", DRIVER_BILLING, "{stripe: {kind: stripe, ...}}");
    c->accounts_file = read_file_section(&r, root, "accounts", "{file: accounts.csv}");
    c->people_file = read_file_section(&r, root, "people", "{file: people.yaml}");
    c->policy_file = read_file_section(&r, root, "policy", "{file: policy.yaml}");
    read_smtp(&r, root);
    read_tls(&r, root);
    read_failover(&r, root);
    read_catch_up(&r, root);
    free(r.folder);
    return c;
}

/* The document's own errors name their place already. */
static void add_line(struct problems *p, const char *text)
{
    p->lines = mem_grow(p->lines, (p->n + 1) * sizeof(char *));
    p->lines[p->n] = str_dup(text);
    make_safe(p->lines[p->n++]);
}

struct config *config_load(const char *path, struct problems *p)
{
    struct doc *d = NULL;
    struct err e = {0};
    if (doc_load(&d, path, &e) != 0) {
        add_line(p, e.text);
        return NULL;
    }
    struct config *c = config_read(d, path, p);
    doc_free(d);
    return c;
}

struct config *config_parse(struct span text, const char *path, struct problems *p)
{
    struct doc *d = NULL;
    struct err e = {0};
    if (doc_parse(&d, text, path, &e) != 0) {
        add_line(p, e.text);
        return NULL;
    }
    struct config *c = config_read(d, path, p);
    doc_free(d);
    return c;
}

void config_free(struct config *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; i < c->n_drivers; i++)
        config_free_driver(c->drivers[i]);
    free(c->drivers);
    problems_free(&c->warnings);
    free(c->path);
    free(c->listen_host);
    free(c->store);
    free(c->accounts_file);
    free(c->people_file);
    free(c->policy_file);
    free(c->codes_file);
    free(c->ca_file);
    free(c);
}

const struct driver_config *config_driver(const struct config *c, const char *name)
{
    for (size_t i = 0; i < c->n_drivers; i++)
        if (strcmp(c->drivers[i]->name, name) == 0)
            return c->drivers[i];
    return NULL;
}

const struct driver_config *config_first(const struct config *c, enum driver_kind kind)
{
    for (size_t i = 0; i < c->n_drivers; i++)
        if (c->drivers[i]->driver->kind == kind)
            return c->drivers[i];
    return NULL;
}

const char *config_store_path(const struct config *c)
{
    return strchr(c->store, ':') + 1;
}
