#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Looks for a canary in every file that changed since a moment, in any form in which a row could leave.

    printf %s CANARY | tests/run/find_canary.py SECONDS FOLDER...

The canary, capital letters, is read from standard input and written nowhere. Looked for are its first and its last half as text, hex,
base64 in three alignments and the ids of the miniature's tokens (16, 32 and 64 bits, little-endian): in contents, names and extended
attributes of files changed since SECONDS. Prints each place and form; exits 1 when there is one.
"""
import base64
import mmap
import os
import re
import struct
import sys


def base64_forms(text):
    for shift in range(3):
        whole = base64.b64encode(b"\0" * shift + text)
        # Letters that share bits with what stands before or behind are cut off.
        yield whole[(shift * 8 + 5) // 6 : (shift + len(text)) * 8 // 6]


def forms(text):
    yield "text", text
    yield "text, reversed", text[::-1]
    yield "hex", text.hex().encode()
    yield "hex in capitals", text.hex().upper().encode()
    yield "UTF-16", text.decode().encode("utf-16-le")
    for form in base64_forms(text):
        yield "base64", form
        yield "base64url", form.replace(b"+", b"-").replace(b"/", b"_")
    # The miniature's vocabulary: three special tokens, then the bytes in order of their letters, from "!" on.
    ids = [3 + c - 33 for c in text]
    for letter in "HIQ":
        yield "token ids", struct.pack(f"<{len(ids)}{letter}", *ids)


def patterns(canary):
    half = len(canary) // 2
    found = {}
    for part in (canary[:half], canary[half:]):
        for name, form in forms(part):
            found[form] = name
    return found


def changed(folder, since):
    for root, _, files in os.walk(folder):
        for name in files + [""]:
            path = os.path.join(root, name)
            try:
                st = os.lstat(path)
            except OSError:
                continue
            if max(st.st_mtime, st.st_ctime) >= since:
                yield path, st


def content(path, st):
    if (st.st_mode & 0o170000) != 0o100000 or not st.st_size:
        return b""
    with open(path, "rb") as f:
        return mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ)


def attributes(path):
    try:
        return b"".join(os.getxattr(path, n, follow_symlinks=False) for n in os.listxattr(path, follow_symlinks=False))
    except OSError:
        return b""


def main():
    forms_of = patterns(sys.stdin.buffer.read().strip())
    any_form = re.compile(b"|".join(re.escape(p) for p in sorted(forms_of, key=len, reverse=True)))
    files = hits = 0
    for folder in sys.argv[2:]:
        for path, st in changed(folder, float(sys.argv[1])):
            try:
                places = (("content", content(path, st)), ("name", os.fsencode(path)), ("attribute", attributes(path)))
            except (OSError, ValueError):
                continue  # it went meanwhile
            files += 1
            for where, data in places:
                for match in any_form.finditer(data):
                    print(f"{path}: {where}: {forms_of[match.group()]}")
                    hits += 1
    print(f"{files} files looked through, {hits} hits")
    sys.exit(1 if hits else 0)


if __name__ == "__main__":
    main()
