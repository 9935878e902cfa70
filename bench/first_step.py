# SPDX-License-Identifier: Apache-2.0
"""How long a person waits for the first step of `sealwright train` on SmolLM2-135M: from the start of the process to the line that says
that the first step has begun, seen on a terminal, and to the one that says that it is done. first_step.py O NAME..."""
import os
import pty
import subprocess
import sys
import time

from measure import CannotMeasure, beside, bench, figures, folder, median, wanted
from world import TRAINING, long_rows, recipe, smollm2

ROUNDS, BATCH = 5, 1
MOMENTS = (b"step 0/1", b"step 1/1")


def watch_terminal(command):
    """Seconds until each of MOMENTS stands on the terminal that is the process's standard error."""
    master, slave = pty.openpty()
    start, seen, moments = time.perf_counter(), b"", []
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=slave, env={**os.environ, "TERM": "xterm"}) as process:
        os.close(slave)
        while True:
            try:
                data = os.read(master, 65536)
            except OSError:  # nobody holds the other end any more
                break
            seen += data
            while len(moments) < len(MOMENTS) and MOMENTS[len(moments)] in seen:
                moments.append(time.perf_counter() - start)
    os.close(master)
    if process.returncode != 0 or len(moments) != len(MOMENTS):
        raise CannotMeasure(f"train ended with {process.returncode}: {seen[-200:]!r}")
    return moments


def first_step(objects, work, names):
    rows = long_rows(os.path.join(work, "rows.jsonl"), BATCH)
    recipe(os.path.join(work, "recipe.yaml"), {**TRAINING, "max_steps": 1, "per_device_train_batch_size": BATCH})
    command = [os.path.join(objects, "sealwright"), "train", os.path.join(work, "recipe.yaml"), "--model", smollm2(objects), "--data", rows, "--out"]
    watch_terminal([*command, os.path.join(work, "warm")])  # the model's pages are in memory, as on a machine that has used it
    runs = [watch_terminal([*command, os.path.join(work, f"out{i}")]) for i in range(ROUNDS)]
    begun, done = ([run[i] for run in runs] for i in range(2))
    beside(f"begun after {min(begun):.3f} to {max(begun):.3f} s; done after {median(done):.3f} s ({min(done):.3f} to {max(done):.3f}), "
           f"a step of one row of 512 tokens")
    bench(names[0], median(begun), "s")


def main():
    objects, names = wanted(sys.argv)
    with folder() as work:
        return figures(names, [(["first_step_s"], lambda found: first_step(objects, work, found))])


if __name__ == "__main__":
    sys.exit(main())
