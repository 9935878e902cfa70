/* SPDX-License-Identifier: Apache-2.0
 *
 * The clients against a real server over TLS on loopback, a child process ended by its pid. What
 * the rules are is tested without sockets (test_keys, test_unlock); here it is that both sides mean
 * the same bytes, that a client believes nothing that does not hold, and how long a request takes.
 */
#include "kms/world.h"

#include "kms/client.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

typedef struct remote_world {
    world *w;
    pid_t pid;
    char url[64];
    uint16_t port;
    sw_identity *owners[OWNERS]; /* in the genesis' order */
    sw_remote *remote;
} remote_world;

/* The service runs in a child with the system's clock and chance; secrets are made there, since
 * locked memory does not survive a fork. */
static _Noreturn void child(const world *w, uint16_t port, int ready) {
    sw_kms_options o = w->options;
    o.entropy = sw_entropy_system();
    o.clock = sw_clock_system();
    sw_kms *k = NULL;
    sw_http_server *server = NULL;
    sw_error err = {0};
    sw_status status = sw_kms_open(&o, &k, &err);
    if (status == SW_OK)
        status = sw_http_listen("127.0.0.1", port, sw_kms_tls_key(k), &o.entropy, sw_kms_answer, k,
                                &server, &port, &err);
    if (status != SW_OK || write(ready, &port, sizeof port) != sizeof port) _exit(1);
    status = sw_http_serve(server, &err);
    sw_http_close(&server);
    sw_kms_close(&k);
    _exit(status == SW_OK ? 0 : 1);
}

static void serve(remote_world *r) {
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    r->pid = fork();
    assert_true(r->pid >= 0);
    if (r->pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves nothing behind */
        child(r->w, r->port, ready[1]);
    }
    (void)close(ready[1]);
    assert_int_equal(read(ready[0], &r->port, sizeof r->port), sizeof r->port);
    (void)close(ready[0]);
    (void)snprintf(r->url, sizeof r->url, "https://127.0.0.1:%u", r->port);
}

static void end_service(remote_world *r, int how) {
    int status;
    assert_int_equal(kill(r->pid, how), 0);
    assert_int_equal(waitpid(r->pid, &status, 0), r->pid);
    assert_true(how == SIGKILL || (WIFEXITED(status) && WEXITSTATUS(status) == 0));
}

/* Owners with real identity folders; the world's own keys give way to theirs. */
static void make_owners(remote_world *r) {
    world *w = r->w;
    sw_error err = {0};
    for (size_t i = 0; i < OWNERS; i++) {
        char folder[128], name[8];
        const sw_identity_key *key;
        (void)snprintf(folder, sizeof folder, "%s/owner%zu", w->folder, i);
        (void)snprintf(name, sizeof name, "o%zu", i);
        assert_int_equal(sw_identity_make(folder, name, NULL, &w->p.entropy, &err), SW_OK);
        assert_int_equal(sw_identity_open(folder, NULL, &w->p.entropy, &r->owners[i], &err), SW_OK);
        const sw_card *card = sw_identity_card(r->owners[i]);
        (void)snprintf(w->p.owners[i].name, sizeof w->p.owners[i].name, "%s", card->name);
        w->p.owners[i].id = card->id;
        w->p.owners[i].identity_key = card->identity_key;
        w->p.owners[i].encryption_key = card->encryption_key;
        assert_int_equal(sw_identity_signing_key(r->owners[i], &key, &err), SW_OK);
        w->p.keys[i] = *key;
    }
    sort_people(&w->p);
    for (size_t i = 0; i < OWNERS; i++) /* the folders in the same order */
        for (size_t k = i; k < OWNERS; k++)
            if (sw_hash_equal(&sw_identity_card(r->owners[k])->id, &w->p.owners[i].id)) {
                sw_identity *other = r->owners[i];
                r->owners[i] = r->owners[k];
                r->owners[k] = other;
            }
}

