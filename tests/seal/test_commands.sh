#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# seal, inspect, unseal and identity at the command line: every kind of input, pipes, limits of memory, a full disk, and
# everything that must be refused, leaving files as they were.
# test_commands.sh OBJECTS, after $OBJECTS/sealwright was built.
set -uo pipefail
source=$(cd "$(dirname "$0")/../.." && pwd)
. "$source/tests/found.sh"
objects=$(cd "${1:?objects}" && pwd) || exit 1
identity_tests=$source/tests/identity
sealwright=$objects/sealwright
[ -x "$sealwright" ] || exit 1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
. "$source/tests/commands.sh" || exit 1

works() { # works NAME COMMAND...: exit 0
    local name=$1
    shift
    "$@" >log 2>&1
    say $? "$name"
}
absent() { # absent NAME FILE: neither the file nor a part of it is there
    ls -A >log
    [ ! -e "$2" ] && ! grep -q "partial\|new-" log
    say $? "$1"
}

# ---- identities ----
printf 'a good passphrase\n' >pass && printf 'another one\n' >wrong && chmod 600 pass wrong
holds 'an identity without passphrase' 'name  *Anna' "$sealwright" identity new anna --name 'Anna' --no-passphrase
holds 'an identity with passphrase' 'name  *Bert' "$sealwright" identity new bert --name 'Bert' --passphrase-file pass
grep -L ENCRYPTED bert/*.key >log; [ ! -s log ]; say $? 'its four keys are encrypted'
[ "$(stat -c %a anna anna/identity.key | tr '\n' ' ')" = '700 600 ' ]; say $? 'folder 0700, files 0600'
holds 'identity show of a folder' "$(sed -n 's/.*"id":"\([0-9a-f]*\)".*/\1/p' anna/card.json)" "$sealwright" identity show anna
holds 'identity show of a card, as JSON' '^{.*"name":"Bert"}$' "$sealwright" identity show bert/card.json --json
refused 'an identity over another' 1 'left as it is' "$sealwright" identity new anna --name Anna --no-passphrase
refused 'an identity without a name' 2 'name' "$sealwright" identity new carl --no-passphrase
refused 'a name with control characters' 2 'control' "$sealwright" identity new carl --name $'a\nb' --no-passphrase
refused 'no passphrase and no terminal' 1 'terminal' setsid "$sealwright" identity new carl --name Carl
absent 'nothing half-made is left' carl
refused 'a card that was changed' 1 'card\|curve\|key' "$sealwright" identity show <(sed 's/"id":"./"id":"x/' anna/card.json)

works 'a card is signed, as openssl sees it' python3 "$identity_tests/mix_card.py" check anna/card.json .
mixed() { # mixed NAME MEMBER...: Anna's card with these members of Bert's is in mixed.json
    local name=$1
    shift
    python3 "$identity_tests/mix_card.py" mix anna/card.json bert/card.json "$@" >mixed.json
    refused "a card with $name: identity show" 1 'card' "$sealwright" identity show mixed.json
}
mixed_all() { # mixed_all COMMAND: for each mixture, run with its name
    mixed "another's encryption key" encryption_key && "$1" "another's encryption key"
    mixed "another's name" name && "$1" "another's name"
    mixed "another's id" id && "$1" "another's id"
    mixed "another's identity" id identity_key && "$1" "another's identity"
    mixed "another's signature" signature && "$1" "another's signature"
}

# ---- seal and back, by kind of input ----
printf '{"a":1}\n\n{"b":2}\n' >rows.jsonl
head -c 3000000 /dev/urandom >large.bin
mkdir -p tree/sub && cp rows.jsonl tree/sub && echo text >tree/a.txt
holds 'a file of JSON lines' '^[0-9a-f]\{64\}$' "$sealwright" seal rows.jsonl --identity anna --out rows.sealed
holds 'its rows are counted' '^rows  *2$' "$sealwright" inspect rows.sealed --owner anna/card.json
holds "the owner's signature" "the owner's" "$sealwright" inspect rows.sealed --owner anna/card.json
holds 'without a card nothing is claimed' 'not checked' "$sealwright" inspect rows.sealed
holds 'inspect as JSON' '"rows":2,"signature_verified":true' "$sealwright" inspect rows.sealed --owner anna/card.json --json
works 'unsealed by its owner' "$sealwright" unseal rows.sealed --identity anna --out rows.back
cmp rows.jsonl rows.back >log; say $? 'the same bytes'
for threads in 1 2 8; do
    "$sealwright" seal large.bin --identity anna --out large.$threads.sealed --threads $threads >log 2>&1 &&
        "$sealwright" unseal large.$threads.sealed --identity anna --out - --threads $threads 2>>log | cmp - large.bin >>log
    say $? "3 MB with $threads threads"
done
"$sealwright" seal - --type jsonl --identity anna --out piped.sealed <rows.jsonl >id 2>log
say $? 'from standard input'
"$sealwright" unseal - --dataset "$(cat id)" --identity anna --out - <piped.sealed 2>log | cmp - rows.jsonl >>log
say $? 'through pipes, by the dataset id'
refused 'a pipe without the id' 2 'dataset' sh -c "cat piped.sealed | '$sealwright' unseal - --identity anna --out x"
"$sealwright" seal tree --identity anna --out tree.sealed >log 2>&1 &&
    "$sealwright" unseal tree.sealed --identity anna --out - 2>>log | tar xf - -C "$(mkdir -p out && echo out)" && diff -r tree out >>log
