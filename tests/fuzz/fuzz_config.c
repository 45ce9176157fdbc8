/* dunwell.yaml from arbitrary bytes. Whatever it says: no crash, no leak; a configuration without problems is whole;
 * each problem is one line that begins with the file's name; and the value of a secret is in none of them.
 *
 * The folder does not exist, so relative paths lead nowhere; an input that begins an absolute path is left out, to
 * keep the machine's files out of the run. */
#include <stdio.h>
#include <string.h>

#include "bot/config.h"

#define PATH "/nonexistent/dunwell.yaml"
#define SECRET "fuzz-secret-value"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* libfyaml's own loss on a broken quoted scalar; fuzz_doc.c says more. */
const char *__lsan_default_suppressions(void)
{
    return "leak:libfyaml";
}

static bool names_a_file(const uint8_t *data, size_t size)
{
    for (size_t i = 1; i < size; i++)
        if (data[i] == '/' && memchr(" \t\n\"'{[,", data[i - 1], 8) != NULL)
            return true;
    return false;
}

static void look(const struct problems *p, bool secret_in_file)
{
    for (size_t i = 0; i < p->n; i++) {
        assert(strncmp(p->lines[i], PATH, sizeof PATH - 1) == 0);
        assert(strpbrk(p->lines[i], "\n\r\033") == NULL);
        assert(secret_in_file || strstr(p->lines[i], SECRET) == NULL);
    }
}

static void look_config(const struct config *c, const struct problems *p)
{
    assert(c->listen_host != NULL && c->listen_port >= 1 && c->listen_port <= 65535);
    assert(strncmp(c->store, "sqlite:", 7) == 0 && config_store_path(c)[0] != '\0');
    for (size_t i = 0; i < c->n_drivers; i++) {
        assert(p->n > 0 || config_complete(c->drivers[i]));
        assert(config_driver(c, c->drivers[i]->name) == c->drivers[i]);
    }
    assert(p->n > 0 || (c->accounts_file != NULL && c->people_file != NULL && c->policy_file != NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (names_a_file(data, size))
        return 0;
    setenv("FUZZ_SECRET", SECRET, 1);
    bool secret_in_file = memmem(data, size, SECRET, sizeof SECRET - 1) != NULL;
    struct problems p = {0};
    struct config *c = config_parse((struct span){(const char *)data, size}, PATH, &p);
    look(&p, secret_in_file);
    if (c != NULL) {
        look(&c->warnings, secret_in_file);
        look_config(c, &p);
    } else {
        assert(p.n > 0);
    }
    config_free(c);
    problems_free(&p);
    return 0;
}
