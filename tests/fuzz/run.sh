#!/bin/sh
# Each fuzzing target for some seconds, from its corpus. What it finds on the way stays in FOUND/NAME, a crash too.
#   tests/fuzz/run.sh PROGRAMS FOUND SECONDS
set -u
cd "$(dirname "$0")/../.."
programs=$1 found=$2 seconds=$3 failed=0
for p in "$programs"/fuzz_*; do
    name=$(basename "$p" | sed 's/^fuzz_//')
    mkdir -p "$found/$name"
    if "$p" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=65536 -print_final_stats=1 \
        -artifact_prefix="$found/$name/" "$found/$name" "tests/fuzz/corpus/$name" >"$found/$name.log" 2>&1; then
        echo "ok    $name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$found/$name.log") inputs"
    else
        failed=1
        echo "FAIL  $name: see $found/$name.log"
        tail -n 30 "$found/$name.log" | sed 's/^/      /'
    fi
done
exit $failed
