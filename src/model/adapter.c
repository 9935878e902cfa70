/* SPDX-License-Identifier: Apache-2.0
 *
 * A LoRA adapter as PEFT keeps it: writing adapter_config.json and adapter_model.safetensors
 * (MODEL-080 to MODEL-089).
 *
 * Written is what PEFT 0.21 writes for the same LoraConfig, to the byte, but for one thing: PEFT
 * keeps target_modules in a set, whose order changes from run to run; here they are sorted.
 */
#include "model/model_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

sw_saved_module sw_adapter_saves(const char *name) {
    if (sw_lora_names(name, "model.embed_tokens")) return SW_SAVED_EMBED_TOKENS;
    return sw_lora_names(name, "lm_head") ? SW_SAVED_LM_HEAD : SW_SAVED_NONE;
}

/* ---- adapter_config.json ---- */

static int by_text(const void *a, const void *b) {
    return strcmp(a, b);
}

static void put_names(sw_buffer *out, const char *key, const char names[][SW_LORA_TARGET_BYTES],
                      size_t count) {
    sw_put_format(out, "  \"%s\": [\n", key);
    for (size_t i = 0; i < count; i++) {
        sw_put_text(out, i == 0 ? "    " : ",\n    ");
        sw_put_json_text(out, sw_text(names[i]));
    }
    sw_put_text(out, "\n  ],\n");
}

static void put_targets(sw_buffer *out, const sw_lora_settings *lora) {
    char sorted[SW_LORA_TARGET_LIMIT][SW_LORA_TARGET_BYTES];
    memcpy(sorted, lora->targets, sizeof sorted);
    qsort(sorted, lora->target_count, sizeof sorted[0], by_text);
    put_names(out, "target_modules", sorted, lora->target_count);
}

/* As Python writes the int or the float that it would be in a LoraConfig. */
static void put_number(sw_buffer *out, double value) {
    if (value == (double)(int64_t)value)
        sw_put_format(out, "%lld", (long long)value);
    else
        sw_put_json_double(out, value);
}

/* PEFT sorts the members, whose order it then reads. */
static void put_patterns(sw_buffer *out, const char *key, const sw_lora_patterns *p) {
    sw_lora_pattern sorted[SW_LORA_PATTERN_LIMIT];
    memcpy(sorted, p->at, sizeof sorted);
    qsort(sorted, p->count, sizeof sorted[0], by_text);
    sw_put_format(out, "  \"%s\": {", key);
    for (size_t i = 0; i < p->count; i++) {
        sw_put_text(out, i == 0 ? "\n    " : ",\n    ");
        sw_put_json_text(out, sw_text(sorted[i].module));
        sw_put_text(out, ": ");
        put_number(out, sorted[i].value);
    }
    sw_put_text(out, p->count == 0 ? "},\n" : "\n  },\n");
}

static void put_base(sw_buffer *out, const char *base) {
    sw_put_text(out, "  \"arrow_config\": null,\n  \"auto_mapping\": null,\n"
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
                     "  \"loftq_config\": {},\n");
}

static const char *word(bool flag) {
    return flag ? "true" : "false";
}

/* json.dumps with its keys sorted. */
static void put_config(sw_buffer *out, const sw_lora_settings *lora, const char *base) {
    sw_put_text(out, "{\n  \"alora_invocation_tokens\": null,\n");
    put_patterns(out, "alpha_pattern", &lora->alpha_pattern);
    put_base(out, base);
    sw_put_text(out, "  \"lora_alpha\": ");
    put_number(out, lora->lora_alpha);
    sw_put_text(out, ",\n  \"lora_bias\": false,\n  \"lora_dropout\": ");
    sw_put_json_double(out, lora->lora_dropout);
    sw_put_text(out, ",\n  \"lora_ga_config\": null,\n  \"megatron_config\": null,\n"
                     "  \"megatron_core\": \"megatron.core\",\n");
    if (lora->save_count == 0)
        sw_put_text(out, "  \"modules_to_save\": null,\n");
    else
        put_names(out, "modules_to_save", lora->save, lora->save_count);
    sw_put_format(out,
                  "  \"monteclora_config\": null,\n  \"peft_type\": \"LORA\",\n"
                  "  \"peft_version\": \"0.21.2\",\n  \"qalora_group_size\": 16,\n"
                  "  \"r\": %u,\n",
                  lora->r);
    put_patterns(out, "rank_pattern", &lora->rank_pattern);
    sw_put_text(out, "  \"revision\": null,\n");
    put_targets(out, lora);
    sw_put_format(out,
                  "  \"target_parameters\": null,\n  \"task_type\": \"CAUSAL_LM\",\n"
                  "  \"trainable_token_indices\": null,\n  \"use_bdlora\": null,\n"
                  "  \"use_dora\": %s,\n  \"use_qalora\": false,\n  \"use_rslora\": %s,\n"
                  "  \"velora_config\": null\n}",
                  word(lora->use_dora), word(lora->use_rslora));
}

