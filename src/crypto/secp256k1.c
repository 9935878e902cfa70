/* SPDX-License-Identifier: Apache-2.0
 *
 * secp256k1 with recovery (SEC 1 4.1.6), over libsecp256k1 alone. Its static context suffices for
 * what is public. What touches a chain key's scalar runs in a context of its own, blinded with
 * fresh randomness and wiped by the library when it is destroyed; the scalar itself is never
 * copied.
 */
#include "crypto/secp256k1.h"
#include "base/secret.h"

#include <secp256k1.h>
#include <secp256k1_recovery.h>
#include <string.h>

enum { V_AT = 64, UNCOMPRESSED = 65, DRAW_COUNT = 16 };

static sw_status compress(const secp256k1_pubkey *point, sw_secp256k1_public *out, sw_error *err) {
    size_t size = sizeof out->b;
    sw_secp256k1_public made;
    int good = secp256k1_ec_pubkey_serialize(secp256k1_context_static, made.b, &size, point,
                                             SECP256K1_EC_COMPRESSED);
    SW_CHECK(err, good == 1 && size == sizeof made.b);
    *out = made;
    return SW_OK;
}

/* The library takes the hybrid forms 06 and 07 too, which are second spellings. */
static bool one_spelling(sw_bytes sec1) {
    if (sec1.size == SW_SECP256K1_BYTES) return sec1.data[0] == 2 || sec1.data[0] == 3;
    return sec1.size == UNCOMPRESSED && sec1.data[0] == 4;
}

static sw_status point_parse(sw_bytes sec1, secp256k1_pubkey *out, sw_error *err) {
    if (!one_spelling(sec1))
        return sw_fail(err, SW_MALFORMED, "key",
                       "a secp256k1 key is 33 bytes from 02 or 03 on, or 65 from 04 on");
    if (secp256k1_ec_pubkey_parse(secp256k1_context_static, out, sec1.data, sec1.size) == 1)
        return SW_OK;
    return sw_fail(err, SW_MALFORMED, "key", "a secp256k1 key is no point of the curve");
}

sw_status sw_secp256k1_parse(sw_bytes sec1, sw_secp256k1_public *out, sw_error *err) {
    secp256k1_pubkey point;
    SW_TRY(point_parse(sec1, &point, err));
    return compress(&point, out, err);
}

sw_status sw_secp256k1_recover(const sw_hash *digest,
                               const uint8_t signature[SW_SECP256K1_SIG_BYTES],
                               sw_secp256k1_public *out, sw_error *err) {
    const secp256k1_context *ctx = secp256k1_context_static;
    secp256k1_ecdsa_recoverable_signature recoverable;
    secp256k1_ecdsa_signature plain;
    secp256k1_pubkey point;
    if (signature[V_AT] > 1)
        return sw_fail(err, SW_UNAUTHENTIC, "signature", "a signature's v is %u, neither 0 nor 1",
                       signature[V_AT]);
    if (secp256k1_ecdsa_recoverable_signature_parse_compact(ctx, &recoverable, signature,
                                                            signature[V_AT]) != 1)
        return sw_fail(err, SW_UNAUTHENTIC, "signature", "a signature has numbers out of range");
    secp256k1_ecdsa_recoverable_signature_convert(ctx, &plain, &recoverable);
    if (secp256k1_ecdsa_signature_normalize(ctx, NULL, &plain) != 0)
        return sw_fail(err, SW_UNAUTHENTIC, "signature", "a signature's s is above n/2");
    if (secp256k1_ecdsa_recover(ctx, &point, &recoverable, digest->b) != 1)
        return sw_fail(err, SW_UNAUTHENTIC, "signature", "a signature is of no key");
    return compress(&point, out, err);
}

