# SPDX-License-Identifier: Apache-2.0
"""The contract of docs/formats/chain.md in Python, after CHN-010 to CHN-027: its words in storage and its functions, written
from the sheet for the toy chain. A call is (storage, chain, contract address, sender, data) -> (storage, logs) or Revert."""

from toy_crypto import keccak, recover

SEQUENCE_END = 1 << 53
PLACES = 32


class Revert(Exception):
    def __init__(self, text, data):
        super().__init__(text)
        self.data = data


def word(v):
    return v if isinstance(v, bytes) else int(v).to_bytes(32, 'big')


def selector(signature):
    return keccak(signature.encode())[:4]


def fail(name, types='', *values):
    raise Revert(name, selector(f'{name}({types})') + b''.join(word(v) for v in values))


def slot_of(slot, key):
    return int.from_bytes(keccak(key + word(slot)), 'big')


# ---- packed words: [(name, bits)] from the right ----
HEAD = [('active', 32), ('everything', 32), ('places', 8), ('quorum', 8), ('round', 64), ('changes', 64), ('any', 8), ('tcb', 8)]
OWNER = [('account', 160), ('sequence', 64)]
COMPOSE = [('approvals', 32), ('revocations', 32), ('appRound', 64), ('round', 64)]
OPENING = [('approvals', 32), ('appRound', 64), ('round', 64)]


def unpack(fields, value):
    out = {}
    for name, bits in fields:
        out[name] = value & (1 << bits) - 1
        value >>= bits
    return out


def pack(fields, record):
    value, at = 0, 0
    for name, bits in fields:
        assert 0 <= record[name] < 1 << bits
        value |= record[name] << at
        at += bits
    return value


# ---- ABI: calldata as Solidity reads it ----
class Reader:
    def __init__(self, data):
        self.data = data

    def word(self, at):
        if at + 32 > len(self.data):
            raise Revert('short', b'')
        return self.data[at:at + 32]

    def number(self, at, bits):
        v = int.from_bytes(self.word(at), 'big')
        if v >> bits:
            raise Revert('number', b'')
        return v

    def bytes(self, at):
        size = self.number(at, 32)
        if at + 32 + size > len(self.data):
            raise Revert('short', b'')
        return self.data[at + 32:at + 32 + size]

    def array(self, at, bits):
        return [self.number(at + 32 + 32 * i, bits) for i in range(self.number(at, 16))]


def domain(chain, contract):
    kind = keccak(b'EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)')
    return keccak(kind + keccak(b'SealwrightApp') + keccak(b'1') + word(chain) + bytes(12) + contract)


