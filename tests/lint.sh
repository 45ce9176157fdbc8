#!/bin/sh
# The rules of the house that a machine can check: who may include whom, what may not be called, how long things may get.
set -u
cd "$(dirname "$0")/.."
bad=0
complain() { # title, lines
    [ -z "$2" ] && return
    bad=1
    printf '%s:\n%s\n' "$1" "$2"
}
code=$(find engine adapters bot -name '*.[ch]')

complain "engine/ may include nothing of the others" "$(grep -nE '#include "(adapters|bot)/' engine/*.[ch])"
complain "engine/ knows no sockets, threads or HTTP" "$(grep -nE '#include <(libwebsockets|curl/|pthread|microhttpd|sys/socket)' engine/*.[ch])"
complain "adapters/ include engine's value types only" \
    "$(grep -nE '#include "engine/' $(find adapters -name '*.[ch]') | grep -vE 'engine/(base|err|buf|json|money|when|scan|job|chat|book|doc|id)\.h')"
complain "adapters/ may not include bot/" "$(grep -nE '#include "bot/' $(find adapters -name '*.[ch]'))"
complain "functions that are not safe or not ours to call" \
    "$(grep -nE '(^|[^_a-zA-Z0-9])(strcpy|strcat|sprintf|vsprintf|strtok|gmtime|localtime|atoi|atol|atof|rand|gets|alloca)\(' $code)"
complain "time(NULL) outside the clock" "$(grep -nE '[^_a-z]time\((NULL|0)\)' $code)"
complain "unfinished work" "$(grep -nE '\b(TODO|FIXME|XXX)\b' $code)"
for f in $code $(find tests -name '*.[ch]'); do
    n=$(wc -l <"$f")
    [ "$n" -gt 600 ] && complain "a file of more than 600 lines" "$f has $n"
done
complain "a function of more than 60 lines" "$(for f in $(find engine adapters bot -name '*.c'); do
    awk -v f="$f" '/^[a-z].*\)$/ || /^[a-z].*[^;]$/ { head = FNR } /^\{$/ { start = FNR } /^\}$/ { if (start && FNR - start > 61) print f ":" start ": " FNR - start - 1 " lines"; start = 0 }' "$f"
done)"
exit $bad
