# SPDX-License-Identifier: Apache-2.0
"""A script and its agent: rows, the order of what is said, failures by class, children (CMD-030 ... CMD-063). The agent is played by
sealwright.rehearse, which takes each frame apart by itself. Raw scripts speak without the package and are refused."""
import contextlib
import io
import json
import os
import pickle
import select
import subprocess
import sys
import tarfile
import tempfile

import played
import tap
import sealwright
from sealwright import rehearse

ANNA = b"".join(json.dumps({"o": "anna", "x": i, "t": "é" * (i % 5)}, ensure_ascii=False).encode() + b"\n" for i in range(50))
BERT = b"".join(b'{"o":"bert","x":%d}\n' % i for i in range(30))
CANARY = "canary-" + "f3a1" * 4
work = played.work
LAST = "s.plan(1); s.log_step(1, 0.5); s.send_output('m', b'1'); s.sign_manifest({})"


def script(text, shards=None, **more):
    return played.script(text, {"anna": ANNA, "bert": BERT} if shards is None else shards, **more)


def says(text, wanted, name, **more):
    """A script that prints to SAID and ends well."""
    told, said, err = script(text + "\n" + LAST, **more)
    tap.check(getattr(told, "done", None) == 0 and said == wanted, name, f"{told}\n{said}\n{err[-800:]}")


def fails(text, wanted, name, **more):
    told, said, err = script(text, **more)
    tap.check(getattr(told, "failed", None) == wanted and told.status != 0, f"{name}: class {wanted}", f"{told}\n{said}\n{err[-800:]}")
    return said, err


def broken(text, part, name, **more):
    """What the agent would not take."""
    told, said, err = script(text, **more)
    tap.check(isinstance(told, rehearse.Broken) and part in str(told), name, f"{told}\n{err[-400:]}")


# ---- rows ----
says("r = s.unwrap_dataset(format='rows')\nprint(len(r), r[0]['o'], r[-1]['x'], r[49]['x'], r[50]['x'], [x for x in r] == [r[i] for i in range(80)], file=SAID)",
     ["80 anna 29 49 0 True"], "all shards in the recipe's order")
says("r = s.unwrap_dataset('bert', format='bytes')\nprint(len(r), bytes(r[3]), bytes(r[5:9:2][1]), b''.join(bytes(x) + b'\\n' for x in r).decode().count('bert'), file=SAID)",
     ["""30 b'{"o":"bert","x":3}' b'{"o":"bert","x":7}' 30"""], "one shard's bytes")
says("r = s.unwrap_dataset(['bert', 'anna'], format='rows').shuffle(4)\nprint(len(r), len({(x['o'], x['x']) for x in r}), r[:9][4] == r[4], [x['x'] for x in r] != [x['x'] for x in r.shuffle(1)], file=SAID)",
     ["80 80 True True"], "shuffled: each row once")
says("class Narrow:\n  def __init__(self, n): self.n = n\n  def __index__(self): return self.n\n  def __lt__(self, o): raise OverflowError\n  __mod__ = __rlt__ = __le__ = __xor__ = __and__ = __lt__\n"
     "for r in (s.unwrap_dataset(format='rows'), s.unwrap_dataset(format='rows').shuffle(4), s.unwrap_dataset(weights=[1, 1], format='rows')):\n"
     "  print(r[Narrow(5)] == r[5], r[Narrow(-1)] == r[79], bytes(r.raw(Narrow(7))) == bytes(r.raw(7)), file=SAID)", ["True True True"] * 3, "a row by a number of another kind, such as numpy's")
says("a = list(s.unwrap_dataset(weights={'anna': 3, 'bert': 1}, seed=9, format='rows'))\nb = list(s.unwrap_dataset(weights=[3, 1], seed=9, format='rows'))\n"
     "print(len(a), a == b, 50 < sum(x['o'] == 'anna' for x in a) < 70, file=SAID)", ["80 True True"], "owners by weight, by name or in order")
OWNERS = {"a1": b"".join(b'{"o":"a1","x":%d}\n' % i for i in range(50)), "a2": b"".join(b'{"o":"a2","x":%d}\n' % i for i in range(50)),
          "b": b"".join(b'{"o":"b","x":%d}\n' % i for i in range(30))}


@contextlib.contextmanager
def named(names, owners):
    """Shards of one name, which a mapping of rows cannot give."""
    before = rehearse.job_of

    def job_of(*given):
        raw, fds = before(*given)
        told = json.loads(raw)
        for shard in told["shards"]:
            shard["owner"] = owners[shard["name"]] * 64
            shard["name"] = names[shard["name"]]
        return rehearse.canonical.encode(told), fds

    rehearse.job_of = job_of
    try:
        yield
    finally:
        rehearse.job_of = before


SHARE = "from collections import Counter\n" \
        "def draws(**more): return dict(Counter(x['o'] for x in s.unwrap_dataset(format='rows', **more)))\n" \
        "ids = [p.dataset for p in s.agent.agent().job.shards]\n" \
        "def refusal(**more):\n  try: draws(**more)\n  except s.SealwrightError as e: print(e.word, e.message, e.hint, file=SAID)\n"
