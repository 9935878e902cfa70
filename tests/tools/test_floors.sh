#!/usr/bin/env bash
# tools/check-floors.sh passes our tree and catches each kind of include that must not be.
set -euo pipefail
cd "$(dirname "$0")/../.."
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree/mk"
cp mk/floors.mk "$tree/mk/"

number=0
# expect pass|fail FILE INCLUDE: a tree with that one include
expect() {
    number=$((number + 1))
    rm -rf "$tree/src"
    mkdir -p "$tree/$(dirname "$2")"
    printf '#include %s\n' "$3" >"$tree/$2"
    local got=pass
    tools/check-floors.sh "$tree" >/dev/null 2>&1 || got=fail
    if [ "$got" = "$1" ]; then echo "ok $number - $2 including $3: $1"; else
        echo "not ok $number - $2 including $3: $got instead of $1"
    fi
}

echo 1..24
expect pass src/kms/a.c '"ledger/ledger.h"'
expect pass src/kms/a.c '"kms/kms.h"'
expect pass src/run/a.c '"train/train.h"'
expect pass src/run/a.c '"kms/kms.h"'
expect pass src/train/a.c '"recipe/training.h"'
expect pass src/train/a.c '"tensor/tensor.h"'
expect pass src/crypto/a.c '"codec/der.h"'
expect pass src/crypto/a.c '<openssl/evp.h>'
expect fail src/base/a.c '"codec/json.h"'
expect fail src/codec/a.c '"sys/files.h"'
expect fail src/sys/a.c '"crypto/crypto.h"'
expect fail src/ledger/a.c '"attest/attest.h"'
expect fail src/ledger/a.h '"kms/kms.h"'
expect fail src/kms/a.c '"train/train.h"'
expect fail src/kms/a.c '"tensor/tensor.h"'
expect fail src/train/a.c '"kms/kms.h"'
expect fail src/train/a.c '"seal/seal.h"'
expect fail src/train/a.c '"recipe/recipe.h"'
expect fail src/kms/a.c '"run/run.h"'
expect fail src/run/a.c '"cli/cli.h"'
expect fail src/seal/a.c '<openssl/evp.h>'
expect fail src/ledger/a.c '<sqlite3.h>'
expect fail src/kms/a.c '<event2/event.h>'
expect fail src/nowhere/a.c '"base/base.h"'
