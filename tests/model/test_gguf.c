/* SPDX-License-Identifier: Apache-2.0
 *
 * GGUF: each type dequantised to the bits of PyPI's gguf, a miniature file imported to the bytes
 * that tests/model/make_gguf.py computed, and every way to be wrong (MODEL-040 to MODEL-069).
 */
#include "codec/text.h"
#include "model/gguf_files.h"
#include <math.h>

#include "model/golden_dequantise.h"

/* ---- dequantisation ---- */

static void types_have_the_reference_bits(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(golden); i++) {
        SW_SCOPED(sw_arena) arena = {0};
        const char *name = NULL;
        const sw_gguf_type *type = sw_gguf_type_of(golden[i].type, &name);
        assert_non_null(type);
        size_t in_size = strlen(golden[i].blocks) / 2, out_size = strlen(golden[i].values) / 2;
        size_t elements = in_size / type->block_bytes * type->block_elements;
        assert_int_equal(out_size, 4 * elements);
        uint8_t *in = sw_arena_alloc(&arena, in_size, 1);
        uint8_t *wanted = sw_arena_alloc(&arena, out_size, 1);
        float *out = SW_ARENA_NEW(&arena, float, elements);
        assert_int_equal(sw_hex_decode(in, in_size, sw_text(golden[i].blocks), false, NULL), SW_OK);
        assert_int_equal(sw_hex_decode(wanted, out_size, sw_text(golden[i].values), false, NULL),
                         SW_OK);
        sw_gguf_dequantise(type, out, in, elements);
        if (memcmp(out, wanted, out_size) != 0) fail_msg("%s differs", type->name);
    }
    assert_int_equal(COUNT(golden), 11);
}

static void other_types_are_known_by_name(void **state) {
    (void)state;
    const char *name = "";
    assert_null(sw_gguf_type_of(10, &name));
    assert_string_equal(name, "Q2_K");
    assert_null(sw_gguf_type_of(4, &name));
    assert_null(name);
    assert_null(sw_gguf_type_of(UINT32_MAX, &name));
}

/* ---- import ---- */

static const char config_json[] =
    "{\n  \"architectures\": [\n    \"LlamaForCausalLM\"\n  ],\n  \"attention_bias\": false,\n"
    "  \"attention_dropout\": 0.0,\n  \"bos_token_id\": 1,\n  \"eos_token_id\": 2,\n"
    "  \"head_dim\": 16,\n  \"hidden_act\": \"silu\",\n  \"hidden_size\": 32,\n"
    "  \"initializer_range\": 0.02,\n  \"intermediate_size\": 64,\n"
    "  \"max_position_embeddings\": 128,\n  \"mlp_bias\": false,\n  \"model_type\": \"llama\",\n"
    "  \"num_attention_heads\": 2,\n  \"num_hidden_layers\": 1,\n  \"num_key_value_heads\": 1,\n"
    "  \"pad_token_id\": 2,\n  \"rms_norm_eps\": 1e-05,\n  \"rope_scaling\": null,\n"
    "  \"rope_theta\": 10000.0,\n  \"tie_word_embeddings\": true,\n"
    "  \"torch_dtype\": \"float32\",\n  \"use_cache\": true,\n  \"vocab_size\": 264\n}\n";

