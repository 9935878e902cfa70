#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The stories of tests/ledger/conformance.h on npm's anvil: the contract's committed code, run by somebody else's EVM, proven by
somebody else's tries. TAP on stdout. The chain mines a block a transaction and shows as final what lies two blocks behind."""
import os
import subprocess
import sys

from anvil import ROOT, Node

PROGRAM = os.path.join(os.environ.get("SEALWRIGHT_TEST_OBJECTS", "build/release"), "tests", "ledger", "test_conformance_chain")

subprocess.run(["make", "-s", "--no-print-directory", "O=" + os.environ.get("SEALWRIGHT_TEST_OBJECTS", "build/release"), PROGRAM],
               cwd=ROOT, check=True, stdout=sys.stderr)
with Node("--slots-in-an-epoch", "1", mining=True) as node:
    for _ in range(3):
        node.ask("evm_mine")
    sys.exit(subprocess.run([os.path.join(ROOT, PROGRAM)], cwd=ROOT, check=False,
                            env=os.environ | {"SEALWRIGHT_TEST_RPC": node.url, "CMOCKA_MESSAGE_OUTPUT": "TAP"}).returncode)
