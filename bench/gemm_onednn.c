/* SPDX-License-Identifier: Apache-2.0
 *
 * The peer of gemm.c: the same shapes by oneDNN (2.x, as Debian packages it), weights in the layout
 * that it chooses. gemm_onednn bf16|f32 MxNxK... prints GFLOP/s of each on one line, then its
 * version; it has bf16 only where the processor has AVX-512. OMP_NUM_THREADS says how many threads.
 */
#include <oneapi/dnnl/dnnl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROUNDS = 7, SOME_BF16 = 0x3c };
#define ROUND_SECONDS 0.1

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void need(dnnl_status_t status) {
    if (status == dnnl_success) return;
    fprintf(stderr, "gemm_onednn: status %d\n", (int)status);
    exit(1);
}

static dnnl_memory_t memory_of(const dnnl_memory_desc_t *md, dnnl_engine_t engine) {
    dnnl_memory_t memory;
    void *data;
    need(dnnl_memory_create(&memory, md, engine, DNNL_MEMORY_ALLOCATE));
    need(dnnl_memory_get_data_handle(memory, &data));
    memset(data, SOME_BF16, dnnl_memory_desc_get_size(md));
    return memory;
}

static dnnl_data_type_t type; /* of all three matrices */

static double rate_of(dnnl_engine_t engine, dnnl_stream_t stream, dnnl_dim_t m, dnnl_dim_t n,
                      dnnl_dim_t k) {
    const dnnl_dims_t a_dims = {m, k}, b_dims = {k, n}, c_dims = {m, n};
    dnnl_memory_desc_t a, b, c;
    dnnl_matmul_desc_t matmul;
    dnnl_primitive_desc_t chosen;
    dnnl_primitive_t product;
    need(dnnl_memory_desc_init_by_tag(&a, 2, a_dims, type, dnnl_ab));
    need(dnnl_memory_desc_init_by_tag(&b, 2, b_dims, type, dnnl_format_tag_any));
    need(dnnl_memory_desc_init_by_tag(&c, 2, c_dims, type, dnnl_ab));
    need(dnnl_matmul_desc_init(&matmul, &a, &b, NULL, &c));
    need(dnnl_primitive_desc_create(&chosen, &matmul, NULL, engine, NULL));
    need(dnnl_primitive_create(&product, chosen));
    const dnnl_memory_desc_t *weights =
        dnnl_primitive_desc_query_md(chosen, dnnl_query_weights_md, 0);
    const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_SRC, memory_of(&a, engine)},
                                         {DNNL_ARG_WEIGHTS, memory_of(weights, engine)},
                                         {DNNL_ARG_DST, memory_of(&c, engine)}};
    double best = 0;
    for (int r = 0; r < ROUNDS; r++) {
        double start = seconds(), spent = 0;
        size_t products = 0;
        for (; spent < ROUND_SECONDS; products++, spent = seconds() - start) {
            need(dnnl_primitive_execute(product, stream, 3, arguments));
            need(dnnl_stream_wait(stream));
        }
        double rate = 2.0 * (double)m * (double)n * (double)k * (double)products / spent * 1e-9;
        if (rate > best) best = rate;
    }
    for (size_t i = 0; i < 3; i++) need(dnnl_memory_destroy(arguments[i].memory));
    need(dnnl_primitive_destroy(product));
    need(dnnl_primitive_desc_destroy(chosen));
    return best;
}

int main(int argc, char **argv) {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    if (argc < 3) return 2;
    type = strcmp(argv[1], "bf16") == 0 ? dnnl_bf16 : dnnl_f32;
    need(dnnl_engine_create(&engine, dnnl_cpu, 0));
    need(dnnl_stream_create(&stream, engine, dnnl_stream_default_flags));
    for (int i = 2; i < argc; i++) {
        long long m, n, k;
        if (sscanf(argv[i], "%lldx%lldx%lld", &m, &n, &k) != 3) return 2;
        printf("%s%.1f", i > 2 ? " " : "", rate_of(engine, stream, m, n, k));
    }
    const dnnl_version_t *v = dnnl_version();
    printf("\n%d.%d.%d\n", v->major, v->minor, v->patch);
    need(dnnl_stream_destroy(stream));
    return dnnl_engine_destroy(engine) == dnnl_success ? 0 : 1;
}
