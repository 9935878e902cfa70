/* SPDX-License-Identifier: Apache-2.0
 *
 * The trained state as bytes (docs/formats/training.md, CKP-001 to CKP-010).
 *
 * One image: a prefix that names everything the state depends on, padded to 64; the values of all
 * parameters in name order, then both moments, f32le or in 8 bits; a checksum. The engine works in
 * the image itself, so a checkpoint is a view, and a resumed run is a copy. An image is accepted
 * only if its prefix is byte for byte the one that this job would write, but for the step.
 */
#include "recipe/training.h"
#include "train/engine.h"
#include <string.h>

#define MAGIC            "SWSTATE"
#define VERSION          3u
#define STEP_OFFSET      16
#define PREFIX_LIMIT     ((size_t)1 << 22)
#define PREFIX_ALIGNMENT 64

static uint64_t mix(uint64_t h, uint64_t word) {
    h = (h ^ word) * 0x9e3779b97f4a7c15u;
    return h ^ (h >> 29);
}

/* Not a defence against anybody: it catches torn and rotten bytes. Sealing authenticates. */
static uint64_t checksum(sw_bytes b) {
    uint64_t h = b.size, word;
    size_t at = 0;
    for (; at + sizeof word <= b.size; at += sizeof word) {
        memcpy(&word, b.data + at, sizeof word);
        h = mix(h, word);
    }
    word = 0;
    for (size_t i = 0; at + i < b.size; i++) word |= (uint64_t)b.data[at + i] << (8 * i);
    return mix(h, word);
}

static void put_double(sw_buffer *out, double v) {
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    sw_put_u64le(out, bits);
}

static void put_model(sw_buffer *out, const sw_model *m) {
    const sw_model_config *c = &m->config;
    const uint32_t sizes[] = {c->hidden_size,         c->intermediate_size,   c->num_hidden_layers,
                              c->num_attention_heads, c->num_key_value_heads, c->head_dim,
                              c->vocab_size,          c->tie_word_embeddings, (uint32_t)m->dtype};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) sw_put_u32le(out, sizes[i]);
    put_double(out, c->rms_norm_eps);
    put_double(out, c->rope.theta);
    sw_put_u32le(out, c->sliding_window);
    sw_put_u32le(out, c->rope.kind);
    put_double(out, c->rope.factor);
    put_double(out, c->rope.low_freq_factor);
    put_double(out, c->rope.high_freq_factor);
    sw_put_u32le(out, c->rope.original_max_position_embeddings);
    sw_put_u32le(out, c->pad_token_id);
}

static void put_rows(sw_buffer *out, const sw_rows *r) {
    sw_put_u64le(out, r->count);
    sw_put_u64le(out, r->token_count);
    sw_put_u64le(out, checksum(SW_BYTES(r->ids, r->token_count * sizeof *r->ids)));
    sw_put_u64le(out, checksum(SW_BYTES(r->target, r->token_count)));
    sw_put_u64le(out, checksum(SW_BYTES(r->ends, r->count * sizeof *r->ends)));
}

sw_status sw_state_prefix(sw_engine *e, const sw_train_job *job, sw_error *err) {
    sw_training settings = *job->settings;
    settings.save_steps = 0; /* when a state is written does not change it */
    e->prefix = SW_BUFFER(PREFIX_LIMIT);
    sw_buffer *out = &e->prefix;
    sw_put_bytes(out, SW_BYTES(MAGIC, sizeof MAGIC));
    sw_put_u32le(out, VERSION);
    sw_put_u32le(out, 0); /* length of this prefix, filled in below */
    sw_put_u64le(out, 0); /* step */
    SW_TRY(sw_training_encode(&settings, out, err));
    put_model(out, job->model);
    put_rows(out, job->rows);
    sw_put_u64le(out, e->parameter_count);
    for (size_t i = 0; i < e->parameter_count; i++) {
        const sw_parameter *p = e->by_name[i];
        sw_put_field(out, sw_text(p->name));
        sw_put_u64le(out, p->rows);
        sw_put_u64le(out, p->columns);
    }
    while (out->size % PREFIX_ALIGNMENT && !out->failed) sw_put_u8(out, 0);
    SW_TRY(sw_buffer_check(out, "checkpoint", err));
    uint32_t size = (uint32_t)out->size;
    memcpy(out->data + sizeof MAGIC + 4, &size, sizeof size);
    return SW_OK;
}

sw_state_sizes sw_state_sizes_of(const sw_engine *e) {
    return (sw_state_sizes){
        .values = e->parameter_floats, .coded = e->coded_elements, .blocks = e->coded_blocks};
}

static size_t finite_bytes(const sw_state_sizes *s) { /* values and moments in f32 */
    return (s->values + 2 * (s->values - s->coded)) * sizeof(float);
}

static size_t absmax_bytes(const sw_state_sizes *s) {
    return 2 * s->blocks * sizeof(float);
}

size_t sw_state_numbers_bytes(const sw_state_sizes *s) {
    return finite_bytes(s) + absmax_bytes(s) + 2 * s->coded;
}

