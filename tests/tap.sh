# SPDX-License-Identifier: Apache-2.0
# The lines that a test script says, for `prove`. Sourced; the script ends with `finish`.
count=0 failed=0
shown=(log out err) # what a failure shows the end of, as far as it is there

say() { # say STATUS NAME
    count=$((count + 1))
    [ "$1" -eq 0 ] && echo "ok $count - $2" && return
    failed=1
    echo "not ok $count - $2"
    cat -- "${shown[@]}" 2>/dev/null | tail -n 20 | sed 's/^/# /'
}
in_folder() { # in_folder OBJECTS: in a folder that goes when the script ends; $objects and $sealwright stay found there
    objects=$(cd "${1:?objects}" && pwd) && folder=$(mktemp -d) || exit 1
    sealwright=$objects/sealwright
    trap "rm -rf '$folder'" EXIT # this one, whatever the name holds later
    cd "$folder" || exit 1
}
finish() {
    echo "1..$count"
    exit $failed
}
