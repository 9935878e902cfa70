/* SPDX-License-Identifier: Apache-2.0
 *
 * The peak of bf16 products that the cores reach: VDPBF16PS on registers alone, one thread a core.
 * peak THREADS prints GFLOP/s of all threads together (the best of several short rounds; a product
 * and a sum count as two), or "none" where the processor has no such instruction.
 *
 * Twenty-four independent sums hide the instruction's latency; nothing is loaded or stored inside
 * the loop.
 */
#include <immintrin.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { SUMS = 24, TURNS = 4000000, ROUNDS = 7, THREADS_MAX = 256 };
#define FLOP_PER_TURN ((double)SUMS * 64) /* 16 lanes, 2 products and 2 sums each */

static pthread_barrier_t gate;

__attribute__((target("avx512f,avx512bf16"), optimize("O3"), noinline)) static float
turn(float start) {
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
        kept = kept + turn(1e-20f);
        rates[r] = FLOP_PER_TURN * TURNS / (seconds() - start) * 1e-9;
    }
    return NULL;
}

int main(int argc, char **argv) {
    int threads = argc == 2 ? atoi(argv[1]) : 1;
    if (threads < 1 || threads > THREADS_MAX) return 2;
    if (!__builtin_cpu_supports("avx512bf16")) {
        puts("none");
        return 0;
    }
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
    printf("%.1f\n", best);
    return 0;
}
