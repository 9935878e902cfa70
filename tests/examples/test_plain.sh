#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Training on plain files as README prints it, word for word, on the miniature: a newcomer's first minutes. test_plain.sh OBJECTS
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh || exit 1
objects=$(cd "${1:?objects}" && pwd) || exit 1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
shown=("$work/log")
export PATH=$objects:$PATH
python3 tools/make-miniature.py "$work/MODEL" --dtype bf16 || exit 1
sed -n "s/^    \(sealwright [a-z]* .*--model MODEL .*\)$/\1/p" README.md | sed "s,MODEL,$work/MODEL,; s,OUT,$work/OUT," >"$work/lines"
[ "$(cut -d' ' -f2 "$work/lines" | tr '\n' ' ')" = 'train eval generate ' ]
say $? 'README trains, measures and asks'
while read -r line; do
    bash -c "$line" >"$work/log" 2>&1
    say $? "README: $(cut -d' ' -f2 <<<"$line")"
    cp "$work/log" "$work/$(cut -d' ' -f2 <<<"$line").said"
done <"$work/lines"
[ -s "$work/OUT/adapter_model.safetensors" ] && [ -s "$work/OUT/curve.svg" ] && [ ! -e "$work/OUT.state" ]
say $? 'an adapter and its curve are there, and no state is left'
grep -q '^perplexity  *[0-9]' "$work/eval.said"
say $? 'a perplexity is said'
bash -c "$(sed -n 1p "$work/lines" | sed 's/--out .*/--plan/')" >"$work/log" 2>&1 && grep -q '^disk ' "$work/log"
say $? 'and the plan'
finish