with named({"a1": "anna", "a2": "anna", "b": "bert"}, {"a1": "1", "a2": "1", "b": "2"}):
    says(SHARE + "d = draws(weights={'anna': 3, 'bert': 1}, seed=9)\nprint(sum(d.values()), d['b'] < 50, d['a1'] > 30, d['a2'] > 30, file=SAID)\n"
         "r = s.unwrap_dataset(format='rows', weights={'anna': 3, 'bert': 1}, seed=9)\nfirst = [(x['o'], x['x']) for x in r if x['o'] != 'b'][:100]\n"
         "print(len(first) == len(set(first)), file=SAID)", ["130 True True True", "True"], "an owner's two shards of one name share its weight", shards=OWNERS)
    says(SHARE + "d = draws(weights={ids[0]: 1, 'anna': 0, 'bert': 1})\nprint(sorted(d), sum(d.values()), file=SAID)", ["['a1', 'b'] 80"],
         "a dataset's id weighs one of them", shards=OWNERS)
    says(SHARE + "refusal(weights={ids[0]: 1, ids[1]: 1, 'anna': 1, 'bert': 1})\nrefusal(weights={'anna': 1})\nrefusal(weights={'bert': 1})", [
        "weights the weight for 'anna' is of several owners' shards, or of none that is left a dataset's id names one for sure",
        "weights shard bert has no weight 0 draws nothing of it", "weights shard anna has no weight 0 draws nothing of it"], "a listed shard without a weight is refused", shards=OWNERS)
with named({"a1": "rows", "a2": "rows", "b": "bert"}, {"a1": "1", "a2": "2", "b": "3"}):
    says(SHARE + "refusal(weights={'rows': 3, 'bert': 1})", ["weights the weight for 'rows' is of several owners' shards, or of none that is left a dataset's id names one for sure"],
         "a name of two owners' shards has no weight", shards=OWNERS)
says("print(s.unwrap_dataset('anna', format='rows')[7]['t'], len(s.unwrap_dataset('empty', format='rows')), len(s.unwrap_dataset('one', format='rows')), file=SAID)",
     ["éé 0 1"], "text, a shard without rows, a last row without its newline", shards={"anna": ANNA, "empty": b"", "one": b'{"a":1}'})
says("r = s.unwrap_dataset(format='bytes')\nprint([bytes(x) for x in r] == [bytes(r[i]) for i in range(3)] == [b'{\"a\":1}', b' {\"a\":2}\\r', b'{\"a\":3}'], file=SAID)\n"
     "print([x['a'] for x in s.unwrap_dataset(format='rows')], file=SAID)", ["True", "[1, 2, 3]"], "lines of blanks are no rows, in front, between and behind",
     shards={"a": b'\n \t\n{"a":1}\n\n\r\n {"a":2}\r\n{"a":3}\n \n'})
says("import multiprocessing as mp\n"
     "def worker(q):\n  for r in rows: q.send([r[3], r[-1], *list(r)[:2]])\n"
     "rows = [s.unwrap_dataset(format='bytes'), s.unwrap_dataset(format='bytes').shuffle(1), s.unwrap_dataset(format='bytes')[2:9]]\n"
     "a, b = mp.Pipe(False)\np = mp.get_context('fork').Process(target=worker, args=(b,)); p.start(); b.close()\n"
     "for r in rows: print(a.recv() == [r[3], r[-1], *list(r)[:2]], {type(x) for x in [r[0], *r]} == {bytes}, bytes(r.raw(4)) == r[4], file=SAID)\np.join()",
     ["True True True"] * 3, "rows as bytes are bytes, which a worker can send")
says("r = s.unwrap_dataset('t', format='bytes')\nprint(len(r), bytes(r[0]), file=SAID)\ntry: s.unwrap_dataset(format='rows')\nexcept s.SealwrightError as e: print(e.word, file=SAID)",
     ["1 b'plain text'", "shard"], "a media type without rows is one piece", shards={"t": b"plain text"}, media_types={"t": "text/plain"})
USES = [("'nobody'", "shard"), ("['anna', 'anna']", "shard"), ("[]", "shard"), ("None, weights=[1]", "weights"), ("None, weights={'x': 1}", "weights"),
        ("None, weights=[0, 0]", "weights"), ("None, weights=[1, 2], seed=-1", "seed"), ("None, seed=7", "seed"), ("None, seed=0", "seed"), ("None, weights=[1, 2], seed=1.5", "seed"), ("None, format='csv'", "format")]
for call, word in USES:
    text = f"try: s.unwrap_dataset({call}" + ("" if "format" in call else ", format='rows'") + ")\nexcept s.SealwrightError as e: print(e.word, file=SAID)"
    says(text, [word], f"unwrap_dataset({call}) is refused")
for row in (b'{"a":1', b'["' + CANARY.encode() + b'"]', b"{'a':1}", b'{"a":1,"a":2}', b'{"a":NaN}', b'{"a":"\xff"}', b"[" * 100000, b'{"a":1} {"b":2}', b"\x0b",
            b'{"' + CANARY.encode() + b'": oops}'):
    said, err = fails("list(s.unwrap_dataset(format='rows'))", 9, f"the row {row[:20]!r}", shards={"anna": ANNA + row + b"\n" + ANNA})
    tap.check("shard anna, row 51 is not one JSON object" in err and CANARY not in err, "is named by shard and number, and not shown", err)

