/* SPDX-License-Identifier: Apache-2.0
 *
 * OCSP answers: what is taken, what it says, what is refused and why (GPU-150 to GPU-157), on both
 * curves; then every cut and every flipped bit. The answers are made by OpenSSL.
 */
#include "crypto/ocsp_maker.h"

#include <stdlib.h>

static ocsp_house houses[2]; /* P-256, P-384 */

static sw_status judge(const ocsp_house *h, sw_bytes der, sw_ocsp_verdict *out, sw_error *err) {
    return sw_ocsp_verify(der, h->leaf.cert, h->issuer.cert, NOW, out, err);
}

static void assert_taken(const ocsp_house *h, const answer *a, sw_ocsp_verdict *out) {
    SW_SCOPED(sw_buffer) der = SW_BUFFER(SW_OCSP_LIMIT);
    sw_error err = {0};
    answer_make(a, &der);
    if (judge(h, sw_buffer_bytes(&der), out, &err) != SW_OK) fail_msg("%s", err.message);
    assert_int_equal(out->this_update_ms, a->from);
    assert_int_equal(out->next_update_ms, a->until);
}

static void check_der(const ocsp_house *h, sw_bytes der, sw_status status, const char *sentence) {
    sw_ocsp_verdict out, before;
    sw_error err = {0};
    memset(&out, 0x5a, sizeof out);
    memset(&before, 0x5a, sizeof before);
    sw_status got = judge(h, der, &out, &err);
    if (got != status || strstr(err.message, sentence) == NULL)
        fail_msg("%d \"%s\", not %d \"%s\"", got, err.message, status, sentence);
    assert_memory_equal(&out, &before, sizeof out);
}

static void check_refused(const ocsp_house *h, const answer *a, sw_status status,
                          const char *sentence) {
    SW_SCOPED(sw_buffer) der = SW_BUFFER(SW_OCSP_LIMIT);
    answer_make(a, &der);
    check_der(h, sw_buffer_bytes(&der), status, sentence);
}

/* ---- what is taken ---- */
static void test_good(void **state) {
    (void)state;
    const EVP_MD *const ids[] = {EVP_sha1(), EVP_sha256(), EVP_sha384()};
    const EVP_MD *const hashes[] = {EVP_sha256(), EVP_sha384()};
    for (size_t c = 0; c < 2; c++)
        for (size_t i = 0; i < 3; i++)
            for (unsigned form = 0; form < 8; form++) {
                answer a = usual_answer(&houses[c]);
                sw_ocsp_verdict v;
                a.id_hash = ids[i];
                a.hash = hashes[form & 1];
                if ((form & 2) != 0) a.flags |= OCSP_RESPID_KEY;
                if ((form & 4) != 0) {
                    a.by = &houses[c].delegate;
                    a.flags &= ~(unsigned long)OCSP_NOCERTS;
                }
                assert_taken(&houses[c], &a, &v);
                assert_int_equal(v.state, SW_OCSP_GOOD);
                assert_int_equal(v.reason, -1);
            }
}

static void test_states(void **state) {
    (void)state;
    for (int reason = -1; reason <= 11; reason++) {
        const ocsp_house *h = &houses[0];
        answer a = usual_answer(h);
        sw_ocsp_verdict v;
        a.status = V_OCSP_CERTSTATUS_REVOKED;
        a.reason = reason;
        if (reason == 7 || reason == 11) {
            check_refused(h, &a, SW_MALFORMED, "reason of revocation is not one");
            continue;
        }
        assert_taken(h, &a, &v);
        assert_int_equal(v.state, SW_OCSP_REVOKED);
        assert_int_equal(v.reason, reason);
        assert_int_equal(v.revoked_ms, a.revoked);
    }
    answer a = usual_answer(&houses[1]);
    sw_ocsp_verdict v;
    a.status = V_OCSP_CERTSTATUS_UNKNOWN;
    assert_taken(&houses[1], &a, &v);
    assert_int_equal(v.state, SW_OCSP_UNKNOWN);
}

