/* SPDX-License-Identifier: Apache-2.0
 *
 * A GGUF's tokeniser as tokenizer.json and tokenizer_config.json (MODEL-065 to MODEL-069,
 * MODEL-105).
 *
 * The token types and the pre-tokeniser's name say what the file means; a type or a name that is
 * not in the tables is refused, never guessed.
 */
#include "codec/text.h"
#include "model/model_internal.h"
#include <string.h>

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

/* Files of SentencePiece's kind name no pre-tokeniser, or "default". */
static sw_status find_marked(const sw_gguf *g, sw_pre_tokenizer *out, sw_error *err) {
    sw_bytes pre = SW_LITERAL("default");
    if (sw_gguf_find(g, KEY "pre") != NULL) SW_TRY(find_text(g, KEY "pre", &pre, err));
    if (!sw_bytes_is(pre, "default")) return refused(err, KEY "pre", pre);
    if (sw_gguf_find(g, KEY "precompiled_charsmap") != NULL)
        return sw_fail(err, SW_REFUSED, "unsupported",
                       "GGUF: " KEY "precompiled_charsmap is not supported");
    *out = SW_PRE_MARKED;
    return SW_OK;
}

static sw_status find_pre(const sw_gguf *g, sw_pre_tokenizer *out, sw_error *err) {
    sw_bytes model, pre;
    SW_TRY(find_text(g, KEY "model", &model, err));
    if (sw_bytes_is(model, "llama")) return find_marked(g, out, err);
    if (!sw_bytes_is(model, "gpt2")) return refused(err, KEY "model", model);
    SW_TRY(find_text(g, KEY "pre", &pre, err));
    for (size_t i = 0; i < sizeof pres / sizeof pres[0]; i++) {
        if (!sw_bytes_is(pre, pres[i].name)) continue;
        *out = pres[i].pre;
        return SW_OK;
    }
    return refused(err, KEY "pre", pre);
}

/* llama.cpp's token types. UNUSED is a placeholder; UNKNOWN and BYTE are of marked text alone. */
enum { NORMAL = 1, UNKNOWN, CONTROL, USER, UNUSED, BYTE };

static bool type_known(int64_t type, bool marked) {
    return type >= NORMAL && type <= BYTE && (marked || (type != UNKNOWN && type != BYTE));
}

/* `<0x00>` to `<0xFF>`: any other spelling would be an entry of its text. */
static bool is_byte_token(sw_bytes token) {
    static const char digits[] = "0123456789ABCDEF";
    return token.size == 6 && memcmp(token.data, "<0x", 3) == 0 && token.data[5] == '>' &&
           memchr(digits, token.data[3], 16) != NULL && memchr(digits, token.data[4], 16) != NULL;
}

