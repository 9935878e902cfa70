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
        {"\"model_type\":\"llama\"", "\"model_type\":\"mistral\",\"x\":1"},
        {"\"head_dim\":null", "\"head_dim\":16"},
        {"\"architectures\":[\"LlamaForCausalLM\"],", ""},
    };
    for (size_t i = 0; i < COUNT(spellings); i++) {
        SW_SCOPED(sw_arena) arena = {0};
        sw_model_config c;
        sw_error err = {0};
        sw_bytes text = replace(&arena, SW_LITERAL(OLD), spellings[i].from, spellings[i].to);
        if (i == 4)
            text = replace(&arena, text, "\"sliding_window\":99", "\"sliding_window\":null");
        if (sw_model_config_parse(text, &c, &err) != SW_OK) fail_msg("%zu: %s", i, err.message);
        assert_string_equal(c.model_type, i == 4 ? "mistral" : "llama");
        assert_int_equal(c.hidden_size, 64);
        assert_int_equal(c.intermediate_size, 128);
        assert_int_equal(c.num_hidden_layers, 2);
        assert_int_equal(c.num_attention_heads, 4);
        assert_int_equal(c.num_key_value_heads, 2);
        assert_int_equal(c.head_dim, 16);
        assert_int_equal(c.vocab_size, 320);
        assert_int_equal(c.max_position_embeddings, 256);
        assert_true(c.rms_norm_eps == 1e-5 && c.rope_theta == 1e5 && c.tie_word_embeddings);
        assert_int_equal(c.bos_token_id, 1);
        assert_int_equal(c.eos_token_id, 2);
        assert_int_equal(c.pad_token_id, UINT32_MAX);
    }
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
    assert_true(c.rms_norm_eps == 1e-6 && c.rope_theta == 1e4 && !c.tie_word_embeddings);
    assert_int_equal(c.bos_token_id, UINT32_MAX);
}

static const struct {
    const char *from, *to;
    sw_status status;
    const char *says;
} refusals[] = {
    {"\"model_type\":\"llama\"", "\"model_type\":\"qwen2\"", SW_REFUSED, "model_type qwen2"},
    {"\"model_type\":\"llama\"", "\"model_type\":\"gemma\\u0007\"", SW_REFUSED, "gemma?"},
    {"\"model_type\":\"llama\"", "\"model_type\":1", SW_MALFORMED, "model_type"},
    {"\"model_type\":\"llama\",", "", SW_MALFORMED, "model_type"},
    {"\"model_type\":\"llama\"", "\"model_type\":\"mistral\"", SW_REFUSED, "sliding_window"},
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
    {"\"rope_scaling\":null", "\"rope_scaling\":{\"rope_type\":\"llama3\",\"factor\":8}",
     SW_REFUSED, "rope_scaling"},
    {"\"rope_scaling\":null", "\"rope_scaling\":{\"type\":\"linear\",\"factor\":2}", SW_REFUSED,
     "rope_scaling"},
    {"\"rope_scaling\":null", "\"rope_scaling\":2", SW_MALFORMED, "rope_scaling"},
    {"\"rope_scaling\":null", "\"rope_parameters\":{\"rope_type\":\"yarn\"}", SW_REFUSED,
     "rope_parameters"},
    {"\"rope_scaling\":null", "\"rope_parameters\":{\"rope_theta\":10000.0}", SW_MALFORMED,
     "rope_theta"},
    {"\"rope_theta\":100000.0", "\"rope_theta\":0", SW_MALFORMED, "rope_theta"},
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
    {"\"eos_token_id\":[2,0]", "\"eos_token_id\":[\"2\"]", SW_MALFORMED, "eos_token_id"},
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
        cmocka_unit_test(both_spellings_are_read),
        cmocka_unit_test(absent_members_have_the_class_defaults),
        cmocka_unit_test(every_change_is_refused),
        cmocka_unit_test(cut_extended_and_flipped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
