#!/usr/bin/env bash
# Runs everything that prints TAP under one prove, so that prove's summary closes the output.
# run-tests.sh O TEST...: cmocka programs (O/tests/...), shell scripts (*.sh, called with O), and every
# fuzz target in O/fuzz with its corpus.
set -euo pipefail
cd "$(dirname "$0")/.."
objects=$1
shift
# The longest first, so that none of them is left alone at the end: scripts, then programs.
targets=() programs=()
for test in "$@"; do
    case $test in *.sh) targets+=("$test") ;; *) programs+=("$test") ;; esac
done
targets+=("${programs[@]}")
for program in "$objects"/fuzz/fuzz_*; do
    [ -x "$program" ] && [ ! -d "$program" ] && targets+=("$program")
done
[ ${#targets[@]} -gt 0 ] || { echo "no tests" >&2; exit 1; }
export SEALWRIGHT_TEST_OBJECTS=$objects
# The interpreter itself: a version manager's python3 is a script that looks for it at each of a thousand starts.
export PATH=$(python3 -c 'import os, sys; print(os.path.dirname(sys.executable))'):$PATH
# One more than there are processors: scripts wait for clocks and for each other's servers.
exec prove -j "$(($(nproc) + 1))" --exec 'bash tools/run-one.sh' "${targets[@]}"
