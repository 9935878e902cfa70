#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Copies of an out folder whose ledger.json was altered, each in one way, in the one encoding that is accepted.
bend_views.py OUT OTHER TO: TO/NAME/...; OTHER is another run's folder, for views that are true and named by nobody in OUT."""

import json
import os
import shutil
import sys

out, other, to = sys.argv[1:]
ledger = json.load(open(os.path.join(out, 'ledger.json')))
theirs = json.load(open(os.path.join(other, 'ledger.json')))['views']


def write(name, changed):
    shutil.copytree(out, os.path.join(to, name))
    with open(os.path.join(to, name, 'ledger.json'), 'w') as f:
        f.write(json.dumps(changed, separators=(',', ':'), sort_keys=True))


def flip(text, at):
    return text[:at] + ('0' if text[at] != '0' else '1') + text[at + 1:]


def bent(name, change):
    views = json.loads(json.dumps(ledger['views']))
    write(name, ledger | {'views': change(views)})


def member(view, key, change):
    view[key] = change(view[key])
    return view


def slot(view, at, key, change):
    view['storage'][at][key] = change(view['storage'][at][key])
    return view


def each(change, name):
    bent(name, lambda v: [change(v[0])] + v[1:])


def number_of(view):
    """As the verifier orders them: by number, then hash; here only to keep the order where that is not what is bent."""
    header, items = bytes.fromhex(view['header']), []
    at = 3 if header[0] == 0xf9 else 2
    while at < len(header):
        b = header[at]
        size, start = (0, at) if b < 0x80 else (b - 0x80, at + 1) if b < 0xb8 else (int.from_bytes(header[at + 1:at + 1 + b - 0xb7], 'big'), at + 1 + b - 0xb7)
        items.append(header[at:at + 1] if b < 0x80 else header[start:start + size])
        at = at + 1 if b < 0x80 else start + size
    return int.from_bytes(items[8], 'big')


os.makedirs(to)
bent('no-views', lambda v: [])
bent('one-left-out', lambda v: v[1:])
bent('the-last-left-out', lambda v: v[:-1])
bent('one-twice', lambda v: [v[0]] + v)
bent('out-of-order', lambda v: v[::-1])
strange = [v for v in theirs if v['header'] not in [w['header'] for w in ledger['views']]]
bent('one-that-nobody-named', lambda v: sorted(v + strange[:1], key=number_of))
each(lambda v: member(v, 'header', lambda h: flip(h, 8)), 'a-digit-of-the-parent')
each(lambda v: member(v, 'header', lambda h: flip(h, 2 * 100)), 'a-digit-of-the-roots')
each(lambda v: member(v, 'account', lambda n: [flip(n[0], 20)] + n[1:]), 'a-digit-of-the-account')
each(lambda v: member(v, 'account', lambda n: n[:-1]), 'a-node-less')
each(lambda v: member(v, 'account', lambda n: n + n[-1:]), 'a-node-more')
for i in range(len(ledger['views'][0]['storage'])):
    each(lambda v, i=i: slot(v, i, 'proof', lambda n: n[:-1] + [flip(n[-1], len(n[-1]) - 1)]), f'a-digit-of-value-{i}')
    each(lambda v, i=i: member(v, 'storage', lambda s, i=i: s[:i] + s[i + 1:]), f'slot-{i}-left-out')
each(lambda v: slot(v, 0, 'slot', lambda s: flip(s, 63)), 'another-slot')
each(lambda v: member(v, 'storage', lambda s: s[::-1]), 'slots-out-of-order')
each(lambda v: v | {'kind': 'sealwright/chain-view/v2'}, 'another-kind')
each(lambda v: v | {'more': ''}, 'a-member-more')
each(lambda v: v | {'header': v['header'] + '00'}, 'a-longer-header')
write('a-journal-instead', {'genesis': ledger['genesis'], 'journal': {'entries': [], 'id': '00' * 32}, 'kind': ledger['kind']})
write('both', ledger | {'journal': {'entries': [], 'id': '00' * 32}})
