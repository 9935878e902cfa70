#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""TDX quotes judged by us and by PyPI's dcap-qvl, side by side: the same quote, the same collateral, the same second, the same root.

    tests/parity/beside_dcap_qvl.py [O]   TAP on stdout; O is build/release

Everything is made here (dcap_documents.py) and signed as it should be, but for the one thing that a case bends. Where both verifiers must say
the same, one verdict stands beside the case; where they differ, both verdicts stand there, under the reason why ours is as it is. A verdict is
the TCB status, or "no". Ours says no with exit status 1, a reason, and the name of the check that failed, if only the file is a TDX quote at all.
"""
import json
import os
import subprocess
import sys
import tempfile

import dcap_qvl

import dcap_documents as documents
from dcap_cases import DIFFERENT, SAME

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
OBJECTS = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else os.path.join(ROOT, "build", "release"))
PROGRAM = os.path.join(OBJECTS, "sealwright")
FLIP_STEP = 397  # bits
REFUSED = "no"
done = failed = 0


def check(name, holds, why=""):
    global done, failed
    done += 1
    failed += not holds
    print(f"{'ok' if holds else 'not ok'} {done} - {name}" + ("" if holds else f" ({why})"), flush=True)


def theirs(quote, collateral, root, at):
    try:
        report = dcap_qvl.verify_with_root_ca(quote, dcap_qvl.QuoteCollateralV3(**collateral), root, at)
    except ValueError as why:
        return REFUSED, str(why).replace("\n", " "), []
    return report.status, "", sorted(set(report.advisory_ids))


def level_of(answer):
    """Status and advisories, as the check says them; None before that check."""
    for made in answer["checks"]:
        if made["check"] == "TCB level" and made.get("held"):
            text, advisories = made["value"].split(", advisories: ")
            return text.split(" ")[0], sorted(id for id in advisories.split(",") if id != "none")
    return None, []


def ours(folder, quote, collateral, policy, at):
    paths = {name: os.path.join(folder, name) for name in ("quote", "collateral", "policy")}
    with open(paths["quote"], "wb") as f:
        f.write(quote)
    with open(paths["collateral"], "w", encoding="utf-8") as f:
        json.dump({name: value.hex() if isinstance(value, bytes) else value for name, value in collateral.items()}, f)
    with open(paths["policy"], "w", encoding="utf-8") as f:
        f.write(policy)
    run = subprocess.run([PROGRAM, "attest", "verify", paths["quote"], "--collateral", paths["collateral"], "--policy", paths["policy"], "--time",
                          documents.iso(at), "--json"], capture_output=True, text=True, check=False)
    if run.returncode not in (0, 1) or not run.stdout:
        return f"exit {run.returncode}", run.stderr, []
    answer = json.loads(run.stdout)
    status, advisories = level_of(answer)
    if run.returncode == 0:
        return status, "", advisories
    if not answer.get("reason") or answer["checks"] and not answer.get("failed"):
        return "no reason", run.stdout, []
    if answer.get("failed") == "policy: TCB status" and status != "Revoked":
        return status, answer["reason"], advisories  # the policy takes UpToDate alone; the status is what is compared
    return REFUSED, f"{answer.get('failed')}: {answer['reason']}", []


def judged(folder, change):
    p = documents.bent(change)
    quote, collateral, root = documents.make(p)
    return ours(folder, quote, collateral, documents.policy(p, root), p.at), theirs(quote, collateral, root, p.at)


def compare(folder):
    for verdict, cases in SAME:
        for name, change in cases:
            we, they = judged(folder, change)
            good = we[0] == they[0] == verdict and we[2] == they[2]
            check(f"both say {verdict}: {name}", good, f"ours {we}, theirs {they}")
    for reason, our_verdict, their_verdict, cases in DIFFERENT:
        for name, change in cases:
            we, they = judged(folder, change)
            check(f"{our_verdict}, dcap-qvl {their_verdict}, {reason}: {name}", (we[0], they[0]) == (our_verdict, their_verdict),
                  f"ours {we}, theirs {they}")


def flips(folder):
    """Bits of a quote, one at a time: nothing that dcap-qvl refuses is taken."""
    p = documents.plan()
    quote, collateral, root = documents.make(p)
    policy, laxer, count, stricter = documents.policy(p, root), [], 0, 0
    for bit in range(0, 8 * len(quote), FLIP_STEP):
        bent = bytearray(quote)
        bent[bit // 8] ^= 1 << bit % 8
        we, they = ours(folder, bytes(bent), collateral, policy, p.at)[0], theirs(bytes(bent), collateral, root, p.at)[0]
        count += 1
        stricter += we == REFUSED and they != REFUSED
        if we != REFUSED:
            laxer.append(bit)
    check(f"{count} bits of a quote, flipped one at a time: we refuse each ({stricter} are taken by dcap-qvl)", not laxer, f"taken: {laxer}")


def main():
    print(f"# dcap-qvl {dcap_qvl.__version__}")
    with tempfile.TemporaryDirectory() as folder:
        compare(folder)
        flips(folder)
    print(f"1..{done}")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
