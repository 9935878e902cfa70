#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The answer to a renewal gets lost, by silence or because its connection ends: the key service has decided, the machine asks again with
# another challenge, and the run and its manifest are good. test_lost_answer.sh OBJECTS
set -uo pipefail
steps=4 save_steps=2 lease=24s grants=1000
. "$(dirname "$0")/hostile_world.sh"
slow=$("$worker" --list | sed -n 's/^\([0-9]*\) .* slow$/\1/p') # some 20 s

lossy() { # lossy HOW: a run whose first renewal's answer is lost so
    local port proxy
    mkfifo "$1.pipe"
    python3 "$world_source/tests/run/lossy_proxy.py" "${kms_url##*:}" 2 "$1" >"$1.pipe" &
    proxy=$!
    exec {said}<"$1.pipe"
    read -r port <&$said
    cat <&$said >"$1.said" &
    run_sealed --run "$1" --threads "$slow" --kms "https://127.0.0.1:$port" >"$1.log" 2>&1
    echo $? >"$1.code"
    kill $proxy
}
renewals() { # of the receipts in a manifest, one a line
    predicate "$1" | grep -o '"payload":"[^"]*"' | sed 's/.*:"\(.*\)"/\1/' | while read -r payload; do base64 -d <<<"$payload" && echo; done | sed -n 's/.*"renewal":\([0-9]*\).*/\1/p'
}
lossy swallow & started=($!)
lossy reset & started+=($!)
wait "${started[@]}"
for how in swallow reset; do
    cp $how.log log
    [ "$(cat $how.code)" -eq 0 ] && found 'key request 2 its answer is lost' <$how.said; say $? "$how: an answer was lost, and the run ended well"
    [ "$(grep -c . $how.said)" -eq 3 ]; say $? "$how: it was asked for once more, and no request was sent twice"
    [ "$(renewals $how/out | paste -sd ' ')" = '0 2' ]; say $? "$how: the lost renewal is in no receipt"
    holds "$how: the manifest verifies" verify_out $how/out
done
"$sealwright" kms audit verify "$kms_url" --json >log 2>&1 && [ "$(value refusals <log)" = 0 ]; say $? 'nothing was refused'
finish
