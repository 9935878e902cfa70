#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes what the corpora of fuzz_pcs, fuzz_collateral, fuzz_runtime_log, fuzz_guest_answer, fuzz_tcb_info,
fuzz_rim and fuzz_explain begin with, from a software machine's evidence and from evidence/image (an answer
that describes an OS image), evidence/pair (two GPUs) and foreign/ beside it:
make_corpus.py fuzz/corpus/evidence/good fuzz/corpus
"""
import base64
import json
import os
import ssl
import sys
import urllib.parse

evidence = json.load(open(sys.argv[1]))
c = evidence["collateral"]


def put(folder, name, data):
    path = os.path.join(sys.argv[2], folder)
    os.makedirs(path, exist_ok=True)
    with open(os.path.join(path, name), "wb") as f:
        f.write(data)


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def pem(der):
    text = base64.b64encode(der).decode()
    lines = [text[i:i + 64] for i in range(0, len(text), 64)]
    return "\n".join(["-----BEGIN X509 CRL-----", *lines, "-----END X509 CRL-----", ""]).encode()


crl = base64.b64decode(c["root_crl"])
put("pcs", "chain", b"\0" + urllib.parse.quote(c["tcb_info_issuer_chain"], safe="").encode())
put("pcs", "der", b"\2" + crl)
put("pcs", "hex", b"\2" + crl.hex().encode())
put("pcs", "pem", b"\2" + pem(crl))
put("pcs", "manifest", b"\1" + canonical({"id": "A", "request_id": "1", "rim": "PGEvPg==", "sha256": "00"}))
for name, gpu in ("intel", {"ocsp": [], "rims": []}), ("gpu", {"ocsp": ["MAMKAQY="], "rims": ["<a/>", "<b/>"]}):
    put("collateral", name, canonical({"collateral": c, "gpu": gpu, "kind": "sealwright/collateral/v1"}))

put("collateral", "gpus-alone", canonical({"gpu": {"ocsp": ["MAMKAQY="], "rims": ["<a/>", "<b/>"]}, "kind": "sealwright/collateral/v1"}))

lines, log, compose = [], [], None
for event in evidence["event_log"]:
    payload = bytes.fromhex(event["event_payload"])
    lines.append(json.dumps({"event": event["event"], "payload": base64.b64encode(payload).decode()}))
    log.append({**event, "digest": ""})
    if event["event"] == "compose-hash":
        compose = payload
put("runtime_log", "boot", ("\n".join(lines) + "\n").encode())
put("runtime_log", "v2", b'{"event":"a","payload":"AAE=","version":2}\n')
quote = base64.b64decode(evidence["quote"])
report = quote[568:632]
asked = report + compose
other = {"imr": 0, "event_type": 4, "digest": "ab" * 48, "event": "", "event_payload": ""}
for name, events in ("new", log), ("old", [other] + evidence["event_log"]):
    put("guest_answer", name, asked + canonical({"event_log": json.dumps(events), "quote": quote.hex(),
                                                 "report_data": report.hex(), "vm_config": "{}"}))

# A host's answer for a machine that booted a named OS image.
evidence = json.load(open(os.path.join(sys.argv[2], "evidence", "image")))
image = evidence["image"]
config = {"memory_size": image["memory_bytes"],
          "tdx_measurement": {name: image[name] for name in ("checksum_file", "measurement")}}
log = [{"imr": 0, "event_type": 10, "digest": digest, "event": name, "event_payload": ""}
       for name, digest in zip(("acpi-loader", "acpi-rsdp", "acpi-tables"), image["acpi"])]
log += [{**event, "digest": ""} for event in evidence["event_log"]]
compose = next(bytes.fromhex(e["event_payload"]) for e in log if e["event"] == "compose-hash")
quote = base64.b64decode(evidence["quote"])
report = quote[568:632]
put("guest_answer", "image", report + compose + canonical(
    {"event_log": json.dumps(log), "quote": quote.hex(), "report_data": report.hex(),
     "vm_config": json.dumps(config)}))

# TCB info whose levels name advisories, some twice, one below what TEE_TCB_SVN2 stands on, and two of one version.
info = json.loads(c["tcb_info"])
for level, names in zip(info["tcbLevels"], (["INTEL-SA-00837", "INTEL-SA-00960"], ["INTEL-SA-00960", ""])):
    level["advisoryIDs"] = names
for identity in info["tdxModuleIdentities"]:
    for level in identity["tcbLevels"]:
        level["advisoryIDs"] = ["INTEL-SA-00837", "INTEL-SA-01036"]
put("tcb_info", "advisories", canonical(info))
put("tcb_info", "advisory_empty", canonical({**info, "tcbLevels": info["tcbLevels"][1:]}))
put("tcb_info", "twice", canonical({**info, "tcbLevels": [info["tcbLevels"][0]] * 2}))

pair = json.load(open(os.path.join(sys.argv[2], "evidence", "pair")))
rims = [rim.encode() for rim in pair["collateral"]["gpu_rims"]]
for name, rim in zip(("driver", "vbios"), rims):
    put("rim", name, rim)

# One file of each kind that `attest explain` tells apart, by no name but its bytes.
device = {"certificate": base64.b64encode(pair["gpu"][0]["chain"].encode()).decode(), "evidence": pair["gpu"][0]["report"]}
document = {"signature": c["tcb_info_signature"], "tcbInfo": json.loads(c["tcb_info"])}
identity = {"enclaveIdentity": json.loads(c["qe_identity"]), "signature": c["qe_identity_signature"]}
answer = {"event_log": json.dumps(log), "quote": quote.hex(), "report_data": report.hex(), "vm_config": "{}"}
for name, data in {
        "evidence": open(os.path.join(sys.argv[2], "evidence", "good"), "rb").read(), "quote": quote, "quote_hex": b"0x" + quote.hex().encode() + b"\n",
        "quote_base64": base64.encodebytes(quote), "quote_base64url": base64.urlsafe_b64encode(quote).rstrip(b"="),
        "session": b"---\nCertificate chain\n 0 s:CN = x\n" + c["tcb_info_issuer_chain"].encode() + b"---\n", "list_hex": crl.hex().upper().encode(),
        "collateral": canonical({"collateral": c, "gpu": {"ocsp": [], "rims": []}, "kind": "sealwright/collateral/v1"}),
        "log": canonical(log), "answer": canonical(answer), "certificates": c["tcb_info_issuer_chain"].encode(),
        "report": base64.b64decode(pair["gpu"][0]["report"]), "devices": canonical([device]), "manifest": rims[1],
        "list": crl, "list_pem": pem(crl), "certificate": ssl.PEM_cert_to_DER_cert(c["tcb_info_issuer_chain"].split("-----END", 1)[0] + "-----END CERTIFICATE-----\n"),
        "tcb": canonical(document), "tcb-advisories": canonical({**document, "tcbInfo": info}), "identity": canonical(identity)}.items():
    put("explain", name, data)
for kind in "foreign", "ocsp", "dstack_key_file", "dstack_attestation", "ccel", "dstack_answer":
    folder = os.path.join(sys.argv[2], kind)
    for name in sorted(os.listdir(folder)):
        if len(name) != 16:  # what a fuzzer found is small and mostly bent
            put("explain", f"{kind}-{name}", open(os.path.join(folder, name), "rb").read())
