/* SPDX-License-Identifier: Apache-2.0
 *
 * Body and trailer as bytes: what each field may hold, and nothing else (SEAL-010, SEAL-011,
 * SEAL-040 ...). Everything here lies before any key, so only the form can refuse it.
 */
#include "seal/container_support.h"

static const sw_container_kind kinds[] = {SW_CONTAINER_DATASET, SW_CONTAINER_CHECKPOINT,
                                          SW_CONTAINER_OUTPUT, SW_CONTAINER_OPENED};

static sw_container_body make_body(sw_container_kind kind) {
    sw_container_body b = {.kind = kind, .chunk_bytes = SW_CHUNK_BYTES, .media_type = "a/b"};
    memset(b.content_id.b, 1, 32);
    if (kind == SW_CONTAINER_DATASET || kind == SW_CONTAINER_OPENED) memset(b.owner_id.b, 2, 32);
    if (kind == SW_CONTAINER_DATASET) return b;
    b.binding.step = 0x0102030405060708;
    memset(b.binding.compose.b, 3, 32);
    memset(b.wrapped_key, 5, 48);
    memset(kind == SW_CONTAINER_OPENED ? b.enc : b.object_id.b, 4, 32);
    if (kind != SW_CONTAINER_OPENED) memset(b.binding.previous_root.b, 6, 32);
    return b;
}

static void encode(sw_container_kind kind, sw_buffer *out) {
    sw_container_body body = make_body(kind);
    assert_int_equal(sw_body_encode(&body, out, NULL), SW_OK);
}

static sw_status parse(const sw_buffer *bytes, sw_container_body *out) {
    return sw_body_parse(sw_buffer_bytes(bytes), out, NULL);
}

static void test_there_and_back(void **state) {
    (void)state;
    static const size_t sizes[] = {92, 244, 244, 245};
    for (size_t k = 0; k < COUNT(kinds); k++) {
        SW_SCOPED(sw_buffer) bytes = SW_BUFFER(SW_BODY_LIMIT);
        SW_SCOPED(sw_buffer) again = SW_BUFFER(SW_BODY_LIMIT);
        sw_container_body body;
        encode(kinds[k], &bytes);
        assert_int_equal(bytes.size, sizes[k]);
        assert_int_equal(parse(&bytes, &body), SW_OK);
        assert_int_equal(sw_body_encode(&body, &again, NULL), SW_OK);
        assert_true(sw_bytes_equal(sw_buffer_bytes(&bytes), sw_buffer_bytes(&again)));
        assert_string_equal(body.media_type, "a/b");
        assert_int_equal(body.binding.step, k == 0 ? 0 : 0x0102030405060708);
    }
}

