#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A sealed run on a software machine with two GPUs: attested at the grant and again at each renewal, verified from the manifest; and what
# is refused when the GPUs are not those of the recipe. docs/formats/gpu-policy.md. test_gpu.sh OBJECTS
set -uo pipefail
steps=20 gpus=2 lease=12s grants=1000
. "$(dirname "$0")/world.sh"
world_new "${1:?objects}"
audit() { "$sealwright" kms audit verify "$kms_url" --json 2>/dev/null | value "$1"; }
spent() { audit grants; } # and renewals

# ---- what an owner reads ----
holds 'the recipe is shown' "$sealwright" recipe show app-compose.json
grep -q 'GPUs: 2, each attested, no more and no fewer' log && grep -q 'GPU drivers: 570.172.08 and no other' log &&
    grep -q 'revocation: required' log && [ "$(grep -c '^      serial ' log)" -eq 2 ]
say $? 'two GPUs by serial, one driver, and that revocation is checked'

# ---- a run, whose worker stands still until the lease was renewed ----
stopped() { [ "$(sed 's/.*) //; s/ .*//' "/proc/$1/stat" 2>/dev/null)" = T ]; }
# Of the shell that runs the agent: an agent polls while it waits for a worker that trains, and renews. One that reads a shard is not
# waited for beyond the lease, so the first checkpoint is awaited; the worker found then must be seen standing still.
hold_until_renewed() {
    local agent worker='' until=$((SECONDS + 120))
    until [ -n "$(find run -name 'checkpoint-*.sealed' 2>/dev/null)" ]; do
        [ $SECONDS -lt $until ] && kill -0 "$1" 2>/dev/null || return
        sleep 0.02
    done
    until [ -n "$worker" ] && kill -STOP "$worker" 2>/dev/null && stopped "$worker"; do
        [ $SECONDS -lt $until ] || return
        agent=$(children "$1" 2>/dev/null) && worker=$(children "$agent" 2>/dev/null) && worker=${worker%% *}
    done
    until [ "$(spent)" -ge 2 ] 2>/dev/null || [ $SECONDS -ge $until ]; do sleep 0.1; done
    kill -CONT "$worker"
}
run_sealed >run.log 2>&1 &
agent=$!
hold_until_renewed $agent
wait $agent
code=$?
cp run.log log
[ $code -eq 0 ]; say $? 'a sealed run with two GPUs'
holds 'it verifies' verify_out
grep -q '^ok  *GPUs  *2 attested at every grant, GH100 A01 GSP BROM, driver 570.172.08, revocation checked' log
say $? 'the audit says how many, which model and which driver'
nonces() { # the request's nonce in every GPU's report of the grants, in hex
    PYTHONPATH=$world_source/tests/manifest python3 -c "
import base64
from forge_out import whole_evidence
for g in whole_evidence('$1')['grants']:
    gpus = g['evidence']['gpu']
    assert len(gpus) == 2
    for d in gpus: print(base64.b64decode(d['report'])[4:36].hex())"
}
nonces run/out >seen
[ "$(wc -l <seen)" -ge 4 ] && [ "$(sort seen | uniq -c | awk '$1 != 2' | wc -l)" -eq 0 ]
say $? 'a fresh nonce at the grant and at each renewal, the same for both GPUs'
python3 -c "
import json
c = json.load(open('run/out/evidence.json'))['closing']
assert c['gpu'] == [] and 'gpu_rims' not in c['collateral'] and c['collateral']['tcb_info'] is None"
say $? 'the closing quote shows none'
python3 -c "
import json
first, *more = [g['evidence'] for g in json.load(open('run/out/evidence.json'))['grants']]
size = lambda e: len(json.dumps(e, separators=(',', ':')))
print('#', size(first), 'bytes of evidence at the grant, then', *map(size, more))
assert more
for e in more:
    assert e['collateral'] is None and e['event_log'] is None and [d['chain'] for d in e['gpu']] == [None, None]
    assert size(e) < size(first) / 20"
say $? 'a renewal tells nothing that the grant told'

# ---- one grant's evidence, judged by itself ----
python3 -c "
import json
e = json.load(open('run/out/evidence.json'))['grants'][0]['evidence']
json.dump(e, open('one.json', 'w'), sort_keys=True, separators=(',', ':'), ensure_ascii=False)"
"$sealwright" sim show training-machine --json >policy.json
holds 'it holds under the policy of its machine' "$sealwright" attest verify one.json --policy policy.json
[ "$(grep -c '^GPU  *GH100 A01 GSP BROM, serial [0-9a-f]*, driver 570.172.08, VBIOS 96.00.CF.00.02, revocation checked$' log)" -eq 2 ]
say $? 'both GPUs are listed'
sed 's/"count":2/"count":1/' policy.json >one-gpu.json
refused policy 'under a policy of one GPU' "$sealwright" attest verify one.json --policy one-gpu.json

