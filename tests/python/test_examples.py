# SPDX-License-Identifier: Apache-2.0
"""The diff that each example's README shows is the one between its two scripts, of two or three lines, and what it needs is pinned."""
import difflib
import os
import re

import tap

NAMES = ("trl-sft", "peft-lora", "trl-dpo", "trl-reward", "trl-ppo", "qlora", "embedder", "streaming-cpt", "mllama")
tap.equal(sorted(n for n in os.listdir(os.path.join(tap.ROOT, "examples")) if os.path.exists(os.path.join(tap.ROOT, "examples", n, "train.py"))), sorted(NAMES), "the examples with a script")
for name in NAMES:
    folder = os.path.join(tap.ROOT, "examples", name)
    texts = []
    for file in ("unsealed.py", "train.py", "README.md"):
        with open(os.path.join(folder, file), encoding="utf-8") as f:
            texts.append(f.read())
    changed = [line for line in difflib.ndiff(texts[0].splitlines(), texts[1].splitlines()) if line[0] in "-+"]
    shown = re.search(r"```diff\n(.*?)```", texts[2], re.S).group(1).splitlines()
    tap.equal(sorted(line for line in shown if line[0] in "-+"), sorted(line[0] + line[2:] for line in changed), f"{name}: the README's diff is the scripts'")
    tap.check(2 <= len(changed) // 2 <= 3 and len(changed) % 2 == 0, f"{name}: {len(changed) // 2} lines of the script are others")
    with open(os.path.join(folder, "requirements.txt"), encoding="utf-8") as f:
        tap.check(all(re.fullmatch(r"[a-z-]+==[0-9.]+\n", line) for line in f), f"{name}: what it needs is pinned")
with open(os.path.join(tap.ROOT, "examples", "constraints.txt"), encoding="utf-8") as f:
    lines = [line for line in f if not line.startswith("#")]
tap.check(lines == sorted(set(lines)) and all(re.fullmatch(r"[a-z0-9-]+==[0-9.]+\n", line) for line in lines), "and what that needs in turn")
tap.finish()
