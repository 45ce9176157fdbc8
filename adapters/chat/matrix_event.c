/* One event of a room, and what it asks of us.
 *
 * Who said something is the event's `sender`, which the homeserver vouches for; names, bodies and times are anybody's. What people
 * say counts as a command when it begins with !dunwell or with a mention of us, when it stands in a room where only that person
 * and we are, or - a few bare words, such as "approve" - when it answers a message, which the caller matches with its cards. What
 * stands under a file is said like any other words; the file is never fetched, and one that came without words gets an answer where
 * only that person and we are, so that nobody thinks it was read. Edits, notices, polls, what we said ourselves and people of
 * servers that are not allowed decide nothing. Every field may be missing or of another type than promised: such an event is passed
 * over, and the next one is read. */
#include "adapters/chat/matrix.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "engine/when.h"

enum { COMMAND_MAX = 2000, KEY_MAX = 64, TAG_MAX = 300 };
#define LATE_MS (15 * MS_MINUTE)
#define BLANK " \t\r"

struct chat_input *matrix_input(struct matrix_work *w, enum chat_kind kind, const char *room, const char *dedupe)
{
    struct chat_input *in = step_input_add(w->out);
    in->kind = kind;
    in->platform = str_dup(w->c->base.name);
    in->channel = str_dup(room);
    in->dedupe = str_dup(dedupe);
    return in;
}

