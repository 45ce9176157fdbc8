/* From what arrives to who may do what.
 *
 * A platform's user id is mapped to a person explicitly, in people.yaml; whoever is not there gets a private,
 * friendly refusal and nothing else, whatever they click. A command, a button and a form come down to the same
 * handlers, so there is one place where rights are looked at and one wording for each refusal. Nothing here fails:
 * what goes wrong becomes the private answer of the person who caused it. The caller has already dropped what was
 * seen before.
 *
 * An answer travels in the acknowledgement where the platform carries one (commands, submitted forms); to a click
 * it is whispered. The response URL of a click is a secret and is not needed for that, so it is never stored. */
#include <ctype.h>
#include <openssl/crypto.h>
#include <string.h>

#include "bot/card_reread.h"
#include "bot/chat_person.h"
#include "bot/commands.h"
#include "bot/log.h"
#include "bot/metrics.h"
#include "engine/effect.h"
#include "engine/inbox.h"
#include "engine/nearest.h"

enum { WHISPER_MS = 600000, SEEN_WORD = 32, VERBS_MOST = 64 };

/* Errors of the parsers are parts of sentences ("line 3: ..."); what a person gets is a whole one. */
static void answer_err(struct request *rq, const struct err *e)
{
    AUTO_STR text = str_dup(e->text[0] ? e->text : "That did not work, and I do not know why. Please tell an operator.");
    size_t n = strlen(text);
    text[0] = (char)toupper((unsigned char)text[0]);
    request_say(rq, "%s%s", text, isalnum((unsigned char)text[n - 1]) || text[n - 1] == ')' ? "." : "");
}

static int refuse_verb(struct request *rq, struct span verb, struct err *e)
{
    const char *names[VERBS_MOST];
    char word[SEEN_WORD];
    size_t n = 0;
    for (const struct command *c = commands_all; c->verb && n + 1 < DW_ARRAY_LEN(names); c++)
        if (command_listed(c, rq->who.person))
            names[n++] = c->verb;
    names[n] = NULL;
    AUTO_STR typed = str_ndup(verb.p, verb.n);
    str_copy(word, sizeof word, typed);
    const char *near = text_nearest(word, names);
    if (near)
        return err_set(e, ERR_NOT_FOUND,
                       "I do not know \"%s\". Did you mean \"%s\"? Type help to see what you can do.", word, near);
    return err_set(e, ERR_NOT_FOUND, "I do not know \"%s\". Type help to see what you can do.", word);
}

static int refuse_role(const struct request *rq, const struct command *c, struct err *e)
{
    char need[64], have[64];
    return err_set(e, ERR_DENIED, "\"%s\" is for these roles: %s. Yours: %s. Type help to see what you can do.",
                   c->verb, role_names(c->roles, need, sizeof need),
                   rq->who.person->roles ? role_names(rq->who.person->roles, have, sizeof have) : "none");
}

/* May a one-time code stand in it? */
static bool is_coded(const struct command *c)
{
    static const char *const verbs[] = {"approve", "accept", "counter", "emergency"};
    for (size_t i = 0; i < DW_ARRAY_LEN(verbs); i++)
        if (str_eq(c->verb, verbs[i]))
            return true;
    return false;
}

/* The command sees its text without the code, and the code as a part of who asks. */
static int run_coded(struct request *rq, const struct command *c, const char *args, struct err *e)
{
    char code[PARSE_CODE];
    AUTO_STR rest = str_dup(args);
    parse_take_code(rest, code);
    rq->args = rest;
    rq->who.code = code;
    int rc = c->run(rq, e);
    rq->who.code = NULL;
    rq->args = "";
    OPENSSL_cleanse(code, sizeof code);
    return rc;
}

int request_run(struct request *rq, struct span verb, const char *args, struct err *e)
{
    const struct command *c = command_find(verb);
    if (!c)
        return refuse_verb(rq, verb, e);
    if (!command_allowed(c, rq->who.person))
        return refuse_role(rq, c, e);
    if (is_coded(c))
        return run_coded(rq, c, args, e);
    rq->args = args;
    return c->run(rq, e);
}

