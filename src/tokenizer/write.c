/* SPDX-License-Identifier: Apache-2.0
 *
 * Writing a tokenizer.json (MODEL-078): the whole vocabulary stands in the model, control and user
 * tokens besides in added_tokens, one entry a line.
 *
 * What was written is opened before it is handed out, so every refusal of open.c holds for it too.
 */
#include "codec/text.h"
#include "tokenizer/tokenizer_internal.h"

static void put_text(sw_buffer *out, sw_bytes text) {
    const sw_json value = {.type = SW_JSON_STRING, .text = text};
    sw_json_encode(out, &value);
}

static void put_added(sw_buffer *out, const sw_tokenizer_parts *p) {
    const char *comma = "";
    sw_put_text(out, "  \"added_tokens\": [");
    for (size_t i = 0; i < p->count; i++) {
        if (p->kinds[i] == SW_TOKEN_NORMAL) continue;
        sw_put_format(out, "%s\n    {\"id\": %zu, \"content\": ", comma, i);
        put_text(out, p->tokens[i]);
        sw_put_format(out,
                      ", \"single_word\": false, \"lstrip\": false, \"rstrip\": false, "
                      "\"normalized\": false, \"special\": %s}",
                      p->kinds[i] == SW_TOKEN_CONTROL ? "true" : "false");
        comma = ",";
    }
    sw_put_text(out, "\n  ],\n");
}

static void put_byte_level(sw_buffer *out, bool use_regex) {
    sw_put_format(out,
                  "{\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"trim_offsets\": true, "
                  "\"use_regex\": %s}",
                  use_regex ? "true" : "false");
}

static void put_pre_tokenizer(sw_buffer *out, sw_pre_tokenizer pre) {
    sw_put_text(out, "  \"pre_tokenizer\": ");
    if (pre == SW_PRE_MARKED) {
        sw_put_text(out, "null");
    } else if (pre == SW_PRE_GPT2) {
        put_byte_level(out, true);
    } else {
        sw_put_text(out, "{\"type\": \"Sequence\", \"pretokenizers\": [\n    ");
        if (pre == SW_PRE_SMOLLM) {
            sw_put_text(out, "{\"type\": \"Digits\", \"individual_digits\": true}");
        } else {
            sw_put_text(out, "{\"type\": \"Split\", \"pattern\": {\"Regex\": ");
            put_text(out, sw_text(sw_split_regex(pre == SW_PRE_LLAMA3 ? SW_SPLIT_LLAMA3
                                                                      : SW_SPLIT_QWEN2)));
            sw_put_text(out, "}, \"behavior\": \"Isolated\", \"invert\": false}");
        }
        sw_put_text(out, ",\n    ");
        put_byte_level(out, pre == SW_PRE_SMOLLM);
        sw_put_text(out, "\n  ]}");
    }
    sw_put_text(out, ",\n");
}

static void put_normalizer(sw_buffer *out, sw_pre_tokenizer pre) {
    sw_put_text(out, "  \"normalizer\": ");
    if (pre == SW_PRE_MARKED)
        sw_put_text(out, "{\"type\": \"Sequence\", \"normalizers\": [\n"
                         "    {\"type\": \"Prepend\", \"prepend\": \"" SW_MARK "\"},\n"
                         "    {\"type\": \"Replace\", \"pattern\": {\"String\": \" \"}, "
                         "\"content\": \"" SW_MARK "\"}\n  ]}");
    else
        sw_put_text(out, pre == SW_PRE_QWEN2 ? "{\"type\": \"NFC\"}" : "null");
    sw_put_text(out, ",\n");
}

static void put_decoder(sw_buffer *out, sw_pre_tokenizer pre) {
    if (pre == SW_PRE_MARKED)
        sw_put_text(out, "  \"decoder\": {\"type\": \"Sequence\", \"decoders\": [\n"
                         "    {\"type\": \"Replace\", \"pattern\": {\"String\": \"" SW_MARK
                         "\"}, \"content\": \" \"},\n    {\"type\": \"ByteFallback\"},\n"
                         "    {\"type\": \"Fuse\"},\n    {\"type\": \"Strip\", \"content\": \" "
                         "\", \"start\": 1, \"stop\": 0}\n  ]},\n");
    else
        sw_put_text(out, "  \"decoder\": {\"type\": \"ByteLevel\", \"add_prefix_space\": true, "
                         "\"trim_offsets\": true, \"use_regex\": true},\n");
}

