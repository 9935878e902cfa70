/* SPDX-License-Identifier: Apache-2.0
 *
 * Hashes (FIPS 180-4), the binding encoding, HMAC (FIPS 198-1) and HKDF (RFC 5869), all with SHA-2
 * of OpenSSL.
 *
 * Hash functions return nothing, and OpenSSL fails in them only without memory. Then the output
 * becomes fresh random bytes: they equal no other hash, so every comparison that follows says no.
 * Whatever derives a key goes through the forms that return a status.
 *
 * HKDF is composed from HMAC because OpenSSL's own bounds the length of `info`.
 */
#include "crypto/crypto_internal.h"

#include <openssl/err.h>
#include <openssl/params.h>
#include <string.h>

sw_status sw_openssl_failed(sw_error *err, const char *operation) {
    ERR_clear_error();
    return sw_fail(err, SW_INTERNAL, "internal", "OpenSSL failed in %s", operation);
}

sw_status sw_openssl_refused(sw_error *err, sw_status status, const char *word,
                             const char *sentence) {
    ERR_clear_error();
    return sw_fail(err, status, word, "%s", sentence);
}

/* A value that equals nothing; called only when OpenSSL could not hash. */
static void poison(void *out, size_t size) {
    ERR_clear_error();
    sw_entropy system = sw_entropy_system();
    if (sw_entropy_fill(&system, out, size, NULL) != SW_OK) memset(out, 0xff, size);
}

/* ---- hashes ---- */
typedef struct digest_input {
    const char *label; /* NULL: plain concatenation */
    const sw_bytes *parts;
    size_t count;
} digest_input;

static bool add_framed(EVP_MD_CTX *ctx, sw_bytes part, bool framed) {
    if (framed) {
        if (part.size > UINT32_MAX) return false;
        uint32_t n = (uint32_t)part.size;
        uint8_t length[4] = {(uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};
        if (EVP_DigestUpdate(ctx, length, sizeof length) != 1) return false;
    }
    return part.size == 0 || EVP_DigestUpdate(ctx, part.data, part.size) == 1;
}

static void digest(uint8_t *out, size_t size, const EVP_MD *md, const digest_input *in) {
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool framed = in->label != NULL;
    bool good = ctx != NULL && EVP_DigestInit_ex(ctx, md, NULL) == 1;
    if (good && framed) good = add_framed(ctx, sw_text(in->label), true);
    for (size_t i = 0; good && i < in->count; i++) good = add_framed(ctx, in->parts[i], framed);
    if (!good || EVP_DigestFinal_ex(ctx, out, NULL) != 1) poison(out, size);
    EVP_MD_CTX_free(ctx);
}

void sw_sha256_parts(sw_hash *out, const sw_bytes *parts, size_t count) {
    digest(out->b, sizeof out->b, EVP_sha256(), &(digest_input){NULL, parts, count});
}

void sw_sha256(sw_hash *out, sw_bytes in) {
    sw_sha256_parts(out, &in, 1);
}

void sw_sha384(uint8_t out[SW_SHA384_BYTES], sw_bytes in) {
    digest(out, SW_SHA384_BYTES, EVP_sha384(), &(digest_input){NULL, &in, 1});
}

void sw_sha512(uint8_t out[SW_SHA512_BYTES], sw_bytes in) {
    digest(out, SW_SHA512_BYTES, EVP_sha512(), &(digest_input){NULL, &in, 1});
}

void sw_bind_sha256(sw_hash *out, const char *label, const sw_bytes *fields, size_t count) {
    digest(out->b, sizeof out->b, EVP_sha256(), &(digest_input){label, fields, count});
}

void sw_bind_sha512(uint8_t out[SW_SHA512_BYTES], const char *label, const sw_bytes *fields,
                    size_t count) {
    digest(out, SW_SHA512_BYTES, EVP_sha512(), &(digest_input){label, fields, count});
}

/* ---- streaming ----
 * The stream is the context itself; once an update fails the context is reset, so that closing it
 * fails as well. */
static EVP_MD_CTX *stream_open(const EVP_MD *md) {
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (ctx != NULL && EVP_DigestInit_ex(ctx, md, NULL) != 1) {
        EVP_MD_CTX_free(ctx);
        ctx = NULL;
        ERR_clear_error();
    }
    return ctx;
}

static void stream_add(EVP_MD_CTX *ctx, sw_bytes in) {
    if (in.size == 0 || EVP_MD_CTX_get0_md(ctx) == NULL) return;
    if (EVP_DigestUpdate(ctx, in.data, in.size) != 1) EVP_MD_CTX_reset(ctx);
}

static void stream_close(EVP_MD_CTX *ctx, void *out, size_t size) {
    bool good = ctx != NULL && EVP_MD_CTX_get0_md(ctx) != NULL;
    if (out != NULL && (!good || EVP_DigestFinal_ex(ctx, out, NULL) != 1)) poison(out, size);
    EVP_MD_CTX_free(ctx);
}

sw_sha256_stream *sw_sha256_open(void) {
    return (sw_sha256_stream *)stream_open(EVP_sha256());
}

void sw_sha256_add(sw_sha256_stream *s, sw_bytes in) {
    stream_add((EVP_MD_CTX *)s, in);
}

void sw_sha256_close(sw_sha256_stream **s, sw_hash *out) {
    stream_close((EVP_MD_CTX *)*s, out == NULL ? NULL : out->b, sizeof out->b);
    *s = NULL;
}

sw_sha384_stream *sw_sha384_open(void) {
    return (sw_sha384_stream *)stream_open(EVP_sha384());
}

void sw_sha384_add(sw_sha384_stream *s, sw_bytes in) {
    stream_add((EVP_MD_CTX *)s, in);
}

void sw_sha384_close(sw_sha384_stream **s, uint8_t out[SW_SHA384_BYTES]) {
    stream_close((EVP_MD_CTX *)*s, out, SW_SHA384_BYTES);
    *s = NULL;
}

/* ---- HMAC ---- */
static EVP_MAC_CTX *hmac_context(sw_bytes key) {
    /* An empty key and 32 zero bytes are the same HMAC key; OpenSSL takes an empty one for none. */
    static const uint8_t none[32] = {0};
    if (key.size == 0) key = SW_BYTES_OF(none);
    char name[] = "SHA256";
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string("digest", name, 0),
                           OSSL_PARAM_construct_end()};
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(mac);
    EVP_MAC_free(mac);
    if (ctx != NULL && EVP_MAC_init(ctx, key.data, key.size, params) == 1) return ctx;
    EVP_MAC_CTX_free(ctx);
    return NULL;
}

