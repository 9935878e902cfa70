/* SPDX-License-Identifier: Apache-2.0
 *
 * TLS for both sides (RFC 8446): one version, one curve, self-signed keys made at start.
 *
 * A certificate here only carries a key: the handshake proves possession, and who holds the key is
 * proven later by evidence inside the channel (docs/formats/kms.md, KMS-010). So there are no
 * authorities, names or dates to check, and nothing of a connection outlives it: no tickets, no
 * resumption, no early data. Spec: DESIGN section 4, channels.
 */
#include "crypto/openssl.h"
#include "crypto/x509.h"
#include "http/http_internal.h"

#include <openssl/err.h>
#include <openssl/x509.h>

#define SPKI_MAX_BYTES        128
#define CERTIFICATE_MAX_BYTES 1024
/* RFC 5280 4.1.2.5: 99991231235959Z stands for "no end". */
#define NO_END_MS INT64_C(253402300799000)

/* ---- what we show ---- */
static sw_status certificate_make(const sw_session_key *secret, const sw_entropy *e, X509 **out,
                                  sw_error *err) {
    sw_p256_public public;
    uint32_t serial;
    SW_TRY(sw_p256_derive(secret->b, &public, err));
    SW_TRY(sw_entropy_fill(e, &serial, sizeof serial, err));
    sw_cert_plan plan = {
        .common_name = "sealwright", .serial = (uint64_t)serial + 1, .not_after_ms = NO_END_MS};
    SW_SCOPED(sw_buffer) der = SW_BUFFER(CERTIFICATE_MAX_BYTES);
    SW_TRY(sw_cert_make(&plan, &public, NULL, secret->b, &der, err));
    const uint8_t *at = der.data;
    X509 *made = d2i_X509(NULL, &at, (long)der.size);
    if (made == NULL) return sw_fail(err, SW_INTERNAL, "internal", "TLS has no certificate");
    *out = made;
    return SW_OK;
}

sw_status sw_tls_identity_make(const sw_session_key *secret, const sw_entropy *e,
                               sw_tls_identity *out, sw_error *err) {
    sw_tls_identity made = {0};
    SW_TRY(certificate_make(secret, e, &made.certificate, err));
    sw_status status = sw_p256_evp_pair(secret->b, &made.key, err);
    if (status != SW_OK) {
        sw_tls_identity_free(&made);
        return status;
    }
    *out = made;
    return SW_OK;
}

void sw_tls_identity_free(sw_tls_identity *i) {
    X509_free(i->certificate);
    EVP_PKEY_free(i->key);
    *i = (sw_tls_identity){0};
}

/* ---- what we accept ---- */
static bool key_of(X509 *certificate, sw_p256_public *out) {
    uint8_t *der = NULL;
    int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
    bool good = size > 0 && size <= SPKI_MAX_BYTES &&
                sw_p256_from_spki(SW_BYTES(der, (size_t)size), out, NULL) == SW_OK;
    OPENSSL_free(der);
    ERR_clear_error();
    return good;
}

bool sw_tls_peer_in_store(X509_STORE_CTX *store, sw_p256_public *out) {
    X509 *certificate = X509_STORE_CTX_get0_cert(store);
    STACK_OF(X509) *sent = X509_STORE_CTX_get0_untrusted(store);
    if (certificate == NULL || sk_X509_num(sent) > 1 || !key_of(certificate, out)) return false;
    bool self_signed = X509_verify(certificate, X509_get0_pubkey(certificate)) == 1;
    ERR_clear_error();
    return self_signed;
}

bool sw_tls_peer_of(const SSL *ssl, sw_p256_public *out) {
    X509 *certificate = SSL_get0_peer_certificate(ssl);
    return certificate != NULL && key_of(certificate, out);
}

bool sw_tls_configure(SSL_CTX *ctx, const sw_tls_identity *identity, sw_tls_verify verify,
                      void *context) {
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(ctx, verify, context);
    SSL_CTX_set_keylog_callback(ctx, NULL); /* libcurl sets one when the environment asks */
    bool good =
        SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) == 1 &&
        SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) == 1 &&
        SSL_CTX_set_ciphersuites(ctx, "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256") == 1 &&
        SSL_CTX_set1_groups_list(ctx, "P-256") == 1 &&
        SSL_CTX_set1_sigalgs_list(ctx, "ECDSA+SHA256") == 1 &&
        SSL_CTX_set_num_tickets(ctx, 0) == 1 && SSL_CTX_set_max_early_data(ctx, 0) == 1 &&
        SSL_CTX_use_certificate(ctx, identity->certificate) == 1 &&
        SSL_CTX_use_PrivateKey(ctx, identity->key) == 1 && SSL_CTX_check_private_key(ctx) == 1;
    ERR_clear_error();
    return good;
}
