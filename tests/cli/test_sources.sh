#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Where a machine's collateral comes from, as run, replay, open and kms serve are told: the same options everywhere, refused beside a
# software machine and when they can mean nothing (MCH-120 to MCH-122). test_sources.sh OBJECTS
set -uo pipefail
source=$(cd "$(dirname "$0")/../.." && pwd)
objects=$(cd "${1:?objects}" && pwd) || exit 1
sealwright=$objects/sealwright
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
unset XDG_CONFIG_HOME
export HOME=$folder
. "$source/tests/tap.sh" || exit 1

expect() { # expect NAME EXIT PATTERN COMMAND...
    local name=$1 code=$2 pattern=$3
    shift 3
    timeout 20 "$@" >log 2>&1 </dev/null
    [ $? -eq "$code" ] && grep -q -- "$pattern" log
    say $? "$name"
}
options=('--pccs https://127.0.0.1:1' '--proxy http://127.0.0.1:1' '--ca ca.pem' '--collateral-cache cache' --offline)
: >ca.pem
"$sealwright" sim init box >/dev/null 2>&1 && "$sealwright" kms init --dir kms --machine sim:box >/dev/null 2>&1
say $? "a software machine and a key service"

# each command up to its machine; what it says next, when the machine's options are good
declare -A command=(
    [run]="run app-compose.json --app app.genesis --kms https://127.0.0.1:1"
    [replay]="replay out --app app.genesis --kms https://127.0.0.1:1"
    [open]="open out --app app.genesis --kms https://127.0.0.1:1"
    [kms]="kms serve --dir kms --listen 127.0.0.1:0")
declare -A next=([run]="needs --model" [replay]="needs --model" [open]="needs --reference" [kms]="")
for name in run replay open; do
    words=${command[$name]}
    for option in "${options[@]}"; do
        given=${option%% *}
        # shellcheck disable=SC2086
        expect "$name: $given beside a software machine" 2 "$given is for real machines: a software machine has its own" \
            "$sealwright" $words --machine sim:box $option
    done
    # shellcheck disable=SC2086
    for machine in tdx dstack dstack:/nowhere.sock; do
        expect "$name: all of them for $machine" 2 "${next[$name]}" "$sealwright" $words --machine $machine ${options[*]}
    done
done
words=${command[kms]}
# shellcheck disable=SC2086
{
    for option in "${options[@]}"; do
        expect "kms: ${option%% *} beside a software machine" 2 "${option%% *} is for real machines" \
            "$sealwright" $words --machine sim:box $option
    done
    expect "kms: all of them for a real one that is not there" 1 "nowhere.sock" "$sealwright" $words --machine dstack:/nowhere.sock ${options[*]}
}
for name in run replay open kms; do
    words=${command[$name]}
    # shellcheck disable=SC2086
    {
        expect "$name: offline without a cache" 2 "--offline needs --collateral-cache" "$sealwright" $words --machine tdx --offline
        expect "$name: a service without TLS" 2 "--pccs is not written as https" "$sealwright" $words --machine tdx --pccs http://127.0.0.1
        expect "$name: a proxy that is none" 2 "--proxy is not written as http" "$sealwright" $words --machine tdx --proxy socks5://127.0.0.1
        expect "$name: authorities that are not there" 1 "none.pem, which is not there" "$sealwright" $words --machine tdx --ca none.pem
    }
done
expect "for a program" 2 '"word":"usage"' "$sealwright" run c.json --app a --kms https://127.0.0.1:1 --machine tdx --offline --json

# ---- one help ----
"$sealwright" attest collateral --help | grep -E '^  --(pccs|proxy|ca|cache|offline) ' | sed 's/--cache DIR           /--collateral-cache DIR/' | sort >wanted
for name in run replay open "kms serve"; do
    # shellcheck disable=SC2086
    "$sealwright" $name --help | grep -E '^  --(pccs|proxy|ca|collateral-cache|offline) ' | sort >log
    [ "$(wc -l <log)" -eq 5 ] && cmp -s wanted log
    say $? "$name: the options in the words of attest collateral"
done
expect "a command that boots no real machine has none of them" 2 "pccs" "$sealwright" kms init --dir other --machine sim:box --pccs https://127.0.0.1:1
finish
