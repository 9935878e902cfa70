/* SPDX-License-Identifier: Apache-2.0
 *
 * config.json in both spellings (MODEL-020 to MODEL-029), and what is refused by name.
 */
#include "model/model.h"
#include "tokenizer/files.h"

#define OLD                                                                                        \
    "{\"architectures\":[\"LlamaForCausalLM\"],\"model_type\":\"llama\",\"hidden_size\":64,"       \
    "\"intermediate_size\":128,\"num_hidden_layers\":2,\"num_attention_heads\":4,"                 \
    "\"num_key_value_heads\":2,\"vocab_size\":320,\"max_position_embeddings\":256,"                \
    "\"rms_norm_eps\":1e-05,\"rope_theta\":100000.0,\"rope_scaling\":null,"                        \
    "\"tie_word_embeddings\":true,\"bos_token_id\":1,\"eos_token_id\":[2,0],"                      \
    "\"pad_token_id\":null,\"hidden_act\":\"silu\",\"attention_bias\":false,\"mlp_bias\":false,"   \
    "\"attention_dropout\":0.0,\"pretraining_tp\":1,\"head_dim\":null,\"use_cache\":true,"         \
    "\"sliding_window\":99,\"initializer_range\":0.02}"

static void both_spellings_are_read(void **state) {
    (void)state;
    static const struct {
        const char *from, *to;
    } spellings[] = {
        {"\"rope_theta\":100000.0,\"rope_scaling\":null,",
         "\"rope_theta\":100000.0,\"rope_scaling\":null,"},
        {"\"rope_theta\":100000.0,\"rope_scaling\":null,",
         "\"rope_parameters\":{\"rope_theta\":100000.0,\"rope_type\":\"default\"},"},
        {"\"rope_scaling\":null,", "\"rope_scaling\":{\"type\":\"default\"},"},
        {"\"rope_scaling\":null,", "\"rope_parameters\":{\"rope_theta\":100000},"},
        {"\"rope_theta\":100000.0,\"rope_scaling\":null,",
         "\"rope_theta\":null,\"rope_parameters\":{\"rope_theta\":100000},"},
        {"\"rope_scaling\":null,", "\"rope_scaling\":{\"rope_type\":\"default\",\"type\":null},"},
        {"\"head_dim\":null", "\"head_dim\":16"},
        {"\"architectures\":[\"LlamaForCausalLM\"],", ""},
    };
    for (size_t i = 0; i < COUNT(spellings); i++) {
        SW_SCOPED(sw_arena) arena = {0};
        sw_model_config c;
        sw_error err = {0};
        sw_bytes text = replace(&arena, SW_LITERAL(OLD), spellings[i].from, spellings[i].to);
        if (sw_model_config_parse(text, &c, &err) != SW_OK) fail_msg("%zu: %s", i, err.message);
        assert_string_equal(c.family->model_type, "llama");
        assert_int_equal(c.sliding_window, 0); /* the Llama class does not read it */
        assert_int_equal(c.hidden_size, 64);
        assert_int_equal(c.intermediate_size, 128);
        assert_int_equal(c.num_hidden_layers, 2);
        assert_int_equal(c.num_attention_heads, 4);
        assert_int_equal(c.num_key_value_heads, 2);
        assert_int_equal(c.head_dim, 16);
        assert_int_equal(c.vocab_size, 320);
        assert_int_equal(c.max_position_embeddings, 256);
        assert_true(c.rms_norm_eps == 1e-5 && c.rope.theta == 1e5 && c.tie_word_embeddings);
        assert_int_equal(c.bos_token_id, 1);
        assert_int_equal(c.eos_token_id, 2);
        assert_int_equal(c.pad_token_id, UINT32_MAX);
    }
}

