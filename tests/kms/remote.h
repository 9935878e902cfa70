/* SPDX-License-Identifier: Apache-2.0
 *
 * The world of the key service with real identities and a real server: a child process on a port of
 * the system's choice, ended by its pid.
 */
#ifndef SW_TESTS_KMS_REMOTE_H
#define SW_TESTS_KMS_REMOTE_H
#include "kms/world.h"

#include "kms/client.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

typedef struct remote_world {
    world *w;
    pid_t pid;
    char url[64];
    uint16_t port;
    sw_identity *owners[OWNERS]; /* in the genesis' order */
    sw_remote *remote;
    /* How the service answers, NULL: as it is. Called in the child with `lie`, which is shared. */
    sw_http_handler handler;
    int *lie;
    sw_rpc *node; /* of the owners, when the app is on a chain */
} remote_world;

typedef struct liar { /* a handler's context */
    sw_kms *kms;
    const remote_world *r;
} liar;

/* The service runs in a child with the system's clock and chance; secrets are made there, since
 * locked memory does not survive a fork. */
static _Noreturn inline void child(const remote_world *r, uint16_t port, int ready) {
    const world *w = r->w;
    sw_kms_options o = w->options;
    o.entropy = sw_entropy_system();
    o.clock = sw_clock_system();
    sw_kms *k = NULL;
    sw_http_server *server = NULL;
    sw_error err = {0};
    sw_status status = sw_kms_open(&o, &k, &err);
    liar context = {k, r};
    if (status == SW_OK)
        status =
            sw_http_listen("127.0.0.1", port, sw_kms_tls_key(k), &o.entropy,
                           r->handler != NULL ? r->handler : sw_kms_answer,
                           r->handler != NULL ? (void *)&context : (void *)k, &server, &port, &err);
    if (status != SW_OK || write(ready, &port, sizeof port) != sizeof port) _exit(1);
    status = sw_http_serve(server, &err);
    sw_http_close(&server);
    sw_kms_close(&k);
    _exit(status == SW_OK ? 0 : 1);
}

static inline void serve(remote_world *r) {
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    r->pid = fork();
    assert_true(r->pid >= 0);
    if (r->pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves nothing behind */
        child(r, r->port, ready[1]);
    }
    (void)close(ready[1]);
    assert_int_equal(read(ready[0], &r->port, sizeof r->port), sizeof r->port);
    (void)close(ready[0]);
    (void)snprintf(r->url, sizeof r->url, "https://127.0.0.1:%u", r->port);
}

static inline void end_service(remote_world *r, int how) {
    int status;
    assert_int_equal(kill(r->pid, how), 0);
    assert_int_equal(waitpid(r->pid, &status, 0), r->pid);
    assert_true(how == SIGKILL || (WIFEXITED(status) && WEXITSTATUS(status) == 0));
}

