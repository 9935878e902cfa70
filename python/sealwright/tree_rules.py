# SPDX-License-Identifier: Apache-2.0
"""What of a venv's packages goes into a tree (CMD-069): not what no script needs, and nothing that tells where or by whom they were installed.

Names and suffixes decide, never what is installed beside: the same packages leave the same files, whoever lays them out.
"""
from __future__ import annotations

import csv
import fnmatch
import io
import os
from typing import Callable, Iterable

COMPILED = (".pyc", ".pyo")
# Anywhere below the packages: tests of a package, headers of its C code, and what a compiler, a linker, a type checker or Windows reads.
FOLDERS = {"__pycache__", "include", "test", "tests"}
SUFFIXES = (".a", ".c", ".cc", ".cmake", ".cpp", ".cu", ".cuh", ".dll", ".exe", ".h", ".hpp", ".lib", ".o", ".pc", ".pxd", ".pxi", ".pyi", ".pyx")
# At the top: the installer.
TOP = ("pip", "pip-*.dist-info")
# Of single packages, what is large: torch's own test programs and a compiler of formats.
PLACES = ("torch/bin/protoc*", "torch/bin/test_*", "torch/bin/upgrader_models")
# In a folder of metadata: who installed it, when, out of which folder. RECORD is written anew.
INSTALLERS = {"INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json", "uv_build.json"}
RECORD = "RECORD"


def is_metadata(folder: str) -> bool:
    return folder.endswith(".dist-info")


def package_file_stays(inside: str, name: str, is_folder: bool) -> bool:
    """`inside`: the path below the folder of packages, `name` its last part."""
    if "/" not in inside and any(fnmatch.fnmatchcase(name, p) for p in TOP):
        return False
    if any(fnmatch.fnmatchcase(inside, p) for p in PLACES):
        return False
    if is_folder:
        return name not in FOLDERS
    if name in INSTALLERS | {RECORD} and is_metadata(os.path.dirname(inside)):
        return False
    return not name.endswith(SUFFIXES + COMPILED)


def chosen_out(inside: str, patterns: Iterable[str]) -> bool:
    """Whether a pattern of --leave-out names it: by its path in the tree when the pattern has a slash, by its name otherwise."""
    return any(fnmatch.fnmatchcase(inside if "/" in p else os.path.basename(inside), p) for p in patterns)


def record_of(text: str, lies_there: Callable[[str], bool]) -> str:
    """RECORD, of the files that lie in the tree and of no others, in ascending order. Libraries look packages up in it."""
    rows = []
    for row in csv.reader(io.StringIO(text)):
        inside = os.path.normpath(row[0]) if row else ".."
        if not os.path.isabs(inside) and inside.split(os.sep)[0] != ".." and not inside.endswith(COMPILED) and lies_there(inside):
            rows.append([inside, "", ""] if is_metadata(os.path.dirname(inside)) and os.path.basename(inside) == RECORD else row)
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(sorted(rows))
    return out.getvalue()
