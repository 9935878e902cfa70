/* SPDX-License-Identifier: Apache-2.0
 *
 * OCSP answers (RFC 6960), kept and judged later at an explicit time: how makers that publish no
 * revocation list say that a certificate still stands. Docs: docs/formats/rim.md, GPU-150 on.
 */
#ifndef SW_CRYPTO_OCSP_H
#define SW_CRYPTO_OCSP_H
#include "crypto/x509.h"

#define SW_OCSP_LIMIT ((size_t)16 << 10)

typedef enum sw_ocsp_state { SW_OCSP_GOOD, SW_OCSP_REVOKED, SW_OCSP_UNKNOWN } sw_ocsp_state;
typedef struct sw_ocsp_verdict {
    sw_ocsp_state state;
    int reason; /* CRLReason of RFC 5280 5.3.1 (6: certificateHold); -1 when none is given */
    int64_t revoked_ms; /* of SW_OCSP_REVOKED */
    int64_t this_update_ms, next_update_ms;
    int64_t valid_from_ms, valid_until_ms; /* both, and a delegated signer's certificate */
} sw_ocsp_verdict;

/* ---- one answer, parsed once and judged for as many certificates as ask ---- */
typedef struct sw_ocsp_answer sw_ocsp_answer; /* owned; does not change, so threads may share it */
SW_NODISCARD sw_status sw_ocsp_parse(sw_bytes response, sw_ocsp_answer **out, sw_error *err);
void sw_ocsp_free(sw_ocsp_answer **answer);
/* Whether judging it for this certificate ends in anything but SW_MISSING; costs two digests. */
bool sw_ocsp_concerns(const sw_ocsp_answer *answer, const sw_cert *cert, const sw_cert *issuer);
/* sw_ocsp_verify behind the parsing. */
SW_NODISCARD sw_status sw_ocsp_judge(const sw_ocsp_answer *answer, const sw_cert *cert,
                                     const sw_cert *issuer, int64_t wall_ms, sw_ocsp_verdict *out,
                                     sw_error *err);

/* For people: the certificates that it is about, and what it says of each. Nothing is verified, no
 * time is judged: the last two dates of the verdict are 0, and a next update that is not said is.
 */
typedef struct sw_ocsp_facts {
    uint8_t serial[20]; /* magnitude, big-endian */
    size_t serial_bytes;
    uint8_t issuer_key[64]; /* the hash of the issuer's key, by whichever function */
    size_t issuer_key_bytes;
    sw_ocsp_verdict says;
} sw_ocsp_facts;
size_t sw_ocsp_count(const sw_ocsp_answer *answer);
/* `index` is below the count. */
SW_NODISCARD sw_status sw_ocsp_read(const sw_ocsp_answer *answer, size_t index, sw_ocsp_facts *out,
                                    sw_error *err);

/* What `response` (one DER OCSPResponse, nothing behind it) says of `cert`. Demanded: status
 * successful; a basic response signed by the issuer's own key, or by one certificate that the
 * issuer itself signed for OCSP signing (RFC 6960 4.2.2.2) and that is valid at wall_ms; exactly
 * one single response for this certificate (name hash, key hash and serial, by SHA-1, SHA-256 or
 * SHA-384); thisUpdate <= wall_ms < nextUpdate, and a nextUpdate. No default trust of any kind.
 * SW_MISSING "evidence" when the answer is of another certificate, SW_MALFORMED, SW_REFUSED
 * "evidence" with one sentence. A revoked certificate is an answer (state), not a failure. */
SW_NODISCARD sw_status sw_ocsp_verify(sw_bytes response, const sw_cert *cert, const sw_cert *issuer,
                                      int64_t wall_ms, sw_ocsp_verdict *out, sw_error *err);

/* Appends the DER of the question for this one certificate, by SHA-384. */
SW_NODISCARD sw_status sw_ocsp_request(const sw_cert *cert, const sw_cert *issuer, sw_buffer *der,
                                       sw_error *err);

/* Appends the DER of an answer, produced at thisUpdate, that says good of `cert`: signed by the
 * issuer's own P-384 key with SHA-384 and naming it by its hash, without certificates. SW_USAGE
 * when the key is not the issuer's or the answer would end before it begins. */
typedef struct sw_ocsp_plan {
    const sw_cert *cert, *issuer;
    int64_t this_update_ms, next_update_ms; /* of whole seconds */
} sw_ocsp_plan;
SW_NODISCARD sw_status sw_ocsp_make_p384(const sw_ocsp_plan *plan,
                                         const uint8_t issuer_secret[SW_P384_SECRET_BYTES],
                                         sw_buffer *der, sw_error *err);
#endif
