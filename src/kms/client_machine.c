/* SPDX-License-Identifier: Apache-2.0
 *
 * A machine's client: evidence there and back, keys for all listed shards or none. Format:
 * docs/formats/kms.md (KMS-010 ... KMS-012, KMS-050, KMS-053 ... KMS-055).
 *
 * The idea: the machine believes a key service because the owners do. Every listed owner's signed
 * statement must name one root and one receipt key, the consents must be to that root, and the
 * receipt, by that key, must say exactly what was asked, over this very evidence. Invariants: keys
 * lie in locked memory from the moment they are unsealed; on failure *out is untouched.
 */
#include "kms/client_internal.h"
#include "ledger/chain_judge.h"

#include <string.h>

enum { SEALED_LIMIT = SW_SHARD_LIMIT * SW_KMS_KEYS_BYTES + SW_GCM_TAG_BYTES };
SW_SECRET_ROLE(opened_keys, SW_SHARD_LIMIT *SW_KMS_KEYS_BYTES)

void sw_granted_drop_keys(sw_granted *g) {
    for (size_t i = 0; i < SW_SHARD_LIMIT; i++) sw_hpke_keys_drop(&g->keys[i]);
}

void sw_granted_free(sw_granted *g) {
    sw_granted_drop_keys(g);
    sw_buffer_free(&g->receipt);
    sw_buffer_free(&g->statements);
    sw_buffer_free(&g->evidence);
    sw_buffer_free(&g->ledger);
    *g = (sw_granted){0};
}

/* One request as it grows. */
typedef struct asking {
    sw_remote *r;
    const sw_key_request *q;
    const sw_entropy *e;
    int64_t wall_ms;
    sw_arena *arena;
    sw_key_call call;
    sw_p256_public server;
    sw_session_key *response;
    sw_hash compose;
    sw_bytes enc, sealed, receipt, statements, views; /* of the answer */
    sw_unlock_statement *words;                       /* of `statements`, in the arena */
    size_t word_count;
} asking;

/* ---- the channel ---- */
static sw_status check_service(const asking *a, const sw_hash *nonce, sw_bytes evidence,
                               sw_error *err) {
    const sw_channel_binding binding = {.role = SW_ROLE_KMS,
                                        .challenge = *nonce,
                                        .own_tls = a->server,
                                        .peer_tls = a->r->tls_public};
    sw_claims claims;
    const sw_question question = {
        .channel = &binding, .compose = &a->q->reference->compose, .verifier = a->q->verifier};
    return sw_attest(evidence, &a->q->reference->policy, a->wall_ms, &question, &claims, err);
}

static sw_status ask_challenge(asking *a, sw_error *err) {
    SW_SCOPED(sw_buffer) answer = SW_BUFFER(SW_HTTP_BODY_LIMIT);
    sw_hash nonce;
    SW_TRY(sw_entropy_fill(a->e, nonce.b, sizeof nonce.b, err));
    const sw_bytes body = SW_BYTES_OF(nonce.b);
    sw_status status =
        sw_remote_call(a->r, "POST", SW_KMS_CHALLENGE_PATH, body, &answer, &a->server, err);
    if (status == SW_UNAUTHENTIC) { /* it was restarted: a new connection proves all anew */
        SW_TRY(sw_remote_reconnect(a->r, err));
        status =
            sw_remote_call(a->r, "POST", SW_KMS_CHALLENGE_PATH, body, &answer, &a->server, err);
    }
    if (status != SW_OK) return status;
    sw_reader r = sw_reader_of(sw_buffer_bytes(&answer));
    sw_bytes challenge = sw_read_field(&r, SW_HASH_BYTES);
    sw_bytes evidence = sw_read_field(&r, SW_EVIDENCE_LIMIT);
    SW_TRY(sw_reader_finish(&r, "the key service's challenge", err));
    if (challenge.size != SW_HASH_BYTES)
        return sw_fail(err, SW_MALFORMED, "format", "the key service's challenge is not one");
    memcpy(a->call.challenge.b, challenge.data, SW_HASH_BYTES);
    return check_service(a, &nonce, evidence, err);
}

