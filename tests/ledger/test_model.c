/* SPDX-License-Identifier: Apache-2.0
 *
 * Random sequences of entries against a naive model that keeps the list of all accepted entries and
 * answers every question by walking it from the start. The seeds are printed.
 */
#include "ledger/people.h"

enum { STEPS = 500, COMPOSES = 3, MANIFESTS = 2 };

typedef struct said {
    size_t owner;
    sw_entry entry;
} said;
typedef struct model {
    size_t owners, count;
    uint32_t quorum;
    said list[STEPS];
} model;

static bool concerns(const sw_entry *e, const sw_hash *compose) {
    return e->everything || sw_hash_equal(&e->compose, compose);
}

static bool ends_round(const sw_entry *e) {
    return e->kind == SW_PAYLOAD_REVOKE || e->kind == SW_PAYLOAD_LIFT;
}

/* Does a revocation by `owner` of exactly this target stand? */
static bool revokes(const model *m, size_t owner, bool everything, const sw_hash *compose) {
    bool stands = false;
    for (size_t i = 0; i < m->count; i++) {
        const sw_entry *e = &m->list[i].entry;
        if (m->list[i].owner != owner || !ends_round(e) || e->everything != everything) continue;
        if (everything || sw_hash_equal(&e->compose, compose))
            stands = e->kind == SW_PAYLOAD_REVOKE;
    }
    return stands;
}

static bool approves(const model *m, size_t owner, const sw_hash *compose) {
    bool stands = false;
    for (size_t i = 0; i < m->count; i++) {
        const sw_entry *e = &m->list[i].entry;
        if (ends_round(e) && concerns(e, compose)) stands = false;
        if (e->kind == SW_PAYLOAD_APPROVE && m->list[i].owner == owner && concerns(e, compose))
            stands = true;
    }
    return stands;
}

static bool opens(const model *m, size_t owner, const sw_hash *compose, const sw_hash *manifest) {
    bool stands = false;
    for (size_t i = 0; i < m->count; i++) {
        const sw_entry *e = &m->list[i].entry;
        if (ends_round(e) && concerns(e, compose)) stands = false;
        if (e->kind == SW_PAYLOAD_OPEN && m->list[i].owner == owner && concerns(e, compose) &&
            sw_hash_equal(&e->manifest, manifest))
            stands = true;
    }
    return stands;
}

static bool revoked(const model *m, const sw_hash *compose) {
    for (size_t i = 0; i < m->owners; i++)
        if (revokes(m, i, true, compose) || revokes(m, i, false, compose)) return true;
    return false;
}

static uint64_t last_sequence(const model *m, size_t owner) {
    uint64_t last = 0;
    for (size_t i = 0; i < m->count; i++)
        if (m->list[i].owner == owner) last = m->list[i].entry.sequence;
    return last;
}

static bool acceptable(const model *m, size_t owner, const sw_entry *e) {
    uint64_t last = last_sequence(m, owner);
    bool revoke = e->kind == SW_PAYLOAD_REVOKE;
    if (revoke ? e->sequence <= last : e->sequence != last + 1) return false;
    if (revoke) return !revokes(m, owner, e->everything, &e->compose);
    if (e->kind == SW_PAYLOAD_LIFT) return revokes(m, owner, e->everything, &e->compose);
    if (e->kind == SW_PAYLOAD_APPROVE) return !approves(m, owner, &e->compose);
    return !opens(m, owner, &e->compose, &e->manifest);
}

static sw_entry random_entry(people *p, size_t owner) {
    static const sw_payload_kind kinds[] = {
        SW_PAYLOAD_APPROVE, SW_PAYLOAD_APPROVE, SW_PAYLOAD_APPROVE, SW_PAYLOAD_OPEN,
        SW_PAYLOAD_OPEN,    SW_PAYLOAD_REVOKE,  SW_PAYLOAD_LIFT,    SW_PAYLOAD_LIFT};
    sw_payload_kind kind = kinds[next_random(&p->seed) % COUNT(kinds)];
    char target = (char)('x' + next_random(&p->seed) % COMPOSES);
    if (ends_round(&(sw_entry){.kind = kind}) && next_random(&p->seed) % 4 == 0) target = '*';
    sw_entry e = entry_about(p, owner, kind, target);
    e.manifest = named_hash((char)('m' + next_random(&p->seed) % MANIFESTS));
    e.recipient = p->genesis.owners[0].encryption_key;
    uint64_t chance = next_random(&p->seed) % 16;
    if (chance == 0) e.sequence += 1 + next_random(&p->seed) % 3;
    if (chance == 1 && e.sequence > 1) e.sequence--;
    return e;
}

