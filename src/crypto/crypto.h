/* SPDX-License-Identifier: Apache-2.0
 *
 * One thin layer over OpenSSL 3: hashes, MAC, KDF, AEAD, ECDSA P-256. Only this room includes
 * OpenSSL's primitives.
 *
 * Randomness is a parameter (sw_entropy). Everything returns SW_UNAUTHENTIC when a tag or signature
 * does not hold, SW_INTERNAL when OpenSSL fails.
 */
#ifndef SW_CRYPTO_H
#define SW_CRYPTO_H
#include "base/base.h"
#include "sys/clock.h"

/* Makes OpenSSL keep the private keys it computes with in locked memory. For a program's main,
 * before any other thread; once is enough, again does nothing. SW_MEMORY when it cannot be locked.
 */
SW_NODISCARD sw_status sw_crypto_lock_heap(sw_error *err);

/* ---- hashes (FIPS 180-4) ---- */
#define SW_SHA384_BYTES 48
#define SW_SHA512_BYTES 64
void sw_sha256(sw_hash *out, sw_bytes in);
void sw_sha256_parts(sw_hash *out, const sw_bytes *parts, size_t count); /* plain concatenation */
/* SHA-256(prefix, a) and SHA-256(prefix, b); when both have one size, faster than one after the
 * other on processors with the SHA instructions. Not for secrets: nothing is wiped. */
void sw_sha256_pair(sw_hash out[2], uint8_t prefix, sw_bytes a, sw_bytes b);
void sw_sha384(uint8_t out[SW_SHA384_BYTES], sw_bytes in);
void sw_sha512(uint8_t out[SW_SHA512_BYTES], sw_bytes in);
/* The binding hash: SHA-256 over u32be length and bytes of every field, the label first (DESIGN
 * section 3, "one encoding everywhere"). */
void sw_bind_sha256(sw_hash *out, const char *label, const sw_bytes *fields, size_t count);
void sw_bind_sha512(uint8_t out[SW_SHA512_BYTES], const char *label, const sw_bytes *fields,
                    size_t count);
typedef struct sw_sha256_stream sw_sha256_stream;
sw_sha256_stream *sw_sha256_open(void); /* NULL without memory */
void sw_sha256_add(sw_sha256_stream *s, sw_bytes in);
void sw_sha256_close(sw_sha256_stream **s, sw_hash *out); /* out NULL: discard */
typedef struct sw_sha384_stream sw_sha384_stream;         /* the same in SHA-384 */
sw_sha384_stream *sw_sha384_open(void);
void sw_sha384_add(sw_sha384_stream *s, sw_bytes in);
void sw_sha384_close(sw_sha384_stream **s, uint8_t out[SW_SHA384_BYTES]);

void sw_hmac_sha256(sw_hash *out, sw_bytes key, sw_bytes message);

/* ---- HKDF-SHA256 (RFC 5869) ---- */
void sw_hkdf_extract(uint8_t prk[32], sw_bytes salt, sw_bytes ikm);
SW_NODISCARD sw_status sw_hkdf_expand(void *out, size_t size, const uint8_t prk[32], sw_bytes info,
                                      sw_error *err); /* size <= 8160 */
SW_NODISCARD sw_status sw_hkdf(void *out, size_t size, sw_bytes ikm, sw_bytes salt, sw_bytes info,
                               sw_error *err);

/* ---- AES-256-GCM, 16-byte tag behind the ciphertext ---- */
#define SW_GCM_KEY_BYTES   32
#define SW_GCM_NONCE_BYTES 12
#define SW_GCM_TAG_BYTES   16
typedef struct sw_gcm sw_gcm; /* one key, reusable, one thread at a time; wiped on close */
SW_NODISCARD sw_status sw_gcm_open(const uint8_t key[SW_GCM_KEY_BYTES], sw_gcm **out,
                                   sw_error *err);
void sw_gcm_close(sw_gcm **g);
/* out has in.size + 16 bytes; may equal in.data. */
SW_NODISCARD sw_status sw_gcm_seal(sw_gcm *g, const uint8_t nonce[SW_GCM_NONCE_BYTES], sw_bytes aad,
                                   sw_bytes in, uint8_t *out, sw_error *err);
/* out has in.size - 16 bytes, wiped when the tag does not hold (SW_UNAUTHENTIC). */
SW_NODISCARD sw_status sw_gcm_unseal(sw_gcm *g, const uint8_t nonce[SW_GCM_NONCE_BYTES],
                                     sw_bytes aad, sw_bytes in, uint8_t *out, sw_error *err);

