#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# deploy --send against a service on loopback (cloud.py): what is sent and with whose key, and answers that lie, which are refused
# before anything is started. test_deploy_send.sh OBJECTS
set -uo pipefail
source=$(cd "$(dirname "$0")/../.." && pwd)
. "$source/tests/found.sh"
objects=$(cd "${1:?objects}" && pwd) || exit 1
sealwright=$objects/sealwright
key=phak_7Qx-secret_93
folder=$(mktemp -d)
cd "$folder" || exit 1
unset XDG_CONFIG_HOME
export HOME=$folder
. "$source/tests/tap.sh" || exit 1
shown=(out err work/asked)
mkdir work
coproc service { exec python3 "$source/tests/cli/cloud.py" "$folder/work" "$key"; }
pid=$service_PID
trap 'kill "$pid" 2>/dev/null; cd /; rm -rf "$folder"' EXIT
read -r port other <&"${service[0]}" || { echo "Bail out! no service"; exit 1; }

sends() { # sends CODE ADDRESS OPTIONS...: deploy --send to it; the key is never printed
    local code=$1 to=$2
    shift 2
    : >work/asked
    "$sealwright" deploy -c docker-compose.yml -n my-app -t h200.small --kms phala --send --to "$to" --token-file token "$@" >out 2>err </dev/null
    local got=$?
    [ $got -eq "$code" ] || { echo "exit $got instead of $code" >>err && return 1; }
    ! grep -q "$key" out err
}
says() { grep -q "^sealwright: error: .*$1" err && [ ! -s out ]; }
asked() { [ "$(cat work/asked)" = "$(printf "POST /%s HTTP/1.1 key\n" "$@")" ]; } # these requests, each with the key, and no other

printf 'services:\n  app:\n    image: app@sha256:%064d\n' 7 >docker-compose.yml
(umask 077 && echo "$key" >token)
at=https://127.0.0.1:$port
ca=(--ca work/ca.pem)

