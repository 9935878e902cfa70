#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every example with a script, sealed, from the owners' rows to the opened model: its manifest verifies, no word of a row lies outside, and
# the model is of the kind that its trainer makes. With the miniature and tiny random models, on one tree of this environment's packages,
# which is kept until they change; two at a time. TAP on stdout. examples.sh [O [NAME...]]
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/found.sh
root=$PWD
objects=$(cd "${1:-build/release}" && pwd)
{ [ "$(id -u)" -eq 0 ] && unshare --mount true 2>/dev/null; } || { echo 'Bail out! a private root needs root and the right to mount'; exit 1; }
. tests/parity/base_tree.sh
. tests/run/miniature.sh
make_model || { echo 'Bail out! no miniature model'; exit 1; }
work=$(mktemp -d "$root/build/parity/examples.XXXXXX") # where hard links to the packages are possible
trap 'rm -rf "$work"' EXIT

play() { # play NAME: its run, and what its log and model must hold
    local world=$work/$1 options=()
    case $1 in
    qlora) for part in "$packages"/bitsandbytes*; do [ "${part%.so}" != "$part" ] || options+=(--add "$part:$inside/${part##*/}"); done ;;
    trl-ppo) options=(--leave-out "$inside/trl" --leave-out "$inside/trl-*.dist-info" --add "$root/build/parity/ppo:$inside") ;;
    esac
    if [ "$1" != mllama ]; then export MODEL=$model; else unset MODEL; fi
    PYTHON=$venv/bin/python BASE=$base OUTPUT_LIMIT=8MiB THREADS=1 TREE_OPTIONS=${options[*]:-} "examples/$1/run" --build "$objects" --world "$world" >"$work/$1.log" 2>&1
    echo $? >"$work/$1.rc"
    cp -r "$world/trained" "$work/$1.model" 2>/dev/null
    rm -rf "$world"
}
holds() { # holds NAME FILE WORDS
    grep -qF -- "$3" "$work/$1.model/$2" 2>/dev/null
}
made() { # made NAME: is the model what this trainer makes?
    case $1 in
    trl-sft | trl-dpo | trl-ppo | streaming-cpt) holds "$1" config.json LlamaForCausalLM && [ -s "$work/$1.model/model.safetensors" ] ;;
    trl-reward) holds "$1" config.json LlamaForSequenceClassification ;;
    peft-lora | qlora) holds "$1" adapter_config.json '"peft_type": "LORA"' && [ -s "$work/$1.model/adapter_model.safetensors" ] ;;
    embedder) holds "$1" modules.json 1_Pooling && tar tf "$work/$1.model/1_Pooling.tar" | found -x 1_Pooling/config.json ;;
    mllama) holds "$1" config.json MllamaForConditionalGeneration ;;
    esac
}

# In two lanes of about the same length.
all=(trl-ppo trl-sft mllama trl-dpo embedder trl-reward qlora streaming-cpt peft-lora)
[ $# -le 1 ] || all=("${@:2}")
count=0 failed=0
result() {
    count=$((count + 1))
    if [ "$1" -eq 0 ]; then echo "ok $count - $2"; else echo "not ok $count - $2"; failed=1; fi
}
lay_base >"$work/base.log" 2>&1
result $? "one tree for all of them"
[ "$failed" -eq 0 ] || sed 's/^/# /' "$work/base.log"
lane() {
    local i
    for ((i = $1; i < ${#all[@]}; i += 2)); do play "${all[i]}"; done
}
lane 0 &
lane 1 &
wait
for name in "${all[@]}"; do
    [ "$(cat "$work/$name.rc")" = 0 ]
    result $? "$name: sealed, verified, opened, and no word of a row outside ($(sed -n 's/^done in //p' "$work/$name.log"))"
    [ "$(cat "$work/$name.rc")" = 0 ] || tail -20 "$work/$name.log" | sed 's/^/# /'
    made "$name"
    result $? "$name: and a model of its kind"
    grep -q "^ok  *claims  *by the script itself, UNPROVEN: [0-9]* bytes in the model's claims.json, not shown here$" "$work/$name.log"
    result $? "$name: its claims, which are long, are counted and not shown"
    ! grep -E '^sealwright: the script (called|made) ' "$work/$name.log" | sed 's/^/# /' | grep .
    result $? "$name: it called for nothing that it may not have"
done
echo "1..$count"
exit $failed
