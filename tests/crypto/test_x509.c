/* SPDX-License-Identifier: Apache-2.0
 *
 * Chains with revocation: a PKI of our own making, bent in one way per case. What our maker cannot
 * write (bad extensions, other algorithms) is in test_x509_foreign.c.
 */
#include "crypto/pki.h"

#include <string.h>

/* ---- one bent request per case ---- */
static sw_cert *own_cert(request *q, const sw_cert_plan *plan, const party *subject,
                         const party *issuer) {
    sw_cert *made = make_cert(plan, subject, issuer == NULL ? NULL : issuer->cert,
                              issuer == NULL ? subject->secret : issuer->secret);
    q->made_certs[q->made_cert_count++] = made;
    return made;
}

static sw_crl *own_crl(request *q, const party *issuer, crl_dates dates, const uint64_t *revoked,
                       size_t count) {
    sw_crl *made = make_crl(issuer->cert, issuer->secret, dates, revoked, count);
    q->made_crls[q->made_crl_count++] = made;
    return made;
}

static void leaf_with_dates(request *q, int64_t from, int64_t until) {
    sw_cert_plan plan = leaf_plan;
    plan.not_before_ms = from;
    plan.not_after_ms = until;
    q->chain[0] = own_cert(q, &plan, &house.leaf, &house.mid);
}
static void leaf_expired(request *q) {
    leaf_with_dates(q, NOW - 9 * DAY, NOW - SECOND);
}
static void leaf_ends_now(request *q) {
    leaf_with_dates(q, NOW - 9 * DAY, NOW);
}
static void leaf_ends_next_second(request *q) {
    leaf_with_dates(q, NOW - DAY, NOW + SECOND);
}
static void leaf_begins_now(request *q) {
    leaf_with_dates(q, NOW, NOW + DAY);
}
static void leaf_not_yet(request *q) {
    leaf_with_dates(q, NOW + SECOND, NOW + DAY);
}

static void mid_with_dates(request *q, int64_t from, int64_t until) {
    sw_cert_plan plan = mid_plan;
    plan.not_before_ms = from;
    plan.not_after_ms = until;
    q->chain[1] = own_cert(q, &plan, &house.mid, &house.root);
}
static void mid_expired(request *q) {
    mid_with_dates(q, NOW - 9 * DAY, NOW - DAY);
}
static void mid_not_yet(request *q) {
    mid_with_dates(q, NOW + DAY, NOW + 9 * DAY);
}

static void root_expired(request *q) {
    sw_cert_plan plan = root_plan;
    plan.not_after_ms = NOW - DAY;
    q->chain[2] = own_cert(q, &plan, &house.root, NULL);
    q->anchor = sw_cert_der(q->chain[2]);
}
static void root_reissued(request *q) { /* the same name and key, other bytes */
    sw_cert_plan plan = root_plan;
    plan.serial = 77;
    q->chain[2] = own_cert(q, &plan, &house.root, NULL);
}
static void leaf_revoked(request *q) {
    static const uint64_t serial = 3;
    q->crls[1] = own_crl(q, &house.mid, usual, &serial, 1);
}
static void leaf_revoked_among_many(request *q) {
    static const uint64_t serials[] = {900, 7, 3, 1000000007, UINT64_MAX, 5};
    q->crls[1] = own_crl(q, &house.mid, usual, serials, COUNT(serials));
}
static void others_revoked(request *q) {
    static const uint64_t serials[] = {1, 2, 4, 30, 0x0300, UINT64_MAX};
    q->crls[1] = own_crl(q, &house.mid, usual, serials, COUNT(serials));
}
static void mid_revoked(request *q) {
    static const uint64_t serial = 2;
    q->crls[0] = own_crl(q, &house.root, usual, &serial, 1);
}
static void leaf_serial_revoked_by_root(request *q) { /* another issuer's serial 3 */
    static const uint64_t serial = 3;
    q->crls[0] = own_crl(q, &house.root, usual, &serial, 1);
}
static void newer_list_revokes(request *q) { /* both lists in force: the newer counts */
    static const uint64_t serial = 3;
    crl_dates newer = {NOW - DAY, NOW + 20 * DAY};
    q->crls[q->crl_count++] = own_crl(q, &house.mid, newer, &serial, 1);
}
static void older_list_revokes(request *q) { /* an entry that was taken back still counts */
    static const uint64_t serial = 3;
    crl_dates older = {NOW - 19 * DAY, NOW + DAY};
    q->crls[q->crl_count++] = own_crl(q, &house.mid, older, &serial, 1);
}
static void twin_as_anchor(request *q) {
    q->chain[2] = house.twin.cert;
    q->anchor = sw_cert_der(house.twin.cert);
    q->crls[0] = house.twin.crl;
}
static void twin_in_chain(request *q) {
    q->chain[2] = house.twin.cert;
}
static void twin_pinned(request *q) {
    q->anchor = sw_cert_der(house.twin.cert);
}
static void anchor_cut(request *q) {
    q->anchor.size--;
}
static void anchor_empty(request *q) {
    q->anchor.size = 0;
}

