/* SPDX-License-Identifier: Apache-2.0
 *
 * A small world for the key service: three owners (two are a quorum), a software machine, a
 * service without sockets, a recipe over all three shards. The test owns time.
 */
#ifndef SW_TESTS_KMS_WORLD_H
#define SW_TESTS_KMS_WORLD_H
#include "ledger/people.h"

#include "kms/kms.h"
#include "kms/message.h"
#include "seal/consent.h"
#include "sys/files.h"

#include <ftw.h>
#include <stdlib.h>
#include <unistd.h>

enum { OWNERS = 3 };
#define START_MS INT64_C(1795408892000)

typedef struct test_time {
    int64_t wall, steady;
} test_time;
static inline int64_t test_wall(void *t) {
    return ((test_time *)t)->wall;
}
static inline int64_t test_steady(void *t) {
    return ((test_time *)t)->steady;
}

typedef struct answer { /* status 200: `body`; else the refusal */
    int http;
    sw_buffer body;
    sw_error refusal;
} answer;

typedef struct world {
    char folder[64], sim[96], where[112], dir[96];
    test_time time;
    people p;
    sw_kms_options options;
    sw_kms *kms;
    sw_kms_self self; /* facts of the last look */
    sw_claims claims;
    sw_kms_reference reference;
    sw_buffer model_lock, trainer_lock;
    sw_hash datasets[OWNERS];
    sw_data_key data_keys[OWNERS];
    sw_unlock_secret secrets[OWNERS];
    /* the recipe in hand */
    sw_buffer compose;
    sw_hash x;
    sw_recipe recipe;
    sw_buffer consent_files[OWNERS];
    sw_consent consents[OWNERS];
    sw_arena arena;
    sw_machine *machine;
    sw_session_key manifest_key;
    sw_p256_public manifest_public;
    uint64_t statements; /* signed so far */
    sw_head named;       /* on a chain: the block that statements name */
    bool imitates_tdx;   /* the service's quotes have another root than Intel's */
} world;

/* ---- the recipe ---- */
typedef struct recipe_plan {
    const sw_hash *app;      /* NULL: the world's */
    const char *name;        /* NULL: "a recipe" */
    size_t shards;           /* 0: all; else that many */
    const sw_hash *datasets; /* NULL: the world's */
    const char *lease, *max_silence;
    unsigned grants; /* 0: 32 */
    bool without_images;
} recipe_plan;

static inline void put_hex(sw_buffer *out, const char *before, const void *bytes, size_t size,
                           const char *after) {
    sw_put_text(out, before);
    sw_hex_encode(out, SW_BYTES(bytes, size));
    sw_put_text(out, after);
}

static inline void put_machine(const world *w, bool without_images, sw_buffer *y) {
    sw_policy policy;
    sw_error err = {0};
    assert_int_equal(sw_sim_policy(w->sim, &policy, &err), SW_OK);
    sw_put_text(y, "machine:\n  platform: sim\n");
    put_hex(y, "  anchors: [", policy.anchors[0].b, 32, "]\n");
    if (without_images) sw_put_text(y, "  images: []\n");
    if (!without_images) {
        sw_put_format(y, "  images:\n    - name: %s\n", policy.images[0].name);
        put_hex(y, "      mrtd: ", policy.images[0].mrtd, 48, "\n");
        put_hex(y, "      rtmr0: ", policy.images[0].rtmr[0], 48, "\n");
        put_hex(y, "      rtmr1: ", policy.images[0].rtmr[1], 48, "\n");
        put_hex(y, "      rtmr2: ", policy.images[0].rtmr[2], 48, "\n");
    }
    put_hex(y, "  devices: [", policy.devices[0].b, 32, "]\n");
    sw_put_format(y, "  minimum_tcb: {status: UpToDate, evaluation_data_number: %u}\n  gpu: none\n",
                  policy.minimum_evaluation_number);
}

