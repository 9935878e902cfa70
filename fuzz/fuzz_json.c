/* SPDX-License-Identifier: Apache-2.0
 *
 * Whatever parses has one RFC 8785 form, and that form is a fixed point.
 */
#include "codec/json.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    SW_SCOPED(sw_arena) arena = {.limit_bytes = (size_t)64 << 20};
    SW_SCOPED(sw_buffer) once = SW_BUFFER((size_t)64 << 20);
    SW_SCOPED(sw_buffer) twice = SW_BUFFER((size_t)64 << 20);
    sw_json *tree = NULL, *again = NULL;
    if (sw_json_parse(&arena, SW_BYTES(data, size), NULL, &tree, NULL) != SW_OK) return 0;
    FUZZ_REQUIRE(tree->span.data >= data && tree->span.size <= size);
    sw_json_encode(&once, tree);
    FUZZ_REQUIRE(!once.failed);
    FUZZ_REQUIRE(sw_json_parse_canonical(&arena, sw_buffer_bytes(&once), NULL, &again, NULL) ==
                 SW_OK);
    sw_json_encode(&twice, sw_json_copy(&arena, again));
    FUZZ_REQUIRE(sw_bytes_equal(sw_buffer_bytes(&once), sw_buffer_bytes(&twice)));
    return 0;
}
