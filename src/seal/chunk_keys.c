/* SPDX-License-Identifier: Apache-2.0
 *
 * The keys of a container: how the data key is wrapped and found by kind, and what follows from it.
 * Format: docs/formats/seal.md (SEAL-020 ... SEAL-024).
 *
 * The idea: a data key lives for one container. A commitment that follows from it stands before the
 * first chunk, because AES-GCM alone would let one ciphertext open under two keys.
 */
#include "seal/container_internal.h"

#include <assert.h>
#include <string.h>

#define OBJECT_LABEL "sealwright/object/v1"
static_assert(sizeof(sw_chunk_keys) == 64,
              "chunk key and commitment are HKDF's output as it comes");

static sw_status no_memory(sw_error *err) {
    return sw_fail(err, SW_MEMORY, "memory", "no lockable memory for a key");
}

void sw_chunk_nonce(uint8_t out[SW_GCM_NONCE_BYTES], uint64_t index, bool last) {
    memset(out, 0, SW_GCM_NONCE_BYTES);
    for (size_t i = 0; i < 8; i++) out[3 + i] = (uint8_t)(index >> (56 - 8 * i));
    out[11] = last ? 1 : 0;
}

sw_status sw_chunk_keys_derive(const sw_data_key *key, const sw_container_body *body,
                               sw_chunk_keys *out, sw_error *err) {
    SW_SCOPED(sw_buffer) info = SW_BUFFER(2 * SW_BODY_LIMIT);
    sw_put_field(&info, SW_LITERAL("sealwright/chunks/v1"));
    sw_put_field(&info, body->encoded);
    SW_TRY(sw_buffer_check(&info, "chunk keys", err));
    return sw_hkdf(out, sizeof *out, SW_BYTES_OF(key->b), SW_BYTES_OF(body->content_id.b),
                   sw_buffer_bytes(&info), err);
}

/* ---- checkpoint, output: under a subkey of the run key (SEAL-023) ---- */

static void put_step(sw_buffer *out, uint64_t step) {
    sw_put_u32be(out, 8);
    sw_put_u64be(out, step);
}

static void put_object_aad(sw_buffer *out, const sw_container_body *body) {
    uint8_t kind = (uint8_t)body->kind;
    sw_put_field(out, SW_LITERAL(OBJECT_LABEL));
    sw_put_field(out, SW_BYTES(&kind, 1));
    sw_put_field(out, SW_BYTES_OF(body->binding.compose.b));
    put_step(out, body->binding.step);
    sw_put_field(out, SW_BYTES_OF(body->binding.previous_root.b));
}

/* The cipher of one object: its key encrypts this one message, so the nonce is zero. */
static sw_status open_object_cipher(const sw_subkey *subkey, const sw_container_body *body,
                                    sw_gcm **out, sw_error *err) {
    SW_SCOPED(sw_buffer) info = SW_BUFFER(64);
    SW_SCOPED_SECRET(sw_file_key) key = sw_file_key_new();
    if (key == NULL) return no_memory(err);
    sw_put_field(&info, SW_LITERAL(OBJECT_LABEL));
    SW_TRY(sw_buffer_check(&info, "object key", err));
    SW_TRY(sw_hkdf(key->b, sizeof key->b, SW_BYTES_OF(subkey->b), SW_BYTES_OF(body->object_id.b),
                   sw_buffer_bytes(&info), err));
    return sw_gcm_open(key->b, out, err);
}

static const uint8_t ZERO_NONCE[SW_GCM_NONCE_BYTES];

static sw_status wrap_object(const sw_data_key *key, const sw_subkey *subkey,
                             sw_container_body *body, sw_error *err) {
    SW_SCOPED(sw_buffer) aad = SW_BUFFER(256);
    sw_gcm *cipher;
    put_object_aad(&aad, body);
    SW_TRY(sw_buffer_check(&aad, "object key", err));
    SW_TRY(open_object_cipher(subkey, body, &cipher, err));
    sw_status status = sw_gcm_seal(cipher, ZERO_NONCE, sw_buffer_bytes(&aad), SW_BYTES_OF(key->b),
                                   body->wrapped_key, err);
    sw_gcm_close(&cipher);
    return status;
}

