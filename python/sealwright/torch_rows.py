# SPDX-License-Identifier: Apache-2.0
"""Rows as torch takes them. DataLoader workers are forked: they read the same shared memory."""
from __future__ import annotations

from typing import Any, Iterator

from torch.utils.data import Dataset, IterableDataset, get_worker_info

from .rows import Rows


class Mapped(Dataset):
    """A map-style dataset of dicts; DataLoader(shuffle=True) does the rest."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, i: int) -> dict[str, Any]:
        return self.rows[i]

    def __getitems__(self, places: list[int]) -> list[dict[str, Any]]:
        return [self.rows[i] for i in places]

    def shuffle(self, seed: int = 0) -> "Mapped":
        return Mapped(self.rows.shuffle(seed))


class Streamed(IterableDataset):
    """Front to back; of several workers each takes a stretch of its own."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        worker = get_worker_info()
        if worker is None:
            return iter(self.rows)
        n = len(self.rows)
        begin, end = n * worker.id // worker.num_workers, n * (worker.id + 1) // worker.num_workers
        return iter(self.rows[begin:end])

    def shuffle(self, seed: int = 0) -> "Streamed":
        return Streamed(self.rows.shuffle(seed))
