/* Approvals as scenarios: each file of tests/data/approvals/ is one, and a person can read it.
 *
 * Lines, in order; "#" begins a comment. Before the first step:
 *   rule {...}                one rule of approvals.rules
 *   separate|step_up|remind_hours|escalate|undo_seconds VALUE    approvals.separate, ... as in policy.yaml
 * Steps, each with what must come of it:  STEP [-> ok|denied|stale|conflict|invalid ["words that must be said"]]
 *   ask WHO COUNTx            a plan for northwind, which owes $48,200.00 and is looked after by ae1
 *   hold WHO DAYS             a hold for it
 *   type WHO "COMMAND"        as typed in chat; the answer is its text, refusals too; A-# is the request in hand
 *   enrol WHO                 gets one-time codes                 yes WHO coded|wrong|again     with the code of now, none that fits, the last one
 *   yes|unvote|withdraw WHO   no|emergency WHO [silently]         counter WHO COUNT          each may end in "at REVISION"
 *   expire                    reopen WHO                          bill CENTS    billing says so, and is read
 *   later HOURS (and run)       old HOURS (nothing runs)            run           restart       nothing is kept in memory
 *   dispute WHO               claim WHO  looks after the account from now on
 *   tickets N                 top-priority ones, known at the next reading
 *   limit WHO CENTS           roles WHO none                      powerless WHO  the emergency right is taken away
 * What must be true:
 *   is STATE                  of the request in hand: the newest one after ask and counter
 *   newest                    takes the newest request in hand
 *   card "words"              nocard "words"                      effects N (to billing)     votes N
 *   told N (by direct message in an emergency)                    reminded N                 pinged WHO N */
#include <dirent.h>

#include "engine/approval.h"
#include "engine/enrolled.h"
#include "engine/totp.h"
#include "engine/waiting.h"
#include "tests/unit/cases.h"

#define DIR_NAME "tests/data/approvals"
#define POLICY_HEAD_END "approvals: {expire_hours: 48}\n"
#define SECRET "12345678901234567890"

struct scene {
    struct office o;
    const char *file;
    int line;
    int64_t id; /* the request in hand */
    bool ready;
    struct buf rules, keys; /* of approvals */
    struct enrolled *enrolled;
    char code[9]; /* given last */
};

static void wrong(const struct scene *s, const char *what)
{
    fail_msg("%s:%d: %s", s->file, s->line, what);
}

/* ---- setting up ---- */

static struct doc *parsed(const char *text, const char *name)
{
    struct doc *d = NULL;
    struct err e = {0};
    if (doc_parse(&d, span_of(text), name, &e) != 0)
        fail_msg("%s", e.text);
    return d;
}

static void make_policy(struct scene *s)
{
    struct problems p = {0};
    AUTO_BUF text = BUF(20000);
    buf_add(&text, office_policy, strlen(office_policy) - strlen(POLICY_HEAD_END));
    buf_addf(&text, "approvals:\n  expire_hours: 48\n%s%s%s", buf_text(&s->keys), s->rules.n ? "  rules:\n" : "", buf_text(&s->rules));
    struct doc *d = parsed(buf_text(&text), "policy.yaml");
    struct policy *fresh = policy_parse(d, &p);
    if (!fresh)
        fail_msg("%s: %s", s->file, p.lines[0]);
    policy_free(s->o.policy);
    s->o.e.policy = s->o.policy = fresh;
    doc_free(d);
}

static void make_people(struct scene *s)
{
    struct problems p = {0};
    struct people *fresh = people_load(DIR_NAME "/people.yaml", &p);
    if (p.n)
        fail_msg("%s", p.lines[0]);
    people_free(s->o.people);
    s->o.e.people = s->o.people = fresh;
}

static void get_ready(struct scene *s)
{
    if (s->ready)
        return;
    s->ready = true;
    make_policy(s);
    make_people(s);
    office_event_of(&s->o, 1);
}

static void restart(struct office *o)
{
    struct engine was = o->e;
    engine_init(&o->e, o->store, &was.world); /* nothing is kept in memory that counts */
    o->e.people = was.people;
    o->e.book = was.book;
    o->e.policy = was.policy;
    o->e.chats = was.chats;
    o->e.n_chats = was.n_chats;
    o->e.mail = was.mail;
    o->e.enrolled = was.enrolled;
    engine_fini(&was);
}

static struct person *person(struct scene *s, const char *key)
{
    struct person *p = (struct person *)(uintptr_t)people_by_key(s->o.people, key);
    if (!p)
        wrong(s, "nobody has this key");
    return p;
}

