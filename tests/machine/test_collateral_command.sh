#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# attest collateral fetch as a person runs it, against a provisioning service on loopback (pcs.py) that publishes the
# collateral of software machines: a fresh one (m), and two whose evidence lies in the corpus (p; g has GPUs).
# test_collateral_command.sh OBJECTS, after $OBJECTS/sealwright was built.
set -uo pipefail
objects=$(cd "${1:?objects}" && pwd) || exit 1
program=$objects/sealwright
[ -x "$program" ] || { echo "Bail out! no sealwright in $1"; exit 1; }
tests=$PWD/tests/machine corpus=$PWD/fuzz/corpus
folder=$(mktemp -d)
cd "$folder" || exit 1
mkdir work p g
count=0 failed=0

"$program" sim init m >/dev/null 2>&1 || { echo "Bail out! no machine"; exit 1; }
"$program" sim show m --json >policy.json
coproc service { exec python3 "$tests/pcs.py" "$folder" "$folder/work"; }
pid=$service_PID
trap 'kill "$pid" 2>/dev/null; cd /; rm -rf "$folder"' EXIT
read -r port other proxy <&"${service[0]}" || { echo "Bail out! no service"; exit 1; }
python3 - <<'PY' || { echo "Bail out! no quote"; exit 1; }
# A quote of this machine cannot be had by a command alone; its published chain in a quote's frame can: the frame's
# signatures do not hold, so it stands for a quote that is not genuine.
chain = open("m/pck_chain.pem", "rb").read()
vendor = bytes.fromhex("939a7233f79c4ca9940a0db3957f0607")
head = b"\4\0\2\0\x81\0\0\0\0\0\0\0" + vendor + bytes(20)
inner = b"\5\0" + len(chain).to_bytes(4, "little") + chain
qe = bytes(384) + bytes(64) + (32).to_bytes(2, "little") + bytes(32) + inner
data = bytes(64) + bytes(64) + b"\6\0" + len(qe).to_bytes(4, "little") + qe
open("forged", "wb").write(head + bytes(584) + len(data).to_bytes(4, "little") + data)
PY
good=$corpus/evidence/good
publish() { # publish EVIDENCE FOLDER: its collateral, and its quote
    python3 - "$@" <<'PY'
import base64, json, sys
evidence = json.load(open(sys.argv[1]))
c = evidence["collateral"]
for name, member in ("tcb_info", "tcbInfo"), ("qe_identity", "enclaveIdentity"):
    open(f"{sys.argv[2]}/{name}.json", "w").write('{"%s":%s,"signature":"%s"}' % (member, c[name], c[name + "_signature"]))
open(sys.argv[2] + "/tcb_signing_chain.pem", "w").write(c["tcb_info_issuer_chain"])
open(sys.argv[2] + "/pck_crl.der", "wb").write(base64.b64decode(c["pck_crl"]))
open(sys.argv[2] + "/root_ca_crl.der", "wb").write(base64.b64decode(c["root_crl"]))
quote = base64.b64decode(evidence["quote"])
open(sys.argv[2] + "/quote", "wb").write(quote)
open(sys.argv[2] + "/quote.hex", "w").write(quote.hex() + "\n")
PY
}
publish "$good" p && publish "$corpus/evidence/gpus" g || { echo "Bail out! no evidence"; exit 1; }
cp p/quote p/quote.hex .

expect() { # expect NAME STATUS PATTERN OPTION...: exit status, and a pattern in what was printed
    local name=$1 status=$2 pattern=$3 found
    shift 3
    count=$((count + 1))
    "$program" attest collateral "$@" >out 2>&1
    found=$?
    if [ $found -eq "$status" ] && grep -q -- "$pattern" out; then
        echo "ok $count - $name"
    else
        echo "not ok $count - $name (exit $found)" && sed 's/^/# /' out
        failed=1
    fi
}
check() { # check NAME COMMAND...
    local name=$1
    shift
    count=$((count + 1))
    if "$@"; then echo "ok $count - $name"; else echo "not ok $count - $name" && failed=1; fi
}

url="https://127.0.0.1:$port"
options=(--ca work/ca.pem --policy policy.json)
expect "a quote that is not genuine is no reason to keep anything" 1 "does not hold for this quote" \
    fetch forged --pccs "$url/good+m" "${options[@]}" --cache cache --out bundle
