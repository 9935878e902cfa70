/* SPDX-License-Identifier: Apache-2.0
 *
 * A key request from its bytes to its answer: judged (keys.c), derived, written into the audit
 * log, sealed. Format: docs/formats/kms.md (KMS-050, KMS-052 ... KMS-055, KMS-070 ... KMS-074).
 *
 * Invariants: the decision is durable before the answer exists; per shard only HPKE's key and
 * base_nonce leave, and only sealed to the response key that the evidence names; all listed shards
 * or none. Keys live in one locked block that is wiped after each request.
 */
#include "kms/kms_internal.h"

#include <assert.h>
#include <string.h>

enum { SEALED_LIMIT = SW_SHARD_LIMIT * SW_KMS_KEYS_BYTES + SW_GCM_TAG_BYTES };
static_assert(sizeof((sw_hpke_keys *)0)->key + sizeof((sw_hpke_keys *)0)->base_nonce ==
                  SW_KMS_KEYS_BYTES,
              "one shard's answer is key and base_nonce");

static sw_status parse(sw_kms_case *c, sw_error *err) {
    sw_reader r = sw_reader_of(c->request->body);
    sw_bytes call = sw_read_field(&r, SW_KMS_REQUEST_LIMIT);
    c->app_compose = sw_read_field(&r, SW_COMPOSE_LIMIT);
    c->evidence = sw_read_field(&r, SW_EVIDENCE_LIMIT);
    c->shards = sw_read_field(&r, SW_SHARD_LIMIT * (SW_KMS_SHARD_LIMIT + 4));
    SW_TRY(sw_reader_finish(&r, "a key request", err));
    SW_TRY(sw_key_call_parse(c->arena, call, &c->call, err));
    sw_kms_decision *d = &c->decision;
    d->app = c->app->genesis.hash;
    d->purpose = c->call.purpose;
    d->machine = c->call.manifest_key;
    d->open_manifest = c->call.open_manifest;
    d->open_recipient = c->call.open_recipient;
    sw_compose_hash(&d->compose, c->app_compose);
    sw_sha256(&d->evidence, c->evidence);
    return SW_OK;
}

/* ---- keys ---- */
static sw_status derive_shard(const sw_kms_case *c, size_t i, sw_hpke_keys *keys, uint8_t *out,
                              sw_error *err) {
    const sw_shard_word *word = &c->words[i];
    const uint8_t *psk = c->app->secrets->b + c->owners[i] * sizeof(sw_unlock_secret);
    SW_SCOPED(sw_buffer) info = SW_BUFFER(512);
    SW_SCOPED(sw_buffer) psk_id = SW_BUFFER(128);
    sw_wrap_info(&info, &word->context);
    sw_wrap_psk_id(&psk_id, &word->context.genesis, &word->context.owner);
    SW_TRY(sw_buffer_check(&info, "a wrap's binding", err));
    SW_TRY(sw_buffer_check(&psk_id, "a wrap's binding", err));
    const sw_hpke_info binding = {sw_buffer_bytes(&info), SW_BYTES(psk, sizeof(sw_unlock_secret)),
                                  sw_buffer_bytes(&psk_id)};
    SW_TRY(sw_hpke_setup_receiver(c->kms->root->b, word->enc, &binding, keys, err));
    memcpy(out, keys->key, sizeof keys->key);
    memcpy(out + sizeof keys->key, keys->base_nonce, sizeof keys->base_nonce);
    return SW_OK;
}

static sw_status derive_all(const sw_kms_case *c, sw_error *err) {
    SW_SCOPED_SECRET(sw_hpke_keys) keys = sw_hpke_keys_new();
    if (keys == NULL) return sw_fail(err, SW_MEMORY, "memory", "no lockable memory for a key");
    uint8_t *out = c->kms->answer;
    for (size_t i = 0; i < c->recipe->shard_count; i++)
        SW_TRY(derive_shard(c, i, keys, out + i * SW_KMS_KEYS_BYTES, err));
    return SW_OK;
}

