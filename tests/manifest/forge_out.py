#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What somebody who holds a run's out folder, but none of its keys, can make of it: forge_out.py HOW FROM TO [ARGUMENT...]

Every file that it writes is in our own encoding, and everything that can be signed again is signed again, by keys that the attacker made.
    ledger WORD         entries `drop-first`, `drop-last`, `swap`, `double`, or `other-genesis FILE`
    evidence WORD       grants `drop`, `swap`, `double`; `closing` (the grant's evidence as the closing one), or `other FILE`
    machine [EDIT]      statement signed by a machine key of the attacker's, machine.pem too; EDIT is PATH=JSON in the predicate
    receipts            receipts signed by a receipt key of the attacker's, statement by a machine key of the attacker's
    statements          as `receipts`, and the owners' words name that key, signed by keys of the attacker's
    older               without the newest grant in manifest and evidence; statement signed by a machine key of the attacker's
    spaced FILE         a file with one space in it
"""
import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile

N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def canonical(value):  # enough of RFC 8785: our files hold integers and ASCII, or UTF-8 text without escapes
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


class Key:
    def __init__(self):
        self.folder = tempfile.mkdtemp()
        self.path = os.path.join(self.folder, "key.pem")
        run = lambda *args: subprocess.run(["openssl", *args], check=True, capture_output=True).stdout
        run("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", self.path)
        self.pem = run("pkey", "-in", self.path, "-pubout")
        self.point = run("pkey", "-in", self.path, "-pubout", "-outform", "DER")[-65:]
        self.id = hashlib.sha256(self.point).hexdigest()

    def sign(self, message):
        while True:  # until s is in the lower half, as our envelopes want it
            der = subprocess.run(["openssl", "dgst", "-sha256", "-sign", self.path], input=message, check=True, capture_output=True).stdout
            at = 4 + der[3]
            if int.from_bytes(der[at + 2:at + 2 + der[at + 1]], "big") <= N // 2:
                return der

    def envelope(self, payload_type, payload):
        pae = b"DSSEv1 %d %s %d %s" % (len(payload_type), payload_type.encode(), len(payload), payload)
        return {"payload": base64.b64encode(payload).decode(), "payloadType": payload_type,
                "signatures": [{"keyid": self.id, "sig": base64.b64encode(self.sign(pae)).decode()}]}

    def close(self):
        shutil.rmtree(self.folder)


def read(folder, name):
    with open(os.path.join(folder, name), "rb") as f:
        return json.loads(f.read())


def write(folder, name, content):
    with open(os.path.join(folder, name), "wb") as f:
        f.write(content if isinstance(content, bytes) else canonical(content))


def payload_of(envelope):
    return json.loads(base64.b64decode(envelope["payload"]))


def forge_ledger(out, word, other=None):
    ledger = read(out, "ledger.json")
    entries = ledger["journal"]["entries"]
    if word == "other-genesis":
        ledger["genesis"] = read(os.path.dirname(other), os.path.basename(other))["genesis"]
    elif word == "drop-first":
        del entries[0]
    elif word == "drop-last":
        del entries[-1]
    elif word == "swap":
        entries[0], entries[1] = entries[1], entries[0]
    elif word == "double":
        entries.append(entries[-1])
    write(out, "ledger.json", ledger)


def parts(before, now):  # MAN-008
    told, literal, same, at = [], 0, 0, 0
    while at < len(now):
        end = at
        while end < len(now) and now[end] == before[end]:
            end += 1
        if end - at >= 32:
            told += ([now[literal:at]] if at > literal else []) + [end - at]
            same, literal = same + end - at, end
        at = max(end, at + 1)
    told += [now[literal:]] if literal < len(now) else []
    return told if same and len(told) <= 64 else now


def shorten(before, now):  # MAN-007
    if now == before:
        return None
    if isinstance(now, dict) and isinstance(before, dict):
        return {k: shorten(before[k], v) if k in before else v for k, v in now.items()}
    if isinstance(now, list) and isinstance(before, list):
        return [shorten(before[i], v) if i < len(before) else v for i, v in enumerate(now)]
    if isinstance(now, str) and isinstance(before, str) and len(now) == len(before) >= 256 and all(" " <= c <= "~" for c in now + before):
        return parts(before, now)
    return now


def whole(before, now):
    if now is None:
        return before
    if isinstance(now, dict) and isinstance(before, dict):
        return {k: whole(before.get(k), v) for k, v in now.items()}
    if isinstance(now, list) and isinstance(before, list):
        return [whole(before[i], v) if i < len(before) else v for i, v in enumerate(now)]
    if isinstance(now, list) and isinstance(before, str):
        made = ""
        for part in now:
            made += part if isinstance(part, str) else before[len(made):len(made) + part]
        return made
    return now


def whole_evidence(folder, name="evidence.json"):
    evidence, before = read(folder, name), {}
    for grant in evidence["grants"]:
        before = grant["evidence"] = whole(before, grant["evidence"])
    evidence["closing"] = whole(before, evidence["closing"])
    return evidence


def write_evidence(folder, evidence):
    before = {}
    for holder, name in [(grant, "evidence") for grant in evidence["grants"]] + [(evidence, "closing")]:
        now = holder[name]
        holder[name] = {k: None for k in now} if now == before else shorten(before, now)
        before = now
    write(folder, "evidence.json", evidence)


def forge_evidence(out, word, other=None):
    evidence = whole_evidence(out)
    grants = evidence["grants"]
    if word == "drop":
        del grants[-1]
    elif word == "swap":
        grants[0], grants[-1] = grants[-1], grants[0]
    elif word == "double":
        grants.append(dict(grants[-1]))
    elif word == "closing":
        evidence["closing"] = grants[-1]["evidence"]
    elif word == "other":
        theirs = whole_evidence(os.path.dirname(other), os.path.basename(other))["grants"]
        grants[-1] = theirs[-1]
    write_evidence(out, evidence)


def edit(predicate, text):
    path, value = text.split("=", 1)
    *way, last = path.split(".")
    for step in way:
        predicate = predicate[int(step) if step.isdigit() else step]
    predicate[last] = json.loads(value)


def sign_statement(out, statement, key):
    statement["predicate"]["machine"] = key.point.hex()
    write(out, "manifest.json", key.envelope("application/vnd.in-toto+json", canonical(statement)))
    write(out, "machine.pem", key.pem)


def sign_words(grant, receipt_key):
    key = Key()
    for i, envelope in enumerate(grant["statements"]):
        said = payload_of(envelope)
        said["receipt"] = receipt_key.point.hex()
        grant["statements"][i] = key.envelope(envelope["payloadType"], canonical(said))
    key.close()


def forge_receipts(out, statement, words):
    machine, receipt_key = Key(), Key()
    for grant in statement["predicate"]["grants"]:
        receipt = payload_of(grant["receipt"])
        receipt["machine"] = machine.point.hex()
        grant["receipt"] = receipt_key.envelope(grant["receipt"]["payloadType"], canonical(receipt))
        if words:
            sign_words(grant, receipt_key)
    sign_statement(out, statement, machine)
    machine.close()
    receipt_key.close()


def main():
    how, source, out, *rest = sys.argv[1:]
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(source, out)
    if how == "ledger":
        return forge_ledger(out, *rest)
    if how == "evidence":
        return forge_evidence(out, *rest)
    if how == "spaced":
        with open(os.path.join(out, rest[0]), "rb") as f:
            return write(out, rest[0], f.read().replace(b":", b": ", 1))
    statement = payload_of(read(out, "manifest.json"))
    if how in ("receipts", "statements"):
        return forge_receipts(out, statement, how == "statements")
    if how == "older":
        del statement["predicate"]["grants"][-1]
        forge_evidence(out, "drop")
    for text in rest:
        edit(statement["predicate"], text)
    key = Key()
    sign_statement(out, statement, key)
    key.close()


if __name__ == "__main__":
    main()
