/* dunwell commands: what people can type in chat, printed from the table that runs it. dunwell(1) holds the same list between two
 * marks, as `--manual` prints it, and a unit test compares them, so that neither can go stale. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "bot/cmdline.h"
#include "bot/commands.h"

enum { WHO_SIZE = 100 };

void commands_print_mdoc(struct buf *out)
{
    char who[WHO_SIZE];
    buf_adds(out, ".Bl -tag -width Ds\n");
    for (const struct command *c = commands_all; c->verb; c++) {
        buf_addf(out, ".It Ic \"%s\"\n%c%s.\n", c->usage, toupper((unsigned char)c->help[0]), c->help + 1);
        buf_addf(out, "For %s.\n", command_who(c, who, sizeof who));
    }
    buf_adds(out, ".El\n");
}

static void print_table(void)
{
    char who[WHO_SIZE];
    for (const struct command *c = commands_all; c->verb; c++)
        printf("%s\n    %s (%s)\n", c->usage, c->help, command_who(c, who, sizeof who));
}

int commands_main(const struct subcommand *self, int argc, char **argv)
{
    bool manual = false;
    const struct flag flags[] = {{"manual", 0, NULL, &manual}, {0}};
    int code = cmdline_read(self, argc, argv, flags, NULL, 0);
    if (code != CMDLINE_GO_ON)
        return code;
    if (manual) {
        AUTO_BUF text = BUF(256u << 10);
        commands_print_mdoc(&text);
        fputs(buf_text(&text), stdout);
    } else {
        print_table();
    }
    return EXIT_FINE;
}
