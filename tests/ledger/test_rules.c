/* SPDX-License-Identifier: Apache-2.0
 *
 * The rules beside the stories of conformance.h: sequence numbers, what is withheld, whose shards
 * open, limits, and what people are shown. docs/formats/ledger.md, LDG-030 to LDG-052.
 */
#include "ledger/conformance.h"

typedef struct sequence_case {
    sw_payload_kind kind;
    uint64_t last, given; /* entries before, sequence number of the next one */
    bool good;
} sequence_case;

static void test_sequence(void **state) {
    static const sequence_case cases[] = {
        {SW_PAYLOAD_APPROVE, 0, 1, true},   {SW_PAYLOAD_APPROVE, 0, 2, false},
        {SW_PAYLOAD_APPROVE, 2, 2, false},  {SW_PAYLOAD_APPROVE, 2, 1, false},
        {SW_PAYLOAD_APPROVE, 2, 4, false},  {SW_PAYLOAD_OPEN, 1, 3, false},
        {SW_PAYLOAD_OPEN, 1, 2, true},      {SW_PAYLOAD_REVOKE, 0, 1, true},
        {SW_PAYLOAD_REVOKE, 0, 99, true},   {SW_PAYLOAD_REVOKE, 2, 2, false},
        {SW_PAYLOAD_REVOKE, 2, 1, false},   {SW_PAYLOAD_REVOKE, 2, (UINT64_C(1) << 53) - 1, true},
        {SW_PAYLOAD_REVOKE, 2, 1000, true},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        people p;
        sw_ledger *l = NULL;
        sw_error err = {0};
        found_app(&p, 8, 1, 1);
        assert_int_equal(sw_ledger_open(&p.genesis, &l, NULL), SW_OK);
        for (uint64_t k = 0; k < cases[i].last; k++) {
            sw_entry e = entry_about(&p, 0, SW_PAYLOAD_APPROVE, (char)('a' + k));
            assert_int_equal(put(&p, l, &e, 0, &err), SW_OK);
        }
        sw_entry e = cases[i].kind == SW_PAYLOAD_OPEN ? opening_of(&p, 0, 'm')
                                                      : entry_about(&p, 0, cases[i].kind, 'x');
        e.sequence = cases[i].given;
        assert_int_equal(put(&p, l, &e, 0, &err), cases[i].good ? SW_OK : SW_REFUSED);
        assert_int_equal(sw_ledger_sequence(l, &e.owner),
                         cases[i].good ? cases[i].given : cases[i].last);
        sw_ledger_close(&l);
        part(&p);
    }
}

/* After a revocation that skipped ahead, the entries that were held back are worth nothing. */
static void test_withheld_entries_are_void(void **state) {
    (void)state;
    people p;
    sw_ledger *l = NULL;
    sw_error err = {0};
    found_app(&p, 9, 1, 1);
    assert_int_equal(sw_ledger_open(&p.genesis, &l, NULL), SW_OK);
    sw_entry withheld = entry_about(&p, 0, SW_PAYLOAD_APPROVE, 'x');
    sw_entry revoke = entry_about(&p, 0, SW_PAYLOAD_REVOKE, 'x');
    revoke.sequence = 2;
    assert_int_equal(put(&p, l, &revoke, 0, &err), SW_OK);
    assert_int_equal(put(&p, l, &withheld, 0, &err), SW_REFUSED);
    sw_entry lift = entry_about(&p, 0, SW_PAYLOAD_LIFT, 'x');
    assert_int_equal(put(&p, l, &lift, 0, &err), SW_OK);
    assert_int_equal(put(&p, l, &withheld, 0, &err), SW_REFUSED);
    sw_ledger_close(&l);
    part(&p);
}

