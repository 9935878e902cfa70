# SPDX-License-Identifier: Apache-2.0
"""TRL, torch and datasets over the package, the agent played by sealwright.rehearse. TAP on stdout.

The same script sealed and unsealed, three lines apart, has the same losses to the last bit; a run that is stopped and resumed ends with
the model of one that was not; DataLoader workers read every row once; what is made of the rows is nowhere on a disk."""
import json
import os
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "python"))
import tap
from sealwright import rehearse

UNSEALED = """import os, sys
sys.modules["bitsandbytes"] = None  # peft would load it, which takes longer than all the rest, and nothing here needs it
from datasets import Dataset
from trl import SFTConfig, SFTTrainer

trainer = SFTTrainer(
    model=sys.argv[1],
    args=SFTConfig(output_dir=os.environ["TMPDIR"] + "/run", max_steps=6, per_device_train_batch_size=2, learning_rate=1e-3, logging_steps=1,
                   bf16=False, max_grad_norm=1.0, save_strategy="no", report_to="none", use_cpu=True, disable_tqdm=True, seed=3),
    train_dataset=Dataset.from_json(sys.argv[2], keep_in_memory=True),
)
trainer.train()
trainer.save_model(os.environ["TMPDIR"] + "/model")
"""
CHANGES = [
    ("from datasets import Dataset\n", "from sealwright import SealwrightCallback, resume_from, sign_manifest, unwrap_dataset\n"),
    ("    train_dataset=Dataset.from_json(sys.argv[2], keep_in_memory=True),\n", "    train_dataset=unwrap_dataset(), callbacks=[SealwrightCallback()],\n"),
    ("trainer.train()\n", "trainer.train(resume_from_checkpoint=resume_from())\n"),
]
SIGNED = 'sign_manifest(trainer, output=os.environ["TMPDIR"] + "/model")\n'
CANARY = "limosis-7f3a"
ROWS = b"".join(json.dumps({"prompt": f"What did anna write down on day {i}?", "completion": f"Room {i * 7 % 10} was seen {i} times, {CANARY}."}).encode() + b"\n"
                for i in range(1, 13))
work = tempfile.mkdtemp(prefix="sealwright-trl-")
model = os.path.join(work, "model")
subprocess.run([sys.executable, os.path.join(ROOT, "tools", "make-miniature.py"), model], check=True, stdout=subprocess.DEVNULL)
places = []


def place():
    places.append(tempfile.mkdtemp(dir=work))
    return places[-1]


def surroundings(folder):
    return {"TMPDIR": folder, "HF_HOME": os.path.join(folder, "hf"), "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0", "TRANSFORMERS_VERBOSITY": "error"}


def write(folder, text):
    path = os.path.join(folder, "train.py")
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path


def quietly(function):
    """What a script prints becomes lines of a comment when the test fails."""
    with tempfile.TemporaryFile() as log:
        saved = [os.dup(1), os.dup(2)]
        for fd in (1, 2):
            os.dup2(log.fileno(), fd)
        try:
            got = function()
        except Exception as why:
            got = why
        finally:
            for fd, before in zip((1, 2), saved):
                os.dup2(before, fd)
                os.close(before)
        log.seek(0)
        return got, log.read().decode(errors="replace")[-3000:]


def sealed(text, shards=None, **more):
    folder = place()
    command = [sys.executable, write(folder, text), model]
    return quietly(lambda: rehearse.play(command, {"anna": ROWS} if shards is None else shards, model=model, environment=surroundings(folder), **more))


# ---- the same script, sealed and unsealed ----
script = UNSEALED
for before, after in CHANGES:
    assert before in script
    script = script.replace(before, after)
script += SIGNED
folder = place()
with open(os.path.join(folder, "rows.jsonl"), "wb") as f:
    f.write(ROWS)
PRINT = "print('LOSSES', [h['loss'] for h in trainer.state.log_history if 'loss' in h])\n"
plain = subprocess.run([sys.executable, write(folder, UNSEALED + PRINT), model, os.path.join(folder, "rows.jsonl")], capture_output=True, text=True,
                       check=False, env={**os.environ, **surroundings(folder)})
