#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What a run and an opening are refused for, each by its word; runs that lose their lease; files that read differently the second time; a
# full disk. What can be resumed ends in the same model. test_refusals.sh OBJECTS
set -uo pipefail
steps=8 save_steps=1 grants=1000
. "$(dirname "$0")/world.sh"
world_new "${1:?objects}"
export ASAN_OPTIONS=detect_leaks=0 # a leak checker cannot work under strace
of() { printf -- "--$1 %s " "${@:2}"; } # of OPTION VALUE...
holds 'a run that nobody disturbs' run_sealed --run whole
same() { # same NAME: run ./run, which must end well and give the same model
    run_sealed >log 2>&1 && verify_out >log 2>&1 && same_model whole/out run/out
    say $? "$1"
    rm -rf run
}
untouched() { # untouched NAME: refused runs have left nothing but their lock and state
    ls -A run 2>/dev/null | grep -vxE 'lock|state\.json' >log
    [ ! -s log ]; say $? "$1"
    rm -rf run
}

# ---- shards and consents ----
"$sealwright" seal anna.jsonl --identity anna --out older.sealed >/dev/null 2>&1
refused shard 'a shard left out' run_sealed $(of data anna.sealed bert.sealed)
refused shard 'one more' run_sealed $(of data anna.sealed bert.sealed cleo.sealed older.sealed)
refused shard 'the same one twice' run_sealed $(of data anna.sealed anna.sealed bert.sealed cleo.sealed)
refused shard 'another sealing of the same rows' run_sealed $(of data older.sealed bert.sealed cleo.sealed)
refused consent 'a consent left out' run_sealed $(of consent anna.consent bert.consent)
refused consent 'the same one twice' run_sealed $(of consent anna.consent anna.consent bert.consent cleo.consent)
head -c -3 anna.sealed >cut.sealed
refused format 'a shard that is cut' run_sealed $(of data cut.sealed bert.sealed cleo.sealed)
printf '{}' >empty.consent
refused format 'a consent that is none' run_sealed $(of consent empty.consent bert.consent cleo.consent)
mkfifo pipe.sealed
timeout 20 "$sealwright" run app-compose.json --run run --model "$model" --reference kms.reference $(of data pipe.sealed bert.sealed cleo.sealed) \
    $(of consent anna.consent bert.consent cleo.consent) >log 2>&1
[ $? -eq 1 ]; say $? 'a pipe instead of a shard holds nothing up'
untouched 'none of them left a file'

# ---- recipe, model, trainer, app, machine, key service ----
refused usage 'no reference' "$sealwright" run app-compose.json --run run --model "$model" $(of data anna.sealed)
refused usage 'a tree for the native trainer' run_sealed --tree .
(cat app-compose.json && echo) >changed.json
app_compose=changed.json
refused compose 'an app-compose with one byte more' run_sealed
app_compose=app-compose.json
cp -r "$model" changed.model && printf x | dd of=changed.model/model.safetensors bs=1 seek=5000 conv=notrunc status=none
refused model 'a base model with one byte changed' run_sealed --model changed.model
cp "$model/model.safetensors" changed.model && printf ' ' >>changed.model/config.json
refused model 'one with a byte more behind a file' run_sealed --model changed.model
rm changed.model/config.json && mkfifo changed.model/config.json
refused model 'a pipe instead of a file of it' timeout 20 "$sealwright" run app-compose.json --run run --model changed.model --reference kms.reference \
    $(of data anna.sealed bert.sealed cleo.sealed) $(of consent anna.consent bert.consent cleo.consent)
rm changed.model/config.json
refused missing 'a file of it missing' run_sealed --model changed.model
cp "$worker" changed.worker && printf x >>changed.worker
refused trainer 'another worker' run_sealed --worker changed.worker
"$sealwright" app new --name small-world --quorum 2 $(of owner anna/card.json bert/card.json cleo/card.json) --out other.genesis >/dev/null
for owner in "${owners[@]}"; do "$sealwright" app join other.genesis --identity $owner >/dev/null 2>&1; done
refused app 'another app of the same owners' run_sealed --app other.genesis
cp -r training-machine other-machine && "$sealwright" sim image other-machine tampered --boot >/dev/null
refused evidence 'the same machine with another image' run_sealed --machine sim:other-machine
"$sealwright" sim init stranger >/dev/null 2>&1
refused evidence 'a machine of another root' run_sealed --machine sim:stranger
"$sealwright" kms init --dir kms2 --machine sim:stranger >/dev/null && "$sealwright" kms reference --dir kms2 --machine sim:stranger --out other.reference >/dev/null
refused evidence 'a key service that is not the one expected' run_sealed --reference other.reference
refused unavailable 'no key service' run_sealed --kms https://127.0.0.1:1
untouched 'none of them left a file'

