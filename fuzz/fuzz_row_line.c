/* SPDX-License-Identifier: Apache-2.0
 *
 * One JSONL line under settings of every kind: it becomes at most one row that training takes, or a
 * refusal that names the row and leaves the rows as they were.
 */
#include "fuzz.h"
#include "train/engine.h"
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

/* What settings ask of rows: as they are, of the assistant alone, packed, text alone. */
static const sw_training kinds[] = {
    {.max_length = 64, .completion_only_loss = true, .chat = SW_CHAT_CHATML},
    {.max_length = 64, .assistant_only_loss = true, .chat = SW_CHAT_CHATML},
    {.max_length = 64, .packing = true, .chat = SW_CHAT_CHATML},
    {.max_length = 64,
     .packing = true,
     .packing_strategy = SW_PACKING_WRAPPED,
     .phase = SW_PHASE_CPT},
    {.max_length = 64, .completion_only_loss = true, .chat = SW_CHAT_MODEL},
    {.max_length = 64, .assistant_only_loss = true, .chat = SW_CHAT_MODEL},
};

/* A model's own: turns, their members as JSON, and marks. */
static const char own[] =
    "{% for m in messages %}[{{ m.role }}]{% if m.role == 'assistant' %}{% generation %}"
    "{{ m.content }}{% if m.tool_calls %}{{ m.tool_calls | tojson }}{% endif %}{{ eos_token }}"
    "{% endgeneration %}{% else %}{{ m.content | trim }}{% endif %}{% endfor %}"
    "{% if tools %}{{ tools | tojson }}{% endif %}"
    "{% if add_generation_prompt %}[assistant]{% endif %}";

static void one_kind(sw_tokenizer *tokenizer, const sw_row_template *chat, const sw_training *t,
                     sw_bytes line) {
    sw_rows rows = {0};
    bool kept = false;
    sw_error err = {0};
    sw_status status =
        sw_rows_append(&rows, tokenizer, chat, (sw_row_end){256, NULL}, t, line, 3, &kept, &err);
    FUZZ_REQUIRE(rows.count == (status == SW_OK && kept));
    FUZZ_REQUIRE(!sw_training_cuts(t) || rows.token_count <= 64);
    FUZZ_REQUIRE(rows.count == 0 || t->packing || rows.target[0] == 0);
    FUZZ_REQUIRE(rows.count == 0 || sw_rows_check(&rows, t, 257, NULL) == SW_OK);
    if (status == SW_MALFORMED) FUZZ_REQUIRE(strstr(err.message, "row 3") != NULL);
    sw_rows_free(&rows);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static sw_tokenizer *tokenizer;
    static sw_row_template chat = {.named = SW_TEMPLATE_CHATML,
                                   .eos_token = SW_LITERAL("<|im_end|>")};
    if (!tokenizer) {
        SW_SCOPED(sw_buffer) json = SW_BUFFER(65536);
        put_tokenizer(&json);
        FUZZ_REQUIRE(sw_tokenizer_open(sw_buffer_bytes(&json), &tokenizer, NULL) == SW_OK);
        FUZZ_REQUIRE(sw_jinja_parse(sw_text(own), &chat.own, NULL) == SW_OK);
    }
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        one_kind(tokenizer, &chat, &kinds[i], SW_BYTES(data, size));
    return 0;
}
