# SPDX-License-Identifier: Apache-2.0
"""QLoRA of a model with Mistral-7B's shapes and random weights on one row of 1,024 tokens: the peak resident memory of `sealwright train`,
its mapped files among it. Writes 14.5 GB of weights in shards beside the objects, and takes them away again. qlora.py O NAME..."""
import json
import os
import shutil
import struct
import sys

from measure import beside, bench, figures, run, wanted, watch
from peak import fastest
from world import miniature, recipe

HIDDEN, INNER, LAYERS, HEADS, KV_HEADS, HEAD_DIM, VOCABULARY, T = 4096, 14336, 32, 32, 8, 128, 32000, 1024
CONFIG = {"architectures": ["MistralForCausalLM"], "model_type": "mistral", "hidden_act": "silu", "hidden_size": HIDDEN,
          "intermediate_size": INNER, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS, "num_key_value_heads": KV_HEADS,
          "head_dim": HEAD_DIM, "vocab_size": VOCABULARY, "max_position_embeddings": 32768, "rms_norm_eps": 1e-5, "rope_theta": 1000000.0,
          "sliding_window": None, "tie_word_embeddings": False, "torch_dtype": "bfloat16", "bos_token_id": 1, "eos_token_id": 2}
SIGNS = bytes(0x3C if b < 128 else 0xBC for b in range(256))  # the upper bytes of bf16 numbers between 1/128 and 1/32


def pool(count):
    """`count` random bf16 numbers of either sign."""
    out = bytearray(2 * count)
    out[0::2], out[1::2] = os.urandom(count), os.urandom(count).translate(SIGNS)
    return bytes(out)


def layer_shapes(i):
    p, kv = f"model.layers.{i}.", KV_HEADS * HEAD_DIM
    return {p + "input_layernorm.weight": (HIDDEN,), p + "post_attention_layernorm.weight": (HIDDEN,),
            p + "self_attn.q_proj.weight": (HEADS * HEAD_DIM, HIDDEN), p + "self_attn.k_proj.weight": (kv, HIDDEN),
            p + "self_attn.v_proj.weight": (kv, HIDDEN), p + "self_attn.o_proj.weight": (HIDDEN, HEADS * HEAD_DIM),
            p + "mlp.gate_proj.weight": (INNER, HIDDEN), p + "mlp.up_proj.weight": (INNER, HIDDEN),
            p + "mlp.down_proj.weight": (HIDDEN, INNER)}


def write_shard(path, shapes, random):
    header, at = {"__metadata__": {"format": "pt"}}, 0
    for name, shape in shapes.items():
        size = 2 * shape[0] * (shape[1] if len(shape) == 2 else 1)
        header[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for name, shape in shapes.items():
            left = 2 * shape[0] * (shape[1] if len(shape) == 2 else 1)
            content = b"\x80\x3f" * HIDDEN if len(shape) == 1 else random
            while left > 0:
                f.write(content[:left])
                left -= len(content)
        f.flush()
        os.posix_fadvise(f.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def model(folder):
    """A shard a layer, and one for the ends."""
    miniature(folder)  # for its tokeniser
    os.unlink(os.path.join(folder, "model.safetensors"))
    os.unlink(os.path.join(folder, "config.json"))
    ends = {"model.embed_tokens.weight": (VOCABULARY, HIDDEN), "model.norm.weight": (HIDDEN,), "lm_head.weight": (VOCABULARY, HIDDEN)}
    parts = [ends] + [layer_shapes(i) for i in range(LAYERS)]
    places, random = {}, pool(1 << 22)
    for i, shapes in enumerate(parts):
        name = f"model-{i + 1:05}-of-{len(parts):05}.safetensors"
        write_shard(os.path.join(folder, name), shapes, random)
        places.update((tensor, name) for tensor in shapes)
    with open(os.path.join(folder, "model.safetensors.index.json"), "w", encoding="utf-8") as f:
        json.dump({"metadata": {}, "weight_map": places}, f)
    with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as f:
        json.dump(CONFIG, f)
    return folder


def memory(work, objects, names):
    folder, rows = model(os.path.join(work, "model")), os.path.join(work, "rows.jsonl")
    with open(rows, "w", encoding="utf-8") as f:
        f.write(json.dumps({"text": "the patient was seen in the clinic . " * T}) + "\n")
    profile = fastest(objects)
    settings = {"max_steps": 1, "per_device_train_batch_size": 1, "max_length": T}
    command = [os.path.join(objects, "sealwright"), "train",
               recipe(os.path.join(work, "recipe.yaml"), settings, template="none", method="qlora", profile=profile), "--model", folder, "--data", rows,
               "--out", os.path.join(work, "out"), "--json"]
    planned = json.loads(run([*command, "--plan"]))
    text, peak = watch(command)
    result = json.loads(text)
    beside(f"planned {planned['bytes'] / (1 << 30):.2f} GiB for {planned['tokens']} tokens; loss {result['losses'][0]:.3f}; "
           f"{result['milliseconds'] / 1e3:.0f} s with loading and one step in {profile} on {os.cpu_count()} processors")
    bench(names[0], peak / (1 << 30), "GiB")


def main():
    objects, names = wanted(sys.argv)
    work = os.path.join(objects, "bench", "qlora")
    shutil.rmtree(work, ignore_errors=True)
    os.makedirs(work)
    try:
        return figures(names, [(["qlora_7b_gib"], lambda found: memory(work, objects, found))])
    finally:
        shutil.rmtree(work)


if __name__ == "__main__":
    sys.exit(main())
