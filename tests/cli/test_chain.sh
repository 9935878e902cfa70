#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Three owners whose ledger is a contract, on the toy chain (tests/ledger/toy_chain.py): founded, joined, consented to, approved
# through somebody else's transaction, revoked, lifted, watched, its owners changed; and what must be refused is, with its word.
# test_chain.sh OBJECTS, after $OBJECTS/sealwright was built.
set -uo pipefail
objects=$(cd "${1:?objects}" && pwd) || exit 1
source=$(cd "$(dirname "$0")/../.." && pwd)
golden=$source/tests/recipe/golden
toy=$source/tests/ledger/toy_chain.py
sealwright=$objects/sealwright
folder=$(mktemp -d)
toys=()
trap '[ ${#toys[@]} -eq 0 ] || kill "${toys[@]}"; rm -rf "$folder"' EXIT
cd "$folder" || exit 1
. "$source/tests/commands.sh" || exit 1

word() { # word NAME WORD COMMAND...: fails with this word
    local name=$1 expected=$2
    shift 2
    "$@" --json >log 2>&1
    [ $? -eq 1 ] && grep -q "\"word\":\"$expected\"" log
    say $? "$name"
}
value() { # value MEMBER: of the JSON object on stdin, one text or number
    sed -n "s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p"
}
start_toy() { # start_toy NAME OPTIONS...: its address into the variable NAME
    local name=$1
    shift
    python3 "$toy" "$@" >"$name.port" 2>"$name.log" &
    toys+=($!)
    until [ -s "$name.port" ]; do
        kill -0 "${toys[-1]}" || exit 1
        read -rt 0.05 <> <(:) || :
    done
    declare -g "$name=http://127.0.0.1:$(cat "$name.port")"
}
ask() { # ask URL METHOD PARAMS: the toy's answer
    python3 -c 'import sys, urllib.request as u
print(u.urlopen(u.Request(sys.argv[1], b"{\"id\":1,\"method\":\"%s\",\"params\":%s}" % (sys.argv[2].encode(), sys.argv[3].encode()))).read().decode())' "$@"
}
address() { python3 -c 'import json, sys; print("0x" + json.load(open(sys.argv[1]))["address"])' "$1/card.json"; }

# ---- keys ----
for name in anna cleo dora mallory; do
    holds "identity of $name" "address  " "$sealwright" identity new $name --name $name --no-passphrase --chain-key
done
printf 'word\n' >pass && chmod 600 pass
holds "bert has keys under a passphrase" "bert" "$sealwright" identity new bert --name bert --passphrase-file pass
cp bert/card.json bert.old
holds "bert gets one" "address  0x\|address   *0x" "$sealwright" identity chain-key bert --passphrase-file pass
grep -q "BEGIN ENCRYPTED" bert/chain.key && [ "$(stat -c %a bert/chain.key anna/chain.key | sort -u)" = 600 ]
say $? "encrypted, and 0600"
word "and keeps it" exists "$sealwright" identity chain-key bert --passphrase-file pass
holds "an older card is a card" "bert" "$sealwright" identity show bert.old
openssl pkey -in anna/chain.key -noout -text >log 2>&1 && grep -q secp256k1 log
say $? "openssl reads it"
mv anna/chain.key kept && cp mallory/chain.key anna/chain.key

start_toy chain --rich "$(address anna)" --rich "$(address bert)"
start_toy other --chain 5
rpc=(--rpc "$chain")
bert=(--identity bert --passphrase-file pass)

# ---- the app ----
cards=(--owner anna/card.json --owner bert/card.json --owner cleo/card.json)
new=("$sealwright" app new --name hospitals --quorum 2 "${cards[@]}" --out app.genesis --ledger ethereum)
word "somebody else's chain key" key "${new[@]}" "${rpc[@]}" --identity anna
mv kept anna/chain.key
refused "no node" 2 "rpc" "${new[@]}" --identity anna
refused "a node in the clear" 2 "loopback" "${new[@]}" --identity anna --rpc http://node.example
word "a node that is not there" unavailable "${new[@]}" --identity anna --rpc http://127.0.0.1:1/v3/customers-key?more
grep -q "http://127.0.0.1:1 does not answer" log && ! grep -q "customers-key\|more" log
say $? "whose address is named without what may be a customer's key"
refused "an older card has no address" 1 "address" "$sealwright" app new --name x --quorum 1 --owner bert.old --out x.genesis --ledger ethereum \
    "${rpc[@]}" --identity anna
