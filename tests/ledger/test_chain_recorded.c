/* SPDX-License-Identifier: Apache-2.0
 *
 * What a real node said while owners decided (tests/ledger/chain/recorded.json, made by
 * tests/parity/chain_vectors.py with anvil): every state verified and judged as written there, and
 * every digest, signature, call and transaction made again, byte for byte.
 */
#include "chain/chain_support.h"
#include "codec/json.h"
#include "ledger/chain_view.h"

#include <stdio.h>
#include <stdlib.h>

#define RECORDED "tests/ledger/chain/recorded.json"

enum { FILE_LIMIT = 1 << 20, OWNERS = 3, COMPOSES = 2 };

static struct {
    sw_arena arena;
    sw_json *root;
    sw_genesis genesis;
    sw_hash composes[COMPOSES];
    sw_chain_opening opening;
} recorded;

/* ---- reading the file ---- */

static const sw_json *member(const sw_json *object, const char *name) {
    const sw_json *m = sw_json_member(object, name);
    if (m == NULL) fail_msg("no member %s", name);
    return m;
}

static sw_bytes bytes_at(const sw_json *object, const char *name) {
    return unhex(&recorded.arena, sw_arena_text(&recorded.arena, member(object, name)->text));
}

static void fill_at(const sw_json *object, const char *name, void *out, size_t size) {
    sw_bytes bytes = bytes_at(object, name);
    assert_int_equal(bytes.size, size);
    memcpy(out, bytes.data, size);
}

static uint64_t number_at(const sw_json *object, const char *name) {
    const sw_json *m = member(object, name);
    assert_true(m->integral && m->integer >= 0);
    return (uint64_t)m->integer;
}

static const sw_json *element(const sw_json *list, size_t n) {
    const sw_json *e = list->first;
    while (n-- > 0) e = e->next;
    return e;
}

static bool is_kind(const sw_json *say, const char *kind) {
    return sw_bytes_is(member(say, "kind")->text, kind);
}

static int load(void **state) {
    static uint8_t text[FILE_LIMIT];
    (void)state;
    FILE *f = fopen(RECORDED, "rb");
    if (f == NULL) return -1;
    size_t size = fread(text, 1, sizeof text, f);
    (void)fclose(f);
    sw_error err = {0};
    if (sw_json_parse(&recorded.arena, SW_BYTES(text, size), NULL, &recorded.root, &err) != SW_OK)
        return -1;
    sw_genesis *g = &recorded.genesis;
    *g = (sw_genesis){.quorum = (uint32_t)number_at(recorded.root, "quorum"),
                      .backend = SW_LEDGER_ETHEREUM,
                      .chain.chain = number_at(recorded.root, "chain"),
                      .owner_count = OWNERS};
    fill_at(recorded.root, "contract", g->chain.contract.b, SW_ADDRESS_BYTES);
    fill_at(recorded.root, "code_hash", g->code_hash.b, SW_HASH_BYTES);
    for (size_t i = 0; i < OWNERS; i++) {
        const sw_json *owner = element(member(recorded.root, "owners"), i);
        fill_at(owner, "address", g->owners[i].address.b, SW_ADDRESS_BYTES);
        (void)snprintf(g->owners[i].name, sizeof g->owners[i].name, "owner %zu", i);
        memset(g->owners[i].id.b, (int)i + 1, SW_HASH_BYTES);
    }
    for (size_t i = 0; i < COMPOSES; i++) {
        sw_bytes hex = element(member(recorded.root, "composes"), i)->text;
        take(recorded.composes[i].b, SW_HASH_BYTES, sw_arena_text(&recorded.arena, hex));
    }
    const sw_json *o = member(recorded.root, "opening");
    fill_at(o, "compose", recorded.opening.compose.b, SW_HASH_BYTES);
    fill_at(o, "manifest", recorded.opening.manifest.b, SW_HASH_BYTES);
    fill_at(o, "recipient_key", recorded.opening.recipient.b, SW_P256_BYTES);
    return 0;
}

static int unload(void **state) {
    (void)state;
    sw_arena_free(&recorded.arena);
    return 0;
}

static void test_code(void **state) {
    (void)state;
    assert_true(sw_hash_equal(&recorded.genesis.code_hash, &sw_chain_code_hash));
    assert_true(sw_chain_code_known(&recorded.genesis.code_hash));
}

/* ---- states ---- */

