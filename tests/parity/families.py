#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Miniatures of every family beside transformers, TRL, PEFT and gguf: logits, training, folders in and out.

    tests/parity/families.py [O]        TAP on stdout; builds O/tests/parity/engine (O is build/release)
    tests/parity/families.py --golden   writes tests/train/golden/families.json, which `make test` compares against

The miniatures are those of tools/make-miniature.py --family. Packages are those of tests/parity/requirements.txt.
"""
import json
import os
import sys
import tempfile

import numpy as np
import torch

import train
from train import ROOT, check, miniature

GOLDEN = os.path.join(train.GOLDEN, "families.json")
CASES = {"llama3": ["--family", "llama3"], "linear": ["--family", "linear"], "mistral": ["--family", "mistral"],
         "qwen2": ["--family", "qwen2"], "qwen2 untied": ["--family", "qwen2", "--untied"],
         "odd vocabulary": ["--extra", "1"], "odd untied": ["--extra", "1", "--untied"]}
IDS = [(7 * i * i + 3 * i + 5) % 317 + 3 for i in range(60)]  # longer than the window
KEPT = [0, 1, 23, 24, 25, 59]  # positions of which the golden keeps logits: around the window's edge
STEPS = {**train.COMMON, "max_steps": 5}
RUNS = {name: {**STEPS, **train.RUNS[name]} for name in ("lora-fp32", "lora-bf16", "full-fp32")}
# head_dim, theta, factor, low, high, original: Llama 3.1 8B, Llama 3.2 1B, the miniature, and settings that no model has.
ROPES = [(128, 500000.0, 8.0, 1.0, 4.0, 8192), (64, 500000.0, 32.0, 1.0, 4.0, 8192), (16, 500000.0, 8.0, 1.0, 4.0, 8192),
         (128, 10000.0, 3.7, 1.3, 7.1, 4000), (256, 1000000.0, 16.0, 0.5, 2.5, 2048)]


def rope_bits(setting):
    """The bits of transformers' frequencies: default, linear and llama3."""
    from transformers import LlamaConfig
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS
    from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

    dim, theta, factor, low, high, original = setting
    kinds = {"default": {}, "linear": {"factor": factor},
             "llama3": {"factor": factor, "low_freq_factor": low, "high_freq_factor": high, "original_max_position_embeddings": original}}
    out = {}
    for kind, more in kinds.items():
        config = LlamaConfig(hidden_size=4 * dim, num_attention_heads=4, head_dim=dim,
                             rope_parameters={"rope_type": kind, "rope_theta": theta, **more})
        if kind == "default":
            values, _ = LlamaRotaryEmbedding.compute_default_rope_parameters(config)
        else:
            values, _ = ROPE_INIT_FUNCTIONS[kind](config, "cpu")
        out[kind] = [int(b) for b in values.numpy().view(np.uint32)]
    return out


def gradients(folder):
    """Loss of the next tokens of IDS (a mean) and every gradient: its norm and first four values."""
    model, _ = train.load(folder)
    loss = model(input_ids=torch.tensor([IDS]), labels=torch.tensor([IDS])).loss
    loss.backward()
    out = {}
    for name, p in model.named_parameters():
        values = p.grad.double().numpy().reshape(-1)
        out[name] = [float(np.linalg.norm(values))] + [float(v) for v in values[:4]]
    return {"loss": loss.item(), "gradients": out}


def golden():
    cases = {}
    with tempfile.TemporaryDirectory() as work:
        for name, options in CASES.items():
            folder = miniature(os.path.join(work, name), *options)
            logits = train.torch_logits(folder, IDS)
            runs = {n: {"settings": r, **train.trl_run(folder, r)} for n, r in RUNS.items()}
            for run in runs.values():
                del run["tensors"]
            cases[name] = {"options": options, "logits": {str(i): [float(f"{v:.7g}") for v in logits[i]] for i in KEPT},
                           **gradients(folder), "runs": runs}
    ropes = [{"setting": list(s), **rope_bits(s)} for s in ROPES]
    content = {"versions": train.versions(), "ids": IDS, "cases": cases, "ropes": ropes}
    with open(GOLDEN, "w", encoding="utf-8") as f:
        f.write(json.dumps(content, separators=(",", ":")) + "\n")
    return True