# ---- the order of what is said ----
TRAIN = """
s.plan(5)
for i in range(1, 6):
    s.log_step(i, 1 / i, tokens=i * 10, learning_rate=0.1, grad_norm=float('nan'))
    stop = s.stop_requested()
    if s.state_is_due(i): s.send_state(i, b'state %d' % i)
    if stop: break
"""
told, _, err = script(TRAIN + "s.send_output('model.bin', b'weights')\ns.sign_manifest({'learning_rate': 1e-7, 'rows': 80})", save_steps=2)
tap.check(not isinstance(told, rehearse.Broken), "a run is heard out", f"{told}\n{err}")
tap.equal(told.order, [3, 4, 7, 7, 7, 8, 11, 9], "HELLO, PLAN, states, output, claims, DONE")
tap.equal(told.steps[1], (2, 5, 20, 0.5, 0.1, 0.0), "a step's record, and a gradient norm that is no number is zero")
tap.equal((told.states, told.outputs), ({2: b"state 2", 4: b"state 4", 5: b"state 5"}, {"model.bin": b"weights"}), "states at the recipe's steps and the last")
tap.equal(told.claims, {"learning_rate": 1e-7, "rows": 80}, "what it claims")
WAIT = "import select\n"  # STOP is on its way when the agent has read the second record
STOPPED = WAIT + TRAIN.replace("    stop =", "    if i == 2: select.select([3], [], [])\n    stop =")
told, _, err = script(STOPPED + "s.sign_manifest({})", stop_after=2)
tap.check(getattr(told, "done", None) == 1 and told.states == {2: b"state 2"} and not told.outputs, "STOP: a state of the step in hand, and DONE says early", f"{told}\n{err}")
told, said, _ = script("f = s.resume_from()\nprint(f.endswith('checkpoint-3'), open(f + '/state').read(), s.resume_from() == f, file=SAID)\n"
                       "s.plan(5)\ns.log_step(4, 1)\ns.log_step(5, 1)\ns.send_output('m', b'1')\ns.sign_manifest({})", resume=(3, b"where it was"))
tap.equal((said, told.done), (["True where it was True"], 0), "a state is handed back")
RESUMED = "import tempfile\nd = tempfile.mkdtemp() + '/st'\nos.makedirs(d + '/in')\nopen(d + '/in/a', 'w').write('x' * 3000000)\nopen(d + '/b', 'w')\n"
told, _, _ = script(RESUMED + "s.plan(1); s.log_step(1, 1); s.send_state(1, d); s.send_output('m', b'1'); s.sign_manifest({})", save_steps=1)
_, said, _ = script("f = s.resume_from()\nprint(sorted(os.listdir(f)), os.stat(f + '/in/a').st_size, file=SAID)", resume=(1, told.states[1]))
tap.equal(said, ["['b', 'in'] 3000000"], "a folder goes there and comes back")
_, said, _ = script("f = s.resume_from(below=os.getcwd() + '/none/run')\nprint(f == os.getcwd() + '/none/run/checkpoint-1', sorted(os.listdir(f)), s.resume_from() == f, file=SAID)\n"
                    "import shutil\nshutil.rmtree('none')", resume=(1, told.states[1]))
tap.equal(said, ["True ['b', 'in'] True"], "or into the folder that a trainer resumes from")
_, said, _ = script("import tempfile\nd = tempfile.mkdtemp(); os.mkdir(d + '/checkpoint-1')\ntry: s.resume_from(below=d)\nexcept s.SealwrightError as e: print(e.word, e.hint, file=SAID)",
                    resume=(1, told.states[1]))
tap.equal(said, ["checkpoint an earlier rehearsal may have left it: remove it"], "and not over one that is there")
MADE = "import tempfile\nd = tempfile.mkdtemp() + '/m'\nos.makedirs(d + '/1_Pool/deep')\nopen(d + '/1_Pool/deep/b', 'w').write('bb')\nopen(d + '/1_Pool/a', 'w').write('a')\nopen(d + '/c', 'w').write('c')\n"
told, _, err = script(MADE + "s.plan(1); s.log_step(1, 1); s.sign_manifest({}, output=d)")
again, _, _ = script(MADE + "os.utime(d + '/1_Pool/a', (1, 1)); os.chmod(d + '/1_Pool/a', 0o600); s.plan(1); s.log_step(1, 1); s.sign_manifest({}, output=d)")
tap.equal((sorted(told.outputs), told.outputs == again.outputs), (["1_Pool.tar", "c"], True), "a folder of the model goes as a tar file, the same bytes each time")
with tarfile.open(fileobj=io.BytesIO(told.outputs["1_Pool.tar"])) as tar:
    tap.equal([(m.name, m.mtime, m.uid, tar.extractfile(m).read()) for m in tar], [("1_Pool/a", 0, 0, b"a"), ("1_Pool/deep/b", 0, 0, b"bb")], "with the paths from the model's folder")
for files, word, name in [
    ({f"f{i:02}": 1 for i in range(15)}, "claims", "16 outputs and the claims"), ({f"f{i:02}": 1 for i in range(16)}, "output", "17 outputs"), ({"a": 1, "z y": 1}, "output", "a name that does not fit"),
    ({"a": 60000, "b": 60000}, "output", "files together above the limit"), ({"a": 99990}, "claims", "with the claims above the limit"),
    ({"a": 1, "m/x": 1, "m.tar": 1}, "output", "a folder and the file that it would be"), ({"a": 1, "z/link": None}, "output", "a link"), ({"a": 1, "z/into": ""}, "output", "a link to a folder")]:
    told, said, err = script(f"""
import tempfile
d = tempfile.mkdtemp() + '/m'
for name, size in {files!r}.items():
    os.makedirs(os.path.dirname(d + '/' + name), exist_ok=True)
    if size: open(d + '/' + name, 'w').write('x' * size)
    else: os.symlink('/dev/null' if size is None else '/proc', d + '/' + name)
s.plan(1); s.log_step(1, 0.5); s.send_output('first', b'1' * 5)
try: s.sign_manifest({{'claim': 1}}, output=d)
except s.SealwrightError as e: print(e.word, file=SAID)
""", output_limit=100000)
    tap.check(said == [word] and getattr(told, "order", told) == [3, 4, 8], f"{name}: refused before a file is sent", f"{str(told)[:500]}\n{said}\n{err}")
