/* SPDX-License-Identifier: Apache-2.0
 *
 * BPE over the bytes or characters of one word: merge the pair of lowest rank, leftmost first,
 * until none is left.
 *
 * Short words by looking at all their pairs. Others by a heap of (rank, place) over a linked list
 * of symbols: O(n log n) for words of any length.
 * Entries go stale when a neighbour merges; one is used only if the pair at its place still has its
 * rank (ranks are unique). Words that come often are answered from a direct-mapped cache, which is
 * wiped with the tokeniser.
 */
#include "tokenizer/tokenizer_internal.h"

#include <stdlib.h>
#include <string.h>

enum { FEW = 40 }; /* symbols up to which a look at all pairs is quicker than the heap */

typedef struct symbol {
    uint32_t id, previous, next; /* SW_TOKEN_NONE: no neighbour; id SW_TOKEN_NONE: merged away */
} symbol;

typedef struct heap {
    uint64_t *entries; /* rank << 32 | place, smallest first */
    size_t count;
} heap;

void *sw_scratch_reserve(sw_scratch *s, size_t size) {
    if (size <= s->size) return s->memory;
    size_t grown = s->size < 4096 ? 4096 : s->size;
    while (grown < size) grown *= 2;
    sw_scratch_free(s);
    s->memory = malloc(grown);
    s->size = s->memory == NULL ? 0 : grown;
    return s->memory;
}

void sw_scratch_free(sw_scratch *s) {
    if (s->memory != NULL) sw_wipe(s->memory, s->size);
    free(s->memory);
    *s = (sw_scratch){NULL, 0};
}

void sw_tokens_free(sw_tokens *t) {
    if (t->ids != NULL) sw_wipe(t->ids, t->capacity * sizeof *t->ids);
    free(t->ids);
    *t = (sw_tokens){NULL, 0, 0};
}

