# SPDX-License-Identifier: Apache-2.0
"""Lays out a folder that a recipe's command sees as its `/` (CMD-001): an interpreter, its standard library, what it links, a venv.

    python -m sealwright.tree --python VENV/bin/python --add train.py:/code/train.py --out TREE [--on BASE] [--leave-out PATTERN] [--no-compile]

In TREE the interpreter lies below /python, the venv's packages below /venv, shared libraries beside the C library, and /venv/bin/python
runs what was added. Packages are cloned or hard-linked where the file system can: what is changed in TREE may change in the venv. Modules
are compiled there anew, so that no time stamp matters (PEP 552), and what tells one venv from another is left out or written anew
(tree_rules.py): the same packages give the same bytes, wherever they lie. With --on BASE, a tree laid out before, the packages are BASE's;
what was added to BASE stays behind: a tree says in /venv/added.txt what that is (CMD-072).
"""
from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Callable, Iterable, Iterator, Optional, Sequence

from . import tree_code, tree_rules
from .errors import SealwrightError, usage

TAKEN = ("dev", "proc", "sys", "tmp", "model", "run")  # CMD-004
ADDED = "/venv/added.txt"  # the paths that are neither the interpreter's nor the packages', each under no other of them
_FICLONE = 0x40049409
_LEFT_OUT = {"__pycache__", "site-packages", "dist-packages", "test", "idlelib", "turtledemo", "ensurepip", "tkinter", "lib2to3"}
_ASK = """import json, os, platform, sys, sysconfig
print(json.dumps({"executable": os.path.realpath(sys.executable), "stdlib": sysconfig.get_path("stdlib"),
    "platstdlib": sysconfig.get_path("platstdlib", vars={"platbase": sys.base_exec_prefix}), "name": "python%d.%d" % sys.version_info[:2],
    "version": platform.python_version(), "tag": sys.implementation.cache_tag, "packages": sorted({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})
    if sys.prefix != sys.base_prefix else []}))"""
_LDD = re.compile(r"^\s+(?:(\S+) => )?(/\S+|not found)(?: \(0x[0-9a-f]+\))?$")
_IMPORTS = re.compile(rb"^[ \t]*(?:import[ \t](?:.*,)?[ \t]*|from[ \t]+)sealwright\b", re.MULTILINE)
_PASSWD = "root:x:0:0:root:/tmp:/bin/false\nnobody:x:65534:65534:nobody:/tmp:/bin/false\n"


Stays = Callable[[str, bool], bool]  # a path below the folder, and whether it is a folder


class Layout:
    """TREE under construction; each file is placed once."""

    def __init__(self, root: str, left_out: Sequence[str] = ()) -> None:
        self.root, self.left_out = root, left_out
        self.clones = self.links = True
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
        if not self.clones:
            (self._link if self.links else shutil.copy)(source, path)

    def folder(self, source: str, inside: str, stays: Stays) -> None:
        """What lies below `source` and stays; a link that leaves it becomes what it names. What is there already is kept."""
        top = os.path.realpath(source)
        os.makedirs(self.path(inside), exist_ok=True)
        for place, folders, names in os.walk(source):
            below = os.path.relpath(place, source)
            folders[:] = sorted(f for f in folders if self._stays(stays, below, f, inside, True))
            there = os.path.normpath(os.path.join(inside, below))
            for name in sorted(names) + [f for f in folders if os.path.islink(os.path.join(place, f))]:
                if name in folders or self._stays(stays, below, name, inside, False):
                    _place(self, os.path.join(place, name), os.path.join(there, name), top, stays)

    def take(self, base: str) -> None:
        """All of a tree that was laid out before but what was added to it, by links."""
        added = {ADDED, *added_to(base)}
        for place, folders, names in os.walk(base):
            below = place[len(base) :]
            folders[:] = [f for f in folders if f"{below}/{f}" not in added and not tree_rules.chosen_out(f"{below}/{f}", self.left_out)]
            os.makedirs(self.root + below, exist_ok=True)
            for name in [n for n in names if f"{below}/{n}" not in added] + folders:
                source, path = f"{place}/{name}", f"{self.root}{below}/{name}"
                if os.path.islink(source):
                    os.symlink(os.readlink(source), path)
                elif name in names and not tree_rules.chosen_out(f"{below}/{name}", self.left_out):
                    self._link(source, path)

    def entries(self) -> set[str]:
        found = set()
        for place, folders, names in os.walk(self.root):
            found.update(f"{place[len(self.root):]}/{name}" for name in folders + names)
        return found

    @staticmethod
    def _link(source: str, path: str) -> None:
        try:
            os.link(source, path)
        except FileExistsError:
            raise
        except OSError:
            shutil.copy(source, path)

    def _stays(self, stays: Stays, below: str, name: str, inside: str, is_folder: bool) -> bool:
        path = os.path.normpath(os.path.join(below, name))
        return stays(path, is_folder) and not tree_rules.chosen_out(os.path.normpath(os.path.join(inside, path)), self.left_out)


