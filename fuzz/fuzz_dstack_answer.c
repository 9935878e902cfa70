/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers of dstack's guest agent: whatever parses names an app that is not the simulator's, its
 * log replays, and a quote's report data are the quote's.
 */
#include "attest/dstack_internal.h"
#include "fuzz.h"

#include <string.h>

static void replays(const sw_event_log *log) {
    uint8_t rtmr[4][SW_SHA384_BYTES];
    bool seen[4];
    FUZZ_REQUIRE(sw_log_replay(log, rtmr, seen, NULL) == SW_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    SW_SCOPED(sw_arena) a = {.limit_bytes = (size_t)64 << 20};
    sw_bytes input = SW_BYTES(data, size);
    sw_dstack_info info;
    sw_dstack_quote q;
    uint8_t report[64];
    if (sw_dstack_info_parse(&a, input, &info, NULL) == SW_OK) {
        FUZZ_REQUIRE(sw_dstack_deny_app(info.app_id, NULL) == SW_OK);
        replays(&info.log);
    }
    if (sw_dstack_quote_parse(&a, input, &q, NULL) == SW_OK) {
        FUZZ_REQUIRE(sw_dstack_report_of(q.quote, report, NULL) == SW_OK);
        if (q.has_report_data) FUZZ_REQUIRE(memcmp(report, q.report_data, sizeof report) == 0);
        replays(&q.log);
    }
    return 0;
}
