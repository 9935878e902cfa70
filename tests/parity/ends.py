#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Where texts end: a model whose config.json and tokenizer_config.json disagree about it, as Llama 3's Instruct models do.

    tests/parity/ends.py [O]        TAP on stdout; builds O/tests/parity/engine (O is build/release)

Rows are those of TRL's SFTTrainer. Packages are those of tests/parity/requirements.txt.
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


def live(objects):
    engine = train.Engine(objects)
    with tempfile.TemporaryDirectory() as work:
        rows(engine, work)
    print(f"1..{len(train.results)}")
    return all(train.results)


if __name__ == "__main__":
    sys.exit(0 if live(os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else os.path.join(ROOT, "build", "release")) else 1)
