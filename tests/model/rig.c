/* The office that schedules run in: nine people, seven policies, one customer who owes, and a store that is copied for each. */
#include "engine/enrolled.h"
#include "engine/step_up.h"
#include "tests/model/model.h"

const struct someone crowd[PEOPLE] = {
    {.key = "ae1", .chat_id = "U0AE1", .roles = AE},
    {.key = "ae2", .chat_id = "U0AE2", .roles = AE | MANAGER, .limit = 10000000}, /* the account's executive */
    {.key = "man1", .chat_id = "U0MAN1", .roles = MANAGER, .limit = 10000000, .senior = true},
    {.key = "man2", .chat_id = "U0MAN2", .roles = MANAGER, .limit = 5000000, .senior = true},
    {.key = "low", .chat_id = "U0LOW", .roles = MANAGER, .limit = 10000},
    {.key = "fin1", .chat_id = "U0FIN1", .roles = FINANCE, .limit = 50000000},
    {.key = "both", .chat_id = "U0BOTH", .roles = MANAGER | FINANCE, .limit = 10000000, .senior = true, .emergency = true},
    {.key = "boss", .chat_id = "U0BOSS", .roles = OPERATOR, .emergency = true},
    {.key = "dep", .chat_id = "U0DEP", .roles = AE},
};

static const char *const policies[][4] = { /* of the rule; the seats that it makes; separate */
    {"", "approver", NULL, ""},
    {"need: [{count: 1, of: manager}]", "manager", NULL, ""},
    {"need: [{count: 1, of: manager}, {count: 1, of: finance}]", "manager", "finance", ""},
    {"need: [{count: 2, of: seniors}]", "seniors", "seniors", ""},
    {"need: [{count: 2, of: approver}]", "approver", "approver", ""},
    {"need: [{count: 1, of: manager}], separate: true", "manager", NULL, "separate"},
    {"need: [{count: 1, of: manager}, {count: 1, of: finance}], separate: true", "manager", "finance", "separate"},
};

static struct doc *parsed(const char *text)
{
    struct doc *d = NULL;
    struct err e = {0};
    if (doc_parse(&d, span_of(text), "model.yaml", &e) != 0)
        fail_msg("%s", e.text);
    return d;
}

static void add_roles(struct buf *out, unsigned roles)
{
    static const char *const names[] = {"ae", "manager", "finance", "operator"};
    const char *between = "";
    for (size_t i = 0; i < DW_ARRAY_LEN(names); i++)
        if (roles >> i & 1) {
            buf_addf(out, "%s%s", between, names[i]);
            between = ", ";
        }
}

static void make_people(struct model *m)
{
    struct problems p = {0};
    AUTO_BUF text = BUF(8000);
    buf_adds(&text, "people:\n");
    for (int i = 0; i < PEOPLE; i++) {
        const struct someone *w = &crowd[i];
        buf_addf(&text, "  %s: {name: Person %s, slack: %s, roles: [", w->key, w->key, w->chat_id);
        add_roles(&text, w->roles);
        buf_adds(&text, "]");
        if (w->limit)
            buf_addf(&text, ", limit: {USD: %lld}", (long long)(w->limit / 100));
        buf_addf(&text, "%s}\n", w->emergency ? ", break_glass: true" : "");
    }
    buf_adds(&text, "groups:\n  seniors: [man1, man2, both]\n");
    struct doc *d = parsed(buf_text(&text));
    people_free(m->o.people);
    m->o.e.people = m->o.people = people_parse(d, &p);
    doc_free(d);
    if (p.n)
        fail_msg("%s", p.lines[0]);
}

