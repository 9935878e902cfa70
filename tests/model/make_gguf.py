#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a miniature GGUF file and the f32 safetensors file that importing it must give, from Python's standard library alone.

    tests/model/make_gguf.py        writes tests/model/golden/{mini,qwen2}.gguf, {mini,qwen2}-f32.safetensors, llama3.gguf, surplus.gguf and
                                     marked.gguf

One layer, hidden 32, 2 query heads and 1 key/value head of 16, feed-forward 64, vocabulary 264, one tensor of each type with blocks
of at most 32. The quantised blocks are drawn first and their values computed from them by the formulae of ggml's documentation, so
the expectation does not come from the code under test. qwen2 has biases and keeps its rows as they are; llama3 is mini with the factors
of Llama 3's rotation; surplus is mini with factors that are none; marked has a vocabulary of SentencePiece's kind.
"""
import json
import math
import os
import random
import struct

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden")
C, HEADS, KV, D, F = 32, 2, 1, 16, 64
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
TEMPLATE = ("{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}"
            "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}")
rng = random.Random(20)


def f32(v):
    return struct.unpack("<f", struct.pack("<f", v))[0]


def half():
    return struct.unpack("<e", struct.pack("<e", rng.uniform(-0.02, 0.02)))[0]


def block_f32():
    v = [f32(rng.uniform(-1, 1))]
    return struct.pack("<f", v[0]), v


def block_f16():
    v = half()
    return struct.pack("<e", v), [v]


def block_bf16():
    b = rng.randrange(0x3C00, 0x3F80) | rng.choice((0, 0x8000))
    return struct.pack("<H", b), [struct.unpack("<f", struct.pack("<I", b << 16))[0]]


def block_q4_0():
    d, q = half(), bytes(rng.randrange(256) for _ in range(16))
    return struct.pack("<e", d) + q, [f32(d * (n - 8)) for n in [b & 15 for b in q] + [b >> 4 for b in q]]


def block_q4_1():
    d, m, q = half(), half(), bytes(rng.randrange(256) for _ in range(16))
    return struct.pack("<ee", d, m) + q, [f32(d * n + m) for n in [b & 15 for b in q] + [b >> 4 for b in q]]


def fives(high, q):
    low = [b & 15 for b in q] + [b >> 4 for b in q]
    return [n | (high >> i & 1) << 4 for i, n in enumerate(low)]


def block_q5_0():
    d, high, q = half(), rng.getrandbits(32), bytes(rng.randrange(256) for _ in range(16))
    return struct.pack("<eI", d, high) + q, [f32(d * (n - 16)) for n in fives(high, q)]


def block_q5_1():
    d, m, high, q = half(), half(), rng.getrandbits(32), bytes(rng.randrange(256) for _ in range(16))
    return struct.pack("<eeI", d, m, high) + q, [f32(d * n + m) for n in fives(high, q)]


def block_q8_0():
    d, q = half(), [rng.randrange(-128, 128) for _ in range(32)]
    return struct.pack("<e32b", d, *q), [f32(d * n) for n in q]


TYPES = {"F32": (0, 1, block_f32), "F16": (1, 1, block_f16), "BF16": (30, 1, block_bf16), "Q4_0": (2, 32, block_q4_0), "Q4_1": (3, 32, block_q4_1),
         "Q5_0": (6, 32, block_q5_0), "Q5_1": (7, 32, block_q5_1), "Q8_0": (8, 32, block_q8_0)}


MARKED = ["\u2581", "t", "h", "e", "1", "2", "he", "\u2581t", "\u2581the", "the", "<tool>"]


def marked():
    """Tokens, types and scores: `the` is better than `he`, and `▁t` better than both, so "the" alone becomes `▁the` of `▁t` and `he`."""
    tokens = ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)] + MARKED
    scores = [0.0] * 259 + [-1e9] * 6 + [-3.0, -1.0, -4.0, -2.0, 0.0]
    return tokens, [2, 3, 3] + [6] * 256 + [1] * (len(MARKED) - 1) + [4], scores


def vocabulary(pre):
    if pre == "llama":
        return marked()
    printable = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    rest = iter(range(256, 512))
    letters = {b: chr(b) if b in printable else chr(next(rest)) for b in range(256)}
    merges = ["h e", "\u0120 t", "\u0120t he", "1 2"]
    tokens = SPECIAL + [letters[b] for b in range(256)] + [m.replace(" ", "") for m in merges] + ["<tool>"]
    return tokens, [3] * 3 + [1] * (256 + len(merges)) + [4], merges


def text(s):
    return struct.pack("<Q", len(s.encode())) + s.encode()


def entry(key, kind, value):
    kinds = {"u32": (4, "<I"), "f32": (6, "<f"), "bool": (7, "<?")}
    if kind in kinds:
        return text(key) + struct.pack("<I", kinds[kind][0]) + struct.pack(kinds[kind][1], value)
    if kind == "text":
        return text(key) + struct.pack("<I", 8) + text(value)
    if kind == "f32s":
        return text(key) + struct.pack("<IIQ", 9, 6, len(value)) + struct.pack(f"<{len(value)}f", *value)
    if kind == "texts":
        return text(key) + struct.pack("<IIQ", 9, 8, len(value)) + b"".join(text(v) for v in value)
    return text(key) + struct.pack("<IIQ", 9, 5, len(value)) + struct.pack(f"<{len(value)}i", *value)


def metadata(pre, add_bos, architecture):
    tokens, types, merges = vocabulary(pre)
    kind = [("tokenizer.ggml.model", "text", "llama"), ("tokenizer.ggml.scores", "f32s", merges)] if pre == "llama" else [
        ("tokenizer.ggml.model", "text", "gpt2"), ("tokenizer.ggml.pre", "text", pre), ("tokenizer.ggml.merges", "texts", merges)]
    entries = [("general.architecture", "text", architecture), ("general.name", "text", "mini"), ("general.alignment", "u32", 64),
            ("llama.block_count", "u32", 1), ("llama.context_length", "u32", 128), ("llama.embedding_length", "u32", C),
            ("llama.feed_forward_length", "u32", F), ("llama.attention.head_count", "u32", HEADS), ("llama.attention.head_count_kv", "u32", KV),
            ("llama.rope.freq_base", "f32", 10000.0), ("llama.attention.layer_norm_rms_epsilon", "f32", 1e-5), ("llama.rope.dimension_count", "u32", D),
            ("llama.vocab_size", "u32", len(tokens)), ("llama.expert_count", "u32", 0)] + kind[:-1] + [("tokenizer.ggml.tokens", "texts", tokens), ("tokenizer.ggml.token_type", "i32s", types),
            kind[-1], ("tokenizer.ggml.bos_token_id", "u32", 1), ("tokenizer.ggml.eos_token_id", "u32", 2),
            ("tokenizer.ggml.padding_token_id", "u32", 2), ("tokenizer.ggml.unknown_token_id", "u32", 0), ("tokenizer.ggml.add_bos_token", "bool", add_bos),
            ("tokenizer.ggml.add_space_prefix", "bool", pre == "llama"), ("tokenizer.chat_template", "text", TEMPLATE)]
    return [(key.replace("llama.", architecture + ".") if key.startswith("llama.") else key, kind, value) for key, kind, value in entries]


def llama3_factors():
    """By how much llama.cpp's converter says that each frequency is slowed: factor 8, low 1, high 4, original length 8192."""
    out = []
    for i in range(D // 2):
        wavelength = 2 * math.pi * 10000.0 ** (2 * i / D)
        smooth = (8192 / wavelength - 1) / 3
        out.append(1.0 if wavelength < 8192 / 4 else 8.0 if wavelength > 8192 else 1 / ((1 - smooth) / 8 + smooth))
    return out


BIASES = [("blk.0.attn_q", "self_attn.q_proj", HEADS), ("blk.0.attn_k", "self_attn.k_proj", KV), ("blk.0.attn_v", "self_attn.v_proj", KV)]


def tensors(surplus, pre):
    vocab = len(vocabulary(pre)[0])
    layer = "model.layers.0."
    return ([("rope_freqs", "rope_freqs", "F32", None, D // 2)] if surplus else []) + [("token_embd", "model.embed_tokens", "Q8_0", vocab, C), ("blk.0.attn_norm", layer + "input_layernorm", "F32", None, C),
            ("blk.0.ffn_down", layer + "mlp.down_proj", "Q5_1", C, F), ("blk.0.ffn_gate", layer + "mlp.gate_proj", "Q4_0", F, C),
            ("blk.0.ffn_up", layer + "mlp.up_proj", "Q5_0", F, C), ("blk.0.ffn_norm", layer + "post_attention_layernorm", "F32", None, C),
            ("blk.0.attn_k", layer + "self_attn.k_proj", "F32", KV * D, C), ("blk.0.attn_output", layer + "self_attn.o_proj", "BF16", C, HEADS * D),
            ("blk.0.attn_q", layer + "self_attn.q_proj", "Q4_1", HEADS * D, C), ("blk.0.attn_v", layer + "self_attn.v_proj", "F16", KV * D, C),
            ("output_norm", "model.norm", "F32", None, C)]


def make_rows(kind, rows, columns):
    _, elements, draw = TYPES[kind]
    data, values = b"", []
    for _ in range(rows or 1):
        row = []
        for _ in range(columns // elements):
            block, value = draw()
            data += block
            row += value
        values.append(row)
    return data, values


def halves(values, heads):
    """GGUF keeps the rows of q and k as pairs (i, i + D/2): row h*D + 2*i + j is the model's row h*D + j*D/2 + i."""
    out = [None] * len(values)
    for h in range(heads):
        for i in range(D // 2):
            for j in range(2):
                out[h * D + j * D // 2 + i] = values[h * D + 2 * i + j]
    return out


def make(pre="smollm", add_bos=False, surplus=False, architecture="llama", factors=()):
    """The GGUF file, and the safetensors file that it becomes."""
    rng.seed(20)
    entries = metadata(pre, add_bos, architecture)
    records, data, expected = b"", b"", {}
    listed = [(g + ".weight", h + ".weight", kind, rows, columns) for g, h, kind, rows, columns in tensors(surplus, pre)]
    if architecture == "qwen2":
        listed += [(g + ".bias", f"model.layers.0.{h}.bias", "F32", None, heads * D) for g, h, heads in BIASES]
    for gguf, hf, kind, rows, columns in listed:
        raw, values = make_rows(kind, rows, columns)
        if architecture == "llama" and ("attn_q" in gguf or "attn_k" in gguf):
            values = halves(values, HEADS if "attn_q" in gguf else KV)
        sizes = [columns] if rows is None else [columns, rows]
        records += text(gguf) + struct.pack(f"<I{len(sizes)}QIQ", len(sizes), *sizes, TYPES[kind][0], len(data))
        data += raw + b"\0" * (-len(raw) % 64)
        flat = [v for row in values for v in row]
        expected[hf] = (sizes[::-1], struct.pack(f"<{len(flat)}f", *flat))
    if factors:
        records += text("rope_freqs.weight") + struct.pack("<IQIQ", 1, D // 2, TYPES["F32"][0], len(data))
        data += struct.pack(f"<{D // 2}f", *factors) + b"\0" * (-2 * D % 64)
    front = b"GGUF" + struct.pack("<IQQ", 3, len(expected) + bool(factors), len(entries)) + b"".join(entry(*e) for e in entries) + records
    header, at = {"__metadata__": {"format": "pt"}}, 0
    for name in sorted(expected):
        shape, raw = expected[name]
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + len(raw)]}
        at += len(raw)
    line = json.dumps(header, separators=(",", ":")).encode()
    line += b" " * (-len(line) % 8)
    return (front + b"\0" * (-len(front) % 64) + data,
            struct.pack("<Q", len(line)) + line + b"".join(expected[n][1] for n in sorted(expected)))


def main():
    os.makedirs(FOLDER, exist_ok=True)
    qwen2 = make(pre="qwen2", architecture="qwen2")
    contents = make() + qwen2 + make(factors=llama3_factors())[:1] + make(surplus=True)[:1] + make(pre="llama", add_bos=True)[:1]
    names = ("mini.gguf", "mini-f32.safetensors", "qwen2.gguf", "qwen2-f32.safetensors", "llama3.gguf", "surplus.gguf", "marked.gguf")
    for name, content in zip(names, contents, strict=True):
        with open(os.path.join(FOLDER, name), "wb") as f:
            f.write(content)


if __name__ == "__main__":
    main()
