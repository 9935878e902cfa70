#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The key service at the command line: made, started, looked at, unlocked, audited; killed at counted system calls and
# put back to older states; and everything that must be refused is.
# test_commands.sh OBJECTS, after $OBJECTS/sealwright was built.
set -uo pipefail
source=$(cd "$(dirname "$0")/../.." && pwd)
objects=$(cd "${1:?objects}" && pwd) || exit 1
sealwright=$objects/sealwright
# The service waits for the disk at each decision; in memory the test is not slowed by other tests.
folder=$(mktemp -d -p /dev/shm 2>/dev/null || mktemp -d)
pid=
watcher=
trap '[ -z "$pid$watcher" ] || kill -9 $pid $watcher 2>/dev/null; rm -rf "$folder"' EXIT
cd "$folder" || exit 1
. "$source/tests/commands.sh" || exit 1

listening() { # waits for the first line of ./listen, from a service that is process $pid
    url=
    until grep -q '^listening ' listen 2>/dev/null; do kill -0 "$pid" 2>/dev/null || return 1; done
    url=https://$(sed -n '1s/^listening //p' listen)
}
serve() { # serve PLACE [OPTION...]: in the background, its place in $url
    local place=$1
    shift
    rm -f listen
    "$sealwright" kms serve --dir kms --machine sim:box --listen "$place" "$@" >listen 2>serve.log &
    pid=$!
    listening
}
stop() { # stop SIGNAL
    kill -"$1" "$pid"
    wait "$pid" 2>/dev/null
    ended=$?
    pid=
}
unlock() { # unlock NAME
    "$sealwright" kms unlock --app app.genesis --identity "$1" --reference reference.json --kms "$url"
}

# ---- making ----
holds "a software machine" "platform: sim" "$sealwright" sim init box
refused "no folder for a machine that is not there" 1 "hint: make one" "$sealwright" kms init --dir kms --machine sim:nowhere
refused "nor for one of another kind" 2 "sim:DIR" "$sealwright" kms init --dir kms --machine toaster
[ ! -e kms ]
say $? "nothing was made"
holds "a key service's folder" "compose hash" "$sealwright" kms init --dir kms --machine sim:box
refused "it is made once" 1 "there already" "$sealwright" kms init --dir kms --machine sim:box
holds "a reference for owners" "compose hash" "$sealwright" kms reference --dir kms --machine sim:box --out reference.json
refused "a folder that is none" 1 "no folder" "$sealwright" kms serve --dir nowhere --machine sim:box --listen 127.0.0.1:0
refused "a machine that is none" 2 "sim" "$sealwright" kms serve --dir kms --machine toaster --listen 127.0.0.1:0
for place in 127.0.0.1 :0 127.0.0.1:x 127.0.0.1:70000 127.0.0.1:; do
    refused "no place: $place" 2 "HOST:PORT" "$sealwright" kms serve --dir kms --machine sim:box --listen "$place"
done
for name in anna bert cleo mallory; do
    "$sealwright" identity new $name --name $name --no-passphrase >log 2>&1 || say 1 "identity of $name"
done
"$sealwright" app new --name hospitals --quorum 2 --owner anna/card.json --owner bert/card.json --owner cleo/card.json \
    --out app.genesis >log 2>&1 || say 1 "an app"
for name in anna bert cleo; do "$sealwright" app join app.genesis --identity $name >log 2>&1 || say 1 "$name joins"; done

