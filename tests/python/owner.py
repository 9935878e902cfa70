# SPDX-License-Identifier: Apache-2.0
"""Called by test_owner.sh: owner.py WORK OBJECTS. WORK has `out`, a run's folder, and `genesis`."""
import io
import os
import shutil
import subprocess
import sys

import tap
import sealwright as s

work, program = sys.argv[1], os.path.join(sys.argv[2], "sealwright")
os.chdir(work)
SECRET = b"a word that nobody says"
ROWS = b"".join(b'{"row":%d,"text":"%s"}\n' % (i, b"x" * (i % 97)) for i in range(40000))
with open("rows", "wb") as f:
    f.write(ROWS)
tap.equal(s.library_version(), s.__version__, "the library that runs is the header's")
given = []


def give(file):
    given.append(bytearray(SECRET))
    return given[-1]


with s.Identity.make("me", "me", passphrase=give) as me:
    tap.check(len(me.id) == 64 and me.id != "0" * 64, "an identity is made, with a passphrase")
    tap.check(given and not any(map(any, given)), "each bytearray with the passphrase is wiped", given)
    tap.refused(lambda: s.Identity.make("me", "me"), "exists", "an identity that is there")
asked = []


def ask(file):
    asked.append(file)
    return bytearray(SECRET)


me = s.Identity("me", ask)
sealed = s.seal("rows", me, "rows.sealed")
tap.equal((sealed.rows, sealed.bytes, sealed.chunks, sealed.media_type, sealed.owner), (40000, len(ROWS), 3, "application/jsonl", me.id), "a file is sealed")
tap.check(asked, "the passphrase is asked for when a key is needed", asked)
by_program = subprocess.run([program, "inspect", "rows.sealed", "--json"], capture_output=True, text=True, check=False).stdout
tap.check(f'"{sealed.id}"' in by_program, "the program reads what the package sealed", by_program)
tap.equal(s.inspect("rows.sealed", me), sealed, "inspect says the same")
opened = s.unseal("rows.sealed", me, "plain", dataset=sealed.id)
tap.equal((opened.id, opened.bytes, opened.media_type), (sealed.id, len(ROWS), ""), "it is opened by its id into a file")
tap.equal(s.unseal("rows.sealed", me, "plain2"), sealed, "or by the id that it claims")
with open("plain", "rb") as f:
    tap.check(f.read() == ROWS, "with the same bytes")
out = io.BytesIO()
stream = s.seal(io.BytesIO(ROWS), me, out, threads=2)
with open("stream.sealed", "wb") as f:
    f.write(out.getvalue())
back = io.BytesIO()
s.unseal("stream.sealed", me, back, dataset=bytes.fromhex(stream.id))
tap.check(back.getvalue() == ROWS, "a stream is sealed into a stream, and opened into one")
tap.equal(s.seal(io.BytesIO(b"text"), me, "text.sealed", media_type="text/plain").rows, 0, "a stream into a file, of another type")
with s.open_sealed("rows.sealed", me) as f:
    places = [0, 1, (1 << 20) - 5, 1 << 20, len(ROWS) - 7, 1 << 21, 3]
    tap.check(all(f.seek(p) == p and f.read(10) == ROWS[p : p + 10][: (1 << 20) - p % (1 << 20)] for p in places), "any place is read")
    tap.equal((f.seek(-5, 2), f.read(10), f.read(10), f.seek(1 << 40), f.read(1)), (len(ROWS) - 5, ROWS[-5:], b"", 1 << 40, b""), "up to the end and not beyond")
    f.seek(0)
    tap.equal(sum(1 for _ in io.BufferedReader(f)), 40000, "and by lines")
tap.refused(lambda: s.seal("rows", me, "rows.sealed"), "exists", "a sealed file that is there")
tap.refused(lambda: s.seal(io.BytesIO(b"x"), me, "rows.sealed"), "exists", "from a stream as well")
tap.refused(lambda: s.unseal("rows.sealed", me, "plain"), "exists", "a plain file that is there")
tap.refused(lambda: s.unseal("rows.sealed", me, "other", dataset="00"), "hash", "an id that is none")
tap.check("SealwrightError" == type(tap.refused(lambda: s.inspect("rows.sealed", s.Identity("me")), "passphrase", "no passphrase")).__name__, "as one error")
tap.refused(lambda: s.inspect("rows.sealed", s.Identity("me", lambda f: b"wrong")), "passphrase", "a wrong passphrase")
tap.refused(lambda: s.Identity("nobody"), "missing", "no identity")
with s.Identity.make("you", "you") as you:
    why = tap.refused(lambda: s.unseal("rows.sealed", you, "other"), "missing", "somebody else's file")
    tap.check(not os.path.exists("other"), "and nothing is left of it", why)
