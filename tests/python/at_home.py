# SPDX-License-Identifier: Apache-2.0
"""Called by test_agents.sh: what a rehearsal makes of raw_script.py's acts, a line each."""
import os
import sys

import tap  # for its path
from sealwright import rehearse

import raw_script

SCRIPT = os.path.join(tap.ROOT, "tests", "python", "raw_script.py")


def end_of(act):
    resumed = 3 if act == "stop_again" else None
    after = {"stop_and_a_state_that_tells_of_its_step": 2, "stop_behind_the_last_step": 4}.get(act, 3)
    try:
        told = rehearse.play([sys.executable, SCRIPT, act], {"anna": b'{"x":1}\n'}, max_steps=4, save_steps=2, checkpoint_limit=1 << 16, output_limit=1 << 16,
                             resume=(resumed, b"1") if resumed else None, stop_after=after if act.startswith("stop") else None)
    except rehearse.Broken:
        return "refused"
    return "failed" if told.done is None else "stopped" if told.done else "done"


for name in raw_script.ACTS:
    print(name, end_of(name))