# ---- who agreed ----
seed=43 variant fewer --address-only
refused quorum 'before anybody has approved' run_sealed
"$sealwright" approve fewer.json --identity bert >log 2>&1
refused quorum 'one of two' run_sealed
refused consent 'consents to another recipe' run_sealed $(of consent anna.consent bert.consent cleo.consent)
app_compose=app-compose.json consents=consent
stop_kms
start_kms
refused locked 'a key service that nobody has looked at' run_sealed
"$sealwright" kms unlock --identity anna --reference kms.reference >/dev/null && "$sealwright" kms unlock --identity bert --reference kms.reference >/dev/null
refused locked 'one of three owners has not' run_sealed
unlock_all
seed=44 lease=1s max_silence=1s variant silent
for ((i = 0; i < 200; i++)); do # the second passes meanwhile
    said=$(run_sealed --run silent.$i --json 2>&1 | error_word)
    [ "$said" = silence ] && break
done
[ "$said" = silence ]; say $? 'an owner who has not been heard of for max_silence: silence'
granted() { "$sealwright" kms audit verify "$kms_url" --json 2>/dev/null | value grants; }
spent=$(granted)
[ "$spent" -ge 1 ]; say $? '(grants are counted)'
template=chatml variant named
refused model "a template that is not the base model's" run_sealed
both="template is chatml, but the base model's is chatml-smollm2"
grep -q "$both" log; say $? 'both templates are named'
refused model 'train refuses it in the same words' "$sealwright" train named.yaml --model "$model" --data anna.jsonl --out named
grep -q "$both" log && [ ! -e named ]; say $? 'both templates are named there'
refused model 'and eval' "$sealwright" eval named.yaml --model "$model" --data anna.jsonl
output_limit=4KiB checkpoint_limit=1MiB variant tight
refused limit 'an output that the recipe has no room for' run_sealed
grep -q "the output takes at least .* and the recipe's output.limit is 4096" log; say $? 'the limit is named, and what it takes'
checkpoint_limit=4KiB output_limit=1MiB variant tight2
refused limit 'a checkpoint that it has no room for' run_sealed
grep -q "observe.checkpoint_limit is 4096" log; say $? 'that limit is named too'
variant misnamed && sed -i 's/lora: {r: 4, /lora: {r: 4, target_modules: [proj], /' misnamed.yaml && compose misnamed.yaml misnamed.json &&
    consent_all misnamed.json misnamed2 2>/dev/null && app_compose=misnamed.json consents=misnamed2
refused recipe 'a module that the model does not have' run_sealed
grep -q 'no module of the model is named proj' log; say $? 'it is named'
[ "$(granted)" = "$spent" ]; say $? 'no grant was spent'
seed=45 grants=1 variant once
holds 'the one grant of a recipe' run_sealed --run once.run
refused grants 'another one' run_sealed
grep -q 'hint":"every run, resuming, replay and opening takes one' log; say $? 'it says what takes grants'
approve_open once.run/out anna/card.json >log 2>&1
refused grants 'its output, opened' open_out once.run/out anna/card.json x.opened
grep -q 'no output of this recipe can be opened' log; say $? 'it says what that means'
app_compose=app-compose.json consents=consent
untouched 'none of them left a file'
holds 'cleo revokes' "$sealwright" revoke app-compose.json --identity cleo
refused revoked 'revoked' run_sealed
approve_open whole/out anna/card.json >log 2>&1
refused revoked 'and nothing is opened' open_out whole/out anna/card.json x.opened
for owner in anna bert; do "$sealwright" approve app-compose.json --identity $owner >log 2>&1; done
refused revoked 'approved anew by the others' run_sealed
holds 'cleo lifts it' "$sealwright" lift app-compose.json --identity cleo
refused quorum 'after a lift they must approve again' run_sealed
approve_all() { for owner in "${owners[@]}"; do "$sealwright" approve "$1" --identity $owner >/dev/null 2>&1; done; }
approve_all app-compose.json
same 'approved again: the same model'

