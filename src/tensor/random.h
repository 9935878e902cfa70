/* SPDX-License-Identifier: Apache-2.0
 *
 * Two generators: MT19937 with torch's rules for order and initial values, Philox4x32-10 for
 * everything that must not depend on the order of draws.
 */
#ifndef SW_TENSOR_RANDOM_H
#define SW_TENSOR_RANDOM_H
#include "tensor/tensor.h"

#define SW_MT19937_WORDS 624
typedef struct sw_mt19937 {
    uint32_t state[SW_MT19937_WORDS];
    size_t next;
} sw_mt19937;
void sw_mt19937_seed(sw_mt19937 *g, uint64_t seed); /* torch.Generator.manual_seed: low 32 bits */
uint32_t sw_mt19937_next(sw_mt19937 *g);
/* torch.randperm(count) for at most SW_RANDPERM_MOST; torch draws otherwise above. */
#define SW_RANDPERM_MOST (UINT32_MAX / 20 - 1) /* 214,748,363 */
void sw_randperm(sw_mt19937 *g, uint32_t *out, size_t count);
/* tensor.uniform_(low, high) in f32 as torch fills it; in the calling lane and its mode. */
void sw_uniform_fill(sw_mt19937 *g, float *out, size_t count, double low, double high);

typedef struct sw_philox {
    uint32_t word[4];
} sw_philox;
sw_philox sw_philox_at(uint64_t key, uint64_t stream, uint64_t index);
#endif
