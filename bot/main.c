/* dunwell: the command line.
 *
 * One table says which subcommands there are; `dunwell --help` and each one's --help are printed from it, and
 * dunwell(1) describes the same. Nothing is done here but finding the row. Exit codes are one list for all of them
 * (cmdline.h), so that a script or systemd can tell a wrong file from a peer that is down. */
#include <curl/curl.h>
#include <jansson.h>
#include <libwebsockets.h>
#include <microhttpd.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "bot/cmdline.h"
#include "engine/nearest.h"

static const char config_option_help[] = "  -c, --config FILE   the configuration (default: dunwell.yaml)\n"
                                         "  -h, --help          print this\n";

static const char check_help[] =
    "Reads the configuration and every file it names, prints each problem as FILE:LINE: message, then tries to reach "
    "the\n"
    "store, the chat, billing and mail. Changes nothing.\n\n"
    "  -c, --config FILE   the configuration (default: dunwell.yaml)\n"
    "      --offline       do not reach out; only the files and the store\n"
    "  -b, --billing NAME  only that billing system: are the credentials right, what may they read, and what can be\n"
    "                      done there\n"
    "      --read-only     says aloud what always holds: nothing is changed, here or there\n"
    "  -h, --help          print this\n\n"
    "Exit: 0 all is well, 1 problems in the configuration, 2 usage, 3 something could not be reached.\n";

static const char demo_help[] =
    "Starts Dunwell on a sandbox billing system and the console chat, with a sample book of accounts, in a folder\n"
    "of its own that is removed at the end. At a terminal you play; without one it plays a story by itself and\n"
    "verifies it.\n\n"
    "      --story         play the story also at a terminal\n"
    "  -s, --speed N       pauses between its steps: 1 to read along, 2 half as long (default: none)\n"
    "  -k, --keep FOLDER   use this folder and leave it\n"
    "  -h, --help          print this\n";

static const char journal_help[] =
    "verify recomputes the hash chain of the whole journal, looks whether the rest of the store tells of newer rows, and\n"
    "compares requests, votes, cards that were shown and billing's answers with it. Who takes rows off the end with care\n"
    "is only found by what is kept elsewhere: the head and the number of rows that verify prints, for --head and --rows.\n"
    "show prints the rows of one account, oldest first. receipt prints one decision: the\n"
    "card as the approver saw it, who decided by which right, what was executed, what billing answered, the proof;\n"
    "of A-17 or P-3 every decision on that request or change of the policy.\n"
    "The store is opened read-only; a running Dunwell is not disturbed.\n\n"
    "  -c, --config FILE   where the store is written down (default: dunwell.yaml)\n"
    "  -s, --store URL     the store itself, for example sqlite:var/dunwell.db\n"
    "  -a, --account X     show: the account, by name, number or id (names need the configuration)\n"
    "  -n, --last N        show: only the last N rows (default: 1000)\n"
    "  -j, --json          show: one JSON object a line\n"
    "      --head HASH     verify: the head it printed before must still be there\n"
    "      --rows N        verify: at least so many rows, as it printed before; with --head, row N has that hash\n"
    "  -h, --help          print this\n\n"
    "Exit: 0 it holds, or rows were shown; 1 it does not hold, or there is no such account or receipt; 2 usage;\n"
    "3 the store cannot be read; 5 it was made by a newer Dunwell.\n";

static const char matrix_help[] =
    "registration prints the appservice registration for a Matrix server. Its administrator saves it, names it in\n"
    "app_service_config_files and restarts the server. It holds both tokens: keep it as secret as they are.\n\n"
    "  -c, --config FILE   the configuration, with as_token and hs_token in chat.matrix (default: dunwell.yaml)\n"
    "  -u, --url URL       where the server reaches Dunwell (default: the address of `listen`)\n"
    "  -h, --help          print this\n\n"
    "Exit: 0 it was printed, 1 the configuration is not complete, 2 usage.\n";

static const char report_help[] =
    "approvals prints, for each person and kind of request: how many they were asked for by name and decided, how long it\n"
    "took (median and nine of ten), what they approved and was overturned after (failed, void, undone), uses of the\n"
    "emergency right, decisions within 5 s with the details unopened, and how plans they approved ended. Below: what was\n"
    "asked and parked by kind. The store is opened read-only; a running Dunwell is not disturbed.\n\n"
    "      --since SPAN    30d, 12h or 4w back from now (default: 30d)\n"
    "  -c, --config FILE   where the store is written down (default: dunwell.yaml)\n"
    "  -s, --store URL     the store itself, for example sqlite:var/dunwell.db\n"
    "  -j, --json          one JSON object\n"
    "  -h, --help          print this\n";

static const char policy_help[] =
    "check reads people.yaml and policy.yaml and prints for each approval rule, kind, tier, region and band of amounts what it\n"
    "needs, whom it calls, who may decide too, and where nobody could.\n"
    "propose FILE says in words how a changed policy differs from the one in force, and decides the last 90 days of the\n"
    "journal again by it. Both change nothing and reach nobody.\n\n"
    "  -c, --config FILE   where the files are written down (default: dunwell.yaml)\n"
    "  -h, --help          print this\n\n"
    "Exit: 0 every rule can be fulfilled, 1 one cannot, or a file is wrong, 2 usage.\n";

