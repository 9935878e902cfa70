/* SPDX-License-Identifier: Apache-2.0
 *
 * What opens can encode and decode; ids stay below the vocabulary's size.
 */
#include "fuzz.h"
#include "tokenizer/tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char text[] = "the  patient <l> 12 don't\n\n<|im_start|>caf\xc3\xa9 cafe\xcc\x81 "
                               "x \xe2\x96\x81 \xf0\x9f\x99\x82";
    SW_SCOPED(sw_buffer) back = SW_BUFFER(1 << 20);
    sw_tokenizer *t = NULL;
    sw_tokens tokens = {0};
    if (sw_tokenizer_open(SW_BYTES(data, size), &t, NULL) != SW_OK) return 0;
    FUZZ_REQUIRE(sw_tokenizer_encode(t, SW_BYTES(text, sizeof text - 1), true, &tokens, NULL) ==
                 SW_OK);
    for (size_t i = 0; i < tokens.count; i++) FUZZ_REQUIRE(tokens.ids[i] < sw_tokenizer_vocab(t));
    FUZZ_REQUIRE(sw_tokenizer_decode(t, tokens.ids, tokens.count, false, &back, NULL) == SW_OK);
    sw_tokens_free(&tokens);
    sw_tokenizer_close(&t);
    return 0;
}
