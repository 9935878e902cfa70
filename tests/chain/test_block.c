/* SPDX-License-Identifier: Apache-2.0
 *
 * Headers and accounts: Ethereum's first two blocks, a header of a later shape, and every member
 * given another size, another kind or a second spelling.
 */
#include "chain/trie_maker.h"

#define EMPTY_ROOT "56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421"
#define NO_UNCLES  "1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347"
#define ZERO_32    "0000000000000000000000000000000000000000000000000000000000000000"

enum { ITEMS = 15, BLOOM = 6, ITEMS_LIMIT = 32 };

static trie_maker maker; /* for its RLP alone */

static sw_bytes header_of(const char *const items[ITEMS]) {
    static const uint8_t bloom[256];
    sw_bytes made[ITEMS];
    for (size_t i = 0; i < ITEMS; i++)
        made[i] =
            maker_string(&maker, i == BLOOM ? SW_BYTES_OF(bloom) : unhex(&maker.arena, items[i]));
    return maker_list(&maker, made, ITEMS);
}

static const char *const genesis[ITEMS] = {
    ZERO_32,
    NO_UNCLES,
    "0000000000000000000000000000000000000000",
    "d7f8974fb5ac78d9ac099b9ad5018bedc2ce0a72dad1827a1709da30580f0544",
    EMPTY_ROOT,
    EMPTY_ROOT,
    "",
    "0400000000",
    "",
    "1388",
    "",
    "",
    "11bbe8db4e347b4e8c937c1c8370e4b5ed33adb3db69cbdb7a38e1e50b1b82fa",
    ZERO_32,
    "0000000000000042"};
static const char *const first[ITEMS] = {
    "d4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3",
    NO_UNCLES,
    "05a56e2d52c817161883f50c441c3228cfe54d9f",
    "d67e4d450343046425ae4271474353857ab860dbc0a1dde64b41b5cd3a532bf3",
    EMPTY_ROOT,
    EMPTY_ROOT,
    "",
    "03ff800000",
    "01",
    "1388",
    "",
    "55ba4224",
    "476574682f76312e302e302f6c696e75782f676f312e342e32",
    "969b900de27b6ac6a67742365dd65f55a0526c41fd18e1b16f1a1215c2e66f59",
    "539bd4979fef1ec4"};

static void test_first_blocks(void **state) {
    (void)state;
    sw_block b;
    assert_int_equal(sw_block_parse(header_of(genesis), &b, NULL), SW_OK);
    assert_hex(b.hash.b, 32, "d4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3");
    assert_true(b.number == 0 && b.time_s == 0);
    assert_int_equal(sw_block_parse(header_of(first), &b, NULL), SW_OK);
    assert_hex(b.hash.b, 32, "88e96d4537bea4d9c05d12549907b32561d3bf31f45aae734cdc119f13406cb6");
    assert_hex(b.parent.b, 32, first[0]);
    assert_hex(b.state_root.b, 32, first[3]);
    assert_true(b.number == 1 && b.time_s == 0x55ba4224);
    maker_free(&maker);
}

/* Items of a header with good sizes, one of which a case changes. */
static void make_items(sw_bytes items[ITEMS_LIMIT + 1]) {
    static const uint8_t bloom[256];
    for (size_t i = 0; i < ITEMS; i++)
        items[i] = i == BLOOM ? maker_string(&maker, SW_BYTES_OF(bloom))
                              : maker_string(&maker, unhex(&maker.arena, first[i]));
    for (size_t i = ITEMS; i <= ITEMS_LIMIT; i++) items[i] = maker_copy(&maker, "\x80", 1);
}

static sw_status parse_items(const sw_bytes *items, size_t count, sw_error *err) {
    sw_block b = {.number = 77};
    sw_status status = sw_block_parse(maker_list(&maker, items, count), &b, err);
    if (status != SW_OK) assert_true(b.number == 77);
    return status;
}

static void test_items(void **state) {
    static const uint8_t sized[ITEMS] = {1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 1, 1};
    (void)state;
    sw_bytes items[ITEMS_LIMIT + 1];
    for (size_t i = 0; i < ITEMS; i++) {
        sw_error err = {0};
        make_items(items);
        sw_bytes good = items[i];
        items[i] = maker_list(&maker, NULL, 0); /* a list in a string's place */
        assert_int_equal(parse_items(items, ITEMS, &err), SW_MALFORMED);
        assert_string_equal(err.word, "format");
        if (sized[i] == 1) { /* a byte less, a byte more */
            static const uint8_t bytes[257];
            size_t size = i == BLOOM ? 256 : i == 2 ? 20 : i == 14 ? 8 : 32;
            items[i] = maker_string(&maker, SW_BYTES(bytes, size - 1));
            assert_int_equal(parse_items(items, ITEMS, &err), SW_MALFORMED);
            items[i] = maker_string(&maker, SW_BYTES(bytes, size + 1));
            assert_int_equal(parse_items(items, ITEMS, &err), SW_MALFORMED);
        } else if (i != 12) { /* a number with a leading zero */
            items[i] = maker_string(&maker, SW_LITERAL("\0\x05"));
            assert_int_equal(parse_items(items, ITEMS, &err), SW_MALFORMED);
            items[i] = maker_string(&maker, SW_LITERAL("\0"));
            assert_int_equal(parse_items(items, ITEMS, &err), SW_MALFORMED);
        }
        items[i] = good;
        assert_int_equal(parse_items(items, ITEMS, &err), SW_OK);
    }
    maker_free(&maker);
}

