#!/usr/bin/env bash
# Make .venv with everything the demo, the tests and the linters need. `make setup` calls it;
# running it again is safe.
#
#   PYTHON     the Python to use (3.10 to 3.13); default: python3, else the newest such on the PATH
#   TORCH      what to install for torch; default torch==2.13.0. Not used where .venv can import a
#              torch already; empty leaves the choice to pip
#   CHROMIUM   empty: do not install Debian's Chromium, which the browser tests drive
#   VENV_ARGS  more arguments for `python -m venv`, for instance --system-site-packages
set -euo pipefail
cd "$(dirname "$0")/.."

venv=.venv
torch=${TORCH-torch==2.13.0}
export PIP_DISABLE_PIP_VERSION_CHECK=1

fits() {
    "$1" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null
}

choose_python() {
    local candidate
    for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11 python3.10}; do
        if fits "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    echo "No Python 3.10 to 3.13 as ${PYTHON:-python3}. Name one: make ... PYTHON=/path/to/python" >&2
    return 1
}

install() {
    "$venv/bin/python" -m pip install --quiet --progress-bar off "$@"
}

if ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    python=$(choose_python)
    echo "setup: a virtual environment for $("$python" --version) in $venv"
    # shellcheck disable=SC2086
    "$python" -m venv ${VENV_ARGS:-} "$venv"
fi

# First, and by itself: with this exact version pip takes a CPU build where one is offered.
if [ -n "$torch" ] && ! "$venv/bin/python" -c 'import torch' 2>/dev/null; then
    echo "setup: $torch"
    # shellcheck disable=SC2086
    install $torch
fi

echo "setup: fiftyone-ntt and what it needs"
install --editable '.[dev]'

# FiftyOne's database package comes without its server where MongoDB could not be downloaded.
"$venv/bin/python" scripts/mongod.py

# The browser tests drive Debian's Chromium: Playwright's own downloads are not needed.
chromium_found() {
    command -v chromium || command -v chromium-browser || command -v google-chrome
}
if [ "${CHROMIUM-install}" = install ] && ! chromium_found >/dev/null; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "setup: chromium, for the browser tests"
        { apt-get update && apt-get install --yes --no-install-recommends chromium; } >/dev/null ||
            true # the demo and all other tests do without
    fi
    chromium_found >/dev/null ||
        echo "setup: no Chromium here, and only root on Debian can install one; the browser tests" \
            "will fail. Install it, or leave them out: make test CHROMIUM=" >&2
fi

# The plugin's script is built by npm; a test looks whether the committed one is what that builds.
if ! command -v npm >/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "setup: nodejs and npm, to build the plugin's script"
    { apt-get update && apt-get install --yes --no-install-recommends nodejs npm; } >/dev/null || true
fi
if command -v npm >/dev/null; then
    (cd app && npm ci --silent --no-progress) || true # its test says what is missing
else
    echo "setup: no Node.js here, and only root on Debian can install one; the test that builds the" \
        "plugin's script will fail. Install it: https://nodejs.org" >&2
fi
