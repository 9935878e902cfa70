#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The package's wheel, as others get it: the same bytes twice, installed by pip into a clean environment, and each snippet of its README
# run as printed. TAP on stdout. python_package.sh O
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/found.sh
objects=$(cd "${1:-build/release}" && pwd)
root=$PWD
trainer=$root/build/parity/venv/bin/python # has TRL
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
count=0 failed=0
result() {
    count=$((count + 1))
    if [ "$1" -eq 0 ]; then echo "ok $count - $2"; else echo "not ok $count - $2"; sed 's/^/# /' "$work/log" | tail -20; failed=1; fi
}
ran() { # ran NAME COMMAND...
    "${@:2}" >"$work/log" 2>&1
    result $? "$1"
}

tools/wheel.sh "$objects" >/dev/null && cp "$objects"/wheel/*.whl "$work" && touch python/sealwright/py.typed && tools/wheel.sh "$objects" >"$work/log" 2>&1
ran "the wheel has the same bytes twice" cmp "$objects"/wheel/*.whl "$work"/*.whl
wheel=$(echo "$work"/*.whl)
python3 -c 'import sys, zipfile; print(*sorted(n for n in zipfile.ZipFile(sys.argv[1]).namelist() if n.startswith("sealwright/")), sep="\n")' "$wheel" >"$work/inside"
(cd python && git ls-files sealwright | LC_ALL=C sort) >"$work/sources"
ran "and the package's files alone" diff "$work/sources" "$work/inside"
python3 -m venv "$work/venv"
ran "pip installs it into a clean environment" "$work/venv/bin/pip" install -q --disable-pip-version-check "$wheel"
ran "and finds nothing missing" "$work/venv/bin/pip" check --disable-pip-version-check
"$trainer" -m pip install -q --disable-pip-version-check --no-deps --target "$work/beside" "$wheel" >"$work/log" 2>&1
result $? "and beside TRL"
echo 'import sys; sys.modules["bitsandbytes"] = None' >"$work/beside/sitecustomize.py" # peft would load it, at great length

# Each block of the README that names a file becomes it; the others are commands.
mkdir "$work/play"
python3 - "$work/play" <<'PY'
import re, sys
blocks = re.findall(r"^```(\w+) ?(\S*)\n(.*?)^```$", open("python/README.md", encoding="utf-8").read(), re.S | re.M)
commands = []
for kind, name, text in blocks:
    if name:
        open(f"{sys.argv[1]}/{name}", "w", encoding="utf-8").write(text)
    else:
        commands += text.splitlines()
open(f"{sys.argv[1]}/commands", "w", encoding="utf-8").write("\n".join(commands) + "\n")
PY
cd "$work/play" || exit 1
for i in 1 2 3 4 5 6 7 8 9 10 11 12; do echo "{\"prompt\":\"What did anna write down on day $i?\",\"completion\":\"Room $((i * 7 % 10)) was seen $i times.\"}"; done >rows.jsonl
python3 "$root/tools/make-miniature.py" model >/dev/null
command_of() { grep -e "$1" commands; }
say() { # say PYTHON-FOLDER NAME PATTERN: the command of the README with that word, as printed
    (export PATH="$1:$PATH" OMP_NUM_THREADS=1 && eval "$(command_of "$2")") >"$work/log" 2>&1 && found "$3" <"$work/log"
    result $? "README: $(command_of "$2")"
}
unset PYTHONPATH
say "$work/venv/bin" '-- python loop.py' '^done$'
[ -f said/state.2 ] && [ -f said/total.txt ]
result $? "and --out has what the script sent"
say "$work/venv/bin" sealwright.tree 'entries'
SEALWRIGHT_LIBRARY=$objects/libsealwright.so "$work/venv/bin/python" notebook.py >"$work/log" 2>&1
result $? "README: notebook.py"
[ "$(cat "$work/log")" = $'12 rows, application/jsonl\n12 lines\nmissing missing' ] && cmp -s rows.jsonl opened.jsonl
result $? "and it says what it should"
PYTHONPATH=$work/beside say "${trainer%/*}" '-- python train.py' '^done$'
found 'steps 6 of 6, states 2, outputs .*model.safetensors' <"$work/log"
result $? "train.py: six steps, two states, a model"
echo "1..$count"
exit $failed
