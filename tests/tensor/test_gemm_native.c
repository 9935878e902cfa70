/* SPDX-License-Identifier: Apache-2.0
 *
 * The processor's own bf16 instructions against the written rules, and products with them against
 * the portable ones, bit for bit (docs/formats/numerics.md NUM-012, NUM-017). Of two rules it tests
 * those whose instruction is there, and says so; where there is none the program says that it was
 * skipped. `make native` runs it where there is VDPBF16PS.
 */
#include "pairs.h"
#include "tensor/kernels.h"
#include <immintrin.h>
#include <sys/mman.h>
#include <unistd.h>

__attribute__((target("avx512f,avx512bf16"))) static void
add_by_instruction(const pairs *p, uint32_t out[PAIR_LANES]) {
    __m512 sum = _mm512_loadu_ps(p->sum);
    __m512bh a = (__m512bh)_mm512_loadu_si512(p->a), b = (__m512bh)_mm512_loadu_si512(p->b);
    __asm__ volatile("vdpbf16ps %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
    _mm512_storeu_ps(out, sum);
}

/* sums (16, 16) + a (16, 32) times b (16 pairs, 16), by the instruction alone. */
static void add_by_tiles(const float *sums, const sw_bf16 *a, const sw_bf16 *b, float *out) {
    struct {
        uint8_t palette, start, reserved[14];
        uint16_t bytes[16];
        uint8_t rows[16];
    } all = {.palette = 1};
    const size_t stride = 64;
    for (int i = 0; i < 3; i++) all.bytes[i] = 64, all.rows[i] = 16;
    __asm__ volatile("ldtilecfg %4\n\t"
                     "tileloadd (%0,%5,1), %%tmm0\n\t"
                     "tileloadd (%1,%5,1), %%tmm1\n\t"
                     "tileloadd (%2,%5,1), %%tmm2\n\t"
                     "tdpbf16ps %%tmm2, %%tmm1, %%tmm0\n\t"
                     "tilestored %%tmm0, (%3,%5,1)\n\t"
                     "tilerelease"
                     :
                     : "r"(sums), "r"(a), "r"(b), "r"(out), "m"(all), "r"(stride)
                     : "memory");
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

/* NUM-017, one sum. */
static uint32_t add_tile(float sum, const float *a, const float *b) {
    volatile float chain[2] = {0, 0};
    for (size_t k = 0; k < SW_TILES_DEPTH; k++)
        chain[k % 2] = __builtin_fmaf(a[k], b[k], chain[k % 2]);
    volatile float both = chain[0] + chain[1], all = sum + both;
    return number_bits(all);
}

/* The rule of tiles from sums that are there, where products begin with 0; in any mode. */
static void test_the_tiles(void **state) {
    (void)state;
    enum { SIDE = 16, TURNS = 192 };
    static const unsigned modes[] = {0x0000, 0x8040, 0x2000, 0x4000, 0x6000, 0x0040, 0x8000};
    noise n = {7};
    for (size_t turn = 0; turn < TURNS; turn++) {
        kind of = turn % KINDS;
        static sw_bf16 a[SIDE][SW_TILES_DEPTH], b[SIDE][SIDE][2];
        static float sums[SIDE][SIDE], found[SIDE][SIDE], row[SW_TILES_DEPTH],
            column[SW_TILES_DEPTH];
        for (size_t i = 0; i < SIDE * SIDE * 2; i++) {
            (&a[0][0])[i] = bf16_of(operand(&n, of));
            (&b[0][0][0])[i] = bf16_of(operand(&n, of));
        }
        for (size_t i = 0; i < SIDE * SIDE; i++) {
            float first = operand(&n, of), second = operand(&n, of);
            (&sums[0][0])[i] = turn & 1 ? first * second : first;
        }
        unsigned held = _mm_getcsr();
        _mm_setcsr((held & ~0xe040u) | modes[turn % 7]);
        add_by_tiles(sums[0], a[0], b[0][0], found[0]);
        _mm_setcsr(held);
        held = sw_flush_begin();
        for (size_t i = 0; i < SIDE * SIDE; i++) {
            sw_elements_load(row, a[i / SIDE], SW_DTYPE_BF16, SW_TILES_DEPTH);
            for (size_t k = 0; k < SW_TILES_DEPTH; k++)
                column[k] = float_of_bf16(b[k / 2][i % SIDE][k % 2]);
            uint32_t expected = add_tile((&sums[0][0])[i], row, column);
            if (number_bits((&found[0][0])[i]) == expected) continue;
            sw_flush_restore(held);
            fail_msg("kind %d, sum %zu: %08x, the rule says %08x", of, i,
                     number_bits((&found[0][0])[i]), expected);
        }
        sw_flush_restore(held);
    }
}

typedef void run_fn(const sw_compute *c, const sw_gemm *g);

static bool has(sw_rule rule) {
    return sw_tensor_has_instructions(rule);
}

static sw_compute compute_of(sw_rule rule, bool native) {
    return rule == SW_RULE_TILES ? compute_tiles(native) : compute_bf16(native);
}

static void same_products(sw_rule rule, run_fn *run, shape s, kind of) {
    if (!has(rule)) return;
    sw_compute native = compute_of(rule, true), portable = compute_of(rule, false);
    problem a = make(&native, s, false, of), b = make(&portable, s, false, of);
    sw_gemm ga = gemm_of(&a), gb = gemm_of(&b);
    unsigned held = sw_flush_begin(); /* as in a lane */
    run(&native, &ga);
    run(&portable, &gb);
    sw_flush_restore(held);
    for (size_t i = 0; i < s.m * s.n; i++) {
        if (number_bits(a.c[i]) == number_bits(b.c[i])) continue;
        fail_msg("rule %d, %zux%zux%zu of kind %d at %zu: %a, portably %a", rule, s.m, s.n, s.k, of,
                 i, (double)a.c[i], (double)b.c[i]);
    }
    drop(&a);
    drop(&b);
}

static void test_native_equals_portable(void **state) {
    (void)state;
    for (size_t i = 0; i < SHAPE_COUNT * KINDS * 2; i++)
        same_products(i % 2, sw_gemm_run, SHAPES[i / 2 / KINDS], i / 2 % KINDS);
}

static void test_bits_of_products(void **state) {
    (void)state;
    for (size_t i = 0; i < KINDS * 2; i++) {
        sw_compute c = compute_of(i % 2, true);
        if (has(c.rule)) check_product_bits(&c, i / 2);
    }
}

static void test_with_scratch(void **state) {
    (void)state;
    static const shape shapes[] = {{13, 33, 63}, {101, 70, 600}, {5, 17, 4097}, {3, 33, 8705}};
    for (size_t i = 0; i < 2 * KINDS * (sizeof shapes / sizeof *shapes); i++) {
        sw_compute c = compute_of(i % 2, true);
        if (has(c.rule)) check_with_scratch(&c, shapes[i / 2 / KINDS], i / 2 % KINDS);
    }
}

/* Every number of rows and strips that a block can have, and one more; all of a product in one job,
 * since small ones are cut into jobs of one strip. */
static void test_every_block(void **state) {
    (void)state;
    for (size_t m = 1; m <= 13; m++) {
        for (size_t n = 16; n <= 48; n += 16) {
            same_products(SW_RULE_PAIRS, sw_gemm_alone, (shape){m, n, 6}, WILD);
            same_products(SW_RULE_PAIRS, sw_gemm_alone, (shape){m, n - 5, 7}, EDGES);
        }
    }
    for (size_t m = 1; m <= 65; m += 4) {
        for (size_t n = 16; n <= 80; n += 16) {
            same_products(SW_RULE_TILES, sw_gemm_alone, (shape){m, n, 64}, WILD);
            same_products(SW_RULE_TILES, sw_gemm_alone, (shape){m, n - 5, 39}, EDGES);
        }
    }
}

/* Deeper than what is laid out at once, with C's sums between; and wider than what such a part has.
 */
static void test_portions(void **state) {
    (void)state;
    static const shape shapes[] = {
        {70, 40, 2100}, {64, 48, 4128}, {64, 1100, 4128}, {5, 560, 9001}};
    static const kind kinds[] = {WILD, EDGES};
    for (size_t i = 0; i < 2 * (sizeof shapes / sizeof *shapes); i++) {
        same_products(SW_RULE_TILES, sw_gemm_run, shapes[i / 2], kinds[i % 2]);
        same_products(SW_RULE_TILES, sw_gemm_alone, shapes[i / 2], kinds[i % 2]);
    }
}

/* A's rows in place: aligned, of whole tiles, at a stride that suits or crowds the cache; and
 * beside them rows that must be laid out, since they are not aligned or do not fill a tile. */
static void in_place(shape s, size_t stride, size_t shift, kind of) {
    sw_compute native = compute_tiles(true), portable = compute_tiles(false);
    problem p = make(&native, s, false, of);
    sw_bf16 *room = aligned_alloc(64, (s.m * stride * sizeof *room + 2 * 64) / 64 * 64);
    float *expected = calloc(s.m * s.n, sizeof *expected);
    for (size_t r = 0; r < s.m; r++)
        memcpy(room + shift + r * stride, (const sw_bf16 *)p.a + r * p.stride,
               p.stride * sizeof *room);
    sw_gemm g = gemm_of(&p);
    g.terms[0].a = room + shift;
    g.terms[0].a_stride = stride;
    unsigned held = sw_flush_begin();
    sw_gemm_run(&native, &g);
    g.c = expected;
    sw_gemm_run(&portable, &g);
    sw_flush_restore(held);
    for (size_t i = 0; i < s.m * s.n; i++)
        if (number_bits(p.c[i]) != number_bits(expected[i]))
            fail_msg("%zux%zux%zu, stride %zu, shift %zu: %a at %zu, portably %a", s.m, s.n, s.k,
                     stride, shift, (double)p.c[i], i, (double)expected[i]);
    free(room);
    free(expected);
    drop(&p);
}

static void test_rows_in_place(void **state) {
    (void)state;
    static const shape shapes[] = {{16, 16, 32}, {48, 64, 64},  {96, 40, 576}, {80, 33, 96},
                                   {47, 64, 64}, {64, 64, 608}, {64, 64, 80},  {272, 32, 2112}};
    for (size_t i = 0; i < KINDS * (sizeof shapes / sizeof *shapes); i++) {
        shape s = shapes[i / KINDS];
        size_t wide = (s.k + 31) / 32 * 32;
        in_place(s, wide, 0, i % KINDS);
        in_place(s, wide + 32, 0, i % KINDS);
        in_place(s, wide, 16, i % KINDS);
        in_place(s, (s.k + 1023) / 1024 * 1024, 0, i % KINDS); /* 2 KiB and 4 KiB */
        in_place(s, wide + 2, 0, i % KINDS);
    }
}

/* Memory whose last byte is the last before a page that nobody may touch. */
static void *guarded(size_t bytes) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE), held = (bytes + page - 1) / page * page;
    uint8_t *at =
        mmap(NULL, held + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(at != MAP_FAILED);
    assert_int_equal(mprotect(at + held, page, PROT_NONE), 0);
    return at + held - bytes;
}

static void drop_guarded(void *at, size_t bytes) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE), held = (bytes + page - 1) / page * page;
    assert_int_equal(munmap((uint8_t *)at + bytes - held, held + page), 0);
}

