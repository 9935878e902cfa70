/* SPDX-License-Identifier: Apache-2.0
 *
 * HPKE (RFC 9180) modes base and PSK: DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-256-GCM.
 *
 * The names are the RFC's: LabeledExtract, LabeledExpand (4), ExtractAndExpand, Encap, Decap (4.1),
 * VerifyPSKInputs, KeySchedule (5.1), DeriveKeyPair (7.1.3). Every value in between lives in one
 * block of locked memory. One message per context: the sequence number is 0, so base_nonce is the
 * nonce.
 */
#include "crypto/crypto_internal.h"
#include "crypto/hpke_internal.h"

#include <assert.h>
#include <string.h>

static_assert(SW_HPKE_ENC_BYTES == SW_P256_BYTES, "enc is the ephemeral point");

const sw_hpke_aead sw_hpke_aes128gcm = {0x0001, 16};
const sw_hpke_aead sw_hpke_aes256gcm = {0x0002, 32};

#define PSK_MIN_BYTES   32  /* RFC 9180 9.5 */
#define CANDIDATE_TRIES 256 /* RFC 9180 7.1.3 */
enum { MODE_BASE = 0x00, MODE_PSK = 0x01 };

/* suite_id of the KEM ("KEM", 0x0010) or of the whole ("HPKE", 0x0010, 0x0001, AEAD). */
typedef struct suite {
    uint8_t id[10];
    size_t size;
} suite;

static const suite kem_suite = {{'K', 'E', 'M', 0x00, 0x10}, 5};

static suite hpke_suite(const sw_hpke_aead *aead) {
    return (suite){
        {'H', 'P', 'K', 'E', 0x00, 0x10, 0x00, 0x01, (uint8_t)(aead->id >> 8), (uint8_t)aead->id},
        10};
}

/* All secrets of one setup, locked. */
typedef struct workspace {
    uint8_t dh[32], prk[32], shared[32], ephemeral[32];
    sw_p256_public enc; /* the public half of `ephemeral` */
    sw_hpke_schedule schedule;
} workspace;

static workspace *workspace_new(sw_error *err) {
    workspace *w = sw_secret_alloc(sizeof *w);
    if (w == NULL) (void)sw_fail(err, SW_MEMORY, "memory", "no locked memory for HPKE");
    return w;
}

static void workspace_drop(workspace **w) {
    sw_secret_release(*w);
}
#define SCOPED_WORKSPACE __attribute__((cleanup(workspace_drop))) workspace *

/* ---- RFC 9180 4 ---- */
static sw_status labeled_extract(uint8_t prk[32], const suite *s, sw_bytes salt, const char *label,
                                 sw_bytes ikm, sw_error *err) {
    sw_bytes parts[] = {SW_LITERAL("HPKE-v1"), SW_BYTES(s->id, s->size), sw_text(label), ikm};
    return sw_hmac_parts(prk, salt, parts, 4, err);
}

typedef struct expand_to {
    uint8_t *out;
    size_t size;
} expand_to;

static sw_status labeled_expand(expand_to to, const suite *s, const uint8_t prk[32],
                                const char *label, sw_bytes info, sw_error *err) {
    uint8_t length[2] = {(uint8_t)(to.size >> 8), (uint8_t)to.size};
    sw_bytes parts[] = {SW_BYTES_OF(length), SW_LITERAL("HPKE-v1"), SW_BYTES(s->id, s->size),
                        sw_text(label), info};
    return sw_hkdf_expand_parts(to.out, to.size, prk, parts, 5, err);
}
#define TO(array) ((expand_to){(array), sizeof(array)})

/* ---- DHKEM, RFC 9180 4.1 ---- */
static sw_status extract_and_expand(workspace *w, const sw_p256_public *enc,
                                    const sw_p256_public *recipient, sw_error *err) {
    uint8_t kem_context[2 * SW_P256_BYTES];
    memcpy(kem_context, enc->b, SW_P256_BYTES);
    memcpy(kem_context + SW_P256_BYTES, recipient->b, SW_P256_BYTES);
    SW_TRY(labeled_extract(w->prk, &kem_suite, SW_LITERAL(""), "eae_prk", SW_BYTES_OF(w->dh), err));
    return labeled_expand(TO(w->shared), &kem_suite, w->prk, "shared_secret",
                          SW_BYTES_OF(kem_context), err);
}

