/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening a tokenizer.json: the file's JSON tree becomes tables of our own, and the tree goes.
 *
 * Sentences MODEL-070 to MODEL-079 of docs/formats/model.md. Invariants of what is opened: ids are
 * dense from 0; no two tokens have one content; every merge joins two tokens into a third; what HF
 * would assign to an added token is what the file says.
 */
#include "tokenizer/tokenizer_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_NAME "tokenizer.json"

static sw_status refused(sw_error *err, const char *what) {
    return sw_fail(err, SW_REFUSED, "unsupported", "tokenizer.json: %s is not supported", what);
}

static sw_status no_memory(sw_error *err) {
    return sw_fail(err, SW_MEMORY, "memory", "no memory for a tokeniser");
}

/* ---- the model's settings ---- */

static bool absent(const sw_json *object, const char *name) {
    const sw_json *m = sw_json_member(object, name);
    return m == NULL || m->type == SW_JSON_NULL;
}

static bool absent_or_empty(const sw_json *object, const char *name) {
    const sw_json *m = sw_json_member(object, name);
    return absent(object, name) || (m->type == SW_JSON_STRING && m->text.size == 0);
}

static sw_status read_flag(const sw_json *object, const char *name, bool *out, sw_error *err) {
    *out = false;
    return absent(object, name) ? SW_OK : sw_json_flag(object, "model", name, out, err);
}

static sw_status read_settings(sw_tokenizer *t, const sw_json *model, sw_error *err) {
    static const char *const names[] = {"?type",
                                        "?dropout",
                                        "?unk_token",
                                        "?continuing_subword_prefix",
                                        "?end_of_word_suffix",
                                        "?fuse_unk",
                                        "?byte_fallback",
                                        "?ignore_merges",
                                        "vocab",
                                        "merges",
                                        NULL};
    const sw_json *type = sw_json_member(model, "type");
    if (type != NULL && (type->type != SW_JSON_STRING || !sw_bytes_is(type->text, "BPE")))
        return refused(err, "a model other than BPE");
    SW_TRY(sw_json_expect(model, "model", names, err));
    if (!absent(model, "dropout")) return refused(err, "model.dropout");
    if (!absent_or_empty(model, "continuing_subword_prefix"))
        return refused(err, "model.continuing_subword_prefix");
    if (!absent_or_empty(model, "end_of_word_suffix"))
        return refused(err, "model.end_of_word_suffix");
    SW_TRY(read_flag(model, "byte_fallback", &t->fallback, err));
    SW_TRY(read_flag(model, "fuse_unk", &t->fuse_unknown, err));
    SW_TRY(read_flag(model, "ignore_merges", &t->ignore_merges, err));
    if (t->fallback && t->ignore_merges)
        return refused(err, "model.ignore_merges with byte_fallback");
    return SW_OK;
}

/* ---- vocabulary ---- */

static sw_status place_token(sw_tokenizer *t, const sw_json *entry, size_t count, sw_error *err) {
    bool whole = entry->type == SW_JSON_NUMBER && entry->integral && entry->integer >= 0;
    if (!whole || (uint64_t)entry->integer >= count)
        return sw_fail(err, SW_MALFORMED, "format",
                       "tokenizer.json: ids of the vocabulary are not 0 to %zu", count - 1);
    if (entry->key.size > SW_TOKENIZER_TOKEN_LIMIT)
        return sw_fail(err, SW_LIMIT, "limit", "tokenizer.json: token %lld is longer than %zu",
                       (long long)entry->integer, SW_TOKENIZER_TOKEN_LIMIT);
    sw_bytes *place = &t->contents[entry->integer];
    if (place->data != NULL)
        return sw_fail(err, SW_MALFORMED, "format", "tokenizer.json: two tokens have the id %lld",
                       (long long)entry->integer);
    char *copy = sw_arena_alloc(&t->arena, entry->key.size + 1, 1);
    if (copy == NULL) return no_memory(err);
    memcpy(copy, entry->key.data, entry->key.size);
    *place = SW_BYTES(copy, entry->key.size);
    return SW_OK;
}

