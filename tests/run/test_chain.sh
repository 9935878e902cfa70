#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A sealed run of an app whose ledger is a contract on a chain (docs/formats/chain.md): from the owners' approvals there to a manifest that
# verifies when the chain is gone; what does not hold is refused by its word; a revocation ends a run at its next renewal.
# test_chain.sh OBJECTS; chain=anvil and anvil=PROGRAM take another chain than the toy one.
set -uo pipefail
steps=20 save_steps=1 lease=24s grants=1000 open_quorum=2
: "${chain:=toy}"
. "$(dirname "$0")/world.sh"
world_new "${1:?objects}"
audit() { "$sealwright" kms audit verify "$kms_url" --json 2>/dev/null | value "$1"; }
unlock() { "$sealwright" kms unlock --identity "$1" --reference kms.reference "${@:2}"; }
again() { stop_kms && start_kms && unlock_all; } # a key service that has kept no block
newest_passes() { sleep 10.1; }                  # it keeps the newest block for so long (CHN-061)

# ---- the run ----
holds 'a sealed run, approved on a chain' run_sealed
holds 'an owner unlocks as of a block' unlock anna
grep -Eq '^as of block [0-9]+ of chain 31337, 0x[0-9a-f]{64}$' log; say $? 'and is told which'
"$sealwright" identity new research --name research --no-passphrase >log 2>&1
holds 'it verifies' verify_out
blocks='1 block' && [ $chain = toy ] || blocks='[1-4] blocks*' # on anvil time goes on between the owners' words
grep -q "ok  *ledger  *chain 31337, contract 0x.*: $blocks, every word proven" log && grep -q 'ok  *approval  *3 of 2 approvals needed stood' log
say $? 'the audit names chain and contract, and what stood'
grep -Eq '^block hash 0x[0-9a-f]{64}$' log && grep -q 'no proof here: ask a node of that chain' log; say $? 'the block by its whole hash, and what no file can know'
"$sealwright" kms audit verify "$kms_url" --out audit.json >log 2>&1
python3 - audit.json >log 2>&1 <<'PY'
import base64, json, sys
entries = [json.loads(base64.b64decode(e["payload"])) for e in json.load(open(sys.argv[1]))["entries"]]
granted = [e for e in entries if e["event"] == "keys" and e["decision"] == "granted"]
assert granted and all(e["blocks"] and e["blocks"][0]["index"] > 0 for e in granted), granted
PY
say $? 'the audit log holds the blocks of each grant'

# ---- the newest block, and who named which ----
refused quorum 'opening before anybody approved it' open_out run/out research/card.json x.opened
approve_open run/out research/card.json >log 2>&1; say $? 'owners approve an opening on the chain'
newest_passes
refused quorum "owners' words are older than that" open_out run/out research/card.json x.opened
grep -q 'at block [0-9]*, which .* named' log && grep -q 'kms unlock' log; say $? 'whose, and what to do'
unlock_all
holds 'opened' open_out run/out research/card.json adapter.opened
unpack_to adapter.opened research adapter >log 2>&1 && verify_out run/out --model adapter >log 2>&1; say $? 'and it is the model of the manifest'
holds 'a replay' replay_out run/out
grep -q '^bit-equal: 20 steps' log; say $? 'bit-equal'

# ---- a node that lies ----
stop_kms && start_kms
for said in eth_getBlockByNumber/stateRoot eth_getBlockByHash/stateRoot eth_chainId; do
    node proxy_lie "[\"$said\"]" >/dev/null
    "$sealwright" kms unlock --identity anna --reference kms.reference --json >log 2>&1
    [ $? -eq 1 ]; say $? "an owner believes no node that lies about $said: $(error_word <log)"
done
node proxy_lie >/dev/null
unlock_all
for said in eth_getProof/accountProof/0 eth_getProof/storageProof/0/proof/0 eth_getProof/storageProof/1/proof eth_getBlockByNumber/hash; do
    [[ $said != *Number* ]] || again >log 2>&1
    node proxy_lie "[\"$said\"]" >/dev/null
    run_sealed --run lied --json >log 2>&1
    [ $? -eq 1 ] && found -E 'proof|format' <<<"$(error_word <log)"; say $? "nor does the key service about $said: $(error_word <log)"
done
node proxy_lie >/dev/null
ls lied/checkpoint-* lied/out >log 2>&1
[ $? -ne 0 ]; say $? 'no key was given'
holds 'the same node, honest again' run_sealed --run lied
rm -rf lied

# ---- who has not said a word, or an old one ----
stop_kms && start_kms
refused locked 'a key service that was restarted and not unlocked' run_sealed --run x
node proxy_stand '[true]' >/dev/null
unlock_all
"$sealwright" revoke app-compose.json --identity cleo --rpc "$node_url" >log 2>&1; say $? 'cleo revokes; the node that the others ask stands still'
unlock anna --rpc "$node_url" >log 2>&1; say $? 'anna asks another one'
refused revoked 'what one owner has seen counts' run_sealed --run x
refused rollback 'an owner whose node shows an older block than she has seen' unlock anna
node proxy_stand '[false]' >/dev/null
"$sealwright" lift app-compose.json --identity cleo >log 2>&1
for owner in anna bert; do "$sealwright" approve app-compose.json --identity $owner >log 2>&1; done
again
holds 'lifted and approved again' run_sealed --run lifted
verify_out lifted/out >log 2>&1; say $? 'it verifies'

