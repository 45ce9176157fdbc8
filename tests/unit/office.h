/* An office for tests of what people type and see: an engine on a store of its own, some people, some accounts, a
 * policy, and peers that answer at once. What was sent to chat is kept in `sent`, oldest first: {"op", "key",
 * "lane", "args"}. */
#ifndef DW_TESTS_OFFICE_H
#define DW_TESTS_OFFICE_H

#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "bot/cards.h"
#include "bot/chat_person.h"
#include "bot/commands.h"
#include "engine/effect.h"
#include "engine/inbox.h"
#include "engine/when.h"

#ifndef OFFICE_DIR
#define OFFICE_DIR "/tmp/dunwell-office-XXXXXX"
#endif
#define OFFICE_NOW INT64_C(1798000000000) /* Wed 23 Dec 2026 04:26 UTC */

struct office {
    struct engine e;
    struct store *store;
    struct people *people;
    struct book *book;
    struct policy *policy;
    char dir[64];
    int64_t now_ms;
    int messages, inputs, ids;
    json_t *sent;
    json_t *read[4]; /* what billing says of cus_1, cus_2, ... */
    bool with_files; /* what people write comes with one */
    bool chat_waits; /* the platform asks us to wait */
    const char *platform_down; /* this one alone does */
    const char *platform;      /* where people speak; NULL: slack */
    const char *email; /* what the platform says of whoever it is asked about */
    bool people_deaf; /* direct messages are refused */
    bool edits_refused;
    bool posts_refused; /* of cards, everywhere */
    bool biller_silent; /* answers to writes are lost */
    bool biller_says_no;
    bool forms_refused;
    bool fillings_refused, all_fillings_refused; /* with inputs; even plain ones */
    const char *outcome; /* of a payment that is tried; NULL: paid */
    int64_t under_way_ms; /* not 0: a payment without a name is under way, what billing shows had ended by then */
    bool makes_links, mail_refused;
    bool takes_notes, notes_refused; /* remarks at billing */
};

static const char office_people[] =
    "people:\n"
    "  ae1: {name: Ana Executive, email: ana@example.com, slack: U0AE1, roles: [ae], timezone: Europe/Berlin}\n"
    "  ae2: {name: Otto Executive, email: otto@example.com, slack: U0AE2, roles: [ae]}\n"
    "  col1: {name: Cleo Collector, email: cleo@example.com, slack: U0COL1, roles: [collector]}\n"
    "  manager1: {name: Mara Manager, email: mara@example.com, slack: U0MAN1, matrix: '@mara:dunwell.test', roles: [manager], limit: {USD: 100000}}\n"
    "  manager2: {name: Milo Manager, email: milo@example.com, slack: U0MAN2, roles: [manager], limit: {USD: 100}}\n"
    "  ae3: {name: Mia Executive, email: mia@example.com, matrix: '@mia:dunwell.test', roles: [ae]}\n"
    "  op1: {name: Olga Operator, email: olga@example.com, slack: U0OP1, roles: [operator]}\n";

static const char office_policy[] =
    "tiers:\n"
    "  - {tier: strategic, annual_value: {USD: 100000}}\n"
    "  - {tier: low}\n"
    "fragile: {any: [{fact: account.sentiment, below: -0.3}]}\n"
    "rules:\n"
    "  - {name: strategic-hold, why: A person speaks with this customer first, when: {fact: tier, is: strategic},\n"
    "     do: [{hold: {days: 7}}, {alert: {}}]}\n"
    "  - {name: soft, why: The card may work later, when: {fact: payment.class, is: S}, do: [{retry: {after_days: 2, hour: 9}}]}\n"
    "  - {name: otherwise, why: No rule fits so a collector looks at it, do: [{queue: {}}]}\n"
    "plans: {inside: {instalments: 3, days: 95, amount: {USD: 25000}}, manager: {instalments: 12, days: 370}, min_instalment: {USD: 50}}\n"
    "holds: {inside: {days: 14}, manager: {days: 60}}\n"
    "retries: {per_invoice: 8, visa: {attempts: 20, days: 30}, mastercard: {attempts: 35, days: 30, per_day: 10}, "
    "other: {attempts: 15, days: 30}}\n"
    "credits: {manager: {USD: 5000}, share: 20}\n"
    "write_offs: {manager: {USD: 50000}}\n"
    "settlements: {at_least_share: 50, within_days: 60}\n"
    "defers: {inside: {days: 7}, manager: {days: 30}}\n"
    "approvals: {expire_hours: 48}\n";

