#!/bin/sh
# Installs what is missing, by Debian's packages (as root, or with sudo).
#   tests/setup.sh          what building and `make demo` need
#   tests/setup.sh check    also what `make check` needs: compilers for fuzzing, valgrind, and a Python environment under
#                           build/venv for the peers (a real SMTP server, localstripe, the fakes' web server)
# Quick when everything is there. Fails with a message that says what to install by hand.
set -eu
cd "$(dirname "$0")/.."
what=${1:-build}

build="gcc make pkg-config libwebsockets-dev libcurl4-openssl-dev libjansson-dev libsqlite3-dev libmicrohttpd-dev libfyaml-dev libunistring-dev tzdata libssl-dev ca-certificates"
check="libcmocka-dev valgrind clang libclang-rt-14-dev python3 python3-venv curl openssl mandoc sqlite3 oathtool python3-matrix-nio"

missing() {
    for p in "$@"; do
        dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'install ok installed' || printf '%s ' "$p"
    done
}

packages=$build
[ "$what" = check ] && packages="$build $check"
need=$(missing $packages)
if [ -n "$need" ]; then
    root=""
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null 2>&1 || { echo "These packages are missing: $need"; echo "Install them as root: apt-get install $need"; exit 1; }
        root=sudo
    fi
    echo "Installing: $need"
    $root apt-get update -qq
    $root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $need >/dev/null
fi
[ "$what" = check ] || exit 0

# The Python environment of the tests; a stamp with the list of packages says that it is complete.
pip="aiohttp==3.9.5 aiosmtpd==1.4.6 localstripe==1.15.10 slack_sdk==3.47.0"
stamp=build/venv/.complete
if [ "$(cat "$stamp" 2>/dev/null || true)" != "$pip" ]; then
    rm -rf build/venv
    mkdir -p build
    if /usr/bin/python3 -m venv build/venv && build/venv/bin/pip install -q --disable-pip-version-check $pip; then
        printf '%s' "$pip" > "$stamp"
    elif [ "${CI:-}" = true ]; then
        echo "the Python packages of the tests could not be installed: $pip" >&2
        exit 1
    else
        echo "skip: the Python packages of the tests could not be installed: $pip; tests that need them are left out" >&2
    fi
fi
