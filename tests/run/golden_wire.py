#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/run/golden_wire.h and the corpora of fuzz_wire and fuzz_pack: a job, a step record and packs, made with Python's struct
from docs/formats/worker.md alone.    tests/run/golden_wire.py, in the repository's root
"""
import math
import struct


def field(b):
    return struct.pack(">I", len(b)) + b


def spans(items):
    return struct.pack(">I", len(items)) + b"".join(field(n) + struct.pack(">QQ", at, size) for n, at, size in items)


def job(kind, lanes, settings, model, media, sizes, files, shards):
    head = struct.pack(">III", 1, kind, lanes) + field(settings) + field(model) + field(media)
    return head + struct.pack(">QQQ", *sizes) + spans(files) + spans(shards)


def pack(files, zeros=0):
    return b"".join(field(n) + struct.pack(">Q", len(c)) + c for n, c in files) + struct.pack(">I", 0) + b"\0" * zeros


JOB = job(
    1, 3, b"settings", b"SmolLM2", b"", (1000, 300, 7),
    [(b"config.json", 0, 100), (b"model.safetensors", 128, 872)], [(b"", 0, 100), (b"", 104, 196)],
)  # fmt: skip
DECODE = job(2, 256, b"", b"m", b"application/jsonl", (5, 0, 0), [(b"tokenizer.json", 0, 5)], [])
STEP = struct.pack(">QQQddd", 3, 40, 1234, 2.5, 1e-4, math.pi)
PACK = pack([(b"adapter_config.json", b"{}"), (b"empty", b""), (b"a-b_c.0", b"\0\1\2")], 9)


def array(name, data):
    lines = [", ".join(f"0x{b:02x}" for b in data[i : i + 16]) for i in range(0, len(data), 16)]
    return f"static const uint8_t {name}[] = {{\n    " + ",\n    ".join(lines) + ",\n};\n"


def main():
    with open("tests/run/golden_wire.h", "w", encoding="ascii") as f:
        f.write("/* SPDX-License-Identifier: Apache-2.0\n *\n * Made by golden_wire.py with Python's struct. */\n")
        f.write("// clang-format off\n")
        for name, data in (("golden_job", JOB), ("golden_decode", DECODE), ("golden_step", STEP), ("golden_pack", PACK)):
            f.write(array(name, data))
    seeds = {"wire/job": JOB, "wire/decode": DECODE, "pack/three": PACK, "pack/none": pack([]), "pack/one": pack([(b"x", b"y" * 300)])}
    for name, data in seeds.items():
        with open(f"fuzz/corpus/{name}", "wb") as f:
            f.write(data)


if __name__ == "__main__":
    main()