/* For people: the same without certificates and at any time. */
static sw_status read_answer(const answer *a, size_t index, sw_ocsp_facts *out, sw_error *err) {
    SW_SCOPED(sw_buffer) der = SW_BUFFER(SW_OCSP_LIMIT);
    sw_ocsp_answer *parsed = NULL;
    answer_make(a, &der);
    assert_int_equal(sw_ocsp_parse(sw_buffer_bytes(&der), &parsed, NULL), SW_OK);
    assert_int_equal(sw_ocsp_count(parsed), a->second_about == NULL ? 1 : 2);
    sw_status status = sw_ocsp_read(parsed, index, out, err);
    sw_ocsp_free(&parsed);
    return status;
}

static void test_read(void **state) {
    (void)state;
    const ocsp_house *h = &houses[1];
    answer a = usual_answer(h);
    sw_ocsp_facts facts;
    uint8_t serial[20];
    size_t size = 0;
    assert_int_equal(sw_cert_serial(h->leaf.cert, serial, &size, NULL), SW_OK);
    assert_int_equal(read_answer(&a, 0, &facts, NULL), SW_OK);
    assert_int_equal(facts.serial_bytes, size);
    assert_memory_equal(facts.serial, serial, size);
    assert_int_equal(facts.says.state, SW_OCSP_GOOD);
    assert_int_equal(facts.says.this_update_ms, a.from);
    assert_int_equal(facts.says.next_update_ms, a.until);
    assert_int_equal(facts.says.valid_from_ms, 0);
    a.status = V_OCSP_CERTSTATUS_REVOKED;
    a.reason = 6;
    a.from = NOW + 1000; /* of the future: nobody judges here */
    assert_int_equal(read_answer(&a, 0, &facts, NULL), SW_OK);
    assert_int_equal(facts.says.state, SW_OCSP_REVOKED);
    assert_int_equal(facts.says.reason, 6);
    assert_int_equal(facts.says.revoked_ms, a.revoked);
}

static void test_read_refuses(void **state) {
    (void)state;
    answer a = usual_answer(&houses[0]);
    sw_ocsp_facts facts, before;
    sw_error err = {0};
    memset(&facts, 0x5a, sizeof facts);
    before = facts;
    a.status = V_OCSP_CERTSTATUS_REVOKED;
    a.reason = 7;
    assert_int_equal(read_answer(&a, 0, &facts, &err), SW_MALFORMED);
    assert_non_null(strstr(err.message, "reason of revocation is not one"));
    a = usual_answer(&houses[0]);
    assert_int_equal(read_answer(&a, 1, &facts, NULL), SW_INTERNAL);
    assert_memory_equal(&facts, &before, sizeof facts);
    a.second_about = houses[0].other.cert;
    a.until = 0;
    assert_int_equal(read_answer(&a, 1, &facts, NULL), SW_OK);
    assert_int_equal(facts.serial[0], 78);
    assert_int_equal(facts.says.next_update_ms, 0);
    assert_int_equal(facts.issuer_key_bytes, EVP_MD_get_size(a.id_hash));
}

/* The issuer's own certificate and a nonce may be there. */
static void test_company(void **state) {
    (void)state;
    const ocsp_house *h = &houses[1];
    answer a = usual_answer(h);
    sw_ocsp_verdict v;
    a.flags = 0;
    assert_taken(h, &a, &v);
    a.by = &h->delegate;
    a.extra[0] = h->issuer.cert;
    a.extension = 1;
    assert_taken(h, &a, &v);
    a.extra[1] = h->issuer.cert;
    check_refused(h, &a, SW_REFUSED, "carries more certificates than its signer's");
    a.extra[1] = h->plain.cert;
    check_refused(h, &a, SW_REFUSED, "carries more certificates than its signer's");
    a.extra[1] = h->second_delegate.cert;
    check_refused(h, &a, SW_REFUSED, "carries more certificates than its signer's");
    a.extra[1] = NULL;
    a.extension = 2;
    check_refused(h, &a, SW_REFUSED, "a critical extension that is not known");
    a.extension = 3;
    check_refused(h, &a, SW_REFUSED, "a critical extension that is not known");
}