def full_folder(engine, name, out):
    """The trained folder in transformers: nothing missing, the family's class, the engine's logits."""
    from transformers import AutoConfig, AutoModelForCausalLM

    model, info = AutoModelForCausalLM.from_pretrained(out, output_loading_info=True)
    wanted = AutoConfig.from_pretrained(out).architectures[0]
    clean = not any(info[k] for k in info if k != "error_msgs") and not info.get("error_msgs")
    check(f"{name}: transformers loads the trained folder whole, as {wanted}", clean and type(model).__name__ == wanted, str(info))
    with torch.no_grad():
        theirs = model(input_ids=torch.tensor([IDS])).logits[0].numpy()
    train.compare_logits(f"{name}: trained folder", engine.logits(out, "fp32-ref", IDS, theirs.shape[1]), theirs, 1e-4)


def saved_again(engine, name, folder, work):
    """What transformers saves, in its own spelling and in shards, gives the engine's logits and steps of the original."""
    model, tokenizer = train.load(folder)
    again = os.path.join(work, name + "-again")
    model.save_pretrained(again, max_shard_size="100KB")
    tokenizer.save_pretrained(again)
    shards = [f for f in os.listdir(again) if f.endswith(".safetensors")]
    same = np.array_equal(engine.logits(folder, "fp32-ref", IDS, -1), engine.logits(again, "fp32-ref", IDS, -1))
    check(f"{name}: saved by transformers in {len(shards)} shards, the same logits", same and len(shards) > 1)
    with open(os.path.join(folder, "tokenizer.json")) as f, open(os.path.join(again, "tokenizer.json"), "w") as t:
        t.write(f.read())
    a, b = (engine.train(f, RUNS["lora-fp32"], os.path.join(work, "shards")) for f in (folder, again))
    check(f"{name}: and the same training", a == b)
    check(f"{name}: and the same answer", engine.generate(folder, None, 40, IDS[:12]) == engine.generate(again, None, 40, IDS[:12]))


def answers(engine, name, folder):
    """Greedy continuation beyond the window."""
    model, _ = train.load(folder)
    prompt, theirs = IDS[:20], []
    with torch.no_grad():
        while len(theirs) < 40:
            nxt = int(model(input_ids=torch.tensor([prompt + theirs])).logits[0, -1].argmax())
            if nxt == 2:
                break
            theirs.append(nxt)
    check(f"{name}: 40 tokens of greedy generation", engine.generate(folder, None, 40, prompt) == theirs, f"{len(theirs)} tokens")


