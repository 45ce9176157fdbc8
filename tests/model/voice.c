/* How people say things: by command, by button, by form, once, twice, redelivered, or in a turn that is lost before it is kept. */
#include "engine/inbox.h"
#include "engine/totp.h"
#include "tests/model/model.h"

static void handle(struct model *m, const struct chat_input *in, bool kept)
{
    struct chat_answer answer;
    chat_answer_init(&answer);
    office_begin(&m->o);
    bool first = chat_first_time(&m->o.e, in->platform, in->dedupe);
    if (first)
        chat_handle(&m->o.e, in, &answer);
    if (kept) {
        cards_refresh(&m->o.e);
        office_commit(&m->o);
        office_turn(&m->o, NULL, NULL);
    } else {
        store_rollback(m->o.store);
        engine_forget(&m->o.e);
    }
    if (tracing)
        printf("      %s%s\n", !first ? "(redelivered)" : kept ? "" : "(rolled back) ", answer.text ? answer.text : "");
    chat_answer_fini(&answer);
}

static void say_once(struct model *m, const struct spoken *said, int nth)
{
    struct chat_input in;
    chat_input_init(&in);
    in.platform = str_dup("slack");
    in.user = str_dup(said->who == STRANGER ? "U0NOBODY" : crowd[said->who].chat_id);
    in.channel = str_dup("C0ROOM");
    in.dedupe = str_fmt("t%d-%d", m->inputs, nth);
    in.trigger = str_fmt("trigger%d-%d", m->inputs, nth);
    if (said->way == BY_COMMAND) {
        in.kind = CHAT_COMMAND;
        in.text = str_dup(said->text);
        in.takes_answer = true;
    } else if (said->way == BY_BUTTON) {
        in.kind = CHAT_ACTION;
        in.action = str_dup(said->verb);
        in.value = str_dup(said->text);
    } else {
        in.kind = CHAT_FORM_SUBMIT;
        in.form = str_dup(said->verb);
        in.ref = str_dup(said->text);
        in.view = str_dup("V1");
        in.takes_answer = true;
        in.values = json_incref(said->values);
    }
    if (pick(m, 20) == 0)
        handle(m, &in, false);
    handle(m, &in, true);
    if (pick(m, 8) == 0)
        handle(m, &in, true);
    chat_input_fini(&in);
}

void says(struct model *m, const struct spoken *said)
{
    static const char *const how[] = {"", "clicks ", "sends the form "};
    m->inputs++;
    if (tracing)
        printf("%7.1f h %s: %s%s %s\n", (double)(m->o.now_ms - OFFICE_NOW) / (double)MS_HOUR, said->who == STRANGER ? "stranger" : crowd[said->who].key, how[said->way],
               said->way == BY_COMMAND ? "" : said->verb, said->text);
    say_once(m, said, 1);
    if (!said->once && pick(m, 12) == 0)
        say_once(m, said, 2); /* clicked twice */
}

void command(struct model *m, int who, const char *text)
{
    says(m, &(struct spoken){.who = who, .text = text});
}

/* ---- one-time codes ---- */

/* Six digits that are not the code of any moment that would be taken. */
static void wrong_code(struct model *m, char out[16])
{
    char near[3][16];
    for (int i = 0; i < 3; i++)
        totp_code(near[i], TOTP_SHA1, span_of(MODEL_SECRET), totp_step(m->x.now_ms) - 1 + i, TOTP_DIGITS);
    for (int n = 918273;; n++) {
        snprintf(out, 16, "%d", n);
        if (!str_eq(out, near[0]) && !str_eq(out, near[1]) && !str_eq(out, near[2]))
            return;
    }
}

struct code code_for(struct model *m, int who)
{
    struct code c = {.text = ""};
    int how = pick(m, 6), wrong = m->mood == CODES ? 5 : 3;
    if (who == STRANGER || !m->x.code_from || how == 0)
        return c;
    totp_code(c.text, TOTP_SHA1, span_of(MODEL_SECRET), totp_step(m->x.now_ms), TOTP_DIGITS);
    c.good = totp_step(m->x.now_ms) > m->x.people[who].last_step;
    c.wrong = how < wrong;
    if (c.wrong)
        wrong_code(m, c.text);
    c.good = c.good && !c.wrong;
    return c;
}

bool code_passes(struct model *m, const struct wish *w, int who, const struct code *c)
{
    struct someone *p = &m->x.people[who];
    if (!expect_code(&m->x, w, who))
        return true;
    if (p->no_codes || m->x.now_ms < p->locked_until_ms || !c->text[0])
        return false;
    if (c->good) {
        p->last_step = totp_step(m->x.now_ms);
        p->failures = 0;
        p->locked_until_ms = 0;
    } else if (c->wrong && ++p->failures >= TRIES) {
        p->failures = 0;
        p->locked_until_ms = m->x.now_ms + 15 * MS_MINUTE;
    }
    return c->good;
}