static inline void put_recipe(const world *w, const recipe_plan *plan, sw_buffer *y) {
    const sw_hash *app = plan->app != NULL ? plan->app : &w->p.genesis.hash;
    const sw_hash *datasets = plan->datasets != NULL ? plan->datasets : w->datasets;
    sw_put_format(y, "sealwright: 1\nname: %s\n", plan->name != NULL ? plan->name : "a-recipe");
    put_hex(y, "description: \"a test\"\napp: ", app->b, 32,
            "\nmodel: {name: SmolLM2-135M-Instruct}\nphase: sft\nmethod: lora\n"
            "template: chatml-smollm2\nshards:\n");
    for (size_t i = 0; i < (plan->shards != 0 ? plan->shards : OWNERS); i++) {
        const sw_owner *o = &w->p.genesis.owners[i % OWNERS];
        put_hex(y, "  - {owner: ", o->id.b, 32, ", dataset: ");
        put_hex(y, "", datasets[i].b, 32, ", rows: 100, name: ");
        sw_put_format(y, "%s}\n", o->name);
    }
    sw_put_text(y, "training:\n  max_steps: 4\nlora:\n  r: 8\n  lora_alpha: 16\n"
                   "  target_modules: [q_proj]\ntrainer: {kind: native, profile: bf16-dp}\n");
    put_machine(w, plan->without_images, y);
    sw_put_format(y,
                  "output: {open_quorum: 2, limit: 64MiB}\n"
                  "observe: {metrics: sealed, interval: 1, checkpoint_limit: 128MiB}\n"
                  "lease: %s\nmax_silence: %s\ngrants: %u\n",
                  plan->lease != NULL ? plan->lease : "10m",
                  plan->max_silence != NULL ? plan->max_silence : "24h",
                  plan->grants != 0 ? plan->grants : 32);
}

static inline void make_compose(const world *w, const recipe_plan *plan, sw_buffer *out) {
    SW_SCOPED(sw_buffer) yaml = SW_BUFFER(1 << 16);
    sw_error err = {0};
    put_recipe(w, plan, &yaml);
    sw_status status = sw_compose_make(bytes_of(&yaml), "recipe.yaml", bytes_of(&w->model_lock),
                                       bytes_of(&w->trainer_lock), out, &err);
    if (status != SW_OK) print_message("# %s\n", err.message);
    assert_int_equal(status, SW_OK);
}

/* ---- consents ---- */
static inline void consent_to(const world *w, size_t i, const sw_hash *x, const sw_hash *dataset,
                              const sw_p256_public *root, sw_buffer *out) {
    sw_error err = {0};
    const sw_wrap_context c = {.genesis = w->p.genesis.hash,
                               .compose = *x,
                               .owner = w->p.genesis.owners[i].id,
                               .dataset = *dataset};
    assert_int_equal(sw_consent_make(&c, root, &w->secrets[i], &w->data_keys[i], &w->p.keys[i],
                                     &w->p.entropy, out, &err),
                     SW_OK);
}

static inline void use_recipe(world *w, const recipe_plan *plan) {
    sw_error err = {0};
    w->compose.size = 0;
    make_compose(w, plan, &w->compose);
    sw_compose_hash(&w->x, bytes_of(&w->compose));
    assert_int_equal(sw_compose_parse(bytes_of(&w->compose), &w->recipe, &err), SW_OK);
    for (size_t i = 0; i < OWNERS; i++) {
        w->consent_files[i].size = 0;
        consent_to(w, i, &w->x, &w->datasets[i], &w->self.root, &w->consent_files[i]);
        assert_int_equal(sw_consent_open(&w->arena, bytes_of(&w->consent_files[i]),
                                         &w->p.genesis.owners[i].identity_key, &w->consents[i],
                                         &err),
                         SW_OK);
    }
}

static inline void boot_machine(world *w) {
    sw_error err = {0};
    uint8_t app_id[20];
    sw_genesis_app_id(&w->p.genesis, app_id);
    sw_machine_close(&w->machine);
    assert_int_equal(sw_machine_boot(w->where, bytes_of(&w->compose), app_id, &w->options.entropy,
                                     &w->options.clock, &w->machine, &err),
                     SW_OK);
    assert_int_equal(sw_p256_generate(&w->p.entropy, w->manifest_key.b, &w->manifest_public, &err),
                     SW_OK);
}

