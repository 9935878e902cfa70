# SPDX-License-Identifier: Apache-2.0
"""JOB: what is taken, and a table of what is refused (CMD-041). And the canonical JSON that both directions use."""
import copy
import struct

import tap
from sealwright import SealwrightError, canonical, job, states

GOOD = {
    "checkpoint_limit": 1 << 20, "kind": "sealwright/job/v1", "max_steps": 10, "model": "/model", "output_limit": 1 << 20,
    "resume": {"bytes": 5, "fd": 10, "step": 4}, "save_steps": 2,
    "shards": [
        {"bytes": 30, "dataset": "a" * 64, "fd": 6, "index_fd": 7, "media_type": "application/jsonl", "name": "anna", "owner": "1" * 64, "rows": 3},
        {"bytes": 9, "dataset": "b" * 64, "fd": 8, "index_fd": 9, "media_type": "text/plain", "name": "bert é", "owner": "2" * 64, "rows": 0},
    ],
}


def changed(*path, to="gone"):
    value = copy.deepcopy(GOOD)
    at = value
    for step in path[:-1]:
        at = at[step]
    if to == "gone":
        del at[path[-1]]
    else:
        at[path[-1]] = to
    return canonical.encode(value)


raw = canonical.encode(GOOD)
told = job.parse(raw)
tap.equal((told.max_steps, told.resume.step, told.shards[1].name, told.shards[1].index_fd), (10, 4, "bert é", 9), "a JOB is read")
BAD = [
    ("no object", b"[]"), ("nothing", b""), ("not UTF-8", b"\xff"), ("a space", raw.replace(b'":', b'": ', 1)), ("trailing", raw + b"\n"),
    ("a name twice", raw.replace(b'{"checkpoint_limit":1048576', b'{"checkpoint_limit":1048576,"checkpoint_limit":1048576')),
    ("another order", raw.replace(b'"kind":"sealwright/job/v1","max_steps":10', b'"max_steps":10,"kind":"sealwright/job/v1"')),
    ("too large", b" " * (job.JOB_LIMIT + 1)), ("too deep", b"[" * 50000),
]
PLACES = [
    (("kind",), "sealwright/job/v2"), (("max_steps",), 0), (("max_steps",), True), (("max_steps",), 10**8 + 1), (("max_steps",), "10"),
    (("save_steps",), -1), (("save_steps",), 1.5), (("model",), "model"), (("model",), 7), (("checkpoint_limit",), -1), (("output_limit",), None),
    (("more",), 1), (("shards",), []), (("shards",), {}), (("shards", 0, "fd"), 7), (("shards", 0, "fd"), 6.5), (("shards", 1, "index_fd"), 10),
    (("shards", 0, "owner"), "A" * 64), (("shards", 0, "dataset"), "a" * 63), (("shards", 0, "dataset"), "b" * 64), (("shards", 0, "name"), ""),
    (("shards", 0, "name"), "n" * 65), (("shards", 0, "rows"), -1), (("shards", 0, "bytes"), 1 << 47), (("shards", 0, "media_type"), ""),
    (("shards", 0, "more"), 1), (("shards", 0, "rows"), "gone"), (("resume",), 1), (("resume", "fd"), 9), (("resume", "step"), 0),
    (("resume", "step"), 11), (("resume", "bytes"), (1 << 20) + 1), (("shards",), "gone"),
]
for name, text in BAD:
    tap.check(isinstance(tap.refused(lambda t=text: job.parse(t), "job" if name == "too large" or name == "no object" else "format", name), SealwrightError),
              f"{name}: as an error of ours")
for path, to in PLACES:
    tap.refused(lambda p=path, t=to: job.parse(changed(*p, to=t)), "job", f"{'.'.join(map(str, path))} = {to!r:.30}")


def survives(function, inputs):
    """Only errors of ours come out; says how many inputs were taken."""
    taken = 0
    for one in inputs:
        try:
            function(one)
            taken += 1
        except SealwrightError:
            pass
    return taken


