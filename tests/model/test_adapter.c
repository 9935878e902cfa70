/* SPDX-License-Identifier: Apache-2.0
 *
 * PEFT adapters (MODEL-080 to MODEL-089): the bytes of adapter_config.json are those of PEFT 0.21.2
 * for the same LoraConfig (tests/parity/model.py compares them live), what is written reads back,
 * and what is no plain LoRA is refused by name.
 */
#include "model/model.h"
#include "tokenizer/files.h"

static const char config_json[] =
    "{\n  \"alora_invocation_tokens\": null,\n  \"alpha_pattern\": {},\n"
    "  \"arrow_config\": null,\n  \"auto_mapping\": null,\n"
    "  \"base_model_name_or_path\": \"SmolLM2-135M-Instruct\",\n  \"bias\": \"none\",\n"
    "  \"corda_config\": null,\n  \"ensure_weight_tying\": false,\n  \"eva_config\": null,\n"
    "  \"exclude_modules\": null,\n  \"fan_in_fan_out\": false,\n  \"inference_mode\": true,\n"
    "  \"init_lora_weights\": true,\n  \"kasa_config\": null,\n  \"layer_replication\": null,\n"
    "  \"layers_pattern\": null,\n  \"layers_to_transform\": null,\n  \"loftq_config\": {},\n"
    "  \"lora_alpha\": 16,\n  \"lora_bias\": false,\n  \"lora_dropout\": 0.05,\n"
    "  \"lora_ga_config\": null,\n  \"megatron_config\": null,\n"
    "  \"megatron_core\": \"megatron.core\",\n  \"modules_to_save\": null,\n"
    "  \"monteclora_config\": null,\n  \"peft_type\": \"LORA\",\n  \"peft_version\": \"0.21.2\",\n"
    "  \"qalora_group_size\": 16,\n  \"r\": 2,\n  \"rank_pattern\": {},\n  \"revision\": null,\n"
    "  \"target_modules\": [\n    \"q_proj\",\n    \"v_proj\"\n  ],\n"
    "  \"target_parameters\": null,\n  \"task_type\": \"CAUSAL_LM\",\n"
    "  \"trainable_token_indices\": null,\n  \"use_bdlora\": null,\n  \"use_dora\": false,\n"
    "  \"use_qalora\": false,\n  \"use_rslora\": true,\n  \"velora_config\": null\n}";

static const sw_lora_settings lora = {.r = 2,
                                      .lora_alpha = 16,
                                      .lora_dropout = 0.05,
                                      .use_rslora = true,
                                      .target_count = 2,
                                      .targets = {"v_proj", "q_proj"}};

typedef struct folder {
    sw_arena arena;
    sw_model_file files[2];
    size_t count;
} folder;

static sw_status keep(void *context, const char *name, sw_bytes bytes, sw_error *err) {
    folder *f = context;
    if (f->count == 2) return sw_fail(err, SW_IO, "io", "too many");
    f->files[f->count++] = (sw_model_file){name, sw_arena_copy(&f->arena, bytes)};
    return SW_OK;
}

/* Two pairs, named so that file order is not their order here. */
static void write_folder(folder *f) {
    static float a[2][6], b[2][8];
    static const sw_adapter_pair pairs[2] = {{"model.layers.10.self_attn.q_proj", 3, 4, a[0], b[0]},
                                             {"model.layers.2.self_attn.v_proj", 3, 4, a[1], b[1]}};
    const sw_model_sink sink = {f, keep};
    for (size_t i = 0; i < 6; i++) a[0][i] = (float)i + 0.5f, a[1][i] = -(float)i;
    for (size_t i = 0; i < 8; i++) b[0][i] = (float)i * 0.25f, b[1][i] = 1e-40f * (float)i;
    assert_int_equal(sw_adapter_write(&lora, "SmolLM2-135M-Instruct", pairs, 2, &sink, NULL),
                     SW_OK);
    assert_int_equal(f->count, 2);
}