static void put_post_processor(sw_buffer *out, const sw_tokenizer_parts *p) {
    if (p->bos == UINT32_MAX) {
        sw_put_text(out, "  \"post_processor\": null,\n");
        return;
    }
    sw_put_text(out, "  \"post_processor\": {\"type\": \"TemplateProcessing\", \"single\": [\n"
                     "    {\"SpecialToken\": {\"id\": ");
    put_text(out, p->tokens[p->bos]);
    sw_put_text(out, ", \"type_id\": 0}},\n    {\"Sequence\": {\"id\": \"A\", \"type_id\": 0}}\n"
                     "  ], \"pair\": [\n    {\"Sequence\": {\"id\": \"A\", \"type_id\": 0}},\n"
                     "    {\"Sequence\": {\"id\": \"B\", \"type_id\": 1}}\n"
                     "  ], \"special_tokens\": {");
    put_text(out, p->tokens[p->bos]);
    sw_put_text(out, ": {\"id\": ");
    put_text(out, p->tokens[p->bos]);
    sw_put_format(out, ", \"ids\": [%u], \"tokens\": [", p->bos);
    put_text(out, p->tokens[p->bos]);
    sw_put_text(out, "]}}},\n");
}

static void put_model(sw_buffer *out, const sw_tokenizer_parts *p) {
    const char *marked = p->pre == SW_PRE_MARKED ? "true" : "false";
    sw_put_text(out, "  \"model\": {\"type\": \"BPE\", \"dropout\": null, \"unk_token\": ");
    if (p->pre == SW_PRE_MARKED)
        put_text(out, p->tokens[p->unknown]);
    else
        sw_put_text(out, "null");
    sw_put_format(out,
                  ", \"continuing_subword_prefix\": null, \"end_of_word_suffix\": null, "
                  "\"fuse_unk\": %s, \"byte_fallback\": %s, \"ignore_merges\": %s,\n"
                  "  \"vocab\": {",
                  marked, marked, p->pre == SW_PRE_LLAMA3 ? "true" : "false");
    for (size_t i = 0; i < p->count; i++) {
        sw_put_text(out, i == 0 ? "\n    " : ",\n    ");
        put_text(out, p->tokens[i]);
        sw_put_format(out, ": %zu", i);
    }
    sw_put_text(out, "\n  },\n  \"merges\": [");
    for (size_t i = 0; i < p->merge_count; i++) {
        sw_put_text(out, i == 0 ? "\n    " : ",\n    ");
        put_text(out, p->merges[i]);
    }
    sw_put_text(out, "\n  ]}\n}\n");
}

static sw_status check_parts(const sw_tokenizer_parts *p, sw_error *err) {
    if (p->count == 0 || p->count > SW_TOKENIZER_VOCAB_LIMIT ||
        p->merge_count > SW_TOKENIZER_MERGE_LIMIT)
        return sw_fail(err, SW_LIMIT, "limit", "a vocabulary of %zu tokens and %zu merges",
                       p->count, p->merge_count);
    if (p->bos != UINT32_MAX && p->bos >= p->count)
        return sw_fail(err, SW_MALFORMED, "format", "token %u is not in the vocabulary", p->bos);
    if (p->pre == SW_PRE_MARKED && p->unknown >= p->count)
        return sw_fail(err, SW_MALFORMED, "format", "the unknown token is not in the vocabulary");
    for (size_t i = 0; i < p->count; i++)
        if (!sw_utf8_valid(p->tokens[i]))
            return sw_fail(err, SW_MALFORMED, "format", "token %zu is not valid UTF-8", i);
    for (size_t i = 0; i < p->merge_count; i++)
        if (!sw_utf8_valid(p->merges[i]))
            return sw_fail(err, SW_MALFORMED, "format", "merge %zu is not valid UTF-8", i);
    return SW_OK;
}

sw_status sw_tokenizer_write(const sw_tokenizer_parts *parts, sw_buffer *out, sw_error *err) {
    SW_SCOPED(sw_buffer) file = SW_BUFFER(SW_TOKENIZER_FILE_LIMIT);
    sw_tokenizer *opened = NULL;
    SW_TRY(check_parts(parts, err));
    sw_put_text(&file,
                "{\n  \"version\": \"1.0\",\n  \"truncation\": null,\n  \"padding\": null,\n");
    put_added(&file, parts);
    put_normalizer(&file, parts->pre);
    put_pre_tokenizer(&file, parts->pre);
    put_post_processor(&file, parts);
    put_decoder(&file, parts->pre);
    put_model(&file, parts);
    SW_TRY(sw_buffer_check(&file, "a tokenizer.json", err));
    sw_status status = sw_tokenizer_open(sw_buffer_bytes(&file), &opened, err);
    if (status != SW_OK) sw_error_prefix(err, "a tokenizer.json of this vocabulary");
    SW_TRY(status);
    sw_tokenizer_close(&opened);
    sw_put_bytes(out, sw_buffer_bytes(&file));
    return sw_buffer_check(out, "a tokenizer.json", err);
}
