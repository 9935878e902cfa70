/* SPDX-License-Identifier: Apache-2.0
 *
 * safetensors: the library's own bytes out and in (MODEL-010 to MODEL-019), and every way to be
 * wrong. The goldens are made by tests/parity/model_golden.py.
 */
#include "codec/text.h"
#include "model/model.h"
#include "tokenizer/files.h"

#include "model/golden_safetensors.h"

static sw_bytes unhex(sw_arena *arena, const char *hex) {
    size_t size = strlen(hex) / 2;
    uint8_t *out = sw_arena_alloc(arena, size, 1);
    assert_int_equal(sw_hex_decode(out, size, sw_text(hex), false, NULL), SW_OK);
    return SW_BYTES(out, size);
}

static sw_tensor_view make_view(sw_arena *arena, const golden_tensor *g) {
    sw_tensor_view v = {.name = sw_text(g->name), .dtype = g->dtype, .dim_count = g->dim_count};
    size_t bytes = sw_dtype_bytes(g->dtype);
    for (size_t i = 0; i < g->dim_count; i++) bytes *= v.dims[i] = g->dims[i];
    uint8_t *data = sw_arena_alloc(arena, bytes, 1);
    for (size_t i = 0; i < bytes; i++) data[i] = (uint8_t)(i + 1);
    v.data = SW_BYTES(data, bytes);
    return v;
}

static void bytes_are_the_librarys(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(golden); i++) {
        SW_SCOPED(sw_arena) arena = {0};
        SW_SCOPED(sw_buffer) out = SW_BUFFER(1 << 16);
        sw_bytes file = unhex(&arena, golden[i].file);
        sw_tensor_view views[4], *parsed = NULL;
        size_t count = 0;
        for (size_t k = 0; k < golden[i].count; k++)
            views[k] = make_view(&arena, &golden[i].tensors[k]);
        assert_int_equal(sw_safetensors_encode(&out, views, golden[i].count, NULL), SW_OK);
        if (!sw_bytes_equal(sw_buffer_bytes(&out), file)) fail_msg("%s", golden[i].what);
        assert_int_equal(sw_safetensors_parse(&arena, file, &parsed, &count, NULL), SW_OK);
        assert_int_equal(count, golden[i].count);
        sw_buffer_reset(&out);
        assert_int_equal(sw_safetensors_encode(&out, parsed, count, NULL), SW_OK);
        assert_true(sw_bytes_equal(sw_buffer_bytes(&out), file));
        for (size_t k = 1; k < count; k++)
            assert_true(parsed[k].data.data >= parsed[k - 1].data.data);
    }
}

/* ---- refusals: a header and so many bytes of data ---- */

#define T(name, type, shape, begin, end)                                                           \
    "\"" name "\":{\"dtype\":\"" type "\",\"shape\":" shape ",\"data_offsets\":[" #begin "," #end  \
    "]}"
#define A T("a", "F32", "[2]", 0, 8)

