#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/attest/golden_dstack.h: dstack's attestation of version 1 and its app info as msgpack
for Python 1.2.4 writes them (pip install msgpack==1.2.4). The fields are those of
tests/attest/dstack_support.h; maps have the order in which dstack's structures declare them."""
import hashlib
import json
import struct
import sys

import msgpack

REPORT = bytes([1, 2, 3, 64]) + bytes(60)
APP = "a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4"
COMPOSE = "c0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedf"
BOOT = [("system-preparing", ""), ("app-id", APP), ("compose-hash", COMPOSE), ("instance-id", ""),
        ("boot-mr-done", ""), ("key-provider", "7b7d"), ("system-ready", "")]
TYPE = 0x08000001


def v2_text(name, payload):
    return json.dumps({"name": name, "payload": payload, "type": TYPE}, separators=(",", ":")).encode()


def digest(name, payload, v2):
    text = v2_text(name, payload) if v2 else struct.pack("<I", TYPE) + b":" + name.encode() + b":" + bytes.fromhex(payload)
    return hashlib.sha384(text).digest()


def quote(events, report, v2):
    rtmr3 = bytes(48)
    for name, payload in events:
        rtmr3 = hashlib.sha384(rtmr3 + digest(name, payload, v2)).digest()
    vendor = bytes.fromhex("939a7233f79c4ca9940a0db3957f0607")
    chain = b"chain"
    inner = b"\x66" * 448 + struct.pack("<H", 32) + b"\x77" * 32 + struct.pack("<HI", 5, len(chain)) + chain
    signed = b"\x55" * 128 + struct.pack("<HI", 6, len(inner)) + inner
    return (struct.pack("<HHII", 4, 2, 0x81, 0) + vendor + b"\x33" * 20 + b"\x44" * 472 + rtmr3 + report
            + struct.pack("<I", len(signed)) + signed)


def attestation(arrays, v2=False, pod=None):
    as_vec = list if arrays else bytes
    report = hashlib.sha512(b"app-data:" + pod.encode()).digest() if pod is not None else REPORT
    log = [{"imr": 0, "event_type": 10, "digest": bytes([0x10 + i]) * 48, "event": name, "event_payload": b"ACPI DATA"}
           for i, name in enumerate(["acpi-loader", "acpi-rsdp", "acpi-tables"])]
    runtime = []
    for name, payload in BOOT:
        event = {"imr": 3, "event_type": TYPE, "digest": digest(name, payload, v2) if v2 else b"", "event": name,
                 "event_payload": bytes.fromhex(payload)}
        short = {"event": name, "payload": bytes.fromhex(payload)}
        if v2:
            event |= {"version": 2, "preimage": v2_text(name, payload).hex()}
            short |= {"version": 2}
        log.append(event)
        runtime.append(short)
    stack = {"report_data": as_vec(report), "runtime_events": runtime, "config": '{"vm_config":"{}"}'}
    if pod is not None:
        stack["report_data_payload"] = pod
    return msgpack.packb({
        "version": 1,
        "platform": {"kind": "tdx", "data": {"quote": as_vec(quote(BOOT, report, v2)), "event_log": log}},
        "stack": {"kind": "dstack-pod" if pod is not None else "dstack", "data": stack}})


def app_info(scripts):
    members = [bytes.fromhex(APP), bytes.fromhex(COMPOSE), b"\x01" * 20, b"\x02" * 32, b"\x03" * 32, b"\x04" * 32,
               b"\x05" * 32, b'{"name":"kms"}']
    return msgpack.packb(members if scripts is False else members + [scripts])


GOLDEN = {
    "V1_ARRAYS": attestation(True),
    "V1_BINS": attestation(False),
    "V1_DIGESTS_2": attestation(True, v2=True),
    "V1_POD": attestation(True, pod="a payload of a pod"),
    "APP_INFO_8": app_info(False),
    "APP_INFO_NIL": app_info(None),
    "APP_INFO_9": app_info([b"\x06" * 32, b"\x07" * 32]),
}


def main():
    print("/* SPDX-License-Identifier: Apache-2.0\n *\n * Written by tests/attest/golden_dstack.py with msgpack",
          ".".join(map(str, msgpack.version)), "for Python: hex.\n */")
    print("#ifndef SW_TESTS_ATTEST_GOLDEN_DSTACK_H\n#define SW_TESTS_ATTEST_GOLDEN_DSTACK_H")
    for name, value in GOLDEN.items():
        text = value.hex()
        print(f"static const char {name}[] =")
        lines = [f'    "{text[i:i + 92]}"' for i in range(0, len(text), 92)]
        print("\n".join(lines) + ";")
    print("#endif")


if __name__ == "__main__":
    sys.exit(main())