LAID = "import tempfile\nd = tempfile.mkdtemp() + '/m'\nfor name in ('q/z', 'q/a/b/c', 'q/a.x', 'q/a/é', 'q/B'):\n  os.makedirs(os.path.dirname(d + '/' + name), exist_ok=True); open(d + '/' + name, 'w').close()\n"
told, _, err = script(LAID + "s.plan(1); s.log_step(1, 1); s.sign_manifest({}, output=d)")
with tarfile.open(fileobj=io.BytesIO(told.outputs["q.tar"])) as tar:
    tap.equal(tar.getnames(), ["q/B", "q/a.x", "q/a/b/c", "q/a/é", "q/z"], "whose paths ascend bytewise, those in folders too")
says("print(s.model_folder(), s.resume_from(), file=SAID)", ["/model None"], "the model's folder, and no state")
TURNS = [
    ("s.log_step(1, 0)", "step", "a step before the plan"), ("s.plan(0)", "plan", "no step"), ("s.plan(101)", "plan", "more than max_steps"),
    ("s.plan(5); s.plan(5)", "plan", "a second plan"), ("s.plan(5); s.log_step(6, 0)", "step", "a step above the plan"),
    ("s.plan(5); s.log_step(2, 0); s.log_step(2, 0)", "step", "a step twice"), ("s.plan(5); s.log_step(1, 0); s.send_state(1, b'1')", "checkpoint", "a state that is not due"),
    ("s.plan(5); s.send_state(2, b'1')", "checkpoint", "a state without its step's record"), ("s.plan(2); s.log_step(2, 0); s.send_state(2, b'')", "checkpoint", "an empty state"), ("s.plan(2); s.log_step(1, 0); s.send_output('m', b'')", "output", "an output before the last step"),
    ("s.plan(1); s.log_step(1, 0); s.sign_manifest({})", "done", "no output"), ("s.plan(1); s.log_step(1, 0); s.send_output('../m', b'')", "output", "an output's name"),
    ("s.plan(1); s.log_step(1, 0); s.send_output('model.sig', b'')", "output", "a name of the agent's own"),
    ("s.plan(1); s.log_step(1, 0); s.send_output('m', b''); s.send_output('m', b'')", "output", "an output twice"),
    ("s.plan(1); s.log_step(1, 0); [s.send_output(str(i), b'') for i in range(17)]", "output", "a seventeenth output"),
    ("s.plan(1); s.log_step(1, 0); s.send_output('m', bytes(1001))", "output", "outputs above the limit"),
    ("s.plan(2); s.log_step(2, 0); s.send_state(2, bytes(1001))", "checkpoint", "a state above the limit"),
    ("s.plan(1); s.log_step(1, 0); s.send_output('m', b'1'); s.sign_manifest({}); s.log_step(1, 0)", "step", "a word after DONE"),
    ("s.plan(1); s.log_step(1, 0); s.send_output('m', b'1'); s.sign_manifest({'x': 'y' * 70000})", "claims", "claims above the limit"),
    ("s.plan(1); s.log_step(1, 0); s.send_output('m', b'1'); s.sign_manifest({'x': float('nan')})", "claims", "a claim that is no number"),
    ("s.sign_manifest(7)", "claims", "claims of a number"), ("s.plan(1); s.log_step(1, 0); s.sign_manifest({}, output='/proc/self/task')", "output", "an output's folder of folders"),
]
for text, word, name in TURNS:
    _, said, err = script(f"try: {text}\nexcept s.SealwrightError as e: print(e.word, file=SAID)", save_steps=2, output_limit=1000, checkpoint_limit=1000)
    tap.equal(said, [word], f"out of turn: {name}")

# ---- a trainer that does not go on from the state (CMD-070); transformers itself is not needed to say so ----
BEGINS = """
from types import SimpleNamespace as Of
sys.modules['transformers'] = Of(TrainerCallback=object)
try: s.SealwrightCallback().on_train_begin(None, Of(global_step=%d, max_steps=5, num_input_tokens_seen=0), None)
except s.SealwrightError as e: print(e.word, e, file=SAID)
"""
REFUSAL = "resume this run resumes after step 3 and the trainer begins at %d. trainer.train(resume_from_checkpoint=resume_from())"
for begins, resumed, wanted in [(0, (3, b"state"), [REFUSAL % 0]), (2, (3, b"state"), [REFUSAL % 2]), (3, (3, b"state"), []), (0, None, [])]:
    told, said, err = script(BEGINS % begins + "s.log_step(5, 1); s.send_output('m', b'1'); s.sign_manifest({})", resume=resumed)
    tap.check(said == wanted and (getattr(told, "done", None) == 0) == (not wanted), f"a trainer that begins at {begins}, of a run that resumes after {resumed and resumed[0]}", f"{told}\n{said}\n{err}")

# ---- failures: the type alone decides, and no text leaves ----
FAILURES = [
    ("raise MemoryError", 4), ("class OutOfMemoryError(RuntimeError): pass\nraise OutOfMemoryError", 4), ("raise FloatingPointError", 5),
    ("s.plan(2); s.log_step(1, float('inf'))", 5), ("1 / 0", 6), ("raise ValueError('secret')", 6), ("import nothing_of_that_name", 7), ("open('/nothing/there')", 7),
    ("open('/proc/1/mem', 'rb'); raise PermissionError", 8), ("raise PermissionError", 8), ("import errno\nraise OSError(errno.ENETUNREACH, 'no')", 8),
    ("import socket\nraise socket.gaierror", 8), ("raise s.DataError('malformed', 'row', 'x')", 9), ("raise s.DataError('of torch')", 9), ("raise s.Diverged('of torch')", 5), ("raise s.GiveUp", 10), ("raise KeyboardInterrupt", 10),
    ("try: 1 / 0\nexcept Exception as e: raise RuntimeError from e", 6), ("try: import nothing_of_that_name\nexcept Exception as e: raise RuntimeError('x') from e", 7),
    ("try: import nothing_of_that_name\nexcept Exception: raise RuntimeError('x') from None", 6), ("s.plan(1); raise IsADirectoryError", 6),
]
for kind, usual in ((sealwright.DataError, ("malformed", "row")), (sealwright.Diverged, ("refused", "diverged")), (sealwright.SealwrightError, ("internal", "error"))):
    again = [kind("Caught it in a worker"), pickle.loads(pickle.dumps(kind("Caught it in a worker"))), pickle.loads(pickle.dumps(kind(*usual, "Caught it in a worker")))]
    tap.equal([(type(e), e.status, e.word, e.message, e.hint, str(e)) for e in again], [(kind, *usual, "Caught it in a worker", "", "Caught it in a worker")] * 3,
              f"{kind.__name__} is made of a text alone, as torch makes it, or of its parts")
