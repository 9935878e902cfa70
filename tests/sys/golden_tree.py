#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes golden_tree.h: the digest of the tree that tests/sys/tree_support.h makes, by an implementation of CMD-002 that shares nothing with ours
(Python's hashlib, over a table of the tree in place of a folder)."""
import hashlib
import struct

# path: content (bytes, and whether it is a program), a link's target (text), or a folder (None)
TREE = {
    "a": None,
    "a-b": (b"hello", False),
    "a/empty": (b"", False),
    "a/x": (b"x\n", True),
    "app": None,
    "app/deep": None,
    "app/deep/er": None,
    "app/deep/er/large": (bytes(i % 251 for i in range(300000)), False),
    "bin": "usr/bin",
    "nothing": None,
    "outside": "/etc/passwd",
    "usr": None,
    "usr/bin": None,
    "usr/bin/run": (b"#!/bin/sh\n", True),
    "\u00fc ber": (b"\x00\xff", False),
}


def entries(folder):
    members = [p for p in TREE if (p.rpartition("/")[0]) == folder]
    for path in sorted(members, key=lambda p: p.encode()):
        yield path, TREE[path]
        if TREE[path] is None:
            yield from entries(path)


def digest():
    out = hashlib.sha256(b"sealwright/tree/v1\0")
    count = size = 0
    for path, what in entries(""):
        name = path.encode()
        if what is None:
            kind, length, inner = 1, 0, bytes(32)
        elif isinstance(what, str):
            kind, length, inner = 4, len(what), hashlib.sha256(what.encode()).digest()
        else:
            kind, length, inner = 2 + what[1], len(what[0]), hashlib.sha256(what[0]).digest()
            size += length
        count += 1
        out.update(struct.pack(">I", len(name)) + name + bytes([kind]) + struct.pack(">Q", length) + inner)
    return out.hexdigest(), count, size


if __name__ == "__main__":
    value, count, size = digest()
    print("/* SPDX-License-Identifier: Apache-2.0\n *\n * Written by tests/sys/golden_tree.py. */")
    print(f'#define GOLDEN_TREE         \\\n    "{value}"')
    print(f"#define GOLDEN_TREE_ENTRIES {count}\n#define GOLDEN_TREE_BYTES   {size}")
