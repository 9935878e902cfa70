/* SPDX-License-Identifier: Apache-2.0
 *
 * Sealing: a stream in, a container out. Format: docs/formats/seal.md.
 *
 * The idea: chunks are independent, so lanes encrypt and hash them at once, each in place in its
 * own buffer; only reading, writing and the Merkle stack are in order. sw_seal_fd overlaps all of
 * it in a pipeline; sw_sealer_add gathers one chunk a lane and works on them together. Both give
 * the same bytes, whatever the number of lanes.
 * Invariant: a chunk is sealed when it is known whether another follows, because its nonce says so.
 */
#include "seal/container_internal.h"

#include "sys/files.h"
#include "sys/pipeline.h"
#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

typedef struct chunk_note { /* what a sealed chunk adds to the trailer */
    sw_hash leaf;
    sw_row_piece rows;
} chunk_note;
static_assert(sizeof(chunk_note) <= sizeof(((sw_frame *)0)->note), "a note fits into a frame");
static_assert(SW_SEAL_LANES <= SW_PIPELINE_LANES, "a sealer's lanes fit into a pipeline");

/* The next chunk's first byte, read to know that there is one, precedes what is read for it. */
enum { ALIGNMENT = 64 };

struct sw_sealer {
    sw_seal_plan plan;
    sw_container_body body;
    uint8_t body_bytes[SW_BODY_LIMIT];
    sw_hash body_hash;
    sw_data_key *data_key;
    sw_chunk_keys *keys;
    sw_gcm *ciphers[SW_SEAL_LANES];
    sw_merkle merkle;
    sw_row_count rows;
    sw_container_trailer trailer; /* counts as they grow */
    bool broken, finished;        /* nothing may follow a failure */
    /* sw_sealer_add */
    sw_pool *pool;
    uint8_t *buffers[SW_SEAL_LANES];
    size_t filled; /* plain bytes in the buffers together */
    /* sw_seal_fd */
    int fd;
    bool carried;
    uint8_t carry;
    sw_seal_progress progress;
    void *progress_context;
};

/* ---- opening ---- */

static sw_status check_plan(const sw_seal_plan *p, sw_error *err) {
    bool dataset = p->kind == SW_CONTAINER_DATASET, opened = p->kind == SW_CONTAINER_OPENED;
    bool keyed = dataset ? p->owner != NULL : opened ? p->recipient != NULL : p->subkey != NULL;
    if (p->lanes < 1 || p->lanes > SW_SEAL_LANES)
        return sw_fail(err, SW_USAGE, "usage", "sealing takes 1 to %d threads, not %zu",
                       SW_SEAL_LANES, p->lanes);
    if (!keyed || p->entropy == NULL || p->write == NULL || p->media_type == NULL ||
        strlen(p->media_type) > SW_MEDIA_TYPE_LIMIT || (p->count_rows && !dataset))
        return sw_fail(err, SW_USAGE, "usage", "the plan for a sealed file is incomplete");
    return SW_OK;
}

/* Who owns it: the owner's id, the recipient's, or nobody. */
static sw_status name_owner(const sw_seal_plan *p, sw_hash *out, sw_error *err) {
    sw_p256_public key;
    if (p->kind == SW_CONTAINER_DATASET) {
        SW_TRY(sw_p256_derive(p->owner->b, &key, err));
        sw_key_id(out, &key);
    } else if (p->kind == SW_CONTAINER_OPENED) {
        sw_key_id(out, p->recipient);
    }
    return SW_OK;
}

/* SEAL-020: everything random is drawn here, in this order. */
static sw_status draw(sw_sealer *s, sw_error *err) {
    const sw_entropy *e = s->plan.entropy;
    SW_TRY(sw_entropy_fill(e, s->body.content_id.b, sizeof s->body.content_id.b, err));
    SW_TRY(sw_entropy_fill(e, s->data_key->b, sizeof s->data_key->b, err));
    bool named = s->body.kind == SW_CONTAINER_CHECKPOINT || s->body.kind == SW_CONTAINER_OUTPUT;
    return named ? sw_entropy_fill(e, s->body.object_id.b, sizeof s->body.object_id.b, err) : SW_OK;
}

