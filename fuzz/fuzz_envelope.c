/* SPDX-License-Identifier: Apache-2.0
 *
 * What parses as an envelope of our own parses as a foreign one too, with the same payload, and
 * verifies under no key that did not sign it.
 */
#include "envelope/envelope.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const uint8_t secret[32] = {[31] = 7};
    SW_SCOPED(sw_arena) arena = {.limit_bytes = (size_t)64 << 20};
    sw_envelope own, any;
    sw_p256_public key;
    sw_bytes input = SW_BYTES(data, size);
    sw_status foreign = sw_envelope_parse_any(&arena, input, &any, NULL);
    if (sw_envelope_parse(&arena, input, &own, NULL) != SW_OK) return 0;
    FUZZ_REQUIRE(foreign == SW_OK && sw_bytes_equal(own.payload, any.payload));
    FUZZ_REQUIRE(own.signature_count > 0 && own.signature_count <= SW_ENVELOPE_SIGNATURE_LIMIT);
    FUZZ_REQUIRE(sw_p256_derive(secret, &key, NULL) == SW_OK);
    FUZZ_REQUIRE(sw_envelope_verify(&own, SW_PAYLOAD_GRANT, &key, NULL) != SW_OK);
    return 0;
}
