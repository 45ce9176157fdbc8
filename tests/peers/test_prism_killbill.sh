#!/bin/sh
# Every request the Kill Bill driver can send, against Kill Bill's own description of its API (kbswagger.yaml, which its makers ship
# in their npm package), served by Prism: methods, paths, parameters, required headers and bodies. It keeps no state, so each state
# of each operation is entered in the middle and one request is sent.
set -u
cd "$(dirname "$0")/../.."
. tests/peers/lib.sh
failed=0
spec=build/peers/killbill-spec/node_modules/killbill/codegen/kbswagger.yaml

if [ ! -f "$spec" ]; then
    command -v npm >/dev/null 2>&1 || skip "Kill Bill's description cannot be installed: there is no npm"
    mkdir -p build/peers/killbill-spec
    npm install --no-audit --no-fund --silent --ignore-scripts --prefix build/peers/killbill-spec killbill@0.24.0 >build/peers/killbill-spec.log 2>&1 ||
        skip "Kill Bill's description cannot be installed: $(tail -n 1 build/peers/killbill-spec.log)"
fi
build_drive killbill
prism_start killbill 17 "$spec"
log=build/peers/prism-killbill.requests
: >"$log"
options='{"username": "dunwell", "password": "fake", "api_key": "bob", "api_secret": "fake"}'
a=2ad5a7b4-1f6f-4f58-9d4c-0c9b7f9d1a11 i=9224340d-6376-4ec3-a734-bad7975c7933 tag=00000000-0000-0000-0000-000000000001

# one OP ARGS STAGE: sends the one request of that stage
one() {
    build/peers/killbill_drive -4 -n 1 -c "$options" -s "$3" "$base" "$1" "dunwell-$1" "$2" >build/peers/out 2>&1 ||
        fail "$1 at $3: $(cat build/peers/out)"
    cat build/peers/out >>"$log"
}

account="{\"customer\": \"$a\", \"invoice\": \"$i\", \"currency\": \"USD\", \"amount\": 4018, \"case\": \"N-1\", \"reason\": \"renewal in flight\"}"
for at in account tags overdue invoices named written_off payments methods; do
    one read "$account" "{\"at\": \"$at\", \"account\": {}, \"invoices\": []}"
done
one read "$account" "{\"at\": \"subscription\", \"invoices\": [{\"id\": \"$i\", \"subscription\": \"$a\"}]}"

held="{\"customer\": \"$a\", \"invoices\": [\"$i\"], \"case\": \"N-1\", \"reason\": \"renewal in flight\", \"plan\": \"A-5\", \"currency\": \"USD\",
       \"prior\": {\"$a\": {\"auto_pay_off\": false, \"overdue_enforcement_off\": false}}, \"instalments\": [{\"n\": 1, \"date\": \"2027-01-05\", \"amount\": 4018}]}"
for op in hold plan; do
    for at in open tags set notes note; do
        one $op "$held" "{\"at\": \"$at\", \"held\": [\"$i\"], \"wrong\": [\"$tag\"], \"prior\": {}}"
    done
done
for at in tags set; do one release "$held" "{\"at\": \"$at\", \"wrong\": [\"$tag\"]}"; done
for at in before first pay found after plugin; do
    one collect "$account" "{\"at\": \"$at\", \"currency\": \"USD\", \"left\": 12050}"
done
one collect "{\"customer\": \"$a\", \"invoice\": \"$i\", \"method\": \"$tag\"}" '{"at": "pay", "currency": "USD", "left": 12050}'
settle="{\"customer\": \"$a\", \"invoice\": \"$i\", \"currency\": \"USD\", \"amount\": 4018, \"case\": \"N-1\", \"reason\": \"outage\", \"text\": \"they pay on Friday\"}"
for at in before seek make find after; do
    one credit "$settle" "{\"at\": \"$at\", \"item\": \"$tag\", \"most\": 4018}"
    one write_off "$settle" "{\"at\": \"$at\"}"
done
for at in seek make; do
    one note "$settle" "{\"at\": \"$at\"}"
    one note "{\"customer\": \"$a\", \"text\": \"they pay on Friday\"}" "{\"at\": \"$at\"}"
done
for at in open tags set; do
    one defer "{\"customer\": \"$a\", \"invoice\": \"$i\", \"until_ms\": 1893456000000}" "{\"at\": \"$at\", \"ids\": [\"$i\"], \"held\": [\"$i\"], \"wrong\": [\"$tag\"], \"prior\": {}}"
done
one overdue '{"before_ms": 1793000000000}' '{"at": "accounts"}'
one overdue '{"before_ms": 1793000000000}' "{\"at\": \"unpaid\", \"debtors\": [{\"id\": \"$a\", \"zone\": \"UTC\"}], \"invoices\": []}"
for at in '"seek"' '"payments", "high": 9'; do one catch_up '{"since_ms": 1793000000000}' "{\"at\": $at, \"low\": 7, \"until\": 1793600000000}"; done
one link "$account" '{"at": "form"}'
one check '{}' '{"at": "accounts"}'

# The double must be able to say no, or all of this shows nothing.
status=$(curl -s -o /dev/null -w '%{http_code}' -u dunwell:fake -H 'X-Killbill-ApiKey: bob' -H 'X-Killbill-ApiSecret: fake' \
    -H 'Content-Type: application/json' -d '{"not": "a list"}' "$base/1.0/kb/accounts/$a/tags")
[ "$status" = 400 ] || fail "Prism took a body that is no list, from nobody ($status)"
requests=$(grep -cE '^(GET|POST|DELETE) .* 2[0-9][0-9]$' "$log")
echo "$requests requests of the Kill Bill driver fit Kill Bill's description, $failed failed"
[ "$failed" = 0 ] && [ "$requests" -ge 28 ]