static void leaf_signed_by_twin(request *q) { /* names link, the signature does not */
    party twin_mid = house.twin;
    twin_mid.cert = own_cert(q, &mid_plan, &house.twin, &house.root);
    q->chain[0] = own_cert(q, &leaf_plan, &house.leaf, &twin_mid);
}
static void leaf_as_ca(request *q) {
    sw_cert_plan plan = leaf_plan;
    plan.serial = 9;
    plan.common_name = "Test Sub";
    memmove(q->chain + 1, q->chain, 3 * sizeof q->chain[0]);
    q->chain[0] = own_cert(q, &plan, &house.twin, &house.leaf);
    q->count = 4;
    q->crls[q->crl_count++] = own_crl(q, &house.leaf, usual, NULL, 0);
}
static void mid_without_ca(request *q) {
    sw_cert_plan plan = mid_plan;
    plan.ca = false;
    q->chain[1] = own_cert(q, &plan, &house.mid, &house.root);
}
static void no_lists(request *q) {
    q->crl_count = 0;
}
static void no_leaf_list(request *q) {
    q->crl_count = 1;
}
static void no_mid_list(request *q) {
    q->crls[0] = house.mid.crl;
    q->crl_count = 1;
}
static void list_of_twin(request *q) {
    q->crls[0] = house.twin.crl;
}
static void list_of_twin_besides(request *q) {
    q->crls[q->crl_count++] = house.twin.crl;
}
static void mid_list_forged(request *q) { /* the right issuer name, another key */
    party forger = house.twin;
    forger.cert = own_cert(q, &mid_plan, &house.twin, &house.root);
    q->crls[1] = own_crl(q, &forger, usual, NULL, 0);
}
static void mid_list_dates(request *q, int64_t from, int64_t until) {
    q->crls[1] = own_crl(q, &house.mid, (crl_dates){from, until}, NULL, 0);
}
static void list_expired(request *q) {
    mid_list_dates(q, NOW - 9 * DAY, NOW - SECOND);
}
static void list_not_yet(request *q) {
    mid_list_dates(q, NOW + SECOND, NOW + DAY);
}
static void root_list_expired(request *q) {
    q->crls[0] = own_crl(q, &house.root, (crl_dates){NOW - 9 * DAY, NOW - DAY}, NULL, 0);
}
static void expired_list_besides(request *q) {
    q->crls[q->crl_count++] =
        own_crl(q, &house.mid, (crl_dates){NOW - 9 * DAY, NOW - DAY}, NULL, 0);
}
static void too_many_lists(request *q) {
    for (q->crl_count = 0; q->crl_count < 9; q->crl_count++)
        q->crls[q->crl_count] = q->crl_count == 0 ? house.root.crl : house.mid.crl;
}
static void later(request *q) {
    q->at = NOW + 21 * DAY;
}
static void earlier(request *q) {
    q->at = NOW - 11 * DAY;
}
static void at_zero(request *q) {
    q->at = 0;
}
static void before_zero(request *q) {
    q->at = -1;
}
static void far_future(request *q) {
    q->at = NOW + 40000 * DAY;
}
static void empty_chain(request *q) {
    q->count = 0;
}
static void root_alone(request *q) {
    q->chain[0] = house.root.cert;
    q->count = 1;
}
static void leaf_alone(request *q) {
    q->count = 1;
}
static void without_root(request *q) {
    q->count = 2;
}
static void without_mid(request *q) {
    q->chain[1] = house.root.cert;
    q->count = 2;
}
static void without_leaf(request *q) {
    q->chain[0] = house.mid.cert;
    q->chain[1] = house.root.cert;
    q->count = 2;
}
static void leaf_and_mid_swapped(request *q) {
    q->chain[0] = house.mid.cert;
    q->chain[1] = house.leaf.cert;
}
static void mid_twice(request *q) {
    q->chain[2] = house.mid.cert;
    q->chain[3] = house.root.cert;
    q->count = 4;
}
static void root_twice(request *q) {
    q->chain[3] = house.root.cert;
    q->count = 4;
}
static void too_long(request *q) {
    for (q->count = 3; q->count < 9; q->count++) q->chain[q->count] = house.root.cert;
}
static void nothing(request *q) {
    (void)q;
}

