/* SPDX-License-Identifier: Apache-2.0
 *
 * The common part of the clients: a connection, refusals passed on, journals page by page. Format:
 * docs/formats/kms.md (KMS-001, KMS-005, KMS-020 ... KMS-024).
 *
 * Ledgers certify themselves: every entry is verified here under the genesis, so it does not matter
 * who carried them.
 */
#include "kms/client.h"

#include "codec/text.h"
#include "kms/client_internal.h"
#include "sys/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE_LIMIT = 1000000, PATH_INDEX_BYTES = 24 };

/* ---- a connection ---- */
sw_status sw_remote_reconnect(sw_remote *r, sw_error *err) {
    sw_http_disconnect(&r->http);
    SW_TRY(sw_p256_generate(&r->entropy, r->tls->b, &r->tls_public, err));
    SW_TRY(sw_http_connect(r->url, r->tls, &r->entropy, &r->http, err));
    return SW_OK;
}

sw_status sw_remote_open(const char *url, const sw_entropy *e, sw_remote **out, sw_error *err) {
    sw_remote *r = calloc(1, sizeof *r);
    if (r == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a connection");
    *r = (sw_remote){.url = strdup(url), .entropy = *e, .tls = sw_session_key_new()};
    sw_status status = r->url != NULL && r->tls != NULL
                           ? sw_remote_reconnect(r, err)
                           : sw_fail(err, SW_MEMORY, "memory", "no memory for a connection");
    if (status == SW_OK)
        *out = r;
    else
        sw_remote_close(&r);
    return status;
}

static int64_t steady_ms(void) {
    const sw_clock clock = sw_clock_system();
    return clock.steady_ms(clock.context);
}

void sw_remote_patience(sw_remote *r, int64_t each_ms, int64_t all_ms) {
    r->patience_ms = each_ms;
    r->until_ms = steady_ms() + all_ms;
}

/* What is left of both. */
static sw_status be_patient(const sw_remote *r, sw_error *err) {
    if (r->patience_ms == 0) return SW_OK;
    int64_t left = r->until_ms - steady_ms();
    if (left <= 0)
        return sw_fail(err, SW_UNAVAILABLE, "unavailable",
                       "the key service did not answer all of it in time");
    sw_http_patience(r->http, left < r->patience_ms ? left : r->patience_ms);
    return SW_OK;
}

void sw_remote_node(sw_remote *r, sw_rpc *node) {
    r->node = node;
}

void sw_remote_close(sw_remote **held) {
    sw_remote *r = *held;
    *held = NULL;
    if (r == NULL) return;
    sw_http_disconnect(&r->http);
    sw_session_key_drop(&r->tls);
    free(r->url);
    free(r);
}

sw_status sw_remote_call(sw_remote *r, const char *method, const char *path, sw_bytes body,
                         sw_buffer *answer, sw_p256_public *server, sw_error *err) {
    SW_SCOPED(sw_buffer) heard = SW_BUFFER(SW_HTTP_BODY_LIMIT);
    sw_p256_public key;
    int status = 0;
    SW_TRY(be_patient(r, err));
    SW_TRY(sw_http_call(r->http, method, path, body, &status, &heard, &key, err));
    if (status != 200) return sw_refusal_decode(status, sw_buffer_bytes(&heard), err);
    sw_put_bytes(answer, sw_buffer_bytes(&heard));
    SW_TRY(sw_buffer_check(answer, "the key service's answer", err));
    if (server != NULL) *server = key;
    return SW_OK;
}

void sw_remote_app_path(char out[SW_KMS_PATH_BYTES], const sw_hash *genesis, const char *rest) {
    char hex[2 * SW_HASH_BYTES + 1];
    sw_hex_text(hex, SW_BYTES_OF(genesis->b));
    (void)snprintf(out, SW_KMS_PATH_BYTES, SW_KMS_APPS_PATH "/%s%s", hex, rest);
}

/* ---- pages ---- */
static sw_status parse_page(sw_arena *a, sw_bytes json, const sw_hash *id, const sw_json **entries,
                            sw_head *head, sw_error *err) {
    static const char *const names[] = {"entries", "head", "id", NULL};
    const sw_json_limits limits = {SW_HTTP_BODY_LIMIT, 8, PAGE_LIMIT};
    sw_json *root;
    sw_hash claimed;
    SW_TRY(sw_json_parse_canonical(a, json, &limits, &root, err));
    SW_TRY(sw_json_expect(root, "page", names, err));
    SW_TRY(sw_json_array(root, "page", "entries", PAGE_LIMIT, entries, err));
    SW_TRY(sw_head_from_json(root, "page", "head", head, err));
    SW_TRY(sw_json_hash(root, "page", "id", &claimed, err));
    if (!sw_hash_equal(&claimed, id))
        return sw_fail(err, SW_REFUSED, "journal", "these are the entries of another journal");
    return SW_OK;
}

typedef struct paging {
    sw_remote *r;
    const char *path;
    const sw_hash *id;
    sw_remote_visit visit;
    void *context;
    uint64_t next;
    bool ended;
} paging;

static sw_status read_page(paging *p, sw_arena *a, sw_head *head, sw_error *err) {
    char path[SW_KMS_PATH_BYTES + PATH_INDEX_BYTES];
    (void)snprintf(path, sizeof path, "%s/%llu", p->path, (unsigned long long)p->next);
    SW_SCOPED(sw_buffer) answer = SW_BUFFER(SW_HTTP_BODY_LIMIT);
    const sw_json *entries;
    SW_TRY(sw_remote_call(p->r, "GET", path, (sw_bytes){0}, &answer, NULL, err));
    SW_TRY(parse_page(a, sw_buffer_bytes(&answer), p->id, &entries, head, err));
    uint64_t before = p->next;
    for (const sw_json *e = entries->first; e != NULL && !p->ended; e = e->next, p->next++) {
        sw_status status = p->visit(p->context, e->span, err);
        p->ended = status == SW_EXISTS;
        if (status != SW_OK && !p->ended) return status;
    }
    if (p->next == before && head->index >= p->next)
        return sw_fail(err, SW_UNAUTHENTIC, "rollback", "the key service leaves entries out");
    return SW_OK;
}

sw_status sw_remote_pages(sw_remote *r, const char *path, const sw_hash *id, uint64_t from,
                          sw_remote_visit visit, void *context, sw_head *head, sw_error *err) {
    paging p = {.r = r, .path = path, .id = id, .visit = visit, .context = context, .next = from};
    sw_head claimed;
    do {
        SW_SCOPED(sw_arena) arena = {0};
        SW_TRY(read_page(&p, &arena, &claimed, err));
    } while (!p.ended && p.next <= claimed.index);
    *head = claimed;
    return SW_OK;
}

/* ---- ledgers ---- */
sw_status sw_remote_found(sw_remote *r, sw_bytes genesis_envelope, sw_error *err) {
    SW_SCOPED(sw_buffer) answer = SW_BUFFER(SW_KMS_REFUSAL_LIMIT);
    return sw_remote_call(r, "POST", SW_KMS_APPS_PATH, genesis_envelope, &answer, NULL, err);
}

sw_status sw_remote_probe(sw_remote *r, const sw_genesis *g, sw_error *err) {
    char path[SW_KMS_PATH_BYTES];
    SW_SCOPED(sw_buffer) answer = SW_BUFFER(SW_HTTP_BODY_LIMIT);
    sw_remote_app_path(path, &g->hash, "");
    return sw_remote_call(r, "GET", path, (sw_bytes){0}, &answer, NULL, err);
}

static sw_status take_entry(void *context, sw_bytes envelope, sw_error *err) {
    return sw_journal_append(context, NULL, envelope, NULL, err);
}

static sw_status fetch_ledger(sw_remote *r, const sw_genesis *g, sw_journal *j, sw_ledger *l,
                              sw_error *err) {
    char path[SW_KMS_PATH_BYTES];
    sw_head claimed;
    sw_remote_app_path(path, &g->hash, "/ledger");
    SW_TRY(sw_remote_pages(r, path, &g->hash, 1, take_entry, j, &claimed, err));
    sw_head head = sw_journal_head(j);
    if (!sw_head_equal(&head, &claimed))
        return sw_fail(err, SW_UNAUTHENTIC, "rollback", "the ledger does not end at its head");
    return sw_ledger_load(l, j, err);
}

sw_status sw_remote_ledger(sw_remote *r, const sw_genesis *g, sw_journal **journal,
                           sw_ledger **ledger, sw_error *err) {
    sw_journal *j = NULL;
    sw_ledger *l = NULL;
    sw_status status = sw_journal_open_memory(&g->hash, &j, err);
    if (status == SW_OK) status = sw_ledger_open(g, &l, err);
    if (status == SW_OK) status = fetch_ledger(r, g, j, l, err);
    if (status != SW_OK) {
        sw_ledger_close(&l);
        sw_journal_close(&j);
        return status;
    }
    *journal = j;
    *ledger = l;
    return SW_OK;
}

sw_status sw_remote_revoke(sw_remote *r, const sw_genesis *g, sw_bytes call, sw_error *err) {
    sw_head head;
    return sw_remote_append(r, g, call, &head, err);
}

sw_status sw_remote_append(sw_remote *r, const sw_genesis *g, sw_bytes entry_envelope,
                           sw_head *head, sw_error *err) {
    char path[SW_KMS_PATH_BYTES];
    SW_SCOPED(sw_buffer) answer = SW_BUFFER(SW_KMS_FACTS_LIMIT);
    SW_SCOPED(sw_arena) arena = {0};
    sw_remote_app_path(path, &g->hash, "/ledger");
    SW_TRY(sw_remote_call(r, "POST", path, entry_envelope, &answer, NULL, err));
    return sw_head_parse(&arena, sw_buffer_bytes(&answer), "ledger", head, err);
}
