/* SPDX-License-Identifier: Apache-2.0
 *
 * Private keys at rest: PKCS#8 (RFC 5958, RFC 5915) in PEM, encrypted with PBES2 (RFC 8018), scrypt
 * (RFC 7914) and AES-256-CBC. P-256, and secp256k1 for an owner's chain key.
 *
 * The plain structure has one encoding only for each curve: P-256 138 bytes with the secret at 36
 * and the public key at 73, secp256k1 102 bytes with the secret at 32 and the compressed public key
 * at 69, so it is compared with a template instead of parsed. Every decrypted byte lies in locked
 * memory, and the public key inside must belong to the secret: that is what tells a right
 * passphrase from a wrong one. The cost that a file may ask of scrypt is bounded before anything is
 * computed.
 */
#include "codec/der.h"
#include "codec/text.h"
#include "crypto/crypto_internal.h"
#include "crypto/secp256k1.h"

#include <assert.h>
#include <openssl/err.h>
#include <string.h>

#define PLAIN_LABEL     "PRIVATE KEY"
#define ENCRYPTED_LABEL "ENCRYPTED PRIVATE KEY"

#define CBC_BYTES  144 /* the longest plain structure and its padding */
#define IV_BYTES   16
#define SALT_BYTES 16

/* What we write: 128 MiB and some 0.4 s. */
#define SCRYPT_N ((uint64_t)1 << 17)
#define SCRYPT_R 8
#define SCRYPT_P 1
/* What we accept: 128 N r bytes stay at or below 1 GiB, N r p bounds the time. */
#define SCRYPT_N_MAX    ((uint64_t)1 << 20)
#define SCRYPT_COST_MAX (SCRYPT_N_MAX * 8)
#define SALT_MIN_BYTES  8
#define SALT_MAX_BYTES  64
#define DER_MAX_BYTES   512

/* PrivateKeyInfo { 0, { ecPublicKey, CURVE }, ECPrivateKey { 1, secret, [1] public key } } */
typedef struct plain_form {
    const uint8_t *head, *middle; /* before the secret, between it and the public key */
    size_t head_bytes, public_bytes, bytes;
    const char *curve;
    sw_status (*derive)(const uint8_t secret[32], uint8_t out[SW_P256_BYTES], sw_error *err);
} plain_form;
enum { MIDDLE_BYTES = 5, SECRET_BYTES = 32 };

static sw_status derive_p256(const uint8_t secret[32], uint8_t out[SW_P256_BYTES], sw_error *err) {
    sw_p256_public public;
    SW_TRY(sw_p256_derive(secret, &public, err));
    memcpy(out, public.b, sizeof public.b);
    return SW_OK;
}

static sw_status derive_k1(const uint8_t secret[32], uint8_t out[SW_P256_BYTES], sw_error *err) {
    sw_secp256k1_public public;
    SW_TRY(sw_chain_key_public((const sw_chain_key *)secret, &public, err));
    memcpy(out, public.b, sizeof public.b);
    return SW_OK;
}

static const uint8_t p256_head[] = {0x30, 0x81, 0x87, 0x02, 0x01, 0x00, 0x30, 0x13, 0x06,
                                    0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06,
                                    0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07,
                                    0x04, 0x6d, 0x30, 0x6b, 0x02, 0x01, 0x01, 0x04, 0x20};
static const uint8_t p256_middle[MIDDLE_BYTES] = {0xa1, 0x44, 0x03, 0x42, 0x00};
static const uint8_t k1_head[] = {0x30, 0x64, 0x02, 0x01, 0x00, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86,
                                  0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00,
                                  0x0a, 0x04, 0x4d, 0x30, 0x4b, 0x02, 0x01, 0x01, 0x04, 0x20};
static const uint8_t k1_middle[MIDDLE_BYTES] = {0xa1, 0x24, 0x03, 0x22, 0x00};
static const plain_form p256 = {p256_head, p256_middle, sizeof p256_head, SW_P256_BYTES,
                                138,       "P-256",     derive_p256};
static const plain_form k1 = {k1_head, k1_middle,   sizeof k1_head, SW_SECP256K1_BYTES,
                              102,     "secp256k1", derive_k1};
static_assert(sizeof p256_head + SECRET_BYTES + MIDDLE_BYTES + SW_P256_BYTES == 138, "P-256");
static_assert(sizeof k1_head + SECRET_BYTES + MIDDLE_BYTES + SW_SECP256K1_BYTES == 102, "k1");

static const uint8_t oid_pbes2[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0d};
static const uint8_t oid_scrypt[] = {0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x04, 0x0b};
static const uint8_t oid_aes256cbc[] = {0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x2a};

