/* SPDX-License-Identifier: Apache-2.0
 *
 * A GGUF's tokeniser as tokenizer.json and tokenizer_config.json (MODEL-065 to MODEL-069).
 *
 * The token types and the pre-tokeniser's name say what the file means; a type or a name that is
 * not in the tables is refused, never guessed.
 */
#include "model/model_internal.h"

#define KEY "tokenizer.ggml."

static const struct {
    const char *name;
    sw_pre_tokenizer pre;
} pres[] = {{"smollm", SW_PRE_SMOLLM}, {"gpt-2", SW_PRE_GPT2},      {"llama-bpe", SW_PRE_LLAMA3},
            {"llama3", SW_PRE_LLAMA3}, {"llama-v3", SW_PRE_LLAMA3}, {"qwen2", SW_PRE_QWEN2}};

static sw_status refused(sw_error *err, const char *key, sw_bytes value) {
    char shown[SW_SHOWN_NAME_BYTES];
    return sw_fail(err, SW_REFUSED, "unsupported", "GGUF: %s \"%s\" is not supported", key,
                   sw_shown_name(shown, value));
}

static sw_status find_text(const sw_gguf *g, const char *key, sw_bytes *out, sw_error *err) {
    const sw_gguf_entry *e = sw_gguf_find(g, key);
    if (e == NULL || e->kind != SW_GGUF_TEXT)
        return sw_fail(err, SW_MALFORMED, "format", "GGUF: %s is missing or no text", key);
    *out = e->text;
    return SW_OK;
}

static sw_status find_pre(const sw_gguf *g, sw_pre_tokenizer *out, sw_error *err) {
    sw_bytes model, pre;
    SW_TRY(find_text(g, KEY "model", &model, err));
    if (!sw_bytes_is(model, "gpt2")) return refused(err, KEY "model", model);
    SW_TRY(find_text(g, KEY "pre", &pre, err));
    for (size_t i = 0; i < sizeof pres / sizeof pres[0]; i++) {
        if (!sw_bytes_is(pre, pres[i].name)) continue;
        *out = pres[i].pre;
        return SW_OK;
    }
    return refused(err, KEY "pre", pre);
}

