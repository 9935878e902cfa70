# SPDX-License-Identifier: Apache-2.0
"""A chain of our own for a test: npm's anvil on a port that the system chooses, asked over JSON-RPC on loopback.

Standard library only. The chain ends with the `with` block, by its process id.
"""
import json
import os
import re
import subprocess
import threading
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ANVIL = os.path.join(ROOT, "build", "parity", "node_modules", "@foundry-rs", "anvil-linux-amd64", "bin", "anvil")
CHAIN = 31337
GENESIS_TIME = 1_800_000_000
MNEMONIC = "test test test test test test test test test test test junk"  # anvil's own, said here so that it is fixed


class Refused(Exception):
    """What the node refused; data is what a revert returned."""

    def __init__(self, error):
        super().__init__(error.get("message", ""))
        self.data = error.get("data") if isinstance(error.get("data"), str) else ""


class Node:
    """One running anvil; `mining`: a block a transaction, at once."""

    def __init__(self, *more, mining=False):
        words = ["--port", "0", "--host", "127.0.0.1", "--chain-id", str(CHAIN), "--timestamp", str(GENESIS_TIME), "--mnemonic", MNEMONIC,
                 "--hardfork", "prague", "--order", "fifo", *([] if mining else ["--no-mining"]), *more]
        self.process = subprocess.Popen([ANVIL, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                        env={k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")})
        self.url, self.count, said = None, 0, ""
        for line in self.process.stdout:
            said += line
            found = re.search(r"Listening on (127\.0\.0\.1:\d+)", line)
            if found:
                self.url = f"http://{found.group(1)}"
                break
        if self.url is None:
            raise RuntimeError(f"anvil did not listen: {said}")
        # What it goes on to say is read and left, or it would wait for a reader.
        self.reader = threading.Thread(target=self.process.stdout.read, daemon=True)
        self.reader.start()
        self.open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.reader.join()
        self.process.stdout.close()

    def ask(self, method, *params):
        self.count += 1
        body = json.dumps({"jsonrpc": "2.0", "id": self.count, "method": method, "params": list(params)}).encode()
        with self.open(urllib.request.Request(self.url, body, {"Content-Type": "application/json"}), timeout=60) as answer:
            told = json.load(answer)
        if "error" in told:
            raise Refused(told["error"])
        return told["result"]

    def mine(self, transaction):
        """The receipt of what was sent, in a block of its own, twelve seconds after the last."""
        self.ask("evm_setNextBlockTimestamp", int(self.ask("eth_getBlockByNumber", "latest", False)["timestamp"], 16) + 12)
        self.ask("evm_mine")
        receipt = self.ask("eth_getTransactionReceipt", transaction)
        if receipt is None or receipt["status"] != "0x1":
            raise RuntimeError(f"not mined, or reverted: {receipt}")
        return receipt

    def call(self, to, data, sender=None):
        asked = {"to": to, "data": "0x" + data.hex()}
        if sender:
            asked["from"] = sender
        return bytes.fromhex(self.ask("eth_call", asked, "latest")[2:])


def bytes_of_c(name):
    """The bytes of one array in src/chain/contract_code.c: what a release deploys, and nothing newly compiled."""
    with open(os.path.join(ROOT, "src", "chain", "contract_code.c"), encoding="utf-8") as f:
        text = f.read()
    body = text[text.index(name):]
    body = body[body.index("= {"):body.index("};")]
    return bytes(int(b, 16) for b in re.findall(r"0x([0-9a-f]{2}),", body))


def word(v):
    """One ABI word."""
    if isinstance(v, bytes):
        return v.rjust(32, b"\0") if len(v) == 20 else v.ljust(32, b"\0")
    return int(v).to_bytes(32, "big")


def array(items):
    return word(len(items)) + b"".join(word(i) for i in items)


def blob(data):
    return word(len(data)) + data + bytes(-len(data) % 32)


def tuple_of(*members):
    """ABI: `members` are words, or ('dynamic', encoded)."""
    head, tail = b"", b""
    for m in members:
        if isinstance(m, tuple):
            head += word(32 * len(members) + len(tail))
            tail += m[1]
        else:
            head += m
    return head + tail


def dynamic(encoded):
    return ("dynamic", encoded)


def creation(owners, quorum, any_device, devices, up_to_date):
    """Creation code and the constructor's words."""
    return bytes_of_c("sw_chain_contract_code[") + tuple_of(dynamic(array(owners)), word(quorum), word(any_device), dynamic(array(devices)),
                                                             word(up_to_date))


class Tap:
    """Says TAP, and whether all was well."""

    def __init__(self):
        self.count, self.failed = 0, False

    def check(self, truth, name, why=""):
        self.count += 1
        print(f"{'ok' if truth else 'not ok'} {self.count} - {name}", flush=True)
        if not truth:
            self.failed = True
            print(f"# {why}", flush=True)

    def end(self):
        print(f"1..{self.count}")
        raise SystemExit(1 if self.failed else 0)
