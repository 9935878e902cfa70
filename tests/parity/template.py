#!/usr/bin/env python3
"""Chat templates of the families themselves, as packages carry them, rendered by us and by transformers. TAP on stdout.

The texts come from trl (Llama 3, 3.1, 3.2, Qwen2.5 and 3, Phi 3, Gemma) and axolotl (Mistral v1, v3, ChatML, Llama 3), which requirements*.txt name;
they are not in this repository. What Python prints of a list or an object is refused (TPL-036) and counted apart.

    tests/parity/template.py [O [FILE.jinja...]]     O is build/release; more templates
"""
import importlib.util
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import template_reference as peer  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
OBJECTS = sys.argv[1] if len(sys.argv) > 1 else "build/release"
TRL = ["llama3", "llama3_training", "llama3_1", "llama3_2", "qwen2_5", "qwen2_5_training", "qwen3_instruct_2507", "phi3", "phi3_training", "gemma"]
AXOLOTL = ["chatml", "llama3", "mistral_v1", "mistral_v2v3", "mistral_v3_tekken", "mistral_v7_tekken", "qwen_25"]


def build():
    out = os.path.join(ROOT, "build", "parity", "template_peer")
    os.makedirs(os.path.dirname(out), exist_ok=True)
    subprocess.run(["gcc", "-std=c2x", "-D_GNU_SOURCE", "-Iinclude", "-Isrc", "-O1", "-o", out, "tests/parity/template_peer.c",
                    os.path.join(OBJECTS, "libsealwright.a"), "-lm", "-lcrypto", "-lpcre2-8", "-lutf8proc"], cwd=ROOT, check=True)
    return out


def package_file(package, *path):
    return os.path.join(os.path.dirname(importlib.util.find_spec(package).origin), *path)


def templates():
    files = [package_file("trl", "chat_templates", f"{name}.jinja") for name in TRL]
    files += [package_file("axolotl", "utils", "chat_templates", "templates", f"{name}.jinja") for name in AXOLOTL]
    for file in files + sys.argv[2:]:
        yield "/".join(file.split("/")[-3::2]), open(file).read()


def compare(program, name, text):
    """A line for each difference: texts and spans equal, and refused by us exactly where Python raises."""
    asks = list(peer.asks(text))
    answers = subprocess.run([program], input=peer.lines(asks), capture_output=True, text=True, check=True).stdout.split("\n")[:-1]
    assert len(answers) == len(asks)
    bad, rendered, unprinted = [], 0, 0
    for ask, line in zip(asks, answers):
        ours, theirs = json.loads(line), peer.reference(ask)
        rendered += "text" in theirs
        if "is not printed here" in ours.get("error", ""):
            unprinted += 1
            continue
        if ("error" in ours) != ("error" in theirs) or ("text" in ours and ours != theirs):
            bad.append(f"# {name} {json.dumps(ask['messages'])[:200]} tools={bool(ask['tools'])}\n#   ours   {str(ours)[:300]!r}\n#   theirs "
                       f"{str(theirs)[:300]!r}")
    return bad, rendered, unprinted, len(asks)


def main():
    program = build()
    named = list(templates())
    print(f"1..{len(named)}")
    for number, (name, text) in enumerate(named, 1):
        bad, rendered, unprinted, count = compare(program, name, text)
        print(f"{'not ok' if bad or not rendered else 'ok'} {number} - {name}: {rendered} of {count} rendered, {unprinted} not printed, {len(bad)} differ")
        print("\n".join(bad[:5]), end="\n" if bad else "")


main()
