/* SPDX-License-Identifier: Apache-2.0
 *
 * What an owner stores for herself: data keys and unlock secrets, each HPKE-sealed to a key of the
 * folder. Format: docs/formats/identity.md (ID-020 ... ID-024).
 *
 * Storing needs public keys only. A file's name is part of what it is sealed to, so one key file
 * cannot stand in for another.
 */
#include "identity/identity_internal.h"

#include "sys/files.h"
#include "sys/folder.h"
#include <assert.h>
#include <string.h>

enum { MAGIC_BYTES = 8, SECRET_BYTES = 32, SEALED_BYTES = SECRET_BYTES + SW_GCM_TAG_BYTES };
#define STORED_BYTES ((size_t)MAGIC_BYTES + SW_HPKE_ENC_BYTES + SEALED_BYTES)
static_assert(STORED_BYTES == 121, "ID-021");
static_assert(sizeof(sw_data_key) == SECRET_BYTES && sizeof(sw_unlock_secret) == SECRET_BYTES,
              "one form for both");

typedef struct stored_kind {
    const char *magic, *label, *folder, *what;
    sw_key_slot slot;
} stored_kind;
static const stored_kind DATA_KEY = {"SWKEYRNG", "sealwright/keyring/v1", "keyring",
                                     "the data key of this dataset", SW_KEY_KEYRING};
static const stored_kind UNLOCK = {"SWUNLOCK", "sealwright/unlock-secret/v1", "unlock",
                                   "the unlock secret for this app", SW_KEY_UNLOCK};

static void put_info(sw_buffer *out, const sw_identity *i, const stored_kind *kind,
                     const sw_hash *name) {
    sw_put_field(out, sw_text(kind->label));
    sw_put_field(out, SW_BYTES_OF(i->card.id.b));
    sw_put_field(out, SW_BYTES_OF(name->b));
}

static sw_status store(sw_identity *i, const stored_kind *kind, const sw_hash *name,
                       const uint8_t secret[SECRET_BYTES], sw_error *err) {
    SW_SCOPED(sw_buffer) info = SW_BUFFER(256);
    SW_SCOPED_SECRET(sw_hpke_keys) keys = sw_hpke_keys_new();
    uint8_t file[STORED_BYTES];
    const char *path;
    if (keys == NULL) return sw_fail(err, SW_MEMORY, "memory", "no lockable memory for a key");
    put_info(&info, i, kind, name);
    SW_TRY(sw_buffer_check(&info, "stored key", err));
    const sw_hpke_info binding = {.info = sw_buffer_bytes(&info)};
    memcpy(file, kind->magic, MAGIC_BYTES);
    SW_TRY(sw_hpke_setup_sender(&i->entropy, &i->publics[kind->slot], &binding, file + MAGIC_BYTES,
                                keys, err));
    SW_TRY(sw_hpke_seal(keys, SW_BYTES(NULL, 0), SW_BYTES(secret, SECRET_BYTES),
                        file + MAGIC_BYTES + SW_HPKE_ENC_BYTES, err));
    SW_TRY(sw_identity_hash_path(i, kind->folder, name, &path, err));
    return sw_file_write(path, SW_BYTES_OF(file), 0600, SW_WRITE_NEW, err);
}

static sw_status read_file(const stored_kind *kind, const char *path, uint8_t out[STORED_BYTES],
                           sw_error *err) {
    SW_SCOPED(sw_buffer) file = SW_BUFFER(2 * STORED_BYTES);
    sw_status status = sw_file_read(path, 2 * STORED_BYTES, &file, err);
    if (status == SW_MISSING)
        return sw_fail(err, SW_MISSING, "missing", "%s is not in the identity", kind->what);
    SW_TRY(status);
    if (file.size != STORED_BYTES || memcmp(file.data, kind->magic, MAGIC_BYTES) != 0)
        return sw_fail(err, SW_MALFORMED, "format", "the file of %s is malformed", kind->what);
    memcpy(out, file.data, STORED_BYTES);
    return SW_OK;
}

static sw_status load(sw_identity *i, const stored_kind *kind, const sw_hash *name,
                      uint8_t secret[SECRET_BYTES], sw_error *err) {
    SW_SCOPED(sw_buffer) info = SW_BUFFER(256);
    SW_SCOPED_SECRET(sw_hpke_keys) keys = sw_hpke_keys_new();
    uint8_t file[STORED_BYTES];
    const uint8_t *key = NULL;
    const char *path;
    if (keys == NULL) return sw_fail(err, SW_MEMORY, "memory", "no lockable memory for a key");
    SW_TRY(sw_identity_hash_path(i, kind->folder, name, &path, err));
    SW_TRY(read_file(kind, path, file, err));
    SW_TRY(sw_identity_secret(i, kind->slot, &key, err));
    put_info(&info, i, kind, name);
    SW_TRY(sw_buffer_check(&info, "stored key", err));
    const sw_hpke_info binding = {.info = sw_buffer_bytes(&info)};
    sw_status status = sw_hpke_setup_receiver(key, file + MAGIC_BYTES, &binding, keys, err);
    if (status == SW_OK)
        status = sw_hpke_unseal(keys, SW_BYTES(NULL, 0),
                                SW_BYTES(file + MAGIC_BYTES + SW_HPKE_ENC_BYTES, SEALED_BYTES),
                                secret, err);
    if (status == SW_OK || status == SW_INTERNAL || status == SW_MEMORY) return status;
    return sw_fail(err, SW_UNAUTHENTIC, "key", "the file of %s does not open", kind->what);
}

sw_status sw_identity_store_data_key(sw_identity *i, const sw_hash *dataset_id,
                                     const sw_data_key *key, sw_error *err) {
    return store(i, &DATA_KEY, dataset_id, key->b, err);
}

sw_status sw_identity_load_data_key(sw_identity *i, const sw_hash *dataset_id, sw_data_key *out,
                                    sw_error *err) {
    return load(i, &DATA_KEY, dataset_id, out->b, err);
}

/* Makes the secret unless another process was faster; what is stored is what counts. */
static sw_status make_unlock(sw_identity *i, const sw_hash *genesis, sw_error *err) {
    SW_SCOPED_SECRET(sw_unlock_secret) fresh = sw_unlock_secret_new();
    if (fresh == NULL) return sw_fail(err, SW_MEMORY, "memory", "no lockable memory for a key");
    SW_TRY(sw_entropy_fill(&i->entropy, fresh->b, sizeof fresh->b, err));
    sw_status status = store(i, &UNLOCK, genesis, fresh->b, err);
    return status == SW_EXISTS ? SW_OK : status;
}

sw_status sw_identity_unlock_secret(sw_identity *i, const sw_hash *genesis, bool make,
                                    sw_unlock_secret *out, sw_error *err) {
    sw_status status = load(i, &UNLOCK, genesis, out->b, err);
    if (status != SW_MISSING || !make) return status;
    SW_TRY(make_unlock(i, genesis, err));
    return load(i, &UNLOCK, genesis, out->b, err);
}

sw_status sw_identity_erase_unlock(sw_identity *i, const sw_hash *genesis, sw_error *err) {
    const char *path;
    SW_TRY(sw_identity_hash_path(i, UNLOCK.folder, genesis, &path, err));
    sw_status status = sw_file_remove(path, err);
    if (status != SW_MISSING) return status;
    return sw_fail(err, SW_MISSING, "missing", "%s is not in the identity", UNLOCK.what);
}
