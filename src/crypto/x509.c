/* SPDX-License-Identifier: Apache-2.0
 *
 * Certificates and revocation lists (RFC 5280) as objects that are parsed once and then read.
 *
 * Bytes must be exactly one structure in the encoding that OpenSSL would write for it: nothing
 * behind it, no BER. Dates must be printable as times at parse, so that reading them later cannot
 * fail.
 */
#include "crypto/crypto_internal.h"
#include "crypto/x509_internal.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Dotted OIDs longer than this are nobody's. */
#define OID_TEXT_MAX 128

/* False when the time is not one of RFC 5280's two forms. */
static bool time_ms(const ASN1_TIME *t, int64_t *out) {
    struct tm tm = {0};
    if (t == NULL || ASN1_TIME_to_tm(t, &tm) != 1) return false;
    *out = (int64_t)timegm(&tm) * 1000;
    return true;
}

/* ---- certificates ---- */
static bool cert_valid(X509 *x, sw_bytes der) {
    uint8_t *again = NULL;
    int64_t ms = 0;
    int size = i2d_X509(x, &again);
    bool same = size > 0 && sw_bytes_equal(SW_BYTES(again, (size_t)size), der);
    OPENSSL_free(again);
    return same && time_ms(X509_get0_notBefore(x), &ms) && time_ms(X509_get0_notAfter(x), &ms);
}

/* OpenSSL reads them into the certificate when they are first asked for: here, so that threads
 * which share it only read. What is wrong with them is said when the certificate is judged. */
static void read_extensions(X509 *x) {
    ERR_set_mark();
    (void)X509_check_purpose(x, -1, 0);
    ERR_pop_to_mark();
}

sw_status sw_cert_parse(sw_bytes der, sw_cert **out, sw_error *err) {
    if (der.size > SW_CERT_MAX_BYTES)
        return sw_fail(err, SW_LIMIT, "limit", "a certificate has more than %zu bytes",
                       SW_CERT_MAX_BYTES);
    const uint8_t *at = der.data;
    X509 *x = der.size == 0 ? NULL : d2i_X509(NULL, &at, (long)der.size);
    if (x == NULL || at != der.data + der.size || !cert_valid(x, der)) {
        X509_free(x);
        return sw_openssl_refused(err, SW_MALFORMED, "format", "a certificate is not X.509 in DER");
    }
    read_extensions(x);
    sw_cert *made = calloc(1, sizeof *made);
    if (made != NULL) {
        made->holds = 1;
        made->x509 = x;
        made->der = SW_BUFFER(SW_CERT_MAX_BYTES);
        sw_put_bytes(&made->der, der);
        if (!made->der.failed) {
            *out = made;
            return SW_OK;
        }
    } else {
        X509_free(x);
    }
    sw_cert_free(&made);
    return sw_fail(err, SW_MEMORY, "memory", "no memory for a certificate");
}

void sw_cert_free(sw_cert **held) {
    sw_cert *cert = *held;
    *held = NULL;
    if (cert == NULL || --cert->holds > 0) return;
    X509_free(cert->x509);
    sw_buffer_free(&cert->der);
    free(cert);
}

void sw_cert_hold(sw_cert *cert) {
    cert->holds++;
}

sw_bytes sw_cert_der(const sw_cert *cert) {
    return sw_buffer_bytes(&cert->der);
}

sw_status sw_cert_key(const sw_cert *cert, sw_p256_public *out, sw_error *err) {
    uint8_t *spki = NULL;
    int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert->x509), &spki);
    if (size <= 0) return sw_openssl_failed(err, "SubjectPublicKeyInfo");
    sw_status status = sw_p256_from_spki(SW_BYTES(spki, (size_t)size), out, err);
    OPENSSL_free(spki);
    return status;
}

/* SEQUENCE { SEQUENCE { OID ecPublicKey, OID secp384r1 }, BIT STRING (98 bytes, none unused) }; the
 * point follows. RFC 5480 2. */
static const uint8_t p384_head[23] = {0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86,
                                      0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b,
                                      0x81, 0x04, 0x00, 0x22, 0x03, 0x62, 0x00};

sw_status sw_cert_key_p384(const sw_cert *cert, sw_p384_public *out, sw_error *err) {
    uint8_t *spki = NULL;
    int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert->x509), &spki);
    if (size <= 0) return sw_openssl_failed(err, "SubjectPublicKeyInfo");
    bool fits = (size_t)size == sizeof p384_head + SW_P384_BYTES &&
                memcmp(spki, p384_head, sizeof p384_head) == 0 && spki[sizeof p384_head] == 0x04;
    if (fits) memcpy(out->b, spki + sizeof p384_head, SW_P384_BYTES);
    OPENSSL_free(spki);
    if (fits) return SW_OK;
    return sw_fail(err, SW_MALFORMED, "key", "a certificate's key is not of P-384");
}

