/* SPDX-License-Identifier: Apache-2.0
 *
 * Transactions against eth-account, addresses of contracts against rlp and against Ethereum's wiki,
 * addresses' text against EIP-55's own examples and eth-utils.
 */
#include "chain/chain_support.h"

static void test_golden(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(golden_transactions); i++) {
        SW_SCOPED(sw_arena) a = {0};
        SW_SCOPED(sw_buffer) raw = SW_BUFFER(1 << 16);
        sw_transaction t = {.chain = golden_transactions[i].chain,
                            .nonce = golden_transactions[i].nonce,
                            .gas = golden_transactions[i].gas,
                            .max_fee = golden_transactions[i].max_fee,
                            .max_priority_fee = golden_transactions[i].max_priority_fee,
                            .data = unhex(&a, golden_transactions[i].data)};
        sw_address to;
        sw_chain_key key;
        sw_hash hash;
        if (golden_transactions[i].to[0] != 0) {
            take(to.b, sizeof to.b, golden_transactions[i].to);
            t.to = &to;
        }
        take(key.b, sizeof key.b, golden_transactions[i].key);
        assert_int_equal(sw_transaction_sign(&t, &key, &raw, &hash, NULL), SW_OK);
        assert_hex(raw.data, raw.size, golden_transactions[i].raw);
        assert_hex(hash.b, sizeof hash.b, golden_transactions[i].hash);
    }
}

/* r or s below 2^248 loses its zeros: of 600 signatures some do. */
static void test_short_scalars(void **state) {
    (void)state;
    size_t shorter = 0;
    sw_chain_key key = {{[31] = 9}};
    for (uint64_t nonce = 0; nonce < 600; nonce++) {
        SW_SCOPED(sw_buffer) raw = SW_BUFFER(1 << 10);
        sw_transaction t = {.chain = 1, .nonce = nonce};
        sw_hash hash;
        sw_rlp_item list, item;
        size_t count = 0;
        assert_int_equal(sw_transaction_sign(&t, &key, &raw, &hash, NULL), SW_OK);
        assert_int_equal(raw.data[0], 2);
        sw_bytes rest = SW_BYTES(raw.data + 1, raw.size - 1);
        assert_int_equal(sw_rlp_next(&rest, &list, NULL), SW_OK);
        assert_int_equal(rest.size, 0);
        for (rest = list.payload; rest.size > 0; count++) {
            assert_int_equal(sw_rlp_next(&rest, &item, NULL), SW_OK);
            if (count >= 10) assert_int_not_equal(item.payload.data[0], 0);
            if (count >= 10 && item.payload.size < 32) shorter++;
        }
        assert_int_equal(count, 12);
    }
    assert_true(shorter > 0);
}

static void test_refusals(void **state) {
    static uint8_t data[(128 << 10) + 1];
    (void)state;
    SW_SCOPED(sw_buffer) raw = SW_BUFFER(1 << 20);
    SW_SCOPED(sw_buffer) small = SW_BUFFER(10);
    sw_transaction t = {.chain = 1, .data = SW_BYTES_OF(data)};
    sw_chain_key key = {{[31] = 9}}, none = {{0}};
    sw_hash hash = {{7}};
    assert_int_equal(sw_transaction_sign(&t, &key, &raw, &hash, NULL), SW_LIMIT);
    t.data.size = 49152 + 6 * 32;
    assert_int_equal(sw_transaction_sign(&t, &none, &raw, &hash, NULL), SW_MALFORMED);
    assert_int_equal(raw.size, 0);
    assert_int_equal(sw_transaction_sign(&t, &key, &small, &hash, NULL), SW_LIMIT);
    assert_int_equal(hash.b[0], 7);
    assert_int_equal(sw_transaction_sign(&t, &key, &raw, &hash, NULL), SW_OK);
}

static void test_contract_addresses(void **state) {
    static const char *const known[] = {
        /* of 6ac7ea33f8831ea9dcc53393aaa88b25a785dbf0 */
        "cd234a471b72ba2f1ccf0a70fcaba648a5eecd8d", "343c43a37d37dff08ae8c4a11544c718abb4fcf8",
        "f778b86fa74e846c4f0a1fbd1335fe81c00a0c91", "fffd933a0bc612844eaf0c6fe3e5b8e9b6c1d19c"};
    (void)state;
    sw_address from, made;
    take(from.b, sizeof from.b, "6ac7ea33f8831ea9dcc53393aaa88b25a785dbf0");
    for (uint64_t nonce = 0; nonce < COUNT(known); nonce++) {
        sw_contract_address(&made, &from, nonce);
        assert_hex(made.b, sizeof made.b, known[nonce]);
    }
    for (size_t i = 0; i < COUNT(golden_addresses); i++) {
        char text[43];
        take(from.b, sizeof from.b, golden_addresses[i].address);
        sw_contract_address(&made, &from, golden_addresses[i].nonce);
        assert_hex(made.b, sizeof made.b, golden_addresses[i].contract);
        sw_address_text(text, &from);
        assert_string_equal(text, golden_addresses[i].text);
    }
}

static void test_eip55(void **state) {
    static const char *const examples[] = {
        "0x52908400098527886E0F7030069857D2E4169EE7", "0x8617E340B3D01FA5F11F306F4090FD50E238070D",
        "0xde709f2102306220921060314715629080e2fb77", "0x27b1fdb04752bbc536007a920d24acb045561c26",
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
        "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB", "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
        "0x0000000000000000000000000000000000000000"};
    (void)state;
    for (size_t i = 0; i < COUNT(examples); i++) {
        char text[43], other[43];
        sw_address a, b;
        assert_int_equal(sw_address_parse(sw_text(examples[i]), &a, NULL), SW_OK);
        sw_address_text(text, &a);
        assert_string_equal(text, examples[i]);
        memcpy(other, text, sizeof other);
        for (char *c = other + 2; *c != 0; c++)
            if (*c >= 'A' && *c <= 'F') *c = (char)(*c + 'a' - 'A');
        assert_int_equal(sw_address_parse(sw_text(other), &b, NULL), SW_OK);
        assert_memory_equal(a.b, b.b, sizeof a.b);
    }
}

/* Every letter of a written address in the other case, each digit another, each cut: refused. */
static void test_mistyped(void **state) {
    static const char good[] = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";
    static const char *const cases[] = {
        "",
        "0x",
        "5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "0X5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAe",
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAedd",
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeg",
        " 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAe",
        "0x5AAEB6053F3E94C9B9A09F33669435E7EF1BEAED",
    };
    (void)state;
    sw_address a = {{3}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        sw_error err = {0};
        assert_int_equal(sw_address_parse(sw_text(cases[i]), &a, &err), SW_MALFORMED);
        assert_string_equal(err.word, "format");
    }
    for (size_t i = 2; i < sizeof good - 1; i++) {
        char text[sizeof good];
        memcpy(text, good, sizeof good);
        bool letter = text[i] > '9';
        text[i] = letter ? (char)(text[i] ^ 0x20) : text[i] == '9' ? '0' : (char)(text[i] + 1);
        assert_int_equal(sw_address_parse(sw_text(text), &a, NULL), SW_MALFORMED);
    }
    assert_int_equal(a.b[0], 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),   cmocka_unit_test(test_short_scalars),
        cmocka_unit_test(test_refusals), cmocka_unit_test(test_contract_addresses),
        cmocka_unit_test(test_eip55),    cmocka_unit_test(test_mistyped),
    };
    return cmocka_run_group_tests_name("transactions", tests, NULL, NULL);
}
