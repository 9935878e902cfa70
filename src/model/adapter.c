/* SPDX-License-Identifier: Apache-2.0
 *
 * A LoRA adapter as PEFT keeps it: adapter_config.json and adapter_model.safetensors (MODEL-080 to
 * MODEL-089).
 *
 * Written is what PEFT 0.21 writes for the same LoraConfig, to the byte, but for one thing: PEFT
 * keeps target_modules in a set, whose order changes from run to run; here they are sorted. Read is
 * any plain LoRA: a member that is not known here must be off (null, false or empty).
 */
#include "model/model_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX   "base_model.model."
#define SUFFIX_A ".lora_A.weight"
#define SUFFIX_B ".lora_B.weight"

enum { CONFIG_LIMIT = 1 << 20, RANK_LIMIT = 4096 };

static sw_status malformed(sw_error *err, const char *what) {
    return sw_fail(err, SW_MALFORMED, "format", "adapter: %s", what);
}

static sw_status no_memory(sw_error *err) {
    return sw_fail(err, SW_MEMORY, "memory", "no memory for an adapter");
}

/* ---- writing ---- */

static int by_text(const void *a, const void *b) {
    return strcmp(a, b);
}

static void put_targets(sw_buffer *out, const sw_lora_settings *lora) {
    char sorted[SW_LORA_TARGET_LIMIT][32];
    memcpy(sorted, lora->targets, sizeof sorted);
    qsort(sorted, lora->target_count, sizeof sorted[0], by_text);
    sw_put_text(out, "  \"target_modules\": [\n");
    for (size_t i = 0; i < lora->target_count; i++) {
        sw_put_text(out, i == 0 ? "    " : ",\n    ");
        sw_put_json_text(out, sw_text(sorted[i]));
    }
    sw_put_text(out, "\n  ],\n");
}

static void put_config(sw_buffer *out, const sw_lora_settings *lora, const char *base) {
    sw_put_text(out, "{\n  \"alora_invocation_tokens\": null,\n  \"alpha_pattern\": {},\n"
                     "  \"arrow_config\": null,\n  \"auto_mapping\": null,\n"
                     "  \"base_model_name_or_path\": ");
    if (base == NULL)
        sw_put_text(out, "null");
    else
        sw_put_json_text(out, sw_text(base));
    sw_put_text(out, ",\n  \"bias\": \"none\",\n  \"corda_config\": null,\n"
                     "  \"ensure_weight_tying\": false,\n  \"eva_config\": null,\n"
                     "  \"exclude_modules\": null,\n  \"fan_in_fan_out\": false,\n"
                     "  \"inference_mode\": true,\n  \"init_lora_weights\": true,\n"
                     "  \"kasa_config\": null,\n  \"layer_replication\": null,\n"
                     "  \"layers_pattern\": null,\n  \"layers_to_transform\": null,\n"
                     "  \"loftq_config\": {},\n  \"lora_alpha\": ");
    if (lora->lora_alpha == (double)(int64_t)lora->lora_alpha)
        sw_put_format(out, "%lld", (long long)lora->lora_alpha);
    else
        sw_put_json_double(out, lora->lora_alpha);
    sw_put_text(out, ",\n  \"lora_bias\": false,\n  \"lora_dropout\": ");
    sw_put_json_double(out, lora->lora_dropout);
    sw_put_format(out,
                  ",\n  \"lora_ga_config\": null,\n  \"megatron_config\": null,\n"
                  "  \"megatron_core\": \"megatron.core\",\n  \"modules_to_save\": null,\n"
                  "  \"monteclora_config\": null,\n  \"peft_type\": \"LORA\",\n"
                  "  \"peft_version\": \"0.21.2\",\n  \"qalora_group_size\": 16,\n"
                  "  \"r\": %u,\n  \"rank_pattern\": {},\n  \"revision\": null,\n",
                  lora->r);
    put_targets(out, lora);
    sw_put_format(out,
                  "  \"target_parameters\": null,\n  \"task_type\": \"CAUSAL_LM\",\n"
                  "  \"trainable_token_indices\": null,\n  \"use_bdlora\": null,\n"
                  "  \"use_dora\": false,\n  \"use_qalora\": false,\n  \"use_rslora\": %s,\n"
                  "  \"velora_config\": null\n}",
                  lora->use_rslora ? "true" : "false");
}

