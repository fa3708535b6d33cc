#!/bin/sh
# Tests a terminal with cards, in a container or on a machine: installs what is missing, runs pytest.
#
#   test-with-cards.sh [what pytest is told besides]
#
# PYTHON            the interpreter; its environment is used when jukicard is in it already
# JUKICARD          what pip installs as jukicard, unless told the published package with PC/SC
# JUKI_LEAST        the least coverage of the card, in percent, below which the run fails
# JUKI_NEEDS_PCSCD  1: fail where no pcscd can start, instead of skipping the tests that need it
set -eu

PYTHON=${PYTHON:-python3}

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null && ! command -v pcscd >/dev/null; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        pcscd vsmartcard-vpcd gcc libc6-dev swig libpcsclite-dev python3-dev python3-venv
fi

if ! "$PYTHON" -c 'import jukicard, pytest, xdist' 2>/dev/null; then
    "$PYTHON" -m venv .venv-cards
    PYTHON=$PWD/.venv-cards/bin/python
    "$PYTHON" -m pip install --quiet "${JUKICARD:-jukicard[pcsc]}" pytest pytest-xdist hypothesis
fi

missing=$("$PYTHON" -c 'from jukihost.testing import missing_for_pcscd
print(", ".join(missing_for_pcscd()))')
if [ -n "$missing" ]; then
    echo "No pcscd for the tests, missing: $missing"
    [ "${JUKI_NEEDS_PCSCD:-0}" != 1 ] || exit 1
fi

exec "$PYTHON" -m pytest -n 2 --dist loadgroup -rs --juki-reader all \
    --jukicard-cov-html card-coverage.html --jukicard-cov-fail-under "${JUKI_LEAST:-0}" "$@"
