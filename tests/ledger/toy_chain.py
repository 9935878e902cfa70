#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A toy chain for tests: JSON-RPC on loopback, one block a transaction, true headers, roots and proofs, and one contract
(toy_contract.py). Prints its port; ends by a signal. Not a node: no gas is counted, no code is run.

toy_chain.py [--chain N] [--after N] [--rich HEX20]... [--lie METHOD/MEMBER[/MEMBER...]] [--broken HOW]
  --after N   blocks mined behind each transaction's (finality lies two behind the newest block); default 2
  --broken    cut (a body that ends early), silent (no answer), big (more than 4 MiB), status (503), text (no JSON)
  --lie       alters one member of one method's answers: a digit, a number, a flag, or the last element of a list; with =TEXT
              behind it that text stands there instead
Beside eth_*: evm_mine, evm_setAutomine(flag), anvil_setBalance(address, wei), toy_drop() (forgets what is pending),
toy_spend() (takes the next number of whoever sent last),
toy_reorganise(n) (forgets the last n blocks, and mines empty ones in their place)."""

import argparse
import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from toy_contract import Revert, call, deploy
from toy_crypto import EMPTY_ROOT, Trie, keccak, number, recover, rlp, unrlp

GWEI = 10**9
FINALITY = 2
EMPTY_CODE = keccak(b'')


def quantity(n):
    return hex(n)


def hexed(b):
    return '0x' + b.hex()


def raw(text):
    return bytes.fromhex(text[2:])


class Refusal(Exception):
    def __init__(self, code, message, data=None):
        super().__init__(message)
        self.error = {'code': code, 'message': message} | ({} if data is None else {'data': hexed(data)})


class Account:
    def __init__(self, nonce=0, balance=0, code=b'', storage=None):
        self.nonce, self.balance, self.code, self.storage = nonce, balance, code, storage or {}

    def copy(self):
        return Account(self.nonce, self.balance, self.code, dict(self.storage))

    tries = {}

    def trie(self):
        key = tuple(self.storage.items())
        if key not in self.tries:
            self.tries[key] = Trie({keccak(k.to_bytes(32, 'big')): rlp(v) for k, v in key})
        return self.tries[key]

    def encode(self):
        code_hash = keccak(self.code) if self.code else EMPTY_CODE
        return rlp([self.nonce, self.balance, self.trie().root if self.storage else EMPTY_ROOT, code_hash])


def state_trie(state):
    key = tuple((a, account.encode()) for a, account in state.items())
    if key not in Account.tries:
        Account.tries[key] = Trie({keccak(a): v for a, v in key})
    return Account.tries[key]


def bloom(logs):
    bits = 0
    for address, topics, _ in logs:
        for value in [address] + topics:
            h = keccak(value)
            for i in (0, 2, 4):
                bits |= 1 << (int.from_bytes(h[i:i + 2], 'big') & 2047)
    return bits.to_bytes(256, 'big')


class Chain:
    def __init__(self, chain, after, rich, born):
        self.chain, self.after, self.born, self.lock = chain, after, born, threading.Lock()
        self.automine, self.pending, self.receipts, self.known = True, [], {}, {}
        self.state = {keccak(b'toy%d' % i)[12:]: Account(i, 10**18) for i in range(24)}
        for address in rich:
            self.state[address] = Account(0, 10**20)
        self.blocks = []
        for _ in range(FINALITY + 1):
            self.seal([])

    # ---- blocks ----
    def seal(self, done):
        """A block of what was done: [(raw transaction, receipt)]."""
        height = len(self.blocks)
        logs = [log for _, r in done for log in r['logs']]
        encoded = [b'\x02' + rlp([r['status'], 21000, bloom(r['logs']), [[a, t, d] for a, t, d in r['logs']]]) for _, r in done]
        values = {
            'parentHash': self.blocks[-1]['hash'] if height else bytes(32),
            'sha3Uncles': keccak(rlp([])), 'miner': bytes(20), 'stateRoot': state_trie(self.state).root,
            'transactionsRoot': Trie({rlp(i): t for i, (t, _) in enumerate(done)}).root,
            'receiptsRoot': Trie({rlp(i): r for i, r in enumerate(encoded)}).root,
            'logsBloom': bloom(logs), 'difficulty': 0, 'number': height, 'gasLimit': 30000000, 'gasUsed': 21000 * len(done),
            'timestamp': self.born + 12 * height, 'extraData': b'toy' + number(self.fork), 'mixHash': keccak(b'mix%d' % height),
            'nonce': bytes(8), 'baseFeePerGas': GWEI, 'withdrawalsRoot': EMPTY_ROOT, 'blobGasUsed': 0, 'excessBlobGas': 0,
            'parentBeaconBlockRoot': bytes(32), 'requestsHash': bytes.fromhex(
                'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')}
        block = {'values': values, 'hash': keccak(rlp(list(values.values()))), 'state': {a: v.copy() for a, v in self.state.items()},
                 'transactions': [keccak(t) for t, _ in done]}
        self.blocks.append(block)
        for i, (t, r) in enumerate(done):
            r |= {'block': block, 'index': i}
            self.receipts[keccak(t)] = r

    fork = 0

    def mine(self):
        done, self.pending = [(t, self.execute(t)) for t in self.pending], []
        self.seal(done)

    def execute(self, raw_transaction):
        sender, fields = self.sender(raw_transaction)
        to, data = fields[5], fields[7]
        account = self.state.setdefault(sender, Account())
        contract = keccak(rlp([sender, account.nonce]))[12:]
        account.nonce += 1
        account.balance -= 21000 * 2 * GWEI
        receipt = {'status': 1, 'logs': [], 'to': to, 'sender': sender, 'contract': None if to else contract}
        try:
            self.run(to, contract, sender, data, receipt)
        except Revert:
            receipt['status'] = 0
        return receipt

    def run(self, to, contract, sender, data, receipt=None):
        if to:
            target = self.state.get(to)
            if target is None or not target.code:
                return
            storage, logs = call(target.storage, self.chain, to, sender, data)
        else:
            storage, logs, code = deploy(self.chain, contract, sender, data)
            to, target = contract, Account(1, 0, code)
        if receipt is not None:
            target.storage = storage
            self.state[to] = target
            receipt['logs'] = [(to, topics, words) for topics, words in logs]

    def sender(self, raw_transaction):
        if raw_transaction[:1] != b'\x02':
            raise Refusal(-32000, 'transaction type not supported')
        fields, end = unrlp(raw_transaction, 1)
        if end != len(raw_transaction) or len(fields) != 12 or rlp(fields) != raw_transaction[1:]:
            raise Refusal(-32602, 'rlp: malformed')
        if int.from_bytes(fields[0], 'big') != self.chain:
            raise Refusal(-32000, 'invalid chain id for signer')
        v, r, s = (int.from_bytes(f, 'big') for f in fields[9:])
        sender = recover(keccak(b'\x02' + rlp(fields[:9])), r, s, v)
        if sender is None:
            raise Refusal(-32000, 'invalid sender')
        return sender, fields

    # ---- asking ----
    def find(self, tag):
        last = len(self.blocks) - 1
        if isinstance(tag, dict):
            found = [b for b in self.blocks if hexed(b['hash']) == tag.get('blockHash')]
            return found[0] if found else None
        height = {'latest': last, 'pending': last, 'earliest': 0, 'finalized': last - FINALITY, 'safe': last - FINALITY}.get(tag)
        height = int(tag, 16) if height is None else height
        return self.blocks[height] if 0 <= height <= last else None

    def needed(self, tag):
        block = self.find(tag)
        if block is None:
            raise Refusal(-32000, 'header not found')
        return block

    @staticmethod
    def show(block):
        if block is None:
            return None
        shown = {k: quantity(v) if isinstance(v, int) else hexed(v) for k, v in block['values'].items()}
        return shown | {'hash': hexed(block['hash']), 'transactions': [hexed(t) for t in block['transactions']], 'uncles': [],
                        'size': '0x300', 'withdrawals': []}

    def eth_chainId(self):
        return quantity(self.chain)

    def eth_blockNumber(self):
        return quantity(len(self.blocks) - 1)

    def eth_getBlockByNumber(self, tag, full):
        return self.show(self.find(tag))

    def eth_getBlockByHash(self, block_hash, full):
        return self.show(self.find({'blockHash': block_hash}))

    def eth_getProof(self, address, slots, tag):
        state, address = self.needed(tag)['state'], raw(address)
        account = state.get(address, Account())
        trie = account.trie()
        return {
            'address': hexed(address), 'balance': quantity(account.balance), 'nonce': quantity(account.nonce),
            'codeHash': hexed(keccak(account.code) if account.code else EMPTY_CODE), 'storageHash': hexed(trie.root),
            'accountProof': [hexed(n) for n in state_trie(state).prove(keccak(address))],
            'storageProof': [{'key': s, 'value': quantity(account.storage.get(int(s, 16), 0)),
                              'proof': [hexed(n) for n in trie.prove(keccak(int(s, 16).to_bytes(32, 'big')))]} for s in slots]}

    def eth_getTransactionCount(self, address, tag):
        account = self.needed(tag)['state'].get(raw(address), Account())
        waiting = sum(self.sender(t)[0] == raw(address) for t in self.pending) if tag == 'pending' else 0
        return quantity(account.nonce + waiting)

    def eth_getBalance(self, address, tag):
        return quantity(self.needed(tag)['state'].get(raw(address), Account()).balance)

    def eth_getCode(self, address, tag):
        return hexed(self.needed(tag)['state'].get(raw(address), Account()).code)

    def eth_gasPrice(self):
        return quantity(2 * GWEI)

    def eth_maxPriorityFeePerGas(self):
        return quantity(GWEI)

    def eth_feeHistory(self, count, tag, percentiles):
        return {'oldestBlock': self.eth_blockNumber(), 'baseFeePerGas': [quantity(GWEI)] * 2, 'gasUsedRatio': [0.5]}

    def attempt(self, c):
        sender = raw(c['from'])
        try:
            self.run(raw(c['to']) if 'to' in c else b'', bytes(20), sender, raw(c['data']))
        except Revert as e:
            raise Refusal(3, 'execution reverted', e.data) from e

    def eth_estimateGas(self, c):
        self.attempt(c)
        return quantity(150000)

    def eth_call(self, c, tag):
        kept, self.state = self.state, {a: v.copy() for a, v in self.needed(tag)['state'].items()}
        try:
            self.attempt(c)
        finally:
            self.state = kept
        return '0x'

    def eth_sendRawTransaction(self, text):
        sender, fields = self.sender(raw(text))
        gas_limit, fee = int.from_bytes(fields[4], 'big'), int.from_bytes(fields[3], 'big')
        account = self.state.get(sender, Account())
        nonce = int.from_bytes(fields[1], 'big')
        if account.balance < gas_limit * fee:
            raise Refusal(-32000, f'insufficient funds for gas * price + value: have {account.balance}')
        if nonce < int(self.eth_getTransactionCount(hexed(sender), 'pending'), 16):
            raise Refusal(-32000, 'nonce too low')
        self.known[keccak(raw(text))] = fields
        self.last = sender
        self.pending.append(raw(text))
        if self.automine:
            self.mine()
            for _ in range(self.after):
                self.mine()
        return hexed(keccak(raw(text)))

    def eth_getTransactionByHash(self, text):
        known = self.known.get(raw(text))
        return None if known is None else {'hash': text, 'nonce': quantity(int.from_bytes(known[1], 'big'))}

    def eth_getTransactionReceipt(self, text):
        r = self.receipts.get(raw(text))
        if r is None:
            return None
        return {'transactionHash': text, 'transactionIndex': quantity(r['index']), 'blockHash': hexed(r['block']['hash']),
                'blockNumber': quantity(r['block']['values']['number']), 'from': hexed(r['sender']), 'to': hexed(r['to']) if r['to'] else None,
                'contractAddress': hexed(r['contract']) if r['contract'] else None, 'status': quantity(r['status']), 'type': '0x2',
                'cumulativeGasUsed': '0x5208', 'gasUsed': '0x5208', 'effectiveGasPrice': quantity(2 * GWEI),
                'logsBloom': hexed(bloom(r['logs'])), 'logs': [self.show_log(r, i, text) for i in range(len(r['logs']))]}

    @staticmethod
    def show_log(r, i, transaction):
        address, topics, data = r['logs'][i]
        return {'address': hexed(address), 'topics': [hexed(t) for t in topics], 'data': hexed(data), 'logIndex': quantity(i),
                'blockNumber': quantity(r['block']['values']['number']), 'blockHash': hexed(r['block']['hash']),
                'transactionHash': transaction, 'transactionIndex': quantity(r['index']), 'removed': False}

    def eth_getLogs(self, wanted):
        low, high = int(wanted['fromBlock'], 16), int(wanted['toBlock'], 16)
        out = []
        for block in self.blocks[low:high + 1]:
            for t in block['transactions']:
                r = self.receipts[t]
                out += [self.show_log(r, i, hexed(t)) for i, (address, topics, _) in enumerate(r['logs'])
                        if hexed(address) == wanted['address'] and hexed(topics[0]) in wanted['topics'][0]]
        return out

    # ---- what tests do to it ----
    def evm_mine(self):
        self.mine()
        return '0x0'

    def evm_setAutomine(self, flag):
        self.automine = flag
        return True

    def anvil_setBalance(self, address, wei):
        self.state.setdefault(raw(address), Account()).balance = int(wei, 16)
        self.mine()
        return None

    def toy_drop(self):
        for t in self.pending:
            del self.known[keccak(t)]
        self.pending = []
        return True

    def toy_spend(self):
        self.state[self.last].nonce += 1
        self.mine()
        return True

    def toy_reorganise(self, count):
        gone, self.blocks = self.blocks[-count:], self.blocks[:-count]
        for block in gone:
            for t in block['transactions']:
                del self.receipts[t], self.known[t]
        self.state = {a: v.copy() for a, v in self.blocks[-1]['state'].items()}
        self.fork += 1
        for _ in range(count):
            self.mine()
        return True


# ---- lies ----
def altered(v):
    if isinstance(v, bool):
        return not v
    if isinstance(v, (int, float)):
        return v + 1
    if isinstance(v, str):
        return v[:-1] + ('0' if v[-1:] == '1' else '1') if v else '0x1'
    if isinstance(v, list):
        return v[:-1]
    return None


def lie(value, path, text):
    if not path:
        return altered(value) if text is None else text
    if isinstance(value, list):
        at = int(path[0])
        return [lie(v, path[1:], text) if i == at else v for i, v in enumerate(value)]
    if not isinstance(value, dict):
        return value
    return {k: lie(v, path[1:], text) if k == path[0] else v for k, v in value.items()}


class Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    toy, lies, broken = None, [], None

    def log_message(self, *args):
        pass

    def answer(self, question):
        method, params = question['method'], question.get('params', [])
        function = getattr(self.toy, method, None) if method.split('_')[0] in ('eth', 'evm', 'anvil', 'toy') else None
        out = {'jsonrpc': '2.0', 'id': question['id']}
        if function is None:
            return out | {'error': {'code': -32601, 'message': f'the method {method} does not exist'}}
        try:
            with self.toy.lock:
                result = function(*params)
        except Refusal as e:
            return out | {'error': e.error}
        except (ValueError, TypeError, KeyError, IndexError) as e:
            return out | {'error': {'code': -32602, 'message': f'invalid params: {e}'}}
        for name, path, text in self.lies:
            result = lie(result, path, text) if name == method else result
        return out | {'result': result}

    def do_POST(self):
        body = self.rfile.read(int(self.headers['Content-Length']))
        text = json.dumps(self.answer(json.loads(body))).encode()
        if self.broken == 'silent':
            self.rfile.read(1)  # until the client has gone
            return
        text = {'big': b' ' * (5 << 20), 'text': b'<html>'}.get(self.broken, text)
        self.send_response(503 if self.broken == 'status' else 200)
        self.send_header('Content-Type', 'application/json')
        self.send_header('Content-Length', str(len(text) + (self.broken == 'cut')))
        self.end_headers()
        self.wfile.write(text)
        self.close_connection = True


def main():
    p = argparse.ArgumentParser()
    p.add_argument('--chain', type=int, default=31337)
    p.add_argument('--after', type=int, default=FINALITY)
    p.add_argument('--rich', action='append', default=[], type=raw)
    p.add_argument('--lie', action='append', default=[])
    p.add_argument('--born', type=int, default=int(time.time()), help='when its first block was made')
    p.add_argument('--broken')
    o = p.parse_args()
    Handler.broken = o.broken
    Handler.toy = Chain(o.chain, o.after, o.rich, o.born)
    for told in o.lie:
        name, _, text = told.partition('=')
        Handler.lies.append((name.split('/')[0], name.split('/')[1:], text or None))
    server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == '__main__':
    sys.exit(main())
