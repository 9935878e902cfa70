/* SPDX-License-Identifier: Apache-2.0
 *
 * The bits of every operator: the same in any order of its jobs, on any number of lanes, and in
 * whatever mode the caller computes (docs/formats/numerics.md NUM-003, NUM-013); and those of bf16
 * are those of f32, rounded once (NUM-001).
 */
#include "attend.h"
#include <immintrin.h>

/* ---- what an operator gives, byte after byte ---- */

typedef struct results {
    uint8_t *bytes;
    size_t size;
} results;

enum { ROOM = 1 << 20, POOL = 1 << 17 };
static float *pool; /* between -1 and 1, some as small as the smallest normal number or smaller */

static int pool_open(void **state) {
    (void)state;
    pool = noise_floats(1, POOL, 1);
    for (size_t i = 5; i < POOL; i += 11) pool[i] = ldexpf(pool[i], -125);
    return 0;
}

static int pool_close(void **state) {
    (void)state;
    free(pool);
    return 0;
}

static void keep(results *r, const void *bytes, size_t size) {
    assert_true(size <= ROOM - r->size);
    memcpy(r->bytes + r->size, bytes, size);
    r->size += size;
}

static void keep_and_free(results *r, void *bytes, size_t size) {
    keep(r, bytes, size);
    free(bytes);
}

/* `count` numbers of the pool from `first` on, that may be written. */
static float *copy(size_t first, size_t count) {
    float *out = malloc((count + 1) * sizeof *out);
    memcpy(out, pool + first, count * sizeof *out);
    return out;
}

/* ---- operators ---- */

static void run_norm(const sw_compute *c, results *r) {
    enum { TOKENS = 37, COLUMNS = 300, ALL = TOKENS * COLUMNS };
    float rstd[TOKENS], *dx = copy(900, ALL), *dweight = copy(7, COLUMNS);
    void *out = malloc(ALL * sizeof(float)), *again = malloc(ALL * sizeof(float));
    sw_norm n = {.x = pool,
                 .weight = pool + ALL,
                 .rstd = rstd,
                 .rows = TOKENS,
                 .columns = COLUMNS,
                 .epsilon = 1e-5f};
    sw_norm_forward(c, &n, out);
    sw_norm_again(c, &n, again);
    sw_norm_backward(c, &n, pool + 2 * ALL, dx, dweight);
    keep(r, rstd, sizeof rstd);
    keep_and_free(r, out, ALL * sw_dtype_bytes(c->dtype));
    keep_and_free(r, again, ALL * sw_dtype_bytes(c->dtype));
    keep_and_free(r, dx, ALL * sizeof *dx);
    keep_and_free(r, dweight, COLUMNS * sizeof *dweight);
}

static void run_swiglu(const sw_compute *c, results *r) {
    enum { COUNT = 8192 + 701 };
    size_t size = COUNT * sw_dtype_bytes(c->dtype);
    void *gate = operands(c, pool, COUNT), *up = operands(c, pool + COUNT, COUNT), *out[4];
    for (int i = 0; i < 4; i++) out[i] = malloc(COUNT * sizeof(float));
    sw_swiglu_grad g = {.gate = gate,
                        .up = up,
                        .dh = pool + 2 * COUNT,
                        .dgate = out[1],
                        .dup = out[2],
                        .h = out[3],
                        .count = COUNT};
    sw_swiglu_forward(c, gate, up, out[0], COUNT);
    sw_swiglu_backward(c, &g);
    for (int i = 0; i < 4; i++) keep_and_free(r, out[i], size);
    free(gate);
    free(up);
}

static void run_rope(const sw_compute *c, results *r) {
    enum { T = 21, H = 3, WIDE = 16, ALL = T * H * WIDE };
    float cosine[T * WIDE / 2], sine[T * WIDE / 2];
    uint32_t position[T];
    for (uint32_t t = 0; t < T; t++) position[t] = t * 5 % T;
    sw_rope rope = {.cosine = cosine,
                    .sine = sine,
                    .position = position,
                    .rows = T,
                    .heads = H,
                    .head_dim = WIDE};
    const sw_rope_settings settings[] = {{.theta = 10000},
                                         {.theta = 500000,
                                          .kind = SW_ROPE_LLAMA3,
                                          .factor = 3,
                                          .low_freq_factor = 1,
                                          .high_freq_factor = 4,
                                          .original_max_position_embeddings = 700}};
    for (int i = 0; i < 4; i++) {
        void *out = malloc(ALL * sizeof(float));
        sw_rope_frequencies(out, WIDE, &settings[i / 2]);
        keep(r, out, WIDE / 2 * sizeof(float));
        sw_rope_table(cosine, sine, T, WIDE, &settings[i / 2]);
        sw_rope_turn(c, &rope, pool + i, out, i % 2);
        keep(r, cosine, sizeof cosine);
        keep(r, sine, sizeof sine);
        keep_and_free(r, out, ALL * sw_dtype_bytes(c->dtype));
    }
}

