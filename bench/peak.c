/* SPDX-License-Identifier: Apache-2.0
 *
 * The peak of bf16 products that the cores reach in a numerics profile, one thread a core: in
 * bf16-amx TDPBF16PS on tiles alone; in bf16-dp VDPBF16PS on registers or, where the processor has
 * no such instruction, the FMA that stands in for it. peak THREADS PROFILE prints GFLOP/s of all
 * threads together (the best of several short rounds; a product and a sum count as two) and the
 * instruction's name.
 *
 * Independent sums hide the instruction's latency; nothing is loaded or stored inside the loop.
 */
#include "tensor/tensor.h"
#include <immintrin.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SUMS = 12, TURNS = 4000000, TILE_SHARE = 4, ROUNDS = 7, THREADS_MAX = 256 };

static pthread_barrier_t gate;

/* Four independent sums; what is in the tiles does not matter to the time. */
static float tile_turns(float start) {
    struct {
        uint8_t palette, start, reserved[14];
        uint16_t bytes[16];
        uint8_t rows[16];
    } all = {.palette = 1};
    for (int i = 0; i < 8; i++) all.bytes[i] = 64, all.rows[i] = 16;
    __asm__ volatile("ldtilecfg %0" : : "m"(all));
    for (long t = 0; t < TURNS / TILE_SHARE; t++)
        __asm__ volatile("tdpbf16ps %tmm7, %tmm6, %tmm0\n\ttdpbf16ps %tmm5, %tmm6, %tmm1\n\t"
                         "tdpbf16ps %tmm7, %tmm4, %tmm2\n\ttdpbf16ps %tmm5, %tmm4, %tmm3");
    __asm__ volatile("tilerelease");
    return start;
}

/* Sums with names of their own: an array of them would be kept in memory. */
#define EACH_SUM(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7) DO(8) DO(9) DO(10) DO(11)

__attribute__((target("avx512f,avx512bf16"), noinline)) static float dot_turns(float start) {
#define MAKE(i) __m512 s##i = _mm512_set1_ps(start * (float)(i));
#define TURN(i) __asm__("vdpbf16ps %1, %2, %0" : "+v"(s##i) : "v"(a), "v"(b));
#define JOIN(i) total += _mm512_reduce_add_ps(s##i);
    EACH_SUM(MAKE)
    __m512bh a = _mm512_cvtne2ps_pbh(s1, s2), b = _mm512_cvtne2ps_pbh(s3, s4);
    for (long t = 0; t < TURNS; t++) {
        EACH_SUM(TURN)
    }
    float total = 0;
    EACH_SUM(JOIN)
    return total;
#undef MAKE
#undef TURN
#undef JOIN
}

__attribute__((target("avx2,fma"), noinline)) static float fma_turns(float start) {
#define MAKE(i) __m256 s##i = _mm256_set1_ps(start * (float)(i));
#define TURN(i) __asm__("vfmadd231ps %1, %2, %0" : "+x"(s##i) : "x"(a), "x"(b));
#define JOIN(i) total += _mm256_cvtss_f32(s##i);
    EACH_SUM(MAKE)
    __m256 a = _mm256_set1_ps(start), b = _mm256_set1_ps(0.5f);
    for (long t = 0; t < TURNS; t++) {
        EACH_SUM(TURN)
    }
    float total = 0;
    EACH_SUM(JOIN)
    return total;
#undef MAKE
#undef TURN
#undef JOIN
}

/* A way to multiply: what one turn does, a product and a sum counted as two. */
typedef struct way {
    const char *name;
    float (*turns)(float start);
    double flop_per_turn;
} way;
static const way TILES = {"TDPBF16PS", tile_turns, 4 * 16384.0 / TILE_SHARE}; /* 16 by 16 by 32 */
static const way DOT = {"VDPBF16PS", dot_turns, SUMS * 64}; /* 16 lanes, 2 products and sums each */
static const way FMA = {"AVX2 FMA", fma_turns, SUMS * 16};  /* 8 lanes */
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
    int threads = argc == 3 ? atoi(argv[1]) : 0;
    if (threads < 1 || threads > THREADS_MAX) return 2;
    if (strcmp(argv[2], "bf16-dp") == 0) {
        chosen = sw_tensor_has_instructions(SW_RULE_PAIRS) ? &DOT : &FMA;
    } else if (strcmp(argv[2], "bf16-amx") == 0 && sw_tensor_has_instructions(SW_RULE_TILES)) {
        chosen = &TILES;
    } else {
        fprintf(stderr, "no instruction for %s here\n", argv[2]);
        return 1;
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
    printf("%.1f %s\n", best, chosen->name);
    return 0;
}
