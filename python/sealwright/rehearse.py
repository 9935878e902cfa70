# SPDX-License-Identifier: Apache-2.0
"""Plays the agent for a script on rows of one's own: nothing is sealed and nothing confined, but every frame is held to CMD-040 ... CMD-054 (CMD-074).

    python -m sealwright.rehearse --shard NAME=rows.jsonl --model DIR --max-steps N [--save-steps N] [--checkpoint-limit SIZE]
        [--output-limit SIZE] [--stop-after N] [--resume STATE.N] [--out DIR] [--keep DIR] -- COMMAND...

Says what the script said, in a line each. Exit 0 when it ended with DONE and called for nothing that a sealed run refuses (CMD-071). With
--out the states (`state.STEP`), outputs and `claims.json` lie there. From `import sealwright` on the script's working folder is an empty
one. Its temporary files are removed at the end, or lie where --keep says.
"""
from __future__ import annotations

import argparse
import contextlib
import fcntl
import hashlib
import json
import os
import re
import select
import selectors
import signal
import struct
import sys
import tempfile
from array import array
from typing import Iterator, Mapping, Optional, Sequence

from . import agent, canonical, watch
from .hearing import CLASSES, Broken, Hearing, Told
from .job import JSONL

_HIGH = 700  # above every descriptor that a script is given


def index_of(data: bytes) -> bytes:
    """Where rows begin, and the end; a line of blanks is none (CMD-030)."""
    ends, at = array("Q"), 0
    while at < len(data):
        found = data.find(b"\n", at)
        stop = len(data) if found < 0 else found
        if data[at:stop].strip(b" \t\r"):
            ends.append(at)
        at = stop + 1
    ends.append(len(data))
    if sys.byteorder != "little":
        ends.byteswap()
    return ends.tobytes()


def memory(data: bytes) -> int:
    fd = os.memfd_create("rehearsal", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    agent.write_all(fd, data)
    return fd


def frame(kind: int, body: bytes = b"") -> bytes:
    return struct.pack(">IQ", kind, len(body)) + body


def job_of(shards: Mapping[str, bytes], media_types: Mapping[str, str], model: str, hearing: Hearing, resume: Optional[bytes]):
    """JOB, and the descriptors that go with it."""
    listed, fds = [], []
    for i, (name, data) in enumerate(shards.items()):
        media_type = media_types.get(name, JSONL)
        index = index_of(data) if media_type == JSONL else b""
        fds += [memory(data), memory(index)]
        listed.append({"bytes": len(data), "dataset": hashlib.sha256(b"dataset" + name.encode() + data).hexdigest(), "fd": 6 + 2 * i,
                       "index_fd": 7 + 2 * i, "media_type": media_type, "name": name, "owner": hashlib.sha256(name.encode()).hexdigest(),
                       "rows": len(index) // 8 - 1 if index else 1})
    told = None
    if resume is not None:
        told = {"bytes": len(resume), "fd": 6 + len(fds), "step": hearing.resumed}
        fds.append(memory(resume))
    job = {"checkpoint_limit": hearing.checkpoint_limit, "kind": "sealwright/job/v1", "max_steps": hearing.max_steps, "model": model,
           "output_limit": hearing.output_limit, "resume": told, "save_steps": hearing.save_steps, "shards": listed}
    return canonical.encode(job), fds


def start(command: Sequence[str], fds: Sequence[int], environment: Mapping[str, str]) -> int:
    """The command with `fds` as its descriptors from 3 on. Broken where it cannot be executed."""
    why_not, say_why = os.pipe()
    pid = os.fork()
    if pid:
        os.close(say_why)
        said = os.read(why_not, 64)  # ends when the command is executed
        os.close(why_not)
        if said:
            os.waitpid(pid, 0)
            raise Broken(f"{command[0]} cannot be started: {os.strerror(int(said))}")
        return pid
    try:
        os.setpgid(0, 0)  # what it leaves behind is ended with its group
        say_why = fcntl.fcntl(say_why, fcntl.F_DUPFD_CLOEXEC, _HIGH)
        high = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _HIGH) for fd in fds]
        os.closerange(3, _HIGH)
        for i, fd in enumerate(high):
            os.dup2(fd, 3 + i)
        os.execvpe(command[0], list(command), dict(environment))
    except OSError as why:
        os.write(say_why, str(why.errno).encode())
    os._exit(127)


def _held(fd: int) -> Optional[bytes]:
    """What a pipe holds now: nothing at its end, and None where more may come."""
    return os.read(fd, 1 << 20) if select.select([fd], [], [], 0)[0] else None


def _listen(hearing: Hearing, stream: int, metrics: int, control: int, stop_after: Optional[int], ended: int) -> None:
    """Until the script has ended and what it said is read. A child of it that lives on may hold the pipes: it is heard no more, as in a
    run, where it dies with the script (CMD-046)."""
    with selectors.DefaultSelector() as waiting:
        waiting.register(metrics, selectors.EVENT_READ, "metrics")
        waiting.register(stream, selectors.EVENT_READ, "stream")
        waiting.register(ended, selectors.EVENT_READ, "ended")
        while True:
            # whether it has ended is asked first: what is there after that is all that it said
            over = bool(select.select([ended], [], [], 0)[0])
            heard = [ready for ready, _ in waiting.select(0 if over else None) if ready.data != "ended"]
            for ready in heard:
                data = _held(ready.fd)
                if data == b"":
                    waiting.unregister(ready.fd)
                if ready.data == "stream":  # a record comes before what follows its step, and by the other pipe (CMD-048)
                    hearing.feed("metrics", _held(metrics) or b"")
                hearing.feed(ready.data, data or b"")
            if over and not heard:
                return
            if stop_after is not None and not hearing.stopped and hearing.told.total and hearing.step >= stop_after:
                hearing.stopped = True
                try:
                    agent.write_all(control, frame(agent.STOP))
                except BrokenPipeError:
                    pass


@contextlib.contextmanager
def _watching(watched: bool) -> Iterator[Optional[str]]:
    """A folder of its own, so that the script's own temporary files are all that is in its TMPDIR."""
    if not watched:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="rehearsal-", ignore_cleanup_errors=True) as folder:
        os.mkdir(os.path.join(folder, "work"))
        yield folder


