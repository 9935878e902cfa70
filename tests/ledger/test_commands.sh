#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Owners at the command line, over a ledger in a file: an app is founded, a recipe composed, shown and consented to,
# revoked and lifted; and everything that must be refused is, leaving files as they were.
# test_commands.sh OBJECTS, after $OBJECTS/sealwright was built.
set -uo pipefail
objects=$(cd "${1:?objects}" && pwd) || exit 1
source=$(cd "$(dirname "$0")/../.." && pwd)
golden=$source/tests/recipe/golden
. "$source/tests/found.sh"
identity_tests=$source/tests/identity
sealwright=$objects/sealwright
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
. "$source/tests/commands.sh" || exit 1

value() { # value MEMBER: of the JSON object on stdin, one text or number
    sed -n "s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p"
}

for name in anna bert cleo mallory; do
    holds "identity of $name" "$name" "$sealwright" identity new $name --name $name --no-passphrase
done

# ---- the app ----
holds "an app is drafted" "signed   by 0 of 3" "$sealwright" app new --name hospitals --quorum 2 \
    --owner anna/card.json --owner bert/card.json --owner cleo/card.json --out app.genesis
refused "a draft is not overwritten" 1 "there already" "$sealwright" app new --name other --quorum 1 --owner anna/card.json --out app.genesis
refused "a quorum above the owners" 1 "quorum" "$sealwright" app new --name x --quorum 2 --owner anna/card.json --out x.genesis
refused "an owner twice" 1 "twice" "$sealwright" app new --name x --quorum 1 --owner anna/card.json --owner anna/card.json --out x.genesis
refused "a stranger does not join" 1 "no owner" "$sealwright" app join app.genesis --identity mallory
for members in encryption_key name id 'id identity_key' signature; do
    python3 "$identity_tests/mix_card.py" mix anna/card.json mallory/card.json $members >mixed.json
    refused "anna's card with mallory's $members" 1 "a card's id\|a card is not signed" \
        "$sealwright" app new --name x --quorum 1 --owner mixed.json --owner bert/card.json --out x.genesis
done
[ ! -e x.genesis ]; say $? "and no draft is made of it"
holds "anna joins" "signed   by 1 of 3; missing: [a-z]*, [a-z]*$" "$sealwright" app join app.genesis --identity anna
refused "anna joins once" 1 "signed" "$sealwright" app join app.genesis --identity anna
refused "an app that is not complete has no ledger" 1 "missing" "$sealwright" revoke --everything --identity anna --app app.genesis --ledger file:ledger.db
holds "bert joins" "by 2 of 3" "$sealwright" app join app.genesis --identity bert
holds "cleo joins" "by 3 of 3" "$sealwright" app join app.genesis --identity cleo
genesis=$("$sealwright" app show app.genesis --json | value genesis)

# ---- the recipe ----
shards=
for name in anna bert; do
    for row in $(seq 20); do echo "{\"prompt\":\"$name $row?\",\"completion\":\"yes\"}"; done >$name.jsonl
    dataset=$("$sealwright" seal $name.jsonl --identity $name --out $name.sealed --json | value dataset)
    owner=$("$sealwright" identity show $name --json | value id)
    shards+="  - {owner: $owner, dataset: $dataset, rows: 20, name: $name}"$'\n'
done
"$sealwright" seal anna.jsonl --identity anna --out older.sealed >/dev/null 2>&1
awk -v shards="$shards" '/^  - {owner/ { next } { print } /^shards:/ { printf "%s", shards }' "$golden/recipe.yaml" |
    sed "s/1\{64\}/$genesis/" >recipe.yaml
