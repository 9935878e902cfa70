# SPDX-License-Identifier: Apache-2.0
"""Rows as Hugging Face datasets: a table in memory that is backed by no file, and a stream that keeps nothing.

The table is made by Arrow's JSON reader, which takes more than JSON and rounds whole numbers: so each row is read as the other formats
read it before, and numbers that may have been rounded are compared after. Texts stay texts (Arrow would make times of those that look
like one).
"""
from __future__ import annotations

import hashlib
import json
import re
from typing import Any, Iterator, Optional, Sequence

import datasets
import pyarrow
import pyarrow.json
from datasets.iterable_dataset import ExamplesIterable

from .draw import Part
from .errors import DataError
from .rows import Rows, Shard, decode_row

_PARTS = 64  # stretches of a stream, which is what its workers share out and shuffle
_EXACT = 1 << 53  # whole numbers up to here are doubles
_LONG = re.compile(rb"[0-9]{16}")  # as many digits as that has
_INSTEAD = 'take them with format="rows"'


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


def _has_large(value: Any) -> bool:
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if type(one) is int and abs(one) > _EXACT:
            return True
        waiting += one.values() if type(one) is dict else one if type(one) is list else ()
    return False


def _large_rows(shard: Shard) -> list[int]:
    """Refuses what the other formats refuse, and says which rows have whole numbers that a double may not hold."""
    large = []
    for row, raw in enumerate(shard.raws()):
        value = decode_row(raw, shard.name, row)
        if _LONG.search(raw) and _has_large(value):
            large.append(row)
    return large


def _has_doubles(kind: pyarrow.DataType) -> bool:
    if pyarrow.types.is_struct(kind):
        return any(_has_doubles(f.type) for f in kind)
    return _has_doubles(kind.value_type) if pyarrow.types.is_list(kind) else pyarrow.types.is_floating(kind)


def _same_numbers(said: Any, read: Any) -> bool:
    """Whether each whole number of a row is in the table as it was. A struct has all members of its column, and so more than the row."""
    waiting = [(said, read)]
    while waiting:
        one, other = waiting.pop()
        if type(one) is int and one != other:
            return False
        waiting += ((one[k], other[k]) for k in one) if type(one) is dict else zip(one, other) if type(one) is list else ()
    return True


def _check_numbers(shard: Shard, table: pyarrow.Table, large: Sequence[int]) -> None:
    doubles = table.select([f.name for f in table.schema if _has_doubles(f.type)])
    for row in large if doubles.num_columns else ():
        (read,) = doubles.slice(row, 1).to_pylist()
        said = decode_row(shard.raw(row), shard.name, row)
        if not _same_numbers({name: said[name] for name in read if name in said}, read):
            raise DataError("malformed", "row", f"shard {shard.name}, row {row + 1}: a whole number beyond 2^53 is in a column of fractions, which would round it", _INSTEAD)


def _table(shard: Shard) -> pyarrow.Table:
    large = _large_rows(shard)
    table = None
    try:
        table = _read(shard, None)
        plain = pyarrow.schema([f.with_type(_without_times(f.type)) for f in table.schema])
        if plain != table.schema:
            table = _read(shard, plain)
    except MemoryError:  # Arrow's is both
        raise
    except pyarrow.ArrowException:
        table = None
    if table is None:  # outside the handler: Arrow's words show the row
        raise DataError("malformed", "row", f"the rows of shard {shard.name} do not have one type for each field", _INSTEAD)
    if table.num_rows != len(shard):
        raise DataError("malformed", "row", f"shard {shard.name} has {table.num_rows} objects in {len(shard)} rows")
    _check_numbers(shard, table, large)
    return table


def _one_table(shards: Sequence[Shard]) -> pyarrow.Table:
    tables = [_table(s) for s in shards if len(s)]
    if not tables:
        raise DataError("missing", "row", "there is no row")
    if not any(table.num_columns for table in tables):  # datasets would count no row
        raise DataError("malformed", "row", "no row has a member", _INSTEAD)
    try:
        return pyarrow.concat_tables(tables, promote_options="default")
    except MemoryError:
        raise
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
