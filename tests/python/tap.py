# SPDX-License-Identifier: Apache-2.0
"""TAP for the tests of the package: `check` says one result, `finish` ends. Importing it makes `sealwright` importable out of python/."""
import os
import sys
import traceback

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PACKAGE = os.path.join(ROOT, "python")
sys.path.insert(0, PACKAGE)
os.environ["PYTHONPATH"] = PACKAGE
os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
sys.dont_write_bytecode = True
_said = {"count": 0, "failed": 0}


def check(good, name, why=""):
    _said["count"] += 1
    if not good:
        _said["failed"] += 1
        for line in str(why).splitlines():
            print(f"# {line}")
    print(f"{'ok' if good else 'not ok'} {_said['count']} - {name}", flush=True)


def equal(got, wanted, name):
    check(got == wanted, name, f"got {got!r}\nwanted {wanted!r}")


def refused(function, word, name):
    """A SealwrightError with exactly this word."""
    from sealwright import SealwrightError

    try:
        got = function()
    except SealwrightError as why:
        check(why.word == word, f"{name}: {word}", f"refused for {why.word}: {why}")
        return why
    except Exception:
        check(False, f"{name}: {word}", traceback.format_exc())
        return None
    check(False, f"{name}: {word}", f"was not refused: {got!r}")
    return None


def finish():
    print(f"1..{_said['count']}")
    sys.exit(1 if _said["failed"] else 0)
