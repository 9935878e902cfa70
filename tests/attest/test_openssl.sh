#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The evidence of a software machine under the openssl command alone: quote signature, QE report, the binding
# between them, collateral signatures, chains with revocation. None of our own code judges here.
# test_openssl.sh OBJECTS, after $OBJECTS/tests/attest/test_quote was built.
set -uo pipefail
source=$(cd "$(dirname "$0")/../.." && pwd)
objects=$(cd "${1:?objects}" && pwd) || exit 1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
. "$source/tests/tap.sh" || exit 1
shown=("$folder/log")

holds() { # holds NAME COMMAND...
    local name=$1
    shift
    "$@" >"$folder/log" 2>&1
    say $? "$name"
}
refused() {
    local name=$1
    shift
    if "$@" >"$folder/log" 2>&1; then say 1 "$name"; else say 0 "$name"; fi
}

slice() { tail -c "+$(($2 + 1))" "$1" | head -c "$3"; } # slice FILE AT SIZE
hex() { od -An -v -tx1 | tr -d ' \n'; }
le32() { # le32 FILE AT
    local h
    h=$(slice "$1" "$2" 4 | hex)
    echo $((16#${h:6:2}${h:4:2}${h:2:2}${h:0:2}))
}
der() { # der RAW OUT: r||s to ECDSA-Sig-Value
    local h
    h=$(hex <"$1")
    printf 'asn1=SEQUENCE:s\n[s]\nr=INTEGER:0x%s\ns=INTEGER:0x%s\n' "${h:0:64}" "${h:64:64}" >"$folder/conf"
    openssl asn1parse -genconf "$folder/conf" -noout -out "$2"
}
signed() { # signed KEY RAW FILE
    der "$2" "$folder/signature" && openssl dgst -sha256 -verify "$1" -signature "$folder/signature" "$3"
}

cd "$folder" || exit 1
time=$("$objects/tests/attest/test_quote" --write "$folder") || { echo "Bail out! no test_quote in $objects"; exit 1; }

# ---- the quote's parts (offsets of a v4 quote with 32 bytes of authentication data) ----
slice quote.bin 0 632 >signed.bin
slice quote.bin 636 64 >quote.raw
slice quote.bin 770 384 >qe.bin
slice quote.bin 1154 64 >qe.raw
slice quote.bin 1258 "$(le32 quote.bin 1254)" >chain.pem
{
    printf '\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00\x04'
    slice quote.bin 700 64
} >attestation.der
openssl pkey -pubin -inform der -in attestation.der -out attestation.pem 2>/dev/null
awk '/BEGIN/ {n++} {print > ("pck" n ".pem")}' chain.pem
awk '/BEGIN/ {n++} {print > ("signer" n ".pem")}' signers.pem
openssl x509 -in pck1.pem -noout -pubkey >pck.pub
openssl x509 -in signer1.pem -noout -pubkey >signer.pub
for name in pck_crl root_crl; do openssl crl -inform der -in $name.der -out $name.pem; done
cat root_crl.pem pck_crl.pem >lists.pem

# ---- signatures ----
holds "the attestation key signed header and TD report" signed attestation.pem quote.raw signed.bin
holds "the PCK key signed the QE report" signed pck.pub qe.raw qe.bin
bound=$({ slice quote.bin 700 64 && slice quote.bin 1220 32; } | openssl dgst -sha256 -r | cut -c1-64)
[ "$(slice qe.bin 320 64 | hex)" = "$bound$(printf '0%.0s' {1..64})" ]
say $? "the QE report names the attestation key"
holds "the TCB signer signed the TCB info" signed signer.pub tcb_info.raw tcb_info
holds "the TCB signer signed the QE identity" signed signer.pub qe_identity.raw qe_identity
refused "the QE identity is not signed by the TCB info's signature" signed signer.pub tcb_info.raw qe_identity
{ slice signed.bin 0 631 && printf '\xff'; } >bent.bin
refused "a bent TD report is not signed" signed attestation.pem quote.raw bent.bin

# ---- chains with revocation ----
pck() { # pck TIME
    openssl verify -attime "$1" -x509_strict -crl_check_all -CRLfile lists.pem -CAfile pck3.pem -untrusted pck2.pem pck1.pem
}
signer() { openssl verify -attime "$1" -x509_strict -crl_check_all -CRLfile root_crl.pem -CAfile signer2.pem signer1.pem; }
holds "the PCK chain holds" pck "$time"
holds "the TCB signing chain holds" signer "$time"
refused "the PCK chain does not hold eleven years later" pck $((time + 11 * 31557600))
refused "the PCK chain does not hold a year before" pck $((time - 31557600))
refused "the TCB signing chain does not hold eleven years later" signer $((time + 11 * 31557600))
cmp -s pck3.pem signer2.pem
say $? "both chains end in one root"
finish
