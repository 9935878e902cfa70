#!/usr/bin/env bash
# Runs the fuzz targets under libFuzzer with AddressSanitizer and UBSan. fuzz.sh [TARGET...]: names without
# "fuzz_"; all of them by default, those with the fewest processor seconds first. FUZZ_SECONDS each (60). With FUZZ_UNTIL
# a target that has had so many seconds is passed over, and the rest go round until none is left. Several may run at a
# time: each takes a target that no other has.
# fuzz/tally.tsv keeps, by target, the processor seconds of all runs, the inputs executed and the last day. Small inputs
# that reach new code join fuzz/corpus, where `make test` replays them; all of them stay in build/fuzz/corpus. A crash
# ends the run: its input lies in build/fuzz.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${FUZZ_SECONDS:-60} until=${FUZZ_UNTIL:-} tally=fuzz/tally.tsv
readonly SEED_BYTES=4096 SEEDS=48 # what a corpus in the repository may hold
names=("$@")

spent() { # spent NAME: processor seconds so far
    awk -F'\t' -v name="$1" '$1 == name { print $2; found = 1 } END { if (!found) print 0 }' "$tally"
}

[ -f "$tally" ] || printf 'target\tprocessor_seconds\tinputs\tlast_run\n' >"$tally"
fewest_first() { # fewest_first NAME...
    local name
    for name in "$@"; do echo "$(spent "$name") $name"; done | sort -n | cut -d' ' -f2
}
if [ ${#names[@]} -eq 0 ]; then
    for file in fuzz/fuzz_*.c; do file=${file##*/fuzz_} && names+=("${file%.c}"); done
    mapfile -t names < <(fewest_first "${names[@]}")
fi
targets=()
for name in "${names[@]}"; do targets+=("build/fuzz/fuzz/fuzz_$name"); done
# One library for all targets: clang's own flags, no warnings that only gcc is asked for.
make ${ROOMS:+ROOMS="$ROOMS"} CC=clang-14 O=build/fuzz V=release FUZZ_MAIN= \
    VFLAGS='-O1 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -Wno-everything -DSW_VARIANT_ASAN=1' \
    VLDFLAGS='-fsanitize=fuzzer,address,undefined' "${targets[@]}"

note() { # note NAME SECONDS INPUTS: adds to the tally
    local lock
    exec {lock}>build/fuzz/tally.lock
    flock "$lock"
    awk -F'\t' -v OFS='\t' -v name="$1" -v more="$2" -v inputs="$3" -v day="$(date -u +%F)" '
        $1 == name { $2 += more; $3 += inputs; $4 = day; found = 1 }
        { print }
        END { if (!found) print name, more, inputs, day }' "$tally" |
        { read -r head; echo "$head"; sort; } >"$tally.new"
    mv "$tally.new" "$tally"
    exec {lock}>&-
}

# Small inputs that the repository's corpus does not cover yet join it, named by what they hold.
keep() { # keep NAME
    local corpus="fuzz/corpus/$1" merged file count
    merged=$(mktemp -d)
    "build/fuzz/fuzz/fuzz_$1" -merge=1 -max_len=$SEED_BYTES -rss_limit_mb=2048 "$merged" "$corpus" "build/fuzz/corpus/$1" >/dev/null 2>&1 || true
    count=$(find "$corpus" -type f | wc -l)
    while read -r file; do
        [ "$count" -lt $SEEDS ] || break
        cmp -s "$file" /dev/null || grep -qF "$(sha256sum <"$file")" <(find "$corpus" -type f -exec sha256sum {} + | cut -c1-64) && continue
        cp "$file" "$corpus/$(sha1sum <"$file" | cut -c1-16)" && count=$((count + 1))
    done < <(find "$merged" -type f -size -$((SEED_BYTES / 1024 + 1))k | sort)
    rm -rf "$merged"
}

longest() { # longest NAME: bytes of an input, so that no seed is cut
    local most
    most=$(find "fuzz/corpus/$1" -type f -printf '%s\n' | sort -n | tail -1)
    echo $((most > 61440 ? most + 4096 : 65536))
}

one() { # one NAME: runs it; 1 when it found something
    local name=$1 log=build/fuzz/$1.log status=0 used inputs TIMEFORMAT='%U %S'
    mkdir -p "build/fuzz/corpus/$name"
    used=$({ time "build/fuzz/fuzz/fuzz_$name" -max_total_time="$seconds" -max_len="$(longest "$name")" -timeout=30 -rss_limit_mb=2048 \
        -print_final_stats=1 -artifact_prefix="build/fuzz/$name-" "build/fuzz/corpus/$name" "fuzz/corpus/$name" >"$log" 2>&1; } 2>&1) || status=$?
    inputs=$(awk '/^stat::number_of_executed_units/ { print $2 }' "$log")
    note "$name" "$(awk '{ printf "%d", $1 + $2 }' <<<"$used")" "${inputs:-0}"
    echo "$name: $(spent "$name") processor seconds in all, ${inputs:-0} inputs now, $(grep -o 'cov: [0-9]*' "$log" | tail -1)"
    if [ "$status" -ne 0 ]; then
        grep -E 'ERROR|SUMMARY|artifact' "$log" | tail -4
        return 1
    fi
    keep "$name"
}

# The target with the fewest seconds below `until` that no other run has: its lock stays open as $held.
take() {
    for name in $(fewest_first "${names[@]}"); do
        [ "$(spent "$name")" -lt "$until" ] || continue
        exec {held}>"build/fuzz/$name.lock"
        flock -n "$held" && return
        exec {held}>&-
    done
    return 1
}

if [ -n "$until" ]; then
    while take; do
        one "$name"
        exec {held}>&-
    done
else
    for name in "${names[@]}"; do one "$name"; done
fi
