/* SPDX-License-Identifier: Apache-2.0
 *
 * RTMR3's log as lines: what is taken can be replayed, and every event has its line.
 */
#include "fuzz.h"
#include "machine/collect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    SW_SCOPED(sw_arena) a = {.limit_bytes = (size_t)64 << 20};
    const sw_event *events;
    size_t count, lines = 0;
    uint8_t rtmr3[SW_SHA384_BYTES];
    if (sw_runtime_log_parse(&a, SW_BYTES(data, size), &events, &count, NULL) != SW_OK) return 0;
    for (size_t i = 0; i < size; i++) lines += data[i] == '\n';
    FUZZ_REQUIRE(count == lines && count <= SW_EVENT_LIMIT);
    FUZZ_REQUIRE(sw_events_replay(events, count, rtmr3, NULL) == SW_OK);
    return 0;
}
