#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Rows as TRL lays them: packed three ways, with the assistant's tokens alone as targets, and as text for continued pre-training.

    tests/parity/packing.py [O]        TAP on stdout; builds O/tests/parity/engine (O is build/release)
    tests/parity/packing.py --golden   writes tests/train/golden/packing.json, which `make test` compares against

Layouts are TRL's pack_dataset and collator over rows whose tokens are numbered; rows and losses are its SFTTrainer's over tests/parity/data
and the miniature. Packages are those of tests/parity/requirements.txt.
"""
import contextlib
import json
import os
import random
import subprocess
import sys
import tempfile

import torch

import train
from train import DATA, ROOT, check, miniature

GOLDEN = os.path.join(train.GOLDEN, "packing.json")
STRATEGIES = ["bfd", "bfd_split", "wrapped"]
ROWS = 1150  # TRL packs a thousand at a time
# Of TRL's templates the one whose text is ChatML's behind a first token, and which it marks itself; TRL knows none that has SmolLM2's system
# turn, so that one is marked here in the same places.
CHATML = "lfm2"
TURN = "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}"
MARKED = (
    "{% if message['role'] == 'assistant' %}{{'<|im_start|>assistant\n'}}{% generation %}{{message['content'] + '<|im_end|>' + '\n'}}"
    "{% endgeneration %}{% else %}" + TURN + "{% endif %}"
)
LORA = {"method": "lora", "profile": "fp32-ref", "learning_rate": 1e-2, "lr_scheduler_type": "cosine", "warmup_steps": 2, "weight_decay": 0.01,
        "r": 8, "lora_alpha": 16}
FULL = {"method": "full", "profile": "fp32-ref", "learning_rate": 2e-3, "lr_scheduler_type": "linear", "warmup_steps": 0, "weight_decay": 0.1}
COMMON = {"seed": 42, "per_device_train_batch_size": 2, "gradient_accumulation_steps": 2, "max_steps": 12, "max_length": 96}
CPT = {"phase": "cpt", "template": "none"}
RUNS = {
    "sft bfd": {**LORA, "rows": "pairs", "packing": 1, "packing_strategy": "bfd", "max_steps": 50},
    "sft bfd_split": {**FULL, "rows": "pairs", "packing": 1, "packing_strategy": "bfd_split", "max_steps": 50},
    "sft bfd bf16": {**LORA, "profile": "bf16-dp", "rows": "pairs", "packing": 1, "packing_strategy": "bfd", "max_steps": 50},
    "sft wrapped": {**LORA, "rows": "pairs", "packing": 1, "packing_strategy": "wrapped"},
    "assistant": {**LORA, "rows": "dialogues", "assistant_only_loss": 1},
    "assistant bfd": {**FULL, "rows": "dialogues", "assistant_only_loss": 1, "packing": 1, "packing_strategy": "bfd"},
    "cpt": {**LORA, **CPT, "rows": "text"},
    "cpt bfd_split": {**LORA, **CPT, "rows": "text", "packing": 1, "packing_strategy": "bfd_split"},
    "cpt wrapped": {**FULL, **CPT, "rows": "text", "packing": 1, "packing_strategy": "wrapped"},
}
ROW_CASES = {  # template, what the settings say beside it
    "dialogues": [("chatml", {"assistant_only_loss": 1}), ("smollm2", {"assistant_only_loss": 1}),
                  ("smollm2", {"assistant_only_loss": 1, "packing": 1, "packing_strategy": "bfd"})],
    "turns": [("chatml", {"assistant_only_loss": 1}), ("smollm2", {"assistant_only_loss": 1, "completion_only_loss": 0})],
    "pairs": [("smollm2", {"packing": 1, "packing_strategy": s}) for s in STRATEGIES],
    "text": [("smollm2", {"packing": 1, "packing_strategy": s}) for s in STRATEGIES],
}
FLAGS = ["packing", "assistant_only_loss", "completion_only_loss"]


# ---- TRL ----


def lengths():
    """Mostly short rows, some that fill a sequence and some that do not fit into several."""
    r = random.Random(11)
    return [r.choice([1, 2, 3, 64, 65, 128, 200]) if r.random() < 0.06 else 1 + int(r.expovariate(1 / 9)) for _ in range(ROWS)]


def is_label(token):
    return (token * 7919 + 13) % 10 > 2


def layout(strategy, limit):
    """Sequences as lists of start and length of each piece, and as hex the targets that TRL's loss sees: the label's own place, a nibble's
    first token in its lowest bit."""
    from datasets import Dataset
    from trl import pack_dataset
    from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

    rows, at = [], 0
    for n in lengths():
        ids = list(range(at, at + n))
        rows.append({"input_ids": ids, "labels": [i if is_label(i) else -100 for i in ids]})
        at += n
    packed = pack_dataset(Dataset.from_list(rows), limit, strategy)
    collate = DataCollatorForLanguageModeling(pad_token_id=0, padding_free=strategy != "wrapped")
    sequences, masks = [], []
    for example in packed:
        batch = collate([example])
        ids, labels = batch["input_ids"][0].tolist(), batch["labels"][0].tolist()
        positions = batch["position_ids"][0].tolist() if "position_ids" in batch else list(range(len(ids)))
        pieces = []
        for i, position in enumerate(positions):
            if position == 0:
                pieces += [ids[i], 0]
            assert ids[i] == pieces[-2] + position
            pieces[-1] += 1
        bits = [int(i > 0 and label != -100) for i, label in enumerate(labels)]
        assert all(label in (-100, i) for label, i in zip(labels, ids, strict=True))
        sequences.append(pieces)
        masks.append("".join(f"{sum(b << j for j, b in enumerate(bits[i:i + 4])):x}" for i in range(0, len(bits), 4)))
    return {"strategy": strategy, "max_length": limit, "sequences": sequences, "masks": masks}


def with_template(tokenizer, template, marked):
    if template == "chatml":
        from trl import chat_template_utils

        tokenizer.chat_template = getattr(chat_template_utils, CHATML + "_chat_template")
    elif marked:
        assert TURN in tokenizer.chat_template
        tokenizer.chat_template = tokenizer.chat_template.replace(TURN, MARKED)
    return tokenizer


@contextlib.contextmanager
def trainer(folder, run, template="smollm2"):
    from datasets import Dataset

    model, tokenizer = train.load(folder)
    with_template(tokenizer, template, run.get("assistant_only_loss"))
    more = {k: bool(run[k]) for k in FLAGS if k in run}
    more.update({k: run[k] for k in ("packing_strategy",) if k in run})
    with tempfile.TemporaryDirectory() as out, contextlib.redirect_stdout(sys.stderr):
        yield train.trainer_class()(model=model, args=train.config(out, run, **more), train_dataset=Dataset.from_list(train.read(run["rows"])),
                                    processing_class=tokenizer, peft_config=train.peft_config(run))


def trl_rows(folder, form, template, settings):
    """Each sequence as [id, target] pairs; behind ChatML's text of TRL's own template the first token is not ours."""
    run = {**COMMON, **LORA, "rows": form, **settings}
    skipped = 1 if template == "chatml" else 0
    if skipped:
        run["max_length"] += 1
    out = []
    with trainer(folder, run, template) as t:
        free = bool(t.padding_free)
        for row in t.train_dataset:
            ids, labels = row["input_ids"][skipped:], row["labels"][skipped:]
            starts = {0}
            if free:
                starts = {sum(row["seq_lengths"][:i]) for i in range(len(row["seq_lengths"]))}
            out.append([[i, int(label != -100 and at not in starts)] for at, (i, label) in enumerate(zip(ids, labels, strict=True))])
    return out


def trl_run(folder, run):
    with trainer(folder, run) as t:
        t.train()
    return {"loss": t.losses, "grad_norm": t.norms}


# ---- ours ----


def our_sequences(engine, folder, form, template, settings):
    keys = {"max_length": COMMON["max_length"], **settings, "template": {"smollm2": "chatml-smollm2"}.get(template, template)}
    text = subprocess.check_output([engine.program, "sequences", folder, os.path.join(DATA, form + ".jsonl"),
                                    *[f"{k}={v}" for k, v in keys.items()]], text=True)
    return [[[int(v) for v in word.split(":")] for word in line.split()] for line in text.splitlines()]


def all_rows(folder):
    for form, cases in ROW_CASES.items():
        for template, settings in cases:
            yield {"form": form, "template": template, "settings": settings, "sequences": trl_rows(folder, form, template, settings)}


def golden():
    with tempfile.TemporaryDirectory() as work:
        folder = miniature(os.path.join(work, "miniature"))
        content = {"versions": train.versions(), "lengths": lengths(), "layouts": [layout(s, 64) for s in STRATEGIES],
                   "max_length": COMMON["max_length"], "rows": list(all_rows(folder)),
                   "runs": {n: {"settings": {**COMMON, **r}, **trl_run(folder, {**COMMON, **r})} for n, r in RUNS.items()}}
    with open(GOLDEN, "w", encoding="utf-8") as f:
        f.write(json.dumps(content, separators=(",", ":")) + "\n")
    return True


def live(objects):
    engine = train.Engine(objects)
    with open(GOLDEN, encoding="utf-8") as f:
        kept = json.load(f)
    for made in (layout(s, 64) for s in STRATEGIES):
        check(f"{made['strategy']}: the golden's layout, live", made in kept["layouts"])
    with tempfile.TemporaryDirectory() as work:
        folder = miniature(os.path.join(work, "miniature"))
        for case in all_rows(folder):
            ours = our_sequences(engine, folder, case["form"], case["template"], case["settings"])
            check(f"{case['form']}.jsonl, {case['template']}, {case['settings']}: TRL's sequences", ours == case["sequences"], f"{len(ours)}")
        for name, run in RUNS.items():
            run = {**COMMON, **run}
            train.compare_run(name, engine.train(folder, run, os.path.join(work, name), run["rows"]), trl_run(folder, run),
                              1e-2 if run["profile"] == "bf16-dp" else 1e-3)
    print(f"1..{len(train.results)}")
    return all(train.results)


def main():
    arguments = sys.argv[1:]
    if arguments == ["--golden"]:
        return 0 if golden() else 1
    return 0 if live(os.path.abspath(arguments[0]) if arguments else os.path.join(ROOT, "build", "release")) else 1


if __name__ == "__main__":
    sys.exit(main())
