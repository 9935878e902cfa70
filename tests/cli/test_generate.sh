#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A model folder's own chat template is interpreted: another spelling of ChatML gives the same answer, a template's refusal and a name that is not
# known reach the user. test_generate.sh OBJECTS
set -uo pipefail
source=$(cd "$(dirname "$0")/../.." && pwd)
objects=$(realpath "$1")
sealwright=$objects/sealwright
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
. "$source/tests/tap.sh" || exit 1

# with_template TEXT: the folder `model` says this as its chat template
with_template() {
    python3 - "$1" <<'END'
import json, sys
path = "model/tokenizer_config.json"
config = json.load(open(path))
config["chat_template"] = sys.argv[1]
json.dump(config, open(path, "w"))
END
}
answer() { "$sealwright" generate 'the  question' --model model --max-new-tokens 8 --threads 1 "$@" 2>log; }
# refused WORDS NAME [OPTION...]: and the message says so
refused() {
    local words=$1 name=$2
    shift 2
    answer "$@" >out
    [ $? -eq 1 ] && [ ! -s out ] && [[ $(cat log) == *"$words"* ]]
    say $? "$name"
}

"$sealwright" model import "$source/tests/model/golden/mini.gguf" model >/dev/null
say $? 'a model is imported'
answer >known
say $? 'its template is one that is named'
refused '--date is not read' 'a day that no template asks for' --date 2026-03-07
with_template "{%- for m in messages -%}
  {{- '<|im_start|>' ~ m.role ~ '
' ~ m.content ~ '<|im_end|>
' -}}
{%- endfor -%}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif -%}"
answer >interpreted && cmp -s known interpreted && [ -s known ]
say $? 'another spelling of it gives the same answer'
cp model/tokenizer_config.json aside
python3 -c 'import json; print(json.load(open("aside"))["chat_template"])' >model/chat_template.jinja
with_template "{% if"
answer >filed && cmp -s known filed
say $? 'chat_template.jinja goes before tokenizer_config.json'
rm model/chat_template.jinja
with_template "{{ strftime_now('%d') if messages[0].role == 'user' }}{{ messages[0].content }}"
refused 'no date is given' 'a template that asks for the day'
answer --date 2026-03-07 >dated
say $? 'and is told it'
for day in 2026-02-30 tomorrow ''; do
    answer --date "$day" >out
    [ $? -eq 2 ] && [ ! -s out ] && [[ $(cat log) == *'a day as YYYY-MM-DD'* ]]
    say $? "a day that is none: '$day'"
done
with_template "{{ raise_exception('Only systems speak.') }}"
refused 'line 1: the template refuses this conversation: Only systems speak.' 'a template that refuses'
with_template "{{ messages | sort }}"
refused 'the filter sort is not known here' 'a filter that is not known'
cp aside model/tokenizer_config.json
cp model/generation_config.json aside
ends_at() { python3 -c 'import json, sys; print(json.dumps({"eos_token_id": json.loads(sys.argv[1])}))' "$1" >model/generation_config.json; }
# one of these lists holds the token that the answer begins with
empty=0 same=0
for ids in $(seq 0 60 300); do
    ends_at "[$(seq -s, "$ids" $((ids + 59)))]"
    answer >ended
    [ -z "$(cat ended)" ] && empty=$((empty + 1))
    cmp -s known ended && same=$((same + 1))
done
[ "$empty" -eq 1 ] && [ "$same" -ge 1 ]
say $? 'an answer ends at any token of the list in generation_config.json'
ends_at '"2"'
refused 'model: generation_config.json: eos_token_id is not a token id' 'an end that is none'
cp aside model/generation_config.json
with_template "{% if"
refused 'chat_template, line 1' 'a template that is cut'
finish
