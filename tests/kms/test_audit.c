/* SPDX-License-Identifier: Apache-2.0
 *
 * Who writes into an audit log's file: the chain has no key, so whatever is well-formed can be put
 * there. What a start must carry, and how grants count (docs/formats/kms.md, KMS-072, KMS-081,
 * KMS-082, KMS-085).
 */
#include "kms/world.h"

#include "kms/client.h"

typedef struct forger { /* with a receipt key of one's own */
    sw_session_key key;
    sw_p256_public receipt;
} forger;

static forger new_forger(world *w) {
    forger f;
    assert_int_equal(sw_p256_generate(&w->p.entropy, f.key.b, &f.receipt, NULL), SW_OK);
    return f;
}

static sw_journal *open_log(world *w) {
    char path[256];
    sw_journal *j = NULL;
    sw_hash id;
    (void)snprintf(path, sizeof path, "%s/audit.db", w->dir);
    sw_audit_id(&id, &w->self.root);
    assert_int_equal(sw_journal_open_sqlite(path, &id, &j, NULL), SW_OK);
    return j;
}

static void put_entry(sw_journal *j, const forger *f, sw_json *root) {
    SW_SCOPED(sw_buffer) payload = SW_BUFFER(1 << 14);
    SW_SCOPED(sw_buffer) envelope = SW_BUFFER(1 << 15);
    sw_json_encode(&payload, root);
    assert_int_equal(
        sw_envelope_sign(SW_PAYLOAD_AUDIT, bytes_of(&payload), f->key.b, &envelope, NULL), SW_OK);
    assert_int_equal(sw_journal_append(j, NULL, bytes_of(&envelope), NULL, NULL), SW_OK);
}

/* A start by the forger's key; its code by `key`, or none at all. */
static void put_start(world *w, sw_journal *j, const forger *f, const sw_audit_key *key) {
    SW_SCOPED(sw_arena) a = {0};
    const sw_audit_start s = {.boot_nonce = named_hash('b'),
                              .compose = w->reference.compose,
                              .receipt = f->receipt,
                              .root = w->self.root,
                              .tls = f->receipt};
    const sw_head before = sw_journal_head(j);
    sw_hash code, id;
    sw_json *root = sw_json_make(&a, SW_JSON_OBJECT);
    sw_audit_id(&id, &s.root);
    if (key != NULL) sw_audit_code(&code, key, &id, &before, &s);
    sw_json_add_hex(&a, root, "boot_nonce", SW_BYTES_OF(s.boot_nonce.b));
    if (key != NULL) sw_json_add_hex(&a, root, "code", SW_BYTES_OF(code.b));
    sw_json_add_hex(&a, root, "compose", SW_BYTES_OF(s.compose.b));
    sw_json_add_text(&a, root, "event", SW_LITERAL("start"));
    sw_json_add_text(&a, root, "kind", SW_LITERAL(SW_AUDIT_KIND));
    sw_json_add_hex(&a, root, "receipt", SW_BYTES_OF(s.receipt.b));
    sw_json_add_hex(&a, root, "root", SW_BYTES_OF(s.root.b));
    sw_json_add_hex(&a, root, "tls", SW_BYTES_OF(s.tls.b));
    put_entry(j, f, root);
}

static void put_grant(world *w, sw_journal *j, const forger *f, int number, int renewal) {
    SW_SCOPED(sw_arena) arena = {0};
    sw_arena *a = &arena;
    static const char *const empty[] = {"open_manifest", "open_recipient", "reason", "word"};
    sw_json *root = sw_json_make(a, SW_JSON_OBJECT);
    for (size_t i = 0; i < COUNT(empty); i++) sw_json_add_text(a, root, empty[i], (sw_bytes){0});
    sw_json_add_hex(a, root, "app", SW_BYTES_OF(w->p.genesis.hash.b));
    sw_json_add_hex(a, root, "compose", SW_BYTES_OF(w->x.b));
    sw_json_add_integer(a, root, "counter_ms", 1);
    sw_json_add_text(a, root, "decision", SW_LITERAL("granted"));
    sw_json_add_hex(a, root, "evidence", SW_BYTES_OF(w->x.b));
    sw_json_add_text(a, root, "event", SW_LITERAL("keys"));
    sw_json_add_text(a, root, "kind", SW_LITERAL(SW_AUDIT_KIND));
    sw_json_add_hex(a, root, "machine", SW_BYTES_OF(f->receipt.b));
    sw_json_add_integer(a, root, "number", number);
    sw_json_add_text(a, root, "purpose", SW_LITERAL("train"));
    sw_json_add_integer(a, root, "renewal", renewal);
    sw_json_add_integer(a, root, "time_ms", 1);
    put_entry(j, f, root);
}

