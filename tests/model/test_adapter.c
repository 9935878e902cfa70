/* SPDX-License-Identifier: Apache-2.0
 *
 * PEFT adapters (MODEL-080 to MODEL-089): the bytes of adapter_config.json are those of PEFT 0.21.2
 * for the same LoraConfig (tests/parity/{model,adapters}.py compare them live), what is written
 * reads back, and what is not known is refused by name.
 */
#include "model/model.h"
#include "tokenizer/files.h"
#include <math.h>

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
    static sw_adapter_pair pairs[2] = {{"model.layers.10.self_attn.q_proj", 3, 4, a[0], b[0], NULL},
                                       {"model.layers.2.self_attn.v_proj", 3, 4, a[1], b[1], NULL}};
    const sw_adapter adapter = {.lora = lora, .pairs = pairs, .pair_count = 2};
    const sw_model_sink sink = {f, keep};
    for (size_t i = 0; i < 6; i++) a[0][i] = (float)i + 0.5f, a[1][i] = -(float)i;
    for (size_t i = 0; i < 8; i++) b[0][i] = (float)i * 0.25f, b[1][i] = 1e-40f * (float)i;
    assert_int_equal(sw_adapter_write(&adapter, "SmolLM2-135M-Instruct", &sink, NULL), SW_OK);
    assert_int_equal(f->count, 2);
}

static void what_is_written_reads_back(void **state) {
    (void)state;
    folder f = {.count = 0};
    sw_adapter read;
    write_folder(&f);
    assert_string_equal(f.files[0].name, "adapter_config.json");
    assert_true(sw_bytes_is(f.files[0].bytes, config_json));
    assert_int_equal(sw_adapter_read(&f.arena, f.files, 2, &read, NULL), SW_OK);
    const sw_lora_settings back = read.lora;
    const sw_adapter_pair *pairs = read.pairs;
    assert_int_equal(back.r, 2);
    assert_true(back.lora_alpha == 16 && back.lora_dropout == 0.05 && back.use_rslora);
    assert_int_equal(back.target_count, 2);
    assert_string_equal(back.targets[0], "q_proj");
    assert_string_equal(back.targets[1], "v_proj");
    assert_int_equal(read.pair_count, 2);
    assert_null(read.embed_tokens.values);
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
        sw_adapter adapter = {.lora = lora};
        adapter.lora.lora_alpha = cases[i].alpha;
        adapter.lora.lora_dropout = cases[i].dropout;
        assert_int_equal(sw_adapter_write(&adapter, NULL, &sink, NULL), SW_OK);
        sw_bytes text = f.files[0].bytes;
        const char *const wanted[] = {cases[i].alpha_text, cases[i].dropout_text,
                                      "\"base_model_name_or_path\": null,"};
        for (size_t k = 0; k < COUNT(wanted); k++)
            if (memmem(text.data, text.size, wanted[k], strlen(wanted[k])) == NULL)
                fail_msg("not written: %s", wanted[k]);
        sw_arena_free(&f.arena);
    }
}

#define SAVES(list, status, says)                                                                  \
    { "\"modules_to_save\": null", "\"modules_to_save\": " list, status, says }
