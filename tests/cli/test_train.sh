#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What people see of `sealwright train`: the plan and its refusals, what is named before the first step, the line that draws itself, the curve
# in a terminal and as curve.svg. test_train.sh OBJECTS
set -uo pipefail
source=$(cd "$(dirname "$0")/../.." && pwd)
. "$source/tests/found.sh"
. "$source/tests/plain_recipe.sh"
. "$source/tests/tap.sh" || exit 1
in_folder "${1-}"
recipe() { plain_recipe lora "$2" >"$1"; } # recipe FILE TRAINING
train() { "$sealwright" train "$@" >out 2>err </dev/null; }
# refused WORD NAME TEXT ARGUMENT...: exit 1 (2 for usage), this word, this text in the message or the hint, and nothing was made
refused() {
    local word=$1 name=$2 text=$3 code=1
    shift 3
    [ "$word" = usage ] && code=2
    train "$@" --json
    [ $? -eq $code ] && found "\"word\":\"$word\"" <out && found -- "$text" <out && [ ! -e made ] && ! ls -d made* .made* 2>/dev/null
    say $? "$name: $word, $text"
}
python3 "$source/tools/make-miniature.py" model --dtype bf16 || exit 1
for i in 1 2 3 4 5 6 7 8; do printf '{"text":"the patient of bed %d was seen %d times and went home"}\n' $i $((i * 7)); done >rows.jsonl
recipe recipe.yaml 'per_device_train_batch_size: 4, max_steps: 6, max_length: 64'
plain=(recipe.yaml --model model --data rows.jsonl)

# ---- the plan ----
train "${plain[@]}" --plan && grep -q '^steps   6$' out && grep -q '^rows    8$' out && grep -Eq '^tokens  [0-9]+, about [0-9]+ in all steps$' out &&
    grep -Eq '^memory  [0-9.]+ MiB$' out && grep -Eq '^  packed weights +[0-9.]+ MiB$' out && grep -Eq '^  activations +[0-9.]+ MiB$' out &&
    grep -Eq '^  program +16.0 MiB$' out && grep -Eq '^  the rest +[0-9.]+ MiB$' out && grep -Eq '^time    about [0-9]+m[0-9]{2}s: .* TFLOP; products run at [0-9]+ GFLOP/s' out && [ ! -e made ]
say $? 'steps, rows, tokens, memory by part and time'
train "${plain[@]}" --plan --json && python3 - out <<'PY'
import json, sys
p = json.load(open(sys.argv[1]))
assert sum(part["bytes"] for part in p["parts"]) == p["bytes"], p
assert p["operations"] > 0 and p["seconds"] > 0 and p["steps"] == 6 and p["tokens_trained"] == 3 * p["tokens"], p
PY
say $? 'the same for programs; the parts add up'
recipe wide.yaml 'per_device_train_batch_size: 8, max_steps: 6, max_length: 64'
bytes() { "$sealwright" train "$1" --model model --data rows.jsonl --plan --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["bytes"])'; }
recipe small.yaml 'per_device_train_batch_size: 1, gradient_accumulation_steps: 8, max_steps: 6, max_length: 64'
whole=$(bytes wide.yaml) least=$(bytes small.yaml)
[ "$least" -lt "$whole" ] && train wide.yaml --model model --data rows.jsonl --out fits --memory "${whole}B"; say $? 'what it needs is enough'
refused memory 'a byte is not' 'max_length' wide.yaml --model model --data rows.jsonl --out made --memory 1B
refused memory 'nor is the half, and the plan says so too' 'training takes .*; the largest part, .*, takes ' wide.yaml --model model --data rows.jsonl --plan --memory $((least / 2))B
for size in 0GiB 1 GiB 8gb -1MiB 99999999999TiB '1 GiB' 1.5GiB; do
    refused usage "--memory=$size" 'KiB, MiB, GiB' "${plain[@]}" --out made "--memory=$size"