def added_to(base: str) -> list[str]:
    try:
        with open(base + ADDED, encoding="utf-8") as f:
            added = f.read().splitlines()
    except (OSError, ValueError):
        added = [""]
    if not os.path.isfile(os.path.join(base, "venv", "pyvenv.cfg")) or not all(path.startswith("/") for path in added):
        raise usage("tree", f"--on {base}: that is no tree that was laid out before, or by an earlier version that did not note what was added, or its {ADDED} is damaged")
    return added


def _note_added(layout: Layout, before: set[str]) -> None:
    """In the tree, so that it goes where the tree goes. The same additions give the same bytes."""
    new = layout.entries() - before
    layout.write(ADDED, "".join(f"{path}\n" for path in sorted(new) if os.path.dirname(path) not in new))


def _place(layout: Layout, path: str, inside: str, top: str, stays: Stays) -> None:
    if os.path.lexists(layout.path(inside)):
        return
    if not os.path.islink(path):
        layout.file(path, inside)
    elif not os.path.isabs(os.readlink(path)) and os.path.realpath(path).startswith(top + os.sep):
        layout.link(inside, os.readlink(path))
    elif os.path.isdir(path):
        layout.folder(os.path.realpath(path), inside, stays)
    elif os.path.exists(path):
        layout.file(path, inside)


# ---- what stays of a folder, by its path below it ----


def _library_stays(inside: str, is_folder: bool) -> bool:
    name = os.path.basename(inside)
    if is_folder:
        return name not in _LEFT_OUT and not name.startswith("config-")
    return not name.endswith(tree_rules.COMPILED) and not name.startswith("_tkinter.")


def _package_stays(inside: str, is_folder: bool) -> bool:
    return tree_rules.package_file_stays(inside, os.path.basename(inside), is_folder)


def _own_stays(inside: str, is_folder: bool) -> bool:
    name = os.path.basename(inside)
    return name not in ("__pycache__", ".git") and not name.endswith(tree_rules.COMPILED)


def _ask(python: str) -> dict:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    try:
        said = subprocess.run([python, "-c", _ASK], capture_output=True, text=True, check=True, env=environment)
    except (OSError, subprocess.CalledProcessError):
        raise usage("python", f"{python} cannot be run") from None
    return json.loads(said.stdout)


def _programs(folders: Iterable[str]) -> Iterator[str]:
    """ELF files below the folders: what is called a shared library, and what may be executed."""
    for folder in folders:
        for place, _, names in os.walk(folder):
            for name in names:
                path = os.path.join(place, name)
                if os.path.islink(path) or not (".so" in name or os.stat(path).st_mode & 0o111):
                    continue
                with open(path, "rb") as f:
                    if f.read(4) == b"\x7fELF":
                        yield path


def _told(command: Sequence[str]) -> list[tuple[Optional[str], str]]:
    """Names and files, as the loader lists them; the loader itself has no name."""
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    matches = (_LDD.match(line) for line in said.stdout.splitlines())
    return [match.groups() for match in matches if match]


