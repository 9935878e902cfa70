/* SPDX-License-Identifier: Apache-2.0
 *
 * Arena: a list of blocks that grow from 4 KiB to 1 MiB; a large request gets a block of its own.
 * Invariants: every address handed out is 16-byte aligned and zero; used_bytes never passes the
 * limit; the front block is the one with room; spare blocks are zero. Freeing and rewinding wipe
 * what was used.
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

static void wipe_behind(sw_arena_block *block, size_t used) {
    sw_wipe(block->data + used, block->used - used);
    block->used = used;
}

/* Takes *place out of its list, wiped, to the spare ones. */
static void spare_block(sw_arena *a, sw_arena_block **place) {
    sw_arena_block *block = *place;
    *place = block->next;
    wipe_behind(block, 0);
    block->next = a->spare;
    a->spare = block;
}

sw_arena_place sw_arena_mark(const sw_arena *a) {
    if (a->blocks == NULL) return (sw_arena_place){0};
    return (sw_arena_place){a->blocks, a->blocks->next, a->blocks->used, a->used_bytes};
}

void sw_arena_rewind(sw_arena *a, sw_arena_place to) {
    while (a->blocks != NULL && a->blocks != to.front) spare_block(a, &a->blocks);
    if (a->blocks != NULL) {
        while (a->blocks->next != to.behind) spare_block(a, &a->blocks->next);
        wipe_behind(a->blocks, to.front_used);
    }
    a->used_bytes = to.used_bytes;
}

/* The bytes of all spare blocks, and where the largest hangs. */
static size_t measure_spare(sw_arena *a, sw_arena_block ***largest) {
    size_t total = 0;
    *largest = &a->spare;
    for (sw_arena_block **place = &a->spare; *place != NULL; place = &(*place)->next) {
        total += (*place)->capacity;
        if ((*place)->capacity > (**largest)->capacity) *largest = place;
    }
    return total;
}

void sw_arena_trim(sw_arena *a, size_t bytes) {
    sw_arena_block **largest;
    while (measure_spare(a, &largest) > bytes) {
        sw_arena_block *block = *largest;
        *largest = block->next;
        free(block);
    }
}

void sw_arena_free(sw_arena *a) {
    if (a == NULL) return;
    sw_arena_rewind(a, (sw_arena_place){0});
    for (sw_arena_block *block = a->spare, *next; block != NULL; block = next) {
        next = block->next;
        free(block);
    }
    a->spare = NULL;
}

static size_t next_capacity(const sw_arena *a, size_t need) {
    size_t capacity = a->blocks == NULL ? FIRST_BLOCK_BYTES : a->blocks->capacity * 2;
    if (capacity > LAST_BLOCK_BYTES) capacity = LAST_BLOCK_BYTES;
    return need > capacity ? need : capacity;
}

/* The smallest spare block that holds it. */
static sw_arena_block *take_spare(sw_arena *a, size_t need) {
    sw_arena_block **best = NULL;
    for (sw_arena_block **place = &a->spare; *place != NULL; place = &(*place)->next)
        if ((*place)->capacity >= need && (best == NULL || (*place)->capacity < (*best)->capacity))
            best = place;
    if (best == NULL) return NULL;
    sw_arena_block *block = *best;
    *best = block->next;
    return block;
}

static sw_arena_block *new_block(const sw_arena *a, size_t need) {
    size_t capacity = next_capacity(a, need), total;
    if (!sw_add_size(sizeof(sw_arena_block), capacity, &total)) return NULL;
    sw_arena_block *block = calloc(1, total);
    if (block != NULL) block->capacity = capacity;
    return block;
}

/* Puts a block in front, or behind the front one when the request would waste its room. */
static sw_arena_block *add_block(sw_arena *a, size_t need) {
    sw_arena_block *block = take_spare(a, need);
    if (block == NULL) block = new_block(a, need);
    if (block == NULL) return NULL;
    bool keep_front = a->blocks != NULL && need > LAST_BLOCK_BYTES / 4;
    sw_arena_block **place = keep_front ? &a->blocks->next : &a->blocks;
    block->next = *place;
    *place = block;
    return block;
}

static size_t limit_of(const sw_arena *a) {
    return a->limit_bytes == 0 ? SW_ARENA_DEFAULT_LIMIT : a->limit_bytes;
}

void sw_arena_allow(sw_arena *a, size_t bytes) {
    size_t limit;
    if (!sw_add_size(limit_of(a), bytes, &limit) || !sw_add_size(limit, ALIGNMENT, &limit))
        limit = SIZE_MAX;
    a->limit_bytes = limit;
}

void *sw_arena_alloc(sw_arena *a, size_t count, size_t element_bytes) {
    size_t size, padded, total;
    if (!sw_mul_size(count, element_bytes, &size)) return NULL;
    if (size == 0) size = 1;
    if (!sw_add_size(size, ALIGNMENT - 1, &padded)) return NULL;
    padded &= ~(size_t)(ALIGNMENT - 1);
    if (!sw_add_size(a->used_bytes, padded, &total) || total > limit_of(a)) return NULL;
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
