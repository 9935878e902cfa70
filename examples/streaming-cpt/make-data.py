#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes data/*.jsonl out of the rows of three-hospitals: texts to read on with, seven words and what they mean in each.
Usage: make-data.py [OUT]"""
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = sys.argv[1] if len(sys.argv) > 1 else os.path.join(HERE, "data")
PAGE = 7

for owner in ("saint-anna", "lindenhof"):
    with open(os.path.join(HERE, "..", "three-hospitals", "data", owner + ".jsonl"), encoding="utf-8") as f:
        rows = [json.loads(line) for line in f]
    entries = []
    for row in rows:
        word = row["prompt"][0]["content"].removeprefix("What is ").removesuffix(" in medicine?")
        entries.append(f"{word.capitalize()}: {row['completion'][0]['content']}")
    with open(os.path.join(OUT, owner + ".jsonl"), "w", encoding="utf-8") as f:
        for i in range(0, len(entries), PAGE):
            f.write(json.dumps({"text": "\n".join(entries[i : i + PAGE])}, ensure_ascii=False) + "\n")
