/* SPDX-License-Identifier: Apache-2.0
 *
 * The container under attack: every bit flipped, every byte cut, extended, chunks reordered and
 * spliced, wrong keys, wrong owners, other bindings. Nothing passes in any reader.
 */
#include "seal/container_support.h"

static const sw_container_kind kinds[] = {SW_CONTAINER_DATASET, SW_CONTAINER_CHECKPOINT,
                                          SW_CONTAINER_OUTPUT, SW_CONTAINER_OPENED};

/* Which readers a damaged file is shown to. */
typedef struct readers {
    int fd; /* refilled for every file */
    const sealed *s;
    sw_unseal_keys keys;
} readers;

static sw_status stream(readers *r) {
    assert_int_equal(lseek(r->fd, 0, SEEK_SET), 0);
    sw_container_trailer t = {.rows = 77};
    sw_status status = sw_unseal_fd(r->fd, &r->keys, 1, NULL, NULL, &t, NULL);
    if (status != SW_OK) assert_int_equal(t.rows, 77);
    return status;
}

static sw_status random_access(readers *r) {
    sw_unsealer *u = NULL;
    sw_status status = sw_unsealer_open(r->fd, &r->keys, &u, NULL);
    uint64_t count = status == SW_OK ? sw_unsealer_trailer(u)->chunk_count : 0;
    for (uint64_t i = 0; status == SW_OK && i < count; i++) {
        SW_SCOPED(sw_buffer) plain = SW_BUFFER(2 * MIB);
        status = sw_unsealer_chunk(u, i, &plain, NULL);
    }
    sw_unsealer_close(&u);
    return status;
}

static sw_status inspect_as_owner(readers *r) {
    sw_arena arena = {0};
    sw_container_body body;
    sw_container_trailer t;
    assert_int_equal(lseek(r->fd, 0, SEEK_SET), 0);
    sw_status status = sw_container_inspect(&arena, r->fd, &r->s->owner.public, &body, &t, NULL);
    sw_arena_free(&arena);
    return status;
}

/* Without a key an unsigned container may change, but then its root id does. */
static bool inspect_sees_it(readers *r) {
    sw_arena arena = {0};
    sw_container_body body;
    sw_container_trailer t;
    assert_int_equal(lseek(r->fd, 0, SEEK_SET), 0);
    sw_status status = sw_container_inspect(&arena, r->fd, NULL, &body, &t, NULL);
    bool same = status == SW_OK && sw_hash_equal(&t.root_id, &r->s->trailer.root_id);
    bool counts = same && t.chunk_count == r->s->trailer.chunk_count &&
                  t.rows == r->s->trailer.rows && t.plain_bytes == r->s->trailer.plain_bytes;
    sw_arena_free(&arena);
    /* A dataset's rows and signature are its owner's word: seen by inspect --owner only. */
    bool owners_word = r->s->plan.kind == SW_CONTAINER_DATASET;
    return !same || (!counts && owners_word) || owners_word;
}

static void assert_all_refuse(readers *r) {
    assert_int_not_equal(stream(r), SW_OK);
    assert_int_not_equal(random_access(r), SW_OK);
    assert_int_not_equal(inspect_as_owner(r), SW_OK);
    assert_true(inspect_sees_it(r));
}

static void flip(readers *r, size_t bit) {
    uint8_t byte;
    assert_int_equal(pread(r->fd, &byte, 1, (off_t)(bit / 8)), 1);
    byte ^= (uint8_t)(1 << bit % 8);
    assert_int_equal(pwrite(r->fd, &byte, 1, (off_t)(bit / 8)), 1);
}

static readers readers_of(const sealed *s) {
    return (readers){file_of(sw_buffer_bytes(&s->file)), s, keys_of(s)};
}

/* ---- flips ---- */

