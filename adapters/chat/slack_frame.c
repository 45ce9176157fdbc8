/* Frames of Slack's Socket Mode: what they say, and how they are acknowledged.
 *
 * A slash command is the hot path and is read by the strict scanner alone: nothing of the frame is built that is not
 * needed. Clicks and forms embed the whole message they stand on and are read by jansson. Slack redelivers events
 * only; commands, clicks and submissions come once, so an envelope that we do not understand is still acknowledged
 * (it would show an error to the person), and only text that is no JSON at all is an error. What a person pasted may hold
 * an escaped zero byte or half of a pair, which no text of ours can: such a frame is read with another character in its
 * place and marked, so that the person is told and nothing is done.
 *
 * What makes a thing unique: trigger_id for what a person did, event_id for events (the envelope's id changes with
 * each redelivery). An acknowledgement may carry an answer for commands and submissions; Slack ignores one for
 * clicks, so there takes_answer is false and the caller answers by a whisper. Source: Slack's Socket Mode and
 * interaction payload references, payload logs of its Java SDK. */
#include "adapters/chat/slack.h"

#include <string.h>

#include "engine/scan.h"

enum { SENTENCE_MAX = 300 };

enum field {
    F_TYPE,
    F_ENVELOPE,
    F_COMMAND,
    F_TEXT,
    F_USER,
    F_CHANNEL,
    F_TRIGGER,
    F_RESPONSE_URL,
    F_REASON,
    F_CONNECTIONS,
    F_SECONDS,
    F_COUNT,
};

static const char *const field_paths[F_COUNT] = {
    [F_TYPE] = "type",
    [F_ENVELOPE] = "envelope_id",
    [F_COMMAND] = "payload.command",
    [F_TEXT] = "payload.text",
    [F_USER] = "payload.user_id",
    [F_CHANNEL] = "payload.channel_id",
    [F_TRIGGER] = "payload.trigger_id",
    [F_RESPONSE_URL] = "payload.response_url",
    [F_REASON] = "reason",
    [F_CONNECTIONS] = "num_connections",
    [F_SECONDS] = "debug_info.approximate_connection_time",
};

/* A copy of a string field, NULL when there is none or it cannot be text. */
static char *copy_field(const struct scan_field *f)
{
    if (!f->value.p || !f->is_string)
        return NULL;
    char *text = mem_alloc(f->value.n + 1);
    if (scan_copy(f, text, f->value.n + 1) == 0)
        return text;
    free(text);
    return NULL;
}

static void put(char **slot, const char *text)
{
    free(*slot);
    *slot = str_dup(text);
}

static void trim(char *text)
{
    size_t n = strlen(text), lead = strspn(text, " \t\r\n");
    memmove(text, text + lead, n - lead + 1);
    n -= lead;
    while (n > 0 && strchr(" \t\r\n", text[n - 1]))
        text[--n] = '\0';
}

/* Without a person, or without anything that tells it from a repetition, there is nothing that could be done safely.
 */
static void require_person(struct chat_input *in)
{
    if (!in->dedupe)
        in->dedupe = str_dup(in->envelope);
    if (!in->user || !*in->user || !in->dedupe)
        in->kind = CHAT_IGNORE;
}

static void read_slash(const struct scan_field *f, struct chat_input *in)
{
    in->kind = CHAT_COMMAND;
    in->takes_answer = true;
    in->user = copy_field(&f[F_USER]);
    in->channel = copy_field(&f[F_CHANNEL]);
    in->trigger = copy_field(&f[F_TRIGGER]);
    in->response_url = copy_field(&f[F_RESPONSE_URL]);
    in->dedupe = str_dup(in->trigger);
    in->text = copy_field(&f[F_TEXT]);
    if (!in->text)
        in->text = str_dup("");
    slack_unescape(in->text);
    trim(in->text);
    require_person(in);
}

static void read_hello(const struct scan_field *f, struct chat_input *in)
{
    int64_t connections = 0, seconds = 0;
    in->kind = CHAT_HELLO;
    if (scan_int(&f[F_CONNECTIONS], &connections) && connections >= 0 && connections <= 1000)
        in->connections = (int)connections;
    if (scan_int(&f[F_SECONDS], &seconds) && seconds > 0)
        in->seconds_left = seconds;
}

