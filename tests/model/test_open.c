/* SPDX-License-Identifier: Apache-2.0
 *
 * A model folder opens when every tensor that config.json implies is there, in one type and in its
 * shape, and nothing else is (MODEL-030 to MODEL-037).
 */
#include "model/model.h"
#include "tokenizer/files.h"

enum { TENSORS_MAX = 30, LAYERS = 2 };

#define CONFIG(tied)            CONFIG_OF("llama", tied)
#define CONFIG_OF(family, tied) CONFIG_HEADS(family, "6", tied)
#define CONFIG_HEADS(family, head_dim, tied)                                                       \
    "{\"model_type\":\"" family "\",\"hidden_size\":8,\"intermediate_size\":12,"                   \
    "\"num_hidden_layers\":2,\"num_attention_heads\":2,\"num_key_value_heads\":1,"                 \
    "\"head_dim\":" head_dim ",\"vocab_size\":10,\"tie_word_embeddings\":" tied "}"

typedef struct set {
    char names[TENSORS_MAX][64];
    sw_tensor_view views[TENSORS_MAX];
    size_t count;
} set;

static uint8_t data[1 << 12]; /* what tensors hold: their own index, see add() */

static void add(set *s, const char *name, size_t rows, size_t columns) {
    sw_tensor_view *v = &s->views[s->count];
    (void)snprintf(s->names[s->count], sizeof s->names[0], "%s", name);
    v->name = sw_text(s->names[s->count]);
    v->dtype = SW_DTYPE_BF16;
    v->dim_count = columns == 0 ? 1 : 2;
    v->dims[0] = rows;
    v->dims[1] = columns;
    v->data = SW_BYTES(data + 64 * s->count, rows * (columns == 0 ? 1 : columns) * 2);
    s->count++;
}

static void fill(set *s, bool tied) {
    static const struct {
        const char *name;
        size_t rows, columns;
    } layer[] = {
        {"input_layernorm", 8, 0},  {"self_attn.q_proj", 12, 8}, {"self_attn.k_proj", 6, 8},
        {"self_attn.v_proj", 6, 8}, {"self_attn.o_proj", 8, 12}, {"post_attention_layernorm", 8, 0},
        {"mlp.gate_proj", 12, 8},   {"mlp.up_proj", 12, 8},      {"mlp.down_proj", 8, 12},
    };
    for (size_t i = 0; i < sizeof data; i++) data[i] = (uint8_t)(i / 64);
    add(s, "model.embed_tokens.weight", 10, 8);
    add(s, "model.norm.weight", 8, 0);
    if (!tied) add(s, "lm_head.weight", 10, 8);
    for (size_t l = 0; l < LAYERS; l++)
        for (size_t i = 0; i < COUNT(layer); i++) {
            char name[64];
            (void)snprintf(name, sizeof name, "model.layers.%zu.%s.weight", l, layer[i].name);
            add(s, name, layer[i].rows, layer[i].columns);
        }
}

static size_t find(const set *s, const char *name) {
    size_t i = 0;
    while (i < s->count && strcmp(s->names[i], name) != 0) i++;
    assert_true(i < s->count);
    return i;
}

static sw_status open_set(const char *config, const set *s, sw_arena *arena, sw_model *out,
                          sw_error *err) {
    sw_buffer file = SW_BUFFER(1 << 16);
    assert_int_equal(sw_safetensors_encode(&file, s->views, s->count, NULL), SW_OK);
    const sw_model_file files[] = {
        {"config.json", sw_text(config)},
        {"README.md", SW_LITERAL("words")},
        {"model.safetensors", sw_arena_copy(arena, sw_buffer_bytes(&file))}};
    sw_buffer_free(&file);
    return sw_model_open(arena, files, COUNT(files), out, err);
}

