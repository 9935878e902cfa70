/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading a container by chunk. Format: docs/formats/seal.md (SEAL-051).
 *
 * Every place follows from the file's size and the body's kind. Body, commitment, trailer,
 * signature and last chunk are checked first, so a file that was cut is refused before the first
 * row; then each chunk is authentic alone.
 */
#include "seal/container_internal.h"

#include "sys/files.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct sw_unsealer {
    int fd;
    sw_container_body body;
    uint8_t body_bytes[SW_BODY_LIMIT];
    sw_hash body_hash;
    sw_container_trailer trailer;
    sw_gcm *cipher;
    uint64_t chunks_at, chunk_count, last_bytes; /* last_bytes: the last chunk with its tag */
    uint8_t *frame;
};

static sw_status file_size(int fd, uint64_t *out, sw_error *err) {
    struct stat st;
    if (fstat(fd, &st) != 0)
        return sw_fail(err, SW_IO, "io", "reading a sealed file: %s", strerror(errno));
    if (!S_ISREG(st.st_mode) || st.st_size < 0)
        return sw_fail(err, SW_USAGE, "usage", "reading by chunk needs a regular file");
    *out = (uint64_t)st.st_size;
    return SW_OK;
}

static sw_status read_body(sw_unsealer *u, sw_error *err) {
    size_t size;
    SW_TRY(sw_fd_pread(u->fd, u->body_bytes, SW_BODY_PREFIX_BYTES, 0, err));
    SW_TRY(sw_body_size(u->body_bytes, &size, err));
    SW_TRY(sw_fd_pread(u->fd, u->body_bytes + SW_BODY_PREFIX_BYTES, size - SW_BODY_PREFIX_BYTES,
                       SW_BODY_PREFIX_BYTES, err));
    SW_TRY(sw_body_parse(SW_BYTES(u->body_bytes, size), &u->body, err));
    sw_sha256(&u->body_hash, u->body.encoded);
    u->chunks_at = size + SW_COMMITMENT_BYTES;
    return SW_OK;
}

/* SEAL-001, SEAL-002: chunks are what lies between commitment and trailer. */
static sw_status find_chunks(sw_unsealer *u, uint64_t size, sw_error *err) {
    uint64_t around = u->chunks_at + sw_trailer_size(u->body.kind);
    if (size < around + SW_GCM_TAG_BYTES)
        return sw_fail(err, SW_MALFORMED, "format", "the sealed file is cut short");
    uint64_t bytes = size - around;
    uint64_t count = (bytes + SW_FRAME_BYTES - 1) / SW_FRAME_BYTES;
    uint64_t last = bytes - (count - 1) * SW_FRAME_BYTES;
    if (last < SW_GCM_TAG_BYTES + (count == 1 ? 0U : 1U) || count > SW_CHUNK_LIMIT)
        return sw_fail(err, SW_MALFORMED, "format", "the sealed file is cut short");
    u->chunk_count = count;
    u->last_bytes = last;
    return SW_OK;
}

static sw_status read_trailer(sw_unsealer *u, uint64_t size, sw_error *err) {
    uint8_t bytes[SW_TRAILER_SIGNED];
    size_t count = sw_trailer_size(u->body.kind);
    sw_hash commitment;
    SW_TRY(sw_fd_pread(u->fd, bytes, count, size - count, err));
    SW_TRY(sw_trailer_parse(SW_BYTES(bytes, count), u->body.kind, &u->trailer, err));
    SW_TRY(sw_fd_pread(u->fd, commitment.b, sizeof commitment.b, u->chunks_at - SW_COMMITMENT_BYTES,
                       err));
    u->trailer.commitment = commitment;
    return SW_OK;
}

static size_t chunk_size(const sw_unsealer *u, uint64_t index) {
    return index + 1 == u->chunk_count ? (size_t)u->last_bytes : SW_FRAME_BYTES;
}

static sw_status read_chunk(sw_unsealer *u, uint64_t index, sw_error *err) {
    uint64_t at = u->chunks_at + index * SW_FRAME_BYTES;
    return sw_fd_pread(u->fd, u->frame, chunk_size(u, index), at, err);
}

/* Reads and decrypts one chunk into the frame. */
static sw_status open_chunk(sw_unsealer *u, uint64_t index, sw_bytes *plain, sw_error *err) {
    uint8_t nonce[SW_GCM_NONCE_BYTES];
    size_t size = chunk_size(u, index);
    SW_TRY(read_chunk(u, index, err));
    sw_chunk_nonce(nonce, index, index + 1 == u->chunk_count);
    sw_status status = sw_gcm_unseal(u->cipher, nonce, SW_BYTES_OF(u->body_hash.b),
                                     SW_BYTES(u->frame, size), u->frame, err);
    if (status == SW_UNAUTHENTIC)
        return sw_fail(err, status, "chunk", "chunk %llu of the sealed file was changed",
                       (unsigned long long)index);
    *plain = SW_BYTES(u->frame, size - SW_GCM_TAG_BYTES);
    return status;
}

