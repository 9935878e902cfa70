/* SPDX-License-Identifier: Apache-2.0
 *
 * Every bit of three quotes and of three sets of collateral of Intel's, flipped one by one: no flip
 * changes an answer. What is flipped goes through the stages of the verifier that look at it; the
 * stages take what else they need as arguments, so the rest is as it was. Whole judgements are
 * sampled over every vector besides.
 *
 * A flip is refused, or every value that is returned equals the original's; those that change
 * nothing are counted by cause.
 */
#include "attest/intel.h"

#include <pthread.h>

/* Sanitizers make a judgement ten times as slow: then every n-th bit alone. */
#if defined(SW_VARIANT_ASAN) || defined(SW_VARIANT_TSAN)
enum { STEP = 67, WHOLE_STEP = 4999, REST_STEP = 19997 };
#else
enum { STEP = 1, WHOLE_STEP = 997, REST_STEP = 2503 };
#endif
enum { THREADS = 2, MESSAGE_BYTES = 160 };

/* What became of flips; `failed` says where an answer changed. */
typedef struct tally {
    size_t layout, ground, quote, document, unchanged_hex_case, whole;
    char failed[MESSAGE_BYTES];
} tally;

static void tally_add(tally *to, const tally *from) {
    to->layout += from->layout;
    to->ground += from->ground;
    to->quote += from->quote;
    to->document += from->document;
    to->unchanged_hex_case += from->unchanged_hex_case;
    to->whole += from->whole;
    if (from->failed[0] != 0) memcpy(to->failed, from->failed, sizeof to->failed);
}

