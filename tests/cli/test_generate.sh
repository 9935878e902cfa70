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

"$sealwright" model import "$source/tests/model/golden/mini.gguf" imported >/dev/null && "$sealwright" generate hello --model imported >out 2>log
say $? 'a model that is imported answers'
python3 "$source/tools/make-miniature.py" model --dtype bf16 && with_template "{% for message in messages %}{{'<|im_start|>' + message['role'] + '
' + message['content'] + '<|im_end|>' + '
'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant
' }}{% endif %}"
say $? 'a model whose template is one that is named'
answer >known && "$sealwright" generate 'the question' --model model --max-new-tokens 8 --threads 1 >other 2>log && [ -s other ] && ! cmp -s known other
say $? 'another question is given another answer'
for profile in '' bf16-dp bf16-amx fp32-ref; do # chosen so that no two profiles take the same way through it
    "$sealwright" generate six --model model --max-new-tokens 300 ${profile:+--profile $profile} >"in-$profile" 2>log
    say $? "a long answer in the profile ${profile:-that is not named}"
done
cmp -s in- in-bf16-dp && [ "$(sha256sum in-bf16-dp in-bf16-amx in-fp32-ref | cut -c1-64 | sort -u | wc -l)" = 3 ]
say $? 'it is what that profile computes, and bf16-dp where none is named'
for profile in bf16 BF16-DP fp32-ref, ''; do
    answer --profile "$profile" >out
    [ $? -eq 2 ] && [ ! -s out ] && [[ $(cat log) == *'--profile is bf16-dp, bf16-amx or fp32-ref'* ]]
    say $? "a profile that is none: '$profile'"
done
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