/* Nothing is read behind A's last row, rounded up to a pair, or behind packed B, and nothing is
 * touched behind C: a sanitizer does not see what tiles load. */
static void within_its_bounds(shape s, size_t stride) {
    sw_compute native = compute_tiles(true);
    problem p = make(&native, s, false, PLAIN);
    size_t a_bytes = ((s.m - 1) * stride + p.stride) * sizeof(sw_bf16);
    size_t b_bytes = sw_pack_elements(s.k, s.n) * sizeof(sw_bf16);
    size_t c_bytes = s.m * s.n * sizeof(float);
    sw_bf16 *a = guarded(a_bytes);
    void *b = guarded(b_bytes), *c = guarded(c_bytes);
    for (size_t r = 0; r < s.m; r++)
        memcpy(a + r * stride, (const sw_bf16 *)p.a + r * p.stride, p.stride * sizeof *a);
    memcpy(b, p.packed, b_bytes);
    sw_gemm g = gemm_of(&p);
    sw_gemm_run(&native, &g);
    g.terms[0].a = a;
    g.terms[0].a_stride = stride;
    g.terms[0].b = b;
    g.c = c;
    for (int alone = 0; alone < 2; alone++) {
        memset(c, 0x7f, c_bytes);
        (alone ? sw_gemm_alone : sw_gemm_run)(&native, &g);
        assert_memory_equal(c, p.c, c_bytes);
    }
    drop_guarded(a, a_bytes);
    drop_guarded(b, b_bytes);
    drop_guarded(c, c_bytes);
    drop(&p);
}