done

# ---- what is named before the first step ----
: >empty.jsonl
printf '\n \n\t\n' >blank.jsonl
recipe short.yaml 'per_device_train_batch_size: 4, max_steps: 2, max_length: 2'
recipe long.yaml 'per_device_train_batch_size: 4, max_steps: 2, max_length: 1000'
python3 -c 'import json; print(json.dumps({"text": "short"})); print(); print(json.dumps({"text": "z q " * 700}))' >long.jsonl
printf '{"prompt":"a long question of many words","completion":"x"}\n' >question.jsonl
printf '{"text":"good"}\n{"text":3}\n' >bad.jsonl
refused missing 'a file as the model' 'rows.jsonl is no folder' recipe.yaml --model rows.jsonl --data rows.jsonl --out made
refused usage 'no data' '--data' recipe.yaml --model model --out made
refused io 'a folder as data' 'model is not a regular file' recipe.yaml --model model --data model --out made
refused missing 'no data where it should be' 'nowhere.jsonl: no such file' recipe.yaml --model model --data nowhere.jsonl --out made
refused rows 'an empty file' 'empty.jsonl: there is no row' recipe.yaml --model model --data rows.jsonl --data empty.jsonl --out made
refused rows 'a file of blank lines' 'blank.jsonl: there is no row' recipe.yaml --model model --data blank.jsonl --out made
refused rows 'nothing left to predict' 'no row of question.jsonl has anything to predict' short.yaml --model model --data question.jsonl --out made
refused rows 'where it is cut' 'max_length is 2 tokens' short.yaml --model model --data question.jsonl --out made
printf '{"prompt":"","completion":""}\n' >nothing.jsonl
refused rows 'a first token alone' 'no row of nothing.jsonl has anything to predict' recipe.yaml --model model --data nothing.jsonl --out made
refused rows 'and why' 'or is empty' recipe.yaml --model model --data nothing.jsonl --out made
recipe packed.yaml 'per_device_train_batch_size: 4, max_steps: 2, max_length: 4, packing: true'
refused rows 'nothing left to predict, packed' 'no row of question.jsonl has anything to predict' packed.yaml --model model --data question.jsonl --out made
refused rows "a row beyond the model's positions" 'long.jsonl: row 2 has [0-9]* tokens, and the model has 512 positions' long.yaml --model model \
    --data rows.jsonl --data long.jsonl --out made
for i in {1..99}; do cat rows.jsonl; done >many.jsonl
recipe wrapped.yaml 'per_device_train_batch_size: 4, max_steps: 2, max_length: 1000, packing: true, packing_strategy: wrapped'
refused rows 'a packed piece beyond them' 'max_length is 1000, and the model has 512 positions' wrapped.yaml --model model --data many.jsonl --out made
"$sealwright" eval wrapped.yaml --model model --data many.jsonl --json >out 2>err
[ $? -eq 1 ] && found '"word":"rows"' <out && found 'max_length is 1000, and the model has 512 positions' <out; say $? 'nor is one evaluated'
refused rows 'a row that is none' 'bad.jsonl: row 2: text must' recipe.yaml --model model --data bad.jsonl --out made
recipe cut.yaml 'per_device_train_batch_size: 4, max_steps: 1, max_length: 4'
train cut.yaml --model model --data question.jsonl --data rows.jsonl --out made && grep -q 'question.jsonl: row 1 has nothing to predict within max_length 4' err
say $? 'a row that is left out is named'
rm -rf made
cp -r model sick
python3 - <<'PY'
import json, struct
with open("sick/model.safetensors", "r+b") as f:
    size = struct.unpack("<Q", f.read(8))[0]
    start = json.loads(f.read(size))["model.layers.1.mlp.up_proj.weight"]["data_offsets"][0]
    f.seek(8 + size + start + 2 * 17)
    f.write(b"\xc0\x7f")