static sw_status make_view(sw_arena *arena, const sw_adapter_pair *pair, const char *suffix,
                           sw_tensor_view *out, sw_error *err) {
    char name[SW_MODEL_NAME_LIMIT];
    (void)snprintf(name, sizeof name, PREFIX "%.*s%s", (int)sizeof pair->module, pair->module,
                   suffix);
    char *copy = sw_arena_text(arena, sw_text(name));
    if (copy == NULL) return no_memory(err);
    out->name = sw_text(copy);
    out->dtype = SW_DTYPE_F32;
    out->dim_count = 2;
    return SW_OK;
}

static sw_status make_tensors(const sw_lora_settings *lora, const sw_adapter_pair *pairs,
                              size_t count, sw_buffer *out, sw_error *err) {
    SW_SCOPED(sw_arena) arena = {0};
    sw_tensor_view *views = SW_ARENA_NEW(&arena, sw_tensor_view, 2 * count);
    if (views == NULL) return no_memory(err);
    for (size_t i = 0; i < count; i++) {
        const sw_adapter_pair *p = &pairs[i];
        sw_tensor_view *a = &views[2 * i], *b = &views[2 * i + 1];
        SW_TRY(make_view(&arena, p, SUFFIX_A, a, err));
        SW_TRY(make_view(&arena, p, SUFFIX_B, b, err));
        a->dims[0] = b->dims[1] = lora->r;
        a->dims[1] = p->in;
        b->dims[0] = p->out;
        a->data = SW_BYTES(p->a, sizeof(float) * lora->r * p->in);
        b->data = SW_BYTES(p->b, sizeof(float) * lora->r * p->out);
    }
    return sw_safetensors_encode(out, views, 2 * count, err);
}

sw_status sw_adapter_write(const sw_lora_settings *lora, const char *base_model_name,
                           const sw_adapter_pair *pairs, size_t count, const sw_model_sink *sink,
                           sw_error *err) {
    SW_SCOPED(sw_buffer) config = SW_BUFFER(CONFIG_LIMIT);
    SW_SCOPED(sw_buffer) weights = SW_BUFFER(SIZE_MAX);
    if (lora->r == 0 || lora->r > RANK_LIMIT || count > SW_ADAPTER_PAIR_LIMIT ||
        lora->target_count == 0 || lora->target_count > SW_LORA_TARGET_LIMIT)
        return sw_fail(err, SW_USAGE, "usage", "an adapter of rank %u with %zu targets", lora->r,
                       lora->target_count);
    put_config(&config, lora, base_model_name);
    SW_TRY(sw_buffer_check(&config, "adapter_config.json", err));
    SW_TRY(make_tensors(lora, pairs, count, &weights, err));
    SW_TRY(sink->file(sink->context, "adapter_config.json", sw_buffer_bytes(&config), err));
    return sink->file(sink->context, "adapter_model.safetensors", sw_buffer_bytes(&weights), err);
}

/* ---- reading ---- */

static bool is_off(const sw_json *m) {
    return m->type == SW_JSON_NULL || (m->type == SW_JSON_BOOL && !m->boolean) ||
           ((m->type == SW_JSON_ARRAY || m->type == SW_JSON_OBJECT) && m->count == 0);
}

static bool is_word(const sw_json *m, const char *word) {
    return m->type == SW_JSON_STRING && sw_bytes_is(m->text, word);
}

