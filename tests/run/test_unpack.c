/* SPDX-License-Identifier: Apache-2.0
 *
 * A pack in pieces (run/unpack.h) is the same as a pack in one (WRK-030), wherever it is cut, and
 * what the one refuses the other does.
 */
#include "run/unpack.h"

#include "cmocka_plain.h"
#include "run/golden_wire.h"
#include <string.h>

enum { ROOM = 1 << 16 };

typedef struct seen {
    sw_buffer again; /* the pack that the calls of the sink make */
    char name[SW_PACK_NAME_LIMIT + 1];
    sw_buffer content;
    bool open;
    size_t ends, fail_at; /* the end that fails; 0: none */
} seen;

static sw_status begin(void *context, const char *name, sw_error *err) {
    seen *s = context;
    (void)err;
    assert_false(s->open);
    s->open = true;
    strcpy(s->name, name);
    sw_buffer_reset(&s->content);
    return SW_OK;
}

static sw_status content(void *context, sw_bytes part, sw_error *err) {
    seen *s = context;
    (void)err;
    assert_true(s->open && part.size > 0);
    sw_put_bytes(&s->content, part);
    return SW_OK;
}

static sw_status end(void *context, sw_error *err) {
    seen *s = context;
    assert_true(s->open);
    s->open = false;
    sw_pack_add(&s->again, s->name, sw_buffer_bytes(&s->content));
    return ++s->ends == s->fail_at ? sw_fail(err, SW_IO, "io", "the disk is full") : SW_OK;
}

static sw_status take(seen *s, sw_bytes in, size_t piece, sw_error *err) {
    sw_unpacker u = {.sink = {s, begin, content, end}};
    for (size_t at = 0; at < in.size; at += piece) {
        size_t size = in.size - at < piece ? in.size - at : piece;
        SW_TRY(sw_unpack_take(&u, SW_BYTES(in.data + at, size), err));
    }
    return sw_unpack_finish(&u, err);
}

/* Whatever the pieces: the answer of sw_pack_parse, and its files. */
static bool same_as_parsed(sw_bytes in, size_t piece) {
    sw_packed files[SW_PACK_FILE_LIMIT];
    size_t count = 0;
    SW_SCOPED(sw_buffer) parsed = SW_BUFFER(ROOM);
    seen s = {.again = SW_BUFFER(ROOM), .content = SW_BUFFER(ROOM)};
    const sw_status said = sw_pack_parse(in, files, SW_PACK_FILE_LIMIT, &count, NULL);
    assert_int_equal(take(&s, in, piece, NULL), said);
    for (size_t i = 0; i < count; i++) {
        char name[SW_PACK_NAME_LIMIT + 1] = "";
        memcpy(name, files[i].name.data, files[i].name.size);
        sw_pack_add(&parsed, name, files[i].content);
    }
    if (said == SW_OK)
        assert_true(sw_bytes_equal(sw_buffer_bytes(&parsed), sw_buffer_bytes(&s.again)));
    sw_buffer_free(&s.again);
    sw_buffer_free(&s.content);
    return said == SW_OK;
}

static void test_any_pieces(void **state) {
    (void)state;
    for (size_t piece = 1; piece <= sizeof golden_pack; piece++)
        assert_true(same_as_parsed(SW_BYTES_OF(golden_pack), piece));
}

static void test_cut_and_extended(void **state) {
    (void)state;
    uint8_t longer[sizeof golden_pack + 1];
    for (size_t size = 0; size < sizeof golden_pack; size++)
        for (size_t piece = 1; piece <= 8; piece++)
            (void)same_as_parsed(SW_BYTES(golden_pack, size), piece);
    memcpy(longer, golden_pack, sizeof golden_pack);
    longer[sizeof golden_pack] = 1;
    assert_false(same_as_parsed(SW_BYTES_OF(longer), 5));
    longer[sizeof golden_pack] = 0;
    assert_true(same_as_parsed(SW_BYTES_OF(longer), 5));
}

static void test_flipped(void **state) {
    (void)state;
    uint8_t copy[sizeof golden_pack];
    size_t refused = 0;
    for (size_t bit = 0; bit < 8 * sizeof copy; bit++) {
        memcpy(copy, golden_pack, sizeof copy);
        copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
        refused += !same_as_parsed(SW_BYTES_OF(copy), 1 + bit % 13);
    }
    assert_true(refused > 0);
}

static void test_refused(void **state) {
    (void)state;
    SW_SCOPED(sw_buffer) twice = SW_BUFFER(ROOM);
    SW_SCOPED(sw_buffer) many = SW_BUFFER(ROOM);
    SW_SCOPED(sw_buffer) name = SW_BUFFER(ROOM);
    sw_pack_add(&twice, "a", SW_LITERAL("1"));
    sw_pack_add(&twice, "a", SW_LITERAL("1"));
    sw_pack_end(&twice);
    sw_pack_add(&name, "../escaped", SW_LITERAL("1"));
    sw_pack_end(&name);
    for (int i = 0; i <= SW_PACK_FILE_LIMIT; i++) {
        const char one[] = {'a', (char)('0' + i / 10), (char)('0' + i % 10), 0};
        sw_pack_add(&many, one, (sw_bytes){0});
    }
    sw_pack_end(&many);
    const sw_bytes all[] = {sw_buffer_bytes(&twice), sw_buffer_bytes(&many), sw_buffer_bytes(&name),
                            (sw_bytes){0}};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        for (size_t piece = 1; piece < 9; piece++) assert_false(same_as_parsed(all[i], piece));
}

static void test_a_sink_that_fails(void **state) {
    (void)state;
    seen s = {.again = SW_BUFFER(ROOM), .content = SW_BUFFER(ROOM), .fail_at = 1};
    sw_error err = {0};
    assert_int_equal(take(&s, SW_BYTES_OF(golden_pack), 7, &err), SW_IO);
    assert_string_equal(err.word, "io");
    assert_int_equal(s.ends, 1);
    sw_buffer_free(&s.again);
    sw_buffer_free(&s.content);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_pieces),        cmocka_unit_test(test_cut_and_extended),
        cmocka_unit_test(test_flipped),           cmocka_unit_test(test_refused),
        cmocka_unit_test(test_a_sink_that_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
