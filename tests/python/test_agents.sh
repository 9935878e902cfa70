#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A rehearsal takes and refuses what the agent of a sealed run does: the same words, without the package, said to both. test_agents.sh O
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
objects=$(cd "${1:-build/release}" && pwd)
{ [ "$(id -u)" -eq 0 ] && unshare --mount true 2>/dev/null; } || { echo '1..0 # SKIP a private root needs the right to mount'; exit 0; }
steps=4 save_steps=2 output_limit=64KiB act=whole
. "$root/tests/run/world.sh"
python=/usr/bin/python3
[ -x "$python" ] || python=$(command -v python3)
write_script() { cp "$here/raw_script.py" script.py; }
. "$root/tests/run/script_world.sh"
world_new "$objects"

reads_stop() { # reads_stop PID: it or a process below it is in read(33, ...)
    local below
    [[ $(cat "/proc/$1/syscall" 2>/dev/null) == '0 0x21 '* ]] && return 0
    for below in $(cat "/proc/$1"/task/*/children 2>/dev/null); do reads_stop "$below" && return 0; done
    return 1
}
waits_for_stop() {
    local i
    for ((i = 0; i < 600; i++)); do
        reads_stop "$1" && return 0
        kill -0 "$1" 2>/dev/null || return 1
        sleep 0.1
    done
    return 1
}
sealed() { # sealed ACT RUN: how it ended
    local code pid
    if [[ $1 == stop* ]]; then
        run_sealed --tree tree --run "$2" >log 2>&1 &
        pid=$!
        waits_for_stop "$pid" && { kill -INT $(children "$pid") 2>/dev/null || kill -INT "$pid"; }
        wait "$pid"
    else
        run_sealed --tree tree --run "$2" >log 2>&1
    fi
    code=$?
    if [ $code -eq 0 ]; then
        echo 'done'
    elif found 'error: stopped after step' <log; then
        echo stopped
    elif found 'error: training ended: the script said what is not due, or went beyond a limit of the recipe' <log; then
        echo refused
    elif found 'error: training ended: ' <log; then
        echo failed
    else
        echo other
    fi
}

python3 "$here/raw_script.py" >acts 2>log && [ -s acts ]; say $? '(there are acts)'
python3 "$here/at_home.py" >home 2>log && [ "$(wc -l <home)" = "$(wc -l <acts)" ]; say $? '(each is rehearsed)'
while read -r name wanted <&9; do
    act=$name
    case $act in
    whole) ;;
    stop_again) act=stop_and_a_state ;; # the same run, resumed
    *) variant "$act" 2>log; say $? "($act is consented to)" ;;
    esac
    [ "$name" = stop_again ] && sha256sum run-stop_and_a_state/checkpoint-*.sealed >kept
    [ "$(sealed "$act" "run-$act")" = "$wanted" ]; say $? "the agent: $name: $wanted"
    [ "$name" != stop_again ] || { sha256sum -c --quiet kept >log 2>&1; say $? 'with the state that it had'; }
    [ "$(sed -n "s/^$name //p" home)" = "$wanted" ]; say $? 'and so does a rehearsal'
done 9<acts
finish
