#!/bin/sh
# The Kill Bill driver, and Dunwell with it, against a real Kill Bill server with a test clock and a payment plugin that declines on
# demand (killbill.sh). What is shown: an invoice fails and is read so; held, nothing happens for eight days, neither the scheduled
# retry nor the overdue state; released, both happen. A payment is declined, made in part, and found again after a lost answer. A
# credit, a remark and a write-off are made once and found again. What was missed is found in Kill Bill's list of payments. Each
# writing operation, killed after each of its requests, is done once all the same (killbill_walk.py). Then
# the whole loop (killbill_loop.py): Kill Bill's own notification becomes a card, and the hold on it is confirmed.
#
# Not part of `make check`: it fetches some 130 MB. Some minutes once they are there.
set -u
cd "$(dirname "$0")/../.."
. tests/peers/lib.sh
. tests/peers/killbill.sh
failed=0
kill_bill_get
build_drive killbill
make -s build/dunwell || exit 1
export DUNWELL="${DUNWELL:-$PWD/build/dunwell}"
# The server's object registry listens on all interfaces, whatever one says; so it gets a network of its own, with nobody else in it.
if [ -z "${KILL_BILL_INSIDE:-}" ] && command -v ip >/dev/null 2>&1 && unshare -n true 2>/dev/null; then
    KILL_BILL_INSIDE=yes exec unshare -n sh -c 'ip link set lo up && exec sh "$0"' "$0"
fi
trap kill_bill_stop EXIT
kill_bill_start
python=build/venv/bin/python
[ -x "$python" ] || python=python3

field() { # of the JSON on stdin
    "$python" -c 'import json, sys; v = json.load(sys.stdin); [v := v[int(k) if k.isdigit() else k] for k in sys.argv[1].split(".")]; print(v)' "$1"
}
settle() { kb GET '/1.0/kb/test/queues?timeoutSec=20' >/dev/null; }
days() { # N: the server's clock moves
    kb PUT "/1.0/kb/test/clock?days=$1&timeoutSec=30" >/dev/null
    settle
}
gateway() { # what it does with the next payments: CLEAR, RETURN_PLUGIN_STATUS_ERROR (declines), ...; as killbill_walk.py's, once more when the plugin got half a body
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        kb POST /plugins/killbill-payment-test/configure --fail -d "{\"CONFIGURE_ACTION\":\"ACTION_$1\",\"METHODS\":\"purchasePayment\"}" 2>/dev/null && return 0
    done
    fail "the payment plugin cannot be told what to do"
}
new_account() { # NAME
    kb POST /1.0/kb/accounts -d "{\"name\":\"$1\",\"email\":\"pay@$1.example\",\"currency\":\"USD\",\"externalKey\":\"$1\"}"
    id=$(kb GET "/1.0/kb/accounts?externalKey=$1" | field accountId)
    kb POST "/1.0/kb/accounts/$id/paymentMethods?isDefault=true" -d '{"pluginName":"killbill-payment-test","pluginInfo":{}}'
    echo "$id"
}
charge() { # ACCOUNT AMOUNT: the id of the new invoice
    kb POST "/1.0/kb/invoices/charges/$1?autoCommit=true" -d "[{\"amount\":$2,\"currency\":\"USD\",\"description\":\"seats\"}]" | field 0.invoiceId
    settle
}
options='{"username": "admin", "password": "password", "api_key": "bob", "api_secret": "lazar", "webhook_secret": "fake"}'
drive() { # OP KEY ARGS: the last line is in $last, all of it in build/peers/out
    build/peers/killbill_drive -c "$options" "$base" "$@" >build/peers/out 2>&1
    last=$(tail -n 1 build/peers/out)
}
expect() { # WORDS...: all of them in the last line
    for word in "$@"; do
        case $last in *"$word"*) ;; *) fail "\"$word\" is not in: $last" ;; esac
    done
}
posts() { grep -c '^POST' build/peers/out; }
tried() { # ACCOUNT: how often Kill Bill itself says that it tried to charge
    kb GET "/1.0/kb/accounts/$1/payments?withAttempts=true" | "$python" -c 'import json, sys; print(sum(len(p["transactions"]) for p in json.load(sys.stdin)))'
}
overdue() { kb GET "/1.0/kb/accounts/$1/overdue" | field name; } # ACCOUNT: __KILLBILL__CLEAR__OVERDUE_STATE__, or the state's name

kb POST /1.0/kb/tenants -d '{"apiKey":"bob","apiSecret":"lazar"}'
says=$(kb GET /1.0/kb/nodesInfo)
[ "$(echo "$says" | field 0.kbVersion)" = "$kill_bill_version" ] || fail "another Kill Bill than $kill_bill_version: $says"
curl -s -S -u admin:password -H 'X-Killbill-ApiKey: bob' -H 'X-Killbill-ApiSecret: lazar' -H 'X-Killbill-CreatedBy: shop' -H 'Content-Type: text/xml' \
    --data-binary @tests/peers/killbill_overdue.xml "$base/1.0/kb/overdue/xml"
