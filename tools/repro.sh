#!/usr/bin/env bash
# Builds the committed tree twice, in two folders of different names, and compares what comes out byte by byte.
# repro.sh [FILE...]: names in the object folder (the programs and the library by default).
set -euo pipefail
cd "$(dirname "$0")/.."
files=("$@")
[ ${#files[@]} -gt 0 ] || files=(sealwright sealwright-worker libsealwright.so)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for tree in first second-and-longer; do
    mkdir "$work/$tree"
    git archive HEAD | tar -x -C "$work/$tree"
    make -s -C "$work/$tree" -j"$(nproc)" O=build/repro ${ROOMS:+ROOMS="$ROOMS"} "${files[@]/#/build/repro/}" >/dev/null
done
failed=0
for file in "${files[@]}"; do
    first=$work/first/build/repro/$file second=$work/second-and-longer/build/repro/$file
    if cmp "$first" "$second"; then
        echo "same: $file $(sha256sum <"$first" | cut -d' ' -f1)"
    else
        failed=1
    fi
done
exit $failed
