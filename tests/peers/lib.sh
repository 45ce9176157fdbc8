# For the tests that run a driver against a server over real HTTP. Sourced from the top of the repository.

skip() {
    echo "skip: $*"
    exit 77
}

fail() {
    echo "FAIL: $*"
    failed=$((failed + 1))
}

# build_drive NAME [PROGRAM]: build/peers/NAME_drive from that driver's own objects; or NAME_PROGRAM from another program of this folder.
build_drive() {
    mkdir -p build/peers
    program=${2:-drive}
    sources="engine/base engine/chat engine/buf engine/err engine/job engine/scan engine/money $(ls engine/json*.c engine/when*.c engine/zone*.c engine/nearest.c | sed 's/\.c$//')
             adapters/common adapters/billing/attempts adapters/billing/declines adapters/billing/idempotency adapters/billing/units adapters/billing/rest $(ls adapters/billing/rest_*.c | sed 's/\.c$//') adapters/billing/signature adapters/chat/text
             $(ls adapters/*/$1*.c | sed 's/\.c$//')"
    objects=""
    for s in $sources; do objects="$objects build/obj/$s.o"; done
    make -s $objects || exit 1
    ${CC:-cc} -std=c11 -D_GNU_SOURCE -I. -O1 -g -Wall -Wextra -Werror "-DDRIVER=$1_driver" -o "build/peers/$1_$program" "tests/peers/$program.c" $objects \
        $(pkg-config --cflags --libs libcurl jansson libcrypto) -lunistring -lm || exit 1
}

# A port on which connections are refused now, below the range from which the kernel takes the ports of clients.
free_port() {
    port=$((20000 + ($$ * 7 + ${1:-0}) % 12000))
    while curl -s -o /dev/null --max-time 1 "http://127.0.0.1:$port/"; [ $? != 7 ]; do port=$((port + 1)); done
    echo "$port"
}

# wait_for URL PID: until it answers anything at all, or its process is gone.
wait_for() {
    for _ in $(seq 1 450); do
        curl -s -o /dev/null --max-time 2 "$1" && return 0
        kill -0 "$2" 2>/dev/null || return 1
        sleep 0.2
    done
    return 1
}

# prism_start NAME [N] [FILE]: the vendor's description (../shared/specs/NAME.json, or FILE) served by Prism, which answers 2xx to what fits it and 4xx
# to what does not. Sets $base, $pid. Without the description there is nothing to compare with: said aloud, and not counted as passed.
prism_start() {
    spec=${3:-../shared/specs/$1.json}
    [ -f "$spec" ] || { echo "not compared with the vendor's description: $spec is not on this machine"; exit 78; }
    prism=build/peers/prism/node_modules/.bin/prism
    if [ ! -x "$prism" ]; then
        command -v npm >/dev/null 2>&1 || skip "Prism cannot be installed: there is no npm"
        mkdir -p build/peers/prism
        npm install --no-audit --no-fund --silent --prefix build/peers/prism @stoplight/prism-cli@5.16.0 >build/peers/prism.log 2>&1 ||
            skip "Prism cannot be installed: $(tail -n 1 build/peers/prism.log)"
    fi
    port=$(free_port "${2:-11}")
    base=http://127.0.0.1:$port
    "$prism" mock -h 127.0.0.1 -p "$port" "$spec" >"build/peers/prism-$1.log" 2>&1 &
    pid=$!
    trap 'kill $pid 2>/dev/null' EXIT
    wait_for "$base/" $pid || { echo "Prism does not start"; tail -n 5 "build/peers/prism-$1.log"; exit 1; }
}

# sent DRIVER OP ARGS STAGE: the one request of that stage must be understood. Appended to $log.
sent() {
    "build/peers/$1_drive" -4 -n 1 -s "$4" "$base" "$2" "key-$2" "$3" >build/peers/out.$1 2>&1 || fail "$2 at $4: $(cat build/peers/out.$1)"
    cat "build/peers/out.$1" >>"$log"
}

# refused WORDS CURL-ARGUMENTS...: the description must say no, or all of this shows nothing.
refused() {
    words=$1
    shift
    status=$(curl -s -o /dev/null -w '%{http_code}' "$@")
    case $status in 4??) said_no=$((${said_no:-0} + 1)) ;; *) fail "taken, although $words ($status)" ;; esac
}
