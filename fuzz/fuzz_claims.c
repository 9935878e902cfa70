/* SPDX-License-Identifier: Apache-2.0
 *
 * What a script claims (CMD-044): what is accepted is one canonical object that a manifest takes as
 * it is, and nothing deeper or longer.
 */
#include "codec/json.h"
#include "fuzz.h"
#include "manifest/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    SW_SCOPED(sw_arena) arena = {.limit_bytes = (size_t)64 << 20};
    SW_SCOPED(sw_buffer) again = SW_BUFFER((size_t)1 << 20);
    const sw_json_limits limits = {.bytes = SW_MANIFEST_CLAIMS_LIMIT,
                                   .depth = SW_MANIFEST_CLAIMS_DEPTH};
    sw_json *root;
    if (!sw_manifest_are_claims(SW_BYTES(data, size))) return 0;
    FUZZ_REQUIRE(size <= SW_MANIFEST_CLAIMS_LIMIT);
    FUZZ_REQUIRE(sw_json_parse(&arena, SW_BYTES(data, size), &limits, &root, NULL) == SW_OK);
    FUZZ_REQUIRE(root->type == SW_JSON_OBJECT);
    sw_json_encode(&again, root);
    FUZZ_REQUIRE(sw_bytes_equal(sw_buffer_bytes(&again), SW_BYTES(data, size)));
    return 0;
}