#define RANKS(map, status, says)                                                                   \
    { "\"rank_pattern\": {}", "\"rank_pattern\": " map, status, says }

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
    {"\"use_dora\": false", "\"use_dora\": true", SW_MALFORMED, "no partner"},
    {"\"use_dora\": false", "\"use_dora\": 1", SW_MALFORMED, "use_dora"},
    {"\"use_qalora\": false", "\"use_qalora\": true", SW_REFUSED, "use_qalora"},
    {"\"lora_bias\": false", "\"lora_bias\": true", SW_REFUSED, "lora_bias"},
    {"\"fan_in_fan_out\": false", "\"fan_in_fan_out\": true", SW_REFUSED, "fan_in_fan_out"},
    {"\"init_lora_weights\": true", "\"init_lora_weights\": \"pissa\"", SW_REFUSED,
     "init_lora_weights"},
    SAVES("[\"lm_head\"]", SW_MALFORMED, "do not agree"),
    SAVES("[\"embed_tokens\"]", SW_MALFORMED, "do not agree"),
    SAVES("[\"score\"]", SW_REFUSED, "score"),
    SAVES("[\"head\"]", SW_REFUSED, "neither embed_tokens nor lm_head"),
    SAVES("[\"q_proj\"]", SW_REFUSED, "q_proj"),
    SAVES("[\"lm_head\", 7]", SW_MALFORMED, "modules_to_save"),
    SAVES("[\"lm_head\", \"\"]", SW_MALFORMED, "modules_to_save"),
    SAVES("\"lm_head\"", SW_MALFORMED, "modules_to_save"),
    SAVES("[\"lm_head\", \"lm_head\", \"lm_head\", \"lm_head\", \"lm_head\"]", SW_LIMIT,
          "modules_to_save"),
    RANKS("{\"q_proj\": 4}", SW_MALFORMED, "shape"),
    RANKS("{\"q_proj\": 0}", SW_MALFORMED, "rank_pattern: the value of q_proj"),
    RANKS("{\"q_proj\": 2.5}", SW_MALFORMED, "rank_pattern"),
    RANKS("{\"q_proj\": 4097}", SW_MALFORMED, "rank_pattern"),
    RANKS("{\"q_proj\": \"2\"}", SW_MALFORMED, "rank_pattern"),
    RANKS("{\"layers\\\\.[01]\\\\.q\": 2}", SW_REFUSED, "rank_pattern"),
    RANKS("{\"^q_proj\": 2}", SW_REFUSED, "^q_proj"),
    RANKS("{\"\": 2}", SW_REFUSED, "rank_pattern"),
    RANKS("[2]", SW_MALFORMED, "rank_pattern is no object"),
    RANKS(
        "{\"a\":2,\"b\":2,\"c\":2,\"d\":2,\"e\":2,\"f\":2,\"g\":2,\"h\":2,\"i\":2,\"j\":2,\"k\":2,"
        "\"l\":2,\"m\":2,\"n\":2,\"o\":2,\"p\":2,\"q\":2}",
        SW_REFUSED, "q is no plain name, or one too many"),
    {"\"alpha_pattern\": {}", "\"alpha_pattern\": {\"q_proj\": -4}", SW_MALFORMED, "alpha_pattern"},
    {"\"alpha_pattern\": {}", "\"alpha_pattern\": {\"q_proj\": null}", SW_MALFORMED,
     "alpha_pattern"},
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
        sw_adapter back = {.pair_count = 99};
        sw_error err = {0};
        f.files[0].bytes = replace(&f.arena, good, changes[i].from, changes[i].to);
        sw_status status = sw_adapter_read(&f.arena, f.files, 2, &back, &err);
        if (status != changes[i].status || strstr(err.message, changes[i].says) == NULL)
            fail_msg("%s -> %s: status %d, %s", changes[i].from, changes[i].to, status,
                     err.message);
        assert_int_equal(back.pair_count, 99);
        assert_null(back.pairs);
    }
    sw_arena_free(&f.arena);
}

/* ---- tensors ---- */

typedef struct tensor {
    const char *name;
    size_t rows, columns; /* columns 0: a vector */
} tensor;

#define PART(layer, module, part)                                                                  \
    "base_model.model.model.layers." layer ".self_attn." module ".lora_" part
#define NAME(layer, module, half) PART(layer, module, half ".weight")
#define A(layer, r, in)                                                                            \
    { NAME(layer, "q_proj", "A"), r, in }
#define B(layer, out, r)                                                                           \
    { NAME(layer, "q_proj", "B"), out, r }
#define M(layer, out)                                                                              \
    { PART(layer, "q_proj", "magnitude_vector"), out, 0 }
