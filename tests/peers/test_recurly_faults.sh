#!/bin/sh
# The Recurly driver over real HTTP against the strict fake (tests/fake/recurly.py) that misbehaves: recurly_faults.py.
set -u
cd "$(dirname "$0")/../.."
. tests/peers/lib.sh
build/venv/bin/python -c 'import aiohttp' 2>/dev/null || skip "aiohttp is not installed in build/venv (tests/setup.sh check does it)"
build_drive recurly
exec build/venv/bin/python tests/peers/recurly_faults.py
