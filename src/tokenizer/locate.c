/* SPDX-License-Identifier: Apache-2.0
 *
 * Which token holds a character: HF's offsets and char_to_token, for the characters that somebody
 * asks for (MODEL-104).
 *
 * The asked characters travel with the text: into the stretch between added tokens, through the
 * normaliser, into the gap that is split, and into a word, where they meet its tokens. A character
 * belongs to the token that holds its first byte. Where one is no beginning for the normaliser, no
 * answer is given.
 */
#include "tokenizer/tokenizer_internal.h"

#include <string.h>
#include <utf8proc.h>

#define NOWHERE SIZE_MAX

void sw_places_enter(sw_places *p, size_t start, size_t stop) {
    if (!p) return;
    p->stop = p->done;
    for (; p->stop < p->count && p->asked[p->stop].at < stop; p->stop++)
        p->asked[p->stop].token = p->asked[p->stop].at - start;
}

/* ---- through the normaliser ---- */

typedef struct composer {
    sw_scratch before, both, alone;
    sw_bytes text;
    size_t from, to; /* text[0..from) is composed into `to` bytes */
} composer;

/* Never joined to what stands before it, nor moved. */
static bool begins(sw_bytes text, size_t at) {
    size_t next = at;
    uint32_t c = sw_utf8_next(text, &next);
    bool jamo = (c >= 0x1161 && c <= 0x1175) || (c >= 0x11a8 && c <= 0x11c2);
    return !jamo && utf8proc_get_property((utf8proc_int32_t)c)->combining_class == 0;
}

/* Moves on to the character at `at`; false when what stands before it changes with it. */
static sw_status compose_to(composer *c, size_t at, bool *apart, sw_error *err) {
    size_t next = at;
    (void)sw_utf8_next(c->text, &next);
    sw_bytes before = SW_BYTES(c->text.data + c->from, at - c->from), both = before, alone;
    both.size = next - c->from;
    alone = SW_BYTES(c->text.data + at, next - at);
    SW_TRY(sw_text_compose(&c->before, before, &before, err));
    SW_TRY(sw_text_compose(&c->both, both, &both, err));
    SW_TRY(sw_text_compose(&c->alone, alone, &alone, err));
    *apart = both.size == before.size + alone.size && begins(c->text, at) &&
             (!before.size || memcmp(both.data, before.data, before.size) == 0) &&
             memcmp(both.data + before.size, alone.data, alone.size) == 0;
    c->from = at;
    c->to += before.size;
    return SW_OK;
}

sw_status sw_places_compose(sw_places *p, sw_bytes text, sw_error *err) {
    if (!p) return SW_OK;
    composer c = {.text = text};
    sw_status status = SW_OK;
    for (size_t i = p->done; i < p->stop && status == SW_OK && !p->lost; i++) {
        bool apart = true;
        if (p->asked[i].token > c.from) status = compose_to(&c, p->asked[i].token, &apart, err);
        p->asked[i].token = c.to;
        p->lost |= !apart;
    }
    sw_scratch_free(&c.before);
    sw_scratch_free(&c.both);
    sw_scratch_free(&c.alone);
    return status;
}

/* A mark that is put before the text belongs to its first character. */
void sw_places_mark(sw_places *p, size_t stop, sw_bytes text, bool prefix) {
    size_t longer = strlen(SW_MARK) - 1, spaces = 0, at = 0;
    for (size_t i = p ? p->done : stop; i < stop; i++) {
        size_t place = p->asked[i].token;
        for (; at < place; at++) spaces += text.data[at] == ' ';
        if (place > 0) p->asked[i].token = place + longer * spaces + (prefix ? strlen(SW_MARK) : 0);
    }
}

void sw_places_gap(sw_places *p, sw_bytes gap, size_t start) {
    if (!p) return;
    size_t stop = start + gap.size;
    p->gap = gap.data;
    p->near = p->done;
    for (; p->near < p->stop && p->asked[p->near].token < stop; p->near++)
        p->asked[p->near].token -= start;
}

/* ---- to the tokens ---- */

/* How many bytes of a word the token at `at` stands for. Of marked text a byte token is one byte,
 * however it is spelled; the unknown token is one byte, or all unknown ones side by side. */
