#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# kill -9 of agent, worker and key service, 20 times, each at a counted moment: the n-th of the system calls that leave a mark, n from a seed
# that is printed (SEED=N repeats it). The same command again ends in the same model and the same states on the way, and every sealed file
# that lay in the folder still opens. test_kill.sh OBJECTS
set -uo pipefail
steps=6 save_steps=2 grants=1000
. "$(dirname "$0")/world.sh"
demand_strace
world_new "${1:?objects}"
seed=${SEED:-$((RANDOM * 32768 + RANDOM))}
RANDOM=$seed
echo "# SEED=$seed"
export ASAN_OPTIONS=detect_leaks=0 # a leak checker cannot work under strace
marks=openat,write,fsync,linkat,renameat,renameat2,rename,unlink,unlinkat,pipe2,clone,execveat,memfd_create,connect,sendto

# moment TRACE: of the traced calls one by chance, as the injection that kills there
moment() {
    local line call
    line=$((RANDOM % $(grep -c '(' "$1") + 1))
    call=$(grep '(' "$1" | sed -n "${line}s/(.*//p")
    echo "$call:signal=KILL:when=$(grep '(' "$1" | head -n $line | grep -c "^$call(")"
}
# again FOLDER NAME: what lies there still opens; the same command ends as the run that nobody disturbed did
again() {
    local file
    for file in "$1"/*.sealed; do
        [ -e "$file" ] && { "$sealwright" inspect "$file" >log 2>&1 || { say 1 "$2: $file is damaged" && return; }; }
    done
    [ "$(ls -A "$1" 2>/dev/null | grep -c partial)" -le 1 ] || { say 1 "$2: half files lie about" && return; }
    run_sealed --run "$1" >log 2>&1 && verify_out "$1/out" >log 2>&1 && same_model whole/out "$1/out"
    say $? "$2"
}

run_with strace -qq -o agent.trace -e trace=$marks -- --run whole >log 2>&1
say $? 'a run that nobody disturbs'

# ---- the agent ----
echo "# the agent makes $(grep -c '(' agent.trace) such calls in a run"
for i in $(seq 9); do
    until # a moment that this run does not reach is none: another one
        at=$(moment agent.trace)
        rm -rf agent.$i
        run_with strace -qq -o /dev/null -e trace="${at%%:*}" -e inject="$at" -- --run agent.$i >log 2>&1
        [ $? -eq 137 ]
    do :; done
    again agent.$i "the agent is killed at $at"
done

# ---- the worker: it is killed while the agent stands still at its n-th read of a pipe ----
run_with strace -qq -o reads.trace -e trace=read -- --run read >log 2>&1
reads=$(grep -c '^read(' reads.trace)
first=$(grep '^read(' reads.trace | grep -n '"\\0\\0\\0\\3\\0\\0\\0\\0\\0\\0\\0\\0", 12)' | tail -n 1 | cut -d: -f1) # the training worker's hello
echo "# reads from the training worker's hello to the end: $first to $reads"
for i in $(seq 6); do
    until # how often a pipe is read depends on who is faster: a moment that this run does not reach is none, another one
        at=$((first + RANDOM % (reads - first)))
        rm -rf worker.$i
        killed=''
        stopped_at read $at kill_children --run worker.$i
        code=$?
        [ -n "$killed" ] || [ $code -ne 0 ]
    do :; done
    # The worker may have said its last word before: then the run ends well.
    [ -n "$killed" ] && { [ $code -eq 0 ] || { [ $code -eq 1 ] && grep -q 'ended without its last word' log; }; } || say 1 "the worker is killed at read $at: exit $code"
    again worker.$i "the worker is killed at the agent's read $at"
done

# ---- the key service ----
stop_kms
start_kms strace -D -o "$world/kms.trace" -e trace=$marks,pwrite64,fdatasync,accept4
unlock_all
before=$(grep -c '(' kms.trace)
run_sealed --run served >log 2>&1
stop_kms
for ((i = 0; i < 1000; i++)); do tail -n 1 kms.trace | found '^+++' && break; done # strace ends a little later
echo "# the key service makes $before such calls before a run and $(($(grep -c '(' kms.trace) - before)) in one"
start_kms
refused locked 'a key service that was started again knows nobody' run_sealed --run locked
for i in $(seq 5); do
    stop_kms
    line=$((before + 1 + RANDOM % ($(grep -c '(' kms.trace) - before)))
    call=$(grep '(' kms.trace | sed -n "${line}s/(.*//p")
    at=$call:signal=KILL:when=$(grep '(' kms.trace | head -n $line | grep -c "^$call(")
    if start_kms strace -D -qq -o /dev/null -e trace="${at%%:*}" -e inject="$at" && unlock_all 2>/dev/null; then run_sealed --run kms.$i >log 2>&1; fi
    stop_kms
    start_kms && unlock_all >log 2>&1
    again kms.$i "the key service is killed at $at"
done

# ---- and the bytes themselves ----
opened whole/out whole.adapter >log 2>&1 && opened agent.1/out agent.adapter >log 2>&1 && opened worker.1/out worker.adapter >log 2>&1
say $? 'three of them are opened'
cmp whole.adapter/adapter_model.safetensors agent.adapter/adapter_model.safetensors >log 2>&1; say $? 'the agent was killed: the same adapter'
cmp whole.adapter/adapter_model.safetensors worker.adapter/adapter_model.safetensors >log 2>&1; say $? 'the worker was killed: the same adapter'
predicate worker.1/out | found '"resumes":[0-9]'; say $? 'the manifest counts the resumes'
holds 'the audit log is whole' "$sealwright" kms audit verify "$kms_url"
finish
