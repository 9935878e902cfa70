/* SPDX-License-Identifier: Apache-2.0
 *
 * Training settings that parse encode to the same bytes.
 */
#include "fuzz.h"
#include "recipe/training.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sw_training t;
    SW_SCOPED(sw_buffer) made = SW_BUFFER(4096);
    if (sw_training_parse(SW_BYTES(data, size), &t, NULL) != SW_OK) return 0;
    FUZZ_REQUIRE(sw_training_encode(&t, &made, NULL) == SW_OK);
    FUZZ_REQUIRE(sw_bytes_equal(sw_buffer_bytes(&made), SW_BYTES(data, size)));
    return 0;
}