static void run_nll(const sw_compute *c, results *r) {
    enum { COUNT = 5, VOCAB = 1301, ALL = COUNT * (VOCAB + 1) };
    const uint32_t target[COUNT] = {0, 1300, 512, 511, 7};
    float *logits = copy(3, ALL), *dlogits = calloc(ALL, sizeof *dlogits);
    double loss[COUNT];
    sw_nll n = {.logits = logits,
                .target = target,
                .rows = COUNT,
                .vocab = VOCAB,
                .logits_stride = VOCAB,
                .loss = loss,
                .scale = 0.3f,
                .dlogits = dlogits,
                .dlogits_stride = VOCAB + 1};
    sw_nll_rows(c, &n);
    keep(r, loss, sizeof loss);
    keep_and_free(r, dlogits, ALL * sw_dtype_bytes(c->dtype));
    free(logits);
}

static void run_embed(const sw_compute *c, results *r) {
    enum { TOKENS = 43, VOCAB = 19, COLUMNS = 200, ALL = TOKENS * COLUMNS };
    uint32_t ids[TOKENS];
    for (uint32_t t = 0; t < TOKENS; t++) ids[t] = t * t % VOCAB;
    void *table = operands(c, pool, VOCAB * COLUMNS);
    float *out = malloc(ALL * sizeof *out), *dtable = copy(4, VOCAB * COLUMNS);
    float *turned = copy(5, ALL);
    sw_source source = {.data = table, .dtype = c->dtype, .stride = COLUMNS};
    sw_embed_forward(c, &source, ids, TOKENS, COLUMNS, out);
    sw_embed_backward(c, ids, pool + 70, TOKENS, COLUMNS, dtable);
    sw_transpose_add(c, turned, pool + 71, COLUMNS / 4, TOKENS * 4);
    keep_and_free(r, out, ALL * sizeof *out);
    keep_and_free(r, dtable, VOCAB * COLUMNS * sizeof *dtable);
    keep_and_free(r, turned, ALL * sizeof *turned);
    free(table);
}

static const sw_adamw STEP_3 = {.beta1 = 0.9,
                                .beta2 = 0.999,
                                .epsilon = 1e-8,
                                .weight_decay = 0.1,
                                .learning_rate = 0.01,
                                .step = 3,
                                .clip = 0.7f};

static void run_adamw(const sw_compute *c, results *r) {
    enum { OUT = 48, IN = 272, COUNT = OUT * IN, CHUNKS = COUNT / 4096 + 1 };
    size_t packed_bytes = sw_pack_elements(IN, OUT) * sw_dtype_bytes(c->dtype);
    float *p[2], *m = copy(1, COUNT), *v = copy(2, COUNT);
    void *t = malloc(packed_bytes), *n = malloc(packed_bytes);
    double partial[CHUNKS], sum;
    for (size_t i = 0; i < COUNT; i++) v[i] = fabsf(v[i]);
    for (int i = 0; i < 2; i++) p[i] = copy(3, COUNT);
    const sw_adamw_values first = {p[0], pool + 50, m, v}, second = {p[1], pool + 51, m, v};
    const sw_both_sides both = {p[1], OUT, IN, t, n};
    sw_adamw_step(c, &STEP_3, &first, COUNT);
    sw_adamw_step_packed(c, &STEP_3, &second, &both);
    sum = sw_squares(c, p[0], COUNT, partial);
    keep(r, &sum, sizeof sum);
    for (int i = 0; i < 2; i++) keep_and_free(r, p[i], COUNT * sizeof *m);
    keep_and_free(r, m, COUNT * sizeof *m);
    keep_and_free(r, v, COUNT * sizeof *v);
    keep_and_free(r, t, packed_bytes);
    keep_and_free(r, n, packed_bytes);
}

static void run_adamw8(const sw_compute *c, results *r) {
    enum { COUNT = 2 * 4096 + 300, BLOCKS = COUNT / SW_DYNAMIC_BLOCK + 1 };
    uint8_t *codes = calloc(2, COUNT);
    float absmax[2][BLOCKS] = {0}, *p = copy(9, COUNT);
    sw_moments8 s = {codes, codes + COUNT, absmax[0], absmax[1]};
    for (size_t step = 0; step < 2; step++)
        sw_adamw8_step(c, &STEP_3, p, pool + 80 + step, &s, COUNT);
    keep_and_free(r, codes, 2 * COUNT);
    keep(r, absmax, sizeof absmax);
    keep_and_free(r, p, COUNT * sizeof *p);
}

