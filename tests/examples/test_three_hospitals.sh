#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The example as `make run` plays it, with the miniature model: it ends by itself, shows every refusal for its own reason, and leaves a folder
# that verifies. (The script itself fails when a refusal does not come, or comes for another reason.)
# Usage: test_three_hospitals.sh OBJECTS
set -u
cd "$(dirname "$0")/../.." || exit 1
objects=$(cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 143' TERM INT
. tests/tap.sh || exit 1
shown=("$work/log")

shows() { # shows NAME PATTERN
    grep -q -- "$2" "$work/log"
    say $? "$1"
}

python3 tools/make-miniature.py "$work/model" >/dev/null || { echo "Bail out! no miniature model" && exit 1; }
MODEL=$work/model examples/three-hospitals/run --build "$objects" --world "$work/world" >"$work/log" 2>&1
say $? "the example plays to its end"
shows "before unlock" "has not unlocked this start"
shows "before the quorum" "1 of the 2 owners who must approve have approved"
shows "a shard left out" "shard 3 of northgate is not among the files given"
shows "a changed recipe" "is for another recipe"
shows "another image" "does not accept this machine's evidence"
shows "a tampered manifest: its signature, after everything before it held" "^NO   manifest "
shows "nobody's expectation" "compared with nobody's expectation"
shows "open before approval" "0 of the 3 owners of listed shards"
shows "revoked" "error: revoked by northgate"
shows "the audit log" "entries hold: 1 starts, 3 unlocks, 2 grants"
"$objects/sealwright" verify "$work/world/run/out" --app "$work/world/app.genesis" --model "$work/world/adapter" >"$work/log" 2>&1
say $? "what it leaves verifies, with the opened adapter"
! grep -q 'python3 -m pip' examples/three-hospitals/run || grep -qx python3-pip mk/packages-build.txt
say $? "what fetches the model is among the packages that are installed"
left=$(pgrep -f "$work" | grep -vx $$)
[ -z "$left" ]
say $? "no process is left"
finish
