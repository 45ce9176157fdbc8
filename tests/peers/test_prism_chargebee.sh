#!/bin/sh
# Every request the Chargebee driver can send, against a description of Chargebee's API (made of its own client library, served by
# Prism). It keeps no state, so each state of each operation is entered in the middle and one request is sent. What it cannot show:
# unknown form fields (it drops them), and the one address that is not in it, /subscriptions/ID.
set -u
cd "$(dirname "$0")/../.."
. tests/peers/lib.sh
failed=0
prism_start chargebee
build_drive chargebee
log=build/peers/prism-chargebee.requests
: >"$log"

account='{"customer": "cus_9", "invoice": "7", "currency": "USD", "case": "N-1", "amount": 4018}'
for at in '"customer"' '"invoices"' '"invoices", "offset": "[\"1\",\"2\"]"' '"named"' '"methods"' '"transactions"' \
    '"transactions", "offset": "[\"1\",\"2\"]"'; do
    sent chargebee read "$account" "{\"at\": $at, \"invoices\": []}"
done
held='{"customer": "cus_9", "invoices": ["7"], "case": "N-1", "until_ms": 1893456000000, "reason": "renewal", "plan": "A-1",
       "prior": {"7": {"auto_advance": true}}, "instalments": [{"n": 1, "date": "2029-01-05", "date_ms": 1862265600000, "amount": 4018}]}'
for op in hold release plan; do
    for at in learn pause resume back; do
        sent chargebee $op "$held" "{\"at\": \"$at\", \"i\": 0, \"list\": [{\"id\": \"7\", \"todo\": true, \"goal_ms\": 1893456000000}]}"
    done
done
for at in before customer known pay refused find after; do
    sent chargebee collect "$account" "{\"at\": \"$at\", \"want\": 4018, \"method\": \"pm_1\", \"started_ms\": 1793000000000}"
done
for at in invoice collect_now sources; do
    sent chargebee link "$account" "{\"at\": \"$at\"}"
done
settle='{"customer": "cus_9", "invoice": "7", "currency": "USD", "amount": 4018, "reason": "outage", "case": "N-1", "text": "they pay on Friday"}'
# Lists of credit notes, comments and events are not in the description that is compared with.
for at in before make after; do sent chargebee credit "$settle" "{\"at\": \"$at\"}"; done
for at in before give_up after; do sent chargebee write_off "$settle" "{\"at\": \"$at\"}"; done
sent chargebee note "$settle" '{"at": "make"}'
sent chargebee note '{"customer": "cus_9", "text": "they pay on Friday"}' '{"at": "make"}'
for at in learn pause back; do
    sent chargebee defer '{"customer": "cus_9", "invoice": "7", "until_ms": 1893456000000}' "{\"at\": \"$at\", \"i\": 0, \"list\": [{\"id\": \"7\", \"todo\": true, \"goal_ms\": 1893456000000}]}"
done
sent chargebee overdue '{"before_ms": 1793000000000}' '{"at": "invoices"}'
sent chargebee check '{}' '{"at": "invoices"}'

key="-u key_fake:"
form="-H Content-Type:application/x-www-form-urlencoded"
refused "there is no key" "$base/invoices?limit=1"
refused "the limit is no number" $key "$base/invoices?limit=many"
refused "the amount is no number" $key $form -d amount=ten "$base/invoices/7/collect_payment"
refused "the amount is zero" $key $form -d amount=0 "$base/invoices/7/collect_payment"
refused "nobody of that name begins payments" $key $form -d payment_initiator=nobody "$base/invoices/7/collect_payment"
refused "the date is missing" $key $form -d comment=x "$base/invoices/7/pause_dunning"
refused "the date is a day" $key $form -d expected_payment_date=2029-01-05 "$base/invoices/7/pause_dunning"
refused "the comment is too long" $key $form -d expected_payment_date=1893456000 -d "comment=$(head -c 301 /dev/zero | tr '\0' x)" "$base/invoices/7/pause_dunning"
refused "the key is longer than a hundred characters" $key $form -H "chargebee-idempotency-key: $(head -c 101 /dev/zero | tr '\0' k)" -d comment=x "$base/invoices/7/resume_dunning"
refused "the date filter is no date" $key -G -d 'date[after]=yesterday' "$base/transactions"
refused "the credit has no type" $key $form -d reference_invoice_id=7 -d total=5 "$base/credit_notes"
refused "there is no such reason" $key $form -d reference_invoice_id=7 -d type=adjustment -d total=5 -d reason_code=mood "$base/credit_notes"
refused "the remark is of nothing" $key $form -d notes=x "$base/comments"
refused "there is no such address" $key "$base/invoices/7/forget"
requests=$(grep -cE '^(GET|POST) .* 200$' "$log")
echo "$requests requests of the Chargebee driver fit the description, ${said_no:-0} wrong ones were refused, $failed failed"
[ "$failed" = 0 ] && [ "$requests" -ge 30 ]