SW_SECRET_ROLE(plain_key, CBC_BYTES + IV_BYTES) /* EVP may write one block more */

/* ---- the plain structure ---- */
static sw_status plain_encode(const plain_form *f, uint8_t *out, const uint8_t secret[32],
                              sw_error *err) {
    uint8_t public[SW_P256_BYTES];
    SW_TRY(f->derive(secret, public, err));
    memcpy(out, f->head, f->head_bytes);
    memcpy(out + f->head_bytes, secret, SECRET_BYTES);
    memcpy(out + f->head_bytes + SECRET_BYTES, f->middle, MIDDLE_BYTES);
    memcpy(out + f->bytes - f->public_bytes, public, f->public_bytes);
    return SW_OK;
}

static sw_status plain_parse(const plain_form *f, sw_bytes in, uint8_t secret[32], sw_error *err) {
    uint8_t public[SW_P256_BYTES];
    const uint8_t *at = in.data + f->head_bytes;
    if (in.size != f->bytes || memcmp(in.data, f->head, f->head_bytes) != 0 ||
        memcmp(at + SECRET_BYTES, f->middle, MIDDLE_BYTES) != 0)
        return sw_fail(err, SW_MALFORMED, "format", "a private key is not PKCS#8 for %s", f->curve);
    SW_TRY(f->derive(at, public, err));
    if (memcmp(public, in.data + f->bytes - f->public_bytes, f->public_bytes) != 0)
        return sw_fail(err, SW_MALFORMED, "format",
                       "a private key and the public key beside it do not belong together");
    memcpy(secret, at, SECRET_BYTES);
    return SW_OK;
}

/* ---- PBES2 ---- */
typedef struct pbes2 {
    sw_bytes salt, iv, sealed;
    uint64_t n, r, p;
} pbes2;

static sw_status derive(const pbes2 *b, sw_bytes passphrase, uint8_t key[32], sw_error *err) {
    uint64_t memory = 128 * b->r * (b->n + b->p + 4);
    if (EVP_PBE_scrypt((const char *)passphrase.data, passphrase.size, b->salt.data, b->salt.size,
                       b->n, b->r, b->p, memory, key, 32) == 1)
        return SW_OK;
    ERR_clear_error();
    return sw_fail(err, SW_MEMORY, "memory", "scrypt did not get its %llu MiB",
                   (unsigned long long)(memory >> 20));
}

static bool cbc(bool encrypt, const uint8_t key[32], sw_bytes iv, sw_bytes in, plain_key *out,
                int *size) {
    int first = 0, last = 0;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    bool good = ctx != NULL &&
                EVP_CipherInit_ex(ctx, EVP_aes_256_cbc(), NULL, key, iv.data, encrypt) == 1 &&
                EVP_CipherUpdate(ctx, out->b, &first, in.data, (int)in.size) == 1 &&
                EVP_CipherFinal_ex(ctx, out->b + first, &last) == 1;
    EVP_CIPHER_CTX_free(ctx);
    *size = first + last;
    return good;
}

static void put_sequence(sw_buffer *out, const uint8_t oid[9], const sw_buffer *content) {
    SW_SCOPED(sw_buffer) inner = SW_BUFFER(DER_MAX_BYTES);
    sw_der_put(&inner, SW_DER_OID, SW_BYTES(oid, 9));
    sw_put_bytes(&inner, sw_buffer_bytes(content));
    sw_der_put(out, SW_DER_SEQUENCE, sw_buffer_bytes(&inner));
}

/* EncryptedPrivateKeyInfo { { PBES2, { { scrypt, { salt, N, r, p } }, { aes256-CBC, iv } } },
 * sealed } */
static sw_status pbes2_encode(const pbes2 *b, sw_buffer *out, sw_error *err) {
    SW_SCOPED(sw_buffer) costs = SW_BUFFER(DER_MAX_BYTES);
    SW_SCOPED(sw_buffer) kdf = SW_BUFFER(DER_MAX_BYTES);
    SW_SCOPED(sw_buffer) iv = SW_BUFFER(DER_MAX_BYTES);
    SW_SCOPED(sw_buffer) both = SW_BUFFER(DER_MAX_BYTES);
    SW_SCOPED(sw_buffer) whole = SW_BUFFER(DER_MAX_BYTES);
    sw_der_put(&costs, SW_DER_OCTETS, b->salt);
    sw_der_put_u64(&costs, SW_DER_INTEGER, b->n);
    sw_der_put_u64(&costs, SW_DER_INTEGER, b->r);
    sw_der_put_u64(&costs, SW_DER_INTEGER, b->p);
    sw_der_put(&kdf, SW_DER_SEQUENCE, sw_buffer_bytes(&costs));
    sw_der_put(&iv, SW_DER_OCTETS, b->iv);
    SW_SCOPED(sw_buffer) schemes = SW_BUFFER(DER_MAX_BYTES);
    put_sequence(&schemes, oid_scrypt, &kdf);
    put_sequence(&schemes, oid_aes256cbc, &iv);
    sw_der_put(&both, SW_DER_SEQUENCE, sw_buffer_bytes(&schemes));
    put_sequence(&whole, oid_pbes2, &both);
    sw_der_put(&whole, SW_DER_OCTETS, b->sealed);
    SW_TRY(sw_buffer_check(&whole, "an encrypted private key", err));
    sw_der_put(out, SW_DER_SEQUENCE, sw_buffer_bytes(&whole));
    return sw_buffer_check(out, "an encrypted private key", err);
}

