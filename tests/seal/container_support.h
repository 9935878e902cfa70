/* SPDX-License-Identifier: Apache-2.0
 *
 * Sealing and unsealing in memory, for the tests of the container.
 */
#ifndef SW_TESTS_CONTAINER_SUPPORT_H
#define SW_TESTS_CONTAINER_SUPPORT_H
#include "seal/container_internal.h"
#include "seal/support.h"

#define MIB ((size_t)1 << 20)

typedef struct sealed {
    chance c;
    key_pair owner, recipient, other;
    sw_subkey subkey;
    sw_object_binding binding;
    sw_data_key data_key;
    sw_container_trailer trailer;
    sw_seal_plan plan;
    sw_buffer file;
} sealed;

static inline sw_status write_to_buffer(void *context, sw_bytes bytes, sw_error *err) {
    sw_put_bytes(context, bytes);
    return sw_buffer_check(context, "test", err);
}

/* Content that no two positions share. */
static inline void make_content(sw_buffer *out, size_t size) {
    uint64_t state = size + 77;
    uint8_t *space = sw_put_space(out, size);
    assert_true(space != NULL || size == 0);
    for (size_t i = 0; i < size; i++)
        space[i] = i % 8 == 0 ? (uint8_t)next_random(&state) : (uint8_t)(i * 7 + i / 251);
}

static inline sealed *sealed_start(sw_container_kind kind, uint64_t seed) {
    sealed *s = calloc(1, sizeof *s);
    assert_non_null(s);
    chance_start(&s->c, seed);
    s->owner = make_key_pair(&s->c);
    s->recipient = make_key_pair(&s->c);
    s->other = make_key_pair(&s->c);
    sw_hash h = make_hash(&s->c);
    memcpy(s->subkey.b, h.b, 32);
    s->binding = (sw_object_binding){.compose = make_hash(&s->c), .step = 7};
    if (kind != SW_CONTAINER_OPENED) s->binding.previous_root = make_hash(&s->c);
    s->file = SW_BUFFER((size_t)64 << 20);
    s->plan = (sw_seal_plan){.kind = kind,
                             .media_type = "application/octet-stream",
                             .owner = (const sw_identity_key *)s->owner.secret,
                             .subkey = &s->subkey,
                             .binding = s->binding,
                             .recipient = &s->recipient.public,
                             .lanes = 1,
                             .entropy = &s->c.entropy,
                             .write = write_to_buffer,
                             .context = &s->file};
    return s;
}

static inline void sealed_end(sealed *s) {
    sw_buffer_free(&s->file);
    free(s);
}

static inline void seal_bytes(sealed *s, sw_bytes content) {
    int fd = file_of(content);
    sw_buffer_reset(&s->file);
    assert_int_equal(sw_seal_fd(&s->plan, fd, &s->trailer, &s->data_key, NULL, NULL, NULL), SW_OK);
    (void)close(fd);
}

/* All keys that the kind needs. */
static inline sw_unseal_keys keys_of(const sealed *s) {
    switch (s->plan.kind) {
    case SW_CONTAINER_DATASET:
        return (sw_unseal_keys){.data_key = &s->data_key, .owner = &s->owner.public};
    case SW_CONTAINER_OPENED:
        return (sw_unseal_keys){.recipient = (const sw_encryption_key *)s->recipient.secret};
    default:
        return (sw_unseal_keys){.subkey = &s->subkey, .binding = &s->binding};
    }
}

/* Unseals `file`; plain receives what was handed on. */
static inline sw_status unseal_bytes(sw_bytes file, const sw_unseal_keys *keys, size_t lanes,
                                     sw_buffer *plain, sw_container_trailer *trailer) {
    int fd = file_of(file);
    sw_status status =
        sw_unseal_fd(fd, keys, lanes, plain == NULL ? NULL : write_to_buffer, plain, trailer, NULL);
    (void)close(fd);
    return status;
}

static inline sw_status inspect_bytes(sw_bytes file, const sw_p256_public *owner,
                                      sw_container_trailer *trailer) {
    sw_arena arena = {0};
    sw_container_body body;
    int fd = file_of(file);
    sw_status status = sw_container_inspect(&arena, fd, owner, &body, trailer, NULL);
    (void)close(fd);
    sw_arena_free(&arena);
    return status;
}

/* Reads all chunks by random access, last first. */
static inline sw_status read_chunks(sw_bytes file, const sw_unseal_keys *keys,
                                    sw_container_trailer *trailer) {
    int fd = file_of(file);
    sw_unsealer *u = NULL;
    sw_container_trailer claimed = {0};
    sw_status status = sw_unsealer_open(fd, keys, &u, NULL);
    if (status == SW_OK) claimed = *sw_unsealer_trailer(u);
    for (uint64_t i = claimed.chunk_count; status == SW_OK && i > 0; i--) {
        SW_SCOPED(sw_buffer) plain = SW_BUFFER(2 * MIB);
        status = sw_unsealer_chunk(u, i - 1, &plain, NULL);
    }
    sw_unsealer_close(&u);
    (void)close(fd);
    if (status == SW_OK && trailer != NULL) *trailer = claimed;
    return status;
}

#endif
