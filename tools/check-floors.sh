#!/usr/bin/env bash
# Refuses an include that runs upward or sideways in the house (mk/floors.mk), and libraries outside the
# rooms that may know them. check-floors.sh [ROOT]: the tree to look at, this one by default.
set -euo pipefail
cd "${1:-$(dirname "$0")/..}"
# room=floor:wing, one a line
mapfile -t table < <(sed -e ':a' -e '/\\$/{N;s/\\\n//;ta' -e '}' mk/floors.mk | sed -n 's/^FLOORS := //p' | tr -s ' ' '\n')
declare -A floor wing
for entry in "${table[@]}"; do
    [ -n "$entry" ] || continue
    room=${entry%%=*} place=${entry#*=}
    floor[$room]=${place%%:*} wing[$room]=${place##*:}
done
neighbours=$(sed -n 's/^NEIGHBOURS := //p' mk/floors.mk)
[ ${#floor[@]} -gt 0 ] || { echo "mk/floors.mk has no table" >&2; exit 1; }

failed=0
refuse() {
    echo "$1" >&2
    failed=1
}

# May $1 include $2? Lower floors of its own wing or of the ground, and the neighbours that the table names;
# run and cli see both wings.
allowed() {
    local from=$1 to=$2
    [ "$from" = "$to" ] && return 0
    [[ " $neighbours " == *" $from>$to "* ]] && return 0
    [ "${floor[$to]}" -lt "${floor[$from]}" ] || return 1
    [ "${wing[$from]}" = r ] || [ "${wing[$to]}" = g ] || [ "${wing[$to]}" = "${wing[$from]}" ]
}

while IFS=: read -r file line include; do
    room=${file#src/} room=${room%%/*}
    target=${include%%/*}
    [ -n "${floor[$target]:-}" ] || continue
    [ -n "${floor[$room]:-}" ] || { refuse "$file: room $room has no floor"; continue; }
    [[ "$file $include" =~ ^src/sys/tree\.c\ (crypto/crypto|codec/text)\.h$ ]] || allowed "$room" "$target" ||
        refuse "$file:$line: $room (floor ${floor[$room]}, wing ${wing[$room]}) may not include $include"
    # Of recipe the compute wing sees the plain structs only (DESIGN section 9).
    if [ "${wing[$room]}" = c ] && [ "$target" = recipe ] && [ "$include" != recipe/training.h ]; then
        refuse "$file:$line: the compute wing sees recipe/training.h only"
    fi
done < <(grep -rnoE --include='*.[ch]' '^#include "[a-z0-9_/]+\.h"' src 2>/dev/null |
    sed -E 's/^([^:]+:[0-9]+):#include "([^"]+)"$/\1:\2/')

# library header pattern | files that may include it
while IFS='|' read -r pattern where; do
    while IFS=: read -r file line include; do
        [[ $file =~ ^($where)$ ]] || refuse "$file:$line: $include belongs to $where"
    done < <(grep -rnE --include='*.[ch]' "^#include <($pattern)" src 2>/dev/null || true)
done <<'TABLE'
openssl/ssl|src/http/.*
openssl/|src/crypto/.*|src/http/.*
event2/|src/http/.*
curl/|src/http/.*
sqlite3|src/envelope/journal_(sqlite|vfs)\.c
yaml\.h|src/codec/yaml\.c
utf8proc|src/tokenizer/.*
seccomp\.h|src/sys/.*
secp256k1|src/crypto/secp256k1\.c
zlib|src/attest/ratls_log\.c
archive|src/sys/archive\.c|src/seal/.*
TABLE
[ "$failed" -eq 0 ] && echo "floors: every include runs down"
exit "$failed"
