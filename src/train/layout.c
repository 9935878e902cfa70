/* SPDX-License-Identifier: Apache-2.0
 *
 * The memory plan: every numeric buffer of an engine, handed out from one mapping.
 *
 * sw_engine_layout is run twice over the same code, first to measure (base NULL), then to assign,
 * so plan and use cannot differ. Fresh pages are zero, which the padding of operands relies on.
 */
#include "train/engine.h"
#include <sys/mman.h>
#include <unistd.h>

void *sw_slab_take(sw_slab *s, const char *name, size_t count, size_t element_bytes) {
    size_t bytes, end;
    if (!sw_mul_size(count, element_bytes, &bytes) ||
        !sw_add_size(bytes, SW_SLAB_ALIGNMENT - 1, &bytes) ||
        !sw_add_size(s->used, bytes &= ~(size_t)(SW_SLAB_ALIGNMENT - 1), &end)) {
        s->overflow = true;
        return NULL;
    }
    void *at = s->base ? s->base + s->used : NULL;
    s->used = end;
    if (s->budget) sw_budget_add(s->budget, name, bytes);
    return at;
}

typedef struct layout {
    sw_engine *e;
    sw_slab *slab;
    size_t tokens, size, widest, lanes; /* size: bytes of E */
} layout;

static float *floats(layout *l, const char *name, size_t count) {
    return sw_slab_take(l->slab, name, count, sizeof(float));
}

static void *operands(layout *l, const char *name, size_t count) {
    return sw_slab_take(l->slab, name, count, l->size);
}

static void take_nf4(layout *l, sw_nf4 *w, size_t count) {
    w->count = count;
    w->codes = sw_slab_take(l->slab, "quantised weights", sw_nf4_codes(count), 1);
    w->scales = sw_slab_take(l->slab, "quantised weights", sw_nf4_blocks(count), 1);
    w->nested = floats(l, "quantised weights", sw_nf4_nests(count));
}

static void take_packed(layout *l, sw_linear *m) {
    m->w_t = operands(l, "packed weights", sw_pack_elements(m->in, m->out));
    if (!l->e->capacity.backward) return;
    m->w_n = operands(l, "packed weights", sw_pack_elements(m->out, m->in));
    if (!m->weight) return;
    m->weight->packed_t = m->w_t;
    m->weight->packed_n = m->w_n;
}

bool sw_engine_weights_lie(const sw_engine *e) {
    return e->quantised || (e->capacity.in_place && !e->full);
}

bool sw_engine_holds(const sw_engine *e) {
    return e->capacity.in_place && e->compute.dtype == SW_DTYPE_BF16 &&
           e->model->dtype == SW_DTYPE_F32;
}

bool sw_engine_shares_middle(const sw_engine *e) {
    return !e->full;
}

/* A head that is rounded once, like the layers' weights; where it lies in the file's own type it is
 * read from there. */
static bool head_is_held(const sw_engine *e) {
    return sw_engine_holds(e) && !e->quantised;
}

size_t sw_engine_file_bytes(const sw_engine *e) {
    size_t size = sw_dtype_bytes(e->model->dtype), table = e->model->lm_head.data.size, count = 0;
    for (size_t i = 0; i < e->layer_count; i++) {
        const sw_linear *l = e->layers[i].linear;
        for (int m = 0; m < SW_MODULE_COUNT; m++) count += l[m].in * l[m].out;
    }
    bool layers = sw_engine_weights_lie(e) && !e->quantised && !sw_engine_holds(e);
    bool head = sw_engine_head_lies(e) && !head_is_held(e);
    return (layers ? count * size : 0) + (head ? table : 0);
}

