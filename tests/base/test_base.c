/* SPDX-License-Identifier: Apache-2.0
 *
 * The ground floor: errors, views, the reader, the writer, the arena.
 */
#include "base/base.h"
#include "cmocka_plain.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A sanitizer would rather stop than let malloc fail; one test here wants it to fail. */
#define LETS_FAIL(options)                                                                         \
    __attribute__((visibility("default"))) const char *options(void);                              \
    const char *options(void) {                                                                    \
        return "allocator_may_return_null=1";                                                      \
    }
#ifdef SW_VARIANT_ASAN
LETS_FAIL(__asan_default_options)
#endif
#ifdef SW_VARIANT_TSAN
LETS_FAIL(__tsan_default_options)
#endif

/* ---- errors ---- */

static void a_failure_fills_the_error(void **state) {
    (void)state;
    sw_error err = {.hint = "old"};
    assert_int_equal(sw_fail(&err, SW_MALFORMED, "format", "byte %d", 7), SW_MALFORMED);
    assert_int_equal(err.status, SW_MALFORMED);
    assert_string_equal(err.word, "format");
    assert_string_equal(err.message, "byte 7");
    assert_string_equal(err.hint, "");
    sw_error_prefix(&err, "file %s", "x");
    assert_string_equal(err.message, "file x: byte 7");
    sw_error_hint(&err, "try %d", 2);
    assert_string_equal(err.hint, "try 2");
    assert_string_equal(err.message, "file x: byte 7");
}

static void no_error_is_no_harm(void **state) {
    (void)state;
    assert_int_equal(sw_fail(NULL, SW_LIMIT, "limit", "%s", "x"), SW_LIMIT);
    sw_error_prefix(NULL, "x");
    sw_error_hint(NULL, "x");
}

/* A name that somebody else chose may not speak to a terminal, and must fit into JSON. */
static void a_sentence_is_plain(void **state) {
    (void)state;
    sw_error err;
    (void)sw_fail(&err, SW_IO, "io", "%s is missing",
                  "a\x1b[31m\nb\xff\xc3\xa9\xe2\x80\xae"
                  "c\x7f");
    assert_string_equal(err.message, "a?[31m?b?\xc3\xa9???c? is missing");
    sw_error_prefix(&err, "%s",
                    "\xc2\x9b"
                    "1\t");
    assert_string_equal(err.message, "?"
                                     "?1?: a?[31m?b?\xc3\xa9???c? is missing");
    sw_error_hint(&err, "\r%s", "\xed\xa0\x80");
    assert_string_equal(err.hint, "?"
                                  "???");
}

static void a_long_sentence_is_cut_between_characters(void **state) {
    (void)state;
    char text[600] = "";
    sw_error err;
    for (size_t fill = 505; fill < 515; fill++) { /* a three-byte character around the cut */
        memset(text, 'a', fill);
        memcpy(text + fill, "\xe2\x82\xac\xe2\x82\xac", 7);
        (void)sw_fail(&err, SW_IO, "io", "%s", text);
        size_t size = strlen(err.message), tail = size - (size_t)strspn(err.message, "a");
        assert_true(size < SW_ERROR_MESSAGE_BYTES);
        assert_int_equal(tail % 3, 0);
        sw_error_prefix(&err, "b");
        size = strlen(err.message);
        tail = size - 3 - (size_t)strspn(err.message + 3, "a");
        assert_int_equal(tail % 3, 0);
        sw_error_prefix(&err, "%s", text); /* a prefix as long as the buffer */
        assert_true(strlen(err.message) < SW_ERROR_MESSAGE_BYTES);
    }
    (void)sw_fail(&err, SW_IO, "a-word-much-longer-than-its-buffer", "x");
    assert_int_equal(strlen(err.word), SW_ERROR_WORD_BYTES - 1);
}

static sw_status checked(sw_error *err, int value) {
    SW_CHECK(err, value == 1);
    return SW_OK;
}

static void an_invariant_is_checked_in_every_build(void **state) {
    (void)state;
    sw_error err;
    assert_int_equal(checked(&err, 1), SW_OK);
    assert_int_equal(checked(&err, 2), SW_INTERNAL);
    assert_non_null(strstr(err.message, "value == 1"));
}

/* ---- views ---- */