/* ---- leases ---- */
/* A free or ended slot; NULL when every lease runs. */
static sw_kms_lease *free_lease(sw_kms *k, int64_t now_ms) {
    for (size_t i = 0; i < SW_KMS_GRANT_LIMIT; i++)
        if (!k->leases[i].live || now_ms >= k->leases[i].until_ms) return &k->leases[i];
    return NULL;
}

static void take_lease(const sw_kms_case *c, sw_kms_lease *slot) {
    const sw_kms_decision *d = &c->decision;
    *slot = (sw_kms_lease){.live = true,
                           .compose = d->compose,
                           .purpose = d->purpose,
                           .machine = d->machine,
                           .open_manifest = d->open_manifest,
                           .open_recipient = d->open_recipient,
                           .number = d->number,
                           .renewal = d->renewal,
                           .until_ms = c->now_ms + (int64_t)c->recipe->lease_ms};
}

/* ---- the answer ---- */
static sw_status sign_receipt(const sw_kms_case *c, sw_buffer *out, sw_error *err) {
    const sw_kms_decision *d = &c->decision;
    sw_grant *g = SW_ARENA_NEW(c->arena, sw_grant, 1);
    if (g == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a receipt");
    *g = (sw_grant){.genesis = d->app,
                    .compose = d->compose,
                    .purpose = d->purpose,
                    .dataset_count = c->recipe->shard_count,
                    .machine = d->machine,
                    .evidence = d->evidence,
                    .ledger = c->finding.head,
                    .audit = sw_journal_head(c->kms->audit),
                    .number = d->number,
                    .renewal = d->renewal,
                    .lease_ms = (int64_t)c->recipe->lease_ms,
                    .granted_ms = c->earliest_ms,
                    .open_manifest = d->open_manifest,
                    .open_recipient = d->open_recipient,
                    .simulated = c->claims.platform == SW_PLATFORM_SIM};
    for (size_t i = 0; i < g->dataset_count; i++) g->datasets[i] = c->recipe->shards[i].dataset;
    return sw_grant_sign(g, c->kms->receipt, out, err);
}

static sw_status seal_keys(const sw_kms_case *c, sw_bytes receipt, sw_buffer *out, sw_error *err) {
    uint8_t enc[SW_HPKE_ENC_BYTES], sealed[SEALED_LIMIT];
    size_t size = c->recipe->shard_count * SW_KMS_KEYS_BYTES;
    SW_SCOPED(sw_buffer) info = SW_BUFFER(512);
    SW_SCOPED_SECRET(sw_hpke_keys) keys = sw_hpke_keys_new();
    if (keys == NULL) return sw_fail(err, SW_MEMORY, "memory", "no lockable memory for a key");
    sw_kms_keys_info(&info, &c->decision.app, &c->decision.compose, &c->call.challenge);
    SW_TRY(sw_buffer_check(&info, "an answer's binding", err));
    const sw_hpke_info binding = {.info = sw_buffer_bytes(&info)};
    SW_TRY(sw_hpke_setup_sender(&c->kms->entropy, &c->call.response_key, &binding, enc, keys, err));
    SW_TRY(sw_hpke_seal(keys, receipt, SW_BYTES(c->kms->answer, size), sealed, err));
    sw_put_field(out, SW_BYTES_OF(enc));
    sw_put_field(out, SW_BYTES(sealed, size + SW_GCM_TAG_BYTES));
    return sw_buffer_check(out, "an answer", err);
}

/* The listed owners' statements, each once, in the order of the genesis. */
static void put_statements(const sw_kms_case *c, sw_buffer *out) {
    bool listed[SW_OWNER_LIMIT] = {false}, first = true;
    for (size_t i = 0; i < c->recipe->shard_count; i++) listed[c->owners[i]] = true;
    sw_put_u8(out, '[');
    for (size_t i = 0; i < c->app->genesis.owner_count; i++) {
        if (!listed[i]) continue;
        if (!first) sw_put_u8(out, ',');
        first = false;
        sw_put_bytes(out, sw_buffer_bytes(&c->app->words[i].envelope));
    }
    sw_put_u8(out, ']');
}

static sw_status answer(const sw_kms_case *c, sw_buffer *out, sw_error *err) {
    SW_SCOPED(sw_buffer) receipt = SW_BUFFER(SW_ENVELOPE_LIMIT);
    SW_SCOPED(sw_buffer) statements = SW_BUFFER(SW_OWNER_LIMIT * (SW_KMS_STATEMENT_LIMIT + 1) + 2);
    SW_TRY(sign_receipt(c, &receipt, err));
    put_statements(c, &statements);
    SW_TRY(sw_buffer_check(&statements, "an answer's statements", err));
    SW_TRY(seal_keys(c, sw_buffer_bytes(&receipt), out, err));
    sw_put_field(out, sw_buffer_bytes(&receipt));
    sw_put_field(out, sw_buffer_bytes(&statements));
    sw_put_field(out, sw_buffer_bytes(&c->finding.views));
    return sw_buffer_check(out, "an answer", err);
}

/* ---- granting and refusing ---- */
/* Judged and granted: what was decided becomes durable, then the answer is made. */
static sw_status grant(sw_kms_case *c, sw_kms_lease *slot, sw_buffer *out, sw_error *err) {
    const sw_kms_decision *d = &c->decision;
    SW_TRY(sw_kms_audit_keys(c->kms, d, NULL, err));
    if (d->renewal == 0) SW_TRY(sw_kms_count_take(&c->kms->counts, &d->compose, d->number, err));
    take_lease(c, slot);
    return answer(c, out, err);
}

/* The audit log learns the cause; a peer that was still proving itself hears one sentence. */
static sw_status refuse(sw_kms_case *c, sw_status status, const sw_error *why, sw_error *err) {
    SW_TRY(sw_kms_audit_keys(c->kms, &c->decision, why, err));
    if (!c->proving || status == SW_MEMORY || status == SW_INTERNAL) {
        if (err != NULL) *err = *why;
        return status;
    }
    status = sw_fail(err, SW_UNAUTHENTIC, "evidence",
                     "the key service does not accept this machine's evidence");
    sw_error_hint(err, "the cause stands in the key service's audit log");
    return status;
}

static sw_status decide(sw_kms_case *c, sw_buffer *out, sw_error *err) {
    sw_error why = {0};
    sw_status status = sw_kms_judge(c, &why);
    sw_kms_lease *slot = c->lease;
    if (status == SW_OK && slot == NULL) {
        slot = free_lease(c->kms, c->now_ms);
        if (slot == NULL)
            status = sw_fail(&why, SW_LIMIT, "limit", "this key service keeps %d running leases",
                             SW_KMS_GRANT_LIMIT);
    }
    if (status == SW_OK) status = derive_all(c, &why);
    return status == SW_OK ? grant(c, slot, out, err) : refuse(c, status, &why, err);
}

sw_status sw_kms_release(sw_kms *k, sw_kms_app *app, const sw_http_request *q, sw_buffer *out,
                         sw_error *err) {
    SW_SCOPED(sw_arena) arena = {0};
    sw_kms_case c = {
        .kms = k, .app = app, .request = q, .arena = &arena, .now_ms = sw_kms_counter_ms(k)};
    SW_TRY(parse(&c, err));
    SW_SCOPED(sw_buffer) made = SW_BUFFER(out->limit);
    sw_status status = decide(&c, &made, err);
    sw_wipe(k->answer, SW_SHARD_LIMIT * SW_KMS_KEYS_BYTES);
    sw_kms_finding_free(&c.finding);
    if (status != SW_OK) return status;
    sw_put_bytes(out, sw_buffer_bytes(&made));
    return sw_buffer_check(out, "an answer", err);
}
