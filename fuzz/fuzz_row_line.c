/* SPDX-License-Identifier: Apache-2.0
 *
 * One JSONL line: it becomes at most one row of known tokens whose first is no target, or a refusal
 * that quotes nothing and leaves the rows as they were.
 */
#include "fuzz.h"
#include "train/train.h"
#include <string.h>

/* Bytes as tokens 0 to 255 under their byte-level letters, and an end-of-sequence token. */
static void put_tokenizer(sw_buffer *out) {
    sw_put_text(out,
                "{\"version\":\"1.0\",\"truncation\":null,\"padding\":null,\"added_tokens\":"
                "[{\"id\":256,\"content\":\"<|im_end|>\",\"single_word\":false,\"lstrip\":false,"
                "\"rstrip\":false,\"normalized\":false,\"special\":true}],\"normalizer\":null,"
                "\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false,"
                "\"trim_offsets\":true,\"use_regex\":true},\"post_processor\":null,\"decoder\":"
                "{\"type\":\"ByteLevel\",\"add_prefix_space\":true,\"trim_offsets\":true,"
                "\"use_regex\":true},\"model\":{\"type\":\"BPE\",\"dropout\":null,\"unk_token\":"
                "null,\"continuing_subword_prefix\":null,\"end_of_word_suffix\":null,"
                "\"fuse_unk\":false,\"byte_fallback\":false,\"ignore_merges\":false,\"vocab\":{");
    unsigned extra = 256;
    for (unsigned b = 0; b < 256; b++) {
        bool printable = (b >= 33 && b < 127) || (b >= 161 && b < 173) || b >= 174;
        sw_put_format(out, "\"\\u%04x\":%u,", printable ? b : extra, b);
        extra += !printable;
    }
    sw_put_text(out, "\"<|im_end|>\":256},\"merges\":[]}}");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static sw_tokenizer *tokenizer;
    static sw_training settings = {.max_length = 64, .completion_only_loss = true};
    if (!tokenizer) {
        SW_SCOPED(sw_buffer) json = SW_BUFFER(65536);
        put_tokenizer(&json);
        FUZZ_REQUIRE(sw_tokenizer_open(sw_buffer_bytes(&json), &tokenizer, NULL) == SW_OK);
    }
    sw_rows rows = {0};
    bool kept = false;
    sw_error err = {0};
    sw_status status = sw_rows_append(&rows, tokenizer, SW_TEMPLATE_CHATML, 256, &settings,
                                      SW_BYTES(data, size), 3, &kept, &err);
    FUZZ_REQUIRE(rows.count == (status == SW_OK && kept));
    FUZZ_REQUIRE(rows.token_count <= 64 && (rows.count == 0 || rows.target[0] == 0));
    if (status == SW_MALFORMED) FUZZ_REQUIRE(strstr(err.message, "row 3") != NULL);
    for (size_t i = 0; i < rows.token_count; i++) FUZZ_REQUIRE(rows.ids[i] <= 256);
    sw_rows_free(&rows);
    return 0;
}