/* "/dunwell status x" typed in a direct message: the first word is only our name. */
static bool is_our_name(struct span word)
{
    return span_is(word, "/dunwell") || span_is(word, "!dunwell") || span_is(word, "dunwell") ||
           span_is(word, "Dunwell");
}

static int handle_command(struct request *rq, struct err *e)
{
    const char *rest = rq->in->text ? rq->in->text : "";
    int rc = parse_check(rest, e);
    if (rc)
        return rc;
    struct span verb = parse_word(&rest);
    if (is_our_name(verb))
        verb = parse_word(&rest);
    if (verb.n == 0)
        verb = span_of("help");
    const struct command *c = rq->in->thread ? command_find(verb) : NULL;
    AUTO_STR args = c ? thread_args(rq, c, parse_trim(rest)) : str_dup(parse_trim(rest));
    return request_run(rq, verb, args, e);
}

/* A button: the card's reference is what the command takes, the revision what the person has seen. */
static int handle_action(struct request *rq, struct err *e)
{
    const struct chat_input *in = rq->in;
    char ref[32];
    rq->revision = parse_revision(ref, sizeof ref, in->value);
    const char *action = in->action ? in->action : "";
    const struct command *c = command_find(span_of(action));
    if (!c || !ref[0])
        return err_set(e, ERR_NOT_FOUND,
                       "That button is from an older version of me. Type help to see what you can do.");
    if (!command_allowed(c, rq->who.person))
        return refuse_role(rq, c, e);
    if (form_wanted(rq, c->verb, ref))
        return form_open(rq, c->verb, ref, rq->revision, e);
    return request_run(rq, span_of(c->verb), ref, e);
}

static int handle_form(struct request *rq, struct err *e)
{
    const struct command *c = command_find(span_of(rq->in->form));
    if (!c || !form_known(c->verb) || !rq->in->ref)
        return err_set(e, ERR_NOT_FOUND, "I do not know this form any more. Please open it again from the card.");
    if (!command_allowed(c, rq->who.person))
        return refuse_role(rq, c, e);
    return rq->in->kind == CHAT_FORM_CHANGE ? form_change(rq, e) : form_submit(rq, e);
}

void chat_whisper(struct engine *e, const char *platform, const char *user, const char *channel, const char *once, const char *text)
{
    json_t *args = json_object();
    json_put(args, "channel", channel ? channel : user); /* a form has no channel: then a direct message */
    json_put(args, "user", user);
    json_put(args, "text", text);
    AUTO_STR lane = str_fmt("whisper:%s:%s", platform, user);
    AUTO_STR key = str_fmt("whisper-%s-%s", platform, once);
    effect_add(e, &(struct effect_spec){.lane = lane,
                                        .driver = platform,
                                        .op = channel ? "whisper" : "post",
                                        .key = key,
                                        .take_args = args,
                                        .purpose = "whisper",
                                        .deadline_ms = e->now_ms + WHISPER_MS});
}

/* The answer to a click. */
static void whisper(struct engine *e, const struct chat_input *in, struct chat_answer *answer)
{
    if (!answer->text || in->takes_answer || !in->user || !in->dedupe)
        return;
    chat_whisper(e, in->platform, in->user, in->channel, in->dedupe, answer->text);
    free(answer->text);
    answer->text = NULL;
}

static void refuse_stranger(const struct chat_input *in, struct request *rq, bool sought)
{
    char id[64];
    if (sought) {
        request_say(rq, "One moment, I am looking up who you are. Please repeat that in a few seconds.");
        return;
    }
    str_copy(id, sizeof id, in->user ? in->user : "");
    request_say(
        rq,
        "Sorry, I do not know you yet, so I cannot show or do anything here. Your %s id is %s: an operator can add it to "
        "people.yaml.",
        in->platform, id[0] ? id : "missing");
}