static void changed(tally *t, const char *folder, const char *part, size_t bit) {
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

static void flip(sw_bytes text, size_t bit) {
    ((uint8_t *)(uintptr_t)text.data)[bit / 8] ^= (uint8_t)(1 << bit % 8);
}

static bool same_verdict(const sw_tdx_verdict *a, const sw_tdx_verdict *b) {
    return sw_hash_equal(&a->anchor, &b->anchor) && memcmp(&a->pck, &b->pck, sizeof a->pck) == 0 &&
           a->tcb.all == b->tcb.all && a->tcb.platform == b->tcb.platform &&
           a->tcb.module == b->tcb.module && a->tcb.qe == b->tcb.qe &&
           a->tcb.date_ms == b->tcb.date_ms && strcmp(a->tcb.advisories, b->tcb.advisories) == 0 &&
           a->valid_from_ms == b->valid_from_ms && a->valid_until_ms == b->valid_until_ms;
}

/* ---- quotes ---- */
static void quote_bit(bench *b, size_t bit) {
    sw_tdx_quote q;
    sw_tdx_verdict verdict;
    if (sw_tdx_quote_parse(b->v.quote, &q, NULL) != SW_OK) {
        b->t.layout++;
        return;
    }
    if (!sw_bytes_equal(q.pck_chain, b->ground.pck_chain->text)) {
        sw_tdx_ground other;
        bool held =
            sw_tdx_ground_verify(q.pck_chain, &b->v.collateral, &b->by, &other, NULL) == SW_OK;
        sw_tdx_ground_free(&other);
        b->t.ground++;
        if (held) changed(&b->t, b->folder, "quote's chain", bit);
    } else if (sw_tdx_quote_verify(&q, &b->ground, &verdict, NULL) != SW_OK) {
        b->t.quote++;
    } else {
        changed(&b->t, b->folder, "quote", bit);
    }
}

static void whole_bit(bench *b, const char *part, size_t bit) {
    sw_tdx_verdict verdict;
    b->t.whole++;
    if (judge(&b->v, b->v.at_ms, &verdict, NULL) == SW_OK && !same_verdict(&verdict, &b->verdict))
        changed(&b->t, b->folder, part, bit);
}

static void *flip_quote(void *argument) {
    bench *b = argument;
    for (size_t bit = b->thread * STEP; bit < 8 * b->v.quote.size; bit += THREADS * STEP) {
        flip(b->v.quote, bit);
        quote_bit(b, bit);
        if (bit % WHOLE_STEP == 0) whole_bit(b, "quote", bit);
        flip(b->v.quote, bit);
    }
    return NULL;
}

/* ---- collateral ---- */
static void chain_bit(bench *b, size_t bit) {
    sw_part *part = NULL;
    sw_p256_public key;
    sw_status status = sw_tcb_signer_verify(&b->ground, b->v.collateral.tcb_info.issuer_chain, "x",
                                            &part, &key, NULL);
    sw_part_drop(&part);
    b->t.ground++;
    if (status == SW_OK) changed(&b->t, b->folder, "issuer chain", bit);
}

static void list_bit(bench *b, const char *what, size_t bit) {
    sw_tdx_ground g = {.by = &b->by, .window = {b->v.at_ms, INT64_MIN, INT64_MAX}};
    sw_status status = sw_tdx_roots_verify(b->quote.pck_chain, &b->v.collateral, &g, NULL);
    sw_tdx_ground_free(&g);
    b->t.ground++;
    if (status == SW_OK) changed(&b->t, b->folder, what, bit);
}

/* An answer of the service as a file: its JSON around the signed text is flipped too. */
typedef struct answer {
    sw_bytes file;
    const char *member;
    sw_part_kind kind;
    const sw_signed_json *good;
} answer;

static void answer_bit(bench *b, const answer *a, size_t bit) {
    sw_signed_json s = {.issuer_chain = a->good->issuer_chain};
    if (sw_pcs_parse(a->file, a->member, &s, NULL) != SW_OK) {
        b->t.layout++;
        return;
    }
    if (sw_bytes_equal(s.text, a->good->text) &&
        memcmp(s.signature, a->good->signature, sizeof s.signature) == 0) {
        uint8_t now = a->file.data[bit / 8];
        bool letter = (now | 32) >= 'a' && (now | 32) <= 'f' && bit % 8 == 5;
        b->t.unchanged_hex_case += letter;
        if (!letter) changed(&b->t, b->folder, a->member, bit);
        return;
    }
    sw_part *part = NULL;
    sw_status status = sw_tcb_document_verify(&b->ground, a->kind, &s, &b->signer, &part, NULL);
    sw_part_drop(&part);
    b->t.document++;
    if (status == SW_OK) changed(&b->t, b->folder, a->member, bit);
}

static void flip_answers(bench *b) {
    const sw_collateral *c = &b->v.collateral;
    const answer answers[2] = {
        {load(&b->v.arena, b->folder, "tcb_info.json"), "tcbInfo", SW_PART_TCB_INFO, &c->tcb_info},
        {load(&b->v.arena, b->folder, "qe_identity.json"), "enclaveIdentity", SW_PART_QE_IDENTITY,
         &c->qe_identity}};
    for (size_t i = 0; i < COUNT_OF(answers); i++)
        for (size_t bit = b->thread * STEP; bit < 8 * answers[i].file.size; bit += THREADS * STEP) {
            flip(answers[i].file, bit);
            answer_bit(b, &answers[i], bit);
            flip(answers[i].file, bit);
        }
}

static void *flip_collateral(void *argument) {
    bench *b = argument;
    const sw_collateral *c = &b->v.collateral;
    const sw_bytes lists[2] = {c->pck_crl, c->root_crl};
    flip_answers(b);
    for (size_t bit = b->thread * STEP; bit < 8 * c->tcb_info.issuer_chain.size;
         bit += THREADS * STEP) {
        flip(c->tcb_info.issuer_chain, bit);
        chain_bit(b, bit);
        flip(c->tcb_info.issuer_chain, bit);
    }
    for (size_t i = 0; i < 2; i++)
        for (size_t bit = b->thread * STEP; bit < 8 * lists[i].size; bit += THREADS * STEP) {
            flip(lists[i], bit);
            list_bit(b, i == 0 ? "PCK list" : "root's list", bit);
            flip(lists[i], bit);
        }
    return NULL;
}

/* ---- in two threads, each with a vector and a verifier of its own ---- */
static void bench_open(bench *b, const char *folder, size_t thread) {
    memset(b, 0, sizeof *b);
    b->folder = folder;
    b->thread = thread;
    assert_true(open_vector(&b->v, folder));
    b->by = (sw_judge){&intel, b->v.at_ms, NULL};
    assert_int_equal(sw_verifier_open(NULL, &b->by.verifier, NULL), SW_OK);
    assert_int_equal(sw_tdx_quote_parse(b->v.quote, &b->quote, NULL), SW_OK);
    assert_int_equal(
        sw_tdx_ground_verify(b->quote.pck_chain, &b->v.collateral, &b->by, &b->ground, NULL),
        SW_OK);
    assert_int_equal(sw_tdx_quote_verify(&b->quote, &b->ground, &b->verdict, NULL), SW_OK);
    sw_tdx_ground_keep(&b->ground);
    b->signer = b->ground.tcb_info->signer;
}

static void bench_close(bench *b) {
    sw_tdx_ground_free(&b->ground);
    sw_verifier_close(&b->by.verifier);
    close_vector(&b->v);
}

static tally in_threads(const char *folder, void *(*work)(void *)) {
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

static const char *const QUOTES[] = {GOOD, GOOD_V5, "v4-00a06d-granite-outofdate-2025-10-trustee"};
static const char *const SETS[] = {GOOD, "v4-00806f-uptodate-2024-06-automata",
                                   "v4-50806f-debug-td-2023-06-trustee"};

static void test_quotes(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(QUOTES); i++) {
        tally t = in_threads(QUOTES[i], flip_quote);
        print_message("# %s, bits refused: %zu by layout, %zu by the chain, %zu by the quote's own "
                      "checks; unchanged 0; %zu judged whole\n",
                      QUOTES[i], t.layout, t.ground, t.quote, t.whole);
        assert_true(STEP > 1 || t.layout + t.ground + t.quote > 8 * 4900);
    }
}

static void test_collateral(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(SETS); i++) {
        tally t = in_threads(SETS[i], flip_collateral);
        print_message("# %s, bits refused: %zu by layout, %zu by chain or list, %zu by signature; "
                      "unchanged: %zu (case of a signature's hex digit)\n",
                      SETS[i], t.layout, t.ground, t.document, t.unchanged_hex_case);
        assert_true(STEP > 1 || t.ground > 8 * 2500);
    }
}

