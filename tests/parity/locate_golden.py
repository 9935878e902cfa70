#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/tokenizer/golden/locate.json: which token holds each character, as HF tokenizers 0.23.3 says it (char_to_token), for texts of the
corpus under each tokenizer of tests/tokenizer/golden and under offsets that ByteLevel trims.

    tests/parity/locate_golden.py [--check]      --check compares with what is committed and writes nothing

A row's places are one sign a character: "=" the token of the last character that one holds, "+" the next token, "-" none, "<N>" token N.
"""
import json
import os
import random
import sys

from tokenizers import Tokenizer

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import corpus  # noqa: E402
import tokenizer_golden as made  # noqa: E402

FILE = os.path.join(made.FOLDER, "locate.json")
NAMES = ["smollm", "gpt2", "llama3", "qwen2", "added", "unknown", *made.MARKED]
TRIMMED = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
CASES = [(name, None) for name in NAMES] + [(name, {**TRIMMED, "add_prefix_space": first}) for name in ("gpt2", "added") for first in (False, True)]
MORE = ["\n\n  The patient", " seen  ", "<|im_start|>assistant\n Hello.<|im_end|>\n", "e\u0301<|im_end|>e\u0301", "\u1100\u1161\u11a8 a\u0323\u0301", "a\u0301b\u0323\u0301 c"]


def signs(encoding, text):
    out, last = [], -1
    for i in range(len(text)):
        token = encoding.char_to_token(i)
        if token is None:
            out.append("-")
            continue
        out.append("=" if token == last else "+" if token == last + 1 else f"<{token}>")
        last = token
    return "".join(out)


def rows():
    rng = random.Random(7)
    texts = [t for t in made.FIXED + made.ADDED + made.SPACED + MORE if t and len(t) <= 100] + [corpus.made(rng, rng.randint(1, 60)) for _ in range(12)]
    for name, post in CASES:
        with open(os.path.join(made.FOLDER, name + ".json"), encoding="utf-8") as f:
            data = json.load(f)
        if post:
            assert data["post_processor"] is None
            data["post_processor"] = post
        t = Tokenizer.from_str(json.dumps(data))
        for text in texts:
            row = {"tokenizer": name, "text": text, "places": signs(t.encode(text, add_special_tokens=False), text)}
            yield {**row, "post_processor": post} if post else row


def main():
    content = "[\n" + ",\n".join(json.dumps(r, separators=(",", ":")) for r in rows()) + "\n]\n"
    if "--check" in sys.argv:
        with open(FILE, encoding="utf-8") as f:
            return 0 if f.read() == content else 1
    with open(FILE, "w", encoding="utf-8") as f:
        f.write(content)
    return 0


if __name__ == "__main__":
    sys.exit(main())