/* Nobody shall think that a file stands in the record with what they wrote beside it. */
static void add_word_of_file(struct request *rq)
{
    AUTO_STR said = STEAL(rq->answer->text);
    request_say(rq, "%s%sThe file beside it was not read and is not kept.", said ? said : "", said ? "\n" : "");
}

static void handle_known(struct request *rq)
{
    struct err e = {0};
    int rc = 0;
    if (rq->in->late && rq->in->kind != CHAT_UNREACT) {
        request_say(rq, "That reached me only now, long after it was written, so nothing was done. If you still mean it, please send it again.");
        return;
    }
    if (rq->in->garbled) {
        request_say(rq, "There are characters in your message that I cannot read, so nothing was done. Please type it again as plain text.");
        return;
    }
    if (rq->in->file && !(rq->in->text && rq->in->text[0])) {
        request_say(rq, "I cannot read files, and keep none. Please write what it says, for example: note <account> <text>");
        return;
    }
    switch (rq->in->kind) {
    case CHAT_COMMAND: rc = handle_command(rq, &e); break;
    case CHAT_ACTION: rc = handle_action(rq, &e); break;
    case CHAT_FORM_CHANGE:
    case CHAT_FORM_SUBMIT: rc = handle_form(rq, &e); break;
    case CHAT_REACTION: rc = tap_handle(rq, &e); break;
    case CHAT_UNREACT: rc = untap_handle(rq, &e); break;
    case CHAT_INVITE:
    case CHAT_ENCRYPTED:
    case CHAT_WARNING:
    case CHAT_IGNORE:
    case CHAT_HELLO:
    case CHAT_DISCONNECT: break;
    }
    if (rc)
        answer_err(rq, &e);
    if (rq->in->file)
        add_word_of_file(rq);
}

static bool is_from_a_person(const struct chat_input *in)
{
    return in->kind == CHAT_COMMAND || in->kind == CHAT_ACTION || in->kind == CHAT_FORM_CHANGE ||
           in->kind == CHAT_FORM_SUBMIT || in->kind == CHAT_REACTION || in->kind == CHAT_UNREACT;
}

/* What people do among themselves, in rooms where we are too, is not answered. */
static bool is_meant_for_us(struct engine *e, const struct chat_input *in)
{
    bool stranger = !chat_person(e, in);
    if (in->kind == CHAT_REACTION)
        return tap_concerns(e, in);
    if (in->kind == CHAT_UNREACT)
        return !stranger;
    return in->kind != CHAT_COMMAND || thread_concerns(e, in);
}

void chat_handle(struct engine *e, const struct chat_input *in, struct chat_answer *answer)
{
    if (in->kind == CHAT_INVITE)
        chat_invited(e, in);
    if (in->kind == CHAT_ENCRYPTED)
        chat_encrypted(e, in);
    if (!is_from_a_person(in) || !is_meant_for_us(e, in))
        return;
    struct request rq = {.engine = e, .in = in, .args = "", .answer = answer};
    bool sought = chat_person_sought(e, in);
    rq.who = (struct actor){.person = chat_person(e, in), .platform = in->platform, .channel = in->channel};
    if (rq.who.person)
        handle_known(&rq);
    else
        refuse_stranger(in, &rq, sought);
    whisper(e, in, answer);
}

void chat_arrived(struct engine *e, const struct chat_input *in)
{
    struct chat_answer answer;
    if (in->kind == CHAT_WARNING) {
        metric_add(METRIC_CHAT_WARNINGS, 1);
        cards_reread_soon(e);
        log_line(LOG_WARN, "chat.warning", "%s: %s", in->platform, in->text ? in->text : "");
    }
    if (in->kind == CHAT_IGNORE || in->kind == CHAT_WARNING)
        return;
    metric_add(METRIC_CHAT_INPUTS, 1);
    if (in->dedupe && !chat_first_time(e, in->platform, in->dedupe)) {
        metric_add(METRIC_CHAT_DUPLICATES, 1);
        return;
    }
    chat_answer_init(&answer);
    chat_handle(e, in, &answer);
    chat_answer_fini(&answer);
}
