# SPDX-License-Identifier: Apache-2.0
# The miniature model is the same on every machine; one copy serves all tests of a build folder. Sourced; sets $model in $objects.
miniature_source=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
make_model() {
    local made
    model=$objects/miniature
    [ -f "$model/model.safetensors" ] && return
    made=$(mktemp -d "$objects/miniature.XXXXXX")
    python3 "$miniature_source/tools/make-miniature.py" "$made" || return 1
    chmod 755 "$made"
    mv -T "$made" "$model" 2>/dev/null || rm -rf "$made"
}
