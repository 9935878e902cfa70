#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A recipe with a command from the folder to the owner's eyes: trainer lock, compose, show with the text of its files, and what is refused on
# the way. test_command_recipe.sh OBJECTS
set -uo pipefail
source=$(cd "$(dirname "$0")/../.." && pwd)
objects=$(cd "${1:?objects}" && pwd) || exit 1
sealwright=$objects/sealwright
golden=$source/tests/recipe/golden
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
unset XDG_CONFIG_HOME
export HOME=$folder
. "$source/tests/tap.sh" || exit 1

gives() { # gives CODE ARGUMENTS...: the program with them, output in the files out and err
    local code=$1
    shift
    "$sealwright" "$@" >out 2>err </dev/null
    local got=$?
    [ $got -eq "$code" ] || { echo "exit $got instead of $code: $*" >>err && return 1; }
}
# refused NAME CODE WORDS ARGUMENTS...
refused() {
    local name=$1 code=$2 words=$3
    shift 3
    gives "$code" "$@" && grep -qF -- "$words" err && [ ! -s out ]
    say $? "$name"
}
lock() { gives 0 trainer lock "$1" --file /app/train.py --file /app/requirements.lock --trainer-lock "$golden/trainer.lock" --out "$2"; }
compose() { gives "$1" recipe compose "$2" --model-lock "$golden/model.lock" --trainer-lock "$3" --out app-compose.json; }

mkdir -p tree/app tree/usr/bin tree/lib && cp /bin/true tree/usr/bin/python3 && ln -s usr/bin tree/bin && chmod 755 tree/usr/bin/python3
printf 'import sealwright\nname = "\xe2\x80\xae"\n' >tree/app/train.py && echo 'torch==2.9.0' >tree/app/requirements.lock
chmod 644 tree/app/*

# ---- trainer lock ----
lock tree trainer.lock && grep -q '^trainer.lock: a tree of 8 entries, [0-9]* bytes$' out
say $? 'a tree is locked'
# CMD-002 again, by Python: nothing of it is shared with the program.
python3 - >out 2>err <<'PY'
import hashlib, json, os, struct
digest, entries, size = hashlib.sha256(b"sealwright/tree/v1\0"), 0, 0
def entry(path, kind, length, value):
    digest.update(struct.pack(">I", len(path)) + path + bytes([kind]) + struct.pack(">Q", length) + value)
def walk(folder, path):
    global entries, size
    for name in sorted(os.listdir(folder)):
        at, where, entries = os.path.join(folder, name), (path + b"/" if path else b"") + name, entries + 1
        if os.path.islink(at):
            entry(where, 4, len(os.readlink(at)), hashlib.sha256(os.readlink(at)).digest())
        elif os.path.isdir(at):
            entry(where, 1, 0, bytes(32))
            walk(at, where)
        else:
            content = open(at, "rb").read()
            size += len(content)
            entry(where, 3 if os.stat(at).st_mode & 0o100 else 2, len(content), hashlib.sha256(content).digest())
walk(b"tree", b"")
text = open("trainer.lock").read()
lock = json.loads(text)
assert text == json.dumps(lock, sort_keys=True, separators=(",", ":")), text
assert lock["kind"] == "sealwright/command-lock/v1"
assert lock["tree"] == {"bytes": size, "entries": entries, "sha256": digest.hexdigest()}, (lock, entries, size, digest.hexdigest())
assert [f["name"] for f in lock["files"]] == ["/app/requirements.lock", "/app/train.py"]
for f in lock["files"]:
    content = open("tree" + f["name"], "rb").read()
    assert f["size"] == len(content) and f["sha256"] == hashlib.sha256(content).hexdigest()
PY
say $? 'as CMD-002 and CMD-006 say it'
grep -qF "$(sed 's/.*\("worker":"[0-9a-f]*"\).*/\1/' "$golden/trainer.lock")" trainer.lock
say $? 'the trainer digest is the one of the native lock'
gives 0 trainer lock tree --file /app/requirements.lock --file /app/train.py --trainer-lock "$golden/trainer.lock" && cmp -s out trainer.lock
say $? 'whatever the order of --file, and on standard output'
if [ -f "$objects/trainer.lock" ]; then gives 0 trainer lock tree --file /app/train.py --file /app/requirements.lock && grep -q worker out; fi
say $? 'the native lock beside the program is the default'
refused 'no file to read' 2 'needs 1 to 32 of --file' trainer lock tree --trainer-lock "$golden/trainer.lock"
refused 'a path that does not start with /' 2 'starts with /' trainer lock tree --file app/train.py --trainer-lock "$golden/trainer.lock"
refused 'one file twice' 2 'one file twice: /app/train.py' trainer lock tree --file /app/train.py --file /app/train.py --trainer-lock "$golden/trainer.lock"
refused 'a file beside the script that nobody is shown' 1 'the tree has /app/requirements.lock beside a file that owners read' \
    trainer lock tree --file /app/train.py --trainer-lock "$golden/trainer.lock"
