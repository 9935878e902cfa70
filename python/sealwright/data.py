# SPDX-License-Identifier: Apache-2.0
"""`unwrap_dataset` (CMD-061): the rows of a sealed run in the shape that a script asks for."""
from __future__ import annotations

from typing import Any, Mapping, Optional, Sequence, Union

from . import agent, draw
from .errors import usage
from .rows import SURE, Rows, Shard, open_shards

FORMATS = ("datasets", "torch", "rows", "bytes")
Weights = Union[Mapping[str, float], Sequence[float]]
_held: dict[str, Shard] = {}


def _by_name(shards: Sequence[Shard], weights: Mapping[str, float]) -> list[draw.Part]:
    """A weight for each name, which the owner's shards of that name share; a dataset's id comes before its name."""
    for name in weights:
        if not any(name in (s.name, s.place.dataset) for s in shards):
            raise usage("weights", f"there is a weight for {name!r}, which is none of the shards")
    parts: dict[str, list[int]] = {}
    for i, shard in enumerate(shards):
        name = shard.place.dataset if shard.place.dataset in weights else shard.name
        if name not in weights:
            raise usage("weights", f"shard {name} has no weight", "0 draws nothing of it")
        parts.setdefault(name, []).append(i)
    for name in weights:
        if len({shards[i].place.owner for i in parts.get(name, ())}) != 1:
            raise usage("weights", f"the weight for {name!r} is of several owners' shards, or of none that is left", SURE)
    return [(weights[name], tuple(sharing)) for name, sharing in parts.items()]


def _parts_of(shards: Sequence[Shard], weights: Weights) -> list[draw.Part]:
    if isinstance(weights, Mapping):
        return _by_name(shards, weights)
    if len(weights) != len(shards):
        raise usage("weights", f"there are {len(weights)} weights for {len(shards)} shards")
    return [(weight, (i,)) for i, weight in enumerate(weights)]


def view(names: Optional[Sequence[str]], parts: Optional[Sequence[draw.Part]], seed: int, raw: bool) -> Rows:
    shards = open_shards(agent.agent().job.shards, _held, names)
    for shard in shards:
        if not shard.by_rows and not raw:
            raise usage("shard", f"shard {shard.name} is {shard.place.media_type}, which has no rows", 'take it with format="bytes"')
    order = None if parts is None else draw.Parts([len(s) for s in shards], parts, seed)
    return Rows(shards, order, raw)


def _seed_of(seed: Optional[int], weights: Optional[Weights]) -> int:
    if seed is not None and weights is None:
        raise usage("seed", "a seed fixes draws by weight, and there are no weights", "shuffle(seed=...) of what is returned gives rows in another order")
    return draw.check_seed(0 if seed is None else seed)


def unwrap_dataset(
    name: Union[None, str, Sequence[str]] = None,
    *,
    weights: Optional[Weights] = None,
    seed: Optional[int] = None,
    streaming: bool = False,
    format: str = "datasets",
) -> Any:
    """The rows of the shard `name`, of several, or of all (None), in the recipe's order.

    `weights` draws from several owners in that proportion: by name, which an owner's shards of that name share, or a weight for each
    shard in their order. `seed` (0 without one) fixes these draws, on every machine alike. `format`: "datasets" gives a datasets.Dataset, or with `streaming` an IterableDataset; "torch" a torch Dataset or
    IterableDataset of dicts; "rows" a sequence of dicts that is itself a view; "bytes" the same of bytes, and for media types
    without rows one piece a shard (`.raw(i)` is a view of it, without a copy). What streams, and "torch", "rows" and "bytes" altogether, keep no row in memory of their own.
    """
    if format not in FORMATS:
        raise usage("format", f"format is one of {', '.join(FORMATS)}")
    names = [name] if isinstance(name, str) else None if name is None else list(name)
    if names is not None and not names:
        raise usage("shard", "no shard is named")
    seed = _seed_of(seed, weights)
    parts = None if weights is None else _parts_of(open_shards(agent.agent().job.shards, _held, names), weights)
    rows = view(names, parts, seed, format == "bytes")
    if format == "torch":
        from . import torch_rows

        return torch_rows.Streamed(rows) if streaming else torch_rows.Mapped(rows)
    if format == "datasets":
        from . import datasets_rows

        return datasets_rows.streamed(rows, names, parts, seed) if streaming else datasets_rows.table_of(rows, parts, seed)
    return rows