/* Offsets and values of the format's table; kind UINT8_MAX: every kind. */
static void test_fields_are_refused(void **state) {
    (void)state;
    static const struct {
        size_t offset;
        uint8_t value;
        uint8_t kind;
    } cases[] = {
        {0, 's', 255},
        {7, 'd', 255},
        {8, 1, 255},
        {10, 2, 255},
        {11, 0, 255},
        {11, 12, 255},
        {11, 255, 255},
        {12, 1, 255},
        {13, 0, 255},
        {13, 2, 255},
        {14, 1, 255},
        {15, 0, 255},
        {15, 2, 255},
        {16, 0, 255},
        {16, 5, 255},
        {16, 255, 255},
        {17, 1, 255},
        {18, 15, 255},
        {18, 32, 255},
        {19, 1, 255},
        {20, 1, 255},
        {85, 1, 255},
        {88, 0, 255},
        {88, 2, 255},
        {88, 4, 255},
        {88, 65, 255},
        {89, '/', 255},
        {89, 'A', 255},
        {89, ' ', 255},
        {89, 0, 255},
        {90, 'a', 255},
        {91, '/', 255},
        {91, '_', 255},
        {91, 0x80, 255},
        {53, 1, SW_CONTAINER_CHECKPOINT},
        {84, 1, SW_CONTAINER_OUTPUT},
        {16, SW_CONTAINER_CHECKPOINT, SW_CONTAINER_DATASET},
        {16, SW_CONTAINER_OPENED, SW_CONTAINER_DATASET},
        {16, SW_CONTAINER_DATASET, SW_CONTAINER_OUTPUT},
        {16, SW_CONTAINER_OUTPUT, SW_CONTAINER_OPENED},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        for (size_t k = 0; k < COUNT(kinds); k++) {
            SW_SCOPED(sw_buffer) bytes = SW_BUFFER(SW_BODY_LIMIT);
            sw_container_body body = {.chunk_bytes = 77};
            if (cases[i].kind != 255 && cases[i].kind != kinds[k]) continue;
            encode(kinds[k], &bytes);
            if (bytes.data[cases[i].offset] == cases[i].value) continue;
            bytes.data[cases[i].offset] = cases[i].value;
            assert_int_equal(parse(&bytes, &body), SW_MALFORMED);
            assert_int_equal(body.chunk_bytes, 77);
        }
}

/* Who must have an owner has one, who must not has none. */
static void test_owners_by_kind(void **state) {
    (void)state;
    for (size_t k = 0; k < COUNT(kinds); k++) {
        SW_SCOPED(sw_buffer) bytes = SW_BUFFER(SW_BODY_LIMIT);
        sw_container_body body;
        bool owned = kinds[k] == SW_CONTAINER_DATASET || kinds[k] == SW_CONTAINER_OPENED;
        encode(kinds[k], &bytes);
        memset(bytes.data + 53, owned ? 0 : 1, 32);
        assert_int_equal(parse(&bytes, &body), SW_MALFORMED);
    }
}

static void test_cuts_and_extensions(void **state) {
    (void)state;
    for (size_t k = 0; k < COUNT(kinds); k++) {
        SW_SCOPED(sw_buffer) bytes = SW_BUFFER(SW_BODY_LIMIT + 1);
        sw_container_body body;
        encode(kinds[k], &bytes);
        for (size_t size = 0; size < bytes.size; size++) {
            uint8_t cut[SW_BODY_LIMIT];
            memcpy(cut, bytes.data, size);
            assert_int_equal(sw_body_parse(SW_BYTES(cut, size), &body, NULL), SW_MALFORMED);
            if (size < 12) continue;
            cut[10] = (uint8_t)(size >> 8); /* with a size field that agrees */
            cut[11] = (uint8_t)size;
            assert_int_equal(sw_body_parse(SW_BYTES(cut, size), &body, NULL), SW_MALFORMED);
        }
        sw_put_u8(&bytes, 0);
        assert_int_equal(parse(&bytes, &body), SW_MALFORMED);
        bytes.data[10] = (uint8_t)(bytes.size >> 8);
        bytes.data[11] = (uint8_t)bytes.size;
        assert_int_equal(parse(&bytes, &body), SW_MALFORMED);
    }
}

/* ---- trailer ---- */

static void test_trailers(void **state) {
    (void)state;
    sw_container_trailer t = {.chunk_count = 1, .rows = 2, .plain_bytes = 3}, parsed;
    uint8_t bytes[SW_TRAILER_SIGNED + 1] = {0};
    memset(t.merkle_root.b, 9, 32);
    sw_trailer_encode(&t, bytes);
    assert_int_equal(bytes[15], 1);
    assert_int_equal(bytes[23], 2);
    assert_int_equal(bytes[31], 3);
    sw_bytes plain = SW_BYTES(bytes, SW_TRAILER_BYTES), whole = SW_BYTES(bytes, SW_TRAILER_SIGNED);
    assert_int_equal(sw_trailer_parse(plain, SW_CONTAINER_OUTPUT, &parsed, NULL), SW_OK);
    assert_memory_equal(&parsed, &t, sizeof t);
    assert_int_equal(sw_trailer_parse(plain, SW_CONTAINER_DATASET, &parsed, NULL), SW_MALFORMED);
    assert_int_equal(sw_trailer_parse(whole, SW_CONTAINER_OUTPUT, &parsed, NULL), SW_MALFORMED);
    for (size_t size = 0; size <= SW_ECDSA_DER_LIMIT + 1; size++)
        for (size_t filled = 0; filled <= SW_ECDSA_DER_LIMIT; filled += 8) {
            bool good = size >= 8 && size <= SW_ECDSA_DER_LIMIT && filled <= size;
            memset(bytes + 65, 0, SW_ECDSA_DER_LIMIT);
            memset(bytes + 65, 7, filled);
            bytes[64] = (uint8_t)size;
            assert_int_equal(sw_trailer_parse(whole, SW_CONTAINER_DATASET, &parsed, NULL),
                             good ? SW_OK : SW_MALFORMED);
        }
    bytes[7] = 'r';
    assert_int_equal(sw_trailer_parse(plain, SW_CONTAINER_OUTPUT, &parsed, NULL), SW_MALFORMED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_and_back), cmocka_unit_test(test_fields_are_refused),
        cmocka_unit_test(test_owners_by_kind), cmocka_unit_test(test_cuts_and_extensions),
        cmocka_unit_test(test_trailers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
