/* SPDX-License-Identifier: Apache-2.0
 *
 * The messages between service and clients: each encoder beside its parser. Format:
 * docs/formats/kms.md (KMS-003 ... KMS-006, KMS-030, KMS-041, KMS-050, KMS-053).
 *
 * Invariant: one value, one encoding. Members that do not apply are the empty string.
 */
#include "kms/message.h"

#include <stdio.h>
#include <string.h>

#define REFUSAL_KIND "sealwright/refusal/v1"
#define FACTS_KIND   "sealwright/kms-facts/v1"
#define CALL_KIND    "sealwright/key-request/v1"
#define SAFE_INTEGER (((uint64_t)1 << 53) - 1)

static sw_status parse_kind(sw_arena *a, sw_bytes json, size_t limit, const char *kind,
                            const char *const *names, sw_json **out, sw_error *err) {
    const sw_json_limits limits = {limit, 4, 64};
    sw_json *root;
    sw_bytes text;
    SW_TRY(sw_json_parse_canonical(a, json, &limits, &root, err));
    SW_TRY(sw_json_expect(root, kind, names, err));
    SW_TRY(sw_json_text(root, kind, "kind", &text, err));
    if (!sw_bytes_is(text, kind))
        return sw_fail(err, SW_MALFORMED, "format", "a message is not of kind %s", kind);
    *out = root;
    return SW_OK;
}

/* ---- refusals ---- */
static const struct {
    sw_status status;
    int http;
} statuses[] = {
    /* the first of a pair is what a client makes of the number */
    {SW_MALFORMED, 400}, {SW_USAGE, 400},  {SW_UNAUTHENTIC, 401}, {SW_REFUSED, 403},
    {SW_MISSING, 404},   {SW_EXISTS, 409}, {SW_LIMIT, 413},       {SW_UNAVAILABLE, 503},
    {SW_INTERNAL, 500},  {SW_IO, 500},     {SW_MEMORY, 500},
};

int sw_refusal_http_status(sw_status status) {
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
        if (statuses[i].status == status) return statuses[i].http;
    return 500;
}

void sw_refusal_encode(sw_buffer *out, const sw_error *refusal) {
    sw_arena arena = {0};
    sw_json *root = sw_json_make(&arena, SW_JSON_OBJECT);
    sw_json_add_text(&arena, root, "hint", sw_text(refusal->hint));
    sw_json_add_text(&arena, root, "kind", SW_LITERAL(REFUSAL_KIND));
    sw_json_add_text(&arena, root, "message", sw_text(refusal->message));
    sw_json_add_text(&arena, root, "word", sw_text(refusal->word));
    sw_json_encode(out, root);
    sw_arena_free(&arena);
}

/* For a terminal: what is no printable character becomes a question mark. */
static void copy_printable(char *out, size_t size, sw_bytes text) {
    size_t used = text.size < size ? text.size : size - 1;
    for (size_t i = 0; i < used; i++) {
        uint8_t c = text.data[i];
        out[i] = c < 0x20 || c == 0x7f || c >= 0x80 ? '?' : (char)c;
    }
    out[used] = 0;
}

static sw_status parse_refusal(sw_arena *a, sw_bytes body, sw_error *out, sw_error *err) {
    static const char *const names[] = {"hint", "kind", "message", "word", NULL};
    sw_json *root;
    sw_bytes hint, message, word;
    SW_TRY(parse_kind(a, body, SW_KMS_REFUSAL_LIMIT, REFUSAL_KIND, names, &root, err));
    SW_TRY(sw_json_text(root, REFUSAL_KIND, "hint", &hint, err));
    SW_TRY(sw_json_text(root, REFUSAL_KIND, "message", &message, err));
    SW_TRY(sw_json_text(root, REFUSAL_KIND, "word", &word, err));
    copy_printable(out->hint, sizeof out->hint, hint);
    copy_printable(out->message, sizeof out->message, message);
    copy_printable(out->word, sizeof out->word, word);
    return SW_OK;
}