static sw_status unwrap_object(const sw_container_body *body, const sw_subkey *subkey,
                               sw_data_key *out, sw_error *err) {
    SW_SCOPED(sw_buffer) aad = SW_BUFFER(256);
    sw_gcm *cipher;
    put_object_aad(&aad, body);
    SW_TRY(sw_buffer_check(&aad, "object key", err));
    SW_TRY(open_object_cipher(subkey, body, &cipher, err));
    sw_status status = sw_gcm_unseal(cipher, ZERO_NONCE, sw_buffer_bytes(&aad),
                                     SW_BYTES_OF(body->wrapped_key), out->b, err);
    sw_gcm_close(&cipher);
    return status;
}

/* ---- opened: to one recipient (SEAL-024) ---- */

static void put_opened_info(sw_buffer *out, const sw_container_body *body) {
    sw_put_field(out, SW_LITERAL("sealwright/opened/v1"));
    sw_put_field(out, SW_BYTES_OF(body->owner_id.b));
    sw_put_field(out, SW_BYTES_OF(body->content_id.b));
    sw_put_field(out, SW_BYTES_OF(body->binding.compose.b));
    put_step(out, body->binding.step);
}

static sw_status wrap_opened(const sw_data_key *key, const sw_seal_plan *plan,
                             sw_container_body *body, sw_error *err) {
    SW_SCOPED(sw_buffer) info = SW_BUFFER(256);
    SW_SCOPED_SECRET(sw_hpke_keys) keys = sw_hpke_keys_new();
    if (keys == NULL) return no_memory(err);
    put_opened_info(&info, body);
    SW_TRY(sw_buffer_check(&info, "opened key", err));
    const sw_hpke_info binding = {.info = sw_buffer_bytes(&info)};
    SW_TRY(sw_hpke_setup_sender(plan->entropy, plan->recipient, &binding, body->enc, keys, err));
    return sw_hpke_seal(keys, SW_BYTES(NULL, 0), SW_BYTES_OF(key->b), body->wrapped_key, err);
}

static sw_status unwrap_opened(const sw_container_body *body, const sw_encryption_key *recipient,
                               sw_data_key *out, sw_error *err) {
    SW_SCOPED(sw_buffer) info = SW_BUFFER(256);
    SW_SCOPED_SECRET(sw_hpke_keys) keys = sw_hpke_keys_new();
    if (keys == NULL) return no_memory(err);
    put_opened_info(&info, body);
    SW_TRY(sw_buffer_check(&info, "opened key", err));
    const sw_hpke_info binding = {.info = sw_buffer_bytes(&info)};
    SW_TRY(sw_hpke_setup_receiver(recipient->b, body->enc, &binding, keys, err));
    return sw_hpke_unseal(keys, SW_BYTES(NULL, 0), SW_BYTES_OF(body->wrapped_key), out->b, err);
}

/* ---- by kind ---- */

sw_status sw_data_key_wrap(const sw_data_key *key, const sw_seal_plan *plan,
                           sw_container_body *body, sw_error *err) {
    switch (body->kind) {
    case SW_CONTAINER_DATASET:
        return SW_OK;
    case SW_CONTAINER_CHECKPOINT:
    case SW_CONTAINER_OUTPUT:
        return wrap_object(key, plan->subkey, body, err);
    case SW_CONTAINER_OPENED:
        return wrap_opened(key, plan, body, err);
    }
    SW_CHECK(err, body->kind == SW_CONTAINER_DATASET);
    return SW_OK;
}

