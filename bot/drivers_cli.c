/* dunwell drivers: what is built in, printed from the same tables that read the configuration and fill the manual
 * page.
 *
 * `--options` writes the option list of dunwell.yaml(5) in mdoc. The page holds a copy between two marks, and a unit
 * test compares them, so the manual cannot fall behind the program. */
#include <stdio.h>
#include <string.h>

#include "adapters/adapter.h"
#include "adapters/billing/idempotency.h"
#include "bot/cmdline.h"

enum { OPS_MAX = 40, COLUMN = 11 };

static const char *kind_name(enum driver_kind kind)
{
    switch (kind) {
    case DRIVER_CHAT:
        return "chat";
    case DRIVER_BILLING:
        return "billing";
    case DRIVER_NOTIFY:
        return "mail";
    }
    return "?";
}

static const char *type_words(enum option_type type)
{
    switch (type) {
    case OPTION_TEXT:
        return "text";
    case OPTION_URL:
        return "address";
    case OPTION_SECRET:
        return "secret";
    case OPTION_CHANNELS:
        return "channels";
    case OPTION_DECLINES:
        return "codes";
    case OPTION_EMAIL:
        return "e-mail address";
    }
    return "?";
}

/* Where the section of a driver stands in dunwell.yaml. */
static void section_name(const struct driver *d, struct buf *out)
{
    if (d->kind == DRIVER_CHAT)
        buf_addf(out, "chat.%s", d->name);
    else if (d->kind == DRIVER_BILLING)
        buf_addf(out, "billing.NAME with kind: %s", d->name);
    else
        buf_adds(out, d->name);
}

static void add_escaped(struct buf *out, const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] == '\\')
            buf_adds(out, "\\e");
        else
            buf_addc(out, p[i]);
}

/* A sentence, with a full stop, in lines of at most 78. What mdoc would take for a request at the start of a line is
 * quoted. */
static void add_sentence(struct buf *out, const char *text)
{
    size_t column = 0, all = strlen(text);
    while (*text != '\0') {
        size_t n = strcspn(text, " \n");
        if (column > 0 && column + 1 + n > 77) {
            buf_addc(out, '\n');
            column = 0;
        } else if (column > 0) {
            buf_addc(out, ' ');
            column++;
        }
        if (column == 0 && (text[0] == '.' || text[0] == '\''))
            buf_adds(out, "\\&");
        add_escaped(out, text, n);
        column += n;
        text += n;
        text += strspn(text, " \n");
    }
    buf_adds(out, all > 0 && text[-1] == '.' ? "\n" : ".\n");
}

static void mdoc_option(struct buf *out, const struct option *o)
{
    buf_addf(out, ".It Ic %s Pq %s", o->name, type_words(o->type));
    buf_addc(out, '\n');
    add_sentence(out, o->help);
    if (o->otherwise != NULL && o->otherwise[0] != '\0') {
        buf_adds(out, "Default:\n.Ql ");
        add_escaped(out, o->otherwise, strlen(o->otherwise));
        buf_adds(out, " .\n");
    } else if (o->required) {
        buf_adds(out, "Required.\n");
    }
}

static void mdoc_driver(struct buf *out, const struct driver *d)
{
    AUTO_BUF where = BUF(200);
    section_name(d, &where);
    buf_addf(out, ".Ss %s", buf_text(&where));
    buf_addc(out, '\n');
    add_sentence(out, d->summary);
    if (d->options[0].name == NULL)
        return;
    buf_adds(out, ".Bl -tag -width Ds\n");
    for (const struct option *o = d->options; o->name != NULL; o++)
        mdoc_option(out, o);
    buf_adds(out, ".El\n");
}

void drivers_print_mdoc(struct buf *out)
{
    for (size_t i = 0; drivers_all[i] != NULL; i++)
        mdoc_driver(out, drivers_all[i]);
}

void drivers_print_capabilities(void *file, const struct driver *d)
{
    if (d->capabilities != NULL)
        fprintf(file, "what it can do:\n");
    for (const struct capability *c = d->capabilities; c != NULL && c->op != NULL; c++)
        fprintf(file, "  %-16s %-9s %s\n", c->op, c->how, c->note != NULL ? c->note : "");
}