static const struct {
    const char *header;
    size_t data_bytes;
    sw_status status;
} refusals[] = {
    {"", 0, SW_MALFORMED},
    {" {}", 0, SW_MALFORMED},
    {"[]", 0, SW_MALFORMED},
    {"{", 0, SW_MALFORMED},
    {"{}x", 0, SW_MALFORMED},
    {"{}", 1, SW_MALFORMED},                                       /* data of no tensor */
    {"{" A "}", 7, SW_MALFORMED},                                  /* cut short */
    {"{" A "}", 9, SW_MALFORMED},                                  /* bytes behind */
    {"{" A "," A "}", 8, SW_MALFORMED},                            /* a name twice */
    {"{" A "," T("b", "F32", "[2]", 0, 8) "}", 8, SW_MALFORMED},   /* overlap */
    {"{" A "," T("b", "F32", "[2]", 4, 12) "}", 12, SW_MALFORMED}, /* overlap */
    {"{" A "," T("b", "F32", "[2]", 0, 8) "}", 16, SW_MALFORMED},  /* overlap and rest */
    {"{" T("a", "F32", "[2]", 4, 12) "," T("b", "F32", "[1]", 12, 16) "}", 16, SW_MALFORMED},
    {"{" A "," T("b", "F32", "[2]", 12, 20) "}", 20, SW_MALFORMED}, /* hole */
    {"{" T("a", "F32", "[2]", 4, 12) "}", 12, SW_MALFORMED},        /* hole in front */
    {"{" T("a", "F32", "[2]", 8, 0) "}", 8, SW_MALFORMED},          /* backwards */
    {"{" T("a", "F32", "[2]", 0, 4) "}", 4, SW_MALFORMED},          /* shape is not size */
    {"{" T("a", "F32", "[3]", 0, 8) "}", 8, SW_MALFORMED},
    {"{" T("a", "BF16", "[2]", 0, 8) "}", 8, SW_MALFORMED},
    {"{" T("a", "F32", "[-2]", 0, 8) "}", 8, SW_MALFORMED},
    {"{" T("a", "F32", "[2.5]", 0, 10) "}", 10, SW_MALFORMED},
    {"{" T("a", "F32", "[\"2\"]", 0, 8) "}", 8, SW_MALFORMED},
    {"{" T("a", "F32", "2", 0, 8) "}", 8, SW_MALFORMED},
    {"{" T("a", "F32", "[1,1,1,1,2]", 0, 8) "}", 8, SW_LIMIT},
    {"{" T("a", "F32", "[4294967296,4294967296,4294967296]", 0, 0) "}", 0, SW_MALFORMED},
    {"{" T("a", "F32", "[4611686018427387904,4]", 0, 0) "}", 0, SW_MALFORMED},
    {"{" T("a", "I64", "[1]", 0, 8) "}", 8, SW_REFUSED},
    {"{" T("a", "F8_E4M3", "[8]", 0, 8) "}", 8, SW_REFUSED},
    {"{" T("a", "f32", "[2]", 0, 8) "}", 8, SW_REFUSED},
    {"{" T("", "F32", "[2]", 0, 8) "}", 8, SW_MALFORMED},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}", 0, SW_MALFORMED},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0]}}", 8, SW_MALFORMED},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8,8]}}", 8, SW_LIMIT},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8],\"x\":1}}", 8, SW_MALFORMED},
    {"{\"a\":[]}", 0, SW_MALFORMED},
    {"{\"__metadata__\":[]}", 0, SW_MALFORMED},
    {"{\"__metadata__\":{\"a\":1}}", 0, SW_MALFORMED},
    {"{\"__metadata__\":null}", 0, SW_MALFORMED},
};

static sw_bytes make_file(sw_arena *arena, sw_bytes header, size_t data_bytes) {
    uint8_t *out = sw_arena_alloc(arena, 8 + header.size + data_bytes, 1);
    for (size_t i = 0; i < 8; i++) out[i] = (uint8_t)((uint64_t)header.size >> (8 * i));
    if (header.size > 0) memcpy(out + 8, header.data, header.size);
    return SW_BYTES(out, 8 + header.size + data_bytes);
}

static void wrong_files_are_refused(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(refusals); i++) {
        SW_SCOPED(sw_arena) arena = {0};
        sw_tensor_view *views = NULL;
        size_t count = 77;
        sw_error err = {0};
        sw_bytes file = make_file(&arena, sw_text(refusals[i].header), refusals[i].data_bytes);
        sw_status status = sw_safetensors_parse(&arena, file, &views, &count, &err);
        if (status != refusals[i].status)
            fail_msg("%s: status %d, %s", refusals[i].header, status, err.message);
        assert_null(views);
        assert_int_equal(count, 77);
    }
}

