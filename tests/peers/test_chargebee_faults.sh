#!/bin/sh
# The Chargebee driver over real HTTP against the strict fake (tests/fake/chargebee.py) that misbehaves: chargebee_faults.py.
set -u
cd "$(dirname "$0")/../.."
. tests/peers/lib.sh
build/venv/bin/python -c 'import aiohttp' 2>/dev/null || skip "aiohttp is not installed in build/venv (tests/setup.sh check does it)"
build_drive chargebee
exec build/venv/bin/python tests/peers/chargebee_faults.py
