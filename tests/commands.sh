# SPDX-License-Identifier: Apache-2.0
# What a command must say, its output in `log`. Sourced, with $source; it brings tap.sh.
. "$source/tests/tap.sh" || exit 1

holds() { # holds NAME PATTERN COMMAND...: exit 0, and the output holds the pattern
    local name=$1 pattern=$2
    shift 2
    "$@" >log 2>&1 && grep -q -- "$pattern" log
    say $? "$name"
}
refused() { # refused NAME EXIT PATTERN COMMAND...
    local name=$1 code=$2 pattern=$3
    shift 3
    "$@" >log 2>&1
    [ $? -eq "$code" ] && grep -q -- "$pattern" log
    say $? "$name"
}
