#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# deploy: the request that it prints, the app-compose that it writes, both forms of its options, what it refuses, and answers that say
# what was asked or do not. test_deploy.sh OBJECTS
set -uo pipefail
source=$(cd "$(dirname "$0")/../.." && pwd)
. "$source/tests/found.sh"
objects=$(cd "${1:?objects}" && pwd) || exit 1
sealwright=$objects/sealwright
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
unset XDG_CONFIG_HOME
export HOME=$folder
. "$source/tests/tap.sh" || exit 1

gives() { # gives CODE ARGUMENTS...: deploy with them, output in the files out and err
    local code=$1
    shift
    "$sealwright" deploy "$@" >out 2>err </dev/null
    local got=$?
    [ $got -eq "$code" ] || { echo "exit $got instead of $code: $*" >>err && return 1; }
}
says() { grep -q "^sealwright: error: .*$1" err && [ ! -s out ]; }

printf 'services:\n  app:\n    image: app@sha256:%064d\n' 7 >docker-compose.yml
asked=(-c docker-compose.yml -n my-app -t h200.small --kms phala)

gives 0 "${asked[@]}" --image dstack-nvidia-0.5.9 --region US-EAST-1 --env-names TOKEN,B --out app-compose.json && [ ! -s err ] &&
    python3 - <<'PY'
import json
request, compose = json.load(open("out")), json.load(open("app-compose.json"))
text = open("docker-compose.yml").read()
assert request["name"] == compose["name"] == "my-app" and request["instance_type"] == "h200.small", request
assert request["kms"] == "PHALA" and request["image"] == "dstack-nvidia-0.5.9" and request["region"] == "US-EAST-1"
assert request["listed"] is False and request["skip_gateway"] is True
for part in request["compose_file"], compose:
    assert part["docker_compose_file"] == text and part["allowed_envs"] == ["TOKEN", "B"]
    assert [part[m] for m in ("public_logs", "public_sysinfo", "public_tcbinfo", "secure_time")] == [False, False, True, True]
assert request["compose_file"]["pre_launch_script"] == "" and "pre_launch_script" not in compose and "init_script" not in compose
assert compose["kms_enabled"] is True and compose["runner"] == "docker-compose" and compose["manifest_version"] == 2
raw = open("app-compose.json").read()
assert raw == json.dumps(compose, sort_keys=True, separators=(",", ":"), ensure_ascii=False), "not canonical"
PY
say $? 'the request and the app-compose, member by member'
cp out request
gives 0 --compose docker-compose.yml --name my-app --type h200.small --image dstack-nvidia-0.5.9 --region US-EAST-1 --env-names TOKEN,B &&
    cmp -s out request; say $? 'the long forms give the same bytes'
gives 0 "${asked[@]}" --gateway && ! grep -q skip_gateway out; say $? '--gateway'

printf 'services: {a: [}' >broken.yml
mkfifo fifo.yml
while IFS='|' read -r code sentence line; do
    read -ra arguments <<<"$line"
    gives "$code" "${arguments[@]}" && says "$sentence"; say $? "refused: $line"
done <<'TABLE'
2|needs --compose|-n my-app -t h200.small
2|needs --name|-c docker-compose.yml -t h200.small
2|needs --type|-c docker-compose.yml -n my-app
2|--name is given twice|-c docker-compose.yml -n my-app --name my-app -t h200.small
2|--n is given twice|-c docker-compose.yml -n my-app -n my-app -t h200.small
2|--kms is not phala|-c docker-compose.yml -n my-app -t h200.small --kms base
2|two dashes|-c docker-compose.yml -n my-app -t h200.small -k phala
1|5 to 63|-c docker-compose.yml -n app -t h200.small
1|5 to 63|-c docker-compose.yml -n my_app -t h200.small
1|instance type|-c docker-compose.yml -n my-app -t h200/small
1|as root|-c docker-compose.yml -n my-app -t h200.small --env-names DSTACK_ROOT_PASSWORD
1|variable 2 has no name|-c docker-compose.yml -n my-app -t h200.small --env-names A,,B
1|nothing.yml|-c nothing.yml -n my-app -t h200.small
1|names no services|-c request -n my-app -t h200.small
1|the docker compose file:1:|-c broken.yml -n my-app -t h200.small
1|lower-case hex|-c docker-compose.yml -n my-app -t h200.small --key-provider-id 0X
1|not a regular file|-c fifo.yml -n my-app -t h200.small
TABLE

# ---- answers ----
answer() { # answer CHANGE: what a service would say that built our compose, changed by a line of Python
    python3 - "$1" <<'PY'
import hashlib, json, sys
compose = json.load(open("app-compose.json"))
answer = {"app_id": "ab" * 20}
text = None
exec(sys.argv[1])
if text is None: text = json.dumps(compose, indent=4)
answer.setdefault("compose_hash", hashlib.sha256(text.encode()).hexdigest())
answer.setdefault("app_compose", text)
json.dump({k: v for k, v in answer.items() if v is not None}, open("answer.json", "w"))
PY
}
gives 0 "${asked[@]}" --out app-compose.json
answer 'pass'
gives 0 "${asked[@]}" --answer answer.json && [ "$(cat out)" = "$(python3 -c 'import json; print(json.load(open("answer.json"))["compose_hash"])')" ]
say $? 'an answer that says what was asked: its hash'
gives 0 "${asked[@]}" --answer answer.json --json && [ "$(wc -l <out)" -eq 1 ] && grep -q '"compose_hash":"[0-9a-f]\{64\}"' out; say $? 'the same as JSON'
while IFS='|' read -r sentence change; do
    answer "$change"
    gives 1 "${asked[@]}" --answer answer.json && says "$sentence"; say $? "refused: $change"
done <<'TABLE'
compose_hash is not that|answer["compose_hash"] = "00" * 32
compose_hash is not ours|answer["app_compose"] = None
docker_compose_file is not|compose["docker_compose_file"] += " "
pre_launch_script is not|compose["pre_launch_script"] = "id"
init_script was not asked|compose["init_script"] = "id"
key_provider_id pins a KMS|compose["key_provider_id"] = "30aa"
public_logs is true|compose["public_logs"] = True
allowed_envs are not|compose["allowed_envs"] = ["DSTACK_ROOT_PASSWORD"]
JSON byte|text = "{"
TABLE
answer 'compose["key_provider_id"] = "30aa"'
gives 0 "${asked[@]}" --answer answer.json --key-provider-id 30aa; say $? 'a KMS that was asked for by its id'
gives 1 "${asked[@]}" --answer answer.json --key-provider-id 30ab && says 'key_provider_id is not'; say $? 'and another one'
gives 0 "${asked[@]}" --key-provider-id 30aa --out pinned.json && grep -q '"key_provider_id":"30aa"' pinned.json; say $? 'it stands in what we would have measured'
echo kept >kept.json
answer 'compose["public_logs"] = True'
gives 1 "${asked[@]}" --answer answer.json --out kept.json && [ "$(cat kept.json)" = kept ]; say $? 'a refused answer leaves what --out names untouched'

finish