static sw_status index_token(sw_tokenizer *t, uint32_t id, sw_error *err) {
    sw_status status = sw_text_map_add(&t->by_content, id);
    if (status == SW_EXISTS)
        return sw_fail(err, SW_MALFORMED, "format", "tokenizer.json: token %u stands there twice",
                       id);
    if (status != SW_OK) return sw_fail(err, SW_LIMIT, "limit", "tokenizer.json: tokens collide");
    return SW_OK;
}

/* What decoding gives for a token's text. */
static sw_status spell_text(sw_tokenizer *t, sw_bytes text, sw_bytes *out, sw_error *err) {
    size_t size = 0;
    uint8_t *bytes = sw_arena_alloc(&t->arena, text.size + 1, 1);
    if (bytes == NULL) return no_memory(err);
    if (t->fallback || !sw_token_spelling(text, bytes, &size)) {
        memcpy(bytes, text.data, text.size);
        size = text.size;
    }
    *out = SW_BYTES(bytes, size);
    return SW_OK;
}

/* Spells a token and enters it into the tables that are keyed by its spelling, unless one of its
 * characters stands for no byte: then no text can become it by merging. */
static sw_status spell_token(sw_tokenizer *t, uint32_t id, sw_error *err) {
    uint8_t bytes[SW_TOKENIZER_TOKEN_LIMIT];
    size_t size = 0;
    SW_TRY(spell_text(t, t->contents[id], &t->spellings[id], err));
    if (t->fallback || id >= t->model_count || !sw_token_spelling(t->contents[id], bytes, &size) ||
        size == 0)
        return SW_OK;
    if (size == 1) t->byte_ids[bytes[0]] = id;
    if (t->ignore_merges && sw_text_map_add(&t->by_spelling, id) != SW_OK)
        return sw_fail(err, SW_LIMIT, "limit", "tokenizer.json: tokens collide");
    return SW_OK;
}

static sw_status read_vocabulary(sw_tokenizer *t, const sw_json *vocab, size_t added_count,
                                 sw_error *err) {
    if (vocab->count == 0 || vocab->count > SW_TOKENIZER_VOCAB_LIMIT)
        return sw_fail(err, SW_LIMIT, "limit", "tokenizer.json: a vocabulary of %zu tokens",
                       vocab->count);
    size_t limit = vocab->count + added_count;
    t->model_count = t->id_count = vocab->count;
    t->contents = SW_ARENA_NEW(&t->arena, sw_bytes, limit);
    t->spellings = SW_ARENA_NEW(&t->arena, sw_bytes, limit);
    t->specials = SW_ARENA_NEW(&t->arena, bool, limit);
    if (t->contents == NULL || t->spellings == NULL || t->specials == NULL) return no_memory(err);
    for (size_t i = 0; i < 256; i++) t->byte_ids[i] = SW_TOKEN_NONE;
    for (const sw_json *e = vocab->first; e != NULL; e = e->next)
        SW_TRY(place_token(t, e, vocab->count, err));
    SW_TRY(sw_text_map_make(&t->arena, t->contents, limit, &t->by_content, err));
    if (t->ignore_merges)
        SW_TRY(sw_text_map_make(&t->arena, t->spellings, t->model_count, &t->by_spelling, err));
    for (uint32_t id = 0; id < t->model_count; id++) {
        SW_TRY(index_token(t, id, err));
        SW_TRY(spell_token(t, id, err));
    }
    return SW_OK;
}

