/* SPDX-License-Identifier: Apache-2.0
 *
 * DSSE envelopes: encode, parse, verify, sign. Format: docs/formats/envelope.md (ENV-001 ...).
 *
 * The idea: one canonical form for what we write ourselves, so that no two byte strings are the
 * same envelope. Parsing checks form only; nothing is believed before sw_envelope_verify, which is
 * told the key and the kind. A signature of an envelope of our own names its key (a non-zero hint
 * that must match); hints of foreign envelopes are dropped (zero), and every signature is tried.
 */
#include "envelope/envelope.h"

#include "codec/text.h"
#include <string.h>

enum { TYPE_LIMIT = 128, SIGNATURE_MIN_BYTES = 8, ENVELOPE_DEPTH = 8, FOREIGN_NODES = 4096 };

static const char *const TYPES[SW_PAYLOAD_KIND_COUNT] = {
    [SW_PAYLOAD_JOIN] = "application/vnd.sealwright.join.v1+json",
    [SW_PAYLOAD_CONSENT] = "application/vnd.sealwright.consent.v1+json",
    [SW_PAYLOAD_SHARD] = "application/vnd.sealwright.shard.v1+json",
    [SW_PAYLOAD_APPROVE] = "application/vnd.sealwright.approve.v1+json",
    [SW_PAYLOAD_REVOKE] = "application/vnd.sealwright.revoke.v1+json",
    [SW_PAYLOAD_LIFT] = "application/vnd.sealwright.lift.v1+json",
    [SW_PAYLOAD_OPEN] = "application/vnd.sealwright.open.v1+json",
    [SW_PAYLOAD_UNLOCK] = "application/vnd.sealwright.unlock.v1+json",
    [SW_PAYLOAD_GRANT] = "application/vnd.sealwright.grant.v1+json",
    [SW_PAYLOAD_AUDIT] = "application/vnd.sealwright.audit.v1+json",
    [SW_PAYLOAD_CARD] = "application/vnd.sealwright.card.v1+json",
    [SW_PAYLOAD_STATEMENT] = "application/vnd.in-toto+json",
};

const char *sw_payload_type(sw_payload_kind kind) {
    return (size_t)kind < SW_PAYLOAD_KIND_COUNT ? TYPES[kind] : "";
}

void sw_key_id(sw_hash *out, const sw_p256_public *key) {
    sw_sha256(out, SW_BYTES_OF(key->b));
}

/* ENV-001 */
void sw_envelope_pae(sw_buffer *out, sw_bytes payload_type, sw_bytes payload) {
    sw_put_format(out, "DSSEv1 %zu ", payload_type.size);
    sw_put_bytes(out, payload_type);
    sw_put_format(out, " %zu ", payload.size);
    sw_put_bytes(out, payload);
}

/* ---- parsing ---- */

static sw_status check_type(sw_bytes type, sw_error *err) { /* ENV-013 */
    bool good = type.size > 0 && type.size <= TYPE_LIMIT;
    for (size_t i = 0; good && i < type.size; i++)
        good = type.data[i] > 0x20 && type.data[i] < 0x7f;
    if (good) return SW_OK;
    return sw_fail(err, SW_MALFORMED, "format", "an envelope's payloadType is no media type");
}

static sw_status decode_base64(sw_arena *arena, sw_bytes text, bool any, sw_bytes *out,
                               sw_error *err) {
    SW_SCOPED(sw_buffer) decoded = SW_BUFFER(SW_ENVELOPE_LIMIT);
    SW_TRY(any ? sw_base64_decode_any(&decoded, text, err) : sw_base64_decode(&decoded, text, err));
    SW_TRY(sw_buffer_check(&decoded, "envelope", err));
    sw_bytes copy = sw_arena_copy(arena, sw_buffer_bytes(&decoded));
    if (copy.data == NULL && decoded.size > 0)
        return sw_fail(err, SW_MEMORY, "memory", "no memory for an envelope");
    *out = copy;
    return SW_OK;
}

static sw_status parse_signature(sw_arena *arena, const sw_json *node, bool any, sw_signature *out,
                                 sw_error *err) {
    static const char *const names[] = {"keyid", "sig", NULL};
    sw_bytes text;
    if (!any) {
        SW_TRY(sw_json_expect(node, "envelope.signatures", names, err));
        SW_TRY(sw_json_hash(node, "envelope.signatures", "keyid", &out->key_id, err));
        if (sw_hash_zero(&out->key_id))
            return sw_fail(err, SW_MALFORMED, "format", "a signature's keyid is zero");
    }
    SW_TRY(sw_json_text(node, "envelope.signatures", "sig", &text, err));
    SW_TRY(decode_base64(arena, text, any, &out->der, err));
    if (out->der.size < SIGNATURE_MIN_BYTES || out->der.size > SW_ECDSA_DER_LIMIT)
        return sw_fail(err, SW_MALFORMED, "format", "a signature has %zu bytes", out->der.size);
    return SW_OK;
}

