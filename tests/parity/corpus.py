# SPDX-License-Identifier: Apache-2.0
"""Text to tokenise: what a Debian machine holds (licences, Python source, message tables), and text made from a seed in many
scripts, with emoji, code, control characters and white space of every kind."""
import glob
import gzip
import os
import random
import sysconfig

LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
CHATML = ("{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}"
          "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}")

SCRIPTS = [(0x41, 0x7A), (0xC0, 0x17F), (0x370, 0x3FF), (0x400, 0x4FF), (0x590, 0x5FF), (0x600, 0x6FF), (0x900, 0x97F),
           (0xE00, 0xE7F), (0x1100, 0x11FF), (0x3040, 0x30FF), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0x1F300, 0x1FAFF),
           (0x530, 0x58F), (0x980, 0x9FF), (0xB80, 0xBFF), (0x1000, 0x109F), (0x10A0, 0x10FF), (0x1200, 0x137F), (0x1780, 0x17FF), (0xD00, 0xD7F),
           (0x0, 0x1F), (0x80, 0x9F), (0x1F1E6, 0x1F1FF), (0x1E00, 0x1EFF), (0xFF00, 0xFFEF), (0xE000, 0xE0FF), (0x2000, 0x206F), (0x300, 0x36F), (0x1D400, 0x1D7FF), (0x20000, 0x2A6DF), (0x10330, 0x1034A), (0xFE00, 0xFE0F)]
SPACES = ["\t", "\n", "\r", "\r\n", "\v", "\f", " ", "  ", "    ", "\x85", "\xa0", "\u180e", "\u1680", "\u2003", "\u2028", "\u202f",
          "\u3000", "\u200b", "\ufeff", "\x00", "\x1b", "\x7f"]
PIECES = ["'s", "'S", "'\u017f", "'ll", "'LL", "'re", "don't", "I'M", "''", "'", "<|im_start|>", "<|im_end|>", "<|im_", "|>", "<|endoftext|>",
          "<repo_name>", "#include <stdio.h>\n", "if (x == 0) {\n\t\treturn;\n}", "def f(x):\n    return x\n\n", "http://a.b/c?d=e&f=%20",
          "1234567", "3.14", "\u0661\u0662", "\u00bd", "\u216b", "x\u0301", "e\u0301", "\u1100\u1161", "👩‍👩‍👧", "🇩🇪", "!!!", "...", "—", "_",
          "$x^2$", "ﬁ", "Å", "\u212b", "ｆｕｌｌ", "İ", "ß", "\u2581", "\u2581\u2581", " \u2581 ", "<s>", "</s>", "<unk>",
          "<0x0A>", "👍🏽", "❤\ufe0f", "1\ufe0f\u20e3", "SELECT * FROM t WHERE a<>'b';", "{\"k\": [1, 2.5e-3, null]}", "\\frac{1}{2}", "&amp;", "a_b.cD(eF)[0]"]


def made(rng, size):
    out = []
    while size > 0:
        kind = rng.random()
        if kind < 0.35:
            low, high = rng.choice(SCRIPTS)
            piece = "".join(chr(rng.randint(low, high)) for _ in range(rng.randint(1, 12)))
        elif kind < 0.6:
            piece = rng.choice(PIECES)
        elif kind < 0.8:
            piece = "".join(rng.choice(SPACES) for _ in range(rng.randint(1, 4)))
        elif kind < 0.9:
            piece = str(rng.randint(0, 10 ** rng.randint(1, 12)))
        else:
            piece = rng.choice(["a", "ab", " ", "\n", "-", "=", "ha", "🙂", "的", "\u2581", "ACGT", "e\u0301"]) * rng.randint(1, 200)
        out.append(piece)
        size -= len(piece.encode())
    return "".join(out)


def files():
    """Found by name, sorted, so that a machine gives the same list each time."""
    stdlib = sysconfig.get_paths()["stdlib"]
    names = sorted(glob.glob("/usr/share/common-licenses/*") + glob.glob(os.path.join(stdlib, "*.py")) +
                   glob.glob(os.path.join(stdlib, "encodings", "*.py")) + glob.glob("/usr/share/doc/*/copyright") +
                   glob.glob("/usr/share/doc/*/changelog*.gz") + glob.glob("/usr/share/perl/5*/unicore/Name.pl"))
    for name in names:
        try:
            opener = gzip.open if name.endswith(".gz") else open
            with opener(name, "rb") as f:
                yield f.read(200000).decode()
        except (OSError, UnicodeDecodeError):
            continue


def mixed(size, seed=1):
    """At least `size` bytes as a list of texts, half of it found and half of it made."""
    rng = random.Random(seed)
    texts, total = [], 0
    found = list(files())
    rng.shuffle(found)
    while total < size:
        whole = found.pop() if found and rng.random() < 0.5 else made(rng, rng.randint(1, 20000))
        while whole:
            cut = rng.choice([1, 7, 40, 300, 3000, 30000])
            texts.append(whole[:cut])
            total += len(whole[:cut].encode())
            whole = whole[cut:]
    return texts


def every_character():
    """Each code point between letters, between spaces, behind a digit, and in rows of its block. Not for NFC, whose tables in
    utf8proc 2.8 are of Unicode 15: marks that came later are left in their order there."""
    codes = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]
    rows = []
    for at in range(0, len(codes), 64):
        row = [chr(c) for c in codes[at:at + 64]]
        rows.append("a".join(row) + " " + " ".join(row) + " 1".join(row) + "".join(row))
    return rows


def added_texts():
    rng = random.Random(9)
    parts = ["<l>", "<r>", "<b>", "word", "words", "sword", " ", "  ", "\n", "\t", "x", "é", "cafe\u0301", "café", "<|im_start|>", "<|im_start|>x", "<|im",
             "_", "1", ".", "\u00a0", "\u2581", "<s>", "</s>", "\u3000", "\u200d"]
    return ["".join(rng.choice(parts) for _ in range(rng.randint(1, 12))) for _ in range(4000)]
