/* SPDX-License-Identifier: Apache-2.0
 *
 * The audit log: every decision, signed and durable before its answer leaves, and the count of
 * grants that is read back from it. Format: docs/formats/kms.md (KMS-072, KMS-080 ... KMS-087).
 *
 * The idea: the number of grants lives nowhere else, so a restart cannot reset it; that the log was
 * not rolled back is what owners' statements say. Each start signs with its own receipt key, which
 * its first entry names.
 */
#include "kms/audit.h"
#include "codec/text.h"
#include "kms/kms_internal.h"
#include "sys/files.h"

#include <string.h>

#define AUDIT_KIND   "sealwright/audit/v1"
#define AUDIT_FILE   "audit.db"
#define VIEWS_FOLDER "views"
#define SAFE_INTEGER (((uint64_t)1 << 53) - 1)
enum { ENTRY_LIMIT = 16384, ENTRY_NODES = 192, MINUTE_MS = 60000, STRANGERS_A_MINUTE = 10 };

void sw_audit_id(sw_hash *out, const sw_p256_public *root) {
    const sw_bytes field = SW_BYTES_OF(root->b);
    sw_bind_sha256(out, AUDIT_KIND, &field, 1);
}

/* ---- counts ---- */
static const sw_kms_count *find(const sw_kms_counts *c, const sw_hash *compose) {
    for (size_t i = 0; i < c->count; i++)
        if (sw_hash_equal(&c->slots[i].compose, compose)) return &c->slots[i];
    return NULL;
}

uint64_t sw_kms_granted(const sw_kms_counts *c, const sw_hash *compose) {
    const sw_kms_count *there = find(c, compose);
    return there == NULL ? 0 : there->granted;
}

sw_status sw_kms_count_room(const sw_kms_counts *c, const sw_hash *compose, sw_error *err) {
    if (c->count < SW_KMS_COUNT_LIMIT || find(c, compose) != NULL) return SW_OK;
    return sw_fail(err, SW_LIMIT, "limit", "this key service has granted %d compose hashes",
                   SW_KMS_COUNT_LIMIT);
}

sw_status sw_kms_count_raise(sw_kms_counts *c, const sw_hash *compose, uint64_t granted,
                             sw_error *err) {
    SW_TRY(sw_kms_count_room(c, compose, err));
    const sw_kms_count *there = find(c, compose);
    size_t at = there == NULL ? c->count++ : (size_t)(there - c->slots);
    c->slots[at] = (sw_kms_count){.compose = *compose, .granted = granted};
    return SW_OK;
}

/* ---- reading ---- */
static sw_status parse_payload(sw_arena *a, sw_bytes payload, sw_json **out, sw_bytes *event,
                               sw_error *err) {
    const sw_json_limits limits = {ENTRY_LIMIT, 4, ENTRY_NODES};
    sw_bytes kind;
    SW_TRY(sw_json_parse_canonical(a, payload, &limits, out, err));
    SW_TRY(sw_json_text(*out, AUDIT_KIND, "kind", &kind, err));
    if (!sw_bytes_is(kind, AUDIT_KIND))
        return sw_fail(err, SW_MALFORMED, "format", "an entry is not of kind " AUDIT_KIND);
    return sw_json_text(*out, AUDIT_KIND, "event", event, err);
}

/* A start names the key that signs it and what follows. */
static sw_status read_start(const sw_json *root, sw_audit_reader *r, sw_error *err) {
    static const char *const names[] = {"boot_nonce", "compose", "event", "kind",
                                        "receipt",    "root",    "tls",   NULL};
    sw_p256_public key;
    sw_hash id;
    SW_TRY(sw_json_expect(root, AUDIT_KIND, names, err));
    SW_TRY(sw_key_from_json(root, AUDIT_KIND, "root", &key, err));
    sw_audit_id(&id, &key);
    if (!sw_hash_equal(&id, &r->id))
        return sw_fail(err, SW_UNAUTHENTIC, "rollback", "a start names another root key");
    SW_TRY(sw_key_from_json(root, AUDIT_KIND, "receipt", &r->receipt, err));
    r->starts++;
    return SW_OK;
}

static sw_status read_granted(const sw_json *root, bool *out, sw_error *err) {
    sw_bytes text;
    SW_TRY(sw_json_text(root, AUDIT_KIND, "decision", &text, err));
    *out = sw_bytes_is(text, "granted");
    if (!*out && !sw_bytes_is(text, "refused"))
        return sw_fail(err, SW_MALFORMED, "format", "a decision is neither granted nor refused");
    return SW_OK;
}

