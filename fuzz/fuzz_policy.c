/* SPDX-License-Identifier: Apache-2.0
 *
 * Machine policies and KMS references: what parses is complete and comes back the same.
 */
#include "fuzz.h"
#include "recipe/policy.h"

static void round_trip(const sw_policy *p) {
    SW_SCOPED(sw_arena) a = {.limit_bytes = (size_t)16 << 20};
    SW_SCOPED(sw_buffer) text = SW_BUFFER(1 << 20);
    SW_SCOPED(sw_buffer) second = SW_BUFFER(1 << 20);
    sw_json *root = sw_json_make(&a, SW_JSON_OBJECT), *other = sw_json_make(&a, SW_JSON_OBJECT);
    sw_json *again;
    sw_policy back;
    FUZZ_REQUIRE(sw_policy_complete(p, NULL) == SW_OK);
    sw_policy_to_json(&a, root, "p", p);
    sw_json_encode(&text, root);
    FUZZ_REQUIRE(!text.failed);
    FUZZ_REQUIRE(sw_json_parse_canonical(&a, sw_buffer_bytes(&text), NULL, &again, NULL) == SW_OK);
    FUZZ_REQUIRE(sw_policy_from_json(sw_json_member(again, "p"), "p", &back, NULL) == SW_OK);
    sw_policy_to_json(&a, other, "p", &back);
    sw_json_encode(&second, other);
    FUZZ_REQUIRE(sw_bytes_equal(sw_buffer_bytes(&text), sw_buffer_bytes(&second)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    SW_SCOPED(sw_arena) a = {.limit_bytes = (size_t)16 << 20};
    SW_SCOPED(sw_buffer) again = SW_BUFFER(1 << 20);
    sw_bytes input = SW_BYTES(data, size);
    sw_kms_reference reference;
    sw_policy p;
    sw_json *root;
    if (sw_kms_reference_parse(input, &reference, NULL) == SW_OK) {
        FUZZ_REQUIRE(sw_kms_reference_encode(&reference, &again, NULL) == SW_OK);
        FUZZ_REQUIRE(sw_bytes_equal(sw_buffer_bytes(&again), input));
    }
    if (sw_json_parse(&a, input, NULL, &root, NULL) == SW_OK &&
        sw_policy_from_json(root, "p", &p, NULL) == SW_OK)
        round_trip(&p);
    return 0;
}
