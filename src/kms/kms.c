/* SPDX-License-Identifier: Apache-2.0
 *
 * The service: a start, its end, and who answers which path. Format: docs/formats/kms.md.
 *
 * Invariants: a start makes new boot nonce, receipt and TLS keys and knows no owner's secret; one
 * process at a time holds the folder; a refusal writes nothing into the answer but itself.
 */
#include "kms/kms.h"

#include "codec/text.h"
#include "kms/kms_internal.h"
#include "sys/files.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOCK_FILE "lock"
enum { DECIMAL_LIMIT = 15 };

int64_t sw_kms_counter_ms(const sw_kms *k) {
    return sw_machine_counter_ms(k->machine);
}

sw_status sw_kms_check_counter(const sw_kms *k, sw_error *err) {
    if (sw_kms_counter_ms(k) < SW_COUNTER_LOST) return SW_OK;
    sw_status status = sw_fail(err, SW_REFUSED, "silence",
                               "the key service's machine has lost its counter: it cannot tell how "
                               "long owners have been silent, nor when a lease ends");
    sw_error_hint(err, "the machine must be started again; owners unlock that start");
    return status;
}

void sw_kms_self_of(const sw_kms *k, sw_kms_self *out) {
    *out = (sw_kms_self){.audit = sw_journal_head(k->audit),
                         .boot_nonce = k->boot_nonce,
                         .receipt = k->receipt_public,
                         .root = k->root_public,
                         .tls = k->tls_public};
}

