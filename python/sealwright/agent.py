# SPDX-License-Identifier: Apache-2.0
"""A script's side of the wire (CMD-040 ... CMD-045): frames in the one order that the agent takes, and nothing out of turn.

There is one Agent in a process, made when the package is imported in a script. A forked child keeps the rows and loses the pipes; a
child that was started anew has neither, which the environment tells it (SEALWRIGHT_CHILD).
"""
from __future__ import annotations

import errno
import math
import os
import re
import select
import struct
import sys
import threading
from typing import Any, Iterable, Optional, Sequence

from . import canonical, job
from .errors import DataError, Diverged, GiveUp, SealwrightError, malformed, usage

CONTROL, STREAM, METRICS = 3, 4, 5
JOB, STOP, HELLO, PLAN, STEP, CHECKPOINT, OUTPUT, DONE, FAILED, CLAIMS = 1, 2, 3, 4, 6, 7, 8, 9, 10, 11
CLAIMS_LIMIT = 64 << 10
OUTPUT_COUNT = 16
NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}\Z")
TAKEN = ("sealwright.json", "model.sig", "curve.svg", "claims.json")  # WRK-031
NO_AGENT = "no agent is there: this is not a sealed run"
NO_AGENT_HINT = "python -m sealwright.rehearse plays one over rows of your own"


def fits(name: str) -> bool:
    return NAME.match(name) is not None and name not in TAKEN


def read_exactly(fd: int, size: int) -> bytes:
    parts = bytearray()
    while len(parts) < size:
        piece = os.read(fd, size - len(parts))
        if not piece:
            raise malformed("wire", "the pipe from the agent ends inside a frame")
        parts += piece
    return bytes(parts)


def write_all(fd: int, data: Any) -> None:
    rest = memoryview(data).cast("B")
    while rest:
        rest = rest[os.write(fd, rest) :]


