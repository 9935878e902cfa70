/* SPDX-License-Identifier: Apache-2.0
 *
 * A genesis whose ledger is on a chain: what it holds, and what must not be in it or missing.
 * docs/formats/chain.md, CHN-001 to CHN-003.
 */
#include "ledger/people.h"

static sw_genesis_chain a_chain(void) {
    sw_genesis_chain chain = {.at.chain = 11155111, .code_hash = sw_chain_code_hash};
    memset(chain.at.contract.b, 0xc0, sizeof chain.at.contract.b);
    return chain;
}

static void test_genesis_on_a_chain(void **state) {
    (void)state;
    people p;
    sw_error err = {0};
    sw_genesis g;
    uint8_t id[20];
    sw_genesis_chain chain = a_chain();
    found_app_on(&p, 11, 3, 2, &chain);
    assert_int_equal(open_genesis(bytes_of(&p.envelope), true, &g, &err), SW_OK);
    assert_int_equal(g.backend, SW_LEDGER_ETHEREUM);
    assert_true(g.chain.chain == chain.at.chain);
    assert_memory_equal(g.chain.contract.b, chain.at.contract.b, sizeof g.chain.contract.b);
    assert_true(sw_hash_equal(&g.code_hash, &sw_chain_code_hash));
    for (size_t i = 0; i < 3; i++)
        assert_memory_equal(g.owners[i].address.b, p.owners[i].address.b, SW_ADDRESS_BYTES);
    sw_genesis_app_id(&g, id);
    assert_memory_equal(id, chain.at.contract.b, sizeof id);
    sw_ledger *l = NULL;
    assert_int_equal(sw_ledger_open(&g, &l, &err), SW_REFUSED);
    assert_string_equal(err.word, "ledger");
    assert_null(l);
    part(&p);
    /* On a local ledger there is no address, whatever the owners have. */
    found_app_on(&p, 11, 3, 2, &chain);
    SW_SCOPED(sw_buffer) payload = SW_BUFFER(1 << 16);
    assert_int_equal(sw_genesis_draft("an app", 2, p.owners, 3, NULL, &p.entropy, &payload, &err),
                     SW_OK);
    assert_int_equal(sw_genesis_parse(bytes_of(&payload), &g, &err), SW_OK);
    assert_int_equal(g.backend, SW_LEDGER_LOCAL);
    sw_genesis none = {0};
    for (size_t i = 0; i < 3; i++)
        assert_memory_equal(g.owners[i].address.b, none.owners[i].address.b, SW_ADDRESS_BYTES);
    assert_memory_equal(&g.chain, &none.chain, sizeof g.chain);
    part(&p);
}

static void test_chain_draft_refusals(void **state) {
    (void)state;
    people p;
    SW_SCOPED(sw_buffer) out = SW_BUFFER(1 << 16);
    sw_genesis_chain good = a_chain(), chain;
    sw_owner owners[3];
    sw_error err = {0};
    found_app_on(&p, 12, 3, 2, &good);
#define REFUSED(text)                                                                              \
    do {                                                                                           \
        assert_int_equal(sw_genesis_draft("an app", 2, owners, 3, &chain, &p.entropy, &out, &err), \
                         SW_REFUSED);                                                              \
        assert_string_equal(err.word, "ledger");                                                   \
        if (strstr(err.message, text) == NULL) fail_msg("%s", err.message);                        \
    } while (0)
    memcpy(owners, p.owners, sizeof owners);
    chain = good;
    chain.at.chain = 0;
    REFUSED("genesis.chain");
    chain.at.chain = UINT64_C(1) << 53;
    REFUSED("genesis.chain");
    chain = good;
    memset(chain.at.contract.b, 0, sizeof chain.at.contract.b);
    REFUSED("genesis.contract");
    chain = good;
    chain.code_hash.b[31] ^= 1;
    REFUSED("no contract that this program knows");
    chain = good;
    memset(owners[1].address.b, 0, SW_ADDRESS_BYTES);
    REFUSED("owner 2 of the genesis has no address");
    owners[1].address = owners[2].address;
    REFUSED("have the same address");
#undef REFUSED
    assert_int_equal(out.size, 0);
    part(&p);
}

/* Members that a chain's genesis alone has, and must have. */
static void test_chain_genesis_refusals(void **state) {
    static const edit edits[] = {
        {"\"backend\":\"ethereum\"", "\"backend\":\"local\""},
        {"\"backend\":\"ethereum\"", "\"backend\":\"Ethereum\""},
        {"\"backend\":\"ethereum\",", ""},
        {"\"chain\":11155111", "\"chain\":0"},
        {"\"chain\":11155111", "\"chain\":-1"},
        {"\"chain\":11155111", "\"chain\":9007199254740992"},
        {"\"chain\":11155111", "\"chain\":\"11155111\""},
        {"\"chain\":11155111,", ""},
        {"\"code_hash\":\"", "\"code_hash\":\"00"},
        {"\"code_hash\":\"1", "\"code_hash\":\"2"},
        {"\"contract\":\"c0", "\"contract\":\"C0"},
        {"\"contract\":\"c0", "\"contract\":\""},
        {"\"contract\":\"c0", "\"contract\":\"0xc0"},
        {"\"contract\":\"", "\"contract2\":\""},
        {"{\"address\":\"", "{\"address\":\"00"},
        {"{\"address\":\"", "{\"addr\":\""},
        {"\"kind\"", "\"final\":1,\"kind\""},
    };
    (void)state;
    people p;
    sw_genesis_chain chain = a_chain();
    found_app_on(&p, 13, 3, 2, &chain);
    for (size_t i = 0; i < COUNT(edits); i++) {
        SW_SCOPED(sw_buffer) payload = SW_BUFFER(1 << 16);
        SW_SCOPED(sw_buffer) envelope = SW_BUFFER(1 << 16);
        sw_genesis g;
        print_message("# %s\n", edits[i].to);
        edit_payload(&p, &edits[i], &payload);
        assert_int_not_equal(sw_genesis_parse(bytes_of(&payload), &g, NULL), SW_OK);
        sign_genesis(&p, bytes_of(&payload), 3, &envelope);
        assert_int_not_equal(open_genesis(bytes_of(&envelope), true, &g, NULL), SW_OK);
    }
    part(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_genesis_on_a_chain),
        cmocka_unit_test(test_chain_draft_refusals),
        cmocka_unit_test(test_chain_genesis_refusals),
    };
    return cmocka_run_group_tests_name("a genesis on a chain", tests, NULL, NULL);
}
