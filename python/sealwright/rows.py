# SPDX-License-Identifier: Apache-2.0
"""The rows of a sealed run, out of shared memory (CMD-030): shards, and views of them that keep no row.

What is read is never trusted further than its length: the index is checked where it is used, and a row that is not one JSON object is
named by shard and number (from 1), never by what stands in it.
"""
from __future__ import annotations

import json
import mmap
import operator
import os
import sys
from typing import Any, Iterator, Optional, Sequence, Union

from . import draw
from .canonical import refuse_constant, unique
from .errors import DataError, malformed, usage
from .job import JSONL, ShardPlace

_CHUNK = 4096  # rows whose offsets are taken at once
SURE = "a dataset's id names one for sure"
_decode = json.JSONDecoder(object_pairs_hook=unique, parse_constant=refuse_constant).decode


def _map(fd: int, size: int, what: str) -> memoryview:
    """Private, since older kernels refuse shared maps of sealed memory; nothing is written, so nothing is copied."""
    try:
        real = os.fstat(fd).st_size
        if real != size:
            raise malformed("job", f"{what} has {real} bytes and JOB says {size}")
        return memoryview(mmap.mmap(fd, size, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ)) if size else memoryview(b"")
    except OSError:
        raise malformed("job", f"{what} is no memory that can be mapped") from None


def decode_row(raw: Union[bytes, memoryview], shard: str, row: int) -> dict[str, Any]:
    try:
        value = _decode(str(raw, "utf-8"))
    except (ValueError, RecursionError):
        value = None
    if type(value) is not dict:  # outside the handler, so that no exception with the row in it hangs on this one
        raise DataError("malformed", "row", f"shard {shard}, row {row + 1} is not one JSON object")
    return value


class Shard:
    """One shard: its bytes, and where its rows begin."""

    def __init__(self, place: ShardPlace) -> None:
        self.place, self.name = place, place.name
        self.data = _map(place.fd, place.bytes, f"shard {place.name}")
        self.by_rows = place.media_type == JSONL
        if not self.by_rows:
            self._index: memoryview = memoryview(b"")
            return
        index = _map(place.index_fd, 8 * (place.rows + 1), f"the index of shard {place.name}")
        if sys.byteorder != "little":
            raise usage("machine", "the index of rows is read on little-endian machines alone")
        self._index = index.cast("Q")
        if self._index[place.rows] != place.bytes:
            raise malformed("job", f"the index of shard {place.name} does not end where it ends")
        self._find = self.data.obj.find if place.bytes else None  # the map's own: a view cannot search

    def __len__(self) -> int:
        return self.place.rows if self.by_rows else 1

    def _bad_index(self, row: int) -> DataError:
        return DataError("malformed", "row", f"shard {self.name}, row {row + 1}: the index does not ascend")

    def raw(self, row: int) -> memoryview:
        """A row without its newline; a shard of another media type is one."""
        if not self.by_rows:
            return self.data
        begin, end = self._index[row], self._index[row + 1]
        if not begin < end <= self.place.bytes:
            raise self._bad_index(row)
        stop = self._find(b"\n", begin, end)  # lines without a row may lie before the next
        return self.data[begin : end if stop < 0 else stop]

    def raws(self) -> Iterator[memoryview]:
        if not self.by_rows:
            yield self.data
            return
        data, size, find = self.data, self.place.bytes, self._find
        for first in range(0, len(self), _CHUNK):
            offsets = self._index[first : first + _CHUNK + 1].tolist()
            begin = offsets[0]
            for i in range(1, len(offsets)):
                end = offsets[i]
                if not begin < end <= size:
                    raise self._bad_index(first + i - 1)
                stop = find(b"\n", begin, end)
                yield data[begin : end if stop < 0 else stop]
                begin = end

    def longest(self) -> int:
        most = 0
        for first in range(0, len(self), _CHUNK):
            offsets = self._index[first : first + _CHUNK + 1].tolist()
            most = max(most, max(b - a for a, b in zip(offsets, offsets[1:])))
        return most


class Rows(Sequence):
    """Rows by number, as dicts or (`raw`) as bytes. Slices and shuffles are views; nothing is kept."""

    def __init__(self, shards: Sequence[Shard], order=None, raw: bool = False) -> None:
        self._shards, self._raw = list(shards), raw
        self._plain = order is None
        self._order = draw.InOrder([len(s) for s in shards]) if order is None else order

    def __len__(self) -> int:
        return len(self._order)

    def place(self, i: int) -> tuple[int, int]:
        """Number of the shard and of the row in it."""
        n, i = len(self), operator.index(i)  # a sampler's numpy.int64 would overflow where an order is drawn
        if not -n <= i < n:
            raise IndexError(f"row {i} of {n}")
        return self._order[i % n]

    def raw(self, i: int) -> memoryview:
        """Where it lies, without a copy. Such a view cannot be sent to another process; bytes can."""
        shard, row = self.place(i)
        return self._shards[shard].raw(row)

    def __getitem__(self, i):
        if isinstance(i, slice):
            return Rows(self._shards, draw.Stretch(self._order, range(len(self))[i]), self._raw)
        shard, row = self.place(i)
        raw = self._shards[shard].raw(row)
        return bytes(raw) if self._raw else decode_row(raw, self._shards[shard].name, row)

    def __iter__(self):
        if not self._plain:
            for i in range(len(self)):
                yield self[i]
            return
        for shard in self._shards:
            if self._raw:
                yield from map(bytes, shard.raws())
            else:
                name = shard.name
                for row, raw in enumerate(shard.raws()):
                    yield decode_row(raw, name, row)

    def shuffle(self, seed: int = 0) -> "Rows":
        return Rows(self._shards, draw.Shuffled(self._order, seed), self._raw)

    @property
    def shards(self) -> list[Shard]:
        return list(self._shards)

    @property
    def in_order(self) -> bool:
        return self._plain


def open_shards(places: Sequence[ShardPlace], held: dict[str, Shard], names: Optional[Sequence[str]]) -> list[Shard]:
    """Those of the names (of a shard, or a dataset's id), in that order; all for None. Each is mapped once in a process."""
    chosen = list(places) if names is None else []
    for name in names or ():
        found = [p for p in places if name in (p.name, p.dataset)]
        if len(found) != 1:
            there = ", ".join(p.name for p in places)
            raise usage("shard", f"{len(found)} shards are called {name!r}; there are: {there}", SURE if found else "")
        chosen += found
    if len({p.dataset for p in chosen}) != len(chosen):
        raise usage("shard", "a shard is named twice")
    for p in chosen:
        if p.dataset not in held:
            held[p.dataset] = Shard(p)
    return [held[p.dataset] for p in chosen]
