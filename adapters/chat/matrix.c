/* The Matrix driver: its table, and which file does what.
 *
 * Matrix has no buttons, no forms and no socket. What people do is fetched by one endless long poll (matrix_sync.c) in an ordinary
 * account's session (matrix_session.c); what they are shown is a message with the commands written out (matrix_card.c), and ✅ and ❌
 * below it where one tap may decide. Identity is the id of the sender, which that person's homeserver vouches for: hence
 * allowed_servers. Encrypted rooms are refused: Dunwell holds no keys, and a card in the clear among encrypted messages would
 * be a leak (matrix_send.c). Sources: Matrix client-server API v1.12; MSC2676 (edits), MSC2677 (reactions), MSC3440 (threads). */
#include "adapters/chat/matrix.h"

#include <string.h>

static void matrix_step(const void *config, const struct job *job, const struct http_response *previous, struct step *out)
{
    struct matrix_work w;
    const char *op = job->op;
    matrix_begin(&w, config, job, out);
    if (str_eq(op, "poll"))
        matrix_poll(&w, previous);
    else if (str_eq(op, "post") || str_eq(op, "update") || str_eq(op, "whisper") || str_eq(op, "open_form"))
        matrix_send(&w, previous);
    else if (str_eq(op, "react") || str_eq(op, "unreact") || str_eq(op, "join") || str_eq(op, "leave") || str_eq(op, "explain"))
        matrix_small(&w, previous);
    else if (str_eq(op, "reread"))
        matrix_reread(&w, previous);
    else if (str_eq(op, "ping"))
        matrix_ping(&w, previous);
    else if (str_eq(op, "check"))
        matrix_check(&w, previous);
    else
        step_refused(out, "Matrix has no operation \"%s\"", op);
    matrix_end(&w);
}

static const struct option options[] = {
    {"homeserver", OPTION_URL, offsetof(struct matrix_config, homeserver), NULL, true,
     "Where the homeserver's client API is, such as https://matrix.example.com; plain http only for loopback."},
    {"user", OPTION_TEXT, offsetof(struct matrix_config, user), NULL, true,
     "The bot's account: @dunwell:example.com, or only the part before the colon."},
    {"password", OPTION_SECRET, offsetof(struct matrix_config, password), NULL, false,
     "Its password; Dunwell logs in once and keeps the session. This or token."},
    {"token", OPTION_SECRET, offsetof(struct matrix_config, token), NULL, false,
     "An access token of the account instead of the password; it should belong to a device of its own."},
    {"as_token", OPTION_SECRET, offsetof(struct matrix_config, as_token), NULL, false,
     "As an appservice: what Dunwell shows the server; instead of password or token, together with hs_token."},
    {"hs_token", OPTION_SECRET, offsetof(struct matrix_config, hs_token), NULL, false,
     "As an appservice: what the server shows Dunwell; events then arrive by HTTP and nothing is polled."},
    {"device_id", OPTION_TEXT, offsetof(struct matrix_config, device_id), "DUNWELL", false,
     "The device that Dunwell logs in as; keep it, or a message that was on its way may appear twice."},
    {"rooms", OPTION_CHANNELS, offsetof(struct matrix_config, rooms), NULL, true,
     "Ids (!...) of the rooms for approvals and collections, not encrypted; the bot must be in both."},
    {"allowed_servers", OPTION_TEXT, offsetof(struct matrix_config, allowed_servers), NULL, false,
     "Servers whose people are listened to, such as \"example.com, partner.org\"; default: the bot's own."},
    {NULL, OPTION_TEXT, 0, NULL, false, NULL},
};

const struct driver matrix_driver = {
    .name = "matrix",
    .kind = DRIVER_CHAT,
    .summary = "Matrix in rooms without encryption: cards, !dunwell, reactions, threads, private rooms.",
    .options = options,
    .config_size = sizeof(struct matrix_config),
    .step = matrix_step,
    .push_secret = matrix_push_secret,
    .push = matrix_push,
    .registration = matrix_registration,
    .traits = TRAIT_REACTIONS | TRAIT_STATUS_EDITS | TRAIT_POLLS,
};
