/* SPDX-License-Identifier: Apache-2.0
 *
 * A guest agent's answer to GetQuote: 64 bytes of report data and 32 of a compose hash as asked,
 * then the answer. What is taken holds both and replays to its quote's RTMR3.
 */
#include "fuzz.h"
#include "machine/machine_internal.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    SW_SCOPED(sw_arena) a = {.limit_bytes = (size_t)64 << 20};
    sw_report_data report;
    sw_hash compose;
    sw_evidence e = {0};
    sw_quote_fields fields;
    uint8_t rtmr3[SW_SHA384_BYTES];
    if (size < sizeof report.b + sizeof compose.b) return 0;
    memcpy(report.b, data, sizeof report.b);
    memcpy(compose.b, data + sizeof report.b, sizeof compose.b);
    sw_bytes json = SW_BYTES(data + 96, size - 96);
    if (sw_answer_read(&a, json, &report, &compose, &e, NULL) != SW_OK) return 0;
    FUZZ_REQUIRE(e.quote.size <= SW_QUOTE_LIMIT && e.event_count <= SW_EVENT_LIMIT);
    FUZZ_REQUIRE(sw_quote_fields_read(e.quote, &fields, NULL) == SW_OK);
    FUZZ_REQUIRE(memcmp(fields.report.b, report.b, sizeof report.b) == 0);
    FUZZ_REQUIRE(sw_events_replay(e.events, e.event_count, rtmr3, NULL) == SW_OK);
    FUZZ_REQUIRE(memcmp(rtmr3, fields.rtmr[3], sizeof rtmr3) == 0);
    return 0;
}
