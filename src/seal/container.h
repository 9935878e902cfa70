/* SPDX-License-Identifier: Apache-2.0
 *
 * The sealed container (DESIGN section 3): body, chunks, trailer. Docs: docs/formats/seal.md
 * (SEAL-001 ...).
 *
 * Streams through pipes both ways. Nothing in the body depends on what follows. A reader learns
 * whether the whole was authentic only at the end: sw_unseal into a file commits only then; rows
 * handed on chunk by chunk are authentic one by one (each chunk by its tag, under a committed key).
 *
 * Kinds: DATASET containers are signed by their owner. CHECKPOINT and OUTPUT containers carry no
 * signature: the run key authenticates them; their body holds the wrapped data key (fresh data key
 * under HKDF(subkey, object id)) and binds (kind, X, step, previous root). OPENED containers are
 * addressed to a recipient: their body holds an HPKE base-mode stanza to the recipient's encryption
 * key.
 */
#ifndef SW_SEAL_CONTAINER_H
#define SW_SEAL_CONTAINER_H
#include "crypto/hpke.h"
#include "envelope/envelope.h"

#define SW_CHUNK_BYTES      ((uint32_t)1 << 20)
#define SW_MEDIA_TYPE_LIMIT 64
#define SW_SEAL_LANES       8
typedef enum sw_container_kind {
    SW_CONTAINER_DATASET = 1,
    SW_CONTAINER_CHECKPOINT = 2,
    SW_CONTAINER_OUTPUT = 3,
    SW_CONTAINER_OPENED = 4
} sw_container_kind;

/* What a CHECKPOINT or OUTPUT is bound to. */
typedef struct sw_object_binding {
    sw_hash compose; /* X */
    uint64_t step;
    sw_hash previous_root; /* dataset-style id of the previous checkpoint; zero for the first */
} sw_object_binding;

typedef struct sw_container_body {
    sw_container_kind kind;
    uint32_t chunk_bytes;
    sw_hash content_id,
        owner_id; /* owner_id: DATASET the owner's, OPENED the recipient's key id, else zero */
    char media_type[SW_MEDIA_TYPE_LIMIT +
                    1]; /* "application/jsonl", "application/x-tar", "application/octet-stream" */
    sw_object_binding binding; /* CHECKPOINT, OUTPUT; OPENED: compose and step of what was opened */
    sw_hash object_id;         /* CHECKPOINT, OUTPUT */
    uint8_t wrapped_key[48];   /* CHECKPOINT, OUTPUT, OPENED */
    uint8_t enc[SW_HPKE_ENC_BYTES]; /* OPENED */
    sw_bytes encoded;               /* the exact body bytes */
} sw_container_body;

typedef struct sw_container_trailer {
    uint64_t chunk_count, rows, plain_bytes;
    sw_hash merkle_root, commitment;
    sw_hash root_id; /* bind-SHA-256("sealwright/dataset/v1", body, commitment, Merkle root): the
                        dataset id; the "root" of outputs */
    uint8_t signature[SW_ECDSA_DER_LIMIT]; /* DATASET: DER by the owner, zeros behind it */
    size_t signature_bytes;
} sw_container_trailer;

/* ---- writing ---- */
typedef struct sw_sealer sw_sealer;
typedef struct sw_seal_plan {
    sw_container_kind kind;
    const char *media_type;
    bool count_rows;              /* JSONL: rows are lines that are not blank */
    const sw_identity_key *owner; /* DATASET */
    const sw_subkey *subkey;      /* CHECKPOINT, OUTPUT */
    sw_object_binding binding;
    const sw_p256_public *recipient; /* OPENED */
    size_t lanes;                    /* threads, 1 to SW_SEAL_LANES; 1 encrypts in the caller's */
    const sw_entropy *entropy;
    /* Called in order, one call at a time, from any of the lanes; a failure ends the sealing. */
    sw_status (*write)(void *context, sw_bytes bytes, sw_error *err);
    void *context;
} sw_seal_plan;
SW_NODISCARD sw_status sw_sealer_open(const sw_seal_plan *plan, sw_sealer **out, sw_error *err);
SW_NODISCARD sw_status sw_sealer_add(sw_sealer *s, sw_bytes plain, sw_error *err); /* any sizes */
/* Ends the stream; nothing may be added after it or after a failure (SW_USAGE). trailer and
 * data_key may be NULL; data_key receives the key for the owner's keyring: give it locked memory.
 */
