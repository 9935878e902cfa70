/* SPDX-License-Identifier: Apache-2.0
 *
 * OpenSSF Model Signing v1.0: a Sigstore bundle v0.3 in public-key mode over a Statement whose
 * predicate lists every file's digest (docs/formats/manifest.md, MAN-050). P-256 with SHA-256, one
 * signature, no transparency entry: what both `model-signing` and `@sigstore/verify` take.
 *
 * The root digest does not bind names, so names that two tools would sort differently are refused
 * (here: anything but plain base names).
 */
#include "codec/text.h"
#include "manifest/manifest_internal.h"
#include <string.h>

#define OMS_FILE_LIMIT 64

static sw_status check_name(const char *name, sw_error *err) {
    size_t size = strlen(name);
    bool good = size >= 1 && size <= 128 && name[0] != '.';
    for (size_t i = 0; i < size && good; i++) {
        char c = name[i];
        good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '.' || c == '_' || c == '-';
    }
    return good ? SW_OK
                : sw_fail(err, SW_REFUSED, "model",
                          "a model file's name cannot be signed without doubt");
}

/* Order by name: insertion sort over at most OMS_FILE_LIMIT files. */
static sw_status sorted(const sw_oms_file *files, size_t count, size_t order[OMS_FILE_LIMIT],
                        sw_error *err) {
    if (count < 1 || count > OMS_FILE_LIMIT)
        return sw_fail(err, SW_LIMIT, "limit", "a model has 1 to %d files", OMS_FILE_LIMIT);
    for (size_t i = 0; i < count; i++) {
        SW_TRY(check_name(files[i].name, err));
        size_t at = i;
        for (; at > 0 && strcmp(files[order[at - 1]].name, files[i].name) > 0; at--)
            order[at] = order[at - 1];
        if (at > 0 && strcmp(files[order[at - 1]].name, files[i].name) == 0)
            return sw_fail(err, SW_MALFORMED, "model", "two model files have one name");
        order[at] = i;
    }
    return SW_OK;
}

sw_status sw_oms_root(const sw_oms_file *files, size_t count, sw_hash *root, sw_error *err) {
    size_t order[OMS_FILE_LIMIT];
    SW_TRY(sorted(files, count, order, err));
    uint8_t digests[OMS_FILE_LIMIT][SW_HASH_BYTES];
    for (size_t i = 0; i < count; i++) {
        sw_hash digest;
        sw_sha256(&digest, files[order[i]].content);
        memcpy(digests[i], digest.b, sizeof digest.b);
    }
    sw_sha256(root, SW_BYTES(digests, count * SW_HASH_BYTES));
    return SW_OK;
}

void sw_model_commitment(sw_hash *out, const sw_hash *salt, const sw_hash *oms_root) {
    const sw_bytes fields[2] = {SW_BYTES_OF(salt->b), SW_BYTES_OF(oms_root->b)};
    sw_bind_sha256(out, "sealwright/model/v1", fields, 2);
}

static void add_resources(sw_arena *a, sw_json *predicate, const sw_oms_file *files,
                          const size_t *order, size_t count) {
    sw_json *resources = sw_json_add_array(a, predicate, "resources");
    for (size_t i = 0; i < count; i++) {
        sw_json *o = sw_json_add_object(a, resources, NULL);
        sw_hash digest;
        sw_sha256(&digest, files[order[i]].content);
        sw_json_add_text(a, o, "name", sw_text(files[order[i]].name));
        sw_json_add_text(a, o, "algorithm", SW_LITERAL("sha256"));
        sw_json_add_hex(a, o, "digest", SW_BYTES_OF(digest.b));
    }
}

static sw_status statement(const char *model_name, const sw_oms_file *files, size_t count,
                           sw_buffer *out, sw_error *err) {
    size_t order[OMS_FILE_LIMIT];
    SW_TRY(sorted(files, count, order, err));
    sw_hash root;
    SW_TRY(sw_oms_root(files, count, &root, err));
    SW_SCOPED(sw_arena) a = {0};
    sw_json *o = sw_json_make(&a, SW_JSON_OBJECT);
    sw_json_add_text(&a, o, "_type", SW_LITERAL("https://in-toto.io/Statement/v1"));
    sw_json_add_text(&a, o, "predicateType", SW_LITERAL("https://model_signing/signature/v1.0"));
    sw_json *subjects = sw_json_add_array(&a, o, "subject"),
            *subject = sw_json_add_object(&a, subjects, NULL);
    sw_json_add_text(&a, subject, "name", sw_text(model_name));
    sw_json_add_hex(&a, sw_json_add_object(&a, subject, "digest"), "sha256", SW_BYTES_OF(root.b));
    sw_json *predicate = sw_json_add_object(&a, o, "predicate");
    sw_json *how = sw_json_add_object(&a, predicate, "serialization");
    sw_json_add_text(&a, how, "method", SW_LITERAL("files"));
    sw_json_add_text(&a, how, "hash_type", SW_LITERAL("sha256"));
    sw_json_add_flag(&a, how, "allow_symlinks", false);
    add_resources(&a, predicate, files, order, count);
    sw_json_encode(out, o);
    return sw_buffer_check(out, "model statement", err);
}

