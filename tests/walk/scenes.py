"""The scenes of the walk: for each billing system what is there before, and each writing operation with its arguments.

`first` is done before, undisturbed; `take` names what of its result becomes an argument. `setup` speaks to the fake's control API.
`refused`: so it ends undisturbed (a decline). `busy` is the vendor's answer while a first request under the same key still runs;
`noted`: what it could not do of it is
said in a note, for a person. `lag`: its reads may lag behind its writes. `without_writes`: declared operations that change nothing there, and why."""
import copy

BEGIN_MS = 1800000000000
DAY_MS = 86400000
UNTIL = BEGIN_MS + 20 * DAY_MS
USD = {"currency": "USD", "case": "N-1", "reason": "outage", "amount": 5000}


def rows(*invoices):
    return [{"n": n + 1, "date": f"2027-0{n + 2}-01", "date_ms": BEGIN_MS + (n + 1) * 25 * DAY_MS, "amount": 6025, "invoice": id} for n, id in enumerate(invoices)]


def operations(who, one, two, method, whole=12050, take=("prior",)):
    """Those that every system has in the same words. one, two: open invoices of `whole`; two names both in a hold."""
    both = {"customer": who, "invoices": [one, two], "until_ms": UNTIL, "reason": "renewal", "case": "N-1"}
    hold = {"op": "hold", "args": both, "take": list(take)}
    pay = {"customer": who, "invoice": one, "currency": "USD", "method": method, "case": "N-1"}
    money = dict(USD, customer=who, invoice=one)
    plan = {"customer": who, "invoices": [one], "plan": "A-5", "currency": "USD", "instalments": rows(one, one), "case": "N-1"}
    return {
        "hold": {"op": "hold", "args": both},
        "release": {"op": "release", "args": {"customer": who, "invoices": [one, two]}, "first": [hold]},
        "plan": {"op": "plan", "args": plan},
        "collect": {"op": "collect", "args": pay},
        "collect a part": {"op": "collect", "args": dict(pay, amount=4018)},
        "collect, declined": {"op": "collect", "args": pay, "refused": True},
        "collect, pending": {"op": "collect", "args": pay},
        "credit": {"op": "credit", "args": money},
        "write off": {"op": "write_off", "args": dict(money, amount=whole)},
        "defer": {"op": "defer", "args": {"customer": who, "invoice": one, "until_ms": UNTIL, "case": "N-1"}},
        "note on an invoice": {"op": "note", "args": {"customer": who, "invoice": one, "text": "they pay on Friday", "case": "N-1"}},
        "note on an account": {"op": "note", "args": {"customer": who, "text": "they pay on Friday", "case": "N-1"}},
        "link to pay": {"op": "link", "args": {"customer": who, "invoice": one, "purpose": "pay"}},
        "link for a card": {"op": "link", "args": {"customer": who, "invoice": one, "purpose": "update_method"}},
    }


def chosen(all_of_them, *left_out, **setup):
    """As a list, without some, with what else is set up for some ("collect, declined" is written collect_declined)."""
    out = []
    for name, operation in copy.deepcopy(all_of_them).items():
        if name not in left_out:
            out.append(dict(operation, name=name, setup=setup.get(name.replace(",", "").replace(" ", "_"), [])))
    return out


def stripe():
    all_of_them = operations("cus_1", "in_1", "in_2", "pm_1")
    all_of_them["collect a part, declined"] = dict(all_of_them["collect a part"], refused=True)
    bad, slow = ["method_set", {"id": "pm_1", "decline": "insufficient_funds"}], ["method_set", {"id": "pm_1", "behaviour": "processing"}]
    return {
        "driver": "stripe",
        "options": {"secret_key": "sk_test_fake", "webhook_secret": "whsec_fake"},
        "busy": {"status": 409, "body": {"error": {"type": "idempotency_error", "code": "idempotency_key_in_use", "message": "still running"}}},
        "setup": [["customer", {"id": "cus_1", "methods": [{"id": "pm_old", "decline": "expired_card"}, {"id": "pm_1"}]}],
                  ["invoice", {"id": "in_1", "customer": "cus_1", "amount": 12050, "fail": True}], ["invoice", {"id": "in_2", "customer": "cus_1", "amount": 700}]],
        "operations": chosen(all_of_them, "link to pay", collect_declined=[bad], collect_a_part_declined=[bad], collect_pending=[slow]),
    }