for text, wanted in FAILURES:
    fails(text, wanted, text.splitlines()[-1])
told, _, _ = script("sys.exit(3)")
tap.check(told.failed is None and told.done is None and os.waitstatus_to_exitcode(told.status) == 3, "an exit code is the agent's to see")
told, _, err = script(LAST + "\nraise ValueError")
tap.check(told.done == 0 and told.failed is None, "nothing is said after DONE")
told, _, err = script("""
s.plan(2); s.log_step(2, 0)
def cut():
    yield b'half'
    raise ValueError
s.agent.agent().checkpoint(2, 8, cut())""", save_steps=2)
tap.check(isinstance(told, rehearse.Broken) and "inside a frame" in str(told), "a frame that was cut is followed by nothing", f"{told}")

# ---- children ----
FORKED = """
import multiprocessing as mp, struct
rows = s.unwrap_dataset(format='rows')
pipes = [os.fstat(fd).st_ino for fd in (3, 4, 5)]
def child(q):
    out = [rows[3]['x'], s.stop_requested()]
    for f in (lambda: s.plan(1), lambda: s.agent.agent().fail(6) or s.agent.agent()._frame(9)):
        try: f()
        except s.SealwrightError as e: out.append(e.word)
    for fd in (3, 4, 5):
        try: out.append(os.fstat(fd).st_ino in pipes)
        except OSError: out.append(False)
    q.send(out); q.close()
a, b = mp.Pipe(False)
p = mp.get_context('fork').Process(target=child, args=(b,)); p.start(); print(a.recv(), file=SAID); p.join()
"""
told, said, err = script(FORKED + LAST)
tap.check(getattr(told, "done", None) == 0 and said == ["[3, False, 'child', 'child', False, False, False]"] and err.count("Error") == 0,
          "a forked child reads rows and cannot speak", f"{told}\n{said}\n{err}")
says("""
import multiprocessing as mp
c = mp.get_context('fork')
def grandchild(q, rows): q.send(rows[1]['x'])
def child(q):
    a, b = c.Pipe(False); held = b.fileno()
    p = c.Process(target=grandchild, args=(b, s.unwrap_dataset(format='rows'))); p.start(); b.close()
    q.send([{a.fileno(), held} <= {3, 4, 5}, a.recv() if a.poll(30) else None]); p.join()
a, b = c.Pipe(False)
p = c.Process(target=child, args=(b,)); p.start(); b.close(); print(a.recv(), file=SAID); p.join()""",
     ["[True, 1]"], "a grandchild keeps its own descriptors, which have the pipes' numbers")
says("pid = os.fork()\nif pid == 0: raise ValueError\nos.waitpid(pid, 0)", [], "a child that fails says nothing to the agent")
NEW = "import subprocess\nprint(subprocess.run([sys.executable, '-c', 'import sealwright as s\\ntry: s.unwrap_dataset()\\nexcept s.SealwrightError as e: print(e.word)'], capture_output=True, text=True).stdout.strip(), file=SAID)"
says(NEW, ["child"], "a process that is started anew has no agent")
told, _, err = script("pid = os.fork()\nif pid == 0:\n  import select\n  select.poll().poll()\n  os._exit(0)\n" + "print(pid, file=SAID)\n" + LAST)
tap.check(getattr(told, "done", None) == 0, "a child that lives on holds nobody up", f"{told}\n{err}")
told, said, err = script("sys.excepthook = lambda *a: None\nheld = [os.dup(fd) for fd in (4, 5)]\n[os.set_inheritable(fd, True) for fd in held]\nimport subprocess\n"
                         "p = subprocess.Popen([sys.executable, '-c', 'import select; select.poll().poll()'], close_fds=False)\nprint(p.pid, file=SAID)\n" + LAST)
try:
    gone = bool(select.select([os.pidfd_open(int(said[0]))], [], [], 30)[0])
except ProcessLookupError:
    gone = True
tap.check(getattr(told, "done", None) == 0 and gone, "nor one that holds the pipes, and it is ended", f"{told}\n{said}\n{err}")
says("print('cffi' in sys.modules, 'numpy' in sys.modules, 'torch' in sys.modules, file=SAID)", ["False False False"], "importing takes nothing else along")

# ---- scripts without the package: the agent's own refusals ----
RAW = ("import fcntl, struct, termios, time\nw = lambda k, b=b'', fd=4: os.write(fd, struct.pack('>IQ', k, len(b)) + b)\n"
       "def heard(): # what was said so far is read\n  while any(struct.unpack('i', fcntl.ioctl(fd, termios.FIONREAD, bytes(4)))[0] for fd in (4, 5)): time.sleep(0.01)\n")
