#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# attest explain over every kind of evidence, and what tells them apart.
# test_attest_explain.sh OBJECTS, after $OBJECTS/sealwright was built.
set -uo pipefail
source tests/cli/attest_world.sh "$@"

for file in quote quote.hex answer.json log.json qvl.json parts/tcb_info.json parts/qe_identity.json parts/tcb_signing_chain.pem "$good"; do
    expect "${file##*/} explained" 0 "nothing above was verified" attest explain "$file"
done
for kind in rim/manifest ccel/ended gpu_report/gpu dstack_attestation/v0 dstack_attestation/v1-bins; do
    file=$corpus/$kind
    [ -d "$file" ] && file=$(find "$file" -type f | sort | head -1)
    expect "$kind explained" 0 "nothing above was verified" attest explain "$file"
done

# What else collateral is made of: lists and OCSP answers, certificates in DER.
openssl x509 -in parts/tcb_signing_chain.pem -outform DER -out signer.der
openssl crl -inform DER -in parts/root_ca_crl.der -out list.pem
revoked=$corpus/ocsp/hold-by-delegate.der
expect "a revocation list says whose it is" 0 "^  issuer  *Intel SGX Root CA$" attest explain parts/root_ca_crl.der
expect "a list in PEM as well" 0 "^  revoked certificates  *0$" attest explain list.pem
expect "an OCSP answer says of whom" 0 "^  serial number  *$(openssl ocsp -respin "$revoked" -noverify -resp_text 2>/dev/null | sed -n 's/^ *Serial Number: //p' | head -1 | tr A-F a-f | sed 's/^0*//;s/^\(.\)\(..\)*$/0&/')$" attest explain "$revoked"
expect "and what" 0 "^  state  *revoked$" attest explain "$revoked"
expect "an answer without one" 1 "an OCSP responder answered tryLater" attest explain "$corpus/ocsp/try-later.der"
expect "why" 0 "^  reason  *certificateHold$" attest explain "$revoked"
expect "an answer of two" 0 "^OCSP answer$" attest explain "$corpus/ocsp/two.der"
says "both are shown" [ "$(grep -c "^OCSP answer$" out)" = 2 ]
expect "an answer that names no next one" 0 "^  next answer  *not said$" attest explain "$corpus/ocsp/no-next.der"
expect "a certificate in DER" 0 "^  Intel SGX TCB Signing$" attest explain signer.der
says "who certified it and as what" found "^  issuer  *Intel SGX Root CA$" <out
says "its serial number" found "^  serial number  *$(openssl x509 -in parts/tcb_signing_chain.pem -noout -serial | sed 's/serial=//' | tr A-F a-f)$" <out
expect "levels of TCB info" 0 "^  platform level 1  *UpToDate of 2" attest explain parts/tcb_info.json
expect "and their advisories" 0 ", advisories INTEL-SA-00960,$" attest explain "$corpus/explain/tcb-advisories"
expect "a list proves nothing" 2 "a revocation list proves nothing by itself" attest verify parts/root_ca_crl.der
expect "nor does an answer" 2 "an OCSP answer proves nothing by itself" attest verify "$revoked"
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out first.key 2>/dev/null
openssl req -new -key first.key -subj /CN=First -outform DER -out request.der 2>/dev/null
openssl x509 -req -inform DER -in request.der -signkey first.key -outform DER -out first.der 2>/dev/null
expect "a certificate of version 1" 0 "^  First$" attest explain first.der
expect "a request for one" 1 "it is no evidence of a kind that is known" attest explain request.der
expect "and what there is" 1 "hint: sealwright attest explain --help names the kinds" attest explain request.der
for bent in "0:cut" "1:longer"; do
    { head -c $(($(stat -c %s signer.der) - 1 + ${bent%%:*} * 2)) signer.der; [ "${bent%%:*}" = 0 ] || printf '\0'; } >bent.der
    expect "a certificate ${bent#*:}" 1 "it is no evidence of a kind that is known" attest explain bent.der
done
printf '0\0030\001\0' >nothing.der
expect "a structure that is none of these" 1 "it is no evidence of a kind that is known" attest explain nothing.der

