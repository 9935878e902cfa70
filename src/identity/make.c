/* SPDX-License-Identifier: Apache-2.0
 *
 * Making an owner's folder. Format: docs/formats/identity.md (ID-010 ... ID-012).
 *
 * Everything is written into a folder of another name, which is renamed when it is complete; a
 * failure or a kill leaves no half-made owner under the final name.
 */
#include "identity/identity_internal.h"

#include "codec/text.h"
#include "sys/files.h"
#include "sys/folder.h"
#include <assert.h>
#include <string.h>

typedef struct making {
    sw_arena arena;
    const char *folder; /* the one that is being filled */
    const sw_passphrase *passphrase;
    const sw_entropy *entropy;
    sw_p256_public publics[SW_KEY_SLOTS];
} making;

const char *sw_key_file(sw_key_slot slot) {
    static const char *const names[SW_KEY_SLOTS] = {"identity.key", "encryption.key", "keyring.key",
                                                    "unlock.key"};
    return names[slot];
}

static sw_status write_file(making *m, const char *name, sw_bytes content, sw_error *err) {
    const char *path = sw_path_join(&m->arena, m->folder, name);
    if (path == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a path");
    return sw_file_write(path, content, 0600, SW_WRITE_NEW, err);
}

/* One PKCS#8 file; the passphrase lives in locked memory for as long as it is needed. */
static sw_status write_key(making *m, sw_key_slot slot, const uint8_t secret[32], sw_error *err) {
    SW_SCOPED(sw_buffer) pem = SW_BUFFER(SW_KEY_FILE_LIMIT);
    const char *name = sw_key_file(slot);
    if (m->passphrase == NULL) {
        SW_TRY(sw_pkcs8_encode(&pem, secret, SW_BYTES(NULL, 0), m->entropy, err));
        return write_file(m, name, sw_buffer_bytes(&pem), err);
    }
    char *text = sw_secret_alloc(SW_PASSPHRASE_LIMIT);
    if (text == NULL) return sw_fail(err, SW_MEMORY, "memory", "no lockable memory");
    size_t size = 0;
    sw_status status =
        m->passphrase->ask(m->passphrase->context, name, text, SW_PASSPHRASE_LIMIT, &size, err);
    if (status == SW_OK && (size == 0 || size > SW_PASSPHRASE_LIMIT))
        status = sw_fail(err, SW_USAGE, "passphrase", "the passphrase for %s is empty", name);
    if (status == SW_OK)
        status = sw_pkcs8_encode(&pem, secret, SW_BYTES(text, size), m->entropy, err);
    sw_secret_release(text);
    SW_TRY(status);
    return write_file(m, name, sw_buffer_bytes(&pem), err);
}

static sw_status write_publics(making *m, const char *name, const sw_identity_key *key,
                               sw_error *err) {
    SW_SCOPED(sw_buffer) card_json = SW_BUFFER(SW_CARD_LIMIT);
    SW_SCOPED(sw_buffer) publics_json = SW_BUFFER(SW_CARD_LIMIT);
    sw_card card = {.identity_key = m->publics[SW_KEY_IDENTITY],
                    .encryption_key = m->publics[SW_KEY_ENCRYPTION]};
    memcpy(card.name, name, strlen(name));
    sw_key_id(&card.id, &card.identity_key);
    SW_TRY(sw_card_sign(&card, key, err));
    SW_TRY(sw_card_encode(&card, &card_json, err));
    SW_TRY(sw_publics_encode(m->publics, &publics_json, err));
    SW_TRY(write_file(m, "public.json", sw_buffer_bytes(&publics_json), err));
    return write_file(m, "card.json", sw_buffer_bytes(&card_json), err);
}

/* `secret` is locked memory for one scalar at a time: the identity key comes last and signs. */
static sw_status make_keys(making *m, const char *name, uint8_t *secret, sw_error *err) {
    for (int slot = SW_KEY_SLOTS; slot-- > 0;) {
        SW_TRY(sw_p256_generate(m->entropy, secret, &m->publics[slot], err));
        SW_TRY(write_key(m, (sw_key_slot)slot, secret, err));
    }
    static_assert(SW_KEY_IDENTITY == 0, "the last key made is the one that signs");
    return write_publics(m, name, (const sw_identity_key *)secret, err);
}

static sw_status fill(making *m, const char *name, sw_error *err) {
    static const char *const subs[] = {"keyring", "unlock", "heads"};
    for (size_t i = 0; i < sizeof subs / sizeof *subs; i++) {
        const char *path = sw_path_join(&m->arena, m->folder, subs[i]);
        if (path == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a path");
        SW_TRY(sw_folder_make(path, 0700, err));
    }
    uint8_t *secret = sw_secret_alloc(32);
    if (secret == NULL) return sw_fail(err, SW_MEMORY, "memory", "no lockable memory for a key");
    sw_status status = make_keys(m, name, secret, err);
    sw_secret_release(secret);
    return status;
}

static sw_status make(making *m, const char *folder, const char *name, sw_error *err) {
    if (!sw_name_good(sw_text(name)))
        return sw_fail(err, SW_USAGE, "usage",
                       "an owner's name is 1 to %d bytes of " SW_UTF8_NAME_FORM, SW_NAME_LIMIT);
    if (sw_path_exists(folder))
        return sw_fail(err, SW_EXISTS, "exists", "%s exists and is left as it is", folder);
    sw_draft draft;
    SW_TRY(sw_folder_draft(&m->arena, folder, NULL, 0700, &draft, err));
    m->folder = draft.path;
    sw_status status = fill(m, name, err);
    if (status == SW_OK) status = sw_draft_publish(&draft, folder, err);
    sw_draft_discard(&draft);
    return status;
}

sw_status sw_identity_make(const char *folder, const char *name, const sw_passphrase *passphrase,
                           const sw_entropy *e, sw_error *err) {
    making m = {.passphrase = passphrase, .entropy = e};
    sw_status status = make(&m, folder, name, err);
    sw_arena_free(&m.arena);
    return status;
}