/* ---- steps ---- */

static void enrol(struct scene *s, const char *who)
{
    struct enrolment row = {.at_ms = s->o.now_ms - MS_HOUR};
    struct problems p = {0};
    AUTO_STR path = str_fmt("%s/codes", s->o.dir);
    str_copy(row.person, sizeof row.person, person(s, who)->key);
    memcpy(row.secret, SECRET, sizeof row.secret);
    assert_int_equal(enrolled_add(path, &row, NULL), 0);
    enrolled_free(s->enrolled);
    s->o.e.enrolled = s->enrolled = enrolled_load(path, &p);
    assert_int_equal(p.n, 0);
}

/* What stands behind the person: which code, if any, comes with the word. */
static const char *code_of(struct scene *s, const char *word)
{
    if (word && strcmp(word, "coded") == 0)
        totp_code(s->code, TOTP_SHA1, span_of(SECRET), totp_step(s->o.now_ms), TOTP_DIGITS);
    else if (word && strcmp(word, "wrong") == 0)
        return "nocode";
    else if (!word || strcmp(word, "again") != 0)
        return NULL;
    return s->code;
}

static void type(struct scene *s, const char *who, const char *text, struct done *d)
{
    const char *number = strchr(text, '#');
    AUTO_STR whole = number ? str_fmt("%.*s%lld%s", (int)(number - text), text, (long long)s->id, number + 1) : str_dup(text);
    AUTO_STR said = office_say(&s->o, person_chat_id(person(s, who), "slack"), whole);
    str_copy(d->said, sizeof d->said, said);
}

static bool decide(struct scene *s, const char *verb, const char *who, const char *word, int64_t revision, struct done *d)
{
    struct actor a = office_actor(&s->o, who);
    const char *why = word && strcmp(word, "silently") == 0 ? "" : "it must be";
    struct engine *e = &s->o.e;
    a.code = code_of(s, word);
    if (strcmp(verb, "yes") == 0)
        d->rc = proposal_approve(e, s->id, &a, revision, "", d->said, sizeof d->said, &d->err);
    else if (strcmp(verb, "no") == 0)
        d->rc = proposal_decline(e, s->id, &a, revision, why, d->said, sizeof d->said, &d->err);
    else if (strcmp(verb, "unvote") == 0)
        d->rc = proposal_unvote(e, s->id, &a, d->said, sizeof d->said, &d->err);
    else if (strcmp(verb, "emergency") == 0)
        d->rc = proposal_emergency(e, s->id, &a, revision, why, d->said, sizeof d->said, &d->err);
    else if (strcmp(verb, "withdraw") == 0)
        d->rc = proposal_withdraw(e, s->id, &a, why, d->said, sizeof d->said, &d->err);
    else if (strcmp(verb, "reopen") == 0)
        d->rc = proposal_reopen(e, s->id, &a, d->said, sizeof d->said, &d->err);
    else if (strcmp(verb, "counter") == 0)
        d->rc = proposal_counter(e, s->id, &a, (int)strtol(word ? word : "3", NULL, 10), 0, why, d->said, sizeof d->said, &d->err);
    else
        return false;
    return true;
}

static void bill(struct scene *s, int64_t cents)
{
    office_rebill(&s->o, 1, cents, "S");
    office_event_of(&s->o, 1);
}

static void tickets(struct scene *s, const char *n)
{
    struct account *a = (struct account *)(uintptr_t)book_by_key(s->o.book, "northwind");
    json_put(a->facts, "top_priority", n);
}

static void dispute(struct scene *s, const char *who)
{
    char said[600];
    struct err e = {0};
    struct actor a = office_actor(&s->o, who);
    office_begin(&s->o);
    struct recovery *r = office_case(&s->o, "northwind");
    assert_int_equal(recovery_dispute(&s->o.e, r, &a, "billed twice", said, sizeof said, &e), 0);
    recovery_free(r);
    office_commit(&s->o);
}

static void claim(struct scene *s, const char *who)
{
    char said[600];
    struct err e = {0};
    struct actor a = office_actor(&s->o, who);
    office_begin(&s->o);
    struct recovery *r = office_case(&s->o, "northwind");
    assert_int_equal(recovery_claim(&s->o.e, r, &a, said, sizeof said, &e), 0);
    recovery_free(r);
    office_commit(&s->o);
}