# ---- a service that takes listed apps alone ----
refused "a list with an app that is none" 1 "nowhere.genesis" "$sealwright" kms serve --dir kms --machine sim:box --listen 127.0.0.1:0 --app nowhere.genesis
"$sealwright" app new --name other --quorum 1 --owner mallory/card.json --out other.genesis >log 2>&1
"$sealwright" app join other.genesis --identity mallory >log 2>&1
other=("$sealwright" kms unlock --app other.genesis --identity mallory --reference reference.json)
serve 127.0.0.1:0 --app "$(printf '%064d' 7)" --app other.genesis
refused "an app that is not listed is not founded" 1 "does not take that app" unlock anna
holds "a listed one is" "unlocked for mallory" "${other[@]}" --kms "$url"
stop TERM
serve 127.0.0.1:0 --app "$("$sealwright" app show app.genesis --json | sed -n 's/.*"genesis":"\([0-9a-f]*\)".*/\1/p')"
holds "an app that is held already stays" "unlocked for mallory" "${other[@]}" --kms "$url"
holds "and a hash lists one too" "unlocked for anna" unlock anna
stop TERM
rm -rf kms && "$sealwright" kms init --dir kms --machine sim:box >log 2>&1 && rm -f anna/heads/*

# ---- looking and unlocking ----
serve 127.0.0.1:0
say $? "it says where it listens"
refused "one process at a time" 1 "another process" "$sealwright" kms serve --dir kms --machine sim:box --listen 127.0.0.1:0
holds "its root key is proven" '^04[0-9a-f]\{128\}$' "$sealwright" kms root --kms "$url" --reference reference.json
root=$(grep ^04 log)
grep -q "SIMULATED: a software machine runs" log; say $? "and said to be of a software machine"
sed 's/"compose_hash":"../"compose_hash":"00/' reference.json >other.json
refused "another program is not accepted" 1 "compose" "$sealwright" kms root --kms "$url" --reference other.json
"$sealwright" sim init otherbox >log 2>&1
"$sealwright" kms init --dir otherkms --machine sim:otherbox >log 2>&1
"$sealwright" kms reference --dir otherkms --machine sim:otherbox --out other.json >log 2>&1
refused "another machine is not accepted" 1 "does not name" "$sealwright" kms root --kms "$url" --reference other.json
refused "nor unlocked" 1 "does not name" "$sealwright" kms unlock --app app.genesis --identity anna --reference other.json --kms "$url"
refused "without a reference nothing is believed" 2 "reference" "$sealwright" kms root --kms "$url"
for name in anna bert cleo; do holds "$name unlocks" "unlocked for $name.*SIMULATED" unlock $name; done
started=()
for n in 1 2 3 4; do
    unlock bert >"together$n.log" 2>&1 &
    started+=($!)
    "$sealwright" revoke "$(printf "%064d" "$n")" --app app.genesis --identity bert --kms "$url" >"revoke$n.log" 2>&1 &
    started+=($!)
done
good=0
for process in "${started[@]}"; do wait "$process" && good=$((good + 1)); done
cat together*.log revoke*.log >log
[ "$good" -eq 8 ]
say $? "eight commands of one owner at the same time ($good succeed)"
refused "mallory does not" 1 "no owner" unlock mallory
holds "the audit log holds" "1 starts, 7 unlocks, 0 grants" "$sealwright" kms audit verify "$url" --out log.json
holds "an exported log verifies without the service" "1 starts, 7 unlocks" "$sealwright" kms audit verify log.json
holds "by whose words its start is the service's" "vouch for 1 of 1 starts" "$sealwright" kms audit verify log.json --app app.genesis
holds "and not by those of another app" "no owner vouches for the start at entry 1" "$sealwright" kms audit verify log.json --app other.genesis
refused "an export is not overwritten" 1 "there already" "$sealwright" kms audit verify "$url" --out log.json
sed 's/"sig":"\(....\)./"sig":"\1A/' log.json >broken.json
refused "a changed log is refused" 1 "audit entry\|journal entry" "$sealwright" kms audit verify broken.json
refused "a log that is none" 1 "" "$sealwright" kms audit verify reference.json
refused "what cannot be done with a log" 2 "verify" "$sealwright" kms audit erase "$url"

# ---- ends and starts ----
place=${url#https://}
stop TERM
[ "$ended" -eq 0 ]
say $? "it ends well when asked to"
refused "nobody there" 1 "does not answer" unlock anna
cp kms/audit.db audit.before
serve "$place"
holds "a new start keeps the root" "$root" "$sealwright" kms root --kms "$url" --reference reference.json
holds "and is unlocked anew" "unlocked" unlock anna

# ---- an unlock secret that is gone ----
cp -r anna/unlock unlock.kept
holds "anna erases her secret" "opens no more" "$sealwright" identity erase anna --app app.genesis
refused "a secret that is not there is not erased" 1 "is not in the identity" "$sealwright" identity erase anna --app app.genesis
refused "she gives no word without it" 1 "is not in the identity" unlock anna
[ -z "$(ls anna/unlock)" ]
say $? "and none was made"
cp unlock.kept/* anna/unlock/
holds "with the copy she does" "unlocked for anna" unlock anna

# ---- watching ----
: >watch.log
"$sealwright" kms unlock --app app.genesis --identity bert --reference reference.json --kms "$url" --watch >>watch.log 2>&1 &
watcher=$!
grown() { # waits until watch.log says $1 times that it unlocked
    local found
    coproc follow { exec timeout 60 tail -n +1 -f watch.log; }
    found=$(grep -m"$1" -c unlocked <&"${follow[0]}")
    kill "$follow_PID"
    wait "$follow_PID" 2>/dev/null
    cp watch.log log
    [ "$found" -eq "$1" ]
}
grown 1
say $? "a watch unlocks at once"
stop TERM
serve "$place"
grown 2
say $? "and again after a restart, by itself"
cp kms/audit.db audit.watched
cp -r bert/heads heads.before
holds "while bert watches, anna unlocks" "unlocked for anna" unlock anna
for _ in $(seq 100); do
    diff -r bert/heads heads.before >/dev/null || break
    sleep 0.2
done
stop KILL
for _ in $(seq 100); do
    grep -q "meanwhile is not seen" watch.log && break
    sleep 0.2
done
grep -q "meanwhile is not seen" watch.log
say $? "a watch says when it sees nothing"
cp audit.watched kms/audit.db
serve "$place"
for _ in $(seq 150); do
    kill -0 "$watcher" 2>/dev/null || break
    sleep 0.2
done
kill "$watcher" 2>/dev/null
wait "$watcher" 2>/dev/null
ended=$?
cp watch.log log
[ "$ended" -eq 1 ] && grep -q "not the one that was seen before" watch.log
say $? "a watch follows the log: what was put back behind bert's own word is noticed"
watcher=

holds "whoever wants keeps a copy of the ledger" "copied  4" "$sealwright" app copy --app app.genesis --from "$url" --to file:kept.db

stop KILL
cp audit.before kms/audit.db
serve "$place"
refused "an audit log that was put back is noticed" 1 "not the one that was seen" unlock anna
stop TERM
"$sealwright" sim image box other --boot >log 2>&1
refused "another image does not open the root" 1 "root key does not open" "$sealwright" kms serve --dir kms --machine sim:box --listen 127.0.0.1:0
refused "another machine does not open the root" 1 "root key does not open" "$sealwright" kms serve --dir kms --machine sim:otherbox --listen 127.0.0.1:0
"$sealwright" sim image box sim --boot >log 2>&1

# ---- the disk is lost: another key service, another root; the ledger comes from a copy ----
rm -rf kms reference.json
"$sealwright" kms init --dir kms --machine sim:box >log 2>&1
"$sealwright" kms reference --dir kms --machine sim:box --out reference.json >log 2>&1
serve 127.0.0.1:0
refused "bert misses what he has seen on the ledger" 1 "shorter than" unlock bert
"$sealwright" revoke "$(printf "%064d" 9)" --app app.genesis --identity cleo --ledger file:parted.db >log 2>&1
refused "a ledger that parted is not brought up" 1 "parted" "$sealwright" app copy --app app.genesis --from file:kept.db --to file:parted.db
refused "nor one of another app" 1 "of something else" "$sealwright" app copy --app other.genesis --from file:kept.db --to "$url"
refused "a copy that is not there is not made" 1 "there is no ledger" "$sealwright" app copy --app app.genesis --from file:typo.db --to "$url"
[ ! -e typo.db ]
say $? "and nothing was"
: >empty.db
refused "an empty file is no ledger" 1 "there is no ledger" "$sealwright" app copy --app app.genesis --from file:empty.db --to "$url"
[ ! -s empty.db ]
say $? "and becomes none"
refused "both ends must be named" 2 "to" "$sealwright" app copy --app app.genesis --from file:kept.db
holds "a stranger can bring it" "copied  4" "$sealwright" app copy --app app.genesis --from file:kept.db --to "$url"
holds "and nothing twice" "copied  0" "$sealwright" app copy --app app.genesis --from file:kept.db --to "$url"
"$sealwright" revoke "$(printf "%064d" 8)" --app app.genesis --identity cleo --kms "$url" >log 2>&1
holds "one that is ahead keeps what it has" "ledger entry 5" "$sealwright" app copy --app app.genesis --from file:kept.db --to "$url"
holds "now bert unlocks" "unlocked for bert" unlock bert
stop TERM

# ---- killed at the n-th write to disk: what was answered is there, and it starts again ----
exec 2>/dev/null # the shell's own notes about what was killed
moments=0
for n in 1 2 3 5 8 11 14 18 22 27 33 40; do
    rm -rf kms box2 && "$sealwright" sim init box2 >log 2>&1 && "$sealwright" kms init --dir kms --machine sim:box2 >log 2>&1
    "$sealwright" kms reference --dir kms --machine sim:box2 --out killed.json >log 2>&1
    rm -rf fresh && "$sealwright" identity new fresh --name fresh --no-passphrase >log 2>&1
    rm -f fresh.genesis && "$sealwright" app new --name fresh --quorum 1 --owner fresh/card.json --out fresh.genesis >log 2>&1
    "$sealwright" app join fresh.genesis --identity fresh >log 2>&1
    rm -f listen
    strace -f -qq -o /dev/null -e trace=pwrite64,ftruncate,rename,renameat2,linkat \
        -e inject=pwrite64,ftruncate,rename,renameat2,linkat:signal=KILL:when=$n \
        "$sealwright" kms serve --dir kms --machine sim:box2 --listen 127.0.0.1:0 >listen 2>serve.log &
    pid=$!
    answered=0
    if listening; then
        for _ in 1 2 3; do
            "$sealwright" kms unlock --app fresh.genesis --identity fresh --reference killed.json --kms "$url" >log 2>&1 || break
            answered=$((answered + 1))
        done
        kill -9 $(cat "/proc/$pid/task/$pid/children") # the service; its tracer follows
    fi
    wait "$pid" 2>/dev/null
    pid=
    rm -f listen
    "$sealwright" kms serve --dir kms --machine sim:box2 --listen 127.0.0.1:0 >listen 2>serve.log &
    pid=$!
    if listening &&
        "$sealwright" kms unlock --app fresh.genesis --identity fresh --reference killed.json --kms "$url" >log 2>&1 &&
        "$sealwright" kms audit verify "$url" --json >log 2>&1; then
        unlocks=$(sed -n 's/.*"unlocks":\([0-9]*\).*/\1/p' log)
        [ "$unlocks" -gt "$answered" ] && moments=$((moments + 1))
    else
        cat serve.log >>log
    fi
    stop TERM
done
[ "$moments" -eq 12 ]
say $? "killed at 12 counted moments, nothing answered was lost ($moments)"

finish
