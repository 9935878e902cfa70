/* SPDX-License-Identifier: Apache-2.0
 *
 * The peak of bf16 products that the cores reach: VDPBF16PS on registers alone, or, where the
 * processor has no such instruction, the FMA that stands in for it; one thread a core.
 * peak THREADS prints GFLOP/s of all threads together (the best of several short rounds; a product
 * and a sum count as two) and the instruction's name.
 *
 * Independent sums hide the instruction's latency; nothing is loaded or stored inside the loop.
 */
#include <immintrin.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { SUMS = 24, FMA_SUMS = 12, TURNS = 4000000, ROUNDS = 7, THREADS_MAX = 256 };

static pthread_barrier_t gate;

__attribute__((target("avx512f,avx512bf16"), optimize("O3"), noinline)) static float
dot_turns(float start) {
    __m512 sum[SUMS];
    for (int i = 0; i < SUMS; i++) sum[i] = _mm512_set1_ps(start * (float)i);
    __m512bh a = _mm512_cvtne2ps_pbh(sum[1], sum[2]), b = _mm512_cvtne2ps_pbh(sum[3], sum[4]);
    for (long t = 0; t < TURNS; t++) {
#pragma GCC unroll 24
        for (int i = 0; i < SUMS; i++) {
            sum[i] = _mm512_dpbf16_ps(sum[i], a, b);
            __asm__("" : "+v"(sum[i])); /* keeps the compiler from merging turns */
        }
    }
    for (int i = 1; i < SUMS; i++) sum[0] = _mm512_add_ps(sum[0], sum[i]);
    return _mm512_reduce_add_ps(sum[0]);
}

__attribute__((target("avx2,fma"), optimize("O3"), noinline)) static float fma_turns(float start) {
    __m256 sum[FMA_SUMS], a = _mm256_set1_ps(start), b = _mm256_set1_ps(0.5f);
    for (int i = 0; i < FMA_SUMS; i++) sum[i] = _mm256_set1_ps(start * (float)i);
    for (long t = 0; t < TURNS; t++) {
#pragma GCC unroll 12
        for (int i = 0; i < FMA_SUMS; i++) {
            sum[i] = _mm256_fmadd_ps(a, b, sum[i]);
            __asm__("" : "+x"(sum[i]));
        }
    }
    for (int i = 1; i < FMA_SUMS; i++) sum[0] = _mm256_add_ps(sum[0], sum[i]);
    return _mm256_cvtss_f32(sum[0]);
}

/* A way to multiply: what one turn does, a product and a sum counted as two. */
typedef struct way {
    const char *name;
    float (*turns)(float start);
    double flop_per_turn;
} way;
static const way DOT = {"VDPBF16PS", dot_turns, SUMS * 64}; /* 16 lanes, 2 products and sums each */
static const way FMA = {"AVX2 FMA", fma_turns, FMA_SUMS * 16}; /* 8 lanes */
static const way *chosen;

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void *run_thread(void *argument) {
    double *rates = argument;
    volatile float kept = 0;
    for (int r = 0; r < ROUNDS; r++) {
        pthread_barrier_wait(&gate);
        double start = seconds();
        kept = kept + chosen->turns(1e-20f);
        rates[r] = chosen->flop_per_turn * TURNS / (seconds() - start) * 1e-9;
    }
    return NULL;
}

int main(int argc, char **argv) {
    int threads = argc == 2 ? atoi(argv[1]) : 1;
    if (threads < 1 || threads > THREADS_MAX) return 2;
    chosen = __builtin_cpu_supports("avx512bf16") ? &DOT : &FMA;
    static double rates[THREADS_MAX][ROUNDS];
    pthread_t others[THREADS_MAX];
    pthread_barrier_init(&gate, NULL, (unsigned)threads);
    for (int i = 1; i < threads; i++)
        if (pthread_create(&others[i], NULL, run_thread, rates[i]) != 0) return 1;
    run_thread(rates[0]);
    for (int i = 1; i < threads; i++) pthread_join(others[i], NULL);
    double best = 0;
    for (int r = 0; r < ROUNDS; r++) {
        double sum = 0;
        for (int i = 0; i < threads; i++) sum += rates[i][r];
        if (sum > best) best = sum;
    }
    printf("%.1f %s\n", best, chosen->name);
    return 0;
}
