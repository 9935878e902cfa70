/* SPDX-License-Identifier: Apache-2.0
 *
 * The parsed certificate and revocation list as the X.509 files share them.
 */
#ifndef SW_CRYPTO_X509_INTERNAL_H
#define SW_CRYPTO_X509_INTERNAL_H
#include "crypto/x509.h"

#include <openssl/x509.h>
#include <stdatomic.h>

#define SW_CERT_MAX_BYTES ((size_t)64 << 10)
#define SW_CRL_MAX_BYTES  ((size_t)4 << 20)
#define SW_CHAIN_MAX      8 /* certificates, root included */
#define SW_CRL_MAX        8 /* lists given to one verification */

struct sw_cert {
    X509 *x509;
    sw_buffer der;       /* the exact bytes it was parsed from */
    atomic_size_t holds; /* whoever holds it frees it, on any thread; the last one's free is one */
};
struct sw_crl {
    X509_CRL *crl;
};

/* Byte for byte; X.509's own comparison folds case and white space. */
bool sw_name_equal(const X509_NAME *a, const X509_NAME *b);
/* As sw_cert_serial; false for one that is longer than 20 bytes, zero or negative. */
bool sw_serial_read(const ASN1_INTEGER *serial, uint8_t out[20], size_t *size);

/* The key that signs, checked to be the one that verifiers will use; SW_USAGE when it is another's.
 * EVP_PKEY_free. */
SW_NODISCARD sw_status sw_p384_evp_signer(const uint8_t secret[SW_P384_SECRET_BYTES],
                                          const sw_p384_public *expected, EVP_PKEY **out,
                                          sw_error *err);

#endif
