/* SPDX-License-Identifier: Apache-2.0
 *
 * RLP: the examples of Ethereum's documentation and of its repository of tests (rlptest.json),
 * every size around the prefixes' borders both ways, and every second spelling refused.
 */
#include "chain/chain.h"
#include "crypto/vector.h"

#include <string.h>

static sw_bytes view(const sw_buffer *b) {
    return sw_buffer_bytes(b);
}

static void test_examples(void **state) {
    static const struct {
        const char *text, *encoded;
    } strings[] = {
        {"", "80"},
        {"dog", "83646f67"},
        {"a", "61"},
        {"\x7f", "7f"},
        {"\x80", "8180"},
        {"Lorem ipsum dolor sit amet, consectetur adipisicing eli",
         "b74c6f72656d20697073756d20646f6c6f722073697420616d65742c20636f6e7365637465747572"
         "206164697069736963696e6720656c69"},
        {"Lorem ipsum dolor sit amet, consectetur adipisicing elit",
         "b8384c6f72656d20697073756d20646f6c6f722073697420616d65742c20636f6e73656374657475"
         "72206164697069736963696e6720656c6974"},
    };
    static const struct {
        uint64_t v;
        const char *encoded;
    } numbers[] = {
        {0, "80"},
        {1, "01"},
        {16, "10"},
        {127, "7f"},
        {128, "8180"},
        {1000, "8203e8"},
        {1024, "820400"},
        {100000, "830186a0"},
        {UINT64_MAX, "88ffffffffffffffff"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(strings); i++) {
        SW_SCOPED(sw_buffer) out = SW_BUFFER(200);
        sw_rlp_put_string(&out, sw_text(strings[i].text));
        assert_hex(out.data, out.size, strings[i].encoded);
    }
    for (size_t i = 0; i < COUNT(numbers); i++) {
        SW_SCOPED(sw_buffer) out = SW_BUFFER(200);
        sw_rlp_item item;
        uint64_t v = 1234567;
        sw_rlp_put_u64(&out, numbers[i].v);
        assert_hex(out.data, out.size, numbers[i].encoded);
        sw_bytes rest = view(&out);
        assert_int_equal(sw_rlp_next(&rest, &item, NULL), SW_OK);
        assert_int_equal(rest.size, 0);
        assert_int_equal(sw_rlp_u64(&item, &v, NULL), SW_OK);
        assert_true(v == numbers[i].v);
    }
}

/* [ "cat", "dog" ], [], and the set theoretical representation of three. */
static void test_lists(void **state) {
    (void)state;
    SW_SCOPED(sw_buffer) items = SW_BUFFER(200);
    SW_SCOPED(sw_buffer) list = SW_BUFFER(200);
    sw_rlp_put_string(&items, SW_LITERAL("cat"));
    sw_rlp_put_string(&items, SW_LITERAL("dog"));
    sw_rlp_put_list(&list, view(&items));
    assert_hex(list.data, list.size, "c88363617483646f67");
    sw_buffer_reset(&list);
    sw_rlp_put_list(&list, (sw_bytes){0});
    assert_hex(list.data, list.size, "c0");
    SW_SCOPED(sw_arena) a = {0};
    sw_bytes rest = unhex(&a, "c7c0c1c0c3c0c1c0");
    sw_rlp_item item, inner;
    assert_int_equal(sw_rlp_next(&rest, &item, NULL), SW_OK);
    assert_true(item.list);
    assert_int_equal(item.span.size, 8);
    rest = item.payload;
    static const size_t sizes[] = {1, 2, 4};
    for (size_t i = 0; i < COUNT(sizes); i++) {
        assert_int_equal(sw_rlp_next(&rest, &inner, NULL), SW_OK);
        assert_true(inner.list);
        assert_int_equal(inner.span.size, sizes[i]);
    }
    assert_int_equal(rest.size, 0);
}

static void test_sizes(void **state) {
    static const size_t sizes[] = {0,   1,   2,     54,    55,    56,     57,     255,
                                   256, 257, 65535, 65536, 65537, 100000, 1000000};
    static uint8_t bytes[1000000];
    (void)state;
    memset(bytes, 0xee, sizeof bytes);
    for (size_t i = 0; i < COUNT(sizes); i++)
        for (int list = 0; list < 2; list++) {
            SW_SCOPED(sw_buffer) out = SW_BUFFER(1 << 21);
            sw_rlp_item item;
            if (list)
                sw_rlp_put_list(&out, SW_BYTES(bytes, sizes[i]));
            else
                sw_rlp_put_string(&out, SW_BYTES(bytes, sizes[i]));
            sw_put_u8(&out, 7);
            sw_bytes rest = view(&out);
            assert_int_equal(sw_rlp_next(&rest, &item, NULL), SW_OK);
            assert_int_equal(item.list, list);
            assert_int_equal(item.payload.size, sizes[i]);
            assert_int_equal(item.span.size, out.size - 1);
            assert_int_equal(rest.size, 1);
            sw_bytes cut = SW_BYTES(out.data, out.size - 2);
            if (sizes[i] > 0) assert_int_equal(sw_rlp_next(&cut, &item, NULL), SW_MALFORMED);
        }
}

static void test_refusals(void **state) {
    static const struct {
        const char *hex, *sentence;
    } cases[] = {
        {"", "ends early"},
        {"81", "ends early"},
        {"8100", "must not"},
        {"817f", "must not"},
        {"83646f", "ends early"},
        {"b8", "ends early"},
        {"b800", "longer than it must"},
        {"b837", "longer than it must"},
        {"b837ffffffff", "longer than it must"},
        {"b838", "ends early"},
        {"b90038", "longer than it must"},
        {"b900ff", "longer than it must"},
        {"b9ffff", "ends early"},
        {"bb80000000", "ends early"},
        {"bfffffffffffffffff", "ends early"},
        {"bfffffffffffffffff00", "ends early"},
        {"bf8000000000000000", "ends early"},
        {"bf0000000000000038", "longer than it must"},
        {"c1", "ends early"},
        {"f8", "ends early"},
        {"f800", "longer than it must"},
        {"f837", "longer than it must"},
        {"f90037", "longer than it must"},
        {"f838", "ends early"},
        {"ffffffffffffffffff", "ends early"},
        {"ffffffffffffffffff8080", "ends early"},
        {"ff00ffffffffffffff", "longer than it must"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        SW_SCOPED(sw_arena) a = {0};
        sw_bytes rest = unhex(&a, cases[i].hex), before = rest;
        sw_rlp_item item = {.list = true}, untouched = item;
        sw_error err = {0};
        assert_int_equal(sw_rlp_next(&rest, &item, &err), SW_MALFORMED);
        assert_string_equal(err.word, "format");
        if (strstr(err.message, cases[i].sentence) == NULL)
            fail_msg("%s: %s", cases[i].hex, err.message);
        assert_ptr_equal(rest.data, before.data);
        assert_int_equal(rest.size, before.size);
        assert_memory_equal(&item, &untouched, sizeof item);
    }
}

static void test_numbers_refused(void **state) {
    static const char *const cases[] = {
        "8200ff", "00", "8900ffffffffffffffff", "89010000000000000000", "c0", "c101"};
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        SW_SCOPED(sw_arena) a = {0};
        sw_bytes rest = unhex(&a, cases[i]);
        sw_rlp_item item;
        uint64_t v = 77;
        assert_int_equal(sw_rlp_next(&rest, &item, NULL), SW_OK);
        assert_int_equal(sw_rlp_u64(&item, &v, NULL), SW_MALFORMED);
        assert_true(v == 77);
    }
}

/* A million lists, one inside the other: each step takes one prefix and no step goes deep. */
static void test_depth(void **state) {
    enum { SIZE = 1000000 };
    static uint8_t bomb[SIZE];
    (void)state;
    sw_rlp_item item;
    memset(bomb, 0xc1, sizeof bomb);
    sw_bytes rest = SW_BYTES_OF(bomb);
    assert_int_equal(sw_rlp_next(&rest, &item, NULL), SW_OK);
    assert_int_equal(item.payload.size, 1);
    for (size_t i = 0; i + 9 <= SIZE; i += 9) { /* each says that all the rest is in it */
        uint64_t size = SIZE - i - 9;
        bomb[i] = 0xff;
        for (size_t k = 0; k < 8; k++) bomb[i + 1 + k] = (uint8_t)(size >> 8 * (7 - k));
    }
    rest = SW_BYTES_OF(bomb);
    assert_int_equal(sw_rlp_next(&rest, &item, NULL), SW_MALFORMED); /* 8 bytes where 3 suffice */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples),        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_sizes),           cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_numbers_refused), cmocka_unit_test(test_depth),
    };
    return cmocka_run_group_tests_name("rlp", tests, NULL, NULL);
}
