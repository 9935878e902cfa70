/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of this room share: words of the contract's ABI.
 */
#ifndef SW_CHAIN_INTERNAL_H
#define SW_CHAIN_INTERNAL_H
#include "chain/chain.h"

#include <string.h>

/* ABI words: numbers and addresses to the right, zeros before them. */
static inline sw_word sw_word_u64(uint64_t v) {
    sw_word w = {{0}};
    for (size_t i = 0; i < sizeof v; i++) w.b[31 - i] = (uint8_t)(v >> 8 * i);
    return w;
}

static inline sw_word sw_word_address(const sw_address *a) {
    sw_word w = {{0}};
    memcpy(w.b + sizeof w.b - sizeof a->b, a->b, sizeof a->b);
    return w;
}

static inline sw_word sw_word_hash(const sw_hash *h) {
    sw_word w;
    memcpy(w.b, h->b, sizeof w.b);
    return w;
}
#endif