static void run_dropout(const sw_compute *c, results *r) {
    enum { COUNT = 1501 };
    sw_dropout d = {.seed = 42, .stream = 7, .p = 0.3};
    void *in = operands(c, pool, COUNT), *out = malloc(COUNT * sizeof(float));
    float *sum = copy(60, COUNT);
    sw_dropout_apply(c, &d, in, out, COUNT);
    sw_dropout_add(c, &d, pool + 9, sum, COUNT);
    keep_and_free(r, out, COUNT * sw_dtype_bytes(c->dtype));
    keep_and_free(r, sum, COUNT * sizeof *sum);
    free(in);
}

static void run_dora(const sw_compute *c, results *r) {
    enum { COUNT = 37, COLUMNS = 70, RANK = 3, ALL = COUNT * COLUMNS };
    float norm[COUNT], dm[COLUMNS] = {0}, *out = malloc(ALL * sizeof *out);
    void *in = operands(c, pool, ALL);
    sw_row_norms n = {.w = {.data = in, .dtype = c->dtype, .stride = COLUMNS},
                      .a = pool + 5000,
                      .b = pool + 6000,
                      .scale = 1.7f,
                      .rank = RANK,
                      .rows = COUNT,
                      .columns = COLUMNS};
    sw_gains g = {.in = in,
                  .in_dtype = c->dtype,
                  .gain = pool + 7000,
                  .bias = pool + 8000,
                  .add = pool + 9000,
                  .out = out,
                  .rows = COUNT,
                  .columns = COLUMNS};
    sw_row_norms_find(c, &n, norm);
    sw_gains_apply(c, &g);
    sw_gains_backward(c, &(sw_gains_grad){in, pool + 10000, pool + 7000, dm, COUNT, COLUMNS});
    keep(r, norm, sizeof norm);
    keep(r, dm, sizeof dm);
    keep_and_free(r, out, ALL * sizeof *out);
    free(in);
}

/* Of a packed matrix and one that lies in NF4, into either type. */
static void run_products(const sw_compute *c, results *r) {
    enum { M = 61, N = 83, DEPTH = 70, WEIGHTS = DEPTH * N };
    void *a = operands(c, pool, M * DEPTH),
         *packed = malloc(sw_pack_elements(DEPTH, N) * sizeof(float));
    uint8_t codes[WEIGHTS / 2], scales[WEIGHTS / SW_NF4_BLOCK + 1];
    float nested[1], absmax[WEIGHTS / SW_NF4_BLOCK + 1], sums[M * N];
    sw_nf4 w = {.count = WEIGHTS, .codes = codes, .scales = scales, .nested = nested};
    sw_nf4_quantise(c, &w, pool + 700, SW_DTYPE_F32, absmax);
    sw_source plain = {.data = pool + 100, .dtype = SW_DTYPE_F32, .stride = N};
    sw_source lying = {.nf4 = &w, .stride = N};
    sw_pack(c, packed, &plain, false, DEPTH, N);
    sw_gemm_term term = {.a = a, .a_stride = DEPTH, .b_strip = sw_pack_strip(DEPTH), .k = DEPTH};
    sw_gemm g = {.m = M,
                 .n = N,
                 .term_count = 2,
                 .terms = {term, term},
                 .scale = 0.3f,
                 .c = sums,
                 .c_stride = N,
                 .panels = malloc(sw_gemm_panel_bytes(c->dtype, 2 * DEPTH, N))};
    g.terms[0].b = packed;
    g.terms[1].lying = &lying;
    for (int narrow = 0; narrow < 2; narrow++) {
        memset(sums, 0, sizeof sums);
        g.c_dtype = narrow ? SW_DTYPE_BF16 : SW_DTYPE_F32;
        g.add = narrow ? NULL : pool + 900;
        sw_gemm_run(c, &g);
        keep(r, sums, sizeof sums);
    }
    keep(r, codes, sizeof codes);
    keep(r, scales, sizeof scales);
    keep(r, nested, sizeof nested);
    keep(r, &w.offset, sizeof w.offset);
    keep(r, w.scale_value, sizeof w.scale_value);
    free(a);
    free(packed);
    free(g.panels);
}

