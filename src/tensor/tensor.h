/* SPDX-License-Identifier: Apache-2.0
 *
 * The compute wing's ground: letters, types, and the two things that come in from the caller.
 *
 * Letters: B rows of a micro-batch, T tokens (padding-free: all tokens of a micro-batch in one
 * axis), C hidden size, H query heads, K key/value heads, D head size, F feed-forward size, V
 * vocabulary, R adapter rank; a leading `d` is a gradient. All matrices are row-major; a Linear's
 * weight is (out, in). Letter E in a type stands for the operand type of the profile: bf16 in
 * bf16-dp and bf16-amx, f32 in fp32-ref.
 *
 * Bits: every operator's result is a function of its arguments and the numerics profile alone,
 * never of lanes, of the machine or of the mode in which the caller computes
 * (docs/formats/numerics.md). Reductions have fixed trees; k runs in fixed panels in ascending
 * order. What runs in the calling lane says so, and takes its mode.
 */
#ifndef SW_TENSOR_H
#define SW_TENSOR_H
#include "base/base.h"

/* Bits of a bfloat16; rounding is nearest-even everywhere, and NaN stays a quiet NaN. */
typedef uint16_t sw_bf16;

typedef enum sw_dtype { SW_DTYPE_F32, SW_DTYPE_BF16, SW_DTYPE_F16 } sw_dtype;
size_t sw_dtype_bytes(sw_dtype t);

/* Threads come in from the caller: run fn(context, index, lane) for index 0..count-1 and return
 * when all are done; no allocation. */
typedef struct sw_parallel {
    void *pool;
    void (*run)(void *pool, size_t count, void (*fn)(void *context, size_t index, size_t lane),
                void *context);
    size_t lanes;
} sw_parallel;
sw_parallel sw_parallel_serial(void);

/* How products of bf16 add (docs/formats/numerics.md): in pairs as VDPBF16PS does (NUM-012), or in
 * tiles as TDPBF16PS does (NUM-017). */
typedef enum sw_rule { SW_RULE_PAIRS, SW_RULE_TILES } sw_rule;
/* Whether the machine has that rule's instruction and lets us use it; results are equal either
 * way. Asks Linux for the tiles' registers, which it grants to the process as a whole, and not
 * where a thread has an alternate signal stack that is too small for them. */
bool sw_tensor_has_instructions(sw_rule rule);

/* How operators compute: threads, operand type E (BF16 or F32), the rule of products in bf16, and
 * whether its instruction is used or the exact emulation. `native` only after
 * sw_tensor_has_instructions(rule) has returned true in this process: else the first product ends
 * it by SIGILL, by tiles also on a machine that has them. */
typedef struct sw_compute {
    sw_parallel parallel;
    sw_dtype dtype;
    bool native;
    sw_rule rule;
} sw_compute;

/* Runs fn in every lane with denormals read as zero and flushed to zero (NUM-003). */
void sw_compute_run(const sw_compute *c, size_t count,
                    void (*fn)(void *context, size_t index, size_t lane), void *context);
/* The same for the calling thread: returns the mode to hand back to sw_flush_restore. */
unsigned sw_flush_begin(void);
void sw_flush_restore(unsigned mode);

static inline const void *sw_elements_at(const void *base, size_t at, sw_dtype dtype) {
    return (const uint8_t *)base + at * sw_dtype_bytes(dtype);
}
/* Elements of any dtype as f32 and back (F16 is read only). Source and target may be unaligned. */
void sw_elements_load(float *out, const void *in, sw_dtype dtype, size_t count);
void sw_elements_store(void *out, const float *in, sw_dtype dtype, size_t count);
/* out (count) E from in (count) f32, over all lanes. */
void sw_convert(const sw_compute *c, void *out, const float *in, size_t count);
#endif