/* ENV-012 */
static sw_status parse_signatures(sw_arena *arena, const sw_json *list, bool any, sw_envelope *out,
                                  sw_error *err) {
    if (list->count == 0)
        return sw_fail(err, SW_MALFORMED, "format", "an envelope has no signature");
    const sw_json *node = list->first;
    for (size_t i = 0; node != NULL; node = node->next, i++) {
        SW_TRY(parse_signature(arena, node, any, &out->signatures[i], err));
        if (any || i == 0) continue;
        sw_bytes before = SW_BYTES_OF(out->signatures[i - 1].key_id.b);
        if (sw_bytes_compare(before, SW_BYTES_OF(out->signatures[i].key_id.b)) >= 0)
            return sw_fail(err, SW_MALFORMED, "format",
                           "an envelope's signatures are not in ascending order of keyid");
    }
    out->signature_count = list->count;
    return SW_OK;
}

static sw_status parse_tree(sw_arena *arena, const sw_json *root, bool any, sw_envelope *out,
                            sw_error *err) {
    static const char *const names[] = {"payload", "payloadType", "signatures", NULL};
    sw_envelope made = {0};
    const sw_json *list;
    sw_bytes payload;
    if (!any) SW_TRY(sw_json_expect(root, "envelope", names, err));
    SW_TRY(sw_json_text(root, "envelope", "payloadType", &made.payload_type, err));
    SW_TRY(check_type(made.payload_type, err));
    SW_TRY(sw_json_text(root, "envelope", "payload", &payload, err));
    SW_TRY(sw_json_array(root, "envelope", "signatures", SW_ENVELOPE_SIGNATURE_LIMIT, &list, err));
    SW_TRY(parse_signatures(arena, list, any, &made, err));
    SW_TRY(decode_base64(arena, payload, any, &made.payload, err));
    made.payload_type = sw_arena_copy(arena, made.payload_type);
    if (made.payload_type.data == NULL)
        return sw_fail(err, SW_MEMORY, "memory", "no memory for an envelope");
    *out = made;
    return SW_OK;
}

sw_status sw_envelope_parse(sw_arena *arena, sw_bytes bytes, sw_envelope *out, sw_error *err) {
    const sw_json_limits limits = {
        .bytes = SW_ENVELOPE_LIMIT,
        .depth = ENVELOPE_DEPTH,
        .nodes = 3 * (SW_ENVELOPE_SIGNATURE_LIMIT + 2),
    };
    sw_json *root;
    SW_TRY(sw_json_parse_canonical(arena, bytes, &limits, &root, err));
    return parse_tree(arena, root, false, out, err);
}

sw_status sw_envelope_parse_any(sw_arena *arena, sw_bytes bytes, sw_envelope *out, sw_error *err) {
    const sw_json_limits limits = {.bytes = SW_ENVELOPE_LIMIT, .nodes = FOREIGN_NODES};
    sw_json *root;
    SW_TRY(sw_json_parse(arena, bytes, &limits, &root, err));
    return parse_tree(arena, root, true, out, err);
}

/* ---- verifying ---- */

sw_status sw_envelope_verify(const sw_envelope *e, sw_payload_kind kind, const sw_p256_public *key,
                             sw_error *err) {
    if (!sw_bytes_is(e->payload_type, sw_payload_type(kind))) /* ENV-021 */
        return sw_fail(err, SW_UNAUTHENTIC, "signature", "an envelope is not of type %s",
                       sw_payload_type(kind));
    SW_SCOPED(sw_buffer) pae = SW_BUFFER(SW_ENVELOPE_LIMIT + 256);
    sw_envelope_pae(&pae, e->payload_type, e->payload);
    SW_TRY(sw_buffer_check(&pae, "envelope", err));
    sw_hash id;
    sw_key_id(&id, key);
    for (size_t i = 0; i < e->signature_count; i++) {
        const sw_signature *s = &e->signatures[i];
        bool foreign = sw_hash_zero(&s->key_id);
        if (!foreign && !sw_hash_equal(&s->key_id, &id)) continue; /* ENV-005 */
        sw_status status = sw_p256_verify(key, sw_buffer_bytes(&pae), s->der, !foreign, err);
        if (status == SW_OK || status == SW_INTERNAL || status == SW_MEMORY) return status;
    }
    return sw_fail(err, SW_UNAUTHENTIC, "signature",
                   "an envelope does not carry a valid signature of the key that is expected");
}

sw_status sw_envelope_open(sw_arena *arena, sw_bytes bytes, sw_payload_kind kind,
                           const sw_p256_public *key, sw_bytes *payload, sw_error *err) {
    sw_envelope e;
    SW_TRY(sw_envelope_parse(arena, bytes, &e, err));
    if (e.signature_count != 1)
        return sw_fail(err, SW_UNAUTHENTIC, "signature",
                       "an envelope carries %zu signatures instead of one", e.signature_count);
    SW_TRY(sw_envelope_verify(&e, kind, key, err));
    *payload = e.payload;
    return SW_OK;
}