/* ---- time ---- */
static void test_dates(void **state) {
    (void)state;
    const ocsp_house *h = &houses[0];
    answer a = usual_answer(h);
    sw_ocsp_verdict v;
    a.from = NOW;
    a.until = NOW + 1000;
    assert_taken(h, &a, &v);
    a.from = NOW + 1000;
    a.until = NOW + DAY;
    check_refused(h, &a, SW_REFUSED, "an OCSP answer is of the future");
    a.from = NOW - DAY;
    a.until = NOW;
    check_refused(h, &a, SW_REFUSED, "an OCSP answer is out of date");
    a.from = NOW + DAY;
    a.until = NOW - DAY;
    check_refused(h, &a, SW_REFUSED, "an OCSP answer is of the future");
    a = usual_answer(h);
    a.until = 0;
    check_refused(h, &a, SW_REFUSED, "does not say when the next one comes");
}

/* ---- signers ---- */
static void test_signers(void **state) {
    (void)state;
    for (size_t c = 0; c < 2; c++) {
        const ocsp_house *h = &houses[c];
        const struct {
            const signer *by;
            unsigned long flags;
            const char *sentence;
        } table[] = {
            {&h->twin, OCSP_NOCERTS, "signature does not hold"}, /* of the issuer's name */
            {&h->twin, OCSP_NOCERTS | OCSP_RESPID_KEY, "is not the issuer's, and without"},
            {&h->twin, 0, "not certified for OCSP signing"},
            {&h->delegate, OCSP_NOCERTS, "is not the issuer's, and without its signer's"},
            {&h->plain, 0, "is not certified for OCSP signing"},
            {&h->plain, OCSP_RESPID_KEY, "is not certified for OCSP signing"},
            {&h->wrong, 0, "is not certified for OCSP signing"},
            {&h->leaf, 0, "is not certified for OCSP signing"},
            {&h->sub, 0, "is certified as an authority"},
            {&h->old, 0, "not certified by the issuer: certificate has expired"},
            {&h->stranger, 0, "not certified by the issuer"},
        };
        for (size_t i = 0; i < COUNT(table); i++) {
            answer a = usual_answer(h);
            a.by = table[i].by;
            a.flags = table[i].flags;
            check_refused(h, &a, SW_REFUSED, table[i].sentence);
        }
        answer a = usual_answer(h);
        a.flags = 0;
        a.extra[0] = h->delegate.cert;
        check_refused(h, &a, SW_REFUSED, "carries a certificate that is not its signer's");
        a = usual_answer(h);
        a.hash = EVP_sha512();
        check_refused(h, &a, SW_REFUSED, "is not signed by ECDSA with SHA-256 or SHA-384");
    }
}

/* The delegate's certificate beside an answer that another delegate signed. */
static void test_stolen_certificate(void **state) {
    (void)state;
    const ocsp_house *h = &houses[0];
    answer a = usual_answer(h);
    a.by = &h->second_delegate;
    a.extra[0] = h->delegate.cert;
    check_refused(h, &a, SW_REFUSED, "is not the issuer's, and without its signer's");
    a.flags = 0;
    check_refused(h, &a, SW_REFUSED, "carries more certificates than its signer's");
}

/* ---- certificates ---- */
static void test_about(void **state) {
    (void)state;
    const ocsp_house *h = &houses[0];
    answer a = usual_answer(h);
    a.about = h->other.cert;
    check_refused(h, &a, SW_MISSING, "an OCSP answer is of another certificate");
    a = usual_answer(h);
    a.issuer = h->twin.cert;
    check_refused(h, &a, SW_MISSING, "an OCSP answer is of another certificate");
    a = usual_answer(h);
    a.id_hash = EVP_sha512();
    check_refused(h, &a, SW_MISSING, "an OCSP answer is of another certificate");
    a = usual_answer(h);
    a.second_about = h->other.cert;
    check_refused(h, &a, SW_REFUSED, "is about 2 certificates, not one");
    a.second_about = h->leaf.cert;
    check_refused(h, &a, SW_REFUSED, "is about 2 certificates, not one");
    a.nobody = true;
    a.second_about = NULL;
    check_refused(h, &a, SW_REFUSED, "is about 0 certificates, not one");
}