/* ---- talking to the service ---- */
static inline sw_p256_public new_peer(world *w) {
    sw_p256_public peer;
    uint8_t secret[32];
    assert_int_equal(sw_p256_generate(&w->p.entropy, secret, &peer, NULL), SW_OK);
    return peer;
}

static inline void answer_free(answer *a) {
    sw_buffer_free(&a->body);
}

static inline answer tell(world *w, const char *method, const char *path, sw_bytes body,
                          const sw_p256_public *peer) {
    sw_http_request q = {.method = method, .path = path, .body = body, .connection = 1};
    if (peer != NULL) {
        q.peer = *peer;
        q.has_peer = true;
    }
    sw_http_reply reply = {.status = 0, .body = SW_BUFFER(SW_HTTP_BODY_LIMIT)};
    sw_kms_answer(w->kms, &q, &reply);
    answer a = {.http = reply.status, .body = reply.body};
    assert_false(a.body.failed);
    if (a.http != 200) {
        assert_int_not_equal(sw_refusal_decode(a.http, bytes_of(&a.body), &a.refusal), SW_OK);
        assert_string_not_equal(a.refusal.message, ""); /* one that was encoded */
        assert_null(strstr(a.refusal.message, "nothing that we understand"));
    }
    return a;
}

static inline const char *app_path(const world *w, const char *rest) {
    static char path[SW_KMS_PATH_BYTES];
    char hex[65];
    sw_hex_text(hex, SW_BYTES_OF(w->p.genesis.hash.b));
    (void)snprintf(path, sizeof path, "/v1/apps/%s%s", hex, rest);
    return path;
}

/* Asserts the refusal's word ("" for success) and frees. */
static inline void expect(answer a, const char *word) {
    if (strcmp(a.http == 200 ? "" : a.refusal.word, word) != 0)
        print_message("# %d %s: %s\n", a.http, a.refusal.word, a.refusal.message);
    assert_string_equal(a.http == 200 ? "" : a.refusal.word, word);
    answer_free(&a);
}

/* ---- entries ---- */
static inline answer submit(world *w, sw_entry *e, size_t i) {
    SW_SCOPED(sw_buffer) envelope = SW_BUFFER(1 << 14);
    sw_p256_public peer = new_peer(w);
    sign_entry(&w->p, e, i, &envelope);
    answer a = tell(w, "POST", app_path(w, "/ledger"), bytes_of(&envelope), &peer);
    if (a.http == 200) w->p.sequences[i] = e->sequence;
    return a;
}

static inline sw_entry entry_of(const world *w, size_t i, sw_payload_kind kind) {
    return (sw_entry){.kind = kind,
                      .genesis = w->p.genesis.hash,
                      .owner = w->p.genesis.owners[i].id,
                      .sequence = w->p.sequences[i] + 1,
                      .compose = w->x};
}

static inline void enter(world *w, size_t i, sw_payload_kind kind) {
    sw_entry e = entry_of(w, i, kind);
    expect(submit(w, &e, i), "");
}

static inline answer submit_open(world *w, size_t i, const sw_hash *manifest,
                                 const sw_p256_public *recipient) {
    sw_entry e = entry_of(w, i, SW_PAYLOAD_OPEN);
    e.manifest = *manifest;
    e.recipient = *recipient;
    return submit(w, &e, i);
}

static inline sw_head head_of(world *w, const char *path) {
    answer a = tell(w, "GET", path, (sw_bytes){0}, NULL);
    assert_int_equal(a.http, 200);
    sw_json *root;
    sw_head head;
    SW_SCOPED(sw_arena) arena = {0};
    const sw_json_limits limits = {0, 8, 1000000};
    assert_int_equal(sw_json_parse_canonical(&arena, bytes_of(&a.body), &limits, &root, NULL),
                     SW_OK);
    assert_int_equal(sw_head_from_json(root, "page", "head", &head, NULL), SW_OK);
    answer_free(&a);
    return head;
}

static inline sw_head ledger_head(world *w) {
    return head_of(w, app_path(w, "/ledger/1"));
}

/* ---- looking and unlocking ---- */
/* No policy takes another anchor than Intel's for `tdx`, so evidence that imitates it is judged as
 * what it is. */
