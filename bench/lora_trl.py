# SPDX-License-Identifier: Apache-2.0
"""The peer of lora.py, in an environment that has TRL: trains and prints one JSON line. lora_trl.py MODEL ROWS SETTINGS"""
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

ALL = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


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
    weights, autocast, checkpointing = settings.pop("weights"), settings.pop("autocast"), settings.pop("checkpointing")
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, weights))
    with open(rows, encoding="utf-8") as f:
        data = Dataset.from_list([json.loads(line) for line in f])
    clock = Clock()
    with tempfile.TemporaryDirectory() as out, contextlib.redirect_stdout(sys.stderr):
        arguments = trl.SFTConfig(output_dir=out, use_cpu=True, bf16=autocast, logging_steps=1000, save_strategy="no",
                                  report_to="none", disable_tqdm=True, gradient_checkpointing=checkpointing, **settings)
        lora = peft.LoraConfig(r=16, lora_alpha=32, lora_dropout=0.0, target_modules=ALL, task_type="CAUSAL_LM")
        trainer = trl.SFTTrainer(model=model, args=arguments, train_dataset=data, processing_class=AutoTokenizer.from_pretrained(folder),
                                 peft_config=lora, callbacks=[clock])
        lengths = {len(row["input_ids"]) for row in trainer.train_dataset}
        assert lengths == {settings["max_length"]}, lengths
        trainer.train()
    versions = {"trl": trl.__version__, "transformers": transformers.__version__, "peft": peft.__version__, "torch": torch.__version__}
    print(json.dumps({"step_seconds": clock.seconds, "peak_bytes": peak_bytes(), "versions": versions}))


if __name__ == "__main__":
    main()
