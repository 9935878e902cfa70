/* SPDX-License-Identifier: Apache-2.0
 *
 * What sealing, unsealing and inspecting share: the bytes of body and trailer, the keys, the
 * Merkle stack. Format: docs/formats/seal.md.
 */
#ifndef SW_SEAL_CONTAINER_INTERNAL_H
#define SW_SEAL_CONTAINER_INTERNAL_H
#include "seal/container.h"

#define SW_BODY_LIMIT        ((size_t)512)
#define SW_BODY_PREFIX_BYTES ((size_t)12) /* magic and size */
#define SW_COMMITMENT_BYTES  ((size_t)32)
#define SW_FRAME_BYTES       ((size_t)SW_CHUNK_BYTES + SW_GCM_TAG_BYTES)
#define SW_TRAILER_BYTES     ((size_t)64)
#define SW_TRAILER_SIGNED    ((size_t)64 + 1 + SW_ECDSA_DER_LIMIT)
#define SW_CHUNK_LIMIT       ((uint64_t)1 << 32)
#define SW_MERKLE_DEPTH      33

/* ---- body ---- */
/* Encodes the fields of `body` (all but `encoded`). */
SW_NODISCARD sw_status sw_body_encode(const sw_container_body *body, sw_buffer *out, sw_error *err);
/* `bytes` is the exact body; out->encoded becomes that view. */
SW_NODISCARD sw_status sw_body_parse(sw_bytes bytes, sw_container_body *out, sw_error *err);
/* The body's size from its first 12 bytes, after checking magic and limit. */
SW_NODISCARD sw_status sw_body_size(const uint8_t prefix[SW_BODY_PREFIX_BYTES], size_t *out,
                                    sw_error *err);

/* ---- trailer ---- */
size_t sw_trailer_size(sw_container_kind kind);
/* The first 64 bytes. */
void sw_trailer_encode(const sw_container_trailer *t, uint8_t out[SW_TRAILER_BYTES]);
/* Fills counts, Merkle root and signature from the trailer's exact bytes. */
SW_NODISCARD sw_status sw_trailer_parse(sw_bytes bytes, sw_container_kind kind,
                                        sw_container_trailer *out, sw_error *err);
/* What the owner signs (SEAL-041). */
void sw_trailer_message(sw_buffer *out, sw_bytes body, const sw_container_trailer *t);
SW_NODISCARD sw_status sw_trailer_verify(sw_bytes body, const sw_container_trailer *t,
                                         const sw_p256_public *owner, sw_error *err);
/* SEAL-043 */
void sw_root_id(sw_bytes body, const sw_container_trailer *t, sw_hash *out);

/* ---- keys ---- */
typedef struct sw_chunk_keys { /* HKDF's 64 bytes, in their order */
    uint8_t key[32], commitment[SW_COMMITMENT_BYTES];
} sw_chunk_keys;
static inline sw_chunk_keys *sw_chunk_keys_new(void) {
    return (sw_chunk_keys *)sw_secret_alloc(sizeof(sw_chunk_keys));
}
static inline void sw_chunk_keys_drop(sw_chunk_keys **held) {
    sw_secret_release(*held);
    *held = NULL;
}
/* SEAL-021; body->encoded is set. */
SW_NODISCARD sw_status sw_chunk_keys_derive(const sw_data_key *key, const sw_container_body *body,
                                            sw_chunk_keys *out, sw_error *err);
/* Wraps a data key into body->wrapped_key (and enc) by kind (SEAL-023, SEAL-024). */
SW_NODISCARD sw_status sw_data_key_wrap(const sw_data_key *key, const sw_seal_plan *plan,
                                        sw_container_body *body, sw_error *err);
/* Finds the data key by the body's kind, and checks that the body is what `keys` demands. */
SW_NODISCARD sw_status sw_data_key_find(const sw_container_body *body, const sw_unseal_keys *keys,
                                        sw_data_key *out, sw_error *err);
/* Data key, chunk keys, and the commitment's comparison (SEAL-022). */
SW_NODISCARD sw_status sw_chunk_keys_open(const sw_container_body *body,
                                          const uint8_t commitment[SW_COMMITMENT_BYTES],
                                          const sw_unseal_keys *keys, sw_chunk_keys *out,
                                          sw_error *err);
/* SEAL-030 */
void sw_chunk_nonce(uint8_t out[SW_GCM_NONCE_BYTES], uint64_t index, bool last);

/* ---- Merkle tree (RFC 6962 2.1) as a stack ---- */
typedef struct sw_merkle {
    sw_hash stack[SW_MERKLE_DEPTH];
    size_t depth;
    uint64_t count;
} sw_merkle;
void sw_merkle_leaf(sw_hash *out, sw_bytes chunk);
void sw_merkle_leaves(sw_hash *out, const sw_bytes *chunks, size_t count); /* the same, faster */
void sw_merkle_add(sw_merkle *m, const sw_hash *leaf);
void sw_merkle_root(const sw_merkle *m, sw_hash *out); /* of at least one leaf */

/* ---- rows (SEAL-032): lines are counted by chunk and joined in order ---- */
typedef struct sw_row_piece {
    uint64_t inner;  /* lines with content that lie wholly inside */
    bool newline;    /* there is a line feed; else all content counts as head */
    bool head, tail; /* content before the first and behind the last line feed */
} sw_row_piece;
typedef struct sw_row_count {
    uint64_t rows;
    bool open; /* the line at the end has content */
} sw_row_count;
void sw_rows_scan(sw_bytes text, sw_row_piece *out);
void sw_rows_join(sw_row_count *count, const sw_row_piece *piece);
uint64_t sw_rows_total(const sw_row_count *count);

/* Checks shared by every reader, once the Merkle root is known: counts, root, signature, ids. */
typedef struct sw_container_facts {
    uint64_t chunk_count, plain_bytes;
    const sw_hash *merkle_root; /* recomputed; NULL when the reader has not seen every chunk */
} sw_container_facts;
SW_NODISCARD sw_status sw_trailer_check(const sw_container_body *body,
                                        const sw_container_facts *facts,
                                        const sw_p256_public *owner, const sw_hash *root_id,
                                        sw_container_trailer *t, sw_error *err);
#endif
