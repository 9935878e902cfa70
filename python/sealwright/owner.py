# SPDX-License-Identifier: Apache-2.0
"""Sealing and opening for owners and recipients, over the installed library."""
from __future__ import annotations

import contextlib
import io
import os
import tempfile
from dataclasses import dataclass
from typing import Any, BinaryIO, Callable, Iterator, Optional, Union

from . import _cdef
from .errors import SealwrightError, usage
from .library import Call, ffi, hash_of, library, not_now, path_of, text, wipe, writer

Path = Union[str, "os.PathLike[str]"]
Passphrase = Callable[[str], Union[bytes, bytearray, str]]
_PIECE = 1 << 20


@dataclass(frozen=True)
class SealedFacts:
    """What a sealed file is, when all of it that the call looks at was verified."""

    id: str
    owner: str
    rows: int
    bytes: int
    chunks: int
    media_type: str


def _facts(d: Any) -> SealedFacts:
    return SealedFacts(bytes(d.id).hex(), bytes(d.owner).hex(), d.rows, d.bytes, d.chunks, text(d.media_type))


def library_version() -> str:
    return ffi.string(library().sealwright_version()).decode()


class _Asking:
    """A passphrase by callback: into the library's locked memory, and wiped where it was ours to wipe."""

    def __init__(self, ask: Optional[Passphrase]) -> None:
        self.call = Call()
        self._ask = ask
        self.handle = ffi.callback("sealwright_passphrase", self._on_ask, error=library().SW_INTERNAL) if ask else ffi.NULL

    def _on_ask(self, context, file, out, limit, size, error):
        try:
            assert self._ask is not None
            given = self._ask(text(file))
            said = bytearray(given.encode() if isinstance(given, str) else given)
            if isinstance(given, bytearray):
                wipe(given)
            try:
                if len(said) > limit:
                    raise usage("passphrase", f"a passphrase has at most {limit} bytes")
                ffi.memmove(out, said, len(said))
                size[0] = len(said)
            finally:
                wipe(said)
            return library().SW_OK
        except BaseException as why:
            return self.call.failed_inside(why, error)


class Identity:
    """An owner's folder of keys, or a recipient's. Keys are read on first use and wiped by `close`.

    `passphrase` is called with the name of each encrypted key file and returns its passphrase; a bytearray is wiped when it was read,
    so it returns a new one each time.
    """

    def __init__(self, folder: Path, passphrase: Optional[Passphrase] = None) -> None:
        self._asking, held = _Asking(passphrase), ffi.new("sealwright_identity **")
        self._held = held
        call = Call()
        call.check(library().sealwright_identity_open(path_of(folder), self._asking.handle, ffi.NULL, held, call.error))

    @classmethod
    def make(cls, folder: Path, name: str, passphrase: Optional[Passphrase] = None) -> "Identity":
        """Makes a new owner's keys in a folder that must not exist; without a passphrase the files are not encrypted."""
        asking, call = _Asking(passphrase), Call()
        status = library().sealwright_identity_make(path_of(folder), name.encode(), asking.handle, ffi.NULL, call.error)
        asking.call.error = call.error
        asking.call.check(status)
        return cls(folder, passphrase)

    @property
    def pointer(self) -> Any:
        if self._held[0] == ffi.NULL:
            raise usage("identity", "the identity is closed")
        return self._held[0]

    @property
    def id(self) -> str:
        out = ffi.new("uint8_t[]", _cdef.SEALWRIGHT_ID_BYTES)
        library().sealwright_identity_id(self.pointer, out)
        return bytes(out).hex()

    def check(self, call: Call, status: int) -> None:
        """Raises what the passphrase's function raised, before what the library made of it."""
        raised, self._asking.call.raised = self._asking.call.raised, None
        call.raised = call.raised or raised
        call.check(status)

    def close(self) -> None:
        library().sealwright_identity_close(self._held)

    def __enter__(self) -> "Identity":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_held", None) is not None and self._held[0] != ffi.NULL:
            self.close()


@contextlib.contextmanager
def _appearing(out: Path) -> Iterator[BinaryIO]:
    """A file that is there when it is complete and never before; one that is there already stays."""
    path = os.fspath(out)
    fd, part = tempfile.mkstemp(prefix=".sealwright-", dir=os.path.dirname(path) or ".")
    try:
        with open(fd, "wb", buffering=0) as f:
            yield f
            os.fsync(fd)
        try:
            os.link(part, path)
        except FileExistsError:
            raise SealwrightError("exists", "exists", f"{path} is there already") from None
    finally:
        os.unlink(part)


def _seal_stream(source: BinaryIO, identity: Identity, out: BinaryIO, media_type: str, threads: int) -> SealedFacts:
    call, made, held, piece = Call(), ffi.new("sealwright_dataset *"), ffi.new("sealwright_sealer **"), bytearray(_PIECE)
    write = writer(call, out.write)
    sw = library()
    try:
        status = sw.sealwright_sealer_open(identity.pointer, media_type.encode(), threads, write, ffi.NULL, held, call.error)
        identity.check(call, status)
        while True:
            size = source.readinto(piece)  # type: ignore[attr-defined]
            if size is None:
                raise not_now("gives")
            if size == 0:
                break
            identity.check(call, sw.sealwright_sealer_add(held[0], ffi.from_buffer(piece), size, call.error))
        identity.check(call, sw.sealwright_sealer_finish(held[0], made, call.error))
    finally:
        wipe(piece)
        sw.sealwright_sealer_close(held)
    return _facts(made)


