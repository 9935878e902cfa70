#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A finished run is done again: bit-equal with any number of threads, on another machine, whole or in part; with a trainer that does not
# repeat itself the first step that differs is named. A replay takes a grant, is refused for what a run is refused for, and writes nothing.
# test_replay.sh OBJECTS
set -uo pipefail
steps=5 save_steps=2
. "$(dirname "$0")/world.sh"
hostile=$(cd "${1:?objects}" && pwd)/tests/run/hostile_worker
[ -x "$hostile" ] || make -s -C "$(dirname "$0")/../.." O="$1" "$1/tests/run/hostile_worker" >&2 || exit 1
world_new "$1"
export ASAN_OPTIONS=detect_leaks=0 # a leak checker cannot work under strace
files() { find . -type f ! -path './kms/*' ! -name log ! -name files -exec sha256sum {} + | sort; }
granted() { "$sealwright" kms audit verify "$kms_url" --json 2>/dev/null | value grants; }
# equal TEXT NAME OUT [OPTION...]: a replay that ends well with this line
equal() {
    local text=$1 name=$2
    shift 2
    replay_out "$@" >log 2>&1 && grep -qxF "bit-equal: $text" log
    say $? "$name: $text"
}
all='5 steps (1 to 5), model'

# ---- equal ----
holds 'a run' run_sealed
holds 'another run of the same recipe' run_sealed --run other
files >files
spent=$(granted)
equal "$all" 'the run, done again' run/out
grep -q SIMULATED log; say $? 'it says SIMULATED'
[ "$(granted)" -eq $((spent + 1)) ]; say $? 'a replay takes one grant'
for n in 2 4; do equal "$all" "with $n threads" run/out --threads $n; done
equal "$all" 'the other run' other/out
cp -r run/out kept && rm kept/metrics-*
equal "$all" 'a folder without the metrics that are for their owners' kept
rm -r kept
replay_out run/out --json >log 2>&1 && grep -q '"begun":0,"bit_equal":true,.*"equal":5,.*"model":true,"simulated":true}' log; say $? 'for programs'
"$sealwright" kms audit verify "$kms_url" --out audit.json >log 2>&1
grep -o '"payload":"[^"]*"' audit.json | sed 's/.*:"\(.*\)"/\1/' | while read -r payload; do base64 -d <<<"$payload" && echo; done >audit.lines
rm audit.json
[ "$(grep '"purpose":"replay"' audit.lines | grep -c '"decision":"granted"')" -eq 6 ]; say $? 'owners see each replay in the audit log'
rm audit.lines

# ---- some steps ----
equal '2 steps (1 to 2)' 'the first two' run/out --steps 1-2
equal '4 steps (1 to 4)' 'up to the next state that was kept' run/out --steps 2-3
equal '1 step (5 to 5), model' 'from a sealed checkpoint' run/out --steps 5-5 --run run
equal '4 steps (1 to 4)' 'with no checkpoint before them' run/out --steps 4-4 --run run
equal "$all" 'from a folder without any' run/out --steps 5-5 --run run/out
for given in 0-1 3-2 1 1- -2 1-2- 1--2 x-2 1-99999999999999999999999 1-6 ''; do refused usage "steps '$given'" replay_out run/out --steps "$given"; done
files | cmp files - >log 2>&1; say $? 'none of them wrote, changed or removed a file'

# ---- checkpoints that are not the run's ----
mkdir mixed && cp other/checkpoint-000004.sealed mixed
spent=$(granted)
refused checkpoint "another run's checkpoint" replay_out run/out --steps 5-5 --run mixed
cp run/checkpoint-000004.sealed mixed && printf x | dd of=mixed/checkpoint-000004.sealed bs=1 seek=700 conv=notrunc status=none
replay_out run/out --steps 5-5 --run mixed >log 2>&1
[ $? -eq 1 ] && grep -q 'error: mixed/checkpoint-000004.sealed: ' log; say $? 'a damaged one'
cp anna.sealed mixed/checkpoint-000004.sealed
refused checkpoint 'a shard in its place' replay_out run/out --steps 5-5 --run mixed
cp run/checkpoint-000005.sealed mixed/checkpoint-000004.sealed
refused checkpoint 'that of another step' replay_out run/out --steps 5-5 --run mixed
[ "$(granted)" -eq "$spent" ]; say $? 'no grant was spent on them'
rm -r mixed