PY
refused model 'a weight that is NaN' 'model.safetensors: element 17 of tensor .*model.layers.1.mlp.up_proj.weight' recipe.yaml --model sick --data rows.jsonl --out made

for command in "eval recipe.yaml --data rows.jsonl" "generate hello"; do
    "$sealwright" $command --model sick --json >out 2>err
    [ $? -eq 1 ] && found '"word":"model"' <out && found 'model.safetensors: element 17 of tensor model.layers.1.mlp.up_proj.weight is no number' <out
    say $? "${command%% *} names it"
done

# ---- a file that cannot be read is named ----
for name in config.json tokenizer.json model.safetensors; do
    rm -rf sick && cp -r model sick && head -c 300 "model/$name" >"sick/$name"
    refused format "$name, cut" "sick: $name: " recipe.yaml --model sick --data rows.jsonl --out made
done
rm sick/tokenizer.json && cp model/model.safetensors sick
refused missing 'no tokenizer.json' 'sick: there is no tokenizer.json' recipe.yaml --model sick --data rows.jsonl --out made
cp model/tokenizer.json sick
python3 - <<'PY'
import json
t = json.load(open("sick/tokenizer.json"))
t["added_tokens"].append({**t["added_tokens"][-1], "id": 320, "content": "<more>"})
json.dump(t, open("sick/tokenizer.json", "w"))
PY
printf '{"text":"good"}\n{"text":"one <more>"}\n' >more.jsonl
refused rows 'a token without an embedding' 'more.jsonl: row 2 holds token 320, and config.json.s vocab_size is 320' recipe.yaml --model sick --data more.jsonl --out made

# ---- a model trained whole is a folder that can be loaded ----
recipe whole.yaml 'per_device_train_batch_size: 4, max_steps: 1, max_length: 64'
sed -i -e 's/^method: lora/method: full/' -e '/^lora:/d' whole.yaml
cp -r model listed
python3 - <<'PY'
import json
c = json.load(open("listed/config.json"))
c["eos_token_id"] = [2, 0]
json.dump(c, open("listed/config.json", "w"))
json.dump({"eos_token": "<|im_end|>"}, open("listed/special_tokens_map.json", "w"))
t = json.load(open("listed/tokenizer_config.json"))
open("listed/chat_template.jinja", "w").write(t["chat_template"])
PY
train whole.yaml --model listed --data rows.jsonl --out whole &&
    for name in generation_config.json tokenizer.json tokenizer_config.json special_tokens_map.json chat_template.jinja; do cmp "listed/$name" "whole/$name" || break; done &&
    python3 -c 'import json; assert json.load(open("whole/config.json"))["eos_token_id"] == [2, 0]' 2>err
say $? "the tokeniser's files lie beside it, and its ends are the base's"
"$sealwright" generate hello --model whole --max-new-tokens 3 >out 2>err && "$sealwright" eval whole.yaml --model whole --data rows.jsonl >>out 2>err
say $? 'generate and eval take it'

# ---- the curve ----
for n in 1 2; do train "${plain[@]}" --threads $n --out made.$n --json && cp out result.$n; done
cmp made.1/curve.svg made.2/curve.svg >out 2>err; say $? 'curve.svg has the same bytes with one thread and with two'
! found -e "$folder" -e made -e 20[0-9][0-9]- <made.1/curve.svg; say $? 'no path and no date in it'
cat >read_back.py <<'PY'
"""What a person reads off the picture: each line's values by the labels of its panel's ticks."""
import json, sys
import xml.etree.ElementTree as tree
SVG = "{http://www.w3.org/2000/svg}"
root, result = tree.parse(sys.argv[1]).getroot(), json.load(open(sys.argv[2]))
number = lambda e, name: float(e.get(name))
ticks = [(number(e, "y") - 4, float(e.text)) for e in root.iter(SVG + "text") if e.get("text-anchor") == "end"]
steps = [(number(e, "x"), float(e.text)) for e in root.iter(SVG + "text") if e.get("text-anchor") == "middle"]
def line(points):
    (a, va), (b, vb) = points[0], points[-1]
    return lambda at: va + (at - a) * (vb - va) / (b - a)
