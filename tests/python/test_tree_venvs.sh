#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Whoever lays a tree out anew gets the digest that its maker named (CMD-068, CMD-069): two environments in different folders, with the
# same package put there by different installers, give one tree; another file of the package gives another. And a tree on a tree laid out
# before is the one that is laid out at once. test_tree_venvs.sh O
set -uo pipefail
cd "$(dirname "$0")/../.."
objects=$(cd "${1:-build/release}" && pwd)
sealwright=$objects/sealwright
export PYTHONPATH=$PWD/python PYTHONDONTWRITEBYTECODE=1
python=/usr/bin/python3
[ -x "$python" ] || python=$(command -v python3)
version=$("$python" -c 'import sys; print("python%d.%d" % sys.version_info[:2])')
work=$(mktemp -d "$objects/venvs.XXXXXX")
trap 'rm -rf "$work"' EXIT
count=0 failed=0
result() {
    count=$((count + 1))
    if [ "$1" -eq 0 ]; then echo "ok $count - $2"; else echo "not ok $count - $2"; failed=1; fi
}
# A venv as an installer leaves it: the package, its RECORD with the lines that differ, a console script, who installed it, compiled modules.
install_into() { # install_into VENV INSTALLER
    local packages=$1/lib/$version/site-packages info
    "$python" -m venv --without-pip "$1"
    info=$packages/small-1.0.dist-info
    mkdir -p "$packages/small/tests" "$packages/small/include" "$info" "$packages/pip" "$packages/pip-1.dist-info"
    cat >"$packages/small/__init__.py" <<'PY'
"""A package with what a compiled module may hold."""
import os, sys
NAMES = ("os", "path", ".", "", 1.5, 10**30, b"x", b"bytes", frozenset({"a", "b", "c"}))


class Small:
    def join(self, *parts, sep="."):
        return sep.join(f"{part!r}" for part in parts if part in {"a", "os", "sep", "join"})

    def outer(self, join):
        def inner():
            return join, os.path.join("a", "b"), sys.path
        return inner
PY
    echo 'not python at all (' >"$packages/small/template.py"
    echo 'x: int' >"$packages/small/__init__.pyi"
    echo 'import small' >"$packages/small/tests/test_small.py"
    echo '#define SMALL' >"$packages/small/include/small.h"
    echo 'int main;' >"$packages/small/kernel.c"
    printf 'Metadata-Version: 2.1\nName: small\nVersion: 1.0\n' >"$info/METADATA"
    echo "$2" >"$info/INSTALLER"
    : >"$info/REQUESTED"
    echo "{\"url\": \"file://$1\"}" >"$info/direct_url.json"
    printf '#!%s/bin/python\nimport small\n' "$1" >"$1/bin/small"
    "$python" -c 'import compileall, sys; compileall.compile_dir(sys.argv[1], quiet=2)' "$packages/small"
    {
        [ "$2" = pip ] || echo "small-1.0.dist-info/METADATA,sha256=c,52"
        echo "../../../bin/small,sha256=$2,60"
        echo "small/__init__.py,sha256=a,1"
        echo "small/__pycache__/__init__.cpython-311.pyc,,"
        echo "small/tests/test_small.py,sha256=b,1"
        echo "small-1.0.dist-info/INSTALLER,sha256=$2,4"
        [ "$2" != pip ] || echo "small-1.0.dist-info/METADATA,sha256=c,52"
        echo "small-1.0.dist-info/RECORD,,"
    } >"$info/RECORD"
}
lay() { # lay VENV OUT OPTION...
    "$python" -m sealwright.tree --python "$1/bin/python" --out "$2" "${@:3}" >"$work/log" 2>&1 || { sed 's/^/# /' "$work/log"; return 1; }
}
digest() { "$sealwright" trainer lock "$1" --file /code/script.py --out "$1.lock" >/dev/null && sed 's/.*"tree"://; s/}.*//' "$1.lock"; }