static void test_bounds(void **state) {
    (void)state;
    for (size_t m = 1; m <= 49; m += 3) {
        for (size_t k = 31; k <= 97; k += 11) within_its_bounds((shape){m, 33, k}, (k + 1) / 2 * 2);
        for (size_t k = 32; k <= 96; k += 32) {
            within_its_bounds((shape){m, 32, k}, k);
            within_its_bounds((shape){m, 47, k}, k + 32);
        }
    }
    for (size_t m = 16; m <= 64; m += 16) within_its_bounds((shape){m, 48, 576}, 576);
}

/* Into bf16, and with a base, of every kind of sums: rounded as NUM-001 says. */
static void test_outputs(void **state) {
    (void)state;
    enum { M = 35, N = 72, K = 70 };
    for (size_t i = 0; i < 4 * KINDS; i++) {
        bool narrow = i & 1, adds = !narrow && i & 2;
        float *base = noise_floats(i, M * N, 0x1p-120f), out[2][M * N] = {0};
        for (int native = 0; native < 2; native++) {
            sw_compute c = compute_tiles(native);
            problem p = make(&c, (shape){M, N, K}, false, i / 4);
            sw_gemm g = gemm_of(&p);
            static sw_bf16 rounded[M * N];
            g.scale = i & 2 ? 0x1.8p-3f : 1;
            g.c = narrow ? (void *)rounded : out[native];
            g.c_dtype = narrow ? SW_DTYPE_BF16 : SW_DTYPE_F32;
            g.add = adds ? base : NULL;
            unsigned held = sw_flush_begin();
            sw_gemm_run(&c, &g);
            sw_flush_restore(held);
            if (narrow) sw_elements_load(out[native], rounded, SW_DTYPE_BF16, M * N);
            drop(&p);
        }
        for (size_t at = 0; at < M * N; at++)
            if (number_bits(out[0][at]) != number_bits(out[1][at]))
                fail_msg("case %zu at %zu: %a, portably %a", i, at, (double)out[1][at],
                         (double)out[0][at]);
        free(base);
    }
}