/* What changes the world and answers nothing. */
static bool world(struct scene *s, const char *verb, const char *a, const char *b)
{
    if (strcmp(verb, "bill") == 0)
        bill(s, strtoll(a, NULL, 10));
    else if (strcmp(verb, "later") == 0)
        office_later(&s->o, strtoll(a, NULL, 10) * MS_HOUR);
    else if (strcmp(verb, "old") == 0)
        s->o.now_ms += strtoll(a, NULL, 10) * MS_HOUR;
    else if (strcmp(verb, "run") == 0)
        office_turn(&s->o, NULL, NULL);
    else if (strcmp(verb, "restart") == 0)
        restart(&s->o);
    else if (strcmp(verb, "tickets") == 0)
        tickets(s, a);
    else if (strcmp(verb, "dispute") == 0)
        dispute(s, a);
    else if (strcmp(verb, "claim") == 0)
        claim(s, a);
    else if (strcmp(verb, "enrol") == 0)
        enrol(s, a);
    else if (strcmp(verb, "limit") == 0)
        person(s, a)->limits[0].minor = strtoll(b, NULL, 10);
    else if (strcmp(verb, "roles") == 0)
        person(s, a)->roles = ROLE_AE;
    else if (strcmp(verb, "powerless") == 0)
        person(s, a)->break_glass = false;
    else if (strcmp(verb, "newest") == 0)
        s->id = office_last(&s->o);
    else
        return false;
    return true;
}

/* ---- checks ---- */

static char *card_text(struct scene *s)
{
    struct proposal *p = proposal_load(&s->o.e, s->id);
    struct recovery *r = recovery_load(&s->o.e, p->case_id);
    json_auto_t *card = card_approval(&s->o.e, r, p);
    recovery_free(r);
    proposal_free(p);
    return office_read_card(card);
}

static void number(struct scene *s, int64_t have, const char *want, const char *what)
{
    if (have != strtoll(want, NULL, 10))
        fail_msg("%s:%d: %lld %s, not %s", s->file, s->line, (long long)have, what, want);
}

static void pinged(struct scene *s, const char *who, const char *want)
{
    number(s, store_i64(s->o.store, -1, "SELECT count(*) FROM pings WHERE person = ?1 AND ref LIKE 'A-%' AND state = 1", "t", person(s, who)->key), want, "pings");
}

static bool holds(struct scene *s, const char *verb, const char *a, const char *b)
{
    if (strcmp(verb, "is") == 0) {
        const char *now = proposal_state_name(office_state(&s->o, s->id));
        if (strcmp(now, a) != 0)
            fail_msg("%s:%d: A-%lld is %s, not %s", s->file, s->line, (long long)s->id, now, a);
    } else if (strcmp(verb, "card") == 0 || strcmp(verb, "nocard") == 0) {
        AUTO_STR text = card_text(s);
        if ((strstr(text, a) != NULL) != (verb[0] == 'c'))
            fail_msg("%s:%d: the card %s \"%s\":\n%s", s->file, s->line, verb[0] == 'c' ? "does not say" : "says", a, text);
    } else if (strcmp(verb, "effects") == 0) {
        number(s, office_i64(&s->o, "SELECT count(*) FROM effects WHERE proposal_id > 0 AND op IN ('plan', 'hold') AND case_id > 0 AND state <> 6 AND "
                                    "proposal_id IN (SELECT id FROM proposals WHERE requester <> 'policy')"), a, "effects");
    } else if (strcmp(verb, "told") == 0) {
        number(s, office_i64(&s->o, "SELECT count(*) FROM effects WHERE dedupe LIKE 'emergency-%'"), a, "told");
    } else if (strcmp(verb, "reminded") == 0) {
        number(s, store_i64(s->o.store, 0, "SELECT reminded FROM waiting WHERE proposal_id = ?1", "i", s->id), a, "reminders");
    } else if (strcmp(verb, "pinged") == 0) {
        pinged(s, a, b);
    } else if (strcmp(verb, "votes") == 0) {
        AUTO_STR ref = str_fmt("A-%lld", (long long)s->id);
        number(s, store_i64(s->o.store, -1, "SELECT count(*) FROM votes WHERE subject = ?1", "t", ref), a, "votes");
    } else {
        return false;
    }
    return true;
}

static const struct {
    const char *word;
    int rc;
} answers[] = {{"ok", 0}, {"denied", ERR_DENIED}, {"stale", ERR_STALE}, {"conflict", ERR_CONFLICT}, {"invalid", ERR_INVALID}};

