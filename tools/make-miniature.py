#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a miniature model as an HF folder, from Python's standard library alone.

    tools/make-miniature.py FOLDER [--dtype f32|bf16] [--seed N] [--untied] [--family llama|llama3|linear|mistral|qwen2] [--shards N] [--extra N]

Two layers, hidden 64, 4 query and 2 key/value heads of 16, feed-forward 128, vocabulary 320 (3 special tokens, 256 bytes, 61 merges
learnt from the text below), ChatML template of SmolLM2. The same arguments give the same bytes on every machine: weights are uniform draws
of MT19937 (no libm), JSON is written by hand-fixed rules. Tests, the example's dry runs and the goldens under tests/parity use it.
"""
import argparse
import json
import os
import random
import struct

HIDDEN, LAYERS, HEADS, KV_HEADS, HEAD_DIM, FEED_FORWARD, VOCAB = 64, 2, 4, 2, 16, 128, 320
# What a family's config.json says otherwise; None: the member is not there. Windows and wavelengths are short, so that rows of a hundred
# tokens reach every case.
WITHOUT_BIASES = {"attention_bias": None, "mlp_bias": None}
FAMILIES = {
    "llama": {},
    "llama3": {"rope_scaling": {"factor": 8.0, "high_freq_factor": 4.0, "low_freq_factor": 1.0, "original_max_position_embeddings": 8192,
                                "rope_type": "llama3"}, "rope_theta": 500000.0},
    "linear": {"rope_scaling": {"factor": 2.0, "type": "linear"}},
    "mistral": {**WITHOUT_BIASES, "architectures": ["MistralForCausalLM"], "model_type": "mistral", "sliding_window": 24},
    "qwen2": {**WITHOUT_BIASES, "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "sliding_window": 24, "use_sliding_window": False},
}
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
TEMPLATE = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n' }}{% endif %}"
    "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
TEXT = (
    "the patient was seen in the clinic and the results of the test were explained to the family . the owner of the data and the "
    "owner of the machine are not the same person , so the machine has to show what it is before the data is opened . when the "
    "answer is no , nothing is opened , and the reason is written down . you are a helpful assistant , and this is the answer "
)


def byte_letters():
    """The byte-level alphabet: printable bytes stand for themselves, the others for U+0100 onwards."""
    printable = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    letters, extra = {}, 0
    for b in range(256):
        if b in printable:
            letters[b] = chr(b)
        else:
            letters[b] = chr(256 + extra)
            extra += 1
    return letters


def learn_merges(count):
    """Plain BPE over TEXT: the most frequent pair first, ties by the pair's text."""
    letters = byte_letters()
    words = [[letters[b] for b in (" " + w).encode()] for w in TEXT.split()]
    merges = []
    while len(merges) < count:
        pairs = {}
        for word in words:
            for pair in zip(word, word[1:]):
                pairs[pair] = pairs.get(pair, 0) + 1
        best = min(pairs, key=lambda p: (-pairs[p], p))
        merges.append(best)
        for word in words:
            i = 0
            while i + 1 < len(word):
                if (word[i], word[i + 1]) == best:
                    word[i : i + 2] = ["".join(best)]
                i += 1
    return merges


def tokenizer_json():
    letters = byte_letters()
    vocab = {token: i for i, token in enumerate(SPECIAL)}
    for b in sorted(letters, key=lambda b: letters[b]):
        vocab[letters[b]] = len(vocab)
    merges = learn_merges(VOCAB - len(vocab))
    for a, b in merges:
        vocab[a + b] = len(vocab)
    assert len(vocab) == VOCAB
    added = [
        {"id": i, "content": t, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
        for i, t in enumerate(SPECIAL)
    ]
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": True}, byte_level]},
        "post_processor": None,
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": vocab,
            "merges": [[a, b] for a, b in merges],
        },
    }


def tokenizer_config():
    decoder = {
        str(i): {"content": t, "lstrip": False, "normalized": False, "rstrip": False, "single_word": False, "special": True}
        for i, t in enumerate(SPECIAL)
    }
    return {
        "add_prefix_space": False,
        "added_tokens_decoder": decoder,
        "bos_token": "<|im_start|>",
        "chat_template": TEMPLATE,
        "clean_up_tokenization_spaces": False,
        "eos_token": "<|im_end|>",
        "model_max_length": 512,
        "pad_token": "<|im_end|>",
        "tokenizer_class": "GPT2Tokenizer",
        "unk_token": "<|endoftext|>",
        "vocab_size": VOCAB,
    }


def config(dtype, tied, family, rows):
    plain = {
        "architectures": ["LlamaForCausalLM"],
        "attention_bias": False,
        "attention_dropout": 0.0,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "head_dim": HEAD_DIM,
        "hidden_act": "silu",
        "hidden_size": HIDDEN,
        "initializer_range": 0.041666666666666664,
        "intermediate_size": FEED_FORWARD,
        "max_position_embeddings": 512,
        "mlp_bias": False,
        "model_type": "llama",
        "num_attention_heads": HEADS,
        "num_hidden_layers": LAYERS,
        "num_key_value_heads": KV_HEADS,
        "pad_token_id": 2,
        "rms_norm_eps": 1e-05,
        "rope_scaling": None,
        "rope_theta": 100000,
        "tie_word_embeddings": tied,
        "torch_dtype": "float32" if dtype == "f32" else "bfloat16",
        "use_cache": True,
        "vocab_size": rows,
    }
    return dict(sorted((k, v) for k, v in {**plain, **FAMILIES[family]}.items() if v is not None or k == "rope_scaling"))


