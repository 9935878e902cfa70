#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# attest verify over every kind of evidence, one line a check. The project's own data come from
# the corpora; real evidence from ../shared/vectors, where it is there.
# test_attest.sh OBJECTS, after $OBJECTS/sealwright was built.
set -uo pipefail
source tests/cli/attest_world.sh "$@"
expect "evidence: one line a check" 0 "^ok      quote signature" attest verify "$good" --policy "$policy" --time $at
expect "and the policy's lines" 0 "^ok      policy: image" attest verify "$good" --policy "$policy" --time $at
expect "collateral older than the policy accepts" 1 "^FAILED  policy: collateral age" attest verify "$good" --policy "$corpus/policy/age" --time 2027-09-21T14:13:20Z
expect "the same for a quote with its log" 1 "^FAILED  policy: collateral age" attest verify quote --collateral parts --log log.json --policy "$corpus/policy/age" --time 2027-09-21T14:13:20Z
expect "of any age" 0 "^ok      policy: collateral age  *.*any age" attest verify "$good" --policy "$policy" --time 2027-09-21T14:13:20Z
expect "as JSON" 0 '"verdict":"holds"' attest verify "$good" --policy "$policy" --time $at --json
for quote in quote quote.hex; do
    expect "a bare $quote" 0 "^ok      TCB level" attest verify $quote --collateral parts --policy "$policy" --time $at
done
for when in 0 -1 2026-09-21 2026-09-21T14:13:60Z 1969-12-31T23:59:59Z 10000-01-01T00:00:00Z ""; do
    expect "a time that is none: '$when'" 2 "--time is not a time such as 2026-11-23T04:21:32Z" attest verify quote --collateral parts --policy "$policy" --time "$when"
done
expect "a bare quote needs its collateral" 2 "collateral" attest verify quote --policy "$policy" --time $at
expect "without a policy Intel's root is the anchor" 1 "^FAILED  anchor" attest verify quote --collateral parts --time $at
expect "and the error names the check" 1 "error: anchor: " attest verify quote --collateral parts --time $at
expect "a failed check in JSON" 1 '"failed":"anchor"' attest verify quote --collateral parts --time $at --json
expect "and why" 1 '"reason":"the evidence hangs from a root' attest verify quote --collateral parts --time $at --json
printf '%s' "$(cat "$good") " >spaced
sed 's/"platform":"sim"/"platform":"tdx"/' "$good" >elsewhere
for bent in spaced elsewhere; do
    expect "evidence whose object does not hold: $bent" 1 "^FAILED  evidence object" attest verify $bent --policy "$policy" --time $at
    expect "names that check to programs: $bent" 1 '"failed":"evidence object"' attest verify $bent --policy "$policy" --time $at --json
