#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Cards made by hand (ID-001, ID-007).

mix_card.py mix CARD FROM MEMBER...   CARD with these members of FROM, in its canonical form
mix_card.py check CARD FOLDER         is CARD signed? asked of the openssl command, with files in FOLDER
"""

import base64
import json
import pathlib
import subprocess
import sys

P256_SPKI = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200")


def read(path):
    return json.loads(pathlib.Path(path).read_text(encoding="utf-8"))


def canonical(card):
    return json.dumps(card, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def mix(card, other, *members):
    sys.stdout.buffer.write(canonical(read(card) | {m: read(other)[m] for m in members}))


def check(path, folder):
    card, folder = read(path), pathlib.Path(folder)
    (folder / "card.sig").write_bytes(base64.b64decode(card.pop("signature"), validate=True))
    kind, payload = b"application/vnd.sealwright.card.v1+json", canonical(card)
    (folder / "card.pae").write_bytes(b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload))
    (folder / "card.der").write_bytes(P256_SPKI + bytes.fromhex(card["identity_key"]))
    asked = ["openssl", "dgst", "-sha256", "-keyform", "DER", "-verify", folder / "card.der", "-signature", folder / "card.sig"]
    sys.exit(subprocess.run([*asked, folder / "card.pae"], check=False).returncode)


{"mix": mix, "check": check}[sys.argv[1]](*sys.argv[2:])