# ---- what the manifest's verifier refuses: evidence.json bent ----
bend() { # bend NAME PYTHON: with `grants` and `closing` at hand
    rm -rf bent && cp -r run/out bent && python3 -c "
import json
e = json.load(open('run/out/evidence.json'))
grants, closing = e['grants'], e['closing']
$2
json.dump(e, open('bent/evidence.json', 'w'), sort_keys=True, separators=(',', ':'), ensure_ascii=False)"
    refused evidence "$1" verify_out bent
}
bend "the grant's reports taken from the renewal" "
import sys; sys.path.append('$world_source/tests/manifest')
from forge_out import whole_evidence, write_evidence
e = whole_evidence('run/out')
for of, to in zip(e['grants'][1]['evidence']['gpu'], e['grants'][0]['evidence']['gpu']): to['report'] = of['report']
write_evidence('bent', e)
e = json.load(open('bent/evidence.json'))"
bend "a renewal's report is the grant's" "grants[1]['evidence']['gpu'][0]['report'] = None"
bend 'a report of other parts' "grants[1]['evidence']['gpu'][0]['report'].append(1)"
bend 'something left out that was not told before' "grants[0]['evidence']['gpu'][0]['chain'] = None"
bend 'something told twice' "grants[1]['evidence']['event_log'] = grants[0]['evidence']['event_log']"
bend 'collateral of another list' "grants[1]['evidence']['collateral'] = []"
bend 'one GPU left out' "grants[0]['evidence']['gpu'].pop()"
bend 'a manifest left out' "grants[0]['evidence']['collateral']['gpu_rims'].pop()"
bend 'an OCSP answer left out' "grants[0]['evidence']['collateral']['gpu_ocsp'].pop()"
bend 'no OCSP answer at all' "grants[0]['evidence']['collateral']['gpu_ocsp'] = []"
bend 'GPUs in the closing quote' "
closing['gpu'] = grants[0]['evidence']['gpu']
for n in ('gpu_ocsp', 'gpu_rims'): closing['collateral'][n] = grants[0]['evidence']['collateral'][n]"

# ---- what the machine itself refuses ----
rm -rf run
before=$(spent)
changed() { # changed DIR PYTHON: the training machine with another gpus.json, `f`
    rm -rf "$1" && cp -r training-machine "$1" && python3 -c "
import json
f = json.load(open('$1/gpus.json'))
$2
json.dump(f, open('$1/gpus.json', 'w'), sort_keys=True, separators=(',', ':'))"
}
changed single "f['count'] = 1"
refused policy 'a machine with one GPU fewer' run_sealed --machine sim:single
grep -q 'the recipe asks for 2 GPUs and this machine has 1' log; say $? 'it says how many'
rm -rf bare && cp -r training-machine bare && rm bare/gpus.json
refused policy 'a machine without GPUs' run_sealed --machine sim:bare

# ---- what the key service refuses ----
changed twin "pass" && cp twin/gpu_0_chain.pem twin/gpu_1_chain.pem && cp twin/keys/gpu-0-leaf twin/keys/gpu-1-leaf
refused evidence 'the same GPU twice' run_sealed --machine sim:twin
changed newer "f['driver'] = '580.95.05'"
refused evidence 'a driver of which there is no manifest' run_sealed --machine sim:newer
"$sealwright" sim init stranger --gpus 2 >/dev/null 2>&1
changed foreign "pass" && cp stranger/gpu_?_chain.pem foreign/ && cp stranger/keys/gpu-{?-leaf,device-root,family,provisioner} foreign/keys/
refused evidence 'GPUs of another root' run_sealed --machine sim:foreign
changed unsigned "pass" && cp stranger/gpu_driver_rim.xml unsigned/
refused evidence "a driver's manifest of another root" run_sealed --machine sim:unsigned

# ---- other recipes for the same machine ----
serial() { "$sealwright" sim show training-machine | awk '/drivers:/ { exit } /devices:/ { n++; next } n == 2 && /- / { print $2 }' | sed -n "$1p"; }
other() { # other NAME SED: a recipe that says something else of GPUs
    write_recipe "$1.yaml" && sed -i "$2" "$1.yaml" && compose "$1.yaml" "$1.json" && consent_all "$1.json" "$1" 2>/dev/null &&
        app_compose=$1.json consents=$1
}
other unnamed "s/$(serial 2)/0badc0de/"
refused evidence 'a GPU that the recipe does not name' run_sealed
other old 's/"570.172.08"/"550.90.07"/'
refused evidence 'a driver that the recipe does not name' run_sealed
[ "$(spent)" = "$before" ]; say $? 'no grant was spent'
other none '/^  gpu:/,$c\  gpu: none'
holds 'a recipe without GPUs runs on the same machine' run_sealed --run plain
python3 -c "
import json
for g in json.load(open('plain/out/evidence.json'))['grants']: assert g['evidence']['gpu'] == []"
say $? 'and shows none'
other any 's/^    devices:$/    devices: any/; /^      - [0-9a-f]*$/d; s/^    drivers:$/    drivers: any/; /^      - "/d'
holds 'any GPUs under the root, any driver with a manifest' run_sealed --run any
finish