class App:
    def __init__(self, storage, chain, contract, sender):
        self.storage, self.chain, self.contract, self.sender = dict(storage), chain, contract, sender
        self.logs = []

    def read(self, fields, slot):
        return unpack(fields, self.storage.get(slot, 0))

    def write(self, fields, slot, record):
        value = pack(fields, record)
        if value:
            self.storage[slot] = value
        else:
            self.storage.pop(slot, None)

    def emit(self, signature, indexed, data):
        self.logs.append(([keccak(signature.encode())] + [word(v) for v in indexed], b''.join(word(v) for v in data)))

    def signer(self, struct, signature):
        if len(signature) != 65 or signature[64] not in (27, 28):
            return None
        digest = keccak(b'\x19\x01' + domain(self.chain, self.contract) + struct)
        r, s = int.from_bytes(signature[:32], 'big'), int.from_bytes(signature[32:64], 'big')
        return recover(digest, r, s, signature[64] - 27)

    def require_signed(self, account, kind, values, signature, sender_counts=False):
        if sender_counts and not signature and self.sender == account:
            return
        if self.signer(keccak(keccak(kind.encode()) + b''.join(word(v) for v in values)), signature) != account:
            fail('BadSignature')

    # ---- founding ----
    def found(self, accounts, quorum, any_device, devices, tcb):
        head = dict.fromkeys([f[0] for f in HEAD], 0) | {'round': 1, 'any': any_device, 'tcb': tcb}
        for account in accounts:
            self.take(head, account)
        if not 1 <= quorum <= head['places']:
            fail('BadChange')
        head['quorum'] = quorum
        for device in devices:
            self.add_device(device)
        self.write(HEAD, 0, head)

    def take(self, head, account):
        taken = [self.read(OWNER, 1 + i)['account'] for i in range(head['places'])]
        if account == 0 or head['places'] == PLACES or account in taken:
            fail('BadChange')
        self.write(OWNER, 1 + head['places'], {'account': account, 'sequence': 0})
        head['active'] |= 1 << head['places']
        head['places'] += 1

    def add_device(self, device):
        if self.storage.get(slot_of(35, device)):
            fail('BadChange')
        self.storage[slot_of(35, device)] = 1
        self.emit('DeviceAdded(bytes32)', [], [device])

    # ---- one owner's decisions ----
    def owner(self, place, active=True):
        head = self.read(HEAD, 0)
        if place >= head['places']:
            fail('NotAnOwner')
        if active and not head['active'] >> place & 1:
            fail('NotActive')
        owner = self.read(OWNER, 1 + place)
        return head, owner, owner['account'].to_bytes(20, 'big')

    def count(self, place, owner, sequence, skips=False):
        last = owner['sequence']
        due = last < sequence if skips else sequence == last + 1
        if not due or sequence >= SEQUENCE_END:
            fail('WrongSequence', 'uint64,uint64', last, sequence)
        self.write(OWNER, 1 + place, owner | {'sequence': sequence})

    def may_run(self, compose):
        head, c = self.read(HEAD, 0), self.read(COMPOSE, slot_of(33, compose))
        standing = c['approvals'] & head['active'] if c['appRound'] == head['round'] else 0
        return not head['everything'] and not c['revocations'] and standing.bit_count() >= head['quorum']

    def check_round(self, head, compose, app_round, round_):
        c = self.read(COMPOSE, slot_of(33, compose))
        if (app_round, round_) != (head['round'], c['round']):
            fail('WrongRound', 'uint64,uint64', head['round'], c['round'])
        return c

    def approve(self, r):
        place, x = r.number(0, 8), r.word(32)
        app_round, round_, sequence = (r.number(at, 64) for at in (64, 96, 128))
        signature = r.bytes(r.number(160, 32))
        head, owner, account = self.owner(place)
        self.count(place, owner, sequence)
        c = self.check_round(head, x, app_round, round_)
        before = c['approvals'] if c['appRound'] == head['round'] else 0
        if before >> place & 1:
            fail('AlreadyApproved')
        self.require_signed(account, 'Approve(bytes32 composeHash,uint64 appRound,uint64 round,uint64 sequence)',
                            [x, app_round, round_, sequence], signature)
        ran = self.may_run(x)
        self.write(COMPOSE, slot_of(33, x), c | {'approvals': before | 1 << place, 'appRound': head['round']})
        self.emit('Approved(bytes32,uint8,uint64,uint64,uint64)', [x, place], [app_round, round_, sequence])
        if self.may_run(x) and not ran:
            self.emit('ComposeHashAdded(bytes32)', [], [x])

    def open(self, r):
        place, x, manifest, recipient = r.number(0, 8), r.word(32), r.word(64), r.word(96)
        app_round, round_, sequence = (r.number(at, 64) for at in (128, 160, 192))
        signature = r.bytes(r.number(224, 32))
        head, owner, account = self.owner(place)
        self.count(place, owner, sequence)
        self.check_round(head, x, app_round, round_)
        slot = slot_of(34, keccak(x + manifest + recipient))
        o = self.read(OPENING, slot)
        before = o['approvals'] if (o['appRound'], o['round']) == (app_round, round_) else 0
        if before >> place & 1:
            fail('AlreadyApproved')
        self.require_signed(
            account, 'Open(bytes32 composeHash,bytes32 manifest,bytes32 recipient,uint64 appRound,uint64 round,uint64 sequence)',
            [x, manifest, recipient, app_round, round_, sequence], signature)
        self.write(OPENING, slot, {'approvals': before | 1 << place, 'appRound': app_round, 'round': round_})
        self.emit('Opened(bytes32,bytes32,bytes32,uint8,uint64)', [x, manifest], [recipient, place, sequence])

    def withdraw(self, r, lifts):
        place, x, everything, sequence = r.number(0, 8), r.word(32), r.number(64, 1), r.number(96, 64)
        signature = r.bytes(r.number(128, 32))
        head, owner, account = self.owner(place, active=not lifts)
        self.count(place, owner, sequence, skips=not lifts)
        name = 'Lift' if lifts else 'Revoke'
        if everything and any(x):
            fail('BadSignature')
        self.require_signed(account, f'{name}(bytes32 composeHash,bool everything,uint64 sequence)', [x, everything, sequence],
                            signature, sender_counts=True)
        ran, slot, bit = self.may_run(x), slot_of(33, x), 1 << place
        c = self.read(COMPOSE, slot)
        standing = head['everything'] if everything else c['revocations']
        if bool(standing & bit) != lifts:
            fail('NothingToLift' if lifts else 'AlreadyRevoked')
        standing ^= bit
        if everything:
            self.write(HEAD, 0, head | {'everything': standing, 'round': head['round'] + 1})
        else:
            self.write(COMPOSE, slot, {'approvals': 0, 'revocations': standing, 'appRound': 0, 'round': c['round'] + 1})
            if ran and not lifts:
                self.emit('ComposeHashRemoved(bytes32)', [], [x])
        self.emit(('Lifted' if lifts else 'Revoked') + '(bytes32,bool,uint8,uint64)', [x, place], [everything, sequence])

    # ---- a quorum's ----
    def change(self, r):
        c = Reader(r.data[r.number(0, 32):])
        add, remove = c.array(c.number(0, 32), 160), c.array(c.number(32, 32), 8)
        quorum, any_device = c.number(64, 8), c.number(96, 1)
        add_devices, remove_devices = c.array(c.number(128, 32), 256), c.array(c.number(160, 32), 256)
        tcb, number = c.number(192, 1), c.number(224, 64)
        places = r.array(r.number(32, 32), 8)
        at = r.number(64, 32)
        signatures = [r.bytes(at + 32 + r.number(at + 32 + 32 * i, 32)) for i in range(r.number(at, 16))]
        head = self.read(HEAD, 0)
        if number != head['changes'] + 1:
            fail('WrongSequence', 'uint64,uint64', head['changes'], number)
        kind = ('Change(address[] add,uint8[] remove,uint8 quorum,bool allowAnyDevice,bytes32[] addDevices,bytes32[] '
                'removeDevices,bool requireTcbUpToDate,uint64 change)')
        lists = [keccak(b''.join(word(v) for v in l)) for l in (add, remove, add_devices, remove_devices)]
        struct = keccak(keccak(kind.encode()) + b''.join(word(v) for v in [
            lists[0], lists[1], quorum, any_device, lists[2], lists[3], tcb, number]))
        self.check_quorum(head, struct, places, signatures)
        for place in remove:
            if place >= head['places'] or not head['active'] >> place & 1:
                fail('BadChange')
            head['active'] ^= 1 << place
        for account in add:
            self.take(head, account)
        if not 1 <= quorum <= head['active'].bit_count():
            fail('BadChange')
        for device in add_devices:
            self.add_device(word(device))
        for device in remove_devices:
            if not self.storage.pop(slot_of(35, word(device)), 0):
                fail('BadChange')
            self.emit('DeviceRemoved(bytes32)', [], [device])
        self.write(HEAD, 0, head | {'quorum': quorum, 'any': any_device, 'tcb': tcb, 'changes': number, 'round': head['round'] + 1})
        self.emit('Changed(uint64)', [], [number])

    def check_quorum(self, head, struct, places, signatures):
        if len(places) != len(signatures) or len(places) < head['quorum']:
            fail('BelowQuorum', 'uint256,uint256', len(places), head['quorum'])
        for i, place in enumerate(places):
            if i and place <= places[i - 1]:
                fail('BadSignature')
            account = self.owner(place)[2]
            if self.signer(struct, signatures[i]) != account:
                fail('BadSignature')


