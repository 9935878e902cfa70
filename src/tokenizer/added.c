/* SPDX-License-Identifier: Apache-2.0
 *
 * Added tokens: found in the text before anything splits it, leftmost first, longest first.
 *
 * The rules are those of HF tokenizers' AddedVocabulary: the search goes on behind the match itself
 * even when the match is thrown away (single_word) or eats the white space behind it (rstrip), and
 * lstrip never eats what an earlier token has eaten.
 */
#include "tokenizer/tokenizer_internal.h"

sw_status sw_trie_make(sw_arena *arena, size_t node_limit, sw_trie *out, sw_error *err) {
    sw_trie trie = {.count = 1, .limit = node_limit + 1};
    trie.ends = SW_ARENA_NEW(arena, uint32_t, trie.limit);
    if (trie.ends == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for added tokens");
    for (size_t i = 0; i < trie.limit; i++) trie.ends[i] = SW_TOKEN_NONE;
    SW_TRY(sw_pair_map_make(arena, node_limit, &trie.edges, err));
    *out = trie;
    return SW_OK;
}

sw_status sw_trie_add(sw_trie *trie, sw_bytes text, uint32_t added_index) {
    uint32_t node = 0;
    for (size_t i = 0; i < text.size; i++) {
        const sw_merge *edge = sw_pair_map_find(&trie->edges, node, text.data[i]);
        if (edge != NULL) {
            node = edge->id;
            continue;
        }
        if (trie->count == trie->limit) return SW_INTERNAL;
        uint32_t child = (uint32_t)trie->count++;
        uint64_t key = (uint64_t)node << 32 | text.data[i];
        SW_TRY(sw_pair_map_add(&trie->edges, key, (sw_merge){.id = child}));
        node = child;
    }
    if (trie->ends[node] != SW_TOKEN_NONE) return SW_EXISTS;
    trie->first[text.data[0]] = true;
    trie->ends[node] = added_index;
    return SW_OK;
}

/* The longest token that starts at `at`: its end, or `at` when there is none. */
static size_t longest_at(const sw_trie *trie, sw_bytes text, size_t at, uint32_t *added_index) {
    size_t stop = at;
    uint32_t node = 0;
    for (size_t i = at; i < text.size; i++) {
        const sw_merge *edge = sw_pair_map_find(&trie->edges, node, text.data[i]);
        if (edge == NULL) break;
        node = edge->id;
        if (trie->ends[node] == SW_TOKEN_NONE) continue;
        *added_index = trie->ends[node];
        stop = i + 1;
    }
    return stop;
}

/* Is the character before `start`, or the one at `stop`, part of a word? */
static bool touches_word(sw_bytes text, size_t start, size_t stop) {
    unsigned classes = start > 0 ? sw_character_class(sw_utf8_previous(text, &start)) : 0;
    if (stop < text.size) classes |= sw_character_class(sw_utf8_next(text, &stop));
    return (classes & SW_CLASS_WORD) != 0;
}

static bool white_space(uint32_t character) {
    return (sw_character_class(character) & SW_CLASS_SPACE) != 0;
}

static size_t skip_space_left(sw_bytes text, size_t at) {
    while (at > 0) {
        size_t before = at;
        if (!white_space(sw_utf8_previous(text, &before))) break;
        at = before;
    }
    return at;
}

static size_t skip_space_right(sw_bytes text, size_t at) {
    while (at < text.size) {
        size_t behind = at;
        if (!white_space(sw_utf8_next(text, &behind))) break;
        at = behind;
    }
    return at;
}

/* Empty when a token on the left has eaten beyond `stop`. */
static sw_bytes between(sw_bytes text, size_t start, size_t stop) {
    return start < stop ? SW_BYTES(text.data + start, stop - start) : (sw_bytes){NULL, 0};
}

bool sw_added_next(const sw_tokenizer *t, const sw_trie *trie, sw_added_cursor *c, sw_bytes *gap,
                   const sw_added **token) {
    while (c->scan < c->text.size) {
        uint32_t index = 0;
        size_t start = c->scan++;
        if (!trie->first[c->text.data[start]]) continue;
        size_t stop = longest_at(trie, c->text, start, &index);
        if (stop == start) continue;
        c->scan = stop;
        const sw_added *added = &t->added[index];
        if (added->single_word && touches_word(c->text, start, stop)) continue;
        if (added->lstrip) start = skip_space_left(c->text, start);
        if (added->rstrip) stop = skip_space_right(c->text, stop);
        *gap = between(c->text, c->done, start);
        *token = added;
        c->done = stop;
        return true;
    }
    if (c->done >= c->text.size) return false;
    *gap = between(c->text, c->done, c->text.size);
    *token = NULL;
    c->done = c->text.size;
    return true;
}
