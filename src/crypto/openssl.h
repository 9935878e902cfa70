/* SPDX-License-Identifier: Apache-2.0
 *
 * A key as OpenSSL's own object, for TLS alone. It is made from our bytes and not by way of PEM or
 * DER: OpenSSL 3 takes longer to read a key back than to sign with it.
 */
#ifndef SW_CRYPTO_OPENSSL_H
#define SW_CRYPTO_OPENSSL_H
#include "crypto/crypto.h"

#include <openssl/evp.h>

/* A key that knows its public half; refuses 0 and values from n upwards (SW_MALFORMED "key"). The
 * scalar lies in OpenSSL's own heap (sw_crypto_lock_heap). EVP_PKEY_free. */
SW_NODISCARD sw_status sw_p256_evp_pair(const uint8_t secret[32], EVP_PKEY **out, sw_error *err);

#endif
