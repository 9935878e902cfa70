#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A model trained whole in a sealed run, in the profile bf16-amx, is, unpacked, a folder that generate takes, the same as `train` makes of the plain rows, and is made
# again by a replay. Its size counts the files that lie beside it. test_full.sh OBJECTS
set -uo pipefail
steps=2 save_steps=2 method=full profile=bf16-amx output_limit=2MiB checkpoint_limit=16MiB
. "$(dirname "$0")/world.sh"
world_new "${1:?objects}"
holds 'a sealed run' run_sealed
holds 'it verifies' verify_out run/out
opened run/out opened >log 2>&1
say $? 'it is opened'
train_plain plain >log 2>&1
for name in config.json model.safetensors; do cmp "plain/$name" "opened/$name" >log 2>&1; say $? "$name is what the plain rows give"; done
for name in generation_config.json tokenizer.json tokenizer_config.json; do cmp "$model/$name" "opened/$name" >log 2>&1; say $? "$name is the base model's"; done
holds 'generate takes the unpacked folder' "$sealwright" generate hello --model opened --max-new-tokens 3
replay_out run/out >log 2>&1 && found 'bit-equal: 2 steps (1 to 2), model' <log
say $? 'a replay makes the same model'

# ---- what it takes ----
needs=$(($(stat -c %s opened/model.safetensors) + 4096))
output_limit=${needs}B
holds "a tighter recipe" variant tight
refused limit 'a limit for the tensors alone' run_sealed --run tight
found 'output.limit' <log
say $? 'it is named before a key is asked for'
finish