sw_status sw_secp256k1_address(const sw_secp256k1_public *key, uint8_t out[20], sw_error *err) {
    secp256k1_pubkey point;
    uint8_t sec1[UNCOMPRESSED];
    size_t size = sizeof sec1;
    sw_hash hash;
    SW_TRY(point_parse(SW_BYTES_OF(key->b), &point, err));
    int good = secp256k1_ec_pubkey_serialize(secp256k1_context_static, sec1, &size, &point,
                                             SECP256K1_EC_UNCOMPRESSED);
    SW_CHECK(err, good == 1 && size == sizeof sec1);
    sw_keccak256(&hash, SW_BYTES(sec1 + 1, sizeof sec1 - 1));
    memcpy(out, hash.b + 12, 20);
    return SW_OK;
}

/* ---- an owner's chain key ---- */

sw_status sw_chain_key_check(const sw_chain_key *key, sw_error *err) {
    if (secp256k1_ec_seckey_verify(secp256k1_context_static, key->b) == 1) return SW_OK;
    return sw_fail(err, SW_MALFORMED, "key", "a chain key is zero or not below the group's order");
}

sw_status sw_chain_key_make(const sw_entropy *e, sw_chain_key *out, sw_error *err) {
    SW_SCOPED_SECRET(sw_chain_key) drawn = sw_chain_key_new();
    if (drawn == NULL) return sw_fail(err, SW_MEMORY, "memory", "no locked memory for a chain key");
    for (int i = 0; i < DRAW_COUNT; i++) { /* one draw in 2^128 is not below the order */
        SW_TRY(sw_entropy_fill(e, drawn->b, sizeof drawn->b, err));
        if (sw_chain_key_check(drawn, NULL) != SW_OK) continue;
        *out = *drawn;
        return SW_OK;
    }
    return sw_fail(err, SW_INTERNAL, "internal", "the source of randomness gives no chain key");
}

/* secp256k1_context_destroy. */
static sw_status open_blinded(secp256k1_context **out, sw_error *err) {
    uint8_t seed[32];
    sw_entropy system = sw_entropy_system();
    SW_TRY(sw_entropy_fill(&system, seed, sizeof seed, err));
    secp256k1_context *ctx = secp256k1_context_create(SECP256K1_CONTEXT_NONE);
    int blinded = ctx == NULL ? 0 : secp256k1_context_randomize(ctx, seed);
    sw_wipe(seed, sizeof seed);
    if (ctx == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a signature");
    if (blinded == 1) {
        *out = ctx;
        return SW_OK;
    }
    secp256k1_context_destroy(ctx);
    return sw_fail(err, SW_INTERNAL, "internal", "libsecp256k1 cannot blind its context");
}

sw_status sw_chain_key_public(const sw_chain_key *key, sw_secp256k1_public *out, sw_error *err) {
    secp256k1_context *ctx = NULL;
    secp256k1_pubkey point;
    SW_TRY(sw_chain_key_check(key, err));
    SW_TRY(open_blinded(&ctx, err));
    int good = secp256k1_ec_pubkey_create(ctx, &point, key->b);
    secp256k1_context_destroy(ctx);
    SW_CHECK(err, good == 1);
    return compress(&point, out, err);
}

sw_status sw_chain_key_sign(const sw_chain_key *key, const sw_hash *digest,
                            uint8_t signature[SW_SECP256K1_SIG_BYTES], sw_error *err) {
    secp256k1_context *ctx = NULL;
    secp256k1_ecdsa_recoverable_signature made;
    uint8_t out[SW_SECP256K1_SIG_BYTES];
    int v = -1;
    SW_TRY(sw_chain_key_check(key, err));
    SW_TRY(open_blinded(&ctx, err));
    int good = secp256k1_ecdsa_sign_recoverable(ctx, &made, digest->b, key->b,
                                                secp256k1_nonce_function_rfc6979, NULL);
    secp256k1_context_destroy(ctx);
    SW_CHECK(err, good == 1);
    (void)secp256k1_ecdsa_recoverable_signature_serialize_compact(secp256k1_context_static, out, &v,
                                                                  &made);
    /* 2 and 3 stand for an r above the order, which a chain does not know: one in 2^127. */
    SW_CHECK(err, v == 0 || v == 1);
    out[V_AT] = (uint8_t)v;
    memcpy(signature, out, sizeof out);
    return SW_OK;
}
