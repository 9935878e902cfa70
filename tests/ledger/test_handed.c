/* SPDX-License-Identifier: Apache-2.0
 *
 * Revocations that are handed over (docs/formats/chain.md, CHN-304): one spelling, the owner's own
 * signature, this contract on this chain; and no flipped bit passes.
 */
#include "ledger/handed.h"
#include "ledger/people.h"

typedef struct handing {
    sw_genesis g;
    sw_chain_key keys[2];
    sw_hash compose;
} handing;

static handing setting(void) {
    handing h = {.compose = named_hash('x')};
    h.g.backend = SW_LEDGER_ETHEREUM;
    h.g.owner_count = 2;
    h.g.chain.chain = 11155111;
    memset(h.g.chain.contract.b, 0xc0, sizeof h.g.chain.contract.b);
    for (size_t i = 0; i < 2; i++) {
        sw_secp256k1_public public;
        memset(h.keys[i].b, (int)i + 1, sizeof h.keys[i].b);
        (void)snprintf(h.g.owners[i].name, sizeof h.g.owners[i].name, "owner %zu", i);
        assert_int_equal(sw_chain_key_public(&h.keys[i], &public, NULL), SW_OK);
        assert_int_equal(sw_secp256k1_address(&public, h.g.owners[i].address.b, NULL), SW_OK);
    }
    return h;
}

static void make_call(const handing *h, size_t signer, uint8_t place, const sw_app_say *say,
                      const sw_app_place *at, sw_buffer *out) {
    uint8_t signature[SW_SECP256K1_SIG_BYTES];
    sw_hash digest;
    sw_app_say_digest(&digest, at, say);
    assert_int_equal(sw_chain_key_sign(&h->keys[signer], &digest, signature, NULL), SW_OK);
    out->size = 0;
    sw_app_say_call(out, say, place, signature);
    assert_false(out->failed);
}

static void refuse(const handing *h, sw_bytes call, const char *word, const char *what) {
    sw_handed_revocation out, before;
    sw_error err = {0};
    memset(&out, 0x5a, sizeof out);
    memcpy(&before, &out, sizeof before);
    sw_status status = sw_handed_revocation_open(&h->g, call, &out, &err);
    if (status == SW_OK || strcmp(err.word, word) != 0)
        print_message("# %s: %s, %s\n", what, err.word, err.message);
    assert_int_not_equal(status, SW_OK);
    assert_string_equal(err.word, word);
    assert_memory_equal(&out, &before, sizeof out); /* untouched */
}

static void test_accepted(void **state) {
    (void)state;
    const handing h = setting();
    SW_SCOPED(sw_buffer) call = SW_BUFFER(1 << 12);
    sw_handed_revocation out;
    sw_app_say say = {.act = SW_ACT_REVOKE, .compose = h.compose, .sequence = 7};
    make_call(&h, 1, 1, &say, &h.g.chain, &call);
    assert_int_equal(call.size, 292);
    assert_int_equal(sw_handed_revocation_open(&h.g, bytes_of(&call), &out, NULL), SW_OK);
    assert_int_equal(out.owner, 1);
    assert_int_equal(out.say.sequence, 7);
    assert_false(out.say.everything);
    assert_true(sw_hash_equal(&out.say.compose, &h.compose));
    say = (sw_app_say){.act = SW_ACT_REVOKE, .everything = true, .sequence = 1};
    make_call(&h, 0, 0, &say, &h.g.chain, &call);
    assert_int_equal(sw_handed_revocation_open(&h.g, bytes_of(&call), &out, NULL), SW_OK);
    assert_int_equal(out.owner, 0);
    assert_true(out.say.everything);
}

static void test_refused(void **state) {
    (void)state;
    const handing h = setting();
    SW_SCOPED(sw_buffer) call = SW_BUFFER(1 << 12);
    const sw_app_say revoke = {.act = SW_ACT_REVOKE, .compose = h.compose, .sequence = 7};
    sw_app_say say;
    sw_app_place at = h.g.chain;
    make_call(&h, 0, 1, &revoke, &at, &call);
    refuse(&h, bytes_of(&call), "signature", "by another owner than at the place");
    make_call(&h, 1, 2, &revoke, &at, &call);
    refuse(&h, bytes_of(&call), "ledger", "at a place of nobody");
    at.chain++;
    make_call(&h, 1, 1, &revoke, &at, &call);
    refuse(&h, bytes_of(&call), "signature", "for another chain");
    at = h.g.chain;
    at.contract.b[19] ^= 1;
    make_call(&h, 1, 1, &revoke, &at, &call);
    refuse(&h, bytes_of(&call), "signature", "for another contract");
    at = h.g.chain;
    static const sw_app_act others[] = {SW_ACT_APPROVE, SW_ACT_OPEN, SW_ACT_LIFT};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        say = revoke;
        say.act = others[i];
        make_call(&h, 1, 1, &say, &at, &call);
        refuse(&h, bytes_of(&call), "format", "another act");
    }
    say = revoke;
    say.everything = true;
    make_call(&h, 1, 1, &say, &at, &call);
    call.data[4 + 32] = 1;
    refuse(&h, bytes_of(&call), "format", "everything beside a compose hash");
    say = (sw_app_say){.act = SW_ACT_REVOKE, .sequence = 7};
    make_call(&h, 1, 1, &say, &at, &call);
    refuse(&h, bytes_of(&call), "format", "neither everything nor a compose hash");
    static const uint64_t sequences[] = {0, UINT64_C(1) << 53, UINT64_MAX};
    for (size_t i = 0; i < sizeof sequences / sizeof *sequences; i++) {
        say = revoke;
        say.sequence = sequences[i];
        make_call(&h, 1, 1, &say, &at, &call);
        refuse(&h, bytes_of(&call), "format", "a sequence that none has");
    }
    call.size = 0;
    sw_app_say_call(&call, &revoke, 1, NULL);
    refuse(&h, bytes_of(&call), "format", "without a signature");
}

/* Cut at every byte, one byte more, every bit: nothing passes. */
static void test_every_bit(void **state) {
    (void)state;
    const handing h = setting();
    SW_SCOPED(sw_buffer) call = SW_BUFFER(1 << 12);
    const sw_app_say say = {.act = SW_ACT_REVOKE, .compose = h.compose, .sequence = 7};
    make_call(&h, 1, 1, &say, &h.g.chain, &call);
    sw_handed_revocation out;
    for (size_t size = 0; size < call.size; size++)
        assert_int_equal(sw_handed_revocation_open(&h.g, SW_BYTES(call.data, size), &out, NULL),
                         SW_MALFORMED);
    for (size_t bit = 0; bit < 8 * call.size; bit++) {
        call.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_not_equal(sw_handed_revocation_open(&h.g, bytes_of(&call), &out, NULL), SW_OK);
        call.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_int_equal(sw_handed_revocation_open(&h.g, bytes_of(&call), &out, NULL), SW_OK);
    sw_put_u8(&call, 0);
    refuse(&h, bytes_of(&call), "format", "a byte more");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepted),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_every_bit),
    };
    return cmocka_run_group_tests_name("ledger/handed", tests, NULL, NULL);
}