sw_status sw_tokens_append(sw_tokens *t, const uint32_t *ids, size_t count, sw_error *err) {
    size_t need, bytes;
    if (count == 0) return SW_OK;
    if (!sw_add_size(t->count, count, &need) || !sw_mul_size(need, 2 * sizeof *ids, &bytes))
        return sw_fail(err, SW_LIMIT, "limit", "too many tokens");
    if (need > t->capacity) {
        size_t capacity = need < 64 ? 64 : need > 2 * t->capacity ? need : 2 * t->capacity;
        uint32_t *grown = malloc(capacity * sizeof *grown);
        if (grown == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for tokens");
        if (t->count > 0) memcpy(grown, t->ids, t->count * sizeof *grown);
        size_t kept = t->count;
        sw_tokens_free(t);
        *t = (sw_tokens){grown, kept, capacity};
    }
    memcpy(t->ids + t->count, ids, count * sizeof *ids);
    t->count = need;
    return SW_OK;
}

static void push(heap *h, uint64_t entry) {
    size_t at = h->count++;
    for (; at > 0 && h->entries[(at - 1) / 2] > entry; at = (at - 1) / 2)
        h->entries[at] = h->entries[(at - 1) / 2];
    h->entries[at] = entry;
}

static uint64_t pop(heap *h) {
    uint64_t top = h->entries[0], last = h->entries[--h->count];
    size_t at = 0;
    for (size_t child = 1; child < h->count; child = 2 * at + 1) {
        if (child + 1 < h->count && h->entries[child + 1] < h->entries[child]) child++;
        if (h->entries[child] >= last) break;
        h->entries[at] = h->entries[child];
        at = child;
    }
    h->entries[at] = last;
    return top;
}

static const sw_merge *merge_at(const sw_tokenizer *t, const symbol *s, uint32_t at) {
    if (s[at].next == SW_TOKEN_NONE) return NULL;
    return sw_pair_map_find(&t->merges, s[at].id, s[s[at].next].id);
}

static void offer(const sw_tokenizer *t, heap *h, const symbol *s, uint32_t at) {
    const sw_merge *merge = merge_at(t, s, at);
    if (merge != NULL) push(h, (uint64_t)merge->rank << 32 | at);
}

/* The symbols of a word are written one behind the other: at most one a byte, and one for a mark,
 * which a text may be full of. */
static size_t symbol_room(const sw_tokenizer *t, sw_bytes word) {
    size_t room = word.size;
    for (size_t at = 0; t->fallback && at + 3 <= word.size; at++)
        if (sw_mark_starts(SW_BYTES(word.data + at, 3))) room -= 2;
    return room;
}

/* Bytes without a token become the unknown one, or vanish. */
static uint32_t fill_bytes(const sw_tokenizer *t, sw_bytes word, symbol *s) {
    uint32_t count = 0;
    bool unknown_before = false;
    for (size_t i = 0; i < word.size; i++) {
        uint32_t id = t->byte_ids[word.data[i]];
        bool unknown = id == SW_TOKEN_NONE;
        if (unknown && (t->unknown_id == SW_TOKEN_NONE || (t->fuse_unknown && unknown_before)))
            continue;
        unknown_before = unknown;
        s[count++].id = unknown ? t->unknown_id : id;
    }
    return count;
}

/* Characters without a token become the tokens of their bytes. */
static uint32_t fill_characters(const sw_tokenizer *t, sw_bytes word, symbol *s) {
    uint32_t count = 0;
    for (size_t start = 0, at = 0; at < word.size; start = at) {
        (void)sw_utf8_next(word, &at);
        uint32_t id = sw_text_map_find(&t->by_content, SW_BYTES(word.data + start, at - start));
        if (id < t->model_count)
            s[count++].id = id;
        else
            for (size_t i = start; i < at; i++) s[count++].id = t->byte_ids[word.data[i]];
    }
    return count;
}

static uint32_t fill(const sw_tokenizer *t, sw_bytes word, symbol *s) {
    return t->fallback ? fill_characters(t, word, s) : fill_bytes(t, word, s);
}

/* Merges few symbols where they stand; returns how many are left. */
static uint32_t merge_few(const sw_tokenizer *t, symbol *s, uint32_t count) {
    const sw_merge *merges[FEW];
    for (uint32_t i = 0; i + 1 < count; i++)
        merges[i] = sw_pair_map_find(&t->merges, s[i].id, s[i + 1].id);
    while (count > 1) {
        uint32_t best = 0;
        for (uint32_t i = 1; i + 1 < count; i++)
            if (merges[i] != NULL && (merges[best] == NULL || merges[i]->rank < merges[best]->rank))
                best = i;
        if (merges[best] == NULL) break;
        s[best].id = merges[best]->id;
        count--;
        for (uint32_t i = best + 1; i < count; i++) {
            s[i] = s[i + 1];
            merges[i - 1] = merges[i];
        }
        if (best > 0) merges[best - 1] = sw_pair_map_find(&t->merges, s[best - 1].id, s[best].id);
        if (best + 1 < count)
            merges[best] = sw_pair_map_find(&t->merges, s[best].id, s[best + 1].id);
    }
    return count;
}

static void merge_all(const sw_tokenizer *t, symbol *s, uint32_t count, heap *h) {
    for (uint32_t i = 0; i < count; i++) { /* the first one's previous wraps to NONE */
        s[i].previous = i - 1;
        s[i].next = i + 1 < count ? i + 1 : SW_TOKEN_NONE;
    }
    for (uint32_t i = 0; i + 1 < count; i++) offer(t, h, s, i);
    while (h->count > 0) {
        uint64_t entry = pop(h);
        uint32_t at = (uint32_t)entry, right;
        if (s[at].id == SW_TOKEN_NONE) continue;
        const sw_merge *merge = merge_at(t, s, at);
        if (merge == NULL || merge->rank != entry >> 32) continue;
        right = s[at].next;
        s[at].id = merge->id;
        s[at].next = s[right].next;
        s[right].id = SW_TOKEN_NONE;
        if (s[at].next != SW_TOKEN_NONE) s[s[at].next].previous = at;
        if (s[at].previous != SW_TOKEN_NONE) offer(t, h, s, s[at].previous);
        offer(t, h, s, at);
    }
}

static sw_status merge_short(sw_tokenizer *t, sw_bytes word, sw_tokens *out, sw_error *err) {
    symbol s[FEW];
    uint32_t ids[FEW], count = merge_few(t, s, fill(t, word, s));
    for (uint32_t i = 0; i < count; i++) ids[i] = s[i].id;
    return sw_tokens_append(out, ids, count, err);
}

/* Every merge removes a symbol and offers at most two pairs: 3 entries a symbol suffice. */
static sw_status merge_word(sw_tokenizer *t, sw_bytes word, sw_tokens *out, sw_error *err) {
    if (word.size <= FEW) return merge_short(t, word, out, err);
    size_t room = symbol_room(t, word);
    symbol *s = sw_scratch_reserve(&t->symbols, room * sizeof *s);
    heap h = {sw_scratch_reserve(&t->heap, room * 3 * sizeof(uint64_t)), 0};
    if (s == NULL || h.entries == NULL)
        return sw_fail(err, SW_MEMORY, "memory", "no memory to tokenise %zu bytes", word.size);
    uint32_t count = fill(t, word, s);
    merge_all(t, s, count, &h);
    for (uint32_t at = 0; count > 0 && at != SW_TOKEN_NONE; at = s[at].next)
        SW_TRY(sw_tokens_append(out, &s[at].id, 1, err));
    return SW_OK;
}

sw_status sw_bpe_append(sw_tokenizer *t, sw_bytes word, sw_tokens *out, sw_error *err) {
    uint32_t whole = t->ignore_merges ? sw_text_map_find(&t->by_spelling, word) : SW_TOKEN_NONE;
    if (whole != SW_TOKEN_NONE) return sw_tokens_append(out, &whole, 1, err);
    if (word.size == 0) return SW_OK;
    if (word.size > SW_CACHE_TEXT) return merge_word(t, word, out, err);
    sw_cached_word *slot = &t->cache[sw_text_hash(word) % SW_CACHE_COUNT];
    if (slot->size == word.size && memcmp(slot->text, word.data, word.size) == 0)
        return sw_tokens_append(out, slot->ids, slot->count, err);
    size_t start = out->count;
    SW_TRY(merge_word(t, word, out, err));
    size_t count = out->count - start;
    if (count == 0 || count > SW_CACHE_IDS) return SW_OK;
    *slot = (sw_cached_word){.size = (uint8_t)word.size, .count = (uint8_t)count};
    memcpy(slot->text, word.data, word.size);
    memcpy(slot->ids, out->ids + start, count * sizeof *slot->ids);
    return SW_OK;
}