static json_t *office_bill(const char *customer, const char *number, int64_t due, const char *class)
{
    char text[1200];
    snprintf(
        text, sizeof text,
        "{\"account\":{\"id\":\"%s\",\"name\":\"x\",\"email\":\"a@example.com\",\"currency\":\"USD\",\"default_method\":\"pm_1\"},"
        "\"invoices\":[{\"id\":\"in_%s\",\"number\":\"%s\",\"currency\":\"USD\",\"total\":%lld,\"due\":%lld,\"due_at_ms\":%lld,"
        "\"created_ms\":%lld,\"status\":\"open\",\"attempts\":2,\"auto_advance\":true,\"collection\":\"auto\"}],"
        "\"payments\":[{\"id\":\"ch_1\",\"invoice\":\"in_%s\",\"amount\":%lld,\"currency\":\"USD\",\"status\":\"failed\",\"at_ms\":%lld,"
        "\"code\":\"insufficient_funds\",\"class\":\"%s\",\"method\":\"pm_1\",\"text\":\"Your card has insufficient funds.\"}],"
        "\"methods\":[{\"id\":\"pm_1\",\"brand\":\"visa\",\"last4\":\"4242\",\"exp_month\":4,\"exp_year\":2029}],"
        "\"subscription\":{\"id\":\"sub_1\",\"status\":\"past_due\"},\"network\":{\"attempts_window\":2,\"attempts_day\":0}}",
        customer, number, number, (long long)due, (long long)due, (long long)(OFFICE_NOW - 9 * MS_DAY),
        (long long)(OFFICE_NOW - 20 * MS_DAY), number, (long long)due, (long long)(OFFICE_NOW - MS_HOUR), class);
    struct err e = {0};
    json_t *read = json_read(span_of(text), &e);
    if (!read)
        fail_msg("%s", e.text);
    return read;
}

static const char *office_zone = "UTC"; /* of the customers that are added from now on */

DW_UNUSED static void office_account(struct office *o, const char *key, const char *name, int64_t value,
                                     const char *ae, const char *customer)
{
    struct account *a = mem_alloc(sizeof *a);
    *a = (struct account){.key = str_dup(key),
                          .name = str_dup(name),
                          .tier = str_dup(""),
                          .value = money_of(value, "USD"),
                          .ae = str_dup(ae),
                          .billing = str_dup("stripe"),
                          .billing_id = str_dup(customer),
                          .email = str_dup("ap@example.com"),
                          .zone = str_dup(office_zone),
                          .renewal_ms = OFFICE_NOW + 79 * MS_DAY,
                          .facts = json_object()};
    json_put(a->facts, "sentiment", "-0.4");
    json_put(a->facts, "open_tickets", "3");
    assert_int_equal(book_add(o->book, a, NULL), 0);
}

static int64_t office_now(void *ctx)
{
    return ((struct office *)ctx)->now_ms;
}

static uint64_t office_random(void *ctx)
{
    (void)ctx;
    return 4;
}

static const char *office_capability(void *ctx, const char *biller, const char *op, const char **note)
{
    const struct office *o = ctx;
    (void)biller;
    if (str_eq(op, "note"))
        return o->takes_notes ? "native" : "none";
    *note = str_eq(op, "plan") ? "Dunwell keeps the dates and collects each instalment" : "";
    return "emulated";
}

static const char *office_text(void *ctx, const char *name, const char *language)
{
    (void)ctx;
    (void)name;
    (void)language;
    return "Subject: x\n\n{{link}}";
}

