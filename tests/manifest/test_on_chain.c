/* SPDX-License-Identifier: Apache-2.0
 *
 * The verifier where the ledger is a contract: which blocks a manifest must bring, what must have
 * stood in each, and how old what an owner named may have been (docs/formats/manifest.md, MAN-004;
 * docs/formats/chain.md, CHN-060 to CHN-062). Owners, key service and chain are the test's.
 */
#include "manifest/forged_walk.h"

#include "ledger/chain_view.h"
#include "ledger/chain_world.h"

enum { VIEWS = 4 };

typedef struct scene {
    chain_world chain;
    forge *f;
    sw_head at[VIEWS]; /* before anybody approved, approved, approved still, revoked by one */
    sw_buffer views[VIEWS], list;
    int64_t named_ms;
} scene;

enum { UNAPPROVED, NAMED, NEWEST, REVOKED };

/* Owners of an app on the chain; no service runs. */
static world *world_of(chain_world *chain) {
    world *w = world_begin();
    part(&w->p);
    w->p = chain->p;
    w->p.entropy.context = &w->p.seed;
    return w;
}

static void act(scene *s, size_t place, sw_payload_kind kind) {
    const sw_entry e = {
        .kind = kind, .compose = s->f->w->x, .sequence = s->chain.owners[place].sequence + 1};
    world_act(&s->chain, place, &e);
}

static void mine(scene *s, size_t i, int64_t made_ms) {
    const sw_chain_ask asked = {.composes = &s->f->w->x, .compose_count = 1};
    s->chain.time_s = (uint64_t)made_ms / 1000;
    s->views[i] = SW_BUFFER(1 << 20);
    world_view(&s->chain, &asked, &s->at[i], &s->views[i]);
}

/* The newest grant is given half an hour later than the second view is of. */
static int open_scene(void **state) {
    scene *s = calloc(1, sizeof *s);
    assert_non_null(s);
    found_world(&s->chain, 77, OWNERS, 2);
    s->f = forge_new_in(world_of(&s->chain), false, false);
    s->list = SW_BUFFER(1 << 22);
    *state = s;
    return 0;
}

static int close_scene(void **state) {
    scene *s = *state;
    for (size_t i = 0; i < VIEWS; i++) sw_buffer_free(&s->views[i]);
    sw_buffer_free(&s->list);
    maker_free(&s->chain.storage);
    maker_free(&s->chain.state);
    forge_close(s->f);
    free(s);
    return 0;
}

/* A chain from its beginning, whose second block was made then. */
static void mine_all(scene *s, int64_t named_ms) {
    for (size_t i = 0; i < VIEWS; i++) sw_buffer_free(&s->views[i]);
    maker_free(&s->chain.storage);
    maker_free(&s->chain.state);
    s->chain.compose_count = 0;
    memset(s->chain.composes, 0, sizeof s->chain.composes);
    s->chain.number = 7;
    for (size_t i = 0; i < OWNERS; i++) s->chain.owners[i].sequence = 0;
    mine(s, UNAPPROVED, named_ms - 60000);
    act(s, 0, SW_PAYLOAD_APPROVE);
    act(s, 1, SW_PAYLOAD_APPROVE);
    mine(s, NAMED, named_ms);
    mine(s, NEWEST, START_MS);
    act(s, 2, SW_PAYLOAD_REVOKE);
    mine(s, REVOKED, START_MS + 60000);
}

/* Every owner names one block, every receipt another; the manifest brings some. */
static void plan(scene *s, size_t named, size_t newest, const size_t *brought, size_t count) {
    forge *f = s->f;
    forge_plan(f);
    for (size_t i = 0; i < GRANTS; i++) {
        f->grants[i].ledger = s->at[newest];
        for (size_t k = 0; k <= OWNERS; k++) f->words[i][k].ledger = s->at[named];
    }
    s->list.size = 0;
    for (size_t i = 0; i < count; i++) {
        sw_put_text(&s->list, i == 0 ? "[" : ",");
        sw_put_bytes(&s->list, bytes_of(&s->views[brought[i]]));
    }
    sw_put_text(&s->list, "]");
    f->facts.views = bytes_of(&s->list);
}

static sw_manifest_input made(scene *s) {
    forge_make(s->f);
    return forge_input(s->f);
}

static const size_t both[] = {NAMED, NEWEST};

static void test_blocks(void **state) {
    scene *s = *state;
    static const struct {
        const char *name;
        size_t named, newest, brought[3], count;
        const char *link, *sentence;
    } table[] = {
        {"a block that was named is not there",
         NAMED,
         NEWEST,
         {NEWEST},
         1,
         "owners' words",
         "no view of block 9"},
        {"the receipt's is not there",
         NAMED,
         NEWEST,
         {NAMED},
         1,
         "approval",
         "no view of block 10"},
        {"one that nobody named is",
         NAMED,
         NEWEST,
         {UNAPPROVED, NAMED, NEWEST},
         3,
         "ledger",
         "block 8"},
        {"blocks out of order",
         NAMED,
         NEWEST,
         {NEWEST, NAMED},
         2,
         "ledger",
         "not each of a later block"},
        {"an owner who knew of no approval",
         UNAPPROVED,
         NEWEST,
         {UNAPPROVED, NEWEST},
         2,
         "approval",
         "0 of the 2"},
        {"a receipt behind a revocation",
         NAMED,
         REVOKED,
         {NAMED, REVOKED},
         2,
         "approval",
         "revoked"},
        {"an owner who knew of a revocation",
         REVOKED,
         REVOKED,
         {REVOKED},
         1,
         "approval",
         "revoked"},
    };
    mine_all(s, START_MS - 60000);
    plan(s, NAMED, NEWEST, both, 2);
    sw_manifest_input in = made(s);
    sw_manifest_verdict v;
    accepted(&in, &v);
    for (size_t i = 0; i < COUNT(table); i++) {
        plan(s, table[i].named, table[i].newest, table[i].brought, table[i].count);
        in = made(s);
        refused(&in, table[i].name, table[i].link, table[i].sentence);
    }
}

/* What an owner named may be as old as CHN-060 says when the last receipt is given, and no older,
 * however new her word. */
static void test_a_chain_that_stood_still(void **state) {
    scene *s = *state;
    const int64_t last_ms = START_MS + 500000;
    const int64_t limit_ms = (int64_t)sw_chain_known_limit_ms(s->f->w->recipe.max_silence_ms);
    sw_manifest_verdict v;
    mine_all(s, last_ms - limit_ms);
    plan(s, NAMED, NEWEST, both, 2);
    sw_manifest_input in = made(s);
    accepted(&in, &v);
    mine_all(s, last_ms - limit_ms - 1000);
    plan(s, NAMED, NEWEST, both, 2);
    in = made(s);
    refused(&in, "a second older", "grants", "what an owner had named of the chain was older");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_blocks),
                                       cmocka_unit_test(test_a_chain_that_stood_still)};
    return cmocka_run_group_tests_name("manifests of apps on a chain", tests, open_scene,
                                       close_scene);
}
