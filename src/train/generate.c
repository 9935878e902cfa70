/* SPDX-License-Identifier: Apache-2.0
 *
 * Logits of a sequence, and greedy generation with kept keys and values.
 */
#include "train/engine.h"
#include <stdlib.h>
#include <string.h>

typedef struct session {
    sw_arena arena;
    sw_engine engine;
    void *mapping;
    size_t mapping_bytes;
} session;

static void session_free(session *s) {
    sw_engine_unmap(s->mapping, s->mapping_bytes);
    sw_arena_free(&s->arena);
}

static sw_status check(const sw_generate_job *job, sw_error *err) {
    if (job->prompt_count == 0) return sw_fail(err, SW_USAGE, "usage", "the prompt is empty");
    if (job->prompt_count > job->model->config.max_position_embeddings)
        return sw_fail(err, SW_LIMIT, "limit",
                       "the prompt has %zu tokens, more than the %u positions of the model",
                       job->prompt_count, job->model->config.max_position_embeddings);
    for (size_t i = 0; i < job->prompt_count; i++) {
        if (job->prompt[i] >= job->model->config.vocab_size) {
            return sw_fail(err, SW_MALFORMED, "rows",
                           "token %zu of the prompt is %u, and config.json's vocab_size is %u", i,
                           job->prompt[i], job->model->config.vocab_size);
        }
    }
    return SW_OK;
}

static sw_status open_session(session *s, const sw_generate_job *job, const sw_parallel *parallel,
                              size_t length, sw_error *err) {
    sw_engine_plan plan = {.model = job->model, .adapter = job->adapter, .profile = job->profile};
    sw_engine *e = &s->engine;
    SW_TRY(sw_engine_build(&s->arena, &plan, e, err));
    size_t rows = sw_least(job->prompt_count, SW_HEAD_ROWS);
    e->capacity = (sw_capacity){.tokens = job->prompt_count,
                                .labels = rows,
                                .head_rows = rows,
                                .segments = 1,
                                .longest = length,
                                .positions = length,
                                .keys = length,
                                .cache = true};
    e->compute.parallel = *parallel;
    e->compute.native = sw_tensor_has_instructions(e->compute.rule);
    SW_TRY(sw_engine_map(e, parallel->lanes, &s->mapping_bytes, &s->mapping, err));
    sw_engine_load_frozen(e);
    return SW_OK;
}

/* The next `count` tokens behind those already kept. */
static void feed(sw_engine *e, const uint32_t *ids, size_t count) {
    sw_batch *b = &e->batch;
    memcpy(b->ids, ids, count * sizeof *ids);
    for (size_t i = 0; i < count; i++) b->position[i] = (uint32_t)(e->past + i);
    b->tokens = count;
    b->segment_count = 1;
    b->segments[0] = (sw_segment){.query_count = count, .key_count = e->past + count};
    sw_engine_forward(e);
    e->past += count;
}

/* The token with the greatest logit, the first of equals. All of them must be numbers. */
static sw_status greatest(const float *logits, size_t count, uint32_t *out, sw_error *err) {
    size_t best = 0;
    for (size_t i = 0; i < count; i++) {
        if (!__builtin_isfinite(logits[i]))
            return sw_fail(err, SW_REFUSED, "diverged", "the model's logits are no numbers");
        best = logits[i] > logits[best] ? i : best;
    }
    *out = (uint32_t)best;
    return SW_OK;
}

static bool is_end(const sw_token_ends *ends, uint32_t id) {
    for (uint32_t i = 0; ends && i < ends->count; i++)
        if (ends->ids[i] == id) return true;
    return false;
}

static sw_status continue_greedily(sw_engine *e, const sw_generate_job *job, size_t most,
                                   sw_tokens *out, sw_error *err) {
    feed(e, job->prompt, job->prompt_count);
    size_t last = job->prompt_count - 1;
    for (size_t i = 0; i < most; i++, last = 0) {
        sw_engine_logits(e, last, 1, e->scratch.logits);
        uint32_t id;
        SW_TRY(greatest(e->scratch.logits, e->config->vocab_size, &id, err));
        if (is_end(job->ends, id)) break;
        SW_TRY(sw_tokens_append(out, &id, 1, err));
        if (i + 1 < most) feed(e, &id, 1);
    }
    return SW_OK;
}

sw_status sw_generate(const sw_generate_job *job, const sw_parallel *parallel, sw_tokens *out,
                      sw_error *err) {
    session s = {0};
    if (job->max_new_tokens > UINT32_MAX)
        return sw_fail(err, SW_LIMIT, "limit", "max_new_tokens is too large");
    SW_TRY(check(job, err));
    /* The last token is never fed, so it needs no position. */
    size_t room = job->model->config.max_position_embeddings - job->prompt_count + 1;
    size_t most = sw_least(job->max_new_tokens, room);
    unsigned mode = sw_flush_begin();
    size_t before = out->count;
    sw_status status = open_session(&s, job, parallel, job->prompt_count + most, err);
    if (status == SW_OK) status = continue_greedily(&s.engine, job, most, out, err);
    if (status != SW_OK) out->count = before;
    sw_flush_restore(mode);
    session_free(&s);
    return status;
}

sw_status sw_logits(const sw_generate_job *job, const sw_parallel *parallel, float *out,
                    sw_error *err) {
    session s = {0};
    SW_TRY(check(job, err));
    unsigned mode = sw_flush_begin();
    sw_status status = open_session(&s, job, parallel, job->prompt_count, err);
    if (status == SW_OK) {
        sw_engine *e = &s.engine;
        feed(e, job->prompt, job->prompt_count);
        for (size_t at = 0; at < job->prompt_count; at += SW_HEAD_ROWS) {
            sw_engine_logits(e, at, sw_least(job->prompt_count - at, SW_HEAD_ROWS),
                             out + at * e->config->vocab_size);
        }
    }
    sw_flush_restore(mode);
    session_free(&s);
    return status;
}