static void whole_folders_open(void **state) {
    (void)state;
    for (int tied = 0; tied < 2; tied++) {
        SW_SCOPED(sw_arena) arena = {0};
        set s = {0};
        sw_model m;
        sw_error err = {0};
        fill(&s, tied);
        if (open_set(tied ? CONFIG("true") : CONFIG("false"), &s, &arena, &m, &err) != SW_OK)
            fail_msg("%s", err.message);
        assert_int_equal(m.dtype, SW_DTYPE_BF16);
        assert_int_equal(m.embed_tokens.dims[0], 10);
        assert_true((m.lm_head.data.data == m.embed_tokens.data.data) == tied);
        for (size_t l = 0; l < LAYERS; l++) {
            char name[64];
            (void)snprintf(name, sizeof name, "model.layers.%zu.mlp.down_proj.weight", l);
            assert_int_equal(m.layers[l].down_proj.data.data[0], find(&s, name));
            assert_int_equal(m.layers[l].down_proj.dims[0], 8);
            assert_int_equal(m.layers[l].down_proj.dims[1], 12);
            (void)snprintf(name, sizeof name, "model.layers.%zu.self_attn.q_proj.weight", l);
            assert_int_equal(m.layers[l].q_proj.data.data[0], find(&s, name));
        }
    }
}

static void fill_qwen2(set *s) {
    fill(s, true);
    for (size_t l = 0; l < LAYERS; l++)
        for (size_t i = 0; i < 3; i++) {
            char name[64];
            (void)snprintf(name, sizeof name, "model.layers.%zu.self_attn.%c_proj.bias", l,
                           "qkv"[i]);
            add(s, name, i == 0 ? 12 : 6, 0);
        }
}

static void biases_belong_to_the_family(void **state) {
    (void)state;
    SW_SCOPED(sw_arena) arena = {0};
    set whole = {0};
    sw_model m;
    sw_error err = {0};
    fill_qwen2(&whole);
    assert_int_equal(open_set(CONFIG_OF("qwen2", "true"), &whole, &arena, &m, &err), SW_OK);
    assert_int_equal(m.layers[1].v_bias.data.data[0],
                     find(&whole, "model.layers.1.self_attn.v_proj.bias"));
    assert_int_equal(m.layers[0].k_bias.dims[0], 6);
    assert_int_equal(open_set(CONFIG("true"), &whole, &arena, &m, &err), SW_MALFORMED);
    assert_non_null(
        strstr(err.message,
               "model.safetensors: tensor model.layers.0.self_attn.k_proj.bias is no tensor"));
    for (size_t i = whole.count - 6; i < whole.count; i++) {
        set s = whole;
        s.views[i] = s.views[--s.count];
        assert_int_equal(open_set(CONFIG_OF("qwen2", "true"), &s, &arena, &m, &err), SW_MISSING);
        assert_non_null(strstr(err.message, whole.names[i]));
        s = whole;
        s.views[i].dims[0]--, s.views[i].data.size -= 2;
        assert_int_equal(open_set(CONFIG_OF("qwen2", "true"), &s, &arena, &m, &err), SW_MALFORMED);
        assert_non_null(strstr(err.message, "model.safetensors: tensor "));
        assert_non_null(strstr(err.message, whole.names[i]));
        s = whole;
        s.views[i].dtype = SW_DTYPE_F32, s.views[i].data.size *= 2;
        assert_int_equal(open_set(CONFIG_OF("qwen2", "true"), &s, &arena, &m, &err), SW_REFUSED);
    }
    set s = whole;
    add(&s, "model.layers.0.self_attn.o_proj.bias", 8, 0);
    assert_int_equal(open_set(CONFIG_OF("qwen2", "true"), &s, &arena, &m, &err), SW_MALFORMED);
}

/* ---- one thing wrong ---- */

static void each_tensor_must_be_there(void **state) {
    (void)state;
    set whole = {0};
    fill(&whole, false);
    for (size_t i = 0; i < whole.count; i++) {
        SW_SCOPED(sw_arena) arena = {0};
        sw_error err = {0};
        sw_model m = {.dtype = SW_DTYPE_F16};
        set s = whole;
        s.views[i] = s.views[--s.count];
        assert_int_equal(open_set(CONFIG("false"), &s, &arena, &m, &err), SW_MISSING);
        assert_non_null(strstr(err.message, whole.names[i]));
        assert_int_equal(m.dtype, SW_DTYPE_F16);
    }
}

