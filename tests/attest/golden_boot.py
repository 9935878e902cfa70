#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes golden_boot.h: event logs, a TDX-lite image and what they measure to, by Python's hashlib, struct and json
(no code of ours). With a folder it also writes the seeds of fuzz_log_json, fuzz_ccel and fuzz_lite below it.

    python3 tests/attest/golden_boot.py [fuzz/corpus] >tests/attest/golden_boot.h
"""
import base64
import hashlib
import json
import os
import struct
import sys

RUNTIME = 0x08000001


def sha256(data):
    return hashlib.sha256(data).digest()


def sha384(data):
    return hashlib.sha384(data).digest()


def replay(digests):
    value = bytes(48)
    for digest in digests:
        value = sha384(value + digest)
    return value


# ---- dstack's JSON ----
RUNTIME_EVENTS = [
    ("system-preparing", b""),
    ("app-id", bytes(range(20))),
    ("compose-hash", bytes(range(32))),
    ("instance-id", bytes(range(40, 60))),
    ("boot-mr-done", b""),
    ("key-provider", b'{"name":"none","id":""}'),
    ("system-ready", b""),
    ("mine", b"\x00\xff"),
]
BOOT_EVENTS = [  # register, type, name since 0.6, data
    (0, 0x8000000B, "", b"hand-off"),
    (0, 10, "acpi-loader", b"ACPI DATA"),
    (0, 10, "acpi-rsdp", b"ACPI DATA"),
    (0, 10, "acpi-tables", b"ACPI DATA"),
    (1, 0x80000003, "", b"kernel"),
    (2, 6, "", b"command line"),
    (2, 6, "", b"initrd"),
]


def boot_digest(at, event):
    return sha384(b"boot %d" % at + event[3])


def runtime_digest(name, payload, v2):
    if v2:
        return sha384(preimage(name, payload))
    return sha384(struct.pack("<I", RUNTIME) + b":" + name.encode() + b":" + payload)


def preimage(name, payload):
    return json.dumps({"name": name, "payload": payload.hex(), "type": RUNTIME}, separators=(",", ":")).encode()


class Text:
    """A text that knows which of its bytes no register holds."""

    def __init__(self):
        self.text, self.free = "", []

    def put(self, text, cause=None):
        if cause and text:
            self.free.append((len(self.text), len(self.text) + len(text), cause))
        self.text += text


def json_log(form):
    out = Text()
    out.put("[")
    for at, (imr, kind, name, data) in enumerate(BOOT_EVENTS):
        old = form == "filled"
        out.put('{"imr":%d,"event_type":' % imr)
        out.put("%d" % kind, "type")
        out.put(',"digest":"%s","event":"' % boot_digest(at, BOOT_EVENTS[at]).hex())
        out.put("" if old else name, "name")
        out.put('","event_payload":"')
        out.put(data.hex() if old or name else "", "data")
        out.put('"},')
    for at, (name, payload) in enumerate(RUNTIME_EVENTS):
        v2 = form == "v2"
        digest = "" if form == "empty" else runtime_digest(name, payload, v2).hex()
        out.put('{"imr":3,"event_type":%d,"digest":"%s","event":"%s","event_payload":"%s"' % (RUNTIME, digest, name, payload.hex()))
        if v2:
            out.put(',"version":2,"preimage":"%s"' % preimage(name, payload).hex())
        out.put("}," if at + 1 < len(RUNTIME_EVENTS) else "}")
    out.put("]")
    return out


def json_registers(v2):
    registers = [[], [], [], [runtime_digest(n, p, v2) for n, p in RUNTIME_EVENTS]]
    for at, event in enumerate(BOOT_EVENTS):
        registers[event[0]].append(boot_digest(at, event))
    return [replay(r) for r in registers]


# ---- CCEL ----
def ccel():
    """Two algorithms, all four registers, an event that extends nothing, padding."""
    out, free, registers = bytearray(), [], [[], [], [], []]

    def put(data, cause=None):
        if cause and data:
            free.append((len(out), len(out) + len(data), cause))
        out.extend(data)

    def event(index, kind, data, extends=True, last=False):
        digest = sha384(data) if extends else bytes(48)
        put(struct.pack("<I", index), None if extends else "extends nothing")
        put(struct.pack("<I", kind), "type" if extends else None)
        put(struct.pack("<IH", 2, 0x0B))
        put(sha256(data) if extends else bytes(32), "other digest" if extends else None)
        put(struct.pack("<H", 0x0C) + digest)
        put(struct.pack("<I", len(data)), "size before padding" if last else None)
        put(data, "data")
        if extends:
            registers[index - 1].append(digest)

    spec = b"Spec ID Event03\0"
    table = struct.pack("<IHHHH", 2, 0x0B, 32, 0x0C, 48)
    size = len(spec) + 8 + len(table) + 1 + 3
    put(struct.pack("<I", 1), "header")
    put(struct.pack("<I", 3) + bytes(20) + struct.pack("<I", size) + spec)
    put(struct.pack("<I", 0), "header")
    put(struct.pack("<BB", 0, 2))
    put(struct.pack("<BB", 105, 2), "header")
    put(table + b"\3")
    put(b"SWT", "header")
    event(1, 0x8000000B, b"hand-off blocks")
    event(1, 0x80000001, b"SecureBoot")
    event(0, 3, b"StartupLocality\0\3", extends=False)
    event(2, 0x80000003, b"kernel")
    event(2, 4, bytes(4))
    event(3, 6, "quiet".encode("utf-16-le") + bytes(2))
    event(4, 6, b"", last=True)
    end = len(out)
    put(b"\xff" * 100)
    return bytes(out), end, free, [replay(r) for r in registers]


# ---- TDX-lite ----
def cbor(value):
    def head(major, n):
        if n < 24:
            return bytes([major << 5 | n])
        for form, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
            if n < 1 << 8 * size:
                return bytes([major << 5 | form]) + n.to_bytes(size, "big")
        raise ValueError(n)

    if value is True or value is False:
        return bytes([0xF5 if value else 0xF4])
    if isinstance(value, int):
        return head(0, value)
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, str):
        return head(3, len(value.encode())) + value.encode()
    return head(5, len(value)) + b"".join(cbor(k) + cbor(v) for k, v in value.items())


def leb128(n):
    out = b""
    while n >= 128:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


MIB = 1 << 20
PIECES = [(0, 6), (9, 2), (11, 2), (16, 16)]  # pages from BASE
BASE, HOB = 0x800, 9
WITNESS = b"".join(map(leb128, [BASE, HOB, len(PIECES)] + [n for piece in PIECES for n in piece]))
CMDLINE = "console=ttyS0 panic=1 dstack.rootfs_hash=" + "12" * 32
KERNEL, INITRD = sha384(b"kernel"), sha384(b"initrd")
MRTD = [sha384(b"single pass"), sha384(b"two pass")]
ACPI = [boot_digest(at, BOOT_EVENTS[at]) for at in (1, 2, 3)]


def measured_cmdline(text=CMDLINE):
    return sha384((text + " initrd=initrd\0").encode("utf-16-le"))


def document(version, normalized):
    image = {"cmdline": CMDLINE} if version == 4 else {"cmdline_sha384": measured_cmdline()}
    image["kernel_authenticode"] = KERNEL
    if normalized:
        image["kernel_header_normalized"] = True
    image["initrd_sha384"] = INITRD
    return cbor({"version": version, "image": image,
                 "tdvf": {"ovmf": "pre202505", "mrtd": {"single_pass": MRTD[0], "two_pass": MRTD[1]}, "td_hob": WITNESS}})


def checksum(measurement):
    lines = [(sha256(b"other"), "bzImage"), (sha256(measurement), "measurement.tdx.cbor")]
    return "".join("%s  %s\n" % (digest.hex(), name) for digest, name in lines).encode()


def hob(memory):
    """Phase handoff table, then resource descriptors: 0 accepted, 7 not yet."""
    low = memory if memory < 2816 * MIB else 2048 * MIB
    pieces, at = [], 0
    for start, pages in PIECES:
        begin, end = (BASE + start) * 4096, (BASE + start + pages) * 4096
        if begin > at:
            pieces.append((7, at, begin - at))
        pieces.append((0, begin, end - begin))
        at = end
    pieces.append((7, at, low - at))
    if memory > low:
        pieces.append((7, 4096 * MIB, memory - low))
    resources = b"".join(struct.pack("<HHI16sIIQQ", 3, 48, 0, bytes(16), kind, 7, start, size) for kind, start, size in pieces)
    end = (BASE + HOB) * 4096 + 56 + len(resources) + 8
    return struct.pack("<HHIIIQQQQQ", 1, 56, 0, 9, 0, 0, 0, 0, 0, end) + resources


def variable(guid, name):
    a, b, c, d, e = guid.split("-")
    raw = struct.pack("<IHH", int(a, 16), int(b, 16), int(c, 16)) + bytes.fromhex(d + e)
    return sha384(raw + struct.pack("<QQ", len(name), 0) + name.encode("utf-16-le"))


def rtmr0(memory):
    world, security = "8BE4DF61-93CA-11D2-AA0D-00E098032B8C", "D719B2CB-3D3A-4596-A3BC-DAD00E67656F"
    volume = bytes.fromhex("344bc51c980ba621aaa00da3ed7436f7d6e549197dfe699515dfa2c6583d95e6412af21c097d473155875ffd561d6790")
    boot = bytes.fromhex("23ada07f5261f12f34a0bd8e46760962d6b4d576a416f1fea1c64bc656b1d28eacf7047ae6e967c58fd2a98bfa74c298")
    names = [(world, "SecureBoot"), (world, "PK"), (world, "KEK"), (security, "db"), (security, "dbx")]
    return replay([sha384(hob(memory)), volume] + [variable(*n) for n in names] + [sha384(bytes(4))] + ACPI + [sha384(bytes(2)), boot])


def rtmr1():
    texts = (b"Calling EFI Application from Boot Option", bytes(4), b"Exit Boot Services Invocation",
             b"Exit Boot Services Returned with Success")
    return replay([KERNEL] + [sha384(t) for t in texts])


# ---- what dstack derives ----
def derived():
    mr = [sha384(b"mr %d" % n) for n in range(8)]  # mrtd, rtmr0-3, config id, owner, owner config
    provider = b'{"name":"kms","id":"00"}'
    first = b"".join(mr[:4])
    return mr, {
        "MR_SYSTEM": sha256(first + sha256(provider)),
        "MR_SYSTEM_BARE": sha256(first + bytes(32)),
        "MR_AGGREGATED": sha256(b"".join(mr[:5])),
        "MR_AGGREGATED_OWNED": sha256(b"".join(mr[:5]) + bytes(96) + mr[7]),
        "INSTANCE_ID": sha256(b"seed" + bytes(range(20)))[:20],
        "BY_PPID": sha256(bytes(range(16))),
        "BY_USER_DATA": sha256(bytes(range(20))),
        "RTMR3_AT_BOOT": replay([runtime_digest(n, p, False) for n, p in RUNTIME_EVENTS[:5]]),
    }


def config_document():
    text = json.dumps({"app_id": bytes(range(20)).hex(), "compose_hash": bytes(range(32)).hex(), "gpu_policy_hash": "55" * 32,
                       "init_script_hashes": ["aa" * 32, "bb" * 32], "instance_id": "44" * 20, "key_provider": "local",
                       "key_provider_id": "33" * 32, "version": 3}, separators=(",", ":"), sort_keys=True)
    return text, b"\3" + sha256(b"dstack-mr-config-v3:\0" + text.encode()) + bytes(15)


# ---- the header ----
def define(name, text):
    print(f"#define GOLDEN_{name} \\")
    rows = [text[i:i + 96] for i in range(0, len(text), 96)] or [""]
    for at, row in enumerate(rows):
        shown = row.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        print(f'    "{shown}"' + (" \\" if at + 1 < len(rows) else ""))


def define_hex(name, data):
    define(name, data.hex())


def define_free(name, ranges):
    print(f"#define GOLDEN_{name} \\")
    rows = ["    {%s}" % ", ".join(json.dumps(v) if isinstance(v, str) else str(v) for v in r) for r in ranges]
    print(", \\\n".join(rows))


def write_seeds(folder):
    def seed(target, name, data):
        os.makedirs(f"{folder}/{target}", exist_ok=True)
        with open(f"{folder}/{target}/{name}", "wb") as f:
            f.write(data)

    for form in ("filled", "empty", "v2"):
        seed("log_json", form, json_log(form).text.encode())
    log, end, _, _ = ccel()
    seed("ccel", "padded", log)
    seed("ccel", "ended", log[:end])
    for name, data in (("v3", document(3, False)), ("v3_normalized", document(3, True)), ("v4", document(4, True))):
        seed("lite", name, b"\x00\x08" + data)
    files = {"checksum_file": checksum(document(4, True)), "measurement": document(4, True)}
    hints = {"memory_size": 2048 * MIB, "tdx_measurement": {k: base64.b64encode(v).decode() for k, v in files.items()}}
    seed("lite", "hints", json.dumps(hints).encode())
    seed("lite", "checksums", b"\x01\x08" + checksum(b""))


def check_constants():
    """The script against constants of dstack's own unit tests."""
    text = "console=ttyS0 init=/init panic=1 dstack.rootfs_hash=" + "11" * 32 + " dstack.rootfs_size=4096"
    assert measured_cmdline(text).hex().startswith("bb4154e6e429e184bc63d544ae5720f868e5859b378b13bab69860e1fc65c09f")
    assert replay([measured_cmdline(text), b"\x33" * 48]).hex().startswith("2fb6d31492cd2f073fe8fdaa9dbdff4dfdde92bf07f9a16c2b7123ae7be50900")
    assert runtime_digest("compose-hash", bytes.fromhex("abcd"), True).hex().startswith("9dde1673f544faa94b921825209593ddde08d0baf9cd6990175dffaf3081f1bb")
    assert runtime_digest("app-id", bytes.fromhex("deadbeef"), False).hex().startswith("67b4be4efed0893cfa2bb1d35dca209ad8348b4c97f980807bcde8b9a0f26398")


