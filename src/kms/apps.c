/* SPDX-License-Identifier: Apache-2.0
 *
 * The apps that a service holds: genesis, ledger, owners' words. Format: docs/formats/kms.md
 * (KMS-020 ... KMS-025, KMS-093).
 *
 * Invariants: an app is in the table only when its genesis verifies complete and its ledger opened.
 * The genesis file is written before a journal is made, so a kill between them loses nothing.
 */
#include "codec/text.h"
#include "kms/kms_internal.h"
#include "sys/files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GENESIS_END "apps/%s.genesis"
enum { NAME_BYTES = 2 * SW_HASH_BYTES, RELATIVE_BYTES = 96, LIST_LIMIT = 4 * SW_KMS_APP_LIMIT };

static sw_status path_of(sw_arena *a, const sw_kms *k, const char *form, const sw_hash *genesis,
                         const char **out, sw_error *err) {
    char hex[NAME_BYTES + 1], relative[RELATIVE_BYTES];
    sw_hex_text(hex, SW_BYTES_OF(genesis->b));
    (void)snprintf(relative, sizeof relative, form, hex);
    *out = sw_path_join(a, k->folder, relative);
    return *out != NULL ? SW_OK : sw_fail(err, SW_MEMORY, "memory", "no memory for a path");
}

static void close_app(sw_kms_app *app) {
    for (size_t i = 0; i < SW_OWNER_LIMIT; i++) sw_buffer_free(&app->words[i].envelope);
    sw_kms_secrets_drop(&app->secrets);
    if (app->ledger != NULL) app->ledger->kind->close(app->ledger);
    sw_buffer_free(&app->envelope);
    free(app);
}

sw_kms_app *sw_kms_app_find(const sw_kms *k, const sw_hash *genesis) {
    for (size_t i = 0; i < k->app_count; i++)
        if (sw_hash_equal(&k->apps[i]->genesis.hash, genesis)) return k->apps[i];
    return NULL;
}

/* ---- opening one ---- */
static sw_status fill_app(sw_kms *k, sw_bytes envelope, const sw_genesis *g, sw_kms_app *app,
                          sw_error *err) {
    app->genesis = *g;
    app->envelope = SW_BUFFER(SW_KMS_GENESIS_LIMIT);
    sw_put_bytes(&app->envelope, envelope);
    SW_TRY(sw_buffer_check(&app->envelope, "a genesis", err));
    for (size_t i = 0; i < SW_OWNER_LIMIT; i++)
        app->words[i].envelope = SW_BUFFER(SW_KMS_STATEMENT_LIMIT);
    return g->backend == SW_LEDGER_ETHEREUM
               ? sw_kms_ledger_open_chain(k, &app->genesis, &app->ledger, err)
               : sw_kms_ledger_open_local(k, &app->genesis, &app->ledger, err);
}

