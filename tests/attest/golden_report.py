#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes golden_report.h: report data by Python's hashlib (no code of ours).

    python3 tests/attest/golden_report.py >tests/attest/golden_report.h
"""
import hashlib


def bind(label, *fields):
    h = hashlib.sha512()
    for field in (label.encode(), *fields):
        h.update(len(field).to_bytes(4, "big") + field)
    return h.hexdigest()


def key(n):
    return b"\x04" + bytes([n]) * 64


CHALLENGE = bytes(range(32))
EMPTY = b""
GPU = hashlib.sha256(b"gpu evidence").digest()
CASES = [
    ("CHANNEL_KMS", bind("channel", b"kms", b"none", CHALLENGE, key(1), key(2), EMPTY, EMPTY, EMPTY)),
    ("CHANNEL_TRAIN", bind("channel", b"machine", b"train", CHALLENGE, key(1), key(2), key(3), EMPTY, key(4))),
    ("CHANNEL_GPU", bind("channel", b"machine", b"open", CHALLENGE, key(1), key(2), key(3), GPU, key(4))),
    ("KMS_ROOT", bind("kms-root", CHALLENGE, bytes(32), key(5), key(6), key(7))),
    ("MANIFEST", bind("manifest", CHALLENGE)),
]

print("/* SPDX-License-Identifier: Apache-2.0")
print(" *")
print(" * Report data by Python's hashlib; written by golden_report.py.")
print(" */")
print("// clang-format off")
for name, value in CASES:
    print(f"#define GOLDEN_{name} \\")
    print(f'    "{value[:64]}" \\')
    print(f'    "{value[64:]}"')