DW_UNUSED static void office_chat_ended(void *ctx, struct engine *e, const struct chat_end *end)
{
    (void)ctx;
    if (str_eq(end->purpose, "card"))
        cards_posted(e, end);
    else if (str_eq(end->purpose, "form"))
        forms_opened(e, end);
    else if (str_eq(end->purpose, "view"))
        forms_filled(e, end);
    else if (str_eq(end->purpose, "tap"))
        taps_posted(e, end);
    else if (str_eq(end->purpose, "whois"))
        chat_person_found(e, end);
}

static const struct chat_site office_slack = {.name = "slack",
                                              .approvals = "C0APPROVALS",
                                              .collections = "C0COLLECT",
                                              .shadow = "C0SHADOW",
                                              .traits = TRAIT_FORMS | TRAIT_EMAILS};

DW_UNUSED static void office_remember(struct office *o, const struct job *job)
{
    json_t *row = json_object();
    json_put(row, "platform", job->driver);
    json_put(row, "op", job->op);
    json_put(row, "key", job->key);
    json_put_new(row, "args", json_deep_copy(job->args));
    json_array_append_new(o->sent, row);
}

DW_UNUSED static void office_chat(struct office *o, const struct job *job, struct step *out)
{
    const char *channel = json_str(job->args, "channel", "");
    if (o->chat_waits || str_eq(o->platform_down, job->driver)) {
        out->outcome = STEP_RETRY;
        out->retry_at_ms = o->now_ms + MS_SECOND;
        return;
    }
    office_remember(o, job);
    if ((o->people_deaf && channel[0] == 'U') || (o->edits_refused && str_eq(job->op, "update")) ||
        (o->forms_refused && str_eq(job->op, "open_form")) || (o->all_fillings_refused && str_eq(job->op, "update_form")) ||
        (o->fillings_refused && str_eq(job->op, "update_form") && json_array_size(json_at(job->args, "form.inputs"))) ||
        (o->posts_refused && str_eq(job->op, "post") && json_at(job->args, "card"))) {
        out->outcome = STEP_REFUSED;
        str_copy(out->reason, sizeof out->reason, "cannot_dm_bot");
        return;
    }
    char id[32];
    bool direct = channel[0] == 'U' || channel[0] == '@';
    snprintf(id, sizeof id, "m%d", ++o->messages);
    out->outcome = STEP_DONE;
    out->result = json_object();
    if (str_eq(job->op, "whois")) {
        json_put(out->result, "email", o->email ? o->email : "");
    } else if (strstr(job->op, "form")) {
        json_put(out->result, "view", json_str(job->args, "view", "V1"));
    } else {
        AUTO_STR real = str_fmt("%s%s", direct ? "D" : "", direct ? channel + 1 : channel);
        json_put(out->result, "channel", real);
        json_put(out->result, "message", str_eq(job->op, "react") ? id : json_str(job->args, "message", id));
    }
}

DW_UNUSED static void office_billing(struct office *o, const struct job *job, const struct http_response *previous,
                                     struct step *out)
{
    int customer = json_str(job->args, "customer", "cus_1")[4] - '0';
    out->outcome = STEP_DONE;
    if (str_eq(job->op, "read")) {
        out->result = json_deep_copy(o->read[customer - 1]);
    } else if (!previous && !job->stage) {
        out->outcome = STEP_HTTP;
        out->stage = json_object();
    } else if (o->biller_silent) {
        out->outcome = STEP_UNKNOWN;
        out->retry_at_ms = o->now_ms + MS_MINUTE;
        str_copy(out->reason, sizeof out->reason, "no answer came");
    } else if (o->biller_says_no || (o->notes_refused && str_eq(job->op, "note")) || (o->mail_refused && str_eq(job->op, "mail"))) {
        out->outcome = STEP_REFUSED;
        str_copy(out->reason, sizeof out->reason, "the invoice is gone");
    } else if (o->under_way_ms && str_eq(job->op, "collect")) {
        out->result = json_pack("{s:s, s:s, s:I, s:s}", "outcome", "pending", "payment", "", "after_ms", (json_int_t)o->under_way_ms,
                                "note", "a payment of this invoice is already under way");
    } else {
        out->result = json_object();
        json_put(out->result, "id", str_eq(job->op, "plan") ? "plan_77" : "hold_5");
        json_put(out->result, "mode", "held_by_dunwell");
        json_put(out->result, "outcome", o->outcome ? o->outcome : "paid");
        if (o->makes_links && str_eq(job->op, "link"))
            json_put(out->result, "url", "https://pay.example/1");
        json_put_new(out->result, "prior", json_object());
        json_put_new(out->result, "held", json_deep_copy(json_at(job->args, "invoices")));
    }
}

