/* SPDX-License-Identifier: Apache-2.0
 *
 * What opens can encode and decode; ids stay below the vocabulary's size. Who asks which token
 * holds each character gets the same ids, or none.
 */
#include "fuzz.h"
#include "tokenizer/tokenizer.h"

static void locate_all(sw_tokenizer *t, sw_bytes text) {
    sw_place ask[128];
    sw_tokens plain = {0}, located = {0};
    size_t count = 0;
    for (size_t i = 0; i < text.size; i++)
        if ((text.data[i] & 0xc0) != 0x80) ask[count++].at = i;
    FUZZ_REQUIRE(sw_tokenizer_encode(t, text, false, &plain, NULL) == SW_OK);
    if (sw_tokenizer_locate(t, text, ask, count, &located, NULL) == SW_OK) {
        FUZZ_REQUIRE(sw_bytes_equal(SW_BYTES(plain.ids, plain.count * sizeof *plain.ids),
                                    SW_BYTES(located.ids, located.count * sizeof *located.ids)));
        for (size_t i = 0; i < count; i++)
            FUZZ_REQUIRE(ask[i].token == SIZE_MAX || ask[i].token < located.count);
    } else {
        FUZZ_REQUIRE(located.count == 0);
    }
    sw_tokens_free(&plain);
    sw_tokens_free(&located);
}

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
    locate_all(t, SW_BYTES(text, sizeof text - 1));
    sw_tokens_free(&tokens);
    sw_tokenizer_close(&t);
    return 0;
}
