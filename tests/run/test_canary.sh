#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A canary, made in memory and piped into `seal -`, is found nowhere on this machine after runs that ended well, were killed, done again, and
# were refused because of the very row that holds it: in no file that changed, in no form (find_canary.py), and nothing was opened for writing
# outside the run's folder. test_canary.sh OBJECTS
set -uo pipefail
steps=4 save_steps=1 metrics=public
. "$(dirname "$0")/world.sh"
# Capital letters: no merge of the miniature's tokeniser has one, so each is a token of its own.
canary=$(head -c 4000 /dev/urandom | tr -dc 'A-Z' | head -c 24)
broken=''
make_rows() { # every row of anna carries it; `broken` makes one that cannot be decoded
    local i
    for ((i = 1; i < rows; i++)); do printf '{"prompt":"%s?","completion":"%s."}\n' "$canary" "$canary"; done
    printf '{"prompt":"%s","completion":"%s"%s}\n' "$canary" "$canary" "${broken:+,$canary}"
}
seal_rows() {
    local owner
    for owner in "${owners[@]}"; do
        rm -f "$owner.sealed"
        make_rows | "$sealwright" seal - --type jsonl --identity "$owner" --out "$owner.sealed" >/dev/null || return 1
    done
}
runtime='' # what the sanitizer itself opens, before the program's first line
case ${1:?objects} in *tsan*) runtime='|/tmp/tsan\.rodata\.[0-9]+' ;; esac
writers=openat,open,creat,mkdir,mkdirat,rename,renameat,renameat2,linkat,symlinkat,mknodat,setxattr,fsetxattr,bind,connect
# written TRACE PATHS: the calls that open for writing, make or name something else than these paths
written() {
    grep -vE '^[0-9]+ +(\+\+\+|---)' "$1" | grep -E 'O_WRONLY|O_RDWR|O_CREAT|^[0-9]+ +(creat|mkdir|rename|link|symlink|mknod|f?setxattr|bind)' |
        grep -vE '"(/dev/null|/proc/self/(fd/[0-9]+|oom_score_adj|uid_map|gid_map|setgroups)|'"$2$runtime"')"|AT_FDCWD, "/proc/self/fd'
}
begin=$(date +%s)
world_new "$1"

# ---- runs: one that ends well, one that is killed and resumed, one that is refused ----
demand_strace
ASAN_OPTIONS=detect_leaks=0 run_with strace -f -o trace -e trace=$writers -- --run run >run.out 2>run.err
say $? 'a run that ends well'
written trace 'run(/[^"]*)?|\.' | grep -vE '[0-9]+, "\.?[a-z-]+[0-9-]*\.[a-z]+(\.partial)?"' >log
[ ! -s log ]; say $? 'nothing is written outside its folder'
grep connect trace | grep -vE 'sin_port=htons\('"${kms_url##*:}"'\)' | grep -v ENOENT >log
[ ! -s log ]; say $? 'nobody is called but the key service'
grep -c 'openat' trace >log
[ "$(cat log)" -gt 20 ]; say $? '(the trace saw what was opened)'
ASAN_OPTIONS=detect_leaks=0 replay_with run/out strace -f -o trace -e trace=$writers -- --run run >replay.out 2>replay.err
say $? 'a replay of it'
written trace '' >log
[ ! -s log ]; say $? 'a replay writes nothing'
holds 'another, at a terminal' env SHELL=/bin/bash script -qec "$(printf '%q ' "$sealwright" run app-compose.json --reference kms.reference --worker "$worker" \
    --model "$model" --data anna.sealed --data bert.sealed --data cleo.sealed --consent anna.consent --consent bert.consent --consent cleo.consent --run tty)" tty.out
grep -q 'loss' tty.out; say $? 'which shows the loss, because the recipe makes it public'
grep -Eq '^ *step 1 +4' tty.out; say $? 'and at the end its curve'
ASAN_OPTIONS=detect_leaks=0 run_with strace -qq -o /dev/null -e trace=fsync -e inject=fsync:signal=KILL:when=12 -- --run killed >killed.out 2>killed.err
[ $? -eq 137 ]; say $? 'one that is killed'
holds 'and resumed' run_sealed --run killed
broken=yes
holds 'rows of which one is broken' seal_rows
rm -f ./*.consent
write_recipe recipe.yaml && compose recipe.yaml app-compose.json && consent_all app-compose.json consent
refused rows 'a run over them' run_sealed --run broken
cp log broken.out

# ---- the search ----
places=("$world" /tmp /var/tmp /dev/shm "$HOME" "$objects/miniature")
printf %s "$canary" | python3 "$world_source/tests/run/find_canary.py" "$begin" "${places[@]}" >log 2>&1
say $? "the canary is nowhere: $(tail -n 1 log)"

# ---- the search finds what is there: another word, hidden in each form ----
mkdir control
other=$(head -c 4000 /dev/urandom | tr -dc 'A-Z' | head -c 24)
hide() { # hide NAME: what stands on stdin, with something before and behind
    { printf 'ab' && cat && printf 'yz'; } >"control/$1"
}
printf %s "$other" | hide text
printf %s "$other" | od -An -tx1 -v | tr -d ' \n' | hide hex
for shift in '' x xy; do printf %s "$shift${other}z" | base64 -w0 | hide "base64$shift"; done
printf %s "$other" | python3 -c 'import struct,sys; sys.stdout.buffer.write(b"".join(struct.pack("<I", b - 30) for b in sys.stdin.buffer.read()))' | hide ids
: >"control/$other"
printf %s "$other" | python3 "$world_source/tests/run/find_canary.py" "$begin" control >found 2>&1
python3 -c 'import os, sys; os.setxattr("control/empty", "user.x", sys.stdin.buffer.read())' < <(: >control/empty; printf %s "$other") 2>/dev/null
hidden=(text hex base64 base64x base64xy ids "$other")
[ -n "$(getfattr -n user.x control/empty 2>/dev/null)" ] && hidden+=(empty)
printf %s "$other" | python3 "$world_source/tests/run/find_canary.py" "$begin" control >found 2>&1
for form in "${hidden[@]}"; do
    grep -q "^control/$form: " found; say $? "the search finds a word hidden in $form"
done
finish
