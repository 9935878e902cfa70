#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A small complete world for tests and benches of sealed runs, made with the real commands in a temporary folder: three owners with a
# shard each, quorum 2, two software machines, a key service on a port of its own, the miniature model, one recipe. Sourced; then
#     world_new OBJECTS        makes all of it and enters its folder; everything is unlocked, consented and approved by three
#     run_sealed [OPTION...]   the sealed run into ./run (or --run DIR)
# What a recipe says can be changed first: method, steps, save_steps, lease, max_silence, grants, metrics, threads, rows, open_quorum,
# checkpoint_limit, output_limit, worker, model, template, phase, laid (more of `training`), gpus (of the training machine), chain (toy or
# anvil: the app's ledger is a contract there, reached through a proxy that can lie). At exit the processes started here are ended by pid and the folder goes (WORLD_KEEP=1 keeps it).
: "${steps:=4}" "${save_steps:=1}" "${lease:=10m}" "${max_silence:=24h}" "${grants:=100}" "${metrics:=sealed}" "${threads:=1}" "${rows:=6}"
: "${method:=lora}" "${profile:=bf16-dp}" "${open_quorum:=all}" "${checkpoint_limit:=1MiB}" "${output_limit:=1MiB}" "${worker:=}" "${model:=}" "${seed:=42}" "${template:=chatml-smollm2}" "${phase:=sft}" "${laid:=}" "${gpus:=0}" "${chain:=}"
world_source=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
. "$world_source/tests/found.sh"
owners=(anna bert cleo)
kms_pid='' node_pid='' proxy_pid='' count=0 failed=0 rpc_given=()
app_compose=app-compose.json consents=consent # what a run takes: a variant has its own

# ---- what a test says (TAP) ----
say() { # say STATUS NAME; a failure shows the log
    count=$((count + 1))
    if [ "$1" -eq 0 ]; then
        echo "ok $count - $2"
    else
        echo "not ok $count - $2"
        failed=1
        [ ! -s "$world/log" ] || sed 's/^/# /' "$world/log"
    fi
}
holds() { # holds NAME COMMAND...: exit 0
    local name=$1
    shift
    "$@" >"$world/log" 2>&1
    say $? "$name"
}
# refused WORD NAME COMMAND...: exits 1, or 2 for usage, and --json names exactly this word
refused() {
    local word=$1 name=$2 code=1
    shift 2
    [ "$word" = usage ] && code=2
    "$@" --json >"$world/log" 2>&1
    [ $? -eq $code ] && [ "$(error_word <"$world/log")" = "$word" ]
    say $? "$name: $word"
}
error_word() { sed -n 's/.*"error":{.*"word":"\([a-z-]*\)".*/\1/p'; }
value() { sed -n "s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p"; } # of one member of the JSON object on stdin
finish() {
    echo "1..$count"
    exit $failed
}

