/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows between processes: what parses encodes to the same bytes.
 */
#include "fuzz.h"
#include "train/train.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    SW_SCOPED(sw_arena) arena = {.limit_bytes = (size_t)1 << 26};
    SW_SCOPED(sw_buffer) wire = SW_BUFFER((size_t)1 << 26);
    sw_bytes shard = SW_BYTES(data, size);
    sw_rows rows;
    if (sw_rows_parse(&arena, &shard, 1, 320, &rows, NULL) != SW_OK) return 0;
    FUZZ_REQUIRE(sw_rows_encode(&wire, &rows, NULL) == SW_OK);
    FUZZ_REQUIRE(sw_bytes_equal(sw_buffer_bytes(&wire), shard));
    return 0;
}
