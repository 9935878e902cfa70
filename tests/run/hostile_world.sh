# SPDX-License-Identifier: Apache-2.0
# A world (world.sh) whose approved worker means harm (hostile_worker.c). Sourced with OBJECTS, after the settings of the world; sets
# objects and worker, and goes into the new world.
objects=$(cd "${1:?objects}" && pwd)
worker=$objects/tests/run/hostile_worker
[ -x "$worker" ] || make -s -C "$(dirname "$0")/../.." O="$1" "$1/tests/run/hostile_worker" >&2 || exit 1
. "$(dirname "$0")/world.sh"
world_new "$objects"

need_strace() {
    command -v strace >/dev/null || { echo 'Bail out! there is no strace, which mk/deps.sh installs'; exit 1; }
    export ASAN_OPTIONS=detect_leaks=0 # a leak checker cannot work under strace
}
