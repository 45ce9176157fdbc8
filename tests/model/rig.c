/* The office that schedules run in: ten people, eighty policies, one customer who owes, and a store that is copied for each. */
#include "engine/enrolled.h"
#include "engine/step_up.h"
#include "tests/model/model.h"

const struct someone crowd[PEOPLE] = {
    {.key = "ae1", .chat_id = "U0AE1", .roles = AE},
    {.key = "ae2", .chat_id = "U0AE2", .roles = AE | MANAGER, .limit = 10000000}, /* the account's executive */
    {.key = "man1", .chat_id = "U0MAN1", .roles = MANAGER, .limit = 10000000, .senior = true},
    {.key = "man2", .chat_id = "U0MAN2", .roles = MANAGER, .limit = 5000000, .senior = true, .no_codes = true},
    {.key = "low", .chat_id = "U0LOW", .roles = MANAGER, .limit = 10000},
    {.key = "fin1", .chat_id = "U0FIN1", .roles = FINANCE, .limit = 50000000},
    {.key = "both", .chat_id = "U0BOTH", .roles = MANAGER | FINANCE, .limit = 10000000, .senior = true, .emergency = true},
    {.key = "boss", .chat_id = "U0BOSS", .roles = OPERATOR, .emergency = true},
    {.key = "dep", .chat_id = "U0DEP", .roles = AE},
    {.key = "far", .chat_id = "U0FAR", .roles = MANAGER, .limit = 10000000, .senior = true, .elsewhere = true},
};

static const struct {
    const char *words, *seats[2]; /* of the rule; the seats that it makes */
    bool separate, same_person;
} rules[RULES] = {
    {"", {"approver", NULL}, false, false},
    {"need: [{count: 1, of: manager}]", {"manager", NULL}, false, false},
    {"need: [{count: 1, of: manager}, {count: 1, of: finance}]", {"manager", "finance"}, false, false},
    {"need: [{count: 2, of: seniors}], ask: [seniors]", {"seniors", "seniors"}, false, false},
    {"need: [{count: 2, of: approver}], ask: [finance]", {"approver", "approver"}, false, false},
    {"need: [{count: 1, of: manager}], separate: true", {"manager", NULL}, true, false},
    {"need: [{count: 1, of: manager}, {count: 1, of: finance}], separate: true", {"manager", "finance"}, true, false},
    {"need: [{count: 1, of: manager}, {count: 1, of: finance}], same_person: true", {"manager", "finance"}, false, true},
    {"need: [{count: 2, of: seniors}], same_person: true", {"seniors", "seniors"}, false, true},
    {"need: [{count: 2, of: manager}], ask: [manager], separate: true", {"manager", "manager"}, true, false},
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
        buf_addf(&text, "%s%s}\n", w->emergency ? ", break_glass: true" : "", w->elsewhere ? ", accounts: [northwind]" : "");
    }
    buf_adds(&text, "groups:\n  seniors: [man1, man2, both, far]\n");
    struct doc *d = parsed(buf_text(&text));
    people_free(m->o.people);
    m->o.e.people = m->o.people = people_parse(d, &p);
    doc_free(d);
    if (p.n)
        fail_msg("%s", p.lines[0]);
}

/* What schedules did to people's rights is undone; everything else in them stays as it was read. */
static void people_back(struct model *m)
{
    for (int i = 0; i < PEOPLE; i++) {
        struct person *p = (struct person *)(uintptr_t)people_by_key(m->o.people, crowd[i].key);
        p->roles = (crowd[i].roles & AE ? ROLE_AE : 0) | (crowd[i].roles & MANAGER ? ROLE_MANAGER : 0) | (crowd[i].roles & FINANCE ? ROLE_FINANCE : 0) |
                   (crowd[i].roles & OPERATOR ? ROLE_OPERATOR : 0);
        if (p->n_limits)
            p->limits[0].minor = crowd[i].limit;
    }
}

static struct policy *read_policy(const char *rule, bool coded, bool window, bool patient)
{
    struct problems p = {0};
    const char *head = strstr(office_policy, "approvals:"), *credits = strstr(office_policy, "credits:"), *rest = strstr(office_policy, "settlements:");
    AUTO_STR patience = str_fmt("  remind_hours: [%d]\n  escalate: [{after_hours: %d, ask: [finance]}]\n", REMIND_HOURS, ESCALATE_HOURS);
    AUTO_STR money = str_fmt("credits: {manager: {USD: %d}, share: %d}\nwrite_offs: {manager: {USD: %d}}\n", CREDIT_MOST / 100, CREDIT_SHARE, WRITE_OFF_MOST / 100);
    AUTO_STR text = str_fmt("%.*s%s%.*sapprovals:\n  expire_hours: %d\n%s%s%s%s%s%s", (int)(credits - office_policy), office_policy, money, (int)(head - rest), rest, OPEN_HOURS,
                            coded ? "  step_up: {USD: 35000}\n" : "", window ? "  undo_seconds: 600\n" : "", patient ? patience : "  remind_hours: []\n",
                            rule[0] ? "  rules:\n    - {name: model, " : "", rule, rule[0] ? "}\n" : "");
    struct doc *d = parsed(text);
    struct policy *policy = policy_parse(d, &p);
    doc_free(d);
    if (p.n)
        fail_msg("%s", p.lines[0]);
    return policy;
}