static void the_miniature_imports(void **state) {
    (void)state;
    static const uint32_t wanted[] = {1, 261, 3 + 'x', 263, 3 + '1', 3 + '2'}; /* digits alone */
    folder f = {.count = 0};
    sw_error err = {0};
    sw_model m;
    sw_tokenizer *t = NULL;
    sw_tokens tokens = {0};
    sw_bytes gguf = read_golden(&f.arena, "model", "mini.gguf");
    if (import(gguf, SW_DTYPE_F32, &f, &err) != SW_OK) fail_msg("%s", err.message);
    assert_int_equal(f.count, 5);
    assert_true(sw_bytes_equal(file_of(&f, "model.safetensors"),
                               read_golden(&f.arena, "model", "mini-f32.safetensors")));
    assert_true(sw_bytes_is(file_of(&f, "config.json"), config_json));
    assert_true(sw_bytes_is(file_of(&f, "generation_config.json"),
                            "{\n  \"bos_token_id\": 1,\n  \"eos_token_id\": 2,\n"
                            "  \"pad_token_id\": 2,\n  \"use_cache\": true\n}\n"));
    assert_int_equal(sw_model_open(&f.arena, f.files, f.count, &m, NULL), SW_OK);
    assert_true(m.config.rms_norm_eps == 1e-5 && m.dtype == SW_DTYPE_F32);
    assert_int_equal(sw_tokenizer_open(file_of(&f, "tokenizer.json"), &t, NULL), SW_OK);
    assert_int_equal(
        sw_tokenizer_encode(t, SW_LITERAL("<|im_start|> thex<tool>12"), true, &tokens, NULL),
        SW_OK);
    assert_int_equal(tokens.count, COUNT(wanted));
    assert_memory_equal(tokens.ids, wanted, sizeof wanted);
    sw_tokens_free(&tokens);
    sw_tokenizer_close(&t);
    sw_arena_free(&f.arena);
}

/* The first place of `from` becomes `to`, of the same length. */
static void put_instead(sw_bytes file, const char *from, const char *to) {
    uint8_t *at = memmem(file.data, file.size, from, strlen(from));
    assert_non_null(at);
    assert_int_equal(strlen(from), strlen(to));
    memcpy(at, to, strlen(to));
}

/* A file that does not say whether bos stands before every text (MODEL-067): of Llama 3 it does. */
static void bos_that_the_file_does_not_say(void **state) {
    (void)state;
    static const struct {
        const char *pre;
        bool adds;
    } cases[] = {{"smollm", false}, {"llama3", true}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        folder f = {.count = 0};
        sw_error err = {0};
        sw_tokenizer *t = NULL;
        sw_tokens tokens = {0};
        sw_bytes gguf = sw_arena_copy(&f.arena, read_golden(&f.arena, "model", "mini.gguf"));
        put_instead(gguf, "tokenizer.ggml.add_bos_token", "tokenizer.ggml.sub_bos_token");
        put_instead(gguf, "smollm", cases[i].pre);
        if (import(gguf, SW_DTYPE_F32, &f, &err) != SW_OK) fail_msg("%s", err.message);
        assert_int_equal(sw_tokenizer_open(file_of(&f, "tokenizer.json"), &t, NULL), SW_OK);
        assert_int_equal(sw_tokenizer_encode(t, SW_LITERAL("x"), true, &tokens, NULL), SW_OK);
        assert_int_equal(tokens.count, cases[i].adds ? 2 : 1);
        if (cases[i].adds) assert_int_equal(tokens.ids[0], 1);
        sw_tokens_free(&tokens);
        sw_tokenizer_close(&t);
        sw_arena_free(&f.arena);
    }
}

static void the_chat_template_is_kept(void **state) {
    (void)state;
    folder f = {.count = 0};
    sw_json *root = NULL;
    sw_bytes text;
    sw_template template = SW_TEMPLATE_CHATML_SMOLLM2;
    assert_int_equal(import(read_golden(&f.arena, "model", "mini.gguf"), SW_DTYPE_BF16, &f, NULL),
                     SW_OK);
    assert_int_equal(
        sw_json_parse(&f.arena, file_of(&f, "tokenizer_config.json"), NULL, &root, NULL), SW_OK);
    assert_int_equal(sw_json_text(root, "", "chat_template", &text, NULL), SW_OK);
    assert_int_equal(sw_template_recognise(text, &template, NULL), SW_OK);
    assert_int_equal(template, SW_TEMPLATE_CHATML);
    assert_int_equal(sw_json_text(root, "", "bos_token", &text, NULL), SW_OK);
    assert_true(sw_bytes_is(text, "<|im_start|>"));
    assert_int_equal(sw_json_text(root, "", "unk_token", &text, NULL), SW_OK);
    assert_true(sw_bytes_is(text, "<|endoftext|>"));
    sw_arena_free(&f.arena);
}

