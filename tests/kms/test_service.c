/* SPDX-License-Identifier: Apache-2.0
 *
 * The service around its decisions: apps and ledgers, pages, starts, the root key at rest, the
 * audit log, bad requests, and memory that does not grow.
 */
#include "kms/world.h"

#include "kms/client.h"

#include <malloc.h>
#include <sqlite3.h>

/* ---- paths and apps ---- */
static void test_paths_that_are_none(void **state) {
    (void)state;
    world *w = world_new();
    sw_p256_public peer = new_peer(w);
    static const struct {
        const char *method, *path, *word;
    } table[] = {
        {"GET", "/", "missing"},
        {"POST", "/", "missing"},
        {"GET", "/v1/challenge", "missing"},
        {"GET", "/v1/look", "missing"},
        {"GET", "/v1/apps", "missing"},
        {"GET", "/v1/apps/", "missing"},
        {"GET", "/v1/apps/00", "missing"},
        {"GET", "/v1/apps/000000000000000000000000000000000000000000000000000000000000000G",
         "missing"},
        {"GET", "/v1/apps/0000000000000000000000000000000000000000000000000000000000000000",
         "missing"},
        {"GET", "/v1/audit", "missing"},
        {"GET", "/v1/audit/", "missing"},
        {"GET", "/v1/audit/0", "missing"},
        {"GET", "/v1/audit/01", "missing"},
        {"GET", "/v1/audit/1x", "missing"},
        {"GET", "/v1/audit/-1", "missing"},
        {"GET", "/v1/audit/99999999999999999999", "missing"},
        {"POST", "/v1/audit/1", "missing"},
        {"POST", "/v1/apps", "format"},
        {"POST", "/v1/challenge", "format"},
        {"POST", "/v1/look", "format"},
    };
    for (size_t i = 0; i < COUNT(table); i++)
        expect(tell(w, table[i].method, table[i].path, (sw_bytes){0}, &peer), table[i].word);
    static const char *const rest[] = {"/",          "/ledger", "/ledger/", "/ledger/0",
                                       "/ledgerx/1", "/keys",   "/unlock",  "x"};
    for (size_t i = 0; i < COUNT(rest); i++)
        expect(tell(w, "GET", app_path(w, rest[i]), (sw_bytes){0}, NULL), "missing");
    expect(tell(w, "POST", app_path(w, "/ledger/1"), (sw_bytes){0}, &peer), "missing");
    expect(tell(w, "POST", app_path(w, "/keys"), (sw_bytes){0}, NULL), "signature");
    world_free(w);
}

/* What the server itself refuses has words too (KMS-008). */
static void test_what_is_no_request(void **state) {
    (void)state;
    static const struct {
        int status;
        const char *word;
    } table[] = {{400, "format"}, {404, "missing"}, {413, "limit"}, {501, "format"}};
    world *w = world_new();
    for (size_t i = 0; i < COUNT(table); i++) {
        const sw_http_request q = {.refused = table[i].status, .method = "", .path = ""};
        sw_http_reply reply = {.body = SW_BUFFER(SW_KMS_REFUSAL_LIMIT)};
        sw_error err = {0};
        sw_kms_answer(w->kms, &q, &reply);
        assert_int_not_equal(sw_refusal_decode(table[i].status, bytes_of(&reply.body), &err),
                             SW_OK);
        assert_string_equal(err.word, table[i].word);
        sw_buffer_free(&reply.body);
    }
    world_free(w);
}

