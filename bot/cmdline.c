/* Reading a command line.
 *
 * getopt_long does the work; this file keeps its globals, its messages and its `struct option` (a name the drivers
 * use for theirs) in one place. Words and options may stand in any order; "--" ends the options. */
#include "bot/cmdline.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "engine/err.h"

#define FLAGS_MAX 16
#define LONG_ONLY 256 /* getopt's value of a flag without a letter is this plus its row */

static int print_help(const struct subcommand *self)
{
    printf("usage: dunwell %s%s%s\n\n%s.\n\n%s", self->name, self->usage[0] != '\0' ? " " : "", self->usage,
           self->summary, self->details);
    return EXIT_FINE;
}

int cmdline_misused(const struct subcommand *self, const char *fmt, ...)
{
    char words[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(words, sizeof words, fmt, ap);
    va_end(ap);
    fputs("dunwell: ", stderr);
    print_safe(stderr, words);
    fprintf(stderr, "\nusage: dunwell %s%s%s\n", self->name, self->usage[0] != '\0' ? " " : "", self->usage);
    return EXIT_USAGE;
}

void print_safe(void *file, const char *text)
{
    for (; *text != '\0'; text++)
        putc((unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text, (FILE *)file);
}

int exit_for_error(int err_code)
{
    if (err_code == ERR_CONFLICT)
        return EXIT_IN_USE;
    if (err_code == ERR_VERSION)
        return EXIT_NEWER;
    return err_code == ERR_INVALID ? EXIT_PROBLEMS : EXIT_UNREACHABLE;
}

static void fill_options(const struct flag *flags, struct option *options, char *letters)
{
    int n = 0;
    *letters++ = ':'; /* a missing value is told apart, and getopt prints nothing */
    for (; flags[n].name != NULL; n++) {
        assert(n < FLAGS_MAX);
        int value = flags[n].letter != '\0' ? flags[n].letter : LONG_ONLY + n;
        int takes = flags[n].text != NULL ? required_argument : no_argument;
        options[n] = (struct option){flags[n].name, takes, NULL, value};
        if (flags[n].letter == '\0')
            continue;
        *letters++ = flags[n].letter;
        if (takes == required_argument)
            *letters++ = ':';
    }
    options[n] = (struct option){"help", no_argument, NULL, 'h'};
    *letters++ = 'h';
    *letters = '\0';
}

static const struct flag *flag_of(const struct flag *flags, int value)
{
    for (int i = 0; flags[i].name != NULL; i++)
        if (value == flags[i].letter || value == LONG_ONLY + i)
            return &flags[i];
    return NULL;
}

static int bad_option(const struct subcommand *self, int c, char **argv)
{
    const char *word = argv[optind - 1];
    bool letter = strncmp(word, "--", 2) != 0 && optopt > 0 && optopt < LONG_ONLY;
    if (c == ':')
        return letter ? cmdline_misused(self, "-%c needs a value", optopt)
                      : cmdline_misused(self, "%.80s needs a value", word);
    return letter ? cmdline_misused(self, "%s has no option -%c", self->name, optopt)
                  : cmdline_misused(self, "%s has no option %.80s", self->name, word);
}

int cmdline_read(const struct subcommand *self, int argc, char **argv, const struct flag *flags, const char **words,
                 int n_words)
{
    struct option options[FLAGS_MAX + 2] = {{0}};
    char letters[2 * FLAGS_MAX + 4];
    fill_options(flags, options, letters);
    optind = 0; /* glibc: begin anew, also with a second command line in one process */
    for (int c; (c = getopt_long(argc, argv, letters, options, NULL)) != -1;) {
        if (c == 'h')
            return print_help(self);
        const struct flag *f = flag_of(flags, c);
        if (f == NULL)
            return bad_option(self, c, argv);
        if (f->text != NULL)
            *f->text = optarg;
        else
            *f->given = true;
    }
    for (int i = 0; optind < argc; i++, optind++) {
        if (i >= n_words)
            return cmdline_misused(self, "%s takes no \"%.80s\"", self->name, argv[optind]);
        words[i] = argv[optind];
    }
    return CMDLINE_GO_ON;
}