# ---- the run's folder ----
mkdir run && exec 8>run/lock && flock 8
refused busy 'a folder that another run holds' run_sealed
exec 8>&-
rm -rf run && cp -r once.run run && rm -rf run/out
refused recipe "another recipe's folder" run_sealed
rm run/state.json
refused checkpoint "another recipe's checkpoints" run_sealed
rm -rf run && mkdir run && cp -r once.run/out run
refused recipe "another recipe's manifest" run_sealed
grep -q 'run belongs to a run of another recipe' log; say $? 'the folder is named'
echo '{}' >run/out/manifest.json
refused format 'a manifest that is none' run_sealed
rm -rf run && mkdir run && echo '{' >run/state.json
refused format 'a state file that is none' run_sealed
rm -rf run
half() { # a folder as a killed run leaves it: checkpoints of steps 3 and 4
    rm -rf run
    run_with strace -qq -o /dev/null -e trace=unlink -e inject=unlink:signal=KILL:when=2 -- >/dev/null 2>&1
}
demand_strace
half
ls run/checkpoint-*.sealed >log 2>&1; [ "$(wc -l <log)" -ge 2 ]; say $? '(a killed run with two checkpoints)'
newest=$(ls run/checkpoint-*.sealed | tail -n 1)
printf x | dd of=$newest bs=1 seek=700 conv=notrunc status=none
same 'the newest checkpoint is damaged: from the one before, the same model'
half
older=$(ls run/checkpoint-*.sealed | head -n 1)
cp "$older" older.checkpoint
run_sealed >/dev/null 2>&1
rm -rf run/out run/checkpoint-*
cp older.checkpoint "$older"
same 'an older checkpoint is brought back: the same model'
half
spent=$(granted)
for file in run/checkpoint-*.sealed; do printf x | dd of=$file bs=1 seek=700 conv=notrunc status=none; done
ls run/checkpoint-* >before
run_sealed >log 2>&1
[ $? -eq 1 ] && [ ! -e run/out ] && ls run/checkpoint-* | cmp -s - before; say $? 'all checkpoints are damaged: refused, and they are kept'
grep -q 'error: run/checkpoint-.*sealed: ' log && grep -q 'hint: .*begins again from the start' log; say $? 'one is named, with a way on'
for file in run/checkpoint-*.sealed; do head -c -30 "$file" >cut && cp cut "$file"; done
refused format 'all of them are cut short' run_sealed
grep -q 'run/checkpoint-' log; say $? 'one is named'
[ "$(granted)" = "$spent" ]; say $? 'no grant was spent on either'
rm run/checkpoint-*
same 'when they are removed it begins again: the same model'

# ---- asked to stop: states that fill the pipe, so that the worker waits for the agent ----
method=full checkpoint_limit=8MiB output_limit=8MiB variant wide && holds 'a run of larger states' run_sealed --run wide.whole
first=1 # the program's first unlink: ThreadSanitizer's runtime has one before it
case $objects in *tsan*) first=2 ;; esac
for signal in INT TERM HUP; do
    rm -rf run
    run_with env --default-signal=HUP strace -qq -o /dev/null -e trace=unlink -e inject=unlink:signal=$signal:when=$first -- --json >log 2>&1
    [ $? -eq 1 ] && [ "$(error_word <log)" = stopped ] && ls run/checkpoint-*.sealed >/dev/null 2>&1 && [ ! -e run/out ]; say $? "SIG$signal: stopped, with a sealed checkpoint"
    run_sealed >log 2>&1 && same_model wide.whole/out run/out; say $? 'and the same command ends in the same model'
done
rm -rf run
app_compose=app-compose.json consents=consent

