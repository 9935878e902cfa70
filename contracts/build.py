#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compiles contracts/SealwrightApp.sol and writes src/chain/contract_code.c: the same bytes on every machine.

    contracts/build.py            compiles and writes
    contracts/build.py --check    compiles and compares with what is committed; exit 1 where they differ
    contracts/build.py --artifact FILE    compares what forge compiled with what is committed

Compiler and libraries are npm's solc and @openzeppelin/contracts, at the versions of tests/parity/package.json, from
build/parity/node_modules. Nothing but the sources and SETTINGS below goes into the code: no metadata, no paths.
"""
import json
import os
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PACKAGES = os.path.join(ROOT, "build", "parity", "node_modules")
OUT = os.path.join(ROOT, "src", "chain", "contract_code.c")
HEADER = os.path.join(ROOT, "src", "chain", "contract_code.h")
SOURCE = "contracts/SealwrightApp.sol"
SETTINGS = {
    "evmVersion": "cancun",
    "metadata": {"appendCBOR": False, "bytecodeHash": "none"},
    "optimizer": {"enabled": True, "runs": 200},
    "viaIR": True,
    "outputSelection": {"*": {"*": ["abi", "evm.bytecode.object", "evm.deployedBytecode.object", "evm.deployedBytecode.immutableReferences",
                                    "evm.methodIdentifiers", "storageLayout"]}},
}
# CHN-010: label, slot, and for a word that holds several members each one's byte offset from the right and its type.
LAYOUT = [("head", 0), ("owners", 1), ("composes", 33), ("openings", 34), ("allowedDeviceIds", 35)]
WORDS = {
    "Head": [("active", 0, "uint32"), ("everything", 4, "uint32"), ("places", 8, "uint8"), ("quorum", 9, "uint8"), ("round", 10, "uint64"),
             ("changes", 18, "uint64"), ("allowAnyDevice", 26, "bool"), ("requireTcbUpToDate", 27, "bool")],
    "Owner": [("account", 0, "address"), ("sequence", 20, "uint64")],
    "Compose": [("approvals", 0, "uint32"), ("revocations", 4, "uint32"), ("appRound", 8, "uint64"), ("round", 16, "uint64")],
    "Opening": [("approvals", 0, "uint32"), ("appRound", 4, "uint64"), ("round", 12, "uint64")],
}


def fail(text):
    sys.exit(f"contracts/build.py: {text}")


def pinned(name):
    with open(os.path.join(ROOT, "tests", "parity", "package.json")) as f:
        return json.load(f)["dependencies"][name]


def installed(name):
    with open(os.path.join(PACKAGES, name, "package.json")) as f:
        return json.load(f)["version"]


def sources():
    """Every source that is reached, by its import path."""
    found, waiting = {}, [SOURCE, "contracts/IAppAuth.sol"]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        base = PACKAGES if name.startswith("@") else ROOT
        with open(os.path.join(base, name), encoding="utf-8") as f:
            found[name] = {"content": f.read()}
        for line in found[name]["content"].splitlines():
            if line.startswith("import") and '"' in line:
                path = line.split('"')[1]
                waiting.append(os.path.normpath(os.path.join(os.path.dirname(name), path)) if path.startswith(".") else path)
    return found


def compile_contract():
    for name in ("solc", "@openzeppelin/contracts"):
        if installed(name) != pinned(name):
            fail(f"{name} is {installed(name)} where tests/parity/package.json names {pinned(name)}")
    asked = {"language": "Solidity", "sources": sources(), "settings": SETTINGS}
    with tempfile.TemporaryFile("w+") as given, tempfile.TemporaryFile("w+") as taken:  # files: solc.js waits for no pipe, at either end
        json.dump(asked, given)
        given.seek(0)
        subprocess.run(["node", os.path.join(PACKAGES, "solc", "solc.js"), "--standard-json"], stdin=given, stdout=taken, check=True)
        taken.seek(0)
        answer = taken.read()
    told = json.loads(answer[answer.index("{"):])
    said = [e["formattedMessage"] for e in told.get("errors", [])]
    if said:
        fail("the compiler says:\n" + "\n".join(said))
    return told["contracts"][SOURCE]["SealwrightApp"]


def check_layout(contract):
    """Storage stands where docs/formats/chain.md says; anything else would make every proof say something else."""
    layout = contract["storageLayout"]
    stands = [(s["label"], int(s["slot"])) for s in layout["storage"]]
    if stands != LAYOUT or any(s["offset"] for s in layout["storage"]):
        fail(f"storage is laid out as {stands}, which is not CHN-010")
    for name, members in WORDS.items():
        (kind,) = [t for k, t in layout["types"].items() if f"struct SealwrightApp.{name}" == t["label"]]
        have = [(m["label"], m["offset"], layout["types"][m["type"]]["label"]) for m in kind["members"]]
        if have != members or any(m["slot"] != "0" for m in kind["members"]) or kind["numberOfBytes"] != "32":
            fail(f"{name} is laid out as {have}, which is not CHN-010")


def keccak(data):
    """Keccak-256 by npm's js-sha3, which comes with solc."""
    script = "process.stdout.write(require('js-sha3').keccak256(Buffer.from(require('fs').readFileSync(0, 'utf8'), 'hex')))"
    ran = subprocess.run(["node", "-e", script], input=data.hex(), capture_output=True, text=True, check=True,
                         env={**os.environ, "NODE_PATH": PACKAGES})
    return bytes.fromhex(ran.stdout)


