/* SPDX-License-Identifier: Apache-2.0
 *
 * Grant receipts and unlock statements: as envelopes from anywhere, and as payloads that the right
 * key signed, so that the parser behind the signature is reached.
 */
#include "fuzz.h"
#include "manifest/grant.h"

static const uint8_t secret[32] = {0, 1, 2, 3, 4, 5, 6, 7};

static void open_signed(sw_bytes payload) {
    SW_SCOPED(sw_arena) arena = {.limit_bytes = (size_t)64 << 20};
    SW_SCOPED(sw_buffer) envelope = SW_BUFFER((size_t)4 << 20);
    SW_SCOPED(sw_buffer) again = SW_BUFFER((size_t)4 << 20);
    sw_p256_public key;
    sw_grant grant = {0};
    FUZZ_REQUIRE(sw_p256_derive(secret, &key, NULL) == SW_OK);
    if (sw_envelope_sign(SW_PAYLOAD_GRANT, payload, secret, &envelope, NULL) != SW_OK) return;
    if (sw_grant_open(&arena, sw_buffer_bytes(&envelope), &key, &grant, NULL) != SW_OK) return;
    FUZZ_REQUIRE(grant.dataset_count >= 1 && grant.dataset_count <= SW_SHARD_LIMIT);
    FUZZ_REQUIRE(grant.granted_ms >= 0 && grant.lease_ms >= 0);
    sw_session_key signer;
    for (size_t i = 0; i < sizeof secret; i++) signer.b[i] = secret[i];
    FUZZ_REQUIRE(sw_grant_sign(&grant, &signer, &again, NULL) == SW_OK);
    sw_envelope one, two; /* one value, one encoding */
    FUZZ_REQUIRE(sw_envelope_parse(&arena, sw_buffer_bytes(&envelope), &one, NULL) == SW_OK);
    FUZZ_REQUIRE(sw_envelope_parse(&arena, sw_buffer_bytes(&again), &two, NULL) == SW_OK);
    FUZZ_REQUIRE(sw_bytes_equal(one.payload, two.payload));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static sw_genesis nobody;
    SW_SCOPED(sw_arena) arena = {.limit_bytes = (size_t)64 << 20};
    sw_p256_public key;
    sw_grant grant;
    sw_unlock_statement statement;
    FUZZ_REQUIRE(sw_p256_derive(secret, &key, NULL) == SW_OK);
    FUZZ_REQUIRE(sw_grant_open(&arena, SW_BYTES(data, size), &key, &grant, NULL) != SW_OK);
    FUZZ_REQUIRE(sw_unlock_open(&arena, SW_BYTES(data, size), &nobody, &statement, NULL) != SW_OK);
    open_signed(SW_BYTES(data, size));
    return 0;
}
