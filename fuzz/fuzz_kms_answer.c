/* SPDX-License-Identifier: Apache-2.0
 *
 * What a client reads from a key service: refusals, facts, heads. A refusal is always a failure and
 * never brings control characters to a terminal; what parses encodes to the same bytes again.
 */
#include "fuzz.h"
#include "kms/message.h"

#include <string.h>

static void check_refusal(sw_bytes body) {
    static const int statuses[] = {0, 200, 204, 301, 400, 401, 403, 404, 409, 413, 500, 503, 999};
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        sw_error err = {0};
        FUZZ_REQUIRE(sw_refusal_decode(statuses[i], body, &err) != SW_OK);
        FUZZ_REQUIRE(err.status != SW_OK);
        for (const char *c = err.message; *c != 0; c++) FUZZ_REQUIRE(*c >= 0x20 && *c < 0x7f);
        for (const char *c = err.hint; *c != 0; c++) FUZZ_REQUIRE(*c >= 0x20 && *c < 0x7f);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    SW_SCOPED(sw_arena) arena = {.limit_bytes = (size_t)64 << 20};
    SW_SCOPED(sw_buffer) again = SW_BUFFER(SW_KMS_FACTS_LIMIT);
    sw_bytes body = SW_BYTES(data, size);
    sw_kms_self self;
    sw_head head;
    check_refusal(body);
    if (sw_kms_self_parse(&arena, body, &self, NULL) == SW_OK) {
        sw_kms_self_encode(&arena, &self, &again);
        FUZZ_REQUIRE(sw_bytes_equal(sw_buffer_bytes(&again), body));
    }
    if (sw_head_parse(&arena, body, "ledger", &head, NULL) == SW_OK) {
        again.size = 0;
        sw_head_encode(&arena, "ledger", &head, &again);
        FUZZ_REQUIRE(sw_bytes_equal(sw_buffer_bytes(&again), body));
    }
    return 0;
}
