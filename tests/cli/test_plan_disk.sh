#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What `sealwright train --plan` says of files against what a run leaves, and a file system that is too small for it (PLN-011): it is refused before the
# first step, one that has just the room is enough, and a state that lies there already counts. test_plan_disk.sh OBJECTS
set -uo pipefail
source=$(cd "$(dirname "$0")/../.." && pwd)
. "$source/tests/plain_recipe.sh"
unshare -rm true 2>/dev/null || { echo '1..0 # SKIP a small file system needs the right to mount' && exit 0; }
. "$source/tests/tap.sh" || exit 1
in_folder "${1-}"
python3 "$source/tools/make-miniature.py" model --dtype bf16 --extra 20000 || exit 1
python3 -c '
import json
for i in range(8): print(json.dumps({"text": f"the patient of bed {i} was seen and went home . "}))' >rows.jsonl
for method in lora full; do
    plain_recipe $method 'max_steps: 2' >$method.yaml
    plain_recipe $method 'max_steps: 2, save_steps: 1' >$method.states.yaml
    plain_recipe $method 'max_steps: 100000, save_steps: 1' >$method.long.yaml
done
train() { "$sealwright" train "$1" --model model --data rows.jsonl --threads 1 "${@:2}"; }
planned() { train "$1" --plan --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["disk"])'; }
bytes() { cat "$@" | wc -c; }
SMALL=$((1 << 20)) # what a plan takes for all small files (PLN-011)
for method in lora full; do
    train $method.yaml --out $method >out 2>err
    took=$(bytes $method/*) plan=$(planned $method.yaml)
    [ "$took" -gt 0 ] && [ "$plan" -ge "$took" ] && [ "$plan" -le $((took + SMALL)) ]
    say $? "$method: $plan bytes are planned, $took came out"
    "$sealwright" train $method.long.yaml --model model --data rows.jsonl --threads 1 --out long >out 2>err &
    until [ -e long.state/state ]; do kill -0 $! 2>/dev/null || break; done
    kill -TERM $! && wait $!
    state=$(bytes long.state/state)
    rm -rf long.state
    both=$(planned $method.states.yaml) more=$((state > plan ? 2 * state : state + plan))
    [ "$state" -gt 1000 ] && [ "$both" -ge "$more" ] && [ "$both" -le $((more + 1024)) ]
    say $? "$method: with states $both bytes are planned, where a state has $state"
done

# ---- file systems of a size ----
on() { # on KIB COMMAND: in a folder `disk` of that size
    unshare -rm bash -c 'mkdir -p disk && mount -t tmpfs -o size="$1k" none disk && eval "$2"' - "$1" "$2" >out 2>err
}
export -f train
export sealwright
need=$(($(planned full.states.yaml) / 1024 + 1))
on $((need - 200)) 'train full.states.yaml --out disk/out; echo "exit $?"; ls -A disk'
[ "$(cat out)" = 'exit 1' ] && grep -q '^sealwright: error: disk/out: the run writes [0-9]* MiB, and [0-9]* MiB are free there$' err &&
    grep -q '^sealwright: hint: [0-9]* MiB of it are states: the recipe has save_steps$' err
say $? 'too small for the states: refused, and nothing is left there'
on $((need - 200)) 'train full.yaml --out disk/out; echo "exit $?"; ls -A disk'
[ "$(tail -2 out)" = $'exit 0\nout' ]
say $? 'the same disk is large enough without them'
on $((need + 8)) 'train full.states.yaml --out disk/out; echo "exit $?"; ls -A disk'
[ "$(tail -2 out)" = $'exit 0\nout' ]
say $? 'a disk of the planned size is enough'
# twice: then with room for the rest alone
long=$(($(planned full.long.yaml) / 1024 + 9))
on $long 'begin() {
        "$sealwright" train full.long.yaml --model model --data rows.jsonl --threads 1 --out disk/out & pid=$!
        until [ disk/out.state/state -nt mark ]; do kill -0 $pid || break; done
        kill -TERM $pid; wait $pid; echo "exit $?"
    }
    touch mark; begin
    dd if=/dev/zero of=disk/rest bs=1k count=$(($(stat -f -c "%a * %S" disk) / 1024 - '"$((long - state / 1024))"')) 2>dd
    touch mark; begin'
[ "$(grep -c '^exit 1$' out)" -eq 2 ] && [ "$(grep -c 'stopped after step' err)" -eq 2 ]
say $? 'a state that lies there counts'
finish