def rows(data, width):
    return "\n".join("    " + "".join(f"0x{b:02x}," for b in data[i:i + width]) for i in range(0, len(data), width))


def text_of(creation, runtime):
    """The two C files."""
    top = "/* SPDX-License-Identifier: Apache-2.0\n *\n"
    code = (f"{top} * Made by contracts/build.py from contracts/SealwrightApp.sol, with solc {pinned('solc')} and\n"
            f" * @openzeppelin/contracts {pinned('@openzeppelin/contracts')}; `make parity` compiles again and compares. Runtime code:\n"
            f" * {len(runtime)} bytes.\n */\n"
            '#include "chain/contract_code.h"\n\n/* clang-format off */\n'
            f"const sw_hash sw_chain_code_hash = {{{{\n{rows(keccak(runtime), 16)}\n}}}};\n"
            f"const uint8_t sw_chain_contract_code[SW_CHAIN_CONTRACT_CODE_BYTES] = {{\n{rows(creation, 19)}\n}};\n")
    header = (f"{top} * The contract that this release deploys (CHN-003), as the compiler made it.\n * Made by contracts/build.py.\n */\n"
              "#ifndef SW_CHAIN_CONTRACT_CODE_H\n#define SW_CHAIN_CONTRACT_CODE_H\n#include \"chain/chain.h\"\n\n"
              f"#define SW_CHAIN_CONTRACT_CODE_BYTES {len(creation)}\n"
              "/* Creation code; the constructor's words follow it (sw_app_deploy_code). */\n"
              "extern const uint8_t sw_chain_contract_code[SW_CHAIN_CONTRACT_CODE_BYTES];\n#endif\n")
    return {OUT: code, HEADER: header}


def compare_artifact(path):
    """What forge's tests ran is what is deployed."""
    with open(path, encoding="utf-8") as f:
        made = json.load(f)
    creation, runtime = (bytes.fromhex(made[m]["object"][2:]) for m in ("bytecode", "deployedBytecode"))
    with open(OUT, encoding="utf-8") as f:
        if f.read() != text_of(creation, runtime)[OUT]:
            fail("forge's code is not the committed one")


def main():
    if sys.argv[1:2] == ["--artifact"]:
        return compare_artifact(sys.argv[2])
    contract = compile_contract()
    check_layout(contract)
    if contract["evm"]["deployedBytecode"]["immutableReferences"]:
        fail("the code has an immutable variable, so that deployments differ (CHN-003)")
    creation = bytes.fromhex(contract["evm"]["bytecode"]["object"])
    runtime = bytes.fromhex(contract["evm"]["deployedBytecode"]["object"])
    if len(runtime) > 24576:
        fail(f"the runtime code has {len(runtime)} bytes, more than EIP-170 allows")
    for path, text in text_of(creation, runtime).items():
        name = os.path.relpath(path, ROOT)
        if "--check" not in sys.argv[1:]:
            with open(path, "w", encoding="utf-8") as f:
                f.write(text)
            print(f"{name} written: {len(creation)} bytes of creation code, {len(runtime)} of runtime code")
            continue
        with open(path, encoding="utf-8") as f:
            if f.read() != text:
                fail(f"{name} is not what the compiler makes of {SOURCE}: run contracts/build.py and commit it")
        print(f"{name} is what solc {pinned('solc')} makes of {SOURCE}, and storage is laid out as CHN-010 says")


if __name__ == "__main__":
    main()
