# SPDX-License-Identifier: Apache-2.0
# plain_recipe METHOD TRAINING [LORA]: a recipe for `sealwright train` on plain files and the miniature, on stdout. TRAINING and LORA are members of
# these maps. Who may run it where stands in every recipe, and on plain files counts for nothing. Sourced.
plain_recipe() {
    local zeros ones
    zeros=$(printf '%064d' 0) ones=$(printf '%096d' 1)
    cat <<YAML
sealwright: 1
name: plain
app: $zeros
model: {name: Miniature}
phase: sft
method: $1
template: chatml-smollm2
shards: [{owner: $zeros, dataset: $zeros, rows: 1, name: one}]
training: {learning_rate: 1.0e-2, seed: 42, $2}
$([ "$1" = full ] || echo "lora: {r: 4, lora_alpha: 8${3:+, $3}}")
trainer: {kind: native, profile: bf16-dp}
machine:
  platform: sim
  anchors: [$(printf '%064d' 1)]
  images: [{name: none, mrtd: $ones, rtmr0: $ones, rtmr1: $ones, rtmr2: $ones}]
  devices: any
  minimum_tcb: {status: UpToDate, evaluation_data_number: 1}
  gpu: none
output: {open_quorum: all, limit: 32MiB}
observe: {metrics: sealed, interval: 10, checkpoint_limit: 64MiB}
lease: 30m
max_silence: 24h
grants: 10
YAML
}