static bool same_word(const sw_json *words, const sw_word *slot, const uint8_t *expected,
                      size_t from, size_t count) {
    char name[65];
    sw_word w;
    sw_hex_text(name, SW_BYTES_OF(slot->b));
    fill_at(words, name, w.b, sizeof w.b);
    return memcmp(w.b + from, expected, count) == 0;
}

static void check_ledger(const sw_json *s, const sw_ledger *l) {
    static sw_recipe recipe;
    const sw_json *may_run = member(s, "may_run"), *words = member(s, "words");
    for (size_t i = 0; i < COMPOSES; i++) {
        char name[65];
        sw_error err = {0};
        sw_hex_text(name, SW_BYTES_OF(recorded.composes[i].b));
        bool runs = sw_ledger_check_run(l, &recorded.composes[i], &err) == SW_OK;
        if (runs != member(may_run, name)->boolean) fail_msg("%s: %s", name, err.message);
    }
    for (size_t i = 0; i < OWNERS; i++) { /* sequences, by where they stand in the words */
        sw_chain_turn turn;
        sw_word slot;
        uint8_t last[8];
        assert_int_equal(
            sw_chain_turn_of(l, &recorded.genesis.owners[i].address, NULL, &turn, NULL), SW_OK);
        for (size_t k = 0; k < 8; k++) last[k] = (uint8_t)((turn.sequence - 1) >> 8 * (7 - k));
        sw_slot_of_place(&slot, (uint8_t)i);
        assert_true(same_word(words, &slot, last, 4, 8));
        assert_int_equal(turn.place, i);
    }
    bool opened = sw_bytes_is(member(s, "name")->text, "an opening approved");
    bool removed = number_at(s, "number") >= 12; /* the owner at place 2 */
    recipe = (sw_recipe){.genesis = recorded.genesis.hash, .shard_count = OWNERS};
    for (size_t i = 0; i < OWNERS; i++) recipe.shards[i].owner = recorded.genesis.owners[i].id;
    const sw_chain_opening *o = &recorded.opening;
    sw_error err = {0};
    sw_status status =
        sw_ledger_check_open(l, &recipe, &o->compose, &o->manifest, &o->recipient, &err);
    assert_int_equal(status == SW_OK, opened);
    assert_int_equal(strcmp(err.word, "removed") == 0, removed);
}

static void test_states(void **state) {
    (void)state;
    sw_chain_ask ask = {recorded.composes, COMPOSES, &recorded.opening, 1};
    size_t count = 0;
    for (const sw_json *s = member(recorded.root, "states")->first; s != NULL; s = s->next) {
        SW_SCOPED(sw_buffer) view = SW_BUFFER(SW_CHAIN_VIEW_LIMIT);
        sw_head at = {.index = number_at(s, "number")}, head;
        sw_block block;
        sw_ledger *l = NULL;
        sw_error err = {0};
        sw_hash root;
        print_message("# %.*s\n", (int)member(s, "name")->text.size,
                      (const char *)member(s, "name")->text.data);
        fill_at(s, "hash", at.hash.b, SW_HASH_BYTES);
        fill_at(s, "state_root", root.b, SW_HASH_BYTES);
        assert_int_equal(sw_block_parse(bytes_at(member(s, "view"), "header"), &block, NULL),
                         SW_OK);
        assert_true(sw_hash_equal(&block.hash, &at.hash) && block.number == at.index);
        assert_true(sw_hash_equal(&block.state_root, &root));
        assert_true(block.time_s == number_at(s, "time_s"));
        sw_json_encode(&view, member(s, "view"));
        sw_bytes bytes = sw_buffer_bytes(&view);
        assert_int_equal(sw_chain_view_head(bytes, &head, &err), SW_OK);
        assert_true(sw_head_equal(&head, &at));
        if (sw_chain_view_verify(&recorded.genesis, &at, bytes, &ask, &l, &err) != SW_OK)
            fail_msg("%s", err.message);
        check_ledger(s, l);
        sw_ledger_close(&l);
        count++;
    }
    assert_int_equal(count, 11);
}

