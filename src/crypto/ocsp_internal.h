/* SPDX-License-Identifier: Apache-2.0
 *
 * A question to an OCSP answer, as its two files share it.
 */
#ifndef SW_CRYPTO_OCSP_INTERNAL_H
#define SW_CRYPTO_OCSP_INTERNAL_H
#include "crypto/ocsp.h"
#include "crypto/x509_internal.h"

#include <openssl/ocsp.h>

typedef struct sw_ocsp_question {
    OCSP_BASICRESP *basic;
    const sw_cert *cert, *issuer;
    int64_t wall_ms;
} sw_ocsp_question;
/* The answer is signed by the issuer, or by one whom the issuer itself named for this: then the
 * dates of that one's certificate, else all of time. */
SW_NODISCARD sw_status sw_ocsp_signature_verify(const sw_ocsp_question *q, int64_t *from_ms,
                                                int64_t *until_ms, sw_error *err);
#endif