static void take_linear(layout *l, sw_linear *m) {
    bool backward = l->e->capacity.backward;
    if (l->e->quantised) {
        take_nf4(l, &m->nf4, m->out * m->in);
    } else if (!sw_engine_weights_lie(l->e)) {
        take_packed(l, m);
    } else if (sw_engine_holds(l->e)) {
        m->held = operands(l, "frozen weights", m->out * m->in);
    }
    if (m->bias_view) m->bias_n = operands(l, "biases", sw_pack_elements(1, m->out));
    if (m->rank == 0) return;
    if (m->dora) {
        m->norm = floats(l, "magnitudes", m->out);
        m->gain = floats(l, "magnitudes", m->out);
        if (m->bias_view) m->bias_value = floats(l, "magnitudes", m->out);
    }
    m->a_t = operands(l, "packed adapters", sw_pack_elements(m->in, m->rank));
    m->b_t = operands(l, "packed adapters", sw_pack_elements(m->rank, m->out));
    if (!backward) return;
    m->a_n = operands(l, "packed adapters", sw_pack_elements(m->rank, m->in));
    m->b_n = operands(l, "packed adapters", sw_pack_elements(m->out, m->rank));
}

static void take_norm(layout *l, sw_norm_weight *n) {
    if (!n->parameter) n->value = floats(l, "norms", l->e->config->hidden_size);
}

static void take_head(layout *l) {
    sw_engine *e = l->e;
    size_t c = e->config->hidden_size, vocab = e->config->vocab_size;
    if (sw_engine_head_lies(e)) {
        if (head_is_held(e)) e->head_held = operands(l, "frozen weights", vocab * c);
        return;
    }
    e->head_t = operands(l, "packed head", sw_pack_elements(c, vocab));
    if (!e->capacity.backward) return;
    e->head_n = operands(l, "packed head", sw_pack_elements(vocab, c));
    if (!e->table) return;
    e->table->packed_t = e->head_t;
    e->table->packed_n = e->head_n;
}

static void take_weights(layout *l) {
    sw_engine *e = l->e;
    for (size_t i = 0; i < e->layer_count; i++) {
        for (int m = 0; m < SW_MODULE_COUNT; m++) take_linear(l, &e->layers[i].linear[m]);
        take_norm(l, &e->layers[i].input_norm);
        take_norm(l, &e->layers[i].post_norm);
    }
    take_norm(l, &e->final_norm);
    take_head(l);
    e->one = operands(l, "biases", 2);
    if (e->full) e->ones = operands(l, "biases", sw_pack_elements(l->tokens, 1));
    size_t half = e->head_dim / 2;
    e->cosine = floats(l, "rotations", e->capacity.positions * half);
    e->sine = floats(l, "rotations", e->capacity.positions * half);
}

static void take_cache(layout *l, sw_kept *k) {
    size_t rows = l->e->capacity.keys;
    k->k = operands(l, "keys and values", rows * l->e->kv_width);
    k->v = operands(l, "keys and values", rows * l->e->kv_width);
}

/* u_stride: columns of every module's u. */
static void take_kept(layout *l, sw_kept *k, const size_t u_stride[SW_MODULE_COUNT]) {
    sw_engine *e = l->e;
    size_t t = l->tokens, f = e->config->intermediate_size;
    if (!sw_engine_shares_middle(e))
        k->middle = floats(l, "activations", t * e->config->hidden_size);
    k->rstd1 = floats(l, "activations", t);
    k->rstd2 = floats(l, "activations", t);
    k->lse = floats(l, "activations", t * e->heads);
    k->q = operands(l, "activations", t * e->width);
    k->attn = operands(l, "activations", t * e->width);
    k->gate = operands(l, "activations", t * f);
    k->up = operands(l, "activations", t * f);
    for (int m = 0; m < SW_MODULE_COUNT; m++) {
        k->u[m] = operands(l, "activations", t * u_stride[m]);
    }
    if (!e->capacity.cache) take_cache(l, k);
}

/* Which layers have their own buffers: all of them when the backward pass reads them, else one set
 * (two for x, since a layer reads one and writes the next). */
static void take_layers(layout *l) {
    sw_engine *e = l->e;
    size_t count = l->tokens * e->config->hidden_size, widest[SW_MODULE_COUNT] = {0};
    bool own = e->capacity.backward && !e->capacity.recompute;
    for (size_t i = 0; i < e->layer_count; i++) {
        for (int m = 0; m < SW_MODULE_COUNT; m++) {
            widest[m] = sw_most(widest[m], e->layers[i].linear[m].rank_stride);
        }
    }
    sw_kept shared = {0};
    if (!own) take_kept(l, &shared, widest);
    if (sw_engine_shares_middle(e)) shared.middle = floats(l, "activations", count);
    for (size_t i = 0; i < e->layer_count; i++) {
        sw_layer *layer = &e->layers[i];
        layer->kept = shared;
        if (own) take_kept(l, &layer->kept, widest);
        bool keeps_x = e->capacity.backward || i < 2;
        layer->x = keeps_x ? floats(l, "activations", count) : e->layers[i - 2].x;
        if (e->capacity.cache) take_cache(l, &layer->kept);
    }
    e->final_x = floats(l, "activations", count);
}

