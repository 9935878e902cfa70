/* SPDX-License-Identifier: Apache-2.0
 *
 * An owner's keys: a folder of separate files under separate keys. Docs: docs/formats/identity.md.
 *
 *   card.json       public, signed by the identity key:
 * {"address" (with a chain key),"encryption_key","id","identity_key","kind":"sealwright/card/v1",
 * "name","signature"}; what others need to name this owner identity.key    PKCS#8: signs
 * chain.key       PKCS#8, on secp256k1: signs on a chain    encryption.key  PKCS#8:
 * receives opened outputs keyring.key     PKCS#8: an HPKE key; keyring/<dataset id> holds one data
 * key each, HPKE-sealed to it unlock.key      PKCS#8: an HPKE key; unlock/<genesis hash> holds one
 * unlock secret each, HPKE-sealed to it public.json     the public keys of keyring and unlock, so
 * that sealing to them needs no passphrase heads/<genesis hash>  the last ledger head, audit head
 * and own sequence number seen (not secret) Files are 0600, the folder 0700. With a passphrase
 * every .key is scrypt-encrypted.
 */
#ifndef SW_IDENTITY_H
#define SW_IDENTITY_H
#include "chain/chain.h"
#include "crypto/hpke.h"
#include "envelope/journal.h"

#define SW_NAME_LIMIT 64
#define SW_CARD_LIMIT ((size_t)4096) /* bytes of a card.json */
typedef struct sw_card {
    char name[SW_NAME_LIMIT + 1];
    sw_hash id; /* SHA-256(identity key) */
    sw_p256_public identity_key, encryption_key;
    bool has_address;
    sw_address address; /* of the chain key; zero without one */
    size_t signature_bytes;
    uint8_t signature[SW_ECDSA_DER_LIMIT]; /* by identity_key, over all the rest (ID-007) */
} sw_card;
/* Sets the signature of a card whose other members are there; `key` is that of its identity_key. */
SW_NODISCARD sw_status sw_card_sign(sw_card *card, const sw_identity_key *key, sw_error *err);
/* Canonical only; refuses an id that is not the key's hash, points off the curve, and a signature
 * that is not the identity key's over these members. Whoever holds a parsed card knows: the owner
 * of `id` says that this is her encryption key and her name. */
SW_NODISCARD sw_status sw_card_parse(sw_bytes json, sw_card *out, sw_error *err);
SW_NODISCARD sw_status sw_card_encode(const sw_card *card, sw_buffer *out, sw_error *err);

/* Where a passphrase comes from: called at most once per file, with the file's name; writes up to
 * `limit` bytes, sets *size. */
typedef struct sw_passphrase {
    sw_status (*ask)(void *context, const char *file, char *out, size_t limit, size_t *size,
                     sw_error *err);
    void *context;
} sw_passphrase;

typedef struct sw_identity sw_identity;
/* Makes a folder that does not exist yet. passphrase NULL: plain keys, mode 0600. */
SW_NODISCARD sw_status sw_identity_make(const char *folder, const char *name,
                                        const sw_passphrase *passphrase, const sw_entropy *e,
                                        sw_error *err);
/* Reads the card and public keys; private keys are read on first use through `passphrase` (NULL:
 * refuse encrypted files). */
SW_NODISCARD sw_status sw_identity_open(const char *folder, const sw_passphrase *passphrase,
                                        const sw_entropy *e, sw_identity **out, sw_error *err);
void sw_identity_close(sw_identity **i); /* wipes */
const sw_card *sw_identity_card(const sw_identity *i);
/* Held by the identity until it is closed. */
SW_NODISCARD sw_status sw_identity_signing_key(sw_identity *i, const sw_identity_key **out,
                                               sw_error *err);
SW_NODISCARD sw_status sw_identity_encryption_key(sw_identity *i, const sw_encryption_key **out,
                                                  sw_error *err);
/* Makes chain.key for a folder without one, as the other keys are kept (`passphrase` NULL: plain),
 * and signs the card again, with its address. SW_EXISTS when the card has one. What a kill has left
 * without its card is taken, not replaced. */
SW_NODISCARD sw_status sw_identity_make_chain_key(sw_identity *i, const sw_passphrase *passphrase,
                                                  sw_error *err);
/* Held by the identity until it is closed. SW_MISSING when the card has no address; the key must be
 * that of the card's. */
SW_NODISCARD sw_status sw_identity_chain_key(sw_identity *i, const sw_chain_key **out,
                                             sw_error *err);
SW_NODISCARD sw_status sw_identity_store_data_key(sw_identity *i, const sw_hash *dataset_id,
                                                  const sw_data_key *key, sw_error *err);
SW_NODISCARD sw_status sw_identity_load_data_key(sw_identity *i, const sw_hash *dataset_id,
                                                 sw_data_key *out, sw_error *err);
/* The unlock secret for one app; made on first use when `make`, else SW_MISSING. Destroying it
 * (sw_identity_erase_unlock) ends every grant of this owner's. */
SW_NODISCARD sw_status sw_identity_unlock_secret(sw_identity *i, const sw_hash *genesis, bool make,
                                                 sw_unlock_secret *out, sw_error *err);
SW_NODISCARD sw_status sw_identity_erase_unlock(sw_identity *i, const sw_hash *genesis,
                                                sw_error *err);

/* What this owner has seen of an app: never goes backwards. Whoever loads it to store it later
 * holds the identity from before the load until after the store. */
typedef struct sw_seen {
    sw_head ledger, audit;
    uint64_t sequence; /* the owner's own last sequence number */
} sw_seen;
SW_NODISCARD sw_status sw_identity_load_seen(sw_identity *i, const sw_hash *genesis, sw_seen *out,
                                             sw_error *err); /* zero when none */
SW_NODISCARD sw_status sw_identity_store_seen(sw_identity *i, const sw_hash *genesis,
                                              const sw_seen *seen,
                                              sw_error *err); /* only while it is held */
/* Keeps other holders of the folder waiting until the release, which closing is as well. SW_REFUSED
 * "busy" when another one does not end within `wait_ms`. Read private keys before it: nobody shall
 * wait for a person who types. */
#define SW_IDENTITY_WAIT_MS 30000
SW_NODISCARD sw_status sw_identity_hold(sw_identity *i, int64_t wait_ms, sw_error *err);
void sw_identity_release(sw_identity *i);
#endif
