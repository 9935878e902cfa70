#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The package over the library built here: sealing, opening, verifying a run made in a small world. test_owner.sh O
set -uo pipefail
cd "$(dirname "$0")/../.."
objects=$(cd "${1:-build/release}" && pwd)
here=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
case $(nm -D "$objects/libsealwright.so" 2>/dev/null) in
*__asan_init* | *__tsan_init*) echo "1..0 # SKIP a library with sanitizers is not loaded into an interpreter that has none" && exit 0 ;;
esac
# A run to verify, made in a small world of its own.
sealed_run() (
    steps=2 output_limit=64KiB
    . tests/run/world.sh
    world_new "$objects"
    run_sealed >"$work/run.log" 2>&1 && cp -r run/out "$work/out" && echo "$genesis" >"$work/genesis"
)
sealed_run || sed 's/^/# /' "$work/run.log"
python=python3 # of Debian's packages, when the first one on the path has no cffi
"$python" -c 'import cffi' 2>/dev/null || python=/usr/bin/python3
SEALWRIGHT_LIBRARY=$objects/libsealwright.so "$python" "$here/tests/python/owner.py" "$work" "$objects"
