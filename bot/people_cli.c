/* dunwell people: who can give one-time codes.
 *
 * The secret is made here, shown once, and only on a terminal: output that goes to a file or a pipe would keep it. It
 * counts after a code made from it was typed back, so nobody is enrolled with an authenticator that shows other codes
 * (a slip of the pen, a clock that is wrong). Whoever is enrolled is not enrolled anew over it: that would be the
 * quiet way to take over somebody's word, so it takes `revoke` first, and both stand in the journal once the process
 * has seen them. */
#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "bot/cmdline.h"
#include "bot/config.h"
#include "engine/enrolled.h"
#include "engine/people.h"
#include "engine/when.h"

enum { TRIES = 3, LINE_SIZE = 64 };

struct desk {
    struct config *config;
    struct people *people;
};

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * MS_SECOND + t.tv_nsec / 1000000;
}

static int sorry(const struct err *e)
{
    fputs("dunwell: ", stderr);
    print_safe(stderr, e->text);
    fputc('\n', stderr);
    return e->code == ERR_IO ? EXIT_UNREACHABLE : EXIT_PROBLEMS;
}

static int people_list(const struct desk *k)
{
    struct problems p = {0};
    struct enrolled *all = enrolled_load(k->config->codes_file, &p);
    for (size_t i = 0; i < p.n; i++)
        fprintf(stderr, "%s\n", p.lines[i]);
    for (size_t i = 0; all && i < people_count(k->people); i++) {
        char roles[64], day[WHEN_TEXT_SIZE] = "";
        const struct person *who = people_at(k->people, i);
        const struct enrolment *has = enrolled_of(all, who->key);
        printf("%-16s %-24s ", who->key, role_names(who->roles, roles, sizeof roles));
        printf("%s%s\n", has ? "enrolled since " : "not enrolled", has ? when_day(day, has->at_ms, who->zone) : "");
    }
    for (size_t i = 0; i < enrolled_count(all); i++)
        if (!people_by_key(k->people, enrolled_at(all, i)->person))
            printf("%-16s enrolled, but nobody in the people file: dunwell people revoke %s\n", enrolled_at(all, i)->person,
                   enrolled_at(all, i)->person);
    enrolled_free(all);
    int code = p.n ? EXIT_PROBLEMS : EXIT_FINE;
    problems_free(&p);
    return code;
}

/* otpauth://totp/Dunwell:manager1?secret=..., which every authenticator reads (as a QR code or pasted). */
static void show_secret(const struct person *who, const struct enrolment *row)
{
    char secret[TOTP_BASE32];
    base32_text(secret, (struct span){(const char *)row->secret, TOTP_SECRET});
    printf("One-time codes for %s (%s). Add this to an authenticator app; it is shown this once:\n\n", who->key, who->email);
    printf("  otpauth://totp/Dunwell:%s?secret=%s&issuer=Dunwell\n\n  or type it by hand: ", who->key, secret);
    for (size_t i = 0; secret[i]; i++)
        printf("%s%c", i && i % 4 == 0 ? " " : "", secret[i]);
    printf("\n\n");
    OPENSSL_cleanse(secret, sizeof secret);
}

/* "123 456" is how some apps show it. */
static void only_digits(char *line)
{
    char *to = line;
    for (const char *c = line; *c; c++)
        if (*c >= '0' && *c <= '9')
            *to++ = *c;
    *to = '\0';
}

static bool confirmed(const struct enrolment *row)
{
    char line[LINE_SIZE];
    int64_t step;
    for (int i = 0; i < TRIES; i++) {
        printf("%s", i ? "That is not it. The code it shows now: " : "Then type the code it shows now, to confirm: ");
        fflush(stdout);
        if (!fgets(line, sizeof line, stdin))
            return false;
        only_digits(line);
        if (totp_matches((struct span){(const char *)row->secret, TOTP_SECRET}, now_ms(), line, 0, &step))
            return true;
    }
    return false;
}

