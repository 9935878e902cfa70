/* SPDX-License-Identifier: Apache-2.0
 *
 * The files beside a tokenizer.json, one behind the other with a NUL between: they are judged alike
 * twice, and what is refused is said.
 */
#include "fuzz.h"
#include "tokenizer/beside.h"
#include <string.h>

static const char file[] =
    "{\"added_tokens\":[{\"id\":0,\"content\":\"<s>\",\"single_word\":false,\"lstrip\":false,"
    "\"rstrip\":false,\"normalized\":false,\"special\":true},{\"id\":3,\"content\":\"<x>\","
    "\"single_word\":true,\"lstrip\":true,\"rstrip\":false,\"normalized\":true,\"special\":false}],"
    "\"normalizer\":null,\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false},"
    "\"post_processor\":null,\"decoder\":{\"type\":\"ByteLevel\"},\"model\":{\"type\":\"BPE\","
    "\"dropout\":null,\"unk_token\":null,\"continuing_subword_prefix\":null,"
    "\"end_of_word_suffix\":null,\"fuse_unk\":false,\"byte_fallback\":false,"
    "\"ignore_merges\":false,\"vocab\":{\"<s>\":0,\"a\":1,\"b\":2},\"merges\":[]}}";

static sw_bytes next(sw_bytes *rest) {
    const uint8_t *end = rest->size ? memchr(rest->data, 0, rest->size) : NULL;
    size_t size = end ? (size_t)(end - rest->data) : rest->size, used = end ? size + 1 : size;
    sw_bytes out = SW_BYTES(rest->data, size);
    *rest = SW_BYTES(rest->data + used, rest->size - used);
    return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static sw_tokenizer *t;
    sw_bytes rest = SW_BYTES(data, size);
    sw_error first = {0}, second = {0};
    if (!t) FUZZ_REQUIRE(sw_tokenizer_open(sw_text(file), &t, NULL) == SW_OK);
    sw_tokenizer_beside beside = {.tokenizer_config = next(&rest)};
    beside.special_tokens_map = next(&rest);
    beside.added_tokens = next(&rest);
    sw_status status = sw_tokenizer_check_beside(t, &beside, &first);
    FUZZ_REQUIRE(sw_tokenizer_check_beside(t, &beside, &second) == status);
    FUZZ_REQUIRE(strcmp(first.message, second.message) == 0);
    FUZZ_REQUIRE(status == SW_OK || first.message[0]);
    return 0;
}
