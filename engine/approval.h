/* Who may decide on something, how many it takes, and what is still missing. Engine thread; needs people and policy, and the
 * store for votes, lent rights and who is away.
 *
 * It works on a `subject`, a plain value, not on a proposal: whatever is to be decided by people (a plan, a hold, a change of
 * policy) makes one of itself. What policy demands of a subject is an `approval`: the union of all rules that apply, the
 * strictest wins. Who was ASKED (and is told of it) and who MAY decide are two lists. */
#ifndef DW_ENGINE_APPROVAL_H
#define DW_ENGINE_APPROVAL_H

#include "engine/engine.h"

enum {
    APPROVAL_WORD = 41,  /* bytes of a person's key, a role or the name of a group */
    APPROVAL_NEEDS = 16, /* different words in one approval */
    APPROVAL_SEATS = 32, /* people that one approval may take */
};

struct subject {
    char ref[24];          /* "A-17": what votes are counted under */
    const char *kind;      /* "plan", "hold", "credit", ...: a word of approval_kinds */
    struct money amount;   /* what is at stake; without a currency: nothing that could be counted */
    const char *tier, *region, *account;
    const char *requester; /* a person's key, or "policy" */
    const char *owner;     /* who looks after the account now; "" nobody */
    const char *executive; /* the account executive in the book; "" nobody */
    const char *acceptor;  /* of a counter-offer: whoever asked first, whose yes joins that of the one who offers; else "" */
};
extern const char *const approval_kinds[]; /* ends with NULL */

/* "1 of manager": `of` is manager, finance, approver (either) or a group of people.yaml. */
struct requirement {
    int count;
    char of[APPROVAL_WORD];
};

struct approval {
    struct requirement needs[APPROVAL_NEEDS]; /* none: one approver */
    size_t n_needs;
    json_t *ask;      /* who is told: groups, roles and people; empty: nobody by name, the approvals channel is enough */
    json_t *rules;    /* names of the rules that apply */
    bool separate;    /* the account's owner and executive do not decide */
    bool same_person; /* one person may meet several needs */
};
void approval_init(struct approval *a);
void approval_fini(struct approval *a);
void approval_merge(struct approval *a, const struct approval *b); /* the stricter of both in everything */
json_t *approval_pack(const struct approval *a);                   /* as it is kept with a request; new */
void approval_unpack(struct approval *a, const json_t *packed);    /* into an initialised one */
/* "1 of manager and 1 of finance, two different people, not the account's owner" */
void approval_words(const struct approval *a, char *out, size_t size);

/* A right to decide: one's own, or another person's by delegation. */
struct right {
    const struct person *holder; /* whose right it is */
    struct money limit;          /* in the subject's currency; minor -1: none in it */
    char words[160];             /* "manager, up to $50,000.00" */
    char kind[16];               /* only for subjects of this kind; "" for all */
};
enum { RIGHTS_MOST = 8 };
/* Every right that a person can use for an amount in this currency, the own one first. THE place for rights that come from
 * elsewhere (a delegation): whatever this yields is checked, printed, stored with the vote and counted again at the end. */
size_t approval_rights(const struct engine *e, const struct person *who, const char *currency, struct right out[RIGHTS_MOST]);

/* May this person vote on it, and by which right? 0, or ERR_DENIED with a sentence for that person. */
int approval_may(const struct engine *e, const struct subject *s, const struct approval *a, const struct person *who, struct right *out,
                 struct err *err) DW_MUST_CHECK;
/* Could there ever be enough? 0, or ERR_DENIED with a sentence that names what is missing: then it is not even asked. */
int approval_possible(const struct engine *e, const struct subject *s, const struct approval *a, struct err *err) DW_MUST_CHECK;
/* Is this person one of those named by role, group or key? */
bool approval_named(const struct engine *e, const json_t *names, const struct person *p);
/* Adds whoever is asked when p is: p, or while p is away the deputy, as far as that one may decide on it. */
void approval_ask(const struct engine *e, const struct subject *s, const struct approval *a, const struct person *p, json_t *asked);
/* Keys of those who are asked by name and of the others who may decide too. Two new arrays. */
void approval_people(const struct engine *e, const struct subject *s, const struct approval *a, json_t **asked, json_t **others);

/* ---- votes ---- */

struct vote {
    char person[APPROVAL_WORD], holder[APPROVAL_WORD], right[160], reason[300];
    char word[16];      /* "yes", "emergency", "no", "counter" */
    int64_t revision;   /* of the card it was given on; 0: by command */
    int64_t at_ms;
    bool counts;
    char why_not[300];  /* when it does not: the right is gone meanwhile */
};
/* What a person says by this right, now; everything but `counts` is filled. */
void vote_fill(struct vote *v, const struct engine *e, const struct actor *who, const struct right *right, const char *word, const char *reason,
               int64_t revision);
/* Has this person said this already? An emergency's yes says more than the ordinary one that may have been given before. */
bool vote_given(const struct engine *e, const struct subject *s, const char *person, const char *word);
/* False when this person has voted on it already. */
bool vote_add(struct engine *e, const struct subject *s, const struct vote *v);
bool vote_remove(struct engine *e, const struct subject *s, const char *person);

struct tally {
    struct vote votes[APPROVAL_SEATS]; /* every yes, oldest first, also those that count no more */
    size_t n;
    int have, want;
    bool complete;
    bool emergency;    /* decided alone, by the emergency right */
    char missing[200]; /* "Finance, Manager"; "" when complete */
};
/* Counts the votes by the rights that people have NOW: who lost the role or the limit since voting is not counted. */
void approval_tally(const struct engine *e, const struct subject *s, const struct approval *a, struct tally *out);
/* Only what was voted, as it was voted: for what has been decided. Fills votes and n. */
void votes_of(const struct engine *e, const char *ref, struct tally *out);
const struct vote *tally_last(const struct tally *t); /* whose word it was: one in an emergency, else the newest that counts; or NULL */

#endif