static const char people_help[] =
    "enroll makes the secret for a person's one-time codes, shows it once in this terminal, and asks for a code before\n"
    "it counts. list says who is enrolled. revoke ends it at once. All three work beside a running Dunwell.\n\n"
    "  -c, --config FILE   the configuration (default: dunwell.yaml)\n"
    "  -h, --help          print this\n\n"
    "Exit: 0 done; 1 nobody has that name, enrolled already or not at all, or the code was wrong; 2 usage; 3 a file\n"
    "cannot be read or written.\n";

static const char drivers_help[] =
    "Lists the systems that are built in, and in a table what each billing system does. With a NAME: its options, what it can\n"
    "do, in sentences, and how it keeps a write from happening twice.\n\n"
    "      --options       print all options in mdoc, as in dunwell.yaml(5)\n"
    "  -h, --help          print this\n";

static const char commands_help[] = "Prints each command that people can type in chat, what it does, and for which roles it is.\n\n"
                                    "      --manual        as the list of dunwell(1), in mdoc\n"
                                    "  -h, --help          print this\n";

const struct subcommand subcommands_all[] = {
    {"run", "[--config FILE]", "connect to chat and billing and run until stopped", config_option_help, run_main},
    {"check", "[--config FILE] [--offline | --billing NAME [--read-only]]", "say what is wrong with a configuration; change nothing", check_help,
     check_main},
    {"demo", "[--story] [--speed N] [--keep FOLDER]", "play the whole loop with a sandbox; needs no account anywhere",
     demo_help, demo_main},
    {"journal", "verify|show|receipt ID|REF [--config FILE | --store URL] [--account X] [--head HASH] [--rows N]", "verify or read what happened",
     journal_help, journal_main},
    {"report", "approvals [--since 30d] [--config FILE | --store URL] [--json]", "who decided what, how fast, and how it ended", report_help,
     report_main},
    {"policy", "check | propose FILE [--config FILE]", "say whom each approval rule calls, or what a changed policy would mean", policy_help, policy_main},
    {"people", "list | enroll KEY | revoke KEY  [--config FILE]", "one-time codes for large approvals: who can give them",
     people_help, people_main},
    {"commands", "[--manual]", "list what people can type in chat, and who may", commands_help, commands_main},
    {"drivers", "[NAME | --options]", "list the chat, billing and mail systems that are built in", drivers_help,
     drivers_main},
    {"matrix", "registration [--config FILE] [--url URL]", "print the file that makes a Matrix server bring what people do", matrix_help,
     matrix_main},
    {"version", "", "print the version and those of the libraries", "  -h, --help          print this\n",
     version_main},
    {NULL, NULL, NULL, NULL, NULL},
};

static void print_usage(FILE *file)
{
    fputs("usage: dunwell COMMAND [OPTION]...\n\n", file);
    for (const struct subcommand *s = subcommands_all; s->name != NULL; s++)
        fprintf(file, "  %-9s %s\n", s->name, s->summary);
    fputs("\n`dunwell COMMAND --help` tells more; so do dunwell(1) and dunwell.yaml(5).\n", file);
}

int version_main(const struct subcommand *self, int argc, char **argv)
{
    int code = cmdline_read(self, argc, argv, (const struct flag[]){{0}}, NULL, 0);
    if (code != CMDLINE_GO_ON)
        return code;
    printf("dunwell %s\n", DW_VERSION);
    const curl_version_info_data *curl = curl_version_info(CURLVERSION_NOW);
    printf("SQLite %s, curl %s, %s, libwebsockets %s, libmicrohttpd %s, jansson %s\n", sqlite3_libversion(),
           curl->version, curl->ssl_version != NULL ? curl->ssl_version : "no TLS", lws_get_library_version(),
           MHD_get_version(), jansson_version_str());
    return EXIT_FINE;
}

/* What was printed may be the whole point (check, journal): output that could not be written is not success. */
static int finish(int code)
{
    if ((fflush(stdout) != 0 || ferror(stdout)) && code == EXIT_FINE)
        return EXIT_UNREACHABLE;
    return code;
}

static int no_such_command(const char *name)
{
    const char *names[DW_ARRAY_LEN(subcommands_all)] = {NULL};
    for (size_t i = 0; subcommands_all[i].name != NULL; i++)
        names[i] = subcommands_all[i].name;
    const char *near = text_nearest(name, names);
    fputs("dunwell: there is no command \"", stderr);
    print_safe(stderr, name);
    fprintf(stderr, "\"%s%s%s\n", near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
            near != NULL ? "\"?" : "");
    print_usage(stderr);
    return EXIT_USAGE;
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : NULL;
    if (name == NULL) {
        print_usage(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        print_usage(stdout);
        return finish(EXIT_FINE);
    }
    if (strcmp(name, "--version") == 0)
        name = "version";
    for (const struct subcommand *s = subcommands_all; s->name != NULL; s++)
        if (strcmp(s->name, name) == 0)
            return finish(s->run(s, argc - 1, argv + 1));
    return no_such_command(name);
}
