/* SPDX-License-Identifier: Apache-2.0
 *
 * An owner's key on a chain: chain.key, and the card that names its address. Format:
 * docs/formats/identity.md (ID-009, ID-015 to ID-017).
 *
 * The key file comes first and the card follows: what a kill leaves between the two is a key that
 * nobody has heard of, and the next try takes it.
 */
#include "identity/identity_internal.h"

#include "sys/files.h"
#include <string.h>

static const char FILE_NAME[] = "chain.key";

static sw_status derive_address(const sw_chain_key *key, sw_address *out, sw_error *err) {
    sw_secp256k1_public public;
    SW_TRY(sw_chain_key_public(key, &public, err));
    return sw_secp256k1_address(&public, out->b, err);
}

static sw_status decode(sw_identity *i, sw_bytes pem, sw_chain_key *out, sw_error *err) {
    char *text;
    size_t size;
    sw_status status = sw_identity_ask(i, FILE_NAME, pem, &text, &size, err);
    if (status == SW_OK) status = sw_chain_key_decode(pem, SW_BYTES(text, size), out, err);
    sw_secret_release(text);
    return status;
}

static sw_status read_file(sw_identity *i, sw_chain_key *out, sw_error *err) {
    const char *path;
    void *pem;
    size_t size;
    SW_TRY(sw_identity_path(i, FILE_NAME, &path, err));
    SW_TRY(sw_file_read_secret(path, SW_KEY_FILE_LIMIT, &pem, &size, err));
    sw_status status = decode(i, SW_BYTES(pem, size), out, err);
    sw_secret_release(pem);
    return status;
}

sw_status sw_identity_chain_key(sw_identity *i, const sw_chain_key **out, sw_error *err) {
    sw_address address;
    if (!i->card.has_address) {
        sw_status status = sw_fail(err, SW_MISSING, "missing", "%s has no chain key", i->card.name);
        sw_error_hint(err, "make one with: sealwright identity chain-key %s", i->folder);
        return status;
    }
    if (i->chain_key == NULL) {
        SW_SCOPED_SECRET(sw_chain_key) key = sw_chain_key_new();
        if (key == NULL) return sw_fail(err, SW_MEMORY, "memory", "no lockable memory for a key");
        SW_TRY(read_file(i, key, err));
        SW_TRY(derive_address(key, &address, err));
        if (memcmp(address.b, i->card.address.b, sizeof address.b) != 0)
            return sw_fail(err, SW_UNAUTHENTIC, "key", "%s does not belong to this identity",
                           FILE_NAME);
        i->chain_key = key;
        key = NULL;
    }
    *out = i->chain_key;
    return SW_OK;
}

/* ---- making ---- */

static sw_status write_file(sw_identity *i, const sw_chain_key *key, sw_bytes passphrase,
                            sw_error *err) {
    SW_SCOPED(sw_buffer) pem = SW_BUFFER(SW_KEY_FILE_LIMIT);
    const char *path;
    SW_TRY(sw_chain_key_encode(&pem, key, passphrase, &i->entropy, err));
    SW_TRY(sw_identity_path(i, FILE_NAME, &path, err));
    return sw_file_write(path, sw_buffer_bytes(&pem), 0600, SW_WRITE_NEW, err);
}

static sw_status write_new(sw_identity *i, const sw_passphrase *p, const sw_chain_key *key,
                           sw_error *err) {
    if (p == NULL) return write_file(i, key, SW_BYTES(NULL, 0), err);
    char *text = sw_secret_alloc(SW_PASSPHRASE_LIMIT);
    if (text == NULL) return sw_fail(err, SW_MEMORY, "memory", "no lockable memory");
    size_t size = 0;
    sw_status status = p->ask(p->context, FILE_NAME, text, SW_PASSPHRASE_LIMIT, &size, err);
    if (status == SW_OK && (size == 0 || size > SW_PASSPHRASE_LIMIT))
        status = sw_fail(err, SW_USAGE, "passphrase", "the passphrase for %s is empty", FILE_NAME);
    if (status == SW_OK) status = write_file(i, key, SW_BYTES(text, size), err);
    sw_secret_release(text);
    return status;
}

static sw_status write_card(sw_identity *i, const sw_address *address, sw_error *err) {
    SW_SCOPED(sw_buffer) json = SW_BUFFER(SW_CARD_LIMIT);
    const sw_identity_key *signer;
    const char *path;
    sw_card card = i->card;
    card.has_address = true;
    card.address = *address;
    SW_TRY(sw_identity_signing_key(i, &signer, err));
    SW_TRY(sw_card_sign(&card, signer, err));
    SW_TRY(sw_card_encode(&card, &json, err));
    SW_TRY(sw_identity_path(i, "card.json", &path, err));
    SW_TRY(sw_file_write(path, sw_buffer_bytes(&json), 0600, SW_WRITE_REPLACE, err));
    i->card = card;
    return SW_OK;
}

sw_status sw_identity_make_chain_key(sw_identity *i, const sw_passphrase *passphrase,
                                     sw_error *err) {
    SW_SCOPED_SECRET(sw_chain_key) key = sw_chain_key_new();
    const sw_identity_key *signer;
    const char *path;
    sw_address address;
    if (key == NULL) return sw_fail(err, SW_MEMORY, "memory", "no lockable memory for a key");
    if (i->card.has_address)
        return sw_fail(err, SW_EXISTS, "exists", "%s has a chain key, which is left as it is",
                       i->card.name);
    SW_TRY(sw_identity_path(i, FILE_NAME, &path, err));
    SW_TRY(sw_identity_signing_key(i, &signer, err));
    if (sw_path_exists(path)) {
        SW_TRY(read_file(i, key, err));
    } else {
        SW_TRY(sw_chain_key_make(&i->entropy, key, err));
        SW_TRY(write_new(i, passphrase, key, err));
    }
    SW_TRY(derive_address(key, &address, err));
    return write_card(i, &address, err);
}
