#!/usr/bin/env bash
# Runs the fuzz targets under libFuzzer with AddressSanitizer and UBSan. fuzz.sh [TARGET...]: names without
# "fuzz_"; all of them by default. FUZZ_SECONDS each (60). New inputs stay in build/fuzz/corpus, a crash in
# build/fuzz: copy what is worth keeping to fuzz/corpus.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${FUZZ_SECONDS:-60}
names=("$@")
if [ ${#names[@]} -eq 0 ]; then
    for file in fuzz/fuzz_*.c; do file=${file##*/fuzz_} && names+=("${file%.c}"); done
fi
targets=()
for name in "${names[@]}"; do targets+=("build/fuzz/fuzz/fuzz_$name"); done
# One library for all targets: clang's own flags, no warnings that only gcc is asked for.
make ${ROOMS:+ROOMS="$ROOMS"} CC=clang-14 O=build/fuzz V=release FUZZ_MAIN= \
    VFLAGS='-O1 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -Wno-everything -DSW_VARIANT_ASAN=1' \
    VLDFLAGS='-fsanitize=fuzzer,address,undefined' "${targets[@]}"
for name in "${names[@]}"; do
    mkdir -p "build/fuzz/corpus/$name"
    echo "== $name: $seconds s"
    "build/fuzz/fuzz/fuzz_$name" -max_total_time="$seconds" -max_len=65536 -timeout=10 -rss_limit_mb=2048 \
        -print_final_stats=1 -artifact_prefix="build/fuzz/$name-" "build/fuzz/corpus/$name" "fuzz/corpus/$name" 2>&1 |
        grep -E '^stat::number_of_executed|ERROR|SUMMARY|artifact|cov:' | tail -4
done
