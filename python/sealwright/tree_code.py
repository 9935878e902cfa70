# SPDX-License-Identifier: Apache-2.0
"""Compiles modules of a tree; run by the tree's own interpreter, which need not have this package.

    python -S tree_code.py <FILES    (u32be length and bytes of a module's file, the same of its path in the tree, and so on)

The code of a module depends on the interpreter, the text and the path in the tree, and on nothing else (CMD-068). Python's own compiler of
folders does not promise that: marshal marks an object as shared by how many hold it, this process among them. So everything in a
module's code is held here while it is written, and single letters, which Python keeps one copy of, are all interned before.
"""
import importlib.util
import marshal
import os
import struct
import sys
import types
import warnings

UNCHECKED = 1  # PEP 552: by hash, and believed without a look at the source


def hold(value, held):
    """Everything below `value` that marshal writes as an object of its own."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        held.append(one)
        if isinstance(one, types.CodeType):
            waiting += [one.co_consts, one.co_names, one.co_varnames, one.co_cellvars, one.co_freevars, one.co_filename, one.co_name, one.co_linetable]
            waiting += [getattr(one, name) for name in ("co_qualname", "co_exceptiontable") if hasattr(one, name)]
        elif isinstance(one, (tuple, frozenset)):
            waiting += one


LETTERS = [sys.intern(letter) for letter in ["", *map(chr, range(256))]]


def compiled(source, inside):
    code = compile(source, inside, "exec", dont_inherit=True, optimize=0)
    held = []
    hold(code, held)
    head = importlib.util.MAGIC_NUMBER + struct.pack("<I", UNCHECKED) + importlib.util.source_hash(source)
    return head + marshal.dumps(code)


def place(path, inside):
    with open(path, "rb") as f:
        source = f.read()
    try:
        made = compiled(source, inside)
    except (SyntaxError, ValueError, RecursionError):  # for another version of Python, or a template
        return
    beside = importlib.util.cache_from_source(path, optimization="")
    os.makedirs(os.path.dirname(beside), exist_ok=True)
    with open(beside, "xb") as f:
        f.write(made)


def main():
    warnings.simplefilter("ignore")
    sys.setrecursionlimit(10000)
    told, at, texts = sys.stdin.buffer.read(), 0, []
    while at < len(told):
        (size,) = struct.unpack_from(">I", told, at)
        texts.append(told[at + 4 : at + 4 + size].decode("utf-8", "surrogateescape"))
        at += 4 + size
    for path, inside in zip(texts[::2], texts[1::2]):
        place(path, inside)


if __name__ == "__main__":
    main()
