#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""8-bit AdamW beside bitsandbytes, its maps and its optimiser on the CPU, and beside a NumPy reference of the rule in docs/formats/numerics.md.

    tests/parity/optim8.py [O]        TAP on stdout; builds O/tests/parity/engine (O is build/release)
    tests/parity/optim8.py --golden   writes tests/tensor/golden/adamw8.json and tests/train/golden/optim8.json

The reference looks for the nearest of a map's values among all 256. bitsandbytes on the CPU looks a number's code up in a table of 65,536
entries over [-1, 1], so that what is below 1.5e-5 of a block's largest becomes 0 there (its CUDA kernel searches the map): the same steps
agree to what that costs. Packages are those of tests/parity/requirements.txt.
"""
import functools
import json
import os
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import numpy as np
import torch
import bitsandbytes  # before train, which keeps it out
import bitsandbytes.functional as bnb
import train
from train import COMMON, ROOT, RUNS, check, results

F32 = np.float32
BLOCK, COUNT, STEPS = 256, 700, 4
RULE = {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.1, "lr": 0.01}
CLIP = 0.5
ADAMW8 = os.path.join(ROOT, "tests", "tensor", "golden", "adamw8.json")
TRAINED = {name: {**COMMON, **RUNS[name]} for name in ("lora-fp32", "full-fp32")}
TRAINED["lora-fp32"] = {**TRAINED["lora-fp32"], "learning_rate": 2e-3, "r": 64, "lora_alpha": 64}  # wide enough for 8 bits


def noise(seed, count, scale):
    """noise_floats of tests/tensor/support.h."""
    state, out = (seed * 2654435761 + 1) % 2**64, []
    for _ in range(count):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        out.append(F32(scale) * (F32(state >> 40) * F32(2**-23) - F32(1)))
    return np.array(out, dtype=F32)


def gradient(step):
    """Over twelve octaves, a seventh of it zeros."""
    g = noise(20 + step, COUNT, 0.125)
    at = np.arange(COUNT)
    return np.where((at + step) % 7 == 0, F32(0), np.ldexp(g, -(at % 12))).astype(F32)


def plain_gradient(step):
    return noise(40 + step, COUNT, 0.125)


def maps():
    return [bnb.create_dynamic_map(signed=s).numpy().astype(F32) for s in (True, False)]


# ---- the reference ----


def fma(a, b, c):
    return (a.astype(np.float64) * np.float64(b) + c.astype(np.float64)).astype(F32)


def decode(values, codes, absmax):
    return values[codes] * np.repeat(absmax, BLOCK)[: len(codes)]


def encode(values, x):
    codes, absmax = np.empty(len(x), dtype=np.uint8), []
    for at in range(0, len(x), BLOCK):
        block = x[at : at + BLOCK]
        absmax.append(np.abs(block).max())
        part = (block / absmax[-1]).astype(np.float64)
        codes[at : at + BLOCK] = np.abs(part[:, None] - values.astype(np.float64)).argmin(axis=1)
    return codes, np.array(absmax, dtype=F32)


def reference(signed, unsigned, gradient):
    p, r = noise(11, COUNT, 1), RULE
    m = v = np.zeros(COUNT, dtype=np.uint8)
    m_absmax = v_absmax = np.zeros(-(-COUNT // BLOCK), dtype=F32)
    for step in range(1, STEPS + 1):
        g = gradient(step) * F32(CLIP)
        first, second = decode(signed, m, m_absmax), decode(unsigned, v, v_absmax)
        first = fma(g - first, F32(1 - r["beta1"]), first)
        second = (((F32(1 - r["beta2"]) * g).astype(np.float64) * g) + (second * F32(r["beta2"])).astype(np.float64)).astype(F32)
        root = np.sqrt(second) / F32((1 - r["beta2"] ** step) ** 0.5) + F32(r["eps"])
        p = p * F32(1 - r["lr"] * r["weight_decay"]) - F32(r["lr"] / (1 - r["beta1"] ** step)) * (first / root)
        m, m_absmax = encode(signed, first)
        v, v_absmax = encode(unsigned, second)
    return {"p": p, "m": m, "v": v, "m_absmax": m_absmax, "v_absmax": v_absmax}


def bits(x):
    return [int(b) for b in (x if x.dtype == np.uint8 else x.view(np.uint32))]


def steps_golden():
    signed, unsigned = maps()
    made = reference(signed, unsigned, gradient)
    return {"versions": versions(), "signed": bits(signed), "unsigned": bits(unsigned), **{k: bits(x) for k, x in made.items()}}


# ---- bitsandbytes' own ----


def versions():
    return {**train.versions(), "bitsandbytes": bitsandbytes.__version__, "numpy": np.__version__}


def bitsandbytes_steps():
    """Gradients of one magnitude through bitsandbytes' operator, on the CPU."""
    blocks = -(-COUNT // BLOCK)
    p = torch.from_numpy(noise(11, COUNT, 1))
    codes = [torch.zeros(COUNT, dtype=torch.uint8) for _ in range(2)]
    absmax = [torch.zeros(blocks) for _ in range(2)]
    qmaps = [torch.from_numpy(x) for x in maps()]
    for step in range(1, STEPS + 1):
        bnb.optimizer_update_8bit_blockwise("adam", torch.from_numpy(plain_gradient(step)), p, *codes, RULE["beta1"], RULE["beta2"], 0.0, 0.0,
                                            RULE["eps"], step, RULE["lr"], *qmaps, *absmax, RULE["weight_decay"], gnorm_scale=CLIP)
    return {"p": p.numpy(), "m": decode(maps()[0], codes[0].numpy(), absmax[0].numpy()),
            "v": decode(maps()[1], codes[1].numpy(), absmax[1].numpy())}


def compare_steps():
    with open(ADAMW8, encoding="utf-8") as f:
        kept = json.load(f)
    signed, unsigned = maps()
    check("the maps of bitsandbytes, bit for bit", kept["signed"] == bits(signed) and kept["unsigned"] == bits(unsigned))
    made = reference(signed, unsigned, gradient)
    check("the reference's steps, bit for bit", all(kept[k] == bits(x) for k, x in made.items()))
    made, theirs = reference(signed, unsigned, plain_gradient), bitsandbytes_steps()
    moved = float(np.abs(theirs["p"] - made["p"]).max()) / RULE["lr"]
    check("bitsandbytes' parameters within 5 % of a step", moved <= 0.05, f"worst {moved:.2e} of the learning rate")
    for name, values, absmax in (("m", signed, made["m_absmax"]), ("v", unsigned, made["v_absmax"])):
        ours = decode(values, made[name], absmax)
        off = float((np.abs(theirs[name] - ours) / np.repeat(absmax, BLOCK)[:COUNT]).max())
        check(f"bitsandbytes' {name} within a code's width", off <= 1.5e-2, f"worst {off:.2e} of absmax")


# ---- whole runs ----


def trl_run(folder, run):
    train.config = functools.partial(train.config, optim="adamw_bnb_8bit")
    try:
        return train.trl_run(folder, run)
    finally:
        train.config = train.config.func


def compare_runs(objects):
    engine = train.Engine(objects)
    with tempfile.TemporaryDirectory() as work:
        folder = train.miniature(os.path.join(work, "miniature"))
        for name, run in TRAINED.items():
            out = os.path.join(work, name)
            theirs = trl_run(folder, run)
            ours = engine.train(folder, {**run, "optim": "adamw_bnb_8bit"}, out)
            wide = engine.train(folder, run, out)
            train.compare_run(f"miniature {name}, 8 bits", ours, theirs, 2e-4)
            loss = train.worst(ours["loss"], wide["loss"])
            check(f"miniature {name}: losses in 8 bits within 2e-4 of those in f32", 0 < loss <= 2e-4, f"worst {loss:.2e}")


def golden():
    with open(ADAMW8, "w", encoding="utf-8") as f:
        f.write(json.dumps(steps_golden(), separators=(",", ":")) + "\n")
    with tempfile.TemporaryDirectory() as work:
        folder = train.miniature(os.path.join(work, "miniature"))
        runs = {n: {"settings": r, "loss": trl_run(folder, r)["loss"]} for n, r in TRAINED.items()}
    train.write("optim8.json", {"versions": versions(), "runs": runs})
    return True


def main():
    if sys.argv[1:] == ["--golden"]:
        return 0 if golden() else 1
    compare_steps()
    compare_runs(os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else os.path.join(ROOT, "build", "release"))
    print(f"1..{len(results)}")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