static void run_attention(const sw_compute *c, results *r) {
    static attended all;
    attend(c, (rows){SEGMENTS, 3, 0}, pool, pool + Q + 2 * K, &all);
    keep(r, &all, sizeof all);
}

static void run_convert(const sw_compute *c, results *r) {
    enum { COUNT = 2 * 16384 + 77 };
    void *out = malloc(COUNT * sizeof(float));
    sw_convert(c, out, pool + 3, COUNT);
    keep_and_free(r, out, COUNT * sw_dtype_bytes(c->dtype));
}

static const struct {
    const char *name;
    void (*run)(const sw_compute *c, results *r);
} OPERATORS[] = {
    {"norm", run_norm},         {"swiglu", run_swiglu},       {"rope", run_rope},
    {"nll", run_nll},           {"embed", run_embed},         {"adamw", run_adamw},
    {"adamw8", run_adamw8},     {"dropout", run_dropout},     {"dora", run_dora},
    {"products", run_products}, {"attention", run_attention}, {"convert", run_convert}};
#define OPERATOR_COUNT (sizeof OPERATORS / sizeof *OPERATORS)

/* ---- comparisons ---- */

static results run(size_t which, const sw_compute *c) {
    results r = {.bytes = malloc(ROOM)};
    OPERATORS[which].run(c, &r);
    assert_true(r.size > 0);
    return r;
}

static void check_same(size_t which, const results *r, const results *other) {
    assert_int_equal(r->size, other->size);
    for (size_t i = 0; i < r->size; i++)
        if (r->bytes[i] != other->bytes[i])
            fail_msg("%s: byte %zu of %zu differs", OPERATORS[which].name, i, r->size);
}

static sw_compute compute_of(size_t which) {
    return which == 0 ? compute_f32() : which == 1 ? compute_bf16(false) : compute_tiles(false);
}

static void test_any_order_of_jobs(void **state) {
    (void)state;
    for (size_t i = 0; i < 3 * OPERATOR_COUNT; i++) {
        size_t lanes = 3;
        sw_compute c = compute_of(i % 3), other = c;
        other.parallel = (sw_parallel){.pool = &lanes, .run = backwards_run, .lanes = lanes};
        results one = run(i / 3, &c), two = run(i / 3, &other);
        check_same(i / 3, &one, &two);
        free(one.bytes);
        free(two.bytes);
    }
}

/* Rounding down, up and to zero, and with denormals flushed. */
static void test_any_mode(void **state) {
    (void)state;
    static const unsigned modes[] = {0x2000, 0x4000, 0x6000, 0x8040};
    for (size_t i = 0; i < 3 * OPERATOR_COUNT; i++) {
        sw_compute c = compute_of(i % 3);
        results usual = run(i / 3, &c);
        for (size_t m = 0; m < sizeof modes / sizeof *modes; m++) {
            unsigned held = _mm_getcsr();
            _mm_setcsr(held | modes[m]);
            results r = run(i / 3, &c);
            bool restored = (_mm_getcsr() & 0xe040u) == modes[m];
            _mm_setcsr(held);
            assert_true(restored);
            check_same(i / 3, &r, &usual);
            free(r.bytes);
        }
        free(usual.bytes);
    }
}

/* ---- bf16 beside f32 ---- */

enum { COUNT = 1200 };

/* From COUNT elements at `in` and as many behind them to some at `out`, all E; returns how many. */
typedef size_t (*maker)(const sw_compute *c, const void *in, void *out);

static size_t make_norm(const sw_compute *c, const void *in, void *out) {
    (void)in;
    float rstd[4];
    sw_norm n = {.x = pool,
                 .weight = pool + COUNT,
                 .rstd = rstd,
                 .rows = 4,
                 .columns = COUNT / 4,
                 .epsilon = 1e-5f};
    sw_norm_forward(c, &n, out);
    sw_norm_again(c, &n, (uint8_t *)out + COUNT * sw_dtype_bytes(c->dtype));
    return 2 * COUNT;
}

static size_t make_swiglu(const sw_compute *c, const void *in, void *out) {
    const void *up = sw_elements_at(in, COUNT, c->dtype);
    uint8_t *to = out;
    size_t size = COUNT * sw_dtype_bytes(c->dtype);
    sw_swiglu_grad g = {.gate = in,
                        .up = up,
                        .dh = pool,
                        .dgate = to + size,
                        .dup = to + 2 * size,
                        .h = to + 3 * size,
                        .count = COUNT};
    sw_swiglu_forward(c, in, up, out, COUNT);
    sw_swiglu_backward(c, &g);
    return 4 * COUNT;
}

