/* SPDX-License-Identifier: Apache-2.0
 *
 * Encoding and decoding: the stages in order.
 *
 * Each stretch of text between added tokens is split by the first stage, each of its pieces by the
 * second, and so on: a piece sees no further than its own ends, which is what decides what
 * \s+(?!\S) takes. Recursion goes as deep as there are stages, at most SW_STAGE_LIMIT.
 */
#include "codec/text.h"
#include "tokenizer/tokenizer_internal.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

static sw_status encode_word(sw_tokenizer *t, sw_bytes word, sw_tokens *out, sw_error *err) {
    size_t first_id = out->count;
    SW_TRY(sw_bpe_append(t, word, out, err));
    sw_places_walk(t->places, t, word, out, first_id);
    return SW_OK;
}

static sw_status split(sw_tokenizer *t, size_t stage, sw_bytes piece, sw_tokens *out,
                       sw_error *err) {
    if (piece.size == 0) return SW_OK;
    if (stage == t->stage_count) return encode_word(t, piece, out, err);
    for (size_t start = 0, stop; start < piece.size; start = stop) {
        stop = sw_split_stop(t->stages[stage], piece, start);
        SW_TRY(split(t, stage + 1, SW_BYTES(piece.data + start, stop - start), out, err));
    }
    return SW_OK;
}

/* Text between the tokens that match raw text; `first`: the whole text begins with it. */
static sw_status encode_normal(sw_tokenizer *t, sw_bytes text, bool first, sw_tokens *out,
                               sw_error *err) {
    const sw_added *token = NULL;
    sw_bytes gap = {NULL, 0};
    if (t->compose) SW_TRY(sw_places_compose(t->places, text, err));
    if (t->compose) SW_TRY(sw_text_compose(&t->normal, text, &text, err));
    if (t->prefix == SW_PREFIX_NORMAL && text.size > 0) {
        sw_places_mark(t->places, t->places ? t->places->stop : 0, text, true);
        SW_TRY(sw_text_mark(&t->normal, text, true, &text, err));
    }
    sw_added_cursor cursor = {.text = text};
    for (size_t start = 0; sw_added_next(t, &t->normal_trie, &cursor, &gap, &token);
         start = cursor.done) {
        sw_places_gap(t->places, gap, start);
        if (!t->fallback)
            SW_TRY(split(t, 0, gap, out, err));
        else if (gap.size > 0)
            SW_TRY(sw_marked_append(t, gap, first && gap.data == text.data, out, err));
        if (token == NULL) continue;
        SW_TRY(sw_tokens_append(out, &token->id, 1, err));
        sw_places_added(t->places, t, text, start + gap.size, cursor.done, false, out);
    }
    return SW_OK;
}

static sw_status encode_raw(sw_tokenizer *t, sw_bytes text, sw_tokens *out, sw_error *err) {
    const sw_added *token = NULL;
    sw_bytes gap = {NULL, 0};
    sw_added_cursor cursor = {.text = text};
    for (size_t start = 0; sw_added_next(t, &t->raw_trie, &cursor, &gap, &token);
         start = cursor.done) {
        sw_places_enter(t->places, start, start + gap.size);
        SW_TRY(encode_normal(t, gap, gap.data == text.data, out, err));
        if (token == NULL) continue;
        SW_TRY(sw_tokens_append(out, &token->id, 1, err));
        sw_places_added(t->places, t, text, start + gap.size, cursor.done, true, out);
    }
    return SW_OK;
}

sw_status sw_tokenizer_encode(sw_tokenizer *t, sw_bytes text, bool add_special, sw_tokens *out,
                              sw_error *err) {
    if (text.size > SW_TOKENIZER_TEXT_LIMIT)
        return sw_fail(err, SW_LIMIT, "limit", "a text has %zu bytes, more than %zu", text.size,
                       SW_TOKENIZER_TEXT_LIMIT);
    if (!sw_utf8_valid(text))
        return sw_fail(err, SW_MALFORMED, "format", "a text is not valid UTF-8");
    size_t start = out->count;
    sw_status status = SW_OK;
    if (add_special) status = sw_tokens_append(out, t->before, t->before_count, err);
    if (status == SW_OK) status = encode_raw(t, text, out, err);
    if (status == SW_OK && add_special)
        status = sw_tokens_append(out, t->behind, t->behind_count, err);
    if (status != SW_OK) out->count = start;
    return status;
}

static bool ascii(sw_bytes text) {
    uint8_t all = 0;
    for (size_t i = 0; i < text.size; i++) all |= text.data[i];
    return all < 0x80;
}