typedef struct chain_case {
    const char *name;
    void (*bend)(request *q);
    const char *message; /* part of the refusal; NULL: verifies */
} chain_case;

static const chain_case chain_cases[] = {
    {"straight", nothing, NULL},
    {"mid as leaf", without_leaf, NULL},
    {"leaf begins now", leaf_begins_now, NULL},
    {"leaf ends in a second", leaf_ends_next_second, NULL},
    {"others revoked", others_revoked, NULL},
    {"another issuer's serial", leaf_serial_revoked_by_root, NULL},
    {"a useless list besides", list_of_twin_besides, NULL},
    {"an expired list besides", expired_list_besides, NULL},
    {"leaf expired", leaf_expired, "certificate 0 (the leaf): certificate has expired"},
    {"leaf ends now", leaf_ends_now, "certificate has expired"},
    {"leaf not yet", leaf_not_yet, "certificate is not yet valid"},
    {"mid expired", mid_expired, "certificate 1 (an intermediate): certificate has expired"},
    {"mid not yet", mid_not_yet, "certificate is not yet valid"},
    {"root expired", root_expired, "certificate 2 (the root): certificate has expired"},
    {"root issued again", root_reissued, "does not end in the pinned root"},
    {"leaf revoked", leaf_revoked, "certificate 0 (the leaf): certificate revoked"},
    {"leaf among many revoked", leaf_revoked_among_many, "certificate revoked"},
    {"mid revoked", mid_revoked, "certificate 1 (an intermediate): certificate revoked"},
    {"a newer list revokes", newer_list_revokes, "certificate revoked"},
    {"an older list revokes", older_list_revokes, "is listed in revocation list 2"},
    {"another root of this name", twin_as_anchor, "certificate"},
    {"another root in the chain", twin_in_chain, "does not end in the pinned root"},
    {"another root pinned", twin_pinned, "does not end in the pinned root"},
    {"anchor cut", anchor_cut, "does not end in the pinned root"},
    {"no anchor", anchor_empty, "does not end in the pinned root"},
    {"leaf signed by another key", leaf_signed_by_twin, "certificate"},
    {"leaf as CA", leaf_as_ca, "invalid CA certificate"},
    {"intermediate without CA", mid_without_ca, "invalid CA certificate"},
    {"no lists", no_lists, "no revocation list of the issuer of certificate 0"},
    {"no list for the leaf", no_leaf_list, "no revocation list of the issuer of certificate 0"},
    {"no list for the intermediate", no_mid_list,
     "no revocation list of the issuer of certificate 1"},
    {"list of another root", list_of_twin, "certificate 1"},
    {"list signed by another key", mid_list_forged, "certificate 0"},
    {"list expired", list_expired, "CRL has expired"},
    {"list not yet", list_not_yet, "CRL is not yet valid"},
    {"root's list expired", root_list_expired, "CRL has expired"},
    {"too many lists", too_many_lists, "more than 8 revocation lists"},
    {"later", later, "CRL has expired"},
    {"earlier", earlier, "CRL is not yet valid"},
    {"1970", at_zero, "not yet valid"},
    {"before 1970", before_zero, "not yet valid"},
    {"far future", far_future, "expired"},
    {"empty", empty_chain, "a chain has 0 certificates"},
    {"root alone", root_alone, "a chain has 1 certificates"},
    {"leaf alone", leaf_alone, "a chain has 1 certificates"},
    {"without root", without_root, "does not end in the pinned root"},
    {"without intermediate", without_mid, "certificate 0 (the leaf) names another issuer"},
    {"swapped", leaf_and_mid_swapped, "certificate 0 (the leaf) names another issuer"},
    {"intermediate twice", mid_twice, "certificate 1 (an intermediate) names another issuer"},
    {"root twice", root_twice, "another path"},
    {"too long", too_long, "a chain has 9 certificates"},
};