static void what_is_written_reads_back(void **state) {
    (void)state;
    folder f = {.count = 0};
    sw_lora_settings back;
    sw_adapter_pair *pairs = NULL;
    size_t count = 0;
    write_folder(&f);
    assert_string_equal(f.files[0].name, "adapter_config.json");
    assert_true(sw_bytes_is(f.files[0].bytes, config_json));
    assert_int_equal(sw_adapter_read(&f.arena, f.files, 2, &back, &pairs, &count, NULL), SW_OK);
    assert_int_equal(back.r, 2);
    assert_true(back.lora_alpha == 16 && back.lora_dropout == 0.05 && back.use_rslora);
    assert_int_equal(back.target_count, 2);
    assert_string_equal(back.targets[0], "q_proj");
    assert_string_equal(back.targets[1], "v_proj");
    assert_int_equal(count, 2);
    assert_string_equal(pairs[0].module, "model.layers.10.self_attn.q_proj");
    assert_string_equal(pairs[1].module, "model.layers.2.self_attn.v_proj");
    for (size_t p = 0; p < 2; p++) {
        assert_int_equal(pairs[p].in, 3);
        assert_int_equal(pairs[p].out, 4);
        for (size_t i = 0; i < 6; i++)
            assert_true(pairs[p].a[i] == (p == 0 ? (float)i + 0.5f : -(float)i));
        for (size_t i = 0; i < 8; i++)
            assert_true(pairs[p].b[i] == (p == 0 ? (float)i * 0.25f : 1e-40f * (float)i));
    }
    sw_arena_free(&f.arena);
}

