#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# sealwright verify on real out folders, and everything that an attacker can make of them: a bit flipped, a file cut, one of another run, one
# made anew under the attacker's own keys, a whole world that agrees only with itself. test_verify.sh OBJECTS
set -uo pipefail
steps=4 save_steps=1 output_limit=64KiB
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../run/world.sh"
objects=$(cd "${1:?objects}" && pwd)

forge() { python3 "$here/forge_out.py" "$@"; }
# broken LINK NAME FOLDER [OPTION...]: verify exits 1, its last line of a link is NO for this one, and it says what it cannot know
broken() {
    local link=$1 name=$2 folder=$3
    shift 3
    verify_out "$folder" --config empty.yaml "$@" >"$world/log" 2>&1
    [ $? -eq 1 ] && grep '^\(ok\|NO\) ' "$world/log" | tail -n 1 | found "^NO  *$link " && grep -q 'no offline check' "$world/log" &&
        ! grep -q '^verified' "$world/log"
    say $? "$name: $link"
    verify_out "$folder" --config empty.yaml "$@" --json >"$world/said" 2>&1
    [ $? -eq 1 ] && said_in_json "^\\($link\\)\$" >"$world/log" 2>&1
    say $? "$name: $link, for programs"
    [ $# -gt 0 ] || unapproved "$name" "$folder"
}
# said_in_json PATTERN: `said` is one object with the links walked, of which the last is the broken one and matches, and what is not seen
said_in_json() {
    sed 1q "$world/said"
    python3 - "$world/said" <<'PY' && value broken <"$world/said" | found "$1"
import json, sys
v = json.loads(open(sys.argv[1]).read())
assert set(v) == {"broken", "error", "links", "unseen"} and v["error"]["word"] and v["error"]["message"]
assert all(l["ok"] and l["detail"] for l in v["links"][:-1]) and v["links"][-1]["ok"] is False
assert v["broken"] == v["links"][-1]["link"] and v["links"][-1]["detail"] == v["error"]["message"]
assert "revocations after" in v["unseen"]
PY
}
# unapproved NAME FOLDER: `open approve` signs nothing about it, for the reason that verify gives
unapproved() {
    local word
    word=$(timeout 20 "$sealwright" verify "$2" --app "$genesis" --config empty.yaml --json 2>&1 | error_word)
    refused "${word:-nothing}" "$1, not approved" timeout 20 "$sealwright" open approve "$2" --recipient research/card.json --identity anna
}
# part_broken NAME FILE WORD: the folder cannot even be read
part_broken() {
    timeout 20 "$sealwright" verify spoilt --app "$genesis" --config empty.yaml --json >"$world/log" 2>&1
    [ $? -eq 1 ] && [ "$(error_word <"$world/log")" = "$3" ]
    say $? "$1 $2: $3"
    unapproved "$1 $2" spoilt
    rm -rf spoilt && cp -r run/out spoilt
}

# ---- a world of somebody else's making, with the same names: kept as a folder ----
other_world() {
    world_new "$objects"
    run_sealed >/dev/null 2>&1 || { echo 'Bail out! no run in the other world' && exit 1; }
    cp -r run/out "$1" && echo "$genesis" >"$1.genesis"
}
kept=$(mktemp -d)
(other_world "$kept/stranger") >"$kept/log" || { cat "$kept/log" && exit 1; }

world_new "$objects"
trap 'rm -rf "$kept"; world_end' EXIT
echo 'machine: sim:nowhere' >empty.yaml
cp -r "$kept/stranger" stranger

# ---- runs: a first one, one that was killed and resumed, one after more was said on the ledger, one of another recipe ----
holds 'a run' run_sealed
run_with strace -qq -o /dev/null -e trace=unlink,unlinkat -e inject=unlink,unlinkat:signal=KILL:when=2 -- --run resumed >log 2>&1
[ $? -eq 137 ] && ls resumed/checkpoint-*.sealed >>log 2>&1; say $? 'a run that is killed'
holds 'it is resumed' run_sealed --run resumed
"$sealwright" revoke app-compose.json --identity cleo >log 2>&1 && "$sealwright" lift app-compose.json --identity cleo >>log 2>&1
for owner in anna bert; do "$sealwright" approve app-compose.json --identity $owner >>log 2>&1; done
holds 'a later run, after a revocation that was lifted' run_sealed --run later
steps=3 write_recipe recipe.yaml && compose recipe.yaml app-compose.json && consent_all app-compose.json consent 2>log
holds 'a run of another recipe' run_sealed --run third

# ---- what holds ----
for folder in run resumed later third; do holds "$folder verifies" verify_out $folder/out --config empty.yaml; done
predicate resumed/out | found '"resumes":1'; say $? 'one of them was resumed'
verify_out run/out --config empty.yaml >log 2>&1
for said in '^state as of ledger entry 3 .*a revocation after that is not seen here' '^SIMULATED' '^the opened model was not compared' '^verified$'; do
    grep -q "$said" log; say $? "it says: $said"
done
[ "$(grep -c '^ok ' log)" -eq 11 ] && ! grep -q '^NO' log; say $? 'a line for each link'
verify_out run/out --config empty.yaml --json >log 2>&1 && python3 - log >>log 2>&1 <<'PY'
import json, sys
v = json.loads(open(sys.argv[1]).read())
assert all(l["ok"] and l["detail"] for l in v["links"]) and len(v["links"]) == 11
assert v["simulated"] is True and v["model_compared"] is False and v["steps"] == 4 and v["ledger_index"] == 3
assert "revocations after" in v["unseen"] and len(v["manifest"]) == 64
PY
say $? 'the same for programs, in one line of JSON'
"$sealwright" revoke app-compose.json --identity anna >log 2>&1
holds 'a revocation that came later is not seen' verify_out third/out --config empty.yaml

"$sealwright" identity new research --name research --no-passphrase >log 2>&1
"$sealwright" app show >ledger.before 2>log; say $? 'what stands on the ledger'

# ---- nobody's expectation ----
"$sealwright" verify run/out --config empty.yaml >log 2>&1
[ $? -eq 1 ] && [ "$(grep -c '^ok ' log)" -eq 11 ] && grep -q 'state as of ledger entry 3' log &&
    grep -q "error: consistent in itself; compared with nobody's expectation" log && ! grep -q '^verified' log
say $? "without --app: every link, and compared with nobody's expectation"
refused app 'without --app' "$sealwright" verify run/out --config empty.yaml
cp log said && python3 - said >log 2>&1 <<'PY'
import json, sys
v = json.loads(open(sys.argv[1]).read())
assert v["broken"] is None and len(v["links"]) == 11 and all(l["ok"] for l in v["links"]), v
assert v["error"]["word"] == "app" and "revocations after this" in v["unseen"] and v["ledger_index"] == 3 and v["simulated"] is True, v
PY
say $? 'without --app: every link for programs too, and none is broken'
while read -r name given; do
    refused missing "--app $name" "$sealwright" verify run/out --config empty.yaml --app "$given"
    grep -q '64 lower-case hex digits.*nor a genesis file' "$world/log"; say $? "--app $name: what is expected is said"
done <<TABLE
upper-case ${genesis^^}
one-digit-less ${genesis:1}
one-digit-more ${genesis}0
with-0x 0x$genesis
with-0x-in-64 0x${genesis:2}
no-digit g${genesis:1}
no-file nowhere.genesis
TABLE
refused usage 'no folder' "$sealwright" verify --config empty.yaml
"$sealwright" verify stranger --app "$(cat "$kept/stranger.genesis")" --config empty.yaml >log 2>&1
say $? "a stranger's world holds under its own genesis"
broken genesis 'and under ours it is another app, whatever its names' stranger
holds 'a genesis file that the auditor keeps will do' "$sealwright" verify run/out --app app.genesis --config empty.yaml

# ---- no network ----
# a leak checker cannot work under strace
ASAN_OPTIONS=detect_leaks=0 strace -f -qq -o trace -e trace=%network "$sealwright" verify run/out --app "$genesis" --config empty.yaml >log 2>&1
[ $? -eq 0 ] && [ ! -s trace ]; say $? 'no socket is made'

# ---- thousands of flips, cuts and extensions ----
"$objects/tests/manifest/flip_out" run/out "$genesis" 400 "${SEED:-1}" >flips 2>&1
[ $? -eq 0 ] && [ "$(grep -c '^ok' flips)" -eq 27 ]
code=$?
cp flips log && say $code 'no flipped bit, cut or extension of any file is accepted'
grep '^ok' flips | sed 's/^ok [0-9]* -/#/'

# ---- files of another run ----
swap() { # swap LINK FILE FROM INTO
    rm -rf mixed && cp -r "$4" mixed && cp "$3/$2" mixed/
    broken "$1" "$4 with $2 of $3" mixed
}
swap evidence manifest.json resumed/out run/out
swap evidence evidence.json resumed/out run/out
swap evidence evidence.json later/out run/out
swap ledger ledger.json later/out run/out
swap "owners' words\|ledger\|approval" ledger.json run/out later/out
swap manifest machine.pem resumed/out run/out
swap model.sealed model.sealed resumed/out run/out
swap model.sealed model.sealed third/out run/out
swap metrics metrics-1.sealed resumed/out run/out
swap grants app-compose.json third/out run/out
for file in manifest.json evidence.json ledger.json app-compose.json machine.pem model.sealed; do
    rm -rf mixed && cp -r run/out mixed && cp "stranger/$file" mixed/
    verify_out mixed --config empty.yaml >log 2>&1
    [ $? -eq 1 ] && grep -q '^NO' log; say $? "run with $file of a stranger's world"
    unapproved "run with $file of a stranger's world" mixed
    rm -rf mixed && cp -r stranger mixed && cp "run/out/$file" mixed/
    verify_out mixed --config empty.yaml >log 2>&1
    [ $? -eq 1 ] && grep -q '^NO' log; say $? "a stranger's world with our $file"
    unapproved "a stranger's world with our $file" mixed
done

# ---- what an attacker can make anew ----
forged() { # forged LINK NAME HOW FROM [ARGUMENT...]
    local link=$1 name=$2 how=$3 from=$4
    shift 4
    forge "$how" "$from" forged "$@" >log 2>&1 || { say 1 "$name (not made)" && return; }
    broken "$link" "$name" forged
}
forged approval 'the first entry left out' ledger run/out drop-first
forged 'approval\|ledger' 'the last entry left out' ledger run/out drop-last
forged 'ledger\|approval' 'entries in another order' ledger run/out swap
forged ledger 'an entry twice' ledger run/out double
forged genesis "a stranger's genesis" ledger run/out other-genesis stranger/ledger.json
forged app-compose "our genesis in a stranger's world" ledger stranger other-genesis run/out/ledger.json
forged evidence 'evidence of fewer grants' evidence resumed/out drop
forged evidence 'evidence of grants in another order' evidence resumed/out swap
forged evidence 'evidence of more grants' evidence resumed/out double
forged evidence 'evidence of another grant' evidence run/out other later/out/evidence.json
forged 'closing quote' "the grant's evidence as the closing quote" evidence run/out closing
forged manifest 'signed by a machine key of his own' machine run/out
forged manifest 'signed by a machine key of his own, with more rows' machine run/out 'datasets.0.rows_delivered=5'
forged manifest 'signed by a machine key of his own, another model' machine run/out "output.root=\"$(printf '0%.0s' {1..64})\""
forged manifest 'an older receipt as the newest' older resumed/out
forged grants 'receipts by a key service of his own' receipts run/out
forged "owners' words" 'words of owners by keys of his own' statements run/out
for file in manifest.json evidence.json ledger.json app-compose.json; do
    forge spaced run/out forged $file
    verify_out forged --config empty.yaml >log 2>&1
    [ $? -eq 1 ] && grep -q '^NO' log; say $? "$file in another encoding"
    unapproved "$file in another encoding" forged
done

# ---- files that are not what they should be ----
cp -r run/out spoilt
for file in manifest.json evidence.json ledger.json app-compose.json machine.pem; do
    rm spoilt/$file && part_broken missing $file missing
    rm spoilt/$file && mkdir spoilt/$file && part_broken 'a folder for' $file io
    truncate -s 300M spoilt/$file && part_broken oversized $file limit
    rm spoilt/$file && mkfifo spoilt/$file && part_broken 'a pipe for' $file io
done
for file in manifest.json evidence.json ledger.json app-compose.json machine.pem model.sealed; do
    : >spoilt/$file
    timeout 20 "$sealwright" verify spoilt --app "$genesis" --config empty.yaml >log 2>&1
    [ $? -eq 1 ] && grep -q '^NO' log; say $? "an empty $file"
    unapproved "an empty $file" spoilt
    rm -rf spoilt && cp -r run/out spoilt
done
rm spoilt/model.sealed && broken model.sealed 'no model.sealed' spoilt
mkfifo spoilt/model.sealed && broken model.sealed 'a pipe as model.sealed' spoilt

"$sealwright" app show 2>log | cmp -s - ledger.before; say $? 'nothing of that was signed: the ledger is as it was'

# ---- the opened model ----
steps=4 write_recipe recipe.yaml && compose recipe.yaml app-compose.json && consent_all app-compose.json consent >log 2>&1
"$sealwright" lift app-compose.json --identity anna >log 2>&1
holds 'opened' opened later/out adapter
verify_out later/out --config empty.yaml --model adapter >log 2>&1 && grep -q '^ok  *model  ' log && ! grep -q 'not compared' log
say $? 'the opened model is tied to the manifest'
verify_out later/out --config empty.yaml --model adapter --json 2>&1 | found '"model_compared":true'; say $? 'and --json says so'
broken model "another run's model" run/out --model adapter
for file in $(ls adapter); do
    rm -rf damaged && cp -r adapter damaged && rm damaged/$file && broken model "without $file" later/out --model damaged
    cp adapter/$file damaged/ && printf x >>damaged/$file && broken model "a longer $file" later/out --model damaged
done
rm -rf damaged && cp -r adapter damaged && echo more >damaged/README.md && broken model 'one file more' later/out --model damaged
rm damaged/README.md && mv damaged/adapter_model.safetensors damaged/adapter_model.safetensorz && broken model 'a file renamed' later/out --model damaged
refused missing 'a model folder that is not there' verify_out later/out --config empty.yaml --model nothing
finish
