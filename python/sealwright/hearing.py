# SPDX-License-Identifier: Apache-2.0
"""The agent's ear in a rehearsal: what both pipes give is taken and refused as the agent does (CMD-042 ... CMD-054; src/run/agent_train.c)."""
from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Any, Optional

from . import agent, canonical
from .errors import SealwrightError

CLASSES = ("internal", "model", "rows", "no rows", "memory", "diverged", "the script ended with an error", "a module or file is missing",
           "forbidden", "unreadable rows", "gave up")
STATE_COUNT = 100_000  # RCP-043


class Broken(Exception):
    """The script said something that the agent would not take."""


@dataclass
class Told:
    """All that a script said."""

    total: int = 0
    steps: list[tuple[int, int, int, float, float, float]] = field(default_factory=list)
    states: dict[int, bytes] = field(default_factory=dict)
    outputs: dict[str, bytes] = field(default_factory=dict)
    order: list[int] = field(default_factory=list)  # types on the stream
    claims: Optional[dict[str, Any]] = None
    done: Optional[int] = None
    failed: Optional[int] = None
    status: int = 0  # as waitpid gives it
    called: dict[str, str] = field(default_factory=dict)  # kinds of watch.KINDS, and the first of each


class Hearing:
    """Takes the bytes of both pipes and refuses what is out of order."""

    def __init__(self, max_steps: int, save_steps: int, checkpoint_limit: int, output_limit: int, resumed: int) -> None:
        self.told = Told()
        self.max_steps, self.save_steps, self.resumed = max_steps, save_steps, resumed
        self.checkpoint_limit, self.output_limit = checkpoint_limit, output_limit
        self.step = self.saved = resumed  # the newest step that was told, and the newest of which there is a state
        self.stopped = False
        self.answered = False  # STOP, by a state of a step that the recipe does not fix (CMD-053)
        self._room = output_limit
        self._pending = {"stream": bytearray(), "metrics": bytearray()}

    @property
    def over(self) -> bool:
        return self.told.done is not None or self.told.failed is not None

    def feed(self, pipe: str, data: bytes) -> None:
        """Records wait for the plan, which comes by the other pipe. Behind the last word nothing is heard."""
        self._pending[pipe] += data
        while not self.over:
            record = self._frame("metrics") if self.told.total else None
            said = None if record else self._frame("stream")
            if record:
                self._on_metrics(*record)
            elif said:
                self._on_stream(*said)
            else:
                return
        self._pending = {"stream": bytearray(), "metrics": bytearray()}

    def _frame(self, pipe: str) -> Optional[tuple[int, bytes]]:
        pending = self._pending[pipe]
        if len(pending) < 12:
            return None
        kind, size = struct.unpack_from(">IQ", pending)
        if size > max(self.checkpoint_limit, self.output_limit, 1 << 20) + 256:
            raise Broken(f"a frame of type {kind} has {size} bytes, above every limit" if agent.HELLO <= kind <= agent.CLAIMS else
                         f"the {pipe} pipe holds no frame where one is due: descriptors 3 to 5 are the package's, and nothing is printed there")
        if len(pending) < 12 + size:
            return None
        body = bytes(pending[12 : 12 + size])
        del pending[: 12 + size]
        return kind, body

    def _on_metrics(self, kind: int, body: bytes) -> None:
        if kind != agent.STEP or len(body) != 48:
            raise Broken(f"type {kind} with {len(body)} bytes on the metrics pipe")
        record = struct.unpack(">QQQddd", body)
        step, total = record[:2]
        if total != self.told.total:
            raise Broken(f"a record says {total} steps and PLAN {self.told.total}")
        if not self.step < step <= total:
            raise Broken(f"the record of step {step} of {total} follows what told of {self.step}")
        self.step = step
        self.told.steps.append(record)

    def _is_due(self, kind: int) -> bool:
        told = self.told
        goes_on = told.total > 0 and not self.answered
        another = told.claims is None and len(told.outputs) < agent.OUTPUT_COUNT
        return {
            agent.HELLO: not told.order,
            agent.PLAN: told.order == [agent.HELLO],
            agent.CHECKPOINT: goes_on and not told.outputs,
            agent.OUTPUT: goes_on and another,
            agent.CLAIMS: bool(told.outputs) and another,
            agent.DONE: told.total > 0,
            agent.FAILED: True,
        }.get(kind, False)

    def _on_stream(self, kind: int, body: bytes) -> None:
        if not self._is_due(kind):
            before = "the state that answered STOP" if self.answered else self.told.order[-1] if self.told.order else None
            raise Broken(f"type {kind} is not due after {before}")
        self.told.order.append(kind)
        {agent.HELLO: self._hello, agent.PLAN: self._plan, agent.CHECKPOINT: self._state, agent.OUTPUT: self._output,
         agent.CLAIMS: self._claims, agent.DONE: self._done, agent.FAILED: self._failed}[kind](body)

    @staticmethod
    def _hello(body: bytes) -> None:
        if body:
            raise Broken("HELLO is not empty")

    def _plan(self, body: bytes) -> None:
        if len(body) != 16:
            raise Broken("PLAN has not 16 bytes")
        total, tokens = struct.unpack(">QQ", body)
        if not max(1, self.resumed) <= total <= self.max_steps or tokens:
            raise Broken(f"PLAN says {total} steps and {tokens} tokens")
        if self.save_steps and -(-total // self.save_steps) > STATE_COUNT:
            raise Broken(f"PLAN says {total} steps, which is more than {STATE_COUNT} states")
        self.told.total = total

    def _is_fixed(self, step: int) -> bool:
        return step == self.told.total or (self.save_steps > 0 and step % self.save_steps == 0)

    def _state(self, body: bytes) -> None:
        step, size = int.from_bytes(body[:8], "big"), len(body) - 8
        due = self._is_fixed(step) or self.stopped
        if size < 1 or not due or not self.saved < step <= self.told.total:
            raise Broken(f"a state of {len(body)} bytes at step {step} is not due")
        if size > self.checkpoint_limit:
            raise Broken(f"a state of {size} bytes is above checkpoint_limit, {self.checkpoint_limit}")
        self.told.states[step] = body[8:]
        self.saved, self.step = step, max(self.step, step)  # it tells of its step (CMD-048)
        self.answered = not self._is_fixed(step)

    def _take(self, size: int) -> None:
        self._room -= size
        if self._room < 0:
            raise Broken(f"the outputs are above output_limit, {self.output_limit}")

    def _output(self, body: bytes) -> None:
        if self.step != self.told.total:
            raise Broken("an output before the last step's record")
        length = int.from_bytes(body[:4], "big")
        name = body[4 : 4 + length].decode("ascii", "replace")
        if len(body) < 4 + length or not agent.fits(name) or name in self.told.outputs:
            raise Broken("an output's name does not fit")
        self._take(len(body) - 4 - length)
        self.told.outputs[name] = body[4 + length :]

    def _claims(self, body: bytes) -> None:
        try:
            value = canonical.decode(body, "CLAIMS")
        except SealwrightError:
            value = None
        if len(body) > agent.CLAIMS_LIMIT or not isinstance(value, dict):
            raise Broken("CLAIMS is no object of at most 64 KiB")
        self._take(len(body))
        self.told.claims = value

    def _done(self, body: bytes) -> None:
        if body == b"\0" and not self.told.outputs:
            raise Broken("DONE without an output")
        if body == b"\1" and (not self.stopped or self.told.outputs):
            raise Broken("DONE says early, which is true only after STOP and without an output")
        if body == b"\1" and (not self.saved or self.saved != self.step):
            raise Broken(f"DONE says early after step {self.step}, and the newest state is of step {self.saved or 'none'}")
        if body not in (b"\0", b"\1"):
            raise Broken("DONE does not say how it ended")
        self.told.done = body[0]

    def _failed(self, body: bytes) -> None:
        if len(body) != 1:
            raise Broken("FAILED has not one byte")
        self.told.failed = body[0] if body[0] < len(CLASSES) else agent.INTERNAL

    def close(self) -> Told:
        """When both pipes have ended."""
        if any(self._pending.values()):
            raise Broken("a pipe ends inside a frame" if self.told.total or self._pending["stream"] else "a record without PLAN")
        if not self.told.order:
            raise Broken("the script said nothing: it does not import sealwright")
        return self.told