say $? 'a folder'
"$sealwright" seal rows.jsonl tree --identity anna --out both.sealed >log 2>&1 &&
    "$sealwright" unseal both.sealed --identity anna --out - 2>>log | tar tf - | sort | tr '\n' ' ' | found '^rows.jsonl tree/ tree/a.txt tree/sub/ tree/sub/rows.jsonl $'
say $? 'several inputs'
"$sealwright" seal tree --identity anna --out tree2.sealed >log 2>&1
"$sealwright" unseal tree.sealed --identity anna --out - 2>log | sha256sum >one
"$sealwright" unseal tree2.sealed --identity anna --out - 2>log | sha256sum >two
cmp one two >log; say $? 'a folder gives the same tar again'
cmp -s tree.sealed tree2.sealed; [ $? -eq 1 ]; say $? 'and never the same sealed bytes'
: >empty; "$sealwright" seal empty --identity anna --out empty.sealed >log 2>&1 &&
    "$sealwright" unseal empty.sealed --identity anna --out empty.back >>log 2>&1 && cmp empty empty.back >>log
say $? 'nothing at all'
works 'with a passphrase' "$sealwright" seal rows.jsonl --identity bert --passphrase-file pass --out bert.sealed

# ---- refusals ----
cp rows.sealed before
refused 'an output that is there' 1 'there already' "$sealwright" seal rows.jsonl --identity anna --out rows.sealed
cmp rows.sealed before >log; say $? 'it is untouched'
refused 'another identity' 1 'not in the identity' "$sealwright" unseal rows.sealed --identity bert --passphrase-file pass --out x
refused 'the wrong passphrase' 1 'passphrase' "$sealwright" unseal bert.sealed --identity bert --passphrase-file wrong --out x
refused 'no passphrase' 1 'passphrase' setsid "$sealwright" unseal bert.sealed --identity bert --out x
inspect_mixed() { refused "a card with $1: inspect" 1 "a card's\|a card is not signed" "$sealwright" inspect rows.sealed --owner mixed.json; }
mixed_all inspect_mixed
head -c 100 bert/card.json >cut.json
refused 'a card that is cut: its file is named' 1 'cut.json: JSON byte 100' "$sealwright" inspect rows.sealed --owner cut.json
refused "another owner's card" 1 'another owner' "$sealwright" inspect rows.sealed --owner bert/card.json
refused 'not a sealed file' 1 'not a sealed file' "$sealwright" inspect large.bin
refused 'a file that is not there' 1 'No such file' "$sealwright" seal nothing --identity anna --out x
refused 'an identity that is not there' 1 'no such identity' "$sealwright" seal rows.jsonl --identity nobody --out x
refused 'a folder as JSON lines' 2 'tar' "$sealwright" seal tree --type jsonl --identity anna --out x
refused 'an unknown type' 2 'media type' "$sealwright" seal rows.jsonl --type Nonsense --identity anna --out x
refused 'nine threads' 2 'threads' "$sealwright" seal rows.jsonl --threads 9 --identity anna --out x
refused 'two inputs of one name' 2 'two inputs' "$sealwright" seal rows.jsonl tree/sub/rows.jsonl --identity anna --out x
ln -s /etc/passwd tree/link
refused 'a link in a folder' 1 'neither a file nor a folder' "$sealwright" seal tree --identity anna --out x
refused 'JSON and data on one output' 2 'standard output' "$sealwright" unseal rows.sealed --identity anna --out - --json
for damage in cut long flip; do
    case $damage in
    cut) head -c -1 large.1.sealed >damaged ;;
    long) cat large.1.sealed empty <(printf x) >damaged ;;
    flip) cp large.1.sealed damaged && printf '\377\000' | dd of=damaged bs=1 seek=1500000 conv=notrunc 2>/dev/null ;;
    esac
    refused "a damaged file ($damage): unseal" 1 'error' "$sealwright" unseal damaged --identity anna --out x
    refused "a damaged file ($damage): inspect" 1 'error' "$sealwright" inspect damaged --owner anna/card.json
done
refused 'a full disk' 1 'error' sh -c "ulimit -f 1000; trap '' XFSZ; '$sealwright' seal large.bin --identity anna --out x"
absent 'no half file is left' x

# ---- the ways of the run ----
mkfifo slow
"$sealwright" seal slow --identity anna --out x >log 2>&1 &
pid=$!
exec 9>slow # waits for the program: a signal before that would end this script's own child, whose trap takes the folder along
printf 'some rows\n' >&9
kill -TERM $pid
exec 9>&-
wait $pid
[ $? -gt 1 ]; say $? 'a signal ends it'
absent 'and leaves no half file' x
head -c 100000000 /dev/zero >zeros
cat >measure.py <<'PY'
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)
PY
if ! nm "$sealwright" 2>/dev/null | found '__asan_init\|__tsan_init'; then # sanitizers hold memory of their own
    kib=$(python3 measure.py "$sealwright" seal zeros --identity anna --out zeros.sealed --threads 8 2>log)
    echo "# sealing 100 MB takes $kib KiB" | tee -a log
    [ "$kib" -lt 32768 ]; say $? 'sealing stays under 32 MiB'
    kib=$(python3 measure.py "$sealwright" unseal zeros.sealed --identity anna --out zeros.back --threads 8 2>log)
    echo "# unsealing takes $kib KiB" | tee -a log
    [ "$kib" -lt 32768 ]; say $? 'unsealing stays under 32 MiB'
fi
grep -rl 'a good passphrase' --exclude=pass . >log; [ ! -s log ]; say $? 'the passphrase is in no file'
finish
