#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/tokenizer/golden/: small tokenizer.json files of each family that is known, and what HF tokenizers 0.23.3 makes of
a corpus of many scripts, emoji, code, control characters and added tokens with each.

    tests/parity/tokenizer_golden.py [--check]      --check compares with what is committed and writes nothing
"""
import json
import os
import random
import sys

import tokenizers
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import corpus  # noqa: E402

FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tokenizer", "golden")
VERSION = "0.23.3"
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
TRAIN = ["the patient was seen in the clinic and the results of the test were explained", "the owner of the data is not the owner of "
         "the machine", "it's what they'll say: don't, we've, I'm, he'd, you're", "    return x;\n\n\tif (a == b) {\n", "été für naïve über",
         "привет мир", "你好，世界", "🙂🙂", "...---===", "12 + 34 = 46"]
FIXED = ["", " ", "a", "the patient", "The  patient\n\n was seen.", "don't DON'T I'll I'LL 's 'S '\u017f x'\u017f", "it's 12345 and 3.14",
         "\u0661\u0662\u0663 \u00bd \u216b 1\u00b22", "tab\tnew\nline\r\nend\r", "trailing   ", "   leading", "a\u180eb \u200b \ufeff",
         "\x00\x01\x1b[0m\x7f", "été e\u0301te\u0301 für naïve", "привет, мир!", "你好，世界。", "🙂👩‍👩‍👧🇩🇪", "שלום עולם", "مرحبا بالعالم",
         "नमस्ते", "안녕하세요 \u1112\u1161\u11ab", "int main(void) { return 0; }\n", "<|im_start|>user\nhi<|im_end|>\n", "<|im_start|><|im_start", "~~~",
         "a\u0300\u0316\u0301", "\u212b \u2126 ﬁ", "\U0002f800 \U00031350 \U00011f50 \U00010d4a", "x" * 300, " " * 100, "\n" * 40 + "x", "=" * 90,
         "\u3000\u3000全角", "a\u00a0b\u2028c\u2029d\u0085e"]
ADDED = ["<l> x <l>", "x  <l>  y", "<r>  \n y", "a  <b>  b", "word words sword word. _word word", "\u00a0<l>\u00a0<r>\u00a0x", "cafe\u0301 caf\u00e9",
         "<|im_start|>x<|im_start|> x", "<|im <|im_end|>", "word\u0301 word", "<r> <l> <b> <r>", "<b>\n<b>"]

SPACED = ["\u2581", "\u2581x", " \u2581 x", "a\u2581b \u2581\u2581 c", "<s>x", "<s> x", " <s>", "x<s>y z</s> ", "<0x0A>", "\u2580 \u2582", "x  y   z    ", "\n x"]


def texts():
    rng = random.Random(20)
    return FIXED + ADDED + [corpus.made(rng, rng.randint(1, 90)) for _ in range(50)]


def base():
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    t.decoder = decoders.ByteLevel()
    missing = {"~", "\u0105", "\u0131", "ö"}  # bytes without a token, as SmolLM2 has some
    alphabet = sorted(c for c in pre_tokenizers.ByteLevel.alphabet() if c not in missing)
    t.train_from_iterator(TRAIN * 3, trainers.BpeTrainer(vocab_size=430, initial_alphabet=alphabet, special_tokens=SPECIAL, show_progress=False))
    out = json.loads(t.to_str())
    # Numbers of several digits, so that how digits are split shows in the ids.
    for left, right in (("1", "2"), ("3", "4"), ("12", "34"), ("12", "3")):
        out["model"]["vocab"][left + right] = len(out["model"]["vocab"])
        out["model"]["merges"].append([left, right])
    return out


def split(pattern):
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def variant(name, data):
    t = Tokenizer.from_str(json.dumps(data))
    if name == "gpt2":
        t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    if name == "llama3":
        t.pre_tokenizer = split(corpus.LLAMA3)
        t.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False), processors.TemplateProcessing(
            single="<|im_start|> $A <|im_end|>", pair="<|im_start|> $A $B", special_tokens=[("<|im_start|>", 1), ("<|im_end|>", 2)])])
    if name == "qwen2":
        t.normalizer = normalizers.NFC()
        t.pre_tokenizer = split(corpus.QWEN2)
        t.post_processor = processors.ByteLevel(trim_offsets=False)
    if name == "added":
        t.normalizer = normalizers.NFC()
        t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=False), pre_tokenizers.ByteLevel(add_prefix_space=False)])
        t.add_tokens([AddedToken("<l>", lstrip=True), AddedToken("<r>", rstrip=True), AddedToken("word", single_word=True),
                      AddedToken("<b>", lstrip=True, rstrip=True, normalized=False), AddedToken("<|im_start|>x"),
                      AddedToken("cafe\u0301", normalized=True)])
        t.add_special_tokens([AddedToken("<|im", special=True, normalized=False)])
    out = json.loads(t.to_str())
    if name == "llama3":
        out["model"]["ignore_merges"] = True
        # A whole word that no chain of merges reaches: found only because merges are ignored.
        out["model"]["vocab"]["\u0120Moby"] = len(out["model"]["vocab"])
    if name == "qwen2":
        out["model"]["merges"] = [" ".join(m) for m in out["model"]["merges"]]
    if name == "unknown":
        out["model"]["unk_token"] = "<|endoftext|>"
        out["model"]["fuse_unk"] = True
    return json.dumps(out, ensure_ascii=False, separators=(",", ":"))


MARK = "\u2581"
PREPEND = normalizers.Sequence([normalizers.Prepend(MARK), normalizers.Replace(" ", MARK)])
FALLBACK = decoders.Sequence([decoders.Replace(MARK, " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
# Each spelling of marked text: normaliser, pre-tokeniser (scheme, split), decoder (FALLBACK or a scheme), merges over a mark.
MARKED = {"llama2": (PREPEND, None, FALLBACK, False), "mistral": (None, ("first", False), FALLBACK, False),
          "always": (None, ("always", True), "always", False), "never": (None, ("never", True), "never", False),
          "crossing": (None, ("always", False), "first", True), "crossed": (PREPEND, None, FALLBACK, True)}


def metaspace(kind, scheme, split=True):
    return kind(replacement=MARK, prepend_scheme=scheme, split=split)


def spell(t, name):
    """Gives a tokenizer without them the stages of one spelling."""
    normalizer, pre, decoder, _ = MARKED[name]
    if normalizer:
        t.normalizer = normalizer
    if pre:
        t.pre_tokenizer = metaspace(pre_tokenizers.Metaspace, *pre)
    t.decoder = decoder if isinstance(decoder, decoders.Decoder) else metaspace(decoders.Metaspace, decoder)


def marked(name):
    """A vocabulary as SentencePiece orders it: <unk>, <s>, </s>, the bytes, what was merged, the characters."""
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = metaspace(pre_tokenizers.Metaspace, "always", not MARKED[name][3])
    t.train_from_iterator(TRAIN * 3, trainers.BpeTrainer(vocab_size=360, show_progress=False))
    trained = json.loads(t.to_str())["model"]
    # Runs of marks, which Llama 2 and Mistral have too.
    merges = trained["merges"] + [[MARK, MARK], [MARK * 2, MARK * 2]]
    tokens = ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)] + list(trained["vocab"]) + [MARK * 2, MARK * 4]
    vocab = {token: i for i, token in enumerate(dict.fromkeys(tokens))}
    t = Tokenizer(models.BPE(vocab, [tuple(m) for m in merges], unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    t.add_special_tokens(["<unk>", "<s>", "</s>"])
    spell(t, name)
    t.post_processor = processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 1)])
    if name in ("mistral", "crossed"):
        t.add_tokens([AddedToken("<l>", lstrip=True), AddedToken("<r>", rstrip=True), AddedToken("word", single_word=True),
                      AddedToken("<b>", lstrip=True, rstrip=True, normalized=False), AddedToken("the patient", normalized=True)])
    return t.to_str()


def rows(t):
    rng = random.Random(4)
    out = []
    for text in texts() + [" Moby Moby"] + SPACED:
        ids, framed = t.encode(text, add_special_tokens=False).ids, t.encode(text, add_special_tokens=True).ids
        decoded = t.decode(ids, skip_special_tokens=False)
        row = {"text": text, "ids": ids}
        if framed != ids:
            row["framed"] = framed
        if decoded != text:
            row["decoded"] = decoded
        out.append(row)
    for _ in range(30):
        ids = [rng.randrange(t.get_vocab_size() + 2) for _ in range(rng.randint(1, 16))]
        out.append({"decode": ids, "all": t.decode(ids, skip_special_tokens=False), "skip": t.decode(ids, skip_special_tokens=True)})
    return out


def main():
    if tokenizers.__version__ != VERSION:
        sys.exit(f"these goldens are of tokenizers {VERSION}, not {tokenizers.__version__}")
    data, good = base(), True
    for name in ("smollm", "gpt2", "llama3", "qwen2", "added", "unknown", *MARKED):
        written = marked(name) if name in MARKED else variant(name, data)
        t = Tokenizer.from_str(written)
        # No ASCII escapes, one row a line: small, and a change shows as a line.
        golden = "[\n" + ",\n".join(json.dumps(r, separators=(",", ":")) for r in rows(t)) + "\n]\n"
        for file, content in ((f"{name}.json", written + "\n"), (f"{name}.golden.json", golden)):
            path = os.path.join(FOLDER, file)
            if "--check" in sys.argv:
                good = good and open(path, encoding="utf-8").read() == content
            else:
                with open(path, "w", encoding="utf-8") as f:
                    f.write(content)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