/* Several terms, some empty and some that fill no tile, with a base, into f32 and bf16. */
static void test_terms(void **state) {
    (void)state;
    static const size_t depths[][SW_GEMM_TERMS] = {{576, 16, 0, 0, 0, 0},
                                                   {0, 33, 0, 7, 1, 0},
                                                   {1536, 1536, 16, 16, 1, 0},
                                                   {0},
                                                   {640, 1408, 0, 0, 5}};
    enum { M = 75, N = 90 };
    for (size_t i = 0; i < 4 * (sizeof depths / sizeof *depths); i++) {
        bool narrow = i & 1, adds = !narrow && i & 2;
        problem p[SW_GEMM_TERMS];
        float *base = noise_floats(i, M * N, 1);
        uint8_t out[2][M * N * sizeof(float)];
        for (int native = 0; native < 2; native++) {
            sw_compute c = compute_tiles(native);
            sw_gemm g = {.m = M, .n = N, .scale = 0.5f, .c = out[native], .c_stride = N};
            g.c_dtype = narrow ? SW_DTYPE_BF16 : SW_DTYPE_F32;
            g.add = adds ? base : NULL;
            for (size_t t = 0; t < SW_GEMM_TERMS; t++) {
                p[t] = make(&c, (shape){M, N, depths[i / 4][t]}, false, PLAIN);
                g.terms[g.term_count++] = gemm_of(&p[t]).terms[0];
            }
            memset(out[native], 0x7f, sizeof out[native]);
            sw_gemm_run(&c, &g);
            for (size_t t = 0; t < SW_GEMM_TERMS; t++) drop(&p[t]);
        }
        assert_memory_equal(out[0], out[1], sizeof out[0]);
        free(base);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_native_equals_portable), cmocka_unit_test(test_every_block),
        cmocka_unit_test(test_bits_of_products), cmocka_unit_test(test_with_scratch)};
    const struct CMUnitTest pairs_only[] = {cmocka_unit_test(test_the_instruction)};
    const struct CMUnitTest tiles_only[] = {
        cmocka_unit_test(test_the_tiles), cmocka_unit_test(test_portions),
        cmocka_unit_test(test_terms),     cmocka_unit_test(test_rows_in_place),
        cmocka_unit_test(test_outputs),   cmocka_unit_test(test_bounds)};
    enum { TILES_ONLY = sizeof tiles_only / sizeof *tiles_only };
    struct CMUnitTest all[sizeof tests / sizeof *tests + 1 + TILES_ONLY];
    size_t count = 0;
    if (!has(SW_RULE_PAIRS) && !has(SW_RULE_TILES)) {
        printf("1..0 # SKIP this processor has neither VDPBF16PS nor TDPBF16PS: nothing to compare "
               "with the rules\n");
        return 0;
    }
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) all[count++] = tests[i];
    if (has(SW_RULE_PAIRS)) all[count++] = pairs_only[0];
    for (size_t i = 0; has(SW_RULE_TILES) && i < TILES_ONLY; i++) all[count++] = tiles_only[i];
    printf("# VDPBF16PS is %s, TDPBF16PS is %s\n", has(SW_RULE_PAIRS) ? "tested" : "not there",
           has(SW_RULE_TILES) ? "tested" : "not there");
    return _cmocka_run_group_tests("gemm native", all, count, NULL, NULL);
}
