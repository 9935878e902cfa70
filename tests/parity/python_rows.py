# SPDX-License-Identifier: Apache-2.0
"""Rows as Arrow and torch have them: what a table refuses, and what comes out of a DataLoader's workers. TAP on stdout.

The agent is played by sealwright.rehearse. What format="rows" refuses a table refuses as well, with the same words."""
import json
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "python"))
import played
import tap

CANARY = "canary-f3a1"


def said_by(text, shards):
    """What the agent heard, what the script kept by say(), and what it printed."""
    told, lines, err = played.script("def say(*what): print(json.dumps(what), file=SAID)\n" + text, shards,
                                     before="sys.modules['bitsandbytes'] = None\n", max_steps=1)
    return told, [json.loads(line) for line in lines], err


# ---- a table takes the rows that the other formats take, as they are (CMD-073) ----
NOT_ONE = "shard {}, row {} is not one JSON object"
ROUNDS = 'shard {}, row {}: a whole number beyond 2^53 is in a column of fractions, which would round it. take them with format="rows"'
BOTH, TABLE = True, False
REFUSED = {
    "two objects in a row and one in two": (BOTH, b'{"a":1}{"a":2}\n{"a":\n3}\n', NOT_ONE, 1),
    "bytes that are no UTF-8": (BOTH, b'{"a":"x"}\n{"a":"\xff\xfe"}\n', NOT_ONE, 2),
    "NaN": (BOTH, b'{"a":1.5}\n{"a":NaN}\n', NOT_ONE, 2),
    "a mark of byte order": (BOTH, b'\xef\xbb\xbf{"a":1}\n', NOT_ONE, 1),
    "a name twice": (BOTH, b'{"a":1,"a":2}\n', NOT_ONE, 1),
    "a whole number beyond 2^53 beside a fraction": (TABLE, b'{"a":0.5}\n{"a":9007199254740993}\n', ROUNDS, 2),
    "one beyond 2^63": (TABLE, b'{"a":1}\n{"a":12345678901234567890}\n', ROUNDS, 2),
    "one below -2^53 deep inside": (TABLE, b'{"t":"1234567890123456"}\n{"d":{"l":[{"x":0.5}]}}\n{"d":{"l":[{"x":1},{"x":-9007199254740993,"y":null}]}}\n', ROUNDS, 3),
    "one beyond every double": (TABLE, b'{"a":1' + b"0" * 400 + b'}\n{"a":0.5}\n', ROUNDS, 1),
}
TAKEN = {
    "whole numbers of 63 bits": b'{"a":9007199254740993,"b":0.5}\n{"a":-9223372036854775807,"b":1}\n',
    "whole numbers that a fraction's column holds": b'{"a":0.5}\n{"a":9007199254740992}\n{"a":18014398509481984}\n{"a":3}\n',
    "long numbers in texts": b'{"a":"90071992547409931","b":0.25}\n',
}
shards = {f"r{i}": rows for i, (_, rows, _, _) in enumerate(REFUSED.values())} | {f"t{i}": rows for i, rows in enumerate(TAKEN.values())}
told, said, log = said_by("""
for place in s.agent.agent().job.shards:
    for kind in ("rows", "datasets"):
        try: say(place.name, kind, [dict(row) for row in s.unwrap_dataset(place.name, format=kind)])
        except s.DataError as why: say(place.name, kind, str(why))
""", shards)
got = {(name, kind): what for name, kind, what in said}
tap.check(len(got) == 2 * len(shards), "each shard as rows and as a table", f"{told}\n{log[-2000:]}")
for i, (name, (which, rows, words, row)) in enumerate(REFUSED.items()):
    wanted = words.format(f"r{i}", row)
    tap.equal((got.get((f"r{i}", "rows")) == wanted, got.get((f"r{i}", "datasets"))), (which, wanted), f"a table refuses {name}")
for i, (name, rows) in enumerate(TAKEN.items()):
    tap.equal(got.get((f"t{i}", "datasets")), [json.loads(line) for line in rows.splitlines()], f"and keeps {name}")
EMPTY = """
for names in ("e", ["e", "x"]):
    try: say(len(s.unwrap_dataset(names)))
    except s.DataError as why: say(str(why))
"""
_, said, log = said_by(EMPTY, {"e": b"{}\n{}\n", "x": b'{"x":1}\n'})
tap.equal(said, [['no row has a member. take them with format="rows"'], [3]], "rows without a member are counted, or refused where no row has one")
told, _, log = said_by("""
import pyarrow.json
def none(*given, **more): raise pyarrow.lib.ArrowMemoryError("malloc of size 1 failed")
pyarrow.json.read_json = none
s.unwrap_dataset()
""", {"a": b'{"a":1}\n'})
tap.equal(getattr(told, "failed", told), 4, "where Arrow has no memory the script fails by that class")

# ---- a DataLoader's workers ----
LOADER = """
from torch.utils.data import DataLoader
def read(kind, **more): return [row for batch in DataLoader(s.unwrap_dataset(format=kind, **more), batch_size=2, num_workers=2, collate_fn=list, timeout=60) for row in batch]
"""
_, said, log = said_by(LOADER + "say([row.decode() for row in read('bytes')])\n", {"a": b'{"a":1}\n{"a":2}\n{"a":3}\n'})
tap.equal(said, [[['{"a":1}', '{"a":2}', '{"a":3}']]], "rows as bytes come out of workers")
told, said, log = said_by(LOADER + """
try: read("torch")
except s.DataError as why:
    say(why.status, why.word, "shard a, row 2 is not one JSON object" in why.message, why.hint)
    raise
""", {"a": b'{"a":1}\n["' + CANARY.encode() + b'"]\n'})
tap.check(said == [["malformed", "row", True, ""]] and getattr(told, "failed", told) == 9 and CANARY not in log, "a row that a worker cannot read is of its own class", f"{told}\n{said}\n{log[-2000:]}")
played.work.cleanup()
tap.finish()
