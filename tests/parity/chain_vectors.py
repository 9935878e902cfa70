#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Records what a chain says while owners decide: blocks, proofs, signatures and transactions. TAP on stdout.

    tests/parity/chain_vectors.py           plays the scenario again; every byte must be that of the committed file
    tests/parity/chain_vectors.py --write   plays it and writes tests/ledger/chain/recorded.json, which `make test` reads

The chain is npm's anvil. Digests, signatures, addresses, transactions, RLP and proofs are made or checked by eth-account, eth-utils, rlp and
trie (tests/parity/requirements.txt); none of our C takes part.
"""
import hashlib
import json
import os
import sys

import rlp
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils import keccak, to_checksum_address
from trie import HexaryTrie

from anvil import CHAIN, ROOT, Node, Tap, array, blob, creation, dynamic, tuple_of, word

OUT = os.path.join(ROOT, "tests", "ledger", "chain", "recorded.json")
TYPES = {
    "Approve": [("bytes32", "composeHash"), ("uint64", "appRound"), ("uint64", "round"), ("uint64", "sequence")],
    "Open": [("bytes32", "composeHash"), ("bytes32", "manifest"), ("bytes32", "recipient"), ("uint64", "appRound"), ("uint64", "round"),
             ("uint64", "sequence")],
    "Revoke": [("bytes32", "composeHash"), ("bool", "everything"), ("uint64", "sequence")],
    "Lift": [("bytes32", "composeHash"), ("bool", "everything"), ("uint64", "sequence")],
    "Change": [("address[]", "add"), ("uint8[]", "remove"), ("uint8", "quorum"), ("bool", "allowAnyDevice"), ("bytes32[]", "addDevices"),
               ("bytes32[]", "removeDevices"), ("bool", "requireTcbUpToDate"), ("uint64", "change")],
}
CHANGE_CALL = "change((address[],uint8[],uint8,bool,bytes32[],bytes32[],bool,uint64),uint8[],bytes[])"
HEADER = ["parentHash", "sha3Uncles", "miner", "stateRoot", "transactionsRoot", "receiptsRoot", "logsBloom", "difficulty", "number", "gasLimit",
          "gasUsed", "timestamp", "extraData", "mixHash", "nonce", "baseFeePerGas", "withdrawalsRoot", "blobGasUsed", "excessBlobGas",
          "parentBeaconBlockRoot", "requestsHash"]
NUMBERS = {"difficulty", "number", "gasLimit", "gasUsed", "timestamp", "baseFeePerGas", "blobGasUsed", "excessBlobGas"}
FEES = {"gas": 3_000_000, "maxFeePerGas": 10_000_000_000, "maxPriorityFeePerGas": 1_000_000_000}


def fixed(text):
    return hashlib.sha256(b"sealwright chain vectors: " + text.encode()).digest()


PEOPLE = [Account.from_key(fixed(f"owner {i}")) for i in range(4)]
RELAYER = Account.from_key(fixed("relayer"))
X, Y, MANIFEST, DEVICE, OTHER_DEVICE = (fixed(t) for t in ("compose X", "compose Y", "manifest", "device", "another device"))
RECIPIENT_KEY = bytes.fromhex("04" "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"  # the base point of P-256
                              "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5")
RECIPIENT = hashlib.sha256(RECIPIENT_KEY).digest()
OPENING = keccak(X + MANIFEST + RECIPIENT)


def unhex(text):
    return bytes.fromhex(text[2:])


def sized(v):
    """A word's value as RLP spells it."""
    return v.lstrip(b"\0")