done
mkdir half-parts && cp parts/*.der parts/*.pem parts/tcb_info.json half-parts && printf '{' >half-parts/qe_identity.json
for place in half-parts quote nowhere; do
    expect "collateral that cannot be read: $place" 1 "^FAILED  collateral" attest verify quote --collateral $place --policy "$policy" --time $at
done
expect "names it to programs" 1 '"failed":"collateral".*"reason":"half-parts/qe_identity.json: ' attest verify quote --collateral half-parts --policy "$policy" --time $at --json
expect "evidence whose time is over" 1 "no longer valid" attest verify quote --collateral parts --policy "$policy" --time 2040-01-01T00:00:00Z
expect "collateral as dcap-qvl keeps it" 0 "^ok      TCB level" attest verify quote --collateral qvl.json --policy "$policy" --time $at
expect "collateral of GPUs alone" 1 "^FAILED  collateral  *$corpus/collateral/gpus-alone: it is collateral of GPUs alone" attest verify quote --collateral "$corpus/collateral/gpus-alone" --policy "$policy" --time $at
expect "a flipped bit" 1 "^FAILED  quote signature" attest verify flipped --collateral parts --policy "$policy" --time $at
expect "an agent's answer with its log" 0 "^ok      app " attest verify answer.json --collateral parts --policy "$policy" --time $at
expect "a log that is short of an event" 1 "^FAILED  event log replay" attest verify short-log.json --collateral parts --policy "$policy" --time $at
python3 - "$corpus/dstack_attestation/v0" "$policy" <<'PY'
import json
import sys

answer, policy = json.load(open("answer.json")), json.load(open(sys.argv[2]))
other = open(sys.argv[1], "rb").read().hex()
for name, more in (("two-quotes.json", {"attestation": other}), ("two-kinds.json", {"evidence_list": []}), ("info-and-quote.json", {"app_id": "00", "tcb_info": {}})):
    json.dump(answer | more, open(name, "w"))
json.dump({"attestation": other, "quote": answer["quote"]}, open("half.json", "w"))
host = {"memory_size": 1 << 32, "tdx_measurement": {"checksum_file": "AAAA", "measurement": "AAAA"}}
json.dump(answer | {"vm_config": json.dumps(host)}, open("no-image.json", "w"))
json.dump({"machine": policy}, open("wrapped.json", "w"))
named = {"acpi": "any", "memory_bytes": "any", "name": "named", "os_image_hash": "ee" * 32}
json.dump(policy | {"images": [named]}, open("one-by-hash.json", "w"))
json.dump({"machine": policy} | {"devices": []}, open("two-policies.json", "w"))
PY
expect "an answer whose attestation is of another quote" 1 "^FAILED  guest agent's answer .*attestation" attest verify two-quotes.json --collateral parts --policy "$policy" --time $at
for two in two-kinds info-and-quote half; do
    expect "what could be read as either is judged as neither: $two" 1 "^sealwright: error: .*$two.json: it is" attest verify $two.json --collateral parts --policy "$policy" --time $at
done
expect "and says so" 1 "GPU evidence and a guest agent's quote at once" attest explain two-kinds.json
expect "a host's image that is none is no ok" 0 "^LEFT    OS image  *none is claimed: " attest verify no-image.json --collateral parts --policy "$policy" --time $at
expect "and refused where a policy names one" 1 "^FAILED  OS image" attest verify no-image.json --collateral parts --policy one-by-hash.json --time $at
expect "a machine's policy within what sim show prints" 0 "^ok      policy: image" attest verify "$good" --policy wrapped.json --time $at
expect "a second policy beside it" 1 "devices is not known" attest verify "$good" --policy two-policies.json --time $at
expect "the report data asked for" 0 "^ok      report data" attest verify quote --collateral parts --policy "$policy" --time $at --report-data "$(cat report-data)"
expect "other report data" 1 "^FAILED  report data" attest verify quote --collateral parts --policy "$policy" --time $at --report-data "$(printf '00%.0s' {1..64})"
zeros=$(printf '00%.0s' {1..64})
expect "the report data of evidence asked for" 0 "^ok      report data" attest verify "$good" --policy "$policy" --time $at --report-data "$(cat report-data)"
expect "other report data of evidence" 1 "^FAILED  report data" attest verify "$good" --policy "$policy" --time $at --report-data "$zeros"
expect "a nonce where no GPU answered one" 1 "^FAILED  nonce" attest verify "$good" --policy "$policy" --time $at --nonce "${zeros:0:64}"
expect "a nonce for a quote, which has none" 2 "no meaning for a TDX quote" attest verify quote --collateral parts --policy "$policy" --time $at --nonce "${zeros:0:64}"
expect "collateral for evidence, which has its own" 2 "no meaning for evidence" attest verify "$good" --collateral parts --policy "$policy" --time $at
expect "report data for a manifest" 2 "no meaning for a reference manifest" attest verify "$(find "$corpus/rim/manifest" -type f | head -1)" --report-data "$zeros"
# A KMS reference names its compose as well as its machine.
python3 - "$corpus" <<'PY'
import json
import sys

policy = json.load(open(sys.argv[1] + "/policy/sim"))
events = json.load(open(sys.argv[1] + "/evidence/good"))["event_log"]
compose = next(e["event_payload"] for e in events if e["event"] == "compose-hash")
for name, value in (("reference", compose), ("other-reference", "ee" * 32)):
    whole = {"compose_hash": value, "kind": "sealwright/kms-reference/v1", "policy": policy}
    open(name, "w").write(json.dumps(whole, sort_keys=True, separators=(",", ":")))
# RTMR0 was extended by more than this one event says.
answer = json.load(open("answer.json"))
extra = {"digest": "00" * 48, "event": "", "event_payload": "", "event_type": 1, "imr": 0}
answer["event_log"] = json.dumps(json.loads(answer["event_log"]) + [extra])
json.dump(answer, open("extra-event.json", "w"))
PY
expect "a KMS reference" 0 "^ok      reference: compose hash" attest verify "$good" --policy reference --time $at
expect "one of another compose" 1 "^FAILED  reference: compose hash" attest verify "$good" --policy other-reference --time $at
expect "the same for an agent's answer" 1 "^FAILED  reference: compose hash" attest verify answer.json --collateral parts --policy other-reference --time $at
expect "a bare quote has no compose to compare" 1 "^FAILED  reference: compose hash" attest verify quote --collateral parts --policy reference --time $at
expect "a log with an event of RTMR0 that is not the quote's" 1 "^FAILED  event log replay" attest verify extra-event.json --collateral parts --policy "$policy" --time $at
expect "report data that are none" 2 "128 hex digits" attest verify quote --collateral parts --policy "$policy" --time $at --report-data 00
: >empty
expect "a policy that is empty, and named" 1 "error: empty: " attest verify quote --collateral parts --policy empty
expect "a file is named once" 1 "error: empty: it is no" attest explain empty
expect "a GPU under a policy of none" 1 "^FAILED  policy: GPUs  *the machine policy says none" attest verify "$gpu" --chain parts/tcb_signing_chain.pem --policy "$policy" --time $at
expect "a manifest under a policy of none" 1 "^FAILED  policy: GPUs  *the machine policy says none" attest verify "$(find "$corpus/rim/manifest" -type f | head -1)" --policy "$policy" --time $at
expect "what proves nothing alone" 2 "proves nothing by itself" attest verify log.json
printf '\3\0\2\0\0\0\0\0' | cat - quote >sgx
printf '\4\0\2\0\0\0\0\0' | cat - quote >sgx4
python3 -c 'print(open("sgx", "rb").read().hex())' >sgx.hex
for quote in sgx sgx4 sgx.hex; do
    expect "an SGX quote is named: $quote" 1 "$quote: it is an SGX quote" attest verify $quote --collateral parts --policy "$policy"
done
expect "what is of no kind" 1 "no evidence of a kind" attest verify report-data
expect "a file that is empty" 1 "no evidence of a kind" attest verify empty
expect "what no check came to is a check too" 1 '"failed":"file"' attest verify empty --json
expect "a device" 1 "is not a regular file" attest verify /dev/null
expect "a folder" 1 "parts is not a regular file but a folder$" attest verify parts
mkfifo fifo
waits() { # waits NAME ARGUMENTS...: a pipe without a writer is refused at once, and said so
    local name=$1
    shift
    count=$((count + 1))
    timeout 20 "$program" "$@" >out 2>&1
    if [ $? -eq 1 ] && grep -q "fifo is not a regular file" out; then echo "ok $count - $name"; else
        echo "not ok $count - $name" && sed 's/^/# /' out
        failed=1
    fi
}
waits "a pipe that nobody writes to" attest verify fifo
waits "the same explained" attest explain fifo
waits "as collateral" attest verify quote --collateral fifo
waits "as policy" attest verify quote --policy fifo
waits "as event log" attest verify quote --collateral parts --log fifo
waits "to fetch for" attest collateral fetch fifo
count=$((count + 1))
if "$program" attest verify - --policy "$policy" --time $at <"$good" >out 2>&1; then echo "ok $count - standard input"; else
    echo "not ok $count - standard input" && sed 's/^/# /' out && failed=1
fi

# A log beside a bare quote.
expect "a bare quote with its log" 0 "^ok      app " attest verify quote --collateral parts --policy "$policy" --time $at --log log.json
expect "its compose is the reference's" 0 "^ok      reference: compose hash" attest verify quote --collateral parts --policy reference --time $at --log log.json
expect "a log that is none" 1 "answer.json: " attest verify quote --collateral parts --policy "$policy" --time $at --log answer.json
expect "a firmware's log that is another's" 1 "^FAILED  event log replay" attest verify quote --collateral parts --policy "$policy" --time $at --ccel "$corpus/ccel/ended"
expect "a firmware's log that is none" 1 "log.json: " attest verify quote --collateral parts --policy "$policy" --time $at --ccel log.json
expect "two logs of one register" 1 "both event logs have events of RTMR" attest verify quote --collateral parts --policy "$policy" --time $at --ccel "$corpus/ccel/ended" --log log.json
expect "a log for an answer, which has one" 2 "no meaning for a guest agent's quote" attest verify answer.json --collateral parts --policy "$policy" --time $at --log log.json

# What dstack derives, computed here by other hands.
python3 - <<'PY'
import hashlib
import json

q = open("quote", "rb").read()
td = q[48:632]
mrtd, owned, rtmr = td[136:184], td[184:328], td[328:520]
provider = next(bytes.fromhex(e["event_payload"]) for e in json.load(open("log.json")) if e["event"] == "key-provider")
sha = lambda b: hashlib.sha256(b).digest()
open("aggregated", "w").write(sha(mrtd + rtmr + owned).hex())
open("system", "w").write(sha(mrtd + rtmr[:144] + sha(provider)).hex())
PY
aggregated=$(cat aggregated) system=$(cat system)
device=$("$program" attest verify "$good" --policy "$policy" --time $at --json | python3 -c 'import json,sys; print(json.load(sys.stdin)["device"])')
expect "mr_aggregated is shown" 0 "^proven  mr_aggregated  *$aggregated" attest verify quote --collateral parts --policy "$policy" --time $at
expect "and mr_system with a log" 0 "^proven  mr_system  *$system" attest verify quote --collateral parts --policy "$policy" --time $at --log log.json
expect "all three compared" 0 "^ok      mr_system" attest verify "$good" --policy "$policy" --time $at --mr-aggregated "$aggregated" --mr-system "$system" --device "$device"
for option in device mr-aggregated mr-system; do
    expect "another $option" 1 "^FAILED  ${option/-/_} " attest verify "$good" --policy "$policy" --time $at --$option "${zeros:0:64}"
    expect "another $option of a quote" 1 "^FAILED  ${option/-/_} " attest verify answer.json --collateral parts --policy "$policy" --time $at --$option "${zeros:0:64}"
    expect "a $option that is none" 2 "64 hex digits" attest verify "$good" --policy "$policy" --time $at --$option 00
done
expect "mr_system of a quote without a log" 1 "without an event log nothing says the mr_system" attest verify quote --collateral parts --policy "$policy" --time $at --mr-system "$system"
expect "a device for a manifest" 2 "no meaning for a reference manifest" attest verify "$(find "$corpus/rim/manifest" -type f | head -1)" --device "$device"

# MRCONFIGID of the third kind: the document in evidence, in a host's configuration, and given.
python3 - "$corpus/evidence/mr_config" <<'PY'
import base64
import json
import sys

e = json.load(open(sys.argv[1]))
c = e["collateral"]
qvl = {"pck_crl": base64.b64decode(c["pck_crl"]).hex(), "root_ca_crl": base64.b64decode(c["root_crl"]).hex()}
for member in ("tcb_info", "qe_identity"):
    for tail in ("", "_signature", "_issuer_chain"):
        qvl[member + tail] = c[member + tail]
json.dump(qvl, open("v3-qvl.json", "w"))
answer = {"quote": base64.b64decode(e["quote"]).hex(), "event_log": json.dumps(e["event_log"])}
json.dump(answer, open("v3.json", "w"))
open("v3-document", "w").write(e["mr_config"])
open("v3-other", "w").write(e["mr_config"].replace('"version":3', '"version":4'))
json.dump(dict(answer, vm_config=json.dumps({"mr_config": e["mr_config"], "vm_config": "{}"})), open("v3-host.json", "w"))
json.dump(dict(answer, vm_config=json.dumps({"cpu_count": 1, "mr_config": e["mr_config"]})), open("v3-inside.json", "w"))
json.dump(dict(answer, vm_config=json.dumps({"mr_config": "{}"})), open("v3-lies.json", "w"))
open("v3-quote", "wb").write(base64.b64decode(e["quote"]))
json.dump(e["event_log"], open("v3-log.json", "w"))
del e["mr_config"]
open("v3-none", "w").write(json.dumps(e, sort_keys=True, separators=(",", ":"), ensure_ascii=False))
PY
v3=$corpus/evidence/mr_config third=(--policy "$corpus/policy/mr_config" --time $at)
expect "evidence with MRCONFIGID's document" 0 "^ok      MRCONFIGID  *of kind 3" attest verify "$v3" "${third[@]}"
expect "explained" 0 "^MRCONFIGID's document" attest explain "$v3"
expect "the same evidence without it" 1 "^FAILED  MRCONFIGID  *.*its document is not there" attest verify v3-none "${third[@]}"
for answer in v3-host.json v3-inside.json; do
    expect "the document in $answer" 0 "^ok      MRCONFIGID  *of kind 3" attest verify $answer --collateral v3-qvl.json "${third[@]}"
done
expect "no document at all" 1 "^FAILED  MRCONFIGID" attest verify v3.json --collateral v3-qvl.json "${third[@]}"
expect "the document given" 0 "^ok      MRCONFIGID  *of kind 3" attest verify v3.json --collateral v3-qvl.json "${third[@]}" --mr-config v3-document
expect "a host that shows another" 1 "not that of its document" attest verify v3-lies.json --collateral v3-qvl.json "${third[@]}"
expect "and the one given counts" 0 "^ok      MRCONFIGID  *of kind 3" attest verify v3-lies.json --collateral v3-qvl.json "${third[@]}" --mr-config v3-document
expect "another document given" 1 "not that of its document" attest verify v3-host.json --collateral v3-qvl.json "${third[@]}" --mr-config v3-other
expect "an empty one" 1 "empty is empty" attest verify v3.json --collateral v3-qvl.json "${third[@]}" --mr-config empty
expect "a bare quote with log and document" 0 "^ok      MRCONFIGID  *of kind 3" attest verify v3-quote --collateral v3-qvl.json "${third[@]}" --log v3-log.json --mr-config v3-document
expect "a document without a log" 2 "give --log" attest verify v3-quote --collateral v3-qvl.json "${third[@]}" --mr-config v3-document
expect "a document for the first kind" 1 "^FAILED  MRCONFIGID  *.*is of version 1" attest verify answer.json --collateral parts --policy "$policy" --time $at --mr-config v3-document
expect "a document for evidence, which has its own" 2 "no meaning for evidence" attest verify "$v3" "${third[@]}" --mr-config v3-document

# GetKey's signature chain under a KMS root.
python3 - "$corpus/dstack_key/good" "$corpus/dstack_key_file/good" <<'PY'
import json
import sys

seed = open(sys.argv[1], "rb").read()
open("kms-root", "w").write(seed[:33].hex())
open("app-id", "w").write(seed[33:53].hex())
chain = json.load(open(sys.argv[2]))
chain["purpose"] += "s"
json.dump(chain, open("other-purpose.json", "w"))
chain["key"] = "00" * 32
json.dump(chain, open("secret.json", "w"))
PY
key=$corpus/dstack_key_file/good named=(--kms-root "$(cat kms-root)" --app-id "$(cat app-id)")
expect "a key's signature chain" 0 "^ok      signature chain" attest verify "$key" "${named[@]}"
expect "its purpose is said" 0 "^ok      purpose  *training$" attest verify "$key" "${named[@]}"
expect "and the key" 0 "^ok      key's file  *0[23][0-9a-f]\{64\}$" attest verify "$key" "${named[@]}"
expect "as JSON" 0 '"purpose":"training"' attest verify "$key" "${named[@]}" --json
expect "explained" 0 "nothing above was verified" attest explain "$key"
expect "for another purpose" 1 "^FAILED  signature chain  *.*does not lead to the KMS root" attest verify other-purpose.json "${named[@]}"
expect "of another app" 1 "^FAILED  signature chain" attest verify "$key" --kms-root "$(cat kms-root)" --app-id "${zeros:0:40}"
expect "under another root" 1 "^FAILED  signature chain" attest verify "$key" --kms-root "02$(printf '11%.0s' {1..32})" --app-id "$(cat app-id)"
expect "under the simulator's root" 1 "simulator" attest verify "$key" --kms-root 0321529e458424ab1f710a3a57ec4dad2fb195ddca572f7469242ba6c7563085b6 --app-id "$(cat app-id)"
expect "under no root" 2 "--kms-root" attest verify "$key" --app-id "$(cat app-id)"
expect "for no app" 2 "--app-id" attest verify "$key" --kms-root "$(cat kms-root)"
expect "a root of another kind of key" 2 "66 hex digits" attest verify "$key" --kms-root "${zeros:0:64}" --app-id "$(cat app-id)"
expect "the secret beside its chain" 1 "nobody's evidence" attest verify secret.json "${named[@]}"
expect "a policy for a key" 2 "no meaning for a key's signature chain" attest verify "$key" "${named[@]}" --policy "$policy"
expect "an app for a quote" 2 "no meaning for a TDX quote" attest verify quote --collateral parts --policy "$policy" --time $at --app-id "$(cat app-id)"
# An option without a meaning is refused, each by its name.
while read -r option file kind; do
    value=$zeros
    [ "$option" = --time ] && value=$at
    expect "$option for $kind" 2 "$option has no meaning for $kind" attest verify "$file" "$option" "$value"
done <<END
--time $key a key's signature chain
--collateral $good evidence
--device $corpus/rim/driver a reference manifest
--mr-aggregated $corpus/rim/driver a reference manifest
--mr-system $key a key's signature chain
--report-data $corpus/explain/devices GPU evidence
--log $good evidence
--ccel answer.json a guest agent's quote
--mr-config $good evidence
--kms-root quote a TDX quote
--chain $corpus/explain/devices GPU evidence
--rim quote a TDX quote
--ocsp $good evidence
--nonce quote a TDX quote
END

# A certificate in dstack's form, made by a machine and judged like anybody's.
"$program" sim init issuer >/dev/null 2>&1
"$program" sim show issuer --json 2>/dev/null | python3 -c 'import json, sys; json.dump(json.load(sys.stdin)["machine"], open("issuer-policy", "w"))'
printf '{"docker_compose_file":""}' >compose.json
own=(--collateral issuer --policy issuer-policy)
made=(attest certificate --machine sim:issuer --app-compose compose.json)
expect "a certificate for a key of this machine" 0 "own.pem: certificate" "${made[@]}" --out own.pem --key-out own.key
expect "its quote proves the key" 0 "^ok      RA-TLS certificate  *sealwright machine, SHA-256 $(openssl x509 -in own.pem -outform DER | sha256sum | cut -c 1-64): its key is the one in the quote$" attest verify own.pem "${own[@]}"
expect "and the app" 0 "compose hash $(sha256sum compose.json | cut -c1-64)" attest verify own.pem "${own[@]}"
expect "not for another policy" 1 "^FAILED  anchor" attest verify own.pem --collateral issuer --policy "$policy"
count=$((count + 1))
if [ "$(stat -c %a own.key)" = 600 ] && [ "$(openssl pkey -in own.key -pubout)" = "$(openssl x509 -in own.pem -noout -pubkey)" ] &&
    openssl x509 -in own.pem -noout -text | found 1.3.6.1.4.1.62397.1.8; then echo "ok $count - its key and its extension"; else
    echo "not ok $count - its key and its extension" && failed=1
fi
openssl x509 -in own.pem -outform DER -out own.der
python3 - <<'PY'
import base64
import re

der = bytearray(open("own.der", "rb").read())
key = der.index(bytes.fromhex("2a8648ce3d03010703420004")) + 12
der[key:key + 64] = bytes.fromhex("6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c2964fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5")
text = base64.b64encode(der).decode()
open("bent.pem", "w").write("-----BEGIN CERTIFICATE-----\n" + "\n".join(re.findall(".{1,64}", text)) + "\n-----END CERTIFICATE-----\n")
PY
expect "another key in it" 1 "^FAILED  RA-TLS certificate" attest verify bent.pem "${own[@]}"
expect "who issued it is left without a root" 0 "^LEFT    RA-TLS chain  *no --kms-root was given" attest verify own.pem "${own[@]}"
expect "for programs as well" 0 '{"check":"RA-TLS chain","made":false' attest verify own.pem "${own[@]}" --json
expect "and freshness" 0 '{"check":"report data","made":false' attest verify own.pem "${own[@]}" --json
"$program" sim show issuer --json >show.json 2>/dev/null
expect "what sim show prints is a policy" 0 "^HOLDS$" attest verify own.pem --collateral issuer --policy show.json
"$program" recipe show "$golden" --json | python3 -c 'import json, sys; json.dump(json.load(sys.stdin)["machine"], open("recipe-policy", "w"))'
expect "and the member machine of what recipe show prints" 1 "^FAILED  anchor" attest verify own.pem --collateral issuer --policy recipe-policy
expect "the last line is the verdict" 0 "^HOLDS$" attest verify own.pem "${own[@]}"
expect "the quote inside is explained" 0 "^TD report" attest explain own.pem
expect "the same in DER" 0 "^ok      RA-TLS certificate  *sealwright machine, SHA-256 $(openssl x509 -in own.pem -outform DER | sha256sum | cut -c 1-64): its key is the one in the quote$" attest verify own.der "${own[@]}"
expect "a key that is there is kept" 1 "own.key" "${made[@]}" --out other.pem --key-out own.key
expect "a machine that is none" 2 "a machine is named" attest certificate --machine sev --app-compose compose.json --out x --key-out y
expect "days beyond a year" 2 "1 to 366" "${made[@]}" --out x --key-out y --days 367
expect "an app that is none" 2 "40 hex digits" "${made[@]}" --out x --key-out y --app-id 00
expect "an event of a software machine" 2 "events are its own" attest extend first --machine sim:issuer
expect "an event without a TDX guest" 1 "error:" attest extend first --machine tdx --events "$PWD/events.json"
expect "an event of no agent" 1 "nowhere.sock" attest extend first --machine dstack:/nowhere.sock
expect "a payload that is none" 2 "lower-case hex" attest extend first --machine tdx --payload 0
expect "two payloads" 2 "not both" attest extend first --machine tdx --payload 00 --payload-file empty
expect "a name that is none" 1 "colon" attest extend a:b --machine tdx

# Evidence with GPUs: what ties them to the quote only the exchange says, so a quote's own report data vouch for none (GPU-224).
python3 - "$corpus/evidence/pair" <<'PY'
import base64
import json
import sys

e = json.load(open(sys.argv[1]))
open("pair-data", "w").write(base64.b64decode(e["quote"])[568:632].hex())
open("pair-nonce", "w").write(base64.b64decode(e["gpu"][0]["report"])[4:36].hex())
silent = dict(e, collateral=dict(e["collateral"], gpu_ocsp=[]))
open("pair-silent", "w").write(json.dumps(silent, sort_keys=True, separators=(",", ":"), ensure_ascii=False))
e["gpu"].reverse() # behind the quote's back
open("pair-bent", "w").write(json.dumps(e, sort_keys=True, separators=(",", ":"), ensure_ascii=False))
PY
pair=(--policy "$corpus/policy/pair" --time $at)
for evidence in "$corpus/evidence/pair" pair-bent; do
    name=${evidence##*/}
    expect "$name: what ties its GPUs to the quote is left" 0 "^LEFT    GPU binding" attest verify "$evidence" "${pair[@]}"
    expect "$name: and no nonce was compared" 0 "no --nonce was given" attest verify "$evidence" "${pair[@]}"
    expect "$name: its GPUs stand with their maker" 0 "^ok      GPU revocation  *GPU 1: good" attest verify "$evidence" "${pair[@]}"
    expect "$name: report data do not vouch for its GPUs" 1 "^FAILED  GPU binding" attest verify "$evidence" "${pair[@]}" --report-data "$(cat pair-data)"
    expect "$name: nor beside a nonce" 1 "^FAILED  GPU binding" attest verify "$evidence" "${pair[@]}" --report-data "$(cat pair-data)" --nonce "$(cat pair-nonce)"
    expect "$name: the nonce that they answered" 0 "^ok      nonce" attest verify "$evidence" "${pair[@]}" --nonce "$(cat pair-nonce)"
    expect "$name: another" 1 "^FAILED  nonce" attest verify "$evidence" "${pair[@]}" --nonce "${zeros:0:64}"
