#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A tree laid out by `python -m sealwright.tree` is a `/` of its own: the system's python3 runs a script in it, chrooted, with nothing
# from outside, and the same tree comes out again. test_tree.sh O
set -uo pipefail
cd "$(dirname "$0")/../.."
objects=$(cd "${1:-build/release}" && pwd)
if ! unshare -rm true 2>/dev/null; then
    echo "1..0 # SKIP no user namespace may be made here, and chroot needs one"
    exit 0
fi
. tests/found.sh
export PYTHONPATH=$PWD/python PYTHONDONTWRITEBYTECODE=1
python=/usr/bin/python3
[ -x "$python" ] || python=$(command -v python3)
version=$("$python" -c 'import sys; print("python%d.%d" % sys.version_info[:2])')
work=$(mktemp -d "$objects/tree.XXXXXX") # where hard links to the sources may be possible
trap 'rm -rf "$work"' EXIT
count=0 failed=0
result() {
    count=$((count + 1))
    if [ "$1" -eq 0 ]; then echo "ok $count - $2"; else echo "not ok $count - $2"; failed=1; fi
}
lay() { # lay OUT OPTION...
    "$python" -m sealwright.tree --python "$python" --out "$@" >"$work/log" 2>&1
}
in_tree() { env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin PYTHONPATH=/elsewhere unshare -rm chroot "$work/tree" /venv/bin/python "$@" 2>"$work/err"; }
refused() { # refused CODE TEXT NAME OPTION...
    lay "${@:4}"
    [ $? -eq "$1" ] && found -F -- "$2" <"$work/log"
    result $? "$3"
}

cat >"$work/script.py" <<'PY'
import ctypes, getpass, hashlib, json, os, sqlite3, ssl, subprocess, sys, zlib
import sealwright
outside = [m.__file__ for m in sys.modules.values() if getattr(m, "__file__", None) and not m.__file__.startswith(("/python/", "/venv/", "/code/"))]
print(json.dumps({"prefix": sys.prefix, "base": sys.base_prefix, "outside": outside, "root": sorted(os.listdir("/")),
                  "child": subprocess.run([sys.executable, "-c", "print(6 * 7)"], capture_output=True, text=True).stdout.strip(),
                  "cached": sealwright.__cached__ and os.path.exists(sealwright.__cached__)}))
PY
added=(--add "$work/script.py:/code/script.py" --add "python/sealwright:/venv/lib/$version/site-packages/sealwright")
lay "$work/tree" "${added[@]}"
result $? "a tree of the system's interpreter is laid out"
sed 's/^/# /' "$work/log"
said=$(in_tree /code/script.py)
result $? "a script runs in it, and the interpreter's modules load what they link"
sed 's/^/# /' "$work/err" | head -5
found -F '"prefix": "/venv", "base": "/python", "outside": []' <<<"$said"
result $? "with nothing from outside"
found -F '"child": "42"' <<<"$said"
result $? "and it starts itself"
found -F '"cached": true' <<<"$said"
result $? "modules are compiled"
touch -d @1 "$work/tree/venv/lib/$version/site-packages/sealwright/errors.py"
in_tree -v -c 'import sealwright.errors' >/dev/null
found 'code object from.*sealwright/__pycache__/errors' <"$work/err"
result $? "and a module's time does not matter"
[ -z "$(find "$work/tree" \( -type b -o -type c -o -type p -o -type s -o -perm /6000 \) -print)" ]
result $? "no device, pipe, socket or set-user file is in it"
[ -z "$(find "$work/tree" -mindepth 1 -maxdepth 1 \( -name dev -o -name proc -o -name sys -o -name tmp -o -name model -o -name run \) -print)" ]
result $? "and none of the agent's own places"
[ -z "$(find "$work/tree" -xtype l -print)" ]
result $? "every link in it leads somewhere"
digest() { (cd "$1" && find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum; find . -type l -printf '%p %l\n' | LC_ALL=C sort); }
lay "$work/again" "${added[@]}"
diff <(digest "$work/tree") <(digest "$work/again") | head -5 | sed 's/^/# /'
result "${PIPESTATUS[0]}" "the same tree comes out again, byte for byte"
found "$work/again: [0-9]* entries, [0-9]* bytes" <"$work/log"
result $? "it says how large it is"
! found 'imports sealwright' <"$work/log"
result $? "and misses no package"

mkdir "$work/own" && printf 'import os, sealwright\n' >"$work/own/loop.py" && printf 'import sealwright_other\n# import sealwright\n' >"$work/own/other.py"
lay "$work/lacks" --no-compile --add "$work/script.py:/code/script.py" --add "$work/own:/code/own"
[ $? -eq 0 ] && [ "$(grep -c 'imports sealwright, which the tree has not: install its wheel' "$work/log")" -eq 2 ] &&
    found -F "$work/script.py imports" <"$work/log" && found -F "$work/own/loop.py imports" <"$work/log"
result $? "of a tree without the package each module that imports it is named"
lay "$work/beside" --no-compile --add "$work/script.py:/code/script.py" --add python/sealwright:/code/sealwright && ! found 'imports sealwright' <"$work/log"
result $? "and none when it lies beside the script"

refused 1 "is there already" "a tree that is there" "$work/tree"
refused 2 "no such file" "a file that is not there" "$work/none" --add nothing:/code/x
refused 2 "no place for it" "no place" "$work/none" --add "$work/script.py"
for place in code/x / /tmp/x /code/../dev/x /model; do
    refused 2 "the place is absolute" "the place $place" "$work/none" --add "$work/script.py:$place"
done
refused 1 "is there already" "a place twice" "$work/none" --no-compile --add "$work/script.py:/code/x" --add "$work/script.py:/code/x"
"$python" -m sealwright.tree --python /bin/false --out "$work/none" >"$work/log" 2>&1
[ $? -eq 2 ]
result $? "an interpreter that is none"
[ ! -e "$work/none" ]
result $? "and after a refusal nothing is left"
echo "1..$count"
exit $failed