panels = []
for i, e in enumerate(root.iter(SVG + "polyline")):
    inside = lambda y: 220 * i <= y < 220 * (i + 1)
    value, step = line([t for t in ticks if inside(t[0])]), line(steps[:len(steps) // 3])
    points = [tuple(map(float, p.split(","))) for p in e.get("points").split()]
    assert all(76 <= x <= 744 and inside(y) for x, y in points), points
    panels.append([(round(step(x), 1), value(y)) for x, y in points])
    spread = max(t[1] for t in ticks if inside(t[0])) - min(t[1] for t in ticks if inside(t[0]))
    if i == 0:
        for (s, v), (n, loss) in zip(panels[0], enumerate(result["losses"], 1), strict=True):
            assert s == n and abs(v - loss) <= spread / 1000, (s, v, n, loss)
    if i == 1:  # linear, without warm-up: from the recipe's rate down to a sixth of it
        for n, (s, v) in enumerate(panels[1]):
            assert abs(v - 1e-2 * (6 - n) / 6) <= spread / 1000, (n, v)
    if i == 2:
        assert all(v > 0 for _, v in panels[2])
assert len(panels) == 3, len(panels)
assert [e.text for e in root.iter(SVG + "text") if e.get("font-weight")] == ["loss", "learning rate", "gradient norm"]
PY
python3 read_back.py made.1/curve.svg result.1 >out 2>err; say $? 'its lines say what the run said'

# ---- a run that does not end ----
recipe kept.yaml 'per_device_train_batch_size: 4, max_steps: 6, max_length: 64, save_steps: 2'
kept=(kept.yaml --model model --data rows.jsonl)
train "${kept[@]}" --out undisturbed --json && cp out result.undisturbed && [ ! -e undisturbed.state ] && [ ! -e undisturbed.partial ]
say $? 'with save_steps a run that ends leaves its folder alone'
cmp undisturbed/adapter_model.safetensors made.1/adapter_model.safetensors >out 2>err; say $? 'which is the same as without'
# Another process that works at the same OUT holds the lock on OUT.partial.
mkdir -m 1755 busy.partial && echo mine >busy.partial/mine && cp -r busy.partial busy.state
flock busy.partial "$sealwright" train "${kept[@]}" --out busy --json >out 2>err </dev/null
[ $? -eq 1 ] && found '"word":"busy"' <out && [ -s busy.partial/mine ] && [ -s busy.state/mine ] && [ ! -e busy ]; say $? 'two runs with one OUT: the second touches nothing'
mkdir -p theirs.partial/deep && echo mine >theirs.partial/deep/file
train "${kept[@]}" --out theirs --json
[ $? -eq 1 ] && found 'theirs.partial holds deep already' <out && [ -s theirs.partial/deep/file ] && [ ! -e theirs ]; say $? 'what is none of ours is named before the run, and stays'
for bad in '' new/. new/..; do
    train "${kept[@]}" --out "$bad" --json
    [ $? -eq 2 ] && found 'does not name a folder' <out; say $? "--out '$bad' is refused before the run"
done
: >taken.state && train "${kept[@]}" --out taken --json
[ $? -eq 1 ] && found 'taken.state is there and is not a folder' <out && [ ! -e taken.partial ]; say $? 'and a file where states should go'
rm -r busy.state && train "${kept[@]}" --out busy && [ ! -e busy.partial ] && [ ! -e busy/mine ]; say $? 'and what a dead one left goes'
# killed N SIGNAL OUT RECIPE [MODEL]: the signal arrives while the Nth file is renamed into OUT.state: 1 is the first curve, 2 the first state, and so on
killed() {
    env --default-signal=HUP strace -f -qq -o trace -e trace=rename,renameat,renameat2 -e inject=rename,renameat,renameat2:signal="$2":when="$1" "$sealwright" train "$4" --model "${5:-model}" --data rows.jsonl --out "$3" --json \
        >out 2>err </dev/null
}
resumes() { # resumes OUT STEP: the same command, from this step, to the same bytes
    train "${kept[@]}" --out "$1" --json && found "\"resumed_from\":$2[,}]" <out && [ ! -e "$1.state" ] && [ ! -e "$1.partial" ] &&
        cmp "$1/adapter_model.safetensors" undisturbed/adapter_model.safetensors && cmp "$1/curve.svg" undisturbed/curve.svg &&
        python3 -c 'import json, sys; a, b = (json.load(open(f)) for f in sys.argv[1:]); assert a["losses"] == b["losses"], (a, b)' out result.undisturbed 2>err
}
demand_strace
# The kill is inside the call: what it was to rename is renamed or not, and either must be right.
for case in 1:0 2:2 3:2 4:4 5:4 6:6; do
    rm -rf again again.state again.partial
    killed "${case%:*}" KILL again kept.yaml
    [ $? -ne 0 ] && [ ! -e again ]; say $? "killed at the rename ${case%:*}: no folder"
    resumes again "[0-9]*"; say $? 'and the same command ends with the same bytes'
done
for signal in TERM INT HUP; do
    rm -rf again again.state again.partial
    killed 2 $signal again kept.yaml
    [ $? -eq 1 ] && found '"word":"stopped"' <out && found 'again.state' <out && [ -s again.state/state ] && [ ! -e again.partial ] && [ ! -e again ]
    say $? "SIG$signal: stopped, and where the state lies"
    resumes again '[2-4]'; say $? 'and the same command ends with the same bytes'
done
killed 2 TERM shut kept.yaml
[ "$(stat -c '%a' shut.state shut.state/state shut.state/curve | tr '\n' ' ')" = '700 600 600 ' ]; say $? 'nobody else reads a state'
recipe other.yaml 'per_device_train_batch_size: 4, max_steps: 6, max_length: 64, save_steps: 2, weight_decay: 0.5'
train other.yaml --model model --data rows.jsonl --out shut --json
[ $? -eq 1 ] && found '"word":"checkpoint"' <out && found 'remove shut.state' <out && [ -s shut.state/state ] && [ ! -e shut.partial ]
say $? 'a state of other settings is refused, named and left'
python3 "$source/tools/make-miniature.py" stranger --dtype bf16 --seed 7
train kept.yaml --model stranger --data rows.jsonl --out shut --json
[ $? -eq 1 ] && found '"word":"checkpoint"' <out && found 'base model of other bytes' <out; say $? 'and one over another base model'
# over the same base model, in whose folder lies what nobody reads
mkdir sharded && cp model/*.json sharded && python3 - 2>err <<'PY'
import json, shutil, struct
shutil.copy("model/model.safetensors", "sharded/weights.safetensors")
with open("model/model.safetensors", "rb") as f:
    names = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
names.pop("__metadata__", None)
json.dump({"weight_map": dict.fromkeys(names, "weights.safetensors")}, open("sharded/model.safetensors.index.json", "w"))
PY
rm -rf again again.state again.partial
killed 2 TERM again kept.yaml sharded
echo '{}' >sharded/notes.json && echo other >sharded/consolidated.safetensors && cp -r again.state told.state
train kept.yaml --model sharded --data rows.jsonl --out again --json && found '"resumed_from":[2-4]' <out; say $? 'files that are not read change nothing'
echo '{"eos_token_id": 1}' >sharded/generation_config.json
train kept.yaml --model sharded --data rows.jsonl --out told --json
[ $? -eq 1 ] && found 'base model of other bytes' <out; say $? 'one that is read does'
rm -rf again told.state
cp -r shut.state torn.state && truncate -s -32 torn.state/curve && cp -r shut.state rotten.state && printf 'x' | dd of=rotten.state/state bs=1 seek=$(($(stat -c %s rotten.state/state) - 20)) conv=notrunc 2>/dev/null
cp -r shut.state empty.state && : >empty.state/state && cp -r shut.state bare.state && : >bare.state/curve && cp -r shut.state bent.state
python3 -c 'import sys; b = bytearray(open(sys.argv[1], "rb").read()); b[len(b) // 2] ^= 4; open(sys.argv[1], "wb").write(b)' bent.state/curve
for bad in torn rotten empty bare bent; do
    train "${kept[@]}" --out $bad --json
    [ $? -eq 1 ] && found '"word":"format"' <out && found "remove $bad.state" <out && [ ! -e $bad ] && [ ! -e $bad.partial ]; say $? "one that is $bad"
done
# Without a second moment a step divides by the gradient alone: by nearly nothing where there is nearly none.
recipe wild.yaml 'per_device_train_batch_size: 4, max_steps: 60, max_length: 64, max_grad_norm: 0, adam_beta1: 0.99, adam_beta2: 0, adam_epsilon: 1.0e-30, save_steps: 1'
sed -i 's/learning_rate: 1.0e-2/learning_rate: 1/; s/^method: lora/method: full/; /^lora:/d' wild.yaml
train wild.yaml --model model --data rows.jsonl --out wild --json
[ $? -eq 1 ] && found '"word":"diverged"' <out && found 'kept in wild.state' <out && [ -s wild.state/state ] && [ ! -e wild ] && [ ! -e wild.partial ]
say $? 'a run that diverges keeps its last good state'
sed 's/, save_steps: 1//' wild.yaml >lost.yaml
train lost.yaml --model model --data rows.jsonl --out lost --json
[ $? -eq 1 ] && found '"word":"diverged"' <out && found 'nothing is kept' <out && [ ! -e lost.state ] && [ ! -e lost.partial ]; say $? 'without save_steps none, and it says so'
# A signal that comes before the first step ends the run behind it.
cat >signalled.py <<'PY'
"""Runs a command with stderr on a terminal and sends it SIGTERM when it shows that steps begin; what the terminal saw goes to a file."""
import os, pty, signal, subprocess, sys
master, slave = pty.openpty()
process = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=slave)
os.close(slave)
seen, sent = b"", False
while True:
    try:
        data = os.read(master, 65536)
    except OSError:
        break
    if not data:
        break
    seen += data
    if not sent and b"step 0/" in seen:
        process.send_signal(signal.SIGTERM)
        sent = True
sys.stdout.write(seen.decode())
sys.exit(process.wait())
PY
recipe endless.yaml 'per_device_train_batch_size: 4, max_steps: 100000, max_length: 64'
TERM=xterm timeout 100 python3 signalled.py "$sealwright" train endless.yaml --model model --data rows.jsonl --out ended >out 2>err
[ $? -eq 1 ] && found 'stopped after step' <out && found 'nothing is kept' <out && ! ls -d ended* 2>/dev/null; say $? 'SIGTERM without save_steps leaves nothing'
tr -d '\r' <out | found -x 'sealwright: stopping behind this step; once more stops at once'; say $? 'and says at once that it was heard'

# ---- in a terminal ----
cat >terminal.py <<'PY'
"""Runs a command with stdout, or stderr, or both on a terminal; what the terminal saw goes to a file. terminal.py WHICH FILE COMMAND..."""
import fcntl, os, pty, struct, subprocess, sys, termios
which, path, command = sys.argv[1], sys.argv[2], sys.argv[3:]
master, slave = pty.openpty()
fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, int(os.environ.get("WIDTH", 0)), 0, 0))
place = {"stdout": slave if "out" in which else subprocess.DEVNULL, "stderr": slave if "err" in which else subprocess.DEVNULL}
process = subprocess.Popen(command, stdin=subprocess.DEVNULL, **place)
os.close(slave)
with open(path, "wb") as f:
    while True:
        try:
            data = os.read(master, 65536)
        except OSError:  # the other end is closed
            break
        if not data:
            break
        f.write(data)
sys.exit(process.wait())
PY
shown() { # shown WHICH LANGUAGE OPTION...: what the terminal saw, in the file seen
    rm -rf shown.made
    LC_ALL=$2 TERM=xterm COLUMNS=80 python3 terminal.py "$1" seen "$sealwright" train "${plain[@]}" --out shown.made "${@:3}" >out 2>err
}
columns() { python3 -c 'import sys; print(max(len(l.rstrip("\r\n")) for l in open("seen", encoding="utf-8", newline="\n")))'; }
shown out C && found -x $' *loss\r' <seen && [ "$(grep -c '[|+].*\*' seen)" -ge 2 ] && grep -Eq '^ *step 1 +6' seen && ! LC_ALL=C found -P '[^\x00-\x7f]' <seen &&
    [ "$(columns)" -le 80 ]
say $? 'the loss as a plot of plain characters'
shown out C.UTF-8 && found '┤' <seen && python3 -c '
text = open("seen", encoding="utf-8").read()
assert sum(0x2800 < ord(c) < 0x2900 for c in text) > 20, text' 2>err && [ "$(columns)" -le 80 ]
say $? 'and of dots where the terminal takes UTF-8'
for dumb in TERM=dumb LC_ALL=POSIX LC_ALL=; do
    rm -rf shown.made
    env PYTHONCOERCECLOCALE=0 LC_ALL=C.UTF-8 LANG= LC_CTYPE= TERM=xterm "$dumb" python3 terminal.py out seen "$sealwright" train "${plain[@]}" --out shown.made >out 2>err &&
        found '\*' <seen && ! LC_ALL=C found -P '[^\x00-\x7f]' <seen
    say $? "$dumb: plain characters"
done
LC_ALL=C.UTF-8 train "${plain[@]}" --out nothing && [ "$(cat out)" = nothing ]; say $? 'no plot where standard output is no terminal'
shown out C --json && [ "$(wc -l <seen)" -eq 1 ] && found '"losses":\[' <seen; say $? 'none with --json'
shown err C && tr '\r' '\n' <seen | found -E 'step 6/6  [0-9]+ tokens/s  loss [0-9.]+  lr [0-9.]+e-[0-9]+  norm [0-9.]+' && tr '\r' '\n' <seen | found 'step 0/6' &&
    tr '\r' '\n' <seen | sed 's/\x1b\[K//' | awk 'length > 79 { exit 1 }'
say $? 'the line that draws itself: step, tokens a second, loss, learning rate, gradient norm, within the width'
shown err C --json && [ ! -s seen ]; say $? 'none with --json'
# A terminal says how wide it is; COLUMNS, where it is exported, goes before that. A line that is longer would be drawn below itself.
narrow() { # narrow WIDTH [COLUMNS]: what both see
    rm -rf shown.made
    env -u COLUMNS ${2:+COLUMNS=$2} LC_ALL=C TERM=xterm WIDTH="$1" python3 terminal.py outerr seen "$sealwright" train "${plain[@]}" --out shown.made >out 2>err
}
within() { python3 -c '
import re, sys
lines = [re.sub(r"\x1b\[K", "", l) for l in re.split(r"[\r\n]", open("seen", encoding="utf-8", newline="\n").read())]
sys.exit(not 0 < max(map(len, lines)) <= int(sys.argv[1]))' "$1"; }
plotted() { tr '\r' '\n' <seen | sed 's/\x1b\[K//' | found -x ' *loss'; }
for width in 1 8 20 39; do
    narrow $width && within $((width > 10 ? width : 10)) && ! plotted; say $? "a terminal of $width columns: lines that fit, no plot"
done
for width in 40 57 80 100; do narrow $width && within $width && plotted; say $? "a terminal of $width columns: lines and a plot that fit"; done
narrow 100 50 && within 50; say $? 'COLUMNS goes before it'
recipe once.yaml 'per_device_train_batch_size: 4, max_steps: 1, max_length: 64, warmup_steps: 1'
rm -rf shown.made && LC_ALL=C TERM=xterm WIDTH=80 python3 terminal.py out seen "$sealwright" train once.yaml --model model --data rows.jsonl --out shown.made >out 2>err &&
    [ "$(grep -c '\*' seen)" -eq 1 ] && tr -d '\r' <seen | found -x ' *step 1 *' && ! found '>-' <shown.made/curve.svg
say $? 'a run of one step: one point, one step, a rate of zero on its axis'

# ---- what people ask for ----
for command in train eval generate replay 'open unpack'; do
    "$sealwright" help $command >out 2>err && "$sealwright" $command --help | cmp - out; say $? "help $command"
done
"$sealwright" help trian >out 2>err; [ $? -eq 2 ] && found "no command 'trian'" <err; say $? 'help of no command'
"$sealwright" help train more >out 2>err; [ $? -eq 2 ] && found "no command 'more'" <err; say $? 'help of more than a command'
"$sealwright" generate hello world --model model >out 2>err; [ $? -eq 2 ] && found 'takes PROMPT, and got 2 arguments' <err; say $? 'a prompt without quotation marks'
"$sealwright" generate -hello --model model --max-new-tokens 1 >out 2>err; [ $? -eq 2 ] && found 'hint: what stands behind --' <err; say $? 'a prompt that begins with a dash'
"$sealwright" generate --model model --max-new-tokens 1 -- -hello >out 2>err; say $? 'behind two dashes it is taken'
# Where all logits are equal the first token is the greatest: of this model the byte 0.
python3 "$source/tools/make-miniature.py" nul --dtype f32 && python3 - <<'PY'
import json, struct
t = json.load(open("nul/tokenizer.json", encoding="utf-8"))
vocab = t["model"]["vocab"]
first = next(name for name, id in vocab.items() if id == 0)
vocab[first], vocab["\u0100"] = vocab["\u0100"], 0
for added in t["added_tokens"]:
    added["id"] = vocab[added["content"]]
json.dump(t, open("nul/tokenizer.json", "w"))
json.dump({"eos_token": "<|im_end|>"}, open("nul/tokenizer_config.json", "w"))
json.dump({}, open("nul/generation_config.json", "w"))
data = bytearray(open("nul/model.safetensors", "rb").read())
size = struct.unpack("<Q", data[:8])[0]
begin, end = (8 + size + at for at in json.loads(data[8 : 8 + size])["model.norm.weight"]["data_offsets"])
data[begin:end] = bytes(end - begin)
open("nul/model.safetensors", "wb").write(data)
PY
"$sealwright" generate hello --model nul --max-new-tokens 3 >out 2>err && printf '\0\0\0\n' | cmp - out; say $? 'an answer of NULs is printed whole'
# A loss of which e has no power that JSON could say.
cp -r model loud && python3 - <<'PY'
import json, struct
data = bytearray(open("loud/model.safetensors", "rb").read())
size = struct.unpack("<Q", data[:8])[0]
begin, end = (8 + size + at for at in json.loads(data[8 : 8 + size])["model.norm.weight"]["data_offsets"])
data[begin:end] = struct.pack("<H", 0x4680) * ((end - begin) // 2)  # 16384
open("loud/model.safetensors", "wb").write(data)
PY
"$sealwright" eval recipe.yaml --model loud --data rows.jsonl --json >out 2>err && found '"perplexity":null' <out && "$sealwright" eval recipe.yaml --model loud --data rows.jsonl >out 2>err &&
    found -x 'perplexity  beyond 1e304' <out
say $? 'a perplexity beyond all numbers'
finish