static size_t make_rope(const sw_compute *c, const void *in, void *out) {
    (void)in;
    enum { T = 12, WIDE = 20, IN_ROW = COUNT / T / WIDE };
    float cosine[T * WIDE / 2], sine[T * WIDE / 2];
    uint32_t position[T];
    for (uint32_t t = 0; t < T; t++) position[t] = T - 1 - t;
    sw_rope_table(cosine, sine, T, WIDE, &(sw_rope_settings){.theta = 10000});
    sw_rope r = {cosine, sine, position, T, IN_ROW, WIDE};
    sw_rope_turn(c, &r, pool, out, false);
    sw_rope_turn(c, &r, pool, (uint8_t *)out + COUNT * sw_dtype_bytes(c->dtype), true);
    return 2 * COUNT;
}

static size_t make_nll(const sw_compute *c, const void *in, void *out) {
    (void)in;
    const uint32_t target[2] = {0, COUNT / 2 - 1};
    float *logits = copy(0, COUNT);
    double loss[2];
    sw_nll n = {.logits = logits,
                .target = target,
                .rows = 2,
                .vocab = COUNT / 2,
                .logits_stride = COUNT / 2,
                .loss = loss,
                .scale = 0.3f,
                .dlogits = out,
                .dlogits_stride = COUNT / 2};
    sw_nll_rows(c, &n);
    free(logits);
    return COUNT;
}

static size_t make_dropout(const sw_compute *c, const void *in, void *out) {
    sw_dropout d = {.seed = 1, .stream = 2, .p = 0.1};
    sw_dropout_apply(c, &d, in, out, COUNT);
    return COUNT;
}

static void check_rounded(maker make, size_t which) {
    sw_compute wide = compute_f32(), narrow = compute_bf16(false);
    void *in = operands(&narrow, pool, 2 * COUNT);
    float *in_values = values(&narrow, in, 2 * COUNT), out[4 * COUNT];
    sw_bf16 rounded[4 * COUNT];
    size_t count = make(&wide, in_values, out);
    assert_int_equal(make(&narrow, in, rounded), count);
    for (size_t i = 0; i < count; i++)
        if (rounded[i] != bf16_of(out[i]))
            fail_msg("maker %zu at %zu: %04x of %a", which, i, rounded[i], (double)out[i]);
    free(in);
    free(in_values);
}

static void test_bf16_is_f32_rounded(void **state) {
    (void)state;
    static const maker makers[] = {make_norm, make_swiglu, make_rope, make_nll, make_dropout};
    for (size_t i = 0; i < sizeof makers / sizeof *makers; i++) check_rounded(makers[i], i);
}

/* Of more than two jobs. */
static void test_convert(void **state) {
    (void)state;
    enum { MANY = 2 * 16384 + 77 };
    static float wide[MANY];
    static sw_bf16 narrow[MANY];
    sw_compute c = compute_f32(), d = compute_bf16(false);
    sw_convert(&c, wide, pool, MANY);
    sw_convert(&d, narrow, pool, MANY);
    assert_memory_equal(wide, pool, sizeof wide);
    for (size_t i = 0; i < MANY; i++) assert_int_equal(narrow[i], bf16_of(pool[i]));
}

/* Rows of a table in any type are its values. */
static void test_embedding_of_any_type(void **state) {
    (void)state;
    enum { TOKENS = 11, COLUMNS = 30, VOCAB = COUNT / COLUMNS };
    uint32_t ids[TOKENS];
    for (uint32_t t = 0; t < TOKENS; t++) ids[t] = (t * 7 + 3) % VOCAB;
    sw_compute c = compute_f32();
    for (sw_dtype type = SW_DTYPE_F32; type <= SW_DTYPE_F16; type++) {
        const void *table = pool; /* any bits */
        float found[TOKENS * COLUMNS], expected[COLUMNS];
        sw_source source = {.data = table, .dtype = type, .stride = COLUMNS};
        sw_embed_forward(&c, &source, ids, TOKENS, COLUMNS, found);
        for (size_t t = 0; t < TOKENS; t++) {
            sw_elements_load(expected, sw_elements_at(table, ids[t] * COLUMNS, type), type,
                             COLUMNS);
            assert_memory_equal(found + t * COLUMNS, expected, sizeof expected);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_order_of_jobs), cmocka_unit_test(test_any_mode),
        cmocka_unit_test(test_bf16_is_f32_rounded), cmocka_unit_test(test_convert),
        cmocka_unit_test(test_embedding_of_any_type)};
    return cmocka_run_group_tests_name("bits of operators", tests, pool_open, pool_close);
}