/* Read here, or without meaning for a finished adapter. */
static bool is_neutral(const sw_json *m) {
    static const char *const names[] = {
        "base_model_name_or_path",
        "inference_mode",
        "lora_alpha",
        "lora_dropout",
        "megatron_core",
        "peft_version",
        "qalora_group_size",
        "r",
        "revision",
        "target_modules",
        "use_rslora",
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (sw_bytes_is(m->key, names[i])) return true;
    if (sw_bytes_is(m->key, "bias")) return is_word(m, "none");
    if (sw_bytes_is(m->key, "peft_type")) return is_word(m, "LORA");
    if (sw_bytes_is(m->key, "task_type")) return is_word(m, "CAUSAL_LM");
    if (sw_bytes_is(m->key, "init_lora_weights"))
        return m->type == SW_JSON_BOOL || is_word(m, "gaussian");
    return false;
}

static sw_status read_targets(const sw_json *root, sw_lora_settings *out, sw_error *err) {
    const sw_json *list;
    SW_TRY(sw_json_array(root, "adapter_config.json", "target_modules", SW_LORA_TARGET_LIMIT, &list,
                         err));
    for (const sw_json *m = list->first; m != NULL; m = m->next) {
        char *target = out->targets[out->target_count++];
        if (m->type != SW_JSON_STRING || m->text.size == 0 ||
            m->text.size >= sizeof out->targets[0] || memchr(m->text.data, 0, m->text.size) != NULL)
            return malformed(err, "adapter_config.json: target_modules holds no module's name");
        memcpy(target, m->text.data, m->text.size);
    }
    return SW_OK;
}

static sw_status read_number(const sw_json *root, const char *name, double high, double *out,
                             sw_error *err) {
    const sw_json *m = sw_json_member(root, name);
    if (m == NULL || m->type != SW_JSON_NUMBER || !(m->number >= 0) || !(m->number <= high))
        return sw_fail(err, SW_MALFORMED, "format",
                       "adapter_config.json: %s is missing or out of its range", name);
    *out = m->number;
    return SW_OK;
}

static sw_status read_config(sw_bytes config, sw_lora_settings *out, sw_error *err) {
    const sw_json_limits limits = {CONFIG_LIMIT, 8, 4096};
    SW_SCOPED(sw_arena) arena = {0};
    char shown[SW_SHOWN_NAME_BYTES];
    sw_json *root;
    uint64_t rank = 0;
    SW_TRY(sw_json_parse(&arena, config, &limits, &root, err));
    if (root->type != SW_JSON_OBJECT) return malformed(err, "adapter_config.json is no object");
    const sw_json *type = sw_json_member(root, "peft_type");
    if (type == NULL) return malformed(err, "adapter_config.json has no peft_type");
    for (const sw_json *m = root->first; m != NULL; m = m->next)
        if (!is_neutral(m) && (!is_off(m) || m == type))
            return sw_fail(err, SW_REFUSED, "unsupported",
                           "adapter_config.json: this value of %s is not supported",
                           sw_shown_name(shown, m->key));
    SW_TRY(sw_json_u64(root, "adapter_config.json", "r", RANK_LIMIT, &rank, err));
    if (rank == 0) return malformed(err, "adapter_config.json: r is 0");
    out->r = (uint32_t)rank;
    SW_TRY(read_number(root, "lora_alpha", 1e9, &out->lora_alpha, err));
    SW_TRY(read_number(root, "lora_dropout", 1, &out->lora_dropout, err));
    if (sw_json_member(root, "use_rslora") != NULL)
        SW_TRY(sw_json_flag(root, "adapter_config.json", "use_rslora", &out->use_rslora, err));
    return read_targets(root, out, err);
}

/* The module between prefix and suffix; false when the name is not made so. */
static bool module_of(sw_bytes name, const char *suffix, sw_bytes *out) {
    sw_bytes front = SW_LITERAL(PREFIX), back = sw_text(suffix);
    if (name.size <= front.size + back.size || !sw_bytes_starts(name, front)) return false;
    const uint8_t *end = name.data + name.size - back.size;
    if (memcmp(end, back.data, back.size) != 0) return false;
    *out = SW_BYTES(name.data + front.size, name.size - front.size - back.size);
    return true;
}

/* Dotted suffix match, as PEFT does it. */
static bool is_target(const sw_lora_settings *lora, sw_bytes module) {
    for (size_t i = 0; i < lora->target_count; i++) {
        sw_bytes t = sw_text(lora->targets[i]);
        if (t.size > module.size) continue;
        const uint8_t *at = module.data + (module.size - t.size);
        if (memcmp(at, t.data, t.size) == 0 && (t.size == module.size || at[-1] == '.'))
            return true;
    }
    return false;
}

static const float *load(sw_arena *arena, const sw_tensor_view *t) {
    size_t elements, bytes;
    if (!sw_tensor_size(t, &elements, &bytes)) return NULL;
    float *out = SW_ARENA_NEW(arena, float, elements);
    if (out != NULL) sw_elements_load(out, t->data.data, t->dtype, elements);
    return out;
}

static sw_status read_pair(sw_arena *arena, const sw_tensor_view *a, const sw_tensor_view *b,
                           const sw_lora_settings *lora, sw_adapter_pair *out, sw_error *err) {
    sw_bytes module, other;
    char shown[SW_SHOWN_NAME_BYTES];
    bool named = module_of(a->name, SUFFIX_A, &module) && module_of(b->name, SUFFIX_B, &other) &&
                 sw_bytes_equal(module, other) && module.size < sizeof out->module &&
                 memchr(module.data, 0, module.size) == NULL && is_target(lora, module);
    bool shaped = a->dim_count == 2 && b->dim_count == 2 && a->dims[0] == lora->r &&
                  b->dims[1] == lora->r && a->dims[1] > 0 && b->dims[0] > 0;
    if (!named || !shaped)
        return sw_fail(err, SW_MALFORMED, "format",
                       "adapter: tensor %s has no partner, no target or another shape",
                       sw_shown_name(shown, a->name));
    memcpy(out->module, module.data, module.size);
    out->in = a->dims[1];
    out->out = b->dims[0];
    out->a = load(arena, a);
    out->b = load(arena, b);
    return out->a != NULL && out->b != NULL ? SW_OK : no_memory(err);
}

static sw_status read_pairs(sw_arena *arena, sw_bytes file, const sw_lora_settings *lora,
                            sw_adapter_pair **out, size_t *out_count, sw_error *err) {
    sw_tensor_view *tensors = NULL;
    size_t count = 0;
    SW_TRY(sw_safetensors_parse(arena, file, &tensors, &count, err));
    if (count == 0 || count % 2 != 0 || count / 2 > SW_ADAPTER_PAIR_LIMIT)
        return malformed(err, "its tensors are not pairs");
    qsort(tensors, count, sizeof *tensors, sw_tensor_name_compare);
    sw_adapter_pair *pairs = SW_ARENA_NEW(arena, sw_adapter_pair, count / 2);
    if (pairs == NULL) return no_memory(err);
    for (size_t i = 0; i < count / 2; i++)
        SW_TRY(read_pair(arena, &tensors[2 * i], &tensors[2 * i + 1], lora, &pairs[i], err));
    *out = pairs;
    *out_count = count / 2;
    return SW_OK;
}

sw_status sw_adapter_read(sw_arena *arena, const sw_model_file *files, size_t count,
                          sw_lora_settings *lora, sw_adapter_pair **pairs, size_t *pair_count,
                          sw_error *err) {
    const sw_model_file *config = sw_model_file_find(files, count, "adapter_config.json");
    const sw_model_file *weights = sw_model_file_find(files, count, "adapter_model.safetensors");
    sw_lora_settings settings = {0};
    if (config == NULL || weights == NULL)
        return sw_fail(err, SW_MISSING, "missing",
                       "there is no adapter_config.json or no adapter_model.safetensors");
    SW_TRY(read_config(config->bytes, &settings, err));
    SW_TRY(read_pairs(arena, weights->bytes, &settings, pairs, pair_count, err));
    *lora = settings;
    return SW_OK;
}
