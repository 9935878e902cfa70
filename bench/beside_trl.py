# SPDX-License-Identifier: Apache-2.0
"""`sealwright train` and TRL on the same rows and the same model, each run as steps with their seconds."""
import json
import os
import statistics

from measure import ROOT, CannotMeasure, beside, in_turn, median, run, watch

# Every way in which people run TRL: dtype of the weights, autocast to bf16, gradient checkpointing.
WAYS = [("float32", True, False), ("float32", False, False), ("bfloat16", True, False), ("float32", True, True), ("bfloat16", True, True)]


class Run:
    """Seconds of each step, tokens of all steps, peak resident memory."""

    def __init__(self, seconds, tokens, peak):
        self.seconds, self.tokens, self.peak = seconds, tokens, peak

    def rate(self):
        """Tokens a second, from the start of the first step to the end of the last."""
        return self.tokens / sum(self.seconds)


class Pair:
    def __init__(self, objects, model, rows, recipe, peer):
        """`peer`: what sft_trl.py takes, but for what a way says."""
        self.objects, self.model, self.rows, self.recipe, self.peer = objects, model, rows, recipe, peer
        self.count, self.versions = 0, {}

    def ours(self):
        self.count += 1
        command = [os.path.join(self.objects, "sealwright"), "train", self.recipe, "--model", self.model, "--data", self.rows,
                   "--out", f"{self.recipe}.out{self.count}", "--json"]
        text, peak = watch(command)
        result = json.loads(text)
        moments = [result["first_step_ms"], *result["step_ended_ms"]]
        return Run([(b - a) / 1e3 for a, b in zip(moments, moments[1:])], result["tokens"], peak)

    def theirs(self, way=None, steps=None):
        """One of WAYS, or TRL as it is by itself; so many steps instead of all."""
        python = os.path.join(ROOT, "build", "parity", "venv", "bin", "python")
        if not os.path.exists(python):
            raise CannotMeasure("TRL is not installed in build/parity/venv")
        weights, autocast, checkpointing = way or (None, None, None)
        settings = {**self.peer, "weights": weights, "config": dict(self.peer["config"])}
        if way:
            settings["config"].update(bf16=autocast, gradient_checkpointing=checkpointing)
        if steps:
            settings["config"]["max_steps"] = steps
        text = run([python, os.path.join(ROOT, "bench", "sft_trl.py"), self.model, self.rows, json.dumps(settings)])
        result = json.loads(text.splitlines()[-1])
        self.versions = result["versions"]
        return Run(result["step_seconds"], result["tokens"], result["peak_bytes"])


def with_fastest(pair, rate, rounds, warm):
    """Tries each way for one step behind the warm ones, then runs ours and TRL's fastest way in turn: both lists of runs, and the peak
    memory of TRL's leanest way."""
    tried = []
    for way in WAYS:
        tried.append(pair.theirs(way, warm + 1))
        beside(f"TRL, {words(way)}: {rate(tried[-1]):.1f} tokens/s, {tried[-1].peak / (1 << 20):.0f} MiB")
    best = WAYS[max(range(len(WAYS)), key=lambda i: rate(tried[i]))]
    sides = in_turn([pair.ours, lambda: pair.theirs(best)], rounds)
    describe(pair, ("ours", f"TRL, {words(best)}"), sides, rate)
    return *sides, min(r.peak for r in tried)


def words(way):
    weights, autocast, checkpointing = way
    return f"{weights} weights{', autocast to bf16' if autocast else ''}{', checkpointing' if checkpointing else ''}"


def describe(pair, names, sides, rate):
    beside("TRL: " + ", ".join(f"{k} {v}" for k, v in pair.versions.items()))
    for name, runs in zip(names, sides, strict=True):
        rates = sorted(rate(r) for r in runs)
        beside(f"{name}: {median(rates):.1f} tokens/s ({rates[0]:.1f} to {rates[-1]:.1f}), {memory(runs) / (1 << 20):.0f} MiB")


def memory(runs):
    return median([r.peak for r in runs])


def pairs_ratio(ours, theirs, rate):
    pairs = [rate(o) / rate(t) for o, t in zip(ours, theirs, strict=True)]
    beside(f"{len(pairs)} pairs, {min(pairs):.3f} to {max(pairs):.3f}")
    return statistics.median(pairs)