/* From the ephemeral pair in the workspace to its `shared`. */
static sw_status encap(workspace *w, const sw_p256_public *to, sw_error *err) {
    SW_TRY(sw_p256_ecdh(w->ephemeral, to, w->dh, err));
    return extract_and_expand(w, &w->enc, to, err);
}

static sw_status decap(workspace *w, const uint8_t recipient[32], const sw_p256_public *enc,
                       sw_error *err) {
    sw_p256_public own;
    SW_TRY(sw_p256_ecdh(recipient, enc, w->dh, err));
    SW_TRY(sw_p256_derive(recipient, &own, err));
    return extract_and_expand(w, enc, &own, err);
}

sw_status sw_hpke_encap(const uint8_t ephemeral[32], const sw_p256_public *enc,
                        const sw_p256_public *to, uint8_t shared[32], sw_error *err) {
    SCOPED_WORKSPACE w = workspace_new(err);
    if (w == NULL) return SW_MEMORY;
    memcpy(w->ephemeral, ephemeral, sizeof w->ephemeral);
    w->enc = *enc;
    SW_TRY(encap(w, to, err));
    memcpy(shared, w->shared, sizeof w->shared);
    return SW_OK;
}

sw_status sw_hpke_decap(const uint8_t recipient[32], const sw_p256_public *enc, uint8_t shared[32],
                        sw_error *err) {
    SCOPED_WORKSPACE w = workspace_new(err);
    if (w == NULL) return SW_MEMORY;
    SW_TRY(decap(w, recipient, enc, err));
    memcpy(shared, w->shared, sizeof w->shared);
    return SW_OK;
}

sw_status sw_hpke_derive_key_pair(sw_bytes ikm, uint8_t secret[32], sw_p256_public *out,
                                  sw_error *err) {
    if (ikm.size < 32)
        return sw_fail(err, SW_USAGE, "usage", "DeriveKeyPair wants at least 32 bytes");
    SCOPED_WORKSPACE w = workspace_new(err);
    if (w == NULL) return SW_MEMORY;
    SW_TRY(labeled_extract(w->prk, &kem_suite, SW_LITERAL(""), "dkp_prk", ikm, err));
    for (int i = 0; i < CANDIDATE_TRIES; i++) {
        uint8_t counter = (uint8_t)i;
        sw_p256_public made;
        SW_TRY(labeled_expand(TO(w->ephemeral), &kem_suite, w->prk, "candidate",
                              SW_BYTES(&counter, 1), err));
        sw_status status = sw_p256_derive(w->ephemeral, &made, err);
        if (status == SW_MALFORMED) continue; /* out of range: next candidate */
        if (status != SW_OK) return status;
        memcpy(secret, w->ephemeral, sizeof w->ephemeral);
        *out = made;
        return SW_OK;
    }
    return sw_fail(err, SW_INTERNAL, "internal", "DeriveKeyPair found no key");
}

/* ---- the schedule, RFC 9180 5.1 ---- */
/* VerifyPSKInputs; yields the mode. */
static sw_status choose_mode(const sw_hpke_info *info, uint8_t *mode, sw_error *err) {
    if ((info->psk.size == 0) != (info->psk_id.size == 0))
        return sw_fail(err, SW_USAGE, "usage", "HPKE wants psk and psk_id together or neither");
    if (info->psk.size != 0 && info->psk.size < PSK_MIN_BYTES)
        return sw_fail(err, SW_USAGE, "usage", "an HPKE psk has at least %d bytes", PSK_MIN_BYTES);
    *mode = info->psk.size == 0 ? MODE_BASE : MODE_PSK;
    return SW_OK;
}

static sw_status schedule_context(const suite *s, const sw_hpke_info *info, uint8_t context[65],
                                  sw_error *err) {
    sw_bytes none = SW_LITERAL("");
    SW_TRY(choose_mode(info, &context[0], err));
    SW_TRY(labeled_extract(context + 1, s, none, "psk_id_hash", info->psk_id, err));
    return labeled_extract(context + 33, s, none, "info_hash", info->info, err);
}

