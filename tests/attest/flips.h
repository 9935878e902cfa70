/* SPDX-License-Identifier: Apache-2.0
 *
 * Flips of single bits, in two threads: what the two programs that flip Intel's own data share.
 *
 * What is flipped goes through the stages of the verifier that look at it; the stages take what
 * else they need as arguments, so the rest is as it was. A flip is refused, or every value that is
 * returned equals the original's; those that change nothing are counted by cause.
 */
#ifndef SW_TESTS_ATTEST_FLIPS_H
#define SW_TESTS_ATTEST_FLIPS_H
#include "attest/intel.h"
#include "every_bit.h"

#include <pthread.h>

/* A judgement costs signatures. `make test` flips every fifth bit, so each byte once or twice, and
 * sanitizers, which make it ten times as slow, every 67th; every one where it is asked for. */
enum {
    STEP = SANITIZED ? 67 : 5,
    WHOLE_EVERY = 200, /* of the flips of a quote */
    REST_STEP = SANITIZED ? 19997 : 5003,
    THREADS = 2,
    MESSAGE_BYTES = 160
};

static inline size_t flip_step(void) {
    return every_bit() ? 1 : STEP;
}

/* What became of flips; `failed` says where an answer changed. */
typedef struct tally {
    size_t layout, ground, quote, document, unchanged_hex_case, whole;
    char failed[MESSAGE_BYTES];
} tally;

static inline void tally_add(tally *to, const tally *from) {
    to->layout += from->layout;
    to->ground += from->ground;
    to->quote += from->quote;
    to->document += from->document;
    to->unchanged_hex_case += from->unchanged_hex_case;
    to->whole += from->whole;
    if (from->failed[0] != 0) memcpy(to->failed, from->failed, sizeof to->failed);
}

static inline void changed(tally *t, const char *folder, const char *part, size_t bit) {
    (void)snprintf(t->failed, sizeof t->failed, "%s: bit %zu of the %s changes the answer", folder,
                   bit, part);
}

/* One thread's view of one vector. */
typedef struct bench {
    const char *folder;
    vector v;
    sw_judge by;
    sw_tdx_quote quote;
    sw_tdx_ground ground;
    sw_tdx_verdict verdict;
    sw_p256_public signer;
    tally t;
    size_t thread;
} bench;

static inline void flip(sw_bytes text, size_t bit) {
    ((uint8_t *)(uintptr_t)text.data)[bit / 8] ^= (uint8_t)(1 << bit % 8);
}

static inline bool same_verdict(const sw_tdx_verdict *a, const sw_tdx_verdict *b) {
    return sw_hash_equal(&a->anchor, &b->anchor) && memcmp(&a->pck, &b->pck, sizeof a->pck) == 0 &&
           a->tcb.all == b->tcb.all && a->tcb.platform == b->tcb.platform &&
           a->tcb.module == b->tcb.module && a->tcb.qe == b->tcb.qe &&
           a->tcb.date_ms == b->tcb.date_ms && strcmp(a->tcb.advisories, b->tcb.advisories) == 0 &&
           a->valid_from_ms == b->valid_from_ms && a->valid_until_ms == b->valid_until_ms;
}

/* ---- in two threads, each with a vector and a verifier of its own ---- */
static inline void bench_open(bench *b, const char *folder, size_t thread) {
    memset(b, 0, sizeof *b);
    b->folder = folder;
    b->thread = thread;
    assert_true(open_vector(&b->v, folder));
    b->by = (sw_judge){.policy = &intel, .wall_ms = b->v.at_ms, .any_behind = true};
    assert_int_equal(sw_verifier_open(NULL, &b->by.verifier, NULL), SW_OK);
    assert_int_equal(sw_tdx_quote_parse(b->v.quote, &b->quote, NULL), SW_OK);
    assert_int_equal(
        sw_tdx_ground_verify(b->quote.pck_chain, &b->v.collateral, &b->by, &b->ground, NULL),
        SW_OK);
    assert_int_equal(sw_tdx_quote_verify(&b->quote, &b->ground, &b->verdict, NULL), SW_OK);
    sw_tdx_ground_keep(&b->ground);
    b->signer = b->ground.tcb_info->signer;
}

static inline void bench_close(bench *b) {
    sw_tdx_ground_free(&b->ground);
    sw_verifier_close(&b->by.verifier);
    close_vector(&b->v);
}

static inline tally in_threads(const char *folder, void *(*work)(void *)) {
    static bench benches[THREADS];
    pthread_t threads[THREADS];
    tally all = {0};
    for (size_t i = 0; i < THREADS; i++) bench_open(&benches[i], folder, i);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, &benches[i]), 0);
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        tally_add(&all, &benches[i].t);
        bench_close(&benches[i]);
    }
    if (all.failed[0] != 0) fail_msg("%s", all.failed);
    return all;
}

#endif
