/* SPDX-License-Identifier: Apache-2.0
 *
 * Three quotes of Intel's machines, their bits flipped one by one: no flip changes an answer. Whole
 * judgements are sampled over them and over quote and collateral of every vector besides. With
 * SEALWRIGHT_EVERY_BIT=1 every bit of the three is flipped and judged whole, and every eleventh of
 * the rest.
 */
#include "attest/flips.h"

enum {
    REST_STEP_ASKED = 11
}; /* of 34 vectors with all their collateral, when every bit is asked for */

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
    sw_tdx_quote quote;
    b->t.whole++;
    if (sw_tdx_verify(b->v.quote, &b->v.collateral, &b->by, &quote, &verdict, NULL) == SW_OK &&
        !same_verdict(&verdict, &b->verdict))
        changed(&b->t, b->folder, part, bit);
}

static void *flip_quote(void *argument) {
    bench *b = argument;
    size_t step = flip_step();
    for (size_t bit = b->thread * step; bit < 8 * b->v.quote.size; bit += THREADS * step) {
        flip(b->v.quote, bit);
        quote_bit(b, bit);
        if (every_bit() || bit / step % WHOLE_EVERY == 0) whole_bit(b, "quote", bit);
        flip(b->v.quote, bit);
    }
    return NULL;
}

static const char *const QUOTES[] = {GOOD, GOOD_V5, "v4-00a06d-granite-outofdate-2025-10-trustee"};
static void test_quotes(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(QUOTES); i++) {
        tally t = in_threads(QUOTES[i], flip_quote);
        print_message("# %s, bits refused: %zu by layout, %zu by the chain, %zu by the quote's own "
                      "checks; unchanged 0; %zu judged whole\n",
                      QUOTES[i], t.layout, t.ground, t.quote, t.whole);
        assert_true(t.layout + t.ground + t.quote > 8 * 4900 / flip_step());
    }
}

/* ---- behind the signature data ---- */
/* As it was published, with what agents put behind: nobody signed that, and no bit of it counts. */
static void test_behind(void **state) {
    (void)state;
    vector v;
    sw_quote_claims first, c;
    assert_true(open_vector(&v, GOOD));
    sw_bytes quote = load(&v.arena, GOOD, "quote_as_published.bin");
    assert_true(quote.size > v.quote.size);
    memset(&first, 0, sizeof first);
    assert_int_equal(sw_quote_verify(quote, &v.collateral, &intel, v.at_ms, NULL, &first, NULL),
                     SW_OK);
    assert_true(first.trailing_zeros);
    size_t flips = 0, step = every_bit() ? 1 : 17;
    for (size_t bit = 8 * v.quote.size; bit < 8 * quote.size; bit += step, flips++) {
        flip(quote, bit);
        memset(&c, 0, sizeof c);
        assert_int_equal(sw_quote_verify(quote, &v.collateral, &intel, v.at_ms, NULL, &c, NULL),
                         SW_OK);
        assert_false(c.trailing_zeros); /* said, and the one value that differs */
        c.trailing_zeros = true;
        assert_memory_equal(&c, &first, sizeof c);
        flip(quote, bit);
    }
    print_message("# %s, bits unchanged: %zu, behind the signature data\n", GOOD, flips);
    close_vector(&v);
}

/* ---- the rest, sampled: whole judgements ---- */
static void sample(bench *b, sw_bytes text, const char *part) {
    const size_t step = every_bit() ? REST_STEP_ASKED : REST_STEP;
    for (size_t bit = text.size % step; bit < 8 * text.size; bit += step) {
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
        b.by = (sw_judge){.policy = &intel, .wall_ms = b.v.at_ms, .any_behind = true};
        assert_int_equal(sw_verifier_open(NULL, &b.by.verifier, NULL), SW_OK);
        sample(&b, b.v.quote, "quote");
        sample(&b, c->tcb_info.text, "TCB info");
        sample(&b, c->qe_identity.text, "QE identity");
        sample(&b, c->tcb_info.issuer_chain, "issuer chain");
        sample(&b, c->pck_crl, "PCK list");
        sample(&b, c->root_crl, "root's list");
        count = b.t.whole;
        sw_verifier_close(&b.by.verifier);
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
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_quotes), cmocka_unit_test(test_behind),
                                       cmocka_unit_test(test_rest)};
    return cmocka_run_group_tests_name("intel_flips", tests, NULL, NULL);
}