static int people_enroll(const struct desk *k, const struct person *who)
{
    struct enrolment row = {.at_ms = 0};
    struct err e = {0};
    struct problems p = {0};
    struct enrolled *all = enrolled_load(k->config->codes_file, &p);
    bool already = enrolled_of(all, who->key) != NULL;
    enrolled_free(all);
    problems_free(&p); /* enrolled_add says it again */
    if (!isatty(STDOUT_FILENO))
        return sorry(&(struct err){.code = ERR_INVALID, .text = "the secret is shown on a terminal only, not written to a file or a pipe"});
    if (already)
        err_set(&e, ERR_CONFLICT, "%s is enrolled already; `dunwell people revoke %s` first", who->key, who->key);
    if (already)
        return sorry(&e);
    if (getrandom(row.secret, sizeof row.secret, 0) != sizeof row.secret)
        abort(); /* the kernel always has 20 bytes once it is up */
    str_copy(row.person, sizeof row.person, who->key);
    show_secret(who, &row);
    bool good = confirmed(&row);
    row.at_ms = now_ms();
    int rc = good ? enrolled_add(k->config->codes_file, &row, &e) : err_set(&e, ERR_DENIED, "nothing was changed: no code that fits");
    OPENSSL_cleanse(&row, sizeof row);
    if (rc)
        return sorry(&e);
    printf("%s is enrolled. Dunwell takes the next code the app shows; the one just typed is spent.\n", who->key);
    return EXIT_FINE;
}

static int people_revoke(const struct desk *k, const char *key)
{
    struct err e = {0};
    if (enrolled_remove(k->config->codes_file, key, &e) != 0)
        return sorry(&e);
    fputs("One-time codes of ", stdout);
    print_safe(stdout, key);
    puts(" count no more.");
    return EXIT_FINE;
}

static int work(const struct desk *k, const char *what, const char *key)
{
    struct err e = {0};
    const struct person *who = key ? people_by_key(k->people, key) : NULL;
    if (strcmp(what, "list") == 0)
        return people_list(k);
    if (strcmp(what, "revoke") == 0)
        return people_revoke(k, key);
    if (who)
        return people_enroll(k, who);
    err_set(&e, ERR_NOT_FOUND, "nobody in %s has the key \"%.60s\"; `dunwell people list` shows them", k->config->people_file, key);
    return sorry(&e);
}

/* The configuration is needed for two files only; its other problems (a secret that this shell does not have) do not
 * matter here. */
static int with_config(const char *path, const char *what, const char *key)
{
    struct problems p = {0};
    struct desk k = {.config = config_load(path, &p)};
    bool named = k.config && k.config->people_file && k.config->codes_file;
    size_t before = named ? p.n : 0;
    k.people = named ? people_load(k.config->people_file, &p) : NULL;
    int code = EXIT_PROBLEMS;
    if (k.people && p.n == before) {
        code = work(&k, what, key);
    } else {
        for (size_t i = before; i < p.n; i++)
            fprintf(stderr, "%s\n", p.lines[i]);
    }
    people_free(k.people);
    config_free(k.config);
    problems_free(&p);
    return code;
}

int people_main(const struct subcommand *self, int argc, char **argv)
{
    const char *config = "dunwell.yaml", *words[2] = {NULL, NULL};
    const struct flag flags[] = {{"config", 'c', &config, NULL}, {0}};
    int code = cmdline_read(self, argc, argv, flags, words, 2);
    if (code != CMDLINE_GO_ON)
        return code;
    const char *what = words[0] ? words[0] : "";
    bool of_one = strcmp(what, "enroll") == 0 || strcmp(what, "revoke") == 0;
    if (!of_one && strcmp(what, "list") != 0)
        return cmdline_misused(self, "say what to do: people list, people enroll KEY, or people revoke KEY");
    if (of_one != (words[1] != NULL))
        return cmdline_misused(self, of_one ? "people %s needs the key of a person in people.yaml" : "people %s takes no name", what);
    return with_config(config, what, words[1]);
}
