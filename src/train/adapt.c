/* SPDX-License-Identifier: Apache-2.0
 *
 * What of a model an adapter changes: LoRA with ranks and alphas by pattern, DoRA, and embeddings
 * and heads that are trained whole, under PEFT's names and in its order.
 *
 * A setting that would have no effect, or another one in PEFT, is refused.
 */
#include "train/engine.h"
#include <stdio.h>
#include <string.h>

#define MODULE_BYTES 64

/* Linear number `at` of the model, and its dotted name. */
static sw_linear *linear_at(const sw_engine *e, size_t at, char name[MODULE_BYTES]) {
    size_t layer = at / SW_MODULE_COUNT, m = at % SW_MODULE_COUNT;
    snprintf(name, MODULE_BYTES, "model.layers.%zu.%s", layer, sw_module_path((sw_module)m));
    return &e->layers[layer].linear[m];
}

static bool targeted(const sw_lora_settings *lora, const char *module) {
    for (size_t i = 0; i < lora->target_count; i++) {
        if (sw_lora_names(lora->targets[i], module)) return true;
    }
    return false;
}

static sw_status check_targets(const sw_engine *e, const sw_lora_settings *lora, sw_error *err) {
    for (size_t i = 0; i < lora->target_count; i++) {
        bool found = false;
        for (size_t at = 0; at < e->layer_count * SW_MODULE_COUNT && !found; at++) {
            char module[MODULE_BYTES];
            linear_at(e, at, module);
            found = sw_lora_names(lora->targets[i], module);
        }
        if (!found) {
            return sw_fail(err, SW_REFUSED, "recipe", "no module of the model is named %s",
                           lora->targets[i]);
        }
    }
    if (lora->target_count == 0 || lora->r == 0) {
        return sw_fail(err, SW_REFUSED, "recipe", "LoRA needs a rank and at least one module");
    }
    return SW_OK;
}

/* Of the patterns that match a module PEFT takes the first one, but it writes them sorted: the
 * first in order must be the first by name as well, or the adapter would be read otherwise. */
static sw_status check_order(const char *list, const sw_lora_patterns *p, const char *module,
                             sw_error *err) {
    ptrdiff_t first = sw_lora_pattern_index(p, module);
    sw_lora_patterns one = {.count = 1};
    for (size_t i = 0; first >= 0 && i < p->count; i++) {
        one.at[0] = p->at[i];
        if (sw_lora_pattern_index(&one, module) == 0 &&
            strcmp(p->at[i].module, p->at[first].module) < 0) {
            return sw_fail(err, SW_REFUSED, "recipe",
                           "%s: %s and %s both match %s, and the adapter's file keeps them sorted",
                           list, p->at[first].module, p->at[i].module, module);
        }
    }
    return SW_OK;
}

static sw_status check_patterns(const sw_engine *e, const char *list, const sw_lora_settings *lora,
                                const sw_lora_patterns *p, sw_error *err) {
    bool used[SW_LORA_PATTERN_LIMIT] = {false};
    for (size_t at = 0; at < e->layer_count * SW_MODULE_COUNT; at++) {
        char module[MODULE_BYTES];
        linear_at(e, at, module);
        if (!targeted(lora, module)) continue;
        SW_TRY(check_order(list, p, module, err));
        ptrdiff_t i = sw_lora_pattern_index(p, module);
        if (i >= 0) used[i] = true;
    }
    for (size_t i = 0; i < p->count; i++) {
        if (used[i]) continue;
        return sw_fail(err, SW_REFUSED, "recipe", "%s: %s decides for no adapted module", list,
                       p->at[i].module);
    }
    return SW_OK;
}

static void shape_adapter(sw_engine *e, sw_linear *l, const sw_lora_settings *lora,
                          const char *module) {
    l->rank = sw_lora_rank(lora, module);
    l->rank_stride = (l->rank + 1) / 2 * 2;
    l->scale = (float)sw_lora_scale(lora, module);
    l->dora = lora->use_dora;
    e->dora |= lora->use_dora;
}

