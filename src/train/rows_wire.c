/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows between processes: u64le rows, u64le tokens, ends u64le[rows], ids u32le[tokens], target
 * u8[tokens] (docs/formats/training.md, ROW-020 to ROW-023). One set of rows has one encoding.
 */
#include "train/train.h"
#include <string.h>

#define HEAD_BYTES 16

static bool sizes_of(uint64_t rows, uint64_t tokens, size_t *bytes) {
    size_t ends, ids;
    return sw_mul_size(rows, sizeof(uint64_t), &ends) &&
           sw_mul_size(tokens, sizeof(uint32_t) + 1, &ids) && sw_add_size(ends, ids, bytes) &&
           sw_add_size(*bytes, HEAD_BYTES, bytes);
}

sw_status sw_rows_encode(sw_buffer *out, const sw_rows *r, sw_error *err) {
    sw_put_u64le(out, r->count);
    sw_put_u64le(out, r->token_count);
    for (size_t i = 0; i < r->count; i++) sw_put_u64le(out, r->ends[i]);
    for (size_t i = 0; i < r->token_count; i++) sw_put_u32le(out, r->ids[i]);
    sw_put_bytes(out, SW_BYTES(r->target, r->token_count));
    return sw_buffer_check(out, "rows", err);
}

typedef struct shard {
    sw_bytes ends, ids, target;
    size_t rows, tokens;
} shard;

static uint64_t end_at(const shard *s, size_t row) {
    uint64_t v;
    memcpy(&v, s->ends.data + row * sizeof v, sizeof v);
    return v;
}

/* Which tokens may be targets depends on the settings: sw_rows_check looks at that. */
static bool row_is_sound(const shard *s, uint64_t start, uint64_t end, uint32_t vocab) {
    for (uint64_t t = start; t < end; t++) {
        uint32_t id;
        memcpy(&id, s->ids.data + t * sizeof id, sizeof id);
        if (id >= vocab || s->target.data[t] > 1) return false;
    }
    return true;
}

static sw_status parse_shard(sw_bytes wire, uint32_t vocab, shard *out, sw_error *err) {
    sw_reader r = sw_reader_of(wire);
    uint64_t rows = sw_read_u64le(&r), tokens = sw_read_u64le(&r);
    size_t bytes;
    if (r.failed || !sizes_of(rows, tokens, &bytes) || bytes != wire.size) {
        return sw_fail(err, SW_MALFORMED, "format", "rows: the length does not fit the counts");
    }
    shard s = {.rows = rows, .tokens = tokens};
    s.ends = sw_read_bytes(&r, rows * sizeof(uint64_t));
    s.ids = sw_read_bytes(&r, tokens * sizeof(uint32_t));
    s.target = sw_read_bytes(&r, tokens);
    SW_TRY(sw_reader_finish(&r, "rows", err));
    uint64_t start = 0;
    for (size_t i = 0; i < s.rows; i++) {
        uint64_t end = end_at(&s, i);
        if (end <= start || end > tokens || !row_is_sound(&s, start, end, vocab)) {
            return sw_fail(err, SW_MALFORMED, "format", "rows: row %zu is not well formed", i + 1);
        }
        start = end;
    }
    if (start != tokens) {
        return sw_fail(err, SW_MALFORMED, "format", "rows: tokens behind the last row");
    }
    *out = s;
    return SW_OK;
}

static bool aligned(const void *p, size_t alignment) {
    return (uintptr_t)p % alignment == 0;
}

/* Views into the only shard. The rows are read only; sw_rows has no const of its own. */
static void view(const shard *s, sw_rows *out) {
    *out = (sw_rows){.ids = (uint32_t *)(uintptr_t)s->ids.data,
                     .target = (uint8_t *)(uintptr_t)s->target.data,
                     .ends = (uint64_t *)(uintptr_t)s->ends.data,
                     .count = s->rows,
                     .token_count = s->tokens};
}

static void copy_shard(const shard *s, sw_rows *out) {
    memcpy(out->ids + out->token_count, s->ids.data, s->ids.size);
    memcpy(out->target + out->token_count, s->target.data, s->target.size);
    for (size_t i = 0; i < s->rows; i++) {
        out->ends[out->count++] = out->token_count + end_at(s, i);
    }
    out->token_count += s->tokens;
}

sw_status sw_rows_parse(sw_arena *arena, const sw_bytes *shards, size_t shard_count, uint32_t vocab,
                        sw_rows *out, sw_error *err) {
    size_t rows = 0, tokens = 0;
    shard *parsed = SW_ARENA_NEW(arena, shard, shard_count ? shard_count : 1);
    if (!parsed) return sw_fail(err, SW_MEMORY, "memory", "no memory for the rows");
    for (size_t i = 0; i < shard_count; i++) {
        sw_status status = parse_shard(shards[i], vocab, &parsed[i], err);
        if (status != SW_OK) {
            sw_error_prefix(err, "shard %zu", i + 1);
            return status;
        }
        if (!sw_add_size(rows, parsed[i].rows, &rows) ||
            !sw_add_size(tokens, parsed[i].tokens, &tokens)) {
            return sw_fail(err, SW_LIMIT, "limit", "rows: too many");
        }
    }
    if (shard_count == 1 && aligned(parsed->ends.data, 8) && aligned(parsed->ids.data, 4)) {
        view(parsed, out);
        return SW_OK;
    }
    const size_t bytes[] = {(tokens + 1) * sizeof(uint32_t), tokens + 1,
                            (rows + 1) * sizeof(uint64_t)};
    for (int i = 0; i < 3; i++) sw_arena_allow(arena, bytes[i]);
    sw_rows all = {.ids = SW_ARENA_NEW(arena, uint32_t, tokens + 1),
                   .target = SW_ARENA_NEW(arena, uint8_t, tokens + 1),
                   .ends = SW_ARENA_NEW(arena, uint64_t, rows + 1)};
    if (!all.ids || !all.target || !all.ends) {
        return sw_fail(err, SW_MEMORY, "memory", "no memory for the rows");
    }
    for (size_t i = 0; i < shard_count; i++) copy_shard(&parsed[i], &all);
    *out = all;
    return SW_OK;
}
