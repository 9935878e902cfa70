#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes golden_schedules.h: the rates that transformers' schedules give, step by step. Made with transformers 5.23.0 and torch 2.13.0,
which tests/parity/requirements.txt names. golden_schedules.py >golden_schedules.h"""
import torch
import transformers
from transformers import get_scheduler

PEAK = 0.003
CASES = [  # type, warmup, total, kwargs of transformers, ours where they differ
    ("linear", 3, 12, {}), ("cosine", 0, 9, {}), ("cosine", 2, 11, {"num_cycles": 1.5}), ("constant", 2, 6, {}),
    ("constant_with_warmup", 4, 8, {}), ("polynomial", 2, 10, {}), ("polynomial", 0, 10, {"power": 2.5, "lr_end": 1e-4}),
    ("inverse_sqrt", 3, 12, {}), ("inverse_sqrt", 0, 8, {}), ("inverse_sqrt", 2, 8, {"timescale": 7}),
    ("cosine_with_restarts", 2, 12, {}), ("cosine_with_restarts", 1, 14, {"num_cycles": 3}),
    ("cosine_with_min_lr", 2, 10, {"min_lr_rate": 0.1}), ("cosine_with_min_lr", 0, 7, {"min_lr_rate": 0.25, "num_cycles": 1}),
    ("warmup_stable_decay", 3, 14, {"num_decay_steps": 5}),
    ("warmup_stable_decay", 2, 12, {"num_decay_steps": 6, "decay_type": "linear", "min_lr_ratio": 0.1}),
    ("warmup_stable_decay", 0, 9, {"num_decay_steps": 4, "decay_type": "1-sqrt", "min_lr_ratio": 0.2}),
    # the decay has begun when the warmup ends, in the last one before the first step
    ("warmup_stable_decay", 2, 7, {"num_decay_steps": 6}),
    ("warmup_stable_decay", 3, 7, {"num_decay_steps": 5, "decay_type": "1-sqrt"}),
    ("warmup_stable_decay", 2, 7, {"num_decay_steps": 12, "decay_type": "linear", "min_lr_ratio": 0.1}),
]


def rates(kind, warmup, total, kwargs):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=PEAK)
    kwargs = dict(kwargs)
    schedule = get_scheduler(kind, optimizer, num_warmup_steps=warmup, num_training_steps=total, scheduler_specific_kwargs=kwargs)
    for _ in range(total + 2):
        yield schedule.get_last_lr()[0]
        optimizer.step()
        schedule.step()


def main():
    print("/* SPDX-License-Identifier: Apache-2.0\n *\n * Learning rates of transformers " + transformers.__version__ + ", torch " + torch.__version__
          + ": made by golden_schedules.py. */")
    words = ["linear", "cosine", "constant", "constant_with_warmup", "polynomial", "inverse_sqrt", "cosine_with_restarts",
             "cosine_with_min_lr", "warmup_stable_decay"]
    print(f"#define GOLDEN_PEAK {PEAK}\n")
    print("static const struct {\n    sw_schedule type;\n    double warmup;\n    uint64_t total;\n    sw_schedule_settings scheduler;\n"
          "    double rates[20];\n} golden_schedules[] = {")
    for kind, warmup, total, kwargs in CASES:
        decay = {"linear": "SW_DECAY_LINEAR", "1-sqrt": "SW_DECAY_1_SQRT"}.get(kwargs.get("decay_type"), "SW_DECAY_COSINE")
        ours = {"power": 1, "lr_end": 1e-7, **kwargs, "decay_type": decay}
        members = ", ".join(f".{k} = {v}" for k, v in ours.items())
        line = ", ".join(repr(r) for r in rates(kind, warmup, total, kwargs))
        assert kind in words
        print(f"    {{SW_SCHEDULE_{kind.upper()}, {warmup}, {total}, {{{members}}}, {{{line}}}}},")
    print("};")


main()
