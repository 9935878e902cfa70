/* SPDX-License-Identifier: Apache-2.0
 *
 * A consent: reading the claimed owner, then opening it as the owner of the corpus. What opens
 * names that owner. The owner's scalar is 1, so her key is the curve's generator.
 */
#include "fuzz.h"
#include "seal/consent.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const uint8_t secret[32] = {[31] = 1};
    SW_SCOPED(sw_arena) arena = {.limit_bytes = (size_t)64 << 20};
    sw_bytes input = SW_BYTES(data, size);
    sw_p256_public owner;
    sw_hash claimed, id;
    sw_consent consent;
    sw_status named = sw_consent_owner(&arena, input, &claimed, NULL);
    FUZZ_REQUIRE(sw_p256_derive(secret, &owner, NULL) == SW_OK);
    if (sw_consent_open(&arena, input, &owner, &consent, NULL) != SW_OK) return 0;
    sw_key_id(&id, &owner);
    FUZZ_REQUIRE(named == SW_OK && sw_hash_equal(&claimed, &id));
    FUZZ_REQUIRE(sw_hash_equal(&consent.word.context.owner, &id));
    return 0;
}
