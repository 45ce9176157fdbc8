/* What policy demands, as a value: united, kept with a request, and said in words. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "engine/approval_parts.h"
#include "engine/buf.h"

void approval_init(struct approval *a)
{
    *a = (struct approval){.ask = json_array(), .rules = json_array()};
}

void approval_fini(struct approval *a)
{
    json_decref(a->ask);
    json_decref(a->rules);
    *a = (struct approval){0};
}

static void words_unite(json_t *all, const json_t *more)
{
    for (size_t i = 0; i < json_array_size(more); i++) {
        bool there = false;
        for (size_t k = 0; k < json_array_size(all); k++)
            there |= json_equal(json_array_get(all, k), json_array_get(more, i)) != 0;
        if (!there)
            json_array_append(all, json_array_get(more, i));
    }
}

static void need_unite(struct approval *a, const struct requirement *more)
{
    for (size_t i = 0; i < a->n_needs; i++)
        if (str_eq(a->needs[i].of, more->of)) {
            if (more->count > a->needs[i].count)
                a->needs[i].count = more->count;
            return;
        }
    assert(a->n_needs < APPROVAL_NEEDS); /* check_size of policy_approvals.c leaves room for two policies */
    a->needs[a->n_needs++] = *more;
}

void approval_merge(struct approval *a, const struct approval *b)
{
    bool first = json_array_size(a->rules) == 0;
    a->same_person = first ? b->same_person : a->same_person && (b->same_person || json_array_size(b->rules) == 0);
    a->separate = a->separate || b->separate;
    for (size_t i = 0; i < b->n_needs; i++)
        need_unite(a, &b->needs[i]);
    words_unite(a->ask, b->ask);
    words_unite(a->rules, b->rules);
}

json_t *approval_pack(const struct approval *a)
{
    json_t *needs = json_array();
    for (size_t i = 0; i < a->n_needs; i++)
        json_array_append_new(needs, json_pack("{s:i, s:s}", "count", a->needs[i].count, "of", a->needs[i].of));
    return json_pack("{s:o, s:O, s:O, s:b, s:b}", "needs", needs, "ask", a->ask, "rules", a->rules, "separate", a->separate, "same_person",
                     a->same_person);
}

void approval_unpack(struct approval *a, const json_t *packed)
{
    const json_t *needs = json_object_get(packed, "needs");
    for (size_t i = 0; i < json_array_size(needs) && i < APPROVAL_NEEDS / 2; i++) {
        struct requirement n = {.count = (int)json_i64(json_array_get(needs, i), "count", 1)};
        str_copy(n.of, sizeof n.of, json_str(json_array_get(needs, i), "of", "approver"));
        need_unite(a, &n);
    }
    words_unite(a->ask, json_object_get(packed, "ask"));
    words_unite(a->rules, json_object_get(packed, "rules"));
    a->separate = json_flag(packed, "separate", false);
    a->same_person = json_flag(packed, "same_person", false);
}

/* ---- in words ---- */

/* "one manager", "2 of finance", "one of eu-managers" */
static void need_words(struct buf *out, const char *of, size_t count)
{
    bool role = str_eq(of, "approver") || role_of(of);
    const char *word = str_eq(of, "approver") ? "manager or finance" : of;
    if (count == 1)
        buf_addf(out, "one %s%s", role ? "" : "of ", word);
    else
        buf_addf(out, "%zu of %s", count, word);
}

void approval_words(const struct approval *a, char *out, size_t size)
{
    const char *seats[APPROVAL_SEATS];
    size_t n = approval_seats(a, seats), words = 0;
    AUTO_BUF text = BUF(2000);
    for (size_t i = 0; i < n;) {
        size_t count = 1;
        while (i + count < n && str_eq(seats[i + count], seats[i]))
            count++;
        buf_adds(&text, words++ ? " and " : "");
        need_words(&text, seats[i], count);
        i += count;
    }
    if (n > 1)
        buf_adds(&text, a->same_person ? ", who may be one and the same person" : n == 2 ? ", two different people" : ", all different people");
    if (a->separate)
        buf_adds(&text, ", not the account's owner");
    str_copy(out, size, buf_text(&text));
}

char *seats_missing(const struct seating *m, const bool filled[APPROVAL_SEATS])
{
    AUTO_BUF out = BUF(400);
    for (size_t i = 0; i < m->n_seats; i++) {
        size_t open = 0, before = 0;
        for (size_t k = 0; k < m->n_seats; k++) {
            bool same = !filled[k] && str_eq(m->seats[k], m->seats[i]);
            open += same;
            before += same && k < i;
        }
        if (filled[i] || before)
            continue;
        const char *word = str_eq(m->seats[i], "approver") ? "manager or finance" : m->seats[i];
        buf_addf(&out, "%s", out.n ? ", " : "");
        if (open > 1)
            buf_addf(&out, "%zu of ", open);
        buf_addf(&out, "%c%s", role_of(m->seats[i]) ? toupper((unsigned char)word[0]) : word[0], word + 1);
    }
    return buf_take(&out);
}