static void test_apps(void **state) {
    (void)state;
    world *w = world_new();
    sw_p256_public peer = new_peer(w);
    answer a = tell(w, "GET", app_path(w, ""), (sw_bytes){0}, NULL);
    assert_int_equal(a.http, 200);
    assert_true(sw_bytes_equal(bytes_of(&a.body), bytes_of(&w->p.envelope)));
    answer_free(&a);
    expect(tell(w, "POST", "/v1/apps", bytes_of(&w->p.envelope), &peer), ""); /* again: the same */
    people more;
    found_app(&more, 5, 2, 2);
    SW_SCOPED(sw_buffer) partly = SW_BUFFER(1 << 16);
    sw_arena arena = {0};
    sw_envelope e;
    assert_int_equal(sw_envelope_parse(&arena, bytes_of(&more.envelope), &e, NULL), SW_OK);
    sign_genesis(&more, e.payload, 1, &partly);
    expect(tell(w, "POST", "/v1/apps", bytes_of(&partly), &peer), "quorum"); /* not all signed */
    expect(tell(w, "POST", "/v1/apps", bytes_of(&more.envelope), &peer), "");
    sw_arena_free(&arena);
    part(&more);
    restart_kms(w);
    a = tell(w, "GET", app_path(w, ""), (sw_bytes){0}, NULL);
    assert_int_equal(a.http, 200); /* kept */
    answer_free(&a);
    world_free(w);
}

static void test_entries(void **state) {
    (void)state;
    world *w = world_new();
    sw_p256_public peer = new_peer(w);
    enter(w, 0, SW_PAYLOAD_APPROVE);
    sw_entry e = entry_of(w, 0, SW_PAYLOAD_APPROVE);
    expect(submit(w, &e, 0), "ledger"); /* approved already */
    e = entry_of(w, 1, SW_PAYLOAD_APPROVE);
    e.sequence++;
    expect(submit(w, &e, 1), "ledger"); /* not the next number */
    SW_SCOPED(sw_buffer) foreign = SW_BUFFER(1 << 14);
    SW_SCOPED(sw_buffer) good = SW_BUFFER(1 << 14);
    SW_SCOPED(sw_arena) arena = {0};
    sw_envelope parsed;
    e = entry_of(w, 1, SW_PAYLOAD_APPROVE);
    sign_entry(&w->p, &e, 1, &good);
    assert_int_equal(sw_envelope_parse(&arena, bytes_of(&good), &parsed, NULL), SW_OK);
    assert_int_equal(
        sw_envelope_sign(SW_PAYLOAD_APPROVE, parsed.payload, w->p.keys[2].b, &foreign, NULL),
        SW_OK); /* signed by another owner */
    expect(tell(w, "POST", app_path(w, "/ledger"), bytes_of(&foreign), &peer), "signature");
    uint8_t *large = calloc(1, SW_KMS_ENTRY_LIMIT + 1);
    assert_non_null(large);
    expect(tell(w, "POST", app_path(w, "/ledger"), SW_BYTES(large, SW_KMS_ENTRY_LIMIT + 1), &peer),
           "limit");
    free(large);
    sw_head head = ledger_head(w);
    assert_int_equal(head.index, 1);
    restart_kms(w);
    sw_head after = ledger_head(w);
    assert_true(sw_head_equal(&head, &after));
    world_free(w);
}

/* ---- starts ---- */
static void test_starts_differ(void **state) {
    (void)state;
    world *w = world_new();
    sw_kms_self before = w->self;
    restart_kms(w);
    assert_true(sw_p256_equal(&before.root, &w->self.root)); /* kept */
    assert_false(sw_p256_equal(&before.receipt, &w->self.receipt));
    assert_false(sw_p256_equal(&before.tls, &w->self.tls));
    assert_false(sw_hash_equal(&before.boot_nonce, &w->self.boot_nonce));
    sw_kms *second = NULL;
    sw_error err = {0};
    assert_int_equal(sw_kms_open(&w->options, &second, &err), SW_REFUSED);
    assert_string_equal(err.word, "busy"); /* one process at a time */
    assert_null(second);
    world_free(w);
}

static void start_refused(world *w, const sw_kms_options *o, const char *word) {
    sw_kms *k = NULL;
    sw_error err = {0};
    assert_int_not_equal(sw_kms_open(o, &k, &err), SW_OK);
    if (strcmp(err.word, word) != 0) print_message("# %s: %s\n", err.word, err.message);
    assert_string_equal(err.word, word);
    assert_null(k);
    (void)w;
}

