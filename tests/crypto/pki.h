/* SPDX-License-Identifier: Apache-2.0
 *
 * A PKI of our own making for the X.509 tests: root, intermediate, leaf, and a twin of the root,
 * each with a list that names nobody.
 */
#ifndef SW_TESTS_CRYPTO_PKI_H
#define SW_TESTS_CRYPTO_PKI_H
#include "crypto/vector.h"
#include "crypto/x509.h"

#include <string.h>

#define SECOND    ((int64_t)1000)
#define DAY       (86400 * SECOND)
#define NOW       (INT64_C(1780000000) * 1000) /* 2026-05-28T20:26:40Z */
#define OID       "1.3.6.1.4.1.55555.1.2"
#define CERTS_MAX 10

typedef struct party {
    uint8_t secret[32];
    sw_p256_public public;
    sw_cert *cert;
    sw_crl *crl; /* lists nobody */
} party;

typedef struct pki {
    uint64_t seed;
    party root, mid, leaf, twin; /* twin: another root of the same name */
} pki;

static pki house;

static inline sw_cert *make_cert(const sw_cert_plan *plan, const party *subject,
                                 const sw_cert *issuer, const uint8_t secret[32]) {
    SW_SCOPED(sw_buffer) der = SW_BUFFER(4096);
    sw_cert *cert = NULL;
    sw_error err = {0};
    if (sw_cert_make(plan, &subject->public, issuer, secret, &der, &err) != SW_OK ||
        sw_cert_parse(sw_buffer_bytes(&der), &cert, &err) != SW_OK)
        fail_msg("%s", err.message);
    return cert;
}

typedef struct crl_dates {
    int64_t from, until;
} crl_dates;
static const crl_dates usual = {NOW - 10 * DAY, NOW + 20 * DAY};

static inline sw_crl *make_crl(const sw_cert *issuer, const uint8_t secret[32], crl_dates dates,
                               const uint64_t *revoked, size_t count) {
    SW_SCOPED(sw_buffer) der = SW_BUFFER(65536);
    sw_crl *crl = NULL;
    sw_error err = {0};
    if (sw_crl_make(issuer, secret, dates.from, dates.until, 1, revoked, count, &der, &err) !=
            SW_OK ||
        sw_crl_parse(sw_buffer_bytes(&der), &crl, &err) != SW_OK)
        fail_msg("%s", err.message);
    return crl;
}

static const sw_cert_plan root_plan = {.common_name = "Test Root",
                                       .serial = 1,
                                       .not_before_ms = NOW - 400 * DAY,
                                       .not_after_ms = NOW + 4000 * DAY,
                                       .ca = true};
static const sw_cert_plan mid_plan = {.common_name = "Test Platform CA",
                                      .serial = 2,
                                      .not_before_ms = NOW - 300 * DAY,
                                      .not_after_ms = NOW + 3000 * DAY,
                                      .ca = true};
static const sw_cert_plan leaf_plan = {.common_name = "Test Leaf",
                                       .serial = 3,
                                       .not_before_ms = NOW - 200 * DAY,
                                       .not_after_ms = NOW + 200 * DAY,
                                       .extension_oid = OID,
                                       .extension = {(const uint8_t *)"\4\3abc", 5}};

static inline void make_party(party *p) {
    sw_entropy e = {fill_from_seed, &house.seed};
    assert_int_equal(sw_p256_generate(&e, p->secret, &p->public, NULL), SW_OK);
}

static inline int build(void **state) {
    (void)state;
    house.seed = 11;
    party *all[] = {&house.root, &house.mid, &house.leaf, &house.twin};
    for (size_t i = 0; i < COUNT(all); i++) make_party(all[i]);
    house.root.cert = make_cert(&root_plan, &house.root, NULL, house.root.secret);
    house.twin.cert = make_cert(&root_plan, &house.twin, NULL, house.twin.secret);
    house.mid.cert = make_cert(&mid_plan, &house.mid, house.root.cert, house.root.secret);
    house.leaf.cert = make_cert(&leaf_plan, &house.leaf, house.mid.cert, house.mid.secret);
    house.root.crl = make_crl(house.root.cert, house.root.secret, usual, NULL, 0);
    house.mid.crl = make_crl(house.mid.cert, house.mid.secret, usual, NULL, 0);
    house.twin.crl = make_crl(house.twin.cert, house.twin.secret, usual, NULL, 0);
    return 0;
}

static inline int tear(void **state) {
    (void)state;
    party *all[] = {&house.root, &house.mid, &house.leaf, &house.twin};
    for (size_t i = 0; i < COUNT(all); i++) {
        sw_cert_free(&all[i]->cert);
        sw_crl_free(&all[i]->crl);
    }
    return 0;
}

/* ---- a request that verifies ---- */
typedef struct request {
    sw_cert *chain[CERTS_MAX];
    size_t count;
    sw_crl *crls[CERTS_MAX];
    size_t crl_count;
    sw_bytes anchor;
    int64_t at;
    sw_cert *made_certs[CERTS_MAX]; /* freed afterwards */
    sw_crl *made_crls[CERTS_MAX];
    size_t made_cert_count, made_crl_count;
} request;

static inline request straight(void) {
    return (request){.chain = {house.leaf.cert, house.mid.cert, house.root.cert},
                     .count = 3,
                     .crls = {house.root.crl, house.mid.crl},
                     .crl_count = 2,
                     .anchor = sw_cert_der(house.root.cert),
                     .at = NOW};
}

#endif
