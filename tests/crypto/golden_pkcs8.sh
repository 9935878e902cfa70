#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Prints golden_pkcs8.h: private keys as the `openssl` command writes them.   bash tests/crypto/golden_pkcs8.sh > tests/crypto/golden_pkcs8.h
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
secret=4995788ef4b9d6132b249ce59a77281493eb39af373d236a1fe415cb0c2d7beb # RFC 9180 A.3.1 skEm, pkEm
public=04a92719c6195d5085104f469a8b9814d5838ff72b60501e2c4466e5e67b325ac98536d7b61a1af4b78e5b7f951c0900be863c403ce65c9bfcb9382657222d18c4

key() { openssl genpkey -quiet "$@" 2>/dev/null; }
emit() { # NAME PASSPHRASE STATUS FILE
    printf '    {"%s", "%s", %s,\n' "$1" "$2" "$3"
    sed 's/.*/     "&\\n"/' "$4"
    printf '    },\n'
}
scrypt() { openssl pkcs8 -topk8 -in plain.pem -scrypt -scrypt_N "$1" -scrypt_r "$2" -scrypt_p "$3" -v2 "${5:-aes-256-cbc}" -passout "pass:$4"; }

printf '30770201010420%sa00a06082a8648ce3d030107a144034200%s' "$secret" "$public" | tr a-f A-F | basenc --base16 -d >sec1.der
openssl pkey -inform DER -in sec1.der -out plain.pem
openssl ec -in plain.pem -out sec1.pem 2>/dev/null
openssl ec -in plain.pem -no_public 2>/dev/null | openssl pkcs8 -topk8 -nocrypt >nopublic.pem
openssl pkey -in plain.pem -ec_conv_form compressed -out compressed.pem
openssl pkey -in plain.pem -ec_param_enc explicit -out explicit.pem
key -algorithm EC -pkeyopt ec_paramgen_curve:P-384 >p384.pem
key -algorithm EC -pkeyopt ec_paramgen_curve:secp256k1 >k256.pem
key -algorithm ED25519 >ed25519.pem
scrypt 16384 8 1 correct >scrypt.pem
scrypt 2 1 1 x >tiny.pem
scrypt 1024 8 16 "a passphrase of more than a few words, with , and ; and = inside" >long.pem
scrypt 1024 8 1 correct aes-128-cbc >aes128.pem
scrypt 1024 8 1 correct des-ede3-cbc >des3.pem
openssl pkcs8 -topk8 -in plain.pem -v2 aes-256-cbc -passout pass:correct >pbkdf2.pem
openssl pkcs8 -topk8 -in p384.pem -scrypt -scrypt_N 1024 -v2 aes-256-cbc -passout pass:correct >p384scrypt.pem

cat <<END
/* SPDX-License-Identifier: Apache-2.0
 *
 * Made by tests/crypto/golden_pkcs8.sh with $(openssl version | cut -d' ' -f1,2). Do not edit.
 */
#ifndef SW_TESTS_GOLDEN_PKCS8_H
#define SW_TESTS_GOLDEN_PKCS8_H

typedef struct golden_pkcs8 {
    const char *name, *passphrase;
    sw_status status;
    const char *pem;
} golden_pkcs8;

/* clang-format off */
static const char golden_pkcs8_secret[] = "$secret";
static const golden_pkcs8 golden_pkcs8_cases[] = {
END
emit "plain" "" SW_OK plain.pem
emit "plain, passphrase not needed" "correct" SW_OK plain.pem
emit "scrypt 2^14 8 1" "correct" SW_OK scrypt.pem
emit "scrypt 2 1 1" "x" SW_OK tiny.pem
emit "scrypt 2^10 8 16" "a passphrase of more than a few words, with , and ; and = inside" SW_OK long.pem
emit "no passphrase given" "" SW_REFUSED scrypt.pem
emit "wrong passphrase" "Correct" SW_UNAUTHENTIC scrypt.pem
emit "passphrase cut" "correc" SW_UNAUTHENTIC scrypt.pem
emit "passphrase with a space" "correct " SW_UNAUTHENTIC scrypt.pem
emit "P-384 inside" "correct" SW_MALFORMED p384scrypt.pem
emit "AES-128" "correct" SW_MALFORMED aes128.pem
emit "3DES" "correct" SW_MALFORMED des3.pem
emit "PBKDF2" "correct" SW_MALFORMED pbkdf2.pem
emit "SEC 1" "" SW_MALFORMED sec1.pem
emit "no public key" "" SW_MALFORMED nopublic.pem
emit "compressed public key" "" SW_MALFORMED compressed.pem
emit "explicit curve" "" SW_MALFORMED explicit.pem
emit "P-384" "" SW_MALFORMED p384.pem
emit "secp256k1" "" SW_MALFORMED k256.pem
emit "Ed25519" "" SW_MALFORMED ed25519.pem
printf '};\n/* clang-format on */\n\n#endif\n'
