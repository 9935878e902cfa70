/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading an audit log, and the count of grants that is read back from it. Format:
 * docs/formats/kms.md (KMS-072, KMS-080 ... KMS-089).
 *
 * The idea: a journal's chain has no key, so whoever has the file can write into it. Each start
 * therefore carries a code over its own place in the log, by a key that follows from the root; what
 * follows it is signed by the receipt key that it names. The service believes no start without its
 * code. Others have no such key: for them owners' statements say whose the receipt key is.
 */
#include "kms/audit.h"
#include "kms/kms_internal.h"

#define KEY_LABEL    "sealwright/audit-key/v1"
#define CODE_LABEL   "sealwright/audit-start/v1"
#define SAFE_INTEGER (((uint64_t)1 << 53) - 1)
enum { ENTRY_NODES = 192, ENTRY_DEPTH = 5 };

void sw_audit_id(sw_hash *out, const sw_p256_public *root) {
    const sw_bytes field = SW_BYTES_OF(root->b);
    sw_bind_sha256(out, SW_AUDIT_KIND, &field, 1);
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

sw_status sw_kms_count_take(sw_kms_counts *c, const sw_hash *compose, uint64_t number,
                            sw_error *err) {
    SW_TRY(sw_kms_count_room(c, compose, err));
    const sw_kms_count *there = find(c, compose);
    uint64_t granted = there == NULL ? 0 : there->granted;
    if (number != granted + 1)
        return sw_fail(err, SW_UNAUTHENTIC, "rollback",
                       "grant %llu of a compose hash stands behind its grant %llu",
                       (unsigned long long)number, (unsigned long long)granted);
    size_t at = there == NULL ? c->count++ : (size_t)(there - c->slots);
    c->slots[at].compose = *compose;
    c->slots[at].granted = number;
    return SW_OK;
}

/* ---- reading ---- */
static sw_status parse_payload(sw_arena *a, sw_bytes payload, sw_json **out, sw_bytes *event,
                               sw_error *err) {
    const sw_json_limits limits = {SW_AUDIT_ENTRY_LIMIT, ENTRY_DEPTH, ENTRY_NODES};
    sw_bytes kind;
    SW_TRY(sw_json_parse_canonical(a, payload, &limits, out, err));
    SW_TRY(sw_json_text(*out, SW_AUDIT_KIND, "kind", &kind, err));
    if (!sw_bytes_is(kind, SW_AUDIT_KIND))
        return sw_fail(err, SW_MALFORMED, "format", "an entry is not of kind " SW_AUDIT_KIND);
    return sw_json_text(*out, SW_AUDIT_KIND, "event", event, err);
}

/* ---- starts ---- */
sw_status sw_audit_key_derive(const sw_root_key *root, sw_audit_key *out, sw_error *err) {
    return sw_hkdf(out->b, sizeof out->b, SW_BYTES_OF(root->b), (sw_bytes){0},
                   SW_LITERAL(KEY_LABEL), err);
}

void sw_audit_code(sw_hash *out, const sw_audit_key *key, const sw_hash *id, const sw_head *before,
                   const sw_audit_start *s) {
    uint8_t index[8];
    sw_hash bound;
    for (size_t i = 0; i < sizeof index; i++) index[i] = (uint8_t)(before->index >> (56 - 8 * i));
    const sw_bytes fields[] = {SW_BYTES_OF(id->b),          SW_BYTES_OF(index),
                               SW_BYTES_OF(before->hash.b), SW_BYTES_OF(s->boot_nonce.b),
                               SW_BYTES_OF(s->compose.b),   SW_BYTES_OF(s->receipt.b),
                               SW_BYTES_OF(s->root.b),      SW_BYTES_OF(s->tls.b)};
    sw_bind_sha256(&bound, CODE_LABEL, fields, sizeof fields / sizeof *fields);
    sw_hmac_sha256(out, SW_BYTES_OF(key->b), SW_BYTES_OF(bound.b));
}

static sw_status parse_start(const sw_json *root, sw_audit_start *out, sw_hash *code,
                             sw_error *err) {
    static const char *const names[] = {"boot_nonce", "?code", "compose", "event", "kind",
                                        "receipt",    "root",  "tls",     NULL};
    SW_TRY(sw_json_expect(root, SW_AUDIT_KIND, names, err));
    if (sw_json_member(root, "code") == NULL) {
        sw_status status = sw_fail(err, SW_REFUSED, "unsupported",
                                   "a start has no code: an earlier version wrote this log, into "
                                   "which anybody could write starts");
        sw_error_hint(err, "an upgraded key service starts in a new folder (`sealwright kms "
                           "init`), and owners consent to it again");
        return status;
    }
    SW_TRY(sw_json_hash(root, SW_AUDIT_KIND, "code", code, err));
    SW_TRY(sw_json_hash(root, SW_AUDIT_KIND, "boot_nonce", &out->boot_nonce, err));
    SW_TRY(sw_json_hash(root, SW_AUDIT_KIND, "compose", &out->compose, err));
    SW_TRY(sw_key_from_json(root, SW_AUDIT_KIND, "receipt", &out->receipt, err));
    SW_TRY(sw_key_from_json(root, SW_AUDIT_KIND, "root", &out->root, err));
    return sw_key_from_json(root, SW_AUDIT_KIND, "tls", &out->tls, err);
}

static sw_status check_start(const sw_audit_reader *r, const sw_audit_start *s, const sw_hash *code,
                             sw_error *err) {
    sw_hash id, ours;
    sw_audit_id(&id, &s->root);
    if (!sw_hash_equal(&id, &r->id))
        return sw_fail(err, SW_UNAUTHENTIC, "rollback", "a start names another root key");
    if (r->running)
        return sw_fail(err, SW_UNAUTHENTIC, "rollback",
                       "another start was written into the log while this one lasts");
    if (r->key == NULL) return SW_OK;
    sw_audit_code(&ours, r->key, &r->id, &r->at, s);
    if (sw_secret_equal(ours.b, code->b, sizeof ours.b)) return SW_OK;
    sw_status status = sw_fail(err, SW_UNAUTHENTIC, "rollback",
                               "a start is not this key service's, or stood elsewhere in its log");
    sw_error_hint(err, "somebody has written into the audit log; a key service in a new folder "
                       "(`sealwright kms init`) needs the owners' consent again");
    return status;
}

/* A start names the key that signs it and what follows. */
static sw_status read_start(const sw_json *root, sw_audit_reader *r, sw_error *err) {
    sw_audit_start start;
    sw_hash code;
    SW_TRY(parse_start(root, &start, &code, err));
    SW_TRY(check_start(r, &start, &code, err));
    for (size_t i = 0; i < r->counts->count; i++)
        r->counts->slots[i].before = r->counts->slots[i].granted;
    r->start = start;
    r->vouched = false;
    if (r->alone_count < SW_AUDIT_ALONE_COUNT) r->alone[r->alone_count] = r->at.index + 1;
    r->alone_count++;
    r->starts++;
    return SW_OK;
}

/* ---- decisions ---- */
static sw_status read_granted(const sw_json *root, bool *out, sw_error *err) {
    sw_bytes text;
    SW_TRY(sw_json_text(root, SW_AUDIT_KIND, "decision", &text, err));
    *out = sw_bytes_is(text, "granted");
    if (!*out && !sw_bytes_is(text, "refused"))
        return sw_fail(err, SW_MALFORMED, "format", "a decision is neither granted nor refused");
    return SW_OK;
}

/* An owner's word of this start says that its receipt key is the service's. */
static sw_status vouch(sw_arena *a, const sw_json *root, sw_bytes envelope, sw_audit_reader *r,
                       sw_error *err) {
    sw_unlock_statement s;
    sw_hash app, owner;
    SW_TRY(sw_json_hash(root, SW_AUDIT_KIND, "app", &app, err));
    SW_TRY(sw_json_hash(root, SW_AUDIT_KIND, "owner", &owner, err));
    if (r->genesis == NULL || !sw_hash_equal(&app, &r->genesis->hash)) return SW_OK;
    SW_TRY(sw_unlock_open(a, envelope, r->genesis, &s, err));
    if (!sw_hash_equal(&s.owner, &owner) || !sw_hash_equal(&s.boot_nonce, &r->start.boot_nonce) ||
        !sw_p256_equal(&s.root, &r->start.root) || !sw_p256_equal(&s.receipt, &r->start.receipt))
        return sw_fail(err, SW_UNAUTHENTIC, "statement",
                       "an owner's statement is about another start than the one it stands in");
    if (!r->vouched) r->alone_count--;
    r->vouched = true;
    return SW_OK;
}

static sw_status read_unlock(sw_arena *a, const sw_json *root, sw_audit_reader *r, sw_error *err) {
    static const char *const names[] = {"app",       "counter_ms", "decision", "?envelope",
                                        "event",     "kind",       "owner",    "reason",
                                        "statement", "word",       NULL};
    const sw_json *envelope = sw_json_member(root, "envelope");
    sw_hash named, found;
    bool granted;
    SW_TRY(sw_json_expect(root, SW_AUDIT_KIND, names, err));
    SW_TRY(read_granted(root, &granted, err));
    *(granted ? &r->unlocks : &r->refusals) += 1;
    SW_TRY(sw_json_hash(root, SW_AUDIT_KIND, "statement", &named, err));
    if (granted != (envelope != NULL))
        return sw_fail(err, SW_MALFORMED, "format", "a granted unlock alone has its statement");
    if (!granted) return SW_OK;
    sw_sha256(&found, envelope->span);
    if (!sw_hash_equal(&found, &named))
        return sw_fail(err, SW_MALFORMED, "format", "a statement is not the one that is named");
    return vouch(a, root, envelope->span, r, err);
}

/* `blocks` stands where a chain was looked at. */
static sw_status read_blocks(const sw_json *root, sw_error *err) {
    static const char *const names[] = {"hash", "index", "view", NULL};
    const sw_json *list;
    if (sw_json_member(root, "blocks") == NULL) return SW_OK;
    SW_TRY(sw_json_array(root, SW_AUDIT_KIND, "blocks", SW_KMS_BLOCK_COUNT, &list, err));
    if (list->count == 0)
        return sw_fail(err, SW_MALFORMED, "format", "a decision has looked at no block");
    for (const sw_json *b = list->first; b != NULL; b = b->next) {
        sw_hash hash;
        sw_bytes view;
        uint64_t index;
        SW_TRY(sw_json_expect(b, SW_AUDIT_KIND, names, err));
        SW_TRY(sw_json_hash(b, SW_AUDIT_KIND, "hash", &hash, err));
        SW_TRY(sw_json_text(b, SW_AUDIT_KIND, "view", &view, err));
        if (view.size > 0) SW_TRY(sw_json_hash(b, SW_AUDIT_KIND, "view", &hash, err));
        SW_TRY(sw_json_u64(b, SW_AUDIT_KIND, "index", SAFE_INTEGER, &index, err));
    }
    return SW_OK;
}

/* KMS-072, KMS-073: a grant's number is the next one, a renewal's one that this start gave. */
static sw_status read_grant(const sw_json *root, sw_audit_reader *r, sw_error *err) {
    sw_hash app, compose;
    uint64_t number, renewal;
    SW_TRY(sw_json_hash(root, SW_AUDIT_KIND, "app", &app, err));
    SW_TRY(sw_json_hash(root, SW_AUDIT_KIND, "compose", &compose, err));
    SW_TRY(sw_json_u64(root, SW_AUDIT_KIND, "number", UINT32_MAX, &number, err));
    SW_TRY(sw_json_u64(root, SW_AUDIT_KIND, "renewal", UINT32_MAX, &renewal, err));
    if (r->genesis != NULL && sw_hash_equal(&app, &r->genesis->hash) && !r->vouched)
        return sw_fail(err, SW_UNAUTHENTIC, "statement",
                       "a grant stands in a start that no owner's word is about");
    if (renewal == 0) return sw_kms_count_take(r->counts, &compose, number, err);
    const sw_kms_count *there = find(r->counts, &compose);
    if (there != NULL && number > there->before && number <= there->granted) return SW_OK;
    return sw_fail(err, SW_UNAUTHENTIC, "rollback",
                   "a grant is renewed that this start did not give");
}

static sw_status read_keys(const sw_json *root, sw_audit_reader *r, sw_error *err) {
    static const char *const names[] = {
        "app",      "?blocks", "compose", "counter_ms", "decision",      "event",
        "evidence", "kind",    "machine", "number",     "open_manifest", "open_recipient",
        "purpose",  "reason",  "renewal", "time_ms",    "word",          NULL};
    bool granted;
    SW_TRY(sw_json_expect(root, SW_AUDIT_KIND, names, err));
    SW_TRY(read_blocks(root, err));
    SW_TRY(read_granted(root, &granted, err));
    *(granted ? &r->grants : &r->refusals) += 1;
    return granted ? read_grant(root, r, err) : SW_OK;
}

static sw_status read_refusals(const sw_json *root, sw_audit_reader *r, sw_error *err) {
    static const char *const names[] = {"counted", "event", "from_ms", "kind", "until_ms", NULL};
    uint64_t counted;
    SW_TRY(sw_json_expect(root, SW_AUDIT_KIND, names, err));
    SW_TRY(sw_json_u64(root, SW_AUDIT_KIND, "counted", UINT32_MAX, &counted, err));
    r->refusals += counted;
    return SW_OK;
}

static sw_status read_revocation(const sw_json *root, sw_audit_reader *r, sw_error *err) {
    static const char *const names[] = {"app",  "compose", "counter_ms", "event",     "everything",
                                        "kind", "owner",   "sequence",   "signature", NULL};
    sw_audit_revocation found = {.say = {.act = SW_ACT_REVOKE}};
    sw_app_say *say = &found.say;
    SW_TRY(sw_json_expect(root, SW_AUDIT_KIND, names, err));
    SW_TRY(sw_json_hash(root, SW_AUDIT_KIND, "app", &found.app, err));
    SW_TRY(sw_json_hash(root, SW_AUDIT_KIND, "compose", &say->compose, err));
    SW_TRY(sw_json_flag(root, SW_AUDIT_KIND, "everything", &say->everything, err));
    SW_TRY(sw_json_hash(root, SW_AUDIT_KIND, "owner", &found.owner, err));
    SW_TRY(sw_json_u64(root, SW_AUDIT_KIND, "sequence", SAFE_INTEGER, &say->sequence, err));
    SW_TRY(sw_json_hex(root, SW_AUDIT_KIND, "signature", found.signature, sizeof found.signature,
                       err));
    r->revocations++;
    return r->revoked == NULL ? SW_OK : r->revoked(r->revoked_context, &found, err);
}

static sw_status read_entry(sw_arena *a, const sw_envelope *e, sw_audit_reader *r, sw_error *err) {
    sw_json *root;
    sw_bytes event;
    SW_TRY(parse_payload(a, e->payload, &root, &event, err));
    bool start = sw_bytes_is(event, "start");
    if (start) SW_TRY(read_start(root, r, err));
    if (r->starts == 0 || e->signature_count != 1)
        return sw_fail(err, SW_UNAUTHENTIC, "signature", "no start says who signs this entry");
    SW_TRY(sw_envelope_verify(e, SW_PAYLOAD_AUDIT, &r->start.receipt, err));
    if (start) return SW_OK;
    if (sw_bytes_is(event, "unlock")) return read_unlock(a, root, r, err);
    if (sw_bytes_is(event, "keys")) return read_keys(root, r, err);
    if (sw_bytes_is(event, "revocation")) return read_revocation(root, r, err);
    if (sw_bytes_is(event, "refusals")) return read_refusals(root, r, err);
    return sw_fail(err, SW_MALFORMED, "format", "an entry is of no event that we know");
}

void sw_audit_begin(sw_audit_reader *r, const sw_hash *id, sw_kms_counts *counts) {
    *r = (sw_audit_reader){.id = *id, .counts = counts, .at = {.hash = *id}};
}

sw_status sw_audit_read(void *context, const sw_head *at, const sw_envelope *e, sw_bytes bytes,
                        sw_error *err) {
    (void)bytes;
    sw_audit_reader *r = context;
    sw_arena arena = {0};
    sw_status status = read_entry(&arena, e, r, err);
    sw_arena_free(&arena);
    if (status == SW_OK)
        r->at = *at;
    else
        sw_error_prefix(err, "audit entry %llu", (unsigned long long)at->index);
    return status;
}
