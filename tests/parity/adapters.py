#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The rest of LoRA beside TRL and PEFT: ranks and alphas by pattern, saved embeddings and heads, DoRA.

    tests/parity/adapters.py [O]        TAP on stdout; builds O/tests/parity/engine (O is build/release)
    tests/parity/adapters.py --golden   writes tests/train/golden/adapters.json, which `make test` compares against

Miniatures and rows are those of train.py; packages are those of tests/parity/requirements.txt.
"""
import json
import os
import subprocess
import sys
import tempfile

import numpy as np
import torch

import train
from train import ROOT, check, miniature

GOLDEN = os.path.join(train.GOLDEN, "adapters.json")
BASE = {**train.COMMON, **train.RUNS["lora-fp32"]}
# Ranks and alphas by pattern with one that is odd, and patterns of which two match one module; embeddings and heads that the model ties or
# not; DoRA without biases, with biases, and with a dropout that keeps everything: PEFT then takes its other way, as the engine does.
CASES = {
    "patterns": ([], {"rank_pattern": {"layers.1.mlp.down_proj": 5, "mlp.down_proj": 3, "v_proj": 12},
                      "alpha_pattern": {"layers.0.self_attn.q_proj": 4, "q_proj": 32}, "use_rslora": True}),
    "embed_tokens": ([], {"modules_to_save": ["embed_tokens"], "learning_rate": 5e-3}),
    "both, tied": ([], {"modules_to_save": ["lm_head", "embed_tokens"], "learning_rate": 5e-3}),
    "lm_head, untied": (["--untied"], {"modules_to_save": ["lm_head"], "learning_rate": 5e-3}),
    "dora": ([], {"use_dora": True}),
    "dora, biases": (["--family", "qwen2"], {"use_dora": True, "rank_pattern": {"k_proj": 3}, "modules_to_save": ["lm_head"],
                                             "learning_rate": 5e-3}),
    "dora, dropout": ([], {"use_dora": True, "lora_dropout": 1e-9}),
}
IDS = list(range(3, 320, 9))


def as_words(run):
    """Settings as the engine's command line takes them."""
    def word(v):
        if isinstance(v, dict):
            return ",".join(f"{a}:{b}" for a, b in v.items())
        if isinstance(v, list):
            return ",".join(v)
        return int(v) if isinstance(v, bool) else v
    return {k: word(v) for k, v in run.items()}


def tensors(folder):
    """Norm and first four values of everything in an adapter's file."""
    from safetensors.numpy import load_file

    out = {}
    for name, value in load_file(os.path.join(folder, "adapter_model.safetensors")).items():
        values = value.reshape(-1)
        out[name] = [float(np.linalg.norm(values.astype(np.float64)))] + [float(v) for v in values[:4]]
    return out


def reference(folder, run, out):
    theirs = train.trl_run(folder, run, save=out)
    return {"loss": theirs["loss"], "grad_norm": theirs["grad_norm"], "tensors": tensors(out)}


def golden():
    cases = {}
    with tempfile.TemporaryDirectory() as work:
        for name, (options, extra) in CASES.items():
            folder = miniature(os.path.join(work, name), *options)
            run = {**BASE, **extra}
            cases[name] = {"options": options, "settings": run, **reference(folder, run, os.path.join(work, name + "-peft"))}
    with open(GOLDEN, "w", encoding="utf-8") as f:
        f.write(json.dumps({"versions": train.versions(), "cases": cases}, separators=(",", ":")) + "\n")
    return True


def same_files(engine, name, theirs, again):
    """What PEFT wrote, read and written by the engine: the same bytes."""
    os.makedirs(again)
    subprocess.check_call([engine.peer, "adapter", theirs, again, "base"])
    with open(os.path.join(theirs, "adapter_config.json"), encoding="utf-8") as f:
        config = json.load(f)
    config["target_modules"].sort()  # a set's order, in PEFT
    with open(os.path.join(again, "adapter_config.json"), encoding="utf-8") as f:
        check(f"{name}: adapter_config.json has PEFT's bytes", f.read() == json.dumps(config, indent=2, sort_keys=True))
    files = [open(os.path.join(d, "adapter_model.safetensors"), "rb").read() for d in (theirs, again)]
    check(f"{name}: adapter_model.safetensors has PEFT's bytes", files[0] == files[1])


def peft_logits(folder, adapter):
    from peft import PeftModel

    model = PeftModel.from_pretrained(train.load(folder)[0], adapter).eval()
    with torch.no_grad():
        return model(input_ids=torch.tensor([IDS])).logits[0].float().numpy()


def engine_logits(engine, folder, adapter):
    with tempfile.NamedTemporaryFile() as f:
        subprocess.check_call([engine.program, "logits", folder, "fp32-ref", f.name, ",".join(map(str, IDS)), adapter])
        return np.fromfile(f.name, dtype="<f4").reshape(len(IDS), -1)


def one_case(engine, name, folder, run, work):
    peft, ours, again = (os.path.join(work, f"{name}-{which}") for which in ("peft", "ours", "again"))
    theirs = reference(folder, run, peft)
    mine = engine.train(folder, as_words(run), ours)
    train.compare_run(name, mine, theirs, 1e-3)
    train.compare_tensors(name, ours, theirs["tensors"], 1e-3)
    same_files(engine, name, peft, again)
    with open(os.path.join(again, "adapter_config.json")) as a, open(os.path.join(ours, "adapter_config.json")) as b:
        check(f"{name}: the engine's own adapter_config.json has PEFT's bytes", a.read() == b.read())
    for which, adapter in (("PEFT's adapter", peft), ("the engine's adapter", ours)):
        error = float(np.max(np.abs(engine_logits(engine, folder, adapter) - peft_logits(folder, adapter))))
        check(f"{name}: {which}, logits within 1e-4 of PEFT's", error <= 1e-4, f"worst {error:.2e}")
    wide = {**run, "profile": "bf16-dp"}
    train.compare_run(f"{name} in bf16-dp", engine.train(folder, as_words(wide), ours), theirs, 1e-2)


def live(objects):
    engine = train.Engine(objects)
    with tempfile.TemporaryDirectory() as work:
        for name, (options, extra) in CASES.items():
            one_case(engine, name, miniature(os.path.join(work, name), *options), {**BASE, **extra}, work)
    print(f"1..{len(train.results)}")
    return all(train.results)


def main():
    arguments = sys.argv[1:]
    if arguments == ["--golden"]:
        return 0 if golden() else 1
    return 0 if live(os.path.abspath(arguments[0]) if arguments else os.path.join(ROOT, "build", "release")) else 1


if __name__ == "__main__":
    sys.exit(main())