#define EMBED "base_model.model.model.embed_tokens.weight"
#define HEAD  "base_model.model.lm_head.weight"

/* Which settings a set is read with. */
enum { PLAIN, DORA, SAVED, PATTERNS };
static const char *const settings[][2] = {
    [PLAIN] = {"\"r\": 2", "\"r\": 2"},
    [DORA] = {"\"use_dora\": false", "\"use_dora\": true"},
    [SAVED] = {"\"modules_to_save\": null", "\"modules_to_save\": [\"lm_head\",\"embed_tokens\"]"},
    /* a dot is any character, as in PEFT's regular expression */
    [PATTERNS] = {"\"rank_pattern\": {}",
                  "\"rank_pattern\": {\"1.self.attn.q_proj\":3,\"q.proj\":5}"},
};

static const struct {
    tensor tensors[7];
    size_t count;
    int with;
    sw_status status;
} sets[] = {
    {{A("0", 2, 3), B("0", 4, 2)}, 2, PLAIN, SW_OK},
    {{A("0", 2, 3)}, 1, PLAIN, SW_MALFORMED},
    {{A("0", 2, 3)}, 0, PLAIN, SW_MALFORMED},
    {{A("0", 3, 2), B("0", 4, 2)}, 2, PLAIN, SW_MALFORMED},
    {{A("0", 2, 3), B("0", 2, 4)}, 2, PLAIN, SW_MALFORMED},
    {{A("0", 2, 0), B("0", 4, 2)}, 2, PLAIN, SW_MALFORMED},
    {{A("0", 2, 3), B("1", 4, 2)}, 2, PLAIN, SW_MALFORMED},
    {{A("0", 2, 3), {NAME("0", "q_proj", "C"), 4, 2}}, 2, PLAIN, SW_MALFORMED},
    {{{NAME("0", "k_proj", "A"), 2, 3}, {NAME("0", "k_proj", "B"), 4, 2}}, 2, PLAIN, SW_MALFORMED},
    {{{"model.layers.0.q_proj.lora_A.weight", 2, 3}, {"model.layers.0.q_proj.lora_B.weight", 4, 2}},
     2,
     PLAIN,
     SW_MALFORMED},
    {{{"base_model.model..lora_A.weight", 2, 3}, {"base_model.model..lora_B.weight", 4, 2}},
     2,
     PLAIN,
     SW_MALFORMED},
    {{{"base_model.model.lora_A.weight", 2, 3}, {"base_model.model.lora_B.weight", 4, 2}},
     2,
     PLAIN,
     SW_MALFORMED},
    {{A("0", 2, 3), B("0", 4, 2), {"base_model.model.score.weight", 2, 2}}, 3, PLAIN, SW_MALFORMED},
    {{A("0", 2, 3), B("0", 4, 2), M("0", 4)}, 3, PLAIN, SW_MALFORMED},
    {{A("0", 2, 3), B("0", 4, 2), {HEAD, 5, 3}}, 3, PLAIN, SW_MALFORMED},
    {{A("0", 2, 3), B("0", 4, 2), M("0", 4)}, 3, DORA, SW_OK},
    {{A("0", 2, 3), B("0", 4, 2), M("0", 4), A("1", 2, 3), B("1", 4, 2), M("1", 4)},
     6,
     DORA,
     SW_OK},
    {{A("0", 2, 3), B("0", 4, 2)}, 2, DORA, SW_MALFORMED},
    {{A("0", 2, 3), B("0", 4, 2), M("0", 3)}, 3, DORA, SW_MALFORMED},
    {{A("0", 2, 3), B("0", 4, 2), M("1", 4)}, 3, DORA, SW_MALFORMED},
    {{A("0", 2, 3), B("0", 4, 2), {PART("0", "q_proj", "magnitude_vector"), 4, 1}},
     3,
     DORA,
     SW_MALFORMED},
    {{A("0", 2, 3), B("0", 4, 2), {NAME("0", "q_proj", "magnitude_vector"), 4, 0}},
     3,
     DORA,
     SW_MALFORMED},
    {{A("0", 2, 3), B("0", 4, 2), M("0", 4), A("1", 2, 3), B("1", 4, 2)}, 5, DORA, SW_MALFORMED},
    {{A("0", 2, 3), B("0", 4, 2), {HEAD, 5, 3}, {EMBED, 5, 3}}, 4, SAVED, SW_OK},
    {{A("0", 2, 3), B("0", 4, 2), {HEAD, 5, 3}}, 3, SAVED, SW_MALFORMED},
    {{A("0", 2, 3), B("0", 4, 2), {EMBED, 5, 3}}, 3, SAVED, SW_MALFORMED},
    {{A("0", 2, 3), B("0", 4, 2), {HEAD, 5, 0}, {EMBED, 5, 3}}, 4, SAVED, SW_MALFORMED},
    {{A("0", 2, 3), B("0", 4, 2), {HEAD, 5, 3}, {"base_model.model.embed_tokens.weight", 5, 3}},
     4,
     SAVED,
     SW_MALFORMED},
    {{{HEAD, 5, 3}, {EMBED, 5, 3}}, 2, SAVED, SW_MALFORMED},
    {{A("0", 5, 3), B("0", 4, 5), A("1", 3, 3), B("1", 4, 3)}, 4, PATTERNS, SW_OK},
    {{A("0", 3, 3), B("0", 4, 3), A("1", 3, 3), B("1", 4, 3)}, 4, PATTERNS, SW_MALFORMED},
    {{A("0", 5, 3), B("0", 4, 5), A("1", 5, 3), B("1", 4, 5)}, 4, PATTERNS, SW_MALFORMED},
    {{A("0", 2, 3), B("0", 4, 2)}, 2, PATTERNS, SW_MALFORMED},
};

