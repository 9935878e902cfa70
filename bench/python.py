# SPDX-License-Identifier: Apache-2.0
"""The Python package: what `unwrap_dataset` costs a step of TRL, how fast it gives rows, how long its import takes. python.py O NAME...

unwrap_step_overhead: a training step whose rows come by unwrap_dataset(format="torch"), read and parsed from shared memory at each access, and
of which SealwrightCallback speaks, over a step of the same run with rows of a list in memory and a silent callback: every other step is
of the one kind, so whatever else the machine does meets both; CPU time of the process, with one thread. The agent is played by sealwright.rehearse.
unwrap_mb_s: bytes of rows a second that one core is given (format="bytes"); beside it what parsing leaves of that.
"""
import json
import os
import subprocess
import sys
import tempfile

import measure

PACKAGE = os.path.join(measure.ROOT, "python")
VENV = os.path.join(measure.ROOT, "build", "parity", "venv", "bin", "python")
STEPS = 15  # the last one has no end that is timed
END = "s.send_output('m', b'1'); s.sign_manifest({})\n"

STEP = """
import json, os, sys, time, tempfile, torch
sys.modules["bitsandbytes"] = None  # ten seconds of import that nothing here needs
import sealwright as s
from transformers import AutoModelForCausalLM, AutoTokenizer, Trainer, TrainerCallback, TrainingArguments
steps = int(sys.argv[2])
torch.set_num_threads(1)  # two wait for each other on a busy machine, at any length
class Clock(TrainerCallback):
    begins = []
    def on_step_begin(self, *a, **k): Clock.begins.append(time.process_time())
class Half(s.SealwrightCallback):
    def on_step_end(self, args, state, control, **k):
        return super().on_step_end(args, state, control, **k) if state.global_step % 2 else control
    def on_log(self, args, state, control, **k):
        return super().on_log(args, state, control, **k) if state.global_step % 2 else control
class Both(torch.utils.data.Dataset):
    # While a step runs the batch behind the next one is fetched (accelerate looks one ahead): batches by turns are steps by turns.
    def __init__(self): self.kinds, self.fetched = (list(s.unwrap_dataset(format="rows")), s.unwrap_dataset(format="torch")), 0
    def __len__(self): return len(self.kinds[0])
    def __getitem__(self, i): return self.kinds[0][i]
    def __getitems__(self, places):
        self.fetched += 1
        rows = self.kinds[self.fetched % 2]
        return [rows[i] for i in places]
token = AutoTokenizer.from_pretrained(sys.argv[1])
if token.pad_token is None: token.pad_token = token.eos_token
def collate(rows):
    texts = [r["prompt"] + r["completion"] for r in rows]
    batch = token(texts, return_tensors="pt", padding="max_length", truncation=True, max_length=128)
    return {**batch, "labels": batch["input_ids"].clone()}
args = TrainingArguments(tempfile.mkdtemp(), max_steps=steps, per_device_train_batch_size=1, logging_steps=1, report_to="none", use_cpu=True, disable_tqdm=True,
                         save_strategy="no", remove_unused_columns=False)
model = AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype=torch.float32)
rows = Both()
Trainer(model=model, args=args, train_dataset=rows, data_collator=collate, callbacks=[Clock(), Half()]).train()
assert rows.fetched == steps + 1, rows.fetched
print("SECONDS", json.dumps([b - a for a, b in zip(Clock.begins, Clock.begins[1:])]), flush=True)
"""

SPEED = """
import json, sys, time
import sealwright as s
def best(run):
    times = []
    for _ in range(5):
        start = time.perf_counter(); n = run(); times.append(time.perf_counter() - start)
    return n / min(times) / 1e6
rows, dicts = s.unwrap_dataset(format="bytes"), s.unwrap_dataset(format="rows")
print("SPEED", json.dumps({"bytes": best(lambda: sum(map(len, rows))), "parsed": best(lambda: (sum(1 for _ in dicts), sum(map(len, rows)))[1]),
                           "any place": best(lambda: sum(len(rows[i]) for i in range(len(rows))))}), flush=True)
s.plan(1); s.log_step(1, 1.0)
"""


def play(python, script, arguments, rows, **more):
    """What the script prints; the agent is a process of its own interpreter."""
    sys.path.insert(0, PACKAGE)
    from sealwright import rehearse

    with tempfile.NamedTemporaryFile("w+", suffix=".py") as file, tempfile.TemporaryFile() as out:
        file.write(script + END)
        file.flush()
        saved = [os.dup(1), os.dup(2)]
        os.dup2(out.fileno(), 1)
        os.dup2(out.fileno(), 2)
        try:
            told = rehearse.play([python, file.name, *arguments], {"rows": rows}, environment={"PYTHONPATH": PACKAGE, "TRANSFORMERS_VERBOSITY": "error"}, **more)
        except rehearse.Broken as why:
            raise measure.CannotMeasure(str(why)) from None
        finally:
            for fd, before in zip((1, 2), saved):
                os.dup2(before, fd)
                os.close(before)
        out.seek(0)
        text = out.read().decode(errors="replace")
    if told.done != 0:
        raise measure.CannotMeasure(text[-300:])
    return next(json.loads(line.split(" ", 1)[1]) for line in text.splitlines() if line.startswith(("SECONDS ", "SPEED ")))


def row(i, size):
    return json.dumps({"prompt": f"What did anna write down on day {i}?", "completion": "x" * max(0, size - 60)}).encode() + b"\n"


def step(names):
    model = os.environ.get("MODEL") or os.path.join(measure.ROOT, "build", "models", "SmolLM2-135M-Instruct")
    if not os.path.isdir(model):
        raise measure.CannotMeasure("no model: MODEL=DIR, or play examples/three-hospitals/run once")
    rows = b"".join(row(i, 1000) for i in range(64))
    seconds = play(VENV, STEP, [model, str(STEPS)], rows, max_steps=STEPS)[2:]  # from the third on, which is one of ours
    sealed, plain = seconds[0::2], seconds[1::2]
    overhead, spread = measure.ratio(sealed[: len(plain)], plain)
    measure.bench("unwrap_step_overhead", overhead, "ratio")
    measure.beside(f"{spread}; a step of {measure.median(plain) * 1000:.0f} ms, {os.path.basename(model)}")


def speed(names):
    rows = b"".join(row(i, 1000) for i in range(100000))
    told = play(sys.executable, SPEED, [], rows, max_steps=1)
    measure.bench("unwrap_mb_s", told["bytes"], "MB/s")
    measure.beside(f"rows of 1000 bytes; each by its number {told['any place']:.0f} MB/s; parsed into dicts {told['parsed']:.0f} MB/s; Python {sys.version.split()[0]}")


def imported(names):
    environment = {**os.environ, "PYTHONPATH": PACKAGE}

    def once(text):
        code = f"import time; t = time.perf_counter(); {text}; print(time.perf_counter() - t)"
        return float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment).stdout) * 1000

    once("import sealwright, sealwright.data, sealwright.script")  # compiles
    alone, with_rows = measure.in_turn([lambda: once("import sealwright"), lambda: once("import sealwright; sealwright.unwrap_dataset; sealwright.sign_manifest")], 11)
    measure.bench("import_ms", measure.median(with_rows), "ms")
    measure.beside(f"with unwrap_dataset and sign_manifest; import alone {measure.median(alone):.1f} ms")


if __name__ == "__main__":
    objects, wanted = measure.wanted(sys.argv)
    sys.exit(measure.figures(wanted, [(["unwrap_step_overhead"], step), (["unwrap_mb_s"], speed), (["import_ms"], imported)]))