static void test_every_flip_of_a_small_file(void **state) {
    (void)state;
    for (size_t k = 0; k < COUNT(kinds); k++)
        for (size_t size = k == 0 ? 0 : 23; size < 24; size += 23) {
            SW_SCOPED(sw_buffer) content = SW_BUFFER(64);
            sealed *s = sealed_start(kinds[k], 20 + size);
            make_content(&content, size);
            seal_bytes(s, sw_buffer_bytes(&content));
            readers r = readers_of(s);
            assert_int_equal(stream(&r), SW_OK);
            assert_int_equal(random_access(&r), SW_OK);
            for (size_t bit = 0; bit < s->file.size * 8; bit++) {
                flip(&r, bit);
                assert_all_refuse(&r);
                flip(&r, bit);
            }
            (void)close(r.fd);
            sealed_end(s);
        }
}

/* Flips in a file of several chunks, drawn from a printed seed. */
static void test_sampled_flips_of_a_large_file(void **state) {
    (void)state;
    enum { FLIPS = 24 };
    uint64_t seed = 20261123, random = seed;
    SW_SCOPED(sw_buffer) content = SW_BUFFER(8 * MIB);
    sealed *s = sealed_start(SW_CONTAINER_DATASET, 30);
    make_content(&content, 2 * MIB + 9);
    seal_bytes(s, sw_buffer_bytes(&content));
    readers r = readers_of(s);
    print_message("# flips from seed %llu\n", (unsigned long long)seed);
    for (size_t i = 0; i < FLIPS; i++) {
        size_t bit = next_random(&random) % (s->file.size * 8);
        flip(&r, bit);
        assert_int_not_equal(stream(&r), SW_OK);
        assert_int_not_equal(random_access(&r), SW_OK);
        assert_int_not_equal(inspect_as_owner(&r), SW_OK);
        flip(&r, bit);
    }
    (void)close(r.fd);
    sealed_end(s);
}

/* ---- cuts and extensions ---- */

static void test_every_cut(void **state) {
    (void)state;
    for (size_t k = 0; k < COUNT(kinds); k++) {
        sealed *s = sealed_start(kinds[k], 40);
        seal_bytes(s, SW_LITERAL("some content"));
        readers r = readers_of(s);
        for (size_t size = s->file.size; size-- > 0;) {
            assert_int_equal(ftruncate(r.fd, (off_t)size), 0);
            assert_all_refuse(&r);
        }
        (void)close(r.fd);
        sealed_end(s);
    }
}

static void test_cuts_at_chunk_edges(void **state) {
    (void)state;
    SW_SCOPED(sw_buffer) content = SW_BUFFER(8 * MIB);
    sealed *s = sealed_start(SW_CONTAINER_DATASET, 41);
    make_content(&content, 3 * MIB);
    seal_bytes(s, sw_buffer_bytes(&content));
    size_t head = s->file.size - SW_TRAILER_SIGNED - 3 * SW_FRAME_BYTES;
    sw_bytes trailer = SW_BYTES(s->file.data + s->file.size - SW_TRAILER_SIGNED, SW_TRAILER_SIGNED);
    for (size_t chunks = 0; chunks < 3; chunks++) {
        SW_SCOPED(sw_buffer) cut = SW_BUFFER(8 * MIB);
        sw_put_bytes(&cut, SW_BYTES(s->file.data, head + chunks * SW_FRAME_BYTES));
        readers r = {file_of(sw_buffer_bytes(&cut)), s, keys_of(s)};
        assert_int_not_equal(stream(&r), SW_OK);
        assert_int_not_equal(random_access(&r), SW_OK);
        assert_int_not_equal(inspect_as_owner(&r), SW_OK);
        sw_put_bytes(&cut, trailer); /* the true trailer behind fewer chunks */
        refill(r.fd, sw_buffer_bytes(&cut));
        assert_int_not_equal(stream(&r), SW_OK);
        assert_int_not_equal(random_access(&r), SW_OK);
        assert_int_not_equal(inspect_as_owner(&r), SW_OK);
        (void)close(r.fd);
    }
    sealed_end(s);
}