/* MODEL-026 */
static void where_answers_end(void **state) {
    (void)state;
    static const struct {
        const char *generation; /* generation_config.json */
        sw_status status;
        uint32_t ids[3], count;
        const char *says;
    } cases[] = {
        {"", SW_OK, {2, 0}, 2, ""}, /* config.json's */
        {"{}", SW_OK, {0}, 0, ""},
        {"{\"eos_token_id\":null}", SW_OK, {0}, 0, ""},
        {"{\"eos_token_id\":[]}", SW_OK, {0}, 0, ""},
        {"{\"eos_token_id\":7}", SW_OK, {7}, 1, ""},
        {"{\"eos_token_id\":[7,2,9],\"top_p\":0.5}", SW_OK, {7, 2, 9}, 3, ""},
        {"{\"eos_token_id\":\"7\"}",
         SW_MALFORMED,
         {0},
         0,
         "generation_config.json: eos_token_id is not a token id"},
        {"{\"eos_token_id\":[7,-1]}", SW_MALFORMED, {0}, 0, "eos_token_id is not a token id"},
        {"{\"eos_token_id\":[7,[8]]}", SW_MALFORMED, {0}, 0, "eos_token_id is not a token id"},
        {"{\"eos_token_id\":4294967295}", SW_MALFORMED, {0}, 0, "eos_token_id is not a token id"},
        {"[]", SW_MALFORMED, {0}, 0, "generation_config.json is no object"},
        {"{\"eos_token_id\":7", SW_MALFORMED, {0}, 0, "generation_config.json: "},
    };
    sw_model_config c;
    assert_int_equal(sw_model_config_parse(SW_LITERAL(OLD), &c, NULL), SW_OK);
    for (size_t i = 0; i < COUNT(cases); i++) {
        sw_token_ends ends = {.count = 99};
        sw_error err = {0};
        sw_status status = sw_model_ends(sw_text(cases[i].generation), &c, &ends, &err);
        if (status != cases[i].status || !strstr(err.message, cases[i].says))
            fail_msg("%zu: status %d, %s", i, status, err.message);
        assert_int_equal(ends.count, status == SW_OK ? cases[i].count : 99);
        for (uint32_t k = 0; k < cases[i].count; k++)
            assert_int_equal(ends.ids[k], cases[i].ids[k]);
    }
    SW_SCOPED(sw_buffer) many = SW_BUFFER(4096);
    sw_put_text(&many, "{\"eos_token_id\":[0");
    for (int i = 1; i < 65; i++) sw_put_text(&many, ",0");
    sw_put_text(&many, "]}");
    sw_token_ends ends;
    assert_int_equal(sw_model_ends(sw_buffer_bytes(&many), &c, &ends, NULL), SW_LIMIT);
}

static void absent_members_have_the_class_defaults(void **state) {
    (void)state;
    static const char least[] =
        "{\"model_type\":\"llama\",\"hidden_size\":64,\"intermediate_size\":128,"
        "\"num_hidden_layers\":2,\"num_attention_heads\":4,\"vocab_size\":320}";
    sw_model_config c;
    assert_int_equal(sw_model_config_parse(sw_text(least), &c, NULL), SW_OK);
    assert_int_equal(c.num_key_value_heads, 4);
    assert_int_equal(c.head_dim, 16);
    assert_int_equal(c.max_position_embeddings, 2048);
    assert_true(c.rms_norm_eps == 1e-6 && c.rope.theta == 1e4 && !c.tie_word_embeddings);
    assert_int_equal(c.bos_token_id, UINT32_MAX);
}

/* ---- what families say otherwise ---- */

#define LEAST                                                                                      \
    "\"hidden_size\":512,\"intermediate_size\":128,\"num_hidden_layers\":2,"                       \
    "\"num_attention_heads\":64,\"vocab_size\":320"
#define MISTRAL "{\"model_type\":\"mistral\"," LEAST
#define QWEN2   "{\"model_type\":\"qwen2\"," LEAST

static void families_have_their_own_defaults(void **state) {
    (void)state;
    static const struct {
        const char *text, *architecture;
        uint32_t kv_heads, positions, window;
        bool biases;
    } cases[] = {
        {"{\"model_type\":\"llama\"," LEAST "}", "LlamaForCausalLM", 64, 2048, 0, false},
        {MISTRAL "}", "MistralForCausalLM", 8, 131072, 4096, false},
        {MISTRAL ",\"sliding_window\":null,\"num_key_value_heads\":null}", "MistralForCausalLM", 64,
         131072, 0, false},
        {MISTRAL ",\"sliding_window\":7,\"layer_types\":[\"sliding_attention\"]}",
         "MistralForCausalLM", 8, 131072, 7, false},
        {QWEN2 "}", "Qwen2ForCausalLM", 32, 32768, 0, true},
        {QWEN2 ",\"use_sliding_window\":false,\"sliding_window\":131072,\"max_window_layers\":21,"
               "\"layer_types\":[\"full_attention\",\"full_attention\"],\"attention_bias\":true}",
         "Qwen2ForCausalLM", 32, 32768, 0, true},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        sw_model_config c;
        sw_error err = {0};
        if (sw_model_config_parse(sw_text(cases[i].text), &c, &err) != SW_OK)
            fail_msg("%zu: %s", i, err.message);
        assert_string_equal(c.family->architecture, cases[i].architecture);
        assert_int_equal(c.num_key_value_heads, cases[i].kv_heads);
        assert_int_equal(c.max_position_embeddings, cases[i].positions);
        assert_int_equal(c.sliding_window, cases[i].window);
        assert_int_equal(c.family->qkv_bias, cases[i].biases);
    }
}