static void start_fails(world *w, const char *word, const char *part) {
    sw_error err = {0};
    sw_kms *k = NULL;
    assert_int_not_equal(sw_kms_open(&w->options, &k, &err), SW_OK);
    if (strcmp(err.word, word) != 0 || strstr(err.message, part) == NULL)
        print_message("# %s: %s\n", err.word, err.message);
    assert_string_equal(err.word, word);
    assert_non_null(strstr(err.message, part));
    assert_string_not_equal(err.hint, "");
}

static world *with_one_grant(void) {
    world *w = world_new();
    use_recipe(w, &(recipe_plan){.grants = 1});
    boot_machine(w);
    enter(w, 0, SW_PAYLOAD_APPROVE);
    enter(w, 1, SW_PAYLOAD_APPROVE);
    unlock_all(w);
    (void)keys_granted(w, (ask){0});
    keys_refused(w, (ask){0}, "grants");
    return w;
}

/* ---- starts ---- */
/* The host appends a start of its own making and counts the grants back. */
static void test_a_start_of_the_hosts_making(void **state) {
    (void)state;
    const sw_audit_key guessed = {{1}};
    for (int kind = 0; kind < 2; kind++) {
        world *w = with_one_grant();
        const forger f = new_forger(w);
        sw_kms_close(&w->kms);
        sw_journal *j = open_log(w);
        put_start(w, j, &f, kind == 0 ? &guessed : NULL);
        put_grant(w, j, &f, 0, 0);
        sw_journal_close(&j);
        start_fails(w, kind == 0 ? "rollback" : "unsupported",
                    kind == 0 ? "a start is not this key service's" : "an earlier version");
        world_free(w);
    }
}

/* A start that was genuine counts where it stood and nowhere else. */
static void test_a_start_stands_at_its_place(void **state) {
    (void)state;
    world *w = with_one_grant();
    SW_SCOPED(sw_arena) a = {0};
    sw_json *root;
    const sw_json_limits limits = {0, 8, 100000};
    answer page = tell(w, "GET", "/v1/audit/1", (sw_bytes){0}, NULL);
    assert_int_equal(sw_json_parse(&a, bytes_of(&page.body), &limits, &root, NULL), SW_OK);
    const sw_json *first = sw_json_member(root, "entries")->first;
    sw_kms_close(&w->kms);
    sw_journal *j = open_log(w);
    assert_int_equal(sw_journal_append(j, NULL, first->span, NULL, NULL), SW_OK);
    sw_journal_close(&j);
    start_fails(w, "rollback", "stood elsewhere");
    answer_free(&page);
    world_free(w);
}

/* While a start lasts nothing foreign joins its log: nothing is decided any more. */
static void test_writing_into_a_log_that_runs(void **state) {
    (void)state;
    world *w = world_ready();
    const sw_audit_key guessed = {{1}};
    const forger f = new_forger(w);
    sw_journal *j = open_log(w);
    put_start(w, j, &f, &guessed);
    put_grant(w, j, &f, 1, 0);
    sw_journal_close(&j);
    answer a = ask_keys(w, &(ask){0});
    assert_int_equal(a.http, 503);
    assert_string_equal(a.refusal.word, "rollback");
    answer_free(&a);
    world_free(w);
}

