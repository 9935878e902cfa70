/* SPDX-License-Identifier: Apache-2.0
 *
 * Collateral bundles: what is taken is its own encoding, byte for byte.
 */
#include "fuzz.h"
#include "machine/collect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    SW_SCOPED(sw_arena) a = {.limit_bytes = (size_t)64 << 20};
    SW_SCOPED(sw_buffer) again = SW_BUFFER(SW_COLLATERAL_FILE_LIMIT);
    sw_collateral c = {0};
    sw_gpu_collateral gpu;
    if (sw_collateral_parse(&a, SW_BYTES(data, size), &c, &gpu, NULL) != SW_OK) return 0;
    bool quote = c.tcb_info.text.size > 0;
    FUZZ_REQUIRE(quote || gpu.rim_count > 0);
    FUZZ_REQUIRE(gpu.rim_count <= SW_GPU_RIM_COUNT && gpu.ocsp_count <= SW_GPU_OCSP_COUNT);
    FUZZ_REQUIRE(sw_collateral_encode(quote ? &c : NULL, &gpu, &again, NULL) == SW_OK);
    FUZZ_REQUIRE(sw_bytes_equal(sw_buffer_bytes(&again), SW_BYTES(data, size)));
    return 0;
}
