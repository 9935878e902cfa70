#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/manifest/golden_oms.h: root digests by PyPI's model-signing 1.1.1 over folders whose names sort in every way that plain base names
can, and commitments by hashlib. Run with build/parity/venv/bin/python (tests/parity/requirements.txt)."""
import base64
import hashlib
import json
import os
import subprocess
import tempfile

import model_signing

FOLDERS = [
    [("a", b"")],
    [("adapter_config.json", b"{}"), ("adapter_model.safetensors", bytes(range(256))), ("sealwright.json", b"[]")],
    [("b", b"2"), ("a", b"1"), ("B", b"3"), ("A", b"4"), ("0", b"5"), ("_", b"6")],
    [("a-b", b"x"), ("a.b", b"y"), ("a_b", b"z"), ("ab", b"w"), ("a", b"v"), ("a.", b"u"), ("a-", b"t")],
    [(f"model-{i:05}-of-00040.safetensors", bytes([i]) * i) for i in reversed(range(40))],
]


def fields(*parts):
    return b"".join(len(p).to_bytes(4, "big") + p for p in parts)


def root_of(files, key):
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files:
            with open(os.path.join(folder, name), "wb") as f:
                f.write(content)
        signature = os.path.join(folder, "..", os.path.basename(folder) + ".sig")
        model_signing.signing.Config().use_elliptic_key_signer(private_key=key).sign(folder, signature)
        with open(signature) as f:
            payload = json.loads(base64.b64decode(json.load(f)["dsseEnvelope"]["payload"]))
        os.remove(signature)
    return bytes.fromhex(payload["subject"][0]["digest"]["sha256"])


def c_bytes(data):
    return '"' + "".join(f"\\x{b:02x}" for b in data) + '"'


def main():
    with tempfile.NamedTemporaryFile(suffix=".pem") as key:
        subprocess.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key.name], check=True,
                       capture_output=True)
        roots = [root_of(files, key.name) for files in FOLDERS]
    here = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(here, "golden_oms.h"), "w") as out:
        out.write("/* SPDX-License-Identifier: Apache-2.0\n *\n * Made by tests/manifest/golden_oms.py with PyPI's model-signing 1.1.1. */\n/* clang-format off */\n"
                  "static const struct { size_t count; struct { const char *name, *content; size_t size; } files[40]; const char *root, *commitment; }\n"
                  "    golden_models[] = {\n")
        for files, root in zip(FOLDERS, roots):
            salt = hashlib.sha256(root).digest()
            commitment = hashlib.sha256(fields(b"sealwright/model/v1", salt, root)).hexdigest()
            out.write(f"    {{{len(files)}, {{\n")
            for name, content in files:
                out.write(f'        {{"{name}", {c_bytes(content)}, {len(content)}}},\n')
            out.write(f'    }}, "{root.hex()}", "{commitment}"}},\n')
        out.write("};\n/* clang-format on */\n")


if __name__ == "__main__":
    main()
