/* SPDX-License-Identifier: Apache-2.0
 *
 * DSSE envelopes (secure-systems-lab DSSE 1.0.2): one payload, its type, and signatures. Docs:
 * docs/formats/envelope.md.
 *
 * Our own envelopes are RFC 8785 JSON with standard base64 and only the canonical encoding is
 * accepted (sw_envelope_parse); foreign ones may be read by sw_envelope_parse_any. Signatures are
 * DER ECDSA P-256 over PAE, low-S. keyid is the hex SHA-256 of the SEC1 public key: a hint, never
 * believed: every verification names the key. The bytes verified are the bytes used.
 */
#ifndef SW_ENVELOPE_H
#define SW_ENVELOPE_H
#include "codec/json.h"
#include "crypto/crypto.h"

typedef enum sw_payload_kind {
    SW_PAYLOAD_JOIN,    /* the genesis, signed by all n owners */
    SW_PAYLOAD_CONSENT, /* wrap stanza */
    SW_PAYLOAD_SHARD,   /* what the KMS may see of a consent */
    SW_PAYLOAD_APPROVE,
    SW_PAYLOAD_REVOKE,
    SW_PAYLOAD_LIFT,
    SW_PAYLOAD_OPEN,      /* ledger entries */
    SW_PAYLOAD_UNLOCK,    /* an owner's word to one KMS start */
    SW_PAYLOAD_GRANT,     /* a KMS's receipt */
    SW_PAYLOAD_AUDIT,     /* an audit-log entry */
    SW_PAYLOAD_CARD,      /* an owner's card (ID-007); the signature stands in the card itself */
    SW_PAYLOAD_STATEMENT, /* in-toto Statement v1: application/vnd.in-toto+json */
    SW_PAYLOAD_KIND_COUNT
} sw_payload_kind;
/* "application/vnd.sealwright.<kind>.v1+json"; STATEMENT: "application/vnd.in-toto+json". */
const char *sw_payload_type(sw_payload_kind kind);

#define SW_ENVELOPE_SIGNATURE_LIMIT 64
#define SW_ENVELOPE_LIMIT           ((size_t)8 << 20)
typedef struct sw_signature {
    sw_hash key_id; /* hint */
    sw_bytes der;
} sw_signature;
typedef struct sw_envelope {
    sw_bytes payload_type, payload; /* views into the arena */
    size_t signature_count;
    sw_signature signatures[SW_ENVELOPE_SIGNATURE_LIMIT];
} sw_envelope;

void sw_envelope_pae(sw_buffer *out, sw_bytes payload_type, sw_bytes payload);
SW_NODISCARD sw_status sw_envelope_parse(sw_arena *arena, sw_bytes bytes, sw_envelope *out,
                                         sw_error *err);
SW_NODISCARD sw_status sw_envelope_parse_any(sw_arena *arena, sw_bytes bytes, sw_envelope *out,
                                             sw_error *err);
/* OK when one signature holds under `key` and the type is that of `kind`; else SW_UNAUTHENTIC
 * "signature". */
SW_NODISCARD sw_status sw_envelope_verify(const sw_envelope *e, sw_payload_kind kind,
                                          const sw_p256_public *key, sw_error *err);
/* Parse and verify in one: *payload is a view into the arena; exactly one signature allowed. */
SW_NODISCARD sw_status sw_envelope_open(sw_arena *arena, sw_bytes bytes, sw_payload_kind kind,
                                        const sw_p256_public *key, sw_bytes *payload,
                                        sw_error *err);
/* A new envelope with one signature. `secret` is the 32-byte scalar of a signing role. */
SW_NODISCARD sw_status sw_envelope_sign(sw_payload_kind kind, sw_bytes payload,
                                        const uint8_t secret[32], sw_buffer *out, sw_error *err);
/* A copy with one more signature (sorted by key id); SW_EXISTS when that key has signed. */
SW_NODISCARD sw_status sw_envelope_cosign(sw_bytes envelope, sw_payload_kind kind,
                                          const uint8_t secret[32], sw_buffer *out, sw_error *err);
/* SHA-256(sec1 public key): owner ids and key ids are this. */
void sw_key_id(sw_hash *out, const sw_p256_public *key);
#endif
