/* SPDX-License-Identifier: Apache-2.0
 *
 * Ledger entries: one owner's signed word. The payload names the app, the owner and the owner's own
 * sequence number, so an entry is good in one app, once. docs/formats/ledger.md, LDG-020 to
 * LDG-022.
 */
#include "ledger/ledger.h"

#include <string.h>

#define PAYLOAD_LIMIT  ((size_t)4096)
#define SEQUENCE_LIMIT ((UINT64_C(1) << 53) - 1)

typedef struct form {
    sw_payload_kind kind;
    const char *word;
    const char *const *names;
} form;

static const char *const approve_names[] = {"app", "compose", "kind", "owner", "sequence", NULL};
static const char *const revoke_names[] = {"app", "?compose", "kind", "owner", "sequence", NULL};
static const char *const open_names[] = {"app",   "compose",   "kind",     "manifest",
                                         "owner", "recipient", "sequence", NULL};
static const form forms[] = {
    {SW_PAYLOAD_APPROVE, "approve", approve_names},
    {SW_PAYLOAD_REVOKE, "revoke", revoke_names},
    {SW_PAYLOAD_LIFT, "lift", revoke_names},
    {SW_PAYLOAD_OPEN, "open", open_names},
};

static const form *form_of(sw_payload_kind kind) {
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
        if (forms[i].kind == kind) return &forms[i];
    return NULL;
}

static bool may_name_all(sw_payload_kind kind) {
    return kind == SW_PAYLOAD_REVOKE || kind == SW_PAYLOAD_LIFT;
}

static sw_status encode(const sw_entry *entry, const form *f, sw_buffer *out, sw_error *err) {
    SW_SCOPED(sw_arena) a = {0};
    sw_json *root = sw_json_make(&a, SW_JSON_OBJECT);
    sw_json_add_hex(&a, root, "app", SW_BYTES_OF(entry->genesis.b));
    if (!entry->everything) sw_json_add_hex(&a, root, "compose", SW_BYTES_OF(entry->compose.b));
    sw_json_add_text(&a, root, "kind", sw_text(f->word));
    if (entry->kind == SW_PAYLOAD_OPEN) {
        sw_json_add_hex(&a, root, "manifest", SW_BYTES_OF(entry->manifest.b));
        sw_json_add_hex(&a, root, "recipient", SW_BYTES_OF(entry->recipient.b));
    }
    sw_json_add_hex(&a, root, "owner", SW_BYTES_OF(entry->owner.b));
    sw_json_add_integer(&a, root, "sequence", (int64_t)entry->sequence);
    sw_json_encode(out, root);
    return sw_buffer_check(out, "a ledger entry", err);
}

sw_status sw_entry_sign(const sw_entry *entry, const sw_identity_key *key, sw_buffer *envelope,
                        sw_error *err) {
    SW_SCOPED(sw_buffer) payload = SW_BUFFER(PAYLOAD_LIMIT);
    const form *f = form_of(entry->kind);
    sw_p256_public public_key;
    sw_hash id;
    if (f == NULL || (entry->everything && !may_name_all(entry->kind)) || entry->sequence == 0 ||
        entry->sequence > SEQUENCE_LIMIT)
        return sw_fail(err, SW_USAGE, "usage", "no ledger entry has this kind, target or sequence");
    SW_TRY(sw_p256_derive(key->b, &public_key, err));
    sw_key_id(&id, &public_key);
    if (!sw_hash_equal(&id, &entry->owner))
        return sw_fail(err, SW_USAGE, "usage", "a ledger entry is signed by its own owner");
    if (entry->kind == SW_PAYLOAD_OPEN) SW_TRY(sw_p256_check(&entry->recipient, err));
    SW_TRY(encode(entry, f, &payload, err));
    return sw_envelope_sign(entry->kind, sw_buffer_bytes(&payload), key->b, envelope, err);
}

static sw_status read_payload(sw_bytes payload, const form *f, sw_entry *out, sw_error *err) {
    static const sw_json_limits limits = {.bytes = PAYLOAD_LIMIT, .depth = 2, .nodes = 16};
    static const char where[] = "entry";
    SW_SCOPED(sw_arena) a = {0};
    sw_json *root = NULL;
    sw_bytes word = {0};
    SW_TRY(sw_json_parse_canonical(&a, payload, &limits, &root, err));
    SW_TRY(sw_json_expect(root, where, f->names, err));
    SW_TRY(sw_json_text(root, where, "kind", &word, err));
    if (!sw_bytes_is(word, f->word))
        return sw_fail(err, SW_MALFORMED, "format", "entry.kind is not %s", f->word);
    SW_TRY(sw_json_hash(root, where, "app", &out->genesis, err));
    SW_TRY(sw_json_hash(root, where, "owner", &out->owner, err));
    SW_TRY(sw_json_u64(root, where, "sequence", SEQUENCE_LIMIT, &out->sequence, err));
    out->everything = sw_json_member(root, "compose") == NULL;
    if (!out->everything) SW_TRY(sw_json_hash(root, where, "compose", &out->compose, err));
    if (f->kind != SW_PAYLOAD_OPEN) return SW_OK;
    SW_TRY(sw_json_hash(root, where, "manifest", &out->manifest, err));
    SW_TRY(sw_json_hex(root, where, "recipient", out->recipient.b, sizeof out->recipient.b, err));
    return sw_p256_check(&out->recipient, err);
}

sw_status sw_entry_open(sw_arena *arena, sw_bytes envelope, const sw_genesis *g, sw_entry *out,
                        sw_error *err) {
    sw_envelope e;
    const form *f = NULL;
    SW_TRY(sw_envelope_parse(arena, envelope, &e, err));
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
        if (sw_bytes_is(e.payload_type, sw_payload_type(forms[i].kind))) f = &forms[i];
    if (f == NULL)
        return sw_fail(err, SW_REFUSED, "ledger", "an envelope of this type is no ledger entry");
    if (e.signature_count != 1)
        return sw_fail(err, SW_UNAUTHENTIC, "signature",
                       "a ledger entry carries %zu signatures instead of one", e.signature_count);
    sw_entry entry = {.kind = f->kind};
    SW_TRY(read_payload(e.payload, f, &entry, err));
    if (!sw_hash_equal(&entry.genesis, &g->hash))
        return sw_fail(err, SW_REFUSED, "ledger", "the entry is for another app");
    const sw_owner *owner = sw_genesis_owner(g, &entry.owner);
    if (owner == NULL)
        return sw_fail(err, SW_REFUSED, "ledger", "the entry is by somebody who is no owner");
    SW_TRY(sw_envelope_verify(&e, f->kind, &owner->identity_key, err));
    *out = entry;
    return SW_OK;
}
