/* SPDX-License-Identifier: Apache-2.0
 *
 * dstack's attestations in both encodings and its app info: what parses says everything twice the
 * same, and what has a place in SCALE V0 is there and back again; read as V0, it was those bytes.
 */
#include "attest/dstack_internal.h"
#include "fuzz.h"

#include <string.h>

static void there_and_back(sw_arena *a, sw_bytes input, const sw_dstack_attestation *t) {
    SW_SCOPED(sw_buffer) out = SW_BUFFER(SW_DSTACK_ATTESTATION_LIMIT);
    sw_dstack_attestation again;
    sw_status status = sw_dstack_attestation_encode(t, &out, NULL);
    FUZZ_REQUIRE(status == SW_OK || (status == SW_USAGE && t->version == 1));
    if (status != SW_OK) return;
    FUZZ_REQUIRE(sw_dstack_attestation_parse(a, sw_buffer_bytes(&out), &again, NULL) == SW_OK);
    FUZZ_REQUIRE(sw_bytes_equal(again.quote, t->quote) && again.log.count == t->log.count);
    if (t->version == 0) FUZZ_REQUIRE(sw_bytes_equal(sw_buffer_bytes(&out), input));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    SW_SCOPED(sw_arena) a = {.limit_bytes = (size_t)64 << 20};
    sw_bytes input = SW_BYTES(data, size);
    sw_dstack_attestation t;
    sw_dstack_app_info info;
    uint8_t report[64];
    if (sw_dstack_app_info_decode(&a, input, &info, NULL) == SW_OK)
        FUZZ_REQUIRE(info.init_script_count <= 5 && info.instance_id.size <= 20);
    if (sw_dstack_attestation_parse(&a, input, &t, NULL) != SW_OK) return 0;
    FUZZ_REQUIRE(t.version <= 1 && t.runtime_count <= t.log.count);
    FUZZ_REQUIRE(sw_dstack_report_of(t.quote, report, NULL) == SW_OK);
    FUZZ_REQUIRE(memcmp(report, t.report_data, sizeof report) == 0);
    FUZZ_REQUIRE(sw_dstack_deny_events(&a, t.runtime, t.runtime_count, NULL) == SW_OK);
    there_and_back(&a, input, &t);
    return 0;
}
