/* SPDX-License-Identifier: Apache-2.0
 *
 * A checkpoint's image against a fixed prefix and three values, the moments of two in 8 bits: only
 * a sound one is accepted.
 */
#include "fuzz.h"
#include "train/engine.h"
#include <string.h>

enum { PREFIX_BYTES = 64, NUMBERS_BYTES = 4 * (3 + 2 + 2) + 2 * 2 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint8_t prefix[PREFIX_BYTES] = "SWSTATE\0\1\0\0\0\100\0\0\0";
    const sw_state_sizes sizes = {.values = 3, .coded = 2, .blocks = 1};
    sw_bytes numbers = {0};
    uint64_t step = 77;
    for (size_t i = 24; i < PREFIX_BYTES; i++) prefix[i] = (uint8_t)i;
    sw_bytes image = SW_BYTES(data, size);
    if (sw_state_parse(SW_BYTES_OF(prefix), &sizes, image, &step, &numbers, NULL) != SW_OK) {
        FUZZ_REQUIRE(step == 77 && numbers.data == NULL);
        return 0;
    }
    FUZZ_REQUIRE(size == PREFIX_BYTES + NUMBERS_BYTES + sizeof(uint64_t));
    FUZZ_REQUIRE(memcmp(data, prefix, 16) == 0 && memcmp(data + 24, prefix + 24, 40) == 0);
    FUZZ_REQUIRE(numbers.size == NUMBERS_BYTES);
    return 0;
}
