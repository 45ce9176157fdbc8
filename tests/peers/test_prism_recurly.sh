#!/bin/sh
# Every request the Recurly driver can send, against Recurly's own description of its API, the one in its client on npm (served by
# Prism). It keeps no state, so each state of each operation is entered in the middle and one request is sent. What it cannot show: unknown
# fields in a body.
set -u
cd "$(dirname "$0")/../.."
. tests/peers/lib.sh
failed=0
spec=build/peers/recurly/node_modules/recurly/openapi/api.yaml
if [ ! -f "$spec" ]; then
    command -v npm >/dev/null 2>&1 || skip "Recurly's description cannot be installed: there is no npm"
    npm install --no-audit --no-fund --silent --prefix build/peers/recurly recurly@4.81.0 >build/peers/recurly.log 2>&1 ||
        skip "Recurly's description cannot be installed: $(tail -n 1 build/peers/recurly.log)"
fi
# It says application/json for what Recurly serves only under the name of the version that was asked for.
sed 's#application/json:#application/vnd.recurly.v2021-02-25+json:#; /requestBody:/,/schema:/s#application/vnd.recurly[^:]*:#application/json:#' "$spec" >build/peers/recurly/api.yaml
prism_start recurly 13 build/peers/recurly/api.yaml
build_drive recurly
log=build/peers/prism-recurly.requests
: >"$log"

account='{"customer": "acme", "invoice": "number-1031", "invoices": ["number-1031"], "currency": "USD"}'
parts='"invoices": [], "methods": [], "payments": [], "attempts": []'
for at in '"account"' '"invoices"' '"invoices", "next": "/accounts/code-acme/invoices?state=past_due&limit=50"' '"named"' '"methods"' '"transactions"'; do
    sent recurly read "$account" "{\"at\": $at, $parts}"
done
for at in before collect after; do
    sent recurly collect "$account" "{\"at\": \"$at\", \"want\": 12050}"
done
sent recurly collect '{"customer": "acme", "invoice": "number-1031", "method": "bi1"}' '{"at": "collect"}'
sent recurly plan "$account" '{"at": "learn", "i": 0, "held": []}'
sent recurly link "$account" '{"at": "account"}'
sent recurly resolve "$account" '{"at": "invoice"}'
sent recurly resolve '{"invoice": "uuid-63abcf806e29cbfb3ec9c84e658777be"}' '{"at": "payment"}'
settle='{"customer": "acme", "invoice": "number-1031", "currency": "USD", "amount": 12050, "case": "N-1", "text": "they pay on Friday", "until_ms": 1893456000000}'
for at in before give_up after; do sent recurly write_off "$settle" "{\"at\": \"$at\"}"; done
for at in seek make find; do sent recurly note "$settle" "{\"at\": \"$at\"}"; done
for at in before seek room make find purse apply after; do sent recurly credit "$settle" "{\"at\": \"$at\"}"; done
sent recurly catch_up '{"since_ms": 1793000000000}' '{"at": "transactions", "until": 1793600000000}'
sent recurly overdue '{"before_ms": 1793000000000}' '{"at": "invoices"}'
for at in before moved; do sent recurly defer "$settle" "{\"at\": \"$at\"}"; done
sent recurly defer "$settle" '{"at": "terms", "days": 30}'
sent recurly check '{}' '{"at": "campaigns"}'

key="-u key_fake:"
accept="-H Accept:application/vnd.recurly.v2021-02-25+json"
json="-H Content-Type:application/json"
refused "there is no key" $accept "$base/accounts/code-acme"
refused "there is no such version" $key -H "Accept: application/vnd.recurly.v1999-01-01+json" "$base/accounts/code-acme"
refused "there is no such state" $key $accept "$base/accounts/code-acme/invoices?state=sad"
refused "the limit is no number" $key $accept "$base/accounts/code-acme/invoices?limit=many"
refused "the time is none" $key $accept "$base/accounts/code-acme/transactions?begin_time=yesterday"
refused "there is no such order" $key $accept "$base/accounts/code-acme/transactions?order=sideways"
refused "the billing info is a number" $key $accept $json -X PUT -d '{"billing_info_id": 7}' "$base/invoices/number-1031/collect"
refused "there is no such kind of transaction" $key $accept $json -X PUT -d '{"transaction_type": "gift"}' "$base/invoices/number-1031/collect"
refused "a credit without an amount" $key $accept $json -d '{"currency": "USD", "account": {"code": "acme"}, "line_items": [{"type": "credit", "currency": "USD"}]}' "$base/purchases"
refused "a credit of nobody" $key $accept $json -d '{"currency": "USD", "line_items": [{"type": "credit", "currency": "USD", "unit_amount": 1}]}' "$base/purchases"
refused "there is no such reason for a credit" $key $accept $json -d '{"currency": "USD", "account": {"code": "acme"}, "line_items": [{"type": "credit", "currency": "USD", "unit_amount": 1, "credit_reason_code": "mood"}]}' "$base/purchases"
refused "the terms are text" $key $accept $json -X PUT -d '{"net_terms": "soon"}' "$base/invoices/number-1031"
refused "the note is a number" $key $accept $json -d '{"message": 7}' "$base/accounts/code-acme/notes"
refused "the method is wrong" $key $accept $json -X POST -d '{}' "$base/invoices/number-1031/collect"
refused "there is no such address" $key $accept "$base/invoices/number-1031/stop_dunning"
requests=$(grep -cE '^(GET|PUT|POST) .* 20[01]$' "$log")
echo "$requests requests of the Recurly driver fit the description, ${said_no:-0} wrong ones were refused, $failed failed"
[ "$failed" = 0 ] && [ "$requests" -ge 34 ]