# ---- processes ----
world_end() {
    local code=$?
    stop_kms
    stop_chain
    [ -n "${WORLD_KEEP:-}" ] || rm -rf "$world"
    exit $code
}
# start_kms [PREFIX...]: through PREFIX (strace, say); writes the configuration that names it
start_kms() {
    local line
    rm -f "$world/kms.pipe"
    mkfifo "$world/kms.pipe"
    "$@" "$sealwright" kms serve --dir kms --machine sim:kms-machine --listen "127.0.0.1:${kms_port:-0}" "${rpc_given[@]}" >"$world/kms.pipe" 2>>"$world/kms.err" &
    kms_pid=$!
    read -r line <"$world/kms.pipe" || return 1
    kms_url=https://${line#listening }
    printf 'kms: %s\napp: app.genesis\nmachine: sim:training-machine\n' "$kms_url" >sealwright.yaml
    [ -z "$chain" ] || printf 'rpc: %s\n' "$rpc_url" >>sealwright.yaml
}
stop_kms() { # stop_kms [SIGNAL]
    [ -z "$kms_pid" ] && return
    kill -"${1:-TERM}" "$kms_pid" 2>/dev/null
    wait "$kms_pid" 2>/dev/null
    kms_pid=''
}
# ---- a chain, when there is one ----
start_python() { # start_python SCRIPT ARGUMENT...: $port, $python_pid
    rm -f "$world/python.pipe"
    mkfifo "$world/python.pipe"
    python3 "$world_source/tests/ledger/$1" "${@:2}" >"$world/python.pipe" 2>>"$world/chain.err" &
    python_pid=$!
    read -r port <"$world/python.pipe"
}
start_anvil() { # a block a second; what is two blocks old is final
    local line=
    rm -f "$world/python.pipe"
    mkfifo "$world/python.pipe"
    env -u http_proxy -u https_proxy -u HTTP_PROXY -u HTTPS_PROXY "$anvil" --port 0 --chain-id 31337 --block-time 1 --slots-in-an-epoch 1 \
        >"$world/python.pipe" 2>>"$world/chain.err" &
    python_pid=$!
    exec 8<"$world/python.pipe"
    while read -r line <&8; do [[ $line == 'Listening on '* ]] && break; done
    cat <&8 >/dev/null & # it tells of every block, and stands still when nobody reads
    exec 8<&-
    port=${line##*:}
}
start_chain() {
    if [ "$chain" = anvil ]; then start_anvil; else start_python toy_chain.py; fi
    node_pid=$python_pid node_url=http://127.0.0.1:$port
    [ -n "$port" ] || return 1
    start_python proxy_node.py "$port"
    proxy_pid=$python_pid rpc_url=http://127.0.0.1:$port
    [ -n "$port" ] && rpc_given=(--rpc "$rpc_url")
}
stop_chain() {
    local pid
    for pid in $proxy_pid $node_pid; do kill "$pid" 2>/dev/null; wait "$pid" 2>/dev/null; done
    node_pid='' proxy_pid=''
}
node() { # node METHOD [JSON-ARRAY]: its result
    python3 - "$rpc_url" "$1" "${2:-[]}" <<'PY'
import json, sys, urllib.request
body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": sys.argv[2], "params": json.loads(sys.argv[3])}).encode()
open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open
print(json.dumps(json.load(open(urllib.request.Request(sys.argv[1], body, {"Content-Type": "application/json"})))["result"]))
PY
}
found_on_chain() { # found_on_chain CARD-OPTION...: the contract, paid by the first owner
    local owner
    start_chain || return 1
    for owner in "${owners[@]}"; do
        node anvil_setBalance "[\"$("$sealwright" identity show "$owner" --json | value address)\",\"0x56bc75e2d63100000\"]" >/dev/null || return 1
    done
    "$sealwright" app new --name small-world --quorum 2 "$@" --ledger ethereum --rpc "$rpc_url" --identity "${owners[0]}" --out app.genesis >/dev/null
}
unlock_all() {
    local owner
    for owner in "${owners[@]}"; do
        "$sealwright" kms unlock --identity "$owner" --reference kms.reference >/dev/null || return 1
    done
}

# ---- the pieces of a world ----
make_rows() { # make_rows NAME: as many JSON lines as `rows` says, other ones for each name
    local i
    for ((i = 1; i <= rows; i++)); do
        echo "{\"prompt\":\"What did $1 write down on day $i?\",\"completion\":\"The patient of $1 in room $((i * 7 % 10)) was seen $i times.\"}"
    done
}
. "$world_source/tests/run/miniature.sh"
dataset_of() { "$sealwright" inspect "$1" --json | value id; }
write_recipe() { # write_recipe FILE [OWNER...]: of these owners' shards
    local file=$1 owner
    shift
    [ $# -gt 0 ] || set -- "${owners[@]}"
    {
        printf 'sealwright: 1\nname: small-world\napp: %s\nmodel: {name: Miniature}\nphase: %s\nmethod: %s\n' "$genesis" "$phase" "$method"
        printf 'template: %s\nshards:\n' "$template"
        for owner in "$@"; do
            printf '  - {owner: %s, dataset: %s, rows: %s, name: %s}\n' \
                "$("$sealwright" identity show "$owner" --json | value id)" "$(dataset_of "$owner.sealed")" "$rows" "$owner"
        done
        printf 'training: {learning_rate: 1.0e-2, per_device_train_batch_size: 4, max_steps: %s, max_length: 64, save_steps: %s, seed: %s%s}\n' \
            "$steps" "$save_steps" "$seed" "${laid:+, $laid}"
        [ "$method" = full ] || printf 'lora: {r: 4, lora_alpha: 8}\n'
        printf 'trainer: {kind: native, profile: %s}\n' "$profile"
        printf 'output: {open_quorum: %s, limit: %s}\n' "$open_quorum" "$output_limit"
        printf 'observe: {metrics: %s, interval: 1, checkpoint_limit: %s}\n' "$metrics" "$checkpoint_limit"
        printf 'lease: %s\nmax_silence: %s\ngrants: %s\n' "$lease" "$max_silence" "$grants"
        "$sealwright" sim show training-machine
    } >"$file"
}
compose() { # compose RECIPE FILE
    "$sealwright" recipe compose "$1" --model-lock model.lock --trainer-lock trainer.lock --out "$2" >/dev/null
}
make_owners() {
    local owner cards=()
    for owner in "${owners[@]}"; do
        "$sealwright" identity new "$owner" --name "$owner" --no-passphrase ${chain:+--chain-key} >/dev/null || return 1
        cards+=(--owner "$owner/card.json")
    done
    if [ -n "$chain" ]; then
        found_on_chain "${cards[@]}" || return 1
    else
        "$sealwright" app new --name small-world --quorum 2 "${cards[@]}" --out app.genesis >/dev/null || return 1
    fi
    for owner in "${owners[@]}"; do "$sealwright" app join app.genesis --identity "$owner" "${rpc_given[@]}" >/dev/null || return 1; done
    genesis=$("$sealwright" app show app.genesis --json | value genesis)
}
seal_rows() {
    local owner
    for owner in "${owners[@]}"; do
        [ -f "$owner.jsonl" ] || make_rows "$owner" >"$owner.jsonl"
        "$sealwright" seal "$owner.jsonl" --identity "$owner" --out "$owner.sealed" >/dev/null || return 1
    done
}
make_machines() {
    "$sealwright" sim init kms-machine >/dev/null && "$sealwright" sim init training-machine --gpus "$gpus" >/dev/null &&
        "$sealwright" kms init --dir kms --machine sim:kms-machine >/dev/null &&
        "$sealwright" kms reference --dir kms --machine sim:kms-machine --out kms.reference >/dev/null
}
make_locks() {
    [ -n "$model" ] || make_model || return 1
    worker=${worker:-$objects/sealwright-worker}
    "$sealwright" model lock "$model" --out model.lock >/dev/null && bash "$world_source/tools/trainer-lock.sh" "$worker" >trainer.lock
}
# consent_all COMPOSE SUFFIX [OPTION...]: OWNER.SUFFIX of every owner
consent_all() {
    local compose=$1 suffix=$2 owner
    shift 2
    for owner in "${owners[@]}"; do
        "$sealwright" consent "$compose" --shard "$owner.sealed" --identity "$owner" --reference kms.reference \
            --out "$owner.$suffix" "$@" >/dev/null || return 1
    done
}

# variant NAME [OPTION...]: another recipe, by what the variables say now; consents with these options; the runs that follow are of it
variant() {
    local name=$1
    shift
    write_recipe "$name.yaml" && compose "$name.yaml" "$name.json" && consent_all "$name.json" "$name" "$@" 2>/dev/null || return 1
    app_compose=$name.json consents=$name
}
children() { sed 's/ $//' "/proc/$1/task/$1/children"; }
# stopped_at CALL N COMMAND [OPTION...]: a sealed run whose agent stands still after its N-th such call, each time it does; then COMMAND
# with the agent's pid, and it goes on
stopped_at() {
    local call=$1 n=$2 command=$3 line tracer agent
    shift 3
    rm -f stops
    mkfifo stops
    run_with strace -qq -o stops -e trace="$call" -e inject="$call:signal=STOP:when=$n" -- "$@" >log 2>&1 &
    tracer=$!
    while read -r line; do
        case $line in *'stopped by SIGSTOP'*)
            agent=$(children "$(children $tracer)")
            $command "$agent"
            kill -CONT "$agent"
            ;;
        esac
    done <stops
    wait $tracer
}
# kill_children PID: sets `killed` when there was one
kill_children() {
    local child
    for child in $(children "$1"); do kill -9 "$child" 2>/dev/null && killed=1; done
}
need_strace() {
    demand_strace
    export ASAN_OPTIONS=detect_leaks=0 # a leak checker cannot work under strace
}
# keys_in FILE: whether it holds a key of the owners or of the run, or what opens a consent; exit 1 when it does, and says which
keys_in() {
    local owner pairs=()
    for owner in "${owners[@]}"; do pairs+=("$owner" "$(dataset_of "$owner.sealed")"); done
    "$objects/tests/run/find_keys" "$1" app-compose.json "$genesis" "${pairs[@]}" -- "${owners[@]/%/.consent}"
}
# keys_in_memory PID FILE: the same of a process, whose memory is written to FILE; 2 where it cannot be
keys_in_memory() { python3 "$world_source/tests/run/dump_memory.py" "$1" "$2" || return 2; keys_in "$2"; }

# world_new OBJECTS: an empty folder becomes a world. A step that fails ends the test.
world_new() {
    objects=$(cd "$1" && pwd) || exit 1
    sealwright=$objects/sealwright
    world=$(mktemp -d)
    trap world_end EXIT
    trap 'exit 143' TERM INT
    cd "$world" || exit 1
    local step
    for step in make_locks make_owners seal_rows make_machines 'write_recipe recipe.yaml' 'compose recipe.yaml app-compose.json' start_kms \
        unlock_all 'consent_all app-compose.json consent' ${chain:+unlock_all}; do
        $step 2>>"$world/setup.err" || {
            echo "Bail out! the world could not be made: $step"
            sed 's/^/# /' "$world/setup.err"
            exit 1
        }
    done
}

# ---- what a world does ----
# of_owners OPTION SUFFIX: `--data anna.sealed --data ...` into the array `given`
of_owners() {
    local owner
    for owner in "${owners[@]}"; do given+=("$1" "$owner.$2"); done
}
# agent_with COMMAND ARGUMENT PREFIX... -- [OPTION...]: through a prefix (strace, env); an option that is given replaces the world's own
agent_with() {
    local command=("$1" "$2") prefix=() given=()
    shift 2
    while [ "$1" != -- ]; do prefix+=("$1") && shift; done
    shift
    [[ " $* " == *" --data "* ]] || of_owners --data sealed
    [[ " $* " == *" --consent "* ]] || of_owners --consent "$consents"
    [[ " $* " == *" --reference "* ]] || given+=(--reference kms.reference)
    [[ " $* " == *" --worker "* ]] || given+=(--worker "$worker")
    [[ " $* " == *" --model "* ]] || given+=(--model "$model")
    [[ " $* " == *" --threads "* ]] || given+=(--threads "$threads")
    "${prefix[@]}" "$sealwright" "${command[@]}" "${given[@]}" "$@"
}
run_with() { # run_with PREFIX... -- [OPTION...]: the sealed run
    [[ " $* " == *" --run "* ]] || set -- "$@" --run run
    agent_with run "$app_compose" "$@"
}
run_sealed() { run_with -- "$@"; }
replay_with() { # replay_with OUT PREFIX... -- [OPTION...]
    [[ " $* " == *" --app "* ]] || set -- "$@" --app app.genesis
    agent_with replay "$@"
}
replay_out() { replay_with "$1" -- "${@:2}"; } # replay_out OUT [OPTION...]
verify_out() { # verify_out [FOLDER [OPTION...]]
    local folder=${1:-run/out}
    shift
    "$sealwright" verify "$folder" --app "$genesis" "$@"
}
approve_open() { # approve_open OUT CARD
    local owner
    for owner in "${owners[@]}"; do "$sealwright" open approve "$1" --recipient "$2" --identity "$owner" >/dev/null || return 1; done
}
# open_out OUT CARD FILE; unpack_to FILE IDENTITY FOLDER
open_out() {
    local given=()
    of_owners --consent "$consents"
    "$sealwright" open "$1" --recipient "$2" --reference kms.reference "${given[@]}" --out "$3" "${@:4}"
}
unpack_to() { "$sealwright" open unpack "$1" --identity "$2" --out "$3"; }
# opened OUT FOLDER: approved by all, opened to the identity `research`, unpacked; what was trained lies in FOLDER
opened() {
    [ -d research ] || "$sealwright" identity new research --name research --no-passphrase >/dev/null || return 1
    rm -f "$2.opened"
    approve_open "$1" research/card.json && open_out "$1" research/card.json "$2.opened" >/dev/null && unpack_to "$2.opened" research "$2" >/dev/null
}
train_plain() { # train_plain FOLDER [OPTION...]: the same recipe on the plain rows
    local given=() folder=$1
    shift
    of_owners --data jsonl
    "$sealwright" train recipe.yaml --model "$model" "${given[@]}" --out "$folder" "$@" >/dev/null
}
# predicate OUT: the signed statement of a manifest, on stdout
predicate() { value payload <"$1/manifest.json" | base64 -d; }
# same_model OUT OUT: the same model and the same states on the way, as the two manifests commit to them
same_model() {
    local out
    for out in "$@"; do predicate "$out" | sed 's/.*\("model_commitment":"[0-9a-f]*"\).*\("step_chain":\[[^]]*\]\).*/\1 \2/'; done | sort -u | wc -l | found -x 1
}