/* With a token for every byte no character is unknown, so unk_token and fuse_unk never matter. */
static sw_status find_byte_tokens(sw_tokenizer *t, sw_error *err) {
    if (sw_text_map_find(&t->by_content, SW_LITERAL(SW_MARK)) == SW_TOKEN_NONE)
        return refused(err, "model.byte_fallback without a token U+2581");
    for (unsigned byte = 0; byte < 256; byte++) {
        char name[8];
        (void)snprintf(name, sizeof name, "<0x%02X>", byte);
        t->byte_ids[byte] = sw_text_map_find(&t->by_content, sw_text(name));
        if (t->byte_ids[byte] == SW_TOKEN_NONE)
            return refused(err, "model.byte_fallback without a token for every byte");
    }
    return SW_OK;
}

static sw_status read_unknown(sw_tokenizer *t, const sw_json *model, sw_error *err) {
    sw_bytes text;
    t->unknown_id = SW_TOKEN_NONE;
    if (absent(model, "unk_token")) return SW_OK;
    SW_TRY(sw_json_text(model, "model", "unk_token", &text, err));
    if (!sw_tokenizer_id(t, text, &t->unknown_id))
        return sw_fail(err, SW_MALFORMED, "format",
                       "tokenizer.json: model.unk_token is not in the vocabulary");
    return SW_OK;
}

/* ---- merges ---- */

/* "left right", or ["left", "right"]. */
static bool split_merge(const sw_json *m, sw_bytes *left, sw_bytes *right) {
    if (m->type == SW_JSON_ARRAY && m->count == 2 && m->first->type == SW_JSON_STRING &&
        m->last->type == SW_JSON_STRING) {
        *left = m->first->text;
        *right = m->last->text;
        return true;
    }
    if (m->type != SW_JSON_STRING || m->text.size == 0) return false;
    const uint8_t *space = memchr(m->text.data, ' ', m->text.size);
    if (space == NULL) return false;
    size_t size = (size_t)(space - m->text.data);
    *left = SW_BYTES(m->text.data, size);
    *right = SW_BYTES(space + 1, m->text.size - size - 1);
    return right->size == 0 || memchr(right->data, ' ', right->size) == NULL;
}

static sw_status add_merge(sw_tokenizer *t, const sw_json *m, uint32_t rank, sw_error *err) {
    sw_bytes left, right;
    uint8_t joined[2 * SW_TOKENIZER_TOKEN_LIMIT];
    if (!split_merge(m, &left, &right))
        return sw_fail(err, SW_MALFORMED, "format", "tokenizer.json: merge %u is not a pair", rank);
    uint32_t a = sw_text_map_find(&t->by_content, left);
    uint32_t b = sw_text_map_find(&t->by_content, right), whole = SW_TOKEN_NONE;
    if (a != SW_TOKEN_NONE && b != SW_TOKEN_NONE && left.size > 0 && right.size > 0) {
        memcpy(joined, left.data, left.size);
        memcpy(joined + left.size, right.data, right.size);
        whole = sw_text_map_find(&t->by_content, SW_BYTES(joined, left.size + right.size));
    }
    if (whole == SW_TOKEN_NONE)
        return sw_fail(err, SW_MALFORMED, "format",
                       "tokenizer.json: merge %u is not of tokens of the vocabulary", rank);
    sw_status status = sw_pair_map_add(&t->merges, (uint64_t)a << 32 | b, (sw_merge){rank, whole});
    if (status == SW_EXISTS)
        return sw_fail(err, SW_MALFORMED, "format", "tokenizer.json: merge %u stands there twice",
                       rank);
    if (status != SW_OK) return sw_fail(err, SW_LIMIT, "limit", "tokenizer.json: merges collide");
    if (!sw_mark_ends(left) && sw_mark_starts(right)) t->cut = SW_CUT_NOWHERE;
    return SW_OK;
}

