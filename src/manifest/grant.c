/* SPDX-License-Identifier: Apache-2.0
 *
 * Unlock statements and grant receipts: canonical JSON in DSSE. Format: docs/formats/kms.md
 * (KMS-040 ... KMS-044, KMS-070 ... KMS-074).
 *
 * The idea: each is a flat object with a fixed set of members, so that one value has one encoding;
 * what does not apply is the empty string, never absent. A statement names its owner, and the key
 * comes from the genesis alone; a receipt's key comes from the caller, who has it from statements.
 */
#include "manifest/grant.h"

#include "codec/text.h"
#include <string.h>

#define UNLOCK_KIND "sealwright/unlock/v1"
#define GRANT_KIND  "sealwright/grant/v1"
#define JSON_MAX    ((uint64_t)1 << 53)
enum { UNLOCK_LIMIT = 4096, GRANT_LIMIT = 16384, PAYLOAD_DEPTH = 4, PAYLOAD_NODES = 256 };

/* ---- parts ---- */
void sw_head_to_json(sw_arena *a, sw_json *parent, const char *key, const sw_head *head) {
    sw_json *object = sw_json_add_object(a, parent, key);
    sw_json_add_hex(a, object, "hash", SW_BYTES_OF(head->hash.b));
    sw_json_add_integer(a, object, "index", (int64_t)head->index);
}

sw_status sw_head_from_json(const sw_json *parent, const char *where, const char *name,
                            sw_head *out, sw_error *err) {
    static const char *const names[] = {"hash", "index", NULL};
    const sw_json *object;
    sw_head made;
    SW_TRY(sw_json_object(parent, where, name, &object, err));
    SW_TRY(sw_json_expect(object, name, names, err));
    SW_TRY(sw_json_hash(object, name, "hash", &made.hash, err));
    SW_TRY(sw_json_u64(object, name, "index", JSON_MAX - 1, &made.index, err));
    *out = made;
    return SW_OK;
}

sw_status sw_key_from_json(const sw_json *parent, const char *where, const char *name,
                           sw_p256_public *out, sw_error *err) {
    sw_p256_public made;
    SW_TRY(sw_json_hex(parent, where, name, made.b, sizeof made.b, err));
    SW_TRY(sw_p256_check(&made, err));
    *out = made;
    return SW_OK;
}

static sw_status read_ms(const sw_json *parent, const char *where, const char *name, int64_t *out,
                         sw_error *err) {
    uint64_t value;
    SW_TRY(sw_json_u64(parent, where, name, JSON_MAX - 1, &value, err));
    *out = (int64_t)value;
    return SW_OK;
}

static sw_status read_payload(sw_arena *arena, sw_bytes payload, const char *kind,
                              const char *const *names, sw_json **out, sw_error *err) {
    const sw_json_limits limits = {GRANT_LIMIT, PAYLOAD_DEPTH, PAYLOAD_NODES};
    sw_json *root;
    sw_bytes text;
    SW_TRY(sw_json_parse_canonical(arena, payload, &limits, &root, err));
    SW_TRY(sw_json_expect(root, kind, names, err));
    SW_TRY(sw_json_text(root, kind, "kind", &text, err));
    if (!sw_bytes_is(text, kind))
        return sw_fail(err, SW_MALFORMED, "format", "a payload is not of kind %s", kind);
    *out = root;
    return SW_OK;
}

static bool fits_json(int64_t ms) {
    return ms >= 0 && (uint64_t)ms < JSON_MAX;
}

/* ---- unlock statements ---- */
static void encode_unlock(sw_arena *a, const sw_unlock_statement *s, sw_buffer *out) {
    sw_json *root = sw_json_make(a, SW_JSON_OBJECT);
    sw_head_to_json(a, root, "audit", &s->audit);
    sw_json_add_hex(a, root, "boot_nonce", SW_BYTES_OF(s->boot_nonce.b));
    sw_json_add_hex(a, root, "genesis", SW_BYTES_OF(s->genesis.b));
    sw_json_add_text(a, root, "kind", SW_LITERAL(UNLOCK_KIND));
    sw_head_to_json(a, root, "ledger", &s->ledger);
    sw_json_add_hex(a, root, "owner", SW_BYTES_OF(s->owner.b));
    sw_json_add_hex(a, root, "receipt", SW_BYTES_OF(s->receipt.b));
    sw_json_add_hex(a, root, "root", SW_BYTES_OF(s->root.b));
    sw_json_add_integer(a, root, "sequence", (int64_t)s->sequence);
    sw_json_add_integer(a, root, "time_ms", s->time_ms);
    sw_json_encode(out, root);
}