static void test_issuer(void **state) {
    (void)state;
    const ocsp_house *h = &houses[0];
    SW_SCOPED(sw_buffer) der = SW_BUFFER(SW_OCSP_LIMIT);
    answer a = usual_answer(h);
    sw_ocsp_verdict v;
    sw_error err = {0};
    answer_make(&a, &der);
    sw_bytes bytes = sw_buffer_bytes(&der);
    assert_int_equal(sw_ocsp_verify(bytes, h->leaf.cert, h->delegate.cert, NOW, &v, &err),
                     SW_REFUSED);
    assert_non_null(strstr(err.message, "that another authority issued"));
    assert_int_equal(sw_ocsp_verify(bytes, h->leaf.cert, h->twin.cert, NOW, &v, &err), SW_MISSING);
    assert_int_equal(sw_ocsp_verify(bytes, h->other.cert, h->issuer.cert, NOW, &v, &err),
                     SW_MISSING);
}

/* ---- bytes ---- */
static void test_statuses(void **state) {
    (void)state;
    static const char *const names[] = {NULL, "malformedRequest", "internalError", "tryLater",
                                        NULL, "sigRequired",      "unauthorized"};
    const ocsp_house *h = &houses[0];
    for (size_t i = 1; i < COUNT(names); i++) {
        answer a = usual_answer(h);
        a.response_status = (int)i;
        if (names[i] != NULL) check_refused(h, &a, SW_REFUSED, names[i]);
    }
    check_der(h, SW_LITERAL("\x30\x03\x0a\x01\x63"), SW_REFUSED, "an unknown status");
    check_der(h, SW_LITERAL("\x30\x03\x0a\x01\x00"), SW_MALFORMED, "not one OCSPResponse in DER");
    check_der(h, (sw_bytes){0}, SW_MALFORMED, "not one OCSPResponse in DER");
}

/* An OCSPResponse around `basic`. */
static void wrap(sw_buffer *out, const char *type, sw_bytes basic) {
    SW_SCOPED(sw_buffer) body = SW_BUFFER(SW_OCSP_LIMIT);
    SW_SCOPED(sw_buffer) oid = SW_BUFFER(64);
    SW_SCOPED(sw_buffer) tagged = SW_BUFFER(SW_OCSP_LIMIT);
    SW_SCOPED(sw_buffer) outer = SW_BUFFER(SW_OCSP_LIMIT);
    assert_true(sw_der_oid(&oid, type));
    sw_der_put(&body, SW_DER_OID, sw_buffer_bytes(&oid));
    sw_der_put(&body, SW_DER_OCTETS, basic);
    sw_der_put(&tagged, SW_DER_SEQUENCE, sw_buffer_bytes(&body));
    sw_der_put_u64(&outer, SW_DER_ENUMERATED, 0);
    sw_der_put(&outer, 0xa0, sw_buffer_bytes(&tagged));
    sw_buffer_reset(out);
    sw_der_put(out, SW_DER_SEQUENCE, sw_buffer_bytes(&outer));
}

/* The parts of a good answer of P-256: content of what is signed, and the basic response. */
static sw_bytes parts_of(sw_bytes response, sw_bytes *basic) {
    sw_reader r = sw_reader_of(response), outer = sw_der_enter(&r, SW_DER_SEQUENCE);
    (void)sw_der_read(&outer, SW_DER_ENUMERATED);
    sw_reader tagged = sw_der_enter(&outer, 0xa0), body = sw_der_enter(&tagged, SW_DER_SEQUENCE);
    (void)sw_der_read(&body, SW_DER_OID);
    *basic = sw_der_read(&body, SW_DER_OCTETS);
    sw_reader b = sw_reader_of(*basic), inner = sw_der_enter(&b, SW_DER_SEQUENCE);
    return sw_der_read(&inner, SW_DER_SEQUENCE);
}

#define ECDSA_SHA256 "\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02"