tap.equal(survives(job.parse, (raw[:n] for n in range(len(raw)))), 0, "a JOB cut at any byte is refused")
flips = [raw[:i] + bytes([raw[i] ^ 1 << b]) + raw[i + 1 :] for i in range(len(raw)) for b in range(8)]
tap.check(survives(job.parse, flips) < len(flips), "a flipped JOB is refused, or is another canonical one")

# RFC 8785, appendix B, as far as finite
NUMBERS = [
    ("0000000000000000", "0"), ("8000000000000000", "0"), ("0000000000000001", "5e-324"), ("8000000000000001", "-5e-324"),
    ("7fefffffffffffff", "1.7976931348623157e+308"), ("4340000000000000", "9007199254740992"), ("c340000000000000", "-9007199254740992"),
    ("4430000000000000", "295147905179352830000"), ("44b52d02c7e14af5", "9.999999999999997e+22"), ("44b52d02c7e14af6", "1e+23"),
    ("44b52d02c7e14af7", "1.0000000000000001e+23"), ("444b1ae4d6e2ef4e", "999999999999999700000"), ("444b1ae4d6e2ef4f", "999999999999999900000"),
    ("444b1ae4d6e2ef50", "1e+21"), ("3eb0c6f7a0b5ed8c", "9.999999999999997e-7"), ("3eb0c6f7a0b5ed8d", "0.000001"),
    ("41b3de4355555553", "333333333.3333332"), ("41b3de4355555557", "333333333.33333343"), ("becbf647612f3696", "-0.0000033333333333333333"),
    ("43143ff3c1cb0959", "1424953923781206.2"),
]
for bits, text in NUMBERS:
    tap.equal(canonical.encode(struct.unpack(">d", bytes.fromhex(bits))[0]).decode(), text, f"the double {bits}")
for value in (float("nan"), float("inf"), 1 << 54, {1: 2}, {"a": {1, 2}}, "\ud800", [[[[[[[[[1]]]]]]]]]):
    tap.refused(lambda v=value: canonical.encode(v), "claims", f"{value!r:.20} has no canonical JSON")
class Named(float):  # as numpy.float64: a float whose repr is none
    def __repr__(self):
        return "Named(0.5)"


tap.equal(canonical.encode({"a": Named(0.5)}).decode(), '{"a":0.5}', "a kind of float is written as the number that it is")
tap.equal(canonical.encode({"€": 1, "\r": 2, "1": 3, "\U0001f600": 4, "\ufb33": 5, "ö": 6, "\x80": 7}).decode(),
          '{"\\r":2,"1":3,"\x80":7,"ö":6,"€":1,"\U0001f600":4,"\ufb33":5}', "names in the order of UTF-16")

# a packed state
packed = states.MAGIC + b"".join(struct.pack(">I", len(n)) + n + struct.pack(">Q", len(c)) + c for n, c in ((b"a/b", b"one"), (b"c", b""))) + bytes(4)
found = {name: bytes(content) for name, content in states._entries(memoryview(packed))}
tap.equal(found, {"a/b": b"one", "c": b""}, "a state is unpacked")
tap.equal(survives(lambda s: states.unpack(memoryview(s), "n"), (packed[:n] for n in range(len(packed)))), 0, "cut at any byte it is refused")
for name in (b"../x", b"/x", b"a//b", b"a/./b", b"", b"x\0"):
    bad = states.MAGIC + struct.pack(">I", len(name)) + name + struct.pack(">Q", 0) + bytes(4)
    tap.refused(lambda s=bad: states.unpack(memoryview(s), "n"), "checkpoint", f"the path {name!r}")
twice = states.MAGIC + (struct.pack(">I", 1) + b"a" + struct.pack(">Q", 0)) * 2 + bytes(4)
tap.refused(lambda: states.unpack(memoryview(twice), "n"), "checkpoint", "a path twice")
tap.finish()