word "no gas" gas "${new[@]}" "${rpc[@]}" --identity cleo
word "too dear" gas "${new[@]}" "${rpc[@]}" --identity anna --max-cost-gwei 1
[ ! -e app.genesis ]
say $? "no draft was left"
holds "an app is founded on the chain" "ledger   eip155:31337/0x" "${new[@]}" "${rpc[@]}" --identity anna
contract=$(value contract <app.genesis)
ledger=eip155:31337/$("$sealwright" app show app.genesis | sed -n 's/^ledger .*\(0x.*\)/\1/p')
holds "its address is that of a contract" "0x60" ask "$chain" eth_getCode "[\"0x$contract\",\"latest\"]"
refused "another quorum than the contract's" 1 "quorum" "$sealwright" app new --name x --quorum 3 "${cards[@]}" --out x.genesis \
    --ledger ethereum "${rpc[@]}" --contract "0x$contract"
refused "other owners than the contract's" 1 "place\|owners" "$sealwright" app new --name x --quorum 2 --owner anna/card.json --owner dora/card.json \
    --owner cleo/card.json --out x.genesis --ledger ethereum "${rpc[@]}" --contract "0x$contract"
refused "an address without a contract" 1 "contract" "$sealwright" app new --name x --quorum 2 "${cards[@]}" --out x.genesis \
    --ledger ethereum "${rpc[@]}" --contract "$(address mallory)"
refused "joining without a node" 2 "rpc" "$sealwright" app join app.genesis --identity anna
word "joining by another chain" chain "$sealwright" app join app.genesis --identity anna --rpc "$other"
refused "a stranger" 1 "no owner" "$sealwright" app join app.genesis --identity mallory "${rpc[@]}"
holds "anna joins" "by 1 of 3" "$sealwright" app join app.genesis --identity anna "${rpc[@]}"
holds "bert joins" "by 2 of 3" "$sealwright" app join app.genesis "${bert[@]}" "${rpc[@]}"
holds "cleo joins" "by 3 of 3" "$sealwright" app join app.genesis --identity cleo "${rpc[@]}"
genesis=$("$sealwright" app show app.genesis --json | value genesis)

# ---- what a contract's maker wrote into it (CHN-105) ----
device=$(printf '%064d' 7)
holds "an app for one machine alone" "ledger   eip155:31337/0x" "$sealwright" app new --name narrow --quorum 1 --owner anna/card.json \
    --out narrow.genesis --ledger ethereum "${rpc[@]}" --identity anna --allow-device "$device"
refused "an owner who does not know of the machine" 1 "holds more than" "$sealwright" app join narrow.genesis --identity anna "${rpc[@]}"
refused "or of another one" 1 "holds more than" "$sealwright" app join narrow.genesis --identity anna "${rpc[@]}" --allow-device "${device/7/8}"
holds "an owner who names it" "by 1 of 1" "$sealwright" app join narrow.genesis --identity anna "${rpc[@]}" --allow-device "$device"

# ---- a recipe ----
shards=
for name in anna bert; do
    pass=() && [ $name = anna ] || pass=(--passphrase-file pass)
    for row in $(seq 20); do echo "{\"prompt\":\"$name $row?\",\"completion\":\"yes\"}"; done >$name.jsonl
    dataset=$("$sealwright" seal $name.jsonl --identity $name "${pass[@]}" --out $name.sealed --json | value dataset)
    owner=$("$sealwright" identity show $name --json | value id)
    shards+="  - {owner: $owner, dataset: $dataset, rows: 20, name: $name}"$'\n'
done
awk -v shards="$shards" '/^  - {owner/ { next } { print } /^shards:/ { printf "%s", shards }' "$golden/recipe.yaml" |
    sed "s/1\{64\}/$genesis/" >recipe.yaml
