/* SPDX-License-Identifier: Apache-2.0
 *
 * The container: every kind, size and number of lanes there and back; every reader says the same.
 */
#include "seal/container_support.h"
#include "seal/golden_container.h"

static const sw_container_kind kinds[] = {SW_CONTAINER_DATASET, SW_CONTAINER_CHECKPOINT,
                                          SW_CONTAINER_OUTPUT, SW_CONTAINER_OPENED};
static const size_t sizes[] = {0, 1, MIB - 1, MIB, MIB + 1, 3 * MIB + 7};
static const size_t lanes[] = {1, 2, 4};

static void check_trailer(const sealed *s, size_t size) {
    uint64_t chunks = size == 0 ? 1 : (size + MIB - 1) / MIB;
    assert_int_equal(s->trailer.chunk_count, chunks);
    assert_int_equal(s->trailer.plain_bytes, size);
    assert_int_equal(s->trailer.rows, 0);
}

static void check_readers(const sealed *s, sw_bytes content) {
    sw_unseal_keys keys = keys_of(s);
    sw_bytes file = sw_buffer_bytes(&s->file);
    for (size_t i = 0; i < COUNT(lanes); i++) {
        SW_SCOPED(sw_buffer) plain = SW_BUFFER(8 * MIB);
        sw_container_trailer t;
        assert_int_equal(unseal_bytes(file, &keys, lanes[i], &plain, &t), SW_OK);
        assert_true(sw_bytes_equal(sw_buffer_bytes(&plain), content));
        assert_memory_equal(&t, &s->trailer, sizeof t);
    }
    sw_container_trailer inspected, random;
    assert_int_equal(inspect_bytes(file, NULL, &inspected), SW_OK);
    assert_memory_equal(&inspected, &s->trailer, sizeof inspected);
    assert_int_equal(read_chunks(file, &keys, &random), SW_OK);
    assert_memory_equal(&random, &s->trailer, sizeof random);
}

static void test_there_and_back(void **state) {
    (void)state;
    for (size_t k = 0; k < COUNT(kinds); k++)
        for (size_t i = 0; i < COUNT(sizes); i++)
            for (size_t l = 0; l < COUNT(lanes); l++) {
                SW_SCOPED(sw_buffer) content = SW_BUFFER(8 * MIB);
                sealed *s = sealed_start(kinds[k], 100 + i);
                make_content(&content, sizes[i]);
                s->plan.lanes = lanes[l];
                seal_bytes(s, sw_buffer_bytes(&content));
                check_trailer(s, sizes[i]);
                check_readers(s, sw_buffer_bytes(&content));
                sealed_end(s);
            }
}

/* The same chance gives the same bytes, whatever the lanes and the way in (unsigned kinds). */
static void test_bytes_do_not_depend_on_lanes(void **state) {
    (void)state;
    static const size_t steps[] = {1, 999, MIB - 1, MIB, MIB + 1, 5 * MIB};
    SW_SCOPED(sw_buffer) content = SW_BUFFER(8 * MIB);
    make_content(&content, 3 * MIB + 7);
    sealed *first = sealed_start(SW_CONTAINER_CHECKPOINT, 9);
    seal_bytes(first, sw_buffer_bytes(&content));
    for (size_t l = 1; l <= SW_SEAL_LANES; l++) {
        sealed *s = sealed_start(SW_CONTAINER_CHECKPOINT, 9);
        s->plan.lanes = l;
        seal_bytes(s, sw_buffer_bytes(&content));
        assert_true(sw_bytes_equal(sw_buffer_bytes(&s->file), sw_buffer_bytes(&first->file)));
        sealed_end(s);
    }
    for (size_t i = 1; i < COUNT(steps); i++) {
        sealed *s = sealed_start(SW_CONTAINER_CHECKPOINT, 9);
        sw_sealer *sealer;
        s->plan.lanes = 1 + i % 3;
        assert_int_equal(sw_sealer_open(&s->plan, &sealer, NULL), SW_OK);
        for (size_t at = 0; at < content.size; at += steps[i]) {
            size_t left = content.size - at, size = left < steps[i] ? left : steps[i];
            assert_int_equal(sw_sealer_add(sealer, SW_BYTES(content.data + at, size), NULL), SW_OK);
        }
        assert_int_equal(sw_sealer_finish(sealer, &s->trailer, NULL, NULL), SW_OK);
        assert_int_equal(sw_sealer_add(sealer, SW_LITERAL("x"), NULL), SW_USAGE);
        assert_int_equal(sw_sealer_finish(sealer, NULL, NULL, NULL), SW_USAGE);
        sw_sealer_close(&sealer);
        assert_true(sw_bytes_equal(sw_buffer_bytes(&s->file), sw_buffer_bytes(&first->file)));
        sealed_end(s);
    }
    sealed_end(first);
}