static void bf16_is_the_rounded_f32(void **state) {
    (void)state;
    folder wide = {.count = 0}, half = {.count = 0};
    sw_tensor_view *a = NULL, *b = NULL;
    size_t count = 0, other = 0, differ = 0;
    sw_bytes gguf = read_golden(&wide.arena, "model", "mini.gguf");
    assert_int_equal(import(gguf, SW_DTYPE_F32, &wide, NULL), SW_OK);
    assert_int_equal(import(gguf, SW_DTYPE_BF16, &half, NULL), SW_OK);
    assert_int_equal(
        sw_safetensors_parse(&wide.arena, file_of(&wide, "model.safetensors"), &a, &count, NULL),
        SW_OK);
    assert_int_equal(
        sw_safetensors_parse(&half.arena, file_of(&half, "model.safetensors"), &b, &other, NULL),
        SW_OK);
    assert_int_equal(count, other);
    for (size_t i = 0; i < count; i++)
        for (size_t e = 0; e < a[i].data.size / 4; e++) {
            float value;
            uint32_t bits;
            uint16_t rounded;
            memcpy(&value, a[i].data.data + 4 * e, 4);
            memcpy(&bits, &value, 4);
            memcpy(&rounded, b[i].data.data + 2 * e, 2);
            /* round to nearest, ties to even, written out */
            uint32_t kept = bits >> 16, rest = bits & 0xffff;
            if (rest > 0x8000 || (rest == 0x8000 && (kept & 1) == 1)) kept++;
            assert_int_equal(rounded, kept);
            differ += rest != 0;
        }
    assert_true(differ > 1000);
    sw_arena_free(&wide.arena);
    sw_arena_free(&half.arena);
}

/* ---- refusals: so many bytes behind the end of a text in the file, put others ---- */

