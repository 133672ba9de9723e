#!/bin/sh
# Sees to it that this machine has what Capsule Ledger needs: Rust, a JDK 17+, Maven, a C compiler.
# With --browser also Chromium and its driver, for the tests of the dashboards.
#
# Where apt and root are at hand it installs what lacks; elsewhere it says what to install, and exits 1.
# Quick where nothing lacks, so that every make target may call it.
set -eu

browser=no
for argument in "$@"; do
    case $argument in
        --browser) browser=yes ;;
        *) echo "usage: scripts/setup.sh [--browser]" >&2; exit 2 ;;
    esac
done

has() { command -v "$1" >/dev/null 2>&1; }

java_is_new_enough() {
    java=${JAVA_HOME:+$JAVA_HOME/bin/java}
    has "${java:-java}" || return 1
    major=$("${java:-java}" -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p' | head -n 1)
    [ "${major:-0}" -ge 17 ]
}

# Debian's names of the packages that lack.
missing() {
    java_is_new_enough || echo default-jdk-headless
    has mvn || echo maven
    { has cc && has c++ && has make; } || echo build-essential
    has pkg-config || echo pkg-config
    [ -e /usr/include/zlib.h ] || echo zlib1g-dev
    has curl || echo curl
    [ -e /etc/ssl/certs/ca-certificates.crt ] || [ -e /etc/pki/tls/certs/ca-bundle.crt ] || echo ca-certificates
    if [ "$browser" = yes ]; then
        has chromium || has chromium-browser || has google-chrome || echo chromium
        has chromedriver || echo chromium-driver
        # For the second verifier.
        has python3 || echo python3
    fi
}

packages=$(missing | tr '\n' ' ')
if [ -n "$packages" ] && has apt-get && [ "$(id -u)" -eq 0 ]; then
    echo "Installing: $packages"
    export DEBIAN_FRONTEND=noninteractive
    log=$(mktemp)
    # $packages is a list: it is to be split.
    # shellcheck disable=SC2086
    if ! { apt-get update -q && apt-get install -q -y --no-install-recommends $packages; } >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        echo "apt-get could not install: $packages(all it said is in $log)" >&2
        exit 1
    fi
    rm -f "$log"
    packages=$(missing | tr '\n' ' ')
fi
if [ -n "$packages" ]; then
    echo "Please install these (Debian's names), then try again: $packages" >&2
    exit 1
fi

if ! has cargo; then
    if [ -x "${CARGO_HOME:-$HOME/.cargo}/bin/cargo" ]; then
        echo "Rust is installed but not on the PATH: run  . \"${CARGO_HOME:-$HOME/.cargo}/env\"  and try again" >&2
    else
        echo "Please install Rust (https://rustup.rs), then try again:" \
            "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh" >&2
    fi
    exit 1
fi
