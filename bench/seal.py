# SPDX-License-Identifier: Apache-2.0
"""Sealing and unsealing a file of 1 GiB beside the floor (bench/floor.c) and beside age; the memory of sealing.
seal.py O NAME..."""
import os
import subprocess
import sys

from measure import beside, bench, figures, folder, in_turn, median, package_version, ratio, run, seconds, wanted, watch

SIZE, ROUNDS = 1 << 30, 7
MIB = 1 << 20


class Place:
    """An owner, a file, and the commands that are timed."""

    def __init__(self, objects, work):
        self.program = os.path.join(objects, "sealwright")
        self.floor = os.path.join(objects, "bench", "floor")
        self.work = work
        self.plain, self.owner = self.path("plain"), self.path("owner")
        run([self.program, "identity", "new", self.owner, "--name", "Bench", "--no-passphrase"])
        block = os.urandom(16 * MIB)
        with open(self.plain, "wb") as f:
            for _ in range(SIZE // len(block)):
                f.write(block)

    def path(self, name):
        return os.path.join(self.work, name)

    def ours(self, verb, source, *more):
        out = self.path("ours.out")
        command = [self.program, verb, "--identity", self.owner, "--out", out, *more, source]
        return lambda: seconds(command, out)

    def theirs(self, command, out):
        return lambda: seconds(command, out)


def against_floor(place, verb, name):
    worst = None
    for threads in (1, 2):
        source, floor_source = place.plain, place.plain
        if verb == "unseal":
            source, floor_source = place.path("sealed"), place.path("floor.sealed")
            if not os.path.exists(source):
                run([place.program, "seal", "--identity", place.owner, "--out", source, place.plain])
                run([place.floor, "seal", "2", place.plain, floor_source])
        out = place.path("floor.out")
        ours, floor = in_turn([place.ours(verb, source, "--threads", str(threads)),
                               place.theirs([place.floor, verb, threads, floor_source, out], out)], ROUNDS)
        value, spread = ratio(floor, ours)
        beside(f"{verb}, {threads} thread{'s' if threads > 1 else ''}: ours {median(ours):.3f} s, floor {median(floor):.3f} s, "
               f"{value:.3f} ({spread})")
        worst = value if worst is None else min(worst, value)
    bench(name, worst, "ratio")


def against_age(place, names):
    key = place.path("age.key")
    done = subprocess.run(["age-keygen", "-o", key], capture_output=True, text=True, check=True)
    recipient = done.stderr.split()[-1]
    out, floor_out = place.path("age.out"), place.path("floor.out")
    ours, theirs, floor = in_turn([place.ours("seal", place.plain),
                                   place.theirs(["age", "-e", "-r", recipient, "-o", out, place.plain], out),
                                   place.theirs([place.floor, "seal", 2, place.plain, floor_out], floor_out)], ROUNDS)
    value, spread = ratio(theirs, ours)
    beside(f"age {package_version('age')}: ours {median(ours):.3f} s, age {median(theirs):.3f} s ({spread}); the floor under ours "
           f"{median(floor):.3f} s, which is {ratio(theirs, floor)[0]:.3f} of age")
    bench(names[0], value, "ratio")


def memory(place, names):
    peaks, out = {}, place.path("memory.out")
    for what, source, threads in (("a file, 2 threads", place.plain, 2), ("a file, 8 threads", place.plain, 8), ("a pipe, 8 threads", "-", 8)):
        command = [place.program, "seal", "--identity", place.owner, "--out", out, "--threads", threads, source]
        with subprocess.Popen(["cat", place.plain if source == "-" else os.devnull], stdout=subprocess.PIPE) as cat:
            peaks[what] = watch(command, cat.stdout)[1]
            cat.stdout.close()
        os.unlink(out)
    beside("VmHWM of 1 GiB: " + ", ".join(f"{what} {peak / MIB:.1f} MiB" for what, peak in peaks.items()))
    bench(names[0], max(peaks.values()) / MIB, "MiB")


def main():
    objects, names = wanted(sys.argv)
    with folder(5 * SIZE) as work:
        place = Place(objects, work)
        beside(f"files of {SIZE / MIB:.0f} MiB in {os.path.dirname(work)}")
        return figures(names, [
            (["seal_vs_floor"], lambda n: against_floor(place, "seal", n[0])),
            (["unseal_vs_floor"], lambda n: against_floor(place, "unseal", n[0])),
            (["seal_vs_age"], lambda n: against_age(place, n)),
            (["seal_memory_mib"], lambda n: memory(place, n)),
        ])


if __name__ == "__main__":
    sys.exit(main())
