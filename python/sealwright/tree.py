# SPDX-License-Identifier: Apache-2.0
"""Lays out a folder that a recipe's command sees as its `/` (CMD-001): an interpreter, its standard library, what it links, a venv.

    python -m sealwright.tree --python VENV/bin/python --add train.py:/code/train.py --out TREE [--no-compile]

In TREE the interpreter lies below /python, the venv's packages below /venv, shared libraries beside the C library, and /venv/bin/python
runs what was added. Files are cloned or hard-linked where the file system can: what is changed in TREE may change in the venv. Modules
are compiled there anew, so that no time stamp matters (PEP 552): the same packages give the same bytes.
"""
from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from typing import Iterable, Iterator, Optional, Sequence

from .errors import SealwrightError, usage

TAKEN = ("dev", "proc", "sys", "tmp", "model", "run")  # CMD-004
_FICLONE = 0x40049409
_LEFT_OUT = {"__pycache__", "site-packages", "dist-packages", "test", "idlelib", "turtledemo", "ensurepip", "tkinter", "lib2to3"}
_ASK = """import json, os, platform, sys, sysconfig
print(json.dumps({"executable": os.path.realpath(sys.executable), "stdlib": sysconfig.get_path("stdlib"),
    "platstdlib": sysconfig.get_path("platstdlib", vars={"platbase": sys.base_exec_prefix}), "name": "python%d.%d" % sys.version_info[:2],
    "version": platform.python_version(), "packages": sorted({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})
    if sys.prefix != sys.base_prefix else []}))"""
_LDD = re.compile(r"^\s+(?:(\S+) => )?(/\S+|not found)(?: \(0x[0-9a-f]+\))?$")
_PASSWD = "root:x:0:0:root:/tmp:/bin/false\nnobody:x:65534:65534:nobody:/tmp:/bin/false\n"


class Layout:
    """TREE under construction; each file is placed once."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.clones = True
        os.mkdir(root)

    def path(self, inside: str) -> str:
        return os.path.join(self.root, inside.lstrip("/"))

    def write(self, inside: str, content: str) -> None:
        path = self.path(inside)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "x", encoding="utf-8") as f:
            f.write(content)

    def link(self, inside: str, target: str) -> None:
        os.makedirs(os.path.dirname(self.path(inside)), exist_ok=True)
        os.symlink(target, self.path(inside))

    def _clone(self, source: str, path: str) -> bool:
        import fcntl

        with open(source, "rb") as f, open(path, "xb") as to:
            try:
                fcntl.ioctl(to.fileno(), _FICLONE, f.fileno())
            except OSError:
                os.unlink(path)
                return False
            os.fchmod(to.fileno(), os.fstat(f.fileno()).st_mode & 0o777)
            return True

    def file(self, source: str, inside: str) -> None:
        source, path = os.path.realpath(source), self.path(inside)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        self.clones = self.clones and self._clone(source, path)
        if self.clones:
            return
        try:
            os.link(source, path)
        except OSError:
            shutil.copy(source, path)

    def folder(self, source: str, inside: str, left_out: Iterable[str] = ()) -> None:
        """What lies below `source`; a link that leaves it becomes what it names."""
        top = os.path.realpath(source)
        os.makedirs(self.path(inside), exist_ok=True)
        for place, folders, names in os.walk(source):
            folders[:] = sorted(f for f in folders if f not in left_out and not f.startswith("config-"))
            there = os.path.normpath(os.path.join(inside, os.path.relpath(place, source)))
            for name in sorted(names) + [f for f in folders if os.path.islink(os.path.join(place, f))]:
                _place(self, os.path.join(place, name), os.path.join(there, name), top, left_out)


def _place(layout: Layout, path: str, inside: str, top: str, left_out: Iterable[str]) -> None:
    if path.endswith((".pyc", ".pyo")) or os.path.basename(path).startswith("_tkinter.") or os.path.lexists(layout.path(inside)):
        return
    if not os.path.islink(path):
        layout.file(path, inside)
    elif not os.path.isabs(os.readlink(path)) and os.path.realpath(path).startswith(top + os.sep):
        layout.link(inside, os.readlink(path))
    elif os.path.isdir(path):
        layout.folder(os.path.realpath(path), inside, left_out)
    elif os.path.exists(path):
        layout.file(path, inside)


def _ask(python: str) -> dict:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    try:
        said = subprocess.run([python, "-c", _ASK], capture_output=True, text=True, check=True, env=environment)
    except (OSError, subprocess.CalledProcessError):
        raise usage("python", f"{python} cannot be run") from None
    return json.loads(said.stdout)


def _programs(folders: Iterable[str]) -> Iterator[str]:
    """ELF files below the folders."""
    for folder in folders:
        for place, _, names in os.walk(folder):
            for name in names:
                path = os.path.join(place, name)
                if os.path.islink(path) or not os.path.isfile(path) or name.startswith("_tkinter."):
                    continue
                with open(path, "rb") as f:
                    if f.read(4) == b"\x7fELF":
                        yield path


def _linked(programs: Sequence[str]) -> tuple[dict[str, str], set[str]]:
    """Of what each program links: the file by its name, and the names that were not found."""
    found: dict[str, str] = {}
    missing: set[str] = set()
    for first in range(0, len(programs), 64):
        said = subprocess.run(["ldd", *programs[first : first + 64]], capture_output=True, text=True, check=False)
        for line in said.stdout.splitlines():
            match = _LDD.match(line)
            if match:
                name, path = match.groups()
                if path == "not found":
                    missing.add(name)
                else:
                    found.setdefault(name or path, path)
    return found, missing


def _libraries(layout: Layout, programs: Sequence[str], inside: Sequence[str]) -> set[str]:
    """Beside the C library, where the loader looks without a cache; the loader itself where programs name it."""
    found, missing = _linked(programs)
    if "libc.so.6" not in found:
        raise SealwrightError("missing", "tree", "ldd does not say where the C library is: the interpreter is not dynamic")
    home = os.path.dirname(found["libc.so.6"])
    beside = os.path.join(home, "libgcc_s.so.1")  # the C library opens it when a thread ends
    if os.path.exists(beside):
        found.setdefault("libgcc_s.so.1", beside)
    for name, path in sorted(found.items()):
        if any(os.path.realpath(path).startswith(os.path.realpath(place) + os.sep) for place in inside):
            missing.discard(name)
            continue
        layout.file(path, name if name.startswith("/") else os.path.join(home, name))
    return {name for name in missing if name not in found}


def _compile(layout: Layout, python: str, folders: Sequence[str]) -> None:
    """Beside each module its code, which is believed without a look at the module's time."""
    command = [python, "-I", "-W", "ignore", "-m", "compileall", "-q", "-q", "-j", "0", "--invalidation-mode", "unchecked-hash", "-s", layout.root, "-p", "/"]
    subprocess.run([*command, *[layout.path(f) for f in folders]], check=False, stdout=subprocess.DEVNULL)


