/* SPDX-License-Identifier: Apache-2.0
 *
 * The processor's own bf16 instruction against the written rule, and products with it against the
 * portable ones, bit for bit (docs/formats/numerics.md NUM-012). Where there is no such instruction
 * the program says that it was skipped; `make native` runs it where there is one.
 */
#include "pairs.h"
#include <immintrin.h>

__attribute__((target("avx512f,avx512bf16"))) static void
add_by_instruction(const pairs *p, uint32_t out[PAIR_LANES]) {
    __m512 sum = _mm512_loadu_ps(p->sum);
    __m512bh a = (__m512bh)_mm512_loadu_si512(p->a), b = (__m512bh)_mm512_loadu_si512(p->b);
    __asm__ volatile("vdpbf16ps %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
    _mm512_storeu_ps(out, sum);
}

/* Of several NaN the same one, too; and whatever mode the lane is in. */
static void test_the_instruction(void **state) {
    (void)state;
    static const unsigned modes[] = {0x0000, 0x8040, 0x2000, 0x4000, 0x6000, 0x0040, 0x8000};
    noise n = {1};
    uint64_t hash = 0xcbf29ce484222325u;
    unsigned held = _mm_getcsr();
    for (size_t turn = 0; turn < PAIR_TURNS; turn++) {
        pairs p;
        uint32_t expected[PAIR_LANES], found[PAIR_LANES];
        draw_pairs(&n, &p);
        add_pairs(&p, expected);
        _mm_setcsr((held & ~0xe040u) | modes[turn % 7]);
        add_by_instruction(&p, found);
        _mm_setcsr(held);
        hash = pair_hash(hash, found);
        for (size_t i = 0; i < PAIR_LANES; i++) {
            if (found[i] == expected[i]) continue;
            fail_msg("%08x + %08x x %08x: %08x, the rule says %08x", p.sum[i], p.a[i], p.b[i],
                     found[i], expected[i]);
        }
    }
    if (hash != PAIR_HASH) fail_msg("%016llx", (unsigned long long)hash);
}

typedef void run_fn(const sw_compute *c, const sw_gemm *g);

static void same_products(run_fn *run, shape s, kind of) {
    sw_compute native = compute_bf16(true), portable = compute_bf16(false);
    problem a = make(&native, s, false, of), b = make(&portable, s, false, of);
    sw_gemm ga = gemm_of(&a), gb = gemm_of(&b);
    unsigned held = sw_flush_begin(); /* as in a lane */
    run(&native, &ga);
    run(&portable, &gb);
    sw_flush_restore(held);
    for (size_t i = 0; i < s.m * s.n; i++) {
        if (number_bits(a.c[i]) == number_bits(b.c[i])) continue;
        fail_msg("%zux%zux%zu of kind %d at %zu: %a, portably %a", s.m, s.n, s.k, of, i,
                 (double)a.c[i], (double)b.c[i]);
    }
    drop(&a);
    drop(&b);
}

static void test_native_equals_portable(void **state) {
    (void)state;
    for (size_t i = 0; i < SHAPE_COUNT * KINDS; i++)
        same_products(sw_gemm_run, SHAPES[i / KINDS], i % KINDS);
}

static void test_bits_of_products(void **state) {
    (void)state;
    sw_compute c = compute_bf16(true);
    for (kind of = 0; of < KINDS; of++) check_product_bits(&c, of);
}

static void test_with_scratch(void **state) {
    (void)state;
    static const shape shapes[] = {{13, 33, 63}, {101, 70, 600}, {5, 17, 4097}, {3, 33, 8705}};
    sw_compute c = compute_bf16(true);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        check_with_scratch(&c, shapes[i], i & 1);
}

/* Every number of rows and strips that a block can have, and one more; all of a product in one job,
 * since small ones are cut into jobs of one strip. */
static void test_every_block(void **state) {
    (void)state;
    for (size_t m = 1; m <= 13; m++) {
        for (size_t n = 16; n <= 48; n += 16) {
            same_products(sw_gemm_alone, (shape){m, n, 6}, WILD);
            same_products(sw_gemm_alone, (shape){m, n - 5, 7}, EDGES);
        }
    }
}

int main(void) {
    if (!sw_tensor_has_bf16_instructions()) {
        printf("1..0 # SKIP this processor has no VDPBF16PS: nothing to compare with the rule\n");
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_instruction), cmocka_unit_test(test_native_equals_portable),
        cmocka_unit_test(test_every_block), cmocka_unit_test(test_bits_of_products),
        cmocka_unit_test(test_with_scratch)};
    return cmocka_run_group_tests_name("gemm native", tests, NULL, NULL);
}