def _linked(programs: Sequence[str]) -> tuple[dict[str, str], set[str]]:
    """Of what each program links: the file by its name, and the names that were not found. The loader is asked as ldd asks it, without
    a shell for each file."""
    found: dict[str, str] = {}
    missing: set[str] = set()
    first = _told(["ldd", programs[0]])
    loader = next((path for name, path in first if name is None), None)
    with ThreadPoolExecutor(os.cpu_count()) as asking:
        told = asking.map(lambda p: _told([loader, "--list", p] if loader else ["ldd", p]), programs[1:])
        for name, path in [*first, *(one for listed in told for one in listed)]:
            if path == "not found":
                missing.add(name or "")
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
        inside_tree = name if name.startswith("/") else os.path.join(home, name)
        if not os.path.lexists(layout.path(inside_tree)):
            layout.file(path, inside_tree)
    return {name for name in missing if name not in found}


def _modules(layout: Layout, tag: str, folders: Sequence[str]) -> list[str]:
    found: dict[str, int] = {}
    for folder in folders:
        for place, below, names in os.walk(layout.path(folder)):
            below[:] = [b for b in below if b != "__pycache__"]
            for name in names:
                path = os.path.join(place, name)
                if name.endswith(".py") and path not in found and not os.path.lexists(os.path.join(place, "__pycache__", f"{name[:-3]}.{tag}.pyc")):
                    found[path] = os.path.getsize(path)
    return sorted(found, key=lambda path: (found[path], path))