static void each_shape_and_type_must_be_right(void **state) {
    (void)state;
    set whole = {0};
    fill(&whole, false);
    for (size_t i = 0; i < whole.count; i++)
        for (int kind = 0; kind < 5; kind++) {
            SW_SCOPED(sw_arena) arena = {0};
            sw_error err = {0};
            sw_model m;
            set s = whole;
            sw_tensor_view *v = &s.views[i];
            sw_status wanted = SW_MALFORMED;
            size_t row_bytes = v->data.size / v->dims[0];
            if (kind == 0) v->data.size += row_bytes, v->dims[0]++;
            if (kind == 1) v->data.size -= row_bytes, v->dims[0]--;
            if (kind == 2) v->dims[v->dim_count++] = 1;
            if (kind == 3) v->dtype = SW_DTYPE_F16, wanted = SW_REFUSED;
            if (kind == 4) v->dtype = SW_DTYPE_F32, v->data.size *= 2, wanted = SW_REFUSED;
            assert_int_equal(open_set(CONFIG("false"), &s, &arena, &m, &err), wanted);
            if (kind < 3) assert_non_null(strstr(err.message, whole.names[i]));
        }
}

static void swapped_sizes_are_refused(void **state) {
    (void)state;
    SW_SCOPED(sw_arena) arena = {0};
    set s = {0};
    sw_model m;
    fill(&s, false);
    sw_tensor_view *v = &s.views[find(&s, "model.layers.1.mlp.down_proj.weight")];
    v->dims[0] = 12, v->dims[1] = 8;
    assert_int_equal(open_set(CONFIG("false"), &s, &arena, &m, NULL), SW_MALFORMED);
}

static void surplus_tensors_are_refused(void **state) {
    (void)state;
    static const char *const names[] = {"model.layers.2.mlp.down_proj.weight", "score.weight",
                                        "model.layers.0.self_attn.q_proj.bias", "lm_head.weight",
                                        "rotary_emb.inv_freqs"};
    for (size_t i = 0; i < COUNT(names); i++) {
        SW_SCOPED(sw_arena) arena = {0};
        sw_error err = {0};
        set s = {0};
        sw_model m;
        fill(&s, true);
        add(&s, names[i], 10, 8); /* as lm_head: the right shape, but not the embedding's bytes */
        assert_int_equal(open_set(CONFIG("true"), &s, &arena, &m, &err), SW_MALFORMED);
        assert_non_null(strstr(err.message, names[i]));
    }
}

static void buffers_and_a_stored_tied_head_are_allowed(void **state) {
    (void)state;
    SW_SCOPED(sw_arena) arena = {0};
    set s = {0};
    sw_model m;
    fill(&s, true);
    add(&s, "model.layers.0.self_attn.rotary_emb.inv_freq", 3, 0);
    add(&s, "lm_head.weight", 10, 8);
    s.views[s.count - 1].data = s.views[0].data;
    assert_int_equal(open_set(CONFIG("true"), &s, &arena, &m, NULL), SW_OK);
}

/* The same file one byte further in memory: its elements cannot be read as they lie. */
static void data_that_is_not_aligned_is_refused(void **state) {
    (void)state;
    SW_SCOPED(sw_arena) arena = {0};
    SW_SCOPED(sw_buffer) file = SW_BUFFER(1 << 16);
    set s = {0};
    sw_model m;
    sw_error err = {0};
    fill(&s, true);
    assert_int_equal(sw_safetensors_encode(&file, s.views, s.count, NULL), SW_OK);
    uint8_t *memory = sw_arena_alloc(&arena, file.size + 1, 1);
    memcpy(memory + 1, file.data, file.size);
    const sw_model_file files[] = {{"config.json", SW_LITERAL(CONFIG("true"))},
                                   {"model.safetensors", SW_BYTES(memory + 1, file.size)}};
    assert_int_equal(sw_model_open(&arena, files, 2, &m, &err), SW_REFUSED);
    assert_non_null(strstr(err.message, "not aligned"));
}

/* ---- several files ---- */

typedef struct shards {
    const char *index;
    const char *first_name, *second_name;
    sw_status status;
    const char *says;
    size_t unlisted;    /* tensors at the end that the index leaves out */
    const char *more;   /* a file that is none, besides */
    const char *config; /* NULL: what the tensors make */
} shards;

#define INDEX "model.safetensors.index.json"

