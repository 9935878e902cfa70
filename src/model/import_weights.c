/* SPDX-License-Identifier: Apache-2.0
 *
 * The weights of a GGUF file as model.safetensors (MODEL-057 to MODEL-059).
 *
 * Each tensor is dequantised row by row straight into its place in the file. Rows of q and k, which
 * GGUF holds in the order of interleaved rotation, go back to halves: row (h, i, j) of
 * [heads, D/2, 2] is row (h, j, i) of [heads, 2, D/2].
 */
#include "model/model_internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static sw_status malformed(sw_error *err, const char *key, const char *what) {
    return sw_fail(err, SW_MALFORMED, "format", "GGUF: %s %s", key, what);
}

typedef struct source {
    const sw_gguf_tensor *from;
    size_t head_dim; /* not 0: rows are permuted within heads of this size */
} source;

typedef struct weights {
    sw_arena *arena;
    const sw_gguf *gguf;
    const sw_model_config *config;
    sw_dtype dtype;
    sw_tensor_view *tensors; /* data.data points to a source while planning */
    size_t count;
    sw_error *err;
} weights;

/* GGUF names its sizes fastest first. */
static bool same_shape(const sw_tensor_view *want, const sw_gguf_tensor *t) {
    if (want->dim_count != t->dim_count) return false;
    for (size_t i = 0; i < t->dim_count; i++)
        if (want->dims[i] != t->dims[t->dim_count - 1 - i]) return false;
    return true;
}

static sw_status plan_tensor(weights *w, const sw_tensor_plan *plan, const char *hf,
                             const char *gguf) {
    sw_tensor_view view = {.dtype = w->dtype};
    const sw_gguf_tensor *t = sw_gguf_find_tensor(w->gguf, gguf);
    source *s = SW_ARENA_NEW(w->arena, source, 1);
    char *name = sw_arena_text(w->arena, sw_text(hf));
    if (t == NULL) return malformed(w->err, gguf, "is missing");
    if (s == NULL || name == NULL)
        return sw_fail(w->err, SW_MEMORY, "memory", "no memory for tensors");
    sw_plan_shape(plan, w->config, &view);
    if (!same_shape(&view, t))
        return malformed(w->err, gguf, "has another shape than the metadata implies");
    bool permuted = plan->permuted && w->config->family->permuted;
    *s = (source){t, permuted ? w->config->head_dim : 0};
    view.name = sw_text(name);
    view.data = SW_BYTES(s, 0);
    w->tensors[w->count++] = view;
    return SW_OK;
}

static sw_status plan_all(weights *w) {
    char hf[SW_MODEL_NAME_LIMIT], gguf[SW_MODEL_NAME_LIMIT];
    size_t ends = sw_end_tensors(w->config), of_layer = sw_layer_tensors(w->config);
    size_t total = ends + w->config->num_hidden_layers * of_layer;
    w->tensors = SW_ARENA_NEW(w->arena, sw_tensor_view, total);
    if (w->tensors == NULL) return sw_fail(w->err, SW_MEMORY, "memory", "no memory for tensors");
    for (size_t i = 0; i < ends; i++)
        SW_TRY(plan_tensor(w, &sw_end_plan[i], sw_end_plan[i].hf, sw_end_plan[i].gguf));
    for (uint32_t l = 0; l < w->config->num_hidden_layers; l++)
        for (size_t i = 0; i < of_layer; i++) {
            const sw_tensor_plan *plan = &sw_layer_plan[i];
            (void)snprintf(hf, sizeof hf, "model.layers.%u.%s", l, plan->hf);
            (void)snprintf(gguf, sizeof gguf, "blk.%u.%s", l, plan->gguf);
            SW_TRY(plan_tensor(w, plan, hf, gguf));
        }
    return SW_OK;
}