sends 0 "$at/good" "${ca[@]}" --out app-compose.json && asked good/cvms/provision good/cvms &&
    [ "$(cat out)" = "compose hash $(sha256sum app-compose.json | cut -d' ' -f1)
app $(printf 'ab%.0s' {1..20})
machine 3f-9 starting" ]
say $? 'it is built, judged, started and told'
sends 0 "$at/hash-alone/" "${ca[@]}" --json && asked hash-alone/cvms/provision hash-alone/cvms &&
    grep -q "\"compose_hash\":\"$(sha256sum app-compose.json | cut -d' ' -f1)\",\"machine\":\"3f-9\",\"status\":\"starting\"" out
say $? 'a hash alone, which is ours; as JSON'
sends 0 "$at/good" "${ca[@]}" --key-provider-id 30aa --env-names TOKEN --out pinned.json && grep -q '"key_provider_id":"30aa"' pinned.json
say $? 'a KMS named by its id is asked for, and built'
sends 0 "$at/phrase" "${ca[@]}" && grep -q '^machine 3f-9 in progress$' out
say $? 'a status of two words'
https_proxy=http://127.0.0.1:1 HTTPS_PROXY=http://127.0.0.1:1 ALL_PROXY=http://127.0.0.1:1 SSLKEYLOGFILE=keys sends 0 "$at/good" "${ca[@]}" && [ ! -s keys ]
say $? 'the environment has no say'

while IFS='|' read -r mode sentence; do # the first answer is not taken, so no second request is made
    sends 1 "$at/$mode" "${ca[@]}" --out kept.json && says "$sentence" && grep -q 'hint: the service was not told to start anything' err && asked "$mode/cvms/provision" &&
        [ ! -e kept.json ]
    say $? "nothing is started: $mode"
done <<'TABLE'
other-hash|compose_hash is not ours
wrong-hash|compose_hash is not that of the app_compose
public|public_logs is true
ext4|storage_fs is not what was asked
script|pre_launch_script is not what was asked
half|JSON byte
list|answer
twice|JSON byte
huge|more than 1048576 bytes
cut|does not answer
long-header|a line of more than 65536 bytes
redirect|no redirect is followed
denied|says no (HTTP status 401): this key is not known$
reflected|says no (HTTP status 400)$
painted|says no (HTTP status 400)$
empty|says no (HTTP status 403)$
broken|HTTP status 500
TABLE
sends 1 "$at/nameless" "${ca[@]}" && says 'names no app_id' && grep -q 'hint: the service was not told to start anything' err && asked nameless/cvms/provision; say $? 'nothing is started: no app is named'
mkdir taken
for out in nowhere/kept.json taken; do
    sends 1 "$at/good" "${ca[@]}" --out $out && says "$out" && grep -q 'hint: the service was not told to start anything' err && asked good/cvms/provision
    say $? "nothing is started when --out cannot be written: $out"
done
sends 1 "$at/good" "${ca[@]}" --json --out taken; [ "$(wc -l <out)" -eq 1 ] && grep -q '^{"error":' out; say $? 'and programs see one object'
while IFS='|' read -r mode sentence; do
    sends 1 "$at/$mode" "${ca[@]}" && says "$sentence" && grep -q "hint: look at the service's own list" err && asked "$mode/cvms/provision" "$mode/cvms"
    say $? "the second answer is judged too: $mode"
done <<'TABLE'
start-denied|says no (HTTP status 409): CVM name "my-app" is taken$
start-later|HTTP status 202, which does not say that it is done
start-other|another app_id than it built
start-redirect|no redirect is followed
TABLE

# ---- whom it is sent to ----
sends 1 "https://127.0.0.1:$other/good" --ca work/other.pem && says 'no certificate for this name' && [ ! -s work/asked ]; say $? 'a certificate of another name'
sends 1 "$at/good" && says 'no certificate for this name' && [ ! -s work/asked ]; say $? 'an authority that the system does not know'
sends 1 https://127.0.0.1:1 "${ca[@]}" && says 'does not answer'; say $? 'nobody'
while read -r to; do
    sends 2 "$to" "${ca[@]}" && says 'an address\|a question' && [ ! -s work/asked ]; say $? "no address to send to: $to"
done <<TABLE
http://127.0.0.1:$port/good
https://user@127.0.0.1:$port/good
$at/good?x=1
$at/good#x
127.0.0.1:$port
TABLE

# ---- the key ----
key_is() { # key_is TEXT: what the token file holds
    rm -f token
    (umask 077 && printf "$1" >token)
}
while IFS='|' read -r text sentence; do
    key_is "$text"
    sends 2 "$at/good" "${ca[@]}" && says "$sentence" && [ ! -s work/asked ]; say $? "no key: $text"
done <<'TABLE'
|visible characters
\n|visible characters
two words|visible characters
a\r\nX-Other: b|visible characters
TABLE
key_is "$(printf 'x%.0s' {1..600})"; sends 1 "$at/good" "${ca[@]}" && says 'token' && [ ! -s work/asked ]; say $? 'a key that is too long'
key_is "$key"; chmod 0640 token
sends 1 "$at/good" "${ca[@]}" && says 'token' && [ ! -s work/asked ]; say $? 'a key that others may read'
rm token; sends 1 "$at/good" "${ca[@]}" && says 'token'; say $? 'no key is there'

# ---- what means nothing ----
plain=(deploy -c docker-compose.yml -n my-app -t h200.small)
while IFS='|' read -r sentence line; do
    read -ra arguments <<<"$line"
    "$sealwright" "${plain[@]}" "${arguments[@]}" >out 2>err
    [ $? -eq 2 ] && says "$sentence"; say $? "a mistake: $line"
done <<TABLE
--to means nothing without --send|--to $at/good
--token-file means nothing without --send|--token-file token
--ca means nothing without --send|--ca work/ca.pem
--proxy means nothing without --send|--proxy http://127.0.0.1:1
needs --to|--send --token-file token
needs --token-file|--send --to $at/good
no --answer|--send --to $at/good --token-file token --answer app-compose.json
TABLE
finish
