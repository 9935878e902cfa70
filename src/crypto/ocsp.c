/* SPDX-License-Identifier: Apache-2.0
 *
 * One OCSP answer about one certificate at one time (RFC 6960; GPU-150 to GPU-157).
 *
 * OpenSSL parses and verifies signatures; which signer, which certificate and which time are judged
 * here, because OpenSSL's own judgement trusts by way of a store and takes no time to judge at. The
 * answer must be the bytes that OpenSSL would write for it, so no bit of it is free.
 */
#include "codec/der.h"
#include "crypto/crypto_internal.h"
#include "crypto/ocsp_internal.h"

#include <string.h>
#include <time.h>

#define REFUSE(err, ...) sw_fail((err), SW_REFUSED, "evidence", __VA_ARGS__)
#define BROKEN(err, ...) sw_fail((err), SW_MALFORMED, "evidence", __VA_ARGS__)

enum { TAG_EXPLICIT_0 = 0xa0, TIME_CHARACTERS = 15, REASON_UNUSED = 7, REASON_LAST = 10 };

/* ---- from bytes ---- */
static const char *status_name(uint64_t status) {
    static const char *const names[] = {"successful",  "malformedRequest", "internalError",
                                        "tryLater",    "status 4",         "sigRequired",
                                        "unauthorized"};
    return status < sizeof names / sizeof names[0] ? names[status] : "an unknown status";
}

/* OCSPResponse (4.2.1): the content of its octet string, which is a basic response. */
static sw_status outer_parse(sw_bytes response, sw_bytes *basic, sw_error *err) {
    static const uint8_t id_basic[] = {0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01, 0x01};
    sw_reader r = sw_reader_of(response), outer = sw_der_enter(&r, SW_DER_SEQUENCE);
    uint64_t status = sw_der_read_u64(&outer, SW_DER_ENUMERATED);
    if (r.failed || outer.failed || r.rest.size > 0)
        return BROKEN(err, "an OCSP answer is not one OCSPResponse in DER");
    if (status != 0) return REFUSE(err, "an OCSP responder answered %s", status_name(status));
    sw_reader tagged = sw_der_enter(&outer, TAG_EXPLICIT_0);
    sw_reader body = sw_der_enter(&tagged, SW_DER_SEQUENCE);
    sw_bytes type = sw_der_read(&body, SW_DER_OID), bytes = sw_der_read(&body, SW_DER_OCTETS);
    if (outer.failed || tagged.failed || body.failed || outer.rest.size > 0 ||
        tagged.rest.size > 0 || body.rest.size > 0)
        return BROKEN(err, "an OCSP answer is not one OCSPResponse in DER");
    if (!sw_bytes_equal(type, SW_BYTES_OF(id_basic)))
        return REFUSE(err, "an OCSP answer is not a basic response");
    *basic = bytes;
    return SW_OK;
}

/* Version 1 is the default, which DER leaves out: what would stand there is another version. */
static bool has_version(sw_bytes basic) {
    sw_reader r = sw_reader_of(basic), inner = sw_der_enter(&r, SW_DER_SEQUENCE);
    sw_reader data = sw_der_enter(&inner, SW_DER_SEQUENCE);
    return sw_der_peek(&data) == TAG_EXPLICIT_0;
}

static bool same_again(OCSP_BASICRESP *basic, sw_bytes der) {
    uint8_t *again = NULL;
    int size = i2d_OCSP_BASICRESP(basic, &again);
    bool same = size > 0 && sw_bytes_equal(SW_BYTES(again, (size_t)size), der);
    OPENSSL_free(again);
    return same;
}

static sw_status basic_parse(sw_bytes der, OCSP_BASICRESP **out, sw_error *err) {
    const uint8_t *at = der.data;
    OCSP_BASICRESP *basic = der.size == 0 ? NULL : d2i_OCSP_BASICRESP(NULL, &at, (long)der.size);
    if (basic == NULL || at != der.data + der.size || !same_again(basic, der)) {
        OCSP_BASICRESP_free(basic);
        return sw_openssl_refused(err, SW_MALFORMED, "evidence",
                                  "an OCSP answer is not a basic response in DER");
    }
    if (has_version(der)) {
        OCSP_BASICRESP_free(basic);
        return REFUSE(err, "an OCSP answer states a version, which one of version 1 does not");
    }
    *out = basic;
    return SW_OK;
}

/* ---- what it is about ---- */
static bool extensions_known(OCSP_BASICRESP *basic, OCSP_SINGLERESP *single) {
    for (int i = 0; i < OCSP_BASICRESP_get_ext_count(basic); i++)
        if (X509_EXTENSION_get_critical(OCSP_BASICRESP_get_ext(basic, i)) != 0) return false;
    for (int i = 0; i < OCSP_SINGLERESP_get_ext_count(single); i++)
        if (X509_EXTENSION_get_critical(OCSP_SINGLERESP_get_ext(single, i)) != 0) return false;
    return true;
}