def _called(folder: str) -> dict[str, str]:
    """What the script's processes told, and what lies where it worked: a library's own code raises no audit event."""
    called: dict[str, str] = {}
    if os.path.exists(os.path.join(folder, "told")):
        with open(os.path.join(folder, "told"), encoding="utf-8") as f:
            for kind, what in map(json.loads, f):
                called.setdefault(kind, what)
    for name in sorted(os.listdir(os.path.join(folder, "work")))[:1]:
        called.setdefault(watch.WRITE, name)
    return called


def play(command: Sequence[str], shards: Mapping[str, bytes], *, model: str = "/model", max_steps: int = 100, save_steps: int = 0,
         checkpoint_limit: int = 1 << 30, output_limit: int = 1 << 30, resume: Optional[tuple[int, bytes]] = None,
         stop_after: Optional[int] = None, media_types: Mapping[str, str] = {}, environment: Mapping[str, str] = {}, watched: bool = False) -> Told:
    """Runs a command as the agent would and hears it out. Broken for what the agent would refuse. Its temporary files go with it, unless
    `environment` has a TMPDIR. `watched`: the package tells what a sealed run would refuse, and the working folder is an empty one."""
    hearing = Hearing(max_steps, save_steps, checkpoint_limit, output_limit, resume[0] if resume else 0)
    job, memories = job_of(shards, media_types, model, hearing, resume[1] if resume else None)
    control_read, control = os.pipe()
    fcntl.fcntl(control, fcntl.F_SETPIPE_SZ, 1 << 20)  # takes JOB and STOP of a script that reads neither
    stream, stream_write = os.pipe()
    metrics, metrics_write = os.pipe()
    with tempfile.TemporaryDirectory(prefix="rehearsal-", ignore_cleanup_errors=True) as scratch, _watching(watched) as folder:
        given = {**os.environ, "SEALWRIGHT": "1", "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1",
                 "WANDB_MODE": "disabled", "TMPDIR": scratch, **environment}
        if folder:
            place = given["TMPDIR"]
            given.update({"HF_HOME": os.path.join(place, "hf"), "PYTHONDONTWRITEBYTECODE": "1", watch.FOLDER: folder})
        given.pop("SEALWRIGHT_CHILD", None)
        pid = start(command, [control_read, stream_write, metrics_write, *memories], given)
        ended = os.pidfd_open(pid)
        for fd in (control_read, stream_write, metrics_write, *memories):
            os.close(fd)
        try:
            try:
                agent.write_all(control, frame(agent.JOB, job))
            except BrokenPipeError:
                pass
            _listen(hearing, stream, metrics, control, stop_after, ended)
        finally:
            for fd in (control, stream, metrics, ended):
                os.close(fd)
            try:
                os.killpg(pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                pass
            _, hearing.told.status = os.waitpid(pid, 0)
        if folder:
            hearing.told.called = _called(folder)
    return hearing.close()


def _write(folder: str, told: Told) -> None:
    try:
        os.makedirs(folder, exist_ok=True)
        claims = {} if told.claims is None else {"claims.json": canonical.encode(told.claims)}
        for name, content in [*((f"state.{step}", state) for step, state in told.states.items()), *told.outputs.items(), *claims.items()]:
            with open(os.path.join(folder, name), "wb") as f:
                f.write(content)
    except OSError as why:
        raise Broken(f"{folder} cannot be written: {why.strerror}") from None


def _resume_of(path: Optional[str]) -> Optional[tuple[int, bytes]]:
    if path is None:
        return None
    step = path.rpartition(".")[2]
    if not (step.isascii() and step.isdigit()):
        raise Broken(f"--resume takes a state that --out wrote, whose name ends in its step: {path}")
    return int(step), _read(path)


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as f:
            return f.read()
    except OSError as why:
        raise Broken(f"{path} cannot be read: {why.strerror}") from None


def _shards_of(listed: Sequence[str]) -> dict[str, bytes]:
    shards: dict[str, bytes] = {}
    for text in listed:
        name, _, path = text.partition("=")
        if not name or not path or name in shards:
            raise Broken(f"--shard takes NAME=FILE, each name once: {text}")
        shards[name] = _read(path)
    return shards


def _kept(folder: Optional[str]) -> dict[str, str]:
    if folder is None:
        return {}
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as why:
        raise Broken(f"{folder} cannot be made: {why.strerror}") from None
    return {"TMPDIR": os.path.abspath(folder)}


def _size(text: str) -> int:
    """As recipes write it (RCP-007)."""
    found = re.fullmatch(r"(0|[1-9][0-9]*)(B|KiB|MiB|GiB|TiB)", text)
    size = int(found[1]) << 10 * ("B", "KiB", "MiB", "GiB", "TiB").index(found[2]) if found else 0
    if not 1 << 12 <= size <= 1 << 40:
        raise argparse.ArgumentTypeError("a size is a whole number and B, KiB, MiB, GiB or TiB, from 4KiB to 1TiB")
    return size


def _report(told: Told) -> int:
    print(f"steps {len(told.steps)} of {told.total}, states {len(told.states)}, outputs {' '.join(sorted(told.outputs)) or 'none'}")
    if told.steps:
        print(f"loss {told.steps[0][3]:.6f} at step {told.steps[0][0]}, {told.steps[-1][3]:.6f} at step {told.steps[-1][0]}")
    for kind, what in told.called.items():
        end = "a sealed run refuses it" if kind in watch.REFUSED else "a sealed run has it when it was added to the tree at that path"
        print(f"the script called for {watch.KINDS[kind]}: {what.encode('unicode_escape').decode('ascii')}; {end}")
    refused = any(kind in watch.REFUSED for kind in told.called)
    if told.done is not None:
        ended = "done" if told.done == 0 else "stopped early, with a state"
        print(f"{ended} here, and refused in a sealed run" if refused else ended)
        return int(refused)
    if told.failed is not None:
        print(f"failed: {CLASSES[told.failed]}")
        if told.failed == agent.IMPORT:
            print("from `import sealwright` on the working folder is an empty one, as `/` is the working folder of a sealed run: a relative path finds nothing of this folder's")
    else:
        code = os.waitstatus_to_exitcode(told.status)
        print("ended without DONE, " + (f"by signal {-code}" if code < 0 else f"with exit code {code}"))
    return 1


def main(arguments: Optional[Sequence[str]] = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m sealwright.rehearse", description="Plays the agent for a script; nothing is sealed.")
    parser.add_argument("--shard", action="append", required=True, metavar="NAME=FILE", help="rows as JSON lines")
    parser.add_argument("--model", default="/model", metavar="DIR")
    parser.add_argument("--max-steps", type=int, required=True)
    parser.add_argument("--save-steps", type=int, default=0)
    parser.add_argument("--checkpoint-limit", type=_size, default="256MiB", metavar="SIZE", help="the recipe's observe.checkpoint_limit (256MiB)")
    parser.add_argument("--output-limit", type=_size, default="64MiB", metavar="SIZE", help="the recipe's output.limit (64MiB), in which the agent's own files count as well")
    parser.add_argument("--stop-after", type=int, metavar="STEP", help="asks for an end after this step")
    parser.add_argument("--resume", metavar="STATE.STEP", help="a state that --out wrote")
    parser.add_argument("--out", metavar="DIR")
    parser.add_argument("--keep", metavar="DIR", help="where the script's temporary files stay; without it they go")
    parser.add_argument("command", nargs="+")
    given = parser.parse_args(arguments)
    try:
        told = play(given.command, _shards_of(given.shard), model=os.path.abspath(given.model), max_steps=given.max_steps, save_steps=given.save_steps,
                    checkpoint_limit=given.checkpoint_limit, output_limit=given.output_limit, stop_after=given.stop_after, resume=_resume_of(given.resume), environment=_kept(given.keep), watched=True)
        if given.out:
            _write(given.out, told)
    except Broken as why:
        print(f"sealwright: error: {why}", file=sys.stderr)
        return 1
    return _report(told)


if __name__ == "__main__":
    sys.exit(main())
