/* SPDX-License-Identifier: Apache-2.0
 *
 * What owners sign, and the calls that carry it: against eth-account and eth-abi (golden_chain.h).
 */
#include "chain/chain_support.h"
#include "chain/contract_code.h"

enum { CALL_LIMIT = 1 << 16 };

static void take_say(size_t i, sw_app_place *at, sw_app_say *say, uint8_t signature[65]) {
    *say = (sw_app_say){.act = golden_says[i].act,
                        .everything = golden_says[i].everything,
                        .app_round = golden_says[i].app_round,
                        .round = golden_says[i].round,
                        .sequence = golden_says[i].sequence};
    at->chain = golden_says[i].chain;
    take(at->contract.b, sizeof at->contract.b, golden_says[i].contract);
    take(say->compose.b, sizeof say->compose.b, golden_says[i].compose);
    take(say->manifest.b, sizeof say->manifest.b, golden_says[i].manifest);
    take(say->recipient.b, sizeof say->recipient.b, golden_says[i].recipient);
    take(signature, 65, golden_says[i].signature);
}

static void test_says(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(golden_says); i++) {
        SW_SCOPED(sw_buffer) call = SW_BUFFER(CALL_LIMIT);
        sw_app_place at;
        sw_app_say say;
        sw_hash digest;
        sw_chain_key key;
        uint8_t golden[65], signature[65];
        take_say(i, &at, &say, golden);
        sw_app_say_digest(&digest, &at, &say);
        assert_hex(digest.b, sizeof digest.b, golden_says[i].digest);
        take(key.b, sizeof key.b, golden_says[i].key);
        assert_int_equal(sw_chain_key_sign(&key, &digest, signature, NULL), SW_OK);
        assert_memory_equal(signature, golden, sizeof golden);
        sw_app_say_call(&call, &say, golden_says[i].place,
                        golden_says[i].unsigned_call ? NULL : signature);
        assert_hex(call.data, call.size, golden_says[i].call);
    }
}

/* With `everything` a compose hash is not said, whatever stands in the struct. */
static void test_everything(void **state) {
    (void)state;
    SW_SCOPED(sw_buffer) a = SW_BUFFER(CALL_LIMIT);
    SW_SCOPED(sw_buffer) b = SW_BUFFER(CALL_LIMIT);
    sw_app_place at = {.chain = 1};
    sw_app_say say = {.act = SW_ACT_REVOKE, .everything = true, .sequence = 4}, other = say;
    sw_hash first, second;
    memset(other.compose.b, 9, sizeof other.compose.b);
    sw_app_say_digest(&first, &at, &say);
    sw_app_say_digest(&second, &at, &other);
    assert_memory_equal(first.b, second.b, sizeof first.b);
    sw_app_say_call(&a, &say, 0, NULL);
    sw_app_say_call(&b, &other, 0, NULL);
    assert_true(sw_bytes_equal(sw_buffer_bytes(&a), sw_buffer_bytes(&b)));
}

/* Each member changes the digest: nothing is left unsigned. */
static void test_every_member_is_signed(void **state) {
    (void)state;
    for (int act = SW_ACT_APPROVE; act <= SW_ACT_LIFT; act++) {
        bool ends = act == SW_ACT_REVOKE || act == SW_ACT_LIFT, opens = act == SW_ACT_OPEN;
        sw_app_place at = {.chain = 5};
        sw_app_say say = {.act = (sw_app_act)act, .app_round = 1, .round = 2, .sequence = 3};
        sw_hash digests[10];
        size_t n = 0;
#define WITH(change)                                                                               \
    do {                                                                                           \
        sw_app_place there = at;                                                                   \
        sw_app_say said = say;                                                                     \
        change;                                                                                    \
        sw_app_say_digest(&digests[n++], &there, &said);                                           \
    } while (0)
        WITH((void)0);
        WITH(there.chain++);
        WITH(there.contract.b[19]++);
        WITH(said.compose.b[31]++);
        WITH(said.sequence++);
        if (ends) WITH(said.everything = true);
        if (!ends) WITH(said.app_round++);
        if (!ends) WITH(said.round++);
        if (opens) WITH(said.manifest.b[0]++);
        if (opens) WITH(said.recipient.b[0]++);
#undef WITH
        for (size_t i = 0; i < n; i++)
            for (size_t k = 0; k < i; k++)
                assert_memory_not_equal(digests[i].b, digests[k].b, sizeof digests[i].b);
    }
}

