/* SPDX-License-Identifier: Apache-2.0
 *
 * The bytes of a view: cut everywhere, flipped everywhere, lengthened, with parts left out,
 * exchanged, repeated or of other blocks, contracts and genesis; and what the writer refuses.
 */
#include "ledger/chain_world.h"

#include "codec/json.h"

static chain_world world;
static sw_hash x;

static sw_status verify(const sw_head *at, sw_bytes view, const sw_chain_ask *ask, sw_error *err) {
    sw_ledger *l = NULL;
    sw_status status = sw_chain_view_verify(&world.p.genesis, at, view, ask, &l, err);
    if (status == SW_OK)
        sw_ledger_close(&l);
    else
        assert_null(l);
    return status;
}

static sw_chain_ask found(size_t owners, sw_head *at, sw_buffer *view) {
    sw_chain_ask ask = {&x, owners > 1 ? 1 : 0, NULL, 0};
    found_world(&world, 0xb17e5, owners, 1);
    x = named_hash('x');
    if (owners > 1) {
        sw_entry e = entry_about(&world.p, 0, SW_PAYLOAD_APPROVE, 'x');
        world_act(&world, 0, &e);
    }
    world_view(&world, &ask, at, view);
    assert_int_equal(verify(at, bytes_of(view), &ask, NULL), SW_OK);
    return ask;
}

/* Nothing of a view means the same in another way: no flip passes at all. */
static void test_cuts_and_flips(void **state) {
    (void)state;
    size_t flips = 0;
    for (size_t owners = 1; owners <= 3; owners += 2) {
        SW_SCOPED(sw_buffer) view = SW_BUFFER(SW_CHAIN_VIEW_LIMIT);
        sw_head at, head;
        sw_chain_ask ask = found(owners, &at, &view);
        for (size_t i = 0; i < view.size; i++) {
            assert_int_not_equal(verify(&at, SW_BYTES(view.data, i), &ask, NULL), SW_OK);
            for (int bit = owners == 1 ? 0 : (int)(i % 8); bit < 8; bit += owners == 1 ? 1 : 8) {
                view.data[i] ^= (uint8_t)(1 << bit);
                assert_int_not_equal(verify(&at, bytes_of(&view), &ask, NULL), SW_OK);
                view.data[i] ^= (uint8_t)(1 << bit);
                flips++;
            }
        }
        assert_int_not_equal(sw_chain_view_head(SW_BYTES(view.data, view.size - 1), &head, NULL),
                             SW_OK);
        sw_put_u8(&view, '\n');
        assert_int_not_equal(verify(&at, bytes_of(&view), &ask, NULL), SW_OK);
        leave_world(&world);
    }
    print_message("# %zu flips\n", flips);
}

static void test_other_places(void **state) {
    (void)state;
    SW_SCOPED(sw_buffer) view = SW_BUFFER(SW_CHAIN_VIEW_LIMIT);
    sw_head at, other;
    sw_error err = {0};
    sw_chain_ask ask = found(3, &at, &view);
    sw_genesis g = world.p.genesis;
    other = at;
    other.index++;
    assert_int_equal(verify(&other, bytes_of(&view), &ask, &err), SW_UNAUTHENTIC);
    assert_non_null(strstr(err.message, "the block named as 9 is block 8"));
    other = at;
    other.hash.b[31] ^= 1;
    assert_int_equal(verify(&other, bytes_of(&view), &ask, &err), SW_UNAUTHENTIC);
    assert_non_null(strstr(err.message, "another block than the one named"));
    assert_string_equal(err.word, "proof");
    world.p.genesis.chain.contract.b[0] ^= 1; /* nodes of another account */
    assert_int_equal(verify(&at, bytes_of(&view), &ask, &err), SW_UNAUTHENTIC);
    assert_string_equal(err.word, "proof");
    world.p.genesis = g;
    world.p.genesis.code_hash.b[0] ^= 1;
    assert_int_equal(verify(&at, bytes_of(&view), &ask, &err), SW_UNAUTHENTIC);
    assert_non_null(strstr(err.message, "code"));
    world.p.genesis = g;
    world.p.genesis.owners[2].address.b[0] ^= 1;
    assert_int_equal(verify(&at, bytes_of(&view), &ask, &err), SW_UNAUTHENTIC);
    assert_non_null(strstr(err.message, "place 2 has another address"));
    world.p.genesis = g;
    world.p.genesis.backend = SW_LEDGER_LOCAL;
    assert_int_equal(verify(&at, bytes_of(&view), &ask, &err), SW_REFUSED);
    assert_string_equal(err.word, "ledger");
    leave_world(&world);
}

