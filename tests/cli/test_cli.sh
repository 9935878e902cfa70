#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The command line's frame, for every command there is: help, options, exit codes, --json, the configuration and who wins, what of the
# environment is read, and that a failure says so on the right descriptor. test_cli.sh OBJECTS
set -uo pipefail
source=$(cd "$(dirname "$0")/../.." && pwd)
. "$source/tests/found.sh"
objects=$(cd "${1:?objects}" && pwd) || exit 1
sealwright=$objects/sealwright
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
unset XDG_CONFIG_HOME
export HOME=$folder/home
mkdir -p home work && cd work || exit 1
. "$source/tests/tap.sh" || exit 1

# gives CODE COMMAND...: runs it, output in the files out and err
gives() {
    local code=$1
    shift
    "$@" >out 2>err </dev/null
    local got=$?
    [ $got -eq "$code" ] || { echo "exit $got instead of $code: $*" >>err && return 1; }
}
# one_error WORD: out holds one line of JSON, an error with this word, a sentence and nothing else; err nothing. What was read so is kept, for
# a parser to read at the end.
sentence='"([^"\\[:cntrl:]]|\\(["\\bfnrt]|u[0-9a-f]{4}))+"'
one_error() {
    [ ! -s err ] && [ "$(wc -l <out)" -eq 1 ] && grep -Eqx "\{\"error\":\{(\"hint\":$sentence,)?\"message\":$sentence,\"word\":\"$1\"\}\}" out && cat out >>errors
}
# people WORD...: err says it to people, out holds nothing
people() {
    [ ! -s out ] && grep -q '^sealwright: error: ' err && grep -q -- "$1" err
}
mapfile -t commands < <("$sealwright" --help | sed -n '/^commands:$/,/^$/p' | sed -nE 's/^  ([a-z]+( [a-z-]+)?)  +.*/\1/p')

