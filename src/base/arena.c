/* SPDX-License-Identifier: Apache-2.0
 *
 * Arena: a list of blocks that grow from 4 KiB to 1 MiB; a large request gets a block of its own.
 * Invariants: every address handed out is 16-byte aligned and zero; used_bytes never passes the
 * limit; the front block is the one with room. Freeing wipes what was used.
 */
#include "base/arena.h"

#include "base/secret.h"
#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 16, FIRST_BLOCK_BYTES = 4096, LAST_BLOCK_BYTES = 1 << 20 };

struct sw_arena_block {
    sw_arena_block *next;
    size_t capacity, used;
    _Alignas(ALIGNMENT) uint8_t data[];
};

void sw_arena_free(sw_arena *a) {
    if (a == NULL) return;
    for (sw_arena_block *block = a->blocks, *next; block != NULL; block = next) {
        next = block->next;
        sw_wipe(block->data, block->used);
        free(block);
    }
    *a = (sw_arena){.limit_bytes = a->limit_bytes};
}

static size_t next_capacity(const sw_arena *a, size_t need) {
    size_t capacity = a->blocks == NULL ? FIRST_BLOCK_BYTES : a->blocks->capacity * 2;
    if (capacity > LAST_BLOCK_BYTES) capacity = LAST_BLOCK_BYTES;
    return need > capacity ? need : capacity;
}

/* Puts a new block in front, or behind the front one when the request would waste its room. */
static sw_arena_block *add_block(sw_arena *a, size_t need) {
    size_t capacity = next_capacity(a, need), total;
    if (!sw_add_size(sizeof(sw_arena_block), capacity, &total)) return NULL;
    sw_arena_block *block = calloc(1, total);
    if (block == NULL) return NULL;
    block->capacity = capacity;
    bool keep_front = a->blocks != NULL && need > LAST_BLOCK_BYTES / 4;
    sw_arena_block **place = keep_front ? &a->blocks->next : &a->blocks;
    block->next = *place;
    *place = block;
    return block;
}

void *sw_arena_alloc(sw_arena *a, size_t count, size_t element_bytes) {
    size_t size, padded, total;
    if (!sw_mul_size(count, element_bytes, &size)) return NULL;
    if (size == 0) size = 1;
    if (!sw_add_size(size, ALIGNMENT - 1, &padded)) return NULL;
    padded &= ~(size_t)(ALIGNMENT - 1);
    size_t limit = a->limit_bytes == 0 ? SW_ARENA_DEFAULT_LIMIT : a->limit_bytes;
    if (!sw_add_size(a->used_bytes, padded, &total) || total > limit) return NULL;
    sw_arena_block *block = a->blocks;
    if (block == NULL || block->capacity - block->used < padded) block = add_block(a, padded);
    if (block == NULL) return NULL;
    void *out = block->data + block->used;
    block->used += padded;
    a->used_bytes = total;
    return out;
}

char *sw_arena_text(sw_arena *a, sw_bytes text) {
    size_t size;
    if (text.size > 0 && memchr(text.data, 0, text.size) != NULL) return NULL;
    if (!sw_add_size(text.size, 1, &size)) return NULL;
    char *out = sw_arena_alloc(a, size, 1);
    if (out != NULL && text.size > 0) memcpy(out, text.data, text.size);
    return out;
}

sw_bytes sw_arena_copy(sw_arena *a, sw_bytes bytes) {
    if (bytes.size == 0) return (sw_bytes){NULL, 0};
    uint8_t *out = sw_arena_alloc(a, bytes.size, 1);
    if (out == NULL) return (sw_bytes){NULL, 0};
    memcpy(out, bytes.data, bytes.size);
    return (sw_bytes){out, bytes.size};
}
