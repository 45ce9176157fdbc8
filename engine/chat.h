/* Platform-neutral chat: what a person did, and what we answer. Plain values; whoever holds one owns it.
 *
 * CARD (JSON): {"title": text, "severity": "info|warn|alert|good", "tag": "SHADOW"|"", "mention": person's chat id|"",
 *   "summary": one full sentence (notification, screen reader),
 *   "ref": "N-12" or "A-17", what the card is about; missing: nothing that has a number,
 *   "paragraphs": [text...], "fields": [{"label","value"}...],
 *   "facts": [{"name","value","source","as_of_ms","stale":bool}...],
 *   "one_tap": true where a reaction (yes, no) decides; the driver of a platform with reactions says so on the card,
 *   "actions": [{"id","label","style":"primary|danger|","value","command", "confirm": {"title","text","yes"}?}...] at most 3,
 *   "more": [{"id","label","value","command"}...] at most 5 (the overflow menu),
 *   "footer": text}
 *   All texts are plain: the driver escapes, cuts and marks up. A text may hold {ms:1793...} : a moment, rendered in the
 *   reader's own zone where the platform can; {ago:1793...} : the same with "in 3 days" / "2 min ago".
 *   "value" is "REF@REVISION": N-12 a case, A-17 an approval, H-3 a hold. "command" is what to type instead.
 * FORM (JSON): {"id": "plan"|..., "ref": "N-12@4", "title", "submit": label | null while loading, "notes": [text...],
 *   "inputs": [{"id","kind":"select|date|text","label","value","options":[{"value","label"}]?,"optional":bool,"live":bool}...]}
 *   live: changing it sends CHAT_FORM_CHANGE. Values come back as {"instalments":"3","first":"2027-01-05","why":"..."}; an
 *   empty input as "". */
#ifndef DW_ENGINE_CHAT_H
#define DW_ENGINE_CHAT_H

#include "engine/json.h"

enum chat_kind {
    CHAT_IGNORE,      /* nothing to do; acknowledge if envelope is set */
    CHAT_HELLO,       /* connection is live; seconds_left, connections */
    CHAT_DISCONNECT,  /* text: the reason */
    CHAT_COMMAND,     /* text: what stands after /dunwell, or a direct message */
    CHAT_ACTION,      /* action, value: a button or a menu entry */
    CHAT_FORM_CHANGE, /* form, ref, view, view_hash, values */
    CHAT_FORM_SUBMIT, /* the same */
    CHAT_REACTION,    /* text: the key somebody put on `message`; dedupe: the reaction's own id */
    CHAT_UNREACT,     /* the reaction whose own id is `message` was taken back */
    CHAT_INVITE,      /* user asks us into `channel`; encrypted: nobody may read cards there in the clear */
    CHAT_ENCRYPTED,   /* `channel` became encrypted: nothing may be posted there any more */
    CHAT_WARNING,     /* text: what an operator should know; nobody waits for an answer */
};

/* What a platform can do and what it cannot; of the driver, or-ed. */
enum chat_trait {
    TRAIT_FORMS = 1,        /* buttons and forms */
    TRAIT_REACTIONS = 2,    /* one-tap buttons are reactions that we put under the card first */
    TRAIT_STATUS_EDITS = 4, /* an edit shows a new state only: what was asked is never changed under people's eyes */
    TRAIT_EMAILS = 16,      /* knows confirmed e-mail addresses (op "whois") */
    TRAIT_POLLS = 8,        /* no socket: one endless effect waits for what people do (op "poll") */
};

struct chat_input {
    enum chat_kind kind;
    char *platform;     /* "slack", "console": the driver's configured name */
    char *envelope;     /* to acknowledge; NULL when nothing waits for it */
    char *dedupe;       /* unique per thing done; NULL for hello and disconnect */
    char *user, *channel; /* the platform's ids */
    char *text;
    char *action, *value;
    char *trigger;      /* lets a form be opened; NULL when there is none */
    char *response_url; /* secret; private late answers */
    char *message;      /* id of the message the button or reaction stands on; UNREACT: of the reaction; COMMAND: of what was written,
                         * but of the card where a bare word ("approve") answers a card: then it equals `thread` */
    char *thread;       /* id of the message whose thread this was written in; NULL: not in a thread */
    char *form, *ref, *view, *view_hash;
    json_t *values;
    bool takes_answer;  /* the acknowledgement may carry an answer */
    bool late;          /* written so long ago that it may not be meant any more: answered, not done */
    bool garbled;       /* it came with something that is no character, which is left out of it: answered, not done */
    bool file;          /* COMMAND: something came with it that we do not read: done, and said so */
    bool encrypted;     /* INVITE */
    int64_t seconds_left; /* HELLO: until the platform refreshes the link; 0 unknown */
    int connections;      /* HELLO: how many the platform believes are open */
};

void chat_input_init(struct chat_input *in);
void chat_input_fini(struct chat_input *in);

/* What the acknowledgement carries. All NULL: just "got it". */
struct chat_answer {
    json_t *card;        /* private to the asker */
    char *text;          /* private to the asker: plain words, may have line breaks and {ms:..} */
    json_t *form_errors; /* {"input id": "what to do"} for CHAT_FORM_SUBMIT */
};

void chat_answer_init(struct chat_answer *a);
void chat_answer_fini(struct chat_answer *a);

#endif