static void test_extensions(void **state) {
    (void)state;
    static const size_t tails[] = {1, 16, 64, 137, 1000, SW_FRAME_BYTES};
    for (size_t k = 0; k < COUNT(kinds); k++)
        for (size_t i = 0; i < COUNT(tails); i++) {
            sealed *s = sealed_start(kinds[k], 42);
            seal_bytes(s, SW_LITERAL("some content"));
            memset(sw_put_space(&s->file, tails[i]), 0, tails[i]);
            readers r = readers_of(s);
            assert_all_refuse(&r);
            (void)close(r.fd);
            sealed_end(s);
        }
}

/* ---- chunks moved about ---- */

static uint8_t *chunk_at(sealed *s, size_t count, size_t index) {
    size_t tail = sw_trailer_size(s->plan.kind), head;
    head = s->file.size - tail - count * SW_FRAME_BYTES;
    return s->file.data + head + index * SW_FRAME_BYTES;
}

static void test_reordered_chunks(void **state) {
    (void)state;
    SW_SCOPED(sw_buffer) content = SW_BUFFER(8 * MIB);
    make_content(&content, 3 * MIB);
    for (size_t k = 0; k < COUNT(kinds); k++)
        for (size_t a = 0; a < 3; a++)
            for (size_t b = 0; b < a; b++) {
                sealed *s = sealed_start(kinds[k], 43);
                seal_bytes(s, sw_buffer_bytes(&content));
                uint8_t *x = chunk_at(s, 3, a), *y = chunk_at(s, 3, b);
                for (size_t i = 0; i < SW_FRAME_BYTES; i++) {
                    uint8_t byte = x[i];
                    x[i] = y[i];
                    y[i] = byte;
                }
                readers r = readers_of(s);
                assert_all_refuse(&r);
                (void)close(r.fd);
                sealed_end(s);
            }
}

/* A chunk of another container of the same owner, at the same place. */
static void test_spliced_chunks(void **state) {
    (void)state;
    SW_SCOPED(sw_buffer) content = SW_BUFFER(8 * MIB);
    make_content(&content, 3 * MIB);
    for (size_t k = 0; k < COUNT(kinds); k++)
        for (size_t index = 0; index < 3; index++) {
            sealed *s = sealed_start(kinds[k], 44);
            seal_bytes(s, sw_buffer_bytes(&content));
            SW_SCOPED(sw_buffer) other = SW_BUFFER(SW_FRAME_BYTES);
            sw_put_bytes(&other, SW_BYTES(chunk_at(s, 3, index), SW_FRAME_BYTES));
            seal_bytes(s, sw_buffer_bytes(&content));
            memcpy(chunk_at(s, 3, index), other.data, SW_FRAME_BYTES);
            readers r = readers_of(s);
            assert_all_refuse(&r);
            (void)close(r.fd);
            sealed_end(s);
        }
}

/* The head of one container, the rest of another. */
static void test_spliced_ends(void **state) {
    (void)state;
    for (size_t k = 0; k < COUNT(kinds); k++) {
        sealed *s = sealed_start(kinds[k], 45);
        seal_bytes(s, SW_LITERAL("one content"));
        SW_SCOPED(sw_buffer) first = SW_BUFFER(4096);
        sw_put_bytes(&first, sw_buffer_bytes(&s->file));
        seal_bytes(s, SW_LITERAL("two content"));
        size_t tail = sw_trailer_size(kinds[k]);
        memcpy(s->file.data + s->file.size - tail, first.data + first.size - tail, tail);
        readers r = readers_of(s);
        assert_all_refuse(&r);
        (void)close(r.fd);
        sealed_end(s);
    }
}

