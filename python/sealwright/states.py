# SPDX-License-Identifier: Apache-2.0
"""A folder as one byte string and back: what a script's state is to the agent (CMD-043).

`SWSTATE1`, then for each file u32be length and bytes of its path in the folder, u64be size and the content; a length of 0 ends it. Paths
ascend bytewise. A state comes back out of its own seal, and is read as if it did not.
"""
from __future__ import annotations

import os
import struct
from typing import Iterator, Optional, Union

from .errors import malformed, usage

MAGIC = b"SWSTATE1"
FILE_LIMIT = 4096
PATH_LIMIT = 1024
PIECE = 1 << 20
Source = Union[bytes, bytearray, memoryview, str, "os.PathLike[str]"]


def _files(folder: str) -> list[tuple[bytes, str, int]]:
    found = []
    for place, folders, names in os.walk(folder, followlinks=False):
        for name in folders + names:
            path = os.path.join(place, name)
            if os.path.islink(path):
                raise usage("checkpoint", "a state's folder holds a symbolic link")
        for name in names:
            path = os.path.join(place, name)
            inside = os.fsencode(os.path.relpath(path, folder))
            if len(inside) > PATH_LIMIT:
                raise usage("checkpoint", f"a path in a state has more than {PATH_LIMIT} bytes")
            found.append((inside, path, os.stat(path).st_size))
    if not 1 <= len(found) <= FILE_LIMIT:
        raise usage("checkpoint", f"a state's folder has not 1 to {FILE_LIMIT} files")
    return sorted(found)


def pieces_of_file(path: str, size: int) -> Iterator[bytes]:
    with open(path, "rb", buffering=0) as f:
        left = size
        while left:
            piece = f.read(min(PIECE, left))
            if not piece:
                raise usage("output", "a file became shorter while it was read")
            left -= len(piece)
            yield piece


def pack(folder: str) -> tuple[int, Iterator[bytes]]:
    files = _files(folder)
    size = len(MAGIC) + 4 + sum(12 + len(inside) + content for inside, _, content in files)

    def body() -> Iterator[bytes]:
        yield MAGIC
        for inside, path, content in files:
            yield struct.pack(">I", len(inside)) + inside + struct.pack(">Q", content)
            yield from pieces_of_file(path, content)
        yield bytes(4)

    return size, body()


def source(what: Source) -> tuple[int, Iterator]:
    """Size and pieces of bytes, of a file, or of a folder."""
    if isinstance(what, (bytes, bytearray, memoryview)):
        data = memoryview(what).cast("B")
        return len(data), iter([data] if len(data) else [])
    path = os.fspath(what)
    if os.path.isdir(path):
        return pack(path)
    size = os.stat(path).st_size
    return size, pieces_of_file(path, size)


def is_packed(data: memoryview) -> bool:
    return bytes(data[: len(MAGIC)]) == MAGIC


def _entries(data: memoryview) -> Iterator[tuple[str, memoryview]]:
    at, last = len(MAGIC), b""
    for _ in range(FILE_LIMIT + 1):
        if at + 4 > len(data):
            break
        (length,) = struct.unpack_from(">I", data, at)
        if length == 0:
            if at + 4 != len(data) or not last:
                break
            return
        if length > PATH_LIMIT or at + 12 + length > len(data):
            break
        inside = bytes(data[at + 4 : at + 4 + length])
        (size,) = struct.unpack_from(">Q", data, at + 4 + length)
        at += 12 + length
        if size > len(data) - at or inside <= last or b"\0" in inside or any(p in (b"", b".", b"..") for p in inside.split(b"/")):
            break
        yield os.fsdecode(inside), data[at : at + size]
        at, last = at + size, inside
    raise malformed("checkpoint", "the state to resume from is no folder that this package packed")


def _place(name: str, below: Optional[str]) -> str:
    import tempfile

    folder = os.path.join(tempfile.mkdtemp(prefix="sealwright-") if below is None else below, name)
    if os.path.lexists(folder):
        raise usage("checkpoint", f"{folder}, where the state to resume from is laid, is there already", "an earlier rehearsal may have left it: remove it")
    return folder


def unpack(data: memoryview, name: str, below: Optional[str] = None) -> str:
    """Into a new folder called `name`, in `below` or in a new place for temporary files."""
    if not is_packed(data):
        raise malformed("checkpoint", "the state to resume from is no folder that this package packed")
    entries = list(_entries(data))
    folder = _place(name, below)
    for inside, content in entries:
        path = os.path.join(folder, inside)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "xb") as f:
            f.write(content)
    return folder


def place_bytes(data: memoryview, name: str, below: Optional[str] = None) -> str:
    """A state that is no folder, as the file `state` in a new one."""
    folder = _place(name, below)
    os.makedirs(folder)
    with open(os.path.join(folder, "state"), "xb") as f:
        f.write(data)
    return folder
