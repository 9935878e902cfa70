#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Packed rows through a sealed run: settings reach decoder and trainer as the recipe says them, the number of steps is believed within what
# rows and tokens allow, and the model is byte for byte what `train` makes of the plain rows. test_packing.sh OBJECTS
set -uo pipefail
steps=0 save_steps=4 template=none phase=cpt laid='num_train_epochs: 1, packing: true, packing_strategy: wrapped'
. "$(dirname "$0")/world.sh"

make_rows() { # text, every third row longer than a sequence, the last one of nothing but its end
    local i again
    for ((i = 1; i < rows; i++)); do
        printf '{"text":"What %s wrote down on day %s:' "$1" $i
        for ((again = 0; again < 1 + i % 3 * 4; again++)); do printf ' the patient in room %s was seen %s times .' $((i * 7 % 10)) $again; done
        printf '"}\n'
    done
    echo '{"text":""}'
}
# plain RECIPE OPTION...: the same recipe on the plain rows
plain() {
    local given=() recipe=$1
    shift
    of_owners --data jsonl
    "$sealwright" train "$recipe" --model "$model" "${given[@]}" "$@"
}
# one NAME: the recipe as the variables say, sealed and plain
one() {
    local recipe=$1.yaml planned
    [ "$1" = recipe ] || variant "$1" || return 1
    holds "$1: a sealed run" run_sealed --run "run.$1"
    holds "$1: it verifies" verify_out "run.$1/out"
    plain "$recipe" --plan --json >log 2>&1
    planned=$(value steps <log)
    predicate "run.$1/out" | found "\"steps\":${planned:-none}[,}]"
    say $? "$1: as many steps as planned on the plain rows"
    plain "$recipe" --out "plain.$1" >log 2>&1 && opened "run.$1/out" "opened.$1" >>log 2>&1 &&
        cmp "plain.$1/adapter_model.safetensors" "opened.$1/adapter_model.safetensors" >>log 2>&1
    say $? "$1: the plain rows give the same adapter"
}

world_new "${1:?objects}"
one recipe
"$sealwright" recipe show app-compose.json >log 2>&1 && found "as many steps as the rows' lengths make" <log && found 'packing_strategy: wrapped' <log
say $? 'the owners were told that the rows decide the number of steps'
"$sealwright" eval recipe.yaml --model "$model" --data anna.jsonl --json >log 2>&1 && value targets <log >wrapped.targets
say $? 'eval packs as the recipe says'
phase=sft laid='num_train_epochs: 1, packing: true, packing_strategy: bfd_split'
one split
laid='num_train_epochs: 1, packing: true'
one cut
"$sealwright" eval cut.yaml --model "$model" --data anna.jsonl --json >log 2>&1 && [ "$(value targets <log)" -lt "$(cat wrapped.targets)" ]
say $? 'and cuts rows where the recipe does'

# ---- without packing a row of its first token alone counts as one (ROW-007) ----
laid='num_train_epochs: 1'
one bare
predicate run.bare/out | found "\"rows_delivered\":$rows,\"rows_listed\":$rows,"; say $? 'bare: no row is left out'
# ---- rows that the phase does not read ----
echo '{"prompt":"What did anna write?","completion":"CANARY"}' >>anna.jsonl
refused rows 'a prompt and completion under phase cpt' "$sealwright" train recipe.yaml --model "$model" --data anna.jsonl --out never
found "row $((rows + 1)): phase cpt reads rows of text alone" <log && ! found CANARY <log; say $? 'the row is named and not quoted'
[ ! -e never ]; say $? 'and nothing is left behind'
finish