/* The largest rank of an adapter; 0 without any. */
static size_t largest_rank(const sw_engine *e) {
    size_t rank = 0;
    for (size_t i = 0; i < e->layer_count; i++) {
        for (int m = 0; m < SW_MODULE_COUNT; m++) rank = sw_most(rank, e->layers[i].linear[m].rank);
    }
    return rank;
}

/* What the gradients of trained matrices need of a layer's. */
static void take_gradients(layout *l) {
    sw_engine *e = l->e;
    sw_scratch *s = &e->scratch;
    size_t t = l->tokens;
    s->packed_dy = operands(l, "packed activations", sw_pack_elements(t, e->full ? 0 : l->widest));
    s->transposed_grad = floats(l, "adapters", largest_rank(e) * l->widest);
    for (size_t i = 0; i < 3 && e->dora; i++) {
        s->gained[i] = operands(l, "gradients of activations", t * l->widest);
    }
    if (e->dropout > 0) {
        s->dropped = operands(l, "dropout", t * l->widest);
        s->dropped_grad = floats(l, "dropout", t * l->widest);
    }
}

/* The same, and of the table's when that is trained. */
static void take_turned(layout *l) {
    sw_engine *e = l->e;
    size_t rank = largest_rank(e), padded = sw_round_up(l->tokens, 2);
    size_t heads = sw_round_up(e->capacity.head_rows, 2) * e->config->vocab_size;
    e->scratch.packed_x = operands(l, "packed activations", sw_pack_elements(l->tokens, l->widest));
    e->scratch.transposed =
        operands(l, "transposed gradients",
                 sw_most((e->full ? l->widest : rank) * padded, e->table ? heads : 0));
}

static void take_backward(layout *l) {
    sw_engine *e = l->e;
    sw_scratch *s = &e->scratch;
    size_t t = l->tokens, c = e->config->hidden_size, f = e->config->intermediate_size;
    s->dnorm = floats(l, "gradients of activations", t * c);
    s->dh = floats(l, "gradients of activations", t * f);
    s->dq = floats(l, "gradients of activations", t * e->width);
    s->dk = floats(l, "gradients of activations", t * e->kv_width);
    s->dv = floats(l, "gradients of activations", t * e->kv_width);
    s->dy = operands(l, "gradients of activations", t * c);
    s->dgate = operands(l, "gradients of activations", t * f);
    s->dup = operands(l, "gradients of activations", t * f);
    s->dattn = operands(l, "gradients of activations", t * e->width);
    s->dqkv[0] = operands(l, "gradients of activations", t * e->width);
    s->dqkv[1] = operands(l, "gradients of activations", t * e->kv_width);
    s->dqkv[2] = operands(l, "gradients of activations", t * e->kv_width);
    take_gradients(l);
}

/* For the product that reads the most right sides at once: dx of q, k and v, or of gate and up,
 * with their adapters. */
static void take_panels(layout *l) {
    sw_engine *e = l->e;
    size_t f = e->config->intermediate_size, attention = e->width + 2 * e->kv_width;
    size_t deepest = sw_most(sw_most(2 * f, attention), sw_most(e->config->hidden_size, l->tokens));
    deepest = sw_most(deepest, e->config->vocab_size < 4096 ? e->config->vocab_size : 4096);
    size_t largest = sw_most(e->width, f) * e->config->hidden_size;
    size_t widest = sw_most(e->config->vocab_size, l->widest);
    e->scratch.panels = sw_slab_take(
        l->slab, "unpacked panels",
        sw_gemm_panel_bytes(e->compute.dtype, deepest + 3 * (largest_rank(e) + 1), widest), 1);
    if (!e->quantised) return;
    e->scratch.absmax = floats(l, "quantised weights", sw_nf4_blocks(largest));
}

