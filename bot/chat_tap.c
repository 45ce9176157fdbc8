/* Reactions and words in a card's thread, where a platform has no buttons.
 *
 * A tap is worth a click: it is found by the message it stands on (platform, room and id must all fit, so one copied
 * elsewhere is nothing), it carries the revision of the request that this message shows, and it comes down to the same command as
 * everything else. It decides only what the policy calls small and what can be undone; a "no" needs words, so it decides
 * nothing. What is put on other messages is between people and is not answered. */
#include <string.h>
#include <strings.h>

#include "bot/card_sync.h"
#include "bot/commands.h"

#define YES "\xE2\x9C\x85"
#define NO "\xE2\x9D\x8C"

static bool card_at(struct engine *e, const struct chat_input *in, const char *id, struct message *m)
{
    *m = (struct message){0};
    return in->channel && id && message_find(e, in->platform, in->channel, id, m);
}

bool tap_concerns(struct engine *e, const struct chat_input *in)
{
    struct message m;
    bool key = str_eq(in->text, YES) || str_eq(in->text, NO);
    bool ours = key && card_at(e, in, in->message, &m) && m.ref[0] == 'A';
    if (key)
        message_fini(&m);
    return ours;
}

static void remember(struct engine *e, const struct chat_input *in, const struct message *m, const struct person *who)
{
    if (in->dedupe)
        store_run(e->store,
                  "INSERT INTO reactions (platform, reaction, message, ref, person, at_ms) VALUES (?1,?2,?3,?4,?5,?6) ON CONFLICT DO NOTHING",
                  "ttttti", in->platform, in->dedupe, m->message, m->ref, who->key, e->now_ms);
}

static int tap_yes(struct request *rq, const struct message *m, const struct proposal *p, struct err *e)
{
    char what[200];
    if (p->state == PROPOSAL_ASKED && !tap_enough(rq->engine, p)) {
        proposal_words(p, what, sizeof what);
        return err_set(e, ERR_DENIED, "A tap is not enough for %s (%s). To agree, write: !dunwell approve %s", m->ref, what, m->ref);
    }
    rq->revision = m->shown;
    int rc = request_run(rq, span_of("approve"), m->ref, e);
    if (!rc)
        remember(rq->engine, rq->in, m, rq->who.person);
    return rc;
}

int tap_handle(struct request *rq, struct err *e)
{
    struct message m;
    int rc = 0;
    if (!card_at(rq->engine, rq->in, rq->in->message, &m))
        return 0;
    struct proposal *p = proposal_load(rq->engine, parse_ref(span_of(m.ref), 'A'));
    if (!p)
        rc = err_set(e, ERR_NOT_FOUND, "I do not find %s any more.", m.ref);
    else if (str_eq(rq->in->text, NO))
        rc = err_set(e, ERR_INVALID, "Nothing is decided yet: whoever asked will want to know why not. Write: !dunwell decline %s <reason>", m.ref);
    else
        rc = tap_yes(rq, &m, p, e);
    proposal_free(p);
    message_fini(&m);
    return rc;
}

/* Only whoever put it takes a vote back with it; a moderator who tidies up decides nothing. */
static bool vote_of(struct engine *e, const struct chat_input *in, const struct person *who, char ref[REF_SIZE])
{
    struct query *q = store_query(e->store, "SELECT ref FROM reactions WHERE platform = ?1 AND reaction = ?2 AND person = ?3", "ttt",
                                  in->platform, in->message, who->key);
    if (!query_next(q))
        return false;
    str_copy(ref, REF_SIZE, query_text(q, 0));
    query_end(q);
    store_run(e->store, "DELETE FROM reactions WHERE platform = ?1 AND reaction = ?2", "tt", in->platform, in->message);
    return true;
}

int untap_handle(struct request *rq, struct err *e)
{
    char ref[REF_SIZE];
    if (!rq->in->message || !vote_of(rq->engine, rq->in, rq->who.person, ref))
        return 0;
    struct proposal *p = proposal_load(rq->engine, parse_ref(span_of(ref), 'A'));
    bool open = p && p->state == PROPOSAL_ASKED;
    proposal_free(p);
    if (!open)
        return err_set(e, ERR_CONFLICT, "%s is decided already: taking the reaction back changes nothing. Its card says where it stands.", ref);
    return request_run(rq, span_of("unvote"), ref, e);
}

/* What may be said under a card without our name: the driver lets these words through, here they are matched with what the card is about. */
static bool fits(const char *text, const char *ref)
{
    static const char *const of_request[] = {"approve", "decline", "note", "status", "history"}, *const of_case[] = {"claim", "notmine", "note", "status", "history"};
    const char *const *words = ref[0] == 'A' ? of_request : of_case;
    const char *rest = text ? text : "";
    struct span verb = parse_word(&rest);
    for (size_t i = 0; i < 5; i++)
        if (verb.n == strlen(words[i]) && strncasecmp(verb.p, words[i], verb.n) == 0)
            return ref[0] == 'A' || ref[0] == 'N';
    return false;
}

static bool is_bare(const struct chat_input *in)
{
    return in->thread && str_eq(in->thread, in->message);
}

bool thread_concerns(struct engine *e, const struct chat_input *in)
{
    struct message m;
    bool bare = is_bare(in); /* no name of ours: it is meant for us only under a card */
    bool ours = bare && card_at(e, in, in->thread, &m) && fits(in->text, m.ref);
    if (bare)
        message_fini(&m);
    return !bare || ours;
}

/* "until friday", "3x from ...", "$500 by ...": terms, and no account in front of them. */
static bool begins_with_terms(const char *rest)
{
    static const char *const words[] = {"until", "from", "by", "for", "why", "because", "reason", "invoice", "all"};
    struct span first = parse_word(&rest);
    for (size_t i = 0; i < DW_ARRAY_LEN(words); i++)
        if (first.n == strlen(words[i]) && strncasecmp(first.p, words[i], first.n) == 0)
            return true;
    size_t n = 0;
    while (n < first.n && strchr("0123456789.,xX$\xE2\x82\xAC\xC2\xA3", first.p[n])) /* with the signs of dollars, euros and pounds */
        n++;
    return n == first.n;
}

/* Does what was typed after the verb say which account? The words of a note without our name are about the card's account, whatever
 * they begin with. */
static bool names_account(struct request *rq, const struct command *c, const char *rest)
{
    const struct account *a;
    const char *text;
    char key[PARSE_NAME];
    struct err none = {0};
    if (is_bare(rq->in) || begins_with_terms(rest))
        return false;
    if (!str_eq(c->verb, "note"))
        return true;
    rq->args = rest;
    int rc = request_account_text(rq, &a, key, &text, &none);
    rq->args = "";
    return rc == 0;
}

char *thread_args(struct request *rq, const struct command *c, const char *rest)
{
    struct message m;
    const char *after = rest;
    struct span first = parse_word(&after);
    bool request = strstr(c->usage, "<A-") != NULL && parse_ref(first, 'A') <= 0;
    bool account = strstr(c->usage, "<account>") != NULL && !names_account(rq, c, rest);
    char *args = NULL;
    if ((request || account) && card_at(rq->engine, rq->in, rq->in->thread, &m)) {
        if (request && m.ref[0] == 'A')
            args = str_fmt("%s %s", m.ref, rest);
        else if (account && m.case_id > 0)
            args = str_fmt("N-%lld %s", (long long)m.case_id, rest);
        message_fini(&m);
    }
    return args ? args : str_dup(rest);
}
