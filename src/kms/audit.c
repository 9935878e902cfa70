/* SPDX-License-Identifier: Apache-2.0
 *
 * The audit log: every decision, signed and durable before its answer leaves. Format:
 * docs/formats/kms.md (KMS-072, KMS-080 ... KMS-089).
 *
 * The idea: the number of grants lives nowhere else, so a restart cannot reset it; that the log was
 * not rolled back is what owners' statements say. Each start signs with its own receipt key, which
 * its first entry names. Invariant: k->log has read all that the journal holds before anything is
 * counted or written, also what an append left that reported a failure.
 */
#include "kms/audit.h"
#include "codec/text.h"
#include "kms/kms_internal.h"
#include "sys/files.h"

#include <stdio.h>
#include <string.h>

#define AUDIT_FILE   "audit.db"
#define VIEWS_FOLDER "views"
enum { MINUTE_MS = 60000, STRANGERS_A_MINUTE = 10 };

/* ---- writing ---- */
static sw_json *begin_entry(sw_arena *a, const char *event) {
    sw_json *root = sw_json_make(a, SW_JSON_OBJECT);
    sw_json_add_text(a, root, "event", sw_text(event));
    sw_json_add_text(a, root, "kind", SW_LITERAL(SW_AUDIT_KIND));
    return root;
}

static void add_decision(sw_arena *a, sw_json *root, const sw_kms *k, const sw_error *refusal) {
    sw_json_add_integer(a, root, "counter_ms", sw_kms_counter_ms(k));
    sw_json_add_text(a, root, "decision", sw_text(refusal == NULL ? "granted" : "refused"));
    sw_json_add_text(a, root, "reason", sw_text(refusal == NULL ? "" : refusal->message));
    sw_json_add_text(a, root, "word", sw_text(refusal == NULL ? "" : refusal->word));
}

sw_status sw_kms_audit_catch_up(sw_kms *k, sw_error *err) {
    sw_status status = sw_journal_read(k->audit, k->log.at.index + 1, sw_audit_read, &k->log, err);
    if (status == SW_OK || status == SW_MEMORY || status == SW_INTERNAL) return status;
    sw_error_prefix(err, "the key service cannot read its audit log");
    if (err != NULL) err->status = SW_UNAVAILABLE;
    return SW_UNAVAILABLE;
}

static sw_status append(sw_kms *k, const sw_json *root, sw_error *err) {
    SW_SCOPED(sw_buffer) payload = SW_BUFFER(SW_AUDIT_ENTRY_LIMIT);
    SW_SCOPED(sw_buffer) envelope = SW_BUFFER(2 * SW_AUDIT_ENTRY_LIMIT);
    SW_TRY(sw_kms_audit_catch_up(k, err));
    sw_json_encode(&payload, root);
    SW_TRY(sw_buffer_check(&payload, "an audit entry", err));
    SW_TRY(sw_envelope_sign(SW_PAYLOAD_AUDIT, sw_buffer_bytes(&payload), k->receipt->b, &envelope,
                            err));
    sw_head made;
    SW_TRY(sw_journal_append(k->audit, &k->log.at, sw_buffer_bytes(&envelope), &made, err));
    k->log.at = made;
    return SW_OK;
}

static sw_status append_start(sw_kms *k, const sw_audit_key *key, sw_error *err) {
    const sw_audit_start s = {.boot_nonce = k->boot_nonce,
                              .compose = k->compose,
                              .receipt = k->receipt_public,
                              .root = k->root_public,
                              .tls = k->tls_public};
    SW_SCOPED(sw_arena) arena = {0};
    sw_arena *a = &arena;
    sw_hash code;
    sw_audit_code(&code, key, &k->audit_id, &k->log.at, &s);
    sw_json *root = begin_entry(a, "start");
    sw_json_add_hex(a, root, "boot_nonce", SW_BYTES_OF(s.boot_nonce.b));
    sw_json_add_hex(a, root, "code", SW_BYTES_OF(code.b));
    sw_json_add_hex(a, root, "compose", SW_BYTES_OF(s.compose.b));
    sw_json_add_hex(a, root, "receipt", SW_BYTES_OF(s.receipt.b));
    sw_json_add_hex(a, root, "root", SW_BYTES_OF(s.root.b));
    sw_json_add_hex(a, root, "tls", SW_BYTES_OF(s.tls.b));
    SW_TRY(append(k, root, err));
    k->log.start = s;
    k->log.running = true;
    k->log.starts++;
    return SW_OK;
}

/* ---- refusals of strangers (KMS-087) ---- */
sw_status sw_kms_audit_settle(sw_kms *k, sw_error *err) {
    if (k->minute.counted == 0) return SW_OK;
    SW_SCOPED(sw_arena) arena = {0};
    sw_json *root = begin_entry(&arena, "refusals");
    sw_json_add_integer(&arena, root, "counted", (int64_t)k->minute.counted);
    sw_json_add_integer(&arena, root, "from_ms", k->minute.since_ms);
    sw_json_add_integer(&arena, root, "until_ms", sw_kms_counter_ms(k));
    SW_TRY(append(k, root, err));
    k->minute.counted = 0;
    return SW_OK;
}