/* By the hash that the answer itself names, when it is one of the three. */
static bool is_of(OCSP_CERTID *id, const sw_cert *cert, const sw_cert *issuer) {
    const EVP_MD *const hashes[] = {EVP_sha1(), EVP_sha256(), EVP_sha384()};
    ASN1_OBJECT *named = NULL;
    bool found = false;
    if (OCSP_id_get0_info(NULL, &named, NULL, NULL, id) != 1) return false;
    for (size_t i = 0; i < sizeof hashes / sizeof hashes[0] && !found; i++) {
        if (OBJ_obj2nid(named) != EVP_MD_get_type(hashes[i])) continue;
        OCSP_CERTID *ours = OCSP_cert_to_id(hashes[i], cert->x509, issuer->x509);
        found = ours != NULL && OCSP_id_cmp(ours, id) == 0;
        OCSP_CERTID_free(ours);
    }
    return found;
}

/* Judged before any signature: whoever holds a bag of answers asks each of them. */
static sw_status single_find(const sw_ocsp_question *q, OCSP_SINGLERESP **out, sw_error *err) {
    int count = OCSP_resp_count(q->basic);
    if (count != 1) return REFUSE(err, "an OCSP answer is about %d certificates, not one", count);
    OCSP_SINGLERESP *single = OCSP_resp_get0(q->basic, 0);
    if (!is_of((OCSP_CERTID *)OCSP_SINGLERESP_get0_id(single), q->cert, q->issuer))
        return sw_fail(err, SW_MISSING, "evidence", "an OCSP answer is of another certificate");
    if (!extensions_known(q->basic, single))
        return REFUSE(err, "an OCSP answer has a critical extension that is not known here");
    *out = single;
    return SW_OK;
}

/* ---- what it says ---- */
/* YYYYMMDDHHMMSSZ and no other spelling (RFC 5280 4.1.2.5.2). */
static bool time_ms(const ASN1_GENERALIZEDTIME *t, int64_t *out) {
    struct tm tm = {0};
    if (t == NULL || ASN1_STRING_length(t) != TIME_CHARACTERS ||
        ASN1_STRING_get0_data(t)[TIME_CHARACTERS - 1] != 'Z' || ASN1_TIME_to_tm(t, &tm) != 1)
        return false;
    *out = (int64_t)timegm(&tm) * 1000;
    return true;
}

static sw_status state_read(int status, int reason, const ASN1_GENERALIZEDTIME *revoked,
                            sw_ocsp_verdict *v, sw_error *err) {
    v->reason = -1;
    if (status == V_OCSP_CERTSTATUS_GOOD) {
        v->state = SW_OCSP_GOOD;
    } else if (status == V_OCSP_CERTSTATUS_UNKNOWN) {
        v->state = SW_OCSP_UNKNOWN;
    } else if (status == V_OCSP_CERTSTATUS_REVOKED) {
        v->state = SW_OCSP_REVOKED;
        v->reason = reason;
        if (!time_ms(revoked, &v->revoked_ms))
            return BROKEN(err, "an OCSP answer's time of revocation is not a time");
        if (reason < -1 || reason == REASON_UNUSED || reason > REASON_LAST)
            return BROKEN(err, "an OCSP answer's reason of revocation is not one");
    } else {
        return BROKEN(err, "an OCSP answer has no state");
    }
    return SW_OK;
}

/* A next update that is not said is 0. */
static sw_status said_read(OCSP_SINGLERESP *single, sw_ocsp_verdict *out, sw_error *err) {
    sw_ocsp_verdict v = {0};
    int reason = -1;
    ASN1_GENERALIZEDTIME *revoked = NULL, *from = NULL, *until = NULL;
    int status = OCSP_single_get0_status(single, &reason, &revoked, &from, &until);
    SW_TRY(state_read(status, reason, revoked, &v, err));
    if (!time_ms(from, &v.this_update_ms) || (until != NULL && !time_ms(until, &v.next_update_ms)))
        return BROKEN(err, "an OCSP answer's dates are not times");
    *out = v;
    return SW_OK;
}

static bool says_next(OCSP_SINGLERESP *single) {
    ASN1_GENERALIZEDTIME *until = NULL;
    (void)OCSP_single_get0_status(single, NULL, NULL, NULL, &until);
    return until != NULL;
}

static sw_status verdict_read(const sw_ocsp_question *q, OCSP_SINGLERESP *single,
                              sw_ocsp_verdict *out, sw_error *err) {
    SW_TRY(said_read(single, out, err));
    if (!says_next(single))
        return REFUSE(err, "an OCSP answer does not say when the next one comes");
    if (q->wall_ms < out->this_update_ms) return REFUSE(err, "an OCSP answer is of the future");
    if (q->wall_ms >= out->next_update_ms) return REFUSE(err, "an OCSP answer is out of date");
    return SW_OK;
}

