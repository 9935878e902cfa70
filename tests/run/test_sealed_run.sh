#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The whole story, from keys to an opened adapter: a sealed run verifies offline, its model is byte for byte what `train` makes of the
# plain rows, whatever the number of threads, and it opens to one recipient alone. test_sealed_run.sh OBJECTS
set -uo pipefail
steps=5 save_steps=2
. "$(dirname "$0")/world.sh"
world_new "${1:?objects}"

# ---- the run ----
holds 'a sealed run' run_sealed --threads 2
grep -q '^sealwright: SIMULATED' log; say $? 'which says that it is simulated'
ls run run/out | tr '\n' ' ' >log
grep -q '^run: checkpoint-000004.sealed checkpoint-000005.sealed lock out state.json  run/out: app-compose.json evidence.json ledger.json machine.pem manifest.json metrics-1.sealed metrics-2.sealed metrics-3.sealed model.sealed $' log
say $? 'its folder: the two newest checkpoints, and what an auditor gets'
sizes=$(stat -c %s run/*.sealed run/out/model.sealed | sort -u | wc -l)
[ "$sizes" -le 2 ]; say $? 'sealed files have the declared sizes'
sha256sum run/*.sealed run/out/* >before
holds 'the same command again: finished' run_sealed --threads 2
sha256sum -c --quiet before >log 2>&1; say $? 'and nothing was touched'
"$sealwright" kms audit verify "$kms_url" --json >log 2>&1 && grep -q '"grants":1,' log; say $? 'nor a grant spent'

for file in model.sealed ledger.json evidence.json app-compose.json machine.pem metrics-2.sealed; do
    mv run/out/$file kept
    refused missing "a finished folder without $file" run_sealed
    grep -q "run/out/$file is not there" log && grep -q '"hint":' log; say $? 'it is named, with a way on'
    mv kept run/out/$file
done
sha256sum -c --quiet before >log 2>&1; say $? 'and still nothing was touched'
cp -r run again && rm -r again/out
run_sealed --run again >log 2>&1 && verify_out again/out >log 2>&1 && same_model run/out again/out; say $? 'without out/ the run ends anew, with the same model'

# ---- what the evidence says ----
holds 'the evidence of a run is explained' "$sealwright" attest explain run/out/evidence.json
[ "$(grep -c 'nothing above was verified' log)" -eq 1 ] && grep -q '^---- grant 1 of 1$' log && grep -q '^---- closing$' log
say $? "the grant's, and the closing one"
sed 's/"closing":{/"closing":{"more":1,/' run/out/evidence.json >bent.json
refused format 'with a member more' "$sealwright" attest explain bent.json
sed 's/"closing":{/"closing":1,"x":{/' run/out/evidence.json >bent.json
refused format 'without a closing one' "$sealwright" attest explain bent.json
grep -q 'evidence.json' log; say $? 'it says where'

# ---- the audit ----
echo 'machine: sim:nowhere' >empty.yaml
holds 'it verifies' verify_out
cp log verified
for link in genesis app-compose ledger 'owners. words' grants approval evidence manifest 'closing quote' model.sealed; do
    grep -q "^ok  *$link" verified; say $? "a line for the link: $link"
done
grep -q SIMULATED verified; say $? 'it says SIMULATED'
refused app 'without a genesis hash it is only consistent in itself' "$sealwright" verify run/out --config empty.yaml
for layer in no_new_privs seccomp no_core not_dumpable; do
    predicate run/out | found "\"$layer\":true"; say $? "the manifest says that the worker was held: $layer"
done

# ---- opening ----
"$sealwright" identity new research --name research --no-passphrase >log 2>&1
"$sealwright" identity new press --name press --no-passphrase >log 2>&1
refused quorum 'opening before the owners approve it' open_out run/out research/card.json x.opened
"$sealwright" open approve run/out --recipient research/card.json --identity anna >log 2>&1
refused quorum 'opening with one of three' open_out run/out research/card.json x.opened
for owner in bert cleo; do "$sealwright" open approve run/out --recipient research/card.json --identity $owner >log 2>&1; done
refused quorum 'opening to somebody else' open_out run/out press/card.json x.opened
holds 'opening to the one they approved' open_out run/out research/card.json adapter.opened
grep -q '^sealwright: SIMULATED' log; say $? 'which says that it is simulated'
[ ! -e x.opened ]; say $? 'no refusal left a file'
"$sealwright" open unpack adapter.opened --identity press --out stolen >log 2>&1
[ $? -eq 1 ] && [ ! -e stolen ]; say $? 'nobody else unpacks it'
holds 'the recipient does' unpack_to adapter.opened research adapter
holds 'and it is the model that the manifest commits to' verify_out run/out --model adapter
python3 - adapter/curve.svg >log 2>&1 <<'PY'
import sys, xml.etree.ElementTree as tree
root = tree.parse(sys.argv[1]).getroot()
lines = [e.get("points").split() for e in root.iter("{http://www.w3.org/2000/svg}polyline")]
titles = [e.text for e in root.iter("{http://www.w3.org/2000/svg}text") if e.get("font-weight")]
assert titles == ["loss", "learning rate"] and [len(l) for l in lines] == [5, 5], (titles, lines)
PY
say $? 'its curve lies beside it: the losses and rates of its five steps'
grep -q '"name":"curve.svg"' adapter/sealwright.json; say $? 'and is one of the files that are signed'
grep -q '"simulated":true' adapter/sealwright.json; say $? 'the opened model says that it is of a software machine'
rm -rf bare && cp -r adapter bare && rm bare/curve.svg
refused model 'the model without its curve is another' verify_out run/out --model bare
cp -r adapter changed && printf x | dd of=changed/adapter_model.safetensors bs=1 seek=1000 conv=notrunc status=none
refused model 'another model is not' verify_out run/out --model changed
truncate -s 1100M changed/adapter_model.safetensors # more than a command may hold
refused model 'nor one of more than a GiB' verify_out run/out --model changed
grep -q 'adapter_model.safetensors is not the file that the run made' log; say $? 'it is read to its end'
rm changed/adapter_model.safetensors && mkfifo changed/adapter_model.safetensors
refused io 'a pipe among its files' timeout 20 "$sealwright" verify run/out --app "$genesis" --model changed

# ---- the same bytes ----
for n in 1 2 4; do
    train_plain plain.$n --threads $n >log 2>&1 && cmp plain.$n/adapter_model.safetensors adapter/adapter_model.safetensors >>log 2>&1 &&
        cmp plain.$n/adapter_config.json adapter/adapter_config.json >>log 2>&1
    say $? "the plain rows trained with $n threads give the same adapter"
done
for n in 1 4; do
    run_sealed --threads $n --run run.$n >log 2>&1 && same_model run/out run.$n/out; say $? "a sealed run with $n threads gives the same model and states"
done
demand_strace # to see what a kernel before 6.7 maps of sealed memory
ASAN_OPTIONS=detect_leaks=0 run_with strace -f -qq -o maps.trace -e trace=mmap -- --run mapped >log 2>&1; say $? '(a run that is looked at)'
grep -E 'PROT_READ, MAP_[A-Z]+, [67],' maps.trace >log
[ "$(grep -c MAP_PRIVATE log)" -ge 5 ] && ! grep -q MAP_SHARED log; say $? 'decoders and trainer map what is sealed as theirs alone'
cmp -s run/out/model.sealed run.4/out/model.sealed; [ $? -eq 1 ]; say $? 'and never the same sealed bytes'
sed 's/seen 3 times/seen 4 times/' bert.jsonl >other.jsonl
"$sealwright" train recipe.yaml --model "$model" --data anna.jsonl --data other.jsonl --data cleo.jsonl --out other >log 2>&1
cmp -s other/adapter_model.safetensors adapter/adapter_model.safetensors; [ $? -eq 1 ]; say $? 'another row gives another adapter'

# ---- metrics ----
predicate run/out | found '"metrics":\[\]'; say $? 'no loss is public'
for owner in "${owners[@]}"; do
    opened=0
    for n in 1 2 3; do
        "$sealwright" unseal run/out/metrics-$n.sealed --identity $owner --out $owner.metrics.$n >log 2>&1 && opened=$((opened + 1))
    done
    [ $opened -eq 1 ] && cat $owner.metrics.* | found '"loss":'; say $? "$owner opens one of the sealed metrics, and it holds the losses"
done

# ---- a manifest or anything beside it that was changed, one byte here and there ----
wrong=0 flips=0
for file in manifest.json evidence.json app-compose.json ledger.json machine.pem model.sealed; do
    size=$(stat -c %s run/out/$file)
    for ((i = 1; i <= 6; i++)); do
        rm -rf flipped && cp -r run/out flipped
        at=$(((i * 7919 + RANDOM) % size))
        byte=$(od -An -tu1 -j $at -N 1 run/out/$file)
        printf "\\x$(printf %02x $((byte ^ (1 << i % 8))))" | dd of=flipped/$file bs=1 seek=$at conv=notrunc status=none
        flips=$((flips + 1))
        if verify_out flipped >log 2>&1; then wrong=$((wrong + 1)) && echo "# $file at $at"; fi
    done
done
[ $wrong -eq 0 ]; say $? "$flips flipped bits in the out folder: none verifies"
finish
