/* SPDX-License-Identifier: Apache-2.0
 *
 * Revocations that are handed to a key service. What is accepted is signed by the owner at its
 * place and encodes to the same bytes again; on failure nothing is written.
 */
#include "fuzz.h"
#include "ledger/handed.h"

#include <string.h>

static sw_genesis genesis;

static void make_genesis(void) {
    genesis.backend = SW_LEDGER_ETHEREUM;
    genesis.owner_count = 2;
    genesis.chain.chain = 11155111;
    memset(genesis.chain.contract.b, 0xc0, sizeof genesis.chain.contract.b);
    for (size_t i = 0; i < 2; i++) {
        sw_secp256k1_public public;
        sw_chain_key key;
        memset(key.b, (int)i + 1, sizeof key.b);
        FUZZ_REQUIRE(sw_chain_key_public(&key, &public, NULL) == SW_OK);
        FUZZ_REQUIRE(sw_secp256k1_address(&public, genesis.owners[i].address.b, NULL) == SW_OK);
    }
}

/* Any act that `app relay` would send. */
static void relayed(sw_bytes call) {
    SW_SCOPED(sw_buffer) again = SW_BUFFER(1 << 12);
    uint8_t place, signature[SW_SECP256K1_SIG_BYTES];
    sw_app_say say;
    if (sw_app_say_parse(call, &say, &place, signature, NULL) != SW_OK) return;
    sw_app_say_call(&again, &say, place, signature);
    FUZZ_REQUIRE(sw_bytes_equal(sw_buffer_bytes(&again), call));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sw_bytes call = SW_BYTES(data, size);
    sw_handed_revocation out, before;
    sw_error err = {0};
    if (genesis.owner_count == 0) make_genesis();
    relayed(call);
    memset(&out, 0x5a, sizeof out);
    memcpy(&before, &out, sizeof before);
    if (sw_handed_revocation_open(&genesis, call, &out, &err) != SW_OK) {
        FUZZ_REQUIRE(err.word[0] != 0 && err.message[0] != 0);
        FUZZ_REQUIRE(sw_bytes_equal(SW_BYTES(&out, sizeof out), SW_BYTES(&before, sizeof before)));
        return 0;
    }
    SW_SCOPED(sw_buffer) again = SW_BUFFER(1 << 12);
    sw_app_say_call(&again, &out.say, (uint8_t)out.owner, out.signature);
    FUZZ_REQUIRE(sw_bytes_equal(sw_buffer_bytes(&again), call));
    return 0;
}
