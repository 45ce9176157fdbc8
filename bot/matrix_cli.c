/* `dunwell matrix registration`: the file that the administrator of a Matrix server installs, so that the server brings Dunwell what
 * people do. It holds both secrets, so it goes to standard output and nowhere else. */
#include <stdio.h>
#include <string.h>

#include "bot/cmdline.h"
#include "bot/config.h"

static const struct driver_config *matrix_of(const struct config *c)
{
    for (size_t i = 0; i < c->n_drivers; i++)
        if (c->drivers[i]->driver->registration)
            return c->drivers[i];
    return NULL;
}

static int print_registration(const struct config *c, const char *url)
{
    struct err e = {0};
    AUTO_BUF text = BUF(64u << 10);
    AUTO_STR here = str_fmt(strchr(c->listen_host, ':') ? "http://[%s]:%d" : "http://%s:%d", c->listen_host, c->listen_port);
    const struct driver_config *d = matrix_of(c);
    if (!d)
        err_set(&e, ERR_INVALID, "%s has no chat.matrix", c->path);
    else if (d->driver->registration(d, url ? url : here, &text, &e) == 0)
        return fputs(buf_text(&text), stdout) < 0 ? EXIT_UNREACHABLE : EXIT_FINE;
    fprintf(stderr, "dunwell: %s\n", e.text);
    return EXIT_PROBLEMS;
}

int matrix_main(const struct subcommand *self, int argc, char **argv)
{
    const char *path = "dunwell.yaml", *url = NULL, *word = NULL;
    const struct flag flags[] = {{"config", 'c', &path, NULL}, {"url", 'u', &url, NULL}, {0}};
    struct problems p = {0};
    int code = cmdline_read(self, argc, argv, flags, &word, 1);
    if (code != CMDLINE_GO_ON)
        return code;
    if (!word || strcmp(word, "registration") != 0)
        return cmdline_misused(self, "say what to print: registration");
    struct config *c = config_load(path, &p);
    for (size_t i = 0; i < p.n; i++)
        fprintf(stderr, "%s\n", p.lines[i]);
    code = c && p.n == 0 ? print_registration(c, url) : EXIT_PROBLEMS;
    config_free(c);
    problems_free(&p);
    return code;
}
