/* SPDX-License-Identifier: Apache-2.0
 *
 * What the key service signs and the manifest carries: unlock statements and grant receipts. Docs:
 * docs/formats/kms.md.
 */
#ifndef SW_MANIFEST_GRANT_H
#define SW_MANIFEST_GRANT_H
#include "attest/attest.h"
#include "envelope/journal.h"
#include "ledger/ledger.h"

/* Heads and keys as JSON has them here (KMS-004). Keys are on the curve. */
void sw_head_to_json(sw_arena *a, sw_json *parent, const char *key, const sw_head *head);
SW_NODISCARD sw_status sw_head_from_json(const sw_json *parent, const char *where, const char *name,
                                         sw_head *out, sw_error *err);
SW_NODISCARD sw_status sw_key_from_json(const sw_json *parent, const char *where, const char *name,
                                        sw_p256_public *out, sw_error *err);

/* Payload of an UNLOCK envelope, by an owner; canonical JSON. */
typedef struct sw_unlock_statement {
    sw_hash genesis, owner, boot_nonce;
    sw_p256_public root, receipt;
    sw_head ledger, audit; /* what this owner knows */
    int64_t time_ms;       /* the owner's clock */
    uint64_t sequence;     /* grows with each statement of this owner to anyone: an older one never
                              replaces a newer one */
} sw_unlock_statement;
SW_NODISCARD sw_status sw_unlock_sign(const sw_unlock_statement *s, const sw_identity_key *key,
                                      sw_buffer *envelope, sw_error *err);
SW_NODISCARD sw_status sw_unlock_open(sw_arena *arena, sw_bytes envelope, const sw_genesis *g,
                                      sw_unlock_statement *out, sw_error *err);

/* Payload of a GRANT envelope, by a KMS's receipt key; canonical JSON. */
typedef struct sw_grant {
    sw_hash genesis, compose;
    sw_purpose purpose;
    size_t dataset_count;
    sw_hash datasets[SW_SHARD_LIMIT];
    sw_p256_public machine;        /* manifest key */
    sw_hash evidence;              /* SHA-256 of the evidence JSON that was judged */
    sw_head ledger, audit;         /* at the decision; audit: the decision's own entry */
    uint64_t number, renewal;      /* which grant of this compose hash; 0 or the n-th renewal */
    int64_t lease_ms, granted_ms;  /* length; KMS's time of A's statement plus counter */
    sw_hash open_manifest;         /* purpose OPEN, else zero */
    sw_p256_public open_recipient; /* purpose OPEN, else zero bytes */
    bool simulated;
} sw_grant;
SW_NODISCARD sw_status sw_grant_sign(const sw_grant *g, const sw_session_key *receipt,
                                     sw_buffer *envelope, sw_error *err);
SW_NODISCARD sw_status sw_grant_open(sw_arena *arena, sw_bytes envelope,
                                     const sw_p256_public *receipt, sw_grant *out, sw_error *err);
#endif