/* Enters a SEQUENCE that begins with this OID; any other algorithm fails the reader. */
static sw_reader enter_algorithm(sw_reader *r, const uint8_t oid[9]) {
    sw_reader inside = sw_der_enter(r, SW_DER_SEQUENCE);
    if (!sw_bytes_equal(sw_der_read(&inside, SW_DER_OID), SW_BYTES(oid, 9))) inside.failed = true;
    return inside;
}

static bool ended(const sw_reader *r) {
    return !r->failed && r->rest.size == 0;
}

static bool pbes2_read(sw_bytes der, pbes2 *b) {
    sw_reader r = sw_reader_of(der);
    sw_reader top = sw_der_enter(&r, SW_DER_SEQUENCE);
    sw_reader algorithm = enter_algorithm(&top, oid_pbes2);
    b->sealed = sw_der_read(&top, SW_DER_OCTETS);
    sw_reader schemes = sw_der_enter(&algorithm, SW_DER_SEQUENCE);
    sw_reader kdf = enter_algorithm(&schemes, oid_scrypt);
    sw_reader costs = sw_der_enter(&kdf, SW_DER_SEQUENCE);
    b->salt = sw_der_read(&costs, SW_DER_OCTETS);
    b->n = sw_der_read_u64(&costs, SW_DER_INTEGER);
    b->r = sw_der_read_u64(&costs, SW_DER_INTEGER);
    b->p = sw_der_read_u64(&costs, SW_DER_INTEGER);
    sw_reader cipher = enter_algorithm(&schemes, oid_aes256cbc);
    b->iv = sw_der_read(&cipher, SW_DER_OCTETS);
    return ended(&r) && ended(&top) && ended(&algorithm) && ended(&schemes) && ended(&kdf) &&
           ended(&costs) && ended(&cipher);
}

/* `bytes`: of the plain structure that is sealed in it. */
static sw_status pbes2_parse(sw_bytes der, size_t bytes, pbes2 *out, sw_error *err) {
    pbes2 b;
    if (!pbes2_read(der, &b) || b.iv.size != IV_BYTES || b.sealed.size != bytes / 16 * 16 + 16 ||
        b.salt.size < SALT_MIN_BYTES || b.salt.size > SALT_MAX_BYTES)
        return sw_fail(err, SW_MALFORMED, "format",
                       "an encrypted private key is not PBES2 with scrypt and AES-256-CBC");
    if (b.n < 2 || (b.n & (b.n - 1)) != 0 || b.r == 0 || b.p == 0)
        return sw_fail(err, SW_MALFORMED, "format", "scrypt parameters have no meaning");
    if (b.n > SCRYPT_N_MAX || b.p > SCRYPT_COST_MAX / b.n / b.r)
        return sw_fail(err, SW_LIMIT, "limit", "scrypt parameters ask for too much");
    *out = b;
    return SW_OK;
}

/* ---- encode ---- */
static sw_status seal_plain(const plain_form *f, const plain_key *plain, sw_bytes passphrase,
                            const sw_entropy *e, sw_buffer *der, sw_error *err) {
    uint8_t random[SALT_BYTES + IV_BYTES];
    SW_SCOPED_SECRET(sw_file_key) key = sw_file_key_new();
    SW_SCOPED_SECRET(plain_key) sealed = plain_key_new();
    if (key == NULL || sealed == NULL)
        return sw_fail(err, SW_MEMORY, "memory", "no locked memory for a private key");
    SW_TRY(sw_entropy_fill(e, random, sizeof random, err));
    size_t padded = f->bytes / 16 * 16 + 16;
    pbes2 b = {.salt = SW_BYTES(random, SALT_BYTES),
               .iv = SW_BYTES(random + SALT_BYTES, IV_BYTES),
               .sealed = SW_BYTES(sealed->b, padded),
               .n = SCRYPT_N,
               .r = SCRYPT_R,
               .p = SCRYPT_P};
    SW_TRY(derive(&b, passphrase, key->b, err));
    int size = 0;
    if (!cbc(true, key->b, b.iv, SW_BYTES(plain->b, f->bytes), sealed, &size) ||
        (size_t)size != padded)
        return sw_openssl_failed(err, "AES-256-CBC");
    return pbes2_encode(&b, der, err);
}

