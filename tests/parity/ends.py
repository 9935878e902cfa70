#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Where texts end: a model whose config.json and tokenizer_config.json disagree about it, as Llama 3's Instruct models do.

    tests/parity/ends.py [O]        TAP on stdout; builds O/tests/parity/engine (O is build/release)

Rows are those of TRL's SFTTrainer, answers those of transformers' generate. Packages are those of tests/parity/requirements.txt.
"""
import json
import os
import sys
import tempfile

import train
from train import ROOT, check, miniature


def rewrite(folder, name, **members):
    path = os.path.join(folder, name)
    with open(path, encoding="utf-8") as f:
        content = json.load(f)
    content.update(members)
    with open(path, "w", encoding="utf-8") as f:
        json.dump({k: v for k, v in content.items() if v != "absent"}, f)


TOKEN = {"__type": "AddedToken", "content": "<|endoftext|>", "lstrip": False, "normalized": False, "rstrip": False, "single_word": False, "special": True}
DISAGREE = {  # eos_token of the tokeniser, eos_token_id of config.json
    "a text against an id": ("<|endoftext|>", 2),
    "a text against a list": ("<|im_end|>", [0, 1, 2]),
    "an object against a list": (TOKEN, [2, 1]),
}


def rows(engine, work):
    for name, (token, ids) in DISAGREE.items():
        folder = miniature(os.path.join(work, name))
        rewrite(folder, "tokenizer_config.json", eos_token=token)
        rewrite(folder, "config.json", eos_token_id=ids)
        for form in ["text", "pairs"]:
            check(f"{name}: rows of {form}.jsonl as TRL's", engine.rows(folder, form) == train.trl_rows(folder, form))


def generate(folder, count, ids):
    import torch

    model, _ = train.load(folder)
    with torch.no_grad():
        out = model.generate(torch.tensor([ids]), attention_mask=torch.ones(1, len(ids), dtype=torch.long), max_new_tokens=count, do_sample=False)
    return out[0, len(ids):].tolist()


def answers(engine, work):
    """transformers gives the token that ends an answer with it, the engine stops before it."""
    folder = miniature(os.path.join(work, "answers"))
    prompt = list(range(3, 320, 20))
    rewrite(folder, "generation_config.json", eos_token_id=319)
    whole = generate(folder, 12, prompt)
    check("an answer of 12 tokens", engine.generate(folder, None, 12, prompt) == whole and len(set(whole)) > 3, str(whole))
    third = next(t for t in whole if whole.index(t) >= 3)
    for name, generation, config, end in [
            ("generation_config.json lists the end last", [0, 2, third], 2, third), ("it says one, config.json another", third, whole[1], third),
            ("it says none, config.json a list", "absent", [0, third], None), ("it says null, config.json a list", None, [third, 0], None),
            ("there is no such file, config.json has a list", "no file", [0, third], third)]:
        if generation == "no file":
            os.remove(os.path.join(folder, "generation_config.json"))
        else:
            rewrite(folder, "generation_config.json", eos_token_id=generation)
        rewrite(folder, "config.json", eos_token_id=config)
        theirs, ours = generate(folder, 12, prompt), engine.generate(folder, None, 12, prompt)
        check(f"{name}: the answer ends where transformers ends it",
              ours == (whole[:whole.index(end)] if end else whole) and theirs == ours + [end] * (end is not None), f"{ours} beside {theirs}")


def live(objects):
    engine = train.Engine(objects)
    with tempfile.TemporaryDirectory() as work:
        rows(engine, work)
        answers(engine, work)
    print(f"1..{len(train.results)}")
    return all(train.results)


if __name__ == "__main__":
    sys.exit(0 if live(os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else os.path.join(ROOT, "build", "release")) else 1)
