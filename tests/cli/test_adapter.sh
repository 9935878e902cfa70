#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The rest of LoRA from the command line: a recipe with patterns, saved modules and DoRA trains, and `eval` and `generate` read what it wrote.
# test_adapter.sh OBJECTS
set -uo pipefail
source=$(cd "$(dirname "$0")/../.." && pwd)
objects=$(realpath "$1")
sealwright=$objects/sealwright
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
. "$source/tests/tap.sh" || exit 1

# recipe FILE LORA...: the golden recipe on a few short steps, these lines under lora
recipe() {
    local file=$1
    shift
    sed -e 's/max_length: 512/max_length: 120/; s/learning_rate: 2e-4/learning_rate: 5e-3/; s/num_train_epochs: 2/max_steps: 8/' \
        -e "s/^  r: 16/  r: 4$(printf '\\n  %s' "$@")/" "$source/tests/recipe/golden/recipe.yaml" >"$file"
}
data=$source/tests/parity/data/pairs.jsonl
trained() { "$sealwright" train "$1" --model model --data "$data" --data "$data" --data "$data" --out "$2" --threads 1 >/dev/null 2>log; }
# loss [OPTION...]: of the rows
loss() { "$sealwright" eval plain.yaml --model model --data "$data" --threads 1 "$@" | awk '$1 == "loss" { print $2 }'; }
# refused WORDS NAME LORA...
refused() {
    local words=$1 name=$2
    shift 2
    recipe bad.yaml "$@"
    trained bad.yaml bad
    [ $? -eq 1 ] && [ ! -e bad ] && [[ $(cat log) == *"$words"* ]]
    say $? "$name"
}

python3 "$source/tools/make-miniature.py" model
say $? 'a model'
recipe plain.yaml
recipe all.yaml 'use_dora: true' 'use_rslora: true' 'modules_to_save: [lm_head, embed_tokens]' 'rank_pattern: {v_proj: 3}' \
    'alpha_pattern: {layers.0.self_attn.q_proj: 20}'
trained all.yaml all
say $? 'patterns, saved modules and DoRA train'
base=$(loss) adapted=$(loss --adapter all)
awk -v a="$adapted" -v b="$base" 'BEGIN { exit !(a > 0 && a < 0.95 * b) }'
say $? "eval reads the adapter: $base without, $adapted with it"
"$sealwright" generate 'the question' --model model --adapter all --max-new-tokens 8 --threads 1 >out 2>log
say $? 'and so does generate'
sed -i 's/"use_dora": true/"use_dora": false/' all/adapter_config.json
"$sealwright" generate 'the question' --model model --adapter all --threads 1 >out 2>log
[ $? -eq 1 ] && [ ! -s out ] && grep -q 'error: all: ' log
say $? 'which refuses, by its name, one whose settings and tensors do not agree'
refused 'must be embed_tokens or lm_head' 'a module that is not saved' 'modules_to_save: [norm]'
refused 'bad.yaml: rank_pattern: up_proj decides for no adapted module' 'a pattern without a module' 'rank_pattern: {up_proj: 3}'
refused 'keeps them sorted' 'patterns that PEFT would read otherwise' 'alpha_pattern: {v_proj: 3, layers.0.self_attn.v_proj: 4}'
finish
