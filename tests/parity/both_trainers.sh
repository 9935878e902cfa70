#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The native engine and TRL, both sealed, on the same sealed shards: the same tokens, and at every step the same loss within 1e-3. Two
# recipes in one world; each trains the whole miniature in f32. Losses are those of the two manifests, where the agent rounds them to 12
# bits (MAN-021). Of tokens a native run says the counts; the ids are compared by the digest that the script puts in its claims, which lie in
# the opened model, and by the engine's own rows. TAP on stdout. both_trainers.sh [O]
set -uo pipefail
cd "$(dirname "$0")/../.."
{ [ "$(id -u)" -eq 0 ] && unshare --mount true 2>/dev/null; } || { echo 'Bail out! a private root needs root and the right to mount'; exit 1; }
root=$PWD steps=8 save_steps=0 rows=12 metrics=public output_limit=4MiB kind=native
. tests/run/world.sh
. tests/parity/base_tree.sh
lay_base >"build/parity/base.log" 2>&1 || { echo "Bail out! no tree"; sed 's/^/# /' build/parity/base.log; exit 1; }
python=$venv/bin/python

write_script() {
    cat >script.py <<'PY'
import hashlib, struct
from sealwright import SealwrightCallback, sign_manifest, unwrap_dataset
from trl import SFTConfig, SFTTrainer

trainer = SFTTrainer(
    model="/model",
    args=SFTConfig(output_dir="/tmp/run", max_steps=8, per_device_train_batch_size=4, learning_rate=2e-3, max_length=64, logging_steps=1,
                   seed=42, save_strategy="no", report_to="none", use_cpu=True, bf16=False),
    train_dataset=unwrap_dataset(), callbacks=[SealwrightCallback()],
)
rows = [(row["input_ids"], row["labels"]) for row in trainer.train_dataset]
trainer.train()
trainer.save_model("/tmp/model")
said = hashlib.sha256()
for ids, labels in rows:
    said.update("".join(f"{i}:{int(label != -100 and at > 0)} " for at, (i, label) in enumerate(zip(ids, labels))).strip().encode() + b"\n")
sign_manifest({"tokens": sum(len(ids) for ids, _ in rows), "digest": said.hexdigest()}, output="/tmp/model")
PY
}
make_locks() { # of the native trainer, and of the script
    make_model || return 1
    worker=$objects/sealwright-worker
    write_script
    "$sealwright" model lock "$model" --out model.lock >/dev/null && bash "$root/tools/trainer-lock.sh" "$worker" >native.lock &&
        PYTHONPATH=$root/python PYTHONDONTWRITEBYTECODE=1 "$python" -m sealwright.tree --python "$python" --on "$base" --add script.py:/code/train.py \
            --add "$root/python/sealwright:$inside/sealwright" --out "$tree" >/dev/null &&
        "$sealwright" trainer lock "$tree" --file /code/train.py --out script.lock >/dev/null
}
compose() { "$sealwright" recipe compose "$1" --model-lock model.lock --trainer-lock "$kind.lock" --out "$2" >/dev/null; }
write_recipe() {
    local owner
    {
        printf 'sealwright: 1\nname: %s\napp: %s\nmodel: {name: Miniature}\n' "$kind" "$genesis"
        [ "$kind" = script ] || printf 'phase: sft\nmethod: full\ntemplate: chatml-smollm2\n'
        printf 'shards:\n'
        for owner in "${owners[@]}"; do
            printf '  - {owner: %s, dataset: %s, rows: %s, name: %s}\n' \
                "$("$sealwright" identity show "$owner" --json | value id)" "$(dataset_of "$owner.sealed")" "$rows" "$owner"
        done
        if [ "$kind" = script ]; then
            printf 'trainer: {kind: command, command: [/venv/bin/python, /code/train.py], files: [/code/train.py], max_steps: %s, save_steps: 0, scratch: 1GiB, environment: {OMP_NUM_THREADS: "1"}}\n' "$steps"
        else
            printf 'training: {learning_rate: 2.0e-3, per_device_train_batch_size: 4, max_steps: %s, max_length: 64, seed: 42}\n' "$steps"
            printf 'trainer: {kind: native, profile: fp32-ref}\n'
        fi
        printf 'output: {open_quorum: all, limit: %s}\nobserve: {metrics: public, interval: 1, checkpoint_limit: 8MiB}\n' "$output_limit"
        printf 'lease: %s\nmax_silence: %s\ngrants: %s\n' "$lease" "$max_silence" "$grants"
        "$sealwright" sim show training-machine
    } >"$1"
}
tree=$(mktemp -d "$root/build/parity/both.XXXXXX")/tree # where hard links to the packages are possible
world_new "$(cd "${1:-build/release}" && pwd)"
trap 'rm -rf "${tree%/tree}"; world_end' EXIT

holds 'the native engine trains, sealed' run_sealed
kind=script
variant script || echo "# no variant"
holds 'the script of TRL trains the same shards, sealed' run_sealed --run script --tree "$tree"
holds 'both manifests verify: native' verify_out run/out
holds 'and script' verify_out script/out
holds "the script's model is opened" opened script/out model
predicate run/out >native.json
predicate script/out >script.json
for owner in "${owners[@]}"; do cat "$owner.jsonl"; done >all.jsonl
PYTHONPATH=$root/tests/parity "$python" - "$objects" "$model" >log 2>&1 <<'PY'
import hashlib, json, subprocess, sys
import train
native, script, claims = (json.load(open(name)) for name in ("native.json", "script.json", "model/claims.json"))
native, script = (m.get("predicate", m) for m in (native, script))
pairs = list(zip(native["run"]["metrics"], script["run"]["metrics"], strict=True))
worst = max(abs(a["loss"] - b["loss"]) / abs(a["loss"]) for a, b in pairs)
print(f"losses {[a['loss'] for a, _ in pairs]}\nof TRL {[b['loss'] for _, b in pairs]}\nworst {worst:.2e}")
assert [a["step"] for a, _ in pairs] == [b["step"] for _, b in pairs] == list(range(1, 9))
open("losses", "w").write("same" if worst <= 1e-3 else "other")
counts = sum(d["tokens"] for d in native["datasets"])
text = subprocess.check_output([train.Engine(sys.argv[1]).program, "rows", sys.argv[2], "all.jsonl", "max_length=64"])
digest = hashlib.sha256("".join(line.strip() + "\n" for line in text.decode().splitlines()).encode()).hexdigest()
print(f"tokens {counts}, of TRL {claims['tokens']}; digest {digest}, of TRL {claims['digest']}")
open("tokens", "w").write("same" if counts == claims["tokens"] and digest == claims["digest"] else "other")
PY
sed 's/^/# /' log
[ "$(cat tokens)" = same ]
say $? 'the tokens that the script trained on are those of the native engine, id for id'
[ "$(cat losses)" = same ]
say $? 'and the loss of each of the 8 steps is the same within 1e-3'
finish