/* ---- the rest, sampled: whole judgements ---- */
static void sample(bench *b, sw_bytes text, const char *part) {
    for (size_t bit = text.size % REST_STEP; bit < 8 * text.size; bit += REST_STEP) {
        flip(text, bit);
        whole_bit(b, part, bit);
        flip(text, bit);
    }
}

static size_t sample_vector(const char *folder) {
    static bench b;
    size_t count = 0;
    memset(&b, 0, sizeof b);
    b.folder = folder;
    if (open_vector(&b.v, folder) && b.v.expected != NULL &&
        judge(&b.v, b.v.at_ms, &b.verdict, NULL) == SW_OK) {
        const sw_collateral *c = &b.v.collateral;
        sample(&b, b.v.quote, "quote");
        sample(&b, c->tcb_info.text, "TCB info");
        sample(&b, c->qe_identity.text, "QE identity");
        sample(&b, c->tcb_info.issuer_chain, "issuer chain");
        sample(&b, c->pck_crl, "PCK list");
        sample(&b, c->root_crl, "root's list");
        count = b.t.whole;
    }
    close_vector(&b.v);
    if (b.t.failed[0] != 0) fail_msg("%s", b.t.failed);
    return count;
}

static void test_rest(void **state) {
    (void)state;
    size_t flips = 0, vectors = 0;
    DIR *folder = opendir(VECTORS);
    assert_non_null(folder);
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        size_t count = entry->d_name[0] == 'v' ? sample_vector(entry->d_name) : 0;
        flips += count;
        vectors += count > 0;
    }
    (void)closedir(folder);
    print_message("# %zu flips sampled over %zu vectors\n", flips, vectors);
    assert_true(vectors >= 34);
}

int main(void) {
    if (!intel_open()) return 0;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quotes),
        cmocka_unit_test(test_collateral),
        cmocka_unit_test(test_rest),
    };
    return cmocka_run_group_tests_name("intel_flips", tests, NULL, NULL);
}
