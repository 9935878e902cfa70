/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading a PEFT adapter (MODEL-080 to MODEL-089): LoRA with patterns, saved embeddings and heads,
 * and DoRA. A member that is not known here must be off (null, false or empty).
 */
#include "model/model_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ALPHA_LIMIT 1e9

static sw_status malformed(sw_error *err, const char *what) {
    return sw_fail(err, SW_MALFORMED, "format", "adapter: %s", what);
}

static sw_status no_memory(sw_error *err) {
    return sw_fail(err, SW_MEMORY, "memory", "no memory for an adapter");
}

/* ---- adapter_config.json ---- */

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
        "alpha_pattern",     "base_model_name_or_path",
        "inference_mode",    "lora_alpha",
        "lora_dropout",      "megatron_core",
        "modules_to_save",   "peft_version",
        "qalora_group_size", "r",
        "rank_pattern",      "revision",
        "target_modules",    "use_dora",
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

static bool read_name(sw_bytes text, char out[SW_LORA_TARGET_BYTES]) {
    if (text.size == 0 || text.size >= SW_LORA_TARGET_BYTES ||
        memchr(text.data, 0, text.size) != NULL)
        return false;
    memcpy(out, text.data, text.size);
    return true;
}

static sw_status read_names(const sw_json *root, const char *key, size_t limit,
                            char out[][SW_LORA_TARGET_BYTES], size_t *count, sw_error *err) {
    const sw_json *list;
    SW_TRY(sw_json_array(root, "adapter_config.json", key, limit, &list, err));
    for (const sw_json *m = list->first; m != NULL; m = m->next)
        if (m->type != SW_JSON_STRING || !read_name(m->text, out[(*count)++]))
            return sw_fail(err, SW_MALFORMED, "format",
                           "adapter_config.json: %s holds no module's name", key);
    return SW_OK;
}

/* What PEFT would take as more of a regular expression than names are is not known here. */
static sw_status read_patterns(const sw_json *root, const char *key, double high, bool whole,
                               sw_lora_patterns *out, sw_error *err) {
    const sw_json *map = sw_json_member(root, key);
    if (map == NULL || map->type == SW_JSON_NULL) return SW_OK;
    if (map->type != SW_JSON_OBJECT)
        return sw_fail(err, SW_MALFORMED, "format", "adapter_config.json: %s is no object", key);
    for (const sw_json *m = map->first; m != NULL; m = m->next) {
        char shown[SW_SHOWN_NAME_BYTES];
        sw_lora_pattern *p = &out->at[out->count];
        if (out->count == SW_LORA_PATTERN_LIMIT || !read_name(m->key, p->module) ||
            !sw_lora_is_name(p->module))
            return sw_fail(err, SW_REFUSED, "unsupported",
                           "adapter_config.json: %s: %s is no plain name, or one too many", key,
                           sw_shown_name(shown, m->key));
        p->value = m->type == SW_JSON_NUMBER ? m->number : -1;
        if (!(p->value >= (whole ? 1 : 0)) || !(p->value <= high) ||
            (whole && p->value != floor(p->value)))
            return sw_fail(err, SW_MALFORMED, "format",
                           "adapter_config.json: %s: the value of %s is out of its range", key,
                           p->module);
        out->count++;
    }
    return SW_OK;
}