DW_UNUSED static void office_step(void *ctx, const struct job *job, const struct http_response *previous,
                                  struct step *out)
{
    struct office *o = ctx;
    if (engine_chat(&o->e, job->driver))
        office_chat(o, job, out);
    else
        office_billing(o, job, previous, out);
}

DW_UNUSED static void office_answers(struct office *o, struct calls *calls)
{
    for (size_t i = 0; i < calls->n; i++) {
        struct http_response r;
        struct calls next = {0};
        http_response_init(&r);
        r.status = 200;
        store_begin(o->store);
        engine_begin(&o->e);
        effect_answered(&o->e, calls->list[i].effect_id, &r, &next);
        cards_refresh(&o->e);
        assert_int_equal(store_commit(o->store, NULL), 0);
        calls_free(&next);
        http_response_fini(&r);
    }
}

/* Turns until nothing is due. in may be NULL. */
DW_UNUSED static void office_turn(struct office *o, const struct chat_input *in, struct chat_answer *answer)
{
    for (int i = 0; i < 30; i++) {
        struct calls calls = {0};
        struct err e = {0};
        store_begin(o->store);
        engine_begin(&o->e);
        if (in && i == 0)
            chat_handle(&o->e, in, answer);
        engine_tick(&o->e, 10);
        cards_refresh(&o->e);
        effects_start(&o->e, &calls, 10);
        cards_refresh(&o->e);
        if (store_commit(o->store, &e) != 0)
            fail_msg("%s", e.text);
        bool out = calls.n > 0;
        office_answers(o, &calls);
        calls_free(&calls);
        if (!out && engine_next_due_ms(&o->e) > o->now_ms)
            return;
    }
}

/* Says something as a Slack user. The answer: its text, or what was whispered; "" for none. The caller frees. */
DW_UNUSED static char *office_do(struct office *o, enum chat_kind kind, const char *user, const char *a,
                                 const char *b)
{
    struct chat_input in;
    struct chat_answer answer;
    chat_input_init(&in);
    chat_answer_init(&answer);
    in.kind = kind;
    in.platform = str_dup(o->platform ? o->platform : "slack");
    in.user = str_dup(user);
    in.dedupe = str_fmt("t%d", ++o->inputs);
    if (kind == CHAT_COMMAND) {
        in.text = str_dup(a);
        in.takes_answer = true;
        in.file = o->with_files;
        in.channel = str_dup("C0ROOM");
    } else {
        in.action = str_dup(a);
        in.value = str_dup(b);
        in.trigger = str_fmt("trigger%d", o->inputs);
        in.channel = str_dup("C0ROOM");
    }
    size_t before = json_array_size(o->sent);
    office_turn(o, &in, &answer);
    char *said = answer.text ? str_dup(answer.text) : str_dup("");
    for (size_t i = before; i < json_array_size(o->sent); i++)
        if (str_eq(json_str(json_array_get(o->sent, i), "op", ""), "whisper")) {
            free(said);
            said = str_dup(json_str(json_array_get(o->sent, i), "args.text", ""));
        }
    chat_answer_fini(&answer);
    chat_input_fini(&in);
    return said;
}