/* Every operation that some billing system has a word about, in the order they are first met. */
static size_t table_ops(const char **ops, size_t max)
{
    size_t n = 0;
    for (size_t i = 0; drivers_all[i] != NULL; i++)
        for (const struct capability *c = drivers_all[i]->kind == DRIVER_BILLING ? drivers_all[i]->capabilities : NULL; c != NULL && c->op != NULL; c++) {
            size_t known = 0;
            while (known < n && strcmp(ops[known], c->op) != 0)
                known++;
            if (known == n && n < max)
                ops[n++] = c->op;
        }
    return n;
}

static const char *table_how(const struct driver *d, const char *op)
{
    for (const struct capability *c = d->capabilities; c != NULL && c->op != NULL; c++)
        if (strcmp(c->op, op) == 0)
            return c->how;
    return "-";
}

/* A cell, with the spaces before it; so no line ends in spaces. */
static void table_cell(struct buf *out, size_t *missing, const char *text)
{
    buf_addf(out, "%*s%s", (int)*missing, "", text);
    *missing = strlen(text) < COLUMN ? COLUMN - strlen(text) : 1;
}

void drivers_print_table(struct buf *out)
{
    const char *ops[OPS_MAX];
    size_t n = table_ops(ops, OPS_MAX), missing = 0;
    table_cell(out, &missing, "operation");
    for (size_t i = 0; drivers_all[i] != NULL; i++)
        if (drivers_all[i]->kind == DRIVER_BILLING)
            table_cell(out, &missing, drivers_all[i]->name);
    for (size_t row = 0; row < n; row++) {
        buf_addc(out, '\n');
        missing = 0;
        table_cell(out, &missing, ops[row]);
        for (size_t i = 0; drivers_all[i] != NULL; i++)
            if (drivers_all[i]->kind == DRIVER_BILLING)
                table_cell(out, &missing, table_how(drivers_all[i], ops[row]));
    }
    buf_addc(out, '\n');
}

static void print_one(const struct driver *d)
{
    AUTO_BUF where = BUF(200);
    section_name(d, &where);
    printf("%s (%s): %s\nin dunwell.yaml: %s\n", d->name, kind_name(d->kind), d->summary, buf_text(&where));
    for (const struct option *o = d->options; o->name != NULL; o++) {
        printf("  %-16s %-9s %s", o->name, type_words(o->type), o->help);
        if (o->otherwise != NULL)
            printf(" (default: %s)", o->otherwise);
        else if (o->required)
            printf(" (required)");
        putchar('\n');
    }
    drivers_print_capabilities(stdout, d);
    const struct idempotency *keys = d->kind == DRIVER_BILLING ? idempotency_of(d->name) : NULL;
    if (keys != NULL) {
        AUTO_BUF words = BUF(1024);
        idempotency_words(keys, &words);
        printf("how a write is kept from happening twice:\n  %s\n", buf_text(&words));
    }
}

static int print_named(const struct subcommand *self, const char *name)
{
    bool found = false;
    for (size_t i = 0; drivers_all[i] != NULL; i++) {
        if (strcmp(drivers_all[i]->name, name) != 0)
            continue;
        if (found)
            putchar('\n');
        print_one(drivers_all[i]);
        found = true;
    }
    return found ? EXIT_FINE
                 : cmdline_misused(self, "there is no driver \"%.80s\"; `dunwell drivers` lists them", name);
}

int drivers_main(const struct subcommand *self, int argc, char **argv)
{
    bool options = false;
    const char *name = NULL;
    const struct flag flags[] = {{"options", 0, NULL, &options}, {0}};
    int code = cmdline_read(self, argc, argv, flags, &name, 1);
    if (code != CMDLINE_GO_ON)
        return code;
    if (options && name != NULL)
        return cmdline_misused(self, "--options prints all of them; leave out \"%.80s\"", name);
    if (options) {
        AUTO_BUF text = BUF(256u << 10);
        drivers_print_mdoc(&text);
        fputs(buf_text(&text), stdout);
        return EXIT_FINE;
    }
    if (name != NULL)
        return print_named(self, name);
    for (size_t i = 0; drivers_all[i] != NULL; i++)
        printf("%-8s %-10s %s\n", kind_name(drivers_all[i]->kind), drivers_all[i]->name, drivers_all[i]->summary);
    AUTO_BUF table = BUF(16u << 10);
    drivers_print_table(&table);
    printf("\nWhat each billing system does: native, by itself; emulated, Dunwell keeps the dates; manual, a person does it; none, nobody can.\n"
           "A dash: not needed there.\n\n%s", buf_text(&table));
    return EXIT_FINE;
}