static void test_counts(void **state) {
    (void)state;
    sw_bytes items[ITEMS_LIMIT + 1];
    make_items(items);
    for (size_t count = 0; count <= ITEMS_LIMIT + 1; count++) {
        bool good = count >= ITEMS && count <= ITEMS_LIMIT;
        assert_int_equal(parse_items(items, count, NULL), good ? SW_OK : SW_MALFORMED);
    }
    items[20] = maker_list(&maker, NULL, 0);
    assert_int_equal(parse_items(items, 21, NULL), SW_MALFORMED);
    maker_free(&maker);
}

static void test_numbers(void **state) {
    static const struct {
        const char *v;
        bool good;
    } cases[] = {{"1fffffffffffff", true},
                 {"20000000000000", false},
                 {"ffffffffffffffff", false},
                 {"010000000000000000", false}};
    (void)state;
    sw_bytes items[ITEMS_LIMIT + 1];
    for (size_t i = 0; i < COUNT(cases); i++)
        for (size_t at = 8; at <= 11; at += 3) {
            make_items(items);
            items[at] = maker_string(&maker, unhex(&maker.arena, cases[i].v));
            assert_int_equal(parse_items(items, ITEMS, NULL), cases[i].good ? SW_OK : SW_MALFORMED);
        }
    maker_free(&maker);
}

/* Extra data fills a header up to its limit, and one byte beyond. */
static void test_size(void **state) {
    static const uint8_t extra[SW_CHAIN_HEADER_LIMIT];
    (void)state;
    sw_bytes items[ITEMS_LIMIT + 1];
    make_items(items);
    for (size_t size = 1000; size < sizeof extra; size++) {
        sw_block b;
        items[12] = maker_string(&maker, SW_BYTES(extra, size));
        sw_bytes header = maker_list(&maker, items, ITEMS);
        if (header.size + 1 < SW_CHAIN_HEADER_LIMIT) continue;
        bool good = header.size <= SW_CHAIN_HEADER_LIMIT;
        assert_int_equal(sw_block_parse(header, &b, NULL), good ? SW_OK : SW_MALFORMED);
        if (!good) break;
    }
    maker_free(&maker);
}

static void test_cuts_and_flips(void **state) {
    (void)state;
    sw_block b, good;
    sw_bytes header = header_of(first);
    size_t accepted = 0;
    assert_int_equal(sw_block_parse(header, &good, NULL), SW_OK);
    for (size_t i = 0; i < header.size; i++) {
        assert_int_equal(sw_block_parse(SW_BYTES(header.data, i), &b, NULL), SW_MALFORMED);
        for (int bit = 0; bit < 8; bit++) {
            ((uint8_t *)header.data)[i] ^= (uint8_t)(1 << bit);
            if (sw_block_parse(header, &b, NULL) == SW_OK) { /* another block, by its hash */
                assert_false(sw_hash_equal(&b.hash, &good.hash));
                accepted++;
            }
            ((uint8_t *)header.data)[i] ^= (uint8_t)(1 << bit);
        }
    }
    print_message("# %zu of %zu flips are headers of other blocks\n", accepted, 8 * header.size);
    assert_int_equal(sw_block_parse(SW_BYTES(header.data, header.size + 1), &b, NULL),
                     SW_MALFORMED); /* the maker leaves a byte behind */
    maker_free(&maker);
}

/* ---- accounts ---- */

static void test_accounts(void **state) {
    static const struct {
        const char *items[5];
        bool good;
    } cases[] = {
        {{"01", "0de0b6b3a7640000", EMPTY_ROOT, NO_UNCLES}, true},
        {{"", "", EMPTY_ROOT, NO_UNCLES}, true},
        {{"ffffffffffffffff", "ff" NO_UNCLES, EMPTY_ROOT, NO_UNCLES}, false},
        {{"ffffffffffffffff", NO_UNCLES, EMPTY_ROOT, NO_UNCLES}, true},
        {{"01ffffffffffffffff", "", EMPTY_ROOT, NO_UNCLES}, false},
        {{"00", "", EMPTY_ROOT, NO_UNCLES}, false},
        {{"", "0001", EMPTY_ROOT, NO_UNCLES}, false},
        {{"", "", "00" EMPTY_ROOT, NO_UNCLES}, false},
        {{"", "", EMPTY_ROOT, ""}, false},
        {{"", "", EMPTY_ROOT}, false},
        {{"", "", EMPTY_ROOT, NO_UNCLES, ""}, false},
        {{NULL}, false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        sw_bytes items[5];
        size_t count = 0;
        sw_account a = {.code_hash = {{9}}};
        for (; count < 5 && cases[i].items[count] != NULL; count++)
            items[count] = maker_string(&maker, unhex(&maker.arena, cases[i].items[count]));
        sw_status status = sw_account_parse(maker_list(&maker, items, count), &a, NULL);
        assert_int_equal(status, cases[i].good ? SW_OK : SW_MALFORMED);
        if (cases[i].good) {
            assert_hex(a.storage_root.b, 32, EMPTY_ROOT);
            assert_hex(a.code_hash.b, 32, NO_UNCLES);
        } else {
            assert_int_equal(a.code_hash.b[0], 9);
        }
    }
    sw_account a;
    assert_int_equal(sw_account_parse(SW_LITERAL(""), &a, NULL), SW_MALFORMED);
    assert_int_equal(sw_account_parse(SW_LITERAL("\x80"), &a, NULL), SW_MALFORMED);
    maker_free(&maker);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_blocks), cmocka_unit_test(test_items),
        cmocka_unit_test(test_counts),       cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_size),         cmocka_unit_test(test_cuts_and_flips),
        cmocka_unit_test(test_accounts),
    };
    return cmocka_run_group_tests_name("blocks", tests, NULL, NULL);
}