refused 'a file that is not there' 1 'tree has no file /app/other.py' trainer lock tree --file /app/other.py --trainer-lock "$golden/trainer.lock"
refused 'a folder is no file' 1 'tree has no file /app ' trainer lock tree --file /app --trainer-lock "$golden/trainer.lock"
refused 'a path through a link is no path of the tree' 1 'tree has no file /bin/python3' trainer lock tree --file /bin/python3 --trainer-lock "$golden/trainer.lock"
mkdir tree/model
refused 'a place of the agent' 1 "the agent's own" trainer lock tree --file /app/train.py --trainer-lock "$golden/trainer.lock"
rmdir tree/model
refused 'a lock of a command is none of the native trainer' 1 'is the lock of a command' trainer lock tree --file /app/train.py --trainer-lock trainer.lock

# ---- compose ----
cp "$golden/command/recipe.yaml" recipe.yaml
compose 0 recipe.yaml trainer.lock && grep -q '^[0-9a-f]\{64\}$' out
say $? 'a recipe with a command is composed'
! grep -q answers_cpuid err
say $? 'of a software machine nothing is said'
intel=$(sed -n 's/^#define INTEL_ROOT *"\([0-9a-f]*\)"$/\1/p' "$source/tests/attest/intel.h")
sed "s/platform: sim/platform: tdx/; s/anchors: .*/anchors: [$intel]/; /^  gpu: true$/d" recipe.yaml >tdx.yaml
compose 0 tdx.yaml trainer.lock && grep -q '^[0-9a-f]\{64\}$' out && [ "$(grep -c 'on tdx this command will be refused: not all images .*answers_cpuid' err)" = 1 ]
say $? 'of a TD whose kernel is not said to answer CPUID one line says what becomes of it'
sed 's/^\( *\)rtmr2: .*/&\n\1answers_cpuid: true/' tdx.yaml >answers.yaml
compose 0 answers.yaml trainer.lock && ! grep -q refused err
say $? 'and none where it is'
compose 1 recipe.yaml "$golden/trainer.lock" && grep -q 'the lock of the native trainer' err
say $? 'not with the native lock'
compose 1 "$golden/recipe.yaml" trainer.lock && grep -q 'the lock of a command' err
say $? 'nor a native recipe with its lock'
sed 's|files: \[/app/train.py, /app/requirements.lock\]|files: [/app/train.py]|' recipe.yaml >fewer.yaml
compose 1 fewer.yaml trainer.lock && grep -q 'names a file that trainer.files does not: /app/requirements.lock' err
say $? 'nor with a lock that names more files'
sed 's|files: \[/app/train.py, |files: [|' recipe.yaml >unread.yaml
compose 1 unread.yaml trainer.lock && grep -q 'command names no script behind the program' err
say $? 'nor a script that is none of the files'
sed 's|/app/train.py, --lr|evil.py, /app/train.py, --lr|' recipe.yaml >operand.yaml
compose 1 operand.yaml trainer.lock && grep -q 'command names no script behind the program' err
say $? 'nor another operand before the script'
sed 's|OMP_NUM_THREADS|PYTHONPATH|' recipe.yaml >loads.yaml
compose 1 loads.yaml trainer.lock && grep -q 'environment.PYTHONPATH changes what code is loaded' err
say $? 'nor a variable that changes what is loaded'
sed 's/"tokenizer.json"/"tokenizer.pkl"/' "$golden/model.lock" >code.lock
gives 1 recipe compose recipe.yaml --model-lock code.lock --trainer-lock trainer.lock --out code.json && grep -q 'tokenizer.pkl, which may hold code' err
say $? 'nor with a base model that may hold code'
refused 'train and eval have no sandbox for a command' 1 'trainer.kind is command' train recipe.yaml --model tree --data recipe.yaml --out trained

