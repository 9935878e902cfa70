/* SPDX-License-Identifier: Apache-2.0
 *
 * The installed interface: unsealing by stream and by chunk. Contracts: include/sealwright.h.
 *
 * A regular file says what it is; nothing of that is believed, it only names the key. The id that
 * it claims is passed on as the one that must come out.
 */
#include "lib/lib_internal.h"
#include <stdlib.h>
#include <string.h>

typedef struct key_ring { /* what one sealed file needs; views into the identity */
    sw_data_key *data_key;
    sw_unseal_keys keys;
    sw_hash id, owner;
    char media_type[SW_MEDIA_TYPE_LIMIT + 1];
} key_ring;

static void drop_keys(key_ring *k) {
    sw_data_key_drop(&k->data_key);
}

static sw_status find_dataset_key(sealwright_identity *identity, key_ring *k, sw_error *err) {
    const sw_card *card = sw_identity_card(identity->identity);
    k->data_key = sw_data_key_new();
    if (k->data_key == NULL)
        return sw_fail(err, SW_MEMORY, "memory", "no lockable memory for a key");
    SW_TRY(sw_identity_load_data_key(identity->identity, &k->id, k->data_key, err));
    k->keys.data_key = k->data_key;
    k->keys.owner = &card->identity_key;
    k->keys.root_id = &k->id;
    k->owner = card->id;
    return SW_OK;
}

static sw_status find_by_body(sealwright_identity *identity, const sw_container_body *body,
                              key_ring *k, sw_error *err) {
    memcpy(k->media_type, body->media_type, sizeof k->media_type);
    if (body->kind == SW_CONTAINER_DATASET) return find_dataset_key(identity, k, err);
    k->owner = body->owner_id;
    if (body->kind == SW_CONTAINER_OPENED)
        return sw_identity_encryption_key(identity->identity, &k->keys.recipient, err);
    return sw_fail(err, SW_REFUSED, "kind",
                   "a checkpoint or an output is sealed to the machines of its run");
}

static sw_status find_by_file(sealwright_identity *identity, int fd, key_ring *k, sw_error *err) {
    sw_arena arena = {0};
    sw_container_body body;
    sw_container_trailer trailer;
    sw_status status = sw_container_peek(&arena, fd, &body, &trailer, err);
    if (status == SW_OK) {
        k->id = trailer.root_id;
        status = find_by_body(identity, &body, k, err);
    }
    sw_arena_free(&arena);
    return status;
}

/* ---- by stream ---- */

typedef struct passing {
    sealwright_write write;
    void *context;
} passing;

static sw_status pass_on(void *context, sw_bytes plain, sw_error *err) {
    const passing *p = context;
    return p->write(p->context, plain.data, plain.size, err);
}

sw_status sealwright_unseal_stream(sealwright_identity *identity,
                                   const uint8_t id[SEALWRIGHT_ID_BYTES], int fd, size_t threads,
                                   sealwright_write write, void *context, sealwright_dataset *out,
                                   sw_error *err) {
    key_ring k = {0};
    size_t lanes;
    sw_container_trailer trailer;
    passing to = {write, context};
    SW_TRY(sw_lib_threads(threads, &lanes, err));
    if (id != NULL) memcpy(k.id.b, id, sizeof k.id.b);
    sw_status status =
        id != NULL ? find_dataset_key(identity, &k, err) : find_by_file(identity, fd, &k, err);
    if (status == SW_OK) status = sw_unseal_fd(fd, &k.keys, lanes, pass_on, &to, &trailer, err);
    if (status == SW_OK && out != NULL) sw_lib_dataset(out, &k.owner, k.media_type, &trailer);
    drop_keys(&k);
    return status;
}

/* ---- by chunk ---- */

struct sealwright_unsealer {
    sw_unsealer *unsealer;
    sealwright_dataset dataset;
};

static sw_status open_by_chunk(sealwright_unsealer *u, sealwright_identity *identity, int fd,
                               sw_error *err) {
    key_ring k = {0};
    sw_status status = find_by_file(identity, fd, &k, err);
    if (status == SW_OK) status = sw_unsealer_open(fd, &k.keys, &u->unsealer, err);
    if (status == SW_OK)
        sw_lib_dataset(&u->dataset, &k.owner, k.media_type, sw_unsealer_trailer(u->unsealer));
    drop_keys(&k);
    return status;
}

sw_status sealwright_unsealer_open(sealwright_identity *identity, int fd, sealwright_unsealer **out,
                                   sw_error *err) {
    sealwright_unsealer *u = calloc(1, sizeof *u);
    if (u == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for an unsealer");
    sw_status status = open_by_chunk(u, identity, fd, err);
    if (status == SW_OK)
        *out = u;
    else
        sealwright_unsealer_close(&u);
    return status;
}

void sealwright_unsealer_dataset(const sealwright_unsealer *unsealer, sealwright_dataset *out) {
    *out = unsealer->dataset;
}

sw_status sealwright_unsealer_chunk(sealwright_unsealer *unsealer, uint64_t index, void *out,
                                    size_t *size, sw_error *err) {
    SW_SCOPED(sw_buffer) plain = SW_BUFFER(SEALWRIGHT_CHUNK_BYTES);
    SW_TRY(sw_unsealer_chunk(unsealer->unsealer, index, &plain, err));
    if (plain.size > 0) memcpy(out, plain.data, plain.size);
    *size = plain.size;
    return SW_OK;
}

void sealwright_unsealer_close(sealwright_unsealer **unsealer) {
    if (*unsealer == NULL) return;
    sw_unsealer_close(&(*unsealer)->unsealer);
    free(*unsealer);
    *unsealer = NULL;
}