sw_status sw_refusal_decode(int http_status, sw_bytes body, sw_error *err) {
    sw_error said = {.status = SW_UNAVAILABLE};
    for (size_t i = sizeof statuses / sizeof *statuses; i-- > 0;)
        if (statuses[i].http == http_status) said.status = statuses[i].status;
    sw_arena arena = {0};
    sw_status status = parse_refusal(&arena, body, &said, NULL);
    sw_arena_free(&arena);
    if (status != SW_OK)
        return sw_fail(err, SW_UNAVAILABLE, "unavailable",
                       "the key service answered %d and nothing that we understand", http_status);
    if (err != NULL) *err = said;
    return said.status;
}

/* ---- facts ---- */
void sw_kms_self_encode(sw_arena *a, const sw_kms_self *self, sw_buffer *out) {
    sw_json *root = sw_json_make(a, SW_JSON_OBJECT);
    sw_head_to_json(a, root, "audit", &self->audit);
    sw_json_add_hex(a, root, "boot_nonce", SW_BYTES_OF(self->boot_nonce.b));
    sw_json_add_text(a, root, "kind", SW_LITERAL(FACTS_KIND));
    sw_json_add_hex(a, root, "receipt", SW_BYTES_OF(self->receipt.b));
    sw_json_add_hex(a, root, "root", SW_BYTES_OF(self->root.b));
    sw_json_add_hex(a, root, "tls", SW_BYTES_OF(self->tls.b));
    sw_json_encode(out, root);
}

sw_status sw_kms_self_parse(sw_arena *a, sw_bytes json, sw_kms_self *out, sw_error *err) {
    static const char *const names[] = {"audit", "boot_nonce", "kind", "receipt",
                                        "root",  "tls",        NULL};
    sw_json *root;
    sw_kms_self made;
    SW_TRY(parse_kind(a, json, SW_KMS_FACTS_LIMIT, FACTS_KIND, names, &root, err));
    SW_TRY(sw_head_from_json(root, FACTS_KIND, "audit", &made.audit, err));
    SW_TRY(sw_json_hash(root, FACTS_KIND, "boot_nonce", &made.boot_nonce, err));
    SW_TRY(sw_key_from_json(root, FACTS_KIND, "receipt", &made.receipt, err));
    SW_TRY(sw_key_from_json(root, FACTS_KIND, "root", &made.root, err));
    SW_TRY(sw_key_from_json(root, FACTS_KIND, "tls", &made.tls, err));
    *out = made;
    return SW_OK;
}

/* ---- key requests ---- */
void sw_key_call_encode(sw_arena *a, const sw_key_call *call, sw_buffer *out) {
    bool open = call->purpose == SW_PURPOSE_OPEN;
    sw_json *root = sw_json_make(a, SW_JSON_OBJECT);
    sw_json_add_hex(a, root, "challenge", SW_BYTES_OF(call->challenge.b));
    sw_json_add_text(a, root, "kind", SW_LITERAL(CALL_KIND));
    sw_json_add_hex(a, root, "manifest_key", SW_BYTES_OF(call->manifest_key.b));
    sw_json_add_hex(a, root, "open_manifest",
                    SW_BYTES(call->open_manifest.b, open ? SW_HASH_BYTES : 0));
    sw_json_add_hex(a, root, "open_recipient",
                    SW_BYTES(call->open_recipient.b, open ? SW_P256_BYTES : 0));
    sw_json_add_text(a, root, "purpose", sw_text(sw_purpose_name(call->purpose)));
    sw_json_add_integer(a, root, "renew", (int64_t)call->renew);
    sw_json_add_hex(a, root, "response_key", SW_BYTES_OF(call->response_key.b));
    sw_json_encode(out, root);
}

