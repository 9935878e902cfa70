/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading a container front to back: unsealing with keys, inspecting without. Format:
 * docs/formats/seal.md (SEAL-050, SEAL-052).
 *
 * The idea: nothing in the stream says where it ends, so no length can lie. A reader holds back as
 * many bytes as a trailer has, and one more; when the stream ends, they are the trailer.
 * Invariant: a chunk is handed on only when its tag held under the committed key.
 */
#include "seal/container_internal.h"

#include "sys/files.h"
#include "sys/pipeline.h"
#include <assert.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

enum { ALIGNMENT = 64, HELD_MAX = SW_TRAILER_SIGNED + 1, LEAD = 3 * ALIGNMENT };
static_assert(HELD_MAX <= LEAD, "what is held back fits before a frame's aligned part");
static_assert(sizeof(sw_hash) <= sizeof(((sw_frame *)0)->note), "a leaf fits into a frame's note");

typedef struct stream {
    int fd;
    sw_container_body body;
    uint8_t body_bytes[SW_BODY_LIMIT];
    sw_hash body_hash;
    sw_container_trailer trailer;
    sw_hash commitment;
    sw_gcm *ciphers[SW_PIPELINE_LANES]; /* none: only hash */
    uint8_t held[HELD_MAX];
    size_t held_bytes, trailer_bytes;
    sw_merkle merkle;
    uint64_t plain_bytes;
    sw_unseal_sink sink;
    void *context;
} stream;

static sw_status too_short(sw_error *err) {
    return sw_fail(err, SW_MALFORMED, "format", "the sealed file is cut short");
}

static sw_status read_exactly(int fd, void *out, size_t size, sw_error *err) {
    size_t got;
    SW_TRY(sw_fd_read(fd, out, size, &got, err));
    return got == size ? SW_OK : too_short(err);
}

/* Body and commitment: what must be known before the first chunk. */
static sw_status read_head(stream *s, sw_error *err) {
    size_t size;
    SW_TRY(read_exactly(s->fd, s->body_bytes, SW_BODY_PREFIX_BYTES, err));
    SW_TRY(sw_body_size(s->body_bytes, &size, err));
    SW_TRY(read_exactly(s->fd, s->body_bytes + SW_BODY_PREFIX_BYTES, size - SW_BODY_PREFIX_BYTES,
                        err));
    SW_TRY(sw_body_parse(SW_BYTES(s->body_bytes, size), &s->body, err));
    sw_sha256(&s->body_hash, s->body.encoded);
    s->trailer_bytes = sw_trailer_size(s->body.kind);
    return read_exactly(s->fd, s->commitment.b, sizeof s->commitment.b, err);
}

/* ---- the stages ---- */

/* The stream has ended with what is in the frame: chunk, then trailer. SEAL-002: an empty chunk
 * stands alone. */
static sw_status take_end(stream *s, sw_frame *f, sw_error *err) {
    size_t least = SW_GCM_TAG_BYTES + (f->index == 0 ? 0 : 1);
    if (f->size < s->trailer_bytes + least) return too_short(err);
    f->size -= s->trailer_bytes;
    f->last = true;
    return sw_trailer_parse(SW_BYTES(f->data + f->size, s->trailer_bytes), s->body.kind,
                            &s->trailer, err);
}

static sw_status take_sealed(void *context, sw_frame *f, sw_error *err) {
    stream *s = context;
    size_t hold = s->trailer_bytes + 1, want = SW_FRAME_BYTES + hold, got;
    f->data = f->buffer + LEAD - s->held_bytes;
    memcpy(f->data, s->held, s->held_bytes);
    SW_TRY(sw_fd_read(s->fd, f->data + s->held_bytes, want - s->held_bytes, &got, err));
    f->size = s->held_bytes + got;
    if (f->size < want) return take_end(s, f, err);
    if (f->index + 1 >= SW_CHUNK_LIMIT)
        return sw_fail(err, SW_LIMIT, "limit", "the sealed file has more than 2^32 chunks");
    f->size = SW_FRAME_BYTES;
    s->held_bytes = hold;
    memcpy(s->held, f->data + SW_FRAME_BYTES, hold);
    return SW_OK;
}

/* Decrypts the chunk in place, when there are keys. */
static sw_status open_chunk(stream *s, sw_frame *f, size_t lane, sw_error *err) {
    uint8_t nonce[SW_GCM_NONCE_BYTES];
    sw_bytes chunk = SW_BYTES(f->data, f->size), aad = SW_BYTES_OF(s->body_hash.b);
    f->size -= SW_GCM_TAG_BYTES;
    if (s->ciphers[lane] == NULL) return SW_OK;
    sw_chunk_nonce(nonce, f->index, f->last);
    sw_status status = sw_gcm_unseal(s->ciphers[lane], nonce, aad, chunk, f->data, err);
    if (status != SW_UNAUTHENTIC) return status;
    return sw_fail(err, SW_UNAUTHENTIC, "chunk", "chunk %llu of the sealed file was changed",
                   (unsigned long long)f->index);
}

