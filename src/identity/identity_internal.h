/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of this room share: the open folder and its parts.
 */
#ifndef SW_IDENTITY_INTERNAL_H
#define SW_IDENTITY_INTERNAL_H
#include "codec/json.h"
#include "identity/identity.h"

#define SW_KEY_FILE_LIMIT   ((size_t)8192)
#define SW_PASSPHRASE_LIMIT ((size_t)1024)

/* The four private keys, in the order of their files. */
typedef enum sw_key_slot {
    SW_KEY_IDENTITY,
    SW_KEY_ENCRYPTION,
    SW_KEY_KEYRING,
    SW_KEY_UNLOCK,
    SW_KEY_SLOTS
} sw_key_slot;
const char *sw_key_file(sw_key_slot slot); /* "identity.key" ... */

struct sw_identity {
    sw_arena arena; /* paths */
    const char *folder;
    bool asks; /* a passphrase source was given */
    sw_passphrase passphrase;
    sw_entropy entropy;
    int lock; /* -1 when not held */
    sw_card card;
    sw_p256_public publics[SW_KEY_SLOTS];
    uint8_t *secrets[SW_KEY_SLOTS]; /* locked memory, read on first use */
    sw_chain_key *chain_key;        /* the same */
};

bool sw_name_good(sw_bytes name);
SW_NODISCARD sw_status sw_json_p256(const sw_json *object, const char *where, const char *name,
                                    sw_p256_public *out, sw_error *err);
SW_NODISCARD sw_status sw_card_parse_in(sw_arena *arena, sw_bytes json, sw_card *card,
                                        sw_error *err);
/* public.json (ID-012). */
SW_NODISCARD sw_status sw_publics_encode(const sw_p256_public publics[SW_KEY_SLOTS], sw_buffer *out,
                                         sw_error *err);
SW_NODISCARD sw_status sw_publics_parse(sw_bytes json, sw_p256_public publics[SW_KEY_SLOTS],
                                        sw_error *err);
/* "folder/name" or "folder/sub/HEX" in the identity's arena. */
SW_NODISCARD sw_status sw_identity_path(sw_identity *i, const char *name, const char **out,
                                        sw_error *err);
SW_NODISCARD sw_status sw_identity_hash_path(sw_identity *i, const char *sub, const sw_hash *hash,
                                             const char **out, sw_error *err);
/* Asks for the passphrase of a file that is encrypted, into locked memory; *size 0 for one that is
 * not. The caller releases *text. */
SW_NODISCARD sw_status sw_identity_ask(const sw_identity *i, const char *name, sw_bytes pem,
                                       char **text, size_t *size, sw_error *err);
/* The 32-byte scalar of a slot, read and checked on first use (ID-013). */
SW_NODISCARD sw_status sw_identity_secret(sw_identity *i, sw_key_slot slot, const uint8_t **out,
                                          sw_error *err);
#endif