def zuora():
    soft = ["insufficient_funds", "402 - [card_error/card_declined/insufficient_funds] Your card has insufficient funds."]
    declined, pending = ["account", {"id": "acc-1", "decline": soft}], ["account", {"id": "acc-1", "status": "Processing"}]
    cycle = [declined, ["advance", {"days": 1}], ["account", {"id": "acc-1"}]]
    without = ["set", {"settlement": False}]
    all_of_them = operations("acc-1", "inv-1", "inv-2", "pm-1")
    all_of_them["hold in a retry cycle"] = all_of_them["hold"]
    all_of_them["release to a retry cycle"] = dict(all_of_them["release"], noted=True)
    all_of_them["collect without settlement"] = all_of_them["collect"]
    all_of_them["declined without settlement"] = all_of_them["collect, declined"]
    all_of_them["declined by a failure"] = all_of_them["collect, declined"]
    plan = dict(all_of_them["plan"], take=["id"])
    all_of_them["unplan"] = {"op": "unplan", "args": {"customer": "acc-1", "invoices": ["inv-1"]}, "first": [plan]}
    return {
        "driver": "zuora",
        "options": {"client_id": "client-fake", "client_secret": "secret-fake", "muted_profile": "prof-muted", "cpr_url": "base_url",
                    "cpr_user": "bot@example.com", "cpr_token": "cpr-fake"},
        "busy": {"status": 409, "body": {"message": "the same key is still running"}},
        "lag": True,
        "setup": [["account", {"id": "acc-1"}], ["invoice", {"id": "inv-1", "account": "acc-1", "cents": 12050, "link": "https://pay.example.com/x"}],
                  ["invoice", {"id": "inv-2", "account": "acc-1", "cents": 700}]],
        "operations": chosen(all_of_them, "link to pay", "link for a card", collect_declined=[declined], collect_pending=[pending], hold_in_a_retry_cycle=cycle,
                             release_to_a_retry_cycle=cycle, collect_without_settlement=[without], declined_without_settlement=[declined, without],
                             declined_by_a_failure=[declined, ["set", {"declines_by": "failure"}]]),
        "without_writes": {"link": "the invoice has its link already"},
    }


def chargebee():
    source = {"id": "cus_1", "sources": [{"id": "pm_old", "decline": "expired_card"}, {"id": "pm_1"}]}
    bad, slow = copy.deepcopy(source), copy.deepcopy(source)
    bad["sources"][1]["decline"], slow["sources"][1]["behaviour"] = "insufficient_funds", "processing"
    return {
        "driver": "chargebee",
        "options": {"site": "acme-test", "api_key": "key_fake"},
        "busy": {"status": 409, "body": {"message": "another request holds the lock", "type": "operation_failed", "api_error_code": "lock_timeout"}},
        "lag": True,
        "setup": [["customer", source], ["invoice", {"id": "7", "customer": "cus_1", "amount": 12050}], ["invoice", {"id": "8", "customer": "cus_1", "amount": 700}]],
        "operations": chosen(operations("cus_1", "7", "8", "pm_1"), collect_declined=[["customer", bad]], collect_pending=[["customer", slow]]),
    }


def recurly():
    old = {"id": "bi_old", "decline": {"category": "hard", "code": "expired_card", "decline_code": "expired_card"}}
    soft = {"category": "soft", "code": "insufficient_funds", "decline_code": "insufficient_funds"}

    def cards(**more):
        return ["account", {"code": "acme", "cards": [old, dict({"id": "bi1"}, **more)]}]

    all_of_them = operations("acme", "number-1031", "number-1032", "bi1")
    all_of_them["plan"]["args"].update(invoices=["number-1031", "number-1032"], instalments=[dict(r, amount=12050) for r in rows("number-1031", "number-1032")])
    return {
        "driver": "recurly",
        "options": {"api_key": "key_fake", "webhook_secret": "whk_fake"},
        "busy": {"status": 409, "body": {"error": {"type": "simultaneous_request", "message": "the first request still runs"}}},
        "lag": True,
        "setup": [cards(), ["invoice", {"number": "1031", "account": "acme", "amount": 12050}], ["invoice", {"number": "1032", "account": "acme", "amount": 12050}]],
        "operations": chosen(all_of_them, "hold", "release", "plan", "collect a part", "link to pay", "link for a card", collect_declined=[cards(decline=soft)],
                             collect_pending=[cards(behaviour="processing")]),
        "without_writes": {"link": "the account's token is read", "plan": "the dates are Dunwell's; each part is one whole invoice, collected on its day"},
    }


def killbill():
    def methods(**more):
        return ["account", {"id": "acc-1", "methods": [{"id": "pm-old", "decline": ["54", "expired"]}, dict({"id": "pm-1"}, **more)]}]

    all_of_them = operations("acc-1", "inv-1", "inv-2", "pm-1")
    return {
        "driver": "killbill",
        "options": {"username": "admin", "password": "password", "api_key": "bob", "api_secret": "lazar", "webhook_secret": "fake", "declines": "51=S 54=N"},
        "lag": True,
        "setup": [methods(), ["invoice", {"id": "inv-1", "account": "acc-1", "cents": 12050}], ["invoice", {"id": "inv-2", "account": "acc-1", "cents": 700}]],
        "operations": chosen(all_of_them, collect_declined=[methods(decline=["51", "no money"])], collect_pending=[methods(status="PENDING")]),
    }


SYSTEMS = {"stripe": stripe(), "zuora": zuora(), "chargebee": chargebee(), "recurly": recurly(), "killbill": killbill()}
