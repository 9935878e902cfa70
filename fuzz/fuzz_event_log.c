/* SPDX-License-Identifier: Apache-2.0
 *
 * A guest agent's event log: what is taken from it can be replayed, twice to the same value.
 */
#include "attest/tdx_internal.h"
#include "fuzz.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    SW_SCOPED(sw_arena) a = {.limit_bytes = (size_t)32 << 20};
    const sw_event *events;
    size_t count;
    uint8_t once[48], twice[48];
    sw_boot_facts facts;
    if (sw_events_from_guest(&a, SW_BYTES(data, size), &events, &count, NULL) != SW_OK) return 0;
    FUZZ_REQUIRE(count <= SW_EVENT_LIMIT);
    FUZZ_REQUIRE(sw_events_replay(events, count, once, NULL) == SW_OK);
    FUZZ_REQUIRE(sw_events_replay(events, count, twice, NULL) == SW_OK);
    FUZZ_REQUIRE(memcmp(once, twice, sizeof once) == 0);
    (void)sw_events_read(events, count, &facts, NULL);
    return 0;
}