/* Appends what utf8proc's NFC makes of a text. */
static sw_status compose_piece(sw_bytes text, sw_buffer *out, sw_error *err) {
    utf8proc_uint8_t *composed = NULL;
    utf8proc_ssize_t size = utf8proc_map(text.data, (utf8proc_ssize_t)text.size, &composed,
                                         UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    if (size < 0) return sw_fail(err, SW_MEMORY, "memory", "no memory to normalise a text");
    sw_put_bytes(out, SW_BYTES(composed, (size_t)size));
    sw_wipe(composed, (size_t)size);
    free(composed);
    return SW_OK;
}

/* Characters that begin anew and join nothing in HF's NFC, but not in utf8proc 2.8's, so the text
 * splits at them: U+11A7, which utf8proc takes for a final consonant of Hangul and drops behind a
 * syllable; and marks that came with Unicode 10 to 15, which HF does not know (MODEL-074). */
static const uint32_t apart[][2] = {
    {0x07fd, 0x07fd},   {0x0898, 0x089f},   {0x08ca, 0x08d3},   {0x09fe, 0x09fe},
    {0x0c3c, 0x0c3c},   {0x0d3b, 0x0d3c},   {0x0eba, 0x0eba},   {0x11a7, 0x11a7},
    {0x1715, 0x1715},   {0x1abf, 0x1ace},   {0x1df6, 0x1dfa},   {0xa82c, 0xa82c},
    {0x10d24, 0x10d27}, {0x10eab, 0x10eac}, {0x10efd, 0x10eff}, {0x10f46, 0x10f50},
    {0x10f82, 0x10f85}, {0x11070, 0x11070}, {0x1133b, 0x1133b}, {0x1145e, 0x1145e},
    {0x11839, 0x1183a}, {0x1193d, 0x1193e}, {0x11943, 0x11943}, {0x119e0, 0x119e0},
    {0x11a34, 0x11a34}, {0x11a47, 0x11a47}, {0x11a99, 0x11a99}, {0x11d42, 0x11d42},
    {0x11d44, 0x11d45}, {0x11d97, 0x11d97}, {0x11f41, 0x11f42}, {0x16ff0, 0x16ff1},
    {0x1e08f, 0x1e08f}, {0x1e130, 0x1e136}, {0x1e2ae, 0x1e2ae}, {0x1e2ec, 0x1e2ef},
    {0x1e4ec, 0x1e4ef}};

static bool is_apart(uint32_t c) {
    size_t low = 0, high = sizeof apart / sizeof *apart;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (c < apart[middle][0])
            high = middle;
        else if (c > apart[middle][1])
            low = middle + 1;
        else
            return true;
    }
    return false;
}

static sw_status compose(sw_bytes text, sw_buffer *out, sw_error *err) {
    size_t from = 0;
    for (size_t at = 0, next = 0; at < text.size; at = next) {
        if (!is_apart(sw_utf8_next(text, &next))) continue;
        if (at > from) SW_TRY(compose_piece(SW_BYTES(text.data + from, at - from), out, err));
        sw_put_bytes(out, SW_BYTES(text.data + at, next - at));
        from = next;
    }
    if (text.size > from)
        SW_TRY(compose_piece(SW_BYTES(text.data + from, text.size - from), out, err));
    return sw_buffer_check(out, "a normalised text", err);
}

sw_status sw_text_compose(sw_scratch *scratch, sw_bytes text, sw_bytes *out, sw_error *err) {
    if (ascii(text)) return SW_OK;
    SW_SCOPED(sw_buffer) whole = SW_BUFFER(SIZE_MAX);
    SW_TRY(compose(text, &whole, err));
    void *copy = sw_scratch_reserve(scratch, whole.size);
    if (copy == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory to normalise a text");
    memcpy(copy, whole.data, whole.size);
    *out = SW_BYTES(copy, whole.size);
    return SW_OK;
}

sw_status sw_tokenizer_decode(const sw_tokenizer *t, const uint32_t *ids, size_t count,
                              bool skip_special, sw_buffer *out, sw_error *err) {
    if (t->fallback) return sw_marked_decode(t, ids, count, skip_special, out, err);
    SW_SCOPED(sw_buffer) bytes = SW_BUFFER(SIZE_MAX);
    SW_SCOPED(sw_buffer) text = SW_BUFFER(SIZE_MAX);
    for (size_t i = 0; i < count; i++) {
        if (ids[i] >= t->id_count || (skip_special && t->specials[ids[i]])) continue;
        sw_put_bytes(&bytes, t->spellings[ids[i]]);
    }
    SW_TRY(sw_buffer_check(&bytes, "decoded text", err));
    sw_utf8_repair(&text, sw_buffer_bytes(&bytes));
    SW_TRY(sw_buffer_check(&text, "decoded text", err));
    sw_put_bytes(out, sw_buffer_bytes(&text));
    return sw_buffer_check(out, "decoded text", err);
}

size_t sw_tokenizer_vocab(const sw_tokenizer *t) {
    return t->id_count;
}

bool sw_tokenizer_id(const sw_tokenizer *t, sw_bytes content, uint32_t *id) {
    uint32_t found = sw_text_map_find(&t->by_content, content);
    if (found == SW_TOKEN_NONE) return false;
    *id = found;
    return true;
}
