/* SPDX-License-Identifier: Apache-2.0
 *
 * Our matrix products alone: gemm THREADS PROFILE MxNxK... prints GFLOP/s of each shape on one line
 * (a product and a sum count as two; the best of several rounds, as for the peak). bf16 rows times
 * weights as the model's file has them, as in a training step; the result is bf16.
 */
#include "tensor/gemm.h"
#include "sys/pool.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROUNDS = 7, THREADS_MAX = 256, SOME_BF16 = 0x3c }; /* 0x3c3c is about a hundredth */
#define ROUND_SECONDS 0.1

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void run_pool(void *pool, size_t count, void (*fn)(void *, size_t, size_t), void *context) {
    sw_pool_run(pool, count, fn, context);
}

static void *operands(size_t count) {
    void *out = aligned_alloc(64, (count * 2 + 63) / 64 * 64);
    if (!out) exit(1);
    memset(out, SOME_BF16, count * 2);
    return out;
}

static double rate_of(const sw_compute *c, size_t m, size_t n, size_t k) {
    void *a = operands(m * (k + 1)), *weights = operands(n * k), *out = operands(m * n),
         *panels = malloc(sw_gemm_panel_bytes(c->dtype, k, n));
    if (!panels) exit(1);
    const sw_source source = {.data = weights, .dtype = SW_DTYPE_BF16, .stride = k};
    const sw_gemm g = {
        .m = m,
        .n = n,
        .term_count = 1,
        .terms = {{.a = a, .a_stride = k, .k = k, .lying = &source, .transposed = true}},
        .panels = panels,
        .scale = 1,
        .c = out,
        .c_stride = n,
        .c_dtype = SW_DTYPE_BF16};
    double best = 0;
    for (int r = 0; r < ROUNDS; r++) {
        double start = seconds(), spent = 0;
        size_t products = 0;
        for (; spent < ROUND_SECONDS; products++, spent = seconds() - start) sw_gemm_run(c, &g);
        double rate = 2.0 * (double)m * (double)n * (double)k * (double)products / spent * 1e-9;
        if (rate > best) best = rate;
    }
    free(a);
    free(weights);
    free(out);
    free(panels);
    return best;
}

int main(int argc, char **argv) {
    int threads = argc > 3 ? atoi(argv[1]) : 0;
    sw_rule rule = argc > 3 && strcmp(argv[2], "bf16-amx") == 0 ? SW_RULE_TILES : SW_RULE_PAIRS;
    sw_pool *pool;
    if (threads < 1 || threads > THREADS_MAX) return 2;
    if (sw_pool_open((size_t)threads, &pool, NULL) != SW_OK) return 1;
    const sw_compute c = {.parallel = {pool, run_pool, (size_t)threads},
                          .dtype = SW_DTYPE_BF16,
                          .native = sw_tensor_has_instructions(rule),
                          .rule = rule};
    for (int i = 3; i < argc; i++) {
        size_t m, n, k;
        if (sscanf(argv[i], "%zux%zux%zu", &m, &n, &k) != 3) return 2;
        printf("%s%.1f", i > 3 ? " " : "", rate_of(&c, m, n, k));
    }
    printf("\n");
    sw_pool_close(&pool);
    return 0;
}