# ---- show ----
gives 0 recipe show app-compose.json && grep -q '^CODE: this recipe runs a command' out && grep -q 'no sandbox closes' out && ! grep -q '^Template' out && ! grep -q '^File ' out
say $? 'show says that it is code'
grep -q "16 bits in each record are the script's to choose, and" out && grep -q "every owner of a listed shard reads them" out
say $? 'and that what it says of its loss reaches the other owners'
gives 0 recipe show app-compose.json --tree tree && grep -qF 'name = "\u{202e}"' out && grep -q '^File /app/requirements.lock$' out && grep -q '^    torch==2.9.0$' out
say $? 'and prints its files'
gives 0 recipe show app-compose.json --tree tree --json && python3 - 2>>err <<'PY'
import json
shown = json.load(open("out"))
assert shown["code"] is True and shown["trainer"]["kind"] == "command"
assert [f["name"] for f in shown["tree_files"]] == ["/app/train.py", "/app/requirements.lock"]
assert shown["tree_files"][0]["text"] == open("tree/app/train.py").read()
PY
say $? 'for programs too'
cp -r tree changed && echo '# more' >>changed/app/requirements.lock
refused 'the text of another file is not shown' 1 'another file than the one that the recipe'"'"'s trainer lock names: /app/requirements.lock' \
    recipe show app-compose.json --tree changed
gives 1 recipe show app-compose.json --tree changed --json && grep -q 'another file' out && ! grep -q tree_files out
say $? 'nor to programs'
refused 'a tree is read where there is a command' 2 '--tree is read where the recipe has a command' recipe show "$golden/app-compose.json" --tree tree
refused 'a template is read where there is none' 2 '--model is read' recipe show app-compose.json --model tree
printf '# coding: utf-7\n# +AAo-print(1)\n' >changed/app/train.py
refused 'a file that would run as another text is not locked' 1 '/app/train.py, which owners read as the code, declares another encoding than UTF-8' \
    trainer lock changed --file /app/train.py --file /app/requirements.lock --trainer-lock "$golden/trainer.lock"
printf '\177ELF\377' >changed/app/train.py && lock changed changed.lock && compose 0 recipe.yaml changed.lock &&
    gives 0 recipe show app-compose.json --tree changed && grep -q '^  BINARY, no text: [0-9]* bytes$' out
say $? 'a binary is named'

python3 - "$golden/trainer.lock" >forged.lock 2>err <<'PY'
import hashlib, json, sys
lock = json.load(open("changed.lock"))
text = b"# coding: utf-7\n# +AAo-print(1)\n"
open("changed/app/train.py", "wb").write(text)
for f in lock["files"]:
    if f["name"] == "/app/train.py":
        f.update(size=len(text), sha256=hashlib.sha256(text).hexdigest())
sys.stdout.write(json.dumps(lock, sort_keys=True, separators=(",", ":")))
PY
cp app-compose.json before.json && compose 0 recipe.yaml forged.lock && cp app-compose.json forged.json && cp before.json app-compose.json
refused 'a text that would run as another is not shown' 1 '/app/train.py, which owners read as the code, declares another encoding than UTF-8' recipe show forged.json --tree changed

# ---- diff ----
cp app-compose.json binary.json && compose 0 recipe.yaml trainer.lock && gives 0 recipe diff app-compose.json binary.json &&
    grep -q '^~ trainer.files\[/app/train.py\].sha256: ' out && grep -q '^~ trainer.tree.sha256: ' out
say $? 'diff names the file and the tree'

finish