/* ---- numbers ---- */
static void test_numbers_follow_each_other(void **state) {
    (void)state;
    enum { START = -1 };
    static const struct {
        int numbers[4][2]; /* with their renewals; START: another start */
        size_t count;
        bool holds;
    } table[] = {
        {{{1, 0}}, 1, true},
        {{{1, 0}, {2, 0}, {1, 1}, {3, 0}}, 4, true},
        {{{0, 0}}, 1, false},
        {{{2, 0}}, 1, false},
        {{{1, 0}, {1, 0}}, 2, false},
        {{{1, 0}, {0, 0}}, 2, false},
        {{{1, 0}, {3, 0}}, 2, false},
        {{{1, 0}, {2, 0}, {1, 0}}, 3, false},
        {{{1, 1}}, 1, false},
        {{{1, 0}, {2, 1}}, 2, false},
        {{{1, 0}, {0, 1}}, 2, false},
        {{{1, 0}, {START}, {2, 0}, {2, 1}}, 4, true},
        {{{1, 0}, {START}, {1, 1}}, 3, false},
    };
    world *w = world_new();
    const sw_audit_key key = {{1}};
    const forger f = new_forger(w);
    for (size_t i = 0; i < COUNT(table); i++) {
        SW_SCOPED(sw_buffer) log = SW_BUFFER(1 << 20);
        sw_audit_summary s;
        sw_journal *j = NULL;
        sw_error err = {0};
        sw_hash id;
        sw_audit_id(&id, &w->self.root);
        assert_int_equal(sw_journal_open_memory(&id, &j, NULL), SW_OK);
        put_start(w, j, &f, &key);
        for (size_t n = 0; n < table[i].count; n++)
            if (table[i].numbers[n][0] == START)
                put_start(w, j, &f, &key);
            else
                put_grant(w, j, &f, table[i].numbers[n][0], table[i].numbers[n][1]);
        assert_int_equal(sw_journal_export(j, &log, NULL), SW_OK);
        sw_journal_close(&j);
        sw_status status = sw_audit_verify(bytes_of(&log), NULL, &s, &err);
        if ((status == SW_OK) != table[i].holds) print_message("# row %zu: %s\n", i, err.message);
        assert_int_equal(status == SW_OK, table[i].holds);
        if (!table[i].holds) assert_string_equal(err.word, "rollback");
    }
    world_free(w);
}

/* ---- who vouches for a start ---- */
static void export_log(world *w, sw_buffer *out) {
    sw_journal *j = open_log(w);
    assert_int_equal(sw_journal_export(j, out, NULL), SW_OK);
    sw_journal_close(&j);
}

static void test_owners_vouch_for_starts(void **state) {
    (void)state;
    world *w = with_one_grant();
    const sw_audit_key guessed = {{1}};
    const forger f = new_forger(w);
    SW_SCOPED(sw_buffer) log = SW_BUFFER(1 << 20);
    SW_SCOPED(sw_buffer) forged = SW_BUFFER(1 << 20);
    sw_audit_summary s;
    sw_error err = {0};
    restart_kms(w); /* nobody speaks to this one */
    sw_kms_close(&w->kms);
    export_log(w, &log);
    assert_int_equal(sw_audit_verify(bytes_of(&log), &w->p.genesis, &s, &err), SW_OK);
    assert_int_equal(s.starts, 2);
    assert_int_equal(s.alone_count, 1);
    assert_int_equal(s.alone[0], s.head.index);
    people others;
    found_app(&others, 5, 2, 2);
    assert_int_equal(sw_audit_verify(bytes_of(&log), &others.genesis, &s, &err), SW_OK);
    assert_int_equal(s.alone_count, 2); /* those owners know of none */
    part(&others);
    sw_journal *j = open_log(w);
    put_start(w, j, &f, &guessed);
    put_grant(w, j, &f, 2, 0);
    sw_journal_close(&j);
    export_log(w, &forged);
    assert_int_equal(sw_audit_verify(bytes_of(&forged), NULL, &s, &err), SW_OK);
    assert_int_equal(sw_audit_verify(bytes_of(&forged), &w->p.genesis, &s, &err), SW_UNAUTHENTIC);
    assert_string_equal(err.word, "statement");
    world_free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_start_of_the_hosts_making),
        cmocka_unit_test(test_a_start_stands_at_its_place),
        cmocka_unit_test(test_writing_into_a_log_that_runs),
        cmocka_unit_test(test_numbers_follow_each_other),
        cmocka_unit_test(test_owners_vouch_for_starts),
    };
    return cmocka_run_group_tests_name("kms/audit", tests, NULL, NULL);
}