static sw_status read_kinds(sw_arena *arena, const sw_gguf_entry *types, sw_tokenizer_parts *p,
                            sw_error *err) {
    sw_token_kind *kinds = SW_ARENA_NEW(arena, sw_token_kind, p->count);
    if (kinds == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a vocabulary");
    for (size_t i = 0; i < p->count; i++) {
        int64_t type = types->integers[i];
        if (!type_known(type, p->pre == SW_PRE_MARKED))
            return sw_fail(err, SW_REFUSED, "unsupported",
                           "GGUF: token %zu has the type %lld, which is not supported", i,
                           (long long)type);
        if (type == BYTE && !is_byte_token(p->tokens[i]))
            return sw_fail(err, SW_REFUSED, "unsupported",
                           "GGUF: token %zu has the type 6 and is no <0xNN>", i);
        kinds[i] = type == CONTROL || type == UNKNOWN ? SW_TOKEN_CONTROL
                   : type == USER                     ? SW_TOKEN_USER
                                                      : SW_TOKEN_NORMAL;
        if (type == UNKNOWN && p->unknown != UINT32_MAX)
            return sw_fail(err, SW_MALFORMED, "format", "GGUF: token %zu is a second unknown one",
                           i);
        if (type == UNKNOWN) p->unknown = (uint32_t)i;
    }
    p->kinds = kinds;
    return SW_OK;
}

static bool is_array(const sw_gguf_entry *e, sw_gguf_kind kind) {
    return e != NULL && e->kind == SW_GGUF_ARRAY && e->items_kind == kind;
}

/* `out` keeps its value where there is no such entry. */
static sw_status read_flag(const sw_gguf *g, const char *key, bool *out, sw_error *err) {
    const sw_gguf_entry *e = sw_gguf_find(g, key);
    if (e == NULL) return SW_OK;
    if (e->kind != SW_GGUF_FLAG)
        return sw_fail(err, SW_MALFORMED, "format", "GGUF: %s is no flag", key);
    *out = e->flag;
    return SW_OK;
}

static const char *word_of(bool flag) {
    return flag ? "true" : "false";
}

/* What stands before every text, and what must not. Without a word marked text has bos and a
 * blank, and text of Llama 3 has bos, as llama.cpp has it. */
static sw_status read_frame(const sw_gguf *g, const sw_model_config *config, sw_pre_tokenizer pre,
                            uint32_t *bos, sw_error *err) {
    const bool marked = pre == SW_PRE_MARKED;
    bool add_bos = marked || pre == SW_PRE_LLAMA3, add_eos = false, add_space = marked,
         remove_spaces = false;
    SW_TRY(read_flag(g, KEY "remove_extra_whitespaces", &remove_spaces, err));
    SW_TRY(read_flag(g, KEY "add_bos_token", &add_bos, err));
    SW_TRY(read_flag(g, KEY "add_eos_token", &add_eos, err));
    SW_TRY(read_flag(g, KEY "add_space_prefix", &add_space, err));
    if (add_eos) return refused(err, KEY "add_eos_token", SW_LITERAL("true"));
    if (add_space != marked)
        return refused(err, KEY "add_space_prefix", sw_text(word_of(add_space)));
    if (remove_spaces) return refused(err, KEY "remove_extra_whitespaces", SW_LITERAL("true"));
    if (add_bos && config->bos_token_id == UINT32_MAX)
        return sw_fail(err, SW_MALFORMED, "format",
                       "GGUF: " KEY "add_bos_token without " KEY "bos_token_id");
    *bos = add_bos ? config->bos_token_id : UINT32_MAX;
    return SW_OK;
}

/* From the file, or from the scores. */
static sw_status read_merges(sw_arena *arena, const sw_gguf *g, sw_tokenizer_parts *parts,
                             sw_error *err) {
    const bool marked = parts->pre == SW_PRE_MARKED;
    const char *key = marked ? KEY "scores" : KEY "merges";
    const sw_gguf_entry *e = sw_gguf_find(g, key);
    if (!is_array(e, marked ? SW_GGUF_REAL : SW_GGUF_TEXT))
        return sw_fail(err, SW_MALFORMED, "format", "GGUF: %s is missing or ill-typed", key);
    if (!marked) {
        parts->merges = e->texts;
        parts->merge_count = e->count;
        return SW_OK;
    }
    if (e->count != parts->count)
        return sw_fail(err, SW_MALFORMED, "format", "GGUF: %zu tokens with %zu scores",
                       parts->count, e->count);
    sw_status status = sw_tokenizer_rank_merges(arena, parts, e->reals, err);
    if (status != SW_OK) sw_error_prefix(err, "GGUF");
    return status;
}

/* Added tokens are looked for before blanks are marked, so one with a mark would never be found. */
static sw_status check_user_tokens(const sw_tokenizer_parts *p, sw_error *err) {
    if (p->pre != SW_PRE_MARKED) return SW_OK;
    if (p->unknown == UINT32_MAX)
        return sw_fail(err, SW_MALFORMED, "format", "GGUF: no token is the unknown one");
    for (size_t i = 0; i < p->count; i++)
        if (p->kinds[i] == SW_TOKEN_USER &&
            memmem(p->tokens[i].data, p->tokens[i].size, "\xe2\x96\x81", 3) != NULL)
            return sw_fail(err, SW_REFUSED, "unsupported",
                           "GGUF: token %zu is user-defined and holds U+2581", i);
    return SW_OK;
}

/* What the file says of it must be so; without types of its own the token is only named. */
static sw_status check_unknown(const sw_gguf *g, sw_tokenizer_parts *p, sw_error *err) {
    const sw_gguf_entry *e = sw_gguf_find(g, KEY "unknown_token_id");
    if (e == NULL) return SW_OK;
    if (e->kind != SW_GGUF_INTEGER || e->integer < 0 || (uint64_t)e->integer >= p->count)
        return sw_fail(err, SW_MALFORMED, "format",
                       "GGUF: " KEY "unknown_token_id is no token's id");
    if (p->pre == SW_PRE_MARKED && (uint64_t)e->integer != p->unknown)
        return sw_fail(err, SW_MALFORMED, "format",
                       "GGUF: " KEY "unknown_token_id is not the token of type 2");
    p->unknown = (uint32_t)e->integer;
    return SW_OK;
}

static sw_status read_parts(sw_arena *arena, const sw_gguf *g, const sw_model_config *config,
                            sw_tokenizer_parts *out, sw_error *err) {
    sw_tokenizer_parts parts = {.unknown = UINT32_MAX};
    const sw_gguf_entry *tokens = sw_gguf_find(g, KEY "tokens");
    const sw_gguf_entry *types = sw_gguf_find(g, KEY "token_type");
    SW_TRY(find_pre(g, &parts.pre, err));
    if (!is_array(tokens, SW_GGUF_TEXT) || !is_array(types, SW_GGUF_INTEGER))
        return sw_fail(err, SW_MALFORMED, "format",
                       "GGUF: " KEY "tokens or token_type is missing or ill-typed");
    if (tokens->count != config->vocab_size || types->count != tokens->count)
        return sw_fail(err, SW_MALFORMED, "format",
                       "GGUF: %zu tokens with %zu types for an embedding of %u rows", tokens->count,
                       types->count, config->vocab_size);
    parts.tokens = tokens->texts;
    parts.count = tokens->count;
    SW_TRY(read_kinds(arena, types, &parts, err));
    SW_TRY(check_user_tokens(&parts, err));
    SW_TRY(check_unknown(g, &parts, err));
    SW_TRY(read_frame(g, config, parts.pre, &parts.bos, err));
    SW_TRY(read_merges(arena, g, &parts, err));
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
    sw_put_text(out, "{\n");
    put_token(out, parts, "bos_token", config->bos_token_id);
    if (sw_gguf_find(g, "tokenizer.chat_template") != NULL) {
        sw_bytes text;
        SW_TRY(find_text(g, "tokenizer.chat_template", &text, err));
        if (!sw_utf8_valid(text))
            return sw_fail(err, SW_MALFORMED, "format",
                           "GGUF: tokenizer.chat_template is not valid UTF-8");
        sw_put_text(out, "  \"chat_template\": ");
        sw_put_json_text(out, text);
        sw_put_text(out, ",\n");
    }
    sw_put_text(out, "  \"clean_up_tokenization_spaces\": false,\n");
    put_token(out, parts, "eos_token", config->eos_token_id);
    sw_put_format(out, "  \"model_max_length\": %u,\n", config->max_position_embeddings);
    put_token(out, parts, "pad_token", config->pad_token_id);
    sw_put_text(out, "  \"tokenizer_class\": \"PreTrainedTokenizerFast\"");
    if (parts->unknown < parts->count) {
        sw_put_text(out, ",\n  \"unk_token\": ");
        sw_put_json_text(out, parts->tokens[parts->unknown]);
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
