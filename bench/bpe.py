# SPDX-License-Identifier: Apache-2.0
"""Tokens a second of one core: ours beside HF tokenizers, the same mixed texts and the same ids, with SmolLM2's tokeniser and with
Llama 2's. The worse of the two counts. bpe.py O NAME..."""
import os
import struct
import subprocess
import sys

from measure import ROOT, CannotMeasure, beside, bench, figures, folder, in_turn, median, ratio, run, wanted
from world import smollm2

sys.path.insert(0, os.path.join(ROOT, "tests", "parity"))
import corpus  # noqa: E402

BYTES, DOCUMENT, ROUNDS = 8 << 20, 4096, 5
PARITY = os.path.join(ROOT, "build", "parity")
PYTHON = os.path.join(PARITY, "venv", "bin", "python")
LLAMA2 = os.path.join(PARITY, "node_modules", "@lenml", "tokenizer-llama2", "models", "tokenizer.json")


class Side:
    """One program that encodes all texts once for each line it reads."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def round(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise CannotMeasure(f"{self.process.args[0]} ended with {self.process.wait()}")
        return int(line) / 1e9

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


def make_texts(path):
    whole = "".join(corpus.mixed(BYTES))
    documents = [whole[i:i + DOCUMENT].encode() for i in range(0, len(whole), DOCUMENT)]
    with open(path, "wb") as f:
        f.write(b"".join(struct.pack("<I", len(d)) + d for d in documents))
    size = sum(map(len, documents))
    if size < BYTES:
        raise CannotMeasure(f"the texts have {size} bytes only")
    beside(f"{len(documents)} texts, {size} bytes; processor time; tokenizers "
           + run([PYTHON, "-c", "import tokenizers; print(tokenizers.__version__)"]).strip())


def compare(objects, work, texts, name, tokenizer):
    ids = [os.path.join(work, f"{name}.{side}") for side in ("ours", "theirs")]
    sides = [Side([os.path.join(objects, "bench", "bpe"), tokenizer, texts, ids[0]]),
             Side([PYTHON, os.path.join(ROOT, "bench", "bpe_hf.py"), tokenizer, texts, ids[1]])]
    try:
        in_turn([s.round for s in sides], 1)
        ours, theirs = in_turn([s.round for s in sides], ROUNDS)
    finally:
        for s in sides:
            s.close()
    with open(ids[0], "rb") as a, open(ids[1], "rb") as b:
        mine = a.read()
        if mine != b.read():
            raise CannotMeasure(f"the ids of {name} differ")
    count = len(mine) / 4 / 1e6
    value, spread = ratio(theirs, ours)
    beside(f"{name}: {count / median(ours):.2f} million tokens/s beside {count / median(theirs):.2f}; {value:.3f} ({spread})")
    return value


def bpe(objects, work, names):
    for path in (PYTHON, LLAMA2):
        if not os.path.exists(path):
            raise CannotMeasure(f"{os.path.relpath(path, ROOT)} is not installed")
    texts = os.path.join(work, "texts")
    make_texts(texts)
    tokenizers = {"SmolLM2": os.path.join(smollm2(objects), "tokenizer.json"), "Llama 2": LLAMA2}
    bench(names[0], min(compare(objects, work, texts, name, path) for name, path in tokenizers.items()), "ratio")


def main():
    objects, names = wanted(sys.argv)
    with folder() as work:
        return figures(names, [(["bpe_vs_hf"], lambda n: bpe(objects, work, n))])


if __name__ == "__main__":
    sys.exit(main())