/* No contract at all: the same nodes, and then the account's absence. */
static void test_no_contract(void **state) {
    (void)state;
    SW_SCOPED(sw_buffer) view = SW_BUFFER(SW_CHAIN_VIEW_LIMIT);
    SW_SCOPED(sw_buffer) made = SW_BUFFER(SW_CHAIN_VIEW_LIMIT);
    sw_head at;
    sw_error err = {0};
    sw_chain_ask ask = found(1, &at, &view);
    sw_bytes header = world_header(&world);
    sw_hash other = named_hash(1);
    maker_proof proof;
    world.p.genesis.chain.contract.b[3] ^= 1;
    sw_keccak256(&at.hash, header);
    maker_prove(&world.state, SW_BYTES_OF(world.p.genesis.chain.contract.b), &proof);
    assert_int_equal(sw_chain_view_encode(header, proof.nodes, proof.count, NULL, 0, &made, &err),
                     SW_OK);
    assert_int_equal(verify(&at, bytes_of(&made), &ask, &err), SW_UNAUTHENTIC);
    assert_non_null(strstr(err.message, "nothing at the contract's address"));
    /* An account that has no such code. */
    sw_buffer_reset(&made);
    memcpy(world.p.genesis.chain.contract.b, other.b, SW_ADDRESS_BYTES);
    maker_prove(&world.state, SW_BYTES(other.b, SW_ADDRESS_BYTES), &proof);
    assert_int_equal(sw_chain_view_encode(header, proof.nodes, proof.count, NULL, 0, &made, &err),
                     SW_OK);
    assert_int_equal(verify(&at, bytes_of(&made), &ask, &err), SW_UNAUTHENTIC);
    assert_non_null(strstr(err.message, "code"));
    leave_world(&world);
}

/* ---- parts ---- */

typedef struct parts { /* of a view, to be put together otherwise */
    sw_arena arena;
    sw_json *root;
    const sw_json *account, *storage;
} parts;

static void take_apart(parts *p, sw_bytes view) {
    *p = (parts){0};
    assert_int_equal(sw_json_parse(&p->arena, view, NULL, &p->root, NULL), SW_OK);
    p->account = sw_json_member(p->root, "account");
    p->storage = sw_json_member(p->root, "storage");
}

/* `list` without its n-th, or with it twice, or exchanged with the next one. */
typedef enum change { DROP, REPEAT, EXCHANGE, CHANGES } change;

static void edit_list(sw_arena *a, const sw_json *list, size_t n, change how) {
    sw_json *l = (sw_json *)list, *before = NULL, *at = l->first;
    for (size_t i = 0; i < n; i++) {
        before = at;
        at = at->next;
    }
    sw_json **link = before == NULL ? &l->first : &before->next;
    if (how == DROP) {
        *link = at->next;
        l->count--;
    } else if (how == REPEAT) {
        sw_json *copy = SW_ARENA_NEW(a, sw_json, 1);
        assert_non_null(copy);
        *copy = *at;
        at->next = copy;
        l->count++;
    } else {
        sw_json *next = at->next;
        *link = next;
        at->next = next->next;
        next->next = at;
    }
}

static void expect_refusal(parts *p, const sw_head *at, const sw_chain_ask *ask) {
    SW_SCOPED(sw_buffer) made = SW_BUFFER(SW_CHAIN_VIEW_LIMIT);
    sw_json_encode(&made, p->root);
    assert_false(made.failed);
    sw_status status = verify(at, bytes_of(&made), ask, NULL);
    assert_true(status == SW_UNAUTHENTIC || status == SW_MALFORMED);
}

static void edit_all(sw_bytes view, const sw_head *at, const sw_chain_ask *ask, size_t slot) {
    for (int how = 0; how < CHANGES; how++)
        for (size_t n = 0;; n++) {
            parts p;
            take_apart(&p, view);
            const sw_json *list = slot == SIZE_MAX ? p.storage : p.account;
            if (slot != SIZE_MAX && slot > 0) {
                const sw_json *s = p.storage->first;
                for (size_t i = 1; i < slot; i++) s = s->next;
                list = sw_json_member(s, "proof");
            }
            bool more = n + (how == EXCHANGE ? 1 : 0) < list->count;
            if (more) {
                edit_list(&p.arena, list, n, (change)how);
                expect_refusal(&p, at, ask);
            }
            sw_arena_free(&p.arena);
            if (!more) break;
        }
}

