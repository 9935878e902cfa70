/* SPDX-License-Identifier: Apache-2.0
 *
 * A ledger on a chain against the table of conformance.h: each act is a transaction, each answer a
 * view that is proven under the finalised block. On the toy chain, or on the node that
 * SEALWRIGHT_TEST_RPC names (tests/parity/chain_conformance.py).
 */
#include "ledger/conformance.h"
#include "ledger/toy.h"

typedef struct on_chain {
    keeper k;
    chain_people c;
    toy t;
    sw_rpc *r;
    sw_ledger *ledger;
} on_chain;

/* x, y, and the openings that stories speak of. */
static const sw_ledger *now_chain(keeper *k) {
    on_chain *o = (on_chain *)k;
    const sw_hash composes[] = {named_hash('x'), named_hash('y')};
    const sw_p256_public *key = &k->p->genesis.owners[0].encryption_key;
    const sw_chain_opening openings[] = {{composes[0], named_hash('m'), *key},
                                         {composes[0], named_hash('n'), *key}};
    const sw_chain_ask ask = {composes, COUNT(composes), openings, COUNT(openings)};
    SW_SCOPED(sw_buffer) view = SW_BUFFER(SW_CHAIN_VIEW_LIMIT);
    sw_error err = {0};
    sw_head at = final_of(o->r);
    if (o->ledger != NULL) sw_ledger_close(&o->ledger);
    sw_status status = sw_rpc_view(o->r, &k->p->genesis, &at, &ask, &view, &o->ledger, &err);
    if (status != SW_OK) fail_msg("%s", err.message);
    return o->ledger;
}

static void put_call(on_chain *o, size_t owner, const sw_entry *e, sw_buffer *call) {
    static const sw_app_act acts[] = {[SW_PAYLOAD_APPROVE] = SW_ACT_APPROVE,
                                      [SW_PAYLOAD_REVOKE] = SW_ACT_REVOKE,
                                      [SW_PAYLOAD_LIFT] = SW_ACT_LIFT,
                                      [SW_PAYLOAD_OPEN] = SW_ACT_OPEN};
    uint8_t signature[SW_SECP256K1_SIG_BYTES];
    sw_hash digest;
    sw_chain_turn turn;
    sw_app_say said = {.act = acts[e->kind],
                       .everything = e->everything,
                       .compose = e->compose,
                       .manifest = e->manifest,
                       .sequence = e->sequence};
    if (e->kind == SW_PAYLOAD_OPEN) sw_key_id(&said.recipient, &e->recipient);
    assert_int_equal(sw_chain_turn_of(now_chain(&o->k), &o->c.p.owners[owner].address,
                                      e->everything ? NULL : &e->compose, &turn, NULL),
                     SW_OK);
    said.app_round = turn.app_round;
    said.round = turn.round;
    sw_app_say_digest(&digest, &o->c.p.genesis.chain, &said);
    assert_int_equal(sw_chain_key_sign(&o->c.chain_keys[owner], &digest, signature, NULL), SW_OK);
    sw_app_say_call(call, &said, turn.place, signature);
}

static sw_status put_chain(keeper *k, size_t owner, const sw_entry *e, sw_error *err) {
    on_chain *o = (on_chain *)k;
    SW_SCOPED(sw_buffer) call = SW_BUFFER(4096);
    sw_rpc_sent sent;
    put_call(o, owner, e, &call);
    return toy_send(&o->t, o->r, &o->c.stranger, &k->p->genesis.chain.contract, bytes_of(&call),
                    &sent, err);
}

/* anvil keeps words of zero as leaves once they were read, which no Ethereum trie holds and no view
 * may show. An opening of a compose hash that nobody has written about yet makes one: there, what a
 * story begins with is a revocation that was lifted, which changes no answer. */
static bool reads_zero(const story *s) {
    const char *first = strchr(s->words, '>'), *written = strchr(s->words, 'x');
    return first != NULL && (written == NULL || first < written);
}

static void test_stories(void **state) {
    static on_chain o;
    (void)state;
    make_people(&o.c, 7, 3);
    toy_start_for(&o.t, &o.c, NULL, 0);
    o.k = (keeper){&o.c.p, "reverted", put_chain, now_chain};
    o.r = toy_node(&o.t);
    for (size_t i = 0; i < COUNT(stories); i++) {
        char words[128];
        story told = stories[i];
        bool before = o.t.other && reads_zero(&told);
        (void)snprintf(words, sizeof words, "%s%s", before ? "C!x C^x " : "", told.words);
        told.words = words;
        sw_buffer_reset(&o.c.p.envelope);
        found_chain_app(&o.c, &o.t, o.r, 2);
        tell_story(&o.k, &told);
    }
    if (o.ledger != NULL) sw_ledger_close(&o.ledger);
    sw_rpc_close(&o.r);
    toy_stop(&o.t);
    part(&o.c.p);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_stories)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