PLAN = "w(4, struct.pack('>QQ', 1, 0))\n"
STEP = "w(6, struct.pack('>QQQddd', 1, 1, 0, 1, 0, 0), 5)\n"
OUT = "w(8, struct.pack('>I', 1) + b'm' + b'x')\n"
for text, part, name in [
    ("w(3)", "type 3 is not due", "HELLO twice"), (OUT, "type 8", "an output before the plan"), (PLAN + STEP + STEP, "follows what told of 1", "a record twice"),
    (PLAN + "w(9, b'\\0')", "DONE without an output", "DONE without an output"), (PLAN + OUT + "w(9, b'\\0')", "before the last step", "an output without a record"),
    (PLAN + STEP + OUT + "w(9, b'\\1')", "DONE says early, which", "early without STOP"), (PLAN + STEP + OUT + "w(9, b'\\2')", "DONE does not say", "DONE of another kind"), (PLAN + STEP + OUT + "w(11, b'{} ')", "CLAIMS is no object", "claims that are not canonical"),
    ("w(99)", "type 99", "an unknown type"), ("w(4, b'1')", "PLAN has not", "a short plan"),
    (PLAN.replace("1, 0", "2, 0") + "w(7, struct.pack('>Q', 1) + b'1')", "is not due", "a state that is not due"), ("os.write(4, b'abc')", "inside a frame", "a piece of a frame"),
    ("w(10, b'')", "FAILED has not", "FAILED without a class"), (PLAN + "w(6, b'', 5)", "metrics", "a record without its bytes"),
    (PLAN.replace("1, 0", "3, 0") + "w(7, struct.pack('>Q', 4) + b'1')", "at step 4 is not due", "a state behind the last step"), (PLAN + "w(7, struct.pack('>Q', 1) + b'1')\n" + STEP.replace("w(", "heard(); w("), "follows what told of 1", "a record behind its step's state"),
    (PLAN + STEP.replace("1, 1,", "1, 2,"), "a record says 2 steps and PLAN 1", "a record of another plan"), (PLAN + STEP.replace("1, 1,", "2, 1,"), "the record of step 2 of 1", "a record behind the last step"),
    (STEP, "a record without PLAN", "a record without a plan"), (PLAN + STEP + OUT + "w(7, struct.pack('>Q', 1) + b'1')", "type 7", "a state behind an output"),
    (PLAN + STEP + OUT + "w(11, b'{}')\n" + OUT.replace("b'm'", "b'n'"), "type 8", "an output behind the claims"),
    (PLAN + STEP + "".join(OUT.replace("b'm'", "b'%x'" % i) + "\n" for i in range(16)) + "w(11, b'{}')", "type 11", "claims behind 16 outputs"),
    (PLAN + STEP + OUT.replace("b'x'", "bytes(4094)") + "w(11, b'{\"a\":1}')", "above output_limit, 4096", "claims beyond output_limit"),
    (PLAN + STEP + OUT.replace("b'x'", "bytes(4097)"), "above output_limit, 4096", "an output beyond it"),
    (PLAN + "w(7, struct.pack('>Q', 1) + bytes(5001))", "a state of 5001 bytes is above checkpoint_limit, 5000", "a state beyond its limit"),
    ("os.write(4, struct.pack('>IQ', 8, 1 << 50))", "bytes", "a frame without end")]:
    broken(RAW + text, part, f"the agent refuses {name}", output_limit=4096, checkpoint_limit=5000)
broken(RAW + PLAN.replace("1, 0", "3, 0") + "w(7, struct.pack('>Q', 4) + b'1')", "at step 4 is not due", "or one of the recipe's there", save_steps=2)
broken(RAW + PLAN, "PLAN says 1 steps", "the agent refuses a plan of fewer steps than are done", resume=(3, b"1"))
broken(RAW + PLAN.replace("1, 0", "100001, 0"), "more than 100000 states", "or of more states than it keeps", max_steps=200000, save_steps=1)
for text, failed, name in [(PLAN + STEP + OUT + "w(9, b'\\0')\nw(9, b'\\0')", None, "and hears nothing behind DONE"), ("w(10, bytes([11]))\nw(99)", 0, "or behind FAILED, whose class is 0 when it is none"),
                           (PLAN + "w(7, struct.pack('>Q', 1) + b'1')\n" + OUT + "w(9, b'\\0')", None, "and takes a state for its step's record")]:
    told, _, err = script(RAW + text)
    tap.check(getattr(told, "failed", told) == failed and told.done == (0 if failed is None else None), f"the agent hears a script out, {name}", f"{told}\n{err}")

# ---- a STOP is answered once (CMD-053), and an end before the last step needs a state of the step that was told last ----
def stopped(records):
    return f"w(4, struct.pack('>QQ', 5, 0))\nfor i in range(1, {records + 1}): w(6, struct.pack('>QQQddd', i, 5, 0, 1, 0, 0), 5)\nos.read(3, 12)\n"


STATES = ["", *(f"w(7, struct.pack('>Q', {i}) + b'1')\n" for i in range(1, 5))]
EARLY = "w(9, b'\\1')\n"
for records, text, states, name in [
        (3, STATES[3] + EARLY, [3], "with one state"), (3, STATES[2] + STATES[3] + EARLY, [2, 3], "behind one of the recipe's"), (4, STATES[2] + STATES[4] + EARLY, [2, 4], "or with the recipe's own"),
        (3, STATES[4] + EARLY, [4], "with a state that tells of its step"), (4, STATES[2] + STATES[3] + "w(10, bytes([10]))", [2, 3], "and by giving up")]:
    told, _, err = script(RAW + stopped(records) + text, stop_after=records, save_steps=2)
    tap.check(not isinstance(told, rehearse.Broken) and sorted(told.states) == states, f"a STOP is answered {name}", f"{told}\n{err}")
