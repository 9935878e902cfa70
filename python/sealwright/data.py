# SPDX-License-Identifier: Apache-2.0
"""`unwrap_dataset` (CMD-061): the rows of a sealed run in the shape that a script asks for."""
from __future__ import annotations

from typing import Any, Mapping, Optional, Sequence, Union

from . import agent, draw
from .errors import usage
from .rows import Rows, Shard, open_shards

FORMATS = ("datasets", "torch", "rows", "bytes")
Weights = Union[Mapping[str, float], Sequence[float]]
_held: dict[str, Shard] = {}


def _weights_of(shards: Sequence[Shard], weights: Weights) -> list[float]:
    if isinstance(weights, Mapping):
        left = dict(weights)
        listed = [left.pop(s.place.dataset if s.place.dataset in left else s.name, 0) for s in shards]
        if left:
            raise usage("weights", f"there is a weight for {sorted(left)[0]!r}, which is none of the shards")
        return listed
    if len(weights) != len(shards):
        raise usage("weights", f"there are {len(weights)} weights for {len(shards)} shards")
    return list(weights)


def view(names: Optional[Sequence[str]], weights: Optional[list[float]], seed: int, raw: bool) -> Rows:
    shards = open_shards(agent.agent().job.shards, _held, names)
    for shard in shards:
        if not shard.by_rows and not raw:
            raise usage("shard", f"shard {shard.name} is {shard.place.media_type}, which has no rows", 'take it with format="bytes"')
    draw.check_seed(seed)
    order = None if weights is None else draw.Weighted([len(s) for s in shards], weights, seed)
    return Rows(shards, order, raw)


def unwrap_dataset(
    name: Union[None, str, Sequence[str]] = None,
    *,
    weights: Optional[Weights] = None,
    seed: int = 0,
    streaming: bool = False,
    format: str = "datasets",
) -> Any:
    """The rows of the shard `name`, of several, or of all (None), in the recipe's order.

    `weights` (by name, or in the order of the shards) draws from several owners in that proportion; `seed` fixes the draws, on every
    machine alike. `format`: "datasets" gives a datasets.Dataset, or with `streaming` an IterableDataset; "torch" a torch Dataset or
    IterableDataset of dicts; "rows" a sequence of dicts that is itself a view; "bytes" the same of bytes, and for media types
    without rows one piece a shard. What streams, and "torch", "rows" and "bytes" altogether, keep no row in memory of their own.
    """
    if format not in FORMATS:
        raise usage("format", f"format is one of {', '.join(FORMATS)}")
    names = [name] if isinstance(name, str) else None if name is None else list(name)
    if names is not None and not names:
        raise usage("shard", "no shard is named")
    if weights is not None:
        weights = _weights_of(open_shards(agent.agent().job.shards, _held, names), weights)
    rows = view(names, weights, seed, format == "bytes")
    if format == "torch":
        from . import torch_rows

        return torch_rows.Streamed(rows) if streaming else torch_rows.Mapped(rows)
    if format == "datasets":
        from . import datasets_rows

        return datasets_rows.streamed(rows, names, weights, seed) if streaming else datasets_rows.table_of(rows, names, weights, seed)
    return rows
