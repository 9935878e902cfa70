#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# An opening that a slow disk holds up: renewed in time, and nothing is opened after a revocation or the lease's end, nor is a key kept for
# the disk. test_open_lease.sh OBJECTS
set -uo pipefail
steps=2 lease=12s
objects=$(cd "${1:?objects}" && pwd) here=$(cd "$(dirname "$0")" && pwd)
. "$here/world.sh"
need_strace
[ -x "$objects/tests/run/find_keys" ] || make -s -C "$here/../.." O="$1" "$1/tests/run/find_keys" >&2 || exit 1
world_new "$objects"

"$sealwright" identity new research --name research --no-passphrase >log 2>&1
holds 'a run' run_sealed
approve_open run/out research/card.json
given=()
of_owners --consent consent
open_traced() { # open_traced CALLS STRACE-OPTION...
    strace -qq -e trace="$1" "${@:2}" "$sealwright" open run/out --recipient research/card.json --reference kms.reference "${given[@]}" \
        --out m.opened --json
}
# held N CALL COMMAND: the opening stands still after its N-th such call, COMMAND runs, and it goes on
held() {
    local line agent tracer code
    rm -f stops m.opened
    mkfifo stops
    open_traced "$2" -o stops -e inject="$2:signal=STOP:when=$1" >log 2>&1 &
    tracer=$!
    while read -r line; do
        case $line in *'stopped by SIGSTOP'*)
            agent=$(children "$(children $tracer)")
            "${@:3}"
            kill -CONT "$agent"
            ;;
        esac
    done <stops
    wait $tracer
    code=$?
    [ -e m.opened ] || [ -e .m.opened.partial ] || return $((code + 10))
    return $code
}
granted() { "$sealwright" kms audit verify "$kms_url" --json 2>/dev/null | value grants; }

open_traced flock,write -o calls >log 2>&1; say $? 'an opening that nobody holds up'
locks=$(grep -c '^flock(' calls) # the last of them: of the file that is about to be written
writes=$(grep '^write(' calls | grep -n -v '^write([12],' | tail -n 1 | cut -d: -f1) # the last of them: the end of what was sealed
[ "$locks" -ge 1 ] && [ "$writes" -ge 4 ]; say $? '(there are moments to hold it)'

before=$(granted)
held "$locks" flock sleep 7; say $? 'held up for more than half of the lease: it is opened'
[ "$(granted)" -eq $((before + 2)) ]; say $? 'one grant and one renewal of it'
unpack_to m.opened research m >log 2>&1; say $? 'and whole'
look() { keys_in_memory "$agent" memory >found 2>&1; }
held "$locks" flock look; [ $? -eq 0 ] && grep -q 'output is there' found && ! grep -q '^what opens' found; say $? 'what opens is in memory while it opens'
held 1 fsync look; [ $? -eq 0 ] && grep -q ' 0 found$' found; say $? 'and no key is, while the disk is waited for'
held "$locks" flock sleep 13
[ $? -eq 11 ] && [ "$(error_word <log)" = lease ]; say $? 'held up until the lease has ended: lease, and no file is left'
held "$writes" write sleep 13
[ $? -eq 11 ] && [ "$(error_word <log)" = lease ]; say $? 'the same before the file has its name'
revoke() { "$sealwright" revoke app-compose.json --identity anna >/dev/null 2>&1 && sleep 7; }
held "$locks" flock revoke
[ $? -eq 11 ] && [ "$(error_word <log)" = revoked ]; say $? 'revoked behind the grant: revoked, and no file is left'
finish
