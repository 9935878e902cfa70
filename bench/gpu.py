# SPDX-License-Identifier: Apache-2.0
"""Judging the evidence of eight GPUs beside the signatures alone. gpu.py O NAME..."""
import os
import sys

from measure import beside, bench, figures, median, ratio, run, wanted

ROUNDS = 61


def eight(objects, names):
    lanes = min(2, os.cpu_count() or 1)
    rows = [[int(n) / 1e3 for n in line.split()] for line in run([os.path.join(objects, "bench", "gpu8"), ROUNDS, lanes]).splitlines()]
    ours, first, fresh, all_signatures, least, answered = zip(*rows, strict=True)
    beside(f"{ROUNDS} times on {lanes} threads: {min(ours):.1f} to {max(ours):.1f} ms, with 12 OCSP answers {median(answered):.1f} ms; devices never seen {median(first):.1f} ms, nor manifests {median(fresh):.1f} ms; "
           f"by OpenSSL alone 8 verifications {median(least):.1f} ms, 26 {median(all_signatures):.1f} ms")
    if "gpu8_verify_ms" in names:
        bench("gpu8_verify_ms", median(ours), "ms")
    if "gpu8_verify_vs_floor" in names:
        value, spread = ratio(least, ours)
        beside(f"{spread}; devices never seen {ratio(all_signatures, first)[0]:.3f}")
        bench("gpu8_verify_vs_floor", value, "ratio")


def main():
    objects, names = wanted(sys.argv)
    return figures(names, [(["gpu8_verify_ms", "gpu8_verify_vs_floor"], lambda n: eight(objects, n))])


if __name__ == "__main__":
    sys.exit(main())