done

expect "GPUs of which nobody asked their maker" 1 "^FAILED  policy: GPUs  *device 0: a certificate of it or of its manifests has no OCSP answer" attest verify pair-silent "${pair[@]}"
sed 's/"required"/"unchecked"/' "$corpus/policy/pair" >pair-lenient
expect "a policy that would do without" 1 'gpu.revocation is not "required"' attest verify pair-silent --policy pair-lenient --time $at
sed 's/"gpu":{[^}]*}/"gpu":"none"/' "$corpus/policy/pair" >no-gpu
expect "GPUs where the policy says none" 1 "^FAILED  policy: GPUs" attest verify "$corpus/evidence/pair" --policy no-gpu --time $at

# A software machine with GPUs, and the parts of its GPU evidence.
"$program" sim init machine --gpus 2 >/dev/null 2>&1
expect "GPU evidence of a simulated machine names its policy" 0 "device_root" sim show machine
if [ -n "$vectors" ]; then
    tdx=$vectors/tdx nvidia=$vectors/nvidia
    moment() { python3 -c 'import json,sys,datetime as d; print(d.datetime.fromtimestamp(json.load(open(sys.argv[1]))["verify_at"]["unix"], d.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"))' "$1/expected.json"; }
    judged=0
    while read -r vector; do # every vector with a verdict of its own: strict policy is what this tool does without one
        [ -f "$vector/root_ca_crl.der" ] || continue
        read -r verdict strict < <(python3 -c 'import json,sys; e=json.load(open(sys.argv[1])); x=e.get("expected") or {}; f=x.get("policy_flags") or []; print(x.get("verdict","none"), "REFUSE" if "MRSERVICETD" in f else x.get("strict_policy","none").split()[0])' "$vector/expected.json")
        [ "$verdict" = none ] && continue # a TD with a service TD is refused whatever its platform is (EVD-081)
        judged=$((judged + 1))
        if [ "$strict" = ACCEPT ]; then
            expect "${vector##*/}: $verdict, taken" 0 "^ok      TCB status" attest verify "$vector/quote.bin" --collateral "$vector" --time "$(moment "$vector")"
        else
            expect "${vector##*/}: $verdict, refused" 1 "^FAILED" attest verify "$vector/quote.bin" --collateral "$vector" --time "$(moment "$vector")"
        fi
    done < <(find "$tdx" -mindepth 1 -maxdepth 1 -type d -name 'v[45]-*' | sort)
    echo "# $judged quotes of Intel's machines were judged"
    count=$((count + 1))
    if [ $judged -ge 30 ]; then echo "ok $count - at least 30 quotes were there"; else echo "not ok $count - only $judged quotes" && failed=1; fi
    azure_td=$tdx/v4-00806f-aztdx-outofdate-2025-06 with_text=$tdx/v4-50806f-notsupported-2023-06-gotdxguest whole_td=$tdx/v4-b0c06f-uptodate-2025-06-dcapqvl
    expect "a TD without SEPT_VE_DISABLE is said" 1 "^LEFT    SEPT_VE_DISABLE" attest verify "$azure_td/quote.bin" --collateral "$azure_td" --time "$(moment "$azure_td")"
    expect "and judged by its status" 1 "^FAILED  TCB status" attest verify "$azure_td/quote.bin" --collateral "$azure_td" --time "$(moment "$azure_td")"
    expect "text behind a quote is no reason" 1 "^FAILED  TCB level" attest verify "$with_text/quote_as_published.bin" --collateral "$with_text" --time "$(moment "$with_text")"
    { cat "$whole_td/quote.bin" && echo; } >quote-and-more
    expect "and is said" 0 "^LEFT    bytes behind the quote  *1 that nobody signed" attest verify quote-and-more --collateral "$whole_td" --time "$(moment "$whole_td")"
    mkdir -p kept
    spelled() { # NAME COMMAND...: the folder's collateral as files are kept by people
        rm -f kept/*
        cp "$whole_td"/*.json "$whole_td"/*.der "$whole_td"/tcb_signing_chain.pem kept
        chmod u+w kept/*
        eval "${*:2}"
        expect "collateral with $1" 0 "^HOLDS" attest verify "$whole_td/quote.bin" --collateral kept --time "$(moment "$whole_td")"
    }
    spelled "a chain in CRLF" sed -i "'s/$/\\r/'" kept/tcb_signing_chain.pem
    spelled "a chain without its last line end" truncate -s -1 kept/tcb_signing_chain.pem
    spelled "an empty line in the chain" sed -i "'s/^-----END.*/&\\n/'" kept/tcb_signing_chain.pem
    spelled "a list in hex" "od -An -v -tx1 '$whole_td/pck_crl.der' | tr -d ' \\n' >kept/pck_crl.der"
    spelled "a list in base64" "base64 -w0 <'$whole_td/root_ca_crl.der' >kept/root_ca_crl.der"
    spelled "a list in PEM" "openssl crl -inform DER -in '$whole_td/pck_crl.der' -out kept/pck_crl.der"
    python3 - "$whole_td" <<'PY'
import base64
import json
import sys

f = lambda name: open(f"{sys.argv[1]}/{name}", "rb").read()
text = {m: f(name)[f(name).index(b":") + 1:f(name).rindex(b',"signature"')].decode() for m, name in (("tcb_info", "tcb_info.json"), ("qe_identity", "qe_identity.json"))}
chain = f("tcb_signing_chain.pem").decode().rstrip("\n")
kept = {"pck_crl": base64.b64encode(f("pck_crl.der")).decode(), "root_ca_crl": f("root_ca_crl.der").hex(), "fetched": {"from": {"a": [{"b": [1]}]}}}
for m, name in (("tcb_info", "tcb_info.json"), ("qe_identity", "qe_identity.json")):
    kept |= {m: text[m], m + "_signature": json.loads(f(name))["signature"], m + "_issuer_chain": chain}
json.dump(kept, open("qvl-base64.json", "w"))
PY
    expect "dcap-qvl's form with a list in base64 and more around" 0 "^HOLDS" attest verify "$whole_td/quote.bin" --collateral qvl-base64.json --time "$(moment "$whole_td")"
    expect "evidence of the past says how it is judged" 1 "hint: --time" attest verify "$tdx/v4-50806f-debug-td-2023-06-trustee/quote.bin" --collateral "$tdx/v4-50806f-debug-td-2023-06-trustee"
    full=$nvidia/hopper-545.00-full-rim-match
    expect "so does a manifest of the past" 1 "hint: --time" attest verify "$full/driver_rim.xml"
    expect "a GPU with both manifests" 0 "^ok      GPU measurements" attest verify "$full/report.bin" --chain "$full/cert_chain.pem" --rim "$full/driver_rim.xml" --rim "$full/vbios_rim.xml" --time 2024-06-01T00:00:00Z
    expect "what nobody could check is no ok" 0 "^LEFT    GPU revocation" attest verify "$full/report.bin" --chain "$full/cert_chain.pem" --rim "$full/driver_rim.xml" --rim "$full/vbios_rim.xml" --time 2024-06-01T00:00:00Z
    expect "without a policy nothing is compared with one" 0 "^ok      policy: GPUs .*no policy was given" attest verify "$full/report.bin" --chain "$full/cert_chain.pem" --rim "$full/driver_rim.xml" --rim "$full/vbios_rim.xml" --time 2024-06-01T00:00:00Z
    expect "how old its manifests are" 0 "^ok      policy: GPU collateral age .*none; manifests' signers: since 2023-06-2" attest verify "$full/report.bin" --chain "$full/cert_chain.pem" --rim "$full/driver_rim.xml" --rim "$full/vbios_rim.xml" --time 2024-06-01T00:00:00Z
    expect "a nonce of public samples is called so" 0 "^LEFT    nonce .*stands in public samples" attest verify "$full/report.bin" --chain "$full/cert_chain.pem" --rim "$full/driver_rim.xml" --rim "$full/vbios_rim.xml" --time 2024-06-01T00:00:00Z
    sed 's/$/\r/' "$full/cert_chain.pem" >edited.pem
    python3 -c 'import base64,json,sys; json.dump({"id": "NV_GPU", "rim": base64.b64encode(open(sys.argv[1], "rb").read()).decode(), "sha256": "", "last_updated": ""}, open("driver-answer.json", "w"))' "$full/driver_rim.xml"
    expect "its chain in CRLF and a manifest as the service answers it" 0 "^HOLDS" attest verify "$full/report.bin" --chain edited.pem --rim driver-answer.json --rim "$full/vbios_rim.xml" --time 2024-06-01T00:00:00Z
    expect "the same without one" 1 "^FAILED  GPU VBIOS manifest" attest verify "$full/report.bin" --chain "$full/cert_chain.pem" --rim "$full/driver_rim.xml" --time 2024-06-01T00:00:00Z
    expect "a GPU with another nonce" 1 "^FAILED  nonce" attest verify "$full/report.bin" --chain "$full/cert_chain.pem" --rim "$full/driver_rim.xml" --rim "$full/vbios_rim.xml" --time 2024-06-01T00:00:00Z --nonce "$(printf '00%.0s' {1..32})"
    expect "a manifest by itself" 0 "^ok      reference manifest" attest verify "$full/driver_rim.xml" --time 2024-06-01T00:00:00Z
    expect "and how old it is" 0 "^ok      policy: GPU collateral age" attest verify "$full/driver_rim.xml" --time 2024-06-01T00:00:00Z
    expect "a manifest whose signer's time is over" 1 "^FAILED  reference manifest" attest verify "$full/driver_rim.xml" --time 2027-06-01T00:00:00Z
    python3 - "$corpus/evidence/good" "$full" <<'PY'
import json
import sys

rims = [open(sys.argv[2] + name).read() for name in ("/driver_rim.xml", "/vbios_rim.xml")]
bundle = {"collateral": json.load(open(sys.argv[1]))["collateral"], "gpu": {"ocsp": [], "rims": rims}, "kind": "sealwright/collateral/v1"}
open("gpu-bundle.json", "w").write(json.dumps(bundle, sort_keys=True, separators=(",", ":"), ensure_ascii=False))
PY
    python3 - "$full" <<'PY'
import base64
import json
import sys

report, chain = (open(sys.argv[1] + name, "rb").read() for name in ("/report.bin", "/cert_chain.pem"))
item = {"arch": "HOPPER", "certificate": base64.b64encode(chain).decode(), "evidence": base64.b64encode(report).decode()}
for name, nonce in (("request.json", report[4:36].hex()), ("other-nonce.json", "ff" * 32)):
    json.dump({"arch": "HOPPER", "evidence_list": [item], "nonce": nonce}, open(name, "w"))
PY
    listed=(--rim "$full/driver_rim.xml" --rim "$full/vbios_rim.xml" --time 2024-06-01T00:00:00Z)
    expect "a list of GPUs within its request" 0 "^ok      GPU set" attest verify request.json "${listed[@]}"
    expect "whose nonce is not the reports'" 1 "^FAILED  device list" attest verify other-nonce.json "${listed[@]}"
    gpu=(attest verify "$full/report.bin" --chain "$full/cert_chain.pem" --time 2024-06-01T00:00:00Z --collateral gpu-bundle.json)
    expect "a GPU with both manifests in a bundle" 0 "^ok      GPU measurements" "${gpu[@]}"
    expect "a bundle passes over no OCSP answer" 2 "or --collateral" "${gpu[@]}" --ocsp "$corpus/ocsp/try-later.der"
    expect "and over no manifest" 2 "or --collateral" "${gpu[@]}" --rim "$full/vbios_rim.xml"
    ratls=("$vectors/dstack/phala-prod-app-cert-chain.pem" --collateral "$tdx/v4-20a06f-vllmproxy-2025-08" --time 2025-08-22T00:00:00Z)
    csplit -s -f chain- "${ratls[0]}" '/-----BEGIN CERTIFICATE-----/' '{*}'
    root=$(openssl x509 -in "$(ls chain-* | tail -1)" -noout -pubkey | openssl pkey -pubin -outform DER | sha256sum | cut -c1-64)
    expect "an RA-TLS certificate says what was not judged" 0 "no --kms-root was given" attest verify "${ratls[@]}"
    expect "with its chain to the KMS root" 0 "^ok      RA-TLS chain" attest verify "${ratls[@]}" --kms-root "$root"
    expect "which is the KMS that the machine's log names" 0 "^ok      key provider " attest verify "${ratls[@]}" --kms-root "$root"
    expect "to another root" 1 "^FAILED  RA-TLS chain" attest verify "${ratls[@]}" --kms-root "${zeros:0:64}"
    for file in "$vectors"/dstack/{phala-prod-info.json,phala-prod-quote.json,nras-v3-response-1gpu.json,gpu_attestation_h100.json,ccel.bin,tdx-lite-attestation.json,phala-prod-app-cert-chain.pem,dcap-qvl-tdx-quote.hex}; do
        expect "${file##*/} explained" 0 "nothing above was verified" attest explain "$file"
    done
    for file in phala-prod-app-cert-chain.pem tdx-lite-attestation.json quote-report.json; do
        expect "collateral is fetched for the quote in $file" 1 "the cache holds no collateral" attest collateral fetch --offline --cache cache "$vectors/dstack/$file"
    done
    expect "dstack's simulator is not even explained" 1 "simulator" attest explain "$vectors/dstack/simulator-attestation.bin"
    expect "nor verified" 1 "simulator" attest verify "$vectors/dstack/simulator-attestation.bin" --collateral parts
else
    echo "# no folder ../shared/vectors: real evidence was not judged"
fi
echo "1..$count"
exit $failed
