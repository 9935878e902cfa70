# SPDX-License-Identifier: Apache-2.0
# What the tests of attest share: a folder to be in, the parts of the committed evidence, and how a line of theirs is said.
# source tests/cli/attest_world.sh OBJECTS, after $OBJECTS/sealwright was built.
objects=$(cd "${1:?objects}" && pwd) || exit 1
program=$objects/sealwright
[ -x "$program" ] || { echo "Bail out! no sealwright in $1"; exit 1; }
source tests/found.sh
corpus=$PWD/fuzz/corpus golden=$PWD/tests/recipe/golden/app-compose.json vectors=$(cd ../shared/vectors 2>/dev/null && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
count=0 failed=0

expect() { # expect NAME STATUS PATTERN COMMAND...: exit status, and a pattern in what was printed
    local name=$1 status=$2 pattern=$3 found
    shift 3
    count=$((count + 1))
    "$program" "$@" >out 2>&1
    found=$?
    if [ $found -eq "$status" ] && grep -q -- "$pattern" out; then
        echo "ok $count - $name"
    else
        echo "not ok $count - $name (exit $found)" && sed 's/^/# /' out
        failed=1
    fi
}

says() { # says NAME COMMAND...: of what the last command printed
    local name=$1
    shift
    count=$((count + 1))
    if "$@"; then echo "ok $count - $name"; else echo "not ok $count - $name" && sed 's/^/# /' out | head -20 && failed=1; fi
}

# The parts of the committed evidence, as other tools hold them.
python3 - "$corpus/evidence/good" <<'PY'
import base64
import json
import os
import sys

evidence = json.load(open(sys.argv[1]))
c = evidence["collateral"]
quote = base64.b64decode(evidence["quote"])
os.mkdir("parts")
open("quote", "wb").write(quote)
open("quote.hex", "w").write(quote.hex() + "\n")
open("parts/pck_crl.der", "wb").write(base64.b64decode(c["pck_crl"]))
open("parts/root_ca_crl.der", "wb").write(base64.b64decode(c["root_crl"]))
open("parts/tcb_signing_chain.pem", "w").write(c["tcb_info_issuer_chain"])
for member, name, wrapper in (("tcb_info", "tcb_info.json", "tcbInfo"), ("qe_identity", "qe_identity.json", "enclaveIdentity")):
    open("parts/" + name, "w").write('{"%s":%s,"signature":"%s"}' % (wrapper, c[member], c[member + "_signature"]))
qvl = {"pck_crl": base64.b64decode(c["pck_crl"]).hex(), "root_ca_crl": base64.b64decode(c["root_crl"]).hex()}
for member in ("tcb_info", "qe_identity"):
    for tail in ("", "_signature", "_issuer_chain"):
        qvl[member + tail] = c[member + tail]
json.dump(qvl, open("qvl.json", "w"))
log = json.dumps(evidence["event_log"])
json.dump({"quote": quote.hex(), "event_log": log}, open("answer.json", "w"))
bent = [dict(e) for e in evidence["event_log"]]
del bent[-1]
json.dump({"quote": quote.hex(), "event_log": json.dumps(bent)}, open("short-log.json", "w"))
open("log.json", "w").write(log)
flipped = bytearray(quote)
flipped[600] ^= 1
open("flipped", "wb").write(flipped)
open("report-data", "w").write(quote[568:632].hex())
PY

good=$corpus/evidence/good policy=$corpus/policy/sim at=2026-09-21T14:13:20Z
gpu=$(find "$corpus/gpu_report/gpu" -type f | head -1)