check "and nothing was kept" [ ! -e cache ] && check "or written" [ ! -e bundle ]
expect "an unknown action" 2 "does not know 'get'" get forged
expect "no quote named" 2 "takes fetch FILE" fetch
expect "an update that is none" 2 "early or standard" fetch forged --update late
expect "no such file" 1 "nowhere" fetch nowhere
echo "no quote" >text
expect "what is no quote" 1 "error" fetch text --pccs "$url/good+m" "${options[@]}"
echo "{}" >text
expect "what is no evidence" 1 "text: " fetch text
expect "offline without a cache" 2 "--offline needs --cache" fetch forged --offline
expect "offline and an empty cache" 1 "the cache holds no collateral" fetch forged --offline --cache cache
expect "another authority" 1 "no certificate for this name" fetch forged --pccs "$url/good+m" --policy policy.json
expect "another name" 1 "no certificate for this name" fetch forged --pccs "https://127.0.0.1:$other/good+m" --ca work/other.pem
expect "no TLS" 2 "--pccs is not written as https://HOST" fetch forged --pccs "http://127.0.0.1:$port/good+m"
expect "a service that knows nothing" 1 "the service has none" fetch forged --pccs "$url/missing+m" "${options[@]}"
expect "a redirect" 1 "no redirect is followed" fetch forged --pccs "$url/redirect+m" "${options[@]}"
: >work/asked
expect "through a proxy" 1 "does not hold for this quote" fetch forged --pccs "$url/good+m" "${options[@]}" --proxy "http://127.0.0.1:$proxy"
check "which was asked" grep -q '^CONNECT 127.0.0.1' work/asked
expect "the words of a program" 1 '"word":"' fetch forged --pccs "$url/good+m" "${options[@]}" --json
expect "help" 0 "--pccs URL" --help

options=(--pccs "$url/good+p" --ca work/ca.pem --policy "$corpus/policy/sim" --cache cache)
expect "a quote inside evidence" 0 "bundle: collateral, valid until 20" fetch "$good" "${options[@]}" --out bundle
check "the bundle is the evidence's own collateral" python3 -c '
import json
bundle, evidence = json.load(open("bundle")), json.load(open("'"$good"'"))
assert bundle == {"collateral": evidence["collateral"], "gpu": {"ocsp": [], "rims": []}, "kind": "sealwright/collateral/v1"}'
check "the cache is for its owner" [ "$(stat -c %a cache cache/*.json | tr '\n' ' ')" = "700 600 " ]
: >work/asked
for form in quote quote.hex; do
    "$program" attest collateral fetch "$form" "${options[@]}" --offline >from-"$form"
    check "$form from the cache gives the same" cmp -s bundle from-"$form"
done
check "and asks nobody" [ ! -s work/asked ]
expect "for a program" 0 '"valid_until":"20' fetch quote "${options[@]}" --out bundle --json
expect "the newest evaluation numbers" 0 "valid until" fetch quote "${options[@]}" --update early --out early
check "are asked for and kept apart" [ "$(grep -c update=early work/asked) $(ls cache | wc -l)" = "2 2" ]
base64 quote >quote.b64
expect "a quote in base64" 0 "valid until" fetch quote.b64 "${options[@]}" --out of-base64
check "is the same quote" cmp -s bundle of-base64
expect "a service of GPUs for a quote" 2 "--rim has no meaning for a TDX quote" fetch quote "${options[@]}" --rim "$url/good+g"
expect "a chain for a quote" 2 "--chain has no meaning for a TDX quote" fetch quote "${options[@]}" --chain "$corpus/explain/certificates"
expect "a bundle is no quote" 1 "holds nothing to fetch for" fetch bundle "${options[@]}"
expect "not under Intel's root" 1 "does not hold for this quote" fetch quote --pccs "$url/good+p" --ca work/ca.pem
# The corpus holds marks in place of reports: what is looked at is told by what is refused.
expect "GPUs in evidence are looked at too" 1 "NVIDIA device 0: the report" fetch "$corpus/evidence/gpus" \
    --pccs "$url/good+g" --rim "$url/good+g" --ocsp "$url/good+g" --ca work/ca.pem --policy "$corpus/policy/sim_gpus" --out none
check "and without theirs there is no bundle" [ ! -e none ]
echo "1..$count"
exit $failed
