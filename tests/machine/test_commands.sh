#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# sim init, sim image, sim show, attest explain and attest verify as a person runs them.
# test_commands.sh OBJECTS, after $OBJECTS/sealwright was built.
set -uo pipefail
objects=$(cd "${1:?objects}" && pwd) || exit 1
program=$objects/sealwright
[ -x "$program" ] || { echo "Bail out! no sealwright in $1"; exit 1; }
corpus=$PWD/fuzz/corpus
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
count=0 failed=0

expect() { # expect NAME STATUS PATTERN COMMAND...: exit status, and a pattern in what was printed
    local name=$1 status=$2 pattern=$3 found
    shift 3
    count=$((count + 1))
    "$program" "$@" >out 2>&1
    found=$?
    if [ $found -eq "$status" ] && grep -q -- "$pattern" out; then
        echo "ok $count - $name"
    else
        echo "not ok $count - $name (exit $found)" && sed 's/^/# /' out
        failed=1
    fi
}

expect "a machine is made and says what it is" 0 "SIMULATED" sim init m
expect "it is not made twice" 1 "is there already" sim init m
full() { (ulimit -f "$1" && trap "" XFSZ && exec "$objects/sealwright" sim init disk ${2:+--gpus "$2"}); } # a disk that takes $1 KiB a file
program=full
for size in 1 2; do expect "a disk that is full ($size KiB)" 1 "error" "$size"; done
for size in 3 5; do expect "a disk that is full of GPUs ($size KiB)" 1 "error" "$size" 1; done
program=$objects/sealwright
count=$((count + 1))
if [ -z "$(ls -d disk* 2>/dev/null)" ]; then echo "ok $count - half a machine is not left"; else echo "not ok $count - half a machine is left" && failed=1; fi
mkdir -p disk.partial/keys && chmod +t disk.partial && echo old >disk.partial/keys/root.pem && echo old >disk.partial/sim.json
expect "nor is one in the way that was killed" 0 "SIMULATED" sim init disk
expect "a recipe's block names it" 0 "^machine:" sim show m
expect "the block as JSON" 0 '"platform":"sim"' sim show m --json
expect "another image boots" 0 "name: second" sim image m second --boot
expect "an image is not added twice" 1 "already" sim image m second
expect "a folder that is no machine" 1 "hint: make one" sim show .
expect "no folder named" 2 "sim init" sim init
expect "a machine with GPUs" 0 "^    count: 2" sim init gpus --gpus 2
expect "whose block is a recipe's" 0 "^    revocation: required" sim show gpus
expect "and JSON" 0 '"drivers":\["570.172.08"\]' sim show gpus --json
expect "a machine without says so" 0 "^  gpu: none" sim show m
expect "too many GPUs" 2 "16" sim init many --gpus 17
expect "no number of GPUs" 2 "gpus" sim init many --gpus all
count=$((count + 1))
if [ ! -e many ] && [ -z "$(find gpus/keys -perm /077)" ]; then echo "ok $count - and nothing of it is left, and keys are their owner's"; else echo "not ok $count - keys or leftovers" && failed=1; fi
good=$corpus/evidence/good policy=$corpus/policy/sim
at=2026-09-21T14:13:20Z
expect "evidence holds under its policy" 0 "UpToDate" attest verify "$good" --policy "$policy" --time $at
expect "and says that it is simulated" 0 "SIMULATED" attest verify "$good" --policy "$policy" --time $at
expect "under a KMS reference" 0 '"simulated":true' attest verify "$good" --policy "$corpus/policy/reference" --time $at --json
"$program" sim show m --json >other.json
expect "not under another machine's policy" 1 "a root that the machine policy does not name" attest verify "$good" --policy other.json --time $at
expect "not before its time" 1 "not valid yet" attest verify "$good" --policy "$policy" --time 2020-01-01T00:00:00Z
expect "not after its time" 1 "no longer valid" attest verify "$good" --policy "$policy" --time 2040-01-01T00:00:00Z
expect "a policy is needed" 2 "policy" attest verify "$good"
expect "a bad time" 2 "--time is not a time" attest verify "$good" --policy "$policy" --time today
tr 'Z' 'z' <"$good" >bent
expect "bent evidence" 1 "error" attest verify bent --policy "$policy" --time $at
expect "evidence explained" 0 "nothing above was verified" attest explain "$good"
expect "what is no evidence is not explained, and named" 1 "${policy##*/}" attest explain "$policy"
image=$corpus/evidence/image named=$corpus/policy/image
expect "an image named by its hash" 0 '"image":"dstack-0.6".*"os_image_hash":"[0-9a-f]\{64\}"' attest verify "$image" --policy "$named" --time $at --json
expect "which is a check of its own" 0 "OS image" attest verify "$image" --policy "$named" --time $at
sed 's/"memory_bytes":"any"/"memory_bytes":[4096]/' "$named" >small.json
expect "not with another memory than the policy names" 1 "memory of 4294967296 bytes is none of the sizes" attest verify "$image" --policy small.json --time $at
expect "an image explained" 0 "OS image, as the prover describes it" attest explain "$image"
echo "1..$count"
exit $failed