static void families_refuse_by_name(void **state) {
    (void)state;
    static const struct {
        const char *text;
        sw_status status;
        const char *says;
    } cases[] = {
        {MISTRAL ",\"sliding_window\":0}", SW_MALFORMED, "sliding_window"},
        {MISTRAL ",\"sliding_window\":-1}", SW_MALFORMED, "sliding_window"},
        {MISTRAL ",\"sliding_window\":true}", SW_MALFORMED, "sliding_window"},
        {MISTRAL ",\"sliding_window\":4294967296}", SW_LIMIT, "sliding_window"},
        {MISTRAL ",\"attention_bias\":true}", SW_REFUSED, "attention_bias"},
        {MISTRAL ",\"architectures\":[\"LlamaForCausalLM\"]}", SW_REFUSED, "MistralForCausalLM"},
        {MISTRAL ",\"sliding_window\":null,\"layer_types\":[\"sliding_attention\"]}", SW_REFUSED,
         "layer_types"},
        {QWEN2 ",\"use_sliding_window\":true}", SW_REFUSED, "use_sliding_window"},
        {QWEN2 ",\"use_sliding_window\":0}", SW_REFUSED, "use_sliding_window"},
        {QWEN2 ",\"layer_types\":[\"full_attention\",\"sliding_attention\"]}", SW_REFUSED,
         "layer_types"},
        {QWEN2 ",\"layer_types\":\"full_attention\"}", SW_MALFORMED, "layer_types"},
        {QWEN2 ",\"architectures\":[\"Qwen2ForSequenceClassification\"]}", SW_REFUSED,
         "Qwen2ForCausalLM"},
        {QWEN2 ",\"num_key_value_heads\":48}", SW_MALFORMED, "multiple"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        sw_model_config c;
        sw_error err = {0};
        sw_status status = sw_model_config_parse(sw_text(cases[i].text), &c, &err);
        if (status != cases[i].status || strstr(err.message, cases[i].says) == NULL)
            fail_msg("%s: status %d, %s", cases[i].text, status, err.message);
    }
}

#define LLAMA3                                                                                     \
    "\"factor\":8.0,\"low_freq_factor\":1.0,\"high_freq_factor\":4.0,"                             \
    "\"original_max_position_embeddings\":8192"

static void scaled_rotation_has_both_spellings(void **state) {
    (void)state;
    static const struct {
        const char *to; /* instead of rope_scaling null */
        sw_rope_kind kind;
        double theta;
    } cases[] = {
        {"\"rope_scaling\":{" LLAMA3 ",\"rope_type\":\"llama3\"}", SW_ROPE_LLAMA3, 1e5},
        {"\"rope_scaling\":{" LLAMA3 ",\"type\":\"llama3\"}", SW_ROPE_LLAMA3, 1e5},
        {"\"rope_scaling\":{\"rope_type\":\"llama3\"," LLAMA3 ",\"type\":\"llama3\"}",
         SW_ROPE_LLAMA3, 1e5},
        {"\"rope_parameters\":{" LLAMA3 ",\"rope_type\":\"llama3\",\"rope_theta\":100000}",
         SW_ROPE_LLAMA3, 1e5},
        {"\"rope_parameters\":{" LLAMA3 ",\"rope_type\":\"llama3\"},\"rope_scaling\":{" LLAMA3
         ",\"type\":\"llama3\"}",
         SW_ROPE_LLAMA3, 1e5},
        {"\"rope_scaling\":{\"type\":\"linear\",\"factor\":8}", SW_ROPE_LINEAR, 1e5},
        {"\"rope_parameters\":{\"rope_type\":\"linear\",\"factor\":8,\"low_freq_factor\":null}",
         SW_ROPE_LINEAR, 1e5},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        SW_SCOPED(sw_arena) arena = {0};
        sw_model_config c;
        sw_error err = {0};
        sw_bytes text = replace(&arena, SW_LITERAL(OLD), "\"rope_scaling\":null", cases[i].to);
        if (sw_model_config_parse(text, &c, &err) != SW_OK) fail_msg("%zu: %s", i, err.message);
        bool llama3 = cases[i].kind == SW_ROPE_LLAMA3;
        assert_int_equal(c.rope.kind, cases[i].kind);
        assert_true(c.rope.theta == cases[i].theta && c.rope.factor == 8);
        assert_true(c.rope.low_freq_factor == (llama3 ? 1 : 0));
        assert_true(c.rope.high_freq_factor == (llama3 ? 4 : 0));
        assert_int_equal(c.rope.original_max_position_embeddings, llama3 ? 8192 : 0);
    }
}

/* A llama3 rotation with one thing otherwise. */
static void scaled_rotation_refuses(void **state) {
    (void)state;
    static const struct {
        const char *from, *to;
        sw_status status;
        const char *says;
    } cases[] = {
        {"llama3", "yarn", SW_REFUSED, "rope_scaling of type yarn"},
        {"llama3", "dynamic", SW_REFUSED, "rope_scaling of type dynamic"},
        {"llama3", "longrope", SW_REFUSED, "rope_scaling of type longrope"},
        {"llama3", "su\\n", SW_REFUSED, "rope_scaling of type su?"},
        {"\"llama3\"", "3", SW_MALFORMED, "type"},
        {"\"llama3\"", "\"llama3\",\"type\":\"linear\"", SW_MALFORMED, "two"},
        {"\"llama3\"", "\"llama3\",\"type\":1", SW_MALFORMED, "two"},
        {"\"llama3\"", "\"llama3\",\"attention_factor\":1.0", SW_REFUSED, "attention_factor"},
        {"\"llama3\"", "\"llama3\",\"partial_rotary_factor\":0.5", SW_REFUSED, "rope_scaling"},
        {"\"llama3\"", "\"llama3\",\"rope_theta\":2.0", SW_MALFORMED, "rope_theta"},
        {"\"llama3\"", "\"linear\"", SW_REFUSED, "low_freq_factor"},
        {"\"llama3\"", "\"default\"", SW_REFUSED, "factor"},
        {",\"rope_type\":\"llama3\"", "", SW_REFUSED, "factor"},
        {"\"factor\":8.0,", "", SW_MALFORMED, "factor is missing"},
        {"\"factor\":8.0", "\"factor\":0.5", SW_MALFORMED, "factor"},
        {"\"factor\":8.0", "\"factor\":\"8\"", SW_MALFORMED, "factor"},
        {"\"factor\":8.0", "\"factor\":1e10", SW_MALFORMED, "factor"},
        {"\"low_freq_factor\":1.0,", "", SW_MALFORMED, "low_freq_factor is missing"},
        {"\"low_freq_factor\":1.0", "\"low_freq_factor\":0", SW_MALFORMED, "low_freq_factor"},
        {"\"low_freq_factor\":1.0", "\"low_freq_factor\":4", SW_MALFORMED, "high_freq_factor"},
        {"\"high_freq_factor\":4.0,", "", SW_MALFORMED, "high_freq_factor is missing"},
        {",\"original_max_position_embeddings\":8192", "", SW_MALFORMED, "original_max"},
        {"embeddings\":8192", "embeddings\":8192.5", SW_MALFORMED, "whole"},
        {"embeddings\":8192", "embeddings\":0", SW_MALFORMED, "original_max"},
        {"\"rope_scaling\":", "\"original_max_position_embeddings\":512,\"rope_scaling\":",
         SW_REFUSED, "original_max_position_embeddings outside"},
        {"\"rope_scaling\":", "\"rope_parameters\":{\"rope_type\":\"default\"},\"rope_scaling\":",
         SW_MALFORMED, "rope_scaling is not what"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        SW_SCOPED(sw_arena) arena = {0};
        sw_model_config c = {.hidden_size = 7};
        sw_error err = {0};
        sw_bytes text = replace(&arena, SW_LITERAL(OLD), "\"rope_scaling\":null",
                                "\"rope_scaling\":{" LLAMA3 ",\"rope_type\":\"llama3\"}");
        text = replace(&arena, text, cases[i].from, cases[i].to);
        sw_status status = sw_model_config_parse(text, &c, &err);
        if (status != cases[i].status || strstr(err.message, cases[i].says) == NULL)
            fail_msg("%s -> %s: status %d, %s", cases[i].from, cases[i].to, status, err.message);
        assert_int_equal(c.hidden_size, 7);
    }
}

static const struct {
    const char *from, *to;
    sw_status status;
    const char *says;
} refusals[] = {
    {"\"model_type\":\"llama\"", "\"model_type\":\"qwen3\"", SW_REFUSED, "model_type qwen3"},
    {"\"model_type\":\"llama\"", "\"model_type\":\"qwen2\"", SW_REFUSED, "architectures"},
    {"\"model_type\":\"llama\"", "\"model_type\":\"gemma\\u0007\"", SW_REFUSED, "gemma?"},
    {"\"model_type\":\"llama\"", "\"model_type\":1", SW_MALFORMED, "model_type"},
    {"\"model_type\":\"llama\",", "", SW_MALFORMED, "model_type"},
    {"\"model_type\":\"llama\"", "\"model_type\":\"mistral\"", SW_REFUSED, "architectures"},
    {"LlamaForCausalLM", "LlamaForSequenceClassification", SW_REFUSED, "architectures"},
    {"[\"LlamaForCausalLM\"]", "[]", SW_REFUSED, "architectures"},
    {"[\"LlamaForCausalLM\"]", "\"LlamaForCausalLM\"", SW_REFUSED, "architectures"},
    {"\"silu\"", "\"gelu\"", SW_REFUSED, "hidden_act"},
    {"\"attention_bias\":false", "\"attention_bias\":true", SW_REFUSED, "attention_bias"},
    {"\"attention_bias\":false", "\"attention_bias\":0", SW_REFUSED, "attention_bias"},
    {"\"mlp_bias\":false", "\"mlp_bias\":true", SW_REFUSED, "mlp_bias"},
    {"\"attention_dropout\":0.0", "\"attention_dropout\":0.1", SW_REFUSED, "attention_dropout"},
    {"\"pretraining_tp\":1", "\"pretraining_tp\":2", SW_REFUSED, "pretraining_tp"},
    {"\"use_cache\"", "\"quantization_config\":{},\"use_cache\"", SW_REFUSED,
     "quantization_config"},
    {"\"use_cache\"", "\"rope_interleaved\":true,\"use_cache\"", SW_REFUSED, "rope_interleaved"},
    {"\"use_cache\"", "\"partial_rotary_factor\":0.5,\"use_cache\"", SW_REFUSED,
     "partial_rotary_factor"},
    {"\"rope_scaling\":null", "\"rope_scaling\":2", SW_MALFORMED, "rope_scaling"},
    {"\"rope_scaling\":null", "\"rope_parameters\":{\"rope_type\":\"yarn\"}", SW_REFUSED,
     "rope_parameters"},
    {"\"rope_scaling\":null", "\"rope_parameters\":{\"rope_theta\":10000.0}", SW_MALFORMED,
     "rope_theta"},
    {"\"rope_theta\":100000.0", "\"rope_theta\":0", SW_MALFORMED, "rope_theta"},
    {"\"rope_theta\":100000.0", "\"rope_theta\":null", SW_MALFORMED, "rope_theta"},
    {"\"rope_scaling\":null", "\"rope_parameters\":{\"rope_theta\":null}", SW_MALFORMED,
     "rope_theta"},
    {"\"pad_token_id\":null", "\"pad_token_id\":320", SW_MALFORMED, "pad_token_id"},
    {"\"rope_theta\":100000.0", "\"rope_theta\":\"1e5\"", SW_MALFORMED, "rope_theta"},
    {"\"rms_norm_eps\":1e-05", "\"rms_norm_eps\":0", SW_MALFORMED, "rms_norm_eps"},
    {"\"rms_norm_eps\":1e-05", "\"rms_norm_eps\":-1e-5", SW_MALFORMED, "rms_norm_eps"},
    {"\"rms_norm_eps\":1e-05", "\"rms_norm_eps\":2", SW_MALFORMED, "rms_norm_eps"},
    {"\"hidden_size\":64,", "", SW_MALFORMED, "hidden_size is missing"},
    {"\"hidden_size\":64", "\"hidden_size\":0", SW_MALFORMED, "hidden_size"},
    {"\"hidden_size\":64", "\"hidden_size\":64.5", SW_MALFORMED, "hidden_size"},
    {"\"hidden_size\":64", "\"hidden_size\":\"64\"", SW_MALFORMED, "hidden_size"},
    {"\"hidden_size\":64", "\"hidden_size\":-64", SW_MALFORMED, "hidden_size"},
    {"\"hidden_size\":64", "\"hidden_size\":1048577", SW_LIMIT, "hidden_size"},
    {"\"hidden_size\":64", "\"hidden_size\":3", SW_MALFORMED, "head_dim"},
    {"\"intermediate_size\":128,", "", SW_MALFORMED, "intermediate_size"},
    {"\"num_hidden_layers\":2", "\"num_hidden_layers\":1025", SW_LIMIT, "num_hidden_layers"},
    {"\"num_hidden_layers\":2,", "", SW_MALFORMED, "num_hidden_layers"},
    {"\"num_attention_heads\":4", "\"num_attention_heads\":null", SW_MALFORMED,
     "num_attention_heads"},
    {"\"num_key_value_heads\":2", "\"num_key_value_heads\":3", SW_MALFORMED, "multiple"},
    {"\"num_key_value_heads\":2", "\"num_key_value_heads\":8", SW_MALFORMED, "multiple"},
    {"\"head_dim\":null", "\"head_dim\":15", SW_MALFORMED, "head_dim"},
    {"\"vocab_size\":320", "\"vocab_size\":1", SW_MALFORMED, "vocab_size"},
    {"\"vocab_size\":320,", "", SW_MALFORMED, "vocab_size"},
    {"\"tie_word_embeddings\":true", "\"tie_word_embeddings\":1", SW_MALFORMED,
     "tie_word_embeddings"},
    {"\"bos_token_id\":1", "\"bos_token_id\":-1", SW_MALFORMED, "bos_token_id"},
    {"\"bos_token_id\":1", "\"bos_token_id\":[1]", SW_MALFORMED, "bos_token_id"},
    {"\"bos_token_id\":1", "\"bos_token_id\":[]", SW_MALFORMED, "bos_token_id"},
    {"\"pad_token_id\":null", "\"pad_token_id\":[7,9]", SW_MALFORMED, "pad_token_id"},
    {"\"eos_token_id\":[2,0]", "\"eos_token_id\":[\"2\"]", SW_MALFORMED, "eos_token_id"},
    {"\"eos_token_id\":[2,0]", "\"eos_token_id\":[2,\"0\"]", SW_MALFORMED, "eos_token_id"},
    {"\"eos_token_id\":[2,0]", "\"eos_token_id\":1.5", SW_MALFORMED, "eos_token_id"},
    {"\"eos_token_id\":[2,0]", "\"bos_token_id\":2", SW_MALFORMED, "repeated"},
    {"{\"arch", "[{\"arch", SW_MALFORMED, ""},
};

static void every_change_is_refused(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(refusals); i++) {
        SW_SCOPED(sw_arena) arena = {0};
        sw_model_config c = {.hidden_size = 7};
        sw_error err = {0};
        sw_bytes text = replace(&arena, SW_LITERAL(OLD), refusals[i].from, refusals[i].to);
        sw_status status = sw_model_config_parse(text, &c, &err);
        if (status != refusals[i].status || strstr(err.message, refusals[i].says) == NULL)
            fail_msg("%s -> %s: status %d, %s", refusals[i].from, refusals[i].to, status,
                     err.message);
        assert_int_equal(c.hidden_size, 7);
    }
}

static void cut_extended_and_flipped(void **state) {
    (void)state;
    char text[] = OLD "x";
    size_t size = sizeof text - 2;
    sw_model_config c;
    for (size_t cut = 0; cut < size; cut++) {
        char *exact = malloc(cut + 1);
        memcpy(exact, text, cut);
        assert_int_equal(sw_model_config_parse(SW_BYTES(exact, cut), &c, NULL), SW_MALFORMED);
        free(exact);
    }
    assert_int_equal(sw_model_config_parse(SW_BYTES(text, size + 1), &c, NULL), SW_MALFORMED);
    for (size_t bit = 0; bit < size * 8; bit++) {
        text[bit / 8] = (char)(text[bit / 8] ^ 1 << bit % 8);
        if (sw_model_config_parse(SW_BYTES(text, size), &c, NULL) == SW_OK)
            assert_true(c.head_dim % 2 == 0 && c.num_attention_heads % c.num_key_value_heads == 0 &&
                        c.num_hidden_layers <= 1024 && c.rms_norm_eps > 0);
        text[bit / 8] = (char)(text[bit / 8] ^ 1 << bit % 8);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(where_answers_end),
        cmocka_unit_test(both_spellings_are_read),
        cmocka_unit_test(absent_members_have_the_class_defaults),
        cmocka_unit_test(families_have_their_own_defaults),
        cmocka_unit_test(families_refuse_by_name),
        cmocka_unit_test(scaled_rotation_has_both_spellings),
        cmocka_unit_test(scaled_rotation_refuses),
        cmocka_unit_test(every_change_is_refused),
        cmocka_unit_test(cut_extended_and_flipped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
