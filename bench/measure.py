# SPDX-License-Identifier: Apache-2.0
"""What the benches share: running and timing programs, pairs in turn, medians, and the lines that are printed."""
import contextlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class CannotMeasure(Exception):
    """A figure that cannot be had here; says why."""


def bench(name, value, unit):
    print(f"bench {name} {value:.3f} {unit}" if isinstance(value, float) else f"bench {name} {value} {unit}", flush=True)


def beside(text):
    print(f"#   {text}", flush=True)


def figures(wanted, table):
    """Runs each function of the table whose names are wanted; what it cannot measure becomes a line that says so."""
    good = True
    for names, function in table:
        names = [n for n in names if n in wanted]
        if not names:
            continue
        try:
            function(names)
        except (CannotMeasure, subprocess.SubprocessError, OSError, ValueError, KeyError) as why:
            good = False
            for name in names:
                bench(name, "none", " ".join(str(why).split()) or type(why).__name__)
    return 0 if good else 1


@contextlib.contextmanager
def folder(bytes_needed=0):
    """A folder for one bench. In memory when there is room, so that a disk's mood is not what is measured."""
    place = None
    if bytes_needed and os.path.isdir("/dev/shm"):
        st = os.statvfs("/dev/shm")
        with open("/proc/meminfo", encoding="ascii") as f:
            free = next(int(line.split()[1]) << 10 for line in f if line.startswith("MemAvailable"))
        if min(st.f_bavail * st.f_frsize, free) > 2 * bytes_needed:
            place = "/dev/shm"
    path = tempfile.mkdtemp(prefix="sealwright-bench-", dir=place)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def run(command, **more):
    """Runs to the end; its last words on failure."""
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=False, **more)
    if done.returncode != 0:
        words = (done.stderr or done.stdout).strip().splitlines()
        raise CannotMeasure(f"{os.path.basename(str(command[0]))} {command[1] if len(command) > 1 else ''} failed: {words[-2:]}")
    return done.stdout


def seconds(command, out=None):
    """Wall time of one program, from start to end. `out` is removed before, so that nobody pays for its pages."""
    if out is not None and os.path.exists(out):
        os.unlink(out)
    start = time.perf_counter()
    run(command)
    return time.perf_counter() - start


def watch(command, stdin=None):
    """Runs to the end; what it printed, and its VmHWM in bytes, read until it ended."""
    peak, status = 0, None
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as words:
        process = subprocess.Popen([str(c) for c in command], stdin=stdin, stdout=said, stderr=words)
        while status is None:
            try:
                with open(f"/proc/{process.pid}/status", encoding="ascii") as f:
                    peak = max([peak] + [int(line.split()[1]) << 10 for line in f if line.startswith("VmHWM")])
            except OSError:
                pass
            time.sleep(0.002)
            status = process.poll()
        said.seek(0)
        words.seek(0)
        text = said.read().decode()
        if status != 0:
            raise CannotMeasure(f"{os.path.basename(str(command[0]))} {command[1]} failed: {words.read().decode(errors='replace')} {text}")
    return text, peak


def in_turn(functions, rounds):
    """Calls the functions in turn, `rounds` times, each round in the other order; one list of results for each."""
    results = [[] for _ in functions]
    for r in range(rounds):
        order = range(len(functions)) if r % 2 == 0 else reversed(range(len(functions)))
        for i in order:
            results[i].append(functions[i]())
    return results


def ratio(theirs, ours):
    """Median of the pairs' ratios, and their spread."""
    pairs = sorted(t / o for t, o in zip(theirs, ours, strict=True))
    return statistics.median(pairs), f"{len(pairs)} pairs, {pairs[0]:.3f} to {pairs[-1]:.3f}"


def median(values):
    return statistics.median(values)


def package_version(name):
    done = subprocess.run(["dpkg-query", "-W", "-f=${Version}", name], capture_output=True, text=True, check=False)
    return done.stdout or "of unknown version"


def wanted(arguments):
    """PROGRAM O NAME...: the object folder and the names of figures."""
    if len(arguments) < 3:
        sys.exit("usage: PROGRAM O NAME...")
    return os.path.abspath(arguments[1]), arguments[2:]