/* llama.cpp's token types: 1 normal, 3 control, 4 user-defined, 5 unused (a placeholder). */
static sw_status read_kinds(sw_arena *arena, const sw_gguf_entry *types, size_t count,
                            const sw_token_kind **out, sw_error *err) {
    sw_token_kind *kinds = SW_ARENA_NEW(arena, sw_token_kind, count);
    if (kinds == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a vocabulary");
    for (size_t i = 0; i < count; i++) {
        int64_t type = types->integers[i];
        if (type != 1 && type != 3 && type != 4 && type != 5)
            return sw_fail(err, SW_REFUSED, "unsupported",
                           "GGUF: token %zu has the type %lld, which is not supported", i,
                           (long long)type);
        kinds[i] = type == 3 ? SW_TOKEN_CONTROL : type == 4 ? SW_TOKEN_USER : SW_TOKEN_NORMAL;
    }
    *out = kinds;
    return SW_OK;
}

static bool is_array(const sw_gguf_entry *e, sw_gguf_kind kind) {
    return e != NULL && e->kind == SW_GGUF_ARRAY && e->items_kind == kind;
}

static sw_status read_flag(const sw_gguf *g, const char *key, bool *out, sw_error *err) {
    const sw_gguf_entry *e = sw_gguf_find(g, key);
    *out = false;
    if (e == NULL) return SW_OK;
    if (e->kind != SW_GGUF_FLAG)
        return sw_fail(err, SW_MALFORMED, "format", "GGUF: %s is no flag", key);
    *out = e->flag;
    return SW_OK;
}

/* What stands before every text, and what must not. */
static sw_status read_frame(const sw_gguf *g, const sw_model_config *config, uint32_t *bos,
                            sw_error *err) {
    bool add_bos, add_eos, add_space;
    SW_TRY(read_flag(g, KEY "add_bos_token", &add_bos, err));
    SW_TRY(read_flag(g, KEY "add_eos_token", &add_eos, err));
    SW_TRY(read_flag(g, KEY "add_space_prefix", &add_space, err));
    if (add_eos) return refused(err, KEY "add_eos_token", SW_LITERAL("true"));
    if (add_space) return refused(err, KEY "add_space_prefix", SW_LITERAL("true"));
    if (add_bos && config->bos_token_id == UINT32_MAX)
        return sw_fail(err, SW_MALFORMED, "format",
                       "GGUF: " KEY "add_bos_token without " KEY "bos_token_id");
    *bos = add_bos ? config->bos_token_id : UINT32_MAX;
    return SW_OK;
}

static sw_status read_parts(sw_arena *arena, const sw_gguf *g, const sw_model_config *config,
                            sw_tokenizer_parts *out, sw_error *err) {
    sw_tokenizer_parts parts = {0};
    const sw_gguf_entry *tokens = sw_gguf_find(g, KEY "tokens");
    const sw_gguf_entry *types = sw_gguf_find(g, KEY "token_type");
    const sw_gguf_entry *merges = sw_gguf_find(g, KEY "merges");
    SW_TRY(find_pre(g, &parts.pre, err));
    if (!is_array(tokens, SW_GGUF_TEXT) || !is_array(merges, SW_GGUF_TEXT) ||
        !is_array(types, SW_GGUF_INTEGER))
        return sw_fail(err, SW_MALFORMED, "format",
                       "GGUF: " KEY "tokens, token_type or merges is missing or ill-typed");
    if (tokens->count != config->vocab_size || types->count != tokens->count)
        return sw_fail(err, SW_MALFORMED, "format",
                       "GGUF: %zu tokens with %zu types for an embedding of %u rows", tokens->count,
                       types->count, config->vocab_size);
    parts.tokens = tokens->texts;
    parts.count = tokens->count;
    parts.merges = merges->texts;
    parts.merge_count = merges->count;
    SW_TRY(read_kinds(arena, types, tokens->count, &parts.kinds, err));
    SW_TRY(read_frame(g, config, &parts.bos, err));
    *out = parts;
    return SW_OK;
}

static void put_token(sw_buffer *out, const sw_tokenizer_parts *parts, const char *name,
                      uint32_t id) {
    if (id >= parts->count) return;
    sw_put_format(out, "  \"%s\": ", name);
    sw_put_json_text(out, parts->tokens[id]);
    sw_put_text(out, ",\n");
}

/* PreTrainedTokenizerFast takes everything from tokenizer.json in every version of transformers. */
static sw_status put_settings(const sw_gguf *g, const sw_model_config *config,
                              const sw_tokenizer_parts *parts, sw_buffer *out, sw_error *err) {
    const sw_gguf_entry *unknown = sw_gguf_find(g, KEY "unknown_token_id");
    sw_put_text(out, "{\n");
    put_token(out, parts, "bos_token", config->bos_token_id);
    if (sw_gguf_find(g, "tokenizer.chat_template") != NULL) {
        sw_bytes text;
        SW_TRY(find_text(g, "tokenizer.chat_template", &text, err));
        sw_put_text(out, "  \"chat_template\": ");
        sw_put_json_text(out, text);
        sw_put_text(out, ",\n");
    }
    sw_put_text(out, "  \"clean_up_tokenization_spaces\": false,\n");
    put_token(out, parts, "eos_token", config->eos_token_id);
    sw_put_format(out, "  \"model_max_length\": %u,\n", config->max_position_embeddings);
    put_token(out, parts, "pad_token", config->pad_token_id);
    sw_put_text(out, "  \"tokenizer_class\": \"PreTrainedTokenizerFast\"");
    if (unknown != NULL && unknown->kind == SW_GGUF_INTEGER && unknown->integer >= 0 &&
        (uint64_t)unknown->integer < parts->count) {
        sw_put_text(out, ",\n  \"unk_token\": ");
        sw_put_json_text(out, parts->tokens[unknown->integer]);
    }
    sw_put_text(out, "\n}\n");
    return sw_buffer_check(out, "a tokenizer_config.json", err);
}

sw_status sw_gguf_write_tokenizer(const sw_gguf *g, const sw_model_config *config,
                                  sw_buffer *tokenizer, sw_buffer *settings, sw_error *err) {
    SW_SCOPED(sw_arena) arena = {0};
    sw_tokenizer_parts parts;
    SW_TRY(read_parts(&arena, g, config, &parts, err));
    SW_TRY(sw_tokenizer_write(&parts, tokenizer, err));
    return put_settings(g, config, &parts, settings, err);
}