static void test_the_root_opens_nowhere_else(void **state) {
    (void)state;
    world *w = world_new();
    sw_error err = {0};
    sw_kms_close(&w->kms);
    sw_kms_options o = w->options;
    o.program = SW_LITERAL("another program");
    start_refused(w, &o, "compose");
    o = w->options;
    char sim[96], where[112];
    (void)snprintf(sim, sizeof sim, "%s/sim2", w->folder);
    assert_int_equal(sw_sim_init(sim, &w->p.entropy, w->time.wall, &err), SW_OK);
    (void)snprintf(where, sizeof where, "sim:%s", sim);
    o.machine = where;
    start_refused(w, &o, "root"); /* another machine */
    assert_int_equal(sw_sim_add_image(w->sim, "other", true, &w->p.entropy, &err), SW_OK);
    start_refused(w, &w->options, "root"); /* another image on this machine */
    o = w->options;
    o.folder = w->folder;
    start_refused(w, &o, "missing");
    world_free(w);
}

/* Every bit of the sealed root, and every cut. */
static void test_a_damaged_root(void **state) {
    (void)state;
    world *w = world_new();
    char path[128];
    sw_kms_close(&w->kms);
    (void)snprintf(path, sizeof path, "%s/root.sealed", w->dir);
    SW_SCOPED(sw_buffer) file = SW_BUFFER(1024);
    assert_int_equal(sw_file_read(path, 1024, &file, NULL), SW_OK);
    for (size_t bit = 0; bit < file.size * 8; bit += 3) {
        file.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(sw_file_write(path, bytes_of(&file), 0600, SW_WRITE_REPLACE, NULL), SW_OK);
        start_refused(w, &w->options, "root");
        file.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t size = 0; size < file.size; size += 5) {
        assert_int_equal(
            sw_file_write(path, SW_BYTES(file.data, size), 0600, SW_WRITE_REPLACE, NULL), SW_OK);
        start_refused(w, &w->options, "root");
    }
    assert_int_equal(sw_file_write(path, bytes_of(&file), 0600, SW_WRITE_REPLACE, NULL), SW_OK);
    start_kms(w);
    world_free(w);
}

/* A fresh root beside an old audit log is no start at all. */
static void test_a_lost_root(void **state) {
    (void)state;
    world *w = world_new();
    char path[128];
    sw_kms_close(&w->kms);
    (void)snprintf(path, sizeof path, "%s/root.sealed", w->dir);
    assert_int_equal(unlink(path), 0);
    start_refused(w, &w->options, "journal");
    world_free(w);
}

static void test_init_twice(void **state) {
    (void)state;
    world *w = world_new();
    sw_hash compose;
    sw_error err = {0};
    assert_int_equal(sw_kms_init(&w->options, &compose, &err), SW_EXISTS);
    sw_kms_reference made;
    assert_int_equal(sw_kms_reference_make(&w->options, &made, &err), SW_OK);
    assert_true(sw_hash_equal(&made.compose, &w->reference.compose));
    sw_kms_options o = w->options;
    o.machine = "tdx";
    assert_int_equal(sw_kms_reference_make(&o, &made, &err), SW_MISSING);
    world_free(w);
}

/* ---- the audit log ---- */
static void export_of(world *w, sw_buffer *out) { /* one page is enough here */
    answer a = tell(w, "GET", "/v1/audit/1", (sw_bytes){0}, NULL);
    sw_arena arena = {0};
    sw_json *root;
    const sw_json_limits limits = {0, 8, 1000000};
    assert_int_equal(sw_json_parse_canonical(&arena, bytes_of(&a.body), &limits, &root, NULL),
                     SW_OK);
    sw_bytes entries = sw_json_member(root, "entries")->span;
    sw_put_text(out, "{\"entries\":");
    sw_put_bytes(out, entries);
    sw_put_text(out, ",\"id\":");
    sw_put_bytes(out, sw_json_member(root, "id")->span);
    sw_put_text(out, "}");
    sw_arena_free(&arena);
    answer_free(&a);
}