static void found_again(world *w) {
    SW_SCOPED(sw_buffer) payload = SW_BUFFER(1 << 16);
    sw_arena arena = {0};
    assert_int_equal(
        sw_genesis_draft("remote app", 2, w->p.owners, OWNERS, &w->p.entropy, &payload, NULL),
        SW_OK);
    w->p.envelope.size = 0;
    sign_genesis(&w->p, bytes_of(&payload), OWNERS, &w->p.envelope);
    assert_int_equal(sw_genesis_open(&arena, bytes_of(&w->p.envelope), true, &w->p.genesis, NULL),
                     SW_OK);
    sw_arena_free(&arena);
}

static int64_t now_ms(void) {
    sw_clock c = sw_clock_system();
    return c.wall_ms(c.context);
}

static sw_status unlock_by(remote_world *r, size_t i, sw_error *err) {
    sw_kms_facts facts;
    sw_remote *remote = NULL; /* each owner has a connection of their own */
    assert_int_equal(sw_remote_open(r->url, &r->w->p.entropy, &remote, err), SW_OK);
    sw_status status = sw_remote_unlock(remote, &r->w->reference, &r->w->p.genesis, r->owners[i],
                                        &r->w->p.entropy, now_ms(), &facts, err);
    sw_remote_close(&remote);
    return status;
}

static void unlock_all_by(remote_world *r) {
    for (size_t i = 0; i < OWNERS; i++) {
        sw_error err = {0};
        sw_status status = unlock_by(r, i, &err);
        if (status != SW_OK) print_message("# %s: %s\n", err.word, err.message);
        assert_int_equal(status, SW_OK);
    }
}

static void append_by(remote_world *r, size_t i, sw_payload_kind kind) {
    SW_SCOPED(sw_buffer) envelope = SW_BUFFER(1 << 14);
    sw_head head;
    sw_entry e = entry_of(r->w, i, kind);
    sign_entry(&r->w->p, &e, i, &envelope);
    assert_int_equal(
        sw_remote_append(r->remote, &r->w->p.genesis, bytes_of(&envelope), &head, NULL), SW_OK);
    r->w->p.sequences[i]++;
}

/* Everything over the wire: found, consent, approve by two. */
static remote_world *remote_new(void) {
    remote_world *r = calloc(1, sizeof *r);
    assert_non_null(r);
    r->w = world_new();
    world *w = r->w;
    sw_kms_close(&w->kms);
    sw_error err = {0};
    w->time.wall = now_ms(); /* collateral of START_MS holds for ten years */
    make_owners(r);
    found_again(w);
    serve(r);
    assert_int_equal(sw_remote_open(r->url, &w->p.entropy, &r->remote, &err), SW_OK);
    assert_int_equal(sw_remote_found(r->remote, bytes_of(&w->p.envelope), &err), SW_OK);
    sw_kms_facts facts;
    assert_int_equal(sw_remote_look(r->remote, &w->reference, now_ms(), &facts, &err), SW_OK);
    assert_true(sw_p256_equal(&facts.root, &w->self.root)); /* kept from the start before */
    for (size_t i = 0; i < OWNERS; i++)
        assert_int_equal(
            sw_identity_unlock_secret(r->owners[i], &w->p.genesis.hash, true, &w->secrets[i], &err),
            SW_OK);
    use_recipe(w, &(recipe_plan){0});
    w->options.clock = sw_clock_system();
    boot_machine(w);
    append_by(r, 0, SW_PAYLOAD_APPROVE);
    append_by(r, 1, SW_PAYLOAD_APPROVE);
    return r;
}

static void remote_free(remote_world *r) {
    sw_remote_close(&r->remote);
    if (r->pid > 0) end_service(r, SIGTERM);
    for (size_t i = 0; i < OWNERS; i++) sw_identity_close(&r->owners[i]);
    world_free(r->w);
    free(r);
}