# ---- what is refused before a key is asked for ----
bent() { # bent WORD NAME: the folder `mixed` is not replayed
    refused "$1" "$2" replay_out mixed
    rm -rf mixed && cp -r run/out mixed
}
cp -r run/out mixed
refused usage 'no --app: the one of the configuration does not count' agent_with replay run/out --
"$sealwright" app new --name small-world --quorum 2 --owner anna/card.json --owner bert/card.json --owner cleo/card.json --out other.genesis >/dev/null
for owner in "${owners[@]}"; do "$sealwright" app join other.genesis --identity $owner >/dev/null 2>&1; done
refused app 'another app of the same owners' replay_out run/out --app other.genesis
# Another result is claimed: another chain, in a manifest that its machine did not sign.
payload=$(predicate run/out | sed 's/\("step_chain":\[{"step":2,"value":"\)...../\100000/' | base64 -w0)
sed -i "s|\"payload\":\"[^\"]*\"|\"payload\":\"$payload\"|" mixed/manifest.json
bent signature 'a manifest with another chain'
cp other/out/manifest.json mixed
bent evidence "another run's manifest"
rm mixed/evidence.json
bent missing 'a folder without evidence'
rm mixed/model.sealed
bent missing 'a folder without model.sealed'
printf ' ' >>mixed/app-compose.json
bent compose 'an app-compose with a byte more'
refused shard 'a shard left out' replay_out run/out --data anna.sealed --data bert.sealed
"$sealwright" seal anna.jsonl --identity anna --out older.sealed >/dev/null 2>&1
refused shard 'another sealing of the same rows' replay_out run/out --data older.sealed --data bert.sealed --data cleo.sealed
refused consent 'a consent left out' replay_out run/out --consent anna.consent --consent bert.consent
cp "$worker" changed.worker && printf x >>changed.worker
refused trainer 'another worker' replay_out run/out --worker changed.worker
cp -r "$model" changed.model && printf x | dd of=changed.model/model.safetensors bs=1 seek=5000 conv=notrunc status=none
refused model 'another base model' replay_out run/out --model changed.model
[ "$(granted)" -eq "$spent" ]; say $? 'no grant was spent on them either'

# ---- what the key service refuses ----
cp -r training-machine other-machine && "$sealwright" sim image other-machine tampered --boot >/dev/null
refused evidence 'a machine with another image' replay_out run/out --machine sim:other-machine
"$sealwright" sim init stranger >/dev/null 2>&1
refused evidence 'a machine of another root' replay_out run/out --machine sim:stranger
stop_kms
start_kms
refused locked 'a key service that nobody has looked at' replay_out run/out
unlock_all
equal "$all" 'unlocked again' run/out
holds 'cleo revokes' "$sealwright" revoke app-compose.json --identity cleo
refused revoked 'revoked' replay_out run/out
"$sealwright" lift app-compose.json --identity cleo >log 2>&1
refused quorum 'lifted, and not approved again' replay_out run/out
for owner in "${owners[@]}"; do "$sealwright" approve app-compose.json --identity $owner >/dev/null 2>&1; done
equal "$all" 'approved again' run/out
seed=43 grants=2 variant twice
holds 'a recipe of two grants: the run' run_sealed --run twice.run
refused consent 'with the consents of another recipe' replay_out twice.run/out --consent anna.consent --consent bert.consent --consent cleo.consent
equal "$all" 'its replay' twice.run/out
refused grants 'a second replay' replay_out twice.run/out
refused grants 'a second run' run_sealed --run twice.more

# ---- another machine that the recipe names ----
"$sealwright" sim init second-machine >/dev/null 2>&1
seed=44 write_recipe two.yaml
for list in anchors images devices; do
    "$sealwright" sim show second-machine | sed -n "/^  $list:/,/^  [a-z]/p" | grep '^    ' | sed 's/name: .*/name: second/' >part
    sed -i "/^  $list:/r part" two.yaml
done
compose two.yaml two.json && consent_all two.json two 2>/dev/null
app_compose=two.json consents=two
holds 'a run of a recipe that names two machines' run_sealed --run two.run
equal "$all" 'replayed on the other' two.run/out --machine sim:second-machine --threads 3

