/* SPDX-License-Identifier: Apache-2.0
 *
 * Reports of GPUs: every view of what parses lies inside the input, its parts add up to the whole,
 * behind it are zeros only, and the names of manifests end.
 */
#include "attest/gpu_internal.h"
#include "fuzz.h"

#include <string.h>

static bool inside(sw_bytes part, sw_bytes whole) {
    return part.data >= whole.data && part.size <= whole.size &&
           (size_t)(part.data - whole.data) <= whole.size - part.size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sw_bytes input = SW_BYTES(data, size);
    static sw_gpu_report r;
    char driver[128], vbios[128];
    if (sw_gpu_report_parse(input, &r, NULL) != SW_OK) return 0;
    FUZZ_REQUIRE(r.signed_part.data == data);
    FUZZ_REQUIRE(r.signed_part.size + SW_P384_SIGNATURE_BYTES + r.trailing_bytes == size);
    for (size_t i = size - r.trailing_bytes; i < size; i++) FUZZ_REQUIRE(data[i] == 0);
    size_t blocks = 0, fields = 0;
    for (size_t i = 0; i < SW_GPU_BLOCK_LIMIT; i++) blocks += r.present[i];
    FUZZ_REQUIRE(blocks == r.block_count && blocks > 0);
    for (size_t i = 0; i < r.opaque_count; i++) {
        FUZZ_REQUIRE(inside(r.opaque[i].value, r.signed_part));
        FUZZ_REQUIRE(sw_gpu_field(&r, r.opaque[i].type) == &r.opaque[i]);
        fields += 4 + r.opaque[i].value.size;
    }
    FUZZ_REQUIRE(37 + 8 + 55 * blocks + 32 + 2 + fields == r.signed_part.size);
    FUZZ_REQUIRE(r.vbios[0] != 0 && r.is_switch == (r.driver[0] == 0));
    sw_gpu_rim_names(&r, driver, vbios);
    FUZZ_REQUIRE(strlen(driver) < sizeof driver && strlen(vbios) < sizeof vbios);
    return 0;
}