static void long_names_and_headers_are_refused(void **state) {
    (void)state;
    SW_SCOPED(sw_arena) arena = {0};
    SW_SCOPED(sw_buffer) header = SW_BUFFER(1 << 12);
    sw_tensor_view *views = NULL;
    size_t count = 0;
    for (size_t size = 256; size <= 257; size++) {
        sw_buffer_reset(&header);
        sw_put_text(&header, "{\"");
        for (size_t i = 0; i < size; i++) sw_put_u8(&header, 'n');
        sw_put_text(&header, "\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}}");
        sw_bytes file = make_file(&arena, sw_buffer_bytes(&header), 0);
        assert_int_equal(sw_safetensors_parse(&arena, file, &views, &count, NULL),
                         size == 256 ? SW_OK : SW_MALFORMED);
    }
    static const uint8_t huge[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, '{', '}'};
    static const uint8_t large[] = {1, 0, 0, 1, 0, 0, 0, 0, '{', '}'};
    assert_int_equal(sw_safetensors_parse(&arena, SW_BYTES_OF(huge), &views, &count, NULL),
                     SW_LIMIT);
    assert_int_equal(sw_safetensors_parse(&arena, SW_BYTES_OF(large), &views, &count, NULL),
                     SW_LIMIT);
}

/* A flip in the header is refused or shows in a name, or in a type or shape of the same size: the
 * tensors still cover the data exactly. */
static void cut_extended_and_flipped(void **state) {
    (void)state;
    SW_SCOPED(sw_arena) golden_arena = {0};
    sw_bytes file = unhex(&golden_arena, golden[0].file);
    size_t opened = 0, refused = 0, header = 8 + (size_t)file.data[0] + ((size_t)file.data[1] << 8);
    for (size_t n = 0; n < file.size + 1 + header * 8; n++) {
        SW_SCOPED(sw_arena) arena = {0};
        sw_tensor_view *views = NULL;
        size_t count = 0, size = n < file.size ? n : n == file.size ? n + 1 : file.size;
        uint8_t *exact = calloc(size + 1, 1);
        memcpy(exact, file.data, size < file.size ? size : file.size);
        size_t bit = n - file.size - 1;
        if (n > file.size) exact[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (sw_safetensors_parse(&arena, SW_BYTES(exact, size), &views, &count, NULL) == SW_OK) {
            assert_true(n > file.size);
            size_t bytes = 0;
            for (size_t i = 0; i < count; i++) bytes += views[i].data.size;
            assert_int_equal(bytes, file.size - header);
            opened++;
        } else {
            refused++;
        }
        free(exact);
    }
    assert_true(refused > 5 * opened && opened > 0);
}

static void wrong_tensors_are_not_written(void **state) {
    (void)state;
    static const uint8_t data[8] = {0};
    const sw_tensor_view good = {SW_LITERAL("a"), SW_DTYPE_F32, {2}, 1, SW_BYTES_OF(data)};
    sw_tensor_view twice[2] = {good, good}, shaped = good, vast = good;
    SW_SCOPED(sw_buffer) out = SW_BUFFER(1 << 10);
    SW_SCOPED(sw_buffer) small = SW_BUFFER(64);
    shaped.dims[0] = 3;
    vast.dims[0] = SIZE_MAX;
    assert_int_equal(sw_safetensors_encode(&out, twice, 2, NULL), SW_USAGE);
    assert_int_equal(sw_safetensors_encode(&out, &shaped, 1, NULL), SW_USAGE);
    assert_int_equal(sw_safetensors_encode(&out, &vast, 1, NULL), SW_USAGE);
    assert_int_equal(sw_safetensors_encode(&small, &good, 1, NULL), SW_LIMIT);
    assert_int_equal(out.size + small.size, 0);
    assert_int_equal(sw_safetensors_encode(&out, &good, 1, NULL), SW_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_are_the_librarys),
        cmocka_unit_test(wrong_files_are_refused),
        cmocka_unit_test(long_names_and_headers_are_refused),
        cmocka_unit_test(cut_extended_and_flipped),
        cmocka_unit_test(wrong_tensors_are_not_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
