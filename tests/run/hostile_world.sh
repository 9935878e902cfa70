# SPDX-License-Identifier: Apache-2.0
# A world (world.sh) whose approved worker means harm (hostile_worker.c). Sourced with OBJECTS, after the settings of the world; sets
# objects and worker, and goes into the new world.
objects=$(cd "${1:?objects}" && pwd)
worker=$objects/tests/run/hostile_worker
for helper in hostile_worker find_keys; do
    [ -x "$objects/tests/run/$helper" ] || make -s -C "$(dirname "$0")/../.." O="$1" "$1/tests/run/$helper" >&2 || exit 1
done
. "$(dirname "$0")/world.sh"
world_new "$objects"
