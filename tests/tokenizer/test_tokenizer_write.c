/* SPDX-License-Identifier: Apache-2.0
 *
 * tokenizer.json from a vocabulary (MODEL-078): the exact text of each family, and what is refused.
 * HF tokenizers loads these texts and gives the same ids (tests/parity/model.py).
 */
#include "tokenizer/files.h"

static const sw_bytes tokens[] = {SW_LITERAL("<s>"), SW_LITERAL("a"), SW_LITERAL("\""),
                                  SW_LITERAL("a\""), SW_LITERAL("<u>")};
static const sw_token_kind kinds[] = {SW_TOKEN_CONTROL, SW_TOKEN_NORMAL, SW_TOKEN_NORMAL,
                                      SW_TOKEN_NORMAL, SW_TOKEN_USER};
static const sw_bytes merges[] = {SW_LITERAL("a \"")};

static sw_tokenizer_parts parts_of(sw_pre_tokenizer pre, uint32_t bos) {
    return (sw_tokenizer_parts){.tokens = tokens,
                                .kinds = kinds,
                                .count = COUNT(tokens),
                                .merges = merges,
                                .merge_count = COUNT(merges),
                                .pre = pre,
                                .bos = bos};
}

#define FRONT                                                                                      \
    "{\n  \"version\": \"1.0\",\n  \"truncation\": null,\n  \"padding\": null,\n"                  \
    "  \"added_tokens\": [\n    {\"id\": 0, \"content\": \"<s>\", \"single_word\": false, "        \
    "\"lstrip\": false, \"rstrip\": false, \"normalized\": false, \"special\": true},\n"           \
    "    {\"id\": 4, \"content\": \"<u>\", \"single_word\": false, \"lstrip\": false, "            \
    "\"rstrip\": false, \"normalized\": false, \"special\": false}\n  ],\n"
#define BYTE_LEVEL(regex)                                                                          \
    "{\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"trim_offsets\": true, "              \
    "\"use_regex\": " regex "}"
#define SPLIT(digits)                                                                              \
    "{\"type\": \"Sequence\", \"pretokenizers\": [\n    {\"type\": \"Split\", \"pattern\": "       \
    "{\"Regex\": \"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?\\\\p{L}+|" digits   \
    "| ?[^\\\\s\\\\p{L}\\\\p{N}]+[\\\\r\\\\n]*|\\\\s*[\\\\r\\\\n]+|\\\\s+(?!\\\\S)|\\\\s+\"}, "    \
    "\"behavior\": \"Isolated\", \"invert\": false},\n    " BYTE_LEVEL("false") "\n  ]}"
#define BACK(ignore)                                                                               \
    "  \"decoder\": {\"type\": \"ByteLevel\", \"add_prefix_space\": true, \"trim_offsets\": "      \
    "true, "                                                                                       \
    "\"use_regex\": true},\n  \"model\": {\"type\": \"BPE\", \"dropout\": null, \"unk_token\": "   \
    "null, \"continuing_subword_prefix\": null, \"end_of_word_suffix\": null, \"fuse_unk\": "      \
    "false, \"byte_fallback\": false, \"ignore_merges\": " ignore ",\n  \"vocab\": {\n"            \
    "    \"<s>\": 0,\n    \"a\": 1,\n    \"\\\"\": 2,\n    \"a\\\"\": 3,\n    \"<u>\": 4\n  },\n"  \
    "  \"merges\": [\n    \"a \\\"\"\n  ]}\n}\n"
#define NO_POST "  \"post_processor\": null,\n"
#define BOS                                                                                        \
    "  \"post_processor\": {\"type\": \"TemplateProcessing\", \"single\": [\n"                     \
    "    {\"SpecialToken\": {\"id\": \"<s>\", \"type_id\": 0}},\n"                                 \
    "    {\"Sequence\": {\"id\": \"A\", \"type_id\": 0}}\n  ], \"pair\": [\n"                      \
    "    {\"Sequence\": {\"id\": \"A\", \"type_id\": 0}},\n"                                       \
    "    {\"Sequence\": {\"id\": \"B\", \"type_id\": 1}}\n  ], \"special_tokens\": {\"<s>\": "     \
    "{\"id\": \"<s>\", \"ids\": [0], \"tokens\": [\"<s>\"]}}},\n"