static void test_chains(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(chain_cases); i++) {
        const chain_case *c = &chain_cases[i];
        sw_error err = {0};
        request q = straight();
        c->bend(&q);
        sw_status got =
            sw_chain_verify(q.chain, q.count, q.anchor, q.crls, q.crl_count, q.at, &err);
        if (c->message == NULL && got != SW_OK) fail_msg("%s: %s", c->name, err.message);
        if (c->message != NULL && (got != SW_REFUSED || strcmp(err.word, "evidence") != 0 ||
                                   strstr(err.message, c->message) == NULL))
            fail_msg("%s: %d %s", c->name, got, err.message);
        while (q.made_cert_count > 0) sw_cert_free(&q.made_certs[--q.made_cert_count]);
        while (q.made_crl_count > 0) sw_crl_free(&q.made_crls[--q.made_crl_count]);
    }
}

/* ---- what a certificate says ---- */
static void test_fields(void **state) {
    (void)state;
    char name[16], small[9];
    int64_t from = 0, until = 0;
    sw_p256_public key;
    sw_bytes value;
    assert_int_equal(sw_cert_common_name(house.leaf.cert, name, sizeof name, NULL), SW_OK);
    assert_string_equal(name, "Test Leaf");
    assert_int_equal(sw_cert_common_name(house.leaf.cert, small, sizeof small, NULL), SW_LIMIT);
    sw_cert_validity(house.leaf.cert, &from, &until);
    assert_true(from == leaf_plan.not_before_ms && until == leaf_plan.not_after_ms);
    assert_int_equal(sw_cert_key(house.leaf.cert, &key, NULL), SW_OK);
    assert_true(sw_p256_equal(&key, &house.leaf.public));
    assert_int_equal(sw_cert_extension(house.leaf.cert, OID, &value, NULL), SW_OK);
    assert_true(sw_bytes_equal(value, leaf_plan.extension));
    assert_int_equal(sw_cert_extension(house.mid.cert, OID, &value, NULL), SW_MISSING);
    assert_int_equal(sw_cert_extension(house.mid.cert, "2.5.29.19", &value, NULL), SW_OK);
    assert_hex(value.data, value.size, "30030101ff");
    assert_int_equal(sw_cert_extension(house.leaf.cert, "2.5.29.19", &value, NULL), SW_OK);
    assert_hex(value.data, value.size, "3000");
    assert_int_equal(sw_cert_extension(house.mid.cert, "2.5.29.15", &value, NULL), SW_OK);
    assert_hex(value.data, value.size, "03020106");
    assert_int_equal(sw_cert_extension(house.leaf.cert, "2.5.29.15", &value, NULL), SW_OK);
    assert_hex(value.data, value.size, "03020780");
    assert_int_equal(sw_cert_extension(house.mid.cert, "basicConstraints", &value, NULL), SW_USAGE);
    assert_int_equal(sw_cert_extension(house.mid.cert, "", &value, NULL), SW_USAGE);
    sw_crl_validity(house.mid.crl, &from, &until);
    assert_true(from == usual.from && until == usual.until);
    assert_true(sw_crl_issued_by(house.mid.crl, house.mid.cert));
    assert_false(sw_crl_issued_by(house.mid.crl, house.root.cert));
}

