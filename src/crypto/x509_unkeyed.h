/* SPDX-License-Identifier: Apache-2.0
 *
 * Chains of makers whose certificates lack the authority key identifier of RFC 5280 4.2.1.1, as
 * dstack's do.
 */
#ifndef SW_CRYPTO_X509_UNKEYED_H
#define SW_CRYPTO_X509_UNKEYED_H
#include "crypto/x509.h"

/* sw_chain_verify_path, the same in all else: one that is there must be right. Nothing is said of
 * revocation. */
SW_NODISCARD sw_status sw_chain_verify_unkeyed(sw_cert *const *chain, size_t count,
                                               sw_bytes anchor_der, int64_t wall_ms, sw_error *err);
#endif
