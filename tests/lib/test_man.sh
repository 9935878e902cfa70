#!/usr/bin/env bash
# The manual pages say what the program's help says: a page for each command, a paragraph for each option, and the
# same bytes again. test_man.sh O
set -uo pipefail
cd "$(dirname "$0")/../.."
program=${1:-build/release}/sealwright
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
count=0 failed=0
result() {
    count=$((count + 1))
    if [ "$1" -eq 0 ]; then echo "ok $count - $2"; else echo "not ok $count - $2"; failed=1; fi
}

tools/man.sh "$program" "$work/man" && tools/man.sh "$program" "$work/again"
result $? "the pages are made"
diff -r "$work/man" "$work/again"
result $? "the same program gives the same pages"
missing=0
while read -r name; do
    page=$work/man/sealwright-${name// /-}.1
    # shellcheck disable=SC2086 # a name may be two words
    options=$("$program" $name --help | grep -cE '^  --')
    [ -f "$page" ] && [ "$(grep -c '^\.TP$' "$page")" -eq "$options" ] && [ "$options" -ge 3 ] && continue
    echo "# $name"
    missing=1
done < <("$program" --help | sed -nE 's/^  ([a-z]+( [a-z-]+)?)  +.*/\1/p')
result $missing "each command has a page with all its options"
# An option's value is printed as what it is, whatever letters it has.
missing=0
while read -r name; do
    # shellcheck disable=SC2086
    other=$(diff <("$program" $name --help | sed -nE 's/^  (--[^ ]+( [^ ]+)?)  .*/\1/p') <(sed -nE 's/^\.B (\\-\\-.*)/\1/p' "$work/man/sealwright-${name// /-}.1" | sed 's/\\-/-/g') |
        sed 's/^/# /')
    [ -z "$other" ] || { echo "$other" && missing=1; }
done < <("$program" --help | sed -nE 's/^  ([a-z]+( [a-z-]+)?)  +.*/\1/p')
result $missing "each option stands there with its value"
[ "$(find "$work/man" -name '*.1' | wc -l)" -eq "$(($("$program" --help | grep -cE '^  [a-z]') + 1))" ]
result $? "and there are no other pages than these and sealwright.1"
echo "1..$count"
exit $failed
