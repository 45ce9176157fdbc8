/* One customer, two billing systems: Northwind is cus_1 at stripe, with invoice in_1001, and cus_2 at zuora, with in_1002. */
#ifndef DW_TESTS_TWO_BILLERS_H
#define DW_TESTS_TWO_BILLERS_H

#include "engine/hold.h"
#include "engine/plan.h"
#include "engine/readings.h"
#include "engine/receipt.h"
#include "tests/unit/cases.h"

/* What they do, beyond what the office's billers do; whose holds and releases are a person's work. */
enum behaviour { FINE, REFUSES, SILENT, UNREADABLE, BUSY };
static enum behaviour at_zuora, at_stripe;
static bool zuora_by_hand, stripe_by_hand, zuora_plans; /* zuora has a schedule of its own for plans */
static const char *kept;                                /* stripe does not release what names this; NULL: nothing */
static const char *mute;                                /* nor does it say whether it released what names this */
static json_t *asked; /* {driver, op, args} of each write */

static bool is_release_of(const struct job *job, const char *invoice)
{
    char *invoices = json_dumps(json_at(job->args, "invoices"), JSON_ENCODE_ANY);
    bool names = invoice && invoices && strstr(invoices, invoice);
    free(invoices);
    return names && str_eq(job->driver, "stripe") && str_eq(job->op, "release");
}

static void two_billers(void *ctx, const struct job *job, const struct http_response *previous, struct step *out)
{
    struct office *o = ctx;
    enum behaviour how = str_eq(job->driver, "zuora") ? at_zuora : str_eq(job->driver, "stripe") ? at_stripe : FINE;
    bool write = !str_eq(job->op, "read") && !str_eq(job->driver, "slack");
    if (how == BUSY && write) {
        out->outcome = STEP_RETRY;
        out->retry_at_ms = o->now_ms + MS_MINUTE;
        return;
    }
    if (write && !previous)
        json_array_append_new(asked, json_pack("{s:s, s:s, s:s, s:O}", "driver", job->driver, "op", job->op, "key", job->key, "args", job->args));
    if (how == UNREADABLE && !write) {
        out->outcome = STEP_REFUSED;
        str_copy(out->reason, sizeof out->reason, "the account is closed there");
        return;
    }
    o->biller_says_no = write && (how == REFUSES || is_release_of(job, kept));
    o->biller_silent = write && (how == SILENT || is_release_of(job, mute));
    office_step(ctx, job, previous, out);
    o->biller_says_no = o->biller_silent = false;
    if (out->outcome == STEP_DONE && zuora_plans && str_eq(job->op, "plan"))
        json_put(out->result, "mode", "native");
    if (out->outcome == STEP_DONE && json_object_get(out->result, "prior")) { /* as real drivers do: what each invoice was */
        size_t i;
        json_t *id;
        json_array_foreach(json_at(job->args, "invoices"), i, id)
            json_put_new(json_object_get(out->result, "prior"), json_string_value(id), json_pack("{s:b}", "auto_advance", 1));
    }
}

static const char *capability(void *ctx, const char *biller, const char *op, const char **note)
{
    if (zuora_plans && str_eq(biller, "zuora") && str_eq(op, "plan"))
        return "native";
    bool by_hand = str_eq(biller, "zuora") ? zuora_by_hand : stripe_by_hand;
    if (by_hand && (str_eq(op, "hold") || str_eq(op, "release"))) {
        *note = op[0] == 'h' ? "Stop the dunning there." : "Begin the dunning there.";
        return "manual";
    }
    return office_capability(ctx, biller, op, note);
}

DW_UNUSED static void open_two(struct office *o)
{
    office_open(o, false);
    o->e.world.step = two_billers;
    o->e.world.capability = capability;
    book_free(o->book);
    o->book = book_new("accounts.csv", OFFICE_NOW - 2 * MS_MINUTE);
    office_account(o, "northwind", "Northwind Ltd", 41200000, "ae1", "cus_1");
    assert_int_equal(book_link(o->book, "northwind", "zuora", "cus_2", 0, NULL), 0);
    book_seal(o->book);
    o->e.book = o->book;
    at_zuora = at_stripe = FINE;
    zuora_by_hand = stripe_by_hand = zuora_plans = false;
    kept = NULL;
    asked = json_array();
}

DW_UNUSED static void close_two(struct office *o)
{
    office_proves(o);
    json_decref(asked);
    office_close(o);
}

/* The nth write of an operation at a biller; NULL when there was none. */
DW_UNUSED static const json_t *write_of(const char *driver, const char *op)
{
    size_t i;
    json_t *row;
    json_array_foreach(asked, i, row)
        if (str_eq(json_str(row, "driver", ""), driver) && str_eq(json_str(row, "op", ""), op))
            return row;
    return NULL;
}

/* The process ends and starts again: only the store is left. */
DW_UNUSED static void restart(struct office *o)
{
    const struct engine before = o->e;
    AUTO_STR url = str_fmt("sqlite:%s/office.db", o->dir);
    engine_fini(&o->e);
    store_close(o->store);
    assert_int_equal(store_open(&o->store, url, false, NULL), 0);
    engine_init(&o->e, o->store, &before.world);
    o->e.people = before.people;
    o->e.book = before.book;
    o->e.policy = before.policy;
    o->e.chats = before.chats;
    o->e.n_chats = before.n_chats;
    o->e.mail = before.mail;
    office_begin(o);
    engine_recover(&o->e);
    office_commit(o);
    office_turn(o, NULL, NULL);
}

#endif
