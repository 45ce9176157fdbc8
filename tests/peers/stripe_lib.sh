# For the tests that run the Stripe driver against a server nobody here wrote. Sourced from the top of the repository.

skip() {
    echo "skip: $*"
    exit 77
}

fail() {
    echo "FAIL: $*"
    failed=$((failed + 1))
}

# Builds build/peers/stripe_drive from the driver's own objects.
build_drive() {
    mkdir -p build/peers
    sources="engine/base engine/buf engine/err engine/json engine/job engine/scan engine/money $(ls engine/when*.c engine/nearest.c | sed 's/\.c$//')
             adapters/common adapters/billing/declines $(ls adapters/billing/stripe*.c | sed 's/\.c$//')"
    objects=""
    for s in $sources; do objects="$objects build/obj/$s.o"; done
    make -s $objects || exit 1
    ${CC:-cc} -std=c11 -D_GNU_SOURCE -I. -O1 -g -Wall -Wextra -Werror -o build/peers/stripe_drive tests/peers/stripe_drive.c $objects \
        $(pkg-config --cflags --libs libcurl jansson libcrypto icu-i18n icu-uc) -lm || exit 1
}

# A port nobody listens on now.
free_port() {
    port=$((20000 + ($$ * 7 + ${1:-0}) % 20000))
    while curl -s -o /dev/null --max-time 1 "http://127.0.0.1:$port/"; do port=$((port + 1)); done
    echo "$port"
}

# wait_for URL PID: until it answers anything at all, or its process is gone.
wait_for() {
    for _ in $(seq 1 150); do
        curl -s -o /dev/null --max-time 2 "$1" && return 0
        kill -0 "$2" 2>/dev/null || return 1
        sleep 0.2
    done
    return 1
}
