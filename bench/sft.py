# SPDX-License-Identifier: Apache-2.0
"""Fine-tuning SmolLM2-135M beside TRL, two ways: all weights, on rows of 512 tokens; and conversations of mixed length with each side at
its own defaults, which on theirs means padding to the longest row of a batch and recomputed activations. sft.py O NAME..."""
import os
import sys

from beside_trl import Pair, Run, describe, pairs_ratio, with_fastest
from measure import beside, bench, figures, folder, in_turn, median, wanted
from peak import fastest, full_flop, peak, threads
from world import TRAINING, long_rows, mixed_rows, recipe, smollm2

ROUNDS = 2
T, FULL_BATCH, FULL_STEPS, WARM = 512, 1, 3, 1
DEFAULT_BATCH, DEFAULT_STEPS = 8, 2  # the batch is the default of both
PEFT = {"r": 8, "lora_alpha": 8}  # PEFT's defaults, which a recipe writes out


def full(objects, work, names):
    settings = {"max_steps": FULL_STEPS, "per_device_train_batch_size": FULL_BATCH, "gradient_accumulation_steps": 1}
    config = {**TRAINING, **settings}
    pair = Pair(objects, smollm2(objects), long_rows(os.path.join(work, "long.jsonl"), FULL_STEPS * FULL_BATCH),
                recipe(os.path.join(work, "full.yaml"), {**TRAINING, **settings}, method="full", profile=fastest(objects)), {"config": config, "lora": None, "length": T})

    def rate(result):
        return FULL_BATCH * T / median(result.seconds[WARM:])

    ours, theirs, _ = with_fastest(pair, rate, ROUNDS, WARM)
    most, instruction = peak(objects, fastest(objects))
    reached = full_flop(pair.model, T) * median([rate(r) for r in ours]) / T / 1e9
    beside(f"ours: {reached:.0f} GFLOP/s, {reached / most:.3f} of {most:.0f} ({instruction} on {threads()} cores)")
    bench(names[0], pairs_ratio(ours, theirs, rate), "ratio")


def defaults(objects, work, names):
    settings = {"max_steps": DEFAULT_STEPS}
    pair = Pair(objects, smollm2(objects), mixed_rows(os.path.join(work, "mixed.jsonl"), DEFAULT_STEPS * DEFAULT_BATCH),
                recipe(os.path.join(work, "defaults.yaml"), settings, lora=PEFT, profile=fastest(objects)), {"config": settings, "lora": {}, "length": None})
    ours, theirs = in_turn([pair.ours, pair.theirs], ROUNDS)
    counts = {r.tokens for r in ours + theirs}
    if len(counts) != 1:
        raise ValueError(f"the two sides count the rows' tokens differently: {sorted(counts)}")
    beside(f"{DEFAULT_STEPS * DEFAULT_BATCH} conversations, each once, {counts.pop()} tokens; LoRA with PEFT's defaults; padding counts for nobody")
    describe(pair, ("ours", "TRL"), (ours, theirs), Run.rate)
    bench(names[0], pairs_ratio(ours, theirs, Run.rate), "ratio")


def main():
    objects, names = wanted(sys.argv)
    with folder() as work:
        return figures(names, [(["full_tokens_vs_trl"], lambda found: full(objects, work, found)),
                               (["sft_defaults_vs_trl"], lambda found: defaults(objects, work, found))])


if __name__ == "__main__":
    sys.exit(main())