static inline void call_it_sim(answer *a) {
    static const char said[] = "\"platform\":\"tdx\"";
    uint8_t *at = memmem(a->body.data, a->body.size, said, sizeof said - 1);
    assert_non_null(at);
    memcpy(at + sizeof said - 5, "sim", 3);
}

static inline void look(world *w, const sw_p256_public *peer) {
    sw_error err = {0};
    sw_hash nonce;
    sw_report_data expected;
    SW_SCOPED(sw_arena) arena = {0};
    assert_int_equal(sw_entropy_fill(&w->p.entropy, nonce.b, 32, NULL), SW_OK);
    answer a = tell(w, "POST", "/v1/look", SW_BYTES_OF(nonce.b), peer);
    assert_int_equal(a.http, 200);
    if (w->imitates_tdx) call_it_sim(&a);
    sw_reader r = sw_reader_of(bytes_of(&a.body));
    sw_bytes facts = sw_read_field(&r, SW_KMS_FACTS_LIMIT);
    sw_bytes evidence = sw_read_field(&r, SW_EVIDENCE_LIMIT);
    assert_int_equal(sw_reader_finish(&r, "look", &err), SW_OK);
    assert_int_equal(sw_kms_self_parse(&arena, facts, &w->self, &err), SW_OK);
    sw_report_kms_root(&expected, &nonce, &w->self.boot_nonce, &w->self.root, &w->self.receipt,
                       &w->self.tls);
    const sw_question question = {.report = &expected, .compose = &w->reference.compose};
    sw_status status =
        sw_attest(evidence, &w->reference.policy, w->time.wall, &question, &w->claims, &err);
    if (status != SW_OK) print_message("# %s\n", err.message);
    assert_int_equal(status, SW_OK);
    answer_free(&a);
}

static inline sw_unlock_statement statement_of(world *w, size_t i) {
    return (sw_unlock_statement){
        .genesis = w->p.genesis.hash,
        .owner = w->p.genesis.owners[i].id,
        .boot_nonce = w->self.boot_nonce,
        .root = w->self.root,
        .receipt = w->self.receipt,
        .ledger = w->p.genesis.backend == SW_LEDGER_ETHEREUM ? w->named : ledger_head(w),
        .audit = w->self.audit,
        .time_ms = w->time.wall,
        .sequence = ++w->statements};
}

/* The statement in its envelope by owner i's key, and the secret sealed to the root. */
static inline void put_unlock(world *w, const sw_unlock_statement *s, size_t i,
                              const sw_unlock_secret *secret, sw_buffer *body) {
    uint8_t enc[SW_HPKE_ENC_BYTES], sealed[SW_KMS_SECRET_BYTES];
    SW_SCOPED(sw_buffer) envelope = SW_BUFFER(SW_KMS_STATEMENT_LIMIT);
    SW_SCOPED(sw_buffer) info = SW_BUFFER(512);
    sw_hpke_keys keys;
    assert_int_equal(sw_unlock_sign(s, &w->p.keys[i], &envelope, NULL), SW_OK);
    sw_kms_unlock_info(&info, &s->genesis, &s->owner, &s->boot_nonce, bytes_of(&envelope));
    const sw_hpke_info binding = {.info = bytes_of(&info)};
    assert_int_equal(sw_hpke_setup_sender(&w->p.entropy, &w->self.root, &binding, enc, &keys, NULL),
                     SW_OK);
    assert_int_equal(sw_hpke_seal(&keys, (sw_bytes){0}, SW_BYTES_OF(secret->b), sealed, NULL),
                     SW_OK);
    sw_put_field(body, bytes_of(&envelope));
    sw_put_field(body, SW_BYTES_OF(enc));
    sw_put_field(body, SW_BYTES_OF(sealed));
}

static inline answer send_unlock(world *w, const sw_unlock_statement *s, size_t i,
                                 const sw_p256_public *peer) {
    SW_SCOPED(sw_buffer) body = SW_BUFFER(1 << 16);
    put_unlock(w, s, i, &w->secrets[i], &body);
    return tell(w, "POST", app_path(w, "/unlock"), bytes_of(&body), peer);
}

