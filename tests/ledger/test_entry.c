/* SPDX-License-Identifier: Apache-2.0
 *
 * Genesis and entries as bytes: what is accepted, and everything that must not be. Then the ledger
 * over a journal. docs/formats/ledger.md, LDG-001 to LDG-022.
 */
#include "ledger/people.h"

static sw_status open_entry(const people *p, sw_bytes envelope, sw_entry *out, sw_error *err) {
    SW_SCOPED(sw_arena) arena = {0};
    return sw_entry_open(&arena, envelope, &p->genesis, out, err);
}

static void test_genesis(void **state) {
    (void)state;
    people p;
    sw_error err = {0};
    sw_genesis g;
    uint8_t id[20];
    found_app(&p, 1, 3, 2);
    assert_int_equal(open_genesis(bytes_of(&p.envelope), true, &g, &err), SW_OK);
    assert_int_equal(g.quorum, 2);
    assert_int_equal(g.owner_count, 3);
    assert_string_equal(g.name, "an app");
    for (size_t i = 0; i < 3; i++)
        assert_ptr_equal(sw_genesis_owner(&g, &p.owners[i].id), &g.owners[i]);
    sw_hash stranger = named_hash('s');
    assert_null(sw_genesis_owner(&g, &stranger));
    sw_genesis_app_id(&g, id);
    assert_memory_equal(id, g.hash.b, 20);
    part(&p);
}

/* The same owners and the same name are another app: the nonce is fresh. */
static void test_same_names_other_app(void **state) {
    (void)state;
    people p;
    SW_SCOPED(sw_buffer) payload = SW_BUFFER(1 << 16);
    sw_genesis g;
    found_app(&p, 1, 3, 2);
    assert_int_equal(sw_genesis_draft("an app", 2, p.owners, 3, NULL, &p.entropy, &payload, NULL),
                     SW_OK);
    assert_int_equal(sw_genesis_parse(bytes_of(&payload), &g, NULL), SW_OK);
    assert_false(sw_hash_equal(&g.hash, &p.genesis.hash));
    part(&p);
}

static void test_draft_refusals(void **state) {
    (void)state;
    people p;
    SW_SCOPED(sw_buffer) out = SW_BUFFER(1 << 16);
    sw_owner owners[3];
    found_app(&p, 2, 3, 2);
#define REFUSED(name, quorum, count)                                                               \
    assert_int_not_equal(                                                                          \
        sw_genesis_draft(name, quorum, owners, count, NULL, &p.entropy, &out, NULL), SW_OK)
    memcpy(owners, p.owners, sizeof owners);
    REFUSED("", 2, 3);
    REFUSED("a\nb", 2, 3);
    REFUSED("an app", 0, 3);
    REFUSED("an app", 4, 3);
    REFUSED("an app", 1, 0);
    REFUSED("an app", 1, SW_OWNER_LIMIT + 1);
    REFUSED("sixty-five bytes are one too many for the name of an app: 0123456", 1, 3);
    owners[1] = owners[0];
    REFUSED("an app", 2, 3);
    memcpy(owners, p.owners, sizeof owners);
    owners[1].id.b[0] ^= 1;
    REFUSED("an app", 2, 3);
    memcpy(owners, p.owners, sizeof owners);
    owners[1].encryption_key.b[40] ^= 1;
    REFUSED("an app", 2, 3);
    memcpy(owners, p.owners, sizeof owners);
    owners[1].name[0] = 0;
    REFUSED("an app", 2, 3);
#undef REFUSED
    assert_int_equal(out.size, 0);
    part(&p);
}