/* As json.dumps writes them: floats keep a point, exponents two digits. */
static void numbers_are_written_as_python_does(void **state) {
    (void)state;
    static const struct {
        double alpha, dropout;
        const char *alpha_text, *dropout_text;
    } cases[] = {
        {16, 0, "\"lora_alpha\": 16,", "\"lora_dropout\": 0.0,"},
        {0.5, 0.1, "\"lora_alpha\": 0.5,", "\"lora_dropout\": 0.1,"},
        {1.0 / 3, 1, "\"lora_alpha\": 0.3333333333333333,", "\"lora_dropout\": 1.0,"},
        {64, 1e-5, "\"lora_alpha\": 64,", "\"lora_dropout\": 1e-05,"},
        {0.30000000000000004, 0.0001, "\"lora_alpha\": 0.30000000000000004,",
         "\"lora_dropout\": 0.0001,"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        folder f = {.count = 0};
        const sw_model_sink sink = {&f, keep};
        sw_lora_settings s = lora;
        s.lora_alpha = cases[i].alpha;
        s.lora_dropout = cases[i].dropout;
        assert_int_equal(sw_adapter_write(&s, NULL, NULL, 0, &sink, NULL), SW_OK);
        sw_bytes text = f.files[0].bytes;
        const char *const wanted[] = {cases[i].alpha_text, cases[i].dropout_text,
                                      "\"base_model_name_or_path\": null,"};
        for (size_t k = 0; k < COUNT(wanted); k++)
            if (memmem(text.data, text.size, wanted[k], strlen(wanted[k])) == NULL)
                fail_msg("not written: %s", wanted[k]);
        sw_arena_free(&f.arena);
    }
}

static const struct {
    const char *from, *to;
    sw_status status;
    const char *says;
} changes[] = {
    {"\"LORA\"", "\"ADALORA\"", SW_REFUSED, "peft_type"},
    {"\"LORA\"", "null", SW_REFUSED, "peft_type"},
    {"  \"peft_type\": \"LORA\",\n", "", SW_MALFORMED, "peft_type"},
    {"\"CAUSAL_LM\"", "\"SEQ_CLS\"", SW_REFUSED, "task_type"},
    {"\"bias\": \"none\"", "\"bias\": \"all\"", SW_REFUSED, "bias"},
    {"\"use_dora\": false", "\"use_dora\": true", SW_REFUSED, "use_dora"},
    {"\"use_qalora\": false", "\"use_qalora\": true", SW_REFUSED, "use_qalora"},
    {"\"lora_bias\": false", "\"lora_bias\": true", SW_REFUSED, "lora_bias"},
    {"\"fan_in_fan_out\": false", "\"fan_in_fan_out\": true", SW_REFUSED, "fan_in_fan_out"},
    {"\"init_lora_weights\": true", "\"init_lora_weights\": \"pissa\"", SW_REFUSED,
     "init_lora_weights"},
    {"\"modules_to_save\": null", "\"modules_to_save\": [\"lm_head\"]", SW_REFUSED,
     "modules_to_save"},
    {"\"rank_pattern\": {}", "\"rank_pattern\": {\"q_proj\": 4}", SW_REFUSED, "rank_pattern"},
    {"\"alpha_pattern\": {}", "\"alpha_pattern\": {\"q_proj\": 4}", SW_REFUSED, "alpha_pattern"},
    {"\"layers_to_transform\": null", "\"layers_to_transform\": [0]", SW_REFUSED,
     "layers_to_transform"},
    {"\"velora_config\": null", "\"some_new_idea\": 0.5", SW_REFUSED, "some_new_idea"},
    {"\"r\": 2", "\"r\": 0", SW_MALFORMED, "r is 0"},
    {"\"r\": 2", "\"r\": 4097", SW_MALFORMED, "r is above"},
    {"\"r\": 2", "\"r\": 3", SW_MALFORMED, "shape"},
    {"\"r\": 2", "\"r\": \"2\"", SW_MALFORMED, "r is not"},
    {"  \"r\": 2,\n", "", SW_MALFORMED, "r is missing"},
    {"\"lora_alpha\": 16", "\"lora_alpha\": -1", SW_MALFORMED, "lora_alpha"},
    {"\"lora_alpha\": 16", "\"lora_alpha\": null", SW_MALFORMED, "lora_alpha"},
    {"\"lora_dropout\": 0.05", "\"lora_dropout\": 1.5", SW_MALFORMED, "lora_dropout"},
    {"\"use_rslora\": true", "\"use_rslora\": 1", SW_MALFORMED, "use_rslora"},
    {"\"v_proj\"", "\"k_proj\"", SW_MALFORMED, "target"},
    {"\"v_proj\"", "\"\"", SW_MALFORMED, "target_modules"},
    {"\"v_proj\"", "7", SW_MALFORMED, "target_modules"},
    {"\"v_proj\"", "\"proj\"", SW_MALFORMED, "target"}, /* no dotted suffix */
    {"\"v_proj\"", "\"a_name_of_thirty_two_characters_x\"", SW_MALFORMED, "target_modules"},
    {"[\n    \"q_proj\",\n    \"v_proj\"\n  ]", "\"all-linear\"", SW_MALFORMED, "target_modules"},
    {"{\n  \"alora", "[{\n  \"alora", SW_MALFORMED, ""},
};

static void wrong_settings_are_refused(void **state) {
    (void)state;
    folder f = {.count = 0};
    write_folder(&f);
    sw_bytes good = f.files[0].bytes;
    for (size_t i = 0; i < COUNT(changes); i++) {
        sw_lora_settings back = {.r = 99};
        sw_adapter_pair *pairs = NULL;
        size_t count = 0;
        sw_error err = {0};
        f.files[0].bytes = replace(&f.arena, good, changes[i].from, changes[i].to);
        sw_status status = sw_adapter_read(&f.arena, f.files, 2, &back, &pairs, &count, &err);
        if (status != changes[i].status || strstr(err.message, changes[i].says) == NULL)
            fail_msg("%s -> %s: status %d, %s", changes[i].from, changes[i].to, status,
                     err.message);
        assert_int_equal(back.r, 99);
        assert_null(pairs);
    }
    sw_arena_free(&f.arena);
}

/* ---- tensors ---- */

typedef struct tensor {
    const char *name;
    size_t rows, columns;
} tensor;

#define NAME(layer, module, half)                                                                  \
    "base_model.model.model.layers." layer ".self_attn." module ".lora_" half ".weight"

static const struct {
    tensor tensors[4];
    size_t count;
    sw_status status;
} sets[] = {
    {{{NAME("0", "q_proj", "A"), 2, 3}, {NAME("0", "q_proj", "B"), 4, 2}}, 2, SW_OK},
    {{{NAME("0", "q_proj", "A"), 2, 3}}, 1, SW_MALFORMED},
    {{{NAME("0", "q_proj", "A"), 2, 3}}, 0, SW_MALFORMED},
    {{{NAME("0", "q_proj", "A"), 3, 2}, {NAME("0", "q_proj", "B"), 4, 2}}, 2, SW_MALFORMED},
    {{{NAME("0", "q_proj", "A"), 2, 3}, {NAME("0", "q_proj", "B"), 2, 4}}, 2, SW_MALFORMED},
    {{{NAME("0", "q_proj", "A"), 2, 0}, {NAME("0", "q_proj", "B"), 4, 2}}, 2, SW_MALFORMED},
    {{{NAME("0", "q_proj", "A"), 2, 3}, {NAME("1", "q_proj", "B"), 4, 2}}, 2, SW_MALFORMED},
    {{{NAME("0", "q_proj", "A"), 2, 3}, {NAME("0", "q_proj", "C"), 4, 2}}, 2, SW_MALFORMED},
    {{{NAME("0", "k_proj", "A"), 2, 3}, {NAME("0", "k_proj", "B"), 4, 2}}, 2, SW_MALFORMED},
    {{{"model.layers.0.q_proj.lora_A.weight", 2, 3}, {"model.layers.0.q_proj.lora_B.weight", 4, 2}},
     2,
     SW_MALFORMED},
    {{{"base_model.model..lora_A.weight", 2, 3}, {"base_model.model..lora_B.weight", 4, 2}},
     2,
     SW_MALFORMED},
    {{{"base_model.model.lora_A.weight", 2, 3}, {"base_model.model.lora_B.weight", 4, 2}},
     2,
     SW_MALFORMED},
    {{{NAME("0", "q_proj", "A"), 2, 3},
      {NAME("0", "q_proj", "B"), 4, 2},
      {"base_model.model.score.weight", 2, 2}},
     3,
     SW_MALFORMED},
};

static void wrong_tensors_are_refused(void **state) {
    (void)state;
    static const uint8_t zeros[256] = {0};
    for (size_t i = 0; i < COUNT(sets); i++) {
        folder f = {.count = 0};
        SW_SCOPED(sw_buffer) file = SW_BUFFER(1 << 14);
        sw_tensor_view views[4];
        sw_lora_settings back;
        sw_adapter_pair *pairs = NULL;
        size_t count = 0;
        for (size_t k = 0; k < sets[i].count; k++) {
            const tensor *t = &sets[i].tensors[k];
            views[k] = (sw_tensor_view){sw_text(t->name),
                                        SW_DTYPE_BF16,
                                        {t->rows, t->columns},
                                        2,
                                        SW_BYTES(zeros, 2 * t->rows * t->columns)};
        }
        assert_int_equal(sw_safetensors_encode(&file, views, sets[i].count, NULL), SW_OK);
        const sw_model_file files[] = {{"adapter_config.json", sw_text(config_json)},
                                       {"adapter_model.safetensors", sw_buffer_bytes(&file)}};
        sw_status status = sw_adapter_read(&f.arena, files, 2, &back, &pairs, &count, NULL);
        if (status != sets[i].status) fail_msg("set %zu: status %d", i, status);
        sw_arena_free(&f.arena);
    }
}

static void files_must_be_there(void **state) {
    (void)state;
    folder f = {.count = 0};
    sw_lora_settings back;
    sw_adapter_pair *pairs = NULL;
    size_t count = 0;
    write_folder(&f);
    assert_int_equal(sw_adapter_read(&f.arena, f.files, 0, &back, &pairs, &count, NULL),
                     SW_MISSING);
    assert_int_equal(sw_adapter_read(&f.arena, f.files, 1, &back, &pairs, &count, NULL),
                     SW_MISSING);
    assert_int_equal(sw_adapter_read(&f.arena, f.files + 1, 1, &back, &pairs, &count, NULL),
                     SW_MISSING);
    sw_arena_free(&f.arena);
}

static void settings_that_mean_nothing_are_not_written(void **state) {
    (void)state;
    folder f = {.count = 0};
    const sw_model_sink sink = {&f, keep};
    sw_lora_settings rank = lora, none = lora, many = lora;
    rank.r = 0;
    none.target_count = 0;
    many.target_count = SW_LORA_TARGET_LIMIT + 1;
    assert_int_equal(sw_adapter_write(&rank, NULL, NULL, 0, &sink, NULL), SW_USAGE);
    assert_int_equal(sw_adapter_write(&none, NULL, NULL, 0, &sink, NULL), SW_USAGE);
    assert_int_equal(sw_adapter_write(&many, NULL, NULL, 0, &sink, NULL), SW_USAGE);
    assert_int_equal(f.count, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(numbers_are_written_as_python_does),
        cmocka_unit_test(wrong_settings_are_refused),
        cmocka_unit_test(wrong_tensors_are_refused),
        cmocka_unit_test(files_must_be_there),
        cmocka_unit_test(settings_that_mean_nothing_are_not_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