void matrix_warn(struct matrix_work *w, const char *room, const char *dedupe, const char *fmt, ...)
{
    char text[600];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    for (char *p = text; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            *p = ' ';
    matrix_input(w, CHAT_WARNING, room, dedupe)->text = str_dup(text);
}

/* --- commands --- */

/* The first line that counts, without the quotation that old clients put before an answer. New string. */
static char *first_line(const char *body, bool answer)
{
    const char *p = body;
    while (answer && *p == '>') {
        p += strcspn(p, "\n");
        p += *p == '\n';
    }
    p += strspn(p, BLANK "\n");
    size_t n = strcspn(p, "\n");
    if (n > COMMAND_MAX)
        n = COMMAND_MAX;
    while (n > 0 && (p[n] & 0xC0) == 0x80)
        n--;
    while (n > 0 && strchr(BLANK, p[n - 1]))
        n--;
    return str_ndup(p, n);
}

/* What follows the name, NULL when the text does not begin with it as a word of its own. */
static const char *after_name(const char *text, const char *name, size_t n)
{
    if (n == 0 || strncasecmp(text, name, n) != 0)
        return NULL;
    const char *rest = text + n;
    if (*rest && !strchr(BLANK ":,", *rest))
        return NULL;
    return rest + strspn(rest, BLANK ":,");
}

/* The label of a pill with our id that formatted_body begins with: how that person's client names us. */
static const char *pill_label(const char *html, const char *me, size_t *n)
{
    AUTO_STR head = str_fmt("<a href=\"https://matrix.to/#/%s\">", me);
    size_t length = strlen(head);
    const char *end = strncmp(html, head, length) == 0 ? strstr(html + length, "</a>") : NULL;
    *n = end ? (size_t)(end - html) - length : 0;
    return end && *n <= TAG_MAX ? html + length : NULL;
}

static bool mentions_us(const json_t *content, const char *me)
{
    const json_t *users = json_object_get(json_object_get(content, "m.mentions"), "user_ids");
    for (size_t i = 0; i < json_array_size(users); i++)
        if (str_eq(json_string_value(json_array_get(users, i)), me))
            return true;
    return false;
}

static const char *after_mention(const struct matrix_work *w, const char *line, const json_t *content)
{
    const char *me = matrix_me(w), *rest = after_name(line, me, strlen(me));
    if (rest || !*me || !mentions_us(content, me))
        return rest;
    size_t local = strcspn(me, ":") - 1, n;
    const char *html = json_string_value(json_object_get(content, "formatted_body")), *label = pill_label(html ? html : "", me, &n);
    rest = label ? after_name(line, label, n) : NULL;
    rest = rest ? rest : after_name(line, me, local + 1);
    return rest ? rest : after_name(line, me + 1, local);
}

/* What needs no name of ours under a card. People talk there as well, so what looks at a case or takes it stands alone; what carries words
 * of its own is a "yes", a "no" or a note, and each says in private what it did. */
static bool is_bare_word(const char *line)
{
    static const char *const with_words[] = {"approve", "decline", "note"}, *const alone[] = {"claim", "notmine", "status", "history"};
    for (size_t i = 0; i < DW_ARRAY_LEN(with_words); i++)
        if (after_name(line, with_words[i], strlen(with_words[i])))
            return true;
    for (size_t i = 0; i < DW_ARRAY_LEN(alone); i++)
        if (strcasecmp(line, alone[i]) == 0)
            return true;
    return false;
}

/* The message this one answers: the root of the thread, or what it replies to. NULL: none. */
static const char *answered_message(const json_t *content)
{
    const json_t *relates = json_object_get(content, "m.relates_to");
    if (str_eq(json_string_value(json_object_get(relates, "rel_type")), "m.thread"))
        return json_string_value(json_object_get(relates, "event_id"));
    return json_string_value(json_object_get(json_object_get(relates, "m.in_reply_to"), "event_id"));
}

static bool is_file(const json_t *content)
{
    static const char *const types[] = {"m.file", "m.image", "m.audio", "m.video"};
    for (size_t i = 0; i < DW_ARRAY_LEN(types); i++)
        if (str_eq(json_string_value(json_object_get(content, "msgtype")), types[i]))
            return true;
    return false;
}

/* The words of a message. Under a file `body` is what somebody wrote only where `filename` stands beside it and is another text; else it
 * is the file's name, and nobody says "approve" by what a file is called. */
static const char *words_of(const json_t *content, bool file)
{
    const char *body = json_string_value(json_object_get(content, "body")), *name = json_string_value(json_object_get(content, "filename"));
    bool caption = body && name && !str_eq(body, name);
    return !file || caption ? body : "";
}

char *matrix_command(const struct matrix_work *w, const char *room, const json_t *content, const char **card, bool *file)
{
    const json_t *relates = json_object_get(content, "m.relates_to");
    const char *rel = json_string_value(json_object_get(relates, "rel_type"));
    *card = NULL;
    *file = is_file(content);
    const char *body = words_of(content, *file);
    if (!body || (!*file && !str_eq(json_string_value(json_object_get(content, "msgtype")), "m.text")) || str_eq(rel, "m.replace"))
        return NULL;
    AUTO_STR line = first_line(body, json_object_get(relates, "m.in_reply_to") != NULL);
    const char *rest = after_name(line, "!dunwell", 8), *answered = answered_message(content);
    rest = rest ? rest : after_mention(w, line, content);
    if (!rest && answered && is_bare_word(line)) {
        rest = line;
        *card = answered;
    }
    if (!rest && matrix_room_is_private(w, room) && (*line || *file))
        rest = line;
    return rest ? str_dup(rest) : NULL;
}

/* How old, as far as the server knows; only ever used to ask again. */
static bool is_late(const struct matrix_work *w, const json_t *event)
{
    int64_t written_ms = json_i64(event, "origin_server_ts", w->job->now_ms);
    return json_i64(event, "unsigned.age", w->job->now_ms > written_ms ? w->job->now_ms - written_ms : 0) > LATE_MS;
}

static void on_message(struct matrix_work *w, const char *room, const json_t *event, const char *id, const char *sender)
{
    const json_t *content = json_object_get(event, "content");
    const char *card;
    bool file;
    char *command = matrix_command(w, room, content, &card, &file);
    if (!command)
        return;
    struct chat_input *in = matrix_input(w, CHAT_COMMAND, room, id);
    in->text = command;
    in->user = str_dup(sender);
    in->message = str_dup(card ? card : id);
    in->thread = str_dup(answered_message(content));
    in->late = is_late(w, event);
    in->file = file;
    if (matrix_room_is_private(w, room))
        matrix_direct_set(w, sender, room, false);
}

/* --- reactions --- */

/* A key without the marks that only choose a picture's colour: U+FE0F and the skin tones. New string. */
static char *plain_key(const char *key)
{
    char *out = str_dup(key), *to = out;
    for (const char *p = key; *p;) {
        bool style = strncmp(p, "\xEF\xB8\x8F", 3) == 0;
        bool tone = strncmp(p, "\xF0\x9F\x8F", 3) == 0 && (unsigned char)p[3] >= 0xBB && (unsigned char)p[3] <= 0xBF;
        if (style || tone)
            p += style ? 3 : 4;
        else
            *to++ = *p++;
    }
    *to = '\0';
    return out;
}

static void on_reaction(struct matrix_work *w, const char *room, const json_t *event, const char *id, const char *sender)
{
    const json_t *relates = json_object_get(json_object_get(event, "content"), "m.relates_to");
    const char *key = json_string_value(json_object_get(relates, "key")), *target = json_string_value(json_object_get(relates, "event_id"));
    if (!str_eq(json_string_value(json_object_get(relates, "rel_type")), "m.annotation") || !key || !target || strlen(key) > KEY_MAX)
        return;
    struct chat_input *in = matrix_input(w, CHAT_REACTION, room, id);
    in->user = str_dup(sender);
    in->message = str_dup(target);
    in->text = plain_key(key);
    in->late = is_late(w, event);
}

/* Where the redacted event is named depends on the room's version. */
static void on_redaction(struct matrix_work *w, const char *room, const json_t *event, const char *id, const char *sender)
{
    const char *target = json_string_value(json_object_get(json_object_get(event, "content"), "redacts"));
    if (!target)
        target = json_string_value(json_object_get(event, "redacts"));
    if (!target)
        return;
    struct chat_input *in = matrix_input(w, CHAT_UNREACT, room, id);
    in->user = str_dup(sender);
    in->message = str_dup(target);
}

/* --- the room itself --- */

static void on_encryption(struct matrix_work *w, const char *room, const char *id)
{
    if (matrix_room_encrypted(w, room))
        return;
    matrix_room_set(w, room, "enc", 1);
    matrix_input(w, CHAT_ENCRYPTED, room, id)->encrypted = true;
}

/* Where messages are encrypted although the room's state does not say so, people wait for answers that cannot come. */
static void on_encrypted_message(struct matrix_work *w, const char *room, const char *id)
{
    if (json_i64(matrix_room(w, room), "told", 0))
        return;
    matrix_room_set(w, room, "told", 1);
    matrix_warn(w, room, id, "somebody writes encrypted messages in the Matrix room %s, which Dunwell cannot read", room);
}

static void on_tombstone(struct matrix_work *w, const char *room, const json_t *event, const char *id)
{
    const char *next = json_string_value(json_object_get(json_object_get(event, "content"), "replacement_room"));
    matrix_warn(w, room, id, "the Matrix room %s was closed in favour of %s; if that is right, invite Dunwell there and change the configuration", room,
                matrix_is_room(next) ? next : "another one");
}

bool matrix_event_is_own_join(const struct matrix_work *w, const json_t *event)
{
    return str_eq(json_str(event, "type", NULL), "m.room.member") && str_eq(json_str(event, "state_key", NULL), matrix_me(w)) &&
           str_eq(json_str(event, "content.membership", NULL), "join") &&
           !str_eq(json_str(event, "unsigned.prev_content.membership", NULL), "join");
}

/* Returns whether we are in the room afterwards. */
static bool on_member(struct matrix_work *w, const char *room, const json_t *event, const char *sender, bool in)
{
    const char *who = json_str(event, "state_key", ""), *membership = json_str(event, "content.membership", "");
    bool gone = str_eq(membership, "leave") || str_eq(membership, "ban");
    if (str_eq(who, matrix_me(w)))
        return str_eq(membership, "join") || (in && !gone);
    if (str_eq(membership, "invite") && str_eq(sender, matrix_me(w)) && json_flag(event, "content.is_direct", false))
        matrix_direct_set(w, who, room, true);
    if (matrix_room(w, room) && !gone)
        matrix_room_set(w, room, "with_ms", 0);
    if (gone && str_eq(matrix_direct(w, who), room))
        json_object_del(json_object_get(matrix_keep(w), "direct"), who);
    return in;
}

static bool is_event_id(const char *id)
{
    size_t n = id ? strlen(id) : 0;
    return n > 1 && n <= 255 && *id == '$';
}

static void on_said(struct matrix_work *w, const char *room, const json_t *event, const char *type, const char *id, const char *sender)
{
    if (str_eq(type, "m.room.message"))
        on_message(w, room, event, id, sender);
    else if (str_eq(type, "m.reaction"))
        on_reaction(w, room, event, id, sender);
    else if (str_eq(type, "m.room.redaction"))
        on_redaction(w, room, event, id, sender);
    else if (str_eq(type, "m.room.encrypted"))
        on_encrypted_message(w, room, id);
}

bool matrix_event(struct matrix_work *w, const char *room, const json_t *event, bool in, bool run)
{
    const char *type = json_str(event, "type", ""), *id = json_str(event, "event_id", NULL), *sender = json_str(event, "sender", NULL);
    if (!is_event_id(id) || !matrix_is_person(sender))
        return in;
    bool state = json_is_string(json_at(event, "state_key"));
    if (state && str_eq(type, "m.room.member"))
        return on_member(w, room, event, sender, in);
    if (state && str_eq(type, "m.room.encryption"))
        on_encryption(w, room, id);
    else if (state && str_eq(type, "m.room.tombstone") && run && in)
        on_tombstone(w, room, event, id);
    else if (!state && run && in && !matrix_room_encrypted(w, room) && !str_eq(sender, matrix_me(w)) && matrix_server_allowed(w, sender))
        on_said(w, room, event, type, id, sender);
    return in;
}

/* --- invitations --- */

/* What an invitation shows of the room is a hint and not signed: enough to turn it down, never to trust it. */
void matrix_invite(struct matrix_work *w, const char *room, const json_t *events, const char *until)
{
    const char *by = NULL;
    bool encrypted = false, space = false;
    for (size_t i = 0; i < json_array_size(events); i++) {
        const json_t *event = json_array_get(events, i);
        const char *type = json_str(event, "type", "");
        if (str_eq(type, "m.room.member") && str_eq(json_str(event, "state_key", NULL), matrix_me(w)) &&
            str_eq(json_str(event, "content.membership", NULL), "invite"))
            by = json_str(event, "sender", NULL);
        encrypted |= str_eq(type, "m.room.encryption");
        space |= str_eq(type, "m.room.create") && str_eq(json_str(event, "content.type", NULL), "m.space");
    }
    if (!matrix_is_room(room) || !matrix_is_person(by))
        return;
    AUTO_STR once = str_fmt("invite %s %s", room, until);
    struct chat_input *in = matrix_input(w, CHAT_INVITE, room, once);
    in->user = str_dup(by);
    in->encrypted = encrypted;
    in->text = space ? str_dup("a space is no room") : matrix_server_allowed(w, by) ? NULL : str_dup("people of this server are not allowed here");
}
