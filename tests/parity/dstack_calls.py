#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Asks the contract as a stock dstack key service does. TAP on stdout.

The committed code is deployed on npm's anvil; owners are anvil's accounts, which sign through it. Standard library only.
Selectors and topics are those of Dstack-TEE/dstack at 312dc605 (contracts IAppAuth.sol and DstackApp.sol), computed from its
signatures by others than us and written here as numbers.
"""
from anvil import CHAIN, Node, Refused, Tap, array, blob, bytes_of_c, creation, dynamic, tuple_of, word

SELECTORS = {
    "isAppAllowed((address,bytes32,address,bytes32,bytes32,bytes32,bytes32,string,string[]))": "1e079198",
    "supportsInterface(bytes4)": "01ffc9a7",
    "allowedComposeHashes(bytes32)": "2f6622e5",
    "allowedDeviceIds(bytes32)": "bf8b211b",
    "allowAnyDevice()": "3440a16a",
    "requireTcbUpToDate()": "0aa58c83",
    "version()": "54fd4d50",
}
TOPICS = {
    "ComposeHashAdded(bytes32)": "fecb34306dd9d8b785b54d65489d06afc8822a0893ddacedff40c50a4942d0af",
    "ComposeHashRemoved(bytes32)": "755b79bd4b0eeab344d032284a99003b2ddc018b646752ac72d681593a6e8947",
    "DeviceAdded(bytes32)": "67fc71ab96fe3fa3c6f78e9a00e635d591b7333ce611c0380bc577aac702243b",
    "DeviceRemoved(bytes32)": "e0862975ac517b0478d308012afabc4bc37c23874a18144d7f2dfb852ff95c2c",
    "AllowAnyDeviceSet(bool)": "bb2cdb6c7b362202d40373f87bc4788301cca658f91711ac1662e1ad2cba4a20",
    "RequireTcbUpToDateSet(bool)": "afae60561b2481a349b45b3a47357f70eef6ae67e5b6e1749d74de7f19a25aa1",
}
MANAGED = ["addComposeHash(bytes32)", "removeComposeHash(bytes32)", "addDevice(bytes32)", "setAllowAnyDevice(bool)", "owner()",
           "upgradeToAndCall(address,bytes)", "disableUpgrades()", "transferOwnership(address)"]
X, DEVICE, OTHER = b"\x11" * 32, b"\x22" * 32, b"\x33" * 32
TYPES = {
    "Approve": [("composeHash", "bytes32"), ("appRound", "uint64"), ("round", "uint64"), ("sequence", "uint64")],
    "Revoke": [("composeHash", "bytes32"), ("everything", "bool"), ("sequence", "uint64")],
    "Change": [("add", "address[]"), ("remove", "uint8[]"), ("quorum", "uint8"), ("allowAnyDevice", "bool"), ("addDevices", "bytes32[]"),
               ("removeDevices", "bytes32[]"), ("requireTcbUpToDate", "bool"), ("change", "uint64")],
}


class App:
    """The contract, and owners who sign through the node."""

    def __init__(self, node):
        self.node = node
        self.owners = node.ask("eth_accounts")[:3]
        code = creation([bytes.fromhex(o[2:]) for o in self.owners], 2, 0, [DEVICE], 1)
        receipt = self.send({"data": "0x" + code.hex()})
        self.address, self.founding = receipt["contractAddress"], receipt["logs"]

    def selector(self, signature):
        return bytes.fromhex(self.node.ask("web3_sha3", "0x" + signature.encode().hex())[2:10])

    def send(self, transaction):
        return self.node.mine(self.node.ask("eth_sendTransaction", {"from": self.owners[0], "gas": hex(5_000_000), **transaction}))

    def sign(self, owner, kind, message):
        domain = [("name", "string"), ("version", "string"), ("chainId", "uint256"), ("verifyingContract", "address")]
        types = {"EIP712Domain": domain, kind: TYPES[kind]}
        typed = {"types": {k: [{"name": n, "type": t} for n, t in v] for k, v in types.items()}, "primaryType": kind, "message": message,
                 "domain": {"name": "SealwrightApp", "version": "1", "chainId": CHAIN, "verifyingContract": self.address}}
        return bytes.fromhex(self.node.ask("eth_signTypedData_v4", self.owners[owner], typed)[2:])

    def act(self, data):
        return [(log["topics"][0][2:], log["data"][2:]) for log in self.send({"to": self.address, "data": "0x" + data.hex()})["logs"]]

    def approve(self, owner, app_round, round_, sequence):
        message = {"composeHash": "0x" + X.hex(), "appRound": app_round, "round": round_, "sequence": sequence}
        return self.act(self.selector("approve(uint8,bytes32,uint64,uint64,uint64,bytes)") + tuple_of(
            word(owner), X, word(app_round), word(round_), word(sequence), dynamic(blob(self.sign(owner, "Approve", message)))))

    def revoke(self, owner, sequence):
        signature = self.sign(owner, "Revoke", {"composeHash": "0x" + X.hex(), "everything": False, "sequence": sequence})
        return self.act(self.selector("revoke(uint8,bytes32,bool,uint64,bytes)") + tuple_of(word(owner), X, word(0), word(sequence),
                                                                                             dynamic(blob(signature))))

    def settings(self, number, any_device, up_to_date, add=(), remove=()):
        message = {"add": [], "remove": [], "quorum": 2, "allowAnyDevice": any_device, "addDevices": ["0x" + d.hex() for d in add],
                   "removeDevices": ["0x" + d.hex() for d in remove], "requireTcbUpToDate": up_to_date, "change": number}
        signatures = [blob(self.sign(i, "Change", message)) for i in (0, 1)]
        change = tuple_of(dynamic(array([])), dynamic(array([])), word(2), word(any_device), dynamic(array(list(add))),
                          dynamic(array(list(remove))), word(up_to_date), word(number))
        both = word(2) + tuple_of(*(dynamic(s) for s in signatures))
        name = "change((address[],uint8[],uint8,bool,bytes32[],bytes32[],bool,uint64),uint8[],bytes[])"
        return self.act(self.selector(name) + tuple_of(dynamic(change), dynamic(array([0, 1])), dynamic(both)))

    def asks(self, name, *words):
        return self.node.call(self.address, bytes.fromhex(SELECTORS[name]) + b"".join(words))

    def may(self, tcb="UpToDate", device=DEVICE, app_id=None):
        """The answer to isAppAllowed, decoded."""
        advisories = word(2) + tuple_of(dynamic(blob(b"INTEL-SA-00837")), dynamic(blob(b"INTEL-SA-00960")))
        info = tuple_of(word(bytes.fromhex((app_id or self.address)[2:])), X, word(b"\x44" * 20), device, b"\x55" * 32, b"\x66" * 32, b"\x77" * 32,
                        dynamic(blob(tcb.encode())), dynamic(advisories))
        data = bytes.fromhex("1e079198") + tuple_of(dynamic(info))
        told = self.node.call(self.address, data)
        size = int.from_bytes(told[64:96], "big")
        assert int.from_bytes(told[32:64], "big") == 64 and len(told) == 96 + size + -size % 32
        return bool(int.from_bytes(told[:32], "big")), told[96:96 + size].decode()


def names(tap, app):
    for signature, selector in SELECTORS.items():
        tap.check(app.selector(signature).hex() == selector, f"selector of {signature}")
    runtime = bytes.fromhex(app.node.ask("eth_getCode", app.address, "latest")[2:])
    for selector in SELECTORS.values():
        tap.check(bytes.fromhex("63" + selector) in runtime, f"the code knows {selector}")
    digest = app.node.ask("web3_sha3", "0x" + runtime.hex())[2:]
    tap.check(digest == bytes_of_c("sw_chain_code_hash").hex(), "the deployed code has the release's code hash", digest)
    for interface, there in (("01ffc9a7", 1), ("1e079198", 1), ("8fd37527", 0), ("ffffffff", 0)):
        told = app.asks("supportsInterface(bytes4)", word(bytes.fromhex(interface)))
        tap.check(told == word(there), f"ERC-165 id {interface}: {'there' if there else 'not there'}", told.hex())
    tap.check(app.asks("version()") == word(2), "version 2")
    for signature in MANAGED:
        try:
            app.node.call(app.address, app.selector(signature) + X + X + X, app.owners[0])
            tap.check(False, f"nobody manages alone: {signature}", "it was answered")
        except Refused as refused:
            tap.check(refused.data == "0x" or refused.data == "", f"nobody manages alone: {signature}", refused.data)


def asked(tap, app, answer, reason, name, **how):
    told = app.may(**how)
    tap.check(told == (answer, reason), name, told)


def story(tap, app):
    topic = {v: k for k, v in TOPICS.items()}
    seen = [topic.get(log["topics"][0][2:]) for log in app.founding]
    tap.check(seen == ["DeviceAdded(bytes32)"] and app.founding[0]["data"][2:] == DEVICE.hex(), "founding tells the device", seen)
    getters = [app.asks("allowAnyDevice()"), app.asks("requireTcbUpToDate()"), app.asks("allowedDeviceIds(bytes32)", DEVICE),
               app.asks("allowedDeviceIds(bytes32)", OTHER), app.asks("allowedComposeHashes(bytes32)", X)]
    tap.check(getters == [word(0), word(1), word(1), word(0), word(0)], "getters after founding", [g.hex() for g in getters])
    asked(tap, app, False, "Compose hash not allowed", "nobody approved")
    app.approve(0, 1, 0, 1)
    asked(tap, app, False, "Compose hash not allowed", "one of two approved")
    logs = app.approve(1, 1, 0, 1)
    added = [(t, d) for t, d in logs if t in topic]
    tap.check(added == [(next(iter(TOPICS.values())), X.hex())], "ComposeHashAdded is told when the quorum is reached", logs)
    tap.check(app.asks("allowedComposeHashes(bytes32)", X) == word(1), "allowedComposeHashes")
    asked(tap, app, True, "", "it may run")
    asked(tap, app, False, "App id is another's", "another app's id", app_id=app.owners[0])
    asked(tap, app, False, "TCB status is not up to date", "a patch level that is out of date", tcb="OutOfDate")
    asked(tap, app, False, "TCB status is not up to date", "no patch level", tcb="")
    asked(tap, app, False, "Device not allowed", "another device", device=OTHER)
    logs = [(topic.get(t), d) for t, d in app.settings(1, True, False, [OTHER], [DEVICE])]
    told = {name for name, _ in logs}
    tap.check(told == {"AllowAnyDeviceSet(bool)", "RequireTcbUpToDateSet(bool)", "DeviceAdded(bytes32)", "DeviceRemoved(bytes32)", None},
              "a change of settings is told in dstack's events", logs)
    asked(tap, app, False, "Compose hash not allowed", "a change begins a new round")
    app.approve(0, 2, 0, 2)
    app.approve(2, 2, 0, 1)
    asked(tap, app, True, "", "any device and any patch level, when owners say so", device=DEVICE, tcb="OutOfDate")
    logs = [(topic.get(t), d) for t, d in app.revoke(1, 7)]
    tap.check(("ComposeHashRemoved(bytes32)", X.hex()) in logs, "ComposeHashRemoved is told when somebody revokes", logs)
    asked(tap, app, False, "Compose hash not allowed", "revoked by one")


def main():
    tap = Tap()
    with Node() as node:
        app = App(node)
        names(tap, app)
        story(tap, app)
    tap.end()


if __name__ == "__main__":
    main()
