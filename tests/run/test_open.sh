#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# An approval opens the one output that its manifest names: not that of another run of the same recipe under the same key, not a changed
# file, and nothing that never ends. test_open.sh OBJECTS
set -uo pipefail
steps=2 output_limit=64KiB
here=$(cd "$(dirname "$0")" && pwd)
. "$here/world.sh"
world_new "$1"

given=()
of_owners --consent consent
# open_from WORD NAME: the folder `mixed` is refused in time, and nothing is written
open_from() {
    refused "$1" "$2" timeout 20 "$sealwright" open mixed --recipient research/card.json --reference kms.reference "${given[@]}" --out mixed.opened
    [ ! -e mixed.opened ] && [ ! -e .mixed.opened.partial ]
    say $? "$2: no file is left"
    rm -rf mixed && cp -r run/out mixed
}

"$sealwright" identity new research --name research --no-passphrase >log 2>&1
holds 'a run' run_sealed
holds 'another run of the same recipe' run_sealed --run other
approve_open run/out research/card.json
cp -r run/out mixed
cmp -s run/out/model.sealed other/out/model.sealed
[ $? -eq 1 ]; say $? 'two runs seal their models differently'

cp other/out/model.sealed mixed/model.sealed
open_from model 'the output of another run'
rm -rf mixed && cp -r other/out mixed
open_from quorum 'all of another run'
cp other/out/manifest.json mixed/manifest.json
open_from evidence 'the manifest of another run'
cp run/checkpoint-000002.sealed mixed/model.sealed
open_from model 'a checkpoint'
cp anna.sealed mixed/model.sealed
open_from model 'a shard'
head -c 5000 run/out/model.sealed >mixed/model.sealed
open_from format 'a cut output'
: >mixed/model.sealed
open_from format 'an empty output'

# ---- what does not verify is not opened, also where the approval names the very same payload ----
altered() { # altered FROM TO: in the signed statement
    local payload
    payload=$(predicate run/out | sed "s/$1/$2/" | base64 -w0)
    sed "s|\"payload\":\"[^\"]*\"|\"payload\":\"$payload\"|" run/out/manifest.json >mixed/manifest.json
}
altered x x
cmp run/out/manifest.json mixed/manifest.json >log 2>&1; say $? '(nothing altered: the same bytes)'
altered '"rows_delivered":[0-9]*' '"rows_delivered":600'
! cmp -s run/out/manifest.json mixed/manifest.json; say $? '(more rows delivered: other bytes)'
open_from signature 'a manifest with more rows delivered'
cp other/out/manifest.json mixed/manifest.json
signature=$(value sig <other/out/manifest.json)
sed "s|\"sig\":\"[^\"]*\"|\"sig\":\"$signature\"|" run/out/manifest.json >mixed/manifest.json
open_from signature 'the payload that was approved, under another signature'
cp other/out/evidence.json mixed/evidence.json
open_from evidence "another run's evidence beside it"
cp other/out/machine.pem mixed/machine.pem
open_from manifest "another machine's key beside it"
rm mixed/ledger.json
open_from missing 'no ledger beside it'
rm mixed/model.sealed
open_from missing 'no output'
rm mixed/model.sealed && mkfifo mixed/model.sealed
open_from format 'a pipe as model.sealed'
for file in manifest.json app-compose.json; do
    rm mixed/$file && mkfifo mixed/$file
    open_from io "a pipe as $file"
done
refused io 'approving a folder of pipes' timeout 20 "$sealwright" open approve "$(rm -rf mixed && mkdir mixed && mkfifo mixed/manifest.json && echo mixed)" \
    --recipient research/card.json --identity anna
