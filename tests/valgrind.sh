#!/bin/sh
# The unit tests and the demo under valgrind: any wrong access and any byte still held at exit is a failure.
#   tests/valgrind.sh BUILD
set -u
cd "$(dirname "$0")/.."
build=$1 failed=0
mkdir -p "$build/log"
run() { # name, command...
    name=$1
    shift
    if valgrind -q --error-exitcode=99 --leak-check=full --show-leak-kinds=definite,indirect,possible \
        --errors-for-leak-kinds=definite,indirect,possible "$@" >"$build/log/valgrind.$name.log" 2>&1 </dev/null; then
        echo "ok    $name"
    else
        failed=$((failed + 1))
        echo "FAIL  $name"
        grep -E '==[0-9]+==|FAILED|error' "$build/log/valgrind.$name.log" | head -n 40 | sed 's/^/      /'
    fi
}
for t in "$build"/unit/test_*; do
    case $t in *.d) continue ;; esac
    run "$(basename "$t" | sed 's/^test_//')" "$t"
done
run demo "$build/dunwell" demo --story
[ "$failed" = 0 ]