static void take_layer_scratch(layout *l) {
    sw_engine *e = l->e;
    sw_scratch *s = &e->scratch;
    size_t t = l->tokens;
    s->norm = operands(l, "activations", t * e->config->hidden_size);
    s->h = operands(l, "activations", t * e->config->intermediate_size);
    s->q = floats(l, "activations", t * e->width);
    s->k = floats(l, "activations", t * e->kv_width);
    if (e->dora) s->directed = floats(l, "activations", t * l->widest);
    sw_attention a = {.heads = e->heads,
                      .kv_heads = e->kv_heads,
                      .head_dim = e->head_dim,
                      .segment_count = e->capacity.segments,
                      .longest = e->capacity.longest};
    size_t lanes = e->capacity.backward ? l->lanes : 0;
    s->attention_packs =
        sw_slab_take(l->slab, "attention",
                     sw_attention_pack_bytes(e->compute.dtype, &a, e->capacity.keys, lanes), 1);
    s->attention = sw_slab_take(
        l->slab, "attention",
        l->lanes * sw_attention_scratch_bytes(e->compute.dtype, e->capacity.longest), 1);
    if (e->capacity.backward) take_backward(l);
}

static void take_loss_scratch(layout *l) {
    sw_engine *e = l->e;
    sw_scratch *s = &e->scratch;
    size_t c = e->config->hidden_size, labels = e->capacity.labels;
    s->head_x = floats(l, "head", labels * c);
    s->head_rstd = floats(l, "head", labels);
    s->head_norm = operands(l, "head", labels * c);
    s->logits = floats(l, "logits", e->capacity.head_rows * sw_engine_logits_stride(e));
    if (!e->capacity.backward) return;
    s->head_dx = floats(l, "head", labels * c);
    s->head_dnorm = floats(l, "head", labels * c);
}

/* What layers and the loss need while they are computed lies in one place, since they take turns.
 * It counts as one part. */
static void take_turns(layout *l) {
    sw_slab *slab = l->slab;
    sw_train_budget *budget = slab->budget;
    size_t start = slab->used;
    bool apart = l->e->table != NULL;
    slab->budget = NULL;
    if (l->e->capacity.backward && !apart) take_turned(l);
    take_layer_scratch(l);
    size_t layer = slab->used;
    slab->used = start;
    take_loss_scratch(l);
    slab->used = sw_most(slab->used, layer);
    slab->budget = budget;
    if (budget) sw_budget_add(budget, "work of a layer or the loss", slab->used - start);
    if (l->e->capacity.backward && apart) take_turned(l);
}

static void take_scratch(layout *l) {
    sw_engine *e = l->e;
    sw_scratch *s = &e->scratch;
    size_t rank = largest_rank(e);
    take_panels(l);
    take_turns(l);
    s->row_loss = sw_slab_take(l->slab, "head", e->capacity.labels, sizeof(double));
    if (!e->capacity.backward) return;
    s->dx = floats(l, "gradients of activations", l->tokens * e->config->hidden_size);
    for (size_t i = 0; i < 3; i++) {
        s->du[i] = operands(l, "adapters", l->tokens * sw_round_up(rank, 2));
    }
}

static void take_batch(layout *l) {
    sw_batch *b = &l->e->batch;
    const sw_capacity *c = &l->e->capacity;
    b->ids = sw_slab_take(l->slab, "batch", c->tokens, sizeof *b->ids);
    b->position = sw_slab_take(l->slab, "batch", c->tokens, sizeof *b->position);
    b->labelled = sw_slab_take(l->slab, "batch", c->labels, sizeof *b->labelled);
    b->target = sw_slab_take(l->slab, "batch", c->labels, sizeof *b->target);
    b->segments = sw_slab_take(l->slab, "batch", c->segments, sizeof *b->segments);
}

/* Points each parameter, in name order, into the image's numbers: values, then the moments in f32,
 * then absmax and codes of those in 8 bits (CKP-006, CKP-010). */