static sw_app_change take_change(sw_arena *a, size_t i) {
    sw_app_change c = {.quorum = (uint8_t)golden_changes[i].quorum,
                       .allow_any_device = golden_changes[i].allow_any_device,
                       .require_tcb_up_to_date = golden_changes[i].require_tcb_up_to_date,
                       .change = golden_changes[i].change};
    c.add = take_list(a, golden_changes[i].add, sizeof *c.add, &c.add_count);
    c.remove = take_list(a, golden_changes[i].remove, 1, &c.remove_count);
    c.add_devices =
        take_list(a, golden_changes[i].add_devices, sizeof *c.add_devices, &c.add_device_count);
    c.remove_devices = take_list(a, golden_changes[i].remove_devices, sizeof *c.remove_devices,
                                 &c.remove_device_count);
    return c;
}

static void test_changes(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(golden_changes); i++) {
        SW_SCOPED(sw_arena) a = {0};
        SW_SCOPED(sw_buffer) call = SW_BUFFER(CALL_LIMIT);
        sw_app_place at = {.chain = golden_changes[i].chain};
        sw_app_change c = take_change(&a, i);
        sw_hash digest;
        size_t count, place_count;
        take(at.contract.b, sizeof at.contract.b, golden_changes[i].contract);
        sw_app_change_digest(&digest, &at, &c);
        assert_hex(digest.b, sizeof digest.b, golden_changes[i].digest);
        const uint8_t *places = take_list(&a, golden_changes[i].places, 1, &place_count);
        const uint8_t(*signatures)[65] = take_list(&a, golden_changes[i].signatures, 65, &count);
        assert_int_equal(count, place_count);
        sw_app_change_call(&call, &c, places, signatures, count);
        assert_hex(call.data, call.size, golden_changes[i].call);
    }
}

/* More than there are places: a digest that no signature is of. */
static void test_too_many(void **state) {
    static const sw_address add[SW_PLACE_LIMIT + 1];
    static const uint8_t remove[SW_PLACE_LIMIT + 1];
    (void)state;
    sw_app_place at = {.chain = 1};
    sw_app_change c = {.add = add, .add_count = COUNT(add)};
    sw_hash digest = {{1}};
    sw_app_change_digest(&digest, &at, &c);
    assert_true(sw_hash_zero(&digest));
    digest.b[0] = 1;
    c = (sw_app_change){.remove = remove, .remove_count = COUNT(remove)};
    sw_app_change_digest(&digest, &at, &c);
    assert_true(sw_hash_zero(&digest));
}

static void test_constructors(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(golden_constructors); i++) {
        SW_SCOPED(sw_arena) a = {0};
        SW_SCOPED(sw_buffer) out = SW_BUFFER(CALL_LIMIT);
        size_t owner_count, device_count;
        const sw_address *owners =
            take_list(&a, golden_constructors[i].owners, sizeof *owners, &owner_count);
        const sw_hash *devices =
            take_list(&a, golden_constructors[i].devices, sizeof *devices, &device_count);
        sw_app_deploy_code(&out, owners, owner_count, (uint8_t)golden_constructors[i].quorum,
                           golden_constructors[i].allow_any_device, devices, device_count,
                           golden_constructors[i].require_tcb_up_to_date);
        assert_true(out.size > SW_CHAIN_CONTRACT_CODE_BYTES);
        assert_memory_equal(out.data, sw_chain_contract_code, SW_CHAIN_CONTRACT_CODE_BYTES);
        assert_hex(out.data + SW_CHAIN_CONTRACT_CODE_BYTES, out.size - SW_CHAIN_CONTRACT_CODE_BYTES,
                   golden_constructors[i].words);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_says),     cmocka_unit_test(test_everything),
        cmocka_unit_test(test_changes),  cmocka_unit_test(test_every_member_is_signed),
        cmocka_unit_test(test_too_many), cmocka_unit_test(test_constructors),
    };
    return cmocka_run_group_tests_name("what owners sign", tests, NULL, NULL);
}