sw_bytes sw_state_values(const sw_engine *e) {
    return SW_BYTES(e->image + e->prefix.size, e->parameter_floats * sizeof(float));
}

sw_bytes sw_state_image(sw_engine *e, uint64_t step) {
    memcpy(e->image, e->prefix.data, e->prefix.size);
    memcpy(e->image + STEP_OFFSET, &step, sizeof step);
    size_t body = e->image_bytes - sizeof(uint64_t);
    uint64_t sum = checksum(SW_BYTES(e->image, body));
    memcpy(e->image + body, &sum, sizeof sum);
    return SW_BYTES(e->image, e->image_bytes);
}

uint64_t sw_train_state_step(sw_bytes state) {
    uint64_t step = 0;
    if (state.size >= STEP_OFFSET + sizeof step)
        memcpy(&step, state.data + STEP_OFFSET, sizeof step);
    return step;
}

/* But for the step, as far as the image goes. */
static bool prefix_matches(sw_bytes prefix, sw_bytes image) {
    size_t behind = STEP_OFFSET + sizeof(uint64_t);
    size_t held = image.size < prefix.size ? image.size : prefix.size;
    if (held <= behind)
        return memcmp(prefix.data, image.data, held < STEP_OFFSET ? held : STEP_OFFSET) == 0;
    return memcmp(prefix.data, image.data, STEP_OFFSET) == 0 &&
           memcmp(prefix.data + behind, image.data + behind, held - behind) == 0;
}

/* No infinity and no NaN; where no sign belongs, none. */
static bool all_finite(sw_bytes numbers, bool is_signed) {
    uint32_t mask = is_signed ? 0x7fffffffu : 0xffffffffu;
    for (size_t at = 0; at < numbers.size; at += 4) {
        uint32_t bits;
        memcpy(&bits, numbers.data + at, sizeof bits);
        if ((bits & mask) >= 0x7f800000u) return false;
    }
    return true;
}

/* Any byte is a code; an absmax is finite and not negative. */
static bool sound_numbers(const sw_state_sizes *s, sw_bytes numbers) {
    size_t finite = finite_bytes(s);
    return all_finite(SW_BYTES(numbers.data, finite), true) &&
           all_finite(SW_BYTES(numbers.data + finite, absmax_bytes(s)), false);
}

bool sw_state_is_finite(const sw_engine *e) {
    sw_state_sizes sizes = sw_state_sizes_of(e);
    return sound_numbers(&sizes,
                         SW_BYTES(e->image + e->prefix.size, sw_state_numbers_bytes(&sizes)));
}

static sw_status check_version(sw_bytes prefix, sw_bytes image, sw_error *err) {
    size_t magic = sizeof MAGIC, version = magic + sizeof(uint32_t);
    if (memcmp(image.data, prefix.data, image.size < magic ? image.size : magic) != 0)
        return sw_fail(err, SW_MALFORMED, "format", "this is no checkpoint");
    if (image.size < version || memcmp(image.data, prefix.data, version) == 0) return SW_OK;
    return sw_fail(err, SW_MALFORMED, "format",
                   "the checkpoint is of another version than this program's");
}

/* Of its own bytes alone: what was written is there. */
static bool is_whole(sw_bytes image) {
    uint64_t sum;
    if (image.size < sizeof sum) return false;
    sw_bytes body = SW_BYTES(image.data, image.size - sizeof sum);
    memcpy(&sum, image.data + body.size, sizeof sum);
    return sum == checksum(body);
}

/* Whether it was cut or changed can be told only where the rest of it is this job's. */
static sw_status damaged(bool ours, size_t size, size_t wanted, sw_error *err) {
    if (ours && size != wanted)
        return sw_fail(err, SW_MALFORMED, "format",
                       "the checkpoint is damaged: it has %zu bytes instead of %zu", size, wanted);
    return sw_fail(err, SW_MALFORMED, "format",
                   "the checkpoint is damaged: its bytes are not those that were written");
}

sw_status sw_state_parse(sw_bytes prefix, const sw_state_sizes *sizes, sw_bytes image,
                         uint64_t *step, sw_bytes *numbers, sw_error *err) {
    size_t body = prefix.size + sw_state_numbers_bytes(sizes), wanted = body + sizeof(uint64_t);
    SW_TRY(check_version(prefix, image, err));
    bool ours = prefix_matches(prefix, image);
    if (!is_whole(image)) return damaged(ours, image.size, wanted, err);
    if (!ours)
        return sw_fail(err, SW_REFUSED, "checkpoint",
                       "the checkpoint belongs to other settings, rows or another model");
    if (image.size != wanted) return damaged(true, image.size, wanted, err);
    sw_bytes held = SW_BYTES(image.data + prefix.size, body - prefix.size);
    if (!sound_numbers(sizes, held))
        return sw_fail(err, SW_MALFORMED, "format",
                       "the checkpoint is damaged: a value in it is no number");
    memcpy(step, image.data + STEP_OFFSET, sizeof *step);
    *numbers = held;
    return SW_OK;
}
