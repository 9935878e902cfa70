#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes data/*.jsonl: charts of three bars, each a PNG in base64, a question and its answer. Drawn by arithmetic alone, written by zlib,
so the same bytes come out wherever zlib stores (level 0). Usage: make-data.py [OUT]
"""
import base64
import json
import os
import struct
import sys
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = sys.argv[1] if len(sys.argv) > 1 else os.path.join(HERE, "data")
SIDE = 12
WARDS = {"saint-anna": ("north", "east", "attic"), "lindenhof": ("garden", "river", "chapel")}
COLOURS = ((200, 40, 40), (40, 160, 60), (40, 80, 200))
ROWS_EACH = 6


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(heights):
    lines = b""
    for y in range(SIDE):
        line = b"\0"
        for x in range(SIDE):
            bar = x // (SIDE // 3)
            line += bytes(COLOURS[bar] if SIDE - y <= heights[bar] else (250, 250, 250))
        lines += line
    head = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(lines, 0)) + chunk(b"IEND", b"")


for owner, wards in WARDS.items():
    with open(os.path.join(OUT, owner + ".jsonl"), "w", encoding="utf-8") as f:
        for i in range(ROWS_EACH):
            heights = [1 + (i * 7 + bar * 5 + len(owner)) % (SIDE - 1) for bar in range(3)]
            highest = wards[heights.index(max(heights))]
            answer = f"The {highest} ward has the most patients, {max(heights)} of them."
            question = {"role": "user", "content": "Which ward has the most patients on this chart?"}
            row = {"messages": [question, {"role": "assistant", "content": answer}], "png": base64.b64encode(png(heights)).decode()}
            f.write(json.dumps(row) + "\n")