static sw_status schedule(workspace *w, const sw_hpke_aead *aead, const uint8_t shared[32],
                          const sw_hpke_info *info, sw_error *err) {
    sw_hpke_schedule *made = &w->schedule;
    suite s = hpke_suite(aead);
    sw_bytes context = SW_BYTES_OF(made->context);
    expand_to key = {made->key, aead->key_bytes};
    SW_TRY(schedule_context(&s, info, made->context, err));
    SW_TRY(labeled_extract(made->secret, &s, SW_BYTES(shared, 32), "secret", info->psk, err));
    SW_TRY(labeled_expand(key, &s, made->secret, "key", context, err));
    SW_TRY(labeled_expand(TO(made->base_nonce), &s, made->secret, "base_nonce", context, err));
    return labeled_expand(TO(made->exporter_secret), &s, made->secret, "exp", context, err);
}

sw_status sw_hpke_derive_schedule(const sw_hpke_aead *aead, const uint8_t shared[32],
                                  const sw_hpke_info *info, sw_hpke_schedule *out, sw_error *err) {
    SCOPED_WORKSPACE w = workspace_new(err);
    if (w == NULL) return SW_MEMORY;
    SW_TRY(schedule(w, aead, shared, info, err));
    *out = w->schedule;
    return SW_OK;
}

/* shared -> key and base_nonce of the house's suite. */
static sw_status finish(workspace *w, const sw_hpke_info *info, sw_hpke_keys *out, sw_error *err) {
    SW_TRY(schedule(w, &sw_hpke_aes256gcm, w->shared, info, err));
    memcpy(out->key, w->schedule.key, sizeof out->key);
    memcpy(out->base_nonce, w->schedule.base_nonce, sizeof out->base_nonce);
    return SW_OK;
}

/* ---- setup ---- */
/* From the ephemeral pair in the workspace. */
static sw_status setup_from_pair(workspace *w, const sw_p256_public *to, const sw_hpke_info *info,
                                 sw_hpke_keys *out, sw_error *err) {
    SW_TRY(encap(w, to, err));
    return finish(w, info, out, err);
}

sw_status sw_hpke_setup_sender(const sw_entropy *e, const sw_p256_public *to,
                               const sw_hpke_info *info, uint8_t enc[SW_HPKE_ENC_BYTES],
                               sw_hpke_keys *out, sw_error *err) {
    SCOPED_WORKSPACE w = workspace_new(err);
    if (w == NULL) return SW_MEMORY;
    SW_TRY(sw_p256_generate(e, w->ephemeral, &w->enc, err));
    SW_TRY(setup_from_pair(w, to, info, out, err));
    memcpy(enc, w->enc.b, SW_HPKE_ENC_BYTES);
    return SW_OK;
}

sw_status sw_hpke_setup_sender_from(sw_bytes ikm, const sw_p256_public *to,
                                    const sw_hpke_info *info, uint8_t enc[SW_HPKE_ENC_BYTES],
                                    sw_hpke_keys *out, sw_error *err) {
    SCOPED_WORKSPACE w = workspace_new(err);
    if (w == NULL) return SW_MEMORY;
    SW_TRY(sw_hpke_derive_key_pair(ikm, w->ephemeral, &w->enc, err));
    SW_TRY(setup_from_pair(w, to, info, out, err));
    memcpy(enc, w->enc.b, SW_HPKE_ENC_BYTES);
    return SW_OK;
}

sw_status sw_hpke_setup_receiver(const uint8_t recipient[32], const uint8_t enc[SW_HPKE_ENC_BYTES],
                                 const sw_hpke_info *info, sw_hpke_keys *out, sw_error *err) {
    SCOPED_WORKSPACE w = workspace_new(err);
    if (w == NULL) return SW_MEMORY;
    sw_p256_public point;
    memcpy(point.b, enc, sizeof point.b);
    SW_TRY(decap(w, recipient, &point, err));
    return finish(w, info, out, err);
}

/* ---- one message ---- */
sw_status sw_hpke_seal(const sw_hpke_keys *k, sw_bytes aad, sw_bytes plain, uint8_t *out,
                       sw_error *err) {
    sw_gcm g;
    SW_TRY(sw_gcm_start(&g, k->key, err));
    sw_status status = sw_gcm_seal(&g, k->base_nonce, aad, plain, out, err);
    sw_gcm_stop(&g);
    return status;
}

sw_status sw_hpke_unseal(const sw_hpke_keys *k, sw_bytes aad, sw_bytes sealed, uint8_t *out,
                         sw_error *err) {
    sw_gcm g;
    SW_TRY(sw_gcm_start(&g, k->key, err));
    sw_status status = sw_gcm_unseal(&g, k->base_nonce, aad, sealed, out, err);
    sw_gcm_stop(&g);
    return status;
}