/* Storage items, the account's nodes, and each slot's nodes: dropped, repeated, exchanged. */
static void test_parts(void **state) {
    (void)state;
    SW_SCOPED(sw_buffer) view = SW_BUFFER(SW_CHAIN_VIEW_LIMIT);
    sw_head at;
    sw_chain_ask ask = found(3, &at, &view);
    parts p;
    take_apart(&p, bytes_of(&view));
    size_t slots = p.storage->count;
    sw_arena_free(&p.arena);
    assert_int_equal(slots, 5);
    edit_all(bytes_of(&view), &at, &ask, SIZE_MAX);
    for (size_t slot = 0; slot <= slots; slot++) edit_all(bytes_of(&view), &at, &ask, slot);
    leave_world(&world);
}

/* Every pair of slots with their proofs exchanged: one slot's truth is not another's. */
static void test_other_slots(void **state) {
    (void)state;
    SW_SCOPED(sw_buffer) view = SW_BUFFER(SW_CHAIN_VIEW_LIMIT);
    sw_head at;
    sw_chain_ask ask = found(3, &at, &view);
    for (size_t a = 0; a < 5; a++)
        for (size_t b = 0; b < a; b++) {
            parts p;
            take_apart(&p, bytes_of(&view));
            const sw_json *sa = p.storage->first, *sb = sa;
            for (size_t i = 0; i < a; i++) sa = sa->next;
            for (size_t i = 0; i < b; i++) sb = sb->next;
            sw_json *pa = (sw_json *)sw_json_member(sa, "proof"),
                    *pb = (sw_json *)sw_json_member(sb, "proof"), held = *pa;
            pa->first = pb->first;
            pa->count = pb->count;
            pb->first = held.first;
            pb->count = held.count;
            expect_refusal(&p, &at, &ask);
            sw_arena_free(&p.arena);
        }
    leave_world(&world);
}

static void test_forms(void **state) {
    static const char *const cases[] = {
        "",
        "{}",
        "[]",
        "{\"account\":[],\"header\":\"\",\"kind\":\"sealwright/chain-view/v1\",\"storage\":[]}",
        "{\"account\":[],\"header\":\"c0\",\"kind\":\"sealwright/chain-view/v1\",\"storage\":[]}",
        "{\"account\":[],\"header\":\"C0\",\"kind\":\"sealwright/chain-view/v1\",\"storage\":[]}",
        "{\"account\":[],\"header\":\"c\",\"kind\":\"sealwright/chain-view/v1\",\"storage\":[]}",
        "{\"account\":[],\"header\":1,\"kind\":\"sealwright/chain-view/v1\",\"storage\":[]}",
        "{\"account\":[\"\"],\"header\":\"c0\",\"kind\":\"sealwright/chain-view/"
        "v1\",\"storage\":[]}",
        "{\"account\":[1],\"header\":\"c0\",\"kind\":\"sealwright/chain-view/v1\",\"storage\":[]}",
        "{\"account\":{},\"header\":\"c0\",\"kind\":\"sealwright/chain-view/v1\",\"storage\":[]}",
        "{\"account\":[],\"header\":\"c0\",\"kind\":\"sealwright/chain-view/v2\",\"storage\":[]}",
        "{\"account\":[],\"header\":\"c0\",\"kind\":\"sealwright/chain-view/v1\"}",
        "{\"account\":[],\"header\":\"c0\",\"kind\":\"sealwright/chain-view/v1\",\"storage\":[{}]}",
        "{\"account\":[],\"header\":\"c0\",\"kind\":\"sealwright/chain-view/v1\",\"storage\":[1]}",
        "{\"account\":[],\"header\":\"c0\",\"kind\":\"sealwright/chain-view/v1\",\"storage\":[],"
        "\"value\":\"00\"}",
    };
    (void)state;
    SW_SCOPED(sw_buffer) view = SW_BUFFER(SW_CHAIN_VIEW_LIMIT);
    sw_head at, head = {.index = 99};
    sw_chain_ask ask = found(1, &at, &view);
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(verify(&at, sw_text(cases[i]), &ask, NULL), SW_MALFORMED);
        assert_int_equal(sw_chain_view_head(sw_text(cases[i]), &head, NULL), SW_MALFORMED);
        assert_int_equal(head.index, 99);
    }
    leave_world(&world);
}

/* ---- limits ---- */

