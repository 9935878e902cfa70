/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening a model folder: every tensor that the configuration implies is there, once, in one type
 * and in its shape, and nothing else is (MODEL-030 to MODEL-037).
 */
#include "model/model_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INDEX "model.safetensors.index.json"
#define WHOLE "model.safetensors"

typedef struct folder {
    sw_arena *arena;
    const sw_model_file *files;
    size_t file_count;
    sw_tensor_view *tensors; /* of all files, sorted by name */
    bool *used;
    size_t count;
    sw_error *err;
} folder;

static const char *file_of(const folder *f, const sw_tensor_view *t) {
    uintptr_t data = (uintptr_t)t->data.data;
    for (size_t i = 0; i < f->file_count; i++) {
        sw_bytes bytes = f->files[i].bytes;
        if (data - (uintptr_t)bytes.data < bytes.size) return f->files[i].name;
    }
    return "model";
}

static sw_status wrong(const folder *f, sw_status status, const char *word, const sw_tensor_view *t,
                       const char *what) {
    char file[SW_SHOWN_NAME_BYTES], shown[SW_SHOWN_NAME_BYTES];
    return sw_fail(f->err, status, word, "%s: tensor %s %s",
                   sw_shown_name(file, sw_text(file_of(f, t))), sw_shown_name(shown, t->name),
                   what);
}

static bool is_weights(const char *name) {
    sw_bytes text = sw_text(name), suffix = SW_LITERAL(".safetensors");
    return text.size > suffix.size &&
           memcmp(text.data + text.size - suffix.size, suffix.data, suffix.size) == 0;
}

/* ---- which files ---- */

/* The index names this shard for a tensor, and that is not so. */
static sw_status misplaced(const folder *f, sw_status status, const char *word, const sw_json *m,
                           const char *what) {
    char tensor[SW_SHOWN_NAME_BYTES], shard[SW_SHOWN_NAME_BYTES];
    return sw_fail(f->err, status, word, INDEX " puts tensor %s into %s, which %s",
                   sw_shown_name(tensor, m->key), sw_shown_name(shard, m->text), what);
}

/* Each tensor lies in the shard that the index names for it, and each shard is listed. */
static sw_status check_shard(const folder *f, const sw_json *map, const sw_model_file *file,
                             const sw_tensor_view *tensors, size_t count) {
    size_t listed = 0;
    for (const sw_json *m = map->first; m != NULL; m = m->next) {
        listed += sw_bytes_is(m->text, file->name);
    }
    char shown[SW_SHOWN_NAME_BYTES];
    if (listed != count)
        return sw_fail(f->err, SW_MALFORMED, "format",
                       INDEX " lists %zu tensors of %s, which holds %zu", listed,
                       sw_shown_name(shown, sw_text(file->name)), count);
    sw_tensor_view *sorted = SW_ARENA_NEW(f->arena, sw_tensor_view, count);
    if (sorted == NULL) return sw_fail(f->err, SW_MEMORY, "memory", "no memory for tensors");
    if (count > 0) memcpy(sorted, tensors, count * sizeof *sorted);
    if (count > 0) qsort(sorted, count, sizeof *sorted, sw_tensor_name_compare);
    for (const sw_json *m = map->first; m != NULL; m = m->next) {
        const sw_tensor_view key = {.name = m->key};
        if (!sw_bytes_is(m->text, file->name)) continue;
        if (bsearch(&key, sorted, count, sizeof key, sw_tensor_name_compare) == NULL)
            return misplaced(f, SW_MALFORMED, "format", m, "does not hold it");
    }
    return SW_OK;
}

static sw_status parse_index(const folder *f, const sw_model_file *file, const sw_json **map) {
    const sw_json_limits limits = {SW_SAFETENSORS_HEADER_LIMIT, 8, 4 * SW_MODEL_TENSOR_LIMIT};
    sw_json *root;
    sw_status status = sw_json_parse(f->arena, file->bytes, &limits, &root, f->err);
    if (status != SW_OK) sw_error_prefix(f->err, INDEX);
    SW_TRY(status);
    return sw_json_object(root, INDEX, "weight_map", map, f->err);
}

static sw_status read_index(const folder *f, const sw_json **map) {
    const sw_model_file *file = sw_model_file_find(f->files, f->file_count, INDEX);
    *map = NULL;
    if (file == NULL) return SW_OK;
    SW_TRY(parse_index(f, file, map));
    for (const sw_json *m = (*map)->first; m != NULL; m = m->next) {
        size_t i = 0;
        char shown[SW_SHOWN_NAME_BYTES];
        if (m->type != SW_JSON_STRING)
            return sw_fail(f->err, SW_MALFORMED, "format", INDEX " names no file for tensor %s",
                           sw_shown_name(shown, m->key));
        while (i < f->file_count && !sw_bytes_is(m->text, f->files[i].name)) i++;
        if (i == f->file_count) return misplaced(f, SW_MISSING, "missing", m, "is not there");
    }
    return SW_OK;
}

