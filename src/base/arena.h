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
    sw_arena_block *blocks;
    size_t used_bytes, limit_bytes; /* a limit of 0 means SW_ARENA_DEFAULT_LIMIT */
} sw_arena;

#define SW_ARENA_DEFAULT_LIMIT ((size_t)1 << 30)

void sw_arena_free(sw_arena *a);
void *sw_arena_alloc(sw_arena *a, size_t count,
                     size_t element_bytes); /* zeroed, 16-byte aligned; NULL on limit or overflow */
char *sw_arena_text(sw_arena *a,
                    sw_bytes text); /* copy with a NUL; NULL also when it holds a NUL */
sw_bytes sw_arena_copy(sw_arena *a, sw_bytes bytes); /* {NULL,0} on failure unless empty */
#define SW_ARENA_NEW(a, type, count) ((type *)sw_arena_alloc((a), (count), sizeof(type)))

#endif
