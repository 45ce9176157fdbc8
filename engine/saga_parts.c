/* What a decision concerns, at which billing systems, and by whom and how it would be carried out at each: asked before anybody
 * agrees to it (cards), when it is carried out (saga.c), and when it is put back. */
#include "engine/proposal_money.h"
#include "engine/saga.h"

/* The reading knows whose an open invoice is; of one that is not open any more, the hold remembers. */
static struct billed whose(const struct recovery *r, const json_t *terms, const char *invoice)
{
    const json_t *prior = json_object_get(json_object_get(terms, "prior"), invoice);
    if (json_str(prior, "biller", "")[0])
        return (struct billed){json_str(prior, "biller", ""), json_str(prior, "customer", "")};
    return recovery_billed_of(r, invoice);
}

static bool same(const struct billed *a, const struct billed *b)
{
    return str_eq(a->biller, b->biller) && str_eq(a->customer, b->customer);
}

static void part_add(struct billed *parts, size_t *n, size_t most, struct billed b)
{
    for (size_t k = 0; k < *n; k++)
        if (same(&parts[k], &b))
            return;
    if (*n < most)
        parts[(*n)++] = b;
}

size_t saga_parts(const struct recovery *r, const json_t *terms, struct billed *out, size_t most)
{
    size_t n = 0, i;
    json_t *row;
    json_array_foreach(json_object_get(terms, "invoices"), i, row)
        part_add(out, &n, most, whose(r, terms, json_string_value(row)));
    json_array_foreach(json_object_get(terms, "parts"), i, row)
        part_add(out, &n, most, whose(r, terms, json_str(row, "invoice", "")));
    if (n == 0)
        out[n++] = recovery_billed_of(r, json_str(terms, "invoice", ""));
    return n;
}

char *saga_names(const struct recovery *r, const json_t *terms)
{
    struct billed parts[BILLERS_MOST];
    size_t n = saga_parts(r, terms, parts, BILLERS_MOST);
    return billers_names(parts, n);
}

json_t *saga_invoices_of(const struct recovery *r, const json_t *terms, const struct billed *part)
{
    const json_t *invoices = json_object_get(terms, "invoices");
    json_t *own = json_array();
    for (size_t i = 0; i < json_array_size(invoices); i++) {
        json_t *id = json_array_get(invoices, i);
        struct billed b = whose(r, terms, json_string_value(id));
        if (same(&b, part))
            json_array_append(own, id);
    }
    return own;
}

bool saga_by_hand(struct engine *e, const struct billed *part, enum verb verb, const char **note)
{
    return str_eq(e->world.capability(e->world.ctx, part->biller, verb_op(verb), note), "manual");
}

size_t saga_carried(struct engine *e, const struct recovery *r, enum verb verb, const json_t *terms, struct carried out[BILLERS_MOST])
{
    struct billed parts[BILLERS_MOST];
    size_t n = saga_parts(r, terms, parts, BILLERS_MOST), hands = 0;
    const char *op = verb_op(verb == VERB_PLAN && n > 1 ? VERB_HOLD : verb);
    for (size_t i = 0; i < n; i++) {
        out[i] = (struct carried){.at = parts[i], .note = ""};
        out[i].how = e->world.capability(e->world.ctx, parts[i].biller, op, &out[i].note);
        hands += str_eq(out[i].how, "manual");
    }
    for (size_t i = 0; verb_has_parts(verb) && hands > 0 && i < n; i++) /* money is given up by hand as a whole (money_capability) */
        if (!str_eq(out[i].how, "manual") && !str_eq(out[i].how, "none"))
            out[i] = (struct carried){.at = out[i].at, .how = "manual", .note = "By hand here too, so that one person does all of it."};
    return n;
}