static void answered(struct scene *s, const struct done *d, const char *word, const char *says)
{
    int want = 1;
    for (size_t i = 0; i < DW_ARRAY_LEN(answers); i++)
        if (strcmp(answers[i].word, word) == 0)
            want = answers[i].rc;
    const char *said = d->rc == 0 ? d->said : d->err.text;
    if (d->rc != want || (says[0] && !strstr(said, says)))
        fail_msg("%s:%d: %d \"%s\", not %s \"%s\"", s->file, s->line, d->rc, said, word, says);
}

/* ---- lines ---- */

/* The next word, or what stands in quotes; "" at the end. Cuts the line. */
static char *next_word(char **at)
{
    while (**at == ' ')
        (*at)++;
    char end = **at == '"' ? '"' : ' ';
    char *word = *at + (end == '"');
    char *stop = strchr(word, end);
    *at = stop ? stop + 1 : word + strlen(word);
    if (stop)
        *stop = '\0';
    return word;
}

static bool setup(struct scene *s, const char *line)
{
    static const char *const keys[] = {"separate", "step_up", "remind_hours", "escalate", "undo_seconds"};
    size_t n = strcspn(line, " "), key = 0;
    while (key < DW_ARRAY_LEN(keys) && (strlen(keys[key]) != n || strncmp(keys[key], line, n) != 0))
        key++;
    if (strncmp(line, "rule ", 5) == 0)
        buf_addf(&s->rules, "    - %s\n", line + 5);
    else if (key < DW_ARRAY_LEN(keys))
        buf_addf(&s->keys, "  %s:%s\n", keys[key], line + n);
    else
        return false;
    if (s->ready)
        make_policy(s); /* the file was changed meanwhile */
    return true;
}

static void step(struct scene *s, char *line)
{
    struct done d = {0};
    char *arrow = strstr(line, " -> "), *at = line, *more = arrow ? arrow + 4 : NULL;
    char *revision = strstr(line, " at ");
    int64_t seen = revision && (!arrow || revision < arrow) ? strtoll(revision + 4, NULL, 10) : 0;
    if (arrow)
        *arrow = '\0';
    if (seen)
        *revision = '\0';
    char *verb = next_word(&at), *a = next_word(&at), *b = next_word(&at);
    if (strcmp(verb, "ask") == 0)
        d = office_plan(&s->o, a, "northwind", (int)strtol(b, NULL, 10), "renewal in flight");
    else if (strcmp(verb, "hold") == 0)
        d = office_hold(&s->o, a, "northwind", (int)strtol(b, NULL, 10));
    else if (strcmp(verb, "type") == 0)
        type(s, a, b, &d);
    else if (!holds(s, verb, a, b) && !world(s, verb, a, b)) {
        office_begin(&s->o);
        if (!decide(s, verb, a, b[0] ? b : NULL, seen, &d))
            wrong(s, "no such step");
        office_commit(&s->o);
    }
    if (more) {
        char *word = next_word(&more);
        answered(s, &d, word, next_word(&more));
    }
    if (d.rc == 0 && (strcmp(verb, "ask") == 0 || strcmp(verb, "hold") == 0 || strcmp(verb, "counter") == 0))
        s->id = office_last(&s->o);
}

static void play(const char *path)
{
    struct scene s = {.file = path};
    char line[1000];
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    buf_init(&s.rules, 20000);
    buf_init(&s.keys, 2000);
    office_open(&s.o, false);
    while (fgets(line, sizeof line, f)) {
        s.line++;
        line[strcspn(line, "\n")] = '\0';
        if (!line[0] || line[0] == '#' || setup(&s, line))
            continue;
        get_ready(&s);
        step(&s, line);
        office_proves(&s.o);
    }
    fclose(f);
    buf_fini(&s.rules);
    buf_fini(&s.keys);
    AUTO_STR codes = str_fmt("%s/codes", s.o.dir);
    unlink(codes);
    office_close(&s.o);
    enrolled_free(s.enrolled);
}

static void every_scenario(void **state)
{
    (void)state;
    int played = 0;
    DIR *dir = opendir(DIR_NAME);
    assert_non_null(dir);
    for (struct dirent *d; (d = readdir(dir));) {
        AUTO_STR path = str_fmt(DIR_NAME "/%s", d->d_name);
        if (strstr(d->d_name, ".txt") == NULL)
            continue;
        play(path);
        played++;
    }
    closedir(dir);
    assert_true(played >= 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_scenario)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