sw_status sw_unlock_sign(const sw_unlock_statement *s, const sw_identity_key *key,
                         sw_buffer *envelope, sw_error *err) {
    if (!fits_json(s->time_ms) || s->sequence >= JSON_MAX)
        return sw_fail(err, SW_USAGE, "usage", "a statement's time or sequence is out of range");
    SW_SCOPED(sw_buffer) payload = SW_BUFFER(UNLOCK_LIMIT);
    sw_arena arena = {0};
    encode_unlock(&arena, s, &payload);
    sw_arena_free(&arena);
    SW_TRY(sw_buffer_check(&payload, "an unlock statement", err));
    return sw_envelope_sign(SW_PAYLOAD_UNLOCK, sw_buffer_bytes(&payload), key->b, envelope, err);
}

static sw_status parse_unlock(sw_arena *arena, sw_bytes payload, sw_unlock_statement *out,
                              sw_error *err) {
    static const char *const names[] = {"audit",    "boot_nonce", "genesis", "kind",
                                        "ledger",   "owner",      "receipt", "root",
                                        "sequence", "time_ms",    NULL};
    const char *where = UNLOCK_KIND;
    sw_json *root;
    sw_unlock_statement made = {0};
    SW_TRY(read_payload(arena, payload, where, names, &root, err));
    SW_TRY(sw_head_from_json(root, where, "audit", &made.audit, err));
    SW_TRY(sw_json_hash(root, where, "boot_nonce", &made.boot_nonce, err));
    SW_TRY(sw_json_hash(root, where, "genesis", &made.genesis, err));
    SW_TRY(sw_head_from_json(root, where, "ledger", &made.ledger, err));
    SW_TRY(sw_json_hash(root, where, "owner", &made.owner, err));
    SW_TRY(sw_key_from_json(root, where, "receipt", &made.receipt, err));
    SW_TRY(sw_key_from_json(root, where, "root", &made.root, err));
    SW_TRY(sw_json_u64(root, where, "sequence", JSON_MAX - 1, &made.sequence, err));
    SW_TRY(read_ms(root, where, "time_ms", &made.time_ms, err));
    *out = made;
    return SW_OK;
}

sw_status sw_unlock_open(sw_arena *arena, sw_bytes envelope, const sw_genesis *g,
                         sw_unlock_statement *out, sw_error *err) {
    sw_envelope e;
    sw_unlock_statement made;
    SW_TRY(sw_envelope_parse(arena, envelope, &e, err));
    SW_TRY(parse_unlock(arena, e.payload, &made, err));
    if (!sw_hash_equal(&made.genesis, &g->hash))
        return sw_fail(err, SW_REFUSED, "statement", "an unlock statement is for another app");
    const sw_owner *owner = sw_genesis_owner(g, &made.owner);
    if (owner == NULL || e.signature_count != 1)
        return sw_fail(err, SW_UNAUTHENTIC, "signature",
                       "an unlock statement is not signed by one owner of the app");
    SW_TRY(sw_envelope_verify(&e, SW_PAYLOAD_UNLOCK, &owner->identity_key, err));
    *out = made;
    return SW_OK;
}

/* ---- grant receipts ---- */
static void encode_grant(sw_arena *a, const sw_grant *g, sw_buffer *out) {
    bool open = g->purpose == SW_PURPOSE_OPEN;
    sw_json *root = sw_json_make(a, SW_JSON_OBJECT);
    sw_head_to_json(a, root, "audit", &g->audit);
    sw_json_add_hex(a, root, "compose", SW_BYTES_OF(g->compose.b));
    sw_json *datasets = sw_json_add_array(a, root, "datasets");
    for (size_t i = 0; i < g->dataset_count; i++)
        sw_json_add_hex(a, datasets, NULL, SW_BYTES_OF(g->datasets[i].b));
    sw_json_add_hex(a, root, "evidence", SW_BYTES_OF(g->evidence.b));
    sw_json_add_hex(a, root, "genesis", SW_BYTES_OF(g->genesis.b));
    sw_json_add_integer(a, root, "granted_ms", g->granted_ms);
    sw_json_add_text(a, root, "kind", SW_LITERAL(GRANT_KIND));
    sw_json_add_integer(a, root, "lease_ms", g->lease_ms);
    sw_head_to_json(a, root, "ledger", &g->ledger);
    sw_json_add_hex(a, root, "machine", SW_BYTES_OF(g->machine.b));
    sw_json_add_integer(a, root, "number", (int64_t)g->number);
    sw_json_add_hex(a, root, "open_manifest",
                    SW_BYTES(g->open_manifest.b, open ? SW_HASH_BYTES : 0));
    sw_json_add_hex(a, root, "open_recipient",
                    SW_BYTES(g->open_recipient.b, open ? SW_P256_BYTES : 0));
    sw_json_add_text(a, root, "purpose", sw_text(sw_purpose_name(g->purpose)));
    sw_json_add_integer(a, root, "renewal", (int64_t)g->renewal);
    sw_json_add_flag(a, root, "simulated", g->simulated);
    sw_json_encode(out, root);
}