static void compare_open(const people *p, const sw_ledger *l, const model *m, const sw_hash *x,
                         const sw_hash *manifest) {
    static sw_recipe r;
    r = (sw_recipe){.genesis = p->genesis.hash, .shard_count = m->owners};
    uint32_t approvals = 0;
    for (size_t i = 0; i < m->owners; i++) {
        r.shards[i].owner = p->genesis.owners[i].id;
        approvals += opens(m, i, x, manifest) ? 1 : 0;
    }
    for (r.open_quorum = 0; r.open_quorum <= m->owners; r.open_quorum++) {
        uint32_t needed = r.open_quorum == 0 ? (uint32_t)m->owners : r.open_quorum;
        bool expected = !revoked(m, x) && approvals >= needed;
        sw_status status =
            sw_ledger_check_open(l, &r, x, manifest, &p->genesis.owners[0].encryption_key, NULL);
        assert_int_equal(status == SW_OK, expected);
    }
}

static void compare(const people *p, const sw_ledger *l, const model *m) {
    for (size_t c = 0; c < COMPOSES; c++) {
        sw_hash x = named_hash((char)('x' + c));
        uint32_t approvals = 0;
        for (size_t i = 0; i < m->owners; i++) approvals += approves(m, i, &x) ? 1 : 0;
        bool expected = !revoked(m, &x) && approvals >= m->quorum;
        sw_approval a;
        sw_ledger_approval(l, &x, &a);
        assert_int_equal(a.approvals, approvals);
        assert_int_equal(a.revoker_count > 0, revoked(m, &x));
        assert_int_equal(a.approved, expected);
        assert_int_equal(sw_ledger_check_run(l, &x, NULL) == SW_OK, expected);
        for (size_t k = 0; k < MANIFESTS; k++) {
            sw_hash manifest = named_hash((char)('m' + k));
            compare_open(p, l, m, &x, &manifest);
        }
    }
}

/* Replays every accepted entry into a second ledger: state depends on the entries alone. */
static void compare_replay(people *p, const sw_ledger *l, const model *m) {
    SW_SCOPED(sw_buffer) first = SW_BUFFER(1 << 20);
    SW_SCOPED(sw_buffer) second = SW_BUFFER(1 << 20);
    sw_ledger *again = NULL;
    assert_int_equal(sw_ledger_open(&p->genesis, &again, NULL), SW_OK);
    for (size_t i = 0; i < m->count; i++)
        assert_int_equal(put(p, again, &m->list[i].entry, m->list[i].owner, NULL), SW_OK);
    assert_int_equal(sw_ledger_show(l, true, &first, NULL), SW_OK);
    assert_int_equal(sw_ledger_show(again, true, &second, NULL), SW_OK);
    assert_true(sw_bytes_equal(bytes_of(&first), bytes_of(&second)));
    sw_ledger_close(&again);
}

static void run(uint64_t seed, size_t owners, uint32_t quorum) {
    static model m;
    people p;
    sw_ledger *l = NULL;
    size_t refused = 0;
    print_message("# seed %llu, %u of %zu\n", (unsigned long long)seed, quorum, owners);
    found_app(&p, seed, owners, quorum);
    m = (model){.owners = owners, .quorum = quorum};
    assert_int_equal(sw_ledger_open(&p.genesis, &l, NULL), SW_OK);
    for (size_t i = 0; i < STEPS; i++) {
        size_t owner = next_random(&p.seed) % owners;
        sw_entry e = random_entry(&p, owner);
        bool expected = acceptable(&m, owner, &e);
        assert_int_equal(put(&p, l, &e, owner, NULL) == SW_OK, expected);
        if (expected) m.list[m.count++] = (said){.owner = owner, .entry = e};
        refused += expected ? 0 : 1;
        compare(&p, l, &m);
    }
    assert_true(m.count > STEPS / 10 && refused > STEPS / 10);
    compare_replay(&p, l, &m);
    sw_ledger_close(&l);
    part(&p);
}

static void test_against_the_model(void **state) {
    (void)state;
    run(101, 1, 1);
    run(102, 3, 2);
    run(103, 3, 3);
    run(104, 5, 3);
    run(105, 8, 4);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_against_the_model)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