class Agent:
    """What was said so far, and so what may be said next."""

    def __init__(self, told: job.Job, control: int = CONTROL, stream: int = STREAM, metrics: int = METRICS) -> None:
        self.job = told
        self.total = self.step = self.state_step = self.output_bytes = 0
        self.names: set[str] = set()
        self.claimed = self.done = self.stopped = self.answered = self.broken = self.forked = False
        self._control, self._stream, self._metrics = control, stream, metrics
        self._lock = threading.RLock()
        for fd in (control, stream, metrics, *told.descriptors()):
            os.set_inheritable(fd, False)  # a program that is executed holds none of them
        os.register_at_fork(after_in_child=self._after_fork)
        self._frame(HELLO)

    def _after_fork(self) -> None:
        if self.forked:  # a grandchild: these numbers are its own descriptors by now
            return
        self.forked = True
        for fd in (self._control, self._stream, self._metrics):
            try:
                os.close(fd)
            except OSError:
                pass

    def _frame(self, kind: int, head: bytes = b"", size: int = 0, body: Iterable[Any] = (), fd: Optional[int] = None) -> None:
        """`body` gives exactly `size` bytes behind `head`; a frame that was begun and not ended leaves the stream of no use."""
        if self.forked:
            raise usage("child", "a child process cannot speak to the agent")
        with self._lock:
            if self.done or self.broken:
                raise usage("wire", "nothing can be said after DONE" if self.done else "an earlier frame was cut: the stream is of no use")
            self.broken = True
            out, left = self._stream if fd is None else fd, size
            write_all(out, struct.pack(">IQ", kind, len(head) + size) + head)
            for piece in body:
                left -= len(piece)
                if left < 0:
                    break
                write_all(out, piece)
            if left != 0:
                raise SealwrightError("internal", "wire", "a frame's content has another size than was announced")
            self.broken = False

    def plan(self, total: int) -> None:
        if self.total:
            raise usage("plan", "PLAN is said once: a script trains once")
        if not 1 <= total <= self.job.max_steps:
            raise usage("plan", f"the script plans {total} steps and the recipe allows 1 to {self.job.max_steps}")
        if self.job.resume and self.job.resume.step > total:
            raise usage("plan", f"the script plans {total} steps and resumes after {self.job.resume.step}")
        self._frame(PLAN, struct.pack(">QQ", total, 0))
        self.total = total
        self.step = self.state_step = self.job.resume.step if self.job.resume else 0

    def metrics(self, step: int, loss: float, tokens: int, learning_rate: float, grad_norm: float) -> None:
        if not self.step < step <= self.total:
            raise usage("step", f"step {step} is not above {self.step} and at most {self.total}")
        if not math.isfinite(loss):
            raise Diverged("refused", "diverged", f"the loss of step {step} is not a number")
        sent = [v if math.isfinite(v) else 0.0 for v in (learning_rate, grad_norm)]
        self._frame(STEP, struct.pack(">QQQddd", step, self.total, tokens, loss, *sent), fd=self._metrics)
        self.step = step

    def due(self, step: int) -> bool:
        """Whether a state comes at this step (CMD-013), or once after a STOP (CMD-053)."""
        return not self.answered and (self.stopped or self._fixed(step))

    def _fixed(self, step: int) -> bool:
        every = self.job.save_steps
        return every > 0 and (step % every == 0 or step == self.total)

    def checkpoint(self, step: int, size: int, body: Iterable[Any]) -> None:
        if step != self.step or step <= self.state_step or not self.due(step):
            raise usage("checkpoint", f"no state is due at step {step}: it comes once, after its step's record, at the recipe's steps")
        if size == 0:
            raise usage("checkpoint", "a state has one byte at least")
        if size > self.job.checkpoint_limit:
            raise SealwrightError("limit", "checkpoint", f"a state of {size} bytes is above the recipe's checkpoint_limit, {self.job.checkpoint_limit}")
        self._frame(CHECKPOINT, struct.pack(">Q", step), size, body)
        self.state_step = step
        self.answered = not self._fixed(step)

    def check_outputs(self, listed: Sequence[tuple[str, int]]) -> None:
        """Whether outputs of these names and sizes would be taken, before the first of them is sent."""
        names = [*self.names, *(name for name, _ in listed)]
        if not all(map(fits, names)):
            raise usage("output", "an output's name has 1 to 128 of A-Za-z0-9._-, no dot in front, and is none of the agent's own")
        if len(set(names)) != len(names) or len(names) > OUTPUT_COUNT:
            raise usage("output", f"an output is given once, and there are at most {OUTPUT_COUNT}")
        if not self.total or self.step != self.total:
            raise usage("output", f"outputs come after the last step, and step {self.step} of {self.total} was the last that was logged")
        if self.output_bytes + sum(size for _, size in listed) > self.job.output_limit:
            raise SealwrightError("limit", "output", f"the outputs are together above the recipe's output_limit, {self.job.output_limit}")
        if self.claimed:
            raise usage("output", "outputs come before the claims")

    def output(self, name: str, size: int, body: Iterable[Any]) -> None:
        self.check_outputs([(name, size)])
        raw = name.encode("ascii")
        self._frame(OUTPUT, struct.pack(">I", len(raw)) + raw, size, body)
        self.names.add(name)
        self.output_bytes += size

    def check_claims(self, value: dict[str, Any], listed: Sequence[tuple[str, int]] = ()) -> bytes:
        """The claims as they are sent, when they would be taken behind these outputs."""
        raw = canonical.encode(value)
        if len(raw) > CLAIMS_LIMIT:
            raise SealwrightError("limit", "claims", f"claims of {len(raw)} bytes are above {CLAIMS_LIMIT}")
        if self.claimed or not (self.names or listed):
            raise usage("claims", "claims are made once, behind an output")
        if len(self.names) + len(listed) >= OUTPUT_COUNT:
            raise usage("claims", f"claims count as an output, and with them there are more than {OUTPUT_COUNT}")
        if self.output_bytes + sum(size for _, size in listed) + len(raw) > self.job.output_limit:
            raise SealwrightError("limit", "claims", f"with the claims the outputs are above the recipe's output_limit, {self.job.output_limit}")
        return raw

    def claims(self, value: dict[str, Any]) -> None:
        self._frame(CLAIMS, self.check_claims(value))
        self.claimed = True

    def finish(self) -> None:
        """DONE. Early is true only after a STOP that left steps undone, and its state."""
        early = self.stopped and self.step < self.total
        if early and (self.state_step == 0 or self.state_step != self.step):
            raise usage("done", f"a run that was stopped ends with a state of the step that was logged last, {self.step or 'which is none'}")
        if not early and not self.names:
            raise usage("done", "a run ends with an output at least")
        self._frame(DONE, bytes([early]))
        self.done = True

    def stop_requested(self) -> bool:
        """Whether the agent wants an end after the step in hand. Never waits."""
        if self.forked:
            return False
        with self._lock:
            poll = select.poll()
            poll.register(self._control, select.POLLIN)
            if not self.stopped and any(happened & select.POLLIN for _, happened in poll.poll(0)):
                if struct.unpack(">IQ", read_exactly(self._control, 12)) != (STOP, 0):
                    raise malformed("wire", "the agent said something other than STOP")
                self.stopped = True
            return self.stopped

    def fail(self, why: int) -> None:
        """The last word of a script that failed; nothing when it cannot be said."""
        if self.forked or self.done or self.broken:
            return
        try:
            self._frame(FAILED, bytes([why]))
            self.done = True
        except OSError:
            pass


