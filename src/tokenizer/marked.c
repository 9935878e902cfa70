/* SPDX-License-Identifier: Apache-2.0
 *
 * Marked text, as SentencePiece has it: a space is U+2581, one may stand before the text, and what
 * has no token is spelled by byte tokens <0x00> to <0xFF> (MODEL-100 to MODEL-103).
 *
 * Without a pre-tokeniser the whole text is one word. It is cut before each run of U+2581 all the
 * same when no merge joins a token that does not end in U+2581 with one that begins with it: then
 * no merge reaches over such a cut, and the pieces give what the whole would give.
 */
#include "codec/text.h"
#include "tokenizer/tokenizer_internal.h"

#include <string.h>

#define MARK SW_LITERAL(SW_MARK)

static bool mark_at(sw_bytes text, size_t at) {
    return text.size - at >= MARK.size && memcmp(text.data + at, MARK.data, MARK.size) == 0;
}

bool sw_mark_starts(sw_bytes text) {
    return mark_at(text, 0);
}

bool sw_mark_ends(sw_bytes text) {
    return text.size >= MARK.size && mark_at(text, text.size - MARK.size);
}

sw_status sw_text_mark(sw_scratch *scratch, sw_bytes text, bool prefix, sw_bytes *out,
                       sw_error *err) {
    size_t spaces = prefix, at = 0;
    for (size_t i = 0; i < text.size; i++) spaces += text.data[i] == ' ';
    if (spaces == 0) {
        *out = text;
        return SW_OK;
    }
    uint8_t *marked = sw_scratch_reserve(scratch, text.size + MARK.size * spaces);
    if (marked == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory to mark a text");
    if (prefix) memcpy(marked, MARK.data, at = MARK.size);
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] != ' ') {
            marked[at++] = text.data[i];
            continue;
        }
        memcpy(marked + at, MARK.data, MARK.size);
        at += MARK.size;
    }
    *out = SW_BYTES(marked, at);
    return SW_OK;
}

/* Where the word that begins at `start` ends. */
static size_t word_stop(sw_cut cut, sw_bytes text, size_t start) {
    size_t at = start;
    if (cut == SW_CUT_NOWHERE) return text.size;
    if (mark_at(text, at)) at += MARK.size;
    while (cut == SW_CUT_RUNS && mark_at(text, at)) at += MARK.size;
    for (; at < text.size; at++) {
        const uint8_t *lead = memchr(text.data + at, MARK.data[0], text.size - at);
        if (lead == NULL) return text.size;
        at = (size_t)(lead - text.data);
        if (mark_at(text, at)) return at;
    }
    return text.size;
}

sw_status sw_marked_append(sw_tokenizer *t, sw_bytes text, bool first, sw_tokens *out,
                           sw_error *err) {
    if (t->prefix != SW_PREFIX_NORMAL) {
        bool wanted = t->prefix == SW_PREFIX_ALWAYS || (t->prefix == SW_PREFIX_FIRST && first);
        bool there = text.data[0] == ' ' || mark_at(text, 0);
        sw_places_mark(t->places, t->places ? t->places->near : 0, text, wanted && !there);
        SW_TRY(sw_text_mark(&t->normal, text, wanted && !there, &text, err));
        if (t->places) t->places->gap = text.data;
    }
    for (size_t start = 0, stop; start < text.size; start = stop) {
        stop = word_stop(t->cut, text, start);
        size_t first_id = out->count;
        sw_bytes word = SW_BYTES(text.data + start, stop - start);
        SW_TRY(sw_bpe_append(t, word, out, err));
        sw_places_walk(t->places, t, word, out, first_id);
    }
    return SW_OK;
}

/* ---- decoding ---- */

static int hexadecimal(uint8_t c) {
    if (c >= '0' && c <= '9') return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Rust reads the two digits as a number, so the first may be a plus sign. */
static bool byte_token(sw_bytes token, uint8_t *out) {
    if (token.size != 6 || memcmp(token.data, "<0x", 3) != 0 || token.data[5] != '>') return false;
    int high = token.data[3] == '+' ? 0 : hexadecimal(token.data[3]);
    int low = hexadecimal(token.data[4]);
    if (high < 0 || low < 0) return false;
    *out = (uint8_t)(high << 4 | low);
    return true;
}

/* A run of byte tokens is text when all of it is, else one U+FFFD a byte. */
static void put_run(sw_buffer *run, sw_buffer *out) {
    bool valid = sw_utf8_valid(sw_buffer_bytes(run));
    if (valid) sw_put_bytes(out, sw_buffer_bytes(run));
    for (size_t i = 0; !valid && i < run->size; i++) sw_put_text(out, "\xef\xbf\xbd");
    sw_buffer_reset(run);
}

static void put_unmarked(sw_buffer *out, sw_bytes token, const char *space) {
    for (size_t at = 0; at < token.size;) {
        if (mark_at(token, at)) {
            sw_put_text(out, space);
            at += MARK.size;
        } else {
            sw_put_u8(out, token.data[at++]);
        }
    }
}

sw_status sw_marked_decode(const sw_tokenizer *t, const uint32_t *ids, size_t count,
                           bool skip_special, sw_buffer *out, sw_error *err) {
    SW_SCOPED(sw_buffer) run = SW_BUFFER(SIZE_MAX);
    SW_SCOPED(sw_buffer) text = SW_BUFFER(SIZE_MAX);
    bool first = true;
    for (size_t i = 0; i < count; i++) {
        uint8_t byte;
        if (ids[i] >= t->id_count || (skip_special && t->specials[ids[i]])) continue;
        sw_bytes token = t->spellings[ids[i]];
        if (t->decoder == SW_DECODE_FALLBACK && byte_token(token, &byte)) {
            sw_put_u8(&run, byte);
            continue;
        }
        put_run(&run, &text);
        put_unmarked(&text, token, first && t->decoder == SW_DECODE_MARKED_PREFIX ? "" : " ");
        first = false;
    }
    put_run(&run, &text);
    SW_TRY(sw_buffer_check(&run, "decoded text", err));
    SW_TRY(sw_buffer_check(&text, "decoded text", err));
    sw_bytes whole = sw_buffer_bytes(&text);
    if (t->decoder == SW_DECODE_FALLBACK && whole.size > 0 && whole.data[0] == ' ')
        whole = SW_BYTES(whole.data + 1, whole.size - 1);
    sw_put_bytes(out, whole);
    return sw_buffer_check(out, "decoded text", err);
}
