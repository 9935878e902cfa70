#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A recipe with a command, from the tree to an opened model: the agent runs a small static program (fake_command.c) on the rows of three
# owners. Another tree is refused before a grant is spent, a kill and a resume end in the same bytes, what the rows hold is found nowhere,
# and each wrong thing that a script can do ends as the table in fake_command.c says. test_command.sh OBJECTS
set -uo pipefail
objects=$(cd "${1:?objects}" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
script=$objects/tests/run/fake_command
[ -x "$script" ] || make -s -C "$here/../.." O="$1" "$1/tests/run/fake_command" "$1/tests/manifest/flip_out" >&2 || exit 1
{ [ "$(id -u)" -eq 0 ] && unshare --mount true 2>/dev/null; } || { echo '1..0 # SKIP a private root needs the right to mount'; exit 0; }
steps=5 save_steps=2 grants=1000 act=honest scratch=2MiB lease=10m
. "$here/world.sh"
canary=$(head -c 4000 /dev/urandom | tr -dc 'A-Z' | head -c 24)
make_rows() { # with blank lines between, which are no rows
    local i
    for ((i = 1; i <= rows; i++)); do printf '{"prompt":"%s?","completion":"row %s of %s"}\n' "$canary" "$i" "$1" && { ((i % 2)) || echo ' '; }; done
}
seal_rows() { # what they hold lies on no disk
    local owner
    for owner in "${owners[@]}"; do
        make_rows "$owner" | "$sealwright" seal - --type jsonl --identity "$owner" --out "$owner.sealed" >/dev/null || return 1
    done
}
lock_tree() { python3 "$here/lock_tree.py" "$1" "$objects/sealwright-worker" /app/fake_command /app/fake.lock; }
make_locks() {
    make_model || return 1
    worker=$objects/sealwright-worker
    mkdir -p tree/app tree/lib tree/etc && cp "$script" tree/app/fake_command && echo 'no package' >tree/app/fake.lock && ln -s ../app tree/etc/app || return 1
    chmod 755 tree/app/fake_command
    "$sealwright" model lock "$model" --out model.lock >/dev/null && lock_tree tree >trainer.lock
}
rows_of() { if [ "$act $1" = 'blob anna' ]; then echo "${blob_rows:-1}"; else echo "$rows"; fi; }
write_recipe() {
    local file=$1 owner
    {
        printf 'sealwright: 1\nname: small-script\napp: %s\nmodel: {name: Miniature}\nshards:\n' "$genesis"
        for owner in "${owners[@]}"; do
            printf '  - {owner: %s, dataset: %s, rows: %s, name: %s}\n' \
                "$("$sealwright" identity show "$owner" --json | value id)" "$(dataset_of "$owner.sealed")" "$(rows_of "$owner")" "$owner"
        done
        printf 'trainer:\n  kind: command\n  command: [/app/fake_command, /app/fake.lock, %s]\n  files: [/app/fake_command, /app/fake.lock]\n' "$act"
        printf '  environment: {COLOUR: blue}\n  max_steps: %s\n  save_steps: %s\n  scratch: %s\n' "$steps" "$save_steps" "$scratch"
        printf 'output: {open_quorum: %s, limit: %s}\n' "$open_quorum" "$output_limit"
        printf 'observe: {metrics: %s, interval: 1, checkpoint_limit: %s}\n' "$metrics" "$checkpoint_limit"
        printf 'lease: %s\nmax_silence: %s\ngrants: %s\n' "$lease" "$max_silence" "$grants"
        "$sealwright" sim show training-machine
    } >"$file"
}
settings=(debug/exception-trace kernel/print-fatal-signals kernel/printk kernel/soft_watchdog)
mapfile -t kernel_was < <(for one in "${settings[@]}"; do head -n 1 "/proc/sys/$one" 2>/dev/null || echo; done)
kernel_as_it_was() { # an agent that is killed leaves the kernel quiet (SANDBOX-051); so does this test while another run needs it
    local lock i
    exec {lock}</proc/sys/debug/exception-trace && flock -n -x "$lock" || return 0
    for i in "${!settings[@]}"; do [ -z "${kernel_was[i]}" ] || echo "${kernel_was[i]}" 2>/dev/null >"/proc/sys/${settings[i]}"; done
    exec {lock}<&-
}
grants_spent() { "$sealwright" kms audit verify "$kms_url" --json | value grants; }
run_tree() { # run_tree [OPTION...]
    [[ " $* " == *" --tree "* ]] || set -- "$@" --tree tree
    run_sealed "$@"
}
begin=$(date +%s)
world_new "$objects"

# ---- the lock, by two hands ----
"$sealwright" trainer lock tree --file /app/fake_command --file /app/fake.lock --trainer-lock "$objects/trainer.lock" >ours.lock 2>log && cmp ours.lock trainer.lock >>log 2>&1
say $? 'the lock of a tree is what its sentences say'

# ---- what does not fit is refused, and no grant is spent for it ----
refused usage 'a recipe with a command without --tree' run_sealed
cp -r tree other && printf 'x' | dd of=other/app/fake_command bs=1 seek=3000 conv=notrunc status=none
refused trainer 'a tree of which one byte is another' run_tree --tree other
grep -q 'is at /app/fake_command' log; say $? 'it names the file'
cp -r tree more && touch more/etc/empty
refused trainer 'a tree with one file more' run_tree --tree more
cp -r tree twice && chmod 755 twice/app/fake.lock
refused trainer 'a tree of which one file may be executed' run_tree --tree twice
refused missing 'no tree' run_tree --tree nowhere
cp -r "$model" bent && printf 'x' | dd of=bent/config.json bs=1 seek=2 conv=notrunc status=none
refused model 'another base model' run_tree --model bent
sed 's/\("name":"\/app\/fake.lock","sha256":"\)[0-9a-f]*/\1'"$(printf 'something else' | sha256sum | cut -d' ' -f1)/" trainer.lock >lying.lock
"$sealwright" recipe compose recipe.yaml --model-lock model.lock --trainer-lock lying.lock --out lying.json >log 2>&1 &&
    consent_all lying.json lying 2>>log; say $? '(a lock whose tree is right, and which shows the owners another file)'
app_compose=lying.json consents=lying
refused trainer 'is refused' run_tree
grep -q 'is at /app/fake.lock' log; say $? 'by the file'
cp -r tree beside && mkdir beside/app/__pycache__ && touch beside/app/__pycache__/fake.pyc && lock_tree beside >beside.lock
"$sealwright" recipe compose recipe.yaml --model-lock model.lock --trainer-lock beside.lock --out beside.json >log 2>&1 &&
    consent_all beside.json beside 2>>log; say $? '(a lock whose tree has more beside the files than owners are shown)'
app_compose=beside.json consents=beside
refused trainer 'it is refused' run_tree --tree beside
grep -q 'the tree has /app/__pycache__ beside a file' log; say $? 'by the path'
code=0
"$sealwright" trainer lock beside --file /app/fake_command --file /app/fake.lock --trainer-lock "$objects/trainer.lock" >log 2>&1 || code=$?
[ $code -eq 1 ] && grep -q '/app/__pycache__ beside' log; say $? 'and no such lock is made'
app_compose=app-compose.json consents=consent
[ "$(grants_spent)" = 0 ]; say $? 'no grant was spent'

# ---- the run ----
holds 'a run' run_tree
! grep -q 'is not told' log; say $? 'nothing is left untold'
[ "$(ls run | tr '\n' ' ')" = 'checkpoint-000002.sealed checkpoint-000004.sealed lock out state.json ' ]; say $? 'its folder'
sizes=$(stat -c %s run/*.sealed run/out/model.sealed | sort -u | wc -l)
[ "$sizes" -le 2 ]; say $? 'sealed files have the declared sizes'
holds 'the same command again: finished' run_tree
holds 'it verifies' verify_out run/out
grep -q '^ok  *script .*a command trained, not the native trainer: /app/[^ ]* of tree [0-9a-f]*\.\.\., run by /app/fake_command, as' log; say $? 'it says that a script trained'
grep -q '^ok  *claims .*sealed with the model, in claims.json: UNPROVEN$' log; say $? 'and where its claims are, unproven'
predicate run/out >said
found '"claims_by_trainer":{"file":"claims.json"}' <said && ! found final_loss <said; say $? 'the manifest does not hold them'
found '"engine":{"command":{"arguments":\["/app/fake_command","/app/fake.lock","honest"\],"tree":"'"$(sed 's/.*"tree"//' trainer.lock | value sha256)"'"},"kind":"script"' <said
say $? 'and what ran'
found '"private_root":true' <said; say $? 'and that it had a root of its own'
found '"step_chain":\[{"step":2,"value":"[0-9a-f]*"},{"step":4,"value":"[0-9a-f]*"},{"step":5,"value":"[0-9a-f]*"}\]' <said
say $? 'a value of the chain for each state, and one for the end'
refused command 'a replay' replay_out run/out
holds 'it is opened' opened run/out model
holds 'what is opened is what the manifest commits to' verify_out run/out --model model
grep -q '^ok  *claims .*UNPROVEN: {"final_loss":0.2,"script":"fake","shards":3}$' log; say $? 'and the claims are shown, unproven'
grep -Eqx '[0-9a-f]{16}' model/weights.bin && grep -q '<svg' model/curve.svg; say $? 'the model, and a curve beside it'
python3 - "$canary" "$rows" "$steps" "$(cat model/weights.bin)" "${owners[@]}" >log 2>&1 <<'PY'
import sys
canary, rows, steps, said, owners = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], sys.argv[5:]
total = 0
for step in range(steps):
    for owner in owners:
        v = 5381
        for b in ('{"prompt":"%s?","completion":"row %d of %s"}' % (canary, step % rows + 1, owner)).encode():
            v = (v * 33 + b) % 2**64
        total = (total * 31 + v) % 2**64
assert "%016x" % total == said, ("%016x" % total, said)
PY
say $? 'it is what the rows give'

# ---- what this machine cannot tell it says, once ----
holds 'a run that may not look into the script' run_with setpriv --bounding-set -sys_ptrace --inh-caps -sys_ptrace -- --run run.blind --tree tree
[ "$(grep -c 'is not told' log)" = 1 ] && grep -q 'which files the script wants to change is not told' log; say $? 'it says what is not told'
holds 'a run where the kernel gives no listener' run_with python3 "$here/no_listener.py" -- --run run.deaf --tree tree
[ "$(grep -c 'is not told' log)" = 1 ] && grep -q 'what the script calls for and does not get is not told' log; say $? 'it says so'

# ---- kills: the command at a counted moment, the agent too; the same bytes ----
need_strace
run_with strace -qq -o reads.trace -e trace=read,fcntl -- --run read --tree tree >log 2>&1
control=$(sed -n 's/^fcntl(\([0-9]*\), F_SETPIPE_SZ,.*/\1/p' reads.trace)
grep -q "^fcntl(${control:-none}, F_SETFL, .*O_NONBLOCK" reads.trace; say $? 'the end of the control pipe does not block the agent'
reads=$(grep -c '^read(' reads.trace)
first=$(grep -n '"\\0\\0\\0\\3\\0\\0\\0\\0\\0\\0\\0\\0", 12)' <(grep '^read(' reads.trace) | tail -n 1 | cut -d: -f1)
echo "# reads from the command's hello to the end: ${first:-none} to $reads"
for at in $((first + 3)) $((first + (reads - first) / 2)); do
    killed=''
    stopped_at read $at kill_children --run killed.$at --tree tree
    code=$?
    [ $code -eq 0 ] || { [ $code -eq 1 ] && [ -n "$killed" ] && grep -q 'the script ended without its last word' log; }
    say $? "the command is killed at the agent's read $at: exit $code"
    run_tree --run killed.$at >log 2>&1 && verify_out killed.$at/out >>log 2>&1 && same_model run/out killed.$at/out; say $? 'the same command ends as the run that nobody disturbed'
done
run_with strace -qq -o /dev/null -e trace=fsync -e inject=fsync:signal=KILL:when=7 -- --run gone --tree tree >log 2>&1
[ $? -eq 137 ]; say $? 'the agent is killed'
[ -f gone/checkpoint-000002.sealed ]; say $? '(it had a checkpoint)'
run_tree --run gone >log 2>&1 && verify_out gone/out >>log 2>&1 && same_model run/out gone/out; say $? 'and its run ends as that one'
predicate gone/out | found '"resumes":1'; say $? 'which was resumed once'
holds 'it is opened' opened gone/out gone.model
cmp model/weights.bin gone.model/weights.bin >log 2>&1 && cmp model/curve.svg gone.model/curve.svg >>log 2>&1; say $? 'the same bytes'

# ---- flips ----
"$objects/tests/manifest/flip_out" run/out "$genesis" 400 "${SEED:-1}" >flips 2>&1
[ $? -eq 0 ] && [ "$(grep -c '^ok' flips)" -eq 27 ]
code=$?
cp flips log && say $code 'no flipped bit, cut or extension of any file of the run is accepted'
grep '^ok' flips | sed 's/^ok [0-9]* -/#/'

# ---- Ctrl-C: a state at once, whatever step it is, and a resume from there ----
act=waits
variant waits; say $? 'a recipe whose script waits behind its second step'
run_tree --run run.waits --json >log 2>&1 &
pid=$!
for ((i = 0; i < 1200; i++)); do [ -e run.waits/checkpoint-000002.sealed ] && break || read -rt 0.1 <> <(:); done
kill -INT $(children $pid) 2>/dev/null || kill -INT $pid
wait $pid
[ $? -eq 1 ] && [ "$(error_word <log)" = stopped ] && [ -e run.waits/checkpoint-000003.sealed ]; say $? 'it is stopped with a state of its third step'
holds 'the same command ends it' run_tree --run run.waits
verify_out run.waits/out >log 2>&1 && predicate run.waits/out | found '"checkpoints":\[{"root":"[0-9a-f]*","step":2},{"root":"[0-9a-f]*","step":4}\]'
say $? 'the state of the stop is none of its chain'
opened run.waits/out waits.model >log 2>&1 && cmp model/weights.bin waits.model/weights.bin >>log 2>&1; say $? 'the same bytes as without a stop'

# ---- the same where the recipe takes no state but that of a stop, which is none that the manifest lists ----
waits_in_poll() { # is a grandchild of PID in poll?
    local one call
    for one in $(children "$1") $(for one in $(children "$1"); do children "$one"; done); do
        read -r call _ <"/proc/$one/syscall" 2>/dev/null && [ "$call" = 7 ] && [ "$(readlink "/proc/$one/root")" = / ] && [ "$(stat -Lc %u "/proc/$one" 2>/dev/null)" = 65534 ] && return 0
    done
    return 1
}
save_steps=0
variant waits; say $? '(the same recipe with save_steps 0)'
run_tree --run run.unsaved --json >log 2>&1 &
pid=$!
for ((i = 0; i < 1200; i++)); do waits_in_poll $pid && break || read -rt 0.1 <> <(:); done
kill -INT $(children $pid) 2>/dev/null || kill -INT $pid
wait $pid
[ $? -eq 1 ] && [ "$(error_word <log)" = stopped ] && ls run.unsaved/checkpoint-*.sealed >>log 2>&1; say $? 'it is stopped, with a state'
holds 'the same command ends it' run_tree --run run.unsaved
verify_out run.unsaved/out >log 2>&1 && predicate run.unsaved/out | found '"checkpoints":\[\]'; say $? 'it verifies, and lists no checkpoint'
save_steps=2

# ---- each act of the table ----
touch start
"$script" --list >acts
lease=3s
while read -r act expected; do
    case $expected in stopped | 'another shard') continue ;; esac
    variant "$act" || { say 1 "$act: no recipe" && continue; }
    code=0
    run_tree --run "run.$act" >log 2>&1 || code=$?
    case $expected in
    done) [ $code -eq 0 ] && verify_out "run.$act/out" >>log 2>&1 ;;
    contained) [ $code -eq 1 ] && grep -q 'training ended: the script gave up' log ;;
    *) [ $code -eq 1 ] && grep -q 'training ended: ' log && grep -qF "$expected" log && ! grep -q 'sealing the model' log ;;
    esac
    code=$?
    [ "$expected" = done ] || [ ! -e "run.$act/out" ] || code=1
    say $code "$act: $expected"
    grep -oE 'the script (called|made|printed).*; .*$' log | sed "s/^/$act: /" >>called
    ls -A "run.$act" 2>/dev/null | grep -vxE 'lock|out|state\.json|checkpoint-[0-9]{6}\.sealed' >>strange
