#!/bin/sh
# The Stripe driver against localstripe, a stateful double of an older API version that nobody here wrote: a subscription whose
# card fails leaves an open invoice, which is read, held, charged in vain, released, and charged with the good card.
# What localstripe cannot do, and how it is helped: localstripe_app.py.
set -u
cd "$(dirname "$0")/../.."
. tests/peers/lib.sh
failed=0
python=build/venv/bin/python

"$python" -c 'import aiohttp, localstripe' 2>/dev/null || skip "localstripe is not installed in build/venv (tests/setup.sh check does it)"
build_drive stripe
port=$(free_port 3)
"$python" tests/peers/localstripe_app.py "$port" >build/peers/localstripe.log 2>&1 &
pid=$!
trap 'kill $pid 2>/dev/null' EXIT
base=http://127.0.0.1:$port
wait_for "$base/" $pid || { echo "localstripe does not start"; tail -n 5 build/peers/localstripe.log; exit 1; }

call() { # PATH, curl arguments...: as a shop would set things up
    path=$1
    shift
    curl -s -u sk_test_fake: "$base/v1/$path" "$@"
}
field() { # of the JSON on stdin
    "$python" -c 'import json, sys; v = json.load(sys.stdin); [v := v[int(k) if k.isdigit() else k] for k in sys.argv[1].split(".")]; print(v)' "$1"
}
drive() { # OP KEY ARGS: the last line is in $last
    last=$(build/peers/stripe_drive "$base" "$@" 2>&1 | tail -n 1)
}
expect() { # WORDS...: all of them in the last line
    for word in "$@"; do
        case $last in *"$word"*) ;; *) fail "\"$word\" is not in: $last" ;; esac
    done
}
card() { # NUMBER
    id=$(call payment_methods -d type=card -d "card[number]=$1" -d 'card[exp_month]=8' -d 'card[exp_year]=2030' -d 'card[cvc]=123' | field id)
    call "payment_methods/$id/attach" -d "customer=$customer" >/dev/null
    echo "$id"
}

customer=$(call customers -d name=Acme -d email=pay@acme.example | field id)
bad=$(card 4000000000000341)
good=$(card 4242424242424242)
call "customers/$customer" -d "invoice_settings[default_payment_method]=$bad" >/dev/null
call products -d id=product -d name=P -d type=service >/dev/null
call plans -d id=plan -d product=product -d amount=12050 -d currency=usd -d interval=month >/dev/null
call subscriptions -d "customer=$customer" -d 'items[0][plan]=plan' >/dev/null
invoice=$(call "invoices?customer=$customer&status=open" | field data.0.id)
account="{\"customer\": \"$customer\", \"invoice\": \"$invoice\", \"currency\": \"USD\"}"

drive check k0 '{}'
expect "done" "may read invoices"
drive read k1 "$account"
expect "done" '"due":12050' '"currency":"USD"' '"status":"open"' '"status":"failed"' '"code":"card_declined"' "\"method\":\"$bad\"" \
    "\"default_method\":\"$bad\"" "\"id\":\"$good\"" '"attempts_day":1' '"attempts_window":1' '"auto_advance":true' '"subscription":{"id":"sub_'
drive hold k2 "{\"customer\": \"$customer\", \"invoices\": [\"$invoice\"], \"case\": \"N-1\"}"
expect "done" "\"held\":[\"$invoice\"]" '"auto_advance":true'
[ "$(call "invoices/$invoice" | field metadata.dunwell_case)" = N-1 ] || fail "the invoice does not carry the case"
drive read k3 "$account"
expect "done" '"auto_advance":false'
drive hold k4 "{\"customer\": \"$customer\", \"invoices\": [\"$invoice\", \"in_nowhere\"], \"case\": \"N-2\"}"
expect "refused Stripe does not know invoice in_nowhere"
[ "$(call "invoices/$invoice" | field metadata.dunwell_case)" = N-1 ] || fail "a refused hold wrote something"
drive collect k5 "$account"
expect "refused declined (card_declined)" '"class":"?"'
drive release k6 "{\"invoices\": [\"$invoice\"], \"prior\": {\"$invoice\": {\"auto_advance\": true}}}"
expect "done" "\"released\":[\"$invoice\"]"
drive link k7 "{\"customer\": \"$customer\", \"invoice\": \"$invoice\", \"purpose\": \"update_method\"}"
expect "refused Stripe has no page for invoice"
drive collect k8 "{\"customer\": \"$customer\", \"invoice\": \"$invoice\", \"currency\": \"USD\", \"method\": \"$good\"}"
expect "done" '"outcome":"paid"' '"due":0' '"payment":"pi_'
drive collect k9 "$account"
expect "done" '"outcome":"paid"'
drive hold k10 "{\"customer\": \"$customer\", \"invoices\": [\"$invoice\"]}"
expect "refused nothing is open any more"
drive read k11 "$account"
expect "done" '"status":"paid"' '"due":0' '"status":"succeeded"'

grep -q Traceback build/peers/localstripe.log && fail "localstripe fell over: $(tail -n 1 build/peers/localstripe.log)"
echo "localstripe: $failed failed"
[ "$failed" = 0 ]
