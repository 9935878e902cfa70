# SPDX-License-Identifier: Apache-2.0
"""Keccak-256, secp256k1, RLP and Merkle-Patricia tries, written from the yellow paper and SEC 1 for the toy chain: nothing
here is shared with the C code that it judges. Standard library only."""

import functools

# ---- Keccak-f[1600], padding 0x01 ----
_ROUNDS = []
_state = 1
for _ in range(24):
    word = 0
    for _j in range(7):
        if _state & 1:
            word |= 1 << ((1 << _j) - 1)
        _state = _state << 1 ^ (0x171 if _state & 0x80 else 0)
    _ROUNDS.append(word)
_MASK = (1 << 64) - 1
_LANES = []  # (source, target, rotation) of rho and pi
_x, _y, _t = 1, 0, 0
for _t in range(24):
    _LANES.append((_x + 5 * _y, _y + 5 * ((2 * _x + 3 * _y) % 5), (_t + 1) * (_t + 2) // 2 % 64))
    _x, _y = _y, (2 * _x + 3 * _y) % 5


def _unrolled():
    """The permutation as one straight function: a loop over lists takes four times as long, and a chain hashes all day."""
    lanes = [f"a{i}" for i in range(25)]
    round_ = [f"c{x} = " + " ^ ".join(f"a{x + 5 * y}" for y in range(5)) for x in range(5)]
    round_ += [f"d{x} = c{(x + 4) % 5} ^ (c{(x + 1) % 5} << 1 & M | c{(x + 1) % 5} >> 63)" for x in range(5)]
    round_ += ["b0 = a0 ^ d0"]
    for source, target, r in _LANES:
        round_ += [f"v = a{source} ^ d{source % 5}", f"b{target} = v << {r} & M | v >> {64 - r}"]
    round_ += [f"a{i} = b{i} ^ (~b{i - i % 5 + (i + 1) % 5} & b{i - i % 5 + (i + 2) % 5})" for i in range(25)] + ["a0 ^= constant"]
    code = ["def permute(a):", " " + ", ".join(lanes) + " = a", " for constant in ROUNDS:", *("  " + line for line in round_), f" return [{', '.join(lanes)}]"]
    scope = {"ROUNDS": _ROUNDS, "M": _MASK}
    exec("\n".join(code), scope)
    return scope["permute"]


_permute = _unrolled()
_known = {}


def keccak(data):
    found = _known.get(data)
    if found is None:
        padded = bytearray(data) + b'\x01' + bytes(-(len(data) + 1) % 136)
        padded[-1] |= 0x80
        a = [0] * 25
        for at in range(0, len(padded), 136):
            for i in range(17):
                a[i] ^= int.from_bytes(padded[at + 8 * i:at + 8 * i + 8], 'little')
            a = _permute(a)
        found = b''.join(v.to_bytes(8, 'little') for v in a[:4])
        _known[bytes(data)] = found
    return found


# ---- secp256k1 ----
P = 2**256 - 2**32 - 977
N = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141
G = (0x79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798,
     0x483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8)


def add(p, q):
    if p is None or q is None:
        return p or q
    if p[0] == q[0] and (p[1] + q[1]) % P == 0:
        return None
    slope = (3 * p[0] * p[0] * pow(2 * p[1], -1, P) if p == q else (q[1] - p[1]) * pow(q[0] - p[0], -1, P)) % P
    x = (slope * slope - p[0] - q[0]) % P
    return x, (slope * (p[0] - x) - p[1]) % P


def _double(p):
    """Jacobian coordinates: x / z^2, y / z^3; one inversion at the end instead of one a step."""
    x, y, z = p
    s, m = 4 * x * y * y % P, 3 * x * x % P
    x2 = (m * m - 2 * s) % P
    return x2, (m * (s - x2) - 8 * y**4) % P, 2 * y * z % P


def multiply(k, p):
    out = None
    for bit in bin(k)[2:]:
        if out is not None:
            out = _double(out)
        if bit == '0':
            continue
        if out is None:
            out = p[0], p[1], 1
            continue
        x, y, z = out
        h, r = (p[0] * z * z - x) % P, (p[1] * z**3 - y) % P
        if h == 0:  # never for a random k below n
            return add(multiply(k - 1, p), p)
        x2 = (r * r - h**3 - 2 * x * h * h) % P
        out = x2, (r * (x * h * h - x2) - y * h**3) % P, h * z % P
    inverse = pow(out[2], -1, P)
    return out[0] * inverse**2 % P, out[1] * inverse**3 % P


def address_of(point):
    return keccak(point[0].to_bytes(32, 'big') + point[1].to_bytes(32, 'big'))[12:]


@functools.cache
def recover(digest, r, s, v):
    """The address that signed, or None. v is 0 or 1; s above n/2 is refused."""
    if not (0 < r < N and 0 < s <= N // 2 and v in (0, 1)):
        return None
    square = (pow(r, 3, P) + 7) % P
    y = pow(square, (P + 1) // 4, P)
    if y * y % P != square:
        return None
    if y & 1 != v:
        y = P - y
    inverse = pow(r, -1, N)
    e = int.from_bytes(digest, 'big')
    point = add(multiply(s * inverse % N, (r, y)), multiply(-e * inverse % N, G))
    return None if point is None else address_of(point)


# ---- RLP ----
def number(n):
    return n.to_bytes((n.bit_length() + 7) // 8, 'big')


def _prefix(size, short):
    return bytes([short + size]) if size < 56 else bytes([short + 55 + len(number(size))]) + number(size)


def rlp(v):
    if isinstance(v, int):
        v = number(v)
    if isinstance(v, bytes):
        return v if len(v) == 1 and v[0] < 0x80 else _prefix(len(v), 0x80) + v
    payload = b''.join(rlp(x) for x in v)
    return _prefix(len(payload), 0xc0) + payload


def unrlp(data, at=0):
    """(value, end) of the item at `at`."""
    first = data[at]
    if first < 0x80:
        return data[at:at + 1], at + 1
    is_list, size, at = first >= 0xc0, first - (0xc0 if first >= 0xc0 else 0x80), at + 1
    if size > 55:
        width = size - 55
        size, at = int.from_bytes(data[at:at + width], 'big'), at + width
    end = at + size
    if not is_list:
        return data[at:end], end
    out = []
    while at < end:
        item, at = unrlp(data, at)
        out.append(item)
    return out, end


# ---- Merkle-Patricia tries, built whole ----
EMPTY_ROOT = keccak(b'\x80')


def _compact(nibbles, leaf):
    odd = len(nibbles) % 2
    nibbles = ([2 * leaf + odd] if odd else [2 * leaf, 0]) + nibbles
    return bytes(16 * nibbles[i] + nibbles[i + 1] for i in range(0, len(nibbles), 2))


def _reference(node):
    encoded = rlp(node)
    return node if len(encoded) < 32 else keccak(encoded)


def _build(items, depth):
    """A node for items [(nibbles, value)], distinct from `depth` on."""
    if len(items) == 1:
        return [_compact(items[0][0][depth:], 1), items[0][1]]
    first, last = items[0][0], items[-1][0]
    shared = depth
    while shared < min(len(first), len(last)) and first[shared] == last[shared]:
        shared += 1
    if shared > depth:
        return [_compact(first[depth:shared], 0), _reference(_build(items, shared))]
    node = [b''] * 17
    for item in items:
        if len(item[0]) == depth:
            node[16] = item[1]
    for n in range(16):
        below = [i for i in items if len(i[0]) > depth and i[0][depth] == n]
        if below:
            node[n] = _reference(_build(below, depth + 1))
    return node


def _nibbles(key):
    return [n for b in key for n in (b >> 4, b & 15)]


class Trie:
    def __init__(self, items):
        """items: {key bytes: value bytes}; keys as they stand in the trie."""
        ordered = sorted((_nibbles(k), v) for k, v in items.items())
        self.top = _build(ordered, 0) if ordered else None
        self.items = ordered
        self.root = keccak(rlp(self.top)) if ordered else EMPTY_ROOT

    def prove(self, key):
        """The nodes that are reached by hash, from the root on."""
        out, items, depth, path = [], self.items, 0, _nibbles(key)
        node = self.top
        if node is None:
            return out
        out.append(rlp(node))
        while True:
            if len(node) == 17:
                if depth == len(path) or not node[path[depth]]:
                    return out
                items = [i for i in items if len(i[0]) > depth and i[0][depth] == path[depth]]
                depth += 1
            else:
                head = node[0][0] >> 4
                rest = _nibbles(node[0])[1 if head & 1 else 2:]
                if head >= 2 or path[depth:depth + len(rest)] != rest:
                    return out
                depth += len(rest)
            node = _build(items, depth)
            if len(rlp(node)) >= 32:
                out.append(rlp(node))