static bool names(const sw_json *map, const char *file) {
    for (const sw_json *m = map->first; m != NULL; m = m->next)
        if (m->type == SW_JSON_STRING && sw_bytes_is(m->text, file)) return true;
    return false;
}

bool sw_model_leaves_aside(sw_bytes index, const char *name) {
    SW_SCOPED(sw_arena) arena = {0};
    const sw_model_file file = {INDEX, index};
    const folder f = {.arena = &arena};
    const sw_json *map;
    if (!index.size || !is_weights(name) || sw_bytes_is(sw_text(name), WHOLE)) return false;
    return parse_index(&f, &file, &map) == SW_OK && !names(map, name);
}

/* Whether a file of weights is read. transformers reads what the index names, and no index where
 * there is a model.safetensors. */
static sw_status is_read(const folder *f, const sw_json *map, const char *name, bool *out) {
    *out = is_weights(name) && (map == NULL || names(map, name));
    if (map == NULL || *out || !sw_bytes_is(sw_text(name), WHOLE)) return SW_OK;
    return sw_fail(f->err, SW_REFUSED, "unsupported",
                   WHOLE " lies beside " INDEX ", which does not name it: which of the "
                         "two is the model is not certain");
}

static sw_status append(folder *f, const sw_tensor_view *tensors, size_t count) {
    if (count > SW_MODEL_TENSOR_LIMIT - f->count)
        return sw_fail(f->err, SW_LIMIT, "limit", "a model of more than %zu tensors",
                       SW_MODEL_TENSOR_LIMIT);
    sw_tensor_view *grown = SW_ARENA_NEW(f->arena, sw_tensor_view, f->count + count);
    if (grown == NULL) return sw_fail(f->err, SW_MEMORY, "memory", "no memory for tensors");
    if (f->count > 0) memcpy(grown, f->tensors, f->count * sizeof *grown);
    if (count > 0) memcpy(grown + f->count, tensors, count * sizeof *grown);
    f->tensors = grown;
    f->count += count;
    return SW_OK;
}

static sw_status read_weights(folder *f) {
    const sw_json *map;
    size_t weights = 0;
    SW_TRY(read_index(f, &map));
    for (size_t i = 0; i < f->file_count; i++) {
        const sw_model_file *file = &f->files[i];
        sw_tensor_view *tensors;
        size_t count;
        bool read;
        SW_TRY(is_read(f, map, file->name, &read));
        if (!read) continue;
        weights++;
        sw_status status = sw_safetensors_parse(f->arena, file->bytes, &tensors, &count, f->err);
        char shown[SW_SHOWN_NAME_BYTES];
        if (status != SW_OK)
            sw_error_prefix(f->err, "%s", sw_shown_name(shown, sw_text(file->name)));
        SW_TRY(status);
        if (map != NULL) SW_TRY(check_shard(f, map, file, tensors, count));
        SW_TRY(append(f, tensors, count));
    }
    if (weights == 0)
        return sw_fail(f->err, SW_MISSING, "missing", "there is no *.safetensors file");
    if (weights > 1 && map == NULL)
        return sw_fail(f->err, SW_MISSING, "missing", "several *.safetensors files and no " INDEX);
    qsort(f->tensors, f->count, f->count > 0 ? sizeof *f->tensors : 1, sw_tensor_name_compare);
    for (size_t i = 1; i < f->count; i++)
        if (sw_bytes_equal(f->tensors[i - 1].name, f->tensors[i].name))
            return wrong(f, SW_MALFORMED, "format", &f->tensors[i], "stands there twice");
    f->used = SW_ARENA_NEW(f->arena, bool, f->count);
    return f->used != NULL ? SW_OK : sw_fail(f->err, SW_MEMORY, "memory", "no memory for tensors");
}

/* ---- which tensors ---- */

static sw_tensor_view *find(folder *f, sw_bytes name) {
    const sw_tensor_view key = {.name = name};
    return f->count == 0 ? NULL
                         : bsearch(&key, f->tensors, f->count, sizeof key, sw_tensor_name_compare);
}