/* RFC 5280 4.1.2.2. */
bool sw_serial_read(const ASN1_INTEGER *serial, uint8_t out[20], size_t *size) {
    BIGNUM *number = ASN1_INTEGER_to_BN(serial, NULL);
    if (number == NULL) return false;
    int bytes = BN_num_bytes(number);
    bool good = !BN_is_negative(number) && bytes > 0 && bytes <= 20;
    if (good) *size = (size_t)BN_bn2bin(number, out);
    BN_free(number);
    return good;
}

sw_status sw_cert_serial(const sw_cert *cert, uint8_t out[20], size_t *size, sw_error *err) {
    if (sw_serial_read(X509_get0_serialNumber(cert->x509), out, size)) return SW_OK;
    return sw_openssl_refused(err, SW_MALFORMED, "format",
                              "a certificate's serial number is out of range");
}

static sw_status common_name(const X509_NAME *name, char *out, size_t size, sw_error *err) {
    int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
    if (at < 0) return sw_fail(err, SW_MISSING, "format", "a certificate has no common name");
    if (X509_NAME_get_index_by_NID(name, NID_commonName, at) >= 0)
        return sw_fail(err, SW_MALFORMED, "format", "a certificate has two common names");
    unsigned char *text = NULL;
    int length =
        ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
    if (length < 0 || memchr(text, 0, (size_t)length) != NULL) {
        OPENSSL_free(text);
        return sw_openssl_refused(err, SW_MALFORMED, "format",
                                  "a certificate's common name is not text");
    }
    bool fits = (size_t)length < size;
    if (fits) memcpy(out, text, (size_t)length + 1);
    OPENSSL_free(text);
    if (fits) return SW_OK;
    return sw_fail(err, SW_LIMIT, "limit", "a certificate's common name is too long");
}

sw_status sw_cert_common_name(const sw_cert *cert, char *out, size_t size, sw_error *err) {
    return common_name(X509_get_subject_name(cert->x509), out, size, err);
}

sw_status sw_cert_issuer_name(const sw_cert *cert, char *out, size_t size, sw_error *err) {
    return common_name(X509_get_issuer_name(cert->x509), out, size, err);
}

void sw_cert_validity(const sw_cert *cert, int64_t *not_before_ms, int64_t *not_after_ms) {
    (void)time_ms(X509_get0_notBefore(cert->x509), not_before_ms);
    (void)time_ms(X509_get0_notAfter(cert->x509), not_after_ms);
}

bool sw_cert_is_ca(const sw_cert *cert) {
    return X509_check_ca(cert->x509) != 0;
}

bool sw_cert_signs(const sw_cert *cert) {
    return (X509_get_key_usage(cert->x509) & KU_DIGITAL_SIGNATURE) != 0; /* absent: all bits */
}

sw_status sw_cert_extension(const sw_cert *cert, const char *oid, sw_bytes *out, sw_error *err) {
    ASN1_OBJECT *wanted = OBJ_txt2obj(oid, 1);
    if (wanted == NULL) {
        (void)sw_openssl_refused(err, SW_USAGE, "usage", "an OID is not dotted decimal");
        return SW_USAGE;
    }
    int at = X509_get_ext_by_OBJ(cert->x509, wanted, -1);
    int second = at < 0 ? -1 : X509_get_ext_by_OBJ(cert->x509, wanted, at);
    ASN1_OBJECT_free(wanted);
    if (at < 0)
        return sw_fail(err, SW_MISSING, "format", "a certificate lacks the extension %.*s",
                       OID_TEXT_MAX, oid);
    if (second >= 0)
        return sw_fail(err, SW_MALFORMED, "format", "a certificate has the extension %.*s twice",
                       OID_TEXT_MAX, oid);
    const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(X509_get_ext(cert->x509, at));
    *out = SW_BYTES(ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value));
    return SW_OK;
}

/* ---- certificates that were parsed before ---- */
sw_cert *sw_cert_cache_find(const sw_cert_cache *c, sw_bytes der) {
    for (size_t i = 0; c != NULL && i < SW_CERT_CACHE_LIMIT; i++) {
        sw_cert *there = c->certs[i];
        if (there == NULL || !sw_bytes_equal(sw_cert_der(there), der)) continue;
        there->holds++;
        return there;
    }
    return NULL;
}