/* Puts every second tensor into the second file; %s in the index stands for the weight map. */
static sw_status open_shards(const shards *c, sw_arena *arena, sw_error *err) {
    set s = {0}, parts[2] = {{.count = 0}, {.count = 0}};
    SW_SCOPED(sw_buffer) map = SW_BUFFER(1 << 14);
    SW_SCOPED(sw_buffer) index = SW_BUFFER(1 << 14);
    sw_bytes contents[2];
    sw_model m;
    fill(&s, true);
    for (size_t i = 0; i < s.count; i++) {
        set *part = &parts[i % 2];
        part->views[part->count++] = s.views[i];
        if (i + c->unlisted >= s.count) continue;
        sw_put_format(&map, "%s\"%s\":\"%s\"", i == 0 ? "" : ",", s.names[i],
                      i % 2 == 0 ? "a.safetensors" : "b.safetensors");
    }
    sw_put_u8(&map, 0);
    for (size_t i = 0; i < 2; i++) {
        sw_buffer file = SW_BUFFER(1 << 16);
        assert_int_equal(sw_safetensors_encode(&file, parts[i].views, parts[i].count, NULL), SW_OK);
        contents[i] = sw_arena_copy(arena, sw_buffer_bytes(&file));
        sw_buffer_free(&file);
    }
    if (c->index != NULL) sw_put_format(&index, c->index, (const char *)map.data);
    const sw_model_file files[] = {{"config.json", sw_text(c->config ? c->config : CONFIG("true"))},
                                   {c->first_name, contents[0]},
                                   {c->second_name, contents[1]},
                                   {INDEX, sw_buffer_bytes(&index)},
                                   {c->more, SW_LITERAL("no weights")}};
    size_t count = c->index == NULL ? 3 : c->more == NULL ? 4 : 5;
    return sw_model_open(arena, files, count, &m, err);
}

static void shards_follow_their_index(void **state) {
    (void)state;
    static const shards cases[] = {
        {"{\"metadata\":{},\"weight_map\":{%s}}", "a.safetensors", "b.safetensors", SW_OK, "", 0,
         NULL, NULL},
        {"{\"weight_map\":{%s}}", "a.safetensors", "b.safetensors", SW_MALFORMED,
         INDEX " lists 9 tensors of b.safetensors, which holds 10", 1, NULL, NULL},
        {NULL, "a.safetensors", "b.safetensors", SW_MISSING, INDEX, 0, NULL, NULL},
        {NULL, "a.safetensors", "b.bin", SW_MISSING, "is missing", 0, NULL, NULL},
        {NULL, "a.bin", "b.bin", SW_MISSING, "no *.safetensors", 0, NULL, NULL},
        {"{\"weight_map\":{%s}}", "b.safetensors", "a.safetensors", SW_MALFORMED,
         "b.safetensors, which", 0, NULL, NULL},
        {"{\"weight_map\":{%s}}", "a.safetensors", "c.safetensors", SW_MISSING,
         "into b.safetensors, which is not there", 0, NULL, NULL},
        {"{\"weight_map\":{%s,\"x\":\"a.safetensors\"}}", "a.safetensors", "b.safetensors",
         SW_MALFORMED, "index", 0, NULL, NULL},
        {"{\"weight_map\":{%s,\"x\":7}}", "a.safetensors", "b.safetensors", SW_MALFORMED,
         INDEX " names no file for tensor x", 0, NULL, NULL},
        {"{\"weight_map\":[]}", "a.safetensors", "b.safetensors", SW_MALFORMED, "weight_map", 0,
         NULL, NULL},
        {"{}", "a.safetensors", "b.safetensors", SW_MALFORMED, "weight_map", 0, NULL, NULL},
        {"", "a.safetensors", "b.safetensors", SW_MALFORMED, INDEX ": JSON", 0, NULL, NULL},
        {"{\"weight_map\":{%s}}", "a.safetensors", "b.safetensors", SW_MALFORMED,
         "b.safetensors: tensor model.layers.0.self_attn.q_proj.weight has another shape", 0, NULL,
         CONFIG_HEADS("llama", "8", "true")},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        SW_SCOPED(sw_arena) arena = {0};
        sw_error err = {0};
        sw_status status = open_shards(&cases[i], &arena, &err);
        if (status != cases[i].status || strstr(err.message, cases[i].says) == NULL)
            fail_msg("case %zu: status %d, %s", i, status, err.message);
    }
}