static void test_the_audit_log_tells_all(void **state) {
    (void)state;
    world *w = world_ready();
    sw_grant g = keys_granted(w, (ask){0});
    keys_refused(w, (ask){.other_response = true}, "evidence");
    (void)keys_granted(w, (ask){.renew = g.number});
    restart_kms(w);
    keys_refused(w, (ask){0}, "locked");
    SW_SCOPED(sw_buffer) log = SW_BUFFER(1 << 22);
    sw_audit_summary s;
    sw_error err = {0};
    export_of(w, &log);
    assert_int_equal(sw_audit_verify(bytes_of(&log), NULL, &s, &err), SW_OK);
    assert_int_equal(s.starts, 2);
    assert_int_equal(s.unlocks, OWNERS);
    assert_int_equal(s.grants, 2);
    assert_int_equal(s.refusals, 2);
    assert_int_equal(s.head.index, 2 + OWNERS + 2 + 2);
    /* Every bit, sampled: refused, or the summary is the same (never here). */
    size_t flips = 0;
    for (size_t bit = 3; bit < log.size * 8; bit += log.size * 8 / 2100) {
        sw_audit_summary other;
        log.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_not_equal(sw_audit_verify(bytes_of(&log), NULL, &other, &err), SW_OK);
        log.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        flips++;
    }
    assert_true(flips >= 2000);
    world_free(w);
}

/* Strangers write ten refusals a minute into the log, and what more there were is one entry. Who is
 * approved, and what is granted, is always written. */
static void test_strangers_do_not_fill_the_log(void **state) {
    (void)state;
    enum { FLOOD = 100, A_MINUTE = 10 };
    world *w = world_ready();
    SW_SCOPED(sw_buffer) log = SW_BUFFER(1 << 22);
    sw_audit_summary s;
    uint64_t before = head_of(w, "/v1/audit/1").index;
    for (size_t i = 0; i < FLOOD; i++) keys_refused(w, (ask){.other_response = true}, "evidence");
    assert_int_equal(head_of(w, "/v1/audit/1").index, before + A_MINUTE);
    (void)keys_granted(w, (ask){0});
    keys_refused(w, (ask){.shards = 1}, "shard"); /* by an approved machine */
    assert_int_equal(head_of(w, "/v1/audit/1").index, before + A_MINUTE + 2);
    w->time.steady += 59999;
    w->time.wall += 59999;
    keys_refused(w, (ask){.other_response = true}, "evidence");
    assert_int_equal(head_of(w, "/v1/audit/1").index, before + A_MINUTE + 2);
    w->time.steady++;
    w->time.wall++;
    keys_refused(w, (ask){.other_response = true}, "evidence");
    assert_int_equal(head_of(w, "/v1/audit/1").index, before + A_MINUTE + 4);
    for (size_t i = 0; i < FLOOD; i++) keys_refused(w, (ask){.other_response = true}, "evidence");
    restart_kms(w); /* what was counted is written at the end */
    export_of(w, &log);
    assert_int_equal(sw_audit_verify(bytes_of(&log), NULL, &s, NULL), SW_OK);
    assert_int_equal(s.refusals, FLOOD + 1 + 2 + FLOOD);
    assert_int_equal(s.head.index, before + A_MINUTE + 2 + 1 + A_MINUTE + 1 + 1);
    world_free(w);
}

/* A statement that is refused is a stranger's, also one that an owner signed: manifests carry them,
 * and anybody can send them again. */
static void test_strangers_statements_are_counted(void **state) {
    (void)state;
    world *w = world_ready();
    uint64_t before = head_of(w, "/v1/audit/1").index;
    for (size_t i = 0; i < 40; i++) {
        sw_p256_public peer = new_peer(w);
        sw_unlock_statement s = statement_of(w, 0);
        s.owner = named_hash('n');
        answer a = send_unlock(w, &s, 0, &peer);
        assert_string_not_equal(a.refusal.word, "");
        answer_free(&a);
    }
    assert_int_equal(head_of(w, "/v1/audit/1").index, before + 10);
    for (size_t i = 0; i < 20; i++) {
        sw_p256_public peer = new_peer(w);
        sw_unlock_statement s = statement_of(w, 0);
        answer a = send_unlock(w, &s, 0, &peer); /* without a look */
        assert_string_equal(a.refusal.word, "replay");
        answer_free(&a);
    }
    assert_int_equal(head_of(w, "/v1/audit/1").index, before + 10);
    unlock(w, 0); /* what is granted is always written */
    assert_int_equal(head_of(w, "/v1/audit/1").index, before + 11);
    sw_p256_public peer = new_peer(w);
    look(w, &peer);
    sw_unlock_statement said = statement_of(w, 1);
    expect(send_unlock(w, &said, 1, &peer), "");
    for (size_t i = 0; i < 20; i++) { /* by a peer that looks each time */
        look(w, &peer);
        expect(send_unlock(w, &said, 1, &peer), "replay");
    }
    assert_int_equal(head_of(w, "/v1/audit/1").index, before + 12);
    world_free(w);
}