static sw_status make_body(sw_sealer *s, sw_error *err) {
    const sw_seal_plan *p = &s->plan;
    sw_container_body *body = &s->body;
    body->kind = p->kind;
    body->chunk_bytes = SW_CHUNK_BYTES;
    memcpy(body->media_type, p->media_type, strlen(p->media_type));
    if (p->kind != SW_CONTAINER_DATASET) body->binding = p->binding;
    SW_TRY(name_owner(p, &body->owner_id, err));
    SW_TRY(draw(s, err));
    SW_TRY(sw_data_key_wrap(s->data_key, p, body, err));
    SW_SCOPED(sw_buffer) encoded = SW_BUFFER(SW_BODY_LIMIT);
    SW_TRY(sw_body_encode(body, &encoded, err));
    memcpy(s->body_bytes, encoded.data, encoded.size);
    body->encoded = SW_BYTES(s->body_bytes, encoded.size);
    sw_sha256(&s->body_hash, body->encoded);
    return SW_OK;
}

static sw_status make_keys(sw_sealer *s, sw_error *err) {
    SW_TRY(sw_chunk_keys_derive(s->data_key, &s->body, s->keys, err));
    memcpy(s->trailer.commitment.b, s->keys->commitment, SW_COMMITMENT_BYTES);
    for (size_t i = 0; i < s->plan.lanes; i++)
        SW_TRY(sw_gcm_open(s->keys->key, &s->ciphers[i], err));
    return SW_OK;
}

static sw_status start(sw_sealer *s, sw_error *err) {
    s->data_key = sw_data_key_new();
    s->keys = sw_chunk_keys_new();
    if (s->data_key == NULL || s->keys == NULL)
        return sw_fail(err, SW_MEMORY, "memory", "no lockable memory for a key");
    SW_TRY(make_body(s, err));
    SW_TRY(make_keys(s, err));
    SW_TRY(s->plan.write(s->plan.context, s->body.encoded, err));
    return s->plan.write(s->plan.context, SW_BYTES_OF(s->trailer.commitment.b), err);
}

