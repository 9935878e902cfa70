#!/usr/bin/env bash
# npm's solc.js as forge wants a compiler: the version as the native one says it, and JSON through files, since solc.js waits for no pipe.
set -euo pipefail
solc=$(dirname "$0")/../build/parity/node_modules/solc/solc.js
if [ "${1:-}" = --version ]; then
    printf 'solc, the solidity compiler commandline interface\nVersion: %s\n' "$(node "$solc" --version | sed 's/Emscripten.clang/Linux.g++/')"
    exit
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat >"$work/given"
node "$solc" --standard-json <"$work/given" >"$work/taken"
sed '/^>>>/d' "$work/taken"