/* Signed anew by P-256's issuer: `head` and `content`, this algorithm, `tail` behind it all. */
static void sign_again(sw_buffer *out, sw_bytes head, sw_bytes content, sw_bytes algorithm,
                       sw_bytes tail) {
    SW_SCOPED(sw_buffer) data = SW_BUFFER(SW_OCSP_LIMIT);
    SW_SCOPED(sw_buffer) tbs = SW_BUFFER(SW_OCSP_LIMIT);
    SW_SCOPED(sw_buffer) basic = SW_BUFFER(SW_OCSP_LIMIT);
    uint8_t signature[1 + SW_ECDSA_DER_LIMIT] = {0};
    size_t size = 0;
    sw_put_bytes(&data, head);
    sw_put_bytes(&data, content);
    sw_der_put(&tbs, SW_DER_SEQUENCE, sw_buffer_bytes(&data));
    assert_int_equal(
        sw_p256_sign(houses[0].issuer.secret, sw_buffer_bytes(&tbs), signature + 1, &size, NULL),
        SW_OK);
    sw_der_put(&tbs, SW_DER_SEQUENCE, algorithm);
    sw_der_put(&tbs, 0x03, SW_BYTES(signature, size + 1));
    sw_put_bytes(&tbs, tail);
    sw_der_put(&basic, SW_DER_SEQUENCE, sw_buffer_bytes(&tbs));
    wrap(out, "1.3.6.1.5.5.7.48.1.1", sw_buffer_bytes(&basic));
}

static void test_encodings(void **state) {
    (void)state;
    const ocsp_house *h = &houses[0];
    SW_SCOPED(sw_buffer) der = SW_BUFFER(SW_OCSP_LIMIT);
    SW_SCOPED(sw_buffer) made = SW_BUFFER(SW_OCSP_LIMIT);
    const sw_bytes none = {0}, plain = SW_LITERAL(ECDSA_SHA256);
    answer a = usual_answer(h);
    answer_make(&a, &der);
    sw_bytes basic, content = parts_of(sw_buffer_bytes(&der), &basic);
    sw_ocsp_verdict v;
    sign_again(&made, none, content, plain, none);
    assert_int_equal(judge(h, sw_buffer_bytes(&made), &v, NULL), SW_OK);
    sign_again(&made, SW_LITERAL("\xa0\x03\x02\x01\x01"), content, plain, none);
    check_der(h, sw_buffer_bytes(&made), SW_REFUSED, "an OCSP answer states a version");
    sign_again(&made, SW_LITERAL("\xa0\x03\x02\x01\x00"), content, plain, none);
    check_der(h, sw_buffer_bytes(&made), SW_REFUSED, "an OCSP answer states a version");
    sign_again(&made, none, content, SW_LITERAL(ECDSA_SHA256 "\x05\x00"), none);
    check_der(h, sw_buffer_bytes(&made), SW_REFUSED, "is not signed by ECDSA with");
    sign_again(&made, none, content, plain, SW_LITERAL("\xa0\x02\x30\x00"));
    check_der(h, sw_buffer_bytes(&made), SW_REFUSED, "an empty list of certificates");
    sign_again(&made, none, content, plain, SW_LITERAL("\x05\x00"));
    check_der(h, sw_buffer_bytes(&made), SW_MALFORMED, "not a basic response in DER");
    wrap(&made, "1.3.6.1.5.5.7.48.1.2", basic);
    check_der(h, sw_buffer_bytes(&made), SW_REFUSED, "is not a basic response");
    wrap(&made, "1.3.6.1.5.5.7.48.1.1", none);
    check_der(h, sw_buffer_bytes(&made), SW_MALFORMED, "not a basic response in DER");
    sw_put_u8(&der, 0);
    check_der(h, sw_buffer_bytes(&der), SW_MALFORMED, "not one OCSPResponse in DER");
    uint8_t *large = calloc(1, SW_OCSP_LIMIT + 1);
    check_der(h, SW_BYTES(large, SW_OCSP_LIMIT + 1), SW_LIMIT, "has more than 16384 bytes");
    free(large);
}

