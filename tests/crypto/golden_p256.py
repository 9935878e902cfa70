#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
#
# Prints golden_p256.h: points, ECDSA signatures and their misspellings. P-256, ECDSA and DER are written out here in plain integers
# (FIPS 186-5, SEC 1, X.690), so nothing is shared with the library that is tested.   python3 tests/crypto/golden_p256.py > tests/crypto/golden_p256.h
import hashlib

P = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
A = P - 3
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)


def add(p, q):
    if p is None or q is None:
        return p or q
    if p[0] == q[0] and (p[1] + q[1]) % P == 0:
        return None
    if p == q:
        m = (3 * p[0] * p[0] + A) * pow(2 * p[1], -1, P) % P
    else:
        m = (q[1] - p[1]) * pow(q[0] - p[0], -1, P) % P
    x = (m * m - p[0] - q[0]) % P
    return x, (m * (p[0] - x) - p[1]) % P


def mul(k, p):
    r = None
    while k:
        if k & 1:
            r = add(r, p)
        p, k = add(p, p), k >> 1
    return r


def sec1(p, prefix=4):
    return bytes([prefix]) + p[0].to_bytes(32, "big") + p[1].to_bytes(32, "big")


def sign(d, message, k):
    e = int.from_bytes(hashlib.sha256(message).digest(), "big")
    r = mul(k, G)[0] % N
    return r, (e + r * d) * pow(k, -1, N) % N


def low(s):
    return min(s, N - s)


# ---- DER ----
def tlv(tag, content):
    assert len(content) < 128
    return bytes([tag, len(content)]) + content


