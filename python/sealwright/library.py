# SPDX-License-Identifier: Apache-2.0
"""The installed library, opened once: libsealwright.so.0 as the loader finds it, or where pkg-config says it is.

SEALWRIGHT_LIBRARY names another file: for whoever works on the library itself. A script of a sealed run opens none.
"""
from __future__ import annotations

import errno
import os
import subprocess
import threading
from typing import Any, Callable, Optional

import cffi

from . import _cdef
from .errors import SealwrightError

SONAME = "libsealwright.so.0"
ffi = cffi.FFI()
ffi.cdef(_cdef.CDEF)
_lock = threading.Lock()
_library: Any = None


def _by_pkg_config() -> Optional[str]:
    try:
        said = subprocess.run(["pkg-config", "--variable=libdir", "sealwright"], capture_output=True, text=True, check=False)
    except OSError:
        return None
    folder = said.stdout.strip()
    return os.path.join(folder, SONAME) if said.returncode == 0 and folder else None


def _open() -> Any:
    named = os.environ.get("SEALWRIGHT_LIBRARY")
    for path in [named] if named else [SONAME, _by_pkg_config()]:
        try:
            if path:
                return ffi.dlopen(path)
        except OSError:
            continue
    raise SealwrightError("missing", "library", f"{named or SONAME} cannot be opened", "install Sealwright: make install")


def library() -> Any:
    global _library
    with _lock:
        if _library is None:
            opened = _open()
            version = ffi.string(opened.sealwright_version()).decode()
            if version.split(".")[:2] != _cdef.SEALWRIGHT_VERSION.split(".")[:2]:
                raise SealwrightError("refused", "library", f"the library is {version} and this package is made for {_cdef.SEALWRIGHT_VERSION}")
            _library = opened
        return _library


def text(of: Any) -> str:
    return ffi.string(of).decode("utf-8", "replace")


class Call:
    """One call into the library: its sw_error, and what a callback of ours raised meanwhile."""

    def __init__(self) -> None:
        self.error = ffi.new("sw_error *")
        self.raised: Optional[BaseException] = None

    def failed_inside(self, why: BaseException, error: Any) -> int:
        """For a callback: keeps the exception, which is raised when the library has returned."""
        self.raised = self.raised or why
        if error != ffi.NULL:
            error.status = status = library().SW_IO if isinstance(why, OSError) else library().SW_INTERNAL
            ffi.memmove(error.word, b"callback\0", 9)
            ffi.memmove(error.message, b"a function of the caller failed\0", 32)
            return status
        return library().SW_INTERNAL

    def refusal(self, status: int) -> SealwrightError:
        name = ffi.string(library().sealwright_status_name(status)).decode()
        return SealwrightError(name, text(self.error.word), text(self.error.message), text(self.error.hint))

    def check(self, status: int) -> None:
        if self.raised is not None:
            raise self.raised
        if status != library().SW_OK:
            raise self.refusal(status)


def not_now(what: str) -> BlockingIOError:
    """A stream that does not block says None where it would; of bytes that it did not take none are lost in silence."""
    return BlockingIOError(errno.EAGAIN, f"the stream {what} nothing now: use one that blocks")


def writer(call: Call, write: Callable[[memoryview], Any]) -> Any:
    """A sealwright_write over a function of ours."""

    def on_write(context, data, size, error):
        try:
            rest = memoryview(ffi.buffer(data, size))
            while rest:
                taken = write(rest)
                if not taken:
                    raise not_now("takes")
                rest = rest[taken:]
            return library().SW_OK
        except BaseException as why:  # the library unwinds first
            return call.failed_inside(why, error)

    return ffi.callback("sealwright_write", on_write, error=library().SW_INTERNAL)


def wipe(data: Any) -> None:
    """Of a bytearray, or of memory of cffi's."""
    if isinstance(data, bytearray):
        data[:] = bytes(len(data))
    else:
        ffi.memmove(data, bytes(ffi.sizeof(data)), ffi.sizeof(data))


def path_of(path: Any) -> bytes:
    return os.fsencode(path)


def hash_of(value: Any, what: str) -> bytes:
    """32 bytes, given as they are or as 64 digits of hex."""
    try:
        raw = bytes.fromhex(value) if isinstance(value, str) else bytes(value)
    except (TypeError, ValueError):
        raw = b""
    if len(raw) != _cdef.SEALWRIGHT_ID_BYTES:
        raise SealwrightError("usage", "hash", f"{what} is 32 bytes, or 64 digits of hex")
    return raw