def seal(source: Union[Path, BinaryIO], identity: Identity, out: Union[Path, BinaryIO], *, media_type: str = "application/jsonl",
         threads: int = 0) -> SealedFacts:
    """Seals a file, or what a binary stream gives to its end, for its owner. `out` is a new file or a binary stream; of a stream
    everything is to be dropped when this raises. Streams block: BlockingIOError where one gives or takes nothing now."""
    if not isinstance(source, (str, os.PathLike)):
        if not isinstance(out, (str, os.PathLike)):
            return _seal_stream(source, identity, out, media_type, threads)
        with _appearing(out) as f:
            return _seal_stream(source, identity, f, media_type, threads)
    if not isinstance(out, (str, os.PathLike)):
        with open(source, "rb", buffering=0) as f:
            return _seal_stream(f, identity, out, media_type, threads)
    call, made = Call(), ffi.new("sealwright_dataset *")
    identity.check(call, library().sealwright_seal_file(identity.pointer, path_of(source), path_of(out), media_type.encode(), threads, made,
                                                       call.error))
    return _facts(made)


def unseal(path: Path, identity: Identity, out: Union[Path, BinaryIO], *, dataset: Union[None, str, bytes] = None,
           threads: int = 0) -> SealedFacts:
    """Opens a sealed file front to back. `dataset` is the id that must come out. A stream gets authentic pieces as they come, and only
    the return says that nothing is missing; a file appears when all of it was verified."""
    if isinstance(out, (str, os.PathLike)):
        with _appearing(out) as f:
            return unseal(path, identity, f, dataset=dataset, threads=threads)
    call, made = Call(), ffi.new("sealwright_dataset *")
    wanted = ffi.NULL if dataset is None else hash_of(dataset, "dataset")
    write = writer(call, out.write)
    with open(path, "rb", buffering=0) as f:
        status = library().sealwright_unseal_stream(identity.pointer, wanted, f.fileno(), threads, write, ffi.NULL, made, call.error)
        identity.check(call, status)
    return _facts(made)


class SealedFile(io.RawIOBase):
    """A sealed file as its owner reads it: any place, a chunk verified each time it is fetched, one of them kept and then wiped."""

    def __init__(self, path: Path, identity: Identity) -> None:
        super().__init__()
        self._identity, self._held = identity, ffi.new("sealwright_unsealer **")
        self._chunk, self._at, self._size, self._place = ffi.new("uint8_t[]", _cdef.SEALWRIGHT_CHUNK_BYTES), -1, 0, 0
        self._file = open(path, "rb", buffering=0)
        call = Call()
        try:
            identity.check(call, library().sealwright_unsealer_open(identity.pointer, self._file.fileno(), self._held, call.error))
        except BaseException:
            self._file.close()
            raise
        made = ffi.new("sealwright_dataset *")
        library().sealwright_unsealer_dataset(self._held[0], made)
        self.facts = _facts(made)

    def _fetch(self, index: int) -> None:
        if index == self._at:
            return
        call, size = Call(), ffi.new("size_t *")
        self._at = -1
        self._identity.check(call, library().sealwright_unsealer_chunk(self._held[0], index, self._chunk, size, call.error))
        self._at, self._size = index, size[0]

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if self.closed:
            raise ValueError("the sealed file is closed")
        place = offset + (0, self._place, self.facts.bytes)[whence]
        if place < 0:
            raise ValueError("a place before the beginning")
        self._place = place
        return place

    def readinto(self, buffer: Any) -> int:
        if self.closed:
            raise ValueError("the sealed file is closed")
        view = memoryview(buffer).cast("B")
        if self._place >= self.facts.bytes or not view:
            return 0
        index, begin = divmod(self._place, _cdef.SEALWRIGHT_CHUNK_BYTES)
        self._fetch(index)
        size = min(len(view), self._size - begin)
        view[:size] = memoryview(ffi.buffer(self._chunk))[begin : begin + size]
        self._place += size
        return size

    def close(self) -> None:
        if not self.closed and hasattr(self, "_file"):
            wipe(self._chunk)
            library().sealwright_unsealer_close(self._held)
            self._file.close()
        super().close()


def open_sealed(path: Path, identity: Identity) -> SealedFile:
    """Random access, for who holds the key: io.BufferedReader(open_sealed(...)) reads lines."""
    return SealedFile(path, identity)


def inspect(path: Path, identity: Identity) -> SealedFacts:
    """What a sealed file is, as who holds its key can verify: key, signature, both ends and the last chunk. The library has no
    inspection without a key; `sealwright inspect FILE` is the program's."""
    with SealedFile(path, identity) as sealed:
        return sealed.facts