static const patch patches[] = {
    /* the front */
    {"GGU", 0, PUT("f"), SW_MALFORMED, "no GGUF"},
    {"GGUF", 0, PUT("\x01"), SW_REFUSED, "version 1"},
    {"GGUF", 0, PUT("\x04"), SW_REFUSED, "version 4"},
    {"GGUF", 0, PUT("\0\0\0\x03"), SW_REFUSED, "version"}, /* big-endian */
    {"GGUF", 4, PUT("\0"), SW_MALFORMED, "no tensors"},
    {"GGUF", 4, PUT("\x0c"), SW_LIMIT, "longer"},
    {"GGUF", 4, PUT("\x0a"), SW_MALFORMED, ""},
    {"GGUF", 11, PUT("\x80"), SW_LIMIT, "tensors"},
    {"GGUF", 12, PUT("\0"), SW_MALFORMED, "no tensors or no metadata"},
    {"GGUF", 14, PUT("\x01"), SW_LIMIT, "entries"},
    {"GGUF", 20, PUT("\xff\xff\xff\xff\xff\xff\xff\xff"), SW_LIMIT, "longer"},
    {"GGUF", 20, PUT("\x01\x01"), SW_LIMIT, "longer"},
    /* metadata */
    {"general.architecture", 0, PUT("\x0d"), SW_MALFORMED, "unknown type"},
    {"general.architecture", 0, PUT("\xff\xff\xff\xff"), SW_MALFORMED, "unknown type"},
    {"general.architecture", 12, PUT("qwen2"), SW_MALFORMED, "qwen2.embedding_length"},
    {"general.architecture", 12, PUT("gemma"), SW_REFUSED, "architecture gemma"},
    {"general.architecture", 12, PUT("\x07rok\n"), SW_REFUSED, "architecture ?rok?"},
    {"general.architectur", 0, PUT("x"), SW_MALFORMED, "general.architecture is missing"},
    {"general.nam", 0, PUT("\xff"), SW_OK, ""},
    {"general.alignment", 4, PUT("\x21"), SW_MALFORMED, "alignment"},
    {"general.alignment", 4, PUT("\x04"), SW_MALFORMED, "alignment"},
    {"general.alignment", 4, PUT("\x20"), SW_MALFORMED, ""},
    {"general.alignment", 4, PUT("\0\0\x02\0"), SW_MALFORMED, "alignment"},
    {"llama.block_count", 4, PUT("\x02"), SW_MALFORMED, "blk.1"},
    {"llama.block_count", 4, PUT("\0"), SW_MALFORMED, "block_count"},
    {"llama.block_count", 4, PUT("\x01\x04"), SW_LIMIT, "block_count"},
    {"llama.block_coun", 0, PUT("x"), SW_REFUSED, "llama.block_counx"},
    {"llama.block_count", 0, PUT("\x06"), SW_MALFORMED, "llama.block_count"},
    {"llama.context_length", 4, PUT("\0"), SW_MALFORMED, "context_length"},
    {"llama.embedding_length", 4, PUT("\x40"), SW_REFUSED, "rope.dimension_count"},
    {"llama.embedding_length", 4, PUT("\0\0\0\x10"), SW_LIMIT, "embedding_length"},
    {"llama.feed_forward_length", 4, PUT("\x20"), SW_MALFORMED, "shape"},
    {"attention.head_count", 4, PUT("\x04"), SW_REFUSED, "rope.dimension_count"},
    {"attention.head_count_kv", 4, PUT("\x02"), SW_MALFORMED, "attn_k"},
    {"attention.head_count_kv", 4, PUT("\x03"), SW_MALFORMED, "multiple"},
    {"rope.freq_base", 4, PUT("\0\0\0\0"), SW_MALFORMED, "freq_base"},
    {"rope.freq_base", 4, PUT("\0\0\xc0\x7f"), SW_MALFORMED, "freq_base"},
    {"layer_norm_rms_epsilon", 4, PUT("\0\0\0\xbf"), SW_MALFORMED, "epsilon"},
    {"layer_norm_rms_epsilon", 4, PUT("\0\0\x80\x7f"), SW_MALFORMED, "epsilon"},
    {"rope.dimension_count", 4, PUT("\x08"), SW_REFUSED, "rope.dimension_count"},
    {"llama.vocab_size", 4, PUT("\x09"), SW_MALFORMED, ""},
    {"llama.expert_count", 4, PUT("\x08"), SW_REFUSED, "llama.expert_count"},
    /* the tokeniser */
    {"tokenizer.ggml.model", 12, PUT("llma"), SW_REFUSED, "model \"llma\""},
    {"tokenizer.ggml.pre", 12, PUT("tekken"), SW_REFUSED, "pre \"tekken\""},
    {"tokenizer.ggml.pre", 0, PUT("\x04"), SW_LIMIT, "longer"},
    {"tokenizer.ggml.tokens", 8, PUT("\x07"), SW_MALFORMED, "unknown type"},
    {"tokenizer.ggml.tokens", 8, PUT("\xff\xff\xff\x7f"), SW_LIMIT, "array"},
    {"tokenizer.ggml.tokens", 8, PUT("\xff\xff\x0f\0"), SW_MALFORMED, "longer than the file"},
    {"tokenizer.ggml.tokens", 4, PUT("\x09"), SW_MALFORMED, "unknown type"},
    {"tokenizer.ggml.tokens", 4, PUT("\x06"), SW_LIMIT, "longer"},
    {"tokenizer.ggml.token", 0, PUT("x"), SW_MALFORMED, "tokens"},
    {"!", 8, PUT("!"), SW_MALFORMED, "repeated"},
    {"<|im_start|>", 8, PUT("\xff"), SW_MALFORMED, "UTF-8"},
    {"tokenizer.ggml.token_type", 16, PUT("\x06"), SW_REFUSED, "token 0 has the type 6"},
    {"tokenizer.ggml.token_type", 16, PUT("\x02"), SW_REFUSED, "type 2"},
    {"tokenizer.ggml.token_type", 4, PUT("\x06"), SW_MALFORMED, "token_type"},
    {"tokenizer.ggml.merges", 24, PUT("_"), SW_MALFORMED, "merge 0"},
    {"tokenizer.ggml.merges", 24, PUT("h z"), SW_MALFORMED, "merge 0"},
    {"tokenizer.ggml.merges", 24, PUT("\xff"), SW_MALFORMED, "merge 0"},
    {"tokenizer.ggml.bos_token_id", 4, PUT("\x08\x01"), SW_MALFORMED, "bos_token_id"},
    {"tokenizer.chat_template", 12, PUT("\xff"), SW_MALFORMED, "chat_template is not valid UTF-8"},
    {"tokenizer.ggml.unknown_token_id", 4, PUT("\x08\x01"), SW_MALFORMED, "unknown_token_id"},
    {"tokenizer.ggml.eos_token_id", 0, PUT("\x06"), SW_MALFORMED, "eos_token_id"},
    {"tokenizer.ggml.add_bos_token", 4, PUT("\x02"), SW_MALFORMED, "flag"},
    {"tokenizer.ggml.add_bos_token", 4, PUT("\x01"), SW_OK, ""},
    {"tokenizer.ggml.add_space_prefix", 4, PUT("\x01"), SW_REFUSED, "add_space_prefix"},
    /* tensors */
    {"token_embd.weight", 0, PUT("\0"), SW_MALFORMED, "GGUF tensor token_embd.weight has no or"},
    {"token_embd.weight", 0, PUT("\x05"), SW_MALFORMED, "dimensions"},
    {"token_embd.weight", 4, PUT("\x21"), SW_MALFORMED, "token_embd.weight has rows that are no"},
    {"token_embd.weight", 4, PUT("\0"), SW_MALFORMED, "token_embd.weight has a bad dimension"},
    {"token_embd.weight", 12, PUT("\x07"), SW_MALFORMED, ""},
    {"token_embd.weight", 11, PUT("\x80"), SW_MALFORMED, "dimension"},
    {"token_embd.weight", 20, PUT("\x0a"), SW_REFUSED, "token_embd.weight has type Q2_K (10)"},
    {"token_embd.weight", 20, PUT("\x05"), SW_REFUSED, "no known name (5)"},
    {"token_embd.weight", 20, PUT("\x02"), SW_MALFORMED, ""},
    {"token_embd.weight", 24, PUT("\x40"), SW_MALFORMED, "token_embd.weight does not begin"},
    {"token_embd", 0, PUT("_"), SW_MALFORMED, "token_embd.weight is missing"},
    {"blk.0.attn_norm", 0, PUT("_"), SW_MALFORMED, "blk.0.attn_norm.weight is missing"},
    {"blk.0.attn_norm.weight", 16, PUT("\x20"), SW_MALFORMED, "begin"},
    {"blk.0.attn_v", 0, PUT("_"), SW_MALFORMED, "attn_v.weight is missing"},
    {"blk.0.ffn_", 0, PUT("gate"), SW_MALFORMED, "blk.0.ffn_gate.weight stands there twice"},
    {"output_norm", 0, PUT("_"), SW_MALFORMED, "output_norm.weight is missing"},
};

