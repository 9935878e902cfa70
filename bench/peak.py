# SPDX-License-Identifier: Apache-2.0
"""Operations of a training step by a model's shapes, and what the cores can do at most. A product and a sum count as two; causal
attention runs forward once and backward two and a half times; the head is run for every token; nothing is counted twice."""
import json
import os

from measure import CannotMeasure, run


class Shapes:
    def __init__(self, model):
        with open(os.path.join(model, "config.json"), encoding="utf-8") as f:
            c = json.load(f)
        self.hidden, self.layers, self.vocabulary = c["hidden_size"], c["num_hidden_layers"], c["vocab_size"]
        h, inner = self.hidden, c["intermediate_size"]
        kv = h // c["num_attention_heads"] * c["num_key_value_heads"]
        self.linear = [(h, h), (h, kv), (h, kv), (h, h), (h, inner), (h, inner), (inner, h)]

    def weights(self):
        """Of all linear layers and the head."""
        return self.layers * sum(a * b for a, b in self.linear) + self.hidden * self.vocabulary

    def adapters(self, rank):
        return self.layers * sum(rank * (a + b) for a, b in self.linear)

    def flop(self, length, per_token):
        """Of a row of `length` tokens; `per_token`: of what is no attention."""
        return length * (per_token + 3.5 * 2 * length * self.hidden * self.layers)


def lora_flop(model, length, rank):
    """No gradient of frozen weights."""
    s = Shapes(model)
    return s.flop(length, 4 * s.weights() + 6 * s.adapters(rank))


def full_flop(model, length):
    s = Shapes(model)
    return s.flop(length, 6 * s.weights())


def threads():
    return len(os.sched_getaffinity(0))


def fastest(objects):
    """The numerics profile whose products are fastest on these cores."""
    try:
        run([os.path.join(objects, "bench", "peak"), 1, "bf16-amx"])
        return "bf16-amx"
    except CannotMeasure:
        return "bf16-dp"


def peak(objects, profile):
    """GFLOP/s, and the instruction."""
    rate, instruction = run([os.path.join(objects, "bench", "peak"), threads(), profile]).strip().split(" ", 1)
    return float(rate), instruction