/* Owners with real identity folders; the world's own keys give way to theirs. */
static inline void make_owners(remote_world *r) {
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

static inline void found_again(world *w) {
    SW_SCOPED(sw_buffer) payload = SW_BUFFER(1 << 16);
    sw_arena arena = {0};
    assert_int_equal(
        sw_genesis_draft("remote app", 2, w->p.owners, OWNERS, NULL, &w->p.entropy, &payload, NULL),
        SW_OK);
    w->p.envelope.size = 0;
    sign_genesis(&w->p, bytes_of(&payload), OWNERS, &w->p.envelope);
    assert_int_equal(sw_genesis_open(&arena, bytes_of(&w->p.envelope), true, &w->p.genesis, NULL),
                     SW_OK);
    sw_arena_free(&arena);
}

static inline int64_t now_ms(void) {
    sw_clock c = sw_clock_system();
    return c.wall_ms(c.context);
}

static inline sw_status unlock_told(remote_world *r, size_t i, sw_kms_facts *facts, sw_error *err) {
    sw_clock clock = sw_clock_system();
    sw_remote *remote = NULL; /* each owner has a connection of their own */
    assert_int_equal(sw_remote_open(r->url, &r->w->p.entropy, &remote, err), SW_OK);
    sw_remote_node(remote, r->node);
    sw_status status = sw_remote_unlock(remote, &r->w->reference, &r->w->p.genesis, r->owners[i],
                                        &r->w->p.entropy, &clock, facts, err);
    sw_remote_close(&remote);
    return status;
}

static inline sw_status unlock_by(remote_world *r, size_t i, sw_error *err) {
    sw_kms_facts facts;
    return unlock_told(r, i, &facts, err);
}

static inline void unlock_all_by(remote_world *r) {
    for (size_t i = 0; i < OWNERS; i++) {
        sw_error err = {0};
        sw_status status = unlock_by(r, i, &err);
        if (status != SW_OK) print_message("# %s: %s\n", err.word, err.message);
        assert_int_equal(status, SW_OK);
    }
}

static inline void append_by(remote_world *r, size_t i, sw_payload_kind kind) {
    SW_SCOPED(sw_buffer) envelope = SW_BUFFER(1 << 14);
    sw_head head;
    sw_entry e = entry_of(r->w, i, kind);
    sign_entry(&r->w->p, &e, i, &envelope);
    assert_int_equal(
        sw_remote_append(r->remote, &r->w->p.genesis, bytes_of(&envelope), &head, NULL), SW_OK);
    r->w->p.sequences[i]++;
}

static inline remote_world *remote_begin(world *w, sw_http_handler handler) {
    remote_world *r = calloc(1, sizeof *r);
    assert_non_null(r);
    r->handler = handler;
    r->lie = mmap(NULL, sizeof *r->lie, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(r->lie, MAP_FAILED);
    r->w = w;
    sw_kms_close(&w->kms);
    w->time.wall = now_ms(); /* collateral of START_MS holds for ten years */
    make_owners(r);
    return r;
}

/* The service starts, learns of the app, and the owners consent. */
static inline void remote_found(remote_world *r) {
    world *w = r->w;
    sw_error err = {0};
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
}

/* Everything over the wire: found, consent, approve by two. */
static inline remote_world *remote_new(sw_http_handler handler) {
    remote_world *r = remote_begin(world_new(), handler);
    found_again(r->w);
    remote_found(r);
    append_by(r, 0, SW_PAYLOAD_APPROVE);
    append_by(r, 1, SW_PAYLOAD_APPROVE);
    return r;
}

static inline void remote_free(remote_world *r) {
    sw_remote_close(&r->remote);
    if (r->pid > 0) end_service(r, SIGTERM);
    for (size_t i = 0; i < OWNERS; i++) sw_identity_close(&r->owners[i]);
    world_free(r->w);
    (void)munmap(r->lie, sizeof *r->lie);
    free(r);
}

static inline sw_key_request request_of(remote_world *r) {
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

static inline sw_status ask_by(remote_world *r, const sw_key_request *q, sw_granted *out,
                               sw_error *err) {
    return sw_remote_keys(r->remote, q, &r->w->p.entropy, now_ms(), out, err);
}

static inline void refused_by(remote_world *r, sw_key_request q, const char *word) {
    sw_granted granted = {0};
    sw_error err = {0};
    assert_int_not_equal(ask_by(r, &q, &granted, &err), SW_OK);
    if (strcmp(err.word, word) != 0) print_message("# %s: %s\n", err.word, err.message);
    assert_string_equal(err.word, word);
    assert_null(granted.receipt.data);
    assert_int_equal(granted.count, 0);
}

static inline void check_granted(const remote_world *r, const sw_granted *g) {
    assert_int_equal(g->count, OWNERS);
    for (size_t i = 0; i < OWNERS; i++) {
        sw_data_key key;
        assert_int_equal(sw_consent_unwrap(&r->w->consents[i], g->keys[i], &key, NULL), SW_OK);
        assert_memory_equal(key.b, r->w->data_keys[i].b, 32);
    }
    if (r->w->p.genesis.backend == SW_LEDGER_ETHEREUM) return;
    sw_journal *j = NULL; /* what the manifest takes along reads back */
    assert_int_equal(sw_journal_import(bytes_of(&g->ledger), &r->w->p.genesis.hash, &j, NULL),
                     SW_OK);
    sw_head head = sw_journal_head(j);
    assert_true(sw_head_equal(&head, &g->grant.ledger));
    sw_journal_close(&j);
}

static inline uint64_t granted_by(remote_world *r, sw_key_request q) {
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
#endif