/* Where the value of one element of a form is found depends on its type; an empty input gives "". */
static char *element_value(const json_t *element)
{
    static const char *const places[] = {"value", "selected_date", "selected_option.value", "selected_user",
                                         "selected_time"};
    for (size_t i = 0; i < DW_ARRAY_LEN(places); i++) {
        const char *text = json_str(element, places[i], NULL);
        if (text)
            return str_dup(text);
    }
    AUTO_BUF joined = BUF(8 << 10);
    const json_t *many = json_at(element, "selected_options");
    for (size_t i = 0; i < json_array_size(many); i++) {
        if (i)
            buf_addc(&joined, ',');
        buf_adds(&joined, json_str(json_array_get(many, i), "value", ""));
    }
    return buf_take(&joined);
}

/* {"how": {"how": {"selected_option": {"value": "3"}}}} -> {"how": "3"} */
static json_t *flatten(const json_t *values)
{
    union {
        const json_t *borrowed;
        json_t *iterable; /* jansson's iterators want it so; nothing is changed */
    } from = {.borrowed = values};
    json_t *flat = json_object(), *block, *element;
    const char *id, *action;
    json_object_foreach (from.iterable, id, block) {
        json_object_foreach (block, action, element) {
            AUTO_STR value = element_value(element);
            json_put(flat, id, value);
        }
    }
    return flat;
}

static void read_view(const json_t *payload, struct chat_input *in)
{
    put(&in->form, json_str(payload, "view.callback_id", NULL));
    put(&in->ref, json_str(payload, "view.private_metadata", NULL));
    put(&in->view, json_str(payload, "view.id", NULL));
    put(&in->view_hash, json_str(payload, "view.hash", NULL));
    in->values = flatten(json_at(payload, "view.state.values"));
}

/* A menu entry's value is "ACTION|VALUE"; a menu of one entry is a button with such a value. */
static void read_menu(const char *entry, struct chat_input *in)
{
    const char *bar = strchr(entry, '|');
    in->action = bar ? str_ndup(entry, (size_t)(bar - entry)) : str_dup(entry);
    in->value = str_dup(bar ? bar + 1 : "");
}

static void read_click(const json_t *payload, struct chat_input *in)
{
    const json_t *a = json_at(payload, "actions.0");
    const char *type = json_str(a, "type", "");
    put(&in->channel, json_str(payload, "channel.id", json_str(payload, "container.channel_id", NULL)));
    put(&in->message, json_str(payload, "container.message_ts", json_str(payload, "message.ts", NULL)));
    put(&in->response_url, json_str(payload, "response_url", NULL));
    in->kind = CHAT_ACTION;
    if (json_is_object(json_at(payload, "view")))
        read_view(payload, in);
    if (str_eq(json_str(a, "action_id", ""), SLACK_MENU_ID)) {
        read_menu(json_str(a, "selected_option.value", json_str(a, "value", "")), in);
    } else if (str_eq(type, "button")) {
        put(&in->action, json_str(a, "action_id", ""));
        put(&in->value, json_str(a, "value", ""));
    } else {
        in->kind = in->view ? CHAT_FORM_CHANGE : CHAT_IGNORE;
    }
}

static void read_interactive(const json_t *payload, struct chat_input *in)
{
    const char *type = json_str(payload, "type", "");
    put(&in->user, json_str(payload, "user.id", NULL));
    put(&in->trigger, json_str(payload, "trigger_id", NULL));
    in->dedupe = str_dup(in->trigger);
    if (str_eq(type, "block_actions")) {
        read_click(payload, in);
    } else if (str_eq(type, "view_submission")) {
        in->kind = CHAT_FORM_SUBMIT;
        in->takes_answer = true;
        read_view(payload, in);
    }
    if (in->kind != CHAT_IGNORE)
        require_person(in);
}

/* "<@U222>: list" -> " list": the bot's own mention, wherever it stands, and what people put behind a name; without knowing its id,
 * the leading one. */