/* Hashes the chunks as they came, then opens them. */
static void open_chunks(void *context, sw_frame *frames, size_t count, size_t lane) {
    sw_bytes chunks[SW_PIPELINE_TOGETHER] = {0};
    sw_hash leaves[SW_PIPELINE_TOGETHER];
    for (size_t i = 0; i < count; i++) chunks[i] = SW_BYTES(frames[i].data, frames[i].size);
    sw_merkle_leaves(leaves, chunks, count);
    for (size_t i = 0; i < count; i++) {
        memcpy(frames[i].note, leaves[i].b, sizeof leaves[i].b);
        frames[i].status = open_chunk(context, &frames[i], lane, &frames[i].error);
    }
}

static sw_status give_plain(void *context, sw_frame *f, sw_error *err) {
    stream *s = context;
    sw_hash leaf;
    memcpy(leaf.b, f->note, sizeof leaf.b);
    sw_merkle_add(&s->merkle, &leaf);
    s->plain_bytes += f->size;
    return s->sink == NULL ? SW_OK : s->sink(s->context, SW_BYTES(f->data, f->size), err);
}

static sw_status run(stream *s, size_t lanes, sw_error *err) {
    const sw_pipeline pipeline = {.lanes = lanes,
                                  .together = SW_PIPELINE_TOGETHER,
                                  .buffer_bytes = LEAD + SW_FRAME_BYTES + HELD_MAX,
                                  .take = take_sealed,
                                  .work = open_chunks,
                                  .give = give_plain,
                                  .context = s};
    return sw_pipeline_run(&pipeline, err);
}

/* What only the end can say. */
static sw_status check_end(stream *s, const sw_p256_public *owner, const sw_hash *root_id,
                           sw_error *err) {
    sw_hash root;
    sw_merkle_root(&s->merkle, &root);
    const sw_container_facts facts = {s->merkle.count, s->plain_bytes, &root};
    s->trailer.commitment = s->commitment;
    return sw_trailer_check(&s->body, &facts, owner, root_id, &s->trailer, err);
}

/* ---- unsealing ---- */

static sw_status open_ciphers(stream *s, const sw_unseal_keys *keys, size_t lanes, sw_error *err) {
    SW_SCOPED_SECRET(sw_chunk_keys) chunk_keys = sw_chunk_keys_new();
    if (chunk_keys == NULL)
        return sw_fail(err, SW_MEMORY, "memory", "no lockable memory for a key");
    SW_TRY(sw_chunk_keys_open(&s->body, s->commitment.b, keys, chunk_keys, err));
    for (size_t i = 0; i < lanes; i++) SW_TRY(sw_gcm_open(chunk_keys->key, &s->ciphers[i], err));
    return SW_OK;
}

static sw_status unseal(stream *s, const sw_unseal_keys *keys, size_t lanes, sw_error *err) {
    SW_TRY(read_head(s, err));
    SW_TRY(open_ciphers(s, keys, lanes, err));
    SW_TRY(run(s, lanes, err));
    bool signed_kind = s->body.kind == SW_CONTAINER_DATASET;
    return check_end(s, signed_kind ? keys->owner : NULL, keys->root_id, err);
}

sw_status sw_unseal_fd(int fd, const sw_unseal_keys *keys, size_t lanes, sw_unseal_sink sink,
                       void *context, sw_container_trailer *trailer, sw_error *err) {
    if (lanes < 1 || lanes > SW_SEAL_LANES)
        return sw_fail(err, SW_USAGE, "usage", "unsealing takes 1 to %d threads, not %zu",
                       SW_SEAL_LANES, lanes);
    stream s = {.fd = fd, .sink = sink, .context = context};
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL); /* a pipe refuses: no matter */
    sw_status status = unseal(&s, keys, lanes, err);
    for (size_t i = 0; i < SW_PIPELINE_LANES; i++) sw_gcm_close(&s.ciphers[i]);
    if (status == SW_OK && trailer != NULL) *trailer = s.trailer;
    return status;
}

/* ---- inspecting ---- */

static sw_status check_owner(const sw_container_body *body, const sw_p256_public *owner,
                             sw_error *err) {
    sw_hash id;
    sw_key_id(&id, owner);
    if (body->kind != SW_CONTAINER_DATASET)
        return sw_fail(err, SW_REFUSED, "kind", "the sealed file is of a kind that no owner signs");
    if (sw_hash_equal(&id, &body->owner_id)) return SW_OK;
    return sw_fail(err, SW_REFUSED, "owner", "the sealed file names another owner");
}

/* A file of one chunk needs no second thread. */
static size_t inspecting_lanes(int fd) {
    struct stat st;
    size_t processors = sw_cpu_count();
    bool small = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= SW_CHUNK_BYTES;
    return small ? 1 : processors < SW_SEAL_LANES ? processors : SW_SEAL_LANES;
}

sw_status sw_container_inspect(sw_arena *arena, int fd, const sw_p256_public *owner,
                               sw_container_body *body, sw_container_trailer *trailer,
                               sw_error *err) {
    stream s = {.fd = fd};
    SW_TRY(read_head(&s, err));
    if (owner != NULL) SW_TRY(check_owner(&s.body, owner, err));
    SW_TRY(run(&s, inspecting_lanes(fd), err));
    SW_TRY(check_end(&s, owner, NULL, err));
    sw_bytes encoded = sw_arena_copy(arena, s.body.encoded);
    if (encoded.data == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory to inspect");
    *body = s.body;
    body->encoded = encoded;
    *trailer = s.trailer;
    return SW_OK;
}