account=$(new_account acme)
free=$(new_account hooli) # the same, but nobody holds it: what would happen otherwise
gateway RETURN_PLUGIN_STATUS_ERROR
invoice=$(charge "$account" 120.50)
spare=$(charge "$free" 120.50)
about="\"customer\": \"$account\", \"invoice\": \"$invoice\", \"currency\": \"USD\", \"case\": \"N-1\""
held="\"customer\": \"$account\", \"invoices\": [\"$invoice\"], \"case\": \"N-1\", \"reason\": \"renewal in flight\""

drive check k0 '{}'
expect "done" "tenant bob as admin"
drive read k1 "{$about}"
expect "done" '"due":12050' '"status":"open"' '"status":"failed"' '"attempts":1' '"auto_advance":true' '"class":"?"' '"overdue":""' '"attempts_day":1'
case $last in *'"next_attempt_ms":0'*) fail "the scheduled retry is not read: $last" ;; esac

missed() { # SECONDS-AGO ARGUMENTS...: what happened since, the last minutes left out
    since=$(($(date +%s) - $1))000
    shift
    build/peers/killbill_drive -c "$options" "$@" "$base" catch_up k30 "{\"since_ms\": $since}" >build/peers/out 2>&1
    last=$(tail -n 1 build/peers/out)
}
missed 7200 -a 900
expect "done" "\"customer\":\"$account\"" "\"customer\":\"$free\"" '"type":"PAYMENT_FAILED"' '"kind":"failed"' '"id":"PAYMENT_FAILURE/'
missed 7200
expect "done" '"events":[]'

drive hold k2 "{$held}"
expect "done" "\"held\":[\"$invoice\"]" '"auto_pay_off":false' '"overdue_enforcement_off":false'
audit=$(kb GET "/1.0/kb/accounts/$account/tags?audit=FULL")
case $audit in *'"changedBy":"dunwell","reasonCode":"N-1","comments":"k2: renewal in flight"'*) ;; *) fail "the audit log does not say why: $audit" ;; esac
drive hold k3 "{$held}"
expect "done" '"auto_pay_off":true'
[ "$(posts)" = 0 ] || fail "what is set was set again"
[ "$(tried "$account") $(tried "$free")" = "1 1" ] || fail "tried before the clock moves: $(tried "$account"), $(tried "$free")"
days 8
case "$(tried "$free") $(overdue "$free")" in "2 LATE") ;; *) fail "without a hold eight days do nothing, so a hold shows nothing: $(tried "$free") $(overdue "$free")" ;; esac
case "$(tried "$account") $(overdue "$account")" in "1 __KILLBILL__CLEAR"*) ;; *) fail "held, but in eight days: $(tried "$account") $(overdue "$account")" ;; esac
kb POST "/1.0/kb/invoices/$spare/tags" -d '["00000000-0000-0000-0000-000000000004"]' # has shown what it had to
drive read k4 "{$about}"
expect "done" '"attempts":1' '"auto_advance":false' '"next_attempt_ms":0' '"overdue":""'

drive collect dunwell-p1 "{$about}"
expect "refused declined" '"class":"?"'
gateway CLEAR
drive collect dunwell-p2 "{$about, \"amount\": 4018}"
expect "done" '"outcome":"partially_paid"' '"due":8032'
build/peers/killbill_drive -n 3 -c "$options" "$base" collect dunwell-p3 "{$about, \"amount\": 1000}" >build/peers/out # dies before the answer is read
[ "$(posts)" = 1 ] || fail "no payment was sent: $(cat build/peers/out)"
build/peers/killbill_drive -c "$options" -s '{"at": "found", "currency": "USD", "left": 8032}' "$base" collect dunwell-p3 "{$about, \"amount\": 1000}" >build/peers/out
last=$(tail -n 1 build/peers/out)
expect "done" '"outcome":"partially_paid"' '"due":7032'
[ "$(posts)" = 0 ] || fail "a payment whose answer was lost was sent again"
drive collect dunwell-p3 "{$about, \"amount\": 1000}"
expect "done" '"due":7032'
[ "$(posts)" = 0 ] || fail "the same payment was sent again"
drive collect dunwell-p4 "{$about, \"amount\": 99999}"
expect "refused" "is more than"
gateway RETURN_PLUGIN_STATUS_CANCELED
drive collect dunwell-p5 "{$about}"
expect "refused declined (plugin_failure)" '"class":"?"'
drive plan k5 "{$held, \"plan\": \"A-5\", \"currency\": \"USD\", \"instalments\": [{\"n\": 1, \"date\": \"2027-01-05\", \"amount\": 7032}]}"
expect "done" '"mode":"held_by_dunwell"'
case $(kb GET "/1.0/kb/accounts/$account/customFields") in *'"A-5: 1x from 2027-01-05: 2027-01-05 70.32 USD"'*) ;; *) fail "the plan's note is not there" ;; esac
drive link k6 "{$about}"
expect "refused" "offers no page"