def shapes(tied, family, rows):
    out = {"model.embed_tokens.weight": (rows, HIDDEN), "model.norm.weight": (HIDDEN,)}
    for i in range(LAYERS):
        p = f"model.layers.{i}."
        out[p + "input_layernorm.weight"] = (HIDDEN,)
        out[p + "post_attention_layernorm.weight"] = (HIDDEN,)
        out[p + "self_attn.q_proj.weight"] = (HEADS * HEAD_DIM, HIDDEN)
        out[p + "self_attn.k_proj.weight"] = (KV_HEADS * HEAD_DIM, HIDDEN)
        out[p + "self_attn.v_proj.weight"] = (KV_HEADS * HEAD_DIM, HIDDEN)
        out[p + "self_attn.o_proj.weight"] = (HIDDEN, HEADS * HEAD_DIM)
        if family == "qwen2":
            out[p + "self_attn.q_proj.bias"] = (HEADS * HEAD_DIM,)
            out[p + "self_attn.k_proj.bias"] = (KV_HEADS * HEAD_DIM,)
            out[p + "self_attn.v_proj.bias"] = (KV_HEADS * HEAD_DIM,)
        out[p + "mlp.gate_proj.weight"] = (FEED_FORWARD, HIDDEN)
        out[p + "mlp.up_proj.weight"] = (FEED_FORWARD, HIDDEN)
        out[p + "mlp.down_proj.weight"] = (HIDDEN, FEED_FORWARD)
    if not tied:
        out["lm_head.weight"] = (rows, HIDDEN)
    return dict(sorted(out.items()))


def values(rng, name, shape):
    """Norm weights lie around 1, all others around 0, biases widely; every value is an f32 after one rounding."""
    count = 1
    for n in shape:
        count *= n
    if name.endswith(".bias"):
        return [2.0 * rng.random() - 1.0 for _ in range(count)]
    if len(shape) == 1:
        return [0.75 + 0.5 * rng.random() for _ in range(count)]
    scale = 0.125 if "embed" in name or "lm_head" in name else 0.25
    return [scale * (2.0 * rng.random() - 1.0) for _ in range(count)]


def as_bytes(numbers, dtype):
    raw = struct.pack(f"<{len(numbers)}f", *numbers)
    if dtype == "f32":
        return raw
    words = struct.unpack(f"<{len(numbers)}I", raw)
    return struct.pack(f"<{len(words)}H", *((w + 0x7FFF + ((w >> 16) & 1)) >> 16 for w in words))


def tensors(dtype, seed, tied, family, rows):
    rng = random.Random(seed)
    return [(name, shape, as_bytes(values(rng, name, shape), dtype)) for name, shape in shapes(tied, family, rows).items()]


def safetensors(dtype, content):
    header, blobs, offset = {"__metadata__": {"format": "pt"}}, [], 0
    for name, shape, blob in content:
        header[name] = {
            "dtype": "F32" if dtype == "f32" else "BF16",
            "shape": list(shape),
            "data_offsets": [offset, offset + len(blob)],
        }
        offset += len(blob)
        blobs.append(blob)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + b"".join(blobs)


def weights(dtype, content, shards):
    """The files of the weights: one, or every n-th tensor in each of several, with their index."""
    if shards == 1:
        return {"model.safetensors": safetensors(dtype, content)}
    parts = {f"model-{i + 1:05}-of-{shards:05}.safetensors": content[i::shards] for i in range(shards)}
    total = sum(len(blob) for _, _, blob in content)
    places = {name: part for part, inside in parts.items() for name, _, _ in inside}
    index = {"metadata": {"total_size": total}, "weight_map": dict(sorted(places.items()))}
    return {"model.safetensors.index.json": as_json(index), **{part: safetensors(dtype, inside) for part, inside in parts.items()}}


def write(folder, name, content):
    with open(os.path.join(folder, name), "wb") as f:
        f.write(content)


def as_json(value):
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("--dtype", choices=["f32", "bf16"], default="f32")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--untied", action="store_true")
    parser.add_argument("--family", choices=list(FAMILIES), default="llama")
    parser.add_argument("--shards", type=int, default=1)
    parser.add_argument("--extra", type=int, default=0, help="rows of embeddings and head that are no token's")
    a = parser.parse_args()
    rows = VOCAB + a.extra
    os.makedirs(a.folder, exist_ok=True)
    generation = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 2}
    write(a.folder, "config.json", as_json(config(a.dtype, not a.untied, a.family, rows)))
    write(a.folder, "generation_config.json", as_json(generation))
    write(a.folder, "tokenizer.json", as_json(tokenizer_json()))
    write(a.folder, "tokenizer_config.json", as_json(tokenizer_config()))
    for name, content in weights(a.dtype, tensors(a.dtype, a.seed, not a.untied, a.family, rows), a.shards).items():
        write(a.folder, name, content)


if __name__ == "__main__":
    main()
