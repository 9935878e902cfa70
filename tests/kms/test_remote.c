/* SPDX-License-Identifier: Apache-2.0
 *
 * The clients against a real server over TLS on loopback, a child process ended by its pid. What
 * the rules are is tested without sockets (test_keys, test_unlock); here it is that both sides mean
 * the same bytes, that a client believes nothing that does not hold, and how long a request takes.
 */
#include "kms/remote.h"

/* ---- the whole way ---- */
static void test_keys_over_the_wire(void **state) {
    (void)state;
    remote_world *r = remote_new(NULL);
    refused_by(r, request_of(r), "locked");
    unlock_all_by(r);
    assert_int_equal(granted_by(r, request_of(r)), 1);
    sw_key_request q = request_of(r);
    q.reference = NULL; /* nothing to judge the service by */
    refused_by(r, q, "usage");
    q.reference = &r->w->reference;
    assert_int_equal(granted_by(r, q), 2);
    sw_kms_reference other = r->w->reference;
    other.compose.b[0] ^= 1;
    q.reference = &other;
    refused_by(r, q, "evidence");
    q = request_of(r);
    q.renew_grant = 2;
    assert_int_equal(granted_by(r, q), 2);
    append_by(r, 2, SW_PAYLOAD_REVOKE);
    refused_by(r, q, "revoked"); /* the running lease */
    refused_by(r, request_of(r), "revoked");
    SW_SCOPED(sw_buffer) log = SW_BUFFER(SW_JOURNAL_EXPORT_LIMIT);
    sw_audit_summary s;
    assert_int_equal(sw_remote_audit(r->remote, &log, NULL), SW_OK);
    assert_int_equal(sw_audit_verify(bytes_of(&log), NULL, &s, NULL), SW_OK);
    assert_int_equal(s.grants, 3);
    assert_int_equal(s.unlocks, OWNERS);
    remote_free(r);
}

/* kill -9: what was answered is there, nothing is unlocked, owners notice the new start. */
static void test_killed_and_restarted(void **state) {
    (void)state;
    remote_world *r = remote_new(NULL);
    sw_error err = {0};
    unlock_all_by(r);
    assert_int_equal(granted_by(r, request_of(r)), 1);
    assert_int_equal(sw_remote_probe(r->remote, &r->w->p.genesis, &err), SW_OK);
    end_service(r, SIGKILL);
    refused_by(r, request_of(r), "unavailable");
    serve(r);
    assert_int_equal(sw_remote_probe(r->remote, &r->w->p.genesis, &err), SW_UNAUTHENTIC);
    refused_by(r, request_of(r), "locked"); /* reconnects by itself */
    unlock_all_by(r);
    sw_key_request q = request_of(r);
    q.renew_grant = 1;
    refused_by(r, q, "lease");
    q = request_of(r);
    q.purpose = SW_PURPOSE_RESUME;
    assert_int_equal(granted_by(r, q), 2); /* the count survived */
    remote_free(r);
}

/* ---- owners believe nothing that does not hold ---- */
static void test_a_key_service_that_is_not_the_one(void **state) {
    (void)state;
    remote_world *r = remote_new(NULL);
    world *w = r->w;
    sw_error err = {0};
    sw_kms_reference right = w->reference;
    w->reference.compose.b[9] ^= 1; /* another program */
    assert_int_not_equal(unlock_by(r, 0, &err), SW_OK);
    assert_string_equal(err.word, "evidence");
    w->reference = right;
    w->reference.policy.images[0].mrtd[0] ^= 1; /* another image */
    assert_int_not_equal(unlock_by(r, 0, &err), SW_OK);
    w->reference = right;
    w->reference.policy.anchors[0].b[0] ^= 1; /* another root of trust */
    assert_int_not_equal(unlock_by(r, 0, &err), SW_OK);
    w->reference = right;
    w->reference.policy.image_count = 0; /* a reference that names no image */
    assert_int_not_equal(unlock_by(r, 0, &err), SW_OK);
    w->reference = right;
    assert_int_equal(unlock_by(r, 0, &err), SW_OK);
    refused_by(r, request_of(r), "locked");
    remote_free(r);
}

static void copy_file(const char *from, const char *to) {
    SW_SCOPED(sw_buffer) file = SW_BUFFER((size_t)64 << 20);
    assert_int_equal(sw_file_read(from, (size_t)64 << 20, &file, NULL), SW_OK);
    assert_int_equal(sw_file_write(to, bytes_of(&file), 0600, SW_WRITE_REPLACE, NULL), SW_OK);
}

