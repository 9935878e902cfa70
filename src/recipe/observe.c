/* SPDX-License-Identifier: Apache-2.0
 *
 * What the host may observe of a run: the values that a loss and a count of tokens are rounded to
 * before it sees them, and all of it in bits (docs/formats/recipe.md, RCP-095 and RCP-103).
 *
 * The agent rounds with these functions and the verifier asks them, so that the number which owners
 * are told counts what leaves.
 */
#include "recipe/recipe_internal.h"
#include "sys/sandbox.h"

#include <assert.h>
#include <math.h>

/* ---- values ---- */

/* Of a loss: 12 bits of mantissa, of which the first is always 1, for each of these exponents of
 * frexp, and zero. From 2^-15 to 65,520. */
enum { MANTISSA = 12, LEAST = -14, MOST = 16 };
static_assert((MOST - LEAST + 1) * (1 << (MANTISSA - 1)) + 1 <= 1 << SW_BITS_LOSS);

double sw_recipe_round_loss(double loss) {
    const double most = ldexp((1 << MANTISSA) - 1, MOST - MANTISSA);
    int exponent = 0;
    if (isnan(loss) || loss > most) return most; /* what has diverged is no small loss */
    if (loss < ldexp(1, LEAST - 1)) return 0;
    double mantissa = frexp(loss, &exponent);
    return fmin(most, ldexp(nearbyint(ldexp(mantissa, MANTISSA)), exponent - MANTISSA));
}

/* Of a count of tokens: 7 significant bits. All below 128, and 64 for each of the 57 powers above.
 */
enum { TOKEN_BITS = 7 };
static_assert((1 << TOKEN_BITS) + (64 - TOKEN_BITS) * (1 << (TOKEN_BITS - 1)) <=
              1 << SW_BITS_TOKENS);

uint64_t sw_recipe_round_tokens(uint64_t count) {
    const uint64_t most = (UINT64_C(1) << TOKEN_BITS) - 1;
    int shift = 0;
    while (count >> shift > most) shift++;
    if (shift == 0) return count;
    if (count >= most << (64 - TOKEN_BITS)) return most << (64 - TOKEN_BITS);
    return ((count >> (shift - 1)) + 1) >> 1 << shift;
}

/* ---- bits ---- */

/* To tell one of `count` things. */
static uint64_t bits_for(uint64_t count) {
    uint64_t bits = 0;
    while (bits < 64 && UINT64_C(1) << bits < count) bits++;
    return bits;
}

sw_command_bits sw_recipe_command_bits(const sw_recipe *r) {
    const sw_recipe_command *c = &r->command;
    sw_command_bits b = {.reported = c->max_steps, .acts = SW_SANDBOX_ACT_COUNT};
    /* At each multiple, and at the last step. */
    b.states = c->save_steps == 0 ? 1 : c->max_steps / c->save_steps + 1;
    /* A state of one step or none, and whether it ends. */
    b.stop = bits_for(c->max_steps + 1) + 1;
    /* Which earlier grant has the same beginning of the chain and how long it is; which one has
     * the same model, or none. */
    b.same = bits_for(r->grants) + bits_for(b.states + 2) + bits_for((uint64_t)r->grants + 1);
    return b;
}

/* MAN-017: of each shard how many rows were trained on, and their tokens. A command's are no
 * choice.
 */
uint64_t sw_recipe_shard_bits(const sw_recipe *r) {
    const uint64_t most = UINT64_C(1) << 53; /* what a manifest can say */
    uint64_t bits = 0;
    for (size_t i = 0; r->native && i < r->shard_count; i++) {
        uint64_t rows = r->shards[i].rows, tokens;
        bool bound = sw_training_cuts(&r->training) &&
                     !__builtin_mul_overflow(rows, r->training.max_length, &tokens) &&
                     tokens < most;
        bits += bits_for(rows + 1) + bits_for((bound ? tokens : most) + 1);
    }
    return bits;
}

/* The class, and with the native trainer which shard's decoder it was, if one's. */
uint64_t sw_recipe_end_bits(const sw_recipe *r) {
    return SW_BITS_END + (r->native ? bits_for(r->shard_count + 1) : SW_BITS_END_MORE);
}

uint64_t sw_recipe_observable_bits(const sw_recipe *r, uint64_t total_steps) {
    uint64_t interval = r->metrics_interval == 0 ? 1 : r->metrics_interval, bits;
    uint64_t records = total_steps / interval + (total_steps % interval != 0);
    uint64_t each = r->native ? SW_BITS_TOKENS : 0, once = SW_BITS_TOTAL + sw_recipe_end_bits(r);
    once += sw_recipe_shard_bits(r);
    if (r->metrics == SW_METRICS_PUBLIC) each += SW_BITS_LOSS;
    if (!r->native) {
        const sw_command_bits b = sw_recipe_command_bits(r);
        /* And whether there are claims. It may also take the machine's memory so that the agent
         * ends, or that a line says so beside any other end, or wait for the lease's end when it is
         * stopped. */
        once += b.reported + b.states + b.stop + b.same + b.acts + 1 + SW_BITS_MEMORY;
    }
    if (__builtin_mul_overflow(records, each, &bits) || __builtin_add_overflow(bits, once, &bits))
        return UINT64_MAX;
    return bits;
}
