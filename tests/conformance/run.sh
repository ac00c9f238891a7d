#!/usr/bin/env bash
# Starts an Atelier on a free port with an empty data directory, and lets both SDKs of requirements-*.txt use it.
#
# ATELIER_BIN: the program (default target/debug/atelier). Arguments: names of cases; none means all.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
bin=${ATELIER_BIN:-$target/debug/atelier}
venvs=$target/conformance
work=$(mktemp -d)
server=

stop() {
    if [[ -n $server ]] && kill -TERM "$server" 2>/dev/null; then
        for _ in $(seq 100); do
            kill -0 "$server" 2>/dev/null || break
            sleep 0.1
        done
        kill -KILL "$server" 2>/dev/null || true
    fi
    rm -rf "$work"
}
trap stop EXIT

# A virtual environment per SDK, made anew when its requirements changed.
prepare() {
    local sdk=$1 wanted=$here/requirements-$1.txt
    if ! cmp -s "$wanted" "$venvs/$sdk/requirements.txt"; then
        rm -rf "${venvs:?}/$sdk"
        python3 -m venv "$venvs/$sdk"
        "$venvs/$sdk/bin/pip" install --quiet --disable-pip-version-check --requirement "$wanted"
        cp "$wanted" "$venvs/$sdk/requirements.txt"
    fi
}

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

is_up() {
    python3 -c 'import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=2)' "$1/health" 2>/dev/null
}

start() {
    local port=$1 origin=$2
    env -i PATH="$PATH" HOME="$work" \
        ATELIER__SERVER__PORT="$port" \
        ATELIER__DATABASE__PATH="$work/data" \
        ATELIER__GLOBAL__API_KEY="$ATELIER_KEY" \
        ATELIER__GLOBAL__ADMIN_PASSWORD="$ATELIER_ADMIN_PASSWORD" \
        ATELIER__STUDIO__FAULTS=true \
        ATELIER__FETCH__ALLOW=127.0.0.2 \
        "$bin" serve >"$work/log" 2>&1 &
    server=$!
    for _ in $(seq 300); do
        if is_up "$origin"; then return; fi
        kill -0 "$server" 2>/dev/null || break
        sleep 0.1
    done
    echo "atelier did not start; its output was:" >&2
    cat "$work/log" >&2
    exit 1
}

[[ -x $bin ]] || { echo "no program at $bin: build it first, or set ATELIER_BIN" >&2; exit 1; }
sdks=(3 2)
for sdk in "${sdks[@]}"; do prepare "$sdk"; done

ATELIER_KEY=sk-conformance-$(python3 -c 'import secrets; print(secrets.token_hex(16))')
ATELIER_ADMIN_PASSWORD=$(python3 -c 'import secrets; print(secrets.token_hex(16))')
export ATELIER_KEY ATELIER_ADMIN_PASSWORD PYTHONDONTWRITEBYTECODE=1
port=$(free_port)
origin=http://127.0.0.1:$port
cd "$work"
start "$port" "$origin"

failed=0
for sdk in "${sdks[@]}"; do
    "$venvs/$sdk/bin/python" "$here/suite.py" "$origin" "$@" || failed=1
done
if ((failed)); then
    echo "the last lines of the server's log:" >&2
    tail -n 50 "$work/log" >&2
fi
exit "$failed"