class Story:
    """The scenario as it goes on, and what is kept of it."""

    def __init__(self, node, tap):
        self.node, self.tap, self.nonce, self.states, self.says = node, tap, 0, [], []
        node.ask("anvil_setBalance", RELAYER.address, hex(10**20))
        node.ask("anvil_setBlockTimestampInterval", 12)
        code = creation([unhex(p.address) for p in PEOPLE[:3]], 2, 0, [DEVICE], 1)
        self.deployed = self.send(None, code)
        self.contract = unhex(self.deployed.pop("contract"))
        tap.check(self.contract == keccak(rlp.encode([unhex(RELAYER.address), b""]))[12:], "the contract's address follows from who made it")
        self.code_hash = keccak(unhex(node.ask("eth_getCode", self.at(), "latest")))

    def at(self):
        return to_checksum_address(self.contract)

    def send(self, to, data):
        """A transaction in a block of its own."""
        signed = RELAYER.sign_transaction({"type": 2, "chainId": CHAIN, "nonce": self.nonce, "value": 0, "data": data, **FEES,
                                           **({"to": to} if to else {})})
        raw, id_ = bytes(signed.raw_transaction), bytes(signed.hash)
        self.tap.check(self.node.ask("eth_sendRawTransaction", "0x" + raw.hex()) == "0x" + id_.hex() and keccak(raw) == id_,
                       f"transaction {self.nonce} has its id")
        receipt = self.node.mine("0x" + id_.hex())
        kept = {"nonce": self.nonce, "hash": id_.hex(), "raw": raw.hex()}
        if to is None:
            kept["contract"] = receipt["contractAddress"].lower()
        self.nonce += 1
        return kept

    def digest(self, kind, message):
        typed = encode_typed_data({"name": "SealwrightApp", "version": "1", "chainId": CHAIN, "verifyingContract": self.at()},
                                  {kind: [{"type": t, "name": n} for t, n in TYPES[kind]]}, message)
        return typed, keccak(b"\x19" + typed.version + typed.header + typed.body)

    def sign(self, person, kind, message):
        """Digest and signature r, s, v with v 27 or 28."""
        typed, digest = self.digest(kind, message)
        signature = bytes(PEOPLE[person].sign_message(typed).signature)
        self.tap.check(Account.recover_message(typed, signature=signature) == PEOPLE[person].address, f"{kind} is signed by owner {person}")
        return digest, signature

    def say(self, kind, place, message):
        """One owner's decision, signed, carried by the relayer."""
        digest, signature = self.sign(place, kind, message)
        kinds = [t for t, _ in TYPES[kind]]
        name = f"{kind.lower()}(uint8,{','.join(kinds)},bytes)"
        call = keccak(name.encode())[:4] + tuple_of(word(place), *(word(message[n]) for _, n in TYPES[kind]), dynamic(blob(signature)))
        kept = {k: v.hex() if isinstance(v, bytes) else v for k, v in message.items()}
        self.says.append({"kind": kind.lower(), "place": place, **kept, "digest": digest.hex(),
                          "signature": (signature[:64] + bytes([signature[64] - 27])).hex(), "call": call.hex(),
                          "transaction": self.send(self.at(), call)})

    def change(self, message, places):
        digest = self.digest("Change", message)[1]
        signatures = [self.sign(p, "Change", message)[1] for p in places]
        lists = {n: dynamic(array([unhex(i) if t == "address[]" else i for i in message[n]])) for t, n in TYPES["Change"] if t.endswith("[]")}
        change = tuple_of(*(lists[n] if n in lists else word(message[n]) for _, n in TYPES["Change"]))
        all_signatures = word(len(places)) + tuple_of(*(dynamic(blob(s)) for s in signatures))
        call = keccak(CHANGE_CALL.encode())[:4] + tuple_of(dynamic(change), dynamic(array(places)), dynamic(all_signatures))

        def plain(v):
            return [unhex(i).hex() if isinstance(i, str) else i.hex() if isinstance(i, bytes) else i for i in v] if isinstance(v, list) else v
        self.says.append({"kind": "change", "places": places, **{k: plain(v) for k, v in message.items()}, "digest": digest.hex(),
                          "signatures": [(s[:64] + bytes([s[64] - 27])).hex() for s in signatures], "call": call.hex(),
                          "transaction": self.send(self.at(), call)})

    # ---- what one block proves ----

    def header(self, block):
        told = self.node.ask("eth_getBlockByHash", block, False)
        fields = [sized(int(told[f], 16).to_bytes(32, "big")) if f in NUMBERS else unhex(told[f]) for f in HEADER]
        encoded = rlp.encode(fields)
        self.tap.check(keccak(encoded) == unhex(told["hash"]), f"block {int(told['number'], 16)}: Keccak-256 of its header's RLP is its hash")
        return encoded, unhex(told["stateRoot"])

    def proven(self, root, key, nodes):
        """What trie, a library of others, reads under this root; every node is decoded by rlp."""
        value = HexaryTrie.get_from_proof(root, keccak(key), [rlp.decode(n) for n in nodes])
        return rlp.decode(value) if value else b""

    def state(self, name):
        block = self.node.ask("eth_getBlockByNumber", "latest", False)
        header, root = self.header(block["hash"])
        places = self.node.call(self.at(), keccak(b"head()")[:4])[95]
        slots = sorted([word(i) for i in range(places + 1)] + [keccak(h + word(33)) for h in (X, Y)] + [keccak(OPENING + word(34))])
        proof = self.node.ask("eth_getProof", self.at(), ["0x" + s.hex() for s in slots], block["number"])
        account = [unhex(n) for n in proof["accountProof"]]
        fields = self.proven(root, self.contract, account)
        self.tap.check(fields[3] == self.code_hash and fields[2] == unhex(proof["storageHash"]), f"{name}: the account is proven")
        words, storage, right = {}, [], True
        for slot, told in zip(slots, proof["storageProof"]):
            nodes = [unhex(n) for n in told["proof"]]
            value = self.proven(fields[2], slot, nodes)
            right = right and value == sized(unhex("0x" + told["value"][2:].rjust(64, "0")))
            words[slot.hex()] = value.rjust(32, b"\0").hex()
            storage.append({"proof": [n.hex() for n in nodes], "slot": slot.hex()})
        self.tap.check(right, f"{name}: all {len(slots)} slots are proven")
        view = {"account": [n.hex() for n in account], "header": header.hex(), "kind": "sealwright/chain-view/v1", "storage": storage}
        self.states.append({"name": name, "number": int(block["number"], 16), "hash": unhex(block["hash"]).hex(), "time_s": int(block["timestamp"], 16),
                            "state_root": root.hex(), "words": words, "may_run": self.judged(name, words), "view": view})

    def judged(self, name, words):
        """CHN-013 from the words alone, and what the contract itself answers."""
        head = int(words[word(0).hex()], 16)
        active, everything, quorum, round_ = head & 0xffffffff, head >> 32 & 0xffffffff, head >> 72 & 0xff, head >> 80 & (1 << 64) - 1
        may = {}
        for hash_ in (X, Y):
            v = int(words[keccak(hash_ + word(33)).hex()], 16)
            standing = v & active & 0xffffffff if v >> 64 & (1 << 64) - 1 == round_ else 0
            may[hash_.hex()] = everything == 0 and v >> 32 & 0xffffffff == 0 and standing.bit_count() >= quorum
            told = self.node.call(self.at(), keccak(b"allowedComposeHashes(bytes32)")[:4] + hash_)
            self.tap.check(told == word(may[hash_.hex()]), f"{name}: the contract answers what its words say")
        return may


