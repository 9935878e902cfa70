/* SPDX-License-Identifier: Apache-2.0
 *
 * Merges from a vocabulary with scores (MODEL-105), as SentencePiece keeps one.
 *
 * SentencePiece joins whichever neighbours give the token of the highest score. BPE by ranks does
 * the same when every way to put a token together is a merge, ranked by that token's score.
 */
#include "codec/text.h"
#include "tokenizer/tokenizer_internal.h"
#include <stdlib.h>
#include <string.h>

/* Bytes looked up, over all tokens: a split costs its token's length. A real vocabulary of 32,000
 * tokens takes 2 MB. */
#define WORK_LIMIT ((size_t)1 << 30)

typedef struct split {
    double score;
    uint32_t token, left, right;
} split;
typedef struct splits {
    split *items;
    size_t count, room;
    sw_arena *arena;
} splits;

/* The best score first; of equal ones the token that comes first; within a token the parts' order.
 */
static int by_rank(const void *a, const void *b) {
    const split *x = a, *y = b;
    if (x->score != y->score) return x->score > y->score ? -1 : 1;
    if (x->token != y->token) return x->token < y->token ? -1 : 1;
    if (x->left != y->left) return x->left < y->left ? -1 : 1;
    return (x->right > y->right) - (x->right < y->right);
}

static sw_status add_split(splits *s, split item, sw_error *err) {
    if (s->count == SW_TOKENIZER_MERGE_LIMIT)
        return sw_fail(err, SW_LIMIT, "limit", "a vocabulary that gives more than %zu merges",
                       SW_TOKENIZER_MERGE_LIMIT);
    if (s->count == s->room) {
        size_t room = s->room == 0 ? 4096 : 2 * s->room;
        split *items = SW_ARENA_NEW(s->arena, split, room);
        if (items == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for merges");
        if (s->count > 0) memcpy(items, s->items, s->count * sizeof *items);
        s->items = items;
        s->room = room;
    }
    s->items[s->count++] = item;
    return SW_OK;
}

static sw_status split_token(const sw_tokenizer_parts *p, const sw_text_map *ids, uint32_t token,
                             double score, splits *out, sw_error *err) {
    sw_bytes text = p->tokens[token];
    for (size_t at = 0; at < text.size;) {
        (void)sw_utf8_next(text, &at);
        if (at == text.size) break;
        uint32_t left = sw_text_map_find(ids, (sw_bytes){text.data, at});
        if (left == SW_TOKEN_NONE || p->kinds[left] != SW_TOKEN_NORMAL) continue;
        uint32_t right = sw_text_map_find(ids, (sw_bytes){text.data + at, text.size - at});
        if (right == SW_TOKEN_NONE || p->kinds[right] != SW_TOKEN_NORMAL) continue;
        if (memchr(text.data, ' ', text.size) != NULL) /* two merges could be spelled alike */
            return sw_fail(err, SW_REFUSED, "unsupported",
                           "token %u holds a blank and is put together of others", token);
        SW_TRY(add_split(out, (split){score, token, left, right}, err));
    }
    return SW_OK;
}

static sw_status index_tokens(sw_arena *arena, const sw_tokenizer_parts *p, sw_text_map *out,
                              sw_error *err) {
    size_t work = 0;
    SW_TRY(sw_text_map_make(arena, p->tokens, p->count, out, err));
    for (uint32_t i = 0; i < p->count; i++) {
        size_t size = p->tokens[i].size;
        if (!sw_utf8_valid(p->tokens[i]))
            return sw_fail(err, SW_MALFORMED, "format", "token %u is not valid UTF-8", i);
        if (size > SW_TOKENIZER_TOKEN_LIMIT || (work += size * size) > WORK_LIMIT)
            return sw_fail(err, SW_LIMIT, "limit", "token %u: tokens too long to be split", i);
        sw_status status = sw_text_map_add(out, i);
        if (status == SW_EXISTS)
            return sw_fail(err, SW_MALFORMED, "format", "token %u stands there twice", i);
        if (status != SW_OK)
            return sw_fail(err, status, "limit", "a vocabulary written to collide");
    }
    return SW_OK;
}

static sw_status spell_merges(sw_arena *arena, const sw_tokenizer_parts *p, const splits *s,
                              const sw_bytes **out, sw_error *err) {
    sw_bytes *merges = SW_ARENA_NEW(arena, sw_bytes, s->count + 1);
    if (merges == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for merges");
    for (size_t i = 0; i < s->count; i++) {
        sw_bytes left = p->tokens[s->items[i].left], right = p->tokens[s->items[i].right];
        uint8_t *text = sw_arena_alloc(arena, left.size + 1 + right.size, 1);
        if (text == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for merges");
        memcpy(text, left.data, left.size);
        text[left.size] = ' ';
        memcpy(text + left.size + 1, right.data, right.size);
        merges[i] = (sw_bytes){text, left.size + 1 + right.size};
    }
    *out = merges;
    return SW_OK;
}

sw_status sw_tokenizer_rank_merges(sw_arena *arena, sw_tokenizer_parts *parts, const double *scores,
                                   sw_error *err) {
    splits s = {.arena = arena};
    sw_text_map ids;
    if (parts->count > SW_TOKENIZER_VOCAB_LIMIT)
        return sw_fail(err, SW_LIMIT, "limit", "a vocabulary of %zu tokens", parts->count);
    SW_TRY(index_tokens(arena, parts, &ids, err));
    for (uint32_t i = 0; i < parts->count; i++) {
        if (parts->kinds[i] != SW_TOKEN_NORMAL) continue;
        if (!(scores[i] - scores[i] == 0))
            return sw_fail(err, SW_MALFORMED, "format", "the score of token %u is no number", i);
        SW_TRY(split_token(parts, &ids, i, scores[i], &s, err));
    }
    if (s.count > 0) qsort(s.items, s.count, sizeof *s.items, by_rank);
    SW_TRY(spell_merges(arena, parts, &s, &parts->merges, err));
    parts->merge_count = s.count;
    return SW_OK;
}
