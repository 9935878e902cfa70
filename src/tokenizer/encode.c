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

sw_status sw_text_compose(sw_scratch *scratch, sw_bytes text, sw_bytes *out, sw_error *err) {
    utf8proc_uint8_t *composed = NULL;
    if (ascii(text)) return SW_OK;
    utf8proc_ssize_t size = utf8proc_map(text.data, (utf8proc_ssize_t)text.size, &composed,
                                         UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    if (size < 0) return sw_fail(err, SW_MEMORY, "memory", "no memory to normalise a text");
    void *copy = sw_scratch_reserve(scratch, (size_t)size);
    if (copy != NULL) memcpy(copy, composed, (size_t)size);
    sw_wipe(composed, (size_t)size);
    free(composed);
    if (copy == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory to normalise a text");
    *out = SW_BYTES(copy, (size_t)size);
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