static void wrong_files_are_refused(void **state) {
    (void)state;
    refuse_all("mini.gguf", patches, COUNT(patches));
}

/* ---- other families ---- */

static sw_bytes import_golden(folder *f, const char *name) {
    sw_error err = {0};
    if (import(read_golden(&f->arena, "model", name), SW_DTYPE_F32, f, &err) != SW_OK)
        fail_msg("%s: %s", name, err.message);
    return file_of(f, "config.json");
}

static void qwen2_imports_with_its_biases(void **state) {
    (void)state;
    folder f = {.count = 0};
    sw_model m;
    sw_bytes config = import_golden(&f, "qwen2.gguf");
    assert_true(sw_bytes_equal(file_of(&f, "model.safetensors"),
                               read_golden(&f.arena, "model", "qwen2-f32.safetensors")));
    sw_bytes wanted = sw_text(config_json);
    wanted = replace(&f.arena, wanted, "LlamaForCausalLM", "Qwen2ForCausalLM");
    wanted = replace(&f.arena, wanted, "\"llama\"", "\"qwen2\"");
    wanted = replace(&f.arena, wanted, "  \"attention_bias\": false,\n", "");
    wanted = replace(&f.arena, wanted, "  \"mlp_bias\": false,\n", "");
    assert_true(sw_bytes_equal(config, wanted));
    assert_int_equal(sw_model_open(&f.arena, f.files, f.count, &m, NULL), SW_OK);
    assert_int_equal(m.layers[0].q_bias.dims[0], 32);
    assert_int_equal(m.layers[0].v_bias.dims[0], 16);
    sw_arena_free(&f.arena);
}