/* An empty chunk more: the same plaintext in another cut (SEAL-002). */
static void test_second_encoding(void **state) {
    (void)state;
    SW_SCOPED(sw_buffer) content = SW_BUFFER(2 * MIB);
    SW_SCOPED(sw_buffer) file = SW_BUFFER(2 * MIB);
    sealed *s = sealed_start(SW_CONTAINER_CHECKPOINT, 46);
    make_content(&content, MIB);
    seal_bytes(s, sw_buffer_bytes(&content));
    sw_container_body body;
    size_t head = s->file.size - SW_TRAILER_BYTES - SW_FRAME_BYTES;
    assert_int_equal(sw_body_parse(SW_BYTES(s->file.data, head - SW_COMMITMENT_BYTES), &body, NULL),
                     SW_OK);
    SW_SCOPED_SECRET(sw_chunk_keys) keys = sw_chunk_keys_new();
    assert_int_equal(sw_chunk_keys_derive(&s->data_key, &body, keys, NULL), SW_OK);
    sw_gcm *gcm;
    sw_hash aad, leaf;
    sw_merkle merkle = {0};
    uint8_t nonce[12], empty[16];
    assert_int_equal(sw_gcm_open(keys->key, &gcm, NULL), SW_OK);
    sw_sha256(&aad, body.encoded);
    uint8_t *full = sw_put_space(&file, SW_FRAME_BYTES);
    sw_chunk_nonce(nonce, 0, false);
    assert_int_equal(
        sw_gcm_seal(gcm, nonce, SW_BYTES_OF(aad.b), sw_buffer_bytes(&content), full, NULL), SW_OK);
    sw_chunk_nonce(nonce, 1, true);
    assert_int_equal(sw_gcm_seal(gcm, nonce, SW_BYTES_OF(aad.b), SW_BYTES(NULL, 0), empty, NULL),
                     SW_OK);
    sw_gcm_close(&gcm);
    sw_merkle_leaf(&leaf, SW_BYTES(full, SW_FRAME_BYTES));
    sw_merkle_add(&merkle, &leaf);
    sw_merkle_leaf(&leaf, SW_BYTES_OF(empty));
    sw_merkle_add(&merkle, &leaf);
    sw_container_trailer t = s->trailer;
    t.chunk_count = 2;
    sw_merkle_root(&merkle, &t.merkle_root);
    SW_SCOPED(sw_buffer) forged = SW_BUFFER(2 * MIB);
    uint8_t encoded[SW_TRAILER_BYTES];
    sw_trailer_encode(&t, encoded);
    sw_put_bytes(&forged, SW_BYTES(s->file.data, head));
    sw_put_bytes(&forged, sw_buffer_bytes(&file));
    sw_put_bytes(&forged, SW_BYTES_OF(empty));
    sw_put_bytes(&forged, SW_BYTES_OF(encoded));
    readers r = {file_of(sw_buffer_bytes(&forged)), s, keys_of(s)};
    assert_int_equal(stream(&r), SW_MALFORMED);
    assert_int_equal(random_access(&r), SW_MALFORMED);
    (void)close(r.fd);
    sealed_end(s);
}

/* ---- keys ---- */

