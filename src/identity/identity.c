/* SPDX-License-Identifier: Apache-2.0
 *
 * An owner's folder: opening it, and its private keys on first use. Format:
 * docs/formats/identity.md.
 *
 * Public keys are read at once, private ones when they are needed, so that sealing asks for no
 * passphrase but the signing key's. Invariant: a private key in memory belongs to the public key
 * that the folder's public files name.
 */
#include "identity/identity_internal.h"

#include "codec/text.h"
#include "sys/files.h"
#include <stdlib.h>
#include <string.h>

#define PUBLICS_KIND "sealwright/public/v1"

/* ---- public.json ---- */

static sw_status encode_publics(sw_arena *a, const sw_p256_public publics[SW_KEY_SLOTS],
                                sw_buffer *out, sw_error *err) {
    sw_json *root = sw_json_make(a, SW_JSON_OBJECT);
    sw_json_add_hex(a, root, "keyring_key", SW_BYTES_OF(publics[SW_KEY_KEYRING].b));
    sw_json_add_text(a, root, "kind", SW_LITERAL(PUBLICS_KIND));
    sw_json_add_hex(a, root, "unlock_key", SW_BYTES_OF(publics[SW_KEY_UNLOCK].b));
    sw_json_encode(out, root);
    return sw_buffer_check(out, "public.json", err);
}

sw_status sw_publics_encode(const sw_p256_public publics[SW_KEY_SLOTS], sw_buffer *out,
                            sw_error *err) {
    sw_arena arena = {0};
    sw_status status = encode_publics(&arena, publics, out, err);
    sw_arena_free(&arena);
    return status;
}

static sw_status parse_publics(sw_arena *arena, sw_bytes json, sw_p256_public *publics,
                               sw_error *err) {
    static const char *const names[] = {"keyring_key", "kind", "unlock_key", NULL};
    const sw_json_limits limits = {.bytes = SW_CARD_LIMIT, .depth = 2, .nodes = 16};
    sw_json *root;
    sw_bytes kind;
    SW_TRY(sw_json_parse_canonical(arena, json, &limits, &root, err));
    SW_TRY(sw_json_expect(root, "public.json", names, err));
    SW_TRY(sw_json_text(root, "public.json", "kind", &kind, err));
    if (!sw_bytes_is(kind, PUBLICS_KIND))
        return sw_fail(err, SW_MALFORMED, "format", "public.json is not of version 1");
    SW_TRY(sw_json_p256(root, "public.json", "keyring_key", &publics[SW_KEY_KEYRING], err));
    return sw_json_p256(root, "public.json", "unlock_key", &publics[SW_KEY_UNLOCK], err);
}

sw_status sw_publics_parse(sw_bytes json, sw_p256_public publics[SW_KEY_SLOTS], sw_error *err) {
    sw_arena arena = {0};
    sw_status status = parse_publics(&arena, json, publics, err);
    sw_arena_free(&arena);
    return status;
}

/* ---- the folder ---- */

sw_status sw_identity_path(sw_identity *i, const char *name, const char **out, sw_error *err) {
    *out = sw_path_join(&i->arena, i->folder, name);
    return *out == NULL ? sw_fail(err, SW_MEMORY, "memory", "no memory for a path") : SW_OK;
}

sw_status sw_identity_hash_path(sw_identity *i, const char *sub, const sw_hash *hash,
                                const char **out, sw_error *err) {
    char name[32 + 2 * SW_HASH_BYTES];
    size_t at = strlen(sub);
    SW_CHECK(err, at + 2 + 2 * SW_HASH_BYTES <= sizeof name);
    memcpy(name, sub, at);
    name[at] = '/';
    sw_hex_text(name + at + 1, SW_BYTES_OF(hash->b));
    return sw_identity_path(i, name, out, err);
}

static sw_status read_publics(sw_identity *i, sw_error *err) {
    SW_SCOPED(sw_buffer) card = SW_BUFFER(SW_CARD_LIMIT);
    SW_SCOPED(sw_buffer) publics = SW_BUFFER(SW_CARD_LIMIT);
    const char *path;
    SW_TRY(sw_identity_path(i, "card.json", &path, err));
    SW_TRY(sw_file_read(path, SW_CARD_LIMIT, &card, err));
    SW_TRY(sw_card_parse(sw_buffer_bytes(&card), &i->card, err));
    SW_TRY(sw_identity_path(i, "public.json", &path, err));
    SW_TRY(sw_file_read(path, SW_CARD_LIMIT, &publics, err));
    SW_TRY(sw_publics_parse(sw_buffer_bytes(&publics), i->publics, err));
    i->publics[SW_KEY_IDENTITY] = i->card.identity_key;
    i->publics[SW_KEY_ENCRYPTION] = i->card.encryption_key;
    return SW_OK;
}

