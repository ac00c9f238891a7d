#!/usr/bin/env bash
# An independent server as upstream: makes a virtual environment with the LiteLLM proxy and lets through_litellm.py use it.
#
# ATELIER_BIN: the program (default target/debug/atelier).
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
target=${CARGO_TARGET_DIR:-$(cd "$here/../.." && pwd)/target}
venv=$target/conformance/litellm
if ! cmp -s "$here/requirements.txt" "$venv/requirements.txt"; then
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/requirements.txt"
    cp "$here/requirements.txt" "$venv/requirements.txt"
fi
ATELIER_BIN=${ATELIER_BIN:-$target/debug/atelier} PYTHONDONTWRITEBYTECODE=1 "$venv/bin/python" "$here/through_litellm.py"