me.close()
tap.refused(lambda: me.id, "identity", "a closed identity")
me = s.Identity("me", ask)
for name, at in (("first", 100), ("middle", len(out.getvalue()) // 2), ("last", -1)):
    bad = bytearray(out.getvalue())
    bad[at] ^= 1
    with open(f"bad.{name}", "wb") as f:
        f.write(bad)
    try:
        s.unseal(f"bad.{name}", me, "other", dataset=stream.id)
        tap.check(False, f"a changed byte in the {name} part")
    except s.SealwrightError as why:
        tap.check(why.status in ("unauthentic", "malformed", "missing") and not os.path.exists("other"), f"a changed byte in the {name} part: {why.status}")


class Full:
    def write(self, data):
        raise OSError("the disk is full")


def raises(function, kind, name):
    try:
        function()
        tap.check(False, name, "nothing was raised")
    except kind as why:
        tap.check(True, name, why)
    except Exception as why:
        tap.check(False, name, repr(why))


raises(lambda: s.unseal("rows.sealed", me, Full()), OSError, "what a stream's write raises comes out as it is")


class Takes:
    """So much of the first piece, and nothing of the others."""

    def __init__(self, answer):
        self.answers = iter([1, answer])

    def write(self, data):
        return next(self.answers)


for answer in (None, 0):
    raises(lambda: s.unseal("rows.sealed", me, Takes(answer)), BlockingIOError, f"a write that returns {answer} has not taken the rest")
    raises(lambda: s.seal("rows", me, Takes(answer)), BlockingIOError, f"nor has one of a sealed file's ({answer})")
come, go = os.pipe()
os.set_blocking(come, False)
os.write(go, ROWS[:4096])
with open(come, "rb", buffering=0) as f:
    raises(lambda: s.seal(f, me, "cut.sealed"), BlockingIOError, "rows that are still to come are no end")
    os.close(go)
tap.check(not os.path.exists("cut.sealed"), "and no file of those before appears")
raises(lambda: s.inspect("rows.sealed", s.Identity("me", lambda f: {}["x"])), KeyError, "and what asking raises")
raises(lambda: s.inspect("no-file", me), FileNotFoundError, "a file that is not there")
tap.equal([n for n in os.listdir(".") if n.startswith(".sealwright-")], [], "no piece of a file is left")

# ---- verify ----
with open("genesis", encoding="ascii") as f:
    genesis = f.read().strip()
verdict = s.verify("out", genesis)
tap.check(verdict.links and all(link.holds and link.detail for link in verdict.links), "a run verifies, link by link", verdict.links)
tap.equal((verdict.genesis, verdict.steps, verdict.simulated, verdict.model_compared), (genesis, 2, True, False), "what it is")
said = subprocess.run([program, "verify", "out", "--app", genesis], capture_output=True, text=True, check=False).stdout
tap.check(all(link.name in said for link in verdict.links), "the links are those that the program prints", said)
why = tap.refused(lambda: s.verify("out"), "app", "without a genesis")
tap.check(isinstance(why, s.NotVerified) and len(why.links) >= len(verdict.links) - 1 and why.links[-1].name == verdict.links[-1].name,
          "all links are walked all the same", (why.links, verdict.links))
shutil.copytree("out", "tampered")
with open("tampered/manifest.json", "rb") as f:
    manifest = bytearray(f.read())
manifest[len(manifest) // 2] ^= 2
with open("tampered/manifest.json", "wb") as f:
    f.write(manifest)
for folder, app, name in (("tampered", genesis, "a changed manifest"), ("out", "00" * 32, "another genesis"), ("nowhere", genesis, "no folder")):
    try:
        s.verify(folder, app)
        tap.check(False, f"{name} is refused")
    except s.NotVerified as why:
        tap.check(why.word and why.message and all(link.holds for link in why.links[:-1]), f"{name} is refused: {why.word}", why)
me.close()
tap.finish()