static void factors_of_rotation_become_llama3(void **state) {
    (void)state;
    folder f = {.count = 0};
    sw_bytes config = import_golden(&f, "llama3.gguf");
    assert_true(sw_bytes_equal(file_of(&f, "model.safetensors"),
                               read_golden(&f.arena, "model", "mini-f32.safetensors")));
    sw_bytes wanted = replace(&f.arena, sw_text(config_json), "\"rope_scaling\": null",
                              "\"rope_scaling\": {\n    \"factor\": 8.0,\n"
                              "    \"high_freq_factor\": 4.0,\n    \"low_freq_factor\": 1.0,\n"
                              "    \"original_max_position_embeddings\": 8192,\n"
                              "    \"rope_type\": \"llama3\"\n  }");
    assert_true(sw_bytes_equal(config, wanted));
    sw_arena_free(&f.arena);
}

/* Any other factor, and any other theta, is another rotation. */
static void other_factors_are_refused(void **state) {
    (void)state;
    SW_SCOPED(sw_arena) arena = {0};
    sw_bytes file = read_golden(&arena, "model", "llama3.gguf");
    sw_gguf g;
    assert_int_equal(sw_gguf_parse(&arena, file, &g, NULL), SW_OK);
    size_t place = (size_t)(sw_gguf_find_tensor(&g, SW_GGUF_ROPE_FACTORS)->data.data - file.data);
    static const float others[] = {0.5f, 1.001f, 7.99f, -1, 0, NAN, INFINITY, 2e6f};
    for (size_t i = 0; i <= 8; i++)
        for (size_t k = 0; k < COUNT(others); k++) {
            folder f = {.count = 0};
            sw_error err = {0};
            sw_bytes copy = sw_arena_copy(&f.arena, file);
            uint8_t *data = (uint8_t *)(uintptr_t)copy.data;
            if (i < 8) memcpy(data + place + 4 * i, &others[k], 4);
            uint8_t *theta = memmem(data, copy.size, "rope.freq_base", 14);
            if (i == 8) theta[14 + 4 + 1] ^= (uint8_t)(1 << k);
            assert_int_equal(import(copy, SW_DTYPE_BF16, &f, &err), SW_REFUSED);
            assert_non_null(strstr(err.message, "rope_freqs.weight"));
            assert_int_equal(f.count, 0);
            sw_arena_free(&f.arena);
        }
}

typedef struct scaling {
    const char *file, *type; /* NULL: no entry */
    float factor;            /* 0: no entry */
    sw_status status;
    const char *says; /* of the error, or of config.json */
} scaling;

static void put_text(sw_buffer *out, const char *text) {
    sw_put_u64le(out, strlen(text));
    sw_put_text(out, text);
}

/* The file with rope.scaling.* put before its other entries, and one that fills up to the
 * alignment.
 */