static inline void unlock(world *w, size_t i) {
    sw_p256_public peer = new_peer(w);
    look(w, &peer);
    sw_unlock_statement s = statement_of(w, i);
    expect(send_unlock(w, &s, i, &peer), "");
}

static inline void unlock_all(world *w) {
    for (size_t i = 0; i < OWNERS; i++) unlock(w, i);
}

/* ---- asking for keys ---- */
typedef struct ask {
    sw_purpose purpose; /* NONE: train */
    uint64_t renew;
    size_t shards;              /* 0: all; else so many, the last repeated when above */
    const sw_bytes *envelopes;  /* instead of the consents' */
    const sw_hash *challenge;   /* instead of a fresh one */
    const sw_p256_public *peer; /* who asks; NULL: who got the challenge */
    const sw_hash *manifest;    /* OPEN */
    const sw_p256_public *recipient;
    bool other_response, other_manifest_key; /* than in the report data */
    sw_purpose report_purpose;               /* NONE: the purpose asked for */
    int64_t wait_ms;                         /* between challenge and request */
    /* out */
    sw_p256_public response;
    sw_session_key response_key;
    sw_hash used_challenge;
    sw_p256_public used_peer;
    sw_buffer *evidence; /* NULL, or a copy goes here */
    sw_buffer *body;     /* NULL, or the request is only made and goes here */
} ask;

static inline sw_hash take_challenge(world *w, const sw_p256_public *peer) {
    sw_hash nonce = named_hash('n'), out;
    answer a = tell(w, "POST", "/v1/challenge", SW_BYTES_OF(nonce.b), peer);
    assert_int_equal(a.http, 200);
    sw_reader r = sw_reader_of(bytes_of(&a.body));
    sw_bytes field = sw_read_field(&r, 32);
    assert_int_equal(field.size, 32);
    memcpy(out.b, field.data, 32);
    answer_free(&a);
    return out;
}

static inline void put_shards(const world *w, const ask *q, sw_buffer *out) {
    size_t count = q->shards != 0 ? q->shards : w->recipe.shard_count;
    for (size_t i = 0; i < count; i++)
        sw_put_field(out, q->envelopes != NULL ? q->envelopes[i]
                                               : w->consents[i % OWNERS].shard_envelope);
}

static inline answer ask_keys(world *w, ask *q) {
    SW_SCOPED(sw_arena) arena = {0};
    SW_SCOPED(sw_buffer) evidence = SW_BUFFER(SW_EVIDENCE_LIMIT);
    SW_SCOPED(sw_buffer) body = SW_BUFFER(SW_HTTP_BODY_LIMIT);
    SW_SCOPED(sw_buffer) call_json = SW_BUFFER(SW_KMS_REQUEST_LIMIT);
    SW_SCOPED(sw_buffer) shards = SW_BUFFER(1 << 20);
    sw_p256_public got = new_peer(w), other = new_peer(w);
    sw_report_data report;
    sw_key_call call = {.purpose = q->purpose != SW_PURPOSE_NONE ? q->purpose : SW_PURPOSE_TRAIN,
                        .challenge = q->challenge != NULL ? *q->challenge : take_challenge(w, &got),
                        .manifest_key = w->manifest_public,
                        .renew = q->renew};
    assert_int_equal(sw_p256_generate(&w->p.entropy, q->response_key.b, &call.response_key, NULL),
                     SW_OK);
    if (call.purpose == SW_PURPOSE_OPEN) {
        call.open_manifest = *q->manifest;
        call.open_recipient = *q->recipient;
    }
    q->used_peer = q->peer != NULL ? *q->peer : got;
    q->used_challenge = call.challenge;
    q->response = call.response_key;
    sw_channel_binding binding = {
        .role = SW_ROLE_MACHINE,
        .purpose = q->report_purpose != SW_PURPOSE_NONE ? q->report_purpose : call.purpose,
        .challenge = call.challenge,
        .own_tls = q->used_peer,
        .peer_tls = w->self.tls,
        .response = q->other_response ? &other : &call.response_key,
        .manifest = q->other_manifest_key ? &other : &call.manifest_key};
    assert_int_equal(sw_report_channel(&report, &binding, NULL), SW_OK);
    assert_int_equal(sw_machine_evidence(w->machine, &report, &evidence, NULL), SW_OK);
    sw_key_call_encode(&arena, &call, &call_json);
    put_shards(w, q, &shards);
    sw_put_field(&body, bytes_of(&call_json));
    sw_put_field(&body, bytes_of(&w->compose));
    sw_put_field(&body, bytes_of(&evidence));
    sw_put_field(&body, bytes_of(&shards));
    assert_false(body.failed);
    if (q->evidence != NULL) sw_put_bytes(q->evidence, bytes_of(&evidence));
    if (q->body != NULL) {
        sw_put_bytes(q->body, bytes_of(&body));
        return (answer){.http = 200, .body = SW_BUFFER(0)};
    }
    w->time.steady += q->wait_ms;
    return tell(w, "POST", app_path(w, "/keys"), bytes_of(&body), &q->used_peer);
}