/* Purpose, and what an opening names. */
static sw_status parse_purpose(const sw_json *root, sw_key_call *out, sw_error *err) {
    sw_bytes purpose, manifest, recipient;
    SW_TRY(sw_json_text(root, CALL_KIND, "purpose", &purpose, err));
    SW_TRY(sw_json_text(root, CALL_KIND, "open_manifest", &manifest, err));
    SW_TRY(sw_json_text(root, CALL_KIND, "open_recipient", &recipient, err));
    if (!sw_purpose_parse(purpose, &out->purpose) || out->purpose == SW_PURPOSE_NONE)
        return sw_fail(err, SW_MALFORMED, "format", "a key request has no purpose that we know");
    if (out->purpose == SW_PURPOSE_OPEN) {
        SW_TRY(sw_json_hash(root, CALL_KIND, "open_manifest", &out->open_manifest, err));
        return sw_key_from_json(root, CALL_KIND, "open_recipient", &out->open_recipient, err);
    }
    if (manifest.size != 0 || recipient.size != 0)
        return sw_fail(err, SW_MALFORMED, "format",
                       "a key request names a recipient without the purpose open");
    return SW_OK;
}

sw_status sw_key_call_parse(sw_arena *a, sw_bytes json, sw_key_call *out, sw_error *err) {
    static const char *const names[] = {"challenge",     "kind",           "manifest_key",
                                        "open_manifest", "open_recipient", "purpose",
                                        "renew",         "response_key",   NULL};
    sw_json *root;
    sw_key_call made = {0};
    SW_TRY(parse_kind(a, json, SW_KMS_REQUEST_LIMIT, CALL_KIND, names, &root, err));
    SW_TRY(sw_json_hash(root, CALL_KIND, "challenge", &made.challenge, err));
    SW_TRY(sw_key_from_json(root, CALL_KIND, "manifest_key", &made.manifest_key, err));
    SW_TRY(parse_purpose(root, &made, err));
    SW_TRY(sw_json_u64(root, CALL_KIND, "renew", SAFE_INTEGER, &made.renew, err));
    SW_TRY(sw_key_from_json(root, CALL_KIND, "response_key", &made.response_key, err));
    *out = made;
    return SW_OK;
}

/* ---- heads ---- */
void sw_head_encode(sw_arena *a, const char *name, const sw_head *head, sw_buffer *out) {
    sw_json *root = sw_json_make(a, SW_JSON_OBJECT);
    sw_head_to_json(a, root, name, head);
    sw_json_encode(out, root);
}

sw_status sw_head_parse(sw_arena *a, sw_bytes json, const char *name, sw_head *out, sw_error *err) {
    const char *const names[] = {name, NULL};
    const sw_json_limits limits = {SW_KMS_FACTS_LIMIT, 4, 8};
    sw_json *root;
    SW_TRY(sw_json_parse_canonical(a, json, &limits, &root, err));
    SW_TRY(sw_json_expect(root, "answer", names, err));
    return sw_head_from_json(root, "answer", name, out, err);
}

/* ---- HPKE infos ---- */
void sw_kms_unlock_info(sw_buffer *out, const sw_hash *genesis, const sw_hash *owner,
                        const sw_hash *boot_nonce, sw_bytes statement) {
    sw_hash digest;
    sw_sha256(&digest, statement);
    sw_put_field(out, SW_LITERAL("sealwright/unlock/v1"));
    sw_put_field(out, SW_BYTES_OF(genesis->b));
    sw_put_field(out, SW_BYTES_OF(owner->b));
    sw_put_field(out, SW_BYTES_OF(boot_nonce->b));
    sw_put_field(out, SW_BYTES_OF(digest.b));
}

void sw_kms_keys_info(sw_buffer *out, const sw_hash *genesis, const sw_hash *compose,
                      const sw_hash *challenge) {
    sw_put_field(out, SW_LITERAL("sealwright/keys/v1"));
    sw_put_field(out, SW_BYTES_OF(genesis->b));
    sw_put_field(out, SW_BYTES_OF(compose->b));
    sw_put_field(out, SW_BYTES_OF(challenge->b));
}
