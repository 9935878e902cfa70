/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading an audit log: by the service at its start, and by anyone who verifies one. Docs:
 * docs/formats/kms.md (KMS-080 ... KMS-089).
 */
#ifndef SW_KMS_AUDIT_H
#define SW_KMS_AUDIT_H
#include "chain/chain.h"
#include "envelope/journal.h"
#include "manifest/grant.h"

#define SW_AUDIT_KIND        "sealwright/audit/v1"
#define SW_AUDIT_ENTRY_LIMIT 16384
#define SW_AUDIT_ALONE_COUNT 16
#define SW_KMS_COUNT_LIMIT   4096

/* The journal's id. */
void sw_audit_id(sw_hash *out, const sw_p256_public *root);

/* ---- starts (KMS-081) ---- */
typedef struct sw_audit_start {
    sw_hash boot_nonce, compose;
    sw_p256_public receipt, root, tls;
} sw_audit_start;
SW_SECRET_ROLE(sw_audit_key, 32) /* follows from the root; vouches for starts */
SW_NODISCARD sw_status sw_audit_key_derive(const sw_root_key *root, sw_audit_key *out,
                                           sw_error *err);
/* The code of a start that stands behind `before`. */
void sw_audit_code(sw_hash *out, const sw_audit_key *key, const sw_hash *id, const sw_head *before,
                   const sw_audit_start *s);

/* ---- how many grants a compose hash had (KMS-072) ---- */
typedef struct sw_kms_count {
    sw_hash compose;
    uint64_t granted; /* the highest number that was given */
    uint64_t before;  /* the same when the start that is read began: it renews only its own */
} sw_kms_count;
typedef struct sw_kms_counts {
    size_t count;
    sw_kms_count slots[SW_KMS_COUNT_LIMIT];
} sw_kms_counts;
uint64_t sw_kms_granted(const sw_kms_counts *c, const sw_hash *compose);
/* Room for one more compose hash, or it is known: else SW_LIMIT. */
SW_NODISCARD sw_status sw_kms_count_room(const sw_kms_counts *c, const sw_hash *compose,
                                         sw_error *err);
/* SW_UNAUTHENTIC "rollback" unless it is the next one. */
SW_NODISCARD sw_status sw_kms_count_take(sw_kms_counts *c, const sw_hash *compose, uint64_t number,
                                         sw_error *err);

/* ---- reading ---- */
typedef struct sw_audit_revocation { /* KMS-088, as it stands there */
    sw_hash app, owner;
    sw_app_say say;
    uint8_t signature[SW_SECP256K1_SIG_BYTES]; /* not looked at */
} sw_audit_revocation;
typedef struct sw_audit_reader {
    sw_hash id;
    sw_kms_counts *counts;     /* of what was read */
    const sw_audit_key *key;   /* each start's code must hold under it; NULL: not checked */
    const sw_genesis *genesis; /* whose owners' words are checked; NULL: nobody's */
    bool running;              /* the start lasts: no other one may follow */
    /* Told of each revocation; NULL: nobody is. What it answers ends the reading. */
    sw_status (*revoked)(void *context, const sw_audit_revocation *r, sw_error *err);
    void *revoked_context;
    sw_head at;           /* read so far */
    sw_audit_start start; /* that is being read */
    bool vouched;         /* an owner's word is about it */
    uint64_t starts, unlocks, grants, refusals, revocations;
    /* Starts that no owner's word is about: how many, and the first ones' entries. */
    uint64_t alone_count, alone[SW_AUDIT_ALONE_COUNT];
} sw_audit_reader;
void sw_audit_begin(sw_audit_reader *r, const sw_hash *id, sw_kms_counts *counts);
/* A sw_journal_visit whose context is a sw_audit_reader: checks form, signature and numbers of one
 * entry, with `genesis` the owners' statements and that no grant of that app stands without one. */
SW_NODISCARD sw_status sw_audit_read(void *context, const sw_head *at, const sw_envelope *e,
                                     sw_bytes bytes, sw_error *err);
#endif
