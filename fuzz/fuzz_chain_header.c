/* SPDX-License-Identifier: Apache-2.0
 *
 * Block headers, accounts, and storage words: what is read is within its limits, and a word is what
 * the writer makes of it.
 */
#include "chain/chain.h"
#include "fuzz.h"

static void look_at_word(sw_bytes input) {
    sw_app_head h;
    sw_app_owner o;
    sw_app_decision d;
    sw_word w;
    if (sw_word_parse(input, &w, NULL) != SW_OK) return;
    SW_SCOPED(sw_buffer) again = SW_BUFFER(64);
    size_t zeros = 0;
    while (zeros < sizeof w.b && w.b[zeros] == 0) zeros++;
    if (zeros < sizeof w.b) sw_rlp_put_string(&again, SW_BYTES(w.b + zeros, sizeof w.b - zeros));
    FUZZ_REQUIRE(sw_bytes_equal(sw_buffer_bytes(&again), input));
    (void)!(sw_app_head_read(&w, &h, NULL) == SW_OK);
    (void)!(sw_app_owner_read(&w, &o, NULL) == SW_OK);
    (void)!(sw_app_compose_read(&w, &d, NULL) == SW_OK);
    (void)!(sw_app_opening_read(&w, &d, NULL) == SW_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sw_bytes input = SW_BYTES(data, size);
    sw_block b;
    sw_account a;
    if (sw_block_parse(input, &b, NULL) == SW_OK) {
        FUZZ_REQUIRE(size <= SW_CHAIN_HEADER_LIMIT);
        FUZZ_REQUIRE(b.number >> 53 == 0 && b.time_s >> 53 == 0);
    }
    if (sw_account_parse(input, &a, NULL) == SW_OK) FUZZ_REQUIRE(size >= 2 + 33 + 33);
    look_at_word(input);
    return 0;
}
