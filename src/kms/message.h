/* SPDX-License-Identifier: Apache-2.0
 *
 * What service and clients say to each other, once for both sides. Docs: docs/formats/kms.md.
 */
#ifndef SW_KMS_MESSAGE_H
#define SW_KMS_MESSAGE_H
#include "manifest/grant.h"

#define SW_KMS_CHALLENGE_PATH "/v1/challenge"
#define SW_KMS_LOOK_PATH      "/v1/look"
#define SW_KMS_APPS_PATH      "/v1/apps"
#define SW_KMS_AUDIT_PATH     "/v1/audit"
#define SW_KMS_PATH_BYTES     128

#define SW_KMS_GENESIS_LIMIT   ((size_t)64 << 10)
#define SW_KMS_ENTRY_LIMIT     ((size_t)16 << 10)
#define SW_KMS_PAGE_LIMIT      ((size_t)256 << 10)
#define SW_KMS_REFUSAL_LIMIT   ((size_t)4 << 10)
#define SW_KMS_FACTS_LIMIT     ((size_t)2 << 10)
#define SW_KMS_STATEMENT_LIMIT ((size_t)8 << 10)
#define SW_KMS_REQUEST_LIMIT   ((size_t)4 << 10)
#define SW_KMS_SHARD_LIMIT     ((size_t)8 << 10)
#define SW_KMS_VIEWS_LIMIT     ((size_t)4 << 20)
#define SW_KMS_VIEWS_NODES     ((size_t)200000)

#define SW_KMS_KEYS_BYTES   44    /* one shard: HPKE key and base_nonce */
#define SW_KMS_SECRET_BYTES 48    /* a sealed unlock secret */
#define SW_KMS_LEAST_MS     60000 /* challenges and looks are good for so long (KMS-012, KMS-042) */

/* ---- refusals (KMS-005) ---- */
int sw_refusal_http_status(sw_status status);
void sw_refusal_encode(sw_buffer *out, const sw_error *refusal);
/* What a peer refused, as our own failure; sentences of strangers lose their control characters. */
SW_NODISCARD sw_status sw_refusal_decode(int http_status, sw_bytes body, sw_error *err);

/* ---- facts (KMS-030) ---- */
typedef struct sw_kms_self {
    sw_head audit;
    sw_hash boot_nonce;
    sw_p256_public receipt, root, tls;
} sw_kms_self;
void sw_kms_self_encode(sw_arena *a, const sw_kms_self *self, sw_buffer *out);
SW_NODISCARD sw_status sw_kms_self_parse(sw_arena *a, sw_bytes json, sw_kms_self *out,
                                         sw_error *err);

/* ---- the first field of a key request (KMS-050) ---- */
typedef struct sw_key_call {
    sw_purpose purpose;
    sw_hash challenge;
    sw_p256_public manifest_key, response_key;
    uint64_t renew;
    sw_hash open_manifest;         /* purpose OPEN, else zero */
    sw_p256_public open_recipient; /* purpose OPEN, else zero */
} sw_key_call;
void sw_key_call_encode(sw_arena *a, const sw_key_call *call, sw_buffer *out);
SW_NODISCARD sw_status sw_key_call_parse(sw_arena *a, sw_bytes json, sw_key_call *out,
                                         sw_error *err);

/* ---- heads as a whole answer (KMS-022, KMS-041) ---- */
/* {name: {"hash","index"}} */
void sw_head_encode(sw_arena *a, const char *name, const sw_head *head, sw_buffer *out);
SW_NODISCARD sw_status sw_head_parse(sw_arena *a, sw_bytes json, const char *name, sw_head *out,
                                     sw_error *err);

/* ---- HPKE infos (KMS-041, KMS-053) ---- */
void sw_kms_unlock_info(sw_buffer *out, const sw_hash *genesis, const sw_hash *owner,
                        const sw_hash *boot_nonce, sw_bytes statement);
void sw_kms_keys_info(sw_buffer *out, const sw_hash *genesis, const sw_hash *compose,
                      const sw_hash *challenge);
#endif
