# SPDX-License-Identifier: Apache-2.0
"""JOB, the one thing that the agent tells a script (docs/formats/command.md, CMD-041)."""
from __future__ import annotations

import re
from typing import Any, NamedTuple, Optional

from . import canonical
from .errors import malformed

JOB_LIMIT = 256 << 10
SHARD_LIMIT = 64
BYTES_LIMIT = 1 << 46
COUNT_LIMIT = 1 << 40
STEP_LIMIT = 10**8
FIRST_SHARD_FD = 6
JSONL = "application/jsonl"
_HASH = re.compile(r"[0-9a-f]{64}\Z")


class ShardPlace(NamedTuple):
    """Where one shard lies: `fd` its bytes, `index_fd` where its rows begin (CMD-030)."""

    name: str
    owner: str
    dataset: str
    media_type: str
    rows: int
    bytes: int
    fd: int
    index_fd: int


class Resume(NamedTuple):
    step: int
    bytes: int
    fd: int


class Job(NamedTuple):
    model: str
    max_steps: int
    save_steps: int
    checkpoint_limit: int
    output_limit: int
    resume: Optional[Resume]
    shards: tuple[ShardPlace, ...]

    def descriptors(self) -> tuple[int, ...]:
        """Those of the shared memory."""
        return (*(fd for s in self.shards for fd in (s.fd, s.index_fd)), *([self.resume.fd] if self.resume else []))


def _members(value: Any, where: str, names: set[str]) -> dict[str, Any]:
    if not isinstance(value, dict) or set(value) != names:
        raise malformed("job", f"{where} has not exactly the members {', '.join(sorted(names))}")
    return value


def _count(value: Any, where: str, least: int, most: int) -> int:
    if type(value) is not int or not least <= value <= most:
        raise malformed("job", f"{where} is no whole number from {least} to {most}")
    return value


def _text(value: Any, where: str, limit: int) -> str:
    if not isinstance(value, str) or not 1 <= len(value.encode("utf-8", "replace")) <= limit:
        raise malformed("job", f"{where} is no text of 1 to {limit} bytes")
    return value


def _hash(value: Any, where: str) -> str:
    if not isinstance(value, str) or not _HASH.match(value):
        raise malformed("job", f"{where} is not 64 digits of lower-case hex")
    return value


def _shard(value: Any, i: int) -> ShardPlace:
    where = f"shard {i}"
    m = _members(value, where, {"bytes", "dataset", "fd", "index_fd", "media_type", "name", "owner", "rows"})
    media_type = _text(m["media_type"], f"{where}: media_type", 64)
    fd, index_fd = FIRST_SHARD_FD + 2 * i, FIRST_SHARD_FD + 2 * i + 1
    if type(m["fd"]) is not int or type(m["index_fd"]) is not int or (m["fd"], m["index_fd"]) != (fd, index_fd):
        raise malformed("job", f"{where}: the descriptors are not {fd} and {index_fd}")
    return ShardPlace(
        name=_text(m["name"], f"{where}: name", 64),
        owner=_hash(m["owner"], f"{where}: owner"),
        dataset=_hash(m["dataset"], f"{where}: dataset"),
        media_type=media_type,
        rows=_count(m["rows"], f"{where}: rows", 0, COUNT_LIMIT),
        bytes=_count(m["bytes"], f"{where}: bytes", 0, BYTES_LIMIT),
        fd=fd,
        index_fd=index_fd,
    )


def _resume(value: Any, fd: int, max_steps: int, limit: int) -> Optional[Resume]:
    if value is None:
        return None
    m = _members(value, "resume", {"bytes", "fd", "step"})
    if type(m["fd"]) is not int or m["fd"] != fd:
        raise malformed("job", f"resume: the descriptor is not {fd}")
    return Resume(step=_count(m["step"], "resume: step", 1, max_steps), bytes=_count(m["bytes"], "resume: bytes", 0, limit), fd=fd)


def parse(raw: bytes) -> Job:
    """Every member checked; what is unknown is refused."""
    if len(raw) > JOB_LIMIT:
        raise malformed("job", f"JOB has more than {JOB_LIMIT} bytes")
    names = {"checkpoint_limit", "kind", "max_steps", "model", "output_limit", "resume", "save_steps", "shards"}
    m = _members(canonical.decode(raw, "JOB"), "JOB", names)
    if m["kind"] != "sealwright/job/v1":
        raise malformed("job", "JOB is of a kind that this package does not know")
    if m["model"] != "/model" and not (isinstance(m["model"], str) and m["model"].startswith("/")):
        raise malformed("job", "model is no absolute path")
    listed = m["shards"]
    if not isinstance(listed, list) or not 1 <= len(listed) <= SHARD_LIMIT:
        raise malformed("job", f"JOB has not 1 to {SHARD_LIMIT} shards")
    shards = tuple(_shard(s, i) for i, s in enumerate(listed))
    if len({s.dataset for s in shards}) != len(shards):
        raise malformed("job", "a dataset stands twice in JOB")
    max_steps = _count(m["max_steps"], "max_steps", 1, STEP_LIMIT)
    limit = _count(m["checkpoint_limit"], "checkpoint_limit", 0, BYTES_LIMIT)
    return Job(
        model=m["model"],
        max_steps=max_steps,
        save_steps=_count(m["save_steps"], "save_steps", 0, STEP_LIMIT),
        checkpoint_limit=limit,
        output_limit=_count(m["output_limit"], "output_limit", 0, BYTES_LIMIT),
        resume=_resume(m["resume"], FIRST_SHARD_FD + 2 * len(shards), max_steps, limit),
        shards=shards,
    )