/* Opens an answer as the machine does: receipt verified, every data key unwrapped and compared. */
static inline void open_answer(world *w, const ask *q, const answer *a, sw_grant *grant) {
    assert_int_equal(a->http, 200);
    SW_SCOPED(sw_arena) arena = {0};
    SW_SCOPED(sw_buffer) info = SW_BUFFER(512);
    uint8_t plain[SW_SHARD_LIMIT * SW_KMS_KEYS_BYTES];
    sw_hpke_keys keys;
    sw_reader r = sw_reader_of(bytes_of(&a->body));
    sw_bytes enc = sw_read_field(&r, 65), sealed = sw_read_field(&r, 1 << 14);
    sw_bytes receipt = sw_read_field(&r, 1 << 16), statements = sw_read_field(&r, 1 << 20);
    sw_bytes views = sw_read_field(&r, SW_KMS_VIEWS_LIMIT);
    assert_int_equal(sw_reader_finish(&r, "answer", NULL), SW_OK);
    assert_true(statements.size > 2);
    bool on_chain = w->p.genesis.backend == SW_LEDGER_ETHEREUM;
    assert_true(on_chain ? views.size > 2 : sw_bytes_is(views, "[]"));
    sw_kms_keys_info(&info, &w->p.genesis.hash, &w->x, &q->used_challenge);
    const sw_hpke_info binding = {.info = bytes_of(&info)};
    assert_int_equal(sw_hpke_setup_receiver(q->response_key.b, enc.data, &binding, &keys, NULL),
                     SW_OK);
    assert_int_equal(sealed.size, w->recipe.shard_count * SW_KMS_KEYS_BYTES + SW_GCM_TAG_BYTES);
    assert_int_equal(sw_hpke_unseal(&keys, receipt, sealed, plain, NULL), SW_OK);
    for (size_t i = 0; i < w->recipe.shard_count; i++) {
        sw_data_key key;
        memcpy(keys.key, plain + i * SW_KMS_KEYS_BYTES, 32);
        memcpy(keys.base_nonce, plain + i * SW_KMS_KEYS_BYTES + 32, 12);
        assert_int_equal(sw_consent_unwrap(&w->consents[i], &keys, &key, NULL), SW_OK);
        assert_memory_equal(key.b, w->data_keys[i].b, 32);
    }
    assert_int_equal(sw_grant_open(&arena, receipt, &w->self.receipt, grant, NULL), SW_OK);
}

static inline void keys_refused(world *w, ask q, const char *word) {
    expect(ask_keys(w, &q), word);
}

static inline sw_grant keys_granted(world *w, ask q) {
    sw_grant grant;
    answer a = ask_keys(w, &q);
    if (a.http != 200) print_message("# %s: %s\n", a.refusal.word, a.refusal.message);
    open_answer(w, &q, &a, &grant);
    answer_free(&a);
    return grant;
}

/* ---- beginning and end ---- */
static inline void start_kms(world *w) {
    sw_error err = {0};
    sw_status status = sw_kms_open(&w->options, &w->kms, &err);
    if (status != SW_OK) print_message("# %s: %s\n", err.word, err.message);
    assert_int_equal(status, SW_OK);
    sw_p256_public peer = new_peer(w);
    look(w, &peer);
}

