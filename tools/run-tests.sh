#!/usr/bin/env bash
# Runs everything that prints TAP under one prove, so that prove's summary closes the output.
# run-tests.sh O TEST...: cmocka programs (O/tests/...), shell scripts (*.sh, called with O), and every
# fuzz target in O/fuzz with its corpus.
set -euo pipefail
cd "$(dirname "$0")/.."
objects=$1
shift
targets=("$@")
for program in "$objects"/fuzz/fuzz_*; do
    [ -x "$program" ] && [ ! -d "$program" ] && targets+=("$program")
done
[ ${#targets[@]} -gt 0 ] || { echo "no tests" >&2; exit 1; }
export SEALWRIGHT_TEST_OBJECTS=$objects
exec prove -j2 --exec 'bash tools/run-one.sh' "${targets[@]}"