def approve(app_round, round_, sequence, compose=X):
    return {"composeHash": compose, "appRound": app_round, "round": round_, "sequence": sequence}


def revocation(sequence, everything=False):
    return {"composeHash": bytes(32) if everything else X, "everything": everything, "sequence": sequence}


def play(story):
    """Three owners of whom two must agree, from nothing to another owner."""
    opening = {"composeHash": X, "manifest": MANIFEST, "recipient": RECIPIENT, "appRound": 1, "round": 2}
    change = {"add": [PEOPLE[3].address], "remove": [2], "quorum": 2, "allowAnyDevice": True, "addDevices": [OTHER_DEVICE],
              "removeDevices": [DEVICE], "requireTcbUpToDate": False, "change": 1}
    scenes = [
        ("nothing approved", []),
        ("one approval", [("Approve", 0, approve(1, 0, 1))]),
        ("two approvals", [("Approve", 1, approve(1, 0, 1))]),
        ("revoked by one", [("Revoke", 2, revocation(5))]),
        ("lifted", [("Lift", 2, revocation(6))]),
        ("approved again", [("Approve", 0, approve(1, 2, 2)), ("Approve", 2, approve(1, 2, 7))]),
        ("an opening approved", [("Open", i, {**opening, "sequence": s}) for i, s in ((0, 3), (1, 2), (2, 8))]),
        ("everything revoked", [("Revoke", 2, revocation(9, True))]),
        ("an owner removed, another added", [("Change", [0, 1], change)]),
        ("the removed owner's revocation stands", [("Approve", 0, approve(3, 2, 4)), ("Approve", 3, approve(3, 2, 1))]),
        ("lifted by the removed owner, approved by the new one",
         [("Lift", 2, revocation(10, True)), ("Approve", 3, approve(4, 2, 2)), ("Approve", 1, approve(4, 2, 3))]),
    ]
    for name, acts in scenes:
        for kind, place, message in acts:
            if kind == "Change":
                story.change(message, place)
            else:
                story.say(kind, place, message)
        story.state(name)