# As people paste it: what stands for bytes is those bytes, and the text around PEM is nobody's (EVD-161).
same() { # same NAME FILE OTHER: FILE is explained as OTHER is
    count=$((count + 1))
    "$program" attest explain "$3" >other 2>&1 && "$program" attest explain "$2" >out 2>&1
    if [ $? -eq 0 ] && cmp -s out other; then echo "ok $count - $1"; else
        echo "not ok $count - $1" && head -5 out | sed 's/^/# /' && failed=1
    fi
}
hex() { od -An -v -tx1 "$1" | tr -d ' \n'; }
manifest=$(find "$corpus/rim/manifest" -type f | head -1)
tr a-f A-F <quote.hex | fold -w 60 | sed 's/$/\r/; 1s/^/0x/' >lines.hex
base64 quote >quote.b64
base64 -w 0 quote | tr '+/' '-_' | tr -d '=' >quote.b64url
hex parts/root_ca_crl.der >list.hex
hex "$gpu" >gpu.hex
base64 -w 0 "$manifest" >manifest.b64
base64 parts/tcb_signing_chain.pem >chain.b64
{ printf 'CONNECTED(00000003)\n---\nCertificate chain\n 0 s:CN = x\n'; openssl x509 -in parts/tcb_signing_chain.pem -text; printf 'Server certificate\n---\n'; } >session
openssl x509 -in parts/tcb_signing_chain.pem >session.pem
openssl crl -in list.pem -text >list.text
same "hex in lines" lines.hex quote
same "base64" quote.b64 quote
same "base64 for addresses, without padding" quote.b64url quote
same "a list in hex, as a PCCS gives it" list.hex parts/root_ca_crl.der
same "a GPU report in hex" gpu.hex "$gpu"
same "a manifest in base64, as NVIDIA gives it" manifest.b64 "$manifest"
same "certificates in base64, as NVIDIA gives them" chain.b64 parts/tcb_signing_chain.pem
same "a certificate with what openssl says around it" session session.pem
same "a list with it" list.text list.pem
for quote in lines.hex quote.b64 quote.b64url; do
    expect "judged as its bytes: $quote" 0 "^HOLDS" attest verify $quote --collateral parts --policy "$policy" --time $at
done
head -c -4 quote.b64 >cut.b64
expect "and cut as they are" 1 "^FAILED  " attest verify cut.b64 --collateral parts --policy "$policy" --time $at
head -c 101 quote.hex | base64 >twice.b64
cat session.pem first.key >with-key
{ echo x && cat session.pem list.pem; } >with-list
{ echo x && sed 's/^/ /' first.key && cat session.pem; } >with-indented-key
{ printf '\357\273\277' && cat session.pem list.pem; } >with-mark
{ echo x && sed '1s/^/ /' session.pem && cat session.pem; } >indented
{ echo x && sed '1s/^/leaf: /' session.pem && cat session.pem; } >named
{ echo x && sed '$s/$/ x/' session.pem && cat session.pem; } >tailed
{ echo x && printf %s "$(cat session.pem)" && cat session.pem; } >joined-behind
{ printf '\357\273\277' && cat session.pem session.pem; } >mark
{ echo x && sed '$d' session.pem; } >text-unended
printf %s '[{"evidence":"","certificate":"","imr":3}]' >two-arrays
for none in twice.b64 with-key with-list with-indented-key with-mark indented named tailed joined-behind mark text-unended two-arrays; do
    expect "of no kind: $none" 1 "error: $none: " attest explain $none
done
printf %s "$(cat session.pem)" | cat - session.pem >joined
expect "blocks without a line end between" 0 "^  Intel SGX TCB Signing$" attest explain joined
says "are both shown" [ "$(grep -c "^  Intel SGX TCB Signing$" out)" = 2 ]
sed '$d' session.pem >unended
{ cat session.pem && printf '\0\1'; } >binary
printf '%s\n' "$(head -c 201 quote.hex)" >odd.hex
expect "hex without its last digit" 1 "odd.hex: hex has an odd number of digits (201)" attest explain odd.hex
base64 -w 0 quote | head -c 201 >cut.b64
expect "base64 that stands for no bytes" 1 "error: cut.b64: " attest explain cut.b64
tr A-Z a-z <lines.hex | sed 's/../& /g' >pairs.hex
base64 qvl.json >object.b64
hex qvl.json >object.hex
same "hex in pairs" pairs.hex quote
same "JSON in base64" object.b64 qvl.json
same "and in hex" object.hex qvl.json
expect "a block that does not end" 1 "lacks its END CERTIFICATE" attest explain unended
expect "bytes behind it" 1 "expected a PEM block" attest explain binary
expect "nothing of a key is shown" 1 "" attest explain with-key
says "neither name nor digits" [ "$(grep -c -e PRIVATE -e "$(sed -n 2p first.key | cut -c 1-20)" out)" = 0 ]
python3 - "$corpus" <<'PY'
import base64
import hashlib
import json
import sys