for text, kind, name in [(STATES[1] + STATES[2], 7, "a state of the recipe's"), (STATES[1] + STATES[3], 7, "another of its own"), (STATES[3] + OUT, 8, "an output")]:
    broken(RAW + stopped(4) + text, f"type {kind} is not due after the state that answered STOP", f"and after that state {name} is refused", stop_after=4, save_steps=2)
for records, text, newest, name in [(4, STATES[1], 1, "of an earlier step"), (4, STATES[2], 2, "of the recipe's, of an earlier step"), (3, "", "none", "that is missing")]:
    broken(RAW + stopped(records) + text + EARLY, f"DONE says early after step {records}, and the newest state is of step {newest}", f"an early end is refused with a state {name}", stop_after=records, save_steps=2)
AGAIN = RAW + "w(4, struct.pack('>QQ', 5, 0))\nos.read(3, 12)\n"
told, _, err = script(AGAIN + EARLY, stop_after=3, resume=(3, b"1"))
tap.check(getattr(told, "done", told) == 1 and not told.states, "a resumed run that is stopped at once ends with the state that it had", f"{told}\n{err}")
told, _, err = script("import select\ns.plan(5)\nselect.select([3], [], [])\nprint(s.stop_requested(), file=SAID)\ns.sign_manifest({})", stop_after=3, resume=(3, b"1"))
tap.check(getattr(told, "done", told) == 1, "by the package too", f"{told}\n{err}")
broken(AGAIN + EARLY, "the newest state is of step none", "and a run that is not resumed has none", stop_after=0)
_, said, err = script("import select\ns.plan(5)\nselect.select([3], [], [])\ns.stop_requested()\ntry: s.sign_manifest({})\nexcept s.SealwrightError as e: print(e.word, file=SAID)", stop_after=0)
tap.equal(said, ["done"], "which the package says itself")
TWICE = STOPPED.replace("    if stop: break\n", "") + "s.sign_manifest({})"
_, said, err = script("try:\n" + "".join(f"    {line}\n" for line in TWICE.splitlines()) + "except s.SealwrightError as e: print(e.word, file=SAID)", stop_after=2)
tap.equal(said, ["done"], "the package sends no second one")

# ---- a rehearsal that cannot be: a sentence, and no traceback ----
ROWS = os.path.join(work.name, "rows.jsonl")
with open(ROWS, "wb") as f:
    f.write(ANNA)
SPEAKS = [sys.executable, "-c", "import os\n" + RAW.replace("\n", ";", 1) + "w(3)\n" + PLAN + STEP + OUT + "w(9, b'\\0')"]
for given, part, name in [
    (["--shard", "anna=nowhere.jsonl"], "nowhere.jsonl cannot be read: No such file", "a shard that is not there"),
    (["--shard", f"anna={work.name}"], "cannot be read: Is a directory", "a folder for a shard"),
    (["--shard", ROWS], "NAME=FILE", "a shard without a name"), (["--shard", f"={ROWS}"], "NAME=FILE", "an empty name"),
    (["--shard", f"a={ROWS}", "--shard", f"a={ROWS}"], "each name once", "a name twice"),
    (["--shard", f"a={ROWS}", "--resume", "nowhere.3"], "nowhere.3 cannot be read", "a state that is not there"),
    (["--shard", f"a={ROWS}", "--resume", ROWS], "ends in its step", "a state without a step"),
    (["--shard", f"a={ROWS}", "--out", f"{ROWS}/x"], "cannot be written: Not a directory", "a place that is none"),
    (["--shard", f"a={ROWS}"], "", "nothing")]:
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
            code = rehearse.main([*given, "--max-steps", "1", "--", *SPEAKS])
    except Exception as why:
        code = repr(why)
    good = code == 1 and said.getvalue().startswith("sealwright: error: ") and part in said.getvalue() if part else code == 0
    tap.check(good, f"a rehearsal with {name} ends as it should", f"{code}\n{said.getvalue()}")

