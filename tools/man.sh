#!/usr/bin/env bash
# Writes the manual pages from the program's own help: man.sh PROGRAM FOLDER. One page for the program, one for each
# command. No dates, so that the same program gives the same pages.
set -euo pipefail
program=$1 folder=$2
version=$("$program" --version | cut -d' ' -f2)
mkdir -p "$folder"
rm -f "$folder"/*.1

escape() { sed -e 's/\\/\\e/g' -e 's/-/\\-/g' -e "s/^\([.']\)/\\\\\&\1/"; }

head_of() { # head_of TITLE NAME SUMMARY
    printf '.TH %s 1 "" "sealwright %s" "Sealwright"\n.SH NAME\n' "$(tr 'a-z ' 'A-Z-' <<<"$1" | escape)" "$version"
    printf '%s \\- %s\n' "$(escape <<<"$2")" "$(escape <<<"$3")"
}

page_of_command() { # page_of_command NAME
    local help
    # shellcheck disable=SC2086 # a name may be two words
    help=$("$program" $1 --help)
    head_of "sealwright-${1// /-}" "sealwright-${1// /-}" "$(sed -n 3p <<<"$help")"
    printf '.SH SYNOPSIS\n%s\n' "$(sed -n '1s/^usage: //p' <<<"$help" | escape)"
    local details
    details=$(sed -n '4,/^options:$/p' <<<"$help" | sed '/^options:$/d' | escape | sed '/^$/d')
    [ -z "$details" ] || printf '.SH DESCRIPTION\n%s\n' "$details"
    printf '.SH OPTIONS\n'
    sed '1,/^options:$/d' <<<"$help" | escape | sed -nE \
        's/^ {2}((\\-)+[^ ]+( [][A-Z|:.,=\\-]+)?) +(.*)$/.TP\n.B \1\n\4/p'
    printf '.SH EXIT STATUS\n0 done and true; 1 failed, refused, or stopped but resumable; 2 usage.\n'
    printf '.SH SEE ALSO\n.BR sealwright (1)\n'
}

commands=$("$program" --help | sed -n '/^commands:$/,/^$/p' | sed -nE 's/^  ([a-z]+( [a-z-]+)?)  +.*/\1/p')
{
    help=$("$program" --help)
    head_of sealwright sealwright "$(sed -n '1s/^[^:]*: //p' <<<"$help")"
    printf '.SH SYNOPSIS\nsealwright COMMAND [arguments] [options]\n.SH COMMANDS\n'
    sed -nE 's/^  ([a-z]+( [a-z-]+)?)  +(.*)$/\1|\3/p' <<<"$help" | while IFS='|' read -r name summary; do
        printf '.TP\n.BR sealwright\\-%s (1)\n%s\n' "$(escape <<<"${name// /-}")" "$(escape <<<"$summary")"
    done
    printf '.SH FILES\n.TP\n./sealwright.yaml, $XDG_CONFIG_HOME/sealwright/config.yaml\n'
    printf 'ledger, rpc, kms, app, identity, machine and models; an option of the same name wins\n'
} >"$folder/sealwright.1"
while read -r name; do
    page_of_command "$name" >"$folder/sealwright-${name// /-}.1"
done <<<"$commands"
