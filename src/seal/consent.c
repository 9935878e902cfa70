/* SPDX-License-Identifier: Apache-2.0
 *
 * Consent: one owner's data key wrapped for one compose hash. Format: docs/formats/seal.md
 * (SEAL-060 ...).
 *
 * The idea: the HPKE context binds G, X, owner and dataset, so the key service, which derives from
 * the compose hash that it attested, cannot open a wrap for another one. The owner signs twice:
 * once with the wrapped key, for the agent, and once with its hash only, for the key service.
 */
#include "seal/consent.h"

#include "codec/json.h"
#include <assert.h>
#include <string.h>

#define CONSENT_KIND "sealwright/consent/v1"
#define WRAP_KIND    "sealwright/wrap/v1"
#define SHARD_KIND   "sealwright/shard/v1"
enum { CONSENT_DEPTH = 8, CONSENT_NODES = 64, PAYLOAD_LIMIT = 2048 };

static_assert(sizeof((sw_consent *)0)->wrapped_key == sizeof(sw_data_key) + SW_GCM_TAG_BYTES,
              "a wrapped key is the key and a tag");

void sw_wrap_info(sw_buffer *out, const sw_wrap_context *c) {
    sw_put_field(out, SW_LITERAL("sealwright/wrap/v1"));
    sw_put_field(out, SW_BYTES_OF(c->genesis.b));
    sw_put_field(out, SW_BYTES_OF(c->compose.b));
    sw_put_field(out, SW_BYTES_OF(c->owner.b));
    sw_put_field(out, SW_BYTES_OF(c->dataset.b));
}

void sw_wrap_psk_id(sw_buffer *out, const sw_hash *genesis, const sw_hash *owner) {
    sw_put_field(out, SW_BYTES_OF(genesis->b));
    sw_put_field(out, SW_BYTES_OF(owner->b));
}

static bool same_context(const sw_wrap_context *a, const sw_wrap_context *b) {
    return sw_hash_equal(&a->genesis, &b->genesis) && sw_hash_equal(&a->compose, &b->compose) &&
           sw_hash_equal(&a->owner, &b->owner) && sw_hash_equal(&a->dataset, &b->dataset);
}

/* ---- making ---- */

/* SEAL-061 with `wrapped` given, else SEAL-062. */
static sw_status encode_payload(sw_arena *a, const sw_shard_word *w, const uint8_t *wrapped,
                                sw_buffer *out, sw_error *err) {
    sw_json *root = sw_json_make(a, SW_JSON_OBJECT);
    sw_json_add_hex(a, root, "compose", SW_BYTES_OF(w->context.compose.b));
    sw_json_add_hex(a, root, "dataset", SW_BYTES_OF(w->context.dataset.b));
    sw_json_add_hex(a, root, "enc", SW_BYTES_OF(w->enc));
    sw_json_add_hex(a, root, "genesis", SW_BYTES_OF(w->context.genesis.b));
    sw_json_add_text(a, root, "kind", sw_text(wrapped != NULL ? WRAP_KIND : SHARD_KIND));
    sw_json_add_hex(a, root, "owner", SW_BYTES_OF(w->context.owner.b));
    sw_json_add_hex(a, root, "root_key_hash", SW_BYTES_OF(w->root_key_hash.b));
    if (wrapped != NULL)
        sw_json_add_hex(a, root, "wrapped_key", SW_BYTES(wrapped, 48));
    else
        sw_json_add_hex(a, root, "wrapped_key_hash", SW_BYTES_OF(w->wrapped_key_hash.b));
    sw_json_encode(out, root);
    return sw_buffer_check(out, "consent", err);
}

/* SEAL-063 */
static sw_status wrap_key(const sw_wrap_context *c, const sw_p256_public *root,
                          const sw_unlock_secret *psk, const sw_data_key *key, const sw_entropy *e,
                          sw_shard_word *word, uint8_t wrapped[48], sw_error *err) {
    SW_SCOPED(sw_buffer) info = SW_BUFFER(512);
    SW_SCOPED(sw_buffer) psk_id = SW_BUFFER(128);
    SW_SCOPED_SECRET(sw_hpke_keys) keys = sw_hpke_keys_new();
    if (keys == NULL) return sw_fail(err, SW_MEMORY, "memory", "no lockable memory for a key");
    sw_wrap_info(&info, c);
    sw_wrap_psk_id(&psk_id, &c->genesis, &c->owner);
    SW_TRY(sw_buffer_check(&info, "consent", err));
    SW_TRY(sw_buffer_check(&psk_id, "consent", err));
    const sw_hpke_info binding = {sw_buffer_bytes(&info), SW_BYTES_OF(psk->b),
                                  sw_buffer_bytes(&psk_id)};
    SW_TRY(sw_hpke_setup_sender(e, root, &binding, word->enc, keys, err));
    SW_TRY(sw_hpke_seal(keys, SW_BYTES(NULL, 0), SW_BYTES_OF(key->b), wrapped, err));
    word->context = *c;
    sw_sha256(&word->root_key_hash, SW_BYTES_OF(root->b));
    sw_sha256(&word->wrapped_key_hash, SW_BYTES(wrapped, 48));
    return SW_OK;
}

