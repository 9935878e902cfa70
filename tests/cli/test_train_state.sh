#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What `sealwright train` says when the state that it would go on from cannot be used (CKP-035): every way to break either file, one line that
# names it and what is wrong, a way on, and nothing touched. test_train_state.sh OBJECTS
set -uo pipefail
source=$(cd "$(dirname "$0")/../.." && pwd)
. "$source/tests/found.sh"
. "$source/tests/plain_recipe.sh"
. "$source/tests/tap.sh" || exit 1
in_folder "${1-}"
recipe() { # recipe FILE STEPS [MORE]
    plain_recipe lora "per_device_train_batch_size: 4, max_length: 64, max_steps: $2, save_steps: 2${3:-}" >"$1"
}
python3 "$source/tools/make-miniature.py" model --dtype bf16 || exit 1
python3 "$source/tools/make-miniature.py" stranger --dtype bf16 --seed 7 || exit 1
for i in 1 2 3 4 5 6 7 8; do printf '{"text":"the patient of bed %d was seen %d times and went home"}\n' $i $((i * 7)); done >rows.jsonl
sed 's/home/away/' rows.jsonl >others.jsonl
steps=20000 # more than any machine does before it is asked to stop
recipe kept.yaml $steps
recipe fewer.yaml $((steps - 1))
recipe other.yaml $steps ', weight_decay: 0.5'
cat >stopped.py <<'PY'
"""stopped.py STATE COMMAND...: starts it and asks it to stop once this file is there and is another one than before; its exit status."""
import os, signal, subprocess, sys, time
def seen():
    try:
        return os.stat(sys.argv[1]).st_ino
    except FileNotFoundError:
        return None
before = seen()
process = subprocess.Popen(sys.argv[2:], stdin=subprocess.DEVNULL)
while process.poll() is None and seen() in (None, before):
    time.sleep(0.01)
process.send_signal(signal.SIGTERM)
sys.exit(process.wait())
PY
stopped() { # stopped OUT RECIPE MODEL: a state lies in OUT.state
    timeout 60 python3 stopped.py "$1.state/state" "$sealwright" train "$2" --model "$3" --data rows.jsonl --out "$1" >out 2>err
    [ -s "$1.state/state" ] && [ -s "$1.state/curve" ]
}
stopped good kept.yaml model; say $? 'a state is kept'
cp -r good.state earlier.state && stopped good kept.yaml model && ! cmp -s good.state/state earlier.state/state; say $? 'it goes on, and a later one takes its place'
stopped fewer fewer.yaml model && stopped theirs kept.yaml stranger; say $? 'states of another recipe and of another base model'
cat >bend.py <<'PY'
"""bend.py FILE HOW [VALUE]: cut to so many bytes (from the end when negative), more by so many, or a bit of byte VALUE flipped."""
import sys
path, how, value = sys.argv[1], sys.argv[2], int(sys.argv[3])
data = bytearray(open(path, "rb").read())
if how == "cut":
    data = data[:value]
elif how == "more":
    data += bytes(value)
else:
    data[value] ^= 4
