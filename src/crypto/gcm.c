/* SPDX-License-Identifier: Apache-2.0
 *
 * AES-256-GCM (NIST SP 800-38D) with 96-bit nonces and 128-bit tags.
 *
 * The key schedule is computed once per key and direction; a message costs one change of the nonce.
 * A plaintext whose tag does not hold is wiped before the caller can see it.
 */
#include "crypto/crypto_internal.h"

#include <openssl/err.h>
#include <stdlib.h>

/* OpenSSL counts in int; longer messages go through in pieces. */
#define PIECE_BYTES ((size_t)1 << 30)
/* SP 800-38D 5.2.1.1: 2^39 - 256 bits of plaintext. */
#define MESSAGE_MAX (((uint64_t)1 << 36) - 32)

sw_status sw_gcm_start(sw_gcm *g, const uint8_t key[SW_GCM_KEY_BYTES], sw_error *err) {
    const EVP_CIPHER *aes = EVP_aes_256_gcm();
    g->sealing = EVP_CIPHER_CTX_new();
    g->unsealing = EVP_CIPHER_CTX_new();
    if (g->sealing != NULL && g->unsealing != NULL &&
        EVP_EncryptInit_ex(g->sealing, aes, NULL, key, NULL) == 1 &&
        EVP_DecryptInit_ex(g->unsealing, aes, NULL, key, NULL) == 1)
        return SW_OK;
    sw_gcm_stop(g);
    return sw_openssl_failed(err, "AES-256-GCM");
}

void sw_gcm_stop(sw_gcm *g) {
    EVP_CIPHER_CTX_free(g->sealing); /* OpenSSL wipes the key schedule */
    EVP_CIPHER_CTX_free(g->unsealing);
    *g = (sw_gcm){0};
}

sw_status sw_gcm_open(const uint8_t key[SW_GCM_KEY_BYTES], sw_gcm **out, sw_error *err) {
    sw_gcm *g = calloc(1, sizeof *g);
    if (g == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a cipher");
    sw_status status = sw_gcm_start(g, key, err);
    if (status == SW_OK)
        *out = g;
    else
        free(g);
    return status;
}

void sw_gcm_close(sw_gcm **g) {
    if (*g == NULL) return;
    sw_gcm_stop(*g);
    free(*g);
    *g = NULL;
}

/* Feeds `in` in pieces; out NULL makes it additional data. */
static bool update(EVP_CIPHER_CTX *ctx, sw_bytes in, uint8_t *out) {
    int written = 0;
    for (size_t at = 0; at < in.size;) {
        size_t piece = in.size - at < PIECE_BYTES ? in.size - at : PIECE_BYTES;
        uint8_t *to = out == NULL ? NULL : out + at;
        if (EVP_CipherUpdate(ctx, to, &written, in.data + at, (int)piece) != 1) return false;
        if ((size_t)written != piece) return false;
        at += piece;
    }
    return true;
}

sw_status sw_gcm_seal(sw_gcm *g, const uint8_t nonce[SW_GCM_NONCE_BYTES], sw_bytes aad, sw_bytes in,
                      uint8_t *out, sw_error *err) {
    if (in.size > MESSAGE_MAX)
        return sw_fail(err, SW_LIMIT, "limit", "a message is too long for AES-256-GCM");
    EVP_CIPHER_CTX *ctx = g->sealing;
    uint8_t *tag = out + in.size;
    int none = 0;
    bool good = EVP_EncryptInit_ex(ctx, NULL, NULL, NULL, nonce) == 1 && update(ctx, aad, NULL) &&
                update(ctx, in, out) && EVP_EncryptFinal_ex(ctx, tag, &none) == 1 &&
                EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, SW_GCM_TAG_BYTES, tag) == 1;
    if (good) return SW_OK;
    sw_wipe(out, in.size + SW_GCM_TAG_BYTES);
    return sw_openssl_failed(err, "AES-256-GCM");
}

sw_status sw_gcm_unseal(sw_gcm *g, const uint8_t nonce[SW_GCM_NONCE_BYTES], sw_bytes aad,
                        sw_bytes in, uint8_t *out, sw_error *err) {
    if (in.size < SW_GCM_TAG_BYTES)
        return sw_fail(err, SW_MALFORMED, "format", "a sealed message is shorter than its tag");
    EVP_CIPHER_CTX *ctx = g->unsealing;
    sw_bytes sealed = SW_BYTES(in.data, in.size - SW_GCM_TAG_BYTES);
    uint8_t tag[SW_GCM_TAG_BYTES], rest[SW_GCM_TAG_BYTES];
    for (size_t i = 0; i < sizeof tag; i++) tag[i] = in.data[sealed.size + i];
    int none = 0;
    bool good = EVP_DecryptInit_ex(ctx, NULL, NULL, NULL, nonce) == 1 && update(ctx, aad, NULL) &&
                update(ctx, sealed, out) &&
                EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, sizeof tag, tag) == 1;
    if (!good) {
        sw_wipe(out, sealed.size);
        return sw_openssl_failed(err, "AES-256-GCM");
    }
    if (EVP_DecryptFinal_ex(ctx, rest, &none) == 1) return SW_OK;
    sw_wipe(out, sealed.size);
    return sw_openssl_refused(err, SW_UNAUTHENTIC, "tag",
                              "sealed bytes do not match their authentication tag");
}