void sw_cert_cache_keep(sw_cert_cache *c, sw_cert *cert) {
    sw_cert *there = sw_cert_cache_find(c, sw_cert_der(cert));
    bool known = there != NULL;
    sw_cert_free(&there);
    if (c == NULL || known) return;
    sw_cert **slot = &c->certs[c->kept++ % SW_CERT_CACHE_LIMIT];
    sw_cert_free(slot);
    *slot = cert;
    cert->holds++;
}

void sw_cert_cache_free(sw_cert_cache *c) {
    for (size_t i = 0; i < SW_CERT_CACHE_LIMIT; i++) sw_cert_free(&c->certs[i]);
}

/* ---- revocation lists ---- */
static bool crl_valid(X509_CRL *crl, sw_bytes der) {
    uint8_t *again = NULL;
    int64_t ms = 0;
    int size = i2d_X509_CRL(crl, &again);
    bool same = size > 0 && sw_bytes_equal(SW_BYTES(again, (size_t)size), der);
    OPENSSL_free(again);
    return same && time_ms(X509_CRL_get0_lastUpdate(crl), &ms) &&
           time_ms(X509_CRL_get0_nextUpdate(crl), &ms);
}

sw_status sw_crl_parse(sw_bytes der, sw_crl **out, sw_error *err) {
    if (der.size > SW_CRL_MAX_BYTES)
        return sw_fail(err, SW_LIMIT, "limit", "a revocation list has more than %zu bytes",
                       SW_CRL_MAX_BYTES);
    const uint8_t *at = der.data;
    X509_CRL *crl = der.size == 0 ? NULL : d2i_X509_CRL(NULL, &at, (long)der.size);
    if (crl == NULL || at != der.data + der.size || !crl_valid(crl, der)) {
        X509_CRL_free(crl);
        return sw_openssl_refused(err, SW_MALFORMED, "format",
                                  "a revocation list is not an X.509 CRL in DER");
    }
    sw_crl *made = calloc(1, sizeof *made);
    if (made == NULL) {
        X509_CRL_free(crl);
        return sw_fail(err, SW_MEMORY, "memory", "no memory for a revocation list");
    }
    made->crl = crl;
    *out = made;
    return SW_OK;
}

void sw_crl_free(sw_crl **crl) {
    if (*crl == NULL) return;
    X509_CRL_free((*crl)->crl);
    free(*crl);
    *crl = NULL;
}

void sw_crl_validity(const sw_crl *crl, int64_t *this_update_ms, int64_t *next_update_ms) {
    (void)time_ms(X509_CRL_get0_lastUpdate(crl->crl), this_update_ms);
    (void)time_ms(X509_CRL_get0_nextUpdate(crl->crl), next_update_ms);
}

bool sw_crl_issued_by(const sw_crl *crl, const sw_cert *issuer) {
    return sw_name_equal(X509_CRL_get_issuer(crl->crl), X509_get_subject_name(issuer->x509));
}

sw_status sw_crl_issuer_name(const sw_crl *crl, char *out, size_t size, sw_error *err) {
    return common_name(X509_CRL_get_issuer(crl->crl), out, size, err);
}

size_t sw_crl_count(const sw_crl *crl) {
    int count = sk_X509_REVOKED_num(X509_CRL_get_REVOKED(crl->crl));
    return count < 0 ? 0 : (size_t)count;
}

sw_status sw_crl_entry_read(const sw_crl *crl, size_t index, sw_crl_entry *out, sw_error *err) {
    SW_CHECK(err, index < sw_crl_count(crl));
    const X509_REVOKED *entry = sk_X509_REVOKED_value(X509_CRL_get_REVOKED(crl->crl), (int)index);
    sw_crl_entry made = {0};
    if (!sw_serial_read(X509_REVOKED_get0_serialNumber(entry), made.serial, &made.serial_bytes))
        return sw_openssl_refused(err, SW_MALFORMED, "format",
                                  "a serial number in a revocation list is out of range");
    if (!time_ms(X509_REVOKED_get0_revocationDate(entry), &made.revoked_ms))
        return sw_openssl_refused(err, SW_MALFORMED, "format",
                                  "a date in a revocation list is not a time");
    *out = made;
    return SW_OK;
}

bool sw_name_equal(const X509_NAME *a, const X509_NAME *b) {
    const unsigned char *a_der = NULL, *b_der = NULL;
    size_t a_size = 0, b_size = 0;
    return X509_NAME_get0_der((X509_NAME *)a, &a_der, &a_size) == 1 &&
           X509_NAME_get0_der((X509_NAME *)b, &b_der, &b_size) == 1 &&
           sw_bytes_equal(SW_BYTES(a_der, a_size), SW_BYTES(b_der, b_size));
}