open(path, "wb").write(data)
PY
bend() { python3 bend.py "broken.state/$1" "$2" "$3"; }
put() { rm -rf "broken.state/$1" && cp -r "$2" "broken.state/$1"; }
# broken NAME WORD FILE TEXT DO [TRAIN-OPTION...]: after DO the command ends with one line that names FILE and says TEXT, and one that says what to do
broken() {
    local name=$1 word=$2 text="broken.state/$3$4" do=$5 before
    shift 5
    rm -rf broken broken.state broken.partial && cp -r good.state broken.state && eval "$do" || { say 1 "$name: not made" && return; }
    [ $# -gt 0 ] || set -- kept.yaml --model model --data rows.jsonl
    before=$(ls -lR --time-style=full-iso broken.state | cksum)
    "$sealwright" train "$@" --out broken --json >out 2>err </dev/null
    [ $? -eq 1 ] && found "\"word\":\"$word\"" <out && found -F "\"message\":\"$text" <out && found -F '"hint":"remove broken.state to begin anew, or ' <out; say $? "$name: $text"
    "$sealwright" train "$@" --out broken >out 2>err </dev/null
    [ $? -eq 1 ] && [ ! -s out ] && [ "$(wc -l <err)" -eq 2 ] && found -F "sealwright: error: $text" <err && found '^sealwright: hint: remove broken' <err
    say $? "$name: in two lines"
    [ ! -e broken ] && [ ! -e broken.partial ] && [ "$(ls -lR --time-style=full-iso broken.state | cksum)" = "$before" ]; say $? "$name: nothing is touched"
}
# What lies in a state: 8 bytes of magic, version, length, the step at 16, then settings, model, rows and parameters; numbers; a checksum.
broken 'an empty state' format state ' is empty' ': >broken.state/state'
broken 'cut in its magic' format state ': the checkpoint is damaged: it has 5 bytes instead of ' 'bend state cut 5'
broken 'cut in its version' format state ': the checkpoint is damaged: it has 10 bytes instead of ' 'bend state cut 10'
broken 'cut in its step' format state ': the checkpoint is damaged: it has 20 bytes instead of ' 'bend state cut 20'
broken 'cut in its settings' format state ': the checkpoint is damaged: it has 200 bytes instead of ' 'bend state cut 200'
broken 'cut by a byte' format state ': the checkpoint is damaged: it has ' 'bend state cut -1'
broken 'longer by a byte' format state ': the checkpoint is damaged: it has ' 'bend state more 1'
broken 'another magic' format state ': this is no checkpoint' 'bend state flip 3'
broken 'another version' format state ': the checkpoint is of another version' 'bend state flip 8'
changed=': the checkpoint is damaged: its bytes are not those that were written'
broken 'its length changed' format state "$changed" 'bend state flip 12'
broken 'its step changed' format state "$changed" 'bend state flip 17'
broken 'its settings changed' format state "$changed" 'bend state flip 40'
broken 'a number changed' format state "$changed" 'bend state flip -1000'
broken 'its checksum changed' format state "$changed" 'bend state flip -1'
broken 'steps instead of a state' format state ': this is no checkpoint' 'put state good.state/curve'
broken 'a folder instead of a state' io state ' is not a regular file' 'rm broken.state/state && mkdir broken.state/state'
broken 'a link to nowhere' missing state ': no such file or folder' 'rm broken.state/state && ln -s nowhere broken.state/state'
others=': the checkpoint belongs to other settings, rows or another model'
broken 'of a run of fewer steps' checkpoint state "$others" 'put state fewer.state/state'
broken 'other settings now' checkpoint state "$others" : other.yaml --model model --data rows.jsonl
broken 'other rows now' checkpoint state "$others" : kept.yaml --model model --data others.jsonl
broken 'no steps' missing curve ': no such file or folder' 'rm broken.state/curve'
broken 'empty steps' format curve ': the steps so far are damaged' ': >broken.state/curve'
broken 'steps cut' format curve ': the steps so far are damaged' 'bend curve cut -32'
broken 'a bit of the steps changed' format curve ': the steps so far are damaged' 'bend curve flip 60'
broken 'their checksum changed' format curve ': the steps so far are damaged' 'bend curve flip -1'
broken 'a state instead of the steps' format curve ': the steps so far are damaged' 'put curve good.state/state'
broken 'steps of an earlier state' format curve ': the steps so far are ' 'put curve earlier.state/curve'
broken 'a folder instead of the steps' io curve ' is not a regular file' 'rm broken.state/curve && mkdir broken.state/curve'
broken 'steps over another base model' checkpoint curve ' belongs to a base model of other bytes' 'put curve theirs.state/curve && put state theirs.state/state'
broken 'another base model now' checkpoint curve ' belongs to a base model of other bytes' : kept.yaml --model stranger --data rows.jsonl
# A base model that cannot be read is not the state's fault.
cp -r model sick && printf '{"eos_token_id": ' >sick/generation_config.json
sed -e 's/^method: lora/method: full/' -e '/^lora:/d' kept.yaml >whole.yaml
cp -r good.state sick.out.state
"$sealwright" train whole.yaml --model sick --data rows.jsonl --out sick.out --json >out 2>err </dev/null
[ $? -eq 1 ] && found 'generation_config.json: ' <out && ! found 'remove sick' <out; say $? 'a broken file of the model is named, and the state is not blamed'
finish
