#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Folders whose files beside tokenizer.json contradict it, or that have templates in a folder of their own (MODEL-094, MODEL-110 on): train, eval and
# generate refuse them by name before a row is read, `model lock` refuses the latter and says the former. test_beside.sh OBJECTS
set -uo pipefail
source=$(cd "$(dirname "$0")/../.." && pwd)
. "$source/tests/found.sh"
. "$source/tests/plain_recipe.sh"
. "$source/tests/tap.sh" || exit 1
in_folder "${1-}"
python3 "$source/tools/make-miniature.py" model || exit 1
plain_recipe lora 'per_device_train_batch_size: 4, max_steps: 1, max_length: 64' >recipe.yaml
printf '{"text":"the patient of bed %d went home"}\n' 1 2 3 4 >rows.jsonl
printf 'no row\n' >bad.jsonl
on() { "$sealwright" "$@" --json >out 2>err </dev/null; }
both=(recipe.yaml --data bad.jsonl --model bent)
bend() { # bend NAME: the model, its tokenizer_config.json (c) and more done to it by the Python on stdin
    rm -rf bent && cp -r model bent && python3 -c '
import json, os, sys
c = json.load(open("bent/tokenizer_config.json"))
exec(sys.stdin.read())
json.dump(c, open("bent/tokenizer_config.json", "w"))'
}
refused() { # refused NAME TEXT COMMAND...: with the word model
    local name=$1 text=$2
    shift 2
    on "$@"
    [ $? -eq 1 ] && found '"word":"model"' <out && found -F -- "$text" <out && found '"hint":"[^"]' <out; say $? "$name: ${1}: $text"
}
contradicts() { # contradicts NAME TEXT
    for command in train eval; do refused "$1" "bent: $2" $command "${both[@]}" $([ $command = eval ] || echo --out made); done
    refused "$1" "bent: $2" generate hello --model bent
    "$sealwright" model lock bent >lock 2>err && found -F "the native trainer refuses bent: $2" <err; say $? "$1: model lock says it"
}

bend <<<'c["split_special_tokens"] = True'
contradicts 'special tokens that are cut' 'tokenizer_config.json: split_special_tokens '
bend <<<'c["pad_token"] = "!"'
contradicts 'an entry of the vocabulary as a special token' 'tokenizer_config.json: pad_token is !, which is no added token'
bend <<<'c["added_tokens_decoder"]["1"]["rstrip"] = True'
contradicts 'another flag' 'tokenizer_config.json: added_tokens_decoder: rstrip of token 1'
bend <<'PY'
del c["added_tokens_decoder"]
json.dump({"eos_token": "<|endoftext|>"}, open("bent/special_tokens_map.json", "w"))
PY
contradicts 'two ends' 'eos_token is <|endoftext|> in special_tokens_map.json, and <|im_end|> in tokenizer_config.json'
bend <<'PY'
del c["added_tokens_decoder"]
json.dump({"[PAD]": 320}, open("bent/added_tokens.json", "w"))
PY
contradicts 'a token more' 'added_tokens.json: [PAD] is no added token'
bend <<'PY'
del c["added_tokens_decoder"]
json.dump({"eos_token": {"content": "<|im_end|>", "lstrip": False}, "bos_token": "<|im_start|>"}, open("bent/special_tokens_map.json", "w"))
PY
on train recipe.yaml --data rows.jsonl --model bent --out made; say $? 'two files that say the same'
"$sealwright" model lock bent >lock 2>err && [ ! -s err ]; say $? 'of which nothing is said when it is locked'
rm -rf made

# ---- templates in a folder of their own ----
bend <<'PY'
os.mkdir("bent/additional_chat_templates")
open("bent/additional_chat_templates/README", "w").write("none")
PY
on eval recipe.yaml --data rows.jsonl --model bent && on model lock bent --out lock; say $? 'a folder without a template'
bend <<'PY'
os.mkdir("bent/additional_chat_templates")
open("bent/additional_chat_templates/tool_use.jinja", "w").write("{{ tools }}")
PY
for command in train eval; do
    refused 'another template for tools' 'bent/additional_chat_templates holds chat templates' $command "${both[@]}" $([ $command = eval ] || echo --out made)
done
refused 'another template for tools' 'bent/additional_chat_templates holds chat templates' model lock bent --out other
[ ! -e other ] && [ ! -e made ]; say $? 'nothing was written'
sed -i 's/^template: .*/template: none/' recipe.yaml
on train recipe.yaml --data rows.jsonl --model bent --out made; say $? 'rows of text need none'
on generate hello --model bent --max-new-tokens 2; say $? 'nor does a question without tools'
finish