def main():
    check_constants()
    print("/* SPDX-License-Identifier: Apache-2.0")
    print(" *")
    print(" * Boot logs and a TDX-lite image with their measurements; written by golden_boot.py.")
    print(" */")
    print("// clang-format off")
    for form in ("filled", "empty", "v2"):
        out = json_log(form)
        define(f"JSON_{form.upper()}", out.text)
        define_free(f"JSON_{form.upper()}_FREE", out.free)
    for at, value in enumerate(json_registers(False)):
        define_hex(f"JSON_RTMR{at}", value)
    define_hex("JSON_V2_RTMR3", json_registers(True)[3])
    log, end, free, registers = ccel()
    define_hex("CCEL", log)
    print(f"#define GOLDEN_CCEL_END {end}")
    define_free("CCEL_FREE", free)
    for at, value in enumerate(registers):
        define_hex(f"CCEL_RTMR{at}", value)
    for name, data in (("V3", document(3, False)), ("V3_NORMALIZED", document(3, True)), ("V4", document(4, True))):
        define_hex(f"LITE_{name}", data)
        define(f"LITE_{name}_CHECKSUMS", checksum(data).decode())
    for memory in (1024, 2048, 2816, 4096, 65536):
        define_hex(f"LITE_RTMR0_{memory}", rtmr0(memory * MIB))
    define_hex("LITE_RTMR1", rtmr1())
    define_hex("LITE_RTMR2", replay([measured_cmdline(), INITRD]))
    define_hex("LITE_MRTD_SINGLE", MRTD[0])
    define_hex("LITE_MRTD_TWO", MRTD[1])
    mr, values = derived()
    define_hex("MR", b"".join(mr))
    for name, value in values.items():
        define_hex(name, value)
    text, config_id = config_document()
    define("CONFIG_DOCUMENT", text)
    define_hex("CONFIG_ID_V3", config_id)
    if len(sys.argv) > 1:
        write_seeds(sys.argv[1])


main()