static sw_bytes with_scaling(sw_arena *arena, const scaling *c) {
    static const char fill[] = "general.filler";
    sw_bytes file = read_golden(arena, "model", c->file);
    SW_SCOPED(sw_buffer) out = SW_BUFFER(file.size + 1024);
    sw_put_bytes(&out, SW_BYTES(file.data, 24));
    if (c->type != NULL) {
        put_text(&out, "llama.rope.scaling.type");
        sw_put_u32le(&out, 8);
        put_text(&out, c->type);
    }
    if (c->factor != 0) {
        put_text(&out, "llama.rope.scaling.factor");
        sw_put_u32le(&out, 6);
        sw_put_bytes(&out, SW_BYTES(&c->factor, 4));
    }
    put_text(&out, fill);
    sw_put_u32le(&out, 8);
    size_t rest = 64 - (out.size + 8 - 24) % 64;
    sw_put_u64le(&out, rest);
    memset(sw_put_space(&out, rest), '.', rest);
    out.data[16] = (uint8_t)(out.data[16] + 1 + (c->type != NULL) + (c->factor != 0));
    sw_put_bytes(&out, SW_BYTES(file.data + 24, file.size - 24));
    return sw_arena_copy(arena, sw_buffer_bytes(&out));
}

static void scaling_by_entries(void **state) {
    (void)state;
    static const scaling cases[] = {
        {"mini.gguf", NULL, 0, SW_OK, "\"rope_scaling\": null"},
        {"mini.gguf", "none", 0, SW_OK, "\"rope_scaling\": null"},
        {"mini.gguf", "linear", 2.5f, SW_OK,
         "\"rope_scaling\": {\n    \"factor\": 2.5,\n    \"rope_type\": \"linear\"\n  }"},
        {"mini.gguf", "linear", 0, SW_MALFORMED, "llama.rope.scaling.factor is missing"},
        {"mini.gguf", "linear", 0.5f, SW_MALFORMED, "llama.rope.scaling.factor"},
        {"mini.gguf", "linear", NAN, SW_MALFORMED, "llama.rope.scaling.factor"},
        {"mini.gguf", "yarn", 2, SW_REFUSED, "llama.rope.scaling.type"},
        {"mini.gguf", "", 0, SW_REFUSED, "llama.rope.scaling.type"},
        {"mini.gguf", "none", 2, SW_REFUSED, "llama.rope.scaling.factor"},
        {"mini.gguf", NULL, 2, SW_REFUSED, "llama.rope.scaling.factor"},
        {"llama3.gguf", "linear", 2, SW_REFUSED, "rope_freqs.weight"},
        {"qwen2.gguf", "linear", 2, SW_OK, "\"rope_scaling\": null"}, /* llama.* is not its own */
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        folder f = {.count = 0};
        sw_error err = {0};
        sw_status status = import(with_scaling(&f.arena, &cases[i]), SW_DTYPE_BF16, &f, &err);
        sw_bytes heard = status == SW_OK ? file_of(&f, "config.json") : sw_text(err.message);
        if (status != cases[i].status ||
            memmem(heard.data, heard.size, cases[i].says, strlen(cases[i].says)) == NULL)
            fail_msg("case %zu: status %d, %s", i, status, err.message);
        sw_arena_free(&f.arena);
    }
}

/* Scaled rotation: one tensor more, which says that the model is another one. */
static void surplus_tensors_are_refused(void **state) {
    (void)state;
    folder f = {.count = 0};
    sw_error err = {0};
    sw_bytes file = read_golden(&f.arena, "model", "surplus.gguf");
    assert_int_equal(import(file, SW_DTYPE_BF16, &f, &err), SW_REFUSED);
    assert_non_null(strstr(err.message, "rope_freqs.weight"));
    assert_int_equal(f.count, 0);
    sw_arena_free(&f.arena);
}