mkdir model && echo '{}' >model/config.json && echo weights >model/model.safetensors
"$sealwright" model lock model --out model.lock >log 2>&1
hash=$("$sealwright" recipe compose recipe.yaml --model-lock model.lock --trainer-lock "$golden/trainer.lock" --out app-compose.json 2>log)
[ ${#hash} -eq 64 ]
say $? "a recipe is composed"

# ---- decisions ----
app=(--app app.genesis "${rpc[@]}")
root=$("$sealwright" identity show mallory --json | value encryption_key)
refused "the ledger is elsewhere than the app says" 1 "eip155:31337" "$sealwright" app show --app app.genesis "${rpc[@]}" --ledger file:x.db
refused "another contract" 1 "the app's ledger is" "$sealwright" app show "${app[@]}" --ledger "eip155:31337/$(address mallory)"
holds "nothing is decided" "quorum 2 of 3" "$sealwright" app show "${app[@]}" --ledger "$ledger"
word "a chain is not copied" chain "$sealwright" app copy --app app.genesis --from file:x.db --to file:y.db
word "a stranger approves nothing" ledger "$sealwright" approve app-compose.json --identity mallory "${app[@]}"
holds "anna consents" "by 1 of 2" "$sealwright" consent app-compose.json --shard anna.sealed --identity anna "${app[@]}" --root "$root" --out anna.consent
word "approving twice costs nothing" ledger "$sealwright" approve app-compose.json --identity anna "${app[@]}"
holds "anna consents again, and approves once" "stood already" "$sealwright" consent app-compose.json --shard anna.sealed --identity anna \
    "${app[@]}" --root "$root" --out anna.consent
word "cleo has no gas" gas "$sealwright" approve app-compose.json --identity cleo "${app[@]}"
holds "she signs" "counts when somebody" "$sealwright" approve app-compose.json --identity cleo "${app[@]}" --relay-out cleo.call
holds "which decides nothing yet" "1 of 2" "$sealwright" app show "${app[@]}"
sed 's/"chain":31337/"chain":5/' cleo.call >elsewhere.call
word "not on another chain" chain "$sealwright" app relay elsewhere.call --identity anna "${app[@]}"
python3 -c 'import json
c = json.load(open("cleo.call"))
d = bytearray.fromhex(c["data"])
d[60] ^= 1 # in the compose hash
print(json.dumps(c | {"data": d.hex()}, separators=(",", ":"), sort_keys=True), end="")' >changed.call
word "a changed call is nobody's" signature "$sealwright" app relay changed.call --identity anna "${app[@]}"
# What somebody asks anna to send may speak for anna: the contract takes a lift or a revocation from its owner's own account unsigned.
python3 - "$(dirname "$toy")" <<'PY'
import json
import sys

sys.path.insert(0, sys.argv[1])
from toy_chain import keccak

call = json.load(open("cleo.call"))
word = lambda v: v.to_bytes(32, "big").hex()
unsigned = lambda name: keccak(f"{name}(uint8,bytes32,bool,uint64,bytes)".encode())[:4].hex() + word(0) + call["data"][72:136] + word(0) + word(2) + word(160) + word(0)
bad = {"lift": unsigned("lift"), "revoke": unsigned("revoke"), "transfer": "a9059cbb" + word(1) + word(10**18), "longer": call["data"] + "00" * 32, "nothing": ""}
for name, data in bad.items():
    print(json.dumps(call | {"data": data}, separators=(",", ":"), sort_keys=True), end="", file=open(f"{name}.bad", "w"))
print(json.dumps(call | {"contract": "ff" * 20}, separators=(",", ":"), sort_keys=True), end="", file=open("token.call", "w"))
PY
for bad in lift revoke transfer longer nothing; do
    word "a $bad that nobody signed is not sent for anna" format "$sealwright" app relay $bad.bad --identity anna "${app[@]}"
done
word "nor a call to another contract" chain "$sealwright" app relay token.call --identity anna "${app[@]}"
holds "an owner without a chain key" "eve" "$sealwright" identity new eve --name eve --no-passphrase
word "sends nothing" missing "$sealwright" app relay cleo.call --identity eve "${app[@]}"
holds "anna sends it, and is told what it says" "cleo approves $hash, as number 1" "$sealwright" app relay cleo.call --identity anna "${app[@]}"
refused "once" 1 "last sequence number is 1" "$sealwright" app relay cleo.call --identity anna "${app[@]}"
holds "approved" "approved, 2 of 2: \(anna, cleo\|cleo, anna\)" "$sealwright" app show "${app[@]}"
holds "bert consents" "by 3 of 2" "$sealwright" consent app-compose.json --shard bert.sealed "${bert[@]}" "${app[@]}" --root "$root" --out bert.consent
holds "cleo revokes, sent by bert" "counts when" "$sealwright" revoke app-compose.json --identity cleo "${app[@]}" --relay-out cleo2.call
holds "and he sends it" "^block" "$sealwright" app relay cleo2.call "${bert[@]}" "${app[@]}"
holds "revoked" "REVOKED by cleo" "$sealwright" app show "${app[@]}"
word "anna cannot lift it" ledger "$sealwright" lift "$hash" --identity anna "${app[@]}"
ask "$chain" anvil_setBalance "[\"$(address cleo)\",\"0xde0b6b3a7640000\"]" >log
for _ in 1 2; do ask "$chain" evm_mine '[]' >>log; done
holds "cleo lifts, by her own transaction" "lifted" "$sealwright" lift "$hash" --identity cleo "${app[@]}"
holds "approvals before it do not count" "not approved, 0 of 2" "$sealwright" app show "${app[@]}"
holds "bert revokes everything" "everything" "$sealwright" revoke --everything "${bert[@]}" "${app[@]}"
holds "everything is revoked" "EVERYTHING IS REVOKED by bert" "$sealwright" app show "${app[@]}"
holds "and lifts it" "lifted" "$sealwright" lift --everything "${bert[@]}" "${app[@]}"
holds "cleo hands out an approval" "counts when" "$sealwright" approve app-compose.json --identity cleo "${app[@]}" --relay-out held.call
holds "thinks better of it" "counts when" "$sealwright" revoke app-compose.json --identity cleo "${app[@]}" --relay-out better.call
holds "who holds the approval sends it first" "^block" "$sealwright" app relay held.call --identity anna "${app[@]}"
holds "and holds up no revocation by it" "^block" "$sealwright" app relay better.call --identity anna "${app[@]}"
holds "which stands" "REVOKED by cleo" "$sealwright" app show "${app[@]}"
holds "until cleo lifts it" "lifted" "$sealwright" lift "$hash" --identity cleo "${app[@]}"
holds "cleo revokes without any node" "kms revoke" "$sealwright" revoke app-compose.json --identity cleo --app app.genesis --offline --relay-out off.call
refused "a stranger does not" 1 "no owner" "$sealwright" revoke app-compose.json --identity mallory --app app.genesis --offline --relay-out x.call
refused "nor without a file" 2 "relay-out" "$sealwright" revoke app-compose.json --identity cleo --app app.genesis --offline
holds "it is as good as any" "^block" "$sealwright" app relay off.call --identity anna "${app[@]}"
holds "and stands" "REVOKED by cleo" "$sealwright" app show "${app[@]}"
holds "and is lifted like any" "lifted" "$sealwright" lift "$hash" --identity cleo "${app[@]}"
holds "anna approves in the new round" "approved" "$sealwright" approve app-compose.json --identity anna "${app[@]}"
holds "and is watched" "approved  $hash  by anna" "$sealwright" app watch --once "${app[@]}"
for name in anna bert; do grep -q '"ledger":{"hash":"[1-9a-f0]*[1-9a-f]' $name/heads/*; done
say $? "what they saw is kept"

# ---- finality ----
start_toy slow --rich "$(address anna)" --after 0
holds "a contract that is not final in time" "not final in time" bash -c "! $sealwright app new --name slow --quorum 1 --owner anna/card.json --out slow.genesis \
    --ledger ethereum --rpc $slow --identity anna --wait 0"
for _ in 1 2; do ask "$slow" evm_mine '[]' >log; done
slow_contract=$(sed -n 's/.*"contractAddress": "\([^"]*\)".*/\1/p' <(ask "$slow" eth_getTransactionReceipt "[\"$(ask "$slow" eth_getBlockByNumber '["0x3",false]' |
    sed -n 's/.*"transactions": \["\([^"]*\)".*/\1/p')\"]"))