/* SEAL-020: two sealings share nothing. */
static void test_everything_is_fresh(void **state) {
    (void)state;
    sealed *s = sealed_start(SW_CONTAINER_DATASET, 3);
    seal_bytes(s, SW_LITERAL("the same"));
    sw_container_trailer before = s->trailer;
    sw_data_key key = s->data_key;
    seal_bytes(s, SW_LITERAL("the same"));
    assert_memory_not_equal(key.b, s->data_key.b, sizeof key.b);
    assert_memory_not_equal(before.root_id.b, s->trailer.root_id.b, 32);
    assert_memory_not_equal(before.merkle_root.b, s->trailer.merkle_root.b, 32);
    sealed_end(s);
}

/* golden_container.h: sealed by node's crypto from the format's document alone. */
static void test_golden(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(golden_containers); i++) {
        const golden_container *g = &golden_containers[i];
        sw_arena arena = {0};
        sw_p256_public owner;
        sw_data_key key;
        sw_container_trailer t;
        sw_container_body body;
        SW_SCOPED(sw_buffer) plain = SW_BUFFER(4096);
        memcpy(owner.b, unhex(&arena, g->owner).data, sizeof owner.b);
        memcpy(key.b, unhex(&arena, g->data_key).data, sizeof key.b);
        const sw_unseal_keys keys = {.data_key = &key, .owner = &owner};
        sw_bytes file = unhex(&arena, g->file);
        assert_int_equal(unseal_bytes(file, &keys, 1, &plain, &t), SW_OK);
        assert_true(sw_bytes_is(sw_buffer_bytes(&plain), g->content));
        assert_hex(t.root_id.b, 32, g->id);
        assert_int_equal(t.rows, g->rows);
        int fd = file_of(file);
        assert_int_equal(sw_container_peek(&arena, fd, &body, &t, NULL), SW_OK);
        assert_hex(t.root_id.b, 32, g->id);
        assert_int_equal(sw_container_inspect(&arena, fd, &owner, &body, &t, NULL), SW_OK);
        assert_string_equal(body.media_type, g->media_type);
        (void)close(fd);
        sw_arena_free(&arena);
    }
}

/* ---- rows (SEAL-032) ---- */

static void test_rows(void **state) {
    (void)state;
    static const struct {
        const char *text;
        uint64_t rows;
    } cases[] = {{"", 0},        {"\n", 0},        {"a", 1},          {"a\n", 1},
                 {"a\nb", 2},    {"a\n\nb\n", 2},  {" \t\r\n", 0},    {"a\r\nb\r\n", 2},
                 {"\n\n\nx", 1}, {"  {}\n \n", 1}, {"{}\n{}\n{}", 3}, {"\v\n", 1}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        sealed *s = sealed_start(SW_CONTAINER_DATASET, 4);
        s->plan.count_rows = true;
        s->plan.media_type = "application/jsonl";
        seal_bytes(s, sw_text(cases[i].text));
        assert_int_equal(s->trailer.rows, cases[i].rows);
        sealed_end(s);
    }
}

/* Lines that cross the edges of chunks, against a plain count. */
static void test_rows_across_chunks(void **state) {
    (void)state;
    uint64_t random = 12345;
    for (size_t round = 0; round < 6; round++) {
        SW_SCOPED(sw_buffer) text = SW_BUFFER(8 * MIB);
        uint64_t rows = 0;
        while (text.size < 2 * MIB + 100) {
            size_t length = next_random(&random) % (round % 2 == 0 ? 300000 : 60);
            size_t kind = next_random(&random) % 3;
            uint8_t *space = sw_put_space(&text, length + 1);
            memset(space, kind == 0 ? ' ' : 'r', length);
            space[length] = '\n';
            rows += kind != 0 && length > 0;
        }
        sealed *s = sealed_start(SW_CONTAINER_DATASET, round);
        s->plan.count_rows = true;
        s->plan.lanes = 1 + round % 4;
        seal_bytes(s, sw_buffer_bytes(&text));
        assert_int_equal(s->trailer.rows, rows);
        sealed_end(s);
    }
}

/* ---- Merkle tree against RFC 6962's recursive definition ---- */

