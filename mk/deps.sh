#!/usr/bin/env bash
# Installs the Debian packages that mk/packages-*.txt name and that are missing; says what it installs; does nothing when all is there.
# deps.sh [check|bench|parity]: the build packages, and those of that target.
set -euo pipefail
cd "$(dirname "$0")/.."
lists=(mk/packages-build.txt)
for name in "$@"; do lists+=("mk/packages-$name.txt"); done
missing=()
while read -r package; do
    [ -n "$package" ] || continue
    [[ $(dpkg-query -W -f='${Status}' "$package" 2>/dev/null) == *'ok installed'* ]] || missing+=("$package")
done < <(cat "${lists[@]}")
[ ${#missing[@]} -eq 0 ] && exit 0
echo "installing: ${missing[*]}"
as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo)
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
