#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes data/*.jsonl out of the rows of three-hospitals: for each question its answer is the chosen one, and the answer to the question
three rows on the rejected one. Constructed, then, and no person's preference. Usage: make-data.py [OUT]
"""
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = sys.argv[1] if len(sys.argv) > 1 else os.path.join(HERE, "data")

for owner in ("saint-anna", "lindenhof"):
    with open(os.path.join(HERE, "..", "three-hospitals", "data", owner + ".jsonl"), encoding="utf-8") as f:
        rows = [json.loads(line) for line in f]
    with open(os.path.join(OUT, owner + ".jsonl"), "w", encoding="utf-8") as f:
        for i, row in enumerate(rows):
            other = rows[(i + 3) % len(rows)]
            told = {"prompt": row["prompt"], "chosen": row["completion"], "rejected": other["completion"]}
            f.write(json.dumps(told, ensure_ascii=False) + "\n")
