/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading an audit log: by the service at its start, and by anyone who verifies one. Docs:
 * docs/formats/kms.md (KMS-080 ... KMS-085).
 */
#ifndef SW_KMS_AUDIT_H
#define SW_KMS_AUDIT_H
#include "envelope/journal.h"

/* The journal's id. */
void sw_audit_id(sw_hash *out, const sw_p256_public *root);

struct sw_kms_counts;
/* Starts as {.id = ...}; `counts` NULL for readers who only verify. */
typedef struct sw_audit_reader {
    sw_hash id;
    struct sw_kms_counts *counts;
    sw_p256_public receipt; /* of the start that is being read */
    uint64_t starts, unlocks, grants, refusals, revocations;
} sw_audit_reader;
/* A sw_journal_visit whose context is a sw_audit_reader: checks form and signature of one entry. */
SW_NODISCARD sw_status sw_audit_read(void *context, const sw_head *at, const sw_envelope *e,
                                     sw_bytes bytes, sw_error *err);
#endif