/* Each state's view under every other state's block: refused. */
static void test_other_blocks(void **state) {
    (void)state;
    sw_chain_ask ask = {0};
    const sw_json *states = member(recorded.root, "states");
    for (const sw_json *s = states->first; s != NULL; s = s->next) {
        SW_SCOPED(sw_buffer) view = SW_BUFFER(SW_CHAIN_VIEW_LIMIT);
        sw_json_encode(&view, member(s, "view"));
        for (const sw_json *other = states->first; other != NULL; other = other->next) {
            sw_head at = {.index = number_at(other, "number")};
            sw_ledger *l = NULL;
            fill_at(other, "hash", at.hash.b, SW_HASH_BYTES);
            sw_status status = sw_chain_view_verify(&recorded.genesis, &at, sw_buffer_bytes(&view),
                                                    &ask, &l, NULL);
            assert_int_equal(status, other == s ? SW_OK : SW_UNAUTHENTIC);
            sw_ledger_close(&l);
        }
    }
}

/* ---- what was said ---- */

static sw_chain_key key_of(const sw_json *person) {
    sw_chain_key key;
    fill_at(person, "key", key.b, sizeof key.b);
    return key;
}

static void check_transaction(const sw_json *t, const sw_address *to, sw_bytes data) {
    SW_SCOPED(sw_buffer) raw = SW_BUFFER(1 << 17);
    const sw_json *fees = member(recorded.root, "fees");
    sw_chain_key key = key_of(member(recorded.root, "relayer"));
    sw_transaction made = {.chain = recorded.genesis.chain.chain,
                           .nonce = number_at(t, "nonce"),
                           .gas = number_at(fees, "gas"),
                           .max_fee = number_at(fees, "max_fee"),
                           .max_priority_fee = number_at(fees, "max_priority_fee"),
                           .to = to,
                           .data = data};
    sw_hash hash, due;
    assert_int_equal(sw_transaction_sign(&made, &key, &raw, &hash, NULL), SW_OK);
    fill_at(t, "hash", due.b, sizeof due.b);
    assert_true(sw_hash_equal(&hash, &due));
    assert_true(sw_bytes_equal(sw_buffer_bytes(&raw), bytes_at(t, "raw")));
}

static void check_signed(const sw_hash *digest, uint64_t place, const uint8_t signature[65]) {
    uint8_t made[65];
    sw_chain_key key = key_of(element(member(recorded.root, "owners"), place));
    assert_int_equal(sw_chain_key_sign(&key, digest, made, NULL), SW_OK);
    assert_memory_equal(made, signature, sizeof made);
}

static void check_say(const sw_json *s) {
    static const char *const kinds[] = {"approve", "open", "revoke", "lift"};
    SW_SCOPED(sw_buffer) call = SW_BUFFER(1 << 16);
    sw_app_say say = {.sequence = number_at(s, "sequence")};
    sw_hash digest, due;
    uint8_t signature[65];
    uint64_t place = number_at(s, "place");
    while (!is_kind(s, kinds[say.act])) say.act++;
    fill_at(s, "composeHash", say.compose.b, SW_HASH_BYTES);
    if (say.act == SW_ACT_OPEN) {
        fill_at(s, "manifest", say.manifest.b, SW_HASH_BYTES);
        fill_at(s, "recipient", say.recipient.b, SW_HASH_BYTES);
    }
    if (say.act == SW_ACT_REVOKE || say.act == SW_ACT_LIFT) {
        say.everything = member(s, "everything")->boolean;
    } else {
        say.app_round = number_at(s, "appRound");
        say.round = number_at(s, "round");
    }
    sw_app_say_digest(&digest, &recorded.genesis.chain, &say);
    fill_at(s, "digest", due.b, sizeof due.b);
    assert_true(sw_hash_equal(&digest, &due));
    fill_at(s, "signature", signature, sizeof signature);
    check_signed(&digest, place, signature);
    sw_app_say_call(&call, &say, (uint8_t)place, signature);
    assert_true(sw_bytes_equal(sw_buffer_bytes(&call), bytes_at(s, "call")));
    check_transaction(member(s, "transaction"), &recorded.genesis.chain.contract,
                      sw_buffer_bytes(&call));
}

