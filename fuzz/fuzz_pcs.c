/* SPDX-License-Identifier: Apache-2.0
 *
 * What a provisioning service answers beside JSON, and NVIDIA's answer with a manifest. First byte:
 * 0 an issuer chain in a header field, 1 that answer, else a revocation list. A list's DER is its
 * own spelling.
 */
#include "fuzz.h"
#include "machine/collect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    SW_SCOPED(sw_arena) a = {.limit_bytes = (size_t)8 << 20};
    sw_bytes once, twice;
    if (size == 0) return 0;
    sw_bytes rest = SW_BYTES(data + 1, size - 1);
    if (data[0] == 0) {
        if (sw_pcs_chain_parse(&a, rest, &once, NULL) != SW_OK) return 0;
        FUZZ_REQUIRE(once.size > 0 && once.size <= rest.size);
        FUZZ_REQUIRE(once.size <= SW_ISSUER_CHAIN_LIMIT);
        return 0;
    }
    if (data[0] == 1) {
        if (sw_rim_answer_parse(&a, rest, "A", &once, NULL) != SW_OK) return 0;
        FUZZ_REQUIRE(once.size > 0 && once.size <= SW_RIM_LIMIT);
        return 0;
    }
    if (sw_pcs_list_parse(&a, rest, &once, NULL) != SW_OK) return 0;
    FUZZ_REQUIRE(once.size > 0 && once.size <= SW_REVOCATION_LIMIT);
    if (once.size >= 2 && once.data[0] == 0x30 && once.data[1] == 0x82)
        FUZZ_REQUIRE(sw_pcs_list_parse(&a, once, &twice, NULL) == SW_OK &&
                     sw_bytes_equal(once, twice));
    return 0;
}