# ---- a run that was killed, and a replay that is stopped ----
demand_strace
run_with strace -qq -o /dev/null -e trace=fsync -e inject=fsync:signal=KILL:when=12 -- --run killed.run >log 2>&1
[ $? -eq 137 ] && run_sealed --run killed.run >log 2>&1 && predicate killed.run/out | found '"resumes":1'; say $? 'a run that was killed and resumed'
equal "$all" 'its replay' killed.run/out
equal '1 step (5 to 5), model' 'from its checkpoint' killed.run/out --steps 5-5 --run killed.run
seed=45 steps=300 save_steps=100 variant long
holds 'a longer run' run_sealed --run long.run
replay_with long.run/out strace -qq -o reads.trace -e trace=read -- >log 2>&1
record=$(grep '^read(' reads.trace | grep -n ', 60) = ' | sed -n 2p | cut -d: -f1)
replay_with long.run/out strace -qq -o /dev/null -e trace=read -e inject=read:signal=INT:when="$record" -- --json >log 2>&1
[ $? -eq 1 ] && [ "$(error_word <log)" = stopped ] && grep -q 'no verdict after step' log; say $? 'Ctrl-C: no verdict'

# ---- a trainer that the owners approved and that does not repeat itself: its manifest holds, and only a replay can tell ----
worker=$hostile
bash "$world_source/tools/trainer-lock.sh" "$hostile" >trainer.lock
"$hostile" --list >acts
act() { sed -n "s/^\([0-9]*\) .* $1$/\1/p" acts; } # the number of threads that names it
seed=46 lease=6s variant drifting
holds 'a run by it' run_sealed --run drift --threads 1
holds 'which verifies' verify_out drift/out
equal "$all" 'done again alike' drift/out --threads 1
# differs NAME ACT SENTENCE MEMBER...: what a replay with that many threads says
differs() {
    local name=$1 sentence=$3 member
    replay_out drift/out --threads "$(act "$2")" --json >log 2>&1
    [ $? -eq 1 ] && [ "$(error_word <log)" = differs ] && grep -qF "\"message\":\"$sentence\"" log && grep -q '"bit_equal":false' log &&
        [ "$(for member in "${@:4}"; do grep -oF "\"$member" log; done | wc -l)" -eq $(($# - 3)) ]
    say $? "$name: $sentence"
}
differs 'a trainer that drifts' drift_late 'differs first at step 4; the state after step 2 is equal' 'at":4' 'equal":2' 'differs":"state"'
equal '2 steps (1 to 2)' 'it drifts after the first two' drift/out --threads "$(act drift_late)" --steps 1-2
differs 'from the start' drift_first 'differs first at step 2' 'at":2' 'equal":0'
differs 'another result of the same states' drift_model 'differs in the model; the state after step 5 is equal' 'differs":"model"' 'model":false'
differs 'other rows out of a shard' decode_drift 'differs before the first step: shard 1 gives other rows than the run had' 'at":1' 'differs":"rows"'
replay_out drift/out --threads "$(act drift_late)" >log 2>&1
[ $? -eq 1 ] && grep -q '^sealwright: error: differs first at step 4' log && grep -q SIMULATED log; say $? 'for people'
for wrong in act_udp act_read_file descriptors state_twice step_skipped done_at_once; do
    refused worker "it is held as in a run: $wrong" replay_out drift/out --threads "$(act $wrong)"
done

# ---- revoked meanwhile: the worker stands still, so that the lease's time comes ----
before=$(granted)
replay_out drift/out --threads "$(act stall)" --json >said 2>&1 &
until [ "$(granted)" -gt "$before" ] || ! kill -0 $! 2>/dev/null; do :; done
"$sealwright" revoke drifting.json --identity cleo >log 2>&1
wait $!
code=$?
cp said log
[ $code -eq 1 ] && [ "$(error_word <said)" = revoked ] && grep -q 'no verdict after step 0' said; say $? 'revoked during a replay: no verdict'
ls -d run/*.partial drift/*.partial ./*.partial >log 2>&1
[ $? -ne 0 ]; say $? 'no half file lies about'
finish