# ---- a full disk ----
half
sha256sum run/* >before
(trap '' XFSZ && ulimit -f 900 && run_sealed) >log 2>&1
[ $? -eq 1 ] && [ ! -e run/out ] && ! ls -A run | found partial; say $? 'a full disk: exit 1, no half file'
grep checkpoint before | sha256sum -c --quiet >log 2>&1; say $? 'and the checkpoints that were there stand'
same 'with room again: the same model'

# ---- files that read differently the second time ----
swapped() { # swapped PATTERN N COMMAND: before it opens a file of that pattern for the N-th time
    local pattern=$1 n=$2
    cp anna.sealed kept.sealed
    stopped_at openat $(($(grep -n "$pattern" opens.trace | sed -n "${n}p" | cut -d: -f1) - 1)) "$3" --model swap.model --worker swap.worker
    local code=$?
    cp kept.sealed anna.sealed
    return $code
}
cp -r "$model" swap.model && cp "$worker" swap.worker
run_with strace -qq -o opens.trace -e trace=openat -- --model swap.model --worker swap.worker --run opens >log 2>&1
grep -E '^openat' opens.trace >opens.lines && mv opens.lines opens.trace
[ "$(grep -c '"anna.sealed"' opens.trace)" -eq 2 ]; say $? '(a shard is opened twice: to find it, and to unseal it)'
by_older() { cp older.sealed anna.sealed; }
by_other() { cp bert.sealed anna.sealed; }
by_cut() { head -c -40 kept.sealed >anna.sealed; }
by_nothing() { rm anna.sealed; }
by_same() { cp kept.sealed new.sealed && mv new.sealed anna.sealed; }
for how in by_older by_other by_cut by_nothing; do
    swapped '"anna.sealed"' 2 $how
    [ $? -eq 1 ] && [ ! -e run/out ]; say $? "a shard is swapped after it was looked at ($how): refused"
    rm -rf run
done
swapped '"anna.sealed"' 2 by_same && same_model whole/out run/out; say $? 'by the same bytes: the same model'
rm -rf run
spoiled() { for file in swap.model/* swap.worker app-compose.json anna.consent kms.reference; do mv $file $file.kept && echo spoiled >$file; done; }
swapped '"anna.sealed"' 2 spoiled
code=$?
for file in swap.model/*.kept swap.worker.kept app-compose.json.kept anna.consent.kept kms.reference.kept; do mv $file ${file%.kept}; done
[ $code -eq 0 ] && verify_out >log 2>&1 && same_model whole/out run/out; say $? 'model, worker, recipe and consents change after they were read: the same model'
rm -rf run

# ---- a lease that is not renewed ----
# The worker stands still after a counted record, so that the lease's time comes before its steps are done.
hold_worker() {
    local child
    for child in $(children "$1"); do kill -STOP $child && held=$child; done
}
seed=42 lease=6s variant short && holds 'a short lease' run_sealed --run short.whole
run_with strace -qq -o reads.trace -e trace=read -- --run reads >log 2>&1
record=$(grep '^read(' reads.trace | grep -n ', 60) = ' | sed -n 2p | cut -d: -f1)
revoke_and_wait() { # the renewal is refused: then the worker may go on
    hold_worker "$1"
    kill -CONT "$1"
    "$sealwright" revoke short.json --identity cleo >/dev/null 2>&1
    until "$sealwright" kms audit verify "$kms_url" --json 2>/dev/null | found "\"refusals\":$((refusals + 1))"; do :; done
    kill -CONT $held
}
refusals=$("$sealwright" kms audit verify "$kms_url" --json | value refusals)
stopped_at read "$record" revoke_and_wait
[ $? -eq 1 ] && grep -q 'stopped with a sealed checkpoint' log && grep -q 'revoked' log; say $? 'revoked during a run: a sealed checkpoint, exit 1'
ls run/checkpoint-*.sealed >/dev/null 2>&1 && [ ! -e run/out ]; say $? 'the checkpoint is there'
refused revoked 'it does not go on' run_sealed
"$sealwright" lift short.json --identity cleo >/dev/null 2>&1
approve_all short.json
run_sealed >log 2>&1 && verify_out >log 2>&1 && same_model short.whole/out run/out; say $? 'lifted and approved again: the same model'
predicate run/out | found '"resumes":1'; say $? 'the manifest says that it was resumed'
rm -rf run

begin=$SECONDS
hang_kms() { hold_worker "$1" && kill -STOP "$kms_pid"; }
stopped_at read "$record" hang_kms
code=$?
kill -CONT "$kms_pid"
[ $code -eq 1 ] && grep -q 'sealwright: error' log; say $? 'a key service that does not answer, and a worker that stands still: exit 1'
[ $((SECONDS - begin)) -le 15 ]; say $? "soon after the lease of 6 s ($((SECONDS - begin)) s)"
same_short() { run_sealed >log 2>&1 && same_model short.whole/out run/out; say $? "$1" && rm -rf run; }
same_short 'the same command resumes to the same model'
lose_kms() { hold_worker "$1" && stop_kms KILL; }
stopped_at read "$record" lose_kms
[ $? -eq 1 ] && [ ! -e run/out ]; say $? 'a key service that is gone: exit 1'
stop_kms
start_kms && unlock_all
same_short 'started and unlocked again: the same model'

# ---- a shard that the native trainer cannot read: nothing is granted for it ----
rm anna.sealed && "$sealwright" seal anna.jsonl --type bin --identity anna --out anna.sealed >log 2>&1; say $? '(anna seals her lines as bytes)'
variant bytes; say $? 'a recipe that lists them'
before=$(granted)
refused shard 'bytes for the native trainer' run_sealed
grep -q 'anna.sealed: it holds application/octet-stream' log; say $? 'and it is named'
[ "$(granted)" -eq "$before" ]; say $? 'nothing was granted'
finish