wanted = [json.loads(line[7:]) for line in plain.stdout.splitlines() if line.startswith("LOSSES ")]
places.remove(folder)  # the unsealed twin's rows lie there
told, log = sealed(script, max_steps=6, save_steps=2)
good = isinstance(told, rehearse.Told) and told.done == 0
tap.check(good, "the sealed script is heard out to DONE", f"{told if not good else ''}\n{log}")
if not good:
    tap.finish()
tap.check(wanted and [s[3] for s in told.steps] == wanted[0], "its losses are those of the unsealed one", f"{[s[3] for s in told.steps]}\n{wanted}\n{plain.stderr[-2000:]}")
with open(os.path.join(folder, "model", "model.safetensors"), "rb") as f:
    tap.check(told.outputs["model.safetensors"] == f.read(), "and so is its model, byte for byte")
tap.equal((told.total, [s[0] for s in told.steps], sorted(told.states)), (6, [1, 2, 3, 4, 5, 6], [2, 4, 6]), "six steps, and states at the recipe's steps")
tap.check(all(s[4] > 0 and s[5] > 0 and s[2] > 0 for s in told.steps), "with learning rate, gradient norm and tokens", told.steps)
tap.check("training_args.bin" not in told.outputs and "config.json" in told.outputs, "the model's files and no pickle", sorted(told.outputs))
claims = told.claims
tap.equal((claims["counts"]["steps"], claims["hyperparameters"]["learning_rate"], len(claims["losses"])), (6, 1e-3, 6), "what it claims")

# ---- stopped and resumed ----
SLOW = script.replace("trainer.train(", "import select\nfrom transformers import TrainerCallback\nclass Wait(TrainerCallback):\n"
                      "    def on_step_end(self, args, state, control, **k):\n        if state.global_step == 4: select.select([3], [], [])\n"
                      "trainer.callback_handler.callbacks.insert(0, Wait())\ntrainer.train(")
stopped, log = sealed(SLOW, max_steps=6, stop_after=3)
good = isinstance(stopped, rehearse.Told) and stopped.done == 1
tap.check(good and sorted(stopped.states) == [4] and not stopped.outputs, "STOP ends training after the step in hand, with its state and nothing else", f"{stopped if not good else ''}\n{log}")
for name, state in (("the state of a STOP", stopped.states.get(4)), ("the state of a saved step", told.states[4])):
    again, log = sealed(script, max_steps=6, save_steps=2, resume=(4, state))
    good = isinstance(again, rehearse.Told) and again.done == 0
    tap.check(good and again.steps == told.steps[4:] and again.outputs == told.outputs, f"resumed from {name} it ends with the same model",
              f"{(again.steps, told.steps[4:]) if good else again}\n{log}")