FUNCTIONS = {
    selector('approve(uint8,bytes32,uint64,uint64,uint64,bytes)'): App.approve,
    selector('open(uint8,bytes32,bytes32,bytes32,uint64,uint64,uint64,bytes)'): App.open,
    selector('revoke(uint8,bytes32,bool,uint64,bytes)'): lambda app, r: app.withdraw(r, False),
    selector('lift(uint8,bytes32,bool,uint64,bytes)'): lambda app, r: app.withdraw(r, True),
    selector('change((address[],uint8[],uint8,bool,bytes32[],bytes32[],bool,uint64),uint8[],bytes[])'): App.change,
}


def call(storage, chain, contract, sender, data):
    app = App(storage, chain, contract, sender)
    function = FUNCTIONS.get(data[:4])
    if function is None:
        raise Revert('unknown function', b'')
    function(app, Reader(data[4:]))
    return app.storage, app.logs


def deploy(chain, contract, sender, data):
    """Creation code followed by the constructor's words: (storage, logs, runtime code). The words are found from the end."""
    for owners in range(1, PLACES + 1):
        for devices in range(9):
            at = len(data) - 32 * (7 + owners + devices)
            if at < 0:
                continue
            r = Reader(data[at:])
            shape = [int.from_bytes(data[at + 32 * i:at + 32 * i + 32], 'big') for i in (0, 3, 5, 6 + owners)]
            if shape != [160, 160 + 32 * (1 + owners), owners, devices]:
                continue
            app = App({}, chain, contract, sender)
            app.found(r.array(160, 160), r.number(32, 8), r.number(64, 1),
                      [word(v) for v in r.array(shape[1], 256)], r.number(128, 1))
            code = data[:at]
            start = code.find(b'\xfe\x60\x80')  # solc puts what is returned behind an INVALID; it begins with PUSH1 0x80
            return app.storage, app.logs, code[start + 1:]
    raise Revert('no constructor', b'')