install_into "$work/one" pip
install_into "$work/a/longer/place" other
echo 'import small; print(small.Small().join("a"))' >"$work/script.py"
added=(--add "$work/script.py:/code/script.py" --add "$PWD/python/sealwright:/venv/lib/$version/site-packages/sealwright")
lay "$work/one" "$work/first" "${added[@]}"
result $? "the tree of one environment"
lay "$work/a/longer/place" "$work/second" "${added[@]}"
result $? "and of another in another folder, from another installer"
[ -n "$(digest "$work/first")" ] && [ "$(digest "$work/first")" = "$(digest "$work/second")" ]
result $? "have one digest"
diff -r "$work/first" "$work/second" | head -5 | sed 's/^/# /'
packages=$work/first/venv/lib/$version/site-packages
[ "$(cat "$packages/small-1.0.dist-info/RECORD")" = $'small-1.0.dist-info/METADATA,sha256=c,52\nsmall-1.0.dist-info/RECORD,,\nsmall/__init__.py,sha256=a,1' ]
result $? "RECORD names the files that are there, in order"
gone=(small/tests small/include small/__init__.pyi small/kernel.c small-1.0.dist-info/{INSTALLER,REQUESTED,direct_url.json} pip pip-1.dist-info)
left=()
for path in "${gone[@]}"; do [ ! -e "$packages/$path" ] || left+=("$path"); done
[ ${#left[@]} -eq 0 ]
result $? "tests, headers, the installer and its notes are not there ${left[*]}"
[ -e "$packages/small/template.py" ] && [ -z "$(find "$packages" -name 'template.*.pyc')" ] && [ -n "$(find "$packages" -name '__init__.*.pyc' -path '*/small/*')" ]
result $? "a module that does not compile stays as it is"
"$python" - "$packages/small" "/venv/lib/$version/site-packages/small/__init__.py" <<'PY'
import glob, marshal, sys
with open(glob.glob(sys.argv[1] + "/__pycache__/__init__.*.pyc")[0], "rb") as f:
    raw = f.read()
code = marshal.loads(raw[16:])
sys.exit(raw[4:8] != b"\1\0\0\0" or code.co_filename != sys.argv[2])
PY
result $? "compiled modules are believed unchecked, and name the place in the tree"

# The compiler is told nothing that differs: a module compiled alone, and after a hundred others that hold its names, has the same bytes.
"$python" - python/sealwright <<'PY'
import glob, re, subprocess, sys
from sealwright import tree_code
files = sorted(glob.glob(sys.argv[1] + "/*.py"))
here = {path: tree_code.compiled(open(path, "rb").read(), path) for path in files}
names = [sys.intern(word) for path in files for word in re.findall(r"\w+", open(path).read())]
alone = "import sys; from sealwright import tree_code; sys.stdout.buffer.write(tree_code.compiled(open(sys.argv[1], 'rb').read(), sys.argv[1]))"
differ = [p for p in files if subprocess.run([sys.executable, "-c", alone, p], capture_output=True).stdout != here[p] or tree_code.compiled(open(p, "rb").read(), p) != here[p]]
print("".join(f"# {path}\n" for path in differ), end="")
sys.exit(bool(differ))
PY
result $? "what else the compiling process holds does not matter"

echo 'x = 1' >>"$work/one/lib/$version/site-packages/small/__init__.py"
lay "$work/one" "$work/third" "${added[@]}"
[ "$(digest "$work/third")" != "$(digest "$work/second")" ]
result $? "one more line in the package is another digest"
lay "$work/a/longer/place" "$work/base"
lay "$work/a/longer/place" "$work/on" --on "$work/base" "${added[@]}"
result $? "a tree on a tree"
[ "$(digest "$work/on")" = "$(digest "$work/second")" ]
result $? "is the one that is laid out at once"
mkdir -p "$work/other/inner" && echo 'y = 1' >"$work/other/inner/hidden.py" && cp "$(type -P true)" "$work/other/program"
lay "$work/a/longer/place" "$work/littered" --add "$work/other:/code" --add "$work/script.py:/opt/script.py" --add "$work/other/inner:/venv/lib/$version/site-packages/inner" \
    --add "$work/script.py:/venv/lib/$version/site-packages/alone.py" --add "$work/script.py:/etc/more.py"
result $? "a tree to which other things were added"
[ "$(cat "$work/littered/venv/added.txt")" = "/code
/etc/more.py
/opt
/venv/lib/$version/site-packages/alone.py
/venv/lib/$version/site-packages/inner" ]
result $? "says what they are (CMD-072)"
lay "$work/a/longer/place" "$work/clean" --on "$work/littered" "${added[@]}"
[ "$(digest "$work/clean")" = "$(digest "$work/second")" ] && diff -r "$work/clean" "$work/second" >"$work/log" && [ ! -e "$work/clean/opt" ]
result $? "and a tree on it is the one that is laid out at once"
sed 's/^/# /' "$work/log" | head -5
lay "$work/a/longer/place" "$work/thrice" --on "$work/clean/" --add "$work/other:/code" && lay "$work/a/longer/place" "$work/plain" --add "$work/other:/code" &&
    diff -r "$work/thrice" "$work/plain" >"$work/log"
result $? "as is one on that, with the first again"
cp -a "$work/base" "$work/early" && rm "$work/early/venv/added.txt"
"$python" -m sealwright.tree --python "$work/one/bin/python" --on "$work/early" --out "$work/none" >"$work/log" 2>&1
[ $? -eq 2 ] && grep -q 'did not note what was added' "$work/log" && [ ! -e "$work/none" ]
result $? "one that does not say what was added is refused"
printf '\377\n' >"$work/early/venv/added.txt"
"$python" -m sealwright.tree --python "$work/one/bin/python" --on "$work/early" --out "$work/none" >"$work/log" 2>&1
[ $? -ne 0 ] && [ ! -e "$work/none" ] && [ "$(wc -l <"$work/log")" -eq 1 ] && grep -q 'added.txt is damaged' "$work/log"
result $? "nor on one whose list of additions is damaged"
lay "$work/a/longer/place" "$work/without" --on "$work/base" --leave-out 'small*' "${added[@]}"
[ ! -e "$work/without/venv/lib/$version/site-packages/small" ] && [ -e "$work/without/venv/lib/$version/site-packages/sealwright" ]
result $? "and a package may be left out of it"
"$python" -m sealwright.tree --python "$work/one/bin/python" --on "$work" --out "$work/none" >"$work/log" 2>&1
[ $? -eq 2 ] && grep -q 'no tree that was laid out' "$work/log" && [ ! -e "$work/none" ]
result $? "a folder that is no tree is refused"
[ -z "$(find "$work/a" "$work/one" -newer "$work/first.lock" -name '*.pyc' -print)" ]
result $? "and nothing was written into the environments"
echo "1..$count"
exit $failed
