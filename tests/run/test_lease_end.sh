#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# No model and no manifest come of a lease that has ended or that was refused a renewal, however late in the run: a worker that goes on
# behind STOP, a disk that stands still before the model, behind it, or before all of it. Where the agent itself stands still, its guard ends
# worker and run. And a STOP comes while there is time for the state. test_lease_end.sh OBJECTS
set -uo pipefail
steps=4 save_steps=2 lease=8s grants=1000
. "$(dirname "$0")/hostile_world.sh"
need_strace

# slow CALL[:PATH] N MS FOLDER: the disk stands still for MS ms before the N-th such call; several at once, each with its log and its exit code
slow() {
    local path=()
    [ "$1" = mkdir ] || path=(-P "$4/out/") # opened for each of its files: model.sealed, three of metrics, ...
    run_with strace -qq -o /dev/null "${path[@]}" -e trace="$1" -e inject="$1:delay_enter=$(($3 * 1000)):when=$2" -- --run "$4" --json >"$4.log" 2>&1
    echo $? >"$4.code"
}
ended() { cp "$1.log" log && [ "$(cat "$1.code")" -eq "$2" ]; } # ended FOLDER CODE
unfinished() { [ "$(error_word <log)" = "$1" ] && grep -q 'stopped with a sealed checkpoint of step 4' log && [ ! -e "$2/out/manifest.json" ]; }
receipts() { predicate "$1" | grep -o '"payloadType":"[^"]*grant[^"]*"' | grep -c .; }
revoke_soon() { # when the run in FOLDER has sealed its last step
    until [ -e "$1/checkpoint-000004.sealed" ]; do sleep 0.05; done
    "$sealwright" revoke app-compose.json --identity anna >/dev/null 2>&1
}
approved_again() {
    local owner
    "$sealwright" lift app-compose.json --identity anna >/dev/null 2>&1
    for owner in "${owners[@]}"; do "$sealwright" approve app-compose.json --identity $owner >/dev/null 2>&1; done
}
goes_on() { run_sealed --run "$1" >log 2>&1 && verify_out "$1/out" >log 2>&1; }

# ---- the lease has ended, or lasts because it is renewed ----
slow openat 1 9000 before & started=($!)
slow openat 2 9000 behind & started+=($!)
slow mkdir 2 9000 folder & started+=($!)
slow openat 5 10000 signed & started+=($!)
slow openat 1 25000 kept & started+=($!)
slow openat 1 5000 renewed.1 & started+=($!)
slow openat 2 5000 renewed.2 & started+=($!)
wait "${started[@]}"
ended before 1 && unfinished lease before; say $? 'a disk that stands still before the model: the lease has ended'
[ ! -e before/out/model.sealed ]; say $? 'and no model was sealed'
holds 'the same command ends it' goes_on before
ended behind 1 && unfinished lease behind; say $? 'a disk that stands still behind the model: the lease has ended'
holds 'the same command ends it too' goes_on behind
ended folder 1 && unfinished lease folder; say $? 'a disk that stands still before all of it: the lease has ended'
for at in 1 2; do
    ended renewed.$at 0 && verify_out renewed.$at/out >log 2>&1 && [ "$(receipts renewed.$at/out)" -eq 2 ]
    say $? "half a lease before file $at: it is renewed, and the manifest verifies"
done
ended kept 1 && [ -z "$(error_word <log)" ] && [ ! -e kept/out/model.sealed ]; say $? 'a disk that stands still for longer yet: the agent ends in the middle of it'
holds 'and the same command ends the run' goes_on kept
ended signed 0 && verify_out signed/out >log 2>&1; say $? 'what was signed within the lease is written, however long the disk takes'

# ---- or is refused ----
slow openat 1 5000 revoked &
run=$!
revoke_soon revoked
wait $run
ended revoked 1 && unfinished revoked revoked; say $? 'revoked while the disk stands still: the renewal before the model is refused'
approved_again
holds 'lifted and approved again: the same command ends it' goes_on revoked

heedless=$("$worker" --list | sed -n 's/^\([0-9]*\) .* heeds_no_stop$/\1/p')
run_sealed --run heedless --threads "$heedless" --json >log 2>&1 &
run=$!
until [ -e heedless/state.json ]; do sleep 0.05; done
"$sealwright" revoke app-compose.json --identity anna >/dev/null 2>&1
wait $run; [ $? -eq 1 ] && unfinished revoked heedless; say $? 'revoked during a run, and the worker goes on behind STOP to a good end: nothing is finished'
[ ! -e heedless/out ]; say $? 'no out folder is made'
approved_again
holds 'lifted and approved again: the last step, and the end' goes_on heedless

# ---- the agent stands still beside a worker; strace holds what is left of its thread until the delay has passed ----
run_with strace -qq -o /dev/null -e trace=poll -e inject=poll:delay_enter=25000000:when=100 -- --run still --threads "$heedless" --json >still.log 2>&1 &
run=$!
until [ -e still/state.json ]; do sleep 0.05; done
agent() { children "$(children $run)"; }
gone() { [ ! -e "/proc/$1" ] || grep -q '^State:.Z' "/proc/$1/status" 2>/dev/null; }
trainer=''
until [ -n "$trainer" ] && [ "$trainer" = "$(children "$(agent)")" ] || gone "$run"; do # the one that stays is no decoder
    trainer=$(children "$(agent)")
    sleep 2
done
until gone "${trainer:-none}" || gone "$run"; do sleep 0.1; done
pid=$(agent)
[ -n "$trainer" ] && grep -q '^State:.t' "/proc/$(agent)/status"; say $? 'at the end of the lease the worker is killed, and the agent has not noticed'
keys_in_memory "$pid" memory.before >log 2>&1
[ $? -eq 1 ] && grep -q '^the data key' log && ! grep -q '^what opens' log; say $? 'it holds the keys still, and nothing that opened them'
until [ "$(find "/proc/$pid/task" -mindepth 1 -maxdepth 1 | wc -l)" -eq 1 ]; do sleep 0.05; done # the guard's thread has ended the process
keys_in_memory "$pid" memory.behind >log 2>&1; say $? 'a grace later none is in its memory any more, though the agent is held up still'
wait $run; [ $? -eq 1 ] && [ -z "$(error_word <still.log)" ]; say $? 'a grace later the agent ends in the middle of it'

# ---- a STOP in time for a long step ----
steps=8 save_steps=0 lease=32s
long=$("$worker" --list | sed -n 's/^\([0-9]*\) .* long_steps$/\1/p')
variant long; say $? 'a recipe whose steps take 5 s of a lease of 32 s, and that saves none of them'
run_sealed --run long --threads "$long" --json >log 2>&1 &
run=$!
until [ -e long/state.json ]; do sleep 0.05; done
stop_kms KILL
wait $run; [ $? -eq 1 ] && grep -q 'stopped with a sealed checkpoint of step [1-7]' log; say $? 'a key service that has gone: STOP comes in time for a state'
finish