/* KMS-084: what is no message is no decision; what stands in a message and is not what it should
 * be, is. */
static void test_what_is_a_decision(void **state) {
    (void)state;
    world *w = world_ready();
    sw_p256_public peer = new_peer(w);
    const uint8_t enc[SW_HPKE_ENC_BYTES] = {4}, sealed[SW_KMS_SECRET_BYTES] = {0};
    SW_SCOPED(sw_buffer) body = SW_BUFFER(1 << 14);
    SW_SCOPED(sw_buffer) keys = SW_BUFFER(1 << 14);
    uint64_t before = head_of(w, "/v1/audit/1").index;
    sw_put_field(&body, SW_LITERAL("{}"));
    sw_put_field(&body, SW_BYTES_OF(enc));
    sw_put_field(&body, SW_BYTES(sealed, sizeof sealed - 1));
    expect(tell(w, "POST", app_path(w, "/unlock"), bytes_of(&body), &peer), "format");
    for (size_t i = 0; i < 4; i++) sw_put_field(&keys, SW_LITERAL("{}"));
    expect(tell(w, "POST", app_path(w, "/keys"), bytes_of(&keys), &peer), "format");
    assert_int_equal(head_of(w, "/v1/audit/1").index, before);
    body.size = 0;
    sw_put_field(&body, SW_LITERAL("{}"));
    sw_put_field(&body, SW_BYTES_OF(enc));
    sw_put_field(&body, SW_BYTES_OF(sealed));
    expect(tell(w, "POST", app_path(w, "/unlock"), bytes_of(&body), &peer), "format");
    assert_int_equal(head_of(w, "/v1/audit/1").index, before + 1);
    world_free(w);
}

/* The cause of a failed proof stands in the log, and only there. */
static void test_the_cause_is_in_the_log(void **state) {
    (void)state;
    world *w = world_ready();
    ask q = {.wait_ms = SW_KMS_LEAST_MS + 1};
    answer a = ask_keys(w, &q);
    assert_string_equal(a.refusal.word, "evidence");
    assert_null(strstr(a.refusal.message, "challenge"));
    char first[sizeof a.refusal.message];
    (void)snprintf(first, sizeof first, "%s", a.refusal.message);
    answer_free(&a);
    q = (ask){.other_response = true};
    a = ask_keys(w, &q);
    assert_string_equal(a.refusal.message, first); /* one sentence for all */
    answer_free(&a);
    answer page = tell(w, "GET", "/v1/audit/5", (sw_bytes){0}, NULL);
    SW_SCOPED(sw_buffer) expected = SW_BUFFER(256);
    sw_put_text(&expected, "the challenge is older than 60 s");
    /* payloads are base64: look for the sentence in the decoded entries */
    SW_SCOPED(sw_arena) arena = {0};
    sw_json *root;
    const sw_json_limits limits = {0, 8, 100000};
    assert_int_equal(sw_json_parse_canonical(&arena, bytes_of(&page.body), &limits, &root, NULL),
                     SW_OK);
    bool found = false;
    for (const sw_json *e = sw_json_member(root, "entries")->first; e != NULL; e = e->next) {
        sw_envelope envelope;
        assert_int_equal(sw_envelope_parse(&arena, e->span, &envelope, NULL), SW_OK);
        found |= memmem(envelope.payload.data, envelope.payload.size, expected.data,
                        expected.size) != NULL;
    }
    assert_true(found);
    answer_free(&page);
    world_free(w);
}