static sw_status check_tensor(const folder *f, const sw_tensor_view *t, const sw_tensor_view *want,
                              sw_dtype dtype) {
    if (t->dtype != dtype || dtype == SW_DTYPE_F16)
        return wrong(f, SW_REFUSED, "unsupported", t,
                     dtype == SW_DTYPE_F16 ? "has type F16, which is not supported"
                                           : "has another type than the embedding");
    if (t->dim_count != want->dim_count || t->dims[0] != want->dims[0] ||
        (want->dim_count == 2 && t->dims[1] != want->dims[1]))
        return wrong(f, SW_MALFORMED, "format", t, "has another shape than config.json implies");
    if ((uintptr_t)t->data.data % sw_dtype_bytes(dtype) != 0)
        return wrong(f, SW_REFUSED, "unsupported", t,
                     "is not aligned in its file: write it again with a current safetensors");
    return SW_OK;
}

static sw_status take(folder *f, const sw_tensor_plan *plan, const char *name,
                      const sw_model *model, sw_tensor_view *out) {
    sw_tensor_view want = {0};
    sw_tensor_view *t = find(f, sw_text(name));
    if (t == NULL) return sw_fail(f->err, SW_MISSING, "missing", "tensor %s is missing", name);
    sw_plan_shape(plan, &model->config, &want);
    SW_TRY(check_tensor(f, t, &want, model->dtype));
    f->used[t - f->tensors] = true;
    *out = *t;
    return SW_OK;
}

static sw_status take_layers(folder *f, sw_model *model) {
    char name[SW_MODEL_NAME_LIMIT];
    model->layers = SW_ARENA_NEW(f->arena, sw_model_layer, model->config.num_hidden_layers);
    if (model->layers == NULL) return sw_fail(f->err, SW_MEMORY, "memory", "no memory for layers");
    for (uint32_t l = 0; l < model->config.num_hidden_layers; l++)
        for (size_t i = 0; i < sw_layer_tensors(&model->config); i++) {
            const sw_tensor_plan *plan = &sw_layer_plan[i];
            (void)snprintf(name, sizeof name, "model.layers.%u.%s", l, plan->hf);
            void *place = (char *)&model->layers[l] + plan->place;
            SW_TRY(take(f, plan, name, model, place));
        }
    return SW_OK;
}

/* A tied head may be stored besides, as old files do, when it is the same bytes. */
static sw_status take_tied_head(folder *f, sw_model *model) {
    sw_tensor_view stored, *there = find(f, SW_LITERAL("lm_head.weight"));
    if (there != NULL) {
        SW_TRY(take(f, &sw_end_plan[2], "lm_head.weight", model, &stored));
        if (!sw_bytes_equal(stored.data, model->embed_tokens.data))
            return wrong(f, SW_MALFORMED, "format", there,
                         "differs from the embedding that config.json ties it to");
    }
    model->lm_head = model->embed_tokens;
    return SW_OK;
}

static sw_status take_ends(folder *f, sw_model *model) {
    const sw_tensor_view *first = find(f, SW_LITERAL("model.embed_tokens.weight"));
    if (first != NULL) model->dtype = first->dtype;
    for (size_t i = 0; i < sw_end_tensors(&model->config); i++) {
        const sw_tensor_plan *plan = &sw_end_plan[i];
        void *place = (char *)model + plan->place;
        SW_TRY(take(f, plan, plan->hf, model, place));
    }
    return model->config.tie_word_embeddings ? take_tied_head(f, model) : SW_OK;
}

static bool is_buffer(sw_bytes name) {
    sw_bytes suffix = SW_LITERAL(".rotary_emb.inv_freq");
    return name.size > suffix.size &&
           memcmp(name.data + name.size - suffix.size, suffix.data, suffix.size) == 0;
}

sw_status sw_model_open(sw_arena *arena, const sw_model_file *files, size_t count, sw_model *out,
                        sw_error *err) {
    sw_model model = {0};
    folder f = {.arena = arena, .files = files, .file_count = count, .err = err};
    const sw_model_file *config = sw_model_file_find(files, count, "config.json");
    if (count > SW_MODEL_FILE_LIMIT)
        return sw_fail(err, SW_LIMIT, "limit", "a model of more than %d files",
                       SW_MODEL_FILE_LIMIT);
    if (config == NULL) return sw_fail(err, SW_MISSING, "missing", "there is no config.json");
    SW_TRY(sw_model_config_parse(config->bytes, &model.config, err));
    SW_TRY(read_weights(&f));
    SW_TRY(take_ends(&f, &model));
    SW_TRY(take_layers(&f, &model));
    for (size_t i = 0; i < f.count; i++)
        if (!f.used[i] && !is_buffer(f.tensors[i].name))
            return wrong(&f, SW_MALFORMED, "format", &f.tensors[i],
                         "is no tensor of this architecture");
    *out = model;
    return SW_OK;
}
