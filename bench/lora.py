# SPDX-License-Identifier: Apache-2.0
"""LoRA on SmolLM2-135M with rows of 512 tokens, r = 16 on all linear layers, bf16: `sealwright train` beside TRL in turn on
the same rows with the same settings, and beside the peak of the cores. lora.py O NAME..."""
import json
import os
import subprocess
import sys

from measure import ROOT, CannotMeasure, beside, bench, figures, folder, in_turn, median, run, wanted, watch
from world import TRAINING, long_rows, recipe, smollm2

T, BATCH, STEPS, ROUNDS, WARM = 512, 2, 4, 3, 1
# Every way in which people run TRL, each tried once: dtype of the weights, autocast to bf16, gradient checkpointing. The fastest is then
# run in turn with ours; the leanest gives the memory.
WAYS = [("float32", True, False), ("float32", False, False), ("bfloat16", True, False), ("float32", True, True), ("bfloat16", True, True)]
SETTINGS = {"max_steps": STEPS, "per_device_train_batch_size": BATCH, "gradient_accumulation_steps": 1}


class Place:
    def __init__(self, objects, work):
        self.objects, self.work, self.model, self.count = objects, work, smollm2(objects), 0
        self.rows = long_rows(os.path.join(work, "rows.jsonl"), STEPS * BATCH)
        self.recipe = recipe(os.path.join(work, "recipe.yaml"), SETTINGS)
        self.results = self.least = None

    def ours(self):
        """Seconds of each step behind the first, and the peak memory."""
        self.count += 1
        command = [os.path.join(self.objects, "sealwright"), "train", self.recipe, "--model", self.model, "--data", self.rows,
                   "--out", os.path.join(self.work, f"out{self.count}"), "--json"]
        text, peak = watch(command)
        ended = json.loads(text)["step_ended_ms"]
        return [(b - a) / 1e3 for a, b in zip(ended[WARM - 1:], ended[WARM:])], peak

    def theirs(self, way, steps):
        python = os.path.join(ROOT, "build", "parity", "venv", "bin", "python")
        if not os.path.exists(python):
            raise CannotMeasure("TRL is not installed in build/parity/venv")
        weights, autocast, checkpointing = way
        settings = {**TRAINING, **SETTINGS, "max_steps": steps, "weights": weights, "autocast": autocast, "checkpointing": checkpointing}
        text = run([python, os.path.join(ROOT, "bench", "lora_trl.py"), self.model, self.rows, json.dumps(settings)])
        result = json.loads(text.splitlines()[-1])
        self.versions = result["versions"]
        return result["step_seconds"][WARM:], result["peak_bytes"]

    def both(self):
        """Everything is run once, whichever figures are asked for: ours and TRL's fastest way, in turn."""
        if self.results is None:
            tried = []
            for way in WAYS:
                tried.append(self.theirs(way, WARM + 1))
                beside(f"TRL, {words(way)}: {rate(tried[-1]):.1f} tokens/s, {tried[-1][1] / (1 << 20):.0f} MiB")
            self.least = min(peak for _, peak in tried)
            best = max(range(len(WAYS)), key=lambda i: rate(tried[i]))
            self.results = in_turn([self.ours, lambda: self.theirs(WAYS[best], STEPS)], ROUNDS)
            self.describe(words(WAYS[best]))
        return self.results

    def describe(self, way):
        beside("TRL: " + ", ".join(f"{k} {v}" for k, v in self.versions.items()))
        for name, runs in zip(("ours", f"TRL, {way}"), self.results, strict=True):
            rates = sorted(rate(run) for run in runs)
            beside(f"{name}: {median(rates):.1f} tokens/s ({rates[0]:.1f} to {rates[-1]:.1f}), {memory(runs) / (1 << 20):.0f} MiB")


def words(way):
    weights, autocast, checkpointing = way
    return f"{weights} weights{', autocast to bf16' if autocast else ''}{', checkpointing' if checkpointing else ''}"


def rate(result):
    return BATCH * T / median(result[0])


def memory(runs):
    return median([peak for _, peak in runs])


def tokens(place, names):
    ours, peer = place.both()
    pairs = [rate(o) / rate(t) for o, t in zip(ours, peer, strict=True)]
    beside(f"beside TRL's fastest way: {len(pairs)} pairs, {min(pairs):.3f} to {max(pairs):.3f}")
    bench(names[0], median(pairs), "ratio")


def lora_memory(place, names):
    ours = memory(place.both()[0])
    beside(f"peak resident memory; TRL's leanest way has {place.least / (1 << 20):.0f} MiB")
    bench(names[0], ours / place.least, "ratio")


def flop_per_step(place):
    """A product and a sum count as two. Forward and the gradient of each input; no gradient of frozen weights; LoRA's own six per weight;
    causal attention forward once and backward two and a half times; the head for every token."""
    with open(os.path.join(place.model, "config.json"), encoding="utf-8") as f:
        c = json.load(f)
    h, inner, layers, heads, vocabulary = (c[k] for k in ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
                                                          "vocab_size"))
    kv = h // heads * c["num_key_value_heads"]
    shapes = [(h, h), (h, kv), (h, kv), (h, h), (h, inner), (h, inner), (inner, h)]
    weights = layers * sum(a * b for a, b in shapes)
    lora = layers * sum(16 * (a + b) for a, b in shapes)
    attention = 2 * T * h * layers
    return BATCH * T * (4 * (weights + h * vocabulary) + 6 * lora + 3.5 * attention)


def against_peak(place, names):
    threads = len(os.sched_getaffinity(0))

    def peak():
        rate, instruction = run([os.path.join(place.objects, "bench", "peak"), threads]).strip().split(" ", 1)
        return float(rate), instruction

    instruction = peak()[1]
    peaks, ours = in_turn([lambda: peak()[0], place.ours], ROUNDS)
    step = median([s for seconds, _ in ours for s in seconds])
    reached = flop_per_step(place) / step / 1e9
    beside(f"{flop_per_step(place) / 1e12:.3f} TFLOP a step of {step:.2f} s: {reached:.0f} GFLOP/s; {instruction} on {threads} cores: "
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