corpus = sys.argv[1]
attestation = open(corpus + "/dstack_attestation/v1-bins", "rb").read()
open("map16", "wb").write(b"\xde" + (attestation[0] & 15).to_bytes(2, "big") + attestation[1:])
c = json.load(open(corpus + "/evidence/good"))["collateral"]
gpu = {"ocsp": [base64.b64encode(open(corpus + "/ocsp/" + n, "rb").read()).decode() for n in ("good.der", "try-later.der")],
       "rims": [open(corpus + "/rim/driver").read()]}
json.dump({"collateral": c, "gpu": gpu, "kind": "sealwright/collateral/v1"}, open("gpu-parts.json", "w"), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
evidence = json.load(open(corpus + "/evidence/good"))
kind = 0x8000001
digest = hashlib.sha384(kind.to_bytes(4, "little") + b":x:" + bytes(65536)).hexdigest()
event = {"digest": digest, "event": "x", "event_payload": "00" * 65536, "event_type": kind, "imr": 3}
evidence["event_log"] = [event] * 28
same = {"evidence": {name: None for name in evidence}}
for name, grants in ("run.json", 2), ("long-run.json", 100): # each evidence is restored from the one before it
    run = {"closing": same["evidence"], "grants": [{"evidence": evidence}] + [same] * (grants - 1), "kind": "sealwright/evidence-file/v1"}
    json.dump(run, open(name, "w"), sort_keys=True, separators=(",", ":"))
with open("tokens", "w") as f:
    f.write("eyJ\n" + '"eyJh.eyJh."\n' * 2500000)
PY
expect "a map of more than 15 members" 0 "^TD report" attest explain map16
expect "what a bundle holds for GPUs" 0 "^reference manifest$" attest explain gpu-parts.json
says "and of its OCSP answers the one that can be read" found "^  state  *good$" <out
says "the other is said" found "^  answer 2 cannot be read$" <out
says "once that nothing was verified, at the end" [ "$(grep -n "nothing above was verified" out)" = "$(wc -l <out):nothing above was verified" ]
expect "GPUs judged by collateral without any" 1 "^FAILED  collateral  *qvl.json holds nothing for GPUs$" attest verify "$corpus/explain/devices" --collateral qvl.json
expect "by a folder of a quote's parts" 1 "hint: attest collateral fetch brings manifests and OCSP answers" attest verify "$corpus/explain/devices" --collateral parts
expect "TCB info is no collateral" 1 "it is no collateral" attest verify quote --collateral parts/tcb_info.json --policy "$policy"
python3 -c 'import json, sys; open("pair-driver", "w").write(json.load(open(sys.argv[1]))["collateral"]["gpu_rims"][0])' "$corpus/evidence/pair"
expect "a manifest of a software machine" 0 "^SIMULATED" attest verify pair-driver --policy "$corpus/policy/pair" --time $at
expect "is one for programs too" 0 '"simulated":true' attest verify pair-driver --policy "$corpus/policy/pair" --time $at --json
expect "more tokens than 64 MiB of JSON" 0 '"explanation":"token' attest explain tokens --json
rm tokens

expect "a run that says little over and over" 0 "^---- grant 2 of 2$" attest explain run.json
expect "it ends before it is a day's work" 1 "all evidence up to here has more than 268435456 bytes" attest explain long-run.json
rm long-run.json

# What a file is called is not what a terminal does.
printf x >$'evil\e[31m\n'
expect "a name of control characters" 1 "evil?\[31m?: it is no evidence" attest explain $'evil\e[31m\n'
says "is shown without them" [ "$(tr -dc '\000-\011\013-\037\177' <out | wc -c)" = 0 ]
expect "a name that is not UTF-8" 1 '"message":"none?: no such file' attest explain $'none\xff' --json
expect "the command's first word alone" 2 "hint: attest explain, attest verify, attest collateral" attest
echo "1..$count"
exit $failed