/* How often the service took an owner's word, by its own log. */
static uint64_t words_taken(remote_world *r) {
    SW_SCOPED(sw_buffer) log = SW_BUFFER(SW_JOURNAL_EXPORT_LIMIT);
    sw_audit_summary s;
    sw_remote *remote = NULL;
    assert_int_equal(sw_remote_open(r->url, &r->w->p.entropy, &remote, NULL), SW_OK);
    assert_int_equal(sw_remote_audit(remote, &log, NULL), SW_OK);
    assert_int_equal(sw_audit_verify(bytes_of(&log), NULL, &s, NULL), SW_OK);
    sw_remote_close(&remote);
    return s.unlocks;
}

/* Requests that are each answered at once, and have one end together (WRK-050). */
static void test_one_end_for_all(void **state) {
    (void)state;
    remote_world *r = remote_new(NULL);
    sw_error err = {0};
    sw_status status = SW_OK;
    SW_SCOPED(sw_buffer) log = SW_BUFFER(SW_JOURNAL_EXPORT_LIMIT);
    sw_remote_patience(r->remote, 60000, 400);
    size_t answered = 0;
    for (; answered < 100000 && status == SW_OK; answered += status == SW_OK) {
        log.size = 0;
        status = sw_remote_audit(r->remote, &log, &err);
    }
    assert_int_equal(status, SW_UNAVAILABLE);
    assert_non_null(strstr(err.message, "in time"));
    sw_remote_patience(r->remote, 60000, 60000);
    log.size = 0;
    assert_int_equal(sw_remote_audit(r->remote, &log, &err), SW_OK);
    remote_free(r);
}

/* An owner's program remembers heads: it signs nothing for a log or ledger that was put back. */
static void test_an_owner_remembers(void **state) {
    (void)state;
    remote_world *r = remote_new(NULL);
    char audit[128], ledger[256], kept_audit[160], kept_ledger[300], hex[65];
    sw_error err = {0};
    sw_hex_text(hex, SW_BYTES_OF(r->w->p.genesis.hash.b));
    (void)snprintf(audit, sizeof audit, "%s/audit.db", r->w->dir);
    (void)snprintf(ledger, sizeof ledger, "%s/apps/%s.db", r->w->dir, hex);
    (void)snprintf(kept_audit, sizeof kept_audit, "%s.kept", audit);
    (void)snprintf(kept_ledger, sizeof kept_ledger, "%s.kept", ledger);
    end_service(r, SIGTERM);
    copy_file(audit, kept_audit);
    copy_file(ledger, kept_ledger);
    serve(r);
    sw_remote_close(&r->remote);
    assert_int_equal(sw_remote_open(r->url, &r->w->p.entropy, &r->remote, &err), SW_OK);
    append_by(r, 2, SW_PAYLOAD_APPROVE);
    unlock_all_by(r);
    end_service(r, SIGTERM);
    copy_file(kept_audit, audit);
    serve(r);
    assert_int_equal(unlock_by(r, 0, &err), SW_UNAUTHENTIC);
    assert_string_equal(err.word, "rollback");
    assert_int_equal(words_taken(r), 0); /* nothing was handed over */
    remote_free(r);
}

static void test_an_owner_remembers_the_ledger(void **state) {
    (void)state;
    remote_world *r = remote_new(NULL);
    char ledger[256], kept[300], hex[65];
    sw_error err = {0};
    sw_hex_text(hex, SW_BYTES_OF(r->w->p.genesis.hash.b));
    (void)snprintf(ledger, sizeof ledger, "%s/apps/%s.db", r->w->dir, hex);
    (void)snprintf(kept, sizeof kept, "%s.kept", ledger);
    end_service(r, SIGTERM);
    copy_file(ledger, kept);
    serve(r);
    sw_remote_close(&r->remote);
    assert_int_equal(sw_remote_open(r->url, &r->w->p.entropy, &r->remote, &err), SW_OK);
    append_by(r, 2, SW_PAYLOAD_REVOKE);
    unlock_all_by(r);
    end_service(r, SIGTERM);
    copy_file(kept, ledger);
    serve(r);
    for (size_t i = 0; i < OWNERS; i++) {
        assert_int_equal(unlock_by(r, i, &err), SW_UNAUTHENTIC);
        assert_string_equal(err.word, "rollback");
    }
    assert_int_equal(words_taken(r), OWNERS); /* those of the start before */
    remote_free(r);
}

/* Who follows the log between two words misses a grant that was rolled back; who does not, does not
 * (KMS-044 says what that leaves). */