/* Before each decision's entry: what the last minute counted is written first. `*counted`: this one
 * is a refusal that gets no entry of its own. */
static sw_status count_refusal(sw_kms *k, bool stranger, bool *counted, sw_error *err) {
    sw_kms_minute *m = &k->minute;
    int64_t now_ms = sw_kms_counter_ms(k);
    *counted = false;
    if (now_ms - m->since_ms >= MINUTE_MS) {
        SW_TRY(sw_kms_audit_settle(k, err));
        *m = (sw_kms_minute){.since_ms = now_ms};
    }
    if (!stranger) return SW_OK;
    *counted = m->written == STRANGERS_A_MINUTE && m->counted < UINT32_MAX;
    *(*counted ? &m->counted : &m->written) += 1;
    return SW_OK;
}

/* KMS-082: the owner's word itself, by which others know whose receipt key signs this start. */
static sw_status add_envelope(sw_arena *a, sw_json *root, sw_bytes statement, sw_error *err) {
    sw_json *parsed;
    SW_TRY(sw_json_parse_canonical(a, statement, NULL, &parsed, err));
    (void)sw_json_add(root, "envelope", parsed);
    return SW_OK;
}

sw_status sw_kms_audit_unlock(sw_kms *k, const sw_hash *app, const sw_hash *owner,
                              sw_bytes statement, const sw_error *refusal, sw_error *err) {
    SW_SCOPED(sw_arena) arena = {0};
    sw_arena *a = &arena;
    sw_hash digest;
    bool counted;
    SW_TRY(count_refusal(k, refusal != NULL, &counted, err));
    if (counted) return SW_OK;
    sw_sha256(&digest, statement);
    sw_json *root = begin_entry(a, "unlock");
    add_decision(a, root, k, refusal);
    sw_json_add_hex(a, root, "app", SW_BYTES_OF(app->b));
    sw_json_add_hex(a, root, "owner", SW_BYTES_OF(owner->b));
    sw_json_add_hex(a, root, "statement", SW_BYTES_OF(digest.b));
    if (refusal == NULL) SW_TRY(add_envelope(a, root, statement, err));
    return append(k, root, err);
}

sw_status sw_kms_audit_revocation(sw_kms *k, const sw_hash *app, const sw_handed_revocation *r,
                                  sw_error *err) {
    SW_SCOPED(sw_arena) arena = {0};
    sw_arena *a = &arena;
    const sw_kms_app *held = sw_kms_app_find(k, app);
    SW_CHECK(err, held != NULL);
    sw_json *root = begin_entry(a, "revocation");
    sw_json_add_hex(a, root, "app", SW_BYTES_OF(app->b));
    sw_json_add_hex(a, root, "compose", SW_BYTES_OF(r->say.compose.b));
    sw_json_add_integer(a, root, "counter_ms", sw_kms_counter_ms(k));
    sw_json_add_flag(a, root, "everything", r->say.everything);
    sw_json_add_hex(a, root, "owner", SW_BYTES_OF(held->genesis.owners[r->owner].id.b));
    sw_json_add_integer(a, root, "sequence", (int64_t)r->say.sequence);
    sw_json_add_hex(a, root, "signature", SW_BYTES_OF(r->signature));
    return append(k, root, err);
}

/* A proof is too long for the log, which everybody fetches whole: the log has its digest, and the
 * file that has this name lies beside it, durable before the entry. */