/* MODEL-034: other formats of the same weights lie beside the shards. */
static void files_that_the_index_does_not_name(void **state) {
    (void)state;
    static const struct {
        const char *name;
        sw_status status;
        bool left_aside;
    } cases[] = {
        {"consolidated.safetensors", SW_OK, true},
        {"z.safetensors", SW_OK, true},
        {"model.safetensors", SW_REFUSED, false},
        {"consolidated.bin", SW_OK, false},
        {"params.json", SW_OK, false},
    };
    static const char index[] = "{\"weight_map\":{\"x\":\"a.safetensors\"}}";
    for (size_t i = 0; i < COUNT(cases); i++) {
        SW_SCOPED(sw_arena) arena = {0};
        sw_error err = {0};
        const shards c = {.index = "{\"weight_map\":{%s}}",
                          .first_name = "a.safetensors",
                          .second_name = "b.safetensors",
                          .more = cases[i].name};
        sw_status status = open_shards(&c, &arena, &err);
        if (status != cases[i].status) fail_msg("%s: %s", cases[i].name, err.message);
        if (status != SW_OK) assert_non_null(strstr(err.message, cases[i].name));
        assert_int_equal(sw_model_leaves_aside(sw_text(index), cases[i].name), cases[i].left_aside);
        assert_false(sw_model_leaves_aside((sw_bytes){0}, cases[i].name));
        assert_false(sw_model_leaves_aside(SW_LITERAL("{"), cases[i].name));
    }
    assert_false(sw_model_leaves_aside(sw_text(index), "a.safetensors"));
}

/* A refusal says which file it speaks of. */
static void the_file_is_named(void **state) {
    (void)state;
    static const struct {
        const char *config, *name;
        sw_bytes bytes;
        const char *says;
    } cases[] = {
        {"{", "model.safetensors", {0}, "config.json: JSON byte 1"},
        {"", "model.safetensors", {0}, "config.json: JSON byte 0"},
        {CONFIG("true"), "model.safetensors", {0}, "model.safetensors: "},
        {CONFIG("true"), "a\nb.safetensors", {0}, "a?b.safetensors: "},
        {CONFIG("true"), "one.safetensors", SW_LITERAL("\x02\0\0\0\0\0\0\0{]"),
         "one.safetensors: "},
        {CONFIG("true"), "one.safetensors", SW_LITERAL("\xff\0\0\0\0\0\0\0{}"),
         "one.safetensors: "},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        SW_SCOPED(sw_arena) arena = {0};
        sw_error err = {0};
        sw_model m;
        const sw_model_file files[] = {{"config.json", sw_text(cases[i].config)},
                                       {cases[i].name, cases[i].bytes}};
        assert_int_equal(sw_model_open(&arena, files, 2, &m, &err), SW_MALFORMED);
        if (strncmp(err.message, cases[i].says, strlen(cases[i].says)) != 0)
            fail_msg("case %zu: %s", i, err.message);
    }
}

static void files_must_be_there(void **state) {
    (void)state;
    SW_SCOPED(sw_arena) arena = {0};
    sw_model_file many[SW_MODEL_FILE_LIMIT + 1];
    sw_model m;
    for (size_t i = 0; i < COUNT(many); i++)
        many[i] = (sw_model_file){"config.json", SW_LITERAL(CONFIG("true"))};
    assert_int_equal(sw_model_open(&arena, many, 0, &m, NULL), SW_MISSING);
    assert_int_equal(sw_model_open(&arena, many, 1, &m, NULL), SW_MISSING);
    assert_int_equal(sw_model_open(&arena, many, COUNT(many), &m, NULL), SW_LIMIT);
    many[0].bytes = SW_LITERAL("{}");
    assert_int_equal(sw_model_open(&arena, many, 1, &m, NULL), SW_MALFORMED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_folders_open),
        cmocka_unit_test(biases_belong_to_the_family),
        cmocka_unit_test(each_tensor_must_be_there),
        cmocka_unit_test(each_shape_and_type_must_be_right),
        cmocka_unit_test(swapped_sizes_are_refused),
        cmocka_unit_test(surplus_tensors_are_refused),
        cmocka_unit_test(buffers_and_a_stored_tied_head_are_allowed),
        cmocka_unit_test(data_that_is_not_aligned_is_refused),
        cmocka_unit_test(shards_follow_their_index),
        cmocka_unit_test(files_that_the_index_does_not_name),
        cmocka_unit_test(the_file_is_named),
        cmocka_unit_test(files_must_be_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