def number(v):  # two's complement, minimal
    return v.to_bytes((v.bit_length() if v >= 0 else (-v - 1).bit_length()) // 8 + 1, "big", signed=True)


def integer(v):
    return tlv(2, number(v))


def der(r, s):
    return tlv(0x30, integer(r) + integer(s))


SECRET = int.from_bytes(hashlib.sha256(b"sealwright golden p256").digest(), "big") % N
OTHER = SECRET * 7 % N
PUBLIC = mul(SECRET, G)
MESSAGE = b"sealwright golden message"

r, s = sign(SECRET, MESSAGE, 0x1234567890ABCDEF)
s = low(s)
cases = []  # name, DER, verifies without low_s, verifies with low_s


def case(name, bytes_, plain=False, strict=False):
    cases.append((name, bytes_, plain, strict))


case("plain", der(r, s), True, True)
case("s above n/2", der(r, N - s), True, False)
want = {"r with its top bit set": lambda r, s: r >> 255, "r short": lambda r, s: r >> 248 == 0, "s short": lambda r, s: s >> 248 == 0}
k = 1 << 100
while want:
    rr, ss = sign(SECRET, MESSAGE, k)
    k += 1
    for name, test in list(want.items()):
        if test(rr, low(ss)):
            case(name, der(rr, low(ss)), True, True)
            case(name + ", s above n/2", der(rr, N - low(ss)), True, False)
            del want[name]
rr, ss = sign(SECRET, b"another message", 0x1234567890ABCDEF)
case("another message", der(rr, low(ss)))
rr, ss = sign(OTHER, MESSAGE, 0x1234567890ABCDEF)
case("another key", der(rr, low(ss)))
for name, a, b in [
    ("r = 0", 0, s), ("s = 0", r, 0), ("both 0", 0, 0), ("r = n", N, s), ("s = n", r, N), ("both n", N, N), ("r = 1, s = 0", 1, 0),
    ("r = 0, s = 1", 0, 1), ("r = n, s = 1", N, 1), ("r = 1, s = n", 1, N), ("r = p", P, s), ("r = n - 1", N - 1, s), ("r = 1, s = 1", 1, 1),
    ("r + n", r + N, s), ("s + n", r, s + N), ("r + 2^256", r + (1 << 256), s), ("s + 2^256", r, s + (1 << 256)), ("r - n", r - N, s),
    ("s - n", r, s - N), ("-r", -r, s), ("-s", r, -s), ("both negative", -r, -s), ("r = -1", -1, s), ("swapped", s, r), ("r + 1", r + 1, s),
    ("s + 1", r, s + 1), ("r - 1", r - 1, s), ("s - 1", r, s - 1), ("2^255", 1 << 255, s),
]:
    case(name, der(a, b))
good, ri, si = der(r, s), integer(r), integer(s)
body = ri + si
case("empty", b"")
case("empty sequence", tlv(0x30, b""))
case("r alone", tlv(0x30, ri))
case("three numbers", tlv(0x30, body + integer(1)))
case("a byte behind", good + b"\0")
case("a signature behind", (good + good)[:72])
case("a NULL inside", tlv(0x30, body + b"\5\0"))
case("zeros inside", tlv(0x30, body + b"\0\0"))
case("long form outside", bytes([0x30, 0x81, len(body)]) + body)
case("longer form outside", bytes([0x30, 0x82, 0, len(body)]) + body)
case("long form of r", tlv(0x30, bytes([2, 0x81, len(ri) - 2]) + ri[2:] + si))
case("long form of s", tlv(0x30, ri + bytes([2, 0x81, len(si) - 2]) + si[2:]))
case("indefinite length", b"\x30\x80" + body + b"\0\0")
case("r with a zero in front", tlv(0x30, tlv(2, b"\0" + number(r)) + si))
case("s with a zero in front", tlv(0x30, ri + tlv(2, b"\0" + number(s))))
case("r without its sign byte", tlv(0x30, tlv(2, r.to_bytes(32, "big") if r >> 255 else number(r)[1:]) + si))
case("r of no bytes", tlv(0x30, b"\2\0" + si))
case("s of no bytes", tlv(0x30, ri + b"\2\0"))
case("a SET", tlv(0x31, body))
case("a primitive sequence", tlv(0x10, body))
case("r as BIT STRING", tlv(0x30, b"\3" + ri[1:] + si))
case("s as OCTET STRING", tlv(0x30, ri + b"\4" + si[1:]))
case("r as ENUMERATED", tlv(0x30, b"\x0a" + ri[1:] + si))
case("sequence in sequence", tlv(0x30, tlv(0x30, body)))
case("length one too large", bytes([0x30, len(body) + 1]) + body)
case("length one too small", bytes([0x30, len(body) - 1]) + body)
case("length reserved", b"\x30\xff" + body)
case("raw r and s", r.to_bytes(32, "big") + s.to_bytes(32, "big"))
case("text", b"signature")

raw = []  # r, s, verifies
for name, a, b, ok in [
    ("plain", r, s, True), ("s above n/2", r, N - s, True), ("swapped", s, r, False), ("r = 0", 0, s, False), ("s = 0", r, 0, False),
    ("both 0", 0, 0, False), ("r = n", N, s, False), ("s = n", r, N, False), ("both n", N, N, False), ("r = 1, s = 1", 1, 1, False),
    ("r = p", P, s, False), ("all ones", (1 << 256) - 1, (1 << 256) - 1, False), ("r = n - r", N - r, s, False), ("s + 1", r, s + 1, False),
]:
    raw.append((name, a.to_bytes(32, "big") + b.to_bytes(32, "big"), ok))

# ---- points that are none ----
x = 0
while True:  # a point with x below 2^256 - p, so that x + p still fits
    x += 1
    y2 = (x**3 + A * x + B) % P
    y = pow(y2, (P + 1) // 4, P)
    if y * y % P == y2:
        break
small = (x, y)
assert x + P < 1 << 256
t = 0
while True:  # a point of the twist: x alone is no point of the curve
    t += 1
    y2 = (t**3 + A * t + B) % P
    if pow(y2, (P - 1) // 2, P) == P - 1:
        break
points = [
    ("the generator", sec1(G), True),
    ("the key", sec1(PUBLIC), True),
    ("its negative", sec1((PUBLIC[0], P - PUBLIC[1])), True),
    ("a small x", sec1(small), True),
    ("x + p", sec1((x + P, y)), False),
    ("x of the twist", sec1((t, 1)), False),
    ("y + 1", sec1((PUBLIC[0], PUBLIC[1] + 1)), False),
    ("y = 0", sec1((PUBLIC[0], 0)), False),
    ("x = 0, y = 0", sec1((0, 0)), False),
    ("x = p, y = p", sec1((P, P)), False),
    ("all ones", b"\4" + b"\xff" * 64, False),
    ("hybrid even", sec1(PUBLIC, 6), False),
    ("hybrid odd", sec1(PUBLIC, 7), False),
    ("compressed prefix", sec1(PUBLIC, 2), False),
    ("infinity", b"\0" * 65, False),
    ("prefix 5", sec1(PUBLIC, 5), False),
    ("little endian", b"\4" + sec1(PUBLIC)[1:33][::-1] + sec1(PUBLIC)[33:][::-1], False),
]


def text(b):
    return '"' + b.hex() + '"'


def flag(v):
    return "true" if v else "false"


print(
    """/* SPDX-License-Identifier: Apache-2.0
 *
 * Made by tests/crypto/golden_p256.py (plain Python integers, no library). Do not edit.
 */
#ifndef SW_TESTS_GOLDEN_P256_H
#define SW_TESTS_GOLDEN_P256_H

typedef struct golden_signature {
    const char *name, *bytes; /* hex */
    bool holds, holds_low_s;
} golden_signature;
typedef struct golden_point {
    const char *name, *bytes; /* hex */
    bool on_curve;
} golden_point;

/* clang-format off */"""
)
print(f'static const char golden_message[] = "{MESSAGE.decode()}";')
print(f"static const char golden_secret[] = {text(SECRET.to_bytes(32, 'big'))};")
print(f"static const char golden_public[] = {text(sec1(PUBLIC))};")
print("static const golden_signature golden_der[] = {")
for name, b, plain, strict in cases:
    print(f'    {{"{name}", {text(b)}, {flag(plain)}, {flag(strict)}}},')
print("};\nstatic const golden_signature golden_raw[] = {")
for name, b, ok in raw:
    print(f'    {{"{name}", {text(b)}, {flag(ok)}, false}},')
print("};\nstatic const golden_point golden_points[] = {")
for name, b, ok in points:
    print(f'    {{"{name}", {text(b)}, {flag(ok)}}},')
print("};\n/* clang-format on */\n\n#endif")
