#!/usr/bin/env bash
# The library as others get it: the symbols it exports are those of exports.txt and no others, `make install` puts a
# header and a pkg-config file with which a C and a C++ program compile, and these programs do what the header promises.
# test_abi.sh O
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/found.sh
objects=${1:-build/release}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
count=0 failed=0

result() { # result STATUS NAME
    count=$((count + 1))
    if [ "$1" -eq 0 ]; then echo "ok $count - $2"; else echo "not ok $count - $2"; failed=1; fi
}

# A program's own TAP as lines of a comment, and one result for it.
program() { # program NAME COMMAND...
    "${@:2}" >"$work/tap" 2>&1
    local status=$?
    sed 's/^/# /' "$work/tap"
    result "$status" "$1"
}

make -s --no-print-directory V="${SEALWRIGHT_TEST_VARIANT:-release}" O="$objects" DESTDIR="$work/root" PREFIX=/usr install >"$work/log" 2>&1
status=$?
[ $status -eq 0 ] || sed 's/^/# /' "$work/log"
result $status "make install"

nm -D --defined-only "$work/root/usr/lib/libsealwright.so" | awk '$2 == "T" { print $3 }' | LC_ALL=C sort >"$work/exports"
diff tests/lib/exports.txt "$work/exports" | sed 's/^/# /'
result "${PIPESTATUS[0]}" "the library exports exactly the symbols of tests/lib/exports.txt"
[ -z "$(nm -D --defined-only "$work/root/usr/lib/libsealwright.so" | awk '$2 != "T" && $2 != "A"')" ]
result $? "and no data"
# Each is declared in the installed header, and each function there is exported.
grep -oE '\bsealwright_[a-z_]+\(' "$work/root/usr/include/sealwright.h" | tr -d '(' | LC_ALL=C sort -u >"$work/declared"
diff "$work/declared" <(sed 's/@.*//' tests/lib/exports.txt) | sed 's/^/# /'
result "${PIPESTATUS[0]}" "the header declares the same functions"
readelf -d "$work/root/usr/lib/libsealwright.so" | found 'SONAME.*\[libsealwright.so.0\]'
result $? "the library's name is libsealwright.so.0"

export PKG_CONFIG_PATH=$work/root/usr/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$work/root
export LD_LIBRARY_PATH=$work/root/usr/lib
sanitize=()
nm -D "$work/root/usr/lib/libsealwright.so" | found __asan_init && sanitize=(-fsanitize=address,undefined)
nm -D "$work/root/usr/lib/libsealwright.so" | found __tsan_init && sanitize=(-fsanitize=thread)
read -ra flags <<<"$(PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1 PKG_CONFIG_ALLOW_SYSTEM_LIBS=1 pkg-config --cflags --libs sealwright)"
warnings=(-Wall -Wextra -Wpedantic -Werror)
gcc -std=c11 -D_GNU_SOURCE "${warnings[@]}" "${sanitize[@]}" -o "$work/c11" tests/lib/user.c "${flags[@]}"
result $? "a program in C11 compiles"
gcc -std=c2x -D_GNU_SOURCE "${warnings[@]}" "${sanitize[@]}" -o "$work/user" tests/lib/user.c "${flags[@]}"
result $? "a program in C23 compiles"
g++ -std=c++17 "${warnings[@]}" "${sanitize[@]}" -o "$work/user-cc" tests/lib/user.cc "${flags[@]}"
result $? "a program in C++17 compiles"
printf '#include <sealwright.h>\nint main(void) { sealwright_lock_heap(0); return 0; }\n' >"$work/careless.c"
! gcc -Wall -Werror -o "$work/careless" "$work/careless.c" "${flags[@]}" 2>/dev/null
result $? "a status that nobody looks at does not compile under -Werror"

# A run to verify, made in a small world of its own.
sealed_run() (
    steps=2 output_limit=64KiB
    . tests/run/world.sh
    world_new "$objects"
    run_sealed >"$work/run.log" 2>&1 && cp -r run/out "$work/out" && echo "$genesis" >"$work/genesis"
)
sealed_run || sed 's/^/# /' "$work/run.log"
mkdir "$work/c" "$work/cc"
program "the C program: seals, unseals by stream and by chunk, verifies" \
    "$work/user" "$work/c" "$work/out" "$(cat "$work/genesis")"
program "the C++ program" "$work/user-cc" "$work/cc"
"$work/root/usr/bin/sealwright" unseal --identity "$work/c/me" --out "$work/c/plain" "$work/c/sealed" 2>/dev/null &&
    cmp "$work/c/plain" "$work/c/rows"
result $? "the installed program opens what the library sealed"
echo "1..$count"
exit $failed