static void strip_mention(char *text, const char *bot)
{
    size_t n = bot ? strlen(bot) : 0;
    char *at = bot ? strstr(text, "<@") : text + strspn(text, " \n");
    while (bot && at && !(strncmp(at + 2, bot, n) == 0 && (at[2 + n] == '>' || at[2 + n] == '|')))
        at = strstr(at + 2, "<@");
    char *end = at && strncmp(at, "<@", 2) == 0 ? strchr(at, '>') : NULL;
    if (end) {
        const char *rest = end + 1 + strspn(end + 1, ":,");
        memmove(at, rest, strlen(rest) + 1);
    }
}

/* With a file, or an answer in a thread that is shown in the chat too: a person wrote it all the same. */
static bool is_written(const json_t *ev)
{
    const char *subtype = json_str(ev, "subtype", NULL);
    return !subtype || str_eq(subtype, "file_share") || str_eq(subtype, "thread_broadcast");
}

/* Messages of bots (ours among them) and edits are skipped, or we would talk to ourselves. */
static void read_event(const json_t *payload, struct chat_input *in)
{
    const json_t *ev = json_at(payload, "event");
    const char *type = json_str(ev, "type", ""), *user = json_str(ev, "user", NULL);
    const char *bot = json_str(payload, "authorizations.0.user_id", NULL);
    bool direct = str_eq(type, "message") && str_eq(json_str(ev, "channel_type", ""), "im");
    if ((!direct && !str_eq(type, "app_mention")) || json_str(ev, "bot_id", NULL) || !is_written(ev))
        return;
    if (!user || (bot && str_eq(user, bot)))
        return;
    in->kind = CHAT_COMMAND;
    put(&in->user, user);
    put(&in->channel, json_str(ev, "channel", NULL));
    put(&in->dedupe, json_str(payload, "event_id", NULL));
    put(&in->text, json_str(ev, "text", ""));
    in->file = json_array_size(json_at(ev, "files")) > 0;
    if (!direct || bot) /* who writes to it alone may name it too; another's name there is a part of what is said */
        strip_mention(in->text, bot);
    slack_unescape(in->text);
    trim(in->text);
    require_person(in);
}

static int read_rest(struct span text, bool event, struct chat_input *in, struct err *e)
{
    json_auto_t *frame = json_read(text, e);
    if (!frame)
        return ERR_INVALID;
    const json_t *payload = json_at(frame, "payload");
    if (event)
        read_event(payload, in);
    else
        read_interactive(payload, in);
    return 0;
}

/* The value of "\u1234" at p; -1 when that is not what stands there. */
static long escape_at(const char *p)
{
    if (p[0] != '\\' || p[1] != 'u' || strspn(p + 2, "0123456789abcdefABCDEF") < 4)
        return -1;
    char digits[5];
    str_copy(digits, sizeof digits, p + 2);
    return strtol(digits, NULL, 16);
}

/* A copy in which every escape that names no character (zero, half of a pair) names U+FFFD; NULL when there is none. */
static char *mend_escapes(struct span text)
{
    char *copy = str_ndup(text.p, text.n);
    bool mended = false;
    for (char *p = copy; (p = strchr(p, '\\')) != NULL && p[1];) {
        long value = escape_at(p), next = value >= 0xD800 && value <= 0xDBFF ? escape_at(p + 6) : -1;
        if (next >= 0xDC00 && next <= 0xDFFF) {
            p += 12;
            continue;
        }
        bool bad = value == 0 || (value >= 0xD800 && value <= 0xDFFF);
        if (bad)
            memcpy(p + 2, "fffd", 4);
        mended |= bad;
        p += value < 0 ? 2 : 6;
    }
    if (!mended)
        free(STEAL(copy));
    return copy;
}

static int read_frame(const struct slack_config *c, struct span text, struct chat_input *out, struct err *e)
{
    struct scan_field f[F_COUNT] = {0};
    for (size_t i = 0; i < F_COUNT; i++)
        f[i].path = field_paths[i];
    if (scan_json(text, f, F_COUNT) != 0)
        return err_set(e, ERR_INVALID, "a frame from Slack is not JSON (%zu bytes)", text.n);
    struct chat_input in;
    chat_input_init(&in);
    in.platform = str_dup(c->base.name);
    in.envelope = copy_field(&f[F_ENVELOPE]);
    AUTO_STR type = copy_field(&f[F_TYPE]);
    int rc = 0;
    if (str_eq(type, "slash_commands")) {
        read_slash(f, &in);
    } else if (str_eq(type, "hello")) {
        read_hello(f, &in);
    } else if (str_eq(type, "disconnect")) {
        in.kind = CHAT_DISCONNECT;
        in.text = copy_field(&f[F_REASON]);
    } else if (str_eq(type, "interactive") || str_eq(type, "events_api")) {
        rc = read_rest(text, *type == 'e', &in, e);
    }
    if (rc == 0)
        *out = in;
    else
        chat_input_fini(&in);
    return rc;
}