rm -rf mixed && mkdir mixed && cp "$model"/* mixed && rm mixed/tokenizer.json && ln -s /dev/zero mixed/tokenizer.json
refused io 'a lock of what never ends' timeout 20 "$sealwright" model lock mixed --out endless.lock
rm mixed/tokenizer.json && mkfifo mixed/tokenizer.json
refused io 'a lock of a pipe' timeout 20 "$sealwright" model lock mixed --out endless.lock
refused io 'a model with a pipe' timeout 20 "$sealwright" generate hello --model mixed
# A card that was changed on its way: the key of whoever carried it under the name and id of the one who was meant.
"$sealwright" identity new courier --name courier --no-passphrase >log 2>&1
"$sealwright" app show >ledger.before 2>log; say $? 'what stands on the ledger'
for members in encryption_key name id 'id identity_key' signature; do
    python3 "$here/../identity/mix_card.py" mix research/card.json courier/card.json $members >mixed.json
    refused card "approving for a card with another's $members" "$sealwright" open approve run/out --recipient mixed.json --identity anna
    refused card "opening to a card with another's $members" \
        "$sealwright" open run/out --recipient mixed.json --reference kms.reference "${given[@]}" --out mixed.opened
    [ ! -e mixed.opened ]; say $? "a card with another's $members: no file is left"
done
"$sealwright" app show 2>log | cmp -s - ledger.before; say $? 'nothing of that was signed: the ledger is as it was'
"$sealwright" open approve other/out --recipient research/card.json --identity anna 2>&1 |
    found "^recipient $(value id <research/card.json) research\$"
say $? "an approval names the recipient's id"
holds 'the output that was approved' open_out run/out research/card.json adapter.opened

# ---- unpacking: whole or not at all ----
refused io 'unpacking onto a full disk' bash -c 'ulimit -f 4; trap "" XFSZ; exec "$@"' - "$sealwright" open unpack adapter.opened --identity research --out adapter
[ ! -e adapter ] && [ ! -e adapter.partial ]
say $? 'half a folder is not left'
mkdir adapter.partial && echo mine >adapter.partial/thesis.txt
refused exists 'unpacking beside a folder of that name that somebody else made' "$sealwright" open unpack adapter.opened --identity research --out adapter
[ "$(cat adapter.partial/thesis.txt)" = mine ] && [ ! -e adapter ]
say $? 'it is as it was'
rm -r adapter.partial && mkdir -m 1700 adapter.partial && echo old >adapter.partial/old
holds 'unpacking, also after one that was killed' unpack_to adapter.opened research adapter/
[ ! -e adapter/curve.svg ]; say $? 'no room for a curve within the declared size: it holds none'
[ ! -e adapter.partial ] && [ ! -e adapter/old ]
say $? 'nothing of that one is in it'
refused exists 'unpacking again' "$sealwright" open unpack adapter.opened --identity research --out adapter

case $objects in # sanitizers take all addresses for themselves
*asan* | *tsan*) ;;
*)
    output_limit=128MiB variant roomy && run_sealed --run roomy.run >log 2>&1 && approve_open roomy.run/out research/card.json &&
        open_out roomy.run/out research/card.json roomy.opened >log 2>&1; say $? '(an output of 128 MiB)'
    holds 'unpacked with less memory than it is large' bash -c 'ulimit -v 180000 && exec "$@"' - "$sealwright" open unpack roomy.opened --identity research --out roomy
    holds 'and whole' verify_out roomy.run/out --model roomy
    app_compose=app-compose.json consents=consent
    ;;
esac
head -c 40000 adapter.opened >cut.opened
refused format 'unpacking what is cut' "$sealwright" open unpack cut.opened --identity research --out cut
[ ! -e cut ] && [ ! -e cut.partial ]; say $? 'no folder is left of what did not verify'

# ---- a folder that could not be made is not there, so the next try can make it ----
head -c 300 /dev/urandom >noise.gguf
refused format 'importing noise' "$sealwright" model import noise.gguf imported
refused format 'training on noise' "$sealwright" train recipe.yaml --model "$model" --data noise.gguf --out trained
refused io 'training onto a full disk' bash -c 'ulimit -f 4; trap "" XFSZ; exec "$@"' - "$sealwright" train recipe.yaml --model "$model" \
    --data anna.jsonl --data bert.jsonl --data cleo.jsonl --out trained
! ls -d imported* trained* 2>/dev/null
say $? 'neither left a folder'
holds 'training then' train_plain trained

# ---- what an auditor expects is said on the command line: a configuration may have come with the run ----
grep -q '^app:' sealwright.yaml
say $? 'the configuration here names an app'
refused app 'verify by a configuration' "$sealwright" verify run/out
refused app 'verify by a configuration that is named' "$sealwright" verify run/out --config sealwright.yaml
holds 'verify by a hash' verify_out run/out --model adapter
finish
