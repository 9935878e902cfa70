#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A worker that means harm (hostile_worker.c), approved by the owners and started by the real agent: it finds no key in its memory, no
# network, no file, no process; every wrong word and every wrong count ends the run with one clear error; nothing is left behind.
# test_hostile_worker.sh OBJECTS
set -uo pipefail
objects=$(cd "${1:?objects}" && pwd)
worker=$objects/tests/run/hostile_worker
[ -x "$worker" ] || make -s -C "$(dirname "$0")/../.." O="$1" "$1/tests/run/hostile_worker" "$1/tests/run/find_keys" >&2 || exit 1
steps=4 save_steps=2 lease=3s output_limit=16MiB grants=1000
. "$(dirname "$0")/world.sh"
world_new "$objects"
touch start

# tries ACT EXPECTED NAME: the run that asks for that many threads
tries() {
    local word=worker code=1
    rm -rf run.act
    run_sealed --threads "$1" --run run.act --json >log 2>&1
    code=$?
    case $2 in
    done) [ $code -eq 0 ] && [ -f run.act/out/manifest.json ] ;;
    diverged)
        [ $code -eq 1 ] && [ "$(error_word <log)" = worker ] && grep -q 'no longer a number' log &&
            grep -q 'the last good checkpoint is kept in run.act' log && [ -f run.act/checkpoint-000002.sealed ] && [ ! -e run.act/out ]
        ;;
    *)
        [[ $2 = limit || $2 = rows ]] && word=$2
        [ $code -eq 1 ] && [ "$(error_word <log)" = $word ] && [ "$(grep -c . log)" -eq 1 ] &&
            ! grep -q 'no longer a number' log && [ ! -e run.act/out ] &&
            [ "$(grep -c 'has stalled' log)" -eq "$([ "$2" = stalled ] && echo 1 || echo 0)" ]
        ;;
    esac
    say $? "$3: $2"
    sed -n 's/.*"message":"\([^"]*\)".*/\1/p' log >>told
}
"$worker" --list >acts
while read -r number expected part name; do
    tries "$number" "$expected" "$part $name"
    [ "$name" = dump ] && mv run.act run.dump
    [ "$name" = loss_infinite ] && mv run.act run.infinite
    ls -A run.act 2>/dev/null | grep -vxE 'lock|out|state\.json|checkpoint-[0-9]{6}\.sealed' >>strange
done <acts
[ "$(wc -l <acts)" -ge 100 ]; say $? 'a hundred acts were tried'
# RCP-095: with a good end 16, and whose decoder it was. Seen here are all but those that an honest worker alone comes to.
sed -E 's/^(shard [1-3] of [a-z]*|training ended): //' told | sort | uniq -c >log
[ "$(wc -l <log)" -ge 8 ] && [ "$(wc -l <log)" -le 15 ]; say $? "the host was told one of $(wc -l <log) sentences"

# ---- what it could read of its memory, sealed into its model: no key is there ----
holds 'what it read is opened' opened run.dump/out dump
holds 'it holds no key of the owners or of the run' keys_in dump/memory.bin
tail -n 1 log | sed 's/^/# /'
grep -qa 'sealwright-worker' dump/memory.bin; say $? '(it read its own stack)'

# ---- what is left ----
[ ! -s strange ]; say $? 'nothing but checkpoints and state in the run folders'
for place in /tmp /var/tmp /dev/shm; do find $place -maxdepth 2 -user 65534 -newer start 2>/dev/null; ls $place/hostile 2>/dev/null; done >log
[ ! -s log ]; say $? 'no file of its user anywhere'
# Those of other runs on this machine have their agent.
ps -eo ppid=,args= | awk '$2 == "sealwright-worker" { print $1 }' | while read -r pid; do
    [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = sealwright ] || echo "$pid"
done >log
[ ! -s log ]; say $? 'no process of it lives on'
"$sealwright" kms audit verify "$kms_url" >log 2>&1; say $? 'the key service stands'
predicate run.infinite/out | found '"step_chain"'; say $? 'a loss that is no number is none in the manifest'
finish
