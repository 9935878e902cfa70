/* SPDX-License-Identifier: Apache-2.0
 *
 * What server and client share: the TLS settings of both sides, and the key that a peer showed.
 */
#ifndef SW_HTTP_INTERNAL_H
#define SW_HTTP_INTERNAL_H
#include "http/http.h"

#include <openssl/ssl.h>

/* A certificate of our own (self-signed, all time) and its key, as OpenSSL takes them. */
typedef struct sw_tls_identity {
    X509 *certificate;
    EVP_PKEY *key;
} sw_tls_identity;
SW_NODISCARD sw_status sw_tls_identity_make(const sw_session_key *secret, const sw_entropy *e,
                                            sw_tls_identity *out, sw_error *err);
void sw_tls_identity_free(sw_tls_identity *i);

/* Puts our rules on a context of either side: TLS 1.3 alone, P-256 alone, no tickets, no early
 * data, no key log; `verify` decides over the peer's certificate and takes `context`. */
typedef int (*sw_tls_verify)(X509_STORE_CTX *store, void *context);
SW_NODISCARD bool sw_tls_configure(SSL_CTX *ctx, const sw_tls_identity *identity,
                                   sw_tls_verify verify, void *context);
/* The key of a lone self-signed P-256 certificate in `store`; false for anything else. */
SW_NODISCARD bool sw_tls_peer_in_store(X509_STORE_CTX *store, sw_p256_public *out);
/* The key of the peer of a finished handshake; false when it showed none. */
SW_NODISCARD bool sw_tls_peer_of(const SSL *ssl, sw_p256_public *out);

#endif
