#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A shard is trained on whole or not at all: a disk that fails while it is unsealed, at any of its reads, ends the run, and so does a
# decoder that leaves its shard unread and sends rows all the same. test_rows_read.sh OBJECTS
set -uo pipefail
steps=4 save_steps=2 rows=800 grants=1000 # more than a pipe holds
. "$(dirname "$0")/hostile_world.sh"
need_strace

# reading_shard OPTION... -- [OPTION...]: a run whose calls on bert's shard strace sees, and may fail
reading_shard() { run_with strace -qq -P bert.sealed -e trace=openat,read,pread64 "$@"; }
reading_shard -o calls -- >log 2>&1
say $? 'a run'
verify_out >log 2>&1 && found 'manifest .* 2400 of 2400 rows' <log; say $? 'it was given all rows, and verify says so'
from=$(grep -n '^openat' calls | sed -n 2p | cut -d: -f1) # the second opening is the one that unseals
for call in read pread64; do
    before=$(head -n "$from" calls | grep -c "^$call(")
    all=$(grep -c "^$call(" calls)
    for ((n = before + 1; n <= all; n++)); do
        rm -rf failed
        reading_shard -o /dev/null -e inject="$call:error=EIO:when=$n" -- --run failed --json >log 2>&1
        [ $? -eq 1 ] && [ "$(error_word <log)" = io ] && [ ! -e failed/out ]
        say $? "the disk fails at $call $((n - before)) of $((all - before)): io"
    done
done
[ "$count" -ge 6 ]; say $? 'there were several'

leaves=$("$worker" --list | sed -n 's/^\([0-9]*\) .* decode_leaves$/\1/p')
refused worker 'a decoder leaves its shard unread and sends a row of its own' run_sealed --run left --threads "$leaves"
[ ! -e left/out ]; say $? 'nothing came of it'
finish
