/* The command line: one row a subcommand, one function each. Main thread only, before and after any other runs. */
#ifndef DW_BOT_CMDLINE_H
#define DW_BOT_CMDLINE_H

#include "engine/buf.h"

#define DW_VERSION "0.1.0"

/* Exit codes; dunwell(1) tells them to people, so they do not change. */
enum exit_code {
    EXIT_FINE = 0,
    EXIT_PROBLEMS = 1,    /* the configuration, or what was looked at, is not in order */
    EXIT_USAGE = 2,       /* the command line itself */
    EXIT_UNREACHABLE = 3, /* a peer, a file, an address or the store cannot be reached */
    EXIT_IN_USE = 4,      /* another process has the store, or the port */
    EXIT_NEWER = 5,       /* the store was made by a newer Dunwell */
    EXIT_STOPPED = 6,     /* it ran, and an error such as a full disk stopped it */
};

struct subcommand {
    const char *name, *usage, *summary;
    const char *details; /* what --help prints below the usage, with the options */
    /* argv[0] is the subcommand's name; gives the exit code */
    int (*run)(const struct subcommand *self, int argc, char **argv);
};
extern const struct subcommand subcommands_all[]; /* main.c; ends with a row without name */

int run_main(const struct subcommand *self, int argc, char **argv);     /* cmdline_run.c */
int check_main(const struct subcommand *self, int argc, char **argv);   /* check.c */
int demo_main(const struct subcommand *self, int argc, char **argv);    /* demo.c */
int journal_main(const struct subcommand *self, int argc, char **argv); /* journal_cli.c */
int matrix_main(const struct subcommand *self, int argc, char **argv);  /* matrix_cli.c */
int report_main(const struct subcommand *self, int argc, char **argv);  /* report_cli.c */
int people_main(const struct subcommand *self, int argc, char **argv);  /* people_cli.c */
int drivers_main(const struct subcommand *self, int argc, char **argv); /* drivers_cli.c */
int policy_main(const struct subcommand *self, int argc, char **argv);  /* policy_cli.c */
int commands_main(const struct subcommand *self, int argc, char **argv); /* commands_cli.c */
int version_main(const struct subcommand *self, int argc, char **argv); /* main.c */

/* One option a subcommand knows. `text` takes its value, or `given` says that it was there. --help and -h always
 * exist. */
struct flag {
    const char *name;
    char letter; /* 0: only the long form */
    const char **text;
    bool *given;
};
#define CMDLINE_GO_ON (-1)
/* Reads the options of argv (flags end with a row without name) and up to n_words other words, in any order; what is
 * not given is left as it was. CMDLINE_GO_ON, or the exit code when --help was answered or the usage is wrong. */
int cmdline_read(const struct subcommand *self, int argc, char **argv, const struct flag *flags, const char **words,
                 int n_words);
/* One sentence and the usage on stderr; gives EXIT_USAGE. */
int cmdline_misused(const struct subcommand *self, const char *fmt, ...) DW_PRINTF(2, 3);

/* Foreign text made harmless for a terminal: control characters become '?'. Written to a stdio stream. */
void print_safe(void *file, const char *text);
/* The exit code that belongs to an error of opening or starting. */
int exit_for_error(int err_code);

/* What a billing driver can do: one line an operation, with the sentence for approvers (drivers_cli.c). */
struct driver;
void drivers_print_capabilities(void *file, const struct driver *d);
/* The option list of dunwell.yaml(5), in mdoc, from the drivers' tables (drivers_cli.c). */
void drivers_print_mdoc(struct buf *out);
/* The list of what people can type, of dunwell(1), in mdoc (commands_cli.c). */
void commands_print_mdoc(struct buf *out);
/* Billing systems by operation, as `dunwell drivers` prints it and the README repeats it. */
void drivers_print_table(struct buf *out);

#endif
