# SPDX-License-Identifier: Apache-2.0
"""Rows as Hugging Face datasets: a table in memory that is backed by no file, and a stream that keeps nothing.

The table is made by Arrow's JSON reader. Texts stay texts (Arrow would make times of those that look like one), and where it refuses a
row the row is looked for again, so that the refusal names shard and row and shows nothing of either.
"""
from __future__ import annotations

import hashlib
import json
from typing import Any, Iterator, Optional, Sequence

import datasets
import pyarrow
import pyarrow.json
from datasets.iterable_dataset import ExamplesIterable

from .draw import Part
from .errors import DataError
from .rows import Rows, Shard, decode_row

_PARTS = 64  # stretches of a stream, which is what its workers share out and shuffle


def _without_times(kind: pyarrow.DataType) -> pyarrow.DataType:
    if pyarrow.types.is_temporal(kind):
        return pyarrow.string()
    if pyarrow.types.is_struct(kind):
        return pyarrow.struct([f.with_type(_without_times(f.type)) for f in kind])
    if pyarrow.types.is_list(kind):
        return pyarrow.list_(_without_times(kind.value_type))
    return kind


def _read(shard: Shard, schema: Optional[pyarrow.Schema]) -> pyarrow.Table:
    block = min(max(1 << 20, shard.longest() + 1), (1 << 31) - 1)
    return pyarrow.json.read_json(
        pyarrow.BufferReader(pyarrow.py_buffer(shard.data)),
        read_options=pyarrow.json.ReadOptions(block_size=block),
        parse_options=pyarrow.json.ParseOptions(explicit_schema=schema),
    )


def _refusal(shard: Shard) -> DataError:
    """Why Arrow would not read a shard, in our words."""
    for row, raw in enumerate(shard.raws()):
        try:
            decode_row(raw, shard.name, row)
        except DataError as refusal:
            return refusal
    return DataError("malformed", "row", f"the rows of shard {shard.name} do not have one type for each field", 'take them with format="rows"')


def _table(shard: Shard) -> pyarrow.Table:
    refused = False
    try:
        table = _read(shard, None)
        plain = pyarrow.schema([f.with_type(_without_times(f.type)) for f in table.schema])
        if plain != table.schema:
            table = _read(shard, plain)
    except pyarrow.ArrowException:
        refused = True
    if refused:
        raise _refusal(shard)
    if table.num_rows != len(shard):
        raise DataError("malformed", "row", f"shard {shard.name} has {table.num_rows} objects in {len(shard)} rows")
    return table


def _one_table(shards: Sequence[Shard]) -> pyarrow.Table:
    tables = [_table(s) for s in shards if len(s)]
    if not tables:
        raise DataError("missing", "row", "there is no row")
    try:
        return pyarrow.concat_tables(tables, promote_options="default")
    except pyarrow.ArrowException:
        pass
    raise DataError("malformed", "row", "the shards do not have one type for each field", 'take them apart, or with format="rows"')


def _fingerprint(rows: Rows, told: Any) -> str:
    said = [[s.place.dataset for s in rows.shards], told]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]


def table_of(rows: Rows, parts: Optional[Sequence[Part]], seed: int) -> datasets.Dataset:
    shards = [s for s in rows.shards]
    made = datasets.Dataset(datasets.table.InMemoryTable(_one_table(shards)), fingerprint=_fingerprint(rows, None))
    if rows.in_order:
        return made
    starts = [0]
    for shard in shards:
        starts.append(starts[-1] + len(shard))
    drawn = [starts[shard] + row for shard, row in (rows.place(i) for i in range(len(rows)))]
    told = [[[float(weight).hex(), sharing] for weight, sharing in parts or ()], seed]
    return made.select(drawn, keep_in_memory=True, new_fingerprint=_fingerprint(rows, told))


def _examples(stretches: list[tuple[int, int]], told: tuple) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Out of what this process holds: `told` is all that is kept of a stream, so it can be copied and hashed."""
    from .data import view

    names, parts, seed = told
    rows = view(names, parts, seed, False)
    for begin, end in stretches:
        for i in range(begin, end):
            yield i, rows[i]


def streamed(rows: Rows, names: Optional[list[str]], drawn: Optional[Sequence[Part]], seed: int) -> datasets.IterableDataset:
    n = len(rows)
    parts = min(n, _PARTS)
    stretches = [(n * p // parts, n * (p + 1) // parts) for p in range(parts)]
    told = (None if names is None else tuple(names), None if drawn is None else tuple(drawn), seed)
    return datasets.IterableDataset(ExamplesIterable(_examples, {"stretches": stretches, "told": told}))
