#!/bin/sh
# Every request the Zuora driver can send, against Zuora's own description of its API, served by Prism. It keeps no state, so each
# state of each operation is entered in the middle and one request is sent (after the one for a token). What it cannot show: unknown
# JSON fields (it takes them), and that PUT must carry no idempotency key, which is counted here.
set -u
cd "$(dirname "$0")/../.."
. tests/peers/lib.sh
failed=0
prism_start zuora 17
build_drive zuora
log=build/peers/prism-zuora.requests
: >"$log"
options="{\"client_id\": \"00000000-fake-fake-fake-000000000000\", \"client_secret\": \"fake-fake-fake-fake-fake-fake-fake-fake-4\", \"muted_profile\": \"prof-muted\", \"cpr_url\": \"$base\", \"cpr_user\": \"bot@example.com\", \"cpr_token\": \"fake\"}"

# one OP ARGS STAGE [REQUESTS]
one() {
    build/peers/zuora_drive -4 -n "${4:-2}" -c "$options" -s "$3" "$base" "$1" "key-$1" "$2" >build/peers/out.zuora 2>&1 ||
        fail "$1 at $3: $(cat build/peers/out.zuora)"
    cat build/peers/out.zuora >>"$log"
}

cycle='"i": 0, "id": "acc-1", "list": [{"id": "inv-1", "open": true, "cycle": true}], "invoices": [{"id": "inv-1", "status": "open"}],
       "prior": {"profile": "prof-usual", "auto_pay": true}, "payments": [], "methods": [], "account": {}'
account='{"customer": "acc-1", "invoice": "inv-1"}'
for at in account invoices '"invoices", "plain": true, "cursor": "c2"' named payments '"payments", "cursor": "c 2"' methods; do
    case $at in \"*) ;; *) at="\"$at\"" ;; esac
    one read "$account" "{\"at\": $at, $cycle}"
done
one read "$account" "{\"at\": \"cpr_cycle\", $cycle}" 1
held='{"customer": "acc-1", "invoices": ["inv-1"], "until_ms": 1894000000000, "reason": "renewal", "case": "N-1", "currency": "USD", "plan": "A-5",
       "prior": {"account": {"profile": "prof-usual", "auto_pay": true, "cycles": [{"invoice": "inv-1"}]}},
       "instalments": [{"n": 1, "date": "2029-01-05", "amount": 6005, "invoice": "inv-1"}, {"n": 2, "date": "2029-02-05", "amount": 6005, "invoice": "inv-1"}]}'
for at in account invoice set back after undo undone; do
    one hold "$held" "{\"at\": \"$at\", $cycle}"
done
for at in cpr_cycle cpr_leave cpr_left; do
    one hold "$held" "{\"at\": \"$at\", $cycle}" 1
done
for at in account '"set", "profile": true, "pays": true' '"set", "pays": true' back invoice failed; do
    case $at in \"*) ;; *) at="\"$at\"" ;; esac
    one release "$held" "{\"at\": $at, $cycle}"
done
for at in cpr_cycle '"cpr_submit", "payment": "p-3"' cpr_in; do
    case $at in \"*) ;; *) at="\"$at\"" ;; esac
    one release "$held" "{\"at\": $at, $cycle}" 1
done
for at in create schedule; do
    one plan "$held" "{\"at\": \"$at\", \"number\": \"DW-1\", $cycle}"
done
for at in existing cancel gone; do
    one unplan '{"id": "DW-1", "customer": "acc-1"}' "{\"at\": \"$at\"}"
done
part='{"customer": "acc-1", "invoice": "inv-1", "currency": "USD", "amount": 4018}'
for at in account invoice pay collect find '"find", "page": 2' '"payment", "payment": "pay-1"' after; do
    case $at in \"*) ;; *) at="\"$at\"" ;; esac
    one collect "$part" "{\"at\": $at, \"id\": \"acc-1\", \"invoice\": \"inv-1\", \"currency\": \"USD\", \"amount\": 4018, \"left\": 12010, \"method\": \"pm-1\"}"
