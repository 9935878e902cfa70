# SPDX-License-Identifier: Apache-2.0
# What makes world.sh a world of a script in Python: sourced behind it, with $python set and a function write_script, which writes
# script.py. `act` is the script's argument, when there is one, and `scratch` the room that it has.
: "${scratch:=64MiB}"
version=$("$python" -c 'import sys; print("python%d.%d" % sys.version_info[:2])')

make_locks() {
    make_model || return 1
    worker=$objects/sealwright-worker
    write_script
    "$sealwright" model lock "$model" --out model.lock >/dev/null &&
        PYTHONPATH=$world_source/python PYTHONDONTWRITEBYTECODE=1 "$python" -m sealwright.tree --python "$python" --add script.py:/code/script.py \
            --add "$world_source/python/sealwright:/venv/lib/$version/site-packages/sealwright" --out tree --no-compile >/dev/null &&
        "$sealwright" trainer lock tree --file /code/script.py --out trainer.lock >/dev/null
}
write_recipe() {
    local owner
    {
        printf 'sealwright: 1\nname: small-script\napp: %s\nmodel: {name: Miniature}\nshards:\n' "$genesis"
        for owner in "${owners[@]}"; do
            printf '  - {owner: %s, dataset: %s, rows: %s, name: %s}\n' \
                "$("$sealwright" identity show "$owner" --json | value id)" "$(dataset_of "$owner.sealed")" "$rows" "$owner"
        done
        printf 'trainer:\n  kind: command\n  command: [/venv/bin/python, /code/script.py%s]\n  files: [/code/script.py]\n' "${act:+, $act}"
        printf '  max_steps: %s\n  save_steps: %s\n  scratch: %s\n' "$steps" "$save_steps" "$scratch"
        printf 'output: {open_quorum: all, limit: %s}\nobserve: {metrics: sealed, interval: 1, checkpoint_limit: 64KiB}\n' "$output_limit"
        printf 'lease: %s\nmax_silence: %s\ngrants: %s\n' "$lease" "$max_silence" "$grants"
        "$sealwright" sim show training-machine
    } >"$1"
}