static void make_policy(struct model *m)
{
    struct problems p = {0};
    const char *const *rule = policies[pick(m, DW_ARRAY_LEN(policies))];
    bool coded = pick(m, 4) == 0;
    const char *head = strstr(office_policy, "approvals:");
    AUTO_STR text = str_fmt("%.*sapprovals:\n  expire_hours: %d\n%s%s%s%s", (int)(head - office_policy), office_policy, OPEN_HOURS,
                            coded ? "  step_up: {USD: 35000}\n" : "", rule[0][0] ? "  rules:\n    - {name: model, " : "", rule[0], rule[0][0] ? "}\n" : "");
    struct doc *d = parsed(text);
    policy_free(m->o.policy);
    m->o.e.policy = m->o.policy = policy_parse(d, &p);
    doc_free(d);
    if (p.n)
        fail_msg("%s", p.lines[0]);
    m->x.seats[0] = rule[1];
    m->x.seats[1] = rule[2];
    m->x.separate = rule[3][0] != '\0';
    m->x.code_from = coded ? 3500000 : 0;
    if (tracing)
        printf("policy: %s%s\n", rule[0][0] ? rule[0] : "one approver", coded ? ", codes from $35,000" : "");
}

static void copy_file(const char *from, const char *to)
{
    char block[1 << 16];
    FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
    assert_true(in && out);
    for (size_t n; (n = fread(block, 1, sizeof block, in)) > 0;)
        assert_int_equal(fwrite(block, 1, n, out), n);
    fclose(in);
    assert_int_equal(fclose(out), 0);
}

/* The program starts anew on what is on disk. */
void model_restart(struct model *m, bool from_template)
{
    struct engine was = m->o.e;
    AUTO_STR path = str_fmt("%s/office.db", m->o.dir);
    AUTO_STR url = str_fmt("sqlite:%s", path);
    store_close(m->o.store);
    if (from_template)
        copy_file(m->template_db, path);
    assert_int_equal(store_open(&m->o.store, url, false, NULL), 0);
    engine_init(&m->o.e, m->o.store, &was.world);
    m->o.e.people = was.people;
    m->o.e.book = was.book;
    m->o.e.policy = was.policy;
    m->o.e.chats = was.chats;
    m->o.e.n_chats = was.n_chats;
    m->o.e.mail = was.mail;
    m->o.e.enrolled = was.enrolled;
    m->x.now_ms = m->o.now_ms;
    engine_fini(&was);
}

static void enrol_all(struct model *m)
{
    struct problems p = {0};
    AUTO_STR path = str_fmt("%s/codes", m->o.dir);
    for (int i = 0; i < PEOPLE; i++) {
        struct enrolment row = {.at_ms = OFFICE_NOW - MS_HOUR};
        str_copy(row.person, sizeof row.person, crowd[i].key);
        memcpy(row.secret, MODEL_SECRET, sizeof row.secret);
        assert_int_equal(enrolled_add(path, &row, NULL), 0);
    }
    m->o.e.enrolled = m->enrolled = enrolled_load(path, &p);
    assert_non_null(m->enrolled);
    unlink(path);
    office_begin(&m->o);
    step_up_sync(&m->o.e);
    office_commit(&m->o);
}

/* A case in collections' queue that is known and waits for people; each schedule begins with a copy of this store. */
void model_open(struct model *m)
{
    office_open(&m->o, false);
    make_people(m);
    enrol_all(m);
    office_rebill(&m->o, CUSTOMER, 4820000, "H");
    office_event_of(&m->o, CUSTOMER);
    snprintf(m->template_db, sizeof m->template_db, "%s/template", m->o.dir);
    AUTO_STR path = str_fmt("%s/office.db", m->o.dir);
    model_restart(m, false); /* so that all is in the file */
    copy_file(path, m->template_db);
}

void model_close(struct model *m)
{
    unlink(m->template_db);
    office_close(&m->o);
    enrolled_free(m->enrolled);
}

void model_begin(struct model *m)
{
    m->o.now_ms = OFFICE_NOW;
    m->o.chat_waits = false;
    m->inputs = m->hours = m->tickets = 0;
    json_array_clear(m->o.sent);
    m->x = (struct expect){.due = 4820000, .now_ms = OFFICE_NOW, .owner = NOBODY, .executive = 1};
    memcpy(m->x.people, crowd, sizeof crowd);
    make_people(m);
    make_policy(m);
    office_rebill(&m->o, CUSTOMER, m->x.due, "H");
    json_put(((struct account *)(uintptr_t)book_by_key(m->o.book, MODEL_ACCOUNT))->facts, "top_priority", "0");
    model_restart(m, true);
}
