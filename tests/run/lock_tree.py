#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""trainer.lock of a command (CMD-006) for a tree, on stdout: lock_tree.py TREE WORKER FILE...

Written from the sentences CMD-002 and CMD-006 alone, so that it is a second opinion on what src/sys/tree.c hashes."""
import hashlib, json, os, struct, sys


def entries(folder, prefix=b""):
    for name in sorted(os.listdir(folder)):
        path, shown = os.path.join(folder, name), prefix + name
        if os.path.islink(path):
            target = os.readlink(path)
            yield shown, 4, len(target), hashlib.sha256(target).digest()
        elif os.path.isdir(path):
            yield shown, 1, 0, bytes(32)
            yield from entries(path, shown + b"/")
        else:
            content = open(path, "rb").read()
            executable = os.stat(path).st_mode & 0o100
            yield shown, 3 if executable else 2, len(content), hashlib.sha256(content).digest()


tree, worker, files = sys.argv[1], sys.argv[2], sys.argv[3:]
digest, count, size = hashlib.sha256(b"sealwright/tree/v1\0"), 0, 0
named = {}
for path, kind, length, content in entries(os.fsencode(tree)):
    digest.update(struct.pack(">I", len(path)) + path + struct.pack(">BQ", kind, length) + content)
    count += 1
    size += length if kind in (2, 3) else 0
    named["/" + os.fsdecode(path)] = {"name": "/" + os.fsdecode(path), "sha256": content.hex(), "size": length}
lock = {
    "files": [named[f] for f in sorted(files)],
    "kind": "sealwright/command-lock/v1",
    "tree": {"bytes": size, "entries": count, "sha256": digest.hexdigest()},
    "worker": hashlib.sha256(open(worker, "rb").read()).hexdigest(),
}
sys.stdout.write(json.dumps(lock, sort_keys=True, separators=(",", ":")))