mkdir model && echo '{}' >model/config.json && echo weights >model/model.safetensors && echo text >model/README.md
holds "a model is locked" "2 files" "$sealwright" model lock model --out model.lock
mkdir sharded && cp model/config.json sharded && touch sharded/{a,consolidated}.safetensors
printf '{"weight_map":{"x":"a.safetensors"}}' >sharded/model.safetensors.index.json
holds "what an index does not name is not locked" "3 files" "$sealwright" model lock sharded --out sharded.lock
! grep -q consolidated sharded.lock && grep -q a.safetensors sharded.lock && "$sealwright" model lock sharded 2>&1 >/dev/null | found 'consolidated.safetensors is not locked'
say $? "and is told"
refused "an empty folder is no model" 1 "no model folder" "$sealwright" model lock anna/keyring
compose=("$sealwright" recipe compose recipe.yaml --model-lock model.lock --trainer-lock "$golden/trainer.lock")
holds "a recipe is composed" "^[0-9a-f]\{64\}$" "${compose[@]}" --out app-compose.json
hash=$(cat log)
holds "its hash is SHA-256 of the file" "$hash" sha256sum app-compose.json
holds "recipe hash says the same" "$hash" "$sealwright" recipe hash app-compose.json
holds "recipe show" "SIMULATED" "$sealwright" recipe show app-compose.json
(cd / && "$sealwright" recipe compose "$folder/recipe.yaml" --model-lock "$folder/model.lock" --trainer-lock "$golden/trainer.lock" --out "$folder/again.json") >log 2>&1
say $? "composed from another folder"
cmp app-compose.json again.json >log 2>&1
say $? "the same bytes"
sed 's/learning_rate/learning_rat/' recipe.yaml >bad.yaml
refused "an unknown key, with its line and what was meant" 1 "bad.yaml:[0-9]*:.*learning_rat is not known" \
    "$sealwright" recipe compose bad.yaml --model-lock model.lock --trainer-lock "$golden/trainer.lock" --out bad.json
grep -q "did you mean learning_rate" log && [ ! -e bad.json ]
say $? "a hint, and no file"
sed 's/{"allowed_envs":\[\]/{"allowed_envs":["LD_PRELOAD"]/' app-compose.json >env.json
refused "a compose with an environment" 1 "allowed_envs" "$sealwright" recipe show env.json
refused "its hash is not printed either" 1 "allowed_envs" "$sealwright" recipe hash env.json
sed 's/2e-4/1e-4/' recipe.yaml >changed.yaml
"$sealwright" recipe compose changed.yaml --model-lock model.lock --trainer-lock "$golden/trainer.lock" --out changed.json >log 2>&1
holds "recipe diff" "training.learning_rate: 0.0002 -> 0.0001" "$sealwright" recipe diff app-compose.json changed.json

# ---- consent, revocation ----
root=$("$sealwright" identity show cleo --json | value encryption_key)
owners=(--app app.genesis --ledger file:ledger.db)
consent() { "$sealwright" consent "$1" --shard "$2" --identity "$3" "${owners[@]}" --root "$root" --out "$4"; }
refused "somebody else's shard" 1 "error" consent app-compose.json anna.sealed bert x.consent
refused "an older shard" 1 "does not list" consent app-compose.json older.sealed anna x.consent
refused "a stranger's consent" 1 "no owner" consent app-compose.json anna.sealed mallory x.consent
refused "a compose of something else" 1 "allowed_envs" consent env.json anna.sealed anna x.consent
[ ! -e x.consent ]
say $? "no consent file was left"
holds "anna consents" "by 1 of 2" consent app-compose.json anna.sealed anna anna.consent
holds "bert consents" "by 2 of 2" consent app-compose.json bert.sealed bert bert.consent
holds "anna consents again, and approves once" "stood already" consent app-compose.json anna.sealed anna anna.consent
holds "approved" "approved, 2 of 2" "$sealwright" app show "${owners[@]}"
cp ledger.db older.db
holds "cleo revokes" "revoked" "$sealwright" revoke app-compose.json --identity cleo "${owners[@]}"
holds "revoked" "REVOKED by cleo" "$sealwright" app show "${owners[@]}"
refused "anna cannot lift it" 1 "no revocation" "$sealwright" lift app-compose.json --identity anna "${owners[@]}"
refused "a rolled-back ledger is noticed" 1 "last seen" "$sealwright" lift "$hash" --identity cleo --app app.genesis --ledger file:older.db
refused "neither compose nor everything" 2 "everything" "$sealwright" revoke --identity cleo "${owners[@]}"
refused "a stranger's revocation" 1 "no owner" "$sealwright" revoke --everything --identity mallory "${owners[@]}"
cp ledger.db revoked.db
holds "cleo lifts" "lifted" "$sealwright" lift "$hash" --identity cleo "${owners[@]}"
refused "on a ledger that was put back she is not told that her revocation stands" 1 "error: not revoked: .*last seen" \
    "$sealwright" revoke "$hash" --identity cleo --app app.genesis --ledger file:revoked.db