/* ---- adapter_model.safetensors ---- */

/* (rows, columns), or a vector of rows when there are no columns. */
static sw_tensor_view view_of(const char *name, const float *values, size_t rows, size_t columns) {
    size_t count = columns ? rows * columns : rows;
    return (sw_tensor_view){.name = sw_text(name),
                            .dtype = SW_DTYPE_F32,
                            .dims = {rows, columns},
                            .dim_count = columns ? 2 : 1,
                            .data = SW_BYTES(values, count * sizeof *values)};
}

static const char *name_of(sw_arena *arena, const sw_adapter_pair *pair, const char *suffix) {
    char name[SW_MODEL_NAME_LIMIT];
    (void)snprintf(name, sizeof name, SW_ADAPTER_PREFIX "%.*s%s", (int)sizeof pair->module,
                   pair->module, suffix);
    return sw_arena_text(arena, sw_text(name));
}

static sw_status add_pair(sw_arena *arena, const sw_lora_settings *lora, const sw_adapter_pair *p,
                          sw_tensor_view *views, size_t *count, sw_error *err) {
    size_t r = sw_lora_rank(lora, p->module);
    const char *a = name_of(arena, p, SW_ADAPTER_SUFFIX_A);
    const char *b = name_of(arena, p, SW_ADAPTER_SUFFIX_B);
    const char *m = name_of(arena, p, SW_ADAPTER_SUFFIX_M);
    if (a == NULL || b == NULL || m == NULL)
        return sw_fail(err, SW_MEMORY, "memory", "no memory for an adapter");
    views[(*count)++] = view_of(a, p->a, r, p->in);
    views[(*count)++] = view_of(b, p->b, p->out, r);
    if (lora->use_dora) views[(*count)++] = view_of(m, p->magnitude, p->out, 0);
    return SW_OK;
}

static sw_status make_tensors(const sw_adapter *adapter, sw_buffer *out, sw_error *err) {
    SW_SCOPED(sw_arena) arena = {0};
    const sw_adapter_table *embed = &adapter->embed_tokens, *head = &adapter->lm_head;
    size_t count = 0;
    sw_tensor_view *views = SW_ARENA_NEW(&arena, sw_tensor_view, 3 * adapter->pair_count + 2);
    if (views == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for an adapter");
    for (size_t i = 0; i < adapter->pair_count; i++)
        SW_TRY(add_pair(&arena, &adapter->lora, &adapter->pairs[i], views, &count, err));
    if (embed->values)
        views[count++] =
            view_of(SW_ADAPTER_EMBED_TOKENS, embed->values, embed->rows, embed->columns);
    if (head->values)
        views[count++] = view_of(SW_ADAPTER_LM_HEAD, head->values, head->rows, head->columns);
    return sw_safetensors_encode(out, views, count, err);
}

sw_status sw_adapter_write(const sw_adapter *adapter, const char *base_model_name,
                           const sw_model_sink *sink, sw_error *err) {
    const sw_lora_settings *lora = &adapter->lora;
    SW_SCOPED(sw_buffer) config = SW_BUFFER(SW_MODEL_CONFIG_LIMIT);
    SW_SCOPED(sw_buffer) weights = SW_BUFFER(SIZE_MAX);
    if (lora->r == 0 || lora->r > SW_ADAPTER_RANK_LIMIT ||
        adapter->pair_count > SW_ADAPTER_PAIR_LIMIT || lora->target_count == 0 ||
        lora->target_count > SW_LORA_TARGET_LIMIT)
        return sw_fail(err, SW_USAGE, "usage", "an adapter of rank %u with %zu targets", lora->r,
                       lora->target_count);
    put_config(&config, lora, base_model_name);
    SW_TRY(sw_buffer_check(&config, "adapter_config.json", err));
    SW_TRY(make_tensors(adapter, &weights, err));
    SW_TRY(sink->file(sink->context, "adapter_config.json", sw_buffer_bytes(&config), err));
    return sink->file(sink->context, "adapter_model.safetensors", sw_buffer_bytes(&weights), err);
}