static const struct {
    sw_pre_tokenizer pre;
    uint32_t bos;
    const char *text;
} families[] = {
    {SW_PRE_GPT2, UINT32_MAX,
     FRONT "  \"normalizer\": null,\n  \"pre_tokenizer\": " BYTE_LEVEL("true") ",\n" NO_POST BACK(
         "false")},
    {SW_PRE_SMOLLM, UINT32_MAX,
     FRONT "  \"normalizer\": null,\n  \"pre_tokenizer\": {\"type\": \"Sequence\", "
           "\"pretokenizers\": [\n    {\"type\": \"Digits\", \"individual_digits\": true},\n"
           "    " BYTE_LEVEL("true") "\n  ]},\n" NO_POST BACK("false")},
    {SW_PRE_LLAMA3, 0,
     FRONT "  \"normalizer\": null,\n  \"pre_tokenizer\": " SPLIT("\\\\p{N}{1,3}") ",\n" BOS BACK(
         "true")},
    {SW_PRE_QWEN2, UINT32_MAX,
     FRONT "  \"normalizer\": {\"type\": \"NFC\"},\n  \"pre_tokenizer\": " SPLIT(
         "\\\\p{N}") ",\n" NO_POST BACK("false")},
};

static void each_family_has_its_text(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(families); i++) {
        SW_SCOPED(sw_buffer) out = SW_BUFFER(1 << 14);
        const sw_tokenizer_parts parts = parts_of(families[i].pre, families[i].bos);
        sw_error err = {0};
        if (sw_tokenizer_write(&parts, &out, &err) != SW_OK) fail_msg("%s", err.message);
        sw_put_u8(&out, 0);
        assert_string_equal((const char *)out.data, families[i].text);
    }
}

static void what_is_written_encodes(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(families); i++) {
        sw_tokenizer *t = NULL;
        sw_tokens ids = {0};
        assert_int_equal(sw_tokenizer_open(sw_text(families[i].text), &t, NULL), SW_OK);
        assert_int_equal(sw_tokenizer_encode(t, SW_LITERAL("<u>a<s>"), true, &ids, NULL), SW_OK);
        bool bos = families[i].bos != UINT32_MAX;
        assert_int_equal(ids.count, bos ? 4 : 3);
        assert_int_equal(ids.ids[bos], 4);
        assert_int_equal(ids.ids[bos + 1], 1);
        assert_int_equal(ids.ids[bos + 2], 0);
        sw_tokens_free(&ids);
        sw_tokenizer_close(&t);
    }
}

static void wrong_parts_are_refused(void **state) {
    (void)state;
    static const sw_bytes bad_text[] = {SW_LITERAL("\xff")};
    static const sw_bytes repeated[] = {SW_LITERAL("<s>"), SW_LITERAL("a"), SW_LITERAL("a"),
                                        SW_LITERAL("b"), SW_LITERAL("c")};
    static const sw_bytes unknown[] = {SW_LITERAL("a z")}, spaces[] = {SW_LITERAL("a  \"")};
    const sw_tokenizer_parts base = parts_of(SW_PRE_SMOLLM, UINT32_MAX);
    sw_tokenizer_parts cases[9] = {base, base, base, base, base, base, base, base, base};
    static const sw_status wanted[9] = {SW_LIMIT,     SW_LIMIT,     SW_LIMIT,
                                        SW_MALFORMED, SW_MALFORMED, SW_MALFORMED,
                                        SW_MALFORMED, SW_MALFORMED, SW_MALFORMED};
    cases[0].count = 0;
    cases[1].count = ((size_t)1 << 20) + 1;
    cases[2].merge_count = ((size_t)1 << 20) + 1;
    cases[3].bos = COUNT(tokens);
    cases[4].tokens = bad_text, cases[4].count = 1;
    cases[5].merges = bad_text;
    cases[6].tokens = repeated;
    cases[7].merges = unknown;
    cases[8].merges = spaces;
    for (size_t i = 0; i < COUNT(cases); i++) {
        SW_SCOPED(sw_buffer) out = SW_BUFFER(1 << 14);
        assert_int_equal(sw_tokenizer_write(&cases[i], &out, NULL), wanted[i]);
        assert_int_equal(out.size, 0);
    }
    SW_SCOPED(sw_buffer) small = SW_BUFFER(100);
    assert_int_equal(sw_tokenizer_write(&base, &small, NULL), SW_LIMIT);
    assert_int_equal(small.size, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_family_has_its_text),
                                       cmocka_unit_test(what_is_written_encodes),
                                       cmocka_unit_test(wrong_parts_are_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