sw_status sw_grant_sign(const sw_grant *g, const sw_session_key *receipt, sw_buffer *envelope,
                        sw_error *err) {
    SW_CHECK(err, g->dataset_count >= 1 && g->dataset_count <= SW_SHARD_LIMIT);
    SW_CHECK(err, g->purpose != SW_PURPOSE_NONE && fits_json(g->granted_ms));
    SW_CHECK(err, fits_json(g->lease_ms) && g->number < JSON_MAX && g->renewal < JSON_MAX);
    SW_SCOPED(sw_buffer) payload = SW_BUFFER(GRANT_LIMIT);
    sw_arena arena = {0};
    encode_grant(&arena, g, &payload);
    sw_arena_free(&arena);
    SW_TRY(sw_buffer_check(&payload, "a grant receipt", err));
    return sw_envelope_sign(SW_PAYLOAD_GRANT, sw_buffer_bytes(&payload), receipt->b, envelope, err);
}

static sw_status read_datasets(const sw_json *root, sw_grant *out, sw_error *err) {
    const sw_json *list;
    SW_TRY(sw_json_array(root, GRANT_KIND, "datasets", SW_SHARD_LIMIT, &list, err));
    if (list->count == 0)
        return sw_fail(err, SW_MALFORMED, "format", "a grant receipt names no dataset");
    for (const sw_json *node = list->first; node != NULL; node = node->next) {
        if (node->type != SW_JSON_STRING)
            return sw_fail(err, SW_MALFORMED, "format", "a dataset id is not a string");
        sw_hash *id = &out->datasets[out->dataset_count];
        SW_TRY(sw_hex_decode(id->b, sizeof id->b, node->text, false, err));
        out->dataset_count++;
    }
    return SW_OK;
}

/* Purpose and what an opening names: both members are empty for every other purpose. */
static sw_status read_purpose(const sw_json *root, sw_grant *out, sw_error *err) {
    sw_bytes purpose, manifest, recipient;
    SW_TRY(sw_json_text(root, GRANT_KIND, "purpose", &purpose, err));
    SW_TRY(sw_json_text(root, GRANT_KIND, "open_manifest", &manifest, err));
    SW_TRY(sw_json_text(root, GRANT_KIND, "open_recipient", &recipient, err));
    if (!sw_purpose_parse(purpose, &out->purpose) || out->purpose == SW_PURPOSE_NONE)
        return sw_fail(err, SW_MALFORMED, "format", "a grant receipt has no purpose that we know");
    if (out->purpose == SW_PURPOSE_OPEN) {
        SW_TRY(sw_json_hash(root, GRANT_KIND, "open_manifest", &out->open_manifest, err));
        return sw_key_from_json(root, GRANT_KIND, "open_recipient", &out->open_recipient, err);
    }
    if (manifest.size != 0 || recipient.size != 0)
        return sw_fail(err, SW_MALFORMED, "format",
                       "a grant receipt names a recipient without the purpose open");
    return SW_OK;
}

static sw_status parse_grant(sw_arena *arena, sw_bytes payload, sw_grant *out, sw_error *err) {
    static const char *const names[] = {
        "audit",          "compose",  "datasets", "evidence",  "genesis", "granted_ms",
        "kind",           "lease_ms", "ledger",   "machine",   "number",  "open_manifest",
        "open_recipient", "purpose",  "renewal",  "simulated", NULL};
    const char *where = GRANT_KIND;
    sw_json *root;
    SW_TRY(read_payload(arena, payload, where, names, &root, err));
    SW_TRY(sw_head_from_json(root, where, "audit", &out->audit, err));
    SW_TRY(sw_json_hash(root, where, "compose", &out->compose, err));
    SW_TRY(read_datasets(root, out, err));
    SW_TRY(sw_json_hash(root, where, "evidence", &out->evidence, err));
    SW_TRY(sw_json_hash(root, where, "genesis", &out->genesis, err));
    SW_TRY(read_ms(root, where, "granted_ms", &out->granted_ms, err));
    SW_TRY(read_ms(root, where, "lease_ms", &out->lease_ms, err));
    SW_TRY(sw_head_from_json(root, where, "ledger", &out->ledger, err));
    SW_TRY(sw_key_from_json(root, where, "machine", &out->machine, err));
    SW_TRY(sw_json_u64(root, where, "number", JSON_MAX - 1, &out->number, err));
    SW_TRY(read_purpose(root, out, err));
    SW_TRY(sw_json_u64(root, where, "renewal", JSON_MAX - 1, &out->renewal, err));
    return sw_json_flag(root, where, "simulated", &out->simulated, err);
}

sw_status sw_grant_open(sw_arena *arena, sw_bytes envelope, const sw_p256_public *receipt,
                        sw_grant *out, sw_error *err) {
    sw_bytes payload;
    sw_grant made = {0};
    SW_TRY(sw_envelope_open(arena, envelope, SW_PAYLOAD_GRANT, receipt, &payload, err));
    SW_TRY(parse_grant(arena, payload, &made, err));
    *out = made;
    return SW_OK;
}
