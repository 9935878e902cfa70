#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds the Python package's wheel into O/wheel with Debian's setuptools: the same sources give the same bytes. wheel.sh O
set -euo pipefail
cd "$(dirname "$0")/.."
objects=${1:?usage: wheel.sh O}
python=python3 # Debian's own, when the first one on the path has no setuptools and wheel
"$python" -c 'import setuptools, wheel' 2>/dev/null || python=/usr/bin/python3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp python/pyproject.toml python/README.md "$work"
mkdir "$work/sealwright"
cp python/sealwright/*.py python/sealwright/py.typed "$work/sealwright"
chmod 644 "$work"/*.* "$work"/sealwright/*
rm -rf "$objects/wheel" && mkdir -p "$objects/wheel"
out=$(cd "$objects/wheel" && pwd)
: "${SOURCE_DATE_EPOCH:=315532800}" # 1980, the first that a zip can hold
export SOURCE_DATE_EPOCH PYTHONHASHSEED=0
umask 022
# The backend's own entry point, so that nothing is fetched and pip is not needed.
(cd "$work" && "$python" - "$out" <<'PY'
import sys
from setuptools import build_meta
sys.argv, out = ["setup.py", "-q"], sys.argv[1]
build_meta.build_wheel(out)
PY
) >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
ls "$objects"/wheel/*.whl
