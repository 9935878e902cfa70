# SPDX-License-Identifier: Apache-2.0
"""The peer of lora.py and sft.py, in an environment that has TRL: trains and prints one JSON line. sft_trl.py MODEL ROWS SETTINGS

SETTINGS: `config` for SFTConfig, `lora` for LoraConfig or null, `weights` the type to load them in or null for TRL's own way, `length`
what all rows must have or null."""
import contextlib
import json
import os
import sys
import tempfile
import time

os.environ.update({"HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error", "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
                   "TOKENIZERS_PARALLELISM": "false"})

import peft
import torch
import transformers
import trl
from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback


class Clock(TrainerCallback):
    def __init__(self):
        self.seconds, self.last = [], None

    def on_step_begin(self, args, state, control, **kwargs):
        if self.last is None:
            self.last = time.perf_counter()

    def on_step_end(self, args, state, control, **kwargs):
        now = time.perf_counter()
        self.seconds.append(now - self.last)
        self.last = now


def peak_bytes():
    with open("/proc/self/status", encoding="ascii") as f:
        return next(int(line.split()[1]) << 10 for line in f if line.startswith("VmHWM"))


def main():
    folder, rows, settings = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    weights, lora = settings["weights"], settings["lora"]
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, weights)) if weights else folder
    with open(rows, encoding="utf-8") as f:
        data = Dataset.from_list([json.loads(line) for line in f])
    clock = Clock()
    with tempfile.TemporaryDirectory() as out, contextlib.redirect_stdout(sys.stderr):
        arguments = trl.SFTConfig(output_dir=out, use_cpu=True, logging_steps=1000, save_strategy="no", report_to="none", disable_tqdm=True,
                                  **settings["config"])
        adapter = peft.LoraConfig(task_type="CAUSAL_LM", **lora) if lora is not None else None
        trainer = trl.SFTTrainer(model=model, args=arguments, train_dataset=data, processing_class=AutoTokenizer.from_pretrained(folder),
                                 peft_config=adapter, callbacks=[clock])
        lengths = [len(row["input_ids"]) for row in trainer.train_dataset]
        assert settings["length"] is None or set(lengths) == {settings["length"]}, lengths
        trainer.train()
        each = arguments.per_device_train_batch_size * arguments.gradient_accumulation_steps
        assert settings["length"] or len(clock.seconds) * each == len(lengths), (clock.seconds, lengths)  # each row once
    versions = {"trl": trl.__version__, "transformers": transformers.__version__, "peft": peft.__version__, "torch": torch.__version__}
    print(json.dumps({"step_seconds": clock.seconds, "tokens": sum(lengths), "peak_bytes": peak_bytes(), "versions": versions}))


if __name__ == "__main__":
    main()