static void draw_policy(struct model *m)
{
    int rule = pick(m, RULES);
    bool coded = pick(m, 3) == 0 || m->mood == CODES, window = pick(m, 3) == 0 || m->mood == WINDOWS, patient = pick(m, 3) == 0 || m->mood == PATIENCE;
    struct policy **kept = &m->policies[rule][coded][window][patient];
    if (!*kept)
        *kept = read_policy(rules[rule].words, coded, window, patient);
    m->o.e.policy = m->o.policy = *kept;
    memcpy(m->x.seats, rules[rule].seats, sizeof m->x.seats);
    m->x.separate = rules[rule].separate;
    m->x.same_person = rules[rule].same_person;
    m->x.code_from = coded ? 3500000 : 0;
    m->x.undo_ms = window ? 600 * MS_SECOND : 0;
    m->x.patient = patient;
    if (tracing)
        printf("policy: %s%s%s%s\n", rule ? rules[rule].words : "one approver", coded ? ", codes from $35,000" : "", window ? ", ten minutes to undo" : "",
               patient ? ", asks others after a while" : "");
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

static void engine_anew(struct model *m)
{
    struct engine was = m->o.e;
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

/* The program starts anew on what is on disk. */
void model_restart(struct model *m)
{
    AUTO_STR url = str_fmt("sqlite:%s/office.db", m->o.dir);
    store_close(m->o.store);
    assert_int_equal(store_open(&m->o.store, url, false, NULL), 0);
    m->attached = false;
    engine_anew(m);
}

/* The store of this schedule is the template's rows again: a new file each time would have every statement prepared anew. */
static void rows_back(struct model *m)
{
    if (!m->attached)
        store_run(m->o.store, "ATTACH ?1 AS template", "t", m->template_db);
    m->attached = true;
    store_begin(m->o.store);
    for (size_t i = 0; i < m->n_tables; i++) {
        store_run(m->o.store, m->clear[i], "");
        store_run(m->o.store, m->fill[i], "");
    }
    office_commit(&m->o);
}

static void enrol_all(struct model *m)
{
    struct problems p = {0};
    AUTO_STR path = str_fmt("%s/codes", m->o.dir);
    for (int i = 0; i < PEOPLE; i++) {
        if (crowd[i].no_codes)
            continue;
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
    m->o.e.world.step = money_step;
    m->office_policy = m->o.policy;
    make_people(m);
    enrol_all(m);
    office_rebill(&m->o, CUSTOMER, 4820000, "H");
    office_event_of(&m->o, CUSTOMER);
    snprintf(m->template_db, sizeof m->template_db, "%s/template", m->o.dir);
    AUTO_STR path = str_fmt("%s/office.db", m->o.dir);
    model_restart(m); /* so that all is in the file */
    copy_file(path, m->template_db);
    m->case_id = office_i64(&m->o, "SELECT id FROM recoveries WHERE is_open = 1 AND account = '" MODEL_ACCOUNT "'");
    struct query *q = store_query(m->o.store, "SELECT name FROM sqlite_master WHERE type = 'table'", "");
    for (; query_next(q); m->n_tables++) {
        assert_true(m->n_tables < TABLES_MOST);
        m->clear[m->n_tables] = str_fmt("DELETE FROM main.%s", query_text(q, 0));
        m->fill[m->n_tables] = str_fmt("INSERT INTO main.%s SELECT * FROM template.%s", query_text(q, 0), query_text(q, 0));
    }
}

void model_close(struct model *m)
{
    for (size_t i = 0; i < m->n_tables; i++) {
        free(m->clear[i]);
        free(m->fill[i]);
    }
    policy_free(m->office_policy);
    m->o.policy = NULL; /* one of these */
    for (int i = 0; i < RULES * 8; i++)
        policy_free((&m->policies[0][0][0][0])[i]);
    store_close(m->o.store); /* before its template goes */
    m->o.store = NULL;
    unlink(m->template_db);
    office_close(&m->o);
    enrolled_free(m->enrolled);
}

void model_begin(struct model *m)
{
    m->o.now_ms = OFFICE_NOW;
    m->o.chat_waits = false;
    m->mood = (enum mood)pick(m, MOODS);
    m->favourite = 1 + pick(m, BOTH);
    m->inputs = m->hours = m->tickets = 0;
    m->n_payments = m->n_written = 0;
    m->written_off = 0;
    m->closed = false;
    json_array_clear(m->o.sent);
    m->x = (struct expect){.due = 4820000, .now_ms = OFFICE_NOW, .owner = NOBODY, .executive = 1};
    memcpy(m->x.people, crowd, sizeof crowd);
    people_back(m);
    draw_policy(m);
    office_rebill(&m->o, CUSTOMER, m->x.due, "H");
    json_put(((struct account *)(uintptr_t)book_by_key(m->o.book, MODEL_ACCOUNT))->facts, "top_priority", "0");
    rows_back(m);
    engine_anew(m);
}
