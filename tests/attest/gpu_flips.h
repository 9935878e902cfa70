/* SPDX-License-Identifier: Apache-2.0
 *
 * Flipped evidence of NVIDIA's own devices: what the programs share that flip it. Every bit that is
 * flipped is parsed, and of a report that still parses the flip lies under its signature or in it:
 * that is looked up for every bit. A verification takes a millisecond, so a sample is carried
 * through the signatures, with every bit of a report's own; or all where it is asked for
 * (every_bit.h).
 */
#ifndef SW_TESTS_ATTEST_GPU_FLIPS_H
#define SW_TESTS_ATTEST_GPU_FLIPS_H
#include "attest/gpu_vectors.h"
#include "every_bit.h"
#include "sys/pool.h"

enum { LANES = 2 };

typedef struct tally {
    size_t flips, parsed, carried, held, unsigned_;
} tally;
/* One thread's own copies: parsed certificates are not shared between threads. */
typedef struct lane {
    uint8_t *report, *chain;
    sw_cert_cache known; /* the good certificates, parsed once */
    tally reports, chains;
} lane;
typedef struct work {
    const vector *v;
    sw_p384_public key;
    size_t step; /* bytes from one that is flipped to the next */
    bool every_bit;
    lane lanes[LANES];
} work;

/* Every bit of a byte, or under sanitizers one, in turn. */
static inline size_t bits_of_a_byte(void) {
    return SANITIZED && !every_bit() ? 1 : 8;
}

static inline bool in_turn(size_t at, unsigned bit) {
    return at / 4 % 8 == bit;
}

/* One bit of every fourth byte; of bytes that stand far apart, one bit of each. */
static inline bool chosen(const work *w, size_t at, unsigned bit) {
    return in_turn(at, bit) && (w->step > 1 || at % 4 == 0);
}

/* Is byte `at` one of those that the signature is verified over, or of the signature itself? */
static inline bool judged(const uint8_t *report, const sw_gpu_report *r, size_t at) {
    size_t end = r->signed_part.size;
    return r->signed_part.data == report && at < end + SW_P384_SIGNATURE_BYTES &&
           memcmp(r->signature, report + end, SW_P384_SIGNATURE_BYTES) == 0;
}

static inline void flip_report(const work *w, lane *l, size_t at, unsigned bit) {
    sw_gpu_report r;
    tally *t = &l->reports;
    l->report[at] ^= (uint8_t)(1 << bit);
    t->flips++;
    if (sw_gpu_report_parse(SW_BYTES(l->report, w->v->device.report.size), &r, NULL) == SW_OK) {
        t->parsed++;
        t->unsigned_ += !judged(l->report, &r, at);
        if (w->every_bit || chosen(w, at, bit) || at >= r.signed_part.size) {
            t->carried++;
            t->held += sw_p384_verify_raw(&w->key, r.signed_part, r.signature, NULL) == SW_OK;
        }
    }
    l->report[at] ^= (uint8_t)(1 << bit);
}

static inline void flip_chain(const work *w, lane *l, size_t at, unsigned bit) {
    sw_gpu_chain c = {0};
    sw_window window = {w->v->at_ms, INT64_MIN, INT64_MAX};
    tally *t = &l->chains;
    sw_bytes pem = SW_BYTES(l->chain, w->v->device.chain.size);
    l->chain[at] ^= (uint8_t)(1 << bit);
    t->flips++;
    if (sw_gpu_chain_parse(pem, &l->known, &c, NULL) == SW_OK) {
        t->parsed++;
        if (w->every_bit || chosen(w, at, bit)) {
            t->carried++;
            t->held += chain_verify(&c, &nvidia.device_root, &window, NULL) == SW_OK;
        }
    }
    sw_gpu_chain_free(&c);
    l->chain[at] ^= (uint8_t)(1 << bit);
}