static sw_status read_model(sw_tokenizer *t, const sw_json *root, size_t added_count,
                            sw_error *err) {
    const sw_json *model, *vocab, *merges;
    uint32_t rank = 0;
    SW_TRY(sw_json_object(root, "", "model", &model, err));
    SW_TRY(read_settings(t, model, err));
    SW_TRY(sw_json_object(model, "model", "vocab", &vocab, err));
    SW_TRY(sw_json_array(model, "model", "merges", SW_TOKENIZER_MERGE_LIMIT, &merges, err));
    SW_TRY(read_vocabulary(t, vocab, added_count, err));
    SW_TRY(read_unknown(t, model, err));
    if (t->fallback) SW_TRY(find_byte_tokens(t, err));
    SW_TRY(sw_pair_map_make(&t->arena, merges->count, &t->merges, err));
    t->cut = SW_CUT_RUNS; /* until a merge reaches over one */
    for (const sw_json *m = merges->first; m != NULL; m = m->next)
        SW_TRY(add_merge(t, m, rank++, err));
    return SW_OK;
}

/* ---- added tokens ---- */

static sw_status read_added_token(sw_tokenizer *t, const sw_json *entry, sw_added *out,
                                  sw_bytes *content, sw_error *err) {
    static const char *const names[] = {"id",     "content",    "single_word", "lstrip",
                                        "rstrip", "normalized", "special",     NULL};
    uint64_t id;
    SW_TRY(sw_json_expect(entry, "added_tokens", names, err));
    SW_TRY(sw_json_u64(entry, "added_tokens", "id", UINT32_MAX - 1, &id, err));
    SW_TRY(sw_json_text(entry, "added_tokens", "content", content, err));
    SW_TRY(sw_json_flag(entry, "added_tokens", "single_word", &out->single_word, err));
    SW_TRY(sw_json_flag(entry, "added_tokens", "lstrip", &out->lstrip, err));
    SW_TRY(sw_json_flag(entry, "added_tokens", "rstrip", &out->rstrip, err));
    SW_TRY(sw_json_flag(entry, "added_tokens", "normalized", &out->normalized, err));
    SW_TRY(sw_json_flag(entry, "added_tokens", "special", &out->special, err));
    if (content->size == 0 || content->size > SW_TOKENIZER_TOKEN_LIMIT)
        return sw_fail(err, SW_MALFORMED, "format",
                       "tokenizer.json: added token %llu has %zu bytes", (unsigned long long)id,
                       content->size);
    uint32_t expected = sw_text_map_find(&t->by_content, *content);
    if (expected == SW_TOKEN_NONE) expected = (uint32_t)t->id_count;
    if (id != expected)
        return sw_fail(err, SW_MALFORMED, "format",
                       "tokenizer.json: added token %llu would get the id %u",
                       (unsigned long long)id, expected);
    out->id = expected;
    return SW_OK;
}

static sw_status add_token(sw_tokenizer *t, const sw_json *entry, sw_error *err) {
    sw_added added = {0};
    sw_bytes content;
    SW_TRY(read_added_token(t, entry, &added, &content, err));
    for (size_t i = 0; i < t->added_count; i++)
        if (t->added[i].id == added.id)
            return sw_fail(err, SW_MALFORMED, "format",
                           "tokenizer.json: added token %u stands there twice", added.id);
    if (added.id == t->id_count) {
        sw_bytes copy = sw_arena_copy(&t->arena, content);
        if (copy.data == NULL) return no_memory(err);
        t->contents[t->id_count++] = copy;
        SW_TRY(index_token(t, added.id, err));
        SW_TRY(spell_token(t, added.id, err));
    }
    t->specials[added.id] = added.special;
    t->added[t->added_count++] = added;
    return SW_OK;
}

/* A normalised token is looked for, and decoded, as its normal form, as HF does. */
static sw_status add_to_trie(sw_tokenizer *t, uint32_t index, sw_error *err) {
    const sw_added *added = &t->added[index];
    sw_bytes text = t->contents[added->id];
    if (added->normalized && (t->compose || t->prefix == SW_PREFIX_NORMAL)) {
        if (t->compose)
            SW_TRY(sw_text_compose(&t->normal, text, &text, err));
        else
            SW_TRY(sw_text_mark(&t->normal, text, true, &text, err));
        SW_TRY(spell_text(t, text, &t->spellings[added->id], err));
    }
    if (sw_trie_add(added->normalized ? &t->normal_trie : &t->raw_trie, text, index) != SW_OK)
        return sw_fail(err, SW_LIMIT, "limit", "tokenizer.json: added tokens collide");
    return SW_OK;
}