static sw_parameter *add_part(sw_engine *e, const char *module, const char *suffix, size_t rows,
                              size_t columns) {
    char name[SW_PARAMETER_NAME_BYTES];
    snprintf(name, sizeof name, SW_ADAPTER_PREFIX "%s%s", module, suffix);
    return sw_engine_add(e, rows, columns, true, name);
}

/* Embeddings and heads are copies of their own, whatever the model ties: so PEFT makes them. */
static sw_status add_saved(sw_engine *e, const sw_lora_settings *lora, sw_error *err) {
    size_t c = e->config->hidden_size, vocab = e->config->vocab_size;
    for (size_t i = 0; i < lora->save_count; i++) {
        sw_saved_module which = sw_adapter_saves(lora->save[i]);
        if (which == SW_SAVED_EMBED_TOKENS && !e->embedding) {
            e->embedding = sw_engine_add(e, vocab, c, true, SW_ADAPTER_EMBED_TOKENS);
        } else if (which == SW_SAVED_LM_HEAD && !e->head) {
            e->head = e->table = sw_engine_add(e, vocab, c, true, SW_ADAPTER_LM_HEAD);
            e->table->whole = true;
        } else {
            return sw_fail(err, SW_REFUSED, "recipe",
                           "modules_to_save: %s is neither embed_tokens nor lm_head, or stands "
                           "there already",
                           lora->save[i]);
        }
    }
    return SW_OK;
}

sw_status sw_engine_add_adapters(sw_engine *e, const sw_lora_settings *lora, sw_error *err) {
    SW_TRY(check_targets(e, lora, err));
    SW_TRY(check_patterns(e, "rank_pattern", lora, &lora->rank_pattern, err));
    SW_TRY(check_patterns(e, "alpha_pattern", lora, &lora->alpha_pattern, err));
    for (size_t at = 0; at < e->layer_count * SW_MODULE_COUNT; at++) {
        char module[MODULE_BYTES];
        sw_linear *l = linear_at(e, at, module);
        if (!targeted(lora, module)) continue;
        shape_adapter(e, l, lora, module);
        l->a = add_part(e, module, SW_ADAPTER_SUFFIX_A, l->rank, l->in);
        l->b = add_part(e, module, SW_ADAPTER_SUFFIX_B, l->out, l->rank);
        if (l->dora) l->magnitude = add_part(e, module, SW_ADAPTER_SUFFIX_M, 1, l->out);
    }
    return add_saved(e, lora, err);
}

static sw_status attach_pair(sw_engine *e, const sw_lora_settings *lora,
                             const sw_adapter_pair *pair, sw_error *err) {
    sw_linear *found = NULL;
    for (size_t at = 0; at < e->layer_count * SW_MODULE_COUNT && !found; at++) {
        char module[MODULE_BYTES];
        sw_linear *l = linear_at(e, at, module);
        if (strcmp(module, pair->module) == 0) found = l;
    }
    if (!found || found->fixed || pair->in != found->in || pair->out != found->out) {
        return sw_fail(err, SW_REFUSED, "model", "the adapter of %s does not fit the model",
                       pair->module);
    }
    found->fixed = pair;
    shape_adapter(e, found, lora, pair->module);
    return SW_OK;
}

static sw_status check_table(const sw_engine *e, const char *name, const sw_adapter_table *t,
                             sw_error *err) {
    bool fits = t->rows == e->config->vocab_size && t->columns == e->config->hidden_size;
    if (!t->values || fits) return SW_OK;
    return sw_fail(err, SW_REFUSED, "model", "the adapter's %s does not fit the model", name);
}

sw_status sw_engine_attach(sw_engine *e, const sw_adapter *adapter, sw_error *err) {
    SW_TRY(check_table(e, "embed_tokens", &adapter->embed_tokens, err));
    SW_TRY(check_table(e, "lm_head", &adapter->lm_head, err));
    for (size_t i = 0; i < adapter->pair_count; i++) {
        SW_TRY(attach_pair(e, &adapter->lora, &adapter->pairs[i], err));
    }
    e->fixed = adapter;
    return SW_OK;
}