/* A scale that is no number makes rows that are not finite. */
static void weights_that_are_not_finite_are_refused(void **state) {
    (void)state;
    SW_SCOPED(sw_arena) arena = {0};
    sw_bytes file = read_golden(&arena, "model", "mini.gguf");
    sw_gguf g;
    assert_int_equal(sw_gguf_parse(&arena, file, &g, NULL), SW_OK);
    for (size_t i = 0; i < g.tensor_count; i++) {
        folder f = {.count = 0};
        sw_error err = {0};
        sw_bytes copy = sw_arena_copy(&f.arena, file);
        size_t place = (size_t)(g.tensors[i].data.data - file.data);
        uint8_t *at = (uint8_t *)(uintptr_t)copy.data + place;
        bool wide = strcmp(g.tensors[i].type->name, "F32") == 0;
        at[wide ? 2 : 0] = wide ? 0x80 : 0;
        at[wide ? 3 : 1] = wide || strcmp(g.tensors[i].type->name, "BF16") == 0 ? 0x7f : 0x7c;
        if (strcmp(g.tensors[i].type->name, "BF16") == 0) at[0] = 0x80;
        assert_int_equal(import(copy, SW_DTYPE_F32, &f, &err), SW_MALFORMED);
        assert_non_null(strstr(err.message, "not finite in row 0"));
        assert_int_equal(f.count, 0);
        sw_arena_free(&f.arena);
    }
}

static void cut_extended_and_flipped(void **state) {
    (void)state;
    SW_SCOPED(sw_arena) arena = {0};
    sw_bytes file = read_golden(&arena, "model", "mini.gguf");
    const uint8_t *weights = memmem(file.data, file.size, "output_norm.weight", 18);
    size_t front = (size_t)(weights - file.data);
    folder f = {.count = 0};
    for (size_t cut = 0; cut < file.size; cut += cut < front ? 1 : 97) {
        uint8_t *exact = malloc(cut + 1);
        memcpy(exact, file.data, cut);
        sw_status status = import(SW_BYTES(exact, cut), SW_DTYPE_BF16, &f, NULL);
        assert_true(status == SW_MALFORMED || status == SW_LIMIT);
        free(exact);
    }
    uint8_t *longer = calloc(file.size + 64, 1);
    memcpy(longer, file.data, file.size);
    for (size_t more = 1; more < 64; more++)
        assert_int_equal(import(SW_BYTES(longer, file.size + more), SW_DTYPE_BF16, &f, NULL),
                         SW_MALFORMED);
    assert_int_equal(f.count, 0);
    size_t accepted = 0;
    for (size_t bit = 0; bit < front * 8; bit += 3) {
        folder g = {.count = 0};
        longer[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (import(SW_BYTES(longer, file.size), SW_DTYPE_BF16, &g, NULL) == SW_OK) accepted++;
        longer[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_true(g.count == 0 || g.count == 5);
        sw_arena_free(&g.arena);
    }
    assert_true(accepted < front * 8 / 3 / 2); /* free text: names, tokens, the template */
    free(longer);
    sw_arena_free(&f.arena);
}

static void a_sink_that_fails_ends_the_import(void **state) {
    (void)state;
    SW_SCOPED(sw_arena) arena = {0};
    sw_bytes file = read_golden(&arena, "model", "mini.gguf");
    for (size_t at = 1; at <= 5; at++) {
        folder f = {.fail_at = at};
        sw_error err = {0};
        assert_int_equal(import(file, SW_DTYPE_BF16, &f, &err), SW_IO);
        assert_int_equal(f.count, at - 1);
        sw_arena_free(&f.arena);
    }
    folder f = {.count = 0};
    assert_int_equal(import(file, SW_DTYPE_F16, &f, NULL), SW_USAGE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_have_the_reference_bits),
        cmocka_unit_test(other_types_are_known_by_name),
        cmocka_unit_test(the_miniature_imports),
        cmocka_unit_test(the_chat_template_is_kept),
        cmocka_unit_test(bos_that_the_file_does_not_say),
        cmocka_unit_test(bf16_is_the_rounded_f32),
        cmocka_unit_test(wrong_files_are_refused),
        cmocka_unit_test(qwen2_imports_with_its_biases),
        cmocka_unit_test(factors_of_rotation_become_llama3),
        cmocka_unit_test(other_factors_are_refused),
        cmocka_unit_test(scaling_by_entries),
        cmocka_unit_test(surplus_tensors_are_refused),
        cmocka_unit_test(weights_that_are_not_finite_are_refused),
        cmocka_unit_test(cut_extended_and_flipped),
        cmocka_unit_test(a_sink_that_fails_ends_the_import),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
