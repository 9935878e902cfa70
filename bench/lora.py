# SPDX-License-Identifier: Apache-2.0
"""LoRA on SmolLM2-135M with rows of 512 tokens, r = 16 on all linear layers, bf16: `sealwright train` beside TRL in turn on
the same rows with the same settings, and beside the peak of the cores. lora.py O NAME..."""
import os
import sys

from beside_trl import Pair, memory, pairs_ratio, with_fastest
from measure import beside, bench, figures, folder, in_turn, median, wanted
from peak import fastest, lora_flop, peak, threads
from world import LORA, TRAINING, long_rows, recipe, smollm2

T, BATCH, STEPS, ROUNDS, WARM = 512, 2, 4, 3, 1
SETTINGS = {"max_steps": STEPS, "per_device_train_batch_size": BATCH, "gradient_accumulation_steps": 1}


class Place:
    def __init__(self, objects, work):
        self.objects, self.model = objects, smollm2(objects)
        config = {**TRAINING, **SETTINGS}
        self.pair = Pair(objects, self.model, long_rows(os.path.join(work, "rows.jsonl"), STEPS * BATCH),
                         recipe(os.path.join(work, "recipe.yaml"), {**TRAINING, **SETTINGS}, profile=fastest(objects)), {"config": config, "lora": LORA, "length": T})
        self.plain = Pair(objects, self.model, self.pair.rows, recipe(os.path.join(work, "plain.yaml"), {**TRAINING, **SETTINGS}), self.pair.peer)
        self.results = None

    def both(self):
        """Everything is run once, whichever figures are asked for."""
        if self.results is None:
            self.results = with_fastest(self.pair, rate, ROUNDS, WARM)
        return self.results


def rate(result):
    """Of the median step: rows are of one length."""
    return BATCH * T / median(result.seconds[WARM:])


def tokens(place, names):
    ours, theirs, _ = place.both()
    bench(names[0], pairs_ratio(ours, theirs, rate), "ratio")


def lora_memory(place, names):
    ours, _, least = place.both()
    beside(f"peak resident memory; TRL's leanest way has {least / (1 << 20):.0f} MiB")
    bench(names[0], memory(ours) / least, "ratio")


def against_peak(place, names):
    """In bf16-dp, whose products are the machine's own or those that stand in for them everywhere."""
    flop = BATCH * lora_flop(place.model, T, LORA["r"])
    instruction = peak(place.objects, "bf16-dp")[1]
    peaks, ours = in_turn([lambda: peak(place.objects, "bf16-dp")[0], place.plain.ours], ROUNDS)
    step = median([s for o in ours for s in o.seconds[WARM:]])
    reached = flop / step / 1e9
    beside(f"{flop / 1e12:.3f} TFLOP a step of {step:.2f} s: {reached:.0f} GFLOP/s; {instruction} on {threads()} cores: "
           f"{median(peaks):.0f} GFLOP/s ({min(peaks):.0f} to {max(peaks):.0f})")
    bench(names[0], reached / median(peaks), "ratio")


def main():
    objects, names = wanted(sys.argv)
    with folder() as work:
        place = []

        def on(function):
            def call(found):
                if not place:
                    place.append(Place(objects, work))
                function(place[0], found)
            return call

        return figures(names, [(["lora_tokens_vs_trl"], on(tokens)), (["lora_memory_vs_trl"], on(lora_memory)),
                               (["lora_step_vs_peak"], on(against_peak))])


if __name__ == "__main__":
    sys.exit(main())