/* ---- the answer as an object: OpenSSL's own ---- */
static OCSP_BASICRESP *basic_of(const sw_ocsp_answer *answer) {
    return (OCSP_BASICRESP *)answer;
}

void sw_ocsp_free(sw_ocsp_answer **answer) {
    OCSP_BASICRESP_free(basic_of(*answer));
    *answer = NULL;
}

static sw_status size_check(sw_bytes response, sw_error *err) {
    if (response.size <= SW_OCSP_LIMIT) return SW_OK;
    return sw_fail(err, SW_LIMIT, "evidence", "an OCSP answer has more than %zu bytes",
                   SW_OCSP_LIMIT);
}

static sw_status issuer_check(const sw_cert *cert, const sw_cert *issuer, sw_error *err) {
    if (sw_name_equal(X509_get_issuer_name(cert->x509), X509_get_subject_name(issuer->x509)))
        return SW_OK;
    return REFUSE(err, "a certificate is asked about that another authority issued");
}

sw_status sw_ocsp_parse(sw_bytes response, sw_ocsp_answer **out, sw_error *err) {
    sw_bytes der = {0};
    OCSP_BASICRESP *basic = NULL;
    SW_TRY(size_check(response, err));
    SW_TRY(outer_parse(response, &der, err));
    SW_TRY(basic_parse(der, &basic, err));
    *out = (sw_ocsp_answer *)basic;
    return SW_OK;
}

bool sw_ocsp_concerns(const sw_ocsp_answer *answer, const sw_cert *cert, const sw_cert *issuer) {
    if (OCSP_resp_count(basic_of(answer)) != 1) return true;
    OCSP_SINGLERESP *single = OCSP_resp_get0(basic_of(answer), 0);
    return is_of((OCSP_CERTID *)OCSP_SINGLERESP_get0_id(single), cert, issuer);
}

size_t sw_ocsp_count(const sw_ocsp_answer *answer) {
    int count = OCSP_resp_count(basic_of(answer));
    return count < 0 ? 0 : (size_t)count;
}

sw_status sw_ocsp_read(const sw_ocsp_answer *answer, size_t index, sw_ocsp_facts *out,
                       sw_error *err) {
    ASN1_INTEGER *serial = NULL;
    ASN1_OCTET_STRING *key = NULL;
    sw_ocsp_facts facts = {0};
    SW_CHECK(err, index < sw_ocsp_count(answer));
    OCSP_SINGLERESP *single = OCSP_resp_get0(basic_of(answer), (int)index);
    OCSP_CERTID *id = (OCSP_CERTID *)OCSP_SINGLERESP_get0_id(single);
    if (OCSP_id_get0_info(NULL, NULL, &key, &serial, id) != 1 ||
        !sw_serial_read(serial, facts.serial, &facts.serial_bytes))
        return sw_openssl_refused(err, SW_MALFORMED, "evidence",
                                  "an OCSP answer's serial number is out of range");
    facts.issuer_key_bytes = (size_t)ASN1_STRING_length(key);
    if (facts.issuer_key_bytes > sizeof facts.issuer_key)
        return BROKEN(err, "an OCSP answer's hash of a key is longer than any");
    memcpy(facts.issuer_key, ASN1_STRING_get0_data(key), facts.issuer_key_bytes);
    SW_TRY(said_read(single, &facts.says, err));
    *out = facts;
    return SW_OK;
}

sw_status sw_ocsp_judge(const sw_ocsp_answer *answer, const sw_cert *cert, const sw_cert *issuer,
                        int64_t wall_ms, sw_ocsp_verdict *out, sw_error *err) {
    const sw_ocsp_question q = {basic_of(answer), cert, issuer, wall_ms};
    OCSP_SINGLERESP *single = NULL;
    sw_ocsp_verdict v;
    int64_t from, until;
    SW_TRY(issuer_check(cert, issuer, err));
    SW_TRY(single_find(&q, &single, err));
    SW_TRY(sw_ocsp_signature_verify(&q, &from, &until, err));
    SW_TRY(verdict_read(&q, single, &v, err));
    v.valid_from_ms = from > v.this_update_ms ? from : v.this_update_ms;
    v.valid_until_ms = until < v.next_update_ms ? until : v.next_update_ms;
    *out = v;
    return SW_OK;
}

sw_status sw_ocsp_verify(sw_bytes response, const sw_cert *cert, const sw_cert *issuer,
                         int64_t wall_ms, sw_ocsp_verdict *out, sw_error *err) {
    sw_ocsp_answer *answer = NULL;
    SW_TRY(size_check(response, err));
    SW_TRY(issuer_check(cert, issuer, err));
    SW_TRY(sw_ocsp_parse(response, &answer, err));
    sw_status status = sw_ocsp_judge(answer, cert, issuer, wall_ms, out, err);
    sw_ocsp_free(&answer);
    return status;
}