static sw_key_request request_of(remote_world *r) {
    world *w = r->w;
    return (sw_key_request){.purpose = SW_PURPOSE_TRAIN,
                            .app_compose = bytes_of(&w->compose),
                            .genesis_envelope = bytes_of(&w->p.envelope),
                            .genesis = &w->p.genesis,
                            .recipe = &w->recipe,
                            .consents = w->consents,
                            .machine = w->machine,
                            .manifest_key = &w->manifest_key,
                            .manifest_public = w->manifest_public,
                            .reference = &w->reference};
}

static sw_status ask_by(remote_world *r, const sw_key_request *q, sw_granted *out, sw_error *err) {
    return sw_remote_keys(r->remote, q, &r->w->p.entropy, now_ms(), out, err);
}

static void refused_by(remote_world *r, sw_key_request q, const char *word) {
    sw_granted granted = {0};
    sw_error err = {0};
    assert_int_not_equal(ask_by(r, &q, &granted, &err), SW_OK);
    if (strcmp(err.word, word) != 0) print_message("# %s: %s\n", err.word, err.message);
    assert_string_equal(err.word, word);
    assert_null(granted.receipt.data);
    assert_int_equal(granted.count, 0);
}

static void check_granted(const remote_world *r, const sw_granted *g) {
    assert_int_equal(g->count, OWNERS);
    for (size_t i = 0; i < OWNERS; i++) {
        sw_data_key key;
        assert_int_equal(sw_consent_unwrap(&r->w->consents[i], g->keys[i], &key, NULL), SW_OK);
        assert_memory_equal(key.b, r->w->data_keys[i].b, 32);
    }
    sw_journal *j = NULL; /* what the manifest takes along reads back */
    assert_int_equal(sw_journal_import(bytes_of(&g->ledger), &r->w->p.genesis.hash, &j, NULL),
                     SW_OK);
    sw_head head = sw_journal_head(j);
    assert_true(sw_head_equal(&head, &g->grant.ledger));
    sw_journal_close(&j);
}

static uint64_t granted_by(remote_world *r, sw_key_request q) {
    sw_granted granted = {0};
    sw_error err = {0};
    sw_status status = ask_by(r, &q, &granted, &err);
    if (status != SW_OK) print_message("# %s: %s\n", err.word, err.message);
    assert_int_equal(status, SW_OK);
    check_granted(r, &granted);
    uint64_t number = granted.grant.number;
    sw_granted_free(&granted);
    return number;
}

/* ---- the whole way ---- */
static void test_keys_over_the_wire(void **state) {
    (void)state;
    remote_world *r = remote_new();
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
    assert_int_equal(sw_audit_verify(bytes_of(&log), &s, NULL), SW_OK);
    assert_int_equal(s.grants, 3);
    assert_int_equal(s.unlocks, OWNERS);
    remote_free(r);
}

/* kill -9: what was answered is there, nothing is unlocked, owners notice the new start. */
static void test_killed_and_restarted(void **state) {
    (void)state;
    remote_world *r = remote_new();
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
    remote_world *r = remote_new();
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
    assert_int_equal(sw_audit_verify(bytes_of(&log), &s, NULL), SW_OK);
    sw_remote_close(&remote);
    return s.unlocks;
}

/* An owner's program remembers heads: it signs nothing for a log or ledger that was put back. */
static void test_an_owner_remembers(void **state) {
    (void)state;
    remote_world *r = remote_new();
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
    remote_world *r = remote_new();
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

static void test_who_is_no_owner(void **state) {
    (void)state;
    remote_world *r = remote_new();
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
    remote_world *r = remote_new();
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
        cmocka_unit_test(test_an_owner_remembers),
        cmocka_unit_test(test_an_owner_remembers_the_ledger),
        cmocka_unit_test(test_who_is_no_owner),
        cmocka_unit_test(test_long_ledgers_come_in_pages),
    };
    return cmocka_run_group_tests_name("kms/remote", tests, NULL, NULL);
}
