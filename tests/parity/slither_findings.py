#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Slither's detectors over contracts/SealwrightApp.sol; contract.sh runs it with the packages of requirements-slither.txt.

Prints each finding in our own sources that is not explained below; exit 1 when there is one, or when an explained one is gone.
"""
import logging
import os
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "contracts"))

from crytic_compile import CryticCompile  # noqa: E402
from crytic_compile.platform.solc_standard_json import SolcStandardJson  # noqa: E402
from slither import Slither  # noqa: E402
from slither.detectors import all_detectors  # noqa: E402
from slither.detectors.abstract_detector import AbstractDetector  # noqa: E402

import build  # noqa: E402

# Detector: why what it finds here is as it should be.
EXPLAINED = {
    "uninitialized-local": "the constructor's Head lies in memory, where all members begin as zero, and is filled member by member",
    "pragma": "libraries say a range; build.py compiles everything with the one version that package.json names",
    "unused-return": "the third value that ECDSA returns repeats the failure, which is looked at",
    "costly-loop": "a change removes as many devices, a word each, as its signers wrote down",
}


def findings():
    logging.disable(logging.CRITICAL)
    asked = {"language": "Solidity", "sources": build.sources(),
             "settings": {**build.SETTINGS, "outputSelection": {"*": {"*": ["abi", "metadata", "devdoc", "userdoc", "evm.bytecode", "evm.deployedBytecode"],
                                                                     "": ["ast"]}}}}
    with tempfile.TemporaryDirectory() as folder:  # it looks for packages in node_modules here
        os.symlink(os.path.join(ROOT, "contracts"), os.path.join(folder, "contracts"))
        os.symlink(build.PACKAGES, os.path.join(folder, "node_modules"))
        os.chdir(folder)
        slither = Slither(CryticCompile(SolcStandardJson(asked), solc=os.path.join(ROOT, "contracts", "solc.sh")))
        yield from judged(slither)


def judged(slither):
    """What the detectors say of our own sources."""
    if "SealwrightApp" not in [c.name for c in slither.contracts]:
        sys.exit("slither saw no contract")
    known = [d for d in vars(all_detectors).values() if isinstance(d, type) and issubclass(d, AbstractDetector) and d is not AbstractDetector]
    for detector in known:
        slither.register_detector(detector)
    for result in (r for results in slither.run_detectors() for r in results):
        places = [e["source_mapping"]["filename_absolute"] for e in result["elements"]]
        if any("@openzeppelin" not in p for p in places):
            yield result["check"], result["impact"], result["description"]
    print(f"# {len(known)} detectors, {len(slither.contracts)} contracts")


def main():
    seen, bad = set(), False
    for check, impact, text in findings():
        seen.add(check)
        if check not in EXPLAINED:
            bad = True
            print(f"{impact}: {check}: {text}")
    for check in set(EXPLAINED) - seen:
        bad = True
        print(f"{check} is explained and not found any more")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