static sw_status add_app(sw_kms *k, sw_bytes envelope, const sw_genesis *g, const sw_kms_app **out,
                         sw_error *err) {
    if (k->app_count == SW_KMS_APP_LIMIT)
        return sw_fail(err, SW_LIMIT, "limit", "this key service holds %d apps already",
                       SW_KMS_APP_LIMIT);
    sw_kms_app *app = calloc(1, sizeof *app);
    if (app == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for an app");
    sw_status status = fill_app(k, envelope, g, app, err);
    if (status != SW_OK) {
        close_app(app);
        return status;
    }
    k->apps[k->app_count++] = app;
    *out = app;
    return SW_OK;
}

/* KMS-025 */
static sw_status check_listed(const sw_kms *k, const sw_hash *genesis, sw_error *err) {
    for (size_t i = 0; i < k->listed_count; i++)
        if (sw_hash_equal(&k->listed[i], genesis)) return SW_OK;
    if (k->listed_count == 0) return SW_OK;
    sw_status status = sw_fail(err, SW_REFUSED, "app", "this key service does not take that app");
    sw_error_hint(err, "its operator lists it with `kms serve --app`");
    return status;
}

/* KMS-026: nothing of such an app could ever be granted here. */
static sw_status check_node(sw_kms *k, const sw_genesis *g, sw_error *err) {
    if (g->backend != SW_LEDGER_ETHEREUM || sw_kms_node_of(k, g->chain.chain) != NULL) return SW_OK;
    sw_status status =
        sw_fail(err, SW_REFUSED, "chain", "this key service has no node of chain %llu",
                (unsigned long long)g->chain.chain);
    sw_error_hint(err, "its operator names one with `kms serve --rpc`");
    return status;
}

static sw_status found(sw_kms *k, sw_arena *a, sw_bytes envelope, const sw_kms_app **out,
                       sw_error *err) {
    sw_genesis g;
    const char *path;
    if (envelope.size > SW_KMS_GENESIS_LIMIT)
        return sw_fail(err, SW_LIMIT, "limit", "a genesis has more than %zu bytes",
                       SW_KMS_GENESIS_LIMIT);
    SW_TRY(sw_genesis_open(a, envelope, true, &g, err));
    *out = sw_kms_app_find(k, &g.hash);
    if (*out != NULL) return SW_OK;
    SW_TRY(check_listed(k, &g.hash, err));
    SW_TRY(check_node(k, &g, err));
    if (k->app_count < SW_KMS_APP_LIMIT) {
        SW_TRY(path_of(a, k, GENESIS_END, &g.hash, &path, err));
        SW_TRY(sw_file_write(path, envelope, 0600, SW_WRITE_REPLACE, err));
    }
    return add_app(k, envelope, &g, out, err);
}

sw_status sw_kms_app_found(sw_kms *k, sw_bytes envelope, const sw_kms_app **out, sw_error *err) {
    sw_arena arena = {0};
    const sw_kms_app *app = NULL;
    sw_status status = found(k, &arena, envelope, &app, err);
    sw_arena_free(&arena);
    if (status == SW_OK) *out = app;
    return status;
}

/* ---- opening all at start ---- */
static bool names_genesis(const char *name, sw_hash *out) {
    size_t size = strlen(name);
    return size > NAME_BYTES && strcmp(name + NAME_BYTES, ".genesis") == 0 &&
           sw_hex_decode(out->b, sizeof out->b, SW_BYTES(name, NAME_BYTES), false, NULL) == SW_OK;
}

static sw_status load_app(sw_kms *k, sw_arena *a, const sw_hash *genesis, sw_error *err) {
    SW_SCOPED(sw_buffer) file = SW_BUFFER(SW_KMS_GENESIS_LIMIT);
    const char *path;
    const sw_kms_app *app;
    sw_genesis g;
    SW_TRY(path_of(a, k, GENESIS_END, genesis, &path, err));
    SW_TRY(sw_file_read(path, SW_KMS_GENESIS_LIMIT, &file, err));
    SW_TRY(sw_genesis_open(a, sw_buffer_bytes(&file), true, &g, err));
    if (!sw_hash_equal(&g.hash, genesis))
        return sw_fail(err, SW_UNAUTHENTIC, "rollback", "%s is the genesis of another app", path);
    return add_app(k, sw_buffer_bytes(&file), &g, &app, err);
}

static sw_status load_all(sw_kms *k, sw_arena *a, sw_error *err) {
    const char *folder = sw_path_join(a, k->folder, "apps");
    const char **names = NULL;
    size_t count = 0;
    if (folder == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a path");
    SW_TRY(sw_folder_make(folder, 0700, err));
    SW_TRY(sw_folder_list(a, folder, LIST_LIMIT, &names, &count, err));
    for (size_t i = 0; i < count; i++) {
        sw_hash genesis;
        if (!names_genesis(names[i], &genesis)) continue;
        sw_status status = load_app(k, a, &genesis, err);
        if (status != SW_OK) {
            sw_error_prefix(err, "apps/%s", names[i]);
            return status;
        }
    }
    return SW_OK;
}

sw_status sw_kms_apps_load(sw_kms *k, sw_error *err) {
    sw_arena arena = {0};
    sw_status status = load_all(k, &arena, err);
    sw_arena_free(&arena);
    return status;
}

void sw_kms_apps_close(sw_kms *k) {
    while (k->app_count > 0) close_app(k->apps[--k->app_count]);
}

/* ---- entries ---- */
sw_status sw_kms_app_append(sw_kms_app *app, sw_bytes entry, sw_head *head, sw_error *err) {
    if (entry.size > SW_KMS_ENTRY_LIMIT)
        return sw_fail(err, SW_LIMIT, "limit", "a ledger entry has more than %zu bytes",
                       SW_KMS_ENTRY_LIMIT);
    return app->ledger->kind->append(app->ledger, entry, head, err);
}

/* ---- pages ---- */
typedef struct page {
    sw_buffer *out;
    bool first, full;
} page;

static sw_status add_to_page(void *context, const sw_head *at, const sw_envelope *envelope,
                             sw_bytes bytes, sw_error *err) {
    (void)at, (void)envelope;
    page *p = context;
    p->full = !p->first && p->out->size + bytes.size > SW_KMS_PAGE_LIMIT;
    if (p->full) return SW_LIMIT; /* ends the reading; sw_kms_page takes it for what it is */
    if (!p->first) sw_put_u8(p->out, ',');
    p->first = false;
    sw_put_bytes(p->out, bytes);
    return sw_buffer_check(p->out, "a page of a journal", err);
}

sw_status sw_kms_page(sw_journal *j, const sw_hash *id, uint64_t from, sw_buffer *out,
                      sw_error *err) {
    SW_SCOPED(sw_buffer) made = SW_BUFFER(out->limit);
    page p = {.out = &made, .first = true};
    sw_put_text(&made, "{\"entries\":[");
    sw_status status = sw_journal_read(j, from, add_to_page, &p, err);
    if (status != SW_OK && !p.full) return status;
    sw_head head = sw_journal_head(j);
    char hash[2 * SW_HASH_BYTES + 1], name[2 * SW_HASH_BYTES + 1];
    sw_hex_text(hash, SW_BYTES_OF(head.hash.b));
    sw_hex_text(name, SW_BYTES_OF(id->b));
    sw_put_format(&made, "],\"head\":{\"hash\":\"%s\",\"index\":%llu},\"id\":\"%s\"}", hash,
                  (unsigned long long)head.index, name);
    SW_TRY(sw_buffer_check(&made, "a page of a journal", err));
    sw_put_bytes(out, sw_buffer_bytes(&made));
    return sw_buffer_check(out, "a page of a journal", err);
}