int slack_frame(const void *config, struct span text, struct chat_input *out, struct err *e)
{
    int rc = read_frame(config, text, out, e);
    AUTO_STR mended = rc ? mend_escapes(text) : NULL;
    if (!mended || read_frame(config, span_of(mended), out, e))
        return rc;
    out->garbled = true;
    return 0;
}

static json_t *errors_of(const json_t *form_errors)
{
    union {
        const json_t *borrowed;
        json_t *iterable;
    } from = {.borrowed = form_errors};
    json_t *errors = json_object(), *text;
    const char *id;
    json_object_foreach (from.iterable, id, text) {
        struct slack_text t;
        slack_text_init(&t, SLACK_TEXT_LIMIT);
        slack_text_plain(&t, json_string_value(text), true);
        AUTO_STR said = slack_text_take(&t);
        json_put(errors, id, said);
    }
    json_t *p = json_object();
    json_put(p, "response_action", "errors");
    json_put_new(p, "errors", errors);
    return p;
}

/* NULL: nothing to say but "got it", which closes a form. */
static json_t *answer_payload(const struct chat_input *in, const struct chat_answer *a)
{
    if (!a || !in->takes_answer)
        return NULL;
    bool says = json_is_object(a->card) || (a->text && *a->text);
    if (in->kind == CHAT_FORM_SUBMIT) {
        if (json_object_size(a->form_errors) > 0)
            return errors_of(a->form_errors);
        if (!says)
            return NULL;
        json_t *p = json_object();
        json_put(p, "response_action", "update");
        json_put_new(p, "view", slack_answer_view(a->card, a->text));
        return p;
    }
    if (!says)
        return NULL;
    json_t *p = slack_message(a->card, a->text, true);
    json_put(p, "response_type", "ephemeral");
    return p;
}

/* Text that means the same in JSON, in plain_text and in mrkdwn: it needs no second look. */
static bool is_simple(const char *text, size_t most)
{
    size_t n = strlen(text);
    if (n == 0 || n > most || *text == ' ')
        return false;
    for (size_t i = 0; i < n; i++)
        if (text[i] < ' ' || text[i] > '~' || strchr("\"\\&<>{", text[i]))
            return false;
    return true;
}

/* The answer to nearly every command is one simple sentence. Its acknowledgement is written as it stands, byte for byte
 * what answer_payload makes of it: building and freeing that tree was half the work of a turn. */
static bool ack_sentence(const struct chat_input *in, const struct chat_answer *a, struct buf *out)
{
    bool plain = in->kind == CHAT_COMMAND && in->takes_answer && a && a->text && !json_is_object(a->card);
    if (!plain || !is_simple(a->text, SENTENCE_MAX) || !is_simple(in->envelope, SENTENCE_MAX))
        return false;
    buf_addf(out,
             "{\"envelope_id\":\"%s\",\"payload\":{\"blocks\":[{\"text\":{\"text\":\"%s\",\"type\":\"plain_text\"},"
             "\"type\":\"section\"}],\"response_type\":\"ephemeral\",\"text\":\"%s\"}}",
             in->envelope, a->text, a->text);
    return true;
}

void slack_ack(const void *config, const struct chat_input *in, const struct chat_answer *answer, struct buf *out)
{
    (void)config;
    if (!in->envelope || ack_sentence(in, answer, out))
        return;
    json_auto_t *ack = json_object();
    json_put(ack, "envelope_id", in->envelope);
    json_t *payload = answer_payload(in, answer);
    if (payload)
        json_put_new(ack, "payload", payload);
    AUTO_STR text = json_text(ack);
    buf_adds(out, text);
}