static void test_an_owner_follows_the_log(void **state) {
    (void)state;
    remote_world *r = remote_new(NULL);
    const sw_genesis *g = &r->w->p.genesis;
    const sw_clock clock = sw_clock_system();
    char audit[128], kept[160];
    sw_kms_facts facts, before;
    sw_remote *watch = NULL;
    sw_error err = {0};
    (void)snprintf(audit, sizeof audit, "%s/audit.db", r->w->dir);
    (void)snprintf(kept, sizeof kept, "%s.kept", audit);
    unlock_all_by(r);
    assert_int_equal(sw_remote_open(r->url, &r->w->p.entropy, &watch, &err), SW_OK);
    assert_int_equal(sw_remote_unlock(watch, &r->w->reference, g, r->owners[2], &r->w->p.entropy,
                                      &clock, &facts, &err),
                     SW_OK);
    before = facts;
    assert_int_equal(sw_remote_follow(watch, g, r->owners[2], &facts, &err), SW_OK);
    assert_true(sw_head_equal(&facts.audit, &before.audit)); /* nothing new */
    copy_file(audit, kept);
    assert_int_equal(granted_by(r, request_of(r)), 1);
    sw_kms_facts other = facts;
    other.receipt = facts.tls; /* not who signs the entries */
    assert_int_equal(sw_remote_follow(watch, g, r->owners[2], &other, &err), SW_UNAUTHENTIC);
    other = facts;
    other.audit.hash.b[3] ^= 1; /* they do not follow what was seen */
    assert_int_equal(sw_remote_follow(watch, g, r->owners[2], &other, &err), SW_UNAUTHENTIC);
    assert_string_equal(err.word, "rollback");
    assert_int_equal(sw_remote_follow(watch, g, r->owners[2], &facts, &err), SW_OK);
    assert_int_equal(facts.audit.index, before.audit.index + 1);
    end_service(r, SIGKILL);
    copy_file(kept, audit);
    serve(r);
    assert_int_equal(sw_remote_follow(watch, g, r->owners[2], &facts, &err), SW_UNAUTHENTIC);
    sw_remote_close(&watch);
    assert_int_equal(unlock_by(r, 0, &err), SW_OK);
    assert_int_equal(unlock_by(r, 2, &err), SW_UNAUTHENTIC);
    assert_string_equal(err.word, "rollback");
    remote_free(r);
}

static void test_who_is_no_owner(void **state) {
    (void)state;
    remote_world *r = remote_new(NULL);
    sw_error err = {0};
    char folder[128];
    (void)snprintf(folder, sizeof folder, "%s/stranger", r->w->folder);
    sw_identity *own = r->owners[0];
    assert_int_equal(sw_identity_make(folder, "stranger", NULL, &r->w->p.entropy, &err), SW_OK);
    assert_int_equal(sw_identity_open(folder, NULL, &r->w->p.entropy, &r->owners[0], &err), SW_OK);
    assert_int_equal(unlock_by(r, 0, &err), SW_REFUSED);
    assert_string_equal(err.word, "owner");
    sw_identity_close(&r->owners[0]);
    r->owners[0] = own;
    people others; /* an app that this service does not hold */
    found_app(&others, 3, 2, 1);
    sw_journal *j = NULL;
    sw_ledger *l = NULL;
    assert_int_equal(sw_remote_ledger(r->remote, &others.genesis, &j, &l, &err), SW_MISSING);
    assert_null(j);
    part(&others);
    remote_free(r);
}

/* More entries than one page holds arrive whole. */
static void test_long_ledgers_come_in_pages(void **state) {
    (void)state;
    remote_world *r = remote_new(NULL);
    enum { MORE = 300 };
    for (size_t i = 0; i < MORE; i++) {
        r->w->x = named_hash('a');
        r->w->x.b[0] = (uint8_t)i;
        r->w->x.b[1] = (uint8_t)(i >> 8);
        append_by(r, 2, SW_PAYLOAD_APPROVE);
    }
    sw_journal *j = NULL;
    sw_ledger *l = NULL;
    assert_int_equal(sw_remote_ledger(r->remote, &r->w->p.genesis, &j, &l, NULL), SW_OK);
    assert_int_equal(sw_journal_head(j).index, 2 + MORE);
    assert_int_equal(sw_ledger_sequence(l, &r->w->p.genesis.owners[2].id), MORE);
    sw_journal_close(&j);
    sw_ledger_close(&l);
    remote_free(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys_over_the_wire),
        cmocka_unit_test(test_killed_and_restarted),
        cmocka_unit_test(test_a_key_service_that_is_not_the_one),
        cmocka_unit_test(test_one_end_for_all),
        cmocka_unit_test(test_an_owner_remembers),
        cmocka_unit_test(test_an_owner_remembers_the_ledger),
        cmocka_unit_test(test_an_owner_follows_the_log),
        cmocka_unit_test(test_who_is_no_owner),
        cmocka_unit_test(test_long_ledgers_come_in_pages),
    };
    return cmocka_run_group_tests_name("kms/remote", tests, NULL, NULL);
}
