/* SPDX-License-Identifier: Apache-2.0
 *
 * Maps: text to id, and pair of ids to merge. Linear probing in a table at most half full.
 *
 * Invariant: no entry lies more than SW_TOKENIZER_PROBE_LIMIT slots behind its home, so a file that
 * was written to make every key collide is refused instead of slow.
 */
#include "tokenizer/tokenizer_internal.h"

static uint64_t mix(uint64_t v) {
    v = (v ^ (v >> 32)) * 0xd6e8feb86659fd93u;
    v = (v ^ (v >> 32)) * 0xd6e8feb86659fd93u;
    return v ^ (v >> 32);
}

uint64_t sw_text_hash(sw_bytes text) {
    uint64_t h = 0xcbf29ce484222325u ^ text.size;
    for (size_t i = 0; i < text.size; i++) h = (h ^ text.data[i]) * 0x100000001b3u;
    return mix(h);
}

static size_t table_size(size_t count) {
    size_t size = 16;
    while (size < 2 * count) size *= 2;
    return size;
}

sw_status sw_text_map_make(sw_arena *arena, const sw_bytes *texts, size_t count, sw_text_map *out,
                           sw_error *err) {
    size_t size = table_size(count);
    uint32_t *slots = SW_ARENA_NEW(arena, uint32_t, size);
    if (slots == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a vocabulary");
    for (size_t i = 0; i < size; i++) slots[i] = SW_TOKEN_NONE;
    *out = (sw_text_map){slots, texts, size - 1};
    return SW_OK;
}

sw_status sw_text_map_add(sw_text_map *map, uint32_t id) {
    sw_bytes text = map->texts[id];
    size_t home = (size_t)sw_text_hash(text);
    for (size_t i = 0; i <= SW_TOKENIZER_PROBE_LIMIT && i <= map->mask; i++) {
        uint32_t *slot = &map->slots[(home + i) & map->mask];
        if (*slot == SW_TOKEN_NONE) {
            *slot = id;
            return SW_OK;
        }
        if (sw_bytes_equal(map->texts[*slot], text)) return SW_EXISTS;
    }
    return SW_LIMIT;
}

uint32_t sw_text_map_find(const sw_text_map *map, sw_bytes text) {
    if (map->slots == NULL) return SW_TOKEN_NONE;
    size_t home = (size_t)sw_text_hash(text);
    for (size_t i = 0; i <= SW_TOKENIZER_PROBE_LIMIT && i <= map->mask; i++) {
        uint32_t id = map->slots[(home + i) & map->mask];
        if (id == SW_TOKEN_NONE || sw_bytes_equal(map->texts[id], text)) return id;
    }
    return SW_TOKEN_NONE;
}

sw_status sw_pair_map_make(sw_arena *arena, size_t count, sw_pair_map *out, sw_error *err) {
    size_t size = table_size(count);
    sw_pair_slot *slots = SW_ARENA_NEW(arena, sw_pair_slot, size);
    if (slots == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for merges");
    for (size_t i = 0; i < size; i++) slots[i].key = UINT64_MAX;
    *out = (sw_pair_map){slots, size - 1};
    return SW_OK;
}

sw_status sw_pair_map_add(sw_pair_map *map, uint64_t key, sw_merge merge) {
    size_t home = (size_t)mix(key);
    for (size_t i = 0; i <= SW_TOKENIZER_PROBE_LIMIT && i <= map->mask; i++) {
        sw_pair_slot *slot = &map->slots[(home + i) & map->mask];
        if (slot->key == key) return SW_EXISTS;
        if (slot->key == UINT64_MAX) {
            *slot = (sw_pair_slot){key, merge};
            return SW_OK;
        }
    }
    return SW_LIMIT;
}

const sw_merge *sw_pair_map_find(const sw_pair_map *map, uint32_t left, uint32_t right) {
    uint64_t key = (uint64_t)left << 32 | right;
    size_t home = (size_t)mix(key);
    for (size_t i = 0; i <= SW_TOKENIZER_PROBE_LIMIT && i <= map->mask; i++) {
        const sw_pair_slot *slot = &map->slots[(home + i) & map->mask];
        if (slot->key == key) return &slot->merge;
        if (slot->key == UINT64_MAX) return NULL;
    }
    return NULL;
}
