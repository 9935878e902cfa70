/* SPDX-License-Identifier: Apache-2.0
 *
 * The compute wing's ground: letters, types, and the two things that come in from the caller.
 *
 * Letters: B rows of a micro-batch, T tokens (padding-free: all tokens of a micro-batch in one axis), C hidden size, H query heads, K key/value heads, D head
 * size, F feed-forward size, V vocabulary, R adapter rank; a leading `d` is a gradient. All matrices are row-major; a Linear's weight is (out, in).
 *
 * Bits: every operator's result is a function of its arguments and the numerics profile alone, never of lanes or of the machine
 * (docs/formats/numerics.md). Reductions have fixed trees; k runs in fixed panels in ascending order.
 */
#ifndef SW_TENSOR_H
#define SW_TENSOR_H
#include "base/base.h"

typedef uint16_t sw_bf16; /* bits of a bfloat16; rounding is nearest-even everywhere */
float sw_bf16_to_float(sw_bf16 v);
sw_bf16 sw_bf16_from_float(float v); /* NaN stays a quiet NaN */

typedef enum sw_dtype { SW_DTYPE_F32, SW_DTYPE_BF16, SW_DTYPE_F16 } sw_dtype;
size_t sw_dtype_bytes(sw_dtype t);

/* Threads come in from the caller: run fn(context, index, lane) for index 0..count-1 and return when all are done; no allocation. */
typedef struct sw_parallel {
    void *pool;
    void (*run)(void *pool, size_t count, void (*fn)(void *context, size_t index, size_t lane), void *context);
    size_t lanes;
} sw_parallel;
sw_parallel sw_parallel_serial(void);

/* Which instructions the machine has: chosen once, results equal either way. `emulate` forces the portable path of bf16-dp. */
bool sw_tensor_has_bf16_instructions(void);
#endif
