# SPDX-License-Identifier: Apache-2.0
"""Judging a TDX quote with its collateral: for the first time and again, beside OpenSSL's primitives alone, and beside dcap-qvl.
tdx.py O NAME..."""
import os
import sys

from measure import ROOT, beside, bench, figures, folder, in_turn, median, package_version, ratio, run, wanted

ROUNDS, PAIRS, WARM_BAR_MS, FIRST_BAR_MS = 200, 11, 2.0, 5.0


PYTHON = os.path.join(ROOT, "build", "parity", "venv", "bin", "python")


def costs(*command):  # milliseconds that pass, and of processor time
    return [float(text) / 1e3 for text in run(command).split()]


def judged(objects, work, names):
    ours, floor = (os.path.join(objects, "bench", name) for name in ("tdx", "tdx_floor"))
    run([ours, "make", work])
    pairs = in_turn(
        [
            lambda: costs(ours, "first", work, ROUNDS),
            lambda: costs(ours, "warm", work, ROUNDS),
            lambda: costs(floor, work, ROUNDS),
        ],
        PAIRS,
    )
    first, warm, least = ([passed for passed, _ in kind] for kind in pairs)
    first_work, warm_work, least_work = (median([used for _, used in kind]) for kind in pairs)
    beside(f"medians of {ROUNDS} quotes, {PAIRS} times in turn: for the first time {median(first):.3f} ms (bar {FIRST_BAR_MS}), "
           f"with the same verifier {median(warm):.3f} ms (bar {WARM_BAR_MS}), floor {median(least):.3f} ms; "
           f"processors work {first_work:.3f}, {warm_work:.3f} and {least_work:.3f} ms; libcrypto {package_version('libssl3')}")
    if "tdx_verify_ms" in names:
        bench("tdx_verify_ms", median(warm), "ms")
    if "tdx_vs_floor" in names:
        value, spread = ratio(least, warm)
        beside(f"{spread}; for the first time {ratio(least, first)[0]:.3f}")
        bench("tdx_vs_floor", value, "ratio")


def beside_dcap_qvl(objects, work, names):
    """Quotes a second as a service judges them, each side with what it can keep between quotes (theirs keeps nothing), and with everything
    parsed anew for each."""
    ours, theirs = os.path.join(objects, "bench", "tdx"), os.path.join(ROOT, "bench", "tdx_dcap_qvl.py")
    run([ours, "make", work])
    kinds = in_turn(
        [
            lambda: costs(ours, "first", work, ROUNDS),
            lambda: costs(ours, "warm", work, ROUNDS),
            lambda: costs(PYTHON, theirs, work, ROUNDS),
        ],
        PAIRS,
    )
    first, warm, peer = ([used for _, used in kind] for kind in kinds)
    anew, spread = ratio(peer, first)
    kept, kept_spread = ratio(peer, warm)
    version = run([PYTHON, "-c", "from importlib.metadata import version; print(version('dcap-qvl'))"]).strip()
    beside(f"medians of {ROUNDS} quotes, {PAIRS} times in turn, processor time: ours with what a verifier keeps {median(warm):.3f} ms "
           f"({kept_spread}), with chain and collateral parsed for each {median(first):.3f} ms ({spread}); "
           f"dcap-qvl {version}, which parses them for each, {median(peer):.3f} ms")
    for name, value in (("tdx_vs_dcap_qvl", kept), ("tdx_first_vs_dcap_qvl", anew)):
        if name in names:
            bench(name, value, "ratio")


def main():
    objects, names = wanted(sys.argv)
    with folder() as work:
        return figures(names, [(["tdx_verify_ms", "tdx_vs_floor"], lambda n: judged(objects, work, n)),
                               (["tdx_vs_dcap_qvl", "tdx_first_vs_dcap_qvl"], lambda n: beside_dcap_qvl(objects, work, n))])


if __name__ == "__main__":
    sys.exit(main())