/* A form sent back. The answer's text, or "INPUT: what is wrong". The caller frees. */
DW_UNUSED static char *office_form(struct office *o, enum chat_kind kind, const char *user, const char *form,
                                   const char *ref, const char *values)
{
    struct chat_input in;
    struct chat_answer answer;
    chat_input_init(&in);
    chat_answer_init(&answer);
    in.kind = kind;
    in.platform = str_dup("slack");
    in.user = str_dup(user);
    in.dedupe = str_fmt("t%d", ++o->inputs);
    in.form = str_dup(form);
    in.ref = str_dup(ref);
    in.view = str_dup("V1");
    in.takes_answer = kind == CHAT_FORM_SUBMIT;
    in.values = json_read(span_of(values), NULL);
    assert_non_null(in.values);
    office_turn(o, &in, &answer);
    char *said = str_dup(answer.text ? answer.text : "");
    void *first = answer.form_errors ? json_object_iter(answer.form_errors) : NULL;
    if (first) {
        free(said);
        said = str_fmt("%s: %s", json_object_iter_key(first), json_string_value(json_object_iter_value(first)));
    }
    chat_answer_fini(&answer);
    chat_input_fini(&in);
    return said;
}

DW_UNUSED static char *office_say(struct office *o, const char *user, const char *text)
{
    return office_do(o, CHAT_COMMAND, user, text, NULL);
}

DW_UNUSED static char *office_click(struct office *o, const char *user, const char *action, const char *value)
{
    return office_do(o, CHAT_ACTION, user, action, value);
}

DW_UNUSED static void office_event(struct office *o, const char *customer, const char *invoice, bool opens)
{
    store_begin(o->store);
    engine_begin(&o->e);
    recovery_touch(&o->e, &(struct touch){.biller = "stripe",
                                          .customer = customer,
                                          .invoice = invoice,
                                          .event = "evt_1",
                                          .why = "a payment failed",
                                          .opens = opens});
    assert_int_equal(store_commit(o->store, NULL), 0);
    office_turn(o, NULL, NULL);
}

DW_UNUSED static void office_open(struct office *o, bool shadow)
{
    struct problems p = {0};
    struct doc *d = NULL;
    *o = (struct office){.now_ms = OFFICE_NOW, .sent = json_array()};
    str_copy(o->dir, sizeof o->dir, OFFICE_DIR);
    assert_non_null(mkdtemp(o->dir));
    AUTO_STR url = str_fmt("sqlite:%s/office.db", o->dir);
    assert_int_equal(store_open(&o->store, url, false, NULL), 0);
    const struct world world = {.ctx = o,
                                .now_ms = office_now,
                                .random = office_random,
                                .step = office_step,
                                .capability = office_capability,
                                .text = office_text,
                                .chat_ended = office_chat_ended};
    engine_init(&o->e, o->store, &world);
    assert_int_equal(doc_parse(&d, span_of(office_people), "people.yaml", NULL), 0);
    o->people = people_parse(d, &p);
    doc_free(d);
    assert_int_equal(doc_parse(&d, span_of(office_policy), "policy.yaml", NULL), 0);
    o->policy = policy_parse(d, &p);
    doc_free(d);
    for (size_t i = 0; i < p.n; i++)
        fail_msg("%s", p.lines[i]);
    problems_free(&p);
    o->book = book_new("accounts.csv", OFFICE_NOW - 2 * MS_MINUTE);
    office_account(o, "northwind", "Northwind Ltd", 41200000, "ae1", "cus_1");
    office_account(o, "acme-corp", "Acme Corp", 500000, "ae2", "cus_2");
    office_account(o, "acme-east", "Acme East", 500000, "ae2", "cus_3");
    office_account(o, "studio", "Studio 54", 500000, "ae2", "cus_4");
    book_seal(o->book);
    o->e.people = o->people;
    o->e.book = o->book;
    o->e.policy = o->policy;
    o->e.shadow = shadow;
    o->e.chats = &office_slack;
    o->e.n_chats = 1;
    o->e.mail = "smtp";
    o->read[0] = office_bill("cus_1", "1001", 4820000, "S");
    o->read[1] = office_bill("cus_2", "1002", 120000, "S");
    o->read[2] = office_bill("cus_3", "1003", 90000, "H");
    o->read[3] = office_bill("cus_4", "1004", 5400, "H");
}