static inline void restart_kms(world *w) {
    sw_kms_close(&w->kms);
    start_kms(w);
}

static inline void world_folders(world *w) {
    sw_error err = {0};
    (void)snprintf(w->folder, sizeof w->folder, "/dev/shm/sealwright-kms-XXXXXX");
    if (mkdtemp(w->folder) == NULL) { /* slower: every decision waits for the disk */
        (void)snprintf(w->folder, sizeof w->folder, "/tmp/sealwright-kms-XXXXXX");
        assert_non_null(mkdtemp(w->folder));
    }
    (void)snprintf(w->sim, sizeof w->sim, "%s/sim", w->folder);
    (void)snprintf(w->where, sizeof w->where, "sim:%s", w->sim);
    (void)snprintf(w->dir, sizeof w->dir, "%s/kms", w->folder);
    w->time = (test_time){.wall = START_MS, .steady = 1000000};
    w->options = (sw_kms_options){.folder = w->dir,
                                  .machine = w->where,
                                  .entropy = w->p.entropy,
                                  .clock = {test_wall, test_steady, &w->time},
                                  .program = SW_LITERAL("the program's bytes")};
    sw_status status = sw_sim_init(w->sim, &w->p.entropy, w->time.wall, &err);
    if (status != SW_OK) print_message("# %s\n", err.message);
    assert_int_equal(status, SW_OK);
    assert_int_equal(sw_sim_policy(w->sim, &w->reference.policy, &err), SW_OK);
    assert_int_equal(sw_kms_init(&w->options, &w->reference.compose, &err), SW_OK);
}

static inline void read_lock(const char *path, sw_buffer *out) {
    *out = SW_BUFFER(1 << 16);
    assert_int_equal(sw_file_read(path, 1 << 16, out, NULL), SW_OK);
}

/* Owners and folders; no service yet. */
static inline world *world_begin(void) {
    world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    found_app(&w->p, 77, OWNERS, 2);
    world_folders(w);
    read_lock("tests/recipe/golden/model.lock", &w->model_lock);
    read_lock("tests/recipe/golden/trainer.lock", &w->trainer_lock);
    w->compose = SW_BUFFER(SW_COMPOSE_LIMIT);
    for (size_t i = 0; i < OWNERS; i++) {
        w->consent_files[i] = SW_BUFFER(SW_CONSENT_LIMIT);
        (void)fill_from_seed(&w->p.seed, &w->datasets[i], 32, NULL);
        (void)fill_from_seed(&w->p.seed, &w->data_keys[i], 32, NULL);
        (void)fill_from_seed(&w->p.seed, &w->secrets[i], 32, NULL);
    }
    return w;
}

/* The service starts and learns of the app. */
static inline void world_found(world *w) {
    start_kms(w);
    sw_p256_public peer = new_peer(w);
    expect(tell(w, "POST", "/v1/apps", bytes_of(&w->p.envelope), &peer), "");
    use_recipe(w, &(recipe_plan){0});
    boot_machine(w);
}

/* Everything in place but approval and unlock. */
static inline world *world_new(void) {
    world *w = world_begin();
    world_found(w);
    return w;
}

/* And with approval by two and the word of all. */
static inline world *world_ready(void) {
    world *w = world_new();
    enter(w, 0, SW_PAYLOAD_APPROVE);
    enter(w, 1, SW_PAYLOAD_APPROVE);
    unlock_all(w);
    return w;
}

static inline int remove_one(const char *path, const struct stat *s, int kind, struct FTW *at) {
    (void)s, (void)kind, (void)at;
    return remove(path);
}

static inline void world_free(world *w) {
    sw_kms_close(&w->kms);
    sw_machine_close(&w->machine);
    for (size_t i = 0; i < OWNERS; i++) sw_buffer_free(&w->consent_files[i]);
    sw_buffer_free(&w->compose);
    sw_buffer_free(&w->model_lock);
    sw_buffer_free(&w->trainer_lock);
    sw_arena_free(&w->arena);
    part(&w->p);
    (void)nftw(w->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(w);
}
#endif
