# SPDX-License-Identifier: Apache-2.0
"""Which row comes when: orders that a seed fixes, in whole numbers alone, so that every machine draws the same (CMD-064).

`mix` is the last step of SplitMix64 (Steele, Lea, Flood 2014). A shuffle is a Feistel network of six rounds over the smallest power of
two that holds the rows, walked on while it is outside (Black, Rogaway 2002): any place of it is computed alone, and nothing is kept.
Weighted draws: draw k takes the owner in whose part of 0 ... 2^64 - 1 mix(seed', k) lies; the owner's rows, of all shards that share the
weight, come shuffled, each once before any comes again.
"""
from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from threading import Lock
from typing import Iterator, Sequence

from .errors import usage

_MASK = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15
_BLOCK = 1024  # draws between two counts that are kept
Part = tuple[float, tuple[int, ...]]  # a weight, and the numbers of the shards that share it


def mix(x: int) -> int:
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _MASK
    return x ^ (x >> 31)


def key(seed: int, *places: int) -> int:
    """A number of 64 bits for a place under a seed."""
    k = mix((seed + _GOLDEN) & _MASK)
    for place in places:
        k = mix((k ^ (place & _MASK)) + _GOLDEN & _MASK)
    return k


def check_seed(seed: int) -> int:
    if type(seed) is not int or not 0 <= seed < 1 << 64:
        raise usage("seed", "a seed is a whole number from 0 to 2^64 - 1")
    return seed


class Shuffle:
    """A permutation of 0 ... count - 1."""

    def __init__(self, count: int, seed: int, *places: int) -> None:
        bits = max(2, (count - 1).bit_length())
        self._count, self._low = count, bits // 2
        self._low_mask, self._high_mask = (1 << self._low) - 1, (1 << (bits - self._low)) - 1
        self._keys = [key(seed, *places, r) for r in range(6)]

    def __getitem__(self, i: int) -> int:
        keys, low_mask, high_mask, shift = self._keys, self._low_mask, self._high_mask, self._low
        while True:
            low, high = i & low_mask, i >> shift
            for r in (0, 2, 4):
                high ^= mix(low ^ keys[r]) & high_mask
                low ^= mix(high ^ keys[r + 1]) & low_mask
            i = high << shift | low
            if i < self._count:
                return i


class InOrder:
    """The shards one after the other."""

    def __init__(self, counts: Sequence[int]) -> None:
        self._ends = list(accumulate(counts))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __getitem__(self, i: int) -> tuple[int, int]:
        shard = bisect_right(self._ends, i)
        return shard, i - (self._ends[shard - 1] if shard else 0)


class Shuffled:
    def __init__(self, order, seed: int) -> None:
        self._order, self._shuffle = order, Shuffle(len(order), check_seed(seed), 1)

    def __len__(self) -> int:
        return len(self._order)

    def __getitem__(self, i: int) -> tuple[int, int]:
        return self._order[self._shuffle[i]]


class Stretch:
    """A stretch of another order."""

    def __init__(self, order, places: range) -> None:
        self._order, self._places = order, places

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, i: int) -> tuple[int, int]:
        return self._order[self._places[i]]


def parts_of(weights: Sequence[float]) -> list[int]:
    """Where each weight's part of 0 ... 2^64 - 1 ends. A float is the fraction that it is, so no rounding differs between machines."""
    from fractions import Fraction  # here: it takes decimal along, and most scripts draw without weights

    exact = []
    for w in weights:
        try:
            exact.append(Fraction(w))
        except (TypeError, ValueError, OverflowError):
            raise usage("weights", "a weight is a finite number") from None
    total = sum(exact)
    if any(w < 0 for w in exact) or total <= 0:
        raise usage("weights", "weights are not below zero, and one is above it")
    return [int(end * (1 << 64) / total) for end in accumulate(exact)]


class Weighted:
    """As many draws as the drawn shards have rows, each from a shard by weight."""

    def __init__(self, counts: Sequence[int], weights: Sequence[float], seed: int) -> None:
        self._ends, self._counts, self._seed = parts_of(weights), list(counts), check_seed(seed)
        drawn = [n for n, w in zip(counts, weights) if w > 0]
        if any(n == 0 for n in drawn):
            raise usage("weights", "a shard that has a weight has no rows")
        self._length, self._key = sum(drawn), key(seed, 2)
        self._before: list[list[int]] = [[0] * len(counts)]  # draws of each shard before block b
        self._block: tuple[int, list[tuple[int, int]]] = (-1, [])
        self._shuffles: dict[tuple[int, int], Shuffle] = {}
        self._lock = Lock()  # blocks are counted one after the other, whoever asks

    def __len__(self) -> int:
        return self._length

    def _owners(self, block: int) -> Iterator[int]:
        for k in range(block * _BLOCK, min((block + 1) * _BLOCK, self._length)):
            yield bisect_right(self._ends, mix((self._key + k * _GOLDEN) & _MASK))

    def _load(self, block: int) -> list[tuple[int, int]]:
        with self._lock:
            while len(self._before) <= block:
                counted = list(self._before[-1])
                for owner in self._owners(len(self._before) - 1):
                    counted[owner] += 1
                self._before.append(counted)
        counted, drawn = list(self._before[block]), []
        for owner in self._owners(block):
            drawn.append((owner, counted[owner]))
            counted[owner] += 1
        return drawn

    def __getitem__(self, i: int) -> tuple[int, int]:
        block, place = divmod(i, _BLOCK)
        held, drawn = self._block
        if held != block:
            drawn = self._load(block)
            self._block = (block, drawn)
        owner, nth = drawn[place]
        again, nth = divmod(nth, self._counts[owner])
        shuffle = self._shuffles.get((owner, again))
        if shuffle is None:
            shuffle = self._shuffles[owner, again] = Shuffle(self._counts[owner], self._seed, 3, owner, again)
        return owner, shuffle[nth]


class Parts:
    """Draws from parts by weight. A part's rows are those of its shards, one after the other."""

    def __init__(self, counts: Sequence[int], parts: Sequence[Part], seed: int) -> None:
        self._shards = [shards for _, shards in parts]
        self._rows = [InOrder([counts[i] for i in shards]) for shards in self._shards]
        self._draws = Weighted([len(rows) for rows in self._rows], [weight for weight, _ in parts], seed)

    def __len__(self) -> int:
        return len(self._draws)

    def __getitem__(self, i: int) -> tuple[int, int]:
        part, nth = self._draws[i]
        shard, row = self._rows[part][nth]
        return self._shards[part][shard], row