/* Dates on both sides of 2050, where the encoding changes (RFC 5280 4.1.2.5), and years before
 * 1970. */
static void test_dates_round_trip(void **state) {
    (void)state;
    static const int64_t seconds[] = {0, 1, -1, 2524607999, 2524608000, 4102444800, 253402300799};
    for (size_t i = 0; i < COUNT(seconds); i++) {
        sw_cert_plan plan = root_plan;
        int64_t from = 7, until = 7;
        plan.not_before_ms = seconds[i] * 1000;
        plan.not_after_ms = seconds[i] * 1000;
        sw_cert *cert = make_cert(&plan, &house.root, NULL, house.root.secret);
        sw_cert_validity(cert, &from, &until);
        assert_true(from == plan.not_before_ms && until == plan.not_after_ms);
        sw_cert_free(&cert);
    }
}

static void test_making_refusals(void **state) {
    (void)state;
    static const char long_name[] =
        "00000000001111111111222222222233333333334444444444555555555566666";
    const sw_cert_plan plans[] = {
        {.common_name = "", .serial = 1, .not_after_ms = 1},
        {.common_name = long_name, .serial = 1, .not_after_ms = 1},
        {.common_name = "zero serial", .not_after_ms = 1},
        {.common_name = "ends first", .serial = 1, .not_before_ms = 2000, .not_after_ms = 1000},
    };
    SW_SCOPED(sw_buffer) der = SW_BUFFER(4096);
    SW_SCOPED(sw_buffer) small = SW_BUFFER(100);
    const party *r = &house.root, *m = &house.mid;
    for (size_t i = 0; i < COUNT(plans); i++)
        assert_int_equal(sw_cert_make(&plans[i], &r->public, NULL, r->secret, &der, NULL),
                         SW_USAGE);
    sw_p256_public bad = {{4, 1}};
    uint8_t zero[32] = {0};
    assert_int_equal(sw_cert_make(&root_plan, &m->public, NULL, r->secret, &der, NULL), SW_USAGE);
    assert_int_equal(sw_cert_make(&mid_plan, &m->public, r->cert, m->secret, &der, NULL), SW_USAGE);
    assert_int_equal(sw_cert_make(&mid_plan, &bad, r->cert, r->secret, &der, NULL), SW_MALFORMED);
    assert_int_equal(sw_cert_make(&mid_plan, &m->public, r->cert, zero, &der, NULL), SW_MALFORMED);
    assert_int_equal(sw_crl_make(r->cert, m->secret, 0, 1, 1, NULL, 0, &der, NULL), SW_USAGE);
    assert_int_equal(sw_crl_make(r->cert, r->secret, 2000, 1, 1, NULL, 0, &der, NULL), SW_USAGE);
    sw_cert_plan bad_oid = leaf_plan;
    bad_oid.extension_oid = "not an oid";
    assert_int_equal(sw_cert_make(&bad_oid, &r->public, NULL, r->secret, &der, NULL), SW_INTERNAL);
    assert_int_equal(der.size, 0);
    assert_int_equal(sw_cert_make(&root_plan, &r->public, NULL, r->secret, &small, NULL), SW_LIMIT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chains),
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_dates_round_trip),
        cmocka_unit_test(test_making_refusals),
    };
    return cmocka_run_group_tests(tests, build, tear);
}
