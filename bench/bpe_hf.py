# SPDX-License-Identifier: Apache-2.0
"""HF's side of bpe.py, in an environment that has tokenizers: what bpe.c does, with the same arguments and the same answers."""
import os
import struct
import sys
import time

os.environ.update({"TOKENIZERS_PARALLELISM": "false", "RAYON_NUM_THREADS": "1"})

from tokenizers import Tokenizer


def main():
    tokenizer, source, ids = sys.argv[1:]
    t, texts = Tokenizer.from_file(tokenizer), []
    with open(source, "rb") as f:
        while head := f.read(4):
            texts.append(f.read(struct.unpack("<I", head)[0]).decode())
    for round_number, _ in enumerate(sys.stdin):
        start = time.process_time_ns()
        encoded = t.encode_batch_fast(texts, add_special_tokens=False)
        print(time.process_time_ns() - start, flush=True)
        if round_number == 0:
            with open(ids, "wb") as f:
                for e in encoded:
                    f.write(struct.pack(f"<I{len(e.ids)}I", 4 * len(e.ids), *e.ids))


if __name__ == "__main__":
    main()
