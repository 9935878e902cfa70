#!/usr/bin/env bash
# Compares with other people's implementations, live: parity.sh O. Installs what tests/parity/requirements*.txt and package.json
# name into build/parity, then runs every script under tests/parity whose head says "TAP on stdout". Nothing is skipped.
set -euo pipefail
cd "$(dirname "$0")/.."
objects=$1
venv=build/parity/venv
mkdir -p build/parity
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/pip" install -q -r tests/parity/requirements.txt
"$venv/bin/pip" install -q --no-deps -r tests/parity/requirements-alone.txt
[ -d build/parity/ppo ] || "$venv/bin/pip" install -q --no-deps --target build/parity/ppo -r tests/parity/requirements-ppo.txt
if ! cmp -s tests/parity/package.json build/parity/package.json; then
    cp tests/parity/package.json build/parity/package.json
    (cd build/parity && npm install --no-audit --no-fund --silent)
fi
longest=(tests/parity/train.py tests/parity/examples.sh) # begin first, beside all the others
mapfile -t scripts < <(grep -l -m1 'TAP on stdout' tests/parity/*.py tests/parity/*.mjs tests/parity/*.sh | grep -vxFf <(printf '%s\n' "${longest[@]}"))
# A script a processor, each with one thread: torch's own threads wait for each other on a busy machine. Counted first: where
# OMP_NUM_THREADS is set nproc says that.
jobs=$(nproc)
export PATH=$PWD/$venv/bin:$PATH SEALWRIGHT_TEST_OBJECTS=$objects OMP_NUM_THREADS=1
exec prove -j "$jobs" --failures --comments --exec 'bash tools/run-one.sh' "${longest[@]}" "${scripts[@]}"