static sw_status gather_evidence(asking *a, sw_buffer *out, sw_error *err) {
    const sw_channel_binding binding = {.role = SW_ROLE_MACHINE,
                                        .purpose = a->q->purpose,
                                        .challenge = a->call.challenge,
                                        .own_tls = a->r->tls_public,
                                        .peer_tls = a->server,
                                        .response = &a->call.response_key,
                                        .manifest = &a->call.manifest_key};
    SW_TRY(
        sw_machine_channel_evidence(a->q->machine, &binding, &a->q->recipe->policy.gpu, out, err));
    return sw_buffer_check(out, "evidence", err);
}

/* ---- the request ---- */
static sw_status put_request(const asking *a, sw_bytes evidence, sw_buffer *out, sw_error *err) {
    SW_SCOPED(sw_buffer) call = SW_BUFFER(SW_KMS_REQUEST_LIMIT);
    SW_SCOPED(sw_buffer) shards = SW_BUFFER(SW_SHARD_LIMIT * (SW_KMS_SHARD_LIMIT + 4));
    sw_key_call_encode(a->arena, &a->call, &call);
    SW_TRY(sw_buffer_check(&call, "a key request", err));
    for (size_t i = 0; i < a->q->recipe->shard_count; i++)
        sw_put_field(&shards, a->q->consents[i].shard_envelope);
    SW_TRY(sw_buffer_check(&shards, "a key request's shards", err));
    sw_put_field(out, sw_buffer_bytes(&call));
    sw_put_field(out, a->q->app_compose);
    sw_put_field(out, evidence);
    sw_put_field(out, sw_buffer_bytes(&shards));
    return sw_buffer_check(out, "a key request", err);
}

static sw_status send_request(asking *a, sw_bytes evidence, sw_buffer *answer, sw_error *err) {
    char path[SW_KMS_PATH_BYTES];
    sw_p256_public server;
    SW_SCOPED(sw_buffer) body = SW_BUFFER(SW_HTTP_BODY_LIMIT);
    SW_TRY(put_request(a, evidence, &body, err));
    sw_remote_app_path(path, &a->q->genesis->hash, "/keys");
    SW_TRY(sw_remote_call(a->r, "POST", path, sw_buffer_bytes(&body), answer, &server, err));
    SW_CHECK(err, sw_p256_equal(&server, &a->server)); /* the client pins it */
    sw_reader r = sw_reader_of(sw_buffer_bytes(answer));
    a->enc = sw_read_field(&r, SW_HPKE_ENC_BYTES);
    a->sealed = sw_read_field(&r, SEALED_LIMIT);
    a->receipt = sw_read_field(&r, SW_ENVELOPE_LIMIT);
    a->statements = sw_read_field(&r, SW_OWNER_LIMIT * (SW_KMS_STATEMENT_LIMIT + 1) + 2);
    a->views = sw_read_field(&r, SW_KMS_VIEWS_LIMIT);
    SW_TRY(sw_reader_finish(&r, "the key service's answer", err));
    if (a->enc.size != SW_HPKE_ENC_BYTES ||
        a->sealed.size != a->q->recipe->shard_count * SW_KMS_KEYS_BYTES + SW_GCM_TAG_BYTES)
        return sw_fail(err, SW_MALFORMED, "format", "the key service's answer is not one");
    return SW_OK;
}

/* ---- believing the answer ---- */
static sw_status answer_refused(sw_error *err, const char *word, const char *why) {
    return sw_fail(err, SW_UNAUTHENTIC, word, "the key service's answer: %s", why);
}