def _compile(layout: Layout, python: str, tag: str, folders: Sequence[str]) -> None:
    """Beside each module its code, where there is none; on all processors, a large module and a small one to each in turn."""
    listed = _modules(layout, tag, folders)
    share = max(1, min(os.cpu_count() or 1, len(listed) // 32))
    environment = {**{k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}, "PYTHONHASHSEED": "0"}
    running = []
    for i in range(share):
        told = b""
        for path in listed[i::share]:
            for text in (path, "/" + os.path.relpath(path, layout.root)):
                raw = os.fsencode(text)
                told += struct.pack(">I", len(raw)) + raw
        process = subprocess.Popen([python, "-s", "-S", tree_code.__file__], stdin=subprocess.PIPE, env=environment)
        running.append((process, told))
    with ThreadPoolExecutor(share) as telling:
        list(telling.map(lambda one: one[0].communicate(one[1]), running))
    if any(process.returncode != 0 for process, _ in running):
        raise SealwrightError("internal", "tree", "the tree's modules could not be compiled")


def _interpreter(layout: Layout, asked: dict) -> None:
    name = asked["name"]
    layout.file(asked["executable"], f"/python/bin/{name}")
    layout.folder(asked["stdlib"], f"/python/lib/{name}", _library_stays)
    if os.path.realpath(asked["platstdlib"]) != os.path.realpath(asked["stdlib"]):
        layout.folder(asked["platstdlib"], f"/python/lib/{name}", _library_stays)
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
        layout.folder(source, normal, _own_stays)
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


def _records(layout: Layout, sources: Sequence[str], packages: str) -> None:
    """RECORD of each package anew, after all files are there."""
    there = layout.path(packages)
    for source in sources:
        for folder in sorted(os.listdir(source)):
            path, place = os.path.join(source, folder, tree_rules.RECORD), os.path.join(packages, folder, tree_rules.RECORD)
            if not os.path.isdir(os.path.join(there, folder)) or not os.path.isfile(path) or os.path.lexists(layout.path(place)):
                continue
            layout.write(place, "")
            with open(path, encoding="utf-8", newline="") as f, open(layout.path(place), "w", encoding="utf-8", newline="") as to:
                to.write(tree_rules.record_of(f.read(), lambda inside: os.path.lexists(os.path.join(there, inside))))


def _modules_of(added: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Each module that was added: the file, and the folder that it lies in."""
    for source, inside in (text.rpartition(":")[::2] for text in added):
        if not os.path.isdir(source):
            yield from [(source, os.path.dirname(inside))] if inside.endswith(".py") else []
            continue
        for place, _, names in os.walk(source):
            below = os.path.normpath(os.path.join(inside, os.path.relpath(place, source)))
            yield from ((os.path.join(place, name), below) for name in names if name.endswith(".py"))


def without_package(root: str, added: Sequence[str]) -> list[str]:
    """The added modules that import `sealwright`, of which the tree has nothing where they would find it."""
    lib = os.path.join(root, "venv", "lib")
    packages = [os.path.join(lib, name, "site-packages") for name in os.listdir(lib)] if os.path.isdir(lib) else []
    if any(os.path.isdir(os.path.join(place, "sealwright")) for place in packages):
        return []
    found = []
    for source, folder in _modules_of(added):
        with open(source, "rb") as f:
            if _IMPORTS.search(f.read()) and not os.path.isdir(os.path.join(root, folder.lstrip("/"), "sealwright")):
                found.append(source)
    return sorted(found)


def _venv(layout: Layout, asked: dict, packages: str) -> None:
    _interpreter(layout, asked)
    os.makedirs(layout.path(packages), exist_ok=True)
    for folder in asked["packages"]:
        layout.folder(folder, packages, _package_stays)
    _records(layout, asked["packages"], packages)


def _finish(layout: Layout, python: str, asked: dict, folders: Sequence[str], compiled: bool) -> set[str]:
    """What programs in the folders link, and their modules' code. Gives the names of libraries that were not found."""
    missing = _libraries(layout, [asked["executable"], *_programs(map(layout.path, folders))], [layout.root])
    if compiled:
        _compile(layout, python, asked["tag"], folders)
    return missing


def lay_out(python: str, out: str, added: Sequence[str] = (), compiled: bool = True, base: Optional[str] = None, left_out: Sequence[str] = ()) -> set[str]:
    """Makes `out`, which must not exist, and gives the names of libraries that were not found. On failure nothing is left. `base` is a
    tree laid out before, whose interpreter and packages are taken; `left_out` are patterns of what is not. All that the interpreter and
    the packages bring is there before the first addition, so that a tree on a tree is the one that is laid out at once."""
    asked = _ask(python)
    if os.path.lexists(out):
        raise SealwrightError("exists", "exists", f"{out} is there already")
    base = None if base is None else base.rstrip("/")
    if base is not None:
        added_to(base)
    layout = Layout(out, left_out)
    try:
        if base is None:
            packages = f"/venv/lib/{asked['name']}/site-packages"
            _venv(layout, asked, packages)
            missing = _finish(layout, python, asked, [f"/python/lib/{asked['name']}", packages], compiled)
        else:
            layout.take(base)
            missing = set()
        before = layout.entries()
        layout.left_out, layout.links = (), False  # a script is what its author goes on changing
        own = [folder for folder in (_add(layout, text) for text in added) if folder is not None]
        layout.links = True
        missing |= _finish(layout, python, asked, own, compiled)
        _note_added(layout, before)
        return missing
    except BaseException:
        shutil.rmtree(out, ignore_errors=True)
        raise


def main(arguments: Optional[Sequence[str]] = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m sealwright.tree", description="Lays out a tree for a recipe's command.")
    parser.add_argument("--python", required=True, metavar="VENV/bin/python")
    parser.add_argument("--add", action="append", default=[], metavar="SOURCE:PLACE", help="a file or a folder, and where it lies in the tree")
    parser.add_argument("--out", required=True, metavar="TREE")
    parser.add_argument("--on", metavar="BASE", help="a tree laid out before with the same --python: interpreter and packages are taken out of it, and nothing that was added to it")
    parser.add_argument("--leave-out", action="append", default=[], metavar="PATTERN", help="files or folders by name, or by path in the tree when it has a slash")
    parser.add_argument("--no-compile", action="store_true", help="leave compiled modules out: every start compiles what it imports")
    given = parser.parse_args(arguments)
    try:
        missing = lay_out(given.python, given.out, given.add, not given.no_compile, given.on, given.leave_out)
    except SealwrightError as why:
        print(f"sealwright: error: {why.message}", file=sys.stderr)
        if why.hint:
            print(f"sealwright: hint: {why.hint}", file=sys.stderr)
        return 2 if why.status == "usage" else 1
    for name in sorted(missing):
        print(f"sealwright: {name} is linked and was not found: what needs it will not load", file=sys.stderr)
    for path in without_package(given.out, given.add):
        print(f"sealwright: {path} imports sealwright, which the tree has not: install its wheel into the venv (`make wheel` builds it) and lay the tree out anew", file=sys.stderr)
    entries, size = count(given.out)
    print(f"{given.out}: {entries} entries, {size} bytes; its interpreter is /venv/bin/python")
    return 0


if __name__ == "__main__":
    sys.exit(main())
