#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Chain data as Ethereum's own Python packages write it: EIP-712 digests and signatures, call data, transactions, addresses, proofs.

    tests/parity/chain.py            TAP on stdout: what tests/chain/golden_chain.h holds is what the packages give
    tests/parity/chain.py --golden   writes tests/chain/golden_chain.h, which `make test` compares against

eth-account signs, eth-abi encodes calls, trie keeps tries and rlp their nodes (tests/parity/requirements.txt).
"""
import os
import random
import sys
from importlib.metadata import version

import rlp
from eth_abi import encode
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils import keccak, to_checksum_address
from trie import HexaryTrie

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
GOLDEN = os.path.join(ROOT, "tests", "chain", "golden_chain.h")
N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
DOMAIN = [("name", "string"), ("version", "string"), ("chainId", "uint256"), ("verifyingContract", "address")]
ROUNDS = [("appRound", "uint64"), ("round", "uint64"), ("sequence", "uint64")]
ENDS = [("composeHash", "bytes32"), ("everything", "bool"), ("sequence", "uint64")]
TYPES = {
    "Approve": [("composeHash", "bytes32"), *ROUNDS],
    "Open": [("composeHash", "bytes32"), ("manifest", "bytes32"), ("recipient", "bytes32"), *ROUNDS],
    "Revoke": ENDS,
    "Lift": ENDS,
    "Change": [("add", "address[]"), ("remove", "uint8[]"), ("quorum", "uint8"), ("allowAnyDevice", "bool"), ("addDevices", "bytes32[]"),
               ("removeDevices", "bytes32[]"), ("requireTcbUpToDate", "bool"), ("change", "uint64")],
}
rng = random.Random(0xC4A1)


def draw(n):
    return rng.randbytes(n)


def number(bits):
    """Numbers of all sizes, the ends among them."""
    return rng.choice([0, 1, 127, 128, 255, 256, 2**bits - 1, rng.getrandbits(bits), rng.getrandbits(rng.randint(1, bits))])


def secret():
    return (1 + rng.randrange(N - 1)).to_bytes(32, "big")


def typed(kind, message, chain, contract):
    data = {
        "types": {k: [{"name": n, "type": t} for n, t in v] for k, v in (("EIP712Domain", DOMAIN), (kind, TYPES[kind]))},
        "primaryType": kind,
        "domain": {"name": "SealwrightApp", "version": "1", "chainId": chain, "verifyingContract": to_checksum_address(contract)},
        "message": message,
    }
    return encode_typed_data(full_message=data)


def sign(key, signable):
    """The digest, and r, s, v as our code has it."""
    s = Account.sign_message(signable, key)
    return bytes(s.message_hash), s.r.to_bytes(32, "big") + s.s.to_bytes(32, "big") + bytes([s.v - 27])


def on_chain(signature):
    return signature[:64] + bytes([signature[64] + 27])


def call(name, types, *values):
    return keccak(text=f"{name}({','.join(types)})")[:4] + encode(types, values)


# ---- C ----

def c_hex(b):
    text, width = b.hex(), 88
    return "\n        ".join(f'"{text[i:i + width]}"' for i in range(0, len(text), width)) or '""'


def c_value(v):
    if isinstance(v, bool):
        return "true" if v else "false"
    if isinstance(v, int):
        return f"UINT64_C({v})"
    if isinstance(v, str):
        return v
    if isinstance(v, list):
        return "{" + ", ".join(c_value(x) for x in v) + "}"
    return c_hex(v)


def c_table(name, fields, rows):
    head = f"static const struct {{\n    {' '.join(fields)}\n}} {name}[] = {{\n"
    return head + "".join("    {" + ",\n     ".join(c_value(v) for v in row) + "},\n" for row in rows) + "};\n"


# ---- what is compared ----

def says():
    rows = []
    for i in range(24):
        kind = ["Approve", "Open", "Revoke", "Lift"][i % 4]
        chain, contract, key = 1 + number(52), draw(20), secret()
        ends = kind in ("Revoke", "Lift")
        everything = ends and i % 8 >= 4
        compose = bytes(32) if everything else draw(32)
        manifest, recipient = (draw(32), draw(32)) if kind == "Open" else (bytes(32), bytes(32))
        app_round, round_, sequence, place = number(64), number(64), number(53), rng.randrange(32)
        m = {"composeHash": compose, "manifest": manifest, "recipient": recipient, "everything": everything, "appRound": app_round,
             "round": round_, "sequence": sequence}
        digest, signature = sign(key, typed(kind, {n: m[n] for n, _ in TYPES[kind]}, chain, contract))
        empty = ends and i % 3 == 0
        types = ["uint8", *(t for _, t in TYPES[kind]), "bytes"]
        data = call(kind.lower(), types, place, *(m[n] for n, _ in TYPES[kind]), b"" if empty else on_chain(signature))
        rows.append([f"SW_ACT_{kind.upper()}", everything, empty, place, chain, app_round, round_, sequence, contract, compose, manifest,
                     recipient, key, digest, signature, data])
    return c_table("golden_says", ["sw_app_act act; bool everything, unsigned_call; uint8_t place;",
                                   "uint64_t chain, app_round, round, sequence;",
                                   "const char *contract, *compose, *manifest, *recipient, *key, *digest, *signature, *call;"], rows)


def changes():
    rows = []
    for i in range(8):
        chain, contract, count = 1 + number(52), draw(20), [0, 1, 2, 3, 1, 4, 2, 1][i]
        add = [draw(20) for _ in range([0, 1, 3, 32, 0, 2, 1, 0][i])]
        remove = bytes(rng.randrange(32) for _ in range([0, 0, 2, 32, 1, 0, 3, 1][i]))
        plus, minus = ([draw(32) for _ in range(rng.choice([0, 1, 3]))] for _ in range(2))
        quorum, flag, other, change = rng.randrange(256), i % 2 == 0, i % 3 == 0, number(64)
        m = {"add": [to_checksum_address(a) for a in add], "remove": list(remove), "quorum": quorum, "allowAnyDevice": flag,
             "addDevices": plus, "removeDevices": minus, "requireTcbUpToDate": other, "change": change}
        signable = typed("Change", m, chain, contract)
        signatures = [sign(secret(), signable) for _ in range(max(count, 1))]
        places = bytes(sorted(rng.sample(range(32), count)))
        types = ["(" + ",".join(t for _, t in TYPES["Change"]) + ")", "uint8[]", "bytes[]"]
        said = [s for _, s in signatures[:count]]
        data = call("change", types, tuple(m[n] for n, _ in TYPES["Change"]), list(places), [on_chain(s) for s in said])
        rows.append([flag, other, quorum, chain, change, contract, b"".join(add), remove, b"".join(plus), b"".join(minus), places,
                     b"".join(said), signatures[0][0], data])
    return c_table("golden_changes", ["bool allow_any_device, require_tcb_up_to_date; uint64_t quorum, chain, change;",
                                      "const char *contract, *add, *remove, *add_devices, *remove_devices, *places, *signatures;",
                                      "const char *digest, *call;"], rows)


def constructors():
    rows = []
    for i in range(4):
        owners, devices = [draw(20) for _ in range([1, 3, 32, 2][i])], [draw(32) for _ in range([0, 2, 0, 1][i])]
        quorum, flag, other = 1 + i, i % 2 == 0, i < 2
        words = encode(["address[]", "uint8", "bool", "bytes32[]", "bool"], [owners, quorum, flag, devices, other])
        rows.append([flag, other, quorum, b"".join(owners), b"".join(devices), words])
    return c_table("golden_constructors", ["bool allow_any_device, require_tcb_up_to_date; uint64_t quorum;",
                                           "const char *owners, *devices, *words;"], rows)


def transactions():
    rows = []
    for i in range(20):
        key, to, data = secret(), draw(20) if i % 5 else None, draw([0, 1, 2, 55, 56, 255, 256, 300][i % 8])
        if i == 7:
            data = b"\x05"
        m = {"type": 2, "chainId": 1 + number(52), "nonce": number(63), "gas": number(63), "maxPriorityFeePerGas": number(63), "value": 0,
             "data": data, "accessList": []}
        m["maxFeePerGas"] = m["maxPriorityFeePerGas"] + number(62)
        signed = Account.sign_transaction({**m, "to": to_checksum_address(to)} if to else m, key)
        rows.append([m["chainId"], m["nonce"], m["gas"], m["maxFeePerGas"], m["maxPriorityFeePerGas"], to or b"", data, key,
                     bytes(signed.raw_transaction), bytes(signed.hash)])
    return c_table("golden_transactions", ["uint64_t chain, nonce, gas, max_fee, max_priority_fee;",
                                           "const char *to, *data, *key, *raw, *hash;"], rows)


def addresses():
    rows = []
    for i in range(12):
        a, nonce = draw(20), [0, 1, 127, 128, 255, 256, 2**32, 2**64 - 1, 5, 65535, 65536, 2**53][i]
        rows.append([nonce, a, f'"{to_checksum_address(a)}"', keccak(rlp.encode([a, nonce]))[12:]])
    return c_table("golden_addresses", ["uint64_t nonce; const char *address, *text, *contract;"], rows)


def tries():
    trie, rows = HexaryTrie({}), []
    keys = [i.to_bytes(32, "big") for i in range(40)]
    values = {k: rlp.encode(number(256) or 1) for k in keys[:30]}
    for k, v in values.items():
        trie[keccak(k)] = v
    for k in keys:
        nodes = [rlp.encode(n) for n in trie.get_proof(keccak(k))]
        nodes = [n for i, n in enumerate(nodes) if i == 0 or len(n) >= 32]
        rows.append([k, values.get(k, b""), len(nodes), nodes])
    return f'#define GOLDEN_TRIE_ROOT \\\n    "{trie.root_hash.hex()}"\n' + c_table(
        "golden_proofs", ["const char *key, *value; uint64_t count; const char *nodes[8];"], rows)


def made():
    names = ", ".join(f"{p} {version(p)}" for p in ("eth-account", "eth-abi", "rlp", "trie"))
    head = f"/* SPDX-License-Identifier: Apache-2.0\n *\n * Made by tests/parity/chain.py --golden with\n * {names}.\n */\n"
    body = "\n".join(part() for part in (says, changes, constructors, transactions, addresses, tries))
    text = head + "#ifndef SW_TESTS_CHAIN_GOLDEN_CHAIN_H\n#define SW_TESTS_CHAIN_GOLDEN_CHAIN_H\n" + '#include "chain/chain.h"\n\n'
    return text + "/* clang-format off */\n" + body + "/* clang-format on */\n#endif\n"


def main():
    text = made()
    if sys.argv[1:] == ["--golden"]:
        with open(GOLDEN, "w", encoding="utf-8") as f:
            f.write(text)
        return 0
    with open(GOLDEN, encoding="utf-8") as f:
        same = f.read() == text
    print("1..1")
    print(f"{'ok' if same else 'not ok'} 1 - tests/chain/golden_chain.h is what the packages give")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