done
one link "$account" '{"at": "account"}'
one link "$account" '{"at": "invoice"}'
one check '{}' '{"at": "invoices"}'
one check '{}' '{"at": "cpr_check"}' 1
settle='{"customer": "acc-1", "invoice": "inv-1", "currency": "USD", "amount": 4018, "reason": "outage", "case": "N-1", "text": "they pay on Friday", "until_ms": 1894000000000}'
memo='"account": "acc-1", "invoice": "inv-1", "currency": "USD", "items": [{"id": "ii-1", "name": "Base fee", "part": 4018}]'
# The lists of an invoice's items and of its credit memos are not in the description that is compared with.
for at in account invoice credit after; do one credit "$settle" "{\"at\": \"$at\", $memo}"; done
one write_off "$settle" "{\"at\": \"write_off\", $memo}"
for at in notes '"note", "notes": "VIP"' noted; do
    case $at in \"*) ;; *) at="\"$at\"" ;; esac
    one note "$settle" "{\"at\": $at}"
done
for at in invoice '"move", "day": "2030-01-08"' moved; do
    case $at in \"*) ;; *) at="\"$at\"" ;; esac
    one defer "$settle" "{\"at\": $at}"
done
one defer "$settle" '{"at": "cpr_cycle"}' 1
one catch_up '{"since_ms": 1793000000000, "cursor": "c 2"}' '{"at": "payments", "until": 1793600000000}'
one overdue '{"before_ms": 1793000000000}' '{"at": "invoices"}'

bearer="-H Authorization:Bearer.x"
json="-H Content-Type:application/json"
refused "there is no token" "$base/v1/accounts/acc-1"
refused "the amount is text" $bearer $json -d '{"accountId":"a","amount":"120.10","currency":"USD","type":"Electronic"}' "$base/v1/payments"
refused "the currency is missing" $bearer $json -d '{"accountId":"a","amount":120.10,"type":"Electronic"}' "$base/v1/payments"
refused "the type is none" $bearer $json -d '{"accountId":"a","amount":120.10,"currency":"USD","type":"Cash"}' "$base/v1/payments"
refused "the key is too long" $bearer $json -H "Idempotency-Key: $(head -c 256 /dev/zero | tr '\0' k)" -d '{"accountId":"a","amount":1,"currency":"USD","type":"Electronic"}' "$base/v1/payments"
refused "autoPay is text" $bearer $json -X PUT -d '{"autoPay":"false"}' "$base/v1/accounts/acc-1"
refused "the document's type is missing" $bearer $json -d '{"items":[{"scheduledDate":"2029-01-05","amount":1,"billingDocument":{"id":"i"}}]}' "$base/v1/payment-schedules"
refused "the day to cancel is missing" $bearer $json -X PUT -d '{}' "$base/v1/payment-schedules/DW-1/cancel"
refused "the page is too large" $bearer "$base/v1/payments?pageSize=41"
refused "the grant is none" -d 'client_id=a&client_secret=b&grant_type=password' "$base/oauth/token"
refused "there is no password" "$base/api/v1/payments/active_invoice_cycle_information/inv-1"
refused "the memo is of no invoice" $bearer $json -d '{"comment":"x"}' "$base/v1/credit-memos/invoice/inv-1"
refused "an item has no name" $bearer $json -d '{"invoiceId":"inv-1","items":[{"invoiceItemId":"ii-1","amount":1}]}' "$base/v1/credit-memos/invoice/inv-1"
refused "the comment is too long" $bearer $json -X PUT -d "{\"comment\":\"$(head -c 256 /dev/zero | tr '\0' k)\"}" "$base/v1/invoices/inv-1/write-off"
refused "the due date is none" $bearer $json -X PUT -d '{"dueDate":"soon"}' "$base/v1/invoices/inv-1"
requests=$(grep -cE '^(GET|POST|PUT) .* 200$' "$log")
echo "$requests requests of the Zuora driver fit the description, ${said_no:-0} wrong ones were refused, $failed failed"
[ "$failed" = 0 ] && [ "$requests" -ge 60 ]