static sw_status keep_view(const sw_kms *k, sw_bytes view, sw_hash *digest, sw_error *err) {
    SW_SCOPED(sw_arena) a = {0};
    char name[2 * SW_HASH_BYTES + sizeof ".json"];
    sw_sha256(digest, view);
    sw_hex_text(name, SW_BYTES_OF(digest->b));
    memcpy(name + 2 * SW_HASH_BYTES, ".json", sizeof ".json");
    char *folder = sw_path_join(&a, k->folder, VIEWS_FOLDER);
    char *path = folder == NULL ? NULL : sw_path_join(&a, folder, name);
    if (path == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a path");
    if (sw_path_exists(path)) return SW_OK;
    SW_TRY(sw_folder_make(folder, 0700, err));
    return sw_file_write(path, view, 0600, SW_WRITE_REPLACE, err);
}

static sw_status add_blocks(sw_arena *a, sw_json *root, const sw_kms *k, const sw_kms_finding *f,
                            sw_error *err) {
    if (f == NULL || f->block_count == 0) return SW_OK;
    sw_json *list = sw_json_add_array(a, root, "blocks");
    for (size_t i = 0; i < f->block_count; i++) {
        sw_hash view;
        if (f->known) SW_TRY(keep_view(k, sw_buffer_bytes(&f->each[i]), &view, err));
        sw_json *b = sw_json_add_object(a, list, NULL);
        sw_json_add_hex(a, b, "hash", SW_BYTES_OF(f->blocks[i].hash.b));
        sw_json_add_integer(a, b, "index", (int64_t)f->blocks[i].index);
        sw_json_add_hex(a, b, "view", SW_BYTES(view.b, f->known ? SW_HASH_BYTES : 0));
    }
    return SW_OK;
}

sw_status sw_kms_audit_keys(sw_kms *k, const sw_kms_decision *d, const sw_error *refusal,
                            sw_error *err) {
    bool open = d->purpose == SW_PURPOSE_OPEN;
    SW_SCOPED(sw_arena) arena = {0};
    sw_arena *a = &arena;
    bool counted;
    SW_TRY(count_refusal(k, refusal != NULL && !d->vouched, &counted, err));
    if (counted) return SW_OK;
    sw_json *root = begin_entry(a, "keys");
    add_decision(a, root, k, refusal);
    SW_TRY(add_blocks(a, root, k, d->finding, err));
    sw_json_add_hex(a, root, "app", SW_BYTES_OF(d->app.b));
    sw_json_add_hex(a, root, "compose", SW_BYTES_OF(d->compose.b));
    sw_json_add_hex(a, root, "evidence", SW_BYTES_OF(d->evidence.b));
    sw_json_add_hex(a, root, "machine", SW_BYTES_OF(d->machine.b));
    sw_json_add_integer(a, root, "number", (int64_t)(refusal == NULL ? d->number : 0));
    sw_json_add_hex(a, root, "open_manifest",
                    SW_BYTES(d->open_manifest.b, open ? SW_HASH_BYTES : 0));
    sw_json_add_hex(a, root, "open_recipient",
                    SW_BYTES(d->open_recipient.b, open ? SW_P256_BYTES : 0));
    sw_json_add_text(a, root, "purpose", sw_text(sw_purpose_name(d->purpose)));
    sw_json_add_integer(a, root, "renewal", (int64_t)(refusal == NULL ? d->renewal : 0));
    sw_json_add_integer(a, root, "time_ms", d->time_ms);
    return append(k, root, err);
}

/* ---- opening ---- */
/* CHN-305: what was handed over to a start before counts in this one. */
static sw_status restore(void *context, const sw_audit_revocation *r, sw_error *err) {
    const sw_kms *k = context;
    const sw_kms_app *app = sw_kms_app_find(k, &r->app);
    const sw_owner *owner = app == NULL ? NULL : sw_genesis_owner(&app->genesis, &r->owner);
    SW_SCOPED(sw_buffer) call = SW_BUFFER(SW_HANDED_LIMIT);
    if (app == NULL) {
        char hex[2 * SW_HASH_BYTES + 1];
        sw_hex_text(hex, SW_BYTES_OF(r->app.b));
        sw_status status = sw_fail(err, SW_UNAUTHENTIC, "rollback",
                                   "a revocation in app %s, which is not in the folder", hex);
        sw_error_hint(err, "its join envelope is missing in apps/: every owner has it");
        return status;
    }
    if (owner == NULL || app->ledger->kind->restore == NULL)
        return sw_fail(err, SW_UNAUTHENTIC, "rollback", "a revocation that nobody can have made");
    sw_app_say_call(&call, &r->say, (uint8_t)(owner - app->genesis.owners), r->signature);
    SW_TRY(sw_buffer_check(&call, "a revocation", err));
    return app->ledger->kind->restore(app->ledger, sw_buffer_bytes(&call), err);
}

/* A log is one root's: those of roots that are gone stay as they are (KMS-094). */
static const char *log_path(const sw_kms *k, sw_arena *a) {
    char hex[2 * SW_HASH_BYTES + 1], name[sizeof hex + 16];
    sw_hex_text(hex, SW_BYTES_OF(k->audit_id.b));
    (void)snprintf(name, sizeof name, "audit-%s.db", hex);
    return sw_path_join(a, k->folder, k->keeps_root ? AUDIT_FILE : name);
}

sw_status sw_kms_audit_open(sw_kms *k, sw_error *err) {
    SW_SCOPED(sw_arena) arena = {0};
    sw_audit_id(&k->audit_id, &k->root_public);
    const char *path = log_path(k, &arena);
    if (path == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a path");
    SW_TRY(sw_journal_open_sqlite(path, &k->audit_id, &k->audit, err));
    SW_SCOPED_SECRET(sw_audit_key) key = sw_audit_key_new();
    if (key == NULL) return sw_fail(err, SW_MEMORY, "memory", "no lockable memory for a key");
    SW_TRY(sw_audit_key_derive(k->root, key, err));
    sw_audit_begin(&k->log, &k->audit_id, &k->counts);
    k->log.key = key;
    k->log.revoked = restore;
    k->log.revoked_context = k;
    sw_status status = sw_journal_read(k->audit, 1, sw_audit_read, &k->log, err);
    if (status == SW_OK) status = append_start(k, key, err);
    k->log.key = NULL;
    return status;
}