static sw_status check_addressee(const sw_container_body *body, const sw_p256_public *key,
                                 const char *who, sw_error *err) {
    sw_hash id;
    sw_key_id(&id, key);
    if (sw_hash_equal(&id, &body->owner_id)) return SW_OK;
    return sw_fail(err, SW_REFUSED, "owner", "the sealed file names another %s", who);
}

static sw_status check_binding(const sw_container_body *body, const sw_object_binding *b,
                               sw_error *err) {
    if (sw_hash_equal(&b->compose, &body->binding.compose) && b->step == body->binding.step &&
        sw_hash_equal(&b->previous_root, &body->binding.previous_root))
        return SW_OK;
    return sw_fail(err, SW_REFUSED, "binding",
                   "the sealed file belongs to another recipe, step or predecessor");
}

static sw_status wrong_kind(sw_error *err) {
    return sw_fail(err, SW_REFUSED, "kind", "the sealed file is of another kind than was expected");
}

static sw_status find_dataset_key(const sw_container_body *body, const sw_unseal_keys *keys,
                                  sw_data_key *out, sw_error *err) {
    if (keys->data_key == NULL || keys->owner == NULL) return wrong_kind(err);
    SW_TRY(check_addressee(body, keys->owner, "owner", err));
    *out = *keys->data_key;
    return SW_OK;
}

static sw_status find_opened_key(const sw_container_body *body, const sw_unseal_keys *keys,
                                 sw_data_key *out, sw_error *err) {
    sw_p256_public key;
    if (keys->recipient == NULL) return wrong_kind(err);
    SW_TRY(sw_p256_derive(keys->recipient->b, &key, err));
    SW_TRY(check_addressee(body, &key, "recipient", err));
    if (keys->binding != NULL) SW_TRY(check_binding(body, keys->binding, err));
    return unwrap_opened(body, keys->recipient, out, err);
}

sw_status sw_data_key_find(const sw_container_body *body, const sw_unseal_keys *keys,
                           sw_data_key *out, sw_error *err) {
    switch (body->kind) {
    case SW_CONTAINER_DATASET:
        return find_dataset_key(body, keys, out, err);
    case SW_CONTAINER_OPENED:
        return find_opened_key(body, keys, out, err);
    case SW_CONTAINER_CHECKPOINT:
    case SW_CONTAINER_OUTPUT:
        break;
    }
    if (keys->subkey == NULL || keys->binding == NULL) return wrong_kind(err);
    SW_TRY(check_binding(body, keys->binding, err));
    return unwrap_object(body, keys->subkey, out, err);
}

static sw_status check_body(const sw_container_body *body, const sw_unseal_keys *keys,
                            sw_error *err) {
    sw_hash id;
    sw_sha256(&id, body->encoded);
    if (keys->body_id == NULL || sw_hash_equal(&id, keys->body_id)) return SW_OK;
    return sw_fail(err, SW_UNAUTHENTIC, "id", "the sealed file is another one than was looked at");
}

sw_status sw_chunk_keys_open(const sw_container_body *body,
                             const uint8_t commitment[SW_COMMITMENT_BYTES],
                             const sw_unseal_keys *keys, sw_chunk_keys *out, sw_error *err) {
    SW_SCOPED_SECRET(sw_data_key) data_key = sw_data_key_new();
    if (data_key == NULL) return no_memory(err);
    SW_TRY(check_body(body, keys, err));
    sw_status status = sw_data_key_find(body, keys, data_key, err);
    if (status == SW_UNAUTHENTIC)
        return sw_fail(err, SW_UNAUTHENTIC, "key", "the key at hand does not open the sealed file");
    SW_TRY(status);
    SW_TRY(sw_chunk_keys_derive(data_key, body, out, err));
    if (!sw_secret_equal(out->commitment, commitment, SW_COMMITMENT_BYTES))
        return sw_fail(err, SW_UNAUTHENTIC, "key", "the key at hand does not open the sealed file");
    return SW_OK;
}
