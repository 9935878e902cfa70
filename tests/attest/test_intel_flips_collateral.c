/* SPDX-License-Identifier: Apache-2.0
 *
 * Three sets of Intel's collateral, their bits flipped one by one: TCB info and QE identity as
 * the service answers them (JSON), the signers' chain (PEM) and both revocation lists (DER). No
 * flip changes an answer.
 */
#include "attest/flips.h"

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
    size_t step = flip_step();
    const sw_collateral *c = &b->v.collateral;
    const answer answers[2] = {
        {load(&b->v.arena, b->folder, "tcb_info.json"), "tcbInfo", SW_PART_TCB_INFO, &c->tcb_info},
        {load(&b->v.arena, b->folder, "qe_identity.json"), "enclaveIdentity", SW_PART_QE_IDENTITY,
         &c->qe_identity}};
    for (size_t i = 0; i < COUNT_OF(answers); i++)
        for (size_t bit = b->thread * step; bit < 8 * answers[i].file.size; bit += THREADS * step) {
            flip(answers[i].file, bit);
            answer_bit(b, &answers[i], bit);
            flip(answers[i].file, bit);
        }
}

static void *flip_collateral(void *argument) {
    bench *b = argument;
    size_t step = flip_step();
    const sw_collateral *c = &b->v.collateral;
    const sw_bytes lists[2] = {c->pck_crl, c->root_crl};
    flip_answers(b);
    for (size_t bit = b->thread * step; bit < 8 * c->tcb_info.issuer_chain.size;
         bit += THREADS * step) {
        flip(c->tcb_info.issuer_chain, bit);
        chain_bit(b, bit);
        flip(c->tcb_info.issuer_chain, bit);
    }
    for (size_t i = 0; i < 2; i++)
        for (size_t bit = b->thread * step; bit < 8 * lists[i].size; bit += THREADS * step) {
            flip(lists[i], bit);
            list_bit(b, i == 0 ? "PCK list" : "root's list", bit);
            flip(lists[i], bit);
        }
    return NULL;
}

static const char *const SETS[] = {GOOD, "v4-00806f-uptodate-2024-06-automata",
                                   "v4-50806f-debug-td-2023-06-trustee"};

static void test_collateral(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(SETS); i++) {
        tally t = in_threads(SETS[i], flip_collateral);
        print_message("# %s, bits refused: %zu by layout, %zu by chain or list, %zu by signature; "
                      "unchanged: %zu (case of a signature's hex digit)\n",
                      SETS[i], t.layout, t.ground, t.document, t.unchanged_hex_case);
        assert_true(t.ground > 8 * 2500 / flip_step());
    }
}

int main(void) {
    if (!intel_open()) return 0;
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_collateral)};
    return cmocka_run_group_tests_name("intel_flips_collateral", tests, NULL, NULL);
}