done <acts
outside='the script called for a file outside /tmp and /dev/shm, to write it; refused' own='the script called for a change of its own files; refused'
printf '%s\n' "child: $own" "child: $outside" 'child: the script called for the network; refused' 'network: the script called for the network; refused' \
    "outside: $own" "outside: $outside" 'prints: the script printed; what it printed went nowhere' \
    "traces: the script called for another process's memory; refused" | LC_ALL=C sort | diff - <(LC_ALL=C sort called) >log 2>&1
say $? 'what a script called for and did not get is said in one line of its run, and of no other'
[ ! -s strange ]; say $? 'nothing but checkpoints and state in the run folders'
stat -c '%s %n' run.{honest,quiet,wild,saving}/out/metrics-*.sealed >log 2>&1
[ "$(cut -d' ' -f1 log | sort -u | wc -l)" -eq 1 ] && [ "$(wc -l <log)" -eq 12 ]; say $? 'sealed metrics have one size, whatever the losses are and whichever are reported'
predicate run.quiet/out | found '"checkpoints":\[\].*"step_chain":\[{"step":5,'; say $? 'without a state there is the end of the chain alone'
predicate run.saving/out | found '"checkpoints":\[{"root":"[0-9a-f]*","step":2},{"root":"[0-9a-f]*","step":4},{"root":"[0-9a-f]*","step":5}\]'
say $? 'and with one at the last step it is that one'
ps -eo comm= | grep -x fake >log; [ ! -s log ]; say $? 'no process of a script lives on'
for place in /tmp /var/tmp /dev/shm; do find $place -maxdepth 2 -user 65534 -newer start 2>/dev/null; done >log
[ ! -s log ]; say $? 'no file of its user anywhere'
act=honest metrics=public lease=10m
variant public && holds 'a run with public metrics' run_tree --run run.public
verify_out run.public/out >log 2>&1 && predicate run.public/out | found '"metrics":\[{"loss":1,"step":1},'; say $? 'shows its losses, rounded'

# ---- a shard that is no lines is one row ----
act=blob metrics=sealed
{ printf '\0\n\n' && head -c 5000 /dev/urandom; } >blob
rm anna.sealed && "$sealwright" seal blob --type bin --identity anna --out anna.sealed >log 2>&1; say $? '(anna seals bytes)'
variant blob && holds 'a run with bytes for a shard' run_tree --run run.blob
opened run.blob/out blob.model >log 2>&1 && cmp blob blob.model/copy.bin >>log 2>&1; say $? 'the script has all of them'
predicate run.blob/out | found '"rows_delivered":1,"rows_listed":1,"tokens":0,'; say $? 'and the manifest counts one row'
blob_rows=2
variant blob2 && refused shard 'a recipe that lists two' run_tree --run run.blob2

# ---- the canary ----
printf %s "$canary" | python3 "$here/find_canary.py" "$begin" "$world" /tmp /var/tmp /dev/shm "$HOME" "$objects/miniature" >log 2>&1
say $? "what the rows hold is found nowhere: $(tail -n 1 log)"
holds 'the key service stands' "$sealwright" kms audit verify "$kms_url"
kernel_as_it_was
finish
