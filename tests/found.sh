# SPDX-License-Identifier: Apache-2.0
# found [OPTION...] PATTERN: does what comes through the pipe hold it? Reads to the end: under pipefail, `grep -q`, which leaves at the first
# match, turns what was found into a failure whenever the writer is still at work. Sourced.
found() { [ -n "$(grep "$@")" ]; }
# A test whose part cannot be made without strace fails without it: mk/deps.sh installs it.
demand_strace() { command -v strace >/dev/null || { echo 'Bail out! there is no strace, which mk/deps.sh installs'; exit 1; }; }