/* The one change of the story: an owner added, one removed, a device each way. */
static void check_change(const sw_json *s) {
    SW_SCOPED(sw_buffer) call = SW_BUFFER(1 << 16);
    uint8_t signatures[2][65], places[2], removed;
    sw_address added;
    sw_hash plus, minus, digest, due;
    sw_app_change c = {.add = &added,
                       .add_count = member(s, "add")->count,
                       .remove = &removed,
                       .remove_count = member(s, "remove")->count,
                       .add_devices = &plus,
                       .add_device_count = member(s, "addDevices")->count,
                       .remove_devices = &minus,
                       .remove_device_count = member(s, "removeDevices")->count,
                       .quorum = (uint8_t)number_at(s, "quorum"),
                       .allow_any_device = member(s, "allowAnyDevice")->boolean,
                       .require_tcb_up_to_date = member(s, "requireTcbUpToDate")->boolean,
                       .change = number_at(s, "change")};
    assert_true(c.add_count == 1 && c.remove_count == 1 && c.add_device_count == 1 &&
                c.remove_device_count == 1 && member(s, "places")->count == 2);
#define TEXT(json) sw_arena_text(&recorded.arena, (json)->text)
    take(added.b, sizeof added.b, TEXT(member(s, "add")->first));
    take(plus.b, sizeof plus.b, TEXT(member(s, "addDevices")->first));
    take(minus.b, sizeof minus.b, TEXT(member(s, "removeDevices")->first));
    removed = (uint8_t)member(s, "remove")->first->integer;
    sw_app_change_digest(&digest, &recorded.genesis.chain, &c);
    fill_at(s, "digest", due.b, sizeof due.b);
    assert_true(sw_hash_equal(&digest, &due));
    for (size_t i = 0; i < 2; i++) {
        places[i] = (uint8_t)element(member(s, "places"), i)->integer;
        take(signatures[i], 65, TEXT(element(member(s, "signatures"), i)));
        check_signed(&digest, places[i], signatures[i]);
    }
#undef TEXT
    sw_app_change_call(&call, &c, places, signatures, 2);
    assert_true(sw_bytes_equal(sw_buffer_bytes(&call), bytes_at(s, "call")));
    check_transaction(member(s, "transaction"), &recorded.genesis.chain.contract,
                      sw_buffer_bytes(&call));
}

static void test_says(void **state) {
    (void)state;
    size_t count = 0;
    for (const sw_json *s = member(recorded.root, "says")->first; s != NULL; s = s->next, count++) {
        if (is_kind(s, "change"))
            check_change(s);
        else
            check_say(s);
    }
    assert_int_equal(count, 16);
}

static void test_deploy(void **state) {
    (void)state;
    SW_SCOPED(sw_buffer) code = SW_BUFFER(1 << 16);
    sw_address owners[OWNERS], from, contract;
    sw_hash device;
    for (size_t i = 0; i < OWNERS; i++) owners[i] = recorded.genesis.owners[i].address;
    take(device.b, sizeof device.b,
         sw_arena_text(&recorded.arena, member(recorded.root, "devices")->first->text));
    sw_app_deploy_code(&code, owners, OWNERS, (uint8_t)recorded.genesis.quorum, false, &device, 1,
                       true);
    const sw_json *deploy = member(recorded.root, "deploy");
    check_transaction(deploy, NULL, sw_buffer_bytes(&code));
    fill_at(member(recorded.root, "relayer"), "address", from.b, sizeof from.b);
    sw_contract_address(&contract, &from, number_at(deploy, "nonce"));
    assert_memory_equal(contract.b, recorded.genesis.chain.contract.b, sizeof contract.b);
}

static void test_people(void **state) {
    (void)state;
    for (size_t i = 0; i <= OWNERS + 1; i++) {
        const sw_json *person = i <= OWNERS ? element(member(recorded.root, "owners"), i)
                                            : member(recorded.root, "relayer");
        sw_chain_key key = key_of(person);
        sw_secp256k1_public public;
        sw_address a, due, parsed;
        char text[43];
        assert_int_equal(sw_chain_key_public(&key, &public, NULL), SW_OK);
        assert_int_equal(sw_secp256k1_address(&public, a.b, NULL), SW_OK);
        fill_at(person, "address", due.b, sizeof due.b);
        assert_memory_equal(a.b, due.b, sizeof a.b);
        sw_address_text(text, &a);
        assert_true(sw_bytes_is(member(person, "text")->text, text));
        assert_int_equal(sw_address_parse(sw_text(text), &parsed, NULL), SW_OK);
        assert_memory_equal(a.b, parsed.b, sizeof a.b);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_code),         cmocka_unit_test(test_states),
        cmocka_unit_test(test_other_blocks), cmocka_unit_test(test_says),
        cmocka_unit_test(test_deploy),       cmocka_unit_test(test_people),
    };
    return cmocka_run_group_tests_name("a recorded chain", tests, load, unload);
}
