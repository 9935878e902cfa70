/* SPDX-License-Identifier: Apache-2.0
 *
 * dstack's event log as JSON: a log that is taken replays, and its runtime events alone replay to
 * the same RTMR3.
 */
#include "attest/measure.h"
#include "fuzz.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    SW_SCOPED(sw_arena) a = {.limit_bytes = (size_t)64 << 20};
    sw_event_log log;
    const sw_event *events;
    size_t count;
    uint8_t rtmr[4][48], alone[48];
    bool seen[4];
    if (sw_log_from_json(&a, SW_BYTES(data, size), &log, NULL) != SW_OK) return 0;
    FUZZ_REQUIRE(log.count <= SW_LOG_EVENT_LIMIT);
    FUZZ_REQUIRE(sw_log_replay(&log, rtmr, seen, NULL) == SW_OK);
    if (sw_log_runtime(&a, &log, &events, &count, NULL) != SW_OK) return 0;
    FUZZ_REQUIRE(seen[3] == (count > 0));
    FUZZ_REQUIRE(sw_events_replay(events, count, alone, NULL) == SW_OK);
    FUZZ_REQUIRE(memcmp(alone, rtmr[3], sizeof alone) == 0);
    sw_config_facts facts;
    unsigned version = 0;
    const uint8_t none[48] = {0};
    if (sw_config_facts_read(&a, events, count, &facts, NULL) == SW_OK)
        FUZZ_REQUIRE(sw_config_id_verify(&a, none, &facts, &version, NULL) == SW_OK &&
                     version == 0);
    return 0;
}