/* Byte number `index` of the report, and of the chain behind it. */
static inline void flip_byte(void *context, size_t index, size_t number) {
    work *w = context;
    size_t at = index * w->step, report = w->v->device.report.size;
    bool in_report = at < report;
    if (!in_report) at -= report;
    for (unsigned bit = 0; bit < 8; bit++) {
        if (bits_of_a_byte() == 1 && !in_turn(at, bit)) continue;
        if (in_report)
            flip_report(w, &w->lanes[number], at, bit);
        else
            flip_chain(w, &w->lanes[number], at, bit);
    }
}

static inline void lane_open(lane *l, const vector *v) {
    sw_gpu_chain c = {0};
    memset(l, 0, sizeof *l);
    l->report = malloc(v->device.report.size);
    l->chain = malloc(v->device.chain.size);
    assert_true(l->report != NULL && l->chain != NULL);
    memcpy(l->report, v->device.report.data, v->device.report.size);
    memcpy(l->chain, v->device.chain.data, v->device.chain.size);
    assert_int_equal(sw_gpu_chain_parse(v->device.chain, NULL, &c, NULL), SW_OK);
    for (size_t i = 0; i < SW_GPU_CHAIN_COUNT; i++) sw_cert_cache_keep(&l->known, c.certs[i]);
    sw_gpu_chain_free(&c);
}

static inline void lane_close(lane *l, tally *reports, tally *chains) {
    size_t *sums[] = {&reports->flips, &reports->parsed,    &reports->carried,
                      &reports->held,  &reports->unsigned_, &chains->flips,
                      &chains->parsed, &chains->carried,    &chains->held};
    const size_t ours[] = {l->reports.flips, l->reports.parsed,    l->reports.carried,
                           l->reports.held,  l->reports.unsigned_, l->chains.flips,
                           l->chains.parsed, l->chains.carried,    l->chains.held};
    for (size_t i = 0; i < COUNT(sums); i++) *sums[i] += ours[i];
    free(l->report);
    free(l->chain);
    sw_cert_cache_free(&l->known);
}

static inline void flip_all(const char *folder, size_t step, tally *reports, tally *chains) {
    static work w;
    static vector v;
    sw_gpu_chain c = {0};
    sw_pool *pool = NULL;
    assert_true(vector_open(&v, folder));
    assert_int_equal(sw_gpu_chain_parse(v.device.chain, NULL, &c, NULL), SW_OK);
    w.v = &v;
    w.key = c.key;
    w.step = step;
    w.every_bit = every_bit() && step == 1;
    sw_gpu_chain_free(&c);
    for (size_t i = 0; i < LANES; i++) lane_open(&w.lanes[i], &v);
    assert_int_equal(sw_pool_open(LANES, &pool, NULL), SW_OK);
    size_t bytes = v.device.report.size + v.device.chain.size;
    sw_pool_run(pool, (bytes + step - 1) / step, flip_byte, &w);
    sw_pool_close(&pool);
    for (size_t i = 0; i < LANES; i++) lane_close(&w.lanes[i], reports, chains);
    sw_arena_free(&v.arena);
}

static inline void say(const char *what, const tally *t) {
    printf("# %s: %zu flips, %zu parsed, %zu carried through signatures, %zu held\n", what,
           t->flips, t->parsed, t->carried, t->held);
}

/* One device. None of its flips holds. */
static inline void flip_device(const char *folder, size_t report_bytes) {
    tally reports = {0}, chains = {0};
    flip_all(folder, 1, &reports, &chains);
    say("reports", &reports);
    say("chains", &chains);
    size_t bits = bits_of_a_byte();
    assert_int_equal(reports.flips, bits * report_bytes);
    assert_true(reports.parsed > bits * report_bytes * 3 / 4 && chains.parsed > bits * 1250);
    assert_true(reports.carried > report_bytes / 6 && chains.carried > 300);
    assert_true(!every_bit() || reports.carried + chains.carried == reports.parsed + chains.parsed);
    assert_int_equal(reports.held, 0);
    assert_int_equal(reports.unsigned_, 0); /* zeros behind a report are guarded by the parser */
    assert_int_equal(chains.held, 0);
}
#endif
