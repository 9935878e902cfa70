#!/usr/bin/env bash
# Runs one test for run-tests.sh: a script with the object folder, a fuzz target with its corpus, or a program.
set -euo pipefail
case $1 in
*.sh) exec bash "$1" "$SEALWRIGHT_TEST_OBJECTS" ;;
*.mjs) exec node "$1" "$SEALWRIGHT_TEST_OBJECTS" ;;
*.py) exec python3 "$1" "$SEALWRIGHT_TEST_OBJECTS" ;;
*/fuzz/fuzz_*) name=${1##*/fuzz_} && exec "$1" "fuzz/corpus/$name" ;;
*) CMOCKA_MESSAGE_OUTPUT=TAP exec "$1" ;;
esac
