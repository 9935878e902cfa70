#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# PyTorch in the real sandbox: a DataLoader with two workers, which pass each other memory through AF_UNIX sockets, reads every row once
# (SANDBOX-035), and the run says that the script called for nothing it may not have. TAP on stdout.
set -uo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
objects=$(cd "${SEALWRIGHT_TEST_OBJECTS:-$root/build/release}" && pwd)
{ [ "$(id -u)" -eq 0 ] && unshare --mount true 2>/dev/null; } || { echo 'Bail out! a private root needs root and the right to mount'; exit 1; }
steps=4 save_steps=0 output_limit=64KiB scratch=256MiB
. "$root/tests/run/world.sh"
python=$root/build/parity/venv/bin/python

write_script() {
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
}
. "$root/tests/run/script_world.sh"
world_new "$objects"

holds 'a script with a DataLoader of two workers trains in the sandbox' run_sealed --tree tree
[ "$(grep -c '^sealwright: the script \(called\|made\) ' log)" = 0 ]; say $? 'it called for nothing that it may not have'
holds 'it is opened' opened run/out model
found -F '"every_row_once":true,"workers":2' <model/claims.json; say $? 'its workers read every row once'
finish
