/* SPDX-License-Identifier: Apache-2.0
 *
 * The OCSP answers over one forged device's certificates and its manifests', good or bent in one
 * place.
 */
#ifndef SW_TESTS_ATTEST_GPU_ANSWERS_H
#define SW_TESTS_ATTEST_GPU_ANSWERS_H
#include "attest/gpu_rig.h"
#include "crypto/ocsp_maker.h"

enum { ANSWERS = 5, BOOT = 0, PROVISIONER = 1, RIM_SIGNER = 3 };

typedef struct bag { /* of one GPU: boot, provisioner, family; signer and CA of its manifests */
    sw_buffer der[8];
    size_t count;
} bag;

static inline signer signer_of(const gpu_party *p) {
    signer s = {.p384 = true, .cert = p->cert};
    memcpy(s.secret, p->secret, sizeof s.secret);
    assert_int_equal(sw_p384_evp_secret(p->secret, &s.evp, NULL), SW_OK);
    return s;
}

static inline answer good_answer(const gpu_party *about, const gpu_party *issuer) {
    return (answer){.about = about->cert,
                    .issuer = issuer->cert,
                    .id_hash = EVP_sha384(),
                    .status = V_OCSP_CERTSTATUS_GOOD,
                    .reason = -1,
                    .from = GPU_NOW - GPU_DAY,
                    .until = GPU_NOW + GPU_DAY,
                    .revoked = GPU_NOW - 30 * GPU_DAY,
                    .hash = EVP_sha384(),
                    .flags = OCSP_NOCERTS};
}

static inline void put_answer(bag *b, answer a, const gpu_party *issuer) {
    signer by = signer_of(issuer);
    a.by = &by;
    b->der[b->count] = SW_BUFFER(SW_OCSP_LIMIT);
    answer_make(&a, &b->der[b->count++]);
    EVP_PKEY_free(by.evp);
}

/* Place `place` is as `bent`, when there is one. */
static inline void bag_open(bag *b, const gpu_made *gpu, size_t place, const answer *bent) {
    const gpu_party *about[ANSWERS] = {&gpu->boot, &gpu_maker.provisioner, &gpu_maker.family,
                                       &gpu_maker.rim_signer, &gpu_maker.rim_ca};
    const gpu_party *issuer[ANSWERS] = {&gpu_maker.provisioner, &gpu_maker.family, &gpu_maker.root,
                                        &gpu_maker.rim_ca, &gpu_maker.rim_root};
    memset(b, 0, sizeof *b);
    for (size_t i = 0; i < ANSWERS; i++) {
        answer a = good_answer(about[i], issuer[i]);
        if (bent != NULL && i == place) {
            a.status = bent->status;
            a.reason = bent->reason;
            a.from = bent->from;
            a.until = bent->until;
        }
        put_answer(b, a, issuer[i]);
    }
}

static inline void bag_close(bag *b) {
    for (size_t i = 0; i < b->count; i++) sw_buffer_free(&b->der[i]);
}

static inline void rig_answers(rig *r, const bag *b) {
    r->ocsp_count = b->count;
    for (size_t i = 0; i < b->count; i++) r->ocsp[i] = sw_buffer_bytes(&b->der[i]);
}
#endif