static void test_genesis_refusals(void **state) {
    static const edit edits[] = {
        {"\"backend\":\"local\"", "\"backend\":\"ethereum\""},
        {"\"backend\":\"local\",", ""},
        {"genesis/v1", "genesis/v2"},
        {"\"quorum\":2", "\"quorum\":0"},
        {"\"quorum\":2", "\"quorum\":4"},
        {"\"quorum\":2", "\"quorum\":2.5"},
        {"\"quorum\":2", "\"quorum\":\"2\""},
        {"\"quorum\":2", "\"quorum\": 2"},
        {"\"quorum\":2", "\"quorum\":2,\"zoo\":1"},
        {"\"name\":\"an app\"", "\"name\":\"\""},
        {"\"name\":\"an app\"", "\"name\":\"an\\u001bapp\""},
        {"\"name\":\"Anna\"", "\"name\":\"\xe2\x80\xae\""},
        {"\"name\":\"Anna\"", "\"name\":\"Anna\xe2\x80\x8b\""},
        {"\"name\":\"an app\"", "\"name\":\"an\xf3\xa0\x81\x81 app\""},
        {"\"nonce\":\"", "\"nonce\":\"00"},
        {"\"id\":\"", "\"id\":\"0"},
        {"\"identity_key\":\"04", "\"identity_key\":\"02"},
        {"\"encryption_key\":\"04", "\"encryption_key\":\"05"},
        {"\"owners\":[", "\"owners\":[],\"x\":["},
        {"{\"encryption_key\"", "{\"a\":1,\"encryption_key\""},
    };
    (void)state;
    people p;
    found_app(&p, 3, 3, 2);
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

static void test_genesis_signatures(void **state) {
    (void)state;
    people p, other;
    sw_error err = {0};
    sw_genesis g;
    SW_SCOPED(sw_arena) arena = {0};
    sw_envelope e;
    found_app(&p, 4, 3, 2);
    found_app(&other, 5, 1, 1);
    assert_int_equal(sw_envelope_parse(&arena, bytes_of(&p.envelope), &e, NULL), SW_OK);
    for (size_t signers = 1; signers < 3; signers++) {
        SW_SCOPED(sw_buffer) part_signed = SW_BUFFER(1 << 16);
        sign_genesis(&p, e.payload, signers, &part_signed);
        assert_int_equal(open_genesis(bytes_of(&part_signed), false, &g, &err), SW_OK);
        assert_int_equal(open_genesis(bytes_of(&part_signed), true, &g, &err), SW_REFUSED);
        assert_string_equal(err.word, "quorum");
        assert_non_null(strstr(err.message, p.genesis.owners[signers].name));
    }
    /* A stranger's signature beside all owners', and one of another kind. */
    SW_SCOPED(sw_buffer) more = SW_BUFFER(1 << 16);
    assert_int_equal(
        sw_envelope_cosign(bytes_of(&p.envelope), SW_PAYLOAD_JOIN, other.keys[0].b, &more, &err),
        SW_OK);
    assert_int_equal(open_genesis(bytes_of(&more), true, &g, &err), SW_UNAUTHENTIC);
    SW_SCOPED(sw_buffer) kind = SW_BUFFER(1 << 16);
    assert_int_equal(sw_envelope_sign(SW_PAYLOAD_APPROVE, e.payload, p.keys[0].b, &kind, &err),
                     SW_OK);
    assert_int_equal(open_genesis(bytes_of(&kind), false, &g, &err), SW_UNAUTHENTIC);
    part(&p);
    part(&other);
}

/* Every cut, one byte more, and every bit of an envelope: all refused. */
static void test_no_flip_passes(void **state) {
    (void)state;
    people p;
    sw_genesis g;
    sw_entry entry, got;
    SW_SCOPED(sw_buffer) envelope = SW_BUFFER(1 << 14);
    found_app(&p, 6, 2, 2);
    entry = opening_of(&p, 1, 'm');
    sign_entry(&p, &entry, 1, &envelope);
    assert_int_equal(open_entry(&p, bytes_of(&envelope), &got, NULL), SW_OK);
    for (size_t i = 0; i < envelope.size; i++) {
        assert_int_not_equal(open_entry(&p, SW_BYTES(envelope.data, i), &got, NULL), SW_OK);
        for (int bit = 0; bit < 8; bit++) {
            envelope.data[i] ^= (uint8_t)(1 << bit);
            assert_int_not_equal(open_entry(&p, bytes_of(&envelope), &got, NULL), SW_OK);
            envelope.data[i] ^= (uint8_t)(1 << bit);
        }
    }
    sw_put_u8(&envelope, '\n');
    assert_int_not_equal(open_entry(&p, bytes_of(&envelope), &got, NULL), SW_OK);
    sw_buffer *b = &p.envelope;
    for (size_t i = 0; i < b->size; i++) {
        assert_int_not_equal(open_genesis(SW_BYTES(b->data, i), true, &g, NULL), SW_OK);
        b->data[i] ^= (uint8_t)(1 << i % 8);
        assert_int_not_equal(open_genesis(bytes_of(b), true, &g, NULL), SW_OK);
        b->data[i] ^= (uint8_t)(1 << i % 8);
    }
    part(&p);
}

/* Signs any payload text under any kind by owner 0. */
static sw_status try_payload(people *p, sw_payload_kind kind, const char *text, sw_error *err) {
    SW_SCOPED(sw_buffer) envelope = SW_BUFFER(1 << 14);
    sw_entry e;
    assert_int_equal(sw_envelope_sign(kind, sw_text(text), p->keys[0].b, &envelope, NULL), SW_OK);
    return open_entry(p, bytes_of(&envelope), &e, err);
}

static void test_payload_refusals(void **state) {
    static const struct {
        sw_payload_kind kind;
        const char *text; /* @app and @own stand for hashes */
        bool good;
    } cases[] = {
#define G "\"app\":\"@app\""
#define X "\"compose\":\"7878787878787878787878787878787878787878787878787878787878787878\""
#define O "\"owner\":\"@own\""
        {SW_PAYLOAD_APPROVE, "{" G "," X ",\"kind\":\"approve\"," O ",\"sequence\":1}", true},
        {SW_PAYLOAD_REVOKE, "{" G "," X ",\"kind\":\"revoke\"," O ",\"sequence\":1}", true},
        {SW_PAYLOAD_REVOKE, "{" G ",\"kind\":\"revoke\"," O ",\"sequence\":1}", true},
        {SW_PAYLOAD_LIFT, "{" G ",\"kind\":\"lift\"," O ",\"sequence\":1}", true},
        {SW_PAYLOAD_APPROVE, "{" G ",\"kind\":\"approve\"," O ",\"sequence\":1}", false},
        {SW_PAYLOAD_APPROVE, "{" G "," X ",\"kind\":\"revoke\"," O ",\"sequence\":1}", false},
        {SW_PAYLOAD_REVOKE, "{" G "," X ",\"kind\":\"approve\"," O ",\"sequence\":1}", false},
        {SW_PAYLOAD_LIFT, "{" G "," X ",\"kind\":\"revoke\"," O ",\"sequence\":1}", false},
        {SW_PAYLOAD_JOIN, "{" G "," X ",\"kind\":\"approve\"," O ",\"sequence\":1}", false},
        {SW_PAYLOAD_GRANT, "{" G "," X ",\"kind\":\"approve\"," O ",\"sequence\":1}", false},
        {SW_PAYLOAD_OPEN, "{" G "," X ",\"kind\":\"open\"," O ",\"sequence\":1}", false},
        {SW_PAYLOAD_APPROVE, "{" G "," X ",\"kind\":\"approve\"," O ",\"sequence\":-1}", false},
        {SW_PAYLOAD_APPROVE, "{" G "," X ",\"kind\":\"approve\"," O ",\"sequence\":1.5}", false},
        {SW_PAYLOAD_APPROVE, "{" G "," X ",\"kind\":\"approve\"," O ",\"sequence\":\"1\"}", false},
        {SW_PAYLOAD_APPROVE, "{" G "," X ",\"kind\":\"approve\"," O "}", false},
        {SW_PAYLOAD_APPROVE, "{" G "," X ",\"kind\":\"approve\",\"sequence\":1}", false},
        {SW_PAYLOAD_APPROVE, "{" X ",\"kind\":\"approve\"," O ",\"sequence\":1}", false},
        {SW_PAYLOAD_APPROVE, "{" G "," X ",\"kind\":\"approve\"," O ",\"sequence\":1,\"t\":1}",
         false},
        {SW_PAYLOAD_APPROVE, "{" X "," G ",\"kind\":\"approve\"," O ",\"sequence\":1}", false},
        {SW_PAYLOAD_APPROVE, "{ " G "," X ",\"kind\":\"approve\"," O ",\"sequence\":1}", false},
        {SW_PAYLOAD_REVOKE, "{" G ",\"compose\":null,\"kind\":\"revoke\"," O ",\"sequence\":1}",
         false},
        {SW_PAYLOAD_REVOKE, "{" G ",\"compose\":\"*\",\"kind\":\"revoke\"," O ",\"sequence\":1}",
         false},
        {SW_PAYLOAD_APPROVE, "[]", false},
        {SW_PAYLOAD_APPROVE, "", false},
#undef G
#undef X
#undef O
    };
    (void)state;
    people p;
    char app[65], owner[65];
    found_app(&p, 7, 2, 2);
    sw_hex_text(app, SW_BYTES_OF(p.genesis.hash.b));
    sw_hex_text(owner, SW_BYTES_OF(p.genesis.owners[0].id.b));
    for (size_t i = 0; i < COUNT(cases); i++) {
        SW_SCOPED(sw_buffer) text = SW_BUFFER(1024);
        sw_error err = {0};
        for (const char *at = cases[i].text; *at != 0; at++) {
            bool mark = *at == '@';
            if (mark) sw_put_text(&text, at[1] == 'a' ? app : owner);
            if (mark)
                at += 3;
            else
                sw_put_u8(&text, (uint8_t)*at);
        }
        sw_put_u8(&text, 0);
        print_message("# %zu %s\n", i, cases[i].text);
        assert_int_equal(try_payload(&p, cases[i].kind, (const char *)text.data, &err) == SW_OK,
                         cases[i].good);
    }
    part(&p);
}

/* What is good in one app, by one owner, once, is good nowhere else. */
static void test_replay_and_forgery(void **state) {
    (void)state;
    people p, q;
    sw_ledger *l = NULL;
    sw_error err = {0};
    sw_entry got;
    found_app(&p, 8, 3, 2);
    found_app(&q, 8, 3, 2);
    SW_SCOPED(sw_buffer) payload = SW_BUFFER(1 << 16);
    assert_int_equal(sw_genesis_draft("an app", 2, p.owners, 3, NULL, &p.entropy, &payload, &err),
                     SW_OK);
    assert_int_equal(sw_genesis_parse(bytes_of(&payload), &q.genesis, &err), SW_OK);
    assert_int_equal(sw_ledger_open(&p.genesis, &l, NULL), SW_OK);

    sw_entry e = entry_about(&p, 0, SW_PAYLOAD_APPROVE, 'x');
    SW_SCOPED(sw_buffer) envelope = SW_BUFFER(1 << 14);
    sign_entry(&p, &e, 0, &envelope);
    assert_int_equal(open_entry(&p, bytes_of(&envelope), &got, &err), SW_OK);
    assert_int_equal(open_entry(&q, bytes_of(&envelope), &got, &err), SW_REFUSED);
    sw_head at = {.index = 1};
    assert_int_equal(sw_ledger_apply(l, &at, bytes_of(&envelope), &err), SW_OK);
    at.index = 2;
    assert_int_equal(sw_ledger_apply(l, &at, bytes_of(&envelope), &err), SW_REFUSED);
    at.index = 3;
    assert_int_equal(sw_ledger_apply(l, &at, bytes_of(&envelope), &err), SW_UNAUTHENTIC);

    /* Bert's word in Anna's name does not sign, and signed by hand is not believed. */
    SW_SCOPED(sw_buffer) forged = SW_BUFFER(1 << 14);
    assert_int_equal(sw_entry_sign(&e, &p.keys[1], &forged, &err), SW_USAGE);
    SW_SCOPED(sw_arena) arena = {0};
    sw_envelope parsed;
    assert_int_equal(sw_envelope_parse(&arena, bytes_of(&envelope), &parsed, &err), SW_OK);
    assert_int_equal(
        sw_envelope_sign(SW_PAYLOAD_APPROVE, parsed.payload, p.keys[1].b, &forged, &err), SW_OK);
    assert_int_equal(open_entry(&p, bytes_of(&forged), &got, &err), SW_UNAUTHENTIC);
    SW_SCOPED(sw_buffer) twice = SW_BUFFER(1 << 14);
    assert_int_equal(
        sw_envelope_cosign(bytes_of(&envelope), SW_PAYLOAD_APPROVE, p.keys[1].b, &twice, &err),
        SW_OK);
    assert_int_equal(open_entry(&p, bytes_of(&twice), &got, &err), SW_UNAUTHENTIC);
    sw_ledger_close(&l);
    part(&p);
    part(&q);
}

static void append(people *p, sw_journal *j, char target, size_t owner) {
    SW_SCOPED(sw_buffer) envelope = SW_BUFFER(1 << 14);
    sw_entry e = entry_about(p, owner, SW_PAYLOAD_APPROVE, target);
    sign_entry(p, &e, owner, &envelope);
    assert_int_equal(sw_journal_append(j, NULL, bytes_of(&envelope), NULL, NULL), SW_OK);
    p->sequences[owner]++;
}

static void test_load(void **state) {
    (void)state;
    people p;
    sw_ledger *l = NULL;
    sw_journal *j = NULL, *fork = NULL;
    sw_error err = {0};
    sw_hash x = named_hash('x');
    found_app(&p, 9, 2, 2);
    assert_int_equal(sw_ledger_open(&p.genesis, &l, NULL), SW_OK);
    assert_int_equal(sw_journal_open_memory(&p.genesis.hash, &j, NULL), SW_OK);
    assert_int_equal(sw_ledger_load(l, j, &err), SW_OK);
    append(&p, j, 'x', 0);
    assert_int_equal(sw_ledger_load(l, j, &err), SW_OK);
    assert_int_equal(sw_ledger_check_run(l, &x, &err), SW_REFUSED);
    append(&p, j, 'x', 1);
    append(&p, j, 'y', 1);
    assert_int_equal(sw_ledger_load(l, j, &err), SW_OK);
    assert_int_equal(sw_ledger_check_run(l, &x, &err), SW_OK);
    sw_head here = sw_ledger_head(l), there = sw_journal_head(j);
    assert_true(sw_head_equal(&here, &there));
    /* A journal that goes another way, and one whose entry makes no sense. */
    assert_int_equal(sw_journal_open_memory(&p.genesis.hash, &fork, NULL), SW_OK);
    assert_int_equal(sw_ledger_load(l, fork, &err), SW_UNAUTHENTIC);
    assert_string_equal(err.word, "rollback");
    p.sequences[0] = 0;
    append(&p, j, 'z', 0);
    assert_int_equal(sw_ledger_load(l, j, &err), SW_REFUSED);
    sw_head after = sw_ledger_head(l);
    assert_true(sw_head_equal(&here, &after));
    sw_journal_close(&fork);
    sw_journal_close(&j);
    sw_ledger_close(&l);
    part(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_genesis),
        cmocka_unit_test(test_same_names_other_app),
        cmocka_unit_test(test_draft_refusals),
        cmocka_unit_test(test_genesis_refusals),
        cmocka_unit_test(test_genesis_signatures),
        cmocka_unit_test(test_no_flip_passes),
        cmocka_unit_test(test_payload_refusals),
        cmocka_unit_test(test_replay_and_forgery),
        cmocka_unit_test(test_load),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