/* ---- every cut, every bit ---- */
static void check_bent(const ocsp_house *h, const answer *a, unsigned step) {
    SW_SCOPED(sw_buffer) der = SW_BUFFER(SW_OCSP_LIMIT);
    sw_ocsp_verdict v;
    answer_make(a, &der);
    for (size_t cut = 0; cut < der.size; cut++)
        assert_int_not_equal(judge(h, SW_BYTES(der.data, cut), &v, NULL), SW_OK);
    for (size_t bit = 0; bit < 8 * der.size; bit += step) {
        der.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (judge(h, sw_buffer_bytes(&der), &v, NULL) == SW_OK)
            fail_msg("bit %zu of byte %zu flipped, and taken", bit % 8, bit / 8);
        der.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_int_equal(judge(h, sw_buffer_bytes(&der), &v, NULL), SW_OK);
}

/* Three answers: every bit of P-256; of P-384, whose signatures take ten times as long, every
 * seventh. None passes. */
static void test_cuts_and_flips(void **state) {
    (void)state;
    for (size_t c = 0; c < 2; c++) {
        answer a = usual_answer(&houses[c]);
        unsigned step = c == 0 ? 1 : 7;
        check_bent(&houses[c], &a, step);
        a.status = V_OCSP_CERTSTATUS_REVOKED;
        a.reason = 6;
        a.by = &houses[c].delegate;
        a.flags = OCSP_RESPID_KEY;
        check_bent(&houses[c], &a, step);
        a.status = V_OCSP_CERTSTATUS_UNKNOWN;
        a.by = &houses[c].issuer;
        check_bent(&houses[c], &a, step);
    }
}

/* ---- those that we give ---- */
static void test_ours(void **state) {
    (void)state;
    const ocsp_house *h = &houses[1];
    sw_ocsp_plan plan = {h->leaf.cert, h->issuer.cert, NOW, NOW + DAY};
    SW_SCOPED(sw_buffer) der = SW_BUFFER(SW_OCSP_LIMIT);
    SW_SCOPED(sw_buffer) small = SW_BUFFER(64);
    sw_ocsp_verdict v;
    sw_ocsp_answer *parsed = NULL;
    sw_error err = {0};
    if (sw_ocsp_make_p384(&plan, h->issuer.secret, &der, &err) != SW_OK ||
        judge(h, sw_buffer_bytes(&der), &v, &err) != SW_OK)
        fail_msg("%s", err.message);
    assert_int_equal(v.state, SW_OCSP_GOOD);
    assert_int_equal(v.this_update_ms, NOW);
    assert_int_equal(v.next_update_ms, NOW + DAY);
    assert_non_null(memmem(der.data, der.size, "20260921141320Z", 15)); /* and not OpenSSL's now */
    assert_int_equal(sw_ocsp_parse(sw_buffer_bytes(&der), &parsed, NULL), SW_OK);
    assert_false(sw_ocsp_concerns(parsed, h->other.cert, h->issuer.cert));
    sw_ocsp_free(&parsed);
    assert_int_equal(sw_ocsp_make_p384(&plan, h->root.secret, &der, &err), SW_USAGE);
    assert_non_null(strstr(err.message, "not the issuer's"));
    assert_int_equal(sw_ocsp_make_p384(&plan, h->issuer.secret, &small, NULL), SW_LIMIT);
    plan.next_update_ms = NOW;
    assert_int_equal(sw_ocsp_make_p384(&plan, h->issuer.secret, &der, NULL), SW_USAGE);
}

static int open_all(void **state) {
    (void)state;
    house_open(&houses[0], false);
    house_open(&houses[1], true);
    return 0;
}

static int close_all(void **state) {
    (void)state;
    house_close(&houses[0]);
    house_close(&houses[1]);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),           cmocka_unit_test(test_states),
        cmocka_unit_test(test_read),           cmocka_unit_test(test_read_refuses),
        cmocka_unit_test(test_company),        cmocka_unit_test(test_dates),
        cmocka_unit_test(test_signers),        cmocka_unit_test(test_stolen_certificate),
        cmocka_unit_test(test_about),          cmocka_unit_test(test_issuer),
        cmocka_unit_test(test_statuses),       cmocka_unit_test(test_encodings),
        cmocka_unit_test(test_cuts_and_flips), cmocka_unit_test(test_ours),
    };
    return cmocka_run_group_tests_name("ocsp", tests, open_all, close_all);
}