static void point_parameters(sw_engine *e, float *values) {
    sw_state_sizes sizes = sw_state_sizes_of(e);
    float *grad = e->grads, *m = values + sizes.values, *v = m + (sizes.values - sizes.coded);
    float *absmax = v + (sizes.values - sizes.coded);
    uint8_t *code = (uint8_t *)(absmax + 2 * sizes.blocks);
    for (size_t i = 0; i < e->parameter_count; i++) {
        sw_parameter *p = e->by_name[i];
        size_t count = p->rows * p->columns;
        p->value = values;
        p->grad = grad;
        values += count;
        grad += count;
        if (p->coded) {
            p->moments = (sw_moments8){.m = code,
                                       .v = code + sizes.coded,
                                       .m_absmax = absmax,
                                       .v_absmax = absmax + sizes.blocks};
            code += count;
            absmax += sw_dynamic_blocks(count);
        } else {
            p->m = m;
            p->v = v;
            m += count;
            v += count;
        }
    }
}

static void take_state(layout *l) {
    sw_engine *e = l->e;
    sw_state_sizes sizes = sw_state_sizes_of(e);
    size_t head = (e->prefix.size + 63) / 64 * 64, all = e->parameter_floats;
    if (!e->parameter_count) return;
    e->image_bytes = head + sw_state_numbers_bytes(&sizes) + sizeof(uint64_t);
    e->image = sw_slab_take(l->slab, "trained state", e->image_bytes, 1);
    e->grads = floats(l, "gradients", all);
    e->scratch.partial =
        sw_slab_take(l->slab, "gradients", all / 4096 + 1, sizeof *e->scratch.partial);
    if (e->image) point_parameters(e, (float *)(void *)(e->image + head));
}

static void point_norms(sw_engine *e) {
    for (size_t i = 0; i < e->layer_count; i++) {
        sw_layer *l = &e->layers[i];
        if (l->input_norm.parameter) l->input_norm.value = l->input_norm.parameter->value;
        if (l->post_norm.parameter) l->post_norm.value = l->post_norm.parameter->value;
    }
    if (e->final_norm.parameter) e->final_norm.value = e->final_norm.parameter->value;
}

void sw_engine_layout(sw_engine *e, sw_slab *slab, size_t lanes) {
    layout l = {
        .e = e,
        .slab = slab,
        .tokens = e->capacity.tokens,
        .size = sw_dtype_bytes(e->compute.dtype),
        .widest = sw_most(e->width, sw_most(e->config->hidden_size, e->config->intermediate_size)),
        .lanes = lanes};
    take_state(&l);
    take_weights(&l);
    take_layers(&l);
    take_scratch(&l);
    take_batch(&l);
    point_norms(e);
}

sw_status sw_engine_map(sw_engine *e, size_t lanes, size_t *bytes, void **mapping, sw_error *err) {
    sw_train_budget budget = {0};
    sw_slab slab = {.budget = &budget};
    sw_engine_layout(e, &slab, lanes);
    sw_budget_sort(&budget);
    void *at = slab.overflow ? MAP_FAILED
                             : mmap(NULL, slab.used, PROT_READ | PROT_WRITE,
                                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) {
        return sw_fail(err, SW_MEMORY, "memory", "no memory for %zu MiB; %s take %zu MiB of it",
                       slab.used >> 20, budget.parts[0].name, budget.parts[0].bytes >> 20);
    }
    (void)madvise(at, slab.used, MADV_HUGEPAGE); /* faster where it is granted */
    *bytes = slab.used;
    *mapping = at;
    slab = (sw_slab){.base = at};
    sw_engine_layout(e, &slab, lanes);
    return SW_OK;
}

void sw_engine_unmap(void *mapping, size_t bytes) {
    if (!mapping) return;
    sw_wipe(mapping, bytes);
    munmap(mapping, bytes);
}

void sw_engine_keep_values(const sw_engine *e, void *mapping, size_t *bytes) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t kept = (e->prefix.size + e->parameter_floats * sizeof(float) + page - 1) / page * page;
    if (!mapping || kept >= *bytes) return;
    sw_engine_unmap((uint8_t *)mapping + kept, *bytes - kept);
    *bytes = kept;
}