# ---- a revocation that is handed over ----
"$sealwright" revoke app-compose.json --identity cleo --relay-out revoked.json >log 2>&1
holds 'a signed revocation reaches the key service first' "$sealwright" kms revoke revoked.json
refused revoked 'it counts at once' run_sealed --run x
[ "$(audit revocations)" -ge 1 ]; say $? 'and stands in the audit log'
for at in 9 75 200 300 410 500; do # selector, place, everything, sequence, signature
    python3 -c '
import json, sys
call, at = json.load(open("revoked.json")), int(sys.argv[1])
call["data"] = call["data"][:at] + ("1" if call["data"][at] == "0" else "0") + call["data"][at + 1:]
print(json.dumps(call, separators=(",", ":"), sort_keys=True), end="")' $at >bent.json
    "$sealwright" kms revoke bent.json --json >log 2>&1
    [ $? -eq 1 ] && found -E '^(format|signature)$' <<<"$(error_word <log)"; say $? "one whose digit $at was altered: $(error_word <log)"
done
again
refused revoked 'and in the next start, which the chain has said nothing to' run_sealed --run x
"$sealwright" app relay revoked.json --identity anna >log 2>&1; say $? 'it is sent'
"$sealwright" lift app-compose.json --identity cleo >log 2>&1
for owner in anna bert; do "$sealwright" approve app-compose.json --identity $owner >log 2>&1; done
again
holds 'lifted and approved again' run_sealed --run relayed

# ---- revoked during a run ----
stopped() { [ "$(sed 's/.*) //; s/ .*//' "/proc/$1/stat" 2>/dev/null)" = T ]; }
hold_worker() { # after the first checkpoint, as in test_gpu.sh
    local agent until=$((SECONDS + 120))
    worker_pid=''
    until [ -n "$(find held -name 'checkpoint-*.sealed' 2>/dev/null)" ]; do
        [ $SECONDS -lt $until ] && kill -0 "$1" 2>/dev/null || return
        sleep 0.02
    done
    until [ -n "$worker_pid" ] && kill -STOP "$worker_pid" 2>/dev/null && stopped "$worker_pid"; do
        [ $SECONDS -lt $until ] || return
        agent=$(children "$1" 2>/dev/null) && worker_pid=$(children "$agent" 2>/dev/null) && worker_pid=${worker_pid%% *}
    done
}
run_sealed --run held >run.log 2>&1 &
agent=$!
hold_worker $agent
before=$(audit refusals)
"$sealwright" revoke app-compose.json --identity bert >log 2>&1
until [ "$(audit refusals)" -gt "$before" ] 2>/dev/null || ! kill -0 $agent 2>/dev/null; do sleep 0.1; done
kill -CONT $worker_pid 2>/dev/null
wait $agent
code=$?
cp run.log log
[ $code -eq 1 ] && grep -q 'stopped with a sealed checkpoint' log && grep -q 'revoked by bert' log; say $? 'revoked during a run: it ends with a sealed checkpoint'
ls held/checkpoint-*.sealed >/dev/null 2>&1 && [ ! -e held/out ]; say $? 'the checkpoint is there'
refused revoked 'it does not go on' run_sealed --run held
"$sealwright" lift app-compose.json --identity bert >log 2>&1
for owner in anna cleo; do "$sealwright" approve app-compose.json --identity $owner >log 2>&1; done
again
holds 'lifted and approved again: it resumes' run_sealed --run held
verify_out held/out >log 2>&1 && same_model run/out held/out; say $? 'to the same model, and it verifies'
[ "$(python3 -c 'import json; print(len(json.load(open("held/out/ledger.json"))["views"]))')" -ge 2 ]; say $? 'with a view of each block that was named'

# ---- an owner who was removed ----
holds 'a change is drafted' "$sealwright" app change change.json --remove cleo/card.json
for owner in anna bert; do "$sealwright" app change change.json --sign --identity $owner >log 2>&1; done
holds 'and sent' "$sealwright" app change change.json --send --identity anna
for owner in anna bert; do "$sealwright" approve app-compose.json --identity $owner >log 2>&1; done
again
refused removed 'data of an owner who was removed' run_sealed --run x
grep -q cleo log; say $? 'who, is named'

# ---- offline: the chain is gone ----
stop_chain
newest_passes
refused unavailable 'a key service whose node is gone' run_sealed --run x
stop_kms
holds 'the first manifest verifies without a chain' verify_out
holds 'and the resumed one' verify_out held/out
python3 "$world_source/tests/run/bend_views.py" held/out run/out bent >log 2>&1; say $? '(folders with altered views)'
for folder in bent/*; do
    verify_out "$folder" --json >log 2>&1
    code=$?
    word=$(error_word <log)
    [ $code -eq 1 ] && found -E '^(proof|format|app|quorum|limit)$' <<<"$word"; say $? "${folder#bent/}: $word"
done
"$objects/tests/manifest/flip_out" held/out "$genesis" 250 "${SEED:-1}" >log 2>&1
[ $? -eq 0 ] && [ "$(grep -c '^ok' log)" -eq 27 ]; say $? 'no flipped bit, cut or extension of any file is accepted'
grep '^ok' log | sed 's/^ok [0-9]* -/#/'
finish
