/* SPDX-License-Identifier: Apache-2.0
 *
 * X.509 for attestation: chains to one pinned root with CRLs at an explicit time, and the making of
 * the software machine's own PKI.
 */
#ifndef SW_CRYPTO_X509_H
#define SW_CRYPTO_X509_H
#include "crypto/crypto.h"

typedef struct sw_cert sw_cert; /* one parsed certificate; owned */
SW_NODISCARD sw_status sw_cert_parse(sw_bytes der, sw_cert **out,
                                     sw_error *err); /* exactly one, nothing behind it */
void sw_cert_free(sw_cert **cert);
void sw_cert_hold(sw_cert *cert); /* one more hold, for one more sw_cert_free */

/* Parsed certificates by their exact bytes, for whoever is shown the same chain again and again.
 * What is kept is the parsed form and nothing else: dates, names, signatures and revocation are
 * judged anew by whoever finds one. Starts as zeros. Several threads may look for certificates in
 * one while none keeps any. */
#define SW_CERT_CACHE_LIMIT 16
typedef struct sw_cert_cache {
    sw_cert *certs[SW_CERT_CACHE_LIMIT];
    size_t kept; /* ever */
} sw_cert_cache;
/* A certificate of these bytes, with a hold of its own (sw_cert_free); NULL when none is kept.
 * `c` may be NULL. */
sw_cert *sw_cert_cache_find(const sw_cert_cache *c, sw_bytes der);
/* Takes a hold of its own, once for the same bytes; the oldest makes room. `c` may be NULL. */
void sw_cert_cache_keep(sw_cert_cache *c, sw_cert *cert);
void sw_cert_cache_free(sw_cert_cache *c);

sw_bytes sw_cert_der(const sw_cert *cert); /* view */
SW_NODISCARD sw_status sw_cert_key(const sw_cert *cert, sw_p256_public *out, sw_error *err);
/* A P-384 key in SubjectPublicKeyInfo's one form; SW_MALFORMED "key" for any other. */
SW_NODISCARD sw_status sw_cert_key_p384(const sw_cert *cert, sw_p384_public *out, sw_error *err);
/* The serial number's magnitude, big-endian without leading zeros; *size at most 20 (RFC 5280
 * 4.1.2.2), SW_MALFORMED for one that is longer, zero or negative. */
SW_NODISCARD sw_status sw_cert_serial(const sw_cert *cert, uint8_t out[20], size_t *size,
                                      sw_error *err);
SW_NODISCARD sw_status sw_cert_common_name(const sw_cert *cert, char *out, size_t size,
                                           sw_error *err);
SW_NODISCARD sw_status sw_cert_issuer_name(const sw_cert *cert, char *out, size_t size,
                                           sw_error *err);
bool sw_cert_is_ca(const sw_cert *cert); /* in any way by which OpenSSL knows one */
bool sw_cert_signs(const sw_cert *cert); /* its key usage, where it has one, says so */
void sw_cert_validity(const sw_cert *cert, int64_t *not_before_ms, int64_t *not_after_ms);
/* The value of one extension by dotted OID; SW_MISSING when absent, SW_MALFORMED when it occurs
 * twice. View into the certificate. */
SW_NODISCARD sw_status sw_cert_extension(const sw_cert *cert, const char *oid, sw_bytes *out,
                                         sw_error *err);

typedef struct sw_crl sw_crl;
SW_NODISCARD sw_status sw_crl_parse(sw_bytes der, sw_crl **out, sw_error *err);
void sw_crl_free(sw_crl **crl);
void sw_crl_validity(const sw_crl *crl, int64_t *this_update_ms, int64_t *next_update_ms);
bool sw_crl_issued_by(
    const sw_crl *crl,
    const sw_cert *issuer); /* issuer name equals the subject name byte for byte */
/* For people: who issued it, as sw_cert_common_name says it, and what it lists. */
typedef struct sw_crl_entry {
    uint8_t serial[20]; /* magnitude, big-endian */
    size_t serial_bytes;
    int64_t revoked_ms;
} sw_crl_entry;
SW_NODISCARD sw_status sw_crl_issuer_name(const sw_crl *crl, char *out, size_t size, sw_error *err);
size_t sw_crl_count(const sw_crl *crl);
/* `index` is below the count. SW_MALFORMED "format" for a serial number or a date that is none. */
SW_NODISCARD sw_status sw_crl_entry_read(const sw_crl *crl, size_t index, sw_crl_entry *out,
                                         sw_error *err);

/* Verifies chain[0] (leaf) .. chain[count-1], whose last one must be byte for byte `anchor`: strict
 * RFC 5280, CA flags, notBefore and notAfter at wall_ms, every certificate below the root covered
 * by one of `crls`, whose dates must hold at wall_ms and which must not list it. The root is the
 * only trust; no default paths. SW_REFUSED "evidence" with one precise sentence. */
SW_NODISCARD sw_status sw_chain_verify(sw_cert *const *chain, size_t count, sw_bytes anchor_der,
                                       sw_crl *const *crls, size_t crl_count, int64_t wall_ms,
                                       sw_error *err);

/* The same judgement without revocation: for makers who publish no lists and answer by OCSP alone.
 * Says nothing of revocation, so whoever calls it has sw_ocsp_verify to call for each certificate,
 * or says aloud that nobody asked. */
SW_NODISCARD sw_status sw_chain_verify_path(sw_cert *const *chain, size_t count,
                                            sw_bytes anchor_der, int64_t wall_ms, sw_error *err);

/* The lower part of a path whose upper part was judged in this very verdict: chain[count-1] is an
 * intermediate that stood at this height of a path of the same length, byte for byte, with the same
 * certificates above it; its own signature is not judged again. Everything else is as in
 * sw_chain_verify_path. None of what stands above may constrain names: SW_REFUSED when
 * chain[count-1] does, and the caller looks at the others (sw_cert_constrains_names). */
SW_NODISCARD sw_status sw_chain_verify_below(sw_cert *const *chain, size_t count, int64_t wall_ms,
                                             sw_error *err);
bool sw_cert_constrains_names(const sw_cert *cert); /* RFC 5280 4.2.1.10 */

/* ---- making (software machine, TLS) ---- */
typedef struct sw_cert_plan {
    const char *common_name;
    uint64_t serial;
    int64_t not_before_ms, not_after_ms;
    bool ca;
    const char *extension_oid; /* NULL for none */
    sw_bytes extension;        /* DER value */
    const char *key_usage;     /* NULL: what suits `ca` */
} sw_cert_plan;
/* Self-signed when issuer is NULL. `secret` signs: the issuer's key, or the subject's own when
 * self-signed. */
SW_NODISCARD sw_status sw_cert_make(const sw_cert_plan *plan, const sw_p256_public *subject,
                                    const sw_cert *issuer, const uint8_t secret[32], sw_buffer *der,
                                    sw_error *err);
/* The same over P-384 with SHA-384: the form of NVIDIA's devices and of their manifests' signers.
 */
SW_NODISCARD sw_status sw_cert_make_p384(const sw_cert_plan *plan, const sw_p384_public *subject,
                                         const sw_cert *issuer,
                                         const uint8_t secret[SW_P384_SECRET_BYTES], sw_buffer *der,
                                         sw_error *err);
SW_NODISCARD sw_status sw_crl_make(const sw_cert *issuer, const uint8_t secret[32],
                                   int64_t this_update_ms, int64_t next_update_ms, uint64_t number,
                                   const uint64_t *revoked, size_t revoked_count, sw_buffer *der,
                                   sw_error *err);
#endif