# ---- the program itself ----
gives 0 "$sealwright" --help && [ ${#commands[@]} -ge 30 ] && [ ! -s err ]; say $? "--help lists ${#commands[@]} commands"
gives 0 "$sealwright" --version && grep -Eqx 'sealwright [0-9]+\.[0-9]+\.[0-9]+' out; say $? '--version'
gives 2 "$sealwright" && [ ! -s out ] && grep -q '^usage: ' err; say $? 'nothing: usage, on stderr'
gives 2 "$sealwright" nonsense && people "'nonsense'"; say $? 'an unknown command'
gives 2 "$sealwright" nonsense --json && one_error usage; say $? 'an unknown command, --json'

# ---- every command ----
bad=''
complain() { bad="$bad$1: $2"$'\n'; }
for name in "${commands[@]}"; do
    read -ra command <<<"$name"
    run=("$sealwright" "${command[@]}")
    gives 0 "${run[@]}" --help && [ ! -s err ] && head -n 1 out | found "^usage: sealwright $name" && grep -q '^options:$' out &&
        grep -q '^  --json ' out && grep -q '^  --config FILE ' out && grep -q '^  --help ' out || complain "$name" 'help'
    [ "$(sed -n '/^options:$/,$p' out | grep -c '^  --')" -eq "$(sed -n '/^options:$/,$p' out | grep -Ec '^  --[a-z0-9-]+( [A-Z0-9|:.]+)? +[^ ]')" ] ||
        complain "$name" 'each option has its sentence'
    [ "$name" = seal ] || sed -i '/^  --\(json\|config\|help\) /d' out # those of all commands: once is enough
    sed -nE 's/^  (--[a-z0-9-]+) [A-Z].*/\1/p' out >valued
    sed -nE 's/^  (--[a-z0-9-]+)   .*/\1/p' out >flags
    gives 2 "${run[@]}" --jsom && people 'has no option --jsom' && grep -q 'did you mean --json?' err || complain "$name" 'an unknown option, the nearest name'
    gives 2 "${run[@]}" --json --jsom && one_error usage || complain "$name" 'an unknown option behind --json'
    gives 2 "${run[@]}" --jsom --json && one_error usage || complain "$name" 'an unknown option before --json'
    gives 2 "${run[@]}" -j && people 'two dashes' || complain "$name" 'one dash'
    gives 2 "${run[@]}" $(seq 600) && people 'too many\|takes' || complain "$name" 'too many arguments'
    while read -r option; do
        gives 2 "${run[@]}" "$option" && people "$option needs" || complain "$name" "$option without its value"
    done <valued
    while read -r option; do
        gives 2 "${run[@]}" "$option=1" && people 'takes no value' || complain "$name" "$option with a value"
        gives 2 "${run[@]}" "$option" "$option" && grep -q -e "$option is given twice" out err || complain "$name" "$option twice"
    done <flags
    grep -qE '^--(pass|password|passphrase|secret|key|token)$' valued && complain "$name" 'takes a secret as an argument'
    gives 1 "${run[@]}" --config nothing.yaml --json $("${run[@]}" --help | sed -nE '1s/^usage: sealwright //; 1s/ \[options\]//p' | cut -s -d' ' -f$((${#command[@]} + 1))-) &&
        one_error missing || complain "$name" 'a configuration that is not there'
done
printf '%s' "$bad" >out
: >err
[ -z "$bad" ]; say $? 'every command: help, unknown option, missing and surplus values, --json, the configuration'

# ---- exit codes and words ----
: >empty
head -c 5000 /dev/zero >zeros
"$sealwright" identity new anna --name Anna --no-passphrase >/dev/null 2>&1
while IFS='|' read -r code word line; do
    read -ra arguments <<<"$line"
    gives "$code" "$sealwright" "${arguments[@]}" --json && one_error "$word"
    say $? "$line: exit $code, $word"
    gives "$code" "$sealwright" "${arguments[@]}" && people ''
    say $? "$line, to people"
done <<'TABLE'
1|missing|inspect nothing
1|format|inspect zeros
1|format|inspect empty
1|exists|identity new anna --name Anna --no-passphrase
1|missing|identity show nobody
2|usage|identity new bert
1|compose|recipe show zeros
1|compose|recipe hash empty
1|missing|recipe compose nothing.yaml --model-lock zeros --trainer-lock zeros --out x
2|usage|recipe compose
1|evidence|attest explain zeros
1|missing|verify .
2|usage|kms serve --listen nowhere
2|usage|seal anna/card.json --identity anna --threads 9 --out x
2|usage|seal anna/card.json --identity anna --threads 1x --out x
2|usage|run zeros
TABLE

# ---- the configuration ----
app_of() { # which genesis file a command looks for says which configuration it read
    "$sealwright" app show "$@" --json 2>&1 | sed -n 's/.*"message":"[^"]*\(from-[a-z]*\)[^"]*".*/\1/p'
}
gives 2 "$sealwright" app show --json && one_error usage; say $? 'no configuration: the argument is asked for'
mkdir -p home/.config ../home/.config/sealwright xdg/sealwright
echo 'app: from-home' >../home/.config/sealwright/config.yaml
[ "$(app_of)" = from-home ]; say $? 'HOME/.config/sealwright/config.yaml'
echo 'app: from-xdg' >xdg/sealwright/config.yaml
[ "$(XDG_CONFIG_HOME=$PWD/xdg app_of)" = from-xdg ]; say $? 'XDG_CONFIG_HOME wins'
echo 'app: from-folder' >sealwright.yaml
[ "$(XDG_CONFIG_HOME=$PWD/xdg app_of)" = from-folder ]; say $? 'sealwright.yaml of this folder wins'
echo 'app: from-given' >given.yaml
[ "$(app_of --config given.yaml)" = from-given ]; say $? '--config wins'
[ "$(app_of from-argument --config given.yaml)" = from-argument ]; say $? 'what the command line says wins'
mkdir -p kept/there here && echo 'models: kept' >models.yaml
model_of() { "$sealwright" generate x --model "$1" --config models.yaml 2>&1 | sed -n 's/^sealwright: error: \([^:]*\): .*/\1/p'; }
[ "$(model_of there) $(model_of here) $(model_of ./there) $(model_of kept/there)" = "kept/there here ./there kept/there" ]; say $? 'models: where the name of a base model is looked for'
echo 'ledger: https://127.0.0.1:1' >ledger.yaml
while IFS='|' read -r text line; do # a space: the whole of it is at fault
    printf '%b' "$text" >bad.yaml
    gives 1 "$sealwright" app show x --config bad.yaml --json && one_error format && grep -q "bad.yaml:$line" out
    say $? "refused: $(printf '%q' "$text")"
done <<'TABLE'
kms: a\nledgr: b\n|2
app: [a, b]\n|1
app: a\napp: b\n|2
- app\n| 
app: &a b\n|1
TABLE
printf 'kms: a\nledgr: b\n' >bad.yaml
gives 1 "$sealwright" app show x --config bad.yaml && people 'unknown member' && grep -q 'did you mean ledger?' err; say $? 'an unknown member, the nearest name'
head -c 70000 /dev/zero | tr '\0' '#' >long.yaml
gives 1 "$sealwright" app show x --config long.yaml --json && one_error limit; say $? 'a configuration that is too long'
rm -f sealwright.yaml

# ---- output ----
gives 1 "$sealwright" identity show anna --json; "$sealwright" identity show anna >/dev/full 2>err; [ $? -eq 1 ]; say $? 'standard output that is full: exit 1'
for asked in --help help --version 'help train' 'train --help'; do
    # shellcheck disable=SC2086 # several words
    "$sealwright" $asked >/dev/full 2>err; [ $? -eq 1 ] && found 'standard output cannot be written' <err; say $? "the same of $asked"
done
"$sealwright" identity show anna >&- 2>err; [ $? -eq 1 ]; say $? 'standard output that is closed: exit 1'
gives 0 "$sealwright" identity show anna --json && [ "$(wc -l <out)" -eq 1 ] && python3 -m json.tool out >/dev/null; say $? 'a result with --json is one line of JSON'
COLUMNS=banana TERM='' NO_COLOR=1 "$sealwright" identity show anna >out 2>err; [ $? -eq 0 ] && ! grep -q $'\033' out err; say $? 'an odd terminal changes nothing'
"$sealwright" inspect zeros 2>&1 >/dev/null | found $'\033'; [ $? -eq 1 ]; say $? 'no escape sequence where there is no terminal'

# ---- what is read of the environment, and what a process shows of itself ----
grep -rhoE 'getenv\("[A-Z_]*"\)' "$source/src" | sort -u | grep -vE '"(XDG_CONFIG_HOME|HOME|NO_COLOR|TERM|COLUMNS|LC_ALL|LC_CTYPE|LANG)"' >out; : >err
[ ! -s out ]; say $? 'nothing else of the environment is read'
grep -rlE '\b(getenv|secure_getenv|environ)\b' "$source/src" --include=*.c | grep -v '/src/cli/\|/src/sys/' >out
[ ! -s out ]; say $? 'and nowhere but at the command line'
demand_strace
printf 'openssl_conf = x\n[x]\nproviders = p\n[p]\nevil = e\n[e]\nmodule = %s/evil.so\nactivate = 1\n' "$PWD" >evil.cnf
# a leak checker cannot work under strace
export ASAN_OPTIONS=detect_leaks=0
OPENSSL_CONF=$PWD/evil.cnf OPENSSL_MODULES=$PWD \
    strace -qq -f -e trace=openat,open -o trace "$sealwright" identity new envy --name envy --no-passphrase >out 2>err
[ $? -eq 0 ] && grep -q openat trace && ! grep -q evil trace; say $? 'nor is the configuration of OpenSSL that it names'
printf 'a very secret phrase\n' >pass && chmod 600 pass
strace -f -qq -s 4096 -v -e trace=execve,write,sendto -o trace "$sealwright" identity new bert --name Bert --passphrase-file pass >out 2>err
[ $? -eq 0 ] && ! grep -q 'a very secret phrase' trace out err; say $? 'a passphrase is in no argument, environment or output'
python3 - >out 2>err <<'PY'
import json
errors = [json.loads(line)["error"] for line in open("errors", encoding="utf-8")]
assert len(errors) > 100 and all(type(text) is str for error in errors for text in error.values()), len(errors)
PY
say $? 'each error was JSON'
gives 1 "$sealwright" identity show bert/identity.key --json && ! grep -q 'BEGIN\|MII' out; say $? 'a key file given by mistake is not shown'
finish
