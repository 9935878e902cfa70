/* SPDX-License-Identifier: Apache-2.0
 *
 * GetKey's signature chains: root (33 bytes), app id (20), two links (65 each), the purpose's
 * length (1) and the purpose, and behind it the derived key. A chain that holds to one root does
 * not hold to another, nor for another app.
 */
#include "attest/dstack_internal.h"
#include "fuzz.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sw_dstack_key_chain chain = {0};
    sw_secp256k1_public root, parsed;
    uint8_t app_id[20];
    sw_reader r = sw_reader_of(SW_BYTES(data, size));
    sw_read_into(&r, root.b, sizeof root.b);
    sw_read_into(&r, app_id, sizeof app_id);
    sw_read_into(&r, chain.link[0], sizeof chain.link[0]);
    sw_read_into(&r, chain.link[1], sizeof chain.link[1]);
    chain.purpose = sw_read_bytes(&r, sw_read_u8(&r));
    if (r.failed) return 0;
    chain.public_key = r.rest;
    if (sw_secp256k1_parse(SW_BYTES(data, size < 65 ? size : 65), &parsed, NULL) == SW_OK)
        FUZZ_REQUIRE(parsed.b[0] == 2 || parsed.b[0] == 3);
    if (sw_dstack_key_verify(&chain, app_id, &root, NULL) != SW_OK) return 0;
    FUZZ_REQUIRE(sw_dstack_deny_key(&root, NULL) == SW_OK);
    root.b[0] ^= 1;
    FUZZ_REQUIRE(sw_dstack_key_verify(&chain, app_id, &root, NULL) != SW_OK);
    root.b[0] ^= 1;
    app_id[7] ^= 1;
    FUZZ_REQUIRE(sw_dstack_key_verify(&chain, app_id, &root, NULL) != SW_OK);
    return 0;
}
