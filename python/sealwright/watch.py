# SPDX-License-Identifier: Apache-2.0
"""Under rehearsal alone: tells the author, in the script's own process, what a sealed run would refuse (CMD-071).

Nothing is refused here, so one rehearsal tells of everything. What a script does before it imports `sealwright`, and what a library does
in its own C or Rust, raises no audit event and is not heard; what such a library leaves in the working folder is found at the end.
"""
from __future__ import annotations

import json
import os
import sys
from typing import Any, Callable, Optional

FOLDER = "SEALWRIGHT_REHEARSAL"  # holds `told`, a line for each kind, and `work`, the working folder
WRITE, NETWORK, CODE, PROGRAM = "write", "network", "code", "program"
KINDS = {
    WRITE: "a file outside /tmp and /dev/shm, to write it",
    NETWORK: "the network",
    CODE: "code from a file that it wrote",
    PROGRAM: "a program other than its interpreter",
}
REFUSED = (WRITE, NETWORK, CODE)  # EACCES, EPERM or EROFS of a sealed run; a program may be missing, and libraries live without it
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full")
_AF_UNIX = 1


def below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


class Watch:
    """Hears the interpreter's audit events and tells the first of each kind."""

    def __init__(self, folder: str) -> None:
        self._work = os.path.realpath(os.path.join(folder, "work"))
        self._scratch = os.path.realpath(os.environ.get("TMPDIR", "/tmp"))
        self._free = [self._scratch, *map(os.path.realpath, ("/tmp", "/dev/shm"))]
        self._interpreter = os.path.realpath(sys.executable)
        self._told = os.open(os.path.join(folder, "told"), os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._kinds: set[str] = set()
        self._hears: dict[str, Callable[..., None]] = {
            "open": self._open,
            "os.mkdir": self._make, "os.symlink": lambda source, path, at=-1: self._make(path, 0, at),
            "os.link": lambda source, path, at=-1, to=-1: self._make(path, 0, to),
            "os.remove": self._change, "os.rmdir": self._change, "os.rename": self._rename,
            "os.chmod": lambda path, mode, at=-1: self._change(path, at), "os.truncate": lambda path, size: self._change(path),
            "os.utime": lambda path, times, ns, at=-1: self._change(path, at),
            "socket.__new__": self._socket,
            "socket.getaddrinfo": lambda host, *more: self._tell(NETWORK, f"the address of {host}") if host else None,
            "socket.gethostbyname": lambda host, *more: self._tell(NETWORK, f"the address of {host}"),
            "subprocess.Popen": lambda path, *more: self._program(path), "os.exec": lambda path, *more: self._program(path),
            "os.posix_spawn": lambda path, *more: self._program(path), "os.system": lambda command: self._program("/bin/sh"),
            "ctypes.dlopen": self._library,
        }

    def hear(self, event: str, arguments: tuple) -> None:
        hears = self._hears.get(event)
        if hears is None:
            return
        try:
            hears(*arguments)
        except Exception:  # a hook that raises would change what the script does
            pass

    def _tell(self, kind: str, what: str) -> None:
        if kind in self._kinds:
            return
        self._kinds.add(kind)
        os.write(self._told, json.dumps([kind, what]).encode() + b"\n")
        shown = what.encode("unicode_escape").decode("ascii")
        os.write(2, f"sealwright: rehearsal: the script called for {KINDS[kind]}: {shown}\n".encode())

    def _place(self, path: Any, at: int = -1) -> Optional[str]:
        """Where it lies; None for an open file."""
        if isinstance(path, int) or path is None:
            return None
        text = os.fsdecode(path)
        folder = os.readlink(f"/proc/self/fd/{at}") if at >= 0 else os.getcwd()
        head, tail = os.path.split(os.path.join(folder, text))
        return os.path.join(os.path.realpath(head), tail)

    def _judge(self, path: Any, place: str) -> None:
        if below(place, self._work) or not (place in _DEVICES or any(below(place, folder) for folder in self._free)):
            self._tell(WRITE, os.fsdecode(path))

    def _open(self, path: Any, mode: Any, flags: int) -> None:
        if not flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC) or flags & getattr(os, "O_PATH", 0):
            return
        place = self._place(path)
        if place is not None and (flags & os.O_CREAT or os.path.lexists(place)):
            self._judge(path, os.path.realpath(place))

    def _make(self, path: Any, mode: int = 0, at: int = -1) -> None:
        """A name that is there already is answered so, here as there."""
        place = self._place(path, at)
        if place is not None and not os.path.lexists(place):
            self._judge(path, place)

    def _change(self, path: Any, at: int = -1) -> None:
        place = self._place(path, at)
        if place is not None and os.path.lexists(place):
            self._judge(path, place)

    def _rename(self, source: Any, path: Any, at: int = -1, to: int = -1) -> None:
        there = self._place(source, at)
        if there is not None and os.path.lexists(there):
            self._judge(source, there)
            self._judge(path, self._place(path, to) or there)

    def _socket(self, made: Any, family: int, kind: int, protocol: int) -> None:
        if family not in (_AF_UNIX, -1):  # -1: of a descriptor that is there
            self._tell(NETWORK, "a socket of " + sys.modules["socket"].AddressFamily(family).name)

    def _wrote(self, path: str) -> bool:
        return self._scratch not in self._free[1:] and below(os.path.realpath(path), self._scratch)

    def _program(self, path: Any) -> None:
        text = os.fsdecode(path)
        if os.sep in text and self._wrote(text):
            self._tell(CODE, text)
        elif not (os.path.isabs(text) and os.path.realpath(text) == self._interpreter):
            self._tell(PROGRAM, text)

    def _library(self, name: Any) -> None:
        if name is not None and os.sep in os.fsdecode(name) and self._wrote(os.fsdecode(name)):
            self._tell(CODE, os.fsdecode(name))


def install() -> None:
    """Where a rehearsal asks for it. From here on the script's working folder is an empty one, and its home the scratch (CMD-012)."""
    folder = os.environ.get(FOLDER)
    if folder is None:
        return
    sys.addaudithook(Watch(folder).hear)
    if "SEALWRIGHT_CHILD" not in os.environ:  # where a script starts a process is its own choice
        os.environ["HOME"] = os.environ.get("TMPDIR", "/tmp")
        os.chdir(os.path.join(folder, "work"))
