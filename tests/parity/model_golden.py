#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/model/golden_dequantise.h with PyPI's gguf 0.19.0 and tests/model/golden_safetensors.h with safetensors 0.8.0.

    tests/parity/model_golden.py [--check]      --check compares with what is committed and writes nothing
"""
import os
import sys

import gguf
import numpy as np
import safetensors
from safetensors.numpy import save
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType as T

FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "model")
HEAD = """/* SPDX-License-Identifier: Apache-2.0
 *
 * Made by tests/parity/model_golden.py with {}. Do not edit.
 */
/* clang-format off */
"""
# Where the 16-bit scales of a block stand.
SCALES = {T.Q4_0: [0], T.Q4_1: [0, 2], T.Q5_0: [0], T.Q5_1: [0, 2], T.Q8_0: [0], T.Q4_K: [0, 2], T.Q5_K: [0, 2], T.Q6_K: [208], T.F16: [0], T.BF16: [0],
          T.F32: []}
SPECIAL = [0x0001, 0x83FF, 0x0400, 0x7BFF, 0x8000, 0x3555]  # smallest, largest subnormal, smallest normal, largest, minus zero, a third


def blocks(kind, rng):
    elements, size = GGML_QUANT_SIZES[kind]
    count = 8 if elements > 1 else 64
    data = rng.integers(0, 256, (count, size), dtype=np.uint8)
    for i in range(count):
        for place in SCALES[kind]:
            bits = SPECIAL[i] if i < len(SPECIAL) and elements > 1 else int(np.float16(rng.normal() * 0.05).view(np.uint16))
            if kind == T.BF16:
                bits = int(np.float32(rng.normal()).view(np.uint32) >> 16)
            data[i, place:place + 2] = [bits & 255, bits >> 8]
        if kind == T.F32:
            data[i] = np.frombuffer(np.float32(rng.normal()).tobytes(), np.uint8)
    return data


def string(raw):
    text = raw.hex()
    return "\n".join('     "' + text[i:i + 88] + '"' for i in range(0, len(text), 88))


def dequantise():
    rng = np.random.default_rng(5)
    out = HEAD.format(f"PyPI's gguf {gguf.__version__ if hasattr(gguf, '__version__') else '0.19.0'}")
    out += "static const struct {\n    uint32_t type;\n    const char *blocks, *values; /* hex; values are f32, little-endian */\n} golden[] = {\n"
    for kind in SCALES:
        data = blocks(kind, rng)
        values = gguf.dequantize(data.reshape(1, -1).view({T.F32: np.float32, T.F16: np.float16}.get(kind, np.uint8)), kind).astype(np.float32)
        assert np.isfinite(values).all(), kind
        out += f"    {{{int(kind)}, /* {kind.name} */\n{string(data.tobytes())},\n{string(values.tobytes())}}},\n"
    return out + "};\n"


def container():
    sets = [
        ("three types of one file", [("b", "F32", (3, 2)), ("a.weight", "F16", (4,)), ("a", "F32", (1, 1, 2, 2)), ("z", "F16", (3,))]),
        ("names with escapes", [('quo"te', "F32", (1,)), ("back\\\\slash", "F32", (2,)), ("tab\\t", "F32", (1,)), ("\u00e9", "F32", (1,))]),
        ("a scalar and an empty one", [("s", "F32", ()), ("e", "F32", (0, 4))]),
        ("nothing", []),
    ]
    out = HEAD.format(f"PyPI's safetensors {safetensors.__version__}")
    out += ("typedef struct golden_tensor {\n    const char *name;\n    sw_dtype dtype;\n    size_t dim_count, dims[4];\n} golden_tensor;\n"
            "/* Each byte of a tensor's data is its place in the tensor plus 1. */\n"
            "static const struct {\n    const char *what;\n    size_t count;\n    golden_tensor tensors[4];\n    const char *file; /* hex */\n} golden[] = {\n")
    for what, tensors in sets:
        arrays, rows = {}, ""
        for name, dtype, shape in tensors:
            kind = np.float32 if dtype == "F32" else np.float16
            size = int(np.prod(shape)) * np.dtype(kind).itemsize
            real = name.encode().decode("unicode_escape") if "\\" in name else name
            arrays[real] = np.frombuffer(bytes((i + 1) & 255 for i in range(size)), kind).reshape(shape)
            dims = ", ".join(map(str, shape)) or "0"
            escaped = name.replace('"', '\\"')
            rows += f'      {{"{escaped}", SW_DTYPE_{dtype}, {len(shape)}, {{{dims}}}}},\n'
        out += f'    {{"{what}", {len(tensors)}, {{\n{rows or "      {0}"}    }},\n{string(save(arrays, metadata={"format": "pt"}))}}},\n'
    return out + "};\n"


def main():
    good = True
    for file, content in (("golden_dequantise.h", dequantise()), ("golden_safetensors.h", container())):
        path = os.path.join(FOLDER, file)
        if "--check" in sys.argv:
            good = good and open(path, encoding="utf-8").read() == content
        else:
            with open(path, "w", encoding="utf-8") as f:
                f.write(content)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