static sw_status encode(const plain_form *f, sw_buffer *out, const uint8_t secret[32],
                        sw_bytes passphrase, const sw_entropy *e, sw_error *err) {
    SW_SCOPED_SECRET(plain_key) plain = plain_key_new();
    if (plain == NULL)
        return sw_fail(err, SW_MEMORY, "memory", "no locked memory for a private key");
    SW_TRY(plain_encode(f, plain->b, secret, err));
    if (passphrase.size == 0) {
        sw_pem_encode(out, PLAIN_LABEL, SW_BYTES(plain->b, f->bytes));
    } else {
        SW_SCOPED(sw_buffer) der = SW_BUFFER(DER_MAX_BYTES);
        SW_TRY(seal_plain(f, plain, passphrase, e, &der, err));
        sw_pem_encode(out, ENCRYPTED_LABEL, sw_buffer_bytes(&der));
    }
    return sw_buffer_check(out, "a private key", err);
}

sw_status sw_pkcs8_encode(sw_buffer *out, const uint8_t secret[32], sw_bytes passphrase,
                          const sw_entropy *e, sw_error *err) {
    return encode(&p256, out, secret, passphrase, e, err);
}

sw_status sw_chain_key_encode(sw_buffer *out, const sw_chain_key *key, sw_bytes passphrase,
                              const sw_entropy *e, sw_error *err) {
    return encode(&k1, out, key->b, passphrase, e, err);
}

/* ---- decode ---- */
typedef struct decoding {
    const plain_form *form;
    sw_bytes passphrase;
    uint8_t *secret;
} decoding;

static sw_status decode_plain(void *context, sw_bytes der, sw_error *err) {
    const decoding *d = context;
    return plain_parse(d->form, der, d->secret, err);
}

static sw_status decode_encrypted(void *context, sw_bytes der, sw_error *err) {
    const decoding *d = context;
    pbes2 b;
    SW_TRY(pbes2_parse(der, d->form->bytes, &b, err));
    if (d->passphrase.size == 0)
        return sw_fail(err, SW_REFUSED, "passphrase", "the private key is encrypted");
    SW_SCOPED_SECRET(sw_file_key) key = sw_file_key_new();
    SW_SCOPED_SECRET(plain_key) plain = plain_key_new();
    if (key == NULL || plain == NULL)
        return sw_fail(err, SW_MEMORY, "memory", "no locked memory for a private key");
    SW_TRY(derive(&b, d->passphrase, key->b, err));
    int size = 0;
    if (cbc(false, key->b, b.iv, b.sealed, plain, &size) &&
        plain_parse(d->form, SW_BYTES(plain->b, (size_t)size), d->secret, NULL) == SW_OK)
        return SW_OK;
    return sw_openssl_refused(err, SW_UNAUTHENTIC, "passphrase", "the passphrase is wrong");
}

bool sw_pkcs8_is_encrypted(sw_bytes pem) {
    return sw_bytes_starts(pem, SW_LITERAL("-----BEGIN " ENCRYPTED_LABEL "-----"));
}

static sw_status decode(const plain_form *f, sw_bytes pem, sw_bytes passphrase, uint8_t secret[32],
                        sw_error *err) {
    SW_SCOPED_SECRET(sw_session_key) held = sw_session_key_new();
    if (held == NULL)
        return sw_fail(err, SW_MEMORY, "memory", "no locked memory for a private key");
    decoding d = {f, passphrase, held->b};
    bool encrypted = sw_pkcs8_is_encrypted(pem);
    SW_TRY(sw_pem_decode(pem, encrypted ? ENCRYPTED_LABEL : PLAIN_LABEL, 1,
                         encrypted ? decode_encrypted : decode_plain, &d, err));
    memcpy(secret, held->b, SECRET_BYTES);
    return SW_OK;
}

sw_status sw_pkcs8_decode(sw_bytes pem, sw_bytes passphrase, uint8_t secret[32], sw_error *err) {
    return decode(&p256, pem, passphrase, secret, err);
}

sw_status sw_chain_key_decode(sw_bytes pem, sw_bytes passphrase, sw_chain_key *out, sw_error *err) {
    return decode(&k1, pem, passphrase, out->b, err);
}