static size_t token_bytes(const sw_tokenizer *t, uint32_t id, sw_bytes word, size_t at) {
    for (size_t b = 0; t->fallback && b < 256; b++)
        if (t->byte_ids[b] == id) return 1;
    size_t run = at;
    if (!t->fallback && id == t->unknown_id)
        while (run < word.size && t->byte_ids[word.data[run]] == SW_TOKEN_NONE) run++;
    if (run == at) return t->spellings[id].size;
    return t->fuse_unknown ? run - at : 1;
}

/* White space at both ends of a token's text, which ByteLevel takes out of the offsets; `spelled`:
 * each character stands for a byte. */
static void blanks(sw_bytes text, bool spelled, size_t *left, size_t *right) {
    bool all = true;
    *left = *right = 0;
    for (size_t at = 0, start = 0; at < text.size; start = at) {
        uint32_t c = sw_utf8_next(text, &at);
        size_t size = spelled ? 1 : at - start;
        bool blank = c == sw_byte_character(' ') || (sw_character_class(c) & SW_CLASS_SPACE);
        all = all && blank;
        if (all) *left += size;
        *right = blank ? *right + size : 0;
    }
}

/* Whether the offsets of the token whose text is this hold the byte at `at` of its `size`; `first`:
 * the first of all. */
static bool holds(const sw_tokenizer *t, sw_bytes text, bool spelled, bool first, size_t at,
                  size_t size) {
    size_t left, right;
    if (!t->trims_offsets) return true;
    blanks(text, spelled, &left, &right);
    size_t one = 0;
    if (first && t->spares_first && left > 0) {
        (void)sw_utf8_next(text, &one);
        left -= spelled ? 1 : one;
    }
    return at >= left && right < size && at < size - right;
}

/* In HF the offsets of a word's tokens follow each other from its beginning, so bytes without a
 * token move those behind them, and the last characters of such a word have none. */
void sw_places_walk(sw_places *p, const sw_tokenizer *t, sw_bytes word, const sw_tokens *ids,
                    size_t first_id) {
    if (!p || p->done == p->near) return;
    size_t start = (size_t)(word.data - p->gap), end = start + word.size, at = 0;
    for (size_t i = first_id; i < ids->count; i++) {
        size_t size = token_bytes(t, ids->ids[i], word, at);
        for (; p->done < p->near && p->asked[p->done].token < start + at + size; p->done++) {
            sw_place *place = &p->asked[p->done];
            bool held = holds(t, t->contents[ids->ids[i]], !t->fallback, i == p->first,
                              place->token - start - at, size);
            place->token = held ? i - p->first : NOWHERE;
        }
        at += size;
    }
    p->lost |= at > word.size;
    for (; p->done < p->near && p->asked[p->done].token < end; p->done++)
        p->asked[p->done].token = NOWHERE;
}

/* Where asked[i] lies: in the whole text, or in the stretch in hand. */
static size_t place_of(const sw_places *p, size_t i, bool whole) {
    return whole ? p->asked[i].at : p->asked[i].token;
}

void sw_places_added(sw_places *p, const sw_tokenizer *t, sw_bytes text, size_t start, size_t stop,
                     bool whole, const sw_tokens *ids) {
    if (!p) return;
    size_t index = ids->count - 1 - p->first, end = whole ? p->count : p->stop;
    sw_bytes taken = SW_BYTES(text.data + start, stop - start);
    for (; p->done < end && place_of(p, p->done, whole) < stop; p->done++) {
        size_t at = place_of(p, p->done, whole) - start;
        bool held = holds(t, taken, false, index == 0, at, taken.size);
        p->asked[p->done].token = held ? index : NOWHERE;
    }
}

sw_status sw_tokenizer_locate(sw_tokenizer *t, sw_bytes text, sw_place *places, size_t count,
                              sw_tokens *out, sw_error *err) {
    sw_places p = {.asked = places, .count = count, .first = out->count};
    for (size_t i = 0; i < count; i++) SW_CHECK(err, i == 0 || places[i].at >= places[i - 1].at);
    for (; p.count > 0 && places[p.count - 1].at >= text.size; p.count--)
        places[p.count - 1].token = NOWHERE;
    t->places = &p;
    sw_status status = sw_tokenizer_encode(t, text, false, out, err);
    t->places = NULL;
    if (status != SW_OK || (!p.lost && p.done == p.count)) return status;
    out->count = p.first;
    status = sw_fail(err, SW_REFUSED, "unsupported",
                     "the tokeniser joins a character whose token is asked for with another one");
    sw_error_hint(err, "text in Unicode's composed form (NFC) holds none");
    return status;
}