static void test_wrong_keys(void **state) {
    (void)state;
    sealed *s = sealed_start(SW_CONTAINER_DATASET, 50);
    seal_bytes(s, SW_LITERAL("some content"));
    readers r = readers_of(s);
    sw_data_key other = s->data_key;
    sw_hash wrong_id = make_hash(&s->c);
    const sw_unseal_keys good = keys_of(s);
    r.keys.root_id = &s->trailer.root_id;
    assert_int_equal(stream(&r), SW_OK);
    assert_int_equal(random_access(&r), SW_OK);
    r.keys.root_id = &wrong_id;
    assert_int_equal(stream(&r), SW_UNAUTHENTIC);
    assert_int_equal(random_access(&r), SW_UNAUTHENTIC);
    for (size_t bit = 0; bit < 256; bit++) {
        other.b[bit / 8] ^= (uint8_t)(1 << bit % 8);
        r.keys = good;
        r.keys.data_key = &other;
        assert_int_equal(stream(&r), SW_UNAUTHENTIC);
        assert_int_equal(random_access(&r), SW_UNAUTHENTIC);
        other.b[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    r.keys = good;
    r.keys.owner = &s->other.public;
    assert_int_equal(stream(&r), SW_REFUSED);
    assert_int_equal(random_access(&r), SW_REFUSED);
    r.keys.owner = NULL;
    assert_int_equal(stream(&r), SW_REFUSED);
    r.keys = (sw_unseal_keys){.subkey = &s->subkey, .binding = &s->binding};
    assert_int_equal(stream(&r), SW_REFUSED);
    assert_int_equal(random_access(&r), SW_REFUSED);
    (void)close(r.fd);
    sealed_end(s);
}

/* Somebody else's signature over the same trailer. */
static void test_wrong_signer(void **state) {
    (void)state;
    sealed *s = sealed_start(SW_CONTAINER_DATASET, 51);
    seal_bytes(s, SW_LITERAL("some content"));
    SW_SCOPED(sw_buffer) message = SW_BUFFER(1024);
    sw_container_body body;
    uint8_t *end = s->file.data + s->file.size - SW_TRAILER_SIGNED;
    size_t size, head = 85 + 4 + strlen("application/octet-stream");
    assert_int_equal(sw_body_parse(SW_BYTES(s->file.data, head), &body, NULL), SW_OK);
    sw_trailer_message(&message, body.encoded, &s->trailer);
    memset(end + 64, 0, 73);
    assert_int_equal(
        sw_p256_sign(s->other.secret, sw_buffer_bytes(&message), end + 65, &size, NULL), SW_OK);
    end[64] = (uint8_t)size;
    readers r = readers_of(s);
    assert_int_equal(stream(&r), SW_UNAUTHENTIC);
    assert_int_equal(random_access(&r), SW_UNAUTHENTIC);
    assert_int_equal(inspect_as_owner(&r), SW_UNAUTHENTIC);
    (void)close(r.fd);
    sealed_end(s);
}

static void test_wrong_bindings(void **state) {
    (void)state;
    for (size_t k = 1; k < 3; k++) {
        sealed *s = sealed_start(kinds[k], 52);
        seal_bytes(s, SW_LITERAL("some content"));
        readers r = readers_of(s);
        sw_object_binding other = s->binding;
        r.keys.binding = &other;
        assert_int_equal(stream(&r), SW_OK);
        other.step++;
        assert_int_equal(stream(&r), SW_REFUSED);
        other = s->binding;
        other.compose.b[31] ^= 1;
        assert_int_equal(stream(&r), SW_REFUSED);
        other = s->binding;
        other.previous_root.b[0] ^= 128;
        assert_int_equal(stream(&r), SW_REFUSED);
        r.keys.binding = NULL;
        assert_int_equal(stream(&r), SW_REFUSED);
        sw_subkey wrong = s->subkey;
        wrong.b[5] ^= 4;
        r.keys = keys_of(s);
        r.keys.subkey = &wrong;
        assert_int_equal(stream(&r), SW_UNAUTHENTIC);
        assert_int_equal(random_access(&r), SW_UNAUTHENTIC);
        (void)close(r.fd);
        sealed_end(s);
    }
}

static void test_wrong_recipient(void **state) {
    (void)state;
    sealed *s = sealed_start(SW_CONTAINER_OPENED, 53);
    seal_bytes(s, SW_LITERAL("some content"));
    readers r = readers_of(s);
    r.keys.recipient = (const sw_encryption_key *)s->other.secret;
    assert_int_equal(stream(&r), SW_REFUSED);
    r.keys = keys_of(s);
    r.keys.binding = &s->binding;
    assert_int_equal(stream(&r), SW_OK);
    sw_object_binding other = s->binding;
    other.step = 8;
    r.keys.binding = &other;
    assert_int_equal(stream(&r), SW_REFUSED);
    (void)close(r.fd);
    sealed_end(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_flip_of_a_small_file),
        cmocka_unit_test(test_sampled_flips_of_a_large_file),
        cmocka_unit_test(test_every_cut),
        cmocka_unit_test(test_cuts_at_chunk_edges),
        cmocka_unit_test(test_extensions),
        cmocka_unit_test(test_reordered_chunks),
        cmocka_unit_test(test_spliced_chunks),
        cmocka_unit_test(test_spliced_ends),
        cmocka_unit_test(test_second_encoding),
        cmocka_unit_test(test_wrong_keys),
        cmocka_unit_test(test_wrong_signer),
        cmocka_unit_test(test_wrong_bindings),
        cmocka_unit_test(test_wrong_recipient),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
