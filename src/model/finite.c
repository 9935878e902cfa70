/* SPDX-License-Identifier: Apache-2.0
 *
 * Weights that are no numbers, found before anything is computed with them (MODEL-036).
 *
 * An element is infinite or NaN exactly when all bits of its exponent are set. Adding the lowest of
 * these bits then carries into the sign's place, which was cleared: one test for all elements of a
 * word, and no carry reaches the next element.
 */
#include "model/model_internal.h"
#include <stdatomic.h>
#include <string.h>

#define CHUNK ((size_t)1 << 20)

typedef struct search {
    sw_bytes data;
    uint64_t exponent, lowest; /* of every element of a word */
    atomic_bool found;
} search;

static bool word_is_finite(const search *s, uint64_t word) {
    uint64_t sign = s->exponent + s->lowest;
    return (((word & s->exponent) + s->lowest) & sign) == 0;
}

static void search_chunk(void *context, size_t index, size_t lane) {
    (void)lane;
    search *s = context;
    size_t at = index * CHUNK;
    size_t end = s->data.size - at < CHUNK ? s->data.size : at + CHUNK;
    uint64_t word = 0, carried = 0, sign = s->exponent + s->lowest;
    for (; at + sizeof word <= end; at += sizeof word) {
        memcpy(&word, s->data.data + at, sizeof word);
        carried |= (word & s->exponent) + s->lowest;
    }
    word = 0;
    if (at < end) memcpy(&word, s->data.data + at, end - at);
    if ((carried & sign) != 0 || !word_is_finite(s, word)) s->found = true;
}

/* The first element that is no number; there is one. */
static size_t first_of(const search *s, size_t element) {
    size_t at = 0;
    uint64_t word = 0;
    do {
        memcpy(&word, s->data.data + at, element);
        at += element;
    } while (word_is_finite(s, word));
    return at / element - 1;
}

/* The file that a tensor's bytes lie in. */
static const char *file_of(const sw_model_file *files, size_t count, const sw_tensor_view *t) {
    for (size_t i = 0; i < count; i++) {
        uintptr_t start = (uintptr_t)files[i].bytes.data, at = (uintptr_t)t->data.data;
        if (at >= start && at - start < files[i].bytes.size) return files[i].name;
    }
    return "the model";
}

static sw_status check_tensor(const sw_finite_check *c, const sw_tensor_view *t, sw_error *err) {
    bool f32 = t->dtype == SW_DTYPE_F32;
    search s = {.data = t->data,
                .exponent = f32 ? 0x7f8000007f800000u : 0x7f807f807f807f80u,
                .lowest = f32 ? 0x0080000000800000u : 0x0080008000800080u};
    c->parallel->run(c->parallel->pool, (t->data.size + CHUNK - 1) / CHUNK, search_chunk, &s);
    if (c->release && !s.found) c->release(c->context, t->data);
    if (!s.found) return SW_OK;
    char shown[SW_SHOWN_NAME_BYTES];
    return sw_fail(err, SW_REFUSED, "model", "%s: element %zu of tensor %s is no number",
                   file_of(c->files, c->file_count, t), first_of(&s, sw_dtype_bytes(t->dtype)),
                   sw_shown_name(shown, t->name));
}

sw_status sw_model_check_finite(const sw_finite_check *c, sw_error *err) {
    const sw_model *model = c->model;
    SW_TRY(check_tensor(c, &model->embed_tokens, err));
    for (uint32_t l = 0; l < model->config.num_hidden_layers; l++)
        for (size_t i = 0; i < sw_layer_tensors(&model->config); i++) {
            const char *place = (const char *)&model->layers[l] + sw_layer_plan[i].place;
            SW_TRY(check_tensor(c, (const sw_tensor_view *)(const void *)place, err));
        }
    SW_TRY(check_tensor(c, &model->norm, err));
    bool tied = model->lm_head.data.data == model->embed_tokens.data.data;
    return tied ? SW_OK : check_tensor(c, &model->lm_head, err);
}