static void test_slots(void **state) {
    static sw_hash composes[SW_CHAIN_ASK_COUNT + 1];
    static sw_chain_opening openings[SW_CHAIN_ASK_COUNT];
    static sw_word slots[SW_CHAIN_SLOT_COUNT];
    (void)state;
    size_t count = 5;
    sw_error err = {0};
    for (size_t i = 0; i < COUNT(composes); i++) composes[i] = named_hash((char)i);
    for (size_t i = 0; i < COUNT(openings); i++)
        openings[i] = (sw_chain_opening){composes[i], composes[i], {{4}}};
    sw_chain_ask ask = {composes, SW_CHAIN_ASK_COUNT, openings, 31};
    assert_int_equal(sw_chain_slots(&ask, 32, slots, &count, &err), SW_OK);
    assert_int_equal(count, SW_CHAIN_SLOT_COUNT);
    for (size_t i = 1; i < count; i++)
        assert_true(memcmp(slots[i - 1].b, slots[i].b, sizeof slots[i].b) < 0);
    ask.opening_count++;
    assert_int_equal(sw_chain_slots(&ask, 32, slots, &count, &err), SW_LIMIT);
    assert_int_equal(sw_chain_slots(&ask, 33, slots, &count, &err), SW_LIMIT);
    ask = (sw_chain_ask){composes, SW_CHAIN_ASK_COUNT + 1, NULL, 0};
    assert_int_equal(sw_chain_slots(&ask, 0, slots, &count, &err), SW_LIMIT);
    composes[1] = composes[0];
    ask = (sw_chain_ask){composes, 2, openings, 1}; /* one compose hash, three times */
    assert_int_equal(sw_chain_slots(&ask, 0, slots, &count, &err), SW_OK);
    assert_int_equal(count, 3);
}

static void test_writer(void **state) {
    static uint8_t bytes[SW_CHAIN_HEADER_LIMIT + 1];
    static sw_bytes nodes[SW_CHAIN_PROOF_COUNT + 1];
    static sw_chain_proof slots[SW_CHAIN_SLOT_COUNT + 1];
    (void)state;
    SW_SCOPED(sw_buffer) out = SW_BUFFER(SW_CHAIN_VIEW_LIMIT);
    sw_bytes header = SW_BYTES(bytes, 100);
    for (size_t i = 0; i < COUNT(nodes); i++) nodes[i] = SW_BYTES(bytes, 33);
    for (size_t i = 0; i < COUNT(slots); i++) slots[i].slot.b[31] = (uint8_t)i;
#define WRITES(header, count, slot_count)                                                          \
    sw_chain_view_encode(header, nodes, count, slots, slot_count, &out, NULL)
    assert_int_equal(WRITES(SW_BYTES(bytes, 0), 1, 0), SW_LIMIT);
    assert_int_equal(WRITES(SW_BYTES_OF(bytes), 1, 0), SW_LIMIT);
    assert_int_equal(WRITES(header, SW_CHAIN_PROOF_COUNT + 1, 0), SW_LIMIT);
    assert_int_equal(WRITES(header, 1, SW_CHAIN_SLOT_COUNT + 1), SW_LIMIT);
    slots[1].slot = slots[0].slot;
    assert_int_equal(WRITES(header, 1, 2), SW_USAGE);
    slots[1].slot.b[31] = 1;
    nodes[2].size = 0;
    assert_int_equal(WRITES(header, 3, 0), SW_LIMIT);
    nodes[2].size = SW_CHAIN_NODE_LIMIT + 1;
    assert_int_equal(WRITES(header, 3, 0), SW_LIMIT);
    for (size_t i = 0; i < COUNT(nodes); i++) nodes[i] = SW_BYTES(bytes, 1000);
    for (size_t i = 0; i < COUNT(slots); i++)
        slots[i] = (sw_chain_proof){slots[i].slot, nodes, SW_CHAIN_PROOF_COUNT};
    assert_int_equal(WRITES(header, 1, SW_CHAIN_SLOT_COUNT), SW_LIMIT); /* above 1 MiB */
    assert_int_equal(out.size, 0);
    assert_int_equal(WRITES(header, 1, 2), SW_OK);
#undef WRITES
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cuts_and_flips), cmocka_unit_test(test_other_places),
        cmocka_unit_test(test_no_contract),    cmocka_unit_test(test_parts),
        cmocka_unit_test(test_other_slots),    cmocka_unit_test(test_forms),
        cmocka_unit_test(test_slots),          cmocka_unit_test(test_writer),
    };
    return cmocka_run_group_tests_name("bytes of chain views", tests, NULL, NULL);
}