static sw_status read_saved(const sw_json *root, sw_lora_settings *out, sw_error *err) {
    const sw_json *list = sw_json_member(root, "modules_to_save");
    if (list == NULL || is_off(list)) return SW_OK;
    SW_TRY(
        read_names(root, "modules_to_save", SW_LORA_SAVE_LIMIT, out->save, &out->save_count, err));
    for (size_t i = 0; i < out->save_count; i++) {
        char shown[SW_SHOWN_NAME_BYTES];
        if (sw_adapter_saves(out->save[i]) == SW_SAVED_NONE)
            return sw_fail(err, SW_REFUSED, "unsupported",
                           "adapter_config.json: modules_to_save names %s, which is neither "
                           "embed_tokens nor lm_head",
                           sw_shown_name(shown, sw_text(out->save[i])));
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

static sw_status read_flag(const sw_json *root, const char *key, bool *out, sw_error *err) {
    const sw_json *m = sw_json_member(root, key);
    if (m == NULL) return SW_OK;
    return sw_json_flag(root, "adapter_config.json", key, out, err);
}

static sw_status read_settings(const sw_json *root, sw_lora_settings *out, sw_error *err) {
    uint64_t rank = 0;
    SW_TRY(sw_json_u64(root, "adapter_config.json", "r", SW_ADAPTER_RANK_LIMIT, &rank, err));
    if (rank == 0) return malformed(err, "adapter_config.json: r is 0");
    out->r = (uint32_t)rank;
    SW_TRY(read_number(root, "lora_alpha", ALPHA_LIMIT, &out->lora_alpha, err));
    SW_TRY(read_number(root, "lora_dropout", 1, &out->lora_dropout, err));
    SW_TRY(read_flag(root, "use_rslora", &out->use_rslora, err));
    SW_TRY(read_flag(root, "use_dora", &out->use_dora, err));
    SW_TRY(
        read_patterns(root, "rank_pattern", SW_ADAPTER_RANK_LIMIT, true, &out->rank_pattern, err));
    SW_TRY(read_patterns(root, "alpha_pattern", ALPHA_LIMIT, false, &out->alpha_pattern, err));
    SW_TRY(read_saved(root, out, err));
    return read_names(root, "target_modules", SW_LORA_TARGET_LIMIT, out->targets,
                      &out->target_count, err);
}

static sw_status read_config(sw_bytes config, sw_lora_settings *out, sw_error *err) {
    const sw_json_limits limits = {SW_MODEL_CONFIG_LIMIT, 8, 4096};
    SW_SCOPED(sw_arena) arena = {0};
    char shown[SW_SHOWN_NAME_BYTES];
    sw_json *root;
    SW_TRY(sw_json_parse(&arena, config, &limits, &root, err));
    if (root->type != SW_JSON_OBJECT) return malformed(err, "adapter_config.json is no object");
    const sw_json *type = sw_json_member(root, "peft_type");
    if (type == NULL) return malformed(err, "adapter_config.json has no peft_type");
    for (const sw_json *m = root->first; m != NULL; m = m->next)
        if (!is_neutral(m) && (!is_off(m) || m == type))
            return sw_fail(err, SW_REFUSED, "unsupported",
                           "adapter_config.json: this value of %s is not supported",
                           sw_shown_name(shown, m->key));
    return read_settings(root, out, err);
}

/* ---- adapter_model.safetensors ---- */

/* The module between prefix and suffix; false when the name is not made so. */
static bool module_of(sw_bytes name, const char *suffix, sw_bytes *out) {
    sw_bytes front = SW_LITERAL(SW_ADAPTER_PREFIX), back = sw_text(suffix);
    if (name.size <= front.size + back.size || !sw_bytes_starts(name, front)) return false;
    const uint8_t *end = name.data + name.size - back.size;
    if (memcmp(end, back.data, back.size) != 0) return false;
    *out = SW_BYTES(name.data + front.size, name.size - front.size - back.size);
    return true;
}

static bool is_target(const sw_lora_settings *lora, const char *module) {
    for (size_t i = 0; i < lora->target_count; i++)
        if (sw_lora_names(lora->targets[i], module)) return true;
    return false;
}

static const float *load(sw_arena *arena, const sw_tensor_view *t) {
    size_t elements, bytes;
    if (!sw_tensor_size(t, &elements, &bytes)) return NULL;
    sw_arena_allow(arena, elements * sizeof(float)); /* the file has at least a byte of each */
    float *out = SW_ARENA_NEW(arena, float, elements);
    if (out != NULL) sw_elements_load(out, t->data.data, t->dtype, elements);
    return out;
}

static bool is_part(const sw_tensor_view *t, const char *suffix, sw_bytes module) {
    sw_bytes own;
    return module_of(t->name, suffix, &own) && sw_bytes_equal(own, module);
}

static bool is_matrix(const sw_tensor_view *t) {
    return t->dim_count == 2 && t->dims[0] > 0 && t->dims[1] > 0;
}

/* A, B and with DoRA the magnitudes of one module, which stand side by side in the order of names.
 */
static sw_status read_pair(sw_arena *arena, const sw_tensor_view *t, size_t left,
                           const sw_lora_settings *lora, sw_adapter_pair *out, sw_error *err) {
    sw_bytes module;
    char shown[SW_SHOWN_NAME_BYTES];
    bool dora = lora->use_dora;
    bool named = left >= (dora ? 3 : 2) && module_of(t[0].name, SW_ADAPTER_SUFFIX_A, &module) &&
                 is_part(&t[1], SW_ADAPTER_SUFFIX_B, module) &&
                 (!dora || is_part(&t[2], SW_ADAPTER_SUFFIX_M, module)) &&
                 module.size < sizeof out->module && memchr(module.data, 0, module.size) == NULL;
    if (named) memcpy(out->module, module.data, module.size);
    size_t rank = sw_lora_rank(lora, out->module);
    bool shaped = named && is_target(lora, out->module) && is_matrix(&t[0]) && is_matrix(&t[1]) &&
                  t[0].dims[0] == rank && t[1].dims[1] == rank &&
                  (!dora || (t[2].dim_count == 1 && t[2].dims[0] == t[1].dims[0]));
    if (!shaped)
        return sw_fail(err, SW_MALFORMED, "format",
                       "adapter: tensor %s has no partner, no target or another shape",
                       sw_shown_name(shown, t[0].name));
    out->in = t[0].dims[1];
    out->out = t[1].dims[0];
    out->a = load(arena, &t[0]);
    out->b = load(arena, &t[1]);
    if (dora) out->magnitude = load(arena, &t[2]);
    return out->a && out->b && (!dora || out->magnitude) ? SW_OK : no_memory(err);
}

/* The table that a tensor of modules_to_save fills; NULL for any other tensor. */
static sw_adapter_table *table_of(sw_adapter *a, const sw_tensor_view *t) {
    if (sw_bytes_is(t->name, SW_ADAPTER_EMBED_TOKENS)) return &a->embed_tokens;
    return sw_bytes_is(t->name, SW_ADAPTER_LM_HEAD) ? &a->lm_head : NULL;
}

static sw_status read_table(sw_arena *arena, const sw_tensor_view *t, sw_adapter_table *out,
                            sw_error *err) {
    if (!is_matrix(t)) return malformed(err, "a saved module has another shape");
    *out = (sw_adapter_table){t->dims[0], t->dims[1], load(arena, t)};
    return out->values ? SW_OK : no_memory(err);
}

/* What is saved is named, and what is named is saved. */
static sw_status check_saved(const sw_adapter *a, sw_error *err) {
    bool named[3] = {false};
    for (size_t i = 0; i < a->lora.save_count; i++) named[sw_adapter_saves(a->lora.save[i])] = true;
    if (named[SW_SAVED_EMBED_TOKENS] == (a->embed_tokens.values != NULL) &&
        named[SW_SAVED_LM_HEAD] == (a->lm_head.values != NULL))
        return SW_OK;
    return malformed(err, "its tensors and modules_to_save do not agree");
}

static sw_status read_tensors(sw_arena *arena, sw_bytes file, sw_adapter *out, sw_error *err) {
    sw_tensor_view *tensors = NULL;
    size_t count = 0, width = out->lora.use_dora ? 3 : 2;
    SW_TRY(sw_safetensors_parse(arena, file, &tensors, &count, err));
    if (count < width || count / width > SW_ADAPTER_PAIR_LIMIT)
        return malformed(err, "its tensors are not pairs");
    qsort(tensors, count, sizeof *tensors, sw_tensor_name_compare);
    out->pairs = SW_ARENA_NEW(arena, sw_adapter_pair, count / width + 1);
    if (out->pairs == NULL) return no_memory(err);
    for (size_t at = 0; at < count;) {
        sw_adapter_table *table = table_of(out, &tensors[at]);
        if (table != NULL) {
            SW_TRY(read_table(arena, &tensors[at++], table, err));
            continue;
        }
        sw_adapter_pair *pair = &out->pairs[out->pair_count++];
        SW_TRY(read_pair(arena, &tensors[at], count - at, &out->lora, pair, err));
        at += width;
    }
    if (out->pair_count == 0) return malformed(err, "it adapts no module");
    return check_saved(out, err);
}

sw_status sw_adapter_read(sw_arena *arena, const sw_model_file *files, size_t count,
                          sw_adapter *out, sw_error *err) {
    const sw_model_file *config = sw_model_file_find(files, count, "adapter_config.json");
    const sw_model_file *weights = sw_model_file_find(files, count, "adapter_model.safetensors");
    sw_adapter read = {0};
    if (config == NULL || weights == NULL)
        return sw_fail(err, SW_MISSING, "missing",
                       "there is no adapter_config.json or no adapter_model.safetensors");
    SW_TRY(read_config(config->bytes, &read.lora, err));
    SW_TRY(read_tensors(arena, weights->bytes, &read, err));
    *out = read;
    return SW_OK;
}