/* All planned tensors are distinct, so equal counts mean that none is left over. */
static sw_status refuse_surplus(const weights *w) {
    char shown[SW_SHOWN_NAME_BYTES];
    size_t factors = sw_gguf_find_tensor(w->gguf, SW_GGUF_ROPE_FACTORS) != NULL;
    if (w->count + factors == w->gguf->tensor_count) return SW_OK;
    for (size_t i = 0; i < w->gguf->tensor_count; i++) {
        bool used = sw_bytes_is(w->gguf->tensors[i].name, SW_GGUF_ROPE_FACTORS);
        for (size_t k = 0; k < w->count && !used; k++)
            used = ((const source *)(const void *)w->tensors[k].data.data)->from ==
                   &w->gguf->tensors[i];
        if (!used)
            return sw_fail(w->err, SW_REFUSED, "unsupported", "GGUF: tensor %s is not supported",
                           sw_shown_name(shown, w->gguf->tensors[i].name));
    }
    return SW_OK;
}

static size_t source_row(size_t row, size_t head_dim) {
    if (head_dim == 0) return row;
    size_t head = row / head_dim, within = row % head_dim, half = head_dim / 2;
    return head * head_dim + within % half * 2 + within / half;
}

static bool all_finite(const float *row, size_t count) {
    bool finite = true;
    for (size_t i = 0; i < count; i++) finite = finite && isfinite(row[i]);
    return finite;
}

/* Writes one tensor; `row` has room for one row of f32. */
static sw_status write_tensor(const weights *w, const sw_tensor_view *view, float *row,
                              uint8_t *to) {
    const source *s = (const void *)view->data.data;
    const sw_gguf_tensor *t = s->from;
    size_t columns = t->dims[0], rows = t->dim_count == 2 ? t->dims[1] : 1;
    size_t in_bytes = columns / t->type->block_elements * t->type->block_bytes;
    size_t out_bytes = columns * sw_dtype_bytes(view->dtype);
    for (size_t r = 0; r < rows; r++, to += out_bytes) {
        const uint8_t *from = t->data.data + source_row(r, s->head_dim) * in_bytes;
        sw_gguf_dequantise(t->type, row, from, columns);
        sw_elements_store(to, row, view->dtype, columns);
        sw_elements_load(row, to, view->dtype, columns);
        if (!all_finite(row, columns)) {
            char shown[SW_SHOWN_NAME_BYTES];
            return sw_fail(w->err, SW_MALFORMED, "format",
                           "GGUF tensor %s is not finite in row %zu", sw_shown_name(shown, t->name),
                           r);
        }
    }
    return SW_OK;
}

static size_t longest_row(const weights *w) {
    size_t longest = 0;
    for (size_t i = 0; i < w->gguf->tensor_count; i++)
        if (w->gguf->tensors[i].dims[0] > longest) longest = w->gguf->tensors[i].dims[0];
    return longest;
}

static sw_status write_weights(const weights *w, sw_buffer *out) {
    size_t data_bytes, elements, bytes;
    SW_TRY(sw_safetensors_put_header(out, w->tensors, w->count, &data_bytes, w->err));
    uint8_t *to = sw_put_space(out, data_bytes);
    float *row = calloc(longest_row(w) + 1, sizeof *row);
    sw_status status = sw_buffer_check(out, "model.safetensors", w->err);
    if (status == SW_OK && row == NULL)
        status = sw_fail(w->err, SW_MEMORY, "memory", "no memory for a row");
    for (size_t i = 0; i < w->count && status == SW_OK; i++) {
        status = write_tensor(w, &w->tensors[i], row, to);
        if (sw_tensor_size(&w->tensors[i], &elements, &bytes)) to += bytes;
    }
    free(row);
    return status;
}

sw_status sw_gguf_write_weights(sw_arena *arena, const sw_gguf *g, const sw_model_config *config,
                                sw_dtype dtype, sw_buffer *out, sw_error *err) {
    weights w = {.arena = arena, .gguf = g, .config = config, .dtype = dtype, .err = err};
    SW_TRY(plan_all(&w));
    SW_TRY(refuse_surplus(&w));
    sw_safetensors_sort(w.tensors, w.count);
    return write_weights(&w, out);
}