/* ---- a start ---- */
static sw_status lock_folder(sw_kms *k, sw_error *err) {
    SW_SCOPED(sw_arena) arena = {0};
    const char *path = sw_path_join(&arena, k->folder, LOCK_FILE);
    if (path == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a path");
    if (!sw_path_is_folder(k->folder)) {
        sw_status status = sw_fail(err, SW_MISSING, "missing", "%s is no folder", k->folder);
        sw_error_hint(err, "make it with `sealwright kms init`");
        return status;
    }
    return sw_lock_take(path, &k->lock_fd, err);
}

static sw_status make_keys(sw_kms *k, sw_error *err) {
    k->receipt = sw_session_key_new();
    k->tls = sw_session_key_new();
    k->answer = sw_secret_alloc(SW_SHARD_LIMIT * SW_KMS_KEYS_BYTES);
    if (k->receipt == NULL || k->tls == NULL || k->answer == NULL)
        return sw_fail(err, SW_MEMORY, "memory", "no lockable memory for the service's keys");
    SW_TRY(sw_p256_generate(&k->entropy, k->receipt->b, &k->receipt_public, err));
    SW_TRY(sw_p256_generate(&k->entropy, k->tls->b, &k->tls_public, err));
    return sw_entropy_fill(&k->entropy, k->boot_nonce.b, sizeof k->boot_nonce.b, err);
}

static sw_status start(sw_kms *k, const sw_kms_options *o, sw_error *err) {
    k->entropy = o->entropy;
    k->listed = o->listed;
    k->listed_count = o->listed_count;
    k->folder = strdup(o->folder);
    if (k->folder == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a path");
    SW_TRY(lock_folder(k, err));
    SW_TRY(sw_verifier_open(NULL, &k->verifier, err));
    SW_TRY(make_keys(k, err));
    SW_TRY(sw_kms_boot(k, o, err));
    SW_TRY(sw_kms_nodes_open(k, o, err));
    SW_TRY(sw_kms_apps_load(k, err));
    return sw_kms_audit_open(k, err);
}

sw_status sw_kms_open(const sw_kms_options *o, sw_kms **out, sw_error *err) {
    sw_kms *k = calloc(1, sizeof *k);
    if (k == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a key service");
    k->lock_fd = -1;
    sw_status status = start(k, o, err);
    if (status == SW_OK)
        *out = k;
    else
        sw_kms_close(&k);
    return status;
}

void sw_kms_close(sw_kms **held) {
    sw_kms *k = *held;
    *held = NULL;
    if (k == NULL) return;
    sw_status settled = k->audit == NULL ? SW_OK : sw_kms_audit_settle(k, NULL);
    (void)settled; /* a disk that takes nothing more is told to nobody any more */
    sw_kms_apps_close(k);
    sw_kms_nodes_close(k);
    sw_journal_close(&k->audit);
    sw_verifier_close(&k->verifier);
    sw_root_key_drop(&k->root);
    sw_session_key_drop(&k->receipt);
    sw_session_key_drop(&k->tls);
    sw_secret_release(k->answer);
    sw_machine_close(&k->machine);
    if (k->lock_fd >= 0) (void)close(k->lock_fd);
    free(k->folder);
    free(k);
}

const sw_session_key *sw_kms_tls_key(const sw_kms *k) {
    return k->tls;
}

bool sw_kms_keeps_root(const sw_kms *k) {
    return k->keeps_root;
}

/* ---- challenge and look ---- */
static sw_status read_nonce(const sw_http_request *q, sw_hash *out, sw_error *err) {
    if (q->body.size != SW_HASH_BYTES)
        return sw_fail(err, SW_MALFORMED, "format", "a challenge has %zu bytes instead of %d",
                       q->body.size, SW_HASH_BYTES);
    memcpy(out->b, q->body.data, SW_HASH_BYTES);
    return SW_OK;
}

static sw_status put_evidence(sw_kms *k, const sw_report_data *report, sw_buffer *out,
                              sw_error *err) {
    SW_SCOPED(sw_buffer) evidence = SW_BUFFER(SW_EVIDENCE_LIMIT);
    SW_TRY(sw_machine_evidence(k->machine, report, &evidence, err));
    sw_put_field(out, sw_buffer_bytes(&evidence));
    return sw_buffer_check(out, "an answer", err);
}

/* KMS-011 */
static sw_status challenge(sw_kms *k, const sw_http_request *q, sw_buffer *out, sw_error *err) {
    sw_channel_binding binding = {
        .role = SW_ROLE_KMS, .own_tls = k->tls_public, .peer_tls = q->peer};
    sw_report_data report;
    sw_hash ours;
    SW_TRY(sw_kms_check_counter(k, err));
    SW_TRY(read_nonce(q, &binding.challenge, err));
    SW_TRY(sw_report_channel(&report, &binding, err));
    SW_TRY(sw_entropy_fill(&k->entropy, ours.b, sizeof ours.b, err));
    sw_put_field(out, SW_BYTES_OF(ours.b));
    SW_TRY(put_evidence(k, &report, out, err));
    sw_kms_token_add(&k->challenges, &ours, &q->peer, sw_kms_counter_ms(k));
    return SW_OK;
}

/* KMS-030 */
static sw_status look(sw_kms *k, const sw_http_request *q, sw_buffer *out, sw_error *err) {
    SW_SCOPED(sw_buffer) facts = SW_BUFFER(SW_KMS_FACTS_LIMIT);
    SW_SCOPED(sw_arena) arena = {0};
    sw_report_data report;
    sw_kms_self self;
    sw_hash nonce;
    SW_TRY(sw_kms_check_counter(k, err));
    SW_TRY(read_nonce(q, &nonce, err));
    sw_kms_self_of(k, &self);
    sw_kms_self_encode(&arena, &self, &facts);
    SW_TRY(sw_buffer_check(&facts, "facts", err));
    sw_report_kms_root(&report, &nonce, &self.boot_nonce, &self.root, &self.receipt, &self.tls);
    sw_put_field(out, sw_buffer_bytes(&facts));
    SW_TRY(put_evidence(k, &report, out, err));
    sw_kms_token_add(&k->looks, &nonce, &q->peer, sw_kms_counter_ms(k));
    return SW_OK;
}

/* ---- apps ---- */
static sw_status found_app(sw_kms *k, const sw_http_request *q, sw_buffer *out, sw_error *err) {
    const sw_kms_app *app;
    SW_TRY(sw_kms_app_found(k, q->body, &app, err));
    sw_put_text(out, "{\"app\":\"");
    sw_hex_encode(out, SW_BYTES_OF(app->genesis.hash.b));
    sw_put_text(out, "\"}");
    return sw_buffer_check(out, "an answer", err);
}

static sw_status append_entry(sw_kms_app *app, const sw_http_request *q, sw_buffer *out,
                              sw_error *err) {
    SW_SCOPED(sw_arena) arena = {0};
    sw_head head;
    SW_TRY(sw_kms_app_append(app, q->body, &head, err));
    sw_head_encode(&arena, "ledger", &head, out);
    return sw_buffer_check(out, "an answer", err);
}

/* ---- paths ---- */
static sw_status no_such_path(sw_error *err) {
    return sw_fail(err, SW_MISSING, "missing", "a key service has no such path");
}

/* "/N", N from 1 without leading zeros. */
static bool parse_index(const char *text, uint64_t *out) {
    uint64_t value = 0;
    if (text[0] != '/' || text[1] < '1' || text[1] > '9') return false;
    for (size_t i = 1; text[i] != 0; i++) {
        if (text[i] < '0' || text[i] > '9' || i > DECIMAL_LIMIT) return false;
        value = value * 10 + (uint64_t)(text[i] - '0');
    }
    *out = value;
    return true;
}

static bool is_post(const sw_http_request *q) {
    return strcmp(q->method, "POST") == 0;
}

static sw_status answer_audit(sw_kms *k, const sw_http_request *q, const char *rest, sw_buffer *out,
                              sw_error *err) {
    uint64_t from;
    if (is_post(q) || !parse_index(rest, &from)) return no_such_path(err);
    return sw_kms_page(k->audit, &k->audit_id, from, out, err);
}

/* `rest` is what follows "/v1/apps/G". */
static sw_status answer_app(sw_kms *k, sw_kms_app *app, const sw_http_request *q, const char *rest,
                            sw_buffer *out, sw_error *err) {
    static const char ledger[] = "/ledger";
    uint64_t from;
    if (is_post(q)) {
        if (strcmp(rest, ledger) == 0) return append_entry(app, q, out, err);
        if (strcmp(rest, "/unlock") == 0) return sw_kms_unlock(k, app, q, out, err);
        if (strcmp(rest, "/keys") == 0) return sw_kms_release(k, app, q, out, err);
        return no_such_path(err);
    }
    if (rest[0] == 0) {
        sw_put_bytes(out, sw_buffer_bytes(&app->envelope));
        return sw_buffer_check(out, "an answer", err);
    }
    if (strncmp(rest, ledger, sizeof ledger - 1) != 0 ||
        !parse_index(rest + sizeof ledger - 1, &from))
        return no_such_path(err);
    return app->ledger->kind->page(app->ledger, from, out, err);
}

static sw_status find_app(sw_kms *k, const sw_http_request *q, const char *rest, sw_buffer *out,
                          sw_error *err) {
    enum { HEX_BYTES = 2 * SW_HASH_BYTES };
    sw_hash genesis;
    if (rest[0] != '/' || strlen(rest) < 1 + HEX_BYTES ||
        sw_hex_decode(genesis.b, sizeof genesis.b, SW_BYTES(rest + 1, HEX_BYTES), false, NULL) !=
            SW_OK)
        return no_such_path(err);
    sw_kms_app *app = sw_kms_app_find(k, &genesis);
    if (app == NULL) {
        sw_status status =
            sw_fail(err, SW_MISSING, "missing", "this key service does not hold that app");
        sw_error_hint(err, "hand it the complete genesis first");
        return status;
    }
    return answer_app(k, app, q, rest + 1 + HEX_BYTES, out, err);
}

/* KMS-008 */
static sw_status refused_by_server(int status, sw_error *err) {
    if (status == 413)
        return sw_fail(err, SW_LIMIT, "limit", "a request has more than %zu bytes",
                       SW_HTTP_BODY_LIMIT);
    if (status == 404) return no_such_path(err);
    return sw_fail(err, SW_MALFORMED, "format", "this is no GET or POST that the service reads");
}

static sw_status dispatch(sw_kms *k, const sw_http_request *q, sw_buffer *out, sw_error *err) {
    static const char apps[] = SW_KMS_APPS_PATH, audit[] = SW_KMS_AUDIT_PATH;
    if (q->refused != 0) return refused_by_server(q->refused, err);
    if (is_post(q) && !q->has_peer)
        return sw_fail(err, SW_UNAUTHENTIC, "signature", "the peer showed no TLS key");
    if (is_post(q) && strcmp(q->path, SW_KMS_CHALLENGE_PATH) == 0) return challenge(k, q, out, err);
    if (is_post(q) && strcmp(q->path, SW_KMS_LOOK_PATH) == 0) return look(k, q, out, err);
    if (is_post(q) && strcmp(q->path, apps) == 0) return found_app(k, q, out, err);
    if (strncmp(q->path, apps, sizeof apps - 1) == 0)
        return find_app(k, q, q->path + sizeof apps - 1, out, err);
    if (strncmp(q->path, audit, sizeof audit - 1) == 0)
        return answer_audit(k, q, q->path + sizeof audit - 1, out, err);
    return no_such_path(err);
}

void sw_kms_answer(void *kms, const sw_http_request *request, sw_http_reply *reply) {
    sw_error err = {0};
    sw_status status = dispatch(kms, request, &reply->body, &err);
    reply->status = 200;
    if (status == SW_OK) return;
    reply->status = sw_refusal_http_status(status);
    sw_buffer_reset(&reply->body);
    sw_refusal_encode(&reply->body, &err);
}