refused "but what to do" 1 "hint: nothing shows that this is the ledger" "$sealwright" revoke "$hash" --identity cleo --app app.genesis --ledger file:revoked.db
refused "another of hers goes out" 1 "revoked, but: .*last seen" "$sealwright" revoke --everything --identity cleo --app app.genesis --ledger file:revoked.db
holds "approvals before it do not count" "not approved, 0 of 2" "$sealwright" app show "${owners[@]}"
holds "anna approves again" "by 1 of 2" consent app-compose.json anna.sealed anna anna.consent
holds "bert approves again" "by 2 of 2" consent app-compose.json bert.sealed bert bert.consent
refused "a bad compose is not approved" 1 "allowed_envs" "$sealwright" approve env.json --identity cleo "${owners[@]}"
holds "cleo approves without a shard" "approved" "$sealwright" approve app-compose.json --identity cleo "${owners[@]}"
refused "and does so once" 1 "already" "$sealwright" approve app-compose.json --identity cleo "${owners[@]}"
holds "the ledger is copied" "copied" "$sealwright" app copy --app app.genesis --from file:ledger.db --to file:copy.db
holds "the copy says the same" "approved, 3 of 2" "$sealwright" app show --app app.genesis --ledger file:copy.db
holds "a new ledger is said to be one" "is a new ledger" "$sealwright" app show --app app.genesis --ledger file:typo.db
holds "bert revokes everything" "everything" "$sealwright" revoke --everything --identity bert "${owners[@]}"
holds "everything is revoked" "EVERYTHING IS REVOKED by bert" "$sealwright" app show "${owners[@]}"

# ---- commands of one owner at the same time: each waits for the other and then does its own work ----
for n in 1 2 3 4 5 6; do
    sed "s/2e-4/${n}e-3/" recipe.yaml >"many$n.yaml"
    "$sealwright" recipe compose "many$n.yaml" --model-lock model.lock --trainer-lock "$golden/trainer.lock" --out "many$n.json" >log 2>&1
done
for round in 1 2 3; do
    started=()
    many=(--app app.genesis --ledger "file:many$round.db")
    rm -rf dora && cp -r anna dora && rm -f dora/heads/*
    for n in 1 2 3 4 5 6; do
        "$sealwright" approve "many$n.json" --identity dora "${many[@]}" >"many$n.log" 2>&1 &
        started+=($!)
    done
    for n in 7 8; do
        "$sealwright" consent app-compose.json --shard anna.sealed --identity dora "${many[@]}" --root "$root" \
            --out "many$n.consent" >"many$n.log" 2>&1 &
        started+=($!)
    done
    good=0
    for process in "${started[@]}"; do wait "$process" && good=$((good + 1)); done
    cat many*.log >log
    [ "$good" -eq 8 ] && "$sealwright" app show "${many[@]}" >>log 2>&1 &&
        [ "$(grep -c 'not approved, 1 of 2' log)" -eq 7 ] && [ "$(grep -c 'stood already' log)" -eq 1 ]
    say $? "eight commands of one owner at the same time ($good succeed)"
done

# One that does not end is not waited for for ever, least of all by a revocation. The waits themselves take no time here.
stuck=(flock dora/lock strace -qq -o /dev/null -e trace=clock_nanosleep -e inject=clock_nanosleep:retval=0)
refused "an approval waits in vain" 1 "another process works here" "${stuck[@]}" "$sealwright" approve app-compose.json --identity dora \
    --app app.genesis --ledger file:stuck.db
refused "a revocation goes out" 1 "revoked, but: .*another process works here" "${stuck[@]}" "$sealwright" revoke --everything --identity dora \
    --app app.genesis --ledger file:stuck.db
holds "and is alone on the ledger" "EVERYTHING IS REVOKED by anna" "$sealwright" app show --app app.genesis --ledger file:stuck.db

# ---- the ledger file: a flipped bit is refused or changes nothing (every 211th byte) ----
"$sealwright" app show "${owners[@]}" >before 2>&1
size=$(stat -c %s ledger.db) wrong=0
for ((at = 0; at < size; at += 211)); do
    cp ledger.db flipped.db
    byte=$(od -An -tu1 -j $at -N 1 ledger.db)
    printf "\\x$(printf %02x $((byte ^ (1 << at % 8))))" | dd of=flipped.db bs=1 seek=$at conv=notrunc status=none
    if "$sealwright" app show --app app.genesis --ledger file:flipped.db >after 2>log; then cmp -s before after || wrong=$((wrong + 1)); fi
done
[ "$wrong" -eq 0 ]
say $? "no flip in the ledger's file changes an answer"
finish