SW_NODISCARD sw_status sw_sealer_finish(sw_sealer *s, sw_container_trailer *trailer,
                                        sw_data_key *data_key, sw_error *err);
void sw_sealer_close(sw_sealer **s); /* wipes; NULL allowed */
/* Convenience: pipes fd in to the sealer, with reading, sealing and writing overlapped over
 * plan->lanes. progress may be NULL. */
typedef void (*sw_seal_progress)(void *context, uint64_t bytes_done);
SW_NODISCARD sw_status sw_seal_fd(const sw_seal_plan *plan, int fd_in,
                                  sw_container_trailer *trailer, sw_data_key *data_key,
                                  sw_seal_progress progress, void *progress_context, sw_error *err);

/* ---- reading ---- */
/* How the data key is had, by kind; members that the kind does not need are NULL. */
typedef struct sw_unseal_keys {
    const sw_data_key *data_key;        /* DATASET */
    const sw_subkey *subkey;            /* CHECKPOINT, OUTPUT */
    const sw_encryption_key *recipient; /* OPENED */
    const sw_p256_public *owner; /* DATASET: whose signature the trailer must carry; required */
    /* CHECKPOINT, OUTPUT: what it must be bound to; required. OPENED: optional, previous_root zero.
     */
    const sw_object_binding *binding;
    const sw_hash
        *root_id; /* what the id must be; required for DATASET in a run, optional for the owner */
    /* SHA-256 of the exact body, where the file was looked at before: the body fixes the data key,
     * under which there is one stream, so no byte of another file is handed on. NULL: any. */
    const sw_hash *body_id;
} sw_unseal_keys;
/* Front to back from fd: hands on plain bytes chunk by chunk, each authentic, in order, one call at
 * a time from any of the lanes (sink may be NULL); OK only when trailer, root, count, signature and
 * id hold. SW_REFUSED "kind", "owner", "binding"; SW_UNAUTHENTIC "key" (the wrong one), "chunk",
 * "trailer", "signature", "id"; SW_MALFORMED "format". *trailer is written on success only. */
typedef sw_status (*sw_unseal_sink)(void *context, sw_bytes plain, sw_error *err);
SW_NODISCARD sw_status sw_unseal_fd(int fd, const sw_unseal_keys *keys, size_t lanes,
                                    sw_unseal_sink sink, void *context,
                                    sw_container_trailer *trailer, sw_error *err);
/* Random access in a regular file: checks body, trailer and last chunk first, then any chunk alone.
 * Without root_id, kinds that nobody signs are hashed whole at opening. The descriptor stays the
 * caller's and must live as long; its position is left alone. */
typedef struct sw_unsealer sw_unsealer;
SW_NODISCARD sw_status sw_unsealer_open(int fd, const sw_unseal_keys *keys, sw_unsealer **out,
                                        sw_error *err);
const sw_container_trailer *sw_unsealer_trailer(const sw_unsealer *u);
SW_NODISCARD sw_status sw_unsealer_chunk(sw_unsealer *u, uint64_t index, sw_buffer *plain,
                                         sw_error *err);
void sw_unsealer_close(sw_unsealer **u);
/* What a regular file claims to be, without a key and without reading its chunks: nothing of it is
 * verified. For finding the key by the claimed root id; pass that id on in sw_unseal_keys. Leaves
 * the file's position alone. */
SW_NODISCARD sw_status sw_container_peek(sw_arena *arena, int fd, sw_container_body *body,
                                         sw_container_trailer *trailer, sw_error *err);
/* Without any key: parses body and trailer, recomputes Merkle root and id over the ciphertext;
 * verifies the owner's signature when `owner` is given. Views in the arena. */
SW_NODISCARD sw_status sw_container_inspect(sw_arena *arena, int fd, const sw_p256_public *owner,
                                            sw_container_body *body, sw_container_trailer *trailer,
                                            sw_error *err);
#endif