/* ---- bad requests ---- */
/* Accepted requests cut at every byte, extended, and with bits flipped: nobody gets keys. */
static void test_spoiled_requests(void **state) {
    (void)state;
    world *w = world_ready();
    SW_SCOPED(sw_buffer) body = SW_BUFFER(SW_HTTP_BODY_LIMIT);
    const char *path = app_path(w, "/keys");
    ask q = {.body = &body};
    (void)ask_keys(w, &q);
    for (size_t size = 0; size < body.size; size += 97)
        expect(tell(w, "POST", path, SW_BYTES(body.data, size), &q.used_peer), "format");
    sw_put_u8(&body, 0);
    expect(tell(w, "POST", path, bytes_of(&body), &q.used_peer), "format");
    body.size--;
    size_t flips = 0;
    size_t step = body.size * 8 / 600;
    for (size_t bit = 1; flips < 600; bit += step, flips++) {
        body.size = 0; /* a good request with a challenge that is still good, but for one bit */
        q = (ask){.body = &body};
        (void)ask_keys(w, &q);
        body.data[bit / 8 % body.size] ^= (uint8_t)(1 << bit % 8);
        answer a = tell(w, "POST", path, bytes_of(&body), &q.used_peer);
        if (a.http == 200) print_message("# bit %zu was accepted\n", bit);
        assert_int_not_equal(a.http, 200);
        answer_free(&a);
    }
    (void)keys_granted(w, (ask){0});
    world_free(w);
}

/* What we hold ourselves; SQLite's cache of pages is counted apart. */
static size_t held_bytes(void) {
    return mallinfo2().uordblks - (size_t)sqlite3_memory_used();
}

/* Key requests take nothing that stays, apart from the audit log's list of hashes (32 bytes an
 * entry, doubled when it grows) and the allocator's own rounding of SQLite's pages. */
static void test_memory_does_not_grow(void **state) {
    (void)state;
    enum { WARM = 20, REQUESTS = 400, SLACK_BYTES = 128 };
    world *w = world_new();
    use_recipe(w, &(recipe_plan){.grants = 100000});
    boot_machine(w);
    enter(w, 0, SW_PAYLOAD_APPROVE);
    enter(w, 1, SW_PAYLOAD_APPROVE);
    unlock_all(w);
    size_t before = 0;
    for (size_t i = 0; i < WARM + REQUESTS; i++) {
        if (i == WARM) before = held_bytes();
        sw_grant g = keys_granted(w, (ask){0});
        assert_int_equal(g.number, i + 1);
        w->time.steady += 1000;
    }
    size_t after = held_bytes();
    if (after > before + REQUESTS * SLACK_BYTES)
        print_message("# %zu bytes a request\n", (after - before) / REQUESTS);
    assert_true(after <= before + REQUESTS * SLACK_BYTES);
    assert_true(sqlite3_memory_used() < 8 << 20); /* two journals' caches of 2 MB and change */
    world_free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths_that_are_none),
        cmocka_unit_test(test_what_is_no_request),
        cmocka_unit_test(test_apps),
        cmocka_unit_test(test_entries),
        cmocka_unit_test(test_starts_differ),
        cmocka_unit_test(test_the_root_opens_nowhere_else),
        cmocka_unit_test(test_a_damaged_root),
        cmocka_unit_test(test_a_lost_root),
        cmocka_unit_test(test_init_twice),
        cmocka_unit_test(test_the_audit_log_tells_all),
        cmocka_unit_test(test_strangers_do_not_fill_the_log),
        cmocka_unit_test(test_strangers_statements_are_counted),
        cmocka_unit_test(test_what_is_a_decision),
        cmocka_unit_test(test_the_cause_is_in_the_log),
        cmocka_unit_test(test_spoiled_requests),
        cmocka_unit_test(test_memory_does_not_grow),
    };
    return cmocka_run_group_tests_name("kms/service", tests, NULL, NULL);
}
