#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A base model that cannot be read is refused before a key is asked for (WRK-046): each kind of broken file, by its name and word, with a key
# service that would notice a single connection. test_base_model.sh OBJECTS
set -uo pipefail
method=full output_limit=8MiB checkpoint_limit=8MiB
. "$(dirname "$0")/world.sh"
world_new "${1:?objects}"
cat >heard.py <<'PY'
"""Takes connections and writes a line into the file `heard` for each; its port goes to stdout."""
import socket
s = socket.create_server(("127.0.0.1", 0))
print(s.getsockname()[1], flush=True)
while True:
    c, _ = s.accept()
    with open("heard", "a") as f:
        f.write("one\n")
    c.close()
PY
mkfifo heard.pipe
python3 heard.py >heard.pipe 2>>setup.err &
listener=$!
read -r port <heard.pipe
trap 'code=$?; kill $listener 2>/dev/null; wait $listener 2>/dev/null; (exit $code); world_end' EXIT
elsewhere=(--kms "https://127.0.0.1:$port")
refused unavailable '(with a whole model the key service is asked)' run_sealed --run asked "${elsewhere[@]}"
[ -s heard ]; say $? '(and that is heard)'

cat >bend.py <<'PY'
"""bend.py FOLDER PYTHON: does it to the model in FOLDER."""
import json, os, struct, sys
m = sys.argv[1]
def path(name): return os.path.join(m, name)
def text(name): return open(path(name), encoding="utf-8").read()
def put(name, content): open(path(name), "wb").write(content if isinstance(content, bytes) else content.encode())
def cut(name): put(name, text(name)[: len(text(name)) // 2])
def change(name, **members): put(name, json.dumps({**json.loads(text(name)), **members}))
def lack(name, member): put(name, json.dumps({k: v for k, v in json.loads(text(name)).items() if k != member}))
def weight(tensor, element, value):
    data = bytearray(open(path("model.safetensors"), "rb").read())
    size = struct.unpack("<Q", data[:8])[0]
    at = 8 + size + json.loads(data[8 : 8 + size])[tensor]["data_offsets"][0] + 4 * element
    data[at : at + 4] = struct.pack("<f", value)
    put("model.safetensors", bytes(data))
exec(sys.argv[2])
PY
locked() { # locked NAME [PYTHON]: that model in the folder NAME, locked, composed and consented to; the runs that follow are of it
    cp -r "$base" "$1" && python3 bend.py "$1" "${2:-pass}" && "$sealwright" model lock "$1" --out model.lock >/dev/null && variant "of.$1" && rm -rf run heard
}
# broken WORD NAME TEXT PYTHON: the run says TEXT of the model's folder, and asks nobody
broken() {
    local folder=broken.$((++kinds))
    locked "$folder" "$4" >log 2>&1 || { say 1 "$2: the model could not be made" && return; }
    refused "$1" "$2" run_sealed --model "$folder" "${elsewhere[@]}"
    found -F "\"$folder: $3" <log && found '"hint":"[^"]' <log; say $? "it says '$3', and what to do"
    [ ! -e heard ] && ! ls -A run | found -vxE 'lock|state\.json'; say $? 'nobody was asked, nothing was left'
}
kinds=0 base=$model
broken format 'config.json, cut' 'config.json: ' 'cut("config.json")'
broken unsupported 'another architecture' 'config.json: ' 'change("config.json", model_type="gpt2", architectures=["GPT2LMHeadModel"])'
broken format 'tokenizer.json, cut' 'tokenizer.json: ' 'cut("tokenizer.json")'
broken unsupported 'a tokeniser that is not known' 'tokenizer.json: ' 'change("tokenizer.json", model={"type": "Unigram", "vocab": []})'
broken missing 'no tokenizer.json' 'there is no tokenizer.json' 'os.remove(path("tokenizer.json"))'
broken format 'tokenizer_config.json, cut' 'tokenizer_config.json: ' 'cut("tokenizer_config.json")'
broken model 'a special token that the tokeniser lacks' 'tokenizer_config.json: pad_token is [PAD], which is no added token' 'change("tokenizer_config.json", pad_token="[PAD]")'
broken model 'two files that name two ends' 'eos_token is <|endoftext|> in special_tokens_map.json, and <|im_end|> in' 'lack("tokenizer_config.json", "added_tokens_decoder"); put("special_tokens_map.json", json.dumps({"eos_token": "<|endoftext|>"}))'
broken unsupported 'another chat template' "the recipe's template is chatml-smollm2" 'change("tokenizer_config.json", chat_template="{{ messages }}")'
broken format 'generation_config.json, cut' 'generation_config.json: ' "put('generation_config.json', '{\"eos_token_id\": ')"
broken format 'one that names no token' 'generation_config.json: eos_token_id' "put('generation_config.json', '{\"eos_token_id\": \"end\"}')"
broken format 'weights, cut' 'model.safetensors: ' 'put("model.safetensors", open(path("model.safetensors"), "rb").read()[:-64])'
broken format 'a shape that config.json does not imply' 'model.safetensors: tensor ' 'change("config.json", num_key_value_heads=1)'
broken model 'a weight that is no number' 'model.safetensors: element 3 of tensor model.norm.weight is no number' 'weight("model.norm.weight", 3, float("nan"))'
python3 "$world_source/tools/make-miniature.py" sharded --shards 2 && base=sharded
broken format 'an index of shards, cut' 'model.safetensors.index.json: ' 'cut("model.safetensors.index.json")'
broken missing 'a shard that is not there' 'model.safetensors.index.json puts tensor ' 'os.remove(path(max(n for n in os.listdir(m) if n.endswith(".safetensors"))))'
base=$model
template=none
broken model 'no token that ends a text, where all rows are texts' 'neither eos_token of tokenizer_config.json' 'lack("tokenizer_config.json", "eos_token"); lack("config.json", "eos_token_id")'
# What a run does not read it does not judge.
method=lora template=chatml-smollm2
locked beside "put('generation_config.json', '{\"eos_token_id\": ')" && refused unavailable 'an adapter needs no generation_config.json' run_sealed --model beside "${elsewhere[@]}"
locked turns 'lack("tokenizer_config.json", "eos_token"); lack("config.json", "eos_token_id")' &&
    refused unavailable 'turns need no token that ends a text' run_sealed --model turns "${elsewhere[@]}"
finish