sw_status sw_sealer_open(const sw_seal_plan *plan, sw_sealer **out, sw_error *err) {
    SW_TRY(check_plan(plan, err));
    sw_sealer *s = calloc(1, sizeof *s);
    if (s == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a sealer");
    s->plan = *plan;
    sw_status status = start(s, err);
    if (status == SW_OK)
        *out = s;
    else
        sw_sealer_close(&s);
    return status;
}

void sw_sealer_close(sw_sealer **held) {
    sw_sealer *s = *held;
    if (s == NULL) return;
    for (size_t i = 0; i < SW_SEAL_LANES; i++) {
        sw_gcm_close(&s->ciphers[i]);
        if (s->buffers[i] != NULL) sw_wipe(s->buffers[i], SW_FRAME_BYTES);
        free(s->buffers[i]);
    }
    sw_pool_close(&s->pool);
    sw_chunk_keys_drop(&s->keys);
    sw_data_key_drop(&s->data_key);
    sw_wipe(s, sizeof *s);
    free(s);
    *held = NULL;
}

/* ---- one chunk ---- */

/* In place: the frame grows by its tag. Its leaf is still to be noted. */
static sw_status encrypt_chunk(sw_sealer *s, sw_frame *f, size_t lane, sw_error *err) {
    uint8_t nonce[SW_GCM_NONCE_BYTES];
    chunk_note note = {0};
    if (f->index >= SW_CHUNK_LIMIT)
        return sw_fail(err, SW_LIMIT, "limit", "the content has more than 2^32 chunks");
    if (s->plan.count_rows) sw_rows_scan(SW_BYTES(f->data, f->size), &note.rows);
    sw_chunk_nonce(nonce, f->index, f->last);
    SW_TRY(sw_gcm_seal(s->ciphers[lane], nonce, SW_BYTES_OF(s->body_hash.b),
                       SW_BYTES(f->data, f->size), f->data, err));
    f->size += SW_GCM_TAG_BYTES;
    memcpy(f->note, &note, sizeof note);
    return SW_OK;
}

static void note_leaf(sw_frame *f, const sw_hash *leaf) {
    chunk_note note;
    memcpy(&note, f->note, sizeof note);
    note.leaf = *leaf;
    memcpy(f->note, &note, sizeof note);
}

static void seal_chunks(void *context, sw_frame *frames, size_t count, size_t lane) {
    sw_bytes chunks[SW_PIPELINE_TOGETHER] = {0};
    sw_hash leaves[SW_PIPELINE_TOGETHER];
    size_t sealed = 0;
    for (; sealed < count; sealed++) {
        sw_frame *f = &frames[sealed];
        f->status = encrypt_chunk(context, f, lane, &f->error);
        if (f->status != SW_OK) break; /* nothing behind it is given */
        chunks[sealed] = SW_BYTES(f->data, f->size);
    }
    sw_merkle_leaves(leaves, chunks, sealed);
    for (size_t i = 0; i < sealed; i++) note_leaf(&frames[i], &leaves[i]);
}

static sw_status write_chunk(sw_sealer *s, const sw_frame *f, sw_error *err) {
    chunk_note note;
    memcpy(&note, f->note, sizeof note);
    SW_TRY(s->plan.write(s->plan.context, SW_BYTES(f->data, f->size), err));
    sw_merkle_add(&s->merkle, &note.leaf);
    sw_rows_join(&s->rows, &note.rows);
    s->trailer.chunk_count++;
    s->trailer.plain_bytes += f->size - SW_GCM_TAG_BYTES;
    if (s->progress != NULL) s->progress(s->progress_context, s->trailer.plain_bytes);
    return SW_OK;
}

/* ---- from a caller's hands ---- */

typedef struct batch {
    sw_sealer *s;
    sw_frame frames[SW_SEAL_LANES];
} batch;

static void seal_in_batch(void *context, size_t index, size_t lane) {
    batch *b = context;
    seal_chunks(b->s, &b->frames[index], 1, lane);
}

/* Seals and writes what is gathered; `end` marks the last chunk as the stream's last. */
static sw_status flush(sw_sealer *s, bool end, sw_error *err) {
    size_t count = (s->filled + SW_CHUNK_BYTES - 1) / SW_CHUNK_BYTES;
    if (count == 0) count = 1; /* empty content is one empty chunk */
    batch b = {.s = s};
    for (size_t i = 0; i < count; i++) {
        size_t left = s->filled - i * SW_CHUNK_BYTES;
        b.frames[i] = (sw_frame){.index = s->trailer.chunk_count + i,
                                 .data = s->buffers[i],
                                 .size = left < SW_CHUNK_BYTES ? left : SW_CHUNK_BYTES,
                                 .last = end && i + 1 == count};
    }
    sw_pool_run(s->pool, count, seal_in_batch, &b);
    for (size_t i = 0; i < count; i++) {
        if (b.frames[i].status != SW_OK && err != NULL) *err = b.frames[i].error;
        SW_TRY(b.frames[i].status);
        SW_TRY(write_chunk(s, &b.frames[i], err));
    }
    s->filled = 0;
    return SW_OK;
}

static sw_status make_buffers(sw_sealer *s, sw_error *err) {
    if (s->pool != NULL) return SW_OK;
    SW_TRY(sw_pool_open(s->plan.lanes, &s->pool, err));
    for (size_t i = 0; i < s->plan.lanes; i++) {
        s->buffers[i] = malloc(SW_FRAME_BYTES);
        if (s->buffers[i] == NULL)
            return sw_fail(err, SW_MEMORY, "memory", "no memory for a sealer");
    }
    return SW_OK;
}

static sw_status add(sw_sealer *s, sw_bytes plain, sw_error *err) {
    SW_TRY(make_buffers(s, err));
    while (plain.size > 0) {
        if (s->filled == s->plan.lanes * SW_CHUNK_BYTES) SW_TRY(flush(s, false, err));
        size_t lane = s->filled / SW_CHUNK_BYTES, at = s->filled % SW_CHUNK_BYTES;
        size_t room = SW_CHUNK_BYTES - at, size = plain.size < room ? plain.size : room;
        memcpy(s->buffers[lane] + at, plain.data, size);
        plain = SW_BYTES(plain.data + size, plain.size - size);
        s->filled += size;
    }
    return SW_OK;
}

/* After a failure nothing may follow: the stream has a hole. */
static sw_status guard(sw_sealer *s, sw_error *err) {
    if (!s->broken && !s->finished) return SW_OK;
    return sw_fail(err, SW_USAGE, "usage", "the sealed stream has ended");
}

sw_status sw_sealer_add(sw_sealer *s, sw_bytes plain, sw_error *err) {
    SW_TRY(guard(s, err));
    sw_status status = add(s, plain, err);
    s->broken = status != SW_OK;
    return status;
}

/* ---- ending ---- */

static sw_status sign_trailer(sw_sealer *s, sw_error *err) {
    sw_container_trailer *t = &s->trailer;
    SW_SCOPED(sw_buffer) message = SW_BUFFER(2 * SW_BODY_LIMIT);
    sw_trailer_message(&message, s->body.encoded, t);
    SW_TRY(sw_buffer_check(&message, "trailer", err));
    return sw_p256_sign(s->plan.owner->b, sw_buffer_bytes(&message), t->signature,
                        &t->signature_bytes, err);
}

static sw_status write_trailer(sw_sealer *s, sw_error *err) {
    sw_container_trailer *t = &s->trailer;
    uint8_t encoded[SW_TRAILER_SIGNED] = {0};
    size_t size = sw_trailer_size(s->body.kind);
    t->rows = sw_rows_total(&s->rows);
    sw_merkle_root(&s->merkle, &t->merkle_root);
    sw_root_id(s->body.encoded, t, &t->root_id);
    if (s->body.kind == SW_CONTAINER_DATASET) SW_TRY(sign_trailer(s, err));
    sw_trailer_encode(t, encoded);
    encoded[SW_TRAILER_BYTES] = (uint8_t)t->signature_bytes;
    memcpy(encoded + SW_TRAILER_BYTES + 1, t->signature, t->signature_bytes);
    return s->plan.write(s->plan.context, SW_BYTES(encoded, size), err);
}

static void hand_out(const sw_sealer *s, sw_container_trailer *trailer, sw_data_key *data_key) {
    if (trailer != NULL) *trailer = s->trailer;
    if (data_key != NULL) *data_key = *s->data_key;
}

static sw_status finish(sw_sealer *s, sw_error *err) {
    SW_TRY(make_buffers(s, err));
    SW_TRY(flush(s, true, err));
    return write_trailer(s, err);
}

sw_status sw_sealer_finish(sw_sealer *s, sw_container_trailer *trailer, sw_data_key *data_key,
                           sw_error *err) {
    SW_TRY(guard(s, err));
    sw_status status = finish(s, err);
    s->broken = status != SW_OK;
    s->finished = true;
    if (status == SW_OK) hand_out(s, trailer, data_key);
    return status;
}

/* ---- from a descriptor, in a pipeline ---- */

/* One byte beyond the chunk tells whether another follows; it is carried over to that one. */
static sw_status take_plain(void *context, sw_frame *f, sw_error *err) {
    sw_sealer *s = context;
    size_t have = s->carried ? 1 : 0, got;
    f->data = f->buffer + ALIGNMENT - have;
    if (s->carried) f->data[0] = s->carry;
    SW_TRY(sw_fd_read(s->fd, f->data + have, SW_CHUNK_BYTES + 1 - have, &got, err));
    f->size = have + got;
    s->carried = f->size > SW_CHUNK_BYTES;
    f->last = !s->carried;
    if (!s->carried) return SW_OK;
    f->size = SW_CHUNK_BYTES;
    s->carry = f->data[SW_CHUNK_BYTES];
    return SW_OK;
}

static sw_status give_chunk(void *context, sw_frame *f, sw_error *err) {
    return write_chunk(context, f, err);
}

sw_status sw_seal_fd(const sw_seal_plan *plan, int fd_in, sw_container_trailer *trailer,
                     sw_data_key *data_key, sw_seal_progress progress, void *progress_context,
                     sw_error *err) {
    sw_sealer *s;
    SW_TRY(sw_sealer_open(plan, &s, err));
    s->fd = fd_in;
    s->progress = progress;
    s->progress_context = progress_context;
    (void)posix_fadvise(fd_in, 0, 0, POSIX_FADV_SEQUENTIAL); /* a pipe refuses: no matter */
    const sw_pipeline pipeline = {.lanes = plan->lanes,
                                  .together = SW_PIPELINE_TOGETHER,
                                  .buffer_bytes = SW_FRAME_BYTES + ALIGNMENT,
                                  .take = take_plain,
                                  .work = seal_chunks,
                                  .give = give_chunk,
                                  .context = s};
    sw_status status = sw_pipeline_run(&pipeline, err);
    if (status == SW_OK) status = write_trailer(s, err);
    if (status == SW_OK) hand_out(s, trailer, data_key);
    sw_sealer_close(&s);
    return status;
}
