/* SPDX-License-Identifier: Apache-2.0
 *
 * A key and its certificate as OpenSSL's own objects, for TLS alone. They are made from our bytes
 * and not by way of PEM or DER: OpenSSL 3 takes longer to read a key back than to sign with it.
 */
#ifndef SW_CRYPTO_OPENSSL_H
#define SW_CRYPTO_OPENSSL_H
#include "crypto/x509.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

/* A key that knows its public half; refuses 0 and values from n upwards (SW_MALFORMED "key"). The
 * scalar lies in OpenSSL's own heap (sw_crypto_lock_heap). EVP_PKEY_free. */
SW_NODISCARD sw_status sw_p256_evp_pair(const uint8_t secret[32], EVP_PKEY **out, sw_error *err);
/* As sw_cert_make. X509_free. */
SW_NODISCARD sw_status sw_cert_make_x509(const sw_cert_plan *plan, const sw_p256_public *subject,
                                         const sw_cert *issuer, const uint8_t secret[32],
                                         X509 **out, sw_error *err);

#endif