/* ---- P-256 ---- */
#define SW_P256_BYTES 65 /* SEC1 uncompressed: 04 x y */
typedef struct sw_p256_public {
    uint8_t b[SW_P256_BYTES];
} sw_p256_public;
bool sw_p256_equal(const sw_p256_public *a, const sw_p256_public *b);
SW_NODISCARD sw_status
sw_p256_check(const sw_p256_public *key,
              sw_error *err); /* on the curve, not infinity (NIST SP 800-56A 5.6.2.3.3) */

/* A private scalar, big-endian. The four roles differ in type only. */
SW_SECRET_ROLE(sw_identity_key, 32)   /* an owner signs with it */
SW_SECRET_ROLE(sw_encryption_key, 32) /* an owner's or recipient's HPKE key */
SW_SECRET_ROLE(sw_root_key, 32)       /* a KMS's HPKE key */
SW_SECRET_ROLE(sw_session_key,
               32) /* made at start and never stored: receipt key, manifest key, response key */

/* The generic form below; callers pass role->b. */
SW_NODISCARD sw_status sw_p256_generate(const sw_entropy *e, uint8_t secret[32],
                                        sw_p256_public *out, sw_error *err);
SW_NODISCARD sw_status sw_p256_derive(const uint8_t secret[32], sw_p256_public *out,
                                      sw_error *err); /* public from secret */
/* DER ECDSA-Sig-Value over SHA-256(message), low-S. *size <= SW_ECDSA_DER_LIMIT. */
#define SW_ECDSA_DER_LIMIT 72
SW_NODISCARD sw_status sw_p256_sign(const uint8_t secret[32], sw_bytes message,
                                    uint8_t out[SW_ECDSA_DER_LIMIT], size_t *size, sw_error *err);
/* `low_s`: refuse s > n/2 (our own signatures). Refuses non-minimal DER. */
SW_NODISCARD sw_status sw_p256_verify(const sw_p256_public *key, sw_bytes message,
                                      sw_bytes der_signature, bool low_s, sw_error *err);
/* Raw r||s, 64 bytes (Intel's quotes and collateral). */
SW_NODISCARD sw_status sw_p256_verify_raw(const sw_p256_public *key, sw_bytes message,
                                          const uint8_t signature[64], sw_error *err);
SW_NODISCARD sw_status sw_p256_sign_raw(const uint8_t secret[32], sw_bytes message,
                                        uint8_t signature[64], sw_error *err);
void sw_p256_spki(sw_buffer *out,
                  const sw_p256_public *key); /* DER SubjectPublicKeyInfo, 91 bytes */
SW_NODISCARD sw_status sw_p256_from_spki(sw_bytes der, sw_p256_public *out, sw_error *err);

/* ---- P-384: what NVIDIA's devices and reference manifests sign with ---- */
#define SW_P384_BYTES           97 /* SEC1 uncompressed: 04 x y */
#define SW_P384_SECRET_BYTES    48
#define SW_P384_SIGNATURE_BYTES 96 /* r||s */
typedef struct sw_p384_public {
    uint8_t b[SW_P384_BYTES];
} sw_p384_public;
/* ECDSA with SHA-384; the key is checked to be a point of the curve. */
SW_NODISCARD sw_status sw_p384_verify_raw(const sw_p384_public *key, sw_bytes message,
                                          const uint8_t signature[SW_P384_SIGNATURE_BYTES],
                                          sw_error *err);
/* The software machine's devices alone have secrets on this curve. */
SW_NODISCARD sw_status sw_p384_generate(const sw_entropy *e, uint8_t secret[SW_P384_SECRET_BYTES],
                                        sw_p384_public *out, sw_error *err);
SW_NODISCARD sw_status sw_p384_derive(const uint8_t secret[SW_P384_SECRET_BYTES],
                                      sw_p384_public *out, sw_error *err);
SW_NODISCARD sw_status sw_p384_sign_raw(const uint8_t secret[SW_P384_SECRET_BYTES],
                                        sw_bytes message,
                                        uint8_t signature[SW_P384_SIGNATURE_BYTES], sw_error *err);

/* ---- private keys at rest: PKCS#8 PEM; encrypted with PBES2 scrypt (N=2^17,r=8,p=1)/AES-256-CBC
 * when a passphrase is given ---- */
/* An empty passphrase gives a plain key. Salt and IV come from `e`. */
SW_NODISCARD sw_status sw_pkcs8_encode(sw_buffer *out, const uint8_t secret[32],
                                       sw_bytes passphrase, const sw_entropy *e, sw_error *err);
/* SW_REFUSED "passphrase" when one is needed and none given, SW_UNAUTHENTIC when it is wrong. */
SW_NODISCARD sw_status sw_pkcs8_decode(sw_bytes pem, sw_bytes passphrase, uint8_t secret[32],
                                       sw_error *err);
bool sw_pkcs8_is_encrypted(sw_bytes pem);
#endif