# ---- CMD-045: a class is made of the exception's type, never of its text ----

INTERNAL, MODEL, ROWS, NO_ROWS, MEMORY, DIVERGED, SCRIPT, IMPORT, FORBIDDEN, DATA, GAVE_UP = range(11)
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.ENOSYS, errno.EROFS, errno.ENETUNREACH, errno.ENETDOWN, errno.EAFNOSUPPORT, errno.EHOSTUNREACH}
_MISSING = {errno.ENOENT, errno.ENOTDIR}


def _class_of(error: BaseException) -> int:
    if isinstance(error, MemoryError) or "OutOfMemoryError" in [t.__name__ for t in type(error).__mro__]:
        return MEMORY
    if isinstance(error, (GiveUp, KeyboardInterrupt)):
        return GAVE_UP
    if isinstance(error, FloatingPointError):
        return DIVERGED
    if isinstance(error, DataError):
        return DATA
    if isinstance(error, ImportError):
        return IMPORT
    if isinstance(error, OSError):
        if error.errno in _MISSING or isinstance(error, FileNotFoundError):
            return IMPORT
        if error.errno == errno.ENOMEM:
            return MEMORY
        if error.errno in _FORBIDDEN or isinstance(error, PermissionError) or type(error).__name__ in ("gaierror", "herror"):
            return FORBIDDEN
    return SCRIPT


def failure_class(error: Optional[BaseException]) -> int:
    """Of the exception, or of the nearest cause of it that has a class of its own."""
    for _ in range(16):
        if error is None:
            break
        found = _class_of(error)
        if found != SCRIPT:
            return found
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return SCRIPT


def _install_hook(agent: Agent) -> None:
    before = sys.excepthook

    def hook(kind, error, trace):
        agent.fail(failure_class(error))
        before(kind, error, trace)

    sys.excepthook = hook


_agent: Optional[Agent] = None


def open_from_environment() -> None:
    """In a script: reads JOB, says HELLO, and from then on tells the agent how the script fails. Elsewhere: nothing."""
    global _agent
    if os.environ.get("SEALWRIGHT") != "1" or "SEALWRIGHT_CHILD" in os.environ or _agent is not None:
        return
    try:
        kind, size = struct.unpack(">IQ", read_exactly(CONTROL, 12))
    except OSError:
        raise usage("agent", "SEALWRIGHT=1 says that an agent is there, and descriptor 3 cannot be read") from None
    if kind != JOB or size > job.JOB_LIMIT:
        raise malformed("wire", "the agent does not begin with JOB")
    _agent = Agent(job.parse(read_exactly(CONTROL, size)))
    os.environ["SEALWRIGHT_CHILD"] = "1"
    _install_hook(_agent)


def agent() -> Agent:
    if _agent is None:
        if "SEALWRIGHT_CHILD" in os.environ:
            raise usage("child", "a process that a script starts anew has no rows and no agent", "let DataLoader workers be forked")
        raise usage("agent", NO_AGENT, NO_AGENT_HINT)
    return _agent


def there() -> bool:
    return _agent is not None
