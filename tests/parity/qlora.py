#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""NF4 and QLoRA beside bitsandbytes, TRL and PEFT on CPU.

    tests/parity/qlora.py [O]        TAP on stdout; builds O/tests/parity/engine (O is build/release)
    tests/parity/qlora.py --golden   writes tests/tensor/golden_nf4.h and tests/train/golden/qlora.json

Codes, second scales and values come from bitsandbytes. Its CPU path finds the 8-bit code of a scale in a table of 65,536 places and so
takes the neighbour now and then; the goldens hold the nearest code, which is what its CUDA kernels and its portable operator take, and say
how often the CPU path differs. Packages are those of tests/parity/requirements.txt.
"""
import contextlib
import json
import os
import sys
import tempfile

import bitsandbytes
import bitsandbytes.functional as bnb
import numpy as np
import torch

import train
from train import ALL, COMMON, ROOT, check, miniature

HEADER = os.path.join(ROOT, "tests", "tensor", "golden_nf4.h")
CASES = [(1, 1, False, 64 * 64), (2, 6, False, 192 * 352), (3, 6, True, 128 * 576), (4, 3, False, 300)]  # seed, terms, bf16, elements
KEPT = 64
RUNS = {name: {**COMMON, **train.RUNS[like], "method": "qlora"} for name, like in (("qlora-fp32", "lora-fp32"), ("qlora-bf16", "lora-bf16"))}
TOLERANCE = {"fp32-ref": 1e-3, "bf16-dp": 1e-2}


# ---- NF4 ----


def noise(seed, terms, count):
    """As tests/tensor/support.h draws it, `terms` numbers added in f32."""
    state, mask, out = (seed * 2654435761 + 1) & (2**64 - 1), 2**64 - 1, np.zeros(count, np.float32)
    for i in range(count):
        for _ in range(terms):
            state = (state * 6364136223846793005 + 1442695040888963407) & mask
            out[i] += np.float32(0.0625) * (np.float32(state >> 40) * np.float32(2.0**-23) - np.float32(1))
    return out


def fnv(data):
    h = 0xCBF29CE484222325
    for b in data:
        h = ((h ^ b) * 0x100000001B3) & (2**64 - 1)
    return h


def nearest(absmax, offset, code, block=256):
    """The nearest 8-bit code of every scale, the lower one on a midpoint."""
    rest, out = absmax - offset, []
    for part in torch.split(rest, block):
        factor = torch.tensor(1.0) / part.abs().max()
        out.append(torch.bucketize(part * factor, (code[:-1] + code[1:]) / 2))
    return torch.cat(out).to(torch.uint8)


def quantised(seed, terms, bf16, count):
    x = torch.from_numpy(noise(seed, terms, count)).to(torch.bfloat16 if bf16 else torch.float32)
    packed, plain = bnb.quantize_4bit(x, blocksize=64, quant_type="nf4")
    again, state = bnb.quantize_4bit(x, blocksize=64, quant_type="nf4", compress_statistics=True)
    assert torch.equal(packed, again)
    scales = nearest(plain.absmax, state.offset, state.state2.code)
    differing = int((scales != state.absmax).sum())
    state.absmax, state.dtype = scales, torch.float32
    values = bnb.dequantize_4bit(packed, state).reshape(-1)
    kept = [float(values[k * (count - 1) // (KEPT - 1)]) for k in range(KEPT)]
    return {"codes": fnv(packed.reshape(-1).tolist()), "scales": scales.tolist(), "offset": float(state.offset),
            "nested": state.state2.absmax.tolist(), "kept": kept, "differing": differing, "table": state.state2.code}


def rows_of(values, text, width):
    return "".join("    " + ", ".join(text(v) for v in values[i:i + width]) + ",\n" for i in range(0, len(values), width))


def float_text(v):
    return f"{v:.9g}f" if "." in f"{v:.9g}" or "e" in f"{v:.9g}" else f"{v:.9g}.0f"


def header():
    made = [quantised(*case) for case in CASES]
    bits = [int(b) for b in made[0]["table"].numpy().view(np.uint32)]
    differing, scales = sum(m["differing"] for m in made), sum(len(m["scales"]) for m in made)
    out = ["/* SPDX-License-Identifier: Apache-2.0\n *\n * Written by tests/parity/qlora.py --golden with bitsandbytes "
           f"{bitsandbytes.__version__} on torch {torch.__version__.split('+')[0]}.\n * Its CPU path takes a neighbour's code for "
           f"{differing} of these {scales} scales.\n */\n", "/* clang-format off */\n#include \"tensor/tensor.h\"\n\n", f"#define NF4_KEPT {KEPT}\n",
           "typedef struct nf4_case {\n    uint64_t seed;\n    unsigned terms;\n    bool bf16;\n    size_t count;\n    uint64_t codes; /* FNV-1a */\n"
           "    const uint8_t *scales;\n    double offset;\n    const float *nested;\n    float kept[NF4_KEPT];\n} nf4_case;\n\n",
           "static const uint32_t NF4_DYNAMIC_BITS[256] = {\n" + rows_of(bits, lambda b: f"0x{b:08x}", 10) + "};\n\n"]
    for i, m in enumerate(made):
        out.append(f"static const uint8_t SCALES_{i}[] = {{\n" + rows_of(m["scales"], str, 24) + "};\n")
        out.append(f"static const float NESTED_{i}[] = {{\n" + rows_of(m["nested"], float_text, 8) + "};\n\n")
    out.append("static const nf4_case NF4_CASES[] = {\n")
    for i, ((seed, terms, bf16, count), m) in enumerate(zip(CASES, made)):
        out.append(f"{{{seed}, {terms}, {'true' if bf16 else 'false'}, {count}, 0x{m['codes']:016x}, SCALES_{i}, {m['offset']:.9g}, NESTED_{i}, {{\n"
                   + rows_of(m["kept"], float_text, 8) + "}},\n")
    return "".join(out) + "};\n", differing, scales


# ---- training ----


def load(folder, run):
    from peft import LoraConfig, get_peft_model, prepare_model_for_kbit_training
    from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig, set_seed

    compute = torch.bfloat16 if run["profile"] == "bf16-dp" else torch.float32
    four = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=compute)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, quantization_config=four)
    model = prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)
    set_seed(run["seed"])
    model = get_peft_model(model, LoraConfig(r=run["r"], lora_alpha=run["lora_alpha"], target_modules=ALL, task_type="CAUSAL_LM"))
    return model, AutoTokenizer.from_pretrained(folder)


def trl_run(folder, run, narrow=False):
    """TRL's run; unless `narrow`, its adapters stay in f32 as the engine's do: TRL rounds those of a quantised model to bf16."""
    from datasets import Dataset

    model, tokenizer = load(folder, run)
    model.base_model.model.is_loaded_in_4bit = narrow
    with tempfile.TemporaryDirectory() as out, contextlib.redirect_stdout(sys.stderr):
        trainer = train.trainer_class()(model=model, args=train.config(out, run), train_dataset=Dataset.from_list(train.read("pairs")),
                                        processing_class=tokenizer)
        kinds = {p.dtype for p in trainer.model.parameters() if p.requires_grad}
        assert kinds == {torch.bfloat16 if narrow else torch.float32}, kinds
        trainer.train()
    tensors = {}
    for name, p in trainer.model.named_parameters():
        if p.requires_grad:
            values = p.detach().float().numpy().reshape(-1)
            tensors[name.replace(".default", "")] = [float(np.linalg.norm(values.astype(np.float64)))]
    return {"loss": trainer.losses, "grad_norm": trainer.norms, "tensors": tensors}


def which_linears(folder):
    model, _ = load(folder, RUNS["qlora-fp32"])
    four = sorted(n.split(".layers.")[-1].split(".base_layer")[0] for n, m in model.named_modules() if type(m).__name__ == "Linear4bit"
                  and "base_layer" in n)
    other = [n for n, m in model.named_modules() if isinstance(m, torch.nn.Linear) and type(m) is torch.nn.Linear and "lora" not in n]
    return four, other


def golden():
    with open(HEADER, "w", encoding="utf-8") as f:
        f.write(header()[0])
    with tempfile.TemporaryDirectory() as work:
        folder = miniature(os.path.join(work, "miniature"))
        runs = {name: {"settings": run, **trl_run(folder, run)} for name, run in RUNS.items()}
        for run in runs.values():
            del run["tensors"]
    train.write("qlora.json", {"versions": {**train.versions(), "bitsandbytes": bitsandbytes.__version__}, "runs": runs})
    return True


def live(objects):
    engine = train.Engine(objects)
    text, differing, scales = header()
    with open(HEADER, encoding="utf-8") as f:
        kept = f.read().split("*/\n", 1)[1]
    check("NF4: the golden is what bitsandbytes makes here", text.split("*/\n", 1)[1] == kept)
    check("NF4: its CPU path takes few other codes of scales", differing <= scales / 20, f"{differing} of {scales}")
    with tempfile.TemporaryDirectory(dir=os.path.join(ROOT, "build")) as work:
        folder, ids = miniature(os.path.join(work, "miniature")), list(range(3, 320, 20))
        four, other = which_linears(folder)
        check("all Linears but lm_head are quantised", len(four) == 14 and [n.split(".")[-1] for n in other] == ["lm_head"], str(other))
        for name, run in RUNS.items():
            out = os.path.join(work, name)
            theirs, ours = trl_run(folder, run), engine.train(folder, run, out)
            train.compare_run(name, ours, theirs, TOLERANCE[run["profile"]])
            if run["profile"] == "fp32-ref":
                train.compare_tensors(name, out, theirs["tensors"], 1e-3)
            else:
                train.compare_run(name + ", TRL's adapters in bf16", ours, trl_run(folder, run, narrow=True), 1e-2)
        train.peft_logits(engine, folder, os.path.join(work, "qlora-fp32"), ids)
    print(f"1..{len(train.results)}")
    return all(train.results)


def main():
    arguments = sys.argv[1:]
    if arguments == ["--golden"]:
        return 0 if golden() else 1
    return 0 if live(os.path.abspath(arguments[0]) if arguments else os.path.join(ROOT, "build", "release")) else 1


if __name__ == "__main__":
    sys.exit(main())
