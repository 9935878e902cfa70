#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes data/*.jsonl out of the rows of three-hospitals: pairs of a question and the text that answers it. Usage: make-data.py [OUT]"""
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = sys.argv[1] if len(sys.argv) > 1 else os.path.join(HERE, "data")

for owner in ("saint-anna", "lindenhof"):
    with open(os.path.join(HERE, "..", "three-hospitals", "data", owner + ".jsonl"), encoding="utf-8") as f:
        rows = [json.loads(line) for line in f]
    with open(os.path.join(OUT, owner + ".jsonl"), "w", encoding="utf-8") as f:
        for row in rows:
            pair = {"anchor": row["prompt"][0]["content"], "positive": row["completion"][0]["content"]}
            f.write(json.dumps(pair, ensure_ascii=False) + "\n")
