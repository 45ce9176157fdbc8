#!/bin/sh
# Every request the Stripe driver can send, against stripe-mock: Stripe's own description of its API, which refuses unknown and
# mistyped parameters. It keeps no state, so each state of each operation is entered in the middle and one request is sent.
# Installed with `go install` into build/peers; skipped, with a word, where that cannot be done.
set -u
cd "$(dirname "$0")/../.."
. tests/peers/lib.sh
failed=0
version=v0.197.0
mock=build/peers/stripe-mock-$version

if [ ! -x "$mock" ]; then
    command -v go >/dev/null 2>&1 || skip "stripe-mock cannot be installed: there is no Go compiler"
    mkdir -p build/peers/go
    GOBIN=$(pwd)/build/peers/go go install "github.com/stripe/stripe-mock@$version" >build/peers/stripe-mock.log 2>&1 ||
        skip "stripe-mock $version cannot be installed: $(tail -n 1 build/peers/stripe-mock.log)"
    mv build/peers/go/stripe-mock "$mock"
fi
build_drive stripe
port=$(free_port)
"$mock" -http-addr "127.0.0.1:$port" >build/peers/stripe-mock.log 2>&1 &
pid=$!
trap 'kill $pid 2>/dev/null' EXIT
wait_for "http://127.0.0.1:$port/" $pid || { echo "stripe-mock does not start"; tail -n 5 build/peers/stripe-mock.log; exit 1; }
base=http://127.0.0.1:$port
log=build/peers/stripe-mock.requests
: >"$log"

# one OP ARGS STAGE: sends the one request of that stage
one() {
    build/peers/stripe_drive -4 -n 1 -c '{"return_url": "https://example.com/"}' -s "$3" "$base" "$1" "key-$1" "$2" >build/peers/out 2>&1 ||
        fail "$1 at $3: $(cat build/peers/out)"
    cat build/peers/out >>"$log"
}

account='{"customer": "cus_9", "invoice": "in_1"}'
build/peers/stripe_drive -4 "$base" read key-read "$account" >>"$log" 2>&1 || fail "read: $(tail -n 3 "$log")"
build/peers/stripe_drive -4 "$base" check key-check '{}' >>"$log" 2>&1 || fail "check: $(tail -n 3 "$log")"
for at in customer '"invoices","after":"in_0"' named charges '"charges","after":"ch_0"' '"methods","cards_only":true'; do
    case $at in \"*) ;; *) at="\"$at\"" ;; esac
    one read "$account" "{\"at\": $at, \"invoices\": []}"
done
one read "$account" '{"at": "payments", "todo": ["in_1"]}'
one read "$account" '{"at": "intent", "intents": ["pi_1"]}'
one read "$account" '{"at": "subscription", "invoices": [{"id": "in_1", "subscription": "sub_1"}]}'

held='{"customer": "cus_9", "invoices": ["in_1"], "case": "N-1", "prior": {"in_1": {"auto_advance": true}}, "plan": "P-1", "currency": "USD",
       "instalments": [{"n": 1, "date": "2027-01-05", "amount": 4018}, {"n": 2, "date": "2027-02-05", "amount": 4018}]}'
for op in hold release plan; do
    for at in learn set back; do
        one $op "$held" "{\"at\": \"$at\", \"i\": 0, \"list\": [{\"id\": \"in_1\", \"todo\": true}]}"
    done
done

part='{"customer": "cus_9", "invoice": "in_1", "currency": "USD", "amount": 4018}'
for at in before customer pay paid evidence intent find '"find","after":"pi_0"' attach listed attached; do
    case $at in \"*) ;; *) at="\"$at\"" ;; esac
    one collect "$part" "{\"at\": $at, \"currency\": \"usd\", \"method\": \"pm_1\", \"payment\": \"pi_1\", \"started_ms\": 1793000000000}"
done
one collect '{"customer": "cus_9", "invoice": "in_1", "method": "pm_1"}' '{"at": "pay"}'
one collect "$part" '{"at": "evidence", "payment": ""}'
one link '{"customer": "cus_9", "invoice": "in_1", "purpose": "update_method"}' '{"at": "portal"}'
one link "$account" '{"at": "invoice"}'
one check '{}' '{"at": "invoices"}'
one resolve '{"invoice": "ch_1"}' '{"at": "charge"}'
one resolve '{"invoice": "ch_1"}' '{"at": "disputes", "result": {"customer": "cus_9"}}'
settle='{"customer": "cus_9", "invoice": "in_1", "currency": "USD", "amount": 4018, "reason": "outage", "case": "N-1", "text": "they pay on Friday"}'
for op in credit note; do
    for at in seek make find; do one $op "$settle" "{\"at\": \"$at\"}"; done
done
one note '{"customer": "cus_9", "text": "they pay on Friday"}' '{"at": "make"}'
one credit "$settle" '{"at": "after"}'
for at in before give_up after; do one write_off "$settle" "{\"at\": \"$at\"}"; done
for at in learn set back; do
    one defer '{"customer": "cus_9", "invoice": "in_1", "until_ms": 1999000000000, "case": "N-1"}' "{\"at\": \"$at\", \"i\": 0, \"list\": [{\"id\": \"in_1\", \"todo\": true}]}"
done
for after in '' evt_1; do
    one catch_up '{"since_ms": 1793000000000}' "{\"at\": \"events\", \"from\": 1793000000000, \"to\": 1793600000000, \"events\": [], \"after\": \"$after\"}"
done
one overdue '{"before_ms": 1793000000000, "cursor": "in_0"}' '{"at": "invoices"}'

# The double must be able to say no, or all of this shows nothing.
status=$(curl -s -o /dev/null -w '%{http_code}' -H 'Authorization: Bearer sk_test_fake' -d nonsense=1 "$base/v1/invoices/in_1")
[ "$status" = 400 ] || fail "stripe-mock took an unknown parameter ($status)"
requests=$(grep -cE '^(GET|POST) .* 200$' "$log")
echo "$requests requests of the Stripe driver understood by stripe-mock $version, $failed failed"
[ "$failed" = 0 ] && [ "$requests" -ge 59 ]