holds "is taken up when it is" "signed   by 0 of 1" "$sealwright" app new --name slow --quorum 1 --owner anna/card.json --out slow.genesis \
    --ledger ethereum --rpc "$slow" --contract "$slow_contract"

# ---- owners change ----
change=("$sealwright" app change change.json "${app[@]}")
refused "a change of nothing" 2 "change nothing" "${change[@]}"
holds "a change is drafted" "removes  place" "${change[@]}" --add dora/card.json --remove cleo/card.json --quorum 2
word "nobody has signed" quorum "${change[@]}" --send --identity anna
cp change.json shown.json
holds "who is asked to sign reads it" "removes  place" "${change[@]}" --show && holds "with what stands" "signed   by 0 of the 2" "${change[@]}" --show
cmp -s change.json shown.json
say $? "and signs nothing by reading"
refused "one at a time" 2 "exclude each other" "${change[@]}" --show --sign --identity anna
holds "anna signs" "signed   by 1 of the 2" "${change[@]}" --sign --identity anna
word "once" ledger "${change[@]}" --sign --identity anna
word "no stranger does" ledger "${change[@]}" --sign --identity mallory
holds "bert signs" "signed   by 2 of the 2" "${change[@]}" --sign "${bert[@]}"
cp change.json again.json
sed 's/"quorum":2/"quorum":1/' change.json >altered.json
python3 -c 'import json
c = json.load(open("change.json"))
c |= {"add_devices": ["07" * 32], "remove_devices": ["08" * 32], "allow_any_device": False, "require_tcb_up_to_date": True, "signatures": []}
print(json.dumps(c, separators=(",", ":"), sort_keys=True), end="")' >quiet.json
"$sealwright" app change quiet.json "${app[@]}" --sign --identity anna >log 2>&1
grep -q "^allows   device 0707" log && grep -q "^forbids  device 0808" log && grep -q "^devices  named ones alone" log && grep -q "^TCB      up to date alone" log
say $? "who signs a change is told of every setting in it"
"$sealwright" app change quiet.json "${app[@]}" --show --json >log 2>&1
python3 -c 'import json
w = json.load(open("log"))["words"]
assert w["add_devices"] == ["07" * 32] and w["remove_devices"] == ["08" * 32] and w["allow_any_device"] is False and w["require_tcb_up_to_date"] is True'
say $? "and so is a program"
word "an altered change" reverted "$sealwright" app change altered.json "${app[@]}" --send --identity anna
holds "it is sent" "made" "${change[@]}" --send --identity anna
word "once" ledger "$sealwright" app change again.json "${app[@]}" --send --identity anna
word "cleo is out" removed "$sealwright" approve app-compose.json --identity cleo "${app[@]}"
ask "$chain" anvil_setBalance "[\"$(address dora)\",\"0xde0b6b3a7640000\"]" >log
for _ in 1 2; do ask "$chain" evm_mine '[]' >>log; done
holds "dora is in" "approved" "$sealwright" approve app-compose.json --identity dora "${app[@]}"

# ---- a chain that goes back ----
holds "anna approves once more" "approved" "$sealwright" approve app-compose.json --identity anna "${app[@]}"
ask "$chain" toy_reorganise '[3]' >log
word "what anna saw is not there any more" rollback "$sealwright" approve app-compose.json --identity anna "${app[@]}"
holds "her revocation goes out all the same" "revoked, but" bash -c "! $sealwright revoke --everything --identity anna ${app[*]}"
holds "and stands" "EVERYTHING IS REVOKED by anna" "$sealwright" app show "${app[@]}"
for name in chain other slow; do [ ! -s $name.log ] || cat $name.log >&2; done
finish