/* The hint is the hex SHA-256 of the key's PEM text. */
static sw_status key_hint(const sw_p256_public *key, sw_hash *out, sw_error *err) {
    SW_SCOPED(sw_buffer) der = SW_BUFFER(256);
    SW_SCOPED(sw_buffer) pem = SW_BUFFER(1024);
    sw_p256_spki(&der, key);
    sw_pem_encode(&pem, "PUBLIC KEY", sw_buffer_bytes(&der));
    SW_TRY(sw_buffer_check(&pem, "public key", err));
    sw_sha256(out, sw_buffer_bytes(&pem));
    return SW_OK;
}

sw_status sw_oms_sign(const char *model_name, const sw_oms_file *files, size_t count,
                      const sw_session_key *key, sw_buffer *bundle, sw_error *err) {
    SW_SCOPED(sw_buffer) payload = SW_BUFFER((size_t)1 << 20);
    SW_TRY(statement(model_name, files, count, &payload, err));
    const char *type = sw_payload_type(SW_PAYLOAD_STATEMENT);
    SW_SCOPED(sw_buffer) pae = SW_BUFFER((size_t)2 << 20);
    sw_envelope_pae(&pae, sw_text(type), sw_buffer_bytes(&payload));
    SW_TRY(sw_buffer_check(&pae, "model statement", err));
    uint8_t signature[SW_ECDSA_DER_LIMIT];
    size_t size = 0;
    SW_TRY(sw_p256_sign(key->b, sw_buffer_bytes(&pae), signature, &size, err));
    sw_p256_public public;
    SW_TRY(sw_p256_derive(key->b, &public, err));
    sw_hash hint;
    SW_TRY(key_hint(&public, &hint, err));
    SW_SCOPED(sw_arena) a = {0};
    sw_json *o = sw_json_make(&a, SW_JSON_OBJECT);
    sw_json_add_text(&a, o, "mediaType",
                     SW_LITERAL("application/vnd.dev.sigstore.bundle.v0.3+json"));
    sw_json *material = sw_json_add_object(&a, o, "verificationMaterial");
    sw_json_add_hex(&a, sw_json_add_object(&a, material, "publicKey"), "hint", SW_BYTES_OF(hint.b));
    sw_json_add_array(&a, material, "tlogEntries");
    sw_json *envelope = sw_json_add_object(&a, o, "dsseEnvelope");
    sw_json_add_base64(&a, envelope, "payload", sw_buffer_bytes(&payload));
    sw_json_add_text(&a, envelope, "payloadType", sw_text(type));
    sw_json *signatures = sw_json_add_array(&a, envelope, "signatures"),
            *one = sw_json_add_object(&a, signatures, NULL);
    sw_json_add_base64(&a, one, "sig", SW_BYTES(signature, size));
    sw_json_encode(bundle, o);
    return sw_buffer_check(bundle, "model signature", err);
}

/* ---- checking our own bundle again ---- */

static sw_status check_payload(sw_arena *a, sw_bytes payload, const sw_hash *root, sw_error *err) {
    sw_json *o;
    SW_TRY(sw_json_parse_canonical(a, payload, NULL, &o, err));
    const sw_json *subjects;
    SW_TRY(sw_json_array(o, "model.sig", "subject", 1, &subjects, err));
    const sw_json *digest = subjects->first ? sw_json_member(subjects->first, "digest") : NULL;
    if (!digest) return sw_fail(err, SW_MALFORMED, "model", "model.sig names no subject");
    sw_hash named;
    SW_TRY(sw_json_hash(digest, "model.sig", "sha256", &named, err));
    if (sw_hash_equal(&named, root)) return SW_OK;
    return sw_fail(err, SW_UNAUTHENTIC, "model", "model.sig is over other files than these");
}

sw_status sw_oms_check(sw_bytes bundle, const sw_hash *root, const sw_p256_public *key,
                       sw_error *err) {
    SW_SCOPED(sw_arena) a = {0};
    sw_json *o;
    SW_TRY(sw_json_parse_canonical(&a, bundle, NULL, &o, err));
    const sw_json *envelope, *signatures;
    sw_bytes payload64, type, signature64;
    SW_TRY(sw_json_object(o, "model.sig", "dsseEnvelope", &envelope, err));
    SW_TRY(sw_json_text(envelope, "model.sig", "payload", &payload64, err));
    SW_TRY(sw_json_text(envelope, "model.sig", "payloadType", &type, err));
    SW_TRY(sw_json_array(envelope, "model.sig", "signatures", 1, &signatures, err));
    if (!signatures->first)
        return sw_fail(err, SW_UNAUTHENTIC, "model", "model.sig holds no signature");
    SW_TRY(sw_json_text(signatures->first, "model.sig", "sig", &signature64, err));
    SW_SCOPED(sw_buffer) payload = SW_BUFFER((size_t)1 << 20);
    SW_SCOPED(sw_buffer) signature = SW_BUFFER(256);
    SW_SCOPED(sw_buffer) pae = SW_BUFFER((size_t)2 << 20);
    SW_TRY(sw_base64_decode(&payload, payload64, err));
    SW_TRY(sw_base64_decode(&signature, signature64, err));
    if (!sw_bytes_is(type, sw_payload_type(SW_PAYLOAD_STATEMENT)))
        return sw_fail(err, SW_MALFORMED, "model", "model.sig has another payload type");
    sw_envelope_pae(&pae, type, sw_buffer_bytes(&payload));
    SW_TRY(sw_buffer_check(&pae, "model.sig", err));
    SW_TRY(sw_p256_verify(key, sw_buffer_bytes(&pae), sw_buffer_bytes(&signature), true, err));
    return check_payload(&a, sw_buffer_bytes(&payload), root, err);
}
