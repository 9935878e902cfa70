#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# `template: model`: a sealed run through the base model's own template, with the date that the recipe gives it. What owners are shown of the
# template, that the model is byte for byte what `train` makes of the plain rows, a replay, and what is refused before a key is asked for.
# test_template.sh OBJECTS
set -uo pipefail
template=$'model\ntemplate_date: 2026-11-28' save_steps=2 laid='assistant_only_loss: true'
. "$(dirname "$0")/world.sh"
eval "miniature_$(declare -f make_model)"

# The miniature with a template of its own: a date in its head, what the assistant says marked.
make_model() {
    miniature_make_model && cp -r "$model" own.model && chmod -R u+w own.model && model=own.model && cat >own.model/chat_template.jinja <<'END'
{{- '<|im_start|>' + strftime_now('%b %-d') + '\n' }}
{%- for m in messages %}{{- '<|im_start|>' + m.role + '\n' }}
{%- if m.role == 'assistant' %}{% generation %}{{- m.content + '<|im_end|>' }}{% endgeneration %}{% else %}{{- m.content + '<|im_end|>' }}{% endif %}{{- '\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{% endif %}
END
}
make_rows() { # messages, and every third row a prompt with its completion
    local i user assistant
    for ((i = 1; i <= rows; i++)); do
        user="{\"role\":\"user\",\"content\":\"Day $i?\"}"
        assistant="{\"role\":\"assistant\",\"content\":\" Seen $((i * 7 % 10)).\"}"
        if [ $((i % 3)) -eq 0 ]; then
            echo "{\"prompt\":[$user],\"completion\":[$assistant]}"
        else
            echo "{\"messages\":[$user,$assistant,$user,$assistant]}"
        fi
    done
}
granted() { "$sealwright" kms audit verify "$kms_url" --json 2>/dev/null | value grants; }

world_new "${1:?objects}"
shown() { sha256sum <own.model/chat_template.jinja | cut -d' ' -f1; }

# ---- what owners are shown ----
"$sealwright" recipe show app-compose.json >log 2>&1 && found 'It is chat_template.jinja, which the recipe locks:' <log && found "$(shown)" <log &&
    found 'told 2026-11-28 (template_date)' <log
say $? 'recipe show names the locked file, its SHA-256 and the date'
"$sealwright" recipe show app-compose.json --model own.model >log 2>&1 && sed -n '/^Template text$/,$s/^    //p' log | cmp - own.model/chat_template.jinja >>log 2>&1
say $? 'and prints its text out of the model'
"$sealwright" recipe show app-compose.json --model own.model --json >log 2>&1 && found '"template_text":"{{- ' <log && found '"template_file":{"name":"chat_template.jinja"' <log
say $? 'for programs too'
cp -r own.model changed.model && sed -i 's/%b/%m/' changed.model/chat_template.jinja
refused model 'the text of another file is not shown' "$sealwright" recipe show app-compose.json --model changed.model

# ---- run, plain and replayed ----
holds 'a sealed run' run_sealed
holds 'it verifies' verify_out run/out
holds 'the plain rows' train_plain plain
opened run/out opened >log 2>&1 && cmp plain/adapter_model.safetensors opened/adapter_model.safetensors >>log 2>&1
say $? 'they give the same adapter'
replay_out run/out >log 2>&1 && found 'bit-equal: ' <log
say $? 'a replay is bit-equal'
given=() && of_owners --data jsonl
"$sealwright" train recipe.yaml --model own.model "${given[@]}" --plan --json >log 2>&1 && [ "$(value steps <log)" = "$steps" ]
say $? 'the plan counts its rows'
"$sealwright" eval recipe.yaml --model own.model --data anna.jsonl --json >log 2>&1
marked=$(value targets <log)
sed 's/assistant_only_loss: true/assistant_only_loss: false/' recipe.yaml >whole.yaml
"$sealwright" eval whole.yaml --model own.model --data anna.jsonl --json >log 2>&1 && [ "${marked:-0}" -gt 0 ] && [ "$(value targets <log)" -gt "$marked" ]
say $? "eval counts what the template marks alone (${marked:-none} of $(value targets <log) targets)"
sed 's/template_date: 2026-11-28/template_date: 2027-12-28/' recipe.yaml >later.yaml
given=() && of_owners --data jsonl
"$sealwright" train later.yaml --model own.model "${given[@]}" --out later >log 2>&1 && ! cmp -s later/adapter_model.safetensors plain/adapter_model.safetensors
say $? 'another day is another model: the rows hold the date'

sed '/^template_date/d; s/assistant_only_loss: true/assistant_only_loss: false/' recipe.yaml >asis.yaml
sed 's/^template: model/template: chatml-smollm2/' asis.yaml >named.yaml
for recipe in asis named; do
    given=() && of_owners --data jsonl
    "$sealwright" train $recipe.yaml --model "$objects/miniature" "${given[@]}" --out $recipe >log 2>&1
done
cmp asis/adapter_model.safetensors named/adapter_model.safetensors >log 2>&1
say $? "a template that has a name, taken from tokenizer_config.json as the model's own: the same adapter"

# ---- refused before a key is asked for ----
spent=$(granted)
refused model 'a template that is not the locked one' run_sealed --model changed.model --run never
# other NAME WORD TEXT WHAT: a recipe of its own for a model whose template is TEXT is refused, sealed and plain, saying WHAT
other() {
    local name=$1 word=$2 text=$3 what=$4
    cp -r own.model "$name.model"
    if [ -n "$text" ]; then printf '%s' "$text" >"$name.model/chat_template.jinja"; else rm "$name.model/chat_template.jinja"; fi
    [ "$name" != none ] || sed -i 's/"chat_template"/"chat_templates"/' "$name.model/tokenizer_config.json"
    "$sealwright" model lock "$name.model" --out model.lock >/dev/null
    variant "$name"
    refused "$word" "$name" run_sealed --model "$name.model" --run never
    found -F "$what" <log; say $? "$name: $what"
    refused "$word" "$name, plain" "$sealwright" train "$name.yaml" --model "$name.model" --data anna.jsonl --out never.plain
    found -F "$what" <log; say $? "$name, plain: the same words"
}
own=$(cat own.model/chat_template.jinja)
other none model '' "the recipe's template is model, but the base model carries none"
"$sealwright" recipe show none.json >log 2>&1 && found 'in tokenizer_config.json, which the recipe locks' <log
say $? 'none: owners are shown the file that should hold it'
other unknown template '{% macro a() %}{% endmacro %}' "the base model's template: chat_template, line 1"
other undated model '{% for m in messages %}{% generation %}{{ m.content }}{% endgeneration %}{% endfor %}' 'template_date is not read'
template=model other dateless model "$own" 'asks for the date, and the recipe gives none'
other unmarked model "{{ strftime_now('%Y') }}{{ messages[0].content }}" 'assistant_only_loss needs a template with {% generation %} blocks'
[ "$(granted)" = "$spent" ]; say $? 'no grant was spent'
[ ! -e never/out ] && [ ! -e never.plain ]; say $? 'and nothing is left behind'

# ---- rows that the template refuses ----
echo '{"messages":[{"role":"assistant","content":["CANARY"]}]}' >>anna.jsonl
refused template 'a turn that the template cannot print' "$sealwright" train recipe.yaml --model own.model --data anna.jsonl --out never.plain
found "row $((rows + 1)): chat_template, line " <log && ! found CANARY <log; say $? 'the row is named and not quoted'
finish