/* SEAL-060: the envelopes are canonical, so the text around them is as well. */
static sw_status encode_file(sw_arena *a, const sw_shard_word *word, const uint8_t wrapped[48],
                             const sw_identity_key *owner, sw_buffer *out, sw_error *err) {
    SW_SCOPED(sw_buffer) wrap = SW_BUFFER(PAYLOAD_LIMIT);
    SW_SCOPED(sw_buffer) shard = SW_BUFFER(PAYLOAD_LIMIT);
    SW_SCOPED(sw_buffer) file = SW_BUFFER(SW_CONSENT_LIMIT);
    SW_TRY(encode_payload(a, word, wrapped, &wrap, err));
    SW_TRY(encode_payload(a, word, NULL, &shard, err));
    sw_put_text(&file, "{\"consent\":");
    SW_TRY(sw_envelope_sign(SW_PAYLOAD_CONSENT, sw_buffer_bytes(&wrap), owner->b, &file, err));
    sw_put_text(&file, ",\"kind\":\"" CONSENT_KIND "\",\"shard\":");
    SW_TRY(sw_envelope_sign(SW_PAYLOAD_SHARD, sw_buffer_bytes(&shard), owner->b, &file, err));
    sw_put_text(&file, "}");
    SW_TRY(sw_buffer_check(&file, "consent", err));
    sw_put_bytes(out, sw_buffer_bytes(&file));
    return sw_buffer_check(out, "consent", err);
}

sw_status sw_consent_make(const sw_wrap_context *c, const sw_p256_public *root,
                          const sw_unlock_secret *psk, const sw_data_key *key,
                          const sw_identity_key *owner, const sw_entropy *e, sw_buffer *out,
                          sw_error *err) {
    sw_p256_public signer;
    sw_hash signer_id;
    sw_shard_word word = {0};
    uint8_t wrapped[48];
    SW_TRY(sw_p256_derive(owner->b, &signer, err));
    sw_key_id(&signer_id, &signer);
    if (!sw_hash_equal(&signer_id, &c->owner))
        return sw_fail(err, SW_USAGE, "usage", "a consent is signed by the owner whom it names");
    SW_TRY(wrap_key(c, root, psk, key, e, &word, wrapped, err));
    sw_arena arena = {0};
    sw_status status = encode_file(&arena, &word, wrapped, owner, out, err);
    sw_arena_free(&arena);
    return status;
}

/* ---- reading ---- */

static const char *const WRAP_NAMES[] = {
    "compose", "dataset", "enc", "genesis", "kind", "owner", "root_key_hash", "wrapped_key", NULL};
static const char *const SHARD_NAMES[] = {"compose", "dataset", "enc",           "genesis",
                                          "kind",    "owner",   "root_key_hash", "wrapped_key_hash",
                                          NULL};

/* What both payloads share. */
static sw_status parse_word(const sw_json *root, const char *where, sw_shard_word *out,
                            sw_error *err) {
    sw_wrap_context *c = &out->context;
    SW_TRY(sw_json_hash(root, where, "genesis", &c->genesis, err));
    SW_TRY(sw_json_hash(root, where, "compose", &c->compose, err));
    SW_TRY(sw_json_hash(root, where, "owner", &c->owner, err));
    SW_TRY(sw_json_hash(root, where, "dataset", &c->dataset, err));
    SW_TRY(sw_json_hash(root, where, "root_key_hash", &out->root_key_hash, err));
    return sw_json_hex(root, where, "enc", out->enc, sizeof out->enc, err);
}

static sw_status parse_payload(sw_arena *arena, sw_bytes payload, const char *kind,
                               const char *const *names, sw_json **root, sw_error *err) {
    const sw_json_limits limits = {PAYLOAD_LIMIT, CONSENT_DEPTH, CONSENT_NODES};
    sw_bytes text;
    SW_TRY(sw_json_parse_canonical(arena, payload, &limits, root, err));
    SW_TRY(sw_json_expect(*root, "consent", names, err));
    SW_TRY(sw_json_text(*root, "consent", "kind", &text, err));
    if (!sw_bytes_is(text, kind))
        return sw_fail(err, SW_MALFORMED, "format", "a consent's payload is not of kind %s", kind);
    return SW_OK;
}

static sw_status check_owner(const sw_hash *claimed, const sw_p256_public *owner, sw_error *err) {
    sw_hash id;
    sw_key_id(&id, owner);
    if (sw_hash_equal(&id, claimed)) return SW_OK;
    return sw_fail(err, SW_UNAUTHENTIC, "signature",
                   "a consent names another owner than its signer");
}

