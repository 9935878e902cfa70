# SPDX-License-Identifier: Apache-2.0
"""What sealing costs a run: accounted inside one run, and as wall time beside `sealwright train` on the same rows.
sealed_run.py O NAME..."""
import os
import statistics
import sys
import time

from measure import beside, bench, figures, folder, median, wanted
from world import World, long_rows, smollm2

STEPS, SAVE, BATCH, ROUNDS = 16, 8, 4, 2


def overhead(world, names):
    def timed(function):
        start = time.perf_counter()
        result = function()
        return time.perf_counter() - start, result

    values, walls, plains, again = [], [], [], []
    for i in range(ROUNDS):  # plain runs on both sides of the sealed one: their ratio is the spread of doing nothing
        plains.append(timed(world.plain_run)[0])
        wall, (_, result) = timed(world.sealed_run)
        again.append(timed(world.plain_run)[0])
        walls.append(wall)
        t = result["account_us"]
        values.append(1 + (t["attest"] + t["unseal"] + t["seal"] + t["finish"]) / t["steps"])
        parts = ", ".join(f"{k} {v / 1e3:.0f}" for k, v in sorted(t.items()))
        beside(f"run {i + 1}, {STEPS} steps of {BATCH} rows of 512 tokens, ms: {parts}; account {values[-1]:.4f}")
    ratios = [2 * w / (p + q) for w, p, q in zip(walls, plains, again, strict=True)]
    same = [q / p for p, q in zip(plains, again, strict=True)]
    beside(f"wall: sealed {median(walls):.1f} s, plain {median(plains + again):.1f} s, ratio {median(ratios):.3f} "
           f"({min(ratios):.3f} to {max(ratios):.3f}); plain beside plain {min(same):.3f} to {max(same):.3f}")
    beside("decode (rows into tokens) is in both and not counted as overhead")
    bench(names[0], statistics.median(values), "ratio")


def main():
    objects, names = wanted(sys.argv)
    with folder() as work:
        def run(found):
            rows = [long_rows(os.path.join(work, f"rows{i}.jsonl"), STEPS * BATCH // 3 + 1, first=i * 17) for i in range(3)]
            training = {"max_steps": STEPS, "save_steps": SAVE, "per_device_train_batch_size": BATCH}
            world = World(objects, work, smollm2(objects), training, rows)
            try:
                overhead(world, found)
            finally:
                world.close()

        return figures(names, [(["sealed_run_overhead"], run)])


if __name__ == "__main__":
    sys.exit(main())