/* ---- writing ---- */

/* ENV-010: member names need no escapes and are in order, so the text is canonical as it stands. */
static sw_status encode(const sw_envelope *e, sw_buffer *out, sw_error *err) {
    SW_SCOPED(sw_buffer) made = SW_BUFFER(SW_ENVELOPE_LIMIT);
    sw_put_text(&made, "{\"payload\":\"");
    sw_base64_encode(&made, e->payload);
    sw_put_text(&made, "\",\"payloadType\":\"");
    sw_put_bytes(&made, e->payload_type);
    sw_put_text(&made, "\",\"signatures\":[");
    for (size_t i = 0; i < e->signature_count; i++) {
        sw_put_text(&made, i == 0 ? "{\"keyid\":\"" : ",{\"keyid\":\"");
        sw_hex_encode(&made, SW_BYTES_OF(e->signatures[i].key_id.b));
        sw_put_text(&made, "\",\"sig\":\"");
        sw_base64_encode(&made, e->signatures[i].der);
        sw_put_text(&made, "\"}");
    }
    sw_put_text(&made, "]}");
    SW_TRY(sw_buffer_check(&made, "envelope", err));
    sw_put_bytes(out, sw_buffer_bytes(&made));
    return sw_buffer_check(out, "envelope", err);
}

/* Signs type and payload of `e` into `der`, which backs *made. */
static sw_status make_signature(const sw_envelope *e, const uint8_t secret[32],
                                uint8_t der[SW_ECDSA_DER_LIMIT], sw_signature *made,
                                sw_error *err) {
    sw_p256_public key;
    size_t size;
    SW_TRY(sw_p256_derive(secret, &key, err));
    SW_SCOPED(sw_buffer) pae = SW_BUFFER(SW_ENVELOPE_LIMIT + 256);
    sw_envelope_pae(&pae, e->payload_type, e->payload);
    SW_TRY(sw_buffer_check(&pae, "envelope", err));
    SW_TRY(sw_p256_sign(secret, sw_buffer_bytes(&pae), der, &size, err));
    sw_key_id(&made->key_id, &key);
    made->der = SW_BYTES(der, size);
    return SW_OK;
}

sw_status sw_envelope_sign(sw_payload_kind kind, sw_bytes payload, const uint8_t secret[32],
                           sw_buffer *out, sw_error *err) {
    sw_envelope e = {.payload_type = sw_text(sw_payload_type(kind)), .payload = payload};
    uint8_t der[SW_ECDSA_DER_LIMIT];
    SW_CHECK(err, e.payload_type.size > 0);
    SW_TRY(make_signature(&e, secret, der, &e.signatures[0], err));
    e.signature_count = 1;
    return encode(&e, out, err);
}

/* Puts `added` at its place; SW_EXISTS when that key has signed already. */
static sw_status insert_signature(sw_envelope *e, const sw_signature *added, sw_error *err) {
    size_t at = 0;
    for (; at < e->signature_count; at++) {
        sw_bytes there = SW_BYTES_OF(e->signatures[at].key_id.b);
        int order = sw_bytes_compare(there, SW_BYTES_OF(added->key_id.b));
        if (order == 0)
            return sw_fail(err, SW_EXISTS, "exists", "this key has signed the envelope already");
        if (order > 0) break;
    }
    size_t behind = (e->signature_count - at) * sizeof *e->signatures;
    memmove(&e->signatures[at + 1], &e->signatures[at], behind);
    e->signatures[at] = *added;
    e->signature_count++;
    return SW_OK;
}

static sw_status cosign(sw_arena *arena, sw_bytes envelope, sw_payload_kind kind,
                        const uint8_t secret[32], sw_buffer *out, sw_error *err) {
    sw_envelope e;
    sw_signature added;
    uint8_t der[SW_ECDSA_DER_LIMIT];
    SW_TRY(sw_envelope_parse(arena, envelope, &e, err));
    if (!sw_bytes_is(e.payload_type, sw_payload_type(kind)))
        return sw_fail(err, SW_REFUSED, "signature", "the envelope to sign is not of type %s",
                       sw_payload_type(kind));
    if (e.signature_count == SW_ENVELOPE_SIGNATURE_LIMIT)
        return sw_fail(err, SW_LIMIT, "limit", "an envelope holds at most %d signatures",
                       SW_ENVELOPE_SIGNATURE_LIMIT);
    SW_TRY(make_signature(&e, secret, der, &added, err));
    SW_TRY(insert_signature(&e, &added, err));
    return encode(&e, out, err);
}

sw_status sw_envelope_cosign(sw_bytes envelope, sw_payload_kind kind, const uint8_t secret[32],
                             sw_buffer *out, sw_error *err) {
    sw_arena arena = {.limit_bytes = 8 * SW_ENVELOPE_LIMIT};
    sw_status status = cosign(&arena, envelope, kind, secret, out, err);
    sw_arena_free(&arena);
    return status;
}
