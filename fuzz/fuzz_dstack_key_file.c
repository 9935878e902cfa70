/* SPDX-License-Identifier: Apache-2.0
 *
 * GetKey's signature chain as a file: what parses is within its sizes, and holds under no root that
 * it does not recover to.
 */
#include "attest/dstack_internal.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    SW_SCOPED(sw_arena) a = {.limit_bytes = (size_t)1 << 20};
    sw_dstack_key_chain chain;
    const sw_secp256k1_public nobody = {{2}};
    const uint8_t app_id[20] = {0xa9};
    if (sw_dstack_key_parse(&a, SW_BYTES(data, size), &chain, NULL) != SW_OK) return 0;
    FUZZ_REQUIRE(size <= SW_DSTACK_KEY_LIMIT && chain.public_key.size <= SW_SECP256K1_BYTES);
    FUZZ_REQUIRE(chain.purpose.size <= size);
    FUZZ_REQUIRE(sw_dstack_key_verify(&chain, app_id, &nobody, NULL) != SW_OK);
    return 0;
}