sw_status sw_identity_open(const char *folder, const sw_passphrase *passphrase, const sw_entropy *e,
                           sw_identity **out, sw_error *err) {
    if (!sw_path_is_folder(folder)) {
        sw_status status = sw_fail(err, SW_MISSING, "missing", "%s: no such identity", folder);
        sw_error_hint(err, "make one with: sealwright identity new %s", folder);
        return status;
    }
    sw_identity *i = calloc(1, sizeof *i);
    if (i == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for an identity");
    i->entropy = *e;
    i->lock = -1;
    i->asks = passphrase != NULL;
    if (passphrase != NULL) i->passphrase = *passphrase;
    i->folder = sw_arena_text(&i->arena, sw_text(folder));
    sw_status status = i->folder == NULL
                           ? sw_fail(err, SW_MEMORY, "memory", "no memory for an identity")
                           : read_publics(i, err);
    if (status == SW_OK)
        *out = i;
    else
        sw_identity_close(&i);
    return status;
}

void sw_identity_close(sw_identity **held) {
    sw_identity *i = *held;
    if (i == NULL) return;
    sw_identity_release(i);
    for (int slot = 0; slot < SW_KEY_SLOTS; slot++) sw_secret_release(i->secrets[slot]);
    sw_chain_key_drop(&i->chain_key);
    sw_arena_free(&i->arena);
    free(i);
    *held = NULL;
}

const sw_card *sw_identity_card(const sw_identity *i) {
    return &i->card;
}

/* ---- private keys ---- */

sw_status sw_identity_ask(const sw_identity *i, const char *name, sw_bytes pem, char **text,
                          size_t *size, sw_error *err) {
    *text = NULL;
    *size = 0;
    if (!sw_pkcs8_is_encrypted(pem)) return SW_OK;
    if (!i->asks) {
        sw_status status = sw_fail(err, SW_REFUSED, "passphrase",
                                   "%s is encrypted and no passphrase was given", name);
        sw_error_hint(err, "give --passphrase-file FILE, or run it in a terminal");
        return status;
    }
    *text = sw_secret_alloc(SW_PASSPHRASE_LIMIT);
    if (*text == NULL) return sw_fail(err, SW_MEMORY, "memory", "no lockable memory");
    sw_status status =
        i->passphrase.ask(i->passphrase.context, name, *text, SW_PASSPHRASE_LIMIT, size, err);
    if (status == SW_OK && *size > SW_PASSPHRASE_LIMIT)
        status = sw_fail(err, SW_LIMIT, "passphrase", "the passphrase is too long");
    return status;
}

static sw_status decode_key(sw_identity *i, const char *name, sw_bytes pem, uint8_t secret[32],
                            sw_error *err) {
    char *text;
    size_t size;
    sw_status status = sw_identity_ask(i, name, pem, &text, &size, err);
    if (status == SW_OK) status = sw_pkcs8_decode(pem, SW_BYTES(text, size), secret, err);
    sw_secret_release(text);
    return status;
}

static sw_status read_key(sw_identity *i, sw_key_slot slot, uint8_t secret[32], sw_error *err) {
    const char *path, *name = sw_key_file(slot);
    void *pem;
    size_t size;
    sw_p256_public public;
    SW_TRY(sw_identity_path(i, name, &path, err));
    SW_TRY(sw_file_read_secret(path, SW_KEY_FILE_LIMIT, &pem, &size, err));
    sw_status status = decode_key(i, name, SW_BYTES(pem, size), secret, err);
    sw_secret_release(pem);
    SW_TRY(status);
    SW_TRY(sw_p256_derive(secret, &public, err));
    if (!sw_p256_equal(&public, &i->publics[slot]))
        return sw_fail(err, SW_UNAUTHENTIC, "key", "%s does not belong to this identity", name);
    return SW_OK;
}

sw_status sw_identity_secret(sw_identity *i, sw_key_slot slot, const uint8_t **out, sw_error *err) {
    if (i->secrets[slot] == NULL) {
        uint8_t *secret = sw_secret_alloc(32);
        if (secret == NULL)
            return sw_fail(err, SW_MEMORY, "memory", "no lockable memory for a key");
        sw_status status = read_key(i, slot, secret, err);
        if (status != SW_OK) {
            sw_secret_release(secret);
            return status;
        }
        i->secrets[slot] = secret;
    }
    *out = i->secrets[slot];
    return SW_OK;
}

sw_status sw_identity_signing_key(sw_identity *i, const sw_identity_key **out, sw_error *err) {
    const uint8_t *secret = NULL;
    SW_TRY(sw_identity_secret(i, SW_KEY_IDENTITY, &secret, err));
    *out = (const sw_identity_key *)secret;
    return SW_OK;
}

sw_status sw_identity_encryption_key(sw_identity *i, const sw_encryption_key **out, sw_error *err) {
    const uint8_t *secret = NULL;
    SW_TRY(sw_identity_secret(i, SW_KEY_ENCRYPTION, &secret, err));
    *out = (const sw_encryption_key *)secret;
    return SW_OK;
}