static bool hmac_add(EVP_MAC_CTX *ctx, const sw_bytes *parts, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (parts[i].size > 0 && EVP_MAC_update(ctx, parts[i].data, parts[i].size) != 1)
            return false;
    return true;
}

sw_status sw_hmac_parts(uint8_t out[32], sw_bytes key, const sw_bytes *parts, size_t count,
                        sw_error *err) {
    size_t size = 0;
    EVP_MAC_CTX *ctx = hmac_context(key);
    bool good = ctx != NULL && hmac_add(ctx, parts, count) &&
                EVP_MAC_final(ctx, out, &size, 32) == 1 && size == 32;
    EVP_MAC_CTX_free(ctx);
    return good ? SW_OK : sw_openssl_failed(err, "HMAC");
}

void sw_hmac_sha256(sw_hash *out, sw_bytes key, sw_bytes message) {
    if (sw_hmac_parts(out->b, key, &message, 1, NULL) != SW_OK) poison(out->b, sizeof out->b);
}

/* ---- HKDF ---- */
#define HKDF_MAX_BYTES ((size_t)255 * 32)

void sw_hkdf_extract(uint8_t prk[32], sw_bytes salt, sw_bytes ikm) {
    if (sw_hmac_parts(prk, salt, &ikm, 1, NULL) != SW_OK) poison(prk, 32);
}

/* T(i) = HMAC(prk, T(i-1) || info || i), RFC 5869 2.3. `keyed` holds prk and stays as it is. */
static bool expand_block(const EVP_MAC_CTX *keyed, uint8_t block[32], uint8_t number,
                         const sw_bytes *info, size_t count) {
    size_t size = 0;
    sw_bytes before = SW_BYTES(block, number == 1 ? 0 : 32);
    sw_bytes behind = SW_BYTES(&number, 1);
    EVP_MAC_CTX *ctx = EVP_MAC_CTX_dup(keyed);
    bool good = ctx != NULL && hmac_add(ctx, &before, 1) && hmac_add(ctx, info, count) &&
                hmac_add(ctx, &behind, 1) && EVP_MAC_final(ctx, block, &size, 32) == 1;
    EVP_MAC_CTX_free(ctx);
    return good && size == 32;
}

sw_status sw_hkdf_expand_parts(void *out, size_t size, const uint8_t prk[32], const sw_bytes *info,
                               size_t count, sw_error *err) {
    if (size > HKDF_MAX_BYTES)
        return sw_fail(err, SW_USAGE, "usage", "HKDF yields at most %zu bytes", HKDF_MAX_BYTES);
    uint8_t block[32], number = 1;
    size_t done = 0;
    EVP_MAC_CTX *keyed = hmac_context(SW_BYTES(prk, 32));
    bool good = keyed != NULL;
    for (; good && done < size; number++) {
        good = expand_block(keyed, block, number, info, count);
        size_t part = size - done < sizeof block ? size - done : sizeof block;
        if (good) memcpy((uint8_t *)out + done, block, part);
        done += part;
    }
    sw_wipe(block, sizeof block);
    EVP_MAC_CTX_free(keyed);
    if (good) return SW_OK;
    sw_wipe(out, size);
    return sw_openssl_failed(err, "HKDF");
}

sw_status sw_hkdf_expand(void *out, size_t size, const uint8_t prk[32], sw_bytes info,
                         sw_error *err) {
    return sw_hkdf_expand_parts(out, size, prk, &info, 1, err);
}

sw_status sw_hkdf(void *out, size_t size, sw_bytes ikm, sw_bytes salt, sw_bytes info,
                  sw_error *err) {
    uint8_t prk[32];
    sw_status status = sw_hmac_parts(prk, salt, &ikm, 1, err);
    if (status == SW_OK) status = sw_hkdf_expand_parts(out, size, prk, &info, 1, err);
    sw_wipe(prk, sizeof prk);
    return status;
}
