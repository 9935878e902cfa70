# SPDX-License-Identifier: Apache-2.0
"""A script of a few lines, its agent played by sealwright.rehearse."""
import os
import sys
import tempfile

import tap  # for its path
from sealwright import rehearse

work = tempfile.TemporaryDirectory()


def script(text, shards, before="", **more):
    """Runs `before` and, with the package as `s`, `text`: what the agent heard or would not take, the lines of SAID, and what was printed."""
    place = tempfile.mkdtemp(dir=work.name)
    path, said, err = (os.path.join(place, name) for name in ("script.py", "said", "err"))
    with open(path, "w", encoding="utf-8") as f:
        f.write(f"import json, os, sys\nSAID = open({said!r}, 'a', buffering=1)\n{before}import sealwright as s\n{text}\n")
    with open(said, "a", encoding="utf-8"), open(err, "w", encoding="utf-8") as f:
        saved = os.dup(2)
        os.dup2(f.fileno(), 2)
        try:
            told = rehearse.play([sys.executable, path], shards, **more)
        except rehearse.Broken as why:
            told = why
        finally:
            os.dup2(saved, 2)
            os.close(saved)
    with open(said, encoding="utf-8") as f, open(err, encoding="utf-8") as g:
        return told, f.read().splitlines(), g.read()
