/* SPDX-License-Identifier: Apache-2.0
 *
 * A CCEL: what is taken lies inside the input, has every digest and replays.
 */
#include "attest/measure.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    SW_SCOPED(sw_arena) a = {.limit_bytes = (size_t)16 << 20};
    sw_event_log log;
    uint8_t rtmr[4][48];
    bool seen[4];
    if (sw_log_from_ccel(&a, SW_BYTES(data, size), &log, NULL) != SW_OK) return 0;
    FUZZ_REQUIRE(log.count <= SW_LOG_EVENT_LIMIT);
    for (size_t i = 0; i < log.count; i++) {
        const sw_log_event *event = &log.events[i];
        FUZZ_REQUIRE(event->imr <= 3 && event->has_digest && event->name.size == 0);
        FUZZ_REQUIRE(event->payload.data >= data && event->payload.size <= size);
        FUZZ_REQUIRE(event->payload.data + event->payload.size <= data + size);
    }
    FUZZ_REQUIRE(sw_log_replay(&log, rtmr, seen, NULL) == SW_OK);
    return 0;
}
