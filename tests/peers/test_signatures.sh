#!/bin/sh
# Which webhooks are believed, compared with the vendors' own verifiers (signatures.mjs): Stripe's and Chargebee's SDKs as npm has them,
# Recurly's published algorithm and vector. Installed into build/peers/sdk; skipped, with a word, where that cannot be done.
set -u
cd "$(dirname "$0")/../.."
. tests/peers/lib.sh
sdks="stripe@23.1.0 chargebee@3.33.0"
folder=build/peers/sdk
if [ "$(cat "$folder/.complete" 2>/dev/null)" != "$sdks" ]; then
    command -v npm >/dev/null 2>&1 || skip "the vendors' SDKs cannot be installed: there is no npm"
    mkdir -p "$folder"
    npm install --no-audit --no-fund --silent --prefix "$folder" $sdks >build/peers/sdk.log 2>&1 ||
        skip "the vendors' SDKs cannot be installed: $(tail -n 1 build/peers/sdk.log)"
    echo "$sdks" >"$folder/.complete"
fi
for driver in stripe recurly chargebee zuora killbill; do
    build_drive $driver verify
    mv "build/peers/${driver}_verify" "$folder/"
done
node tests/peers/signatures.mjs "$folder" "$@"