static sw_status read_unlock(const sw_json *root, sw_audit_reader *r, sw_error *err) {
    static const char *const names[] = {"app",   "counter_ms", "decision",  "event", "kind",
                                        "owner", "reason",     "statement", "word",  NULL};
    bool granted;
    SW_TRY(sw_json_expect(root, AUDIT_KIND, names, err));
    SW_TRY(read_granted(root, &granted, err));
    *(granted ? &r->unlocks : &r->refusals) += 1;
    return SW_OK;
}

/* `blocks` stands where a chain was looked at. */
static sw_status read_blocks(const sw_json *root, sw_error *err) {
    static const char *const names[] = {"hash", "index", "view", NULL};
    const sw_json *list;
    if (sw_json_member(root, "blocks") == NULL) return SW_OK;
    SW_TRY(sw_json_array(root, AUDIT_KIND, "blocks", SW_KMS_BLOCK_COUNT, &list, err));
    if (list->count == 0)
        return sw_fail(err, SW_MALFORMED, "format", "a decision has looked at no block");
    for (const sw_json *b = list->first; b != NULL; b = b->next) {
        sw_hash hash;
        uint64_t index;
        SW_TRY(sw_json_expect(b, AUDIT_KIND, names, err));
        SW_TRY(sw_json_hash(b, AUDIT_KIND, "hash", &hash, err));
        SW_TRY(sw_json_hash(b, AUDIT_KIND, "view", &hash, err));
        SW_TRY(sw_json_u64(b, AUDIT_KIND, "index", SAFE_INTEGER, &index, err));
    }
    return SW_OK;
}

static sw_status read_keys(const sw_json *root, sw_audit_reader *r, sw_error *err) {
    static const char *const names[] = {
        "app",      "?blocks", "compose", "counter_ms", "decision",      "event",
        "evidence", "kind",    "machine", "number",     "open_manifest", "open_recipient",
        "purpose",  "reason",  "renewal", "time_ms",    "word",          NULL};
    sw_hash compose;
    uint64_t number, renewal;
    bool granted;
    SW_TRY(sw_json_expect(root, AUDIT_KIND, names, err));
    SW_TRY(read_blocks(root, err));
    SW_TRY(read_granted(root, &granted, err));
    *(granted ? &r->grants : &r->refusals) += 1;
    if (!granted) return SW_OK;
    SW_TRY(sw_json_hash(root, AUDIT_KIND, "compose", &compose, err));
    SW_TRY(sw_json_u64(root, AUDIT_KIND, "number", UINT32_MAX, &number, err));
    SW_TRY(sw_json_u64(root, AUDIT_KIND, "renewal", UINT32_MAX, &renewal, err));
    if (renewal != 0 || r->counts == NULL) return SW_OK;
    return sw_kms_count_raise(r->counts, &compose, number, err);
}

static sw_status read_refusals(const sw_json *root, sw_audit_reader *r, sw_error *err) {
    static const char *const names[] = {"counted", "event", "from_ms", "kind", "until_ms", NULL};
    uint64_t counted;
    SW_TRY(sw_json_expect(root, AUDIT_KIND, names, err));
    SW_TRY(sw_json_u64(root, AUDIT_KIND, "counted", UINT32_MAX, &counted, err));
    r->refusals += counted;
    return SW_OK;
}

static sw_status read_revocation(const sw_json *root, sw_audit_reader *r, sw_error *err) {
    static const char *const names[] = {"app",  "compose", "counter_ms", "event",     "everything",
                                        "kind", "owner",   "sequence",   "signature", NULL};
    uint8_t signature[SW_SECP256K1_SIG_BYTES];
    bool everything;
    SW_TRY(sw_json_expect(root, AUDIT_KIND, names, err));
    SW_TRY(sw_json_flag(root, AUDIT_KIND, "everything", &everything, err));
    SW_TRY(sw_json_hex(root, AUDIT_KIND, "signature", signature, sizeof signature, err));
    r->revocations++;
    return SW_OK;
}

static sw_status read_entry(sw_arena *a, const sw_envelope *e, sw_audit_reader *r, sw_error *err) {
    sw_json *root;
    sw_bytes event;
    SW_TRY(parse_payload(a, e->payload, &root, &event, err));
    bool start = sw_bytes_is(event, "start");
    if (start) SW_TRY(read_start(root, r, err));
    if (r->starts == 0 || e->signature_count != 1)
        return sw_fail(err, SW_UNAUTHENTIC, "signature", "no start says who signs this entry");
    SW_TRY(sw_envelope_verify(e, SW_PAYLOAD_AUDIT, &r->receipt, err));
    if (start) return SW_OK;
    if (sw_bytes_is(event, "unlock")) return read_unlock(root, r, err);
    if (sw_bytes_is(event, "keys")) return read_keys(root, r, err);
    if (sw_bytes_is(event, "revocation")) return read_revocation(root, r, err);
    if (sw_bytes_is(event, "refusals")) return read_refusals(root, r, err);
    return sw_fail(err, SW_MALFORMED, "format", "an entry is of no event that we know");
}

