/* dunwell policy: looks at a policy before it is loaded. `check` answers the questions somebody asks before signing a rule. */
#include <stdio.h>
#include <string.h>

#include "bot/cmdline.h"
#include "bot/config.h"
#include "bot/policy_look.h"
#include "bot/policy_propose_cli.h"

/* Names in it are other people's texts. */
static void print_lines_safe(const char *text)
{
    while (*text) {
        size_t n = strcspn(text, "\n");
        AUTO_STR line = str_ndup(text, n);
        print_safe(stdout, line);
        putchar('\n');
        text += n + (text[n] == '\n');
    }
}

static int check_with(const char *path)
{
    struct problems p = {0};
    struct config *c = config_load(path, &p);
    struct people *people = c && c->people_file ? people_load(c->people_file, &p) : NULL;
    struct policy *policy = c && c->policy_file ? policy_load(c->policy_file, &p) : NULL;
    int code = EXIT_PROBLEMS;
    for (size_t i = 0; i < p.n; i++) {
        print_safe(stderr, p.lines[i]);
        fputc('\n', stderr);
    }
    if (people && policy && p.n == 0) {
        AUTO_BUF out = BUF(POLICY_LOOK_SIZE);
        code = policy_look(people, policy, &out) ? EXIT_FINE : EXIT_PROBLEMS;
        print_lines_safe(buf_text(&out));
    }
    people_free(people);
    policy_free(policy);
    config_free(c);
    problems_free(&p);
    return code;
}

static const struct {
    const char *name;
    int (*run)(const char *config);
} actions[] = {{"check", check_with}};

int policy_main(const struct subcommand *self, int argc, char **argv)
{
    const char *path = "dunwell.yaml", *words[2] = {NULL, NULL};
    const struct flag flags[] = {{"config", 'c', &path, NULL}, {0}};
    int code = cmdline_read(self, argc, argv, flags, words, 2);
    if (code != CMDLINE_GO_ON)
        return code;
    const char *action = words[0];
    if (action && str_eq(action, "propose"))
        return words[1] ? policy_propose(path, words[1]) : cmdline_misused(self, "which file? policy propose FILE");
    if (words[1])
        return cmdline_misused(self, "\"%.80s\" is one word too many", words[1]);
    for (size_t i = 0; action && i < DW_ARRAY_LEN(actions); i++)
        if (str_eq(actions[i].name, action))
            return actions[i].run(path);
    if (action)
        return cmdline_misused(self, "there is no \"policy %.80s\"; try policy check or policy propose FILE", action);
    return cmdline_misused(self, "what about the policy? try policy check or policy propose FILE");
}