def recorded(tap):
    with Node() as node:
        story = Story(node, tap)
        play(story)
        expected = [False, False, True, False, False, True, True, False, False, False, True]
        tap.check([s["may_run"][X.hex()] for s in story.states] == expected, "X may run when it should, and not otherwise")
        return {
            "made_by": "tests/parity/chain_vectors.py with " + node.ask("web3_clientVersion"),
            "chain": CHAIN, "contract": story.contract.hex(), "code_hash": story.code_hash.hex(), "quorum": 2,
            "owners": [{"address": unhex(p.address).hex(), "key": bytes(p.key).hex(), "text": p.address} for p in PEOPLE],
            "relayer": {"address": unhex(RELAYER.address).hex(), "key": bytes(RELAYER.key).hex(), "text": RELAYER.address},
            "fees": {"gas": FEES["gas"], "max_fee": FEES["maxFeePerGas"], "max_priority_fee": FEES["maxPriorityFeePerGas"]},
            "composes": [X.hex(), Y.hex()], "devices": [DEVICE.hex(), OTHER_DEVICE.hex()],
            "opening": {"compose": X.hex(), "manifest": MANIFEST.hex(), "recipient_key": RECIPIENT_KEY.hex(), "recipient": RECIPIENT.hex(),
                        "id": OPENING.hex()},
            "deploy": story.deployed, "says": story.says, "states": story.states,
        }


def main():
    tap = Tap()
    text = json.dumps(recorded(tap), sort_keys=True, separators=(",", ":"))
    text = text.replace('{"', '\n{"') + "\n"  # a line for each object, so that a change can be read
    tap.check(len(text) < 400_000, "the file is below 400 kB", len(text))
    if "--write" in sys.argv[1:] and not tap.failed:
        os.makedirs(os.path.dirname(OUT), exist_ok=True)
        with open(OUT, "w", encoding="utf-8") as f:
            f.write(text.lstrip())
        print(f"# written: {len(text)} bytes")
    with open(OUT, encoding="utf-8") as f:
        tap.check(f.read() == text.lstrip(), "the committed file is what is recorded now, byte for byte", "run it with --write and read the difference")
    tap.end()


if __name__ == "__main__":
    main()
