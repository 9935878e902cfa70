#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The ledger's contract: solc makes the committed code again, forge's tests hold, slither finds nothing new. TAP on stdout.
# contract.sh [--write-gas], after tools/parity.sh has installed the packages of package.json into build/parity. Nothing is skipped.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
export FOUNDRY_CONFIG=$PWD/contracts/foundry.toml FOUNDRY_DISABLE_NIGHTLY_WARNING=1 NO_COLOR=1
forge=$PWD/build/parity/node_modules/@foundry-rs/forge-linux-amd64/bin/forge
log=$(mktemp)
trap 'rm -f "$log"' EXIT
count=0 failed=0

holds() { # holds NAME COMMAND...
    local name=$1
    shift
    count=$((count + 1))
    if "$@" >"$log" 2>&1; then echo "ok $count - $name"; else
        echo "not ok $count - $name" && failed=1
        tail -n 60 "$log" | sed 's/^/# /'
    fi
}
gas() { # unit tests alone: what they call is fixed, so the figures are
    echo "Gas by call, refused ones among them: forge's report of the unit tests, written by tests/parity/contract.sh --write-gas"
    "$forge" test --gas-report --match-contract 'RulesTest|ChangeTest|DstackTest' | sed -n '/contracts\/SealwrightApp.sol/,$p' |
        grep '^|' | grep -v -- '---' | sed 's/  */ /g; s/^| //; s/ |$//'
}
slither() {
    local venv=build/parity/slither
    [ -x $venv/bin/python ] || python3 -m venv $venv
    $venv/bin/pip install -q -r tests/parity/requirements-slither.txt && $venv/bin/python tests/parity/slither_findings.py
}

[ "${1:-}" != --write-gas ] || { gas >contracts/gas.txt && exit; }
holds "solc makes the committed code of it, and storage is that of CHN-010" python3 contracts/build.py --check
holds "forge compiles it offline" "$forge" build
holds "forge compiles the same code" python3 contracts/build.py --artifact build/parity/forge/out/SealwrightApp.sol/SealwrightApp.json
"$forge" test >"$log" 2>&1
status=$?
while read -r result name _; do # forge's own lines as TAP
    count=$((count + 1))
    if [ "$result" = '[PASS]' ]; then echo "ok $count - $name"; else echo "not ok $count - $name" && failed=1; fi
done < <(grep -E '^\[(PASS|FAIL)' "$log")
[ $status -eq 0 ] || tail -n 60 "$log" | sed 's/^/# /'
passed=$(grep -c '^\[PASS\]' "$log")
holds "all of forge's tests passed, and there are 41 or more" test $status -eq 0 -a "$passed" -ge 41
holds "gas is what contracts/gas.txt says (contract.sh --write-gas writes it)" eval 'diff contracts/gas.txt <(gas)'
holds "slither finds nothing that is not explained" slither
echo "1..$count"
exit $failed
