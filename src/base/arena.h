/* SPDX-License-Identifier: Apache-2.0
 *
 * Arena: memory by lifetime. Everything allocated from an arena is freed with it, wiped. Not for
 * secrets (base/secret.h).
 */
#ifndef SW_BASE_ARENA_H
#define SW_BASE_ARENA_H

#include "base/bytes.h"

typedef struct sw_arena_block sw_arena_block;
typedef struct sw_arena {
    sw_arena_block *blocks;         /* in use; the first has room */
    sw_arena_block *spare;          /* wiped, for what is asked for next */
    size_t used_bytes, limit_bytes; /* a limit of 0 means SW_ARENA_DEFAULT_LIMIT */
} sw_arena;

#define SW_ARENA_DEFAULT_LIMIT ((size_t)1 << 30)

void sw_arena_free(sw_arena *a);
/* Room for an array of so many bytes more, whatever the limit was: for what the caller knows the
 * size of, because it holds as much already or has a limit of its own for it. */
void sw_arena_allow(sw_arena *a, size_t bytes);
void *sw_arena_alloc(sw_arena *a, size_t count,
                     size_t element_bytes); /* zeroed, 16-byte aligned; NULL on limit or overflow */
char *sw_arena_text(sw_arena *a,
                    sw_bytes text); /* copy with a NUL; NULL also when it holds a NUL */
sw_bytes sw_arena_copy(sw_arena *a, sw_bytes bytes); /* {NULL,0} on failure unless empty */
/* What is allocated behind a place is of no more use at the next rewind to it: wiped, and its
 * blocks stay as spare ones, so that work which is done again takes nothing from the allocator. The
 * zero place is the beginning. Places are rewound to in the opposite order of their marks, or left.
 */
typedef struct sw_arena_place {
    const sw_arena_block *front, *behind;
    size_t front_used, used_bytes;
} sw_arena_place;
sw_arena_place sw_arena_mark(const sw_arena *a);
void sw_arena_rewind(sw_arena *a, sw_arena_place to);
/* Frees spare blocks, the largest first, until they have no more than that many bytes. */
void sw_arena_trim(sw_arena *a, size_t bytes);
#define SW_ARENA_NEW(a, type, count) ((type *)sw_arena_alloc((a), (count), sizeof(type)))

#endif