static sw_status make_tries(sw_tokenizer *t, sw_error *err) {
    size_t nodes = 0;
    for (size_t i = 0; i < t->added_count; i++)
        nodes += 3 * t->contents[t->added[i].id].size + sizeof SW_MARK; /* NFC at most triples */
    SW_TRY(sw_trie_make(&t->arena, nodes, &t->raw_trie, err));
    SW_TRY(sw_trie_make(&t->arena, nodes, &t->normal_trie, err));
    for (uint32_t i = 0; i < t->added_count; i++) SW_TRY(add_to_trie(t, i, err));
    return SW_OK;
}

static sw_status read_all(sw_tokenizer *t, const sw_json *root, sw_error *err) {
    static const char *const names[] = {
        "?version",      "?truncation",    "?padding", "added_tokens", "normalizer",
        "pre_tokenizer", "post_processor", "decoder",  "model",        NULL};
    const sw_json *added;
    SW_TRY(sw_json_expect(root, "", names, err));
    if (!absent(root, "truncation")) return refused(err, "truncation");
    if (!absent(root, "padding")) return refused(err, "padding");
    SW_TRY(sw_json_array(root, "", "added_tokens", SW_TOKENIZER_ADDED_LIMIT, &added, err));
    SW_TRY(read_model(t, root, added->count, err));
    t->added = SW_ARENA_NEW(&t->arena, sw_added, added->count);
    t->cache = SW_ARENA_NEW(&t->arena, sw_cached_word, SW_CACHE_COUNT);
    if (t->added == NULL || t->cache == NULL) return no_memory(err);
    for (const sw_json *e = added->first; e != NULL; e = e->next) SW_TRY(add_token(t, e, err));
    SW_TRY(sw_tokenizer_read_stages(t, root, err));
    return make_tries(t, err);
}

sw_status sw_tokenizer_open(sw_bytes tokenizer_json, sw_tokenizer **out, sw_error *err) {
    const sw_json_limits limits = {SW_TOKENIZER_FILE_LIMIT, 16, SW_TOKENIZER_NODE_LIMIT};
    SW_SCOPED(sw_arena) tree = {0};
    sw_json *root;
    sw_status status = sw_json_parse(&tree, tokenizer_json, &limits, &root, err);
    if (status != SW_OK) sw_error_prefix(err, FILE_NAME);
    SW_TRY(status);
    sw_tokenizer *t = calloc(1, sizeof *t);
    if (t == NULL) return no_memory(err);
    status = read_all(t, root, err);
    if (status != SW_OK) {
        if (err && strncmp(err->message, FILE_NAME, sizeof FILE_NAME - 1) != 0)
            sw_error_prefix(err, FILE_NAME);
        sw_tokenizer_close(&t);
        return status;
    }
    t->tree_bytes = tree.used_bytes;
    *out = t;
    return SW_OK;
}

sw_tokenizer_sizes sw_tokenizer_measure(const sw_tokenizer *t) {
    size_t held = sizeof *t + t->arena.used_bytes;
    return (sw_tokenizer_sizes){.held_bytes =
                                    held + t->symbols.size + t->heap.size + t->normal.size,
                                .tree_bytes = t->tree_bytes};
}

void sw_tokenizer_close(sw_tokenizer **held) {
    sw_tokenizer *t = *held;
    if (t == NULL) return;
    sw_scratch_free(&t->symbols);
    sw_scratch_free(&t->heap);
    sw_scratch_free(&t->normal);
    sw_arena_free(&t->arena);
    free(t);
    *held = NULL;
}