# ---- what a sealed run would refuse is told (CMD-071), and what cannot be started is said ----
def rehearsed(text, *options, command=None):
    """Code, and what the program printed; the script's own folder is where it starts."""
    place = tempfile.mkdtemp(dir=work.name)
    with open(os.path.join(place, "script.py"), "w", encoding="utf-8") as f:
        f.write("import os, socket, subprocess, sys, tempfile\nimport sealwright as s\n" + text + "\n" + LAST)
    done = subprocess.run([sys.executable, "-m", "sealwright.rehearse", "--shard", f"a={ROWS}", "--max-steps", "1", *options, "--", *(command or [sys.executable, "script.py"])],
                          cwd=place, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr, place


OUTSIDE, NET, CODE = "a file outside /tmp and /dev/shm, to write it: ", "the network: ", "code from a file that it wrote: "
OTHER = "/nothing-of-that-name"  # is not there, so nothing is made
for text, wanted, name in [
    ("open('notes.txt', 'w').write('x')", OUTSIDE + "notes.txt", "a file in the working folder"),
    ("os.makedirs('outputs/run', exist_ok=True)", OUTSIDE + "outputs", "a folder there"),
    ("os.symlink('/', 'link')", OUTSIDE + "link", "a link"),
    (f"try: open({OTHER + '/file'!r}, 'w')\nexcept OSError: pass", OUTSIDE + OTHER + "/file", "a file elsewhere"),
    (f"try: os.mkdir({OTHER + '/folder'!r})\nexcept OSError: pass", OUTSIDE + OTHER + "/folder", "a folder elsewhere"),
    ("import ctypes\nlibc = ctypes.CDLL(None)\nlibc.close(libc.creat(b'of-c', 0o600))", OUTSIDE + "of-c", "what C code leaves there"),
    ("socket.socket(socket.AF_INET).close()", NET + "a socket of AF_INET", "a socket"),
    ("if os.fork() == 0: socket.socket(socket.AF_INET6).close(); os._exit(0)\nos.wait()", NET + "a socket of AF_INET6", "a child's socket"),
    ("p = tempfile.mkdtemp() + '/p'; os.symlink('/bin/true', p); os.unlink(p); open(p, 'w').write('#!/bin/true\\n'); os.chmod(p, 0o755)\nsubprocess.run([p])", CODE, "a program that it wrote"),
]:
    code, out, err, _ = rehearsed(text)
    tap.check(code == 1 and f"the script called for {wanted}" in out and (f"sealwright: rehearsal: the script called for {wanted}" in err) == ("of-c" not in text) and "done here, and refused in a sealed run" in out.splitlines() and "done" not in out.splitlines(), f"rehearsal tells: {name}", f"{code}\n{out}\n{err}")
code, out, err, _ = rehearsed("subprocess.run(['/bin/true']); subprocess.run(['/bin/true'])")
tap.check(code == 0 and out.splitlines()[-1] == "done" and err.count("a program other than its interpreter: /bin/true") == 1, "a program is told once, and may be in the tree", f"{code}\n{out}\n{err}")
code, out, err, _ = rehearsed("d = tempfile.mkdtemp(); open(d + '/x', 'w').close(); os.rename(d + '/x', d + '/y'); os.remove(d + '/y'); os.makedirs('/tmp', exist_ok=True)\n"
                              "open('/dev/null', 'w'); open(__file__).read(); subprocess.run([sys.executable, '-c', '1']); socket.socketpair(); socket.socket(socket.AF_UNIX)\n"
                              "for f in (lambda: os.remove('none'), lambda: open('none'), lambda: open('none', 'r+')):\n  try: f()\n  except FileNotFoundError: pass\n"
                              "assert os.listdir() == [] and os.environ['HOME'] == tempfile.gettempdir()")
tap.check(code == 0 and "called for" not in out + err and out.splitlines()[-1] == "done", "and nothing of what a sealed run lets be", f"{code}\n{out}\n{err}")
code, out, err, _ = rehearsed("open('script.py')")
tap.check(code == 1 and "failed: a module or file is missing" in out and "a relative path finds nothing" in out, "a file that lies beside the script is not found by its name alone", f"{code}\n{out}\n{err}")
code, out, err, place = rehearsed("", "--out", "out")
with open(os.path.join(place, "out", "claims.json"), "rb") as f:
    tap.check(code == 0 and f.read() == b"{}", "the claims lie beside the outputs")
LIMITS = "import json\nprint(json.dumps([s.agent.agent().job.checkpoint_limit, s.agent.agent().job.output_limit]))"
for options, wanted in [((), [256 << 20, 64 << 20]), (("--checkpoint-limit", "3MiB", "--output-limit", "4KiB"), [3 << 20, 4096])]:
    code, out, err, _ = rehearsed(LIMITS, *options)
    tap.equal((code, json.loads(out.splitlines()[0])), (0, wanted), f"limits of a recipe{' that says so' if options else ''}")
code, out, err, _ = rehearsed("s.plan(1); s.log_step(1, 0.5); s.send_output('m', bytes(5000))", "--output-limit", "4KiB")
tap.check(code == 1 and "above the recipe's output_limit, 4096" in err and "done" not in out.splitlines(), "an output beyond the limit is refused in a rehearsal", f"{code}\n{out}\n{err}")
for size in ("4096", "1KiB", "04KiB", "4 KiB", "4KB", "2TiB", "-4KiB"):
    code, out, err, _ = rehearsed("", f"--output-limit={size}")
    tap.check(code == 2 and "a size is a whole number and" in err, f"{size!r} is no size", f"{code}\n{out}\n{err}")
code, out, err, _ = rehearsed("", command=[ROWS])
tap.check(code == 1 and err == f"sealwright: error: {ROWS} cannot be started: Permission denied\n", "a file that is no program", f"{code}\n{out}\n{err}")
code, out, err, _ = rehearsed("os.write(4, b'Patience is a virtue')")
tap.check(code == 1 and "the stream pipe holds no frame where one is due" in err, "garbage on the stream is said in words", f"{code}\n{out}\n{err}")

# ---- what a rehearsal leaves ----
told, said, err = script("place = s.resume_from(); print(place, file=SAID); print(os.path.exists(place + '/state'), file=SAID)", resume=(1, b"bytes"))
tap.check(said[1:] == ["True"] and os.path.basename(os.path.dirname(os.path.dirname(said[0]))).startswith("rehearsal-") and
          not os.path.exists(os.path.dirname(os.path.dirname(said[0]))), "a state to resume from is gone with the rehearsal", f"{said}\n{err[-400:]}")
KEPT = os.path.join(work.name, "kept")
LEAVES = [sys.executable, "-c", "import tempfile; open(tempfile.mkdtemp() + '/left', 'w')"]
with contextlib.redirect_stdout(io.StringIO()):
    rehearse.main(["--shard", f"a={ROWS}", "--max-steps", "1", "--keep", KEPT, "--", *LEAVES])
tap.equal([name for _, _, names in os.walk(KEPT) for name in names], ["left"], "and stays where it is asked to")

# ---- without an agent ----
tap.refused(lambda: sealwright.unwrap_dataset(), "agent", "unwrap_dataset where no agent is")
tap.refused(lambda: sealwright.sign_manifest({}), "agent", "sign_manifest where no agent is")
tap.equal(sealwright.resume_from(), None, "and there is nothing to resume from")
tap.check(not hasattr(sealwright, "key") and "key" not in " ".join(sealwright.__all__).lower(), "no name of the package speaks of a key")
work.cleanup()
tap.finish()