/* The Merkle root of all chunks, for kinds whose trailer nobody signs. */
static sw_status hash_all(sw_unsealer *u, sw_hash *root, sw_error *err) {
    sw_merkle merkle = {0};
    for (uint64_t i = 0; i < u->chunk_count; i++) {
        sw_hash leaf;
        SW_TRY(read_chunk(u, i, err));
        sw_merkle_leaf(&leaf, SW_BYTES(u->frame, chunk_size(u, i)));
        sw_merkle_add(&merkle, &leaf);
    }
    sw_merkle_root(&merkle, root);
    return SW_OK;
}

static sw_status check_trailer(sw_unsealer *u, const sw_unseal_keys *keys, sw_error *err) {
    sw_hash root;
    bool owned = u->body.kind == SW_CONTAINER_DATASET, hash = !owned && keys->root_id == NULL;
    if (hash) SW_TRY(hash_all(u, &root, err));
    const sw_container_facts facts = {.chunk_count = u->chunk_count,
                                      .plain_bytes = (u->chunk_count - 1) * SW_CHUNK_BYTES +
                                                     u->last_bytes - SW_GCM_TAG_BYTES,
                                      .merkle_root = hash ? &root : NULL};
    return sw_trailer_check(&u->body, &facts, owned ? keys->owner : NULL, keys->root_id,
                            &u->trailer, err);
}

static sw_status open_cipher(sw_unsealer *u, const sw_unseal_keys *keys, sw_error *err) {
    SW_SCOPED_SECRET(sw_chunk_keys) chunk_keys = sw_chunk_keys_new();
    if (chunk_keys == NULL)
        return sw_fail(err, SW_MEMORY, "memory", "no lockable memory for a key");
    SW_TRY(sw_chunk_keys_open(&u->body, u->trailer.commitment.b, keys, chunk_keys, err));
    return sw_gcm_open(chunk_keys->key, &u->cipher, err);
}

/* Both ends of the file, unverified. */
static sw_status read_ends(sw_unsealer *u, sw_error *err) {
    uint64_t size = 0;
    SW_TRY(file_size(u->fd, &size, err));
    SW_TRY(read_body(u, err));
    SW_TRY(find_chunks(u, size, err));
    return read_trailer(u, size, err);
}

static sw_status open_all(sw_unsealer *u, const sw_unseal_keys *keys, sw_error *err) {
    sw_bytes last;
    SW_TRY(read_ends(u, err));
    SW_TRY(open_cipher(u, keys, err));
    SW_TRY(check_trailer(u, keys, err));
    return open_chunk(u, u->chunk_count - 1, &last, err);
}

sw_status sw_unsealer_open(int fd, const sw_unseal_keys *keys, sw_unsealer **out, sw_error *err) {
    sw_unsealer *u = calloc(1, sizeof *u);
    if (u != NULL) u->frame = malloc(SW_FRAME_BYTES);
    if (u == NULL || u->frame == NULL) {
        free(u);
        return sw_fail(err, SW_MEMORY, "memory", "no memory for an unsealer");
    }
    u->fd = fd;
    sw_status status = open_all(u, keys, err);
    if (status == SW_OK)
        *out = u;
    else
        sw_unsealer_close(&u);
    return status;
}

const sw_container_trailer *sw_unsealer_trailer(const sw_unsealer *u) {
    return &u->trailer;
}

sw_status sw_unsealer_chunk(sw_unsealer *u, uint64_t index, sw_buffer *plain, sw_error *err) {
    sw_bytes opened;
    if (index >= u->chunk_count)
        return sw_fail(err, SW_USAGE, "usage", "the sealed file has %llu chunks",
                       (unsigned long long)u->chunk_count);
    SW_TRY(open_chunk(u, index, &opened, err));
    sw_put_bytes(plain, opened);
    return sw_buffer_check(plain, "chunk", err);
}

void sw_unsealer_close(sw_unsealer **held) {
    sw_unsealer *u = *held;
    if (u == NULL) return;
    sw_gcm_close(&u->cipher);
    sw_wipe(u->frame, u->chunk_count > 1 ? SW_FRAME_BYTES : (size_t)u->last_bytes);
    free(u->frame);
    sw_wipe(u, sizeof *u);
    free(u);
    *held = NULL;
}

sw_status sw_container_peek(sw_arena *arena, int fd, sw_container_body *body,
                            sw_container_trailer *trailer, sw_error *err) {
    sw_unsealer u = {.fd = fd};
    SW_TRY(read_ends(&u, err));
    sw_bytes encoded = sw_arena_copy(arena, u.body.encoded);
    if (encoded.data == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory to inspect");
    sw_root_id(u.body.encoded, &u.trailer, &u.trailer.root_id);
    *body = u.body;
    body->encoded = encoded;
    *trailer = u.trailer;
    return SW_OK;
}