static void wrong_tensors_are_refused(void **state) {
    (void)state;
    static const uint8_t zeros[256] = {0};
    for (size_t i = 0; i < COUNT(sets); i++) {
        folder f = {.count = 0};
        SW_SCOPED(sw_buffer) file = SW_BUFFER(1 << 14);
        sw_tensor_view views[7];
        sw_adapter back;
        for (size_t k = 0; k < sets[i].count; k++) {
            const tensor *t = &sets[i].tensors[k];
            bool vector = t->columns == 0 && !strstr(t->name, "lora_A");
            views[k] = (sw_tensor_view){sw_text(t->name),
                                        SW_DTYPE_BF16,
                                        {t->rows, t->columns},
                                        vector ? 1 : 2,
                                        SW_BYTES(zeros, 2 * t->rows * (vector ? 1 : t->columns))};
        }
        assert_int_equal(sw_safetensors_encode(&file, views, sets[i].count, NULL), SW_OK);
        const char *const *change = settings[sets[i].with];
        const sw_model_file files[] = {
            {"adapter_config.json", replace(&f.arena, sw_text(config_json), change[0], change[1])},
            {"adapter_model.safetensors", sw_buffer_bytes(&file)}};
        sw_status status = sw_adapter_read(&f.arena, files, 2, &back, NULL);
        if (status != sets[i].status) fail_msg("set %zu: status %d", i, status);
        sw_arena_free(&f.arena);
    }
}

