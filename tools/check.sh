#!/usr/bin/env bash
# Keeps the house tidy: format, floors, static analysis, sizes, and words that must not be committed. Looks at
# tracked files. check.sh [STEP...] runs some steps only; the last line says how many passed.
set -uo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
flags=(-std=c2x -D_GNU_SOURCE -Iinclude -Isrc -Itests -Ifuzz)
jobs=$(nproc)

c_files() { git ls-files '*.c' '*.h'; }
sources() { git ls-files 'src/*.c' 'fuzz/*.c'; }

step_format() { c_files | xargs -r clang-format --dry-run -Werror; }

step_floors() { tools/check-floors.sh; }

step_threats() { tools/check-threats.sh; } # each line of docs/THREATS.md has its test

step_sizes() { # STYLE: files under 600 lines; data that a script made is not code
    local bad=0
    while read -r file; do
        lines=$(wc -l <"$file")
        [ "$lines" -le 600 ] || { echo "$file has $lines lines"; bad=1; }
    done < <(git ls-files '*.c' '*.h' '*.sh' '*.py' '*.mjs' Makefile | grep -v '/golden_')
    [ "$(wc -l <Makefile)" -le 250 ] || { echo "Makefile has more than 250 lines"; bad=1; }
    return $bad
}

step_modes() { # what opens with #! can be run as it is
    local bad=0 mode file
    while read -r mode file; do
        [ "$mode" = 100755 ] || [ "$(head -c 2 "$file" | tr -d '\0')" != '#!' ] || { echo "$file opens with #! and is not executable"; bad=1; }
    done < <(git ls-files -s | awk '{ print $1, $4 }')
    return $bad
}

step_licence() { # each C file opens with its SPDX line
    local bad=0
    while read -r file; do
        [[ $(head -1 "$file") == *'SPDX-License-Identifier: Apache-2.0'* ]] || { echo "$file: no SPDX line"; bad=1; }
    done < <(c_files)
    return $bad
}

step_words() { # paths of a machine, hosts of registries, work without an issue
    local bad=0
    git grep -nIE '(^|[^A-Za-z0-9_.)/-])/([w]ork|[r]oot|[h]ome/[a-z]+)/|/tmp/[s]w/|[r]egistry\.npmjs|[f]iles\.pythonhosted' && bad=1
    git grep -nIE '\b(TO[D]O|FIX[M]E|X[X]X)\b' | grep -vE '#[0-9]+' && bad=1
    return $bad
}

step_calls() { # what a library room must not do (STYLE, language): exit, print, read the environment
    local bad=0
    git grep -nE '(^|[^_a-z])(exit|abort|printf|puts|getenv|setenv|system|strcpy|strcat|sprintf|gets|alloca) ?\(' -- \
        'src/*.c' ':!src/cli/*' ':!src/run/worker/main.c' | grep -vE ':[0-9]+: *(\*|/\*)' && bad=1
    return $bad
}

step_pipes() { # under pipefail `... | grep -q` fails when grep leaves before the writer has ended: tests/found.sh reads to the end
    ! git grep -nE '[^|]\| *(LC_ALL=C )?grep -[a-zA-Z]*q' -- '*.sh' examples bench mk tools ':!tools/check.sh'
}

step_errors() { # ERR-007: each word in src is in the table
    local bad=0
    while read -r word file; do
        grep -q "^| \`$word\` |" docs/formats/errors.md || { echo "$file: the word $word is not in errors.md"; bad=1; }
    done < <(git ls-files 'src/*.[ch]' | xargs perl -0777 -ne \
        'while (/sw_(?:fail|error_write)\(\s*[^,]+,\s*[^,]+,\s*"([^"]*)"/g) { print "$1 $ARGV\n" }' | sort -u)
    return $bad
}

step_sentences() { # every sentence of docs/formats that is cited is there, once
    local bad=0 place line sentence prefixes
    grep -hoP '^ *- (\*\*)?\K[A-Z]{2,4}-[0-9]{3}\b' docs/formats/*.md | sort >"$work/there"
    [ -s "$work/there" ] || { echo "docs/formats has no numbered sentence"; return 1; }
    uniq -d "$work/there" | sed 's/$/ stands twice in docs\/formats/' | grep . && bad=1
    prefixes=$(cut -d- -f1 "$work/there" | sort -u | paste -sd '|')
    git grep -nowE "($prefixes)-[0-9]{3}" -- src include tests fuzz tools docs >"$work/cited"
    while IFS=: read -r place line sentence; do
        grep -qx "$sentence" "$work/there" || { echo "$place:$line: $sentence is not in docs/formats"; bad=1; }
    done <"$work/cited"
    return $bad
}

step_cppcheck() {
    cppcheck -q --std=c11 -D_GNU_SOURCE -Iinclude -Isrc --enable=warning,performance,portability \
        --inline-suppr --suppress=missingIncludeSystem --suppress=memleak --error-exitcode=1 -j"$jobs" --max-configs=1 src
}

# Nearly all of its time goes to functions whose paths outrun the analyzer's budget of states. A third of the default one (225,000) takes a
# third of the time and finds as much: all 54 null pointers that were read before the returns of four of the slowest files.
step_tidy() {
    sources | xargs -r -P "$jobs" -n 4 sh -c 'clang-tidy --quiet "$@" -- '"${flags[*]}"' -march=x86-64-v3 -Xclang -analyzer-config -Xclang max-nodes=75000 \
        2>/dev/null' tidy
}

steps=("$@")
[ ${#steps[@]} -gt 0 ] || steps=(format floors threats sizes modes licence words calls pipes errors sentences cppcheck tidy)
passed=0 failed=0
for step in "${steps[@]}"; do
    if "step_$step" >"$work/out" 2>&1; then
        echo "passed: $step"
        passed=$((passed + 1))
    else
        head -200 "$work/out"
        echo "FAILED: $step"
        failed=$((failed + 1))
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