/* Every listed owner once, in the order of the genesis, and all of one start. */
static sw_status read_statements(asking *a, sw_error *err) {
    const sw_json_limits limits = {0, 8, 16 * SW_OWNER_LIMIT};
    const sw_genesis *g = a->q->genesis;
    sw_json *list;
    SW_TRY(sw_json_parse_canonical(a->arena, a->statements, &limits, &list, err));
    if (list->type != SW_JSON_ARRAY || list->count == 0 || list->count > SW_OWNER_LIMIT)
        return answer_refused(err, "statement", "it holds no statements");
    a->words = SW_ARENA_NEW(a->arena, sw_unlock_statement, list->count);
    if (a->words == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for statements");
    const sw_owner *last = NULL;
    for (const sw_json *e = list->first; e != NULL; e = e->next) {
        sw_unlock_statement *w = &a->words[a->word_count];
        SW_TRY(sw_unlock_open(a->arena, e->span, g, w, err));
        const sw_owner *owner = sw_genesis_owner(g, &w->owner);
        if (last != NULL && owner <= last)
            return answer_refused(err, "statement",
                                  "its statements are not in the order of the genesis");
        last = owner;
        if (!sw_p256_equal(&w->root, &a->words[0].root) ||
            !sw_p256_equal(&w->receipt, &a->words[0].receipt) ||
            !sw_hash_equal(&w->boot_nonce, &a->words[0].boot_nonce))
            return answer_refused(err, "statement",
                                  "its statements are for different key services");
        a->word_count++;
    }
    return SW_OK;
}

static sw_status check_owners(const asking *a, sw_error *err) {
    const sw_recipe *recipe = a->q->recipe;
    sw_hash root_hash;
    sw_sha256(&root_hash, SW_BYTES_OF(a->words[0].root.b));
    bool used[SW_OWNER_LIMIT] = {false};
    for (size_t i = 0; i < recipe->shard_count; i++) {
        bool found = false;
        for (size_t w = 0; w < a->word_count; w++) {
            if (!sw_hash_equal(&a->words[w].owner, &recipe->shards[i].owner)) continue;
            found = used[w] = true;
        }
        if (!found)
            return answer_refused(err, "statement", "a listed owner's statement is missing");
        if (!sw_hash_equal(&a->q->consents[i].word.root_key_hash, &root_hash))
            return answer_refused(err, "root", "the consents are to another root key");
    }
    for (size_t w = 0; w < a->word_count; w++)
        if (!used[w])
            return answer_refused(err, "statement", "it holds a statement of an owner not listed");
    return SW_OK;
}

static bool grants_what_was_asked(const asking *a, const sw_grant *g, sw_bytes evidence) {
    const sw_key_request *q = a->q;
    sw_hash digest;
    sw_sha256(&digest, evidence);
    bool same =
        sw_hash_equal(&g->genesis, &q->genesis->hash) && sw_hash_equal(&g->compose, &a->compose) &&
        g->purpose == q->purpose && g->dataset_count == q->recipe->shard_count &&
        sw_p256_equal(&g->machine, &q->manifest_public) && sw_hash_equal(&g->evidence, &digest) &&
        g->lease_ms == (int64_t)q->recipe->lease_ms &&
        g->simulated == (sw_machine_platform(q->machine) == SW_PLATFORM_SIM) &&
        sw_hash_equal(&g->open_manifest, &a->call.open_manifest) &&
        sw_p256_equal(&g->open_recipient, &a->call.open_recipient);
    for (size_t i = 0; same && i < g->dataset_count; i++)
        same = sw_hash_equal(&g->datasets[i], &q->recipe->shards[i].dataset);
    bool fresh =
        q->renew_grant == 0 && g->renewal == 0 && g->number >= 1 && g->number <= q->recipe->grants;
    bool renewed = q->renew_grant != 0 && g->renewal > 0 && g->number == q->renew_grant;
    return same && (fresh || renewed);
}

static sw_status check_receipt(const asking *a, sw_bytes evidence, sw_grant *out, sw_error *err) {
    SW_TRY(sw_grant_open(a->arena, a->receipt, &a->words[0].receipt, out, err));
    if (!grants_what_was_asked(a, out, evidence))
        return answer_refused(err, "receipt", "the receipt is not for what was asked");
    return SW_OK;
}

/* ---- the ledger at the decision ---- */
typedef struct ledger_copy {
    sw_journal *journal;
    uint64_t until;
} ledger_copy;

static sw_status copy_entry(void *context, sw_bytes envelope, sw_error *err) {
    ledger_copy *c = context;
    if (sw_journal_head(c->journal).index == c->until) return SW_EXISTS;
    return sw_journal_append(c->journal, NULL, envelope, NULL, err);
}

static sw_status check_copy(const asking *a, sw_journal *j, const sw_head *decided, sw_error *err) {
    sw_head head = sw_journal_head(j);
    if (!sw_head_equal(&head, decided))
        return answer_refused(err, "rollback", "the ledger does not hold the receipt's head");
    for (size_t i = 0; i < a->word_count; i++)
        SW_TRY(sw_journal_contains(j, &a->words[i].ledger, err));
    sw_ledger *l = NULL;
    SW_TRY(sw_ledger_open(a->q->genesis, &l, err));
    sw_status status = sw_ledger_load(l, j, err);
    if (status == SW_OK) status = sw_ledger_check_run(l, &a->compose, err);
    if (status == SW_OK && a->q->purpose == SW_PURPOSE_OPEN)
        status = sw_ledger_check_open(l, a->q->recipe, &a->compose, &a->call.open_manifest,
                                      &a->call.open_recipient, err);
    sw_ledger_close(&l);
    return status;
}

static sw_status fetch_ledger(const asking *a, const sw_head *decided, sw_buffer *out,
                              sw_error *err) {
    char path[SW_KMS_PATH_BYTES];
    const sw_hash *id = &a->q->genesis->hash;
    ledger_copy copy = {.until = decided->index};
    sw_head claimed;
    sw_remote_app_path(path, id, "/ledger");
    SW_TRY(sw_journal_open_memory(id, &copy.journal, err));
    sw_status status = sw_remote_pages(a->r, path, id, 1, copy_entry, &copy, &claimed, err);
    if (status == SW_OK) status = check_copy(a, copy.journal, decided, err);
    if (status == SW_OK) status = sw_journal_export(copy.journal, out, err);
    sw_journal_close(&copy.journal);
    return status;
}

/* ---- or the blocks of a chain that were looked at (CHN-062) ---- */
static sw_status judge_views(const asking *a, const sw_head *decided, const sw_view_list *list,
                             sw_error *err) {
    const sw_chain_opening opening = {.compose = a->compose,
                                      .manifest = a->call.open_manifest,
                                      .recipient = a->call.open_recipient};
    const sw_chain_question q = {.genesis = a->q->genesis,
                                 .recipe = a->q->recipe,
                                 .compose = &a->compose,
                                 .opening = a->q->purpose == SW_PURPOSE_OPEN ? &opening : NULL};
    size_t i;
    for (size_t w = 0; w < a->word_count; w++) {
        const sw_head *named = &a->words[w].ledger;
        if (named->index > decided->index)
            return answer_refused(err, "statement",
                                  "a statement names a later block than the receipt");
        SW_TRY(sw_view_list_find(list, named, &i, err));
        const char *name = sw_genesis_owner(a->q->genesis, &a->words[w].owner)->name;
        SW_TRY(sw_chain_question_judge(&q, named, list->views[i], name, NULL, err));
    }
    SW_TRY(sw_view_list_find(list, decided, &i, err));
    SW_TRY(sw_chain_question_judge(&q, decided, list->views[i], NULL, NULL, err));
    return sw_view_list_check_used(list, err);
}

static sw_status take_views(const asking *a, const sw_head *decided, sw_buffer *out,
                            sw_error *err) {
    const sw_json_limits limits = {SW_KMS_VIEWS_LIMIT, 8, SW_KMS_VIEWS_NODES};
    sw_view_list list;
    sw_json *array;
    SW_TRY(sw_json_parse_canonical(a->arena, a->views, &limits, &array, err));
    SW_TRY(sw_view_list_parse(a->arena, array, &list, err));
    SW_TRY(judge_views(a, decided, &list, err));
    sw_put_bytes(out, a->views);
    return sw_buffer_check(out, "views", err);
}

static sw_status take_ledger(const asking *a, const sw_head *decided, sw_buffer *out,
                             sw_error *err) {
    if (a->q->genesis->backend == SW_LEDGER_ETHEREUM) return take_views(a, decided, out, err);
    if (!sw_bytes_is(a->views, "[]"))
        return answer_refused(err, "format", "it holds views, and the ledger is on no chain");
    return fetch_ledger(a, decided, out, err);
}

/* ---- the keys ---- */
static sw_status open_keys(const asking *a, sw_granted *out, sw_error *err) {
    SW_SCOPED(sw_buffer) info = SW_BUFFER(512);
    SW_SCOPED_SECRET(sw_hpke_keys) keys = sw_hpke_keys_new();
    SW_SCOPED_SECRET(opened_keys) plain = opened_keys_new();
    if (keys == NULL || plain == NULL)
        return sw_fail(err, SW_MEMORY, "memory", "no lockable memory for keys");
    sw_kms_keys_info(&info, &a->q->genesis->hash, &a->compose, &a->call.challenge);
    SW_TRY(sw_buffer_check(&info, "an answer's binding", err));
    const sw_hpke_info binding = {.info = sw_buffer_bytes(&info)};
    SW_TRY(sw_hpke_setup_receiver(a->response->b, a->enc.data, &binding, keys, err));
    SW_TRY(sw_hpke_unseal(keys, a->receipt, a->sealed, plain->b, err));
    for (; out->count < a->q->recipe->shard_count; out->count++) {
        sw_hpke_keys *one = out->keys[out->count] = sw_hpke_keys_new();
        if (one == NULL) return sw_fail(err, SW_MEMORY, "memory", "no lockable memory for keys");
        const uint8_t *from = plain->b + out->count * SW_KMS_KEYS_BYTES;
        memcpy(one->key, from, sizeof one->key);
        memcpy(one->base_nonce, from + sizeof one->key, sizeof one->base_nonce);
    }
    return SW_OK;
}

static sw_status believe(asking *a, sw_bytes evidence, sw_granted *out, sw_error *err) {
    SW_TRY(read_statements(a, err));
    SW_TRY(check_owners(a, err));
    SW_TRY(check_receipt(a, evidence, &out->grant, err));
    SW_TRY(take_ledger(a, &out->grant.ledger, &out->ledger, err));
    SW_TRY(open_keys(a, out, err));
    sw_put_bytes(&out->receipt, a->receipt);
    sw_put_bytes(&out->statements, a->statements);
    SW_TRY(sw_buffer_check(&out->receipt, "a receipt", err));
    SW_TRY(sw_buffer_check(&out->statements, "statements", err));
    out->challenge = a->call.challenge;
    out->own_tls = a->r->tls_public;
    out->peer_tls = a->server;
    out->response = a->call.response_key;
    return SW_OK;
}

static sw_status ask(asking *a, sw_granted *out, sw_error *err) {
    SW_SCOPED(sw_buffer) answer = SW_BUFFER(SW_HTTP_BODY_LIMIT);
    SW_TRY(sw_p256_generate(a->e, a->response->b, &a->call.response_key, err));
    SW_TRY(ask_challenge(a, err));
    SW_TRY(gather_evidence(a, &out->evidence, err));
    sw_bytes evidence = sw_buffer_bytes(&out->evidence);
    SW_TRY(send_request(a, evidence, &answer, err));
    return believe(a, evidence, out, err);
}

static sw_key_call call_of(const sw_key_request *q) {
    sw_key_call call = {
        .purpose = q->purpose, .manifest_key = q->manifest_public, .renew = q->renew_grant};
    if (q->purpose == SW_PURPOSE_OPEN) {
        call.open_manifest = q->open_manifest;
        call.open_recipient = q->open_recipient;
    }
    return call;
}

sw_status sw_remote_keys(sw_remote *r, const sw_key_request *q, const sw_entropy *e,
                         int64_t wall_ms, sw_granted *out, sw_error *err) {
    SW_SCOPED(sw_arena) arena = {0};
    if (q->reference == NULL)
        return sw_fail(err, SW_USAGE, "usage", "no reference to judge the key service by");
    SW_SCOPED_SECRET(sw_session_key) response = sw_session_key_new();
    if (response == NULL) return sw_fail(err, SW_MEMORY, "memory", "no lockable memory for a key");
    asking a = {.r = r,
                .q = q,
                .e = e,
                .wall_ms = wall_ms,
                .arena = &arena,
                .call = call_of(q),
                .response = response};
    sw_granted made = {.receipt = SW_BUFFER(SW_ENVELOPE_LIMIT),
                       .statements = SW_BUFFER(SW_HTTP_BODY_LIMIT),
                       .evidence = SW_BUFFER(SW_EVIDENCE_LIMIT),
                       .ledger = SW_BUFFER(SW_JOURNAL_EXPORT_LIMIT)};
    sw_compose_hash(&a.compose, q->app_compose);
    sw_status status = ask(&a, &made, err);
    if (status == SW_OK)
        *out = made;
    else
        sw_granted_free(&made);
    return status;
}
