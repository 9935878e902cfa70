# SPDX-License-Identifier: Apache-2.0
"""The matrix products that dominate SmolLM2-135M at 2048 tokens, all of them in the share that a step has, beside the peak of the cores
and beside oneDNN; the figure is that of bf16-dp, which every machine can run. gemm.py O NAME..."""
import os
import sys

from measure import CannotMeasure, beside, bench, figures, in_turn, median, run, wanted
from peak import fastest

TOKENS, ROUNDS = 2048, 3
HIDDEN, INNER, KEYS, VOCABULARY, LAYERS, HEAD_ROWS = 576, 1536, 192, 49152, 30, 192
# what | (m, n, k) | how often in a forward pass
SHAPES = [("q and o", (TOKENS, HIDDEN, HIDDEN), 2 * LAYERS), ("k and v", (TOKENS, KEYS, HIDDEN), 2 * LAYERS),
          ("gate and up", (TOKENS, INNER, HIDDEN), 2 * LAYERS), ("down", (TOKENS, HIDDEN, INNER), LAYERS),
          ("head", (HEAD_ROWS, VOCABULARY, HIDDEN), TOKENS / HEAD_ROWS)]
WORK = [2 * m * n * k * times for _, (m, n, k), times in SHAPES]


def together(rates):
    """GFLOP/s of one forward pass's products, one behind the other."""
    return sum(WORK) / sum(work / rate for work, rate in zip(WORK, rates, strict=True))


def against_peak(objects, names):
    threads = len(os.sched_getaffinity(0))
    shapes = ["x".join(map(str, shape)) for _, shape, _ in SHAPES]

    def program(name, *words, **more):
        return run([os.path.join(objects, "bench", name), *words], **more).strip()

    def peak_of(profile):
        return lambda: float(program("peak", threads, profile).split(" ", 1)[0])

    def ours(profile):
        return lambda: [float(word) for word in program("gemm", threads, profile, *shapes).split()]

    def onednn(dtype):
        rates, version = program("gemm_onednn", dtype, *shapes, env={**os.environ, "OMP_NUM_THREADS": str(threads)}).splitlines()
        return [float(word) for word in rates.split()], f"{version} in {dtype}"

    def peer_type():
        """bf16, or f32 where oneDNN has no bf16 for this processor; None where there is no oneDNN."""
        for dtype in ("bf16", "f32"):
            try:
                onednn(dtype)
                return dtype
            except (CannotMeasure, OSError):
                continue
        return None

    def say(who, rates):
        each = ", ".join(f"{name} {median([r[i] for r in rates]):.0f}" for i, (name, _, _) in enumerate(SHAPES))
        beside(f"{who}: together {median([together(r) for r in rates]):.0f} GFLOP/s: {each}")

    dtype, profiles = peer_type(), ["bf16-dp"] + [p for p in [fastest(objects)] if p != "bf16-dp"]
    sides = in_turn([side(p) for p in profiles for side in (peak_of, ours)] + ([lambda: onednn(dtype)] if dtype else []), ROUNDS)
    for at, profile in enumerate(profiles):
        peaks, mine = sides[2 * at:2 * at + 2]
        beside(f"{profile} on {threads} cores: peak {median(peaks):.0f} GFLOP/s ({min(peaks):.0f} to {max(peaks):.0f})")
        say(f"ours in {profile}", mine)
    if dtype:
        say(f"oneDNN {sides[-1][0][1]}", [rates for rates, _ in sides[-1]])
    else:
        beside("oneDNN does not run here")
    bench(names[0], median([together(rates) / top for rates, top in zip(sides[1], sides[0], strict=True)]), "ratio")


def main():
    objects, names = wanted(sys.argv)
    return figures(names, [(["gemm_vs_peak"], lambda found: against_peak(objects, found))])


if __name__ == "__main__":
    sys.exit(main())
