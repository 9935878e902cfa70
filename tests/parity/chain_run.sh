#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# TAP on stdout: tests/run/test_chain.sh on npm's anvil, where the contract runs as an EVM runs it, instead of the toy chain; then the
# example on such a chain, with the miniature model. chain_run.sh OBJECTS
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
make -s --no-print-directory O="$1" "$1/tests/manifest/flip_out" >&2 || exit 1
objects=$(cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 143' TERM INT
export anvil=$PWD/build/parity/node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil
chain=anvil bash tests/run/test_chain.sh "$objects" >"$work/tap"
code=$?
grep -v '^1\.\.' "$work/tap"
count=$(grep -cE '^(not )?ok ' "$work/tap")
say() { # say STATUS NAME
    count=$((count + 1))
    [ "$1" -eq 0 ] && echo "ok $count - $2" && return
    code=1
    echo "not ok $count - $2"
    tail -n 12 "$work/log" | sed 's/^/# /'
}
python3 tools/make-miniature.py "$work/model" >/dev/null || { echo "Bail out! no miniature model" && exit 1; }
ANVIL=$anvil MODEL=$work/model examples/three-hospitals/run --build "$objects" --world "$work/world" --ledger ethereum >"$work/log" 2>&1
say $? "three hospitals play on a chain of their own to the end"
grep -q 'error: at block [0-9]*, the newest final one: revoked by northgate' "$work/log"
say $? "revoked, as of a block"
[ "$(grep -c "^verified" "$work/log")" -eq 3 ]
say $? "verified with the chain and without"
left=$(pgrep -f "$work" | grep -vx $$)
[ -z "$left" ]
say $? "no process is left"
echo "1..$count"
exit $code
