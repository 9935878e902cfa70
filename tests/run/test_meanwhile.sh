#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What the host changes on its disk while keys are asked for: the key service stands still, and whoever asks it has looked at the folder and
# waits. test_meanwhile.sh OBJECTS
set -uo pipefail
steps=2 output_limit=3MiB
here=$(cd "$(dirname "$0")" && pwd)
. "$here/world.sh"
world_new "$1"

given=()
of_owners --consent consent
"$sealwright" identity new research --name research --no-passphrase >log 2>&1
# meanwhile ACT COMMAND [OPTION...]: the exit status of a command behind whose back ACT is done once it speaks to the key service
meanwhile() {
    local act=$1 asking code
    shift
    kill -STOP "$kms_pid"
    "$@" >meanwhile.out 2>meanwhile.log &
    asking=$!
    until of_all "$asking" 'socket:' || ! kill -0 "$asking" 2>/dev/null; do sleep 0.02; done
    $act
    kill -CONT "$kms_pid"
    wait "$asking"
    code=$?
    cp meanwhile.log log
    return $code
}
of_all() { # of_all PID TEXT: whether the process or one that it started has such a descriptor
    local process
    for process in "$1" $(children "$1" 2>/dev/null); do ls -l "/proc/$process/fd" 2>/dev/null | found "$2" && return; done
    return 1
}
holds 'a run' run_sealed
holds 'another run of the same recipe' run_sealed --run other
approve_open run/out research/card.json

# ---- an output is changed for another run's after it was verified ----
cp -r run/out mixed
change() { cat other/out/model.sealed >mixed/model.sealed; }
open_mixed() { "$sealwright" open mixed --recipient research/card.json --reference kms.reference "${given[@]}" --out "$1"; }
meanwhile change open_mixed -
[ $? -eq 1 ] && grep -q 'another one than was looked at' log; say $? 'the output of another run in its place is refused'
[ "$(stat -c %s meanwhile.out)" -lt 4096 ]; say $? "and not a byte of it was written: no more than a container's head"
change() { dd if=other/out/model.sealed of=mixed/model.sealed bs=4096 skip=300 seek=300 count=200 conv=notrunc 2>/dev/null; }
rm -rf mixed && cp -r run/out mixed
meanwhile change open_mixed mixed.opened
[ $? -eq 1 ] && grep -q 'chunk 1 of the sealed file was changed' log && [ ! -e mixed.opened ]; say $? 'nor is one chunk of it taken'
rm -rf mixed && cp -r run/out mixed
holds 'what was approved is opened' open_mixed right.opened

# ---- checkpoints go, or come ----
cp -r run again && rm -rf again/out
change() { mkdir away && mv again/checkpoint-*.sealed away/; }
meanwhile change run_sealed --run again
[ $? -eq 1 ] && grep -q 'the checkpoints went out of again' log && [ ! -e again/out/manifest.json ]; say $? 'a run whose checkpoints went ends, and writes no manifest'
change() { mv away/*.sealed again/; }
meanwhile change run_sealed --run again
[ $? -eq 1 ] && grep -q 'a checkpoint came into again' log && [ ! -e again/out/manifest.json ]; say $? 'so does one into whose folder one came'
holds 'left alone, it resumes' run_sealed --run again
holds 'and verifies' verify_out again/out
finish