def as_gguf(folder, path, arch):
    """The folder as llama.cpp's converter would write it: rows of q and k in pairs for llama, factors for llama3."""
    import gguf
    from safetensors.numpy import load_file

    with open(os.path.join(folder, "config.json")) as f:
        c = json.load(f)
    with open(os.path.join(folder, "tokenizer.json")) as f:
        model = json.load(f)["model"]
    w = gguf.GGUFWriter(path, arch)
    w.add_block_count(c["num_hidden_layers"])
    w.add_context_length(c["max_position_embeddings"])
    w.add_embedding_length(c["hidden_size"])
    w.add_feed_forward_length(c["intermediate_size"])
    w.add_head_count(c["num_attention_heads"])
    w.add_head_count_kv(c["num_key_value_heads"])
    w.add_rope_freq_base(c["rope_theta"])
    w.add_layer_norm_rms_eps(c["rms_norm_eps"])
    scaling = c["rope_scaling"] or {}
    if scaling.get("type") == "linear":
        w.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        w.add_rope_scaling_factor(scaling["factor"])
    tokens = sorted(model["vocab"], key=model["vocab"].get)
    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre("qwen2" if arch == "qwen2" else "llama-bpe")
    w.add_token_list(tokens)
    w.add_token_types([3, 3, 3] + [1] * (len(tokens) - 3))
    w.add_token_merges([" ".join(m) for m in model["merges"]])
    w.add_bos_token_id(1)
    w.add_eos_token_id(2)
    w.add_pad_token_id(2)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.QWEN2 if arch == "qwen2" else gguf.MODEL_ARCH.LLAMA, c["num_hidden_layers"])
    for name, value in load_file(os.path.join(folder, "model.safetensors")).items():
        heads = c["num_attention_heads"] if "q_proj" in name else c["num_key_value_heads"] if "k_proj" in name else 0
        if heads and arch == "llama":
            value = value.reshape(heads, 2, value.shape[0] // heads // 2, -1).swapaxes(1, 2).reshape(value.shape)
        w.add_tensor(names.get_name(name, try_suffixes=(".weight", ".bias")), np.ascontiguousarray(value))
    if scaling.get("rope_type") == "llama3":
        bits = rope_bits((c["head_dim"], c["rope_theta"], scaling["factor"], scaling["low_freq_factor"], scaling["high_freq_factor"],
                          scaling["original_max_position_embeddings"]))
        plain, slow = (np.array(bits[k], np.uint32).view(np.float32) for k in ("default", "llama3"))
        w.add_tensor("rope_freqs.weight", (plain / slow).astype(np.float32))
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def imported(engine, name, folder, work):
    import subprocess

    path, out = os.path.join(work, name + ".gguf"), os.path.join(work, name + "-imported")
    as_gguf(folder, path, "qwen2" if "qwen2" in name else "llama")
    os.makedirs(out)
    subprocess.check_call([engine.peer, "import", path, out, "f32"])
    same = np.array_equal(engine.logits(folder, "fp32-ref", IDS, 320), engine.logits(out, "fp32-ref", IDS, 320))
    check(f"{name}: imported from GGUF, the same logits", same)
    theirs = train.torch_logits(out, IDS)
    train.compare_logits(f"{name}: imported", engine.logits(out, "fp32-ref", IDS, 320), theirs, 1e-4)


def one_case(engine, name, folder, work):
    theirs = train.torch_logits(folder, IDS)
    train.compare_logits(name, engine.logits(folder, "fp32-ref", IDS, theirs.shape[1]), theirs, 1e-4)
    answers(engine, name, folder)
    for which, run in RUNS.items():
        out = os.path.join(work, f"{name} {which}")
        reference, ours = train.trl_run(folder, run), engine.train(folder, run, out)
        exact = run["profile"] == "fp32-ref"
        train.compare_run(f"{name} {which}", ours, reference, 1e-3 if exact else 1e-2)
        if exact:
            train.compare_tensors(f"{name} {which}", out, reference["tensors"], 1e-3)
        if which == "lora-fp32":
            train.peft_logits(engine, folder, out, IDS)
        if which == "full-fp32":
            full_folder(engine, name, out)
    saved_again(engine, name, folder, work)
    if name != "mistral" and "odd" not in name:  # GGUF does not tell the window, and a token for every row
        imported(engine, name, folder, work)


def live(objects):
    engine = train.Engine(objects)
    with tempfile.TemporaryDirectory(dir=os.path.join(ROOT, "build")) as work:
        for name, options in CASES.items():
            one_case(engine, name, miniature(os.path.join(work, name), *options), work)
    print(f"1..{len(train.results)}")
    return all(train.results)


def main():
    arguments = sys.argv[1:]
    if arguments == ["--golden"]:
        return 0 if golden() else 1
    return 0 if live(os.path.abspath(arguments[0]) if arguments else os.path.join(ROOT, "build", "release")) else 1


if __name__ == "__main__":
    sys.exit(main())