/* Everything at once comes back as it was written, in the order that PEFT keeps. */
static void the_rest_of_lora_reads_back(void **state) {
    (void)state;
    folder f = {.count = 0};
    const sw_model_sink sink = {&f, keep};
    static const float a[9] = {1, 2, 3}, b[12] = {4, 5, 6}, m[4] = {7, 8, 9, 10}, t[15] = {11};
    sw_adapter_pair pair = {"model.layers.1.self_attn.q_proj", 3, 4, a, b, m};
    sw_adapter one = {.lora = lora,
                      .pairs = &pair,
                      .pair_count = 1,
                      .embed_tokens = {5, 3, t},
                      .lm_head = {5, 3, t}},
               read;
    one.lora.use_dora = true;
    one.lora.rank_pattern = (sw_lora_patterns){1, {{"layers.1.self_attn.q_proj", 3}}};
    one.lora.alpha_pattern = (sw_lora_patterns){2, {{"v_proj", 2}, {"q_proj", 6.5}}};
    one.lora.save_count = 2;
    strcpy(one.lora.save[0], "model.embed_tokens");
    strcpy(one.lora.save[1], "lm_head");
    assert_int_equal(sw_adapter_write(&one, NULL, &sink, NULL), SW_OK);
    const char *const wanted[] = {
        "\"alpha_pattern\": {\n    \"q_proj\": 6.5,\n    \"v_proj\": 2\n  },",
        "\"rank_pattern\": {\n    \"layers.1.self_attn.q_proj\": 3\n  },",
        "\"modules_to_save\": [\n    \"model.embed_tokens\",\n    \"lm_head\"\n  ],",
        "\"use_dora\": true,"};
    sw_bytes text = f.files[0].bytes;
    for (size_t i = 0; i < COUNT(wanted); i++)
        assert_non_null(memmem(text.data, text.size, wanted[i], strlen(wanted[i])));
    assert_int_equal(sw_adapter_read(&f.arena, f.files, 2, &read, NULL), SW_OK);
    assert_true(read.lora.use_dora && read.lora.save_count == 2);
    assert_int_equal(read.lora.alpha_pattern.count, 2);
    assert_string_equal(read.lora.alpha_pattern.at[0].module, "q_proj");
    assert_true(sw_lora_rank(&read.lora, pair.module) == 3);
    assert_true(sw_lora_scale(&read.lora, pair.module) == 6.5 / sqrt(3));
    assert_memory_equal(read.pairs[0].a, a, sizeof a);
    assert_memory_equal(read.pairs[0].b, b, sizeof b);
    assert_memory_equal(read.pairs[0].magnitude, m, sizeof m);
    assert_memory_equal(read.embed_tokens.values, t, sizeof t);
    assert_true(read.lm_head.rows == 5 && read.lm_head.columns == 3 &&
                read.lm_head.values[0] == 11);
    sw_arena_free(&f.arena);
}

static void files_must_be_there(void **state) {
    (void)state;
    folder f = {.count = 0};
    sw_adapter back;
    write_folder(&f);
    assert_int_equal(sw_adapter_read(&f.arena, f.files, 0, &back, NULL), SW_MISSING);
    assert_int_equal(sw_adapter_read(&f.arena, f.files, 1, &back, NULL), SW_MISSING);
    assert_int_equal(sw_adapter_read(&f.arena, f.files + 1, 1, &back, NULL), SW_MISSING);
    sw_arena_free(&f.arena);
}

static void settings_that_mean_nothing_are_not_written(void **state) {
    (void)state;
    folder f = {.count = 0};
    const sw_model_sink sink = {&f, keep};
    sw_adapter rank = {.lora = lora}, none = {.lora = lora}, many = {.lora = lora};
    rank.lora.r = 0;
    none.lora.target_count = 0;
    many.lora.target_count = SW_LORA_TARGET_LIMIT + 1;
    assert_int_equal(sw_adapter_write(&rank, NULL, &sink, NULL), SW_USAGE);
    assert_int_equal(sw_adapter_write(&none, NULL, &sink, NULL), SW_USAGE);
    assert_int_equal(sw_adapter_write(&many, NULL, &sink, NULL), SW_USAGE);
    assert_int_equal(f.count, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(numbers_are_written_as_python_does),
        cmocka_unit_test(wrong_settings_are_refused),
        cmocka_unit_test(wrong_tensors_are_refused),
        cmocka_unit_test(the_rest_of_lora_reads_back),
        cmocka_unit_test(files_must_be_there),
        cmocka_unit_test(settings_that_mean_nothing_are_not_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
