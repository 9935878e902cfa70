#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# PyTorch in the real sandbox: a DataLoader with two workers, which pass each other memory through AF_UNIX sockets, reads every row once
# (SANDBOX-035), and the run says that the script called for nothing it may not have. TAP on stdout.
set -uo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
objects=$(cd "${SEALWRIGHT_TEST_OBJECTS:-$root/build/release}" && pwd)
{ [ "$(id -u)" -eq 0 ] && unshare --mount true 2>/dev/null; } || { echo 'Bail out! a private root needs root and the right to mount'; exit 1; }
steps=4 save_steps=0 output_limit=64KiB
. "$root/tests/run/world.sh"
python=$root/build/parity/venv/bin/python
version=$("$python" -c 'import sys; print("python%d.%d" % sys.version_info[:2])')

make_locks() {
    make_model || return 1
    worker=$objects/sealwright-worker
    cat >script.py <<'PY'
import os
import sealwright as s
import torch
from torch.utils.data import DataLoader, Dataset

rows = s.unwrap_dataset(format="rows")


class Prompts(Dataset):
    def __len__(self):
        return len(rows)

    def __getitem__(self, i):
        return torch.tensor([i, len(rows[i]["prompt"])]), os.getpid()


s.plan(4)
seen, workers = [], set()
for batch, pids in DataLoader(Prompts(), batch_size=4, num_workers=2):
    seen += batch[:, 0].tolist()
    workers |= set(pids.tolist())
for step in range(1, 5):
    s.log_step(step, 1 / step)
s.send_output("model.txt", b"a model")
s.sign_manifest({"every_row_once": sorted(seen) == list(range(len(rows))), "workers": len(workers)})
PY
    "$sealwright" model lock "$model" --out model.lock >/dev/null &&
        PYTHONPATH=$root/python PYTHONDONTWRITEBYTECODE=1 "$python" -m sealwright.tree --python "$python" --add script.py:/code/script.py \
            --add "$root/python/sealwright:/venv/lib/$version/site-packages/sealwright" --out tree --no-compile >/dev/null &&
        "$sealwright" trainer lock tree --file /code/script.py --out trainer.lock >/dev/null
}
write_recipe() {
    local owner
    {
        printf 'sealwright: 1\nname: small-script\napp: %s\nmodel: {name: Miniature}\nshards:\n' "$genesis"
        for owner in "${owners[@]}"; do
            printf '  - {owner: %s, dataset: %s, rows: %s, name: %s}\n' \
                "$("$sealwright" identity show "$owner" --json | value id)" "$(dataset_of "$owner.sealed")" "$rows" "$owner"
        done
        printf 'trainer:\n  kind: command\n  command: [/venv/bin/python, /code/script.py]\n  files: [/code/script.py]\n'
        printf '  max_steps: %s\n  save_steps: %s\n  scratch: 256MiB\n' "$steps" "$save_steps"
        printf 'output: {open_quorum: all, limit: %s}\nobserve: {metrics: sealed, interval: 1, checkpoint_limit: 64KiB}\n' "$output_limit"
        printf 'lease: %s\nmax_silence: %s\ngrants: %s\n' "$lease" "$max_silence" "$grants"
        "$sealwright" sim show training-machine
    } >"$1"
}
world_new "$objects"

holds 'a script with a DataLoader of two workers trains in the sandbox' run_sealed --tree tree
[ "$(grep -c 'the script \(called\|made\)' log)" = 0 ]; say $? 'it called for nothing that it may not have'
holds 'it is opened' opened run/out model
found -F '"every_row_once":true,"workers":2' <model/claims.json; say $? 'its workers read every row once'
finish