sw_status sw_audit_read(void *context, const sw_head *at, const sw_envelope *e, sw_bytes bytes,
                        sw_error *err) {
    (void)bytes;
    sw_arena arena = {0};
    sw_status status = read_entry(&arena, e, context, err);
    sw_arena_free(&arena);
    if (status != SW_OK) sw_error_prefix(err, "audit entry %llu", (unsigned long long)at->index);
    return status;
}

/* ---- writing ---- */
static sw_json *begin_entry(sw_arena *a, const char *event) {
    sw_json *root = sw_json_make(a, SW_JSON_OBJECT);
    sw_json_add_text(a, root, "event", sw_text(event));
    sw_json_add_text(a, root, "kind", SW_LITERAL(AUDIT_KIND));
    return root;
}

static void add_decision(sw_arena *a, sw_json *root, const sw_kms *k, const sw_error *refusal) {
    sw_json_add_integer(a, root, "counter_ms", sw_kms_counter_ms(k));
    sw_json_add_text(a, root, "decision", sw_text(refusal == NULL ? "granted" : "refused"));
    sw_json_add_text(a, root, "reason", sw_text(refusal == NULL ? "" : refusal->message));
    sw_json_add_text(a, root, "word", sw_text(refusal == NULL ? "" : refusal->word));
}

static sw_status append(sw_kms *k, const sw_json *root, sw_error *err) {
    SW_SCOPED(sw_buffer) payload = SW_BUFFER(ENTRY_LIMIT);
    SW_SCOPED(sw_buffer) envelope = SW_BUFFER(2 * ENTRY_LIMIT);
    sw_json_encode(&payload, root);
    SW_TRY(sw_buffer_check(&payload, "an audit entry", err));
    SW_TRY(sw_envelope_sign(SW_PAYLOAD_AUDIT, sw_buffer_bytes(&payload), k->receipt->b, &envelope,
                            err));
    sw_head before = sw_journal_head(k->audit);
    return sw_journal_append(k->audit, &before, sw_buffer_bytes(&envelope), NULL, err);
}

static sw_status append_start(sw_kms *k, sw_error *err) {
    SW_SCOPED(sw_arena) arena = {0};
    sw_arena *a = &arena;
    sw_json *root = begin_entry(a, "start");
    sw_json_add_hex(a, root, "boot_nonce", SW_BYTES_OF(k->boot_nonce.b));
    sw_json_add_hex(a, root, "compose", SW_BYTES_OF(k->compose.b));
    sw_json_add_hex(a, root, "receipt", SW_BYTES_OF(k->receipt_public.b));
    sw_json_add_hex(a, root, "root", SW_BYTES_OF(k->root_public.b));
    sw_json_add_hex(a, root, "tls", SW_BYTES_OF(k->tls_public.b));
    return append(k, root, err);
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

sw_status sw_kms_audit_unlock(sw_kms *k, const sw_hash *app, const sw_hash *owner,
                              sw_bytes statement, const sw_error *refusal, sw_error *err) {
    SW_SCOPED(sw_arena) arena = {0};
    sw_arena *a = &arena;
    sw_hash digest;
    bool counted;
    SW_TRY(count_refusal(k, refusal != NULL && sw_hash_zero(owner), &counted, err));
    if (counted) return SW_OK;
    sw_sha256(&digest, statement);
    sw_json *root = begin_entry(a, "unlock");
    add_decision(a, root, k, refusal);
    sw_json_add_hex(a, root, "app", SW_BYTES_OF(app->b));
    sw_json_add_hex(a, root, "owner", SW_BYTES_OF(owner->b));
    sw_json_add_hex(a, root, "statement", SW_BYTES_OF(digest.b));
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
        SW_TRY(keep_view(k, sw_buffer_bytes(&f->each[i]), &view, err));
        sw_json *b = sw_json_add_object(a, list, NULL);
        sw_json_add_hex(a, b, "hash", SW_BYTES_OF(f->blocks[i].hash.b));
        sw_json_add_integer(a, b, "index", (int64_t)f->blocks[i].index);
        sw_json_add_hex(a, b, "view", SW_BYTES_OF(view.b));
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
sw_status sw_kms_audit_open(sw_kms *k, sw_error *err) {
    SW_SCOPED(sw_arena) arena = {0};
    const char *path = sw_path_join(&arena, k->folder, AUDIT_FILE);
    if (path == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a path");
    sw_audit_id(&k->audit_id, &k->root_public);
    SW_TRY(sw_journal_open_sqlite(path, &k->audit_id, &k->audit, err));
    sw_audit_reader reader = {.id = k->audit_id, .counts = &k->counts};
    SW_TRY(sw_journal_read(k->audit, 1, sw_audit_read, &reader, err));
    return append_start(k, err);
}