def _interpreter(layout: Layout, asked: dict) -> None:
    name = asked["name"]
    layout.file(asked["executable"], f"/python/bin/{name}")
    layout.folder(asked["stdlib"], f"/python/lib/{name}", _LEFT_OUT)
    if os.path.realpath(asked["platstdlib"]) != os.path.realpath(asked["stdlib"]):
        layout.folder(asked["platstdlib"], f"/python/lib/{name}", _LEFT_OUT)
    layout.write("/venv/pyvenv.cfg", f"home = /python/bin\ninclude-system-site-packages = false\nversion = {asked['version']}\n")
    layout.link("/venv/bin/python", f"../../python/bin/{name}")
    layout.link("/venv/bin/python3", "python")
    layout.write("/etc/passwd", _PASSWD)


def _add(layout: Layout, text: str) -> Optional[str]:
    """SOURCE:PLACE; a folder among them is compiled as well."""
    source, colon, inside = text.rpartition(":")
    if not colon or not os.path.exists(source):
        raise usage("tree", f"--add {text}: there is no such file, or no place for it", "--add train.py:/code/train.py")
    normal = os.path.normpath(inside)
    if not inside.startswith("/") or normal == "/" or normal.split("/")[1] in TAKEN:
        raise usage("tree", f"--add {text}: the place is absolute and not below {', '.join('/' + t for t in TAKEN)}")
    if os.path.isdir(source):
        layout.folder(source, normal, {"__pycache__", ".git"})
        return normal
    if os.path.lexists(layout.path(normal)):
        raise SealwrightError("exists", "tree", f"{normal} is there already")
    layout.file(source, normal)
    return None


def count(root: str) -> tuple[int, int]:
    entries = size = 0
    for place, folders, names in os.walk(root):
        entries += len(folders) + len(names)
        size += sum(os.lstat(os.path.join(place, n)).st_size for n in names if not os.path.islink(os.path.join(place, n)))
    return entries, size


def lay_out(python: str, out: str, added: Sequence[str] = (), compiled: bool = True) -> set[str]:
    """Makes `out`, which must not exist, and gives the names of libraries that were not found. On failure nothing is left."""
    asked = _ask(python)
    if os.path.lexists(out):
        raise SealwrightError("exists", "exists", f"{out} is there already")
    layout = Layout(out)
    try:
        _interpreter(layout, asked)
        name = asked["name"]
        packages = f"/venv/lib/{name}/site-packages"
        os.makedirs(layout.path(packages))
        for folder in asked["packages"]:
            layout.folder(folder, packages, {"__pycache__"})
        own = [folder for folder in (_add(layout, text) for text in added) if folder is not None]
        sources = [*asked["packages"], asked["stdlib"], asked["platstdlib"]]
        programs = [asked["executable"], *_programs([*asked["packages"], os.path.join(asked["platstdlib"], "lib-dynload")])]
        programs += _programs([layout.path(f) for f in own])
        missing = _libraries(layout, programs, [*sources, layout.root])
        if compiled:
            _compile(layout, python, [f"/python/lib/{name}", packages, *own])
        return missing
    except BaseException:
        shutil.rmtree(out, ignore_errors=True)
        raise


def main(arguments: Optional[Sequence[str]] = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m sealwright.tree", description="Lays out a tree for a recipe's command.")
    parser.add_argument("--python", required=True, metavar="VENV/bin/python")
    parser.add_argument("--add", action="append", default=[], metavar="SOURCE:PLACE", help="a file or a folder, and where it lies in the tree")
    parser.add_argument("--out", required=True, metavar="TREE")
    parser.add_argument("--no-compile", action="store_true", help="leave compiled modules out: every start compiles what it imports")
    given = parser.parse_args(arguments)
    try:
        missing = lay_out(given.python, given.out, given.add, not given.no_compile)
    except SealwrightError as why:
        print(f"sealwright: error: {why.message}", file=sys.stderr)
        if why.hint:
            print(f"sealwright: hint: {why.hint}", file=sys.stderr)
        return 2 if why.status == "usage" else 1
    for name in sorted(missing):
        print(f"sealwright: {name} is linked and was not found: what needs it will not load", file=sys.stderr)
    entries, size = count(given.out)
    print(f"{given.out}: {entries} entries, {size} bytes; its interpreter is /venv/bin/python")
    return 0


if __name__ == "__main__":
    sys.exit(main())