static void views_compare(void **state) {
    (void)state;
    static const struct {
        const char *a, *b;
        int order;
    } cases[] = {{"", "", 0},      {"a", "", 1},       {"", "a", -1},
                 {"a", "b", -1},   {"ab", "a", 1},     {"b", "ab", 1},
                 {"\xff", "a", 1}, {"abc", "abd", -1}, {"abc", "abc", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sw_bytes a = sw_text(cases[i].a), b = sw_text(cases[i].b);
        assert_int_equal(sw_bytes_compare(a, b), cases[i].order);
        assert_int_equal(sw_bytes_equal(a, b), cases[i].order == 0);
        assert_int_equal(sw_bytes_is(a, cases[i].b), cases[i].order == 0);
    }
    assert_true(sw_bytes_starts(SW_LITERAL("abc"), SW_LITERAL("ab")));
    assert_true(sw_bytes_starts(SW_LITERAL("abc"), SW_LITERAL("")));
    assert_false(sw_bytes_starts(SW_LITERAL("ab"), SW_LITERAL("abc")));
    assert_int_equal(sw_text(NULL).size, 0);
    assert_int_equal(SW_LITERAL("a\0b").size, 3);
}

static void sums_are_checked(void **state) {
    (void)state;
    size_t out = 5;
    assert_false(sw_add_size(SIZE_MAX, 1, &out));
    assert_false(sw_mul_size(SIZE_MAX / 2, 3, &out));
    assert_int_equal(out, 5);
    assert_true(sw_add_size(SIZE_MAX - 1, 1, &out));
    assert_true(out == SIZE_MAX);
    assert_true(sw_mul_size(SIZE_MAX, 0, &out));
    assert_int_equal(out, 0);
}

static void hashes_compare(void **state) {
    (void)state;
    sw_hash a = {{0}}, b = {{0}};
    assert_true(sw_hash_zero(&a) && sw_hash_equal(&a, &b));
    b.b[31] = 1;
    assert_false(sw_hash_zero(&b) || sw_hash_equal(&a, &b));
}

/* ---- reader ---- */

static const uint8_t sample[] = {1,  2,  3,  4,  5,  6,  7,  8,  9,  10,   11,   12,
                                 13, 14, 15, 16, 17, 18, 19, 20, 21, 22,   23,   24,
                                 25, 26, 27, 28, 29, 0,  0,  0,  2,  0xaa, 0xbb, 0xcc};

/* Reads the sample by its table; the result is what a parser would keep. */
static sw_status read_sample(sw_bytes in, sw_bytes *field, sw_error *err) {
    sw_reader r = sw_reader_of(in);
    uint8_t last = 0;
    bool good = sw_read_u8(&r) == 1;
    good &= sw_read_u16le(&r) == 0x0302;
    good &= sw_read_u32le(&r) == 0x07060504;
    good &= sw_read_u64le(&r) == 0x0f0e0d0c0b0a0908;
    good &= sw_read_u16be(&r) == 0x1011;
    good &= sw_read_u32be(&r) == 0x12131415;
    good &= sw_read_u64be(&r) == 0x161718191a1b1c1d;
    *field = sw_read_field(&r, 2);
    sw_read_into(&r, &last, 1);
    SW_TRY(sw_reader_finish(&r, "sample", err));
    return good && last == 0xcc ? SW_OK : SW_INTERNAL;
}

static void the_reader_reads_like_a_table(void **state) {
    (void)state;
    sw_bytes field;
    sw_error err;
    assert_int_equal(read_sample(SW_BYTES_OF(sample), &field, &err), SW_OK);
    assert_true(sw_bytes_equal(field, SW_LITERAL("\xaa\xbb")));
}

static void the_reader_refuses_every_cut_and_every_extension(void **state) {
    (void)state;
    uint8_t longer[sizeof sample + 1];
    sw_bytes field;
    sw_error err;
    memcpy(longer, sample, sizeof sample);
    longer[sizeof sample] = 0;
    for (size_t size = 0; size < sizeof sample; size++) {
        uint8_t *exact = malloc(size + 1); /* so that a sanitizer sees one byte too far */
        memcpy(exact, sample, size);
        assert_int_equal(read_sample(SW_BYTES(exact, size), &field, &err), SW_MALFORMED);
        assert_string_equal(err.word, "format");
        free(exact);
    }
    assert_int_equal(read_sample(SW_BYTES_OF(longer), &field, &err), SW_MALFORMED);
    assert_non_null(strstr(err.message, "1 bytes too many at byte 36"));
}

static void a_failed_reader_stays_failed(void **state) {
    (void)state;
    sw_reader r = sw_reader_of(SW_LITERAL("abc"));
    uint8_t out[4] = {9, 9, 9, 9};
    assert_int_equal(sw_read_u32le(&r), 0);
    assert_true(r.failed);
    assert_int_equal(sw_read_u8(&r), 0);
    assert_null(sw_read_bytes(&r, 1).data);
    sw_read_into(&r, out, 4);
    assert_memory_equal(out, "\0\0\0\0", 4);
    r = sw_reader_of(SW_LITERAL("\xff\xff\xff\xff"));
    assert_null(sw_read_field(&r, SIZE_MAX).data); /* longer than what is there */
    r = sw_reader_of(SW_LITERAL("\0\0\0\x02xy"));
    assert_null(sw_read_field(&r, 1).data); /* above its limit */
    assert_true(r.failed);
}

static void reading_nothing_is_fine(void **state) {
    (void)state;
    sw_reader r = sw_reader_of((sw_bytes){NULL, 0});
    assert_int_equal(sw_read_bytes(&r, 0).size, 0);
    sw_read_into(&r, NULL, 0);
    assert_int_equal(sw_reader_finish(&r, "nothing", NULL), SW_OK);
}

/* ---- writer ---- */

static void the_writer_writes_what_the_reader_reads(void **state) {
    (void)state;
    SW_SCOPED(sw_buffer) b = SW_BUFFER(sizeof sample);
    sw_put_u8(&b, 1);
    sw_put_u16le(&b, 0x0302);
    sw_put_u32le(&b, 0x07060504);
    sw_put_u64le(&b, 0x0f0e0d0c0b0a0908);
    sw_put_u16be(&b, 0x1011);
    sw_put_u32be(&b, 0x12131415);
    sw_put_u64be(&b, 0x161718191a1b1c1d);
    sw_put_field(&b, SW_LITERAL("\xaa\xbb"));
    sw_put_u8(&b, 0xcc);
    assert_false(b.failed);
    assert_true(sw_bytes_equal(sw_buffer_bytes(&b), SW_BYTES_OF(sample)));
}

static void the_writer_stops_at_its_limit(void **state) {
    (void)state;
    sw_error err;
    SW_SCOPED(sw_buffer) b = SW_BUFFER(10);
    sw_put_format(&b, "%s-%d", "12345678", 9);
    assert_int_equal(b.size, 10);
    assert_int_equal(sw_buffer_check(&b, "it", &err), SW_OK);
    sw_put_bytes(&b, (sw_bytes){NULL, 0});
    assert_false(b.failed);
    sw_put_u8(&b, 1);
    assert_true(b.failed);
    assert_null(sw_put_space(&b, 0));
    assert_int_equal(sw_buffer_check(&b, "it", &err), SW_LIMIT);
    assert_string_equal(err.message, "it is larger than 10 bytes");
    assert_true(sw_bytes_is(sw_buffer_bytes(&b), "12345678-9"));
    sw_buffer_reset(&b);
    sw_put_text(&b, "again");
    assert_int_equal(sw_buffer_check(&b, "it", &err), SW_OK);
}

static void the_writer_keeps_the_first_cause(void **state) {
    (void)state;
    sw_error err;
    SW_SCOPED(sw_buffer) b = SW_BUFFER(SIZE_MAX);
    sw_put_u8(&b, 1);
    assert_null(sw_put_space(&b, SIZE_MAX - 1)); /* no machine has it */
    assert_int_equal(sw_buffer_check(&b, "it", &err), SW_MEMORY);
    assert_null(sw_put_space(&b, SIZE_MAX));
    assert_int_equal(sw_buffer_check(&b, "it", &err), SW_MEMORY);
    sw_buffer_reset(&b);
    sw_buffer_fail(&b, SW_INTERNAL);
    assert_int_equal(sw_buffer_check(&b, "it", &err), SW_INTERNAL);
}

static void a_writer_without_room_takes_nothing(void **state) {
    (void)state;
    SW_SCOPED(sw_buffer) b = SW_BUFFER(0);
    sw_put_bytes(&b, (sw_bytes){NULL, 0});
    sw_put_text(&b, "");
    assert_false(b.failed);
    sw_put_u8(&b, 0);
    assert_true(b.failed);
}

static void a_long_format_is_whole(void **state) {
    (void)state;
    char text[2000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    for (size_t size = 500; size < 520; size++) { /* around the stack buffer's size */
        SW_SCOPED(sw_buffer) b = SW_BUFFER(size);
        sw_put_format(&b, "%.*s", (int)size, text);
        assert_false(b.failed);
        assert_int_equal(b.size, size);
        sw_put_format(&b, "%s", "y");
        assert_true(b.failed);
    }
}

static void a_buffer_over_storage_holds_no_more(void **state) {
    (void)state;
    uint8_t storage[4] = {9, 9, 9, 9};
    sw_buffer b = sw_buffer_over(storage, 3);
    sw_put_text(&b, "abc");
    assert_ptr_equal(sw_buffer_bytes(&b).data, storage);
    assert_int_equal(sw_buffer_check(&b, "it", NULL), SW_OK);
    sw_put_u8(&b, 1);
    assert_int_equal(sw_buffer_check(&b, "it", NULL), SW_LIMIT);
    assert_int_equal(storage[3], 9);
    sw_buffer_free(&b); /* wipes, and frees nothing */
    assert_int_equal(storage[0] + storage[1] + storage[2], 0);
    sw_buffer none = sw_buffer_over(NULL, 0);
    sw_put_bytes(&none, (sw_bytes){0});
    assert_null(none.data);
    sw_buffer_free(&none);
}

static void what_a_name_may_be(void **state) {
    (void)state;
    static const char *const good[] = {"a", "Clinic A", "\xc3\xa9t\xc3\xa9 1", "\xe4\xb8\x80"};
    static const char *const bad[] = {"",
                                      " a",
                                      "a ",
                                      "a  b",
                                      "a\xc2\xa0"
                                      "b",
                                      "a\xe3\x80\x80",
                                      "\xe2\xa0\x80",
                                      "a\xe2\x80\x83"
                                      "b",
                                      "\xe1\x9a\x80",
                                      "a\xe2\x80\xaf"
                                      "b",
                                      "a\xe2\x81\x9f"
                                      "b",
                                      "a\tb",
                                      "a\xe2\x80\x8b"
                                      "b",
                                      "a\xff"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (!sw_utf8_name(sw_text(good[i]))) fail_msg("%s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (sw_utf8_name(sw_text(bad[i]))) fail_msg("bad %zu", i);
}

/* ---- arena ---- */

static void an_arena_gives_zeroed_aligned_memory(void **state) {
    (void)state;
    sw_arena a = {0};
    size_t sum = 0;
    for (size_t i = 0; i < 3000; i++) {
        size_t size = i * 37 % 5000;
        uint8_t *p = sw_arena_alloc(&a, size, 1);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 16, 0);
        for (size_t j = 0; j < size; j++) sum += p[j];
        memset(p, 0xff, size);
    }
    assert_int_equal(sum, 0);
    assert_non_null(sw_arena_alloc(&a, 3 << 20, 1)); /* larger than any block */
    assert_non_null(sw_arena_alloc(&a, 8, 1));
    sw_arena_free(&a);
    assert_int_equal(a.used_bytes, 0);
    sw_arena_free(&a);
    sw_arena_free(NULL);
}

static void an_arena_keeps_its_limit(void **state) {
    (void)state;
    sw_arena a = {.limit_bytes = 100};
    assert_null(sw_arena_alloc(&a, 101, 1));
    assert_null(sw_arena_alloc(&a, SIZE_MAX / 2, 3));
    assert_null(sw_arena_alloc(&a, SIZE_MAX, 1));
    assert_non_null(sw_arena_alloc(&a, 80, 1));
    assert_non_null(sw_arena_alloc(&a, 16, 1));
    assert_null(sw_arena_alloc(&a, 1, 1));
    sw_arena_free(&a);
    assert_int_equal(a.limit_bytes, 100);
    assert_non_null(sw_arena_alloc(&a, 80, 1));
    sw_arena_free(&a);
    assert_non_null(sw_arena_alloc(&a, 80, 1));
    sw_arena_allow(&a, 200); /* that much more */
    assert_null(sw_arena_alloc(&a, 240, 1));
    assert_non_null(sw_arena_alloc(&a, 200, 1));
    sw_arena_allow(&a, SIZE_MAX - 1); /* whatever a size can say */
    assert_int_equal(a.limit_bytes, SIZE_MAX);
    sw_arena_free(&a);
}

/* Work that is done again behind a place gets the same memory again, zeroed. */
static void an_arena_is_rewound(void **state) {
    (void)state;
    static const size_t sizes[] = {40, 3000, 300000, 5000, 1, 600000, 9000, 64, 2000000, 100};
    enum { SIZES = sizeof sizes / sizeof sizes[0], ROUNDS = 4 };
    sw_arena a = {0};
    uint8_t *before = sw_arena_alloc(&a, 100, 1), *first[SIZES] = {0};
    memset(before, 0x77, 100);
    sw_arena_place place = sw_arena_mark(&a);
    size_t used = a.used_bytes, differ = 0, sum = 0;
    for (size_t round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < SIZES; i++) {
            uint8_t *p = sw_arena_alloc(&a, sizes[i], 1);
            assert_non_null(p);
            for (size_t j = 0; j < sizes[i]; j++) sum += p[j];
            memset(p, 0xff, sizes[i]);
            if (round == 0) first[i] = p;
            differ += p != first[i];
        }
        sw_arena_rewind(&a, place);
        assert_int_equal(a.used_bytes, used);
        assert_ptr_equal(a.blocks, place.front);
    }
    assert_int_equal(sum, 0);
    assert_int_equal(differ, 0);
    for (size_t j = 0; j < 100; j++) sum += before[j];
    assert_int_equal(sum, 100 * 0x77);
    sw_arena_rewind(&a, (sw_arena_place){0});
    assert_null(a.blocks);
    assert_int_equal(a.used_bytes, 0);
    assert_non_null(a.spare);
    sw_arena_trim(&a, (size_t)1 << 20); /* the largest go first */
    assert_ptr_equal(sw_arena_alloc(&a, 8, 1), before);
    assert_int_not_equal(before[8], 0x77);
    sw_arena_rewind(&a, (sw_arena_place){0});
    sw_arena_trim(&a, 0);
    assert_null(a.spare);
    sw_arena_free(&a);
    assert_null(a.spare);
}

static void text_in_an_arena(void **state) {
    (void)state;
    sw_arena a = {0};
    assert_string_equal(sw_arena_text(&a, SW_LITERAL("abc")), "abc");
    assert_string_equal(sw_arena_text(&a, (sw_bytes){NULL, 0}), "");
    assert_null(sw_arena_text(&a, SW_LITERAL("a\0c")));
    assert_true(sw_bytes_equal(sw_arena_copy(&a, SW_LITERAL("a\0c")), SW_LITERAL("a\0c")));
    assert_null(sw_arena_copy(&a, (sw_bytes){NULL, 0}).data);
    sw_arena_free(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failure_fills_the_error),
        cmocka_unit_test(no_error_is_no_harm),
        cmocka_unit_test(a_sentence_is_plain),
        cmocka_unit_test(a_long_sentence_is_cut_between_characters),
        cmocka_unit_test(an_invariant_is_checked_in_every_build),
        cmocka_unit_test(views_compare),
        cmocka_unit_test(sums_are_checked),
        cmocka_unit_test(hashes_compare),
        cmocka_unit_test(the_reader_reads_like_a_table),
        cmocka_unit_test(the_reader_refuses_every_cut_and_every_extension),
        cmocka_unit_test(a_failed_reader_stays_failed),
        cmocka_unit_test(reading_nothing_is_fine),
        cmocka_unit_test(the_writer_writes_what_the_reader_reads),
        cmocka_unit_test(the_writer_stops_at_its_limit),
        cmocka_unit_test(the_writer_keeps_the_first_cause),
        cmocka_unit_test(a_writer_without_room_takes_nothing),
        cmocka_unit_test(a_long_format_is_whole),
        cmocka_unit_test(what_a_name_may_be),
        cmocka_unit_test(a_buffer_over_storage_holds_no_more),
        cmocka_unit_test(an_arena_gives_zeroed_aligned_memory),
        cmocka_unit_test(an_arena_keeps_its_limit),
        cmocka_unit_test(an_arena_is_rewound),
        cmocka_unit_test(text_in_an_arena),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