DW_UNUSED static void office_close(struct office *o)
{
    engine_fini(&o->e);
    store_close(o->store);
    people_free(o->people);
    policy_free(o->policy);
    book_free(o->book);
    json_decref(o->sent);
    for (size_t i = 0; i < DW_ARRAY_LEN(o->read); i++)
        json_decref(o->read[i]);
    static const char *const files[] = {"office.db", "office.db-wal", "office.db-shm", "office.db.lock"};
    for (size_t i = 0; i < DW_ARRAY_LEN(files); i++) {
        AUTO_STR path = str_fmt("%s/%s", o->dir, files[i]);
        unlink(path);
    }
    rmdir(o->dir);
}

/* The last thing sent whose key begins so; NULL when there is none. */
DW_UNUSED static const json_t *office_sent(const struct office *o, const char *key)
{
    for (size_t i = json_array_size(o->sent); i-- > 0;)
        if (strncmp(json_str(json_array_get(o->sent, i), "key", ""), key, strlen(key)) == 0)
            return json_array_get(o->sent, i);
    return NULL;
}

DW_UNUSED static size_t office_count(const struct office *o, const char *key)
{
    size_t n = 0;
    for (size_t i = 0; i < json_array_size(o->sent); i++)
        n += strncmp(json_str(json_array_get(o->sent, i), "key", ""), key, strlen(key)) == 0;
    return n;
}

/* A whole card as the text that people read. The caller frees. */
DW_UNUSED static char *office_read_card(const json_t *card)
{
    AUTO_BUF out = BUF(20000);
    size_t i;
    json_t *v;
    const char *tag = json_str(card, "tag", "");
    buf_addf(&out, "%s%s%s[%s] %s\n(%s)\n", tag, tag[0] ? " " : "", json_str(card, "mention", ""),
             json_str(card, "severity", ""), json_str(card, "title", ""), json_str(card, "summary", ""));
    json_array_foreach(json_at(card, "paragraphs"), i, v)
        buf_addf(&out, "%s\n", json_string_value(v));
    json_array_foreach(json_at(card, "fields"), i, v)
        buf_addf(&out, "| %s: %s ", json_str(v, "label", ""), json_str(v, "value", ""));
    buf_adds(&out, "\n");
    json_array_foreach(json_at(card, "facts"), i, v)
        buf_addf(&out, "~ %s: %s (%s%s) ", json_str(v, "name", ""), json_str(v, "value", ""),
                 json_str(v, "source", ""), json_flag(v, "stale", false) ? ", stale" : "");
    buf_adds(&out, "\n");
    json_array_foreach(json_at(card, "actions"), i, v)
        buf_addf(&out, "[%s = %s (%s)] ", json_str(v, "label", ""), json_str(v, "command", ""),
                 json_str(v, "value", ""));
    json_array_foreach(json_at(card, "more"), i, v)
        buf_addf(&out, ".. %s = %s ", json_str(v, "label", ""), json_str(v, "command", ""));
    buf_addf(&out, "\n%s\n", json_str(card, "footer", ""));
    return buf_take(&out);
}

DW_UNUSED static void assert_says(const char *text, const char *piece)
{
    if (!text || !strstr(text, piece))
        fail_msg("\"%s\" does not say \"%s\"", text ? text : "(nothing)", piece);
}

/* Somebody says it, and the answer holds `piece`. */
DW_UNUSED static void office_says(struct office *o, const char *user, const char *text, const char *piece)
{
    AUTO_STR said = office_say(o, user, text);
    if (!strstr(said, piece))
        fail_msg("%s: \"%s\" does not say \"%s\"", text, said, piece);
}

DW_UNUSED static void assert_not_says(const char *text, const char *piece)
{
    if (text && strstr(text, piece))
        fail_msg("\"%s\" must not say \"%s\"", text, piece);
}

#endif