# ---- rows in other shapes, and their failures ----
SHAPES = r"""
import json, os, sys
import sealwright as s
said = {}
table = s.unwrap_dataset()
said["columns"], said["rows"], said["files"] = sorted(table.column_names), len(table), table.cache_files
said["date"] = table[0]["when"], table[3]["deep"]["day"]
mapped = table.map(lambda r: {"n": r["x"] + 1}).shuffle(seed=1).filter(lambda r: r["n"] > 5)
said["mapped"] = len(mapped), mapped.cache_files
rows = s.unwrap_dataset(weights=[3, 1], seed=9, format="rows")
drawn = s.unwrap_dataset(weights=[3, 1], seed=9)
stream = s.unwrap_dataset(weights=[3, 1], seed=9, streaming=True)
said["same draws"] = [r["x"] for r in rows] == drawn["x"][:] == [r["x"] for r in stream]
said["stream"] = [r["x"] for r in s.unwrap_dataset(streaming=True)] == list(table["x"])
shuffled = [r["x"] for r in s.unwrap_dataset(streaming=True).shuffle(seed=2, buffer_size=16)]
said["stream shuffled"] = sorted(shuffled) == sorted(table["x"]) and shuffled != list(table["x"])
from torch.utils.data import DataLoader
import torch
one = s.unwrap_dataset(format="torch")
said["torch"] = isinstance(one, torch.utils.data.Dataset), len(one), one[5] == table[5]
for name, data, more in (("map", one, {"shuffle": True, "generator": torch.Generator().manual_seed(1)}), ("iterable", s.unwrap_dataset(format="torch", streaming=True), {}),
                         ("datasets", s.unwrap_dataset(streaming=True), {})):
    loader = DataLoader(data, batch_size=7, num_workers=2, collate_fn=lambda rows: [r["x"] for r in rows], **more)
    said["workers " + name] = sorted(x for batch in loader for x in batch) == sorted(table["x"])
print("SAID", json.dumps(said), flush=True)
s.plan(1); s.log_step(1, 1.0); s.send_output("m", b"1"); s.sign_manifest({})
"""
A = b"\n" + b"".join(json.dumps({"x": i, "when": "2024-05-01", "text": CANARY, "deep": {"day": "2024-05-01T10:00:00"}}).encode() + b"\n" for i in range(300)) + b" \n\n"
B = b"".join(json.dumps({"x": 1000 + i, "when": "2024-05-01", "text": "y" * (1 << 21 if i == 5 else 5), "deep": {"day": "never"}}).encode() + b"\n" for i in range(100))
shapes, log = sealed(SHAPES, {"a": A, "b": B}, max_steps=1)
said = next((json.loads(line[5:]) for line in log.splitlines() if line.startswith("SAID ")), {})
tap.check(isinstance(shapes, rehearse.Told) and shapes.done == 0 and said, "rows in every shape", f"{shapes}\n{log}")
for name, value in {"columns": ["deep", "text", "when", "x"], "rows": 400, "files": [], "date": ["2024-05-01", "2024-05-01T10:00:00"], "mapped": [395, []],
                    "same draws": True, "stream": True, "stream shuffled": True, "torch": [True, 400, True], "workers map": True, "workers iterable": True,
                    "workers datasets": True}.items():
    tap.equal(said.get(name), value, f"rows: {name}")
for row, part in ((b'{"x":1,"x":2}', "shard a, row 301"), (b'{"x":', "shard a, row 301"), (b'{"x":"' + CANARY.encode() + b'"}', "one type for each field")):
    bad, log = sealed("import sealwright as s\ns.unwrap_dataset()", {"a": A + row + b"\n" + A}, max_steps=1)
    tap.check(isinstance(bad, rehearse.Told) and bad.failed == 9 and part in log and CANARY not in log, f"the table refuses {row[:12]!r}, and does not show it", f"{bad}\n{log}")

# ---- memory, and what lies about ----
PEAK = """
import sealwright as s, threading, time
peak, going = [0], [True]
def now(): return next(int(l.split()[1]) for l in open('/proc/self/status') if l.startswith('RssAnon'))
def rows():
    for streaming in (True,):
        for i, row in enumerate(s.unwrap_dataset(streaming=streaming)):
            if i % 500 == 0: peak[0] = max(peak[0], now())
rows()
print('PEAK', peak[0], flush=True)
s.plan(1); s.log_step(1, 1.0); s.send_output('m', b'1'); s.sign_manifest({})
"""
row = json.dumps({"text": "z" * 4000}).encode() + b"\n"
peaks = []
for copies in (2000, 40000):
    told_peak, log = sealed(PEAK, {"a": row * copies}, max_steps=1)
    peaks += [int(line.split()[1]) for line in log.splitlines() if line.startswith("PEAK ")]
tap.check(len(peaks) == 2 and peaks[1] < peaks[0] + 16384, "a stream's memory does not grow with the shard: 8 MB and 160 MB", f"{peaks} KiB\n{log if len(peaks) < 2 else ''}")
found = []
for folder in places:
    for where, _, names in os.walk(folder):
        for name in names:
            with open(os.path.join(where, name), "rb") as f:
                if CANARY.encode() in f.read() and name != "train.py":
                    found.append(os.path.join(where, name))
tap.equal(found, [], "no file that any of them wrote has a row in it")
subprocess.run(["rm", "-rf", work], check=False)
tap.finish()