/* Who is not of this app, or not the one named, changes nothing. */
static void test_open_refusals(void **state) {
    (void)state;
    people p;
    sw_ledger *l = NULL;
    sw_error err = {0};
    sw_hash x = named_hash('x'), m = named_hash('m');
    found_app(&p, 10, 3, 2);
    assert_int_equal(sw_ledger_open(&p.genesis, &l, NULL), SW_OK);
    local_keeper k = keep_local(&p, l);
    play(&k.k, "A>m B>m");
    const sw_p256_public *to = &p.genesis.owners[0].encryption_key;
    sw_recipe *r = recipe_of(&p);
    assert_int_equal(sw_ledger_check_open(l, r, &x, &m, to, &err), SW_OK);
    assert_int_equal(sw_ledger_check_open(l, r, &x, &m, &p.genesis.owners[1].encryption_key, &err),
                     SW_REFUSED);
    sw_hash other = named_hash('y');
    assert_int_equal(sw_ledger_check_open(l, r, &other, &m, to, &err), SW_REFUSED);
    assert_int_equal(sw_ledger_check_open(l, r, &x, &other, to, &err), SW_REFUSED);
    r->shards[2].owner = named_hash('s'); /* a shard of a stranger */
    assert_int_equal(sw_ledger_check_open(l, r, &x, &m, to, &err), SW_REFUSED);
    assert_string_equal(err.word, "ledger");
    r = recipe_of(&p);
    r->genesis = named_hash('g');
    assert_int_equal(sw_ledger_check_open(l, r, &x, &m, to, &err), SW_REFUSED);
    r = recipe_of(&p);
    r->shards[2].owner = p.genesis.owners[2].id; /* now C has a shard and was not asked */
    assert_int_equal(sw_ledger_check_open(l, r, &x, &m, to, &err), SW_REFUSED);
    r->open_quorum = 2;
    assert_int_equal(sw_ledger_check_open(l, r, &x, &m, to, &err), SW_OK);
    r->open_quorum = 3;
    assert_int_equal(sw_ledger_check_open(l, r, &x, &m, to, &err), SW_REFUSED);
    sw_ledger_close(&l);
    part(&p);
}

/* The refusal names who revoked, and people's view says the same as the rules. */
static void test_view(void **state) {
    (void)state;
    people p;
    sw_ledger *l = NULL;
    sw_error err = {0};
    SW_SCOPED(sw_buffer) text = SW_BUFFER(1 << 20);
    SW_SCOPED(sw_buffer) json = SW_BUFFER(1 << 20);
    SW_SCOPED(sw_arena) arena = {0};
    sw_hash x = named_hash('x');
    sw_json *root;
    found_app(&p, 11, 3, 2);
    assert_int_equal(sw_ledger_open(&p.genesis, &l, NULL), SW_OK);
    local_keeper k = keep_local(&p, l);
    play(&k.k, "A+x B+x A>m C!x B!*");
    assert_int_equal(sw_ledger_check_run(l, &x, &err), SW_REFUSED);
    assert_non_null(strstr(err.message, p.genesis.owners[2].name));
    assert_non_null(strstr(err.message, p.genesis.owners[1].name));
    assert_null(strstr(err.message, p.genesis.owners[0].name));
    assert_int_equal(sw_ledger_show(l, false, &text, &err), SW_OK);
    sw_put_u8(&text, 0);
    assert_non_null(strstr((const char *)text.data, "EVERYTHING IS REVOKED"));
    assert_non_null(strstr((const char *)text.data, "quorum 2 of 3"));
    assert_int_equal(sw_ledger_show(l, true, &json, &err), SW_OK);
    assert_int_equal(sw_json_parse_canonical(&arena, bytes_of(&json), NULL, &root, &err), SW_OK);
    assert_int_equal(sw_json_member(root, "composes")->count, 1);
    assert_int_equal(sw_json_member(sw_json_member(root, "composes")->first, "revoked_by")->count,
                     2);
    assert_int_equal(sw_json_member(root, "openings")->count, 1);
    sw_ledger_close(&l);
    part(&p);
}

/* One owner cannot fill the ledger, and can always revoke (LDG-035). */
static void test_owner_limit(void **state) {
    (void)state;
    people p;
    sw_ledger *l = NULL;
    sw_error err = {0};
    found_app(&p, 12, 1, 1);
    assert_int_equal(sw_ledger_open(&p.genesis, &l, NULL), SW_OK);
    for (uint32_t i = 0; i < SW_LEDGER_OWNER_ENTRIES - SW_LEDGER_OWNER_RESERVED; i++) {
        sw_entry e = entry_about(&p, 0, SW_PAYLOAD_APPROVE, 'x');
        memcpy(e.compose.b, &i, sizeof i);
        assert_int_equal(put(&p, l, &e, 0, &err), SW_OK);
    }
    sw_entry more = entry_about(&p, 0, SW_PAYLOAD_APPROVE, 'y');
    assert_int_equal(put(&p, l, &more, 0, &err), SW_LIMIT);
    for (uint32_t i = 0; i < SW_LEDGER_OWNER_RESERVED; i++) {
        sw_entry e = entry_about(&p, 0, SW_PAYLOAD_REVOKE, 'x');
        memcpy(e.compose.b, &i, sizeof i);
        assert_int_equal(put(&p, l, &e, 0, &err), SW_OK);
    }
    sw_entry last = entry_about(&p, 0, SW_PAYLOAD_REVOKE, '*');
    assert_int_equal(put(&p, l, &last, 0, &err), SW_LIMIT);
    sw_ledger_close(&l);
    part(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sequence),      cmocka_unit_test(test_withheld_entries_are_void),
        cmocka_unit_test(test_open_refusals), cmocka_unit_test(test_view),
        cmocka_unit_test(test_owner_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
