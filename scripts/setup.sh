#!/bin/sh
# Sees to it that this machine has what Capsule Ledger needs: Rust, a JDK 17+, Maven, a C compiler.
# With --tests also what the tests need: Chromium and its driver, Python, PostgreSQL's own tools for backups.
#
# Where apt and root are at hand it installs what lacks; elsewhere it says what to install, and exits 1.
# Quick where nothing lacks, so that every make target may call it.
set -eu

tests=no
for argument in "$@"; do
    case $argument in
        --tests) tests=yes ;;
        *) echo "usage: scripts/setup.sh [--tests]" >&2; exit 2 ;;
    esac
done

has() { command -v "$1" >/dev/null 2>&1; }

java_is_new_enough() {
    java=${JAVA_HOME:+$JAVA_HOME/bin/java}
    has "${java:-java}" || return 1
    major=$("${java:-java}" -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p' | head -n 1)
    [ "${major:-0}" -ge 17 ]
}

# Whether pg_dump is at hand that knows the server's version.
backs_up() {
    has pg_dump && [ "$(pg_dump --version | sed -n 's/.* \([0-9]*\)\..*/\1/p')" -ge 18 ]
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
    if [ "$tests" = yes ]; then
        has chromium || has chromium-browser || has google-chrome || echo chromium
        has chromedriver || echo chromium-driver
        # For the second verifier.
        has python3 || echo python3
        backs_up || python3 -m pip --version >/dev/null 2>&1 || echo python3-pip
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

# Neither the servers nor every Debian come with PostgreSQL 18's pg_dump and pg_restore: a pinned wheel has them.
tools=${CARGO_TARGET_DIR:-$(dirname "$0")/../target}/tmp/postgresql-tools
if [ "$tests" = yes ] && ! backs_up && [ ! -e "$tools/bin" ]; then
    echo "Installing: pg_dump and pg_restore, in $tools"
    rm -rf "$tools"
    if python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore --target "$tools" --no-deps --require-hashes \
        --only-binary :all: --implementation cp --python-version 3.11 --platform manylinux_2_28_x86_64 \
        --requirement "$(dirname "$0")/postgresql-tools.txt"; then
        ln -s pgserver/pginstall/bin "$tools/bin"
    else
        echo "Please put PostgreSQL 18's pg_dump and pg_restore on the PATH: the test of backups is left out without them" >&2
    fi
fi