sw_status sw_shard_open(sw_arena *arena, sw_bytes envelope, const sw_p256_public *owner,
                        sw_shard_word *out, sw_error *err) {
    sw_shard_word word;
    sw_bytes payload;
    sw_json *root;
    if (envelope.size > SW_CONSENT_LIMIT)
        return sw_fail(err, SW_LIMIT, "limit", "a shard envelope has %zu bytes", envelope.size);
    SW_TRY(sw_envelope_open(arena, envelope, SW_PAYLOAD_SHARD, owner, &payload, err));
    SW_TRY(parse_payload(arena, payload, SHARD_KIND, SHARD_NAMES, &root, err));
    SW_TRY(parse_word(root, "shard", &word, err));
    SW_TRY(sw_json_hash(root, "shard", "wrapped_key_hash", &word.wrapped_key_hash, err));
    SW_TRY(check_owner(&word.context.owner, owner, err));
    *out = word;
    return SW_OK;
}

/* The two envelopes inside, as their exact bytes. */
static sw_status parse_file(sw_arena *arena, sw_bytes file, sw_bytes *consent, sw_bytes *shard,
                            sw_error *err) {
    static const char *const names[] = {"consent", "kind", "shard", NULL};
    const sw_json_limits limits = {SW_CONSENT_LIMIT, CONSENT_DEPTH, CONSENT_NODES};
    const sw_json *wrap_node, *shard_node;
    sw_json *root;
    sw_bytes kind;
    SW_TRY(sw_json_parse_canonical(arena, file, &limits, &root, err));
    SW_TRY(sw_json_expect(root, "consent", names, err));
    SW_TRY(sw_json_text(root, "consent", "kind", &kind, err));
    if (!sw_bytes_is(kind, CONSENT_KIND))
        return sw_fail(err, SW_MALFORMED, "format", "the file is not a consent of version 1");
    SW_TRY(sw_json_object(root, "consent", "consent", &wrap_node, err));
    SW_TRY(sw_json_object(root, "consent", "shard", &shard_node, err));
    *consent = wrap_node->span;
    *shard = shard_node->span;
    return SW_OK;
}

/* SEAL-064: both payloads say the same. */
static sw_status check_agreement(const sw_shard_word *wrap, const sw_shard_word *shard,
                                 const uint8_t wrapped[48], sw_error *err) {
    sw_hash hash;
    sw_sha256(&hash, SW_BYTES(wrapped, 48));
    if (same_context(&wrap->context, &shard->context) &&
        sw_hash_equal(&wrap->root_key_hash, &shard->root_key_hash) &&
        memcmp(wrap->enc, shard->enc, sizeof wrap->enc) == 0 &&
        sw_hash_equal(&hash, &shard->wrapped_key_hash))
        return SW_OK;
    return sw_fail(err, SW_UNAUTHENTIC, "consent",
                   "the two halves of a consent speak of different things");
}

sw_status sw_consent_open(sw_arena *arena, sw_bytes file, const sw_p256_public *owner,
                          sw_consent *out, sw_error *err) {
    sw_consent made;
    sw_shard_word wrap;
    sw_bytes consent, shard, payload;
    sw_json *root;
    SW_TRY(parse_file(arena, file, &consent, &shard, err));
    SW_TRY(sw_shard_open(arena, shard, owner, &made.word, err));
    SW_TRY(sw_envelope_open(arena, consent, SW_PAYLOAD_CONSENT, owner, &payload, err));
    SW_TRY(parse_payload(arena, payload, WRAP_KIND, WRAP_NAMES, &root, err));
    SW_TRY(parse_word(root, "consent", &wrap, err));
    SW_TRY(sw_json_hex(root, "consent", "wrapped_key", made.wrapped_key, sizeof made.wrapped_key,
                       err));
    SW_TRY(check_agreement(&wrap, &made.word, made.wrapped_key, err));
    made.shard_envelope = sw_arena_copy(arena, shard);
    if (made.shard_envelope.data == NULL)
        return sw_fail(err, SW_MEMORY, "memory", "no memory for a consent");
    *out = made;
    return SW_OK;
}

sw_status sw_consent_owner(sw_arena *arena, sw_bytes file, sw_hash *owner_id, sw_error *err) {
    sw_bytes consent, shard;
    sw_envelope e;
    sw_json *root;
    SW_TRY(parse_file(arena, file, &consent, &shard, err));
    SW_TRY(sw_envelope_parse(arena, shard, &e, err));
    SW_TRY(parse_payload(arena, e.payload, SHARD_KIND, SHARD_NAMES, &root, err));
    return sw_json_hash(root, "shard", "owner", owner_id, err);
}

sw_status sw_consent_unwrap(const sw_consent *c, const sw_hpke_keys *keys, sw_data_key *out,
                            sw_error *err) {
    sw_status status =
        sw_hpke_unseal(keys, SW_BYTES(NULL, 0), SW_BYTES_OF(c->wrapped_key), out->b, err);
    if (status != SW_UNAUTHENTIC) return status;
    return sw_fail(err, SW_UNAUTHENTIC, "consent", "a consent's wrapped key does not open");
}
