# SPDX-License-Identifier: Apache-2.0
"""The diff that each example's README shows is the one between its two scripts."""
import difflib
import os
import re

import tap

for name in ("trl-sft", "peft-lora"):
    folder = os.path.join(tap.ROOT, "examples", name)
    texts = []
    for file in ("unsealed.py", "train.py", "README.md"):
        with open(os.path.join(folder, file), encoding="utf-8") as f:
            texts.append(f.read())
    changed = [line for line in difflib.ndiff(texts[0].splitlines(), texts[1].splitlines()) if line[0] in "-+"]
    shown = re.search(r"```diff\n(.*?)```", texts[2], re.S).group(1).splitlines()
    tap.equal(sorted(line for line in shown if line[0] in "-+"), sorted(line[0] + line[2:] for line in changed), f"{name}: the README's diff is the scripts'")
    tap.check(len(changed) // 2 <= 4, f"{name}: {len(changed) // 2} lines of the script are others")
tap.finish()