gateway RETURN_PLUGIN_STATUS_ERROR
at_kill_bill=$(tried "$account")
drive read k7 "{$about}"
before=$(echo "$last" | sed 's/.*"attempts":\([0-9]*\).*/\1/')
drive release k8 "{$held, \"prior\": {\"$account\": {\"auto_pay_off\": false, \"overdue_enforcement_off\": false}}}"
expect "done" "\"released\":[\"$invoice\"]"
settle
drive read k9 "{$about}"
expect "done" '"auto_advance":true' '"overdue":"LATE"' "\"attempts\":$((before + 1))"
case "$(tried "$account") $(overdue "$account")" in "$((at_kill_bill + 1)) LATE") ;; *) fail "released: $(tried "$account") of $((at_kill_bill + 1)), $(overdue "$account")" ;; esac

# Tags that were there before are somebody else's: they stay.
other=$(new_account globex)
theirs=$(charge "$other" 10)
kb POST "/1.0/kb/accounts/$other/tags" -d '["00000000-0000-0000-0000-000000000001"]'
drive hold k10 "{\"customer\": \"$other\", \"invoices\": [\"$theirs\"]}"
expect "done" '"auto_pay_off":true' '"overdue_enforcement_off":false'
drive release k11 "{\"customer\": \"$other\", \"invoices\": [\"$theirs\"], \"prior\": {\"$other\": {\"auto_pay_off\": true, \"overdue_enforcement_off\": false}}}"
expect "done"
case $(kb GET "/1.0/kb/accounts/$other/tags") in *AUTO_PAY_OFF*) ;; *) fail "a tag that was there before was taken off" ;; esac

gateway CLEAR
drive collect dunwell-p6 "{$about}"
expect "done" '"outcome":"paid"' '"due":0'
drive hold k12 "{$held}"
expect "refused nothing is open any more"
drive read k13 "{$about}"
expect "done" '"status":"paid"' '"status":"succeeded"'
kb POST "/1.0/kb/invoices/$theirs/tags" -d '["00000000-0000-0000-0000-000000000004"]'
settle
drive read k14 "{\"customer\": \"$other\", \"invoice\": \"$theirs\"}"
expect "done" '"status":"uncollectible"'
drive read k15 '{"customer": "00000000-0000-0000-0000-000000000009"}'
expect "refused Kill Bill does not know account"

missed 0 -a 864000 # of the days that the server's clock has moved: what was tried again is told of older payments, and so not here
expect "done" '"type":"PAYMENT_SUCCESS"' '"kind":"paid"' '"id":"SUCCESS/'

# What lowers what is owed: an item adjusted, once; the rest given up, once; and what people read of it.
gateway RETURN_PLUGIN_STATUS_ERROR
third=$(new_account initech)
owed=$(charge "$third" 100)
sum="\"customer\": \"$third\", \"invoice\": \"$owed\", \"currency\": \"USD\", \"case\": \"N-7\", \"reason\": \"a week of outage\""
drive credit k20 "{$sum, \"amount\": 2050}"
expect "done" '"due":7950' '"status":"open"'
drive credit k20 "{$sum, \"amount\": 2050}"
expect "done" '"due":7950'
[ "$(posts)" = 0 ] || fail "the same credit was made again"
build/peers/killbill_drive -n 3 -c "$options" "$base" credit k21 "{$sum, \"amount\": 950}" >build/peers/out # dies before the answer is read
[ "$(posts)" = 1 ] || fail "no credit was sent: $(cat build/peers/out)"
build/peers/killbill_drive -c "$options" -s '{"at": "find", "left": 7950}' "$base" credit k21 "{$sum, \"amount\": 950}" >build/peers/out
last=$(tail -n 1 build/peers/out)
expect "done" '"due":7000'
[ "$(posts)" = 0 ] || fail "a credit whose answer was lost was made again"
drive credit k22 "{$sum, \"amount\": 7001}"
expect "refused" "is more than"
drive note k23 "{$sum, \"text\": \"Ana called: they pay on Friday\"}"
expect "done" '"id":'
drive note k23 "{$sum, \"text\": \"Ana called: they pay on Friday\"}"
expect "done"
[ "$(posts)" = 0 ] || fail "the same remark was made again"
drive overdue k24 "{\"before_ms\": 4000000000000}"
expect "done" "{\"currency\":\"USD\",\"customer\":\"$third\",\"due\":7000,\"due_at_ms\":" "\"invoice\":\"$owed\"}"
drive write_off k25 "{$sum, \"amount\": 7000}"
expect "done" '"status":"uncollectible"' '"due":0'
drive write_off k25 "{$sum, \"amount\": 7000}"
expect "done" '"status":"uncollectible"'
[ "$(posts)" = 0 ] || fail "the same invoice was given up again"
drive read k26 "{\"customer\": \"$third\", \"invoice\": \"$owed\"}"
expect "done" '"status":"uncollectible"'
drive credit k27 "{$sum, \"amount\": 100}"
expect "refused" "there is nothing to credit"

"$python" tests/peers/killbill_walk.py "$base" "$options" || fail "an operation that was killed"
gateway RETURN_PLUGIN_STATUS_ERROR
"$python" tests/peers/killbill_loop.py "$base" || fail "the whole loop"
echo "Kill Bill $kill_bill_version: $failed failed"
[ "$failed" = 0 ]
