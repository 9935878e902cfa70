#!/usr/bin/env bash
# Each line of docs/THREATS.md names tests that attack it, as `FILE:NAME`; both must exist. check-threats.sh [ROOT]
set -euo pipefail
cd "${1:-$(dirname "$0")/..}"
failed=0 lines=0
while IFS= read -r line; do
    lines=$((lines + 1))
    references=$(grep -oE '`tests/[^`:]+:[^`]+`' <<<"$line" | tr -d '`' || true)
    [ -n "$references" ] || { echo "no test: $line" >&2; failed=1; }
    while IFS= read -r reference; do
        [ -z "$reference" ] || grep -qF -- "${reference#*:}" "${reference%%:*}" 2>/dev/null || { echo "no such test: $reference" >&2; failed=1; }
    done <<<"$references"
done < <(grep -E '^- \*\*THR-' docs/THREATS.md)
[ "$lines" -gt 0 ] || { echo "docs/THREATS.md has no threats" >&2; exit 1; }
[ -z "$(grep -oE '^- \*\*THR-[0-9]+' docs/THREATS.md | sort | uniq -d)" ] || { echo "a THR number stands twice" >&2; exit 1; }
exit $failed