static size_t largest_power_below(size_t n) {
    size_t k = 1;
    while (k * 2 < n) k *= 2;
    return k;
}

static sw_hash tree_hash(const sw_hash *leaves, size_t n) {
    if (n == 1) return leaves[0];
    size_t k = largest_power_below(n);
    sw_hash left = tree_hash(leaves, k), right = tree_hash(leaves + k, n - k), out;
    const sw_bytes parts[] = {SW_LITERAL("\x01"), SW_BYTES_OF(left.b), SW_BYTES_OF(right.b)};
    sw_sha256_parts(&out, parts, 3);
    return out;
}

static void test_merkle(void **state) {
    (void)state;
    enum { MOST = 70 };
    sw_hash leaves[MOST], root;
    for (size_t i = 0; i < MOST; i++) sw_merkle_leaf(&leaves[i], SW_BYTES(&i, 1));
    assert_hex(leaves[0].b, 32, "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7");
    for (size_t n = 1; n <= MOST; n++) {
        sw_merkle m = {0};
        for (size_t i = 0; i < n; i++) sw_merkle_add(&m, &leaves[i]);
        sw_merkle_root(&m, &root);
        sw_hash expected = tree_hash(leaves, n);
        assert_memory_equal(root.b, expected.b, 32);
        assert_int_equal(m.count, n);
    }
}

/* ---- plans without sense ---- */

static sw_status fail_to_write(void *context, sw_bytes bytes, sw_error *err) {
    size_t *left = context;
    if (bytes.size > *left) return sw_fail(err, SW_IO, "io", "disk full");
    *left -= bytes.size;
    return SW_OK;
}

static void test_a_full_disk_fails(void **state) {
    (void)state;
    static const size_t room[] = {0, 150, 200, MIB, 2 * MIB + 500, 3 * MIB + 250};
    SW_SCOPED(sw_buffer) content = SW_BUFFER(8 * MIB);
    make_content(&content, 3 * MIB);
    for (size_t i = 0; i < COUNT(room); i++)
        for (size_t l = 1; l <= 3; l++) {
            sealed *s = sealed_start(SW_CONTAINER_DATASET, 8);
            size_t left = room[i];
            sw_error err = {0};
            sw_container_trailer untouched = {.rows = 99};
            s->plan.write = fail_to_write;
            s->plan.context = &left;
            s->plan.lanes = l;
            int fd = file_of(sw_buffer_bytes(&content));
            assert_int_equal(sw_seal_fd(&s->plan, fd, &untouched, NULL, NULL, NULL, &err), SW_IO);
            assert_string_equal(err.message, "disk full");
            assert_int_equal(untouched.rows, 99);
            (void)close(fd);
            sealed_end(s);
        }
}

static void test_plans_without_sense_are_refused(void **state) {
    (void)state;
    for (int what = 0; what < 10; what++) {
        sealed *s = sealed_start(what == 5   ? SW_CONTAINER_CHECKPOINT
                                 : what == 6 ? SW_CONTAINER_OPENED
                                             : SW_CONTAINER_DATASET,
                                 1);
        sw_sealer *sealer = NULL;
        static const char *const types[] = {"", "x", "/x", "x/", "a/b/c", "A/b", "a b/c"};
        switch (what) {
        case 0:
            s->plan.lanes = 0;
            break;
        case 1:
            s->plan.lanes = SW_SEAL_LANES + 1;
            break;
        case 2:
            s->plan.owner = NULL;
            break;
        case 3:
            s->plan.entropy = NULL;
            break;
        case 4:
            s->plan.write = NULL;
            break;
        case 5:
            s->plan.subkey = NULL;
            break;
        case 6:
            s->plan.recipient = NULL;
            break;
        case 7:
            s->plan.media_type = NULL;
            break;
        case 8:
            s->plan.kind = SW_CONTAINER_OUTPUT, s->plan.count_rows = true;
            break;
        default:
            for (size_t i = 0; i < COUNT(types); i++) {
                s->plan.media_type = types[i];
                assert_int_equal(sw_sealer_open(&s->plan, &sealer, NULL), SW_USAGE);
            }
        }
        assert_int_equal(sw_sealer_open(&s->plan, &sealer, NULL), SW_USAGE);
        assert_null(sealer);
        sealed_end(s);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_bytes_do_not_depend_on_lanes),
        cmocka_unit_test(test_everything_is_fresh),
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_rows_across_chunks),
        cmocka_unit_test(test_merkle),
        cmocka_unit_test(test_a_full_disk_fails),
        cmocka_unit_test(test_plans_without_sense_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
