#!/bin/sh
# Runs every test and ends with one line: N passed, N failed, N skipped. Called by `make check`.
#   tests/run.sh SANITIZED_BUILD PLAIN_BUILD [PATTERN]
# A test is a program: exit 0 passed, 77 skipped (its last line says why), 78 skipped
# because it compares with something that is no part of the project, anything else failed (its output is shown).
set -u
cd "$(dirname "$0")/.."
san=$1 plain=$2 pattern=${3:-}
log=build/log
mkdir -p "$log"
passed=0 failed=0 skipped=0 names=
export ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1:abort_on_error=0 UBSAN_OPTIONS=print_stacktrace=1
export DUNWELL=$san/dunwell DUNWELL_PLAIN=$plain/dunwell

shown() { # what a failed test printed: why first, for a log may be cut anywhere; then its end
    grep -B 2 -E '^FAIL|\[  FAILED  \]|ERROR: [A-Za-z]*Sanitizer|runtime error' "$1" | cut -c 1-300 | head -n 40
    echo "..."
    tail -n 60 "$1"
}

run() { # name, seconds, command...
    name=$1 limit=$2
    shift 2
    case $name in *"$pattern"*) ;; *) return ;; esac
    begin=$(date +%s)
    timeout -k 5 "$limit" "$@" >"$log/$name.log" 2>&1
    rc=$?
    took=$(($(date +%s) - begin))
    case $rc in
    0) passed=$((passed + 1)); echo "ok    $name (${took} s)$(sed -n '$s/.*\(, only at the second try: .*\)/\1/p' "$log/$name.log")" ;;
    78) skipped=$((skipped + 1)); echo "left  $name: $(tail -n 1 "$log/$name.log")" ;;
    77) skipped=$((skipped + 1)); echo "skip  $name: $(tail -n 1 "$log/$name.log")"
        [ "${CI:-}" = true ] && { failed=$((failed + 1)) names="$names $name"; echo "FAIL  $name: nothing may be skipped here"; } ;;
    *) failed=$((failed + 1)) names="$names $name"; echo "FAIL  $name (exit $rc, ${took} s)"; shown "$log/$name.log" | sed 's/^/      /' ;;
    esac
}

run lint 120 sh tests/lint.sh
for t in "$san"/unit/test_*; do
    [ -x "$t" ] && run "unit.$(basename "$t" | sed 's/^test_//')" 300 "$t"
done
for t in "$san"/fuzz/fuzz_*; do
    [ -x "$t" ] && run "corpus.$(basename "$t" | sed 's/^fuzz_//')" 120 "$t" "tests/fuzz/corpus/$(basename "$t" | sed 's/^fuzz_//')"
done
[ -x "$san/crash/store_walk" ] && run store_walk 300 "$san/crash/store_walk"
[ -x "$san/sim/sim" ] && run sim 300 "$san/sim/sim" --seeds 12
[ -x "$san/model/model" ] && run model 300 "$san/model/model" --schedules 300
python='[ -f build/venv/.complete ] || { echo "the Python packages of the tests are missing (tests/setup.sh check)"; exit 77; }; exec build/venv/bin/python "$0"'
for t in tests/process/test_*.py tests/crash/test_*.py tests/walk/test_*.py; do
    [ -f "$t" ] && run "$(basename "$(dirname "$t")").$(basename "$t" .py | sed 's/^test_//')" 900 sh -c "$python" "$t"
done
for t in tests/peers/test_*.sh; do
    [ -f "$t" ] && run "peer.$(basename "$t" .sh | sed 's/^test_//')" 600 sh "$t"
done
run demo 120 sh -c '"$0" demo </dev/null' "$plain/dunwell"
echo "$passed passed, $failed failed, $skipped skipped${names:+:$names}"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
